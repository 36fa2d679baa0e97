/* test_hub_table.c - last values over restarts: what is saved, what is restored and how it is shown, and when a CLEAR is
 * acknowledged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "bus/table.h"
#include "proto/limits.h"
#include "world.h"

enum { ROOM = 8 * 1024 * 1024, DAY_MS = 24 * 3600 * 1000, MARK = 0 };

static const struct saved_source *const saved = &hub_table_source;
static struct world world;

static int set_up(void **state)
{
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    world_close(*state);
    assert_int_equal(mem_outstanding(), 0);
    return 0;
}

/* -- the disk of these tests: a buffer -- */
static unsigned save(struct hub *h, struct buf *out)
{
    unsigned slices = 0;
    enum mr_rc rc = MR_OK;
    buf_init(out, ROOM);
    saved->begin(h);
    for (; rc == MR_OK; slices++)
        rc = saved->next(h, out);
    assert_int_equal(rc, MR_NOT_FOUND);
    return slices;
}

static void saved_up_to_now(struct hub *h)
{
    saved->done(h, saved->version(h), true);
}

static void restore(struct hub *h, const struct buf *disk)
{
    struct err note = {{0}}, err = {{0}};
    if (saved->restore(h, disk->data, disk->len, &note, &err) != MR_OK)
        fail_msg("%s", err.text);
    assert_true(*note.text);
}

/* The items of a table as lines "topic identity/part birth seq" with "cleared" or a unit. */
static const char *items_of(const struct buf *disk)
{
    static char text[4096];
    struct table_reader r;
    struct table_head head;
    struct table_item item;
    size_t len = 0;
    text[0] = '\0';
    assert_int_equal(table_read_head(&r, disk->data, disk->len, &head, NULL), MR_OK);
    while (table_read_item(&r, &item, NULL) == MR_OK && len < sizeof text)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s %s/%s %u %u%s%s%s\n", item.topic, item.identity,
                                item.part, (unsigned)item.slot.head.birth, (unsigned)item.slot.seq,
                                item.slot.cleared ? " cleared" : "", item.has_tag ? " " : "",
                                item.has_tag ? item.tag.unit : "");
    return text;
}

static struct hub *agent_hub(struct world *w, unsigned agent)
{
    return w->agents[agent].hub;
}

static struct hub *broker_hub(struct world *w)
{
    return w->brokers[0].hub;
}

/* An agent with an app that wrote a tag, a raw value and removed another. */
static void live(struct world *w, struct buf *disk)
{
    struct app *a = &w->apps[0];
    world_open(w, 2);
    w->utc_us = INT64_C(1800000000000000); /* a clock that is set */
    world_connect(w, 0);
    world_connect(w, 1);
    app_open(w, a, 0, "a");
    app_open_topic(a, 1, "./t", "bar");
    app_open_topic(a, 2, "./raw", NULL);
    app_open_topic(a, 3, "./gone", NULL);
    app_write(a, 1, 5, MR_KEEP);
    app_write(a, 2, 6, MR_KEEP);
    app_write(a, 3, 7, MR_KEEP);
    app_write(a, 3, 0, MR_CLEAR);
    world_pump(w);
    if (disk)
        save(agent_hub(w, 0), disk);
}

/* -- what is saved -- */
static void an_agent_saves_what_its_apps_wrote_and_removed(void **state)
{
    struct buf disk;
    live(*state, &disk);
    assert_string_equal(items_of(&disk),
                        "demo/m1/t m1/a 1000 1 bar\ndemo/m1/raw m1/a 1000 2\ndemo/m1/gone m1/a 1000 4 cleared\n");
    buf_fini(&disk);
}

