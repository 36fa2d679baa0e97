/* agent.c - wires the parts of an agent together; the only one that knows them all. */
#include "agent/agent.h"
#include "agent/host.h"
#include "agent/identity.h"
#include "agent/local.h"
#include "agent/report.h"
#include "agent/uplink.h"
#include "base/clock.h"
#include "base/io/program.h"
#include "base/io/saver.h"
#include "base/log.h"
#include "base/mem.h"
#include "bus/hub.h"
#include "proto/limits.h"
#include <stdio.h>
#include <string.h>

enum {
    SAVE_DELAY_MS = 2000,
    SAVE_BYTES_PER_DAY = 50 * 1000 * 1000, /* flash is worn by what is written */
    SAVED_MAX_BYTES = 2 * SLOT_BYTES_PER_SITE
};

static const int64_t ns_per_ms = 1000000;

struct agent {
    struct agent_conf conf;
    struct loop *loop;
    struct zctx *zctx;
    struct key_pair *keys;
    struct identity identity;
    char self[AGENT_NAME_SIZE + 8]; /* name, or what the broker calls this session of a person */
    struct rights *rights;
    struct hub *hub;
    struct saver *saver; /* NULL: ephemeral, nothing is saved */
    struct local *local;
    struct uplink *uplink;
    struct host *host; /* NULL: no telemetry */
    struct loop_hook turn_end;
    struct loop_timer *tick, *stop_timer;
    uint64_t birth_floor; /* demanded by the broker */
    loop_fn *on_change;   /* NULL: nobody watches */
    void *change_user;
    loop_fn *on_stopped; /* NULL: not stopping, or told already */
    void *stopped_user;
    int64_t stop_by_ns;
    bool is_saved; /* stopping: the last values are on disk, or cannot get there */
};

/* -- the hub's events ------------------------------------------------------------------------------------------------ */
static void on_output(void *user, uint32_t port)
{
    struct agent *a = user;
    if (uplink_has(a->uplink, port))
        uplink_on_output(a->uplink);
    else
        local_on_output(a->local, port);
}

static void on_over(void *user, uint32_t port, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    struct agent *a = user;
    if (uplink_has(a->uplink, port)) {
        uplink_on_over(a->uplink, rc, reason, retry_ms);
        return;
    }
    report_end(a->hub, port, rc, reason);
    local_on_over(a->local, port);
}

static void warn_of_disk(const struct err *warning)
{
    if (*warning->text)
        log_event(ERROR, "AGENT-IDENTITY-NOT-SAVED", "reason=%s", warning->text);
}

static void on_uplink(void *user, const struct session_welcome *welcome)
{
    struct agent *a = user;
    struct err warning = {{0}};
    bool is_new_path = strcmp(welcome->path, a->identity.path) != 0;
    identity_set_path(&a->identity, welcome->path, &warning);
    warn_of_disk(&warning);
    snprintf(a->self, sizeof a->self, "%s", welcome->identity);
    uplink_on_up(a->uplink);
    if (a->host && is_new_path)
        host_on_path(a->host);
}

static void on_birth_floor(void *user, uint64_t floor)
{
    struct agent *a = user;
    a->birth_floor = floor;
    uplink_on_reborn(a->uplink);
}

static void on_notice(void *user, enum hub_notice notice, const char *text)
{
    (void)user;
    report_notice(notice, text);
}

static const struct hub_events events = {.on_output = on_output,
                                         .on_over = on_over,
                                         .on_uplink = on_uplink,
                                         .on_birth_floor = on_birth_floor,
                                         .on_notice = on_notice};

/* -- the uplink's events --------------------------------------------------------------------------------------------- */
static void on_uplink_change(void *user)
{
    struct agent *a = user;
    if (a->host)
        host_on_uplink(a->host);
    if (a->on_change)
        a->on_change(a->change_user);
}

static void on_reborn(void *user)
{
    struct agent *a = user;
    struct err warning = {{0}};
    birth_rise(&a->identity.birth, a->birth_floor, &warning);
    warn_of_disk(&warning);
    hub_set_birth(a->hub, a->identity.birth.epoch);
    log_event(WARN, "AGENT-REBORN", "births=%u reason=%s", a->identity.birth.births,
              "the broker knew a later birth: was the data folder restored or copied?");
}

/* -- the loop -------------------------------------------------------------------------------------------------------- */
static void on_turn_end(void *user)
{
    struct agent *a = user;
    bool is_closed;
    do { /* what ends gives others something to say: they say it at once */
        hub_turn_end(a->hub);
        is_closed = local_flush(a->local);
        is_closed |= uplink_flush(a->uplink);
    } while (is_closed);
    loop_timer_start(a->tick, hub_deadline(a->hub));
}

static void on_tick(void *user)
{
    struct agent *a = user;
    hub_tick(a->hub);
}

