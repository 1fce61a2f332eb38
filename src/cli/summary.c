/*
 * summary.c - the pieces of text that several commands end with.
 */
#include "cli/cli.h"

#include <string.h>

uint32_t cli_pending(const wbl_report *r)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < r->namespace_count; i++)
        if (r->namespaces[i].is_enabled)
            sum += r->namespaces[i].pending;
    return sum;
}

bool cli_migrations_have_ns(const wbl_migration *m, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (m[i].ns && strcmp(m[i].ns, "default") != 0)
            return true;
    return false;
}

bool cli_namespaces_have_ns(const wbl_report *r)
{
    return r->namespace_count > 1 ||
           (r->namespace_count == 1 && r->namespaces[0].name && strcmp(r->namespaces[0].name, "default") != 0);
}

const char *cli_join(cli *c, const char *a, const char *b)
{
    const char *s = wb_arena_fmt(&c->mem, "%s%s%s", a ? a : "", a && *a && b && *b ? " " : "", b ? b : "");
    return s ? s : "";
}

void cli_run_summary(cli *c, const char *tail)
{
    const cli_progress *p = &c->progress;
    char text[24];
    if (p->reverted)
        cli_putf(&c->out, CLI_PLAIN, "%u reverted%s", p->reverted, p->applied ? ", " : "");
    if (p->applied)
        cli_putf(&c->out, CLI_PLAIN, "%u applied", p->applied);
    cli_putf(&c->out, CLI_PLAIN, " in %s%s%s\n", cli_duration(text, cli_report(c)->duration_ms), *tail ? "; " : "",
             tail);
}

void cli_late_findings(cli *c)
{
    fflush(c->out.file);
    if (c->progress.finding_count == 0)
        cli_findings_print(c, &c->errs, WBL_WARNING, 0);
}
