/* source_cpu.c - where the CPUs' time goes, all together and each, and context switches; from /proc/stat. */
#include <math.h>
#include <stdio.h>

#include "agent/telemetry/counter.h"
#include "agent/telemetry/procfs.h"
#include "agent/telemetry/source.h"
#include "base/mem.h"
#include "proto/status.h"

enum { TAG_BUSY, TAG_USER, TAG_SYSTEM, TAG_IOWAIT, TAG_STEAL, TAG_IDLE, TAG_SWITCHES, TAG_CORE };

static const struct tag_def defs[] = {
    [TAG_BUSY] = {"busy", "%", "Time the CPUs did work, of all their time", 0, 100},
    [TAG_USER] = {"user", "%", "Time in programs", 0, 100},
    [TAG_SYSTEM] = {"system", "%", "Time in the kernel, interrupts included", 0, 100},
    [TAG_IOWAIT] = {"iowait", "%", "Idle time while a disk was waited for", 0, 100},
    [TAG_STEAL] = {"steal", "%", "Time that the hypervisor gave to other machines", 0, 100},
    [TAG_IDLE] = {"idle", "%", "Time without anything to do, not waiting for a disk", 0, 100},
    [TAG_SWITCHES] = {"switches", "1/s", "Context switches of all CPUs", 0, NAN},
    [TAG_CORE] = {"busy", "%", "Time this CPU did work, of all its time", 0, 100},
};

static const double MOST_SWITCHES = 1e9;

/* The last sample of all CPUs together, or of one. */
struct core {
    struct procfs_cpu last;
    bool known;
    bool named;
    bool seen; /* in the collection that is under way */
};

struct cpu {
    struct procfile stat;
    size_t first;
    struct core all;
    struct core *cores; /* n of them; the one numbered i is tag TAG_CORE + i */
    size_t n;
    struct counter switches;
};

static enum mr_rc cpu_open(void *self, const struct source_env *env, struct err *err)
{
    struct cpu *cpu = self;
    cpu->n = env->conf->per_core ? env->conf->max_cores : 0;
    cpu->cores = mem_calloc(cpu->n, sizeof *cpu->cores);
    if (!cpu->cores) {
        err_set(err, "out of memory for %zu CPUs", cpu->n);
        return MR_NO_MEMORY;
    }
    enum mr_rc rc = procfile_init(&cpu->stat, err, "%s/stat", env->conf->proc_root);
    if (rc == MR_OK)
        rc = tagset_reserve(env->tags, TAG_CORE + cpu->n, env->stale_ms, &cpu->first, err);
    if (rc != MR_OK)
        return rc;
    for (size_t i = 0; i < TAG_CORE; i++)
        tagset_define(env->tags, cpu->first + i, "cpu", &defs[i]);
    return MR_OK;
}

/* What each time took since the last sample, in ticks; their sum is returned, 0 when there is nothing to tell. A time
 * may go back a little (idle and iowait do, see proc(5)): then none of it has passed. */
static double spent(struct core *core, const struct procfs_cpu *now, double ret[PROCFS_CPU_TIMES])
{
    double sum = 0;
    for (size_t i = 0; i < PROCFS_CPU_TIMES; i++) {
        uint64_t last = core->last.time[i];
        ret[i] = now->time[i] > last ? (double)(now->time[i] - last) : 0;
        sum += ret[i];
    }
    if (!core->known)
        sum = 0;
    core->last = *now;
    core->known = true;
    core->seen = true;
    return sum;
}

