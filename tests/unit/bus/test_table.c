/* test_table.c - last values as bytes: there and back, every cut, every flipped bit, every limit, every failed allocation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rand.h"
#include "bus/table.h"
#include "proto/control.h"
#include "proto/limits.h"

enum { ROOM = 1024 * 1024, BODY_MAX = VALUE_MAX_BYTES + 4096 };

static const int64_t day_us = (int64_t)24 * 3600 * 1000000;
static const int64_t now_us = 1800000000000000; /* 2027 */
static const struct table_head head = {.saved_us = now_us, .clock = CLOCK_SYNCED};
static uint8_t body[64]; /* a value */
static uint32_t body_len;

static int make_body(void **state)
{
    const struct mr_value value = mr_f64(48.25);
    (void)state;
    body_len = (uint32_t)body_write(body, 0x40000000, &value);
    return 0;
}

static int no_leak(void **state)
{
    (void)state;
    assert_int_equal(mem_outstanding(), 0);
    return 0;
}

static struct table_item tag_item(void)
{
    return (struct table_item){.topic = "acme/lyon/press/oil/temp",
                               .identity = "press-07",
                               .part = "plc",
                               .slot = {.topic = 1,
                                        .publisher = 1,
                                        .head = {.birth = 0x1122334455667788,
                                                 .link = 7,
                                                 .base_us = now_us - 5,
                                                 .agent_us = now_us - 4,
                                                 .broker_us = now_us - 3,
                                                 .clock = CLOCK_UNSYNCED},
                                        .seq = 1234567890123,
                                        .flags = MR_KEEP | MR_FORCED,
                                        .source_us = now_us - 6,
                                        .body = body,
                                        .body_len = body_len},
                               .has_tag = true,
                               .tag = {.type = 10,
                                       .stale_ms = 5000,
                                       .unit = "Cel",
                                       .description = "oil",
                                       .low = -20,
                                       .high = 120.5,
                                       .deadband = 0.1}};
}

static struct table_item raw_item(void)
{
    return (struct table_item){.topic = "x",
                               .identity = "m1",
                               .part = "",
                               .slot = {.topic = 2,
                                        .publisher = 2,
                                        .head = {.birth = 1, .base_us = 0, .agent_us = -1, .broker_us = MR_NO_TIME},
                                        .seq = 1,
                                        .flags = MR_KEEP,
                                        .source_us = MR_NO_TIME,
                                        .body = body,
                                        .body_len = body_len}};
}

static struct table_item tombstone_item(void)
{
    struct table_item item = raw_item();
    item.slot.flags = MR_CLEAR;
    item.slot.cleared = true;
    item.slot.body = NULL;
    item.slot.body_len = 0;
    item.age_s = 6 * 24 * 3600;
    return item;
}

/* A table of these; the caller ends out. */
static void write_table(struct buf *out, const struct table_item *items, size_t n)
{
    struct table_writer w;
    buf_init(out, ROOM);
    assert_int_equal(table_write_head(&w, &head, out), MR_OK);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(table_write_item(&w, &items[i], out), MR_OK);
    assert_int_equal(table_write_end(&w, out), MR_OK);
}

static void expect_same(const struct table_item *a, const struct table_item *b)
{
    assert_string_equal(a->topic, b->topic);
    assert_string_equal(a->identity, b->identity);
    assert_string_equal(a->part, b->part);
    assert_true(a->slot.head.birth == b->slot.head.birth && a->slot.seq == b->slot.seq);
    assert_int_equal(a->slot.head.link, b->slot.head.link);
    assert_int_equal(a->slot.head.clock, b->slot.head.clock);
    assert_int_equal(a->slot.flags, b->slot.flags);
    assert_int_equal(a->slot.cleared, b->slot.cleared);
    assert_true(a->slot.head.base_us == b->slot.head.base_us && a->slot.head.agent_us == b->slot.head.agent_us);
    assert_true(a->slot.head.broker_us == b->slot.head.broker_us && a->slot.source_us == b->slot.source_us);
    assert_int_equal(a->age_s, b->age_s);
    assert_int_equal(a->slot.body_len, b->slot.body_len);
    assert_true(a->slot.body_len == 0 || memcmp(a->slot.body, b->slot.body, a->slot.body_len) == 0);
    assert_int_equal(a->has_tag, b->has_tag);
    if (!a->has_tag)
        return;
    assert_int_equal(a->tag.type, b->tag.type);
    assert_int_equal(a->tag.stale_ms, b->tag.stale_ms);
    assert_string_equal(a->tag.unit, b->tag.unit);
    assert_string_equal(a->tag.description, b->tag.description);
    assert_true(a->tag.low == b->tag.low && a->tag.high == b->tag.high && a->tag.deadband == b->tag.deadband);
}