static void an_agent_saves_nothing_of_others_and_nothing_it_publishes_itself(void **state)
{
    struct world *w = *state;
    struct app *b = &w->apps[1];
    const struct session_tag def = {.unit = "", .description = ""};
    const struct mr_value value = {.type = MR_BOOL, .as.b = true};
    struct buf disk;
    uint32_t topic;
    live(w, NULL);
    uint64_t before = saved->version(agent_hub(w, 1));
    app_open(w, b, 1, "b");
    app_subscribe(b, 1, "#");
    world_pump(w);
    assert_non_null(strstr(app_told(b), "demo/m1/t=5"));
    assert_int_equal(hub_tag_open(agent_hub(w, 1), &def, "./cpu", &topic, NULL), MR_OK);
    assert_int_equal(hub_tag_write(agent_hub(w, 1), topic, &value, 0, MR_KEEP, MR_NO_TIME), MR_OK);
    world_pump(w);
    assert_true(saved->version(agent_hub(w, 1)) == before); /* no reason to save */
    save(agent_hub(w, 1), &disk);
    assert_string_equal(items_of(&disk), "");
    buf_fini(&disk);
    save(broker_hub(w), &disk);
    assert_non_null(strstr(items_of(&disk), "demo/m2/cpu m2/ ")); /* but its broker saves it */
    buf_fini(&disk);
}

static void a_broker_saves_what_all_machines_wrote(void **state)
{
    struct world *w = *state;
    struct buf disk;
    live(w, NULL);
    assert_true(saved->version(broker_hub(w)) > 0);
    save(broker_hub(w), &disk);
    assert_string_equal(items_of(&disk),
                        "demo/m1/t m1/a 1000 1 bar\ndemo/m1/raw m1/a 1000 2\ndemo/m1/gone m1/a 1000 4 cleared\n");
    buf_fini(&disk);
}

static void what_is_not_kept_is_no_change(void **state)
{
    struct world *w = *state;
    live(w, NULL);
    uint64_t before = saved->version(agent_hub(w, 0));
    app_write(&w->apps[0], 2, 8, 0);
    world_pump(w);
    assert_true(saved->version(agent_hub(w, 0)) == before);
    app_write(&w->apps[0], 2, 8, MR_KEEP);
    world_pump(w);
    assert_true(saved->version(agent_hub(w, 0)) == before + 1);
}

static void a_large_table_is_saved_in_slices_while_it_changes(void **state)
{
    enum { TOPICS = 5000 };
    struct world *w = *state;
    struct hub *h;
    const struct session_tag def = {.unit = "", .description = ""};
    const struct mr_value value = {.type = MR_I64, .as.i64 = 1};
    char name[32];
    uint32_t topics[TOPICS];
    struct buf disk;
    enum mr_rc rc = MR_OK;
    unsigned slices = 0;
    world_open(w, 1);
    w->max_topics = w->max_slots = 2 * TOPICS;
    world_new_agent(w, 0, 2000);
    world_restart_broker(w);
    world_connect(w, 0);
    h = agent_hub(w, 0);
    for (unsigned i = 0; i < TOPICS; i++) {
        snprintf(name, sizeof name, "./tag/%u", i);
        assert_int_equal(hub_tag_open(h, &def, name, &topics[i], NULL), MR_OK);
        assert_int_equal(hub_tag_write(h, topics[i], &value, 0, MR_KEEP, MR_NO_TIME), MR_OK);
        if (i % 500 == 0)
            world_pump(w);
    }
    world_pump(w);
    h = broker_hub(w);
    buf_init(&disk, ROOM);
    saved->begin(h);
    for (; rc == MR_OK; slices++) {
        size_t before = disk.len;
        rc = saved->next(h, &disk);
        assert_true(disk.len - before < 400 * 1024);
        assert_int_equal(hub_tag_write(agent_hub(w, 0), topics[slices * 7 % TOPICS], &value, 0, MR_CLEAR, MR_NO_TIME),
                         MR_OK);
        world_pump(w);
    }
    assert_true(slices >= TOPICS / 1024);
    struct table_head head;
    assert_int_equal(table_check(disk.data, disk.len, &head, NULL), MR_OK);
    buf_fini(&disk);
}

