/* session.h - one session between two peers: composes the step machines, turns frames into events and events into frames.
 *
 * Pure: no I/O, no clock, no thread. The owner feeds it received frames and the time, and takes frames to send:
 *     session_input(s, frame, len, now)   for each frame received, in order
 *     session_take(s, now)                while the link can take more; NULL = nothing may be sent now
 *     session_tick(s, now)                at session_deadline(s)
 * Events come up through struct session_events, from inside session_input and session_tick only. A callback may call
 * any session_ function but session_free. After on_end the session is dead: take what is left (a BYE), then free it.
 *
 * One connection carries one session; at any end the connection is closed and both begin anew. */
#ifndef PROTO_SESSION_H
#define PROTO_SESSION_H
#include "base/blob.h"
#include "base/err.h"
#include "base/rand.h"
#include "proto/batch.h"
#include "proto/chunk.h"
#include "proto/frame.h"
#include "proto/limits.h"

enum session_role { SESSION_CLIENT, SESSION_SERVER };
enum peer_kind { PEER_KIND_APP = 1, PEER_KIND_AGENT = 2, PEER_KIND_BROKER = 3 }; /* as PeerKind in session.proto */
enum interest_kind {
    INTEREST_SUBSCRIBE = 0,
    INTEREST_SERVE = 1,
    INTEREST_KEPT = 2, /* between brokers: every last value, and the lives of all that are at home at the server */
    INTEREST_KINDS
};

/* What a client says of itself. Strings are copied by session_new. */
struct session_hello {
    enum peer_kind kind;
    const char *name;
    uint64_t nonce, birth;
    uint64_t next_seq; /* agent: live number of its next record */
    uint32_t link;
    uint8_t clock;
};

/* What the server can reach, told at Welcome and whenever it changes. Strings borrowed for the call. */
struct session_state {
    bool cluster_up, quorum, degraded;
    int64_t isolated_since_us; /* 0: not isolated */
    const char *broker;
};

/* What the server answers. Strings are copied. */
struct session_welcome {
    uint64_t session; /* drawn at random by the server */
    const char *identity, *path, *server;
    uint64_t nonce, birth_floor;
    uint32_t inbox;
    struct session_state state;
};

struct session_topic {
    uint32_t id;
    const char *text;
};
struct session_publisher {
    uint32_t id;
    const char *identity, *part;
};
/* A tag's definition as it travels; low and high are NAN when not given. */
struct session_tag {
    uint32_t topic, type, stale_ms;
    const char *unit, *description;
    double low, high, deadband;
};
struct session_open {
    uint32_t cookie;
    const char *topic;
    const struct session_tag *tag; /* NULL: raw topic; .topic is ignored */
    uint32_t publisher;            /* the app's device the tag belongs to; 0: the app itself */
};
struct session_opened {
    uint32_t cookie, id; /* id 0: not a topic, or no room for it */
    enum mr_rc rc;       /* may the app publish there; requests are judged when made */
    const char *reason, *text;
};
struct session_birth {
    uint32_t publisher, link;
    uint64_t birth;
    int64_t since_us;
    uint64_t first_seq; /* first live number of this life: what is kept from before was written in an earlier one */
    const struct session_tag *tags;
    size_t n_tags;
};
struct session_death {
    uint32_t publisher, link, status;
    uint64_t birth;
    const char *reason;
};
struct session_interest {
    uint32_t id;
    const char *filter;
    enum interest_kind kind;
    bool no_snapshot, snapshot_only, with_backfill;
    const char *group;
};
struct session_refusal {
    uint32_t id;
    enum mr_rc rc;
    const char *reason;
};
struct session_loss {
    uint32_t publisher, link;
    const char *via; /* with publisher 0 */
    uint64_t birth, first, last, count;
    enum mr_cause cause;
};

