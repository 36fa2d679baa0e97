/* test_publish.c - publishing: before the agent, in order, within bounds, refused, acknowledged, expired, flushed. */
#include "tests/unit/sdk/world.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "proto/limits.h"

static struct mr_stats stats_of(struct world *w)
{
    struct mr_stats stats = {.size = sizeof stats};
    mr_get_stats(w->bus, &stats);
    return stats;
}

static enum mr_rc say(struct world *w, const char *topic, const char *text)
{
    return mr_publish(w->bus, topic, text, strlen(text));
}

/* promise: live-order */
static void records_wait_for_the_agent_and_keep_their_order(void **unused)
{
    struct world *w = world_new(NULL);
    char text[8] = "0";
    (void)unused;
    w->is_listening = false;
    for (text[0] = '0'; text[0] <= '9'; text[0]++)
        assert_int_equal(say(w, text[0] % 2 ? "./odd" : "even", text), MR_OK);
    world_pass(w, 300);
    assert_true(stats_of(w).queued_bytes > 0);
    w->is_listening = true;
    world_pass(w, 2100);
    assert_int_equal(w->agent.n_records, 10);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(w->agent.records[i].text[0], '0' + (int)i);
        const char *topic = w->agent.topics[w->agent.records[i].topic - 1].text;
        assert_string_equal(topic, i % 2 ? "plant/here/odd" : "even");
    }
    assert_int_equal(stats_of(w).sent, 10);
    assert_int_equal(stats_of(w).queued_bytes, 0);
    world_free(w);
}

static void a_topic_is_asked_for_once_per_session(void **unused)
{
    struct world *w = world_new(NULL);
    (void)unused;
    world_settle(w);
    for (int i = 0; i < 5; i++)
        assert_int_equal(say(w, "a", "x"), MR_OK);
    world_pass(w, 10);
    assert_int_equal(w->agent.opens, 1);
    world_cut(w);
    world_pass(w, 100);
    assert_int_equal(w->agent.opens, 2);
    assert_int_equal(say(w, "a", "y"), MR_OK);
    world_pass(w, 10);
    assert_int_equal(w->agent.n_records, 6);
    world_free(w);
}

static void a_single_record_leaves_at_once_and_a_burst_is_gathered(void **unused)
{
    struct world *w = world_new(NULL);
    struct session_stats before, after;
    (void)unused;
    world_settle(w);
    assert_int_equal(say(w, "a", "x"), MR_OK);
    world_settle(w);
    world_pass(w, 10);
    assert_int_equal(say(w, "a", "alone"), MR_OK); /* no dispatch */
    world_pump_agent(w);
    assert_int_equal(w->agent.n_records, 2);
    session_get_stats(w->agent.session, &before);
    for (int i = 0; i < 100; i++)
        assert_int_equal(say(w, "a", "burst"), MR_OK);
    world_pump_agent(w);
    assert_int_equal(w->agent.n_records, 2);
    w->now_ns += 200000;
    world_settle(w);
    assert_int_equal(w->agent.n_records, 102);
    session_get_stats(w->agent.session, &after);
    assert_int_equal(after.frames_in - before.frames_in, 1);
    world_free(w);
}

static void a_burst_larger_than_a_frame_leaves_frame_by_frame(void **unused)
{
    struct world *w = world_new(NULL);
    static char kib[1024];
    (void)unused;
    world_settle(w);
    assert_int_equal(say(w, "a", "x"), MR_OK);
    world_settle(w);
    for (int i = 0; i < 40; i++)
        assert_int_equal(mr_publish(w->bus, "a", kib, sizeof kib), MR_OK);
    world_pump_agent(w);
    assert_in_range(w->agent.n_records, 25, 40);
    world_free(w);
}

/* Nobody calls, and only the time to gather the last frame passes: that there is room again is enough. */
static void what_waited_for_a_full_socket_goes_on_by_itself(void **unused)
{
    struct world *w = world_new(NULL);
    static char kib[1024];
    (void)unused;
    world_settle(w);
    assert_int_equal(say(w, "a", "x"), MR_OK);
    world_settle(w);
    w->is_deaf = true;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(mr_publish(w->bus, "a", kib, sizeof kib), MR_OK);
    w->is_deaf = false;
    world_settle(w);
    assert_in_range(w->agent.n_records, 900, 1001);
    w->now_ns += 200000;
    world_settle(w);
    assert_int_equal(w->agent.n_records, 1001);
    world_free(w);
}

