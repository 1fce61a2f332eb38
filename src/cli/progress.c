/*
 * progress.c - what a run shows while it works.
 *
 * What is done is a result and goes to stdout, one line for each migration. What is going on goes to stderr: on a
 * terminal one line that is drawn over (progress at most ten times a second), elsewhere a plain line every ten seconds.
 * The two meet on a terminal, so the unfinished line is taken away before anything else is printed.
 */
#include "cli/cli.h"
#include "cli/width.h"

#include <string.h>

#define DRAW_EVERY_MS 100
#define SAY_EVERY_MS 10000
#define BAR_CELLS 24
#define NAME_CELLS_MAX 44
#define NAME_CELLS_MIN 6
#define LINE_BYTES_MAX ((size_t)4096)

void cli_progress_end(cli_progress *p)
{
    if (!p->has_bar)
        return;
    fputs("\r\033[K", p->errs->file);
    fflush(p->errs->file);
    p->has_bar = false;
}

static uint32_t cells_of(const char *s) { return s ? cli_width(s, strlen(s)) : 0; }
static void at_least(uint32_t *width, uint32_t cells) { *width = cells > *width ? cells : *width; }

static void run_started(cli_progress *p, const wbl_event *e)
{
    const wbl_report *r = e->report;
    for (uint32_t i = 0; r && i < r->step_count; i++) {
        const wbl_migration *m = &r->steps[i];
        at_least(&p->ns_cells, cells_of(m->ns));
        at_least(&p->version_cells, cells_of(m->version));
        at_least(&p->name_cells, cells_of(m->name));
        p->has_ns |= m->ns && strcmp(m->ns, "default") != 0;
        p->has_down |= m->direction == WBL_DOWN;
    }
    if (p->name_cells > NAME_CELLS_MAX)
        p->name_cells = NAME_CELLS_MAX;
    uint32_t beside = 2 + (p->has_ns ? p->ns_cells + 2 : 0) + p->version_cells + 1 + 2 + (p->has_down ? 8 : 0) + 8;
    if (p->out->is_tty && beside + p->name_cells > p->out->width) /* a line for each; a long name is cut */
        p->name_cells = p->out->width > beside + NAME_CELLS_MIN ? p->out->width - beside : NAME_CELLS_MIN;
    if (r && r->step_count && r->url && !p->has_header) {
        cli_put(p->out, CLI_BOLD, r->url);
        cli_put(p->out, CLI_PLAIN, "\n");
        p->has_header = true;
    }
}

/* "  billing   000003 invoice_index  ", the start of every line about a migration */
static void put_head(cli_progress *p, cli_screen *s, const wbl_migration *m)
{
    cli_put_spaces(s, 2);
    if (p->has_ns) {
        cli_put_cell(s, CLI_PLAIN, m->ns ? m->ns : "", p->ns_cells, false);
        cli_put_spaces(s, 2);
    }
    cli_put_cell(s, CLI_PLAIN, m->version ? m->version : "", p->version_cells, false);
    cli_put_spaces(s, 1);
    if (s->is_tty)
        cli_put_cut(s, CLI_PLAIN, m->name ? m->name : "", p->name_cells, false);
    else
        cli_put_cell(s, CLI_PLAIN, m->name ? m->name : "", p->name_cells, false);
    cli_put_spaces(s, 2);
}

static void step_done(cli_progress *p, const wbl_event *e)
{
    char text[24];
    const wbl_migration *m = e->migration;
    bool is_down = m->direction == WBL_DOWN;
    *(is_down ? &p->reverted : &p->applied) += 1;
    put_head(p, p->out, m);
    if (p->has_down) /* only a run that goes down says the direction */
        cli_put_cell(p->out, CLI_DIM, is_down ? "reverted" : "applied", 8, false);
    cli_put_cell(p->out, CLI_PLAIN, cli_duration(text, e->duration_ms), 8, true);
    cli_put(p->out, CLI_PLAIN, "\n");
}

/* What the failure says later about the step. */
static void keep_failed(cli_progress *p, const wbl_migration *m)
{
    p->has_failed = true;
    p->failed = (wbl_migration){ .state = m->state,
                                 .direction = m->direction,
                                 .protocol = m->protocol,
                                 .outcome = m->outcome,
                                 .statements = m->statements,
                                 .statements_done = m->statements_done,
                                 .statements_begun = m->statements_begun };
}

static void step_failed(cli_progress *p, const wbl_event *e)
{
    char text[24];
    int64_t duration_ms = e->duration_ms > 0 ? e->duration_ms : p->started_ms ? wb_now_ms() - p->started_ms : 0;
    fflush(p->out->file);
    put_head(p, p->errs, e->migration);
    cli_putf(p->errs, CLI_RED, "failed after %s\n", cli_duration(text, duration_ms));
}

/* ---- what is going on ---- */