/* Everything a callback receives is borrowed until it returns. Any slot may be NULL where the role never gets the event. */
struct session_events {
    /* server: a Hello came; answer with session_welcome() or session_bye(), now or later */
    void (*on_hello)(void *user, const struct session_hello *hello);
    /* client: the session is up */
    void (*on_welcome)(void *user, const struct session_welcome *welcome);
    /* once; rc says whether to come again, retry_ms not before when (0 = at will) */
    void (*on_end)(void *user, enum mr_rc rc, const char *reason, uint32_t retry_ms);
    void (*on_state)(void *user, const struct session_state *state);
    void (*on_topic)(void *user, const struct session_topic *topic);
    void (*on_publisher)(void *user, const struct session_publisher *publisher);
    void (*on_open)(void *user, const struct session_open *open);
    void (*on_opened)(void *user, const struct session_opened *opened);
    void (*on_birth)(void *user, const struct session_birth *birth);
    void (*on_death)(void *user, const struct session_death *death);
    /* server: one entry came into force or left (filter NULL); answer a refusal with session_interest_refuse() */
    void (*on_interest)(void *user, const struct session_interest *entry);
    /* server: a version is complete; acknowledge with session_interest_ack() when it is in force */
    void (*on_interest_version)(void *user, uint64_t version);
    void (*on_interest_refused)(void *user, const struct session_refusal *refusal);
    /* client: all up to version is in force */
    void (*on_interest_acked)(void *user, uint64_t version, bool partial);
    void (*on_snapshot_end)(void *user, uint32_t interest);
    void (*on_loss)(void *user, enum lane lane, const struct session_loss *loss);
    /* batches of one frame, one call per batch; walk it with batch_next(). Bytes that do not parse end the session. */
    void (*on_batch)(void *user, enum lane lane, struct batch_reader *batch);
    /* a value too long for a record is coming, or (total 0) the rest of one is not */
    void (*on_transfer)(void *user, const struct transfer *transfer);
    /* the next part of one; give its credit back with session_chunk_done() */
    void (*on_chunk)(void *user, const struct chunk *chunk);
    void (*on_error)(void *user, enum mr_rc rc, const char *reason, uint32_t topic, uint32_t retry_ms);
    /* the clock of the other side: its UTC minus ours, and half the round trip as the error bound */
    void (*on_clock)(void *user, int64_t offset_us, int64_t error_us, uint8_t clock);
    /* frames queued on `lane` were dropped to stay within max_bytes: the loss is told to the peer by the session itself */
    void (*on_dropped)(void *user, enum lane lane, uint64_t records);
};

struct credit_pool;
struct session_conf {
    enum session_role role;
    struct session_hello hello; /* client only */
    size_t max_queued_bytes;    /* outbound bound, SESSION_OUTBOUND_BYTES unless smaller; live drops oldest first */
    size_t max_frame_bytes;     /* of one frame built here, BATCH_MAX_BYTES unless smaller */
    size_t max_input_bytes;     /* of one frame that comes, 0: AGENT_FRAME_MAX_BYTES */
    uint32_t max_entries;       /* of interest, either way; 0: FILTERS_PER_AGENT */
    uint32_t ping_ms, dead_ms;  /* 0: limits.h */
    struct credit_pool *pool;   /* of the windows of all sessions, outlives them; NULL: they grow as they like */
    const struct rand_source *rand;
    const struct session_events *events; /* outlives the session */
    void *user;
};

struct session;
MUST enum mr_rc session_new(struct session **ret, const struct session_conf *conf, int64_t now_ns, struct err *err);
void session_free(struct session *s); /* NULL is fine */

/* Both roles. MR_OK, or the session is over (on_end has been called) and the code says why. */
MUST enum mr_rc session_input(struct session *s, const uint8_t *frame, size_t len, int64_t now_ns);
/* The next frame to send, the caller owns the reference; NULL = nothing may go now. */
struct blob *session_take(struct session *s, int64_t now_ns);
bool session_has_output(const struct session *s); /* session_take would give one */
void session_tick(struct session *s, int64_t now_ns);
int64_t session_deadline(const struct session *s); /* monotonic ns of the next session_tick; INT64_MAX = none */
bool session_is_up(const struct session *s);       /* Welcome said or heard, not ended */
bool session_is_over(const struct session *s);
size_t session_queued_bytes(const struct session *s);         /* outbound, all lanes */
size_t session_room(const struct session *s, enum lane lane); /* bytes the lane takes before it drops or refuses */
void session_limit_live(struct session *s,
                        uint32_t max_bytes);             /* the peer's credit on the live lane grows to this at most */
