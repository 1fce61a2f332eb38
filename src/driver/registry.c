/*
 * registry.c - which databases there are, and how their drivers are found.
 *
 * SQLite is part of the library. The other client libraries are big, so their drivers are modules that are loaded when
 * a URL asks for one: a run on SQLite starts in a millisecond, and a package need not depend on every client. The table
 * `known` is the only place that lists databases; who adds one adds a row.
 * Owns nothing. A module is never unloaded: client libraries leave threads and exit handlers behind.
 */
#include "driver/driver.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef WB_DRIVER_DIR
#define WB_DRIVER_DIR "/usr/lib/whimbrel/drivers"
#endif

extern const wb_driver wb_driver_sqlite;
#ifdef WB_DRIVERS_BUILTIN
extern const wb_driver wb_driver_postgres;
extern const wb_driver wb_driver_mysql;
#define BUILTIN_POSTGRES &wb_driver_postgres
#define BUILTIN_MYSQL &wb_driver_mysql
#else
#define BUILTIN_POSTGRES NULL
#define BUILTIN_MYSQL NULL
#endif

#define WORDS_MAX 10

typedef void module_alloc_set(void *(*alloc)(size_t), void (*release)(void *));

static const struct known {
    const char *name, *product;
    const char *package;      /* that brings the module; NULL: this version has none */
    const wb_driver *builtin; /* NULL: a module */
    const char *schemes[WORDS_MAX];
    const char *suffixes[WORDS_MAX]; /* of directories and files, beside the name */
} known[] = {
    { "sqlite", "SQLite", NULL, &wb_driver_sqlite, { "sqlite", "sqlite3", "file" }, { "sqlite3" } },
    { "postgres",
      "PostgreSQL",
      "whimbrel-postgresql",
      BUILTIN_POSTGRES,
      { "postgres", "postgresql", "pgx", "pgx4", "pgx5", "pgsql" },
      { "postgresql" } },
    { "mysql",
      "MySQL and MariaDB",
      "whimbrel-mysql",
      BUILTIN_MYSQL,
      { "mysql", "mariadb" },
      { "mariadb" } },
    /* Not the postgres driver: its advisory locks do nothing there, and two runs would not keep apart. */
    { "cockroach", "CockroachDB", NULL, NULL, { "cockroach", "cockroachdb", "crdb-postgres" }, { "cockroachdb" } },
    { "mongodb", "MongoDB", NULL, NULL, { "mongodb", "mongodb+srv" }, { NULL } },
    { "dynamodb", "DynamoDB", NULL, NULL, { "dynamodb" }, { NULL } },
};

static bool is_among(const char *word, const char *const *words)
{
    for (size_t i = 0; i < WORDS_MAX && words[i]; i++)
        if (strcmp(words[i], word) == 0)
            return true;
    return false;
}

const char *wb_driver_canonical(const char *suffix)
{
    for (size_t i = 0; i < WB_COUNT(known); i++)
        if (strcmp(known[i].name, suffix) == 0 || is_among(suffix, known[i].suffixes))
            return known[i].name;
    return NULL;
}

/* ---- modules ---- */

static int fail_absent(wb_ctx *cx, const struct known *k)
{
    if (!k->package) {
        wb_fail(cx, WBL_E_UNSUPPORTED, WBL_EFFECT_NONE, "this build has no driver for %s", k->product);
        wb_hint(cx, "This version works with SQLite, PostgreSQL, MySQL and MariaDB.");
        return WBL_E_UNSUPPORTED;
    }
    wb_fail(cx, WBL_E_UNSUPPORTED, WBL_EFFECT_NONE, "the driver for %s is not installed", k->product);
    wb_hint(cx, "Install the package %s, or set WHIMBREL_DRIVERS to the directory that holds %s.so.", k->package,
            k->name);
    return WBL_E_UNSUPPORTED;
}

static int check_module(wb_ctx *cx, const struct known *k, const char *path, const wb_driver *d)
{
    if (!d)
        return wb_fail(cx, WBL_E_UNSUPPORTED, WBL_EFFECT_NONE, "%s is not a driver of whimbrel", path);
    if (d->abi != WB_DRIVER_ABI || d->size != sizeof(wb_driver) || strcmp(d->name, k->name) != 0) {
        wb_fail(cx, WBL_E_UNSUPPORTED, WBL_EFFECT_NONE, "the driver for %s was built for another version: %s",
                k->product, path);
        wb_hint(cx, "Install whimbrel %s and its drivers from the same release.", WBL_VERSION);
        return WBL_E_UNSUPPORTED;
    }
    return 0;
}

