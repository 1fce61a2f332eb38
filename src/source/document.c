/*
 * document.c - walk through whimbrel.yaml.
 *
 * The file is strict: an unknown key is an error that names the nearest known one, since a misspelt key that is passed
 * over would change what a run does without a word. Every fault has its line and column. What a stronger source (flag,
 * environment) has set already is left alone, and a ${NAME} in such a value need not be set.
 */
#include "source/parts.h"

#include <stdio.h>

typedef int (*read_fn)(wb_draft *, const char *shown, const wb_yaml *);

static const struct text_key {
    const char *name;
    wb_key key;
    bool is_bool;
} text_keys[] = {
    { "url", WB_KEY_URL, false },
    { "profile", WB_KEY_PROFILE, false },
    { "format", WB_KEY_FORMAT, false },
    { "lock_timeout", WB_KEY_LOCK_TIMEOUT, false },
    { "connect_timeout", WB_KEY_CONNECT_TIMEOUT, false },
    { "ddl_lock_timeout", WB_KEY_DDL_LOCK_TIMEOUT, false },
    { "ddl_lock_tries", WB_KEY_DDL_LOCK_TRIES, false },
    { "statement_timeout", WB_KEY_STATEMENT_TIMEOUT, false },
    { "group", WB_KEY_GROUP, false },
    { "out_of_order", WB_KEY_OUT_OF_ORDER, false },
    { "newer", WB_KEY_NEWER, false },
    { "discover", WB_KEY_DISCOVER, false },
    { "dirty_blocks", WB_KEY_DIRTY_BLOCKS, false },
    { "protected", WB_KEY_PROTECTED, true },
    { "password_file", WB_KEY_PASSWORD_FILE, false },
};

/* ---- nodes ---- */

static bool is_null(const wb_yaml *n)
{
    return n->kind == WB_YAML_SCALAR && n->is_plain &&
           (!*n->text || strcmp(n->text, "~") == 0 || strcmp(n->text, "null") == 0);
}

const wb_yaml *wb_yaml_get(const wb_yaml *map, const char *key)
{
    if (!map || map->kind != WB_YAML_MAP)
        return NULL;
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->keys[i]->text, key) == 0)
            return is_null(map->items[i]) ? NULL : map->items[i];
    return NULL;
}

static int need_kind(wb_draft *d, const char *shown, const wb_yaml *n, wb_yaml_kind kind, const char *key)
{
    static const char *const words[] = { "one value", "a list", "a map of keys and values" };
    return n->kind == kind ? 0 : wb_fail_node(d, shown, n, "\"%s\" must be %s", key, words[kind]);
}

static int fail_unknown(wb_draft *d, const char *shown, const wb_yaml *key, const char *in, const char *const *names,
                        size_t count)
{
    wb_fail_node(d, shown, key, "unknown key \"%s\"%s%s", key->text, *in ? " in " : "", in);
    const char *near = wb_nearest(key->text, names, count);
    if (near)
        wb_hint(d->cx, "Did you mean \"%s\"?", near);
    return WBL_E_INVALID;
}

/* A scalar as text. A name that is not set is an error with its place. */
static int read_text(wb_draft *d, const char *shown, const wb_yaml *n, const char *key, const char **out)
{
    const char *missing = NULL;
    int rc = need_kind(d, shown, n, WB_YAML_SCALAR, key);
    if (rc == 0)
        rc = wb_expand(d, n, shown, out, &missing);
    if (rc != 0 || !missing)
        return rc;
    rc = wb_fail_node(d, shown, n, "%s is not set in the environment, and \"%s\" needs it", missing, key);
    wb_hint(d->cx, "Set it, or write a default: ${%s:-value}", missing);
    return rc;
}

static int read_bool(wb_draft *d, const char *shown, const wb_yaml *n, const char *key, const char **out)
{
    int rc = read_text(d, shown, n, key, out);
    if (rc != 0)
        return rc;
    bool is_good = n->is_plain && (strcmp(*out, "true") == 0 || strcmp(*out, "false") == 0);
    return is_good ? 0 : wb_fail_node(d, shown, n, "\"%s\" must be true or false, without quotes", key);
}

