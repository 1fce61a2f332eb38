/*
 * test_pooler.c - behind a pooler in transaction mode: it is noticed, session locks are not taken, units still work.
 *
 * Starts a pgbouncer of its own on a free port and ends it; skipped without one.
 */
#define SCHEMA "wb_test_pooler"
#include "pgtest.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *find_program(void)
{
    static const char *const places[] = { "/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer" };
    for (size_t i = 0; i < WB_COUNT(places); i++)
        if (access(places[i], X_OK) == 0)
            return places[i];
    return NULL;
}

static int free_port(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static pid_t start_pooler(fixture *f, const char *program, int port, char dir[64])
{
    char ini[128], log[160];
    snprintf(dir, 64, "/tmp/whimbrel-pooler-XXXXXX");
    assert_non_null(mkdtemp(dir));
    chmod(dir, 0777);
    snprintf(ini, sizeof ini, "%s/p.ini", dir);
    snprintf(log, sizeof log, "%s/log", dir);
    FILE *out = fopen(ini, "w");
    /* auth_type any logs everybody in as the user of the line. */
    fprintf(out,
            "[databases]\n* = host=%s port=%s user=%s\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = "
            "%d\nauth_type = any\nunix_socket_dir =\n"
            "pool_mode = transaction\nlogfile = %s\nignore_startup_parameters = options,extra_float_digits\n",
            PQhost(f->looker), PQport(f->looker), PQuser(f->looker), port, log);
    fclose(out);
    pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(1);
        if (geteuid() == 0)
            execl(program, program, "-u", "nobody", ini, (char *)NULL);
        else
            execl(program, program, ini, (char *)NULL);
        _exit(1);
    }
    return pid;
}

static void pooler_is_noticed_and_units_work(void **state)
{
    NEEDS_SERVER(f);
    const char *program = find_program();
    char dir[64], text[300], command[100];
    int port = free_port();
    pid_t pid = start_pooler(f, program, port, dir);
    ask(f->looker, "CREATE TABLE h (n int)");

    wb_url url;
    wb_session *s = NULL;
    snprintf(text, sizeof text, "postgres://%s@127.0.0.1:%d/%s?sslmode=disable", PQuser(f->looker), port,
             PQdb(f->looker));
    assert_good(f, wb_url_parse(&f->cx, &f->mem, text, &url));
    wb_open_options o = options_of(f);
    o.url = &url;
    int rc = WBL_E_CONNECT;
    for (int i = 0; i < 50 && rc != 0; i++) {
        usleep(100000);
        rc = pg_open(&f->cx, &o, &s);
    }
    assert_good(f, rc);

    wb_lock_key key = { "pooled", false };
    wb_survey survey = { .locks = &key, .lock_count = 1 };
    assert_good(f, pg_survey(&f->cx, s, &f->mem, &survey));
    assert_true(s->server.is_pooled);
    assert_true(survey.is_locked);
    assert_int_equal(s->caps & WB_CAP_LOCK_SESSION, 0);
    wb_holder holder;
    assert_int_equal(pg_holder(&f->cx, f->session, &key, 1, &holder), WBL_NO_CHANGE);

    wb_txn txn = { .fuse = "f", .lock_timeout_ms = 1000 };
    wb_piece p = piece_of("INSERT INTO " SCHEMA ".h VALUES (1)");
    wb_sync sync;
    for (int i = 0; i < 3; i++) {
        assert_good(f, pg_begin(&f->cx, s, &txn));
        assert_good(f, pg_run(&f->cx, s, &p));
        assert_good(f, pg_commit(&f->cx, s));
    }
    assert_good(f, pg_sync(&f->cx, s, &sync));
    assert_int_equal(sync.committed, 3);
    assert_good(f, pg_unlock(&f->cx, s, &key, 1));
    pg_close(s);
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    struct CMUnitTest tests[] = { TEST(pooler_is_noticed_and_units_work) };
    if (!find_program())
        tests[0] = skipped(tests[0].name, "no pgbouncer");
    return run_group("postgres pooler", tests, WB_COUNT(tests));
}
