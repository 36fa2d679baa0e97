/* broker.c - wires the parts of a broker together; the only one that knows them all. */
#include "broker/broker.h"
#include "base/clock.h"
#include "base/io/keys.h"
#include "base/io/program.h"
#include "base/io/saver.h"
#include "base/io/zap.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/agents.h"
#include "broker/registry.h"
#include "broker/report.h"
#include "broker/selfcheck.h"
#include "broker/values.h"
#include "broker/who.h"
#include "bus/hub.h"
#include "proto/lanes.h"
#include <stdio.h>
#include <string.h>

enum {
    RETRY_MS = 500, /* said to agents when the broker stops: it may be back soon */
    AGENTS_RANK = 3,
    SAVED_MAX_BYTES = 2 * SLOT_BYTES_PER_SITE
};

static const int64_t ns_per_ms = 1000000;

struct broker {
    struct broker_conf conf;
    struct loop *loop;
    struct zctx *zctx;
    struct key_pair *keys;
    struct registry *registry;
    struct zap *zap;
    struct rights *rights;
    struct hub *hub;
    struct saver *saver;
    struct agents *agents;
    struct who who;
    struct values values;
    struct loop_hook turn_end;
    struct loop_timer *tick, *value_timer, *stop_timer;
    loop_fn *on_stopped; /* NULL: not stopping, or told already */
    void *stopped_user;
    int64_t stop_by_ns;
    bool is_saved;   /* stopping: the last values are on disk, or cannot get there */
    bool is_proving; /* the self-check runs: nobody is admitted */
};

/* -- admission ------------------------------------------------------------------------------------------------------- */
static bool look_up(void *user, const struct zap_request *request, char ret_user_id[ZAP_USER_ID_SIZE])
{
    const struct broker *b = user;
    if (b->is_proving) /* the self-check's own stranger is none that an operator should hear of */
        return false;
    const struct registry_identity *who = registry_find_key(b->registry, request->key);
    if (!who) {
        char fingerprint[KEYS_FINGERPRINT_SIZE];
        keys_fingerprint(request->key, fingerprint);
        log_event(WARN, "BROKER-KEY-REFUSED", "key=%s address=%s remedy=%s", fingerprint, request->address,
                  "add its public key to the registry, then reload");
        return false;
    }
    snprintf(ret_user_id, ZAP_USER_ID_SIZE, "%s", who->user_id);
    return true;
}

/* -- the hub's events ------------------------------------------------------------------------------------------------ */
static void on_output(void *user, uint32_t port)
{
    struct broker *b = user;
    agents_on_output(b->agents, port);
}

static void on_over(void *user, uint32_t port, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    struct broker *b = user;
    (void)retry_ms;
    report_end(b->hub, port, rc, reason);
    agents_on_over(b->agents, port);
}

static void on_notice(void *user, enum hub_notice notice, const char *text)
{
    (void)user;
    report_notice(notice, text);
}

static const struct hub_events events = {.on_output = on_output, .on_over = on_over, .on_notice = on_notice};

/* -- the loop -------------------------------------------------------------------------------------------------------- */
static void on_turn_end(void *user)
{
    struct broker *b = user;
    do { /* what ends gives others something to say: they say it at once */
        hub_turn_end(b->hub);
    } while (agents_flush(b->agents));
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
    struct zap_stats zap;
    int64_t now_ns = loop_now_ns(b->loop);
    zap_get_stats(b->zap, &zap);
    values_write(&b->values, b->hub, &zap, now_ns);
    log_flush();
    loop_timer_start(b->value_timer, now_ns + VALUES_MS * ns_per_ms);
}

