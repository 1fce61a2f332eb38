/*
 * project.c - what is driven through the crash matrix: products, and small projects that use every way to run a script.
 *
 * An effect has a number of its own in a project, so that each statement can be counted: s1, s2, ... The products differ
 * in what they can do; a project that a product's dialect does not know is written for it again.
 */
#include "crash.h"

#include <stdio.h>

const char *const crash_goal_names[GOAL_COUNT] = { "up", "down", "turn" };

#define PG_CAPS (WB_CAP_TXN_DDL | WB_CAP_LOCK_SESSION | WB_CAP_PROBE | WB_CAP_GROUP)
#define LITE_CAPS (WB_CAP_TXN_DDL | WB_CAP_PROBE | WB_CAP_GROUP)
#define MY_CAPS (WB_CAP_TXN_DML | WB_CAP_LOCK_SESSION | WB_CAP_PROBE)

const model_profile crash_profiles[] = {
    { "postgres", &model_postgres, PG_CAPS, "native", true, false },
    { "postgres-axcom", &model_postgres, PG_CAPS, "axcom", true, false },
    { "postgres-golang", &model_postgres, PG_CAPS, "golang-migrate", true, false },
    { "postgres-catalog", &model_postgres, PG_CAPS | WB_CAP_CATALOG, "native", true, false },
    { "postgres-blind", &model_postgres, PG_CAPS & ~(uint32_t)WB_CAP_PROBE, "native", true, false },
    { "postgres-blind-axcom", &model_postgres, PG_CAPS & ~(uint32_t)WB_CAP_PROBE, "axcom", true, false },
    { "postgres-blind-golang", &model_postgres, PG_CAPS & ~(uint32_t)WB_CAP_PROBE, "golang-migrate", true, false },
    { "sqlite", &model_sqlite, LITE_CAPS, "native", false, true },
    { "sqlite-axcom", &model_sqlite, LITE_CAPS, "axcom", false, true },
    { "sqlite-golang", &model_sqlite, LITE_CAPS, "golang-migrate", false, true },
    { "sqlite-catalog", &model_sqlite, LITE_CAPS | WB_CAP_CATALOG, "native", false, true },
    { "mysql", &model_mysql, MY_CAPS, "native", false, false },
    { "mysql-golang", &model_mysql, MY_CAPS, "golang-migrate", false, false },
    { "mysql-blind", &model_mysql, MY_CAPS & ~(uint32_t)WB_CAP_PROBE, "native", false, false },
};
const size_t crash_profile_count = WB_COUNT(crash_profiles);

/* ---- migrations in C ---- */

static int code_up(void *user, const wbl_session *s, wbl_error *err)
{
    (void)user;
    int rc = wbl_run_sql(s, "CREATE TABLE s2 (id int);\nINSERT INTO s3 VALUES (1)", err);
    return rc != 0 ? rc : wbl_run_sql(s, "CREATE TABLE s4 (id int)", err);
}

static int code_down(void *user, const wbl_session *s, wbl_error *err)
{
    (void)user;
    return wbl_run_sql(s, "DROP TABLE s4;\nDELETE FROM s3;\nDROP TABLE s2", err);
}

/* ---- projects ---- */

#define ALONE "-- whimbrel: no-transaction\n"

#define STEP(v, up, down, first, last) { NULL, v, up, down, NULL, NULL, first, last }
#define ATOMIC_LAST STEP("3", "CREATE TABLE s7 (id int);", "DROP TABLE s7;", 7, 7)

