/*
 * project.c - `whimbrel init`: a commented whimbrel.yaml, and a first migration where there is none.
 *
 * It looks for what is there already and never replaces a file. A password is not written to disk: a URL that has one
 * becomes ${DATABASE_URL}, with the URL in a comment and its password hidden.
 */
#include "source/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_NAME "whimbrel.yaml"

/* Where projects keep their migrations, the most usual first. */
static const char *const usual_dirs[] = { "migrations",          "db/migrations",     "database/migrations",
                                          "sql/migrations",      "schema/migrations", "backend/migrations",
                                          "internal/migrations", "db/migrate",        "tools/migrate/migrations",
                                          "assets/migrations" };
static const char *const config_names[] = { "whimbrel.yaml", "whimbrel.yml" };
static const char *const modules_names[] = { "config.yaml", "config.yml" };

static const char *find_dir(int base_fd)
{
    struct stat st;
    for (size_t i = 0; i < WB_COUNT(usual_dirs); i++)
        if (fstatat(base_fd, usual_dirs[i], &st, 0) == 0 && S_ISDIR(st.st_mode))
            return usual_dirs[i];
    return NULL;
}

/* An application's config.yaml in the modules form is read as it is; a whimbrel.yaml beside it would hide it. */
static int has_modules_form(wb_ctx *cx, wb_arena *mem, int base_fd, bool *out)
{
    *out = false;
    for (size_t i = 0; i < WB_COUNT(modules_names) && !*out; i++) {
        WB_AUTOBUF wb_buf text = WB_BUF(WB_TEXT_MAX);
        wb_yaml *root = NULL;
        if (faccessat(base_fd, modules_names[i], F_OK, 0) != 0)
            continue;
        int rc = wb_file_read(cx, base_fd, modules_names[i], modules_names[i], &text);
        if (rc == 0)
            rc = wb_yaml_read(cx, mem, modules_names[i], text.p, text.len, &root);
        if (rc == WBL_E_NOMEM)
            return rc;
        if (rc != 0) /* some other program's file */
            wb_error_clear(cx->err);
        *out = rc == 0 && wb_modules_match(root);
    }
    return 0;
}

static int add_url(wb_ctx *cx, wb_arena *mem, const char *url, wb_buf *out)
{
    wb_url parsed;
    if (!url || !*url) {
        wb_buf_str(out, "url: ${DATABASE_URL}\n");
        return 0;
    }
    int rc = wb_url_parse(cx, mem, url, &parsed);
    if (rc != 0)
        return rc;
    if (strcmp(parsed.shown, url) != 0) { /* something is hidden in it */
        wb_buf_addf(out, "# %s\nurl: ${DATABASE_URL}\n", parsed.shown);
        return 0;
    }
    wb_buf_str(out, "url: ");
    WB_AUTOBUF wb_buf escaped = WB_BUF(WB_TEXT_MAX);
    for (const char *p = url; *p; p++) {
        if (p[0] == '$' && p[1] == '{')
            wb_buf_char(&escaped, '$');
        wb_buf_char(&escaped, *p);
    }
    const char *text = wb_buf_cstr(&escaped);
    if (!text)
        return wb_nomem(cx);
    wb_buf_json(out, text, strlen(text));
    wb_buf_char(out, '\n');
    return 0;
}

static const char head[] =
    "# Configuration of whimbrel. A flag is stronger than the environment, and that is stronger than this file.\n"
    "# ${NAME} and ${NAME:-default} stand for variables of the environment, or of a .env file.\n"
    "\n"
    "# The database: postgres://user@host/name, mysql://user@host/name or sqlite:file.db\n";

