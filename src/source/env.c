/*
 * env.c - the environment: what the process has, and a .env file behind it; ${NAME} in values; variables of scripts.
 *
 * The file belongs to the application and holds much that is none of our business, so a line that we do not understand
 * is passed over: only values that somebody asks for by name matter. All data goes to the arena of the caller.
 * Facts: the common ground of the dotenv readers: export, #, '...' as it is, "..." with backslash escapes.
 */
#include "source/parts.h"

/* An empty value counts as unset. */
static const char *process_value(const wb_env *env, const char *name)
{
    const char *value = env->getenv ? env->getenv(env->getenv_user, name) : NULL;
    return value && *value ? value : NULL;
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || wb_is_digit(c) || c == '_';
}

typedef struct reader {
    const char *p, *end;
    uint32_t line;
} reader;

static void skip_blanks(reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t'))
        r->p++;
}

static void skip_line(reader *r)
{
    const char *nl = memchr(r->p, '\n', (size_t)(r->end - r->p));
    r->p = nl ? nl + 1 : r->end;
    r->line++;
}

static wb_str take_name(reader *r)
{
    const char *start = r->p;
    while (r->p < r->end && is_name_byte(*r->p))
        r->p++;
    return (wb_str){ start, (size_t)(r->p - start) };
}

static char unescaped(char c) { return c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c; }

/* A quoted value may span lines. NULL when the quote never ends; the caller then goes on with the next line. */
static char *take_quoted(wb_arena *mem, reader *r, bool *has_memory)
{
    char quote = *r->p;
    const char *q = r->p + 1;
    uint32_t lines = 0;
    size_t len = 0;
    for (; q < r->end && *q != quote; q++, len++) {
        lines += *q == '\n';
        if (quote == '"' && *q == '\\' && q + 1 < r->end)
            q++;
    }
    if (q >= r->end)
        return NULL;
    char *value = wb_arena_get(mem, len + 1);
    *has_memory = value != NULL;
    if (!value)
        return NULL;
    char *to = value;
    for (const char *from = r->p + 1; from < q; from++)
        *to++ = quote == '"' && *from == '\\' && from + 1 < q ? unescaped(*++from) : *from;
    r->p = q;
    r->line += lines;
    return value;
}

static char *take_plain(wb_arena *mem, reader *r, bool *has_memory)
{
    const char *start = r->p, *q = start;
    while (q < r->end && *q != '\n' && !(*q == '#' && (q == start || q[-1] == ' ' || q[-1] == '\t')))
        q++;
    wb_str value = wb_str_trim((wb_str){ start, (size_t)(q - start) });
    char *copy = wb_arena_str(mem, value.p, value.len);
    *has_memory = copy != NULL;
    return copy;
}

int wb_env_file_parse(wb_ctx *cx, wb_arena *mem, const char *shown, const char *text, size_t len, wb_env *out)
{
    reader r = { text, text + len, 1 };
    wb_param *names = NULL;
    uint32_t *lines = NULL;
    size_t count = 0, cap = 0, line_count = 0, line_cap = 0;
    if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        r.p += 3;
    for (; r.p < r.end; skip_line(&r)) {
        skip_blanks(&r);
        wb_str name = take_name(&r);
        skip_blanks(&r);
        if (wb_str_eq(name, "export") && r.p < r.end && is_name_byte(*r.p)) {
            name = take_name(&r);
            skip_blanks(&r);
        }
        if (name.len == 0 || r.p == r.end || *r.p != '=')
            continue;
        r.p++;
        skip_blanks(&r);
        uint32_t line = r.line;
        bool has_memory = true;
        bool is_quoted = r.p < r.end && (*r.p == '"' || *r.p == '\'');
        char *value = is_quoted ? take_quoted(mem, &r, &has_memory) : take_plain(mem, &r, &has_memory);
        if (has_memory && !value)
            continue;
        wb_param *slot = has_memory ? WB_PUSH(mem, names, count, cap) : NULL;
        uint32_t *line_slot = slot ? WB_PUSH(mem, lines, line_count, line_cap) : NULL;
        char *key = line_slot ? wb_arena_str(mem, name.p, name.len) : NULL;
        if (!key)
            return wb_nomem(cx);
        *slot = (wb_param){ key, value };
        *line_slot = line;
    }
    out->file = names;
    out->file_lines = lines;
    out->file_count = count;
    out->file_shown = shown;
    return 0;
}

/* ---- looking up ---- */

static const wb_param *env_file_find(const wb_env *env, const char *name, uint32_t *line)
{
    for (size_t i = env->file_count; i > 0; i--)
        if (strcmp(env->file[i - 1].key, name) == 0 && *env->file[i - 1].value) {
            *line = env->file_lines[i - 1];
            return &env->file[i - 1];
        }
    return NULL;
}

