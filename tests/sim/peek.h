/* peek.h - looks into a hub where its interface shows nothing: the only file of the simulator that knows its inside. */
#ifndef SIM_PEEK_H
#define SIM_PEEK_H
#include "bus/hub.h"
#include "history.h"

bool peek_has_uplink(const struct hub *hub);
bool peek_is_settled(const struct hub *hub); /* nothing is being walked, waited for or offered */
uint64_t peek_seq(const struct hub *hub);    /* live number of the last record taken */
size_t peek_most_queued(const struct hub *hub);

/* The agent's hub took records of this frame: notes those numbered above `before`, in order. */
struct peek_source {
    int machine, program;
    uint32_t session;
    int64_t now_ns;
};
void peek_accepted(const struct hub *hub, struct history *history, const struct peek_source *source,
                   const uint8_t *frame, size_t len, uint64_t before);

/* The agent was born again, and numbered its own last values anew: notes those above `before`. */
void peek_numbered_anew(const struct hub *hub, struct history *history, int machine, uint64_t before, int64_t now_ns,
                        uint32_t (*session_of)(void *user, int program), void *user);

/* Every last value it holds, place as in struct final_slot. */
void peek_slots(const struct hub *hub, struct history *history, int place);
/* Those that match and have not changed since an instant of the hub's clock, as ITEM_EXPECTED. A broker's do not count for the
 * machine they are from, which has them itself. */
void peek_expected(const struct hub *hub, struct history *history, struct subscription *sub, int64_t now_ns,
                   int64_t unchanged_since_ns);
void peek_presence(const struct hub *hub, struct history *history, int place);
uint64_t
peek_values(const struct hub
                *hub); /* equal in two hubs that hold the same last values of machines, accepted at the same instants */
uint64_t peek_interest(const struct hub *hub); /* changes with the entries of its agents */

/* The records of agents in a frame that came on a broker's port, after hub_input(). */
struct peek_record {
    int machine;
    const char *topic;
    bool is_live, is_kept; /* not live: of a snapshot */
    bool is_wanted;        /* an entry of an agent matches */
};
typedef void peek_record_fn(void *user, const struct peek_record *record);
void peek_mesh(const struct hub *hub, uint32_t port, const uint8_t *frame, size_t len, peek_record_fn *fn, void *user);
bool peek_shows_alive(const struct hub *hub, int machine, uint64_t birth);
bool peek_knows(const struct hub *hub, int machine, uint64_t birth); /* that the machine has lived in that birth */

int peek_machine(const char *identity); /* the number in "m1", 0 first; HISTORY_ANY: no machine's name */
int peek_program(const char *part);     /* the same of "a1" */
#endif
