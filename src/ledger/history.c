/*
 * history.c - our own append-only table: one row for each attempt at anything.
 *
 * A row is written once, inside the transaction of its effect where there is one. Only the row of an attempt that is still
 * under way is updated (progress of a stepwise script), never after its end.
 */
#include "ledger/ledger.h"

#include <stdlib.h>
#include <string.h>

static const wb_column columns[] = {
    { .name = "seq", .type = WB_TYPE_SERIAL, .not_null = true, .is_key = true },
    { .name = "id", .type = WB_TYPE_VARCHAR, .length = 36, .not_null = true, .is_unique = true },
    { .name = "run_id", .type = WB_TYPE_VARCHAR, .length = 36, .not_null = true },
    { .name = "ledger", .type = WB_TYPE_TEXT, .not_null = true },
    { .name = "namespace", .type = WB_TYPE_TEXT, .not_null = true },
    { .name = "version", .type = WB_TYPE_TEXT, .not_null = true },
    { .name = "name", .type = WB_TYPE_TEXT },
    { .name = "action", .type = WB_TYPE_VARCHAR, .length = 16, .not_null = true },
    { .name = "state", .type = WB_TYPE_VARCHAR, .length = 16, .not_null = true },
    { .name = "protocol", .type = WB_TYPE_VARCHAR, .length = 16 },
    { .name = "statements", .type = WB_TYPE_INT },
    { .name = "statements_begun", .type = WB_TYPE_INT },
    { .name = "statements_done", .type = WB_TYPE_INT },
    { .name = "checksum", .type = WB_TYPE_TEXT },
    { .name = "token_checksum", .type = WB_TYPE_TEXT },
    { .name = "done_checksum", .type = WB_TYPE_TEXT },
    { .name = "looked", .type = WB_TYPE_TEXT },
    { .name = "up_script", .type = WB_TYPE_TEXT },
    { .name = "down_script", .type = WB_TYPE_TEXT },
    { .name = "executed_by", .type = WB_TYPE_TEXT },
    { .name = "tool", .type = WB_TYPE_TEXT },
    { .name = "started_at", .type = WB_TYPE_TIMESTAMPTZ, .not_null = true, .default_text = "CURRENT_TIMESTAMP" },
    { .name = "duration_ms", .type = WB_TYPE_BIGINT },
    { .name = "error", .type = WB_TYPE_TEXT },
    { .name = "note", .type = WB_TYPE_TEXT },
};

static const char *const short_columns[] = {
    "seq", "id", "namespace", "version", "action", "state", "protocol", "statements", "statements_begun",
    "statements_done", "checksum", "token_checksum", "done_checksum", "looked", "name", "error", "started_at",
    "duration_ms", WB_PRESENT "down_script",
};
static const char *const long_columns[] = {
    "seq", "id", "namespace", "version", "action", "state", "protocol", "statements", "statements_begun",
    "statements_done", "checksum", "token_checksum", "done_checksum", "looked", "name", "error", "started_at",
    "duration_ms", WB_PRESENT "down_script", "run_id", "executed_by", "tool", "note",
};
enum { C_SEQ, C_ID, C_NS, C_VERSION, C_ACTION, C_STATE, C_PROTOCOL, C_STATEMENTS, C_BEGUN, C_DONE, C_SHA, C_TOKENS,
       C_DONE_SHA, C_LOOKED, C_NAME, C_ERROR, C_STARTED, C_DURATION, C_HAS_DOWN, C_RUN, C_WHO, C_TOOL, C_NOTE };

static const struct word { const char *text; int protocol; } protocols[] = {
    { "atomic", WBL_PROTOCOL_ATOMIC }, { "stepwise", WBL_PROTOCOL_STEPWISE }, { "converge", WBL_PROTOCOL_CONVERGE }
};
/* Words that repeat in every row are not copied for every row. */
static const char *const known_words[] = { "up", "down", "force", "baseline", "adopt", "external", "repair", "started",
                                           "applied", "reverted", "failed", "unknown", "noted", "default" };

static const char *protocol_text(int protocol)
{
    for (size_t i = 0; i < WB_COUNT(protocols); i++)
        if (protocols[i].protocol == protocol)
            return protocols[i].text;
    return NULL;
}

