/* test_scan.c - directories of every layout, what is wrong in them, and migrations that a program adds. */
#include "tree.h"

#include <sys/resource.h>

typedef struct scanned {
    wb_arena mem;
    wbl_error err;
    wb_ctx cx;
    wb_findings findings;
    wb_source_set set;
    int rc;
} scanned;

/* dirs: parted by blanks. */
static void scan_with(scanned *s, const char *dirs, wb_source_options opt)
{
    char copy[512];
    const char *list[8];
    memset(s, 0, sizeof *s);
    s->cx.err = &s->err;
    s->findings.mem = s->set.mem = &s->mem;
    snprintf(copy, sizeof copy, "%s", dirs);
    char *rest = copy;
    for (char *one; (one = strsep(&rest, " ")) != NULL;)
        list[opt.dir_count++] = one;
    opt.dirs = list;
    opt.base_fd = tree_fd;
    opt.canonical = tree_canonical;
    s->rc = wb_source_scan(&s->cx, &opt, &s->findings, &s->set);
    if (s->rc == 0)
        s->rc = wb_source_finish(&s->cx, &s->findings, &s->set);
}

static void scan_done(scanned *s)
{
    wb_source_done(&s->set);
    wb_arena_done(&s->mem);
}
#define SCANNED WB_CLEANUP(scan_done) scanned

static const wb_migration *find(const scanned *s, const char *ns, const char *key)
{
    for (size_t i = 0; i < s->set.migration_count; i++)
        if (strcmp(s->set.migrations[i].ns, ns) == 0 && strcmp(s->set.migrations[i].key, key) == 0)
            return &s->set.migrations[i];
    return NULL;
}

/* "default:1+- default:2++" : namespace, version as written, up, down; "ns:" for an empty namespace. */
static const char *summary(const scanned *s)
{
    static char text[4096];
    size_t n = 0;
    text[0] = 0;
    for (size_t i = 0; i < s->set.ns_count; i++) {
        const wb_source_ns *ns = &s->set.namespaces[i];
        if (ns->count == 0)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s:", n ? " " : "", ns->name);
        for (size_t k = ns->first; k < ns->first + ns->count; k++) {
            const wb_migration *m = &s->set.migrations[k];
            assert_string_equal(m->ns, ns->name);
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s:%s%s%s%s", n ? " " : "", ns->name, m->version,
                                  m->up.exists ? "+" : "-", m->down.exists ? "+" : "-", m->no_transaction ? "!" : "");
        }
    }
    return text;
}

