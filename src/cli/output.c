/*
 * output.c - text for people: colours, cells, tables, times.
 *
 * Everything that leaves the program as text goes through here, because names, files and server messages are other
 * people's bytes: an escape sequence in a migration's name must not reach the terminal.
 * Colour is added only on a terminal that wants it (no-color.org: NO_COLOR set and not empty switches it off).
 */
#include "cli/cli.h"
#include "cli/width.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define PUTF_MAX 2000
#define COLUMN_MAX 16

static uint32_t screen_width(int fd)
{
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    const char *columns = getenv("COLUMNS");
    int64_t n = 0;
    if (columns && cli_parse_count(columns, &n) == 0 && n >= 20 && n <= 1000)
        return (uint32_t)n;
    return 80;
}

static bool locale_is_utf8(void)
{
    static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    for (size_t i = 0; i < WB_COUNT(names); i++) {
        const char *s = getenv(names[i]);
        if (s && *s)
            return strcasestr(s, "utf-8") || strcasestr(s, "utf8");
    }
    return false;
}

void cli_screen_open(cli_screen *s, FILE *file, bool may_colour)
{
    *s = (cli_screen){ .file = file, .width = 80 };
    if (!isatty(fileno(file)))
        return;
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    bool is_dumb = !term || strcmp(term, "dumb") == 0;
    s->is_tty = !is_dumb; /* a dumb terminal is treated like a file: plain lines, nothing redrawn */
    s->has_colour = may_colour && !is_dumb && !(no_color && *no_color);
    s->has_unicode = locale_is_utf8();
    s->width = screen_width(fileno(file));
}

/* ---- text ---- */

static void colour_on(cli_screen *s, cli_colour colour)
{
    static const char *const codes[] = { "", "\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[33m" };
    if (s->has_colour && colour != CLI_PLAIN)
        fputs(codes[colour], s->file);
}

static void colour_off(cli_screen *s, cli_colour colour)
{
    if (s->has_colour && colour != CLI_PLAIN)
        fputs("\033[0m", s->file);
}

/* Control characters, and the marks that turn the direction of text: what is shown must be what is there. */
static bool is_harmful(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

static void put_clean(FILE *file, const char *text, size_t len)
{
    size_t done = 0;
    for (size_t i = 0, step; i < len; i += step) {
        uint32_t c = cli_utf8_next(text + i, len - i, &step);
        bool is_broken = c == 0xFFFD && step == 1;
        if (!is_broken && !is_harmful(c))
            continue;
        fwrite(text + done, 1, i - done, file);
        fputc(c == '\t' || c == '\n' ? ' ' : '?', file);
        done = i + step;
    }
    fwrite(text + done, 1, len - done, file);
}

static void put_coloured(cli_screen *s, cli_colour colour, const char *text, size_t len)
{
    /* Line ends at both sides are our own and no harm; they stay outside the colour. */
    size_t start = 0, end = len;
    while (start < len && text[start] == '\n')
        start++;
    while (end > start && text[end - 1] == '\n')
        end--;
    fwrite(text, 1, start, s->file);
    if (end > start) {
        colour_on(s, colour);
        put_clean(s->file, text + start, end - start);
        colour_off(s, colour);
    }
    fwrite(text + end, 1, len - end, s->file);
}

void cli_put(cli_screen *s, cli_colour colour, const char *text) { put_coloured(s, colour, text, strlen(text)); }

void cli_putf(cli_screen *s, cli_colour colour, const char *fmt, ...)
{
    char text[PUTF_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n > 0)
        put_coloured(s, colour, text, strlen(text));
}

void cli_put_spaces(cli_screen *s, uint32_t count)
{
    static const char blanks[] = "                                ";
    for (; count > 32; count -= 32)
        fwrite(blanks, 1, 32, s->file);
    fwrite(blanks, 1, count, s->file);
}

void cli_put_cell(cli_screen *s, cli_colour colour, const char *text, uint32_t cells, bool is_right)
{
    uint32_t used = cli_width(text, strlen(text)), fill = used < cells ? cells - used : 0;
    if (is_right)
        cli_put_spaces(s, fill);
    cli_put(s, colour, text);
    if (!is_right)
        cli_put_spaces(s, fill);
}

void cli_put_lines(cli_screen *s, cli_colour colour, const char *text, uint32_t indent)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        if (n)
            cli_put_spaces(s, indent);
        put_coloured(s, colour, text, n);
        fputc('\n', s->file);
        text += n + (text[n] == '\n');
    }
}

