/*
 * failure.c - say what went wrong: the place, the source text, what was left behind, what to do next.
 *
 * A tired person at night reads five lines of this and must know what state the database is in. So "left behind" says
 * only what the library has proven (wbl_error.effect); where it could not, the line says "unknown".
 */
#include "cli/cli.h"
#include "cli/width.h"

#include <fcntl.h>
#include <string.h>

/* ---- place and source text ---- */

void cli_place(cli_screen *s, const char *file, uint32_t line, uint32_t column)
{
    cli_put(s, CLI_PLAIN, file);
    if (line)
        cli_putf(s, CLI_PLAIN, ":%u", line);
    if (line && column)
        cli_putf(s, CLI_PLAIN, ":%u", column);
}

/* The text of line `number`, without its end. False: there is no such line. */
static bool line_of(const wb_buf *text, uint32_t number, wb_str *out)
{
    const char *p = text->p, *end = p + text->len;
    for (uint32_t i = 1; i < number; i++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        if (!newline)
            return false;
        p = newline + 1;
    }
    const char *newline = memchr(p, '\n', (size_t)(end - p));
    size_t len = (size_t)((newline ? newline : end) - p);
    if (len && p[len - 1] == '\r')
        len--;
    *out = (wb_str){ p, len };
    return true;
}

/* Tabs become one blank each, so that the caret can be put by counting cells. A long line is shown around the column. */
static void put_source(cli_screen *s, uint32_t number, uint32_t number_cells, wb_str line, uint32_t column)
{
    char label[16];
    snprintf(label, sizeof label, "%u", number);
    uint32_t room = s->width > 40 ? s->width - 12 - number_cells : 28, before = 0;
    size_t start = 0;
    if (column > line.len + 1)
        column = (uint32_t)line.len + 1;
    if (column) {
        before = cli_width(line.p, column - 1);
        if (before >= room) {
            start = cli_width_cut(line.p, line.len, before - room / 2);
            before = cli_width(line.p + start, column - 1 - start);
        }
    }
    size_t shown = cli_width_cut(line.p + start, line.len - start, room);
    cli_put_spaces(s, 4);
    cli_put_cell(s, CLI_DIM, label, number_cells, true);
    cli_put(s, CLI_DIM, " | ");
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    wb_buf_add(&b, line.p + start, shown);
    const char *text = wb_buf_cstr(&b);
    cli_put(s, CLI_PLAIN, text ? text : "");
    cli_put(s, CLI_PLAIN, "\n");
    if (!column)
        return;
    cli_put_spaces(s, 4 + number_cells);
    cli_put(s, CLI_DIM, " | ");
    cli_put_spaces(s, before);
    cli_put(s, CLI_RED, "^");
    cli_put(s, CLI_PLAIN, "\n");
}

static void put_excerpt(cli_screen *s, const char *file, uint32_t number, uint32_t column)
{
    WB_AUTOBUF wb_buf text = WB_BUF(WB_FILE_SIZE_MAX);
    wb_ctx cx = { .err = NULL }; /* no excerpt is no failure: the file may be gone, or its path cut */
    wb_str line;
    if (number == 0 || wb_file_read(&cx, AT_FDCWD, file, file, &text) != 0 || text.len == 0 ||
        !line_of(&text, number, &line))
        return;
    char label[16];
    uint32_t cells = (uint32_t)snprintf(label, sizeof label, "%u", number);
    wb_str above;
    if (number > 1 && line_of(&text, number - 1, &above))
        put_source(s, number - 1, cells, above, 0);
    put_source(s, number, cells, line, column);
}

/* ---- findings ---- */

void cli_finding_print(cli_screen *s, const wbl_finding *f)
{
    static const char *const words[] = { "note: ", "warning: ", "error: " };
    static const cli_colour colours[] = { CLI_DIM, CLI_YELLOW, CLI_RED };
    int severity = f->severity < WBL_NOTE || f->severity > WBL_ERROR ? WBL_ERROR : f->severity;
    cli_put(s, colours[severity], words[severity]);
    cli_put(s, CLI_PLAIN, f->message ? f->message : f->code ? f->code : "?");
    cli_put(s, CLI_PLAIN, "\n");
    if (f->file && (f->line || !f->message || !strstr(f->message, f->file))) {
        cli_put_spaces(s, 2);
        cli_place(s, f->file, f->line, f->column);
        cli_put(s, CLI_PLAIN, "\n");
    }
    if (f->detail)
        cli_put_lines(s, CLI_PLAIN, f->detail, 4);
    if (f->hint)
        cli_put_lines(s, CLI_PLAIN, f->hint, 2);
}

