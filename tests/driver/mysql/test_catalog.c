/*
 * test_catalog.c - every kind of object is listed, each change shows, and what two databases of the same making may
 * differ in does not.
 */
#define DATABASE "wb_test_catalog"
#include "mytest.h"

typedef struct listing {
    wb_object *objects;
    size_t count;
} listing;

static listing list(fixture *f)
{
    listing l = { 0 };
    wb_catalog_options o = { .skip = &(wb_table_ref){ .name = "ours" }, .skip_count = 1 };
    assert_good(f, my_catalog(&f->cx, f->session, &o, &f->mem, &l.objects, &l.count));
    return l;
}

static const wb_object *find(listing l, const char *kind, const char *name)
{
    for (size_t i = 0; i < l.count; i++)
        if (strcmp(l.objects[i].kind, kind) == 0 && strcmp(l.objects[i].name, name) == 0)
            return &l.objects[i];
    return NULL;
}

static const char *definition(listing l, const char *kind, const char *name)
{
    const wb_object *o = find(l, kind, name);
    if (!o)
        fail_msg("no %s %s", kind, name);
    return o->definition;
}

static const char schema[] =
    "CREATE TABLE ours (a INT);"
    "CREATE TABLE a (id BIGINT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) NOT NULL DEFAULT 'x' COMMENT 'it''s', "
    "up VARCHAR(60) AS (UPPER(name)) VIRTUAL, t TEXT, g POINT NOT NULL, n INT, "
    "at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, CONSTRAINT positive CHECK (n > 0), "
    "UNIQUE KEY by_name (name(10), n DESC), FULLTEXT KEY words (t), SPATIAL KEY place (g)) CHARSET=utf8mb4 COMMENT='c';"
    "CREATE TABLE b (x BIGINT, y INT, KEY two (y, x), CONSTRAINT fk FOREIGN KEY (x) REFERENCES a (id) ON DELETE "
    "CASCADE);"
    "CREATE TABLE parts (id INT) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS "
    "THAN MAXVALUE);"
    "CREATE VIEW v AS SELECT a.id, a.name FROM a JOIN b ON b.x = a.id;"
    "CREATE TRIGGER tr BEFORE INSERT ON b FOR EACH ROW SET NEW.y = 1;"
    "CREATE PROCEDURE p(IN one INT, OUT two VARCHAR(20)) SET two = one;"
    "CREATE FUNCTION fn(one INT) RETURNS INT DETERMINISTIC RETURN one + 1;"
    "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1";

static void every_kind_is_listed(void **state)
{
    static const char *const want[][2] = {
        { "table", "a" },
        { "table", "b" },
        { "column", "a.name" },
        { "column", "a.up" },
        { "constraint", "a.PRIMARY" },
        { "constraint", "a.by_name" },
        { "constraint", "b.fk" },
        { "constraint", "a.positive" },
        { "index", "a.words" },
        { "index", "a.place" },
        { "index", "b.two" },
        { "view", "v" },
        { "trigger", "b.tr" },
        { "procedure", "p" },
        { "function", "fn" },
        { "event", "e" },
        { "partition", "parts.p0" },
        { "partition", "parts.p1" },
    };
    fixture *f = *state;
    assert_string_not_equal(ask(f->looker, schema), "ERROR");
    if (is_mariadb(f))
        ask(f->looker, "CREATE SEQUENCE sq START WITH 5 INCREMENT BY 2");
    listing l = list(f);
    for (size_t i = 0; i < WB_COUNT(want); i++)
        if (!find(l, want[i][0], want[i][1]))
            fail_msg("no %s %s", want[i][0], want[i][1]);
    assert_null(find(l, "table", "ours"));
    assert_null(find(l, "column", "v.id"));
    assert_non_null(strstr(definition(l, "constraint", "a.by_name"), "unique (name(10), n"));
    assert_non_null(strstr(definition(l, "constraint", "b.fk"), "x -> id"));
    assert_non_null(strstr(definition(l, "constraint", "b.fk"), "on delete cascade"));
    assert_non_null(strstr(definition(l, "index", "b.two"), "(y, x)"));
    assert_non_null(strstr(definition(l, "index", "a.words"), "fulltext"));
    assert_non_null(strstr(definition(l, "column", "a.name"), "varchar(50)"));
    assert_non_null(strstr(definition(l, "column", "a.name"), "comment"));
    assert_non_null(strstr(definition(l, "procedure", "p"), "one int"));
    assert_null(strstr(definition(l, "view", "v"), DATABASE));
    if (is_mariadb(f))
        assert_non_null(strstr(definition(l, "sequence", "sq"), "start 5 increment 2"));
    for (size_t i = 1; i < l.count; i++) {
        int order = strcmp(l.objects[i - 1].kind, l.objects[i].kind);
        assert_true(order < 0 || (order == 0 && strcmp(l.objects[i - 1].name, l.objects[i].name) < 0));
    }
}

