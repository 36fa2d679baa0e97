/* err.h - the reason of a failure in words, wrapped with context on its way up. */
#ifndef BASE_ERR_H
#define BASE_ERR_H
#include "base/rc.h"

/* Embedded or on the stack of whoever asked. Written only on failure: start it as {{0}} if it may be printed anyway. */
struct err {
    char text[512]; /* one line, NUL-terminated, control characters escaped; what does not fit is cut at a character */
};

/* Both accept err NULL (the caller does not care) and both escape control characters of what they print, so that
 * a peer's text can go in with %s. */

/* Replaces the text. Arguments may point into err->text. */
void err_set(struct err *err, const char *format, ...) FORMAT_CHECKED(2, 3);

/* Puts "<format>: " before the text that is there: err_wrap(err, "spool %s", dir) gives "spool DIR: no space left". */
void err_wrap(struct err *err, const char *format, ...) FORMAT_CHECKED(2, 3);

#endif
