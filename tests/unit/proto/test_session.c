/* test_session.c - a session: beginning and end, what each call carries over, what breaks a rule, limits, memory. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "proto/control.h"
#include "session_pair.h"

static const int64_t MS = 1000000;

/* -- beginning and end -- */

static void two_sessions_come_up(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p, NULL);
    assert_false(session_is_up(p.client.session));
    assert_true(session_has_output(p.client.session));
    assert_false(session_has_output(p.server.session));
    pair_settle(&p);
    assert_true(pair_logged(&p.server, "hello press-07 kind 2 link 1"));
    assert_true(pair_logged(&p.client, "welcome press-07 path acme/press-07 from mr1"));
    assert_true(session_is_up(p.client.session) && session_is_up(p.server.session));
    pair_stop(&p);
}

static void an_owner_may_answer_hello_later(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p, NULL);
    struct session_welcome later = p.welcome;
    assert_int_equal(session_welcome(p.server.session, &later, p.now_ns), MR_MISUSE);
    p.welcome.identity = NULL;
    pair_settle(&p);
    assert_false(session_is_up(p.client.session));
    later.session = 0; /* drawn by the session */
    assert_int_equal(session_welcome(p.server.session, &later, p.now_ns), MR_OK);
    pair_settle(&p);
    assert_true(session_is_up(p.client.session));
    pair_stop(&p);
}

static void a_hello_without_an_answer_ends_both_sides_after_three_seconds(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p, NULL);
    p.welcome.identity = NULL;
    pair_settle(&p);
    p.now_ns += 3000 * MS - 1;
    session_tick(p.client.session, p.now_ns);
    assert_false(p.client.ended);
    p.now_ns++;
    pair_tick(&p);
    assert_true(p.client.ended && p.server.ended);
    assert_int_equal(p.client.end_rc, MR_TIMEOUT);
    assert_int_equal(session_deadline(p.client.session), INT64_MAX);
    pair_stop(&p);
}

static void a_refusal_carries_code_reason_and_when_to_come_again(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p, NULL);
    p.welcome.identity = NULL;
    pair_settle(&p);
    session_bye(p.server.session, MR_DENIED, "unknown key", 5000);
    assert_true(session_is_over(p.server.session));
    pair_settle(&p);
    assert_false(p.server.ended); /* whoever ends it is not told */
    assert_string_equal(pair_last(&p.client), "end 21: unknown key");
    assert_int_equal(p.client.end_retry_ms, 5000);
    assert_null(session_take(p.server.session, p.now_ns));
    pair_stop(&p);
}

static void a_floor_ends_the_session_after_telling_it(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p, NULL);
    p.welcome.birth_floor = 9;
    pair_settle(&p);
    assert_true(pair_logged(&p.client, "welcome press-07 path acme/press-07 from mr1"));
    assert_int_equal(p.client.end_rc, MR_FENCED);
    assert_true(session_is_over(p.server.session));
    assert_false(p.server.ended);
    pair_stop(&p);
}

static void goodbye_lets_pass_what_was_put_before_it(void **state)
{
    (void)state;
    struct pair p;
    pair_up(&p, NULL);
    assert_int_equal(pair_put(&p.client, LANE_LIVE, 1, 1, 10), MR_OK);
    session_bye(p.client.session, MR_OK, NULL, 0);
    assert_int_equal(pair_put(&p.client, LANE_LIVE, 1, 2, 10), MR_CLOSED);
    pair_settle(&p);
    assert_string_equal(p.server.log[0], "record on live of 1 seq 1");
    assert_string_equal(p.server.log[1], "end 0: ");
    pair_stop(&p);
}

/* promise: live-loss */
static void goodbye_is_not_clean_where_credit_ended_before_the_records(void **state)
{
    (void)state;
    struct pair p;
    pair_up(&p, NULL);
    for (uint64_t seq = 1; seq <= 10; seq++)
        assert_int_equal(pair_put(&p.client, LANE_LIVE, 1, seq, 8000), MR_OK);
    session_bye(p.client.session, MR_OK, NULL, 0);
    pair_settle(&p);
    assert_string_equal(p.server.log[0], "record on live of 1 seq 1");
    assert_int_equal(p.server.end_rc, MR_UNKNOWN);
    pair_stop(&p);
}

