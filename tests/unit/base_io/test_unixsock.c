/* test_unixsock.c - the unix listener against plain sockets: framing, back-pressure, rights, ends. */
#include "base/blob.h"
#include "base/err.h"
#include "base/framing.h"
#include "base/io/loop.h"
#include "base/io/unixsock.h"
#include "base/mem.h"
#include "tests/unit/base_io/support.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FRAMES 10000U

struct world {
    struct loop *loop;
    char *folder;
    char path[128];
    struct unixsock *listener;
    struct unixsock_conn *conn; /* the newest */
    unsigned accepted, frames, writable;
    size_t bytes, last_len;
    char last_data[64], words[128];
    bool is_closed, is_pausing, is_freeing, is_echoing, is_refusing;
};

/* -- the listener's side --------------------------------------------------------------------------------------------- */
static void on_frame(void *user, const uint8_t *data, size_t len)
{
    struct world *world = user;
    world->frames++;
    world->bytes += len;
    world->last_len = len;
    snprintf(world->last_data, sizeof world->last_data, "%.*s", (int)len, (const char *)data);
    if (world->is_pausing)
        unixsock_conn_pause(world->conn, true);
    if (world->is_freeing) {
        unixsock_conn_free(world->conn);
        world->conn = NULL;
    }
    if (world->is_echoing) {
        struct blob *blob = blob_copy(data, len);
        assert_int_equal(unixsock_send(world->conn, blob), MR_OK);
        blob_unref(blob);
    }
}

static void on_writable(void *user)
{
    struct world *world = user;
    world->writable++;
}

static void on_closed(void *user, const char *words)
{
    struct world *world = user;
    assert_false(world->is_closed);
    world->is_closed = true;
    snprintf(world->words, sizeof world->words, "%s", words);
}

static const struct unixsock_callbacks callbacks = {
    .on_frame = on_frame, .on_writable = on_writable, .on_closed = on_closed};

static void on_accept(void *user, struct unixsock_conn *conn)
{
    struct world *world = user;
    world->accepted++;
    if (world->is_refusing) {
        unixsock_conn_free(conn);
        return;
    }
    unixsock_conn_free(world->conn);
    world->conn = conn;
    unixsock_conn_start(conn, &callbacks, world);
}

static struct unixsock_options options_of(const struct world *world)
{
    return (struct unixsock_options){.path = world->path,
                                     .mode = 0660,
                                     .max_queued_bytes = 1024 * 1024,
                                     .max_queued_frames = 4096,
                                     .max_connections = 4};
}

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct err err = {{0}};
    assert_non_null(world);
    world->folder = support_folder();
    snprintf(world->path, sizeof world->path, "%s", support_path(world->folder, "agent.sock"));
    assert_int_equal(loop_new(&world->loop), MR_OK);
    struct unixsock_options options = options_of(world);
    assert_int_equal(unixsock_listen(world->loop, &options, on_accept, world, &world->listener, &err), MR_OK);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    unixsock_conn_free(world->conn);
    unixsock_free(world->listener);
    loop_free(world->loop);
    support_remove(world->folder);
    free(world);
    assert_int_equal(mem_outstanding(), 0);
    return 0;
}

