/* history.h - what happened in one run, as seen from outside the product: the checker's only input.
 *
 * Topics, machines and programs are numbers here; a record is known by (machine, birth, seq) and by the number its program
 * wrote into it. */
#ifndef SIM_HISTORY_H
#define SIM_HISTORY_H
#include <millrace/millrace.h>

#include "sim.h"

enum { HISTORY_ANY = -1, HISTORY_BROKER = -1, HISTORY_BROKERS = 5 };

/* Brokers are the places below zero. */
static inline int history_broker(int nth)
{
    return HISTORY_BROKER - nth;
}

/* A program handed a record to the bus. */
struct published {
    uint64_t number; /* who, in which life, the how manyth; 0 for none */
    uint64_t hash;   /* of its bytes */
    int64_t at_ns;
    uint32_t topic, flags;
    bool must_arrive; /* written when all was well: it has to be accepted */
};

/* The agent took it. Kept per machine, in order. */
struct accepted {
    uint64_t birth, seq, number, hash;
    int64_t at_ns;
    uint32_t topic, flags;
    int program;
    uint32_t session; /* the program's, at its agent: what it wrote in an earlier one is stale */
    bool is_anew; /* a last value that its agent, born again, numbered anew: not live, it comes as a snapshot does */
};

enum item_kind {
    ITEM_DATA,
    ITEM_LOSS,
    ITEM_SNAPSHOT_END,
    ITEM_EXPECTED,    /* (topic, machine) has been seen in this version or a later one by now */
    ITEM_SPAN_OPENS,  /* the program's own session ended: a loss, and so on until the next */
    ITEM_SPAN_CLOSES, /* its interest is in force again: a loss, the last of that span */
    ITEM_FAULT,       /* something broke or was dropped somewhere */
    ITEM_CALM,        /* nothing did for long: all accepted up to `upto_ns` has arrived or was told to be lost */
    ITEM_CLOSED       /* the program ended the subscription, or ended itself */
};

/* What one subscription was given, or what went on around it. */
struct item {
    enum item_kind kind;
    int64_t at_ns, upto_ns;
    int machine; /* whose record; HISTORY_ANY: anybody's */
    uint32_t topic, flags;
    uint64_t birth, seq, count, number, hash;
    enum mr_cause cause;
};

struct subscription {
    int program, machine; /* where it is */
    char filter[64];      /* in full */
    bool with_backfill;
    bool is_read_slowly; /* through a small ring in the program itself: what that drops is told, and not shown again */
    bool is_open;        /* at the end of the run */
    struct item *items;
    size_t n, cap;
};

enum asked_expect { EXPECT_ANYTHING, EXPECT_ANSWER, EXPECT_NOBODY };

struct asked {
    uint64_t id; /* written into the request */
    int64_t at_ns;
    enum asked_expect expect;
    unsigned outcomes, handled;
    enum mr_rc rc;
    uint64_t answers_id; /* what the answer says it answers */
    bool is_forsaken;    /* its program ended first: nobody was there to be told */
};

/* A last value as a station holds it when all has come to rest. */
struct final_slot {
    int place, owner; /* place: machine of the agent, or history_broker() */
    uint32_t topic;
    uint64_t birth, seq, hash;
    int64_t accept_us;         /* by its home broker; of brokers only */
    bool is_cleared, is_fresh; /* fresh: brokers only */
};

/* A machine that is up at the end (program HISTORY_ANY), or a program on it that has a session. */
struct final_life {
    int machine, program;
    uint64_t birth;
    uint32_t session;
};

/* A publisher as a broker sees it at the end. */
struct final_presence {
    int place;            /* history_broker() */
    int machine, program; /* program HISTORY_ANY: the machine itself */
    uint64_t birth;
    bool is_alive;
};

struct history {
    char **topics;
    size_t n_topics, cap_topics;
    struct published *published;
    size_t n_published, cap_published;
    struct machine_history {
        struct accepted *accepted;
        size_t n, cap;
        uint64_t met_birth; /* the latest in which a broker welcomed it */
    } machines[8];
    int n_machines, n_brokers;
    bool is_broker_up[HISTORY_BROKERS]; /* at the end */
    struct subscription **subs;
    size_t n_subs, cap_subs;
    struct asked *asked;
    size_t n_asked, cap_asked;
    struct final_slot *slots;
    size_t n_slots, cap_slots;
    struct final_life *lives;
    size_t n_lives, cap_lives;
    struct final_presence *presence;
    size_t n_presence, cap_presence;
    const int64_t *now_ns; /* for the time of a problem; NULL: it has none */
    char problem[256];     /* the first thing seen to be wrong while it ran; "" = none */
};

void history_init(struct history *h, int n_machines, int n_brokers);
void history_fini(struct history *h);
uint32_t history_topic(struct history *h, const char *text); /* finds or adds */
struct published *history_publish(struct history *h);
struct accepted *history_accept(struct history *h, int machine);
struct subscription *history_subscribe(struct history *h);
struct item *history_item(struct subscription *sub, enum item_kind kind, int64_t at_ns);
void history_all(struct history *h, enum item_kind kind, int64_t at_ns, int64_t upto_ns); /* into every open one */
struct asked *history_ask(struct history *h);
struct asked *history_find_asked(struct history *h, uint64_t id); /* NULL: never asked */
struct final_slot *history_slot(struct history *h);
struct final_life *history_life(struct history *h);
struct final_presence *history_presence(struct history *h);
void history_problem(struct history *h, const char *format, ...) FORMAT_CHECKED(2, 3);

uint64_t history_hash(const void *data, size_t len); /* 0 for no bytes */
#endif
