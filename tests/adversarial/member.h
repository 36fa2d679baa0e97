/* member.h - a session of Millrace's protocol on a raw link: it knows the rules so well that it can break each by itself.
 *
 * Frames are built in member->out behind FRAME_HEAD_BYTES that member_frame() leaves free:
 *     struct buf *out = member_frame(&m);  control_write_...(out, ...);  member_send(a, &m, FRAME_NAMES, LANE_CONTROL); */
#ifndef ADVERSARIAL_MEMBER_H
#define ADVERSARIAL_MEMBER_H
#include "attack.h"
#include "proto/frame.h"

struct member {
    struct link link;
    struct buf out; /* the frame being built */
    uint64_t session, birth;
    uint32_t link_number;
    uint64_t granted[LANE_COUNT], sent[LANE_COUNT]; /* cost, cumulative */
    uint64_t next_seq;
    uint64_t acked;      /* version of interest */
    uint64_t frames_in;  /* that cost credit */
    int64_t ping_due_ns; /* when the next sign of life goes */
    bool is_over;        /* the broker said BYE or hung up */
};

/* Connects with the known key and says HELLO; returns once WELCOME came and every lane is granted so much that it never ends.
 * False: counted, closed. */
MUST bool member_open(struct attack *a, struct member *m);
MUST bool member_open_soon(struct attack *a,
                           struct member *m); /* again and again until it is, or the attack is over: false */

/* The same without a grant of credit, and with metadata of one's own. */
MUST bool member_open_stingy(struct attack *a, struct member *m);
MUST bool member_open_saying(struct attack *a, struct member *m, const struct link_metadata *metadata);

void member_close(struct attack *a, struct member *m);

/* Waits for the broker to end it, counts what became of it, and closes. */
void member_expect_end(struct attack *a, struct member *m);

/* Empties the frame being built. */
struct buf *member_frame(struct member *m);

/* Sends the frame that was built, when there is credit for it; serves meanwhile. False: the session or the attack is over. */
MUST bool member_send(struct attack *a, struct member *m, enum frame_kind kind, enum lane lane);

/* The same without asking for credit. */
MUST bool member_send_anyway(struct attack *a, struct member *m, enum frame_kind kind, enum lane lane);

/* Takes what the broker says for so long, or until it is over: pings are answered, grants and acks noted. */
void member_serve(struct attack *a, struct member *m, unsigned ms);

/* Grants a lane so many bytes, cumulative. */
MUST bool member_grant(struct attack *a, struct member *m, enum lane lane, uint64_t bytes);

/* NAMES of one topic, and of the member itself as a publisher with this part. */
MUST bool member_name_topic(struct attack *a, struct member *m, uint32_t id, const char *text);
MUST bool member_name_publisher(struct attack *a, struct member *m, uint32_t id, const char *part);

/* Puts the record of a number into a frame of live values and sends it. flags: of enum mr_flag. */
MUST bool member_publish(struct attack *a, struct member *m, uint32_t publisher, uint32_t topic, uint32_t flags,
                         const struct mr_value *value);

/* INTEREST of one filter, in a burst of its own. */
MUST bool member_subscribe(struct attack *a, struct member *m, uint32_t id, uint64_t version, const char *filter);
#endif
