/*
 * test_queue.c - many statements in one message: which unit, which statement, which byte failed, and what stays.
 *
 * Each row runs up to four units in one sync: begin with a fuse, fence row, script, history row with the check of the
 * fuse, commit; as the engine does.
 */
#include "pgtest.h"

#define TAG_FENCE 11
#define TAG_HISTORY 12
#define ANY SIZE_MAX
#define INTACT "transaction is intact"

static const char conflict[] = "conflict";  /* a unit whose fence row is there already */
static const char bad_modes[] = "bad modes";
static const char deferred[] = "INSERT INTO child VALUES (99); SELECT 1";

typedef struct queue_row {
    const char *name;
    const char *units[4];
    int code;
    uint32_t committed;
    wb_stage stage;
    uint32_t unit, tag, statement;
    size_t offset;
    const char *sqlstate;
} queue_row;

static const queue_row rows[] = {
    { "three_good_units", { "CREATE TABLE a (i int)", "CREATE TABLE b (i int);", "SELECT 1" }, .committed = 3 },
    { "empty_statements", { ";;", "", " ; SELECT 1;;; ", "-- nothing" }, .committed = 4 },
    { "comment_at_the_end", { "SELECT 1 -- end", "SELECT 1 /* end */", "SELECT 2; --" }, .committed = 3 },
    { "rows_are_dropped", { "SELECT * FROM generate_series(1, 20000)", "VALUES (1), (2)", "SHOW search_path" }, .committed = 3 },
    { "notices_between", { "DO $$ BEGIN RAISE NOTICE 'one'; END $$; DROP TABLE IF EXISTS nope", "SELECT 1" }, .committed = 2 },
    { "savepoints", { "SAVEPOINT s; CREATE TABLE a (i int); ROLLBACK TO s; SELECT 1", "SELECT 1" }, .committed = 2 },
    { "marks_of_a_script_are_not_ours", { "SELECT 1 AS \"wb::1\"; SELECT 1 AS \"wb:1\"", "SELECT 1" }, .committed = 2 },
    { "copy_out_goes_nowhere", { "COPY (SELECT generate_series(1, 5000)) TO STDOUT; SELECT 1", "SELECT 1" }, .committed = 2 },
    { "rule_instead", { "INSERT INTO ruled VALUES (1); UPDATE ruled SET i = 2; DELETE FROM ruled", "SELECT 1" }, .committed = 2 },
    { "reset_all_is_no_end", { "RESET ALL", "CREATE TABLE a (i int); RESET ALL; SELECT 1" }, .committed = 2 },
    { "discard_is_no_end", { "DISCARD PLANS; DISCARD SEQUENCES", "DISCARD TEMP" }, .committed = 2 },
    { "role_and_reset", { "SET search_path = pg_catalog; SET LOCAL work_mem = '1MB'", "SELECT 1" }, .committed = 2 },
    { "prepared_and_cursor", { "PREPARE p AS SELECT 1; EXECUTE p; DEALLOCATE ALL; CLOSE ALL", "SELECT 1" }, .committed = 2 },

    { "runtime_error_in_unit_0", { "SELECT 1; SELECT 1/(SELECT 0)", "SELECT 1" }, WBL_E_STATEMENT, 0, WB_STAGE_RUN, 0, 0, 2, ANY, "22012" },
    { "runtime_error_in_unit_1", { "SELECT 1", "CREATE TABLE a (i int); SELECT 1/(SELECT 0); SELECT 3" }, WBL_E_STATEMENT, 1, WB_STAGE_RUN, 1, 0, 2, ANY, "22012" },
    { "runtime_error_in_unit_2", { "SELECT 1", ";", ";;SELECT 1/(SELECT 0)" }, WBL_E_STATEMENT, 2, WB_STAGE_RUN, 2, 0, 1, ANY, "22012" },
    { "duplicate_key_in_the_last_statement_is_the_scripts", { "SELECT 1", "SELECT 1; INSERT INTO ledger VALUES (0)" }, WBL_E_STATEMENT, 1, WB_STAGE_RUN, 1, 0, 2, ANY, "23505" },
    { "syntax_error_in_unit_0", { "SELECT 1; SELEC 2", "SELECT 1" }, WBL_E_STATEMENT, 0, WB_STAGE_RUN, 0, 0, 0, 10, "42601" },
    { "syntax_error_in_unit_1_keeps_unit_0", { "CREATE TABLE a (i int)", "SELEC 2", "SELECT 1" }, WBL_E_STATEMENT, 1, WB_STAGE_RUN, 1, 0, 0, 0, "42601" },
    { "syntax_error_in_unit_2_keeps_two", { "SELECT 1", "SELECT 2", "SELECT 3;\nSELECT 'x' FRM y z" }, WBL_E_STATEMENT, 2, WB_STAGE_RUN, 2, 0, 0, ANY - 1, "42601" },
    { "syntax_error_behind_a_runtime_error", { "SELECT 1", "SELECT 1/(SELECT 0)", "SELEC 3" }, WBL_E_STATEMENT, 1, WB_STAGE_RUN, 1, 0, 1, ANY, "22012" },
    { "position_counts_characters", { "SELECT '\xC3\xA9\xC3\xA9'", "SELECT '\xE2\x82\xAC\xF0\x9F\x90\xA6'; SELECT nope" }, WBL_E_STATEMENT, 1, WB_STAGE_RUN, 1, 0, 2, 25, "42703" },
    { "error_inside_a_function_has_no_place", { "DO $$ BEGIN EXECUTE 'selec'; END $$" }, WBL_E_STATEMENT, 0, WB_STAGE_RUN, 0, 0, 1, ANY, "42601" },
    { "bad_utf8_in_unit_1_keeps_unit_0", { "SELECT 1", "SELECT 'a\xFFz'", "SELECT 1" }, WBL_E_STATEMENT, 1, WB_STAGE_RUN, 1, 0, 0, 9, "22021" },
    { "raise_exception", { "SELECT 1", "DO $$ BEGIN RAISE EXCEPTION 'no'; END $$" }, WBL_E_STATEMENT, 1, WB_STAGE_RUN, 1, 0, 1, ANY, "P0001" },
    { "fence_in_unit_1", { "SELECT 1", conflict, "SELECT 1" }, WBL_E_CONFLICT, 1, WB_STAGE_PUT, 1, TAG_FENCE, 0, ANY, "23505" },
    { "modes_that_are_wrong", { "SELECT 1", bad_modes, "SELECT 1" }, WBL_E_STATEMENT, 1, WB_STAGE_BEGIN, 1, 0, 0, ANY, "42601" },
    { "deferred_constraint_fails_in_commit", { "SELECT 1", deferred, "SELECT 1" }, WBL_E_STATEMENT, 1, WB_STAGE_COMMIT, 1, 0, 0, ANY, "23503" },
    { "copy_without_data", { "SELECT 1", "SELECT 1; COPY ledger FROM STDIN; SELECT 2" }, WBL_E_TIMEOUT, 1, WB_STAGE_RUN, 1, 0, 2, ANY, "57014" },
    { "hidden_commit", { "SELECT 1", "CREATE TABLE a (i int); COMMIT", "SELECT 1" }, WBL_E_STATE, 1, WB_STAGE_PUT, 1, TAG_HISTORY, 0, ANY, "" },
    { "hidden_commit_and_begin", { "SELECT 1", "COMMIT; BEGIN; CREATE TABLE a (i int)", "SELECT 1" }, WBL_E_STATE, 1, WB_STAGE_PUT, 1, TAG_HISTORY, 0, ANY, "" },
    { "hidden_commit_and_chain", { "SELECT 1", "COMMIT AND CHAIN", "SELECT 1" }, WBL_E_STATE, 1, WB_STAGE_PUT, 1, TAG_HISTORY, 0, ANY, "" },
    { "hidden_commit_behind_reset_all", { "SELECT 1", "RESET ALL; COMMIT; BEGIN", "SELECT 1" }, WBL_E_STATE, 1, WB_STAGE_PUT, 1, TAG_HISTORY, 0, ANY, "" },
    { "hidden_rollback", { "SELECT 1", "ROLLBACK; SELECT 1", "SELECT 1" }, WBL_E_STATE, 1, WB_STAGE_PUT, 1, TAG_HISTORY, 0, ANY, "" },
    { "history_that_is_gone", { "SELECT 1", "DROP TABLE history" }, WBL_E_STATEMENT, 1, WB_STAGE_PUT, 1, TAG_HISTORY, 0, ANY, "42P01" },
    { "aborted_by_call", { "CALL commits()", "SELECT 1" }, WBL_E_STATEMENT, 0, WB_STAGE_RUN, 0, 0, 1, ANY, "2D000" },
};

