/* text_units.h - sizes ("4 GiB") and durations ("250 ms") as people write them. Exact: no floating point. */
#ifndef BASE_TEXT_UNITS_H
#define BASE_TEXT_UNITS_H
#include "base/rc.h"

enum { TEXT_UNITS_SIZE = 32 }; /* bytes that hold any of the texts below with its NUL */

/* A whole number and a unit with or without one space between: B, kB, MB, GB, TB (1000) or KiB, MiB, GiB, TiB (1024);
 * no unit means bytes. Nothing else around it. MR_INVALID: another form. MR_TOO_BIG: above UINT64_MAX bytes. */
MUST enum mr_rc text_parse_size(const char *text, uint64_t *ret_bytes);

/* In the largest binary unit that divides it: "4 GiB", "1536 KiB", "0 B"; text_parse_size() gives the same back. */
void text_format_size(char out[TEXT_UNITS_SIZE], uint64_t bytes);

/* For people: at most one decimal, rounded down: "1.5 MiB". Not parsed back. */
void text_show_size(char out[TEXT_UNITS_SIZE], uint64_t bytes);

/* A whole number and a unit with or without a space between: ns, us, µs, ms, s, min, h, d. A bare 0 needs no unit, any
 * other number does. MR_INVALID: another form, or negative. MR_TOO_BIG: above INT64_MAX ns (292 years). */
MUST enum mr_rc text_parse_duration(const char *text, int64_t *ret_ns);

/* In the largest unit that divides it: "7 d", "250 ms", "0 s"; ns >= 0. text_parse_duration() gives the same back. */
void text_format_duration(char out[TEXT_UNITS_SIZE], int64_t ns);

/* For people: at most one decimal, rounded down: "0.8 s", "3.2 h"; below 100 ms in ms or µs. Negative: with a '-'. */
void text_show_duration(char out[TEXT_UNITS_SIZE], int64_t ns);

#endif
