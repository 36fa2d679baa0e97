/* hub_transfer_private.h - what hub_transfer.c and hub_transfer_begin.c share, and nobody else includes. */
#ifndef BUS_HUB_TRANSFER_PRIVATE_H
#define BUS_HUB_TRANSFER_PRIVATE_H
#include "bus/hub_private.h"
#include "proto/session_transfer.h"

struct kept_chunk;

/* A value on its way. */
struct passing {
    struct port *from; /* NULL: it is gone, and all of it is here */
    uint32_t id;       /* the sender's */
    uint32_t total, received, publisher;
    uint32_t
        sender; /* publisher id of the app, if it is one of ours, else of the machine: who has a share of each port */
    int64_t fed_ns; /* when it began, or the last chunk of it came */
    struct list takers, kept;
};

/* One port's part in it. */
struct taker {
    struct list in_passing, in_port;
    struct list in_waiting; /* of its port */
    struct passing *passing;
    struct port *port;
    uint32_t id, taken;      /* ours on its session; bytes */
    struct kept_chunk *next; /* NULL: up to date */
    int64_t patience_ns;     /* what was left of ours at since_ns; while it waits it passes */
    int64_t since_ns;
};

/* hub_transfer.c */
void transfer_free(struct passing *t);
void transfer_free_taker(struct taker *k);
int64_t transfer_patience_ns(const struct port *p);  /* with it as a sender or taker, at the most */
void transfer_expect(struct port *p, int64_t at_ns); /* it is looked at then, or earlier */

/* hub_transfer_begin.c */
void transfer_begin(struct port *p, struct transfer *said);
void transfer_uncount(struct port *p, const struct passing *t); /* a taker of it less at that port */
#endif
