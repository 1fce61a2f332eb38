/* test_mysql.c - the dialect of MySQL and MariaDB: what depends on server and modes, and what a statement is about. */
#include "rows.h"

enum { PIECES_MAX = 6 };

/* m: MariaDB 10.11, M: MariaDB unknown version, 8: MySQL 8.4, 5: MySQL 5.6; n: NO_BACKSLASH_ESCAPES, a: ANSI_QUOTES */
static wb_sql_options options_of(const char *flags)
{
    wb_sql_options o = { .dialect = MY, .backslash_quotes = !strchr(flags, 'n'), .ansi_quotes = strchr(flags, 'a') };
    o.is_mariadb = strchr(flags, 'm') || strchr(flags, 'M');
    o.server_version = strchr(flags, 'm') ? 101119 : strchr(flags, '8') ? 80403 : strchr(flags, '5') ? 50651 : 0;
    return o;
}

/* ---- where statements end ---- */

static const struct split_row {
    const char *name, *flags, *sql;
    const char *want[PIECES_MAX + 1];
} split_rows[] = {
    /* version comments: MySQL 8.4, 11.7; MariaDB, Comment Syntax; tried on both */
    { "version_of_this_server_is_code", "8", "/*!80403 select 1 */; select 2", { "/*!80403 select 1 */", "select 2" } },
    { "version_of_a_newer_server_is_a_comment", "8", "/*!80404 it's; */; select 2", { "select 2" } },
    { "six_digits_may_be_mysql", "8", "/*!080403 select 1 */;", { "/*!080403 select 1 */" } },
    { "six_digits_of_mariadb_are_newer", "8", "/*!100100 ; */ select 2", { "select 2" } },
    { "no_version_is_code", "8", "/*! select ';' */; select 2", { "/*! select ';' */", "select 2" } },
    { "three_digits_are_code", "8", "/*!123 x */;", { "/*!123 x */" } },
    { "mariadb_mark_is_a_comment_for_mysql", "8", "/*M! it's; */ select 2", { "select 2" } },
    { "mariadb_mark_is_code_for_mariadb", "m", "/*M! select ';' */; select 2", { "/*M! select ';' */", "select 2" } },
    { "mariadb_passes_over_mysql_57", "m", "/*!50700 it's; */ select 2", { "select 2" } },
    { "mariadb_passes_over_mysql_8", "m", "/*!80000 it's; */ select 2", { "select 2" } },
    { "mariadb_reads_mysql_56", "m", "/*!50699 select 1 */;", { "/*!50699 select 1 */" } },
    { "mariadb_reads_its_own_50700", "m", "/*M!50700 select 1 */;", { "/*M!50700 select 1 */" } },
    { "mariadb_reads_its_version", "m", "/*!101119 select 1 */;", { "/*!101119 select 1 */" } },
    { "mariadb_passes_over_newer", "m", "/*!101120 it's; */ select 2", { "select 2" } },
    { "sandbox_line_of_mariadb_dumps", "m", "/*!999999\\- enable the sandbox mode */ \nselect 1;", { "select 1" } },
    { "sandbox_line_for_unknown_servers", "", "/*!999999\\- enable the sandbox mode */ \nselect 1;", { "select 1" } },
    { "sandbox_line_for_unknown_mariadb", "M", "/*!999999\\- enable the sandbox mode */ \nselect 1;", { "select 1" } },
    { "unknown_mysql_reads_all_of_mysql", "", "/*!90700 select 1 */; /*!100100 ; */", { "/*!90700 select 1 */" } },
    { "unknown_mariadb_reads_all_of_mariadb",
      "M",
      "/*!120000 select 1 */; /*!80000 ; */",
      { "/*!120000 select 1 */" } },
    { "version_comment_in_a_statement",
      "8",
      "create table t (a int /*!50100 , b int */); select 2",
      { "create table t (a int /*!50100 , b int */)", "select 2" } },
    { "string_hides_the_end_of_code",
      "8",
      "select /*!50100 '*/;' */ 1; select 2",
      { "select /*!50100 '*/;' */ 1", "select 2" } },
    { "star_before_the_end_of_code",
      "8",
      "select 2 /*!50100 **/ 3; select 2",
      { "select 2 /*!50100 **/ 3", "select 2" } },
    { "one_comment_inside_of_a_dropped_one", "8", "/*!99000 /* x */ ; */ select 2", { "select 2" } },
    { "one_comment_inside_of_code",
      "8",
      "/*!50100 select 1 /* ; */ */; select 2",
      { "/*!50100 select 1 /* ; */ */", "select 2" } },
    { "empty_version_comment", "8", "/*!50100 */; /*! */ ; select 2", { "select 2" } },
    { "version_comments_around_a_trigger",
      "8",
      "/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN SET @a=1; "
      "SET @b=2; END */; select 2",
      { "/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN SET "
        "@a=1; SET @b=2; END */",
        "select 2" } },
    { "dump_with_delimiter",
      "m",
      "DELIMITER ;;\n/*!50003 CREATE*/ /*!50003 PROCEDURE p()\nBEGIN SELECT 1; END */;;\nDELIMITER ;\nselect 2;",
      { "/*!50003 CREATE*/ /*!50003 PROCEDURE p()\nBEGIN SELECT 1; END */", "select 2" } },
    { "hint_is_part_of_its_statement",
      "8",
      "select /*+ ; ' */ 1; /*+ x */; select 2",
      { "select /*+ ; ' */ 1", "select 2" } },

    /* quotes and names */
    { "introducers",
      "",
      "select _utf8mb4'a\\';', N'b\\';', x'3b', b'1', _latin1 x'3b'; select 2",
      { "select _utf8mb4'a\\';', N'b\\';', x'3b', b'1', _latin1 x'3b'", "select 2" } },
    { "user_variables",
      "",
      "set @'a;b' = 1, @`c;``d` = 2, @\"e;\" = 3; select @@x;",
      { "set @'a;b' = 1, @`c;``d` = 2, @\"e;\" = 3", "select @@x" } },
    { "ansi_quotes", "a", "select \"a\\\"; select 2", { "select \"a\\\"", "select 2" } },
    { "double_quotes_are_strings", "", "select \"a\\\"; select 2\"", { "select \"a\\\"; select 2\"" } },
    { "no_backslash", "n", "select 'a\\'; select 2", { "select 'a\\'", "select 2" } },
    { "null_escape", "", "select \\N; select 2", { "select \\N", "select 2" } },
    { "names_with_digits", "", "select 1a.2b from 3c; select 2", { "select 1a.2b from 3c", "select 2" } },
    { "dollar_program",
      "",
      "create function f() returns int language javascript as $$ return 'a;'; $$; select 2",
      { "create function f() returns int language javascript as $$ return 'a;'; $$", "select 2" } },
    { "dollar_is_a_name_in_mariadb", "m", "select $$a; select $$", { "select $$a", "select $$" } },
    { "dollar_behind_a_dot", "", "select 0.$$'$$'; select 2", { "select 0.$$'$$'", "select 2" } },
    { "dollar_behind_a_null", "", "select \\N$$;$$; select 2", { "select \\N$$;$$", "select 2" } },
    { "dashes_and_delete_character", "", "select 1--\x7f;\n; select 2", { "select 1", "select 2" } },

    /* modes that the script sets */
    { "script_sets_ansi",
      "",
      "set sql_mode='ANSI'; select \"a\\\"; select 2",
      { "set sql_mode='ANSI'", "select \"a\\\"", "select 2" } },
    { "script_sets_no_backslash",
      "",
      "set session sql_mode = concat(@@sql_mode, ',NO_BACKSLASH_ESCAPES'); select '\\'; select 2",
      { "set session sql_mode = concat(@@sql_mode, ',NO_BACKSLASH_ESCAPES')", "select '\\'", "select 2" } },
    { "script_sets_it_back",
      "",
      "set @old=@@sql_mode, sql_mode='ansi_quotes'; set sql_mode=@old; select \"\\\";\";",
      { "set @old=@@sql_mode, sql_mode='ansi_quotes'", "set sql_mode=@old", "select \"\\\";\"" } },
    { "dump_sets_modes",
      "n",
      "/*!40101 SET @OLD=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */; select '\\';';",
      { "/*!40101 SET @OLD=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */", "select '\\';'" } },
    { "mode_of_the_server_is_none_of_ours",
      "",
      "set global sql_mode='ansi'; select \"\\\";\";",
      { "set global sql_mode='ansi'", "select \"\\\";\"" } },
    { "user_variable_called_so",
      "",
      "set @sql_mode='ansi'; select \"\\\";\";",
      { "set @sql_mode='ansi'", "select \"\\\";\"" } },

    /* DELIMITER: mysql.cc, com_delimiter */
    { "delimiter_in_quotes", "", "DELIMITER '//'\nselect 1; select 2//\n", { "select 1; select 2" } },
    { "delimiter_with_comment",
      "",
      "DELIMITER // -- set\nselect 1;//\nDELIMITER ; # back\nselect 2",
      { "select 1;", "select 2" } },
    { "delimiter_crlf", "", "DELIMITER //\r\nselect 1;//\r\nDELIMITER ;\r\nselect 2;", { "select 1;", "select 2" } },
    { "delimiter_word", "", "delimiter go\nselect 1 go\nselect 2go", { "select 1", "select 2" } },
    { "delimiter_is_not_set_back", "", "delimiter //\nselect 1;\nselect 2//", { "select 1;\nselect 2" } },
    { "delimiter_at_the_end", "", "select 1;\nDELIMITER //", { "select 1" } },
    { "delimiter_in_comment_and_string", "", "delimiter //\nselect '//' /* // */ -- //\n//", { "select '//'" } },
    { "column_called_delimiter",
      "",
      "create table t (\n  delimiter varchar(1)\n); select 2",
      { "create table t (\n  delimiter varchar(1)\n)", "select 2" } },

    /* stored programs without DELIMITER: MySQL 8.4, 15.6 */
    { "labels_and_handlers",
      "",
      "create procedure p() a: begin declare exit handler for not found, sqlstate value '23000' begin set @x=1; end; "
      "l: loop leave l; end loop l; end a; select 2",
      { "create procedure p() a: begin declare exit handler for not found, sqlstate value '23000' begin set @x=1; end; "
        "l: loop leave l; end loop l; end a",
        "select 2" } },
    { "case_statement_and_expression",
      "",
      "create procedure p() begin case a when 1 then set b = case when c then if(d,1,2) else repeat('x',2) end; else "
      "begin end; end case; end; select 2",
      { "create procedure p() begin case a when 1 then set b = case when c then if(d,1,2) else repeat('x',2) end; else "
        "begin end; end case; end",
        "select 2" } },
    { "body_is_one_if",
      "",
      "create trigger t before insert on x for each row if new.a then set @b=1; else set @b=2; end if; select 2",
      { "create trigger t before insert on x for each row if new.a then set @b=1; else set @b=2; end if",
        "select 2" } },
    { "body_is_one_set_with_if_function",
      "",
      "create trigger t before insert on x for each row set new.a=if(new.b,1,2); select 2",
      { "create trigger t before insert on x for each row set new.a=if(new.b,1,2)", "select 2" } },
    { "trigger_follows",
      "",
      "create trigger t before insert on x for each row follows begin begin set @a=1; end; select 2",
      { "create trigger t before insert on x for each row follows begin begin set @a=1; end", "select 2" } },
    { "columns_begin_and_end",
      "",
      "create procedure p() begin select begin, end from t; update t set end=1; end; select 2",
      { "create procedure p() begin select begin, end from t; update t set end=1; end", "select 2" } },
    { "if_exists_in_a_body",
      "",
      "create procedure if not exists p() begin drop table if exists t; if exists(select 1) then do 1; end if; end; "
      "select 2",
      { "create procedure if not exists p() begin drop table if exists t; if exists(select 1) then do 1; end if; end",
        "select 2" } },
    { "until_with_case",
      "",
      "create procedure p() begin repeat set @a=1; until case when @a then 1 end end repeat; end; select 2",
      { "create procedure p() begin repeat set @a=1; until case when @a then 1 end end repeat; end", "select 2" } },
    { "function_returns_set",
      "",
      "create function f() returns set('a;','b') deterministic return if(1,'a','b'); select 2",
      { "create function f() returns set('a;','b') deterministic return if(1,'a','b')", "select 2" } },
    { "function_of_a_library",
      "",
      "create aggregate function f returns string soname 'x.so'; select 2",
      { "create aggregate function f returns string soname 'x.so'", "select 2" } },
    { "event",
      "",
      "create event e on schedule every 1 day comment 'do;' do begin set @a=1; end; select 2",
      { "create event e on schedule every 1 day comment 'do;' do begin set @a=1; end", "select 2" } },
    { "alter_event",
      "",
      "alter definer=`a`@`b` event e do begin set @a=1; end; alter event e disable; select 2",
      { "alter definer=`a`@`b` event e do begin set @a=1; end", "alter event e disable", "select 2" } },
    { "mariadb_block",
      "m",
      "begin not atomic declare x int; set x=1; end; begin; select 2",
      { "begin not atomic declare x int; set x=1; end", "begin", "select 2" } },
    { "mariadb_block_with_label",
      "m",
      "l: loop leave l; end loop; if 1 then do 1; end if; select 2",
      { "l: loop leave l; end loop", "if 1 then do 1; end if", "select 2" } },
    { "mariadb_for",
      "m",
      "create procedure p() begin for i in 1..3 do set @a=i; end for; for r in (select 1) do do 1; end for; end; "
      "select 2",
      { "create procedure p() begin for i in 1..3 do set @a=i; end for; for r in (select 1) do do 1; end for; end",
        "select 2" } },
    { "oracle_mode",
      "m",
      "create procedure p as x int := 1; begin set x = 2; end; select 2",
      { "create procedure p as x int := 1; begin set x = 2; end", "select 2" } },
    { "oracle_mode_function",
      "m",
      "create function f(a int) return int as begin return a; end; select 2",
      { "create function f(a int) return int as begin return a; end", "select 2" } },
    { "package_between_delimiters",
      "m",
      "delimiter //\ncreate package p as procedure q(); end//\n",
      { "create package p as procedure q(); end" } },
};