/* ---- tables ---- */

void cli_table_add(cli_table *t, cli_colour colour, const char *text)
{
    cli_cell *cell = t->bad ? NULL : WB_PUSH(t->mem, t->cells, t->count, t->cap);
    if (cell)
        *cell = (cli_cell){ text ? text : "-", colour };
    else
        t->bad = true;
}

static bool is_hidden(const cli_table *t, uint32_t column) { return t->hidden >> column & 1; }

enum { LAST_MIN = 14, SOFT_MIN = 10, SOFT_WISH = 24, BELOW_INDENT = 4 };

/* The text, cut to its cells with a mark that says so. */
void cli_put_cut(cli_screen *s, cli_colour colour, const char *text, uint32_t cells, bool is_right)
{
    const char *mark = s->has_unicode ? "…" : "..";
    uint32_t room = cells > cli_width(mark, strlen(mark)) ? cells - cli_width(mark, strlen(mark)) : 0;
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    if (cli_width(text, strlen(text)) > cells && cells) {
        wb_buf_add(&b, text, cli_width_cut(text, strlen(text), room));
        wb_buf_str(&b, mark);
        text = wb_buf_cstr(&b) ? b.p : text;
    }
    cli_put_cell(s, colour, text, cells, is_right);
}

/* The last cell of a row goes on below itself, between words. */
static void put_wrapped(cli_screen *s, cli_colour colour, const char *text, uint32_t start, uint32_t cells)
{
    while (cli_width(text, strlen(text)) > cells) {
        size_t n = cli_width_cut(text, strlen(text), cells), end = n;
        while (end > 0 && text[end] != ' ')
            end--;
        end = end ? end : n;
        put_coloured(s, colour, text, end);
        fputc('\n', s->file);
        cli_put_spaces(s, start);
        text += end + (text[end] == ' ');
    }
    cli_put(s, colour, text);
}

/* Ends behind the last cell that has text, so that no line ends with blanks. */
static void put_row(const cli_table *t, cli_screen *s, const cli_cell *cells, const uint32_t *width, uint32_t indent)
{
    uint32_t last = 0, start = indent;
    for (uint32_t i = 0; i < t->columns; i++)
        if (!is_hidden(t, i) && *cells[i].text)
            last = i;
    for (uint32_t i = 0; i <= last; i++) {
        bool is_right = t->right >> i & 1;
        if (is_hidden(t, i))
            continue;
        if (i == last && !is_right && s->is_tty && s->width >= start + LAST_MIN)
            put_wrapped(s, cells[i].colour, cells[i].text, start, s->width - start);
        else if (i == last && !is_right)
            cli_put(s, cells[i].colour, cells[i].text);
        else
            cli_put_cut(s, cells[i].colour, cells[i].text, width[i], is_right);
        if (i != last)
            cli_put_spaces(s, 2);
        start += width[i] + 2;
    }
    fputc('\n', s->file);
}

static void put_moved(const cli_table *t, cli_screen *s, const cli_cell *cells, uint32_t indent)
{
    for (uint32_t i = 0; i < t->columns; i++) {
        if (!(t->moved >> i & 1) || !*cells[i].text)
            continue;
        cli_put_spaces(s, indent);
        put_wrapped(s, cells[i].colour, cells[i].text, indent, s->width > indent + LAST_MIN ? s->width - indent : LAST_MIN);
        fputc('\n', s->file);
    }
}

/* The last column may wrap, unless it would rather go below. */
static uint32_t needed(const cli_table *t, const uint32_t *width, uint32_t indent)
{
    uint32_t sum = indent, last = 0;
    for (uint32_t i = 0; i < t->columns; i++)
        last = is_hidden(t, i) ? last : i;
    for (uint32_t i = 0; i < t->columns; i++)
        if (!is_hidden(t, i))
            sum += i != last ? width[i] + 2 : width[i] < LAST_MIN || t->below >> i & 1 ? width[i] : LAST_MIN;
    return sum;
}

