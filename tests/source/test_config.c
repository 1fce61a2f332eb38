/* test_config.c - the effective configuration: which source wins, what is refused and where, .env files. */
#include "tree.h"

typedef struct loaded {
    wb_arena mem;
    wbl_error err;
    wb_config config;
    int rc;
} loaded;

static void load_done(loaded *l) { wb_arena_done(&l->mem); }
#define LOADED WB_CLEANUP(load_done) loaded

/* The environment of a test: "NAME=value" entries, ended by NULL. */
static const char *from_list(void *user, const char *name)
{
    size_t len = strlen(name);
    for (const char *const *e = user; *e; e++)
        if (strncmp(*e, name, len) == 0 && (*e)[len] == '=')
            return *e + len + 1;
    return NULL;
}

static void load(loaded *l, const wbl_options *options, const char *const *env)
{
    static const char *const none[] = { NULL };
    memset(l, 0, sizeof *l);
    wb_config_request r = { .options = options ? options : &no_options,
                            .getenv = from_list,
                            .getenv_user = (void *)(env ? env : none),
                            .base_fd = tree_fd };
    l->rc = wb_config_load(&(wb_ctx){ .err = &l->err }, &l->mem, &r, &l->config);
}

static const char *setting(const loaded *l, const char *key, const char **origin)
{
    for (size_t i = 0; i < l->config.setting_count; i++)
        if (strcmp(l->config.settings[i].key, key) == 0) {
            *origin = l->config.settings[i].origin;
            return l->config.settings[i].value;
        }
    fail_msg("no setting %s", key);
    return NULL;
}

#define assert_setting(l, key, want, want_origin)                                                                      \
    do {                                                                                                               \
        const char *origin_;                                                                                           \
        assert_string_equal(setting((l), (key), &origin_), (want));                                                    \
        assert_string_equal(origin_, (want_origin));                                                                   \
    } while (0)

static void nothing_at_all_gives_the_defaults(void **state)
{
    (void)state;
    LOADED l;
    load(&l, NULL, NULL);
    assert_int_equal(l.rc, 0);
    assert_null(l.config.file);
    assert_null(l.config.url);
    assert_int_equal(l.config.dir_count, 1);
    assert_string_equal(l.config.dirs[0], "migrations");
    assert_true(l.config.dirs_are_default);
    assert_string_equal(l.config.always[0], "core");
    assert_int_equal(l.config.lock_timeout_ms, 300000);
    assert_int_equal(l.config.connect_timeout_ms, 10000);
    assert_int_equal(l.config.ddl_lock_timeout_ms, 5000);
    assert_int_equal(l.config.ddl_lock_tries, 3);
    assert_int_equal(l.config.statement_timeout_ms, -1);
    assert_int_equal(l.config.group_max, -1);
    assert_int_equal(l.config.out_of_order, WB_POLICY_UNSET);
    assert_int_equal(l.config.newer, WB_NEWER_UNSET);
    assert_int_equal(l.config.discover, WB_DISCOVER_RUN);
    assert_string_equal(l.config.command_name, "whimbrel");
    assert_setting(&l, "lock_timeout", "5m", "default");
}

static const char whole_file[] =
    "url: \"postgres://app:secret@db/shop\"\n"
    "migrations: [db/one, db/two]\n"
    "namespaces:\n"
    "  billing: { requires: [order-mgmt@2, core], enabled: false }\n"
    "  order: [core, order-mgmt]\n"
    "  extra:\n"
    "always: [core, shared]\n"
    "targets:\n"
    "  documents: { url: \"mongodb://u:hidden@h/shop\", migrations: m/mongodb, protected: true }\n"
    "  short: sqlite:x.db\n"
    "lock_timeout: 90s\n"
    "connect_timeout: 2s\n"
    "ddl_lock_timeout: 0\n"
    "ddl_lock_tries: 7\n"
    "statement_timeout: 1h\n"
    "out_of_order: ignore\n"
    "newer: ok\n"
    "discover: report\n"
    "dirty_blocks: failed\n"
    "protected: true\n"
    "ledger: { schema: app, table: migs }\n"
    "profile: native\n"
    "format: single\n"
    "group: 1\n"
    "variables: { owner: joe, api_token: t0p }\n";

