/* source_mounts.c - how full the filesystems on this machine's own disks are, from /proc/self/mountinfo and statvfs(). */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "agent/telemetry/procfs.h"
#include "agent/telemetry/roster.h"
#include "agent/telemetry/source.h"
#include "base/mem.h"
#include "proto/status.h"

enum { TAG_USED, TAG_FREE, TAG_TOTAL, TAG_INODES, TAGS_EACH };

static const struct tag_def defs[TAGS_EACH] = {
    [TAG_USED] = {"used", "%", "The used part of what ordinary users may fill", 0, 100},
    [TAG_FREE] = {"free", "GiB", "Space that ordinary users can still fill", 0, NAN},
    [TAG_TOTAL] = {"total", "GiB", "Size of the filesystem", 0, NAN},
    [TAG_INODES] = {"inodes", "%", "The used part of the files it can hold", 0, 100},
};

enum { DEVICE_MAX = 24 /* "4294967295:4294967295" and a NUL */ };

struct mounts {
    struct procfile mountinfo;
    struct roster roster;        /* keyed by mount point */
    char (*devices)[DEVICE_MAX]; /* of each place: one filesystem is shown once, however often it is mounted */
    size_t first;
};

static enum mr_rc mounts_open(void *self, const struct source_env *env, struct err *err)
{
    struct mounts *mounts = self;
    const struct telemetry_conf *conf = env->conf;
    size_t n = conf->max_disks;
    mounts->devices = mem_calloc(n, sizeof *mounts->devices);
    if (!mounts->devices) {
        err_set(err, "out of memory for %zu mounts", n);
        return MR_NO_MEMORY;
    }
    /* Below another root the mounts that count are those of the machine's first process, not of our container. */
    enum mr_rc rc = procfile_init(&mounts->mountinfo, err, "%s/%s/mountinfo", conf->proc_root,
                                  conf->fs_root[0] == '\0' ? "self" : "1");
    if (rc == MR_OK)
        rc = roster_init(&mounts->roster, n, err);
    if (rc == MR_OK)
        rc = tagset_reserve(env->tags, n * TAGS_EACH, env->stale_ms, &mounts->first, err);
    return rc;
}

static void name_tags(const struct mounts *mounts, struct tagset *tags, size_t place)
{
    char where[LABEL_MAX + 8];
    snprintf(where, sizeof where, "disk/%s", mounts->roster.places[place].label);
    for (size_t i = 0; i < TAGS_EACH; i++)
        tagset_define(tags, mounts->first + place * TAGS_EACH + i, where, &defs[i]);
}

static void meet(struct mounts *mounts, struct tagset *tags, struct words point, struct words device, int64_t now_ns)
{
    size_t place;
    enum roster_meeting meeting = roster_meet(&mounts->roster, point, point, true, now_ns, &place);
    if (meeting == ROSTER_REFUSED)
        return;
    if (meeting == ROSTER_NEW)
        name_tags(mounts, tags, place);
    size_t len = words_len(device) < DEVICE_MAX ? words_len(device) : DEVICE_MAX - 1;
    memcpy(mounts->devices[place], device.at, len);
    mounts->devices[place][len] = '\0';
}

static bool is_met(const struct mounts *mounts, struct words device)
{
    for (size_t i = 0; i < mounts->roster.n; i++)
        if (mounts->roster.places[i].seen && words_is(device, mounts->devices[i]))
            return true;
    return false;
}

static void discover(struct mounts *mounts, struct tagset *tags, struct words text, int64_t now_ns)
{
    const struct words root = words_of("/", 1);
    struct words line;
    struct procfs_mount mount;
    roster_begin(&mounts->roster);
    /* Always there, whatever it is on: in a chroot it is in no line, in a container it is an overlay. */
    meet(mounts, tags, root, words_of("", 0), now_ns);
    while (words_line(&text, &line)) {
        if (!procfs_mount(line, &mount))
            continue;
        struct words point = words_of(mount.point, strlen(mount.point));
        if (words_is(point, "/") || (procfs_mount_is_local(&mount) && !is_met(mounts, mount.device)))
            meet(mounts, tags, point, mount.device, now_ns);
    }
    for (size_t i = 0; i < mounts->roster.n; i++)
        if (roster_has_left(&mounts->roster, i))
            tagset_lose_all(tags, mounts->first + i * TAGS_EACH, TAGS_EACH, STATUS_BAD_NOT_CONNECTED);
}

/* As df(1): what only root may fill counts neither as used nor as free. */
static void put_space(struct tagset *tags, size_t first, const struct statvfs *fs, int64_t now_ns)
{
    double block = (double)fs->f_frsize, used = (double)fs->f_blocks - (double)fs->f_bfree;
    double fillable = used + (double)fs->f_bavail;
    tagset_put(tags, first + TAG_USED, fillable > 0 ? 100 * used / fillable : 100, now_ns);
    tagset_put(tags, first + TAG_FREE, (double)fs->f_bavail * block / TAG_GIB, now_ns);
    tagset_put(tags, first + TAG_TOTAL, (double)fs->f_blocks * block / TAG_GIB, now_ns);
    /* Filesystems that make room for files as they come have no number of them. */
    if (fs->f_files > 0 && fs->f_ffree <= fs->f_files)
        tagset_put(tags, first + TAG_INODES, 100 * (double)(fs->f_files - fs->f_ffree) / (double)fs->f_files, now_ns);
    else
        tagset_lose(tags, first + TAG_INODES, STATUS_BAD_NO_COMMUNICATION);
}

static void mounts_collect(void *self, const struct source_env *env, const struct source_tick *tick)
{
    struct mounts *mounts = self;
    struct words text = words_of("", 0);
    char path[PROCFILE_ROOT_MAX + ROSTER_KEY_MAX];
    struct statvfs fs;
    /* While the list cannot be read, the mounts that are known are asked. */
    if (tick->discover && (procfile_read(&mounts->mountinfo, tick->now_ns, &env->scratch, &text) == MR_OK ||
                           mounts->roster.places[0].state == ROSTER_FREE))
        discover(mounts, env->tags, text, tick->now_ns);
    for (size_t i = 0; i < mounts->roster.n; i++) {
        size_t first = mounts->first + i * TAGS_EACH;
        if (mounts->roster.places[i].state != ROSTER_HERE)
            continue;
        snprintf(path, sizeof path, "%s%s", env->conf->fs_root, mounts->roster.places[i].key);
        if (statvfs(path, &fs) == 0 && fs.f_blocks > 0 && fs.f_bfree <= fs.f_blocks)
            put_space(env->tags, first, &fs, tick->now_ns);
        else
            tagset_lose_all(env->tags, first, TAGS_EACH, STATUS_BAD_NO_COMMUNICATION);
    }
}

static void mounts_close(void *self)
{
    struct mounts *mounts = self;
    procfile_fini(&mounts->mountinfo);
    roster_fini(&mounts->roster);
    mem_free(mounts->devices);
}

const struct source source_mounts = {
    .name = "mounts",
    .min_interval_ms = 30000,
    .size = sizeof(struct mounts),
    .open = mounts_open,
    .collect = mounts_collect,
    .close = mounts_close,
};
