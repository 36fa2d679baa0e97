/* shdr.h - one line of MTConnect's adapter protocol (SHDR) into its fields, in place. Pure. Pipes, quotes, blanks and
 * timestamps as the MTConnect reference agent takes them. */
#ifndef CLI_SHDR_H
#define CLI_SHDR_H
#include <millrace/millrace.h>

#include "base/err.h"

enum { SHDR_FIELDS_MAX = 4096, SHDR_MARK_MAX = 127 /* bytes of what ends an asset of several lines */ };

enum shdr_kind {
    SHDR_NOTHING,      /* an empty line */
    SHDR_COMMAND,      /* "* …": the adapter speaks to the agent */
    SHDR_DATA,         /* fields: key, value, key, value … */
    SHDR_ASSET,        /* fields: id, type, its text, or what ends it in the lines that follow (shdr_end_of_asset) */
    SHDR_REMOVE_ASSET, /* fields: id */
    SHDR_REMOVE_ALL_ASSETS, /* fields: type, or none */
    SHDR_UNKNOWN,           /* another "@…@" */
};

struct shdr_field {
    const char *text; /* NUL-terminated, without blanks around it */
    size_t len;
};

struct shdr_line {
    enum shdr_kind kind;
    int64_t time_us; /* UTC, below a microsecond cut off; MR_NO_TIME where the line has none */
    size_t n;        /* fields behind the timestamp and "@…@" */
    struct shdr_field fields[SHDR_FIELDS_MAX];
};

/* text has room for a NUL at text[len], and is written to: fields point into it.
 * MR_INVALID: no timestamp, or no field behind it, or an asset without its three; MR_TOO_BIG: too many fields. */
MUST enum mr_rc shdr_parse(char *text, size_t len, struct shdr_line *ret, struct err *err);

/* The line that ends the asset, borrowed from it ("--multiline--ABCD"); NULL: its text is in the line itself. */
const char *shdr_end_of_asset(const struct shdr_line *line);
#endif
