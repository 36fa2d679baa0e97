/* zsock_internal.h - what zsock.c, zserver.c, zclient.c and zap.c share; nobody else includes it, nor zmq.h. */
#ifndef BASE_IO_ZSOCK_INTERNAL_H
#define BASE_IO_ZSOCK_INTERNAL_H
#include "base/io/zsock.h"
#include <zmq.h>

#define ZSOCK_CURVE_OVERHEAD 33U /* bytes by which CURVE lengthens a message; libzmq's limit counts them */

struct zctx {
    void *zmq;
    bool has_zap;          /* a handler is bound: set and cleared by zap.c */
    unsigned next_monitor; /* numbers the inproc names of monitor sockets */
};

/* One option to be set on a socket. Integers by value, keys and texts by pointer. */
struct zsock_option {
    int name;
    int number;
    const void *bytes; /* NULL: an integer option */
    size_t len;
};

/* Makes a socket with these options. MR_NO_MEMORY, MR_INVALID; *err names the option that libzmq refused. */
MUST enum mr_rc zsock_open(struct zctx *ctx, int type, const struct zsock_option *options, size_t n_options, void **ret,
                           struct err *err);

/* Closes without lingering; NULL is fine. */
void zsock_close(void *socket);

/* The descriptor that wakes the loop, -1 if libzmq has none. */
int zsock_wake_fd(void *socket);

/* ZMQ_EVENTS: ZMQ_POLLIN | ZMQ_POLLOUT. */
int zsock_events(void *socket);

/* Receives what is left of a multipart message; returns how many parts that were. */
size_t zsock_skip_parts(void *socket);

/* A message that borrows the blob's bytes and owns a reference to it, or one that holds a copy. MR_NO_MEMORY. */
MUST enum mr_rc zsock_wrap(zmq_msg_t *ret, struct blob *blob);
MUST enum mr_rc zsock_copy(zmq_msg_t *ret, const void *data, size_t len);

/* "tcp://host:port" for libzmq and for words. */
void zsock_address_print(const struct zsock_address *address, char ret_text[ZSOCK_ADDRESS_SIZE]);
#endif