static void silence_ends_a_session_and_pings_prevent_it(void **state)
{
    (void)state;
    struct pair p;
    pair_up(&p, NULL);
    pair_run(&p, 20000);
    assert_false(p.client.ended || p.server.ended);
    p.now_ns += 3000 * MS;
    session_tick(p.client.session, p.now_ns);
    assert_string_equal(pair_last(&p.client), "end 2: nothing was heard for 3000 ms");
    pair_stop(&p);
}

static void clocks_are_compared_once_the_owner_tells_them(void **state)
{
    (void)state;
    struct pair p;
    pair_up(&p, NULL);
    pair_run(&p, 5000);
    assert_int_equal(p.client.clocks, 0);
    session_set_clock(p.client.session, 1000000000, CLOCK_SYNCED);
    session_set_clock(p.server.session, 1000000000 + 250, CLOCK_SYNCED);
    pair_run(&p, 5000);
    assert_true(p.client.clocks > 0);
    assert_int_equal(p.client.offset_us, 250);
    assert_int_equal(p.client.error_us, 0);
    assert_int_equal(p.server.offset_us, -250);
    pair_stop(&p);
}

/* -- what each call carries over -- */

static void control_messages_arrive_in_the_order_they_were_said(void **state)
{
    (void)state;
    struct pair p;
    pair_up(&p, NULL);
    struct session *s = p.server.session;
    assert_int_equal(session_name_publisher(s, &(struct session_publisher){3, "press-08", "hmi"}), MR_OK);
    assert_int_equal(session_name_topic(s, 1, "a/b"), MR_OK);
    assert_int_equal(session_name_topic(s, 2, "a/c"), MR_OK);
    struct session_tag tag = {.topic = 1, .type = MR_F64, .unit = "Cel"};
    assert_int_equal(session_birth(s, &(struct session_birth){.publisher = 3, .birth = 5, .tags = &tag, .n_tags = 1}),
                     MR_OK);
    assert_int_equal(session_name_topic(s, 3, "a/d"), MR_OK);
    assert_int_equal(session_death(s, &(struct session_death){.publisher = 3, .reason = "gone"}), MR_OK);
    assert_int_equal(session_state(s, &(struct session_state){.cluster_up = true, .broker = "mr1"}), MR_OK);
    assert_int_equal(session_error(s, MR_DENIED, "no", 7, 100), MR_OK);
    session_flush(s);
    pair_settle(&p);
    static const char *const expected[] = {"publisher 3 press-08/hmi",
                                           "topic 1 a/b",
                                           "topic 2 a/c",
                                           "birth of 3 tags 1",
                                           "topic 3 a/d",
                                           "death of 3: gone",
                                           "state up 1 broker mr1",
                                           "error 21 topic 7 retry 100: no"};
    assert_int_equal(p.client.lines, 8);
    for (unsigned i = 0; i < 8; i++)
        assert_string_equal(p.client.log[i], expected[i]);
    pair_stop(&p);
}

static void open_is_answered(void **state)
{
    (void)state;
    struct pair p;
    pair_up(&p, NULL);
    struct session_open open = {.cookie = 4, .topic = "./oil/temp"};
    assert_int_equal(session_open_topic(p.client.session, &open), MR_OK);
    session_flush(p.client.session);
    pair_settle(&p);
    assert_string_equal(pair_last(&p.server), "open 4 ./oil/temp");
    struct session_opened opened = {.cookie = 4, .id = 9, .text = "acme/press-07/oil/temp"};
    assert_int_equal(session_opened(p.server.session, &opened), MR_OK);
    session_flush(p.server.session);
    pair_settle(&p);
    assert_string_equal(pair_last(&p.client), "opened 4 as 9");
    pair_stop(&p);
}

static void names_go_before_the_records_that_use_them(void **state)
{
    (void)state;
    struct pair p;
    pair_up(&p, NULL);
    uint64_t seq = 1;
    while (!session_has_output(p.client.session)) { /* until the first frame closes by itself */
        if (seq == 1)
            assert_int_equal(session_name_topic(p.client.session, 1, "a/b"), MR_OK);
        assert_int_equal(pair_put(&p.client, LANE_LIVE, 1, seq++, 500), MR_OK);
    }
    pair_settle(&p);
    assert_string_equal(p.server.log[0], "topic 1 a/b");
    assert_string_equal(p.server.log[1], "record on live of 1 seq 1");
    pair_stop(&p);
}

