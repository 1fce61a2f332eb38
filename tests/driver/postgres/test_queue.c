/*
 * test_queue.c - many statements in one message: which unit, which statement, which byte failed, and what stays.
 *
 * Each row runs up to four units in one sync: begin with a fuse, fence row, script, history row with the check of the
 * fuse, commit; as the engine does.
 */
#define SCHEMA "wb_test_queue"
#include "pgtest.h"

#define TAG_FENCE 11
#define TAG_HISTORY 12
#define ANY SIZE_MAX
#define INTACT "transaction is intact"

static const char conflict[] = "conflict"; /* a unit whose fence row is there already */
static const char bad_modes[] = "bad modes";
static const char deferred[] = "INSERT INTO child VALUES (99); SELECT 1";

typedef struct queue_row {
    const char *name;
    const char *units[4];
    uint32_t good; /* units that are durable, and so the number of the one that fails */
    int code;
    wb_stage stage;
    uint32_t tag, statement;
    size_t offset;
    const char *sqlstate;
    uint32_t version; /* of the server, at least */
} queue_row;

#define GOOD(n) .good = n
#define BAD_RUN(n, at, byte, state)                                                                                    \
    .good = n, .code = WBL_E_STATEMENT, .stage = WB_STAGE_RUN, .statement = at, .offset = byte, .sqlstate = state
#define BAD_STAGE(n, where, state) .good = n, .code = WBL_E_STATEMENT, .stage = where, .offset = ANY, .sqlstate = state
#define BLOWN(n)                                                                                                       \
    .good = n, .code = WBL_E_STATE, .stage = WB_STAGE_PUT, .tag = TAG_HISTORY, .offset = ANY, .sqlstate = ""

