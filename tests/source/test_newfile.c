/* test_newfile.c - names and numbers of new files, renumbering, and what init writes. */
#include "tree.h"

typedef struct made {
    wb_arena mem;
    wbl_error err;
    wb_findings findings;
    wb_source_set set;
    wb_config config;
    const char **paths;
    size_t count;
    int rc;
} made;

static void made_done(made *m)
{
    wb_source_done(&m->set);
    wb_arena_done(&m->mem);
}
#define MADE WB_CLEANUP(made_done) made

static void make(made *m, const wbl_new_options *options)
{
    memset(m, 0, sizeof *m);
    wb_ctx cx = { .err = &m->err };
    m->findings.mem = m->set.mem = &m->mem;
    wb_config_request config = { .options = &no_options, .base_fd = tree_fd };
    assert_int_equal(wb_config_load(&cx, &m->mem, &config, &m->config), 0);
    wb_source_options scan = { .dirs = m->config.dirs,
                               .dir_count = m->config.dir_count,
                               .base_fd = tree_fd,
                               .canonical = tree_canonical,
                               .may_be_missing = true,
                               .database = "sqlite" };
    (void)wb_source_scan(&cx, &scan, &m->findings, &m->set); /* renumber is there for a set with faults */
    (void)wb_source_finish(&cx, &m->findings, &m->set);
    wb_error_clear(&m->err);
    wb_newfile_request r = {
        .options = options, .set = &m->set, .config = &m->config, .base_fd = tree_fd, .now = "20261102093000"
    };
    m->rc = wb_newfile_write(&cx, &m->mem, &r, &m->paths, &m->count);
}

static const struct new_row {
    const char *name, *files;
    wbl_new_options options;
    const char *up, *down;
} new_rows[] = {
    { "first_of_all", "", { .name = "init" }, "migrations/000001_init.up.sql", "migrations/000001_init.down.sql" },
    { "next_with_the_width_of_the_highest",
      "migrations/001_a.up.sql migrations/009_b.up.sql",
      { .name = "c" },
      "migrations/010_c.up.sql",
      "migrations/010_c.down.sql" },
    { "width_grows", "migrations/9_a.up.sql", { .name = "b" }, "migrations/10_b.up.sql", "migrations/10_b.down.sql" },
    { "highest_is_by_number",
      "migrations/10_a.up.sql migrations/9_b.up.sql",
      { .name = "c" },
      "migrations/11_c.up.sql",
      NULL },
    { "files_of_other_databases_count",
      "migrations/1_a.up.sql migrations/2_b.mysql.up.sql",
      { .name = "c" },
      "migrations/3_c.up.sql",
      NULL },
    { "timestamps_go_on",
      "migrations/20240826120919_a.up.sql",
      { .name = "b" },
      "migrations/20261102093000_b.up.sql",
      NULL },
    { "long_timestamps_go_on",
      "migrations/20240826120919000001_a.up.sql",
      { .name = "b" },
      "migrations/20261102093000000000_b.up.sql",
      NULL },
    { "a_timestamp_in_the_future_is_passed",
      "migrations/20991231235959_a.up.sql",
      { .name = "b" },
      "migrations/20991231235960_b.up.sql",
      NULL },
    { "timestamp_wanted",
      "migrations/001_a.up.sql",
      { .name = "b", .timestamp = 1 },
      "migrations/20261102093000_b.up.sql",
      NULL },
    { "sequence_wanted",
      "migrations/20240826120919_a.up.sql",
      { .name = "b", .sequential = 1 },
      "migrations/20240826120920_b.up.sql",
      NULL },
    { "fourteen_digits_are_not_always_a_time",
      "migrations/00000000000007_a.up.sql",
      { .name = "b" },
      "migrations/00000000000008_b.up.sql",
      NULL },
    { "in_a_namespace",
      "migrations/core/001_a.up.sql migrations/billing/001_a.up.sql",
      { .name = "b", .ns = "billing" },
      "migrations/billing/002_b.up.sql",
      NULL },
    { "the_only_namespace", "migrations/core/001_a.up.sql", { .name = "b" }, "migrations/core/002_b.up.sql", NULL },
    { "a_new_namespace_follows_the_others",
      "migrations/core/001_a.up.sql",
      { .name = "b", .ns = "billing" },
      "migrations/billing/001_b.up.sql",
      NULL },
    { "a_new_namespace_below_the_database",
      "migrations/sqlite/core/001_a.up.sql",
      { .name = "b", .ns = "billing" },
      "migrations/sqlite/billing/001_b.up.sql",
      NULL },
    { "a_namespace_in_an_empty_root",
      "migrations/",
      { .name = "b", .ns = "core" },
      "migrations/core/000001_b.up.sql",
      NULL },
    { "three_digits_for_modules", "config.yaml", { .name = "b", .ns = "core" }, "migrations/core/001_b.up.sql", NULL },
    { "snake_case", "", { .name = "addUser e-mail" }, "migrations/000001_add_user_e_mail.up.sql", NULL },
    { "capitals_in_a_row", "", { .name = "HTTPServerV2" }, "migrations/000001_http_server_v2.up.sql", NULL },
    { "accents",
      "",
      { .name = "Gr\xC3\xB6\xC3\x9F"
                "e \xC3\xA4ndern" },
      "migrations/000001_grosse_andern.up.sql",
      NULL },
    { "odd_bytes", "", { .name = "../../x; don't" }, "migrations/000001_x_dont.up.sql", NULL },
};