static const struct layout_row {
    const char *name, *files, *dirs, *database, *want;
    const char *listed;
    bool is_namespaced;
} layout_rows[] = {
    { "flat", "m/1_a.up.sql m/1_a.down.sql m/2_b.up.sql", "m", "sqlite", "default:1++ default:2+-", NULL, false },
    { "trailing_slash", "m/1_a.up.sql", "m//", "sqlite", "default:1+-", NULL, false },
    { "working_directory", "1_a.up.sql", ".", "sqlite", "default:1+-", NULL, false },
    { "empty_root_is_flat", "m/", "m", "sqlite", "default:", NULL, false },
    { "namespaces", "m/core/1_a.up.sql m/identity/1_b.up.sql m/identity/2_c.up.sql m/customer-mgmt/", "m", "sqlite",
      "core:1+- customer-mgmt: identity:1+- identity:2+-", NULL, true },
    { "stray_files_beside_namespaces", "m/core/1_a.up.sql m/001_users.sql m/x.js m/README.md", "m", "postgres",
      "core:1+-", NULL, true },
    { "sub_directories_of_a_flat_root", "m/1_a.up.sql m/old/1_a.up.sql", "m", "sqlite", "default:1+-", NULL, false },
    { "unless_the_configuration_lists_them", "m/1_a.up.sql m/old/1_a.up.sql", "m", "sqlite", "default:1+- old:1+-",
      "old", true },
    { "database_then_namespaces",
      "m/postgres/core/001_a.up.sql m/postgres/cart/001_b.up.sql m/mongodb/core/indexes.json", "m", "postgres",
      "cart:001+- core:001+-", NULL, true },
    { "database_then_pairs", "m/postgres/1_a.up.sql m/sqlite3/1_a.up.sql", "m", "sqlite", "default:1+-", NULL, false },
    { "database_dirs_of_others_only", "m/postgres/1_a.up.sql", "m", "sqlite", "", NULL, false },
    { "namespace_beside_a_database", "m/postgres/core/1_a.up.sql m/extra/1_b.up.sql m/docs/readme.txt", "m", "postgres",
      "core:1+- extra:1+-", NULL, true },
    { "two_roots_are_joined", "m/core/1_a.up.sql n/core/2_b.up.sql n/billing/1_c.up.sql", "m n", "sqlite",
      "billing:1+- core:1+- core:2+-", NULL, true },
    { "two_flat_roots", "m/1_a.up.sql n/2_b.up.sql", "m n", "sqlite", "default:1+- default:2+-", NULL, false },
    { "hidden_entries", "m/core/1_a.up.sql m/.git/x m/.2_b.up.sql m/core/.3_c.up.sql", "m", "sqlite", "core:1+-", NULL,
      true },
    { "order_is_numeric", "m/10_a.up.sql m/9_b.up.sql m/008_c.up.sql", "m", "sqlite",
      "default:008+- default:9+- default:10+-", NULL, false },
    { "up_and_down_of_other_spelling_and_name", "m/1_a.up.sql m/001_b.down.sql", "m", "sqlite", "default:1++", NULL,
      false },
    { "down_alone", "m/1_a.down.sql", "m", "sqlite", "default:1-+", NULL, false },
    { "version_zero", "m/0_a.up.sql m/000001_b.up.sql", "m", "sqlite", "default:0+- default:000001+-", NULL, false },
    { "json_is_for_mongodb", "m/1_a.up.json m/1_a.up.sql", "m", "mongodb", "default:1+-", NULL, false },
    { "json_is_passed_over_for_sql", "m/1_a.up.json m/2_a.up.sql", "m", "sqlite", "default:2+-", NULL, false },
    { "suffix_for_each_direction", "m/1_a.up.sql m/1_a.down.sql m/1_a.mysql.up.sql m/2_b.mysql.up.sql", "m", "mysql",
      "default:1++ default:2+-", NULL, false },
    { "suffix_for_others_only", "m/1_a.up.sql m/2_b.mysql.up.sql", "m", "sqlite", "default:1+-", NULL, false },
    { "autocommit", "m/1_a.autocommit.up.sql m/2_b.sqlite.autocommit.up.sql m/3_c.up.sql", "m", "sqlite",
      "default:1+-! default:2+-! default:3+-", NULL, false },
    { "other_files_are_passed_over", "m/1_a.up.sql m/atlas.sum m/1_a.up.sql.bak m/x.sql", "m", "sqlite", "default:1+-",
      NULL, false },
};

static void layouts(void **state)
{
    const struct layout_row *row = *state;
    tree_add_all(row->files, "");
    const char *listed[] = { row->listed };
    SCANNED s;
    scan_with(&s, row->dirs,
              (wb_source_options){ .database = row->database, .listed = listed, .listed_count = row->listed ? 1 : 0 });
    assert_string_equal(s.err.message, "");
    assert_int_equal(s.rc, 0);
    assert_string_equal(summary(&s), row->want);
    assert_int_equal(s.set.is_namespaced, row->is_namespaced);
}

