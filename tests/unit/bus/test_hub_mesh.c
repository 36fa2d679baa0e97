/* test_hub_mesh.c - two and three brokers: what crosses the mesh and how often, what is told when it breaks, and what agrees afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/limits.h"
#include "world.h"

static struct world world;

/* Three brokers, whole; agent m1 with app a at mr1, agent m2 with app b at mr2, agent m3 with app c at mr3. */
static int open_plant(void **state)
{
    world_open_brokers(&world, 3, 3);
    world_join_all(&world);
    for (unsigned i = 0; i < 3; i++) {
        static const char *const names[] = {"a", "b", "c"};
        world_connect_to(&world, i, i);
        app_open(&world, &world.apps[i], i, names[i]);
        app_told(&world.apps[i]);
    }
    *state = &world;
    return 0;
}

static unsigned count(const char *told, const char *what)
{
    unsigned n = 0;
    for (const char *at = told; (at = strstr(at, what)); at += strlen(what))
        n++;
    return n;
}

static struct hub_stats stats_of(struct world *w, unsigned broker)
{
    struct hub_stats stats;
    hub_get_stats(w->brokers[broker].hub, &stats);
    return stats;
}

static void a_record_crosses_the_mesh_once(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1], *c = &w->apps[2];
    app_subscribe(b, 1, "demo/#");
    app_subscribe(c, 1, "demo/#");
    app_subscribe(c, 2, "demo/m1/+");
    assert_true(tells(app_told(b), "acked 1\n"));
    app_told(c);
    app_open_topic(a, 1, "./x", NULL);
    app_write(a, 1, 1, 0);
    app_write(a, 1, 2, MR_KEEP);
    world_pump(w);
    const char *told = app_told(b);
    assert_int_equal(count(told, "demo/m1/x=1 by m1/a\n"), 1);
    assert_int_equal(count(told, "demo/m1/x=2 by m1/a\n"), 1);
    assert_int_equal(count(told, "loss"), 0);
    told = app_told(c);
    assert_int_equal(count(told, "demo/m1/x=1 by m1/a\n"), 1);
    assert_int_equal(count(told, "demo/m1/x=2 by m1/a\n"), 1);
}

static void what_nobody_wants_stays_and_what_is_kept_goes_everywhere(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0];
    app_open_topic(a, 1, "./raw", NULL);
    app_open_topic(a, 2, "./kept", NULL);
    uint64_t before = stats_of(w, 1).records_in;
    app_write(a, 1, 1, 0);
    world_pump(w);
    assert_int_equal(stats_of(w, 1).records_in, before);
    app_write(a, 2, 1, MR_KEEP);
    world_pump(w);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(stats_of(w, i).slots, 1);
    assert_int_equal(stats_of(w, 1).records_in, before + 1);
}

/* promise: value-agree */
static void a_broker_that_comes_later_has_every_last_value_and_life(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_open_topic(a, 1, "./x", "°C");
    app_open_topic(a, 2, "./gone", NULL);
    app_write(a, 1, 7, MR_KEEP);
    app_write(a, 2, 7, MR_KEEP);
    app_write(a, 2, 7, MR_CLEAR);
    world_pump(w);
    world_restart(w, 1);
    assert_int_equal(stats_of(w, 1).slots, 0);
    world_join(w, 1, 0);
    assert_int_equal(stats_of(w, 1).slots, 2);
    world_join(w, 1, 2);
    world_connect_to(w, 1, 1);
    app_told(b);
    app_subscribe(b, 1, "demo/m1/#");
    const char *told = app_told(b);
    assert_true(tells(told, "m1/a born\n"));
    assert_true(tells(told, "m1/a has demo/m1/x in 'Cel'\n"));
    assert_true(tells(told, "demo/m1/x=7 by m1/a snapshot\n")); /* not stale: it is known to live at mr1 */
}

