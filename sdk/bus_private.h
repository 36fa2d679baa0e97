/* bus_private.h - the handle, and what the files of the library share; nobody else includes it.
 *
 *   bus.c        opening, closing, the turn that moves bytes, dispatch, waiting
 *   agent.c      the session with the agent: connect, welcome, end, and again
 *   topics.c     topics we send to: their ids and verdicts, asked for at every session
 *   outbox.c     what waits to be sent, in order; gathering; how far the agent has come
 *   publish.c    mr_publish… and mr_flush;   tag.c  tags;   device.c  devices;   realtime.c  [RT] calls of other threads
 *   heard.c      topics and publishers we hear of, their tags and last values
 *   receive.c    what comes from the agent -> subscriptions
 *   sub.c        subscriptions: entries of interest, rings, delivery;   subscribe.c  the calls on them;   get.c  mr_get
 *   request.c    what we ask;   serve.c  what we are asked */
#ifndef SDK_BUS_PRIVATE_H
#define SDK_BUS_PRIVATE_H
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

struct outbox {
    struct list queue;
    size_t bytes, max_bytes;
    int64_t next_expiry_ns;
    uint64_t put, marked, accepted; /* records handed to a session; asked about; in the agent */
    bool is_mark_open, is_mark_wanted, is_gathering;
    bool is_unsure;      /* some were handed over and their fate is not known, and no mr_flush() has said so */
    struct list unacked; /* struct ack, by number */
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
    bool is_stale;
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
    bool cluster_up;
    int64_t isolated_since_us;
    struct err why; /* it is not up */
};

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
    uint32_t n_raw_topics, next_cookie;
    struct list reasons;         /* of verdicts, until the handle closes */
    pthread_mutex_t denied_lock; /* guards `denied`, for [RT] calls of other threads without rt_poll_us */
    struct map denied;           /* topics by text; raw ones that are refused */
    struct outbox outbox;
    struct list tags, closed_tags, devices;
    uint32_t next_device;

    struct map heard, peers; /* by text */
    struct map64 heard_by_id, peer_by_id;
    struct list subs, ready_subs;
    uint32_t n_subs, next_entry;
    uint64_t sub_epoch, next_key; /* epoch: changes with every subscription and path */
    bool has_closed_subs;
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

/* bus.c */
static inline int64_t bus_now_ns(const struct mr_bus *b)
{
    return clock_mono_ns(&b->clock);
}
/* A call on the handle begins. MR_MISUSE: it is the SDK thread's. MR_CLOSED: the handle is finished. */
MUST enum mr_rc bus_enter(const struct mr_bus *b);
/* The same for a call that waits: not in a callback, not after mr_thread(). MR_INVALID: wait_ms below -1. */
MUST enum mr_rc bus_enter_waiting(const struct mr_bus *b, int wait_ms);
int64_t bus_until(const struct mr_bus *b, int wait_ms); /* INT64_MAX: no limit */
/* Moves bytes, runs no callback, waits for more to do until then. False: the time was over before. */
bool bus_wait(struct mr_bus *b, int64_t until_ns);
void bus_turn(struct mr_bus *b);
void bus_thread_turn(struct mr_bus *b); /* dispatches, then waits for more to do */
void bus_begin_callback(struct mr_bus *b);
void bus_end_callback(struct mr_bus *b);
void bus_arm(struct mr_bus *b);
void bus_free(struct mr_bus *b);

/* thread.c */
void thread_stop(struct mr_bus *b);

/* agent.c */
void agent_init(struct mr_bus *b);
void agent_fini(struct mr_bus *b);
void agent_step(struct mr_bus *b, int64_t now_ns);                 /* connects, receives, ticks */
void agent_send(struct mr_bus *b, int64_t now_ns);                 /* lets out what the session has */
void agent_lose(struct mr_bus *b, enum mr_rc rc, const char *why); /* the session cannot go on */
void agent_bye(struct mr_bus *b);
int64_t agent_deadline(const struct mr_bus *b);
static inline bool agent_is_up(const struct mr_bus *b)
{
    return __atomic_load_n(&b->agent.state, __ATOMIC_RELAXED) == AGENT_UP;
}
/* For results of session calls that can only say "no memory" or "it is over": the session then ends. */
void agent_must(struct mr_bus *b, enum mr_rc rc);
/* MR_WOULD_BLOCK or MR_ISOLATED, with the reason set: there is no room. */
enum mr_rc agent_no_room(const struct mr_bus *b);

