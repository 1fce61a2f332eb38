/* test_split.c - where statements begin and end, in each dialect; what is refused, with its place. */
#include "rows.h"

enum { PIECES_MAX = 6 };

static const struct split_row {
    const char *name;
    wb_dialect dialect;
    bool backslash_quotes;
    const char *sql;
    const char *want[PIECES_MAX + 1];
} split_rows[] = {
    /* ---- every dialect ---- */
    { "empty_text", PG, false, "", { NULL } },
    { "blanks_only", PG, false, " \n\t\r\n", { NULL } },
    { "comments_only", PG, false, "-- nothing\n/* x */", { NULL } },
    { "empty_statements", PG, false, ";;; select 1;;", { "select 1" } },
    { "one_without_semicolon", PG, false, "select 1", { "select 1" } },
    { "two", PG, false, "SELECT 1; SELECT 2;", { "SELECT 1", "SELECT 2" } },
    { "two_without_blank", PG, false, "select 1;select 2", { "select 1", "select 2" } },
    { "last_without_semicolon", PG, false, "select 1;\nselect 2\n", { "select 1", "select 2" } },
    { "comment_before_is_not_part", PG, false, "-- a\n/* b */ select 1;", { "select 1" } },
    { "comment_inside_is_part", PG, false, "select /* ; */ 1;", { "select /* ; */ 1" } },
    { "comment_behind_is_not_part", PG, false, "select 1 -- end;\n;", { "select 1" } },
    { "comments_behind_are_not_part", PG, false, "select 1 /* a */ -- b\n /* c */", { "select 1" } },
    { "comment_between_tokens_and_behind", PG, false, "select /* a */ 1 -- b", { "select /* a */ 1" } },
    { "semicolon_in_string", PG, false, "SELECT ';';", { "SELECT ';'" } },
    { "doubled_quote", PG, false, "select 'it''s;'; select 2", { "select 'it''s;'", "select 2" } },
    { "semicolon_in_name", PG, false, "select \"a;\"\"b\"; select 2", { "select \"a;\"\"b\"", "select 2" } },
    { "line_comment_with_quote",
      PG,
      false,
      "select 1 -- it's\n, 2; select 3",
      { "select 1 -- it's\n, 2", "select 3" } },
    { "line_comment_at_end_of_text", PG, false, "select 1; -- it's", { "select 1" } },
    { "crlf_and_mark",
      PG,
      false,
      "\xEF\xBB\xBF"
      "select 1;\r\nselect 2;\r\n",
      { "select 1", "select 2" } },
    { "minus_minus_blank_minus", PG, false, "select 1 - -1; select 2", { "select 1 - -1", "select 2" } },
    { "division_is_no_comment", PG, false, "select 4/2; select 2", { "select 4/2", "select 2" } },
    { "utf8_words", PG, false, "select \xC3\xA4; select 'ö;'", { "select \xC3\xA4", "select 'ö;'" } },

    /* ---- PostgreSQL ---- */
    { "pg_dollar_quote", PG, false, "DO $$ begin; end $$; select 1", { "DO $$ begin; end $$", "select 1" } },
    { "pg_dollar_quote_spans_lines", PG, false, "DO $x$\n\nBEGIN; END\n$x$;", { "DO $x$\n\nBEGIN; END\n$x$" } },
    { "pg_dollar_quote_in_another",
      PG,
      false,
      "do $a$ $b$;$b$ ; $$;$$ $a$; select 1",
      { "do $a$ $b$;$b$ ; $$;$$ $a$", "select 1" } },
    { "pg_dollar_tag_is_case_sensitive", PG, false, "do $A$ ;$a$; $A$; select 1", { "do $A$ ;$a$; $A$", "select 1" } },
    { "pg_dollar_tag_with_digit", PG, false, "do $a1$ ; $a1$; select 1", { "do $a1$ ; $a1$", "select 1" } },
    { "pg_dollar_in_name",
      PG,
      false,
      "select a$b$c from t; select 2;$x$;$x$",
      { "select a$b$c from t", "select 2", "$x$;$x$" } },
    { "pg_dollar_at_end_of_name", PG, false, "select 1 from a$$; select 2", { "select 1 from a$$", "select 2" } },
    { "pg_dollar_in_first_word", PG, false, "x$$y; select 2", { "x$$y", "select 2" } },
    { "pg_dollar_right_behind_string", PG, false, "select 'a'$$;$$; select 2", { "select 'a'$$;$$", "select 2" } },
    { "pg_dollar_right_behind_paren", PG, false, "select f($$;$$); select 2", { "select f($$;$$)", "select 2" } },
    { "pg_parameters",
      PG,
      false,
      "prepare p as select $1, $2; execute p(1)",
      { "prepare p as select $1, $2", "execute p(1)" } },
    { "pg_dollar_behind_number", PG, false, "select 1$$; select 2", { "select 1$$", "select 2" } },
    { "pg_dollar_before_escape_string", PG, false, "select $E'\\';'; select 2", { "select $E'\\';'", "select 2" } },
    { "pg_mark_inside_is_a_word", PG, false, "select 1; \xEF\xBB\xBFx", { "select 1", "\xEF\xBB\xBFx" } },
    { "pg_bits_with_backslash_off", PG, true, "select b'\\';'; select 2", { "select b'\\';'", "select 2" } },
    { "pg_lone_dollar", PG, false, "select $ ; select 2", { "select $", "select 2" } },
    { "pg_nested_comment", PG, false, "/* a /* ; */ ; */ select 1; -- ;\nselect 2", { "select 1", "select 2" } },
    { "pg_comment_opener_twice", PG, false, "/*/* ; */*/ select 1; select 2", { "select 1", "select 2" } },
    { "pg_comment_slash_star_slash", PG, false, "/*/ ; */ select 1", { "select 1" } },
    { "pg_comment_behind_operator", PG, false, "select 1 */* ; */ 2; select 2", { "select 1 */* ; */ 2", "select 2" } },
    { "pg_line_comment_behind_operator",
      PG,
      false,
      "select 1 +-- ;\n 2; select 2",
      { "select 1 +-- ;\n 2", "select 2" } },
    { "pg_line_comment_in_block", PG, false, "/* -- */ select 1; select 2", { "select 1", "select 2" } },
    { "pg_escape_string", PG, false, "select E'it\\'s;'; select 2", { "select E'it\\'s;'", "select 2" } },
    { "pg_escape_string_lower", PG, false, "select e'it\\'s;'; select 2", { "select e'it\\'s;'", "select 2" } },
    { "pg_escape_string_first", PG, false, "E'\\';'; select 2", { "E'\\';'", "select 2" } },
    { "pg_escape_string_behind_paren", PG, false, "select (E'\\';'); select 2", { "select (E'\\';')", "select 2" } },
    { "pg_escape_string_continued",
      PG,
      false,
      "select E'a'\n  'it\\'s;'; select 2",
      { "select E'a'\n  'it\\'s;'", "select 2" } },
    { "pg_escape_string_continued_over_comment",
      PG,
      false,
      "select E'a' -- x\n  'it\\'s;'; select 2",
      { "select E'a' -- x\n  'it\\'s;'", "select 2" } },
    { "pg_escape_string_not_continued_on_its_line",
      PG,
      false,
      "select E'a' 'b\\'; select 2",
      { "select E'a' 'b\\'", "select 2" } },
    { "pg_name_that_ends_in_e", PG, false, "select date'\\'; select 2", { "select date'\\'", "select 2" } },
    { "pg_plain_string_ends_with_backslash", PG, false, "select '\\'; select 2", { "select '\\'", "select 2" } },
    { "pg_plain_string_with_backslash_off", PG, true, "select '\\'; select 2'", { "select '\\'; select 2'" } },
    { "pg_adjacent_strings", PG, false, "select 'a;'\n';b'; select 2", { "select 'a;'\n';b'", "select 2" } },
    { "pg_bit_hex_national_strings",
      PG,
      false,
      "select B'0', X'1f', N';'; select 2",
      { "select B'0', X'1f', N';'", "select 2" } },
    { "pg_unicode_string",
      PG,
      false,
      "select U&'d\\0061;ta' UESCAPE '!'; select 2",
      { "select U&'d\\0061;ta' UESCAPE '!'", "select 2" } },
    { "pg_unicode_name", PG, false, "select U&\"d\\0061;ta\" ; select 2", { "select U&\"d\\0061;ta\"", "select 2" } },
    { "pg_unicode_string_keeps_backslash", PG, false, "select U&'a\\'; select 2", { "select U&'a\\'", "select 2" } },
    { "pg_rule_with_parentheses",
      PG,
      false,
      "create rule r as on insert to t do also (insert into u values(1); insert into u values(2)); select 1",
      { "create rule r as on insert to t do also (insert into u values(1); insert into u values(2))", "select 1" } },
    { "pg_or_replace_rule",
      PG,
      false,
      "create or replace rule r as on delete to t do (delete from u; delete from w);",
      { "create or replace rule r as on delete to t do (delete from u; delete from w)" } },
    { "pg_rule_without_parentheses",
      PG,
      false,
      "create rule r as on insert to t do nothing; select 1",
      { "create rule r as on insert to t do nothing", "select 1" } },
    { "pg_open_parenthesis_elsewhere", PG, false, "select (1; select 2", { "select (1", "select 2" } },
    { "pg_begin_atomic_with_case",
      PG,
      false,
      "create function f() returns int begin atomic select case when true then 1 else 2 end; select 2; end; select 3",
      { "create function f() returns int begin atomic select case when true then 1 else 2 end; select 2; end",
        "select 3" } },
    { "pg_begin_atomic_nested_case",
      PG,
      false,
      "create function f() returns int begin atomic select case when a then case b when 1 then 2 end end; end; select "
      "3",
      { "create function f() returns int begin atomic select case when a then case b when 1 then 2 end end; end",
        "select 3" } },
    { "pg_begin_atomic_procedure",
      PG,
      false,
      "create or replace procedure p() begin atomic insert into t values(1); insert into t values (2); end; commit",
      { "create or replace procedure p() begin atomic insert into t values(1); insert into t values (2); end",
        "commit" } },
    { "pg_begin_atomic_empty",
      PG,
      false,
      "create procedure p() begin atomic end; select 1",
      { "create procedure p() begin atomic end", "select 1" } },
    { "pg_begin_atomic_label_end",
      PG,
      false,
      "create function f() returns int begin atomic select 1 as end; end; select 2",
      { "create function f() returns int begin atomic select 1 as end; end", "select 2" } },
    { "pg_begin_atomic_label_case",
      PG,
      false,
      "create function f() returns int begin atomic select 1 as case; end; select 2",
      { "create function f() returns int begin atomic select 1 as case; end", "select 2" } },
    { "pg_begin_atomic_column_begin",
      PG,
      false,
      "create function f() returns int begin atomic select begin from t; end; select 2",
      { "create function f() returns int begin atomic select begin from t; end", "select 2" } },
    { "pg_begin_atomic_quoted_end",
      PG,
      false,
      "create function f() returns int begin atomic select \"end\"; select 'end;'; end; select 1",
      { "create function f() returns int begin atomic select \"end\"; select 'end;'; end", "select 1" } },
    { "pg_begin_atomic_comment_before_end",
      PG,
      false,
      "create function f() returns int begin atomic select 1; -- end;\n end; select 1",
      { "create function f() returns int begin atomic select 1; -- end;\n end", "select 1" } },
    { "pg_function_named_begin",
      PG,
      false,
      "create function begin(atomic int) returns int language sql as 'select 1'; end",
      { "create function begin(atomic int) returns int language sql as 'select 1'", "end" } },
    { "pg_parameter_begin_of_type_atomic",
      PG,
      false,
      "create function f(begin atomic) returns int return 1; end",
      { "create function f(begin atomic) returns int return 1", "end" } },
    { "pg_function_return_body",
      PG,
      false,
      "create function f() returns int return case when true then 1 end; select 2",
      { "create function f() returns int return case when true then 1 end", "select 2" } },
    { "pg_function_dollar_body",
      PG,
      false,
      "create function f() returns int as $$ begin; end; $$ language plpgsql; select 2",
      { "create function f() returns int as $$ begin; end; $$ language plpgsql", "select 2" } },
    { "pg_begin_and_atomic_outside_function",
      PG,
      false,
      "begin; select 1 as atomic; end;",
      { "begin", "select 1 as atomic", "end" } },
    { "pg_create_cut_short",
      PG,
      false,
      "create; create or replace; select 1",
      { "create", "create or replace", "select 1" } },
    { "pg_schema_with_elements",
      PG,
      false,
      "create schema s create table t(a int) create view v as select 1; select 2",
      { "create schema s create table t(a int) create view v as select 1", "select 2" } },
    { "pg_operators",
      PG,
      false,
      "select '{}'::jsonb #- '{a}' ?| array['b']; select 2",
      { "select '{}'::jsonb #- '{a}' ?| array['b']", "select 2" } },
    { "pg_array_slice", PG, false, "select a[1:2]; select 2", { "select a[1:2]", "select 2" } },
    { "pg_tick_is_an_operator", PG, false, "select a ` b; select 2", { "select a ` b", "select 2" } },
    { "pg_copy_to_stdout", PG, false, "copy t to stdout; select 1", { "copy t to stdout", "select 1" } },
    { "pg_copy_from_file", PG, false, "copy t from '/x;y'; select 1", { "copy t from '/x;y'", "select 1" } },
    { "pg_copy_from_program",
      PG,
      false,
      "copy t from program 'x'; select 1",
      { "copy t from program 'x'", "select 1" } },
    { "pg_copy_query_from_stdin_table",
      PG,
      false,
      "copy (select a from stdin) to stdout; select 1",
      { "copy (select a from stdin) to stdout", "select 1" } },
    { "pg_restrict_lines", PG, false, "\\restrict aBc'\nselect 1;\n\\unrestrict aBc'\n", { "select 1" } },
    { "pg_statement_named_copy_later",
      PG,
      false,
      "comment on table t is 'copy'; select 1",
      { "comment on table t is 'copy'", "select 1" } },

    /* ---- SQLite ---- */
    { "lite_trigger",
      LITE,
      false,
      "create trigger tr after insert on t begin insert into u values(1); select case when 1 then 2 end; end; select "
      "1;",
      { "create trigger tr after insert on t begin insert into u values(1); select case when 1 then 2 end; end",
        "select 1" } },
    { "lite_temp_trigger",
      LITE,
      false,
      "create temp trigger if not exists tr after update on t begin delete from u; end; select 1;",
      { "create temp trigger if not exists tr after update on t begin delete from u; end", "select 1" } },
    { "lite_trigger_when_case",
      LITE,
      false,
      "CREATE TRIGGER a AFTER INSERT ON t WHEN case new.x when 1 then 1 end BEGIN SELECT 1; END; SELECT 2",
      { "CREATE TRIGGER a AFTER INSERT ON t WHEN case new.x when 1 then 1 end BEGIN SELECT 1; END", "SELECT 2" } },
    { "lite_trigger_column_end",
      LITE,
      false,
      "create trigger a after insert on t begin insert into u(end) values(1); end; select 2",
      { "create trigger a after insert on t begin insert into u(end) values(1); end", "select 2" } },
    { "lite_trigger_comment_before_end",
      LITE,
      false,
      "create trigger a after insert on t begin select 1; /* x */ end /* y */; select 2",
      { "create trigger a after insert on t begin select 1; /* x */ end", "select 2" } },
    { "lite_explain_trigger",
      LITE,
      false,
      "explain create trigger a after insert on t begin select 1; end; select 2",
      { "explain create trigger a after insert on t begin select 1; end", "select 2" } },
    { "lite_table_named_trigger_words",
      LITE,
      false,
      "create table \"trigger\"(a); drop trigger x; select 2",
      { "create table \"trigger\"(a)", "drop trigger x", "select 2" } },
    { "lite_quoted_names",
      LITE,
      false,
      "create table [a;b](\"c;\" text default 'x;y', `d;`); select 1;",
      { "create table [a;b](\"c;\" text default 'x;y', `d;`)", "select 1" } },
    { "lite_columns_begin_end",
      LITE,
      false,
      "create table t(\"begin\" int, end int); insert into t(\"end\") values(1);",
      { "create table t(\"begin\" int, end int)", "insert into t(\"end\") values(1)" } },
    { "lite_open_comment_at_end", LITE, false, "select 1; /* trailing", { "select 1" } },
    { "lite_comments_do_not_nest", LITE, false, "/* a /* b */ select 1; select 2", { "select 1", "select 2" } },
    { "lite_backslash_is_nothing", LITE, false, "select '\\'; select 2", { "select '\\'", "select 2" } },
    { "lite_dollar_is_nothing", LITE, false, "select $a, $$; select 2", { "select $a, $$", "select 2" } },
    { "lite_blob", LITE, false, "select x'3b', ';'; select 2", { "select x'3b', ';'", "select 2" } },
    { "lite_mark_between",
      LITE,
      false,
      "select 1;\xEF\xBB\xBF"
      "select 2",
      { "select 1", "select 2" } },
    { "lite_mark_at_end", LITE, false, "select 1;\n\xEF\xBB\xBF", { "select 1" } },
    { "lite_begin_end", LITE, false, "begin; select 1; end;", { "begin", "select 1", "end" } },
    { "lite_semicolon_in_parentheses_ends", LITE, false, "select (1; select 2", { "select (1", "select 2" } },

    /* ---- MySQL ---- */
    { "my_delimiter_slashes",
      MY,
      false,
      "DELIMITER //\ncreate procedure p() begin select 1; select 2; end//\nDELIMITER ;\nselect 3;",
      { "create procedure p() begin select 1; select 2; end", "select 3" } },
    { "my_delimiter_dollars",
      MY,
      false,
      "delimiter $$\ncreate trigger t before insert on x for each row begin set new.a=1; end$$\ndelimiter ;\nselect 3;",
      { "create trigger t before insert on x for each row begin set new.a=1; end", "select 3" } },
    { "my_delimiter_of_mysqldump",
      MY,
      false,
      "DELIMITER ;;\nselect 1; select 2;;\nDELIMITER ;\nselect 3;",
      { "select 1; select 2", "select 3" } },
    { "my_delimiter_in_string",
      MY,
      false,
      "delimiter //\nselect '//'//\ndelimiter ;\nselect 3",
      { "select '//'", "select 3" } },
    { "my_trigger_without_delimiter",
      MY,
      false,
      "create trigger t before insert on x for each row begin if new.a=1 then set new.a=2; end if; case new.a when 1 "
      "then set new.b=1; end case; end; select 1;",
      { "create trigger t before insert on x for each row begin if new.a=1 then set new.a=2; end if; case new.a when 1 "
        "then set new.b=1; end case; end",
        "select 1" } },
    { "my_procedure_with_loops",
      MY,
      false,
      "create procedure p() begin l: loop if i>3 then leave l; end if; end loop; while i<9 do set i=i+1; end while; "
      "repeat set i=i+1; until i>20 end repeat; select if(i>1,'a;','b'), repeat('x',3), case when i>1 then 2 end; end; "
      "select 1;",
      { "create procedure p() begin l: loop if i>3 then leave l; end if; end loop; while i<9 do set i=i+1; end while; "
        "repeat set i=i+1; until i>20 end repeat; select if(i>1,'a;','b'), repeat('x',3), case when i>1 then 2 end; "
        "end",
        "select 1" } },
    { "my_definer",
      MY,
      false,
      "CREATE DEFINER=`root`@`%` PROCEDURE p() BEGIN SELECT 1; END; SELECT 2",
      { "CREATE DEFINER=`root`@`%` PROCEDURE p() BEGIN SELECT 1; END", "SELECT 2" } },
    { "my_table_named_like_a_form",
      MY,
      false,
      "create table event (a int); select 1",
      { "create table event (a int)", "select 1" } },
    { "my_hash_comment", MY, false, "select 1; # c;\nselect 2;", { "select 1", "select 2" } },
    { "my_dashes_need_a_blank", MY, false, "select 5--1; select 2;", { "select 5--1", "select 2" } },
    { "my_dashes_and_tab", MY, false, "select 5--\t1;\n; select 2;", { "select 5", "select 2" } },
    { "my_version_comment_is_content",
      MY,
      false,
      "/*!40101 SET NAMES utf8 */;\n/*!50003 create trigger x before insert on t for each row set new.a=1 */;",
      { "/*!40101 SET NAMES utf8 */", "/*!50003 create trigger x before insert on t for each row set new.a=1 */" } },
    { "my_mariadb_comment_is_a_comment", MY, false, "/*M!100100 select 1 */; /*M x */", { NULL } },
    { "my_backslash_strings",
      MY,
      true,
      "select 'a\\';'; select \"b\\\";\"; select `a;``b`;",
      { "select 'a\\';'", "select \"b\\\";\"", "select `a;``b`" } },
    { "my_no_backslash_escapes", MY, false, "select 'a\\'; select 2", { "select 'a\\'", "select 2" } },
    { "my_comments_do_not_nest", MY, false, "/* a /* b */ select 1;", { "select 1" } },
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
    assert_int_equal(st->index, p->count);
    ASSERT_STR(((wb_str){ p->text + st->offset, st->len }), want);
    return 0;
}

