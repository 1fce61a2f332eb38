/*
 * modules.c - the configuration of an application whose modules are the namespaces: config.yaml with db: and modules:.
 *
 * The file belongs to the application, so other keys are its own and passed over, and the values that we read are taken
 * as they are. Facts: AxCom, docs/getting-started/migrations.md and internal/migrate; docs/formats/files.md.
 */
#include "source/parts.h"

#include <fcntl.h>
#include <unistd.h>

/* The order in which AxCom runs its modules. One that neither the file nor the directory knows is left out. */
static const char *const plan_order[] = { "core",     "catalog",  "orders", "inventory",
                                          "payments", "shipping", "cart",   "events" };
#define CORE plan_order[0]
#define EVENTS "events"

bool wb_modules_match(const wb_yaml *root)
{
    const wb_yaml *modules = wb_yaml_get(root, "modules"), *db = wb_yaml_get(root, "db");
    return (modules && modules->kind == WB_YAML_MAP) || (db && db->kind == WB_YAML_MAP);
}

/* A value of db:, which the application lets its environment override. NULL when it is nowhere. */
static int find_text(wb_draft *d, const char *shown, const wb_yaml *map, const char *key, const char *env,
                     wb_value *out)
{
    *out = (wb_value){ 0 };
    out->text = wb_env_find(d, env, &out->origin);
    const wb_yaml *n = wb_yaml_get(map, key);
    if (out->text && !out->origin)
        return wb_nomem(d->cx);
    if (out->text || !n || n->kind != WB_YAML_SCALAR)
        return 0;
    const char *missing;
    int rc = wb_expand(d, n, shown, &out->text, &missing);
    if (rc == 0 && missing && strcmp(key, "connection_string") != 0)
        return 0;
    if (rc == 0 && missing) {
        d->out->url_missing =
            wb_arena_fmt(d->mem, "%s is not set, and db.%s in %s:%u needs it", missing, key, shown, (unsigned)n->line);
        return d->out->url_missing ? 0 : wb_nomem(d->cx);
    }
    *out = (wb_value){ out->text, wb_origin(d, shown, n->line), shown, n->line, n->column };
    return rc == 0 && !out->origin ? wb_nomem(d->cx) : rc;
}

/* "mongodb://host" with the database "shop" beside it -> "mongodb://host/shop". */
static const char *with_database(wb_draft *d, const char *url, const char *database)
{
    const char *body = strstr(url, "://");
    if (!body)
        return url;
    const char *at = strrchr(body, '@'), *host = at ? at + 1 : body + 3;
    const char *end = host + strcspn(host, "/?#");
    if (*end == '/' && end[1] && !strchr("?#", end[1]))
        return url;
    return wb_arena_fmt(d->mem, "%.*s/%s%s", (int)(end - url), url, database, end + (*end == '/'));
}

static int read_db(wb_draft *d, const char *shown, const wb_yaml *db, const char **type)
{
    wb_value kind, url, name;
    int rc = find_text(d, shown, db, "type", "DB_TYPE", &kind);
    *type = kind.text && *kind.text ? kind.text : "mongodb";
    if (rc == 0)
        rc = find_text(d, shown, db, "connection_string", "DB_CONNECTION_STRING", &url);
    if (rc == 0)
        rc = find_text(d, shown, db, "database", "DB_DATABASE", &name);
    if (rc != 0 || !url.text || !*url.text || d->values[WB_KEY_URL].text)
        return rc;
    bool is_mongo = strcmp(*type, "mongodb") == 0;
    const char *database = name.text && *name.text ? name.text : is_mongo ? "ecom_db" : NULL;
    if (database && !(url.text = with_database(d, url.text, database)))
        return wb_nomem(d->cx);
    d->values[WB_KEY_URL] = url;
    return 0;
}

/* Written in any of YAML's ways, as the application's own reader takes them. */
static bool is_false(const char *text)
{
    static const char *const words[] = { "false", "no", "off", "0", "f" };
    for (size_t i = 0; i < WB_COUNT(words); i++)
        if (wb_str_ieq(WB_STR(text), words[i]))
            return true;
    return false;
}