static const struct fault_row {
    const char *name, *files, *dirs, *code, *message, *hint;
} fault_rows[] = {
    { "version_twice", "m/1_a.up.sql m/001_b.up.sql", "m", "duplicate-version", "001_b.up.sql and 1_a.up.sql",
      "--renumber m/1_a.up.sql" },
    { "version_twice_in_a_namespace", "m/core/4_a.up.sql m/core/4_b.up.sql", "m", "duplicate-version",
      "two files are version 4 of core: 4_a.up.sql and 4_b.up.sql", "" },
    { "version_twice_in_two_roots", "m/1_a.up.sql n/1_a.up.sql", "m n", "duplicate-version",
      "m/1_a.up.sql and n/1_a.up.sql", "" },
    { "down_twice", "m/1_a.up.sql m/1_a.down.sql m/1_b.down.sql", "m", "duplicate-version", "1_b.down.sql", "" },
    { "suffix_twice", "m/1_a.sqlite.up.sql m/1_a.sqlite3.up.sql", "m", "duplicate-version", "1_a.sqlite3.up.sql", "" },
    { "plain_twice_beside_a_suffix", "m/1_a.up.sql m/1_b.up.sql m/1_a.sqlite.up.sql", "m", "duplicate-version", "1_b",
      "" },
    { "case_of_direction", "m/1_a.Up.sql m/2_b.up.sql", "m", "near-miss", "m/1_a.Up.sql is not named like",
      "named like 0" },
    { "case_of_ending", "m/1_a.up.SQL", "m", "near-miss", "m/1_a.up.SQL", "" },
    { "no_underscore", "m/core/1a.sql", "m", "near-miss", "m/core/1a.sql", "" },
    { "no_direction", "m/000001_x.sql", "m", "near-miss", "m/000001_x.sql", "Name it 000001_x.up.sql, or mark" },
    { "no_direction_and_sub_directories", "m/000001_x.sql m/docs/readme", "m", "near-miss", "m/000001_x.sql", "" },
    { "no_such_root", "", "nowhere", "missing-directory", "there is no directory nowhere", "--dir" },
    { "root_is_a_file", "m", "m", "unreadable", "cannot read directory m: Not a directory", "" },
    { "directory_with_a_migrations_name", "m/1_a.up.sql/x m/2_b.up.sql", "m", "near-miss", "not a regular file", "" },
    { "namespace_too_long", "m/a23456789a23456789a23456789a23456789a23456789a23456789/1_a.up.sql", "m",
      "namespace-name", "has 54 bytes", "" },
};

static void faults(void **state)
{
    const struct fault_row *row = *state;
    tree_add_all(row->files, "SELECT 1;");
    SCANNED s;
    scan_with(&s, row->dirs, (wb_source_options){ .database = "sqlite" });
    assert_int_equal(s.rc, WBL_E_INVALID);
    assert_int_equal(s.findings.errors, 1);
    assert_string_equal(s.findings.items[0].code, row->code);
    assert_non_null(strstr(s.err.message, row->message));
    assert_non_null(strstr(s.err.hint, row->hint));
    assert_int_equal(s.err.effect, WBL_EFFECT_NONE);
    assert_true(s.err.file[0]);
}

static void all_faults_are_told_and_the_first_is_the_error(void **state)
{
    (void)state;
    tree_add_all("m/3_c.SQL m/1_a.SQL m/2_b.SQL m/4_d.up.sql", "");
    SCANNED s;
    scan_with(&s, "m", (wb_source_options){ .database = "sqlite" });
    assert_int_equal(s.rc, WBL_E_INVALID);
    assert_int_equal(s.findings.errors, 3);
    assert_string_equal(s.err.message, "m/1_a.SQL is not named like a migration (and 2 more)");
    assert_string_equal(s.findings.items[2].file, "m/3_c.SQL");
}

static void suffix_wins_over_plain_and_plain_serves_the_rest(void **state)
{
    (void)state;
    tree_add_all("m/1_a.up.sql m/1_a.down.sql m/1_a.sqlite3.up.sql", "");
    SCANNED s;
    scan_with(&s, "m", (wb_source_options){ .database = "sqlite" });
    assert_string_equal(s.set.migrations[0].up.shown, "m/1_a.sqlite3.up.sql");
    assert_string_equal(s.set.migrations[0].down.shown, "m/1_a.down.sql");
    assert_string_equal(s.set.migrations[0].name, "a");
    SCANNED other;
    scan_with(&other, "m", (wb_source_options){ .database = "postgres" });
    assert_string_equal(other.set.migrations[0].up.shown, "m/1_a.up.sql");
    assert_int_equal(other.set.passed_count, 1);
    SCANNED unknown; /* no database known: files of all are looked at */
    scan_with(&unknown, "m", (wb_source_options){ 0 });
    assert_int_equal(unknown.rc, 0);
    assert_int_equal(unknown.set.passed_count, 0);
}

