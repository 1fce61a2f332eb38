/*
 * params.c - what a URL says about the connection.
 *
 * URLs come from several worlds, and each has words of its own: the Go driver (tls, timeout, collation, x-tls-ca of
 * golang-migrate), the servers' own clients (ssl-mode, ssl-ca, socket), JDBC (useSSL). All are understood here and
 * nowhere else. A word that none of them has is a setting of the server, as in the Go driver: `?sql_mode=ANSI`.
 * Owns nothing: all text goes to the arena. Facts: go-sql-driver/mysql, README, "Parameters"; golang-migrate,
 * database/mysql/README.md; MySQL 8.4 manual, 6.2.3.
 */
#include "driver/mysql/my.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct reader {
    wb_ctx *cx;
    wb_arena *mem;
    my_target *t;
    wb_buf settings;
} reader;

typedef int (*param_fn)(reader *, const char *key, const char *value);

static int fail_value(reader *r, const char *key, const char *value, const char *want)
{
    wb_fail(r->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the parameter %s of the database URL can't be \"%s\"", key, value);
    wb_hint(r->cx, "It may be %s.", want);
    return WBL_E_INVALID;
}

/* ---- kinds of values ---- */

static int as_bool(reader *r, const char *key, const char *value, bool *out)
{
    static const char *const yes[] = { "true", "1", "yes", "on", "" }, *const no[] = { "false", "0", "no", "off" };
    for (size_t i = 0; i < WB_COUNT(yes); i++)
        if (wb_str_ieq(WB_STR(value), yes[i])) {
            *out = true;
            return 0;
        }
    for (size_t i = 0; i < WB_COUNT(no); i++)
        if (wb_str_ieq(WB_STR(value), no[i])) {
            *out = false;
            return 0;
        }
    return fail_value(r, key, value, "true or false");
}

/* Paths and names. */
static int take_text(reader *r, const char *key, const char *value)
{
    static const struct {
        const char *key;
        size_t at;
    } places[] = {
        { "socket", offsetof(my_target, socket) },       { "unix_socket", offsetof(my_target, socket) },
        { "collation", offsetof(my_target, collation) }, { "ssl-ca", offsetof(my_target, ca) },
        { "ssl-capath", offsetof(my_target, ca_path) },  { "ssl-cert", offsetof(my_target, cert) },
        { "ssl-key", offsetof(my_target, key) },         { "ssl-cipher", offsetof(my_target, cipher) },
        { "ssl-crl", offsetof(my_target, crl) },         { "x-tls-ca", offsetof(my_target, ca) },
        { "x-tls-cert", offsetof(my_target, cert) },     { "x-tls-key", offsetof(my_target, key) },
    };
    for (size_t i = 0; i < WB_COUNT(places); i++)
        if (strcmp(places[i].key, key) == 0 && *value) {
            const char *copy = wb_arena_dup(r->mem, value);
            memcpy((char *)r->t + places[i].at, &copy, sizeof copy);
            return copy ? 0 : wb_nomem(r->cx);
        }
    return 0;
}

static int take_flag(reader *r, const char *key, const char *value)
{
    static const struct {
        const char *key;
        size_t at;
    } places[] = {
        { "allowCleartextPasswords", offsetof(my_target, is_cleartext_fine) },
        { "allowAllFiles", offsetof(my_target, is_local_infile_fine) },
        { "local_infile", offsetof(my_target, is_local_infile_fine) },
        { "compress", offsetof(my_target, is_compressed) },
        { "x-no-lock", offsetof(my_target, takes_no_lock) },
    };
    for (size_t i = 0; i < WB_COUNT(places); i++)
        if (strcmp(places[i].key, key) == 0)
            return as_bool(r, key, value, (bool *)((char *)r->t + places[i].at));
    return 0;
}

static int take_tls(reader *r, const char *key, const char *value)
{
    static const struct {
        const char *word;
        my_tls tls;
    } words[] = {
        { "true", MY_TLS_VERIFIED },
        { "1", MY_TLS_VERIFIED },
        { "false", MY_TLS_OFF },
        { "0", MY_TLS_OFF },
        { "skip-verify", MY_TLS_REQUIRED },
        { "preferred", MY_TLS_PREFERRED },
        { "disabled", MY_TLS_OFF },
        { "disable", MY_TLS_OFF },
        { "required", MY_TLS_REQUIRED },
        { "require", MY_TLS_REQUIRED },
        { "prefer", MY_TLS_PREFERRED },
        { "verify_ca", MY_TLS_CA },
        { "verify-ca", MY_TLS_CA },
        { "verify_identity", MY_TLS_VERIFIED },
        { "verify-full", MY_TLS_VERIFIED },
    };
    for (size_t i = 0; i < WB_COUNT(words); i++)
        if (wb_str_ieq(WB_STR(value), words[i].word)) {
            r->t->tls = words[i].tls;
            return 0;
        }
    if (strcmp(key, "tls") == 0) { /* a configuration that a Go program registered: the x-tls-... beside it say what */
        r->t->tls = MY_TLS_VERIFIED;
        return 0;
    }
    return fail_value(r, key, value, "disabled, preferred, required, verify_ca or verify_identity");
}

static int take_use_ssl(reader *r, const char *key, const char *value)
{
    bool is_on;
    int rc = as_bool(r, key, value, &is_on);
    if (rc == 0 && (is_on || strcmp(key, "useSSL") == 0) && r->t->tls == MY_TLS_UNSET)
        r->t->tls = is_on ? MY_TLS_REQUIRED : MY_TLS_OFF;
    return rc;
}

/* A number without a unit counts units of unit_ms. */
static int as_duration(reader *r, const char *key, const char *value, int64_t unit_ms, int64_t *out)
{
    int64_t ms;
    bool is_number = *value && strlen(value) < 10 && value[strspn(value, "0123456789")] == 0;
    if (is_number)
        ms = strtoll(value, NULL, 10) * unit_ms;
    else if (wb_parse_duration(value, &ms) != 0)
        return fail_value(r, key, value, "a duration: 5s, 500ms");
    if (ms > 0)
        *out = ms;
    return 0;
}

/* The servers' clients count seconds. */
static int take_timeout(reader *r, const char *key, const char *value)
{
    return as_duration(r, key, value, 1000, &r->t->connect_timeout_ms);
}

/* libpq's word, which counts milliseconds. */
static int take_user_timeout(reader *r, const char *key, const char *value)
{
    int64_t ms = r->t->answer_timeout_ms;
    int rc = as_duration(r, key, value, 1, &ms);
    r->t->answer_timeout_ms = ms < INT32_MAX ? ms : INT32_MAX;
    return rc;
}

/* Scripts are UTF-8, so nothing narrower than that can be meant. */
static int take_charset(reader *r, const char *key, const char *value)
{
    bool is_utf8 = wb_starts(value, "utf8") || strstr(value, ",utf8");
    return is_utf8 ? 0 : fail_value(r, key, value, "utf8mb4: files are read as UTF-8, and sent so");
}

static int pass_over(reader *r, const char *key, const char *value)
{
    (void)r, (void)key, (void)value;
    return 0;
}

/* ---- settings of the server ---- */

static bool is_setting_name(const char *key)
{
    return *key && key[strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] == 0;
}

/* A value is sent as it is when it is a number or brings its quotes along, as the Go driver wants it. */
static int take_setting(reader *r, const char *key, const char *value)
{
    if (!is_setting_name(key)) {
        wb_fail(r->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the parameter \"%s\" of the database URL is not known", key);
        wb_hint(r->cx, "A parameter of the URL is an option of the connection, or a setting of the server.");
        return WBL_E_INVALID;
    }
    size_t len = strlen(value);
    bool is_plain = len && value[strspn(value, "0123456789.")] == 0;
    bool is_quoted = len >= 2 && value[0] == '\'' && value[len - 1] == '\'';
    wb_buf_addf(&r->settings, "%s SESSION %s = ", r->settings.len ? "," : "SET", key);
    if (is_plain || is_quoted) {
        wb_buf_add(&r->settings, value, len);
        return 0;
    }
    wb_buf_char(&r->settings, '\'');
    for (const char *p = value; *p; p++) {
        if (*p == '\'')
            wb_buf_char(&r->settings, '\'');
        wb_buf_char(&r->settings, *p);
    }
    wb_buf_char(&r->settings, '\'');
    return 0;
}

/* ---- the words ---- */

static const struct word {
    const char *key;
    param_fn take;
} words[] = {
    { "socket", take_text },
    { "unix_socket", take_text },
    { "collation", take_text },
    { "ssl-ca", take_text },
    { "ssl-capath", take_text },
    { "ssl-cert", take_text },
    { "ssl-key", take_text },
    { "ssl-cipher", take_text },
    { "ssl-crl", take_text },
    { "x-tls-ca", take_text },
    { "x-tls-cert", take_text },
    { "x-tls-key", take_text },
    { "tls", take_tls },
    { "ssl-mode", take_tls },
    { "sslmode", take_tls },
    { "sslMode", take_tls },
    { "useSSL", take_use_ssl },
    { "requireSSL", take_use_ssl },
    { "timeout", take_timeout },
    { "connect_timeout", take_timeout },
    { "connect-timeout", take_timeout },
    { "tcp_user_timeout", take_user_timeout },
    { "charset", take_charset },
    { "characterEncoding", pass_over },
    { "allowCleartextPasswords", take_flag },
    { "allowAllFiles", take_flag },
    { "local_infile", take_flag },
    { "compress", take_flag },
    { "x-no-lock", take_flag },
    /* of the Go driver, about itself alone */
    { "allowFallbackToPlaintext", pass_over },
    { "allowNativePasswords", pass_over },
    { "allowOldPasswords", pass_over },
    { "checkConnLiveness", pass_over },
    { "clientFoundRows", pass_over },
    { "columnsWithAlias", pass_over },
    { "connectionAttributes", pass_over },
    { "interpolateParams", pass_over },
    { "loc", pass_over },
    { "maxAllowedPacket", pass_over },
    { "multiStatements", pass_over },
    { "parseTime", pass_over },
    { "readTimeout", pass_over },
    { "rejectReadOnly", pass_over },
    { "serverPubKey", pass_over },
    { "timeTruncate", pass_over },
    { "writeTimeout", pass_over },
    /* of JDBC */
    { "allowPublicKeyRetrieval", pass_over },
    { "serverTimezone", pass_over },
    { "useUnicode", pass_over },
    { "autoReconnect", pass_over },
};

/* ssl_ca and ssl-ca are one word. */
static const struct word *find_word(const char *key)
{
    for (size_t i = 0; i < WB_COUNT(words); i++) {
        const char *a = words[i].key, *b = key;
        while (*a && (*a == *b || (*a == '-' && *b == '_')))
            a++, b++;
        if (*a == 0 && *b == 0)
            return &words[i];
    }
    return NULL;
}

/* Files without a word about TLS ask for it. A named authority is looked at, unless nothing is to be looked at; without one
   the system's are trusted, and then the name of the host must fit. */
static void settle_tls(my_target *t, bool skips_verify)
{
    bool has_ca = t->ca || t->ca_path;
    if (t->tls == MY_TLS_UNSET && (has_ca || t->cert || t->key || skips_verify))
        t->tls = has_ca ? MY_TLS_VERIFIED : MY_TLS_REQUIRED;
    if (t->tls == MY_TLS_REQUIRED && has_ca)
        t->tls = MY_TLS_CA;
    if (t->tls == MY_TLS_CA && !has_ca)
        t->tls = MY_TLS_VERIFIED;
    if (skips_verify && t->tls > MY_TLS_REQUIRED)
        t->tls = MY_TLS_REQUIRED;
}

static int read_params(reader *r, const wb_url *url)
{
    const char *tls = wb_url_param(url, "tls");
    bool skips_verify = tls && strcmp(tls, "skip-verify") == 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < url->param_count; i++) {
        const char *key = url->params[i].key, *value = url->params[i].value;
        const struct word *w = find_word(key);
        if (strcmp(key, "x-tls-insecure-skip-verify") == 0)
            rc = as_bool(r, key, value, &skips_verify);
        else if (w)
            rc = w->take(r, w->key, value);
        else if (!wb_starts(key, "x-")) /* those are the engine's */
            rc = take_setting(r, key, value);
    }
    if (rc == 0)
        settle_tls(r->t, skips_verify);
    return rc;
}

