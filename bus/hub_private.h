/* hub_private.h - what the files of the hub share, and nobody else includes.
 *
 *   hub.c           birth and end of hubs, the turn, the clock's ticks, views
 *   hub_session.c   birth and end of ports and their sessions
 *   hub_hello.c     Hello and Welcome
 *   hub_port.c      telling a peer names and lives before they are used, and putting records on its lanes
 *   hub_names.c     what a peer adds to the tables of names and tags, and its share of them
 *   hub_record.c    the way of a record: ids, rights, number, last value, route
 *   hub_merge.c     last values: kept, cleared by others, offered again, heard from peers
 *   hub_interest.c  entries of interest
 *   hub_upstream.c  merged entries towards the brokers whose client we are: an agent's one, a broker's peers
 *   hub_walk.c      snapshots and other walks over the last values
 *   hub_life.c      births, deaths, staleness, and what the end of a session means for them
 *   hub_loss.c      what may be lost, told in its place
 *   hub_mesh.c      a broker's peers: up and gone, who is at home where, lists of lives
 *   hub_stale.c     values whose tags promised to be written more often
 *   hub_open.c      an app asks for a topic's id; tag definitions
 *   hub_call.c      requests and answers
 *   hub_unshown.c   last values that overtook what is under way, and wait for their turn
 *   hub_tail.c      agents that left to go elsewhere and have not been heard of since
 *   hub_pressure.c  a queue that fills up asks those who feed it to wait a moment
 *   hub_transfer.c  values too long for a record, on their way; hub_transfer_begin.c: who takes them
 *   hub_own.c       what the process itself publishes and serves
 *   hub_table.c     the last values as something to be saved and restored */
#ifndef BUS_HUB_PRIVATE_H
#define BUS_HUB_PRIVATE_H
#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "bus/alarms.h"
#include "bus/calls.h"
#include "bus/hub.h"
#include "bus/hub_transfer.h"
#include "bus/idmap.h"
#include "bus/lastval.h"
#include "bus/route.h"
#include "bus/table.h"
#include "proto/credit_pool.h"
#include "proto/limits.h"
#include "proto/session.h"

/* The highest number seen of a publishing identity. */
struct seen {
    uint64_t birth, seq;
    uint32_t link;
};

/* Where a publisher lives, as a broker knows it. */
enum { HOME_UNKNOWN, HOME_HERE, HOME_PEER /* + index of the peer */ };

/* Kept by publisher id: of an identity what was seen of it, of whoever fills tables how much of them. */
struct owner {
    struct seen seen,
        transfers;            /* transfers: the last one begun; and of the numbers that came without a gap up to it, */
    uint64_t transfers_first; /* the first */
    struct seen over;         /* its last session whose end was told: birth and link */
    struct tail *tail;        /* it left to go elsewhere and has not been heard of since; NULL */
    uint32_t topics, publishers, tags; /* added by it; they outlive its sessions, so their count does */
    uint32_t n_hellos;                 /* of it since ... */
    int64_t hellos_from_ns;
    uint32_t listed;     /* the round of its peer's list that had it */
    uint32_t first_port; /* of an identity: its newest port with us; 0: none */
    uint8_t home;        /* who told its latest birth */
};

/* A broker whose client we are. An agent has one place for whichever it is with, a broker one for each peer.
 *     UNTRIED -> REACHED <-> GONE; UNTRIED -> GONE: after SUBSCRIBED_WAIT_MS, nobody waits for it any longer */
enum up_state { UP_UNTRIED, UP_REACHED, UP_GONE };
/* Whom of those at home there a walk holds for dead: whoever its last list did not have, or all. */
enum missed { MISSED_NOBODY, MISSED_UNLISTED, MISSED_ALL };
struct up {
    struct hub *hub;
    char *name; /* of the peer; "" in agents */
    uint32_t index;
    struct port *port;   /* NULL: no connection */
    enum up_state state; /* REACHED: Welcome came */
    struct list unacked; /* entries handed on and not yet acknowledged, in the order of versions */
    bool is_span_open;   /* a loss was opened by its end and waits for its close */
    bool is_listed;      /* it has told all that live there */
    uint32_t round;      /* of its list of lives */
    int64_t lost_at_ns;  /* those at home there are held for dead then; INT64_MAX: they are not missed */
    enum missed missed;  /* of a walk under way */
    uint32_t missed_cursor;
};

