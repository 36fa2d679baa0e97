/* millrace.h - publish, subscribe, ask and serve through the Millrace agent of this machine. */
/** @file
 * libc is all it needs; C99 and C++11; no signals, no atexit, no thread unless you ask for one. A guide with examples
 * is docs/api.md; why it is as it is, and the calls agreed for later versions: docs/decisions/0003-public-api.md.
 *
 * Rules for every call
 * - thread: One handle, one thread: the one that calls mr_dispatch() or mr_run(). After mr_thread() that is the SDK's
 *   own thread. Calls marked [RT] may then come from any thread, all others on the handle and its objects only from
 *   callbacks (a program that wants both opens two handles). With mr_options.rt_poll_us set, [RT] calls make no system
 *   call, take no lock and allocate nothing, so a control loop may use them. Calls marked [any thread] are always free.
 *   A handle does not survive fork(): the child opens its own.
 * - opening: Works with no agent and no broker there, mr_get_state() tells. What is opened, subscribed and served is
 *   asked for again whenever the agent comes back. Memory stays within mr_options.max_bytes.
 * - waiting: Only calls with a wait_ms wait, in ms: 0 = do not wait, -1 = no limit, less is MR_INVALID. Calls that wait
 *   move bytes but run no callback; inside a callback they are MR_MISUSE, whatever their wait_ms.
 * - callback: Runs only inside mr_dispatch(), mr_run() or the SDK's own thread, never inside the call that asked for
 *   it. It may close any tag or subscription, its own too, but not the handle.
 * - owning: What you pass in is copied, but for `user`, which is handed back as it is. What you receive is borrowed
 *   until the callback returns, or until the next mr_next() on the same subscription; mr_ref() keeps it longer. On
 *   failure nothing changes hands. No pointer may be NULL unless its description allows it; MR_INVALID otherwise.
 * - time: Points are microseconds since 1970 UTC, leap seconds as the system clock has them; MR_NO_TIME where the
 *   source has none. A source time of 0 is a clock that was never set, and counts as MR_NO_TIME.
 * - text: UTF-8, ended by NUL. Where a text is optional, NULL and "" are the same.
 * - topic: a/b/c, as in MQTT (OASIS MQTT 5.0 chapter 4.7) but stricter: 1 to 512 bytes, 1 to 32 levels, no empty level,
 *   no control character. Filters may hold `+` for one level and `#` for all that remain, the level above included;
 *   neither matches a first level beginning with `$`, which is the bus's own. "./oil/temp" is oil/temp under this
 *   machine's own path: one binary, any plant. Paths follow the levels of ISA-95 where the plant wants it.
 * - structs: Those you fill begin with .size = sizeof itself; every other field may stay 0 and then means the default.
 *   The library takes the size of every version of this header since the first; any other, or a field beyond what it
 *   knows that is not 0, is MR_INVALID. Those you receive only ever grow at their end.
 * - result: *ret is written only on MR_OK; otherwise mr_reason() says in words what is wrong and what to do.
 *
 * Three codes can come from every call that returns one and are not repeated below: MR_INVALID for an argument outside
 * its documented range, MR_NO_MEMORY when malloc or mr_options.max_bytes refuses and nothing has changed, and MR_MISUSE
 * for a call from the wrong place: a waiting one inside a callback, or one not marked [RT] outside of callbacks after
 * mr_thread(). MR_CLOSED likewise comes from every call on a handle that mr_run() has called finished. */
#ifndef MILLRACE_H
#define MILLRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
/** An exported call whose result must be looked at. */
#define MR_MUST __attribute__((warn_unused_result, visibility("default")))
/** An exported call. */
#define MR_API __attribute__((visibility("default")))
#else
#define MR_MUST
#define MR_API
#endif

/** The source of a value has no clock: no source time (OPC UA Part 4, 7.11: null where the source gives none). */
#define MR_NO_TIME INT64_MIN

/** How a call went. The range is the class, act on it: 1..19 the same call may succeed later; 20..39 mend the call or
 * the rights; 40..59 it may or may not have happened; from 60 on the object is finished, open a new one. */
enum mr_rc {
    MR_OK = 0,           /**< Done. */
    MR_WOULD_BLOCK = 1,  /**< Nothing ready, or no room, and not waited for. */
    MR_TIMEOUT = 2,      /**< wait_ms are over. Nothing happened that has to be undone. */
    MR_ISOLATED = 3,     /**< The agent, or the broker it would have to ask, cannot be reached. */
    MR_NO_RESPONDER = 4, /**< Nobody serves this topic now. */
    MR_INVALID = 20,     /**< An argument is outside its documented range; mr_reason() names it. */
    MR_DENIED = 21,      /**< The rights forbid it; mr_reason() names the role and the command that explains it. */
    MR_TOO_BIG = 22,     /**< Larger than a limit; mr_reason() names the limit. */
    MR_NOT_FOUND = 23,   /**< It does not exist. */
    MR_MISUSE = 24,      /**< Not allowed from here: see the rules on threads, waiting and callbacks. */
    MR_NO_MEMORY = 25,   /**< malloc or mr_options.max_bytes refused; nothing has changed. */
    MR_UNKNOWN = 40,     /**< It may or may not have happened: the connection ended before the answer came. */
    MR_FENCED = 60,      /**< A newer owner has taken it over. */
    MR_CLOSED = 61       /**< The handle or subscription has ended; mr_reason() says why. */
};