static void statements_are_cut(void **state)
{
    const struct split_row *row = *state;
    size_t len = strlen(row->sql);
    char *text = exact_copy(row->sql, len);
    wbl_error err = { 0 };
    wb_ctx cx = { .err = &err };
    wb_sql_options options = { .dialect = row->dialect, .backslash_quotes = row->backslash_quotes };
    for (int classify = 0; classify < 2; classify++) {
        pieces p = { text, row->want, 0 };
        assert_int_equal(wb_split(&cx, &options, text, len, classify, compare_piece, &p), 0);
        assert_null(row->want[p.count]);
    }
    free(text);
}

/* ---- refused ---- */

static const struct refused_row {
    const char *name;
    wb_dialect dialect;
    const char *sql;
    size_t len; /* 0: up to the NUL */
    const char *message;
    uint32_t line, column;
} refused_rows[] = {
    { "open_string", PG, "select 1;\n select 'a", 0, "string has no closing quote", 2, 9 },
    { "open_string_as_first_token", PG, "select 1;\n 'a", 0, "string has no closing quote", 2, 2 },
    { "open_name", PG, "select \"a", 0, "quoted name has no closing quote", 1, 8 },
    { "open_comment", PG, "select 1 /* a /* b */", 0, "comment has no closing */", 1, 10 },
    { "open_dollar_quote", PG, "do $a$ $b$ a$", 0, "dollar quote is never closed", 1, 4 },
    { "open_atomic", PG, "create function f()\nbegin atomic select 1;", 0, "BEGIN ATOMIC has no END", 2, 7 },
    { "nul_byte", PG, "select 1;\na\0b", 12, "text holds a NUL byte", 2, 2 },
    { "connect", PG, "select 1;\n\\connect app", 0, "psql command \\connect is not SQL", 2, 1 },
    { "include", PG, "\\i other.sql", 0, "psql command \\i is not SQL", 1, 1 },
    { "include_without_blank", PG, "\\i;", 0, "psql command \\i is not SQL", 1, 1 },
    { "gexec_behind_a_statement", PG, "select 1 \\gexec", 0, "psql command \\gexec is not SQL", 1, 10 },
    { "client_command_in_a_function", PG, "create function f() \\x", 0, "psql command \\x is not SQL", 1, 21 },
    { "data_end_without_copy", PG, "select 1;\n\\.\n", 0, "psql command \\. is not SQL", 2, 1 },
    { "copy_without_end", PG, "copy t from stdin;\n1\n", 0, "data of COPY ... FROM STDIN has no end", 1, 1 },
    { "copy_without_data", PG, "copy t from stdin", 0, "COPY ... FROM STDIN has no data", 1, 1 },
    { "copy_without_line", PG, "copy t from stdin;", 0, "COPY ... FROM STDIN has no data", 1, 1 },
    { "copy_with_text_behind", PG, "copy t from stdin; select 1;\n\\.\n", 0,
      "text behind COPY ... FROM STDIN; on the same line", 1, 20 },
    { "lite_open_string", LITE, "select 'a", 0, "string has no closing quote", 1, 8 },
    { "lite_open_bracket", LITE, "select [a", 0, "quoted name has no closing quote", 1, 8 },
    { "lite_open_trigger", LITE, "create trigger a after insert on t begin select 1; select case end", 0,
      "BEGIN of the trigger has no END", 1, 36 },
    { "my_open_tick", MY, "select `a", 0, "quoted name has no closing quote", 1, 8 },
    { "my_open_comment", MY, "/* a", 0, "comment has no closing */", 1, 1 },
    { "my_open_block", MY, "create procedure p() begin select 1;", 0, "BEGIN has no END", 1, 22 },
    { "my_delimiter_without_value", MY, "select 1;\ndelimiter \n", 0, "DELIMITER has no value", 2, 10 },
    { "my_delimiter_with_blank", MY, "delimiter a b\n", 0, "text behind the value of DELIMITER", 1, 12 },
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
    size_t len = row->len ? row->len : strlen(row->sql);
    char *text = exact_copy(row->sql, len);
    wbl_error err = { 0 };
    wb_ctx cx = { .err = &err };
    wb_sql_options options = { .dialect = row->dialect };
    assert_int_equal(wb_split(&cx, &options, text, len, false, ignore, NULL), WBL_E_INVALID);
    assert_string_equal(err.message, row->message);
    assert_int_equal(err.line, row->line);
    assert_int_equal(err.column, row->column);
    assert_int_equal(err.effect, WBL_EFFECT_NONE);

    wbl_error shifted = { 0 };
    options.first_line = 11;
    assert_int_equal(wb_split(&(wb_ctx){ .err = &shifted }, &options, text, len, false, ignore, NULL), WBL_E_INVALID);
    assert_int_equal(shifted.line, row->line + 10);
    free(text);
}

