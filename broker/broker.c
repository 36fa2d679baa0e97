/* broker.c - wires the parts of a broker together; the only one that knows them all. */
#include "broker/broker.h"
#include "base/clock.h"
#include "base/io/birth.h"
#include "base/io/keys.h"
#include "base/io/program.h"
#include "base/io/saver.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/announcer.h"
#include "broker/descriptors.h"
#include "broker/edges.h"
#include "broker/rates.h"
#include "broker/report.h"
#include "broker/values.h"
#include "broker/who.h"
#include "bus/hub.h"
#include <stdio.h>
#include <string.h>

enum {
    RETRY_MS = 500, /* said to agents and peers when the broker stops: it may be back soon */
    SAVED_MAX_BYTES = 2 * SLOT_BYTES_PER_SITE
};

static const int64_t ns_per_ms = 1000000;

struct broker {
    struct broker_conf conf;
    const char *peer_names[PEERS_MAX];
    struct loop *loop;
    struct zctx *zctx;
    struct key_pair *keys;
    struct birth birth;
    uint64_t birth_floor; /* a peer knows this birth of ours; 0: none above ours */
    struct rights *rights;
    struct hub *hub;
    struct saver *saver;
    struct edges *edges;
    struct rates *rates; /* NULL: none is configured */
    struct who who;
    struct values values;
    struct announcer announcer;
    struct loop_hook turn_end;
    struct loop_timer *tick, *value_timer, *stop_timer;
    loop_fn *on_stopped; /* NULL: not stopping, or told already */
    void *stopped_user;
    int64_t stop_by_ns;
    bool is_saved; /* stopping: the last values are on disk, or cannot get there */
};

/* -- births ---------------------------------------------------------------------------------------------------------- */
static const struct birth_kind birth_kind = {.file = "birth", .head = "millrace-birth v1"};

static void warn_of_disk(const struct err *warning)
{
    if (*warning->text)
        log_event(WARN, "BROKER-BIRTH-NOT-SAVED", "reason=%s", warning->text);
}

static void begin_birth(struct broker *b)
{
    enum { US_PER_S = 1000000 };
    struct err warning;
    uint32_t now_s = (uint32_t)(clock_real_us(clock_system()) / US_PER_S);
    birth_open(&b->birth, &birth_kind, b->conf.data, rand_system(), now_s, &warning);
    warn_of_disk(&warning);
}

static void be_born_again(struct broker *b)
{
    struct err warning;
    birth_rise(&b->birth, b->birth_floor, &warning);
    b->birth_floor = 0;
    warn_of_disk(&warning);
    hub_set_birth(b->hub, b->birth.epoch);
    log_event(WARN, "BROKER-REBORN", "births=%u reason=%s", b->birth.births,
              "a peer knew a later birth: was the data folder restored or copied?");
}

/* -- the hub's events ------------------------------------------------------------------------------------------------ */
static void on_output(void *user, uint32_t port)
{
    struct broker *b = user;
    edges_on_output(b->edges, port);
}

static void on_over(void *user, uint32_t port, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    struct broker *b = user;
    edges_on_over(b->edges, port, rc, reason, retry_ms);
}

static void on_peer(void *user, uint32_t port)
{
    struct broker *b = user;
    edges_on_peer(b->edges, port);
}

static void on_birth_floor(void *user, uint64_t floor)
{
    struct broker *b = user;
    if (floor > b->birth_floor)
        b->birth_floor = floor;
}

static void on_notice(void *user, enum hub_notice notice, const char *text)
{
    struct broker *b = user;
    report_notice(notice, text);
    announcer_note(&b->announcer, notice, text);
}

static const struct hub_events events = {.on_output = on_output,
                                         .on_over = on_over,
                                         .on_peer = on_peer,
                                         .on_birth_floor = on_birth_floor,
                                         .on_notice = on_notice};

/* -- the loop -------------------------------------------------------------------------------------------------------- */
static void on_turn_end(void *user)
{
    struct broker *b = user;
    do { /* what ends gives others something to say: they say it at once */
        if (b->birth_floor)
            be_born_again(b);
        announcer_flush(&b->announcer, loop_now_ns(b->loop));
        hub_turn_end(b->hub);
    } while (edges_flush(b->edges) || b->birth_floor);
    loop_timer_start(b->tick, hub_deadline(b->hub));
}

static void on_tick(void *user)
{
    struct broker *b = user;
    hub_tick(b->hub);
}

static void on_values(void *user)
{
    struct broker *b = user;
    struct zap_stats keys;
    struct governor_stats connections;
    int64_t now_ns = loop_now_ns(b->loop);
    edges_get_keys(b->edges, &keys);
    edges_get_connections(b->edges, &connections);
    values_write(&b->values, b->hub, &keys, &connections, now_ns);
    log_flush();
    loop_timer_start(b->value_timer, now_ns + VALUES_MS * ns_per_ms);
}

