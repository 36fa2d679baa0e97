/* test_mesh.c - brokers over real connections, each with its listener for peers and its mesh: they meet, part and meet again. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/edges.h"
#include "broker/listener.h"
#include "broker/mesh.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIDES = 3, DEADLINE_S = 10 };

/* A broker without agents. All share one loop and one ZAP handler. */
struct side {
    struct world *world;
    char name[8];
    struct key_pair *keys;
    struct peers peers;
    const char *names[PEERS_MAX];
    struct admission admission;
    struct rights *rights;
    struct hub *hub;
    struct listener *listener;
    struct mesh *mesh;
    unsigned ups;
    char last_end[256];
};

struct world {
    struct loop *loop;
    struct zctx *zctx;
    struct zap *zap;
    struct registry *registry; /* NULL: nobody but peers */
    struct loop_hook turn_end;
    struct loop_timer *tick;
    struct side sides[SIDES];
};

/* -- hub events ------------------------------------------------------------------------------------------------------ */
static void on_output(void *user, uint32_t port)
{
    struct side *s = user;
    if (!listener_on_output(s->listener, port))
        mesh_on_output(s->mesh, port);
}

static void on_over(void *user, uint32_t port, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    struct side *s = user;
    if (mesh_on_over(s->mesh, port, rc, reason, retry_ms))
        snprintf(s->last_end, sizeof s->last_end, "%s", reason ? reason : "");
    else
        listener_on_over(s->listener, port);
}

static void on_peer(void *user, uint32_t port)
{
    struct side *s = user;
    assert_true(mesh_on_up(s->mesh, port));
    s->ups++;
}

static void on_notice(void *user, enum hub_notice notice, const char *text)
{
    (void)user;
    (void)notice;
    (void)text;
}

static void on_birth_floor(void *user, uint64_t floor)
{
    (void)user;
    fail_msg("nobody was born before: %llu", (unsigned long long)floor);
}

static const struct hub_events events = {.on_output = on_output,
                                         .on_over = on_over,
                                         .on_peer = on_peer,
                                         .on_birth_floor = on_birth_floor,
                                         .on_notice = on_notice};

/* -- world ----------------------------------------------------------------------------------------------------------- */
/* A peer of any side is admitted; at whose listener, its own admission asks again. */
static bool look_up(void *user, const struct zap_request *request, char ret_user_id[ZAP_USER_ID_SIZE])
{
    const struct world *w = user;
    assert_string_equal(request->domain, admission_domain(PORT_MESH_IN));
    for (size_t i = 0; i < SIDES; i++) {
        const struct peer *peer = peers_find_key(&w->sides[i].peers, request->key);
        if (peer)
            snprintf(ret_user_id, ZAP_USER_ID_SIZE, "%s", peer->user_id);
        if (peer)
            return true;
    }
    return false;
}

static void on_turn_end(void *user)
{
    struct world *w = user;
    int64_t at_ns = INT64_MAX;
    for (size_t i = 0; i < SIDES; i++) {
        struct side *s = &w->sides[i];
        bool is_closed;
        do {
            hub_turn_end(s->hub);
            is_closed = listener_flush(s->listener);
            is_closed |= mesh_flush(s->mesh);
        } while (is_closed);
        if (hub_deadline(s->hub) < at_ns)
            at_ns = hub_deadline(s->hub);
    }
    loop_timer_start(w->tick, at_ns);
}

static void on_tick(void *user)
{
    struct world *w = user;
    for (size_t i = 0; i < SIDES; i++)
        hub_tick(w->sides[i].hub);
}

