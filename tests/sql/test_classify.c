/* test_classify.c - what a statement is: kind, transaction verb, object, and whether a transaction can hold it. */
#include "rows.h"

static wb_statement classified(const wb_sql_options *options, const char *sql)
{
    wb_statement st = { 0 };
    assert_int_equal(wb_statement_find(&(wb_ctx){ 0 }, options, sql, strlen(sql), 1, &st), 0);
    return st;
}

/* ---- kinds ---- */

static const struct kind_row {
    const char *name;
    wb_dialect dialect;
    const char *sql;
    wb_stmt_class cls;
    bool may_leak, is_repeatable;
} kind_rows[] = {
    { "insert", PG, "insert into t values (f(1))", WB_STMT_DML, false, false },
    { "insert_select", PG, "INSERT INTO t SELECT set_config('a','b',false)", WB_STMT_DML, false, false },
    { "update", PG, "update t set a = now()", WB_STMT_DML, false, false },
    { "delete", PG, "delete from t", WB_STMT_DML, false, false },
    { "merge", PG, "merge into t using u on a = b when matched then delete", WB_STMT_DML, false, false },
    { "copy", PG, "copy t to stdout", WB_STMT_DML, false, false },
    { "select_plain", PG, "select a from t where a in (1, 2)", WB_STMT_QUERY, false, false },
    { "select_count", PG, "select count(*) from t", WB_STMT_QUERY, false, false },
    { "select_setval", PG, "SELECT pg_catalog.setval('s', 1, true)", WB_STMT_QUERY, false, false },
    { "select_set_config", PG, "SELECT pg_catalog.set_config('search_path', '', false)", WB_STMT_QUERY, true, false },
    { "select_call", PG, "select my_function(1)", WB_STMT_QUERY, true, false },
    { "select_quoted_call", PG, "select \"F\"(1)", WB_STMT_QUERY, true, false },
    { "select_call_in_subquery", PG, "select a from (select f(1) as a) x", WB_STMT_QUERY, true, false },
    { "select_into", PG, "select * into u from t", WB_STMT_DML, false, false },
    { "select_into_temp", PG, "select * into temp u from t", WB_STMT_DML, true, false },
    { "select_in_parentheses", PG, "(select 1) union (select 2)", WB_STMT_QUERY, false, false },
    { "select_for_update", PG, "select a from t for update", WB_STMT_QUERY, false, false },
    { "select_column_like_a_verb", PG, "select (update) from t", WB_STMT_QUERY, false, false },
    { "values", PG, "values (1), (2)", WB_STMT_QUERY, false, false },
    { "with_select", PG, "with x as (select 1) select * from x", WB_STMT_QUERY, false, false },
    { "with_insert_inside", PG, "with x as (insert into t values (1) returning a) select * from x", WB_STMT_DML, false,
      false },
    { "with_insert_behind", PG, "with x as (select 1) insert into t select * from x", WB_STMT_DML, false, false },
    { "with_update_behind", PG, "with x(a) as materialized (select 1) update t set a = 2", WB_STMT_DML, false, false },
    { "with_delete_behind", LITE, "with x as (select 1) delete from t", WB_STMT_DML, false, false },
    { "explain", PG, "explain insert into t values (1)", WB_STMT_QUERY, false, true },
    { "explain_analyze", PG, "explain analyze insert into t values (1)", WB_STMT_DML, false, false },
    { "explain_analyze_verbose", PG, "explain analyze verbose select f(1)", WB_STMT_DML, true, false },
    { "explain_options_analyze", PG, "explain (costs off, analyze) delete from t", WB_STMT_DML, false, false },
    { "explain_options", PG, "explain (costs off) delete from t", WB_STMT_QUERY, false, true },
    { "show", PG, "show search_path", WB_STMT_QUERY, false, true },
    { "create_table", PG, "create table t (a int default f())", WB_STMT_DDL, false, false },
    { "create_temp_table", PG, "create temp table t (a int)", WB_STMT_DDL, true, false },
    { "create_local_temporary", PG, "create local temporary table t (a int)", WB_STMT_DDL, true, false },
    { "create_in_pg_temp", PG, "create table pg_temp.t (a int)", WB_STMT_DDL, true, false },
    { "create_or_replace", PG, "create or replace view v as select 1", WB_STMT_DDL, false, true },
    { "comment_on", PG, "comment on table t is 'x'", WB_STMT_DDL, false, true },
    { "grant", PG, "grant select on t to u", WB_STMT_DDL, false, true },
    { "truncate", PG, "truncate t", WB_STMT_DDL, false, false },
    { "set", PG, "set search_path = x", WB_STMT_SESSION, true, true },
    { "set_session", PG, "set session work_mem = '1MB'", WB_STMT_SESSION, true, true },
    { "set_role", PG, "set role x", WB_STMT_SESSION, true, true },
    { "set_local", PG, "set local search_path = x", WB_STMT_SESSION, false, true },
    { "set_constraints", PG, "set constraints all deferred", WB_STMT_SESSION, false, true },
    { "set_transaction", PG, "set transaction read only", WB_STMT_SESSION, false, true },
    { "set_session_characteristics", PG, "set session characteristics as transaction read only", WB_STMT_SESSION, true,
      true },
    { "reset", PG, "reset all", WB_STMT_SESSION, true, true },
    { "listen", PG, "listen c", WB_STMT_SESSION, true, true },
    { "load", PG, "load 'x'", WB_STMT_SESSION, true, true },
    { "prepare", PG, "prepare p as select 1", WB_STMT_SESSION, true, false },
    { "discard_plans", PG, "discard plans", WB_STMT_SESSION, true, true },
    { "lock", PG, "lock table t", WB_STMT_SESSION, false, false },
    { "notify", PG, "notify c", WB_STMT_SESSION, false, false },
    { "declare", PG, "declare c cursor for select 1", WB_STMT_QUERY, false, false },
    { "declare_with_hold", PG, "declare c cursor with hold for select 1", WB_STMT_QUERY, true, false },
    { "do", PG, "do $$ begin end $$", WB_STMT_ROUTINE, true, false },
    { "call", PG, "call p()", WB_STMT_ROUTINE, true, false },
    { "execute", PG, "execute p", WB_STMT_ROUTINE, true, false },
    { "analyze", PG, "analyze t", WB_STMT_MAINTENANCE, false, true },
    { "refresh", PG, "refresh materialized view v", WB_STMT_MAINTENANCE, false, true },
    { "checkpoint", PG, "checkpoint", WB_STMT_MAINTENANCE, false, true },
    { "unknown_word", PG, "frobnicate t", WB_STMT_OTHER, false, false },
    { "no_word", PG, "'x'", WB_STMT_OTHER, false, false },
    { "longer_word", PG, "selects 1", WB_STMT_OTHER, false, false },
    { "lite_pragma_ask", LITE, "pragma foreign_keys", WB_STMT_SESSION, false, true },
    { "lite_pragma_set", LITE, "pragma cache_size = 10", WB_STMT_SESSION, true, true },
    { "lite_pragma_call", LITE, "pragma main.cache_size(10)", WB_STMT_SESSION, true, true },
    { "lite_pragma_lasting", LITE, "pragma user_version = 7", WB_STMT_SESSION, false, true },
    { "lite_pragma_table_info", LITE, "pragma table_info(t)", WB_STMT_SESSION, false, true },
    { "lite_attach", LITE, "attach 'x' as y", WB_STMT_SESSION, true, false },
    { "lite_select_call", LITE, "select f(1)", WB_STMT_QUERY, false, false },
    { "lite_replace", LITE, "replace into t values (1)", WB_STMT_DML, false, false },
    { "lite_reindex", LITE, "reindex", WB_STMT_MAINTENANCE, false, true },
    { "my_set", MY, "set names utf8", WB_STMT_SESSION, true, true },
    { "my_create_temporary", MY, "create temporary table t (a int)", WB_STMT_DDL, true, false },
};