static void every_key_of_the_file_arrives(void **state)
{
    (void)state;
    tree_add("whimbrel.yaml", whole_file);
    LOADED l;
    load(&l, NULL, NULL);
    const wb_config *c = &l.config;
    assert_string_equal(l.err.message, "");
    assert_string_equal(c->file, "whimbrel.yaml");
    assert_string_equal(c->url, "postgres://app:secret@db/shop");
    assert_int_equal(c->dir_count, 2);
    assert_string_equal(c->dirs[1], "db/two");
    assert_false(c->dirs_are_default);
    assert_int_equal(c->ns_count, 4);
    assert_string_equal(c->namespaces[0].name, "core"); /* listed ones first, in their order */
    assert_string_equal(c->namespaces[1].name, "order-mgmt");
    assert_true(c->namespaces[1].is_listed && c->namespaces[1].is_enabled);
    const wb_config_ns *billing = wb_config_ns_find(c, "billing");
    assert_false(billing->is_enabled || billing->is_listed);
    assert_int_equal(billing->require_count, 2);
    assert_string_equal(billing->requires[0].ns, "order-mgmt");
    assert_string_equal(billing->requires[0].version, "2");
    assert_null(billing->requires[1].version);
    assert_int_equal(billing->line, 4);
    assert_true(wb_config_ns_find(c, "extra")->is_enabled);
    assert_null(wb_config_ns_find(c, "order"));
    assert_int_equal(c->always_count, 2);
    assert_int_equal(c->target_count, 2);
    assert_string_equal(c->targets[1].url, "sqlite:x.db");
    assert_int_equal(c->lock_timeout_ms, 90000);
    assert_int_equal(c->connect_timeout_ms, 2000);
    assert_int_equal(c->ddl_lock_timeout_ms, 0);
    assert_int_equal(c->ddl_lock_tries, 7);
    assert_int_equal(c->statement_timeout_ms, 3600000);
    assert_int_equal(c->out_of_order, WB_POLICY_IGNORE);
    assert_int_equal(c->newer, WB_NEWER_OK);
    assert_int_equal(c->discover, WB_DISCOVER_REPORT);
    assert_true(c->dirty_blocks && c->is_protected);
    assert_string_equal(c->ledger_schema, "app");
    assert_string_equal(c->ledger_table, "migs");
    assert_string_equal(c->profile, "native");
    assert_string_equal(c->format, "single");
    assert_int_equal(c->group_max, 1);
    assert_string_equal(wb_config_variable(&l.config, "owner"), "joe");
    assert_null(wb_config_variable(&l.config, "nobody"));
    assert_setting(&l, "url", "postgres://app:***@db/shop", "whimbrel.yaml:1");
    assert_setting(&l, "migrations", "db/one, db/two", "whimbrel.yaml:2");
    assert_setting(&l, "targets.documents.url", "mongodb://u:***@h/shop", "whimbrel.yaml:9");
    assert_setting(&l, "lock_timeout", "90s", "whimbrel.yaml:11");
    assert_setting(&l, "namespaces.billing.enabled", "false", "whimbrel.yaml:4");
    assert_setting(&l, "variables.api_token", "***", "whimbrel.yaml:25");
    for (size_t i = 0; i < c->setting_count; i++)
        assert_null(strstr(c->settings[i].value, "secret"));
}

static void ledger_may_be_a_plain_name(void **state)
{
    (void)state;
    tree_add("whimbrel.yaml", "ledger: migs\nnamespaces: [a, b]\nalways: a\n");
    LOADED l;
    load(&l, NULL, NULL);
    assert_string_equal(l.config.ledger_table, "migs");
    assert_null(l.config.ledger_schema);
    assert_int_equal(l.config.ns_count, 2);
    assert_string_equal(l.config.always[0], "a");
}

/* ---- who is stronger ---- */