static enum mr_rc check_table(const struct buf *b)
{
    struct table_head ignored;
    struct err err = {{0}};
    enum mr_rc rc = table_check(b->data, b->len, &ignored, &err);
    assert_int_equal(rc == MR_OK, *err.text == '\0'); /* no refusal without a reason */
    return rc;
}

/* Is a table of this one item one that is read? */
static bool is_readable(const struct table_item *item)
{
    struct buf b;
    write_table(&b, item, 1);
    enum mr_rc rc = check_table(&b);
    buf_fini(&b);
    assert_true(rc == MR_OK || rc == MR_INVALID);
    return rc == MR_OK;
}

static void a_table_is_read_as_it_was_written(void **state)
{
    const struct table_item items[] = {tag_item(), raw_item(), tombstone_item(), tag_item()};
    struct table_reader r;
    struct table_head said;
    struct table_item item;
    struct err err = {{0}};
    struct buf b;
    (void)state;
    write_table(&b, items, 4);
    assert_int_equal(check_table(&b), MR_OK);
    assert_int_equal(table_read_head(&r, b.data, b.len, &said, &err), MR_OK);
    assert_true(said.saved_us == head.saved_us);
    assert_int_equal(said.clock, head.clock);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(table_read_item(&r, &item, &err), MR_OK);
        expect_same(&item, &items[i]);
    }
    assert_int_equal(table_read_item(&r, &item, &err), MR_NOT_FOUND);
    buf_fini(&b);
}

static void an_empty_table_is_one(void **state)
{
    struct buf b;
    (void)state;
    write_table(&b, NULL, 0);
    assert_int_equal(check_table(&b), MR_OK);
    buf_fini(&b);
}

static void names_that_repeat_are_written_once(void **state)
{
    const struct table_item items[] = {tag_item(), tag_item()};
    struct buf one, two;
    (void)state;
    write_table(&one, items, 1);
    write_table(&two, items, 2);
    assert_true(two.len - one.len < one.len - strlen(items[0].topic));
    buf_fini(&one);
    buf_fini(&two);
}

static void a_table_cut_anywhere_or_longer_is_refused(void **state)
{
    const struct table_item items[] = {tag_item(), tombstone_item()};
    struct buf b;
    (void)state;
    write_table(&b, items, 2);
    size_t len = b.len;
    for (b.len = 0; b.len < len; b.len++)
        assert_int_equal(check_table(&b), MR_INVALID);
    assert_int_equal(buf_append_u8(&b, 0), MR_OK);
    assert_int_equal(check_table(&b), MR_INVALID);
    buf_fini(&b);
}

/* Without the sums of the file it is in, not every flipped bit can be seen; but none leads outside. */
static void a_table_with_flipped_bits_is_read_within_its_bounds(void **state)
{
    const struct table_item items[] = {tag_item(), raw_item(), tombstone_item()};
    struct buf b;
    (void)state;
    write_table(&b, items, 3);
    for (size_t bit = 0; bit < b.len * 8; bit++) {
        uint8_t *exact = malloc(b.len); /* sanitizers see its ends */
        assert_non_null(exact);
        memcpy(exact, b.data, b.len);
        exact[bit / 8] ^= (uint8_t)(1 << bit % 8);
        const struct buf flipped = {.data = exact, .len = b.len};
        enum mr_rc rc = check_table(&flipped);
        assert_true(rc == MR_OK || rc == MR_INVALID);
        free(exact);
    }
    buf_fini(&b);
}