/* -- the app's side -------------------------------------------------------------------------------------------------- */
static int dial(const struct world *world)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, world->path, strlen(world->path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static int connect_app(struct world *world)
{
    unsigned before = world->accepted;
    int fd = dial(world);
    assert_true(support_turn_until_count(world->loop, &world->accepted, before + 1, DEADLINE_MS));
    return fd;
}

static void send_bytes(int fd, const void *bytes, size_t len)
{
    assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
}

static void send_frame(int fd, const char *text)
{
    uint8_t frame[128];
    size_t len = strlen(text);
    framing_put_prefix(frame, len);
    memcpy(frame + FRAMING_PREFIX_BYTES, text, len);
    send_bytes(fd, frame, FRAMING_PREFIX_BYTES + len);
}

static void expect_frames(struct world *world, unsigned frames)
{
    assert_true(support_turn_until_count(world->loop, &world->frames, frames, DEADLINE_MS));
    assert_int_equal(world->frames, frames);
}

static void expect_closed(struct world *world, const char *words)
{
    assert_true(support_turn_until(world->loop, &world->is_closed, DEADLINE_MS));
    assert_string_equal(world->words, words);
}

/* -- reading --------------------------------------------------------------------------------------------------------- */
static void frames_arrive_whole_when_every_byte_comes_alone(void **state)
{
    struct world *world = *state;
    static const uint8_t stream[] = "\x05\0\0\0hello\x01\0\0\0!\x02\0\0\0ok";
    int fd = connect_app(world);
    for (size_t i = 0; i < sizeof stream - 1; i++) {
        send_bytes(fd, stream + i, 1);
        loop_turn(world->loop, 10);
    }
    expect_frames(world, 3);
    assert_int_equal(world->bytes, 8);
    assert_string_equal(world->last_data, "ok");
    close(fd);
    expect_closed(world, "it closed the connection");
}

static void a_frame_of_the_limit_arrives_and_a_longer_one_ends_the_connection(void **state)
{
    struct world *world = *state;
    static uint8_t frame[FRAMING_PREFIX_BYTES + UNIXSOCK_FRAME_MAX];
    int fd = connect_app(world);
    framing_put_prefix(frame, UNIXSOCK_FRAME_MAX);
    for (size_t at = 0; at < sizeof frame;) {
        ssize_t n = send(fd, frame + at, sizeof frame - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        at += n > 0 ? (size_t)n : 0;
        loop_turn(world->loop, 0);
    }
    expect_frames(world, 1);
    assert_int_equal(world->last_len, UNIXSOCK_FRAME_MAX);
    framing_put_prefix(frame, UNIXSOCK_FRAME_MAX + 1);
    send_bytes(fd, frame, FRAMING_PREFIX_BYTES);
    expect_closed(world, "it sent a frame longer than 131072 bytes");
    close(fd);
}

static void an_empty_or_cut_frame_ends_the_connection(void **state)
{
    struct world *world = *state;
    int fd = connect_app(world);
    send_bytes(fd, "\0\0\0\0", 4);
    expect_closed(world, "it sent an empty frame");
    close(fd);
    world->is_closed = false;
    fd = connect_app(world);
    send_bytes(fd, "\x05\0\0\0hel", 7);
    close(fd);
    expect_closed(world, "it closed in the middle of a frame");
    assert_int_equal(world->frames, 0);
}

static void what_an_app_sent_before_it_left_is_read_though_it_cannot_be_answered(void **state)
{
    struct world *world = *state;
    int fd = connect_app(world);
    world->is_echoing = true; /* the answer to the first frame fails with EPIPE */
    send_frame(fd, "one");
    loop_turn(world->loop, 100);
    unixsock_conn_pause(world->conn, true);
    for (int i = 0; i < 100; i++)
        send_frame(fd, "more");
    close(fd);
    struct blob *blob = blob_copy("answer", 6);
    assert_int_equal(unixsock_send(world->conn, blob), MR_OK);
    support_turn_for(world->loop, 20);
    assert_int_equal(unixsock_send(world->conn, blob), MR_CLOSED);
    blob_unref(blob);
    world->is_echoing = false;
    unixsock_conn_pause(world->conn, false);
    expect_closed(world, "it closed the connection");
    assert_int_equal(world->frames, 101);
}

static void a_paused_connection_delivers_nothing_until_it_goes_on(void **state)
{
    struct world *world = *state;
    int fd = connect_app(world);
    world->is_pausing = true;
    send_frame(fd, "one");
    send_frame(fd, "two");
    send_frame(fd, "three");
    expect_frames(world, 1);
    support_turn_for(world->loop, 20);
    assert_int_equal(world->frames, 1);
    unixsock_conn_pause(world->conn, false);
    expect_frames(world, 2);
    world->is_pausing = false;
    unixsock_conn_pause(world->conn, false);
    expect_frames(world, 3);
    assert_string_equal(world->last_data, "three");
    close(fd);
}

static void a_connection_may_be_freed_while_it_delivers(void **state)
{
    struct world *world = *state;
    int fd = connect_app(world);
    world->is_freeing = true;
    send_frame(fd, "one");
    send_frame(fd, "two");
    expect_frames(world, 1);
    support_turn_for(world->loop, 20);
    assert_int_equal(world->frames, 1);
    assert_false(world->is_closed);
    close(fd);
}

static void descriptors_that_are_passed_along_are_closed(void **state)
{
    struct world *world = *state;
    int fd = connect_app(world), ends[2];
    char text[] = "\x02\0\0\0ok", byte;
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.room = {0}};
    struct iovec part = {.iov_base = text, .iov_len = sizeof text - 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    assert_int_equal(pipe(ends), 0);
    control.header =
        (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.header), &ends[1], sizeof(int));
    assert_int_equal(sendmsg(fd, &message, 0), sizeof text - 1);
    close(ends[1]);
    expect_frames(world, 1);
    assert_int_equal(read(ends[0], &byte, 1), 0); /* end of file: nobody holds the other end any more */
    close(ends[0]);
    close(fd);
}

static void the_peer_is_who_the_kernel_says(void **state)
{
    struct world *world = *state;
    int fd = connect_app(world);
    const struct unixsock_peer *peer = unixsock_conn_peer(world->conn);
    assert_int_equal(peer->uid, geteuid());
    assert_int_equal(peer->gid, getegid());
    assert_int_equal(peer->pid, getpid());
    close(fd);
}

/* -- writing --------------------------------------------------------------------------------------------------------- */
/* Reads what has come and checks that the frames carry the numbers from *next on. */
static void read_numbers(int fd, struct framing_reader *reader, uint32_t *next)
{
    const uint8_t *data;
    uint8_t *space;
    size_t len;
    assert_int_equal(framing_space(reader, &space, &len), MR_OK);
    ssize_t n = recv(fd, space, len, MSG_DONTWAIT);
    if (n <= 0)
        return;
    framing_fed(reader, (size_t)n);
    while (framing_next(reader, &data, &len) == MR_OK) {
        uint32_t number;
        assert_int_equal(len, 100);
        memcpy(&number, data, sizeof number);
        assert_int_equal(number, (*next)++);
    }
}

static enum mr_rc send_number(struct world *world, uint32_t number)
{
    struct blob *blob = blob_new(100);
    assert_non_null(blob);
    memset(blob->data, 0, 100);
    memcpy(blob->data, &number, sizeof number);
    enum mr_rc rc = unixsock_send(world->conn, blob);
    blob_unref(blob);
    return rc;
}

static void ten_thousand_frames_pass_in_order_through_a_bounded_queue(void **state)
{
    struct world *world = *state;
    struct framing_reader reader;
    uint32_t sent = 0, next = 0;
    int fd = connect_app(world);
    framing_init(&reader, UNIXSOCK_FRAME_MAX);
    while (next < FRAMES) {
        while (sent < FRAMES && send_number(world, sent) == MR_OK)
            sent++;
        loop_turn(world->loop, 0);
        read_numbers(fd, &reader, &next);
    }
    loop_turn(world->loop, 10);
    assert_int_equal(unixsock_queued_bytes(world->conn), 0);
    framing_fini(&reader);
    close(fd);
}

static void a_slow_reader_is_told_apart_and_told_when_there_is_room(void **state)
{
    struct world *world = *state;
    struct framing_reader reader;
    uint32_t sent = 0, next = 0;
    enum mr_rc rc = MR_OK;
    int fd = connect_app(world);
    framing_init(&reader, UNIXSOCK_FRAME_MAX);
    for (int turns = 0; turns < 1000000 && rc == MR_OK; turns++) { /* nobody reads */
        rc = send_number(world, sent);
        sent += rc == MR_OK;
        if (turns % 100 == 0)
            loop_turn(world->loop, 0);
    }
    assert_int_equal(rc, MR_WOULD_BLOCK);
    assert_true(unixsock_queued_bytes(world->conn) <= 1024 * 1024);
    support_turn_for(world->loop, 20);
    assert_int_equal(world->writable, 0);
    for (int turns = 0; turns < 1000000 && next < sent; turns++) {
        read_numbers(fd, &reader, &next);
        loop_turn(world->loop, 0);
    }
    assert_int_equal(next, sent);
    assert_int_equal(world->writable, 1);
    framing_fini(&reader);
    close(fd);
}

static void frames_of_no_or_too_much_length_are_refused(void **state)
{
    struct world *world = *state;
    int fd = connect_app(world);
    struct blob *empty = blob_new(0), *most = blob_new(UNIXSOCK_FRAME_MAX), *more = blob_new(UNIXSOCK_FRAME_MAX + 1);
    memset(most->data, 0, most->len);
    assert_int_equal(unixsock_send(world->conn, empty), MR_INVALID);
    assert_int_equal(unixsock_send(world->conn, most), MR_OK);
    assert_int_equal(unixsock_send(world->conn, more), MR_TOO_BIG);
    assert_int_equal(unixsock_queued_bytes(world->conn), UNIXSOCK_FRAME_MAX + FRAMING_PREFIX_BYTES);
    blob_unref(empty);
    blob_unref(most);
    blob_unref(more);
    close(fd);
    expect_closed(world, "it closed the connection");
    assert_int_equal(send_number(world, 0), MR_CLOSED);
}

/* -- listening ------------------------------------------------------------------------------------------------------- */
static void expect_refused(struct world *world, const char *path, enum mr_rc rc, const char *words)
{
    struct unixsock_options options = options_of(world);
    struct unixsock *second = NULL;
    struct err err = {{0}};
    options.path = path;
    assert_int_equal(unixsock_listen(world->loop, &options, on_accept, world, &second, &err), rc);
    assert_null(second);
    if (!strstr(err.text, words))
        fail_msg("'%s' does not say '%s'", err.text, words);
}

static void a_path_that_cannot_be_had_is_refused_with_the_reason(void **state)
{
    struct world *world = *state;
    char words[256], text[128];
    snprintf(words, sizeof words, "socket %s is in use by another agent", world->path);
    expect_refused(world, world->path, MR_INVALID, words);
    const char *file = support_path(world->folder, "file");
    support_write(file, "x");
    expect_refused(world, file, MR_INVALID, "is there and is no socket");
    expect_refused(world, support_path(world->folder, "no/agent.sock"), MR_NOT_FOUND, "No such file");
    memset(text, 'a', sizeof text);
    text[108] = '\0';
    expect_refused(world, text, MR_INVALID, "longer than 107 bytes");
    expect_refused(world, "", MR_INVALID, "empty");
}

static void the_socket_has_exactly_the_rights_asked_for(void **state)
{
    struct world *world = *state;
    struct stat status;
    assert_int_equal(lstat(world->path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0660);
}

static void a_socket_file_left_behind_is_replaced(void **state)
{
    struct world *world = *state;
    char path[128];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(path, sizeof path, "%s", support_path(world->folder, "stale.sock"));
    memcpy(address.sun_path, path, strlen(path) + 1);
    int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(dead, (struct sockaddr *)&address, sizeof address), 0);
    close(dead);
    struct unixsock_options options = options_of(world);
    struct unixsock *second = NULL;
    options.path = path;
    assert_int_equal(unixsock_listen(world->loop, &options, on_accept, world, &second, NULL), MR_OK);
    unixsock_free(second);
    assert_int_equal(access(path, F_OK), -1);
}

static void only_its_own_socket_file_is_removed(void **state)
{
    struct world *world = *state;
    assert_int_equal(unlink(world->path), 0);
    support_write(world->path, "somebody else's");
    unixsock_free(world->listener);
    world->listener = NULL;
    unixsock_free(NULL);
    assert_int_equal(access(world->path, F_OK), 0);
}

static void connections_above_the_limit_are_closed_and_places_are_given_back(void **state)
{
    struct world *world = *state;
    struct unixsock *small = NULL;
    struct unixsock_options options = options_of(world);
    char byte;
    unixsock_free(world->listener);
    options.max_connections = 1;
    assert_int_equal(unixsock_listen(world->loop, &options, on_accept, world, &small, NULL), MR_OK);
    world->listener = small;
    int first = connect_app(world), second = dial(world);
    support_turn_for(world->loop, 20);
    assert_int_equal(world->accepted, 1);
    assert_int_equal(recv(second, &byte, 1, 0), 0);
    unixsock_conn_free(world->conn);
    world->conn = NULL;
    int third = connect_app(world);
    assert_int_equal(world->accepted, 2);
    close(first);
    close(second);
    close(third);
}

static void a_connection_may_be_refused_and_may_outlive_the_listener(void **state)
{
    struct world *world = *state;
    char byte;
    world->is_refusing = true;
    int refused = connect_app(world);
    assert_int_equal(recv(refused, &byte, 1, 0), 0);
    world->is_refusing = false;
    int fd = connect_app(world);
    unixsock_free(world->listener);
    world->listener = NULL;
    support_turn_for(world->loop, 20);
    send_frame(fd, "still here");
    expect_frames(world, 1);
    close(refused);
    close(fd);
}

static void every_failed_allocation_is_a_result(void **state)
{
    struct world *world = *state;
    struct unixsock_options options = options_of(world);
    struct unixsock *second = NULL;
    char path[128];
    enum mr_rc rc = MR_NO_MEMORY;
    unsigned n = 1;
    snprintf(path, sizeof path, "%s", support_path(world->folder, "second.sock"));
    options.path = path;
    for (; rc == MR_NO_MEMORY; n++) {
        mem_fail_at(n);
        rc = unixsock_listen(world->loop, &options, on_accept, world, &second, NULL);
        (void)mem_fail_off();
    }
    assert_int_equal(rc, MR_OK);
    assert_int_equal(n, 5);
    unixsock_free(second);
}

static void a_connection_without_memory_ends_and_the_listener_does_not(void **state)
{
    struct world *world = *state;
    char byte;
    mem_fail_at(1); /* for the connection */
    int fd = dial(world);
    support_turn_for(world->loop, 20);
    assert_true(mem_fail_off());
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    close(fd);
    fd = connect_app(world);
    struct blob *blob = blob_copy("x", 1);
    mem_fail_at(1);
    assert_int_equal(unixsock_send(world->conn, blob), MR_NO_MEMORY);
    assert_true(mem_fail_off());
    blob_unref(blob);
    mem_fail_at(1); /* for what it reads */
    send_frame(fd, "hello");
    expect_closed(world, "out of memory for its frame");
    assert_true(mem_fail_off());
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(frames_arrive_whole_when_every_byte_comes_alone),
        TEST(a_frame_of_the_limit_arrives_and_a_longer_one_ends_the_connection),
        TEST(an_empty_or_cut_frame_ends_the_connection),
        TEST(what_an_app_sent_before_it_left_is_read_though_it_cannot_be_answered),
        TEST(a_paused_connection_delivers_nothing_until_it_goes_on),
        TEST(a_connection_may_be_freed_while_it_delivers),
        TEST(descriptors_that_are_passed_along_are_closed),
        TEST(the_peer_is_who_the_kernel_says),
        TEST(ten_thousand_frames_pass_in_order_through_a_bounded_queue),
        TEST(a_slow_reader_is_told_apart_and_told_when_there_is_room),
        TEST(frames_of_no_or_too_much_length_are_refused),
        TEST(a_path_that_cannot_be_had_is_refused_with_the_reason),
        TEST(the_socket_has_exactly_the_rights_asked_for),
        TEST(a_socket_file_left_behind_is_replaced),
        TEST(only_its_own_socket_file_is_removed),
        TEST(connections_above_the_limit_are_closed_and_places_are_given_back),
        TEST(a_connection_may_be_refused_and_may_outlive_the_listener),
        TEST(every_failed_allocation_is_a_result),
        TEST(a_connection_without_memory_ends_and_the_listener_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
