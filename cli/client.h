/* client.h - a command's connection to the bus: finds it, opens a handle on it, and turns both in one loop until a signal. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H
#include <millrace/millrace.h>

#include "base/err.h"
#include "cli/command.h"

struct client;
struct loop;

/* Why there is no connection. */
struct client_failure {
    enum mr_rc rc;
    bool is_interrupted; /* a signal came first */
    char where[160];     /* the way tried */
    struct err reason;
};

enum client_end {
    CLIENT_DONE,        /* client_done() was called */
    CLIENT_LATE,        /* the time is over */
    CLIENT_INTERRUPTED, /* SIGINT or SIGTERM */
    CLIENT_CLOSED,      /* the agent will not have us; told */
};

/* Finds the bus and waits until the agent is there, and for a context until its broker is. MR_OK, or a failure that was
 * told on stderr, *ret_exit with what the program returns for it. */
MUST enum mr_rc client_open(const struct args *args, struct client **ret, int *ret_exit);

/* As above, but tells nobody: for millrace check. *failure is written on failure. */
MUST enum mr_rc client_try_open(const struct args *args, struct client **ret, struct client_failure *failure);

/* Hands over what is queued for at most wait_ms. NULL is fine. */
void client_close(struct client *client, int wait_ms);

/* Borrowed until client_close(). */
struct mr_bus *client_bus(const struct client *client);
struct loop *client_loop(const struct client *client);
const char *client_where(const struct client *client); /* "socket /run/millrace/agent.sock" */

/* Runs callbacks until one calls client_done(), the time is over (-1: never) or a signal comes. A signal that came before
 * is remembered. */
enum client_end client_run(struct client *client, int wait_ms);

/* Makes client_run() return, the one that runs or the next one. */
void client_done(struct client *client);

/* Since when the agent has no broker, as it says, µs since 1970; 0: it has one. */
int64_t client_isolated_since_us(const struct client *client);

/* Notes on stderr that the agent has no broker, and since when, if so. */
void client_note_isolation(const struct client *client);

/* Notes on stderr from now on when the agent or its broker is lost or comes back. */
void client_watch_state(struct client *client);

/* Tells that a call failed with the SDK's reason; returns the exit code. */
int client_fail(const struct client *client, enum mr_rc rc);

/* Is it a topic, or a filter? MR_INVALID: told; *ret_exit is EXIT_USAGE. */
MUST enum mr_rc client_check_topic(const struct args *args, const char *text, bool is_filter, int *ret_exit);
#endif
