/*
 * help.c - the help texts, made from the table of commands.c.
 */
#include "cli/cli.h"
#include "cli/width.h"

#include <string.h>

#define TEXT_CELLS 78

/* Paragraphs, wrapped between words; the backticks stay, they mark what is typed. */
static void put_paragraphs(cli_screen *s, const char *text)
{
    uint32_t used = 0;
    for (const char *p = text; *p;) {
        if (*p == '\n') {
            cli_put(s, CLI_PLAIN, used ? "\n\n" : "");
            used = 0;
            p += strspn(p, "\n");
            continue;
        }
        size_t n = strcspn(p, " \n");
        uint32_t cells = cli_width(p, n);
        if (used && used + 1 + cells > TEXT_CELLS) {
            cli_put(s, CLI_PLAIN, "\n");
            used = 0;
        }
        cli_putf(s, CLI_PLAIN, "%s%.*s", used ? " " : "", (int)n, p);
        used += cells + (used != 0);
        p += n + (p[n] == ' ');
    }
    cli_put(s, CLI_PLAIN, "\n");
}

/* "  -u, --url URL" */
static const char *flag_title(char out[80], const cli_flag *f)
{
    char letter[8] = "    ";
    if (f->letter)
        snprintf(letter, sizeof letter, "-%c, ", f->letter);
    snprintf(out, 80, "  %s--%s%s%s", letter, f->name, f->value ? " " : "", f->value ? f->value : "");
    return out;
}

static void put_flags(cli_screen *s, const cli_flag *flags, uint32_t count)
{
    char title[80];
    uint32_t cells = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t w = (uint32_t)strlen(flag_title(title, &flags[i]));
        cells = w > cells ? w : cells;
    }
    for (uint32_t i = 0; i < count; i++) {
        cli_put_cell(s, CLI_PLAIN, flag_title(title, &flags[i]), cells + 2, false);
        cli_put(s, CLI_PLAIN, flags[i].help);
        for (const char *a = flags[i].aliases; *a;) {
            size_t n = strcspn(a, " ");
            cli_putf(s, CLI_PLAIN, "%s--%.*s", a == flags[i].aliases ? " (also " : ", ", (int)n, a);
            a += n + (a[n] == ' ');
            cli_put(s, CLI_PLAIN, *a ? "" : ")");
        }
        cli_put(s, CLI_PLAIN, "\n");
    }
}

void cli_help_overview(cli_screen *s)
{
    cli_put(s, CLI_PLAIN, "whimbrel brings a database from one version of its schema to another, safely.\n\n");
    cli_put(s, CLI_PLAIN, "Usage: whimbrel [flags] COMMAND [flags]\n");
    for (uint32_t g = 0; g < CLI_GROUP_COUNT; g++) {
        cli_putf(s, CLI_BOLD, "\n%s\n", cli_group_titles[g]);
        for (uint32_t i = 0; i < cli_native.command_count; i++) {
            const cli_command *c = &cli_native.commands[i];
            if (c->group != (cli_group)g)
                continue;
            cli_put_spaces(s, 2);
            cli_put_cell(s, CLI_PLAIN, c->name, 12, false);
            cli_put(s, CLI_PLAIN, c->line);
            cli_put(s, CLI_PLAIN, "\n");
        }
    }
    cli_put(s, CLI_BOLD, "\nFlags of every command\n");
    put_flags(s, cli_native.globals, cli_native.global_count);
    cli_put(s, CLI_PLAIN, "\nTimes are written 500ms, 30s, 5m. `whimbrel help COMMAND` says more, with examples.\n");
}

void cli_help_command(cli_screen *s, const cli_command *c)
{
    cli_putf(s, CLI_BOLD, "whimbrel %s", c->name);
    cli_putf(s, CLI_PLAIN, " - %s\n\n", c->line);
    cli_putf(s, CLI_PLAIN, "Usage: whimbrel %s%s%s [flags]\n", c->name, *c->usage ? " " : "", c->usage);
    if (*c->aliases)
        cli_putf(s, CLI_PLAIN, "Also:  whimbrel %s\n", c->aliases);
    cli_put(s, CLI_PLAIN, "\n");
    put_paragraphs(s, c->text);
    if (c->flag_count) {
        cli_put(s, CLI_BOLD, "\nFlags\n");
        put_flags(s, c->flags, c->flag_count);
    }
    cli_put(s, CLI_BOLD, "\nExamples\n");
    cli_put_lines(s, CLI_PLAIN, c->example, 2);
    cli_put(s, CLI_PLAIN, "\nEvery command also takes --url, --dir, --namespace, --json and more: `whimbrel help`.\n");
    cli_put(s, CLI_PLAIN, "See also:");
    for (const char *a = c->see; *a;) {
        size_t n = strcspn(a, " ");
        cli_putf(s, CLI_PLAIN, " %.*s%s", (int)n, a, a[n] ? "," : "\n");
        a += n + (a[n] == ' ');
    }
}
