/* millrace.h - publish, subscribe, ask and serve through the Millrace agent of this machine.
 *
 * Rules for every call. libc is all it needs; C99 and C++; no signals, no atexit, no thread unless you ask for one.
 *  thread   One handle, one thread. After mr_thread(), calls marked [RT] may come from any thread: with rt_poll_us set
 *           they make no system call, take no lock and allocate nothing, so a control loop may use them.
 *  opening  Works with no agent and no broker there; mr_get_state() tells. Memory stays within mr_options.max_bytes.
 *  callback Runs only inside mr_dispatch(), mr_run() or the SDK's own thread. A waiting call made inside one is MR_MISUSE.
 *  owning   What you pass in is copied. What you receive is borrowed until the callback returns, or until the next
 *           mr_next()/mr_fetch() on the same object; mr_ref() keeps it longer. On failure nothing changes hands.
 *  time     Points: microseconds UTC, MR_NO_TIME where the source has none. Waits: ms, 0 = do not wait, -1 = no limit.
 *  topic    a/b/c; filters with + and #. "./oil/temp" is oil/temp under this machine's own path: one binary, any plant.
 *  structs  Those you fill begin with .size = sizeof itself; every other field may stay 0 and then means the default.
 *           Those you receive only ever grow at their end.
 *  result   *ret is written only on MR_OK; otherwise mr_reason() says in words what is wrong and what to do. */
#ifndef MILLRACE_H
#define MILLRACE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#define MR_MUST __attribute__((warn_unused_result, visibility("default")))
#define MR_API __attribute__((visibility("default")))
#else
#define MR_MUST
#define MR_API
#endif
#define MR_NO_TIME INT64_MIN

enum mr_rc { MR_OK = 0,
    MR_WOULD_BLOCK = 1, MR_TIMEOUT, MR_ISOLATED, MR_NO_RESPONDER,       /* 1..19  the same call may succeed later */
    MR_INVALID = 20, MR_DENIED, MR_TOO_BIG, MR_NOT_FOUND, MR_MISUSE, MR_NO_MEMORY, /* 20..39 mend the call or the rights */
    MR_UNKNOWN = 40,                                     /* may or may not have happened: only a numbered retry is safe */
    MR_FENCED = 60, MR_CLOSED };                         /* 60..   this object is finished: open a new one */
enum mr_level { MR_NO_ACK, MR_ACCEPTED, MR_SPOOLED, MR_COMMITTED }; /* in the agent; fsynced there; fsynced on a majority */
enum mr_kind { MR_DATA, MR_LOSS, MR_SNAPSHOT_END, MR_BIRTH, MR_DEATH }; /* MR_LOSS: .count records missing, .cause why */
enum mr_cause { MR_SLOW_READER = 1, MR_LINK, MR_BROKER, MR_SPOOL_FULL, MR_EXPIRED, MR_TRIMMED, MR_CORRUPT };
enum mr_flag { MR_KEEP = 1, MR_CLEAR = 2, MR_BACKFILL = 4, MR_FROM_SNAPSHOT = 8, MR_STALE = 16, MR_FORCED = 32, MR_FUTURE = 64 };
enum mr_outcome { MR_DONE = 1, MR_REFUSED, MR_LATE, MR_NOT_DELIVERED, MR_OUTCOME_UNKNOWN };
enum mr_policy { MR_DROP_OLDEST, MR_NEWEST_PER_TOPIC, MR_CUT_OFF };
enum mr_from { MR_NEXT, MR_FIRST, MR_LAST, MR_OFFSET, MR_TIME };
/* Numbers of Sparkplug B 3.0, arrays 22..34 included; status: OPC UA StatusCode, 0 = Good. */
enum mr_type { MR_I64 = 4, MR_U64 = 8, MR_F32 = 9, MR_F64 = 10, MR_BOOL = 11, MR_STRING = 12, MR_BYTES = 17, MR_F32_ARRAY = 30, MR_F64_ARRAY = 31 };
struct mr_value { uint32_t type; uint32_t len; double rate_hz; /* len: bytes behind ptr; rate: waveforms */
    union { int64_t i64; uint64_t u64; float f32; double f64; bool b; const void *ptr; } as; };
static inline struct mr_value mr_f64(double x) { struct mr_value v = {MR_F64, 0, 0, {0}}; v.as.f64 = x; return v; }
static inline struct mr_value mr_i64(int64_t x) { struct mr_value v = {MR_I64, 0, 0, {0}}; v.as.i64 = x; return v; }