/** How far a record is known to have come. This version reaches MR_ACCEPTED. */
enum mr_level {
    MR_NO_ACK = 0,   /**< Nothing is asked or known. */
    MR_ACCEPTED = 1, /**< In the agent's memory: it survives this program, not the agent. */
    MR_SPOOLED = 2,  /**< Fsynced in the agent's spool. */
    MR_COMMITTED = 3 /**< Fsynced on a majority of the stream's replicas. */
};

/** What a message is. Treat a kind you do not know as one to skip. */
enum mr_kind {
    MR_DATA = 0,         /**< A value, a request or a reply. */
    MR_LOSS = 1,         /**< Here .count messages are missing (0 = number not known), .cause and .text say why; where
                                  .publisher is NULL, .text also by way of which broker, if it was one. */
    MR_SNAPSHOT_END = 2, /**< All last values have been given, what follows is live. Comes again after a reconnect. */
    MR_BIRTH = 3,        /**< .publisher lives, under .birth. */
    MR_DEATH = 4,        /**< .publisher's session has ended; .status is what its tags deserve, .text why. */
    MR_ENDED = 5         /**< The subscription has ended for .cause, .text in words; no message follows. */
};

/** Why something is missing or has ended. */
enum mr_cause {
    MR_SLOW_READER = 1, /**< This subscription's ring, or a queue on the way to it, was full. */
    MR_LINK = 2,        /**< A connection broke. */
    MR_BROKER = 3,      /**< A broker or agent stopped. */
    MR_SPOOL_FULL = 4,  /**< A spool reached its bound and was told to drop. */
    MR_EXPIRED = 5,     /**< It waited longer than its expiry. */
    MR_TRIMMED = 6,     /**< Retention removed it before it was read. */
    MR_CORRUPT = 7,     /**< A checksum did not hold. */
    MR_RIGHTS = 8       /**< The rights forbid it, or do so no more. */
};

/** Marks of a record, to be combined with `|`. You may set
 * MR_KEEP, MR_CLEAR, MR_BACKFILL and MR_FORCED; the others are received only. */
enum mr_flag {
    MR_KEEP = 1,          /**< Keep as the topic's last value. Tags always are. */
    MR_CLEAR = 2,         /**< Remove the topic's last value. Carries no value; not together with MR_KEEP. */
    MR_BACKFILL = 4,      /**< Late data: never a last value (Sparkplug B 3.0: is_historical). */
    MR_FROM_SNAPSHOT = 8, /**< A last value, given because you subscribed or asked. */
    MR_STALE = 16,        /**< Its publisher is gone, or out of reach, or broke its stale_ms. */
    MR_FORCED = 32,       /**< Set by a person or a simulation in place of the sensor. */
    MR_FUTURE = 64        /**< Its source time is ahead of the broker's clock. */
};

/** How a command ended. Shared vocabulary; this version has no calls for commands. */
enum mr_outcome {
    MR_DONE = 1,           /**< The handler did it. */
    MR_REFUSED = 2,        /**< The handler, the rights or the guard said no. */
    MR_LATE = 3,           /**< Its time to live was over before it could be executed. */
    MR_NOT_DELIVERED = 4,  /**< It never reached the executor, and never will. */
    MR_OUTCOME_UNKNOWN = 5 /**< It was sent and no answer came in time. */
};

/** What a full subscription does. */
enum mr_policy {
    MR_DROP_OLDEST = 0,      /**< Drops the oldest message; a MR_LOSS stands in its place. */
    MR_NEWEST_PER_TOPIC = 1, /**< Keeps the newest of each topic; where even these do not fit, as MR_DROP_OLDEST. */
    MR_CUT_OFF = 2           /**< Ends with MR_ENDED: for readers to whom a gap is worse than an end. */
};

/** Where reading a stream begins. Shared vocabulary; this version has no calls for streams. */
enum mr_from {
    MR_NEXT = 0,   /**< After what is there now. */
    MR_FIRST = 1,  /**< At the oldest record. */
    MR_LAST = 2,   /**< At the newest record. */
    MR_OFFSET = 3, /**< At an offset. */
    MR_TIME = 4    /**< At the first record accepted at or after a time. */
};

/** Types of values: the numbers of Sparkplug B 3.0, 6.4.16. Of a number not named here, 1..8 and 13 are in as.i64 (5..8
 * in as.u64), all others are .len bytes behind as.ptr. */
enum mr_type {
    MR_NO_VALUE = 0,   /**< None: only the quality is told. A struct mr_value of zeros. */
    MR_I64 = 4,        /**< as.i64; whole numbers of any width. */
    MR_U64 = 8,        /**< as.u64 */
    MR_F32 = 9,        /**< as.f32 */
    MR_F64 = 10,       /**< as.f64 */
    MR_BOOL = 11,      /**< as.b */
    MR_STRING = 12,    /**< as.ptr: .len bytes of UTF-8 without NUL; none follows. */
    MR_BYTES = 17,     /**< as.ptr: .len bytes. */
    MR_F32_ARRAY = 30, /**< as.ptr: .len / 4 floats, in this machine's byte order and aligned for them. */
    MR_F64_ARRAY = 31  /**< as.ptr: .len / 8 doubles, likewise. */
};