/* One value, or a list of them. Empty values are left out. */
static int read_names(wb_draft *d, const char *shown, const wb_yaml *n, const char *key, const char ***out,
                      size_t *out_count)
{
    size_t count = n->kind == WB_YAML_LIST ? n->count : 1, kept = 0;
    const char **names = wb_arena_get(d->mem, count * sizeof *names);
    if (!names)
        return wb_nomem(d->cx);
    for (size_t i = 0; i < count; i++) {
        int rc = read_text(d, shown, n->kind == WB_YAML_LIST ? n->items[i] : n, key, &names[kept]);
        if (rc != 0)
            return rc;
        kept += *names[kept] != 0;
    }
    *out = names;
    *out_count = kept;
    return 0;
}

/* Relative to the file that names it. */
static const char *beside(wb_draft *d, const char *shown, const char *path)
{
    const char *slash = strrchr(shown, '/');
    if (!slash || path[0] == '/')
        return path;
    return wb_arena_fmt(d->mem, "%.*s/%s", (int)(slash - shown), shown, path);
}

static int read_dirs(wb_draft *d, const char *shown, const wb_yaml *n, const char *const **out, size_t *out_count)
{
    const char **dirs;
    int rc = read_names(d, shown, n, "migrations", &dirs, out_count);
    for (size_t i = 0; rc == 0 && i < *out_count; i++) {
        dirs[i] = beside(d, shown, dirs[i]);
        if (!dirs[i])
            return wb_nomem(d->cx);
    }
    if (rc == 0)
        *out = dirs;
    return rc;
}

/* ---- one text ---- */

static int set_value(wb_draft *d, wb_key key, const char *text, const char *shown, const wb_yaml *n)
{
    const char *origin = wb_origin(d, shown, n->line);
    if (!origin)
        return wb_nomem(d->cx);
    d->values[key] = (wb_value){ text, origin, shown, n->line, n->column };
    return 0;
}

/* Only who connects needs the URL, so its missing ${NAME} is kept for them: `new` and `validate` work without. */
static int read_url(wb_draft *d, const char *shown, const wb_yaml *n, const char *key, const char **out)
{
    const char *missing = NULL;
    int rc = need_kind(d, shown, n, WB_YAML_SCALAR, key);
    if (rc == 0)
        rc = wb_expand(d, n, shown, out, &missing);
    if (rc != 0 || !missing)
        return rc;
    d->out->url_missing =
        wb_arena_fmt(d->mem, "%s is not set, and %s in %s:%u needs it", missing, key, shown, (unsigned)n->line);
    *out = NULL;
    return d->out->url_missing ? 0 : wb_nomem(d->cx);
}

static int read_value(wb_draft *d, const char *shown, const wb_yaml *n, const struct text_key *k)
{
    const char *text = NULL;
    if (d->values[k->key].text)
        return need_kind(d, shown, n, WB_YAML_SCALAR, k->name);
    int rc = k->key == WB_KEY_URL ? read_url(d, shown, n, k->name, &text)
             : k->is_bool         ? read_bool(d, shown, n, k->name, &text)
                                  : read_text(d, shown, n, k->name, &text);
    if (rc == 0 && text && *text && k->key == WB_KEY_PASSWORD_FILE && !(text = beside(d, shown, text)))
        return wb_nomem(d->cx);
    return rc == 0 && text && *text ? set_value(d, k->key, text, shown, n) : rc;
}

/* ledger: a table name, or {schema, table}. */
static int read_ledger(wb_draft *d, const char *shown, const wb_yaml *n)
{
    static const char *const names[] = { "schema", "table" };
    static const struct text_key keys[] = { { "schema", WB_KEY_LEDGER_SCHEMA, false },
                                            { "table", WB_KEY_LEDGER_TABLE, false } };
    if (n->kind == WB_YAML_SCALAR)
        return read_value(d, shown, n, &keys[1]);
    int rc = need_kind(d, shown, n, WB_YAML_MAP, "ledger");
    for (size_t i = 0; rc == 0 && i < n->count; i++) {
        size_t k = 0;
        while (k < WB_COUNT(keys) && strcmp(n->keys[i]->text, keys[k].name) != 0)
            k++;
        if (k == WB_COUNT(keys))
            return fail_unknown(d, shown, n->keys[i], "ledger", names, WB_COUNT(names));
        if (!is_null(n->items[i]))
            rc = read_value(d, shown, n->items[i], &keys[k]);
    }
    return rc;
}

