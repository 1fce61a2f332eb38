/*
 * config.c - the effective configuration: flags, environment, .env, file, defaults, in this order of strength.
 *
 * Every source writes into one draft, the strongest first, and a value that is set is never overwritten. Each value
 * remembers where it came from, so that `whimbrel config` can say it and an error can point at it. Only at the end are
 * the texts turned into numbers and choices (effective.c). Everything lies in the arena of the caller.
 */
#include "source/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static const char *const default_dirs[] = { "migrations" };
static const char *const default_always[] = { "core" };
static const char *const file_names[] = { "whimbrel.yaml", "whimbrel.yml" };
static const char *const modules_names[] = { "config.yaml", "config.yml" };

/* ---- what the readers of files share ---- */

int wb_fail_node(wb_draft *d, const char *shown, const wb_yaml *n, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    wb_fail(d->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "%s", text);
    wb_at(d->cx, shown, n->line, n->column);
    return WBL_E_INVALID;
}

const char *wb_origin(wb_draft *d, const char *shown, uint32_t line)
{
    return wb_arena_fmt(d->mem, "%s:%u", shown, (unsigned)line);
}

int wb_setting_add(wb_draft *d, const char *key, const char *value, const char *origin)
{
    wbl_setting *s = WB_PUSH(d->mem, d->settings, d->setting_count, d->setting_cap);
    if (!s)
        return wb_nomem(d->cx);
    *s = (wbl_setting){ key, value, origin };
    return 0;
}

/* A URL that can't be read is the business of the one who connects; here it must only not show a password. */
int wb_url_shown(wb_draft *d, const char *url, const char **out)
{
    wb_ctx quiet = { 0 };
    wb_url parsed;
    *out = "";
    if (!*url)
        return 0;
    int rc = wb_url_parse(&quiet, d->mem, url, &parsed);
    *out = rc == 0 && parsed.shown ? parsed.shown : "*** (not a URL that can be read)";
    return rc == WBL_E_NOMEM ? wb_nomem(d->cx) : 0;
}

int wb_names_join(wb_draft *d, const char *const *names, size_t count, const char **out)
{
    WB_AUTOBUF wb_buf text = WB_BUF(WB_TEXT_MAX);
    for (size_t i = 0; i < count; i++)
        wb_buf_addf(&text, "%s%s", i ? ", " : "", names[i]);
    const char *joined = wb_buf_cstr(&text);
    *out = joined ? wb_arena_dup(d->mem, joined) : NULL;
    return *out ? 0 : wb_nomem(d->cx);
}

/* ---- flags ---- */

static int set_flag(wb_draft *d, wb_key key, const char *text)
{
    if (!text || !*text)
        return 0;
    const char *copy = wb_arena_dup(d->mem, text), *origin = wb_arena_fmt(d->mem, "flag %s", wb_key_rows[key].flag);
    if (!copy || !origin)
        return wb_nomem(d->cx);
    d->values[key] = (wb_value){ .text = copy, .origin = origin };
    return 0;
}

static int set_flag_number(wb_draft *d, wb_key key, int64_t value, const char *unit)
{
    char text[32];
    if (value < 0)
        return 0;
    snprintf(text, sizeof text, "%" PRId64 "%s", value, value ? unit : "");
    return set_flag(d, key, text);
}

static int copy_names(wb_draft *d, const char *const *from, size_t count, const char *const **out)
{
    const char **names = wb_arena_get(d->mem, count * sizeof *names);
    for (size_t i = 0; names && i < count; i++)
        if (!(names[i] = wb_arena_dup(d->mem, from[i])))
            names = NULL;
    *out = names;
    return names ? 0 : wb_nomem(d->cx);
}

