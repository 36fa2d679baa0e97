/* test_lastval.c - slots: single writer, merged by the highest version, bounded, walked and purged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rand.h"
#include "bus/lastval.h"

enum { SLOTS = 12, SLOTS_EACH = 4, TOMBSTONE_NS = 100 };

struct world {
    struct names *names;
    struct lastval *table;
};

static const struct lastval_limits limits = {
    .max_slots = SLOTS, .max_slots_per_topic = SLOTS_EACH, .tombstone_ns = TOMBSTONE_NS};

static int open_world(void **state)
{
    static struct world w;
    const struct names_limits names_limits = {100, 100};
    uint32_t id;
    char identity[16];
    assert_int_equal(names_new(&w.names, &names_limits, 1), MR_OK);
    for (int i = 1; i <= 9; i++) {
        snprintf(identity, sizeof identity, "m%d", i);
        assert_int_equal(names_publisher(w.names, identity, "", &id), MR_OK);
    }
    assert_int_equal(lastval_new(&w.table, &limits, w.names), MR_OK);
    *state = &w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;
    lastval_free(w->table);
    names_free(w->names);
    return 0;
}

static enum lastval_result put_flags(struct world *w, uint32_t topic, uint32_t owner, uint64_t birth, uint64_t seq,
                                     const char *text, uint32_t flags, int64_t now_ns)
{
    enum lastval_result result = LASTVAL_REFUSED;
    const struct batch_head head = {.birth = birth, .publisher = owner, .broker_us = (int64_t)seq};
    const struct record record = {
        .topic = topic, .flags = flags, .seq = seq, .body = (const uint8_t *)text, .body_len = (uint32_t)strlen(text)};
    assert_int_equal(lastval_put(w->table, &head, owner, &record, now_ns, &result), MR_OK);
    return result;
}

static enum lastval_result put(struct world *w, uint32_t topic, uint32_t owner, uint64_t birth, uint64_t seq,
                               const char *text)
{
    return put_flags(w, topic, owner, birth, seq, text, MR_KEEP, 1);
}

static const struct slot *only_slot(struct world *w, uint32_t topic)
{
    const struct slot *slots[SLOTS_EACH];
    assert_int_equal(lastval_get(w->table, topic, slots, SLOTS_EACH), 1);
    return slots[0];
}

static void assert_value(struct world *w, uint32_t topic, const char *text)
{
    const struct slot *slot = only_slot(w, topic);
    assert_int_equal(slot->body_len, strlen(text));
    assert_memory_equal(slot->body, text, slot->body_len);
}

/* promise: value-forward */
static void only_a_higher_version_is_taken(void **state)
{
    struct world *w = *state;
    assert_int_equal(put(w, 1, 1, 5, 10, "ten"), LASTVAL_TAKEN);
    assert_int_equal(put(w, 1, 1, 5, 10, "again"), LASTVAL_OLD);
    assert_int_equal(put(w, 1, 1, 5, 9, "nine"), LASTVAL_OLD);
    assert_int_equal(put(w, 1, 1, 4, 99, "an earlier birth"), LASTVAL_OLD);
    assert_value(w, 1, "ten");
    assert_int_equal(put(w, 1, 1, 5, 11, "eleven, and longer"), LASTVAL_TAKEN);
    assert_int_equal(put(w, 1, 1, 6, 1, "one"), LASTVAL_TAKEN);
    assert_value(w, 1, "one");
    assert_int_equal(lastval_count(w->table), 1);
}

/* promise: value-forward */
static void a_cleared_slot_stays_as_a_tombstone_and_does_not_come_back(void **state)
{
    struct world *w = *state;
    put(w, 1, 1, 5, 1, "value");
    assert_int_equal(put_flags(w, 1, 1, 5, 2, "", MR_CLEAR, 1000), LASTVAL_TAKEN);
    assert_true(only_slot(w, 1)->cleared);
    assert_int_equal(only_slot(w, 1)->body_len, 0);
    assert_int_equal(put(w, 1, 1, 5, 1, "value"), LASTVAL_OLD);
    lastval_expire(w->table, 1000 + TOMBSTONE_NS);
    assert_int_equal(lastval_count(w->table), 1);
    lastval_expire(w->table, 1001 + TOMBSTONE_NS);
    assert_int_equal(lastval_count(w->table), 0);
}

