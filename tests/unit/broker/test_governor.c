/* test_governor.c - a listener under its governor, with real connections: a crowd of strangers, messages that never end. */
#include "base/clock.h"
#include "base/io/keys.h"
#include "base/io/zap.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/governor.h"
#include "proto/limits.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

enum { MAX_SILENT = 10, CROWD = 40, DEADLINE_MS = 20000, HANDSHAKE_MS = 400 };

struct world {
    struct loop *loop;
    struct zctx *zctx;
    struct zap *zap;
    struct zserver *server;
    struct governor *governor;
    struct key_pair *broker, *agent;
    unsigned messages, full_lines, cut_lines;
    char last_cut[512], last_offender[64];
};

static int64_t now_ms(void)
{
    return clock_mono_ns(clock_system()) / 1000000;
}

/* -- world ----------------------------------------------------------------------------------------------------------- */
static bool look_up(void *user, const struct zap_request *request, char ret_user_id[ZAP_USER_ID_SIZE])
{
    const struct world *w = user;
    bool is_known = keys_equal(request->key, keys_public(w->agent));
    if (is_known)
        governor_on_admitted(w->governor, request->address, "press-07");
    snprintf(ret_user_id, ZAP_USER_ID_SIZE, "press-07");
    return is_known;
}

static void on_message(void *user, const struct zmessage *message)
{
    struct world *w = user;
    governor_on_message(w->governor, message);
    w->messages++;
}

static const char *name_of(void *user, uint32_t peer)
{
    (void)user;
    (void)peer;
    return "press-07";
}

static void on_offence(void *user, const char *name)
{
    struct world *w = user;
    snprintf(w->last_offender, sizeof w->last_offender, "%s", name);
}

static void on_line(void *user, const char *line, size_t len)
{
    struct world *w = user;
    w->full_lines += strstr(line, "BROKER-FULL") != NULL;
    if (!strstr(line, "BROKER-CUT"))
        return;
    w->cut_lines++;
    snprintf(w->last_cut, sizeof w->last_cut, "%.*s", (int)len, line);
}

static void listen_governed(struct world *w)
{
    struct err err = {{0}};
    const struct governor_options options = {.loop = w->loop,
                                             .listener = "agents",
                                             .max_silent = MAX_SILENT,
                                             .max_open = 1000,
                                             .max_message_bytes = AGENT_MAXMSGSIZE_BYTES,
                                             .name_of = name_of,
                                             .on_offence = on_offence,
                                             .user = w};
    if (governor_new(&w->governor, &options, &err) != MR_OK)
        fail_msg("%s", err.text);
    const struct zserver_options server = {.address = "127.0.0.1:0",
                                           .domain = "agents",
                                           .public_key = keys_public(w->broker),
                                           .secret_key = keys_secret(w->broker),
                                           .max_message_bytes = AGENT_MAXMSGSIZE_BYTES,
                                           .receive_frames = 100,
                                           .send_frames = 100,
                                           .handshake_ms = HANDSHAKE_MS,
                                           .backlog = MAX_SILENT,
                                           .rank = 3,
                                           .watch = &governor_watch,
                                           .watch_user = w->governor};
    if (zserver_new(w->loop, w->zctx, &server, on_message, w, &w->server, &err) != MR_OK)
        fail_msg("%s", err.text);
    governor_rule(w->governor, w->server);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct err err = {{0}};
    struct log_options log = log_defaults();
    log.sink = on_line;
    log.user = w;
    log.burst = 0;
    log_set_options(&log);
    assert_int_equal(keys_init(), MR_OK);
    assert_int_equal(keys_new(KEYS_BROKER, "mr1", 0, &w->broker, NULL), MR_OK);
    assert_int_equal(keys_new(KEYS_AGENT, "press-07", 0, &w->agent, NULL), MR_OK);
    assert_int_equal(loop_new(&w->loop), MR_OK);
    assert_int_equal(zctx_new(-1, &w->zctx, &err), MR_OK);
    assert_int_equal(zap_new(w->loop, w->zctx, look_up, w, &w->zap, &err), MR_OK);
    listen_governed(w);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    struct log_options log = log_defaults();
    zserver_free(w->server);
    governor_free(w->governor);
    zap_free(w->zap);
    zctx_free(w->zctx);
    loop_free(w->loop);
    keys_free(w->broker);
    keys_free(w->agent);
    log_set_options(&log);
    free(w);
    return mem_outstanding() > 0;
}

static struct governor_stats stats(const struct world *w)
{
    struct governor_stats ret;
    governor_get_stats(w->governor, &ret);
    return ret;
}

/* -- peers ----------------------------------------------------------------------------------------------------------- */
static int knock(const struct world *w)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(zserver_port(w->server))};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) != 0)
        assert_int_equal(errno, EINPROGRESS);
    return fd;
}

