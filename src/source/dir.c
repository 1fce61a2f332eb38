/*
 * dir.c - read one directory, once, and take its names apart.
 *
 * Only what readdir() can't tell is looked at: symbolic links, and file systems without d_type. A symbolic link to a
 * directory above is a loop and is named. Owns the stream while it reads; the listing belongs to the caller.
 */
#include "source/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

void wb_listing_done(wb_listing *l) { wb_free(l->items); }

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

int wb_scan_fault(wb_scan *s, const char *code, const char *file, const char *hint, const char *fmt, ...)
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

int wb_scan_pass_over(wb_scan *s, const wb_item_name *it)
{
    wb_source_set *set = s->set;
    const char **slot = WB_PUSH(set->mem, set->passed_over, set->passed_count, set->passed_cap);
    if (!slot)
        return wb_nomem(s->cx);
    *slot = it->shown;
    return 0;
}

/* ---- one directory ---- */

static bool is_ancestor(const wb_scan *s, int dir_fd, const struct stat *st)
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
static int resolve_type(wb_scan *s, int dir_fd, bool is_link, wb_item_name *it)
{
    struct stat st;
    if (fstatat(dir_fd, it->name, &st, 0) == 0) {
        it->is_dir = S_ISDIR(st.st_mode);
        it->is_odd = !it->is_dir && !S_ISREG(st.st_mode);
        if (it->is_dir && is_link && is_ancestor(s, dir_fd, &st)) {
            it->is_dir = false;
            it->is_odd = it->is_told = true;
            return wb_scan_fault(s, "link-loop", it->shown, "Remove the symbolic link.",
                                 "%s is a symbolic link to a directory above it: a loop", it->shown);
        }
        return 0;
    }
    it->is_odd = true;
    it->is_told = errno == ELOOP || it->parsed.kind != WB_NAME_OTHER;
    if (errno == ELOOP)
        return wb_scan_fault(s, "link-loop", it->shown, "Remove the symbolic link.", "%s is a loop of symbolic links",
                             it->shown);
    if (!it->is_told)
        return 0;
    return wb_scan_fault(s, "unreadable", it->shown, NULL, "cannot read %s: %s", it->shown, strerror(errno));
}

/* Arrays that live as long as the scan only: a growing one in the arena would leave its old blocks behind. */
void *wb_scan_room(void *array, size_t count, size_t *cap, size_t element_size)
{
    if (count < *cap)
        return array;
    size_t more = *cap ? *cap * 2 : 64;
    void *p = wb_realloc(array, count * element_size, more * element_size);
    if (p)
        *cap = more;
    return p;
}

static int add_item(wb_scan *s, int dir_fd, const struct dirent *e, const char *rel, wb_listing *out)
{
    size_t prefix_len = strlen(s->prefix), rel_len = strlen(rel), name_len = strlen(e->d_name);
    char *text = wb_arena_get(s->set->mem, prefix_len + rel_len + name_len + 2);
    wb_item_name *items = text ? wb_scan_room(out->items, out->count, &out->cap, sizeof *items) : NULL;
    if (!items)
        return wb_nomem(s->cx);
    out->items = items;
    wb_item_name *it = &items[out->count++];
    memcpy(text, s->prefix, prefix_len);
    memcpy(text + prefix_len, rel, rel_len);
    if (rel_len)
        text[prefix_len + rel_len++] = '/';
    memcpy(text + prefix_len + rel_len, e->d_name, name_len + 1);
    *it = (wb_item_name){
        .shown = text, .path = text + prefix_len, .name = text + prefix_len + rel_len, .is_dir = e->d_type == DT_DIR
    };
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

int wb_scan_fail_dir(wb_scan *s, const char *shown)
{
    int error = errno;
    if (error == ENOMEM)
        return wb_nomem(s->cx);
    if (error == ENOENT)
        return wb_scan_fault(s, "missing-directory", shown,
                             "Name the directory of the migrations with --dir, or make one with `whimbrel init`.",
                             "there is no directory %s", shown);
    if (error == ELOOP)
        return wb_scan_fault(s, "link-loop", shown, "Remove the symbolic link.", "%s is a loop of symbolic links",
                             shown);
    return wb_scan_fault(s, "unreadable", shown, NULL, "cannot read directory %s: %s", shown, strerror(error));
}

/* rel: below the root, "" for the root itself. A directory that can't be read is a finding, and exists stays false. */
int wb_scan_list(wb_scan *s, const char *rel, const char *shown, wb_listing *out)
{
    out->shown = shown;
    WB_CLEANUP(close_fd) int fd = openat(s->root_fd, *rel ? rel : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return wb_scan_fail_dir(s, shown);
    WB_CLEANUP(close_dir) DIR *dir = fdopendir(fd);
    if (!dir)
        return wb_scan_fail_dir(s, shown);
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
        return wb_scan_fail_dir(s, shown);
    out->exists = rc == 0;
    return rc;
}