static int read_flags(wb_draft *d)
{
    const wbl_options *o = d->request->options;
    const char *order = o->default_out_of_order > 0 && o->default_out_of_order <= 3
                            ? wb_key_rows[WB_KEY_OUT_OF_ORDER].words[o->default_out_of_order - 1]
                            : NULL;
    const struct {
        wb_key key;
        const char *text;
    } texts[] = {
        { WB_KEY_URL, o->url },
        { WB_KEY_PROFILE, o->profile },
        { WB_KEY_FORMAT, o->format },
        { WB_KEY_TARGET, o->target },
        { WB_KEY_LEDGER_SCHEMA, o->ledger_schema },
        { WB_KEY_LEDGER_TABLE, o->ledger_table },
        { WB_KEY_PASSWORD_FILE, o->password_file },
        { WB_KEY_OUT_OF_ORDER, order },
    };
    const struct {
        wb_key key;
        int64_t value;
        const char *unit;
    } numbers[] = {
        { WB_KEY_LOCK_TIMEOUT, o->lock_timeout_ms, "ms" },
        { WB_KEY_CONNECT_TIMEOUT, o->connect_timeout_ms, "ms" },
        { WB_KEY_DDL_LOCK_TIMEOUT, o->ddl_lock_timeout_ms, "ms" },
        { WB_KEY_DDL_LOCK_TRIES, o->ddl_lock_tries, "" },
        { WB_KEY_STATEMENT_TIMEOUT, o->statement_timeout_ms, "ms" },
        { WB_KEY_GROUP, o->group_max, "" },
    };
    int rc = 0;
    for (size_t i = 0; i < WB_COUNT(texts) && rc == 0; i++)
        rc = set_flag(d, texts[i].key, texts[i].text);
    for (size_t i = 0; i < WB_COUNT(numbers) && rc == 0; i++)
        rc = set_flag_number(d, numbers[i].key, numbers[i].value, numbers[i].unit);
    if (rc == 0 && o->dirs) { /* also none at all: a program that brings its migrations itself */
        d->dirs_origin = "flag --dir";
        d->out->dir_count = o->dir_count;
        rc = copy_names(d, o->dirs, o->dir_count, &d->out->dirs);
    }
    return rc;
}

/* ---- the environment as a source of settings ---- */

static int split_list(wb_draft *d, const char *text, char separator, const char *const **out, size_t *out_count)
{
    const char **names = NULL;
    size_t count = 0, cap = 0;
    for (const char *p = text; *p;) {
        const char *end = strchrnul(p, separator);
        wb_str one = wb_str_trim((wb_str){ p, (size_t)(end - p) });
        const char **slot = one.len ? WB_PUSH(d->mem, names, count, cap) : NULL;
        if (one.len && (!slot || !(*slot = wb_arena_str(d->mem, one.p, one.len))))
            return wb_nomem(d->cx);
        p = *end ? end + 1 : end;
    }
    *out = names;
    *out_count = count;
    return 0;
}

/* find: the process's environment, or with .env behind it. */
typedef const char *(*find_fn)(const wb_draft *, const char *name, const char **origin);

static int env_value(wb_draft *d, find_fn find, const char *name, wb_value *v)
{
    if (v->text)
        return 0;
    const char *origin = NULL, *text = find(d, name, &origin);
    if (origin && !text)
        return wb_nomem(d->cx);
    if (!text)
        return 0;
    if (!origin)
        return wb_nomem(d->cx);
    *v = (wb_value){ .text = text, .origin = origin };
    return 0;
}

static int read_env_lists(wb_draft *d, find_fn find)
{
    wb_value dirs = { 0 }, always = { 0 };
    int rc = d->dirs_origin ? 0 : env_value(d, find, "WHIMBREL_DIR", &dirs);
    if (rc == 0 && dirs.text) {
        d->dirs_origin = dirs.origin;
        rc = split_list(d, dirs.text, ':', &d->out->dirs, &d->out->dir_count);
    }
    if (rc == 0 && !d->always_origin)
        rc = env_value(d, find, "WHIMBREL_ALWAYS", &always);
    if (rc == 0 && always.text) {
        d->always_origin = always.origin;
        rc = split_list(d, always.text, ',', &d->out->always, &d->out->always_count);
    }
    return rc;
}

/* The process first and as a whole: DATABASE_URL there is stronger than WHIMBREL_URL in .env. */
static int read_environment(wb_draft *d)
{
    static const find_fn finds[] = { wb_env_process, wb_env_find };
    int rc = 0;
    for (size_t f = 0; f < WB_COUNT(finds); f++) {
        for (size_t k = 0; k < WB_KEY_COUNT && rc == 0; k++)
            rc = env_value(d, finds[f], wb_key_rows[k].env, &d->values[k]);
        if (rc == 0)
            rc = env_value(d, finds[f], "DATABASE_URL", &d->values[WB_KEY_URL]);
        if (rc == 0)
            rc = read_env_lists(d, finds[f]);
    }
    return rc;
}

static int read_env_file(wb_draft *d)
{
    WB_AUTOBUF wb_buf text = WB_BUF(WB_TEXT_MAX);
    if (d->request->options->no_environment || faccessat(d->request->base_fd, ".env", F_OK, 0) != 0)
        return 0;
    int rc = wb_file_read(d->cx, d->request->base_fd, ".env", ".env", &text);
    if (rc == WBL_E_IO && d->cx->err && d->cx->err->native == EISDIR) { /* a Python environment may be called so */
        wb_error_clear(d->cx->err);
        return 0;
    }
    return rc == 0 ? wb_env_file_parse(d->cx, d->mem, ".env", text.p, text.len, &d->out->env) : rc;
}

