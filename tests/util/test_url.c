/* test_url.c - database URLs as people write them, and that no password can be seen. */
#include "../unit.h"

#include "util/util.h"

/* A URL in one line: [scheme] user password host port path, "-" for what is absent; then opaque, params; then shown. */
static const struct url_row {
    const char *name, *text, *parts, *shown;
} url_rows[] = {
    { "plain", "postgres://app:secret@db.example:5432/shop", "postgres app secret db.example 5432 shop",
      "postgres://app:***@db.example:5432/shop" },
    { "scheme_in_capitals", "POSTGRES://h/d", "postgres - - h - d", "postgres://h/d" },
    { "no_user", "postgres://localhost/shop", "postgres - - localhost - shop", "postgres://localhost/shop" },
    { "user_only", "postgres://app@localhost/shop", "postgres app - localhost - shop",
      "postgres://app@localhost/shop" },
    { "password_only", "redis://:secret@h", "redis - secret h - -", "redis://:***@h" },
    { "host_only", "postgres://localhost", "postgres - - localhost - -", "postgres://localhost" },
    { "no_host", "postgres:///shop", "postgres - - - - shop", "postgres:///shop" },
    { "nothing", "postgres://", "postgres - - - - -", "postgres://" },
    { "port_only_host_absent", "postgres://:5433/shop", "postgres - - - 5433 shop", "postgres://:5433/shop" },
    { "empty_path", "postgres://h/", "postgres - - h - -", "postgres://h/" },
    { "blanks_around", "  postgres://h/d\n", "postgres - - h - d", "postgres://h/d" },
    { "percent", "postgres://a%40b:s%3Ac%2Fd@h/my%20db", "postgres a@b s:c/d h - my db",
      "postgres://a%40b:***@h/my%20db" },
    { "bad_percent_in_password", "postgres://app:100%sure%4@h/d", "postgres app 100%sure%4 h - d",
      "postgres://app:***@h/d" },
    { "percent_at_the_end_of_password", "postgres://app:50%@h/d", "postgres app 50% h - d", "postgres://app:***@h/d" },
    { "at_in_password", "postgres://app:p@ss@db/shop", "postgres app p@ss db - shop", "postgres://app:***@db/shop" },
    { "colon_in_password", "postgres://app:p:ss@db/shop", "postgres app p:ss db - shop", "postgres://app:***@db/shop" },
    { "slash_in_password", "postgres://app:pa/ss@db/shop", "postgres app pa/ss db - shop",
      "postgres://app:***@db/shop" },
    { "slash_in_password_port", "postgres://app:pa/ss@db:5432/shop?x=y", "postgres app pa/ss db 5432 shop | x=y",
      "postgres://app:***@db:5432/shop?x=y" },
    { "question_mark_in_password", "postgres://app:pa?ss@db/shop", "postgres app pa?ss db - shop",
      "postgres://app:***@db/shop" },
    { "hash_in_password", "postgres://app:pa#ss@db/shop", "postgres app pa#ss db - shop",
      "postgres://app:***@db/shop" },
    { "password_begins_with_slash", "postgres://app:/x@db/s", "postgres app /x db - s", "postgres://app:***@db/s" },
    { "slash_then_at_in_password", "postgres://app:p/a@s!x@db/shop", "postgres app p/a@s!x db - shop",
      "postgres://app:***@db/shop" },
    { "aws_secret_with_slash", "dynamodb://AKIA:ab/cd+e@us-east-1/t_", "dynamodb AKIA ab/cd+e us-east-1 - t_",
      "dynamodb://AKIA:***@us-east-1/t_" },
    { "at_in_query", "postgres://u:pw@h:1/d?email=a@b.c", "postgres u pw h 1 d | email=a@b.c",
      "postgres://u:***@h:1/d?email=a@b.c" },
    { "at_in_query_without_user", "postgres://h:5432/d?email=a@b.c", "postgres - - h 5432 d | email=a@b.c",
      "postgres://h:5432/d?email=a@b.c" },
    { "ipv6", "postgres://app:x@[::1]:5432/d", "postgres app x ::1 5432 d", "postgres://app:***@[::1]:5432/d" },
    { "ipv6_no_port", "postgres://[fe80::1]/d", "postgres - - fe80::1 - d", "postgres://[fe80::1]/d" },
    { "socket_host", "postgres://%2Fvar%2Frun/d", "postgres - - /var/run - d", "postgres://%2Fvar%2Frun/d" },
    { "many_hosts", "postgres://u:p@a:1,b:2/d", "postgres u p a,b 1,2 d", "postgres://u:***@a:1,b:2/d" },
    { "many_hosts_some_ports", "postgres://a,b:2/d", "postgres - - a,b ,2 d", "postgres://a,b:2/d" },
    { "many_hosts_no_ports", "mongodb://a,b,c/d?replicaSet=r", "mongodb - - a,b,c - d | replicaSet=r",
      "mongodb://a,b,c/d?replicaSet=r" },
    { "srv", "mongodb+srv://u:p@c.example/d", "mongodb+srv u p c.example - d", "mongodb+srv://u:***@c.example/d" },
    { "params", "postgres://h/d?sslmode=require&options=-c%20x%3Dy&flag&&e=",
      "postgres - - h - d | sslmode=require options=-c x=y flag= e=",
      "postgres://h/d?sslmode=require&options=-c%20x%3Dy&flag&&e=" },
    { "secret_params", "postgres://h/d?user=u&password=p%25w&sslpassword=k&passwd=q",
      "postgres - - h - d | user=u password=p%w sslpassword=k passwd=q",
      "postgres://h/d?user=u&password=***&sslpassword=***&passwd=***" },
    { "secret_param_in_capitals", "postgres://h/d?PassWord=x", "postgres - - h - d | PassWord=x",
      "postgres://h/d?PassWord=***" },
    { "secret_param_escaped", "postgres://h/d?pass%77ord=x", "postgres - - h - d | password=x",
      "postgres://h/d?pass%77ord=***" },
    { "path_with_at", "postgres://user@h/d@x", "postgres user - h - d@x", "postgres://user@h/d@x" },

    { "go_mysql", "mysql://u:p@tcp(db:3306)/shop?parseTime=true", "mysql u p db 3306 shop | parseTime=true",
      "mysql://u:***@tcp(db:3306)/shop?parseTime=true" },
    { "go_mysql_odd_password", "mysql://u:p@s/s?(x)@tcp(db:3306)/shop", "mysql u p@s/s?(x) db 3306 shop",
      "mysql://u:***@tcp(db:3306)/shop" },
    { "go_mysql_socket", "mysql://u:p@unix(/run/my.sock)/shop", "mysql u p /run/my.sock - shop",
      "mysql://u:***@unix(/run/my.sock)/shop" },
    { "go_dsn", "u:p@tcp(db:3306)/shop?parseTime=true", "mysql u p db 3306 shop | parseTime=true",
      "u:***@tcp(db:3306)/shop?parseTime=true" },
    { "go_dsn_escapes_nothing", "u:p%40:@s@tcp(db)/shop", "mysql u p%40:@s db - shop", "u:***@tcp(db)/shop" },
    { "go_dsn_socket", "u@unix(/run/my.sock)/shop", "mysql u - /run/my.sock - shop", "u@unix(/run/my.sock)/shop" },
    { "go_dsn_without_user", "tcp(127.0.0.1:3306)/shop", "mysql - - 127.0.0.1 3306 shop", "tcp(127.0.0.1:3306)/shop" },
    { "go_mysql_ipv6", "mariadb://u:p@tcp([::1]:3306)/s", "mariadb u p ::1 3306 s",
      "mariadb://u:***@tcp([::1]:3306)/s" },
    { "go_mysql_bare", "mysql://u:p@(db)/s", "mysql u p db - s", "mysql://u:***@(db)/s" },
    { "go_mysql_no_address", "mysql://u:p@/s", "mysql u p - - s", "mysql://u:***@/s" },
    { "mysql_url", "mysql://u:p(w)@db:3306/s", "mysql u p(w) db 3306 s", "mysql://u:***@db:3306/s" },

    { "sqlite_opaque", "sqlite:app.db", "sqlite - - - - app.db < app.db", "sqlite:app.db" },
    { "sqlite_absolute", "sqlite:///var/app.db", "sqlite - - - - /var/app.db", "sqlite:///var/app.db" },
    { "sqlite_relative", "sqlite://rel/x.db", "sqlite - - - - rel/x.db", "sqlite://rel/x.db" },
    { "sqlite3", "sqlite3://x.db?mode=ro", "sqlite3 - - - - x.db | mode=ro", "sqlite3://x.db?mode=ro" },
    { "sqlite_opaque_absolute", "sqlite:/var/app.db", "sqlite - - - - /var/app.db < /var/app.db",
      "sqlite:/var/app.db" },
    { "sqlite_memory", "sqlite::memory:", "sqlite - - - - :memory: < :memory:", "sqlite::memory:" },
    { "sqlite_key_is_hidden", "sqlite:a.db?key=secret", "sqlite - - - - a.db < a.db | key=secret", "sqlite:a.db?key=***" },
    { "sqlite_odd_name", "sqlite:./a:b@c.db", "sqlite - - - - ./a:b@c.db < ./a:b@c.db", "sqlite:./a:b@c.db" },
    { "sqlite_memory_slashes", "sqlite://:memory:", "sqlite - - - - :memory:", "sqlite://:memory:" },
    { "sqlite_percent", "sqlite:a%20b%.db", "sqlite - - - - a b%.db < a%20b%.db", "sqlite:a%20b%.db" },
    { "file_uri", "file:data.db?cache=shared", "file - - - - data.db < data.db | cache=shared",
      "file:data.db?cache=shared" },
    { "file_localhost", "file://localhost/var/x.db", "file - - - - /var/x.db", "file://localhost/var/x.db" },
    { "bare_db", "data/app.db", "sqlite - - - - data/app.db", "data/app.db" },
    { "bare_db_percent", "50%20.db", "sqlite - - - - 50%20.db", "50%20.db" },
    { "bare_sqlite3", "/x/app.SQLITE3?mode=ro", "sqlite - - - - /x/app.SQLITE3 | mode=ro", "/x/app.SQLITE3?mode=ro" },
    { "bare_memory", ":memory:", "sqlite - - - - :memory:", ":memory:" },

    { "dsn", "host=db port=5432 password=secret", "dsn - - - - - | host=db port=5432 password=secret",
      "host=db port=5432 password=***" },
    { "dsn_quotes", "host = 'a b'  password='it\\'s \\\\ x' dbname=c\\ d",
      "dsn - - - - - | host=a b password=it's \\ x dbname=c d", "host='a b' password=*** dbname=c\\ d" },
    { "dsn_quotes_without_blank", "user='a'host=b", "dsn - - - - - | user=a host=b", "user='a' host=b" },
    { "dsn_empty", "password='' host=h", "dsn - - - - - | password= host=h", "password=*** host=h" },
    { "dsn_file_name", "dbname=a.db", "dsn - - - - - | dbname=a.db", "dbname=a.db" },
    { "dsn_value_with_url_bytes", "password=p@s://x host=h", "dsn - - - - - | password=p@s://x host=h",
      "password=*** host=h" },
};