static void values_do_not_expire(void **state)
{
    struct world *w = *state;
    put(w, 1, 1, 5, 1, "value");
    lastval_expire(w->table, INT64_MAX);
    assert_int_equal(lastval_count(w->table), 1);
}

static void what_a_record_says_of_its_showing_is_not_stored(void **state)
{
    struct world *w = *state;
    put_flags(w, 1, 1, 5, 1, "v", MR_KEEP | MR_FORCED | MR_STALE | MR_FROM_SNAPSHOT, 1);
    assert_int_equal(only_slot(w, 1)->flags, MR_KEEP | MR_FORCED);
}

static void a_second_identity_is_told_and_one_too_many_refused(void **state)
{
    struct world *w = *state;
    assert_int_equal(put(w, 1, 1, 5, 1, "a"), LASTVAL_TAKEN);
    for (uint32_t owner = 2; owner <= SLOTS_EACH; owner++)
        assert_int_equal(put(w, 1, owner, 5, 1, "b"), LASTVAL_ANOTHER);
    assert_int_equal(put(w, 1, 2, 5, 2, "b"), LASTVAL_TAKEN);
    assert_int_equal(put(w, 1, 5, 5, 1, "c"), LASTVAL_REFUSED);
    const struct slot *slots[SLOTS_EACH];
    assert_int_equal(lastval_get(w->table, 1, slots, 2), 2);
    assert_int_equal(lastval_get(w->table, 1, slots, 0), 0);
    assert_int_equal(lastval_get(w->table, 999, slots, SLOTS_EACH), 0);
}

static void a_tombstone_makes_room_for_another_identity(void **state)
{
    struct world *w = *state;
    for (uint32_t owner = 1; owner <= SLOTS_EACH; owner++)
        put(w, 1, owner, 5, 1, "b");
    put_flags(w, 1, 2, 5, 2, "", MR_CLEAR, 1);
    assert_int_equal(put(w, 1, 5, 5, 1, "c"), LASTVAL_ANOTHER);
    assert_int_equal(lastval_count(w->table), SLOTS_EACH);
}

/* promise: bounded-memory */
static void a_full_table_refuses_new_slots_and_takes_old_ones(void **state)
{
    struct world *w = *state;
    for (uint32_t topic = 1; topic <= SLOTS; topic++)
        assert_int_equal(put(w, topic, 1, 5, 1, "v"), LASTVAL_TAKEN);
    assert_int_equal(put(w, SLOTS + 1, 1, 5, 1, "v"), LASTVAL_REFUSED);
    assert_int_equal(put(w, SLOTS, 1, 5, 2, "w"), LASTVAL_TAKEN);
}

static void a_walk_meets_every_slot_also_when_more_come_meanwhile(void **state)
{
    struct world *w = *state;
    put(w, 2, 1, 5, 1, "a");
    put(w, 2, 2, 5, 1, "b");
    put(w, 70, 1, 5, 1, "c");
    uint64_t cursor = 0;
    assert_int_equal(lastval_walk(w->table, &cursor)->owner, 1);
    put(w, 1, 1, 5, 1, "before the cursor");
    put(w, 71, 1, 5, 1, "behind it");
    assert_int_equal(lastval_walk(w->table, &cursor)->owner, 2);
    assert_int_equal(lastval_walk(w->table, &cursor)->topic, 70);
    assert_int_equal(lastval_walk(w->table, &cursor)->topic, 71);
    assert_null(lastval_walk(w->table, &cursor));
    assert_null(lastval_walk(w->table, &cursor));
}

static void purging_takes_what_was_named_and_nothing_else(void **state)
{
    struct world *w = *state;
    for (uint32_t topic = 1; topic <= 3; topic++)
        for (uint32_t owner = 1; owner <= 3; owner++)
            put(w, topic, owner, 5, 1, "v");
    lastval_purge_topic(w->table, 2, 3);
    lastval_purge_topic(w->table, 5000, 3);
    assert_int_equal(only_slot(w, 2)->owner, 3);
    lastval_purge_owner(w->table, 3);
    const struct slot *slots[SLOTS_EACH];
    assert_int_equal(lastval_get(w->table, 1, slots, SLOTS_EACH), 2);
    assert_int_equal(lastval_get(w->table, 2, slots, SLOTS_EACH), 0);
    assert_int_equal(lastval_count(w->table), 4);
}