/* ---- data of COPY ---- */

static const struct copy_row {
    const char *name, *sql;
    const char *data; /* NULL: none */
} copy_rows[] = {
    { "copy_text", "copy t from stdin;\n1\t;x\n\\.\nselect 1;", "1\t;x\n" },
    { "copy_empty", "copy t from stdin;\n\\.\nselect 1;", "" },
    { "copy_crlf", "copy t from stdin;\r\n1\r\n\\.\r\nselect 1;", "1\r\n" },
    { "copy_with_options", "copy t(a,b) from stdin with (format csv);\n1,'\n\\.\nselect 1;", "1,'\n" },
    { "copy_old_options", "COPY public.t (a) FROM stdin WITH DELIMITER ';' CSV;\n1;2\n\\.\nselect 1;", "1;2\n" },
    { "copy_from_stdout_is_the_same", "copy t from stdout;\n1\n\\.\nselect 1;", "1\n" },
    { "copy_comment_behind", "copy t from stdin; -- x\n1\n\\.\nselect 1;", "1\n" },
    { "copy_end_mark_inside_a_line", "copy t from stdin;\na\\.\n\\.b\n \\.\n\\.\nselect 1;", "a\\.\n\\.b\n \\.\n" },
    { "copy_column_named_binary", "copy t(binary) from stdin;\n1\n\\.\nselect 1;", "1\n" },
    { "copy_binary_old", "copy binary t from stdin; select 1", NULL },
    { "copy_binary_behind", "copy t from stdin with binary; select 1", NULL },
    { "copy_binary", "copy t from stdin with (format binary); select 1", NULL },
    { "copy_binary_quoted", "copy t from stdin (format 'binary'); select 1", NULL },
    { "copy_to", "copy t to stdout; select 1", NULL },
    { "copy_file", "copy t from 'stdin'; select 1", NULL },
    { "copy_end_of_text_behind_data", "select 1; copy t from stdin;\n1\n\\.", "1\n" },
};