static void without_room_nothing_is_taken(void **unused)
{
    const struct mr_options opt = {.size = sizeof opt, .max_bytes = 1024 * 1024};
    struct world *w = world_new(&opt);
    static char kib[1024];
    enum mr_rc rc;
    (void)unused;
    w->is_listening = false;
    size_t taken = 0;
    while ((rc = mr_publish(w->bus, "a", kib, sizeof kib)) == MR_OK)
        taken++;
    assert_int_equal(rc, MR_ISOLATED);
    assert_in_range(taken, 300, 1024);
    assert_true(stats_of(w).queued_bytes <= stats_of(w).queued_max);
    w->is_listening = true;
    w->is_deaf = true;
    world_pass(w, 2100);
    w->is_deaf = false;
    world_pass(w, 2100);
    assert_int_equal(w->agent.n_records, taken);
    w->is_deaf = true; /* there, but it never reads */
    while ((rc = mr_publish(w->bus, "a", kib, sizeof kib)) == MR_OK)
        taken++;
    assert_int_equal(rc, MR_WOULD_BLOCK);
    assert_true(stats_of(w).queued_bytes <= stats_of(w).queued_max + 320 * 1024);
    world_free(w);
}

static void what_the_rights_forbid_is_refused_once_known(void **unused)
{
    struct world *w = world_new(NULL);
    (void)unused;
    assert_int_equal(say(w, "denied/x", "trust"), MR_OK);
    assert_int_equal(say(w, "denied/x", "trust"), MR_OK);
    assert_int_equal(say(w, "fine", "x"), MR_OK);
    world_settle(w);
    assert_int_equal(stats_of(w).refused, 2);
    assert_int_equal(w->agent.n_records, 1);
    assert_int_equal(say(w, "denied/x", "no"), MR_DENIED);
    assert_string_equal(mr_reason(w->bus), "denied: ask somebody");
    world_free(w);
}

struct told {
    unsigned n;
    enum mr_rc rc;
    enum mr_level level;
};

static void on_ack(void *user, enum mr_rc rc, enum mr_level reached, uint64_t offset)
{
    struct told *told = user;
    assert_int_equal(offset, 0);
    told->n++;
    told->rc = rc;
    told->level = reached;
}

static struct mr_pub pub_of(const char *topic, struct told *told)
{
    struct mr_pub pub = {.size = sizeof pub, .topic = topic, .value = mr_f64(1.5), .on_ack = on_ack};
    pub.user = told;
    return pub;
}

/* promise: acks-named */
static void an_ack_comes_once_and_says_how_it_went(void **unused)
{
    struct world *w = world_new(NULL);
    struct told fine = {0}, denied = {0}, expired = {0}, unknown = {0};
    (void)unused;
    struct mr_pub pub = pub_of("a", &fine);
    assert_int_equal(mr_publish_opt(w->bus, &pub), MR_OK);
    pub = pub_of("denied/b", &denied);
    assert_int_equal(mr_publish_opt(w->bus, &pub), MR_OK);
    assert_int_equal(fine.n + denied.n, 0);
    world_settle(w);
    assert_true(fine.n == 1 && fine.rc == MR_OK && fine.level == MR_ACCEPTED);
    assert_true(denied.n == 1 && denied.rc == MR_DENIED);
    pub = pub_of("a", &unknown);
    w->is_deaf = true;
    assert_int_equal(mr_publish_opt(w->bus, &pub), MR_OK);
    world_settle(w);
    assert_int_equal(unknown.n, 0);
    world_cut(w);
    w->is_listening = false;
    world_settle(w);
    assert_true(unknown.n == 1 && unknown.rc == MR_UNKNOWN);
    pub = pub_of("a", &expired);
    pub.expiry_ms = 100;
    assert_int_equal(mr_publish_opt(w->bus, &pub), MR_OK);
    world_pass(w, 90);
    assert_int_equal(expired.n, 0);
    world_pass(w, 20);
    assert_true(expired.n == 1 && expired.rc == MR_TIMEOUT);
    world_free(w);
}

