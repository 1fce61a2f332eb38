/* width.h - how many cells of a terminal a text takes. */
#ifndef CLI_WIDTH_H
#define CLI_WIDTH_H

#include <stddef.h>
#include <stdint.h>

/* The character at s (len > 0): its code point, and its bytes in *step. A byte that begins no character is U+FFFD. */
uint32_t cli_utf8_next(const char *s, size_t len, size_t *step);

uint32_t cli_width(const char *s, size_t len);         /* cells of a text */
size_t cli_width_cut(const char *s, size_t len, uint32_t cells); /* the bytes that fit into so many cells */

#endif
