/* test_interest.c - interest by versions: bursts and their parts, what coalesces, acknowledgements, two sides. */
#include "proto/interest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

enum { MANY = 300 };

static struct session_interest entry_of(uint32_t id, const char *filter)
{
    return (struct session_interest){.id = id, .filter = filter};
}

static void add(struct interest_client *c, uint32_t id, const char *filter)
{
    struct session_interest entry = entry_of(id, filter);

    assert_int_equal(interest_client_add(c, &entry), MR_OK);
}

/* Takes a whole part as words: "2S+:+1 a|-3" is version 2, snapshot, more follows. */
static const char *part_of(struct interest_client *c)
{
    static char text[4096];
    struct interest_part part;
    struct session_interest entry;
    size_t len;

    if (interest_client_part(c, &part) != MR_OK)
        return "";
    len = (size_t)snprintf(text, sizeof text, "%llu%s%s:", (unsigned long long)part.version, part.snapshot ? "S" : "",
                           part.more ? "+" : "");
    for (const char *between = ""; interest_client_next(c, &entry); between = "|")
        len += (size_t)snprintf(text + len, sizeof text - len, entry.filter ? "%s+%u %s" : "%s-%u", between, entry.id,
                                entry.filter);
    return text;
}

static void ack(struct interest_client *c, uint64_t version)
{
    bool is_news;

    assert_int_equal(interest_client_acked(c, version, false, &is_news), MR_OK);
}

/* -- client -- */

static void the_first_burst_is_a_snapshot_and_deltas_follow(void **state)
{
    (void)state;
    struct interest_client c;
    interest_client_init(&c, 10, 4096);
    assert_string_equal(part_of(&c), "");
    add(&c, 1, "a");
    add(&c, 2, "b");
    assert_string_equal(part_of(&c), "2S:+1 a|+2 b");
    assert_int_equal(c.state, INTEREST_WAITING);
    add(&c, 3, "c");
    assert_int_equal(interest_client_remove(&c, 1), MR_OK);
    assert_string_equal(part_of(&c), ""); /* one burst at a time */
    ack(&c, 2);
    assert_string_equal(part_of(&c), "4:+3 c|-1");
    ack(&c, 4);
    assert_string_equal(part_of(&c), "");
    assert_int_equal(c.count, 2);
    interest_client_fini(&c);
}

static void what_undoes_itself_costs_only_its_version(void **state)
{
    (void)state;
    struct interest_client c;
    interest_client_init(&c, 10, 4096);
    add(&c, 1, "a");
    assert_int_equal(interest_client_remove(&c, 1), MR_OK);
    assert_string_equal(part_of(&c), "2S:");
    ack(&c, 2);
    add(&c, 2, "b");
    ack(&c, 2);
    assert_string_equal(part_of(&c), "3:+2 b");
    assert_int_equal(interest_client_remove(&c, 2), MR_OK);
    add(&c, 2, "c"); /* the server knows it: replaced */
    add(&c, 2, "d");
    ack(&c, 3);
    assert_string_equal(part_of(&c), "6:+2 d");
    interest_client_fini(&c);
}

static void removals_need_an_entry(void **state)
{
    (void)state;
    struct interest_client c;
    interest_client_init(&c, 10, 4096);
    assert_int_equal(interest_client_remove(&c, 1), MR_NOT_FOUND);
    add(&c, 1, "a");
    part_of(&c);
    assert_int_equal(interest_client_remove(&c, 1), MR_OK);
    assert_int_equal(interest_client_remove(&c, 1), MR_NOT_FOUND);
    interest_client_fini(&c);
}

static void a_burst_is_cut_into_parts_and_bounded(void **state)
{
    (void)state;
    struct interest_client c;
    struct session_interest entry;
    struct interest_part part;
    char filter[513];
    interest_client_init(&c, MANY, 2048);
    memset(filter, 'x', 512);
    filter[512] = 0;
    for (uint32_t id = 1; id <= MANY; id++)
        add(&c, id, filter);
    unsigned in_burst = 0, parts = 0, bytes = 0;
    do {
        assert_int_equal(interest_client_part(&c, &part), MR_OK);
        assert_int_equal(part.snapshot, parts == 0);
        unsigned in_part = 0;
        for (; interest_client_next(&c, &entry); in_burst++)
            in_part += interest_weight(&entry);
        assert_true(in_part <= 2048);
        bytes += in_part;
        parts++;
    } while (part.more);
    assert_true(bytes <= INTEREST_BURST_BYTES && bytes > INTEREST_BURST_BYTES - 600);
    assert_int_equal(part.version, in_burst); /* it names what it contains, not what waits */
    assert_true(in_burst < MANY);
    assert_int_equal(interest_client_part(&c, &part), MR_WOULD_BLOCK);
    ack(&c, in_burst);
    assert_int_equal(interest_client_part(&c, &part), MR_OK);
    interest_client_fini(&c);
}