typedef struct copy_seen {
    const char *text;
    const struct copy_row *row;
    uint32_t statements;
    bool has_data;
} copy_seen;

static int see_copy(void *user, const wb_statement *st)
{
    copy_seen *seen = user;
    seen->statements++;
    if (!st->has_copy_data)
        return 0;
    seen->has_data = true;
    ASSERT_STR(((wb_str){ seen->text + st->copy_offset, st->copy_len }), seen->row->data);
    assert_true(st->copy_offset > st->offset + st->len);
    return 0;
}

static void data_belongs_to_its_statement(void **state)
{
    const struct copy_row *row = *state;
    size_t len = strlen(row->sql);
    char *text = exact_copy(row->sql, len);
    wb_sql_options options = { .dialect = PG };
    copy_seen seen = { text, row, 0, false };
    assert_int_equal(wb_split(&(wb_ctx){ 0 }, &options, text, len, false, see_copy, &seen), 0);
    assert_int_equal(seen.has_data, row->data != NULL);
    assert_int_equal(seen.statements, 2);
    free(text);
}

/* ---- places ---- */

static const struct place_row {
    const char *name, *sql;
    uint32_t first_line, index, line, column;
} place_rows[] = {
    { "place_first", "select 1", 0, 1, 1, 1 },
    { "place_behind_blanks", "\n\n  select 1", 0, 1, 3, 3 },
    { "place_second_on_a_line", "select 1; select 2", 0, 2, 1, 11 },
    { "place_in_a_part_of_a_file", "select 1;\nselect 2", 40, 2, 41, 1 },
    { "place_behind_lines_in_a_string", "select '\n\n'; select 2", 0, 2, 3, 4 },
    { "place_behind_a_comment", "/* a\n b */ select 2", 0, 1, 2, 7 },
    { "place_behind_data", "copy t from stdin;\n1\n2\n\\.\nselect 1", 0, 2, 5, 1 },
    { "place_column_counts_bytes", "/* \xC3\xA4 */ select 1", 0, 1, 1, 10 },
    { "place_behind_crlf", "select 1;\r\nselect 2", 0, 2, 2, 1 },
};

