/* worker.c - see worker.h. */
#include "base/io/worker.h"
#include "base/mem.h"
#include <pthread.h>
#include <signal.h>

struct worker {
    struct mailbox *ended;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct list waiting; /* under lock, as is_ending */
    bool is_ending, is_running;
};

static struct job *job_of(struct list *link)
{
    return container_of(container_of(link, struct mail, link), struct job, mail);
}

/* NULL: there is none any more, and the thread ends. */
static struct job *take(struct worker *w)
{
    pthread_mutex_lock(&w->lock);
    while (list_is_empty(&w->waiting) && !w->is_ending)
        pthread_cond_wait(&w->changed, &w->lock);
    struct list *first = list_take_first(&w->waiting);
    pthread_mutex_unlock(&w->lock);
    return first ? job_of(first) : NULL;
}

static void *work(void *user)
{
    struct worker *w = user;
    for (struct job *job; (job = take(w));) {
        job->run(job->user);
        mailbox_post(w->ended, &job->mail);
    }
    return NULL;
}

static void on_ended(void *user, struct mail *mail)
{
    struct job *job = container_of(mail, struct job, mail);
    (void)user;
    job->done(job->user);
}

/* Signals are the loop's: the thread begins with all of them blocked. */
static enum mr_rc start_thread(struct worker *w)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&w->thread, NULL, work, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    w->is_running = !failed;
    return failed ? MR_NO_MEMORY : MR_OK;
}

enum mr_rc worker_new(struct worker **ret, struct loop *loop)
{
    struct worker *w = mem_calloc(1, sizeof *w);
    if (!w)
        return MR_NO_MEMORY;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    list_init(&w->waiting);
    enum mr_rc rc = mailbox_new(&w->ended, loop, on_ended, w);
    if (!rc)
        rc = start_thread(w);
    if (rc) {
        worker_free(w);
        return rc;
    }
    *ret = w;
    return MR_OK;
}

void worker_free(struct worker *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->is_ending = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    if (w->is_running)
        pthread_join(w->thread, NULL);
    mailbox_free(w->ended);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    mem_free(w);
}

void worker_submit(struct worker *w, struct job *job, loop_fn *run, loop_fn *done, void *user)
{
    *job = (struct job){.run = run, .done = done, .user = user};
    pthread_mutex_lock(&w->lock);
    list_push_back(&w->waiting, &job->mail.link);
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}
