/*
 * test_errors.c - each row of the error table, and what a URL says about the connection. No server is needed.
 */
#include "mytest.h"

static void each_row_decides_as_it_says(void **state)
{
    size_t count;
    const my_error_row *rows = my_error_table(&count);
    (void)state;
    assert_true(count > 30);
    for (size_t i = 0; i < count; i++) {
        my_session s = { 0 };
        wbl_error err = { 0 };
        wb_ctx cx = { .err = &err };
        assert_ptr_equal(my_error_find(rows[i].number), &rows[i]); /* no number stands twice */
        assert_int_equal(my_fail_server(&cx, &s, rows[i].number, "HY000", "text", WBL_EFFECT_NONE), rows[i].code);
        assert_int_equal(err.native, rows[i].number);
        assert_int_equal(err.is_retryable, rows[i].is_retryable);
        assert_int_equal(s.base.failure.is_connection_lost, rows[i].is_lost);
        assert_string_equal(err.message, "text");
        if (i > 0)
            assert_true(rows[i - 1].number < rows[i].number);
    }
    assert_int_equal(my_error_find(1146)->code, WBL_E_STATEMENT);
    assert_false(my_error_find(1062)->is_retryable);
}

static void kill_query_has_three_meanings(void **state)
{
    (void)state;
    my_session s = { 0 };
    wbl_error err = { 0 };
    volatile int cancel = 0;
    wb_ctx cx = { .err = &err, .cancel = &cancel };
    assert_int_equal(my_fail_server(&cx, &s, 1317, "70100", "x", WBL_EFFECT_NONE), WBL_E_STATEMENT);
    s.is_limit_over = true;
    assert_int_equal(my_fail_server(&cx, &s, 1317, "70100", "x", WBL_EFFECT_NONE), WBL_E_TIMEOUT);
    s.is_limit_over = false;
    cancel = 1;
    assert_int_equal(my_fail_server(&cx, &s, 1317, "70100", "x", WBL_EFFECT_NONE), WBL_E_CANCELLED);
}

/* ---- URLs ---- */

typedef struct parsed {
    wb_arena mem;
    wbl_error err;
    my_target t;
    int rc;
} parsed;

static void parse(parsed *p, const char *text)
{
    wb_ctx cx = { .err = &p->err };
    wb_url url;
    memset(&p->err, 0, sizeof p->err);
    p->rc = wb_url_parse(&cx, &p->mem, text, &url);
    if (p->rc == 0)
        p->rc = my_target_read(&cx, &p->mem, &(wb_open_options){ .url = &url, .connect_timeout_ms = 1 }, &p->t);
}

static void both_forms_of_a_url_are_understood(void **state)
{
    static const char *const same[] = { "mysql://ann:p%40w@db:3307/shop", "mysql://ann:p%40w@tcp(db:3307)/shop",
                                        "mariadb://ann:p%40w@db:3307/shop" };
    parsed p = { 0 };
    (void)state;
    for (size_t i = 0; i < WB_COUNT(same); i++) {
        parse(&p, same[i]);
        assert_int_equal(p.rc, 0);
        assert_string_equal(p.t.host, "db");
        assert_int_equal(p.t.port, 3307);
        assert_string_equal(p.t.user, "ann");
        assert_string_equal(p.t.password, "p@w");
        assert_string_equal(p.t.database, "shop");
        assert_int_equal(p.t.tls, MY_TLS_PREFERRED);
    }
    wb_arena_done(&p.mem);
}

static void sockets_have_two_spellings(void **state)
{
    static const char *const same[] = { "mysql://ann@unix(/run/my.sock)/shop",
                                        "mysql://ann@/shop?socket=/run/my.sock" };
    parsed p = { 0 };
    (void)state;
    for (size_t i = 0; i < WB_COUNT(same); i++) {
        parse(&p, same[i]);
        assert_int_equal(p.rc, 0);
        assert_string_equal(p.t.socket, "/run/my.sock");
        assert_null(p.t.host);
        assert_int_equal(p.t.tls, MY_TLS_OFF);
    }
    wb_arena_done(&p.mem);
}

