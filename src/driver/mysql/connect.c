/*
 * connect.c - open, attach, reopen and close a session.
 *
 * One message follows the greeting: it says utf8mb4, sends the settings of the URL, and asks for the few facts that the
 * driver works with. Nothing else of the session is touched: sql_mode, isolation and time zone stay the server's.
 * A second connection, which cancels or looks while the first one waits, is opened when it is needed, with the same
 * target, and closed at once.
 * Owns the session and its connection. Facts: MariaDB Connector/C, mysql_optionsv; MySQL 8.4 manual, 12.4.
 */
#include "driver/mysql/my.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_LIMIT_MS 10000
#define KNOCK_MS 1000

/* ---- one connection ---- */

static void set_tls(MYSQL *conn, const my_target *t)
{
    my_bool yes = 1, no = 0;
    if (t->tls == MY_TLS_UNSET || t->tls == MY_TLS_OFF)
        return;
    bool has_ca = t->tls >= MY_TLS_CA; /* with a CA the library checks the chain, whatever VERIFY_SERVER_CERT says */
    mysql_ssl_set(conn, t->key, t->cert, has_ca ? t->ca : NULL, has_ca ? t->ca_path : NULL, t->cipher);
    if (t->crl && has_ca)
        mysql_optionsv(conn, MYSQL_OPT_SSL_CRL, t->crl);
    if (t->tls != MY_TLS_PREFERRED)
        mysql_optionsv(conn, MYSQL_OPT_SSL_ENFORCE, &yes);
    mysql_optionsv(conn, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, t->tls == MY_TLS_VERIFIED ? &yes : &no);
}

static void set_options(MYSQL *conn, const my_target *t, int64_t timeout_ms)
{
    unsigned seconds = (unsigned)((timeout_ms + 999) / 1000), local_infile = t->is_local_infile_fine;
    unsigned write_seconds = t->answer_timeout_ms > 0 ? (unsigned)((t->answer_timeout_ms + 999) / 1000) : 30;
    my_bool yes = 1;
    unsigned long packet_max = MY_MESSAGE_MAX;
    unsigned protocol = MYSQL_PROTOCOL_TCP;
    mysql_optionsv(conn, MYSQL_READ_DEFAULT_GROUP, "whimbrel"); /* passwords of [client] in my.cnf */
    mysql_optionsv(conn, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
    mysql_optionsv(conn, MYSQL_OPT_WRITE_TIMEOUT, &write_seconds);
    mysql_optionsv(conn, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet_max);
    mysql_optionsv(conn, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_optionsv(conn, MYSQL_OPT_LOCAL_INFILE, &local_infile); /* else a server could ask for any file of ours */
    if (t->port && !t->socket) /* for "localhost" the library takes a socket, and leaves the port unread */
        mysql_optionsv(conn, MYSQL_OPT_PROTOCOL, &protocol);
    if (t->is_compressed)
        mysql_optionsv(conn, MYSQL_OPT_COMPRESS, NULL);
    if (t->is_cleartext_fine)
        mysql_optionsv(conn, MYSQL_ENABLE_CLEARTEXT_PLUGIN, &yes);
    if (t->application)
        mysql_optionsv(conn, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", t->application);
    if (t->run_id)
        mysql_optionsv(conn, MYSQL_OPT_CONNECT_ATTR_ADD, "whimbrel_run", t->run_id);
    set_tls(conn, t);
}

/* A cut line must not hold a run for two hours, which is what the kernel's own keepalive takes. Half of the limit it may be
   silent, then three questions must be answered in the other half. */
static void set_socket(MYSQL *conn, const my_target *t)
{
    unsigned limit = (unsigned)(t->answer_timeout_ms > 0 ? t->answer_timeout_ms : 0), patience = limit ? limit : 30000;
    int fd = (int)mysql_get_socket(conn), on = 1, count = 3;
    int idle = patience >= 2000 ? (int)(patience / 2000) : 1, interval = patience >= 6000 ? (int)(patience / 6000) : 1;
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (fd < 0 || getsockname(fd, (struct sockaddr *)&address, &size) != 0 || address.ss_family == AF_UNIX)
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
    if (limit)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof limit);
}

MYSQL *my_connect(const my_target *t, int64_t timeout_ms, unsigned *number, char *why, size_t why_size)
{
    MYSQL *conn = mysql_init(NULL);
    *number = 2008;
    snprintf(why, why_size, "out of memory");
    if (!conn)
        return NULL;
    set_options(conn, t, timeout_ms);
    if (mysql_real_connect(conn, t->host, t->user, t->password, t->database, t->port, t->socket,
                           CLIENT_MULTI_STATEMENTS | CLIENT_MULTI_RESULTS)) {
        /* The library falls back to plain text when the server offers no TLS, whatever MYSQL_OPT_SSL_ENFORCE says. */
        if (t->tls < MY_TLS_REQUIRED || mysql_get_ssl_cipher(conn)) {
            set_socket(conn, t);
            conn->net.max_packet_size = MY_MESSAGE_MAX; /* my.cnf may say less, and the library reads its "16M" as 16 */
            return conn;
        }
        *number = 2026;
        snprintf(why, why_size, "TLS is asked for, and the server does not offer it");
    } else {
        *number = mysql_errno(conn);
        const char *text = mysql_error(conn);
        wb_copy_text(why, why_size, text, strlen(text));
    }
    mysql_close(conn);
    return NULL;
}

/* ---- what went wrong ---- */

static void add_hint(wb_ctx *cx, const my_target *t, unsigned number, const char *why)
{
    switch (number) {
    case 1044:
    case MY_ER_BAD_DATABASE: wb_hint(cx, "Create the database, or correct its name in the URL."); break;
    case 1045:
        wb_hint(cx, "Check user and password; special characters in a password are percent-encoded in a URL.");
        break;
    case 1130: wb_hint(cx, "The server knows no account for this user and the host that we come from."); break;
    case 2002:
        wb_hint(cx, strstr(why, "socket")
                        ? "Is the server running? Write 127.0.0.1 or a port for TCP; ?socket=FILE names another socket."
                        : "Is the server up there? `whimbrel wait --timeout 60s` waits for it.");
        break;
    case 2003: wb_hint(cx, "Is the server up there? `whimbrel wait --timeout 60s` waits for it."); break;
    case 2026:
        wb_hint(cx, t->tls == MY_TLS_PREFERRED || strstr(why, "offer") || strstr(why, "support")
                        ? "Write tls=false for a server whose TLS does not work, or that has none."
                        : "Name the authority that signed the server's certificate (ssl-ca=FILE), or write "
                          "tls=skip-verify to trust it unseen.");
        break;
    case 2058:
    case 2059: wb_hint(cx, "The client library libmariadb lacks the plugin that this account asks for."); break;
    default: break;
    }
}

/* What a plain connection says; 0 when it can be made. */
static int knock(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0)
        return errno;
    int code = connect(fd, a->ai_addr, a->ai_addrlen) == 0 ? 0 : errno;
    socklen_t size = sizeof code;
    struct pollfd p = { fd, POLLOUT, 0 };
    if (code == EINPROGRESS && (poll(&p, 1, KNOCK_MS) <= 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) != 0))
        code = ETIMEDOUT;
    close(fd);
    return code;
}

