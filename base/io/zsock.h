/* zsock.h - ZeroMQ on the loop: an encrypted listener for many peers (zserver), one encrypted connection out (zclient).
 *
 * Everything belongs to the thread of the loop it was made on. Nothing here blocks but zctx_free(). CURVE always; there
 * is no plaintext mode. Who may connect is decided by zap.h, which must be running before the first zserver is made:
 * zserver_new() refuses to listen without it, because libzmq without ZAP would admit any key. */
#ifndef BASE_IO_ZSOCK_H
#define BASE_IO_ZSOCK_H
#include "base/rc.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZSOCK_KEY_BYTES 32U
#define ZSOCK_HOST_MAX 255U
#define ZSOCK_ADDRESS_SIZE 272U /* "tcp://[host]:65535" and its NUL */

struct blob;
struct err;
struct loop;

/* -- context: one per process for its whole life (several together make libsodium's end unsafe inside libzmq) ------- */
struct zctx;

/* Makes the context with one I/O thread; io_cpu >= 0 pins that thread to the CPU, -1 lets it float. keys_init() first.
 * MR_NO_MEMORY; MR_INVALID: no such CPU, or a libzmq without CURVE. */
MUST enum mr_rc zctx_new(int io_cpu, struct zctx **ret, struct err *err);

/* For a process with very many sockets of its own (a zclient needs three; a zserver needs one, however many connect): so many
 * instead of 1,023. Before the first one is made. MR_INVALID: none, or more than libzmq takes. */
MUST enum mr_rc zctx_set_max_sockets(struct zctx *ctx, unsigned max);

/* Ends the I/O thread. All sockets and the ZAP handler must be freed before. NULL is fine. */
void zctx_free(struct zctx *ctx);

/* -- addresses ------------------------------------------------------------------------------------------------------ */
/* A checked "host:port". Nothing else ever reaches zmq_bind or zmq_connect. */
struct zsock_address {
    char host[ZSOCK_HOST_MAX + 1]; /* without the brackets of IPv6 */
    uint16_t port;
    bool is_ipv6;   /* an IPv6 literal */
    bool is_number; /* an IPv4 or IPv6 literal */
};

/* Reads "host", "host:port", "1.2.3.4:port", "[::1]:port", with an optional "tcp://" before it; default_port is taken
 * when the text names none (default_port 0: then a port is required). Port 0 is accepted, for listeners. Hostnames:
 * RFC 1123 labels of letters, digits, hyphens and underscores. *err says which rule is broken. MR_INVALID. */
MUST enum mr_rc zsock_address_parse(const char *text, uint16_t default_port, struct zsock_address *ret,
                                    struct err *err);

/* -- zserver: ROUTER, many authenticated peers ----------------------------------------------------------------------- */
struct zserver;

/* One message from an authenticated peer; everything borrowed until the callback returns. */
struct zmessage {
    uint32_t peer;       /* names the connection for zserver_send(); never the same for two open connections */
    int fd;              /* of the connection, for zserver_shutdown_peer() */
    const char *user_id; /* what the ZAP lookup answered for this connection's key; never empty */
    const char *address; /* the peer's IP address; "" if libzmq does not know it */
    const uint8_t *data;
    size_t len; /* 0 to max_message_bytes */
};

typedef void zserver_fn(void *user, const struct zmessage *message);

/* Told of every connection, proved or not, for who limits them; from the loop, in the order in which it happened. A descriptor
 * belongs to libzmq: it may be looked at and shut down, and means another connection after on_closed. */
struct zserver_watch {
    void (*on_accepted)(void *user, int fd);
    void (*on_closed)(void *user, int fd);
    /* A peer with a proved key is being cut for this message, which nobody else gets to see: in which words. */
    void (*on_broken)(void *user, const struct zmessage *message, const char *words);
};

struct zserver_options {
    const char *address;       /* "host:port" of literals, "*:port" for all IPv4; port 0: the system chooses */
    const char *domain;        /* ZAP domain, not empty */
    const uint8_t *public_key; /* ZSOCK_KEY_BYTES of the listener's CURVE pair; both copied */
    const uint8_t *secret_key;
    size_t max_message_bytes; /* of one message after decryption; larger: the connection is closed. At least 1 */
    int receive_frames;       /* high-water marks per peer, at least 1 */
    int send_frames;
    int handshake_ms;                  /* an unfinished handshake is dropped after this; 0: 3000 */
    int backlog;                       /* of listen(); 0: 512 */
    int rank;                          /* place in the loop's drain order, see loop_source_new() */
    const struct zserver_watch *watch; /* borrowed until zserver_free(); NULL: nobody watches */
    void *watch_user;
};

/* Listens. Strings of options are copied or used up. fn is called from the loop for each message.
 * MR_INVALID: address, domain, port in use (with remedy); MR_MISUSE: no ZAP handler runs in this context;
 * MR_DENIED: a port below 1024 without the right; MR_NO_MEMORY. */
MUST enum mr_rc zserver_new(struct loop *loop, struct zctx *ctx, const struct zserver_options *options, zserver_fn *fn,
                            void *user, struct zserver **ret, struct err *err);

/* Drops all connections and the port (libzmq's threads do it soon after). Also from within fn; no callback after it. NULL is
 * fine. */
void zserver_free(struct zserver *server);

/* Sends one message; never waits. data is copied.
 * MR_WOULD_BLOCK: this peer's queue is full, nothing was taken; MR_CLOSED: the peer is gone; MR_TOO_BIG: above
 * max_message_bytes; MR_NO_MEMORY. MR_OK says queued, not delivered. */
