/*
 * test_contract.c - what every driver must do, whatever its database.
 *
 * WHIMBREL_TEST_URL says which database; without it, SQLite in a temporary directory. The database is emptied before
 * each test, so it must be one that nobody needs. SQL that differs between databases stands in `dialects` and nowhere
 * else. A test that a driver has no ability for is skipped and says so.
 */
#include "../unit.h"

#include "driver/driver.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define MANY 2000 /* statements of the large script; each with a text of 2 kB */

static const struct dialect {
    const char *driver;
    const char *url_nowhere;                 /* nothing answers there */
    const char *slow;                        /* runs for much longer than a test may */
    const char *notice;                      /* makes the server say "hello"; NULL: it has no notices */
    const char *alone;                       /* refuses a transaction */
    const char *leak;                        /* changes the session so that `table` can't be written or seen any more */
    const char *deferred;                    /* makes a column a key into p (id) that is checked at COMMIT; NULL: none */
    const char *schema[8], *change, *object; /* a schema; a change to it, and the object that shows it */
} dialects[] = {
    { .driver = "sqlite",
      .url_nowhere = "sqlite:/nonexistent-folder/app.db",
      .slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000000) "
              "INSERT INTO t SELECT max(i) FROM n",
      .alone = "VACUUM",
      .leak = "PRAGMA query_only = 1",
      .deferred = "REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED",
      .schema = { "CREATE TABLE parent (id INTEGER PRIMARY KEY, name VARCHAR(50) NOT NULL DEFAULT 'x', UNIQUE (name))",
                  "CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent (id) ON DELETE "
                  "CASCADE,"
                  " qty INTEGER CHECK (qty > 0))",
                  "CREATE INDEX child_parent ON child (parent_id)",
                  "CREATE VIEW both_of_them AS SELECT p.name, c.qty FROM parent p JOIN child c ON c.parent_id = p.id",
                  "CREATE TRIGGER no_delete BEFORE DELETE ON parent BEGIN SELECT raise(ABORT, 'no'); END" },
      .change = "ALTER TABLE child ADD COLUMN note TEXT DEFAULT 'n'",
      .object = "child.note" },
    { .driver = "postgres",
      .url_nowhere = "postgres://127.0.0.1:1/none",
      .slow = "SELECT pg_sleep(60)",
      .notice = "DO $$ BEGIN RAISE NOTICE 'hello'; END $$",
      .alone = "VACUUM",
      .leak = "SET search_path = pg_catalog",
      .deferred = "REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED",
      .schema = { "CREATE TABLE parent (id BIGINT PRIMARY KEY, name VARCHAR(50) NOT NULL DEFAULT 'x', UNIQUE (name))",
                  "CREATE TABLE child (id SERIAL PRIMARY KEY, parent_id BIGINT REFERENCES parent (id) ON DELETE "
                  "CASCADE,"
                  " qty INTEGER CHECK (qty > 0))",
                  "CREATE INDEX child_parent ON child (parent_id)",
                  "CREATE VIEW both_of_them AS SELECT p.name, c.qty FROM parent p JOIN child c ON c.parent_id = p.id",
                  "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN RAISE 'no'; END $f$",
                  "CREATE TRIGGER no_delete BEFORE DELETE ON parent FOR EACH ROW EXECUTE FUNCTION refuse()" },
      .change = "ALTER TABLE child ADD COLUMN note TEXT DEFAULT 'n'",
      .object = "child.note" },
    { .driver = "mysql",
      .url_nowhere = "mysql://127.0.0.1:1/none",
      .slow = "INSERT INTO t SELECT 1 FROM (SELECT 1) one WHERE SLEEP(60)",
      .notice = "SIGNAL SQLSTATE '01000' SET MESSAGE_TEXT = 'hello'",
      .alone = "SET TRANSACTION READ WRITE",
      .leak = "SET SESSION TRANSACTION READ ONLY",
      .schema = { "CREATE TABLE parent (id BIGINT PRIMARY KEY, name VARCHAR(50) NOT NULL DEFAULT 'x', UNIQUE (name))",
                  "CREATE TABLE child (id INTEGER AUTO_INCREMENT PRIMARY KEY, parent_id BIGINT, qty INTEGER CHECK "
                  "(qty > 0), FOREIGN KEY (parent_id) REFERENCES parent (id) ON DELETE CASCADE)",
                  "CREATE INDEX child_parent ON child (parent_id)",
                  "CREATE VIEW both_of_them AS SELECT p.name, c.qty FROM parent p JOIN child c ON c.parent_id = p.id",
                  "CREATE TRIGGER no_delete BEFORE DELETE ON parent FOR EACH ROW SIGNAL SQLSTATE '45000'" },
      .change = "ALTER TABLE child ADD COLUMN note VARCHAR(10) DEFAULT 'n'",
      .object = "child.note" },
};

/* ---- the stage ---- */

static char url_text[512], dir[64];
static wb_arena url_mem;
static wb_url url;
static const wb_driver *driver;
static const struct dialect *dialect;

static wbl_error err;
static volatile int cancel_flag;
static char noticed[256];
static wb_session *session;
static const wb_txn plain = { .fuse = "fuse-of-the-test" };

static void on_notice(void *user, const char *severity, const char *text)
{
    (void)user, (void)severity;
    snprintf(noticed, sizeof noticed, "%s", text);
}

static wb_ctx cx_value;
static wb_ctx *cx(void)
{
    memset(&err, 0, sizeof err);
    cx_value = (wb_ctx){ .err = &err, .cancel = &cancel_flag, .notice = on_notice };
    return &cx_value;
}