static void the_slot_shown_first_is_live_then_late_then_by_identity(void **state)
{
    struct world *w = *state;
    put(w, 1, 1, 5, 10, "early");
    put(w, 1, 2, 5, 20, "late");
    put(w, 1, 3, 5, 20, "late too");
    const struct slot *s[SLOTS_EACH];
    lastval_get(w->table, 1, s, SLOTS_EACH);
    assert_true(lastval_compare(w->table, s[0], true, s[1], false) < 0);
    assert_true(lastval_compare(w->table, s[0], true, s[1], true) > 0);
    assert_true(lastval_compare(w->table, s[1], true, s[2], true) < 0);
    assert_int_equal(lastval_compare(w->table, s[1], false, s[1], false), 0);
}

/* Whatever order versions arrive in, and however often, two tables that saw the same end the same. */
/* promise: value-forward */
static void merging_is_independent_of_order_and_repetition(void **state)
{
    struct world *w = *state;
    struct rand_seeded seeded;
    rand_seeded_init(&seeded, 7);
    uint64_t best = 0;
    char text[24];
    for (int i = 0; i < 2000; i++) {
        uint64_t birth = 1 + rand_below(&seeded.source, 3), seq = 1 + rand_below(&seeded.source, 50);
        uint64_t version = birth * 1000 + seq;
        snprintf(text, sizeof text, "%lu", (unsigned long)version);
        enum lastval_result result = put(w, 1, 1, birth, seq, text);
        assert_int_equal(result, version > best ? LASTVAL_TAKEN : LASTVAL_OLD);
        best = version > best ? version : best;
        snprintf(text, sizeof text, "%lu", (unsigned long)best);
        assert_value(w, 1, text);
    }
}

static void an_owner_has_its_share_of_slots_and_of_bytes(void **state)
{
    struct world *w = *state;
    static const struct lastval_limits shares = {.max_slots = SLOTS,
                                                 .max_slots_per_topic = SLOTS_EACH,
                                                 .max_slots_per_owner = 3,
                                                 .max_bytes = 20,
                                                 .max_bytes_per_owner = 12,
                                                 .tombstone_ns = TOMBSTONE_NS};
    lastval_free(w->table);
    assert_int_equal(lastval_new(&w->table, &shares, w->names), MR_OK);
    assert_int_equal(put(w, 1, 1, 5, 1, "123456"), LASTVAL_TAKEN);
    assert_int_equal(put(w, 2, 1, 5, 2, "1234567"), LASTVAL_REFUSED);
    assert_int_equal(put(w, 2, 1, 5, 3, "123456"), LASTVAL_TAKEN);
    assert_int_equal(put(w, 2, 1, 5, 4, "1234567"), LASTVAL_REFUSED); /* nor may a slot grow */
    assert_int_equal(put(w, 3, 1, 5, 5, ""), LASTVAL_TAKEN);
    assert_int_equal(put(w, 4, 1, 5, 6, ""), LASTVAL_REFUSED);
    assert_int_equal(put(w, 4, 2, 5, 7, "12345678"), LASTVAL_TAKEN);
    assert_int_equal(put(w, 5, 3, 5, 8, "1"), LASTVAL_REFUSED);
    assert_int_equal(put_flags(w, 4, 2, 5, 9, "", MR_CLEAR, 10), LASTVAL_TAKEN); /* gives its bytes back */
    assert_int_equal(put(w, 5, 3, 5, 10, "12345678"), LASTVAL_TAKEN);
    lastval_purge_owner(w->table, 1);
    assert_int_equal(put(w, 4, 1, 5, 11, "123456789012"), LASTVAL_TAKEN);
}