/* ---- the file ---- */

typedef struct choice {
    const char *path, *origin; /* NULL path: look for one */
    bool is_application;       /* named by APP_CONFIG: another program's file, in the modules form */
    bool is_none;
} choice;

static int choose_file(wb_draft *d, choice *out)
{
    const wbl_options *o = d->request->options;
    wb_value v = { 0 };
    *out = (choice){ 0 };
    if (o->config) {
        *out = (choice){ .path = wb_arena_dup(d->mem, o->config), .origin = "flag --config", .is_none = !*o->config };
        return out->path ? 0 : wb_nomem(d->cx);
    }
    static const struct {
        const char *name;
        find_fn find;
        bool is_application;
    } names[] = {
        { "WHIMBREL_CONFIG", wb_env_process, false },
        { "APP_CONFIG", wb_env_process, true },
        { "WHIMBREL_CONFIG", wb_env_find, false },
        { "APP_CONFIG", wb_env_find, true },
    };
    for (size_t i = 0; i < WB_COUNT(names) && !v.text; i++) {
        int rc = env_value(d, names[i].find, names[i].name, &v);
        if (rc != 0)
            return rc;
        *out = (choice){ .path = v.text, .origin = v.origin, .is_application = names[i].is_application };
    }
    return 0;
}

static int load_file(wb_draft *d, const char *path, wb_yaml **root)
{
    WB_AUTOBUF wb_buf text = WB_BUF(WB_TEXT_MAX);
    int rc = wb_file_read(d->cx, d->request->base_fd, path, path, &text);
    return rc == 0 ? wb_yaml_read(d->cx, d->mem, path, text.p, text.len, root) : rc;
}

static bool is_whimbrel_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return wb_starts(slash ? slash + 1 : path, "whimbrel.");
}

/* A named file. What it is, its name and its top keys tell: modules: and db: are no keys of ours. */
static int read_named(wb_draft *d, const choice *c)
{
    wb_yaml *root = NULL;
    int rc = load_file(d, c->path, &root);
    if (rc == WBL_E_IO) {
        wb_hint(d->cx, "It is named by %s.", c->origin);
        return d->cx->err ? (d->cx->err->code = WBL_E_INVALID) : WBL_E_INVALID;
    }
    if (rc != 0)
        return rc;
    d->out->file = c->path;
    bool is_modules = !is_whimbrel_name(c->path) && (c->is_application || wb_modules_match(root));
    return is_modules ? wb_modules_read(d, c->path, root) : wb_document_read(d, c->path, root);
}

static int read_found(wb_draft *d)
{
    for (size_t i = 0; i < WB_COUNT(file_names); i++)
        if (faccessat(d->request->base_fd, file_names[i], F_OK, 0) == 0)
            return read_named(d, &(choice){ .path = file_names[i], .origin = "default" });
    for (size_t i = 0; i < WB_COUNT(modules_names); i++) {
        wb_yaml *root = NULL;
        if (faccessat(d->request->base_fd, modules_names[i], F_OK, 0) != 0)
            continue;
        int rc = load_file(d, modules_names[i], &root);
        if (rc == WBL_E_NOMEM)
            return rc;
        if (rc != 0 || !wb_modules_match(root)) { /* some other program's file: nobody asked us to read it */
            wb_error_clear(d->cx->err);
            continue;
        }
        d->out->file = modules_names[i];
        return wb_modules_read(d, modules_names[i], root);
    }
    return 0;
}

static int read_file(wb_draft *d)
{
    choice c;
    int rc = choose_file(d, &c);
    if (rc != 0 || c.is_none)
        return rc;
    rc = c.path ? read_named(d, &c) : read_found(d);
    if (rc != 0)
        return rc;
    return wb_setting_add(d, "config", d->out->file ? d->out->file : "", c.path ? c.origin : "default");
}

/* ---- target and password ---- */

static const wb_config_target *find_target(const wb_config *c, const char *name)
{
    for (size_t i = 0; i < c->target_count; i++)
        if (strcmp(c->targets[i].name, name) == 0)
            return &c->targets[i];
    return NULL;
}