static void make_hub(struct side *s)
{
    const struct hub_conf conf = {.kind = HUB_BROKER,
                                  .name = s->name,
                                  .identity = s->name,
                                  .path = "$broker/x",
                                  .birth = 1 + (rand_u64(rand_system()) >> 1),
                                  .peers = s->names,
                                  .n_peers = SIDES - 1,
                                  .max_ports = 16,
                                  .max_filters = 100,
                                  .max_filters_per_port = 100,
                                  .max_topics = 1000,
                                  .max_slots = 100,
                                  .max_queued_bytes = 1 << 20,
                                  .clock = clock_system(),
                                  .rand = rand_system(),
                                  .rights = s->rights,
                                  .events = &events,
                                  .user = s};
    struct err err = {{0}};
    if (hub_new(&s->hub, &conf, &err) != MR_OK)
        fail_msg("%s", err.text);
}

static struct listener_options listener_options(const struct side *s, uint32_t max_sessions)
{
    return (struct listener_options){.loop = s->world->loop,
                                     .zctx = s->world->zctx,
                                     .hub = s->hub,
                                     .rand = rand_system(),
                                     .admission = &s->admission,
                                     .kind = PORT_MESH_IN,
                                     .max_ports = hub_max_port(s->hub),
                                     .max_sessions = max_sessions,
                                     .max_silent = UNAUTHENTICATED_MAX};
}

static struct mesh_options mesh_options(const struct side *s)
{
    return (struct mesh_options){.loop = s->world->loop,
                                 .zctx = s->world->zctx,
                                 .hub = s->hub,
                                 .rand = rand_system(),
                                 .keys = s->keys,
                                 .peers = &s->peers};
}

/* At the port it had before, or at one the system chooses. */
static void listen_at(struct side *s, uint16_t port, uint32_t max_sessions)
{
    char address[32];
    const struct listener_options options = listener_options(s, max_sessions);
    struct err err = {{0}};
    snprintf(address, sizeof address, "127.0.0.1:%u", port);
    const struct zserver_options server = {.address = address,
                                           .domain = admission_domain(PORT_MESH_IN),
                                           .public_key = keys_public(s->keys),
                                           .secret_key = keys_secret(s->keys),
                                           .max_message_bytes = MESH_MAXMSGSIZE_BYTES,
                                           .receive_frames = 1000,
                                           .send_frames = 1000,
                                           .rank = MESH_RANK};
    assert_int_equal(listener_new(&s->listener, &options, &err), MR_OK);
    if (listener_listen(s->listener, &server, &err) != MR_OK)
        fail_msg("%s", err.text);
}

/* What the directory would say of a side. */
static struct directory_broker entry_of(const struct side *s)
{
    struct directory_broker broker = {.name = ""};
    assert_int_equal(zsock_address_parse(listener_address(s->listener), 0, &broker.mesh, NULL), MR_OK);
    snprintf(broker.name, sizeof broker.name, "%s", s->name);
    memcpy(broker.public_key, keys_public(s->keys), KEYS_BYTES);
    return broker;
}

static void make_side(struct world *w, unsigned i)
{
    struct side *s = &w->sides[i];
    unsigned n = 0;
    s->world = w;
    snprintf(s->name, sizeof s->name, "mr%u", i + 1);
    s->admission = (struct admission){.registry = w->registry, .peers = &s->peers};
    for (unsigned k = 0; k < SIDES; k++)
        if (k != i)
            s->names[n++] = w->sides[k].name;
    assert_int_equal(keys_new(KEYS_BROKER, s->name, 0, &s->keys, NULL), MR_OK);
    assert_int_equal(rights_new_open(&s->rights, NULL), MR_OK);
}

static void introduce(struct world *w, unsigned i)
{
    const struct mesh_options options = mesh_options(&w->sides[i]);
    for (unsigned k = 0; k < SIDES; k++) {
        const struct directory_broker broker = entry_of(&w->sides[k]);
        if (k != i)
            peers_add(&w->sides[i].peers, &broker);
    }
    assert_int_equal(mesh_new(&w->sides[i].mesh, &options, NULL), MR_OK);
}

