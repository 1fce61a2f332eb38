/*
 * test_catalog.c - the schema as text: complete, the same at each reading, independent of the session; and drop_all().
 */
#define SCHEMA "wb_test_catalog"
#include "pgtest.h"

static const char everything[] =
    "CREATE SCHEMA " SCHEMA
    "_other; CREATE TYPE mood AS ENUM ('sad', 'it''s'); CREATE DOMAIN positive AS int NOT NULL CHECK (VALUE > 0);"
    "CREATE TYPE pair AS (a int, b " SCHEMA ".mood); CREATE TYPE span AS RANGE (subtype = int);"
    "CREATE TABLE parent (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(50) NOT NULL DEFAULT 'x' "
    "UNIQUE, m mood, p positive, price numeric(10,2));"
    "CREATE TABLE child (id serial PRIMARY KEY, parent_id bigint REFERENCES parent ON DELETE CASCADE, qty int CHECK "
    "(qty > 0), note text COLLATE \"C\") WITH (fillfactor = 70);"
    "CREATE TABLE \"Odd name\" (\"a b\" int, other int); CREATE UNLOGGED TABLE fast (i int); CREATE TABLE kid (k int) "
    "INHERITS (fast);"
    "CREATE TABLE part (i int, d date) PARTITION BY RANGE (d); CREATE TABLE part1 PARTITION OF part FOR VALUES FROM "
    "('2024-01-01') TO ('2025-01-01');"
    "CREATE INDEX child_parent ON child (parent_id DESC, lower(note)) WHERE qty > 3; CREATE INDEX ON \"Odd name\" "
    "USING hash (\"a b\");"
    "CREATE VIEW seen AS SELECT p.name, c.qty FROM parent p JOIN child c ON c.parent_id = p.id; CREATE MATERIALIZED "
    "VIEW kept AS SELECT count(*) AS n FROM parent;"
    "CREATE SEQUENCE counter START 5 INCREMENT 2 CYCLE MAXVALUE 99;"
    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN RAISE 'no'; END $f$; CREATE FUNCTION "
    "twice(i int, j int DEFAULT 2) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1';"
    "CREATE PROCEDURE proc(int) LANGUAGE sql AS 'SELECT 1'; CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int);"
    "CREATE TRIGGER no_delete BEFORE DELETE ON parent FOR EACH ROW EXECUTE FUNCTION refuse(); ALTER TABLE parent "
    "DISABLE TRIGGER no_delete;"
    "ALTER TABLE child ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON child FOR SELECT USING (qty > 1); CREATE RULE "
    "ruled AS ON INSERT TO fast DO ALSO SELECT 1;"
    "ALTER TABLE child ADD CONSTRAINT late CHECK (qty < 9) NOT VALID; CREATE TABLE " SCHEMA
    "_other.far (i int REFERENCES child); CREATE TABLE whimbrel_history (seq serial PRIMARY KEY, i int UNIQUE)";

static const struct want_row {
    const char *kind, *name, *parent, *definition;
} wanted[] = {
    { "schema", SCHEMA "_other", NULL, "" },
    { "table", "parent", NULL, "table" },
    { "table", "child", NULL, "table row level security with (fillfactor=70)" },
    { "table", "\"Odd name\"", NULL, "table" },
    { "table", "fast", NULL, "unlogged table" },
    { "table", "kid", NULL, "table inherits of fast" },
    { "table", "part", NULL, "table partition by RANGE (d)" },
    { "table", "part1", NULL, "table partition of part FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')" },
    { "table", SCHEMA "_other.far", NULL, "table" },
    { "column", "parent.id", "parent", "bigint not null generated always as identity" },
    { "column", "parent.name", "parent", "character varying(50) not null default 'x'::character varying" },
    { "column", "parent.m", "parent", "mood" },
    { "column", "parent.price", "parent", "numeric(10,2)" },
    { "column", "child.id", "child", "integer not null default nextval('child_id_seq'::regclass)" },
    { "column", "child.note", "child", "text collate \"C\"" },
    { "column", "\"Odd name\".\"a b\"", "\"Odd name\"", "integer" },
    { "constraint", "child.child_pkey", "child", "PRIMARY KEY (id)" },
    { "constraint", "child.child_parent_id_fkey", "child",
      "FOREIGN KEY (parent_id) REFERENCES parent(id) ON DELETE CASCADE" },
    { "constraint", "child.late", "child", "CHECK ((qty < 9)) NOT VALID" },
    { "constraint", SCHEMA "_other.far.far_i_fkey", SCHEMA "_other.far", "FOREIGN KEY (i) REFERENCES child(id)" },
    { "index", "child_parent", "child",
      "CREATE INDEX child_parent ON child USING btree (parent_id DESC, lower(note)) WHERE qty > 3" },
    { "index", "\"Odd name_a b_idx\"", "\"Odd name\"",
      "CREATE INDEX \"Odd name_a b_idx\" ON \"Odd name\" USING hash (\"a b\")" },
    { "sequence", "counter", NULL, "bigint start 5 increment 2 min 1 max 99 cache 1 cycle" },
    { "sequence", "child_id_seq", "child", "integer start 1 increment 1 min 1 max 2147483647 cache 1" },
    { "trigger", "parent.no_delete", "parent",
      "CREATE TRIGGER no_delete BEFORE DELETE ON parent FOR EACH ROW EXECUTE FUNCTION refuse() disabled" },
    { "type", "mood", NULL, "enum ('sad', 'it''s')" },
    { "type", "positive", NULL, "domain integer not null positive_check CHECK ((VALUE > 0))" },
    { "type", "pair", NULL, "composite (a integer, b mood)" },
    { "type", "span", NULL, "range of integer" },
    { "policy", "child.mine", "child", "permissive select to public using ((qty > 1))" },
    { "view", "seen", NULL, NULL },
    { "view", "kept", NULL, NULL },
    { "rule", "fast.ruled", "fast", NULL },
    { "function", "refuse()", NULL, NULL },
    { "function", "twice(i integer, j integer)", NULL, NULL },
    { "function", "total(integer)", NULL, NULL },
};

