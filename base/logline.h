/* logline.h - turns one log event into one line, as text or JSON. Used by log.c. */
#ifndef BASE_LOGLINE_H
#define BASE_LOGLINE_H
#include <stdarg.h>

#include "base/log.h"

enum { LOGLINE_SIZE = 2048 }; /* bytes of the longest line with its NUL */

struct logline_head {
    int64_t real_us;
    enum log_level level;
    const char *id;
};

/* Writes the line, NUL-terminated and without line end, and returns its length. Rules of format, and what is cut: as
 * log_event() says. */
size_t logline_render(char out[LOGLINE_SIZE], enum log_format as, const struct logline_head *head, const char *format,
                      va_list args) FORMAT_CHECKED(4, 0);

#endif