static void paths_and_names_of_a_migration(void **state)
{
    (void)state;
    tree_add("m/core/000012_add-x.y.up.sql", "SELECT 1;");
    SCANNED s;
    scan_with(&s, "./m/", (wb_source_options){ .database = "sqlite" });
    const wb_migration *m = find(&s, "core", "12");
    assert_non_null(m);
    assert_string_equal(m->version, "000012");
    assert_string_equal(m->key, "12");
    assert_string_equal(m->name, "add-x.y");
    assert_string_equal(m->up.shown, "./m/core/000012_add-x.y.up.sql");
    assert_int_equal(faccessat(m->dir_fd, m->up.path, R_OK, 0), 0);
    assert_string_equal(s.set.namespaces[0].path, "./m/core");
    assert_int_equal(faccessat(tree_fd, s.set.namespaces[0].path, R_OK, 0), 0);
    assert_null(find(&s, "core", "13"));
    assert_null(find(&s, "other", "12"));
    assert_false(m->down.exists);
}

/* ---- links ---- */

static void links_are_followed_and_loops_are_named(void **state)
{
    (void)state;
    tree_add_all("real/1_a.up.sql shared/2_b.sql", "SELECT 1;");
    tree_add("m/core", "-> ../real");
    tree_add("m/one/1_x.up.sql", "-> ../../shared/2_b.sql");
    {
        SCANNED s;
        scan_with(&s, "m", (wb_source_options){ .database = "sqlite" });
        assert_int_equal(s.rc, 0);
        assert_string_equal(summary(&s), "core:1+- one:1+-");
    }
    static const char *const targets[] = { "..", ".", "../m", "loop", "../../.." };
    for (size_t i = 0; i < WB_COUNT(targets); i++) {
        char text[32];
        snprintf(text, sizeof text, "-> %s", targets[i]);
        tree_add("m/loop", text);
        SCANNED s;
        scan_with(&s, "m", (wb_source_options){ .database = "sqlite" });
        assert_int_equal(s.rc, WBL_E_INVALID);
        assert_string_equal(s.findings.items[0].code, "link-loop");
        assert_non_null(strstr(s.err.message, "m/loop"));
        assert_int_equal(unlinkat(tree_fd, "m/loop", 0), 0);
    }
}

static void link_to_nothing_counts_only_when_it_is_a_migration(void **state)
{
    (void)state;
    tree_add("m/1_a.up.sql", "SELECT 1;");
    tree_add("m/notes", "-> nowhere");
    {
        SCANNED s;
        scan_with(&s, "m", (wb_source_options){ .database = "sqlite" });
        assert_int_equal(s.rc, 0);
    }
    tree_add("m/2_b.up.sql", "-> nowhere");
    SCANNED s;
    scan_with(&s, "m", (wb_source_options){ .database = "sqlite" });
    assert_int_equal(s.rc, WBL_E_INVALID);
    assert_string_equal(s.err.message, "cannot read m/2_b.up.sql: No such file or directory");
    assert_int_equal(s.findings.errors, 1);
}

static void names_that_a_database_refuses(void **state)
{
    (void)state;
    tree_add("m/1_a\xFF.up.sql", "");
    tree_add("m/2_a\nb.up.sql", "");
    SCANNED s;
    scan_with(&s, "m", (wb_source_options){ .database = "sqlite" });
    assert_int_equal(s.findings.errors, 2);
    assert_string_equal(s.findings.items[0].code, "bad-name");
    tree_add("n/a\nb/1_a.up.sql", "");
    SCANNED t;
    scan_with(&t, "n", (wb_source_options){ .database = "sqlite" });
    assert_string_equal(t.findings.items[0].code, "namespace-name");
}

/* ---- single files ---- */

static void single_files_hold_both_directions(void **state)
{
    (void)state;
    tree_add("m/000001_a.sql", "CREATE TABLE a (i int);\n-- whimbrel: down\nDROP TABLE a;\n");
    tree_add("m/000002_b.sql", "-- whimbrel: up\nCREATE TABLE b (i int);\n");
    SCANNED s;
    scan_with(&s, "m", (wb_source_options){ .database = "sqlite" });
    assert_int_equal(s.rc, 0);
    assert_true(s.set.is_single);
    assert_string_equal(summary(&s), "default:000001++ default:000002+-");
}