typedef struct listing {
    wb_object *objects;
    size_t count;
} listing;

static listing read_catalog(fixture *f)
{
    static const wb_table_ref ours[] = { { NULL, "whimbrel_history" } };
    static const char *const both[] = { SCHEMA, SCHEMA "_other" }; /* other tests have theirs beside */
    wb_catalog_options o = { .skip = ours, .skip_count = 1, .schemas = both, .schema_count = 2 };
    listing l = { 0 };
    assert_good(f, pg_catalog(&f->cx, f->session, &o, &f->mem, &l.objects, &l.count));
    return l;
}

static const wb_object *find(listing l, const char *kind, const char *name)
{
    for (size_t i = 0; i < l.count; i++)
        if (strcmp(l.objects[i].kind, kind) == 0 && strcmp(l.objects[i].name, name) == 0)
            return &l.objects[i];
    return NULL;
}

static void catalog_describes_every_kind(void **state)
{
    NEEDS_SERVER(f);
    assert_string_not_equal(ask(f->looker, everything), "ERROR");
    listing l = read_catalog(f);
    for (size_t i = 0; i < WB_COUNT(wanted); i++) {
        const wb_object *o = find(l, wanted[i].kind, wanted[i].name);
        if (!o)
            fail_msg("no %s %s", wanted[i].kind, wanted[i].name);
        if (strcmp(o->kind, "trigger") == 0 && f->session->server.version < 120000)
            continue; /* said EXECUTE PROCEDURE */
        if (wanted[i].definition && strcmp(o->definition, wanted[i].definition) != 0)
            fail_msg("%s %s: %s", o->kind, o->name, o->definition);
        if (wb_strcmp_null(o->parent, wanted[i].parent) != 0)
            fail_msg("%s %s: parent %s", o->kind, o->name, o->parent ? o->parent : "none");
    }
    assert_false(find(l, "constraint", "child.late")->is_valid);
    for (size_t i = 0; i < l.count; i++)
        assert_null(strstr(l.objects[i].name, "whimbrel_history"));
    assert_null(find(l, "index", "child_pkey"));
}

static bool is_same(listing a, listing b)
{
    bool is_equal = a.count == b.count;
    for (size_t i = 0; is_equal && i < a.count; i++) {
        is_equal = strcmp(a.objects[i].kind, b.objects[i].kind) == 0 &&
                   strcmp(a.objects[i].name, b.objects[i].name) == 0 &&
                   strcmp(a.objects[i].definition, b.objects[i].definition) == 0 &&
                   a.objects[i].is_valid == b.objects[i].is_valid;
        if (!is_equal)
            print_message("# %s %s: %s\n# %s %s: %s\n", a.objects[i].kind, a.objects[i].name, a.objects[i].definition,
                          b.objects[i].kind, b.objects[i].name, b.objects[i].definition);
    }
    return is_equal;
}

