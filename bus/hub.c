/* hub.c - hubs come and go, turns end, clocks tick, views. The way of a record is in hub_record.c. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bus/hub_private.h"

enum {
    TAGS_PER_SLOT = 2,        /* definitions outlive slots a while */
    PUBLISHERS_PER_PORT = 64, /* apps and devices of one machine, on the average */
    PUBLISHERS_LEAST = 65536,
    SWEEP_NS = 1000 * 1000 * 1000, /* expired calls and tombstones */
    NS_PER_MS = 1000 * 1000,
    NOTICE_MAX = 768,
    SCRATCH_MAX = VALUE_MAX_BYTES + 8192 /* a body may have fields this version does not know */
};

static const int64_t tombstone_ns = (int64_t)TOMBSTONE_DAYS * 24 * 3600 * 1000000000;

/* -- hubs -- */
void hub_read_clock(struct hub *h)
{
    h->now_ns = clock_mono_ns(&h->clock);
    h->now_us = clock_real_us(&h->clock);
}

enum mr_rc hub_copy_text(char **ret, const char *text)
{
    *ret = mem_strndup(text, strlen(text));
    return *ret ? MR_OK : MR_NO_MEMORY;
}

static enum mr_rc copy_texts(struct hub *h, const struct hub_conf *conf)
{
    enum mr_rc rc = hub_copy_text(&h->name, conf->name);
    if (!rc)
        rc = hub_copy_text(&h->identity, conf->identity);
    if (!rc)
        rc = hub_copy_text(&h->path, conf->path);
    return rc;
}

static enum mr_rc new_tables(struct hub *h, const struct hub_conf *conf)
{
    uint64_t seed = rand_u64(conf->rand);
    uint32_t max_publishers = PUBLISHERS_LEAST + conf->max_ports * PUBLISHERS_PER_PORT;
    const struct names_limits names = {.max_topics = conf->max_topics, .max_publishers = max_publishers};
    const struct lastval_limits slots = {.max_slots = conf->max_slots,
                                         .max_slots_per_topic = SLOTS_PER_TOPIC,
                                         .max_slots_per_owner = conf->kind == HUB_BROKER ? SLOTS_PER_PEER : 0,
                                         .max_bytes = SLOT_BYTES_PER_SITE,
                                         .max_bytes_per_owner = conf->kind == HUB_BROKER ? SLOT_BYTES_PER_PEER : 0,
                                         .tombstone_ns = tombstone_ns};
    const struct hash_key key = {seed, 7}, id_key = {seed, 8};
    uint32_t max_merged = conf->max_merged_filters ? conf->max_merged_filters : conf->max_filters;
    map_init(&h->upstreams, max_merged, &key);
    map64_init(&h->upstream_by_id, max_merged, &id_key);
    map64_init(&h->promise_of, MAP_MAX_ENTRIES, &id_key);
    map64_init(&h->unshown_of, MAP_MAX_ENTRIES, &id_key);
    enum mr_rc rc = names_new(&h->names, &names, seed);
    if (!rc)
        rc = route_new(&h->route, h->names, conf->max_filters, seed);
    if (!rc)
        rc = lastval_new(&h->lastval, &slots, h->names);
    if (!rc)
        rc = presence_new(&h->presence, h->names, conf->max_slots * TAGS_PER_SLOT, seed);
    if (!rc)
        rc = calls_new(&h->calls, REQUESTS_OPEN_MAX, REQUESTS_OPEN_PER_PEER, seed);
    if (!rc)
        rc = names_publisher(h->names, h->identity, "", &h->self);
    return rc;
}

/* The process itself lives from now on; its link number in its own table is always 0: the wire's comes with hub_connect. */
static enum mr_rc be_born(struct hub *h)
{
    enum presence_result ignored;
    const struct session_birth birth = {.publisher = h->self, .birth = h->birth, .since_us = hub_now_us(h)};
    if (!hub_owner(h, h->self))
        return MR_NO_MEMORY;
    hub_set_home(h, h->self, NULL);
    return presence_birth(h->presence, &birth, &ignored);
}

static enum mr_rc check_conf(const struct hub_conf *conf, struct err *err)
{
    if (conf->max_ports && conf->max_filters && conf->max_filters_per_port && conf->max_topics && conf->max_slots)
        return MR_OK;
    err_set(err, "%s: a hub needs room for a port, a filter, a topic and a last value", conf->name);
    return MR_INVALID;
}

