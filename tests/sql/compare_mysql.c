/*
 * compare_mysql.c - our splitter beside a real server and its client: generated text is sent as a whole and must run as
 * many statements as we find, each of our pieces must parse alone, and the client must cut DELIMITER lines as we do.
 *
 * usage: compare_mysql [-n COUNT] [-s SEED] [FOLDER...]
 * Needs WHIMBREL_TEST_MARIADB_URL or WHIMBREL_TEST_MYSQL_URL (mysql://user:password@host:port/). Files whose path says mysql are
 * read from the folders and from WHIMBREL_TEST_MYSQL_FILES (folders with colons between them).
 */
#include "compare.h"

#ifdef WB_HAVE_MYSQL
#include <fcntl.h>
#include <mysql.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ER_EMPTY = 1065, ER_PARSE = 1064, ER_NOT_PREPARED = 1295 };

static wb_sql_options options;
static MYSQL *server;
static char host[128], user_name[64], password[64], port_text[8];
static unsigned name_number;

/* ---- generated text ---- */

static void my_gap(wb_buf *b)
{
    static const char *const gaps[] = { " ",
                                        " ",
                                        " ",
                                        "\n",
                                        "\t ",
                                        "\r\n",
                                        " -- it's; x\n",
                                        " /* ; ' \" */ ",
                                        " --\n ",
                                        " # it's; `\n",
                                        " /* a /* ; */ ",
                                        "--\t;\n",
                                        " /*! */ ",
                                        " /*!99999 ; ' */ " };
    wb_buf_str(b, RANDOM_OF(gaps));
}

static void my_string(wb_buf *b)
{
    static const char *const strings[] = { "'a;b'", "'it''s;'", "'it\\'s;'",    "\"a;'b\"", "\"x\\\";\"", "'\\\\'",
                                           "''",    "N'n;\\''", "_utf8mb4'u;'", "x'3b'",    "b'01'",      "0x3b3b",
                                           "'--'",  "'/*'",     "'#'",          "'end;'" };
    wb_buf_str(b, RANDOM_OF(strings));
}

static void my_expression(wb_buf *b, int depth)
{
    static const char *const simple[] = {
        "1",          "@a",   "1.5e3", "NULL",           "@`b;c`",         "@'d;e'",       "@\"f;\"",
        "@@sql_mode", "5--1", "now()", "if(1,'a;','b')", "repeat('x;',2)", "left('ab',1)", "1-- ;\n"
    };
    switch (random_below(depth > 2 ? 4 : 8)) {
    case 0:
    case 1: my_string(b); break;
    case 2: wb_buf_str(b, options.is_mariadb ? "\\N" : "NULL"); break; /* MySQL 9 has it no more */
    case 3: wb_buf_str(b, RANDOM_OF(simple)); break;
    case 4:
        wb_buf_str(b, "case when 1 then ");
        my_expression(b, depth + 1);
        my_gap(b);
        wb_buf_str(b, "else ");
        my_expression(b, depth + 1);
        wb_buf_str(b, " end");
        break;
    case 5:
        wb_buf_str(b, "case 1 when 2 then ");
        my_expression(b, depth + 1);
        wb_buf_str(b, " end");
        break;
    case 6:
        wb_buf_str(b, "(");
        my_expression(b, depth + 1);
        my_gap(b);
        wb_buf_str(b, ")");
        break;
    default:
        wb_buf_str(b, "if(1, ");
        my_expression(b, depth + 1);
        wb_buf_str(b, ", ");
        my_expression(b, depth + 1);
        wb_buf_str(b, ")");
        break;
    }
}

static void my_body(wb_buf *b, int depth);

static void my_bodies(wb_buf *b, int depth)
{
    for (uint32_t n = 1 + random_below(3); n > 0; n--) {
        my_body(b, depth + 1);
        my_gap(b);
        wb_buf_str(b, ";");
        my_gap(b);
    }
}