static void random_bytes_are_no_table(void **state)
{
    const uint64_t seed = 20260301;
    struct rand_seeded rand;
    uint8_t bytes[256];
    (void)state;
    rand_seeded_init(&rand, seed);
    printf("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 10000; i++) {
        rand.source.fill(rand.source.user, bytes, sizeof bytes);
        memcpy(bytes, "MRTABLE\1", 8);
        bytes[16] = 0;
        const struct buf b = {.data = bytes, .len = sizeof bytes};
        assert_int_equal(check_table(&b), MR_INVALID);
    }
}

static void another_version_is_refused(void **state)
{
    struct buf b;
    (void)state;
    write_table(&b, NULL, 0);
    b.data[7] = 2;
    assert_int_equal(check_table(&b), MR_INVALID);
    b.data[7] = 1;
    b.data[16] = CLOCK_UNSYNCED + 1;
    assert_int_equal(check_table(&b), MR_INVALID);
    buf_fini(&b);
}

static void texts_have_their_limits(void **state)
{
    static char long_text[1024];
    struct table_item item = tag_item();
    (void)state;
    memset(long_text, 'a', sizeof long_text - 1);
    const struct {
        const char **text;
        size_t min, max;
    } limits[] = {{&item.topic, 1, TOPIC_MAX_BYTES},
                  {&item.identity, 1, CONTROL_NAME_MAX_BYTES},
                  {&item.part, 0, CONTROL_NAME_MAX_BYTES},
                  {&item.tag.unit, 0, UNIT_MAX_BYTES},
                  {&item.tag.description, 0, CONTROL_DESCRIPTION_MAX_BYTES}};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        const char *before = *limits[i].text, *end = long_text + sizeof long_text - 1;
        *limits[i].text = end - limits[i].max;
        assert_true(is_readable(&item));
        *limits[i].text = end - limits[i].max - 1;
        assert_false(is_readable(&item));
        *limits[i].text = "";
        assert_int_equal(is_readable(&item), limits[i].min == 0);
        *limits[i].text = before;
    }
}

static void a_body_has_its_limit_and_must_be_one(void **state)
{
    static uint8_t bytes[BODY_MAX + 1];
    struct table_item item = raw_item();
    const struct mr_value largest = {.type = MR_BYTES, .len = VALUE_MAX_BYTES, .as.ptr = bytes};
    (void)state;
    uint8_t *long_body = calloc(1, sizeof bytes);
    assert_non_null(long_body);
    item.slot.body = long_body;
    item.slot.body_len = (uint32_t)body_write(long_body, 0, &largest);
    assert_true(item.slot.body_len > VALUE_MAX_BYTES);
    assert_true(is_readable(&item));
    item.slot.body_len = BODY_MAX + 1;
    assert_false(is_readable(&item));
    item.slot.body_len = 0;
    assert_true(is_readable(&item)); /* status Good, no value */
    item.slot.body = (const uint8_t *)"\xff";
    item.slot.body_len = 1;
    assert_false(is_readable(&item));
    free(long_body);
}

static void times_that_cannot_travel_together_are_refused(void **state)
{
    struct table_item item = tag_item();
    (void)state;
    item.slot.head.base_us = INT64_MIN + 1;
    item.slot.source_us = now_us;
    assert_false(is_readable(&item));
    item = tag_item();
    item.slot.head.base_us = INT64_MAX;
    item.slot.head.broker_us = -2;
    assert_false(is_readable(&item));
}

static void type_and_clock_have_their_limits(void **state)
{
    struct table_item item = tag_item();
    (void)state;
    item.tag.type = CONTROL_TYPE_MAX;
    assert_true(is_readable(&item));
    item.tag.type = CONTROL_TYPE_MAX + 1;
    assert_false(is_readable(&item));
    item = tag_item();
    item.slot.head.clock = CLOCK_UNSYNCED + 1;
    assert_false(is_readable(&item));
}

static void flags_of_the_moment_are_not_saved(void **state)
{
    struct table_item item = raw_item(), said;
    struct table_reader r;
    struct table_head ignored;
    struct buf b;
    (void)state;
    item.slot.flags |= MR_STALE | MR_FROM_SNAPSHOT;
    write_table(&b, &item, 1);
    assert_int_equal(table_read_head(&r, b.data, b.len, &ignored, NULL), MR_OK);
    assert_int_equal(table_read_item(&r, &said, NULL), MR_OK);
    assert_int_equal(said.slot.flags, MR_KEEP);
    buf_fini(&b);
}