static int make_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    assert_int_equal(loop_new(&w->loop), MR_OK);
    assert_int_equal(zctx_new(-1, &w->zctx, NULL), MR_OK);
    assert_int_equal(zap_new(w->loop, w->zctx, look_up, w, &w->zap, NULL), MR_OK);
    assert_int_equal(loop_timer_new(w->loop, on_tick, w, &w->tick), MR_OK);
    for (unsigned i = 0; i < SIDES; i++)
        make_side(w, i);
    for (unsigned i = 0; i < SIDES; i++) {
        make_hub(&w->sides[i]);
        listen_at(&w->sides[i], 0, SESSIONS_PER_PEER * (SIDES - 1));
    }
    for (unsigned i = 0; i < SIDES; i++)
        introduce(w, i);
    loop_on_turn_end(w->loop, &w->turn_end, on_turn_end, w);
    *state = w;
    return 0;
}

static int free_world(void **state)
{
    struct world *w = *state;
    loop_unhook(w->loop, &w->turn_end);
    for (unsigned i = 0; i < SIDES; i++) {
        struct side *s = &w->sides[i];
        mesh_free(s->mesh);
        listener_free(s->listener);
        hub_free(s->hub);
        rights_free(s->rights);
        keys_free(s->keys);
    }
    loop_timer_free(w->tick);
    zap_free(w->zap);
    zctx_free(w->zctx);
    loop_free(w->loop);
    free(w);
    return mem_outstanding() > 0;
}

static void start(struct world *w)
{
    for (unsigned i = 0; i < SIDES; i++)
        mesh_start(w->sides[i].mesh);
}

/* Turns until so many peers of this side are up. */
static void turn_until(struct world *w, const struct side *s, uint32_t peers_up)
{
    int64_t until_ns = loop_now_ns(w->loop) + DEADLINE_S * INT64_C(1000000000);
    struct hub_stats stats;
    do {
        loop_turn(w->loop, 100);
        hub_get_stats(s->hub, &stats);
    } while (stats.peers_up != peers_up && loop_now_ns(w->loop) < until_ns);
    assert_int_equal(stats.peers_up, peers_up);
}

/* -- tests ----------------------------------------------------------------------------------------------------------- */
static void brokers_meet_in_two_sessions_each(void **state)
{
    struct world *w = *state;
    start(w);
    for (unsigned i = 0; i < SIDES; i++) {
        turn_until(w, &w->sides[i], SIDES - 1);
        assert_int_equal(w->sides[i].ups, SIDES - 1);
    }
    for (unsigned i = 0; i < SIDES; i++)
        assert_int_equal(listener_count(w->sides[i].listener), SIDES - 1);
}

static void a_broker_that_went_away_is_dialled_until_it_is_back(void **state)
{
    struct world *w = *state;
    struct side *gone = &w->sides[2];
    uint16_t port = listener_port(gone->listener);
    start(w);
    turn_until(w, &w->sides[0], 2);
    loop_unhook(w->loop, &w->turn_end);
    mesh_free(gone->mesh);
    listener_free(gone->listener);
    hub_free(gone->hub);
    make_hub(gone);
    const struct mesh_options options = mesh_options(gone);
    assert_int_equal(mesh_new(&gone->mesh, &options, NULL), MR_OK);
    const struct listener_options closed = listener_options(gone, 4);
    assert_int_equal(listener_new(&gone->listener, &closed, NULL), MR_OK);
    loop_on_turn_end(w->loop, &w->turn_end, on_turn_end, w);
    turn_until(w, &w->sides[0], 1);
    turn_until(w, &w->sides[1], 1);
    listener_free(gone->listener);
    listen_at(gone, port, 4);
    mesh_start(gone->mesh);
    turn_until(w, &w->sides[0], 2);
    turn_until(w, &w->sides[1], 2);
    turn_until(w, gone, 2);
}