static const char *or_dash(const char *s) { return s ? s : "-"; }

static const char *describe(wb_buf *b, const wb_url *u)
{
    wb_buf_addf(b, "%s %s %s %s %s %s", u->scheme ? u->scheme : "dsn", or_dash(u->user), or_dash(u->password),
                or_dash(u->host), or_dash(u->port), or_dash(u->path));
    if (u->opaque)
        wb_buf_addf(b, " < %s", u->opaque);
    for (size_t i = 0; i < u->param_count; i++)
        wb_buf_addf(b, "%s%s=%s", i ? " " : " | ", u->params[i].key, u->params[i].value);
    return wb_buf_cstr(b);
}

static void url_is_taken_apart(void **state)
{
    const struct url_row *row = *state;
    WB_AUTOARENA wb_arena mem = { 0 };
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    wbl_error err = { 0 };
    wb_url url = { 0 };
    int rc = wb_url_parse(&(wb_ctx){ .err = &err }, &mem, row->text, &url);
    if (rc != 0)
        print_message("# %s\n", err.message);
    assert_int_equal(rc, 0);
    assert_string_equal(describe(&b, &url), row->parts);
    assert_string_equal(url.shown, row->shown);
}

/* What is refused. No message and no hint may hold the word "secret". */
static const struct bad_row {
    const char *name, *text, *message;
} bad_rows[] = {
    { "bad_empty", "", "the database URL is empty" },
    { "bad_blank", " \n", "the database URL is empty" },
    { "bad_no_scheme", "localhost/secret", "the database URL has no scheme" },
    { "bad_no_slashes", "app:secret@localhost/db", "the database URL has no scheme" },
    { "bad_file_with_login", "sqlite://user:secret@host/x.db", "the URL of a SQLite database names a file; this one has a user or a host in it" },
    { "bad_file_with_login_opaque", "file:user:sec?ret@host", "the URL of a SQLite database names a file; this one has a user or a host in it" },
    { "bad_no_file", "sqlite://", "the database URL names no file" },
    { "bad_port", "postgres://h:99999/d", "the port in the database URL is not valid: postgres://h:***/d" },
    { "bad_port_may_be_password", "postgres://app:secret/d",
      "the port in the database URL is not valid: postgres://app:***/d" },
    { "bad_host", "postgres://a b/d", "the host in the database URL is not valid: postgres://a b/d" },
    { "bad_ipv6", "postgres://[::1/d", "the host in the database URL is not valid: postgres://[:***/d" },
    { "bad_percent_in_path", "postgres://u:secret@h/a%zz", "the path in the database URL holds a bad percent escape" },
    { "bad_nul", "postgres://h/a%00b", "the path in the database URL holds a NUL byte" },
    { "bad_fragment", "postgres://u:secret@h/a#b", "the database URL holds a \"#\": postgres://u:***@h/a#b" },
    { "bad_fragment_in_param", "postgres://h/d?password=secret#secret",
      "the database URL holds a \"#\": postgres://h/d?password=***" },
    { "two_readings_number", "postgres://app:12/34secret@db/shop",
      "the database URL can be read in two ways because of a \"/\" before an @: postgres://app:***@db/shop" },
    { "two_readings_early_at", "postgres://app:p@ss/secret@db/shop",
      "the database URL can be read in two ways because of a \"/\" before an @: postgres://app:***@db/shop" },
    { "two_readings_question_mark", "postgres://app:p@ss?secret@db/shop",
      "the database URL can be read in two ways because of a \"?\" before an @: postgres://app:***@db/shop" },
    { "two_readings_hash", "postgres://app:7#secret@db",
      "the database URL can be read in two ways because of a \"#\" before an @: postgres://app:***@db" },
    { "slash_and_no_host", "postgres://app:secret/x@",
      "the port in the database URL is not valid: postgres://app:***@" },
    { "dsn_bare_word", "host=h password=my secret",
      "the connection text has a word without \"=\" behind the value of \"password\"" },
    { "dsn_open_quote", "host='h password=secret",
      "the connection text has an open quote behind the value of \"host\"" },
};

