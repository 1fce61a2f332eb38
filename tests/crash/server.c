/*
 * server.c - the server of the model: rows, statements, transactions, locks, and sessions whose client is gone.
 *
 * A statement's text names its effect: "CREATE TABLE s3" and "INSERT INTO s4" count up, "DROP TABLE s3" counts down.
 * Counting, instead of refusing what is there already, is the point: a statement that runs twice must show. A second
 * transaction never runs beside an open one; what would wait for a row lock waits here for the whole transaction.
 * Owns the backends of a world.
 */
#include "modeldb.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static const char *broke(model_world *w, const char *what)
{
    if (!w->broken)
        w->broken = what;
    return what;
}

/* ---- texts and tables ---- */

const char *model_text(model_world *w, const char *p, size_t len)
{
    const char *copy = wb_arena_str(&w->mem, p, len);
    if (!copy)
        abort();
    return copy;
}

void model_copy(model_data *to, const model_data *from)
{
    memcpy(to, from, offsetof(model_data, tables));
    for (size_t i = 0; i < from->table_count; i++) {
        const model_table *t = &from->tables[i];
        memcpy(&to->tables[i], t, offsetof(model_table, rows) + t->row_count * sizeof *t->rows);
    }
}

model_table *model_find(model_data *d, const char *name)
{
    for (size_t i = 0; i < d->table_count; i++)
        if (strcmp(d->tables[i].name, name) == 0)
            return &d->tables[i];
    return NULL;
}

int model_column(const model_table *t, const char *name)
{
    for (size_t i = 0; i < t->column_count; i++)
        if (strcmp(t->columns[i].name, name) == 0)
            return (int)i;
    return -1;
}

static const char *text_of(model_world *w, const wb_value *v)
{
    char number[32];
    const char *yes = w->profile->is_embedded ? "1" : "t", *no = w->profile->is_embedded ? "0" : "f";
    switch (v->kind) {
    case WB_VALUE_NULL: return NULL;
    case WB_VALUE_TEXT: return model_text(w, v->text.p, v->text.len);
    case WB_VALUE_BOOL: return v->number ? yes : no;
    case WB_VALUE_NOW: return "2026-01-01 00:00:00";
    case WB_VALUE_ELAPSED: return "1";
    case WB_VALUE_INT: break;
    }
    snprintf(number, sizeof number, "%lld", (long long)v->number);
    return model_text(w, number, strlen(number));
}

bool model_matches(const model_table *t, const model_row *row, const wb_field *where, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int c = model_column(t, where[i].column);
        const char *cell = c < 0 ? NULL : row->cells[c];
        const wb_value *v = &where[i].value;
        if (!cell)
            return false;
        if (v->kind == WB_VALUE_BOOL ? (*cell == 't' || *cell == '1') != (v->number != 0)
                                     : !(v->kind == WB_VALUE_TEXT && strlen(cell) == v->text.len &&
                                         memcmp(cell, v->text.p, v->text.len) == 0))
            return false;
    }
    return true;
}

static bool has_key(const model_table *t, const model_row *fresh)
{
    for (size_t r = 0; r < t->row_count; r++) {
        bool is_same = false, differs = false;
        for (size_t c = 0; c < t->column_count; c++) {
            if (!t->columns[c].is_key)
                continue;
            is_same = true;
            differs |= wb_strcmp_null(t->rows[r].cells[c], fresh->cells[c]) != 0;
        }
        if (is_same && !differs)
            return true;
    }
    return false;
}

static int insert(model_world *w, model_table *t, const wb_row_op *op, const char **why)
{
    model_row row = { { NULL } };
    for (size_t c = 0; c < t->column_count; c++) {
        const wb_value now = WB_NOW(), serial = WB_INT(t->serial + 1);
        const char *preset = t->columns[c].default_text;
        if (t->columns[c].type == WB_TYPE_SERIAL)
            row.cells[c] = text_of(w, &serial);
        else if (preset && strcmp(preset, "CURRENT_TIMESTAMP") == 0)
            row.cells[c] = text_of(w, &now);
        else if (preset)
            row.cells[c] = w->profile->is_embedded ? "0" : "f";
    }
    for (size_t i = 0; i < op->set_count; i++) {
        int c = model_column(t, op->set[i].column);
        if (c < 0)
            return *why = "no such column", WBL_E_STATEMENT;
        row.cells[c] = text_of(w, &op->set[i].value);
    }
    for (size_t c = 0; c < t->column_count; c++)
        if (t->columns[c].not_null && !row.cells[c])
            return *why = "null value in a column that forbids it", WBL_E_STATEMENT;
    if (op->only_if_empty && t->row_count)
        return *why = "the table is not empty", WBL_E_CONFLICT;
    if (has_key(t, &row))
        return *why = "duplicate key", op->is_fence ? WBL_E_CONFLICT : WBL_E_STATEMENT;
    if (t->row_count == MODEL_ROWS)
        return *why = broke(w, "the model's table is full"), WBL_E_INTERNAL;
    t->serial++;
    t->rows[t->row_count++] = row;
    return 0;
}