static void kinds_are_told(void **state)
{
    const struct kind_row *row = *state;
    wb_statement st = classified(&(wb_sql_options){ .dialect = row->dialect }, row->sql);
    assert_int_equal(st.cls, row->cls);
    assert_int_equal(st.may_leak, row->may_leak);
    assert_int_equal(st.is_repeatable, row->is_repeatable);
}

/* ---- transactions ---- */

static const struct txn_row {
    const char *name;
    wb_dialect dialect;
    const char *sql;
    wb_txn_verb txn;
    const char *modes;
} txn_rows[] = {
    { "begin", PG, "begin", WB_TXN_BEGIN, "" },
    { "begin_work", PG, "BEGIN WORK", WB_TXN_BEGIN, "" },
    { "begin_transaction_modes", PG, "begin transaction isolation level serializable, read write", WB_TXN_BEGIN,
      "isolation level serializable, read write" },
    { "begin_modes", PG, "begin read only -- x\n", WB_TXN_BEGIN, "read only" },
    { "begin_comment_before_modes", PG, "begin /* x */ read only", WB_TXN_BEGIN, "read only" },
    { "start_transaction", PG, "start transaction", WB_TXN_BEGIN, "" },
    { "start_transaction_modes", PG, "start transaction deferrable", WB_TXN_BEGIN, "deferrable" },
    { "commit", PG, "commit", WB_TXN_COMMIT, "" },
    { "commit_work", PG, "commit work", WB_TXN_COMMIT, "" },
    { "commit_no_chain", PG, "commit and no chain", WB_TXN_COMMIT, "" },
    { "commit_chain", PG, "commit work and chain", WB_TXN_COMMIT_CHAIN, "" },
    { "end", PG, "end", WB_TXN_COMMIT, "" },
    { "end_transaction", PG, "end transaction", WB_TXN_COMMIT, "" },
    { "end_chain", PG, "end and chain", WB_TXN_COMMIT_CHAIN, "" },
    { "rollback", PG, "rollback", WB_TXN_ROLLBACK, "" },
    { "abort", PG, "abort work", WB_TXN_ROLLBACK, "" },
    { "rollback_no_chain", PG, "rollback and no chain", WB_TXN_ROLLBACK, "" },
    { "rollback_to", PG, "rollback to s", WB_TXN_ROLLBACK_TO, "" },
    { "rollback_to_savepoint", PG, "rollback work to savepoint s", WB_TXN_ROLLBACK_TO, "" },
    { "savepoint", PG, "savepoint s", WB_TXN_SAVEPOINT, "" },
    { "release", PG, "release savepoint s", WB_TXN_RELEASE, "" },
    { "prepare_transaction", PG, "prepare transaction 'x'", WB_TXN_PREPARE, "" },
    { "commit_prepared", PG, "commit prepared 'x'", WB_TXN_PREPARE, "" },
    { "rollback_prepared", PG, "rollback prepared 'x'", WB_TXN_PREPARE, "" },
    { "prepare_is_none", PG, "prepare p as select 1", WB_TXN_NONE, "" },
    { "lite_begin", LITE, "begin", WB_TXN_BEGIN, "" },
    { "lite_begin_immediate", LITE, "begin immediate", WB_TXN_BEGIN, "immediate" },
    { "lite_begin_exclusive", LITE, "begin exclusive transaction", WB_TXN_BEGIN, "exclusive transaction" },
    { "lite_end", LITE, "end transaction", WB_TXN_COMMIT, "" },
    { "lite_rollback_to", LITE, "rollback transaction to savepoint s", WB_TXN_ROLLBACK_TO, "" },
    { "my_start", MY, "start transaction read only", WB_TXN_BEGIN, "read only" },
};

