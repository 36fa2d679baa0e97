/* replay_lines.h - a file line by line, of any size with bounded memory. */
#ifndef CLI_REPLAY_LINES_H
#define CLI_REPLAY_LINES_H
#include "base/err.h"

enum { LINES_MAX_BYTES = 17 * 1024 * 1024 }; /* of one line: the largest transfer and some more */

struct lines;

/* MR_NOT_FOUND, MR_DENIED, MR_INVALID (a folder); MR_NO_MEMORY. */
MUST enum mr_rc lines_open(const char *path, struct lines **ret, struct err *err);
void lines_free(struct lines *lines); /* NULL is fine */

/* The next line without its end (LF or CR LF), NUL behind it; a byte order mark before the first is no part of it.
 * Borrowed until the next call, and may be written to. MR_NOT_FOUND: the end of the file. MR_TOO_BIG: the line is longer
 * than LINES_MAX_BYTES and has been skipped. MR_UNKNOWN: the file cannot be read. MR_NO_MEMORY. */
MUST enum mr_rc lines_next(struct lines *lines, char **ret, size_t *ret_len, struct err *err);

const char *lines_name(const struct lines *lines);   /* the path as given; borrowed until lines_free() */
uint64_t lines_number(const struct lines *lines);    /* of the line given last, from 1; 0: none yet */
uint64_t lines_bytes(const struct lines *lines);     /* given so far, line ends included */
uint64_t lines_bytes_all(const struct lines *lines); /* of the whole file as it was opened; 0: not known (a pipe) */
#endif
