/* governor.c - the timer, the memory's growth and the log around the table of connections. */
#include "broker/governor.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/limits.h"
#include "broker/pending.h"
#include "broker/repeats.h"
#include "proto/lanes.h"
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TELL_FULL_MS = 10000, /* a flood opens and closes the door many times in a second */
    NAMES_SIZE = 3 * PENDING_NAME_SIZE,
    TRIM_MS = 500, /* by then libzmq has freed what a cut connection had */
    /* The first word is a HELLO of a few hundred bytes, which waits for its answer. */
    SILENT_BYTES = AGENT_MAXMSGSIZE_BYTES + 64 * 1024
};

static const int64_t ns_per_ms = 1000000;

struct governor {
    struct governor_options options;
    struct limits limits;
    struct pending pending; /* who has yet to speak */
    struct repeats repeats; /* whose cuts were logged of late */
    struct zserver *server;
    struct loop_timer *timer;
    int statm;           /* /proc/self/statm; -1: there is none, growth is not noticed */
    uint64_t seen_bytes; /* memory of the process when all were looked at, or less since */
    int64_t trim_ns;     /* when to give freed memory back; 0: there is none */
    int64_t told_ns;     /* when it was last said that it is full; 0: never */
    uint64_t holds, cuts;
    bool is_held, cannot_hold;
};

/* -- the door -------------------------------------------------------------------------------------------------------- */
static void tell_full(struct governor *g, int64_t now_ns)
{
    if (g->told_ns && now_ns - g->told_ns < TELL_FULL_MS * ns_per_ms)
        return;
    g->told_ns = now_ns;
    log_event(WARN, "BROKER-FULL",
              "listener=%s connections=%u max_connections=%u unauthenticated=%u max_unauthenticated=%u "
              "remedy=%s",
              g->options.listener, g->limits.open, g->options.max_open, g->limits.silent, g->options.max_silent,
              "newcomers wait; if these are not strangers raise limits.sessions or limits.unauthenticated");
}

static void hold(struct governor *g, bool is_held)
{
    g->is_held = is_held;
    if (is_held) {
        g->holds++;
        tell_full(g, loop_now_ns(g->options.loop));
    }
    if (g->cannot_hold || zserver_hold(g->server, is_held) == MR_OK)
        return;
    g->cannot_hold = true;
    log_event(ERROR, "BROKER-HOLD-FAILED", "listener=%s reason=%s", g->options.listener,
              "this system has no socket filters: newcomers above the limits are cut off instead of waiting");
}

static void mind_the_door(struct governor *g)
{
    bool is_full = limits_is_full(&g->limits);
    if (g->server && is_full != g->is_held)
        hold(g, is_full);
}

static void wake(struct governor *g)
{
    loop_timer_start(g->timer, loop_now_ns(g->options.loop) + GOVERNOR_TICK_MS * ns_per_ms);
}

/* Some come in before the door is shut: the kernel had accepted them, or libzmq was faster than we. */
static bool is_one_too_many(const struct governor *g)
{
    uint32_t slack = g->cannot_hold ? 0 : g->options.max_silent;
    return g->limits.silent > g->options.max_silent + slack || g->limits.open > g->options.max_open + slack;
}

static void on_accepted(void *user, int fd)
{
    struct governor *g = user;
    bool is_first = g->limits.open == 0;
    enum mr_rc rc = limits_accepted(&g->limits, fd, tcpfd_inode(fd), loop_now_ns(g->options.loop));
    if (g->server && (rc || is_one_too_many(g)))
        zserver_shutdown_peer(g->server, fd);
    if (is_first)
        wake(g);
    mind_the_door(g);
}

static void on_closed(void *user, int fd)
{
    struct governor *g = user;
    limits_closed(&g->limits, fd);
    mind_the_door(g);
}

void governor_on_admitted(struct governor *g, const char *address, const char *name)
{
    pending_add(&g->pending, address, name, loop_now_ns(g->options.loop));
}

void governor_on_message(struct governor *g, const struct zmessage *message)
{
    if (limits_delivered(&g->limits, message->fd, message->peer, zsock_wire_bytes(message->len)))
        pending_take(&g->pending, message->address, message->user_id);
    if (g->is_held)
        mind_the_door(g);
}

/* -- cuts ------------------------------------------------------------------------------------------------------------ */
/* names: who it is; several where libzmq has not told yet which; "" a stranger. */
static void tell_cut(struct governor *g, const char *names, const char *address, uint64_t bytes, const char *reason)
{
    uint64_t more = 0;
    g->cuts++;
    if (repeats_note(&g->repeats, *names ? names : address, loop_now_ns(g->options.loop), &more))
        log_event(WARN, "BROKER-CUT", "listener=%s peer=%s address=%s held_bytes=%ju more=%ju reason=%s",
                  g->options.listener, names, address, (uintmax_t)bytes, (uintmax_t)more, reason);
}