void cli_findings_print(cli *c, cli_screen *s, int severity_min, uint32_t from)
{
    const wbl_report *r = cli_report(c);
    for (uint32_t i = from; i < r->finding_count; i++)
        if (r->findings[i].severity >= severity_min)
            cli_finding_print(s, &r->findings[i]);
}

/* The faults under one headline: "  FILE   MESSAGE" and the difference below it. */
static void put_faults(cli *c)
{
    const wbl_report *r = cli_report(c);
    uint32_t cells = 0;
    for (uint32_t i = 0; i < r->finding_count; i++) {
        const wbl_finding *f = &r->findings[i];
        if (f->severity == WBL_ERROR && f->file && cli_width(f->file, strlen(f->file)) > cells)
            cells = cli_width(f->file, strlen(f->file));
    }
    for (uint32_t i = 0; i < r->finding_count; i++) {
        const wbl_finding *f = &r->findings[i];
        if (f->severity != WBL_ERROR || (f->message && strcmp(f->message, c->err.message) == 0 && !f->detail))
            continue;
        cli_put_spaces(&c->errs, 2);
        if (f->file && f->line == 0) {
            cli_put_cell(&c->errs, CLI_PLAIN, f->file, f->message ? cells : 0, false);
            cli_put_spaces(&c->errs, 2);
        } else if (f->file) {
            cli_place(&c->errs, f->file, f->line, f->column);
            cli_put_spaces(&c->errs, 2);
        }
        cli_put(&c->errs, CLI_PLAIN, f->message ? f->message : "");
        cli_put(&c->errs, CLI_PLAIN, "\n");
        if (f->detail)
            cli_put_lines(&c->errs, CLI_PLAIN, f->detail, 4);
        if (f->hint)
            cli_put_lines(&c->errs, CLI_PLAIN, f->hint, 4);
    }
}

/* ---- what was left behind ---- */

static void add_range(wb_buf *b, uint32_t first, uint32_t last)
{
    if (first == last)
        wb_buf_addf(b, "%u", first);
    else
        wb_buf_addf(b, "%u-%u", first, last);
}

static void add_not_sent(wb_buf *b, uint32_t at, uint32_t count)
{
    if (at >= count)
        return;
    wb_buf_str(b, "; ");
    add_range(b, at + 1, count);
    wb_buf_str(b, at + 1 == count ? " was not sent" : " were not sent");
}

static void add_those_before(wb_buf *b, const wbl_migration *step, uint32_t done)
{
    const char *word = step && step->direction == WBL_DOWN ? "reverted" : "applied";
    if (done == 1)
        wb_buf_addf(b, "; the one before it stays %s", word);
    else if (done > 1)
        wb_buf_addf(b, "; the %u before it stay %s", done, word);
}

void cli_left_behind(wb_buf *b, const wbl_error *err, const wbl_migration *step, uint32_t done)
{
    uint32_t k = step ? step->statements_done : 0, n = step ? step->statements : 0;
    uint32_t at = err->statement ? err->statement : k + 1;
    if (err->effect == WBL_EFFECT_NONE) {
        wb_buf_str(b, "nothing");
        if (step && step->protocol == WBL_PROTOCOL_ATOMIC)
            wb_buf_str(b, ". It was rolled back");
    } else if (k == 0 && err->effect == WBL_EFFECT_SOME) {
        if (done)
            wb_buf_addf(b, "the %u migration%s before it", done, cli_plural(done));
        else
            wb_buf_str(b, "a part of it; `whimbrel status` shows what is recorded");
        done = 0;
    } else if (k == 0) {
        if (err->statement && n) {
            wb_buf_addf(b, "statement %u unknown", at);
            add_not_sent(b, at, n);
        } else {
            wb_buf_str(b, "unknown; the next run looks");
        }
    } else {
        wb_buf_str(b, k == 1 ? "statement " : "statements ");
        add_range(b, 1, k);
        wb_buf_str(b, " (recorded)");
        if (at == k + 1 && at <= n) {
            wb_buf_addf(b, err->effect == WBL_EFFECT_UNKNOWN ? "; %u unknown" : ". %u had no effect", at);
            add_not_sent(b, at, n);
        }
    }
    add_those_before(b, step, done);
    wb_buf_char(b, '.');
}

/* Only where something ran; a missing file or a held lock leaves nothing, and nobody asks. */
static bool may_have_left(const cli *c, const wbl_migration *step)
{
    const wbl_error *err = &c->err;
    if (step || err->effect != WBL_EFFECT_NONE)
        return true;
    if (!c->args.command || c->args.command->needs != CLI_NEEDS_RUN)
        return false;
    return err->code == WBL_E_STATEMENT || err->code == WBL_E_LOCK_WAIT || err->code == WBL_E_CANCELLED;
}