static void flag_beats_environment_beats_dot_env_beats_file(void **state)
{
    (void)state;
    static const char *const both[] = { "WHIMBREL_URL=sqlite:env.db", "DATABASE_URL=sqlite:other.db", NULL };
    static const char *const other[] = { "DATABASE_URL=sqlite:other.db", NULL };
    static const char *const empty[] = { "DATABASE_URL=", NULL };
    wbl_options o = no_options;
    tree_add("whimbrel.yaml", "url: sqlite:file.db\n");
    {
        LOADED l;
        load(&l, NULL, NULL);
        assert_setting(&l, "url", "sqlite:file.db", "whimbrel.yaml:1");
    }
    tree_add(".env", "# none\nWHIMBREL_URL=sqlite:dot.db\n");
    {
        LOADED l;
        load(&l, NULL, NULL);
        assert_setting(&l, "url", "sqlite:dot.db", ".env:2");
    }
    {
        LOADED l;
        load(&l, NULL, empty);
        assert_setting(&l, "url", "sqlite:dot.db", ".env:2");
    }
    {
        LOADED l;
        load(&l, NULL, other);
        assert_setting(&l, "url", "sqlite:other.db", "environment DATABASE_URL");
    }
    {
        LOADED l;
        load(&l, NULL, both);
        assert_setting(&l, "url", "sqlite:env.db", "environment WHIMBREL_URL");
    }
    o.url = "sqlite:flag.db";
    {
        LOADED l;
        load(&l, &o, both);
        assert_setting(&l, "url", "sqlite:flag.db", "flag --url");
    }
    o = no_options;
    o.no_environment = 1;
    {
        LOADED l;
        load(&l, &o, both);
        assert_setting(&l, "url", "sqlite:file.db", "whimbrel.yaml:1");
    }
}

static void environment_has_a_name_for_each_key(void **state)
{
    (void)state;
    static const char *const env[] = { "WHIMBREL_DIR=a:b",
                                       "WHIMBREL_ALWAYS=x, y",
                                       "WHIMBREL_PROFILE=axcom",
                                       "WHIMBREL_LOCK_TIMEOUT=7s",
                                       "WHIMBREL_LEDGER_TABLE=t",
                                       "WHIMBREL_LEDGER_SCHEMA=s",
                                       "WHIMBREL_OUT_OF_ORDER=apply",
                                       "WHIMBREL_PROTECTED=true",
                                       "WHIMBREL_GROUP=4",
                                       "WHIMBREL_VAR_OWNER=ann",
                                       "WHIMBREL_VAR_lower=low",
                                       NULL };
    tree_add("whimbrel.yaml", "migrations: m\nprofile: native\nlock_timeout: 1s\nvariables: { owner: joe }\n");
    LOADED l;
    load(&l, NULL, env);
    assert_int_equal(l.rc, 0);
    assert_int_equal(l.config.dir_count, 2);
    assert_string_equal(l.config.dirs[1], "b");
    assert_string_equal(l.config.always[1], "y");
    assert_string_equal(l.config.profile, "axcom");
    assert_int_equal(l.config.lock_timeout_ms, 7000);
    assert_string_equal(l.config.ledger_table, "t");
    assert_string_equal(l.config.ledger_schema, "s");
    assert_int_equal(l.config.out_of_order, WB_POLICY_APPLY);
    assert_true(l.config.is_protected);
    assert_int_equal(l.config.group_max, 4);
    assert_string_equal(wb_config_variable(&l.config, "owner"), "ann");
    assert_string_equal(wb_config_variable(&l.config, "lower"), "low");
    assert_setting(&l, "migrations", "a, b", "environment WHIMBREL_DIR");
}

static void flags_carry_numbers_and_directories(void **state)
{
    (void)state;
    static const char *const dirs[] = { "x" };
    wbl_options o = no_options;
    o.dirs = dirs;
    o.dir_count = 1;
    o.lock_timeout_ms = 0;
    o.statement_timeout_ms = 1500;
    o.default_out_of_order = 3;
    o.group_max = 2;
    tree_add("whimbrel.yaml", "migrations: m\nlock_timeout: 1s\nout_of_order: apply\n");
    {
        LOADED l;
        load(&l, &o, NULL);
        assert_string_equal(l.config.dirs[0], "x");
        assert_int_equal(l.config.lock_timeout_ms, 0);
        assert_int_equal(l.config.statement_timeout_ms, 1500);
        assert_int_equal(l.config.out_of_order, WB_POLICY_IGNORE);
        assert_int_equal(l.config.group_max, 2);
        assert_setting(&l, "lock_timeout", "0ms", "flag --lock-timeout");
    }
    o.dir_count = 0; /* a program that brings its migrations itself */
    LOADED l;
    load(&l, &o, NULL);
    assert_int_equal(l.config.dir_count, 0);
    assert_false(l.config.dirs_are_default);
}