/* promise: mesh-degraded */
static void without_a_peer_the_session_says_degraded_and_subscribing_goes_on(void **state)
{
    struct world *w = *state;
    struct app *b = &w->apps[1];
    assert_int_equal(stats_of(w, 1).peers_up, 2);
    world_unjoin(w, 1, 0);
    assert_int_equal(stats_of(w, 1).peers, 2);
    assert_int_equal(stats_of(w, 1).peers_up, 1);
    app_subscribe(b, 1, "demo/#");
    assert_true(tells(app_told(b), "acked 1\n")); /* by all that are reached */
}

static void a_broken_mesh_link_opens_a_span_and_closes_it(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_subscribe(b, 1, "demo/#");
    app_open_topic(a, 1, "./x", NULL);
    app_write(a, 1, 1, 0);
    world_pump(w);
    app_told(b);
    world_unjoin(w, 1, 0);
    assert_true(tells(app_told(b), "loss via mr1 = ?\n"));
    app_write(a, 1, 2, 0);
    world_pump(w);
    assert_int_equal(count(app_told(b), "x=2"), 0); /* mr3 does not relay */
    world_join(w, 1, 0);
    const char *told = app_told(b);
    assert_int_equal(count(told, "loss via mr1 = ?\n"), 2); /* again before anything, and the end */
    app_write(a, 1, 3, 0);
    world_pump(w);
    assert_true(tells(app_told(b), "demo/m1/x=3 by m1/a\n"));
}

/* promise: presence */
static void the_lost_are_held_for_dead_after_a_while_and_taken_back(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_subscribe(b, 1, "demo/#");
    app_open_topic(a, 1, "./x", NULL);
    app_write(a, 1, 1, MR_KEEP);
    world_pump(w);
    app_told(b);
    world_unjoin(w, 1, 0);
    world_pass(w, PRESENCE_LOST_MS - 100);
    assert_int_equal(count(app_told(b), "dead"), 0);
    world_pass(w, 200);
    const char *told = app_told(b);
    assert_true(tells(told, "m1 dead: its broker cannot be reached\n"));
    assert_true(tells(told, "demo/m1/x=1 by m1/a snapshot stale\n"));
    world_join(w, 1, 0);
    told = app_told(b);
    assert_true(tells(told, "m1 born\n"));
    assert_true(tells(told, "demo/m1/x=1 by m1/a snapshot\n"));
}

static void who_is_not_listed_when_the_link_returns_is_dead_at_once(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_subscribe(b, 1, "demo/#");
    app_open_topic(a, 1, "./x", NULL);
    app_write(a, 1, 1, MR_KEEP);
    world_pump(w);
    app_told(b);
    world_unjoin(w, 1, 0);
    world_cut(w, 0);
    world_restart(w, 0); /* it knows nobody any more */
    world_join(w, 1, 0);
    assert_true(tells(app_told(b), "m1 dead: its broker does not know it any more\n"));
    world_connect_to(w, 0, 0);
    assert_true(tells(app_told(b), "m1 born\n"));
}

static void a_death_is_told_by_the_home_broker(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_subscribe(b, 1, "demo/#");
    app_open_topic(a, 1, "./x", NULL);
    app_write(a, 1, 1, MR_KEEP);
    world_pump(w);
    app_told(b);
    world_cut(w, 0);
    world_pump(w);
    const char *told = app_told(b);
    assert_true(tells(told, "m1 dead: its connection broke\n"));
    assert_true(tells(told, "loss m1 = ?\n"));
}