static void format_decides_what_a_file_without_markers_is(void **state)
{
    (void)state;
    tree_add("m/1_a.sql", "SELECT 1;");
    {
        SCANNED s;
        scan_with(&s, "m", (wb_source_options){ .database = "sqlite", .format = "single" });
        assert_int_equal(s.rc, 0);
        assert_string_equal(summary(&s), "default:1+-");
    }
    tree_add("m/1_a.sql", "SELECT 1;\n-- whimbrel: down\n");
    {
        SCANNED s;
        scan_with(&s, "m", (wb_source_options){ .database = "sqlite", .format = "pairs" });
        assert_int_equal(s.rc, WBL_E_INVALID);
    }
    tree_add("m/2_a.up.sql", "");
    SCANNED s;
    scan_with(&s, "m", (wb_source_options){ .database = "sqlite", .format = "single" });
    assert_int_equal(s.rc, WBL_E_INVALID);
    assert_non_null(strstr(s.err.message, "2_a.up.sql is one of a pair"));
}

static void files_of_other_tools_are_named(void **state)
{
    (void)state;
    tree_add("m/1_a.sql", "-- +goose Up\nSELECT 1;\n-- +goose Down\n");
    tree_add("m/2_a.sql", "-- migrate:up\nSELECT 1;\n");
    SCANNED s;
    scan_with(&s, "m", (wb_source_options){ .database = "sqlite" });
    assert_int_equal(s.rc, WBL_E_INVALID);
    assert_string_equal(s.err.message, "m/1_a.sql is a goose file (and 1 more)");
    assert_non_null(strstr(s.err.hint, "does not read"));
    assert_string_equal(s.findings.items[1].message, "m/2_a.sql is a dbmate file");
    tree_add("n/V1__a.sql", "");
    SCANNED t;
    scan_with(&t, "n", (wb_source_options){ .database = "sqlite" });
    assert_int_equal(t.rc, 0);
    assert_int_equal(t.findings.count, 1);
    assert_int_equal(t.findings.items[0].severity, WBL_WARNING);
    assert_non_null(strstr(t.findings.items[0].message, "Flyway"));
}

static void wrong_markers_have_their_line(void **state)
{
    (void)state;
    tree_add("m/1_a.sql", "A;\n-- whimbrel: down\nB;\n-- whimbrel: down\n");
    SCANNED s;
    scan_with(&s, "m", (wb_source_options){ .database = "sqlite" });
    assert_int_equal(s.rc, WBL_E_INVALID);
    assert_int_equal(s.err.line, 4);
    assert_string_equal(s.err.file, "m/1_a.sql");
}

/* ---- what is missing, what cannot be read ---- */

static void a_missing_root_may_be_allowed(void **state)
{
    (void)state;
    SCANNED s;
    scan_with(&s, "m", (wb_source_options){ .may_be_missing = true });
    assert_int_equal(s.rc, 0);
    assert_int_equal(s.set.ns_count, 0);
    assert_string_equal(s.set.dir_shown, "m");
}