/* ---- the whole ---- */

static bool is_near(const my_target *t)
{
    return t->socket || !t->host || strcmp(t->host, "localhost") == 0 || wb_starts(t->host, "127.") ||
           strcmp(t->host, "::1") == 0;
}

static int read_address(reader *r, const wb_url *url)
{
    my_target *t = r->t;
    if (url->host && strchr(url->host, ',')) {
        wb_fail(r->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the database URL names several hosts: %s", url->shown);
        wb_hint(r->cx, "Name the primary: migrations run there, and nowhere else.");
        return WBL_E_INVALID;
    }
    if (url->host && url->host[0] == '/')
        t->socket = wb_arena_dup(r->mem, url->host);
    else if (url->host)
        t->host = wb_arena_dup(r->mem, url->host);
    if (url->host && !t->host && !t->socket)
        return wb_nomem(r->cx);
    t->port = url->port ? (unsigned)strtoul(url->port, NULL, 10) : 0;
    return 0;
}

static int keep(reader *r, const char *text, const char **out)
{
    if (text && *text && !(*out = wb_arena_dup(r->mem, text)))
        return wb_nomem(r->cx);
    return 0;
}

int my_target_read(wb_ctx *cx, wb_arena *mem, const wb_open_options *o, my_target *out)
{
    *out = (my_target){ .connect_timeout_ms = o->connect_timeout_ms, .answer_timeout_ms = o->answer_timeout_ms };
    reader r = { cx, mem, out, WB_BUF(WB_TEXT_MAX) };
    const wb_url *url = o->url;
    int rc = keep(&r, url->shown, &out->shown);
    if (rc == 0)
        rc = read_address(&r, url);
    if (rc == 0)
        rc = keep(&r, url->user, &out->user);
    if (rc == 0)
        rc = keep(&r, o->password ? o->password : url->password, &out->password);
    if (rc == 0)
        rc = keep(&r, url->path, &out->database);
    if (rc == 0)
        rc = keep(&r, o->application, &out->application);
    if (rc == 0)
        rc = keep(&r, o->run_id, &out->run_id);
    if (rc == 0)
        rc = read_params(&r, url);
    if (rc == 0) {
        const char *text = wb_buf_cstr(&r.settings);
        rc = text ? keep(&r, text, &out->settings) : wb_nomem(cx);
    }
    wb_buf_done(&r.settings);
    /* Nobody listens between two programs of one machine. */
    if (out->tls == MY_TLS_UNSET)
        out->tls = is_near(out) ? MY_TLS_OFF : MY_TLS_PREFERRED;
    return rc;
}
