/*
 * check.c - `whimbrel check` and `whimbrel wait`: what a service asks before it starts.
 */
#include "cli/cli.h"

#define WAIT_DEFAULT_MS 60000

int cli_run_check(cli *c)
{
    wbl_check_options options;
    wbl_check_options_init(&options);
    options.minimums = c->args.list[CLI_MIN];
    options.minimum_count = c->args.count[CLI_MIN];
    options.current = cli_given(c, CLI_CURRENT);
    int rc = wbl_check(c->handle, &options, &c->err);
    if (rc == WBL_OK && c->is_text)
        cli_put(&c->out, CLI_PLAIN, "ok\n");
    if (rc == WBL_CHECK_FAILED && c->err.message[0] == 0) /* the exit code alone would say too little */
        wb_copy_text(c->err.message, sizeof c->err.message, "the check failed", 16);
    return rc;
}

int cli_run_wait(cli *c)
{
    wbl_check_options options;
    wbl_check_options_init(&options);
    options.minimums = c->args.list[CLI_FOR];
    options.minimum_count = c->args.count[CLI_FOR];
    options.wait_ms = cli_given(c, CLI_TIMEOUT) ? c->args.number[CLI_TIMEOUT] : WAIT_DEFAULT_MS;
    int64_t start_ms = wb_now_ms();
    int rc = wbl_wait(c->handle, &options, &c->err);
    char text[24];
    if (rc >= 0 && c->is_text)
        cli_putf(&c->out, CLI_PLAIN, "ready after %s\n", cli_duration(text, wb_now_ms() - start_ms));
    return rc;
}
