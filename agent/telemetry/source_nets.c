/* source_nets.c - traffic, errors and carrier of the network interfaces, from /proc/net/dev and /sys/class/net. */
#include <math.h>
#include <stdio.h>

#include "agent/telemetry/counter.h"
#include "agent/telemetry/procfs.h"
#include "agent/telemetry/roster.h"
#include "agent/telemetry/source.h"
#include "base/mem.h"
#include "proto/status.h"

enum {
    TAG_RX,
    TAG_TX,
    TAG_RX_PACKETS,
    TAG_TX_PACKETS,
    TAG_RX_ERRORS,
    TAG_TX_ERRORS,
    TAG_RX_DROPS,
    TAG_TX_DROPS,
    TAG_CARRIER,
    RATES = TAG_CARRIER, /* all before it */
    TAGS_EACH
};
_Static_assert(TAGS_EACH == RATES + 1, "the carrier is the last");

static const struct tag_def defs[] = {
    [TAG_RX] = {"rx", "B/s", "Bytes received", 0, NAN},
    [TAG_TX] = {"tx", "B/s", "Bytes sent", 0, NAN},
    [TAG_RX_PACKETS] = {"rx_packets", "1/s", "Packets received", 0, NAN},
    [TAG_TX_PACKETS] = {"tx_packets", "1/s", "Packets sent", 0, NAN},
    [TAG_RX_ERRORS] = {"rx_errors", "1/s", "Packets received damaged", 0, NAN},
    [TAG_TX_ERRORS] = {"tx_errors", "1/s", "Packets that could not be sent", 0, NAN},
    [TAG_RX_DROPS] = {"rx_drops", "1/s", "Packets received and thrown away", 0, NAN},
    [TAG_TX_DROPS] = {"tx_drops", "1/s", "Packets thrown away instead of sent", 0, NAN},
    [TAG_CARRIER] = {"carrier", "", "The interface is on and its other end is there", NAN, NAN},
};

static const double MOST_PER_S = 1e12; /* bytes or packets; more than any interface does */

struct net {
    struct procfile carrier;
    struct counter counters[RATES];
};

struct nets {
    struct procfile dev;
    struct roster roster;
    struct net *nets; /* of each place */
    size_t first;
};

static enum mr_rc nets_open(void *self, const struct source_env *env, struct err *err)
{
    struct nets *nets = self;
    size_t n = env->conf->max_nets;
    nets->nets = mem_calloc(n, sizeof *nets->nets);
    if (!nets->nets) {
        err_set(err, "out of memory for %zu interfaces", n);
        return MR_NO_MEMORY;
    }
    enum mr_rc rc = roster_init(&nets->roster, n, err);
    if (rc == MR_OK)
        rc = procfile_init(&nets->dev, err, "%s/net/dev", env->conf->proc_root);
    if (rc == MR_OK)
        rc = tagset_reserve(env->tags, n * TAGS_EACH, env->stale_ms, &nets->first, err);
    return rc;
}

/* An interface has come, or has come again: then it is another one under the same name. */
static void begin(struct nets *nets, const struct source_env *env, size_t place, bool is_new)
{
    char where[LABEL_MAX + 8];
    const struct roster_place *who = &nets->roster.places[place];
    struct net *net = &nets->nets[place];
    for (size_t i = 0; i < RATES; i++)
        counter_reset(&net->counters[i]);
    procfile_fini(&net->carrier);
    /* With a path too long, which no interface has, the carrier is never found. */
    if (procfile_init(&net->carrier, NULL, "%s/class/net/%s/carrier", env->conf->sys_root, who->key) != MR_OK)
        net->carrier.retry_ns = INT64_MAX;
    if (!is_new)
        return;
    snprintf(where, sizeof where, "net/%s", who->label);
    for (size_t i = 0; i < TAGS_EACH; i++)
        tagset_define(env->tags, nets->first + place * TAGS_EACH + i, where, &defs[i]);
}

