/* session_private.h - what the files of the session share; nobody else includes it.
 *
 *   session.c          life: begins, ends, ticks, takes frames in
 *   session_take.c     which frame goes out next
 *   session_in.c       a frame that came -> a step of its machine -> a callback
 *   session_control.c  control messages, gathered into frames
 *   session_out.c      records, gathered into frames; what a full queue drops
 *   session_transfer.c values too long for a record */
#ifndef PROTO_SESSION_PRIVATE_H
#define PROTO_SESSION_PRIVATE_H
#include "base/buf.h"
#include "proto/control.h"
#include "proto/handshake.h"
#include "proto/interest.h"
#include "proto/lanes.h"
#include "proto/losses.h"
#include "proto/probe.h"
#include "proto/session.h"
#include "proto/transfers.h"

#define FRAME_NONE ((enum frame_kind)0) /* no kind has this number */

enum { SESSION_MIN_FRAME_BYTES = 2 * 1024, SESSION_MIN_QUEUED_BYTES = 16 * SESSION_MIN_FRAME_BYTES };

/* The open frame of a lane that carries records. */
struct frame_writer {
    struct blob *blob; /* max_frame_bytes, NULL while idle */
    struct batch_writer batches;
    bool was_used; /* since the last tick */
    bool is_due;   /* a flush found no room for it: queued as soon as there is */
};

/* The open frame of control messages: one kind on one lane at a time, so that the order between kinds is kept. */
struct gather {
    struct buf buf;
    enum frame_kind kind; /* FRAME_NONE: none open */
    enum lane lane;
    bool is_fresh; /* no entry yet, at most a prefix */
};

/* What waits outside the lanes because it costs no credit; each at most once. */
struct express {
    struct blob *greeting; /* HELLO or WELCOME */
    unsigned credits;      /* set of 1 << lane */
    bool ping, pong, bye;
    struct control_ping to_send, to_answer; /* to_answer.real_us: when it came */
    uint8_t peer_clock;                     /* state of the peer's clock, as its last PONG said */
};

struct session {
    enum session_role role;
    const struct session_events *events;
    void *user;
    const struct rand_source *rand;
    struct session_hello hello;
    char *name; /* hello.name */
    size_t max_frame_bytes, max_input_bytes;
    uint32_t ping_ms, dead_ms;
    int64_t now_ns;            /* of the last call that told the time */
    int64_t utc_minus_mono_us; /* 0: not known */
    uint8_t clock;

    struct handshake handshake;
    struct probe probe;
    struct lanes lanes;
    struct interest_client wants;  /* client */
    struct interest_server wanted; /* server */

    struct arena arena; /* for the frame that is being read */
    bool is_reading;
    struct gather gather;
    struct frame_writer writers[LANE_COUNT];
    struct losses losses;
    struct transfers transfers; /* that come in */
    uint32_t last_transfer;     /* that went out */
    struct express express;

    enum mr_rc end_rc; /* why it ended */
    uint32_t end_retry_ms;
    bool end_untold;  /* on_end is still to be called */
    bool is_draining; /* the owner said goodbye: what has credit still goes, before the BYE */
    uint64_t dropped_untold[LANE_COUNT];
    struct session_stats stats;
    char end_reason[CONTROL_REASON_MAX_BYTES + 1];
};

/* -- session.c -- */
void session_step(struct session *s, const struct handshake_event *event);
/* Ends the session: BYE to the peer, on_end to the owner. Returns rc. */
enum mr_rc session_fail(struct session *s, enum mr_rc rc, const char *reason);
int64_t session_utc_us(const struct session *s); /* 0: not known */
void session_drop_queues(struct session *s);     /* all that is not yet sent */
void session_probe(struct session *s, const struct probe_event *event);

/* -- session_in.c -- */
/* Deals with one frame that passed handshake and credit. Ends the session itself when the frame breaks a rule. */
void session_read(struct session *s, const struct frame_head *head, const uint8_t *payload, size_t len);

/* -- session_transfer.c -- */
MUST enum mr_rc session_on_transfer(struct session *s, const uint8_t *payload, size_t len, struct err *err);
MUST enum mr_rc session_on_chunk(struct session *s, const uint8_t *payload, size_t len, struct err *err);

/* -- session_control.c -- */
/* Closes the open control frame. MR_CLOSED: the session ended over it. */
MUST enum mr_rc session_close_gather(struct session *s);
/* Sends what the client's interest has to say now. */
void session_pump_interest(struct session *s);
/* A whole frame with room for its head; the caller owns it. NULL: no memory. */
struct blob *session_frame(const struct session *s, enum frame_kind kind, enum lane lane, const struct buf *payload);

/* -- session_out.c -- */
/* Queues a frame, whose reference it takes in any case; drops live frames for it as far as the rules allow.
 * MR_CLOSED: the session ended over it. MR_WOULD_BLOCK: the lane refuses. MR_NO_MEMORY: a live frame was lost, and noted. */
MUST enum mr_rc session_queue(struct session *s, enum lane lane, struct blob *frame);
/* Closes a lane's open frame of records. Results of session_queue. */
MUST enum mr_rc session_close_frame(struct session *s, enum lane lane);
/* Puts what was lost in front of the live lane, if that is next. False: no memory for it now, give out no live frame. */
bool session_tell_losses(struct session *s);
void session_close_due(struct session *s);
void session_free_writers(struct session *s, bool only_idle);
#endif
