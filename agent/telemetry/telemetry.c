/* telemetry.c - see telemetry.h: the table of sources, when each is due, and what the collector owns. */
#include "agent/telemetry/telemetry.h"

#include <string.h>

#include "agent/telemetry/source.h"
#include "base/mem.h"

enum {
    SCRATCH_BYTES = 256 * 1024, /* /proc/stat of a thousand CPUs; pages never touched cost nothing */
    DISCOVER_MS = 30 * 1000,
    WARM_UP_MS = 1000, /* between the first two collections, so that rates are there soon */
    STALE_INTERVALS = 3,
    INTERVAL_LEAST_MS = 100,
    INTERVAL_MOST_MS = 3600 * 1000,
};

static const struct source *const sources[] = {
    &source_cpu,  &source_memory, &source_load, &source_pressure, &source_mounts, &source_disks,
    &source_nets, &source_temps,  &source_host, &source_clock,    &source_self,
};
enum { SOURCES = COUNT_OF(sources) };

/* When a source is read, and which tags are its own. */
struct schedule {
    uint32_t interval_ms;
    bool warm; /* has been read */
    int64_t due_ns, discover_ns;
    size_t first_tag, n_tags;
    void *self;
};

struct telemetry {
    struct telemetry_conf conf;
    struct source_env env;
    struct tagset tags;
    struct schedule schedules[SOURCES];
    char *roots[3];
};

static int64_t ms_to_ns(uint32_t ms)
{
    return ms * INT64_C(1000000);
}

static int read_kernel_clock(struct timex *clock)
{
    return adjtimex(clock);
}

/* Fills a 0 with the default; MR_INVALID outside of least..most. */
static enum mr_rc bound(size_t *field, const char *name, size_t usual, size_t least, size_t most, struct err *err)
{
    if (*field == 0)
        *field = usual;
    if (*field >= least && *field <= most)
        return MR_OK;
    err_set(err, "telemetry %s: %zu is not within %zu and %zu", name, *field, least, most);
    return MR_INVALID;
}

static enum mr_rc check_conf(struct telemetry_conf *conf, struct err *err)
{
    size_t interval = conf->interval_ms;
    enum mr_rc rc = bound(&interval, "interval (ms)", 10000, INTERVAL_LEAST_MS, INTERVAL_MOST_MS, err);
    if (rc == MR_OK)
        rc = bound(&conf->max_cores, "max_cores", 32, 1, 1024, err);
    if (rc == MR_OK)
        rc = bound(&conf->max_disks, "max_disks", 16, 1, 256, err);
    if (rc == MR_OK)
        rc = bound(&conf->max_nets, "max_nets", 16, 1, 256, err);
    if (rc == MR_OK)
        rc = bound(&conf->max_temps, "max_temps", 32, 1, 256, err);
    conf->interval_ms = (uint32_t)interval;
    return rc;
}

/* Replaces *root, or its default, by a copy that the collector owns. */
static enum mr_rc own_root(const char **root, const char *usual, char **ret_copy, struct err *err)
{
    const char *text = *root ? *root : usual;
    size_t len = strlen(text);
    if (len > PROCFILE_ROOT_MAX) {
        err_set(err, "telemetry root %.40s…: longer than %d bytes", text, PROCFILE_ROOT_MAX);
        return MR_TOO_BIG;
    }
    *ret_copy = mem_strndup(text, len);
    if (!*ret_copy) {
        err_set(err, "out of memory for telemetry");
        return MR_NO_MEMORY;
    }
    *root = *ret_copy;
    return MR_OK;
}

static enum mr_rc own_conf(struct telemetry *t, struct err *err)
{
    enum mr_rc rc = check_conf(&t->conf, err);
    if (rc == MR_OK)
        rc = own_root(&t->conf.proc_root, "/proc", &t->roots[0], err);
    if (rc == MR_OK)
        rc = own_root(&t->conf.sys_root, "/sys", &t->roots[1], err);
    if (rc == MR_OK)
        rc = own_root(&t->conf.fs_root, "", &t->roots[2], err);
    if (!t->conf.read_clock)
        t->conf.read_clock = read_kernel_clock;
    return rc;
}

