/*
 * misc.c - the small commands: drop, config, completion, help.
 */
#include "cli/cli.h"

#include <string.h>

int cli_run_drop(cli *c)
{
    const char *name = c->args.text[CLI_CONFIRM];
    if (!name || !*name)
        return cli_usage_error(c, "Repeat the name of the database: whimbrel drop --confirm DBNAME",
                               "`drop` removes every table with its data, and nothing brings them back");
    int rc = wbl_drop(c->handle, name, &c->err);
    if (rc >= 0 && c->is_text)
        cli_putf(&c->out, CLI_PLAIN, "dropped every object of %s\n", name);
    return rc;
}

int cli_run_config(cli *c)
{
    int rc = wbl_config(c->handle, &c->err);
    if (rc < 0 || !c->is_text)
        return rc;
    const wbl_report *r = cli_report(c);
    static const char *const titles[] = { "SETTING", "VALUE", "FROM" };
    cli_table t = CLI_TABLE(&c->mem, 3);
    t.soft = 1u << 1;
    for (size_t i = 0; i < WB_COUNT(titles); i++)
        cli_table_add(&t, CLI_BOLD, titles[i]);
    for (uint32_t i = 0; i < r->setting_count; i++) {
        cli_table_add(&t, CLI_PLAIN, r->settings[i].key);
        cli_table_add(&t, CLI_PLAIN, r->settings[i].value && *r->settings[i].value ? r->settings[i].value : "-");
        cli_table_add(&t, CLI_DIM, r->settings[i].origin);
    }
    int printed = cli_table_print(&c->cx, &t, &c->out, 0);
    return printed ? printed : rc;
}

int cli_run_completion(cli *c)
{
    static const char *const shells[] = { "bash", "zsh", "fish" };
    const char *shell = c->args.positionals[0], *near = wb_nearest(shell, shells, WB_COUNT(shells));
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    if (cli_completion(&b, shell) != 0)
        return cli_usage_error(c, NULL,
                               near ? "no shell `%s`; did you mean `%s`?"
                                    : "no shell `%s`; there are bash, zsh "
                                      "and fish",
                               shell, near);
    const char *text = wb_buf_cstr(&b);
    if (!text)
        return wb_nomem(&c->cx);
    if (!c->is_json && !c->is_events)
        fputs(text, c->out.file);
    return 0;
}

int cli_run_help(cli *c)
{
    if (c->is_json || c->is_events) /* the document at the end is all */
        return 0;
    if (c->args.positional_count == 0) {
        cli_help_overview(&c->out);
        return 0;
    }
    const char *name = c->args.positionals[0];
    const cli_command *command = cli_command_find(&cli_native, name);
    if (!command)
        return cli_fail_command(&c->cx, &c->mem, &cli_native, name);
    cli_help_command(&c->out, command);
    return 0;
}