/* The library knows that it could not connect over TCP, and reports "in progress" (115) as the reason. */
static void find_cause(const my_target *t, unsigned number, char *cause, size_t size)
{
    char port[16];
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    size_t len = strlen(cause);
    snprintf(port, sizeof port, "%u", t->port ? t->port : 3306);
    if ((number != 2002 && number != 2003) || !t->host || len < 5 || strcmp(cause + len - 5, "(115)") != 0 ||
        getaddrinfo(t->host, port, &hints, &found) != 0)
        return;
    int code = found ? knock(found) : 0;
    freeaddrinfo(found);
    if (code)
        wb_copy_text(cause, size, strerror(code), strlen(strerror(code)));
}

static int fail_connect(wb_ctx *cx, const my_session *s, unsigned number, const char *why)
{
    const char *shown = s->target.shown ? s->target.shown : "the database";
    char cause[300];
    wb_copy_text(cause, sizeof cause, why, strlen(why));
    find_cause(&s->target, number, cause, sizeof cause);
    if (cause[0] >= 'A' && cause[0] <= 'Z' && cause[1] >= 'a' && cause[1] <= 'z')
        cause[0] = (char)(cause[0] + 32);
    if (number == 2008)
        return wb_nomem(cx);
    int code = wb_fail(cx, WBL_E_CONNECT, WBL_EFFECT_NONE, "can't connect to %s: %s", shown, cause);
    add_hint(cx, &s->target, number, why);
    if (cx->err) {
        cx->err->native = (int32_t)number;
        cx->err->is_retryable = my_error_find(number)->is_retryable;
    }
    return code;
}

/* ---- facts ---- */

typedef struct facts {
    my_session *s;
    bool is_autocommit_off;
} facts;

static void copy(char *to, size_t size, wb_str cell) { wb_copy_text(to, size, cell.p ? cell.p : "", cell.len); }