struct mr_bus; struct mr_device; struct mr_tag; struct mr_sub; struct mr_consumer; /* opaque */
struct mr_options { size_t size; const char *app, *socket; size_t max_bytes; uint32_t rt_poll_us; void *(*resize)(void *, size_t); };
struct mr_state { size_t size; bool agent_up, cluster_up; int64_t isolated_since_us; uint64_t spool_bytes, spool_max; const char *path; };
struct mr_stats { size_t size; uint64_t sent, received, refused, lost, queued_bytes, queued_max; };
struct mr_tag_def { size_t size; const char *topic, *unit, *description; uint32_t type, stale_ms; double low, high, deadband; };
struct mr_pub { size_t size; const char *topic; struct mr_value value; uint32_t status, flags, expiry_ms; int64_t source_us;
    enum mr_level level; uint64_t number; /* the app's own event number, 0 = none */
    void (*on_ack)(void *user, enum mr_rc rc, enum mr_level reached, uint64_t offset); void *user; };
struct mr_msg { enum mr_kind kind; uint32_t flags, status, attempt; const char *topic, *publisher; struct mr_value value;
    int64_t source_us, agent_us, broker_us; uint64_t birth, seq, offset, count; enum mr_cause cause;
    enum mr_outcome outcome; int64_t deadline_mono_ns; const char *text; };
struct mr_sub_opt { size_t size; enum mr_policy policy; size_t max_bytes; bool no_snapshot, snapshot_only, with_backfill; const char *group; };
struct mr_consumer_opt { size_t size; const char *stream, *name; const char *const *filters; size_t n_filters;
    enum mr_from from; uint64_t at; bool shared; uint32_t lease_ms, max_attempts; }; /* at: offset or time */
struct mr_cmd { size_t size; const char *topic; struct mr_value value; uint32_t ttl_ms; const char *guard_topic; struct mr_value guard; bool repeatable; };
typedef void mr_msg_fn(void *user, const struct mr_msg *msg);

/* -- connection ---------------------------------------------------------------------------------------------------- */
MR_MUST enum mr_rc mr_open(struct mr_bus **ret, const struct mr_options *opt); /* never waits; opt may be NULL */
MR_API void mr_close(struct mr_bus *bus, int wait_ms);                     /* flush up to wait_ms, a clean death, free all */
MR_API int mr_fd(const struct mr_bus *bus);                 /* one fd from open to close; readable = call mr_dispatch, timers too */
MR_MUST enum mr_rc mr_dispatch(struct mr_bus *bus, unsigned max);          /* run at most max callbacks; never waits */
MR_MUST enum mr_rc mr_run(struct mr_bus *bus, int wait_ms);                /* wait and dispatch, for programs without a loop */
MR_API void mr_wake(struct mr_bus *bus);                                   /* makes mr_run return; any thread or signal handler */
MR_MUST enum mr_rc mr_thread(struct mr_bus *bus);                          /* let the SDK run its own thread until mr_close */
MR_API void mr_get_state(const struct mr_bus *bus, struct mr_state *ret);      /* what is reachable, since when, how full */
MR_API void mr_on_state(struct mr_bus *bus, void (*fn)(void *user, const struct mr_state *), void *user);
MR_API void mr_get_stats(const struct mr_bus *bus, struct mr_stats *ret);      /* counters since open */
MR_API const char *mr_reason(const struct mr_bus *bus);                    /* the last failure of this thread, in words */
MR_API const char *mr_strerror(enum mr_rc rc);                             /* static text */
MR_API const char *mr_version(void);                                       /* of the library loaded, "1.2.0" */
/* -- tags: typed values with unit, quality and a promise to be refreshed ------------------------------------------- */
MR_MUST enum mr_rc mr_device_open(struct mr_bus *bus, const char *topic, struct mr_device **ret);  /* birth of what the app speaks for */
MR_MUST enum mr_rc mr_device_lost(struct mr_device *dev, uint32_t status, const char *why);   /* its tags go stale at once */
MR_MUST enum mr_rc mr_tag_open(struct mr_bus *bus, struct mr_device *dev, const struct mr_tag_def *def, struct mr_tag **ret);
/* [RT] v NULL: only the quality changed, value and source time stay */
MR_MUST enum mr_rc mr_tag_write(struct mr_tag *tag, const struct mr_value *v, uint32_t status, int64_t source_us);
MR_MUST enum mr_rc mr_row_write(struct mr_tag *const *tags, const struct mr_value *v, size_t n, int64_t source_us); /* [RT] one scan, one instant */
MR_API void mr_tag_close(struct mr_tag *tag);                              /* its last value becomes stale, not deleted */
/* -- publish ------------------------------------------------------------------------------------------------------- */
MR_MUST enum mr_rc mr_publish(struct mr_bus *bus, const char *topic, const void *data, size_t len); /* [RT] live, fire and forget */
MR_MUST enum mr_rc mr_publish_opt(struct mr_bus *bus, const struct mr_pub *pub);             /* [RT] typed, kept, acked by callback */
MR_MUST enum mr_rc mr_publish_wait(struct mr_bus *bus, const struct mr_pub *pub, int wait_ms, uint64_t *ret_offset);
MR_MUST enum mr_rc mr_flush(struct mr_bus *bus, enum mr_level level, int wait_ms); /* all published so far has reached level */
MR_MUST enum mr_rc mr_resume(struct mr_bus *bus, int wait_ms, uint64_t *ret_number); /* the last numbered record that is spooled */
/* -- subscribe: last values first, then live; losses arrive as MR_LOSS in their place ------------------------------- */
MR_MUST enum mr_rc mr_subscribe(struct mr_bus *bus, const char *filter, const struct mr_sub_opt *opt, mr_msg_fn *fn, void *user, struct mr_sub **ret);
MR_MUST enum mr_rc mr_next(struct mr_sub *sub, int wait_ms, const struct mr_msg **ret); /* for fn == NULL */
MR_API void mr_unsubscribe(struct mr_sub *sub);                            /* also ends what mr_serve* began; no callback after it */
MR_MUST enum mr_rc mr_get(struct mr_bus *bus, const char *topic, int wait_ms, const struct mr_msg **ret); /* one last value; mr_unref it */
MR_API const struct mr_msg *mr_ref(const struct mr_msg *msg);              /* keep a message; any thread */
MR_API void mr_unref(const struct mr_msg *msg);                            /* NULL is fine; any thread */
MR_API const struct mr_tag_def *mr_msg_def(const struct mr_msg *msg);      /* unit, range: as born with this message; NULL if raw */
/* -- request / reply ----------------------------------------------------------------------------------------------- */
MR_MUST enum mr_rc mr_request(struct mr_bus *bus, const char *topic, const void *data, size_t len, int wait_ms,
                              void (*fn)(void *user, enum mr_rc rc, const struct mr_msg *reply), void *user);