static const char tail[] =
    "\n"
    "# Directories of directories are namespaces: each has its own versions.\n"
    "# namespaces:\n"
    "#   order: [core, billing]           # these first, in this order; others follow\n"
    "#   billing: { requires: [core@2], enabled: true }\n"
    "# always: [core]                     # never switched off\n"
    "# discover: run                      # directories that the order does not name: run, report, error\n"
    "\n"
    "# More databases of this project, for --target NAME.\n"
    "# targets:\n"
    "#   staging: { url: \"${STAGING_URL}\", migrations: migrations, protected: true }\n"
    "\n"
    "# lock_timeout: 5m                   # wait for another run\n"
    "# connect_timeout: 10s\n"
    "# ddl_lock_timeout: 5s               # a statement's wait for a table lock; 0: the server's own setting\n"
    "# ddl_lock_tries: 3\n"
    "# statement_timeout: 1h              # else the server's own setting\n"
    "# out_of_order: error                # an older migration that comes late: apply, error, ignore\n"
    "# newer: warn                        # a database newer than the files: ok, warn, error\n"
    "# dirty_blocks: unknown              # failed: a failed migration blocks until a person clears it\n"
    "# protected: false                   # true: ask before anything is reverted\n"
    "# ledger: { schema: public, table: schema_migrations }\n"
    "# profile: native                    # whose ledger it is; found by looking\n"
    "# format: pairs                      # of the files: pairs, single; found by looking\n"
    "# group: 1                           # migrations in one message; as fits when not set\n"
    "# variables: { owner: app }          # for ${owner:ident} in scripts that declare it\n"
    "# password_file: .password\n";

static int write_config(wb_ctx *cx, wb_arena *mem, int base_fd, const char *url, const char *dir)
{
    WB_AUTOBUF wb_buf text = WB_BUF(WB_TEXT_MAX);
    wb_buf_str(&text, head);
    int rc = add_url(cx, mem, url, &text);
    if (rc != 0)
        return rc;
    wb_buf_addf(&text, "\nmigrations: %s\n", dir);
    wb_buf_str(&text, tail);
    const char *done = wb_buf_cstr(&text);
    return done ? wb_create_at(cx, base_fd, CONFIG_NAME, done) : wb_nomem(cx);
}

static int write_first(wb_ctx *cx, int base_fd, const char **paths, size_t *count)
{
    static const struct {
        const char *path, *text;
    } files[] = {
        { "migrations/000001_init.up.sql", "-- The first migration: write here what the database shall have.\n" },
        { "migrations/000001_init.down.sql", "-- Reverts 000001_init.\n" },
    };
    int rc = wb_make_dirs_at(cx, base_fd, "migrations");
    for (size_t i = 0; i < WB_COUNT(files) && rc == 0; i++) {
        rc = wb_create_at(cx, base_fd, files[i].path, files[i].text);
        if (rc == 0)
            paths[(*count)++] = files[i].path;
    }
    return rc;
}

int wb_project_write(wb_ctx *cx, wb_arena *mem, int base_fd, const char *url, const char ***paths, size_t *count)
{
    for (size_t i = 0; i < WB_COUNT(config_names); i++)
        if (faccessat(base_fd, config_names[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
            wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "%s is there already", config_names[i]);
            wb_hint(cx, "Edit it, or remove it first. `whimbrel new NAME` writes the next migration.");
            wb_at(cx, config_names[i], 0, 0);
            return WBL_E_INVALID;
        }
    bool is_modules = false;
    const char *dir = find_dir(base_fd), **out = wb_arena_get(mem, 3 * sizeof *out);
    size_t written = 0;
    int rc = out ? has_modules_form(cx, mem, base_fd, &is_modules) : wb_nomem(cx);
    if (rc == 0 && !is_modules) {
        rc = write_config(cx, mem, base_fd, url, dir ? dir : "migrations");
        if (rc == 0)
            out[written++] = CONFIG_NAME;
    }
    if (rc == 0 && !dir)
        rc = write_first(cx, base_fd, out, &written);
    if (rc != 0) {
        for (size_t i = 0; i < written; i++)
            (void)unlinkat(base_fd, out[i], 0); /* all or nothing; the first error is the one to tell */
        return rc;
    }
    *paths = out;
    *count = written;
    return written ? 0 : WBL_NO_CHANGE;
}
