/* test_control.c - control messages: every field there and back, every limit, the budget, failed allocations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "proto/control.h"
#include "tests/support/wire_bytes.h"

static struct arena arena;
static struct buf out;
static struct err err;
static char x[2000]; /* a text of any length: x + sizeof x - 1 - length */

static int start(void **state)
{
    (void)state;
    memset(x, 'x', sizeof x - 1);
    arena_init(&arena, 0);
    buf_init(&out, 1024 * 1024);
    return 0;
}

static int clear(void **state)
{
    (void)state;
    buf_clear(&out);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    arena_fini(&arena);
    buf_fini(&out);
    return 0;
}

static const char *text_of(size_t len)
{
    return x + sizeof x - 1 - len;
}

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

static const struct session_tag full_tag = {.topic = 5,
                                            .type = MR_F64,
                                            .stale_ms = 5000,
                                            .unit = "Cel",
                                            .description = "Öl",
                                            .low = -20,
                                            .high = 0,
                                            .deadband = .5};
static const struct session_tag bare_tag = {.topic = 6, .type = MR_BOOL, .low = NAN, .high = NAN};

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
    const struct session_birth sent = {1, 2, 3, -4, tags, 2};
    struct session_birth got;

    assert_int_equal(control_write_birth(&out, &sent), MR_OK);
    assert_int_equal(control_write_birth_tag(&out, &bare_tag), MR_OK);
    assert_int_equal(control_read_birth(&arena, out.data, out.len, &got, &err), MR_OK);
    assert_int_equal(got.publisher, 1);
    assert_int_equal(got.link, 2);
    assert_int_equal(got.birth, 3);
    assert_true(got.since_us == -4);
    assert_int_equal(got.n_tags, 3);
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

/* -- limits: what a text, a number, a count may be -- */

/* Does NAMES with this topic pass the reader? The writer must say the same. */
static bool reads_topic(uint32_t id, const char *text)
{
    static struct wire_bytes w, topic;
    struct control_names got;

    w.len = topic.len = 0;
    wb_varint(&topic, 1, id);
    wb_text(&topic, 2, text);
    wb_message(&w, 1, &topic);
    err.text[0] = '\0';
    enum mr_rc rc = control_read_names(&arena, w.data, w.len, &got, &err);
    assert_true(rc == MR_OK || (rc == MR_INVALID && strncmp(err.text, "Topic.", 6) == 0));

    enum mr_rc written = control_write_topic(&out, &(struct session_topic){id, text});
    assert_int_equal(written, rc);
    return rc == MR_OK;
}

static void topics_are_1_to_512_bytes_of_utf8_with_an_id(void **state)
{
    (void)state;
    assert_true(reads_topic(1, text_of(512)));
    assert_false(reads_topic(1, text_of(513)));
    assert_false(reads_topic(1, ""));
    assert_false(reads_topic(0, "a"));
    assert_false(reads_topic(1, "a\xff"));
}

/* Reads the payload of a frame of this kind; SNAPSHOT_END for all that are not listed. */
static enum mr_rc read_any(enum frame_kind kind, const struct wire_bytes *w)
{
    union {
        struct control_hello hello;
        struct control_welcome welcome;
        struct session_state state;
        struct session_death death;
        struct control_names names;
        struct control_open open;
        struct control_opened opened;
        struct control_interest interest;
        struct control_losses losses;
        struct session_birth birth;
        struct control_credit credit;
        struct control_ping ping;
        struct control_interest_ack ack;
        uint32_t id;
    } got;

    switch (kind) {
    case FRAME_HELLO:
        return control_read_hello(&arena, w->data, w->len, &got.hello, &err);
    case FRAME_WELCOME:
        return control_read_welcome(&arena, w->data, w->len, &got.welcome, &err);
    case FRAME_STATE:
        return control_read_state(&arena, w->data, w->len, &got.state, &err);
    case FRAME_NAMES:
        return control_read_names(&arena, w->data, w->len, &got.names, &err);
    case FRAME_OPEN:
        return control_read_open(&arena, w->data, w->len, &got.open, &err);
    case FRAME_OPENED:
        return control_read_opened(&arena, w->data, w->len, &got.opened, &err);
    case FRAME_INTEREST:
        return control_read_interest(&arena, w->data, w->len, &got.interest, &err);
    case FRAME_INTEREST_ACK:
        return control_read_interest_ack(&arena, w->data, w->len, &got.ack, &err);
    case FRAME_LOSSES:
        return control_read_losses(&arena, w->data, w->len, &got.losses, &err);
    case FRAME_BIRTH:
        return control_read_birth(&arena, w->data, w->len, &got.birth, &err);
    case FRAME_CREDIT:
        return control_read_credit(&arena, w->data, w->len, &got.credit, &err);
    case FRAME_PING:
        return control_read_ping(&arena, w->data, w->len, &got.ping, &err);
    default:
        return control_read_snapshot_end(&arena, w->data, w->len, &got.id, &err);
    }
}