typedef struct pieces {
    const char *text;
    const char *const *want;
    size_t count;
} pieces;

static int compare_piece(void *user, const wb_statement *st)
{
    pieces *p = user;
    assert_true(p->count < PIECES_MAX);
    const char *want = p->want[p->count++];
    assert_non_null(want);
    ASSERT_STR(((wb_str){ p->text + st->offset, st->len }), want);
    return 0;
}

static void statements_are_cut(void **state)
{
    const struct split_row *row = *state;
    size_t len = strlen(row->sql);
    char *text = exact_copy(row->sql, len);
    wbl_error err = { 0 };
    wb_sql_options options = options_of(row->flags);
    for (int classify = 0; classify < 2; classify++) {
        pieces p = { text, row->want, 0 };
        int rc = wb_split(&(wb_ctx){ .err = &err }, &options, text, len, classify, compare_piece, &p);
        if (rc != 0)
            print_error("%s\n", err.message);
        assert_int_equal(rc, 0);
        assert_null(row->want[p.count]);
    }
    free(text);
}

/* ---- refused ---- */

static const struct refused_row {
    const char *name, *sql, *message;
    uint32_t line, column;
} refused_rows[] = {
    { "vertical_output", "select 1;\nselect 2\\G\n", "mysql command \\G is not SQL", 2, 9 },
    { "go_command", "select 2 \\g", "mysql command \\g is not SQL", 1, 10 },
    { "include_file", "\n\\. other.sql\n", "mysql command \\. is not SQL", 2, 1 },
    { "source", "select 1;\n  source other.sql\n", "mysql command source is not SQL", 2, 3 },
    { "exit", "exit\n", "mysql command exit is not SQL", 1, 1 },
    { "delimiter_backslash", "delimiter \\\\\nselect 1", "DELIMITER has a backslash in its value", 1, 11 },
    { "delimiter_too_long", "select 1;\ndelimiter 1234567890123456\n", "DELIMITER is longer than 15 bytes", 2, 11 },
    { "delimiter_empty_quotes", "delimiter ''\n", "DELIMITER has no value", 1, 11 },
    { "delimiter_forgotten", "delimiter //\ncreate procedure p() begin end\nDELIMITER ;\nselect 1;",
      "DELIMITER stands inside of a statement: the delimiter before it is missing", 3, 1 },
    { "open_version_comment", "select 1;\n/*!50100 select 2", "version comment has no closing */", 2, 1 },
    { "open_dropped_comment", "/*!99999 select 2", "comment has no closing */", 1, 1 },
    { "statement_ends_in_version_comment", "/*!50100 select 1; select 2 */",
      "a statement ends inside of this version comment", 1, 1 },
    { "open_if", "create trigger t before insert on x for each row if 1 then set @a=1;", "block has no END", 1, 50 },
    { "package", "create package p as procedure q(); end;",
      "CREATE PACKAGE needs a DELIMITER line above it, so that its end can be told", 1, 1 },
};

