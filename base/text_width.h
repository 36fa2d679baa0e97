/* text_width.h - how many columns of a terminal a text fills, the same under every locale. */
#ifndef BASE_TEXT_WIDTH_H
#define BASE_TEXT_WIDTH_H
#include <stddef.h>
#include <stdint.h>

/* 0 for combining marks, joiners and control characters, 2 for East Asian wide and emoji, else 1. */
unsigned text_width_of(uint32_t code_point);

/* Columns of len bytes; a byte that is not UTF-8 counts one. */
size_t text_width(const char *text, size_t len);

/* Bytes of the longest beginning of text that fills at most columns; never cuts a character or its combining marks. */
size_t text_width_cut(const char *text, size_t len, size_t columns);

#endif