static void add_bar(wb_buf *b, const cli_screen *s, uint64_t done, uint64_t total)
{
    static const char *const parts[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
    double share = done >= total ? 1.0 : (double)done / (double)total;
    uint32_t eighths = (uint32_t)(share * BAR_CELLS * 8), full = eighths / 8, used = full;
    wb_buf_str(b, s->has_unicode ? "▕" : "[");
    for (uint32_t i = 0; i < full; i++)
        wb_buf_str(b, s->has_unicode ? "█" : "#");
    if (s->has_unicode && full < BAR_CELLS && eighths % 8) {
        wb_buf_str(b, parts[eighths % 8]);
        used++;
    }
    for (; used < BAR_CELLS; used++)
        wb_buf_char(b, ' ');
    wb_buf_addf(b, "%s %3u%%  ", s->has_unicode ? "▏" : "]", (unsigned)(share * 100));
}

static void add_rate(wb_buf *b, const wbl_event *e)
{
    char left[24];
    if (e->rate <= 0)
        return;
    wb_buf_addf(b, ", %.0f rows/s", e->rate);
    if (e->total > e->done)
        wb_buf_addf(b, ", %s left", cli_duration(left, (int64_t)((double)(e->total - e->done) / e->rate * 1000)));
}

static void add_phase(wb_buf *b, const wbl_event *e)
{
    if (e->kind == WBL_EVENT_STATEMENT && e->count > 1)
        wb_buf_addf(b, "statement %u of %u", e->index, e->count);
    else if (e->text)
        wb_buf_str(b, e->text);
    else
        wb_buf_str(b, "running");
    if (e->kind == WBL_EVENT_PROGRESS && e->total == 0 && e->done)
        wb_buf_addf(b, ", %llu done", (unsigned long long)e->done);
    add_rate(b, e);
}

static bool has_share(const wbl_event *e) { return e->total > 0 || (e->kind == WBL_EVENT_STATEMENT && e->count > 1); }

static void add_share(wb_buf *b, const cli_screen *s, const wbl_event *e)
{
    if (e->total > 0)
        add_bar(b, s, e->done, e->total);
    else if (has_share(e))
        add_bar(b, s, e->index - 1, e->count);
}

static void draw(cli_progress *p, const wbl_event *e, int64_t now_ms)
{
    WB_AUTOBUF wb_buf b = WB_BUF(LINE_BYTES_MAX);
    char elapsed[24] = "";
    add_share(&b, p->errs, e);
    add_phase(&b, e);
    if (now_ms - p->started_ms >= 1000)
        cli_duration(elapsed, now_ms - p->started_ms);
    if (!wb_buf_cstr(&b)) /* no memory: the line is a help, not a result */
        return;
    uint32_t name = p->name_cells ? p->name_cells : cells_of(e->migration->name);
    uint32_t head = 2 + (p->has_ns ? p->ns_cells + 2 : 0) + p->version_cells + 1 + name + 2;
    uint32_t tail = elapsed[0] ? (uint32_t)strlen(elapsed) + 2 : 0;
    if (head + tail + 10 >= p->errs->width) /* a line that wraps can't be drawn over */
        return;
    fputc('\r', p->errs->file);
    put_head(p, p->errs, e->migration);
    b.p[cli_width_cut(b.p, b.len, p->errs->width - 1 - head - tail)] = 0;
    cli_put(p->errs, CLI_DIM, b.p);
    cli_putf(p->errs, CLI_DIM, "%s%s", tail ? "  " : "", elapsed);
    fputs("\033[K", p->errs->file);
    fflush(p->errs->file);
    p->has_bar = true;
    p->drawn_ms = now_ms;
}

static void say(cli_progress *p, const wbl_event *e, int64_t now_ms)
{
    char elapsed[24];
    WB_AUTOBUF wb_buf b = WB_BUF(LINE_BYTES_MAX);
    if (e->total > 0)
        wb_buf_addf(&b, "%u%% ", (unsigned)((double)e->done / (double)e->total * 100));
    add_phase(&b, e);
    if (!wb_buf_cstr(&b))
        return;
    p->said_ms = now_ms;
    fflush(p->out->file);
    put_head(p, p->errs, e->migration);
    cli_putf(p->errs, CLI_PLAIN, "%s, after %s\n", b.p, cli_duration(elapsed, now_ms - p->started_ms));
}

static void going_on(cli_progress *p, const wbl_event *e)
{
    int64_t now_ms = wb_now_ms();
    if (e->kind == WBL_EVENT_STARTED)
        p->started_ms = p->said_ms = now_ms;
    if (!e->migration)
        return;
    if (p->errs->is_tty) {
        /* The start of a migration or a statement is always shown: it may be the last news for an hour. */
        if (e->kind != WBL_EVENT_PROGRESS || now_ms - p->drawn_ms >= DRAW_EVERY_MS)
            draw(p, e, now_ms);
    } else if (now_ms - p->said_ms >= SAY_EVERY_MS) {
        say(p, e, now_ms);
    }
}

/* ---- messages ---- */

/* A server may say the same of each of a hundred statements. */
static bool was_noticed(cli_progress *p, const char *text)
{
    char kept[sizeof *p->noticed];
    wb_copy_text(kept, sizeof kept, text, strlen(text));
    for (uint32_t i = 0; i < p->noticed_count; i++)
        if (strcmp(p->noticed[i], kept) == 0)
            return true;
    if (p->noticed_count < WB_COUNT(p->noticed))
        memcpy(p->noticed[p->noticed_count++], kept, sizeof kept);
    return false;
}

static void tell_repeated(cli_progress *p)
{
    if (p->repeated) {
        cli_progress_end(p);
        fflush(p->out->file);
        cli_put(p->errs, CLI_YELLOW, "server warning: ");
        cli_putf(p->errs, CLI_PLAIN, "the same again, %u time%s; -v shows all\n", p->repeated,
                 p->repeated == 1 ? "" : "s");
    }
    p->noticed_count = p->repeated = 0;
}

static void notice(cli_progress *p, const wbl_event *e)
{
    static const char *const quiet[] = { "NOTICE", "INFO", "LOG", "DEBUG", "Note" };
    bool is_quiet = false;
    for (size_t i = 0; i < WB_COUNT(quiet); i++)
        is_quiet |= e->severity && wb_str_ieq(WB_STR(e->severity), quiet[i]);
    if ((is_quiet && p->verbose == 0) || !e->text)
        return;
    if (p->verbose == 0 && was_noticed(p, e->text)) {
        p->repeated++;
        return;
    }
    cli_progress_end(p);
    fflush(p->out->file);
    cli_put(p->errs, is_quiet ? CLI_DIM : CLI_YELLOW, is_quiet ? "server notice: " : "server warning: ");
    cli_put(p->errs, CLI_PLAIN, e->text);
    cli_put(p->errs, CLI_PLAIN, "\n");
}

static void waiting(cli_progress *p, const wbl_event *e)
{
    const char *text = e->text ? e->text : "waiting for another run";
    char kept[sizeof p->waiting];
    wb_copy_text(kept, sizeof kept, text, strlen(text));
    if (strcmp(p->waiting, kept) == 0) /* the same news again */
        return;
    memcpy(p->waiting, kept, sizeof kept);
    cli_progress_end(p);
    fflush(p->out->file);
    size_t word = strcspn(text, " ");
    cli_putf(p->errs, CLI_YELLOW, "%.*s", (int)word, text);
    cli_put(p->errs, CLI_PLAIN, text + word);
    cli_put(p->errs, CLI_PLAIN, "\n");
}

static void finding(cli_progress *p, const wbl_event *e)
{
    int severity = e->finding->severity;
    p->finding_count++;
    if (severity == WBL_ERROR || (severity == WBL_NOTE && p->verbose == 0)) /* errors come with the failure */
        return;
    cli_progress_end(p);
    fflush(p->out->file);
    cli_finding_print(p->errs, e->finding);
}

static void as_text(cli_progress *p, const wbl_event *e)
{
    switch ((wbl_event_kind)e->kind) {
    case WBL_EVENT_RUN_STARTED: run_started(p, e); break;
    case WBL_EVENT_STARTED:
    case WBL_EVENT_STATEMENT:
    case WBL_EVENT_PROGRESS: going_on(p, e); break;
    case WBL_EVENT_NOTICE: notice(p, e); break;
    case WBL_EVENT_DONE:
        tell_repeated(p);
        cli_progress_end(p);
        if (e->migration)
            step_done(p, e);
        break;
    case WBL_EVENT_FAILED:
        tell_repeated(p);
        cli_progress_end(p);
        if (e->migration)
            step_failed(p, e);
        break;
    case WBL_EVENT_WAITING: waiting(p, e); break;
    case WBL_EVENT_FINDING:
        if (e->finding)
            finding(p, e);
        break;
    case WBL_EVENT_RUN_DONE: cli_progress_end(p); break;
    }
}

/* Of a dry run only the wait and the server's warnings are news; the plan is printed at the end. */
static bool is_news_of_a_plan(int32_t kind) { return kind == WBL_EVENT_WAITING || kind == WBL_EVENT_NOTICE; }

void cli_progress_event(cli_progress *p, const wbl_event *e)
{
    if (e->kind == WBL_EVENT_FAILED && e->migration)
        keep_failed(p, e->migration);
    if (p->mode == CLI_AS_EVENTS)
        cli_events_put(p->out, e);
    else if (p->mode == CLI_AS_TEXT && (!p->is_muted || is_news_of_a_plan(e->kind)))
        as_text(p, e);
}