static int read_facts(void *user, size_t index, const wb_str *cells, size_t count)
{
    facts *f = user;
    my_session *s = f->s;
    (void)index;
    if (count != 9)
        return 0;
    s->packet_max = (size_t)my_number(cells[0]);
    s->lock_wait_s = (uint32_t)my_number(cells[1]);
    s->row_lock_wait_s = (uint32_t)my_number(cells[2]);
    copy(s->statement_limit, sizeof s->statement_limit, cells[3]);
    copy(s->current, sizeof s->current, cells[4]);
    f->is_autocommit_off = my_number(cells[5]) == 0;
    s->base.server.is_standby = my_number(cells[6]) != 0;
    /* A pooler hands out connection ids of its own. */
    s->base.server.is_pooled = (unsigned long)my_number(cells[7]) != mysql_thread_id(s->conn);
    s->base.server.has_ansi_quotes = my_number(cells[8]) != 0;
    return 0;
}

static void describe_server(my_session *s)
{
    wb_server *v = &s->base.server;
    const char *text = mysql_get_server_info(s->conn);
    v->is_mariadb = mariadb_connection(s->conn) || strstr(text, "MariaDB");
    v->version = (uint32_t)mysql_get_server_version(s->conn);
    snprintf(v->product, sizeof v->product, "%s", v->is_mariadb ? "MariaDB" : "MySQL");
    wb_copy_text(v->version_text, sizeof v->version_text, text, strcspn(text, "-"));
    v->has_backslash_quotes = !(s->conn->server_status & SERVER_STATUS_NO_BACKSLASH_ESCAPES);
}

static int check_version(wb_ctx *cx, const my_session *s)
{
    const wb_server *v = &s->base.server;
    if (v->version >= (v->is_mariadb ? 100600 : 80000))
        return 0;
    return wb_fail(cx, WBL_E_UNSUPPORTED, WBL_EFFECT_NONE, "%s %s is older than %s, the oldest that whimbrel knows",
                   v->product, v->version_text, v->is_mariadb ? "10.6" : "8.0");
}

static void greeting_text(const my_session *s, wb_buf *b)
{
    wb_buf_str(b, "SET NAMES utf8mb4");
    if (s->target.collation) {
        wb_buf_str(b, " COLLATE ");
        my_literal(b, s, s->target.collation);
    }
    if (s->target.settings)
        wb_buf_addf(b, ";\n%s", s->target.settings);
    wb_buf_addf(b,
                ";\nSELECT @@max_allowed_packet, @@lock_wait_timeout, @@innodb_lock_wait_timeout, @@max_%s_time, "
                "DATABASE(), @@autocommit, @@global.read_only, CONNECTION_ID(), FIND_IN_SET('ANSI_QUOTES', @@sql_mode)",
                my_is_mariadb(s) ? "statement" : "execution");
}

/* The one message after the greeting. */
static int settle(wb_ctx *cx, my_session *s)
{
    facts f = { .s = s };
    s->packet_max = (size_t)1 << 20; /* until the server has said it */
    describe_server(s);
    int rc = check_version(cx, s);
    if (rc != 0)
        return rc;
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    greeting_text(s, &sql);
    const char *text = wb_buf_cstr(&sql);
    rc = text ? my_exec(cx, s, text, read_facts, &f) : wb_nomem(cx);
    if (rc == 0 && f.is_autocommit_off) /* what we record outside of a unit must be durable at once */
        rc = my_exec(cx, s, "SET SESSION autocommit = 1", NULL, NULL);
    if (rc != 0)
        return rc == WBL_E_NOMEM ? wb_nomem(cx) : rc;
    wb_server *v = &s->base.server;
    v->has_backslash_quotes = !(s->conn->server_status & SERVER_STATUS_NO_BACKSLASH_ESCAPES);
    v->message_max = s->packet_max;
    snprintf(v->database, sizeof v->database, "%s", s->current);
    snprintf(v->schema, sizeof v->schema, "%s", s->current);
    bool has_no_lock = v->is_pooled || s->target.takes_no_lock;
    s->base.caps = my_driver.caps & ~(has_no_lock ? (uint32_t)WB_CAP_LOCK_SESSION : 0);
    return 0;
}

/* ---- the session ---- */

static void forget_state(my_session *s)
{
    my_queue_cut(s);
    s->is_unit_open = s->is_unit_sent = s->is_unit_failed = false;
    s->is_lost = s->has_run_lock = false;
    s->committed = s->set_lock_s = 0;
    s->set_statement_ms = 0;
    s->lock_count = 0;
    s->fuse[0] = 0;
    my_engines_forget(s);
    wb_arena_done(&s->snapshot_mem);
    s->snapshot = NULL;
    s->snapshot_count = 0;
}