static void acks_of_a_burst_share_one_question(void **unused)
{
    struct world *w = world_new(NULL);
    struct told told = {0};
    (void)unused;
    struct mr_pub pub = pub_of("a", &told);
    world_settle(w);
    assert_int_equal(say(w, "a", "x"), MR_OK);
    world_pass(w, 10);
    for (int i = 0; i < 500; i++)
        assert_int_equal(mr_publish_opt(w->bus, &pub), MR_OK);
    world_settle(w);
    assert_int_equal(told.n, 500);
    assert_in_range(w->agent.marks, 1, 4);
    world_free(w);
}

/* promise: acks-named */
static void publish_wait_tells_the_outcome(void **unused)
{
    struct world *w = world_new(NULL);
    uint64_t offset = 7;
    (void)unused;
    struct mr_pub pub = {.size = sizeof pub, .topic = "a", .value = mr_f64(2)};
    assert_int_equal(mr_publish_wait(w->bus, &pub, 0, NULL), MR_WOULD_BLOCK);
    assert_int_equal(mr_publish_wait(w->bus, &pub, 1000, &offset), MR_OK);
    assert_int_equal(offset, 0);
    pub.topic = "denied/a";
    assert_int_equal(mr_publish_wait(w->bus, &pub, 1000, NULL), MR_DENIED);
    assert_string_equal(mr_reason(w->bus), "denied: ask somebody");
    pub.topic = "a";
    w->is_deaf = true;
    assert_int_equal(mr_publish_wait(w->bus, &pub, 100, NULL), MR_UNKNOWN);
    w->is_listening = false;
    world_cut(w);
    world_settle(w);
    assert_int_equal(mr_publish_wait(w->bus, &pub, 100, NULL), MR_ISOLATED);
    assert_int_equal(stats_of(w).queued_bytes, 0);
    world_free(w);
}

static void flush_waits_for_all_that_was_said(void **unused)
{
    struct world *w = world_new(NULL);
    (void)unused;
    assert_int_equal(mr_flush(w->bus, MR_ACCEPTED, 0), MR_OK); /* nothing was said */
    for (int i = 0; i < 50; i++)
        assert_int_equal(say(w, "a", "x"), MR_OK);
    assert_int_equal(mr_flush(w->bus, MR_ACCEPTED, 0), MR_WOULD_BLOCK);
    assert_int_equal(mr_flush(w->bus, MR_ACCEPTED, 1000), MR_OK);
    assert_int_equal(w->agent.n_records, 50);
    assert_int_equal(mr_flush(w->bus, MR_SPOOLED, 0), MR_INVALID);
    w->is_deaf = true;
    assert_int_equal(say(w, "a", "x"), MR_OK);
    assert_int_equal(mr_flush(w->bus, MR_NO_ACK, 100), MR_TIMEOUT);
    world_cut(w);
    assert_int_equal(mr_flush(w->bus, MR_ACCEPTED, 100), MR_UNKNOWN);
    w->is_listening = false;
    world_cut(w);
    world_settle(w);
    assert_int_equal(say(w, "a", "x"), MR_OK);
    assert_int_equal(mr_flush(w->bus, MR_ACCEPTED, 100), MR_ISOLATED);
    world_free(w);
}

static void close_hands_over_what_is_queued(void **unused)
{
    struct world *w = world_new(NULL);
    (void)unused;
    world_settle(w);
    for (int i = 0; i < 50; i++)
        assert_int_equal(say(w, "a", "x"), MR_OK);
    mr_close(w->bus, 1000);
    w->bus = NULL;
    assert_int_equal(w->agent.n_records, 50);
    world_free(w);
}

