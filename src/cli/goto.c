/*
 * goto.c - `whimbrel goto` and `whimbrel redo`: to a version whichever way, and down and up of the last.
 */
#include "cli/cli.h"

int cli_run_goto(cli *c)
{
    wbl_request request;
    const char *ns, *version;
    cli_request(c, &request);
    int rc = cli_ns_version(c, &ns, &version);
    if (rc != 0)
        return rc;
    request.to = version;
    request.namespaces = ns ? &ns : NULL;
    request.namespace_count = ns != NULL;
    rc = cli_call(c, wbl_goto, &request);
    if (rc < 0 || !c->is_text)
        return rc;
    if (request.dry_run)
        return cli_plan_print(c, rc, "goto");
    cli_late_findings(c);
    if (c->progress.applied + c->progress.reverted == 0)
        cli_putf(&c->out, CLI_PLAIN, "already at %s\n", cli_join(c, ns, version));
    else
        cli_run_summary(c, cli_join(c, "now at", cli_join(c, ns, version)));
    return rc;
}

int cli_run_redo(cli *c)
{
    wbl_request request;
    int64_t count;
    int rc = cli_request_steps(c, &request, &count);
    if (rc != 0)
        return rc;
    if (count == 0)
        return cli_usage_error(c, NULL, "`redo 0` does nothing");
    rc = cli_call(c, wbl_redo, &request);
    if (rc < 0 || !c->is_text)
        return rc;
    cli_late_findings(c);
    if (c->progress.applied + c->progress.reverted == 0)
        cli_put(&c->out, CLI_PLAIN, "nothing to redo\n");
    else
        cli_run_summary(c, "");
    return rc;
}