static bool has_directory(const wb_draft *d, const char *type, const char *name)
{
    for (size_t i = 0; i < d->out->dir_count; i++) {
        const char *dir = d->out->dirs[i];
        char *below = wb_arena_fmt(d->mem, "%s/%s/%s", dir, type, name),
             *flat = wb_arena_fmt(d->mem, "%s/%s", dir, name);
        if ((below && faccessat(d->request->base_fd, below, F_OK, 0) == 0) ||
            (flat && faccessat(d->request->base_fd, flat, F_OK, 0) == 0))
            return true;
    }
    return false;
}

static int add_ns(wb_draft *d, const char *shown, const char *name, const wb_yaml *module, const char *enabled,
                  const char *enabled_origin, wb_config_ns *list)
{
    const wb_yaml *own = wb_yaml_get(module, "enabled");
    wb_config_ns *ns = &list[d->out->ns_count];
    bool is_on = !own || own->kind != WB_YAML_SCALAR || !is_false(own->text);
    const char *origin = module ? wb_origin(d, shown, own ? own->line : module->line) : "default";
    if (enabled) {
        is_on = !is_false(enabled);
        origin = enabled_origin;
    }
    if (strcmp(name, CORE) == 0)
        is_on = true;
    char *key = wb_arena_fmt(d->mem, "modules.%s.enabled", name);
    *ns = (wb_config_ns){ .name = name, .is_listed = true, .is_enabled = is_on, .line = module ? module->line : 0 };
    d->out->ns_count++;
    return key && origin ? wb_setting_add(d, key, is_on ? "true" : "false", origin) : wb_nomem(d->cx);
}

static bool is_in_plan(const char *name)
{
    for (size_t i = 0; i < WB_COUNT(plan_order); i++)
        if (strcmp(plan_order[i], name) == 0)
            return true;
    return false;
}

static int read_modules(wb_draft *d, const char *shown, const wb_yaml *root, const char *type)
{
    const wb_yaml *modules = wb_yaml_get(root, "modules");
    size_t mentioned = modules && modules->kind == WB_YAML_MAP ? modules->count : 0;
    wb_config_ns *list = wb_arena_get(d->mem, (mentioned + WB_COUNT(plan_order)) * sizeof *list);
    if (!list)
        return wb_nomem(d->cx);
    d->out->namespaces = list;
    wb_value outbox;
    /* outbox.enabled switches the module events. */
    int rc = find_text(d, shown, wb_yaml_get(root, "outbox"), "enabled", "OUTBOX_ENABLED", &outbox);
    for (size_t i = 0; rc == 0 && i < WB_COUNT(plan_order); i++) {
        const char *name = plan_order[i];
        const wb_yaml *module = wb_yaml_get(modules, name);
        const char *switched = strcmp(name, EVENTS) == 0 ? outbox.text : NULL;
        if (i == 0 || module || switched || has_directory(d, type, name))
            rc = add_ns(d, shown, name, module, switched, outbox.origin, list);
    }
    for (size_t i = 0; rc == 0 && i < mentioned; i++)
        if (!is_in_plan(modules->keys[i]->text))
            rc = add_ns(d, shown, modules->keys[i]->text, modules->items[i], NULL, NULL, list);
    return rc;
}

int wb_modules_read(wb_draft *d, const char *shown, const wb_yaml *root)
{
    const char *type = NULL;
    d->out->is_modules_form = true;
    /* The application says itself which modules there are: one that it does not know is told, and not run. */
    if (!d->values[WB_KEY_DISCOVER].text)
        d->values[WB_KEY_DISCOVER] =
            (wb_value){ .text = "report", .origin = wb_origin(d, shown, 1), .file = shown, .line = 1 };
    int rc = read_db(d, shown, wb_yaml_get(root, "db"), &type);
    return rc == 0 ? read_modules(d, shown, root, type) : rc;
}
