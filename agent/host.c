/* host.c - telemetry and the agent's own state become tags of the hub. */
#include "agent/host.h"
#include "agent/telemetry/telemetry.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/limits.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum own_value { OWN_BROKER, OWN_ISOLATED, OWN_APPS, OWN_DROPPED, OWN_REFUSED, OWN_COUNT };

static const int64_t ns_per_ms = 1000000;

static const struct {
    const char *name, *unit, *description;
    enum mr_type type;
} own_table[OWN_COUNT] = {
    [OWN_BROKER] = {"broker", "", "The broker this agent is with", MR_STRING},
    [OWN_ISOLATED] = {"isolated", "s", "Time without a broker", MR_F64},
    [OWN_APPS] = {"apps", "", "Apps connected now", MR_F64},
    [OWN_DROPPED] = {"dropped", "", "Records dropped for slow readers since the start", MR_F64},
    [OWN_REFUSED] = {"refused", "", "Records and requests that rights refused since the start", MR_F64},
};

struct host {
    struct host_options options;
    struct telemetry *telemetry;
    uint32_t *topics; /* by index of telemetry; 0: to be opened */
    struct loop_timer *timer, *own_timer;
    uint32_t own_topics[OWN_COUNT];
    bool has_path;
};

/* -- telemetry ------------------------------------------------------------------------------------------------------- */
static enum mr_rc open_tag(struct host *h, const struct telemetry_value *value, struct err *err)
{
    char topic[TOPIC_MAX_BYTES + 1];
    const struct session_tag tag = {.type = value->value.type,
                                    .stale_ms = value->stale_ms,
                                    .unit = value->unit,
                                    .description = value->description,
                                    .low = value->low,
                                    .high = value->high};
    snprintf(topic, sizeof topic, "./%s", value->name);
    return hub_tag_open(h->options.hub, &tag, topic, &h->topics[value->index], err);
}

static void emit(void *user, const struct telemetry_value *value)
{
    struct host *h = user;
    struct err err = {{0}};
    uint32_t *topic = &h->topics[value->index];
    if (value->first)
        *topic = 0;
    enum mr_rc rc = *topic ? MR_OK : open_tag(h, value, &err);
    if (!rc) {
        int64_t age_us = (loop_now_ns(h->options.loop) - value->read_ns) / 1000;
        int64_t source_us = clock_real_us(h->options.clock) - age_us;
        rc = hub_tag_write(h->options.hub, *topic, &value->value, value->status, MR_KEEP, source_us);
    }
    if (rc)
        log_event(WARN, "AGENT-TELEMETRY-LOST", "name=%s reason=%s", value->name, *err.text ? err.text : rc_text(rc));
}

static void on_timer(void *user)
{
    struct host *h = user;
    if (!h->has_path)
        return;
    telemetry_collect(h->telemetry, loop_now_ns(h->options.loop), emit, h);
    loop_timer_start(h->timer, telemetry_next_ns(h->telemetry));
}

/* -- the agent's own state ------------------------------------------------------------------------------------------- */
static void write_own(struct host *h, enum own_value which, struct mr_value value)
{
    enum mr_rc rc = hub_tag_write(h->options.hub, h->own_topics[which], &value, MR_STATUS_GOOD, MR_KEEP, MR_NO_TIME);
    if (rc)
        log_event(WARN, "AGENT-VALUE-LOST", "name=%s reason=%s", own_table[which].name, rc_text(rc));
}

static void on_own_timer(void *user)
{
    struct host *h = user;
    struct hub_stats now;
    hub_get_stats(h->options.hub, &now);
    int64_t isolated_us = now.isolated_since_us ? clock_real_us(h->options.clock) - now.isolated_since_us : 0;
    const struct mr_value broker = {.type = MR_STRING, .len = (uint32_t)strlen(now.broker), .as.ptr = now.broker};
    write_own(h, OWN_BROKER, broker);
    write_own(h, OWN_ISOLATED, mr_f64((double)isolated_us / 1e6));
    write_own(h, OWN_APPS, mr_f64(h->options.count_apps(h->options.user)));
    write_own(h, OWN_DROPPED, mr_f64((double)now.dropped));
    write_own(h, OWN_REFUSED, mr_f64((double)now.refused));
    log_flush();
    loop_timer_start(h->own_timer, loop_now_ns(h->options.loop) + h->options.interval_ms * ns_per_ms);
}

static enum mr_rc open_own(struct host *h, struct err *err)
{
    for (size_t i = 0; i < OWN_COUNT; i++) {
        char topic[TOPIC_MAX_BYTES + 1];
        const struct session_tag tag = {.type = own_table[i].type,
                                        .stale_ms = 3 * h->options.interval_ms,
                                        .unit = own_table[i].unit,
                                        .description = own_table[i].description,
                                        .low = own_table[i].type == MR_F64 ? 0 : NAN,
                                        .high = NAN};
        snprintf(topic, sizeof topic, "$agent/%s/%s", h->options.name, own_table[i].name);
        enum mr_rc rc = hub_tag_open(h->options.hub, &tag, topic, &h->own_topics[i], err);
        if (rc)
            return rc;
    }
    return MR_OK;
}

/* -- life ------------------------------------------------------------------------------------------------------------ */
static enum mr_rc new_parts(struct host *h, struct err *err)
{
    const struct telemetry_conf conf = {.interval_ms = h->options.interval_ms};
    enum mr_rc rc = telemetry_new(&h->telemetry, &conf, err);
    if (rc)
        return rc;
    h->topics = mem_calloc(telemetry_max_tags(h->telemetry), sizeof *h->topics);
    rc = h->topics ? loop_timer_new(h->options.loop, on_timer, h, &h->timer) : MR_NO_MEMORY;
    if (!rc)
        rc = loop_timer_new(h->options.loop, on_own_timer, h, &h->own_timer);
    if (rc)
        err_set(err, "%s", rc_text(rc));
    return rc ? rc : open_own(h, err);
}

enum mr_rc host_new(struct host **ret, const struct host_options *options, struct err *err)
{
    struct host *h = mem_calloc(1, sizeof *h);
    if (!h) {
        err_set(err, "%s", rc_text(MR_NO_MEMORY));
        return MR_NO_MEMORY;
    }
    h->options = *options;
    enum mr_rc rc = new_parts(h, err);
    if (rc) {
        host_free(h);
        return rc;
    }
    loop_timer_start(h->own_timer, loop_now_ns(options->loop));
    *ret = h;
    return MR_OK;
}

void host_free(struct host *h)
{
    if (!h)
        return;
    telemetry_free(h->telemetry);
    loop_timer_free(h->timer);
    loop_timer_free(h->own_timer);
    mem_free(h->topics);
    mem_free(h);
}

void host_on_path(struct host *h)
{
    memset(h->topics, 0, telemetry_max_tags(h->telemetry) * sizeof *h->topics);
    h->has_path = true;
    loop_timer_start(h->timer, loop_now_ns(h->options.loop));
}

void host_on_uplink(struct host *h)
{
    loop_timer_start(h->own_timer, loop_now_ns(h->options.loop));
}
