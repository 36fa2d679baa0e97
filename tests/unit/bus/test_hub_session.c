/* test_hub_session.c - an agent's hub and a broker's hub meet: whose identity it is, and which births are let in. */
#include "base/mem.h"
#include "bus/hub.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { ROUNDS = 30 };

struct side {
    struct hub *hub;
    uint32_t port;
    bool is_over, is_up;
    enum mr_rc rc;
    uint64_t floor;
    char identity[64];
};

struct world {
    struct rights *rights;
    struct side agent, broker;
};

static void on_output(void *user, uint32_t port)
{
    (void)user;
    (void)port;
}

static void on_over(void *user, uint32_t port, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    struct side *side = user;
    (void)reason;
    (void)retry_ms;
    assert_int_equal(port, side->port);
    assert_false(side->is_over);
    side->is_over = true;
    side->rc = rc;
}

static void on_uplink(void *user, const struct session_welcome *welcome)
{
    struct side *side = user;
    side->is_up = true;
    strncpy(side->identity, welcome->identity, sizeof side->identity - 1);
}

static void on_birth_floor(void *user, uint64_t floor)
{
    struct side *side = user;
    side->floor = floor;
}

static void on_notice(void *user, enum hub_notice notice, const char *text)
{
    (void)user;
    (void)notice;
    (void)text;
}

static const struct hub_events events = {.on_output = on_output,
                                         .on_over = on_over,
                                         .on_uplink = on_uplink,
                                         .on_birth_floor = on_birth_floor,
                                         .on_notice = on_notice};

static void make(struct world *w, struct side *side, enum hub_kind kind, const char *name, uint64_t birth)
{
    const struct hub_conf conf = {.kind = kind,
                                  .name = name,
                                  .identity = name,
                                  .path = "demo/x",
                                  .birth = birth,
                                  .max_ports = 4,
                                  .max_filters = 100,
                                  .max_filters_per_port = 100,
                                  .max_topics = 100,
                                  .max_slots = 100,
                                  .max_queued_bytes = SESSION_OUTBOUND_BYTES,
                                  .clock = clock_system(),
                                  .rand = rand_system(),
                                  .rights = w->rights,
                                  .events = &events,
                                  .user = side};
    struct err err = {{0}};
    assert_int_equal(hub_new(&side->hub, &conf, &err), MR_OK);
}

static int setup(void **state)
{
    static struct world w;
    struct err err = {{0}};
    w = (struct world){.rights = NULL};
    assert_int_equal(rights_new_open(&w.rights, &err), MR_OK);
    make(&w, &w.agent, HUB_AGENT, "anna", UINT64_C(5) << 32);
    make(&w, &w.broker, HUB_BROKER, "mr1", 9);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    hub_free(w->agent.hub);
    hub_free(w->broker.hub);
    rights_free(w->rights);
    return mem_outstanding() > 0;
}

static void move(struct side *from, struct side *to)
{
    hub_turn_end(from->hub);
    for (struct blob *frame; (frame = hub_take(from->hub, from->port)); blob_unref(frame))
        if (!to->is_over && hub_input(to->hub, to->port, frame->data, frame->len) != MR_OK)
            assert_true(to->is_over);
}

/* Connects the two; the broker takes the agent for this identity. */
static void meet(struct world *w, const char *identity)
{
    const struct port_peer peer = {.kind = PORT_AGENT, .identity = identity, .path = "demo/anna", .address = "test"};
    struct err err = {{0}};
    w->agent.is_over = w->agent.is_up = w->broker.is_over = false;
    assert_int_equal(hub_accept(w->broker.hub, &peer, &w->broker.port, &err), MR_OK);
    assert_int_equal(hub_connect(w->agent.hub, "mr1", &w->agent.port, &err), MR_OK);
    for (int round = 0; round < ROUNDS; round++) {
        move(&w->agent, &w->broker);
        move(&w->broker, &w->agent);
    }
}

static void part(struct world *w)
{
    hub_close(w->agent.hub, w->agent.port);
    hub_close(w->broker.hub, w->broker.port);
}

static void an_agent_is_who_its_broker_says(void **state)
{
    struct world *w = *state;
    meet(w, "anna");
    assert_true(w->agent.is_up);
    assert_string_equal(w->agent.identity, "anna");
}

static void a_further_session_of_a_person_is_an_identity_of_its_own(void **state)
{
    struct world *w = *state;
    uint32_t topic = 0;
    struct err err = {{0}};
    struct hub_stats stats;
    meet(w, "anna~2");
    assert_true(w->agent.is_up && !w->broker.is_over);
    assert_string_equal(w->agent.identity, "anna~2");
    const struct session_tag tag = {.type = MR_F64, .unit = "", .description = ""};
    const struct mr_value value = mr_f64(1);
    assert_int_equal(hub_tag_open(w->agent.hub, &tag, "./x", &topic, &err), MR_OK);
    assert_int_equal(hub_tag_write(w->agent.hub, topic, &value, 0, MR_KEEP, MR_NO_TIME), MR_OK);
    move(&w->agent, &w->broker);
    assert_false(w->broker.is_over);
    hub_get_stats(w->broker.hub, &stats);
    assert_int_equal(stats.slots, 1);
    assert_true(names_find_topic(hub_names(w->broker.hub), "demo/anna/x") > 0);
}

static void a_key_of_another_name_gets_no_session(void **state)
{
    static const char *const others[] = {"ann", "annabel", "bert", "bert~2"};
    struct world *w = *state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        meet(w, others[i]);
        assert_false(w->agent.is_up);
        assert_true(w->agent.is_over && w->broker.is_over);
        assert_int_equal(w->agent.rc, MR_DENIED);
        part(w);
    }
}

static void an_earlier_birth_is_sent_above_the_known_one_and_the_port_ends(void **state)
{
    struct world *w = *state;
    meet(w, "anna");
    part(w);
    hub_set_birth(w->agent.hub, UINT64_C(3) << 32);
    meet(w, "anna");
    assert_false(w->agent.is_up);
    assert_true(w->agent.floor == UINT64_C(5) << 32);
    assert_true(w->agent.is_over);
    assert_true(w->broker.is_over);
    part(w);
    hub_set_birth(w->agent.hub, w->agent.floor + 1);
    meet(w, "anna");
    assert_true(w->agent.is_up && !w->broker.is_over);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_agent_is_who_its_broker_says, setup, teardown),
        cmocka_unit_test_setup_teardown(a_further_session_of_a_person_is_an_identity_of_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_of_another_name_gets_no_session, setup, teardown),
        cmocka_unit_test_setup_teardown(an_earlier_birth_is_sent_above_the_known_one_and_the_port_ends, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
