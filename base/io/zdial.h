/* zdial.h - an encrypted connection that is dialled again and again: one attempt or connection at a time, the frame that it had
 * no room for, and the patience between attempts. It knows nothing of what is said on it.
 *
 *   IDLE --zdial_now(), zdial_again()--> WAITING --time--> CONNECTING --handshake--> OPEN --zdial_leave()--> LEAVING
 *    ^                                                         |                       |                       |
 *    '-------------------- on_closed ---------------------------<----------------------'        on_left <------'
 *
 * Waiting doubles from start_ms with jitter (half of it to all of it), up to most_ms; for quick_ms after zdial_succeeded()
 * up to quick_most_ms, so that a peer that restarts has us back. */
#ifndef BASE_IO_ZDIAL_H
#define BASE_IO_ZDIAL_H
#include "base/io/loop.h"
#include "base/io/zsock.h"
#include "base/rand.h"

enum zdial_state { ZDIAL_IDLE, ZDIAL_WAITING, ZDIAL_CONNECTING, ZDIAL_OPEN, ZDIAL_LEAVING };

/* Each at least 1; least is at most most. */
struct zdial_patience {
    uint32_t start_ms, most_ms, quick_ms, quick_most_ms;
    uint32_t refused_least_ms, refused_most_ms; /* until who refused us is asked again */
};

/* Whom to dial. */
struct zdial_target {
    const struct zsock_address *address;
    const uint8_t *server_key; /* ZSOCK_KEY_BYTES, pinned */
};

/* All come from the loop; all but on_closed and on_left leave the connection to zdial_close(), zdial_leave(). */
struct zdial_callbacks {
    struct zdial_target (*target)(void *user); /* it dials now; borrowed until return to the loop */
    void (*on_connected)(void *user);
    void (*on_message)(void *user, const uint8_t *data, size_t len); /* borrowed until return */
    void (*on_writable)(void *user);                                 /* zdial_send() had to stop, and may go on */
    struct blob *(*take)(void *user); /* the next frame to send, its reference is handed over; NULL: none */
    /* The attempt or connection ended by itself; words as zclient's. It is IDLE: dial again, or not. */
    void (*on_closed)(void *user, enum zclient_end why, const char *words);
    /* The end that zdial_leave() began; IDLE likewise. */
    void (*on_left)(void *user);
};

struct zdial_options {
    struct loop *loop; /* borrowed, as zctx, rand and keys, until zdial_free() */
    struct zctx *zctx;
    const struct rand_source *rand;
    const uint8_t *public_key, *secret_key; /* own pair, ZSOCK_KEY_BYTES each */
    size_t max_message_bytes;
    int high_water_frames; /* both ways */
    int rank;              /* place in the loop's drain order */
    struct zdial_patience patience;
};

struct zdial;

/* IDLE. MR_NO_MEMORY. */
MUST enum mr_rc zdial_new(struct zdial **ret, const struct zdial_options *options,
                          const struct zdial_callbacks *callbacks, void *user);
void zdial_free(struct zdial *d); /* no callback after it; NULL is fine */

/* While IDLE or WAITING: dials in the next turn. */
void zdial_now(struct zdial *d);
/* While IDLE: dials after the next wait, but not before that time (loop_now_ns()). */
void zdial_again(struct zdial *d, int64_t not_before_ns);
/* The connection is, or was until now, what it should be: waiting begins at start_ms again, and is quick for a while. */
void zdial_succeeded(struct zdial *d);

/* While OPEN: sends what take() gives until there is no room. Else nothing. */
void zdial_send(struct zdial *d);
/* While CONNECTING or OPEN: nothing is told any more but on_left, in so many milliseconds, for what was sent to be written. */
void zdial_leave(struct zdial *d, uint32_t leave_ms);
/* To IDLE at once, without a callback. */
void zdial_close(struct zdial *d);

enum zdial_state zdial_state(const struct zdial *d);
/* A time to leave somebody alone who refused us, drawn anew. */
uint32_t zdial_refused_ms(const struct zdial *d);
#endif
