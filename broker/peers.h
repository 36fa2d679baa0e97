/* peers.h - the other brokers of the cluster: what broker.yaml names, with what the directory says of them. */
#ifndef BROKER_PEERS_H
#define BROKER_PEERS_H
#include "base/io/directory.h"
#include "base/io/zap.h"
#include "proto/limits.h"

enum { PEERS_MAX = BROKERS_MAX - 1, PEER_PATH_SIZE = KEYS_NAME_MAX + 16 };

struct peer {
    struct directory_broker broker;
    char user_id[ZAP_USER_ID_SIZE]; /* "broker/mr2#<fingerprint>": names the broker and the key it proved */
    char path[PEER_PATH_SIZE];      /* "$broker/mr2" */
    bool is_trusted;                /* the directory has it (still) */
};

struct peers {
    struct peer list[PEERS_MAX];
    size_t n;
};

/* Adds a broker of the directory, trusted; copied. At most PEERS_MAX times. */
void peers_add(struct peers *peers, const struct directory_broker *broker);

/* The same peers as `now`, with what this directory says of them; one that it does not name is not trusted any more. */
void peers_renew(const struct peers *now, const struct directory *directory, struct peers *ret);

/* Of those trusted; NULL: none. */
const struct peer *peers_find_key(const struct peers *peers, const uint8_t key[KEYS_BYTES]);
const struct peer *peers_find_user(const struct peers *peers, const char *user_id);

/* Any of them, by the broker's name; NULL: none. */
const struct peer *peers_find_name(const struct peers *peers, const char *name);

/* Those trusted. */
size_t peers_count(const struct peers *peers);
#endif
