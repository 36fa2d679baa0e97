/* check_bus.c - whether the bus carries: there and back, and an answer from a broker. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text_time.h"
#include "base/text_units.h"
#include "cli/check.h"
#include "cli/client.h"
#include "cli/report.h"

struct bus_check {
    struct checks *checks;
    struct client *client;
    char topic[64], data[64];
    enum mr_rc rc;
    int64_t sent_ns;
};

static int64_t now_ns(void)
{
    return clock_mono_ns(clock_system());
}

static void tell_time(struct bus_check *b, const char *what, const char *words)
{
    char took[TEXT_UNITS_SIZE];
    text_show_duration(took, now_ns() - b->sent_ns);
    check_tell(b->checks, FINDING_OK, what, "%s in %s", words, took);
}

static void tell_failure(struct bus_check *b, const char *what, enum mr_rc rc)
{
    const char *reason = mr_reason(client_bus(b->client));
    check_tell(b->checks, FINDING_BAD, what, "%s%s%s (%s)", report_word(rc), *reason ? ": " : "", reason,
               client_where(b->client));
}

/* -- a broker -- */
static void check_broker(struct bus_check *b)
{
    char since[TEXT_TIME_SIZE];
    int64_t since_us = client_isolated_since_us(b->client);
    text_format_time(since, since_us);
    if (!since_us)
        check_tell(b->checks, FINDING_OK, "broker", "the agent has one");
    else
        check_tell(b->checks, FINDING_BAD, "broker",
                   "isolated since %s: the agent has none. Is one running, and does it know this machine? "
                   "See the agent's log",
                   since);
}

/* -- there and back -- */
static void on_message(void *user, const struct mr_msg *msg)
{
    struct bus_check *b = user;
    size_t len = strlen(b->data);
    if (msg->kind == MR_SNAPSHOT_END && b->sent_ns == 0) { /* the subscription is in force */
        b->sent_ns = now_ns();
        b->rc = mr_publish(client_bus(b->client), b->topic, b->data, len);
    } else if (msg->kind == MR_DATA && msg->value.len == len && memcmp(msg->value.as.ptr, b->data, len) == 0) {
        client_done(b->client);
    } else if (msg->kind == MR_ENDED) {
        b->rc = MR_DENIED;
    }
    if (b->rc)
        client_done(b->client);
}

static void check_there_and_back(struct bus_check *b)
{
    struct mr_sub *sub;
    snprintf(b->topic, sizeof b->topic, "./check/%d", (int)getpid());
    snprintf(b->data, sizeof b->data, "%" PRId64, now_ns());
    enum mr_rc rc = mr_subscribe(client_bus(b->client), b->topic, NULL, on_message, b, &sub);
    if (!rc) {
        enum client_end end = client_run(b->client, b->checks->args->wait_ms);
        rc = end == CLIENT_DONE ? b->rc : MR_TIMEOUT;
        mr_unsubscribe(sub);
    }
    if (rc)
        tell_failure(b, b->topic, rc);
    else
        tell_time(b, b->topic, "published and read back");
}

/* -- an answer -- */
static void on_answer(void *user, enum mr_rc rc, const struct mr_msg *reply)
{
    struct bus_check *b = user;
    (void)reply;
    b->rc = rc;
    client_done(b->client);
}

static void check_answer(struct bus_check *b)
{
    int wait_ms = b->checks->args->wait_ms;
    b->sent_ns = now_ns();
    enum mr_rc rc = mr_request(client_bus(b->client), "$sys/who", NULL, 0, wait_ms, on_answer, b);
    if (!rc)
        rc = client_run(b->client, wait_ms + 1000) == CLIENT_DONE ? b->rc : MR_TIMEOUT;
    if (rc)
        tell_failure(b, "$sys/who", rc);
    else
        tell_time(b, "$sys/who", "answered");
}

void check_bus(struct checks *checks)
{
    struct bus_check b = {.checks = checks};
    struct client_failure failure;
    if (client_try_open(checks->args, &b.client, &failure)) {
        check_tell(checks, FINDING_BAD, *failure.where ? failure.where : "bus", "%s: %s", report_word(failure.rc),
                   failure.reason.text);
        return;
    }
    check_tell(checks, FINDING_OK, client_where(b.client), "connected");
    check_broker(&b);
    check_there_and_back(&b);
    b.rc = MR_OK;
    check_answer(&b);
    client_close(b.client, 0);
}
