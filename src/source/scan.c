/*
 * scan.c - directories -> migrations.
 *
 * Every directory is read once, and names are understood without opening or asking for a file's type: ten thousand
 * files are a matter of milliseconds. Only what readdir() can't tell (symbolic links, file systems without d_type) is
 * looked at. First all files become entries, then one sort brings together what belongs to one migration.
 *
 * The layouts (a flat root, a root of namespaces, a directory for each database above either) are told apart by
 * looking. The file descriptors of the roots stay open in the set, so that a script can be opened whatever happens to
 * the working directory. Owns, until the scan ends, the array of entries.
 */
#include "source/parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NS_MAX_DEFAULT 50
#define HEAD_MAX WB_FILE_SIZE_MAX

/* One direction of one migration, before it is known what belongs together. */
typedef struct entry {
    size_t ns;                         /* in the set, before and after sorting it */
    wb_str version, key, title;        /* in the file's name */
    const char *database;              /* canonical; NULL: for all */
    const char *path, *shown;
    size_t part_offset, part_len;
    int dir_fd;
    uint8_t direction;
    bool is_part, is_autocommit;
} entry;

typedef struct item {                  /* one name in a directory; hidden ones never become items */
    const char *shown, *path, *name;   /* the same string, from three places on */
    bool is_dir, is_odd;               /* odd: neither directory nor regular file */
    bool is_told;                      /* its fault is among the findings already */
    wb_name parsed;
} item;

typedef struct listing {
    item *items;                       /* wb_alloc */
    size_t count, cap;
    const char *shown;                 /* of the directory */
    size_t pair_count, single_count, near_count, dir_count;
    bool exists;
} listing;

typedef struct scan {
    wb_ctx *cx;
    const wb_source_options *opt;
    wb_findings *findings;
    wb_source_set *set;
    entry *entries;                    /* wb_alloc */
    size_t count, cap;
    int root_fd;
    const char *prefix;                /* of the root: "migrations/"; "" for the working directory */
    dev_t seen_dev[3];                 /* directories above the one that is read */
    ino_t seen_ino[3];
    size_t depth;
    wb_buf head;                       /* text of a file that may be a single one */
    size_t single_total, pair_total;
} scan;

static void scan_done(scan *s)
{
    wb_free(s->entries);
    wb_buf_done(&s->head);
}

static void listing_done(listing *l) { wb_free(l->items); }