/* -- life ------------------------------------------------------------------------------------------------------------ */
static enum mr_rc new_hub(struct broker *b, struct err *err)
{
    char path[BROKER_NAME_SIZE + 16];
    snprintf(path, sizeof path, "$broker/%s", b->conf.name);
    const struct hub_conf conf = {.kind = HUB_BROKER,
                                  .name = b->conf.name,
                                  .identity = b->conf.name,
                                  .path = path,
                                  .birth = rand_u64(rand_system()),
                                  .max_ports = b->conf.max_sessions,
                                  .max_filters = b->conf.max_filters,
                                  .max_filters_per_port = FILTERS_PER_AGENT,
                                  .max_topics = b->conf.max_topics,
                                  .max_slots = b->conf.max_slots,
                                  .max_queued_bytes = SESSION_OUTBOUND_BYTES,
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

enum mr_rc broker_load_key(const struct broker_conf *conf, struct key_pair **ret, struct err *err)
{
    struct key_pair *keys = NULL;
    enum mr_rc rc = keys_load(conf->key_file, &keys, err);
    if (rc)
        return rc;
    if (keys_kind(keys) == KEYS_BROKER) {
        *ret = keys;
        return MR_OK;
    }
    keys_free(keys);
    err_set(err, "%s: is no broker's key: name the one that is, as 'key' in broker.yaml", conf->key_file);
    return MR_INVALID;
}

static enum mr_rc new_parts(struct broker *b, struct err *err)
{
    enum mr_rc rc = broker_load_key(&b->conf, &b->keys, err);
    if (!rc)
        rc = registry_load(b->conf.registry_file, rand_system(), &b->registry, err);
    if (!rc)
        rc = rights_new_open(&b->rights, err);
    if (!rc)
        rc = new_hub(b, err);
    if (!rc)
        rc = new_saver(b, err);
    if (rc)
        return rc;
    b->who = (struct who){.hub = b->hub, .broker = b->conf.name, .clock = clock_system()};
    const struct agents_options agents = {.loop = b->loop,
                                          .zctx = b->zctx,
                                          .hub = b->hub,
                                          .rand = rand_system(),
                                          .registry = b->registry,
                                          .max_sessions = b->conf.max_sessions};
    rc = agents_new(&b->agents, &agents, err);
    if (!rc)
        rc = values_open(&b->values, b->hub, b->conf.name, loop_now_ns(b->loop), err);
    if (rc)
        return rc;
    rc = who_serve(&b->who);
    if (rc)
        err_set(err, "%s", rc_text(rc));
    return rc;
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

static struct zserver_options listener(const struct broker *b)
{
    return (struct zserver_options){.address = b->conf.listen_agents,
                                    .domain = "agents",
                                    .public_key = keys_public(b->keys),
                                    .secret_key = keys_secret(b->keys),
                                    .max_message_bytes = AGENT_MAXMSGSIZE_BYTES,
                                    .receive_frames = LANES_HIGH_WATER_FRAMES,
                                    .send_frames = LANES_HIGH_WATER_FRAMES,
                                    .rank = AGENTS_RANK};
}

enum mr_rc broker_start(struct broker *b, struct err *err)
{
    const struct zserver_options options = listener(b);
    enum mr_rc rc = zap_new(b->loop, b->zctx, look_up, b, &b->zap, err);
    if (rc)
        return rc;
    b->is_proving = true;
    rc = selfcheck_run(b->loop, b->zctx, &options, err);
    b->is_proving = false;
    if (!rc)
        rc = agents_listen(b->agents, &options, err);
    if (rc)
        return rc;
    loop_on_turn_end(b->loop, &b->turn_end, on_turn_end, b);
    on_values(b);
    log_event(INFO, "BROKER-START", "name=%s address=%s identities=%zu version=%s", b->conf.name,
              agents_address(b->agents), registry_count(b->registry), program_version());
    return MR_OK;
}

enum mr_rc broker_reload(struct broker *b, struct err *err)
{
    struct registry *fresh = NULL;
    enum mr_rc rc = registry_load(b->conf.registry_file, rand_system(), &fresh, err);
    if (rc)
        return rc;
    agents_set_registry(b->agents, fresh);
    registry_free(b->registry);
    b->registry = fresh;
    log_event(INFO, "BROKER-RELOAD", "identities=%zu", registry_count(fresh));
    return MR_OK;
}

/* -- the end --------------------------------------------------------------------------------------------------------- */
static void on_stop_timer(void *user)
{
    enum { LOOK_AGAIN_MS = 20 };
    struct broker *b = user;
    int64_t now_ns = loop_now_ns(b->loop);
    if ((agents_count(b->agents) > 0 || !b->is_saved) && now_ns < b->stop_by_ns) {
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
    agents_bye_all(b->agents, MR_CLOSED, "the broker stops", RETRY_MS);
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
    agents_free(b->agents);
    zap_free(b->zap);
    saver_free(b->saver);
    hub_free(b->hub);
    rights_free(b->rights);
    registry_free(b->registry);
    keys_free(b->keys);
    mem_free(b);
}

uint16_t broker_port(const struct broker *b)
{
    return agents_port(b->agents);
}
