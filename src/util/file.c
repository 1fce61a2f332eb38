/*
 * file.c - read a whole file, create a new one.
 *
 * Two calls, each with the message that a person needs: what we tried, the path as they wrote it, and the reason of the
 * system. A created file never replaces another one. Owns the descriptors that it opens, nothing else.
 */
#include "util/util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_STEP ((size_t)65536)

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

/* strerror() is safe in threads since glibc 2.32 and in musl. */
static int fail_io(wb_ctx *cx, const char *verb, const char *shown, int error)
{
    int rc = wb_fail(cx, WBL_E_IO, WBL_EFFECT_NONE, "cannot %s %s: %s", verb, shown, strerror(error));
    if (cx->err)
        cx->err->native = error;
    wb_at(cx, shown, 0, 0);
    return rc;
}

static int fail_size(wb_ctx *cx, const char *shown, size_t max)
{
    int rc = wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "%s is larger than the limit of %zu bytes", shown, max);
    wb_at(cx, shown, 0, 0);
    return rc;
}

/* Reads to the end. The size that fstat() told is only a first guess: a file may grow, a pipe has none. A regular file
   that gives less than was asked for is at its end, which saves a read for each of many small files. */
static int read_all(wb_ctx *cx, int fd, const char *shown, size_t guess, bool is_regular, wb_buf *out)
{
    for (size_t want = guess + 1;; want = READ_STEP) {
        size_t room = out->max - out->len;
        char extra; /* one byte past the limit tells a full file from one that is too large */
        char *to = room ? wb_buf_reserve(out, want < room ? want : room) : &extra;
        if (!to)
            return wb_nomem(cx);
        ssize_t n = read(fd, to, room ? (want < room ? want : room) : 1);
        if (n == 0)
            break;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_io(cx, "read", shown, errno);
        if (room == 0)
            return fail_size(cx, shown, out->max);
        out->len += (size_t)n;
        if (is_regular && (size_t)n < want)
            break;
    }
    return wb_buf_cstr(out) ? 0 : wb_nomem(cx);
}

int wb_file_read(wb_ctx *cx, int dir_fd, const char *path, const char *shown, wb_buf *out)
{
    WB_CLEANUP(close_fd) int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return fail_io(cx, "read", shown, errno);
    if (S_ISDIR(st.st_mode))
        return fail_io(cx, "read", shown, EISDIR);
    size_t size = S_ISREG(st.st_mode) && st.st_size > 0 ? (size_t)st.st_size : 0;
    if (size > out->max)
        return fail_size(cx, shown, out->max);
    wb_buf_clear(out);
    int rc = read_all(cx, fd, shown, size, S_ISREG(st.st_mode), out);
    if (rc != 0)
        wb_buf_clear(out);
    return rc;
}

static int write_all(int fd, const char *p, size_t len)
{
    while (len) {
        ssize_t n = write(fd, p, len);
        if (n == 0 || (n < 0 && errno != EINTR))
            return n == 0 ? EIO : errno;
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

int wb_file_create(wb_ctx *cx, const char *path, const char *text, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return fail_io(cx, "create", path, errno);
    int error = write_all(fd, text, len);
    if (close(fd) != 0 && error == 0)
        error = errno; /* NFS and quotas tell about a failed write only here */
    if (error == 0)
        return 0;
    bool is_removed = unlink(path) == 0;
    int rc = fail_io(cx, "write", path, error);
    if (!is_removed && cx->err)
        cx->err->effect = WBL_EFFECT_SOME;
    return rc;
}
