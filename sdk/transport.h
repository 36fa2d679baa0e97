/* transport.h - the byte stream to the agent, brought in as a table so that a simulator can bring its own.
 *
 * No slot blocks but wait. One thread: the handle's. */
#ifndef SDK_TRANSPORT_H
#define SDK_TRANSPORT_H
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct connection; /* the transport's own */

struct transport {
    /* Connects to the agent at address. The caller owns *ret until close.
     * MR_ISOLATED: nobody is there; err says how it was found. MR_NO_MEMORY. */
    enum mr_rc (*connect)(void *user, const char *address, struct connection **ret, struct err *err);
    /* Some of the bytes, *ret_n of them, at least 1. MR_WOULD_BLOCK: none now. MR_CLOSED: the connection is gone. */
    enum mr_rc (*send)(struct connection *c, const void *data, size_t len, size_t *ret_n);
    /* At least 1 byte. MR_WOULD_BLOCK: none now. MR_CLOSED: it has ended, and what came before was received. */
    enum mr_rc (*receive)(struct connection *c, void *buf, size_t size, size_t *ret_n);
    void (*close)(struct connection *c);
    int (*fd)(const struct connection *c); /* to be polled; -1: it has none */
    /* Returns when until_ns of the handle's clock is reached, or earlier when there is something to receive.
     * NULL: the handle polls its own descriptor. */
    void (*wait)(void *user, int64_t until_ns);
    void *user; /* handed to connect and wait */
};

/* AF_UNIX stream sockets. Static. */
const struct transport *transport_unix(void);
#endif
