/* test_control_limits.c - control messages: every limit, the budget, failed allocations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "control_fixture.h"
#include "tests/support/wire_bytes.h"

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
        {FRAME_INTEREST, 4, 3, 0, 2},       {FRAME_INTEREST_ACK, 3, 1, 1, UINT32_MAX},
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

/* promise: bounded-memory */
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
    const struct session_birth birth = {1, 2, 3, 4, 0, tags, 2};
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
    const struct session_birth birth = {1, 2, 3, 4, 0, tags, 2};

    tags[1].unit = text_of(33);
    assert_int_equal(control_write_birth(&out, &birth), MR_INVALID);
    assert_int_equal(out.len, 0);
    assert_int_equal(control_write_interest_remove(&out, 0), MR_INVALID);
    assert_int_equal(out.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(topics_are_1_to_512_bytes_of_utf8_with_an_id, control_clear),
        cmocka_unit_test_setup(every_text_has_its_longest_length, control_clear),
        cmocka_unit_test_setup(every_number_with_a_range_keeps_to_it, control_clear),
        cmocka_unit_test_setup(numbers_of_tags_must_be_finite, control_clear),
        cmocka_unit_test_setup(more_entries_than_allowed_are_refused, control_clear),
        cmocka_unit_test_setup(a_reason_is_cut_between_characters_both_ways, control_clear),
        cmocka_unit_test_setup(a_reason_that_is_not_utf8_goes_out_escaped_and_is_refused_coming_in, control_clear),
        cmocka_unit_test_setup(bytes_that_are_no_message_are_refused_in_words, control_clear),
        cmocka_unit_test_setup(fields_of_newer_versions_are_skipped, control_clear),
        cmocka_unit_test_setup(the_densest_frames_we_write_stay_within_the_budget, control_clear),
        cmocka_unit_test_setup(a_frame_that_would_take_more_than_its_budget_is_refused, control_clear),
        cmocka_unit_test_setup(every_failed_allocation_of_reading_is_a_result, control_clear),
        cmocka_unit_test_setup(a_full_buffer_is_left_unchanged, control_clear),
        cmocka_unit_test_setup(an_invalid_tag_leaves_no_half_birth, control_clear),
    };
    return cmocka_run_group_tests(tests, control_start, control_finish);
}