static const queue_row rows[] = {
    { "three_good_units", { "CREATE TABLE a (i int)", "CREATE TABLE b (i int);", "SELECT 1" }, GOOD(3) },
    { "empty_statements", { ";;", "", " ; SELECT 1;;; ", "-- nothing" }, GOOD(4) },
    { "comment_at_the_end", { "SELECT 1 -- end", "SELECT 1 /* end */", "SELECT 2; --" }, GOOD(3) },
    { "rows_are_dropped", { "SELECT * FROM generate_series(1, 20000)", "VALUES (1), (2)", "SHOW work_mem" }, GOOD(3) },
    { "notices", { "DO $$ BEGIN RAISE NOTICE 'one'; END $$; DROP TABLE IF EXISTS nope", "SELECT 1" }, GOOD(2) },
    { "savepoints", { "SAVEPOINT s; CREATE TABLE a (i int); ROLLBACK TO s; SELECT 1", "SELECT 1" }, GOOD(2) },
    { "marks_of_others", { "SELECT 1 AS \"wb::1\"; SELECT 1 AS \"wb:1\"", "SELECT 1" }, GOOD(2) },
    { "copy_out_goes_nowhere", { "COPY (SELECT generate_series(1, 5000)) TO STDOUT; SELECT 1", "SELECT 1" }, GOOD(2) },
    { "rules", { "INSERT INTO ruled VALUES (1); UPDATE ruled SET i = 2; DELETE FROM ruled", "SELECT 1" }, GOOD(2) },
    { "reset_all_is_no_end", { "RESET ALL", "CREATE TABLE a (i int); RESET ALL; SELECT 1" }, GOOD(2) },
    { "discard_is_no_end", { "DISCARD PLANS; DISCARD SEQUENCES", "DISCARD TEMP" }, GOOD(2) },
    { "settings", { "SET search_path = pg_catalog; SET LOCAL work_mem = '1MB'", "SELECT 1" }, GOOD(2) },
    { "prepared", { "PREPARE p AS SELECT 1; EXECUTE p; DEALLOCATE ALL; CLOSE ALL", "SELECT 1" }, GOOD(2) },

    { "runtime_error_in_0", { "SELECT 1; SELECT 1/(SELECT 0)", "SELECT 1" }, BAD_RUN(0, 2, ANY, "22012") },
    { "runtime_error_in_1", { "SELECT 1", "SELECT 1; SELECT 1/(SELECT 0); SELECT 3" }, BAD_RUN(1, 2, ANY, "22012") },
    { "runtime_error_in_2", { "SELECT 1", ";", ";;SELECT 1/(SELECT 0)" }, BAD_RUN(2, 1, ANY, "22012") },
    { "duplicate_at_the_end_is_the_scripts",
      { "SELECT 1", "SELECT 1; INSERT INTO ledger VALUES (0)" },
      BAD_RUN(1, 2, ANY, "23505") },
    { "syntax_error_in_0", { "SELECT 1; SELEC 2", "SELECT 1" }, BAD_RUN(0, 0, 10, "42601") },
    { "syntax_error_in_1", { "CREATE TABLE a (i int)", "SELEC 2", "SELECT 1" }, BAD_RUN(1, 0, 0, "42601") },
    { "syntax_error_in_2", { "SELECT 1", "SELECT 2", "SELECT 3;\nSELECT 4 FRM y z" }, BAD_RUN(2, 0, 23, "42601") },
    { "syntax_behind_runtime", { "SELECT 1", "SELECT 1/(SELECT 0)", "SELEC 3" }, BAD_RUN(1, 1, ANY, "22012") },
    { "position_counts_characters",
      { "SELECT '\xC3\xA9\xC3\xA9'", "SELECT '\xE2\x82\xAC\xF0\x9F\x90\xA6'; SELECT nope" },
      BAD_RUN(1, 2, 25, "42703") },
    { "error_inside_a_function", { "DO $$ BEGIN EXECUTE 'selec'; END $$" }, BAD_RUN(0, 1, ANY, "42601") },
    { "bad_utf8", { "SELECT 1", "SELECT 'a\xFFz'", "SELECT 1" }, BAD_RUN(1, 0, 9, "22021") },
    { "raise", { "SELECT 1", "DO $$ BEGIN RAISE EXCEPTION 'no'; END $$" }, BAD_RUN(1, 1, ANY, "P0001") },
    { "copy_without_data", { "SELECT 1", "SELECT 1; COPY ledger FROM STDIN" }, BAD_RUN(1, 2, ANY, "57014") },
    { "commit_in_a_procedure", { "CALL commits()", "SELECT 1" }, BAD_RUN(0, 1, ANY, "2D000") },
    { "wrong_modes", { "SELECT 1", bad_modes, "SELECT 1" }, BAD_STAGE(1, WB_STAGE_BEGIN, "42601") },
    { "deferred_constraint", { "SELECT 1", deferred, "SELECT 1" }, BAD_STAGE(1, WB_STAGE_COMMIT, "23503") },
    { "history_gone", { "SELECT 1", "DROP TABLE history" }, BAD_STAGE(1, WB_STAGE_PUT, "42P01"), .tag = TAG_HISTORY },
    { "fence",
      { "SELECT 1", conflict, "SELECT 1" },
      .good = 1,
      .code = WBL_E_CONFLICT,
      .stage = WB_STAGE_PUT,
      .tag = TAG_FENCE,
      .offset = ANY,
      .sqlstate = "23505" },

    { "hidden_commit", { "SELECT 1", "CREATE TABLE a (i int); COMMIT", "SELECT 1" }, BLOWN(1) },
    { "hidden_commit_and_begin", { "SELECT 1", "COMMIT; BEGIN; CREATE TABLE a (i int)", "SELECT 1" }, BLOWN(1) },
    { "hidden_commit_and_chain", { "SELECT 1", "COMMIT AND CHAIN", "SELECT 1" }, BLOWN(1), .version = 120000 },
    { "hidden_commit_behind_reset_all", { "SELECT 1", "RESET ALL; COMMIT; BEGIN", "SELECT 1" }, BLOWN(1) },
    { "hidden_rollback", { "SELECT 1", "ROLLBACK; SELECT 1", "SELECT 1" }, BLOWN(1) },
};

static void prepare(fixture *f)
{
    ask(f->looker, "CREATE TABLE ledger (version int PRIMARY KEY)");
    ask(f->looker, "CREATE TABLE history (seq bigint GENERATED BY DEFAULT AS IDENTITY, version int, ms bigint)");
    ask(f->looker, "CREATE TABLE child (i int REFERENCES ledger DEFERRABLE INITIALLY DEFERRED)");
    ask(f->looker, "CREATE TABLE ruled (i int); CREATE RULE r1 AS ON INSERT TO ruled DO INSTEAD (SELECT 1; SELECT 2); "
                   "CREATE RULE r2 AS ON UPDATE TO ruled DO ALSO SELECT 3; CREATE RULE r3 AS ON DELETE TO ruled DO "
                   "INSTEAD NOTHING");
    ask(f->looker, "CREATE PROCEDURE commits() LANGUAGE plpgsql AS 'BEGIN COMMIT; END'");
}