/* promise: live-loss */
static void a_publisher_that_moves_loses_only_what_it_says(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_subscribe(b, 1, "demo/#");
    app_open_topic(a, 1, "./x", NULL);
    app_write(a, 1, 1, 0);
    world_pump(w);
    world_cut(w, 0);
    world_pump(w);
    app_told(b);
    app_write(a, 1, 2, 0);
    app_write(a, 1, 3, 0);
    world_pump(w);
    world_connect_to(w, 0, 2);
    app_write(a, 1, 4, 0);
    world_pump(w);
    const char *told = app_told(b);
    assert_true(tells(told, "loss m1 2..3 = 2\n"));
    assert_true(tells(told, "demo/m1/x=4 by m1/a\n"));
    assert_true(strstr(told, "loss m1 2..3") < strstr(told, "x=4"));
    assert_string_equal(hub_home_of(w->brokers[1].hub, 0), "");
    uint32_t m1;
    assert_int_equal(names_find_publisher(hub_names(w->brokers[1].hub), "m1", "", &m1), MR_OK);
    assert_string_equal(hub_home_of(w->brokers[1].hub, m1), "mr3");
    assert_int_equal(names_find_publisher(hub_names(w->brokers[2].hub), "m1", "", &m1), MR_OK);
    assert_string_equal(hub_home_of(w->brokers[2].hub, m1), "mr3");
}

static void a_publisher_that_moves_and_lost_nothing_costs_no_word(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_subscribe(b, 1, "demo/#");
    app_open_topic(a, 1, "./x", NULL);
    app_write(a, 1, 1, MR_KEEP);
    world_pump(w);
    app_told(b);
    hub_bye(w->agents[0].hub, w->uplinks[0].at_client, MR_OK, "moves", 0);
    world_pump(w);
    world_cut(w, 0);
    world_connect_to(w, 0, 2);
    const char *told = app_told(b);
    assert_int_equal(count(told, "loss"), 0);
    assert_true(tells(told, "m1 born\n"));
}

/* promise: live-loss */
static void what_an_earlier_birth_lost_elsewhere_is_told(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1], *c = &w->apps[2];
    app_subscribe(b, 1, "demo/#");
    app_subscribe(c, 1, "demo/#");
    app_open_topic(a, 1, "./x", NULL);
    app_write(a, 1, 1, 0);
    world_pump(w);
    app_told(b);
    app_told(c);
    w->uplinks[0].is_up = false; /* mr1 does not know that it is dead */
    world_new_agent(w, 0, 2000);
    world_connect_to(w, 0, 2);
    assert_true(tells(app_told(b), "loss m1 = ?\n"));
    assert_true(tells(app_told(c), "loss m1 = ?\n"));
}

static void an_agent_that_is_elsewhere_leaves_its_old_connection(void **state)
{
    struct world *w = *state;
    struct app *b = &w->apps[1];
    app_subscribe(b, 1, "demo/#");
    app_told(b);
    uint32_t at_client = w->uplinks[0].at_client;
    w->uplinks[0].is_up = false; /* mr1 does not know yet */
    hub_close(w->agents[0].hub, at_client);
    uint32_t left = stats_of(w, 0).ports;
    world_connect_to(w, 0, 2);
    assert_int_equal(stats_of(w, 0).ports, left - 1);
    assert_int_equal(count(app_told(b), "dead"), 0);
}

static void a_birth_below_one_that_a_peer_knows_is_corrected(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0];
    app_open_topic(a, 1, "./x", NULL);
    app_write(a, 1, 1, MR_KEEP);
    world_pump(w);
    world_new_agent(w, 0, 500); /* its disk was replaced: it counts from below again */
    world_pump(w);
    world_restart(w, 0); /* and its broker does not know better */
    world_connect_to(w, 0, 0);
    assert_true(w->uplinks[0].is_up);
    world_join(w, 1, 0);
    world_join(w, 0, 1); /* mr2 answers mr1's list with what it knows */
    world_pump(w);
    assert_false(w->uplinks[0].is_up);
    world_connect_to(w, 0, 0);
    assert_true(w->agents[0].birth_floor >= 1000);
}

