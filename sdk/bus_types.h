/* bus_types.h - the handle and what hangs on it: the structs that bus_private.h's files share. */
#ifndef SDK_BUS_TYPES_H
#define SDK_BUS_TYPES_H
#include <pthread.h>

#include "base/list.h"
#include "base/map.h"
#include "base/mpsc.h"
#include "base/ring.h"
#include "proto/session.h"
#include "sdk/budget.h"
#include "sdk/bus.h"
#include "sdk/link.h"
#include "sdk/message.h"
#include "sdk/poller.h"
#include "sdk/reason.h"
#include "sdk/settings.h"

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)

/* A callback of the program's that is due, off the list already. run() frees it, and calls if is_told. */
struct ready {
    struct list node;
    void (*run)(struct mr_bus *bus, struct ready *ready, bool is_told);
};

/* -- sending -- */

/* May we publish there? Written by the handle's thread, read by any. */
struct verdict {
    enum mr_rc rc;      /* atomic; MR_OK also while it is not known */
    const char *reason; /* atomic; borrowed until mr_close() */
};

struct topic {
    struct list in_all; /* raw ones: longest unused first */
    struct mr_bus *bus;
    struct mr_tag *tag; /* NULL: raw */
    uint32_t cookie;
    uint32_t id;   /* at the agent; 0: not known in this session */
    uint32_t uses; /* by queued records, acks, requests, a tag */
    struct verdict verdict;
    size_t size, len;
    char text[];
};

struct mr_device {
    struct list in_bus;
    struct mr_bus *bus;
    uint32_t id;
    bool is_lost; /* as of the last call */
    size_t size;
    char name[]; /* its part in publisher names */
};

struct mr_tag {
    struct list in_bus;
    struct mr_bus *bus;
    struct mr_device *device;
    struct topic *topic;
    struct session_tag def;
    char *unit, *description;
    struct mr_value last; /* as.ptr into bytes */
    bool has_last, is_closed;
    int64_t last_us; /* source time */
    uint32_t last_status;
    void *bytes;
    size_t bytes_size;
};

/* Who wants to know how a record fared. */
struct ack {
    struct ready ready;
    void (*fn)(void *user, enum mr_rc rc, enum mr_level reached, uint64_t offset);
    void *user;
    enum mr_rc rc;
    bool *is_done; /* mr_publish_wait() instead of fn; then *ret_rc too */
    enum mr_rc *ret_rc;
    struct topic *topic;
    uint64_t number; /* of the record among those handed to sessions */
};

enum outgoing_kind { OUT_RECORD, OUT_BIRTH, OUT_DEATH };

struct outgoing {
    struct list node;
    enum outgoing_kind kind;
    struct topic *topic;           /* record */
    struct mr_device *device;      /* birth, death; record: whose, NULL = the app's own */
    struct ack *ack;               /* NULL: nobody asks */
    uint32_t flags, status;        /* status: death */
    int64_t source_us, expires_ns; /* INT64_MAX: never */
    size_t size;
    uint32_t body_len; /* death: of the reason, with its NUL */
    uint8_t body[];
};

/* A value that goes as a transfer. */
struct large {
    struct list node;
    struct topic *topic;
    struct ack *ack;
    uint32_t flags, status, type;
    double rate_hz;
    int64_t source_us, expires_ns;
    uint32_t id; /* of its transfer in this session; 0: not begun */
    uint32_t len, put;
    size_t size;
    uint8_t bytes[];
};

struct outbox {
    struct list queue;
    size_t bytes, max_bytes;
    int64_t next_expiry_ns;
    uint64_t put, marked, accepted; /* records handed to a session; asked about; in the agent */
    bool is_mark_open, is_mark_wanted, is_gathering;
    bool is_unsure;      /* some were handed over and their fate is not known, and no mr_flush() has said so */
    struct list unacked; /* struct ack, by number */
    struct list large;   /* struct large, in the order they were said: they go on the bulk lane, one at a time */
    int64_t last_put_ns, flush_at_ns; /* INT64_MAX: nothing is gathered */
    int64_t base_us;                  /* of the records that are being gathered */
    struct buf scratch;
};

/* -- receiving -- */

struct peer {           /* a publisher, or an identity */
    struct peer *owner; /* its identity; itself if it is one */
    struct blob *text;  /* "identity/part" */
    bool is_alive, is_known;
    uint64_t birth;
    uint32_t link, death_status;
    size_t size;
};

/* How far one subscription has seen a slot. */
struct seen {
    struct seen *next;
    struct mr_sub *sub;
    uint64_t birth, seq;
    bool is_stale, is_cleared;
};

/* The last value of one identity on one topic, as it came. */
struct slot {
    struct slot *next;
    struct peer *owner, *publisher;
    struct batch_head head;
    uint64_t seq;
    uint32_t flags;
    int64_t source_us;
    struct blob *body;
    struct seen *seen;
};

struct heard_def {
    struct heard_def *next;
    struct peer *publisher;
    struct blob *def;
};

/* A topic the agent has told us of. Lives as long as the handle, its id as long as the session. */
struct heard {
    struct blob *text;
    struct slot *slots;
    struct heard_def *defs;
    struct mr_sub **subs; /* those that match, as of epoch */
    uint32_t n_subs, cap_subs;
    uint64_t epoch, key; /* key: names it in rings */
    size_t size;
};

/* A subscription or service:
 *     ASKED ──entry acknowledged──▶ IN_FORCE ──agent lost──▶ ASKED
 *     any ──refused, cut off, snapshot only and complete──▶ ENDING ──MR_ENDED given──▶ ENDED
 *     any ──mr_unsubscribe()──▶ CLOSED, freed at the end of the turn */