/* -- life ------------------------------------------------------------------------------------------------------------ */
static enum mr_rc new_hub(struct broker *b, struct err *err)
{
    char path[BROKER_NAME_SIZE + 16];
    uint32_t n_peers = (uint32_t)b->conf.peers.n;
    snprintf(path, sizeof path, "$broker/%s", b->conf.name);
    const struct hub_conf conf = {.kind = HUB_BROKER,
                                  .name = b->conf.name,
                                  .identity = b->conf.name,
                                  .path = path,
                                  .birth = b->birth.epoch,
                                  .peers = b->peer_names,
                                  .n_peers = n_peers,
                                  .max_ports = b->conf.max_sessions + EDGES_PORTS_PER_PEER * n_peers,
                                  .max_filters = b->conf.max_filters,
                                  .max_filters_per_port = FILTERS_PER_AGENT,
                                  .max_topics = b->conf.max_topics,
                                  .max_slots = b->conf.max_slots,
                                  .max_queued_bytes = SESSION_OUTBOUND_BYTES,
                                  .max_credit_bytes = b->conf.max_credit_bytes,
                                  .clock = clock_system(),
                                  .rand = rand_system(),
                                  .rights = b->rights,
                                  .events = &events,
                                  .user = b};
    return hub_new(&b->hub, &conf, err);
}

/* What is restored is there before anybody can ask. */
static enum mr_rc new_saver(struct broker *b, struct err *err)
{
    const struct saver_options options = {.loop = b->loop,
                                          .folder = b->conf.data,
                                          .name = "lastvalues",
                                          .max_bytes = SAVED_MAX_BYTES,
                                          .delay_ms = TABLE_SAVE_MS,
                                          .interval_ms = TABLE_SAVE_MS,
                                          .source = &hub_table_source,
                                          .source_user = b->hub,
                                          .on_event = report_saver};
    enum mr_rc rc = saver_new(&b->saver, &options);
    if (rc)
        err_set(err, "%s", rc_text(rc));
    return rc;
}

static enum mr_rc check_key(const struct broker_conf *conf, const struct key_pair *keys, struct err *err)
{
    if (keys_kind(keys) != KEYS_BROKER) {
        err_set(err, "%s: is no broker's key: name the one that is, as 'key' in broker.yaml", conf->key_file);
        return MR_INVALID;
    }
    if (conf->is_listed && !keys_equal(conf->listed_key, keys_public(keys))) {
        err_set(err,
                "%s: has another public key for '%s' than %s: its peers would refuse it; mend the one that is wrong",
                conf->directory_file, conf->name, conf->key_file);
        return MR_INVALID;
    }
    return MR_OK;
}

enum mr_rc broker_load_key(const struct broker_conf *conf, struct key_pair **ret, struct err *err)
{
    struct key_pair *keys = NULL;
    enum mr_rc rc = keys_load(conf->key_file, &keys, err);
    if (!rc)
        rc = check_key(conf, keys, err);
    if (rc)
        keys_free(keys);
    else
        *ret = keys;
    return rc;
}

static enum mr_rc new_edges(struct broker *b, struct err *err)
{
    const struct edges_options options = {
        .loop = b->loop, .zctx = b->zctx, .hub = b->hub, .rand = rand_system(), .keys = b->keys, .conf = &b->conf};
    return edges_new(&b->edges, &options, err);
}

static enum mr_rc new_rates(struct broker *b, struct err *err)
{
    const struct rates_options options = {.loop = b->loop,
                                          .hub = b->hub,
                                          .records_per_s = b->conf.max_records_per_s,
                                          .bytes_per_s = b->conf.max_bytes_per_s};
    bool is_wanted = options.records_per_s || options.bytes_per_s;
    return is_wanted ? rates_new(&b->rates, &options, err) : MR_OK;
}

/* What it says of itself. */
static enum mr_rc new_views(struct broker *b, struct err *err)
{
    b->who = (struct who){.hub = b->hub,
                          .broker = b->conf.name,
                          .peers = b->peer_names,
                          .n_peers = b->conf.peers.n,
                          .clock = clock_system()};
    enum mr_rc rc = values_open(&b->values, b->hub, b->conf.name, loop_now_ns(b->loop), err);
    if (rc)
        return rc;
    rc = announcer_open(&b->announcer, b->hub, b->conf.name, clock_system(), err);
    if (rc)
        return rc;
    rc = who_serve(&b->who);
    if (rc)
        err_set(err, "%s", rc_text(rc));
    return rc;
}

static enum mr_rc fit_descriptors(struct broker_conf *conf, struct err *err)
{
    uint64_t limit = descriptors_limit(), needed = descriptors_needed(conf);
    enum mr_rc rc = descriptors_fit(conf, limit, err);
    if (!rc && needed > limit)
        log_event(WARN, "BROKER-DESCRIPTORS", "limit=%ju needed=%ju sessions=%u unauthenticated=%u remedy=%s",
                  (uintmax_t)limit, (uintmax_t)needed, conf->max_sessions, conf->max_unauthenticated,
                  "allow it as many as needed (LimitNOFILE= of its unit, or ulimit -n), or lower limits.sessions");
    return rc;
}