/* promise: request-answer */
static void a_request_finds_its_responder_across_the_mesh(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_serve(b, 1, "demo/m2/echo");
    app_open_topic(a, 1, "demo/m2/echo", NULL);
    app_told(a);
    app_told(b);
    app_request(a, 1, 9, "hi");
    world_pump(w);
    assert_true(tells(app_told(b), "request for demo/m2/echo 'hi'"));
    app_answer(b, "hi");
    world_pump(w);
    assert_true(tells(app_told(a), "answer 9 rc 0 'hi'"));
    app_close(b, true);
    world_pump(w);
    app_request(a, 1, 10, "hi");
    world_pump(w);
    char none[32];
    snprintf(none, sizeof none, "answer 10 rc %d", MR_NO_RESPONDER);
    assert_true(tells(app_told(a), none));
}

static void one_who_clears_clears_what_others_wrote_everywhere(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1], *c = &w->apps[2];
    app_open_topic(a, 1, "demo/shared", NULL);
    app_open_topic(b, 1, "demo/shared", NULL);
    app_subscribe(a, 1, "demo/#");
    app_subscribe(c, 1, "demo/#");
    app_write(a, 1, 5, MR_KEEP);
    world_pump(w);
    app_told(a);
    app_told(c);
    app_write(b, 1, 0, MR_CLEAR);
    world_pump(w);
    assert_true(tells(app_told(c), "demo/shared=none by m1/a snapshot clear\n"));
    assert_true(tells(app_told(a), "demo/shared=none by m1/a snapshot clear\n"));
    app_write(a, 1, 6, MR_KEEP); /* what is written later is a value again */
    world_pump(w);
    assert_true(tells(app_told(c), "demo/shared=6 by m1/a\n"));
}

static void one_who_was_away_hears_that_its_value_was_cleared(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_open_topic(a, 1, "demo/shared", NULL);
    app_open_topic(b, 1, "demo/shared", NULL);
    app_write(a, 1, 5, MR_KEEP);
    world_pump(w);
    world_cut(w, 0);
    app_write(b, 1, 0, MR_CLEAR);
    world_pump(w);
    world_connect_to(w, 0, 2);
    app_subscribe(a, 1, "demo/#");
    const char *told = app_told(a);
    assert_true(tells(told, "demo/shared=none by m1/a"));
    assert_int_equal(count(told, "demo/shared=5"), 0);
}

/* promise: presence */
static void an_app_that_ends_is_dead_for_all_brokers_after_lists_were_told(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_subscribe(b, 1, "demo/#");
    app_open_topic(a, 1, "./x", NULL);
    app_write(a, 1, 5, MR_KEEP);
    world_pump(w);
    world_unjoin(w, 0, 2); /* mr3 sends mr1 the whole table again, with m1/a in it */
    world_join(w, 0, 2);
    app_told(b);
    app_close(a, true);
    world_pump(w);
    assert_true(tells(app_told(b), "m1/a dead: closed\n"));
}

static void only_a_broker_asks_for_everything_kept(void **state)
{
    struct world *w = *state;
    struct app *peer = &w->apps[3];
    peer_open(w, peer, "m9", 77, 1);
    app_told(peer);
    const struct session_interest entry = {.id = 1, .filter = "#", .kind = INTEREST_KEPT, .group = ""};
    assert_int_equal(session_interest_add(peer->session, &entry), MR_OK);
    world_pump(w);
    assert_true(tells(app_told(peer), "refused 1: 'm9' may not ask for everything kept: that is for brokers\n"));
}