static void disconnect(my_session *s)
{
    if (s->conn && !s->is_borrowed)
        mysql_close(s->conn);
    s->conn = NULL;
}

static int connect_now(wb_ctx *cx, my_session *s)
{
    int64_t limit = s->target.connect_timeout_ms > 0 ? s->target.connect_timeout_ms : CONNECT_LIMIT_MS;
    int64_t left = cx->deadline_ms ? cx->deadline_ms - wb_now_ms() : limit;
    unsigned number;
    char why[400];
    if (wb_cancelled(cx))
        return wb_fail(cx, WBL_E_CANCELLED, WBL_EFFECT_NONE, "cancelled while connecting to %s", s->target.shown);
    if (left <= 0)
        return wb_fail(cx, WBL_E_TIMEOUT, WBL_EFFECT_NONE, "no time was left to connect to %s", s->target.shown);
    s->conn = my_connect(&s->target, left < limit ? left : limit, &number, why, sizeof why);
    if (!s->conn)
        return fail_connect(cx, s, number, why);
    int rc = settle(cx, s);
    if (rc != 0)
        disconnect(s);
    return rc;
}

static my_session *session_new(wb_ctx *cx)
{
    my_session *s = wb_alloc(sizeof *s);
    if (!s) {
        wb_nomem(cx);
        return NULL;
    }
    pthread_mutex_init(&s->guard, NULL);
    my_watch_init(&s->watch);
    s->message = WB_BUF(MY_MESSAGE_MAX);
    s->base.driver = &my_driver;
    s->base.caps = my_driver.caps;
    return s;
}

int my_open(wb_ctx *cx, const wb_open_options *o, wb_session **out)
{
    my_session *s = session_new(cx);
    if (!s)
        return WBL_E_NOMEM;
    int rc = my_target_read(cx, &s->mem, o, &s->target);
    if (rc == 0)
        rc = connect_now(cx, s);
    if (rc != 0) {
        my_close(&s->base);
        return rc;
    }
    *out = &s->base;
    return 0;
}

int my_reopen(wb_ctx *cx, wb_session *base)
{
    my_session *s = my_of(base);
    my_failure_clear(s);
    if (s->is_borrowed)
        return wb_fail(cx, WBL_E_CONNECT, WBL_EFFECT_NONE, "the caller's connection cannot be opened anew from here");
    disconnect(s);
    forget_state(s);
    return connect_now(cx, s);
}

/* A connection that the client library opens anew by itself has lost our lock, our settings and our transaction, and nobody
   would know. */
static void forbid_reconnect(my_session *s)
{
    my_bool no = 0;
    if (mysql_get_optionv(s->conn, MYSQL_OPT_RECONNECT, &s->reconnects) != 0)
        s->reconnects = 0;
    mysql_optionsv(s->conn, MYSQL_OPT_RECONNECT, &no);
}

static void allow_reconnect(my_session *s) { mysql_optionsv(s->conn, MYSQL_OPT_RECONNECT, &s->reconnects); }

/* The caller's connection, without our locks and settings and without a unit of ours that is half done. */
static void give_back(my_session *s)
{
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    wb_ctx quiet = { 0 };
    my_queue_cut(s);
    if (s->is_unit_open && s->is_unit_sent)
        my_exec_quietly(s, "ROLLBACK");
    s->is_unit_open = false;
    (void)my_unlock(&quiet, &s->base, NULL, 0);
    my_limits_text(s, &sql, 0, 0);
    if (sql.len)
        my_exec_quietly(s, wb_buf_cstr(&sql));
    my_exec_quietly(s, s->restore);
    if (!(s->conn->client_flag & CLIENT_MULTI_STATEMENTS))
        (void)mysql_set_server_option(s->conn, MYSQL_OPTION_MULTI_STATEMENTS_OFF);
}

void my_close(wb_session *base)
{
    if (!base)
        return;
    my_session *s = my_of(base);
    if (s->is_borrowed && s->conn && !s->is_lost)
        give_back(s);
    if (s->is_borrowed && s->conn)
        allow_reconnect(s);
    disconnect(s);
    wb_buf_done(&s->message);
    my_engines_forget(s);
    wb_arena_done(&s->snapshot_mem);
    wb_arena_done(&s->mem);
    my_watch_done(&s->watch);
    pthread_mutex_destroy(&s->guard);
    wb_free(s);
}

