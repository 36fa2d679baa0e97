/* label.h - turns the name of an interface, disk, mount point or sensor into one level of a topic. */
#ifndef AGENT_TELEMETRY_LABEL_H
#define AGENT_TELEMETRY_LABEL_H

#include <stdbool.h>
#include <stddef.h>

enum { LABEL_MAX = 48 /* bytes, NUL included */ };

/* Writes the label of the name, always the same for the same name. Letters of every script, digits and "-_.:@" stay; a
 * blank becomes '_'. Of a path, the leading '/' goes and any other becomes '.'; the path "/" is "root". Anything else
 * becomes '_' and is a loss, as is the end of a long name: then "~" and eight hex digits of the name's hash follow. */
void label_make(const char *name, size_t len, char out[LABEL_MAX]);

/* As label_make, but always with the hash of `key`: for a label that another thing holds already. */
void label_make_distinct(const char *name, size_t len, const char *key, char out[LABEL_MAX]);

/* Equal but for the case of ASCII letters: a birth must not have two such topics. */
bool label_same(const char *a, const char *b);

#endif