static void places_count_from_the_file(void **state)
{
    const struct place_row *row = *state;
    wb_sql_options options = { .dialect = PG, .first_line = row->first_line };
    wb_statement st;
    assert_int_equal(wb_statement_find(&(wb_ctx){ 0 }, &options, row->sql, strlen(row->sql), row->index, &st), 0);
    assert_int_equal(st.line, row->line);
    assert_int_equal(st.column, row->column);
    uint32_t line, column;
    wb_text_place(row->sql, strlen(row->sql), st.offset, row->first_line, &line, &column);
    assert_int_equal(line, row->line);
    assert_int_equal(column, row->column);
}

static void a_missing_statement_is_refused(void **state)
{
    (void)state;
    wb_sql_options options = { .dialect = PG };
    wb_statement st = { .index = 77 };
    wbl_error err = { 0 };
    assert_int_equal(wb_statement_find(&(wb_ctx){ .err = &err }, &options, "select 1", 8, 2, &st), WBL_E_INVALID);
    assert_int_equal(wb_statement_find(&(wb_ctx){ .err = &err }, &options, "select 1", 8, 0, &st), WBL_E_INVALID);
    assert_int_equal(st.index, 77);
}

static int stop_at_two(void *user, const wb_statement *st)
{
    *(uint32_t *)user = st->index;
    return st->index == 2 ? 42 : 0;
}