/* -- what is restored -- */
static void a_restarted_agent_shows_its_values_as_stale_until_they_are_written(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0];
    struct buf disk;
    live(w, &disk);
    world_new_agent(w, 0, 2000);
    restore(agent_hub(w, 0), &disk);
    app_open(w, a, 0, "a");
    app_subscribe(a, 1, "demo/#");
    world_pump(w);
    const char *told = app_told(a);
    assert_non_null(strstr(told, "demo/m1/t=5 by m1/a snapshot stale"));
    assert_non_null(strstr(told, "demo/m1/raw=6 by m1/a snapshot stale"));
    assert_null(strstr(told, "gone=7"));
    app_open_topic(a, 1, "./t", "bar");
    app_write(a, 1, 9, MR_KEEP);
    world_pump(w);
    assert_non_null(strstr(app_told(a), "demo/m1/t=9 by m1/a\n"));
    buf_fini(&disk);
}

static void what_is_restored_keeps_its_version_also_on_the_way_to_the_broker(void **state)
{
    struct world *w = *state;
    struct buf disk, again;
    live(w, &disk);
    char before[4096];
    snprintf(before, sizeof before, "%s", items_of(&disk));
    world_new_agent(w, 0, 2000);
    world_restart_broker(w); /* it knows nothing any more */
    restore(agent_hub(w, 0), &disk);
    save(agent_hub(w, 0), &again);
    assert_string_equal(items_of(&again), before);
    buf_fini(&again);
    world_connect(w, 0);
    world_pass(w, 50);
    save(broker_hub(w), &again);
    assert_string_equal(items_of(&again), before);
    buf_fini(&again);
    buf_fini(&disk);
}

static void a_birth_that_is_refused_renumbers_nothing_that_was_restored(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0];
    struct buf disk, again;
    live(w, &disk);
    world_new_agent(w, 0, 2000);
    restore(agent_hub(w, 0), &disk);
    app_open(w, a, 0, "a");
    app_open_topic(a, 2, "./raw", NULL);
    app_write(a, 2, 8, MR_KEEP);
    world_pump(w);
    hub_set_birth(agent_hub(w, 0), 3000);
    save(agent_hub(w, 0), &again);
    assert_string_equal(items_of(&again),
                        "demo/m1/t m1/a 1000 1 bar\ndemo/m1/raw m1/a 3000 2\ndemo/m1/gone m1/a 1000 4 cleared\n");
    buf_fini(&again);
    buf_fini(&disk);
}

static void a_restarted_broker_shows_values_before_their_machines_come_back(void **state)
{
    struct world *w = *state;
    struct app *b = &w->apps[1];
    struct buf disk;
    live(w, NULL);
    save(broker_hub(w), &disk);
    world_restart_broker(w);
    restore(broker_hub(w), &disk);
    world_connect(w, 1);
    app_open(w, b, 1, "b");
    app_subscribe(b, 1, "demo/#");
    world_pass(w, 50);
    assert_non_null(strstr(app_told(b), "demo/m1/t=5 by m1/a snapshot stale"));
    world_connect(w, 0); /* it never died: its values are its own again */
    world_pass(w, 50);
    const char *told = app_told(b);
    assert_non_null(strstr(told, "demo/m1/t=5 by m1/a snapshot\n"));
    assert_null(strstr(told, "gone=7"));
    buf_fini(&disk);
}

static void a_machine_whose_birth_was_rolled_back_is_born_above_what_was_restored(void **state)
{
    struct world *w = *state;
    struct buf disk;
    live(w, NULL);
    save(broker_hub(w), &disk);
    world_restart_broker(w);
    restore(broker_hub(w), &disk);
    world_new_agent(w, 0, 999);
    world_connect(w, 0);
    world_pass(w, 50);
    assert_true(w->agents[0].birth_floor == 1000);
    buf_fini(&disk);
}