/* A copy, since the environment of a process may change under us. NULL with *origin set: no memory. */
const char *wb_env_process(const wb_draft *d, const char *name, const char **origin)
{
    const char *value = process_value(&d->out->env, name);
    *origin = value ? wb_arena_fmt(d->mem, "environment %s", name) : NULL;
    return value ? wb_arena_dup(d->mem, value) : NULL;
}

const char *wb_env_find(const wb_draft *d, const char *name, const char **origin)
{
    const wb_env *env = &d->out->env;
    uint32_t line;
    const char *value = wb_env_process(d, name, origin);
    const wb_param *p = value || process_value(env, name) ? NULL : env_file_find(env, name, &line);
    if (!p)
        return value;
    *origin = wb_arena_fmt(d->mem, "%s:%u", env->file_shown, (unsigned)line);
    return p->value;
}

static bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

/* "NAME" or "NAME:-default" between the braces. */
static int expand_one(wb_draft *d, wb_str inside, const wb_yaml *n, const char *shown, wb_buf *to, const char **missing)
{
    size_t len = 0;
    while (len < inside.len && (is_name_start(inside.p[len]) || (len && wb_is_digit(inside.p[len]))))
        len++;
    bool has_default = inside.len >= len + 2 && inside.p[len] == ':' && inside.p[len + 1] == '-';
    if (len == 0 || (len < inside.len && !has_default)) {
        wb_fail_node(d, shown, n, "${%.*s} is not understood", (int)(inside.len < 100 ? inside.len : 100), inside.p);
        wb_hint(d->cx, "Write ${NAME} or ${NAME:-default}; $${ is a plain ${.");
        return WBL_E_INVALID;
    }
    const char *origin;
    char *name = wb_arena_str(d->mem, inside.p, len);
    const char *value = name ? wb_env_find(d, name, &origin) : NULL;
    if (!name)
        return wb_nomem(d->cx);
    if (value)
        wb_buf_str(to, value);
    else if (has_default)
        wb_buf_add(to, inside.p + len + 2, inside.len - len - 2);
    else if (!*missing)
        *missing = name;
    return 0;
}

int wb_expand(wb_draft *d, const wb_yaml *n, const char *shown, const char **out, const char **missing)
{
    *missing = NULL;
    *out = n->text;
    if (!strstr(n->text, "${"))
        return 0;
    WB_AUTOBUF wb_buf text = WB_BUF(WB_TEXT_MAX);
    for (const char *p = n->text; *p;) {
        const char *open = strstr(p, "${");
        if (!open) {
            wb_buf_str(&text, p);
            break;
        }
        if (open > p && open[-1] == '$') { /* $${ */
            wb_buf_add(&text, p, (size_t)(open - p) - 1);
            wb_buf_str(&text, "${");
            p = open + 2;
            continue;
        }
        const char *close = strchr(open, '}');
        if (!close)
            return wb_fail_node(d, shown, n, "${ has no closing brace");
        wb_buf_add(&text, p, (size_t)(open - p));
        int rc = expand_one(d, (wb_str){ open + 2, (size_t)(close - open) - 2 }, n, shown, &text, missing);
        if (rc != 0)
            return rc;
        p = close + 1;
    }
    const char *done = wb_buf_cstr(&text);
    *out = done ? wb_arena_dup(d->mem, done) : NULL;
    if (!*out)
        return wb_nomem(d->cx);
    if (*missing)
        *out = NULL;
    return 0;
}

/* ---- variables of scripts ---- */

/* WHIMBREL_VAR_OWNER for the variable owner; the same name in its own letters comes second. */
static const char *find_variable(const wb_env *env, const char *name, bool is_upper)
{
    char full[128] = "WHIMBREL_VAR_";
    size_t n = strlen(full);
    uint32_t line;
    for (; *name && n + 1 < sizeof full; name++)
        full[n++] = is_upper && *name >= 'a' && *name <= 'z' ? (char)(*name - 32) : *name;
    full[n] = 0;
    if (*name)
        return NULL;
    const char *value = process_value(env, full);
    const wb_param *p = value ? NULL : env_file_find(env, full, &line);
    return p ? p->value : value;
}

const char *wb_config_variable(void *config, const char *name)
{
    const wb_config *c = config;
    const char *value = find_variable(&c->env, name, true);
    if (!value)
        value = find_variable(&c->env, name, false);
    for (size_t i = 0; !value && i < c->variable_count; i++)
        if (strcmp(c->variables[i].key, name) == 0)
            value = c->variables[i].value;
    return value;
}
