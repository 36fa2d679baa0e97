/* hub_transfer.h - values too long for a record, on their way through the hub. Only hub_private.h includes it.
 *
 * Nobody waits for the whole: a chunk goes on to all ports that wanted the value when it began, as it comes. One of them that has
 * no room has the chunk kept back, once for all, and the credit for it with it: so the sender of it waits, and what the hub
 * holds of one port is at most CREDIT_BULK_MAX_BYTES and a frame a session; what sessions that ended left for a slow taker
 * comes on top.
 *
 *     taker:  UP TO DATE ──no room for a chunk──▶ WAITING ──all taken──▶ UP TO DATE ──last byte──▶ gone
 *                                                   └──no patience left, or the sender is gone──▶ gone, told that it is lost
 *
 * Patience with an app is TRANSFER_STALL_MS. It passes while the app waits, and each byte it takes brings back as much as is due
 * for it at TRANSFER_LEAST_BYTES_S. With a port that has others behind it there is more: the one who is slow is given up first,
 * where it is, and not all that share its way. The same patience is had with a sender that has credit and sends nothing: a value
 * it began, and that gets no further meanwhile, ends. */
#ifndef BUS_HUB_TRANSFER_H
#define BUS_HUB_TRANSFER_H
#include "base/list.h"
#include "base/map.h"
#include "bus/idmap.h"
#include "proto/session.h"

struct hub;
struct port;

/* A port's share in transfers, part of struct port. */
struct port_transfers {
    struct map64 coming; /* struct passing, that it sends, by its id */
    uint32_t n_kept;     /* chunks of those that somebody waits for */
    int64_t free_ns;     /* so long there have been none */
    struct list taking;  /* struct taker, that it gets */
    struct list waiting; /* of those, with a chunk kept back, in the order of their turns */
    uint32_t n_taking;
    struct idmap of_publisher, of_sender; /* how many of those are of each */
};

void hub_transfers_init(struct port_transfers *transfers, const struct hash_key *seed);
void hub_on_transfer(void *user, const struct transfer *said);
void hub_on_chunk(void *user, const struct chunk *chunk);
void hub_transfers_took(struct port *p);  /* a frame left its queue */
void hub_transfers_leave(struct port *p); /* it is about to be freed */
void hub_transfers_tick(struct hub *h, int64_t now_ns);
int64_t hub_transfers_deadline(const struct hub *h); /* of the next tick; INT64_MAX: none */
#endif