static void url_is_refused(void **state)
{
    const struct bad_row *row = *state;
    WB_AUTOARENA wb_arena mem = { 0 };
    wbl_error err = { 0 };
    wb_url url = { .scheme = "untouched" };
    assert_int_equal(wb_url_parse(&(wb_ctx){ .err = &err }, &mem, row->text, &url), WBL_E_INVALID);
    assert_string_equal(err.message, row->message);
    assert_null(strstr(err.message, "secret"));
    assert_null(strstr(err.hint, "secret"));
    assert_string_equal(url.scheme, "untouched");
}

static void a_repeated_parameter_counts_last(void **state)
{
    (void)state;
    WB_AUTOARENA wb_arena mem = { 0 };
    wb_url url = { 0 };
    assert_int_equal(wb_url_parse(&(wb_ctx){ 0 }, &mem, "postgres://h/d?a=1&b=2&a=3", &url), 0);
    assert_string_equal(wb_url_param(&url, "a"), "3");
    assert_string_equal(wb_url_param(&url, "b"), "2");
    assert_null(wb_url_param(&url, "c"));
    assert_string_equal(url.raw_path, "/d");
}

static void too_long_is_refused(void **state)
{
    (void)state;
    WB_AUTOARENA wb_arena mem = { 0 };
    wb_url url;
    char *text = wb_arena_get(&mem, 70001);
    memset(text, 'a', 70000);
    assert_int_equal(wb_url_parse(&(wb_ctx){ 0 }, &mem, text, &url), WBL_E_INVALID);
    assert_int_equal(wb_url_parse(&(wb_ctx){ 0 }, &mem, NULL, &url), WBL_E_INVALID);
}