static void *dealer(const struct world *w, const struct key_pair *keys)
{
    char endpoint[64];
    static void *context; /* of the peers: made once, as libzmq wants it */
    int linger = 0, mark = 0;
    if (!context)
        context = zmq_ctx_new();
    void *socket = zmq_socket(context, ZMQ_DEALER);
    snprintf(endpoint, sizeof endpoint, "tcp://%s", zserver_address(w->server));
    assert_int_equal(zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger), 0);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_SNDHWM, &mark, sizeof mark), 0);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, keys_public(w->broker), KEYS_BYTES), 0);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys_public(keys), KEYS_BYTES), 0);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys_secret(keys), KEYS_BYTES), 0);
    assert_int_equal(zmq_connect(socket, endpoint), 0);
    return socket;
}

static void speak(struct world *w, void *socket)
{
    unsigned before = w->messages;
    assert_int_equal(zmq_send(socket, "hello", 5, 0), 5);
    for (int64_t end = now_ms() + DEADLINE_MS; w->messages == before && now_ms() < end;)
        loop_turn(w->loop, 10);
    assert_true(w->messages > before);
}

static void turn_until_cut(struct world *w)
{
    for (int64_t end = now_ms() + DEADLINE_MS; w->cut_lines == 0 && now_ms() < end;)
        loop_turn(w->loop, 10);
    assert_int_equal(w->cut_lines, 1);
}

/* -- tests ----------------------------------------------------------------------------------------------------------- */
/* promise: bounded-memory */
static void a_crowd_of_strangers_waits_at_the_door_and_the_late_guest_comes_in(void **state)
{
    struct world *w = *state;
    int crowd[CROWD];
    void *early = dealer(w, w->agent);
    speak(w, early);
    for (unsigned i = 0; i < CROWD; i++)
        crowd[i] = knock(w);
    for (int64_t end = now_ms() + DEADLINE_MS; !stats(w).is_held && now_ms() < end;)
        loop_turn(w->loop, 10);
    assert_true(stats(w).is_held);
    assert_true(stats(w).silent >= MAX_SILENT);
    struct pollfd waiting = {.fd = knock(w), .events = POLLOUT};
    assert_int_equal(poll(&waiting, 1, HANDSHAKE_MS / 4), 0); /* neither accepted nor refused */
    void *late = dealer(w, w->agent);
    assert_int_equal(zmq_send(late, "hello", 5, 0), 5);
    for (int64_t end = now_ms() + DEADLINE_MS; w->messages < 2 && now_ms() < end;)
        loop_turn(w->loop, 10);
    assert_int_equal(w->messages, 2); /* strangers are dropped at the handshake's limit, and it comes in */
    assert_true(stats(w).holds >= 1);
    assert_int_equal(w->full_lines, 1);
    speak(w, early);
    for (unsigned i = 0; i < CROWD; i++)
        close(crowd[i]);
    close(waiting.fd);
    for (int64_t end = now_ms() + DEADLINE_MS; stats(w).open > 2 && now_ms() < end;)
        loop_turn(w->loop, 10);
    assert_int_equal(stats(w).open, 2);
    assert_int_equal(stats(w).silent, 0);
    assert_false(stats(w).is_held);
    assert_int_equal(zmq_close(early) | zmq_close(late), 0);
}

