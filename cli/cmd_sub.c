/* cmd_sub.c - millrace sub: last values first, then live; losses in their place. */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/text_width.h"
#include "cli/client.h"
#include "cli/replay_out.h"
#include "cli/report.h"
#include "cli/show.h"
#include "proto/limits.h"

struct sub {
    const struct args *args;
    struct client *client;
    struct terminal terminal;
    size_t topic_width; /* of the widest topic so far */
    uint64_t values;
    size_t n_open;
    bool has_failed; /* told: it ends with EXIT_FAILED */
};

enum { TOPIC_WIDTH_MAX = 48 };

static void print_clock(FILE *out, int64_t us)
{
    time_t seconds = (time_t)(us / 1000000);
    struct tm tm;
    if (us > 0 && localtime_r(&seconds, &tm))
        fprintf(out, "%02d:%02d:%02d.%03d  ", tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(us / 1000 % 1000));
}

static void print_topic(struct sub *sub, const char *topic)
{
    size_t width = text_width(topic, strlen(topic));
    if (width > sub->topic_width)
        sub->topic_width = width < TOPIC_WIDTH_MAX ? width : TOPIC_WIDTH_MAX;
    size_t blanks = width < sub->topic_width ? sub->topic_width - width : 0;
    fprintf(sub->terminal.out, "%s%*s", topic, (int)blanks + 2, "");
}

static void print_value(struct sub *sub, const struct mr_msg *msg)
{
    char value[SHOW_VALUE_SIZE], quality[SHOW_QUALITY_SIZE];
    const struct terminal *t = &sub->terminal;
    enum colour colour = show_colour(msg);
    const char *unit = show_unit(mr_msg_def(msg));
    show_value(value, &msg->value);
    show_quality(quality, msg);
    fputs(terminal_begin(t, colour), t->out);
    print_clock(t->out, msg->source_us != MR_NO_TIME ? msg->source_us : msg->agent_us);
    print_topic(sub, msg->topic);
    fprintf(t->out, "%s%s%s", msg->flags & MR_CLEAR ? "cleared" : value, *unit ? " " : "", unit);
    if (strcmp(quality, "Good") != 0)
        fprintf(t->out, "  %s", quality);
    if (msg->flags & MR_FROM_SNAPSHOT)
        fputs("  (last value)", t->out);
    fprintf(t->out, "%s\n", terminal_end(t, colour));
}

static void print_loss(const struct sub *sub, const struct mr_msg *msg)
{
    const struct terminal *t = &sub->terminal;
    fprintf(t->out, "%s-- ", terminal_begin(t, COLOUR_RED));
    show_loss(t->out, msg);
    fprintf(t->out, "%s\n", terminal_end(t, COLOUR_RED));
}

/* Bytes and texts as they are; of other types what people read. */
static void print_raw(FILE *out, const struct mr_value *v)
{
    char text[SHOW_VALUE_SIZE];
    if (v->type == MR_STRING || v->type == MR_BYTES) {
        fwrite(v->as.ptr, 1, v->len, out);
    } else if (v->type != MR_NO_VALUE) {
        show_value(text, v);
        fputs(text, out);
    }
    fputc('\n', out);
}

static void on_data(struct sub *sub, const struct mr_msg *msg)
{
    if (sub->args->count && sub->values >= sub->args->count)
        return;
    if (sub->args->raw)
        print_raw(sub->terminal.out, &msg->value);
    else if (sub->args->json)
        show_json(sub->terminal.out, msg, mr_msg_def(msg));
    else
        print_value(sub, msg);
    if (++sub->values == sub->args->count)
        client_done(sub->client);
}

static void on_end(struct sub *sub, const struct mr_msg *msg)
{
    sub->has_failed = sub->has_failed || msg->cause == MR_RIGHTS;
    report_failure(client_where(sub->client), msg->cause == MR_RIGHTS ? MR_DENIED : MR_CLOSED, "%s",
                   msg->text ? msg->text : msg->topic);
    if (--sub->n_open == 0)
        client_done(sub->client);
}