/** A value. In C and in C++: `struct mr_value v = {MR_F64, 0, 0, {0}}; v.as.f64 = x;` */
struct mr_value {
    uint32_t type;  /**< enum mr_type */
    uint32_t len;   /**< Bytes behind as.ptr, at most 65536, or 16 MiB in what is published raw; 0 for numbers. */
    double rate_hz; /**< Arrays: samples per second, finite, 0 = not known. Otherwise 0. */
    /** The value itself, in the member its type names. */
    union {
        int64_t i64;     /**< MR_I64 */
        uint64_t u64;    /**< MR_U64 */
        float f32;       /**< MR_F32 */
        double f64;      /**< MR_F64 */
        bool b;          /**< MR_BOOL */
        const void *ptr; /**< MR_STRING, MR_BYTES, arrays: copied from you; borrowed with the message you receive. */
    } as;
};

/** @name Quality
 * OPC UA StatusCodes (Part 4, 7.39; numbers of Part 6, annex A): the two highest bits are the severity, the upper 16
 * name the code, the lower 16 carry information that does not change its name. Every StatusCode may be used.
 * @{ */
#define MR_STATUS_SEVERITY                                                                                             \
    UINT32_C(0xC0000000)           /**< `(s & this)` is MR_STATUS_GOOD, MR_STATUS_UNCERTAIN, MR_STATUS_BAD. */
#define MR_STATUS_GOOD UINT32_C(0) /**< Usable; costs no bytes on the wire. */
#define MR_STATUS_GOOD_CLAMPED UINT32_C(0x00300000)        /**< Usable, at a limit. */
#define MR_STATUS_GOOD_LOCAL_OVERRIDE UINT32_C(0x00960000) /**< Set by hand in place of the sensor. */
#define MR_STATUS_UNCERTAIN UINT32_C(0x40000000)           /**< Of lower quality, reason not known. */
/** The source cannot be reached; this is the last value that was good. */
#define MR_STATUS_UNCERTAIN_NO_COMMUNICATION_LAST_USABLE_VALUE UINT32_C(0x408F0000)
#define MR_STATUS_UNCERTAIN_LAST_USABLE_VALUE                                                                          \
    UINT32_C(0x40900000)                                          /**< What refreshed the value has stopped doing so. */
#define MR_STATUS_UNCERTAIN_SUBSTITUTE_VALUE UINT32_C(0x40910000) /**< Overwritten by hand while in operation. */
#define MR_STATUS_UNCERTAIN_INITIAL_VALUE UINT32_C(0x40920000)    /**< The value before the first one. */
#define MR_STATUS_UNCERTAIN_SENSOR_NOT_ACCURATE UINT32_C(0x40930000) /**< At a limit of the sensor. */
/** Outside the range of its definition. */
#define MR_STATUS_UNCERTAIN_ENGINEERING_UNITS_EXCEEDED UINT32_C(0x40940000)
#define MR_STATUS_UNCERTAIN_SUB_NORMAL UINT32_C(0x40950000)         /**< Fewer good sources than required. */
#define MR_STATUS_BAD UINT32_C(0x80000000)                          /**< Not usable, reason not known. */
#define MR_STATUS_BAD_NO_COMMUNICATION UINT32_C(0x80310000)         /**< The source does not answer. */
#define MR_STATUS_BAD_WAITING_FOR_INITIAL_DATA UINT32_C(0x80320000) /**< No value yet. */
#define MR_STATUS_BAD_OUT_OF_RANGE UINT32_C(0x803C0000)             /**< The value was out of range. */
#define MR_STATUS_BAD_CONFIGURATION_ERROR UINT32_C(0x80890000)      /**< Wrong address or settings. */
#define MR_STATUS_BAD_NOT_CONNECTED UINT32_C(0x808A0000)            /**< Its input has never been connected. */
#define MR_STATUS_BAD_DEVICE_FAILURE UINT32_C(0x808B0000)           /**< The device reports a fault. */
#define MR_STATUS_BAD_SENSOR_FAILURE UINT32_C(0x808C0000)           /**< The sensor has failed. */
#define MR_STATUS_BAD_OUT_OF_SERVICE UINT32_C(0x808D0000)           /**< The source is switched off. */
#define MR_STATUS_BAD_DATA_LOST UINT32_C(0x809D0000)                /**< Data is missing here. */
/** @} */

/** A handle: one app at the agent of this machine. From mr_open() to mr_close(). */
struct mr_bus;
/** What an app speaks for: a PLC, a robot. From mr_device_open() to mr_close() of its handle. */
struct mr_device;
/** A tag this app writes. From mr_tag_open() to mr_tag_close() or mr_close(). */
struct mr_tag;
/** A subscription, or a service. From mr_subscribe() or mr_serve() to mr_unsubscribe() or mr_close(). */
struct mr_sub;

/** For mr_open(). */
struct mr_options {
    size_t size;        /**< sizeof(struct mr_options) */
    const char *app;    /**< The app's name, 1 to 64 bytes without '/'. Default: the name of the program. */
    const char *socket; /**< Path of the agent's socket. Default: $MILLRACE_SOCKET, else /run/millrace/agent.sock. */
    size_t max_bytes;   /**< Most memory of this handle, from 1 MiB. Default: 32 MiB. */
    /** 0: a [RT] call wakes the SDK with a system call. 50 to 1000000: the SDK looks for what they wrote every so many
     * µs instead, and they make none. */
    uint32_t rt_poll_us;
    /** The allocator: resize(NULL, n) gets n > 0 bytes, resize(p, n) resizes as realloc, resize(p, 0) frees; NULL = no
     * memory. Called from the threads that call the SDK, at times from two at once. Default: malloc's. */
    void *(*resize)(void *, size_t);
};

