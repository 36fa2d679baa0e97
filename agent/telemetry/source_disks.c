/* source_disks.c - what whole disks read and write and how busy they are, from /proc/diskstats. */
#include <math.h>
#include <stdio.h>

#include "agent/telemetry/counter.h"
#include "agent/telemetry/procfs.h"
#include "agent/telemetry/roster.h"
#include "agent/telemetry/source.h"
#include "base/mem.h"
#include "proto/status.h"

enum { TAG_READ, TAG_WRITE, TAG_READS, TAG_WRITES, TAG_BUSY, TAGS_EACH };

static const struct tag_def defs[TAGS_EACH] = {
    [TAG_READ] = {"read", "B/s", "Bytes read from the disk", 0, NAN},
    [TAG_WRITE] = {"write", "B/s", "Bytes written to the disk", 0, NAN},
    [TAG_READS] = {"reads", "1/s", "Read requests that the disk finished", 0, NAN},
    [TAG_WRITES] = {"writes", "1/s", "Write requests that the disk finished", 0, NAN},
    [TAG_BUSY] = {"busy", "%", "Time in which the disk had a request in work", 0, 100},
};

static const double SECTOR_BYTES = 512;
static const double MOST_BYTES = 1e12; /* per second; more than any disk does */

struct disks {
    struct procfile diskstats;
    struct roster roster;
    struct counter (*counters)[TAGS_EACH]; /* of each place */
    size_t first;
};

static enum mr_rc disks_open(void *self, const struct source_env *env, struct err *err)
{
    struct disks *disks = self;
    size_t n = env->conf->max_disks;
    disks->counters = mem_calloc(n, sizeof *disks->counters);
    if (!disks->counters) {
        err_set(err, "out of memory for %zu disks", n);
        return MR_NO_MEMORY;
    }
    enum mr_rc rc = procfile_init(&disks->diskstats, err, "%s/diskstats", env->conf->proc_root);
    if (rc == MR_OK)
        rc = roster_init(&disks->roster, n, err);
    if (rc == MR_OK)
        rc = tagset_reserve(env->tags, n * TAGS_EACH, env->stale_ms, &disks->first, err);
    return rc;
}

static void begin(struct disks *disks, struct tagset *tags, size_t place, bool is_new)
{
    char where[LABEL_MAX + 8];
    snprintf(where, sizeof where, "diskio/%s", disks->roster.places[place].label);
    for (size_t i = 0; i < TAGS_EACH; i++) {
        counter_reset(&disks->counters[place][i]);
        if (is_new)
            tagset_define(tags, disks->first + place * TAGS_EACH + i, where, &defs[i]);
    }
}

/* Takes one counter and puts its rate times `scale`. */
static void put_rate(struct disks *disks, struct tagset *tags, size_t place, size_t tag, uint64_t count, double scale,
                     int64_t now_ns)
{
    double rate;
    size_t index = disks->first + place * TAGS_EACH + tag;
    if (!counter_rate(&disks->counters[place][tag], count, now_ns, MOST_BYTES / scale, &rate))
        tagset_lose(tags, index, STATUS_UNCERTAIN_LAST_USABLE);
    else /* The kernel counts busy time in coarse steps, which can add up to a little more than the time itself. */
        tagset_put(tags, index, tag == TAG_BUSY ? fmin(rate * scale, 100) : rate * scale, now_ns);
}

static void collect_one(struct disks *disks, const struct source_env *env, const struct procfs_disk *now,
                        const struct source_tick *tick)
{
    size_t place;
    /* A slot without a medium, or a device nothing has ever used, says nothing. */
    bool admit = tick->discover && now->reads + now->writes > 0 && procfs_disk_is_whole(now->name);
    enum roster_meeting meeting = roster_meet(&disks->roster, now->name, now->name, admit, tick->now_ns, &place);
    if (meeting == ROSTER_REFUSED)
        return;
    if (meeting != ROSTER_KNOWN)
        begin(disks, env->tags, place, meeting == ROSTER_NEW);
    put_rate(disks, env->tags, place, TAG_READ, now->read_sectors, SECTOR_BYTES, tick->now_ns);
    put_rate(disks, env->tags, place, TAG_WRITE, now->written_sectors, SECTOR_BYTES, tick->now_ns);
    put_rate(disks, env->tags, place, TAG_READS, now->reads, 1, tick->now_ns);
    put_rate(disks, env->tags, place, TAG_WRITES, now->writes, 1, tick->now_ns);
    put_rate(disks, env->tags, place, TAG_BUSY, now->busy_ms, 0.1, tick->now_ns); /* ms per s to percent */
}

static void disks_collect(void *self, const struct source_env *env, const struct source_tick *tick)
{
    struct disks *disks = self;
    struct words text, line;
    struct procfs_disk now;
    if (procfile_read(&disks->diskstats, tick->now_ns, &env->scratch, &text) != MR_OK) {
        tagset_lose_all(env->tags, disks->first, disks->roster.n * TAGS_EACH, STATUS_BAD_NO_COMMUNICATION);
        return;
    }
    roster_begin(&disks->roster);
    while (words_line(&text, &line))
        if (procfs_disk(line, &now))
            collect_one(disks, env, &now, tick);
    for (size_t i = 0; i < disks->roster.n; i++)
        if (roster_has_left(&disks->roster, i))
            tagset_lose_all(env->tags, disks->first + i * TAGS_EACH, TAGS_EACH, STATUS_BAD_NOT_CONNECTED);
}

static void disks_close(void *self)
{
    struct disks *disks = self;
    procfile_fini(&disks->diskstats);
    roster_fini(&disks->roster);
    mem_free(disks->counters);
}

const struct source source_disks = {
    .name = "disks",
    .size = sizeof(struct disks),
    .open = disks_open,
    .collect = disks_collect,
    .close = disks_close,
};