static void new_files(void **state)
{
    const struct new_row *row = *state;
    tree_add_all(row->files, "modules: { }");
    MADE m;
    make(&m, &row->options);
    assert_string_equal(m.err.message, "");
    assert_int_equal(m.rc, 0);
    assert_int_equal(m.count, 2);
    assert_string_equal(m.paths[0], row->up);
    if (row->down)
        assert_string_equal(m.paths[1], row->down);
    WB_AUTOBUF wb_buf text = WB_BUF(1000);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(wb_file_read(&(wb_ctx){ 0 }, tree_fd, m.paths[i], "x", &text), 0);
        assert_int_equal(text.p[0], '-');
    }
}

static const struct refused_row {
    const char *name, *files;
    wbl_new_options options;
    const char *message;
} refused_rows[] = {
    { "no_name", "", { .name = "--" }, "needs a name" },
    { "which_namespace",
      "migrations/core/1_a.up.sql migrations/billing/1_a.up.sql",
      { .name = "b" },
      "needs a namespace: billing, core" },
    { "namespace_with_slash", "", { .name = "b", .ns = "../x" }, "\"../x\" can't be the name of a namespace" },
    { "namespace_in_a_flat_directory",
      "migrations/1_a.up.sql",
      { .name = "b", .ns = "core" },
      "migrations holds migrations itself" },
    { "time_and_number", "", { .name = "b", .timestamp = 1, .sequential = 1 }, "not both" },
    { "renumber_nothing", "", { .renumber = "migrations/1_a.up.sql" }, "cannot find migrations/1_a.up.sql" },
    { "renumber_no_migration", "migrations/x.sql", { .renumber = "migrations/x.sql" }, "not named like a migration" },
};

static void new_files_refused(void **state)
{
    const struct refused_row *row = *state;
    tree_add_all(row->files, "");
    MADE m;
    make(&m, &row->options);
    assert_true(m.rc < 0);
    assert_non_null(strstr(m.err.message, row->message));
}

static void a_directory_of_single_files_gets_one(void **state)
{
    (void)state;
    tree_add("migrations/001_a.sql", "SELECT 1;\n-- whimbrel: down\n");
    MADE m;
    make(&m, &(wbl_new_options){ .name = "b" });
    assert_int_equal(m.rc, 0);
    assert_int_equal(m.count, 1);
    assert_string_equal(m.paths[0], "migrations/002_b.sql");
    MADE again; /* what was written can be read */
    make(&again, &(wbl_new_options){ .name = "c" });
    assert_string_equal(again.paths[0], "migrations/003_c.sql");
    assert_int_equal(again.findings.errors, 0);
    assert_int_equal(again.set.migration_count, 2);
    assert_true(again.set.migrations[1].down.exists);
}

