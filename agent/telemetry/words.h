/* words.h - the lines, words and numbers of a text file of the kernel, read within bounds and independent of locale. */
#ifndef AGENT_TELEMETRY_WORDS_H
#define AGENT_TELEMETRY_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A piece of text that is not NUL-terminated; borrowed from whoever read it. */
struct words {
    const char *at;
    const char *end;
};

/* The whole of `len` bytes. */
struct words words_of(const char *text, size_t len);

/* Bytes in w. */
size_t words_len(struct words w);

/* True when w is exactly `text`. */
bool words_is(struct words w, const char *text);

/* True when w begins with `text`. */
bool words_begins(struct words w, const char *text);

/* Takes the next line, without its newline, off the text. An unfinished last line is none: the file was longer than
 * the buffer, and a number cut in two reads as another number. False at the end. */
bool words_line(struct words *text, struct words *ret);

/* Takes the next word between blanks off the line. False at the end. */
bool words_next(struct words *line, struct words *ret);

/* Takes n words off the line and drops them. False when there are fewer. */
bool words_skip(struct words *line, unsigned n);

/* Takes text up to the next `mark` off w, and the mark with it. False, and nothing taken, when there is none. */
bool words_until(struct words *w, char mark, struct words *ret);

/* Takes the next word off the line when it is a decimal number below 2^64. False otherwise. */
bool words_u64(struct words *line, uint64_t *ret);

/* As words_u64, with an optional sign, above -2^63 and below 2^63. */
bool words_i64(struct words *line, int64_t *ret);

/* As words_u64, for "12" and "12.34": at most nine digits after the point count. */
bool words_f64(struct words *line, double *ret);

/* All of w as a decimal number below 2^64. */
bool words_number(struct words w, uint64_t *ret);

/* True when w is hex digits and dashes only, as a UUID is. */
bool words_are_hex(struct words w);

#endif