MR_MUST enum mr_rc mr_request_wait(struct mr_bus *bus, const char *topic, const void *data, size_t len, int wait_ms, const struct mr_msg **ret);
MR_MUST enum mr_rc mr_serve(struct mr_bus *bus, const char *filter, const struct mr_sub_opt *opt, mr_msg_fn *fn, void *user, struct mr_sub **ret);
MR_MUST enum mr_rc mr_reply(const struct mr_msg *request, const void *data, size_t len); /* now or later with mr_ref(); once */
/* -- commands: at most once, never late, exactly one outcome --------------------------------------------------------- */
MR_MUST enum mr_rc mr_command(struct mr_bus *bus, const struct mr_cmd *cmd, mr_msg_fn *fn, void *user); /* fn gets .outcome, .text */
MR_MUST enum mr_rc mr_command_wait(struct mr_bus *bus, const struct mr_cmd *cmd, const struct mr_msg **ret);
MR_MUST enum mr_rc mr_serve_command(struct mr_bus *bus, const char *topic, mr_msg_fn *fn, void *user, struct mr_sub **ret);
MR_MUST enum mr_rc mr_command_done(const struct mr_msg *command, enum mr_outcome outcome, const char *text); /* MR_DONE or MR_REFUSED; once */
/* -- streams: a durable named cursor ----------------------------------------------------------------------------------- */
MR_MUST enum mr_rc mr_consumer_open(struct mr_bus *bus, const struct mr_consumer_opt *opt, struct mr_consumer **ret); /* creates or takes it up again */
MR_MUST enum mr_rc mr_fetch(struct mr_consumer *c, int wait_ms, const struct mr_msg **ret, size_t max, size_t *ret_n);
MR_MUST enum mr_rc mr_ack(struct mr_consumer *c, const struct mr_msg *msg); /* exclusive: this and all before; shared: this one */
MR_MUST enum mr_rc mr_nak(struct mr_consumer *c, const struct mr_msg *msg, int delay_ms, const char *why); /* again later, or a dead letter */
MR_MUST enum mr_rc mr_extend(struct mr_consumer *c, const struct mr_msg *msg, int lease_ms); /* still at work on it */
MR_MUST enum mr_rc mr_seek(struct mr_consumer *c, enum mr_from from, uint64_t at);
MR_API void mr_consumer_close(struct mr_consumer *c);                      /* the cursor stays in the cluster */
/* -- helpers ------------------------------------------------------------------------------------------------------------ */
MR_MUST enum mr_rc mr_topic_check(const char *text, bool filter, const char **ret_rule); /* names the rule that is broken */
MR_API bool mr_topic_match(const char *filter, const char *topic);
MR_API int mr_value_text(const struct mr_value *v, char *buf, size_t size); /* as snprintf */
MR_API const char *mr_status_text(uint32_t status);                        /* "Good", "BadNoCommunication", never NULL */
#ifdef __cplusplus
}
#endif
#endif