static void the_slots_of_one_owner_are_found_without_the_others(void **state)
{
    struct world *w = *state;
    put(w, 1, 1, 5, 1, "a");
    put(w, 1, 2, 5, 1, "b");
    put(w, 7, 1, 5, 2, "c");
    const struct slot *first = lastval_next_of(w->table, 1, NULL), *second = lastval_next_of(w->table, 1, first);
    assert_int_equal(first->topic, 1);
    assert_int_equal(second->topic, 7);
    assert_null(lastval_next_of(w->table, 1, second));
    assert_null(lastval_next_of(w->table, 3, NULL));
    assert_null(lastval_next_of(w->table, 4000, NULL));
}

static void tombstones_are_forgotten_in_the_order_of_their_deaths(void **state)
{
    struct world *w = *state;
    for (uint32_t topic = 1; topic <= 3; topic++)
        put(w, topic, 1, 5, topic, "x");
    put_flags(w, 3, 1, 5, 10, "", MR_CLEAR, 10);
    put_flags(w, 1, 1, 5, 11, "", MR_CLEAR, 20);
    put_flags(w, 2, 1, 5, 12, "", MR_CLEAR, 30);
    put(w, 1, 1, 5, 13, "it lives again");
    lastval_expire(w->table, 10 + TOMBSTONE_NS);
    assert_int_equal(lastval_count(w->table), 3);
    lastval_expire(w->table, 30 + TOMBSTONE_NS);
    assert_int_equal(lastval_count(w->table), 2);
    lastval_expire(w->table, 31 + TOMBSTONE_NS);
    assert_int_equal(lastval_count(w->table), 1);
    assert_value(w, 1, "it lives again");
}

static void writing_over_a_slot_does_not_allocate(void **state)
{
    struct world *w = *state;
    put(w, 1, 1, 5, 1, "12345678");
    mem_fail_at(1);
    assert_int_equal(put(w, 1, 1, 5, 2, "abcdefgh"), LASTVAL_TAKEN);
    assert_int_equal(put(w, 1, 1, 5, 3, ""), LASTVAL_TAKEN);
    assert_false(mem_fail_off());
}

static void failed_allocations_leave_the_slot_as_it_was(void **state)
{
    struct world *w = *state;
    size_t before = mem_outstanding();
    for (unsigned at = 1, failed = 1; failed; at++) {
        struct lastval *l = NULL;
        enum lastval_result result;
        const struct batch_head head = {.birth = 1, .publisher = 1};
        const struct record small = {
            .topic = 1, .seq = 1, .flags = MR_KEEP, .body = (const uint8_t *)"x", .body_len = 1};
        struct record large = small;
        large.seq = 2;
        large.body_len = 2;
        large.body = (const uint8_t *)"yz";
        mem_fail_at(at);
        enum mr_rc rc = lastval_new(&l, &limits, w->names);
        if (!rc)
            rc = lastval_put(l, &head, 1, &small, 1, &result);
        bool had_small = !rc;
        if (!rc)
            rc = lastval_put(l, &head, 1, &large, 1, &result);
        failed = mem_fail_off();
        assert_int_equal(rc, failed ? MR_NO_MEMORY : MR_OK);
        if (l)
            assert_int_equal(lastval_count(l), had_small ? 1 : 0);
        lastval_free(l);
        assert_int_equal(mem_outstanding(), before);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_a_higher_version_is_taken),
        TEST(a_cleared_slot_stays_as_a_tombstone_and_does_not_come_back),
        TEST(values_do_not_expire),
        TEST(what_a_record_says_of_its_showing_is_not_stored),
        TEST(a_second_identity_is_told_and_one_too_many_refused),
        TEST(a_tombstone_makes_room_for_another_identity),
        TEST(a_full_table_refuses_new_slots_and_takes_old_ones),
        TEST(a_walk_meets_every_slot_also_when_more_come_meanwhile),
        TEST(purging_takes_what_was_named_and_nothing_else),
        TEST(the_slot_shown_first_is_live_then_late_then_by_identity),
        TEST(merging_is_independent_of_order_and_repetition),
        TEST(an_owner_has_its_share_of_slots_and_of_bytes),
        TEST(the_slots_of_one_owner_are_found_without_the_others),
        TEST(tombstones_are_forgotten_in_the_order_of_their_deaths),
        TEST(writing_over_a_slot_does_not_allocate),
        TEST(failed_allocations_leave_the_slot_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