#define ok(call)                                                                                                       \
    do {                                                                                                               \
        int rc_of_call = (call);                                                                                       \
        if (rc_of_call != 0)                                                                                           \
            fail_msg("%s: %d, %s", #call, rc_of_call, err.message);                                                    \
    } while (0)

static wb_session *open_session(void)
{
    wb_session *s = NULL;
    int rc = driver->open(cx(),
                          &(wb_open_options){ .url = &url,
                                              .application = "whimbrel contract",
                                              .run_id = "contract",
                                              .connect_timeout_ms = 10000,
                                              .answer_timeout_ms = 30000,
                                              .busy_timeout_ms = 2000 },
                          &s);
    if (rc != 0) {
        fprintf(stderr, "cannot open %s: %s\n%s\n", url.shown, err.message, err.hint);
        exit(1); /* without the database no test means anything */
    }
    return s;
}

static int find_driver(void)
{
    const char *given = getenv("WHIMBREL_TEST_URL");
    if (given && *given) {
        snprintf(url_text, sizeof url_text, "%s", given);
    } else {
        snprintf(dir, sizeof dir, "/tmp/whimbrel-contract-XXXXXX");
        if (!mkdtemp(dir))
            return -1;
        snprintf(url_text, sizeof url_text, "sqlite:%s/app.db", dir);
    }
    if (wb_url_parse(cx(), &url_mem, url_text, &url) != 0 || wb_driver_for_scheme(cx(), url.scheme, &driver) != 0) {
        fprintf(stderr, "%s\n%s\n", err.message, err.hint);
        return -1;
    }
    for (size_t i = 0; i < WB_COUNT(dialects); i++)
        if (strcmp(dialects[i].driver, driver->name) == 0)
            dialect = &dialects[i];
    return dialect ? 0 : -1;
}

static int tear_down_all(void **state)
{
    (void)state;
    if (*dir) {
        char path[128];
        snprintf(path, sizeof path, "%s/app.db", dir);
        unlink(path);
        rmdir(dir);
    }
    wb_arena_done(&url_mem);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    cancel_flag = 0;
    noticed[0] = 0;
    session = open_session();
    ok(driver->drop_all(cx(), session));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    driver->close(session);
    session = NULL;
    return 0;
}

/* ---- what the tests are made of ---- */

static wb_piece piece_of(const char *sql)
{
    return (wb_piece){ .text = sql, .len = strlen(sql), .statement_first = 1 };
}

static wb_piece alone(const char *sql)
{
    wb_piece p = piece_of(sql);
    p.statement_count = 1;
    p.is_alone = true;
    return p;
}

static void execute(const char *sql)
{
    wb_piece p = alone(sql);
    wb_sync sync;
    ok(driver->run(cx(), session, &p));
    ok(driver->sync(cx(), session, &sync));
}

/* begin, run, commit; nothing is awaited yet. */
static int unit(const char *sql)
{
    wb_piece p = piece_of(sql);
    int rc = driver->begin(cx(), session, &plain);
    if (rc == 0)
        rc = driver->run(cx(), session, &p);
    return rc ? rc : driver->commit(cx(), session);
}

typedef struct outcome {
    int rc;
    wb_failure failure;
    uint32_t committed;
    char message[512];
} outcome;

/* What the engine does: sync when all went well; else roll the open unit back, and commit those before it. */
static outcome finish(int rc)
{
    outcome o = { .rc = rc, .failure = session->failure };
    wb_sync sync = { 0 };
    if (rc == 0) {
        o.rc = driver->sync(cx(), session, &sync);
        o.failure = session->failure;
        o.committed = sync.committed;
        snprintf(o.message, sizeof o.message, "%s", err.message);
        if (o.rc == 0)
            return o;
    } else {
        snprintf(o.message, sizeof o.message, "%s", err.message);
    }
    ok(driver->rollback(cx(), session));
    ok(driver->sync(cx(), session, &sync));
    assert_false(sync.is_in_transaction);
    o.committed += sync.committed;
    return o;
}

typedef struct reading {
    uint32_t count;
    char cells[64][64]; /* row by row; "NULL" */
    size_t cell_count;
    uint32_t stop_after; /* rows; 0: all */
} reading;

static int on_row(void *user, const wb_str *cells, size_t count)
{
    reading *r = user;
    r->count++;
    for (size_t i = 0; i < count && r->cell_count < WB_COUNT(r->cells); i++)
        snprintf(r->cells[r->cell_count++], sizeof r->cells[0], "%.*s", cells[i].p ? (int)cells[i].len : 4,
                 cells[i].p ? cells[i].p : "NULL");
    return r->stop_after && r->count >= r->stop_after ? 42 : 0;
}

static uint32_t count_rows(const char *table, const char *column)
{
    reading r = { 0 };
    wb_select sel = { .table = { .name = table }, .columns = &column, .column_count = 1, .fn = on_row, .user = &r };
    ok(driver->rows(cx(), session, &sel, 1));
    return r.count;
}

static const wb_column ledger_columns[] = {
    { .name = "version", .type = WB_TYPE_BIGINT, .not_null = true, .is_key = true },
    { .name = "namespace", .type = WB_TYPE_VARCHAR, .length = 50, .not_null = true, .is_key = true },
    { .name = "dirty", .type = WB_TYPE_BOOL, .not_null = true, .default_text = "FALSE" },
    { .name = "applied_at", .type = WB_TYPE_TIMESTAMP, .default_text = "CURRENT_TIMESTAMP" },
    { .name = "note", .type = WB_TYPE_TEXT },
};
static const wb_table ledger = { .ref = { .name = "ledger" },
                                 .columns = ledger_columns,
                                 .column_count = WB_COUNT(ledger_columns) };
static const wb_column counted_columns[] = {
    { .name = "seq", .type = WB_TYPE_SERIAL, .not_null = true, .is_key = true },
    { .name = "big", .type = WB_TYPE_NUMERIC38 }
};
static const wb_table counted = { .ref = { .name = "counted" }, .columns = counted_columns, .column_count = 2 };

static void create_ledger(void)
{
    const wb_table both[] = { ledger, counted };
    ok(driver->create(cx(), session, both, 2));
}

static int insert(int64_t version, const char *ns, const char *note, bool is_fence)
{
    const wb_field set[] = { { "version", WB_INT(version) }, { "namespace", WB_TEXT(ns) }, { "note", WB_TEXT(note) } };
    return driver->put(
        cx(), session,
        &(wb_row_op){
            .op = WB_OP_INSERT, .table = ledger.ref, .set = set, .set_count = 3, .is_fence = is_fence, .tag = 7 });
}

static int set_note(int64_t version, const char *note, bool must_hit)
{
    const wb_field set[] = { { "note", WB_TEXT(note) } }, where[] = { { "version", WB_INT(version) } };
    return driver->put(cx(), session,
                       &(wb_row_op){ .op = WB_OP_UPDATE,
                                     .table = ledger.ref,
                                     .set = set,
                                     .set_count = 1,
                                     .where = where,
                                     .where_count = 1,
                                     .must_hit = must_hit,
                                     .tag = 8 });
}

static reading read_ledger(const wb_field *where, size_t where_count, bool newest_first, uint64_t limit)
{
    static const char *const columns[] = { "version", "namespace", "note" };
    reading r = { 0 };
    wb_select sel = { .table = ledger.ref,
                      .columns = columns,
                      .column_count = 3,
                      .where = where,
                      .where_count = where_count,
                      .order_by = "version",
                      .newest_first = newest_first,
                      .limit = limit,
                      .fn = on_row,
                      .user = &r };
    ok(driver->rows(cx(), session, &sel, 1));
    return r;
}

static wb_table survey_one(wb_arena *mem, const char *name)
{
    wb_survey survey = { .tables = &(wb_table_ref){ .name = name }, .table_count = 1 };
    ok(driver->survey(cx(), session, mem, &survey));
    assert_true(survey.is_locked);
    assert_string_equal(survey.shapes[0].ref.name, name);
    return survey.shapes[0];
}

/* ---- connection ---- */

static void open_fails_where_nothing_answers(void **state)
{
    (void)state;
    WB_AUTOARENA wb_arena mem = { 0 };
    wb_url nowhere;
    wb_session *s = NULL;
    ok(wb_url_parse(cx(), &mem, dialect->url_nowhere, &nowhere));
    wb_open_options opt = { .url = &nowhere, .application = "x", .run_id = "x", .connect_timeout_ms = 3000 };
    assert_int_equal(driver->open(cx(), &opt, &s), WBL_E_CONNECT);
    assert_null(s);
    assert_int_equal(err.effect, WBL_EFFECT_NONE);
    assert_true(*err.message);
}

static void close_of_nothing_is_fine(void **state)
{
    (void)state;
    driver->close(NULL);
}

static void server_is_described(void **state)
{
    (void)state;
    WB_AUTOARENA wb_arena mem = { 0 };
    survey_one(&mem, "ledger");
    assert_true(*session->server.product && *session->server.version_text && *session->server.database);
    assert_true(session->server.version > 0);
    assert_ptr_equal(session->driver, driver);
    assert_int_equal(session->caps & ~driver->caps, 0);
}

static void reopened_session_works_and_forgets_its_unit(void **state)
{
    (void)state;
    wb_sync sync;
    create_ledger();
    ok(insert(1, "core", NULL, true));
    ok(driver->begin(cx(), session, &plain));
    ok(insert(2, "core", NULL, true));
    ok(driver->reopen(cx(), session));
    ok(driver->sync(cx(), session, &sync));
    assert_int_equal(sync.committed, 0);
    assert_false(sync.is_in_transaction);
    assert_int_equal(count_rows("ledger", "version"), 1);
    assert_int_equal(finish(unit("INSERT INTO ledger (version, namespace) VALUES (3, 'core')")).committed, 1);
    assert_int_equal(count_rows("ledger", "version"), 2);
}

static void attached_session_leaves_the_connection_open(void **state)
{
    (void)state;
    wb_session *owner = session;
    void *native = driver->native(owner);
    assert_non_null(native);
    wb_session *attached = NULL;
    ok(driver->attach(cx(), native, &(wb_open_options){ .application = "x", .run_id = "x", .busy_timeout_ms = 1000 },
                      &attached));
    session = attached;
    create_ledger();
    ok(insert(1, "core", "attached", true));
    outcome o = finish(unit("INSERT INTO ledger (version, namespace) VALUES (2, 'core')"));
    session = owner;
    driver->close(attached);
    assert_int_equal(o.committed, 1);
    assert_int_equal(count_rows("ledger", "version"), 2);
}

/* ---- tables and rows ---- */

static void survey_tells_absent_from_present(void **state)
{
    (void)state;
    WB_AUTOARENA wb_arena mem = { 0 };
    assert_false(survey_one(&mem, "ledger").exists);
    create_ledger();
    wb_table t = survey_one(&mem, "ledger");
    assert_true(t.exists);
    assert_int_equal(t.column_count, WB_COUNT(ledger_columns));
    for (size_t i = 0; i < t.column_count; i++) {
        assert_string_equal(t.columns[i].name, ledger_columns[i].name);
        assert_int_equal(t.columns[i].type, ledger_columns[i].type);
        assert_int_equal(t.columns[i].not_null, ledger_columns[i].not_null);
        assert_int_equal(t.columns[i].is_key, ledger_columns[i].is_key);
        assert_int_equal(t.columns[i].length, ledger_columns[i].length);
    }
    t = survey_one(&mem, "counted");
    assert_true(t.exists && t.columns[0].is_key);
}

static void create_leaves_an_existing_table_alone(void **state)
{
    (void)state;
    create_ledger();
    ok(insert(1, "core", "kept", true));
    create_ledger();
    assert_string_equal(read_ledger(NULL, 0, false, 0).cells[2], "kept");
}

static void rows_are_filtered_ordered_and_limited(void **state)
{
    (void)state;
    create_ledger();
    ok(insert(2, "core", NULL, true));
    ok(insert(10, "core", "ten", true));
    ok(insert(1, "identity", "one", true));

    reading all = read_ledger(NULL, 0, false, 0);
    assert_int_equal(all.count, 3);
    assert_string_equal(all.cells[0], "1");
    assert_string_equal(all.cells[3], "2");
    assert_string_equal(all.cells[5], "NULL");
    assert_string_equal(all.cells[6], "10");

    wb_field core[] = { { "namespace", WB_TEXT("core") } }, none[] = { { "note", WB_NULL() } };
    reading newest = read_ledger(core, 1, true, 1);
    assert_int_equal(newest.count, 1);
    assert_string_equal(newest.cells[0], "10");
    reading without = read_ledger(none, 1, false, 0);
    assert_int_equal(without.count, 1);
    assert_string_equal(without.cells[0], "2");
}

static void reading_stops_when_the_callback_says_so(void **state)
{
    (void)state;
    create_ledger();
    for (int i = 1; i <= 5; i++)
        ok(insert(i, "core", NULL, true));
    static const char *const columns[] = { "version" };
    reading r = { .stop_after = 2 };
    wb_select sel = { .table = ledger.ref, .columns = columns, .column_count = 1, .fn = on_row, .user = &r };
    assert_int_equal(driver->rows(cx(), session, &sel, 1), 42);
    assert_int_equal(r.count, 2);
    assert_int_equal(count_rows("ledger", "version"), 5); /* the session is usable */
}

static void several_selects_are_answered_in_order(void **state)
{
    (void)state;
    create_ledger();
    ok(insert(1, "core", NULL, true));
    static const char *const version[] = { "version" }, *const seq[] = { "seq" };
    reading a = { 0 }, b = { 0 };
    wb_select sel[] = { { .table = ledger.ref, .columns = version, .column_count = 1, .fn = on_row, .user = &a },
                        { .table = counted.ref, .columns = seq, .column_count = 1, .fn = on_row, .user = &b } };
    ok(driver->rows(cx(), session, sel, 2));
    assert_int_equal(a.count, 1);
    assert_int_equal(b.count, 0);
}

static void values_come_back_as_they_went_in(void **state)
{
    (void)state;
    static const char *const texts[] = { "",           "it's",         "back\\slash \\' \\n",
                                         "\"quoted\"", "Größe ✓ 漢字", "a\nb\tc",
                                         "$1 ? :x %s", "E'x'" };
    create_ledger();
    for (size_t i = 0; i < WB_COUNT(texts); i++)
        ok(insert((int64_t)i, texts[i][0] ? texts[i] : "empty", texts[i], true));
    reading r = read_ledger(NULL, 0, false, 0);
    for (size_t i = 0; i < WB_COUNT(texts); i++) {
        assert_string_equal(r.cells[i * 3 + 1], texts[i][0] ? texts[i] : "empty");
        assert_string_equal(r.cells[i * 3 + 2], texts[i]);
    }
    ok(insert(INT64_MAX, "z", NULL, true));
    reading newest = read_ledger(NULL, 0, true, 1);
    assert_string_equal(newest.cells[0], "9223372036854775807");
    assert_string_equal(newest.cells[2], "NULL");
}

static void numbers_of_twenty_digits_are_kept(void **state)
{
    (void)state;
    create_ledger();
    static const char *const columns[] = { "big" };
    const wb_field set[] = { { "big", WB_TEXT("20240101123456789012") } };
    ok(driver->put(cx(), session,
                   &(wb_row_op){ .op = WB_OP_INSERT, .table = counted.ref, .set = set, .set_count = 1 }));
    reading r = { 0 };
    wb_select sel = { .table = counted.ref,
                      .columns = columns,
                      .column_count = 1,
                      .where = set,
                      .where_count = 1,
                      .fn = on_row,
                      .user = &r };
    ok(driver->rows(cx(), session, &sel, 1));
    assert_int_equal(r.count, 1);
    assert_string_equal(r.cells[0], "20240101123456789012");
}

static void booleans_times_and_counters_are_set(void **state)
{
    (void)state;
    create_ledger();
    static const char *const columns[] = { "dirty", "applied_at" }, *const seq[] = { "seq" };
    for (int64_t dirty = 0; dirty < 2; dirty++) {
        const wb_field set[] = { { "version", WB_TEXT("5") },
                                 { "namespace", WB_TEXT(dirty ? "b" : "a") },
                                 { "dirty", WB_BOOL(dirty) },
                                 { "applied_at", WB_NOW() } };
        ok(driver->put(cx(), session,
                       &(wb_row_op){ .op = WB_OP_INSERT, .table = ledger.ref, .set = set, .set_count = 4 }));
        const wb_field one[] = { { "big", WB_NULL() } };
        ok(driver->put(cx(), session,
                       &(wb_row_op){ .op = WB_OP_INSERT, .table = counted.ref, .set = one, .set_count = 1 }));
    }
    reading r = { 0 }, s = { 0 };
    wb_field dirty[] = { { "dirty", WB_BOOL(true) } };
    wb_select sel[] = {
        { .table = ledger.ref,
          .columns = columns,
          .column_count = 2,
          .where = dirty,
          .where_count = 1,
          .fn = on_row,
          .user = &r },
        { .table = counted.ref, .columns = seq, .column_count = 1, .order_by = "seq", .fn = on_row, .user = &s }
    };
    ok(driver->rows(cx(), session, sel, 2));
    assert_int_equal(r.count, 1);
    assert_true(strcmp(r.cells[0], "1") == 0 || strcmp(r.cells[0], "t") == 0);
    assert_int_equal(r.cells[1][0], '2'); /* the year */
    assert_string_equal(s.cells[0], "1");
    assert_string_equal(s.cells[1], "2");
}

static void rows_are_updated_and_deleted(void **state)
{
    (void)state;
    create_ledger();
    ok(insert(1, "core", "old", true));
    ok(insert(2, "core", "old", true));
    ok(set_note(1, "new", true));
    reading r = read_ledger(NULL, 0, false, 0);
    assert_string_equal(r.cells[2], "new");
    assert_string_equal(r.cells[5], "old");
    const wb_field where[] = { { "version", WB_TEXT("1") }, { "namespace", WB_TEXT("core") } };
    ok(driver->put(cx(), session,
                   &(wb_row_op){
                       .op = WB_OP_DELETE, .table = ledger.ref, .where = where, .where_count = 2, .must_hit = true }));
    assert_int_equal(count_rows("ledger", "version"), 1);
    ok(driver->put(cx(), session, &(wb_row_op){ .op = WB_OP_DELETE, .table = ledger.ref }));
    assert_int_equal(count_rows("ledger", "version"), 0);
}

static void rows_put_outside_a_unit_are_durable_at_once(void **state)
{
    (void)state;
    create_ledger();
    ok(insert(1, "core", NULL, true));
    ok(driver->reopen(cx(), session));
    assert_int_equal(count_rows("ledger", "version"), 1);
}

/* ---- conflicts ---- */

static void row_that_must_be_hit_and_is_gone_is_a_conflict(void **state)
{
    (void)state;
    create_ledger();
    assert_int_equal(set_note(9, "x", true), WBL_E_CONFLICT);
    ok(set_note(9, "x", false));
    assert_int_equal(err.effect, WBL_EFFECT_NONE);
}

static void two_rows_where_one_must_be_hit_stay_as_they_are(void **state)
{
    (void)state;
    create_ledger();
    ok(insert(1, "a", "old", true));
    ok(insert(1, "b", "old", true));
    assert_int_equal(set_note(1, "new", true), WBL_E_CONFLICT);
    reading r = read_ledger(NULL, 0, false, 0);
    assert_string_equal(r.cells[2], "old");
    assert_string_equal(r.cells[5], "old");
}

static void fence_that_exists_is_a_conflict(void **state)
{
    (void)state;
    create_ledger();
    ok(insert(1, "core", "first", true));
    assert_int_equal(insert(1, "core", "second", true), WBL_E_CONFLICT);
    assert_int_equal(session->failure.put_tag, 7);
    assert_int_equal(session->failure.stage, WB_STAGE_PUT);
    assert_string_equal(read_ledger(NULL, 0, false, 0).cells[2], "first");
}

static void conflict_in_a_unit_rolls_it_back_and_leaves_the_session_usable(void **state)
{
    (void)state;
    create_ledger();
    ok(insert(1, "core", "first", true));
    for (int kind = 0; kind < 2; kind++) {
        wb_piece p = piece_of("INSERT INTO ledger (version, namespace) VALUES (50, 'x')");
        int rc = driver->begin(cx(), session, &plain);
        if (rc == 0)
            rc = driver->run(cx(), session, &p);
        if (rc == 0)
            rc = kind ? set_note(9, "x", true) : insert(1, "core", "second", true);
        if (rc == 0)
            rc = driver->commit(cx(), session);
        outcome o = finish(rc);
        assert_int_equal(o.rc, WBL_E_CONFLICT);
        assert_int_equal(o.failure.stage, WB_STAGE_PUT);
        assert_int_equal(o.failure.put_tag, kind ? 8 : 7);
        assert_int_equal(o.failure.unit, 0);
        assert_false(o.failure.is_connection_lost);
        assert_int_equal(o.committed, 0);
        assert_int_equal(count_rows("ledger", "version"), 1);
    }
    assert_int_equal(finish(unit("INSERT INTO ledger (version, namespace) VALUES (2, 'core')")).committed, 1);
}

static void insert_into_an_empty_table_only(void **state)
{
    (void)state;
    create_ledger();
    const wb_field set[] = { { "version", WB_INT(1) }, { "namespace", WB_TEXT("core") } };
    wb_row_op op = { .op = WB_OP_INSERT, .table = ledger.ref, .set = set, .set_count = 2, .only_if_empty = true };
    ok(driver->put(cx(), session, &op));
    assert_int_equal(driver->put(cx(), session, &op), WBL_E_CONFLICT);
    assert_int_equal(count_rows("ledger", "version"), 1);
}

/* ---- units ---- */

static void committed_unit_is_durable_after_sync(void **state)
{
    (void)state;
    create_ledger();
    ok(driver->begin(cx(), session, &plain));
    ok(insert(1, "core", NULL, true));
    wb_piece p = piece_of("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)");
    ok(driver->run(cx(), session, &p));
    ok(set_note(1, "done", true));
    ok(driver->commit(cx(), session));
    wb_sync sync;
    ok(driver->sync(cx(), session, &sync));
    assert_int_equal(sync.committed, 1);
    assert_false(sync.is_in_transaction);
    ok(driver->reopen(cx(), session));
    assert_int_equal(count_rows("t", "a"), 2);
    assert_string_equal(read_ledger(NULL, 0, false, 0).cells[2], "done");
}

static void rolled_back_unit_leaves_nothing(void **state)
{
    (void)state;
    create_ledger();
    wb_sync sync;
    bool has_ddl = session->caps & WB_CAP_TXN_DDL;
    wb_piece p = piece_of(has_ddl ? "CREATE TABLE t (a INTEGER)"
                                  : "INSERT INTO ledger (version, namespace) VALUES (2, 'core')");
    ok(driver->begin(cx(), session, &plain));
    ok(insert(1, "core", NULL, true));
    ok(driver->run(cx(), session, &p));
    ok(driver->sync(cx(), session, &sync)); /* sent, and still open */
    assert_int_equal(sync.committed, 0);
    assert_true(sync.is_in_transaction);
    ok(driver->rollback(cx(), session));
    ok(driver->sync(cx(), session, &sync));
    assert_int_equal(sync.committed, 0);
    assert_false(sync.is_in_transaction);
    WB_AUTOARENA wb_arena mem = { 0 };
    assert_false(survey_one(&mem, "t").exists);
    assert_int_equal(count_rows("ledger", "version"), 0);
}

static void rows_read_in_a_unit_show_what_it_did(void **state)
{
    (void)state;
    create_ledger();
    wb_sync sync;
    ok(driver->begin(cx(), session, &plain));
    ok(insert(1, "core", NULL, true));
    ok(driver->sync(cx(), session, &sync));
    assert_int_equal(count_rows("ledger", "version"), 1);
    ok(driver->commit(cx(), session));
    ok(driver->sync(cx(), session, &sync));
    assert_int_equal(sync.committed, 1);
}

static void group_is_durable_up_to_the_unit_that_fails(void **state)
{
    (void)state;
    create_ledger();
    int rc = unit("INSERT INTO ledger (version, namespace) VALUES (1, 'core')");
    if (rc == 0)
        rc = unit("INSERT INTO ledger (version, namespace) VALUES (2, 'core'); INSERT INTO nowhere VALUES (1)");
    if (rc == 0)
        rc = unit("INSERT INTO ledger (version, namespace) VALUES (3, 'core')");
    outcome o = finish(rc);
    assert_int_equal(o.rc, WBL_E_STATEMENT);
    assert_int_equal(o.failure.stage, WB_STAGE_RUN);
    assert_int_equal(o.failure.unit, 1);
    assert_int_equal(o.failure.statement, 2);
    assert_int_equal(o.committed, 1);
    ok(driver->reopen(cx(), session));
    reading r = read_ledger(NULL, 0, false, 0);
    assert_int_equal(r.count, 1);
    assert_string_equal(r.cells[0], "1");
}

static void group_that_succeeds_is_counted(void **state)
{
    (void)state;
    create_ledger();
    wb_txn relaxed = plain;
    relaxed.is_relaxed = true;
    for (int group = 0; group < 2; group++) {
        for (int i = 0; i < 3; i++) {
            ok(driver->begin(cx(), session, &relaxed));
            ok(insert(group * 3 + i, "core", NULL, true));
            ok(driver->commit(cx(), session));
            ok(driver->reset(cx(), session));
        }
        assert_int_equal(finish(0).committed, 3); /* counted anew in the second round */
    }
    ok(driver->reopen(cx(), session));
    assert_int_equal(count_rows("ledger", "version"), 6);
}

static void deferred_constraint_fails_the_unit_that_broke_it(void **state)
{
    (void)state;
    create_ledger();
    execute("CREATE TABLE p (id INTEGER PRIMARY KEY)");
    char sql[120];
    snprintf(sql, sizeof sql, "CREATE TABLE c (id INTEGER %s)", dialect->deferred);
    execute(sql);
    wb_txn with_keys = plain;
    with_keys.foreign_keys = WB_ON; /* for SQLite; others have them on */
    wb_piece p = piece_of("INSERT INTO c VALUES (77)");
    int rc = driver->begin(cx(), session, &with_keys);
    if (rc == 0)
        rc = driver->run(cx(), session, &p);
    if (rc == 0)
        rc = driver->commit(cx(), session);
    outcome o = finish(rc);
    assert_int_equal(o.rc, WBL_E_STATEMENT);
    assert_int_equal(o.failure.stage, WB_STAGE_COMMIT);
    assert_int_equal(o.committed, 0);
    assert_int_equal(count_rows("c", "id"), 0);
}

/* ---- scripts ---- */

static const struct place_row {
    const char *name, *sql;
    uint32_t statement;
    const char *at; /* the fault is here, or at the start of its statement */
} place_rows[] = {
    { "first", "INSERT INTO absent1 VALUES (1); SELECT 1; SELECT 2", 1, "absent1" },
    { "second", "SELECT 1;\n-- Größe ✓\nINSERT INTO absent2 VALUES ('漢字'); SELECT 2", 2, "absent2" },
    { "last", "SELECT '✓✓✓;'; SELECT 1; /* ; ü */ INSERT INTO absent3 VALUES (1)", 3, "absent3" },
    { "empty_statements_do_not_count", "SELECT 'é';; ;\n INSERT INTO absent4 VALUES (1);", 2, "absent4" },
    { "at_run_time",
      "CREATE TABLE t (a INTEGER UNIQUE); INSERT INTO t VALUES (1);\n\nINSERT INTO t VALUES (1); SELECT 1", 3, NULL },
};

static void failing_statement_is_located(void **state)
{
    const struct place_row *row = *state;
    size_t len = strlen(row->sql);
    wb_piece p = { .text = row->sql, .len = len, .offset = 1000, .statement_first = 11 };
    int rc = driver->begin(cx(), session, &plain);
    if (rc == 0)
        rc = driver->run(cx(), session, &p);
    if (rc == 0)
        rc = driver->commit(cx(), session);
    outcome o = finish(rc);
    assert_int_equal(o.rc, WBL_E_STATEMENT);
    assert_int_equal(o.failure.stage, WB_STAGE_RUN);
    assert_int_equal(o.failure.statement, 10 + row->statement);
    assert_true(*o.message);
    assert_int_equal(o.committed, 0);
    if (!row->at && o.failure.offset == SIZE_MAX)
        return; /* a fault at run time: not every server says where, and the number of the statement is enough */
    const char *at = row->at ? strstr(row->sql, row->at) : strstr(row->sql, "\n\nINSERT") + 2;
    assert_true(o.failure.offset >= 1000 && o.failure.offset < 1000 + len);
    const char *said = row->sql + (o.failure.offset - 1000);
    assert_true(said <= at && at - said <= (row->at ? 12 : 0)); /* "INSERT INTO " may stand before */
}

static void script_that_ends_its_transaction_is_caught(void **state)
{
    (void)state;
    create_ledger();
    execute("CREATE TABLE t (a INTEGER)");
    wb_piece p = piece_of("INSERT INTO t VALUES (1); COMMIT; INSERT INTO t VALUES (2)");
    const wb_field set[] = { { "version", WB_INT(1) }, { "namespace", WB_TEXT("core") } };
    wb_row_op op = {
        .op = WB_OP_INSERT, .table = ledger.ref, .set = set, .set_count = 2, .check_fuse = true, .tag = 3
    };
    int rc = driver->begin(cx(), session, &plain);
    if (rc == 0)
        rc = driver->run(cx(), session, &p);
    if (rc == 0)
        rc = driver->put(cx(), session, &op);
    if (rc == 0)
        rc = driver->commit(cx(), session);
    outcome o = finish(rc);
    assert_int_equal(o.rc, WBL_E_STATE);
    assert_int_equal(o.committed, 0);
    assert_int_equal(count_rows("ledger", "version"), 0);
    assert_int_equal(finish(unit("INSERT INTO t VALUES (3)")).committed, 1);
}

static void savepoints_of_a_script_are_its_own(void **state)
{
    (void)state;
    execute("CREATE TABLE t (a INTEGER)");
    outcome o =
        finish(unit("SAVEPOINT a; INSERT INTO t VALUES (1); ROLLBACK TO a; RELEASE SAVEPOINT a; INSERT INTO t VALUES (2)"));
    assert_int_equal(o.rc, 0);
    assert_int_equal(o.committed, 1);
    assert_int_equal(count_rows("t", "a"), 1);
}

static void piece_need_not_end_with_a_nul(void **state)
{
    (void)state;
    execute("CREATE TABLE t (a INTEGER)");
    static const char text[] = "INSERT INTO t VALUES (1);INSERT INTO nowhere VALUES (1)";
    wb_piece p = { .text = text, .len = 25, .statement_first = 1 };
    ok(driver->begin(cx(), session, &plain));
    ok(driver->run(cx(), session, &p));
    ok(driver->commit(cx(), session));
    assert_int_equal(finish(0).committed, 1);
    assert_int_equal(count_rows("t", "a"), 1);
}

static void statement_alone_runs_outside_a_transaction(void **state)
{
    (void)state;
    execute(dialect->alone);
    wb_piece p = piece_of(dialect->alone);
    int rc = driver->begin(cx(), session, &plain);
    if (rc == 0)
        rc = driver->run(cx(), session, &p);
    if (rc == 0)
        rc = driver->commit(cx(), session);
    assert_int_equal(finish(rc).rc, WBL_E_STATEMENT);
}

static void failing_statement_alone_leaves_nothing(void **state)
{
    (void)state;
    execute("CREATE TABLE t (a INTEGER UNIQUE)");
    wb_piece p = alone("INSERT INTO t VALUES (1), (2), (1)");
    wb_sync sync;
    int rc = driver->run(cx(), session, &p);
    if (rc == 0)
        rc = driver->sync(cx(), session, &sync);
    assert_int_equal(rc, WBL_E_STATEMENT);
    assert_int_equal(finish(rc).committed, 0);
    assert_int_equal(count_rows("t", "a"), 0);
}

static void affected_rows_are_told(void **state)
{
    (void)state;
    execute("CREATE TABLE t (a INTEGER)");
    int64_t affected = -1;
    wb_piece p = alone("INSERT INTO t VALUES (1), (2), (3)");
    p.affected = &affected;
    ok(driver->run(cx(), session, &p));
    assert_int_equal(affected, 3);
    p = alone("UPDATE t SET a = 9 WHERE a > 100");
    p.affected = &affected;
    ok(driver->run(cx(), session, &p));
    assert_int_equal(affected, 0);
}

static void large_script_runs_in_one_piece(void **state)
{
    (void)state;
    WB_AUTOBUF wb_buf sql = WB_BUF((size_t)16 << 20);
    wb_buf_str(&sql, "CREATE TABLE t (a INTEGER, b TEXT);\n");
    for (int i = 0; i < MANY; i++)
        wb_buf_addf(&sql, "INSERT INTO t VALUES (%d, '%02000d ✓');\n", i, i);
    wb_buf_str(&sql, "INSERT INTO t VALUES (-1, 'end')");
    const char *text = wb_buf_cstr(&sql);
    assert_non_null(text);
    outcome o = finish(unit(text));
    assert_string_equal(o.message, "");
    assert_int_equal(o.committed, 1);
    assert_int_equal(count_rows("t", "a"), MANY + 1);
}

static void notices_are_delivered(void **state)
{
    (void)state;
    assert_int_equal(finish(unit(dialect->notice)).rc, 0);
    assert_non_null(strstr(noticed, "hello"));
}

static void reset_undoes_what_a_script_set(void **state)
{
    (void)state;
    create_ledger();
    execute(dialect->leak);
    ok(driver->reset(cx(), session));
    ok(insert(1, "core", NULL, true));
    assert_int_equal(count_rows("ledger", "version"), 1);
}

/* ---- cancel and time ---- */

static atomic_bool is_over;

static void *cancel_until_over(void *user)
{
    usleep(200000);
    for (int i = 0; i < 100 && !is_over; i++) { /* again: the first may come before the statement */
        driver->cancel(user);
        usleep(50000);
    }
    return NULL;
}

static void cancel_from_another_thread_ends_a_statement(void **state)
{
    (void)state;
    execute("CREATE TABLE t (a BIGINT)");
    pthread_t thread;
    is_over = false;
    assert_int_equal(pthread_create(&thread, NULL, cancel_until_over, session), 0);
    int64_t start = wb_now_ms();
    int rc = unit(dialect->slow);
    wb_sync sync;
    if (rc == 0)
        rc = driver->sync(cx(), session, &sync);
    is_over = true;
    pthread_join(thread, NULL);
    assert_int_equal(rc, WBL_E_CANCELLED);
    assert_true(wb_now_ms() - start < 20000);
    assert_int_equal(finish(rc).committed, 0);
    assert_int_equal(finish(unit("INSERT INTO t VALUES (3)")).committed, 1);
    assert_int_equal(count_rows("t", "a"), 1);
}

static void *raise_flag(void *user)
{
    (void)user;
    usleep(200000);
    __atomic_store_n(&cancel_flag, 1, __ATOMIC_RELAXED);
    return NULL;
}

static void cancel_flag_ends_a_statement(void **state)
{
    (void)state;
    execute("CREATE TABLE t (a BIGINT)");
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, raise_flag, NULL), 0);
    int rc = unit(dialect->slow);
    wb_sync sync;
    if (rc == 0)
        rc = driver->sync(cx(), session, &sync);
    pthread_join(thread, NULL);
    cancel_flag = 0;
    assert_int_equal(rc, WBL_E_CANCELLED);
    assert_int_equal(finish(rc).committed, 0);
    assert_int_equal(count_rows("t", "a"), 0);
}

