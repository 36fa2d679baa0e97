/* telemetry.h - the host's own values (CPU, memory, disks, network, load, pressure, temperatures, clock) as tags.
 *
 * Reads /proc, /sys, statvfs() and adjtimex() only; no loop, no thread, no socket. The agent calls
 * telemetry_collect() at the instant telemetry_next_ns() names and publishes what it is given.
 * Quality: a value that cannot be read is absent; one that was there before is handed over once more with its old
 * value, its old instant and a Bad status. Nothing is ever 0 because it is unknown. */
#ifndef AGENT_TELEMETRY_TELEMETRY_H
#define AGENT_TELEMETRY_TELEMETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/timex.h>

#include "base/err.h"
#include "base/rc.h"

#include <millrace/millrace.h>

struct telemetry; /* one collector; used by one thread */

/* What to read and how much of it. Every field may stay 0 and then means the default. Strings are copied. */
struct telemetry_conf {
    const char *proc_root;                  /* default "/proc"; at most 200 bytes, as the next two */
    const char *sys_root;                   /* default "/sys" */
    const char *fs_root;                    /* put before mount points, for an agent in a container; default "" */
    int (*read_clock)(struct timex *clock); /* default adjtimex(), which only reads when clock->modes is 0 */
    uint32_t interval_ms; /* default 10,000, at least 100; slow values have a longer one of their own */
    bool per_core;        /* also one value for each CPU */
    size_t max_cores;     /* default 32, at most 1,024 */
    size_t max_disks;     /* mounts, and likewise block devices; default 16, at most 256 */
    size_t max_nets;      /* default 16, at most 256 */
    size_t max_temps;     /* default 32, at most 256 */
};

/* One value; everything in it is borrowed until the callback returns, except `description` and `unit`: static. */
struct telemetry_value {
    uint32_t index;          /* < telemetry_max_tags(); stays with the tag, so that ids can be cached by it */
    bool first;              /* the index is new, or now belongs to another name: forget what was cached for it */
    const char *name;        /* relative topic, "cpu/busy"; obeys the topic grammar, at most 128 bytes */
    const char *unit;        /* "%", "GiB", "MiB", "B/s", "1/s", "s", "us", "Cel"; "" for counts, flags and words */
    const char *description; /* one line of English */
    struct mr_value value;   /* MR_F64, MR_BOOL or MR_STRING (at most 63 bytes) */
    uint32_t status;         /* OPC UA StatusCode, 0 = Good */
    double low, high;        /* the range the value can have; NaN = no such end */
    uint32_t stale_ms;       /* the next value of a Good tag comes before this time has passed */
    int64_t read_ns;         /* when it was read, on the clock of now_ns; an old value keeps its old instant */
};

typedef void telemetry_emit_fn(void *user, const struct telemetry_value *value);

/* Makes a collector and opens nothing yet. conf NULL = all defaults. The caller owns *ret.
 * MR_INVALID a field of conf is out of its range; MR_TOO_BIG a root is too long; MR_NO_MEMORY. */
MUST enum mr_rc telemetry_new(struct telemetry **ret, const struct telemetry_conf *conf, struct err *err);

/* Closes every file. NULL is fine. */
void telemetry_free(struct telemetry *t);

/* Reads every group of values that is due at now_ns (CLOCK_MONOTONIC) and calls emit for each value read or lost.
 * Allocates nothing and does not wait: only local filesystems are asked. emit must not call back into t.
 * Rates need two samples and are absent after the first call; the second call is due one second later. */
void telemetry_collect(struct telemetry *t, int64_t now_ns, telemetry_emit_fn *emit, void *user);

/* When the next group is due: INT64_MIN before the first call of telemetry_collect(). */
int64_t telemetry_next_ns(const struct telemetry *t);

/* Calls emit for every tag that has a value, reading nothing: what a birth lists. `first` is set as for a new tag,
 * and is thereby told. */
void telemetry_each(struct telemetry *t, telemetry_emit_fn *emit, void *user);

/* The number of indices there can be; fixed from telemetry_new() on. */
size_t telemetry_max_tags(const struct telemetry *t);

#endif
