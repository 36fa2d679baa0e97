/* procfile.h - a file of /proc or /sys that is opened once and read again from its start at every collection. */
#ifndef AGENT_TELEMETRY_PROCFILE_H
#define AGENT_TELEMETRY_PROCFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/telemetry/words.h"
#include "base/err.h"
#include "base/rc.h"

enum {
    PROCFILE_ROOT_MAX = 200,     /* bytes of a root such as "/proc" */
    PROCFILE_PATH_MAX = 512,     /* bytes of a whole path, NUL included */
    PROCFILE_RETRY_SECONDS = 10, /* a file that went away is looked for no more often */
};

/* Memory that one read at a time fills. */
struct procfile_scratch {
    char *bytes; /* borrowed from the collector */
    size_t size;
};

/* Zeroed, it is closed and has no path yet. */
struct procfile {
    bool is_open;
    int fd;
    int64_t retry_ns;
    char path[PROCFILE_PATH_MAX];
};

/* Sets the path and opens nothing. MR_TOO_BIG: the path is longer than PROCFILE_PATH_MAX. */
MUST enum mr_rc procfile_init(struct procfile *file, struct err *err, const char *format, ...) FORMAT_CHECKED(3, 4);

/* Closes; the file may be initialised again. */
void procfile_fini(struct procfile *file);

/* Reads the file from its start; *ret is borrowed until the next read into the same scratch, cut where that is full.
 * MR_NOT_FOUND: it is not there, is empty, or was not there less than PROCFILE_RETRY_SECONDS ago.
 * MR_INVALID: it is there, but the kernel has no value in it now (EINVAL, as the carrier of an interface that is off). */
MUST enum mr_rc procfile_read(struct procfile *file, int64_t now_ns, const struct procfile_scratch *scratch,
                              struct words *ret);

/* As procfile_read for a directory: how many of its entries have a number for a name, as /proc has one per process. */
MUST enum mr_rc procfile_count(struct procfile *dir, int64_t now_ns, const struct procfile_scratch *scratch,
                               size_t *ret);

/* Reads the first line of a file that is not kept open. MR_NOT_FOUND: there is none. */
MUST enum mr_rc procfile_read_once(struct procfile *file, const struct procfile_scratch *scratch, struct words *ret);

#endif
