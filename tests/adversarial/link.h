/* link.h - a connection to a broker, as far as its opener wants: step by step through greeting and CURVE, then sealed messages. */
#ifndef ADVERSARIAL_LINK_H
#define ADVERSARIAL_LINK_H
#include "curve.h"
#include "wire.h"

/* Whom to reach, and as whom. */
struct link_target {
    struct sockaddr_in address;
    struct curve_keys keys;
};

/*  CONNECTED -> GREETED -> HELLO_SENT -> WELCOMED -> INITIATED -> READY */
enum link_step { LINK_CONNECTED, LINK_GREETED, LINK_HELLO_SENT, LINK_WELCOMED, LINK_INITIATED, LINK_READY };

enum link_result {
    LINK_OK,
    LINK_UNREACHABLE, /* no TCP connection in time */
    LINK_CUT,         /* the broker hung up */
    LINK_REFUSED,     /* it said ERROR */
    LINK_STRANGE,     /* it said something that is no CurveZMQ of its key */
    LINK_LATE         /* it did not answer in time */
};

struct link {
    struct wire wire;
    struct curve curve;
    struct buf sealed, opened; /* scratch of send and receive */
};

/* What INITIATE says of the client; NULL properties: a DEALER and nothing else. */
struct link_metadata {
    uint8_t bytes[CURVE_METADATA_MAX_BYTES];
    size_t len;
};
void link_metadata_add(struct link_metadata *m, const char *name, const void *value, size_t len);

/* Connects and goes on up to and with `step`. Whatever the result is, link_close() it. */
MUST enum link_result link_open(struct link *link, const struct link_target *target, enum link_step step,
                                const struct link_metadata *metadata, int64_t until_ns);

/* One more step of one that was opened: so that what comes before it can be changed. */
MUST enum link_result link_go_on(struct link *link, enum link_step step, const struct link_metadata *metadata,
                                 int64_t until_ns);

/* Of one that is closed already too. */
void link_close(struct link *link);

/* Seals and sends a message; flags: CURVE_MORE, CURVE_COMMAND. False: the broker hung up or does not take it. */
MUST bool link_send(struct link *link, uint8_t flags, const void *data, size_t len, int64_t until_ns);

/* Seals without sending: *ret is borrowed until the next call. False: no memory. */
MUST bool link_seal(struct link *link, uint8_t flags, const void *data, size_t len, uint8_t **ret, size_t *ret_len);

/* The next message of the broker, borrowed until the next call. False: it hung up (link->wire.is_cut), or none came in time. */
MUST bool link_receive(struct link *link, uint8_t *ret_flags, const uint8_t **ret_data, size_t *ret_len,
                       int64_t until_ns);

/* Reads and throws away; true: the broker hung up by then. */
bool link_is_cut_by(struct link *link, int64_t until_ns);
#endif
