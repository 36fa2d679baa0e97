/* test_zap.c - the parser of ZAP requests, the one handler of a context, and requests that libzmq would never send. */
#include "base/err.h"
#include "base/io/zap.h"
#include "base/io/zsock_internal.h"
#include "base/mem.h"
#include "tests/unit/base_io/zworld.h"
#include <string.h>

#define FRAME(text)                                                                                                    \
    {                                                                                                                  \
        .data = (const uint8_t *)(text), .len = sizeof(text) - 1                                                       \
    }
static const char key[] = "0123456789abcdef0123456789abcdef";

static void fill_request(struct zap_frame frames[ZAP_FRAMES + 1])
{
    const struct zap_frame good[ZAP_FRAMES] = {FRAME("1.0"), FRAME("1"),     FRAME("agents"), FRAME("10.0.0.1"),
                                               FRAME(""),    FRAME("CURVE"), FRAME(key)};
    memcpy(frames, good, sizeof good);
    frames[ZAP_FRAMES] = (struct zap_frame)FRAME("");
}

static void a_request_is_read(void **state)
{
    struct zap_frame frames[ZAP_FRAMES + 1];
    struct zap_question question;
    (void)state;
    fill_request(frames);
    assert_int_equal(zap_parse(frames, ZAP_FRAMES, &question), MR_OK);
    assert_string_equal(question.domain, "agents");
    assert_string_equal(question.address, "10.0.0.1");
    assert_memory_equal(question.key, key, ZAP_KEY_BYTES);
}

static void a_request_that_breaks_the_protocol_is_refused(void **state)
{
    static const struct {
        unsigned frame;
        struct zap_frame wrong;
    } cases[] = {
        {0, FRAME("1.1")},   {0, FRAME("")},     {2, FRAME("")},          {2, FRAME("a\0b")}, {3, FRAME("a\0b")},
        {5, FRAME("PLAIN")}, {5, FRAME("NULL")}, {6, FRAME("too short")}, {6, FRAME("")},
    };
    struct zap_frame frames[ZAP_FRAMES + 1];
    struct zap_question question;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fill_request(frames);
        frames[cases[i].frame] = cases[i].wrong;
        assert_int_equal(zap_parse(frames, ZAP_FRAMES, &question), MR_INVALID);
    }
    fill_request(frames);
    assert_int_equal(zap_parse(frames, ZAP_FRAMES + 1, &question), MR_INVALID);
    assert_int_equal(zap_parse(frames, ZAP_FRAMES - 1, &question), MR_INVALID);
    assert_int_equal(zap_parse(frames, 0, &question), MR_INVALID);
}

static void the_lengths_of_a_request_are_bounded(void **state)
{
    uint8_t text[300];
    static const struct {
        unsigned frame;
        size_t most;
    } cases[] = {{1, 255}, {2, 255}, {3, 63}, {6, ZAP_KEY_BYTES}};
    struct zap_frame frames[ZAP_FRAMES + 1];
    struct zap_question question;
    (void)state;
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fill_request(frames);
        frames[cases[i].frame] = (struct zap_frame){.data = text, .len = cases[i].most};
        assert_int_equal(zap_parse(frames, ZAP_FRAMES, &question), MR_OK);
        frames[cases[i].frame].len++;
        assert_int_equal(zap_parse(frames, ZAP_FRAMES, &question), MR_INVALID);
    }
}

static bool admit_nobody(void *user, const struct zap_request *request, char ret_user_id[ZAP_USER_ID_SIZE])
{
    (void)user, (void)request, (void)ret_user_id;
    return false;
}

static void a_context_has_one_handler(void **state)
{
    struct zworld *world = *state;
    struct zap *second = NULL;
    struct err err = {{0}};
    assert_int_equal(zap_new(world->loop, world->ctx, admit_nobody, NULL, &second, &err), MR_MISUSE);
    assert_null(second);
    for (unsigned n = 1; n <= 2; n++) {
        mem_fail_at(n);
        enum mr_rc rc = zap_new(world->loop, world->ctx, admit_nobody, NULL, &second, &err);
        assert_true(rc == MR_NO_MEMORY || rc == MR_MISUSE);
        (void)mem_fail_off();
    }
    zap_free(NULL);
}

