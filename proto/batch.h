/* batch.h - reads and writes the records of a BATCHES frame in place, without allocating (batch.proto is the format).
 *
 * Reading is two nested walks over borrowed bytes, every length checked before it is believed:
 *     batches_read_init(&r, payload, len);
 *     while ((rc = batches_next(&r, &batch)) == MR_OK)
 *         while ((rc = batch_next(&batch, &record)) == MR_OK) …
 * Both return MR_NOT_FOUND at the clean end and MR_INVALID when the bytes are not what batch.proto says.
 *
 * Writing gathers records of any publishers into one frame; heads are encoded, bodies are copied as bytes. */
#ifndef PROTO_BATCH_H
#define PROTO_BATCH_H
#include "proto/frame.h"

enum clock_state { CLOCK_UNKNOWN = 0, CLOCK_SYNCED = 1, CLOCK_UNSYNCED = 2 };

/* What all records of a batch share. */
struct batch_head {
    uint64_t birth;     /* birth epoch of the publishing identity */
    uint64_t first_seq; /* live number of the first record, before its skip */
    int64_t base_us;    /* µs UTC; source times are relative to it */
    int64_t agent_us;   /* agent's receive time, µs UTC */
    int64_t broker_us;  /* home broker's accept time, or MR_NO_TIME */
    uint32_t link;
    uint32_t publisher; /* id in the sender's names */
    uint32_t interest;  /* interest entry this snapshot answers, 0 = live */
    uint8_t clock;      /* enum clock_state */
};

/* A request or its answer; id 0 = the record is neither. */
struct record_call {
    uint64_t id;
    uint32_t reply_topic; /* 0: this is an answer */
    uint32_t wait_ms;
    uint32_t rc;
    const char *reason; /* borrowed, not terminated */
    uint32_t reason_len;
};

struct record {
    uint32_t topic;      /* id in the sender's names, >= 1 */
    uint32_t flags;      /* enum mr_flag */
    uint64_t seq;        /* live number */
    int64_t source_us;   /* µs UTC or MR_NO_TIME */
    const uint8_t *body; /* encoded Body, borrowed */
    uint32_t body_len;
    struct record_call call;
};

struct batches_reader {
    const uint8_t *at, *end;
};
struct batch_reader {
    struct batch_head head;
    const uint8_t *at, *end; /* what is left of the records */
    uint64_t next_seq;
    uint32_t records; /* read so far; at most BATCH_MAX_RECORDS */
};

void batches_read_init(struct batches_reader *r, const uint8_t *payload, size_t len);
MUST enum mr_rc batches_next(struct batches_reader *r, struct batch_reader *ret);
MUST enum mr_rc batch_next(struct batch_reader *b, struct record *ret);

/* Gathers records into one frame of at most `max` bytes, head space for the frame included. The memory is the caller's. */
struct batch_writer {
    uint8_t *data;
    size_t len, max;
    size_t open_at; /* where the open batch's length stands, 0 = none open */
    struct batch_head head;
    uint64_t next_seq;
    uint32_t records; /* in the open batch */
};

void batch_writer_init(struct batch_writer *w, uint8_t *data, size_t max);

/* Appends one record under `head` (its first_seq is ignored: record.seq counts). Continues the open batch when everything
 * in the head is equal and seq goes on upward, else closes it and begins another. MR_WOULD_BLOCK: no room, nothing was written: close the
 * frame and go on in a new one. MR_TOO_BIG: would not fit in an empty frame either. */
MUST enum mr_rc batch_write(struct batch_writer *w, const struct batch_head *head, const struct record *record);

/* Closes the open batch; the frame is data[0 .. *ret_len), its first FRAME_HEAD_BYTES left for frame_write_head. */
void batch_writer_close(struct batch_writer *w, size_t *ret_len);
bool batch_writer_is_empty(const struct batch_writer *w);
size_t batch_writer_room(const struct batch_writer *w); /* bytes */

/* Body <-> value. Decoding borrows strings, bytes and arrays from `body` where their layout allows; arrays of doubles that
 * are not aligned are copied to `scratch` (grown as needed, the caller frees it). */
struct body {
    uint32_t status;
    bool has_value; /* false: only the status changed */
    struct mr_value value;
};
struct buf;
MUST enum mr_rc body_read(const uint8_t *data, size_t len, struct body *ret, struct buf *scratch);
/* Checks the bytes of a body without building it: what agents and brokers do with foreign bodies. */
MUST enum mr_rc body_check(const uint8_t *data, size_t len);
/* Bytes needed; 0 when the value is of no known type or above VALUE_MAX_BYTES. v NULL: status only. */
size_t body_size(uint32_t status, const struct mr_value *v);
/* Writes exactly body_size() bytes; returns their number. */
size_t body_write(uint8_t *out, uint32_t status, const struct mr_value *v);
#endif
