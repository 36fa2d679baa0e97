/* source_memory.c - memory and swap, from /proc/meminfo. */
#include <math.h>

#include "agent/telemetry/procfs.h"
#include "agent/telemetry/source.h"
#include "proto/status.h"

enum {
    TAG_TOTAL,
    TAG_FREE,
    TAG_AVAILABLE,
    TAG_CACHED,
    TAG_DIRTY,
    TAG_SWAP_TOTAL,
    TAG_SWAP_FREE,
    TAG_AS_READ, /* up to here: the file's own numbers */
    TAG_USED = TAG_AS_READ,
    TAG_USED_PERCENT,
    TAG_SWAP_USED,
    TAG_SWAP_USED_PERCENT,
    TAGS
};

static const struct tag_def defs[TAGS] = {
    [TAG_TOTAL] = {"total", "GiB", "Memory that the kernel manages", 0, NAN},
    [TAG_FREE] = {"free", "GiB", "Memory that nothing uses, not even a cache", 0, NAN},
    [TAG_AVAILABLE] = {"available", "GiB", "Memory that programs can still get without swapping", 0, NAN},
    [TAG_CACHED] = {"cached", "GiB", "Memory that holds content of files", 0, NAN},
    [TAG_DIRTY] = {"dirty", "MiB", "File content that waits to be written to disk", 0, NAN},
    [TAG_SWAP_TOTAL] = {"total", "GiB", "Swap space", 0, NAN},
    [TAG_SWAP_FREE] = {"free", "GiB", "Swap space that nothing uses", 0, NAN},
    [TAG_USED] = {"used", "GiB", "Memory that programs and the kernel cannot give up", 0, NAN},
    [TAG_USED_PERCENT] = {"used_percent", "%", "The used part of the memory", 0, 100},
    [TAG_SWAP_USED] = {"used", "GiB", "Swap space in use", 0, NAN},
    [TAG_SWAP_USED_PERCENT] = {"used_percent", "%", "The used part of the swap space", 0, 100},
};

static const char *const keys[TAG_AS_READ] = {
    [TAG_TOTAL] = "MemTotal", [TAG_FREE] = "MemFree",         [TAG_AVAILABLE] = "MemAvailable", [TAG_CACHED] = "Cached",
    [TAG_DIRTY] = "Dirty",    [TAG_SWAP_TOTAL] = "SwapTotal", [TAG_SWAP_FREE] = "SwapFree",
};

struct memory {
    struct procfile meminfo;
    size_t first;
};

/* What one reading told, in KiB. */
struct reading {
    double kib[TAG_AS_READ];
    bool known[TAG_AS_READ];
};

static bool is_swap(size_t tag)
{
    return tag == TAG_SWAP_TOTAL || tag == TAG_SWAP_FREE || tag >= TAG_SWAP_USED;
}

static enum mr_rc memory_open(void *self, const struct source_env *env, struct err *err)
{
    struct memory *memory = self;
    enum mr_rc rc = procfile_init(&memory->meminfo, err, "%s/meminfo", env->conf->proc_root);
    if (rc == MR_OK)
        rc = tagset_reserve(env->tags, TAGS, env->stale_ms, &memory->first, err);
    if (rc != MR_OK)
        return rc;
    for (size_t i = 0; i < TAGS; i++)
        tagset_define(env->tags, memory->first + i, is_swap(i) ? "swap" : "mem", &defs[i]);
    return MR_OK;
}

static void take_number(struct reading *reading, const struct procfs_number *number)
{
    for (size_t i = 0; i < TAG_AS_READ; i++) {
        if (!words_is(number->name, keys[i]))
            continue;
        reading->kib[i] = (double)number->value;
        reading->known[i] = true;
        return;
    }
}

/* Puts used and its percentage where both parts are known and make sense. */
static void put_used(const struct reading *reading, const struct source_env *env, size_t first, size_t total,
                     size_t unused, size_t used, int64_t now_ns)
{
    double whole = reading->kib[total], part = whole - reading->kib[unused];
    if (!reading->known[total] || !reading->known[unused] || part < 0) {
        tagset_lose_all(env->tags, first + used, 2, STATUS_BAD_NO_COMMUNICATION);
        return;
    }
    tagset_put(env->tags, first + used, part * 1024 / TAG_GIB, now_ns);
    if (whole > 0)
        tagset_put(env->tags, first + used + 1, 100 * part / whole, now_ns);
    else
        tagset_lose(env->tags, first + used + 1, STATUS_BAD_NOT_CONNECTED);
}

static void memory_collect(void *self, const struct source_env *env, const struct source_tick *tick)
{
    struct memory *memory = self;
    struct words text, line;
    struct procfs_number number;
    struct reading reading = {0};
    if (procfile_read(&memory->meminfo, tick->now_ns, &env->scratch, &text) == MR_OK)
        while (words_line(&text, &line))
            if (procfs_number(line, &number))
                take_number(&reading, &number);
    for (size_t i = 0; i < TAG_AS_READ; i++) {
        double unit = (i == TAG_DIRTY ? TAG_MIB : TAG_GIB) / 1024;
        if (reading.known[i])
            tagset_put(env->tags, memory->first + i, reading.kib[i] / unit, tick->now_ns);
        else
            tagset_lose(env->tags, memory->first + i, STATUS_BAD_NO_COMMUNICATION);
    }
    put_used(&reading, env, memory->first, TAG_TOTAL, TAG_AVAILABLE, TAG_USED, tick->now_ns);
    put_used(&reading, env, memory->first, TAG_SWAP_TOTAL, TAG_SWAP_FREE, TAG_SWAP_USED, tick->now_ns);
}

static void memory_close(void *self)
{
    struct memory *memory = self;
    procfile_fini(&memory->meminfo);
}

const struct source source_memory = {
    .name = "memory",
    .size = sizeof(struct memory),
    .open = memory_open,
    .collect = memory_collect,
    .close = memory_close,
};
