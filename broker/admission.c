/* admission.c - the registry for agents, the peers for the mesh, and nobody else. */
#include "broker/admission.h"
#include <string.h>

static bool is_domain(const char *domain, enum port_kind kind)
{
    return strcmp(domain, admission_domain(kind)) == 0;
}

static bool is_identity(const struct registry_identity *who, struct guest *ret)
{
    if (!who)
        return false;
    bool is_person = who->kind == REGISTRY_PERSON;
    *ret = (struct guest){.name = who->name,
                          .path = who->path,
                          .user_id = who->user_id,
                          .kind = is_person ? "person" : "machine",
                          .max_sessions = is_person ? SESSIONS_PER_PERSON : SESSIONS_PER_MACHINE,
                          .is_numbered = is_person};
    return true;
}

static bool is_peer(const struct peer *peer, struct guest *ret)
{
    if (!peer)
        return false;
    *ret = (struct guest){.name = peer->broker.name,
                          .path = peer->path,
                          .user_id = peer->user_id,
                          .kind = "broker",
                          .max_sessions = SESSIONS_PER_PEER};
    return true;
}

const char *admission_domain(enum port_kind kind)
{
    return kind == PORT_MESH_IN ? "mesh" : "agents";
}

bool admission_find_key(const struct admission *a, const char *domain, const uint8_t key[KEYS_BYTES], struct guest *ret)
{
    const struct registry_identity *who = registry_find_key(a->registry, key);
    const struct peer *peer = peers_find_key(a->peers, key);
    if (who && peer)
        return false;
    if (is_domain(domain, PORT_AGENT))
        return is_identity(who, ret);
    return is_domain(domain, PORT_MESH_IN) && is_peer(peer, ret);
}

bool admission_find_user(const struct admission *a, enum port_kind kind, const char *user_id, struct guest *ret)
{
    if (kind == PORT_AGENT)
        return is_identity(registry_find_user(a->registry, user_id), ret);
    return kind == PORT_MESH_IN && is_peer(peers_find_user(a->peers, user_id), ret);
}

const char *admission_remedy(const struct admission *a, const char *domain, const uint8_t key[KEYS_BYTES])
{
    bool is_known = registry_find_key(a->registry, key), is_of_peer = peers_find_key(a->peers, key);
    if (is_known && is_of_peer)
        return "this key is in the registry and the directory: give one of them a key of its own";
    if (is_domain(domain, PORT_MESH_IN))
        return is_known ? "this is the key of a machine or person: agents connect to the port for agents"
                        : "if it is a broker: name it in 'peers' and its public key in the directory";
    return is_of_peer ? "this is the key of a broker: peers connect to the mesh port"
                      : "add its public key to the registry, then reload";
}
