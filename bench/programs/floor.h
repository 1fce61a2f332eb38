/*
 * floor.h - what the two floor programs share: the sorted list of a folder's files, and a text that grows.
 *
 * A floor shows what a small client can reach on a database. It is not a migration tool: no checks, no safety, no freeing.
 */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int folder;   /* the migrations */
static char **names; /* of the files with the wanted ending, sorted */
static int name_count;
static char *text; /* what goes to the database next */
static size_t text_len, text_size;

static void die(const char *what);

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void list_files(const char *path, const char *ending)
{
    folder = open(path, O_RDONLY | O_DIRECTORY);
    DIR *dir = opendir(path);
    size_t ending_len = strlen(ending), size = 0;
    if (!dir)
        die(path);
    for (struct dirent *e; (e = readdir(dir));) {
        size_t len = strlen(e->d_name);
        if (len < ending_len || strcmp(e->d_name + len - ending_len, ending) != 0)
            continue;
        if ((size_t)name_count == size)
            names = realloc(names, (size = size ? size * 2 : 256) * sizeof *names);
        names[name_count++] = strdup(e->d_name);
    }
    closedir(dir);
    qsort(names, (size_t)name_count, sizeof *names, by_name);
}

static void reserve(size_t more)
{
    if (text_len + more + 1 <= text_size)
        return;
    text_size = (text_len + more + 1) + (text_len + more) / 2;
    text = realloc(text, text_size);
    if (!text)
        exit(3);
}

static void add(const char *s)
{
    size_t len = strlen(s);
    reserve(len);
    memcpy(text + text_len, s, len + 1);
    text_len += len;
}

static void add_file(const char *name)
{
    struct stat st;
    int fd = openat(folder, name, O_RDONLY);
    if (fd < 0 || fstat(fd, &st))
        die(name);
    size_t done = 0, len = (size_t)st.st_size;
    reserve(len);
    while (done < len) {
        ssize_t n = read(fd, text + text_len + done, len - done);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    text_len += done;
    text[text_len] = 0;
    close(fd);
}

/* Reads and hashes every file (FNV-1a), as a tool that compares checksums must. */
static unsigned long hash_all_files(void)
{
    unsigned long hash = 1469598103934665603UL;
    for (int i = 0; i < name_count; i++) {
        text_len = 0;
        add_file(names[i]);
        for (size_t j = 0; j < text_len; j++)
            hash = (hash ^ (unsigned char)text[j]) * 1099511628211UL;
    }
    return hash;
}

#endif
