/* hub_session.c - ports and their sessions: opened, closed, ended, and the events that need no file of their own. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bus/hub_private.h"

static const int64_t ns_per_us = 1000;

struct port *hub_port_at(const struct hub *h, uint32_t number)
{
    return number >= 1 && number <= h->max_ports ? h->ports[number] : NULL;
}

struct port *hub_agent_port(const struct hub *h, uint32_t owner)
{
    struct port *p = NULL;
    while ((p = hub_port_of(h, owner, p)) && (p->kind != PORT_AGENT || p->is_over))
        continue;
    return p;
}

struct port *hub_port_of(const struct hub *h, uint32_t owner, const struct port *last)
{
    uint32_t first = owner < h->owners_cap ? h->owners[owner].first_port : 0;
    return hub_port_at(h, last ? last->next_of_owner : first);
}

/* It has its place among the owners. */
static void join_owner(struct port *p)
{
    struct owner *owner = &p->hub->owners[p->owner];
    p->next_of_owner = owner->first_port;
    owner->first_port = p->number;
}

static void leave_owner(const struct port *p)
{
    uint32_t *at = &p->hub->owners[p->owner].first_port;
    while (*at != p->number)
        at = &p->hub->ports[*at]->next_of_owner;
    *at = p->next_of_owner;
}

static void on_end(void *user, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    struct port *p = user;
    p->is_over = true;
    p->ended_clean = rc == MR_OK;
    p->is_away = p->ended_clean && p->kind == PORT_AGENT && retry_ms > 0;
    p->hub->events->on_over(p->hub->user, p->number, rc, reason, retry_ms);
}

static void on_dropped(void *user, enum lane lane, uint64_t records)
{
    struct port *p = user;
    p->hub->dropped += records;
    if (lane == LANE_LIVE)
        hub_resync(p);
}

static void on_clock(void *user, int64_t offset_us, int64_t error_us, uint8_t clock)
{
    struct port *p = user;
    p->clock_offset_us = offset_us;
    p->clock_error_us = error_us;
    p->clock = clock;
}

static void on_state(void *user, const struct session_state *state)
{
    struct port *p = user;
    if (p->kind != PORT_UPLINK)
        return;
    p->hub->isolated_since_us = state->isolated_since_us;
    p->hub->is_broker_degraded = state->degraded;
    hub_state_changed(p->hub);
}

static void on_error(void *user, enum mr_rc rc, const char *reason, uint32_t topic, uint32_t retry_ms)
{
    struct port *p = user;
    (void)topic;
    (void)retry_ms;
    hub_notice(p->hub, HUB_NOTICE_DENIED, "%s: %s (%s)", p->address, reason, rc_text(rc));
}

const struct session_events hub_session_events = {
    .on_hello = hub_on_hello,
    .on_welcome = hub_on_welcome,
    .on_end = on_end,
    .on_state = on_state,
    .on_topic = hub_on_topic,
    .on_publisher = hub_on_publisher,
    .on_open = hub_on_open,
    .on_birth = hub_on_birth,
    .on_death = hub_on_death,
    .on_interest = hub_on_interest,
    .on_interest_version = hub_on_interest_version,
    .on_interest_refused = hub_on_interest_refused,
    .on_interest_acked = hub_on_interest_acked,
    .on_snapshot_end = hub_on_snapshot_end,
    .on_loss = hub_on_loss,
    .on_batch = hub_on_batch,
    .on_transfer = hub_on_transfer,
    .on_chunk = hub_on_chunk,
    .on_error = on_error,
    .on_clock = on_clock,
    .on_dropped = on_dropped,
};

