/*
 * scan.c - directories -> migrations.
 *
 * Every directory is read once, and names are understood without opening or asking for a file's type: ten thousand
 * files are a matter of milliseconds. Only what readdir() can't tell (symbolic links, file systems without d_type) is
 * looked at (dir.c). First all files become entries (files.c), then one sort brings together what belongs to one
 * migration (join.c).
 *
 * The layouts (a flat root, a root of namespaces, a directory for each database above either) are told apart by
 * looking. The file descriptors of the roots stay open in the set, so that a script can be opened whatever happens to
 * the working directory. Owns, until the scan ends, the array of entries.
 */
#include "source/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

static void scan_done(wb_scan *s)
{
    wb_free(s->entries);
    wb_buf_done(&s->head);
}

static bool is_listed(const wb_scan *s, const char *name)
{
    for (size_t i = 0; i < s->opt->listed_count; i++)
        if (strcmp(s->opt->listed[i], name) == 0)
            return true;
    return false;
}

static const char *database_word(const wb_scan *s, const wb_item_name *it)
{
    return it->is_dir && s->opt->canonical && !is_listed(s, it->name) ? s->opt->canonical(it->name) : NULL;
}

static int add_ns(wb_scan *s, const char *name, const char *shown, size_t *out)
{
    wb_source_set *set = s->set;
    wb_source_ns *ns = WB_PUSH(set->mem, set->namespaces, set->ns_count, set->ns_cap);
    if (!ns)
        return wb_nomem(s->cx);
    *ns = (wb_source_ns){ .name = name, .shown = shown, .path = shown, .has_directory = true };
    *out = set->ns_count - 1;
    return 0;
}

static int check_ns_name(wb_scan *s, const wb_item_name *it, bool *is_good)
{
    *is_good = false;
    if (!wb_is_clean(it->name))
        return wb_scan_fault(s, "namespace-name", it->shown, "Rename the directory.",
                             "the name of the namespace %s holds a control character or is not UTF-8", it->shown);
    if (strlen(it->name) > WB_NS_MAX)
        return wb_scan_fault(s, "namespace-name", it->shown, "Rename the directory.",
                             "the name of the namespace %s has %zu bytes, and the ledger holds %d", it->shown,
                             strlen(it->name), WB_NS_MAX);
    *is_good = true;
    return 0;
}

/* A directory that is a namespace. is_sure: an empty one counts too; else only one that holds something like a
   migration. *is_taken tells which it was. */
static int take_ns_dir(wb_scan *s, const wb_item_name *it, const char *database, bool is_sure, bool *is_taken)
{
    WB_CLEANUP(wb_listing_done) wb_listing list = { 0 };
    size_t ns = 0;
    bool is_good;
    *is_taken = false;
    int rc = wb_scan_list(s, it->path, it->shown, &list);
    if (rc != 0 || !list.exists)
        return rc;
    bool has_some = list.pair_count + list.single_count + list.near_count > 0;
    if (!is_sure && !has_some)
        return wb_scan_pass_over(s, it);
    rc = check_ns_name(s, it, &is_good);
    if (rc != 0 || !is_good)
        return rc;
    *is_taken = has_some;
    s->set->is_namespaced = true;
    rc = add_ns(s, it->name, it->shown, &ns);
    for (size_t i = 0; i < list.count && rc == 0; i++)
        if (list.items[i].is_dir && list.items[i].parsed.kind == WB_NAME_OTHER)
            rc = wb_scan_pass_over(s, &list.items[i]);
    return rc == 0 ? wb_scan_take_files(s, &list, ns, database) : rc;
}

/* Directories of migrations below a flat one are somebody's archive; or one stray file has turned a root of namespaces
   into a flat directory. */
static int pass_over_dir(wb_scan *s, const wb_item_name *it, const char *above)
{
    WB_CLEANUP(wb_listing_done) wb_listing list = { 0 };
    size_t count = s->findings->count, errors = s->findings->errors;
    int rc = wb_scan_list(s, it->path, it->shown, &list);
    if (rc == WBL_E_NOMEM)
        return rc;
    if (rc != 0) /* what is wrong in a directory that is not read does not matter */
        wb_error_clear(s->cx->err);
    s->findings->count = count;
    s->findings->errors = errors;
    if (rc == 0 && list.pair_count > 0 && !database_word(s, it)) {
        wbl_finding *f = wb_finding_add(s->cx, s->findings, WBL_WARNING, "mixed-layout",
                                        "%s has migrations of its own, so those in %s are not read", above, it->shown);
        if (!f)
            return WBL_E_NOMEM;
        f->file = it->shown;
        f->hint = "If it is a namespace, move the files above it to a directory of their own.";
    }
    return wb_scan_pass_over(s, it);
}

/* A flat directory: its own files count, its sub-directories only where the configuration names them. */
static int take_flat(wb_scan *s, const wb_listing *list, const char *database)
{
    size_t ns = 0;
    bool is_taken;
    int rc = add_ns(s, WB_DEFAULT_NS, list->shown, &ns);
    if (rc == 0)
        rc = wb_scan_take_files(s, list, ns, database);
    for (size_t i = 0; i < list->count && rc == 0; i++) {
        const wb_item_name *it = &list->items[i];
        if (it->is_dir && it->parsed.kind == WB_NAME_OTHER)
            rc = is_listed(s, it->name) ? take_ns_dir(s, it, database, true, &is_taken)
                                        : pass_over_dir(s, it, list->shown);
    }
    return rc;
}