static void on_stop_timer(void *user)
{
    enum { LOOK_AGAIN_MS = 20 };
    struct agent *a = user;
    int64_t now_ns = loop_now_ns(a->loop);
    bool is_done = local_count(a->local) == 0 && uplink_is_idle(a->uplink) && a->is_saved;
    if (!is_done && now_ns < a->stop_by_ns) {
        loop_timer_start(a->stop_timer, now_ns + LOOK_AGAIN_MS * ns_per_ms);
        return;
    }
    loop_fn *on_stopped = a->on_stopped;
    a->on_stopped = NULL;
    if (!on_stopped)
        return;
    log_event(INFO, "AGENT-STOP", "name=%s", a->conf.name);
    on_stopped(a->stopped_user);
}

/* -- parts ----------------------------------------------------------------------------------------------------------- */
static enum mr_rc check_key(const struct agent_conf *conf, const struct key_pair *keys, struct err *err)
{
    if (keys_kind(keys) == KEYS_BROKER) {
        err_set(err, "%s: is a broker's key: an agent needs one of its own", conf->key_file);
        return MR_INVALID;
    }
    if (strcmp(keys_name(keys), conf->name) != 0) {
        err_set(err, "%s: is the key of '%s', but the name of this agent is '%s': mend one of them", conf->key_file,
                keys_name(keys), conf->name);
        return MR_INVALID;
    }
    return MR_OK;
}

enum mr_rc agent_load_key(const struct agent_conf *conf, struct key_pair **ret, struct err *err)
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

static void load_identity(struct agent *a)
{
    enum { US_PER_S = 1000000 };
    struct err warning = {{0}};
    uint32_t now_s = (uint32_t)(clock_real_us(clock_system()) / US_PER_S);
    identity_open(&a->identity, a->conf.data, rand_system(), now_s, &warning);
    warn_of_disk(&warning);
    if (!*a->identity.path)
        snprintf(a->identity.path, sizeof a->identity.path, "%s", a->conf.path);
}

static enum mr_rc new_hub(struct agent *a, struct err *err)
{
    enum { OWN_PORTS = 2, TOPICS_MAX = 1000000 };
    const struct hub_conf conf = {.kind = HUB_AGENT,
                                  .name = a->conf.name,
                                  .identity = a->conf.name,
                                  .path = a->identity.path,
                                  .birth = a->identity.birth.epoch,
                                  .max_ports = a->conf.max_apps + OWN_PORTS,
                                  .max_filters = a->conf.max_apps * FILTERS_PER_APP,
                                  .max_merged_filters = a->conf.max_filters,
                                  .max_filters_per_port = FILTERS_PER_APP,
                                  .max_topics = TOPICS_MAX,
                                  .max_slots = SLOTS_PER_SITE,
                                  .max_queued_bytes = SESSION_OUTBOUND_BYTES,
                                  .clock = clock_system(),
                                  .rand = rand_system(),
                                  .rights = a->rights,
                                  .events = &events,
                                  .user = a};
    return hub_new(&a->hub, &conf, err);
}

/* What is restored is there before anybody can ask. */
static enum mr_rc new_saver(struct agent *a, struct err *err)
{
    const struct saver_options options = {.loop = a->loop,
                                          .folder = a->conf.data,
                                          .name = "lastvalues",
                                          .max_bytes = SAVED_MAX_BYTES,
                                          .delay_ms = SAVE_DELAY_MS,
                                          .interval_ms = TABLE_SAVE_MS,
                                          .max_bytes_per_day = SAVE_BYTES_PER_DAY,
                                          .source = &hub_table_source,
                                          .source_user = a->hub,
                                          .on_event = report_saver};
    if (!*a->conf.data)
        return MR_OK;
    enum mr_rc rc = saver_new(&a->saver, &options);
    if (rc)
        err_set(err, "%s", rc_text(rc));
    else
        hub_await_saves(a->hub);
    return rc;
}

static enum mr_rc new_uplink(struct agent *a, struct err *err)
{
    const struct uplink_options options = {.loop = a->loop,
                                           .zctx = a->zctx,
                                           .hub = a->hub,
                                           .rand = rand_system(),
                                           .keys = a->keys,
                                           .brokers = a->conf.brokers,
                                           .n_brokers = a->conf.n_brokers,
                                           .on_change = on_uplink_change,
                                           .on_reborn = on_reborn,
                                           .user = a};
    return uplink_new(&a->uplink, &options, err);
}

static enum mr_rc new_timers(struct agent *a, struct err *err)
{
    enum mr_rc rc = loop_timer_new(a->loop, on_tick, a, &a->tick);
    if (!rc)
        rc = loop_timer_new(a->loop, on_stop_timer, a, &a->stop_timer);
    if (rc)
        err_set(err, "%s", rc_text(rc));
    return rc;
}

static enum mr_rc new_parts(struct agent *a, struct err *err)
{
    enum mr_rc rc = agent_load_key(&a->conf, &a->keys, err);
    if (!rc)
        rc = rights_new_open(&a->rights, err);
    if (rc)
        return rc;
    load_identity(a);
    rc = new_hub(a, err);
    if (!rc)
        rc = new_saver(a, err);
    if (!rc)
        rc = new_timers(a, err);
    return rc ? rc : new_uplink(a, err);
}

