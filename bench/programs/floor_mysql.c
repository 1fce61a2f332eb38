/*
 * floor_mysql.c - what a small libmariadb client can reach on MariaDB and MySQL.
 *
 *   floor_mysql exit                     links libmariadb, exits
 *   floor_mysql up HOST PORT DB DIR      one message for each migration: begin, script, history row, commit
 *   floor_mysql batch HOST PORT DB DIR K K migrations in a message, each its own transaction
 *   floor_mysql onetx HOST PORT DB DIR   all rows of data in one transaction, one message for each migration
 *   floor_mysql noop HOST PORT DB DIR    reads the history, lists DIR, compares
 *   floor_mysql noopread HOST PORT DB DIR    the same, and reads and hashes every file
 *   floor_mysql down HOST PORT DB DIR N  one message for each of the newest N
 *
 * The user is root without a password. A schema change ends the transaction that it is in, so there the history row is
 * committed by itself: after a crash in between nobody knows. That is what a floor leaves out.
 */
#include "floor.h"

#include <mysql.h>

#define PREPARE                                                                                                        \
    "select get_lock('floor', 0);"                                                                                     \
    "create table if not exists floor_history(v varchar(200) primary key, at timestamp default current_timestamp);"

static MYSQL *conn;
static const char **applied; /* the first column of what was read last */
static int applied_count;

static void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, conn ? mysql_error(conn) : "");
    exit(1);
}

static void keep_rows(MYSQL_RES *r)
{
    applied_count = 0;
    applied = realloc(applied, ((size_t)mysql_num_rows(r) + 1) * sizeof *applied);
    for (MYSQL_ROW row; (row = mysql_fetch_row(r));)
        applied[applied_count++] = strdup(row[0] ? row[0] : "");
}

static void send_text(const char *sql, size_t len)
{
    int more = mysql_real_query(conn, sql, len);
    for (; more == 0; more = mysql_next_result(conn)) {
        MYSQL_RES *r = mysql_store_result(conn);
        if (r)
            keep_rows(r);
        mysql_free_result(r);
    }
    if (more > 0)
        die("send");
}

static void send_sql(const char *sql) { send_text(sql, strlen(sql)); }

/* The server takes an empty statement for an error: no semicolon of ours may follow the script's last one. */
static void add_script(const char *name)
{
    add_file(name);
    while (text_len > 0 && strchr("; \n", text[text_len - 1]))
        text[--text_len] = 0;
}

static void add_migration(const char *name, const char *begin, const char *end)
{
    char row[600];
    add(begin);
    add_script(name);
    snprintf(row, sizeof row, ";\ninsert into floor_history(v) values('%s')%s", name, end);
    add(row);
}

static void up(int at_once)
{
    for (int i = 0; i < name_count;) {
        text_len = 0;
        for (int j = 0; j < at_once && i < name_count; j++, i++)
            add_migration(names[i], j ? ";\nbegin;\n" : "begin;\n", ";commit");
        send_text(text, text_len);
    }
}

static void up_in_one_transaction(void)
{
    send_sql("begin");
    for (int i = 0; i < name_count; i++) {
        text_len = 0;
        add_migration(names[i], "", "");
        send_text(text, text_len);
    }
    send_sql("commit");
}

static void down(int count)
{
    char row[600];
    for (int i = name_count - 1; i >= 0 && count > 0; i--, count--) {
        text_len = 0;
        add("begin;\n");
        add_script(names[i]);
        names[i][strlen(names[i]) - strlen(".down.sql")] = 0;
        snprintf(row, sizeof row, ";\ndelete from floor_history where v='%s.up.sql';commit", names[i]);
        add(row);
        send_text(text, text_len);
    }
}

static int noop(int read_files)
{
    send_sql(PREPARE "select v from floor_history order by v");
    int differ = applied_count != name_count;
    for (int i = 0; i < name_count && i < applied_count; i++)
        differ += strcmp(names[i], applied[i]) != 0;
    printf("%d files, %d applied, %d differ %lx\n", name_count, applied_count, differ, read_files ? hash_all_files() : 0);
    return differ != 0;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    int rc = 0;
    if (strcmp(mode, "exit") == 0)
        return mysql_get_client_version() == 0;
    if (argc < 6)
        return 2;
    conn = mysql_init(NULL);
    if (!conn || !mysql_real_connect(conn, argv[2], "root", "", argv[4], (unsigned)atoi(argv[3]), NULL, CLIENT_MULTI_STATEMENTS))
        die("connect");
    list_files(argv[5], strcmp(mode, "down") == 0 ? ".down.sql" : ".up.sql");
    int number = argc > 6 ? atoi(argv[6]) : 1;
    if (strncmp(mode, "noop", 4) == 0) {
        rc = noop(mode[4] != 0);
    } else if (strcmp(mode, "up") == 0 || strcmp(mode, "batch") == 0) {
        send_sql(PREPARE "select v from floor_history");
        up(number);
    } else if (strcmp(mode, "onetx") == 0) {
        send_sql(PREPARE "select v from floor_history");
        up_in_one_transaction();
    } else if (strcmp(mode, "down") == 0) {
        send_sql(PREPARE "select v from floor_history");
        down(number);
    } else {
        rc = 2;
    }
    mysql_close(conn);
    return rc;
}
