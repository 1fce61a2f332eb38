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

static void put_place(cli_screen *s, const char *file, uint32_t line, uint32_t column)
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

/* Findings of one kind have one advice, in which only the version differs: it is said once. One of several lines has
   commands for this very case. */
static bool is_same_advice(const char *before, const char *hint)
{
    enum { ENOUGH = 40 };
    return before && strncmp(before, hint, ENOUGH) == 0 && strlen(before) >= ENOUGH && !strchr(hint, '\n');
}

static void put_finding(cli_screen *s, const wbl_finding *f, const char *hint_before)
{
    static const char *const words[] = { "note: ", "warning: ", "error: " };
    static const cli_colour colours[] = { CLI_DIM, CLI_YELLOW, CLI_RED };
    int severity = f->severity < WBL_NOTE || f->severity > WBL_ERROR ? WBL_ERROR : f->severity;
    cli_put(s, colours[severity], words[severity]);
    cli_put(s, CLI_PLAIN, f->message ? f->message : f->code ? f->code : "?");
    cli_put(s, CLI_PLAIN, "\n");
    if (f->file && (f->line || !f->message || !strstr(f->message, f->file))) {
        cli_put_spaces(s, 2);
        put_place(s, f->file, f->line, f->column);
        cli_put(s, CLI_PLAIN, "\n");
    }
    if (f->detail)
        cli_put_lines(s, CLI_PLAIN, f->detail, 4);
    if (f->hint && !is_same_advice(hint_before, f->hint))
        cli_put_advice_lines(s, CLI_PLAIN, f->hint, 2);
}

void cli_finding_print(cli_screen *s, const wbl_finding *f) { put_finding(s, f, NULL); }

/* Of many findings of one kind that stand in a row the first few are shown, all with -v. Errors are what a person must go
   through, so there are more of them. */
bool cli_crowd_add(cli_crowd *w, const wbl_finding *f, bool shows_all)
{
    enum { WARNINGS_SHOWN = 5, ERRORS_SHOWN = 40 };
    const char *code = f->code ? f->code : "";
    if (!w->code || strcmp(w->code, code) != 0)
        *w = (cli_crowd){ .code = code };
    w->count++;
    bool is_shown = shows_all || w->count <= (f->severity == WBL_ERROR ? ERRORS_SHOWN : WARNINGS_SHOWN);
    w->left_out += !is_shown;
    return is_shown;
}

void cli_crowd_end(cli_crowd *w, cli_screen *s, const wbl_finding *next, uint32_t indent)
{
    bool goes_on = next && w->code && strcmp(next->code ? next->code : "", w->code) == 0;
    if (goes_on || !w->left_out)
        return;
    cli_put_spaces(s, indent);
    cli_putf(s, CLI_PLAIN, "and %u more of this kind; -v shows all\n", w->left_out);
    w->left_out = 0;
}

void cli_findings_print(cli *c, cli_screen *s, int severity_min, uint32_t from)
{
    const wbl_report *r = cli_report(c);
    const char *hint = NULL;
    cli_crowd crowd = { 0 };
    for (uint32_t i = from; i < r->finding_count; i++) {
        const wbl_finding *f = &r->findings[i];
        if (f->severity < severity_min)
            continue;
        cli_crowd_end(&crowd, s, f, 0);
        if (!cli_crowd_add(&crowd, f, c->verbose > 0))
            continue;
        put_finding(s, f, hint);
        hint = f->hint ? f->hint : hint;
    }
    cli_crowd_end(&crowd, s, NULL, 0);
}

/* Has the headline said this one already? A long message is cut in it, and "(and 2 more)" may follow. */
static bool is_headline(const wbl_error *e, const wbl_finding *f)
{
    size_t n = f->message ? strlen(f->message) : 0, room = strlen(e->message);
    return n && room && strncmp(f->message, e->message, n < room ? n : room) == 0 &&
           (n >= room || strncmp(e->message + n, " (and ", 6) == 0);
}

static uint32_t count_errors(const wbl_report *r)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->finding_count; i++)
        n += r->findings[i].severity == WBL_ERROR;
    return n;
}