static void what_was_removed_stays_so_for_as_long_as_a_tombstone_stands(void **state)
{
    struct world *w = *state;
    struct buf disk, again;
    live(w, NULL);
    w->now_ns += (int64_t)4 * DAY_MS * 1000000;
    save(broker_hub(w), &disk);
    w->utc_us += (int64_t)2 * DAY_MS * 1000;
    world_restart_broker(w);
    restore(broker_hub(w), &disk);
    hub_tick(broker_hub(w));
    save(broker_hub(w), &again);
    assert_non_null(strstr(items_of(&again), "gone m1/a 1000 4 cleared"));
    buf_fini(&again);
    w->now_ns += (int64_t)2 * DAY_MS * 1000000;
    hub_tick(broker_hub(w));
    save(broker_hub(w), &again);
    assert_null(strstr(items_of(&again), "gone"));
    buf_fini(&again);
    buf_fini(&disk);
}

static void an_agent_takes_only_its_own_of_earlier_births(void **state)
{
    struct world *w = *state;
    struct buf disk, again;
    live(w, &disk);
    restore(agent_hub(w, 1), &disk); /* a copied folder */
    save(agent_hub(w, 1), &again);
    assert_string_equal(items_of(&again), "");
    buf_fini(&again);
    world_new_agent(w, 0, 1000); /* its birth was rolled back: what it writes would be older */
    restore(agent_hub(w, 0), &disk);
    save(agent_hub(w, 0), &again);
    assert_string_equal(items_of(&again), "");
    buf_fini(&again);
    buf_fini(&disk);
}

static void what_is_older_than_what_is_there_is_not_taken(void **state)
{
    struct world *w = *state;
    struct buf disk, again;
    live(w, NULL);
    save(broker_hub(w), &disk);
    app_write(&w->apps[0], 1, 6, MR_KEEP);
    world_pump(w);
    restore(broker_hub(w), &disk);
    save(broker_hub(w), &again);
    assert_non_null(strstr(items_of(&again), "demo/m1/t m1/a 1000 5 bar"));
    buf_fini(&again);
    buf_fini(&disk);
}

static void nothing_is_taken_of_a_table_that_is_old_or_damaged(void **state)
{
    struct world *w = *state;
    struct err note = {{0}}, err = {{0}};
    struct buf disk, again;
    live(w, NULL);
    save(broker_hub(w), &disk);
    world_restart_broker(w);
    disk.len--;
    assert_int_equal(saved->restore(broker_hub(w), disk.data, disk.len, &note, &err), MR_INVALID);
    disk.len++;
    w->utc_us += (int64_t)(TABLE_MERGE_MAX_DAYS + 1) * DAY_MS * 1000;
    assert_int_equal(saved->restore(broker_hub(w), disk.data, disk.len, &note, &err), MR_TIMEOUT);
    save(broker_hub(w), &again);
    assert_string_equal(items_of(&again), "");
    buf_fini(&again);
    buf_fini(&disk);
}

static void a_table_larger_than_ours_is_taken_in_part(void **state)
{
    struct world *w = *state;
    struct err note = {{0}}, err = {{0}};
    struct buf disk;
    live(w, NULL);
    save(broker_hub(w), &disk);
    w->max_slots = 2;
    world_restart_broker(w);
    assert_int_equal(saved->restore(broker_hub(w), disk.data, disk.len, &note, &err), MR_OK);
    assert_non_null(strstr(note.text, "2 values and 0 removed ones"));
    assert_non_null(strstr(note.text, "1 left out"));
    buf_fini(&disk);
}

static void each_failed_allocation_is_told(void **state)
{
    struct world *w = *state;
    struct err note = {{0}}, err = {{0}};
    struct buf disk;
    enum mr_rc rc = MR_NO_MEMORY;
    live(w, NULL);
    save(broker_hub(w), &disk);
    for (unsigned n = 1; rc; n++) {
        world_restart_broker(w);
        mem_fail_at(n);
        rc = saved->restore(broker_hub(w), disk.data, disk.len, &note, &err);
        assert_int_equal(rc, mem_fail_off() ? MR_NO_MEMORY : MR_OK);
    }
    buf_fini(&disk);
}

/* -- who waits -- */
/* Asks the agent how far it has come, as mr_flush() does; has it answered? */
static bool is_answered(struct world *w, struct app *a)
{
    a->open_rc[MARK] = MR_UNKNOWN;
    app_open_topic(a, MARK, "$sync", NULL);
    world_pump(w);
    return a->open_rc[MARK] != MR_UNKNOWN;
}

