/* edges.c - wires admission, listeners and mesh. */
#include "broker/edges.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/admission.h"
#include "broker/listener.h"
#include "broker/mesh.h"
#include "broker/repeats.h"
#include "broker/report.h"
#include "broker/selfcheck.h"
#include "proto/lanes.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { AGENTS_RANK = 3 };

static_assert(EDGES_PORTS_PER_PEER == 1 + SESSIONS_PER_PEER, "one port out, the sessions of a peer in");

/*  SERVING -> AGENTS_LEAVE -> PEERS_LEAVE */
enum state { SERVING, AGENTS_LEAVE, PEERS_LEAVE };

struct edges {
    struct edges_options options;
    enum state state;
    struct registry *registry;
    struct peers peers;
    struct admission admission;
    struct zap *zap;
    struct listener *agents, *from_peers; /* from_peers, to_peers NULL: no peers */
    struct mesh *to_peers;
    struct repeats refused; /* addresses whose keys were */
    struct penalties penalties;
    bool is_proving; /* the self-check runs: nobody is admitted */
};

/* -- admission ------------------------------------------------------------------------------------------------------- */
static void tell_refused(struct edges *e, const struct zap_request *request)
{
    char fingerprint[KEYS_FINGERPRINT_SIZE];
    uint64_t more = 0;
    if (!repeats_note(&e->refused, request->address, loop_now_ns(e->options.loop), &more))
        return;
    keys_fingerprint(request->key, fingerprint);
    log_event(WARN, "BROKER-KEY-REFUSED", "key=%s address=%s listener=%s more=%ju remedy=%s", fingerprint,
              request->address, request->domain, (uintmax_t)more,
              admission_remedy(&e->admission, request->domain, request->key));
}

static bool look_up(void *user, const struct zap_request *request, char ret_user_id[ZAP_USER_ID_SIZE])
{
    struct edges *e = user;
    struct guest guest;
    bool is_agents = strcmp(request->domain, admission_domain(PORT_AGENT)) == 0;
    if (e->is_proving) /* the self-check's own stranger is none that an operator should hear of */
        return false;
    if (!admission_find_key(&e->admission, request->domain, request->key, &guest)) {
        tell_refused(e, request);
        return false;
    }
    if (penalties_is_out(&e->penalties, guest.user_id, loop_now_ns(e->options.loop)))
        return false;
    listener_on_admitted(is_agents ? e->agents : e->from_peers, request->address, guest.user_id);
    snprintf(ret_user_id, ZAP_USER_ID_SIZE, "%s", guest.user_id);
    return true;
}

static struct zserver_options server_of(const struct edges *e, enum port_kind kind)
{
    bool is_mesh = kind == PORT_MESH_IN;
    const struct broker_conf *conf = e->options.conf;
    return (struct zserver_options){.address = is_mesh ? conf->listen_mesh : conf->listen_agents,
                                    .domain = admission_domain(kind),
                                    .public_key = keys_public(e->options.keys),
                                    .secret_key = keys_secret(e->options.keys),
                                    .max_message_bytes = is_mesh ? MESH_MAXMSGSIZE_BYTES : AGENT_MAXMSGSIZE_BYTES,
                                    .receive_frames = LANES_HIGH_WATER_FRAMES,
                                    .send_frames = LANES_HIGH_WATER_FRAMES,
                                    .rank = is_mesh ? MESH_RANK : AGENTS_RANK};
}

/* -- the hub's events ------------------------------------------------------------------------------------------------ */
void edges_on_output(struct edges *e, uint32_t port)
{
    bool is_told = listener_on_output(e->agents, port);
    if (!is_told && e->to_peers && !listener_on_output(e->from_peers, port))
        mesh_on_output(e->to_peers, port);
}

void edges_on_over(struct edges *e, uint32_t port, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    if (e->to_peers && mesh_on_over(e->to_peers, port, rc, reason, retry_ms))
        return;
    report_end(e->options.hub, port, rc, reason);
    if (rc == MR_INVALID)
        listener_blame(e->agents, port);
    if (!listener_on_over(e->agents, port) && e->from_peers)
        listener_on_over(e->from_peers, port);
}

void edges_on_peer(struct edges *e, uint32_t port)
{
    if (e->to_peers)
        mesh_on_up(e->to_peers, port);
}

bool edges_flush(struct edges *e)
{
    bool is_closed = listener_flush(e->agents);
    if (!e->to_peers)
        return is_closed;
    is_closed |= listener_flush(e->from_peers);
    is_closed |= mesh_flush(e->to_peers);
    return is_closed;
}

/* -- parts ----------------------------------------------------------------------------------------------------------- */
static enum mr_rc new_listener(struct edges *e, enum port_kind kind, uint32_t max_sessions, struct listener **ret,
                               struct err *err)
{
    const struct listener_options options = {.loop = e->options.loop,
                                             .zctx = e->options.zctx,
                                             .hub = e->options.hub,
                                             .rand = e->options.rand,
                                             .admission = &e->admission,
                                             .kind = kind,
                                             .max_ports = hub_max_port(e->options.hub),
                                             .max_sessions = max_sessions,
                                             .max_silent = e->options.conf->max_unauthenticated,
                                             .penalties = kind == PORT_AGENT ? &e->penalties : NULL};
    return listener_new(ret, &options, err);
}

static enum mr_rc new_mesh(struct edges *e, struct err *err)
{
    const struct mesh_options options = {.loop = e->options.loop,
                                         .zctx = e->options.zctx,
                                         .hub = e->options.hub,
                                         .rand = e->options.rand,
                                         .keys = e->options.keys,
                                         .peers = &e->peers};
    uint32_t max_sessions = SESSIONS_PER_PEER * (uint32_t)e->peers.n;
    enum mr_rc rc = new_listener(e, PORT_MESH_IN, max_sessions, &e->from_peers, err);
    return rc ? rc : mesh_new(&e->to_peers, &options, err);
}

