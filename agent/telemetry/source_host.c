/* source_host.c - uptime, boot id, processes and open files of the whole machine, from /proc. */
#include <math.h>

#include "agent/telemetry/source.h"
#include "proto/status.h"

enum { TAG_UPTIME, TAG_BOOT_ID, TAG_PROCS, TAG_FDS, TAGS };

static const struct tag_def defs[TAGS] = {
    [TAG_UPTIME] = {"uptime", "s", "Time since the machine started", 0, NAN},
    [TAG_BOOT_ID] = {"boot_id", "", "Drawn by the kernel at each start of the machine", NAN, NAN},
    [TAG_PROCS] = {"procs", "", "Processes", 0, NAN},
    [TAG_FDS] = {"fds", "", "Open files of all processes", 0, NAN},
};

struct host {
    struct procfile uptime, boot_id, procs, file_nr;
    size_t first;
};

static enum mr_rc host_open(void *self, const struct source_env *env, struct err *err)
{
    struct host *host = self;
    const char *root = env->conf->proc_root;
    enum mr_rc rc = procfile_init(&host->uptime, err, "%s/uptime", root);
    if (rc == MR_OK)
        rc = procfile_init(&host->boot_id, err, "%s/sys/kernel/random/boot_id", root);
    if (rc == MR_OK)
        rc = procfile_init(&host->procs, err, "%s", root);
    if (rc == MR_OK)
        rc = procfile_init(&host->file_nr, err, "%s/sys/fs/file-nr", root);
    if (rc == MR_OK)
        rc = tagset_reserve(env->tags, TAGS, env->stale_ms, &host->first, err);
    if (rc != MR_OK)
        return rc;
    for (size_t i = 0; i < TAGS; i++)
        tagset_define(env->tags, host->first + i, "host", &defs[i]);
    return MR_OK;
}

/* The first number of a file of one line. */
static void collect_number(struct procfile *file, const struct source_env *env, size_t tag, int64_t now_ns)
{
    struct words text, line;
    double number;
    if (procfile_read(file, now_ns, &env->scratch, &text) == MR_OK && words_line(&text, &line) &&
        words_f64(&line, &number))
        tagset_put(env->tags, tag, number, now_ns);
    else
        tagset_lose(env->tags, tag, STATUS_BAD_NO_COMMUNICATION);
}

static void collect_boot_id(struct procfile *file, const struct source_env *env, size_t tag, int64_t now_ns)
{
    struct words text, line, word;
    enum { UUID_LEN = 36 };
    if (procfile_read(file, now_ns, &env->scratch, &text) == MR_OK && words_line(&text, &line) &&
        words_next(&line, &word) && words_len(word) == UUID_LEN && words_are_hex(word))
        tagset_put_word(env->tags, tag, word.at, UUID_LEN, now_ns);
    else
        tagset_lose(env->tags, tag, STATUS_BAD_NO_COMMUNICATION);
}

static void host_collect(void *self, const struct source_env *env, const struct source_tick *tick)
{
    struct host *host = self;
    size_t procs;
    collect_number(&host->uptime, env, host->first + TAG_UPTIME, tick->now_ns);
    collect_boot_id(&host->boot_id, env, host->first + TAG_BOOT_ID, tick->now_ns);
    collect_number(&host->file_nr, env, host->first + TAG_FDS, tick->now_ns);
    if (procfile_count(&host->procs, tick->now_ns, &env->scratch, &procs) == MR_OK && procs > 0)
        tagset_put(env->tags, host->first + TAG_PROCS, (double)procs, tick->now_ns);
    else
        tagset_lose(env->tags, host->first + TAG_PROCS, STATUS_BAD_NO_COMMUNICATION);
}

static void host_close(void *self)
{
    struct host *host = self;
    procfile_fini(&host->uptime);
    procfile_fini(&host->boot_id);
    procfile_fini(&host->procs);
    procfile_fini(&host->file_nr);
}

const struct source source_host = {
    .name = "host",
    .min_interval_ms = 10000,
    .size = sizeof(struct host),
    .open = host_open,
    .collect = host_collect,
    .close = host_close,
};
