/* source.h - one group of values that are read together: how a group is opened, read and closed.
 *
 * A source names its tags when it first sees what they are about, then puts or loses them at every collection. It
 * knows no other source. */
#ifndef AGENT_TELEMETRY_SOURCE_H
#define AGENT_TELEMETRY_SOURCE_H

#include "agent/telemetry/procfile.h"
#include "agent/telemetry/tagset.h"
#include "agent/telemetry/telemetry.h"
#include "base/err.h"
#include "base/rc.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

#define TAG_GIB (1024.0 * 1024.0 * 1024.0)
#define TAG_MIB (1024.0 * 1024.0)

/* What every source works with; borrowed as long as the source is open. */
struct source_env {
    const struct telemetry_conf *conf; /* defaults filled in, roots owned by the collector */
    struct tagset *tags;
    struct procfile_scratch scratch;
    uint32_t stale_ms; /* for the tags of the source that is being opened */
};

/* One collection. */
struct source_tick {
    int64_t now_ns;
    bool discover; /* look for new disks, interfaces, sensors */
};

struct source {
    const char *name;
    uint32_t min_interval_ms; /* the kernel has nothing newer, or asking is dear; 0 = as often as collected */
    size_t size;              /* bytes of the source's own state, zeroed before open */

    /* Reserves the tags. Called once, before collect. MR_NO_MEMORY or MR_TOO_BIG: close is then called all the same. */
    enum mr_rc (*open)(void *self, const struct source_env *env, struct err *err);
    /* Reads and puts or loses every tag of the source; does not wait and allocates nothing. */
    void (*collect)(void *self, const struct source_env *env, const struct source_tick *tick);
    /* Gives back what open took; also after an open that failed. */
    void (*close)(void *self);
};

extern const struct source source_cpu;
extern const struct source source_memory;
extern const struct source source_load;
extern const struct source source_pressure;
extern const struct source source_mounts;
extern const struct source source_disks;
extern const struct source source_nets;
extern const struct source source_temps;
extern const struct source source_host;
extern const struct source source_clock;
extern const struct source source_self;

#endif
