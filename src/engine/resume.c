/*
 * resume.c - a script that stopped half way goes on behind what is done, so the statements that are done must be the
 * same ones.
 *
 * Looked at when the plan is made and by `validate`, so that a person reads which statement was changed, and how, before
 * anything runs. stepwise.c looks once more before it goes on. Owns nothing; texts are in the arena of the call.
 */
#include "engine/engine.h"

struct span {
    uint32_t first, last;              /* statements, from 1 */
    size_t from, to;                   /* their bytes */
    uint32_t line, column;             /* of the first */
};

static int widen(void *user, const wb_statement *st)
{
    struct span *s = user;
    if (st->index < s->first || st->index > s->last)
        return 0;
    if (st->index == s->first) {
        s->from = st->offset;
        s->line = st->line;
        s->column = st->column;
    }
    s->to = wb_statement_end(st);
    return 0;
}

/* Statements first to last of a text, as far as it has them; 0 when it has none of them. */
static size_t find_span(wb_run *run, wb_str text, uint32_t first_line, uint32_t first, uint32_t last, struct span *out)
{
    wbl_error scratch;
    wb_ctx quiet = wb_run_quiet(run, &scratch); /* a text that was read before has no faults that are new */
    wb_sql_options sql = run->sql;
    sql.first_line = first_line;
    *out = (struct span){ .first = first, .last = last };
    return wb_split(&quiet, &sql, text.p, text.len, false, widen, out) == 0 ? out->to : 0;
}

static wb_str cut(wb_str text, const struct span *s) { return (wb_str){ text.p + s->from, s->to - s->from }; }

static void hash(const wb_run *run, wb_str text, char out[65]) { wb_sql_token_hash(&run->sql, text.p, text.len, out); }

/* Of statements 1 to `done`. */
static void hash_done(wb_run *run, wb_str text, uint32_t first_line, uint32_t done, struct span *at, char out[65])
{
    wb_sql_token_hash_to(&run->sql, text.p, text.len, find_span(run, text, first_line, 1, done, at), out);
}

/* The first of `done` statements that is another one now; 0: none is. */
static uint32_t first_changed(wb_run *run, wb_str before, wb_str after, uint32_t done)
{
    for (uint32_t n = 1; n <= done; n++) {
        struct span was, is;
        char was_hash[65], is_hash[65];
        if (!find_span(run, before, 1, n, n, &was))
            return 0;
        if (!find_span(run, after, 1, n, n, &is))
            return n;
        hash(run, cut(before, &was), was_hash);
        hash(run, cut(after, &is), is_hash);
        if (strcmp(was_hash, is_hash) != 0)
            return n;
    }
    return 0;
}

struct kept {
    wb_arena *mem;
    const char *text;
};

static int keep_text(void *user, const wb_str *cells, size_t count)
{
    struct kept *k = user;
    (void)count;
    if (!cells[0].p || k->text)
        return 0;
    k->text = wb_arena_str(k->mem, cells[0].p, cells[0].len);
    return k->text ? 0 : WBL_E_NOMEM;
}

/* The script as the earlier attempt ran it: a repair repeats the checksum of that attempt, and not its text. NULL: it is not
   kept (too long, a down script, variables). */
static int read_kept(wb_run *run, const wb_item *it, const char **out)
{
    static const char *const columns[] = { "up_script" };
    struct kept k = { .mem = run->mem };
    const wb_field where[] = { run->history.own, { "checksum", WB_TEXT(it->last->sha256) } };
    const wb_select sel = { .table = run->history.table.ref, .columns = columns, .column_count = WB_COUNT(columns),
                            .where = where, .where_count = WB_COUNT(where), .fn = keep_text, .user = &k };
    int rc = run->h->driver->rows(&run->cx, run->h->session, &sel, 1);
    *out = k.text;
    return rc == WBL_E_NOMEM ? wb_nomem(&run->cx) : rc;
}

static int tell(wb_run *run, wb_item *it, const wb_script *s, uint32_t n, const char *detail, const struct span *at)
{
    uint32_t done = it->resume_done;
    bool is_one = n > 0 || done == 1;
    wbl_finding *f = wb_finding_add(&run->cx, &run->h->findings, WBL_ERROR, "half-done-edited",
                                    WB_LABEL ": %s%u %s run already, and %s changed since", WB_LABEL_OF(it),
                                    is_one ? "statement " : "statements 1-", n ? n : done, is_one ? "has" : "have",
                                    is_one ? "it was" : "they were");
    const char *hint = wb_arena_fmt(run->mem, "Put %s back and change only what comes behind %s; or say what holds now:\n"
                                    "  %s repair " WB_LABEL " --mark-applied\n  %s repair " WB_LABEL " --mark-reverted",
                                    is_one ? "it" : "them", done == 1 ? "it" : wb_arena_fmt(run->mem, "statement %u", done),
                                    wb_command_of(run->h), WB_LABEL_OF(it), wb_command_of(run->h), WB_LABEL_OF(it));
    if (!f || !hint)
        return wb_nomem(&run->cx);
    f->ns = it->ns;
    f->version = it->version;
    f->name = it->name;
    f->file = s->shown;
    f->line = at->line;
    f->column = at->column;
    f->detail = detail;
    f->hint = hint;
    return 0;
}

int wb_run_resumed(wb_run *run, wb_item *it, const wb_script *s)
{
    uint32_t done = it->resume_done, n = 0;
    if (!done || !it->last || !it->last->done_sha256 || !s->text)
        return 0;
    const wb_str now = { s->text, s->len };
    struct span at;
    char found[65];
    hash_done(run, now, s->first_line, done, &at, found);
    if (strcmp(found, it->last->done_sha256) == 0)
        return 0;
    const char *kept = NULL, *detail = "the text that ran is not kept";
    int rc = it->last->sha256 ? read_kept(run, it, &kept) : 0;
    struct span was;
    if (rc == 0 && kept) { /* a statement that a person vouched for may be another one in it */
        hash_done(run, WB_STR(kept), 1, done, &was, found);
        n = strcmp(found, it->last->done_sha256) == 0 ? first_changed(run, WB_STR(kept), now, done) : 0;
    }
    if (n) {
        (void)find_span(run, WB_STR(kept), 1, n, done, &was);
        size_t end = find_span(run, now, s->first_line, n, done, &at);
        detail = wb_text_diff(run->mem, cut(WB_STR(kept), &was), end ? cut(now, &at) : (wb_str){ "", 0 });
        if (!detail)
            rc = wb_nomem(&run->cx);
    }
    return rc == 0 ? tell(run, it, s, n, detail, &at) : rc;
}

int wb_run_resumed_all(wb_run *run)
{
    for (size_t i = 0; i < run->state.count; i++) {
        wb_item *it = &run->state.items[i];
        if (!it->migration || it->migration->is_code || !it->resume_done || wb_item_is_applied(it))
            continue;
        wb_script *s = it->is_reverting ? &it->migration->down : &it->migration->up;
        wbl_error scratch;
        wb_ctx was = run->cx;
        run->cx = wb_run_quiet(run, &scratch); /* who reads every file tells its faults */
        int rc = s->exists ? wb_run_script(run, it->migration, s) : WBL_E_INVALID;
        run->cx = was;
        if (rc == 0)
            rc = wb_run_resumed(run, it, s);
        else
            rc = rc == WBL_E_NOMEM ? wb_nomem(&run->cx) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}
