/*
 * tell.c - how this room speaks: findings about a migration, and the one error that stands for several findings.
 *
 * Wording sits beside the decision that it is about; here is only what all of them share. Owns nothing: all text goes
 * to the arena of the findings.
 */
#include "plan/parts.h"

enum { VERSIONS_SHOWN = 3 };

int wb_tell_item(wbl_finding *f, const wb_item *item, const char *file)
{
    if (!f)
        return WBL_E_NOMEM;
    f->ns = item->ns;
    f->version = item->version;
    f->name = item->name;
    f->file = file;
    return 0;
}

int wb_tell_hint(wb_ctx *cx, wb_findings *found, wbl_finding *f, const char *fmt, ...)
{
    if (!f)
        return WBL_E_NOMEM;
    va_list ap;
    va_start(ap, fmt);
    f->hint = wb_arena_vfmt(found->mem, fmt, ap);
    va_end(ap);
    return f->hint ? 0 : wb_nomem(cx);
}

size_t wb_tell_errors(const wb_findings *found, size_t since)
{
    size_t n = 0;
    for (size_t i = since; i < found->count; i++)
        n += found->items[i].severity == WBL_ERROR;
    return n;
}

int wb_tell_fail(wb_ctx *cx, const wb_findings *found, size_t since, int code, const char *many)
{
    size_t n = wb_tell_errors(found, since), i = since;
    while (i < found->count && found->items[i].severity != WBL_ERROR)
        i++;
    if (i == found->count)
        return wb_fail(cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "an error without a finding");
    const wbl_finding *first = &found->items[i];
    if (n == 1)
        (void)wb_fail(cx, code, WBL_EFFECT_NONE, "%s", first->message);
    else
        (void)wb_fail(cx, code, WBL_EFFECT_NONE, "%zu %s: %s", n, many, first->message);
    if (first->hint)
        wb_hint(cx, "%s", first->hint);
    if (first->file)
        wb_at(cx, first->file, first->line, first->column);
    return code;
}

/* "000001, 000002, 000003 and 34 more" */
static const char *versions_text(wb_arena *mem, const wb_item *const *items, size_t count)
{
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    size_t shown = count > VERSIONS_SHOWN + 1 ? VERSIONS_SHOWN : count;
    for (size_t i = 0; i < shown; i++)
        wb_buf_addf(&b, "%s%s", i ? ", " : "", items[i]->version);
    if (shown < count)
        wb_buf_addf(&b, " and %zu more", count - shown);
    const char *text = wb_buf_cstr(&b);
    return text ? wb_arena_dup(mem, text) : NULL;
}

/* ---- what both a plan and a validation find ---- */

int wb_tell_edited(wb_ctx *cx, wb_findings *found, const wb_item *it, int severity, const char *command)
{
    const char *file = it->migration ? it->migration->up.shown : NULL, *at = NULL, *who = NULL, *host = NULL;
    if (it->origin) {
        at = it->origin->started_at;
        who = it->origin->who;
        host = it->origin->host;
    }
    if (!at && it->row)
        at = it->row->applied_at;
    int day = at ? (int)strcspn(at, " T") : 0; /* the day is enough */
    wbl_finding *f;
    if (it->is_comment_edit)
        f = wb_finding_add(cx, found, WBL_WARNING, "edited-comments",
                           WB_LABEL " was changed after it was applied: only comments differ", WB_LABEL_OF(it));
    else
        f = wb_finding_add(cx, found, severity, "edited", WB_LABEL " was changed after it was applied%s%.*s%s%s%s%s",
                           WB_LABEL_OF(it), at ? " on " : "", day, at ? at : "", who && at ? " by " : "",
                           who && at ? who : "", who && at && host ? "@" : "", who && at && host ? host : "");
    if (wb_tell_item(f, it, file) != 0)
        return WBL_E_NOMEM;
    f->detail = it->edit_detail;
    if (it->is_comment_edit)
        return 0;
    if (!f->detail) {
        f->detail = wb_arena_fmt(found->mem, "the text that was applied is not kept%s%s%s", file ? "; `git log -p " : "",
                                 file ? file : "", file ? "` may show the difference" : "");
        if (!f->detail)
            return wb_nomem(cx);
    }
    return wb_tell_hint(cx, found, f,
                        "Put the file back and write a new migration; or, if the database was changed by hand "
                        "to match, `%s repair " WB_LABEL " --accept-file`.",
                        command, WB_LABEL_OF(it));
}

static int tell_gone(wb_ctx *cx, wb_arena *mem, wb_findings *found, const wb_item *const *items, size_t count)
{
    const char *versions = versions_text(mem, items, count);
    if (!versions)
        return wb_nomem(cx);
    const char *ns = items[0]->ns;
    wbl_finding *f;
    if (count == 1)
        f = wb_finding_add(cx, found, WBL_WARNING, "missing-file", WB_LABEL " is applied and its file is gone",
                           WB_LABEL_OF(items[0]));
    else
        f = wb_finding_add(cx, found, WBL_WARNING, "missing-file",
                           "%s%s%zu versions are applied and their files are gone: %s", wb_label_ns(ns),
                           wb_is_default_ns(ns) ? "" : ": ", count, versions);
    return wb_tell_item(f, items[0], NULL);
}

static int tell_newer(wb_ctx *cx, wb_findings *found, const wb_item *current, const wb_item *latest, int severity)
{
    const char *ns = current->ns;
    wbl_finding *f = wb_finding_add(cx, found, severity, "newer",
                                    "%s%sthe database is newer than the files: %s is applied, "
                                    "%s%s",
                                    wb_label_ns(ns), wb_is_default_ns(ns) ? "" : ": ", current->version,
                                    latest ? "the latest file is " : "there is no file", latest ? latest->version : "");
    return wb_tell_item(f, current, NULL);
}

int wb_tell_missing(wb_ctx *cx, wb_arena *mem, wb_findings *found, const wb_state *st, size_t ns, int newer)
{
    const wb_item *current = wb_state_current(st, ns), *latest = wb_state_latest(st, ns);
    const wb_item **gone = NULL;
    size_t count = 0, cap = 0;
    for (const wb_item *it = &st->items[st->ns_first[ns]]; latest && it < latest; it++) {
        const wb_item **slot = wb_item_is_missing(it) ? WB_PUSH(mem, gone, count, cap) : NULL;
        if (wb_item_is_missing(it) && !slot)
            return wb_nomem(cx);
        if (slot)
            *slot = it;
    }
    int rc = count ? tell_gone(cx, mem, found, gone, count) : 0;
    bool is_newer = newer >= 0 && current && wb_item_is_missing(current) && (!latest || current > latest);
    return rc == 0 && is_newer ? tell_newer(cx, found, current, latest, newer) : rc;
}

int wb_tell_not_in_plan(wb_ctx *cx, wb_findings *found, const wb_graph_ns *ns)
{
    wbl_finding *f =
        wb_finding_add(cx, found, WBL_WARNING, "not-in-plan", "%s is not in plan: its %zu %s not run", ns->name,
                       ns->source->count, ns->source->count == 1 ? "migration is" : "migrations are");
    if (wb_tell_hint(cx, found, f, "List it under namespaces: order:.") != 0)
        return WBL_E_NOMEM;
    f->ns = ns->name;
    f->file = ns->source->shown;
    return 0;
}