static void prepare(fixture *f)
{
    ask(f->looker, "CREATE TABLE ledger (version int PRIMARY KEY)");
    ask(f->looker, "CREATE TABLE history (seq bigint GENERATED BY DEFAULT AS IDENTITY, version int, ms bigint)");
    ask(f->looker, "CREATE TABLE child (i int REFERENCES ledger DEFERRABLE INITIALLY DEFERRED)");
    ask(f->looker, "CREATE TABLE ruled (i int); CREATE RULE r1 AS ON INSERT TO ruled DO INSTEAD (SELECT 1; SELECT 2); "
                   "CREATE RULE r2 AS ON UPDATE TO ruled DO ALSO SELECT 3; CREATE RULE r3 AS ON DELETE TO ruled DO INSTEAD NOTHING");
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
    wb_txn txn = { .lock_timeout_ms = 2000, .statement_timeout_ms = 20000, .fuse = "it's", .is_relaxed = version % 2 == 0 };
    txn.modes = is_bad ? WB_STR("ISOLATION LEVEL NONSENSE") : version ? WB_STR("") : WB_STR("ISOLATION LEVEL READ COMMITTED -- c");
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
    if (!f) {
        print_message("# skipped: WHIMBREL_TEST_PG_URL is not set\n");
        skip();
    }
    prepare(f);
    for (size_t i = 0; i < 4 && row->units[i]; i++)
        queue_unit(f, (int64_t)i, row->units[i]);
    wb_sync sync = { 99, true };
    int rc = pg_sync(&f->cx, f->session, &sync);
    const wb_failure *at = &f->session->failure;
    if (rc != row->code || at->unit != row->unit)
        print_message("# %s: %d %s (%s) unit %u stage %d statement %u offset %zd\n", row->name, rc, f->err.message, f->err.sqlstate,
                      at->unit, at->stage, at->statement, (ssize_t)at->offset);
    assert_int_equal(rc, row->code);
    assert_int_equal(sync.committed, row->committed);
    assert_false(sync.is_in_transaction);
    if (rc != 0) {
        assert_int_equal(at->stage, row->stage);
        assert_int_equal(at->unit, row->unit);
        assert_int_equal(at->put_tag, row->tag);
        assert_int_equal(at->statement, row->statement);
        assert_string_equal(f->err.sqlstate, row->sqlstate);
        if (row->offset == ANY - 1)
            assert_true(at->offset != SIZE_MAX);
        else
            assert_true(at->offset == row->offset);
        assert_false(at->is_connection_lost);
    }
    /* The records are there exactly for what is said to be committed. */
    assert_int_equal(atoi(ask(f->looker, "SELECT count(*) FROM ledger")) >= (int)row->committed, 1);
    assert_int_equal(atoi(ask(f->looker, "SELECT count(*) FROM history")), row->committed);
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
    for (size_t i = 0; i < WB_COUNT(rows); i++) {
        row_state[i][1] = (void *)&rows[i];
        tests[i] = (struct CMUnitTest){ rows[i].name, queue_tells_what_failed, row_set_up, row_tear_down, row_state[i] };
    }
    return cmocka_run_group_tests_name("postgres queue", tests, NULL, NULL);
}
