/*
 * host.h - what the tests of the public library share: a program that embeds libwhimbrel, with a connection of its own.
 *
 * Nothing here sees more than an embedding program does: whimbrel.h, the client libraries, and what is installed. So the
 * same files are compiled in the tree (with sanitizers, too) and by tests/library/run against an installed library.
 */
#ifndef HOST_H
#define HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the five above first */
#include <cmocka.h>

#include <libpq-fe.h>
#include <mysql.h>
#include <sqlite3.h>
#include <whimbrel.h>

typedef enum host_kind { HOST_SQLITE, HOST_POSTGRES, HOST_MARIADB, HOST_MYSQL } host_kind;

/* The program: a folder, a fresh database, an open connection of its own, and the error of the last call. */
typedef struct host {
    host_kind kind;
    char dir[64];
    char url[400];
    sqlite3 *db;
    PGconn *pg;
    MYSQL *my;
    wbl_handle *h;
    wbl_error err;
    int events[16];              /* how many of each kind */
    char failed[600];            /* message of the last WBL_EVENT_FAILED */
    void (*on_event)(struct host *, const wbl_event *); /* what a test wants besides; may be NULL */
    bool is_done;
} host;

/* Rows for cmocka: each test runs once for each database; without its server it is skipped. */
extern host_kind host_kinds[4];
#define ON_SQLITE(test) cmocka_unit_test_prestate_setup_teardown(test, host_setup, host_teardown, &host_kinds[HOST_SQLITE])
#define ON_SERVER(test, kind, suffix) { #test "_on_" suffix, test, host_setup, host_teardown, &host_kinds[kind] }
#define ON_POSTGRES(test) ON_SERVER(test, HOST_POSTGRES, "postgres")
#define ON_MYSQL(test) ON_SERVER(test, HOST_MARIADB, "mariadb"), ON_SERVER(test, HOST_MYSQL, "mysql")
#define ON_SERVERS(test) ON_POSTGRES(test), ON_MYSQL(test)
#define ON_EACH(test) ON_SQLITE(test), ON_SERVERS(test)
#define ON_TXN_DDL(test) ON_SQLITE(test), ON_POSTGRES(test) /* where a transaction covers schema changes */
int host_setup(void **state);          /* *state becomes the host */
int host_teardown(void **state);
int host_run(const struct CMUnitTest *tests, size_t count, const char *name); /* of main(): TAP, allocator, database */
#define HOST_RUN(tests, name) host_run(tests, sizeof(tests) / sizeof *(tests), name)

static inline host *host_get(void **state) { return *state; }
static inline bool host_is_mysql(const host *t) { return t->kind == HOST_MARIADB || t->kind == HOST_MYSQL; }
const char *host_driver(const host *);                     /* connection_kind: "sqlite", "postgres", "mysql" */
void *host_native(const host *);

void host_exec(host *, const char *sql);                   /* on the program's own connection */
int64_t host_ask(host *, const char *sql);                 /* one number; -1: it failed */
void host_text(host *, const char *sql, char *out, size_t size);
bool host_has_table(host *, const char *name);

void host_options(host *, wbl_options *);                  /* no configuration, no environment, no directory */
void host_attach(host *);                                  /* h: a handle on the program's own connection */
void host_connect(host *);                                 /* h: a handle with a connection of its own */
void host_add(host *, const char *ns, const char *version, const char *name, const char *up, const char *down);
void host_write(const host *, const char *name, const char *text); /* a file in the folder */
int host_up(host *);                                       /* everything */
void host_ok(const host *, int rc);                        /* says the error when rc is not 0 */

#endif
