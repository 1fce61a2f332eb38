/*
 * test_foresee.c - what foresee() says is what the server does: each change is tried with ALGORITHM= and LOCK=, which the
 * server refuses when it can't do it so.
 */
#define DATABASE "wb_test_foresee"
#include "mytest.h"

static const char *const clauses[] = {
    "ADD COLUMN z INT",
    "ADD z INT NOT NULL DEFAULT 5",
    "ADD COLUMN z INT AS (a + 1) STORED",
    "ADD COLUMN z INT GENERATED ALWAYS AS (a + 1) VIRTUAL",
    "ADD COLUMN z BIGINT NOT NULL AUTO_INCREMENT, ADD UNIQUE KEY (z)",
    "DROP COLUMN d",
    "RENAME COLUMN d TO d2",
    "CHANGE d d2 INT DEFAULT 1",
    "MODIFY COLUMN d INT DEFAULT 1 AFTER id",
    "ALTER COLUMN d SET DEFAULT 5",
    "ALTER d DROP DEFAULT",
    "MODIFY a BIGINT",
    "MODIFY a INT UNSIGNED",
    "MODIFY b VARCHAR(100)",
    "MODIFY b VARCHAR(60)",
    "MODIFY b VARCHAR(10)",
    "MODIFY l VARCHAR(200) CHARACTER SET latin1 COLLATE latin1_swedish_ci",
    "MODIFY l VARCHAR(300) CHARACTER SET latin1 COLLATE latin1_swedish_ci",
    "MODIFY l VARCHAR(200)",
    "MODIFY big VARCHAR(400)",
    "MODIFY d INT NOT NULL",
    "MODIFY nn INT NULL",
    "MODIFY d INTEGER DEFAULT 1 COMMENT 'a, b'",
    "MODIFY e ENUM('x', 'y', 'z')",
    "MODIFY e ENUM('x','m','y')",
    "MODIFY st SET('p','q','r')",
    "MODIFY dc DECIMAL(12,2)",
    "MODIFY dt DATETIME(6)",
    "MODIFY d BOOLEAN",
    "ADD INDEX ix (d)",
    "ADD UNIQUE INDEX ux (nn)",
    "ADD CONSTRAINT ux UNIQUE (nn)",
    "ADD FULLTEXT INDEX ft (b)",
    "ADD SPATIAL INDEX sp (g)",
    "DROP INDEX i_b",
    "RENAME INDEX i_b TO i_b2",
    "DROP PRIMARY KEY, ADD PRIMARY KEY (nn)",
    "DROP PRIMARY KEY",
    "ADD CONSTRAINT f1 FOREIGN KEY (p_id) REFERENCES par (id)",
    "DROP FOREIGN KEY f0",
    "ADD CONSTRAINT c1 CHECK (a > -1)",
    "CONVERT TO CHARACTER SET latin1",
    "DEFAULT CHARACTER SET latin1",
    "COMMENT = 'x'",
    "AUTO_INCREMENT = 100000",
    "ROW_FORMAT = COMPRESSED",
    "ENGINE = InnoDB",
    "FORCE",
    "STATS_PERSISTENT = 1",
    "ADD COLUMN z INT, ADD INDEX iz (z)",
    "ADD COLUMN z INT, COMMENT = 'x', DROP COLUMN d",
};

static void make_table(fixture *f)
{
    const char *made =
        ask(f->looker,
            "DROP TABLE IF EXISTS t; DROP TABLE IF EXISTS par; CREATE TABLE par (id INT PRIMARY KEY);"
            "CREATE TABLE t (id INT PRIMARY KEY, a INT, b VARCHAR(50), d INT DEFAULT 1, nn INT NOT NULL, p_id INT, "
            "p2 INT, e ENUM('x','y'), st SET('p','q'), l VARCHAR(100) CHARACTER SET latin1 COLLATE "
            "latin1_swedish_ci, big VARCHAR(300), dc DECIMAL(10,2), dt DATETIME, g POINT NOT NULL, KEY i_b (b), "
            "KEY i_p (p_id), CONSTRAINT f0 FOREIGN KEY (p2) REFERENCES par (id)) DEFAULT CHARSET=utf8mb4;"
            "INSERT INTO par VALUES (1), (2), (3);"
            "INSERT INTO t (id, a, b, d, nn, p_id, p2, e, g) VALUES (1, 1, 'b', 1, 1, 1, 1, 'x', POINT(1, 1)), "
            "(2, 2, 'b', 1, 2, 2, 1, 'y', POINT(1, 2)), (3, 3, 'c', 1, 3, 3, 2, 'y', POINT(1, 3))");
    assert_string_not_equal(made, "ERROR");
}

