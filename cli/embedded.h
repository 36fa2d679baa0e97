/* embedded.h - an agent of the command's own, in a thread of this process, for machines that have none: nothing persisted,
 * no telemetry, a private socket in a folder that is removed again. */
#ifndef CLI_EMBEDDED_H
#define CLI_EMBEDDED_H
#include "agent/conf.h"
#include "base/err.h"

struct embedded;
struct loop;

enum embedded_state {
    EMBEDDED_CONNECTING,
    EMBEDDED_UP,      /* it has a broker */
    EMBEDDED_REFUSED, /* the broker does not know our key, or is not the pinned one */
    EMBEDDED_FAILED,  /* it did not even start */
};

/* Starts the thread; conf is copied but for socket_path, which is set. Wakes `loop` at every change of state; loop is
 * borrowed until embedded_free(). The process ignores the log of the agent below ERROR. MR_NO_MEMORY, MR_DENIED: no
 * folder for the socket. */
MUST enum mr_rc embedded_new(const struct agent_conf *conf, struct loop *loop, struct embedded **ret, struct err *err);

/* The state now; *why, unless NULL, gets the words of the last attempt. Any thread. */
enum embedded_state embedded_get_state(struct embedded *embedded, struct err *why);

/* Borrowed until embedded_free(). */
const char *embedded_socket(const struct embedded *embedded);

/* Ends the agent in order, within AGENT_STOP_MS; removes the folder. NULL is fine. */
void embedded_free(struct embedded *embedded);
#endif