static void the_callee_stops_the_split(void **state)
{
    (void)state;
    wb_sql_options options = { .dialect = PG };
    uint32_t last = 0;
    const char *sql = "select 1; select 2; select 'open";
    assert_int_equal(wb_split(&(wb_ctx){ 0 }, &options, sql, strlen(sql), false, stop_at_two, &last), 42);
    assert_int_equal(last, 2);
}

static void place_of_any_offset(void **state)
{
    (void)state;
    uint32_t line, column;
    wb_text_place("a\nbc", 4, 0, 0, &line, &column);
    assert_true(line == 1 && column == 1);
    wb_text_place("a\nbc", 4, 1, 1, &line, &column);
    assert_true(line == 1 && column == 2);
    wb_text_place("a\nbc", 4, 3, 5, &line, &column);
    assert_true(line == 6 && column == 2);
    wb_text_place("a\nbc", 4, 99, 1, &line, &column); /* behind the end: the end */
    assert_true(line == 2 && column == 3);
    wb_text_place("", 0, 0, 1, &line, &column);
    assert_true(line == 1 && column == 1);
}

static void splitting_allocates_nothing(void **state)
{
    (void)state;
    wb_sql_options options = { .dialect = PG };
    wb_script_facts facts;
    const char *sql = "create table t(a int); insert into t values (1); do $$ x $$;";
    wb_alloc_fail_at(0);
    assert_int_equal(wb_script_scan(&(wb_ctx){ 0 }, &options, sql, strlen(sql), &facts), 0);
    assert_int_equal(wb_alloc_fail_at(0), 0);
}