static int ignore(void *user, const wb_statement *st)
{
    (void)user;
    (void)st;
    return 0;
}

static void faults_are_told_with_their_place(void **state)
{
    const struct refused_row *row = *state;
    size_t len = strlen(row->sql);
    char *text = exact_copy(row->sql, len);
    wbl_error err = { 0 };
    wb_sql_options options = options_of("");
    assert_int_equal(wb_split(&(wb_ctx){ .err = &err }, &options, text, len, false, ignore, NULL), WBL_E_INVALID);
    assert_string_equal(err.message, row->message);
    assert_int_equal(err.line, row->line);
    assert_int_equal(err.column, row->column);
    free(text);
}

/* ---- what a statement is ---- */

/* flags: c commits, m may commit, l may leak, r repeatable, e IF EXISTS, x refuses a transaction */
static const struct class_row {
    const char *name, *sql;
    wb_stmt_class cls;
    const char *flags;
} class_rows[] = {
#define ROW(sql, cls, flags)                                                                                           \
    {                                                                                                                  \
        sql, sql, WB_STMT_##cls, flags                                                                                 \
    }
    ROW("insert into t values (1)", DML, ""),
    ROW("load data infile 'x' into table t", DML, ""),
    ROW("load index into cache t", MAINTENANCE, "cmr"),
    ROW("create table t (a int)", DDL, "cm"),
    ROW("create temporary table t (a int)", DDL, "l"),
    ROW("drop temporary table if exists t", DDL, "le"),
    ROW("create temporary sequence s", DDL, "cm"),
    ROW("alter table t add a int", DDL, "cm"),
    ROW("truncate t", DDL, "cm"),
    ROW("create or replace view v as select 1", DDL, "cmr"),
    ROW("create or replace table t (a int)", DDL, "cm"),
    ROW("/*!50001 create view v as select 1 */", DDL, "cm"),
    ROW("grant select on *.* to u", DDL, "cmr"),
    ROW("set password for u = 'x'", DDL, "cmr"),
    ROW("set default role none to u", DDL, "cmr"),
    ROW("set role none", SESSION, "lr"),
    ROW("install plugin x soname 'y'", DDL, "cm"),
    ROW("select 1", QUERY, ""),
    ROW("select get_lock('a', 1)", QUERY, "l"),
    ROW("select a into @b from t", QUERY, "l"),
    ROW("select @a := 1", QUERY, "l"),
    ROW("select a into outfile 'x' from t", DML, ""),
    ROW("with a as (select 1) update t, a set t.b = 1", DML, ""),
    ROW("with a as (select 1) select * from a", QUERY, ""),
    ROW("table t", QUERY, ""),
    ROW("explain select 1", QUERY, "r"),
    ROW("explain analyze select 1", QUERY, ""),
    ROW("analyze format=json update t set a=1", DML, ""),
    ROW("analyze table t", MAINTENANCE, "cmr"),
    ROW("optimize table t", MAINTENANCE, "cmr"),
    ROW("checksum table t", QUERY, "r"),
    ROW("flush tables", MAINTENANCE, "cmr"),
    ROW("flush tables with read lock", SESSION, "cml"),
    ROW("lock tables t write", SESSION, "cml"),
    ROW("unlock tables", SESSION, "cml"),
    ROW("begin", TXN, "cm"),
    ROW("start transaction read only", TXN, "cm"),
    ROW("commit", TXN, ""),
    ROW("rollback to savepoint a", TXN, ""),
    ROW("xa start 'a'", TXN, ""),
    ROW("set autocommit = 0", TXN, "cmlr"),
    ROW("set @@session.autocommit=1", TXN, "cmlr"),
    ROW("set @autocommit = 1", SESSION, "lr"),
    ROW("set names utf8mb4", SESSION, "lr"),
    ROW("set transaction isolation level read committed", SESSION, "lrx"),
    ROW("set session transaction isolation level read committed", SESSION, "lr"),
    ROW("set sql_log_bin = 0", SESSION, "lrx"),
    ROW("set statement max_statement_time=1 for alter table t add a int", DDL, "cm"),
    ROW("use x", SESSION, "lr"),
    ROW("handler t open", SESSION, "l"),
    ROW("prepare s from 'x'", SESSION, "l"),
    ROW("execute s", ROUTINE, "ml"),
    ROW("execute immediate 'x'", ROUTINE, "ml"),
    ROW("call p()", ROUTINE, "ml"),
    ROW("do sleep(1)", ROUTINE, "l"),
    ROW("begin not atomic do 1; end", ROUTINE, "ml"),
    ROW("l: loop leave l; end loop", ROUTINE, "ml"),
    ROW("kill 5", OTHER, ""),
    ROW("shutdown", OTHER, "cm"),
    ROW("nonsense", OTHER, "m"),
#undef ROW
};