static void statement_timeout_ends_a_statement(void **state)
{
    (void)state;
    execute("CREATE TABLE t (a BIGINT)");
    wb_txn timed = plain;
    timed.statement_timeout_ms = 200;
    wb_piece p = piece_of(dialect->slow);
    int rc = driver->begin(cx(), session, &timed);
    if (rc == 0)
        rc = driver->run(cx(), session, &p);
    if (rc == 0)
        rc = driver->commit(cx(), session);
    outcome o = finish(rc);
    assert_int_equal(o.rc, WBL_E_TIMEOUT);
    assert_int_equal(o.committed, 0);
}

/* ---- exclusion ---- */

static void lock_is_held_by_one_session(void **state)
{
    (void)state;
    WB_AUTOARENA wb_arena mem = { 0 };
    const wb_lock_key key = { .text = "whimbrel contract lock" };
    wb_survey mine = { .locks = &key, .lock_count = 1 }, theirs = mine, later = mine;
    ok(driver->survey(cx(), session, &mem, &mine));
    assert_true(mine.is_locked);
    wb_session *other = open_session();
    ok(driver->survey(cx(), other, &mem, &theirs));
    assert_false(theirs.is_locked);
    wb_holder who;
    ok(driver->holder(cx(), other, &key, 1, &who));
    assert_true(who.pid > 0);
    ok(driver->unlock(cx(), session, &key, 1));
    ok(driver->survey(cx(), other, &mem, &later));
    assert_true(later.is_locked);
    driver->close(other);
}