/* ---- ${NAME} ---- */

static void variables_of_the_environment_are_put_in(void **state)
{
    (void)state;
    static const char *const env[] = { "HOST=h1", "EMPTY=", NULL };
    tree_add("whimbrel.yaml", "url: postgres://${HOST}:${PORT:-5432}/${EMPTY:-db}\nprofile: $${HOST}$\n"
                              "ledger: ${TABLE:-}\nprotected: ${P:-true}\n");
    LOADED l;
    load(&l, NULL, env);
    assert_string_equal(l.err.message, "");
    assert_string_equal(l.config.url, "postgres://h1:5432/db");
    assert_string_equal(l.config.profile, "${HOST}$");
    assert_null(l.config.ledger_table);
    assert_true(l.config.is_protected);
}

static void a_name_that_is_not_set_is_an_error_with_its_place(void **state)
{
    (void)state;
    wbl_options o = no_options;
    tree_add("whimbrel.yaml", "migrations: a\nprofile: ${NOPE}\n");
    {
        LOADED l;
        load(&l, NULL, NULL);
        assert_int_equal(l.rc, WBL_E_INVALID);
        assert_string_equal(l.err.message, "NOPE is not set in the environment, and \"profile\" needs it");
        assert_int_equal(l.err.line, 2);
        assert_int_equal(l.err.column, 10);
        assert_string_equal(l.err.hint, "Set it, or write a default: ${NOPE:-value}");
    }
    o.profile = "native"; /* a stronger source: then it is not needed */
    LOADED l;
    load(&l, &o, NULL);
    assert_int_equal(l.rc, 0);
}

static void only_who_connects_needs_the_url(void **state)
{
    (void)state;
    wbl_options o = no_options;
    tree_add("whimbrel.yaml", "migrations: m\nurl: ${DATABASE_URL}\ntargets:\n  t: { url: \"${T_URL}\" }\n");
    {
        LOADED l;
        load(&l, NULL, NULL);
        assert_int_equal(l.rc, 0);
        assert_null(l.config.url);
        assert_string_equal(l.config.url_missing, "DATABASE_URL is not set, and url in whimbrel.yaml:2 needs it");
    }
    o.url = "sqlite:x.db";
    {
        LOADED l;
        load(&l, &o, NULL);
        assert_null(l.config.url_missing);
    }
    o.url = NULL;
    o.target = "t";
    LOADED l;
    load(&l, &o, NULL);
    assert_int_equal(l.rc, 0);
    assert_null(l.config.url);
    assert_string_equal(l.config.url_missing, "T_URL is not set, and targets.t.url in whimbrel.yaml:4 needs it");
}

/* ---- targets ---- */

static void a_target_replaces_url_directories_and_protection(void **state)
{
    (void)state;
    static const char *const env[] = { "DATABASE_URL=sqlite:env.db", "WHIMBREL_TARGET=b", NULL };
    wbl_options o = no_options;
    tree_add("whimbrel.yaml", "url: sqlite:main.db\nmigrations: m\ntargets:\n"
                              "  a: { url: \"sqlite:a.db\", migrations: [x, y], protected: true }\n  b: sqlite:b.db\n");
    {
        LOADED l;
        load(&l, NULL, env);
        assert_setting(&l, "url", "sqlite:b.db", "target b");
    }
    o.target = "a";
    {
        LOADED l;
        load(&l, &o, env);
        assert_setting(&l, "url", "sqlite:a.db", "target a");
        assert_setting(&l, "migrations", "x, y", "target a");
        assert_true(l.config.is_protected);
        assert_string_equal(l.config.target, "a");
    }
    o.url = "sqlite:flag.db";
    {
        LOADED l;
        load(&l, &o, env);
        assert_setting(&l, "url", "sqlite:flag.db", "flag --url");
    }
    o.target = "c";
    LOADED l;
    load(&l, &o, env);
    assert_int_equal(l.rc, WBL_E_INVALID);
    assert_string_equal(l.err.message, "there is no target \"c\"");
    assert_string_equal(l.err.hint, "Targets are: a, b.");
}

/* ---- which file ---- */

