/*
 * plan.c - `whimbrel plan`, and what a dry run prints: what would run, in which way and why.
 */
#include "cli/cli.h"
#include "cli/width.h"

#include <string.h>

const char *cli_protocol_name(int32_t protocol)
{
    switch ((wbl_protocol)protocol) {
    case WBL_PROTOCOL_ATOMIC: return "atomic";
    case WBL_PROTOCOL_STEPWISE: return "stepwise";
    case WBL_PROTOCOL_CONVERGE: return "converge";
    case WBL_PROTOCOL_NONE: break;
    }
    return "";
}

/* "3 to apply, 1 of them outside a transaction                  plan 7f3a9c41" */
static void print_head(cli *c)
{
    const wbl_report *r = cli_report(c);
    uint32_t down = 0, outside = 0;
    for (uint32_t i = 0; i < r->step_count; i++) {
        down += r->steps[i].direction == WBL_DOWN;
        outside += r->steps[i].protocol == WBL_PROTOCOL_STEPWISE;
    }
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    if (down)
        wb_buf_addf(&b, "%u to revert%s", down, down < r->step_count ? ", " : "");
    if (down < r->step_count)
        wb_buf_addf(&b, "%u to apply", r->step_count - down);
    if (outside)
        wb_buf_addf(&b, ", %u of them outside a transaction", outside);
    const char *text = wb_buf_cstr(&b);
    uint32_t room = c->out.width < 80 ? c->out.width > 16 ? c->out.width - 15 : 0 : 64; /* for the hash behind it */
    cli_put_cell(&c->out, CLI_BOLD, text ? text : "", r->plan_hash ? room : 0, false);
    if (r->plan_hash)
        cli_putf(&c->out, CLI_DIM, " plan %.8s", r->plan_hash);
    cli_put(&c->out, CLI_PLAIN, "\n");
}

static int print_steps(cli *c)
{
    const wbl_report *r = cli_report(c);
    cli_table t = CLI_TABLE(&c->mem, 6);
    t.soft = 1u << 0 | 1u << 1;
    t.below = 1u << 5;
    t.hidden = cli_migrations_have_ns(r->steps, r->step_count) ? 0 : 1u << 0;
    bool has_down = false;
    for (uint32_t i = 0; i < r->step_count; i++)
        has_down |= r->steps[i].direction == WBL_DOWN;
    for (uint32_t i = 0; i < r->step_count; i++) {
        const wbl_migration *m = &r->steps[i];
        const char *title = cli_join(c, m->version, m->name);
        const char *count =
            m->statements ? wb_arena_fmt(&c->mem, "%u statement%s", m->statements, cli_plural(m->statements)) : "";
        const char *why = m->is_out_of_order && !m->reason ? "out of order" : m->reason;
        cli_table_add(&t, CLI_PLAIN, m->ns);
        cli_table_add(&t, CLI_PLAIN, title);
        cli_table_add(&t, CLI_DIM, m->direction == WBL_DOWN ? "revert" : "apply");
        cli_table_add(&t, m->protocol == WBL_PROTOCOL_STEPWISE ? CLI_YELLOW : CLI_PLAIN, cli_protocol_name(m->protocol));
        cli_table_add(&t, CLI_PLAIN, count ? count : "");
        cli_table_add(&t, CLI_DIM, why ? why : "");
    }
    if (!has_down)
        t.hidden |= 1u << 2;
    bool has_why = false;
    for (uint32_t i = 0; i < r->step_count; i++)
        has_why |= r->steps[i].reason || r->steps[i].is_out_of_order;
    if (!has_why)
        t.hidden |= 1u << 5;
    return cli_table_print(&c->cx, &t, &c->out, 2);
}