/* Makes the widest soft column a cell narrower. False: all are at the least. */
static bool shrink(const cli_table *t, uint32_t *width, uint32_t least)
{
    uint32_t widest = t->columns;
    for (uint32_t i = 0; i < t->columns; i++)
        if (!is_hidden(t, i) && t->soft >> i & 1 && width[i] > least && (widest == t->columns || width[i] > width[widest]))
            widest = i;
    if (widest == t->columns)
        return false;
    width[widest]--;
    return true;
}

static bool squeeze(cli_table *t, const cli_screen *s, uint32_t *width, uint32_t indent)
{
    while (needed(t, width, indent) > s->width && shrink(t, width, SOFT_WISH))
        ;
    for (uint32_t i = t->columns; i > 0 && needed(t, width, indent) > s->width; i--)
        t->hidden |= t->spare & 1u << (i - 1);
    while (needed(t, width, indent) > s->width && shrink(t, width, SOFT_MIN))
        ;
    return needed(t, width, indent) <= s->width;
}

/* On a terminal a row should be one line. A pipe gets everything. */
static void fit(cli_table *t, const cli_screen *s, uint32_t *width, uint32_t indent)
{
    uint32_t natural[COLUMN_MAX], hidden = t->hidden;
    memcpy(natural, width, sizeof natural);
    if (!s->is_tty || squeeze(t, s, width, indent) || !t->below)
        return;
    memcpy(width, natural, sizeof natural);
    t->moved = t->below & ~hidden;
    t->hidden = hidden | t->below;
    (void)squeeze(t, s, width, indent); /* what is too wide even then is cut by the terminal */
}

int cli_table_print(wb_ctx *cx, cli_table *t, cli_screen *s, uint32_t indent)
{
    if (t->bad)
        return wb_nomem(cx);
    uint32_t width[COLUMN_MAX] = { 0 };
    for (size_t i = 0; i < t->count; i++) {
        uint32_t column = (uint32_t)(i % t->columns), w = cli_width(t->cells[i].text, strlen(t->cells[i].text));
        if (w > width[column])
            width[column] = w;
    }
    fit(t, s, width, indent);
    for (size_t row = 0; row + t->columns <= t->count; row += t->columns) {
        cli_put_spaces(s, indent);
        put_row(t, s, &t->cells[row], width, indent);
        put_moved(t, s, &t->cells[row], indent + BELOW_INDENT);
    }
    return 0;
}

/* ---- advice ---- */

static bool is_command(const char *word)
{
    char name[24];
    size_t n = strcspn(word, " `'\n.,;");
    wb_copy_text(name, sizeof name, word, n);
    const cli_command *c = n < sizeof name ? cli_command_find(&cli_native, name) : NULL;
    return c && c->needs != CLI_NEEDS_NOTHING;
}

int cli_advice(wb_buf *b, const char *text, const char *again)
{
    static const char program[] = "whimbrel ";
    const char *done = text;
    if (!again)
        return -1;
    for (const char *p = text; (p = strstr(p, program)) != NULL;) {
        bool is_word = p == text || strchr(" `'\n", p[-1]);
        p += sizeof program - 1;
        if (!is_word || !is_command(p))
            continue;
        wb_buf_add(b, done, (size_t)(p - done));
        wb_buf_addf(b, "%s ", again);
        done = p;
    }
    wb_buf_str(b, done);
    return done != text && wb_buf_cstr(b) ? 0 : -1;
}

void cli_put_advice(cli_screen *s, cli_colour colour, const char *text)
{
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    cli_put(s, colour, cli_advice(&b, text, s->again) == 0 ? b.p : text);
}

void cli_put_advice_lines(cli_screen *s, cli_colour colour, const char *text, uint32_t indent)
{
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    cli_put_lines(s, colour, cli_advice(&b, text, s->again) == 0 ? b.p : text, indent);
}

/* ---- times and counts ---- */

const char *cli_plural(uint32_t n) { return n == 1 ? "" : "s"; }

