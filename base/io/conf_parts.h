/* conf_parts.h - what the configuration files of all programs have in common: names, files beside the file, the log. */
#ifndef BASE_IO_CONF_PARTS_H
#define BASE_IO_CONF_PARTS_H
#include "base/io/conf.h"
#include "base/log.h"
#include <stdbool.h>

/* The names of identities and brokers: [a-z0-9][a-z0-9._-]{0,62}. */
bool conf_is_name(const char *text);

/* Copies text if it is such a name; size is at least 64. MR_INVALID with *err as conf_fail() makes it. */
MUST enum mr_rc conf_copy_name(const struct conf *conf, const char *where, const char *text, char *ret, size_t size,
                               struct err *err);

/* Copies text; NULL: *ret stays as it is. MR_INVALID: longer than size - 1 bytes. */
MUST enum mr_rc conf_copy_text(const struct conf *conf, const char *where, const char *text, char *ret, size_t size,
                               struct err *err);

/* The same for the name of a file: a relative one begins at the folder of conf's file. */
MUST enum mr_rc conf_copy_file(const struct conf *conf, const char *where, const char *text, char *ret, size_t size,
                               struct err *err);

/* "DIR/name" for "DIR/any.yaml": a file beside another. What does not fit is cut. */
void conf_beside(const char *file, const char *name, char *ret, size_t size);

/* log: {level: info, format: text}; what is not given is NULL. */
struct conf_log {
    enum log_level *level;
    enum log_format *format;
};
extern const cyaml_schema_field_t conf_log_fields[];

/* A limit of 1 to `most`; given NULL: *ret stays as it is. MR_INVALID with *err as conf_fail() makes it. */
MUST enum mr_rc conf_limit(const struct conf *conf, const char *where, const uint32_t *given, uint32_t most,
                           uint32_t *ret, struct err *err);

/* -1 or the number of a CPU this process may use. MR_INVALID with *err as conf_fail() makes it. */
MUST enum mr_rc conf_check_cpu(const struct conf *conf, const char *where, int cpu, struct err *err);
#endif
