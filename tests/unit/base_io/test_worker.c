/* test_worker.c - jobs in a thread of their own, and the mailbox by which they come back. */
#include "base/io/worker.h"
#include "base/mem.h"
#include "tests/unit/base_io/support.h"
#include <pthread.h>
#include <signal.h>
#include <string.h>

enum { JOBS = 200, POSTERS = 4, POSTS = 500 };

static int make_loop(void **state)
{
    return loop_new((struct loop **)state) == MR_OK ? 0 : -1;
}

static int drop_loop(void **state)
{
    loop_free(*state);
    assert_int_equal(mem_outstanding(), 0);
    return 0;
}

/* -- the worker ------------------------------------------------------------------------------------------------------ */
struct task {
    struct job job;
    struct worker *worker;
    struct tally *tally;
    unsigned number, again;
    unsigned runs, dones; /* the worker's; the loop's */
    pthread_t ran_in;
};

struct tally {
    unsigned next_run, done; /* the worker's; the loop's */
    bool is_in_order;
};

static void run(void *user)
{
    struct task *t = user;
    t->ran_in = pthread_self();
    t->runs++;
    t->tally->is_in_order &= t->tally->next_run++ == t->number;
}

static void done(void *user)
{
    struct task *t = user;
    t->dones++;
    t->tally->done++;
    if (t->again-- > 0) {
        t->number = 0;
        worker_submit(t->worker, &t->job, run, done, t);
    }
}

static void jobs_run_in_their_order_and_come_back_once(void **state)
{
    struct loop *loop = *state;
    static struct task tasks[JOBS];
    struct tally tally = {.is_in_order = true};
    struct worker *w;
    memset(tasks, 0, sizeof tasks);
    assert_int_equal(worker_new(&w, loop), MR_OK);
    for (unsigned i = 0; i < JOBS; i++) {
        tasks[i] = (struct task){.tally = &tally, .worker = w, .number = i};
        worker_submit(w, &tasks[i].job, run, done, &tasks[i]);
    }
    assert_int_equal(tally.done, 0); /* never from within */
    assert_true(support_turn_until_count(loop, &tally.done, JOBS, DEADLINE_MS));
    support_turn_for(loop, QUIET_MS);
    assert_true(tally.is_in_order);
    for (unsigned i = 0; i < JOBS; i++) {
        assert_int_equal(tasks[i].runs, 1);
        assert_int_equal(tasks[i].dones, 1);
        assert_false(pthread_equal(tasks[i].ran_in, pthread_self()));
    }
    worker_free(w);
}

static void a_job_may_be_submitted_again_when_it_is_done(void **state)
{
    struct loop *loop = *state;
    struct tally tally = {0};
    struct worker *w;
    assert_int_equal(worker_new(&w, loop), MR_OK);
    struct task task = {.tally = &tally, .worker = w, .again = 9};
    worker_submit(w, &task.job, run, done, &task);
    assert_true(support_turn_until_count(loop, &tally.done, 10, DEADLINE_MS));
    assert_int_equal(task.runs, 10);
    worker_free(w);
}

static void what_is_submitted_runs_though_the_worker_is_freed(void **state)
{
    struct loop *loop = *state;
    static struct task tasks[JOBS];
    struct tally tally = {.is_in_order = true};
    struct worker *w;
    assert_int_equal(worker_new(&w, loop), MR_OK);
    for (unsigned i = 0; i < JOBS; i++) {
        tasks[i] = (struct task){.tally = &tally, .worker = w, .number = i};
        worker_submit(w, &tasks[i].job, run, done, &tasks[i]);
    }
    worker_free(w);
    assert_int_equal(tally.next_run, JOBS);
    support_turn_for(loop, QUIET_MS);
    assert_int_equal(tally.done, 0);
}

static void look_at_signals(void *user)
{
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    *(bool *)user = sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGXFSZ);
}

