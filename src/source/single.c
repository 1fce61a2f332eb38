/*
 * single.c - both directions in one file, parted by the line `-- whimbrel: down`.
 *
 * The marker is a line of its own, so it is found without knowing a dialect. A direction is a slice of the file, and a
 * line number in an error counts from the start of the whole file. Pure, owns nothing. Facts: docs/formats/files.md.
 */
#include "source/parts.h"

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* The text behind "--", trimmed; len 0 and p NULL when the line is no comment. */
static wb_str comment_of(wb_str line)
{
    line = wb_str_trim(line);
    if (line.len < 2 || line.p[0] != '-' || line.p[1] != '-')
        return (wb_str){ NULL, 0 };
    return wb_str_trim((wb_str){ line.p + 2, line.len - 2 });
}

static bool drop_word(wb_str *s, const char *word)
{
    size_t n = strlen(word);
    if (s->len < n || memcmp(s->p, word, n) != 0)
        return false;
    *s = wb_str_trim((wb_str){ s->p + n, s->len - n });
    return true;
}

static const char *foreign_tool(wb_str comment)
{
    wb_str rest = comment;
    if (drop_word(&rest, "+goose"))
        return "goose";
    if (drop_word(&rest, "+migrate"))
        return "sql-migrate";
    if (drop_word(&rest, "migrate:up") || drop_word(&rest, "migrate:down"))
        return "dbmate";
    if (drop_word(&rest, "-- create above / drop below ----"))
        return "tern";
    return NULL;
}

static void fault(wb_single *s, const char *what, uint32_t line)
{
    if (!s->fault) {
        s->fault = what;
        s->fault_line = line;
    }
}

static void take_up_marker(wb_single *s, size_t next, bool has_text, bool has_directive, uint32_t line)
{
    if (s->has_down)
        fault(s, "the line `-- whimbrel: up` must stand above `-- whimbrel: down`", line);
    else if (s->has_up_marker)
        fault(s, "the line `-- whimbrel: up` stands here a second time", line);
    else if (has_text)
        fault(s, "the line `-- whimbrel: up` must stand above the statements", line);
    else if (has_directive)
        fault(s, "directives must stand below the line `-- whimbrel: up`", line);
    s->has_up_marker = true;
    s->up_offset = next;
}

wb_single wb_single_split(const char *text, size_t len)
{
    wb_single s = { .up_len = len };
    size_t start = len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    bool has_text = false, has_directive = false;
    uint32_t line = 0;
    for (size_t at = start, next; at < len; at = next) {
        const char *end = memchr(text + at, '\n', len - at);
        next = end ? (size_t)(end - text) + 1 : len;
        line++;
        size_t first = at;
        while (first < next && is_blank(text[first]))
            first++;
        if (first + 1 >= next || text[first] != '-' || text[first + 1] != '-') {
            has_text = has_text || wb_str_trim((wb_str){ text + at, next - at }).len;
            continue;
        }
        wb_str comment = comment_of((wb_str){ text + at, next - at });
        if (!s.foreign)
            s.foreign = foreign_tool(comment);
        if (!drop_word(&comment, "whimbrel:"))
            continue;
        if (wb_str_eq(comment, "up")) {
            take_up_marker(&s, next, has_text, has_directive, line);
        } else if (!wb_str_eq(comment, "down")) {
            has_directive = true;
        } else if (s.has_down) {
            fault(&s, "the line `-- whimbrel: down` stands here a second time", line);
        } else {
            s.has_down = true;
            s.up_len = at;
            s.down_offset = next;
            s.down_len = len - next;
        }
    }
    /* up_len was the end of the up part so far; now its start is known. A byte-order mark belongs to no part. */
    if (s.up_offset < start)
        s.up_offset = start;
    s.up_len = s.up_len > s.up_offset ? s.up_len - s.up_offset : 0;
    return s;
}
