/* test_presence.c - lives in the order of (birth epoch, link number), and the tags they were born with. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "bus/presence.h"

struct world {
    struct names *names;
    struct presence *presence;
    uint32_t machine, app;
};

static int open_world(void **state)
{
    static struct world w;
    const struct names_limits limits = {100, 100};
    assert_int_equal(names_new(&w.names, &limits, 1), MR_OK);
    assert_int_equal(presence_new(&w.presence, w.names, 3, 1), MR_OK);
    assert_int_equal(names_publisher(w.names, "press-07", "", &w.machine), MR_OK);
    assert_int_equal(names_publisher(w.names, "press-07", "oil", &w.app), MR_OK);
    *state = &w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;
    presence_free(w->presence);
    names_free(w->names);
    return 0;
}

static enum presence_result born(struct world *w, uint32_t publisher, uint64_t birth, uint32_t link)
{
    enum presence_result result;
    const struct session_birth said = {
        .publisher = publisher, .link = link, .birth = birth, .since_us = 1000, .first_seq = 7};
    assert_int_equal(presence_birth(w->presence, &said, &result), MR_OK);
    return result;
}

static enum presence_result dead(struct world *w, uint32_t publisher, uint64_t birth, uint32_t link)
{
    enum presence_result result;
    const struct session_death death = {
        .publisher = publisher, .link = link, .status = 0x408F0000, .birth = birth, .reason = "gone"};
    assert_int_equal(presence_death(w->presence, &death, 2000, &result), MR_OK);
    return result;
}

static void who_was_never_heard_of_does_not_live(void **state)
{
    struct world *w = *state;
    assert_null(presence_get(w->presence, w->machine));
    assert_false(presence_lives_in(w->presence, w->machine, 0, 7));
    assert_false(presence_lives_in(w->presence, 12345, 1, 7));
}

static void a_birth_said_twice_changes_nothing(void **state)
{
    struct world *w = *state;
    assert_int_equal(born(w, w->machine, 5, 1), PRESENCE_CHANGED);
    assert_int_equal(born(w, w->machine, 5, 1), PRESENCE_SAME);
    assert_true(presence_lives_in(w->presence, w->machine, 5, 7));
    assert_false(presence_lives_in(w->presence, w->machine, 4, 7));
}

/* promise: presence */
static void a_late_death_never_overrides_a_newer_link(void **state)
{
    struct world *w = *state;
    born(w, w->machine, 5, 2);
    assert_int_equal(dead(w, w->machine, 5, 1), PRESENCE_OLD);
    assert_int_equal(dead(w, w->machine, 4, 9), PRESENCE_OLD);
    assert_true(presence_lives_in(w->presence, w->machine, 5, 7));
    assert_int_equal(dead(w, w->machine, 5, 2), PRESENCE_CHANGED);
    assert_false(presence_lives_in(w->presence, w->machine, 5, 7));
    const struct life *life = presence_get(w->presence, w->machine);
    assert_string_equal(life->reason, "gone");
    assert_int_equal(life->status, 0x408F0000);
}

/* promise: presence */
static void the_death_of_a_machine_is_final_for_its_link(void **state)
{
    struct world *w = *state;
    born(w, w->machine, 5, 2);
    dead(w, w->machine, 5, 2);
    assert_int_equal(dead(w, w->machine, 5, 2), PRESENCE_SAME);
    assert_int_equal(born(w, w->machine, 5, 2), PRESENCE_OLD);
    assert_int_equal(born(w, w->machine, 5, 3), PRESENCE_CHANGED);
    assert_true(presence_lives_in(w->presence, w->machine, 5, 7));
}

static void an_app_may_come_again_within_one_link(void **state)
{
    struct world *w = *state;
    born(w, w->machine, 5, 2);
    born(w, w->app, 5, 2);
    dead(w, w->app, 5, 2);
    assert_false(presence_lives_in(w->presence, w->app, 5, 7));
    assert_int_equal(born(w, w->app, 5, 2), PRESENCE_CHANGED);
    assert_true(presence_lives_in(w->presence, w->app, 5, 7));
}

/* promise: value-stale */
static void what_an_earlier_life_of_an_app_wrote_is_not_fresh(void **state)
{
    struct world *w = *state;
    born(w, w->machine, 5, 2);
    born(w, w->app, 5, 2); /* its first number is 7 */
    assert_true(presence_lives_in(w->presence, w->app, 5, 7));
    assert_false(presence_lives_in(w->presence, w->app, 5, 6));
    assert_true(presence_lives_in(w->presence, w->machine, 5, 6));
}