enum mr_rc hub_new(struct hub **ret, const struct hub_conf *conf, struct err *err)
{
    enum mr_rc rc = check_conf(conf, err);
    if (rc)
        return rc;
    struct hub *h = mem_calloc(1, sizeof *h);
    if (!h) {
        err_set(err, "%s", rc_text(MR_NO_MEMORY));
        return MR_NO_MEMORY;
    }
    h->kind = conf->kind;
    h->birth = conf->birth;
    h->max_filters_per_port = conf->max_filters_per_port;
    h->max_queued_bytes = conf->max_queued_bytes;
    h->ping_ms = conf->ping_ms;
    h->dead_ms = conf->dead_ms;
    h->clock = *conf->clock;
    hub_read_clock(h);
    h->rand = conf->rand;
    h->rights = conf->rights;
    h->events = conf->events;
    h->user = conf->user;
    h->max_ports = conf->max_ports;
    h->nonce = rand_u64(conf->rand);
    h->next_call = rand_u64(conf->rand);
    h->isolated_since_us = conf->kind == HUB_AGENT ? hub_now_us(h) : 0;
    h->tags_epoch = 1;
    h->next_sweep_ns = hub_now_ns(h) + SWEEP_NS;
    h->untried_until_ns = hub_now_ns(h) + (int64_t)SUBSCRIBED_WAIT_MS * NS_PER_MS;
    list_init(&h->dirty);
    list_init(&h->walking);
    list_init(&h->pressing);
    list_init(&h->held);
    list_init(&h->tails);
    list_init(&h->unshown);
    list_init(&h->reading);
    list_init(&h->acking);
    buf_init(&h->scratch, SCRATCH_MAX);
    credit_pool_init(&h->credit, conf->max_credit_bytes ? conf->max_credit_bytes : CREDIT_POOL_BYTES);
    h->ports = mem_calloc((size_t)conf->max_ports + 1, sizeof(struct port *));
    rc = h->ports ? alarms_init(&h->alarms, conf->max_ports) : MR_NO_MEMORY;
    if (!rc)
        rc = alarms_init(&h->transfers, conf->max_ports);
    if (!rc)
        rc = copy_texts(h, conf);
    if (!rc)
        rc = hub_mesh_new(h, conf);
    if (!rc)
        rc = new_tables(h, conf);
    if (!rc)
        rc = be_born(h);
    if (rc) {
        err_set(err, "%s: %s", conf->name, rc_text(rc));
        hub_free(h);
        return rc;
    }
    *ret = h;
    return MR_OK;
}

static void free_services(struct hub *h)
{
    while (h->services) {
        struct own_service *s = h->services;
        h->services = s->next;
        mem_free(s);
    }
}

void hub_free(struct hub *h)
{
    if (!h)
        return;
    for (uint32_t i = 0; i < h->n_ups; i++)
        h->ups[i].port = NULL; /* entries that go now tell nobody */
    for (uint32_t i = 1; h->ports && i <= h->max_ports; i++)
        if (h->ports[i])
            h->ports[i]->is_over = true; /* nor does what ends with the others: the edges may be gone */
    for (uint32_t i = 1; h->ports && i <= h->max_ports; i++)
        hub_free_port(h->ports[i]);
    mem_free(h->ports);
    alarms_fini(&h->alarms);
    alarms_fini(&h->transfers);
    free_services(h);
    hub_upstreams_free(h);
    hub_tails_free(h);
    hub_unshown_free(h);
    hub_mesh_free(h);
    map64_fini(&h->promise_of);
    mem_free(h->promises);
    map64_fini(&h->upstream_by_id);
    map_fini(&h->upstreams);
    calls_free(h->calls);
    presence_free(h->presence);
    lastval_free(h->lastval);
    route_free(h->route);
    names_free(h->names);
    buf_fini(&h->scratch);
    mem_free(h->owners);
    idmap_fini(&h->slots_told);
    mem_free(h->name);
    mem_free(h->identity);
    mem_free(h->path);
    mem_free(h);
}

void hub_set_birth(struct hub *h, uint64_t birth)
{
    uint64_t refused = h->birth;
    hub_read_clock(h);
    h->birth = birth;
    h->link = 0;
    hub_must(NULL, be_born(h));
    if (h->kind == HUB_BROKER) /* peers hear of it on their open sessions */
        hub_life_changed(h, h->self, NULL);
    hub_parts_born(h);
    hub_own_values_born(h, refused);
}

void hub_set_clock_state(struct hub *h, uint8_t state)
{
    h->clock_state = state;
}