static void transaction_verbs_are_told(void **state)
{
    const struct txn_row *row = *state;
    wb_statement st = classified(&(wb_sql_options){ .dialect = row->dialect }, row->sql);
    assert_int_equal(st.txn, row->txn);
    assert_int_equal(st.cls, row->txn == WB_TXN_NONE ? WB_STMT_SESSION : WB_STMT_TXN);
    ASSERT_STR(st.modes, row->modes);
}

/* ---- objects ---- */

static const struct object_row {
    const char *name;
    wb_dialect dialect;
    const char *sql;
    wb_action action;
    const char *object, *schema, *object_name, *table_schema, *table;
    bool if_exists, is_concurrent;
} object_rows[] = {
    { "create_table_name", PG, "create table t (a int)", WB_ACT_CREATE, "table", "", "t", "", "t", false, false },
    { "create_table_qualified", PG, "CREATE TABLE IF NOT EXISTS \"S\" . \"T x\" (a int)", WB_ACT_CREATE, "table",
      "\"S\"", "\"T x\"", "\"S\"", "\"T x\"", true, false },
    { "create_unlogged_table", PG, "create unlogged table s.t (a int)", WB_ACT_CREATE, "table", "s", "t", "s", "t",
      false, false },
    { "create_foreign_table", PG, "create foreign table t (a int) server s", WB_ACT_CREATE, "foreign table", "", "t",
      "", "t", false, false },
    { "create_index", PG, "create index i on s.t (a)", WB_ACT_CREATE, "index", "", "i", "s", "t", false, false },
    { "create_unique_index_concurrently", PG,
      "create unique index concurrently if not exists i on only t using gin (a)", WB_ACT_CREATE, "index", "", "i", "",
      "t", true, true },
    { "create_index_without_name", PG, "create index concurrently on t (a)", WB_ACT_CREATE, "index", "", "", "", "t",
      false, true },
    { "create_view", PG, "create or replace recursive view s.v as select 1", WB_ACT_CREATE, "view", "s", "v", "", "",
      false, false },
    { "create_materialized_view", PG, "create materialized view if not exists v as select 1", WB_ACT_CREATE,
      "materialized view", "", "v", "", "", true, false },
    { "create_function", PG, "create or replace function s.f(a int) returns int return 1", WB_ACT_CREATE, "function",
      "s", "f", "", "", false, false },
    { "create_trigger", PG, "create constraint trigger g after update of a, b on s.t execute function f()",
      WB_ACT_CREATE, "trigger", "", "g", "s", "t", false, false },
    { "create_rule", PG, "create rule r as on insert to s.t do nothing", WB_ACT_CREATE, "rule", "", "r", "s", "t",
      false, false },
    { "create_policy", PG, "create policy p on s.t for select using (true)", WB_ACT_CREATE, "policy", "", "p", "s", "t",
      false, false },
    { "create_event_trigger", PG, "create event trigger e on ddl_command_start execute function f()", WB_ACT_CREATE,
      "event trigger", "", "e", "", "", false, false },
    { "create_extension", PG, "create extension if not exists pgcrypto with schema s", WB_ACT_CREATE, "extension", "",
      "pgcrypto", "", "", true, false },
    { "create_schema", PG, "create schema if not exists s", WB_ACT_CREATE, "schema", "", "s", "", "", true, false },
    { "create_schema_of_role", PG, "create schema authorization r", WB_ACT_CREATE, "schema", "", "", "", "", false,
      false },
    { "create_type", PG, "create type s.mood as enum ('a')", WB_ACT_CREATE, "type", "s", "mood", "", "", false, false },
    { "create_sequence", PG, "create temp sequence q", WB_ACT_CREATE, "sequence", "", "q", "", "", false, false },
    { "create_text_search", PG, "create text search configuration c (copy = x)", WB_ACT_CREATE,
      "text search configuration", "", "c", "", "", false, false },
    { "create_user_mapping", PG, "create user mapping for u server s", WB_ACT_CREATE, NULL, "", "", "", "", false,
      false },
    { "create_cast", PG, "create cast (a as b) without function", WB_ACT_CREATE, NULL, "", "", "", "", false, false },
    { "create_operator", PG, "create operator + (procedure = f)", WB_ACT_CREATE, NULL, "", "", "", "", false, false },
    { "create_unnamed_statistics", PG, "create statistics on a, b from t", WB_ACT_CREATE, "statistics", "", "", "", "",
      false, false },
    { "create_user", PG, "create user u", WB_ACT_CREATE, "role", "", "u", "", "", false, false },
    { "alter_table", PG, "alter table if exists only s.t add column a int", WB_ACT_ALTER, "table", "s", "t", "s", "t",
      true, false },
    { "alter_table_rename", PG, "alter table t rename to u", WB_ACT_RENAME, "table", "", "t", "", "t", false, false },
    { "alter_table_rename_column", PG, "alter table t rename column a to b", WB_ACT_RENAME, "table", "", "t", "", "t",
      false, false },
    { "alter_table_detach", PG, "alter table t detach partition u", WB_ACT_ALTER, "table", "", "t", "", "t", false,
      false },
    { "alter_table_detach_concurrently", PG, "alter table t detach partition u concurrently", WB_ACT_ALTER, "table", "",
      "t", "", "t", false, true },
    { "alter_column_named_concurrently", PG, "alter table t add column concurrently int", WB_ACT_ALTER, "table", "",
      "t", "", "t", false, false },
    { "alter_index", PG, "alter index if exists i set (fillfactor = 1)", WB_ACT_ALTER, "index", "", "i", "", "", true,
      false },
    { "alter_trigger", PG, "alter trigger g on s.t rename to h", WB_ACT_RENAME, "trigger", "", "g", "s", "t", false,
      false },
    { "alter_default_privileges", PG, "alter default privileges grant select on tables to public", WB_ACT_ALTER, NULL,
      "", "", "", "", false, false },
    { "drop_table", PG, "drop table if exists s.t, u cascade", WB_ACT_DROP, "table", "s", "t", "s", "t", true, false },
    { "drop_index_concurrently", PG, "drop index concurrently if exists s.i", WB_ACT_DROP, "index", "s", "i", "", "",
      true, true },
    { "drop_trigger", PG, "drop trigger if exists g on s.t", WB_ACT_DROP, "trigger", "", "g", "s", "t", true, false },
    { "drop_owned", PG, "drop owned by r", WB_ACT_DROP, NULL, "", "", "", "", false, false },
    { "truncate_only", PG, "truncate table only s.t", WB_ACT_TRUNCATE, "table", "s", "t", "s", "t", false, false },
    { "reindex_table", PG, "reindex (verbose) table s.t", WB_ACT_REINDEX, "table", "s", "t", "s", "t", false, false },
    { "reindex_concurrently", PG, "reindex index concurrently i", WB_ACT_REINDEX, "index", "", "i", "", "", false,
      true },
    { "reindex_option_concurrently", PG, "reindex (concurrently, verbose) index i", WB_ACT_REINDEX, "index", "", "i",
      "", "", false, true },
    { "refresh_concurrently", PG, "refresh materialized view concurrently s.v", WB_ACT_NONE, "materialized view", "s",
      "v", "", "", false, true },
    { "lite_create_index", LITE, "create unique index if not exists main.[i x] on `t` (a)", WB_ACT_CREATE, "index",
      "main", "[i x]", "", "`t`", true, false },
    { "lite_index_named_concurrently", LITE, "create index concurrently on t (a)", WB_ACT_CREATE, "index", "",
      "concurrently", "", "t", false, false },
    { "lite_create_virtual_table", LITE, "create virtual table f using fts5(a)", WB_ACT_CREATE, "table", "", "f", "",
      "f", false, false },
    { "lite_create_trigger", LITE, "create trigger if not exists g instead of update of a on v begin select 1; end",
      WB_ACT_CREATE, "trigger", "", "g", "", "v", true, false },
    { "lite_table_in_string_quotes", LITE, "create table 't' (a)", WB_ACT_CREATE, "table", "", "'t'", "", "'t'", false,
      false },
    { "lite_alter", LITE, "alter table t rename to u", WB_ACT_RENAME, "table", "", "t", "", "t", false, false },
    { "lite_reindex_name", LITE, "reindex main.t", WB_ACT_REINDEX, NULL, "main", "t", "", "", false, false },
    { "my_create_definer", MY, "create definer=`a`@`b` sql security invoker view v as select 1", WB_ACT_CREATE, "view",
      "", "v", "", "", false, false },
    { "my_rename", MY, "rename table a to b", WB_ACT_RENAME, "table", "", "a", "", "a", false, false },
    { "my_drop_index", MY, "drop index i on t", WB_ACT_DROP, "index", "", "i", "", "t", false, false },
    { "cut_short", PG, "create table", WB_ACT_CREATE, "table", "", "", "", "", false, false },
    { "cut_behind_dot", PG, "create table s.", WB_ACT_CREATE, "table", "", "s", "", "s", false, false },
};

