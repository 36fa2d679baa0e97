/* cmd_serve.c - millrace serve: answers requests with a text, or by a command for each. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/buf.h"
#include "base/io/loop.h"
#include "base/list.h"
#include "base/mem.h"
#include "cli/child.h"
#include "cli/client.h"
#include "cli/report.h"
#include "proto/limits.h"

enum {
    RUNNING_MAX = 8,  /* commands at a time */
    WAITING_MAX = 64, /* requests that wait for one to end */
    STDERR_MAX = 512, /* bytes of its first line */
};

struct serve {
    const struct args *args;
    struct client *client;
    struct list running, waiting; /* struct job */
    unsigned n_running, n_waiting;
    uint64_t taken, answered;
    int code;
};

/* A request that is answered by a command. */
struct job {
    struct list node;
    struct serve *serve;
    const struct mr_msg *request; /* kept */
    struct child *child;
    struct loop_timer *timer;
    struct buf out, err;
};

static void start_next(struct serve *s);

static void answer(struct serve *s, const struct mr_msg *request, const void *data, size_t len)
{
    if (mr_reply(request, data, len))
        report_note("no answer to '%s': %s", request->topic, mr_reason(client_bus(s->client)));
    if (++s->answered == s->args->count)
        client_done(s->client);
}

static void answer_error(struct serve *s, const struct mr_msg *request, const char *words)
{
    char text[STDERR_MAX + 64];
    int n = snprintf(text, sizeof text, "error: %s", words);
    report_note("'%s': %s", request->topic, words);
    answer(s, request, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
}

/* -- a command for each request -- */
static void free_job(struct job *job)
{
    child_free(job->child);
    loop_timer_free(job->timer);
    mr_unref(job->request);
    buf_fini(&job->out);
    buf_fini(&job->err);
    list_remove(&job->node);
    mem_free(job);
}

/* The job is over, well or with a failure in words; what still runs of it is killed. */
static void end_job(struct job *job, const char *failure)
{
    struct serve *s = job->serve;
    if (failure)
        answer_error(s, job->request, failure);
    else
        answer(s, job->request, job->out.data, job->out.len);
    free_job(job);
    s->n_running--;
    start_next(s);
}

static void on_output(void *user, bool is_err, const char *data, size_t len)
{
    struct job *job = user;
    struct buf *to = is_err ? &job->err : &job->out;
    size_t room = to->max - to->len;
    enum mr_rc rc = buf_append(to, data, is_err && len > room ? room : len);
    if (rc)
        end_job(job, rc == MR_TOO_BIG ? "the answer is longer than 64 KiB" : rc_text(rc));
}

/* Why the command failed: the first line that it wrote to stderr, else how it ended. */
static void failure_words(const struct job *job, int status, char *out, size_t size)
{
    const char *text = (const char *)job->err.data;
    const char *end = job->err.len ? memchr(text, '\n', job->err.len) : NULL;
    size_t len = end ? (size_t)(end - text) : job->err.len;
    char words[64];
    if (len)
        snprintf(out, size, "%.*s", (int)len, text);
    else
        snprintf(out, size, "the command %s", child_end_words(status, words, sizeof words));
}

static void on_end(void *user, int status)
{
    struct job *job = user;
    char words[STDERR_MAX + 1];
    bool is_fine = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!is_fine)
        failure_words(job, status, words, sizeof words);
    end_job(job, is_fine ? NULL : words);
}

static void on_time(void *user)
{
    end_job(user, "the command took too long");
}

static bool is_over(const struct mr_msg *request)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return request->deadline_mono_ns && now.tv_sec * INT64_C(1000000000) + now.tv_nsec > request->deadline_mono_ns;
}

static enum mr_rc start(struct job *job, struct err *err)
{
    static const struct child_events events = {on_output, on_end};
    static char shell[] = "/bin/sh", flag[] = "-c";
    struct serve *s = job->serve;
    struct loop *loop = client_loop(s->client);
    const struct mr_value *v = &job->request->value;
    char *command = mem_strndup(s->args->exec, strlen(s->args->exec)); /* argv is not const */
    if (!command)
        return MR_NO_MEMORY;
    char *const argv[] = {shell, flag, command, NULL};
    enum mr_rc rc = loop_timer_new(loop, on_time, job, &job->timer);
    if (!rc)
        rc = child_new(loop, argv, v->as.ptr, v->len, &events, job, &job->child, err);
    if (!rc)
        loop_timer_start(job->timer, loop_now_ns(loop) + (int64_t)s->args->wait_ms * 1000000);
    mem_free(command);
    return rc;
}

static void start_next(struct serve *s)
{
    while (s->n_running < RUNNING_MAX && !list_is_empty(&s->waiting)) {
        struct err err = {{0}};
        struct job *job = container_of(s->waiting.next, struct job, node);
        list_remove(&job->node);
        s->n_waiting--;
        enum mr_rc rc = is_over(job->request) ? MR_TIMEOUT : start(job, &err);
        if (rc) {
            answer_error(s, job->request, *err.text ? err.text : rc_text(rc));
            free_job(job);
        } else {
            list_push_back(&s->running, &job->node);
            s->n_running++;
        }
    }
}

static void take(struct serve *s, const struct mr_msg *request)
{
    struct job *job = s->n_waiting < WAITING_MAX ? mem_calloc(1, sizeof *job) : NULL;
    const struct mr_msg *kept = job ? mr_ref(request) : NULL;
    if (!kept) {
        mem_free(job);
        answer_error(s, request, "too many requests at once");
        return;
    }
    job->serve = s;
    job->request = kept;
    buf_init(&job->out, VALUE_MAX_BYTES);
    buf_init(&job->err, STDERR_MAX);
    list_push_back(&s->waiting, &job->node);
    s->n_waiting++;
    start_next(s);
}

/* -- serving -- */
static void on_message(void *user, const struct mr_msg *msg)
{
    struct serve *s = user;
    const struct args *args = s->args;
    if (msg->kind == MR_ENDED) {
        s->code = report_failure(client_where(s->client), msg->cause == MR_RIGHTS ? MR_DENIED : MR_CLOSED, "%s",
                                 msg->text ? msg->text : msg->topic);
        client_done(s->client);
        return;
    }
    if (msg->kind != MR_DATA || (args->count && s->taken == args->count))
        return;
    s->taken++;
    if (args->text)
        answer(s, msg, args->text, strlen(args->text));
    else
        take(s, msg);
}

static void free_jobs(struct list *jobs)
{
    while (!list_is_empty(jobs))
        free_job(container_of(jobs->next, struct job, node));
}

int cmd_serve(const struct args *args)
{
    struct serve s = {.args = args};
    int code;
    if (client_check_topic(args, args->words[0], true, &code))
        return code;
    if (!args->exec == !args->text)
        return report_usage("serve", "give either --exec COMMAND or --text TEXT");
    if (client_open(args, &s.client, &code))
        return code;
    list_init(&s.running);
    list_init(&s.waiting);
    enum mr_rc rc = mr_serve(client_bus(s.client), args->words[0], NULL, on_message, &s, NULL);
    if (rc)
        s.code = client_fail(s.client, rc);
    else if (client_run(s.client, -1) == CLIENT_CLOSED)
        s.code = EXIT_FAILED;
    free_jobs(&s.running);
    free_jobs(&s.waiting);
    client_close(s.client, 1000);
    return s.code;
}
