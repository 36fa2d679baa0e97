/* source_pressure.c - how long tasks were held up by a lack of CPU, memory or disk, from /proc/pressure. */

#include "agent/telemetry/procfs.h"
#include "agent/telemetry/source.h"
#include "proto/status.h"

/* The tags of a resource come in pairs. */
enum { TAG_SOME, TAG_FULL, TAGS_EACH };

static const struct tag_def defs[TAGS_EACH] = {
    [TAG_SOME] = {"some", "%", "Time in which a task waited for it, mean of 10 seconds", 0, 100},
    [TAG_FULL] = {"full", "%", "Time in which every task waited for it, mean of 10 seconds", 0, 100},
};

/* The files of /proc/pressure, and the names of ours. */
static const struct {
    const char *file, *where;
    bool has_full; /* that of the CPU is always 0 for the whole machine: the kernel prints it for form's sake */
} resources[] = {
    {"cpu", "pressure/cpu", false},
    {"memory", "pressure/mem", true},
    {"io", "pressure/io", true},
};
enum { RESOURCES = COUNT_OF(resources) };

struct pressure {
    struct procfile files[RESOURCES];
    size_t first;
};

static enum mr_rc pressure_open(void *self, const struct source_env *env, struct err *err)
{
    struct pressure *pressure = self;
    enum mr_rc rc = tagset_reserve(env->tags, RESOURCES * TAGS_EACH, env->stale_ms, &pressure->first, err);
    for (size_t i = 0; i < RESOURCES && rc == MR_OK; i++) {
        rc = procfile_init(&pressure->files[i], err, "%s/pressure/%s", env->conf->proc_root, resources[i].file);
        for (size_t k = 0; k < TAGS_EACH; k++)
            tagset_define(env->tags, pressure->first + i * TAGS_EACH + k, resources[i].where, &defs[k]);
    }
    return rc;
}

static void collect_one(struct pressure *pressure, size_t i, const struct source_env *env, int64_t now_ns)
{
    struct words text, line;
    struct procfs_pressure now;
    bool seen[TAGS_EACH] = {false};
    size_t first = pressure->first + i * TAGS_EACH;
    if (procfile_read(&pressure->files[i], now_ns, &env->scratch, &text) == MR_OK) {
        while (words_line(&text, &line)) {
            if (!procfs_pressure(line, &now) || (now.full && !resources[i].has_full))
                continue;
            size_t tag = now.full ? TAG_FULL : TAG_SOME;
            tagset_put(env->tags, first + tag, now.avg10, now_ns);
            seen[tag] = true;
        }
    }
    for (size_t k = 0; k < TAGS_EACH; k++)
        if (!seen[k])
            tagset_lose(env->tags, first + k, STATUS_BAD_NO_COMMUNICATION);
}

static void pressure_collect(void *self, const struct source_env *env, const struct source_tick *tick)
{
    for (size_t i = 0; i < RESOURCES; i++)
        collect_one(self, i, env, tick->now_ns);
}

static void pressure_close(void *self)
{
    struct pressure *pressure = self;
    for (size_t i = 0; i < RESOURCES; i++)
        procfile_fini(&pressure->files[i]);
}

const struct source source_pressure = {
    .name = "pressure",
    .min_interval_ms = 2000, /* the kernel computes them this often */
    .size = sizeof(struct pressure),
    .open = pressure_open,
    .collect = pressure_collect,
    .close = pressure_close,
};
