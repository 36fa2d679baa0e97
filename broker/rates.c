/* rates.c - a timer, and two buckets for each port of the hub. */
#include "broker/rates.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/quota.h"
#include "broker/repeats.h"

struct rated {
    struct quota records, bytes;
    int64_t since_us; /* of the port: another session has the number when it changes */
    bool is_held;
};

struct rates {
    struct rates_options options;
    struct loop_timer *timer;
    struct repeats repeats; /* who was logged of late */
    struct rated *ports;    /* [0] unused */
    int64_t last_ns;
};

static void tell(struct rates *r, const struct port_stats *who, int64_t now_ns)
{
    uint64_t more = 0;
    if (repeats_note(&r->repeats, who->identity, now_ns, &more))
        log_event(WARN, "BROKER-RATE", "identity=%s address=%s rate=%ju bytes_rate=%ju more=%ju reason=%s",
                  who->identity, who->address, (uintmax_t)r->options.records_per_s, (uintmax_t)r->options.bytes_per_s,
                  (uintmax_t)more, "it sends more than one session may: it waits");
}

static void look_at(struct rates *r, uint32_t port, int64_t elapsed_ns, int64_t now_ns)
{
    struct rated *rated = &r->ports[port];
    struct port_stats who;
    if (!hub_get_port(r->options.hub, port, &who) || who.kind != PORT_AGENT)
        return;
    if (rated->since_us != who.since_us)
        *rated = (struct rated){.since_us = who.since_us};
    bool is_over = quota_step(&rated->records, r->options.records_per_s, who.session.records_in, elapsed_ns);
    is_over |= quota_step(&rated->bytes, r->options.bytes_per_s, who.session.bytes_in, elapsed_ns);
    if (is_over && !rated->is_held)
        tell(r, &who, now_ns);
    if (is_over != rated->is_held)
        hub_hold(r->options.hub, port, is_over);
    rated->is_held = is_over;
}

static void on_timer(void *user)
{
    struct rates *r = user;
    int64_t now_ns = loop_now_ns(r->options.loop), elapsed_ns = now_ns - r->last_ns;
    r->last_ns = now_ns;
    for (uint32_t port = 1; port <= hub_max_port(r->options.hub); port++)
        look_at(r, port, elapsed_ns, now_ns);
    loop_timer_start(r->timer, now_ns + RATES_MS * INT64_C(1000000));
}

enum mr_rc rates_new(struct rates **ret, const struct rates_options *options, struct err *err)
{
    struct rates *r = mem_calloc(1, sizeof *r);
    if (r) {
        r->options = *options;
        r->last_ns = loop_now_ns(options->loop);
        r->ports = mem_calloc((size_t)hub_max_port(options->hub) + 1, sizeof *r->ports);
    }
    if (!r || !r->ports || loop_timer_new(options->loop, on_timer, r, &r->timer) != MR_OK) {
        err_set(err, "%s", rc_text(MR_NO_MEMORY));
        rates_free(r);
        return MR_NO_MEMORY;
    }
    loop_timer_start(r->timer, r->last_ns);
    *ret = r;
    return MR_OK;
}

void rates_free(struct rates *r)
{
    if (!r)
        return;
    loop_timer_free(r->timer);
    mem_free(r->ports);
    mem_free(r);
}
