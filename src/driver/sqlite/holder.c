/*
 * holder.c - find the process that holds SQLite's write lock.
 *
 * SQLite itself cannot tell. But its locks are ordinary POSIX locks on known bytes of the file, and Linux lists those
 * in /proc/locks. The file itself is not opened: closing any descriptor of it would drop the locks that this process
 * has (POSIX, fcntl). Best effort: in a container, or on another system, nobody is found and the message is shorter.
 * Owns nothing. Facts: SQLite, os.h, PENDING_BYTE, and walformat.html 2.3.1 for the -shm file; proc(5) for /proc/locks.
 */
#include "driver/sqlite/lite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RESERVED_BYTE 0x40000001ull /* one writer */
#define SHARED_END (0x40000002ull + 509)
#define WAL_WRITE_BYTE 120ull

static void read_name(long long pid, char *to, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%lld/comm", pid);
    to[0] = 0;
    FILE *f = fopen(path, "re");
    if (!f)
        return;
    if (fgets(to, (int)size, f))
        to[strcspn(to, "\n")] = 0;
    fclose(f);
}

/* How long a process lives: field 22 of its stat is the tick of its start since the machine's. 0: not to be known. */
static int64_t read_age_ms(long long pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%lld/stat", pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    bool is_read = fgets(text, sizeof text, f) != NULL;
    fclose(f);
    const char *p = is_read ? strrchr(text, ')') : NULL; /* behind the name, which may hold blanks */
    for (int field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    struct timespec now;
    long ticks = sysconf(_SC_CLK_TCK);
    if (!p || ticks <= 0 || clock_gettime(CLOCK_BOOTTIME, &now) != 0)
        return 0;
    int64_t age = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - strtoll(p + 1, NULL, 10) * 1000 / ticks;
    return age > 0 ? age : 0;
}

/* Is this line a lock of another process on these bytes of the file? A writer waits for readers only to commit, so
   readers count too, after writers. */
static bool match(const char *line, unsigned long long inode, uint64_t first, uint64_t last, bool wants_writer,
                  long long *pid)
{
    char kind[16], mode[16], range_end[32];
    unsigned long long line_inode, from;
    if (sscanf(line, "%*d: %15s %*s %15s %lld %*x:%*x:%llu %llu %31s", kind, mode, pid, &line_inode, &from,
               range_end) != 6)
        return false;
    uint64_t to = strcmp(range_end, "EOF") == 0 ? UINT64_MAX : strtoull(range_end, NULL, 10);
    bool is_writer = strcmp(mode, "WRITE") == 0;
    return strcmp(kind, "POSIX") == 0 && is_writer == wants_writer && line_inode == inode && from <= last &&
           to >= first && *pid > 0 && *pid != getpid();
}

static bool search(unsigned long long inode, uint64_t first, uint64_t last, bool wants_writer, wb_holder *out)
{
    FILE *f = fopen("/proc/locks", "re");
    if (!f)
        return false;
    char line[256];
    long long pid = 0;
    bool is_found = false;
    while (!is_found && fgets(line, sizeof line, f))
        is_found = match(line, inode, first, last, wants_writer, &pid);
    fclose(f);
    if (!is_found)
        return false;
    *out = (wb_holder){ .pid = pid };
    out->age_ms = read_age_ms(pid);
    snprintf(out->ending, sizeof out->ending, "kill %lld", pid);
    read_name(pid, out->application, sizeof out->application);
    return true;
}

bool lite_find_holder(const lite *s, wb_holder *out)
{
    const char *path = s->db ? sqlite3_db_filename(s->db, "main") : NULL;
    struct stat st;
    if (!path || !*path || stat(path, &st) != 0)
        return false;
    if (search(st.st_ino, RESERVED_BYTE, RESERVED_BYTE, true, out))
        return true;
    WB_AUTOBUF wb_buf shm = WB_BUF(WB_TEXT_MAX);
    wb_buf_addf(&shm, "%s-shm", path);
    const char *shm_path = wb_buf_cstr(&shm);
    struct stat shm_st;
    if (shm_path && stat(shm_path, &shm_st) == 0 && search(shm_st.st_ino, WAL_WRITE_BYTE, WAL_WRITE_BYTE, true, out))
        return true;
    return search(st.st_ino, RESERVED_BYTE, SHARED_END, true, out) ||
           search(st.st_ino, RESERVED_BYTE, SHARED_END, false, out);
}
