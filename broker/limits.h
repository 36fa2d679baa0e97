/* limits.h - the connections of one listener: how many there are, who has said nothing yet, who sends what nobody gets to see.
 *
 *   FREE ──accepted──▶ SILENT ──first message──▶ SPEAKING        A connection is SILENT until a message of its proved key came
 *    ▲                   │                          │            out of libzmq: a stranger never leaves that state.
 *    └────closed─────────┴──────▶ SHUT ◀────────────┘            SHUT: we cut it, libzmq has yet to close it.
 *
 * Newcomers must wait from when max_silent are SILENT or max_open are open until there is room for a tenth of max_silent.
 *
 * What libzmq holds of a connection is what the kernel received minus what was delivered. Nobody honest comes near the
 * bounds: the first word of a session is short and waits for its answer, and later credit bounds what is in flight.
 * Only an unfinished message, which libzmq keeps whole and never shows, grows beyond. The other way round it holds what it
 * was given minus what the peer's kernel took: only a peer that grants credit for what it has not read lets that grow.
 *
 * Pure but for the look that its owner gives it; one thread. Descriptors are told apart by inode, so that a lost event or
 * a number that is used again leaves no entry behind for ever: limits_walk() forgets what is not there any more. */
#ifndef BROKER_LIMITS_H
#define BROKER_LIMITS_H
#include "base/io/tcpfd.h"
#include "base/rc.h"

struct limits_conf {
    uint32_t max_silent, max_open; /* each at least 1 */
    int64_t silent_ns;             /* who has said nothing for this long is cut */
    uint64_t silent_bytes;         /* what a SILENT one may have sent, handshake included */
    uint64_t held_bytes;           /* what a SPEAKING one may have sent and nobody got to see, or may leave unread */
};

enum limits_state { LIMITS_FREE, LIMITS_SILENT, LIMITS_SPEAKING, LIMITS_SHUT };

struct limits_entry {
    int64_t accepted_ns;
    uint64_t delivered; /* of this connection, as it was on the wire */
    uint64_t sent;      /* to it, likewise */
    uint64_t acked;     /* of that, as the kernel said last */
    ino_t inode;
    uint32_t peer; /* zmessage.peer once it speaks */
    enum limits_state state;
};

struct limits {
    struct limits_conf conf;
    struct limits_entry *entries; /* by descriptor */
    uint32_t n_entries;           /* allocated */
    uint32_t open, silent;        /* not FREE; SILENT */
    uint32_t cursor;              /* where the next walk begins */
    bool is_full;
};

enum limits_why { LIMITS_SAID_NOTHING = 1, LIMITS_UNDELIVERED, LIMITS_UNREAD };

struct limits_cut {
    int fd;
    enum limits_why why;
    uint32_t peer;  /* zmessage.peer; 0: it never spoke */
    uint64_t bytes; /* undelivered or unread */
};

/* As tcpfd_look(), or a test's. */
typedef bool limits_look(int fd, struct tcpfd_view *ret);
/* To be shut down; from inside limits_walk(). */
typedef void limits_fn(void *user, const struct limits_cut *cut);

void limits_init(struct limits *l, const struct limits_conf *conf); /* allocates nothing */
void limits_fini(struct limits *l);

/* A connection was accepted; a number that is known already means a new one. MR_NO_MEMORY: it is not known and must be cut;
 * MR_INVALID: fd below 0. */
MUST enum mr_rc limits_accepted(struct limits *l, int fd, ino_t inode, int64_t now_ns);

/* Forgets it; a number that is not known: nothing happens. */
void limits_closed(struct limits *l, int fd);

/* A message of wire_bytes of this peer was taken out of libzmq. On every message: no system call, no allocation. Of a number
 * that is not known: nothing happens, the acceptance will come. One left over from a connection that had the number before
 * makes the new one speak the sooner and no more: the next peer's bytes are counted from its own first message. True: it is
 * the first word of a connection that was SILENT. */
static inline bool limits_delivered(struct limits *l, int fd, uint32_t peer, uint64_t wire_bytes)
{
    if (fd < 0 || (uint32_t)fd >= l->n_entries)
        return false;
    struct limits_entry *e = &l->entries[fd];
    if (e->state == LIMITS_FREE)
        return false;
    bool is_first = e->state == LIMITS_SILENT;
    if (is_first) {
        e->state = LIMITS_SPEAKING;
        l->silent--;
    }
    if (e->peer != peer) {
        e->peer = peer;
        e->delivered = e->sent = e->acked = 0;
    }
    e->delivered += wire_bytes;
    return is_first;
}

/* A message of wire_bytes for this peer was given to libzmq; one that has the number no more: nothing happens. True: so much
 * was sent since the last look that limits_inspect() should have one now, for what we send piles up as fast as we can. */
static inline bool limits_sent(struct limits *l, int fd, uint32_t peer, uint64_t wire_bytes)
{
    if (fd < 0 || (uint32_t)fd >= l->n_entries || l->entries[fd].peer != peer)
        return false;
    struct limits_entry *e = &l->entries[fd];
    e->sent += wire_bytes;
    return e->state == LIMITS_SPEAKING && e->sent > e->acked + l->conf.held_bytes;
}

/* Must newcomers wait? To be asked after every change. */
bool limits_is_full(struct limits *l);

/* Looks at one connection as limits_walk() does. True: it stays. */
bool limits_inspect(struct limits *l, int fd, int64_t now_ns, limits_look *look, limits_fn *fn, void *user);

/* Looks at the next n connections, at none twice; what breaks a bound is SHUT and told. Returns how many were looked at. */
uint32_t limits_walk(struct limits *l, uint32_t n, int64_t now_ns, limits_look *look, limits_fn *fn, void *user);
#endif