/** What is reachable. For mr_get_state(); later versions append fields. */
struct mr_state {
    size_t size;               /**< Set by you, before the call: sizeof(struct mr_state). */
    bool agent_up;             /**< There is a session with the agent. */
    bool cluster_up;           /**< And the agent has one with a broker. */
    int64_t isolated_since_us; /**< Since when cluster_up is false; 0 while it is true. */
    uint64_t spool_bytes;      /**< Bytes in the agent's spool not yet committed; 0 without a spool. */
    uint64_t spool_max;        /**< And the bytes it may hold; 0 without a spool. */
    const char *path; /**< What "./" stands for, NULL before the agent was first reached; borrowed until the next
                                    mr_dispatch() or mr_run(), in a callback until it returns. */
    bool degraded; /**< cluster_up, but its broker cannot reach another one: what machines there say does not come. */
};

/** Counters since mr_open(), which never go back. For mr_get_stats(); later versions append fields. */
struct mr_stats {
    size_t size;           /**< Set by you, before the call: sizeof(struct mr_stats). */
    uint64_t sent;         /**< Records and requests handed to the agent. */
    uint64_t received;     /**< Messages that came for subscriptions, services and requests. */
    uint64_t refused;      /**< Records taken with MR_OK and refused later, by the agent's rights or limits. */
    uint64_t lost;         /**< Messages missing for subscriptions, as far as their MR_LOSS knew the number. */
    uint64_t queued_bytes; /**< Bytes now waiting to be handed to the agent. */
    uint64_t queued_max;   /**< The most there may be; beyond, calls return MR_WOULD_BLOCK or MR_ISOLATED. */
};

/** What a tag is: for mr_tag_open(), and from mr_msg_def() (then every text is borrowed with the message). */
struct mr_tag_def {
    size_t size;       /**< sizeof(struct mr_tag_def) */
    const char *topic; /**< Required. */
    const char *unit;  /**< At most 32 bytes, best as UCUM writes it ("Cel", "1/min"); known spellings ("°C", "rpm",
                                  MTConnect's names) are brought to UCUM, others pass. Default: none. */
    const char *description; /**< For people, at most 256 bytes. Default: none. */
    uint32_t type;           /**< enum mr_type of every value. Default: MR_F64. */
    uint32_t stale_ms; /**< A promise: written at least so often, else its value is shown as MR_STALE. Default: none. */
    double low;        /**< Range of values that make sense, */
    double high;       /**< for displays. Default, low == high: not known. */
    double deadband;   /**< Change below which the value has not really changed: told to readers. Default: 0. */
};

/** For mr_publish_opt() and mr_publish_wait(). */
struct mr_pub {
    size_t size;           /**< sizeof(struct mr_pub) */
    const char *topic;     /**< Required. No filter. */
    struct mr_value value; /**< Default: no value, only the quality. */
    uint32_t status;       /**< OPC UA StatusCode. Default: MR_STATUS_GOOD. */
    uint32_t flags;        /**< MR_KEEP, MR_CLEAR, MR_BACKFILL, MR_FORCED. Default: none. */
    uint32_t expiry_ms;    /**< Drop it when it has waited so long in this program for the agent. Default: never. */
    int64_t source_us;     /**< When the source saw it. Default: MR_NO_TIME. */
    enum mr_level level;   /**< The level to be told of. Default: MR_ACCEPTED if somebody asks (on_ack is set, or
                                mr_publish_wait()), else MR_NO_ACK. Higher ones are MR_INVALID in this version. */
    uint64_t number;       /**< The app's own event number. Must be 0 in this version. */
    /** NULL, or called exactly once for each MR_OK unless mr_close() comes first. rc is MR_OK with the level reached;
     * MR_DENIED, MR_TOO_BIG or MR_INVALID from the agent; MR_TIMEOUT when expiry_ms dropped it; MR_UNKNOWN when the
     * agent went away before it answered. offset is 0 below MR_COMMITTED. */
    void (*on_ack)(void *user, enum mr_rc rc, enum mr_level reached, uint64_t offset);
    void *user; /**< Handed to on_ack as it is. */
};

/** A message. Received only; later versions append fields. Fields that do not apply to its kind are 0. */
struct mr_msg {
    enum mr_kind kind;     /**< What it is. */
    uint32_t flags;        /**< enum mr_flag */
    uint32_t status;       /**< OPC UA StatusCode; 0 = Good. */
    uint32_t attempt;      /**< Streams: how often it has been delivered; 0 = live. */
    const char *topic;     /**< The full topic. For MR_LOSS, MR_SNAPSHOT_END, MR_ENDED: the filter. */
    const char *publisher; /**< Who said it: the identity, and for an app or device of it "/" and its name. For
                                   MR_LOSS: whose messages are missing, NULL = anyone's. */
    struct mr_value value; /**< Of a raw publish, request or reply: MR_BYTES. */
    int64_t source_us;     /**< When the source saw it, or MR_NO_TIME. Never rewritten by the bus. */
    int64_t agent_us;      /**< When the publisher's agent accepted it. */
    int64_t broker_us;     /**< When the publisher's broker accepted it, or MR_NO_TIME if none has. */
    uint64_t birth;        /**< The birth epoch of its publisher: larger is later. */
    uint64_t seq;          /**< Its live number within that birth. */
    uint64_t offset;       /**< Streams: its offset. */
    uint64_t count;        /**< MR_LOSS: how many are missing; an upper bound but for MR_SLOW_READER; 0 = not known. */
    enum mr_cause cause;   /**< MR_LOSS, MR_ENDED: why. */
    enum mr_outcome outcome;  /**< Commands: how it ended. */
    int64_t deadline_mono_ns; /**< Requests: when nobody waits any more, in ns of CLOCK_MONOTONIC; 0 for all else. */
    const char *text;         /**< MR_LOSS, MR_DEATH, MR_ENDED: in words. Otherwise NULL. */
};