static int put(model_world *w, model_data *d, const wb_row_op *op, const char **why)
{
    model_table *t = model_find(d, op->table.name);
    if (!t)
        return *why = "no such table", WBL_E_STATEMENT;
    if (op->op == WB_OP_INSERT)
        return insert(w, t, op, why);
    size_t hits = 0, kept = 0;
    for (size_t r = 0; r < t->row_count; r++)
        hits += model_matches(t, &t->rows[r], op->where, op->where_count);
    if (op->must_hit && hits != 1)
        return *why = "the row is not there, or not as it was", WBL_E_CONFLICT;
    for (size_t r = 0; r < t->row_count; r++) {
        model_row *row = &t->rows[r];
        bool is_hit = model_matches(t, row, op->where, op->where_count);
        for (size_t i = 0; is_hit && op->op == WB_OP_UPDATE && i < op->set_count; i++)
            row->cells[model_column(t, op->set[i].column)] = text_of(w, &op->set[i].value);
        if (!is_hit || op->op == WB_OP_UPDATE)
            t->rows[kept++] = *row;
    }
    t->row_count = kept;
    return 0;
}

static void create(model_data *d, const model_request *q)
{
    for (size_t i = 0; i < q->table_count; i++) {
        const wb_table *wanted = &q->tables[i];
        if (model_find(d, wanted->ref.name))
            continue;
        model_table *t = &d->tables[d->table_count++];
        t->name = wanted->ref.name;
        t->column_count = wanted->column_count;
        t->row_count = 0;
        t->serial = 0;
        memcpy(t->columns, wanted->columns, wanted->column_count * sizeof *t->columns);
    }
}

/* ---- statements ---- */

static const char *first_token(const char *p)
{
    for (;;) {
        p += strspn(p, " \t\r\n");
        if (p[0] != '-' || p[1] != '-')
            return p;
        p += strcspn(p, "\n");
    }
}

bool model_is_word(const char *text, const char *word)
{
    const char *p = first_token(text);
    size_t n = strlen(word);
    return strncasecmp(p, word, n) == 0 && strchr(" \t\r\n;", p[n]);
}

int model_effect_of(const char *text, bool *is_down)
{
    const char *p = first_token(text);
    *is_down = model_is_word(p, "DROP") || model_is_word(p, "DELETE");
    for (p = strstr(p, " s"); p; p = strstr(p + 1, " s"))
        if (p[2] >= '0' && p[2] <= '9')
            return (int)strtol(p + 2, NULL, 10);
    return 0;
}

bool model_is_there(const model_data *d, int k) { return d->up[k] > d->down[k]; }

static bool is_ddl(const char *text)
{
    return model_is_word(text, "CREATE") || model_is_word(text, "DROP") || model_is_word(text, "ALTER");
}

static void end_txn(model_world *w, model_backend *b, bool commits)
{
    if (commits && b->in_txn && !b->is_failed)
        model_copy(&w->data, &b->txn);
    b->in_txn = b->is_failed = b->is_fuse_whole = false;
}

static int run_effect(model_world *w, model_backend *b, const model_request *q, const char **why)
{
    bool is_down, is_concurrent = strstr(q->text, "CONCURRENTLY") != NULL;
    int k = model_effect_of(q->text, &is_down);
    if (is_concurrent && b->in_txn)
        return *why = broke(w, "CONCURRENTLY ran in a transaction"), WBL_E_STATEMENT;
    model_data *d = model_view(w, b);
    if (q->affected)
        *q->affected = MODEL_BATCH;
    if (k == 0)
        return 0;
    if (is_concurrent && !is_down && d->invalid[k])
        return *why = "the relation exists already", WBL_E_STATEMENT;
    if (is_down)
        d->down[k]++;
    else
        d->up[k]++;
    if (is_down)
        d->invalid[k] = false;
    return 0;
}