static void collect_carrier(struct procfile *file, const struct source_env *env, size_t tag, int64_t now_ns)
{
    struct words text, line;
    uint64_t carrier;
    enum mr_rc rc = procfile_read(file, now_ns, &env->scratch, &text);
    if (rc == MR_INVALID) /* what the kernel answers for an interface that is switched off */
        tagset_put_flag(env->tags, tag, false, now_ns);
    else if (rc == MR_OK && words_line(&text, &line) && words_u64(&line, &carrier) && carrier <= 1)
        tagset_put_flag(env->tags, tag, carrier == 1, now_ns);
    else
        tagset_lose(env->tags, tag, STATUS_BAD_NO_COMMUNICATION);
}

/* Reads no file: the text of /proc/net/dev is still being walked in the scratch. */
static void collect_rates(struct nets *nets, const struct source_env *env, const struct procfs_net *now,
                          const struct source_tick *tick)
{
    size_t place;
    bool admit = tick->discover && procfs_net_is_outer(now->name);
    enum roster_meeting meeting = roster_meet(&nets->roster, now->name, now->name, admit, tick->now_ns, &place);
    if (meeting == ROSTER_REFUSED)
        return;
    if (meeting != ROSTER_KNOWN)
        begin(nets, env, place, meeting == ROSTER_NEW);
    const uint64_t counts[RATES] = {
        [TAG_RX] = now->rx.bytes,           [TAG_TX] = now->tx.bytes,         [TAG_RX_PACKETS] = now->rx.packets,
        [TAG_TX_PACKETS] = now->tx.packets, [TAG_RX_ERRORS] = now->rx.errors, [TAG_TX_ERRORS] = now->tx.errors,
        [TAG_RX_DROPS] = now->rx.drops,     [TAG_TX_DROPS] = now->tx.drops,
    };
    for (size_t i = 0; i < RATES; i++) {
        double rate;
        size_t index = nets->first + place * TAGS_EACH + i;
        if (counter_rate(&nets->nets[place].counters[i], counts[i], tick->now_ns, MOST_PER_S, &rate))
            tagset_put(env->tags, index, rate, tick->now_ns);
        else
            tagset_lose(env->tags, index, STATUS_UNCERTAIN_LAST_USABLE);
    }
}

static void nets_collect(void *self, const struct source_env *env, const struct source_tick *tick)
{
    struct nets *nets = self;
    struct words text, line;
    struct procfs_net now;
    if (procfile_read(&nets->dev, tick->now_ns, &env->scratch, &text) != MR_OK) {
        tagset_lose_all(env->tags, nets->first, nets->roster.n * TAGS_EACH, STATUS_BAD_NO_COMMUNICATION);
        return;
    }
    roster_begin(&nets->roster);
    while (words_line(&text, &line))
        if (procfs_net(line, &now))
            collect_rates(nets, env, &now, tick);
    for (size_t i = 0; i < nets->roster.n; i++) {
        size_t first = nets->first + i * TAGS_EACH;
        if (roster_has_left(&nets->roster, i))
            tagset_lose_all(env->tags, first, TAGS_EACH, STATUS_BAD_NOT_CONNECTED);
        if (nets->roster.places[i].state == ROSTER_HERE)
            collect_carrier(&nets->nets[i].carrier, env, first + TAG_CARRIER, tick->now_ns);
    }
}

static void nets_close(void *self)
{
    struct nets *nets = self;
    procfile_fini(&nets->dev);
    for (size_t i = 0; i < nets->roster.n; i++)
        procfile_fini(&nets->nets[i].carrier);
    roster_fini(&nets->roster);
    mem_free(nets->nets);
}

const struct source source_nets = {
    .name = "nets",
    .size = sizeof(struct nets),
    .open = nets_open,
    .collect = nets_collect,
    .close = nets_close,
};