/** For mr_subscribe() and mr_serve(). */
struct mr_sub_opt {
    size_t size;           /**< sizeof(struct mr_sub_opt) */
    enum mr_policy policy; /**< When the ring is full. Default: MR_DROP_OLDEST. */
    size_t
        max_bytes; /**< Size of the ring, from 64 KiB, taken from the handle's max_bytes as it fills. Values above 64 KiB
                      count there only. Default: 4 MiB. */
    bool no_snapshot;   /**< Live only. */
    bool snapshot_only; /**< Last values, MR_SNAPSHOT_END, MR_ENDED. Not together with no_snapshot. */
    bool with_backfill; /**< Also records flagged MR_BACKFILL. */
    const char *group; /**< mr_serve(): of all who serve the same filter under one name, one gets each request, the same
                                machine first. Default: the name "". mr_subscribe(): must be NULL in this version. */
};

/** Takes a message. @param user as given with the function @param msg borrowed until return */
typedef void mr_msg_fn(void *user, const struct mr_msg *msg);

/** A double as a value. @param x any @return by value */
static inline struct mr_value mr_f64(double x)
{
    struct mr_value v = {MR_F64, 0, 0, {0}};
    v.as.f64 = x;
    return v;
}

/** A whole number as a value. @param x any @return by value */
static inline struct mr_value mr_i64(int64_t x)
{
    struct mr_value v = {MR_I64, 0, 0, {0}};
    v.as.i64 = x;
    return v;
}

/** @name Connection
 * @{ */

/** Opens a handle. Never waits: the agent is looked for from mr_dispatch() on, again and again.
 * @param ret the caller owns it, mr_close() ends it
 * @param opt copied; NULL: all defaults
 * @retval MR_INVALID an option is out of range
 * @retval MR_NO_MEMORY or no descriptor is left */
MR_MUST enum mr_rc mr_open(struct mr_bus **ret, const struct mr_options *opt);

/** Hands over what is queued, says goodbye so that tags go stale for a clean reason, stops the SDK's thread, frees all
 * objects of the handle. Runs no callback: answers not dispatched till then never come. Kept messages must have been
 * given back. After mr_thread() from any one thread, when no other uses the handle any more; inside a callback it is a
 * mistake and does nothing but set mr_reason().
 * @param bus NULL is fine
 * @param wait_ms the most to wait for queued records to be accepted */
MR_API void mr_close(struct mr_bus *bus, int wait_ms);

/** The descriptor for your own loop: readable = call mr_dispatch(). The same from mr_open() to mr_close(); timers are
 * inside it, so no timeout is needed beside it. Only to be polled, level-triggered or edge-triggered: when
 * mr_dispatch() leaves something undone it becomes readable anew. Messages that wait for mr_next() do not make it
 * readable.
 * @param bus a handle without mr_thread()
 * @return not negative; the handle keeps it */
MR_API int mr_fd(const struct mr_bus *bus);

/** Does what is to be done now: reads, writes, timers, callbacks. Never waits.
 * @param bus a handle without mr_thread()
 * @param max the most callbacks to run; 0 = all that are ready as it begins
 * @retval MR_OK also when there was nothing to do
 * @retval MR_CLOSED the handle is finished: the agent speaks no common protocol version or will not have this user */
MR_MUST enum mr_rc mr_dispatch(struct mr_bus *bus, unsigned max);

/** Waits and dispatches for wait_ms, for programs without a loop. Traffic does not shorten it, so a loop around it may
 * sample at that pace.
 * @param bus a handle without mr_thread()
 * @param wait_ms how long; 0 = once what is ready; -1 = until mr_wake()
 * @retval MR_OK the time is over, or mr_wake() was called
 * @retval MR_CLOSED as mr_dispatch() */
MR_MUST enum mr_rc mr_run(struct mr_bus *bus, int wait_ms);

/** [any thread] Makes mr_run() return, the one that runs or the next one. Safe in a signal handler.
 * @param bus not closed */
MR_API void mr_wake(struct mr_bus *bus);

/** Lets the SDK dispatch in a thread of its own, with all signals blocked, until mr_close(). Callbacks run there. Open
 * tags and subscriptions first: afterwards only callbacks can. mr_fd(), mr_dispatch(), mr_run() and calls that wait are
 * no longer for this handle.
 * @param bus a handle
 * @retval MR_MISUSE it has a thread already, or this is a callback
 * @retval MR_NO_MEMORY the system gives no thread */
MR_MUST enum mr_rc mr_thread(struct mr_bus *bus);

/** What is reachable, as of the last mr_dispatch() or mr_run().
 * @param bus a handle
 * @param ret .size set by you; only so many bytes are written */
MR_API void mr_get_state(const struct mr_bus *bus, struct mr_state *ret);

/** Tells of changes of state; first of the state as it is.
 * @param bus a handle
 * @param fn replaces the one before; NULL: none. What it gets is borrowed until it returns
 * @param user handed to fn as it is */
MR_API void mr_on_state(struct mr_bus *bus, void (*fn)(void *user, const struct mr_state *state), void *user);