static const struct tls_row {
    const char *query;
    my_tls tls;
    const char *ca;
} tls_rows[] = {
    { "", MY_TLS_PREFERRED, NULL },
    { "?tls=false", MY_TLS_OFF, NULL },
    { "?tls=true", MY_TLS_VERIFIED, NULL },
    { "?tls=skip-verify", MY_TLS_REQUIRED, NULL },
    { "?tls=preferred", MY_TLS_PREFERRED, NULL },
    { "?tls=custom&x-tls-ca=/ca.pem&x-tls-cert=/c.pem&x-tls-key=/k.pem", MY_TLS_VERIFIED, "/ca.pem" },
    { "?x-tls-ca=/ca.pem&x-tls-insecure-skip-verify=true", MY_TLS_REQUIRED, "/ca.pem" },
    { "?ssl-mode=VERIFY_IDENTITY&ssl_ca=/ca.pem", MY_TLS_VERIFIED, "/ca.pem" },
    { "?ssl-mode=VERIFY_CA&ssl-ca=/ca.pem", MY_TLS_CA, "/ca.pem" },
    { "?ssl-mode=VERIFY_CA", MY_TLS_VERIFIED, NULL },
    { "?ssl-mode=REQUIRED&ssl-ca=/ca.pem", MY_TLS_CA, "/ca.pem" },
    { "?tls=skip-verify&ssl-ca=/ca.pem", MY_TLS_REQUIRED, "/ca.pem" },
    { "?ssl-mode=DISABLED", MY_TLS_OFF, NULL },
    { "?sslmode=require", MY_TLS_REQUIRED, NULL },
    { "?useSSL=false", MY_TLS_OFF, NULL },
};

static void tls_parameters_of_every_world_are_understood(void **state)
{
    parsed p = { 0 };
    (void)state;
    for (size_t i = 0; i < WB_COUNT(tls_rows); i++) {
        char text[200];
        snprintf(text, sizeof text, "mysql://ann@db/shop%s", tls_rows[i].query);
        parse(&p, text);
        if (p.rc != 0 || p.t.tls != tls_rows[i].tls)
            fail_msg("%s: %d %s, tls %d", text, p.rc, p.err.message, p.t.tls);
        assert_int_equal(wb_strcmp_null(p.t.ca, tls_rows[i].ca), 0);
    }
    wb_arena_done(&p.mem);
}

static void other_parameters_are_settings_or_passed_over(void **state)
{
    parsed p = { 0 };
    (void)state;
    parse(&p, "mysql://ann@db/shop?parseTime=true&multiStatements=true&x-migrations-table=m&charset=utf8mb4,utf8&"
              "timeout=3s&tcp_user_timeout=2500&sql_mode=ANSI&time_zone=%27%2B00:00%27&max_sp_recursion_depth=5&collation=utf8mb4_bin");
    assert_int_equal(p.rc, 0);
    assert_int_equal(p.t.connect_timeout_ms, 3000);
    assert_int_equal(p.t.answer_timeout_ms, 2500);
    assert_string_equal(p.t.collation, "utf8mb4_bin");
    assert_string_equal(p.t.settings, "SET SESSION sql_mode = 'ANSI', SESSION time_zone = '+00:00', SESSION "
                                      "max_sp_recursion_depth = 5");
    static const char *const bad[] = { "mysql://ann@db/shop?charset=latin1", "mysql://ann@db/shop?a%20b=1",
                                       "mysql://ann@db/shop?ssl-mode=perhaps", "mysql://ann@a,b/shop",
                                       "mysql://ann@db/shop?timeout=soon", "mysql://ann@db/shop?tcp_user_timeout=-1" };
    for (size_t i = 0; i < WB_COUNT(bad); i++) {
        parse(&p, bad[i]);
        if (p.rc != WBL_E_INVALID || !p.err.hint[0])
            fail_msg("%s: %d %s", bad[i], p.rc, p.err.message);
    }
    wb_arena_done(&p.mem);
}

/* ---- the lexer ---- */

