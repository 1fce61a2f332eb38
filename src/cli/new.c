/*
 * new.c - `whimbrel new` and `whimbrel init`: write the files to begin with.
 */
#include "cli/cli.h"

#include <string.h>

int cli_run_new(cli *c)
{
    wbl_new_options options;
    wbl_new_options_init(&options);
    int rc = cli_ns_version(c, &options.ns, &options.name);
    if (rc != 0)
        return rc;
    options.renumber = c->args.text[CLI_RENUMBER];
    options.timestamp = cli_given(c, CLI_TIMESTAMP);
    options.sequential = cli_given(c, CLI_SEQ);
    if (options.timestamp && options.sequential)
        return cli_usage_error(c, NULL, "--timestamp and --seq exclude each other");
    if (options.renumber && options.name)
        return cli_usage_error(c, NULL, "--renumber keeps the name of the file; leave `%s` out", options.name);
    if (!options.renumber && (!options.name || !*options.name))
        return cli_usage_error(c, "Say what it does: whimbrel new \"add email to users\"",
                               "`new` needs a name for the migration");
    rc = wbl_new(c->handle, &options, &c->err);
    if (rc < 0 || !c->is_text)
        return rc;
    const wbl_report *r = cli_report(c);
    for (uint32_t i = 0; i < r->path_count; i++)
        cli_putf(&c->out, CLI_PLAIN, "%s\n", r->paths[i]);
    if (!options.renumber) /* there the findings are of the state before, which this mends */
        cli_late_findings(c);
    return rc;
}

/* One path a line, as wbl_init() gives them, into the report that --json prints. */
static int take_paths(cli *c, const char *text)
{
    const char **paths = NULL;
    size_t count = 0, cap = 0;
    while (*text) {
        size_t n = strcspn(text, "\n");
        const char **slot = n ? WB_PUSH(&c->mem, paths, count, cap) : NULL;
        if (n && (!slot || !(*slot = wb_arena_str(&c->mem, text, n))))
            return wb_nomem(&c->cx);
        text += n + (text[n] == '\n');
    }
    c->local.paths = paths;
    c->local.path_count = (uint32_t)count;
    return 0;
}

int cli_run_init(cli *c)
{
    char *text = NULL;
    int rc = wbl_init(NULL, c->args.text[CLI_URL], &text, &c->err);
    if (rc >= 0 && text) {
        int taken = take_paths(c, text);
        rc = taken ? taken : rc;
    }
    if (text)
        wbl_free(text);
    if (rc < 0 || !c->is_text)
        return rc;
    for (uint32_t i = 0; i < c->local.path_count; i++)
        cli_putf(&c->out, CLI_PLAIN, "%s\n", c->local.paths[i]);
    if (c->local.path_count == 0)
        cli_put(&c->out, CLI_PLAIN, "nothing to write: everything is there\n");
    fflush(c->out.file);
    if (c->local.path_count)
        cli_put(&c->errs, CLI_DIM, "next: write the first migration, then `whimbrel up`\n");
    return rc;
}
