/* test_route.c - who gets what: subscribers, responders, and the cached verdicts behind them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rand.h"
#include "bus/route.h"
#include "proto/topic.h"

struct world {
    struct names *names;
    struct route *route;
};

static int open_world(void **state)
{
    static struct world w;
    const struct names_limits limits = {1000, 10};
    assert_int_equal(names_new(&w.names, &limits, 1), MR_OK);
    assert_int_equal(route_new(&w.route, w.names, 100, 1), MR_OK);
    *state = &w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;
    route_free(w->route);
    names_free(w->names);
    return 0;
}

static uint32_t topic(struct world *w, const char *text)
{
    uint32_t id;
    assert_int_equal(names_topic(w->names, text, strlen(text), &id), MR_OK);
    return id;
}

static void add(struct world *w, uint32_t port, uint32_t interest, const char *filter, enum interest_kind kind)
{
    assert_int_equal(route_add(w->route, port, interest, filter, kind), MR_OK);
}

static void assert_ports(struct world *w, const char *text, const char *expected)
{
    char got[256] = "";
    struct route_ports to = route_subscribers(w->route, topic(w, text));
    for (size_t i = 0; i < to.n; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%u ", to.port[i]);
    assert_string_equal(got, expected);
}

static void a_port_with_several_matching_filters_is_named_once(void **state)
{
    struct world *w = *state;
    add(w, 7, 1, "a/#", INTEREST_SUBSCRIBE);
    add(w, 7, 2, "a/b", INTEREST_SUBSCRIBE);
    add(w, 3, 1, "+/b", INTEREST_SUBSCRIBE);
    assert_ports(w, "a/b", "3 7 ");
    assert_ports(w, "a/c", "7 ");
    assert_ports(w, "c/d", "");
}

static void a_verdict_follows_every_change_of_interest(void **state)
{
    struct world *w = *state;
    assert_ports(w, "a/b", "");
    add(w, 1, 1, "a/b", INTEREST_SUBSCRIBE);
    assert_ports(w, "a/b", "1 ");
    add(w, 1, 2, "a/b", INTEREST_SUBSCRIBE);
    route_remove(w->route, 1, 1);
    assert_ports(w, "a/b", "1 ");
    route_remove(w->route, 1, 2);
    route_remove(w->route, 1, 2);
    assert_ports(w, "a/b", "");
}

static void a_port_that_leaves_takes_all_its_entries_along(void **state)
{
    struct world *w = *state;
    add(w, 1, 1, "a/b", INTEREST_SUBSCRIBE);
    add(w, 1, 2, "x", INTEREST_SERVE);
    add(w, 2, 1, "a/b", INTEREST_SUBSCRIBE);
    route_remove_port(w->route, 1);
    route_remove_port(w->route, 9);
    assert_ports(w, "a/b", "2 ");
    assert_int_equal(route_responder(w->route, topic(w, "x"), 0, NULL, NULL), 0);
    assert_int_equal(route_filter_count(w->route), 1);
    assert_false(route_port_has_interest(w->route, 1));
    assert_true(route_port_has_interest(w->route, 2));
}

static void subscribers_do_not_respond_and_responders_do_not_subscribe(void **state)
{
    struct world *w = *state;
    add(w, 1, 1, "x", INTEREST_SUBSCRIBE);
    assert_int_equal(route_responder(w->route, topic(w, "x"), 0, NULL, NULL), 0);
    add(w, 2, 1, "x", INTEREST_SERVE);
    assert_int_equal(route_responder(w->route, topic(w, "x"), 0, NULL, NULL), 2);
    assert_ports(w, "x", "1 ");
}

static bool is_three(void *user, uint32_t port)
{
    (void)user;
    return port == 3;
}

static void responders_take_turns_unless_one_is_preferred(void **state)
{
    struct world *w = *state;
    unsigned asked[4] = {0};
    for (uint32_t port = 1; port <= 3; port++)
        add(w, port, 1, "x", INTEREST_SERVE);
    for (int i = 0; i < 9; i++)
        asked[route_responder(w->route, topic(w, "x"), 0, NULL, NULL)]++;
    assert_int_equal(asked[1], 3);
    assert_int_equal(asked[2], 3);
    assert_int_equal(asked[3], 3);
    for (int i = 0; i < 5; i++)
        assert_int_equal(route_responder(w->route, topic(w, "x"), 0, is_three, NULL), 3);
    for (int i = 0; i < 5; i++)
        assert_int_not_equal(route_responder(w->route, topic(w, "x"), 3, is_three, NULL), 3);
}

static void the_only_responder_does_not_get_its_own_request(void **state)
{
    struct world *w = *state;
    add(w, 1, 1, "x", INTEREST_SERVE);
    assert_int_equal(route_responder(w->route, topic(w, "x"), 1, NULL, NULL), 0);
}

static void the_route_takes_its_limit_of_filters_and_no_more(void **state)
{
    struct world *w = *state;
    for (uint32_t i = 1; i <= 100; i++)
        add(w, 1, i, "a/+/c", INTEREST_SUBSCRIBE);
    assert_int_equal(route_add(w->route, 1, 101, "b", INTEREST_SUBSCRIBE), MR_TOO_BIG);
    route_remove(w->route, 1, 50);
    add(w, 1, 101, "b", INTEREST_SUBSCRIBE);
}

static void what_is_no_filter_is_refused(void **state)
{
    struct world *w = *state;
    assert_int_equal(route_add(w->route, 1, 1, "a/#/b", INTEREST_SUBSCRIBE), MR_INVALID);
    assert_int_equal(route_filter_count(w->route), 0);
}

/* Against asking every entry: the same ports, whatever came and went. */
static void random_interest_matches_like_a_plain_search(void **state)
{
    struct world *w = *state;
    static const char *const filters[] = {"a", "a/b", "a/+", "+/b", "#", "a/#", "a/b/c", "+/+/c", "b/#", "$sys/#"};
    static const char *const topics[] = {"a", "a/b", "a/b/c", "b", "b/b", "$sys/x", "a/c"};
    enum { PORTS = 6, FILTERS = sizeof filters / sizeof *filters };
    bool has[PORTS + 1][FILTERS] = {{false}};
    struct rand_seeded seeded;
    rand_seeded_init(&seeded, 42);
    for (int step = 0; step < 20000; step++) {
        uint32_t port = 1 + (uint32_t)rand_below(&seeded.source, PORTS),
                 f = (uint32_t)rand_below(&seeded.source, FILTERS);
        if (has[port][f])
            route_remove(w->route, port, f);
        else
            add(w, port, f, filters[f], INTEREST_SUBSCRIBE);
        has[port][f] = !has[port][f];
        const char *text = topics[rand_below(&seeded.source, sizeof topics / sizeof *topics)];
        char expected[64] = "";
        for (uint32_t p = 1; p <= PORTS; p++) {
            bool matches = false;
            for (size_t i = 0; i < FILTERS; i++)
                matches = matches || (has[p][i] && filter_match(filters[i], strlen(filters[i]), text, strlen(text)));
            if (matches)
                snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%u ", p);
        }
        assert_ports(w, text, expected);
    }
}

