/*
 * repair.c - `whimbrel baseline`, `force` and `repair`: change what is recorded, and run nothing.
 */
#include "cli/cli.h"

#include <string.h>

int cli_run_baseline(cli *c)
{
    const char *ns, *version, *at = c->args.text[CLI_AT];
    int rc = cli_ns_version(c, &ns, &version);
    if (rc != 0)
        return rc;
    if (version && at && c->args.positional_count == 1 && !ns) { /* baseline NS --at V */
        ns = version;
        version = NULL;
    }
    if (version && at && strcmp(version, at) != 0)
        return cli_usage_error(c, NULL, "`baseline` was given two versions: %s and --at %s", version, at);
    version = version ? version : at;
    if (!version)
        return cli_usage_error(c, "`whimbrel help baseline` has an example.",
                               "`baseline` needs the version that the database has already: whimbrel baseline V");
    rc = wbl_baseline(c->handle, ns, version, &c->err);
    if (rc >= 0 && c->is_text) {
        cli_late_findings(c);
        cli_putf(&c->out, CLI_PLAIN, "%s\n",
                 rc == WBL_NO_CHANGE ? "nothing to record: these versions are recorded as applied already"
                                     : cli_join(c, cli_join(c, "recorded as applied up to", cli_join(c, ns, version)),
                                                "(nothing was run)"));
    }
    return rc;
}

int cli_run_force(cli *c)
{
    const char *ns, *version;
    int rc = cli_ns_version(c, &ns, &version);
    if (rc != 0)
        return rc;
    bool is_none = strcmp(version, "-1") == 0;
    if (version[0] == '-' && !is_none)
        return cli_usage_error(c, NULL, "the version of `force` is -1 (nothing is applied) or more, not `%s`", version);
    rc = wbl_force(c->handle, ns, version, &c->err);
    if (rc < 0 || !c->is_text)
        return rc;
    cli_late_findings(c);
    if (is_none)
        cli_putf(&c->out, CLI_PLAIN, "%snothing is recorded as applied (nothing was run)\n",
                 ns ? cli_join(c, ns, ": ") : "");
    else
        cli_putf(&c->out, CLI_PLAIN, "recorded: %s is the current version (nothing was run)\n",
                 cli_join(c, ns, version));
    return rc;
}

/* ---- repair ---- */

static int read_action(cli *c, int *action, uint32_t *statement)
{
    static const struct action_row {
        cli_id flag;
        int action;
    } rows[] = {
        { CLI_MARK_APPLIED, WBL_REPAIR_MARK_APPLIED },         { CLI_MARK_REVERTED, WBL_REPAIR_MARK_REVERTED },
        { CLI_ACCEPT_FILE, WBL_REPAIR_ACCEPT_FILE },           { CLI_DID_RUN, WBL_REPAIR_STATEMENT_DID_RUN },
        { CLI_DID_NOT_RUN, WBL_REPAIR_STATEMENT_DID_NOT_RUN },
    };
    uint32_t given = 0;
    *action = WBL_REPAIR_SHOW;
    for (size_t i = 0; i < WB_COUNT(rows); i++)
        if (cli_given(c, rows[i].flag)) {
            *action = rows[i].action;
            given++;
        }
    bool is_about_statement = *action == WBL_REPAIR_STATEMENT_DID_RUN || *action == WBL_REPAIR_STATEMENT_DID_NOT_RUN;
    int64_t number = c->args.number[CLI_STATEMENT];
    if (given > 1)
        return cli_usage_error(c, "Say one thing at a time.", "`repair` was given %u decisions", given);
    if (is_about_statement && (number < 1 || number > UINT32_MAX))
        return cli_usage_error(c, "`whimbrel repair` shows the number.",
                               "--did-run and --did-not-run need the statement: --statement N");
    if (!is_about_statement && cli_given(c, CLI_STATEMENT))
        return cli_usage_error(c, NULL, "--statement %lld needs --did-run or --did-not-run", (long long)number);
    *statement = is_about_statement ? (uint32_t)number : 0;
    return 0;
}

/* What is known, of all or of one version. */
static void print_known(cli *c, const char *ns, const char *version)
{
    const wbl_report *r = cli_report(c);
    uint32_t shown = 0;
    for (uint32_t i = 0; i < r->finding_count; i++) {
        const wbl_finding *f = &r->findings[i];
        bool is_other =
            (version && f->version && strcmp(f->version, version) != 0) || (ns && f->ns && strcmp(f->ns, ns) != 0);
        if (is_other || (f->severity == WBL_NOTE && c->verbose == 0))
            continue;
        cli_finding_print(&c->out, f);
        shown++;
    }
    if (shown == 0)
        cli_put(&c->out, CLI_PLAIN, "nothing to repair\n");
}

/* What goes on is the direction that was interrupted. */
static void print_settled(cli *c, bool did_run, const char *title, uint32_t statement)
{
    const char *text = wb_arena_fmt(&c->mem, "recorded: statement %u of %s did%s run; the next `whimbrel up` or `whimbrel down` %s\n",
                                    statement, title, did_run ? "" : " not", did_run ? "goes on behind it" : "runs it again");
    cli_put_advice(&c->out, CLI_PLAIN, text ? text : "recorded\n");
}

static void print_done(cli *c, int rc, int action, const char *title, uint32_t statement)
{
    if (rc == WBL_NO_CHANGE) {
        cli_putf(&c->out, CLI_PLAIN, "%s: this is recorded already\n", title);
        return;
    }
    switch ((wbl_repair_action)action) {
    case WBL_REPAIR_SHOW: break;
    case WBL_REPAIR_MARK_APPLIED: cli_putf(&c->out, CLI_PLAIN, "recorded: %s is applied\n", title); break;
    case WBL_REPAIR_MARK_REVERTED: cli_putf(&c->out, CLI_PLAIN, "recorded: %s is not applied\n", title); break;
    case WBL_REPAIR_ACCEPT_FILE:
        cli_putf(&c->out, CLI_PLAIN, "recorded: the file of %s as it is now is what was applied\n", title);
        break;
    case WBL_REPAIR_STATEMENT_DID_RUN:
    case WBL_REPAIR_STATEMENT_DID_NOT_RUN: print_settled(c, action == WBL_REPAIR_STATEMENT_DID_RUN, title, statement); break;
    }
}

int cli_run_repair(cli *c)
{
    const char *ns, *version;
    int action = WBL_REPAIR_SHOW;
    uint32_t statement = 0;
    int rc = cli_ns_version(c, &ns, &version);
    if (rc == 0)
        rc = read_action(c, &action, &statement);
    if (rc != 0)
        return rc;
    if (action != WBL_REPAIR_SHOW && !version)
        return cli_usage_error(c, "`whimbrel repair` alone shows what is known.",
                               "`repair` needs the version that this is about: whimbrel repair [NS] VERSION ...");
    if (action == WBL_REPAIR_SHOW)
        rc = wbl_repair(c->handle, NULL, NULL, action, 0, &c->err);
    else
        rc = wbl_repair(c->handle, ns, version, action, statement, &c->err);
    if (rc < 0 || !c->is_text)
        return rc;
    if (action == WBL_REPAIR_SHOW)
        print_known(c, ns, version);
    else
        print_done(c, rc, action, cli_join(c, ns, version), statement);
    return rc;
}