/* What a peer's id stands for when there was no room for its name: records that use it are refused, the session lives on. */
#define NAME_REFUSED UINT32_MAX

/* A birth epoch above this leaves no room to be born again above it; counted in seconds it is the year 2097. */
#define BIRTH_MAX UINT64_C(0xF0000000FFFFFFFF)

/* What a port may do with a topic, kept beside its id: asked of rights once. */
enum may {
    MAY_KNOWN = 1,
    MAY_PUBLISH = 2,
    MAY_REQUEST = 4,
    MAY_USE_ID = 8,
    MAY_REFUSAL_TOLD = 16,
    MAY_RECEIVE_KNOWN = 32,
    MAY_RECEIVE = 64
};

/* Where an entry of interest stands:
 *     WAITING -> (broker has it in force, its snapshot is here, or there is no broker) -> WALKING -> SETTLED
 *     SETTLED -> (a queue dropped a kept record) -> WALKING again, without a SNAPSHOT_END */
enum entry_state { ENTRY_WAITING, ENTRY_WALKING, ENTRY_SETTLED };

/* Interest in one filter towards the brokers whose client we are, on behalf of all equal entries of our own ports. */
struct upstream;
struct upstream_at {
    struct upstream *upstream;
    struct list in_unacked;
    uint64_t version;           /* of that broker's interest that contains it; 0: not handed on */
    bool is_acked, is_complete; /* by that broker: in force; its snapshot has ended */
};
struct upstream {
    char *key; /* kind and filter */
    size_t key_len;
    uint32_t id;
    enum interest_kind kind;
    struct list entries;     /* that share it */
    uint32_t n_waiting;      /* brokers whose acknowledgement it waits for */
    bool is_refused;         /* a broker forgot it: entries leave it without a word */
    struct upstream_at at[]; /* by struct up */
};

/* One entry of a port's interest. */
struct entry {
    struct list in_port, in_walk, in_upstream;
    struct list
        in_again; /* of the hub, by again_ns: a removal was left out of its snapshot, because the value was still to come */
    int64_t again_ns;
    bool has_skipped; /* likewise, in the walk under way */
    struct port *port;
    uint32_t id;
    enum interest_kind kind;
    enum entry_state state;
    bool wants_snapshot, is_resync;
    bool is_of_dead;           /* its walk shows only what was written by who does not live */
    struct upstream *upstream; /* NULL: it concerns this hub alone */
    uint64_t cursor;           /* of lastval_walk */
    uint32_t life_cursor;      /* INTEREST_KEPT: of the list of lives, which goes before */
    bool are_lives_told;
    size_t filter_len;
    char filter[];
};

enum pressure { PRESSURE_CALM, PRESSURE_PRESSING, PRESSURE_SLOW }; /* see hub_pressure.c */

