/* mailbox.c - see mailbox.h: a list under a lock, and a wake-up. */
#include "base/io/mailbox.h"
#include "base/mem.h"
#include <pthread.h>

struct mailbox {
    struct loop *loop;
    struct loop_hook hook;
    mailbox_fn *fn;
    void *user;
    pthread_mutex_t lock;
    struct list posted; /* under lock */
};

/* All that was posted up to now; what is posted meanwhile wakes the loop again. */
static void on_wake(void *user)
{
    struct mailbox *m = user;
    struct list got;
    list_init(&got);
    pthread_mutex_lock(&m->lock);
    for (struct list *at; (at = list_take_first(&m->posted));)
        list_push_back(&got, at);
    pthread_mutex_unlock(&m->lock);
    for (struct list *at; (at = list_take_first(&got));)
        m->fn(m->user, container_of(at, struct mail, link));
}

enum mr_rc mailbox_new(struct mailbox **ret, struct loop *loop, mailbox_fn *fn, void *user)
{
    struct mailbox *m = mem_calloc(1, sizeof *m);
    if (!m)
        return MR_NO_MEMORY;
    m->loop = loop;
    m->fn = fn;
    m->user = user;
    pthread_mutex_init(&m->lock, NULL);
    list_init(&m->posted);
    loop_on_wake(loop, &m->hook, on_wake, m);
    *ret = m;
    return MR_OK;
}

void mailbox_free(struct mailbox *m)
{
    if (!m)
        return;
    loop_unhook(m->loop, &m->hook);
    while (list_take_first(&m->posted))
        ;
    pthread_mutex_destroy(&m->lock);
    mem_free(m);
}

void mailbox_post(struct mailbox *m, struct mail *mail)
{
    pthread_mutex_lock(&m->lock);
    list_push_back(&m->posted, &mail->link);
    pthread_mutex_unlock(&m->lock);
    loop_wake(m->loop);
}