static void my_block(wb_buf *b, int depth)
{
    static const char *const handlers[] = {
        "not found", "sqlexception", "sqlwarning, not found", "sqlstate '23000'", "sqlstate value '42S02', 1062", "1051"
    };
    wb_buf_str(b, "begin");
    my_gap(b);
    if (random_below(3) == 0)
        wb_buf_str(b, "declare v int default case when 1 then 2 end; declare c condition for 1051; ");
    if (random_below(3) == 0) {
        wb_buf_str(b, "declare continue handler for ");
        wb_buf_str(b, RANDOM_OF(handlers));
        my_gap(b);
        my_body(b, depth + 2);
        wb_buf_str(b, "; ");
    }
    if (random_below(6))
        my_bodies(b, depth);
    wb_buf_str(b, "end");
}

/* A statement inside a stored program, without its semicolon. */
static void my_body(wb_buf *b, int depth)
{
    static const char *const others[] = { "insert into t values (1, 'a;')",
                                          "delete from t where `end` = 1",
                                          "drop temporary table if exists nix",
                                          "set @a = @a + 1",
                                          "select begin, end into @a, @b from t limit 1",
                                          "do sleep(0)",
                                          "update t set end = if(1,2,3)",
                                          "select a.end, a.begin into @x, @y from t a limit 1" };
    unsigned label = name_number++;
    switch (random_below(depth > 3 ? 3 : 12)) {
    case 0: wb_buf_str(b, RANDOM_OF(others)); break;
    case 1:
    case 2:
        wb_buf_str(b, "set @x =");
        my_gap(b);
        my_expression(b, 0);
        break;
    case 3:
        wb_buf_str(b, "if");
        wb_buf_str(b, random_below(2) ? "(" : " (");
        my_expression(b, 0);
        wb_buf_str(b, ") then ");
        my_bodies(b, depth);
        if (random_below(2)) {
            wb_buf_str(b, "elseif ");
            my_expression(b, 0);
            wb_buf_str(b, " then");
            my_gap(b);
            my_bodies(b, depth);
        }
        if (random_below(2)) {
            wb_buf_str(b, "else ");
            my_bodies(b, depth);
        }
        wb_buf_str(b, "end if");
        break;
    case 4:
        wb_buf_str(b, "case ");
        my_expression(b, 0);
        wb_buf_str(b, " when 1 then ");
        my_bodies(b, depth);
        if (random_below(2)) {
            wb_buf_str(b, "else ");
            my_bodies(b, depth);
        }
        wb_buf_str(b, "end case");
        break;
    case 5:
        wb_buf_str(b, "case when ");
        my_expression(b, 0);
        wb_buf_str(b, " then ");
        my_bodies(b, depth);
        wb_buf_str(b, "end case");
        break;
    case 6:
        wb_buf_addf(b, "l%u: loop ", label);
        my_bodies(b, depth);
        wb_buf_addf(b, "leave l%u; end loop", label);
        if (random_below(2))
            wb_buf_addf(b, " l%u", label);
        break;
    case 7:
        wb_buf_addf(b, "`l%u` : while ", label);
        my_expression(b, 0);
        wb_buf_str(b, " do ");
        my_bodies(b, depth);
        wb_buf_addf(b, "end while l%u", label);
        break;
    case 8:
        wb_buf_str(b, "repeat ");
        my_bodies(b, depth);
        wb_buf_str(b, "until ");
        my_expression(b, 0);
        wb_buf_str(b, " end repeat");
        break;
    case 9:
        if (options.is_mariadb) {
            wb_buf_str(b, "for i in 1..3 do ");
            my_bodies(b, depth);
            wb_buf_str(b, "end for");
            break;
        }
        my_block(b, depth);
        break;
    default: my_block(b, depth); break;
    }
}