static int take_first(void *user, const wb_statement *st)
{
    *(wb_statement *)user = *st;
    return 1;
}

static void classes_are_told(void **state)
{
    const struct class_row *row = *state;
    wb_sql_options options = options_of("M");
    wb_statement st = { 0 };
    assert_int_equal(wb_split(&(wb_ctx){ 0 }, &options, row->sql, strlen(row->sql), true, take_first, &st), 1);
    assert_int_equal(st.cls, row->cls);
    assert_int_equal(st.commits_implicitly, strchr(row->flags, 'c') != NULL);
    assert_int_equal(st.may_commit, strchr(row->flags, 'm') != NULL);
    assert_int_equal(st.may_leak, strchr(row->flags, 'l') != NULL);
    assert_int_equal(st.is_repeatable, strchr(row->flags, 'r') != NULL);
    assert_int_equal(st.if_exists, strchr(row->flags, 'e') != NULL);
    assert_int_equal(st.refuses != NULL, strchr(row->flags, 'x') != NULL);
}

/* ---- objects and clauses: each as one line of text ---- */

static void add_name(wb_buf *b, wb_str schema, wb_str name)
{
    if (schema.len)
        wb_buf_addf(b, "%.*s.", (int)schema.len, schema.p);
    wb_buf_add(b, name.p, name.len);
}

