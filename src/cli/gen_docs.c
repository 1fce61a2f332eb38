/*
 * gen_docs.c - print docs/commands.md or the man page from the table of commands.c.
 *
 * A program of the build, not installed, so that the text of the manual does not travel in every copy of whimbrel.
 *   gen-docs markdown > docs/commands.md
 *   gen-docs man > packaging/whimbrel.1
 */
#include "cli/cli.h"

#include <string.h>

/* ---- markdown ---- */

/* | would end a cell of a table */
static void md_cell(const char *text)
{
    for (; *text; text++)
        printf("%s%c", *text == '|' ? "\\" : "", *text);
}

static void md_flags(const cli_flag *flags, uint32_t count)
{
    printf("| Flag | Meaning |\n|---|---|\n");
    for (uint32_t i = 0; i < count; i++) {
        const cli_flag *f = &flags[i];
        printf("| ");
        if (f->letter)
            printf("`-%c`, ", f->letter);
        printf("`--%s", f->name);
        if (f->value) {
            printf(" ");
            md_cell(f->value);
        }
        printf("`");
        for (const char *a = f->aliases; *a;) {
            size_t n = strcspn(a, " ");
            printf(", `--%.*s`", (int)n, a);
            a += n + (a[n] == ' ');
        }
        printf(" | ");
        md_cell(f->help);
        printf(" |\n");
    }
    printf("\n");
}

static void md_command(const cli_command *c)
{
    printf("### %s\n\n", c->name);
    printf("    whimbrel %s%s%s [flags]\n\n", c->name, *c->usage ? " " : "", c->usage);
    if (*c->aliases)
        printf("Also `whimbrel %s`. ", c->aliases);
    printf("%s\n\n", c->text);
    if (c->flag_count)
        md_flags(c->flags, c->flag_count);
    for (const char *line = c->example; *line;) {
        size_t n = strcspn(line, "\n");
        printf("    %.*s\n", (int)n, line);
        line += n + (line[n] == '\n');
    }
    printf("\nSee also:");
    for (const char *a = c->see; *a;) {
        size_t n = strcspn(a, " ");
        printf(" [%.*s](#%.*s)%s", (int)n, a, (int)n, a, a[n] ? "," : ".\n\n");
        a += n + (a[n] == ' ');
    }
}

static void print_markdown(void)
{
    printf(
        "# The commands of whimbrel\n\n"
        "Made from the table in `src/cli/commands.c` by `gen-docs markdown`; edit the table, not this page.\n\n"
        "    whimbrel [flags] COMMAND [flags]\n\n"
        "Flags may stand before or behind the command: `--flag value`, `--flag=value`, `-u value`, `-qv`; `--` ends "
        "them. "
        "Times are written `500ms`, `30s`, `5m`. Results go to stdout, progress and messages to stderr. `--json` "
        "prints "
        "one document, also when the command fails; `--events` prints a line of JSON for each event, and that document "
        "in the last line.\n\n");
    printf("| Command | |\n|---|---|\n");
    for (uint32_t i = 0; i < cli_native.command_count; i++)
        printf("| [%s](#%s) | %s |\n", cli_native.commands[i].name, cli_native.commands[i].name,
               cli_native.commands[i].line);
    printf("\n## Exit codes\n\n| Code | Meaning |\n|---|---|\n");
    for (uint32_t i = 0; i < cli_exit_row_count; i++)
        printf("| %s | %s |\n", cli_exit_rows[i].code, cli_exit_rows[i].meaning);
    printf("\n## Flags of every command\n\n");
    md_flags(cli_native.globals, cli_native.global_count);
    for (uint32_t g = 0; g < CLI_GROUP_COUNT; g++) {
        printf("## %s\n\n", cli_group_titles[g]);
        for (uint32_t i = 0; i < cli_native.command_count; i++)
            if (cli_native.commands[i].group == (cli_group)g)
                md_command(&cli_native.commands[i]);
    }
}

/* ---- man ---- */

/* Text of a line: a hyphen that is typed is \-, `this` is bold, and a dot or quote must not begin the line. */
static void man_text(const char *text)
{
    bool is_bold = false, is_start = true;
    for (; *text; text++) {
        if (is_start && (*text == '.' || *text == '\''))
            printf("\\&");
        is_start = false;
        if (*text == '`') {
            is_bold = !is_bold;
            printf("%s", is_bold ? "\\fB" : "\\fR");
        } else if (*text == '-') {
            printf("\\-");
        } else if (*text == '\\') {
            printf("\\e");
        } else if (*text == '\n') {
            printf("\n.PP\n");
            text += strspn(text, "\n") - 1;
            is_start = true;
        } else {
            putchar(*text);
        }
    }
    putchar('\n');
}