static void failed_allocations_leave_the_route_as_it_was(void **state)
{
    (void)state;
    const struct names_limits limits = {10, 10};
    struct names *names;
    uint32_t id;
    assert_int_equal(names_new(&names, &limits, 1), MR_OK);
    assert_int_equal(names_topic(names, "a/b", 3, &id), MR_OK);
    size_t before = mem_outstanding();
    for (unsigned at = 1, failed = 1; failed; at++) {
        struct route *r = NULL;
        mem_fail_at(at);
        enum mr_rc rc = route_new(&r, names, 10, 1);
        if (!rc)
            rc = route_add(r, 1, 1, "a/+", INTEREST_SUBSCRIBE);
        failed = mem_fail_off();
        assert_int_equal(rc, failed ? MR_NO_MEMORY : MR_OK);
        if (r)
            assert_int_equal(route_subscribers(r, id).n, failed ? 0 : 1);
        route_free(r);
        assert_int_equal(mem_outstanding(), before);
    }
    names_free(names);
}

static void a_number_of_interest_stands_once_in_a_port(void **state)
{
    struct world *w = *state;
    add(w, 1, 7, "a/#", INTEREST_SUBSCRIBE);
    assert_int_equal(route_add(w->route, 1, 7, "b/#", INTEREST_SUBSCRIBE), MR_INVALID);
    add(w, 2, 7, "b/#", INTEREST_SUBSCRIBE);
    route_remove(w->route, 1, 7);
    route_remove(w->route, 1, 7);
    assert_ports(w, "a/x", "");
    assert_ports(w, "b/x", "2 ");
    assert_int_equal(route_filter_count(w->route), 1);
}

/* More verdicts than are kept: they are forgotten and looked up again, and stay right. */
static void many_topics_for_many_ports_stay_right(void **state)
{
    enum { PORTS = 4200, TOPICS = 2100 };
    const struct names_limits limits = {TOPICS, 10};
    struct world w = {0};
    char text[16];
    (void)state;
    assert_int_equal(names_new(&w.names, &limits, 1), MR_OK);
    assert_int_equal(route_new(&w.route, w.names, PORTS, 1), MR_OK);
    for (uint32_t port = 1; port <= PORTS; port++)
        add(&w, port, 1, "#", INTEREST_SUBSCRIBE);
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 1; i <= TOPICS; i++) {
            snprintf(text, sizeof text, "t%u", i);
            struct route_ports to = route_subscribers(w.route, topic(&w, text));
            assert_int_equal(to.n, PORTS);
            assert_int_equal(to.port[PORTS - 1], PORTS);
        }
    route_free(w.route);
    names_free(w.names);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_port_with_several_matching_filters_is_named_once),
        TEST(a_verdict_follows_every_change_of_interest),
        TEST(a_port_that_leaves_takes_all_its_entries_along),
        TEST(subscribers_do_not_respond_and_responders_do_not_subscribe),
        TEST(responders_take_turns_unless_one_is_preferred),
        TEST(the_only_responder_does_not_get_its_own_request),
        TEST(the_route_takes_its_limit_of_filters_and_no_more),
        TEST(what_is_no_filter_is_refused),
        TEST(a_number_of_interest_stands_once_in_a_port),
        TEST(many_topics_for_many_ports_stay_right),
        TEST(random_interest_matches_like_a_plain_search),
        cmocka_unit_test(failed_allocations_leave_the_route_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
