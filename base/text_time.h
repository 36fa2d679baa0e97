/* text_time.h - points in time as RFC 3339 text in UTC. No locale, no time zone files, no floating point. */
#ifndef BASE_TEXT_TIME_H
#define BASE_TEXT_TIME_H
#include "base/rc.h"

enum { TEXT_TIME_SIZE = 28 }; /* "2026-03-01T12:00:00.123456Z" and a NUL */

/* µs since 1970 UTC, years 0000 to 9999: always six decimals and Z. What is outside (MR_NO_TIME too) is shown as "-". */
void text_format_time(char out[TEXT_TIME_SIZE], int64_t us);

/* Reads an RFC 3339 time with any offset and 0 to 9 decimals (below µs cut off), 'T' or a space between date and time,
 * case does not matter. Second 60 is taken as the first of the next minute. MR_INVALID: another form, or a date or time
 * that does not exist. */
MUST enum mr_rc text_parse_time(const char *text, int64_t *ret_us);

#endif
