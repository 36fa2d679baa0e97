/* control.h - the control messages of session.proto, between plain structs and the payload bytes of their frames.
 *
 * Reading: protobuf-c decodes into an arena, then everything is checked before anything is handed on, so a frame is taken
 * whole or not at all. Checked are: texts are UTF-8 and not longer than below, enums in range, doubles finite (NAN where
 * absent), ids that must not be 0, counts. Not checked is grammar: topics and filters still need topic_check(). An unknown
 * result code up to CONTROL_RC_MAX passes: a newer peer may know more of them (rc_class_of() says RC_UNSURE).
 *
 * Every control_read_ function resets the arena with arena_frame_budget(len) first; strings and arrays of *ret live in it
 * until the next read. Strings are NUL-terminated and never NULL. Results of all of them: MR_OK; MR_INVALID, not a message
 * of this kind or a value out of range; MR_NO_MEMORY, the budget is spent or there is no memory. err may be NULL.
 *
 * Writing: control_write_ functions append to `out`, which may hold the 12 bytes of the frame head or earlier entries
 * already. Messages that gather are written as a head, if they have one, then entry by entry in any order: repeated fields
 * of protobuf concatenate. NULL strings are written as empty; a reason that is too long is cut. Results of all of them:
 * MR_OK; MR_INVALID, a reader would refuse it; MR_TOO_BIG, out is full; MR_NO_MEMORY. On failure out is unchanged.
 * A frame kept within BATCH_MAX_BYTES is always within the reader's budget. */
#ifndef PROTO_CONTROL_H
#define PROTO_CONTROL_H
#include "base/buf.h"
#include "proto/arena.h"
#include "proto/session.h"

enum {
    CONTROL_NAME_MAX_BYTES = 128, /* identities, parts, names of apps, agents, brokers, groups */
    CONTROL_REASON_MAX_BYTES = 512,
    CONTROL_DESCRIPTION_MAX_BYTES = 512,
    CONTROL_ENTRIES_MAX = 16384, /* of one repeated field in one frame */
    CONTROL_RC_MAX = 255,
    CONTROL_TYPE_MAX = 34 /* the last type number of Sparkplug B 3.0 */
};

/* -- messages that session.h has no struct of its own for -- */
struct control_hello {
    uint32_t version, oldest;
    struct session_hello hello;
};
struct control_welcome {
    uint32_t version, ping_ms, dead_ms;
    uint32_t window[LANE_COUNT]; /* bytes; 0: nothing before the first CREDIT */
    struct session_welcome welcome;
};
struct control_bye {
    enum mr_rc rc;
    const char *reason;
    uint32_t retry_ms;
};
struct control_ping {
    uint64_t number;
    uint64_t sent_ns; /* sender's monotonic clock */
    int64_t real_us;
    uint8_t clock;
};
struct control_pong {
    uint64_t number;
    uint64_t sent_ns; /* as in the ping */
    int64_t received_us, real_us;
    uint8_t clock;
};
struct control_credit {
    enum lane lane;
    uint64_t granted; /* cumulative bytes */
};
struct control_names {
    const struct session_topic *topics;
    const struct session_publisher *publishers;
    size_t n_topics, n_publishers;
};
struct control_open {
    const struct session_open *topics;
    size_t n_topics;
};
struct control_opened {
    const struct session_opened *topics;
    size_t n_topics;
};
/* What stands once in an INTEREST frame. */
struct control_interest_head {
    uint64_t version;
    bool snapshot; /* first part of a snapshot: forget all entries */
    bool more;     /* further parts of this version follow */
};
struct control_interest {
    struct control_interest_head head;
    const struct session_interest *add;
    const uint32_t *remove;
    size_t n_add, n_remove;
};
struct control_interest_ack {
    uint64_t version;
    bool partial;
    const struct session_refusal *refused; /* not used by control_write_interest_ack: append them */
    size_t n_refused;
};
struct control_losses {
    const struct session_loss *losses;
    size_t n_losses;
};
struct control_error {
    enum mr_rc rc;
    const char *reason;
    uint32_t retry_ms, topic;
};

/* -- reading -- */
MUST enum mr_rc control_read_hello(struct arena *a, const uint8_t *data, size_t len, struct control_hello *ret,
                                   struct err *err);
MUST enum mr_rc control_read_welcome(struct arena *a, const uint8_t *data, size_t len, struct control_welcome *ret,
                                     struct err *err);
MUST enum mr_rc control_read_bye(struct arena *a, const uint8_t *data, size_t len, struct control_bye *ret,
                                 struct err *err);