static void a_full_buffer_and_each_failed_allocation_are_told(void **state)
{
    const struct table_item item = tag_item();
    struct table_writer w;
    struct buf b;
    (void)state;
    size_t whole = 0;
    for (size_t max = 0; whole == 0 && max < ROOM; max++) {
        buf_init(&b, max);
        enum mr_rc rc = table_write_head(&w, &head, &b);
        if (!rc)
            rc = table_write_item(&w, &item, &b);
        if (!rc)
            rc = table_write_end(&w, &b);
        assert_true(rc == MR_OK || rc == MR_TOO_BIG);
        whole = rc ? 0 : max;
        buf_fini(&b);
    }
    assert_true(whole > 0);
    enum mr_rc rc = MR_NO_MEMORY;
    for (unsigned n = 1; rc; n++) {
        buf_init(&b, ROOM);
        mem_fail_at(n);
        rc = table_write_head(&w, &head, &b);
        if (!rc)
            rc = table_write_item(&w, &item, &b);
        if (!rc)
            rc = table_write_end(&w, &b);
        assert_int_equal(rc, mem_fail_off() ? MR_NO_MEMORY : MR_OK);
        buf_fini(&b);
    }
}

static void age_and_clocks_decide_whether_it_is_merged(void **state)
{
    const int64_t unset = day_us, limit = TABLE_MERGE_MAX_DAYS * day_us, second = 1000000, hour = 3600 * second;
    const struct {
        int64_t saved_us, now_us;
        enum mr_rc rc;
    } cases[] = {{now_us, now_us, MR_OK},
                 {now_us - limit, now_us, MR_OK},
                 {now_us - limit - second, now_us, MR_TIMEOUT},
                 {now_us + hour, now_us, MR_OK}, /* a clock that was set back a little */
                 {now_us + hour + 1, now_us, MR_TIMEOUT},
                 {unset, now_us, MR_TIMEOUT},
                 {0, now_us, MR_TIMEOUT},
                 {INT64_MIN, now_us, MR_TIMEOUT},
                 {INT64_MAX, now_us, MR_TIMEOUT},
                 {unset, unset, MR_TIMEOUT},
                 {now_us, 0, MR_TIMEOUT}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct table_head h = {.saved_us = cases[i].saved_us};
        struct err err = {{0}};
        assert_int_equal(table_judge(&h, cases[i].now_us, &err), cases[i].rc);
        assert_int_equal(*err.text == '\0', cases[i].rc == MR_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_table_is_read_as_it_was_written, NULL, no_leak),
        cmocka_unit_test_setup_teardown(an_empty_table_is_one, NULL, no_leak),
        cmocka_unit_test_setup_teardown(names_that_repeat_are_written_once, NULL, no_leak),
        cmocka_unit_test_setup_teardown(a_table_cut_anywhere_or_longer_is_refused, NULL, no_leak),
        cmocka_unit_test_setup_teardown(a_table_with_flipped_bits_is_read_within_its_bounds, NULL, no_leak),
        cmocka_unit_test(random_bytes_are_no_table),
        cmocka_unit_test_setup_teardown(another_version_is_refused, NULL, no_leak),
        cmocka_unit_test_setup_teardown(texts_have_their_limits, NULL, no_leak),
        cmocka_unit_test_setup_teardown(a_body_has_its_limit_and_must_be_one, NULL, no_leak),
        cmocka_unit_test_setup_teardown(times_that_cannot_travel_together_are_refused, NULL, no_leak),
        cmocka_unit_test_setup_teardown(type_and_clock_have_their_limits, NULL, no_leak),
        cmocka_unit_test_setup_teardown(flags_of_the_moment_are_not_saved, NULL, no_leak),
        cmocka_unit_test_setup_teardown(a_full_buffer_and_each_failed_allocation_are_told, NULL, no_leak),
        cmocka_unit_test(age_and_clocks_decide_whether_it_is_merged),
    };
    return cmocka_run_group_tests(tests, make_body, NULL);
}