static bool exists(const char *path) { return faccessat(tree_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0; }

static void nothing_is_ever_replaced(void **state)
{
    (void)state;
    /* 000001_x.down.sql is a link to nothing: O_EXCL refuses it, and the up file is taken back. */
    tree_add("migrations/", "");
    tree_add("migrations/000001_x.down.sql", "-> /nonexistent/y");
    MADE m;
    make(&m, &(wbl_new_options){ .name = "x", .sequential = 1 });
    assert_int_equal(m.rc, 0); /* its number counts, though it leads nowhere */
    assert_string_equal(m.paths[0], "migrations/000002_x.up.sql");
}

static void renumber_moves_the_file_and_its_partners(void **state)
{
    (void)state;
    tree_add_all(
        "migrations/core/000004_a.up.sql migrations/core/000004_a.down.sql migrations/core/000004_b.up.sql "
        "migrations/core/000004_b.postgres.up.sql migrations/core/000004_b.down.sql migrations/core/000005_c.up.sql",
        "");
    MADE m;
    make(&m, &(wbl_new_options){ .renumber = "migrations/core/000004_b.up.sql" });
    assert_string_equal(m.err.message, "");
    assert_int_equal(m.rc, 0);
    assert_int_equal(m.count, 3);
    assert_true(exists("migrations/core/000006_b.up.sql") && exists("migrations/core/000006_b.postgres.up.sql"));
    assert_true(exists("migrations/core/000006_b.down.sql") && exists("migrations/core/000004_a.up.sql"));
    assert_true(exists("migrations/core/000004_a.down.sql") && !exists("migrations/core/000004_b.up.sql"));
}

/* ---- init ---- */

static int init(made *m, const char *url)
{
    memset(m, 0, sizeof *m);
    return m->rc = wb_project_write(&(wb_ctx){ .err = &m->err }, &m->mem, tree_fd, url, &m->paths, &m->count);
}

static void init_in_an_empty_directory(void **state)
{
    (void)state;
    static const char *const want[] = { "whimbrel.yaml", "migrations/000001_init.up.sql",
                                        "migrations/000001_init.down.sql" };
    {
        MADE m;
        assert_int_equal(init(&m, NULL), 0);
        assert_int_equal(m.count, 3);
        for (size_t i = 0; i < 3; i++)
            assert_string_equal(m.paths[i], want[i]);
    }
    MADE m; /* the file that it wrote is understood */
    make(&m, &(wbl_new_options){ .name = "next" });
    assert_string_equal(m.config.file, "whimbrel.yaml");
    assert_non_null(strstr(m.config.url_missing, "DATABASE_URL"));
    assert_string_equal(m.paths[0], "migrations/000002_next.up.sql");
    MADE again;
    assert_int_equal(init(&again, NULL), WBL_E_INVALID);
    assert_string_equal(again.err.message, "whimbrel.yaml is there already");
}

static void init_takes_over_what_is_there(void **state)
{
    (void)state;
    tree_add("db/migrations/1_a.up.sql", "");
    MADE m;
    assert_int_equal(init(&m, "sqlite:shop.db"), 0);
    assert_int_equal(m.count, 1);
    assert_false(exists("migrations"));
    wb_config_request r = { .options = &no_options, .base_fd = tree_fd };
    wb_config c;
    assert_int_equal(wb_config_load(&(wb_ctx){ 0 }, &m.mem, &r, &c), 0);
    assert_string_equal(c.dirs[0], "db/migrations");
    assert_string_equal(c.url, "sqlite:shop.db");
}

static void init_writes_no_password(void **state)
{
    (void)state;
    MADE m;
    assert_int_equal(init(&m, "postgres://u:s3cret@h/d"), 0);
    WB_AUTOBUF wb_buf text = WB_BUF(10000);
    assert_int_equal(wb_file_read(&(wb_ctx){ 0 }, tree_fd, "whimbrel.yaml", "x", &text), 0);
    assert_null(strstr(text.p, "s3cret"));
    assert_non_null(strstr(text.p, "url: ${DATABASE_URL}"));
}

static void init_leaves_the_modules_form_as_it_is(void **state)
{
    (void)state;
    tree_add("config.yaml", "modules: { cart: {} }\n");
    tree_add("migrations/postgres/core/001_a.up.sql", "");
    MADE m;
    assert_int_equal(init(&m, NULL), WBL_NO_CHANGE);
    assert_int_equal(m.count, 0);
    assert_false(exists("whimbrel.yaml"));
}

static void every_commented_key_of_init_is_a_key(void **state)
{
    (void)state;
    MADE m;
    assert_int_equal(init(&m, NULL), 0);
    WB_AUTOBUF wb_buf text = WB_BUF(10000);
    WB_AUTOBUF wb_buf open = WB_BUF(10000);
    assert_int_equal(wb_file_read(&(wb_ctx){ 0 }, tree_fd, "whimbrel.yaml", "x", &text), 0);
    for (char *line = text.p; line && *line;) { /* take "# " off lines that are keys */
        char *end = strchr(line, '\n');
        size_t len = end ? (size_t)(end - line) + 1 : strlen(line),
               word = strspn(line + 1, " abcdefghijklmnopqrstuvwxyz_");
        bool is_key = line[0] == '#' && line[1 + word] == ':' &&
                      (line[2] != ' ' || line[3] == ' ' || !strchr(line + 2, ' ') ||
                       strcspn(line + 2, " ") > strcspn(line + 2, ":"));
        wb_buf_add(&open, is_key ? line + 2 : line, is_key ? len - 2 : len);
        line = end ? end + 1 : NULL;
    }
    tree_add("whimbrel.yaml", wb_buf_cstr(&open));
    tree_add(".password", "x\n");
    tree_add(".env", "DATABASE_URL=sqlite:x.db\nSTAGING_URL=sqlite:y.db\n");
    wb_config_request r = { .options = &no_options, .base_fd = tree_fd };
    wb_config c;
    int rc = wb_config_load(&(wb_ctx){ .err = &m.err }, &m.mem, &r, &c);
    assert_string_equal(m.err.message, "");
    assert_int_equal(rc, 0);
    assert_string_equal(c.password, "x");
    assert_int_equal(c.target_count, 1);
    assert_string_equal(wb_config_ns_find(&c, "billing")->requires[0].version, "2");
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (long k = 1;; k++) {
        made m;
        wb_alloc_fail_at(k);
        int rc = init(&m, "sqlite:x.db");
        long count = wb_alloc_fail_at(0);
        made_done(&m);
        if (count < k) {
            assert_int_equal(rc, 0);
            return;
        }
        assert_int_equal(rc, WBL_E_NOMEM);
        assert_false(exists("whimbrel.yaml"));
    }
}

int main(void)
{
    static const struct CMUnitTest single[] = {
        T(a_directory_of_single_files_gets_one),
        T(nothing_is_ever_replaced),
        T(renumber_moves_the_file_and_its_partners),
        T(init_in_an_empty_directory),
        T(init_takes_over_what_is_there),
        T(init_writes_no_password),
        T(init_leaves_the_modules_form_as_it_is),
        T(every_commented_key_of_init_is_a_key),
        T(every_allocation_may_fail),
    };
    struct CMUnitTest tests[64];
    size_t n = 0;
    for (size_t i = 0; i < WB_COUNT(new_rows); i++)
        tests[n++] =
            (struct CMUnitTest){ new_rows[i].name, new_files, tree_setup, tree_teardown, (void *)&new_rows[i] };
    for (size_t i = 0; i < WB_COUNT(refused_rows); i++)
        tests[n++] = (struct CMUnitTest){ refused_rows[i].name, new_files_refused, tree_setup, tree_teardown,
                                          (void *)&refused_rows[i] };
    memcpy(&tests[n], single, sizeof single);
    return _cmocka_run_group_tests("source/newfile", tests, n + WB_COUNT(single), NULL, NULL);
}