/* What a valid message or entry needs besides the field under test. */
static void put_needed(struct wire_bytes *w, enum frame_kind kind, uint32_t but)
{
    if (kind == FRAME_HELLO && but != 3)
        wb_varint(w, 3, PEER_KIND_APP);
    if ((kind == FRAME_NAMES || kind == FRAME_INTEREST || kind == FRAME_INTEREST_ACK) && but != 1)
        wb_varint(w, 1, 1);
    if ((kind == FRAME_NAMES || kind == FRAME_INTEREST) && but != 2)
        wb_text(w, 2, "a");
    if (kind == FRAME_LOSSES && but != 8)
        wb_varint(w, 8, MR_LINK);
}

/* The verdict on a message with the field, inside the entry with number `entry` unless 0. */
static enum mr_rc read_with(enum frame_kind kind, uint32_t entry, uint32_t field, uint64_t number, const char *text)
{
    static struct wire_bytes w, inner;

    w.len = inner.len = 0;
    put_needed(&inner, kind, field);
    if (text)
        wb_text(&inner, field, text);
    else
        wb_varint(&inner, field, number);
    if (!entry)
        return read_any(kind, &inner);
    wb_message(&w, entry, &inner);
    return read_any(kind, &w);
}

static void every_text_has_its_longest_length(void **state)
{
    (void)state;
    static const struct {
        enum frame_kind kind;
        uint32_t entry, field;
        size_t max;
    } rows[] = {
        {FRAME_HELLO, 0, 4, 128},    {FRAME_WELCOME, 0, 3, 128},  {FRAME_WELCOME, 0, 4, 512},
        {FRAME_WELCOME, 0, 5, 128},  {FRAME_WELCOME, 11, 5, 128}, {FRAME_STATE, 0, 5, 128},
        {FRAME_NAMES, 1, 2, 512},    {FRAME_NAMES, 2, 2, 128},    {FRAME_NAMES, 2, 3, 128},
        {FRAME_OPEN, 1, 2, 512},     {FRAME_OPENED, 1, 5, 512},   {FRAME_INTEREST, 4, 2, 512},
        {FRAME_INTEREST, 4, 7, 128}, {FRAME_LOSSES, 1, 2, 128},   {FRAME_BIRTH, 5, 3, 32},
        {FRAME_BIRTH, 5, 4, 512},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(read_with(rows[i].kind, rows[i].entry, rows[i].field, 0, text_of(rows[i].max)), MR_OK);
        assert_int_equal(read_with(rows[i].kind, rows[i].entry, rows[i].field, 0, text_of(rows[i].max + 1)),
                         MR_INVALID);
        assert_int_equal(read_with(rows[i].kind, rows[i].entry, rows[i].field, 0, "a\xc3"), MR_INVALID);
    }
}

static void every_number_with_a_range_keeps_to_it(void **state)
{
    (void)state;
    static const struct {
        enum frame_kind kind;
        uint32_t entry, field;
        uint32_t min, max;
    } rows[] = {
        {FRAME_HELLO, 0, 3, 1, 3},          {FRAME_HELLO, 0, 8, 0, 2},
        {FRAME_PING, 0, 4, 0, 2},           {FRAME_CREDIT, 0, 1, 0, 4},
        {FRAME_OPENED, 1, 3, 0, 255},       {FRAME_INTEREST, 4, 1, 1, UINT32_MAX},
        {FRAME_INTEREST, 4, 3, 0, 1},       {FRAME_INTEREST_ACK, 3, 1, 1, UINT32_MAX},
        {FRAME_INTEREST_ACK, 3, 2, 0, 255}, {FRAME_LOSSES, 1, 8, 1, 7},
        {FRAME_BIRTH, 5, 2, 0, 34},         {FRAME_SNAPSHOT_END, 0, 1, 1, UINT32_MAX},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const uint32_t min = rows[i].min, max = rows[i].max;

        assert_int_equal(read_with(rows[i].kind, rows[i].entry, rows[i].field, min, NULL), MR_OK);
        assert_int_equal(read_with(rows[i].kind, rows[i].entry, rows[i].field, max, NULL), MR_OK);
        if (min)
            assert_int_equal(read_with(rows[i].kind, rows[i].entry, rows[i].field, min - 1, NULL), MR_INVALID);
        if (max < UINT32_MAX)
            assert_int_equal(read_with(rows[i].kind, rows[i].entry, rows[i].field, max + 1, NULL), MR_INVALID);
    }
    assert_int_equal(read_with(FRAME_INTEREST, 0, 5, 0, NULL), MR_INVALID); /* a removal of entry 0 */
}