static int put_version(fixture *f, const char *table, int64_t version, bool is_fence)
{
    wb_field fields[] = { { "version", WB_INT(version) }, { "ms", WB_ELAPSED() } };
    wb_row_op op = { .op = WB_OP_INSERT, .table = { SCHEMA, table }, .set = fields, .set_count = is_fence ? 1 : 2 };
    op.is_fence = is_fence;
    op.check_fuse = !is_fence;
    op.tag = is_fence ? TAG_FENCE : TAG_HISTORY;
    return pg_put(&f->cx, f->session, &op);
}

static void queue_unit(fixture *f, int64_t version, const char *text)
{
    bool is_bad = text == bad_modes;
    wb_txn txn = {
        .lock_timeout_ms = 2000, .statement_timeout_ms = 20000, .fuse = "it's", .is_relaxed = version % 2 == 0
    };
    txn.modes = is_bad    ? WB_STR("ISOLATION LEVEL NONSENSE")
                : version ? WB_STR("")
                          : WB_STR("ISOLATION LEVEL READ COMMITTED -- c");
    assert_good(f, pg_begin(&f->cx, f->session, &txn));
    assert_good(f, put_version(f, "ledger", text == conflict ? 0 : version, true));
    wb_piece p = piece_of(is_bad || text == conflict ? "SELECT 1" : text);
    assert_good(f, pg_run(&f->cx, f->session, &p));
    assert_good(f, put_version(f, "history", version, false));
    assert_good(f, pg_commit(&f->cx, f->session));
}

static void queue_tells_what_failed(void **state)
{
    const queue_row *row = ((void **)*state)[1];
    fixture *f = ((void **)*state)[0];
    prepare(f);
    for (size_t i = 0; i < 4 && row->units[i]; i++)
        queue_unit(f, (int64_t)i, row->units[i]);
    wb_sync sync = { 99, true };
    int rc = pg_sync(&f->cx, f->session, &sync);
    const wb_failure *at = &f->session->failure;
    if (rc != row->code || (rc != 0 && at->unit != row->good))
        print_message("# %d %s (%s) unit %u stage %d statement %u offset %zd\n", rc, f->err.message, f->err.sqlstate,
                      at->unit, at->stage, at->statement, (ssize_t)at->offset);
    assert_int_equal(rc, row->code);
    assert_int_equal(sync.committed, row->good);
    assert_false(sync.is_in_transaction);
    if (rc != 0) {
        assert_int_equal(at->stage, row->stage);
        assert_int_equal(at->unit, row->good);
        assert_int_equal(at->put_tag, row->tag);
        assert_int_equal(at->statement, row->statement);
        assert_string_equal(f->err.sqlstate, row->sqlstate);
        assert_true(at->offset == row->offset);
        assert_false(at->is_connection_lost);
    }
    /* The records are there exactly for what is said to be committed. */
    assert_int_equal(atoi(ask(f->looker, "SELECT count(*) FROM ledger")) >= (int)row->good, 1);
    assert_int_equal(atoi(ask(f->looker, "SELECT count(*) FROM history")), row->good);
    assert_true(f->notices > 0 || strcmp(row->name, "notices") != 0);
    /* The session is good for more, and numbers from 0 again. */
    queue_unit(f, 50, "SELECT 1");
    assert_good(f, pg_sync(&f->cx, f->session, &sync));
    assert_int_equal(sync.committed, 1);
}

static void *row_state[WB_COUNT(rows)][2];

static int row_set_up(void **state)
{
    void **pair = *state;
    void *inner = NULL;
    int rc = set_up(&inner);
    pair[0] = inner;
    return rc;
}

static int row_tear_down(void **state)
{
    void **pair = *state;
    return tear_down(&pair[0]);
}

int main(void)
{
    struct CMUnitTest tests[WB_COUNT(rows)];
    uint32_t version = server_version();
    for (size_t i = 0; i < WB_COUNT(rows); i++) {
        row_state[i][1] = (void *)(uintptr_t)&rows[i];
        tests[i] =
            (struct CMUnitTest){ rows[i].name, queue_tells_what_failed, row_set_up, row_tear_down, row_state[i] };
        if (version == 0)
            tests[i] = skipped(rows[i].name, "WHIMBREL_TEST_PG_URL is not set");
        else if (version < rows[i].version)
            tests[i] = skipped(rows[i].name, "not in this version of the server");
    }
    return cmocka_run_group_tests_name("postgres queue", tests, NULL, NULL);
}
