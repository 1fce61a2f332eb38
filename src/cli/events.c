/*
 * events.c - the events of a run as one JSON object a line (--events), for programs that watch it.
 *
 * The lines go to stdout, and text for people is left out. The last line has event "result", the exit code, and the
 * document that --json would have printed.
 */
#include "cli/cli.h"

#include <string.h>

#define EVENT_BYTES_MAX WB_FILE_SIZE_MAX /* the last line holds the whole report */

static void add_key(wb_buf *b, const char *key) { wb_buf_addf(b, "%c\"%s\":", b->len ? ',' : '{', key); }

static void add_text(wb_buf *b, const char *key, const char *value)
{
    if (!value || !*value)
        return;
    add_key(b, key);
    wb_buf_json(b, value, strlen(value));
}

static void add_number(wb_buf *b, const char *key, int64_t value)
{
    add_key(b, key);
    wb_buf_addf(b, "%lld", (long long)value);
}

static void add_migration(wb_buf *b, const wbl_migration *m)
{
    if (!m)
        return;
    add_text(b, "namespace", m->ns);
    add_text(b, "version", m->version);
    add_text(b, "name", m->name);
    add_text(b, "path", m->path);
    add_text(b, "direction", m->direction == WBL_DOWN ? "down" : "up");
    add_text(b, "protocol", cli_protocol_name(m->protocol));
}

static void add_finding(wb_buf *b, const wbl_finding *f)
{
    static const char *const severities[] = { "note", "warning", "error" };
    if (!f)
        return;
    if (f->severity >= 0 && f->severity < (int32_t)WB_COUNT(severities))
        add_text(b, "severity", severities[f->severity]);
    add_text(b, "code", f->code);
    add_text(b, "namespace", f->ns);
    add_text(b, "version", f->version);
    add_text(b, "name", f->name);
    add_text(b, "object", f->object);
    add_text(b, "file", f->file);
    if (f->line)
        add_number(b, "line", f->line);
    if (f->column)
        add_number(b, "column", f->column);
    add_text(b, "message", f->message);
    add_text(b, "detail", f->detail);
    add_text(b, "hint", f->hint);
}

static void add_error(wb_buf *b, const wbl_error *err)
{
    static const char *const effects[] = { "none", "some", "unknown" };
    if (!err || err->code >= 0)
        return;
    add_number(b, "code", err->code);
    add_text(b, "message", err->message);
    add_text(b, "hint", err->hint);
    add_text(b, "file", err->file);
    if (err->line)
        add_number(b, "line", err->line);
    if (err->column)
        add_number(b, "column", err->column);
    if (err->statement)
        add_number(b, "statement", err->statement);
    add_text(b, "sqlstate", err->sqlstate);
    if (err->native)
        add_number(b, "native", err->native);
    if (err->effect < WB_COUNT(effects))
        add_text(b, "effect", effects[err->effect]);
}

static void add_numbers(wb_buf *b, const wbl_event *e)
{
    if (e->count) {
        add_number(b, "index", e->index);
        add_number(b, "count", e->count);
    }
    if (e->kind == WBL_EVENT_PROGRESS) {
        add_number(b, "done", (int64_t)e->done);
        add_number(b, "total", (int64_t)e->total);
        if (e->rate > 0)
            add_number(b, "rate", (int64_t)(e->rate + 0.5));
    }
    if (e->kind == WBL_EVENT_DONE || e->kind == WBL_EVENT_FAILED)
        add_number(b, "duration_ms", e->duration_ms);
}

static void put_line(cli_screen *s, wb_buf *b)
{
    wb_buf_str(b, "}\n");
    if (wb_buf_cstr(b))
        fwrite(b->p, 1, b->len, s->file);
    fflush(s->file);
}

static void start_line(wb_buf *b, const char *event)
{
    char now[32];
    wb_utc_text(wb_wall_ms(), now);
    add_text(b, "event", event);
    add_text(b, "time", now);
}

void cli_events_put(cli_screen *s, const wbl_event *e)
{
    static const char *const kinds[] = { NULL,   "run_started", "started", "statement", "progress", "notice",
                                         "done", "failed",      "waiting", "finding",   "run_done" };
    if (e->kind <= 0 || e->kind >= (int32_t)WB_COUNT(kinds))
        return;
    WB_AUTOBUF wb_buf b = WB_BUF(EVENT_BYTES_MAX);
    start_line(&b, kinds[e->kind]);
    if (e->report) {
        add_text(&b, "url", e->report->url);
        add_text(&b, "profile", e->report->profile);
        add_text(&b, "server", e->report->server);
        add_number(&b, "steps", e->report->step_count);
    }
    if (e->kind == WBL_EVENT_RUN_DONE && e->report) {
        add_number(&b, "completed", e->report->done_count);
        add_number(&b, "applied_total", e->report->applied_total);
        add_number(&b, "duration_ms", e->report->duration_ms);
    }
    add_migration(&b, e->migration);
    add_numbers(&b, e);
    if (e->kind == WBL_EVENT_NOTICE)
        add_text(&b, "severity", e->severity);
    add_text(&b, e->kind == WBL_EVENT_PROGRESS ? "phase" : "text", e->text);
    add_finding(&b, e->kind == WBL_EVENT_FINDING ? e->finding : NULL);
    add_error(&b, e->error);
    put_line(s, &b);
}

/* A document without line ends and the blanks between its members; text inside keeps every byte. */
static void add_compact(wb_buf *b, const char *json)
{
    bool is_text = false;
    for (const char *p = json; *p; p++) {
        if (is_text && *p == '\\' && p[1]) {
            wb_buf_add(b, p, 2);
            p++;
            continue;
        }
        if (*p == '"')
            is_text = !is_text;
        if (is_text || !strchr(" \t\r\n", *p))
            wb_buf_char(b, *p);
    }
}

void cli_events_result(cli_screen *s, const char *command, int exit_code, const char *document)
{
    WB_AUTOBUF wb_buf b = WB_BUF(EVENT_BYTES_MAX);
    start_line(&b, "result");
    add_text(&b, "command", command);
    add_number(&b, "exit_code", exit_code);
    add_key(&b, "report");
    add_compact(&b, document);
    put_line(s, &b);
}