/* "  FILE   MESSAGE", on two lines where one is too short. */
static void put_fault(cli_screen *s, const wbl_finding *f, uint32_t cells)
{
    const char *message = f->message ? f->message : "";
    uint32_t width = cli_width(message, strlen(message));
    cli_put_spaces(s, 2);
    if (f->file && f->line)
        put_place(s, f->file, f->line, f->column);
    else if (f->file)
        cli_put_cell(s, CLI_PLAIN, f->file, *message && cells + width + 4 <= s->width ? cells : 0, false);
    if (f->file && cells + width + 4 > s->width)
        cli_put(s, CLI_PLAIN, "\n    ");
    else if (f->file)
        cli_put_spaces(s, 2);
    cli_put(s, CLI_PLAIN, message);
    cli_put(s, CLI_PLAIN, "\n");
}

/* The faults under one headline, each with its difference and its advice below it. */
static void put_faults(cli *c)
{
    const wbl_report *r = cli_report(c);
    const char *hint = c->err.hint;
    cli_crowd crowd = { 0 };
    uint32_t cells = 0;
    for (uint32_t i = 0; i < r->finding_count; i++) {
        const wbl_finding *f = &r->findings[i];
        uint32_t room = f->line ? 12 : 0; /* for its line and column */
        if (f->severity == WBL_ERROR && f->file && cli_width(f->file, strlen(f->file)) + room > cells)
            cells = cli_width(f->file, strlen(f->file)) + room;
    }
    for (uint32_t i = 0; i < r->finding_count; i++) {
        const wbl_finding *f = &r->findings[i];
        if (f->severity != WBL_ERROR)
            continue;
        cli_crowd_end(&crowd, &c->errs, f, 2);
        if (!cli_crowd_add(&crowd, f, c->verbose > 0))
            continue;
        if (!is_headline(&c->err, f))
            put_fault(&c->errs, f, cells);
        if (f->detail)
            cli_put_lines(&c->errs, CLI_PLAIN, f->detail, 4);
        if (f->hint && !is_headline(&c->err, f) && strcmp(f->hint, c->err.hint) != 0 && !is_same_advice(hint, f->hint))
            cli_put_advice_lines(&c->errs, CLI_PLAIN, f->hint, 4);
        hint = f->hint ? f->hint : hint;
    }
    cli_crowd_end(&crowd, &c->errs, NULL, 2);
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

static void add_those_before(wb_buf *b, const cli_tally *t)
{
    const char *word = t->reverted ? "reverted" : "applied";
    uint32_t done = t->applied + t->reverted;
    if (t->applied && t->reverted) /* redo */
        wb_buf_addf(b, "; before it %u %s reverted and %u applied, and that stays", t->reverted,
                    t->reverted == 1 ? "was" : "were", t->applied);
    else if (done == 1)
        wb_buf_addf(b, "; the one before it stays %s", word);
    else if (done > 1)
        wb_buf_addf(b, "; the %u before it stay %s", done, word);
}

static void add_those_behind(wb_buf *b, const wbl_migration *step, const cli_tally *t)
{
    const char *lead = t->applied + t->reverted ? ", and" : ";";
    if (t->pending == 0)
        return;
    if (!step)
        wb_buf_addf(b, "%s %u did not run", lead, t->pending);
    else if (t->pending == 1)
        wb_buf_addf(b, "%s the one behind it did not run", lead);
    else
        wb_buf_addf(b, "%s the %u behind it did not run", lead, t->pending);
}

void cli_left_behind(wb_buf *b, const wbl_error *err, const wbl_migration *step, cli_tally t)
{
    uint32_t done = t.applied + t.reverted;
    uint32_t k = step ? step->statements_done : 0, n = step ? step->statements : 0;
    uint32_t at = err->statement ? err->statement : k + 1;
    if (err->effect == WBL_EFFECT_NONE) {
        wb_buf_str(b, "nothing");
        if (step && step->protocol == WBL_PROTOCOL_ATOMIC)
            wb_buf_str(b, ". It was rolled back");
    } else if (k == 0 && err->effect == WBL_EFFECT_SOME && step && step->statements_begun) {
        wb_buf_addf(b, "what statement %u began; the next run settles it first", step->statements_begun);
        add_not_sent(b, step->statements_begun, n);
    } else if (k == 0 && err->effect == WBL_EFFECT_SOME) {
        if (done)
            wb_buf_addf(b, "the %u migration%s before it", done, cli_plural(done));
        else
            wb_buf_str(b, "a part of it; `whimbrel status` shows what is recorded");
        t.applied = t.reverted = 0;
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
            bool is_begun = step->statements_begun == at;
            wb_buf_addf(b,
                        err->effect == WBL_EFFECT_UNKNOWN ? "; %u unknown"
                        : is_begun                        ? ". What %u began is settled by the next run"
                                                          : ". %u had no effect",
                        at);
            add_not_sent(b, at, n);
        }
    }
    add_those_before(b, &t);
    add_those_behind(b, step, &t);
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

static cli_tally tally_of(const wbl_report *r, const wbl_migration *failed)
{
    cli_tally t = { 0 };
    for (uint32_t i = 0; i < r->step_count; i++) {
        bool is_done = r->steps[i].outcome == WBL_OUTCOME_DONE;
        t.applied += is_done && r->steps[i].direction == WBL_UP;
        t.reverted += is_done && r->steps[i].direction == WBL_DOWN;
        t.pending += r->steps[i].outcome == WBL_OUTCOME_PENDING;
    }
    t.pending -= failed && failed->outcome == WBL_OUTCOME_PENDING && t.pending; /* cancelled, and nothing of it is left */
    return t;
}

static void put_left_behind(cli *c, const wbl_migration *step)
{
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    cli_left_behind(&b, &c->err, step, tally_of(cli_report(c), step));
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
    size_t word = strcspn(hint, " ,.:");
    bool is_plain = hint[0] >= 'A' && hint[0] <= 'Z' && word > 0;
    for (size_t i = 1; is_plain && i < word; i++)
        is_plain = hint[i] >= 'a' && hint[i] <= 'z';
    if (is_plain)
        first[0] = (char)(hint[0] + 32);
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    if (cli_advice(&b, hint, c->errs.again) == 0)
        hint = b.p;
    size_t line = strcspn(hint + 1, "\n");
    cli_put(&c->errs, CLI_BOLD, "next: ");
    cli_put(&c->errs, CLI_PLAIN, first);
    cli_putf(&c->errs, CLI_PLAIN, "%.*s\n", (int)line, hint + 1);
    if (hint[1 + line] == '\n')
        cli_put_lines(&c->errs, CLI_PLAIN, hint + 2 + line, hint[2 + line] == ' ' ? 0 : 2);
}

/* MySQL has no SQLSTATE of its own for a missing right: commands, columns and routines have a number each. */
static bool is_denied(const wbl_error *err)
{
    int n = err->native;
    return strcmp(err->sqlstate, "42501") == 0 || (*err->sqlstate == '4' && (n == 1142 || n == 1143 || n == 1227 || n == 1370));
}

/* KILL QUERY, pg_cancel_backend(): nothing is wrong with the statement. */
static bool was_ended(const wbl_error *e)
{
    return strcmp(e->sqlstate, "70100") == 0 || strcmp(e->sqlstate, "57014") == 0;
}

/* Where the library has no better advice. */
static const char *default_hint(const cli *c)
{
    const char *command = c->args.command ? c->args.command->name : "";
    bool is_up = strcmp(command, "up") == 0;
    switch (c->err.code) {
    case WBL_E_STATEMENT:
        if (is_denied(&c->err))
            return "give this user the right, or come as another one.";
        if (!c->err.file[0])
            return "";
        if (was_ended(&c->err))
            return is_up ? "somebody ended the statement; run `whimbrel up` again when it may run."
                         : "somebody ended the statement; run it again when it may run.";
        if (is_up && c->err.effect == WBL_EFFECT_SOME)
            return "mend the statement and run `whimbrel up`; it goes on from there.";
        if (strcmp(command, "down") == 0 && c->err.effect == WBL_EFFECT_SOME)
            return "mend the statement and run it again; it goes on from there.";
        return !c->err.file[0] ? ""
               : is_up         ? "mend the file and run `whimbrel up`."
                               : "mend the file and run it again.";
    case WBL_E_TIMEOUT:
        return c->err.statement
                   ? "give it more time (--statement-timeout, `-- whimbrel: statement-timeout 1h`), or make it smaller."
                   : "";
    case WBL_E_OUTCOME: return "run it again; the run looks first.";
    case WBL_E_CANCELLED: return "run it again to go on.";
    case WBL_E_INTERNAL: return "this is a defect of whimbrel; a report with the command and this message helps.";
    default: return "";
    }
}

/* ---- the error ---- */

/* Who is in the way stands on a line of its own. */
static const char *holder_in(const wbl_error *e)
{
    const char *held = e->code == WBL_E_LOCK_WAIT ? strstr(e->message, "; held by ") : NULL;
    const char *waited = e->code == WBL_E_LOCKED ? strstr(e->message, "): ") : NULL;
    return held ? held : waited ? waited + 1 : NULL;
}

/* Several faults: the first one is told below, beside the others. */
static size_t headline_len(const cli *c)
{
    const wbl_report *r = cli_report(c);
    const wbl_error *e = &c->err;
    if (count_errors(r) < 2)
        return strlen(e->message);
    for (uint32_t i = 0; i < r->finding_count; i++) {
        const char *first = r->findings[i].severity == WBL_ERROR ? r->findings[i].message : NULL;
        const char *colon = first ? strstr(e->message, ": ") : NULL;
        if (colon && strncmp(first, colon + 2, strlen(colon + 2)) == 0 && colon[2])
            return (size_t)(colon - e->message);
    }
    return strlen(e->message);
}

static void put_message(cli *c)
{
    const wbl_error *e = &c->err;
    const char *holder = holder_in(e);
    const char *stopped_by = e->code == WBL_E_CANCELLED ? cli_signal_name(cli_signal_caught()) : NULL;
    cli_put(&c->errs, CLI_RED, "error: ");
    if (stopped_by) /* the server's words for it follow */
        cli_putf(&c->errs, CLI_PLAIN, "stopped by %s: ", stopped_by);
    cli_putf(&c->errs, CLI_PLAIN, "%.*s", holder ? (int)(holder - e->message) : (int)headline_len(c), e->message);
    bool has_state = e->sqlstate[0] && !strstr(e->message, e->sqlstate);
    if (has_state && e->native)
        cli_putf(&c->errs, CLI_PLAIN, " (%d, SQLSTATE %s)", e->native, e->sqlstate);
    else if (has_state)
        cli_putf(&c->errs, CLI_PLAIN, " (SQLSTATE %s)", e->sqlstate);
    cli_put(&c->errs, CLI_PLAIN, "\n");
    if (holder)
        cli_put_lines(&c->errs, CLI_PLAIN, holder + 2, 2);
}

static void put_where(cli *c, const wbl_migration *step)
{
    const wbl_error *e = &c->err;
    if (!e->file[0] || headline_len(c) < strlen(e->message))
        return;
    cli_put_spaces(&c->errs, 2);
    put_place(&c->errs, e->file, e->line, e->column);
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
    /* What the server adds ("Key (i)=(1) already exists.") explains; what to do is another matter. */
    bool is_servers = c->err.code == WBL_E_STATEMENT && c->err.file[0] && c->err.sqlstate[0] && c->err.hint[0] &&
                      c->err.effect != WBL_EFFECT_UNKNOWN; /* then it says how to settle that */
    if (is_servers)
        cli_put_lines(&c->errs, CLI_PLAIN, c->err.hint, 2);
    put_faults(c);
    if (c->err.code < 0 && may_have_left(c, step))
        put_left_behind(c, step);
    const char *hint = c->err.hint[0] && !is_servers ? c->err.hint : default_hint(c);
    if (*hint)
        put_hint(c, hint);
    fflush(c->errs.file);
}