enum sub_state { SUB_ASKED, SUB_IN_FORCE, SUB_ENDING, SUB_ENDED, SUB_CLOSED };

enum { SUB_LOSSES_MAX = 8 };

/* Dropped by this ring and not yet told. */
struct sub_loss {
    struct blob *publisher; /* NULL: anyone's */
    uint64_t count;         /* 0: not known */
    bool is_span;           /* anyone's: among them the word of a broker that opened or closed a span */
};

struct mr_sub {
    struct list in_bus, in_ready;
    struct mr_bus *bus;
    enum sub_state state;
    enum interest_kind kind;
    enum mr_policy policy;
    uint32_t entry;
    uint64_t version;    /* of interest, that contains it; 0: not handed on */
    struct blob *filter; /* as the program wrote it */
    char *full;          /* expanded; NULL: our path is not known */
    size_t full_len;
    char *group;
    bool no_snapshot, snapshot_only, with_backfill;
    bool was_in_force, is_gap_open; /* a loss was told when the agent went, and waits for its second */
    bool owes_end;                  /* a MR_SNAPSHOT_END fell out of the ring */
    mr_msg_fn *fn;
    void *user;
    struct ring *ring;
    struct sub_loss losses[SUB_LOSSES_MAX];
    uint32_t n_losses;
    struct message *current; /* what was taken last, if it was kept */
    struct message notice;   /* or this: what was never in the ring */
    struct blob *told_publisher;
    uint64_t life_mark; /* of the birth or death told last */
    enum mr_cause end_cause;
    struct blob *end_text;
};

/* A long value that is coming in. */
struct incoming {
    struct list in_bus;
    uint32_t id, total, status;
    struct batch_head head;
    struct record record; /* its body is over */
    struct mr_value value;
    struct peer *publisher;
    struct blob *bytes; /* the value, where blob_object() says */
    size_t charged;
};

/* -- requests -- */

struct request {
    struct ready ready;
    struct list in_open, in_unsent; /* in_open: by deadline */
    uint64_t id;
    struct topic *topic;
    int64_t deadline_ns;
    bool is_sent, is_done;
    void (*fn)(void *user, enum mr_rc rc, const struct mr_msg *reply); /* NULL: mr_request_wait() looks */
    void *user;
    enum mr_rc rc;
    struct message *reply;
    struct blob *reason;
    size_t size, body_len;
    uint8_t body[];
};

/* A request that came and is due an answer. */
struct call_in {
    uint64_t number, id;
    uint32_t reply_topic;
    int64_t deadline_ns;
};

/* -- the handle --
 *     AWAY ──connected──▶ GREETING ──WELCOME──▶ UP          FINISHED: no agent will ever have us
 *      ▲                     └──any end──┬───────┘
 *      └────────after a while────────────┘ */
enum agent_state { AGENT_AWAY, AGENT_GREETING, AGENT_UP, AGENT_FINISHED };

struct agent {
    enum agent_state state; /* atomic: [RT] calls ask */
    struct session *session;
    struct link link;
    bool is_over;    /* the session ended inside a call of its own; to be freed */
    bool is_blocked; /* the transport took no more */
    enum mr_rc end_rc;
    int64_t retry_ns;
    uint32_t backoff_ms;
    uint32_t generation; /* of sessions */
    uint32_t inbox;
    uint64_t nonce; /* of the agent's process: another one has forgotten our last values */
    char *identity, *path;
    bool cluster_up, degraded; /* degraded: its broker lacks another one */
    int64_t isolated_since_us;
    struct err why; /* it is not up */
};

enum { RECENT_TOPICS = 64 };

struct mr_bus {
    struct settings settings;
    struct transport transport;
    struct clock clock;
    const struct rand_source *rand;
    struct budget budget;
    struct poller poller;
    struct agent agent;

    struct map topics; /* by text */
    struct map64 topic_by_cookie;
    struct list raw_topics;
    struct topic
        *recent_topics[RECENT_TOPICS]; /* by the address of their text: programs publish the same literals again */
    uint32_t n_raw_topics, next_cookie;
    struct list reasons;         /* of verdicts, until the handle closes */
    pthread_mutex_t denied_lock; /* guards `denied`, for [RT] calls of other threads without rt_poll_us */
    struct map denied;           /* topics by text; raw ones that are refused */
    struct outbox outbox;
    struct list tags, closed_tags, devices;
    uint32_t next_device;

    struct map heard, peers; /* by text */
    struct map64 heard_by_id, peer_by_id;
    struct list incoming; /* long values, not complete */
    struct list subs, ready_subs;
    uint32_t n_subs, next_entry;
    uint64_t sub_epoch, next_key; /* epoch: changes with every subscription and path */
    bool has_closed_subs;
    bool is_forgetful; /* there was no memory for a topic of this session: its records are losses */
    struct buf body_scratch;

    struct list requests, unsent_requests;
    struct map64 request_by_id;
    struct map64 calls;
    uint64_t next_call, next_life;
    int64_t next_call_expiry_ns;

    struct list ready; /* struct ready */
    void (*on_state)(void *user, const struct mr_state *state);
    void *on_state_user;
    bool is_state_due;
    struct mr_stats stats;

    unsigned calls_left; /* callbacks this dispatch may still run; 0 outside of one */
    bool in_dispatch, in_callback;
    bool is_undone;  /* the descriptor must become readable anew */
    uint32_t wake;   /* atomic: mr_wake() */
    struct mpsc *rt; /* NULL: [RT] calls work directly */
    uint8_t *rt_buf;
    size_t rt_size;     /* of queue and buffer, charged */
    int64_t rt_next_ns; /* when to look, with rt_poll_us */
    pthread_t thread;
    bool has_thread;      /* atomic */
    uint32_t is_stopping; /* atomic */
};
#endif
