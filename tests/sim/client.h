/* client.h - how a program reaches its agent: by a bare session (as another implementer's client would), or by libmillrace. */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H
#include <millrace/millrace.h>

#include "base/rand.h"
#include "history.h"
#include "process.h"
#include "sdk/transport.h"
#include "station.h"

/* The last subscription of a program on libmillrace is read now and then, through a small ring. */
enum { CLIENT_SUBS = 6, CLIENT_POLLED = CLIENT_SUBS - 1 };

/* What a subscription is given. */
struct told {
    enum item_kind kind;           /* DATA, LOSS, SNAPSHOT_END, SPAN_OPENS, SPAN_CLOSES */
    const char *topic, *publisher; /* "m1/a2"; LOSS: NULL = anybody's */
    uint32_t flags;
    uint64_t birth, seq, count;
    enum mr_cause cause;
    const void *data;
    size_t len;
};

/* The program behind. Called from inside client_turn only. */
struct client_events {
    void (*on_told)(void *user, unsigned sub, const struct told *told);
    void (*on_outcome)(void *user, uint64_t id, enum mr_rc rc, const void *data, size_t len);
    /* Answer with client_answer(), now or later. */
    void (*on_request)(void *user, uint64_t call, const void *data, size_t len);
    void (*on_dropped)(void *user); /* it has told of losses */
};

struct client_conf {
    const char *name;
    const char *path; /* of the machine: "./" */
    struct process *process;
    struct machine *machine;
    const struct rand_source *rand;
    const struct transport *transport;
    struct history *history;
    const struct client_events *events;
    void *user;
};

struct client_record {
    const char *topic;
    uint32_t flags;
    const void *data; /* NULL: none */
    size_t len;
};

/* The two ways. Every client begins with its table. */
struct client {
    const struct client_kind *kind;
};
struct client_kind {
    const char *name;
    struct client *(*open)(const struct client_conf *conf);
    void (*close)(struct client *c, bool is_clean);
    void (*turn)(struct client *c); /* moves bytes, runs events, asks its process to be woken */
    bool (*is_up)(const struct client *c);
    enum mr_rc (*publish)(struct client *c, const struct client_record *record);
    enum mr_rc (*subscribe)(struct client *c, unsigned sub, const char *filter);
    void (*unsubscribe)(struct client *c, unsigned sub);
    enum mr_rc (*serve)(struct client *c, const char *filter);
    enum mr_rc (*request)(struct client *c, uint64_t id, const struct client_record *record, int wait_ms);
    enum mr_rc (*answer)(struct client *c, uint64_t call, const void *data, size_t len);
};
extern const struct client_kind client_bare, client_sdk;

/* A transport over the simulated net to the agent of the program's machine. */
struct pipe_user {
    struct station *agent;
    struct route_between *route;
    struct process *process;
    const char *program;
};
void pipe_transport(struct transport *ret, struct pipe_user *user);
#endif