/** Counters since mr_open().
 * @param bus a handle
 * @param ret .size set by you; only so many bytes are written */
MR_API void mr_get_stats(const struct mr_bus *bus, struct mr_stats *ret);

/** [any thread] The last failure of a call of this thread, in words: what is wrong and what to do.
 * @param bus the handle the call was on; NULL after a failed mr_open()
 * @return never NULL, "" if there was none; borrowed until this thread's next failing call */
MR_API const char *mr_reason(const struct mr_bus *bus);

/** [any thread] A code in words. @param rc any @return static, never NULL */
MR_API const char *mr_strerror(enum mr_rc rc);

/** [any thread] The version of the library loaded. @return static, "1.2.0" */
MR_API const char *mr_version(void);

/** @} */
/** @name Tags: typed values with unit, quality and a promise to be refreshed
 * @{ */

/** Speaks for a device: it is born now, and dies with mr_device_lost() or the handle. Never waits.
 * @param bus a handle
 * @param topic where it stands in the plant, "./plc1"; copied
 * @param ret borrowed until mr_close()
 * @retval MR_INVALID not a topic, or this handle has opened it already
 * @retval MR_DENIED the rights are known and forbid publishing there */
MR_MUST enum mr_rc mr_device_open(struct mr_bus *bus, const char *topic, struct mr_device **ret);

/** The device does not answer: its tags go stale at once. The next value written to any of them brings it back.
 * @param dev of mr_device_open()
 * @param status what its tags now deserve: uncertain or bad, MR_STATUS_BAD_NO_COMMUNICATION
 * @param why for people, at most 256 bytes, copied; NULL: none
 * @retval MR_INVALID the status is Good, or why is too long
 * @retval MR_WOULD_BLOCK, MR_ISOLATED no room: as mr_tag_write() */
MR_MUST enum mr_rc mr_device_lost(struct mr_device *dev, uint32_t status, const char *why);

/** Opens a tag to write. Never waits: the agent's verdict on it comes later, and then mr_tag_write() returns it.
 * @param bus a handle
 * @param dev whose tag it is; NULL: the app's own
 * @param def copied
 * @param ret borrowed until mr_tag_close() or mr_close()
 * @retval MR_INVALID not a topic, or a field out of range, or this handle has opened a tag of this topic
 * @retval MR_DENIED the rights are known and forbid publishing there
 * @retval MR_TOO_BIG unit or description is too long */
MR_MUST enum mr_rc mr_tag_open(struct mr_bus *bus, struct mr_device *dev, const struct mr_tag_def *def,
                               struct mr_tag **ret);

/** [RT] Writes a value, which becomes the tag's last value. Never waits. While the agent is away, records wait in order
 * within the handle's memory.
 * @param tag of mr_tag_open()
 * @param v copied, of the tag's type; NULL: only the quality changed, value and source time stay
 * @param status OPC UA StatusCode, MR_STATUS_GOOD
 * @param source_us when the source saw it, or MR_NO_TIME; not used when v is NULL
 * @retval MR_WOULD_BLOCK no room, the agent takes its time: not written
 * @retval MR_ISOLATED no room, the agent is away: not written
 * @retval MR_INVALID not of the tag's type, or no valid value of it
 * @retval MR_DENIED the agent has refused the tag; mr_reason() says why
 * @retval MR_TOO_BIG the value is longer than 64 KiB */
MR_MUST enum mr_rc mr_tag_write(struct mr_tag *tag, const struct mr_value *v, uint32_t status, int64_t source_us);

/** [RT] Writes one scan: values of many tags at one instant, all Good, all or none. Cheaper than one by one.
 * @param tags n different tags of one handle
 * @param v n values, copied
 * @param n 1 to 1024
 * @param source_us as mr_tag_write(), of all
 * @retval MR_WOULD_BLOCK, MR_ISOLATED, MR_DENIED as mr_tag_write(), for any of them: none is written
 * @retval MR_INVALID any value does not fit its tag, or n is out of range
 * @retval MR_TOO_BIG all together are longer than 64 KiB */
MR_MUST enum mr_rc mr_row_write(struct mr_tag *const *tags, const struct mr_value *v, size_t n, int64_t source_us);

/** Closes a tag. Its last value becomes stale, it is not deleted.
 * @param tag NULL is fine; not in use by another thread */
MR_API void mr_tag_close(struct mr_tag *tag);

/** @} */
/** @name Publish
 * @{ */

/** [RT] Publishes bytes, live, fire and forget. Never waits. MR_OK: this program's queue has it. While the rights on
 * the topic are not yet known it is taken on trust; if the agent then refuses it, mr_stats.refused counts it and the
 * next call on this topic returns MR_DENIED (with rt_poll_us set only the counter tells).
 * @param bus a handle
 * @param topic copied
 * @param data copied; may be NULL if len is 0
 * @param len at most 16 MiB. Above 64 KiB it goes behind everything else, one at a time, in no order with other records;
 *   whole, or announced as a MR_LOSS of one; never with MR_KEEP, after mr_thread() or with rt_poll_us set. Both ends need
 *   room for all of it within mr_options.max_bytes
 * @retval MR_WOULD_BLOCK no room, the agent takes its time: not published
 * @retval MR_ISOLATED no room, the agent is away: not published
 * @retval MR_INVALID not a topic
 * @retval MR_DENIED the rights forbid it
 * @retval MR_TOO_BIG len, or more than three quarters of mr_options.max_bytes: mr_reason() says how much it takes */
