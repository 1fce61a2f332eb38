/*
 * url.c - take a database URL or a keyword/value connection text apart, and hide its password.
 *
 * People write URLs by hand and put passwords in as they are. So "the last @ before the first / ? #" ends the
 * password, and a password with one of these three is understood where only one reading is possible. Where two are, it
 * is refused: a guess would connect to another host, or print a piece of the password. Every message and `shown` hides
 * passwords, so this file never puts the text that it was given into an error.
 * Owns nothing: all data goes to the arena of the caller. Facts: RFC 3986; PostgreSQL 17 manual, 34.1.1, for keyword
 * and value and for lists of hosts; go-sql-driver/mysql, README "DSN", for user:pw@tcp(host:port)/db; SQLite manual,
 * uri.html, for file:.
 */
#include "util/util.h"

#include <string.h>

#define URL_MAX ((size_t)1 << 16)
#define HIDDEN "***"

typedef struct parse {
    wb_ctx *cx;
    wb_arena *mem;
    wb_url url;
    size_t param_cap;
    wb_str text; /* the whole input, trimmed */
    bool is_raw; /* user and password are as they are, without escapes */
    wb_buf shown;
} parse;

static const char *const file_schemes[] = { "sqlite", "sqlite3", "file" };
static const char *const mysql_schemes[] = { "mysql", "mariadb" };
static const char *const file_endings[] = { ".db", ".sqlite", ".sqlite3" };
static const char *const secret_keys[] = { "password",
                                           "passwd",
                                           "sslpassword",
                                           "pwd",
                                           "pass",
                                           "passphrase",
                                           "key",
                                           "hexkey",
                                           "api_key",
                                           "secret",
                                           "secret_access_key",
                                           "aws_secret_access_key",
                                           "token",
                                           "access_token",
                                           "auth_token",
                                           "authtoken",
                                           "session_token",
                                           "aws_session_token" };

static bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static wb_str until(wb_str s, size_t end) { return (wb_str){ s.p, end }; }
static wb_str from(wb_str s, size_t start) { return (wb_str){ s.p + start, s.len - start }; }

static bool is_one_of(const char *word, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (wb_str_ieq(WB_STR(word), names[i]))
            return true;
    return false;
}

bool wb_is_secret_key(wb_str key)
{
    for (size_t i = 0; i < WB_COUNT(secret_keys); i++)
        if (wb_str_ieq(key, secret_keys[i]))
            return true;
    return false;
}

static bool is_secret(const char *key) { return wb_is_secret_key(WB_STR(key)); }

/* Position of the first of several bytes; the length when there is none. */
static size_t find_any(wb_str s, const char *set)
{
    size_t i = 0;
    while (i < s.len && (s.p[i] == 0 || !strchr(set, s.p[i])))
        i++;
    return i;
}

static size_t find_last(wb_str s, char c)
{
    for (size_t i = s.len; i > 0; i--)
        if (s.p[i - 1] == c)
            return i - 1;
    return s.len;
}

/* ---- percent escapes ---- */