static void the_table_has_a_limit(void **state)
{
    (void)state;
    struct interest_client c;
    struct session_interest entry = entry_of(3, "c");
    interest_client_init(&c, 2, 4096);
    add(&c, 1, "a");
    add(&c, 2, "b");
    assert_int_equal(interest_client_add(&c, &entry), MR_TOO_BIG);
    add(&c, 2, "other"); /* replacing is no addition */
    part_of(&c);
    assert_int_equal(interest_client_remove(&c, 1), MR_OK);
    assert_int_equal(interest_client_add(&c, &entry), MR_OK); /* though its removal still waits */
    assert_int_equal(interest_client_remove(&c, 2), MR_OK);
    add(&c, 4, "d");
    assert_int_equal(interest_client_remove(&c, 3), MR_OK);
    add(&c, 5, "e");
    entry.id = 6;
    assert_int_equal(interest_client_add(&c, &entry), MR_TOO_BIG);
    interest_client_fini(&c);
    interest_client_init(&c, 0, 4096);
    assert_int_equal(interest_client_add(&c, &entry), MR_TOO_BIG);
}

static void entries_that_cannot_be_sent_are_refused(void **state)
{
    (void)state;
    struct interest_client c;
    struct session_interest entry = entry_of(1, "abcd");
    interest_client_init(&c, 2, INTEREST_ENTRY_BYTES + 4);
    assert_int_equal(interest_client_add(&c, &entry), MR_OK);
    entry.filter = "abcde";
    assert_int_equal(interest_client_add(&c, &entry), MR_INVALID);
    entry.filter = "";
    assert_int_equal(interest_client_add(&c, &entry), MR_INVALID);
    entry.filter = NULL;
    assert_int_equal(interest_client_add(&c, &entry), MR_INVALID);
    entry = entry_of(0, "a");
    assert_int_equal(interest_client_add(&c, &entry), MR_INVALID);
    entry = entry_of(2, "a");
    entry.group = "abcd";
    assert_int_equal(interest_client_add(&c, &entry), MR_INVALID);
    interest_client_fini(&c);
}

static void acknowledgements_name_what_was_sent(void **state)
{
    (void)state;
    struct interest_client c;
    bool is_news;
    interest_client_init(&c, 10, 4096);
    assert_int_equal(interest_client_acked(&c, 1, false, &is_news), MR_INVALID);
    assert_int_equal(interest_client_acked(&c, 0, false, &is_news), MR_OK); /* carries refusals only */
    assert_false(is_news);
    add(&c, 1, "a");
    part_of(&c);
    assert_int_equal(interest_client_acked(&c, 2, false, &is_news), MR_INVALID);
    assert_int_equal(interest_client_acked(&c, 1, true, &is_news), MR_OK);
    assert_true(is_news);
    assert_int_equal(interest_client_acked(&c, 1, true, &is_news), MR_OK);
    assert_false(is_news);
    assert_int_equal(interest_client_acked(&c, 1, false, &is_news), MR_OK);
    assert_true(is_news); /* no longer partial */
    assert_int_equal(interest_client_acked(&c, 0, false, &is_news), MR_INVALID);
    interest_client_fini(&c);
}

static void a_refused_entry_is_forgotten_unless_it_changed_since(void **state)
{
    (void)state;
    struct interest_client c;
    interest_client_init(&c, 10, 4096);
    assert_false(interest_client_refused(&c, 1));
    add(&c, 1, "a");
    add(&c, 2, "b");
    assert_false(interest_client_refused(&c, 1)); /* not even sent */
    part_of(&c);
    add(&c, 2, "c");
    assert_true(interest_client_refused(&c, 1));
    assert_false(interest_client_refused(&c, 2));
    assert_int_equal(interest_client_remove(&c, 1), MR_NOT_FOUND);
    ack(&c, 2);
    assert_string_equal(part_of(&c), "3:+2 c");
    assert_int_equal(interest_client_remove(&c, 2), MR_OK);
    assert_true(interest_client_refused(&c, 2)); /* its removal need not be said any more */
    ack(&c, 3);
    assert_string_equal(part_of(&c), "4:");
    interest_client_fini(&c);
}

