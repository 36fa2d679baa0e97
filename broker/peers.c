/* peers.c - a short list, looked through. */
#include "broker/peers.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

static_assert(DIRECTORY_MAX == PEERS_MAX + 1, "a directory lists as many brokers as there may be");

void peers_add(struct peers *peers, const struct directory_broker *broker)
{
    char fingerprint[KEYS_FINGERPRINT_SIZE];
    struct peer *peer = &peers->list[peers->n++];
    *peer = (struct peer){.broker = *broker, .is_trusted = true};
    keys_fingerprint(broker->public_key, fingerprint);
    snprintf(peer->user_id, sizeof peer->user_id, "broker/%s#%s", broker->name, fingerprint);
    snprintf(peer->path, sizeof peer->path, "$broker/%s", broker->name);
}

void peers_renew(const struct peers *now, const struct directory *directory, struct peers *ret)
{
    struct peers fresh = {.n = 0};
    for (size_t i = 0; i < now->n; i++) {
        const struct directory_broker *broker = directory_find(directory, now->list[i].broker.name);
        peers_add(&fresh, broker ? broker : &now->list[i].broker);
        fresh.list[i].is_trusted = broker != NULL;
    }
    *ret = fresh;
}

const struct peer *peers_find_key(const struct peers *peers, const uint8_t key[KEYS_BYTES])
{
    for (size_t i = 0; i < peers->n; i++)
        if (peers->list[i].is_trusted && keys_equal(peers->list[i].broker.public_key, key))
            return &peers->list[i];
    return NULL;
}

const struct peer *peers_find_user(const struct peers *peers, const char *user_id)
{
    for (size_t i = 0; i < peers->n; i++)
        if (peers->list[i].is_trusted && strcmp(peers->list[i].user_id, user_id) == 0)
            return &peers->list[i];
    return NULL;
}

const struct peer *peers_find_name(const struct peers *peers, const char *name)
{
    for (size_t i = 0; i < peers->n; i++)
        if (strcmp(peers->list[i].broker.name, name) == 0)
            return &peers->list[i];
    return NULL;
}

size_t peers_count(const struct peers *peers)
{
    size_t n = 0;
    for (size_t i = 0; i < peers->n; i++)
        n += peers->list[i].is_trusted;
    return n;
}