static void drivers_have_dialects(void **state)
{
    (void)state;
    assert_int_equal(wb_dialect_of("postgres"), WB_SQL_POSTGRES);
    assert_int_equal(wb_dialect_of("sqlite"), WB_SQL_SQLITE);
    assert_int_equal(wb_dialect_of("mysql"), WB_SQL_MYSQL);
    assert_int_equal(wb_dialect_of("mongodb"), WB_SQL_NONE);
    assert_int_equal(wb_dialect_of(NULL), WB_SQL_NONE);
}

int main(void)
{
    static struct CMUnitTest
        tests[WB_COUNT(split_rows) + WB_COUNT(refused_rows) + WB_COUNT(copy_rows) + WB_COUNT(place_rows) + 8];
    size_t n = 0;
    ROW_TESTS(split_rows, statements_are_cut)
    ROW_TESTS(refused_rows, faults_are_told_with_their_place)
    ROW_TESTS(copy_rows, data_belongs_to_its_statement)
    ROW_TESTS(place_rows, places_count_from_the_file)
    const struct CMUnitTest others[] = {
        cmocka_unit_test(a_missing_statement_is_refused),
        cmocka_unit_test(the_callee_stops_the_split),
        cmocka_unit_test(place_of_any_offset),
        cmocka_unit_test(splitting_allocates_nothing),
        cmocka_unit_test(drivers_have_dialects),
    };
    for (size_t i = 0; i < WB_COUNT(others); i++)
        tests[n++] = others[i];
    return _cmocka_run_group_tests("sql/split", tests, n, NULL, NULL);
}