static void numbers_of_tags_must_be_finite(void **state)
{
    (void)state;
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    static struct wire_bytes w, tag;

    for (size_t i = 0; i < 3; i++) {
        for (uint32_t field = 5; field <= 7; field++) {
            w.len = tag.len = 0;
            wb_fixed64(&tag, field, &bad[i]);
            wb_message(&w, 5, &tag);
            assert_int_equal(read_any(FRAME_BIRTH, &w), MR_INVALID);
        }
    }
    struct session_tag sent = full_tag;
    sent.low = -INFINITY;
    assert_int_equal(control_write_birth_tag(&out, &sent), MR_INVALID);
    sent = full_tag;
    sent.deadband = NAN;
    assert_int_equal(control_write_birth_tag(&out, &sent), MR_INVALID);
    assert_int_equal(control_write_open(&out, &(struct session_open){.topic = "x", .tag = &sent}), MR_INVALID);
    assert_int_equal(out.len, 0);
}

static void more_entries_than_allowed_are_refused(void **state)
{
    (void)state;
    static struct wire_bytes w;
    static uint8_t ids[CONTROL_ENTRIES_MAX + 1];

    memset(ids, 1, sizeof ids);
    w.len = 0;
    wb_bytes(&w, 5, ids, CONTROL_ENTRIES_MAX);
    assert_int_equal(read_any(FRAME_INTEREST, &w), MR_OK);
    w.len = 0;
    wb_bytes(&w, 5, ids, CONTROL_ENTRIES_MAX + 1);
    assert_int_equal(read_any(FRAME_INTEREST, &w), MR_INVALID);

    struct session_birth birth = {.tags = &bare_tag, .n_tags = CONTROL_ENTRIES_MAX + 1};
    assert_int_equal(control_write_birth(&out, &birth), MR_INVALID);
}

static void a_reason_is_cut_between_characters_both_ways(void **state)
{
    (void)state;
    char umlauts[603]; /* "x" and 300 times "ü": byte 512 is inside a character */
    struct control_bye got;
    static struct wire_bytes w;

    umlauts[0] = 'x';
    for (size_t i = 0; i < 300; i++)
        memcpy(umlauts + 1 + 2 * i, "ü", 3);
    assert_int_equal(control_write_bye(&out, &(struct control_bye){.reason = umlauts}), MR_OK);
    assert_int_equal(control_read_bye(&arena, out.data, out.len, &got, &err), MR_OK);
    assert_int_equal(strlen(got.reason), 511);
    assert_memory_equal(got.reason, umlauts, 511);

    w.len = 0;
    wb_text(&w, 2, umlauts);
    assert_int_equal(control_read_bye(&arena, w.data, w.len, &got, &err), MR_OK);
    assert_int_equal(strlen(got.reason), 511);

    buf_clear(&out);
    assert_int_equal(control_write_bye(&out, &(struct control_bye){.reason = text_of(512)}), MR_OK);
    assert_int_equal(control_read_bye(&arena, out.data, out.len, &got, &err), MR_OK);
    assert_int_equal(strlen(got.reason), 512);
}

static void a_reason_that_is_not_utf8_goes_out_escaped_and_is_refused_coming_in(void **state)
{
    (void)state;
    struct control_bye got;
    static struct wire_bytes w;

    assert_int_equal(control_write_bye(&out, &(struct control_bye){.reason = "a\xff"}), MR_OK);
    assert_int_equal(control_read_bye(&arena, out.data, out.len, &got, &err), MR_OK);
    assert_string_equal(got.reason, "a\\xFF");
    w.len = 0;
    wb_text(&w, 2, "a\xff");
    assert_int_equal(control_read_bye(&arena, w.data, w.len, &got, &err), MR_INVALID);
    assert_string_equal(err.text, "Bye.reason is not valid");
}

