/* frame.h - the 12 bytes before every payload: what kind, which lane, which session (docs/protocol.md, "Frames"). */
#ifndef PROTO_FRAME_H
#define PROTO_FRAME_H
#include <millrace/millrace.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

/* Lanes in falling priority. A frame rides exactly one. */
enum lane { LANE_CONTROL, LANE_COMMAND, LANE_LIVE, LANE_STREAM, LANE_BULK, LANE_COUNT };

/* Kinds keep their numbers for ever; a kind unknown to the receiver ends the session. */
enum frame_kind {
    FRAME_HELLO = 1,
    FRAME_WELCOME = 2,
    FRAME_BYE = 3,
    FRAME_STATE = 4,
    FRAME_PING = 5,
    FRAME_PONG = 6,
    FRAME_CREDIT = 7,
    FRAME_NAMES = 8,
    FRAME_OPEN = 9,
    FRAME_OPENED = 10,
    FRAME_INTEREST = 11,
    FRAME_INTEREST_ACK = 12,
    FRAME_BATCHES = 13,
    FRAME_LOSSES = 14,
    FRAME_SNAPSHOT_END = 15,
    FRAME_BIRTH = 16,
    FRAME_DEATH = 17,
    FRAME_ERROR = 18,
    FRAME_OPEN_PRODUCER = 19,
    FRAME_PRODUCER_OPENED = 20,
    FRAME_STREAM_ACK = 21,
    FRAME_FETCH = 22,
    FRAME_CONSUMER_ACK = 23,
    FRAME_TRANSFER = 24,
    FRAME_CHUNK = 25,
    FRAME_KIND_END
};

enum { FRAME_HEAD_BYTES = 12 };

/* On the wire: u8 kind, u8 lane, u16 zero, u64 session; little endian. */
struct frame_head {
    enum frame_kind kind;
    enum lane lane;
    uint64_t session; /* 0 only in HELLO and in a BYE that refuses one */
};

void frame_write_head(uint8_t out[FRAME_HEAD_BYTES], const struct frame_head *head);

/* Reads and checks the head of `frame`; *ret_payload is borrowed from it. MR_INVALID: too short, unknown kind or lane,
 * a kind on a lane it never rides, the reserved bytes not zero. */
MUST enum mr_rc frame_read(const uint8_t *frame, size_t len, struct frame_head *ret, const uint8_t **ret_payload,
                           size_t *ret_len);

const char *frame_kind_name(enum frame_kind kind); /* "HELLO", never NULL */
const char *lane_name(enum lane lane);             /* "control", never NULL */

/* What a frame costs in credit: max(len, 1 KiB), so that many small frames cannot outrun a window counted in bytes.
 * HELLO, WELCOME, BYE, PING, PONG and CREDIT cost nothing: they keep the session itself alive. */
size_t frame_cost(enum frame_kind kind, size_t len);
#endif