/* Statements that run without an error, so that the server goes on to the next one. */
static void my_statement(wb_buf *b)
{
    static const char *const others[] = {
        "create temporary table if not exists tmp (a int, `b;` varchar(9) default ';')",
        "drop table if exists nix",
        "insert into t values (1, ';'), (2, \"it's\\\"\")",
        "/*!40101 set @old = @@sql_mode */",
        "/*! set @a = ';' */",
        "set names utf8mb4",
        "create table if not exists event (a int)",
        "start transaction",
        "commit",
        "alter table t comment 'x;'",
        "select 1 as `a;``b`",
        "prepare s from 'select 1;'",
        "insert /* ; */ into t /*!40000 (begin, end) */ values (3, 4)",
        "select /*+ ; */ 1",
        "select 1 /*!50001 , ';' /* ; */ */"
    };
    unsigned n = name_number++;
    switch (random_below(10)) {
    case 0:
    case 1:
        wb_buf_addf(b, "create procedure p%u(in a int, inout c enum('x;','y'))", n);
        my_gap(b);
        if (random_below(2))
            wb_buf_str(b, "comment ';' not deterministic reads sql data sql security invoker ");
        my_body(b, 0);
        break;
    case 2:
        wb_buf_addf(b, "create definer=`root`@`localhost` function f%u(a int) returns ", n);
        wb_buf_str(b, random_below(2) ? "set('a;','b') " : "varchar(20) character set utf8mb4 ");
        wb_buf_str(b, "deterministic");
        my_gap(b);
        if (random_below(2)) {
            wb_buf_str(b, "return ");
            my_expression(b, 0);
        } else {
            wb_buf_str(b, "begin ");
            my_bodies(b, 2);
            wb_buf_str(b, "return 'a'; end");
        }
        break;
    case 3:
        wb_buf_addf(b, "create trigger t%u before insert on u for each row", n);
        my_gap(b);
        my_body(b, 1);
        break;
    case 4:
        wb_buf_addf(b, "create event e%u on schedule every 1 day disable comment ';' do", n);
        my_gap(b);
        my_body(b, 1);
        break;
    case 5:
        if (options.is_mariadb) {
            wb_buf_str(b, "begin not atomic ");
            wb_buf_str(b, "declare v int; set @y = 'a;'; if 1 then set @z = 1; end if; end");
            break;
        }
        wb_buf_str(b, "set @m = ';'");
        break;
    case 6: wb_buf_str(b, RANDOM_OF(others)); break;
    case 7:
        wb_buf_str(b, "do ");
        my_expression(b, 0);
        break;
    default:
        wb_buf_str(b, "select");
        my_gap(b);
        my_expression(b, 0);
        wb_buf_str(b, ",");
        my_expression(b, 0);
        break;
    }
}

static void my_text(wb_buf *b)
{
    for (uint32_t n = 1 + random_below(5); n > 0; n--) {
        my_gap(b);
        my_statement(b);
        my_gap(b);
        wb_buf_str(b, n > 1 || random_below(2) ? ";" : "");
    }
}

/* ---- the server ---- */

static bool connect_server(const char *url, bool reports)
{
    char *end;
    unsigned port = 3306;
    const char *p = strstr(url, "://");
    if (!p)
        return false;
    p += 3;
    const char *at = strrchr(p, '@');
    if (at) {
        size_t len = (size_t)(at - p);
        const char *colon = memchr(p, ':', len);
        snprintf(user_name, sizeof user_name, "%.*s", (int)(colon ? (size_t)(colon - p) : len), p);
        snprintf(password, sizeof password, "%.*s", colon ? (int)(at - colon - 1) : 0, colon ? colon + 1 : "");
        p = at + 1;
    }
    size_t host_len = strcspn(p, ":/");
    snprintf(host, sizeof host, "%.*s", (int)host_len, p);
    if (p[host_len] == ':')
        port = (unsigned)strtoul(p + host_len + 1, &end, 10);
    snprintf(port_text, sizeof port_text, "%u", port);
    server = mysql_init(NULL);
    if (server && mysql_real_connect(server, host, user_name, password, NULL, port, NULL, CLIENT_MULTI_STATEMENTS))
        return true;
    if (reports)
        printf("# can't connect: %s\n", server ? mysql_error(server) : "no memory");
    return false;
}

static void run(const char *sql)
{
    if (mysql_query(server, sql) != 0) {
        printf("# %s: %s\n", sql, mysql_error(server));
        abort();
    }
    do {
        MYSQL_RES *r = mysql_store_result(server);
        mysql_free_result(r);
    } while (mysql_next_result(server) == 0);
}