static void collect_all(struct cpu *cpu, struct tagset *tags, const struct procfs_cpu *now, int64_t now_ns)
{
    double ticks[PROCFS_CPU_TIMES];
    double sum = spent(&cpu->all, now, ticks);
    if (sum <= 0)
        return;
    double idle = ticks[PROCFS_IDLE] + ticks[PROCFS_IOWAIT];
    double kernel = ticks[PROCFS_SYSTEM] + ticks[PROCFS_IRQ] + ticks[PROCFS_SOFTIRQ];
    tagset_put(tags, cpu->first + TAG_BUSY, 100 * (sum - idle) / sum, now_ns);
    tagset_put(tags, cpu->first + TAG_USER, 100 * (ticks[PROCFS_USER] + ticks[PROCFS_NICE]) / sum, now_ns);
    tagset_put(tags, cpu->first + TAG_SYSTEM, 100 * kernel / sum, now_ns);
    tagset_put(tags, cpu->first + TAG_IDLE, 100 * ticks[PROCFS_IDLE] / sum, now_ns);
    if (now->n > PROCFS_IOWAIT)
        tagset_put(tags, cpu->first + TAG_IOWAIT, 100 * ticks[PROCFS_IOWAIT] / sum, now_ns);
    if (now->n > PROCFS_STEAL)
        tagset_put(tags, cpu->first + TAG_STEAL, 100 * ticks[PROCFS_STEAL] / sum, now_ns);
}

static void collect_core(struct cpu *cpu, struct tagset *tags, const struct procfs_cpu *now, int64_t now_ns)
{
    size_t i = (size_t)now->core;
    if (i >= cpu->n)
        return;
    double ticks[PROCFS_CPU_TIMES];
    struct core *core = &cpu->cores[i];
    if (!core->named) {
        char where[32];
        snprintf(where, sizeof where, "cpu/core/%zu", i);
        tagset_define(tags, cpu->first + TAG_CORE + i, where, &defs[TAG_CORE]);
        core->named = true;
    }
    double sum = spent(core, now, ticks);
    double idle = ticks[PROCFS_IDLE] + ticks[PROCFS_IOWAIT];
    if (sum > 0)
        tagset_put(tags, cpu->first + TAG_CORE + i, 100 * (sum - idle) / sum, now_ns);
}

static void collect_switches(struct cpu *cpu, struct tagset *tags, uint64_t count, int64_t now_ns)
{
    double rate;
    if (counter_rate(&cpu->switches, count, now_ns, MOST_SWITCHES, &rate))
        tagset_put(tags, cpu->first + TAG_SWITCHES, rate, now_ns);
    else
        tagset_lose(tags, cpu->first + TAG_SWITCHES, STATUS_UNCERTAIN_LAST_USABLE);
}

/* A CPU that was switched off has no line any more. */
static void lose_unseen(struct cpu *cpu, struct tagset *tags)
{
    if (!cpu->all.seen)
        tagset_lose_all(tags, cpu->first, TAG_SWITCHES, STATUS_BAD_NO_COMMUNICATION);
    for (size_t i = 0; i < cpu->n; i++) {
        if (cpu->cores[i].seen)
            continue;
        cpu->cores[i].known = false;
        tagset_lose(tags, cpu->first + TAG_CORE + i, STATUS_BAD_NOT_CONNECTED);
    }
}

static void cpu_collect(void *self, const struct source_env *env, const struct source_tick *tick)
{
    struct cpu *cpu = self;
    struct words text, line;
    struct procfs_cpu now;
    struct procfs_number number;
    if (procfile_read(&cpu->stat, tick->now_ns, &env->scratch, &text) != MR_OK) {
        tagset_lose_all(env->tags, cpu->first, TAG_CORE + cpu->n, STATUS_BAD_NO_COMMUNICATION);
        return;
    }
    cpu->all.seen = false;
    for (size_t i = 0; i < cpu->n; i++)
        cpu->cores[i].seen = false;
    while (words_line(&text, &line)) {
        if (procfs_cpu(line, &now) && now.core == PROCFS_ALL_CORES)
            collect_all(cpu, env->tags, &now, tick->now_ns);
        else if (procfs_cpu(line, &now))
            collect_core(cpu, env->tags, &now, tick->now_ns);
        else if (procfs_number(line, &number) && words_is(number.name, "ctxt"))
            collect_switches(cpu, env->tags, number.value, tick->now_ns);
    }
    lose_unseen(cpu, env->tags);
}

static void cpu_close(void *self)
{
    struct cpu *cpu = self;
    procfile_fini(&cpu->stat);
    mem_free(cpu->cores);
}

const struct source source_cpu = {
    .name = "cpu",
    .size = sizeof(struct cpu),
    .open = cpu_open,
    .collect = cpu_collect,
    .close = cpu_close,
};
