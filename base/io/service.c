/* service.c - see service.h. */
#include "base/io/service.h"

#include <signal.h>

struct run {
    const struct service *service;
    void *user;
    struct loop *loop;
    struct loop_signal *term, *interrupt, *hangup;
    bool is_stopping;
};

static void on_stopped(void *user)
{
    struct run *run = user;
    loop_stop(run->loop);
}

static void on_term(void *user)
{
    struct run *run = user;
    if (run->is_stopping)
        return;
    run->is_stopping = true;
    run->service->stop(run->user, on_stopped, run);
}

static void on_hangup(void *user)
{
    struct run *run = user;
    run->service->reload(run->user);
}

static enum mr_rc watch_signals(struct run *run, struct err *err)
{
    enum mr_rc rc = loop_signal_new(run->loop, SIGTERM, on_term, run, &run->term);
    if (!rc)
        rc = loop_signal_new(run->loop, SIGINT, on_term, run, &run->interrupt);
    if (!rc && run->service->reload)
        rc = loop_signal_new(run->loop, SIGHUP, on_hangup, run, &run->hangup);
    if (rc)
        err_set(err, "%s", rc_text(rc));
    return rc;
}

static enum mr_rc live(struct run *run, struct zctx *zctx, struct err *err)
{
    enum mr_rc rc = run->service->make(run->user, run->loop, zctx, err);
    if (!rc)
        rc = watch_signals(run, err);
    if (!rc)
        rc = run->service->start(run->user, err);
    if (!rc)
        loop_run(run->loop);
    loop_signal_free(run->term);
    loop_signal_free(run->interrupt);
    loop_signal_free(run->hangup);
    run->service->end(run->user);
    return rc;
}

enum mr_rc service_run(const struct service *service, void *user, int pin_cpu, struct err *err)
{
    struct run run = {.service = service, .user = user};
    struct zctx *zctx = NULL;
    enum mr_rc rc = loop_new(&run.loop);
    if (rc) {
        err_set(err, "%s", rc_text(rc));
        return rc;
    }
    rc = zctx_new(pin_cpu, &zctx, err);
    if (!rc)
        rc = live(&run, zctx, err);
    loop_turn(run.loop, 0); /* reaps what was freed last */
    zctx_free(zctx);
    loop_free(run.loop);
    return rc;
}