void hub_free_port(struct port *p)
{
    if (!p)
        return;
    hub_transfers_leave(p);
    session_free(p->session);
    list_remove(&p->in_dirty);
    hub_drop_entries(p);
    list_remove(&p->in_walking);
    list_remove(&p->in_pressing);
    list_remove(&p->in_held);
    list_remove(&p->in_acking);
    list_remove(&p->in_reading);
    map64_fini(&p->entry_by_id);
    idmap_fini(&p->topic_of);
    idmap_fini(&p->publisher_of);
    idmap_fini(&p->may);
    idmap_fini(&p->told_topics);
    idmap_fini(&p->told_publishers);
    map64_fini(&p->told_tags);
    mem_free(p->identity);
    mem_free(p->path);
    mem_free(p->address);
    mem_free(p->part);
    mem_free(p);
}

static enum mr_rc fill_port(struct port *p, const struct port_peer *peer)
{
    enum mr_rc rc = hub_copy_text(&p->identity, peer->identity);
    if (!rc)
        rc = hub_copy_text(&p->path, peer->path);
    if (!rc)
        rc = hub_copy_text(&p->address, peer->address);
    if (!rc)
        rc = hub_copy_text(&p->part, "");
    if (!rc)
        rc = names_publisher(p->hub->names, peer->identity, "", &p->owner);
    if (!rc && !hub_owner(p->hub, p->owner))
        rc = MR_NO_MEMORY;
    p->publisher = p->owner;
    return rc;
}

void hub_set_session_clock(struct port *p)
{
    struct hub *h = p->hub;
    session_set_clock(p->session, hub_now_us(h) - hub_now_ns(h) / ns_per_us, h->clock_state);
}

static enum mr_rc open_session(struct port *p, struct err *err)
{
    struct hub *h = p->hub;
    bool is_mesh = p->kind == PORT_MESH_OUT || p->kind == PORT_MESH_IN;
    p->said_seq = h->seq;
    const struct session_conf conf = {
        .role = p->up ? SESSION_CLIENT : SESSION_SERVER,
        .hello = {.kind = h->kind == HUB_AGENT ? PEER_KIND_AGENT : PEER_KIND_BROKER,
                  .name = h->name,
                  .nonce = h->nonce,
                  .birth = h->birth,
                  .link = h->link,
                  .next_seq = p->said_seq + 1,
                  .clock = h->clock_state},
        .max_queued_bytes = h->max_queued_bytes,
        .max_input_bytes = is_mesh ? MESH_FRAME_MAX_BYTES : AGENT_FRAME_MAX_BYTES,
        .max_entries = is_mesh ? FILTERS_PER_BROKER : FILTERS_PER_AGENT,
        .ping_ms = h->ping_ms,
        .dead_ms = h->dead_ms,
        .pool = &h->credit,
        .rand = h->rand,
        .events = &hub_session_events,
        .user = p,
    };
    enum mr_rc rc = session_new(&p->session, &conf, hub_now_ns(h), err);
    if (!rc)
        hub_set_session_clock(p);
    return rc;
}

/* The next free number after the last one given: none comes again soon, and a free one is near. 0: all are taken. */
static uint32_t free_number(struct hub *h)
{
    for (uint32_t i = 0; h->n_ports < h->max_ports && i < h->max_ports; i++) {
        h->last_port = h->last_port % h->max_ports + 1;
        if (!h->ports[h->last_port])
            return h->last_port;
    }
    return 0;
}

static enum mr_rc open_port(struct hub *h, const struct port_peer *peer, struct up *up, struct port **ret,
                            struct err *err)
{
    uint32_t number = free_number(h);
    hub_read_clock(h);
    if (!number) {
        err_set(err, "%s: %u sessions are open already, which is the limit", h->name, h->max_ports);
        return MR_TOO_BIG;
    }
    struct port *p = mem_calloc(1, sizeof *p);
    if (!p) {
        err_set(err, "%s", rc_text(MR_NO_MEMORY));
        return MR_NO_MEMORY;
    }
    const struct hash_key key = {h->nonce, number};
    p->hub = h;
    p->number = number;
    p->kind = peer->kind;
    p->up = up;
    p->ack_by_ns = INT64_MAX;
    p->since_us = hub_now_us(h);
    list_init(&p->in_dirty);
    list_init(&p->entries);
    list_init(&p->walks);
    list_init(&p->in_walking);
    list_init(&p->in_pressing);
    list_init(&p->in_held);
    list_init(&p->in_acking);
    list_init(&p->in_reading);
    hub_transfers_init(&p->transfers, &key);
    map64_init(&p->entry_by_id, p->kind == PORT_MESH_IN ? FILTERS_PER_BROKER : h->max_filters_per_port, &key);
    map64_init(&p->told_tags, MAP_MAX_ENTRIES, &key);
    enum mr_rc rc = fill_port(p, peer);
    if (!rc)
        rc = open_session(p, err);
    if (rc) {
        hub_free_port(p);
        return rc;
    }
    h->ports[number] = p;
    join_owner(p);
    if (p->kind == PORT_APP)
        hub_share_windows(h);
    h->n_ports++;
    hub_mark(p);
    *ret = p;
    return MR_OK;
}

