/*
 * validate.c - `whimbrel validate` and `whimbrel verify`: files, ledger and database against each other.
 *
 * What they find is their result, so it goes to stdout; the exit code tells a pipeline.
 */
#include "cli/cli.h"

static void print_findings(cli *c, const char *all_is_well)
{
    const wbl_report *r = cli_report(c);
    uint32_t count[3] = { 0 };
    for (uint32_t i = 0; i < r->finding_count; i++) {
        int32_t severity = r->findings[i].severity;
        count[severity < WBL_NOTE || severity > WBL_ERROR ? WBL_ERROR : severity]++;
    }
    cli_findings_print(c, &c->out, c->verbose ? WBL_NOTE : WBL_WARNING, 0);
    if (c->verbose)
        for (uint32_t i = 0; i < r->path_count; i++)
            cli_putf(&c->out, CLI_DIM, "passed over: %s\n", r->paths[i]);
    if (count[WBL_ERROR])
        cli_putf(&c->out, CLI_RED, "%u error%s", count[WBL_ERROR], cli_plural(count[WBL_ERROR]));
    else
        cli_put(&c->out, CLI_GREEN, all_is_well);
    if (count[WBL_WARNING])
        cli_putf(&c->out, CLI_PLAIN, ", %u warning%s", count[WBL_WARNING], cli_plural(count[WBL_WARNING]));
    cli_put(&c->out, CLI_PLAIN, "\n");
}

int cli_run_validate(cli *c)
{
    wbl_request request;
    cli_request(c, &request);
    request.check_files_only = cli_given(c, CLI_FILES_ONLY);
    int rc = wbl_validate(c->handle, &request, &c->err);
    if (rc < 0 || !c->is_text)
        return rc;
    uint32_t count = cli_report(c)->migration_count;
    const char *text = wb_arena_fmt(&c->mem, "valid: %u migration%s", count, cli_plural(count));
    print_findings(c, text ? text : "valid");
    wb_error_clear(&c->err); /* the findings have said it */
    return rc;
}

static bool has_errors(const cli *c)
{
    const wbl_report *r = cli_report(c);
    for (uint32_t i = 0; i < r->finding_count; i++)
        if (r->findings[i].severity == WBL_ERROR)
            return true;
    return false;
}

int cli_run_verify(cli *c)
{
    wbl_request request;
    cli_request(c, &request);
    int rc = wbl_verify(c->handle, &request, &c->err);
    if (rc < 0 || !c->is_text || (rc == WBL_CHECK_FAILED && !has_errors(c))) /* then there is nothing to compare with */
        return rc;
    print_findings(c, "the database is as the last run left it");
    wb_error_clear(&c->err);
    return rc;
}