void wb_history_init(wb_history *h, wb_arena *mem, const char *schema, const char *ledger)
{
    *h = (wb_history){ .mem = mem, .own = { "ledger", WB_TEXT(ledger) },
                       .table = { .ref = { schema, WB_HISTORY_TABLE }, .columns = columns,
                                              .column_count = WB_COUNT(columns) } };
}

static const char *keep(wb_history *h, wb_str cell, bool *bad)
{
    if (!cell.p)
        return NULL;
    const char *p = wb_arena_str(h->mem, cell.p, cell.len);
    *bad = *bad || !p;
    return p;
}

static const char *keep_word(wb_history *h, wb_str cell, bool *bad)
{
    for (size_t i = 0; cell.p && i < WB_COUNT(known_words); i++)
        if (wb_str_eq(cell, known_words[i]))
            return known_words[i];
    return keep(h, cell, bad);
}

/* Most rows are of the same namespace as the row before. */
static const char *keep_ns(wb_history *h, wb_str cell, bool *bad)
{
    const wb_record *before = h->count > 1 ? &h->records[h->count - 2] : NULL;
    return before && before->ns && cell.p && wb_str_eq(cell, before->ns) ? before->ns : keep_word(h, cell, bad);
}

static int64_t number(wb_str cell, int64_t otherwise)
{
    char text[32];
    if (!cell.p || cell.len == 0 || cell.len >= sizeof text)
        return otherwise;
    memcpy(text, cell.p, cell.len);
    text[cell.len] = 0;
    return strtoll(text, NULL, 10);
}

/* history rows hold the version as the file spells it; the key drops leading zeros of a number. */
static const char *key_of(const char *version)
{
    const char *p = version;
    while (*p == '0' && p[1])
        p++;
    return p[strspn(p, "0123456789")] == 0 ? p : version;
}

static int add_record(void *user, const wb_str *cells, size_t count)
{
    wb_history *h = user;
    wb_record *r = WB_PUSH(h->mem, h->records, h->count, h->cap);
    if (!r)
        return WBL_E_NOMEM;
    bool bad = false;
    *r = (wb_record){
        .seq = number(cells[C_SEQ], 0),
        .id = keep(h, cells[C_ID], &bad),
        .ns = keep_ns(h, cells[C_NS], &bad),
        .version = keep(h, cells[C_VERSION], &bad),
        .action = keep_word(h, cells[C_ACTION], &bad),
        .state = keep_word(h, cells[C_STATE], &bad),
        .statements = (uint32_t)number(cells[C_STATEMENTS], 0),
        .begun = (uint32_t)number(cells[C_BEGUN], 0),
        .done = (uint32_t)number(cells[C_DONE], 0),
        .sha256 = keep(h, cells[C_SHA], &bad),
        .tokens = keep(h, cells[C_TOKENS], &bad),
        .done_sha256 = keep(h, cells[C_DONE_SHA], &bad),
        .look = keep(h, cells[C_LOOKED], &bad),
        .name = keep(h, cells[C_NAME], &bad),
        .error = keep(h, cells[C_ERROR], &bad),
        .started_at = keep(h, cells[C_STARTED], &bad),
        .duration_ms = number(cells[C_DURATION], -1),
        .has_down_script = wb_str_eq(cells[C_HAS_DOWN], "1"),
    };
    if (count > C_RUN) {
        r->run_id = keep(h, cells[C_RUN], &bad);
        r->who = keep(h, cells[C_WHO], &bad);
        r->tool = keep(h, cells[C_TOOL], &bad);
        r->note = keep(h, cells[C_NOTE], &bad);
    }
    if (bad || !r->ns || !r->version || !r->action || !r->state || !r->id)
        return bad ? WBL_E_NOMEM : WBL_E_STATE;
    r->key = key_of(r->version);
    for (size_t i = 0; i < WB_COUNT(protocols); i++)
        if (wb_str_eq(cells[C_PROTOCOL], protocols[i].text))
            r->protocol = protocols[i].protocol;
    return 0;
}

void wb_history_select(wb_history *h, wb_select *out)
{
    h->records = NULL;
    h->count = h->cap = 0;
    *out = (wb_select){ .table = h->table.ref,
                        .columns = h->with_text ? long_columns : short_columns,
                        .column_count = h->with_text ? WB_COUNT(long_columns) : WB_COUNT(short_columns),
                        .where = &h->own, .where_count = 1, .order_by = "seq", .fn = add_record, .user = h };
}

