/*
 * effective.c - the table of the keys, and the last step of the configuration: texts become numbers and choices, and
 * every value is listed with its origin.
 *
 * One place for all sources, so that "5m" means the same in a flag, in the environment and in the file, and a fault is
 * told with the place that it came from. Owns nothing.
 */
#include "source/parts.h"

#include <inttypes.h>
#include <stdlib.h>

static const char *const out_of_order_words[] = { "apply", "error", "ignore", NULL };
static const char *const newer_words[] = { "ok", "warn", "error", NULL };
static const char *const discover_words[] = { "run", "report", "error", NULL };
static const char *const dirty_words[] = { "unknown", "failed", NULL };
static const char *const bool_words[] = { "false", "true", NULL };
static const char *const format_words[] = { "pairs", "single", NULL };

/* In the order of wb_key. */
const wb_key_row wb_key_rows[WB_KEY_COUNT] = {
    { "url", "WHIMBREL_URL", "--url", WB_VALUE_TEXT, NULL, "" },
    { "profile", "WHIMBREL_PROFILE", "--profile", WB_VALUE_TEXT, NULL, "found by looking" },
    { "format", "WHIMBREL_FORMAT", "--files-format", WB_VALUE_CHOICE, format_words, "found by looking" },
    { "target", "WHIMBREL_TARGET", "--target", WB_VALUE_TEXT, NULL, "" },
    { "lock_timeout", "WHIMBREL_LOCK_TIMEOUT", "--lock-timeout", WB_VALUE_TIME, NULL, "5m" },
    { "connect_timeout", "WHIMBREL_CONNECT_TIMEOUT", "--connect-timeout", WB_VALUE_TIME, NULL, "10s" },
    { "ddl_lock_timeout", "WHIMBREL_DDL_LOCK_TIMEOUT", "--ddl-lock-timeout", WB_VALUE_TIME, NULL, "5s" },
    { "ddl_lock_tries", "WHIMBREL_DDL_LOCK_TRIES", "--ddl-lock-tries", WB_VALUE_COUNT, NULL, "3" },
    { "statement_timeout", "WHIMBREL_STATEMENT_TIMEOUT", "--statement-timeout", WB_VALUE_TIME, NULL, "of the server" },
    { "group", "WHIMBREL_GROUP", "--group", WB_VALUE_COUNT, NULL, "as fits" },
    { "out_of_order", "WHIMBREL_OUT_OF_ORDER", "--out-of-order", WB_VALUE_CHOICE, out_of_order_words, "error" },
    { "newer", "WHIMBREL_NEWER", "--newer", WB_VALUE_CHOICE, newer_words, "warn" },
    { "discover", "WHIMBREL_DISCOVER", "--discover", WB_VALUE_CHOICE, discover_words, "run" },
    { "dirty_blocks", "WHIMBREL_DIRTY_BLOCKS", "--dirty-blocks", WB_VALUE_CHOICE, dirty_words, "unknown" },
    { "protected", "WHIMBREL_PROTECTED", "--protected", WB_VALUE_CHOICE, bool_words, "false" },
    { "ledger.schema", "WHIMBREL_LEDGER_SCHEMA", "--ledger", WB_VALUE_TEXT, NULL, "of the connection" },
    { "ledger.table", "WHIMBREL_LEDGER_TABLE", "--ledger", WB_VALUE_TEXT, NULL, "schema_migrations" },
    { "password_file", "WHIMBREL_PASSWORD_FILE", "--password-file", WB_VALUE_TEXT, NULL, "" },
};

/* ---- texts -> numbers and choices ---- */

static int fail_value(wb_draft *d, wb_key key, const char *what)
{
    const wb_value *v = &d->values[key];
    wb_fail(d->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "%s: \"%s\" %s", v->file ? wb_key_rows[key].name : v->origin,
            v->text, what);
    wb_at(d->cx, v->file, v->line, v->column);
    return WBL_E_INVALID;
}

static int to_time(wb_draft *d, wb_key key, int64_t standard, int64_t *out)
{
    *out = standard;
    if (!d->values[key].text || wb_parse_duration(d->values[key].text, out) == 0)
        return 0;
    int rc = fail_value(d, key, "is not a time");
    wb_hint(d->cx, "Write a number and a unit: 250ms, 30s, 5m, 1h; 0 alone is fine.");
    return rc;
}

static int to_count(wb_draft *d, wb_key key, int standard, int *out)
{
    const char *text = d->values[key].text;
    *out = standard;
    if (!text)
        return 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 6 || text[digits])
        return fail_value(d, key, "is not a number from 0 to 999999");
    *out = (int)strtol(text, NULL, 10);
    return 0;
}

/* Index of the word, -1 when nobody has set it. */
static int to_choice(wb_draft *d, wb_key key, int *out)
{
    const char *const *words = wb_key_rows[key].words;
    *out = -1;
    if (!d->values[key].text)
        return 0;
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], d->values[key].text) == 0) {
            *out = i;
            return 0;
        }
    int rc = fail_value(d, key, "is none of its values");
    if (words[2])
        wb_hint(d->cx, "Write %s, %s or %s.", words[0], words[1], words[2]);
    else
        wb_hint(d->cx, "Write %s or %s.", words[0], words[1]);
    return rc;
}