struct port {
    struct hub *hub;
    uint32_t number;
    enum port_kind kind;
    struct session *session;
    char *identity, *path, *address, *part;
    uint32_t owner, publisher; /* ids of (identity, "") and (identity, part) */
    uint32_t next_of_owner;    /* the port of its identity that was opened before; 0: none */
    uint64_t birth;            /* PORT_AGENT: of its Hello */
    uint32_t link;
    uint64_t said_seq; /* PORT_UPLINK: the last live number its Hello knew of */
    uint32_t inbox;    /* PORT_APP: topic id */
    int64_t since_us;
    bool is_over, is_welcome, ended_clean, is_replaced;
    bool
        is_away; /* an agent that left or was sent away in peace and goes on: what it wrote last, its next Hello tells */
    bool has_moved_here;    /* PORT_AGENT: it was at home elsewhere before: what it offers is news to some peers */
    bool is_full_told;      /* that a name or tag of it was refused */
    struct up *up;          /* PORT_UPLINK, PORT_MESH_OUT: its place; else NULL */
    struct list in_reading; /* PORT_MESH_IN: among those that asked for everything kept */
    struct list in_dirty;
    struct idmap topic_of, publisher_of; /* peer's id -> ours */
    struct idmap may;                    /* our topic id -> enum may */
    struct idmap told_topics;            /* our topic id -> publisher << 32 | tags epoch last told with it */
    struct idmap told_publishers;        /* our publisher id -> 1 */
    struct map64 told_tags;              /* publisher << 32 | topic -> struct tag's version as pointer-sized number */
    struct list entries;
    struct map64 entry_by_id;
    uint32_t n_entries, n_unacked;           /* those that the broker has not in force */
    uint64_t version_pending, version_acked; /* of its interest: to acknowledge (0 = none); acknowledged last */
    int64_t ack_by_ns;                       /* PORT_AGENT: then it is acknowledged all the same */
    struct list in_acking;                   /* among those that wait, in the order of that */
    bool is_partial;                         /* it was acknowledged without all brokers */
    bool is_rechecked;                       /* rights forbid some of what its filters match: asked at each delivery */
    struct list walks, in_walking;           /* its entries that walk; among the ports that do and have room */
    enum pressure pressure;                  /* of its queue on those who feed it */
    int64_t pressing_until_ns;
    size_t fed_bytes;                 /* since its queue was looked at */
    bool is_held_from_outside;        /* hub_hold() */
    struct list in_pressing, in_held; /* among the ports that press, by time; among those that are held */
    struct port_transfers transfers;
    int64_t clock_offset_us, clock_error_us;
    uint8_t clock;
    uint64_t clear_version; /* PORT_APP: of the table, with the last CLEAR it sent; 0 = none */
    uint32_t n_held;        /* answers that wait until that is on disk */
};

/* See hub_table.c. Versions count the changes of the table. */
struct saving {
    bool is_awaited;   /* acknowledgements wait for the disk */
    uint64_t version;  /* now */
    uint64_t wanted;   /* the highest that an answer waits for */
    uint64_t answered; /* nothing waits for what is up to this one */
    uint64_t cursor;   /* of lastval_walk, of the save under way */
    struct table_writer writer;
    int64_t began_ns;
    bool is_begun; /* its head is written */
};

struct own_service {
    struct own_service *next;
    uint32_t topic;
    hub_serve_fn *fn;
    void *user;
};

struct hub {
    enum hub_kind kind;
    char *name, *identity, *path;
    uint32_t self; /* publisher id of (identity, "") */
    uint64_t birth, nonce;
    uint32_t link;
    uint64_t seq; /* live number of the last record this agent accepted */
    uint8_t clock_state;
    uint32_t max_filters_per_port;
    size_t max_queued_bytes;
    uint32_t ping_ms, dead_ms;
    struct clock clock;
    const struct rand_source *rand;
    const struct rights *rights;
    const struct hub_events *events;
    void *user;

    struct port **ports; /* by number, [0] unused */
    uint32_t max_ports, n_ports, last_port;
    struct up *ups; /* brokers whose client we are */
    uint32_t n_ups;
    int64_t isolated_since_us; /* agent */
    bool is_broker_degraded;   /* agent: its broker lacks a peer */
    int64_t untried_until_ns;  /* broker: so long a peer that never was there is waited for */

    struct names *names;
    struct route *route;
    struct lastval *lastval;
    struct presence *presence;
    struct calls *calls;
    uint64_t next_call; /* number of the last request handed on; begins anywhere */
    struct own_service *services;
    struct owner *owners; /* by publisher id */
    uint32_t owners_cap;
    struct idmap slots_told; /* topics of which it was said that a value is not kept */
    struct map upstreams;    /* by kind and filter */
    struct map64 upstream_by_id;
    uint32_t next_upstream;
    struct list reading;      /* peers that read everything kept */
    struct list acking;       /* ports whose interest waits for peers */
    uint32_t tags_epoch;      /* changes with every tag definition */
    struct promise *promises; /* agent: tags with a stale_ms */
    uint32_t n_promises, promises_cap, promise_cursor;
    struct map64 unshown_of; /* topic << 32 | owner: struct unshown */
    struct map64 promise_of; /* publisher << 32 | topic: it is among them */
    int64_t next_promises_ns;