/* topics.c */
void topics_init(struct mr_bus *b, const struct hash_key *seed);
void topics_fini(struct mr_bus *b);
/* Checks the text ("./x" is one). MR_INVALID, MR_TOO_BIG with the reason set. */
MUST enum mr_rc topic_check_text(const char *text, bool is_filter);
/* The topic, made and asked for if it is new; one use is counted, topic_release() takes it back. MR_NO_MEMORY. */
MUST enum mr_rc topic_use(struct mr_bus *b, const char *text, struct topic **ret);
struct topic *topic_find(const struct mr_bus *b, const char *text);
void topic_release(struct topic *t);
void topic_ask(struct topic *t);                      /* for id and verdict, if the agent is there */
MUST enum mr_rc topic_verdict(const struct topic *t); /* MR_OK, or the refusal with its reason set. Any thread */
MUST enum mr_rc topic_denied(struct mr_bus *b, const char *text); /* the same by text. Any thread */
void topics_begin(struct mr_bus *b);                              /* a session is up */
void topics_end(struct mr_bus *b);
void topics_on_opened(void *user, const struct session_opened *opened);
void topics_on_error(void *user, enum mr_rc rc, const char *reason, uint32_t topic, uint32_t retry_ms);

/* outbox.c */
struct out_record {
    struct topic *topic; /* one use goes over to the outbox on MR_OK */
    struct mr_device *device;
    const struct mr_value *value; /* NULL: only the status */
    uint32_t status, flags, expiry_ms;
    int64_t source_us;
    struct ack *ack; /* goes over on MR_OK */
};
void outbox_init(struct mr_bus *b);
void outbox_fini(struct mr_bus *b);
/* MR_WOULD_BLOCK, MR_ISOLATED, MR_NO_MEMORY: nothing was taken. */
MUST enum mr_rc outbox_put(struct mr_bus *b, const struct out_record *record);
MUST enum mr_rc outbox_put_row(struct mr_bus *b, const struct out_record *records, size_t n); /* all or none */
MUST enum mr_rc outbox_put_life(struct mr_bus *b, enum outgoing_kind kind, struct mr_device *device, uint32_t status,
                                const char *why);
bool outbox_has_room(const struct mr_bus *b, size_t bytes);
void outbox_pump(struct mr_bus *b, int64_t now_ns);
void outbox_flush_soon(struct mr_bus *b); /* no gathering for what is there */
void outbox_begin(struct mr_bus *b);
void outbox_end(struct mr_bus *b);
void outbox_expire(struct mr_bus *b, int64_t now_ns);
void outbox_refuse(struct mr_bus *b, struct topic *t, enum mr_rc rc); /* drops what waits for a topic that is refused */
bool outbox_is_accepted(const struct mr_bus *b);                      /* all of it */
/* Takes back a record that has not been handed to a session, and frees the ack. False: it has been. */
bool outbox_withdraw(struct mr_bus *b, const struct ack *ack);
void outbox_want_mark(struct mr_bus *b);
void outbox_on_marked(struct mr_bus *b);
int64_t outbox_deadline(const struct mr_bus *b);
size_t outbox_queued(const struct mr_bus *b); /* bytes, the session's included */
enum { OUTBOX_MARK_COOKIE = 0 };              /* OPEN of a topic under this cookie asks how far the agent has come */

/* ack.c */
MUST struct ack *ack_new(struct mr_bus *b, struct topic *topic); /* topic may be NULL; NULL: no memory */
void ack_free(struct mr_bus *b, struct ack *ack);
void ack_resolve(struct mr_bus *b, struct ack *ack, enum mr_rc rc);

/* publish.c */
MUST enum mr_rc publish_check(const struct mr_pub *pub);
/* is_done and ret_rc: NULL, or where mr_publish_wait() looks; *ret_ack (may be NULL): what resolves them. */
MUST enum mr_rc publish_now(struct mr_bus *b, const struct mr_pub *pub, bool *is_done, enum mr_rc *ret_rc,
                            struct ack **ret_ack);

/* tag.c, device.c */
/* The value may be written to the tag: its type, its size, the agent's verdict. Any thread. v may be NULL. */
MUST enum mr_rc tag_check(const struct mr_tag *tag, const struct mr_value *v);
MUST enum mr_rc tag_write_now(struct mr_tag *tag, const struct mr_value *v, uint32_t status, int64_t source_us);
MUST enum mr_rc tag_write_row_now(struct mr_tag *const *tags, const struct mr_value *v, size_t n, int64_t source_us);
void tags_begin_anew(struct mr_bus *b); /* another agent's process: it gets the last values again */
void tags_free(struct mr_bus *b);
void tags_reap(struct mr_bus *b); /* closed ones no job of another thread can name any more */
void devices_begin(struct mr_bus *b);
void devices_free(struct mr_bus *b);
MUST enum mr_rc device_revive(struct mr_device *d);

/* realtime.c */
MUST enum mr_rc realtime_new(struct mr_bus *b);
void realtime_free(struct mr_bus *b);
void realtime_drain(struct mr_bus *b, int64_t now_ns);
bool realtime_can_drain(const struct mr_bus *b); /* something waits, and there is room for it */
MUST enum mr_rc realtime_publish(struct mr_bus *b, const struct mr_pub *pub);
MUST enum mr_rc realtime_tag(struct mr_tag *tag, const struct mr_value *v, uint32_t status, int64_t source_us);
MUST enum mr_rc realtime_row(struct mr_tag *const *tags, const struct mr_value *v, size_t n, int64_t source_us);

