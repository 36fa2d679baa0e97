/* governor.h - keeps one listener's connections within its limits (broker/limits.h): lets newcomers wait when it is full, and
 * every GOVERNOR_TICK_MS cuts who said nothing for too long or sends what nobody gets to see.
 *
 * With ten thousand connections a look at all of them in every tick would cost a quarter of a CPU. So GOVERNOR_WALK of them get
 * one, in turn, and all at once as soon as the process has grown by GOVERNOR_GROWTH_BYTES since the last time: what all peers
 * together can make libzmq hold before each has been looked at is that, and what the network brings in one tick. */
#ifndef BROKER_GOVERNOR_H
#define BROKER_GOVERNOR_H
#include "base/err.h"
#include "base/io/loop.h"
#include "base/io/zsock.h"

enum {
    GOVERNOR_TICK_MS = 100,
    GOVERNOR_WALK = 256,
    GOVERNOR_GROWTH_BYTES = 16 * 1024 * 1024,
    GOVERNOR_SILENT_MS = 6000 /* a handshake of 3 s, and as long again for the first word */
};

struct governor;

struct governor_options {
    struct loop *loop;
    const char *listener;     /* its name in the log; borrowed until governor_free(), as everything here */
    uint32_t max_silent;      /* connections without a proved key's first word */
    uint32_t max_open;        /* all of them */
    size_t max_message_bytes; /* of the listener */
    /* Who that is; "" where it is not known. */
    const char *(*name_of)(void *user, uint32_t peer);
    /* Whoever has this name does what nobody honest does, and was cut for it. */
    void (*on_offence)(void *user, const char *name);
    void *user;
};

/* MR_NO_MEMORY. */
MUST enum mr_rc governor_new(struct governor **ret, const struct governor_options *options, struct err *err);

/* After zserver_free(). NULL is fine. */
void governor_free(struct governor *g);

/* For zserver_options.watch; its user is the governor. */
extern const struct zserver_watch governor_watch;

/* The listener whose newcomers wait; borrowed until governor_free(). At once after zserver_new(). */
void governor_rule(struct governor *g, struct zserver *server);

/* A key was admitted, of a connection from there that has yet to say its first word. */
void governor_on_admitted(struct governor *g, const char *address, const char *name);

/* On every message. */
void governor_on_message(struct governor *g, const struct zmessage *message);

/* A message of len bytes was handed to libzmq for this peer, whose descriptor this is. False: it was cut, because it left too
 * much unread; nothing more is to be sent to it. */
bool governor_on_sent(struct governor *g, int fd, uint32_t peer, size_t len);

struct governor_stats {
    uint32_t open, silent;
    uint64_t holds; /* times that newcomers had to wait */
    uint64_t cuts;
    bool is_held;
};
void governor_get_stats(const struct governor *g, struct governor_stats *ret);
#endif