    struct list dirty, walking, pressing, held, tails, unshown;
    bool is_offering; /* agent: its own last values are on their way up */
    uint64_t offer_cursor;
    bool is_purging; /* agent: last values that nobody follows are on their way out */
    uint64_t purge_cursor;
    struct buf scratch;        /* bodies of own values and answers */
    int64_t now_ns, now_us;    /* as read when the call from outside began */
    struct alarms alarms;      /* of the ports' sessions */
    struct alarms transfers;   /* of what ports take and send */
    struct credit_pool credit; /* of their windows */
    int64_t next_sweep_ns;
    struct saving saving;
    bool is_awake; /* there is more to do at once */
    uint64_t records_in, records_out, dropped, refused;
};

static inline int64_t hub_now_ns(const struct hub *h)
{
    return h->now_ns;
}
static inline int64_t hub_now_us(const struct hub *h)
{
    return h->now_us;
}
/* Is that broker there to be spoken to? */
static inline bool hub_is_up(const struct up *up)
{
    return up->port && up->port->is_welcome && !up->port->is_over;
}
/* An agent's port to its broker; NULL: it has none. */
static inline struct port *hub_uplink(const struct hub *h)
{
    return h->kind == HUB_AGENT && hub_is_up(&h->ups[0]) ? h->ups[0].port : NULL;
}
static inline bool hub_has_uplink(const struct hub *h)
{
    return hub_uplink(h) != NULL;
}
/* Brokers trust each other, and agents their broker. */
static inline bool hub_is_trusted(const struct port *p)
{
    return p->kind == PORT_UPLINK || p->kind == PORT_MESH_OUT || p->kind == PORT_MESH_IN;
}
/* A number that a transfer has is not missing: live records up to it have been seen when those before it have. */
static inline void hub_follow_transfers(struct owner *o)
{
    struct seen *seen = &o->seen;
    if (o->transfers.seq > seen->seq && o->transfers_first <= seen->seq + 1 && o->transfers.birth == seen->birth &&
        o->transfers.link == seen->link)
        seen->seq = o->transfers.seq;
}
static inline struct rights_subject hub_subject(const struct port *p)
{
    return (struct rights_subject){.identity = p->identity, .path = p->path, .app = *p->part ? p->part : NULL};
}

/* hub.c */
MUST enum mr_rc hub_copy_text(char **ret, const char *text); /* MR_NO_MEMORY; the caller owns it */
void hub_read_clock(struct hub *h); /* once per call from outside: what happens within has one time */
void hub_wake(struct hub *h);       /* there is more to do at once: ticks and turns go on without input */
void hub_mark(struct port *p);      /* has something to flush */
void hub_notice(struct hub *h, enum hub_notice notice, const char *format, ...) FORMAT_CHECKED(3, 4);
/* hub_session.c */
extern const struct session_events hub_session_events;
struct port *hub_port_at(const struct hub *h, uint32_t number);   /* NULL: no such port */
struct port *hub_agent_port(const struct hub *h, uint32_t owner); /* of an identity that is with us; NULL: it is not */
/* The ports of an identity, the newest first: the one after `last`, or the first; NULL: that was all. */
struct port *hub_port_of(const struct hub *h, uint32_t owner, const struct port *last);
void hub_free_port(struct port *p); /* NULL is fine */
void hub_set_session_clock(struct port *p);
/* Ends the session from here: the peer broke the protocol, or we ran out of memory for it. */
void hub_end_port(struct port *p, enum mr_rc rc, const char *reason);
/* For results that can only say "no memory" or "the session is over": then ends the port, so that nothing is lost silently. */
void hub_must(struct port *p, enum mr_rc rc);

/* The peer broke the protocol in these words: its session ends. */
void hub_break(struct port *p, const char *format, ...) FORMAT_CHECKED(2, 3);

/* hub_names.c */
struct owner *hub_owner(struct hub *h, uint32_t publisher); /* NULL: no memory; borrowed until the next call */
void hub_on_topic(void *user, const struct session_topic *topic);
void hub_on_publisher(void *user, const struct session_publisher *publisher);
/* For ports that pay with their share. MR_TOO_BIG: it is used up, or the table is full. */
MUST enum mr_rc hub_take_topic(struct port *p, const char *text, uint32_t *ret_topic, struct err *err);
MUST enum mr_rc hub_take_publisher(struct port *p, const char *identity, const char *part, uint32_t *ret_publisher,
                                   struct err *err);
MUST enum mr_rc hub_take_tag(struct port *p, uint32_t publisher, const struct session_tag *def, struct err *err);
void hub_take_born_tag(struct port *p, uint32_t publisher,
                       const struct session_tag *born); /* its topic by the peer's id */