MUST enum mr_rc zserver_send(struct zserver *server, uint32_t peer, const void *data, size_t len);

/* As zserver_send() without a copy: takes its own reference to the blob until libzmq has sent it. Because the I/O thread
 * drops that reference, the blob's counter must be atomic (base/blob.h says so). */
MUST enum mr_rc zserver_send_blob(struct zserver *server, uint32_t peer, struct blob *blob);

/* Cuts the connection behind fd (zmessage.fd of a message of that peer); the peer sees its connection end. Messages
 * already received from it may still be delivered. */
void zserver_shutdown_peer(struct zserver *server, int fd);

/* Lets newcomers wait, neither accepted nor refused, until called with false (base/io/tcpfd.h). Those the kernel accepted before
 * it, at most options.backlog, still come in. MR_INVALID: the system cannot. */
MUST enum mr_rc zserver_hold(struct zserver *server, bool is_held);

/* What a message of len bytes was on the wire, CURVE and ZMTP around it included. */
static inline uint64_t zsock_wire_bytes(size_t len)
{
    enum { CURVE_MESSAGE = 33, SHORT_HEAD = 2, LONG_HEAD = 9, SHORT_MAX = 255 };
    return (uint64_t)len + CURVE_MESSAGE + (len + CURVE_MESSAGE > SHORT_MAX ? LONG_HEAD : SHORT_HEAD);
}

/* The port listened on, and the address as text "127.0.0.1:7420" (borrowed until zserver_free). */
uint16_t zserver_port(const struct zserver *server);
const char *zserver_address(const struct zserver *server);

struct zserver_stats {
    uint64_t received;         /* delivered to fn */
    uint64_t received_bytes;   /* of them */
    uint64_t sent;             /* taken by libzmq */
    uint64_t sent_bytes;       /* of them */
    uint64_t dropped_nameless; /* without a user id: never delivered */
    uint64_t shut_multipart;   /* peers cut because a message had more than one part */
    uint64_t shut_identity;    /* peers cut because they chose their own routing id */
};
void zserver_get_stats(const struct zserver *server, struct zserver_stats *ret);

/* -- zclient: DEALER, one connection, one session --------------------------------------------------------------------- */
struct zclient;

enum zclient_end {
    ZCLIENT_UNREACHABLE = 1, /* no TCP connection: name unknown, nobody listens, no route, or no answer in time */
    ZCLIENT_REFUSED,         /* the peer knows us not (ZAP refused the key): retry slowly */
    ZCLIENT_NOT_TRUSTED,     /* the handshake broke: another server key than the pinned one, or not Millrace at all */
    ZCLIENT_LOST,            /* was connected, is not any more */
};

struct zclient_callbacks {
    void (*on_connected)(void *user); /* once: handshake done, our key admitted, its key proved */
    void (*on_message)(void *user, const uint8_t *data,
                       size_t len);  /* after on_connected; data borrowed until return */
    void (*on_writable)(void *user); /* once after each MR_WOULD_BLOCK; may be NULL */
    /* Once, last of all callbacks, unless zclient_free() came first. words is borrowed until return: what happened and
     * what to do, naming the address. */
    void (*on_closed)(void *user, enum zclient_end why, const char *words);
};

struct zclient_options {
    const struct zsock_address *address; /* copied */
    const uint8_t *public_key;           /* own CURVE pair, ZSOCK_KEY_BYTES each; copied */
    const uint8_t *secret_key;
    const uint8_t *server_key; /* the pinned public key of the listener; copied */
    size_t max_message_bytes;
    int receive_frames; /* high-water marks as zserver_options has them */
    int send_frames;
    int connect_ms;      /* from zclient_new() to on_connected, name look-up included; 0: 5000 */
    bool is_ipv6_wanted; /* a hostname is looked up as IPv6 first; off: as IPv4 only */
    int rank;
};

/* Begins to connect; every outcome comes by callback, never from inside this call. There is one attempt per zclient: after
 * on_closed free it and make another, with a back-off of your own. A hostname is looked up by libzmq's I/O thread, so the
 * loop never waits for it (but other connections of the process do while it lasts).
 * MR_INVALID: port 0 or a key that is no key; MR_NO_MEMORY. callbacks and user are borrowed until on_closed or free. */
MUST enum mr_rc zclient_new(struct loop *loop, struct zctx *ctx, const struct zclient_options *options,
                            const struct zclient_callbacks *callbacks, void *user, struct zclient **ret,
                            struct err *err);

/* Drops the connection with whatever is unsent. Also from within its callbacks; no callback after it. NULL is fine. */
void zclient_free(struct zclient *client);

/* Sends one message; never waits. data is copied. MR_WOULD_BLOCK: not connected yet or the queue is full, nothing was
 * taken, on_writable will tell; MR_CLOSED: the connection has ended; MR_TOO_BIG; MR_NO_MEMORY. */
MUST enum mr_rc zclient_send(struct zclient *client, const void *data, size_t len);

/* As zclient_send() without a copy; takes its own reference, as zserver_send_blob(). */
MUST enum mr_rc zclient_send_blob(struct zclient *client, struct blob *blob);

struct zclient_stats {
    uint64_t received, received_bytes, sent, sent_bytes;
};
void zclient_get_stats(const struct zclient *client, struct zclient_stats *ret);
#endif