static void a_list_of_many_lives_comes_in_slices(void **state)
{
    enum { PARTS = 3000 }; /* more than a queue holds at a time */
    struct world *w = *state;
    struct app *peer = &w->apps[3];
    char part[16];
    peer_open(w, peer, "m9", 77, 1);
    for (uint32_t i = 1; i <= PARTS; i++) {
        snprintf(part, sizeof part, "p%u", i);
        const struct session_publisher name = {.id = i, .identity = "m9", .part = part};
        const struct session_birth birth = {.publisher = i, .birth = 77, .link = 1};
        assert_int_equal(session_name_publisher(peer->session, &name), MR_OK);
        assert_int_equal(session_birth(peer->session, &birth), MR_OK);
        if (i % 100 == 0)
            world_pump(w);
    }
    world_restart(w, 1);
    world_join(w, 1, 0);
    assert_true(w->mesh[1][0].is_up);
    uint32_t last;
    assert_int_equal(names_find_publisher(hub_names(w->brokers[1].hub), "m9", part, &last), MR_OK);
    assert_true(presence_lives(hub_presence(w->brokers[1].hub), last));
    assert_int_equal(stats_of(w, 1).peers_up, 1);
}

/* A peer that is no hub: it says what a hub never would. */
static void open_reader(struct world *w, struct app *peer)
{
    static const struct session_events events = {0};
    struct err err = {{0}};
    const struct port_peer who = {.kind = PORT_MESH_IN, .identity = "mr3", .path = "$broker", .address = "mr3"};
    const struct session_conf conf = {.role = SESSION_CLIENT,
                                      .hello = {.kind = PEER_KIND_BROKER, .name = "mr3", .nonce = 5},
                                      .rand = &w->rand.source,
                                      .events = &events};
    peer->world = w;
    peer->agent = &w->brokers[0];
    assert_int_equal(hub_accept(w->brokers[0].hub, &who, &peer->port, &err), MR_OK);
    assert_int_equal(session_new(&peer->session, &conf, w->now_ns, &err), MR_OK);
    world_pump(w);
    assert_true(session_is_up(peer->session));
}

static void a_reader_asks_once_and_only_reads(void **state)
{
    struct world *w = *state;
    struct app *peer = &w->apps[3];
    const struct session_interest first = {.id = 1, .filter = "#", .kind = INTEREST_KEPT, .group = ""};
    const struct session_interest again = {.id = 2, .filter = "#", .kind = INTEREST_KEPT, .group = ""};
    const struct session_loss loss = {.via = "everybody", .cause = MR_LINK};
    open_reader(w, peer);
    assert_int_equal(session_interest_add(peer->session, &first), MR_OK);
    assert_int_equal(session_interest_add(peer->session, &again), MR_OK);
    world_pump(w);
    app_open_topic(&w->apps[0], 1, "./x", NULL);
    app_write(&w->apps[0], 1, 1, MR_KEEP); /* goes to all readers, each once */
    world_pump(w);
    assert_true(session_is_up(peer->session));
    assert_int_equal(session_loss(peer->session, LANE_LIVE, &loss), MR_OK);
    world_pump(w);
    assert_false(session_is_up(peer->session));
}

/* promise: live-loss */
static void a_snapshot_waits_for_what_peers_sent_before_they_knew(void **state)
{
    struct world *w = *state;
    struct app *b = &w->apps[1];
    w->mesh[1][2].is_up = false; /* frames stand still, nobody knows */
    app_subscribe(b, 1, "demo/#");
    assert_int_equal(count(app_told(b), "acked") + count(app_told(b), "snapshot end"), 0);
    w->mesh[1][2].is_up = true;
    world_pump(w);
    const char *told = app_told(b);
    assert_true(tells(told, "acked 1\n"));
    assert_true(tells(told, "snapshot end 1\n"));
    w->mesh[1][2].is_up = false;
    app_subscribe(b, 2, "other/#");
    world_pass(w, SUBSCRIBED_WAIT_MS + 20);
    told = app_told(b); /* not for ever: but then something may be missing */
    assert_true(tells(told, "snapshot end 2\n"));
    assert_true(tells(told, "loss via mr2 = ?\n"));
    w->mesh[1][2].is_up = true;
    world_pump(w);
    assert_true(tells(app_told(b), "loss via mr2 = ?\n"));
}

