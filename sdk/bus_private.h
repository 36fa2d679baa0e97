/* bus_private.h - the handle, and what the files of the library share; nobody else includes it.
 *
 *   bus.c        opening, closing, the turn that moves bytes, dispatch, waiting
 *   agent.c      the session with the agent: connect, welcome, end, and again
 *   topics.c     topics we send to: their ids and verdicts, asked for at every session
 *   outbox.c     what waits to be sent, in order; gathering; how far the agent has come
 *   publish.c    mr_publish… and mr_flush;   tag.c  tags;   device.c  devices;   realtime.c  [RT] calls of other threads
 *   large.c      values that go as transfers;   incoming.c  those that come
 *   heard.c      topics and publishers we hear of, their tags and last values
 *   receive.c    what comes from the agent -> subscriptions
 *   sub.c        subscriptions: rings, delivery;   sub_session.c  their entries of interest
 *   subscribe.c  the calls on them;   get.c  mr_get
 *   request.c    what we ask;   serve.c  what we are asked */
#ifndef SDK_BUS_PRIVATE_H
#define SDK_BUS_PRIVATE_H
#include "sdk/bus_types.h"

/* bus.c */
static inline int64_t bus_now_ns(const struct mr_bus *b)
{
    return clock_mono_ns(&b->clock);
}
/* A call on the handle begins. MR_MISUSE: it is the SDK thread's. MR_CLOSED: the handle is finished. */
MUST enum mr_rc bus_enter(const struct mr_bus *b);
/* The same for a call marked [RT]: any thread. */
MUST enum mr_rc bus_enter_rt(const struct mr_bus *b);
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
static inline enum mr_rc agent_no_room(const struct mr_bus *b)
{
    return agent_is_up(b) ? reason_set(MR_WOULD_BLOCK, "there is no room: the agent takes its time")
                          : reason_set(MR_ISOLATED, "there is no room, and the agent cannot be reached");
}

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
/* Why it does not: MR_WOULD_BLOCK, MR_ISOLATED: not now; MR_TOO_BIG: never, as small as mr_options.max_bytes is. */
MUST enum mr_rc outbox_no_room(const struct mr_bus *b, size_t bytes);
void outbox_note_put(struct mr_bus *b, struct ack *ack, int64_t now_ns); /* one more is handed over, all of it */
void outbox_let_out(struct mr_bus *b);                                   /* what is there, if this is the place to */
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

/* large.c */
/* Takes a value above VALUE_MAX_BYTES, without a device. Results and what goes over as of outbox_put(). */
MUST enum mr_rc large_put(struct mr_bus *b, const struct out_record *r);
/* Hands on what there is room for. True: there may be more to do at once. */
bool large_pump(struct mr_bus *b, int64_t now_ns);
bool large_is_out(const struct mr_bus *b); /* the first one has left the session: large_pump() counts it */
void large_expire(struct mr_bus *b, int64_t now_ns);
void large_refuse(struct mr_bus *b, const struct topic *t, enum mr_rc rc);
bool large_withdraw(struct mr_bus *b,
                    const struct ack *ack); /* also one that has begun: then it ends for its receivers too */
void large_end(struct mr_bus *b);           /* of the session: what was not whole begins again */
void large_fini(struct mr_bus *b);

/* incoming.c */
void incoming_on_transfer(void *user, const struct transfer *said);
void incoming_on_chunk(void *user, const struct chunk *chunk);
void incoming_end(struct mr_bus *b); /* the agent is gone, or the handle closes */

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
/* Does it concern the subscription, or one that matches? */
bool receive_is_meant(const struct mr_sub *s, const struct batch_head *head, const struct record *record);
/* The topic of an id, its subscriptions up to date. NULL: none, and whoever it may concern has been told. */
struct heard *receive_topic(struct mr_bus *b, uint32_t id);
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
void subs_free(struct mr_bus *b);
void subs_reap(struct mr_bus *b);
void sub_deliver(struct mr_sub *s, const struct message *view, uint64_t key);
/* publisher NULL: anybody's messages that came by way of the station `via`, "" = all of the agent. */
void sub_tell_loss(struct mr_sub *s, const struct peer *publisher, const char *via, uint64_t count,
                   enum mr_cause cause);
void sub_note_dropped(struct mr_sub *s, struct blob *publisher, uint64_t count); /* told before the next message */
void sub_tell_end(struct mr_sub *s);                                             /* of its snapshot */
void sub_finish(struct mr_sub *s, enum mr_cause cause, const char *text);        /* MR_ENDED follows what is queued */
/* The next message, borrowed until the next call. MR_WOULD_BLOCK: none. MR_CLOSED: the end has been told. */
MUST enum mr_rc sub_take(struct mr_sub *s, const struct message **ret);
bool sub_run_next(struct mr_sub *s); /* one callback; false: none was due */
static inline bool sub_is_live(const struct mr_sub *s)
{
    return s->state <= SUB_IN_FORCE;
}

/* sub_session.c */
void sub_ask(struct mr_sub *s); /* hands its entry to the agent, if there is one */
void sub_take_back(struct mr_sub *s);
void subs_begin(struct mr_bus *b, bool is_new_path);
void subs_end(struct mr_bus *b);
void subs_on_acked(void *user, uint64_t version, bool partial);
void subs_on_refused(void *user, const struct session_refusal *refusal);
void subs_on_snapshot_end(void *user, uint32_t interest);

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
