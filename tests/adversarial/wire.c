/* wire.c - a TCP connection on which nothing is checked before it is sent. */
#include "wire.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { IN_MAX_BYTES = 4 * 1024 * 1024, CHUNK_BYTES = 64 * 1024 };

int64_t wire_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* -- waiting ------------------------------------------------------------------------------------------------------- */
static bool wait_for(const struct wire *w, short events, int64_t until_ns)
{
    struct pollfd fd = {.fd = w->fd, .events = events};
    int64_t left_ns = until_ns - wire_now_ns();
    if (left_ns < 0)
        left_ns = 0;
    const struct timespec left = {.tv_sec = left_ns / INT64_C(1000000000), .tv_nsec = left_ns % INT64_C(1000000000)};
    return ppoll(&fd, 1, &left, NULL) > 0;
}

/* For room to send. False: there is none in time, or nobody is left to send to: then a peer that has closed its window would say
 * so only much later. */
static bool wait_for_room(struct wire *w, int64_t until_ns)
{
    struct pollfd now = {.fd = w->fd, .events = POLLRDHUP};
    if (!wait_for(w, POLLOUT | POLLRDHUP, until_ns))
        return false;
    w->is_cut = poll(&now, 1, 0) > 0 && now.revents & (POLLRDHUP | POLLHUP | POLLERR);
    return !w->is_cut;
}

/* -- life ---------------------------------------------------------------------------------------------------------- */
bool wire_open(struct wire *w, const struct sockaddr_in *to, int64_t until_ns)
{
    int failure = 0, on = 1;
    socklen_t size = sizeof failure;
    const struct linger reset = {.l_onoff = 1};
    *w = (struct wire){.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    buf_init(&w->in, IN_MAX_BYTES);
    if (w->fd < 0)
        return false;
    setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(w->fd, (const struct sockaddr *)to, sizeof *to) == 0)
        return true;
    if (errno == EINPROGRESS && wait_for(w, POLLOUT, until_ns) &&
        getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &failure, &size) == 0 && failure == 0)
        return true;
    wire_close(w);
    return false;
}

void wire_close(struct wire *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    buf_fini(&w->in);
}

/* -- out ----------------------------------------------------------------------------------------------------------- */
bool wire_send(struct wire *w, const void *data, size_t len, int64_t until_ns)
{
    const uint8_t *at = data;
    while (len > 0) {
        ssize_t n = send(w->fd, at, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            w->is_cut = true;
            return false;
        }
        if (n < 0 && !wait_for_room(w, until_ns))
            return false;
        if (n > 0) {
            at += n;
            len -= (size_t)n;
            w->sent += (uint64_t)n;
        }
    }
    return true;
}

size_t wire_write_head(uint8_t out[WIRE_HEAD_MAX_BYTES], uint8_t flags, uint64_t len)
{
    if (len <= UINT8_MAX) {
        out[0] = flags;
        out[1] = (uint8_t)len;
        return 2;
    }
    out[0] = flags | WIRE_LONG;
    for (unsigned i = 0; i < 8; i++)
        out[1 + i] = (uint8_t)(len >> (56 - 8 * i));
    return WIRE_HEAD_MAX_BYTES;
}

bool wire_send_frame(struct wire *w, uint8_t flags, const void *body, size_t len, int64_t until_ns)
{
    uint8_t head[WIRE_HEAD_MAX_BYTES];
    return wire_send(w, head, wire_write_head(head, flags, len), until_ns) && wire_send(w, body, len, until_ns);
}

void wire_write_greeting(uint8_t out[WIRE_GREETING_BYTES], const char *mechanism)
{
    memset(out, 0, WIRE_GREETING_BYTES);
    out[0] = 0xff;
    out[9] = 0x7f;
    out[10] = 3;
    out[11] = 1;
    memcpy(out + 12, mechanism, strlen(mechanism));
}

/* -- in ------------------------------------------------------------------------------------------------------------ */
/* Waits for more bytes. False: there are none and will be none in time. */
static bool receive_more(struct wire *w, int64_t until_ns)
{
    if (w->is_cut || !wait_for(w, POLLIN, until_ns) || buf_reserve(&w->in, CHUNK_BYTES) != MR_OK)
        return false;
    ssize_t n = recv(w->fd, w->in.data + w->in.len, CHUNK_BYTES, 0);
    if (n > 0) {
        buf_advance(&w->in, (size_t)n);
        return true;
    }
    w->is_cut = n == 0 || (errno != EAGAIN && errno != EINTR);
    return !w->is_cut;
}

bool wire_receive_greeting(struct wire *w, int64_t until_ns)
{
    while (w->in.len < WIRE_GREETING_BYTES)
        if (!receive_more(w, until_ns))
            return false;
    buf_consume(&w->in, WIRE_GREETING_BYTES);
    return true;
}

/* The frame at the front of what was received; *ret_bytes is what it takes there. */
static bool parse_frame(const struct buf *in, struct wire_frame *ret, size_t *ret_bytes)
{
    uint64_t len = 0;
    if (in->len < 2)
        return false;
    size_t head = in->data[0] & WIRE_LONG ? WIRE_HEAD_MAX_BYTES : 2;
    if (in->len < head)
        return false;
    for (size_t i = 1; i < head; i++)
        len = len << 8 | in->data[i];
    if (len > in->len - head)
        return false;
    *ret = (struct wire_frame){.flags = in->data[0], .body = in->data + head, .len = (size_t)len};
    *ret_bytes = head + (size_t)len;
    return true;
}

bool wire_receive_frame(struct wire *w, struct wire_frame *ret, int64_t until_ns)
{
    size_t bytes;
    while (!parse_frame(&w->in, ret, &bytes))
        if (!receive_more(w, until_ns))
            return false;
    buf_consume(&w->in, bytes); /* moves nothing: the body stays where it is until more is received */
    return true;
}

bool wire_is_cut_by(struct wire *w, int64_t until_ns)
{
    while (receive_more(w, until_ns))
        buf_clear(&w->in);
    return w->is_cut;
}