static void a_peer_that_never_answers_is_waited_for_only_so_long(void **state)
{
    (void)state;
    struct world *w = &world;
    world_open_brokers(w, 1, 2);
    world_connect_to(w, 0, 0);
    app_open(w, &w->apps[0], 0, "a");
    app_told(&w->apps[0]);
    app_subscribe(&w->apps[0], 1, "demo/#");
    assert_int_equal(count(app_told(&w->apps[0]), "acked"), 0);
    world_pass(w, SUBSCRIBED_WAIT_MS + 20);
    assert_true(tells(app_told(&w->apps[0]), "acked 1"));
    world_close(w);
}

static void a_hub_with_more_peers_than_may_be_is_refused(void **state)
{
    struct world *w = *state;
    struct hub *h;
    struct err err;
    const char *peers[BROKERS_MAX] = {"p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"};
    static const struct hub_events events = {0};
    struct hub_conf conf = {.kind = HUB_BROKER,
                            .name = "mr9",
                            .identity = "mr9",
                            .path = "$broker/mr9",
                            .birth = 1,
                            .peers = peers,
                            .n_peers = BROKERS_MAX,
                            .max_ports = 8,
                            .max_filters = 8,
                            .max_filters_per_port = 8,
                            .max_topics = 8,
                            .max_slots = 8,
                            .max_queued_bytes = WORLD_QUEUE_BYTES,
                            .clock = &w->clock,
                            .rand = &w->rand.source,
                            .rights = w->rights,
                            .events = &events};
    assert_int_equal(hub_new(&h, &conf, &err), MR_TOO_BIG);
    conf.n_peers = BROKERS_MAX - 1;
    assert_int_equal(hub_new(&h, &conf, &err), MR_OK);
    uint32_t port;
    assert_int_equal(hub_connect(h, "nobody", &port, &err), MR_NOT_FOUND);
    hub_free(h);
}

#define ON_PLANT(test) cmocka_unit_test_setup_teardown(test, open_plant, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_PLANT(a_record_crosses_the_mesh_once),
        ON_PLANT(what_nobody_wants_stays_and_what_is_kept_goes_everywhere),
        ON_PLANT(a_broker_that_comes_later_has_every_last_value_and_life),
        ON_PLANT(without_a_peer_the_session_says_degraded_and_subscribing_goes_on),
        ON_PLANT(a_broken_mesh_link_opens_a_span_and_closes_it),
        ON_PLANT(the_lost_are_held_for_dead_after_a_while_and_taken_back),
        ON_PLANT(who_is_not_listed_when_the_link_returns_is_dead_at_once),
        ON_PLANT(a_death_is_told_by_the_home_broker),
        ON_PLANT(a_publisher_that_moves_loses_only_what_it_says),
        ON_PLANT(a_publisher_that_moves_and_lost_nothing_costs_no_word),
        ON_PLANT(what_an_earlier_birth_lost_elsewhere_is_told),
        ON_PLANT(an_agent_that_is_elsewhere_leaves_its_old_connection),
        ON_PLANT(a_birth_below_one_that_a_peer_knows_is_corrected),
        ON_PLANT(a_request_finds_its_responder_across_the_mesh),
        ON_PLANT(one_who_clears_clears_what_others_wrote_everywhere),
        ON_PLANT(one_who_was_away_hears_that_its_value_was_cleared),
        ON_PLANT(an_app_that_ends_is_dead_for_all_brokers_after_lists_were_told),
        ON_PLANT(only_a_broker_asks_for_everything_kept),
        ON_PLANT(a_list_of_many_lives_comes_in_slices),
        ON_PLANT(a_reader_asks_once_and_only_reads),
        ON_PLANT(a_snapshot_waits_for_what_peers_sent_before_they_knew),
        cmocka_unit_test(a_peer_that_never_answers_is_waited_for_only_so_long),
        ON_PLANT(a_hub_with_more_peers_than_may_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
