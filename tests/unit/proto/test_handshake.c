/* test_handshake.c - the begin and the end of a session: every event in every state, versions, deadlines, two sides. */
#include "proto/handshake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rand.h"

static const int64_t WAIT_NS = (int64_t)HANDSHAKE_WAIT_MS * 1000000;

static struct handshake make(bool server)
{
    struct handshake h;

    handshake_init(&h, &(struct handshake_conf){server, 3, 2}, 0);
    return h;
}

static struct handshake_event event_of(enum handshake_event_kind kind)
{
    return (struct handshake_event){.kind = kind, .version = 3, .oldest = 2, .rc = MR_DENIED, .reason = "why"};
}

static enum mr_rc step(struct handshake *h, const struct handshake_event *event, struct handshake_actions *ret)
{
    return handshake_step(h, event, 0, ret);
}

/* The machine in a state, by the shortest way; session 7 once it is up. */
static struct handshake in_state(bool server, enum handshake_state state)
{
    struct handshake h = make(server);
    struct handshake_actions todo;
    struct handshake_event begin = event_of(server ? HANDSHAKE_HELLO : HANDSHAKE_START);
    struct handshake_event up = event_of(server ? HANDSHAKE_ACCEPT : HANDSHAKE_WELCOME);
    struct handshake_event over = event_of(HANDSHAKE_QUIT);

    up.session = 7;
    if (state == HANDSHAKE_NEW)
        return h;
    if (state == HANDSHAKE_OVER) {
        assert_int_equal(step(&h, &over, &todo), MR_OK);
        return h;
    }
    assert_int_equal(step(&h, &begin, &todo), MR_OK);
    if (state == HANDSHAKE_UP)
        assert_int_equal(step(&h, &up, &todo), MR_OK);
    assert_int_equal(h.state, state);
    return h;
}

/* What becomes of each event: the state after it, or M = refused as misuse. */
enum { N = HANDSHAKE_NEW, G = HANDSHAKE_GREETING, A = HANDSHAKE_ASKED, U = HANDSHAKE_UP, O = HANDSHAKE_OVER, M = 99 };

struct row {
    enum handshake_state state;
    int after[HANDSHAKE_EVENTS]; /* START HELLO ACCEPT WELCOME BYE FRAME QUIT FAULT TICK(not due) */
};

static void check_rows(bool server, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (int kind = 0; kind < HANDSHAKE_EVENTS; kind++) {
            struct handshake h = in_state(server, rows[i].state);
            struct handshake_event event = event_of((enum handshake_event_kind)kind);
            struct handshake_actions todo;
            event.session = kind == HANDSHAKE_ACCEPT || kind == HANDSHAKE_WELCOME ? 7 : h.session;
            enum mr_rc rc = step(&h, &event, &todo);
            if (rows[i].after[kind] == M) {
                assert_int_equal(rc, MR_MISUSE);
                assert_int_equal(h.state, rows[i].state);
                assert_false(todo.say_bye || todo.tell_end);
            } else {
                assert_int_equal(rc, MR_OK);
                assert_int_equal(h.state, rows[i].after[kind]);
            }
        }
    }
}

static void every_event_in_every_state_of_a_client(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {HANDSHAKE_NEW, {G, O, M, O, O, O, O, O, N}},
        {HANDSHAKE_GREETING, {M, O, M, U, O, O, O, O, G}},
        {HANDSHAKE_UP, {M, O, M, O, O, U, O, O, U}},
        {HANDSHAKE_OVER, {M, O, M, O, O, O, M, O, O}},
    };
    check_rows(false, rows, sizeof rows / sizeof rows[0]);
}

static void every_event_in_every_state_of_a_server(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {HANDSHAKE_NEW, {M, A, M, O, O, O, O, O, N}},
        {HANDSHAKE_ASKED, {M, O, U, O, O, O, O, O, A}},
        {HANDSHAKE_UP, {M, O, M, O, O, U, O, O, U}},
        {HANDSHAKE_OVER, {M, O, M, O, O, O, M, O, O}},
    };
    check_rows(true, rows, sizeof rows / sizeof rows[0]);
}