static bool admit_without_name(void *user, const struct zap_request *request, char ret_user_id[ZAP_USER_ID_SIZE])
{
    (void)user, (void)request;
    ret_user_id[0] = '\0';
    return true;
}

static bool admit_without_end(void *user, const struct zap_request *request, char ret_user_id[ZAP_USER_ID_SIZE])
{
    (void)user, (void)request;
    memset(ret_user_id, 'a', ZAP_USER_ID_SIZE);
    return true;
}

static void a_lookup_that_names_nobody_admits_nobody(void **state)
{
    static zap_lookup_fn *const lookups[] = {admit_nobody, admit_without_name, admit_without_end};
    struct zworld *world = *state;
    for (size_t i = 0; i < sizeof lookups / sizeof lookups[0]; i++) {
        struct zpeer peer = {0};
        struct zap_stats stats;
        zap_free(world->zap);
        support_turn_for(world->loop, 20);
        assert_int_equal(zap_new(world->loop, world->ctx, lookups[i], NULL, &world->zap, NULL), MR_OK);
        if (!world->server)
            zworld_listen(world);
        assert_false(zpeer_try(&peer, world, world->known_keys));
        assert_int_equal(peer.why, ZCLIENT_REFUSED);
        zap_get_stats(world->zap, &stats);
        assert_int_equal(stats.admitted, 0);
        assert_int_equal(stats.refused, 1);
        zclient_free(peer.client);
    }
}

static void *ask_handler(struct zworld *world, const struct zap_frame *frames, size_t n_frames)
{
    const struct zsock_option linger[] = {{.name = ZMQ_LINGER, .number = 0}};
    void *asker = NULL;
    assert_int_equal(zsock_open(world->ctx, ZMQ_DEALER, linger, 1, &asker, NULL), MR_OK);
    assert_int_equal(zmq_connect(asker, "inproc://zeromq.zap.01"), 0);
    assert_int_equal(zmq_send(asker, "", 0, n_frames > 0 ? ZMQ_SNDMORE : 0), 0);
    for (size_t i = 0; i < n_frames; i++)
        assert_true(zmq_send(asker, frames[i].data, frames[i].len, i + 1 < n_frames ? ZMQ_SNDMORE : 0) >= 0);
    return asker;
}

static void malformed_requests_are_answered_400_where_they_can_be(void **state)
{
    static const size_t counts[] = {0, 1, 2, 6, 8, 9, 40};
    struct zworld *world = *state;
    struct zap_frame frames[40];
    struct zap_stats stats;
    for (size_t i = 0; i < 40; i++)
        frames[i] = (struct zap_frame)FRAME("x");
    fill_request(frames);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        char answer[16] = "";
        void *asker = ask_handler(world, frames, counts[i]);
        support_turn_for(world->loop, 20);
        for (int part = 0; part < 4; part++) { /* "", version, request id, status */
            memset(answer, 0, sizeof answer);
            (void)zmq_recv(asker, answer, sizeof answer - 1, ZMQ_DONTWAIT);
        }
        assert_string_equal(answer, counts[i] >= 2 ? "400" : "");
        zsock_close(asker);
    }
    zap_get_stats(world->zap, &stats);
    assert_int_equal(stats.malformed, sizeof counts / sizeof counts[0]);
    assert_int_equal(stats.admitted + stats.refused, 0);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, zworld_setup, zworld_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read),
        cmocka_unit_test(a_request_that_breaks_the_protocol_is_refused),
        cmocka_unit_test(the_lengths_of_a_request_are_bounded),
        WORLD_TEST(a_context_has_one_handler),
        WORLD_TEST(a_lookup_that_names_nobody_admits_nobody),
        WORLD_TEST(malformed_requests_are_answered_400_where_they_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