static void man_flags(const cli_flag *flags, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const cli_flag *f = &flags[i];
        char title[160];
        WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
        if (f->letter)
            wb_buf_addf(&b, "`-%c`, ", f->letter);
        wb_buf_addf(&b, "`--%s`", f->name);
        for (const char *a = f->aliases; *a;) {
            size_t n = strcspn(a, " ");
            wb_buf_addf(&b, ", `--%.*s`", (int)n, a);
            a += n + (a[n] == ' ');
        }
        snprintf(title, sizeof title, "%s %s", wb_buf_cstr(&b), f->value ? f->value : "");
        size_t len = strlen(title);
        if (len && title[len - 1] == ' ')
            title[len - 1] = 0;
        printf(".TP\n");
        man_text(title);
        man_text(f->help);
    }
}

static void man_command(const cli_command *c)
{
    printf(".SS \"%s%s%s\"\n", c->name, *c->usage ? " " : "", c->usage);
    if (*c->aliases)
        printf("Also \\fBwhimbrel %s\\fR.\n", c->aliases);
    man_text(c->text);
    man_flags(c->flags, c->flag_count);
    printf(".PP\n.EX\n");
    for (const char *line = c->example; *line;) {
        size_t n = strcspn(line, "\n");
        char one[200];
        snprintf(one, sizeof one, "%.*s", (int)n, line);
        printf("    ");
        man_text(one);
        line += n + (line[n] == '\n');
    }
    printf(".EE\n");
}

static void print_man(void)
{
    printf(".\\\" Made from the table in src/cli/commands.c by gen-docs man.\n"
           ".TH WHIMBREL 1 \"\" \"whimbrel %s\" \"User Commands\"\n"
           ".SH NAME\nwhimbrel \\- bring a database from one version of its schema to another, safely\n"
           ".SH SYNOPSIS\n.B whimbrel\n[\\fIflags\\fR] \\fICOMMAND\\fR [\\fIflags\\fR]\n"
           ".SH DESCRIPTION\n",
           WBL_VERSION);
    man_text(
        "Applies, reverts and checks migrations of PostgreSQL, SQLite and other databases. Flags may stand before or "
        "behind the command. Times are written `500ms`, `30s`, `5m`. Results go to stdout, progress and messages to "
        "stderr. `--json` prints one document, also when the command fails; `--events` prints a line of JSON for each "
        "event, and that document in the last line.");
    for (uint32_t g = 0; g < CLI_GROUP_COUNT; g++) {
        printf(".SH \"%s\"\n", cli_group_titles[g]);
        for (uint32_t i = 0; i < cli_native.command_count; i++)
            if (cli_native.commands[i].group == (cli_group)g)
                man_command(&cli_native.commands[i]);
    }
    printf(".SH \"FLAGS OF EVERY COMMAND\"\n");
    man_flags(cli_native.globals, cli_native.global_count);
    printf(".SH \"EXIT STATUS\"\n");
    for (uint32_t i = 0; i < cli_exit_row_count; i++) {
        printf(".TP\n%s\n", cli_exit_rows[i].code);
        man_text(cli_exit_rows[i].meaning);
    }
    printf(".SH ENVIRONMENT\n");
    static const char *const names[][2] = {
        { "`WHIMBREL_URL`, `DATABASE_URL`", "the database, when --url is not given" },
        { "`NO_COLOR`", "when set and not empty: no colour" },
        { "`COLUMNS`", "width of the terminal, when it does not tell" },
    };
    for (size_t i = 0; i < WB_COUNT(names); i++) {
        printf(".TP\n");
        man_text(names[i][0]);
        man_text(names[i][1]);
    }
    printf(".SH FILES\n.TP\n\\fBwhimbrel.yaml\\fR\nthe configuration; \\fBwhimbrel init\\fR writes one with remarks\n");
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "markdown") == 0)
        print_markdown();
    else if (argc == 2 && strcmp(argv[1], "man") == 0)
        print_man();
    else
        return 2;
    return fflush(stdout) != 0;
}