const char *cli_duration(char out[24], int64_t ms)
{
    if (ms < 0)
        snprintf(out, 24, "-");
    else if (ms < 1000)
        snprintf(out, 24, "%d ms", (int)ms);
    else if (ms < 9950)
        snprintf(out, 24, "%d.%d s", (int)((ms + 50) / 1000), (int)((ms + 50) % 1000 / 100));
    else if (ms < 59500)
        snprintf(out, 24, "%d s", (int)((ms + 500) / 1000));
    else if (ms < 3600000)
        snprintf(out, 24, "%dm%02ds", (int)(ms / 60000), (int)(ms % 60000 / 1000));
    else
        snprintf(out, 24, "%lldh%02dm", (long long)(ms / 3600000), (int)(ms % 3600000 / 60000));
    return out;
}

/* "+02", "+05:30", "-03:30:15", "Z": how far a clock there is ahead. A server prints times in its session's zone. */
static bool parse_zone(const char *zone, int64_t *out_seconds)
{
    *out_seconds = 0;
    if (!*zone || strcmp(zone, "Z") == 0)
        return true;
    int part[3] = { 0 }, sign = *zone == '-' ? -1 : 1;
    if (*zone != '+' && *zone != '-')
        return false;
    zone++;
    for (size_t i = 0; i < 3 && *zone; i++) {
        if (zone[0] < '0' || zone[0] > '9' || zone[1] < '0' || zone[1] > '9')
            return false;
        part[i] = (zone[0] - '0') * 10 + (zone[1] - '0');
        zone += 2 + (zone[2] == ':' && zone[3]);
    }
    *out_seconds = sign * ((int64_t)part[0] * 3600 + part[1] * 60 + part[2]);
    return *zone == 0;
}

/* 2026-11-02T09:30:00.123Z, also with a blank for the T; without a zone it is UTC, as all our own times are. */
static bool parse_time(const char *text, int64_t *out_ms)
{
    int part[6];
    static const char form[] = "dddd-dd-ddTdd:dd:dd";
    if (strlen(text) < sizeof form - 1)
        return false;
    for (size_t i = 0; form[i]; i++) {
        bool is_digit = text[i] >= '0' && text[i] <= '9';
        if (form[i] == 'd' ? !is_digit : text[i] != form[i] && !(form[i] == 'T' && text[i] == ' '))
            return false;
    }
    static const uint8_t at[6] = { 0, 5, 8, 11, 14, 17 };
    for (size_t i = 0; i < 6; i++) {
        part[i] = 0;
        for (size_t k = 0; k < (i == 0 ? 4 : 2); k++)
            part[i] = part[i] * 10 + (text[at[i] + k] - '0');
    }
    const char *zone = text + sizeof form - 1;
    if (*zone == '.')
        zone += 1 + strspn(zone + 1, "0123456789");
    int64_t ahead;
    if (!parse_zone(zone, &ahead))
        return false;
    struct tm tm = { .tm_year = part[0] - 1900,
                     .tm_mon = part[1] - 1,
                     .tm_mday = part[2],
                     .tm_hour = part[3],
                     .tm_min = part[4],
                     .tm_sec = part[5] };
    *out_ms = ((int64_t)timegm(&tm) - ahead) * 1000;
    return true;
}

const char *cli_second(wb_arena *mem, const char *time)
{
    int64_t ms;
    char text[32];
    if (!time || !parse_time(time, &ms))
        return time;
    wb_utc_text(ms, text);
    text[10] = ' ';
    text[19] = 0;
    char *s = wb_arena_dup(mem, text);
    return s ? s : time;
}

const char *cli_ago(char out[48], const char *time)
{
    int64_t then = 0, age = 0;
    if (parse_time(time, &then))
        age = (wb_wall_ms() - then) / 1000;
    if (then == 0 || age < -60) {
        wb_copy_text(out, 48, time, strlen(time));
        return out;
    }
    if (age < 5)
        snprintf(out, 48, "just now");
    else if (age < 100)
        snprintf(out, 48, "%d s ago", (int)age);
    else if (age < 100 * 60)
        snprintf(out, 48, "%d min ago", (int)(age / 60));
    else if (age < 48 * 3600)
        snprintf(out, 48, "%d h ago", (int)(age / 3600));
    else
        snprintf(out, 48, "%d days ago", (int)(age / 86400));
    return out;
}
