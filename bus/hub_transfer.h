/* hub_transfer.h - values too long for a record, on their way through the hub. Only hub_private.h includes it.
 *
 * Nobody waits for the whole: a chunk goes on to all ports that wanted the value when it began, as it comes. One of them that has
 * no room has the chunk kept back, once for all, and the credit for it with it: so the sender of it waits, and what the hub
 * holds of one port is at most CREDIT_BULK_MAX_BYTES and a frame a session; what sessions that ended left for a slow taker comes on top. Who takes nothing for TRANSFER_STALL_MS is given up.
 *
 *     taker:  UP TO DATE ──no room for a chunk──▶ WAITING ──all taken──▶ UP TO DATE ──last byte──▶ gone
 *                                                   └──TRANSFER_STALL_MS, or the sender is gone──▶ gone, told that it is lost */
#ifndef BUS_HUB_TRANSFER_H
#define BUS_HUB_TRANSFER_H
#include "base/list.h"
#include "proto/session.h"

struct hub;
struct port;

/* A port's share in transfers, part of struct port. */
struct port_transfers {
    struct list coming;  /* struct passing, that it sends */
    struct list taking;  /* struct taker, that it gets */
    struct list waiting; /* of those, with a chunk kept back, in the order of their turns */
};

void hub_transfers_init(struct port_transfers *transfers);
void hub_on_transfer(void *user, const struct transfer *said);
void hub_on_chunk(void *user, const struct chunk *chunk);
void hub_transfers_took(struct port *p);  /* a frame left its queue */
void hub_transfers_leave(struct port *p); /* it is about to be freed */
void hub_transfers_tick(struct hub *h, int64_t now_ns);
int64_t hub_transfers_deadline(const struct hub *h); /* of the next tick; INT64_MAX: none */
#endif