static uint32_t count_apps(void *user)
{
    const struct agent *a = user;
    return local_count(a->local);
}

/* -- life ------------------------------------------------------------------------------------------------------------ */
enum mr_rc agent_new(struct agent **ret, struct loop *loop, struct zctx *zctx, const struct agent_conf *conf,
                     struct err *err)
{
    if (conf->n_brokers < 1 || conf->n_brokers > BROKERS_MAX) {
        err_set(err, "agent '%s' needs 1 to %d brokers, not %zu", conf->name, BROKERS_MAX, conf->n_brokers);
        return MR_INVALID;
    }
    struct agent *a = mem_calloc(1, sizeof *a);
    if (!a) {
        err_set(err, "%s", rc_text(MR_NO_MEMORY));
        return MR_NO_MEMORY;
    }
    a->conf = *conf;
    a->loop = loop;
    a->zctx = zctx;
    snprintf(a->self, sizeof a->self, "%s", conf->name);
    enum mr_rc rc = new_parts(a, err);
    if (rc) {
        agent_free(a);
        return rc;
    }
    *ret = a;
    return MR_OK;
}

static enum mr_rc start_local(struct agent *a, struct err *err)
{
    const struct local_options options = {.loop = a->loop,
                                          .hub = a->hub,
                                          .socket_path = a->conf.socket_path,
                                          .socket_mode = a->conf.socket_mode,
                                          .max_apps = a->conf.max_apps};
    enum mr_rc rc = local_new(&a->local, &options, err);
    if (!rc)
        local_set_self(a->local, a->self, a->identity.path);
    return rc;
}

static enum mr_rc start_host(struct agent *a, struct err *err)
{
    const struct host_options options = {.loop = a->loop,
                                         .hub = a->hub,
                                         .clock = clock_system(),
                                         .name = a->conf.name,
                                         .interval_ms = a->conf.telemetry_ms,
                                         .count_apps = count_apps,
                                         .user = a};
    enum mr_rc rc = a->conf.has_telemetry ? host_new(&a->host, &options, err) : MR_OK;
    if (!rc && a->host && *a->identity.path)
        host_on_path(a->host);
    return rc;
}

enum mr_rc agent_start(struct agent *a, struct err *err)
{
    enum mr_rc rc = start_local(a, err);
    if (!rc)
        rc = start_host(a, err);
    if (rc)
        return rc;
    loop_on_turn_end(a->loop, &a->turn_end, on_turn_end, a);
    uplink_start(a->uplink);
    log_event(INFO, "AGENT-START", "name=%s socket=%s births=%u path=%s brokers=%zu version=%s", a->conf.name,
              a->conf.socket_path, a->identity.birth.births, a->identity.path, a->conf.n_brokers, program_version());
    return MR_OK;
}

static void on_saved(void *user)
{
    struct agent *a = user;
    a->is_saved = true;
}

void agent_stop(struct agent *a, loop_fn *on_stopped, void *user)
{
    a->on_stopped = on_stopped;
    a->stopped_user = user;
    a->stop_by_ns = loop_now_ns(a->loop) + AGENT_STOP_MS * ns_per_ms;
    local_bye_all(a->local, MR_CLOSED, "the agent stops");
    uplink_stop(a->uplink);
    if (a->saver) /* of apps nothing more is taken */
        saver_finish(a->saver, on_saved, a);
    else
        a->is_saved = true;
    loop_timer_start(a->stop_timer, loop_now_ns(a->loop));
}

void agent_free(struct agent *a)
{
    if (!a)
        return;
    loop_unhook(a->loop, &a->turn_end);
    loop_timer_free(a->tick);
    loop_timer_free(a->stop_timer);
    host_free(a->host);
    uplink_free(a->uplink);
    local_free(a->local);
    saver_free(a->saver);
    hub_free(a->hub);
    rights_free(a->rights);
    keys_free(a->keys);
    mem_free(a);
}

void agent_get_status(const struct agent *a, struct agent_status *ret)
{
    struct hub_stats stats;
    bool is_up = uplink_is_up(a->uplink);
    hub_get_stats(a->hub, &stats);
    *ret = (struct agent_status){.has_broker = is_up,
                                 .broker = is_up ? uplink_broker(a->uplink) : "",
                                 .identity = a->self,
                                 .path = a->identity.path,
                                 .why = uplink_why(a->uplink),
                                 .is_refused = uplink_is_refused(a->uplink),
                                 .isolated_since_us = stats.isolated_since_us,
                                 .apps = a->local ? local_count(a->local) : 0,
                                 .birth = a->identity.birth.epoch};
}

void agent_watch(struct agent *a, loop_fn *fn, void *user)
{
    a->on_change = fn;
    a->change_user = user;
}
