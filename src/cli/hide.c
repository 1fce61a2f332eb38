/*
 * hide.c - take passwords out of the process title.
 *
 * `ps` shows the arguments of every process to every user of a machine. main() copies the words first and then calls
 * this for each original, which overwrites secrets in place. It does not parse URLs properly, on purpose: it runs
 * before anything is known to be a URL, and hiding too much costs nothing here. The library gets the copies.
 * What was covered is also kept out of every error message, wherever that comes from: cli_scrub().
 */
#include "cli/cli.h"

#include <string.h>

static void cover(char *from, const char *to)
{
    for (; from < to; from++)
        *from = '*';
}

static bool is_key_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_secret_key(const char *end, const char *start)
{
    const char *key = end;
    while (key > start && is_key_byte(key[-1]))
        key--;
    return wb_is_secret_key((wb_str){ key, (size_t)(end - key) });
}

/* password=..., in a query or in a keyword/value text; there the value may be quoted, with blanks around the = */
static void cover_values(char *word)
{
    for (char *equal = strchr(word, '='); equal; equal = strchr(equal + 1, '=')) {
        const char *end = equal;
        while (end > word && end[-1] == ' ')
            end--;
        if (!is_secret_key(end, word))
            continue;
        char *value = equal + 1;
        while (*value == ' ')
            value++;
        char *stop = value;
        if (*value == '\'') {
            for (stop = ++value; *stop && *stop != '\''; stop++)
                if (*stop == '\\' && stop[1])
                    stop++;
        } else {
            while (*stop && *stop != '&' && *stop != ' ' && *stop != '#')
                stop += *stop == '\\' && stop[1] ? 2 : 1;
        }
        cover(value, stop);
    }
}

/* Shorter ones are not looked for in messages: every other word would hold them. */
#define SECRET_MIN 3

const char *cli_next_secret(const char **word, const char **shown, size_t *len)
{
    while (**word && **word == **shown) {
        ++*word;
        ++*shown;
    }
    const char *start = *word;
    while (**word && **word != **shown) {
        ++*word;
        ++*shown;
    }
    *len = (size_t)(*word - start);
    return *len ? start : NULL;
}

void cli_scrub(char *text, const char *secret, size_t len)
{
    if (len < SECRET_MIN)
        return;
    for (char *p = text; *p; p++) {
        size_t same = 0;
        while (same < len && p[same] == secret[same])
            same++;
        bool is_cut = same >= SECRET_MIN && p[same] == 0; /* the message was full before the secret ended */
        if (same == len || is_cut)
            cover(p, p + same);
    }
}

void cli_hide_secrets(char *word)
{
    cover_values(word);
    char *authority = strstr(word, "://"), *at = strrchr(word, '@');
    authority = authority ? authority + 3 : word; /* user:password@tcp(host) of Go has no scheme */
    char *colon = strchr(authority, ':');
    if (colon && at && colon < at)
        cover(colon + 1, at);
}
