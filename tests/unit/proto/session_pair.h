/* session_pair.h - two sessions and the link between them, under a clock of their own: for tests of the session. */
#ifndef TESTS_SESSION_PAIR_H
#define TESTS_SESSION_PAIR_H
#include "proto/session.h"

enum { PAIR_LOG_TEXT = 160, PAIR_LOG_LINES = 512 };

struct pair_side {
    struct pair *pair;
    struct session *session;
    char log[PAIR_LOG_LINES][PAIR_LOG_TEXT]; /* what came up, in words */
    unsigned lines;
    bool ended;
    enum mr_rc end_rc;
    uint32_t end_retry_ms;
    uint64_t acked;        /* interest */
    uint64_t last_version; /* complete, at the server */
    int64_t offset_us, error_us;
    unsigned clocks;
    bool keeps_chunks; /* does not give their credit back, but counts it: */
    uint32_t kept;
};

struct pair {
    struct pair_side client, server;
    int64_t now_ns;
    struct rand_seeded rand;
    struct session_welcome welcome; /* what the server answers at once; .identity NULL: it does not */
};

/* Both sessions with the defaults of `conf` (its role, events, user, rand are set here), nothing exchanged yet.
 * Fails the test when it cannot. */
void pair_start(struct pair *p, const struct session_conf *conf);
void pair_stop(struct pair *p);

/* Takes what both sides have, gives it to the other, until nothing moves; no time passes. */
void pair_settle(struct pair *p);
/* Time passes in steps of 10 ms, with ticks at deadlines, and everything is exchanged at once. */
void pair_run(struct pair *p, int64_t ms);
void pair_tick(struct pair *p);
/* pair_start, pair_settle, and both are up; logs are empty. */
void pair_up(struct pair *p, const struct session_conf *conf);

bool pair_logged(const struct pair_side *side, const char *line); /* some line is equal */
const char *pair_last(const struct pair_side *side);              /* "" when there is none */
void pair_forget(struct pair *p);                                 /* empties both logs */

/* A live record with a body of n bytes that parse. */
enum mr_rc pair_put(struct pair_side *side, enum lane lane, uint32_t publisher, uint64_t seq, size_t n);

/* Hands the side a frame made of these parts, as if the other had sent it. */
enum mr_rc pair_feed(struct pair_side *side, unsigned kind, unsigned lane, uint64_t session, const void *payload,
                     size_t len);
uint64_t pair_session_id(const struct pair *p);
#endif