static enum mr_rc open_source(struct telemetry *t, size_t i, struct err *err)
{
    struct schedule *schedule = &t->schedules[i];
    const struct source *source = sources[i];
    uint32_t interval = t->conf.interval_ms;
    schedule->interval_ms = interval > source->min_interval_ms ? interval : source->min_interval_ms;
    schedule->due_ns = schedule->discover_ns = INT64_MIN;
    schedule->first_tag = t->tags.n;
    schedule->self = mem_calloc(1, source->size);
    if (!schedule->self) {
        err_set(err, "out of memory for telemetry");
        return MR_NO_MEMORY;
    }
    t->env.stale_ms = STALE_INTERVALS * schedule->interval_ms;
    enum mr_rc rc = source->open(schedule->self, &t->env, err);
    schedule->n_tags = t->tags.n - schedule->first_tag;
    return rc;
}

static enum mr_rc open_all(struct telemetry *t, struct err *err)
{
    enum mr_rc rc = own_conf(t, err);
    if (rc != MR_OK)
        return rc;
    t->env = (struct source_env){.conf = &t->conf, .tags = &t->tags, .scratch = {.size = SCRATCH_BYTES}};
    t->env.scratch.bytes = mem_alloc(SCRATCH_BYTES);
    if (!t->env.scratch.bytes) {
        err_set(err, "out of memory for telemetry");
        return MR_NO_MEMORY;
    }
    for (size_t i = 0; i < SOURCES && rc == MR_OK; i++)
        rc = open_source(t, i, err);
    return rc;
}

enum mr_rc telemetry_new(struct telemetry **ret, const struct telemetry_conf *conf, struct err *err)
{
    struct telemetry *t = mem_calloc(1, sizeof *t);
    if (!t) {
        err_set(err, "out of memory for telemetry");
        return MR_NO_MEMORY;
    }
    if (conf)
        t->conf = *conf;
    enum mr_rc rc = open_all(t, err);
    if (rc != MR_OK) {
        telemetry_free(t);
        return rc;
    }
    *ret = t;
    return MR_OK;
}

void telemetry_free(struct telemetry *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < SOURCES; i++) {
        if (t->schedules[i].self)
            sources[i]->close(t->schedules[i].self);
        mem_free(t->schedules[i].self);
    }
    for (size_t i = 0; i < COUNT_OF(t->roots); i++)
        mem_free(t->roots[i]);
    mem_free(t->env.scratch.bytes);
    tagset_fini(&t->tags);
    mem_free(t);
}

/* The next instant on the schedule's grid; a collection that came more than an interval late starts a new grid. */
static void reschedule(struct schedule *schedule, int64_t now_ns)
{
    int64_t interval_ns = ms_to_ns(schedule->interval_ms);
    if (!schedule->warm)
        schedule->due_ns = now_ns + (interval_ns < ms_to_ns(WARM_UP_MS) ? interval_ns : ms_to_ns(WARM_UP_MS));
    else if (now_ns - schedule->due_ns >= interval_ns)
        schedule->due_ns = now_ns + interval_ns;
    else
        schedule->due_ns += interval_ns;
    schedule->warm = true;
}

void telemetry_collect(struct telemetry *t, int64_t now_ns, telemetry_emit_fn *emit, void *user)
{
    for (size_t i = 0; i < SOURCES; i++) {
        struct schedule *schedule = &t->schedules[i];
        if (now_ns < schedule->due_ns)
            continue;
        struct source_tick tick = {.now_ns = now_ns, .discover = now_ns >= schedule->discover_ns};
        if (tick.discover)
            schedule->discover_ns = now_ns + ms_to_ns(DISCOVER_MS);
        sources[i]->collect(schedule->self, &t->env, &tick);
        reschedule(schedule, now_ns);
        tagset_tell(&t->tags, schedule->first_tag, schedule->n_tags, emit, user);
    }
}

int64_t telemetry_next_ns(const struct telemetry *t)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < SOURCES; i++)
        if (t->schedules[i].due_ns < next)
            next = t->schedules[i].due_ns;
    return next;
}

void telemetry_each(struct telemetry *t, telemetry_emit_fn *emit, void *user)
{
    tagset_tell_all(&t->tags, emit, user);
}

size_t telemetry_max_tags(const struct telemetry *t)
{
    return t->tags.n;
}