void hub_notice(struct hub *h, enum hub_notice notice, const char *format, ...)
{
    char text[NOTICE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    h->events->on_notice(h->user, notice, text);
}

/* -- frames and turns -- */
void hub_wake(struct hub *h)
{
    h->is_awake = true;
}

/* Later ones are found out when the alarm goes off: most are moved again before that. */
static void note_deadline(struct port *p)
{
    struct alarms *a = &p->hub->alarms;
    uint32_t place = a->place[p->number];
    int64_t at_ns = session_deadline(p->session);
    if (!place || at_ns < a->heap[place - 1].at_ns)
        alarms_set(a, p->number, at_ns);
}

void hub_mark(struct port *p)
{
    if (!list_is_linked(&p->in_dirty))
        list_push_back(&p->hub->dirty, &p->in_dirty);
}

enum mr_rc hub_input(struct hub *h, uint32_t port, const uint8_t *frame, size_t len)
{
    struct port *p = hub_port_at(h, port);
    if (!p || p->is_over)
        return MR_CLOSED;
    hub_read_clock(h);
    enum mr_rc rc = session_input(p->session, frame, len, hub_now_ns(h));
    hub_mark(p);
    return rc;
}

struct blob *hub_take(struct hub *h, uint32_t port)
{
    struct port *p = hub_port_at(h, port);
    h->now_ns = clock_mono_ns(&h->clock);
    struct blob *frame = p ? session_take(p->session, h->now_ns) : NULL;
    if (frame) {
        note_deadline(p);
        hub_walk_on(p);
        hub_pressure_took(p);
        hub_transfers_took(p);
    }
    return frame;
}

void hub_turn_end(struct hub *h)
{
    hub_read_clock(h);
    hub_walk_turn(h);
    for (struct list *at; (at = list_take_first(&h->dirty));) {
        struct port *p = container_of(at, struct port, in_dirty);
        session_flush(p->session);
        note_deadline(p);
        if (session_has_output(p->session))
            h->events->on_output(h->user, p->number);
    }
}

static void sweep(struct hub *h)
{
    calls_expire(h->calls, h->now_ns);
    lastval_expire(h->lastval, h->now_ns);
    h->next_sweep_ns = h->now_ns + SWEEP_NS;
}

static void tick_port(struct port *p)
{
    struct hub *h = p->hub;
    hub_set_session_clock(p);
    session_tick(p->session, h->now_ns);
    hub_mark(p);
    int64_t next = session_deadline(p->session);
    alarms_set(&h->alarms, p->number, next > h->now_ns ? next : h->now_ns + 1);
}

void hub_tick(struct hub *h)
{
    uint32_t port = 0;
    hub_read_clock(h);
    h->is_awake = false;
    while (alarms_first(&h->alarms, &port) <= h->now_ns)
        tick_port(h->ports[port]);
    hub_pressure_tick(h, h->now_ns);
    hub_transfers_tick(h, h->now_ns);
    hub_mesh_tick(h);
    hub_tails_tick(h);
    hub_unshown_tick(h);
    hub_acks_tick(h);
    hub_stale_tick(h);
    if (h->next_sweep_ns <= h->now_ns)
        sweep(h);
}

int64_t hub_deadline(const struct hub *h)
{
    uint32_t port;
    int64_t first = alarms_first(&h->alarms, &port);
    if (h->is_awake)
        return h->now_ns;
    const int64_t others[] = {hub_pressure_deadline(h), hub_transfers_deadline(h), hub_mesh_deadline(h),
                              hub_acks_deadline(h),     hub_stale_deadline(h),     hub_tails_deadline(h),
                              hub_unshown_deadline(h),  h->next_sweep_ns};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (others[i] < first)
            first = others[i];
    return first;
}

/* -- views -- */
struct names *hub_names(struct hub *h)
{
    return h->names;
}

struct presence *hub_presence(struct hub *h)
{
    return h->presence;
}

void hub_get_stats(const struct hub *h, struct hub_stats *ret)
{
    *ret = (struct hub_stats){.records_in = h->records_in,
                              .records_out = h->records_out,
                              .dropped = h->dropped,
                              .refused = h->refused,
                              .ports = h->n_ports,
                              .topics = names_topic_count(h->names),
                              .slots = (uint32_t)lastval_count(h->lastval),
                              .filters = route_filter_count(h->route),
                              .isolated_since_us = h->isolated_since_us,
                              .credit_bytes = h->credit.used_bytes,
                              .broker = hub_has_uplink(h) ? hub_uplink(h)->address : "",
                              .peers = h->kind == HUB_BROKER ? h->n_ups : 0};
    for (uint32_t i = 0; i < ret->peers; i++)
        ret->peers_up += hub_is_up(&h->ups[i]);
}

bool hub_get_port(const struct hub *h, uint32_t port, struct port_stats *ret)
{
    const struct port *p = hub_port_at(h, port);
    if (!p)
        return false;
    *ret = (struct port_stats){.kind = p->kind,
                               .identity = p->identity,
                               .part = p->part,
                               .address = p->address,
                               .since_us = p->since_us,
                               .clock_offset_us = p->clock_offset_us,
                               .clock_error_us = p->clock_error_us,
                               .clock = p->clock};
    session_get_stats(p->session, &ret->session);
    return true;
}

uint32_t hub_max_port(const struct hub *h)
{
    return h->max_ports;
}
