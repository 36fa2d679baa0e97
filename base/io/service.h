/* service.h - a daemon's life around its own loop: made, started, and run until SIGTERM or SIGINT ends it in order. */
#ifndef BASE_IO_SERVICE_H
#define BASE_IO_SERVICE_H
#include "base/err.h"
#include "base/io/loop.h"
#include "base/io/zsock.h"

/* Called from service_run() in this order, all with its user. */
struct service {
    enum mr_rc (*make)(void *user, struct loop *loop, struct zctx *zctx, struct err *err);
    enum mr_rc (*start)(void *user, struct err *err); /* may turn the loop */
    void (*reload)(void *user);                       /* SIGHUP; NULL: the system's default, the end */
    void (*stop)(void *user, loop_fn *on_stopped, void *on_stopped_user); /* once; on_stopped() comes from the loop */
    void (*end)(void *user);                                              /* always, also of what was never made */
};

/* Returns when it is stopped, with the codes of make() and start() or MR_NO_MEMORY, MR_INVALID: no CPU pin_cpu (-1: any
 * will do). One at a time in a process: it takes the signals. */
MUST enum mr_rc service_run(const struct service *service, void *user, int pin_cpu, struct err *err);
#endif