static int run(model_world *w, model_backend *b, const model_request *q, const char **why)
{
    if (model_is_word(q->text, "BEGIN")) {
        if (b->in_txn)
            return *why = broke(w, "BEGIN ran in a transaction"), WBL_E_STATEMENT;
        model_copy(&b->txn, &w->data);
        b->in_txn = true;
        return 0;
    }
    if (model_is_word(q->text, "COMMIT") || model_is_word(q->text, "ROLLBACK")) {
        bool was_failed = b->is_failed;
        end_txn(w, b, model_is_word(q->text, "COMMIT"));
        return was_failed && model_is_word(q->text, "COMMIT") ? (*why = "rolled back instead", WBL_E_STATEMENT) : 0;
    }
    if (b->in_txn && is_ddl(q->text) && !(w->profile->caps & WB_CAP_TXN_DDL))
        end_txn(w, b, true);
    if (strstr(q->text, "hidden_commit")) /* what no lexer can see */
        end_txn(w, b, true);
    if (strstr(q->text, "ends_txn") && b->in_txn) {
        if (w->profile->caps & WB_CAP_TXN_DDL)
            return *why = MODEL_TERMINATES, WBL_E_STATEMENT;
        end_txn(w, b, true);
    }
    int rc = run_effect(w, b, q, why);
    return rc == 0 && strstr(q->text, "fails_late") ? (*why = "refused in the middle", WBL_E_STATEMENT) : rc;
}

/* ---- sessions ---- */

model_backend *model_connect(model_world *w, const char *run_id)
{
    for (int i = 0; i < MODEL_BACKENDS; i++) {
        model_backend *b = &w->backends[i];
        if (b->is_used)
            continue;
        wb_free(b->saved);
        memset(b, 0, offsetof(model_backend, txn));
        b->saved = NULL;
        b->pending = NULL;
        b->pending_count = 0;
        b->is_used = true;
        wb_copy_text(b->run_id, sizeof b->run_id, run_id, strlen(run_id));
        return b;
    }
    broke(w, "sessions are left open");
    return NULL;
}

static int number_of(const model_world *w, const model_backend *b) { return (int)(b - w->backends) + 1; }

void model_drop(model_world *w, model_backend *b)
{
    if (!b)
        return;
    end_txn(w, b, false);
    for (int i = 0; i < MODEL_LOCKS; i++)
        if (w->locks[i].owner == number_of(w, b))
            w->locks[i].owner = 0;
    b->is_used = b->is_ghost = false;
}

void model_leave(model_world *w, model_backend *b, const model_request *pending, size_t count, int patience)
{
    model_request *kept = wb_arena_get(&w->mem, (count + 1) * sizeof *kept);
    if (!kept)
        abort();
    if (count)
        memcpy(kept, pending, count * sizeof *kept);
    for (size_t i = 0; i < count; i++)
        kept[i].affected = NULL; /* nobody is there to hear it */
    b->is_ghost = true;
    b->pending = kept;
    b->pending_count = count;
    b->patience = patience;
}

static void finish_ghost(model_world *w, model_backend *b)
{
    int rc = 0;
    const char *why;
    for (size_t i = 0; rc == 0 && i < b->pending_count; i++)
        rc = model_execute(w, b, &b->pending[i], &why);
    model_drop(w, b);
}

void model_survey_tick(model_world *w, const model_backend *who)
{
    for (int i = 0; i < MODEL_BACKENDS; i++) {
        model_backend *b = &w->backends[i];
        if (b->is_used && b->is_ghost && b != who && b->patience-- <= 0)
            finish_ghost(w, b);
    }
}

void model_finish_ghosts(model_world *w)
{
    for (int i = 0; i < MODEL_BACKENDS; i++)
        if (w->backends[i].is_used && w->backends[i].is_ghost)
            finish_ghost(w, &w->backends[i]);
}

model_data *model_view(model_world *w, model_backend *b) { return b->in_txn ? &b->txn : &w->data; }

bool model_owns_locks(const model_world *w, const model_backend *b)
{
    bool owns = false;
    for (int i = 0; i < MODEL_LOCKS; i++)
        owns |= w->locks[i].owner == number_of(w, b);
    return owns;
}

/* ---- locks ---- */

