/*
 * up.c - `whimbrel up`: apply what is pending.
 */
#include "cli/cli.h"

static int read_request(cli *c, wbl_request *r, int64_t *count)
{
    int rc = cli_request_steps(c, r, count);
    if (rc != 0)
        return rc;
    if (*count >= 0 && r->to)
        return cli_usage_error(c, NULL, "`up` takes a number or --to, not both");
    r->retry_failed = cli_given(c, CLI_RETRY_FAILED);
    r->plan_file = c->args.text[CLI_PLAN];
    return 0;
}

static void print_nothing_done(cli *c)
{
    const wbl_report *r = cli_report(c);
    uint32_t pending = cli_pending(r);
    if (pending)
        cli_putf(&c->out, CLI_PLAIN, "nothing to apply (%u applied, %u pending)\n", r->applied_total, pending);
    else
        cli_putf(&c->out, CLI_PLAIN, "up to date (%u applied)\n", r->applied_total);
}

int cli_run_up(cli *c)
{
    wbl_request request;
    int64_t count;
    int rc = read_request(c, &request, &count);
    if (rc != 0)
        return rc;
    if (count == 0) { /* for scripts that compute the number; the library reads 0 as "all" */
        if (c->is_text)
            cli_put(&c->out, CLI_PLAIN, "nothing to apply: 0 migrations were asked for\n");
        return WBL_NO_CHANGE;
    }
    rc = cli_call(c, wbl_up, &request);
    if (rc < 0 || !c->is_text)
        return rc;
    if (request.dry_run)
        return cli_plan_print(c, rc, "up");
    cli_late_findings(c);
    uint32_t pending = cli_pending(cli_report(c));
    const char *tail = pending ? wb_arena_fmt(&c->mem, "%u pending", pending) : "up to date";
    if (c->progress.applied == 0)
        print_nothing_done(c);
    else
        cli_run_summary(c, tail ? tail : "");
    return rc;
}