/* ---- lists and maps ---- */

static int read_migrations(wb_draft *d, const char *shown, const wb_yaml *n)
{
    if (d->dirs_origin) {
        return n->kind == WB_YAML_MAP ? wb_fail_node(d, shown, n, "\"migrations\" must be a directory, or a list") : 0;
    }
    int rc = read_dirs(d, shown, n, &d->out->dirs, &d->out->dir_count);
    if (rc == 0 && d->out->dir_count && !(d->dirs_origin = wb_origin(d, shown, n->line)))
        return wb_nomem(d->cx);
    return rc;
}

static int read_always(wb_draft *d, const char *shown, const wb_yaml *n)
{
    if (d->always_origin)
        return 0;
    const char **names;
    size_t count;
    int rc = read_names(d, shown, n, "always", &names, &count);
    if (rc != 0)
        return rc;
    d->out->always = names;
    d->out->always_count = count;
    d->always_origin = wb_origin(d, shown, n->line);
    return d->always_origin ? 0 : wb_nomem(d->cx);
}

static wb_config_ns *ns_slot(wb_draft *d, const char *name, size_t *cap)
{
    wb_config_ns *list = (wb_config_ns *)d->out->namespaces; /* ours until the configuration is handed out */
    for (size_t i = 0; i < d->out->ns_count; i++)
        if (strcmp(list[i].name, name) == 0)
            return &list[i];
    wb_config_ns *ns = WB_PUSH(d->mem, list, d->out->ns_count, *cap);
    d->out->namespaces = list;
    if (ns)
        *ns = (wb_config_ns){ .name = name, .is_enabled = true };
    return ns;
}

/* "customer-mgmt", "order-mgmt@2" */
static int read_requires(wb_draft *d, const char *shown, const wb_yaml *n, wb_config_ns *ns)
{
    const char **names;
    size_t count;
    int rc = read_names(d, shown, n, "requires", &names, &count);
    wb_require *list = rc == 0 ? wb_arena_get(d->mem, count * sizeof *list) : NULL;
    if (!list)
        return rc != 0 ? rc : wb_nomem(d->cx);
    for (size_t i = 0; i < count; i++) {
        const char *at = strrchr(names[i], '@');
        char *name = at ? wb_arena_str(d->mem, names[i], (size_t)(at - names[i])) : NULL;
        if (at && !name)
            return wb_nomem(d->cx);
        list[i] = (wb_require){ at ? name : names[i], at ? at + 1 : NULL };
        if (!*list[i].ns || (at && !wb_version_valid(WB_ORDER_NUMERIC, at + 1)))
            return wb_fail_node(d, shown, n->kind == WB_YAML_LIST ? n->items[i] : n,
                                "\"%s\" is not a namespace, or a namespace with a version, such as orders@2", names[i]);
    }
    ns->requires = list;
    ns->require_count = count;
    const char *text, *origin = wb_origin(d, shown, n->line);
    char *key = wb_arena_fmt(d->mem, "namespaces.%s.requires", ns->name);
    rc = wb_names_join(d, names, count, &text);
    if (rc != 0)
        return rc;
    return key && origin ? wb_setting_add(d, key, text, origin) : wb_nomem(d->cx);
}

static int read_enabled(wb_draft *d, const char *shown, const wb_yaml *n, wb_config_ns *ns)
{
    const char *text;
    int rc = read_bool(d, shown, n, "enabled", &text);
    if (rc != 0)
        return rc;
    ns->is_enabled = strcmp(text, "true") == 0;
    const char *origin = wb_origin(d, shown, n->line);
    char *key = wb_arena_fmt(d->mem, "namespaces.%s.enabled", ns->name);
    return key && origin ? wb_setting_add(d, key, text, origin) : wb_nomem(d->cx);
}