static void unlock_without_a_lock_is_fine(void **state)
{
    (void)state;
    ok(driver->unlock(cx(), session, NULL, 0));
}

/* ---- looking ---- */

static void probe_tells_whether_an_object_was_created(void **state)
{
    (void)state;
    WB_AUTOARENA wb_arena mem = { 0 };
    wb_statement st = { .cls = WB_STMT_DDL, .action = WB_ACT_CREATE, .object = "table", .name = WB_STR("t") };
    const char *looked = NULL;
    wb_probe probe;
    ok(driver->look(cx(), session, &st, &mem, &looked));
    assert_non_null(looked);
    ok(driver->probe(cx(), session, &st, looked, &probe));
    assert_int_equal(probe, WB_PROBE_ABSENT);
    execute("CREATE TABLE t (a INTEGER)");
    ok(driver->probe(cx(), session, &st, looked, &probe));
    assert_int_equal(probe, WB_PROBE_PRESENT);
    st.action = WB_ACT_DROP;
    ok(driver->look(cx(), session, &st, &mem, &looked));
    ok(driver->probe(cx(), session, &st, looked, &probe));
    assert_int_equal(probe, WB_PROBE_ABSENT);
    execute("DROP TABLE t");
    ok(driver->probe(cx(), session, &st, looked, &probe));
    assert_int_equal(probe, WB_PROBE_PRESENT);
}

