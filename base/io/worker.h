/* worker.h - one thread for what blocks: disk writes and syncs, look-ups. Jobs run one after the other, in their order. */
#ifndef BASE_IO_WORKER_H
#define BASE_IO_WORKER_H
#include "base/io/mailbox.h"

struct worker;

/* Embedded in whoever wants something done; the fields are private. Zero it before first use. */
struct job {
    struct mail mail;
    loop_fn *run, *done;
    void *user;
};

/* Starts the thread; it takes no signals. The caller owns *ret. MR_NO_MEMORY: no memory, or no thread. */
MUST enum mr_rc worker_new(struct worker **ret, struct loop *loop);

/* Waits for the jobs that were submitted to end; none is told any more. NULL is fine. Not from within done(). */
void worker_free(struct worker *w);

/* Calls run(user) in the worker's thread and then done(user) in the loop's, once, and never from in here. job is borrowed
 * until done() begins; until then what they share is the worker's. From the loop's thread; done() may submit again. */
void worker_submit(struct worker *w, struct job *job, loop_fn *run, loop_fn *done, void *user);

#endif