static void show_objects(const wb_sql_options *o, const char *sql, wb_arena *mem, wb_buf *b)
{
    static const char *const actions[] = { "none", "create", "alter", "drop", "rename", "truncate", "reindex" };
    wb_sql_object *rows;
    size_t count;
    assert_int_equal(wb_sql_objects(&(wb_ctx){ 0 }, mem, o, sql, strlen(sql), &rows, &count), 0);
    for (size_t i = 0; i < count; i++) {
        wb_buf_addf(b, "%s%s %s ", i ? "; " : "", actions[rows[i].action], rows[i].kind);
        add_name(b, rows[i].schema, rows[i].name);
        if (rows[i].new_name.len) {
            wb_buf_str(b, " -> ");
            add_name(b, rows[i].new_schema, rows[i].new_name);
        }
        if (rows[i].table.len && rows[i].table.p != rows[i].name.p) {
            wb_buf_str(b, " on ");
            add_name(b, rows[i].table_schema, rows[i].table);
        }
        if (rows[i].source.len) {
            wb_buf_str(b, " like ");
            add_name(b, rows[i].source_schema, rows[i].source);
        }
        wb_buf_addf(b, "%s%s%s%s", rows[i].is_temporary ? " temporary" : "", rows[i].if_exists ? " if_exists" : "",
                    rows[i].replaces ? " replaces" : "", rows[i].has_rows ? " rows" : "");
    }
}