MUST enum mr_rc control_read_state(struct arena *a, const uint8_t *data, size_t len, struct session_state *ret,
                                   struct err *err);
MUST enum mr_rc control_read_ping(struct arena *a, const uint8_t *data, size_t len, struct control_ping *ret,
                                  struct err *err);
MUST enum mr_rc control_read_pong(struct arena *a, const uint8_t *data, size_t len, struct control_pong *ret,
                                  struct err *err);
MUST enum mr_rc control_read_credit(struct arena *a, const uint8_t *data, size_t len, struct control_credit *ret,
                                    struct err *err);
MUST enum mr_rc control_read_names(struct arena *a, const uint8_t *data, size_t len, struct control_names *ret,
                                   struct err *err);
MUST enum mr_rc control_read_open(struct arena *a, const uint8_t *data, size_t len, struct control_open *ret,
                                  struct err *err);
MUST enum mr_rc control_read_opened(struct arena *a, const uint8_t *data, size_t len, struct control_opened *ret,
                                    struct err *err);
MUST enum mr_rc control_read_interest(struct arena *a, const uint8_t *data, size_t len, struct control_interest *ret,
                                      struct err *err);
MUST enum mr_rc control_read_interest_ack(struct arena *a, const uint8_t *data, size_t len,
                                          struct control_interest_ack *ret, struct err *err);
MUST enum mr_rc control_read_losses(struct arena *a, const uint8_t *data, size_t len, struct control_losses *ret,
                                    struct err *err);
MUST enum mr_rc control_read_snapshot_end(struct arena *a, const uint8_t *data, size_t len, uint32_t *ret_interest,
                                          struct err *err);
MUST enum mr_rc control_read_birth(struct arena *a, const uint8_t *data, size_t len, struct session_birth *ret,
                                   struct err *err);
MUST enum mr_rc control_read_death(struct arena *a, const uint8_t *data, size_t len, struct session_death *ret,
                                   struct err *err);
MUST enum mr_rc control_read_error(struct arena *a, const uint8_t *data, size_t len, struct control_error *ret,
                                   struct err *err);

/* -- writing whole messages -- */
MUST enum mr_rc control_write_hello(struct buf *out, const struct control_hello *hello);
MUST enum mr_rc control_write_welcome(struct buf *out, const struct control_welcome *welcome);
MUST enum mr_rc control_write_bye(struct buf *out, const struct control_bye *bye);
MUST enum mr_rc control_write_state(struct buf *out, const struct session_state *state);
MUST enum mr_rc control_write_ping(struct buf *out, const struct control_ping *ping);
MUST enum mr_rc control_write_pong(struct buf *out, const struct control_pong *pong);
MUST enum mr_rc control_write_credit(struct buf *out, const struct control_credit *credit);
MUST enum mr_rc control_write_snapshot_end(struct buf *out, uint32_t interest);
MUST enum mr_rc control_write_death(struct buf *out, const struct session_death *death);
MUST enum mr_rc control_write_error(struct buf *out, const struct control_error *error);

/* -- writing messages that gather: one entry of the frame each -- */
MUST enum mr_rc control_write_topic(struct buf *out, const struct session_topic *topic);             /* NAMES */
MUST enum mr_rc control_write_publisher(struct buf *out, const struct session_publisher *publisher); /* NAMES */
MUST enum mr_rc control_write_open(struct buf *out, const struct session_open *open);                /* OPEN */
MUST enum mr_rc control_write_opened(struct buf *out, const struct session_opened *opened);          /* OPENED */
MUST enum mr_rc control_write_loss(struct buf *out, const struct session_loss *loss);                /* LOSSES */

/* INTEREST: its head once, then entries and removals. */
MUST enum mr_rc control_write_interest_head(struct buf *out, const struct control_interest_head *head);
MUST enum mr_rc control_write_interest_entry(struct buf *out, const struct session_interest *entry);
MUST enum mr_rc control_write_interest_remove(struct buf *out, uint32_t id);

/* INTEREST_ACK: version and partial once, then refusals. */
MUST enum mr_rc control_write_interest_ack(struct buf *out, const struct control_interest_ack *ack);
MUST enum mr_rc control_write_refusal(struct buf *out, const struct session_refusal *refusal);

/* BIRTH: the birth once, its tags with it; more tags may be appended. */
MUST enum mr_rc control_write_birth(struct buf *out, const struct session_birth *birth);
MUST enum mr_rc control_write_birth_tag(struct buf *out, const struct session_tag *tag);

#endif