enum mr_rc hub_accept(struct hub *h, const struct port_peer *peer, uint32_t *ret_port, struct err *err)
{
    struct port *p;
    enum mr_rc rc = open_port(h, peer, NULL, &p, err);
    if (!rc)
        *ret_port = p->number;
    return rc;
}

enum mr_rc hub_connect(struct hub *h, const char *broker, uint32_t *ret_port, struct err *err)
{
    struct up *up = h->kind == HUB_AGENT ? &h->ups[0] : hub_find_peer(h, broker);
    if (!up) {
        err_set(err, "'%s' is no peer of '%s'", broker, h->name);
        return MR_NOT_FOUND;
    }
    const struct port_peer peer = {.kind = h->kind == HUB_AGENT ? PORT_UPLINK : PORT_MESH_OUT,
                                   .identity = h->kind == HUB_AGENT ? h->identity : broker,
                                   .path = h->path,
                                   .address = broker};
    if (h->kind == HUB_AGENT)
        h->link++;
    struct port *p;
    enum mr_rc rc = open_port(h, &peer, up, &p, err);
    if (rc)
        return rc;
    up->port = p;
    *ret_port = p->number;
    return MR_OK;
}

void hub_close(struct hub *h, uint32_t port)
{
    struct port *p = hub_port_at(h, port);
    if (!p)
        return;
    hub_read_clock(h);
    p->is_over = true;
    leave_owner(p);
    h->ports[port] = NULL;
    if (p->kind == PORT_APP)
        hub_share_windows(h);
    alarms_set(&h->alarms, port, INT64_MAX);
    h->n_ports--;
    route_remove_port(h->route, port);
    hub_pressure_leave(p);
    hub_port_calls_end(p);
    hub_port_died(p);
    hub_free_port(p);
}

void hub_end_port(struct port *p, enum mr_rc rc, const char *reason)
{
    if (p->is_over)
        return;
    p->is_over = true;
    session_bye(p->session, rc, reason, 0);
    hub_mark(p);
    p->hub->events->on_over(p->hub->user, p->number, rc, reason, 0);
}

void hub_break(struct port *p, const char *format, ...)
{
    struct err what;
    char reason[sizeof what.text + 32];
    va_list args;
    va_start(args, format);
    vsnprintf(what.text, sizeof what.text, format, args);
    va_end(args);
    snprintf(reason, sizeof reason, "protocol broken: %s", what.text);
    hub_end_port(p, MR_INVALID, reason);
}

void hub_must(struct port *p, enum mr_rc rc)
{
    if (rc && p && rc != MR_CLOSED)
        hub_end_port(p, rc, rc_text(rc));
}

void hub_bye(struct hub *h, uint32_t port, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    struct port *p = hub_port_at(h, port);
    if (!p || p->is_over)
        return;
    p->is_over = true;
    p->ended_clean = rc == MR_OK;
    p->is_away = p->ended_clean && p->kind == PORT_AGENT;
    session_bye(p->session, rc, reason, retry_ms);
    hub_mark(p);
}

void hub_bye_all(struct hub *h, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    for (uint32_t i = 1; i <= h->max_ports; i++)
        hub_bye(h, i, rc, reason, retry_ms);
}