static void a_clear_is_acknowledged_when_it_is_saved(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0];
    live(w, NULL);
    struct hub *h = agent_hub(w, 0);
    hub_await_saves(h);
    saved_up_to_now(h);
    assert_true(is_answered(w, a));
    app_write(a, 1, 9, MR_KEEP);
    assert_true(is_answered(w, a)); /* nobody waits for a value */
    app_write(a, 1, 0, MR_CLEAR);
    world_pump(w);
    uint64_t version = saved->version(h);
    assert_false(saved->is_awaited(h));
    assert_false(is_answered(w, a));
    assert_true(saved->is_awaited(h));
    saved->done(h, version - 1, true);
    world_pump(w);
    assert_int_equal(a->open_rc[MARK], MR_UNKNOWN); /* that save was begun before */
    saved->done(h, version, true);
    world_pump(w);
    assert_int_equal(a->open_rc[MARK], MR_OK);
    assert_false(saved->is_awaited(h));
    assert_true(is_answered(w, a));
}

static void topics_are_opened_meanwhile_and_other_apps_do_not_wait(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    live(w, NULL);
    hub_await_saves(agent_hub(w, 0));
    saved_up_to_now(agent_hub(w, 0));
    app_open(w, b, 0, "b");
    app_write(a, 1, 0, MR_CLEAR);
    world_pump(w);
    assert_false(is_answered(w, a));
    app_open_topic(a, 5, "./new", NULL);
    world_pump(w);
    assert_true(a->opened[5] > 0);
    assert_true(is_answered(w, b));
}

static void a_disk_that_fails_lets_go_who_waits(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0];
    live(w, NULL);
    struct hub *h = agent_hub(w, 0);
    hub_await_saves(h);
    saved_up_to_now(h);
    app_write(a, 1, 0, MR_CLEAR);
    world_pump(w);
    assert_false(is_answered(w, a));
    saved->done(h, saved->version(h), false);
    world_pump(w);
    assert_int_equal(a->open_rc[MARK], MR_OK);
}

static void an_app_that_leaves_while_it_waits_leaves_nothing_behind(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0];
    live(w, NULL);
    hub_await_saves(agent_hub(w, 0));
    app_write(a, 1, 0, MR_CLEAR);
    world_pump(w);
    assert_false(is_answered(w, a));
    app_close(a, false);
    saved_up_to_now(agent_hub(w, 0));
    assert_false(saved->is_awaited(agent_hub(w, 0)));
}

static void where_nothing_is_saved_nobody_waits(void **state)
{
    struct world *w = *state;
    live(w, NULL);
    app_write(&w->apps[0], 1, 0, MR_CLEAR);
    world_pump(w);
    assert_true(is_answered(w, &w->apps[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_agent_saves_what_its_apps_wrote_and_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_agent_saves_nothing_of_others_and_nothing_it_publishes_itself, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_broker_saves_what_all_machines_wrote, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_kept_is_no_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_large_table_is_saved_in_slices_while_it_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_restarted_agent_shows_its_values_as_stale_until_they_are_written, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_restored_keeps_its_version_also_on_the_way_to_the_broker, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_birth_that_is_refused_renumbers_nothing_that_was_restored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_restarted_broker_shows_values_before_their_machines_come_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_machine_whose_birth_was_rolled_back_is_born_above_what_was_restored, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_was_removed_stays_so_for_as_long_as_a_tombstone_stands, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_agent_takes_only_its_own_of_earlier_births, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_older_than_what_is_there_is_not_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_taken_of_a_table_that_is_old_or_damaged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_table_larger_than_ours_is_taken_in_part, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_failed_allocation_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_clear_is_acknowledged_when_it_is_saved, set_up, tear_down),
        cmocka_unit_test_setup_teardown(topics_are_opened_meanwhile_and_other_apps_do_not_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_disk_that_fails_lets_go_who_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_app_that_leaves_while_it_waits_leaves_nothing_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(where_nothing_is_saved_nobody_waits, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