static void the_file_is_named_or_found(void **state)
{
    (void)state;
    static const char *const env[] = { "WHIMBREL_CONFIG=b.yaml", "APP_CONFIG=app.yaml", NULL };
    static const char *const app[] = { "APP_CONFIG=app.yaml", NULL };
    wbl_options o = no_options;
    tree_add("whimbrel.yml", "profile: found\n");
    tree_add("a.yaml", "profile: a\n");
    tree_add("b.yaml", "profile: b\n");
    tree_add("app.yaml", "profile: someone\nport: 80\n");
    {
        LOADED l;
        load(&l, NULL, NULL);
        assert_string_equal(l.config.profile, "found");
    }
    {
        LOADED l;
        load(&l, NULL, env);
        assert_string_equal(l.config.profile, "b");
    }
    {
        LOADED l;
        load(&l, NULL, app);
        assert_null(l.config.profile);
        assert_true(l.config.is_modules_form);
    }
    o.config = "a.yaml";
    {
        LOADED l;
        load(&l, &o, env);
        assert_setting(&l, "config", "a.yaml", "flag --config");
    }
    o.config = "";
    {
        LOADED l;
        load(&l, &o, env);
        assert_null(l.config.file);
        assert_null(l.config.profile);
    }
    o.config = "none.yaml";
    LOADED l;
    load(&l, &o, NULL);
    assert_int_equal(l.rc, WBL_E_INVALID);
    assert_string_equal(l.err.message, "cannot read none.yaml: No such file or directory");
    assert_string_equal(l.err.hint, "It is named by flag --config.");
}

static void paths_in_a_file_start_beside_it(void **state)
{
    (void)state;
    wbl_options o = no_options;
    tree_add("svc/whimbrel.yaml", "migrations: [m, /abs]\npassword_file: pw\n");
    tree_add("svc/pw", "s3cret\n");
    tree_add("bare/whimbrel.yaml", "profile: native\n");
    o.config = "svc/whimbrel.yaml";
    {
        LOADED l;
        load(&l, &o, NULL);
        assert_string_equal(l.config.dirs[0], "svc/m");
        assert_string_equal(l.config.dirs[1], "/abs");
        assert_string_equal(l.config.password, "s3cret");
        for (size_t i = 0; i < l.config.setting_count; i++)
            assert_null(strstr(l.config.settings[i].value, "s3cret"));
    }
    o.config = "bare/whimbrel.yaml";
    LOADED l;
    load(&l, &o, NULL);
    assert_string_equal(l.config.dirs[0], "bare/migrations");
    assert_true(l.config.dirs_are_default);
}

/* ---- the modules form ---- */

static void modules_form(void **state)
{
    (void)state;
    tree_add("migrations/postgres/catalog/", "");
    tree_add("config.yaml", "server: { port: 8080 }\n"
                            "db:\n  type: postgres\n  connection_string: \"postgres://u:p@h:5432?sslmode=disable\"\n"
                            "  database: shop\n"
                            "modules:\n  zeta: { enabled: true }\n  cart: { enabled: false }\n  orders: {}\n"
                            "  core: { enabled: false }\n"
                            "outbox: { enabled: true }\n");
    LOADED l;
    load(&l, NULL, NULL);
    assert_string_equal(l.err.message, "");
    assert_true(l.config.is_modules_form);
    assert_string_equal(l.config.url, "postgres://u:p@h:5432/shop?sslmode=disable");
    static const struct {
        const char *name;
        bool is_on;
    } want[] = { { "core", true },  { "catalog", true }, { "orders", true },
                 { "cart", false }, { "events", true },  { "zeta", true } };
    assert_int_equal(l.config.ns_count, WB_COUNT(want));
    for (size_t i = 0; i < WB_COUNT(want); i++) {
        assert_string_equal(l.config.namespaces[i].name, want[i].name);
        assert_int_equal(l.config.namespaces[i].is_enabled, want[i].is_on);
        assert_true(l.config.namespaces[i].is_listed);
    }
    assert_setting(&l, "modules.cart.enabled", "false", "config.yaml:8");
    assert_setting(&l, "url", "postgres://u:***@h:5432/shop?sslmode=disable", "config.yaml:4");
}