static void unreadable_directory(void **state)
{
    (void)state;
    bool is_root = geteuid() == 0; /* who reads everything, so another user looks */
    tree_add_all("m/core/1_a.up.sql m/secret/1_a.up.sql", "");
    assert_int_equal(fchmod(tree_fd, 0755), 0);
    assert_int_equal(fchmodat(tree_fd, "m/secret", 0, 0), 0);
    if (is_root)
        assert_int_equal(seteuid(65534), 0);
    SCANNED s;
    scan_with(&s, "m", (wb_source_options){ .database = "sqlite" });
    if (is_root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(fchmodat(tree_fd, "m/secret", 0755, 0), 0);
    assert_int_equal(s.rc, WBL_E_INVALID);
    assert_string_equal(s.err.message, "cannot read directory m/secret: Permission denied");
}

static void a_thousand_namespaces_need_one_descriptor(void **state)
{
    (void)state;
    struct rlimit was, few = { 32, 32 };
    for (int i = 0; i < 200; i++) {
        char path[64];
        snprintf(path, sizeof path, "m/n%03d/1_a.up.sql", i);
        tree_add(path, "");
    }
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    few.rlim_max = was.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    SCANNED s;
    scan_with(&s, "m", (wb_source_options){ .database = "sqlite" });
    setrlimit(RLIMIT_NOFILE, &was);
    assert_int_equal(s.rc, 0);
    assert_int_equal(s.set.ns_count, 200);
    assert_int_equal(s.set.fd_count, 1);
}

/* ---- migrations of a program ---- */

static void added_migrations_are_sorted_in(void **state)
{
    (void)state;
    tree_add_all("m/1_a.up.sql m/3_c.up.sql", "");
    SCANNED s;
    scan_with(&s, "m", (wb_source_options){ .database = "sqlite" });
    wb_migration b = {
        .version = "0002", .name = "b", .dir_fd = -1, .up = { .exists = true, .text = "SELECT 2;", .len = 9 }
    };
    wb_migration other = { .ns = "aaa", .version = "1", .dir_fd = -1, .is_code = true };
    assert_int_equal(wb_source_add(&s.cx, &s.set, &b), 0);
    assert_int_equal(wb_source_add(&s.cx, &s.set, &other), 0);
    assert_int_equal(wb_source_finish(&s.cx, &s.findings, &s.set), 0);
    assert_string_equal(summary(&s), "aaa:1-- default:1+- default:0002+- default:3+-");
    assert_string_equal(find(&s, "default", "2")->name, "b");
    assert_int_equal(wb_source_add(&s.cx, &s.set, &b), 0);
    assert_int_equal(wb_source_finish(&s.cx, &s.findings, &s.set), WBL_E_INVALID);
    assert_string_equal(s.findings.items[0].code, "duplicate-version");
    wb_migration bad = { .version = "x1" };
    assert_int_equal(wb_source_add(&s.cx, &s.set, &bad), WBL_E_INVALID);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    tree_add_all("m/1_a.up.sql m/001_b.up.sql m/2_b.mysql.up.sql m/core/1_a.up.sql m/x", "");
    tree_add_all("m/2_b.sql m/core/2_b.sql", "A;\n-- whimbrel: down\nB;\n");
    tree_add("n/postgres/core/1_a.SQL", "");
    const char *listed[] = { "core" };
    for (long k = 1;; k++) {
        long live = wb_alloc_live();
        SCANNED s;
        wb_alloc_fail_at(k);
        scan_with(&s, "m n", (wb_source_options){ .listed = listed, .listed_count = 1 });
        long made = wb_alloc_fail_at(0);
        if (made < k) {
            assert_int_equal(s.rc, WBL_E_INVALID);
            assert_int_equal(s.findings.errors, 2);
            return;
        }
        assert_int_equal(s.rc, WBL_E_NOMEM);
        assert_int_equal(s.err.code, WBL_E_NOMEM);
        scan_done(&s);
        assert_int_equal(wb_alloc_live(), live);
    }
}

int main(void)
{
    static const struct CMUnitTest single[] = {
        T(all_faults_are_told_and_the_first_is_the_error),
        T(suffix_wins_over_plain_and_plain_serves_the_rest),
        T(paths_and_names_of_a_migration),
        T(links_are_followed_and_loops_are_named),
        T(link_to_nothing_counts_only_when_it_is_a_migration),
        T(names_that_a_database_refuses),
        T(single_files_hold_both_directions),
        T(format_decides_what_a_file_without_markers_is),
        T(files_of_other_tools_are_named),
        T(wrong_markers_have_their_line),
        T(a_missing_root_may_be_allowed),
        T(unreadable_directory),
        T(a_thousand_namespaces_need_one_descriptor),
        T(added_migrations_are_sorted_in),
        T(every_allocation_may_fail),
    };
    struct CMUnitTest tests[128];
    size_t n = 0;
    for (size_t i = 0; i < WB_COUNT(layout_rows); i++)
        tests[n++] =
            (struct CMUnitTest){ layout_rows[i].name, layouts, tree_setup, tree_teardown, (void *)&layout_rows[i] };
    for (size_t i = 0; i < WB_COUNT(fault_rows); i++)
        tests[n++] =
            (struct CMUnitTest){ fault_rows[i].name, faults, tree_setup, tree_teardown, (void *)&fault_rows[i] };
    memcpy(&tests[n], single, sizeof single);
    return _cmocka_run_group_tests("source/scan", tests, n + WB_COUNT(single), NULL, NULL);
}