/* promise: live-loss */
static void losses_and_snapshot_ends_keep_their_place_between_records(void **state)
{
    (void)state;
    struct pair p;
    pair_up(&p, NULL);
    struct session *s = p.server.session;
    struct session_loss loss = {.publisher = 2, .first = 4, .last = 6, .count = 3, .cause = MR_LINK};
    assert_int_equal(pair_put(&p.server, LANE_LIVE, 2, 3, 10), MR_OK);
    assert_int_equal(session_loss(s, LANE_LIVE, &loss), MR_OK);
    assert_int_equal(pair_put(&p.server, LANE_LIVE, 2, 7, 10), MR_OK);
    assert_int_equal(session_snapshot_end(s, 5), MR_OK);
    assert_int_equal(pair_put(&p.server, LANE_LIVE, 2, 8, 10), MR_OK);
    loss.publisher = 0;
    loss.via = "mr2";
    assert_int_equal(session_loss(s, LANE_CONTROL, &loss), MR_OK);
    assert_int_equal(session_loss(s, LANE_COMMAND, &loss), MR_INVALID);
    session_flush(s);
    pair_settle(&p);
    static const char *const expected[] = {"loss on control of 0 4..6 count 3 via mr2",
                                           "record on live of 2 seq 3",
                                           "loss on live of 2 4..6 count 3 via ",
                                           "record on live of 2 seq 7",
                                           "snapshot end 5",
                                           "record on live of 2 seq 8"};
    for (unsigned i = 0; i < 6; i++)
        assert_string_equal(p.client.log[i], expected[i]);
    pair_stop(&p);
}

static void command_overtakes_live(void **state)
{
    (void)state;
    struct pair p;
    pair_up(&p, NULL);
    assert_int_equal(pair_put(&p.client, LANE_LIVE, 1, 1, 10), MR_OK);
    assert_int_equal(pair_put(&p.client, LANE_COMMAND, 1, 2, 10), MR_OK);
    assert_int_equal(pair_put(&p.client, LANE_CONTROL, 1, 2, 10), MR_INVALID);
    session_flush(p.client.session);
    pair_settle(&p);
    assert_string_equal(p.server.log[0], "record on command of 1 seq 2");
    assert_string_equal(p.server.log[1], "record on live of 1 seq 1");
    pair_stop(&p);
}

static void a_value_longer_than_a_frame_gets_its_own(void **state)
{
    (void)state;
    struct pair p;
    pair_up(&p, NULL);
    assert_int_equal(pair_put(&p.client, LANE_LIVE, 1, 1, 10), MR_OK);
    assert_int_equal(pair_put(&p.client, LANE_LIVE, 1, 2, VALUE_MAX_BYTES + 16), MR_OK);
    assert_int_equal(pair_put(&p.client, LANE_LIVE, 1, 3, AGENT_FRAME_MAX_BYTES), MR_TOO_BIG);
    assert_int_equal(pair_put(&p.client, LANE_COMMAND, 1, 3, AGENT_FRAME_MAX_BYTES), MR_TOO_BIG);
    assert_int_equal(pair_put(&p.client, LANE_COMMAND, 1, 4, VALUE_MAX_BYTES), MR_OK);
    session_flush(p.client.session);
    pair_settle(&p);
    assert_true(pair_logged(&p.server, "record on live of 1 seq 1"));
    assert_true(pair_logged(&p.server, "record on live of 1 seq 2"));
    assert_true(pair_logged(&p.server, "record on command of 1 seq 4"));
    pair_stop(&p);
}

static void a_birth_with_many_tags_is_told_in_several_frames(void **state)
{
    (void)state;
    struct pair p;
    struct session_tag tags[60];
    pair_up(&p, &(struct session_conf){.max_frame_bytes = 2048});
    for (unsigned i = 0; i < 60; i++)
        tags[i] =
            (struct session_tag){.topic = i + 1, .type = MR_F64, .unit = "Cel", .description = "spindle temperature"};
    struct session_birth birth = {.publisher = 1, .birth = 5, .tags = tags, .n_tags = 60};
    assert_int_equal(session_birth(p.client.session, &birth), MR_OK);
    pair_settle(&p);
    unsigned total = 0, tags_told;
    for (unsigned i = 0; i < p.server.lines; i++)
        if (sscanf(p.server.log[i], "birth of 1 tags %u", &tags_told) == 1)
            total += tags_told;
    assert_int_equal(total, 60);
    assert_true(p.server.lines > 1);
    pair_stop(&p);
}

