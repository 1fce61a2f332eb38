/*
 * scan.h - what dir.c, files.c, join.c and scan.c tell each other while they read directories.
 *
 * One wb_scan lives for one call of wb_source_scan(). Names in a directory become items, files that are migrations
 * become entries, and entries that belong together become migrations of the set.
 */
#ifndef WB_SOURCE_SCAN_H
#define WB_SOURCE_SCAN_H

#include "source/parts.h"

#include <sys/types.h>

/* One direction of one migration, before it is known what belongs together. */
typedef struct wb_entry {
    size_t ns;                         /* in the set, before and after sorting it */
    wb_str version, key, title;        /* in the file's name */
    const char *database;              /* canonical; NULL: for all */
    const char *path, *shown;
    size_t part_offset, part_len;
    int dir_fd;
    uint8_t direction;
    bool is_part, is_autocommit;
} wb_entry;

typedef struct wb_item_name {          /* one name in a directory; hidden ones never become items */
    const char *shown, *path, *name;   /* the same string, from three places on */
    bool is_dir, is_odd;               /* odd: neither directory nor regular file */
    bool is_told;                      /* its fault is among the findings already */
    wb_name parsed;
} wb_item_name;

typedef struct wb_listing {
    wb_item_name *items;               /* wb_alloc */
    size_t count, cap;
    const char *shown;                 /* of the directory */
    size_t pair_count, single_count, near_count, dir_count;
    bool exists;
} wb_listing;

typedef struct wb_scan {
    wb_ctx *cx;
    const wb_source_options *opt;
    wb_findings *findings;
    wb_source_set *set;
    wb_entry *entries;                 /* wb_alloc */
    size_t count, cap;
    int root_fd;
    const char *prefix;                /* of the root: "migrations/"; "" for the working directory */
    dev_t seen_dev[3];                 /* directories above the one that is read */
    ino_t seen_ino[3];
    size_t depth;
    wb_buf head;                       /* text of a file that may be a single one */
    size_t single_total, pair_total;
} wb_scan;

/* ---- dir.c ---- */

/* Adds a finding of severity error; file and hint are borrowed. 0, or WBL_E_NOMEM. */
int wb_scan_fault(wb_scan *, const char *code, const char *file, const char *hint, const char *fmt, ...)
    WB_PRINTF(5, 6);
int wb_scan_fail_dir(wb_scan *, const char *shown);                      /* says what errno means for a directory */
int wb_scan_pass_over(wb_scan *, const wb_item_name *);
/* rel: below the root, "" for the root itself. A directory that can't be read is a finding, and exists stays false. */
int wb_scan_list(wb_scan *, const char *rel, const char *shown, wb_listing *out);
void wb_listing_done(wb_listing *);
/* Arrays that live as long as the scan only: a growing one in the arena would leave its old blocks behind. */
void *wb_scan_room(void *array, size_t count, size_t *cap, size_t element_size);

/* ---- files.c ---- */

int wb_scan_take_files(wb_scan *, const wb_listing *, size_t ns, const char *database);

/* ---- join.c ---- */

int wb_scan_join(wb_scan *);                                             /* entries -> migrations of the set */

/* The configuration names the format. */
static inline bool wb_scan_wants(const wb_scan *s, const char *format)
{
    return s->opt->format && strcmp(s->opt->format, format) == 0;
}

static inline const char *wb_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

#endif
