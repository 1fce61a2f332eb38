/* tree.h - a temporary directory with files for one test, and the answers that the tests of this room ask for. */
#ifndef TREE_H
#define TREE_H

#include "../unit.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/parts.h"

static char tree_dir[64];
static int tree_fd = -1;

__attribute__((unused)) static int tree_setup(void **state)
{
    (void)state;
    snprintf(tree_dir, sizeof tree_dir, "%s", "/tmp/whimbrel-test-XXXXXX");
    if (!mkdtemp(tree_dir))
        return -1;
    tree_fd = open(tree_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return tree_fd < 0 ? -1 : 0;
}

static int tree_remove_one(const char *path, const struct stat *st, int kind, struct FTW *w)
{
    (void)st, (void)kind, (void)w;
    return remove(path);
}

__attribute__((unused)) static int tree_teardown(void **state)
{
    (void)state;
    wb_alloc_fail_at(0);
    close(tree_fd);
    return nftw(tree_dir, tree_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* A test in a directory of its own. */
#define T(f) { #f, f, tree_setup, tree_teardown, NULL }

static const wbl_options no_options = { .size = sizeof no_options,
                                        .lock_timeout_ms = -1,
                                        .connect_timeout_ms = -1,
                                        .ddl_lock_timeout_ms = -1,
                                        .ddl_lock_tries = -1,
                                        .statement_timeout_ms = -1,
                                        .group_max = -1 };

/* "a/b/c.sql" with text; "a/b/" a directory; a text that begins with "-> " makes a symbolic link. */
__attribute__((unused)) static void tree_add(const char *path, const char *text)
{
    char part[512];
    size_t len = strlen(path);
    assert_true(len < sizeof part);
    for (size_t i = 1; i <= len; i++)
        if (path[i] == '/') {
            memcpy(part, path, i);
            part[i] = 0;
            assert_true(mkdirat(tree_fd, part, 0755) == 0 || faccessat(tree_fd, part, F_OK, 0) == 0);
        }
    if (path[len - 1] == '/')
        return;
    if (strncmp(text, "-> ", 3) == 0) {
        assert_int_equal(symlinkat(text + 3, tree_fd, path), 0);
        return;
    }
    int fd = openat(tree_fd, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* Many at once: names parted by blanks, each with the same text. */
__attribute__((unused)) static void tree_add_all(const char *paths, const char *text)
{
    char copy[2048];
    snprintf(copy, sizeof copy, "%s", paths);
    char *rest = copy;
    for (char *one; (one = strsep(&rest, " ")) != NULL;)
        if (*one)
            tree_add(one, text);
}

__attribute__((unused)) static const char *tree_canonical(const char *word)
{
    static const char *const names[][2] = {
        { "postgres", "postgres" }, { "postgresql", "postgres" }, { "mysql", "mysql" },
        { "mariadb", "mysql" },     { "sqlite", "sqlite" },       { "sqlite3", "sqlite" },
        { "mongodb", "mongodb" },   { "cockroach", "cockroach" },
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(word, names[i][0]) == 0)
            return names[i][1];
    return NULL;
}

#endif
