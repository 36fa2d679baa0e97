/* saver.c - see saver.h. A slice is the loop's while it is made and the worker's while it is written; who has it is told by
 * the job, which is submitted and done by turns. */
#include "base/io/saver.h"
#include "base/buf.h"
#include "base/io/savefile.h"
#include "base/io/worker.h"
#include "base/mem.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { SLICE_MAX_BYTES = 1024 * 1024 };

static const int64_t ns_per_ms = 1000000;

enum state { RESTING, SAVING };

struct saver {
    struct saver_options options;
    char folder[PATH_MAX], name[NAME_MAX + 1], path[PATH_MAX + NAME_MAX + 2];
    struct worker *worker;
    struct savefile *file; /* NULL: it could not be opened yet */
    struct loop_timer *timer, *late;
    struct loop_hook turn_end, finishing;
    enum state state;
    bool is_failing, is_late;
    uint64_t saved, saving; /* versions: of the file, of the save under way */
    int64_t due_ns;         /* of what changed first; 0: nothing did */
    int64_t not_before_ns;
    loop_fn *on_finished; /* NULL: not finishing */
    void *finished_user;
    struct job job;
    /* The worker's from submit to done: */
    struct buf slice;
    bool is_first, is_last;
    enum mr_rc rc;
    struct err err;
};

static void tell(struct saver *s, enum saver_event event, const char *text)
{
    s->options.on_event(s->options.user, event, s->path, text);
}

static uint64_t version(const struct saver *s)
{
    return s->options.source->version(s->options.source_user);
}

static void let_go(struct saver *s, uint64_t up_to, bool is_saved)
{
    s->options.source->done(s->options.source_user, up_to, is_saved);
}

/* -- one save -------------------------------------------------------------------------------------------------------- */
/* The folder was not there when the file should have been read: what it has is not written over. */
static enum mr_rc open_unread(struct saver *s)
{
    struct err none;
    enum mr_rc rc = savefile_open(&s->file, s->folder, s->name, &s->err);
    if (!rc && savefile_set_aside(s->file, &none) != MR_OK)
        return MR_OK; /* there is none */
    return rc;
}

static enum mr_rc write_slice(struct saver *s)
{
    enum mr_rc rc = MR_OK;
    if (!s->file)
        rc = open_unread(s);
    if (!rc && s->is_first)
        rc = savefile_begin(s->file, &s->err);
    if (!rc && s->slice.len)
        rc = savefile_put(s->file, s->slice.data, s->slice.len, &s->err);
    return rc || !s->is_last ? rc : savefile_commit(s->file, &s->err);
}

static void run_job(void *user)
{
    struct saver *s = user;
    if (!s->rc)
        s->rc = write_slice(s);
    if (s->rc && s->file)
        savefile_abort(s->file);
}

static void on_job(void *user);

/* A source that fails is told to the worker, which gives up what it has begun. */
static void make_slice(struct saver *s)
{
    buf_clear(&s->slice);
    enum mr_rc rc = s->options.source->next(s->options.source_user, &s->slice);
    s->is_last = rc == MR_NOT_FOUND;
    s->rc = s->is_last ? MR_OK : rc;
    if (s->rc)
        err_set(&s->err, "%s: %s", s->path, rc_text(s->rc));
    worker_submit(s->worker, &s->job, run_job, on_job, s);
}

static void begin(struct saver *s)
{
    s->state = SAVING;
    s->saving = version(s);
    s->due_ns = 0;
    s->is_first = true;
    s->is_late = false;
    s->options.source->begin(s->options.source_user);
    loop_timer_start(s->late, loop_now_ns(s->options.loop) + SAVER_LATE_MS * ns_per_ms);
    make_slice(s);
}

/* How long a save of this size has to do, so that a day's saves stay within their share. */
static int64_t pause_ns(const struct saver *s, uint64_t bytes)
{
    static const uint64_t ms_per_day = (uint64_t)24 * 3600 * 1000;
    uint64_t share = s->options.max_bytes_per_day, pause_ms = 0;
    if (share)
        pause_ms = bytes < share ? bytes * ms_per_day / share : ms_per_day;
    if (pause_ms < s->options.interval_ms)
        pause_ms = s->options.interval_ms;
    return (int64_t)pause_ms * ns_per_ms;
}

static void finished(struct saver *s)
{
    loop_fn *fn = s->on_finished;
    s->on_finished = NULL;
    if (fn)
        fn(s->finished_user);
}

static void saved(struct saver *s)
{
    s->saved = s->saving;
    s->not_before_ns = loop_now_ns(s->options.loop) + pause_ns(s, savefile_size(s->file));
    if (s->is_failing)
        tell(s, SAVER_WORKS, "");
    s->is_failing = false;
    let_go(s, s->saved, true);
}

static void save_failed(struct saver *s)
{
    s->not_before_ns = loop_now_ns(s->options.loop) + SAVER_RETRY_MS * ns_per_ms;
    if (!s->is_failing)
        tell(s, SAVER_FAILED, s->err.text);
    s->is_failing = true;
    let_go(s, version(s), false);
}

