/*
 * args.c - read a command line by the tables of commands.c.
 *
 * getopt_long knows neither commands nor "did you mean", stops at a negative number (`force -1`), and accepts cut names,
 * which would make every new flag a danger to somebody's script. So this is our own: flags before or behind the
 * command, --flag=value, --flag value, -u value, -uvalue, -qv, and -- for "no flags from here on".
 * Owns nothing: lists go to the arena of the caller. Pure: no I/O, no environment.
 */
#include "cli/args.h"

#include <string.h>

typedef struct parse {
    wb_ctx *cx;
    wb_arena *mem;
    const cli_syntax *syntax;
    int count, at; /* words, and the next one */
    char *const *words, *const *shown;
    cli_args *out;
} parse;

/* A name in a message: never more than what stands before '=', for behind it may be a password. */
#define NAME_MAX_SHOWN 40

bool cli_has_word(const char *words, const char *name, size_t len)
{
    for (const char *s = words; *s;) {
        size_t n = strcspn(s, " ");
        if (n == len && strncmp(s, name, n) == 0)
            return true;
        s += n;
        while (*s == ' ')
            s++;
    }
    return false;
}

int cli_parse_count(const char *text, int64_t *out)
{
    int64_t n = 0;
    size_t len = strspn(text, "0123456789");
    if (len == 0 || text[len] != 0)
        return -1;
    for (size_t i = 0; i < len; i++) {
        if (n > (INT64_MAX - 9) / 10)
            return -1;
        n = n * 10 + (text[i] - '0');
    }
    *out = n;
    return 0;
}

const cli_command *cli_command_find(const cli_syntax *syntax, const char *name)
{
    for (uint32_t i = 0; i < syntax->command_count; i++) {
        const cli_command *c = &syntax->commands[i];
        if (strcmp(c->name, name) == 0 || cli_has_word(c->aliases, name, strlen(name)))
            return c;
    }
    return NULL;
}

/* ---- did you mean ---- */

typedef struct names {
    const char *items[256];
    size_t count;
} names;

static void names_add(wb_arena *mem, names *list, const char *words)
{
    while (*words && list->count < WB_COUNT(list->items)) {
        size_t n = strcspn(words, " ");
        char *copy = wb_arena_str(mem, words, n);
        if (copy) /* without memory there is one proposal less */
            list->items[list->count++] = copy;
        words += n + (words[n] == ' ');
    }
}

static void names_add_flags(wb_arena *mem, names *list, const cli_flag *flags, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        names_add(mem, list, flags[i].name);
        names_add(mem, list, flags[i].aliases);
    }
}

int cli_fail_command(wb_ctx *cx, wb_arena *mem, const cli_syntax *syntax, const char *shown)
{
    names list = { .count = 0 };
    for (uint32_t i = 0; i < syntax->command_count; i++) {
        names_add(mem, &list, syntax->commands[i].name);
        names_add(mem, &list, syntax->commands[i].aliases);
    }
    const char *near = wb_nearest(shown, list.items, list.count);
    if (near)
        return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "no command `%s`; did you mean `%s`?", shown, near);
    wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "no command `%s`", shown);
    wb_hint(cx, "`whimbrel help` lists the commands.");
    return WBL_E_INVALID;
}

static bool flag_is(const cli_flag *f, const char *name, size_t len)
{
    return (strlen(f->name) == len && strncmp(f->name, name, len) == 0) || cli_has_word(f->aliases, name, len);
}

static const cli_flag *flag_in(const cli_flag *flags, uint32_t count, const char *name, size_t len)
{
    for (uint32_t i = 0; i < count; i++)
        if (flag_is(&flags[i], name, len))
            return &flags[i];
    return NULL;
}

static const cli_flag *flag_find(const parse *ps, const char *name, size_t len)
{
    const cli_command *c = ps->out->command;
    const cli_flag *f = c ? flag_in(c->flags, c->flag_count, name, len) : NULL;
    return f ? f : flag_in(ps->syntax->globals, ps->syntax->global_count, name, len);
}

static const cli_flag *letter_find(const parse *ps, char letter)
{
    const cli_command *c = ps->out->command;
    for (uint32_t i = 0; c && i < c->flag_count; i++)
        if (c->flags[i].letter == letter)
            return &c->flags[i];
    for (uint32_t i = 0; i < ps->syntax->global_count; i++)
        if (ps->syntax->globals[i].letter == letter)
            return &ps->syntax->globals[i];
    return NULL;
}

