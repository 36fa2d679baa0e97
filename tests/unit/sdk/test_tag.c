/* test_tag.c - tags and devices: definitions, types, quality alone, rows, closing, births and deaths in their place. */
#include "tests/unit/sdk/world.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

static struct mr_tag *open_tag(struct world *w, struct mr_device *device, const char *topic)
{
    const struct mr_tag_def def = {.size = sizeof def, .topic = topic};
    struct mr_tag *tag;
    assert_int_equal(mr_tag_open(w->bus, device, &def, &tag), MR_OK);
    return tag;
}

static enum mr_rc write_f64(struct mr_tag *tag, double x)
{
    const struct mr_value v = mr_f64(x);
    return mr_tag_write(tag, &v, MR_STATUS_GOOD, MR_NO_TIME);
}

static void the_agent_gets_the_definition(void **unused)
{
    struct world *w = world_new(NULL);
    const struct mr_tag_def def = {
        .size = sizeof def, .topic = "./oil/temp", .unit = "°C", .stale_ms = 5000, .low = -20, .high = 120};
    struct mr_tag *tag;
    (void)unused;
    assert_int_equal(mr_tag_open(w->bus, NULL, &def, &tag), MR_OK);
    world_settle(w);
    assert_int_equal(w->agent.last_def.type, MR_F64);
    assert_int_equal(w->agent.last_def.stale_ms, 5000);
    assert_string_equal(w->agent.last_unit, "Cel");
    assert_true(w->agent.last_def.low == -20 && w->agent.last_def.high == 120);
    world_free(w);
}

static void a_value_is_kept_and_has_its_source_time(void **unused)
{
    struct world *w = world_new(NULL);
    struct mr_tag *tag = open_tag(w, NULL, "./a");
    const struct mr_value v = mr_f64(48.2);
    (void)unused;
    assert_int_equal(mr_tag_write(tag, &v, MR_STATUS_GOOD, 1234), MR_OK);
    world_settle(w);
    assert_true(wire_last(&w->agent)->f64 == 48.2);
    assert_int_equal(wire_last(&w->agent)->flags, MR_KEEP);
    assert_int_equal(wire_last(&w->agent)->source_us, 1234);
    assert_int_equal(mr_tag_write(tag, &v, MR_STATUS_GOOD, 0), MR_OK); /* a clock never set */
    world_pass(w, 10);
    assert_true(wire_last(&w->agent)->source_us == MR_NO_TIME);
    world_free(w);
}

static void quality_alone_repeats_the_last_value_and_its_time(void **unused)
{
    struct world *w = world_new(NULL);
    struct mr_tag *tag = open_tag(w, NULL, "./a");
    const struct mr_value v = mr_f64(7);
    (void)unused;
    assert_int_equal(mr_tag_write(tag, NULL, MR_STATUS_BAD_WAITING_FOR_INITIAL_DATA, 5), MR_OK);
    world_settle(w);
    assert_int_equal(wire_last(&w->agent)->status, MR_STATUS_BAD_WAITING_FOR_INITIAL_DATA);
    assert_true(wire_last(&w->agent)->source_us == MR_NO_TIME);
    assert_int_equal(mr_tag_write(tag, &v, 0, 99), MR_OK);
    assert_int_equal(mr_tag_write(tag, NULL, MR_STATUS_BAD_SENSOR_FAILURE, 100), MR_OK);
    world_pass(w, 10);
    assert_int_equal(wire_last(&w->agent)->status, MR_STATUS_BAD_SENSOR_FAILURE);
    assert_true(wire_last(&w->agent)->f64 == 7);
    assert_int_equal(wire_last(&w->agent)->source_us, 99);
    world_free(w);
}

static void a_closed_tag_leaves_its_last_value_uncertain(void **unused)
{
    struct world *w = world_new(NULL);
    struct mr_tag_def def = {.size = sizeof def, .topic = "./s", .type = MR_STRING};
    const struct mr_value v = {.type = MR_STRING, .len = 3, .as.ptr = "abc"};
    struct mr_tag *tag;
    (void)unused;
    assert_int_equal(mr_tag_open(w->bus, NULL, &def, &tag), MR_OK);
    assert_int_equal(mr_tag_write(tag, &v, 0, MR_NO_TIME), MR_OK);
    mr_tag_close(tag);
    world_settle(w);
    assert_int_equal(wire_last(&w->agent)->status, MR_STATUS_UNCERTAIN_LAST_USABLE_VALUE);
    assert_string_equal(wire_last(&w->agent)->text, "abc");
    assert_int_equal(mr_tag_open(w->bus, NULL, &def, &tag), MR_OK); /* may be opened anew */
    mr_tag_close(NULL);
    world_free(w);
}