static void bytes_that_are_no_message_are_refused_in_words(void **state)
{
    (void)state;
    struct control_ping got = {.number = 99};

    assert_int_equal(control_read_ping(&arena, (const uint8_t *)"\x0a\x05x", 3, &got, &err), MR_INVALID);
    assert_string_equal(err.text, "not a message of kind Ping");
    assert_int_equal(control_read_ping(&arena, (const uint8_t *)"\x20\x03", 2, &got, NULL), MR_INVALID);
    assert_int_equal(got.number, 99);
}

static void fields_of_newer_versions_are_skipped(void **state)
{
    (void)state;
    static struct wire_bytes w;
    struct control_credit got;

    w.len = 0;
    wb_varint(&w, 1, LANE_LIVE);
    wb_varint(&w, 2, 5);
    wb_text(&w, 77, "new");
    assert_int_equal(control_read_credit(&arena, w.data, w.len, &got, &err), MR_OK);
    assert_int_equal(got.granted, 5);
}

/* Repeats the smallest entry until the frame is full, as densely as we ever write; returns the arena it took per byte. */
static double memory_per_byte(enum frame_kind kind, enum mr_rc (*add)(struct buf *frame))
{
    struct wire_bytes w = {.len = 0};
    struct buf frame;

    buf_init(&frame, BATCH_MAX_BYTES);
    while (add(&frame) == MR_OK)
        continue;
    wb_raw(&w, frame.data, frame.len);
    buf_fini(&frame);
    assert_int_equal(read_any(kind, &w), MR_OK);
    return (double)arena.taken / (double)w.len;
}

static enum mr_rc add_topic(struct buf *frame)
{
    return control_write_topic(frame, &(struct session_topic){1, "a"});
}

static enum mr_rc add_open(struct buf *frame)
{
    return control_write_open(frame, &(struct session_open){.cookie = 1, .topic = "a", .tag = &bare_tag});
}

static enum mr_rc add_opened(struct buf *frame)
{
    return control_write_opened(frame, &(struct session_opened){1, 1, MR_OK, NULL, "a"});
}

static enum mr_rc add_tag(struct buf *frame)
{
    return control_write_birth_tag(frame, &bare_tag);
}

static enum mr_rc add_entry(struct buf *frame)
{
    return control_write_interest_entry(frame, &(struct session_interest){.id = 1, .filter = "a"});
}

static enum mr_rc add_removal(struct buf *frame)
{
    return control_write_interest_remove(frame, 1);
}

static enum mr_rc add_refusal(struct buf *frame)
{
    return control_write_refusal(frame, &(struct session_refusal){.id = 1, .rc = MR_DENIED});
}

static enum mr_rc add_loss(struct buf *frame)
{
    return control_write_loss(frame, &(struct session_loss){.publisher = 1, .cause = MR_LINK});
}

static void the_densest_frames_we_write_stay_within_the_budget(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        enum frame_kind kind;
        enum mr_rc (*add)(struct buf *frame);
    } rows[] = {
        {"topic", FRAME_NAMES, add_topic},    {"open", FRAME_OPEN, add_open},
        {"opened", FRAME_OPENED, add_opened}, {"tag", FRAME_BIRTH, add_tag},
        {"entry", FRAME_INTEREST, add_entry}, {"removal", FRAME_INTEREST, add_removal},
        {"loss", FRAME_LOSSES, add_loss},     {"refusal", FRAME_INTEREST_ACK, add_refusal},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double factor = memory_per_byte(rows[i].kind, rows[i].add);

        print_message("%s: %.1f bytes of arena per byte of frame\n", rows[i].what, factor);
        assert_true(factor < ARENA_BUDGET_FACTOR);
    }
}

static void a_frame_that_would_take_more_than_its_budget_is_refused(void **state)
{
    (void)state;
    static struct wire_bytes w;

    w.len = 0;
    while (w.len + 2 <= 65536)
        wb_raw(&w, "\x0a", 2);
    assert_int_equal(read_any(FRAME_NAMES, &w), MR_NO_MEMORY);
    assert_string_equal(err.text, "Names needs more memory than a frame of 65536 bytes may");
}

static void every_failed_allocation_of_reading_is_a_result(void **state)
{
    (void)state;
    struct session_birth got = {.publisher = 99};
    size_t before = mem_outstanding();
    unsigned n = 1;
    enum mr_rc rc;

    for (int i = 0; i < 500; i++)
        assert_int_equal(control_write_birth_tag(&out, &full_tag), MR_OK);
    do {
        struct arena fresh;

        arena_init(&fresh, 0);
        mem_fail_at(n++);
        rc = control_read_birth(&fresh, out.data, out.len, &got, NULL);
        if (mem_fail_off())
            assert_int_equal(rc, MR_NO_MEMORY);
        assert_true(rc == MR_OK || got.publisher == 99);
        arena_fini(&fresh);
    } while (rc);
    assert_true(n > 3);
    assert_true(mem_outstanding() <= before + 1); /* out's own */
}

