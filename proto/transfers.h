/* transfers.h - what the peer of a session has begun to transfer and how far it is: the rules a receiver holds it to.
 *
 *     NOT BEGUN ──begin──▶ OPEN ──last byte, or end──▶ OVER      ids only rise: what is not open and not above the last is over
 *
 * Pure. Nothing is allocated before the first transfer. */
#ifndef PROTO_TRANSFERS_H
#define PROTO_TRANSFERS_H
#include "proto/chunk.h"

struct transfer_open;
struct transfers {
    struct transfer_open *open;
    uint32_t n, cap, last_id;
};

/* A zeroed struct is an empty one. */
void transfers_fini(struct transfers *t);

/* MR_INVALID: the id is not above the last, or as many are open as the limits allow, in all or of its publisher. MR_NO_MEMORY */
MUST enum mr_rc transfers_begin(struct transfers *t, const struct transfer *begun);

/* *ret_is_open false: it belongs to one that is over, and means nothing. MR_INVALID: to one never begun, or it is not the
 * next part, or not of the length it must have. */
MUST enum mr_rc transfers_take(struct transfers *t, const struct chunk *chunk, bool *ret_is_open);

/* Nothing more comes. False: it is over already. MR_INVALID: it was never begun. */
MUST enum mr_rc transfers_end(struct transfers *t, uint32_t id, bool *ret_was_open);
#endif