static int read_ns(wb_draft *d, const char *shown, const wb_yaml *n, wb_config_ns *ns)
{
    static const char *const names[] = { "requires", "enabled" };
    if (is_null(n))
        return 0;
    int rc = need_kind(d, shown, n, WB_YAML_MAP, ns->name);
    for (size_t i = 0; rc == 0 && i < n->count; i++) {
        bool is_requires = strcmp(n->keys[i]->text, "requires") == 0;
        if (!is_requires && strcmp(n->keys[i]->text, "enabled") != 0)
            return fail_unknown(d, shown, n->keys[i], ns->name, names, WB_COUNT(names));
        if (!is_null(n->items[i]))
            rc = (is_requires ? read_requires : read_enabled)(d, shown, n->items[i], ns);
    }
    return rc;
}

static int read_order(wb_draft *d, const char *shown, const wb_yaml *n, size_t *cap)
{
    const char **names;
    size_t count;
    if (n->kind == WB_YAML_MAP)
        return wb_fail_node(d, shown, n, "\"order\" must be a list of namespaces");
    int rc = read_names(d, shown, n, "order", &names, &count);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const wb_yaml *at = n->kind == WB_YAML_LIST ? n->items[i < n->count ? i : 0] : n;
        wb_config_ns *ns = ns_slot(d, names[i], cap);
        if (!ns)
            return wb_nomem(d->cx);
        if (ns->is_listed)
            return wb_fail_node(d, shown, at, "namespace \"%s\" stands in the order twice", names[i]);
        ns->is_listed = true;
        ns->line = at->line;
    }
    d->order_origin = wb_origin(d, shown, n->line);
    return rc == 0 && !d->order_origin ? wb_nomem(d->cx) : rc;
}

/* order: is read first, wherever it stands, so that the listed ones stand first in their order. */
static int read_namespaces(wb_draft *d, const char *shown, const wb_yaml *n)
{
    size_t cap = 0;
    if (n->kind == WB_YAML_LIST)
        return read_order(d, shown, n, &cap);
    int rc = need_kind(d, shown, n, WB_YAML_MAP, "namespaces");
    const wb_yaml *order = wb_yaml_get(n, "order");
    if (rc == 0 && order)
        rc = read_order(d, shown, order, &cap);
    for (size_t i = 0; rc == 0 && n->kind == WB_YAML_MAP && i < n->count; i++) {
        if (strcmp(n->keys[i]->text, "order") == 0)
            continue;
        wb_config_ns *ns = ns_slot(d, n->keys[i]->text, &cap);
        if (!ns)
            return wb_nomem(d->cx);
        ns->line = ns->line ? ns->line : n->keys[i]->line;
        rc = read_ns(d, shown, n->items[i], ns);
    }
    return rc;
}

static int read_target_key(wb_draft *d, const char *shown, const wb_yaml *key, const wb_yaml *n, wb_config_target *t)
{
    static const char *const names[] = { "url", "migrations", "protected" };
    const char *text = NULL;
    int rc = 0;
    if (strcmp(key->text, names[0]) == 0) {
        const char *was = d->out->url_missing, *what = wb_arena_fmt(d->mem, "targets.%s.url", t->name);
        rc = what ? read_url(d, shown, n, what, &t->url) : wb_nomem(d->cx);
        t->url_missing = d->out->url_missing != was ? d->out->url_missing : NULL;
        d->out->url_missing = was;
    } else if (strcmp(key->text, names[1]) == 0) {
        rc = read_dirs(d, shown, n, &t->dirs, &t->dir_count);
    } else if (strcmp(key->text, names[2]) == 0) {
        rc = read_bool(d, shown, n, "protected", &text);
        t->is_protected = rc == 0 && strcmp(text, "true") == 0;
    } else {
        return fail_unknown(d, shown, key, t->name, names, WB_COUNT(names));
    }
    return rc;
}