static void probe_admits_that_data_cannot_be_told(void **state)
{
    (void)state;
    wb_statement st = { .cls = WB_STMT_DML };
    wb_probe probe;
    ok(driver->probe(cx(), session, &st, "", &probe));
    assert_int_equal(probe, WB_PROBE_CANNOT_TELL);
    st = (wb_statement){ .cls = WB_STMT_MAINTENANCE, .is_repeatable = true };
    ok(driver->probe(cx(), session, &st, "", &probe));
    assert_int_equal(probe, WB_PROBE_ABSENT);
}

/* ---- catalog ---- */

typedef struct listing {
    wb_object *objects;
    size_t count;
} listing;

static listing catalog(wb_arena *mem)
{
    listing l = { 0 };
    static const wb_table_ref skip_it[] = { { .name = "ledger" } };
    wb_catalog_options opt = { .skip = skip_it, .skip_count = 1 };
    ok(driver->catalog(cx(), session, &opt, mem, &l.objects, &l.count));
    return l;
}

static bool is_same(const wb_object *a, const wb_object *b)
{
    return strcmp(a->kind, b->kind) == 0 && strcmp(a->name, b->name) == 0 &&
           strcmp(a->definition, b->definition) == 0 && wb_strcmp_null(a->parent, b->parent) == 0 &&
           a->is_valid == b->is_valid;
}