static enum mr_rc new_parts(struct broker *b, struct err *err)
{
    enum mr_rc rc = fit_descriptors(&b->conf, err);
    if (!rc)
        rc = broker_load_key(&b->conf, &b->keys, err);
    if (!rc)
        rc = rights_new_open(&b->rights, err);
    if (rc)
        return rc;
    begin_birth(b);
    rc = new_hub(b, err);
    if (!rc)
        rc = new_edges(b, err);
    if (!rc)
        rc = new_rates(b, err);
    if (!rc)
        rc = new_saver(b, err);
    return rc ? rc : new_views(b, err);
}

static enum mr_rc new_timers(struct broker *b, struct err *err);

enum mr_rc broker_new(struct broker **ret, struct loop *loop, struct zctx *zctx, const struct broker_conf *conf,
                      struct err *err)
{
    struct broker *b = mem_calloc(1, sizeof *b);
    if (!b) {
        err_set(err, "%s", rc_text(MR_NO_MEMORY));
        return MR_NO_MEMORY;
    }
    b->conf = *conf;
    for (size_t i = 0; i < conf->peers.n; i++)
        b->peer_names[i] = b->conf.peers.list[i].broker.name;
    b->loop = loop;
    b->zctx = zctx;
    enum mr_rc rc = new_parts(b, err);
    if (!rc)
        rc = new_timers(b, err);
    if (rc) {
        broker_free(b);
        return rc;
    }
    *ret = b;
    return MR_OK;
}

enum mr_rc broker_start(struct broker *b, struct err *err)
{
    enum mr_rc rc = edges_start(b->edges, err);
    if (rc)
        return rc;
    loop_on_turn_end(b->loop, &b->turn_end, on_turn_end, b);
    on_values(b);
    log_event(INFO, "BROKER-START", "name=%s address=%s identities=%zu peers=%zu mesh=%s births=%u version=%s",
              b->conf.name, edges_agents_address(b->edges), edges_identities(b->edges), edges_peers(b->edges),
              edges_mesh_address(b->edges), b->birth.births, program_version());
    return MR_OK;
}

enum mr_rc broker_reload(struct broker *b, struct err *err)
{
    enum mr_rc rc = edges_reload(b->edges, err);
    if (!rc)
        log_event(INFO, "BROKER-RELOAD", "identities=%zu peers=%zu", edges_identities(b->edges), edges_peers(b->edges));
    return rc;
}

/* -- the end --------------------------------------------------------------------------------------------------------- */
static void on_stop_timer(void *user)
{
    enum { LOOK_AGAIN_MS = 20 };
    struct broker *b = user;
    int64_t now_ns = loop_now_ns(b->loop);
    bool is_done = edges_stop(b->edges, "the broker stops", RETRY_MS) && b->is_saved;
    if (!is_done && now_ns < b->stop_by_ns) {
        loop_timer_start(b->stop_timer, now_ns + LOOK_AGAIN_MS * ns_per_ms);
        return;
    }
    loop_fn *on_stopped = b->on_stopped;
    b->on_stopped = NULL;
    if (!on_stopped)
        return;
    log_event(INFO, "BROKER-STOP", "name=%s", b->conf.name);
    on_stopped(b->stopped_user);
}

static enum mr_rc new_timers(struct broker *b, struct err *err)
{
    enum mr_rc rc = loop_timer_new(b->loop, on_tick, b, &b->tick);
    if (!rc)
        rc = loop_timer_new(b->loop, on_values, b, &b->value_timer);
    if (!rc)
        rc = loop_timer_new(b->loop, on_stop_timer, b, &b->stop_timer);
    if (rc)
        err_set(err, "%s", rc_text(rc));
    return rc;
}

static void on_saved(void *user)
{
    struct broker *b = user;
    b->is_saved = true;
}

void broker_stop(struct broker *b, loop_fn *on_stopped, void *user)
{
    b->on_stopped = on_stopped;
    b->stopped_user = user;
    b->stop_by_ns = loop_now_ns(b->loop) + BROKER_STOP_MS * ns_per_ms;
    (void)edges_stop(b->edges, "the broker stops", RETRY_MS); /* on_stop_timer() goes on with it */
    saver_finish(b->saver, on_saved, b);
    loop_timer_start(b->stop_timer, loop_now_ns(b->loop));
}

void broker_free(struct broker *b)
{
    if (!b)
        return;
    loop_unhook(b->loop, &b->turn_end);
    loop_timer_free(b->tick);
    loop_timer_free(b->value_timer);
    loop_timer_free(b->stop_timer);
    rates_free(b->rates);
    edges_free(b->edges);
    saver_free(b->saver);
    hub_free(b->hub);
    rights_free(b->rights);
    keys_free(b->keys);
    mem_free(b);
}

uint16_t broker_port(const struct broker *b)
{
    return edges_agents_port(b->edges);
}