static void a_value_must_be_of_the_tags_type(void **unused)
{
    struct world *w = world_new(NULL);
    struct mr_tag *tag = open_tag(w, NULL, "./a");
    struct mr_tag_def def = {.size = sizeof def, .topic = "./s", .type = MR_STRING};
    const struct mr_value i = mr_i64(1);
    struct mr_value s = {.type = MR_STRING, .len = 1, .as.ptr = "\xff"};
    static char large[65537];
    (void)unused;
    assert_int_equal(mr_tag_write(tag, &i, 0, MR_NO_TIME), MR_INVALID);
    assert_int_equal(mr_tag_open(w->bus, NULL, &def, &tag), MR_OK);
    assert_int_equal(mr_tag_write(tag, &s, 0, MR_NO_TIME), MR_INVALID);
    memset(large, 'x', sizeof large);
    s.as.ptr = large;
    s.len = 65537;
    assert_int_equal(mr_tag_write(tag, &s, 0, MR_NO_TIME), MR_TOO_BIG);
    s.len = 65536;
    assert_int_equal(mr_tag_write(tag, &s, 0, MR_NO_TIME), MR_OK);
    assert_int_equal(mr_tag_write(NULL, &i, 0, MR_NO_TIME), MR_INVALID);
    world_free(w);
}