static void who_is_not_trusted_any_more_is_cut_both_ways(void **state)
{
    struct world *w = *state;
    struct side *mr1 = &w->sides[0], *mr2 = &w->sides[1];
    start(w);
    turn_until(w, mr1, 2);
    turn_until(w, mr2, 2);
    mr1->peers.list[0].is_trusted = false; /* mr2 */
    listener_review(mr1->listener);
    mesh_review(mr1->mesh);
    turn_until(w, mr1, 1);
    turn_until(w, mr2, 1);
    assert_non_null(strstr(mr2->last_end, "not that of a peer"));
    mr1->peers.list[0].is_trusted = true;
    mesh_review(mr1->mesh);
    mesh_review(mr2->mesh); /* it was refused: it would wait for some seconds */
    turn_until(w, mr1, 2);
    turn_until(w, mr2, 2);
}

static void who_comes_above_the_limit_is_told(void **state)
{
    struct world *w = *state;
    struct side *full = &w->sides[0];
    listener_free(full->listener);
    listen_at(full, 0, 1);
    for (unsigned i = 1; i < SIDES; i++)
        w->sides[i].peers.list[0].broker = entry_of(full);
    start(w);
    turn_until(w, full, 2);
    int64_t until_ns = loop_now_ns(w->loop) + DEADLINE_S * INT64_C(1000000000);
    while (!*w->sides[1].last_end && !*w->sides[2].last_end && loop_now_ns(w->loop) < until_ns)
        loop_turn(w->loop, 100);
    const char *end = *w->sides[1].last_end ? w->sides[1].last_end : w->sides[2].last_end;
    assert_string_equal(end, "this broker has 1 sessions already, which is its limit");
}

static void a_broker_that_stops_says_so_and_is_alone(void **state)
{
    struct world *w = *state;
    struct side *s = &w->sides[0];
    for (unsigned i = 0; i < SIDES; i++)
        assert_true(mesh_is_idle(w->sides[i].mesh));
    start(w);
    for (unsigned i = 0; i < SIDES; i++)
        turn_until(w, &w->sides[i], 2);
    listener_bye_all(s->listener, MR_CLOSED, "the broker stops", 500);
    mesh_stop(s->mesh, MR_CLOSED, "the broker stops", 500);
    turn_until(w, &w->sides[1], 1);
    turn_until(w, &w->sides[2], 1);
    assert_string_equal(w->sides[1].last_end, "the broker stops");
    while (!mesh_is_idle(s->mesh) || listener_count(s->listener) > 0)
        loop_turn(w->loop, 100);
    turn_until(w, s, 0);
}

static void every_failed_allocation_is_a_result(void **state)
{
    struct world *w = *state;
    const struct mesh_options mesh = mesh_options(&w->sides[0]);
    const struct listener_options listener = listener_options(&w->sides[0], 4);
    size_t before = mem_outstanding();
    for (int which = 0; which < 2; which++) {
        struct mesh *m = NULL;
        struct listener *l = NULL;
        struct err err = {{0}};
        unsigned n = 0;
        enum mr_rc rc;
        do {
            mem_fail_at(++n);
            rc = which ? mesh_new(&m, &mesh, &err) : listener_new(&l, &listener, &err);
            if (rc)
                assert_int_equal(mem_outstanding(), before);
        } while (mem_fail_off());
        assert_int_equal(rc, MR_OK);
        assert_string_equal(err.text, rc_text(MR_NO_MEMORY)); /* of the attempt before */
        mesh_free(m);
        listener_free(l);
    }
}

#define IN_WORLD(function) cmocka_unit_test_setup_teardown(function, make_world, free_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(brokers_meet_in_two_sessions_each),
        IN_WORLD(a_broker_that_went_away_is_dialled_until_it_is_back),
        IN_WORLD(who_is_not_trusted_any_more_is_cut_both_ways),
        IN_WORLD(who_comes_above_the_limit_is_told),
        IN_WORLD(a_broker_that_stops_says_so_and_is_alone),
        IN_WORLD(every_failed_allocation_is_a_result),
    };
    struct log_options quiet = log_defaults();
    quiet.level = LOG_LEVEL_ERROR;
    log_set_options(&quiet);
    if (keys_init() != MR_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