static int read_target(wb_draft *d, const char *shown, const wb_yaml *n, wb_config_target *t)
{
    int rc = 0;
    if (n->kind == WB_YAML_SCALAR) {
        rc = read_url(d, shown, n, t->name, &t->url);
    } else {
        rc = need_kind(d, shown, n, WB_YAML_MAP, t->name);
        for (size_t i = 0; rc == 0 && i < n->count; i++)
            if (!is_null(n->items[i]))
                rc = read_target_key(d, shown, n->keys[i], n->items[i], t);
    }
    const char *text = NULL, *origin = wb_origin(d, shown, n->line);
    char *key = wb_arena_fmt(d->mem, "targets.%s.url", t->name);
    if (rc == 0)
        rc = wb_url_shown(d, t->url ? t->url : "", &text);
    if (rc != 0)
        return rc;
    return key && origin ? wb_setting_add(d, key, text, origin) : wb_nomem(d->cx);
}

static int read_targets(wb_draft *d, const char *shown, const wb_yaml *n)
{
    int rc = need_kind(d, shown, n, WB_YAML_MAP, "targets");
    if (rc != 0)
        return rc;
    wb_config_target *list = wb_arena_get(d->mem, n->count * sizeof *list);
    if (!list)
        return wb_nomem(d->cx);
    for (size_t i = 0; i < n->count && rc == 0; i++) {
        list[i].name = n->keys[i]->text;
        rc = read_target(d, shown, n->items[i], &list[i]);
    }
    d->out->targets = list;
    d->out->target_count = n->count;
    return rc;
}

static bool is_secret_name(const char *name)
{
    char low[64];
    size_t n = 0;
    for (; name[n] && n + 1 < sizeof low; n++)
        low[n] = name[n] >= 'A' && name[n] <= 'Z' ? (char)(name[n] + 32) : name[n];
    low[n] = 0;
    return strstr(low, "password") || strstr(low, "secret") || strstr(low, "token");
}

static int read_variables(wb_draft *d, const char *shown, const wb_yaml *n)
{
    int rc = need_kind(d, shown, n, WB_YAML_MAP, "variables");
    if (rc != 0)
        return rc;
    wb_param *list = wb_arena_get(d->mem, n->count * sizeof *list);
    if (!list)
        return wb_nomem(d->cx);
    for (size_t i = 0; i < n->count; i++) {
        const char *origin = wb_origin(d, shown, n->items[i]->line);
        char *key = wb_arena_fmt(d->mem, "variables.%s", n->keys[i]->text);
        if (!key || !origin)
            return wb_nomem(d->cx);
        list[i].key = n->keys[i]->text;
        rc = read_text(d, shown, n->items[i], key, &list[i].value);
        if (rc == 0)
            rc = wb_setting_add(d, key, is_secret_name(list[i].key) ? "***" : list[i].value, origin);
        if (rc != 0)
            return rc;
    }
    d->out->variables = list;
    d->out->variable_count = n->count;
    return 0;
}

/* ---- the document ---- */

static const struct part {
    const char *name;
    read_fn read;
} parts[] = {
    { "migrations", read_migrations }, { "always", read_always },       { "namespaces", read_namespaces },
    { "targets", read_targets },       { "variables", read_variables }, { "ledger", read_ledger },
};

static int read_key(wb_draft *d, const char *shown, const wb_yaml *key, const wb_yaml *n)
{
    const char *names[WB_COUNT(text_keys) + WB_COUNT(parts)];
    for (size_t i = 0; i < WB_COUNT(text_keys); i++) {
        if (strcmp(key->text, text_keys[i].name) == 0)
            return is_null(n) ? 0 : read_value(d, shown, n, &text_keys[i]);
        names[i] = text_keys[i].name;
    }
    for (size_t i = 0; i < WB_COUNT(parts); i++) {
        if (strcmp(key->text, parts[i].name) == 0)
            return is_null(n) ? 0 : parts[i].read(d, shown, n);
        names[WB_COUNT(text_keys) + i] = parts[i].name;
    }
    return fail_unknown(d, shown, key, "", names, WB_COUNT(names));
}

int wb_document_read(wb_draft *d, const char *shown, const wb_yaml *root)
{
    if (!root || is_null(root))
        return 0;
    if (root->kind != WB_YAML_MAP)
        return wb_fail_node(d, shown, root, "the file must be a map of keys and values");
    for (size_t i = 0; i < root->count; i++) {
        int rc = read_key(d, shown, root->keys[i], root->items[i]);
        if (rc != 0)
            return rc;
    }
    return 0;
}