static const char *const oom_texts[] = { "postgres://a%40:p@ss@h1:1,h2:2/d?a=b&password=c", "sqlite:a.db?mode=ro",
                                         "host=a password='b c'", "mysql://u:p@tcp(h:1)/d", "postgres://a:1/b@c/d" };

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < WB_COUNT(oom_texts); i++) {
        for (long k = 1;; k++) {
            wbl_error err = { 0 };
            wb_arena mem = { 0 };
            wb_url url = { .scheme = "untouched" };
            wb_alloc_fail_at(k);
            int rc = wb_url_parse(&(wb_ctx){ .err = &err }, &mem, oom_texts[i], &url);
            bool is_last = wb_alloc_fail_at(0) < k;
            bool is_untouched = url.scheme && strcmp(url.scheme, "untouched") == 0;
            wb_arena_done(&mem);
            assert_int_equal(wb_alloc_live(), 0);
            if (is_last)
                break;
            assert_true(rc == WBL_E_NOMEM || rc == WBL_E_INVALID);
            assert_true(is_untouched);
        }
    }
}

int main(void)
{
    static struct CMUnitTest tests[WB_COUNT(url_rows) + WB_COUNT(bad_rows) + 3];
    size_t n = 0;
    for (size_t i = 0; i < WB_COUNT(url_rows); i++)
        tests[n++] = (struct CMUnitTest){ url_rows[i].name, url_is_taken_apart, NULL, NULL, (void *)&url_rows[i] };
    for (size_t i = 0; i < WB_COUNT(bad_rows); i++)
        tests[n++] = (struct CMUnitTest){ bad_rows[i].name, url_is_refused, NULL, NULL, (void *)&bad_rows[i] };
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(a_repeated_parameter_counts_last);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(too_long_is_refused);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(every_allocation_may_fail);
    return _cmocka_run_group_tests("util/url", tests, n, NULL, NULL);
}