static void fresh_database(void)
{
    run("unlock tables; drop database if exists wb_compare; create database wb_compare; use wb_compare; "
        "create table t (begin text, end text); create table u (a int); set autocommit = 1"); /* nothing writes u: triggers never run */
}

/* How many statements the server runs; -1 and the reason when it can't parse one, -2 when one fails. */
static long count_statements(const char *text, size_t len, char *why, size_t size)
{
    long count = 0;
    int rc = mysql_real_query(server, text, len);
    while (rc == 0) {
        MYSQL_RES *r = mysql_store_result(server);
        mysql_free_result(r);
        /* the last of the results that a procedure would give: none is called */
        count++;
        rc = mysql_next_result(server);
    }
    if (rc == -1 || mysql_errno(server) == ER_EMPTY)
        return count;
    snprintf(why, size, "%u %s", mysql_errno(server), mysql_error(server));
    return mysql_errno(server) == ER_PARSE ? -1 : -2;
}

/* Whether the server can parse this text as one statement. */
static bool parses(const char *text, size_t len, char *why, size_t size)
{
    MYSQL_STMT *stmt = mysql_stmt_init(server);
    if (!stmt)
        abort();
    int rc = mysql_stmt_prepare(stmt, text, len);
    unsigned error = rc ? mysql_stmt_errno(stmt) : 0;
    if (error)
        snprintf(why, size, "%u %s", error, mysql_stmt_error(stmt));
    mysql_stmt_close(stmt);
    return error != ER_PARSE && error != ER_EMPTY;
}

/* ---- comparing ---- */

static spans ours;

static bool split_ours(const char *what, const char *text, size_t len)
{
    wbl_error err = { 0 };
    wb_ctx cx = { .err = &err };
    ours.count = 0;
    int rc = wb_split(&cx, &options, text, len, true, note_span, &ours);
    if (rc != 0)
        printf("# %s:%u:%u: %s\n", what, err.line, err.column, err.message);
    return rc == 0;
}

static void show(const char *what, const char *text, size_t len, const char *why)
{
    printf("# %s: %s\n", what, why);
    if (len < 9000)
        printf("# ---\n%.*s\n# ---\n", (int)len, text);
}

static bool pieces_parse(const char *what, const char *text)
{
    char why[400] = "";
    bool is_good = true;
    for (size_t i = 0; i < ours.count; i++) {
        const char *p = text + ours.at[i].start;
        size_t len = ours.at[i].end - ours.at[i].start;
        if (!parses(p, len, why, sizeof why)) {
            show(what, p, len, why);
            is_good = false;
        }
    }
    return is_good;
}

static void compare_text(const char *what, const char *text, size_t len, tally *t)
{
    char why[400] = "";
    t->texts++;
    if (!split_ours(what, text, len)) {
        t->refused_by_us++;
        t->different++;
        show(what, text, len, "refused by us");
        return;
    }
    t->statements += ours.count;
    bool is_good = pieces_parse(what, text);
    long count = count_statements(text, len, why, sizeof why);
    if (count == -2 && is_good) {
        t->same++; /* each of them parses */
    } else if (count < 0) {
        t->refused_by_them++;
        show(what, text, len, why);
    } else if ((size_t)count != ours.count || !is_good) {
        t->different++;
        printf("# %s: %zu statements, the server ran %ld\n", what, ours.count, count);
        show(what, text, len, "different");
    } else {
        t->same++;
    }
}

static bool is_space(char c) { return c && strchr(" \t\r\n\f\v", c); }

/* Behind blanks and comments; a version comment that the server passes over is one. */
static const char *pass_gap(const char *p, const char *end)
{
    for (;;) {
        if (p < end && is_space(*p)) {
            p++;
        } else if (p < end &&
                   (*p == '#' || (end - p > 1 && p[0] == '-' && p[1] == '-' && (end - p == 2 || p[2] <= ' ')))) {
            while (p < end && *p != '\n')
                p++;
        } else if (end - p > 1 && p[0] == '/' && p[1] == '*' &&
                   (end - p < 3 || p[2] != '!' || strncmp(p, "/*!99999", 8) == 0)) {
            const char *close = strstr(p + 2, "*/");
            p = close && close < end ? close + 2 : end;
        } else {
            return p;
        }
    }
}