static void wrong_definitions_are_refused(void **unused)
{
    struct world *w = world_new(NULL);
    struct mr_tag *tag;
    char long_text[258];
    memset(long_text, 'x', 257);
    long_text[257] = '\0';
    const struct {
        struct mr_tag_def def;
        enum mr_rc rc;
    } wrong[] = {
        {{.size = 1}, MR_INVALID},
        {{.size = sizeof wrong[0].def}, MR_INVALID},
        {{.size = sizeof wrong[0].def, .topic = "a/#"}, MR_INVALID},
        {{.size = sizeof wrong[0].def, .topic = "a", .type = 99}, MR_INVALID},
        {{.size = sizeof wrong[0].def, .topic = "a", .low = 2, .high = 1}, MR_INVALID},
        {{.size = sizeof wrong[0].def, .topic = "a", .low = (double)NAN}, MR_INVALID},
        {{.size = sizeof wrong[0].def, .topic = "a", .deadband = -1}, MR_INVALID},
        {{.size = sizeof wrong[0].def, .topic = "a", .unit = "123456789012345678901234567890123"}, MR_TOO_BIG},
        {{.size = sizeof wrong[0].def, .topic = "a", .description = long_text}, MR_TOO_BIG},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(mr_tag_open(w->bus, NULL, &wrong[i].def, &tag), wrong[i].rc);
    assert_int_equal(mr_tag_open(w->bus, NULL, NULL, &tag), MR_INVALID);
    (void)open_tag(w, NULL, "./twice");
    const struct mr_tag_def twice = {.size = sizeof twice, .topic = "./twice"};
    assert_int_equal(mr_tag_open(w->bus, NULL, &twice, &tag), MR_INVALID);
    world_free(w);
}

static void a_refused_tag_says_so_at_the_next_write(void **unused)
{
    struct world *w = world_new(NULL);
    struct mr_tag *tag = open_tag(w, NULL, "denied/t");
    (void)unused;
    assert_int_equal(write_f64(tag, 1), MR_OK);
    world_settle(w);
    assert_int_equal(write_f64(tag, 2), MR_DENIED);
    assert_string_equal(mr_reason(w->bus), "denied: ask somebody");
    assert_int_equal(w->agent.n_records, 0);
    world_free(w);
}

static void a_row_is_written_whole_or_not_at_all(void **unused)
{
    const struct mr_options opt = {.size = sizeof opt, .max_bytes = 1024 * 1024};
    struct world *w = world_new(&opt);
    struct mr_tag *tags[3] = {open_tag(w, NULL, "./a"), open_tag(w, NULL, "./b"), open_tag(w, NULL, "./c")};
    struct mr_value v[3] = {mr_f64(1), mr_f64(2), mr_f64(3)};
    enum mr_rc rc;
    (void)unused;
    assert_int_equal(mr_row_write(tags, v, 3, 5), MR_OK);
    world_settle(w);
    assert_int_equal(w->agent.n_records, 3);
    assert_int_equal(w->agent.records[0].source_us, 5);
    v[2] = mr_i64(3);
    assert_int_equal(mr_row_write(tags, v, 3, 5), MR_INVALID);
    v[2] = mr_f64(3);
    assert_int_equal(mr_row_write(tags, v, 0, 5), MR_INVALID);
    assert_int_equal(mr_row_write(tags, v, 1025, 5), MR_INVALID);
    w->is_listening = false;
    world_cut(w);
    world_settle(w);
    uint64_t rows = 0;
    while ((rc = mr_row_write(tags, v, 3, 5)) == MR_OK)
        rows++;
    assert_int_equal(rc, MR_ISOLATED);
    w->is_listening = true;
    world_pass(w, 2100);
    assert_int_equal(w->agent.n_records, 3 + rows * 3);
    world_free(w);
}

static void a_lost_device_dies_after_what_was_written_and_comes_back_with_the_next_value(void **unused)
{
    struct world *w = world_new(NULL);
    struct mr_device *plc, *again;
    (void)unused;
    assert_int_equal(mr_device_open(w->bus, "./plc1", &plc), MR_OK);
    assert_int_equal(mr_device_open(w->bus, "./plc1", &again), MR_INVALID);
    assert_int_equal(mr_device_open(w->bus, "a/+", &again), MR_INVALID);
    struct mr_tag *tag = open_tag(w, plc, "./plc1/x");
    world_settle(w);
    assert_string_equal(w->agent.device[0], "plc1");
    assert_int_equal(w->agent.births, 1);
    assert_int_equal(write_f64(tag, 1), MR_OK);
    assert_int_equal(mr_device_lost(plc, MR_STATUS_BAD_NO_COMMUNICATION, "cable"), MR_OK);
    assert_int_equal(mr_device_lost(plc, MR_STATUS_GOOD, NULL), MR_INVALID);
    world_settle(w);
    assert_int_equal(w->agent.deaths, 1);
    assert_int_equal(w->agent.records_at_death, 1);
    assert_int_equal(wire_last(&w->agent)->publisher, w->agent.named[0]);
    assert_int_equal(write_f64(tag, 2), MR_OK);
    world_pass(w, 10);
    assert_int_equal(w->agent.births, 2);
    assert_int_equal(w->agent.n_records, 2);
    world_cut(w);
    world_pass(w, 100);
    assert_int_equal(w->agent.births, 3); /* named and born again at the new session */
    world_free(w);
}

static void an_agent_started_anew_gets_the_last_values_again(void **unused)
{
    struct world *w = world_new(NULL);
    struct mr_tag *written = open_tag(w, NULL, "./a"), *queued = open_tag(w, NULL, "./b");
    const struct mr_value v = mr_f64(3);
    (void)unused;
    (void)open_tag(w, NULL, "./never");
    assert_int_equal(mr_tag_write(written, &v, MR_STATUS_UNCERTAIN, 77), MR_OK);
    assert_int_equal(write_f64(queued, 1), MR_OK);
    world_settle(w);
    world_cut(w);
    world_pass(w, 100);
    assert_int_equal(w->agent.n_records, 2); /* the same agent has them */
    world_cut(w);
    w->agent.nonce = 2;
    world_settle(w);
    assert_int_equal(write_f64(queued, 2), MR_OK);
    world_pass(w, 100);
    assert_int_equal(w->agent.n_records, 4);
    assert_true(w->agent.records[2].f64 == 2);
    assert_true(wire_last(&w->agent)->f64 == 3);
    assert_int_equal(wire_last(&w->agent)->source_us, 77);
    assert_int_equal(wire_last(&w->agent)->status, MR_STATUS_UNCERTAIN);
    world_free(w);
}

static void a_removed_value_does_not_come_back_with_a_new_agent(void **unused)
{
    struct world *w = world_new(NULL);
    struct mr_tag *tag = open_tag(w, NULL, "./a");
    const struct mr_pub removal = {.size = sizeof removal, .topic = "./a", .flags = MR_CLEAR};
    (void)unused;
    assert_int_equal(write_f64(tag, 1), MR_OK);
    assert_int_equal(mr_publish_opt(w->bus, &removal), MR_OK);
    world_settle(w);
    assert_int_equal(w->agent.n_records, 2);
    world_cut(w);
    w->agent.nonce = 2;
    world_pass(w, 100);
    assert_int_equal(w->agent.n_records, 2);
    world_free(w);
}

static void every_failed_allocation_of_a_tag_is_a_result(void **unused)
{
    (void)unused;
    for (unsigned n = 1;; n++) {
        const struct mr_tag_def def = {.size = sizeof def, .topic = "./a", .unit = "mm", .description = "x"};
        struct world *w = world_new(NULL);
        struct mr_tag *tag;
        size_t before = mem_outstanding();
        mem_fail_at(n);
        enum mr_rc rc = mr_tag_open(w->bus, NULL, &def, &tag);
        bool failed = mem_fail_off();
        if (failed) {
            assert_int_equal(rc, MR_NO_MEMORY);
            assert_in_range(mem_outstanding(), before, before + 4); /* the tables' memory stays */
            assert_int_equal(mr_tag_open(w->bus, NULL, &def, &tag), MR_OK);
        }
        world_free(w);
        if (!failed)
            return;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_agent_gets_the_definition),
        cmocka_unit_test(a_value_is_kept_and_has_its_source_time),
        cmocka_unit_test(quality_alone_repeats_the_last_value_and_its_time),
        cmocka_unit_test(a_closed_tag_leaves_its_last_value_uncertain),
        cmocka_unit_test(a_value_must_be_of_the_tags_type),
        cmocka_unit_test(wrong_definitions_are_refused),
        cmocka_unit_test(a_refused_tag_says_so_at_the_next_write),
        cmocka_unit_test(a_row_is_written_whole_or_not_at_all),
        cmocka_unit_test(a_lost_device_dies_after_what_was_written_and_comes_back_with_the_next_value),
        cmocka_unit_test(an_agent_started_anew_gets_the_last_values_again),
        cmocka_unit_test(a_removed_value_does_not_come_back_with_a_new_agent),
        cmocka_unit_test(every_failed_allocation_of_a_tag_is_a_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