static void the_death_of_a_machine_is_the_death_of_its_apps(void **state)
{
    struct world *w = *state;
    born(w, w->machine, 5, 2);
    born(w, w->app, 5, 2);
    dead(w, w->machine, 5, 2);
    assert_false(presence_lives_in(w->presence, w->app, 5, 7));
    born(w, w->machine, 5, 3);
    assert_false(presence_lives_in(w->presence, w->app, 5, 7)); /* until the new link says so */
    born(w, w->app, 5, 3);
    assert_true(presence_lives_in(w->presence, w->app, 5, 7));
}

static void what_is_forgotten_begins_anew(void **state)
{
    struct world *w = *state;
    born(w, w->machine, 5, 2);
    presence_forget(w->presence, w->machine);
    presence_forget(w->presence, 99999);
    assert_null(presence_get(w->presence, w->machine));
    assert_int_equal(born(w, w->machine, 5, 2), PRESENCE_CHANGED);
}

static void a_walk_meets_every_life_once(void **state)
{
    struct world *w = *state;
    uint32_t cursor = 0;
    assert_null(presence_walk(w->presence, &cursor));
    born(w, w->machine, 5, 1);
    dead(w, w->app, 5, 1);
    cursor = 0;
    assert_int_equal(presence_walk(w->presence, &cursor)->publisher, w->machine);
    assert_int_equal(presence_walk(w->presence, &cursor)->publisher, w->app);
    assert_null(presence_walk(w->presence, &cursor));
}

static const struct session_tag oil = {
    .topic = 7, .type = MR_F64, .unit = "Cel", .description = "oil", .low = NAN, .high = 90, .deadband = 0.5};

static void a_definition_changes_its_version_only_when_it_changes(void **state)
{
    struct world *w = *state;
    const struct tag *tag;
    assert_null(presence_get_tag(w->presence, w->app, 7));
    assert_int_equal(presence_tag(w->presence, w->app, &oil, &tag), MR_OK);
    assert_int_equal(tag->version, 1);
    assert_int_equal(presence_tag(w->presence, w->app, &oil, &tag), MR_OK);
    assert_int_equal(tag->version, 1);
    struct session_tag other = oil;
    other.unit = "K";
    assert_int_equal(presence_tag(w->presence, w->app, &other, &tag), MR_OK);
    assert_int_equal(tag->version, 2);
    assert_string_equal(presence_get_tag(w->presence, w->app, 7)->def.unit, "K");
    assert_null(presence_get_tag(w->presence, w->machine, 7));
}

static void more_definitions_than_the_limit_are_refused(void **state)
{
    struct world *w = *state;
    const struct tag *tag;
    struct session_tag def = oil;
    for (def.topic = 1; def.topic <= 3; def.topic++)
        assert_int_equal(presence_tag(w->presence, w->app, &def, &tag), MR_OK);
    assert_int_equal(presence_tag(w->presence, w->app, &def, &tag), MR_TOO_BIG);
    def.topic = 2;
    def.unit = "K";
    assert_int_equal(presence_tag(w->presence, w->app, &def, &tag), MR_OK);
    uint32_t cursor = 0, n = 0;
    while (presence_walk_tags(w->presence, &cursor))
        n++;
    assert_int_equal(n, 3);
}

static void failed_allocations_leave_nothing_behind(void **state)
{
    struct world *w = *state;
    size_t before = mem_outstanding();
    for (unsigned at = 1, failed = 1; failed; at++) {
        struct presence *p = NULL;
        const struct tag *tag;
        enum presence_result result;
        const struct session_death death = {.publisher = w->machine, .birth = 1, .reason = "gone"};
        mem_fail_at(at);
        enum mr_rc rc = presence_new(&p, w->names, 10, 1);
        if (!rc)
            rc = presence_death(p, &death, 1, &result);
        if (!rc)
            rc = presence_tag(p, w->machine, &oil, &tag);
        failed = mem_fail_off();
        const struct life *life = rc ? NULL : presence_get(p, w->machine);
        bool is_nameless = life && !life->alive && strcmp(life->reason, "") == 0; /* dead all the same */
        assert_int_equal(rc, failed && !is_nameless ? MR_NO_MEMORY : MR_OK);
        presence_free(p);
        assert_int_equal(mem_outstanding(), before);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_was_never_heard_of_does_not_live),
        TEST(a_birth_said_twice_changes_nothing),
        TEST(a_late_death_never_overrides_a_newer_link),
        TEST(the_death_of_a_machine_is_final_for_its_link),
        TEST(an_app_may_come_again_within_one_link),
        TEST(what_an_earlier_life_of_an_app_wrote_is_not_fresh),
        TEST(the_death_of_a_machine_is_the_death_of_its_apps),
        TEST(what_is_forgotten_begins_anew),
        TEST(a_walk_meets_every_life_once),
        TEST(a_definition_changes_its_version_only_when_it_changes),
        TEST(more_definitions_than_the_limit_are_refused),
        TEST(failed_allocations_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