/* A target is as good as a flag for what it says, and weaker than a flag that says the same. */
static int apply_target(wb_draft *d)
{
    wb_config *c = d->out;
    const char *name = d->values[WB_KEY_TARGET].text;
    if (!name)
        return 0;
    const wb_config_target *t = find_target(c, name);
    if (!t) {
        const char *known = "";
        const char **names = wb_arena_get(d->mem, c->target_count * sizeof *names);
        for (size_t i = 0; names && i < c->target_count; i++)
            names[i] = c->targets[i].name;
        int rc = names ? wb_names_join(d, names, c->target_count, &known) : wb_nomem(d->cx);
        if (rc != 0)
            return rc;
        wb_fail(d->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "there is no target \"%s\"", name);
        wb_hint(d->cx, c->target_count ? "Targets are: %s." : "The configuration has no targets.%s", known);
        wb_at(d->cx, c->file, 0, 0);
        return WBL_E_INVALID;
    }
    const char *origin = wb_arena_fmt(d->mem, "target %s", name);
    if (!origin)
        return wb_nomem(d->cx);
    wb_value *url = &d->values[WB_KEY_URL];
    bool is_url_flag = url->text && wb_starts(url->origin, "flag"),
         is_dir_flag = d->dirs_origin && wb_starts(d->dirs_origin, "flag");
    if ((t->url || t->url_missing) && !is_url_flag) {
        *url = (wb_value){ .text = t->url, .origin = origin };
        c->url_missing = t->url_missing;
    }
    if (t->dir_count && !is_dir_flag) {
        c->dirs = t->dirs;
        c->dir_count = t->dir_count;
        d->dirs_origin = origin;
    }
    if (t->is_protected)
        d->values[WB_KEY_PROTECTED] = (wb_value){ .text = "true", .origin = origin };
    return 0;
}

static int read_password(wb_draft *d)
{
    const char *path = d->values[WB_KEY_PASSWORD_FILE].text;
    WB_AUTOBUF wb_buf text = WB_BUF(4096);
    if (!path)
        return 0;
    int rc = wb_file_read(d->cx, d->request->base_fd, path, path, &text);
    if (rc == WBL_E_IO && d->cx->err) { /* a wrong setting, as a missing configuration file is */
        d->cx->err->code = rc = WBL_E_INVALID;
        wb_hint(d->cx, "It is named by %s, as the file with the password.", d->values[WB_KEY_PASSWORD_FILE].origin);
    }
    if (rc != 0)
        return rc;
    const char *end = text.len ? memchr(text.p, '\n', text.len) : NULL; /* the first line is the password */
    size_t len = end ? (size_t)(end - text.p) : text.len;
    while (len && text.p[len - 1] == '\r')
        len--;
    d->out->password = wb_arena_str(d->mem, text.p, len);
    return d->out->password ? 0 : wb_nomem(d->cx);
}

/* ---- all together ---- */

/* Beside a whimbrel.yaml in another directory, where a directory named in it would be looked for too. */
static int default_dir(wb_draft *d)
{
    wb_config *c = d->out;
    const char *slash = c->file && !c->is_modules_form ? strrchr(c->file, '/') : NULL;
    c->dirs_are_default = d->dirs_origin == NULL;
    if (!c->dirs_are_default || !slash)
        return 0;
    const char **dirs = wb_arena_get(d->mem, sizeof *dirs);
    if (!dirs || !(dirs[0] = wb_arena_fmt(d->mem, "%.*s/%s", (int)(slash - c->file), c->file, default_dirs[0])))
        return wb_nomem(d->cx);
    c->dirs = dirs;
    return 0;
}

static int copy_names_of_caller(wb_draft *d)
{
    const wbl_options *o = d->request->options;
    d->out->application = wb_arena_dup(d->mem, o->application ? o->application : "whimbrel");
    d->out->command_name = wb_arena_dup(d->mem, o->command_name ? o->command_name : "whimbrel");
    return d->out->application && d->out->command_name ? 0 : wb_nomem(d->cx);
}

int wb_config_load(wb_ctx *cx, wb_arena *mem, const wb_config_request *request, wb_config *out)
{
    wb_config config = { .dirs = default_dirs, .dir_count = 1, .always = default_always, .always_count = 1 };
    wb_draft d = { .cx = cx, .mem = mem, .request = request, .out = &config };
    if (!request->options->no_environment) {
        config.env.getenv = request->getenv;
        config.env.getenv_user = request->getenv_user;
    }
    static int (*const steps[])(wb_draft *) = {
        copy_names_of_caller, read_env_file, read_flags,           read_environment, read_file,
        apply_target,         default_dir,   wb_effective_convert, read_password,    wb_effective_show
    };
    for (size_t i = 0; i < WB_COUNT(steps); i++) {
        int rc = steps[i](&d);
        if (rc != 0)
            return rc;
    }
    *out = config;
    return 0;
}

const wb_config_ns *wb_config_ns_find(const wb_config *c, const char *name)
{
    for (size_t i = 0; i < c->ns_count; i++)
        if (strcmp(c->namespaces[i].name, name) == 0)
            return &c->namespaces[i];
    return NULL;
}
