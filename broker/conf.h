/* conf.h - the broker's configuration, broker.yaml, checked, as one plain struct.
 *
 * Everything but name may be left out, shown with its default:
 *   name: mr1
 *   data: /var/lib/millrace         # folder, made when missing: birth epoch and last values
 *   peers: []                       # the other brokers of the cluster: names or addresses found in the directory
 *   listen: {agents: "*:7420", mesh: "*:7421"}   # mesh: only with peers
 *   key: broker.key                 # relative names begin at the folder of broker.yaml
 *   registry: registry.yaml
 *   directory: directory.yaml       # read only with peers (base/io/directory.h)
 *   limits: {sessions: 10000, unauthenticated: 256, filters: 1000000, topics: 1000000, slots: 100000, credit: 512 MiB}
 *                                   # and of one machine's session, none by default: rate: 20000 (records a second),
 *                                   # bytes_rate: 20 MiB (bytes a second)
 *   log: {level: info, format: text}
 *   pin_cpu: -1                     # loop and I/O thread on this CPU; -1: anywhere
 */
#ifndef BROKER_CONF_H
#define BROKER_CONF_H
#include "base/io/zsock.h"
#include "base/log.h"
#include "broker/peers.h"

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
    char directory_file[BROKER_FILE_SIZE];
    struct peers peers; /* all trusted, none is this broker */
    bool is_listed;     /* the directory has this broker too, with this key: */
    uint8_t listed_key[KEYS_BYTES];
    char listen_agents[ZSOCK_ADDRESS_SIZE]; /* as zserver_options.address, as the next one */
    char listen_mesh[ZSOCK_ADDRESS_SIZE];
    uint32_t max_sessions, max_filters, max_topics, max_slots; /* each at least 1 */
    uint32_t max_unauthenticated;                              /* connections of one listener, 1 to 65,536 */
    uint32_t max_records_per_s;                                /* of a machine's session; 0: no limit */
    uint64_t max_bytes_per_s;                                  /* likewise */
    size_t max_credit_bytes;                                   /* 1 MiB to 1 TiB */
    enum log_level log_level;
    enum log_format log_format;
    int pin_cpu;
};

/* Everything as the table above says, no name; key, registry and directory in the working folder. */
void broker_conf_defaults(struct broker_conf *ret);

/* Reads broker.yaml and, with peers, its directory. *err reads "FILE:LINE: what is wrong and what to do". MR_NOT_FOUND, MR_DENIED, MR_INVALID, MR_TOO_BIG, MR_NO_MEMORY. */
MUST enum mr_rc broker_conf_load(const char *path, struct broker_conf *ret, struct err *err);
#endif
