/* session_transfer.h - long values over a session: what is coming is told on the control lane, its bytes go on the bulk lane.
 *
 *     session_begin_transfer() ──▶ session_put_chunk(), in order, till all is put
 *                                    └──▶ session_end_transfer(), when the rest will not come
 * The bulk lane holds SESSION_CHUNKS_AHEAD chunks and refuses more: so an end is not behind much, and who forwards a transfer
 * need not hold it. A receiver is told by on_transfer and on_chunk, and gives credit back chunk by chunk. */
#ifndef PROTO_SESSION_TRANSFER_H
#define PROTO_SESSION_TRANSFER_H
#include "proto/session.h"

enum { SESSION_CHUNKS_AHEAD = 2 };

/* Does the peer know transfers? Not below version 2. */
bool session_has_transfers(const struct session *s);

/* Says what is coming; t->id is ignored, *ret_id is the one it got. The sender keeps to the limits on open transfers. MR_INVALID:
 * it is none (see chunk.h), or the peer knows none. MR_CLOSED, MR_NO_MEMORY. */
MUST enum mr_rc session_begin_transfer(struct session *s, const struct transfer *t, uint32_t *ret_id);

/* The next part, copied. MR_WOULD_BLOCK: enough is queued. MR_CLOSED, MR_NO_MEMORY. */
MUST enum mr_rc session_put_chunk(struct session *s, const struct chunk *chunk);

/* The rest does not come. MR_CLOSED, MR_NO_MEMORY. */
MUST enum mr_rc session_end_transfer(struct session *s, uint32_t id, enum mr_cause cause);

/* A chunk that on_chunk brought has been dealt with: the peer may send as much again. */
void session_chunk_done(struct session *s, uint32_t cost);

/* Bytes that wait on one lane; a part of session_queued_bytes(). */
size_t session_queued_on(const struct session *s, enum lane lane);
#endif
