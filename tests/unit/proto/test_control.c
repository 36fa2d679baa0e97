/* test_control.c - control messages: every field there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "control_fixture.h"
#include "tests/support/wire_bytes.h"

static void hello_comes_back(void **state)
{
    (void)state;
    const struct control_hello sent = {3, 2, {PEER_KIND_AGENT, "press-07", UINT64_MAX, 1, 1000, 4, CLOCK_SYNCED}};
    struct control_hello got;

    assert_int_equal(control_write_hello(&out, &sent), MR_OK);
    assert_int_equal(control_read_hello(&arena, out.data, out.len, &got, &err), MR_OK);
    assert_int_equal(got.version, 3);
    assert_int_equal(got.oldest, 2);
    assert_int_equal(got.hello.kind, PEER_KIND_AGENT);
    assert_string_equal(got.hello.name, "press-07");
    assert_true(got.hello.nonce == UINT64_MAX && got.hello.birth == 1 && got.hello.next_seq == 1000);
    assert_int_equal(got.hello.link, 4);
    assert_int_equal(got.hello.clock, CLOCK_SYNCED);
}

static const struct session_state some_state = {true, true, true, -5, "mr1"};

static void check_state(const struct session_state *got)
{
    assert_true(got->cluster_up && got->quorum && got->degraded);
    assert_true(got->isolated_since_us == -5);
    assert_string_equal(got->broker, "mr1");
}

static void welcome_comes_back_with_state_and_windows(void **state)
{
    (void)state;
    const struct control_welcome sent = {
        1, 1000, 3000, {0, 11, 22, 0, 44}, {12345, "press-07", "acme/line3", "mr1", 5, 6, 17, some_state}};
    struct control_welcome got;

    assert_int_equal(control_write_welcome(&out, &sent), MR_OK);
    assert_int_equal(control_read_welcome(&arena, out.data, out.len, &got, &err), MR_OK);
    assert_int_equal(got.version, 1);
    assert_int_equal(got.ping_ms, 1000);
    assert_int_equal(got.dead_ms, 3000);
    assert_memory_equal(got.window, sent.window, sizeof sent.window);
    assert_int_equal(got.welcome.session, 12345);
    assert_string_equal(got.welcome.identity, "press-07");
    assert_string_equal(got.welcome.path, "acme/line3");
    assert_string_equal(got.welcome.server, "mr1");
    assert_int_equal(got.welcome.nonce, 5);
    assert_int_equal(got.welcome.birth_floor, 6);
    assert_int_equal(got.welcome.inbox, 17);
    check_state(&got.welcome.state);
}

static void a_welcome_of_no_bytes_is_all_defaults(void **state)
{
    (void)state;
    struct control_welcome got;

    assert_int_equal(control_read_welcome(&arena, NULL, 0, &got, &err), MR_OK);
    assert_int_equal(got.window[LANE_LIVE], 0);
    assert_string_equal(got.welcome.identity, "");
    assert_string_equal(got.welcome.state.broker, "");
    assert_false(got.welcome.state.quorum);
}

static void a_window_for_no_lane_or_told_twice_is_refused(void **state)
{
    (void)state;
    static struct wire_bytes w, window;
    struct control_welcome got;

    w.len = window.len = 0;
    wb_varint(&window, 1, LANE_BULK);
    wb_message(&w, 12, &window);
    assert_int_equal(control_read_welcome(&arena, w.data, w.len, &got, &err), MR_OK);
    wb_message(&w, 12, &window);
    assert_int_equal(control_read_welcome(&arena, w.data, w.len, &got, &err), MR_INVALID);
    assert_string_equal(err.text, "Welcome.window is not valid");
    w.len = window.len = 0;
    wb_varint(&window, 1, LANE_COUNT);
    wb_message(&w, 12, &window);
    assert_int_equal(control_read_welcome(&arena, w.data, w.len, &got, &err), MR_INVALID);
}

static void state_bye_and_error_come_back(void **state)
{
    (void)state;
    const struct control_bye bye = {MR_FENCED, "taken over", 500};
    const struct control_error error = {MR_DENIED, "no", 100, 44};
    struct session_state got_state;
    struct control_bye got_bye;
    struct control_error got_error;

    assert_int_equal(control_write_state(&out, &some_state), MR_OK);
    assert_int_equal(control_read_state(&arena, out.data, out.len, &got_state, &err), MR_OK);
    check_state(&got_state);

    buf_clear(&out);
    assert_int_equal(control_write_bye(&out, &bye), MR_OK);
    assert_int_equal(control_read_bye(&arena, out.data, out.len, &got_bye, &err), MR_OK);
    assert_int_equal(got_bye.rc, MR_FENCED);
    assert_string_equal(got_bye.reason, "taken over");
    assert_int_equal(got_bye.retry_ms, 500);

    buf_clear(&out);
    assert_int_equal(control_write_error(&out, &error), MR_OK);
    assert_int_equal(control_read_error(&arena, out.data, out.len, &got_error, &err), MR_OK);
    assert_int_equal(got_error.rc, MR_DENIED);
    assert_string_equal(got_error.reason, "no");
    assert_int_equal(got_error.retry_ms, 100);
    assert_int_equal(got_error.topic, 44);
}

static void ping_pong_and_credit_come_back(void **state)
{
    (void)state;
    const struct control_ping ping = {5, 123, -1, CLOCK_UNSYNCED};
    const struct control_pong pong = {6, 124, INT64_MIN, INT64_MAX, CLOCK_SYNCED};
    const struct control_credit credit = {LANE_BULK, UINT64_MAX};
    struct control_ping got_ping;
    struct control_pong got_pong;
    struct control_credit got_credit;

    assert_int_equal(control_write_ping(&out, &ping), MR_OK);
    assert_int_equal(control_read_ping(&arena, out.data, out.len, &got_ping, &err), MR_OK);
    assert_true(got_ping.number == 5 && got_ping.sent_ns == 123 && got_ping.real_us == -1);
    assert_int_equal(got_ping.clock, CLOCK_UNSYNCED);

    buf_clear(&out);
    assert_int_equal(control_write_pong(&out, &pong), MR_OK);
    assert_int_equal(control_read_pong(&arena, out.data, out.len, &got_pong, &err), MR_OK);
    assert_true(got_pong.number == 6 && got_pong.sent_ns == 124);
    assert_true(got_pong.received_us == INT64_MIN && got_pong.real_us == INT64_MAX);
    assert_int_equal(got_pong.clock, CLOCK_SYNCED);

    buf_clear(&out);
    assert_int_equal(control_write_credit(&out, &credit), MR_OK);
    assert_int_equal(control_read_credit(&arena, out.data, out.len, &got_credit, &err), MR_OK);
    assert_int_equal(got_credit.lane, LANE_BULK);
    assert_true(got_credit.granted == UINT64_MAX);
}

static void names_gather_topics_and_publishers_in_any_order(void **state)
{
    (void)state;
    struct control_names got;

    assert_int_equal(control_write_topic(&out, &(struct session_topic){1, "a/b"}), MR_OK);
    assert_int_equal(control_write_publisher(&out, &(struct session_publisher){9, "press-07", "hmi"}), MR_OK);
    assert_int_equal(control_write_topic(&out, &(struct session_topic){UINT32_MAX, "a/ü"}), MR_OK);
    assert_int_equal(control_write_publisher(&out, &(struct session_publisher){10, "press-08", NULL}), MR_OK);
    assert_int_equal(control_read_names(&arena, out.data, out.len, &got, &err), MR_OK);
    assert_int_equal(got.n_topics, 2);
    assert_int_equal(got.topics[0].id, 1);
    assert_string_equal(got.topics[0].text, "a/b");
    assert_int_equal(got.topics[1].id, UINT32_MAX);
    assert_string_equal(got.topics[1].text, "a/ü");
    assert_int_equal(got.n_publishers, 2);
    assert_string_equal(got.publishers[0].identity, "press-07");
    assert_string_equal(got.publishers[0].part, "hmi");
    assert_string_equal(got.publishers[1].part, "");
}

static void check_tag(const struct session_tag *got, const struct session_tag *sent)
{
    assert_int_equal(got->topic, sent->topic);
    assert_int_equal(got->type, sent->type);
    assert_int_equal(got->stale_ms, sent->stale_ms);
    assert_string_equal(got->unit, sent->unit ? sent->unit : "");
    assert_string_equal(got->description, sent->description ? sent->description : "");
    assert_true(got->low == sent->low || (isnan(got->low) && isnan(sent->low)));
    assert_true(got->high == sent->high || (isnan(got->high) && isnan(sent->high)));
    assert_true(got->deadband == sent->deadband);
}

static void opens_come_back_with_and_without_a_tag(void **state)
{
    (void)state;
    const struct session_open tagged = {.cookie = 1, .topic = "./oil/temp", .tag = &full_tag};
    const struct session_open raw = {.cookie = 2, .topic = "x"};
    struct control_open got;

    assert_int_equal(control_write_open(&out, &tagged), MR_OK);
    assert_int_equal(control_write_open(&out, &raw), MR_OK);
    assert_int_equal(control_read_open(&arena, out.data, out.len, &got, &err), MR_OK);
    assert_int_equal(got.n_topics, 2);
    assert_int_equal(got.topics[0].cookie, 1);
    assert_string_equal(got.topics[0].topic, "./oil/temp");
    check_tag(got.topics[0].tag, &full_tag);
    assert_null(got.topics[1].tag);
}

static void opened_comes_back(void **state)
{
    (void)state;
    struct control_opened got;

    assert_int_equal(control_write_opened(&out, &(struct session_opened){1, 44, MR_OK, NULL, "acme/oil"}), MR_OK);
    assert_int_equal(control_write_opened(&out, &(struct session_opened){2, 0, MR_DENIED, "no", NULL}), MR_OK);
    assert_int_equal(control_read_opened(&arena, out.data, out.len, &got, &err), MR_OK);
    assert_int_equal(got.n_topics, 2);
    assert_int_equal(got.topics[0].id, 44);
    assert_string_equal(got.topics[0].text, "acme/oil");
    assert_string_equal(got.topics[0].reason, "");
    assert_int_equal(got.topics[1].rc, MR_DENIED);
    assert_string_equal(got.topics[1].reason, "no");
}

static void a_birth_comes_back_and_takes_more_tags(void **state)
{
    (void)state;
    const struct session_tag tags[] = {full_tag, bare_tag};
    const struct session_birth sent = {1, 2, 3, -4, 5, tags, 2};
    struct session_birth got;

    assert_int_equal(control_write_birth(&out, &sent), MR_OK);
    assert_int_equal(control_write_birth_tag(&out, &bare_tag), MR_OK);
    assert_int_equal(control_read_birth(&arena, out.data, out.len, &got, &err), MR_OK);
    assert_int_equal(got.publisher, 1);
    assert_int_equal(got.link, 2);
    assert_int_equal(got.birth, 3);
    assert_true(got.since_us == -4);
    assert_int_equal(got.n_tags, 3);
    assert_int_equal(got.first_seq, 5);
    check_tag(&got.tags[0], &full_tag);
    check_tag(&got.tags[1], &bare_tag);
    check_tag(&got.tags[2], &bare_tag);
}

static void a_death_comes_back(void **state)
{
    (void)state;
    const struct session_death sent = {1, 2, 0x80310000, 3, "gone"};
    struct session_death got;

    assert_int_equal(control_write_death(&out, &sent), MR_OK);
    assert_int_equal(control_read_death(&arena, out.data, out.len, &got, &err), MR_OK);
    assert_int_equal(got.publisher, 1);
    assert_int_equal(got.link, 2);
    assert_int_equal(got.status, 0x80310000);
    assert_int_equal(got.birth, 3);
    assert_string_equal(got.reason, "gone");
}

static void interest_gathers_entries_and_removals(void **state)
{
    (void)state;
    const struct session_interest entry = {1, "a/#", INTEREST_SERVE, true, false, true, "g"};
    struct control_interest got;

    assert_int_equal(control_write_interest_head(&out, &(struct control_interest_head){7, true, true}), MR_OK);
    assert_int_equal(control_write_interest_remove(&out, 300), MR_OK);
    assert_int_equal(control_write_interest_entry(&out, &entry), MR_OK);
    assert_int_equal(control_write_interest_remove(&out, 2), MR_OK);
    assert_int_equal(control_read_interest(&arena, out.data, out.len, &got, &err), MR_OK);
    assert_true(got.head.version == 7 && got.head.snapshot && got.head.more);
    assert_int_equal(got.n_add, 1);
    assert_int_equal(got.add[0].id, 1);
    assert_string_equal(got.add[0].filter, "a/#");
    assert_int_equal(got.add[0].kind, INTEREST_SERVE);
    assert_true(got.add[0].no_snapshot && !got.add[0].snapshot_only && got.add[0].with_backfill);
    assert_string_equal(got.add[0].group, "g");
    assert_int_equal(got.n_remove, 2);
    assert_int_equal(got.remove[0], 300);
    assert_int_equal(got.remove[1], 2);
}

static void an_interest_ack_gathers_refusals(void **state)
{
    (void)state;
    struct control_interest_ack got;

    assert_int_equal(control_write_interest_ack(&out, &(struct control_interest_ack){.version = 7, .partial = true}),
                     MR_OK);
    assert_int_equal(control_write_refusal(&out, &(struct session_refusal){3, MR_TOO_BIG, "why"}), MR_OK);
    assert_int_equal(control_read_interest_ack(&arena, out.data, out.len, &got, &err), MR_OK);
    assert_true(got.version == 7 && got.partial);
    assert_int_equal(got.n_refused, 1);
    assert_int_equal(got.refused[0].id, 3);
    assert_int_equal(got.refused[0].rc, MR_TOO_BIG);
    assert_string_equal(got.refused[0].reason, "why");
}

static void losses_and_a_snapshot_end_come_back(void **state)
{
    (void)state;
    const struct session_loss sent = {1, 2, "mr2", 3, 4, 5, UINT64_MAX, MR_CORRUPT};
    struct control_losses got;
    uint32_t interest;

    assert_int_equal(control_write_loss(&out, &sent), MR_OK);
    assert_int_equal(control_read_losses(&arena, out.data, out.len, &got, &err), MR_OK);
    assert_int_equal(got.n_losses, 1);
    const struct session_loss *loss = got.losses;
    assert_true(loss->publisher == 1 && loss->link == 2 && loss->birth == 3 && loss->first == 4 && loss->last == 5);
    assert_true(loss->count == UINT64_MAX);
    assert_string_equal(loss->via, "mr2");
    assert_int_equal(loss->cause, MR_CORRUPT);

    buf_clear(&out);
    assert_int_equal(control_write_snapshot_end(&out, 12), MR_OK);
    assert_int_equal(control_read_snapshot_end(&arena, out.data, out.len, &interest, &err), MR_OK);
    assert_int_equal(interest, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(hello_comes_back, control_clear),
        cmocka_unit_test_setup(welcome_comes_back_with_state_and_windows, control_clear),
        cmocka_unit_test_setup(a_welcome_of_no_bytes_is_all_defaults, control_clear),
        cmocka_unit_test_setup(a_window_for_no_lane_or_told_twice_is_refused, control_clear),
        cmocka_unit_test_setup(state_bye_and_error_come_back, control_clear),
        cmocka_unit_test_setup(ping_pong_and_credit_come_back, control_clear),
        cmocka_unit_test_setup(names_gather_topics_and_publishers_in_any_order, control_clear),
        cmocka_unit_test_setup(opens_come_back_with_and_without_a_tag, control_clear),
        cmocka_unit_test_setup(opened_comes_back, control_clear),
        cmocka_unit_test_setup(a_birth_comes_back_and_takes_more_tags, control_clear),
        cmocka_unit_test_setup(a_death_comes_back, control_clear),
        cmocka_unit_test_setup(interest_gathers_entries_and_removals, control_clear),
        cmocka_unit_test_setup(an_interest_ack_gathers_refusals, control_clear),
        cmocka_unit_test_setup(losses_and_a_snapshot_end_come_back, control_clear),
    };
    return cmocka_run_group_tests(tests, control_start, control_finish);
}