static void versions_are_agreed_where_they_overlap(void **state)
{
    (void)state;
    static const struct {
        uint32_t newest, oldest, agreed; /* of the client; 0: none */
    } cases[] = {{3, 2, 3}, {4, 3, 3}, {9, 3, 3}, {2, 1, 2}, {2, 2, 2}, {1, 1, 0}, {4, 4, 0}, {2, 3, 0}, {0, 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct handshake h = make(true);
        struct handshake_event hello = event_of(HANDSHAKE_HELLO);
        struct handshake_actions todo;
        hello.version = cases[i].newest;
        hello.oldest = cases[i].oldest;
        assert_int_equal(step(&h, &hello, &todo), MR_OK);
        assert_int_equal(h.state, cases[i].agreed ? HANDSHAKE_ASKED : HANDSHAKE_OVER);
        assert_int_equal(todo.say_bye, !cases[i].agreed);
        if (cases[i].agreed)
            assert_int_equal(h.version, cases[i].agreed);
    }
}

static void a_client_takes_only_a_version_it_speaks_and_a_session(void **state)
{
    (void)state;
    for (uint32_t version = 1; version <= 4; version++) {
        struct handshake h = in_state(false, HANDSHAKE_GREETING);
        struct handshake_event welcome = event_of(HANDSHAKE_WELCOME);
        struct handshake_actions todo;
        welcome.version = version;
        welcome.session = 7;
        assert_int_equal(step(&h, &welcome, &todo), MR_OK);
        assert_int_equal(h.state, version == 2 || version == 3 ? HANDSHAKE_UP : HANDSHAKE_OVER);
    }
    struct handshake h = in_state(false, HANDSHAKE_GREETING);
    struct handshake_event welcome = event_of(HANDSHAKE_WELCOME);
    struct handshake_actions todo;
    assert_int_equal(step(&h, &welcome, &todo), MR_OK);
    assert_int_equal(h.state, HANDSHAKE_OVER); /* session 0 */
}

static void a_hello_must_carry_no_session(void **state)
{
    (void)state;
    struct handshake h = make(true);
    struct handshake_event hello = event_of(HANDSHAKE_HELLO);
    struct handshake_actions todo;
    hello.session = 1;
    assert_int_equal(step(&h, &hello, &todo), MR_OK);
    assert_true(todo.say_bye && todo.tell_end);
}

static void every_later_frame_must_carry_the_session(void **state)
{
    (void)state;
    static const uint64_t others[] = {0, 6, 8, UINT64_MAX};
    for (size_t i = 0; i < 4; i++) {
        struct handshake h = in_state(true, HANDSHAKE_UP);
        struct handshake_event frame = event_of(HANDSHAKE_FRAME);
        struct handshake_actions todo;
        frame.session = others[i];
        assert_int_equal(step(&h, &frame, &todo), MR_OK);
        assert_int_equal(h.state, HANDSHAKE_OVER);
        assert_int_equal(todo.rc, MR_INVALID);
    }
}

static void a_bye_of_another_session_is_a_fault_but_one_that_crossed_welcome_is_not(void **state)
{
    (void)state;
    struct handshake h = in_state(true, HANDSHAKE_UP);
    struct handshake_event bye = event_of(HANDSHAKE_BYE);
    struct handshake_actions todo;
    bye.session = 8;
    assert_int_equal(step(&h, &bye, &todo), MR_OK);
    assert_true(todo.say_bye);
    h = in_state(true, HANDSHAKE_UP);
    bye.session = 0; /* said before the client saw WELCOME */
    assert_int_equal(step(&h, &bye, &todo), MR_OK);
    assert_false(todo.say_bye);
    assert_int_equal(todo.rc, MR_DENIED);
    assert_string_equal(todo.reason, "why");
}

static void a_floor_ends_both_sides(void **state)
{
    (void)state;
    struct handshake client = in_state(false, HANDSHAKE_GREETING), server = in_state(true, HANDSHAKE_ASKED);
    struct handshake_event accept = event_of(HANDSHAKE_ACCEPT), welcome = event_of(HANDSHAKE_WELCOME);
    struct handshake_actions todo;
    accept.session = welcome.session = 7;
    accept.floor = welcome.floor = 5;
    assert_int_equal(step(&server, &accept, &todo), MR_OK);
    assert_true(todo.say_welcome && !todo.say_bye && !todo.tell_end);
    assert_int_equal(step(&client, &welcome, &todo), MR_OK);
    assert_true(todo.tell_up && todo.tell_end && !todo.say_bye);
    assert_int_equal(todo.rc, MR_FENCED);
    assert_int_equal(client.state, HANDSHAKE_OVER);
    assert_int_equal(server.state, HANDSHAKE_OVER);
}

static void an_owner_must_answer_with_a_session(void **state)
{
    (void)state;
    struct handshake h = in_state(true, HANDSHAKE_ASKED);
    struct handshake_event accept = event_of(HANDSHAKE_ACCEPT);
    struct handshake_actions todo;
    assert_int_equal(step(&h, &accept, &todo), MR_MISUSE);
    assert_int_equal(h.state, HANDSHAKE_ASKED);
}

static void the_deadline_ends_what_is_not_up(void **state)
{
    (void)state;
    static const enum handshake_state waiting[] = {HANDSHAKE_NEW, HANDSHAKE_GREETING, HANDSHAKE_ASKED};
    for (size_t i = 0; i < 3; i++) {
        struct handshake h = in_state(i == 2, waiting[i]);
        struct handshake_event tick = event_of(HANDSHAKE_TICK);
        struct handshake_actions todo;
        assert_int_equal(h.deadline_ns, WAIT_NS);
        assert_int_equal(handshake_step(&h, &tick, WAIT_NS - 1, &todo), MR_OK);
        assert_int_equal(h.state, waiting[i]);
        assert_int_equal(handshake_step(&h, &tick, WAIT_NS, &todo), MR_OK);
        assert_int_equal(h.state, HANDSHAKE_OVER);
        assert_int_equal(todo.rc, MR_TIMEOUT);
    }
    struct handshake h = in_state(true, HANDSHAKE_UP);
    struct handshake_event tick = event_of(HANDSHAKE_TICK);
    struct handshake_actions todo;
    assert_int_equal(h.deadline_ns, INT64_MAX);
    assert_int_equal(handshake_step(&h, &tick, WAIT_NS * 100, &todo), MR_OK);
    assert_int_equal(h.state, HANDSHAKE_UP);
}

/* Two machines and whatever the seed does to them: never both up under different sessions or versions, always an end. */
static void two_machines_agree_or_end(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct rand_seeded rand;
        struct handshake c, s;
        struct handshake_actions todo;
        struct handshake_event wire, tick = event_of(HANDSHAKE_TICK);
        rand_seeded_init(&rand, seed);
        handshake_init(&c, &(struct handshake_conf){false, 2 + (uint32_t)rand_below(&rand.source, 3), 2}, 0);
        handshake_init(&s, &(struct handshake_conf){true, 3, 2 + (uint32_t)rand_below(&rand.source, 2)}, 0);
        bool cut = rand_below(&rand.source, 3) == 0;
        wire = event_of(HANDSHAKE_START);
        assert_int_equal(step(&c, &wire, &todo), MR_OK);
        wire = (struct handshake_event){.kind = HANDSHAKE_HELLO, .version = c.conf.newest, .oldest = c.conf.oldest};
        assert_int_equal(step(&s, &wire, &todo), MR_OK);
        if (todo.ask_owner) {
            wire = (struct handshake_event){.kind = HANDSHAKE_ACCEPT, .session = 1 + rand_below(&rand.source, 9)};
            assert_int_equal(step(&s, &wire, &todo), MR_OK);
            wire.kind = HANDSHAKE_WELCOME;
            wire.version = s.version;
            if (!cut)
                assert_int_equal(step(&c, &wire, &todo), MR_OK);
        }
        assert_int_equal(handshake_step(&c, &tick, WAIT_NS, &todo), MR_OK);
        assert_int_equal(handshake_step(&s, &tick, WAIT_NS, &todo), MR_OK);
        if (c.state == HANDSHAKE_UP)
            assert_true(s.state == HANDSHAKE_UP && c.session == s.session && c.version == s.version);
        else
            assert_int_equal(c.state, HANDSHAKE_OVER);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_in_every_state_of_a_client),
        cmocka_unit_test(every_event_in_every_state_of_a_server),
        cmocka_unit_test(versions_are_agreed_where_they_overlap),
        cmocka_unit_test(a_client_takes_only_a_version_it_speaks_and_a_session),
        cmocka_unit_test(a_hello_must_carry_no_session),
        cmocka_unit_test(every_later_frame_must_carry_the_session),
        cmocka_unit_test(a_bye_of_another_session_is_a_fault_but_one_that_crossed_welcome_is_not),
        cmocka_unit_test(a_floor_ends_both_sides),
        cmocka_unit_test(an_owner_must_answer_with_a_session),
        cmocka_unit_test(the_deadline_ends_what_is_not_up),
        cmocka_unit_test(two_machines_agree_or_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