static void on_job(void *user)
{
    struct saver *s = user;
    s->is_first = false;
    if (!s->rc && !s->is_last) {
        make_slice(s);
        return;
    }
    s->state = RESTING;
    loop_timer_stop(s->late);
    if (s->rc)
        save_failed(s);
    else
        saved(s);
    if (!s->on_finished)
        return;
    if (s->rc || version(s) == s->saved)
        finished(s);
    else
        begin(s);
}

/* -- when ------------------------------------------------------------------------------------------------------------ */
static bool is_awaited(const struct saver *s)
{
    return s->options.source->is_awaited(s->options.source_user);
}

static void set_due(struct saver *s, int64_t now_ns)
{
    s->due_ns = now_ns + s->options.delay_ms * ns_per_ms;
    if (s->due_ns < s->not_before_ns)
        s->due_ns = s->not_before_ns;
    loop_timer_start(s->timer, s->due_ns);
}

static void look(struct saver *s)
{
    int64_t now_ns = loop_now_ns(s->options.loop);
    if (s->state == SAVING) {
        if (s->is_late && is_awaited(s))
            loop_timer_start(s->late, now_ns); /* nobody waits behind a disk that hangs */
        return;
    }
    if (version(s) == s->saved)
        return;
    if (is_awaited(s) || (s->due_ns && s->due_ns <= now_ns))
        begin(s);
    else if (!s->due_ns)
        set_due(s, now_ns);
}

static void on_turn_end(void *user)
{
    look(user);
}

static void on_timer(void *user)
{
    look(user);
}

static void on_late(void *user)
{
    struct saver *s = user;
    if (!s->is_late)
        tell(s, SAVER_LATE, "the disk is slow");
    s->is_late = true;
    let_go(s, version(s), false);
}

static void on_finishing(void *user)
{
    finished(user);
}

/* -- restoring ------------------------------------------------------------------------------------------------------- */
/* What was not taken is not written over: it goes to NAME.bad. */
static void set_aside(struct saver *s, const struct err *why, enum saver_event event)
{
    struct err err = *why, failed;
    if (savefile_set_aside(s->file, &failed) != MR_OK)
        err_wrap(&err, "%s", failed.text);
    tell(s, event, err.text);
}

static void hand_over(struct saver *s, const uint8_t *data, size_t len)
{
    struct err note = {{0}}, err = {{0}};
    enum mr_rc rc = s->options.source->restore(s->options.source_user, data, len, &note, &err);
    if (rc == MR_INVALID)
        set_aside(s, &err, SAVER_DAMAGED);
    else if (rc)
        set_aside(s, &err, SAVER_REFUSED);
    else
        tell(s, SAVER_RESTORED, note.text);
}

static void restore(struct saver *s)
{
    struct err err = {{0}};
    uint8_t *data;
    size_t len;
    enum mr_rc rc = savefile_open(&s->file, s->folder, s->name, &err);
    if (rc) {
        s->is_failing = true;
        tell(s, SAVER_FAILED, err.text);
        return;
    }
    rc = savefile_read(s->file, s->options.max_bytes, &data, &len, &err);
    if (rc == MR_OK) {
        hand_over(s, data, len);
        mem_free(data);
    } else if (rc != MR_NOT_FOUND) {
        set_aside(s, &err, rc == MR_INVALID ? SAVER_DAMAGED : SAVER_REFUSED);
    }
}

/* -- life ------------------------------------------------------------------------------------------------------------ */
enum mr_rc saver_new(struct saver **ret, const struct saver_options *options)
{
    struct saver *s = mem_calloc(1, sizeof *s);
    if (!s)
        return MR_NO_MEMORY;
    s->options = *options;
    buf_init(&s->slice, SLICE_MAX_BYTES);
    snprintf(s->folder, sizeof s->folder, "%s", options->folder);
    snprintf(s->name, sizeof s->name, "%s", options->name);
    snprintf(s->path, sizeof s->path, "%s/%s", s->folder, s->name);
    enum mr_rc rc = worker_new(&s->worker, options->loop);
    if (!rc)
        rc = loop_timer_new(options->loop, on_timer, s, &s->timer);
    if (!rc)
        rc = loop_timer_new(options->loop, on_late, s, &s->late);
    if (rc) {
        saver_free(s);
        return rc;
    }
    restore(s);
    s->saved = version(s);
    loop_on_turn_end(options->loop, &s->turn_end, on_turn_end, s);
    *ret = s;
    return MR_OK;
}

void saver_finish(struct saver *s, loop_fn *fn, void *user)
{
    s->on_finished = fn;
    s->finished_user = user;
    if (s->state == SAVING)
        return; /* on_job() looks whether there is more */
    s->due_ns = 0;
    if (version(s) == s->saved)
        loop_defer(s->options.loop, &s->finishing, on_finishing, s);
    else
        begin(s);
}

void saver_free(struct saver *s)
{
    if (!s)
        return;
    loop_unhook(s->options.loop, &s->turn_end);
    loop_unhook(s->options.loop, &s->finishing);
    worker_free(s->worker);
    loop_timer_free(s->timer);
    loop_timer_free(s->late);
    savefile_free(s->file);
    buf_fini(&s->slice);
    mem_free(s);
}