/* -- interest -- */

static void add(struct pair *p, uint32_t id, const char *filter)
{
    struct session_interest entry = {.id = id, .filter = filter};
    assert_int_equal(session_interest_add(p->client.session, &entry), MR_OK);
}

static void interest_comes_into_force_by_version(void **state)
{
    (void)state;
    struct pair p;
    pair_up(&p, NULL);
    add(&p, 1, "a/#");
    add(&p, 2, "./b");
    session_flush(p.client.session);
    pair_settle(&p);
    assert_string_equal(p.server.log[0], "interest 1 a/#");
    assert_string_equal(p.server.log[1], "interest 2 ./b");
    assert_string_equal(p.server.log[2], "version 2");
    assert_int_equal(session_interest_version(p.client.session), 2);
    add(&p, 3, "c"); /* must wait for the acknowledgement */
    session_flush(p.client.session);
    pair_settle(&p);
    assert_int_equal(p.server.lines, 3);
    assert_int_equal(session_interest_ack(p.server.session, 3, false), MR_INVALID);
    assert_int_equal(session_interest_ack(p.server.session, 2, true), MR_OK);
    pair_settle(&p);
    assert_true(pair_logged(&p.client, "acked 2 partial"));
    assert_true(pair_logged(&p.server, "version 3"));
    assert_int_equal(session_interest_ack(p.server.session, 2, false), MR_OK);
    pair_settle(&p);
    assert_string_equal(pair_last(&p.client), "acked 2");
    pair_stop(&p);
}

static void refused_entries_are_told_and_forgotten(void **state)
{
    (void)state;
    struct pair p;
    pair_up(&p, NULL);
    add(&p, 1, "x/#");
    session_flush(p.client.session);
    pair_settle(&p);
    struct session_refusal refusal = {1, MR_DENIED, "not yours"};
    assert_int_equal(session_interest_refuse(p.server.session, &refusal), MR_OK);
    assert_int_equal(session_interest_ack(p.server.session, 1, false), MR_OK);
    pair_settle(&p);
    assert_true(pair_logged(&p.client, "refused 1: not yours"));
    assert_string_equal(pair_last(&p.client), "acked 1");
    assert_int_equal(session_interest_remove(p.client.session, 1), MR_NOT_FOUND);
    assert_int_equal(session_interest_refuse(p.client.session, &refusal), MR_MISUSE);
    assert_int_equal(session_interest_ack(p.client.session, 1, false), MR_MISUSE);
    assert_int_equal(session_interest_remove(p.server.session, 1), MR_MISUSE);
    pair_stop(&p);
}

static void entries_that_could_not_be_said_are_refused_at_once(void **state)
{
    (void)state;
    struct pair p;
    char longest[TOPIC_MAX_BYTES + 2];
    pair_up(&p, NULL);
    memset(longest, 'x', sizeof longest);
    longest[TOPIC_MAX_BYTES + 1] = 0;
    struct session_interest entry = {.id = 1, .filter = longest};
    assert_int_equal(session_interest_add(p.client.session, &entry), MR_INVALID);
    longest[TOPIC_MAX_BYTES] = 0;
    assert_int_equal(session_interest_add(p.client.session, &entry), MR_OK);
    entry.filter = NULL;
    assert_int_equal(session_interest_add(p.client.session, &entry), MR_INVALID);
    entry = (struct session_interest){.id = 0, .filter = "a"};
    assert_int_equal(session_interest_add(p.client.session, &entry), MR_INVALID);
    assert_int_equal(session_interest_add(p.server.session, &entry), MR_MISUSE);
    pair_stop(&p);
}

/* -- broken rules -- */

static void a_frame_before_hello_ends_the_session(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p, NULL);
    assert_int_equal(pair_feed(&p.server, FRAME_PING, LANE_CONTROL, 0, NULL, 0), MR_INVALID);
    assert_true(p.server.ended);
    assert_int_equal(pair_feed(&p.server, FRAME_PING, LANE_CONTROL, 0, NULL, 0), MR_CLOSED);
    pair_stop(&p);
}