static const wb_object *find_object(listing l, const char *kind, const char *name)
{
    for (size_t i = 0; i < l.count; i++)
        if (strcmp(l.objects[i].kind, kind) == 0 && wb_ends(l.objects[i].name, name))
            return &l.objects[i];
    return NULL;
}

static void create_schema(void)
{
    for (size_t i = 0; i < WB_COUNT(dialect->schema) && dialect->schema[i]; i++)
        execute(dialect->schema[i]);
}

static void catalog_lists_every_kind_and_leaves_ours_out(void **state)
{
    (void)state;
    WB_AUTOARENA wb_arena mem = { 0 };
    create_ledger();
    create_schema();
    listing l = catalog(&mem);
    static const char *const want[][2] = { { "table", "parent" },       { "table", "child" },
                                           { "column", "parent.name" }, { "column", "child.qty" },
                                           { "index", "child_parent" }, { "view", "both_of_them" },
                                           { "trigger", "no_delete" } };
    for (size_t i = 0; i < WB_COUNT(want); i++)
        if (!find_object(l, want[i][0], want[i][1]))
            fail_msg("no %s %s", want[i][0], want[i][1]);
    uint32_t constraints = 0;
    for (size_t i = 0; i < l.count; i++) {
        constraints += strcmp(l.objects[i].kind, "constraint") == 0;
        assert_non_null(l.objects[i].definition);
        assert_null(strstr(l.objects[i].name, "ledger"));
        if (i > 0) {
            int order = strcmp(l.objects[i - 1].kind, l.objects[i].kind);
            assert_true(order < 0 || (order == 0 && strcmp(l.objects[i - 1].name, l.objects[i].name) < 0));
        }
    }
    assert_true(constraints >= 5); /* two keys, unique, foreign key, check */
}