static void modules_form_has_its_own_defaults_and_environment(void **state)
{
    (void)state;
    static const char *const env[] = { "DB_TYPE=postgres", "DB_CONNECTION_STRING=host=h user=u dbname=d",
                                       "OUTBOX_ENABLED=false", NULL };
    tree_add("config.yaml", "db: { connection_string: \"mongodb://h:27017\" }\n");
    {
        LOADED l;
        load(&l, NULL, NULL);
        assert_string_equal(l.config.url, "mongodb://h:27017/ecom_db");
        assert_int_equal(l.config.ns_count, 1);
        assert_string_equal(l.config.namespaces[0].name, "core");
    }
    LOADED l;
    load(&l, NULL, env);
    assert_string_equal(l.config.url, "host=h user=u dbname=d");
    assert_false(wb_config_ns_find(&l.config, "events")->is_enabled);
}

static void another_programs_config_yaml_is_left_alone(void **state)
{
    (void)state;
    tree_add("config.yaml", "title: my blog\nurl: https://example.org\n");
    {
        LOADED l;
        load(&l, NULL, NULL);
        assert_int_equal(l.rc, 0);
        assert_null(l.config.url);
        assert_null(l.config.file);
    }
    tree_add("config.yaml", "not: [yaml");
    LOADED l;
    load(&l, NULL, NULL);
    assert_int_equal(l.rc, 0);
    assert_string_equal(l.err.message, "");
}

/* ---- what is refused ---- */

static const struct bad_row {
    const char *name, *text;
    uint32_t line, column;
    const char *message, *hint;
} bad_rows[] = {
    { "unknown_key", "url: x\nmigratoins: m\n", 2, 1, "unknown key \"migratoins\"", "Did you mean \"migrations\"?" },
    { "unknown_key_of_ledger", "ledger: { tabel: x }\n", 1, 11, "unknown key \"tabel\" in ledger", "\"table\"" },
    { "unknown_key_of_a_namespace", "namespaces:\n  a: { require: [b] }\n", 2, 8, "in a", "\"requires\"" },
    { "unknown_key_of_a_target", "targets: { a: { uri: x } }\n", 1, 17, "unknown key \"uri\" in a", "\"url\"" },
    { "modules_are_not_ours", "modules: { a: {} }\n", 1, 1, "unknown key \"modules\"", "" },
    { "key_twice", "url: a\nnewer: ok\nurl: b\n", 3, 1, "key \"url\" stands here a second time, first in line 1", "" },
    { "namespace_twice", "namespaces: { order: [a, b, a] }\n", 1, 29, "namespace \"a\" stands in the order twice", "" },
    { "no_as_bool", "protected: no\n", 1, 12, "\"protected\" must be true or false, without quotes", "" },
    { "quoted_bool", "protected: \"true\"\n", 1, 12, "must be true or false", "" },
    { "upper_case_bool", "namespaces: { a: { enabled: True } }\n", 1, 29, "\"enabled\" must be true or false", "" },
    { "bad_time", "lock_timeout: 5 minutes\n", 1, 15, "lock_timeout: \"5 minutes\" is not a time", "5m" },
    { "bad_number", "ddl_lock_tries: many\n", 1, 17, "is not a number", "" },
    { "zero_tries", "ddl_lock_tries: 0\n", 1, 17, "is too small", "" },
    { "zero_group", "group: 0\n", 1, 8, "is too small", "" },
    { "bad_choice", "out_of_order: maybe\n", 1, 15, "\"maybe\" is none of its values",
      "Write apply, error or ignore." },
    { "bad_format", "format: goose\n", 1, 9, "none of its values", "Write pairs or single." },
    { "list_for_text", "url: [a]\n", 1, 6, "\"url\" must be one value", "" },
    { "map_for_list", "migrations: { a: b }\n", 1, 13, "must be one value", "" },
    { "text_for_map", "targets: x\n", 1, 10, "\"targets\" must be a map", "" },
    { "map_for_order", "namespaces: { order: { a: b } }\n", 1, 22, "\"order\" must be a list", "" },
    { "bad_requirement", "namespaces: { a: { requires: [b@x] } }\n", 1, 31, "\"b@x\" is not a namespace", "" },
    { "list_at_the_top", "- a\n", 1, 1, "the file must be a map", "" },
    { "not_yaml", "a: b: c\n", 1, 5, "mapping values are not allowed", "" },
    { "tab", "a:\n\tb: c\n", 2, 1, "cannot start any token", "" },
    { "list_as_key", "[a]: b\n", 1, 1, "a key is a list or a map", "" },
    { "two_documents", "url: a\n---\nurl: b\n", 2, 1, "a second document", "" },
    { "open_brace", "profile: \"${X\"\n", 1, 10, "${ has no closing brace", "" },
    { "bad_name", "profile: \"${a b}\"\n", 1, 10, "${a b} is not understood", "${NAME}" },
    { "bad_utf8", "profile: \xFF\n", 0, 0, "invalid leading UTF-8 octet", "" },
    { "alias_of_nothing", "url: *x\n", 1, 6, "found undefined alias", "" },
};