void *my_native(wb_session *base) { return my_of(base)->conn; }

/* ---- the caller's connection ---- */

static const char *option_text(MYSQL *conn, enum mysql_option option)
{
    const char *value = NULL;
    return mysql_get_optionv(conn, option, (void *)&value) == 0 ? value : NULL;
}

static int keep(wb_ctx *cx, wb_arena *mem, const char *text, const char **out)
{
    *out = text ? wb_arena_dup(mem, text) : NULL;
    return text && !*out ? wb_nomem(cx) : 0;
}

/* What this connection was made with serves for the second one. */
static int copy_target(wb_ctx *cx, my_session *s, const wb_open_options *o)
{
    my_target *t = &s->target;
    MYSQL *c = s->conn;
    const struct {
        const char *text;
        const char **to;
    } texts[] = {
        { c->host, &t->host },
        { c->user, &t->user },
        { c->passwd, &t->password },
        { c->db, &t->database },
        { c->unix_socket, &t->socket },
        { o->application, &t->application },
        { o->run_id, &t->run_id },
        { o->url && o->url->shown ? o->url->shown : "the caller's connection", &t->shown },
        { option_text(c, MYSQL_OPT_SSL_CA), &t->ca },
        { option_text(c, MYSQL_OPT_SSL_CAPATH), &t->ca_path },
        { option_text(c, MYSQL_OPT_SSL_CERT), &t->cert },
        { option_text(c, MYSQL_OPT_SSL_KEY), &t->key },
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < WB_COUNT(texts); i++)
        rc = keep(cx, &s->mem, texts[i].text, texts[i].to);
    t->port = c->port;
    my_bool verifies = 0;
    if (mysql_get_optionv(c, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verifies) != 0)
        verifies = 1;
    bool has_ca = t->ca || t->ca_path;
    t->tls = !mysql_get_ssl_cipher(c) ? MY_TLS_OFF : verifies ? MY_TLS_VERIFIED : has_ca ? MY_TLS_CA : MY_TLS_REQUIRED;
    t->connect_timeout_ms = o->connect_timeout_ms;
    t->answer_timeout_ms = o->answer_timeout_ms;
    return rc;
}

static int read_names(void *user, size_t index, const wb_str *cells, size_t count)
{
    my_session *s = user;
    (void)index, (void)count;
    wb_str client = cells[0], results = cells[1], collation = cells[2], autocommit = cells[3];
    const char *quote = results.p ? "'" : "";
    s->restore =
        wb_arena_fmt(&s->mem,
                     "SET SESSION character_set_client = '%.*s', SESSION character_set_results = %s%.*s%s, "
                     "SESSION collation_connection = '%.*s', SESSION autocommit = %.*s",
                     (int)client.len, client.p, quote, results.p ? (int)results.len : 4, results.p ? results.p : "NULL",
                     quote, (int)collation.len, collation.p, (int)autocommit.len, autocommit.p);
    return s->restore ? 0 : WBL_E_NOMEM;
}

int my_attach(wb_ctx *cx, void *native, const wb_open_options *o, wb_session **out)
{
    MYSQL *conn = native;
    if (!conn || mysql_get_socket(conn) == (my_socket)-1)
        return wb_fail(cx, WBL_E_CONNECT, WBL_EFFECT_NONE, "the caller's connection is not open");
    if (conn->status != MYSQL_STATUS_READY || mysql_more_results(conn) || conn->server_status & SERVER_STATUS_IN_TRANS)
        return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the caller's connection is busy or in a transaction");
    my_session *s = session_new(cx);
    if (!s)
        return WBL_E_NOMEM;
    s->conn = conn;
    s->is_borrowed = true;
    s->packet_max = (size_t)1 << 20;
    forbid_reconnect(s);
    describe_server(s);
    int rc = copy_target(cx, s, o);
    if (rc == 0)
        rc = my_exec(cx, s,
                     "SELECT @@character_set_client, @@character_set_results, @@collation_connection, @@autocommit",
                     read_names, s);
    if (rc == WBL_E_NOMEM)
        wb_nomem(cx);
    if (rc == 0 && mysql_set_server_option(conn, MYSQL_OPTION_MULTI_STATEMENTS_ON) != 0)
        rc = my_fail_server(cx, s, mysql_errno(conn), mysql_sqlstate(conn), mysql_error(conn), WBL_EFFECT_NONE);
    if (rc == 0)
        rc = settle(cx, s);
    if (rc != 0) {
        my_close(&s->base);
        return rc;
    }
    *out = &s->base;
    return 0;
}