static void another_sessions_id_ends_the_session(void **state)
{
    (void)state;
    struct pair p;
    pair_up(&p, NULL);
    assert_int_equal(pair_feed(&p.server, FRAME_NAMES, LANE_CONTROL, pair_session_id(&p) + 1, NULL, 0), MR_INVALID);
    assert_string_equal(pair_last(&p.server), "end 20: a frame carries another session's id");
    pair_settle(&p);
    assert_true(p.client.ended); /* by BYE */
    pair_stop(&p);
}

struct broken {
    unsigned kind, lane;
    const char *payload;
    size_t len;
    bool to_client;
    const char *end;
};

static void every_broken_rule_ends_the_session_with_its_reason(void **state)
{
    (void)state;
    static const struct broken cases[] = {
        {FRAME_STATE, LANE_CONTROL, "", 0, false, "STATE is not spoken here"},
        {FRAME_OPEN, LANE_CONTROL, "", 0, true, "OPEN is not spoken here"},
        {FRAME_FETCH, LANE_CONTROL, "", 0, false, "FETCH is not spoken here"},
        {FRAME_STREAM_ACK, LANE_CONTROL, "", 0, true, "STREAM_ACK is not spoken here"},
        {FRAME_HELLO, LANE_LIVE, "", 0, false, "a frame's head is not valid"},
        {FRAME_KIND_END, LANE_CONTROL, "", 0, false, "a frame's head is not valid"},
        {FRAME_BATCHES, LANE_LIVE, "\x0a\x02\x08\x01", 4, false, "a batch is not valid"},
        {FRAME_NAMES, LANE_CONTROL,
         "\x0a\x07\x08\x01\x12\x03"
         "a//",
         9, false, "topic 'a//' ends with '/'"},
        {FRAME_INTEREST, LANE_CONTROL, "\x08\x01", 2, false, "INTEREST version 1 is out of order"},
        {FRAME_INTEREST_ACK, LANE_CONTROL, "\x08\x01", 2, true, "INTEREST_ACK of version 1, which was not sent"},
        {FRAME_PONG, LANE_CONTROL, "\x08\x63", 2, false, "PONG answers no PING of ours"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair p;
        char expected[PAIR_LOG_TEXT];
        pair_up(&p, NULL);
        struct pair_side *side = cases[i].to_client ? &p.client : &p.server;
        assert_int_equal(
            pair_feed(side, cases[i].kind, cases[i].lane, pair_session_id(&p), cases[i].payload, cases[i].len),
            MR_INVALID);
        snprintf(expected, sizeof expected, "end 20: %s", cases[i].end);
        assert_string_equal(pair_last(side), expected);
        pair_stop(&p);
    }
}

static void a_second_hello_or_welcome_ends_the_session(void **state)
{
    (void)state;
    struct pair p;
    struct blob *hello;
    pair_start(&p, NULL);
    hello = session_take(p.client.session, p.now_ns);
    assert_int_equal(session_input(p.server.session, hello->data, hello->len, p.now_ns), MR_OK);
    pair_settle(&p);
    assert_int_equal(session_input(p.server.session, hello->data, hello->len, p.now_ns), MR_INVALID);
    blob_unref(hello);
    pair_stop(&p);
}

static void a_frame_beyond_the_limit_ends_the_session(void **state)
{
    (void)state;
    static const uint8_t zero[AGENT_FRAME_MAX_BYTES];
    struct pair p;
    pair_up(&p, NULL);
    assert_int_equal(pair_feed(&p.server, FRAME_BATCHES, LANE_BULK, pair_session_id(&p), zero, sizeof zero),
                     MR_TOO_BIG);
    pair_stop(&p);
}

/* The length of a frame is looked at first, so that any bytes will do. */
static enum mr_rc feed_zeros(size_t max_input_bytes, size_t len)
{
    static const uint8_t zero[MESH_FRAME_MAX_BYTES + 1];
    static const struct session_events none;
    const struct session_conf conf = {.role = SESSION_SERVER, .max_input_bytes = max_input_bytes, .events = &none};
    struct session *s = NULL;
    assert_int_equal(session_new(&s, &conf, 0, NULL), MR_OK);
    enum mr_rc rc = session_input(s, zero, len, 0);
    session_free(s);
    return rc;
}

static void a_frame_is_as_long_as_its_session_allows_and_no_longer(void **state)
{
    (void)state;
    assert_int_equal(feed_zeros(0, 0), MR_INVALID);
    assert_int_equal(feed_zeros(0, AGENT_FRAME_MAX_BYTES), MR_INVALID); /* for what is in it */
    assert_int_equal(feed_zeros(0, AGENT_FRAME_MAX_BYTES + 1), MR_TOO_BIG);
    assert_int_equal(feed_zeros(MESH_FRAME_MAX_BYTES, MESH_FRAME_MAX_BYTES), MR_INVALID);
    assert_int_equal(feed_zeros(MESH_FRAME_MAX_BYTES, MESH_FRAME_MAX_BYTES + 1), MR_TOO_BIG);
}

/* -- limits and memory -- */

static void a_configuration_below_the_least_is_refused(void **state)
{
    (void)state;
    struct session *s = NULL;
    struct session_events none = {.on_end = NULL};
    struct session_conf conf = {.role = SESSION_SERVER, .events = &none};
    struct err err = {{0}};
    conf.max_frame_bytes = 2047;
    assert_int_equal(session_new(&s, &conf, 0, &err), MR_INVALID);
    assert_true(err.text[0]);
    conf.max_frame_bytes = 2048;
    conf.max_queued_bytes = 32 * 1024 - 1;
    assert_int_equal(session_new(&s, &conf, 0, NULL), MR_INVALID);
    conf.max_queued_bytes++;
    assert_int_equal(session_new(&s, &conf, 0, NULL), MR_OK);
    session_free(s);
    conf.role = SESSION_CLIENT;
    assert_int_equal(session_new(&s, &conf, 0, NULL), MR_INVALID); /* no name */
    conf.events = NULL;
    assert_int_equal(session_new(&s, &conf, 0, NULL), MR_INVALID);
    session_free(NULL);
}

/* promise: live-loss, bounded-memory */
static void a_full_live_lane_drops_its_oldest_and_says_so(void **state)
{
    (void)state;
    struct pair p;
    uint64_t seq = 1;
    pair_up(&p, &(struct session_conf){.max_queued_bytes = 32 * 1024});
    for (; seq <= 200; seq++) {
        assert_int_equal(pair_put(&p.server, LANE_LIVE, 2, seq, 500), MR_OK);
        assert_true(session_queued_bytes(p.server.session) <= 32 * 1024);
    }
    session_flush(p.server.session);
    struct session_stats stats;
    session_get_stats(p.server.session, &stats);
    assert_true(stats.dropped_records > 100);
    assert_false(pair_logged(&p.server, "dropped on live 0"));
    assert_int_equal(p.server.lines, 0); /* not from inside session_put */
    assert_true(session_deadline(p.server.session) <= p.now_ns);
    pair_tick(&p);
    assert_int_equal(p.server.lines, 1);
    pair_settle(&p);
    unsigned long long first, last, count, next;
    assert_int_equal(sscanf(p.client.log[0], "loss on live of 2 %llu..%llu count %llu", &first, &last, &count), 3);
    assert_int_equal(first, 1);
    assert_int_equal(count, stats.dropped_records);
    assert_int_equal(sscanf(p.client.log[1], "record on live of 2 seq %llu", &next), 1);
    assert_int_equal(next, last + 1);
    pair_stop(&p);
}

static void a_full_command_lane_refuses(void **state)
{
    (void)state;
    struct pair p;
    uint64_t seq = 1;
    enum mr_rc rc;
    pair_up(&p, &(struct session_conf){.max_queued_bytes = 64 * 1024});
    while ((rc = pair_put(&p.client, LANE_COMMAND, 1, seq, 300)) == MR_OK)
        seq++;
    assert_int_equal(rc, MR_WOULD_BLOCK);
    assert_true(session_queued_bytes(p.client.session) <= 64 * 1024);
    session_flush(p.client.session);
    pair_settle(&p);
    session_flush(p.client.session);
    pair_settle(&p);
    assert_int_equal(p.server.lines, seq - 1);
    assert_int_equal(pair_put(&p.client, LANE_COMMAND, 1, seq, 300), MR_OK);
    pair_stop(&p);
}

static void a_full_control_lane_ends_the_session(void **state)
{
    (void)state;
    struct pair p;
    enum mr_rc rc = MR_OK;
    pair_up(&p, &(struct session_conf){.max_queued_bytes = 32 * 1024});
    for (uint32_t id = 1; id < 10000 && rc == MR_OK; id++)
        rc = session_name_topic(p.server.session, id, "a/topic/of/some/length");
    assert_int_equal(rc, MR_CLOSED);
    assert_true(session_is_over(p.server.session));
    assert_false(p.server.ended);
    pair_tick(&p);
    assert_true(p.server.ended);
    pair_settle(&p);
    assert_true(p.client.ended);
    pair_stop(&p);
}

static void room_shrinks_by_what_is_put(void **state)
{
    (void)state;
    struct pair p;
    pair_up(&p, NULL);
    size_t before = session_room(p.client.session, LANE_LIVE);
    assert_true(before > SESSION_OUTBOUND_BYTES / 2);
    assert_int_equal(pair_put(&p.client, LANE_LIVE, 1, 1, 1000), MR_OK);
    assert_true(session_room(p.client.session, LANE_LIVE) <= before - 1000);
    pair_stop(&p);
}

static void calls_before_the_session_is_up_are_closed(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p, NULL);
    struct session *s = p.client.session;
    assert_int_equal(session_name_topic(s, 1, "a"), MR_CLOSED);
    assert_int_equal(session_state(s, &(struct session_state){.broker = ""}), MR_CLOSED);
    assert_int_equal(session_birth(s, &(struct session_birth){.publisher = 1}), MR_CLOSED);
    assert_int_equal(session_interest_remove(s, 1), MR_CLOSED);
    assert_int_equal(session_interest_ack(s, 1, false), MR_CLOSED);
    assert_int_equal(pair_put(&p.client, LANE_LIVE, 1, 1, 10), MR_CLOSED);
    session_flush(s);
    pair_stop(&p);
}