static void show_clauses(const wb_sql_options *o, const char *sql, wb_arena *mem, wb_buf *b)
{
    wb_sql_clause *rows;
    size_t count;
    assert_int_equal(wb_sql_clauses(&(wb_ctx){ 0 }, mem, o, sql, strlen(sql), &rows, &count), 0);
    for (size_t i = 0; i < count; i++) {
        wb_buf_addf(b, "%s%s %s", i ? "; " : "", rows[i].verb ? rows[i].verb : "?", rows[i].kind ? rows[i].kind : "?");
        wb_buf_addf(b, "%s%s%s", rows[i].is_unique ? " unique" : "", rows[i].index_type ? " " : "",
                    rows[i].index_type ? rows[i].index_type : "");
        if (rows[i].name.len)
            wb_buf_addf(b, " %.*s", (int)rows[i].name.len, rows[i].name.p);
        if (rows[i].new_name.len) {
            wb_buf_str(b, " -> ");
            add_name(b, rows[i].new_schema, rows[i].new_name);
        }
        if (rows[i].rest.len)
            wb_buf_addf(b, " {%.*s}", (int)rows[i].rest.len, rows[i].rest.p);
        if (rows[i].if_exists)
            wb_buf_str(b, " if_exists");
    }
}

static const struct shown_row {
    void (*show)(const wb_sql_options *, const char *, wb_arena *, wb_buf *);
    const char *sql, *want;
} shown_rows[] = {
    { show_objects, "create table if not exists `a`.t (b int)", "create table `a`.t if_exists" },
    { show_objects, "create table t like s.u", "create table t like s.u" },
    { show_objects, "create table t (like u)", "create table t like u" },
    { show_objects, "create table t (a int) engine=innodb as select 1", "create table t rows" },
    { show_objects, "create or replace table t with system versioning", "create table t replaces" },
    { show_objects, "create temporary table t (a int)", "create table t temporary" },
    { show_objects, "create unique index i using btree on d.t (a)", "create index i on d.t" },
    { show_objects, "create or replace algorithm=merge definer='a'@'b' sql security invoker view v as select 1",
      "create view v replaces" },
    { show_objects, "create definer=view@event view v as select 1", "create view v" },
    { show_objects, "create definer = current_user() sql security invoker view v as select 1", "create view v" },
    { show_objects, "create definer = 'a'@'b' sql security definer view v as select 1", "create view v" },
    { show_objects, "create definer=`a`@`%` trigger tr before insert on t for each row set @a=1",
      "create trigger tr on t" },
    { show_objects, "create event e on schedule every 1 day do drop table t", "create event e" },
    { show_objects, "create schema d", "create database d" },
    { show_objects, "create sequence s start with 5", "create sequence s" },
    { show_objects, "create user if not exists 'a'@'%' identified by 'x'", "create user 'a'@'%' if_exists" },
    { show_objects, "/*!50001 create view v as select 1 */", "create view v" },
    { show_objects, "drop table if exists a, d.b, `c` cascade",
      "drop table a if_exists; drop table d.b if_exists; drop table `c` if_exists" },
    { show_objects, "drop index i on t", "drop index i on t" },
    { show_objects, "drop view a, b", "drop view a; drop view b" },
    { show_objects, "drop user a@b, 'c'", "drop user a@b; drop user 'c'" },
    { show_objects, "rename table a to b, d.c to e.f", "rename table a -> b; rename table d.c -> e.f" },
    { show_objects, "truncate table d.t", "truncate table d.t" },
    { show_objects, "alter table t add a int", "alter table t" },
    { show_objects, "alter table t rename to u", "rename table t -> u" },
    { show_objects, "alter table t rename as d.u, algorithm=inplace", "rename table t -> d.u" },
    { show_objects, "alter table t add a int, rename u", "alter table t; rename table t -> u" },
    { show_objects, "alter table t rename column a to b", "alter table t" },
    { show_objects, "alter table if exists t nowait drop a", "alter table t if_exists" },
    { show_objects, "alter database character set utf8mb4", "alter database " },
    { show_objects, "alter database d collate x", "alter database d" },
    { show_objects, "alter event e rename to f", "rename event e -> f" },
    { show_objects, "alter event e on schedule every 1 day do drop table t", "alter event e" },
    { show_objects, "alter procedure p comment 'x'", "alter procedure p" },
    { show_objects, "set statement max_statement_time=1 for drop table t", "drop table t" },
    { show_objects, "insert into t values (1)", "" },
    { show_objects, "create user a@10.0.0.1, b@db.example.com",
      "create user a@10.0.0.1; create user b@db.example.com" },
    { show_objects, "grant select (a), insert on d.t to 'a'@'%', b with grant option",
      "alter grants 'a'@'%'; alter grants b" },
    { show_objects, "grant r to a@localhost", "alter grants a@localhost" },
    { show_objects, "revoke all privileges, grant option from 'a'@'%', `b`", "alter grants 'a'@'%'; alter grants `b`" },

    { show_clauses, "alter table t add a int not null after b, drop column c",
      "add column a {int not null after b}; drop column c" },
    { show_clauses, "alter table t add (a int, b decimal(1,2))", "add column a {int}; add column b {decimal(1,2)}" },
    { show_clauses, "alter table t add column if not exists a int", "add column a {int} if_exists" },
    { show_clauses, "alter table t add index i (a), add key (b), add unique key u (c)",
      "add index i {(a)}; add index {(b)}; add index unique u {(c)}" },
    { show_clauses, "alter table t add fulltext f (a), add spatial index (b)",
      "add index fulltext f {(a)}; add index spatial {(b)}" },
    { show_clauses, "alter table t add primary key (a), drop primary key", "add primary key {(a)}; drop primary key" },
    { show_clauses, "alter table t add constraint c foreign key i (a) references u (b)",
      "add foreign key c {(a) references u (b)}" },
    { show_clauses, "alter table t add foreign key i (a) references u (b)", "add foreign key {(a) references u (b)}" },
    { show_clauses, "alter table t add constraint c check (a > 1), drop constraint d",
      "add check c {(a > 1)}; drop constraint d" },
    { show_clauses, "alter table t add constraint unique (a)", "add index unique {(a)}" },
    { show_clauses, "alter table t modify a int, change b c int first",
      "modify column a {int}; change column b -> c {int first}" },
    { show_clauses, "alter table t rename column a to b, rename index i to j, rename to u",
      "rename column a -> b; rename index i -> j; rename table -> u" },
    { show_clauses, "alter table t alter column a set default (1+1), alter index i invisible",
      "alter column a {set default (1+1)}; alter index i {invisible}" },
    { show_clauses, "alter table t engine=InnoDB row_format = dynamic, comment='a,b'",
      "set engine {InnoDB}; set row_format {dynamic}; set comment {'a,b'}" },
    { show_clauses, "alter table t page_compressed=1 compression='zlib'",
      "set page_compressed {1}; set compression {'zlib'}" },
    { show_clauses, "alter table t auto_increment=5, algorithm=instant, lock none",
      "set auto_increment {5}; set algorithm {instant}; set lock {none}" },
    { show_clauses, "alter table t convert to character set utf8mb4 collate x", "convert charset {utf8mb4 collate x}" },
    { show_clauses, "alter table t default charset=utf8mb4 collate=x", "set charset {utf8mb4}; set collate {x}" },
    { show_clauses, "alter table t order by a, b", "order rows {a, b}" },
    { show_clauses, "alter table t add partition (partition p values less than (5), partition q values less than (6))",
      "add partition {(partition p values less than (5), partition q values less than (6))}" },
    { show_clauses, "alter table t drop partition p, q", "drop partition p {, q}" },
    { show_clauses, "alter table t partition by hash(a) partitions 4", "set partitioning {hash(a) partitions 4}" },
    { show_clauses, "alter table t remove partitioning", "remove partitioning" },
    { show_clauses, "alter table t disable keys", "disable keys" },
    { show_clauses, "alter table t force", "force table" },
    { show_clauses, "create unique index i on t (a) algorithm=inplace lock=none",
      "add index unique i {(a)}; set algorithm {inplace}; set lock {none}" },
    { show_clauses, "drop index i on t lock = none", "drop index i; set lock {none}" },
    { show_clauses, "create table t (a int)", "" },
};