static void failed_allocations_change_nothing_at_the_client(void **state)
{
    (void)state;
    size_t before = mem_outstanding();
    for (unsigned n = 1;; n++) {
        struct interest_client c;
        interest_client_init(&c, 100, 4096);
        mem_fail_at(n);
        for (uint32_t id = 1; id <= 20; id++) {
            struct session_interest entry = entry_of(id, "a/b");
            uint64_t version = c.version;
            enum mr_rc rc = interest_client_add(&c, &entry);
            assert_true(rc == MR_OK || (rc == MR_NO_MEMORY && c.version == version));
        }
        bool failed = mem_fail_off();
        assert_int_equal(c.count, failed ? 19 : 20);
        interest_client_fini(&c);
        assert_int_equal(mem_outstanding(), before);
        if (!failed)
            break;
    }
}

/* -- server -- */

static enum mr_rc part(struct interest_server *s, uint64_t version, bool snapshot, bool more)
{
    struct interest_part p = {version, snapshot, more};
    bool forget;
    enum mr_rc rc = interest_server_part(s, &p, &forget);

    if (rc == MR_OK) {
        assert_int_equal(forget, snapshot);
        assert_int_equal(interest_server_end(s, &p), !more);
    }
    return rc;
}

static void parts_must_come_in_order(void **state)
{
    (void)state;
    struct interest_server s;
    interest_server_init(&s, 10);
    assert_int_equal(part(&s, 1, false, false), MR_INVALID); /* no snapshot first */
    assert_int_equal(part(&s, 0, true, false), MR_INVALID);
    assert_int_equal(part(&s, 3, true, true), MR_OK);
    assert_int_equal(s.state, INTEREST_GATHERING);
    assert_int_equal(part(&s, 4, false, true), MR_INVALID);          /* another version inside a burst */
    assert_int_equal(part(&s, 3, true, true), MR_INVALID);           /* a snapshot again */
    assert_int_equal(interest_server_ack(&s, 3, false), MR_INVALID); /* not complete */
    assert_int_equal(part(&s, 3, false, false), MR_OK);
    assert_int_equal(s.state, INTEREST_APPLIED);
    assert_int_equal(part(&s, 4, false, false), MR_INVALID); /* not acknowledged */
    assert_int_equal(interest_server_ack(&s, 2, false), MR_INVALID);
    assert_int_equal(interest_server_ack(&s, 4, false), MR_INVALID);
    assert_int_equal(interest_server_ack(&s, 3, true), MR_OK);
    assert_int_equal(interest_server_ack(&s, 3, false), MR_OK); /* no longer partial */
    assert_int_equal(part(&s, 3, false, false), MR_INVALID);    /* not above */
    assert_int_equal(part(&s, 9, true, false), MR_OK);          /* a snapshot at any time */
    interest_server_fini(&s);
}

static void an_acknowledgement_needs_a_version(void **state)
{
    (void)state;
    struct interest_server s;
    interest_server_init(&s, 10);
    assert_int_equal(interest_server_ack(&s, 0, false), MR_INVALID);
}

static void the_set_of_ids_says_what_to_do(void **state)
{
    (void)state;
    struct interest_server s;
    enum interest_verdict verdict;
    interest_server_init(&s, 2);
    assert_int_equal(interest_server_first(&s), 0);
    assert_int_equal(interest_server_add(&s, 7, &verdict), MR_OK);
    assert_int_equal(verdict, INTEREST_TAKE);
    assert_int_equal(interest_server_add(&s, 7, &verdict), MR_OK);
    assert_int_equal(verdict, INTEREST_REPLACE);
    assert_int_equal(interest_server_add(&s, 3, &verdict), MR_OK);
    assert_int_equal(verdict, INTEREST_TAKE);
    assert_int_equal(interest_server_add(&s, 9, &verdict), MR_OK);
    assert_int_equal(verdict, INTEREST_REFUSE);
    assert_int_equal(interest_server_drop(&s, 9), INTEREST_SKIP);
    assert_int_equal(interest_server_drop(&s, 3), INTEREST_TAKE);
    assert_int_equal(interest_server_first(&s), 7);
    interest_server_fini(&s);
}