static void faults_have_a_place(void **state)
{
    const struct bad_row *row = *state;
    tree_add("whimbrel.yaml", row->text);
    LOADED l;
    load(&l, NULL, NULL);
    assert_int_equal(l.rc, WBL_E_INVALID);
    assert_non_null(strstr(l.err.message, row->message));
    assert_non_null(strstr(l.err.hint, row->hint));
    assert_string_equal(l.err.file, "whimbrel.yaml");
    assert_int_equal(l.err.line, row->line);
    assert_int_equal(l.err.column, row->column);
}

static void deep_nesting_ends_at_once(void **state)
{
    (void)state;
    static char text[200008];
    memset(text, '[', sizeof text - 1);
    memcpy(text, "a: ", 3);
    tree_add("whimbrel.yaml", text);
    int64_t start = wb_now_ms();
    LOADED l;
    load(&l, NULL, NULL);
    assert_int_equal(l.rc, WBL_E_INVALID);
    assert_string_equal(l.err.message, "lists and maps are nested more than 64 deep");
    assert_true(wb_now_ms() - start < 5000); /* libyaml alone needs over 20 s */
}

static void aliases_are_shared_and_may_be_circular(void **state)
{
    (void)state;
    tree_add("whimbrel.yaml", "variables: &v\n  a: &x one\n  b: *x\n");
    {
        LOADED l;
        load(&l, NULL, NULL);
        assert_string_equal(wb_config_variable(&l.config, "b"), "one");
    }
    tree_add("whimbrel.yaml", "targets: &t\n  a: *t\n");
    LOADED l;
    load(&l, NULL, NULL);
    assert_int_equal(l.rc, WBL_E_INVALID);
}

static void faults_of_the_environment_name_it(void **state)
{
    (void)state;
    static const char *const env[] = { "WHIMBREL_LOCK_TIMEOUT=5x", NULL };
    {
        LOADED l;
        load(&l, NULL, env);
        assert_int_equal(l.rc, WBL_E_INVALID);
        assert_string_equal(l.err.message, "environment WHIMBREL_LOCK_TIMEOUT: \"5x\" is not a time");
    }
    tree_add(".env", "\nWHIMBREL_NEWER=soon\n");
    LOADED l;
    load(&l, NULL, NULL);
    assert_string_equal(l.err.message, ".env:2: \"soon\" is none of its values");
}

/* ---- .env ---- */

static const struct env_row {
    const char *name, *text, *want;
    uint32_t line;
} env_rows[] = {
    { "plain", "A=x\n", "x", 1 },
    { "export_and_blanks", "# c\n\n  export  A = x y  # c\n", "x y", 3 },
    { "hash_without_blank_is_text", "A=x#y\n", "x#y", 1 },
    { "single_quotes_are_literal", "A='x # \\n $B'\n", "x # \\n $B", 1 },
    { "double_quotes_have_escapes", "A=\"x\\n\\\"y\\\\\" # c\n", "x\n\"y\\", 1 },
    { "quotes_span_lines", "B='1\n2'\nA=x\n", "x", 3 },
    { "last_one_counts", "A=x\nA=y\n", "y", 2 },
    { "carriage_returns", "A=x\r\nB=y\r\n", "x", 1 },
    { "byte_order_mark",
      "\xEF\xBB\xBF"
      "A=x\n",
      "x", 1 },
    { "no_end_of_line", "A=x", "x", 1 },
    { "odd_lines_are_passed_over", "what is this\n=x\nB\n\"A=z\nA=x\n", "x", 5 },
    { "open_quote_ends_with_its_line", "B='open\nA=x\n", "x", 2 },
    { "equal_sign_in_value", "A=postgres://h/d?a=b\n", "postgres://h/d?a=b", 1 },
    { "empty_is_unset", "A=\n", NULL, 0 },
    { "export_as_a_name", "export=1\nA=x\n", "x", 2 },
};

