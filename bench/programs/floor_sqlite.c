/*
 * floor_sqlite.c - what a small SQLite client can reach.
 *
 *   floor_sqlite exit               links SQLite, exits
 *   floor_sqlite up FILE DIR        one transaction for each migration
 *   floor_sqlite onetx FILE DIR     all in one transaction
 *   floor_sqlite noop FILE DIR      reads the history, lists DIR, compares
 *   floor_sqlite noopread FILE DIR  the same, and reads and hashes every file
 *   floor_sqlite down FILE DIR N    one transaction for each of the newest N
 */
#include "floor.h"

#include <sqlite3.h>

static sqlite3 *db;

static void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, db ? sqlite3_errmsg(db) : "");
    exit(1);
}

static void run_sql(const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL))
        die("exec");
}

static void up(int each_its_own)
{
    char row[600];
    run_sql("create table if not exists floor_history(v text primary key, at text default current_timestamp)");
    if (!each_its_own)
        run_sql("begin immediate");
    for (int i = 0; i < name_count; i++) {
        text_len = 0;
        add(each_its_own ? "begin immediate;\n" : "");
        add_file(names[i]);
        snprintf(row, sizeof row, "\n;insert into floor_history(v) values('%s');%s", names[i],
                 each_its_own ? "commit" : "");
        add(row);
        run_sql(text);
    }
    if (!each_its_own)
        run_sql("commit");
}

static void down(int count)
{
    char row[600];
    for (int i = name_count - 1; i >= 0 && count > 0; i--, count--) {
        text_len = 0;
        add("begin immediate;\n");
        add_file(names[i]);
        names[i][strlen(names[i]) - strlen(".down.sql")] = 0;
        snprintf(row, sizeof row, "\n;delete from floor_history where v='%s.up.sql';commit", names[i]);
        add(row);
        run_sql(text);
    }
}

static int same_name(void *arg, int columns, char **values, char **titles)
{
    int *i = arg;
    (void)columns;
    (void)titles;
    if (*i >= name_count || strcmp(values[0], names[*i]) != 0)
        return 1;
    ++*i;
    return 0;
}

static void noop(int read_files)
{
    int same = 0;
    if (sqlite3_exec(db, "select v from floor_history order by v", same_name, &same, NULL) || same != name_count)
        die("differs");
    printf("%d ok %lx\n", same, read_files ? hash_all_files() : 0);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    if (strcmp(mode, "exit") == 0)
        return sqlite3_libversion_number() == 0;
    if (argc < 4)
        return 2;
    list_files(argv[3], strcmp(mode, "down") == 0 ? ".down.sql" : ".up.sql");
    if (sqlite3_open(argv[2], &db))
        die(argv[2]);
    if (strncmp(mode, "noop", 4) == 0)
        noop(mode[4] != 0);
    else if (strcmp(mode, "down") == 0)
        down(argc > 4 ? atoi(argv[4]) : 1);
    else if (strcmp(mode, "up") == 0 || strcmp(mode, "onetx") == 0)
        up(mode[0] == 'u');
    else
        return 2;
    sqlite3_close(db);
    return 0;
}
