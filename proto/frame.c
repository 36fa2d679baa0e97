/* frame.c - the frame head on the wire, and what is known of each kind: its name, its lanes, whether it costs credit. */
#include "proto/frame.h"

#include "proto/limits.h"

#define ON(lane) (1U << (lane))

enum { COSTS_NOTHING = 1 };

static const struct kind {
    const char *name;
    uint8_t lanes; /* set of ON(lane) */
    uint8_t costs_nothing;
} kinds[FRAME_KIND_END] = {
    [FRAME_HELLO] = {"HELLO", ON(LANE_CONTROL), COSTS_NOTHING},
    [FRAME_WELCOME] = {"WELCOME", ON(LANE_CONTROL), COSTS_NOTHING},
    [FRAME_BYE] = {"BYE", ON(LANE_CONTROL), COSTS_NOTHING},
    [FRAME_STATE] = {"STATE", ON(LANE_CONTROL), 0},
    [FRAME_PING] = {"PING", ON(LANE_CONTROL), COSTS_NOTHING},
    [FRAME_PONG] = {"PONG", ON(LANE_CONTROL), COSTS_NOTHING},
    [FRAME_CREDIT] = {"CREDIT", ON(LANE_CONTROL), COSTS_NOTHING},
    [FRAME_NAMES] = {"NAMES", ON(LANE_CONTROL), 0},
    [FRAME_OPEN] = {"OPEN", ON(LANE_CONTROL), 0},
    [FRAME_OPENED] = {"OPENED", ON(LANE_CONTROL), 0},
    [FRAME_INTEREST] = {"INTEREST", ON(LANE_CONTROL), 0},
    [FRAME_INTEREST_ACK] = {"INTEREST_ACK", ON(LANE_CONTROL), 0},
    [FRAME_BATCHES] = {"BATCHES", ON(LANE_COMMAND) | ON(LANE_LIVE) | ON(LANE_STREAM) | ON(LANE_BULK), 0},
    [FRAME_LOSSES] = {"LOSSES", ON(LANE_CONTROL) | ON(LANE_LIVE), 0},
    [FRAME_SNAPSHOT_END] = {"SNAPSHOT_END", ON(LANE_LIVE), 0},
    [FRAME_BIRTH] = {"BIRTH", ON(LANE_CONTROL), 0},
    [FRAME_DEATH] = {"DEATH", ON(LANE_CONTROL), 0},
    [FRAME_ERROR] = {"ERROR", ON(LANE_CONTROL), 0},
    [FRAME_OPEN_PRODUCER] = {"OPEN_PRODUCER", ON(LANE_CONTROL), 0},
    [FRAME_PRODUCER_OPENED] = {"PRODUCER_OPENED", ON(LANE_CONTROL), 0},
    [FRAME_STREAM_ACK] = {"STREAM_ACK", ON(LANE_CONTROL), 0},
    [FRAME_FETCH] = {"FETCH", ON(LANE_CONTROL), 0},
    [FRAME_CONSUMER_ACK] = {"CONSUMER_ACK", ON(LANE_CONTROL), 0},
    [FRAME_TRANSFER] = {"TRANSFER", ON(LANE_CONTROL), 0},
    [FRAME_CHUNK] = {"CHUNK", ON(LANE_BULK), 0},
};

/* NULL for a number that is no kind. */
static const struct kind *kind_of(unsigned number)
{
    return number < FRAME_KIND_END && kinds[number].name ? &kinds[number] : NULL;
}

void frame_write_head(uint8_t out[FRAME_HEAD_BYTES], const struct frame_head *head)
{
    out[0] = (uint8_t)head->kind;
    out[1] = (uint8_t)head->lane;
    out[2] = 0;
    out[3] = 0;
    for (unsigned i = 0; i < 8; i++)
        out[4 + i] = (uint8_t)(head->session >> (8 * i));
}

enum mr_rc frame_read(const uint8_t *frame, size_t len, struct frame_head *ret, const uint8_t **ret_payload,
                      size_t *ret_len)
{
    if (len < FRAME_HEAD_BYTES)
        return MR_INVALID;

    const struct kind *kind = kind_of(frame[0]);
    if (!kind || frame[1] >= LANE_COUNT || !(kind->lanes & ON(frame[1])) || frame[2] || frame[3])
        return MR_INVALID;

    uint64_t session = 0;
    for (unsigned i = 0; i < 8; i++)
        session |= (uint64_t)frame[4 + i] << (8 * i);
    *ret = (struct frame_head){(enum frame_kind)frame[0], (enum lane)frame[1], session};
    *ret_payload = frame + FRAME_HEAD_BYTES;
    *ret_len = len - FRAME_HEAD_BYTES;
    return MR_OK;
}

const char *frame_kind_name(enum frame_kind kind)
{
    const struct kind *known = kind_of((unsigned)kind);

    return known ? known->name : "unknown";
}

const char *lane_name(enum lane lane)
{
    static const char *const names[LANE_COUNT] = {"control", "command", "live", "stream", "bulk"};

    return (unsigned)lane < LANE_COUNT ? names[lane] : "unknown";
}

size_t frame_cost(enum frame_kind kind, size_t len)
{
    const struct kind *known = kind_of((unsigned)kind);

    if (known && known->costs_nothing)
        return 0;
    return len > CREDIT_FRAME_MIN_BYTES ? len : CREDIT_FRAME_MIN_BYTES;
}