static void pieces_are_cut_where_the_server_cuts(void **state)
{
    static const struct {
        const char *text;
        uint32_t count;
        const char *last;
    } rows[] = {
        { "", 0, NULL },
        { " ; ;; -- x;\n # y;\n/* z; */", 0, NULL },
        { "SELECT 1", 1, "SELECT 1" },
        { "SELECT ';'; SELECT \";\"; SELECT `;`;", 3, "SELECT `;`" },
        { "SELECT 'it''s;'; SELECT 'a\\';b'; x", 3, "x" },
        { "a;--b;\n; c", 3, "c" },
        { "a;-- b;\n c", 2, "c" },
        { "a; /*! SET x = ';'; */ b; /*!50100 c */;", 3, NULL },
        { "a; b -- end", 2, "b -- end" },
    };
    my_session s = { 0 };
    (void)state;
    for (size_t i = 0; i < WB_COUNT(rows); i++) {
        my_lexer l = my_lexer_of(&s, WB_STR(rows[i].text));
        wb_str st, last = { 0 };
        uint32_t count = 0;
        while ((st = my_statement_next(&l)).p) {
            last = st;
            count++;
        }
        if (i != 7 && count != rows[i].count)
            fail_msg("%s: %u", rows[i].text, count);
        if (rows[i].last && !wb_str_eq(last, rows[i].last))
            fail_msg("%s: last %.*s", rows[i].text, (int)last.len, last.p);
    }
}

static void place_of_a_syntax_error_is_found(void **state)
{
    my_session s = { 0 };
    static const char st[] = "SELECT a\nFORM t\nFORM t";
    (void)state;
    assert_int_equal(my_place(&s, WB_STR(st), "You have ... to use near 'FORM t' at line 3"), 16);
    assert_int_equal(my_place(&s, WB_STR(st), "You have ... to use near 'FORM t\nFORM t' at line 2"), 9);
    assert_int_equal(my_place(&s, WB_STR(st), "You have ... to use near '' at line 1"), SIZE_MAX);
    assert_int_equal(my_place(&s, WB_STR(st), "Unknown column"), SIZE_MAX);
    static const char names[] = "SELECT a.x, 'y', `Y` FROM a";
    assert_int_equal(my_place_of_name(&s, WB_STR(names), 1054, "Unknown column 'a.x' in 'field list'"), 9);
    assert_int_equal(my_place_of_name(&s, WB_STR(names), 1054, "Unknown column 'y' in 'field list'"), 17);
    assert_int_equal(my_place_of_name(&s, WB_STR(names), 1146, "Table 'shop.a' doesn't exist"), 7);
    assert_int_equal(my_place_of_name(&s, WB_STR(names), 1051, "Unknown table 'shop.a,shop.b'"), 7);
    assert_int_equal(my_place_of_name(&s, WB_STR(names), 1091, "Can't DROP COLUMN `z`; check that it exists"), SIZE_MAX);
    assert_int_equal(my_place_of_name(&s, WB_STR(names), 1091, "Can't DROP 'x'; check that column/key exists"), 9);
    assert_int_equal(my_place_of_name(&s, WB_STR(names), 1062, "Duplicate entry 'a' for key 'x'"), SIZE_MAX);
    assert_int_equal(my_place_of_name(&s, WB_STR(names), 1054, "Unknown column"), SIZE_MAX);
}

static void names_of_locks_fit(void **state)
{
    my_session s = { 0 };
    char a[MY_LOCK_NAME], b[MY_LOCK_NAME], c[MY_LOCK_NAME];
    (void)state;
    snprintf(s.base.server.database, sizeof s.base.server.database, "one");
    my_lock_name(&s, &(wb_lock_key){ .text = "whimbrel ledger schema_migrations" }, a);
    snprintf(s.base.server.database, sizeof s.base.server.database, "two");
    my_lock_name(&s, &(wb_lock_key){ .text = "whimbrel ledger schema_migrations" }, b);
    my_lock_name(&s, &(wb_lock_key){ .text = "985462924", .is_number = true }, c);
    assert_string_not_equal(a, b); /* names are the server's, not the database's */
    assert_true(strlen(a) <= 64);
    assert_string_equal(c, "985462924");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_decides_as_it_says),
        cmocka_unit_test(kill_query_has_three_meanings),
        cmocka_unit_test(both_forms_of_a_url_are_understood),
        cmocka_unit_test(sockets_have_two_spellings),
        cmocka_unit_test(tls_parameters_of_every_world_are_understood),
        cmocka_unit_test(other_parameters_are_settings_or_passed_over),
        cmocka_unit_test(pieces_are_cut_where_the_server_cuts),
        cmocka_unit_test(place_of_a_syntax_error_is_found),
        cmocka_unit_test(names_of_locks_fit),
    };
    return cmocka_run_group_tests_name("mysql/errors", tests, NULL, NULL);
}