static void failed_allocations_change_nothing_at_the_server(void **state)
{
    (void)state;
    struct interest_server s;
    enum interest_verdict verdict;
    interest_server_init(&s, 100);
    mem_fail_at(1);
    assert_int_equal(interest_server_add(&s, 1, &verdict), MR_NO_MEMORY);
    mem_fail_off();
    assert_int_equal(s.count, 0);
    for (uint32_t id = 1; id <= 8; id++)
        assert_int_equal(interest_server_add(&s, id, &verdict), MR_OK);
    mem_fail_at(1);
    assert_int_equal(interest_server_add(&s, 9, &verdict), MR_NO_MEMORY);
    mem_fail_off();
    assert_int_equal(s.count, 8);
    interest_server_fini(&s);
}

/* -- both -- */

enum { IDS = 20 };

/* Hands everything the client has to the server, which may refuse. */
static void carry(struct interest_client *c, struct interest_server *s, bool has[IDS + 1])
{
    struct interest_part p;
    struct session_interest entry;
    enum interest_verdict verdict;
    bool forget;

    while (interest_client_part(c, &p) == MR_OK) {
        assert_int_equal(interest_server_part(s, &p, &forget), MR_OK);
        assert_false(forget && s->count);
        while (interest_client_next(c, &entry)) {
            if (entry.filter) {
                assert_int_equal(interest_server_add(s, entry.id, &verdict), MR_OK);
                has[entry.id] = true;
            } else {
                assert_int_equal(interest_server_drop(s, entry.id), INTEREST_TAKE);
                has[entry.id] = false;
            }
        }
        interest_server_end(s, &p);
    }
}

static void two_sides_end_up_equal(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct rand_seeded rand;
        struct interest_client c;
        struct interest_server s;
        bool wants[IDS + 1] = {false}, has[IDS + 1] = {false}, is_news;
        rand_seeded_init(&rand, seed);
        interest_client_init(&c, IDS, 40 + (uint32_t)rand_below(&rand.source, 100));
        interest_server_init(&s, IDS);
        for (int i = 0; i < 200; i++) {
            uint32_t id = 1 + (uint32_t)rand_below(&rand.source, IDS);
            switch (rand_below(&rand.source, 4)) {
            case 0:
                assert_int_equal(interest_client_remove(&c, id), wants[id] ? MR_OK : MR_NOT_FOUND);
                wants[id] = false;
                break;
            case 1:
                carry(&c, &s, has);
                break;
            case 2:
                if (s.state != INTEREST_APPLIED)
                    break;
                assert_int_equal(interest_server_ack(&s, s.version, false), MR_OK);
                assert_int_equal(interest_client_acked(&c, s.version, false, &is_news), MR_OK);
                break;
            default:
                add(&c, id, "a/b/c");
                wants[id] = true;
            }
        }
        for (int i = 0; i < 3; i++) {
            carry(&c, &s, has);
            if (s.state == INTEREST_APPLIED) {
                assert_int_equal(interest_server_ack(&s, s.version, false), MR_OK);
                assert_int_equal(interest_client_acked(&c, s.version, false, &is_news), MR_OK);
            }
        }
        if (memcmp(wants, has, sizeof wants) || c.acked != c.version)
            fail_msg("seed %llu: the sides differ", (unsigned long long)seed);
        interest_client_fini(&c);
        interest_server_fini(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_burst_is_a_snapshot_and_deltas_follow),
        cmocka_unit_test(what_undoes_itself_costs_only_its_version),
        cmocka_unit_test(removals_need_an_entry),
        cmocka_unit_test(a_burst_is_cut_into_parts_and_bounded),
        cmocka_unit_test(the_table_has_a_limit),
        cmocka_unit_test(entries_that_cannot_be_sent_are_refused),
        cmocka_unit_test(acknowledgements_name_what_was_sent),
        cmocka_unit_test(a_refused_entry_is_forgotten_unless_it_changed_since),
        cmocka_unit_test(failed_allocations_change_nothing_at_the_client),
        cmocka_unit_test(parts_must_come_in_order),
        cmocka_unit_test(an_acknowledgement_needs_a_version),
        cmocka_unit_test(the_set_of_ids_says_what_to_do),
        cmocka_unit_test(failed_allocations_change_nothing_at_the_server),
        cmocka_unit_test(two_sides_end_up_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
