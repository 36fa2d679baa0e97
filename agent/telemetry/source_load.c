/* source_load.c - load averages and threads, from /proc/loadavg. */
#include <math.h>

#include "agent/telemetry/procfs.h"
#include "agent/telemetry/source.h"
#include "proto/status.h"

enum { TAG_LOAD_1, TAG_LOAD_5, TAG_LOAD_15, TAG_RUNNING, TAG_THREADS, TAGS };

static const struct tag_def defs[TAGS] = {
    [TAG_LOAD_1] = {"1", "", "Threads that ran or waited for CPU or disk, mean of 1 minute", 0, NAN},
    [TAG_LOAD_5] = {"5", "", "Threads that ran or waited for CPU or disk, mean of 5 minutes", 0, NAN},
    [TAG_LOAD_15] = {"15", "", "Threads that ran or waited for CPU or disk, mean of 15 minutes", 0, NAN},
    [TAG_RUNNING] = {"running", "", "Threads that run or could run now", 0, NAN},
    [TAG_THREADS] = {"threads", "", "Threads of all processes", 0, NAN},
};

struct load {
    struct procfile loadavg;
    size_t first;
};

static enum mr_rc load_open(void *self, const struct source_env *env, struct err *err)
{
    struct load *load = self;
    enum mr_rc rc = procfile_init(&load->loadavg, err, "%s/loadavg", env->conf->proc_root);
    if (rc == MR_OK)
        rc = tagset_reserve(env->tags, TAGS, env->stale_ms, &load->first, err);
    if (rc != MR_OK)
        return rc;
    for (size_t i = 0; i < TAGS; i++)
        tagset_define(env->tags, load->first + i, "load", &defs[i]);
    return MR_OK;
}

static void load_collect(void *self, const struct source_env *env, const struct source_tick *tick)
{
    struct load *load = self;
    struct words text, line;
    struct procfs_load now;
    if (procfile_read(&load->loadavg, tick->now_ns, &env->scratch, &text) != MR_OK || !words_line(&text, &line) ||
        !procfs_load(line, &now)) {
        tagset_lose_all(env->tags, load->first, TAGS, STATUS_BAD_NO_COMMUNICATION);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(now.avg); i++)
        tagset_put(env->tags, load->first + TAG_LOAD_1 + i, now.avg[i], tick->now_ns);
    tagset_put(env->tags, load->first + TAG_RUNNING, (double)now.running, tick->now_ns);
    tagset_put(env->tags, load->first + TAG_THREADS, (double)now.total, tick->now_ns);
}

static void load_close(void *self)
{
    struct load *load = self;
    procfile_fini(&load->loadavg);
}

const struct source source_load = {
    .name = "load",
    .min_interval_ms = 5000, /* the kernel computes them this often */
    .size = sizeof(struct load),
    .open = load_open,
    .collect = load_collect,
    .close = load_close,
};