static bool is_accepted(fixture *f, const char *clause, const char *how)
{
    char sql[400];
    make_table(f);
    snprintf(sql, sizeof sql, "ALTER TABLE t %s, %s", clause, how);
    bool is_good = mysql_query(f->looker, sql) == 0;
    return is_good;
}

/* The best that the server takes. */
static const char *truth(fixture *f, const char *clause, char *to, size_t size)
{
    static const char *const algorithms[] = { "INSTANT", "NOCOPY", "INPLACE", "COPY" };
    const char *best = "none";
    for (size_t i = 0; i < WB_COUNT(algorithms) && strcmp(best, "none") == 0; i++) {
        char how[40];
        snprintf(how, sizeof how, "ALGORITHM=%s", algorithms[i]);
        if (is_accepted(f, clause, how))
            best = algorithms[i];
    }
    bool goes_on = is_accepted(f, clause, "LOCK=NONE");
    snprintf(to, size, "%s %s", best, strcmp(best, "INSTANT") == 0 ? "" : goes_on ? "writes go on" : "writes wait");
    return to;
}

/* Only MariaDB tells a rebuild from a change without one. */
static bool agrees(const fixture *f, const char *said, const char *is)
{
    const char *word = strstr(is, "INSTANT") ? "(INSTANT)" : strstr(is, "COPY") == is ? "(COPY)" : "(INPLACE)";
    bool is_instant = strstr(is, "INSTANT") != NULL;
    if (is_mariadb(f) && !is_instant && strstr(is, "COPY") != is)
        if ((strstr(is, "INPLACE") != NULL) != (strstr(said, "rebuilt") != NULL))
            return false;
    return strstr(said, word) && (is_instant || strstr(said, strstr(is, "writes")) != NULL);
}

static void server_does_what_is_foreseen(void **state)
{
    fixture *f = *state;
    size_t wrong = 0;
    for (size_t i = 0; i < WB_COUNT(clauses); i++) {
        char sql[300], is[80];
        const char *said = NULL;
        make_table(f);
        snprintf(sql, sizeof sql, "ALTER TABLE t %s", clauses[i]);
        wb_statement st = statement_of(sql);
        assert_good(f, my_foresee(&f->cx, f->session, &st, &f->mem, &said));
        truth(f, clauses[i], is, sizeof is);
        if (!said || !agrees(f, said, is)) {
            print_message("# %s: is %s, said: %s\n", clauses[i], is, said ? said : "nothing");
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static const char *foresee(fixture *f, const char *sql)
{
    wb_statement st = statement_of(sql);
    const char *said = NULL;
    assert_good(f, my_foresee(&f->cx, f->session, &st, &f->mem, &said));
    return said;
}

static void what_is_not_known_is_not_said(void **state)
{
    fixture *f = *state;
    make_table(f);
    assert_null(foresee(f, "ALTER TABLE nowhere ADD COLUMN a INT"));
    assert_null(foresee(f, "ALTER TABLE t PARTITION BY HASH (id) PARTITIONS 4"));
    assert_null(foresee(f, "INSERT INTO t (id) VALUES (1)"));
    assert_null(foresee(f, "CREATE TABLE u (id INT)"));
    assert_null(foresee(f, "ALTER TABLE t FROBNICATE"));
}

static void index_statements_and_other_engines_are_foreseen(void **state)
{
    fixture *f = *state;
    make_table(f);
    assert_non_null(strstr(foresee(f, "CREATE INDEX i ON t (a)"), "writes go on"));
    assert_non_null(strstr(foresee(f, "CREATE FULLTEXT INDEX i ON `t` (b)"), "writes wait"));
    assert_non_null(strstr(foresee(f, "DROP INDEX i_b ON " DATABASE ".t"), "without a rebuild"));
    ask(f->looker, "CREATE TABLE m (id INT) ENGINE=MyISAM");
    assert_non_null(strstr(foresee(f, "ALTER TABLE m ADD COLUMN a INT"), "(COPY), writes wait"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(server_does_what_is_foreseen),
        TEST(what_is_not_known_is_not_said),
        TEST(index_statements_and_other_engines_are_foreseen),
    };
    return run_group("mysql/foresee", tests, WB_COUNT(tests));
}