static void on_message(void *user, const struct mr_msg *msg)
{
    struct sub *sub = user;
    FILE *out = sub->terminal.out;
    if (msg->kind == MR_DATA)
        on_data(sub, msg);
    else if (msg->kind == MR_ENDED)
        on_end(sub, msg);
    else if (sub->args->json)
        show_json(out, msg, NULL);
    else if (msg->kind == MR_LOSS && !sub->args->raw)
        print_loss(sub, msg);
    if (fflush(out) || ferror(out))
        client_done(sub->client); /* nobody reads any more */
}

/* -- confirming: a mark of `millrace replay --confirm` is said back once it has come, and with it all that was before it -- */
static void on_mark(void *user, const struct mr_msg *msg)
{
    struct sub *sub = user;
    char topic[TOPIC_MAX_BYTES + 1];
    if (msg->kind != MR_DATA || replay_mark_topic(sub->args->confirm, REPLAY_TAKEN_LEVEL, topic))
        return;
    const struct mr_pub pub = {.size = sizeof pub, .topic = topic, .value = msg->value, .source_us = MR_NO_TIME};
    enum mr_rc rc = mr_publish_opt(client_bus(sub->client), &pub);
    if (rc < MR_INVALID || sub->has_failed) /* no room: the mark is said again, and so is this */
        return;
    client_fail(sub->client, rc);
    sub->has_failed = true; /* the replay waits for what cannot be said: it would be told at every mark */
    client_done(sub->client);
}

static enum mr_rc confirm_marks(struct sub *sub)
{
    char topic[TOPIC_MAX_BYTES + 1];
    const struct mr_sub_opt opt = {.size = sizeof opt, .no_snapshot = true};
    enum mr_rc rc = replay_mark_topic(sub->args->confirm, REPLAY_MARK_LEVEL, topic);
    return rc ? rc : mr_subscribe(client_bus(sub->client), topic, &opt, on_mark, sub, NULL);
}

static enum mr_rc subscribe(struct sub *sub)
{
    const struct args *args = sub->args;
    const struct mr_sub_opt opt = {.size = sizeof opt, .no_snapshot = args->no_snapshot};
    enum mr_rc rc = MR_OK;
    sub->n_open = args->n_words;
    for (size_t i = 0; i < args->n_words && !rc; i++)
        rc = mr_subscribe(client_bus(sub->client), args->words[i], &opt, on_message, sub, NULL);
    return !rc && args->confirm ? confirm_marks(sub) : rc;
}

static int run(struct sub *sub)
{
    const struct args *args = sub->args;
    enum { SECONDS_MAX = 2000000 };
    int seconds = args->seconds < SECONDS_MAX ? (int)args->seconds : SECONDS_MAX;
    enum mr_rc rc = subscribe(sub);
    if (rc)
        return client_fail(sub->client, rc);
    client_watch_state(sub->client);
    enum client_end end = client_run(sub->client, seconds ? seconds * 1000 : -1);
    if (end == CLIENT_CLOSED || sub->has_failed || sub->n_open == 0)
        return EXIT_FAILED;
    if (end == CLIENT_LATE && args->count)
        return report_failure(client_where(sub->client), MR_TIMEOUT, "%llu of %llu values came",
                              (unsigned long long)sub->values, (unsigned long long)args->count);
    return EXIT_DONE;
}

int cmd_sub(const struct args *args)
{
    int code;
    struct sub sub = {.args = args, .terminal = terminal_of(stdout)};
    if (args->raw && args->json)
        return report_usage("sub", "--raw and --json are two forms: give one");
    for (size_t i = 0; i < args->n_words; i++)
        if (client_check_topic(args, args->words[i], true, &code))
            return code;
    if (args->confirm && client_check_topic(args, args->confirm, false, &code))
        return code;
    if (client_open(args, &sub.client, &code))
        return code;
    code = run(&sub);
    client_close(sub.client, 0);
    return code;
}
