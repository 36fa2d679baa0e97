/* values.c - the broker's own figures as tags. */
#include "broker/values.h"
#include "base/log.h"
#include "proto/limits.h"
#include <math.h>
#include <stdio.h>

static const struct {
    const char *name, *unit, *description;
} table[VALUE_COUNT] = {
    [VALUE_SESSIONS] = {"sessions", "", "Agents and persons connected now"},
    [VALUE_TOPICS] = {"topics", "", "Topics this broker knows"},
    [VALUE_FILTERS] = {"filters", "", "Entries of interest of all sessions"},
    [VALUE_SLOTS] = {"slots", "", "Last values kept"},
    [VALUE_CREDIT] = {"credit", "By", "What the credit windows of all sessions have grown by, of limits.credit"},
    [VALUE_RECORDS_IN] = {"records/in", "1/s", "Records received, over the last interval"},
    [VALUE_RECORDS_OUT] = {"records/out", "1/s", "Records handed out, over the last interval"},
    [VALUE_DROPPED] = {"dropped", "", "Records dropped for slow readers since the start"},
    [VALUE_REFUSED] = {"refused", "", "Records and requests that rights refused since the start"},
    [VALUE_PEERS] = {"peers", "", "Other brokers of the cluster"},
    [VALUE_PEERS_UP] = {"peers/up", "", "Those whose records reach this broker"},
    [VALUE_KEYS_ADMITTED] = {"keys/admitted", "", "Connections whose key was known, since the start"},
    [VALUE_KEYS_REFUSED] = {"keys/refused", "", "Connections whose key was not known, since the start"},
    [VALUE_CONNECTIONS] = {"connections", "", "Connections to the port for agents, whoever they are"},
    [VALUE_UNAUTHENTICATED] = {"connections/unauthenticated", "",
                               "Those that have yet to prove a known key, of limits.unauthenticated"},
    [VALUE_CONNECTIONS_CUT] = {"connections/cut", "",
                               "Connections cut since the start because they said nothing or did not finish a message"},
};

enum mr_rc values_open(struct values *v, struct hub *hub, const char *broker, int64_t now_ns, struct err *err)
{
    v->last_ns = now_ns;
    for (size_t i = 0; i < VALUE_COUNT; i++) {
        char topic[TOPIC_MAX_BYTES + 1];
        const struct session_tag tag = {.type = MR_F64,
                                        .stale_ms = 3 * VALUES_MS,
                                        .unit = table[i].unit,
                                        .description = table[i].description,
                                        .low = 0,
                                        .high = NAN};
        snprintf(topic, sizeof topic, "$sys/broker/%s/%s", broker, table[i].name);
        enum mr_rc rc = hub_tag_open(hub, &tag, topic, &v->topics[i], err);
        if (rc)
            return rc;
    }
    return MR_OK;
}

void values_write(struct values *v, struct hub *hub, const struct zap_stats *keys,
                  const struct governor_stats *connections, int64_t now_ns)
{
    struct hub_stats now;
    hub_get_stats(hub, &now);
    double seconds = (double)(now_ns - v->last_ns) / 1e9;
    double per_s = seconds > 0 ? 1 / seconds : 0;
    const double figures[VALUE_COUNT] = {
        [VALUE_SESSIONS] = now.ports,
        [VALUE_TOPICS] = now.topics,
        [VALUE_FILTERS] = now.filters,
        [VALUE_SLOTS] = now.slots,
        [VALUE_CREDIT] = (double)now.credit_bytes,
        [VALUE_RECORDS_IN] = (double)(now.records_in - v->records_in) * per_s,
        [VALUE_RECORDS_OUT] = (double)(now.records_out - v->records_out) * per_s,
        [VALUE_DROPPED] = (double)now.dropped,
        [VALUE_REFUSED] = (double)now.refused,
        [VALUE_PEERS] = now.peers,
        [VALUE_PEERS_UP] = now.peers_up,
        [VALUE_KEYS_ADMITTED] = (double)keys->admitted,
        [VALUE_KEYS_REFUSED] = (double)(keys->refused + keys->malformed),
        [VALUE_CONNECTIONS] = connections->open,
        [VALUE_UNAUTHENTICATED] = connections->silent,
        [VALUE_CONNECTIONS_CUT] = (double)connections->cuts,
    };
    v->records_in = now.records_in;
    v->records_out = now.records_out;
    v->last_ns = now_ns;
    for (size_t i = 0; i < VALUE_COUNT; i++) {
        const struct mr_value value = mr_f64(figures[i]);
        enum mr_rc rc = hub_tag_write(hub, v->topics[i], &value, MR_STATUS_GOOD, MR_KEEP, MR_NO_TIME);
        if (rc)
            log_event(WARN, "BROKER-VALUE-LOST", "name=%s reason=%s", table[i].name, rc_text(rc));
    }
}