static void catalog_is_the_same_after_a_rebuild_and_another_after_a_change(void **state)
{
    (void)state;
    WB_AUTOARENA wb_arena mem = { 0 };
    create_schema();
    listing before = catalog(&mem);
    ok(driver->drop_all(cx(), session));
    create_schema();
    ok(driver->reopen(cx(), session));
    listing again = catalog(&mem);
    assert_int_equal(before.count, again.count);
    for (size_t i = 0; i < before.count; i++)
        assert_true(is_same(&before.objects[i], &again.objects[i]));
    execute(dialect->change);
    listing after = catalog(&mem);
    assert_null(find_object(before, "column", dialect->object));
    assert_non_null(find_object(after, "column", dialect->object));
    assert_int_equal(after.count, before.count + 1);
}

static void drop_all_leaves_nothing(void **state)
{
    (void)state;
    WB_AUTOARENA wb_arena mem = { 0 };
    create_ledger();
    create_schema();
    execute("INSERT INTO parent (id, name) VALUES (1, 'a')");
    execute("INSERT INTO child (id, parent_id, qty) VALUES (1, 1, 1)");
    ok(driver->drop_all(cx(), session));
    assert_int_equal(catalog(&mem).count, 0);
    assert_false(survey_one(&mem, "ledger").exists);
    create_schema();
    assert_true(catalog(&mem).count > 0);
}

