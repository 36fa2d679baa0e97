/* chunk.h - values too long for a record, in parts: reads and writes TRANSFER and CHUNK payloads in place (batch.proto is
 * the format; docs/protocol.md, "Transfers").
 *
 * TRANSFER tells on the control lane what is coming: the head of a record, its body an empty value of the type to come,
 * and how many bytes of value follow; or that nothing more comes. CHUNKs bring the bytes on the bulk lane. */
#ifndef PROTO_CHUNK_H
#define PROTO_CHUNK_H
#include "proto/batch.h"
#include "proto/limits.h"

enum {
    TRANSFER_BODY_MAX_BYTES = 32, /* status and an empty value, with room for what newer versions add */
    TRANSFER_FRAME_MAX_BYTES = 256,
    CHUNK_FRAME_MAX_BYTES = FRAME_HEAD_BYTES + 16 + TRANSFER_CHUNK_BYTES
};

struct transfer {
    uint32_t id;            /* the sender's, from 1; of one session, each above the last */
    uint32_t total;         /* bytes of value: VALUE_MAX_BYTES + 1 .. TRANSFER_MAX_BYTES; 0: nothing more comes */
    enum mr_cause cause;    /* why, with total 0 */
    struct batch_head head; /* with total > 0, these */
    struct record record;   /* without call; its body borrowed */
    struct body value;      /* that body, read: BYTES, STRING or an array, of length 0 */
};

struct chunk {
    uint32_t transfer, offset;
    const uint8_t *data; /* borrowed */
    uint32_t len;
    uint32_t cost; /* received: what session_chunk_done() gives back */
};

/* Bytes the chunk at this offset has: TRANSFER_CHUNK_BYTES, or what is left of total. offset < total. */
static inline uint32_t chunk_len(uint32_t total, uint32_t offset)
{
    uint32_t left = total - offset;
    return left < TRANSFER_CHUNK_BYTES ? left : TRANSFER_CHUNK_BYTES;
}

/* MR_INVALID: not what batch.proto says, or a limit or rule above does not hold. */
MUST enum mr_rc transfer_read(const uint8_t *payload, size_t len, struct transfer *ret);
MUST enum mr_rc chunk_read(const uint8_t *payload, size_t len, struct chunk *ret);

/* Write a payload behind FRAME_HEAD_BYTES left free. MR_INVALID: the reader would refuse it. *ret_len is the frame's. */
MUST enum mr_rc transfer_write(uint8_t frame[TRANSFER_FRAME_MAX_BYTES], const struct transfer *t, size_t *ret_len);
/* data and len must be those of a chunk. Returns the frame's length. */
size_t chunk_write(uint8_t frame[CHUNK_FRAME_MAX_BYTES], const struct chunk *chunk);
#endif
