/* zap.h - decides which CURVE keys may connect: the ZAP handler (RFC 27) of the process, in the loop's thread. */
#ifndef BASE_IO_ZAP_H
#define BASE_IO_ZAP_H
#include "base/rc.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZAP_KEY_BYTES 32U
#define ZAP_USER_ID_SIZE 256U /* NUL included: a user id is 1 to 255 bytes of text */
#define ZAP_FRAMES 7U         /* of a request with mechanism CURVE, envelope excluded */

struct err;
struct loop;
struct zap;
struct zctx;

/* One question; borrowed until the lookup returns. */
struct zap_request {
    const char *domain;  /* of the listener that asks */
    const char *address; /* the peer's IP address */
    const uint8_t *key;  /* ZAP_KEY_BYTES, proved by the peer */
};

/* Answers true and the user id (not empty) that every message of this connection will carry, or false: refused with 400.
 * Never blocks: a look-up in memory. */
typedef bool zap_lookup_fn(void *user, const struct zap_request *request, char ret_user_id[ZAP_USER_ID_SIZE]);

/* Binds the handler; before any zserver of this context is made. MR_MISUSE: the context has one already; MR_NO_MEMORY. */
MUST enum mr_rc zap_new(struct loop *loop, struct zctx *ctx, zap_lookup_fn *lookup, void *user, struct zap **ret,
                        struct err *err);

/* After the last zserver. Later handshakes of this context fail. NULL is fine. */
void zap_free(struct zap *zap);

struct zap_stats {
    uint64_t admitted, refused, malformed;
};
void zap_get_stats(const struct zap *zap, struct zap_stats *ret);

/* One frame of a request as received. */
struct zap_frame {
    const uint8_t *data;
    size_t len;
};

/* The parser alone, pure: frames are version, request id, domain, address, identity (ignored: it is the listener's own),
 * mechanism, key. Text is copied out of the frames. */
struct zap_question {
    char domain[256];
    char address[64];
    uint8_t key[ZAP_KEY_BYTES];
};

/* MR_INVALID: count, size, version or mechanism is not what RFC 27 and CURVE say. */
MUST enum mr_rc zap_parse(const struct zap_frame *frames, size_t n_frames, struct zap_question *ret);
#endif
