/*
 * newfile.c - the files of the next migration, in the style of the directory, and the renaming of one.
 *
 * The directory itself is read again here, and not the set: files for another database count too when a number is
 * chosen, and a set whose scan found faults (two files of one version, which is why somebody renumbers) is not needed
 * to be whole. Nothing is ever replaced; what was written is taken back when a later step fails.
 */
#include "source/parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define TITLE_MAX 120

typedef struct style { /* what the versions of a directory look like */
    char highest[256]; /* as written; "" when there is none */
    bool has_pairs, has_singles;
} style;

/* ---- writing ---- */

static int fail_path(wb_ctx *cx, const char *verb, const char *path, int error)
{
    wb_fail(cx, error == EEXIST ? WBL_E_INVALID : WBL_E_IO, WBL_EFFECT_NONE, "cannot %s %s: %s", verb, path,
            strerror(error));
    if (cx->err)
        cx->err->native = error;
    wb_at(cx, path, 0, 0);
    return error == EEXIST ? WBL_E_INVALID : WBL_E_IO;
}

int wb_create_at(wb_ctx *cx, int dir_fd, const char *path, const char *text)
{
    int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return fail_path(cx, "create", path, errno);
    size_t len = strlen(text), done = 0;
    int error = 0;
    while (done < len && error == 0) {
        ssize_t n = write(fd, text + done, len - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            error = n == 0 ? EIO : errno;
    }
    if (close(fd) != 0 && error == 0)
        error = errno;
    if (error == 0)
        return 0;
    (void)unlinkat(dir_fd, path, 0); /* half a file is worse than none; the first error is the one to tell */
    return fail_path(cx, "write", path, error);
}

int wb_make_dirs_at(wb_ctx *cx, int dir_fd, const char *path)
{
    char part[4096];
    size_t len = strlen(path);
    if (len >= sizeof part)
        return fail_path(cx, "create directory", path, ENAMETOOLONG);
    memcpy(part, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (part[i] != '/' && part[i] != 0)
            continue;
        char was = part[i];
        part[i] = 0;
        if (mkdirat(dir_fd, part, 0777) != 0 && errno != EEXIST)
            return fail_path(cx, "create directory", part, errno);
        part[i] = was;
    }
    return 0;
}

/* ---- names ---- */

/* The letter below an accent, for Latin-1; NULL for what has none. */
static const char *fold(unsigned char lead, unsigned char next)
{
    static const char *const letters[64] = {
        "a", "a", "a", "a", "a", "a", "ae", "c",  "e", "e", "e", "e", "i", "i", "i",  "i",
        "d", "n", "o", "o", "o", "o", "o",  NULL, "o", "u", "u", "u", "u", "y", "th", "ss",
        "a", "a", "a", "a", "a", "a", "ae", "c",  "e", "e", "e", "e", "i", "i", "i",  "i",
        "d", "n", "o", "o", "o", "o", "o",  NULL, "o", "u", "u", "u", "u", "y", "th", "y",
    };
    return lead == 0xC3 && next >= 0x80 && next <= 0xBF ? letters[next - 0x80] : NULL;
}

static bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
static bool is_lower(char c) { return c >= 'a' && c <= 'z'; }

/* "addUser e-mail" -> "add_user_e_mail"; "HTTPServer" -> "http_server". */
static void snake_case(const char *name, char out[TITLE_MAX + 4])
{
    size_t n = 0;
    for (const char *p = name; *p && n < TITLE_MAX; p++) {
        const char *folded = fold((unsigned char)p[0], (unsigned char)p[1]);
        char previous = p > name ? p[-1] : 0;
        bool starts_word =
            is_upper(*p) && (is_lower(previous) || wb_is_digit(previous) || (is_upper(previous) && is_lower(p[1])));
        if (starts_word && n && out[n - 1] != '_')
            out[n++] = '_';
        if (folded) {
            for (; *folded; folded++)
                out[n++] = *folded;
            p++;
        } else if (is_upper(*p) || is_lower(*p) || wb_is_digit(*p)) {
            out[n++] = is_upper(*p) ? (char)(*p + 32) : *p;
        } else if (n && out[n - 1] != '_' && *p != '\'') {
            out[n++] = '_';
        }
    }
    while (n && out[n - 1] == '_')
        n--;
    out[n] = 0;
}

/* ---- versions ---- */

static bool is_timestamp(const char *v)
{
    size_t len = strlen(v);
    if (len != 14 && len != 17 && len != 20)
        return false;
    int month = (v[4] - '0') * 10 + v[5] - '0', day = (v[6] - '0') * 10 + v[7] - '0';
    return (wb_starts(v, "19") || wb_starts(v, "20")) && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/* Decimal + 1 in place; a number of nines gets one digit more. */
static void increment(char *v, size_t size)
{
    size_t len = strlen(v), i = len;
    while (i > 0 && v[i - 1] == '9')
        v[--i] = '0';
    if (i > 0) {
        v[i - 1]++;
    } else if (len + 1 < size) {
        memmove(v + 1, v, len + 1);
        v[0] = '1';
    }
}

static void next_version(const wb_newfile_request *r, const style *st, const char *sibling, char out[256])
{
    const char *model = st->highest[0] ? st->highest : sibling;
    bool wants_time = r->options->timestamp || (!r->options->sequential && model && is_timestamp(model));
    if (wants_time) {
        size_t len = model && is_timestamp(model) ? strlen(model) : 14;
        snprintf(out, 256, "%s%0*d", r->now, (int)len - 14, 0);
        out[len] = 0;
        if (!st->highest[0] || wb_version_cmp(WB_ORDER_NUMERIC, out, st->highest) > 0)
            return;
    }
    if (st->highest[0]) {
        snprintf(out, 256, "%s", st->highest);
        increment(out, 256);
        return;
    }
    bool is_axcom = r->config && (r->config->is_modules_form || wb_strcmp_null(r->config->profile, "axcom") == 0);
    size_t width = sibling && !is_timestamp(sibling) ? strlen(sibling) : is_axcom ? 3 : 6;
    snprintf(out, 256, "%0*d", (int)(width < 40 ? width : 40), 1);
}

/* ---- the directory ---- */

static void close_dir(DIR **d)
{
    if (*d)
        closedir(*d);
}

static DIR *open_dir(int base_fd, const char *path)
{
    int fd = openat(base_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (fd >= 0 && !dir)
        close(fd);
    return dir;
}

static int read_style(wb_ctx *cx, int base_fd, const char *path, style *st)
{
    *st = (style){ 0 };
    WB_CLEANUP(close_dir) DIR *dir = open_dir(base_fd, path);
    if (!dir)
        return errno == ENOENT ? 0 : fail_path(cx, "read directory", path, errno);
    for (struct dirent *e; (errno = 0, e = readdir(dir)) != NULL;) {
        wb_name n = wb_name_parse(e->d_name, NULL);
        if (n.kind != WB_NAME_PAIR && n.kind != WB_NAME_SINGLE)
            continue;
        st->has_pairs = st->has_pairs || n.kind == WB_NAME_PAIR;
        st->has_singles = st->has_singles || n.kind == WB_NAME_SINGLE;
        char version[256];
        snprintf(version, sizeof version, "%.*s", (int)n.version.len, n.version.p);
        if (!st->highest[0] || wb_version_cmp(WB_ORDER_NUMERIC, version, st->highest) > 0)
            memcpy(st->highest, version, sizeof version);
    }
    return errno == 0 ? 0 : fail_path(cx, "read directory", path, errno);
}

static const char *root_of(const wb_newfile_request *r)
{
    if (r->config && r->config->dir_count)
        return r->config->dirs[0];
    return r->set && r->set->dir_shown ? r->set->dir_shown : "migrations";
}

static const wb_source_ns *ns_with_directory(const wb_source_set *set, const char *name)
{
    for (size_t i = 0; set && i < set->ns_count; i++)
        if (set->namespaces[i].has_directory && (!name || strcmp(set->namespaces[i].name, name) == 0))
            return &set->namespaces[i];
    return NULL;
}

static int fail_which(wb_ctx *cx, const wb_source_set *set)
{
    WB_AUTOBUF wb_buf names = WB_BUF(WB_TEXT_MAX);
    for (size_t i = 0; i < set->ns_count; i++)
        wb_buf_addf(&names, "%s%s", i ? ", " : "", set->namespaces[i].name);
    const char *text = wb_buf_cstr(&names);
    wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the new migration needs a namespace: %s", text ? text : "");
    wb_hint(cx, "Name it with --namespace; a new name makes a new directory.");
    return WBL_E_INVALID;
}

static int check_ns(wb_ctx *cx, const char *ns)
{
    size_t len = strlen(ns);
    if (len > 0 && len <= WB_NS_MAX && ns[0] != '.' && !strchr(ns, '/') && wb_is_clean(ns))
        return 0;
    wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "\"%s\" can't be the name of a namespace", ns);
    wb_hint(cx, "At most %d bytes of UTF-8, without a slash, and no dot in front.", WB_NS_MAX);
    return WBL_E_INVALID;
}

/* A namespace that has no directory yet: beside the others, which may lie below one of the database. */
static int new_ns_path(wb_ctx *cx, wb_arena *mem, const wb_newfile_request *r, const char *ns, const char **out)
{
    const char *root = root_of(r);
    const wb_source_ns *flat = ns_with_directory(r->set, WB_DEFAULT_NS), *other = NULL;
    int rc = check_ns(cx, ns);
    if (rc != 0)
        return rc;
    if (flat && flat->count > 0 && !(r->config && wb_config_ns_find(r->config, ns))) {
        wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "%s holds migrations itself, so it has no namespaces", flat->shown);
        wb_hint(cx,
                "Move them to a directory of their own below it, or name \"%s\" under namespaces: in whimbrel.yaml.",
                ns);
        return WBL_E_INVALID;
    }
    for (size_t i = 0; r->set && i < r->set->ns_count && !other; i++)
        if (r->set->namespaces[i].has_directory && strcmp(r->set->namespaces[i].name, WB_DEFAULT_NS) != 0)
            other = &r->set->namespaces[i];
    const char *slash = other ? strrchr(other->path, '/') : NULL;
    *out = slash                    ? wb_arena_fmt(mem, "%.*s/%s", (int)(slash - other->path), other->path, ns)
           : strcmp(root, ".") == 0 ? wb_arena_dup(mem, ns)
                                    : wb_arena_fmt(mem, "%s/%s", root, ns);
    return *out ? 0 : wb_nomem(cx);
}

static int choose_dir(wb_ctx *cx, wb_arena *mem, const wb_newfile_request *r, const char **out)
{
    const char *ns = r->options->ns;
    const wb_source_ns *found = ns_with_directory(r->set, ns);
    if (!ns && r->set && r->set->is_namespaced && r->set->ns_count > 1)
        return fail_which(cx, r->set);
    if (found) {
        *out = found->path;
        return 0;
    }
    if (ns && strcmp(ns, WB_DEFAULT_NS) != 0)
        return new_ns_path(cx, mem, r, ns, out);
    *out = root_of(r);
    return 0;
}

/* ---- a new migration ---- */

static const char *join(wb_arena *mem, const char *dir, const char *version, const char *title, const char *end)
{
    bool is_here = strcmp(dir, ".") == 0;
    bool has_slash = *dir && dir[strlen(dir) - 1] == '/';
    return wb_arena_fmt(mem, "%s%s%s_%s%s", is_here ? "" : dir, is_here || has_slash ? "" : "/", version, title, end);
}

static int write_single(wb_ctx *cx, wb_arena *mem, int base_fd, const char **path, const char *title)
{
    const char *text = wb_arena_fmt(mem, "-- %s\n\n-- whimbrel: down\n-- reverts %s\n", title, title);
    return text ? wb_create_at(cx, base_fd, path[0], text) : wb_nomem(cx);
}

static int write_pair(wb_ctx *cx, wb_arena *mem, int base_fd, const char **path, const char *title)
{
    const char *up = wb_arena_fmt(mem, "-- %s\n", title), *down = wb_arena_fmt(mem, "-- reverts %s\n", title);
    if (!up || !down)
        return wb_nomem(cx);
    int rc = wb_create_at(cx, base_fd, path[0], up);
    if (rc != 0)
        return rc;
    rc = wb_create_at(cx, base_fd, path[1], down);
    if (rc != 0)
        (void)unlinkat(base_fd, path[0], 0); /* the error of the second file is the one to tell */
    return rc;
}

static int write_new(wb_ctx *cx, wb_arena *mem, const wb_newfile_request *r, const char ***paths, size_t *count)
{
    char title[TITLE_MAX + 4], version[256];
    const char *dir;
    style st;
    snake_case(r->options->name ? r->options->name : "", title);
    if (!title[0]) {
        wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the new migration needs a name with letters or digits");
        wb_hint(cx, "For example: whimbrel new add_users");
        return WBL_E_INVALID;
    }
    int rc = choose_dir(cx, mem, r, &dir);
    if (rc == 0)
        rc = read_style(cx, r->base_fd, dir, &st);
    if (rc != 0)
        return rc;
    const wb_migration *sibling =
        r->set && r->set->migration_count ? &r->set->migrations[r->set->migration_count - 1] : NULL;
    next_version(r, &st, sibling ? sibling->version : NULL, version);
    bool is_single = st.has_pairs || st.has_singles   ? st.has_singles && !st.has_pairs
                     : r->config && r->config->format ? strcmp(r->config->format, "single") == 0
                                                      : r->set && r->set->is_single;
    const char **out = wb_arena_get(mem, 2 * sizeof *out);
    if (!out || !(out[0] = join(mem, dir, version, title, is_single ? ".sql" : ".up.sql")) ||
        !(out[1] = join(mem, dir, version, title, ".down.sql")))
        return wb_nomem(cx);
    rc = wb_make_dirs_at(cx, r->base_fd, dir);
    if (rc == 0)
        rc = (is_single ? write_single : write_pair)(cx, mem, r->base_fd, out, title);
    if (rc != 0)
        return rc;
    *paths = out;
    *count = is_single ? 1 : 2;
    return 0;
}

/* ---- a new number for an old one ---- */

static int rename_at(int fd, const char *from, const char *to)
{
    if (renameat2(fd, from, fd, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return errno;
    /* A file system that can't do it in one step. */
    if (faccessat(fd, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return EEXIST;
    return renameat(fd, from, fd, to) == 0 ? 0 : errno;
}

static wb_str until_dot(wb_str s)
{
    const char *dot = s.len ? memchr(s.p, '.', s.len) : NULL;
    return (wb_str){ s.p, dot ? (size_t)(dot - s.p) : s.len };
}

/* Files with the version and the title of the one that was named: its other direction, its other databases. */
static bool belongs(const wb_name *a, const wb_name *b)
{
    return b->kind == a->kind && wb_str_same(a->version, b->version) && wb_str_same(until_dot(a->title), until_dot(b->title));
}

typedef struct family {
    const char **from, **to; /* paths below base_fd */
    size_t count, from_cap, to_cap;
} family;

static int find_family(wb_ctx *cx, wb_arena *mem, int base_fd, const char *dir, const char *name, const char *version,
                       family *out)
{
    wb_name wanted = wb_name_parse(name, NULL);
    size_t to_count = 0;
    bool is_here = strcmp(dir, ".") == 0;
    WB_CLEANUP(close_dir) DIR *d = open_dir(base_fd, dir);
    if (!d)
        return fail_path(cx, "read directory", dir, errno);
    for (struct dirent *e; (errno = 0, e = readdir(d)) != NULL;) {
        wb_name n = wb_name_parse(e->d_name, NULL);
        if (n.kind == WB_NAME_OTHER || n.kind == WB_NAME_NEAR || !belongs(&wanted, &n))
            continue;
        const char **from = WB_PUSH(mem, out->from, out->count, out->from_cap);
        const char **to = from ? WB_PUSH(mem, out->to, to_count, out->to_cap) : NULL;
        if (!to)
            return wb_nomem(cx);
        const char *rest = e->d_name + n.version.len;
        *from = wb_arena_fmt(mem, "%s%s%s", is_here ? "" : dir, is_here ? "" : "/", e->d_name);
        *to = wb_arena_fmt(mem, "%s%s%s%s", is_here ? "" : dir, is_here ? "" : "/", version, rest);
        if (!*from || !*to)
            return wb_nomem(cx);
    }
    return errno == 0 ? 0 : fail_path(cx, "read directory", dir, errno);
}

static int renumber(wb_ctx *cx, wb_arena *mem, const wb_newfile_request *r, const char ***paths, size_t *count)
{
    const char *path = r->options->renumber, *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dir = slash ? wb_arena_str(mem, path, slash == path ? 1 : (size_t)(slash - path)) : ".";
    wb_name n = wb_name_parse(name, NULL);
    style st;
    char version[256];
    family f = { 0 };
    if (!dir)
        return wb_nomem(cx);
    if (faccessat(r->base_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
        return fail_path(cx, "find", path, errno);
    if (n.kind != WB_NAME_PAIR && n.kind != WB_NAME_SINGLE) {
        wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "%s is not named like a migration", path);
        wb_at(cx, path, 0, 0);
        return WBL_E_INVALID;
    }
    int rc = read_style(cx, r->base_fd, dir, &st);
    if (rc == 0) {
        next_version(r, &st, NULL, version);
        rc = find_family(cx, mem, r->base_fd, dir, name, version, &f);
    }
    for (size_t i = 0; i < f.count && rc == 0; i++) {
        int error = rename_at(r->base_fd, f.from[i], f.to[i]);
        if (error == 0)
            continue;
        while (i > 0 && (i--, true))
            (void)rename_at(r->base_fd, f.to[i], f.from[i]); /* back; the first error is the one to tell */
        rc = fail_path(cx, "rename", path, error);
        break;
    }
    if (rc != 0)
        return rc;
    *paths = f.to;
    *count = f.count;
    return 0;
}

int wb_newfile_write(wb_ctx *cx, wb_arena *mem, const wb_newfile_request *r, const char ***paths, size_t *count)
{
    if (r->options->timestamp && r->options->sequential)
        return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "a version is a time or the next number, not both");
    return r->options->renumber ? renumber(cx, mem, r, paths, count) : write_new(cx, mem, r, paths, count);
}