void session_hold_live(struct session *s, bool is_held); /* while held, the peer gets no new credit on the live lane */

/* -- handshake -- */
MUST enum mr_rc session_welcome(struct session *s, const struct session_welcome *welcome, int64_t now_ns);
void session_bye(struct session *s, enum mr_rc rc, const char *reason,
                 uint32_t retry_ms); /* ends it: on_end is not called */
MUST enum mr_rc session_state(struct session *s, const struct session_state *state);

/* -- records: the hot path; nothing is allocated once the lane's frame buffers exist -- */
/* Appends to the lane's open frame. MR_WOULD_BLOCK: the lane is full and its rule is to refuse (command, stream, bulk);
 * the live lane never refuses, it drops its oldest frames and tells the peer (LOSSES). MR_CLOSED: the session is not up. */
MUST enum mr_rc session_put(struct session *s, enum lane lane, const struct batch_head *head,
                            const struct record *record);
/* Makes room in the lane's open frame for n records under one head, bodies of so many bytes in all: to put them then allocates
 * nothing. MR_TOO_BIG: more than a frame; MR_WOULD_BLOCK, MR_NO_MEMORY, MR_CLOSED. */
MUST enum mr_rc session_reserve(struct session *s, enum lane lane, size_t n, size_t body_bytes);
/* Closes the open frames; called once at the end of a turn that put records. */
void session_flush(struct session *s);

/* -- control: gathered into frames like records, MR_NO_MEMORY or MR_CLOSED -- */
MUST enum mr_rc session_name_topic(struct session *s, uint32_t id, const char *text);
MUST enum mr_rc session_name_publisher(struct session *s, const struct session_publisher *publisher);
MUST enum mr_rc session_open_topic(struct session *s, const struct session_open *open);
MUST enum mr_rc session_opened(struct session *s, const struct session_opened *opened);
MUST enum mr_rc session_birth(struct session *s, const struct session_birth *birth);
MUST enum mr_rc session_death(struct session *s, const struct session_death *death);
MUST enum mr_rc session_error(struct session *s, enum mr_rc rc, const char *reason, uint32_t topic, uint32_t retry_ms);
/* A loss the owner knows of. LANE_LIVE: in band, before what is put next; LANE_CONTROL: ahead of everything. */
MUST enum mr_rc session_loss(struct session *s, enum lane lane, const struct session_loss *loss);

/* -- interest: the client's entries outlive a session only in the client's own table; after Welcome it adds them all -- */
MUST enum mr_rc session_interest_add(struct session *s, const struct session_interest *entry);
MUST enum mr_rc session_interest_remove(struct session *s, uint32_t id);
uint64_t session_interest_version(const struct session *s); /* of the last change made here */
MUST enum mr_rc session_interest_refuse(struct session *s, const struct session_refusal *refusal);
MUST enum mr_rc session_interest_ack(struct session *s, uint64_t version, bool partial);
MUST enum mr_rc session_snapshot_end(struct session *s, uint32_t interest); /* in band, live lane */

/* -- figures -- */
struct session_stats {
    uint64_t frames_in, frames_out, bytes_in, bytes_out, records_in, records_out, dropped_records;
    int64_t rtt_ns; /* smallest of the last minute, 0 = not measured */
};
void session_get_stats(const struct session *s, struct session_stats *ret);

/* The session has no clock: the owner says now and then (at each tick is fine) what its UTC clock shows at monotonic 0,
 * and in which state that clock is (enum clock_state). Until then pings carry no time and on_clock is never called. */
void session_set_clock(struct session *s, int64_t utc_minus_mono_us, uint8_t clock);
#endif
