/*
 * floor_pg.c - what a small libpq client can reach on PostgreSQL.
 *
 *   floor_pg exit                      links libpq, exits
 *   floor_pg up CONNECTION DIR         one message for each migration: begin, script, history row, commit
 *   floor_pg batch CONNECTION DIR K    K migrations in a message, each its own transaction
 *   floor_pg async CONNECTION DIR K    the same, and only the last commit waits for the disk
 *   floor_pg noop CONNECTION DIR       reads the history, lists DIR, compares
 *   floor_pg noopread CONNECTION DIR   the same, and reads and hashes every file
 *   floor_pg down CONNECTION DIR N     one message for each of the newest N
 */
#include "floor.h"

#include <libpq-fe.h>

#define PREPARE                                                                                                        \
    "select pg_advisory_lock(77);"                                                                                     \
    "create table if not exists floor_history(v text primary key, at timestamptz default clock_timestamp());"

static PGconn *conn;

static void die(const char *what)
{
    fprintf(stderr, "%s: %s", what, conn ? PQerrorMessage(conn) : "\n");
    exit(1);
}

static void drop_notice(void *arg, const PGresult *r)
{
    (void)arg;
    (void)r;
}

static void send_sql(const char *sql)
{
    int failed = 0;
    if (!PQsendQuery(conn, sql))
        die("send");
    for (PGresult *r; (r = PQgetResult(conn)); PQclear(r))
        if (PQresultStatus(r) == PGRES_FATAL_ERROR) {
            failed = 1;
            fputs(PQresultErrorMessage(r), stderr);
        }
    if (failed)
        exit(1);
}

static void add_migration(const char *name)
{
    char row[600];
    add("begin;\n");
    add_file(name);
    snprintf(row, sizeof row, "\n;insert into floor_history(v) values('%s');commit;\n", name);
    add(row);
}

static void up(int at_once)
{
    for (int i = 0; i < name_count;) {
        text_len = 0;
        for (int j = 0; j < at_once && i < name_count; j++, i++)
            add_migration(names[i]);
        send_sql(text);
    }
}

static void down(int count)
{
    char row[600];
    for (int i = name_count - 1; i >= 0 && count > 0; i--, count--) {
        text_len = 0;
        add("begin;\n");
        add_file(names[i]);
        names[i][strlen(names[i]) - strlen(".down.sql")] = 0;
        snprintf(row, sizeof row, "\n;delete from floor_history where v='%s.up.sql';commit", names[i]);
        add(row);
        send_sql(text);
    }
}

static int noop(int read_files)
{
    PGresult *r = PQexec(conn, PREPARE "select v from floor_history order by v collate \"C\"");
    if (PQresultStatus(r) != PGRES_TUPLES_OK)
        die("noop");
    int applied = PQntuples(r), differ = applied != name_count;
    for (int i = 0; i < name_count && i < applied; i++)
        differ += strcmp(names[i], PQgetvalue(r, i, 0)) != 0;
    printf("%d files, %d applied, %d differ %lx\n", name_count, applied, differ, read_files ? hash_all_files() : 0);
    return differ != 0;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    int rc = 0;
    if (strcmp(mode, "exit") == 0)
        return PQlibVersion() == 0;
    if (argc < 4)
        return 2;
    conn = PQconnectdb(argv[2]);
    if (PQstatus(conn) != CONNECTION_OK)
        die("connect");
    PQsetNoticeReceiver(conn, drop_notice, NULL);
    list_files(argv[3], strcmp(mode, "down") == 0 ? ".down.sql" : ".up.sql");
    int number = argc > 4 ? atoi(argv[4]) : 1;
    if (strncmp(mode, "noop", 4) == 0) {
        rc = noop(mode[4] != 0);
    } else if (strcmp(mode, "down") == 0) {
        send_sql(PREPARE "select v from floor_history");
        down(number);
    } else if (strcmp(mode, "async") == 0) {
        send_sql(PREPARE "select v from floor_history; set synchronous_commit = off");
        up(number);
        send_sql("set synchronous_commit = on; create table floor_end(); drop table floor_end");
    } else if (strcmp(mode, "up") == 0 || strcmp(mode, "batch") == 0) {
        send_sql(PREPARE "select v from floor_history");
        up(number);
    } else {
        rc = 2;
    }
    PQfinish(conn);
    return rc;
}