static void close_dir(DIR **d)
{
    if (*d)
        closedir(*d);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

/* ---- faults: all of them are collected, so that a person mends them in one go ---- */

static int fault(scan *s, const char *code, const char *file, const char *hint, const char *fmt, ...) WB_PRINTF(5, 6);
static int fault(scan *s, const char *code, const char *file, const char *hint, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    wbl_finding *f = wb_finding_add(s->cx, s->findings, WBL_ERROR, code, "%s", text);
    if (!f)
        return WBL_E_NOMEM;
    f->file = file;
    f->hint = hint;
    return 0;
}

static int pass_over(scan *s, const item *it)
{
    wb_source_set *set = s->set;
    const char **slot = WB_PUSH(set->mem, set->passed_over, set->passed_count, set->passed_cap);
    if (!slot)
        return wb_nomem(s->cx);
    *slot = it->shown;
    return 0;
}

/* ---- one directory ---- */

static bool is_ancestor(const scan *s, int dir_fd, const struct stat *st)
{
    for (size_t i = 0; i < s->depth; i++)
        if (s->seen_dev[i] == st->st_dev && s->seen_ino[i] == st->st_ino)
            return true;
    /* Further up to the top; dup() so that the loop may close what it opens. */
    struct stat here, above;
    int fd = dup(dir_fd);
    bool is_found = false;
    while (fd >= 0 && fstat(fd, &here) == 0) {
        is_found = here.st_dev == st->st_dev && here.st_ino == st->st_ino;
        int up = is_found ? -1 : openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(fd);
        fd = up;
        if (fd < 0 || fstat(fd, &above) != 0 || (above.st_dev == here.st_dev && above.st_ino == here.st_ino))
            break;
    }
    if (fd >= 0)
        close(fd);
    return is_found;
}

/* What readdir() left open: the target of a symbolic link, the type on a file system that does not tell. */
static int resolve_type(scan *s, int dir_fd, bool is_link, item *it)
{
    struct stat st;
    if (fstatat(dir_fd, it->name, &st, 0) == 0) {
        it->is_dir = S_ISDIR(st.st_mode);
        it->is_odd = !it->is_dir && !S_ISREG(st.st_mode);
        if (it->is_dir && is_link && is_ancestor(s, dir_fd, &st)) {
            it->is_dir = false;
            it->is_odd = it->is_told = true;
            return fault(s, "link-loop", it->shown, "Remove the symbolic link.",
                         "%s is a symbolic link to a directory above it: a loop", it->shown);
        }
        return 0;
    }
    it->is_odd = true;
    it->is_told = errno == ELOOP || it->parsed.kind != WB_NAME_OTHER;
    if (errno == ELOOP)
        return fault(s, "link-loop", it->shown, "Remove the symbolic link.", "%s is a loop of symbolic links",
                     it->shown);
    if (!it->is_told)
        return 0;
    return fault(s, "unreadable", it->shown, NULL, "cannot read %s: %s", it->shown, strerror(errno));
}

/* Arrays that live as long as the scan only: a growing one in the arena would leave its old blocks behind. */
static void *room_for_one(void *array, size_t count, size_t *cap, size_t element_size)
{
    if (count < *cap)
        return array;
    size_t more = *cap ? *cap * 2 : 64;
    void *p = wb_realloc(array, count * element_size, more * element_size);
    if (p)
        *cap = more;
    return p;
}

static int add_item(scan *s, int dir_fd, const struct dirent *e, const char *rel, listing *out)
{
    size_t prefix_len = strlen(s->prefix), rel_len = strlen(rel), name_len = strlen(e->d_name);
    char *text = wb_arena_get(s->set->mem, prefix_len + rel_len + name_len + 2);
    item *items = text ? room_for_one(out->items, out->count, &out->cap, sizeof *items) : NULL;
    if (!items)
        return wb_nomem(s->cx);
    out->items = items;
    item *it = &items[out->count++];
    memcpy(text, s->prefix, prefix_len);
    memcpy(text + prefix_len, rel, rel_len);
    if (rel_len)
        text[prefix_len + rel_len++] = '/';
    memcpy(text + prefix_len + rel_len, e->d_name, name_len + 1);
    *it = (item){ .shown = text, .path = text + prefix_len, .name = text + prefix_len + rel_len,
                  .is_dir = e->d_type == DT_DIR };
    it->parsed = wb_name_parse(it->name, s->opt->canonical);
    if (e->d_type == DT_LNK || e->d_type == DT_UNKNOWN) {
        int rc = resolve_type(s, dir_fd, e->d_type == DT_LNK, it);
        if (rc != 0)
            return rc;
    } else {
        it->is_odd = e->d_type != DT_DIR && e->d_type != DT_REG;
    }
    out->dir_count += it->is_dir;
    if (!it->is_dir && !it->is_odd) {
        out->pair_count += it->parsed.kind == WB_NAME_PAIR;
        out->single_count += it->parsed.kind == WB_NAME_SINGLE;
        out->near_count += it->parsed.kind == WB_NAME_NEAR;
    }
    return 0;
}

static int fail_dir(scan *s, const char *shown)
{
    int error = errno;
    if (error == ENOMEM)
        return wb_nomem(s->cx);
    if (error == ENOENT)
        return fault(s, "missing-directory", shown,
                     "Name the directory of the migrations with --dir, or make one with `whimbrel init`.",
                     "there is no directory %s", shown);
    if (error == ELOOP)
        return fault(s, "link-loop", shown, "Remove the symbolic link.", "%s is a loop of symbolic links", shown);
    return fault(s, "unreadable", shown, NULL, "cannot read directory %s: %s", shown, strerror(error));
}

/* rel: below the root, "" for the root itself. A directory that can't be read is a finding, and exists stays false. */
static int list_dir(scan *s, const char *rel, const char *shown, listing *out)
{
    out->shown = shown;
    WB_CLEANUP(close_fd) int fd = openat(s->root_fd, *rel ? rel : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return fail_dir(s, shown);
    WB_CLEANUP(close_dir) DIR *dir = fdopendir(fd);
    if (!dir)
        return fail_dir(s, shown);
    int dir_fd = fd;
    fd = -1; /* the stream closes it */
    s->seen_dev[s->depth] = st.st_dev;
    s->seen_ino[s->depth] = st.st_ino;
    s->depth++;
    int rc = 0;
    for (struct dirent *e; rc == 0 && (errno = 0, e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.')
            rc = add_item(s, dir_fd, e, rel, out);
    s->depth--;
    if (rc == 0 && errno != 0)
        return fail_dir(s, shown);
    out->exists = rc == 0;
    return rc;
}

/* ---- files of one namespace ---- */

/* Bytes that would break messages, or that a database refuses to store. */
static bool is_clean_text(const char *s)
{
    for (const char *p = s; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            return false;
    return wb_utf8_valid(s, strlen(s), NULL);
}

static int add_entry(scan *s, const item *it, size_t ns, entry **out)
{
    entry *entries = room_for_one(s->entries, s->count, &s->cap, sizeof *entries);
    if (!entries)
        return wb_nomem(s->cx);
    s->entries = entries;
    const wb_name *n = &it->parsed;
    entry *e = &s->entries[s->count++];
    *e = (entry){ .ns = ns, .version = n->version, .key = n->version, .title = n->title, .database = n->database,
                  .path = it->path, .shown = it->shown, .dir_fd = s->root_fd, .direction = (uint8_t)n->direction,
                  .is_autocommit = n->is_autocommit };
    while (e->key.len > 1 && e->key.p[0] == '0') {
        e->key.p++;
        e->key.len--;
    }
    *out = e;
    return 0;
}

static bool takes_no_sql(const char *database)
{
    return database && (strcmp(database, "mongodb") == 0 || strcmp(database, "dynamodb") == 0);
}

static bool is_for_this_database(const scan *s, const wb_name *n)
{
    const char *database = s->opt->database;
    if (!n->is_json && (takes_no_sql(n->database) || takes_no_sql(database)))
        return false;
    return !database || !n->database || strcmp(n->database, database) == 0;
}

static int take_single_text(scan *s, const item *it, size_t ns, const wb_single *text)
{
    entry *e;
    int rc = add_entry(s, it, ns, &e);
    if (rc != 0)
        return rc;
    e->is_part = true;
    e->part_offset = text->up_offset;
    e->part_len = text->up_len;
    s->single_total++;
    if (!text->has_down)
        return 0;
    rc = add_entry(s, it, ns, &e);
    if (rc == 0) {
        e->is_part = true;
        e->direction = WBL_DOWN;
        e->part_offset = text->down_offset;
        e->part_len = text->down_len;
    }
    return rc;
}

static int read_single(scan *s, const item *it, wb_single *out)
{
    int rc = wb_file_read(s->cx, s->root_fd, it->path, it->shown, &s->head);
    if (rc == WBL_E_NOMEM)
        return rc;
    if (rc != 0) {
        rc = fault(s, "unreadable", it->shown, NULL, "%s", s->cx->err ? s->cx->err->message : "cannot read a file");
        wb_error_clear(s->cx->err);
        *out = (wb_single){ .fault = "" };
        return rc;
    }
    *out = wb_single_split(s->head.p, s->head.len);
    return 0;
}

static int take_single(scan *s, const item *it, size_t ns)
{
    wb_single text;
    int rc = read_single(s, it, &text);
    if (rc != 0)
        return rc;
    bool is_pairs = s->opt->format && strcmp(s->opt->format, "pairs") == 0;
    bool is_single = s->opt->format && strcmp(s->opt->format, "single") == 0;
    bool is_marked = text.has_up_marker || text.has_down;
    if (text.fault && !*text.fault)
        return 0; /* could not be read: said already */
    if (text.foreign && !is_marked) {
        char *hint = wb_arena_fmt(s->set->mem,
                                  "This version does not read files of %s. Make two files of it: %.*s_%.*s.up.sql and "
                                  ".down.sql; or write `-- whimbrel: up` and `-- whimbrel: down` for its markers.",
                                  text.foreign, (int)it->parsed.version.len, it->parsed.version.p,
                                  (int)it->parsed.title.len, it->parsed.title.p);
        return hint ? fault(s, "foreign-file", it->shown, hint, "%s is a %s file", it->shown, text.foreign)
                    : wb_nomem(s->cx);
    }
    if (is_pairs || (!is_marked && !is_single)) {
        char *hint = wb_arena_fmt(s->set->mem, "Name it %.*s_%.*s.up.sql, or mark its down part with a line "
                                  "`-- whimbrel: down`.", (int)it->parsed.version.len, it->parsed.version.p,
                                  (int)it->parsed.title.len, it->parsed.title.p);
        return hint ? fault(s, "near-miss", it->shown, hint, "%s is not named like a migration", it->shown)
                    : wb_nomem(s->cx);
    }
    if (text.fault) {
        rc = fault(s, "markers", it->shown, NULL, "%s: %s", it->shown, text.fault);
        if (rc == 0)
            s->findings->items[s->findings->count - 1].line = text.fault_line;
        return rc;
    }
    return take_single_text(s, it, ns, &text);
}

static int take_file(scan *s, const item *it, size_t ns, const char *database)
{
    const wb_name *n = &it->parsed;
    bool is_singles = s->opt->format && strcmp(s->opt->format, "single") == 0;
    if (n->kind == WB_NAME_OTHER)
        return pass_over(s, it);
    if (it->is_told)
        return 0;
    if (it->is_dir || it->is_odd)
        return fault(s, "near-miss", it->shown, NULL, "%s is not a regular file", it->shown);
    if (!is_clean_text(it->name))
        return fault(s, "bad-name", it->shown, "Rename it.",
                     "the name of %s holds a control character or is not UTF-8", it->shown);
    if (n->kind == WB_NAME_NEAR)
        return fault(s, "near-miss", it->shown,
                     "Migrations are named like 000001_add_users.up.sql and 000001_add_users.down.sql.",
                     "%s is not named like a migration", it->shown);
    item own = *it;
    if (!own.parsed.database)
        own.parsed.database = database; /* of the directory that it lies in */
    if (!is_for_this_database(s, &own.parsed))
        return pass_over(s, it);
    if (n->kind == WB_NAME_SINGLE)
        return take_single(s, &own, ns);
    if (is_singles)
        return fault(s, "near-miss", it->shown, "The format is set to `single`: remove `format:`, or join the pair.",
                     "%s is one of a pair, and single files are expected", it->shown);
    entry *e;
    s->pair_total++;
    return add_entry(s, &own, ns, &e);
}

static int take_files(scan *s, const listing *list, size_t ns, const char *database)
{
    int rc = 0;
    for (size_t i = 0; i < list->count && rc == 0; i++)
        if (!list->items[i].is_dir || list->items[i].parsed.kind != WB_NAME_OTHER)
            rc = take_file(s, &list->items[i], ns, database);
    return rc;
}

/* ---- layouts ---- */

static bool is_listed(const scan *s, const char *name)
{
    for (size_t i = 0; i < s->opt->listed_count; i++)
        if (strcmp(s->opt->listed[i], name) == 0)
            return true;
    return false;
}

static const char *database_word(const scan *s, const item *it)
{
    return it->is_dir && s->opt->canonical && !is_listed(s, it->name) ? s->opt->canonical(it->name) : NULL;
}

static int add_ns(scan *s, const char *name, const char *shown, size_t *out)
{
    wb_source_set *set = s->set;
    wb_source_ns *ns = WB_PUSH(set->mem, set->namespaces, set->ns_count, set->ns_cap);
    if (!ns)
        return wb_nomem(s->cx);
    *ns = (wb_source_ns){ .name = name, .shown = shown, .path = shown, .has_directory = true };
    *out = set->ns_count - 1;
    return 0;
}

static int check_ns_name(scan *s, const item *it, bool *is_good)
{
    size_t max = s->opt->ns_max ? s->opt->ns_max : NS_MAX_DEFAULT;
    *is_good = false;
    if (!is_clean_text(it->name))
        return fault(s, "namespace-name", it->shown, "Rename the directory.",
                     "the name of the namespace %s holds a control character or is not UTF-8", it->shown);
    if (strlen(it->name) > max)
        return fault(s, "namespace-name", it->shown, "Rename the directory.",
                     "the name of the namespace %s has %zu bytes, and the ledger holds %zu", it->shown,
                     strlen(it->name), max);
    *is_good = true;
    return 0;
}

/* A directory that is a namespace. is_sure: an empty one counts too; else only one that holds something like a
   migration. *is_taken tells which it was. */
static int take_ns_dir(scan *s, const item *it, const char *database, bool is_sure, bool *is_taken)
{
    WB_CLEANUP(listing_done) listing list = { 0 };
    size_t ns;
    bool is_good;
    *is_taken = false;
    int rc = list_dir(s, it->path, it->shown, &list);
    if (rc != 0 || !list.exists)
        return rc;
    bool has_some = list.pair_count + list.single_count + list.near_count > 0;
    if (!is_sure && !has_some)
        return pass_over(s, it);
    rc = check_ns_name(s, it, &is_good);
    if (rc != 0 || !is_good)
        return rc;
    *is_taken = has_some;
    s->set->is_namespaced = true;
    rc = add_ns(s, it->name, it->shown, &ns);
    for (size_t i = 0; i < list.count && rc == 0; i++)
        if (list.items[i].is_dir && list.items[i].parsed.kind == WB_NAME_OTHER)
            rc = pass_over(s, &list.items[i]);
    return rc == 0 ? take_files(s, &list, ns, database) : rc;
}

/* A flat directory: its own files count, its sub-directories only where the configuration names them. */
static int take_flat(scan *s, const listing *list, const char *database)
{
    size_t ns;
    bool is_taken;
    int rc = add_ns(s, WB_DEFAULT_NS, list->shown, &ns);
    if (rc == 0)
        rc = take_files(s, list, ns, database);
    for (size_t i = 0; i < list->count && rc == 0; i++) {
        const item *it = &list->items[i];
        if (it->is_dir && it->parsed.kind == WB_NAME_OTHER)
            rc = is_listed(s, it->name) ? take_ns_dir(s, it, database, true, &is_taken) : pass_over(s, it);
    }
    return rc;
}

/* Does the directory hold migrations itself? Files that could be single ones are looked into until one is. */
static int is_flat(scan *s, const listing *list, bool *out)
{
    bool wants_single = s->opt->format && strcmp(s->opt->format, "single") == 0;
    *out = list->pair_count > 0 || (wants_single && list->single_count > 0) ||
           (list->dir_count == 0);
    for (size_t i = 0; i < list->count && !*out && list->single_count; i++) {
        const item *it = &list->items[i];
        if (it->parsed.kind != WB_NAME_SINGLE || it->is_dir || it->is_odd)
            continue;
        int rc = wb_file_read(s->cx, s->root_fd, it->path, it->shown, &s->head);
        if (rc == WBL_E_NOMEM)
            return rc;
        if (rc != 0) { /* whoever takes the file says so */
            wb_error_clear(s->cx->err);
            continue;
        }
        wb_single text = wb_single_split(s->head.p, s->head.len);
        *out = text.has_up_marker || text.has_down;
    }
    return 0;
}

/* A root whose sub-directories are the namespaces. Files of its own are passed over, unless no sub-directory has a
   migration either: then a file that is nearly one is what the person meant, and says so. */
static int take_namespaces(scan *s, const listing *list, const char *database, bool is_sure, bool *has_some)
{
    int rc = 0;
    for (size_t i = 0; i < list->count && rc == 0; i++) {
        const item *it = &list->items[i];
        bool is_taken = false;
        if (!it->is_dir || database_word(s, it))
            continue;
        bool is_named = is_listed(s, it->name);
        rc = take_ns_dir(s, it, database, is_sure || is_named, &is_taken);
        *has_some = *has_some || is_taken || is_named;
    }
    return rc;
}

static int take_own_files(scan *s, const listing *list, const char *database, bool has_some)
{
    if (!has_some && list->single_count + list->near_count > 0)
        return take_flat(s, list, database);
    int rc = 0;
    for (size_t i = 0; i < list->count && rc == 0; i++)
        if (!list->items[i].is_dir)
            rc = pass_over(s, &list->items[i]);
    return rc;
}

/* migrations/postgres: flat, or a root of namespaces. */
static int take_database_dir(scan *s, const item *it, const char *database, bool *has_some)
{
    WB_CLEANUP(listing_done) listing list = { 0 };
    bool flat = false;
    s->depth = 1;
    int rc = list_dir(s, it->path, it->shown, &list);
    s->depth = 2; /* list_dir() left this directory's device and inode there */
    if (rc == 0 && list.exists)
        rc = is_flat(s, &list, &flat);
    if (rc != 0 || !list.exists)
        return rc;
    if (flat) {
        *has_some = true;
        return take_flat(s, &list, database);
    }
    bool has_inside = false;
    rc = take_namespaces(s, &list, database, true, &has_inside);
    if (rc == 0)
        rc = take_own_files(s, &list, database, has_inside);
    *has_some = *has_some || has_inside;
    return rc;
}

/* Directories named after databases: only the one of this database counts. */
static int take_database_dirs(scan *s, const listing *list, bool *has_dirs, bool *has_some)
{
    size_t taken = 0;
    const item *other = NULL;
    int rc = 0;
    for (size_t i = 0; i < list->count && rc == 0; i++) {
        const item *it = &list->items[i];
        const char *word = database_word(s, it);
        if (!word)
            continue;
        *has_dirs = true;
        if (s->opt->database && strcmp(word, s->opt->database) != 0) {
            other = it;
            rc = pass_over(s, it);
            continue;
        }
        taken++;
        rc = take_database_dir(s, it, word, has_some);
    }
    s->depth = 1;
    if (rc == 0 && other && taken == 0) {
        wbl_finding *f = wb_finding_add(s->cx, s->findings, WBL_WARNING, "other-database",
                                        "%s has migrations for %s, and none for %s", list->shown, other->name,
                                        s->opt->database);
        if (!f)
            return WBL_E_NOMEM;
        f->file = other->shown;
    }
    return rc;
}

static int take_root(scan *s, const listing *list)
{
    bool flat = false, has_dirs = false, has_some = false;
    int rc = is_flat(s, list, &flat);
    if (rc != 0)
        return rc;
    if (flat)
        return take_flat(s, list, NULL);
    rc = take_database_dirs(s, list, &has_dirs, &has_some);
    if (rc == 0)
        rc = take_namespaces(s, list, NULL, !has_dirs, &has_some);
    return rc == 0 ? take_own_files(s, list, NULL, has_some || has_dirs) : rc;
}

static int open_root(scan *s, const char *dir, const char **shown)
{
    wb_source_set *set = s->set;
    size_t len = strlen(dir);
    while (len > 1 && dir[len - 1] == '/')
        len--;
    char *name = wb_arena_str(set->mem, dir, len);
    bool is_here = len == 1 && dir[0] == '.';
    char *prefix = wb_arena_fmt(set->mem, is_here ? "" : dir[len - 1] == '/' ? "%.*s" : "%.*s/", (int)len, dir);
    int *slot = WB_PUSH(set->mem, set->fds, set->fd_count, set->fd_cap);
    if (!name || !prefix || !slot) {
        set->fd_count -= slot != NULL;
        return wb_nomem(s->cx);
    }
    if (!set->dir_shown)
        set->dir_shown = name;
    s->prefix = prefix;
    *shown = name;
    *slot = s->root_fd = openat(s->opt->base_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return 0;
}

static int scan_root(scan *s, const char *dir)
{
    WB_CLEANUP(listing_done) listing list = { 0 };
    const char *shown = NULL;
    int rc = open_root(s, dir, &shown);
    if (rc != 0)
        return rc;
    if (s->root_fd < 0) {
        s->set->fd_count--;
        return errno == ENOENT && s->opt->may_be_missing ? 0 : fail_dir(s, shown);
    }
    s->depth = 0;
    rc = list_dir(s, "", shown, &list);
    s->depth = 1; /* the root's own device and inode stay in seen_ */
    return rc == 0 && list.exists ? take_root(s, &list) : rc;
}

/* ---- entries -> migrations ---- */

static int str_cmp(wb_str a, wb_str b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return memcmp(a.p, b.p, a.len);
}

static int entry_cmp(const void *left, const void *right)
{
    const entry *a = left, *b = right;
    if (a->ns != b->ns)
        return a->ns < b->ns ? -1 : 1;
    int order = str_cmp(a->key, b->key);
    if (order == 0)
        order = (int)a->direction - (int)b->direction;
    if (order == 0)
        order = wb_strcmp_null(a->database, b->database);
    return order != 0 ? order : strcmp(a->shown, b->shown);
}

static bool is_same_version(const entry *a, const entry *b) { return a->ns == b->ns && str_cmp(a->key, b->key) == 0; }

static int ns_cmp(const void *left, const void *right)
{
    const wb_source_ns *a = left, *b = right;
    int order = strcmp(a->name, b->name);
    return order != 0 ? order : (a->first > b->first) - (a->first < b->first);
}

/* Several roots, or several databases, may hold the same namespace: sort by name, make one of equal ones, and let the
   entries follow. */
static int join_namespaces(scan *s)
{
    wb_source_set *set = s->set;
    if (set->ns_count == 0)
        return 0;
    WB_AUTOFREE size_t *new_index = wb_alloc(set->ns_count * sizeof *new_index);
    if (!new_index)
        return wb_nomem(s->cx);
    for (size_t i = 0; i < set->ns_count; i++)
        set->namespaces[i].first = i; /* carries the old index through the sort */
    qsort(set->namespaces, set->ns_count, sizeof *set->namespaces, ns_cmp);
    size_t kept = 0;
    for (size_t i = 0; i < set->ns_count; i++) {
        size_t old = set->namespaces[i].first;
        if (kept == 0 || strcmp(set->namespaces[kept - 1].name, set->namespaces[i].name) != 0)
            set->namespaces[kept++] = set->namespaces[i];
        new_index[old] = kept - 1;
    }
    set->ns_count = kept;
    for (size_t i = 0; i < s->count; i++)
        s->entries[i].ns = new_index[s->entries[i].ns];
    return 0;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int fault_duplicate(scan *s, const entry *a, const entry *b)
{
    const char *ns = s->set->namespaces[a->ns].name;
    bool is_default = strcmp(ns, WB_DEFAULT_NS) == 0;
    bool is_same_name = strcmp(base_name(a->shown), base_name(b->shown)) == 0;
    char *hint = wb_arena_fmt(s->set->mem, "Rename the later one: `whimbrel new --renumber %s`", b->shown);
    char *version = wb_arena_str(s->set->mem, b->version.p, b->version.len);
    if (!hint || !version)
        return wb_nomem(s->cx);
    int rc = fault(s, "duplicate-version", b->shown, hint, "two files are version %s%s%s: %s and %s", version,
                   is_default ? "" : " of ", is_default ? "" : ns, is_same_name ? a->shown : base_name(a->shown),
                   is_same_name ? b->shown : base_name(b->shown));
    if (rc == 0) {
        wbl_finding *f = &s->findings->items[s->findings->count - 1];
        f->ns = ns;
        f->version = version;
    }
    return rc;
}

static void fill_script(wb_script *to, const entry *e)
{
    *to = (wb_script){ .exists = true, .path = e->path, .shown = e->shown, .part_offset = e->part_offset,
                       .part_len = e->part_len, .is_part = e->is_part };
}

/* The entries of one version and direction: the one for this database, else the one for all. */
static int choose(scan *s, const entry *first, size_t count, const entry **out)
{
    const char *database = s->opt->database;
    *out = first; /* the one for all stands first */
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && wb_strcmp_null(first[i - 1].database, first[i].database) == 0) {
            int rc = fault_duplicate(s, &first[i - 1], &first[i]);
            if (rc != 0)
                return rc;
        } else if (database && first[i].database && strcmp(first[i].database, database) == 0) {
            *out = &first[i];
        }
    }
    return 0;
}

static int make_migration(scan *s, const entry *first, size_t count, wb_migration *m)
{
    size_t ups = 0;
    while (ups < count && first[ups].direction == WBL_UP)
        ups++;
    const entry *up = NULL, *down = NULL;
    int rc = ups ? choose(s, first, ups, &up) : 0;
    if (rc == 0 && ups < count)
        rc = choose(s, first + ups, count - ups, &down);
    if (rc != 0)
        return rc;
    const entry *lead = up ? up : down;
    char *version = wb_arena_str(s->set->mem, lead->version.p, lead->version.len);
    char *name = wb_arena_str(s->set->mem, lead->title.p, lead->title.len);
    if (!version || !name)
        return wb_nomem(s->cx);
    m->ns = s->set->namespaces[lead->ns].name;
    m->version = version;
    m->key = version + (lead->version.len - lead->key.len);
    m->name = name;
    m->dir_fd = lead->dir_fd;
    m->no_transaction = lead->is_autocommit;
    if (up)
        fill_script(&m->up, up);
    if (down)
        fill_script(&m->down, down);
    return 0;
}

static int make_migrations(scan *s)
{
    wb_source_set *set = s->set;
    if (s->count == 0)
        return 0;
    qsort(s->entries, s->count, sizeof *s->entries, entry_cmp);
    size_t groups = 1;
    for (size_t i = 1; i < s->count; i++)
        groups += !is_same_version(&s->entries[i - 1], &s->entries[i]);
    /* In one exact block: a migration is large, and growing by doubling would hold each twice. */
    set->migrations = wb_arena_get(set->mem, groups * sizeof *set->migrations);
    if (!set->migrations)
        return wb_nomem(s->cx);
    set->migration_cap = groups;
    int rc = 0;
    for (size_t i = 0, end; i < s->count && rc == 0; i = end) {
        for (end = i + 1; end < s->count && is_same_version(&s->entries[i], &s->entries[end]);)
            end++;
        rc = make_migration(s, &s->entries[i], end - i, &set->migrations[set->migration_count++]);
    }
    return rc;
}

/* readdir() gives names in any order; a person, and a test, want the same one each time. */
static int finding_cmp(const void *left, const void *right)
{
    const wbl_finding *a = left, *b = right;
    int order = b->severity - a->severity;
    return order != 0 ? order : wb_strcmp_null(a->file, b->file);
}

static int text_cmp(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* V1__init.sql, R__views.sql: a directory of these would look empty, and an empty one needs nothing done. */
static int warn_of_flyway(scan *s)
{
    const wb_source_set *set = s->set;
    for (size_t i = 0; i < set->passed_count && set->migration_count == 0; i++) {
        const char *name = base_name(set->passed_over[i]);
        if (!strchr("VUR", name[0]) || !strstr(name, "__") || !wb_ends(name, ".sql"))
            continue;
        wbl_finding *f = wb_finding_add(s->cx, s->findings, WBL_WARNING, "foreign-file",
                                        "%s is named like a Flyway file, and this version does not read those",
                                        set->passed_over[i]);
        if (!f)
            return WBL_E_NOMEM;
        f->file = set->passed_over[i];
        return 0;
    }
    return 0;
}

static int report_faults(scan *s, size_t first)
{
    size_t more = s->findings->errors;
    for (size_t i = first; i < s->findings->count; i++) {
        const wbl_finding *f = &s->findings->items[i];
        if (f->severity != WBL_ERROR)
            continue;
        if (more > 1)
            wb_fail(s->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "%s (and %zu more)", f->message, more - 1);
        else
            wb_fail(s->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "%s", f->message);
        if (f->hint)
            wb_hint(s->cx, "%s", f->hint);
        wb_at(s->cx, f->file, f->line, f->column);
        return WBL_E_INVALID;
    }
    return 0;
}

int wb_source_scan(wb_ctx *cx, const wb_source_options *opt, wb_findings *findings, wb_source_set *set)
{
    WB_CLEANUP(scan_done) scan s = { .cx = cx, .opt = opt, .findings = findings, .set = set, .head = WB_BUF(HEAD_MAX) };
    size_t first = findings->count, errors = findings->errors;
    set->order = WB_ORDER_NUMERIC;
    int rc = 0;
    for (size_t i = 0; i < opt->dir_count && rc == 0; i++)
        rc = scan_root(&s, opt->dirs[i]);
    if (rc == 0)
        rc = join_namespaces(&s);
    if (rc == 0)
        rc = make_migrations(&s);
    if (rc == 0 && set->passed_count)
        qsort(set->passed_over, set->passed_count, sizeof *set->passed_over, text_cmp);
    if (rc == 0)
        rc = warn_of_flyway(&s);
    if (rc != 0)
        return rc;
    if (findings->count > first)
        qsort(&findings->items[first], findings->count - first, sizeof *findings->items, finding_cmp);
    set->is_single = s.single_total > 0 && s.pair_total == 0;
    return findings->errors > errors ? report_faults(&s, first) : 0;
}