/* heard.c */
void heard_init(struct mr_bus *b, const struct hash_key *seed);
void heard_fini(struct mr_bus *b);
void heard_end(struct mr_bus *b); /* the session's ids are over */
MUST enum mr_rc heard_topic(struct mr_bus *b, const struct session_topic *topic);
MUST enum mr_rc heard_publisher(struct mr_bus *b, const struct session_publisher *publisher);
MUST enum mr_rc heard_tag(struct mr_bus *b, struct peer *publisher, const struct session_tag *tag);
struct blob *heard_def_of(const struct heard *h, const struct peer *publisher); /* borrowed; NULL: none */
struct slot *heard_slot(struct mr_bus *b, struct heard *h, struct peer *owner); /* NULL: no memory */
/* Puts a record into the slot. False: no memory, the slot keeps what it had. */
bool heard_keep(struct mr_bus *b, struct slot *slot, const struct batch_head *head, const struct record *record,
                struct peer *publisher);
struct seen *heard_new_seen(struct mr_bus *b, struct slot *slot, struct mr_sub *sub); /* NULL: no memory */
struct seen *heard_find_seen(const struct slot *slot, const struct mr_sub *sub);
MUST enum mr_rc heard_match(struct mr_bus *b, struct heard *h); /* brings h->subs up to date */
void heard_forget_sub(struct mr_bus *b, const struct mr_sub *sub);

/* receive.c */
void receive_on_topic(void *user, const struct session_topic *topic);
void receive_on_publisher(void *user, const struct session_publisher *publisher);
void receive_on_birth(void *user, const struct session_birth *birth);
void receive_on_death(void *user, const struct session_death *death);
void receive_on_batch(void *user, enum lane lane, struct batch_reader *batch);
void receive_on_loss(void *user, enum lane lane, const struct session_loss *loss);
void receive_end(struct mr_bus *b); /* the agent is gone: what was received is stale */
/* Fills a view of a record. False: its body cannot be read. */
MUST bool receive_view(struct mr_bus *b, const struct batch_head *head, const struct record *record, struct blob *topic,
                       const struct peer *publisher, struct message *ret);

/* sub.c */
struct sub_conf {
    const char *filter;
    enum interest_kind kind;
    const struct mr_sub_opt *opt; /* NULL: defaults */
    mr_msg_fn *fn;
    void *user;
};
MUST enum mr_rc sub_new(struct mr_bus *b, const struct sub_conf *conf, struct mr_sub **ret);
void sub_close(struct mr_sub *s); /* freed at the end of the turn */
void subs_begin(struct mr_bus *b, bool is_new_path);
void subs_end(struct mr_bus *b);
void subs_free(struct mr_bus *b);
void subs_reap(struct mr_bus *b);
void sub_deliver(struct mr_sub *s, const struct message *view, uint64_t key);
void sub_tell_loss(struct mr_sub *s, const struct peer *publisher, uint64_t count, enum mr_cause cause);
void sub_note_dropped(struct mr_sub *s, struct blob *publisher, uint64_t count); /* told before the next message */
void sub_finish(struct mr_sub *s, enum mr_cause cause, const char *text);        /* MR_ENDED follows what is queued */
/* The next message, borrowed until the next call. MR_WOULD_BLOCK: none. MR_CLOSED: the end has been told. */
MUST enum mr_rc sub_take(struct mr_sub *s, const struct message **ret);
bool sub_run_next(struct mr_sub *s); /* one callback; false: none was due */
void subs_on_acked(void *user, uint64_t version, bool partial);
void subs_on_refused(void *user, const struct session_refusal *refusal);
void subs_on_snapshot_end(void *user, uint32_t interest);
static inline bool sub_is_live(const struct mr_sub *s)
{
    return s->state <= SUB_IN_FORCE;
}

/* request.c, serve.c */
void requests_pump(struct mr_bus *b, int64_t now_ns);
void requests_expire(struct mr_bus *b, int64_t now_ns);
void requests_end(struct mr_bus *b);
void requests_free(struct mr_bus *b);
void request_topic_refused(struct mr_bus *b, struct topic *t, enum mr_rc rc, const char *reason);
int64_t requests_deadline(const struct mr_bus *b);
void request_on_answer(struct mr_bus *b, const struct batch_head *head, const struct record *record,
                       const struct peer *publisher);
void serve_on_request(struct mr_bus *b, const struct batch_head *head, const struct record *record, struct heard *topic,
                      const struct peer *publisher);
void serve_dropped(struct mr_bus *b, uint64_t call); /* nobody will answer it */
void serve_end(struct mr_bus *b);
void serve_expire(struct mr_bus *b, int64_t now_ns);
void serve_free(struct mr_bus *b);
#endif