static wb_value count_value(uint32_t n) { return n ? WB_INT(n) : WB_NULL(); }

int wb_history_add(wb_ctx *cx, wb_session *s, const wb_history *h, const wb_record *r, bool check_fuse, uint32_t tag)
{
    const wb_field all[] = {
        { "id", WB_TEXT(r->id) }, { "run_id", WB_TEXT(r->run_id) }, h->own, { "namespace", WB_TEXT(r->ns) },
        { "version", WB_TEXT(r->version) }, { "name", WB_TEXT(r->name) }, { "action", WB_TEXT(r->action) },
        { "state", WB_TEXT(r->state) }, { "protocol", WB_TEXT(protocol_text(r->protocol)) },
        { "statements", count_value(r->statements) }, { "statements_begun", count_value(r->begun) },
        { "statements_done", count_value(r->done) }, { "checksum", WB_TEXT(r->sha256) },
        { "token_checksum", WB_TEXT(r->tokens) }, { "done_checksum", WB_TEXT(r->done_sha256) },
        { "looked", WB_TEXT(r->look) }, { "up_script", WB_TEXT(r->up_script) },
        { "down_script", WB_TEXT(r->down_script) }, { "executed_by", WB_TEXT(r->who) }, { "tool", WB_TEXT(r->tool) },
        { "duration_ms", r->duration_ms == WB_DURATION_OF_UNIT ? WB_ELAPSED()
                         : r->duration_ms >= 0                 ? WB_INT(r->duration_ms) : WB_NULL() },
        { "error", WB_TEXT(r->error) }, { "note", WB_TEXT(r->note) },
    };
    wb_field set[WB_COUNT(all)];
    size_t n = 0;
    for (size_t i = 0; i < WB_COUNT(all); i++) /* a NULL is not worth its bytes */
        if (all[i].value.kind != WB_VALUE_NULL)
            set[n++] = all[i];
    const wb_row_op op = { .op = WB_OP_INSERT, .table = h->table.ref, .set = set, .set_count = n,
                           .check_fuse = check_fuse, .needs = check_fuse && h->checks_needs ? &h->needs : NULL, .tag = tag };
    return s->driver->put(cx, s, &op);
}

int wb_history_update(wb_ctx *cx, wb_session *s, const wb_history *h, const wb_record *r, uint32_t tag)
{
    const wb_field set[] = {
        { "state", WB_TEXT(r->state) }, { "statements", count_value(r->statements) },
        { "statements_begun", count_value(r->begun) }, { "statements_done", count_value(r->done) },
        { "done_checksum", WB_TEXT(r->done_sha256) }, { "looked", WB_TEXT(r->look) },
        { "duration_ms", r->duration_ms >= 0 ? WB_INT(r->duration_ms) : WB_NULL() }, { "error", WB_TEXT(r->error) },
        { "note", WB_TEXT(r->note) },
    };
    const wb_field where[] = { { "id", WB_TEXT(r->id) } };
    const wb_row_op op = { .op = WB_OP_UPDATE, .table = h->table.ref, .set = set, .set_count = WB_COUNT(set),
                           .where = where, .where_count = 1, .must_hit = true, .tag = tag };
    return s->driver->put(cx, s, &op);
}

struct one_text {
    wb_arena *mem;
    const char *text;
};

static int take_text(void *user, const wb_str *cells, size_t count)
{
    (void)count;
    struct one_text *t = user;
    if (cells[0].p && !(t->text = wb_arena_str(t->mem, cells[0].p, cells[0].len)))
        return WBL_E_NOMEM;
    return 0;
}

int wb_history_down_script(wb_ctx *cx, wb_session *s, const wb_history *h, wb_arena *mem, const char *id,
                           const char **out)
{
    static const char *const column[] = { "down_script" };
    const wb_field where[] = { { "id", WB_TEXT(id) } };
    struct one_text t = { mem, NULL };
    const wb_select sel = { .table = h->table.ref, .columns = column, .column_count = 1, .where = where,
                            .where_count = 1, .fn = take_text, .user = &t };
    int rc = s->driver->rows(cx, s, &sel, 1);
    if (rc == 0)
        *out = t.text;
    return rc;
}
