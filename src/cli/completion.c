/*
 * completion.c - scripts that complete commands, flags and values in bash, zsh and fish, made from the table.
 *
 * The scripts know the table and nothing else: a completion that asks the program, or even the database, would be slow
 * just when somebody types.
 */
#include "cli/cli.h"

#include <string.h>

static bool is_file_value(const cli_flag *f)
{
    return f->value && (strcmp(f->value, "FILE") == 0 || strcmp(f->value, "DIR") == 0);
}

/* The words of "a b" or "a|b" with a text before and after each. */
static void add_words(wb_buf *b, const char *words, const char *ends, const char *before, const char *after)
{
    while (*words) {
        size_t n = strcspn(words, ends);
        wb_buf_str(b, before);
        wb_buf_add(b, words, n);
        wb_buf_str(b, after);
        words += n + (words[n] != 0);
    }
}

/* Inside '...' of a shell; fish and zsh texts also want no brackets or colons where they mean something. */
static void add_quoted(wb_buf *b, const char *text, const char *escape)
{
    for (; *text; text++) {
        if (*text == '\'')
            wb_buf_str(b, "'\\''");
        else if (strchr(escape, *text))
            wb_buf_addf(b, "\\%c", *text);
        else
            wb_buf_char(b, *text);
    }
}

/* ---- bash ---- */

static void bash_flag_words(wb_buf *b, const cli_flag *flags, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        add_words(b, flags[i].name, " ", "--", " ");
        if (flags[i].letter)
            wb_buf_addf(b, "-%c ", flags[i].letter);
    }
}

/* Patterns of all flags that take a value, so that the word behind them is no command. */
static void bash_value_patterns(wb_buf *b, const cli_flag *flags, uint32_t count, bool (*is_wanted)(const cli_flag *))
{
    for (uint32_t i = 0; i < count; i++) {
        if (flags[i].kind == CLI_SWITCH || (is_wanted && !is_wanted(&flags[i])))
            continue;
        add_words(b, flags[i].name, " ", "|--", "");
        add_words(b, flags[i].aliases, " ", "|--", "");
        if (flags[i].letter)
            wb_buf_addf(b, "|-%c", flags[i].letter);
    }
}

static void bash_choices(wb_buf *b, const cli_flag *flags, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (flags[i].kind != CLI_CHOICE)
            continue;
        wb_buf_addf(b, "    --%s) COMPREPLY=($(compgen -W '", flags[i].name);
        add_words(b, flags[i].value, "|", "", " ");
        wb_buf_str(b, "' -- \"$cur\")); return ;;\n");
    }
}

static void add_bash(wb_buf *b)
{
    const cli_syntax *s = &cli_native;
    wb_buf_str(b, "# bash completion of whimbrel\n"
                  "_whimbrel() {\n"
                  "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= i\n"
                  "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                  "        case ${COMP_WORDS[i]} in\n"
                  "        -");
    bash_value_patterns(b, s->globals, s->global_count, NULL);
    wb_buf_str(b, ") ((i++)) ;;\n"
                  "        -*) ;;\n"
                  "        *) command=${COMP_WORDS[i]}; break ;;\n"
                  "        esac\n"
                  "    done\n"
                  "    case $prev in\n"
                  "    -");
    bash_value_patterns(b, s->globals, s->global_count, is_file_value);
    wb_buf_str(b, "|--plan|--out|-o|--renumber) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n");
    for (uint32_t i = 0; i < s->command_count; i++) /* the same choice is written once for each command: no harm */
        bash_choices(b, s->commands[i].flags, s->commands[i].flag_count);
    wb_buf_str(b, "    esac\n"
                  "    local words=\n"
                  "    case $command in\n"
                  "    '') words='");
    for (uint32_t i = 0; i < s->command_count; i++)
        wb_buf_addf(b, "%s ", s->commands[i].name);
    wb_buf_str(b, "' ;;\n");
    for (uint32_t i = 0; i < s->command_count; i++) {
        const cli_command *c = &s->commands[i];
        wb_buf_str(b, "    ");
        wb_buf_str(b, c->name);
        add_words(b, c->aliases, " ", "|", "");
        wb_buf_str(b, ") words='");
        bash_flag_words(b, c->flags, c->flag_count);
        if (strchr(c->usage, '|')) /* bash|zsh|fish */
            add_words(b, c->usage, "|", "", " ");
        wb_buf_str(b, "' ;;\n");
    }
    wb_buf_str(b, "    esac\n"
                  "    [[ $command == help ]] && words='");
    for (uint32_t i = 0; i < s->command_count; i++)
        wb_buf_addf(b, "%s ", s->commands[i].name);
    wb_buf_str(b, "'\n"
                  "    [[ $cur == -* ]] && words+=' ");
    bash_flag_words(b, s->globals, s->global_count);
    wb_buf_str(b, "'\n"
                  "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                  "}\n"
                  "complete -F _whimbrel whimbrel\n");
}

/* ---- zsh ---- */