static bool has_comment_behind(const char *text, size_t len)
{
    if (ours.count == 0)
        return true;
    const char *end = text + len, *p = pass_gap(text + ours.at[ours.count - 1].end, end);
    while (p < end && (*p == ';' || is_space(*p)))
        p++;
    return p < end;
}

/* Broken text: what we take must be what the server takes, statement by statement up to its first error. */
static void compare_mutated(const char *what, const char *text, size_t len, tally *t)
{
    wbl_error err = { 0 };
    wb_ctx cx = { .err = &err };
    t->texts++;
    ours.count = 0;
    int rc = wb_split(&cx, &options, text, len, true, note_span, &ours);
    char why[400] = "", unused[400];
    if (rc != 0) {
        if (count_statements(text, len, why, sizeof why) >= 0) {
            t->different++;
            printf("# %s:%u:%u: %s\n", what, err.line, err.column, err.message);
            show(what, text, len, "refused by us only");
        }
        t->refused_by_both++;
        return;
    }
    bool all_parse = true;
    for (size_t i = 0; i < ours.count && all_parse; i++)
        all_parse = parses(text + ours.at[i].start, ours.at[i].end - ours.at[i].start, unused, sizeof unused);
    if (!all_parse) {
        t->refused_by_both++;
        return;
    }
    long count = count_statements(text, len, why, sizeof why);
    if (count > 0 && (size_t)count == ours.count + 1 && has_comment_behind(text, len))
        count--; /* the server counts it */
    if (count >= 0 && (size_t)count != ours.count) {
        t->different++;
        printf("# %s: %zu statements, the server ran %ld\n", what, ours.count, count);
        show(what, text, len, "different");
    } else {
        t->same++;
    }
}

static void compare_file(const char *path, tally *t)
{
    size_t len;
    char *text = read_whole(path, &len);
    if (!text || memchr(text, 0, len)) {
        free(text);
        return;
    }
    t->texts++;
    if (!split_ours(path, text, len)) {
        t->different++;
        t->refused_by_us++;
    } else {
        t->statements += ours.count;
        if (pieces_parse(path, text))
            t->same++;
        else
            t->refused_by_them++;
    }
    free(text);
}

/* ---- the client ---- */

typedef struct echoed {
    char *text;
    size_t len;
} echoed;