MUST enum mr_rc hub_set_tag(struct hub *h, uint32_t publisher, const struct session_tag *def);

/* hub_port.c */
void hub_put(struct port *p, enum lane lane, const struct batch_head *head, const struct record *record);
MUST enum mr_rc hub_try_put(struct port *p, enum lane lane, const struct batch_head *head, const struct record *record);
void hub_tell_publisher(struct port *p, uint32_t publisher);
void hub_tell_life(struct port *p, uint32_t publisher); /* again, its life having changed */
void hub_tell_topic(struct port *p, uint32_t topic);

/* hub_record.c */
void hub_on_batch(void *user, enum lane lane, struct batch_reader *batch);
void hub_deliver(struct hub *h, struct port *from, const struct batch_head *head, const struct record *record);
/* What was written here in a birth that was refused is numbered again in the new one: else others would take it for older than
 * what they have. */
void hub_own_values_born(struct hub *h, uint64_t refused);
void hub_accept_own(struct hub *h, struct port *from, struct batch_head *head, struct record *record);
/* Our id of what the peer means: 0 = not announced, NAME_REFUSED = announced, but there was no room for it. */
uint32_t hub_publisher_meant(const struct port *p, uint32_t id);
uint32_t hub_topic_meant(struct port *p, uint32_t id);
/* Makes the peer's batch head ours. False: the session was ended, or the publisher is refused. */
bool hub_take_head(struct port *p, struct batch_head *head);
void hub_refuse_record(struct port *p, uint32_t topic, uint64_t may); /* tells the sender why, the first time */
void hub_flag_future(const struct hub *h, struct record *record);
bool hub_is_above(const struct seen *seen, const struct batch_head *head, uint64_t seq);
uint64_t hub_may(struct port *p, uint32_t topic); /* enum may bits, asked of rights the first time */
bool hub_may_receive(struct port *p, uint32_t topic);

/* hub_merge.c */
static inline bool hub_is_kept(const struct record *record)
{
    return record->flags & (MR_KEEP | MR_CLEAR) && !(record->flags & MR_BACKFILL);
}
enum lastval_result hub_keep(struct hub *h, struct port *from, const struct batch_head *head, uint32_t owner,
                             const struct record *record);
enum lastval_result hub_keep_offered(struct port *p, const struct batch_head *head, const struct record *record);
/* Of a last value that a peer sent again; false: nothing of it is to be delivered now. */
bool hub_merge_again(struct port *p, const struct batch_head *head, uint32_t owner, const struct record *record);
void hub_clear_others(struct hub *h, uint32_t owner, uint32_t topic);
void hub_tell_owner(struct hub *h, uint32_t owner, uint32_t topic);
/* A live record was delivered that the table held already: what was unshown of it is no more. */
void hub_note_shown(struct hub *h, const struct batch_head *head, uint32_t owner, const struct record *record);
/* What the table holds of it, to all who subscribe to it, and to its writer if it was removed. */
void hub_show_merged(struct hub *h, uint32_t owner, uint32_t topic);
/* A live record that came behind a newer value of its topic, or the same, which took another way and has been shown: nobody is shown
 * it any more, and one that is older is told as lost. False: it is nothing of the kind. */
bool hub_is_overtaken(struct hub *h, const struct port *from, const struct batch_head *head, uint32_t owner,
                      const struct record *record);

/* hub_interest.c */
void hub_on_interest(void *user, const struct session_interest *interest);
void hub_on_interest_version(void *user, uint64_t version);
void hub_drop_entries(struct port *p);
void hub_settle_if_ready(struct entry *e);
/* Acknowledges the port's interest once the broker has all of it in force, or there is no broker to wait for; and again when a
 * broker came after that. */
void hub_ack_if_ready(struct port *p);
void hub_acks_tick(struct hub *h); /* who has waited for peers long enough is acknowledged without them */
int64_t hub_acks_deadline(const struct hub *h);
void hub_refuse_entry(struct port *p, uint32_t id, enum mr_rc rc, const char *reason); /* forgets it, if it is there */
/* `./x` in full. MR_ISOLATED: the path is not known yet; MR_TOO_BIG. */
MUST enum mr_rc hub_expand(const struct port *p, const char *text, char ret[TOPIC_MAX_BYTES + 1], size_t *ret_len,
                           struct err *err);