static void arguments_out_of_range_are_refused(void **unused)
{
    struct world *w = world_new(NULL);
    static char large[TRANSFER_MAX_BYTES + 1];
    const struct mr_pub wrong[] = {
        {.size = 1, .topic = "a"},
        {.size = sizeof *wrong, .topic = NULL},
        {.size = sizeof *wrong, .topic = "a/+"},
        {.size = sizeof *wrong, .topic = "a", .flags = MR_STALE},
        {.size = sizeof *wrong, .topic = "a", .flags = MR_CLEAR | MR_KEEP},
        {.size = sizeof *wrong, .topic = "a", .flags = MR_CLEAR, .value = {.type = MR_F64}},
        {.size = sizeof *wrong, .topic = "a", .level = MR_SPOOLED},
        {.size = sizeof *wrong, .topic = "a", .number = 1},
        {.size = sizeof *wrong, .topic = "a", .value = {.type = 99}},
        {.size = sizeof *wrong,
         .topic = "a",
         .flags = MR_KEEP,
         .value = {.type = MR_BYTES, .len = VALUE_MAX_BYTES + 1, .as.ptr = large}},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(mr_publish_opt(w->bus, &wrong[i]), MR_INVALID);
    assert_int_equal(mr_publish_opt(w->bus, NULL), MR_INVALID);
    assert_int_equal(mr_publish(w->bus, "a", large, sizeof large), MR_TOO_BIG);
    assert_non_null(strstr(mr_reason(w->bus), "16777216"));
    assert_int_equal(mr_publish(w->bus, "a", NULL, 1), MR_INVALID);
    assert_int_equal(mr_publish(w->bus, "a", NULL, 0), MR_OK);
    assert_int_equal(mr_publish(w->bus, "a", large, 65536), MR_OK);
    world_settle(w);
    assert_int_equal(w->agent.n_records, 2);
    world_free(w);
}

/* promise: bounded-memory */
static void ten_thousand_topics_are_published_in_bounded_memory(void **unused)
{
    struct world *w = world_new(NULL);
    char topic[32];
    (void)unused;
    w->agent.is_mute = true;
    world_settle(w);
    size_t most = mem_outstanding();
    for (int i = 0; i < 10000; i++) {
        const struct mr_pub pub = {.size = sizeof pub, .topic = topic, .expiry_ms = 1};
        snprintf(topic, sizeof topic, "t/%d", i);
        assert_int_equal(mr_publish_opt(w->bus, &pub), MR_OK);
        if (i % 100 == 0)
            world_pass(w, 10);
    }
    assert_true(mem_outstanding() < most + 4096 + 600);
    world_free(w);
}

static void every_failed_allocation_of_a_publish_is_a_result(void **unused)
{
    (void)unused;
    for (unsigned n = 1;; n++) {
        struct world *w = world_new(NULL);
        struct told told = {0};
        struct mr_pub pub = pub_of("a", &told);
        w->is_listening = false;
        mem_fail_at(n);
        enum mr_rc rc = mr_publish_opt(w->bus, &pub);
        bool failed = mem_fail_off();
        assert_int_equal(rc, failed ? MR_NO_MEMORY : MR_OK);
        w->is_listening = true;
        world_settle(w);
        world_free(w);
        if (!failed)
            return;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_wait_for_the_agent_and_keep_their_order),
        cmocka_unit_test(a_topic_is_asked_for_once_per_session),
        cmocka_unit_test(a_single_record_leaves_at_once_and_a_burst_is_gathered),
        cmocka_unit_test(a_burst_larger_than_a_frame_leaves_frame_by_frame),
        cmocka_unit_test(what_waited_for_a_full_socket_goes_on_by_itself),
        cmocka_unit_test(without_room_nothing_is_taken),
        cmocka_unit_test(what_the_rights_forbid_is_refused_once_known),
        cmocka_unit_test(an_ack_comes_once_and_says_how_it_went),
        cmocka_unit_test(acks_of_a_burst_share_one_question),
        cmocka_unit_test(publish_wait_tells_the_outcome),
        cmocka_unit_test(flush_waits_for_all_that_was_said),
        cmocka_unit_test(close_hands_over_what_is_queued),
        cmocka_unit_test(arguments_out_of_range_are_refused),
        cmocka_unit_test(ten_thousand_topics_are_published_in_bounded_memory),
        cmocka_unit_test(every_failed_allocation_of_a_publish_is_a_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