/* Does the directory hold migrations itself? Files that could be single ones are looked into until one is. */
static int is_flat(wb_scan *s, const wb_listing *list, bool *out)
{
    *out = list->pair_count > 0 || (wb_scan_wants(s, "single") && list->single_count > 0) || (list->dir_count == 0);
    for (size_t i = 0; i < list->count && !*out && list->single_count; i++) {
        const wb_item_name *it = &list->items[i];
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
static int take_namespaces(wb_scan *s, const wb_listing *list, const char *database, bool is_sure, bool *has_some)
{
    int rc = 0;
    for (size_t i = 0; i < list->count && rc == 0; i++) {
        const wb_item_name *it = &list->items[i];
        bool is_taken = false;
        if (!it->is_dir || database_word(s, it))
            continue;
        bool is_named = is_listed(s, it->name);
        rc = take_ns_dir(s, it, database, is_sure || is_named, &is_taken);
        *has_some = *has_some || is_taken || is_named;
    }
    return rc;
}

static int take_own_files(wb_scan *s, const wb_listing *list, const char *database, bool has_some)
{
    if (!has_some && list->single_count + list->near_count > 0)
        return take_flat(s, list, database);
    int rc = 0;
    for (size_t i = 0; i < list->count && rc == 0; i++)
        if (!list->items[i].is_dir)
            rc = wb_scan_pass_over(s, &list->items[i]);
    return rc;
}

/* migrations/postgres: flat, or a root of namespaces. */
static int take_database_dir(wb_scan *s, const wb_item_name *it, const char *database, bool *has_some)
{
    WB_CLEANUP(wb_listing_done) wb_listing list = { 0 };
    bool flat = false;
    s->depth = 1;
    int rc = wb_scan_list(s, it->path, it->shown, &list);
    s->depth = 2; /* wb_scan_list() left this directory's device and inode there */
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
static int take_database_dirs(wb_scan *s, const wb_listing *list, bool *has_dirs, bool *has_some)
{
    size_t taken = 0;
    const wb_item_name *other = NULL;
    int rc = 0;
    for (size_t i = 0; i < list->count && rc == 0; i++) {
        const wb_item_name *it = &list->items[i];
        const char *word = database_word(s, it);
        if (!word)
            continue;
        *has_dirs = true;
        if (s->opt->database && strcmp(word, s->opt->database) != 0) {
            other = it;
            rc = wb_scan_pass_over(s, it);
            continue;
        }
        taken++;
        rc = take_database_dir(s, it, word, has_some);
    }
    s->depth = 1;
    if (rc == 0 && other && taken == 0) {
        wbl_finding *f =
            wb_finding_add(s->cx, s->findings, WBL_WARNING, "other-database",
                           "%s has migrations for %s, and none for %s", list->shown, other->name, s->opt->database);
        if (!f)
            return WBL_E_NOMEM;
        f->file = other->shown;
    }
    return rc;
}

static int take_root(wb_scan *s, const wb_listing *list)
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

static int open_root(wb_scan *s, const char *dir, const char **shown)
{
    wb_source_set *set = s->set;
    size_t len = strlen(dir);
    while (len > 1 && dir[len - 1] == '/')
        len--;
    char *name = wb_arena_str(set->mem, dir, len);
    bool is_here = len == 1 && dir[0] == '.';
    char *prefix =
        wb_arena_fmt(set->mem, "%.*s%s", is_here ? 0 : (int)len, dir, is_here || dir[len - 1] == '/' ? "" : "/");
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

static int scan_root(wb_scan *s, const char *dir)
{
    WB_CLEANUP(wb_listing_done) wb_listing list = { 0 };
    const char *shown = NULL;
    int rc = open_root(s, dir, &shown);
    if (rc != 0)
        return rc;
    if (s->root_fd < 0) {
        s->set->fd_count--;
        return errno == ENOENT && s->opt->may_be_missing ? 0 : wb_scan_fail_dir(s, shown);
    }
    s->depth = 0;
    rc = wb_scan_list(s, "", shown, &list);
    s->depth = 1; /* the root's own device and inode stay in seen_ */
    return rc == 0 && list.exists ? take_root(s, &list) : rc;
}

/* ---- the scan ---- */

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
static int warn_of_flyway(wb_scan *s)
{
    const wb_source_set *set = s->set;
    for (size_t i = 0; i < set->passed_count && set->migration_count == 0; i++) {
        const char *name = wb_base_name(set->passed_over[i]);
        if (!strchr("VUR", name[0]) || !strstr(name, "__") || !wb_ends(name, ".sql"))
            continue;
        wbl_finding *f =
            wb_finding_add(s->cx, s->findings, WBL_WARNING, "foreign-file",
                           "%s is named like a Flyway file, and this version does not read those", set->passed_over[i]);
        if (!f)
            return WBL_E_NOMEM;
        f->file = set->passed_over[i];
        return 0;
    }
    return 0;
}

static int report_faults(wb_scan *s, size_t first)
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
    WB_CLEANUP(scan_done)
    wb_scan s = { .cx = cx, .opt = opt, .findings = findings, .set = set, .head = WB_BUF(WB_FILE_SIZE_MAX) };
    size_t first = findings->count, errors = findings->errors;
    set->order = WB_ORDER_NUMERIC;
    int rc = 0;
    for (size_t i = 0; i < opt->dir_count && rc == 0; i++)
        rc = scan_root(&s, opt->dirs[i]);
    if (rc == 0)
        rc = wb_scan_join(&s);
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