/* hub_upstream.c */
MUST enum mr_rc hub_upstream_join(struct entry *e); /* MR_TOO_BIG: more filters than a broker takes; MR_NO_MEMORY */
void hub_upstream_leave(struct entry *e);
void hub_on_interest_acked(void *user, uint64_t version, bool partial);
void hub_on_interest_refused(void *user, const struct session_refusal *refusal);
void hub_on_snapshot_end(void *user, uint32_t interest);
void hub_upstreams_begin(struct up *up);     /* it is up: hand all on */
void hub_upstreams_end(struct up *up);       /* it is gone, or was never there: nobody waits for it */
void hub_close_span_if_whole(struct up *up); /* all interest is in force there, all it had to tell first is told */
void hub_upstreams_free(struct hub *h);

/* hub_walk.c */
bool hub_has_room(const struct port *p); /* for a walk to go on */
void hub_walk_turn(struct hub *h);
void hub_begin_walk(struct entry *e, bool is_resync);
void hub_walk_on(struct port *p); /* it may have room again */
/* Once more to all peers: what those wrote who died with a broker may have reached us alone. */
void hub_offer_the_dead(struct hub *h);
void hub_resync(struct port *p);    /* kept records were dropped: walk again when there is room */
void hub_purge_soon(struct hub *h); /* an entry left: last values may have lost their last follower */
void hub_put_slot(struct port *p, const struct slot *slot, uint32_t interest);
void hub_show_slot(struct hub *h, const struct slot *slot); /* once more to all who subscribe to it */

/* hub_pressure.c */
void hub_feel(struct port *p, struct port *from); /* is p's queue filling up? from may be NULL */
void hub_pressure_took(struct port *p);           /* a frame left p's queue */
void hub_pressure_leave(struct port *p);          /* it is about to be freed */
void hub_pressure_tick(struct hub *h, int64_t now_ns);
int64_t hub_pressure_deadline(const struct hub *h); /* of the next tick; INT64_MAX: none */
void hub_share_windows(struct hub *h);              /* an app came or went */

/* hub_hello.c */
void hub_on_hello(void *user, const struct session_hello *hello);
void hub_on_welcome(void *user, const struct session_welcome *said);

/* A live record of `from` was queued for p: the queue is looked at when enough of them were. */
static inline void hub_fed(struct port *p, struct port *from, const struct record *record)
{
    p->fed_bytes += sizeof *record + record->body_len;
    if (p->pressure != PRESSURE_CALM || p->fed_bytes > p->hub->max_queued_bytes / 128)
        hub_feel(p, from);
}

/* hub_life.c */
struct session_state hub_state_of(const struct hub *h);
/* Of one of our ports' publishers; from NULL: of this process itself or its apps. */
MUST enum mr_rc hub_be_born(struct hub *h, struct port *from, const struct session_birth *birth);
void hub_on_birth(void *user, const struct session_birth *birth);
void hub_on_death(void *user, const struct session_death *death);
void hub_suppose_dead(struct hub *h, uint32_t publisher, const char *reason);      /* nothing is heard of it any more */
void hub_life_changed(struct hub *h, uint32_t publisher, const struct port *from); /* tell peers, show staleness */
void hub_parts_born(struct hub *h); /* the apps and devices that live here do so in our newest birth */
void hub_port_died(struct port *p); /* its publishers die, what it may have lost is told */
void hub_state_changed(struct hub *h);
bool hub_is_fresh(const struct hub *h, const struct slot *slot);

/* hub_loss.c */
void hub_tell_loss(struct hub *h, const struct port *from, const struct session_loss *loss); /* to all here but from */
void hub_tell_peers_loss(struct hub *h, const struct session_loss *loss);                    /* what our agents lost */
void hub_tell_gap(struct port *p,
                  const struct session_hello *hello); /* numbered since the last record seen, never came */
/* Of an agent's session that broke; not to `from`. */
void hub_tell_tail(struct hub *h, const struct port *from, uint32_t publisher, uint32_t link, uint64_t birth);
void hub_tell_whole(
    const struct port *p); /* of an agent: its session ended and nothing was lost; peers' numbers may lag */