static long resident_bytes(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*d %ld", &pages), 1);
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

/* promise: bounded-memory */
static void a_message_that_never_ends_costs_its_sender_the_connection_and_nobody_else(void **state)
{
    enum {
        PART = 64 * 1024,
        PARTS = 16000
    }; /* a thousand MiB; libzmq sends when it has all, and delivers when it has all */
    static const char part[PART];
    struct world *w = *state;
    void *good = dealer(w, w->agent), *bad = dealer(w, w->agent);
    speak(w, good);
    speak(w, bad);
    long before = resident_bytes();
    for (unsigned n = 0; n < PARTS; n++)
        assert_int_equal(zmq_send_const(bad, part, PART, n + 1 < PARTS ? ZMQ_SNDMORE : 0), PART);
    turn_until_cut(w);
    assert_non_null(strstr(w->last_cut, "peer=press-07 address=127.0.0.1"));
    assert_non_null(strstr(w->last_cut, "a message that it does not finish"));
    assert_string_equal(w->last_offender, "press-07");
    speak(w, good);
    assert_int_equal(w->cut_lines, 1);
    assert_true(resident_bytes() - before < 400L * 1024 * 1024); /* what came in a tick or two */
    assert_int_equal(zmq_close(good) | zmq_close(bad), 0);
}

/* promise: bounded-memory */
static void who_begins_with_a_message_that_never_ends_has_a_name_too(void **state)
{
    enum { PART = 64 * 1024, PARTS = 8000 };
    static const char part[PART];
    struct world *w = *state;
    void *bad = dealer(w, w->agent);
    for (unsigned n = 0; n < PARTS; n++)
        assert_int_equal(zmq_send_const(bad, part, PART, n + 1 < PARTS ? ZMQ_SNDMORE : 0), PART);
    turn_until_cut(w);
    assert_non_null(strstr(w->last_cut, "peer=press-07 address=127.0.0.1"));
    assert_string_equal(w->last_offender, "press-07");
    assert_int_equal(zmq_close(bad), 0);
}

static void a_message_of_two_parts_is_told_with_who_sent_it(void **state)
{
    struct world *w = *state;
    void *bad = dealer(w, w->agent);
    assert_int_equal(zmq_send(bad, "one", 3, ZMQ_SNDMORE), 3);
    assert_int_equal(zmq_send(bad, "two", 3, 0), 3);
    turn_until_cut(w);
    assert_non_null(strstr(w->last_cut, "peer=press-07 address=127.0.0.1"));
    assert_non_null(strstr(w->last_cut, "a message of several parts"));
    assert_string_equal(w->last_offender, "press-07");
    assert_int_equal(w->messages, 0);
    assert_int_equal(zmq_close(bad), 0);
}

static void who_finishes_what_it_sends_may_send_without_end(void **state)
{
    enum { LEN = 64 * 1024, MESSAGES = 1000 };
    struct world *w = *state;
    void *peer = dealer(w, w->agent);
    char *data = calloc(1, LEN);
    for (unsigned n = 0; n < MESSAGES; n++) {
        assert_int_equal(zmq_send(peer, data, LEN, 0), LEN);
        for (int64_t end = now_ms() + DEADLINE_MS; w->messages <= n && now_ms() < end;)
            loop_turn(w->loop, 10);
    }
    for (int64_t end = now_ms() + 3 * GOVERNOR_TICK_MS; now_ms() < end;)
        loop_turn(w->loop, 10);
    assert_int_equal(w->messages, MESSAGES);
    assert_int_equal(w->cut_lines, 0);
    assert_int_equal(zmq_close(peer), 0);
    free(data);
}

/* libzmq's own limit ends a handshake; what comes after it, a known key that never says a word, is ours to end. */
static void a_known_key_that_says_nothing_is_cut(void **state)
{
    struct world *w = *state;
    void *mute = dealer(w, w->agent);
    turn_until_cut(w);
    assert_non_null(strstr(w->last_cut, "peer=press-07 address=127.0.0.1"));
    assert_non_null(strstr(w->last_cut, "it connected and said nothing"));
    assert_string_equal(w->last_offender, "");
    assert_int_equal(zmq_close(mute), 0);
}

/* What libzmq tells of its connections is never left lying: a flood while nobody drains stops nobody. */
static void a_flood_that_nobody_looks_at_blocks_nothing(void **state)
{
    enum { FLOOD = 3000 };
    struct world *w = *state;
    for (unsigned i = 0; i < FLOOD; i++) {
        int fd = knock(w);
        assert_true(send(fd, "GET / HTTP/1.1\r\n\r\n0123456789012345678901234567890123456789", 58, MSG_NOSIGNAL) != 0);
        close(fd);
    }
    void *late = dealer(w, w->agent);
    speak(w, late);
    assert_int_equal(zmq_close(late), 0);
}

static void every_failed_allocation_is_a_result(void **state)
{
    struct world *w = *state;
    const struct governor_options options = {.loop = w->loop, .max_silent = 1, .max_open = 1, .max_message_bytes = 1};
    struct governor *governor = NULL;
    struct err err = {{0}};
    size_t before = mem_outstanding();
    for (unsigned n = 1; !governor; n++) {
        mem_fail_at(n);
        enum mr_rc rc = governor_new(&governor, &options, &err);
        bool has_failed = mem_fail_off();
        assert_int_equal(rc, has_failed ? MR_NO_MEMORY : MR_OK);
    }
    governor_free(governor);
    governor_free(NULL);
    assert_int_equal(mem_outstanding(), before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_crowd_of_strangers_waits_at_the_door_and_the_late_guest_comes_in),
        TEST(a_message_that_never_ends_costs_its_sender_the_connection_and_nobody_else),
        TEST(who_begins_with_a_message_that_never_ends_has_a_name_too),
        TEST(a_message_of_two_parts_is_told_with_who_sent_it),
        TEST(who_finishes_what_it_sends_may_send_without_end),
        TEST(a_known_key_that_says_nothing_is_cut),
        TEST(a_flood_that_nobody_looks_at_blocks_nothing),
        TEST(every_failed_allocation_is_a_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