/* Which commands take a flag that this one does not: "down, redo". False: none. */
static bool other_owners(const parse *ps, const char *name, size_t len, char *out, size_t size)
{
    wb_buf b = WB_BUF(WB_TEXT_MAX);
    for (uint32_t i = 0; i < ps->syntax->command_count; i++) {
        const cli_command *c = &ps->syntax->commands[i];
        if (c != ps->out->command && flag_in(c->flags, c->flag_count, name, len))
            wb_buf_addf(&b, "%s`%s`", b.len ? ", " : "", c->name);
    }
    const char *text = b.len ? wb_buf_cstr(&b) : NULL;
    if (text)
        wb_copy_text(out, size, text, strlen(text));
    wb_buf_done(&b);
    return text != NULL;
}

static int fail_flag(parse *ps, const char *name, size_t len)
{
    char shown[NAME_MAX_SHOWN], owners[160];
    wb_copy_text(shown, sizeof shown, name, len);
    const cli_command *c = ps->out->command;
    if (other_owners(ps, name, len, owners, sizeof owners)) {
        if (c)
            return wb_fail(ps->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "`%s` has no flag `--%s`; it belongs to %s", c->name,
                           shown, owners);
        return wb_fail(ps->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "`--%s` goes behind its command: %s", shown, owners);
    }
    names list = { .count = 0 };
    if (c)
        names_add_flags(ps->mem, &list, c->flags, c->flag_count);
    names_add_flags(ps->mem, &list, ps->syntax->globals, ps->syntax->global_count);
    const char *near = wb_nearest(shown, list.items, list.count);
    if (near)
        return wb_fail(ps->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "no flag `--%s`; did you mean `--%s`?", shown, near);
    wb_fail(ps->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "no flag `--%s`", shown);
    wb_hint(ps->cx, "`whimbrel help%s%s` lists the flags.", c ? " " : "", c ? c->name : "");
    return WBL_E_INVALID;
}

/* ---- flags and their values ---- */

static int choice_index(const char *choices, const char *word, int64_t *out)
{
    int64_t index = 0;
    for (const char *s = choices; *s; index++) {
        size_t n = strcspn(s, "|");
        if (strlen(word) == n && strncmp(word, s, n) == 0) {
            *out = index;
            return 0;
        }
        s += n + (s[n] == '|');
    }
    return -1;
}

static int list_add(parse *ps, const cli_flag *f, const char *value)
{
    cli_args *out = ps->out;
    if (!out->list[f->id]) { /* no list can be longer than the command line */
        out->list[f->id] = wb_arena_get(ps->mem, (size_t)ps->count * sizeof *out->list[f->id]);
        if (!out->list[f->id])
            return wb_nomem(ps->cx);
    }
    out->list[f->id][out->count[f->id]++] = value;
    return 0;
}

static int set_value(parse *ps, const cli_flag *f, const char *value)
{
    cli_args *out = ps->out;
    switch (f->kind) {
    case CLI_LIST: return list_add(ps, f, value);
    case CLI_SWITCH:
    case CLI_TEXT: break;
    case CLI_NUMBER:
        if (cli_parse_count(value, &out->number[f->id]) != 0)
            return wb_fail(ps->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "`--%s` wants a number, not `%s`", f->name, value);
        break;
    case CLI_DURATION:
        if (wb_parse_duration(value, &out->number[f->id]) != 0) {
            wb_fail(ps->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "`--%s` wants a time such as 500ms, 30s or 5m, not `%s`",
                    f->name, value);
            return WBL_E_INVALID;
        }
        break;
    case CLI_CHOICE:
        if (choice_index(f->value, value, &out->number[f->id]) != 0)
            return wb_fail(ps->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "`--%s` is one of %s, not `%s`", f->name, f->value,
                           value);
        break;
    }
    out->text[f->id] = value;
    out->count[f->id]++;
    return 0;
}

static bool is_negative_number(const char *word)
{
    return word[0] == '-' && word[1] != 0 && word[1 + strspn(word + 1, "0123456789")] == 0;
}

/* The value is the next word. One that looks like a flag is a value that was forgotten: --url --json. */
static int take_value(parse *ps, const cli_flag *f)
{
    const char *next = ps->at < ps->count ? ps->words[ps->at] : NULL;
    if (next && next[0] == '-' && next[1] != 0 && !is_negative_number(next)) {
        char shown[NAME_MAX_SHOWN];
        wb_copy_text(shown, sizeof shown, next, strcspn(next, "="));
        wb_fail(ps->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "`--%s` needs a value: --%s %s", f->name, f->name, f->value);
        wb_hint(ps->cx, "If `%s` is the value, write --%s=%s", shown, f->name, shown);
        return WBL_E_INVALID;
    }
    if (!next)
        return wb_fail(ps->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "`--%s` needs a value: --%s %s", f->name, f->name,
                       f->value);
    ps->at++;
    return set_value(ps, f, next);
}