static void catalog_does_not_depend_on_the_session(void **state)
{
    NEEDS_SERVER(f);
    assert_string_not_equal(ask(f->looker, everything), "ERROR");
    listing first = read_catalog(f);
    ask(f->looker, "SELECT nextval('counter'); ANALYZE parent; INSERT INTO parent (name, p) VALUES ('a', 1)");
    assert_true(is_same(first, read_catalog(f)));
    ask(pg_native(f->session), "SET search_path = " SCHEMA ", public, " SCHEMA "_other; SET datestyle = 'German'");
    assert_true(is_same(first, read_catalog(f)));
    assert_string_equal(ask(pg_native(f->session), "SHOW search_path"), SCHEMA ", public, " SCHEMA "_other");
    /* In a transaction, too, and then it is left as it was. */
    ask(pg_native(f->session), "BEGIN; SET LOCAL search_path = " SCHEMA ", pg_catalog");
    assert_true(is_same(first, read_catalog(f)));
    assert_string_equal(ask(pg_native(f->session), "SHOW search_path"), SCHEMA ", pg_catalog");
    ask(pg_native(f->session), "ROLLBACK");
}

static void catalog_shows_a_change(void **state)
{
    NEEDS_SERVER(f);
    assert_string_not_equal(ask(f->looker, everything), "ERROR");
    static const char *const changes[] = {
        "ALTER TABLE child ADD COLUMN extra int",
        "ALTER TABLE parent ALTER name DROP NOT NULL",
        "DROP INDEX child_parent",
        "ALTER TYPE mood ADD VALUE 'new'",
        "CREATE OR REPLACE FUNCTION twice(i int, j int DEFAULT 2) RETURNS int LANGUAGE sql STABLE AS 'SELECT 7'",
        "ALTER TABLE parent ENABLE TRIGGER no_delete",
        "ALTER SEQUENCE counter INCREMENT 3",
        "CREATE OR REPLACE VIEW seen AS SELECT p.name, c.qty FROM parent p JOIN child c ON c.id = p.id",
        "ALTER TABLE child VALIDATE CONSTRAINT late",
        "ALTER TABLE child DISABLE ROW LEVEL SECURITY",
        "DROP SCHEMA " SCHEMA "_other CASCADE",
    };
    listing before = read_catalog(f);
    for (size_t i = 0; i < WB_COUNT(changes); i++) {
        assert_string_not_equal(ask(f->looker, changes[i]), "ERROR");
        listing after = read_catalog(f);
        bool is_equal = after.count == before.count;
        for (size_t k = 0; is_equal && k < after.count; k++)
            is_equal = strcmp(after.objects[k].definition, before.objects[k].definition) == 0 &&
                       after.objects[k].is_valid == before.objects[k].is_valid;
        if (is_equal)
            fail_msg("no difference after %s", changes[i]);
        before = after;
    }
}

static void catalog_reads_all_schemas_but_the_servers(void **state)
{
    NEEDS_SERVER(f);
    ask(f->looker, "CREATE SCHEMA " SCHEMA "_other CREATE TABLE t (i int)");
    wb_catalog_options o = { 0 };
    listing l = { 0 };
    assert_good(f, pg_catalog(&f->cx, f->session, &o, &f->mem, &l.objects, &l.count));
    assert_non_null(find(l, "table", SCHEMA "_other.t"));
    for (size_t i = 0; i < l.count; i++)
        assert_false(wb_starts(l.objects[i].name, "pg_catalog.") ||
                     wb_starts(l.objects[i].name, "information_schema."));
}

static void drop_all_empties_the_schema_and_no_other(void **state)
{
    NEEDS_SERVER(f);
    assert_string_not_equal(ask(f->looker, everything), "ERROR");
    assert_good(f, pg_drop_all(&f->cx, f->session));
    assert_int_equal(f->notices, 0);
    assert_string_equal(ask(f->looker, "SELECT count(*) FROM pg_class WHERE relnamespace = '" SCHEMA "'::regnamespace"),
                        "0");
    assert_string_equal(ask(f->looker, "SELECT count(*) FROM pg_proc WHERE pronamespace = '" SCHEMA "'::regnamespace"),
                        "0");
    assert_string_equal(ask(f->looker, "SELECT count(*) FROM pg_type WHERE typnamespace = '" SCHEMA "'::regnamespace"),
                        "0");
    assert_string_equal(ask(f->looker, "SELECT to_regclass('" SCHEMA "_other.far')::text"), SCHEMA "_other.far");
    assert_good(f, pg_drop_all(&f->cx, f->session));
}

int main(void)
{
    struct CMUnitTest tests[] = {
        TEST(catalog_describes_every_kind),
        TEST(catalog_does_not_depend_on_the_session),
        TEST(catalog_reads_all_schemas_but_the_servers),
        TEST(catalog_shows_a_change),
        TEST(drop_all_empties_the_schema_and_no_other),
    };
    return run_group("postgres catalog", tests, WB_COUNT(tests));
}
