/* admission.h - who may come in where: machines and persons of the registry at the listener for agents, peers at that of the
 * mesh. Whatever is not known at a listener is refused there; a key that both would know opens neither. */
#ifndef BROKER_ADMISSION_H
#define BROKER_ADMISSION_H
#include "broker/peers.h"
#include "broker/registry.h"
#include "bus/hub.h"

enum { SESSIONS_PER_PEER = 2 }; /* one that is lost and not yet noticed, and the new one */

/* What a broker goes by now; both borrowed. */
struct admission {
    const struct registry *registry;
    const struct peers *peers;
};

/* Somebody who may; texts borrowed from the registry or the peers. */
struct guest {
    const char *name, *path, *user_id;
    const char *kind;      /* "machine", "person", "broker" */
    uint32_t max_sessions; /* at a time */
    bool is_numbered;      /* each of its sessions is an identity of its own */
};

/* The ZAP domain of the listener whose ports are of this kind, PORT_AGENT or PORT_MESH_IN. */
const char *admission_domain(enum port_kind kind);

/* By the key it proved to the listener of this domain. False: refused. */
bool admission_find_key(const struct admission *a, const char *domain, const uint8_t key[KEYS_BYTES],
                        struct guest *ret);

/* By the user id that stands for that proof. False: not any more. */
bool admission_find_user(const struct admission *a, enum port_kind kind, const char *user_id, struct guest *ret);

/* What an operator does about a key that was refused there. */
const char *admission_remedy(const struct admission *a, const char *domain, const uint8_t key[KEYS_BYTES]);
#endif
