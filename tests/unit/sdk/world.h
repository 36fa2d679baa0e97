/* world.h - a handle and its agent in one thread: bytes through memory, time that moves only when a test says so. */
#ifndef TESTS_UNIT_SDK_WORLD_H
#define TESTS_UNIT_SDK_WORLD_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdk/bus.h"
#include "tests/unit/sdk/wire_agent.h"

struct world {
    int64_t now_ns;
    struct clock clock;
    struct rand_seeded rand;
    struct transport transport;
    struct wire_agent agent;
    struct connection *connection; /* NULL: none */
    bool is_listening;             /* else nobody is there to connect to */
    bool is_deaf;                  /* the agent does not read */
    unsigned connects;
    struct mr_bus *bus;
};

/* What a program's callbacks saw, one line each: "DATA topic 1.5 flags", "LOSS 3 SLOW_READER", "END", "ENDED text" … */
struct seen_log {
    char text[16384];
    unsigned n;
};
void log_message(void *user, const struct mr_msg *msg); /* an mr_msg_fn */
void log_clear(struct seen_log *log);

/* Frees: world_free(). opt may be NULL. */
struct world *world_new(const struct mr_options *opt);
void world_free(struct world *w);
void world_settle(struct world *w);           /* until neither side has anything to say */
void world_pass(struct world *w, int64_t ms); /* time passes, in steps, settling */
void world_cut(struct world *w);              /* the connection breaks */
void world_pump_agent(struct world *w);       /* only the agent's side works */
#endif