/* ---- which of them ---- */

#define NEEDS_NOTICES (1u << 31) /* beside the WB_CAP_ bits */
#define NEEDS_DEFERRED (1u << 30)
#define TEST(f) .name = #f, .run = f
#define PLACE(i) .run = failing_statement_is_located, .row = &place_rows[i]

static const struct test_row {
    const char *name; /* NULL: the one of its row */
    CMUnitTestFunction run;
    uint32_t needs;
    const void *row;
} test_rows[] = {
    { TEST(open_fails_where_nothing_answers) },
    { TEST(close_of_nothing_is_fine) },
    { TEST(server_is_described) },
    { TEST(reopened_session_works_and_forgets_its_unit) },
    { TEST(attached_session_leaves_the_connection_open), .needs = WB_CAP_ATTACH },
    { TEST(survey_tells_absent_from_present) },
    { TEST(create_leaves_an_existing_table_alone) },
    { TEST(rows_are_filtered_ordered_and_limited) },
    { TEST(reading_stops_when_the_callback_says_so) },
    { TEST(several_selects_are_answered_in_order) },
    { TEST(values_come_back_as_they_went_in) },
    { TEST(numbers_of_twenty_digits_are_kept) },
    { TEST(booleans_times_and_counters_are_set) },
    { TEST(rows_are_updated_and_deleted) },
    { TEST(rows_put_outside_a_unit_are_durable_at_once) },
    { TEST(row_that_must_be_hit_and_is_gone_is_a_conflict) },
    { TEST(two_rows_where_one_must_be_hit_stay_as_they_are) },
    { TEST(fence_that_exists_is_a_conflict) },
    { TEST(conflict_in_a_unit_rolls_it_back_and_leaves_the_session_usable) },
    { TEST(insert_into_an_empty_table_only) },
    { TEST(committed_unit_is_durable_after_sync) },
    { TEST(rolled_back_unit_leaves_nothing) },
    { TEST(rows_read_in_a_unit_show_what_it_did) },
    { TEST(group_is_durable_up_to_the_unit_that_fails), .needs = WB_CAP_GROUP },
    { TEST(group_that_succeeds_is_counted), .needs = WB_CAP_GROUP },
    { TEST(deferred_constraint_fails_the_unit_that_broke_it), .needs = NEEDS_DEFERRED },
    { PLACE(0) },
    { PLACE(1) },
    { PLACE(2) },
    { PLACE(3) },
    { PLACE(4) },
    { TEST(script_that_ends_its_transaction_is_caught) },
    { TEST(savepoints_of_a_script_are_its_own) },
    { TEST(piece_need_not_end_with_a_nul) },
    { TEST(statement_alone_runs_outside_a_transaction) },
    { TEST(failing_statement_alone_leaves_nothing) },
    { TEST(affected_rows_are_told) },
    { TEST(large_script_runs_in_one_piece) },
    { TEST(notices_are_delivered), .needs = NEEDS_NOTICES },
    { TEST(reset_undoes_what_a_script_set) },
    { TEST(cancel_from_another_thread_ends_a_statement), .needs = WB_CAP_CANCEL },
    { TEST(cancel_flag_ends_a_statement), .needs = WB_CAP_CANCEL },
    { TEST(statement_timeout_ends_a_statement) },
    { TEST(lock_is_held_by_one_session), .needs = WB_CAP_LOCK_SESSION },
    { TEST(unlock_without_a_lock_is_fine) },
    { TEST(probe_tells_whether_an_object_was_created), .needs = WB_CAP_PROBE },
    { TEST(probe_admits_that_data_cannot_be_told), .needs = WB_CAP_PROBE },
    { TEST(catalog_lists_every_kind_and_leaves_ours_out), .needs = WB_CAP_CATALOG },
    { TEST(catalog_is_the_same_after_a_rebuild_and_another_after_a_change), .needs = WB_CAP_CATALOG },
    { TEST(drop_all_leaves_nothing), .needs = WB_CAP_CATALOG },
};

static void nothing(void **state) { (void)state; }

/* cmocka 1.1 calls a test that skips itself "not ok", so what the driver cannot do is left out before the run, and the
   name carries TAP's mark for it. */
static struct CMUnitTest choose(const struct test_row *row, uint32_t abilities, char *name, size_t size)
{
    const char *own = row->name ? row->name : ((const struct place_row *)row->row)->name;
    if (!(row->needs & ~abilities))
        return (struct CMUnitTest){ own, row->run, set_up, tear_down, (void *)(uintptr_t)row->row };
    snprintf(name, size, "%s # SKIP not in this driver", own);
    return (struct CMUnitTest){ name, nothing, NULL, NULL, NULL };
}

int main(void)
{
    if (find_driver() != 0)
        return 1;
    static char names[WB_COUNT(test_rows)][128];
    struct CMUnitTest tests[WB_COUNT(test_rows)];
    wb_session *s = open_session();
    uint32_t abilities = s->caps | (dialect->notice ? NEEDS_NOTICES : 0) | (dialect->deferred ? NEEDS_DEFERRED : 0);
    driver->close(s);
    for (size_t i = 0; i < WB_COUNT(test_rows); i++)
        tests[i] = choose(&test_rows[i], abilities, names[i], sizeof names[i]);
    return cmocka_run_group_tests_name("contract", tests, NULL, tear_down_all);
}
