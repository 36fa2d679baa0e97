/* conf.h - the broker's configuration, broker.yaml, checked, as one plain struct.
 *
 * Everything but name may be left out, shown with its default:
 *   name: mr1
 *   data: /var/lib/millrace         # checked; takes effect when tables and streams are saved
 *   peers: []                       # other brokers: more than none is refused in this version
 *   listen: {agents: "*:7420"}
 *   key: broker.key                 # relative names begin at the folder of broker.yaml
 *   registry: registry.yaml
 *   limits: {sessions: 10000, filters: 1000000, topics: 1000000, slots: 100000}
 *   log: {level: info, format: text}
 *   pin_cpu: -1                     # loop and I/O thread on this CPU; -1: anywhere
 */
#ifndef BROKER_CONF_H
#define BROKER_CONF_H
#include "base/io/zsock.h"
#include "base/log.h"

enum {
    BROKER_NAME_SIZE = 64,   /* [a-z0-9][a-z0-9._-]{0,62} and NUL */
    BROKER_FILE_SIZE = 1024, /* a file's name and NUL */
    BROKER_TOPICS = 1000000  /* default of limits.topics */
};

struct broker_conf {
    char name[BROKER_NAME_SIZE];
    char data[BROKER_FILE_SIZE];
    char key_file[BROKER_FILE_SIZE];
    char registry_file[BROKER_FILE_SIZE];
    char listen_agents[ZSOCK_ADDRESS_SIZE];                    /* as zserver_options.address */
    uint32_t max_sessions, max_filters, max_topics, max_slots; /* each at least 1 */
    enum log_level log_level;
    enum log_format log_format;
    int pin_cpu;
};

/* Everything as the table above says, no name; key and registry in the working folder. */
void broker_conf_defaults(struct broker_conf *ret);

/* *err reads "FILE:LINE: what is wrong and what to do". MR_NOT_FOUND, MR_DENIED, MR_INVALID, MR_TOO_BIG, MR_NO_MEMORY. */
MUST enum mr_rc broker_conf_load(const char *path, struct broker_conf *ret, struct err *err);
#endif