MR_MUST enum mr_rc mr_publish(struct mr_bus *bus, const char *topic, const void *data, size_t len);

/** [RT] Publishes a typed, kept or acknowledged record. Never waits; otherwise as mr_publish(). on_ack, if given, also
 * tells of a refusal that comes later. It comes through the SDK's thread or mr_dispatch(), never from inside this call.
 * @param bus a handle
 * @param pub copied
 * @retval MR_WOULD_BLOCK, MR_ISOLATED no room: not published
 * @retval MR_INVALID a field is out of range, or asks for what this version does not offer
 * @retval MR_DENIED the rights forbid it
 * @retval MR_TOO_BIG the value, or as mr_publish() */
MR_MUST enum mr_rc mr_publish_opt(struct mr_bus *bus, const struct mr_pub *pub);

/** Publishes and waits until the record has reached its level.
 * @param bus a handle without mr_thread()
 * @param pub copied; on_ack must be NULL
 * @param wait_ms the most to wait; 0 gives MR_WOULD_BLOCK without publishing
 * @param ret_offset NULL, or the record's offset in its stream, 0 below MR_COMMITTED
 * @retval MR_TIMEOUT, MR_ISOLATED it had not been handed to the agent (which was busy, or away) and now never will be
 * @retval MR_UNKNOWN it was handed over and no answer came
 * @retval MR_INVALID, MR_DENIED, MR_TOO_BIG as mr_publish_opt() */
MR_MUST enum mr_rc mr_publish_wait(struct mr_bus *bus, const struct mr_pub *pub, int wait_ms, uint64_t *ret_offset);

/** Waits until all that was published and written so far has reached a level or was refused.
 * @param bus a handle without mr_thread()
 * @param level MR_ACCEPTED; MR_NO_ACK means the same. Higher ones are MR_INVALID in this version
 * @param wait_ms the most to wait; 0 only looks
 * @retval MR_WOULD_BLOCK not yet, and wait_ms is 0
 * @retval MR_TIMEOUT not yet; the records stay queued
 * @retval MR_ISOLATED not yet, the agent is away; the records stay queued
 * @retval MR_UNKNOWN the agent went away after some were handed over and before it answered */
MR_MUST enum mr_rc mr_flush(struct mr_bus *bus, enum mr_level level, int wait_ms);

/** @} */
/** @name Subscribe: last values first, then live; losses arrive as MR_LOSS in their place
 * @{ */

/** Subscribes. Never waits; if the agent later refuses, MR_ENDED with MR_RIGHTS is the only message. While the agent or
 * the cluster is away, what was received is given again with MR_STALE; after a reconnect the snapshot brings what is
 * newer.
 * @param bus a handle
 * @param filter copied
 * @param opt copied; NULL: all defaults
 * @param fn gets the messages; NULL: mr_next() does
 * @param user handed to fn as it is
 * @param ret NULL if fn is given and the subscription lasts as long as the handle; else borrowed until mr_unsubscribe()
 * @retval MR_INVALID not a filter, or an option out of range
 * @retval MR_DENIED the rights are known and do not cover the filter
 * @retval MR_TOO_BIG more than 256 filters in this handle */
MR_MUST enum mr_rc mr_subscribe(struct mr_bus *bus, const char *filter, const struct mr_sub_opt *opt, mr_msg_fn *fn,
                                void *user, struct mr_sub **ret);

/** The next message, of a subscription without fn.
 * @param sub of mr_subscribe() or mr_serve()
 * @param wait_ms the most to wait
 * @param ret borrowed until the next mr_next() on sub or mr_unsubscribe()
 * @retval MR_WOULD_BLOCK none is there, and wait_ms is 0
 * @retval MR_TIMEOUT none came
 * @retval MR_MISUSE sub has an fn, or this is a callback
 * @retval MR_CLOSED MR_ENDED has been given, or the handle is finished */
MR_MUST enum mr_rc mr_next(struct mr_sub *sub, int wait_ms, const struct mr_msg **ret);

/** Ends a subscription, or what mr_serve() began; no callback of it runs after this call. Messages kept by mr_ref()
 * stay.
 * @param sub NULL is fine; may be the one whose callback is running */
MR_API void mr_unsubscribe(struct mr_sub *sub);

/** One last value, as the agent knows it or can ask for.
 * @param bus a handle without mr_thread()
 * @param topic no filter
 * @param wait_ms the most to wait; 0 gives MR_WOULD_BLOCK
 * @param ret the caller owns it: mr_unref()
 * @retval MR_TIMEOUT no answer
 * @retval MR_ISOLATED the agent is away, or has no value and cannot ask a broker
 * @retval MR_NOT_FOUND the topic has no last value
 * @retval MR_INVALID not a topic
 * @retval MR_DENIED the rights do not cover the topic */
MR_MUST enum mr_rc mr_get(struct mr_bus *bus, const char *topic, int wait_ms, const struct mr_msg **ret);

/** [any thread] Keeps a message. What is kept counts in max_bytes.
 * @param msg borrowed or kept
 * @return the message kept, perhaps at another address: use this one; the caller owns it. NULL: no memory */
MR_API const struct mr_msg *mr_ref(const struct mr_msg *msg);

/** [any thread] Gives back what mr_ref(), mr_get() or mr_request_wait() gave, once each and before mr_close().
 * @param msg NULL is fine */
MR_API void mr_unref(const struct mr_msg *msg);