static void env_files(void **state)
{
    const struct env_row *row = *state;
    char copy[128], profile[64];
    tree_add(".env", row->text);
    tree_add("whimbrel.yaml", "profile: ${A:-none}\n");
    LOADED l;
    load(&l, NULL, NULL);
    assert_int_equal(l.rc, 0);
    assert_string_equal(l.config.profile, row->want ? row->want : "none");
    snprintf(copy, sizeof copy, "%s", row->text);
    snprintf(profile, sizeof profile, ".env:%u", (unsigned)row->line);
    wb_draft d = { .mem = &l.mem, .out = &l.config };
    const char *origin = NULL;
    const char *value = wb_env_find(&d, "A", &origin);
    assert_int_equal(wb_strcmp_null(value, row->want), 0);
    if (row->want)
        assert_string_equal(origin, profile);
}

static void a_directory_called_dot_env_is_no_fault(void **state)
{
    (void)state;
    tree_add(".env/bin/python", "");
    LOADED l;
    load(&l, NULL, NULL);
    assert_int_equal(l.rc, 0);
    assert_string_equal(l.err.message, "");
}

/* ---- memory ---- */

static void every_allocation_may_fail(void **state)
{
    static const char *const env[] = { "WHIMBREL_DIR=a:b", "WHIMBREL_ALWAYS=x", NULL };
    wbl_options o = no_options;
    (void)state;
    tree_add(".env", "export X='1'\nY=2\n");
    tree_add("pw", "p\n");
    tree_add("config.yaml", "db: { connection_string: \"mongodb://${X}\" }\nmodules: { a: {}, cart: {} }\n");
    o.password_file = "pw";
    for (int round = 0; round < 2; round++) {
        if (round == 1) {
            tree_add("whimbrel.yaml", whole_file);
            o.target = "documents";
        }
        for (long k = 1;; k++) {
            long live = wb_alloc_live();
            LOADED l;
            wb_alloc_fail_at(k);
            load(&l, &o, env);
            long made = wb_alloc_fail_at(0);
            if (made < k) {
                assert_int_equal(l.rc, 0);
                break;
            }
            assert_int_equal(l.rc, WBL_E_NOMEM);
            load_done(&l);
            assert_int_equal(wb_alloc_live(), live);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest single[] = {
        T(nothing_at_all_gives_the_defaults),
        T(every_key_of_the_file_arrives),
        T(ledger_may_be_a_plain_name),
        T(flag_beats_environment_beats_dot_env_beats_file),
        T(environment_has_a_name_for_each_key),
        T(flags_carry_numbers_and_directories),
        T(variables_of_the_environment_are_put_in),
        T(a_name_that_is_not_set_is_an_error_with_its_place),
        T(only_who_connects_needs_the_url),
        T(a_target_replaces_url_directories_and_protection),
        T(the_file_is_named_or_found),
        T(paths_in_a_file_start_beside_it),
        T(modules_form),
        T(modules_form_has_its_own_defaults_and_environment),
        T(another_programs_config_yaml_is_left_alone),
        T(deep_nesting_ends_at_once),
        T(aliases_are_shared_and_may_be_circular),
        T(faults_of_the_environment_name_it),
        T(a_directory_called_dot_env_is_no_fault),
        T(every_allocation_may_fail),
    };
    struct CMUnitTest tests[128];
    size_t n = 0;
    for (size_t i = 0; i < WB_COUNT(bad_rows); i++)
        tests[n++] = (struct CMUnitTest){ bad_rows[i].name, faults_have_a_place, tree_setup, tree_teardown,
                                          (void *)&bad_rows[i] };
    for (size_t i = 0; i < WB_COUNT(env_rows); i++)
        tests[n++] =
            (struct CMUnitTest){ env_rows[i].name, env_files, tree_setup, tree_teardown, (void *)&env_rows[i] };
    memcpy(&tests[n], single, sizeof single);
    return _cmocka_run_group_tests("source/config", tests, n + WB_COUNT(single), NULL, NULL);
}
