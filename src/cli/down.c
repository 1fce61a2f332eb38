/*
 * down.c - `whimbrel down`: revert the last migration, several, or all.
 */
#include "cli/cli.h"

static int read_request(cli *c, wbl_request *r, int64_t *count)
{
    int rc = cli_request_steps(c, r, count);
    if (rc != 0)
        return rc;
    if (cli_given(c, CLI_STEPS)) {
        if (*count >= 0 && *count != c->args.number[CLI_STEPS])
            return cli_usage_error(c, NULL, "`down` was given two numbers: %lld and --steps %lld", (long long)*count,
                                   (long long)c->args.number[CLI_STEPS]);
        *count = c->args.number[CLI_STEPS];
    }
    r->all = cli_given(c, CLI_ALL);
    if ((*count >= 0) + (r->to != NULL) + r->all > 1)
        return cli_usage_error(c, NULL, "`down` takes one of a number, --to and --all");
    r->steps = *count > 0 ? *count : 0;
    return 0;
}

int cli_run_down(cli *c)
{
    wbl_request request;
    int64_t count;
    int rc = read_request(c, &request, &count);
    if (rc != 0)
        return rc;
    if (count == 0) { /* the library reads 0 as "the last one" */
        if (c->is_text)
            cli_put(&c->out, CLI_PLAIN, "nothing to revert: 0 migrations were asked for\n");
        return WBL_NO_CHANGE;
    }
    rc = cli_call(c, wbl_down, &request);
    if (rc < 0 || !c->is_text)
        return rc;
    if (request.dry_run)
        return cli_plan_print(c, rc, "down");
    cli_late_findings(c);
    uint32_t total = cli_report(c)->applied_total;
    if (c->progress.reverted == 0) {
        cli_putf(&c->out, CLI_PLAIN, "nothing to revert (%u applied)\n", total);
        return rc;
    }
    const char *tail = wb_arena_fmt(&c->mem, total == 1 ? "%u stays applied" : "%u stay applied", total);
    cli_run_summary(c, total == 0 ? "nothing is applied any more" : tail ? tail : "");
    return rc;
}