/** [any thread] What the tag was when this message was born.
 * @param msg any message
 * @return borrowed as long as the message; NULL if it is not of a tag */
MR_API const struct mr_tag_def *mr_msg_def(const struct mr_msg *msg);

/** @} */
/** @name Request and reply
 * @{ */

/** Asks whoever serves a topic. Never waits; at most one responder gets it, and it is never sent twice.
 * @param bus a handle
 * @param topic no filter; copied
 * @param data copied; may be NULL if len is 0
 * @param len at most 64 KiB
 * @param wait_ms how long an answer is of use: 1 to 120000
 * @param fn called exactly once for MR_OK unless mr_close() comes first. rc: MR_OK with the reply, borrowed until fn
 *   returns, else with NULL MR_NO_RESPONDER, MR_TIMEOUT, MR_ISOLATED (the agent was away all the time), MR_DENIED,
 *   MR_TOO_BIG (the reply), or MR_UNKNOWN (the agent went away with the request: perhaps it was done)
 * @param user handed to fn as it is
 * @retval MR_WOULD_BLOCK, MR_ISOLATED no room: not sent
 * @retval MR_INVALID not a topic, or wait_ms out of range
 * @retval MR_DENIED the rights are known and forbid it
 * @retval MR_TOO_BIG len */
MR_MUST enum mr_rc mr_request(struct mr_bus *bus, const char *topic, const void *data, size_t len, int wait_ms,
                              void (*fn)(void *user, enum mr_rc rc, const struct mr_msg *reply), void *user);

/** Asks and waits for the answer.
 * @param bus a handle without mr_thread()
 * @param topic no filter
 * @param data may be NULL if len is 0
 * @param len at most 64 KiB
 * @param wait_ms 1 to 120000
 * @param ret the caller owns it: mr_unref()
 * @retval MR_NO_RESPONDER nobody serves it; comes at once
 * @retval MR_TIMEOUT no answer: perhaps it was done
 * @retval MR_ISOLATED the agent was away all the time: not sent
 * @retval MR_UNKNOWN the agent went away with the request: perhaps it was done
 * @retval MR_INVALID, MR_DENIED, MR_TOO_BIG as mr_request() */
MR_MUST enum mr_rc mr_request_wait(struct mr_bus *bus, const char *topic, const void *data, size_t len, int wait_ms,
                                   const struct mr_msg **ret);

/** Serves requests on every topic of a filter. Never waits; if the agent later refuses, MR_ENDED with MR_RIGHTS comes.
 * @param bus a handle
 * @param filter copied
 * @param opt copied; NULL: all defaults; the fields on snapshot and backfill must be 0
 * @param fn gets the requests, to each of which mr_reply() is due; NULL: mr_next() does
 * @param user handed to fn as it is
 * @param ret as mr_subscribe(); mr_unsubscribe() ends it
 * @retval MR_INVALID not a filter, or an option out of range
 * @retval MR_DENIED the rights are known and do not cover the filter
 * @retval MR_TOO_BIG more than 256 filters in this handle */
MR_MUST enum mr_rc mr_serve(struct mr_bus *bus, const char *filter, const struct mr_sub_opt *opt, mr_msg_fn *fn,
                            void *user, struct mr_sub **ret);

/** Answers a request: in its callback, or later if mr_ref() has kept it. Once. Never waits.
 * @param request as received, or kept
 * @param data copied; may be NULL if len is 0
 * @param len at most 64 KiB
 * @retval MR_WOULD_BLOCK no room: not answered, try again
 * @retval MR_TIMEOUT its deadline is over: nobody waits any more
 * @retval MR_ISOLATED the agent it came from is gone, and the way back with it
 * @retval MR_INVALID not a request
 * @retval MR_MISUSE it has been answered
 * @retval MR_TOO_BIG len: not answered */
MR_MUST enum mr_rc mr_reply(const struct mr_msg *request, const void *data, size_t len);

/** @} */
/** @name Helpers
 * @{ */

/** [any thread] Is this a topic, or a filter? "./x" is. The one call that writes its second result on failure.
 * @param text NULL is MR_INVALID
 * @param filter are `+` and `#` allowed
 * @param ret_rule NULL, or on MR_INVALID and MR_TOO_BIG the rule that is broken, in words: static
 * @retval MR_INVALID a rule is broken
 * @retval MR_TOO_BIG more than 512 bytes or 32 levels */
MR_MUST enum mr_rc mr_topic_check(const char *text, bool filter, const char **ret_rule);

/** [any thread] Does a filter match a topic? Both as they are: "./" is not expanded.
 * @param filter a filter or topic
 * @param topic a topic
 * @return false also when either is not valid */
MR_API bool mr_topic_match(const char *filter, const char *topic);

/** [any thread] A value for people, as snprintf: numbers with the fewest digits that read back the same, '.' in every
 * locale; strings made safe for a terminal; bytes as text or 0x…; the first elements of arrays; "-" for no value.
 * @param v any value
 * @param buf size bytes; may be NULL if size is 0
 * @param size at most so many bytes are written, the NUL included
 * @return the length the whole text has without NUL */
MR_API int mr_value_text(const struct mr_value *v, char *buf, size_t size);

/** [any thread] The name of an OPC UA StatusCode (Part 6, annex A).
 * @param status any; its lower 16 bits do not matter
 * @return static, never NULL: "Good", "BadNoCommunication"; the severity's name if the code has none */
MR_API const char *mr_status_text(uint32_t status);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