static const struct change_row {
    const char *sql, *kind, *name;
} change_rows[] = {
    { "ALTER TABLE a ENGINE=InnoDB ROW_FORMAT=COMPRESSED", "table", "a" },
    { "ALTER TABLE a COMMENT = 'd'", "table", "a" },
    { "ALTER TABLE a MODIFY n BIGINT", "column", "a.n" },
    { "ALTER TABLE a ALTER n SET DEFAULT 7", "column", "a.n" },
    { "ALTER TABLE b DROP INDEX two, ADD KEY two (y DESC, x)", "index", "b.two" },
    { "ALTER TABLE a DROP INDEX by_name, ADD UNIQUE by_name (name(12), n DESC)", "constraint", "a.by_name" },
    { "CREATE OR REPLACE VIEW v AS SELECT id FROM a", "view", "v" },
    { "DROP PROCEDURE p; CREATE PROCEDURE p(IN one INT, OUT two VARCHAR(20)) SET two = one + 1", "procedure", "p" },
    { "DROP FUNCTION fn; CREATE FUNCTION fn(one BIGINT) RETURNS INT DETERMINISTIC RETURN one + 1", "function", "fn" },
    { "DROP TRIGGER tr; CREATE TRIGGER tr BEFORE INSERT ON b FOR EACH ROW SET NEW.y = 2", "trigger", "b.tr" },
    { "ALTER EVENT e ON SCHEDULE EVERY 2 DAY", "event", "e" },
};

static void each_change_shows(void **state)
{
    fixture *f = *state;
    assert_string_not_equal(ask(f->looker, schema), "ERROR");
    for (size_t i = 0; i < WB_COUNT(change_rows); i++) {
        const struct change_row *r = &change_rows[i];
        listing before = list(f);
        assert_string_not_equal(ask(f->looker, r->sql), "ERROR");
        listing after = list(f);
        if (strcmp(definition(before, r->kind, r->name), definition(after, r->kind, r->name)) == 0)
            fail_msg("%s: %s", r->sql, definition(after, r->kind, r->name));
    }
}

/* Rows, counters and statistics are no part of it. */
static void rows_do_not_show(void **state)
{
    fixture *f = *state;
    assert_string_not_equal(ask(f->looker, schema), "ERROR");
    listing before = list(f);
    ask(f->looker, "INSERT INTO a (name, g, n) VALUES ('p', POINT(1, 1), 1), ('q', POINT(1, 2), 2); ANALYZE TABLE a");
    listing after = list(f);
    assert_int_equal(before.count, after.count);
    for (size_t i = 0; i < before.count; i++) {
        assert_string_equal(before.objects[i].name, after.objects[i].name);
        assert_string_equal(before.objects[i].definition, after.objects[i].definition);
    }
}

static void dropping_everything_leaves_nothing(void **state)
{
    fixture *f = *state;
    assert_string_not_equal(ask(f->looker, schema), "ERROR");
    ask(f->looker, "CREATE TABLE `od``d name` (id INT)");
    if (is_mariadb(f))
        ask(f->looker, "CREATE SEQUENCE sq");
    assert_good(f, my_drop_all(&f->cx, f->session));
    assert_int_equal(list(f).count, 0);
    assert_string_equal(ask(f->looker,
                            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()"),
                        "0");
    assert_string_equal(ask(my_of(f->session)->conn, "SELECT @@foreign_key_checks"), "1");
    assert_good(f, my_drop_all(&f->cx, f->session));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_kind_is_listed),
        TEST(each_change_shows),
        TEST(rows_do_not_show),
        TEST(dropping_everything_leaves_nothing),
    };
    return run_group("mysql/catalog", tests, WB_COUNT(tests));
}