static void zsh_flag(wb_buf *b, const cli_flag *f)
{
    const char *star = f->kind == CLI_LIST || f->id == CLI_VERBOSE ? "*" : "";
    for (int form = 0; form < 2; form++) { /* --name, then -x */
        if (form == 1 && !f->letter)
            return;
        if (form == 0)
            wb_buf_addf(b, " \\\n        '%s--%s%s[", star, f->name, f->value ? "=" : "");
        else
            wb_buf_addf(b, " \\\n        '%s-%c%s[", star, f->letter, f->value ? "+" : "");
        add_quoted(b, f->help, "[]:\\");
        wb_buf_char(b, ']');
        if (f->kind == CLI_CHOICE) {
            wb_buf_addf(b, ":%s:(", f->name);
            add_words(b, f->value, "|", "", " ");
            wb_buf_char(b, ')');
        } else if (f->value) {
            wb_buf_addf(b, ":%s:%s", f->name,
                        strcmp(f->value, "DIR") == 0 ? "_files -/"
                        : is_file_value(f)           ? "_files"
                                                     : " ");
        }
        wb_buf_char(b, '\'');
    }
}

static void add_zsh(wb_buf *b)
{
    const cli_syntax *s = &cli_native;
    wb_buf_str(b, "#compdef whimbrel\n"
                  "_whimbrel() {\n"
                  "    local curcontext=$curcontext state line\n"
                  "    typeset -A opt_args\n"
                  "    local -a globals commands\n"
                  "    globals=(");
    for (uint32_t i = 0; i < s->global_count; i++)
        zsh_flag(b, &s->globals[i]);
    wb_buf_str(b, "\n    )\n"
                  "    commands=(\n");
    for (uint32_t i = 0; i < s->command_count; i++) {
        wb_buf_addf(b, "        '%s:", s->commands[i].name);
        add_quoted(b, s->commands[i].line, ":\\");
        wb_buf_str(b, "'\n");
    }
    wb_buf_str(b, "    )\n"
                  "    _arguments -C -s $globals '1:command:->command' '*::argument:->argument'\n"
                  "    case $state in\n"
                  "    command) _describe command commands ;;\n"
                  "    argument)\n"
                  "        case $words[1] in\n");
    for (uint32_t i = 0; i < s->command_count; i++) {
        const cli_command *c = &s->commands[i];
        wb_buf_addf(b, "        %s", c->name);
        add_words(b, c->aliases, " ", "|", "");
        wb_buf_str(b, ") _arguments -s $globals");
        for (uint32_t k = 0; k < c->flag_count; k++)
            zsh_flag(b, &c->flags[k]);
        if (strcmp(c->name, "help") == 0)
            wb_buf_str(b, " '1:command:->command' && _describe command commands");
        else if (strchr(c->usage, '|')) {
            wb_buf_str(b, " '1:shell:(");
            add_words(b, c->usage, "|", "", " ");
            wb_buf_str(b, ")'");
        }
        wb_buf_str(b, " ;;\n");
    }
    wb_buf_str(b, "        esac ;;\n"
                  "    esac\n"
                  "}\n"
                  "_whimbrel \"$@\"\n");
}

/* ---- fish ---- */

static void fish_flag(wb_buf *b, const cli_flag *f, const char *command, const char *aliases)
{
    wb_buf_str(b, "complete -c whimbrel");
    if (command) {
        wb_buf_addf(b, " -n '__fish_seen_subcommand_from %s", command);
        add_words(b, aliases, " ", " ", "");
        wb_buf_char(b, '\'');
    }
    wb_buf_addf(b, " -l %s", f->name);
    if (f->letter)
        wb_buf_addf(b, " -s %c", f->letter);
    if (f->kind == CLI_CHOICE) {
        wb_buf_str(b, " -x -a '");
        add_words(b, f->value, "|", "", " ");
        wb_buf_char(b, '\'');
    } else if (f->value) {
        wb_buf_str(b, is_file_value(f) ? " -r -F" : " -x");
    }
    wb_buf_str(b, " -d '");
    add_quoted(b, f->help, "\\");
    wb_buf_str(b, "'\n");
}

static void add_fish(wb_buf *b)
{
    const cli_syntax *s = &cli_native;
    wb_buf_str(b, "# fish completion of whimbrel\n"
                  "complete -c whimbrel -f\n");
    for (uint32_t i = 0; i < s->command_count; i++) {
        wb_buf_addf(b, "complete -c whimbrel -n __fish_use_subcommand -a %s -d '", s->commands[i].name);
        add_quoted(b, s->commands[i].line, "\\");
        wb_buf_str(b, "'\n");
    }
    for (uint32_t i = 0; i < s->global_count; i++)
        fish_flag(b, &s->globals[i], NULL, "");
    for (uint32_t i = 0; i < s->command_count; i++) {
        const cli_command *c = &s->commands[i];
        for (uint32_t k = 0; k < c->flag_count; k++)
            fish_flag(b, &c->flags[k], c->name, c->aliases);
        if (strchr(c->usage, '|')) {
            wb_buf_addf(b, "complete -c whimbrel -n '__fish_seen_subcommand_from %s' -a '", c->name);
            add_words(b, c->usage, "|", "", " ");
            wb_buf_str(b, "'\n");
        }
    }
    wb_buf_str(b, "complete -c whimbrel -n '__fish_seen_subcommand_from help' -a '");
    for (uint32_t i = 0; i < s->command_count; i++)
        wb_buf_addf(b, "%s ", s->commands[i].name);
    wb_buf_str(b, "'\n");
}

int cli_completion(wb_buf *b, const char *shell)
{
    if (strcmp(shell, "bash") == 0)
        add_bash(b);
    else if (strcmp(shell, "zsh") == 0)
        add_zsh(b);
    else if (strcmp(shell, "fish") == 0)
        add_fish(b);
    else
        return -1;
    return 0;
}