static void print_scripts(cli *c)
{
    const wbl_report *r = cli_report(c);
    for (uint32_t i = 0; i < r->step_count; i++) {
        const wbl_migration *m = &r->steps[i];
        if (!m->script)
            continue;
        bool has_ns = m->ns && strcmp(m->ns, "default") != 0;
        cli_putf(&c->out, CLI_BOLD, "\n-- %s%s%s %s\n", has_ns ? m->ns : "", has_ns ? " " : "", m->version,
                 m->path   ? m->path
                 : m->name ? m->name
                           : "");
        for (const char *line = m->script; *line;) { /* as cli_put_lines(), but empty lines and tabs stay */
            size_t n = strcspn(line, "\n");
            char *copy = wb_arena_str(&c->mem, line, n);
            cli_put(&c->out, CLI_PLAIN, copy ? copy : "");
            cli_put(&c->out, CLI_PLAIN, "\n");
            line += n + (line[n] == '\n');
        }
    }
}

static bool is_foreseen(const wbl_finding *f) { return f->code && strcmp(f->code, "foreseen") == 0; }

static void print_foreseen(cli *c)
{
    const wbl_report *r = cli_report(c);
    bool has_title = false;
    for (uint32_t i = 0; i < r->finding_count; i++) {
        if (!is_foreseen(&r->findings[i]))
            continue;
        if (!has_title)
            cli_put(&c->out, CLI_BOLD, "how the server does it\n");
        has_title = true;
        cli_put_lines(&c->out, CLI_PLAIN, r->findings[i].message, 2);
    }
}

static void print_warnings(cli *c)
{
    const wbl_report *r = cli_report(c);
    bool has_title = false;
    cli_crowd crowd = { 0 };
    for (uint32_t i = 0; i < r->finding_count; i++) {
        const wbl_finding *f = &r->findings[i];
        if ((f->severity < WBL_WARNING && c->verbose == 0) || is_foreseen(f))
            continue;
        if (!has_title)
            cli_put(&c->out, CLI_YELLOW, "warnings\n");
        has_title = true;
        cli_crowd_end(&crowd, &c->out, f, 2);
        if (!cli_crowd_add(&crowd, f, c->verbose > 0))
            continue;
        cli_put_lines(&c->out, CLI_PLAIN, f->message ? f->message : "", 2);
        if (f->detail)
            cli_put_lines(&c->out, CLI_PLAIN, f->detail, 6);
        if (f->hint && c->verbose)
            cli_put_advice_lines(&c->out, CLI_DIM, f->hint, 4);
    }
    cli_crowd_end(&crowd, &c->out, NULL, 2);
}

int cli_plan_print(cli *c, int rc, const char *command)
{
    const wbl_report *r = cli_report(c);
    if (r->step_count == 0) {
        if (strcmp(command, "down") == 0)
            cli_putf(&c->out, CLI_PLAIN, "nothing to revert (%u applied)\n", r->applied_total);
        else
            cli_putf(&c->out, CLI_PLAIN, "nothing to do (%u applied)\n", r->applied_total);
        print_warnings(c);
        return rc;
    }
    print_head(c);
    int printed = print_steps(c);
    if (printed != 0)
        return printed;
    if (cli_given(c, CLI_SQL))
        print_scripts(c);
    print_foreseen(c);
    print_warnings(c);
    const char *out = c->args.text[CLI_OUT], *tail;
    if (out)
        tail = wb_arena_fmt(&c->mem, "nothing was changed; `whimbrel up --plan %s` applies exactly this\n", out);
    else if (strcmp(command, "plan") == 0)
        tail = "nothing was changed; `whimbrel up` applies this, `whimbrel plan --out FILE` keeps it\n";
    else
        tail = wb_arena_fmt(&c->mem, "nothing was changed; `whimbrel %s` without --dry-run does this\n", command);
    cli_put_advice(&c->out, CLI_DIM, tail ? tail : "");
    return rc;
}

int cli_run_plan(cli *c)
{
    wbl_request request;
    int64_t count;
    int rc = cli_request_steps(c, &request, &count);
    if (rc != 0)
        return rc;
    if (count == 0)
        return cli_usage_error(c, NULL, "`plan 0` plans nothing");
    if (count > 0 && request.to)
        return cli_usage_error(c, NULL, "`plan` takes a number or --to, not both");
    request.with_sql = cli_given(c, CLI_SQL);
    request.plan_file = c->args.text[CLI_OUT];
    rc = wbl_plan(c->handle, &request, &c->err);
    return rc < 0 || !c->is_text ? rc : cli_plan_print(c, rc, "plan");
}