static void end(void *user)
{
    (void)user;
}

static void signals_are_left_to_the_loop(void **state)
{
    struct loop *loop = *state;
    bool is_blocked = false;
    sigset_t mine;
    struct job job = {0};
    struct worker *w;
    assert_int_equal(worker_new(&w, loop), MR_OK);
    worker_submit(w, &job, look_at_signals, end, &is_blocked);
    worker_free(w);
    assert_true(is_blocked);
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    assert_false(sigismember(&mine, SIGTERM));
}

static void a_worker_needs_memory(void **state)
{
    struct loop *loop = *state;
    struct worker *w = NULL;
    enum mr_rc rc = MR_NO_MEMORY;
    for (unsigned n = 1; rc; n++) {
        mem_fail_at(n);
        rc = worker_new(&w, loop);
        assert_int_equal(rc, mem_fail_off() ? MR_NO_MEMORY : MR_OK);
    }
    worker_free(w);
    worker_free(NULL);
}

/* -- the mailbox ----------------------------------------------------------------------------------------------------- */
struct letter {
    struct mail mail;
    unsigned poster, number;
};

struct poster {
    struct mailbox *box;
    struct letter letters[POSTS];
    unsigned next; /* expected by the loop */
};

struct post_office {
    struct poster posters[POSTERS];
    unsigned got;
    bool is_in_order;
};

static void on_mail(void *user, struct mail *mail)
{
    struct post_office *office = user;
    struct letter *letter = container_of(mail, struct letter, mail);
    office->is_in_order &= office->posters[letter->poster].next++ == letter->number;
    office->got++;
}

static void *post(void *user)
{
    struct poster *p = user;
    for (unsigned i = 0; i < POSTS; i++)
        mailbox_post(p->box, &p->letters[i].mail);
    return NULL;
}

static void what_threads_post_comes_once_and_in_the_order_of_each(void **state)
{
    struct loop *loop = *state;
    static struct post_office office;
    pthread_t threads[POSTERS];
    struct mailbox *box;
    memset(&office, 0, sizeof office);
    office.is_in_order = true;
    assert_int_equal(mailbox_new(&box, loop, on_mail, &office), MR_OK);
    for (unsigned p = 0; p < POSTERS; p++) {
        office.posters[p].box = box;
        for (unsigned i = 0; i < POSTS; i++)
            office.posters[p].letters[i] = (struct letter){.poster = p, .number = i};
        assert_int_equal(pthread_create(&threads[p], NULL, post, &office.posters[p]), 0);
    }
    assert_true(support_turn_until_count(loop, &office.got, POSTERS * POSTS, DEADLINE_MS));
    for (unsigned p = 0; p < POSTERS; p++)
        pthread_join(threads[p], NULL);
    support_turn_for(loop, QUIET_MS);
    assert_int_equal(office.got, POSTERS * POSTS);
    assert_true(office.is_in_order);
    mailbox_free(box);
}

static void a_mailbox_that_is_freed_drops_what_nobody_got(void **state)
{
    struct loop *loop = *state;
    struct post_office office = {.is_in_order = true};
    struct letter letter = {.number = 0};
    struct mailbox *box;
    assert_int_equal(mailbox_new(&box, loop, on_mail, &office), MR_OK);
    mailbox_post(box, &letter.mail);
    mailbox_free(box);
    support_turn_for(loop, QUIET_MS);
    assert_int_equal(office.got, 0);
    mailbox_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(jobs_run_in_their_order_and_come_back_once, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(a_job_may_be_submitted_again_when_it_is_done, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(what_is_submitted_runs_though_the_worker_is_freed, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(signals_are_left_to_the_loop, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(a_worker_needs_memory, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(what_threads_post_comes_once_and_in_the_order_of_each, make_loop, drop_loop),
        cmocka_unit_test_setup_teardown(a_mailbox_that_is_freed_drops_what_nobody_got, make_loop, drop_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