static void put_left_behind(cli *c, const wbl_migration *step)
{
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    cli_left_behind(&b, &c->err, step, cli_report(c)->done_count);
    const char *text = wb_buf_cstr(&b);
    if (!text)
        return;
    cli_put(&c->errs, CLI_BOLD, "left behind: ");
    cli_put(&c->errs, CLI_PLAIN, text);
    cli_put(&c->errs, CLI_PLAIN, "\n");
}

/* ---- what to do next ---- */

/* A hint is a sentence, and behind "next:" it goes on in lower case; a name such as PostgreSQL keeps its letters. */
static void put_hint(cli *c, const char *hint)
{
    char first[2] = { hint[0], 0 };
    size_t word = strcspn(hint, " ,.");
    bool is_plain = hint[0] >= 'A' && hint[0] <= 'Z' && word > 0;
    for (size_t i = 1; is_plain && i < word; i++)
        is_plain = hint[i] >= 'a' && hint[i] <= 'z';
    if (is_plain)
        first[0] = (char)(hint[0] + 32);
    size_t line = strcspn(hint + 1, "\n");
    cli_put(&c->errs, CLI_BOLD, "next: ");
    cli_put(&c->errs, CLI_PLAIN, first);
    cli_putf(&c->errs, CLI_PLAIN, "%.*s\n", (int)line, hint + 1);
    if (hint[1 + line] == '\n')
        cli_put_lines(&c->errs, CLI_PLAIN, hint + 2 + line, hint[2 + line] == ' ' ? 0 : 2);
}

/* Where the library has no better advice. */
static const char *default_hint(const cli *c)
{
    bool is_up = c->args.command && strcmp(c->args.command->name, "up") == 0;
    switch (c->err.code) {
    case WBL_E_STATEMENT:
        if (is_up && c->err.effect == WBL_EFFECT_SOME)
            return "mend the statement and run `whimbrel up`; it goes on from there.";
        return is_up ? "mend the file and run `whimbrel up`." : "mend the file and run it again.";
    case WBL_E_OUTCOME: return "run it again; the run looks first.";
    case WBL_E_CANCELLED: return "run it again to go on.";
    case WBL_E_INTERNAL: return "this is a defect of whimbrel; a report with the command and this message helps.";
    default: return "";
    }
}

/* ---- the error ---- */

static void put_message(cli *c)
{
    const wbl_error *e = &c->err;
    const char *stopped_by = e->code == WBL_E_CANCELLED ? cli_signal_name(cli_signal_caught()) : NULL;
    cli_put(&c->errs, CLI_RED, "error: ");
    if (stopped_by) /* the server's words for it follow */
        cli_putf(&c->errs, CLI_PLAIN, "stopped by %s: ", stopped_by);
    cli_put(&c->errs, CLI_PLAIN, e->message);
    bool has_state = e->sqlstate[0] && !strstr(e->message, e->sqlstate);
    if (has_state && e->native)
        cli_putf(&c->errs, CLI_PLAIN, " (%d, SQLSTATE %s)", e->native, e->sqlstate);
    else if (has_state)
        cli_putf(&c->errs, CLI_PLAIN, " (SQLSTATE %s)", e->sqlstate);
    cli_put(&c->errs, CLI_PLAIN, "\n");
}

static void put_where(cli *c, const wbl_migration *step)
{
    const wbl_error *e = &c->err;
    if (!e->file[0])
        return;
    cli_put_spaces(&c->errs, 2);
    cli_place(&c->errs, e->file, e->line, e->column);
    if (e->statement && step && step->statements >= e->statement)
        cli_putf(&c->errs, CLI_PLAIN, ", statement %u of %u", e->statement, step->statements);
    else if (e->statement)
        cli_putf(&c->errs, CLI_PLAIN, ", statement %u", e->statement);
    cli_put(&c->errs, CLI_PLAIN, "\n");
    put_excerpt(&c->errs, e->file, e->line, e->column);
}

void cli_error_print(cli *c)
{
    const wbl_migration *step = c->progress.has_failed ? &c->progress.failed : NULL;
    cli_progress_end(&c->progress);
    fflush(c->out.file);
    if (c->progress.has_header) /* behind the lines of a run */
        cli_put(&c->errs, CLI_PLAIN, "\n");
    put_message(c);
    put_where(c, step);
    put_faults(c);
    if (c->err.code < 0 && may_have_left(c, step))
        put_left_behind(c, step);
    const char *hint = c->err.hint[0] ? c->err.hint : default_hint(c);
    if (*hint)
        put_hint(c, hint);
    fflush(c->errs.file);
}