static void a_full_buffer_is_left_unchanged(void **state)
{
    (void)state;
    const struct session_tag tags[] = {full_tag, full_tag};
    const struct session_birth birth = {1, 2, 3, 4, tags, 2};
    struct buf small;
    size_t need;

    assert_int_equal(control_write_birth(&out, &birth), MR_OK);
    need = out.len;
    for (size_t max = 0; max < need; max++) {
        buf_init(&small, max);
        assert_int_equal(control_write_birth(&small, &birth), MR_TOO_BIG);
        assert_int_equal(small.len, 0);
        buf_fini(&small);
    }
    buf_init(&small, need);
    mem_fail_at(1);
    assert_int_equal(control_write_birth(&small, &birth), MR_NO_MEMORY);
    assert_true(mem_fail_off());
    assert_int_equal(small.len, 0);
    assert_int_equal(control_write_birth(&small, &birth), MR_OK);
    assert_memory_equal(small.data, out.data, need);
    buf_fini(&small);
}

static void an_invalid_tag_leaves_no_half_birth(void **state)
{
    (void)state;
    struct session_tag tags[] = {full_tag, full_tag};
    const struct session_birth birth = {1, 2, 3, 4, tags, 2};

    tags[1].unit = text_of(33);
    assert_int_equal(control_write_birth(&out, &birth), MR_INVALID);
    assert_int_equal(out.len, 0);
    assert_int_equal(control_write_interest_remove(&out, 0), MR_INVALID);
    assert_int_equal(out.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(hello_comes_back, clear),
        cmocka_unit_test_setup(welcome_comes_back_with_state_and_windows, clear),
        cmocka_unit_test_setup(a_welcome_of_no_bytes_is_all_defaults, clear),
        cmocka_unit_test_setup(a_window_for_no_lane_or_told_twice_is_refused, clear),
        cmocka_unit_test_setup(state_bye_and_error_come_back, clear),
        cmocka_unit_test_setup(ping_pong_and_credit_come_back, clear),
        cmocka_unit_test_setup(names_gather_topics_and_publishers_in_any_order, clear),
        cmocka_unit_test_setup(opens_come_back_with_and_without_a_tag, clear),
        cmocka_unit_test_setup(opened_comes_back, clear),
        cmocka_unit_test_setup(a_birth_comes_back_and_takes_more_tags, clear),
        cmocka_unit_test_setup(a_death_comes_back, clear),
        cmocka_unit_test_setup(interest_gathers_entries_and_removals, clear),
        cmocka_unit_test_setup(an_interest_ack_gathers_refusals, clear),
        cmocka_unit_test_setup(losses_and_a_snapshot_end_come_back, clear),
        cmocka_unit_test_setup(topics_are_1_to_512_bytes_of_utf8_with_an_id, clear),
        cmocka_unit_test_setup(every_text_has_its_longest_length, clear),
        cmocka_unit_test_setup(every_number_with_a_range_keeps_to_it, clear),
        cmocka_unit_test_setup(numbers_of_tags_must_be_finite, clear),
        cmocka_unit_test_setup(more_entries_than_allowed_are_refused, clear),
        cmocka_unit_test_setup(a_reason_is_cut_between_characters_both_ways, clear),
        cmocka_unit_test_setup(a_reason_that_is_not_utf8_goes_out_escaped_and_is_refused_coming_in, clear),
        cmocka_unit_test_setup(bytes_that_are_no_message_are_refused_in_words, clear),
        cmocka_unit_test_setup(fields_of_newer_versions_are_skipped, clear),
        cmocka_unit_test_setup(the_densest_frames_we_write_stay_within_the_budget, clear),
        cmocka_unit_test_setup(a_frame_that_would_take_more_than_its_budget_is_refused, clear),
        cmocka_unit_test_setup(every_failed_allocation_of_reading_is_a_result, clear),
        cmocka_unit_test_setup(a_full_buffer_is_left_unchanged, clear),
        cmocka_unit_test_setup(an_invalid_tag_leaves_no_half_birth, clear),
    };
    return cmocka_run_group_tests(tests, start, finish);
}