/* -- the walk -------------------------------------------------------------------------------------------------------- */
/* What the process has in memory; 0: not known. */
static uint64_t resident_bytes(const struct governor *g)
{
    char text[64]; /* pages: size, resident, and more */
    ssize_t len = g->statm >= 0 ? pread(g->statm, text, sizeof text - 1, 0) : -1;
    if (len <= 0)
        return 0;
    text[len] = '\0';
    const char *space = strchr(text, ' ');
    return space ? strtoull(space, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static bool has_grown(struct governor *g)
{
    uint64_t now_bytes = resident_bytes(g);
    bool has_grown = now_bytes > g->seen_bytes + GOVERNOR_GROWTH_BYTES;
    if (has_grown || now_bytes < g->seen_bytes)
        g->seen_bytes = now_bytes;
    return has_grown;
}

static void on_cut(void *user, const struct limits_cut *cut)
{
    static const char *const words[] = {[LIMITS_SAID_NOTHING] = "it connected and said nothing",
                                        [LIMITS_UNDELIVERED] = "it sends a message that it does not finish",
                                        [LIMITS_UNREAD] = "it grants credit for what it does not read"};
    struct governor *g = user;
    char address[TCPFD_ADDRESS_SIZE], names[NAMES_SIZE];
    int64_t now_ns = loop_now_ns(g->options.loop);
    tcpfd_peer(cut->fd, address);
    zserver_shutdown_peer(g->server, cut->fd);
    unsigned n_names = 1;
    if (cut->peer)
        snprintf(names, sizeof names, "%s", g->options.name_of(g->options.user, cut->peer));
    else
        n_names = pending_names(&g->pending, address, now_ns, names, sizeof names);
    tell_cut(g, names, address, cut->bytes, words[cut->why]);
    if (cut->why == LIMITS_SAID_NOTHING)
        return;
    g->trim_ns = now_ns + TRIM_MS * ns_per_ms;
    if (n_names == 1)
        g->options.on_offence(g->options.user, names);
}

static void on_broken(void *user, const struct zmessage *message, const char *words)
{
    struct governor *g = user;
    if (limits_delivered(&g->limits, message->fd, message->peer, zsock_wire_bytes(message->len)))
        pending_take(&g->pending, message->address, message->user_id);
    tell_cut(g, message->user_id, message->address, 0, words);
    g->options.on_offence(g->options.user, message->user_id);
}

const struct zserver_watch governor_watch = {
    .on_accepted = on_accepted, .on_closed = on_closed, .on_broken = on_broken};

/* Freed memory stays with the process unless asked for, and a cut connection may have left a lot. */
static void trim(struct governor *g, int64_t now_ns)
{
    if (!g->trim_ns || g->trim_ns > now_ns)
        return;
    g->trim_ns = 0;
    malloc_trim(0);
}

static void on_timer(void *user)
{
    struct governor *g = user;
    int64_t now_ns = loop_now_ns(g->options.loop);
    uint32_t n = has_grown(g) ? UINT32_MAX : GOVERNOR_WALK;
    limits_walk(&g->limits, n, now_ns, tcpfd_look, on_cut, g);
    mind_the_door(g);
    trim(g, now_ns);
    if (g->limits.open > 0 || g->trim_ns)
        wake(g);
}

/* -- life ------------------------------------------------------------------------------------------------------------ */
/* What credit lets a peer have in flight, each lane overdrawn by a message, and a sixteenth for what is around them. */
static uint64_t held_bytes(const struct governor_options *options)
{
    uint64_t credit = LANES_CONTROL_WINDOW_BYTES + (uint64_t)(LANE_COUNT - 1) * CREDIT_MAX_BYTES;
    uint64_t all = credit + LANE_COUNT * (uint64_t)options->max_message_bytes;
    return all + all / 16;
}

enum mr_rc governor_new(struct governor **ret, const struct governor_options *options, struct err *err)
{
    struct governor *g = mem_calloc(1, sizeof *g);
    if (!g) {
        err_set(err, "%s", rc_text(MR_NO_MEMORY));
        return MR_NO_MEMORY;
    }
    const struct limits_conf conf = {.max_silent = options->max_silent,
                                     .max_open = options->max_open,
                                     .silent_ns = GOVERNOR_SILENT_MS * ns_per_ms,
                                     .silent_bytes = SILENT_BYTES,
                                     .held_bytes = held_bytes(options)};
    g->options = *options;
    limits_init(&g->limits, &conf);
    enum mr_rc rc = loop_timer_new(options->loop, on_timer, g, &g->timer);
    if (rc) {
        err_set(err, "%s", rc_text(rc));
        mem_free(g);
        return rc;
    }
    g->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    *ret = g;
    return MR_OK;
}

void governor_free(struct governor *g)
{
    if (!g)
        return;
    loop_timer_free(g->timer);
    limits_fini(&g->limits);
    if (g->statm >= 0)
        close(g->statm);
    mem_free(g);
}

void governor_rule(struct governor *g, struct zserver *server)
{
    g->server = server;
    g->seen_bytes = resident_bytes(g);
}

bool governor_on_sent(struct governor *g, int fd, uint32_t peer, size_t len)
{
    return !limits_sent(&g->limits, fd, peer, zsock_wire_bytes(len)) ||
           limits_inspect(&g->limits, fd, loop_now_ns(g->options.loop), tcpfd_look, on_cut, g);
}

void governor_get_stats(const struct governor *g, struct governor_stats *ret)
{
    *ret = (struct governor_stats){
        .open = g->limits.open, .silent = g->limits.silent, .holds = g->holds, .cuts = g->cuts, .is_held = g->is_held};
}