static size_t bytes_held; /* by everything allocated */

static void *counting_resize(void *ptr, size_t size)
{
    bytes_held -= ptr ? malloc_usable_size(ptr) : 0;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    void *moved = realloc(ptr, size);
    bytes_held += malloc_usable_size(moved ? moved : ptr);
    return moved;
}

/* promise: bounded-memory */
static void an_idle_session_is_small_also_after_a_busy_time(void **state)
{
    (void)state;
    enum { IDLE_BYTES = 40 * 1024 };
    struct pair p;
    size_t before = bytes_held;
    pair_up(&p, NULL);
    for (uint64_t seq = 1; seq <= 2000; seq++) {
        assert_int_equal(pair_put(&p.client, LANE_LIVE, 1, seq, 100), MR_OK);
        assert_int_equal(pair_put(&p.server, LANE_LIVE, 1, seq, 100), MR_OK);
    }
    assert_int_equal(pair_put(&p.server, LANE_COMMAND, 1, 1, 100), MR_OK);
    assert_int_equal(session_name_topic(p.server.session, 1, "a/b"), MR_OK);
    session_flush(p.client.session);
    session_flush(p.server.session);
    assert_true(bytes_held - before > 2 * IDLE_BYTES);
    pair_settle(&p);
    pair_run(&p, 3000);
    assert_in_range(bytes_held - before, 1, 2 * IDLE_BYTES / 2); /* both together, and half of what is allowed */
    pair_stop(&p);
    assert_int_equal(bytes_held, before);
}