static void objects_are_found(void **state)
{
    const struct object_row *row = *state;
    wb_statement st = classified(&(wb_sql_options){ .dialect = row->dialect }, row->sql);
    assert_int_equal(st.action, row->action);
    assert_int_equal(wb_strcmp_null(st.object, row->object), 0);
    ASSERT_STR(st.schema, row->schema);
    ASSERT_STR(st.name, row->object_name);
    ASSERT_STR(st.table_schema, row->table_schema);
    ASSERT_STR(st.table, row->table);
    assert_int_equal(st.if_exists, row->if_exists);
    assert_int_equal(st.is_concurrent, row->is_concurrent);
}

/* ---- refusals: as tried on PostgreSQL 11 to 18 and SQLite 3.40 ---- */

static const struct refusal_row {
    const char *name;
    wb_dialect dialect;
    uint32_t version; /* 0: newest */
    const char *sql;
    const char *why; /* NULL: runs in a transaction */
} refusal_rows[] = {
    { "r_create_index_concurrently", PG, 0, "create index concurrently i on t (a)",
      "CREATE INDEX CONCURRENTLY can't run in a transaction" },
    { "r_create_unique_index_concurrently", PG, 110000, "create unique index concurrently on t (a)",
      "CREATE INDEX CONCURRENTLY can't run in a transaction" },
    { "r_create_index", PG, 0, "create index concurrently_i on t (a)", NULL },
    { "r_drop_index_concurrently", PG, 0, "drop index concurrently i",
      "DROP INDEX CONCURRENTLY can't run in a transaction" },
    { "r_drop_index", PG, 0, "drop index i", NULL },
    { "r_reindex_index_concurrently", PG, 0, "reindex index concurrently i",
      "REINDEX CONCURRENTLY can't run in a transaction" },
    { "r_reindex_option", PG, 0, "reindex (concurrently) table t", "REINDEX CONCURRENTLY can't run in a transaction" },
    { "r_reindex_table", PG, 0, "reindex table t", NULL },
    { "r_reindex_schema", PG, 0, "reindex schema s", "REINDEX SCHEMA can't run in a transaction" },
    { "r_reindex_database", PG, 0, "reindex database d", "REINDEX DATABASE can't run in a transaction" },
    { "r_reindex_system", PG, 0, "reindex (verbose) system d", "REINDEX SYSTEM can't run in a transaction" },
    { "r_vacuum", PG, 0, "vacuum (full) t", "VACUUM can't run in a transaction" },
    { "r_analyze", PG, 0, "analyze t", NULL },
    { "r_cluster", PG, 0, "cluster verbose", "CLUSTER or REPACK of all tables can't run in a transaction" },
    { "r_cluster_options", PG, 0, "cluster (verbose)", "CLUSTER or REPACK of all tables can't run in a transaction" },
    { "r_cluster_table", PG, 0, "cluster t using i", NULL },
    { "r_repack_concurrently", PG, 0, "repack (concurrently) t", "REPACK (CONCURRENTLY) can't run in a transaction" },
    { "r_detach_concurrently", PG, 0, "alter table t detach partition u concurrently",
      "ALTER TABLE ... DETACH PARTITION CONCURRENTLY can't run in a transaction" },
    { "r_detach", PG, 0, "alter table t detach partition u finalize", NULL },
    { "r_create_database", PG, 0, "create database d", "CREATE DATABASE can't run in a transaction" },
    { "r_drop_database", PG, 0, "drop database if exists d", "DROP DATABASE can't run in a transaction" },
    { "r_database_tablespace", PG, 0, "alter database d set tablespace x",
      "ALTER DATABASE ... SET TABLESPACE can't run in a transaction" },
    { "r_database_setting", PG, 0, "alter database d set work_mem = '5MB'", NULL },
    { "r_create_tablespace", PG, 0, "create tablespace x location ''", "CREATE TABLESPACE can't run in a transaction" },
    { "r_drop_tablespace", PG, 0, "drop tablespace x", "DROP TABLESPACE can't run in a transaction" },
    { "r_table_tablespace", PG, 0, "alter table t set tablespace x", NULL },
    { "r_alter_system", PG, 0, "alter system set work_mem = '5MB'", "ALTER SYSTEM can't run in a transaction" },
    { "r_add_value_11", PG, 110022, "alter type m add value 'b'",
      "ALTER TYPE ... ADD VALUE can't run in a transaction before PostgreSQL 12" },
    { "r_add_value_12", PG, 120000, "alter type m add value 'b'", NULL },
    { "r_add_value", PG, 0, "alter type m add value 'b'", NULL },
    { "r_rename_value_11", PG, 110022, "alter type m rename value 'a' to 'b'", NULL },
    { "r_create_subscription", PG, 0, "create subscription s connection 'x' publication p",
      "CREATE SUBSCRIPTION with a replication slot can't run in a transaction" },
    { "r_create_subscription_apart", PG, 0, "create subscription s connection 'x' publication p with (connect = false)",
      NULL },
    { "r_create_subscription_no_slot", PG, 0,
      "create subscription s connection 'x' publication p with (enabled = false, create_slot = false)", NULL },
    { "r_create_subscription_slot", PG, 0,
      "create subscription s connection 'x' publication p with (create_slot = true)",
      "CREATE SUBSCRIPTION with a replication slot can't run in a transaction" },
    { "r_drop_subscription", PG, 0, "drop subscription s",
      "DROP SUBSCRIPTION with a replication slot can't run in a transaction" },
    { "r_refresh_subscription", PG, 140000, "alter subscription s refresh publication",
      "ALTER SUBSCRIPTION that refreshes can't run in a transaction" },
    { "r_refresh_subscription_13", PG, 130000, "alter subscription s refresh publication", NULL },
    { "r_set_publication", PG, 0, "alter subscription s set publication q",
      "ALTER SUBSCRIPTION that refreshes can't run in a transaction" },
    { "r_set_publication_apart", PG, 0, "alter subscription s set publication q with (refresh = false)", NULL },
    { "r_disable_subscription", PG, 0, "alter subscription s disable", NULL },
    { "r_subscription_slot", PG, 0, "alter subscription s set (slot_name = none)", NULL },
    { "r_subscription_failover_17", PG, 170000, "alter subscription s set (failover = true)",
      "ALTER SUBSCRIPTION of this option can't run in a transaction" },
    { "r_discard_all", PG, 0, "discard all", "DISCARD ALL can't run in a transaction" },
    { "r_discard_temp", PG, 0, "discard temp", NULL },
    { "r_commit_prepared", PG, 0, "commit prepared 'x'", "COMMIT PREPARED can't run in a transaction" },
    { "r_rollback_prepared", PG, 0, "rollback prepared 'x'", "ROLLBACK PREPARED can't run in a transaction" },
    { "r_checkpoint", PG, 0, "checkpoint", NULL },
    { "r_truncate", PG, 0, "truncate t", NULL },
    { "r_refresh_concurrently", PG, 0, "refresh materialized view concurrently v", NULL },
    { "r_create_extension", PG, 0, "create extension x", NULL },
    { "r_create_role", PG, 0, "create role x", NULL },
    { "r_lite_vacuum", LITE, 0, "vacuum", "VACUUM can't run in a transaction" },
    { "r_lite_vacuum_into", LITE, 0, "vacuum main into 'x'", "VACUUM can't run in a transaction" },
    { "r_lite_foreign_keys", LITE, 0, "PRAGMA foreign_keys=OFF", "PRAGMA foreign_keys has no effect in a transaction" },
    { "r_lite_foreign_keys_call", LITE, 0, "pragma main.foreign_keys(0)",
      "PRAGMA foreign_keys has no effect in a transaction" },
    { "r_lite_foreign_keys_ask", LITE, 0, "pragma foreign_keys", NULL },
    { "r_lite_defer_foreign_keys", LITE, 0, "pragma defer_foreign_keys = on", NULL },
    { "r_lite_journal_mode", LITE, 0, "pragma journal_mode = wal",
      "PRAGMA journal_mode can't be changed in a transaction" },
    { "r_lite_synchronous", LITE, 0, "pragma synchronous = off",
      "PRAGMA synchronous can't be changed in a transaction" },
    { "r_lite_checkpoint", LITE, 0, "pragma wal_checkpoint", "PRAGMA wal_checkpoint can't run in a transaction" },
    { "r_lite_attach", LITE, 0, "attach 'x' as y", NULL },
    { "r_lite_reindex", LITE, 0, "reindex t", NULL },
    { "r_lite_create_index", LITE, 0, "create index concurrently on t (a)", NULL },
};