static void parts_are_told(void **state)
{
    const struct shown_row *row = *state;
    WB_AUTOARENA wb_arena mem = { 0 };
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    wb_sql_options options = options_of("M");
    char *text = exact_copy(row->sql, strlen(row->sql) + 1);
    row->show(&options, text, &mem, &b);
    const char *got = wb_buf_cstr(&b);
    assert_non_null(got);
    assert_string_equal(got, row->want);
    free(text);
}

/* ---- the whole script ---- */

static wb_script_facts facts_of(const char *sql)
{
    wb_script_facts f = { 0 };
    wb_sql_options options = options_of("m");
    assert_int_equal(wb_script_scan(&(wb_ctx){ 0 }, &options, sql, strlen(sql), &f), 0);
    return f;
}

static void scripts_tell_whether_they_may_commit(void **state)
{
    (void)state;
    assert_false(facts_of("insert into t values (1); update t set a=2").may_commit);
    assert_false(facts_of("set names utf8mb4; insert into t values (1)").may_commit);
    assert_false(facts_of("begin; insert into t values (1); commit").may_commit);
    assert_true(facts_of("insert into t values (1); create table u (a int)").may_commit);
    assert_true(facts_of("call p()").may_commit);
    assert_true(facts_of("lock tables t write").may_commit);
    assert_int_equal(facts_of("begin; insert into t values (1); commit").shape, WB_SHAPE_OUTER);
    assert_int_equal(facts_of("set autocommit=0; insert into t values (1); commit").shape, WB_SHAPE_SELF_MANAGED);
    assert_int_equal(facts_of("xa start 'a'; insert into t values (1); xa end 'a'").shape, WB_SHAPE_SELF_MANAGED);
    assert_true(facts_of("delimiter //\nselect 1//").has_client_lines);
}

