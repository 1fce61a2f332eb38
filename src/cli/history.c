/*
 * history.c - `whimbrel history`: every attempt at anything, newest first.
 */
#include "cli/cli.h"

#include <string.h>

static cli_colour colour_of(const char *state)
{
    if (!state)
        return CLI_PLAIN;
    return strcmp(state, "failed") == 0 || strcmp(state, "unknown") == 0 ? CLI_RED
           : strcmp(state, "started") == 0                               ? CLI_YELLOW
                                                                         : CLI_PLAIN;
}

static void add_row(cli *c, cli_table *t, const wbl_attempt *a)
{
    char text[24];
    const char *took = a->duration_ms >= 0 ? wb_arena_dup(&c->mem, cli_duration(text, a->duration_ms)) : "";
    const char *what = a->error ? a->error : a->note ? a->note : "";
    if (a->error && a->statements_done)
        what = wb_arena_fmt(&c->mem, "%s (%u of %u statements done)", a->error, a->statements_done, a->statements);
    cli_table_add(t, CLI_PLAIN, cli_second(&c->mem, a->started_at));
    cli_table_add(t, CLI_PLAIN, a->ns);
    cli_table_add(t, CLI_PLAIN, cli_join(c, a->version, a->name));
    cli_table_add(t, CLI_PLAIN, a->action);
    cli_table_add(t, colour_of(a->state), a->state);
    cli_table_add(t, CLI_PLAIN, took);
    cli_table_add(t, CLI_DIM, a->who ? a->who : "");
    cli_table_add(t, CLI_PLAIN, what);
}

static int print_history(cli *c)
{
    const wbl_report *r = cli_report(c);
    static const char *const titles[] = { "STARTED (UTC)", "NAMESPACE", "MIGRATION", "ACTION", "STATE", "TIME", "WHO", "" };
    cli_table t = CLI_TABLE(&c->mem, 8);
    bool has_ns = false, has_more = false;
    for (size_t i = 0; i < WB_COUNT(titles); i++)
        cli_table_add(&t, CLI_BOLD, titles[i]);
    for (uint32_t i = 0; i < r->attempt_count; i++) {
        has_ns |= r->attempts[i].ns && strcmp(r->attempts[i].ns, "default") != 0;
        has_more |= r->attempts[i].error || r->attempts[i].note;
        add_row(c, &t, &r->attempts[i]);
    }
    t.right = 1u << 5;
    t.soft = 1u << 2 | 1u << 1;
    t.spare = 1u << 5 | 1u << 6;
    t.below = 1u << 7;
    t.hidden = (has_ns ? 0 : 1u << 1) | (has_more ? 0 : 1u << 7);
    if (r->attempt_count == 0)
        cli_put(&c->out, CLI_PLAIN, "no history yet\n");
    else
        return cli_table_print(&c->cx, &t, &c->out, 0);
    return 0;
}

int cli_run_history(cli *c)
{
    wbl_request request;
    int64_t count;
    int rc = cli_request_steps(c, &request, &count);
    if (rc != 0)
        return rc;
    rc = wbl_history(c->handle, &request, &c->err);
    if (rc < 0 || !c->is_text)
        return rc;
    int printed = print_history(c);
    return printed ? printed : rc;
}
