/* source_self.c - what the agent itself takes: CPU, memory, open files. */
#include <math.h>
#include <time.h>
#include <unistd.h>

#include "agent/telemetry/counter.h"
#include "agent/telemetry/source.h"
#include "proto/status.h"

enum { TAG_CPU, TAG_RSS_ANON, TAG_FDS, TAGS };

static const struct tag_def defs[TAGS] = {
    [TAG_CPU] = {"cpu", "%", "CPU time of the agent; 100 is one CPU", 0, NAN},
    [TAG_RSS_ANON] = {"rss_anon", "MiB", "Memory of the agent that is no file's", 0, NAN},
    [TAG_FDS] = {"fds", "", "Open files of the agent", 0, NAN},
};

static const double MOST_NS = 1e13; /* CPU time per second; more than any machine has CPUs */

struct self {
    struct procfile statm, fds;
    struct counter cpu_ns;
    size_t first;
};

static enum mr_rc self_open(void *self_, const struct source_env *env, struct err *err)
{
    struct self *self = self_;
    enum mr_rc rc = procfile_init(&self->statm, err, "%s/self/statm", env->conf->proc_root);
    if (rc == MR_OK)
        rc = procfile_init(&self->fds, err, "%s/self/fd", env->conf->proc_root);
    if (rc == MR_OK)
        rc = tagset_reserve(env->tags, TAGS, env->stale_ms, &self->first, err);
    if (rc != MR_OK)
        return rc;
    for (size_t i = 0; i < TAGS; i++)
        tagset_define(env->tags, self->first + i, "agent", &defs[i]);
    return MR_OK;
}

static void collect_cpu(struct self *self, struct tagset *tags, int64_t now_ns)
{
    struct timespec spent;
    double rate;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent) != 0) {
        tagset_lose(tags, self->first + TAG_CPU, STATUS_BAD_NO_COMMUNICATION);
        return;
    }
    uint64_t ns = (uint64_t)spent.tv_sec * UINT64_C(1000000000) + (uint64_t)spent.tv_nsec;
    if (counter_rate(&self->cpu_ns, ns, now_ns, MOST_NS, &rate))
        tagset_put(tags, self->first + TAG_CPU, rate / 1e7, now_ns);
    else
        tagset_lose(tags, self->first + TAG_CPU, STATUS_UNCERTAIN_LAST_USABLE);
}

static void collect_memory(struct self *self, const struct source_env *env, int64_t now_ns)
{
    struct words text, line;
    uint64_t resident, shared;
    /* "size resident shared …" in pages; what is resident and no file's or shared is RssAnon of /proc/self/status,
     * which costs ten times as much to read. */
    if (procfile_read(&self->statm, now_ns, &env->scratch, &text) == MR_OK && words_line(&text, &line) &&
        words_skip(&line, 1) && words_u64(&line, &resident) && words_u64(&line, &shared) && shared <= resident) {
        double bytes = (double)(resident - shared) * (double)sysconf(_SC_PAGESIZE);
        tagset_put(env->tags, self->first + TAG_RSS_ANON, bytes / TAG_MIB, now_ns);
    } else {
        tagset_lose(env->tags, self->first + TAG_RSS_ANON, STATUS_BAD_NO_COMMUNICATION);
    }
}

static void self_collect(void *self_, const struct source_env *env, const struct source_tick *tick)
{
    struct self *self = self_;
    size_t fds;
    collect_cpu(self, env->tags, tick->now_ns);
    collect_memory(self, env, tick->now_ns);
    if (procfile_count(&self->fds, tick->now_ns, &env->scratch, &fds) == MR_OK)
        tagset_put(env->tags, self->first + TAG_FDS, (double)fds, tick->now_ns);
    else
        tagset_lose(env->tags, self->first + TAG_FDS, STATUS_BAD_NO_COMMUNICATION);
}

static void self_close(void *self_)
{
    struct self *self = self_;
    procfile_fini(&self->statm);
    procfile_fini(&self->fds);
}

const struct source source_self = {
    .name = "self",
    .size = sizeof(struct self),
    .open = self_open,
    .collect = self_collect,
    .close = self_close,
};
