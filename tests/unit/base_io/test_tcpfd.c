/* test_tcpfd.c - what the kernel says of a connection, and newcomers that wait in front of a listening socket. */
#include "base/io/tcpfd.h"
#include "tests/unit/base_io/support.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static int listen_somewhere(struct sockaddr_in *ret)
{
    socklen_t len = sizeof *ret;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *ret = (struct sockaddr_in){.sin_family = AF_INET};
    ret->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)ret, sizeof *ret), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret, &len), 0);
    return fd;
}

/* Begins to connect and does not wait for it. */
static int knock(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0)
        assert_int_equal(errno, EINPROGRESS);
    return fd;
}

/* 1: connected, 0: neither that nor refused within ms. */
static int is_let_in(int fd, int ms)
{
    struct pollfd waiting = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t len = sizeof error;
    int n = poll(&waiting, 1, ms);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
    assert_int_equal(error, 0);
    return n;
}

static void a_connection_tells_its_bytes_inode_and_peer(void **state)
{
    char address[TCPFD_ADDRESS_SIZE], bytes[100] = {0};
    struct sockaddr_in at;
    struct tcpfd_view view;
    (void)state;
    int listening = listen_somewhere(&at), out = knock(&at), in = accept(listening, NULL, NULL);
    assert_true(tcpfd_look(in, &view));
    assert_int_equal(view.received, 0);
    assert_int_equal(view.inode, tcpfd_inode(in));
    assert_true(is_let_in(out, DEADLINE_MS));
    assert_int_equal(send(out, bytes, sizeof bytes, 0), sizeof bytes);
    assert_int_equal(recv(in, bytes, sizeof bytes, MSG_WAITALL), sizeof bytes);
    assert_int_equal(send(out, bytes, sizeof bytes, 0), sizeof bytes);
    assert_int_equal(recv(in, bytes, 1, MSG_PEEK), 1);
    assert_true(tcpfd_look(in, &view));
    assert_int_equal(view.received, 2 * sizeof bytes); /* what nobody has read is received too */
    assert_true(tcpfd_look(out, &view));
    assert_in_range(view.acked, 2 * sizeof bytes, 2 * sizeof bytes + 1); /* Linux counts the SYN */
    tcpfd_peer(in, address);
    assert_string_equal(address, "127.0.0.1");
    close(out);
    close(in);
    close(listening);
}

static void what_is_no_connection_is_none(void **state)
{
    char address[TCPFD_ADDRESS_SIZE];
    struct tcpfd_view view;
    int pair[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_false(tcpfd_look(-1, &view));
    assert_false(tcpfd_look(pair[0], &view));
    assert_int_equal(tcpfd_inode(-1), 0);
    tcpfd_peer(pair[0], address);
    assert_string_equal(address, "");
    close(pair[0]);
    close(pair[1]);
    assert_false(tcpfd_look(pair[0], &view));
    assert_int_equal(tcpfd_inode(pair[0]), 0);
    assert_int_equal(tcpfd_hold(-1, true), MR_INVALID);
}

/* promise: bounded-memory */
static void newcomers_are_neither_accepted_nor_refused_while_held_and_come_in_after(void **state)
{
    struct sockaddr_in at;
    char byte = 'x';
    (void)state;
    int listening = listen_somewhere(&at), early = knock(&at), in = accept(listening, NULL, NULL);
    assert_int_equal(tcpfd_hold(listening, true), MR_OK);
    assert_int_equal(tcpfd_hold(listening, true), MR_OK); /* twice is once */
    int late = knock(&at);
    assert_false(is_let_in(late, QUIET_MS));
    assert_int_equal(send(early, &byte, 1, 0), 1); /* who is in does not notice */
    assert_int_equal(recv(in, &byte, 1, 0), 1);
    assert_int_equal(tcpfd_hold(listening, false), MR_OK);
    assert_int_equal(is_let_in(late, DEADLINE_MS), 1);
    close(early);
    close(late);
    close(in);
    close(listening);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_tells_its_bytes_inode_and_peer),
        cmocka_unit_test(what_is_no_connection_is_none),
        cmocka_unit_test(newcomers_are_neither_accepted_nor_refused_while_held_and_come_in_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
