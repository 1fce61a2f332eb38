/*
 * status.c - `whimbrel status` and `whimbrel version`: where each namespace stands.
 */
#include "cli/cli.h"

#include <string.h>

static const wbl_migration *first_in_state(const wbl_report *r, const wbl_namespace *ns, int32_t state)
{
    for (uint32_t i = 0; i < ns->migration_count; i++)
        if (r->migrations[ns->migration_first + i].state == state)
            return &r->migrations[ns->migration_first + i];
    return NULL;
}

/* Applied, and no file of it among the migrations. */
static const wbl_migration *first_missing(const wbl_report *r, const wbl_namespace *ns)
{
    const wbl_migration *m = first_in_state(r, ns, WBL_STATE_MISSING);
    for (uint32_t i = 0; !m && i < ns->migration_count; i++) {
        const wbl_migration *one = &r->migrations[ns->migration_first + i];
        if (one->state == WBL_STATE_APPLIED && !one->path)
            m = one;
    }
    return m;
}

static const wbl_migration *first_dirty(const wbl_report *r, const wbl_namespace *ns)
{
    for (uint32_t i = 0; i < ns->migration_count; i++)
        if (r->migrations[ns->migration_first + i].is_dirty)
            return &r->migrations[ns->migration_first + i];
    return NULL;
}

/* "pending: 000003 sessions and 2 more" */
static const char *named(cli *c, const char *word, const wbl_migration *m, uint32_t count)
{
    if (!m)
        return word;
    const char *more = count > 1 ? wb_arena_fmt(&c->mem, " and %u more", count - 1) : "";
    const char *s = wb_arena_fmt(&c->mem, "%s: %s%s", word, cli_join(c, m->version, m->name), more ? more : "");
    return s ? s : word;
}

static const char *failed_text(cli *c, const wbl_namespace *ns, const wbl_migration *m)
{
    char when[48];
    const char *s = named(c, m && m->direction == WBL_DOWN ? "half reverted" : "failed", m, ns->failed);
    if (!m)
        return s;
    const char *how = m->protocol == WBL_PROTOCOL_ATOMIC ? ", rolled back" : "";
    if (m->protocol == WBL_PROTOCOL_STEPWISE)
        how = wb_arena_fmt(&c->mem, ", %u statement%s done,", m->statements_done, cli_plural(m->statements_done));
    const char *text = wb_arena_fmt(&c->mem, "%s%s%s%s", s, how ? how : "", m->error_at ? " " : "",
                                    m->error_at ? cli_ago(when, m->error_at) : "");
    return text ? text : s;
}

/* The one thing to know about a namespace, the worst first. */
static cli_cell state_of(cli *c, const wbl_report *r, const wbl_namespace *ns)
{
    if (!ns->is_enabled)
        return (cli_cell){ "disabled", CLI_DIM };
    if (ns->unknown)
        return (cli_cell){ cli_join(c, named(c, "unknown", first_in_state(r, ns, WBL_STATE_UNKNOWN), ns->unknown),
                                    "(see `whimbrel repair`)"),
                           CLI_RED };
    if (ns->failed)
        return (cli_cell){ failed_text(c, ns, first_in_state(r, ns, WBL_STATE_FAILED)), CLI_RED };
    if (ns->is_dirty)
        return (cli_cell){ named(c, "dirty", first_dirty(r, ns), 1), CLI_RED };
    if (ns->missing)
        return (cli_cell){ named(c, "applied, file is gone", first_missing(r, ns), ns->missing), CLI_YELLOW };
    if (ns->pending)
        return (cli_cell){ named(c, "pending", first_in_state(r, ns, WBL_STATE_PENDING), ns->pending), CLI_YELLOW };
    if (ns->skipped)
        return (cli_cell){ named(c, "late, not applied", first_in_state(r, ns, WBL_STATE_SKIPPED), ns->skipped),
                           CLI_YELLOW };
    return (cli_cell){ "ok", CLI_GREEN };
}

static int print_table(cli *c)
{
    const wbl_report *r = cli_report(c);
    cli_table t = CLI_TABLE(&c->mem, 5);
    static const char *const titles[] = { "NAMESPACE", "CURRENT", "LATEST", "PENDING", "STATE" };
    for (size_t i = 0; i < WB_COUNT(titles); i++)
        cli_table_add(&t, CLI_BOLD, titles[i]);
    t.right = 1u << 3;
    t.soft = 1u << 0;
    t.spare = 1u << 2 | 1u << 3; /* the state says what is pending */
    t.hidden = cli_namespaces_have_ns(r) ? 0 : 1u << 0;
    for (uint32_t i = 0; i < r->namespace_count; i++) {
        const wbl_namespace *ns = &r->namespaces[i];
        cli_cell state = state_of(c, r, ns);
        cli_table_add(&t, CLI_PLAIN, ns->name);
        cli_table_add(&t, CLI_PLAIN, ns->current);
        cli_table_add(&t, CLI_PLAIN, ns->latest);
        cli_table_add(&t, CLI_PLAIN, wb_arena_fmt(&c->mem, "%u", ns->is_enabled ? ns->pending : 0));
        cli_table_add(&t, state.colour, state.text);
    }
    return cli_table_print(&c->cx, &t, &c->out, 0);
}

static const char *state_name(int32_t state)
{
    static const char *const names[] = {
        "pending", "applied", "failed", "unknown", "late", "file is gone", "disabled"
    };
    return state >= 0 && state < (int32_t)WB_COUNT(names) ? names[state] : "?";
}

