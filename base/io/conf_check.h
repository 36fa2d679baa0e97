/* conf_check.h - checks YAML text against a libcyaml schema before libcyaml loads it, for errors that a person can act on, and
 * notes on which line each value stands. Used by conf.c only. */
#ifndef BASE_IO_CONF_CHECK_H
#define BASE_IO_CONF_CHECK_H
#include "base/map.h"
#include <cyaml/cyaml.h>
#include <stdbool.h>
#include <stddef.h>

struct err;

/* Where the values of one file stand; a registry has hundreds of thousands. The fields are private. */
struct conf_lines {
    struct map by_where;
};

void conf_lines_init(struct conf_lines *lines); /* allocates nothing */
void conf_lines_fini(struct conf_lines *lines);

/* Checks len bytes of text; name stands for the file in *err. *ret_is_empty: there is no value at all, which counts as a
 * mapping without keys. Lines are noted also on failure. MR_INVALID, MR_NO_MEMORY. */
MUST enum mr_rc conf_check(const char *name, const char *text, size_t len, const struct cyaml_schema_value *schema,
                           struct conf_lines *lines, bool *ret_is_empty, struct err *err);

/* The line of "spool.max" or "brokers[1]", from 1; 0: not in the file. where has len bytes. */
unsigned conf_lines_find(const struct conf_lines *lines, const char *where, size_t len);
#endif
