/* conf.h - the agent's configuration: agent.yaml and directory.yaml, checked, as one plain struct.
 *
 * agent.yaml; everything but name and brokers may be left out, shown with its default:
 *   name: press-07                  # as the registry knows this machine
 *   brokers: [mr1.plant.example]    # names or addresses found in the directory; tried in random order
 *   include: "agent.d/[!.]*.yaml"   # more files with the same keys, in the order of their names; the last one wins
 *   path: acme/lyon/press-07        # place in the plant before the first contact; then the registry says it
 *   data: /var/lib/millrace-agent   # birth epoch, last known path and last values
 *   key: agent.key                  # relative names begin at the folder of agent.yaml
 *   directory: directory.yaml
 *   socket: {path: /run/millrace/agent.sock, mode: "0660"}
 *   telemetry: {interval: 10 s, enabled: true}
 *   limits: {apps: 128, filters: 4096}
 *   spool: {max: 4 GiB, age: 7 d}   # checked; takes effect with streams
 *   log: {level: info, format: text}
 *   pin_cpu: -1                     # loop and I/O thread on this CPU; -1: anywhere
 *
 * directory.yaml has the broker keys this machine trusts (base/io/directory.h). */
#ifndef AGENT_CONF_H
#define AGENT_CONF_H
#include "base/io/directory.h"
#include "base/io/keys.h"
#include "base/io/zsock.h"
#include "base/log.h"
#include "proto/limits.h"
#include <sys/types.h>

enum {
    AGENT_NAME_SIZE = 64,    /* [a-z0-9][a-z0-9._-]{0,62} and NUL */
    AGENT_FILE_SIZE = 1024,  /* a file's name and NUL */
    AGENT_SOCKET_SIZE = 108, /* a unix socket's path and NUL */
    AGENT_APPS_MOST = 1024,  /* of limits.apps */
    AGENT_BROKER_PORT = DIRECTORY_AGENTS_PORT
};

struct agent_conf {
    char name[AGENT_NAME_SIZE];
    struct directory_broker brokers[BROKERS_MAX];
    size_t n_brokers;
    char path[TOPIC_MAX_BYTES + 1]; /* "" = not known before the first contact */
    char data[AGENT_FILE_SIZE];     /* folder, made when missing; "" = ephemeral: nothing is persisted */
    char key_file[AGENT_FILE_SIZE]; /* of kind agent or person */
    char socket_path[AGENT_SOCKET_SIZE];
    mode_t socket_mode;
    bool has_telemetry;
    uint32_t telemetry_ms;          /* 1,000 to 3,600,000 */
    uint32_t max_apps, max_filters; /* each at least 1; filters as it asks its broker for them, merged */
    uint64_t spool_max_bytes;
    int64_t spool_age_ns;
    enum log_level log_level;
    enum log_format log_format;
    int pin_cpu;
};

/* Everything as the table above says, no name, no brokers. An embedded agent starts from here, fills in name, brokers,
 * key_file and socket_path, and sets data to "" and has_telemetry to false. */
void agent_conf_defaults(struct agent_conf *ret);

/* Reads agent.yaml with what it includes and its directory. *err reads "FILE:LINE: what is wrong and what to do".
 * MR_NOT_FOUND, MR_DENIED: a file; MR_INVALID: content; MR_TOO_BIG; MR_NO_MEMORY. */
MUST enum mr_rc agent_conf_load(const char *path, struct agent_conf *ret, struct err *err);
#endif