enum mr_rc edges_new(struct edges **ret, const struct edges_options *options, struct err *err)
{
    struct edges *e = mem_calloc(1, sizeof *e);
    if (!e) {
        err_set(err, "%s", rc_text(MR_NO_MEMORY));
        return MR_NO_MEMORY;
    }
    e->options = *options;
    e->peers = options->conf->peers;
    enum mr_rc rc = registry_load(options->conf->registry_file, options->rand, &e->registry, err);
    e->admission = (struct admission){.registry = e->registry, .peers = &e->peers};
    if (!rc)
        rc = new_listener(e, PORT_AGENT, options->conf->max_sessions, &e->agents, err);
    if (!rc && e->peers.n > 0)
        rc = new_mesh(e, err);
    if (rc) {
        edges_free(e);
        return rc;
    }
    *ret = e;
    return MR_OK;
}

void edges_free(struct edges *e)
{
    if (!e)
        return;
    mesh_free(e->to_peers);
    listener_free(e->from_peers);
    listener_free(e->agents);
    zap_free(e->zap);
    registry_free(e->registry);
    mem_free(e);
}

/* -- life ------------------------------------------------------------------------------------------------------------ */
static enum mr_rc prove(struct edges *e, enum port_kind kind, struct err *err)
{
    const struct zserver_options options = server_of(e, kind);
    enum mr_rc rc = selfcheck_run(e->options.loop, e->options.zctx, &options, err);
    if (rc)
        err_wrap(err, "listen.%s", options.domain);
    return rc;
}

/* All before anybody can come in: while it is proved, whoever knocks is refused. */
static enum mr_rc prove_all(struct edges *e, struct err *err)
{
    e->is_proving = true;
    enum mr_rc rc = e->from_peers ? prove(e, PORT_MESH_IN, err) : MR_OK;
    if (!rc)
        rc = prove(e, PORT_AGENT, err);
    e->is_proving = false;
    return rc;
}

static enum mr_rc listen_to(struct edges *e, enum port_kind kind, struct listener *listener, struct err *err)
{
    const struct zserver_options options = server_of(e, kind);
    enum mr_rc rc = listener_listen(listener, &options, err);
    if (rc)
        err_wrap(err, "listen.%s", options.domain);
    return rc;
}

enum mr_rc edges_start(struct edges *e, struct err *err)
{
    enum mr_rc rc = zap_new(e->options.loop, e->options.zctx, look_up, e, &e->zap, err);
    if (!rc)
        rc = prove_all(e, err);
    if (!rc && e->from_peers)
        rc = listen_to(e, PORT_MESH_IN, e->from_peers, err);
    if (!rc)
        rc = listen_to(e, PORT_AGENT, e->agents, err);
    if (!rc && e->to_peers)
        mesh_start(e->to_peers);
    return rc;
}

/* What the directory says of our peers now; without peers there is none. */
static enum mr_rc renew_peers(const struct edges *e, struct peers *ret, struct err *err)
{
    struct directory directory;
    *ret = e->peers;
    enum mr_rc rc = e->to_peers ? directory_load(e->options.conf->directory_file, &directory, err) : MR_OK;
    if (!rc && e->to_peers)
        peers_renew(&e->peers, &directory, ret);
    return rc;
}

enum mr_rc edges_reload(struct edges *e, struct err *err)
{
    struct registry *registry = NULL;
    struct peers peers;
    enum mr_rc rc = registry_load(e->options.conf->registry_file, e->options.rand, &registry, err);
    if (!rc)
        rc = renew_peers(e, &peers, err);
    if (rc) {
        registry_free(registry);
        return rc;
    }
    registry_free(e->registry);
    e->registry = registry;
    e->admission.registry = registry;
    e->peers = peers;
    listener_review(e->agents);
    if (e->to_peers) {
        listener_review(e->from_peers);
        mesh_review(e->to_peers);
    }
    return MR_OK;
}

bool edges_stop(struct edges *e, const char *reason, uint32_t retry_ms)
{
    if (e->state == SERVING) {
        listener_bye_all(e->agents, MR_CLOSED, reason, retry_ms);
        e->state = AGENTS_LEAVE;
    }
    if (e->state == AGENTS_LEAVE && listener_count(e->agents) == 0) {
        if (e->to_peers) {
            listener_bye_all(e->from_peers, MR_CLOSED, reason, retry_ms);
            mesh_stop(e->to_peers, MR_CLOSED, reason, retry_ms);
        }
        e->state = PEERS_LEAVE;
    }
    bool is_without_peers = !e->to_peers || (listener_count(e->from_peers) == 0 && mesh_is_idle(e->to_peers));
    return e->state == PEERS_LEAVE && is_without_peers;
}

/* -- views ----------------------------------------------------------------------------------------------------------- */
size_t edges_identities(const struct edges *e)
{
    return registry_count(e->registry);
}

size_t edges_peers(const struct edges *e)
{
    return peers_count(&e->peers);
}

uint16_t edges_agents_port(const struct edges *e)
{
    return listener_port(e->agents);
}

const char *edges_agents_address(const struct edges *e)
{
    return listener_address(e->agents);
}

const char *edges_mesh_address(const struct edges *e)
{
    return e->from_peers ? listener_address(e->from_peers) : "";
}

void edges_get_connections(const struct edges *e, struct governor_stats *ret)
{
    listener_get_connections(e->agents, ret);
}

void edges_get_keys(const struct edges *e, struct zap_stats *ret)
{
    zap_get_stats(e->zap, ret);
}
