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

/* Ends behind the last cell that has text, so that no line ends with blanks. */
static void put_row(const cli_table *t, cli_screen *s, const cli_cell *cells, const uint32_t *width)
{
    uint32_t last = 0;
    for (uint32_t i = 0; i < t->columns; i++)
        if (!is_hidden(t, i) && *cells[i].text)
            last = i;
    for (uint32_t i = 0; i <= last; i++) {
        bool is_right = t->right >> i & 1;
        if (is_hidden(t, i))
            continue;
        cli_put_cell(s, cells[i].colour, cells[i].text, i == last && !is_right ? 0 : width[i], is_right);
        if (i != last)
            cli_put_spaces(s, 2);
    }
    fputc('\n', s->file);
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
    for (size_t row = 0; row + t->columns <= t->count; row += t->columns) {
        cli_put_spaces(s, indent);
        put_row(t, s, &t->cells[row], width);
    }
    return 0;
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
    if (*zone && strcmp(zone, "Z") != 0 && strcmp(zone, "+00") != 0 && strcmp(zone, "+00:00") != 0)
        return false;
    struct tm tm = { .tm_year = part[0] - 1900,
                     .tm_mon = part[1] - 1,
                     .tm_mday = part[2],
                     .tm_hour = part[3],
                     .tm_min = part[4],
                     .tm_sec = part[5] };
    *out_ms = (int64_t)timegm(&tm) * 1000;
    return true;
}

const char *cli_second(wb_arena *mem, const char *time)
{
    int64_t ms;
    char *s = time && parse_time(time, &ms) ? wb_arena_str(mem, time, 19) : NULL;
    if (!s)
        return time;
    s[10] = ' ';
    return s;
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
