/* wire.h - ZMTP over a plain TCP socket, without libzmq: every byte is the caller's, so that each can be wrong.
 *
 * One thread. Waits end at deadlines of the monotonic clock, in ns. What a function may find out is whether the other end
 * hung up; all other results are the caller's to judge. */
#ifndef ADVERSARIAL_WIRE_H
#define ADVERSARIAL_WIRE_H
#include "base/buf.h"
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    WIRE_GREETING_BYTES = 64,
    WIRE_MORE = 1, /* flags of a frame */
    WIRE_LONG = 2,
    WIRE_COMMAND = 4,
    WIRE_HEAD_MAX_BYTES = 9
};

struct wire {
    int fd; /* -1: closed */
    bool is_cut;
    uint64_t sent; /* bytes */
    struct buf in; /* received and not yet used */
};

struct wire_frame {
    uint8_t flags;
    const uint8_t *body; /* borrowed until the next receive */
    size_t len;
};

int64_t wire_now_ns(void);

/* Connects. False: not within the deadline, or refused; the wire is closed then. */
MUST bool wire_open(struct wire *w, const struct sockaddr_in *to, int64_t until_ns);

/* Resets the connection, so that thousands of attempts leave no port waiting. Of one that is closed already too. */
void wire_close(struct wire *w);

/* Sends all bytes. False: the peer hung up (is_cut), or did not take them in time. */
MUST bool wire_send(struct wire *w, const void *data, size_t len, int64_t until_ns);

/* Writes a frame's head; returns its bytes. len may be any lie. */
size_t wire_write_head(uint8_t out[WIRE_HEAD_MAX_BYTES], uint8_t flags, uint64_t len);
MUST bool wire_send_frame(struct wire *w, uint8_t flags, const void *body, size_t len, int64_t until_ns);

/* The greeting of ZMTP 3.1 for a mechanism ("CURVE", "NULL", "PLAIN"). */
void wire_write_greeting(uint8_t out[WIRE_GREETING_BYTES], const char *mechanism);

/* Takes the peer's greeting. False: it hung up, or it did not come in time. */
MUST bool wire_receive_greeting(struct wire *w, int64_t until_ns);

/* Takes the next frame. False: as above. Before a deadline that has passed, what is there already is looked at once. */
MUST bool wire_receive_frame(struct wire *w, struct wire_frame *ret, int64_t until_ns);

/* Reads and throws away. True: the peer hung up by then. */
bool wire_is_cut_by(struct wire *w, int64_t until_ns);
#endif