const crash_project crash_projects[] = {
    { .name = "mixed", .count = 3, .steps = {
        STEP("1", "CREATE TABLE s1 (id int);\nINSERT INTO s2 VALUES (1);\nCREATE TABLE s3 (id int);",
             "DROP TABLE s3;\nDELETE FROM s2;\nDROP TABLE s1;", 1, 3),
        STEP("2", ALONE "INSERT INTO s4 VALUES (1);\nCREATE INDEX CONCURRENTLY s5 ON t (id);\nINSERT INTO s6 VALUES (1);",
             ALONE "DELETE FROM s6;\nDROP INDEX CONCURRENTLY s5;\nDELETE FROM s4;", 4, 6),
        ATOMIC_LAST } },
    { .name = "group", .count = 4, .steps = {
        STEP("1", "CREATE TABLE s1 (id int);\nINSERT INTO s2 VALUES (1);", "DELETE FROM s2;\nDROP TABLE s1;", 1, 2),
        STEP("2", "CREATE TABLE s3 (id int);\nSET search_path = s;", "DROP TABLE s3;", 3, 3),
        STEP("3", "BEGIN;\nINSERT INTO s4 VALUES (1);\nCOMMIT;", "BEGIN;\nDELETE FROM s4;\nCOMMIT;", 4, 4),
        STEP("4", "CREATE TABLE s5 (id int);\nCREATE TABLE s6 (id int);", "DROP TABLE s6;\nDROP TABLE s5;", 5, 6) } },
    { .name = "own", .count = 2, .steps = {
        STEP("1", "BEGIN;\nINSERT INTO s1 VALUES (1);\nCREATE TABLE s2 (id int);\nCOMMIT;\nINSERT INTO s3 VALUES (1);\n"
                  "BEGIN;\nINSERT INTO s4 VALUES (1);\nCOMMIT;\nCREATE TABLE s5 (id int);",
             "BEGIN;\nDROP TABLE s5;\nDELETE FROM s4;\nCOMMIT;\nDELETE FROM s3;\nDROP TABLE s2;\nBEGIN;\nDELETE FROM s1;\nCOMMIT;", 1, 5),
        STEP("2", "CREATE TABLE s6 (id int);", "DROP TABLE s6;", 6, 6) } },
    { .name = "batch", .count = 2, .batch_effect = 2, .batch_rounds = 3, .steps = {
        STEP("1", ALONE "INSERT INTO s1 VALUES (1);\n-- whimbrel: batch size=5 max=3\n"
                  "UPDATE s2 SET x = 1 WHERE id IN (SELECT id FROM t LIMIT :batch);\nINSERT INTO s3 VALUES (1);",
             ALONE "DELETE FROM s3;\nDELETE FROM s2;\nDELETE FROM s1;", 1, 3),
        STEP("2", "CREATE TABLE s4 (id int);", "DROP TABLE s4;", 4, 4) } },
    { .name = "code", .count = 3, .steps = {
        STEP("1", "CREATE TABLE s1 (id int);", "DROP TABLE s1;", 1, 1),
        { NULL, "2", NULL, NULL, code_up, code_down, 2, 4 },
        STEP("3", "CREATE TABLE s5 (id int);", "DROP TABLE s5;", 5, 5) } },
    { .name = "spaces", .count = 3, .steps = {
        { "core", "1", "CREATE TABLE s1 (id int);", "DROP TABLE s1;", NULL, NULL, 1, 1 },
        { "core", "2", ALONE "CREATE TABLE s2 (id int);\nINSERT INTO s3 VALUES (1);", "DELETE FROM s3;\nDROP TABLE s2;", NULL, NULL, 2, 3 },
        { "shop", "1", "-- whimbrel: requires core\nCREATE TABLE s4 (id int);", "DROP TABLE s4;", NULL, NULL, 4, 4 } } },
    { .name = "call", .count = 2, .steps = {
        STEP("1", ALONE "INSERT INTO s1 VALUES (1);\nCALL p( s2);\nINSERT INTO s3 VALUES (1);\nCALL p( s4);",
             ALONE "DELETE FROM s4;\nDELETE FROM s3;\nDELETE FROM s2;\nDELETE FROM s1;", 1, 4),
        STEP("2", "CREATE TABLE s5 (id int);", "DROP TABLE s5;", 5, 5) } },
    { .name = "ends", .is_blind = true, .count = 2, .steps = {
        STEP("1", ALONE "INSERT INTO s1 VALUES (1);\nCALL ends_txn( s2);\nBEGIN;\nINSERT INTO s3 VALUES (1);\nCOMMIT;",
             ALONE "DELETE FROM s3;\nDELETE FROM s2;\nDELETE FROM s1;", 1, 3),
        STEP("2", "CREATE TABLE s4 (id int);", "DROP TABLE s4;", 4, 4) } },
    /* In the script's own transaction, which the procedure ends. */
    { .name = "inside", .is_blind = true, .count = 2, .steps = {
        STEP("1", ALONE "BEGIN;\nINSERT INTO s1 VALUES (1);\nCALL p( s2);\nCOMMIT;\nBEGIN;\nINSERT INTO s3 VALUES (1);\n"
                  "CALL ends_txn( s4);\nINSERT INTO s5 VALUES (1);\nCOMMIT;",
             ALONE "DELETE FROM s5;\nDELETE FROM s4;\nDELETE FROM s3;\nDELETE FROM s2;\nDELETE FROM s1;", 1, 5),
        STEP("2", "CREATE TABLE s6 (id int);", "DROP TABLE s6;", 6, 6) } },
};
const size_t crash_project_count = WB_COUNT(crash_projects);

