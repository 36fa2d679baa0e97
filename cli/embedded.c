/* embedded.c - see embedded.h. */
#include "cli/embedded.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/io/fs.h"
#include "base/io/keys.h"
#include "base/io/loop.h"
#include "base/mem.h"

struct embedded {
    struct agent_conf conf;
    struct loop *loop, *owner; /* the thread's own; the one to wake */
    struct loop_hook stop_hook;
    struct zctx *zctx;
    struct agent *agent;
    pthread_t thread;
    bool has_thread;
    atomic_bool is_stopping;
    char dir[AGENT_SOCKET_SIZE];
    pthread_mutex_t lock; /* guards the two below */
    enum embedded_state state;
    struct err why;
};

static void tell(struct embedded *e, enum embedded_state state, const char *why)
{
    pthread_mutex_lock(&e->lock);
    e->state = state;
    err_set(&e->why, "%s", why);
    pthread_mutex_unlock(&e->lock);
    loop_wake(e->owner);
}

static void on_uplink(void *user)
{
    struct embedded *e = user;
    struct agent_status status;
    agent_get_status(e->agent, &status);
    enum embedded_state state = status.is_refused ? EMBEDDED_REFUSED : EMBEDDED_CONNECTING;
    tell(e, status.has_broker ? EMBEDDED_UP : state, status.why);
}

static void on_stopped(void *user)
{
    struct embedded *e = user;
    loop_stop(e->loop);
}

static void on_wake(void *user)
{
    struct embedded *e = user;
    if (!atomic_load(&e->is_stopping))
        return;
    loop_unhook(e->loop, &e->stop_hook);
    agent_stop(e->agent, on_stopped, e);
}

static void *run(void *user)
{
    struct embedded *e = user;
    struct err err = {{0}};
    enum mr_rc rc = agent_new(&e->agent, e->loop, e->zctx, &e->conf, &err);
    if (!rc)
        rc = agent_start(e->agent, &err);
    if (rc) {
        tell(e, EMBEDDED_FAILED, *err.text ? err.text : rc_text(rc));
    } else {
        agent_watch(e->agent, on_uplink, e);
        loop_on_wake(e->loop, &e->stop_hook, on_wake, e);
        if (atomic_load(&e->is_stopping))
            on_wake(e); /* the wake-up came before the hook */
        loop_run(e->loop);
    }
    agent_free(e->agent);
    return NULL;
}

static enum mr_rc make_folder(struct embedded *e, struct err *err)
{
    const char *base = getenv("XDG_RUNTIME_DIR");
    int n = snprintf(e->dir, sizeof e->dir, "%s/millrace-XXXXXX", base && *base ? base : "/tmp");
    if (n < 0 || (size_t)n + sizeof "/agent.sock" > sizeof e->conf.socket_path)
        snprintf(e->dir, sizeof e->dir, "/tmp/millrace-XXXXXX");
    if (!mkdtemp(e->dir)) {
        err_set(err, "%s: %s", e->dir, strerror(errno));
        e->dir[0] = '\0';
        return fs_rc(errno);
    }
    size_t len = strlen(e->dir);
    memcpy(e->conf.socket_path, e->dir, len);
    memcpy(e->conf.socket_path + len, "/agent.sock", sizeof "/agent.sock");
    return MR_OK;
}

/* Signals are the main thread's. */
static enum mr_rc start_thread(struct embedded *e)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    e->has_thread = pthread_create(&e->thread, NULL, run, e) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return e->has_thread ? MR_OK : MR_NO_MEMORY;
}

static void keep_quiet(void)
{
    struct log_options options = log_defaults();
    options.level = LOG_LEVEL_ERROR;
    log_set_options(&options);
}

enum mr_rc embedded_new(const struct agent_conf *conf, struct loop *loop, struct embedded **ret, struct err *err)
{
    struct embedded *e = mem_calloc(1, sizeof *e);
    if (!e)
        return MR_NO_MEMORY;
    e->conf = *conf;
    e->owner = loop;
    pthread_mutex_init(&e->lock, NULL);
    keep_quiet();
    enum mr_rc rc = make_folder(e, err);
    if (!rc)
        rc = keys_init();
    if (!rc)
        rc = loop_new(&e->loop);
    if (!rc)
        rc = zctx_new(-1, &e->zctx, err);
    if (!rc)
        rc = start_thread(e);
    if (rc) {
        embedded_free(e);
        return rc;
    }
    *ret = e;
    return MR_OK;
}

enum embedded_state embedded_get_state(struct embedded *embedded, struct err *why)
{
    pthread_mutex_lock(&embedded->lock);
    enum embedded_state state = embedded->state;
    if (why)
        *why = embedded->why;
    pthread_mutex_unlock(&embedded->lock);
    return state;
}

const char *embedded_socket(const struct embedded *embedded)
{
    return embedded->conf.socket_path;
}

void embedded_free(struct embedded *embedded)
{
    struct embedded *e = embedded;
    if (!e)
        return;
    if (e->has_thread) {
        atomic_store(&e->is_stopping, true);
        loop_wake(e->loop);
        pthread_join(e->thread, NULL);
    }
    zctx_free(e->zctx);
    loop_free(e->loop);
    if (*e->dir) {
        unlink(e->conf.socket_path); /* the agent has done so, unless it failed */
        rmdir(e->dir);
    }
    pthread_mutex_destroy(&e->lock);
    mem_free(e);
}
