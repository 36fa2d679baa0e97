/* place.h - where the bus is: an agent's socket, or a context with which the command brings an agent of its own. */
#ifndef CLI_PLACE_H
#define CLI_PLACE_H
#include "agent/conf.h"
#include "base/err.h"
#include "cli/command.h"

#define PLACE_MACHINE_SOCKET "/run/millrace/agent.sock"

enum place_kind { PLACE_SOCKET, PLACE_CONTEXT };

struct place {
#define PLACE_MACHINE_SOCKET "/run/millrace/agent.sock"

    enum place_kind kind;
    char socket[AGENT_SOCKET_SIZE];
    char context[AGENT_FILE_SIZE]; /* the file */
    char words[160];               /* for errors: "socket /run/millrace/agent.sock", "context plant" */
};

/* The first that applies: --context, --socket, $MILLRACE_CONTEXT, $MILLRACE_SOCKET, the agent of this user or of this
 * machine if one listens, the context "default" if its file is there. ret->words is always written.
 * MR_NOT_FOUND: no agent listens, no context is there: *err says how to start one; MR_TOO_BIG: a path. */
MUST enum mr_rc place_find(const struct args *args, struct place *ret, struct err *err);

/* True when somebody listens on the socket. */
bool place_is_listening(const char *socket);

/* The socket of an agent of this user alone, "$XDG_RUNTIME_DIR/millrace/agent.sock". MR_NOT_FOUND: no such folder is set. */
MUST enum mr_rc place_user_socket(char ret[AGENT_FILE_SIZE]);

/* The file of a context: NAME.yaml among the user's contexts, or NAME itself if it has a '/'. MR_NOT_FOUND, MR_TOO_BIG. */
MUST enum mr_rc place_context_file(const char *name, char ret[AGENT_FILE_SIZE], struct err *err);

/* Reads a context for an embedded agent: keys name, brokers, key, directory as in agent.yaml. socket_path stays "". *err as
 * agent_conf_load(). */
MUST enum mr_rc place_load_context(const char *file, struct agent_conf *ret, struct err *err);
#endif