static int hex_value(char c)
{
    return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes; what is a bad escape stays as written, for a password may hold a % of its own. */
static int decode_lenient(parse *ps, wb_str raw, const char *what, const char **out)
{
    char *s = wb_arena_get(ps->mem, raw.len + 1);
    if (!s)
        return wb_nomem(ps->cx);
    size_t n = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.p[i];
        if (c == '%' && i + 2 < raw.len && hex_value(raw.p[i + 1]) >= 0 && hex_value(raw.p[i + 2]) >= 0) {
            c = (char)(hex_value(raw.p[i + 1]) << 4 | hex_value(raw.p[i + 2]));
            i += 2;
        }
        if (c == 0)
            return wb_fail(ps->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the %s in the database URL holds a NUL byte", what);
        s[n++] = c;
    }
    *out = s;
    return 0;
}

static int decode(parse *ps, wb_str raw, const char *what, const char **out)
{
    for (size_t i = 0; i < raw.len; i++)
        if (raw.p[i] == '%' && (i + 2 >= raw.len || hex_value(raw.p[i + 1]) < 0 || hex_value(raw.p[i + 2]) < 0)) {
            wb_fail(ps->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the %s in the database URL holds a bad percent escape",
                    what);
            wb_hint(ps->cx, "Write %%25 for a percent sign.");
            return WBL_E_INVALID;
        }
    return decode_lenient(ps, raw, what, out);
}

/* ---- what may be shown ---- */

static void show(parse *ps, wb_str s) { wb_buf_add(&ps->shown, s.p, s.len); }

/* The query as written, with the values of secrets hidden. `query` begins behind the question mark. */
static void show_query(parse *ps, wb_str query)
{
    for (;;) {
        size_t end = find_any(query, "&"), equal = find_any(until(query, end), "=");
        char key[32];
        wb_copy_text(key, sizeof key, query.p, equal);
        if (equal < end && (is_secret(key) || strchr(key, '%'))) { /* an escaped name may be any name */
            show(ps, until(query, equal + 1));
            wb_buf_str(&ps->shown, HIDDEN);
        } else {
            show(ps, until(query, end));
        }
        if (end == query.len)
            return;
        wb_buf_char(&ps->shown, query.p[end]);
        query = from(query, end + 1);
    }
}

static void show_tail(parse *ps, wb_str tail)
{
    size_t mark = find_any(tail, "?");
    show(ps, until(tail, mark));
    if (mark < tail.len) {
        wb_buf_char(&ps->shown, '?');
        show_query(ps, from(tail, mark + 1));
    }
}

/* For errors, where we do not know where the password ends: everything from the first : to the last @ is hidden, and
   without an @ everything from the first : to the end of the authority. */
static const char *show_carefully(parse *ps, wb_str rest)
{
    wb_buf_clear(&ps->shown);
    wb_buf_addf(&ps->shown, "%s://", ps->url.scheme);
    size_t colon = find_any(rest, ":"), at = find_last(rest, '@'), end = find_any(rest, "/?#");
    size_t stop = at < rest.len ? at : end;
    if (colon < stop) {
        show(ps, until(rest, colon + 1));
        wb_buf_str(&ps->shown, HIDDEN);
        rest = from(rest, stop);
    }
    show_tail(ps, rest);
    const char *s = wb_buf_cstr(&ps->shown);
    return s ? s : "";
}

static int keep_shown(parse *ps)
{
    const char *s = wb_buf_cstr(&ps->shown);
    ps->url.shown = s ? wb_arena_dup(ps->mem, s) : NULL;
    return ps->url.shown ? 0 : wb_nomem(ps->cx);
}

/* ---- parameters ---- */

static int add_param(parse *ps, const char *key, const char *value)
{
    wb_param *array = (wb_param *)ps->url.params;
    wb_param *fresh = WB_PUSH(ps->mem, array, ps->url.param_count, ps->param_cap);
    if (!fresh)
        return wb_nomem(ps->cx);
    *fresh = (wb_param){ key, value };
    ps->url.params = array;
    return 0;
}

static int parse_query(parse *ps, wb_str query)
{
    while (query.len) {
        size_t end = find_any(query, "&"), equal = find_any(until(query, end), "=");
        const char *key, *value = "";
        int rc = decode(ps, until(query, equal), "name of a parameter", &key);
        if (rc == 0 && equal < end) {
            wb_str raw = { query.p + equal + 1, end - equal - 1 };
            rc = is_secret(key) ? decode_lenient(ps, raw, "password", &value) : decode(ps, raw, key, &value);
        }
        if (rc == 0 && end > 0)
            rc = add_param(ps, key, value);
        if (rc != 0)
            return rc;
        query = from(query, end < query.len ? end + 1 : end);
    }
    return 0;
}

/* ---- hosts ---- */

/* One host as it is written, [v6] or a name, and its port. False when a byte cannot be part of one. */
static bool split_host(wb_str one, wb_str *host, wb_str *port)
{
    size_t end;
    if (one.len && one.p[0] == '[') {
        end = find_any(one, "]");
        if (end == one.len || end == 1 || (end + 1 < one.len && one.p[end + 1] != ':'))
            return false;
        *host = (wb_str){ one.p + 1, end - 1 };
        end++;
    } else {
        end = find_any(one, ":");
        *host = until(one, end);
        for (size_t i = 0; i < end; i++)
            if (is_space(one.p[i]) || strchr("@[]()/?#\"'<>\\`{}|^", one.p[i]))
                return false;
    }
    *port = end < one.len ? from(one, end + 1) : (wb_str){ one.p + one.len, 0 };
    return true;
}

static bool is_port(wb_str port)
{
    unsigned value = 0;
    for (size_t i = 0; i < port.len; i++) {
        if (!is_digit(port.p[i]) || value > 65535)
            return false;
        value = value * 10 + (unsigned)(port.p[i] - '0');
    }
    return port.len == 0 || (value >= 1 && value <= 65535);
}

/* host, host:port, or a list of them. */
static bool looks_like_hosts(wb_str hosts)
{
    for (;;) {
        size_t end = find_any(hosts, ",");
        wb_str host, port, one = until(hosts, end);
        if (!split_host(one, &host, &port) || !is_port(port))
            return false;
        if (port.len == 0 && one.len && one.p[one.len - 1] == ':')
            return false; /* "user:" with an empty password, more likely than a host with an empty port */
        if (end == hosts.len)
            return true;
        hosts = from(hosts, end + 1);
    }
}

/* "h1:1,h2:2" becomes host "h1,h2" and port "1,2", the form that libpq takes; a missing port stays empty between its
   commas. */
static int parse_hosts(parse *ps, wb_str hosts, wb_str rest)
{
    WB_AUTOBUF wb_buf host_list = WB_BUF(URL_MAX);
    WB_AUTOBUF wb_buf port_list = WB_BUF(URL_MAX);
    bool has_port = false;
    for (wb_str left = hosts;;) {
        size_t end = find_any(left, ",");
        wb_str host, port;
        const char *name;
        bool is_good = split_host(until(left, end), &host, &port);
        if (!is_good || !is_port(port)) {
            wb_fail(ps->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the %s in the database URL is not valid: %s",
                    is_good ? "port" : "host", show_carefully(ps, rest));
            wb_hint(ps->cx,
                    "Write scheme://user:password@host:port/database, with @ : / ? # in a password as %%40 %%3A "
                    "%%2F %%3F %%23.");
            return WBL_E_INVALID;
        }
        int rc = decode(ps, host, "host", &name);
        if (rc != 0)
            return rc;
        wb_buf_str(&host_list, name);
        wb_buf_add(&port_list, port.p, port.len);
        has_port = has_port || port.len;
        if (end == left.len)
            break;
        wb_buf_char(&host_list, ',');
        wb_buf_char(&port_list, ',');
        left = from(left, end + 1);
    }
    const char *h = wb_buf_cstr(&host_list), *p = wb_buf_cstr(&port_list);
    if (!h || !p)
        return wb_nomem(ps->cx);
    if (*h && !(ps->url.host = wb_arena_dup(ps->mem, h)))
        return wb_nomem(ps->cx);
    if (has_port && !(ps->url.port = wb_arena_dup(ps->mem, p)))
        return wb_nomem(ps->cx);
    return 0;
}

/* ---- where the password ends ---- */

/* Is the byte at k inside the value of a parameter, as in ?email=a@b ? */
static bool is_in_query(wb_str rest, size_t k)
{
    size_t mark = find_any(until(rest, k), "?");
    if (mark == k)
        return false;
    size_t i = mark + 1;
    while (i < k && (is_alpha(rest.p[i]) || is_digit(rest.p[i]) || strchr("_-.", rest.p[i])))
        i++;
    return i > mark + 1 && i < k && rest.p[i] == '=';
}

/* An @ that may end a password which holds / ? or #: a colon before it, and something like a host behind it. */
static bool may_end_password(wb_str rest, size_t k)
{
    wb_str tail = from(rest, k + 1);
    size_t end = find_any(tail, "/?#");
    bool has_host = end > 0 || (tail.len && tail.p[0] == '/');
    return has_host && find_any(until(rest, k), ":") < k && !is_in_query(rest, k) && looks_like_hosts(until(tail, end));
}

/* Sets *at to the @ that ends the user information, or to rest.len when there is none. */
static int find_userinfo_end(parse *ps, wb_str rest, size_t *at)
{
    size_t end = find_any(rest, "/?#"), candidate = rest.len, count = 0;
    *at = find_last(until(rest, end), '@');
    bool has_early = *at < end;
    for (size_t k = end; k < rest.len; k++)
        if (rest.p[k] == '@' && may_end_password(rest, k)) {
            candidate = k;
            count++;
        }
    if (count == 0) {
        *at = has_early ? *at : rest.len;
        return 0;
    }
    if (count == 1 && !has_early && !looks_like_hosts(until(rest, end))) {
        *at = candidate;
        return 0;
    }
    wb_fail(ps->cx, WBL_E_INVALID, WBL_EFFECT_NONE,
            "the database URL can be read in two ways because of a \"%c\" before an @: %s", rest.p[end],
            show_carefully(ps, rest));
    wb_hint(ps->cx, "If it belongs to the password, write %s for it; an @ elsewhere is written %%40.",
            rest.p[end] == '/'   ? "%2F"
            : rest.p[end] == '?' ? "%3F"
                                 : "%23");
    return WBL_E_INVALID;
}

static int keep_userinfo(parse *ps, wb_str raw, const char *what, const char **out)
{
    if (!ps->is_raw)
        return decode_lenient(ps, raw, what, out);
    *out = wb_arena_str(ps->mem, raw.p, raw.len);
    return *out ? 0 : wb_nomem(ps->cx);
}

static int parse_userinfo(parse *ps, wb_str info)
{
    size_t colon = find_any(info, ":");
    int rc = colon ? keep_userinfo(ps, until(info, colon), "user name", &ps->url.user) : 0;
    if (rc == 0 && colon < info.len)
        rc = keep_userinfo(ps, from(info, colon + 1), "password", &ps->url.password);
    show(ps, until(info, colon));
    if (colon < info.len)
        wb_buf_str(&ps->shown, ":" HIDDEN);
    wb_buf_char(&ps->shown, '@');
    return rc;
}

/* Path and query: everything behind the hosts. */
static int parse_tail(parse *ps, wb_str tail, wb_str rest)
{
    if (find_any(tail, "#") < tail.len) {
        /* libpq takes it as a byte of the name, Go's net/url drops what follows: a person must say which. */
        wb_fail(ps->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the database URL holds a \"#\": %s", show_carefully(ps, rest));
        wb_hint(ps->cx, "Write %%23 for it.");
        return WBL_E_INVALID;
    }
    show_tail(ps, tail);
    size_t mark = find_any(tail, "?");
    int rc = 0;
    if (mark > 0) {
        ps->url.raw_path = wb_arena_str(ps->mem, tail.p, mark);
        if (!ps->url.raw_path)
            return wb_nomem(ps->cx);
    }
    if (mark > 1)
        rc = decode(ps, (wb_str){ tail.p + 1, mark - 1 }, "path", &ps->url.path);
    if (rc == 0 && mark < tail.len)
        rc = parse_query(ps, from(tail, mark + 1));
    return rc;
}

/* Finds the address of "user:pw@tcp(host:3306)/db"; false when it is not in this form. */
static bool find_go_address(wb_str rest, size_t *start, wb_str *address, size_t *end)
{
    for (size_t open = rest.len; open > 0; open--) {
        if (rest.p[open - 1] != '(')
            continue;
        size_t word = open - 1, close = open + find_any(from(rest, open), ")");
        while (word > 0 && is_alpha(rest.p[word - 1]))
            word--;
        bool is_behind_user = word == 0 || rest.p[word - 1] == '@';
        bool is_before_tail = close + 1 == rest.len || (close + 1 < rest.len && strchr("/?#", rest.p[close + 1]));
        if (is_behind_user && is_before_tail && !is_in_query(rest, open)) {
            *start = word;
            *address = (wb_str){ rest.p + open, close - open };
            *end = close + 1;
            return true;
        }
    }
    return false;
}

static int parse_go_mysql(parse *ps, wb_str rest, size_t start, wb_str address, size_t end)
{
    bool is_socket = address.len && address.p[0] == '/';
    int rc = start ? parse_userinfo(ps, until(rest, start - 1)) : 0;
    if (rc == 0)
        rc = is_socket ? decode(ps, address, "host", &ps->url.host) : parse_hosts(ps, address, rest);
    if (rc != 0)
        return rc;
    show(ps, (wb_str){ rest.p + start, end - start });
    return parse_tail(ps, from(rest, end), rest);
}

/* The same as Go programs have it, without a scheme: "user:pw@tcp(host:3306)/db". Nothing in user and password is escaped
   there (go-sql-driver/mysql, README, "Password"). */
static bool is_go_dsn(wb_str text, size_t *start, wb_str *address, size_t *end)
{
    if (!find_go_address(text, start, address, end))
        return false;
    wb_str net = { text.p + *start, (size_t)(address->p - 1 - (text.p + *start)) };
    return wb_str_eq(net, "tcp") || wb_str_eq(net, "unix");
}

static int parse_go_dsn(parse *ps, wb_str text, size_t start, wb_str address, size_t end)
{
    ps->url.scheme = "mysql";
    ps->is_raw = true;
    return parse_go_mysql(ps, text, start, address, end);
}

static int parse_host_url(parse *ps, wb_str rest)
{
    wb_buf_addf(&ps->shown, "%s://", ps->url.scheme);
    size_t at, end;
    wb_str address;
    if (is_one_of(ps->url.scheme, mysql_schemes, WB_COUNT(mysql_schemes)) && find_go_address(rest, &at, &address, &end))
        return parse_go_mysql(ps, rest, at, address, end);

    int rc = find_userinfo_end(ps, rest, &at);
    if (rc != 0)
        return rc;
    wb_str behind = at < rest.len ? from(rest, at + 1) : rest;
    end = find_any(behind, "/?#");
    if (end > 0)
        rc = parse_hosts(ps, until(behind, end), rest);
    if (rc == 0 && at < rest.len)
        rc = parse_userinfo(ps, until(rest, at));
    if (rc != 0)
        return rc;
    show(ps, until(behind, end));
    return parse_tail(ps, from(behind, end), rest);
}

/* ---- files ---- */

/* sqlite://user:password@host/x.db: somebody changed the scheme of another URL. As a file name it would be shown, with the
   password, in every message. */
static bool holds_login(wb_str rest)
{
    size_t segment = find_any(rest, "/?#"), colon = find_any(rest, ":");
    return colon > 0 && colon < segment && find_any(from(rest, colon), "@") < rest.len - colon;
}

static int parse_file(parse *ps, wb_str rest, bool has_scheme)
{
    bool has_slashes = rest.len >= 2 && rest.p[0] == '/' && rest.p[1] == '/' && has_scheme;
    if (has_scheme)
        wb_buf_addf(&ps->shown, "%s:%s", ps->url.scheme, has_slashes ? "//" : "");
    if (has_slashes)
        rest = from(rest, 2);
    if (holds_login(rest)) {
        wb_fail(ps->cx, WBL_E_INVALID, WBL_EFFECT_NONE,
                "the URL of a SQLite database names a file; this one has a user or a host in it");
        wb_hint(ps->cx, "Write sqlite:path/to/file.db, and sqlite:./NAME for a file whose name holds : and @.");
        return WBL_E_INVALID;
    }
    show_tail(ps, rest);
    /* "file://localhost/path" names the same file as "file:///path" (SQLite manual, uri.html, 3.2). */
    if (has_slashes && strcmp(ps->url.scheme, "file") == 0 && rest.len > 10 && memcmp(rest.p, "localhost/", 10) == 0)
        rest = from(rest, 9);
    size_t mark = find_any(rest, "?");
    if (mark == 0) {
        wb_fail(ps->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the database URL names no file");
        wb_hint(ps->cx, "Write sqlite:path/to/file.db, or sqlite::memory: for one that is gone afterwards.");
        return WBL_E_INVALID;
    }
    ps->url.raw_path = wb_arena_str(ps->mem, rest.p, mark);
    if (!ps->url.raw_path)
        return wb_nomem(ps->cx);
    if (has_scheme && !has_slashes)
        ps->url.opaque = ps->url.raw_path;
    /* A bare path is no URL: a % in it is a byte of the name. */
    ps->url.path = ps->url.raw_path;
    int rc = has_scheme ? decode_lenient(ps, until(rest, mark), "path", &ps->url.path) : 0;
    if (rc == 0 && mark < rest.len)
        rc = parse_query(ps, from(rest, mark + 1));
    return rc;
}

static bool is_bare_file(wb_str text)
{
    if (wb_str_eq(text, ":memory:"))
        return true;
    size_t end = find_any(text, "?");
    for (size_t i = 0; i < WB_COUNT(file_endings); i++) {
        size_t n = strlen(file_endings[i]);
        if (end > n && wb_str_ieq((wb_str){ text.p + end - n, n }, file_endings[i]))
            return true;
    }
    return false;
}

/* ---- keyword/value ---- */

/* "word =" at the start, and no scheme. */
static bool is_dsn(wb_str text)
{
    size_t i = 0;
    while (i < text.len && (is_alpha(text.p[i]) || is_digit(text.p[i]) || text.p[i] == '_'))
        i++;
    size_t word = i;
    while (i < text.len && is_space(text.p[i]))
        i++;
    return word > 0 && i < text.len && text.p[i] == '=';
}

/* One value in libpq's quoting: 'a b', a backslash takes the next byte as it is. Returns how many bytes it took, or
   SIZE_MAX when a quote stays open. `to` has room for all of them. */
static size_t dsn_value(wb_str s, char *to)
{
    bool is_quoted = s.len && s.p[0] == '\'';
    size_t i = is_quoted;
    for (; i < s.len; i++) {
        if (is_quoted ? s.p[i] == '\'' : is_space(s.p[i]))
            break;
        if (s.p[i] == '\\' && i + 1 < s.len)
            i++;
        *to++ = s.p[i];
    }
    if (is_quoted && i == s.len)
        return SIZE_MAX;
    return i + is_quoted;
}

static int fail_dsn(parse *ps, const char *what, const char *previous_key)
{
    /* The odd word itself may be a piece of a password with a blank in it, so it is not shown. */
    wb_fail(ps->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the connection text has %s%s%s%s", what,
            previous_key ? " behind the value of \"" : "", previous_key ? previous_key : "", previous_key ? "\"" : "");
    wb_hint(ps->cx, "Write key=value with blanks between, and a value with a blank as 'a b'; \\' for a quote in it.");
    return WBL_E_INVALID;
}

static int parse_dsn(parse *ps, wb_str text)
{
    const char *key = NULL;
    while (text.len) {
        size_t end = 0, value = 0;
        while (end < text.len && text.p[end] != '=' && !is_space(text.p[end]))
            end++;
        for (value = end; value < text.len && is_space(text.p[value]);)
            value++;
        if (end == 0 || value == text.len || text.p[value] != '=')
            return fail_dsn(ps, "a word without \"=\"", key);
        for (value++; value < text.len && is_space(text.p[value]);)
            value++; /* libpq skips blanks here too */
        key = wb_arena_str(ps->mem, text.p, end);
        char *copy = wb_arena_get(ps->mem, text.len - value + 1);
        if (!key || !copy)
            return wb_nomem(ps->cx);
        size_t took = dsn_value(from(text, value), copy);
        if (took == SIZE_MAX)
            return fail_dsn(ps, "an open quote", key);
        int rc = add_param(ps, key, copy);
        if (rc != 0)
            return rc;
        wb_buf_addf(&ps->shown, "%s%s=", ps->shown.len ? " " : "", key);
        if (is_secret(key))
            wb_buf_str(&ps->shown, HIDDEN);
        else
            show(ps, (wb_str){ text.p + value, took });
        text = wb_str_trim(from(text, value + took));
    }
    return 0;
}

/* ---- the whole ---- */

/* Length of the scheme in front of a colon, 0 when there is none. */
static size_t scheme_length(wb_str text)
{
    size_t i = 0;
    while (i < text.len && (is_alpha(text.p[i]) || (i > 0 && (is_digit(text.p[i]) || strchr("+-.", text.p[i])))))
        i++;
    return i < text.len && text.p[i] == ':' ? i : 0;
}

static int fail_form(parse *ps)
{
    wb_fail(ps->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the database URL has no scheme");
    wb_hint(ps->cx, "Write postgres://user:password@host:5432/database, mysql://user:password@host:3306/database, or "
                    "sqlite:path/to/file.db.");
    return WBL_E_INVALID;
}

static int parse_text(parse *ps)
{
    wb_str text = ps->text;
    if (text.len == 0)
        return wb_fail(ps->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the database URL is empty");
    if (text.len > URL_MAX)
        return wb_fail(ps->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the database URL is longer than %zu bytes", URL_MAX);

    size_t n = scheme_length(text), at, end;
    bool has_slashes = n && text.len >= n + 3 && memcmp(text.p + n, "://", 3) == 0;
    wb_str address;
    if (!has_slashes && is_go_dsn(text, &at, &address, &end))
        return parse_go_dsn(ps, text, at, address, end);
    if (n == 0) {
        if (is_dsn(text))
            return parse_dsn(ps, text);
        if (!is_bare_file(text))
            return fail_form(ps);
        ps->url.scheme = "sqlite";
        return parse_file(ps, text, false);
    }

    char *scheme = wb_arena_str(ps->mem, text.p, n);
    if (!scheme)
        return wb_nomem(ps->cx);
    for (char *c = scheme; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    ps->url.scheme = scheme;
    if (is_one_of(scheme, file_schemes, WB_COUNT(file_schemes)))
        return parse_file(ps, from(text, n + 1), true);
    if (!has_slashes)
        return fail_form(ps);
    return parse_host_url(ps, from(text, n + 3));
}

int wb_url_parse(wb_ctx *cx, wb_arena *mem, const char *text, wb_url *out)
{
    parse ps = { .cx = cx, .mem = mem, .shown = WB_BUF(WB_TEXT_MAX) };
    ps.text = wb_str_trim((wb_str){ text ? text : "", text ? strlen(text) : 0 });
    int rc = parse_text(&ps);
    if (rc == 0)
        rc = keep_shown(&ps);
    wb_buf_done(&ps.shown);
    if (rc == 0)
        *out = ps.url;
    return rc;
}

/* The last one counts when a key is given twice, as in libpq. */
const char *wb_url_param(const wb_url *url, const char *key)
{
    for (size_t i = url->param_count; i > 0; i--)
        if (strcmp(url->params[i - 1].key, key) == 0)
            return url->params[i - 1].value;
    return NULL;
}