/* A short life with everything in it; any call may fail, none may crash or leak. */
static void live_a_little(struct pair *p)
{
    struct session *c = p->client.session, *s = p->server.session;
    struct session_interest entry = {.id = 1, .filter = "a/#"};
    enum mr_rc rc[8];

    pair_settle(p);
    rc[0] = session_name_topic(s, 1, "a/b");
    rc[1] = session_interest_add(c, &entry);
    rc[2] = pair_put(&p->server, LANE_LIVE, 1, 1, 100);
    rc[3] = pair_put(&p->server, LANE_COMMAND, 1, 1, 40000);
    rc[4] = session_snapshot_end(s, 1);
    rc[5] = session_birth(s, &(struct session_birth){.publisher = 1});
    for (int i = 0; i < 6; i++)
        assert_true(rc[i] == MR_OK || rc[i] == MR_NO_MEMORY || rc[i] == MR_CLOSED);
    session_flush(c);
    session_flush(s);
    pair_settle(p);
    rc[6] = session_interest_ack(s, 1, false);
    assert_true(rc[6] == MR_OK || rc[6] == MR_NO_MEMORY || rc[6] == MR_CLOSED || rc[6] == MR_INVALID);
    pair_settle(p);
    pair_run(p, 1200);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    size_t before = mem_outstanding();
    for (unsigned n = 1;; n++) {
        struct pair p;
        pair_start(&p, NULL);
        mem_fail_at(n);
        live_a_little(&p);
        bool failed = mem_fail_off();
        pair_stop(&p);
        assert_int_equal(mem_outstanding(), before);
        if (!failed)
            break;
    }
}