static int parse_long(parse *ps, const char *name)
{
    size_t len = strcspn(name, "=");
    const cli_flag *f = flag_find(ps, name, len);
    if (!f)
        return fail_flag(ps, name, len);
    bool has_value = name[len] == '=';
    if (f->kind == CLI_SWITCH && has_value)
        return wb_fail(ps->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "`--%s` takes no value", f->name);
    if (f->kind == CLI_SWITCH)
        return set_value(ps, f, "");
    return has_value ? set_value(ps, f, name + len + 1) : take_value(ps, f);
}

static int fail_letter(parse *ps, const char *word, char letter)
{
    size_t len = strcspn(word + 1, "=");
    const cli_flag *f = flag_find(ps, word + 1, len); /* -path: other tools write long names with one dash */
    if (f)
        return wb_fail(ps->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "no flag `-%.*s`; did you mean `--%s`?", (int)len,
                       word + 1, f->name);
    wb_fail(ps->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "no flag `-%c`", letter);
    wb_hint(ps->cx, "`whimbrel help%s%s` lists the flags.", ps->out->command ? " " : "",
            ps->out->command ? ps->out->command->name : "");
    return WBL_E_INVALID;
}

static int parse_letters(parse *ps, const char *word)
{
    for (const char *s = word + 1; *s; s++) {
        const cli_flag *f = letter_find(ps, *s);
        if (!f || (s == word + 1 && s[1] && flag_find(ps, s, strcspn(s, "="))))
            return fail_letter(ps, word, *s >= ' ' && *s < 0x7F ? *s : '?');
        if (f->kind != CLI_SWITCH)
            return s[1] == 0 ? take_value(ps, f) : set_value(ps, f, s + 1 + (s[1] == '='));
        int rc = set_value(ps, f, "");
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* ---- words that are no flags ---- */

static int parse_plain(parse *ps, const char *word, const char *shown)
{
    cli_args *out = ps->out;
    if (!out->command) {
        out->command = cli_command_find(ps->syntax, word);
        return out->command ? 0 : cli_fail_command(ps->cx, ps->mem, ps->syntax, shown);
    }
    if (out->positional_count >= out->command->positional_max) {
        wb_fail(ps->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "`%s` does not know what to do with `%s`", out->command->name,
                shown);
        wb_hint(ps->cx, "Usage: whimbrel %s %s", out->command->name, out->command->usage);
        return WBL_E_INVALID;
    }
    out->positionals[out->positional_count++] = word;
    return 0;
}

static int parse_word(parse *ps, bool *is_plain_only)
{
    const char *word = ps->words[ps->at], *shown = ps->shown[ps->at];
    ps->at++;
    if (*is_plain_only || word[0] != '-' || word[1] == 0)
        return parse_plain(ps, word, shown);
    if (strcmp(word, "--") == 0) {
        *is_plain_only = true;
        return 0;
    }
    if (word[1] == '-')
        return parse_long(ps, word + 2);
    return is_negative_number(word) ? parse_plain(ps, word, shown) : parse_letters(ps, word);
}

static int check_positionals(parse *ps)
{
    const cli_command *c = ps->out->command;
    if (!c || ps->out->positional_count >= c->positional_min)
        return 0;
    wb_fail(ps->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "`%s` needs more: whimbrel %s %s", c->name, c->name, c->usage);
    wb_hint(ps->cx, "`whimbrel help %s` has an example.", c->name);
    return WBL_E_INVALID;
}

int cli_args_parse(wb_ctx *cx, wb_arena *mem, const cli_syntax *syntax, int count, char *const *words,
                   char *const *shown, cli_args *out)
{
    memset(out, 0, sizeof *out);
    parse ps = { cx, mem, syntax, count, 0, words, shown, out };
    out->positionals = wb_arena_get(mem, ((size_t)count + 1) * sizeof *out->positionals);
    if (!out->positionals)
        return wb_nomem(cx);
    bool is_plain_only = false;
    wbl_error first = { .version = WBL_ERROR_VERSION };
    int rc = 0;
    while (ps.at < count) { /* the first mistake counts, but all words are read: --json and --help may follow */
        int one = parse_word(&ps, &is_plain_only);
        if (one != 0 && rc == 0) {
            rc = one;
            if (cx->err)
                first = *cx->err;
        }
    }
    if (rc == 0)
        rc = check_positionals(&ps);
    else if (cx->err)
        *cx->err = first;
    if (rc == WBL_E_INVALID && out->count[CLI_HELP]) {
        wb_error_clear(cx->err);
        rc = 0;
    }
    return rc;
}