void hub_on_loss(void *user, enum lane lane, const struct session_loss *loss);
/* An earlier birth's records may still be on their way from elsewhere: from here on they are dropped. */
void hub_seal_birth(struct hub *h, const struct port *from, const struct session_birth *birth);
void hub_open_span(struct up *up, bool is_again);
void hub_close_span(struct up *up);

/* hub_tail.c */
void hub_await_tail(const struct port *p); /* of an agent that is_away */
/* Its Hello was heard, here or by a peer, in that birth. */
void hub_tail_came(struct hub *h, const struct port *from, uint32_t publisher, uint64_t birth);
void hub_tails_tick(struct hub *h);
int64_t hub_tails_deadline(const struct hub *h); /* INT64_MAX: none */
void hub_tails_free(struct hub *h);

/* hub_unshown.c */
bool hub_is_unshown(const struct hub *h, uint32_t topic, uint32_t owner);
MUST bool hub_show_later(struct hub *h, uint32_t topic, uint32_t owner); /* false: no memory, show it now */
void hub_set_shown(struct hub *h, uint32_t topic, uint32_t owner);
void hub_unshown_tick(struct hub *h);
int64_t hub_unshown_deadline(const struct hub *h); /* INT64_MAX: none */
void hub_unshown_free(struct hub *h);

/* hub_mesh.c */
enum { KEPT_INTEREST = 1 }; /* a broker's entry of kind INTEREST_KEPT at each of its peers */
MUST enum mr_rc hub_mesh_new(struct hub *h, const struct hub_conf *conf);
void hub_mesh_free(struct hub *h);
struct up *hub_find_peer(const struct hub *h, const char *name); /* NULL: none of that name */
void hub_peer_up(struct port *p);                                /* our session at a peer has begun */
void hub_peer_died(struct port *p);                              /* it ended */
/* To a peer: who is at home here, from *cursor on, while there is room and budget; true: that was all. */
bool hub_list_lives(struct port *p, uint32_t *cursor, int *budget);
void hub_list_complete(struct up *up); /* who is at home there and was not in its list is dead */
void hub_set_home(struct hub *h, uint32_t publisher, const struct port *from); /* it has its place: see hub_owner */
uint8_t hub_home(const struct hub *h, uint32_t publisher);
/* Does what it writes in that birth come from where it is at home: here, or at a peer we reach, other than this one? */
bool hub_is_heard_from_home(const struct port *from, uint32_t owner, uint64_t birth);
/* It lives nowhere, and was not at home where this peer's word of it comes from: nobody else may ever say the same. */
bool hub_is_orphan(const struct port *from, uint32_t owner);
/* A word of a peer that knows a later birth than ours of somebody at home here: that one must be born again above it. */
void hub_be_corrected(struct port *p, uint32_t publisher, uint64_t birth);
void hub_mesh_tick(struct hub *h);
int64_t hub_mesh_deadline(const struct hub *h);

/* hub_stale.c */
MUST enum mr_rc hub_watch_promise(struct hub *h, uint32_t publisher, uint32_t topic);
bool hub_is_overdue(const struct hub *h, const struct slot *slot); /* nothing new for longer than its tag promised */
/* How long ago a record that a broker sent again was accepted, by that broker's clock; 0 where that cannot be said. */
int64_t hub_age_ns(const struct port *p, const struct batch_head *head);
void hub_stale_tick(struct hub *h);
int64_t hub_stale_deadline(const struct hub *h);

/* hub_open.c */
void hub_on_open(void *user, const struct session_open *open);

/* hub_call.c */
void hub_on_request(struct port *from, struct batch_head *head, struct record *record);
void hub_on_answer(struct port *from, struct batch_head *head, struct record *record);
void hub_port_calls_end(struct port *p);

/* hub_table.c */
/* A slot was written; from: by this port, NULL: by ourselves. */
void hub_table_changed(struct hub *h, struct port *from, uint32_t publisher, uint32_t owner, uint32_t flags);
/* Must the answer wait that tells an app how far we have come? Then it is given later. */
bool hub_table_holds(struct port *p);
/* The highest birth a value of this identity was written in; 0: there is none. */
uint64_t hub_kept_birth(const struct hub *h, uint32_t owner);
#endif