/* WBL_NO_CHANGE: there is no such file. */
static int load_file(wb_ctx *cx, const struct known *k, const char *path, const wb_driver **out)
{
    if (access(path, F_OK) != 0)
        return WBL_NO_CHANGE;
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!module) {
        const char *why = dlerror();
        wb_fail(cx, WBL_E_UNSUPPORTED, WBL_EFFECT_NONE, "the driver for %s cannot be loaded: %s", k->product,
                why ? why : path);
        wb_hint(cx,
                "The driver is there, but something that it needs is missing: install %s again with what it "
                "depends on.",
                k->package ? k->package : path);
        return WBL_E_UNSUPPORTED;
    }
    const wb_driver *d = dlsym(module, "wb_driver_module");
    module_alloc_set *share = (module_alloc_set *)dlsym(module, "wb_module_alloc_set");
    int rc = check_module(cx, k, path, share ? d : NULL);
    if (rc != 0)
        return rc;
    share(wb_alloc, wb_free); /* what the driver puts into our arenas is freed by us: module.c */
    *out = d;
    return 0;
}

/* DIR/NAME.so as it is installed, DIR/NAME/NAME.so as it is built. */
static int load_from(wb_ctx *cx, const struct known *k, const char *dir, const char *below, const wb_driver **out)
{
    WB_AUTOBUF wb_buf path = WB_BUF(PATH_MAX);
    wb_buf_addf(&path, "%s%s/%s.so", dir, below, k->name);
    const char *text = wb_buf_cstr(&path);
    int rc = text ? load_file(cx, k, text, out) : wb_nomem(cx);
    if (rc != WBL_NO_CHANGE)
        return rc;
    wb_buf_clear(&path);
    wb_buf_addf(&path, "%s%s/%s/%s.so", dir, below, k->name, k->name);
    text = wb_buf_cstr(&path);
    return text ? load_file(cx, k, text, out) : wb_nomem(cx);
}

static bool find_program_dir(char *to, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", to, size - 1);
    if (n <= 0)
        return false;
    to[n] = 0;
    char *slash = strrchr(to, '/');
    if (slash)
        *slash = 0;
    return slash != NULL;
}

static int find_module(wb_ctx *cx, const struct known *k, const wb_driver **out)
{
    char program[PATH_MAX];
    bool has_program = find_program_dir(program, sizeof program);
    const struct place {
        const char *dir, *below;
    } places[] = {
        { secure_getenv("WHIMBREL_DRIVERS"), "" }, /* a program with more rights must not load what its user names */
        { has_program ? program : NULL, "/drivers" },
        { has_program ? program : NULL, "/src/driver" },
        { WB_DRIVER_DIR, "" },
    };
    for (size_t i = 0; i < WB_COUNT(places); i++) {
        if (!places[i].dir || !*places[i].dir)
            continue;
        int rc = load_from(cx, k, places[i].dir, places[i].below, out);
        if (rc != WBL_NO_CHANGE)
            return rc;
    }
    return fail_absent(cx, k);
}

/* Handles may be opened in several threads at once. Under this mutex the first of them puts our allocator into the module;
   the others find it there, and write nothing while a module works. */
static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;

static int load(wb_ctx *cx, const struct known *k, const wb_driver **out)
{
    if (k->builtin) {
        *out = k->builtin;
        return 0;
    }
    pthread_mutex_lock(&loading);
    int rc = find_module(cx, k, out);
    pthread_mutex_unlock(&loading);
    return rc;
}

/* ---- finding a row ---- */

static int fail_unknown(wb_ctx *cx, const char *what, const char *word, const char *const *words, size_t count)
{
    WB_AUTOBUF wb_buf list = WB_BUF(WB_TEXT_MAX);
    for (size_t i = 0; i < count; i++)
        wb_buf_addf(&list, "%s%s", i ? ", " : "", words[i]);
    const char *text = wb_buf_cstr(&list), *nearest = wb_nearest(word, words, count);
    wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "unknown %s \"%s\"", what, word);
    if (nearest)
        wb_hint(cx, "Did you mean \"%s\"? Known: %s.", nearest, text ? text : nearest);
    else if (text)
        wb_hint(cx, "Known: %s.", text);
    return WBL_E_INVALID;
}

int wb_driver_for_scheme(wb_ctx *cx, const char *scheme, const wb_driver **out)
{
    if (!scheme)
        scheme = "postgres"; /* the keyword/value form has none, and is libpq's */
    const char *words[WB_COUNT(known) * WORDS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < WB_COUNT(known); i++) {
        if (is_among(scheme, known[i].schemes))
            return load(cx, &known[i], out);
        for (size_t j = 0; j < WORDS_MAX && known[i].schemes[j]; j++)
            words[count++] = known[i].schemes[j];
    }
    return fail_unknown(cx, "database scheme", scheme, words, count);
}

int wb_driver_by_name(wb_ctx *cx, const char *name, const wb_driver **out)
{
    const char *canonical = wb_driver_canonical(name), *words[WB_COUNT(known)];
    for (size_t i = 0; i < WB_COUNT(known); i++) {
        if (canonical == known[i].name)
            return load(cx, &known[i], out);
        words[i] = known[i].name;
    }
    return fail_unknown(cx, "database", name, words, WB_COUNT(known));
}