static void add_migrations(cli *c, cli_table *t, const wbl_namespace *ns)
{
    for (uint32_t i = 0; i < ns->migration_count; i++) {
        const wbl_migration *m = &cli_report(c)->migrations[ns->migration_first + i];
        cli_table_add(t, CLI_PLAIN, m->ns);
        cli_table_add(t, CLI_PLAIN, cli_join(c, m->version, m->name));
        cli_table_add(t, CLI_PLAIN, state_name(m->state));
        cli_table_add(t, CLI_DIM, m->applied_at ? cli_second(&c->mem, m->applied_at) : "");
        cli_table_add(t, CLI_DIM, m->error ? m->error : !m->applied_at && m->reason ? m->reason : "");
    }
}

static int print_migrations(cli *c)
{
    const wbl_report *r = cli_report(c);
    if (r->migration_count == 0)
        return 0;
    cli_table t = CLI_TABLE(&c->mem, 5);
    t.soft = 1u << 0 | 1u << 1;
    t.below = 1u << 4;
    t.hidden = cli_namespaces_have_ns(r) ? 0 : 1u << 0;
    for (uint32_t i = 0; i < r->namespace_count; i++) /* those that were asked for */
        add_migrations(c, &t, &r->namespaces[i]);
    cli_put(&c->out, CLI_PLAIN, "\n");
    return cli_table_print(&c->cx, &t, &c->out, 0);
}

/* The documented form: the version as a number, so without leading zeros, and 0 when nothing is applied. */
static void print_blocks(cli *c)
{
    const wbl_report *r = cli_report(c);
    for (uint32_t i = 0; i < r->namespace_count; i++) {
        const wbl_namespace *ns = &r->namespaces[i];
        const char *current = ns->current ? ns->current : "0";
        while (current[0] == '0' && current[1] >= '0' && current[1] <= '9')
            current++;
        cli_putf(&c->out, CLI_PLAIN, "Namespace: %s\n", ns->name);
        cli_putf(&c->out, CLI_PLAIN, " Current Version: %s\n", current);
        cli_putf(&c->out, CLI_PLAIN, " Pending: %u\n", ns->pending);
        cli_putf(&c->out, CLI_PLAIN, " Dirty: %s\n", ns->is_dirty ? "true" : "false");
    }
}

/* --exit-code: is there anything that `up` or a person has to do? */
static bool needs_work(const wbl_report *r)
{
    for (uint32_t i = 0; i < r->namespace_count; i++) {
        const wbl_namespace *ns = &r->namespaces[i];
        if (ns->is_enabled && (ns->pending || ns->failed || ns->unknown || ns->is_dirty))
            return true;
    }
    return false;
}

static int print_status(cli *c)
{
    enum { TABLE, BLOCKS };
    if (c->args.number[CLI_FORMAT] == BLOCKS) {
        print_blocks(c);
        return 0;
    }
    if (c->verbose) {
        const wbl_report *r = cli_report(c);
        cli_putf(&c->out, CLI_DIM, "%s  %s  ledger %s (%s)\n\n", r->url ? r->url : "", r->server ? r->server : "",
                 r->ledger ? r->ledger : "-", r->profile ? r->profile : "none yet");
    }
    if (cli_report(c)->namespace_count == 0) {
        cli_put(&c->out, CLI_PLAIN, "no migrations\n");
        return 0;
    }
    int rc = print_table(c);
    return rc == 0 && c->verbose ? print_migrations(c) : rc;
}

int cli_run_status(cli *c)
{
    wbl_request request;
    cli_request(c, &request);
    int rc = wbl_status(c->handle, &request, &c->err);
    if (rc >= 0 && c->is_text) {
        int printed = print_status(c);
        if (printed != 0)
            return printed;
        cli_late_findings(c);
    }
    return rc >= 0 && cli_given(c, CLI_EXIT_CODE) && needs_work(cli_report(c)) ? WBL_CHECK_FAILED : rc;
}

/* ---- version ---- */

static const char *version_text(cli *c, const wbl_namespace *ns)
{
    const char *current = ns->current ? ns->current : "-";
    const wbl_migration *dirty = first_dirty(cli_report(c), ns);
    const char *flag = !ns->is_dirty ? ""
                       : dirty && strcmp(dirty->version, current) != 0
                           ? wb_arena_fmt(&c->mem, "(dirty: %s)", dirty->version)
                           : "(dirty)";
    return cli_join(c, current, flag ? flag : "");
}

int cli_run_version(cli *c)
{
    wbl_request request;
    cli_request(c, &request);
    if (c->args.positional_count) {
        request.namespaces = c->args.positionals;
        request.namespace_count = 1;
    }
    int rc = wbl_status(c->handle, &request, &c->err);
    if (rc < 0 || !c->is_text)
        return rc;
    const wbl_report *r = cli_report(c);
    if (r->namespace_count == 0)
        cli_put(&c->out, CLI_PLAIN, "-\n");
    if (r->namespace_count == 1) { /* one word, for scripts */
        cli_putf(&c->out, CLI_PLAIN, "%s\n", version_text(c, &r->namespaces[0]));
        return rc;
    }
    cli_table t = CLI_TABLE(&c->mem, 2);
    for (uint32_t i = 0; i < r->namespace_count; i++) {
        cli_table_add(&t, CLI_PLAIN, r->namespaces[i].name);
        cli_table_add(&t, CLI_PLAIN, version_text(c, &r->namespaces[i]));
    }
    int printed = cli_table_print(&c->cx, &t, &c->out, 0);
    return printed ? printed : rc;
}
