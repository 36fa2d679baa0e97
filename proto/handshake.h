/* handshake.h - how a session begins and ends: HELLO, WELCOME, BYE, the version both speak, the session id every frame carries.
 *
 *   client                                              server
 *     NEW ──START──▶ GREETING ──WELCOME──▶ UP             NEW ──HELLO──▶ ASKED ──ACCEPT──▶ UP
 *                       │ WELCOME with a floor               │ no common     │ ACCEPT with a floor
 *      any ─────────────┴──▶ OVER ◀── any     any ───────────┴ version ──────┴──▶ OVER ◀── any
 *
 * Every state but OVER also ends by BYE (theirs), QUIT (ours), FAULT (a broken rule) and, before UP, by the deadline.
 * Pure: one event in, actions out. */
#ifndef PROTO_HANDSHAKE_H
#define PROTO_HANDSHAKE_H
#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"

enum {
    PROTOCOL_VERSION = 2,        /* newest spoken: with transfers */
    PROTOCOL_VERSION_OLDEST = 1, /* N - 1 */
    HANDSHAKE_WAIT_MS = 3000     /* from the connection to UP */
};

enum handshake_state {
    HANDSHAKE_NEW,
    HANDSHAKE_GREETING,
    HANDSHAKE_ASKED,
    HANDSHAKE_UP,
    HANDSHAKE_OVER,
    HANDSHAKE_STATES
};

enum handshake_event_kind {
    HANDSHAKE_START,   /* client's owner: the connection is there */
    HANDSHAKE_HELLO,   /* server: HELLO came; version, oldest, session */
    HANDSHAKE_ACCEPT,  /* server's owner: answers; session (not 0), floor */
    HANDSHAKE_WELCOME, /* client: WELCOME came; version, session, floor */
    HANDSHAKE_BYE,     /* BYE came; session, rc, reason, retry_ms */
    HANDSHAKE_FRAME,   /* any other frame came; session */
    HANDSHAKE_QUIT,    /* owner ends it; rc, reason, retry_ms */
    HANDSHAKE_FAULT,   /* another part found a broken rule or has no memory; rc, reason */
    HANDSHAKE_TICK,
    HANDSHAKE_EVENTS
};

struct handshake_event {
    enum handshake_event_kind kind;
    uint32_t version, oldest;
    uint64_t session, floor;
    enum mr_rc rc;
    const char *reason; /* borrowed for the step */
    uint32_t retry_ms;
};

/* What to do, in this order. */
struct handshake_actions {
    bool say_hello;   /* send HELLO with version and oldest of the conf */
    bool ask_owner;   /* server: HELLO is fine, tell the owner */
    bool say_welcome; /* send WELCOME with .version of the machine */
    bool tell_up;     /* client: tell the owner what WELCOME said */
    bool say_bye;     /* send BYE with rc, reason, retry_ms: the last frame */
    bool tell_end;    /* tell the owner that the session ended: rc, reason, retry_ms */
    enum mr_rc rc;
    const char *reason; /* the event's, or static */
    uint32_t retry_ms;
};

struct handshake_conf {
    bool server;
    uint32_t newest, oldest; /* versions spoken here */
};

struct handshake {
    struct handshake_conf conf;
    enum handshake_state state;
    uint32_t version;    /* both speak it; 0 before */
    uint64_t session;    /* 0 before UP */
    int64_t deadline_ns; /* of the next TICK; INT64_MAX: none */
};

void handshake_init(struct handshake *h, const struct handshake_conf *conf, int64_t now_ns);

/* MR_OK: go on (the event was taken, or it ended the session: see actions). MR_MISUSE: the owner asks for what the state does
 * not allow; nothing changed. Whatever the peer does wrong ends the session: MR_OK with say_bye and tell_end.
 * After OVER every event but the owner's is ignored. */
MUST enum mr_rc handshake_step(struct handshake *h, const struct handshake_event *event, int64_t now_ns,
                               struct handshake_actions *ret);
#endif
