/* test_replay.c - what all recordings have in common: tags and their topics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cli/replay.h"
#include "cli/replay_out.h"
#include "files.h"

static const char *level(const char *name, size_t size)
{
    static char out[64];
    replay_topic_level(name, out, size);
    return out;
}

static void names_become_levels_of_a_topic(void **state)
{
    (void)state;
    assert_string_equal(level("CO2(tCO2)", 64), "CO2(tCO2)");
    assert_string_equal(level("a/b+c#d", 64), "a_b_c_d");
    assert_string_equal(level("温度 °C", 64), "温度 °C");
    assert_string_equal(level("tab\tdel\x7f"
                              "end\xc2\x85",
                              64),
                        "tab_del_end_");
    assert_string_equal(level("bad\xff\xc3", 64), "bad__");
    assert_string_equal(level("", 64), "_");
    assert_string_equal(level("温度", 6), "温");
    assert_string_equal(level("温度", 7), "温度");
    assert_string_equal(level("x", 1), "");
}

static void topics_stand_below_where_the_recording_goes(void **state)
{
    char topic[TOPIC_MAX_BYTES + 1], small[8];
    (void)state;
    assert_int_equal(replay_topic("./", "x/y", topic, sizeof topic), MR_OK);
    assert_string_equal(topic, "./x/y");
    assert_int_equal(replay_topic("./steel/", "x", topic, sizeof topic), MR_OK);
    assert_string_equal(topic, "./steel/x");
    assert_int_equal(replay_topic("plant", "x", topic, sizeof topic), MR_OK);
    assert_string_equal(topic, "plant/x");
    assert_int_equal(replay_topic("abc", "def", small, 8), MR_OK);
    assert_int_equal(replay_topic("abc", "defg", small, 8), MR_TOO_BIG);
    assert_int_equal(replay_mark_topic("./replay", REPLAY_MARK_LEVEL, topic), MR_OK);
    assert_string_equal(topic, "./replay/mark");
}

static enum mr_rc add(struct replay_source *source, const char *topic, struct err *err)
{
    char copy[64];
    uint32_t number;
    snprintf(copy, sizeof copy, "%s", topic);
    const struct replay_tag tag = {.topic = copy, .type = MR_F64};
    return replay_add_tag(source, &tag, &number, err);
}

static void tags_are_different_topics_up_to_the_limit(void **state)
{
    static const struct replay_format none = {.next = NULL, .free = NULL};
    struct replay_source source;
    struct err err;
    char topic[32];
    (void)state;
    replay_source_init(&source, &none, NULL);
    for (uint32_t i = 0; i < REPLAY_TAGS_MAX; i++) {
        snprintf(topic, sizeof topic, "tag/%u", i);
        assert_int_equal(add(&source, topic, &err), MR_OK);
    }
    assert_int_equal(source.tags.n, REPLAY_TAGS_MAX);
    assert_int_equal(add(&source, "tag/7", &err), MR_INVALID);
    assert_string_equal(err.text, "'tag/7' would be published twice");
    assert_int_equal(add(&source, "a//b", &err), MR_INVALID);
    assert_int_equal(add(&source, "one/more", &err), MR_TOO_BIG);
    assert_int_equal(source.tags.n, REPLAY_TAGS_MAX);
    replay_source_fini(&source);
    replay_free(NULL);
}

static void a_description_is_as_long_as_a_tag_takes_it(void **state)
{
    static const struct replay_format none = {.next = NULL, .free = NULL};
    char description[REPLAY_DESCRIPTION_MAX + 2] = "", topic[] = "a";
    struct replay_source source;
    struct err err;
    uint32_t number;
    (void)state;
    replay_source_init(&source, &none, NULL);
    memset(description, 'x', sizeof description - 1);
    const struct replay_tag tag = {.topic = topic, .description = description, .type = MR_F64};
    assert_int_equal(replay_add_tag(&source, &tag, &number, &err), MR_INVALID);
    assert_string_equal(err.text, "'a': a description has at most 256 bytes");
    description[REPLAY_DESCRIPTION_MAX] = '\0';
    assert_int_equal(replay_add_tag(&source, &tag, &number, &err), MR_OK);
    replay_source_fini(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_become_levels_of_a_topic),
        cmocka_unit_test(topics_stand_below_where_the_recording_goes),
        cmocka_unit_test(tags_are_different_topics_up_to_the_limit),
        cmocka_unit_test(a_description_is_as_long_as_a_tag_takes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