static void a_session_that_cannot_be_made_leaves_nothing(void **state)
{
    (void)state;
    static const struct session_events none;
    size_t before = mem_outstanding();
    for (unsigned n = 1;; n++) {
        struct session *s = NULL;
        struct session_conf conf = {
            .role = SESSION_CLIENT, .hello = {.kind = PEER_KIND_APP, .name = "app"}, .events = &none};
        mem_fail_at(n);
        enum mr_rc rc = session_new(&s, &conf, 0, NULL);
        if (!mem_fail_off()) {
            assert_int_equal(rc, MR_OK);
            session_free(s);
            break;
        }
        assert_int_equal(rc, MR_NO_MEMORY);
        assert_null(s);
        assert_int_equal(mem_outstanding(), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_sessions_come_up),
        cmocka_unit_test(an_owner_may_answer_hello_later),
        cmocka_unit_test(a_hello_without_an_answer_ends_both_sides_after_three_seconds),
        cmocka_unit_test(a_refusal_carries_code_reason_and_when_to_come_again),
        cmocka_unit_test(a_floor_ends_the_session_after_telling_it),
        cmocka_unit_test(goodbye_lets_pass_what_was_put_before_it),
        cmocka_unit_test(goodbye_is_not_clean_where_credit_ended_before_the_records),
        cmocka_unit_test(silence_ends_a_session_and_pings_prevent_it),
        cmocka_unit_test(clocks_are_compared_once_the_owner_tells_them),
        cmocka_unit_test(control_messages_arrive_in_the_order_they_were_said),
        cmocka_unit_test(open_is_answered),
        cmocka_unit_test(names_go_before_the_records_that_use_them),
        cmocka_unit_test(losses_and_snapshot_ends_keep_their_place_between_records),
        cmocka_unit_test(command_overtakes_live),
        cmocka_unit_test(a_value_longer_than_a_frame_gets_its_own),
        cmocka_unit_test(a_birth_with_many_tags_is_told_in_several_frames),
        cmocka_unit_test(interest_comes_into_force_by_version),
        cmocka_unit_test(refused_entries_are_told_and_forgotten),
        cmocka_unit_test(entries_that_could_not_be_said_are_refused_at_once),
        cmocka_unit_test(a_frame_before_hello_ends_the_session),
        cmocka_unit_test(another_sessions_id_ends_the_session),
        cmocka_unit_test(every_broken_rule_ends_the_session_with_its_reason),
        cmocka_unit_test(a_second_hello_or_welcome_ends_the_session),
        cmocka_unit_test(a_frame_beyond_the_limit_ends_the_session),
        cmocka_unit_test(a_frame_is_as_long_as_its_session_allows_and_no_longer),
        cmocka_unit_test(a_configuration_below_the_least_is_refused),
        cmocka_unit_test(a_full_live_lane_drops_its_oldest_and_says_so),
        cmocka_unit_test(a_full_command_lane_refuses),
        cmocka_unit_test(a_full_control_lane_ends_the_session),
        cmocka_unit_test(room_shrinks_by_what_is_put),
        cmocka_unit_test(calls_before_the_session_is_up_are_closed),
        cmocka_unit_test(an_idle_session_is_small_also_after_a_busy_time),
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(a_session_that_cannot_be_made_leaves_nothing),
    };
    mem_set_resize(counting_resize);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
