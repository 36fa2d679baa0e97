/* mailbox.h - the only place where threads meet: any thread posts, the loop's thread gets it. */
#ifndef BASE_IO_MAILBOX_H
#define BASE_IO_MAILBOX_H
#include "base/io/loop.h"

struct mailbox;

/* Embedded in what is posted, so that posting cannot fail; the field is private. */
struct mail {
    struct list link;
};

/* In the loop's thread, once for each post, in the order of posts. What the poster wrote before is seen here. It may post
 * again, but not free the mailbox. */
typedef void mailbox_fn(void *user, struct mail *mail);

/* The caller owns it; freed before the loop. MR_NO_MEMORY. */
MUST enum mr_rc mailbox_new(struct mailbox **ret, struct loop *loop, mailbox_fn *fn, void *user);

/* No thread may post any more; what was posted and not yet got is dropped. NULL is fine. */
void mailbox_free(struct mailbox *m);

/* Any thread. mail is borrowed until fn gets it, and not posted again before. */
void mailbox_post(struct mailbox *m, struct mail *mail);

#endif