static model_lock *find_lock(model_world *w, const char *text)
{
    model_lock *empty = NULL;
    for (int i = 0; i < MODEL_LOCKS; i++) {
        if (strcmp(w->locks[i].text, text) == 0)
            return &w->locks[i];
        empty = !w->locks[i].text[0] && !empty ? &w->locks[i] : empty;
    }
    if (empty)
        wb_copy_text(empty->text, sizeof empty->text, text, strlen(text));
    return empty;
}

static void lock(model_world *w, model_backend *b, const model_request *q)
{
    int me = number_of(w, b);
    for (size_t i = 0; i < q->lock_count; i++) {
        const model_lock *l = find_lock(w, q->locks[i].text);
        if (!l || (l->owner && l->owner != me))
            return;
    }
    for (size_t i = 0; i < q->lock_count; i++)
        find_lock(w, q->locks[i].text)->owner = me;
}

static void unlock(model_world *w, model_backend *b, const model_request *q)
{
    for (size_t i = 0; i < q->lock_count; i++) {
        model_lock *l = find_lock(w, q->locks[i].text);
        if (l && l->owner == number_of(w, b))
            l->owner = 0;
    }
}

/* ---- one request ---- */

static bool writes(const model_request *q)
{
    return q->kind == REQ_CREATE || q->kind == REQ_CLEAN || q->kind == REQ_BEGIN || q->kind == REQ_PUT ||
           q->kind == REQ_RUN;
}

/* Whoever writes must hold the lock, and waits for an open transaction of somebody else. */
static void check_lock(model_world *w, model_backend *b, const model_request *q)
{
    if (!writes(q))
        return;
    if (w->profile->caps & WB_CAP_LOCK_SESSION && !model_owns_locks(w, b))
        broke(w, "it wrote without holding the lock");
    for (int i = 0; i < MODEL_BACKENDS; i++) {
        model_backend *other = &w->backends[i];
        if (other != b && other->is_used && other->is_ghost)
            finish_ghost(w, other);
    }
}

static int execute(model_world *w, model_backend *b, const model_request *q, const char **why)
{
    switch (q->kind) {
    case REQ_READ:
    case REQ_RESET: return 0;
    case REQ_LOCK: lock(w, b, q); return 0;
    case REQ_UNLOCK: unlock(w, b, q); return 0;
    case REQ_CREATE: create(model_view(w, b), q); return 0;
    case REQ_CLEAN: {
        bool is_down;
        w->data.invalid[model_effect_of(q->text, &is_down)] = false;
        return 0;
    }
    case REQ_BEGIN:
        if (b->in_txn)
            return *why = broke(w, "a unit began in a transaction"), WBL_E_STATE;
        model_copy(&b->txn, &w->data);
        b->in_txn = true;
        b->is_fuse_whole = q->fuse && *q->fuse;
        b->wants_fence = b->is_fuse_whole;
        b->has_fence = false;
        return 0;
    case REQ_PUT:
        if (q->op.check_fuse && !b->is_fuse_whole)
            return *why = "the script ended the transaction that holds it", WBL_E_STATE;
        b->has_fence |= q->op.is_fence || q->op.must_hit;
        return put(w, model_view(w, b), &q->op, why);
    case REQ_RUN:
        if (q->is_in_unit && b->wants_fence && !b->has_fence)
            broke(w, "a script ran before its fence");
        return run(w, b, q, why);
    case REQ_COMMIT:
        if (b->is_failed)
            return end_txn(w, b, false), *why = "rolled back instead of committed", WBL_E_STATEMENT;
        end_txn(w, b, true);
        return 0;
    case REQ_ROLLBACK: end_txn(w, b, false); return 0;
    }
    return 0;
}

int model_execute(model_world *w, model_backend *b, const model_request *q, const char **why)
{
    check_lock(w, b, q);
    bool is_end = q->kind == REQ_RUN && (model_is_word(q->text, "COMMIT") || model_is_word(q->text, "ROLLBACK"));
    if (b->is_failed && (q->kind == REQ_RUN || q->kind == REQ_PUT || q->kind == REQ_CREATE) && !is_end)
        return *why = "the transaction is aborted", WBL_E_STATEMENT;
    int rc = execute(w, b, q, why);
    /* PostgreSQL ends a transaction with its first error; the others take back the statement only. */
    if (rc != 0 && b->in_txn && w->profile->is_deferred)
        b->is_failed = true;
    return rc;
}