int wb_effective_convert(wb_draft *d)
{
    wb_config *c = d->out;
    int out_of_order = 0, newer = 0, discover = 0, dirty = 0, is_protected = 0, format = 0;
    const struct {
        wb_key key;
        int64_t standard, *to;
    } times[] = {
        { WB_KEY_LOCK_TIMEOUT, 300000, &c->lock_timeout_ms },
        { WB_KEY_CONNECT_TIMEOUT, 10000, &c->connect_timeout_ms },
        { WB_KEY_DDL_LOCK_TIMEOUT, 5000, &c->ddl_lock_timeout_ms },
        { WB_KEY_STATEMENT_TIMEOUT, -1, &c->statement_timeout_ms },
    };
    const struct {
        wb_key key;
        int *to;
    } choices[] = {
        { WB_KEY_OUT_OF_ORDER, &out_of_order }, { WB_KEY_NEWER, &newer },
        { WB_KEY_DISCOVER, &discover },         { WB_KEY_DIRTY_BLOCKS, &dirty },
        { WB_KEY_PROTECTED, &is_protected },    { WB_KEY_FORMAT, &format },
    };
    int rc = 0;
    for (size_t i = 0; i < WB_COUNT(times) && rc == 0; i++)
        rc = to_time(d, times[i].key, times[i].standard, times[i].to);
    for (size_t i = 0; i < WB_COUNT(choices) && rc == 0; i++)
        rc = to_choice(d, choices[i].key, choices[i].to);
    if (rc == 0)
        rc = to_count(d, WB_KEY_DDL_LOCK_TRIES, 3, &c->ddl_lock_tries);
    if (rc == 0)
        rc = to_count(d, WB_KEY_GROUP, -1, &c->group_max);
    if (rc == 0 && (c->ddl_lock_tries == 0 || c->group_max == 0))
        return fail_value(d, c->group_max == 0 ? WB_KEY_GROUP : WB_KEY_DDL_LOCK_TRIES, "is too small: 1 is the least");
    if (rc != 0)
        return rc;
    c->out_of_order = out_of_order < 0 ? WB_POLICY_UNSET : WB_POLICY_APPLY + out_of_order;
    c->newer = newer < 0 ? WB_NEWER_UNSET : WB_NEWER_OK + newer;
    c->discover = discover < 0 ? WB_DISCOVER_RUN : WB_DISCOVER_RUN + discover;
    c->dirty_blocks = dirty == 1;
    c->is_protected = is_protected == 1;
    c->url = d->values[WB_KEY_URL].text;
    c->url_missing = c->url ? NULL : c->url_missing;
    c->profile = d->values[WB_KEY_PROFILE].text;
    c->format = d->values[WB_KEY_FORMAT].text;
    c->target = d->values[WB_KEY_TARGET].text;
    c->ledger_schema = d->values[WB_KEY_LEDGER_SCHEMA].text;
    c->ledger_table = d->values[WB_KEY_LEDGER_TABLE].text;
    return 0;
}

/* ---- for `whimbrel config` ---- */

static const char *time_text(wb_draft *d, int64_t ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = { { "h", 3600000 }, { "m", 60000 }, { "s", 1000 } };
    for (size_t i = 0; i < WB_COUNT(units); i++)
        if (ms && ms % units[i].ms == 0)
            return wb_arena_fmt(d->mem, "%" PRId64 "%s", ms / units[i].ms, units[i].unit);
    return wb_arena_fmt(d->mem, "%" PRId64 "ms", ms);
}

static int show_key(wb_draft *d, wb_key key)
{
    const wb_value *v = &d->values[key];
    const char *text = v->text;
    int64_t ms;
    if (!text) {
        bool is_missing = key == WB_KEY_URL && d->out->url_missing;
        return wb_setting_add(d, wb_key_rows[key].name, is_missing ? d->out->url_missing : wb_key_rows[key].standard,
                              "default");
    }
    if (wb_key_rows[key].kind == WB_VALUE_TIME && wb_parse_duration(text, &ms) == 0 && !(text = time_text(d, ms)))
        return wb_nomem(d->cx);
    int rc = key == WB_KEY_URL ? wb_url_shown(d, v->text, &text) : 0;
    return rc == 0 ? wb_setting_add(d, wb_key_rows[key].name, text, v->origin) : rc;
}

static int show_names(wb_draft *d, const char *key, const char *const *names, size_t count, const char *origin)
{
    const char *text;
    int rc = wb_names_join(d, names, count, &text);
    return rc == 0 ? wb_setting_add(d, key, text, origin ? origin : "default") : rc;
}

static int show_order(wb_draft *d)
{
    const char **names = wb_arena_get(d->mem, d->out->ns_count * sizeof *names);
    size_t count = 0;
    if (!names)
        return wb_nomem(d->cx);
    for (size_t i = 0; i < d->out->ns_count; i++)
        if (d->out->namespaces[i].is_listed)
            names[count++] = d->out->namespaces[i].name;
    return show_names(d, "namespaces.order", names, count, d->order_origin);
}

/* The file's own lists and maps are in d->settings already; the others go before them. */
int wb_effective_show(wb_draft *d)
{
    wbl_setting *of_file = d->settings;
    size_t count = d->setting_count;
    d->settings = NULL;
    d->setting_count = d->setting_cap = 0;
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        if (strcmp(of_file[i].key, "config") == 0)
            rc = wb_setting_add(d, of_file[i].key, of_file[i].value, of_file[i].origin);
    for (size_t k = 0; k < WB_KEY_COUNT && rc == 0; k++) {
        rc = show_key(d, (wb_key)k);
        if (rc == 0 && k == WB_KEY_URL)
            rc = show_names(d, "migrations", d->out->dirs, d->out->dir_count, d->dirs_origin);
    }
    if (rc == 0)
        rc = show_names(d, "always", d->out->always, d->out->always_count, d->always_origin);
    if (rc == 0)
        rc = show_order(d);
    for (size_t i = 0; i < count && rc == 0; i++)
        if (strcmp(of_file[i].key, "config") != 0)
            rc = wb_setting_add(d, of_file[i].key, of_file[i].value, of_file[i].origin);
    d->out->settings = d->settings;
    d->out->setting_count = d->setting_count;
    return rc;
}