static void refusals_are_told(void **state)
{
    const struct refusal_row *row = *state;
    wb_sql_options options = { .dialect = row->dialect, .server_version = row->version };
    wb_statement st = classified(&options, row->sql);
    if (!row->why)
        assert_null(st.refuses);
    else
        assert_string_equal(st.refuses ? st.refuses : "", row->why);
}

static void mysql_ddl_commits(void **state)
{
    (void)state;
    wb_sql_options my = { .dialect = MY }, pg = { .dialect = PG };
    assert_true(classified(&my, "create table t (a int)").commits_implicitly);
    assert_true(classified(&my, "truncate t").commits_implicitly);
    assert_false(classified(&my, "create temporary table t (a int)").commits_implicitly);
    assert_false(classified(&my, "insert into t values (1)").commits_implicitly);
    assert_false(classified(&pg, "create table t (a int)").commits_implicitly);
}

int main(void)
{
    static struct CMUnitTest
        tests[WB_COUNT(kind_rows) + WB_COUNT(txn_rows) + WB_COUNT(object_rows) + WB_COUNT(refusal_rows) + 1];
    size_t n = 0;
    ROW_TESTS(kind_rows, kinds_are_told)
    ROW_TESTS(txn_rows, transaction_verbs_are_told)
    ROW_TESTS(object_rows, objects_are_found)
    ROW_TESTS(refusal_rows, refusals_are_told)
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(mysql_ddl_commits);
    return _cmocka_run_group_tests("sql/classify", tests, n, NULL, NULL);
}