static void hash_of(const char *flags, const char *sql, char out[65])
{
    wb_sql_options options = options_of(flags);
    wb_sql_token_hash(&options, sql, strlen(sql), out);
}

static void checksum_is_the_same_on_every_server(void **state)
{
    (void)state;
    static const char sql[] = "/*!80000 select 1 */; /*M! x */ select /*+ h */ $$a;b$$; /*!999999\\- x */";
    static const char *const flags[] = { "8", "5", "m", "M" };
    char first[65], other[65];
    hash_of("", sql, first);
    for (size_t i = 0; i < WB_COUNT(flags); i++) {
        hash_of(flags[i], sql, other);
        assert_string_equal(first, other);
    }
    hash_of("", "select /*+ a */ 1", first);
    hash_of("", "select /*+ b */ 1", other);
    assert_string_not_equal(first, other);
    hash_of("", "select /* a */ 1", first);
    hash_of("", "select # b\n 1", other);
    assert_string_equal(first, other);
}

static const char *value_of(void *user, const char *name)
{
    (void)user;
    return strcmp(name, "v") == 0 ? "it's \\" : NULL;
}

static const struct variable_row {
    const char *name, *sql, *want; /* NULL: refused */
} variable_rows[] = {
    { "variable_in_a_statement", "create table ${v:ident} (a text) comment ${v:literal};",
      "create table `it's \\` (a text) comment _utf8mb4 x'69742773205c';" },
    { "variable_between_delimiters", "DELIMITER $$\nselect ${v:literal} $$\nDELIMITER ;\nselect 1;",
      "DELIMITER $$\nselect _utf8mb4 x'69742773205c' $$\nDELIMITER ;\nselect 1;" },
    { "variable_in_quotes_between_delimiters", "DELIMITER $$\nselect '${v:literal}' $$\nDELIMITER ;\n", NULL },
    { "variable_in_a_double_quoted_string", "select \"${v:literal}\"", NULL },
    { "variable_in_comments", "# ${v:ident}\nselect 1 /* ${v} */ -- ${v}",
      "# ${v:ident}\nselect 1 /* ${v} */ -- ${v}" },
};

static void variables_are_filled_in(void **state)
{
    const struct variable_row *row = *state;
    static const char *const names[] = { "v" };
    const wb_directives d = { .variables = names, .variable_count = 1 };
    wb_sql_options options = options_of("");
    wbl_error err = { 0 };
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    int rc = wb_variables_apply(&(wb_ctx){ .err = &err }, &options, &d, row->sql, strlen(row->sql), value_of, NULL, &b);
    assert_int_equal(rc, row->want ? 0 : WBL_E_INVALID);
    if (row->want)
        assert_string_equal(wb_buf_cstr(&b), row->want);
}

static void batch_is_filled_in(void **state)
{
    (void)state;
    static const char sql[] = "delete from `:batch` where a = ':batch' /* :batch */ limit :batch # :batch";
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    wb_sql_options options = options_of("");
    wb_batch_fill(&options, sql, strlen(sql), 500, &b);
    assert_string_equal(wb_buf_cstr(&b), "delete from `:batch` where a = ':batch' /* :batch */ limit 500 # :batch");
}

static void names_keep_their_case(void **state)
{
    (void)state;
    WB_AUTOARENA wb_arena mem = { 0 };
    assert_string_equal(wb_sql_name(&mem, MY, (wb_str){ "Orders", 6 }), "Orders");
    assert_string_equal(wb_sql_name(&mem, MY, (wb_str){ "`Or``d`", 7 }), "Or`d");
}

int main(void)
{
    static struct CMUnitTest tests[WB_COUNT(split_rows) + WB_COUNT(refused_rows) + WB_COUNT(class_rows) +
                                   WB_COUNT(shown_rows) + WB_COUNT(variable_rows) + 4];
    size_t n = 0;
    ROW_TESTS(split_rows, statements_are_cut);
    ROW_TESTS(refused_rows, faults_are_told_with_their_place);
    ROW_TESTS(class_rows, classes_are_told);
    for (size_t i = 0; i < WB_COUNT(shown_rows); i++)
        tests[n++] = (struct CMUnitTest){ shown_rows[i].sql, parts_are_told, NULL, NULL, (void *)&shown_rows[i] };
    ROW_TESTS(variable_rows, variables_are_filled_in);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(batch_is_filled_in);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(names_keep_their_case);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(scripts_tell_whether_they_may_commit);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(checksum_is_the_same_on_every_server);
    return _cmocka_run_group_tests("mysql", tests, n, NULL, NULL);
}
