/* test_show.c - messages in words and columns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <string.h>

#include "cli/show.h"
#include "cli/values.h"
#include "tests/unit/cli/captured.h"

static void expect_shown(struct mr_value value, const char *expected)
{
    char text[SHOW_VALUE_SIZE];
    show_value(text, &value);
    assert_string_equal(text, expected);
}

static void numbers_are_rounded_to_six_digits(void **state)
{
    (void)state;
    expect_shown(mr_f64(48.2), "48.2");
    expect_shown(mr_f64(23.06570053100586), "23.0657");
    expect_shown(mr_f64(0.2742479981490025), "0.274248");
    expect_shown(mr_f64(-1234567.891234), "-1234568");
    expect_shown(mr_f64(99999.999999), "100000");
    expect_shown(mr_f64(2.00000000001), "2");
    expect_shown(mr_f64(1.23456789e-7), "1.23456789e-07");
    expect_shown(mr_f64(1e300), "1e+300");
    expect_shown(mr_i64(1234567890123), "1234567890123");
    expect_shown((struct mr_value){.type = MR_F32, .as.f32 = 1.0F / 3}, "0.333333");
    expect_shown((struct mr_value){0}, "-");
}

static void long_texts_are_cut_between_characters(void **state)
{
    char text[SHOW_VALUE_SIZE], data[600];
    (void)state;
    for (size_t i = 0; i < sizeof data; i += 3)
        memcpy(data + i, "油", 3);
    show_value(text, &(struct mr_value){.type = MR_STRING, .len = sizeof data, .as.ptr = data});
    assert_in_range(strlen(text), SHOW_VALUE_SIZE - 8, SHOW_VALUE_SIZE - 1);
    assert_string_equal(text + strlen(text) - 6, "油…");
}

static void quality_says_what_the_flags_say(void **state)
{
    char text[SHOW_QUALITY_SIZE];
    struct mr_msg msg = {.kind = MR_DATA};
    (void)state;
    show_quality(text, &msg);
    assert_string_equal(text, "Good");
    assert_int_equal(show_colour(&msg), COLOUR_NONE);
    msg.status = MR_STATUS_BAD_NO_COMMUNICATION;
    msg.flags = MR_STALE | MR_FORCED | MR_FUTURE;
    show_quality(text, &msg);
    assert_string_equal(text, "BadNoCommunication, stale, forced, future");
    assert_int_equal(show_colour(&msg), COLOUR_RED);
    msg.status = MR_STATUS_GOOD;
    assert_int_equal(show_colour(&msg), COLOUR_YELLOW);
    msg = (struct mr_msg){.status = MR_STATUS_UNCERTAIN};
    assert_int_equal(show_colour(&msg), COLOUR_YELLOW);
}

static void age_counts_from_the_source_or_else_the_agent(void **state)
{
    char text[SHOW_AGE_SIZE];
    struct mr_msg msg = {.source_us = MR_NO_TIME, .agent_us = 1000000};
    (void)state;
    show_age(text, &msg, 1800000);
    assert_string_equal(text, "0.8 s");
    msg.source_us = 300000;
    show_age(text, &msg, 1800000);
    assert_string_equal(text, "1.5 s");
    show_age(text, &msg, 200000);
    assert_string_equal(text, "-0.1 s");
    msg = (struct mr_msg){.source_us = MR_NO_TIME, .agent_us = MR_NO_TIME};
    show_age(text, &msg, 1800000);
    assert_string_equal(text, "-");
    msg.source_us = INT64_MIN + 1;
    show_age(text, &msg, 1800000);
    assert_string_equal(text, "-");
}

static void units_are_shown_as_people_write_them(void **state)
{
    const struct mr_tag_def def = {.unit = "Cel"};
    (void)state;
    assert_string_equal(show_unit(&def), "°C");
    assert_string_equal(show_unit(NULL), "");
    assert_string_equal(show_unit(&(struct mr_tag_def){0}), "");
}

static void expect_loss(const struct mr_msg *msg, const char *expected)
{
    struct captured c;
    captured_begin(&c);
    show_loss(c.out, msg);
    assert_string_equal(captured_end(&c), expected);
    captured_free(&c);
}

static void a_loss_says_how_many_whose_and_why(void **state)
{
    (void)state;
    expect_loss(&(struct mr_msg){.kind = MR_LOSS, .count = 17, .publisher = "press-07", .cause = MR_SLOW_READER},
                "lost: 17 messages of press-07: slow reader");
    expect_loss(&(struct mr_msg){.kind = MR_LOSS, .count = 1, .cause = MR_LINK, .text = "gone\n"},
                "lost: 1 message of any publisher: connection broke: gone\\n");
    expect_loss(&(struct mr_msg){.kind = MR_LOSS, .cause = MR_BROKER},
                "lost: messages, how many is not known, of any publisher: broker or agent stopped");
    for (int cause = MR_SLOW_READER; cause <= MR_RIGHTS; cause++)
        assert_string_not_equal(show_cause((enum mr_cause)cause), "unknown cause");
    assert_string_equal(show_cause((enum mr_cause)99), "unknown cause");
}

static json_t *as_json(const struct mr_msg *msg, const struct mr_tag_def *def)
{
    struct captured c;
    captured_begin(&c);
    show_json(c.out, msg, def);
    json_t *read = json_loads(captured_end(&c), 0, NULL);
    captured_free(&c);
    return read;
}

static void json_has_every_key(void **state)
{
    static const char *const keys[] = {"topic",  "value", "type",   "unit",      "quality", "status",
                                       "source", "agent", "broker", "publisher", "stale",   "seq"};
    const struct mr_tag_def def = {.unit = "Cel"};
    const struct mr_msg msg = {.topic = "a/油",
                               .value = mr_f64(1.5),
                               .status = MR_STATUS_BAD,
                               .flags = MR_STALE,
                               .source_us = MR_NO_TIME,
                               .agent_us = 1,
                               .broker_us = MR_NO_TIME,
                               .seq = 7};
    (void)state;
    json_t *read = as_json(&msg, &def);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_non_null(json_object_get(read, keys[i]));
    assert_int_equal(json_object_size(read), sizeof keys / sizeof *keys);
    assert_string_equal(json_string_value(json_object_get(read, "topic")), "a/油");
    assert_string_equal(json_string_value(json_object_get(read, "unit")), "°C");
    assert_string_equal(json_string_value(json_object_get(read, "status")), "0x80000000");
    assert_string_equal(json_string_value(json_object_get(read, "agent")), "1970-01-01T00:00:00.000001Z");
    assert_true(json_is_null(json_object_get(read, "source")));
    assert_true(json_is_true(json_object_get(read, "stale")));
    json_decref(read);
}

static void json_tells_losses_and_the_snapshots_end(void **state)
{
    (void)state;
    json_t *read = as_json(&(struct mr_msg){.kind = MR_LOSS, .topic = "a/#", .count = 3, .cause = MR_LINK}, NULL);
    assert_string_equal(json_string_value(json_object_get(read, "loss")), "a/#");
    assert_int_equal(json_integer_value(json_object_get(read, "count")), 3);
    json_decref(read);
    read = as_json(&(struct mr_msg){.kind = MR_SNAPSHOT_END, .topic = "a/#"}, NULL);
    assert_string_equal(json_string_value(json_object_get(read, "snapshot_end")), "a/#");
    json_decref(read);
    assert_null(as_json(&(struct mr_msg){.kind = MR_BIRTH}, NULL));
}

static void the_best_publisher_of_a_topic_comes_first(void **state)
{
    const struct mr_msg live = {.topic = "a", .broker_us = 5, .publisher = "m1"};
    const struct mr_msg later = {.topic = "a", .broker_us = 9, .publisher = "m2"};
    const struct mr_msg stale = {.topic = "a", .broker_us = 99, .publisher = "m0", .flags = MR_STALE};
    const struct mr_msg other = {.topic = "b", .broker_us = 99, .publisher = "m0"};
    struct mr_msg named = live;
    (void)state;
    named.publisher = "m3";
    assert_true(values_compare(&live, &stale) < 0);
    assert_true(values_compare(&later, &live) < 0);
    assert_true(values_compare(&live, &named) < 0);
    assert_true(values_compare(&stale, &other) < 0);
    assert_int_equal(values_compare(&live, &live), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_rounded_to_six_digits),
        cmocka_unit_test(long_texts_are_cut_between_characters),
        cmocka_unit_test(quality_says_what_the_flags_say),
        cmocka_unit_test(age_counts_from_the_source_or_else_the_agent),
        cmocka_unit_test(units_are_shown_as_people_write_them),
        cmocka_unit_test(a_loss_says_how_many_whose_and_why),
        cmocka_unit_test(json_has_every_key),
        cmocka_unit_test(json_tells_losses_and_the_snapshots_end),
        cmocka_unit_test(the_best_publisher_of_a_topic_comes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