/* What `mariadb --verbose` says it sends, for a text on its standard input. */
static echoed run_client(const char *text, size_t len)
{
    int in[2], out[2];
    echoed e = { NULL, 0 };
    if (pipe(in) != 0 || pipe(out) != 0)
        abort();
    pid_t pid = fork();
    if (pid == 0) {
        char password_option[80];
        snprintf(password_option, sizeof password_option, "--password=%s", password);
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(open("/dev/null", O_WRONLY), 2);
        close(in[1]);
        close(out[0]);
        execlp("mariadb", "mariadb", "--no-defaults", "-h", host, "-P", port_text, "-u", user_name, password_option,
               "--force", "--comments", "--verbose", "--silent", "wb_compare", (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    pid_t writer = fork(); /* both directions may block */
    if (writer == 0) {
        close(out[0]);
        for (size_t done = 0; done < len;) {
            ssize_t n = write(in[1], text + done, len - done);
            if (n <= 0)
                break;
            done += (size_t)n;
        }
        _exit(0);
    }
    close(in[1]);
    size_t cap = 1 << 20;
    e.text = malloc(cap + 1);
    for (;;) {
        if (!e.text || e.len == cap)
            abort();
        ssize_t n = read(out[0], e.text + e.len, cap - e.len);
        if (n <= 0)
            break;
        e.len += (size_t)n;
    }
    close(out[0]);
    int status = 0;
    waitpid(writer, NULL, 0);
    waitpid(pid, &status, 0);
    e.text[e.len] = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        free(e.text);
        e.text = NULL;
    }
    return e;
}

/* The same statement, apart from comments in front of and behind it. */
static bool same_statement(const char *a, const char *a_end, const char *b, const char *b_end)
{
    b = pass_gap(b, b_end);
    size_t n = (size_t)(a_end - a);
    return (size_t)(b_end - b) >= n && memcmp(a, b, n) == 0 && pass_gap(b + n, b_end) == b_end;
}

static bool client_agrees(const char *text, const echoed *e, size_t *theirs)
{
    static const char line[] = "--------------\n";
    size_t i = 0;
    bool is_good = true;
    *theirs = 0;
    for (char *p = e->text; (p = strstr(p, line));) {
        const char *start = p + sizeof line - 1;
        char *close = strstr(start, "\n--------------\n");
        if (!close)
            break;
        p = close + sizeof line;
        if (pass_gap(start, close) == close || strcmp(start, "") == 0)
            continue;
        ++*theirs;
        if (i < ours.count)
            is_good &= same_statement(text + ours.at[i].start, text + ours.at[i].end, start, close);
        i++;
    }
    return is_good && *theirs == ours.count;
}

static void compare_client(const char *what, const char *text, size_t len, tally *t)
{
    if (!split_ours(what, text, len)) {
        t->refused_by_us++;
        t->different++;
        show(what, text, len, "refused by us");
        return;
    }
    echoed e = run_client(text, len);
    if (!e.text)
        return;
    size_t theirs;
    t->texts++;
    t->statements += ours.count;
    if (client_agrees(text, &e, &theirs)) {
        t->same++;
    } else {
        t->different++;
        printf("# %s: %zu statements, the client sent %zu\n", what, ours.count, theirs);
        show(what, text, len, "different");
        show(what, e.text, e.len, "the client said");
    }
    free(e.text);
}

/* Simple statements between DELIMITER lines, with what is special about them: delimiters in words, strings, comments. */
static void delimiter_text(wb_buf *b)
{
    static const char *const delimiters[] = { ";",      "//", "$$",   ";;",     "|",   "go",
                                              "END_OF", "^^", "'//'", "\"$$\"", "@@;", "~" };
    static const char *const statements[] = {
        "set @a = ';'",
        "set @b = '//'",
        "do 'a$$b'",
        "set @c = \"|;\"",
        "set @d = '^^' /* // ;; $$ | */",
        "do 1 # ;; // $$ |\n",
        "do 2 -- // $$ ;; | go\n",
        "create procedure q() begin set @a = 1; do 2; end",
        "do `x;//`",
        "set @e = 1 ",
        "create procedure q() begin if 1 then set @f = 2; end if; end",
        "do '\\';//$$'",
        "/*!50003 set @g = 1 */ ",
    };
    const char *delimiter = ";";
    for (uint32_t n = 1 + random_below(6); n > 0; n--) {
        if (random_below(2)) {
            delimiter = RANDOM_OF(delimiters);
            static const char *const words[] = { "DELIMITER ", "delimiter ", "  Delimiter\t ", "DELIMITER    " };
            wb_buf_str(b, RANDOM_OF(words));
            wb_buf_str(b, delimiter);
            wb_buf_str(b, random_below(3) ? "\n" : " \n");
            if (*delimiter == '\'' || *delimiter == '"')
                delimiter = *delimiter == '\'' ? "//" : "$$";
        }
        bool is_plain = strcmp(delimiter, ";") == 0;
        const char *statement = RANDOM_OF(statements);
        if (is_plain && strstr(statement, "begin")) /* the client knows no blocks */
            continue;
        wb_buf_str(b, statement);
        wb_buf_str(b, random_below(2) ? "" : "\n");
        if ((delimiter[0] == 'g' || delimiter[0] == 'E') && random_below(3))
            wb_buf_str(b, " ");
        wb_buf_str(b, delimiter);
        wb_buf_str(b, random_below(3) ? "\n" : "\r\n");
    }
}

static void compare_one_server(const char *url, unsigned long count, bool *is_bad)
{
    if (!connect_server(url, true)) {
        *is_bad = true;
        return;
    }
    const char *version = mysql_get_server_info(server);
    options = (wb_sql_options){ .dialect = WB_SQL_MYSQL,
                                .server_version = (uint32_t)mysql_get_server_version(server),
                                .is_mariadb = strstr(version, "MariaDB") != NULL,
                                .backslash_quotes = true };
    tally files = { 0 }, generated = { 0 }, mutated = { 0 }, client = { 0 };
    char what[64];
    if (options.is_mariadb)
        run("set max_statement_time = 10"); /* broken text may loop */
    run("set global log_bin_trust_function_creators = 1");
    fresh_database();
    for (size_t i = 0; i < found_count; i++)
        compare_file(found_files[i], &files);
    for (unsigned long i = 0; i < count; i++) {
        wb_buf b = WB_BUF(WB_TEXT_MAX);
        my_text(&b);
        const char *text = wb_buf_cstr(&b);
        if (!text)
            abort();
        snprintf(what, sizeof what, "generated %lu", i);
        compare_text(what, text, b.len, &generated);
        run("drop procedure if exists wb_nothing; commit; unlock tables");
        char *copy = strdup(text);
        size_t len = b.len;
        for (uint32_t n = 1 + random_below(3); n > 0; n--)
            mutate(copy, &len);
        copy[len] = 0;
        fresh_database();
        snprintf(what, sizeof what, "mutated %lu", i);
        compare_mutated(what, copy, len, &mutated);
        fresh_database();
        free(copy);
        wb_buf_done(&b);
    }
    for (unsigned long i = 0; i < count / 2 + 1; i++) {
        wb_buf b = WB_BUF(WB_TEXT_MAX);
        delimiter_text(&b);
        const char *text = wb_buf_cstr(&b);
        if (!text)
            abort();
        snprintf(what, sizeof what, "delimiter %lu", i);
        compare_client(what, text, b.len, &client);
        wb_buf_done(&b);
    }
    run("drop database wb_compare");
    printf("# %s\n", version);
    show_tally("files", &files);
    show_tally("generated", &generated);
    show_tally("mutated", &mutated);
    show_tally("client", &client);
    *is_bad |=
        files.refused_by_us + generated.different + generated.refused_by_them + mutated.different + client.different >
        0;
    mysql_close(server);
}

static void keep_mysql_files(void)
{
    size_t kept = 0;
    for (size_t i = 0; i < found_count; i++) {
        if (strstr(found_files[i], "mysql") || strstr(found_files[i], "mariadb"))
            found_files[kept++] = found_files[i];
    }
    found_count = kept;
}

int main(int argc, char **argv)
{
    static const char *const variables[] = { "WHIMBREL_TEST_MARIADB_URL", "WHIMBREL_TEST_MYSQL_URL" };
    unsigned long count = read_arguments(argc, argv, 200);
    bool is_bad = false, has_server = false;
    ours.at = calloc(SPAN_MAX, sizeof(span));
    if (!ours.at)
        return 1;
    const char *folders = getenv("WHIMBREL_TEST_MYSQL_FILES");
    if (folders) {
        char *copy = strdup(folders);
        for (char *p = strtok(copy, ":"); p; p = strtok(NULL, ":"))
            find_files(p);
        free(copy);
    } else {
        puts("# WHIMBREL_TEST_MYSQL_FILES is not set: no files of real projects");
    }
    keep_mysql_files();
    for (size_t i = 0; i < WB_COUNT(variables); i++) {
        const char *url = getenv(variables[i]);
        if (url && *url) {
            has_server = true;
            compare_one_server(url, count, &is_bad);
        }
    }
    if (!has_server)
        puts("1..0 # SKIP WHIMBREL_TEST_MARIADB_URL is not set");
    else
        printf("1..1\n%s 1 - statements end where the server and its client say\n", is_bad ? "not ok" : "ok");
    return is_bad;
}

#else

int main(void)
{
    puts("1..0 # SKIP libmariadb is not installed");
    return 0;
}

#endif