/* What no lexer can see: a COMMIT in the body of a function. */
const crash_project crash_fuse = { .name = "fuse", .count = 1, .steps = {
    STEP("1", "CREATE TABLE s1 (id int);\nSELECT hidden_commit();\nCREATE TABLE s2 (id int);", "DROP TABLE s2;\nDROP TABLE s1;", 1, 2) } };

static const crash_project lite_mixed = { .name = "mixed", .count = 3, .steps = {
    STEP("1", "CREATE TABLE s1 (id int);\nINSERT INTO s2 VALUES (1);\nCREATE TABLE s3 (id int);",
         "DROP TABLE s3;\nDELETE FROM s2;\nDROP TABLE s1;", 1, 3),
    STEP("2", ALONE "INSERT INTO s4 VALUES (1);\nCREATE INDEX s5 ON t (id);\nVACUUM;\nINSERT INTO s6 VALUES (1);",
         ALONE "DELETE FROM s6;\nVACUUM;\nDROP INDEX s5;\nDELETE FROM s4;", 4, 6),
    ATOMIC_LAST } };
/* It has committed a part when it fails: never "nothing happened", and it does not run again before a person has looked. */
const crash_project crash_late = { .name = "late", .count = 1, .steps = {
    STEP("1", ALONE "INSERT INTO s1 VALUES (1);\nCALL ends_txn_and_fails_late( s2);\nINSERT INTO s3 VALUES (1);", NULL, 1, 3) } };

/* What is data only is atomic there. */
static const crash_project my_mixed = { .name = "mixed", .count = 3, .steps = {
    STEP("1", "CREATE TABLE s1 (id int);\nINSERT INTO s2 VALUES (1);\nCREATE TABLE s3 (id int);",
         "DROP TABLE s3;\nDELETE FROM s2;\nDROP TABLE s1;", 1, 3),
    STEP("2", "INSERT INTO s4 VALUES (1);\nINSERT INTO s5 VALUES (1);\nUPDATE s6 SET x = 1;",
         "DELETE FROM s6;\nDELETE FROM s5;\nDELETE FROM s4;", 4, 6),
    ATOMIC_LAST } };

const crash_project *crash_project_for(const model_profile *profile, const crash_project *p)
{
    bool is_single_row = strcmp(profile->ledger, "golang-migrate") == 0;
    bool is_mixed = strcmp(p->name, "mixed") == 0;
    if (is_single_row && strcmp(p->name, "spaces") == 0)
        return NULL;
    if (profile->driver == &model_mysql && strcmp(p->name, "code") == 0)
        return NULL; /* what runs in C can't be looked into, so it may commit by itself there */
    bool has_routines = strcmp(p->name, "call") == 0 || strcmp(p->name, "ends") == 0;
    if ((has_routines && profile->driver == &model_sqlite) || (strcmp(p->name, "inside") == 0 && profile->driver != &model_mysql))
        return NULL; /* there is no such thing; PostgreSQL's own BEGIN refuses it */
    if (is_mixed && profile->driver == &model_sqlite)
        return &lite_mixed;
    return is_mixed && profile->driver == &model_mysql ? &my_mixed : p;
}

const char *crash_statement(const crash_step *st, bool is_down, uint32_t index, wb_arena *mem)
{
    const char *at = is_down ? st->down : st->up;
    for (uint32_t n = 1; at && *at; n++) {
        size_t len = strcspn(at, ";");
        if (n == index)
            return wb_arena_str(mem, at, len);
        at += at[len] ? len + 1 : len;
    }
    return NULL;
}
