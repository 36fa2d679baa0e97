/* conf.h - YAML configuration files into a program's struct, with errors that name file, line, reason and remedy.
 *
 * The caller describes its struct by a libcyaml schema whose top is a pointer to a mapping (CYAML_VALUE_MAPPING with
 * CYAML_FLAG_POINTER). Sizes ("4 GiB") and durations ("7 d") are strings in the schema, read by conf_size() and
 * conf_duration(). Aliases and anchors are refused; an empty file is a mapping without keys. */
#ifndef BASE_IO_CONF_H
#define BASE_IO_CONF_H
#include "base/rc.h"
#include <cyaml/cyaml.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_FILE_MAX (256U * 1024U) /* bytes, of conf_load() */
#define CONF_DEPTH_MAX 8U            /* nested mappings and sequences */

struct conf;
struct err;

/* Loads path. *ret_data points to the caller's struct as the schema says, freed together with *ret by conf_free().
 * Errors read like: agent.yaml:3: unknown key 'broker'; did you mean 'brokers'?
 * MR_NOT_FOUND, MR_DENIED: the file; MR_TOO_BIG; MR_INVALID: its content; MR_NO_MEMORY. schema is borrowed until conf_free. */
MUST enum mr_rc conf_load(const char *path, const struct cyaml_schema_value *schema, struct conf **ret, void **ret_data,
                          struct err *err);

/* The same for files that grow with the plant: up to max_bytes. */
MUST enum mr_rc conf_load_up_to(const char *path, size_t max_bytes, const struct cyaml_schema_value *schema,
                                struct conf **ret, void **ret_data, struct err *err);

/* The same from len bytes of text; name stands for the file in errors. */
MUST enum mr_rc conf_parse(const char *name, const char *text, size_t len, const struct cyaml_schema_value *schema,
                           struct conf **ret, void **ret_data, struct err *err);

/* Frees the struct and what it points to; NULL is fine. */
void conf_free(struct conf *conf);

/* The file as it was named to conf_load(). Borrowed until conf_free(). */
const char *conf_name(const struct conf *conf);

/* The line (from 1) of a value, named as "spool.max" or "brokers[1]"; that of the nearest enclosing value if it is not in
 * the file, 1 if none is. */
unsigned conf_line(const struct conf *conf, const char *where);

/* For what only the caller can judge: sets *err to "FILE:LINE: WHERE: <words>" and returns MR_INVALID. */
MUST enum mr_rc conf_fail(const struct conf *conf, const char *where, struct err *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Reads a size ("4 GiB") or a duration ("7 d") that the schema took as a string. text NULL: *ret stays as it is.
 * MR_INVALID with *err as conf_fail() makes it. */
MUST enum mr_rc conf_size(const struct conf *conf, const char *where, const char *text, uint64_t *ret_bytes,
                          struct err *err);
MUST enum mr_rc conf_duration(const struct conf *conf, const char *where, const char *text, int64_t *ret_ns,
                              struct err *err);

/* Calls fn for every file that the pattern names, in the order of their names. A relative pattern begins at the folder of
 * conf's file. A pattern with wildcards may name none; a plain name must exist. fn loads and merges; its first failure
 * ends the round and is returned. MR_INVALID: a pattern that cannot be. */
typedef enum mr_rc conf_include_fn(void *user, const char *path, struct err *err);
MUST enum mr_rc conf_include(const struct conf *conf, const char *pattern, conf_include_fn *fn, void *user,
                             struct err *err);
#endif
