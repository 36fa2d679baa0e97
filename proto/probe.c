/* probe.c - see probe.h. */
#include "proto/probe.h"

static const int64_t MS = 1000000;
static const int64_t US = 1000;

/* UTC of a peer beyond this, in either direction of 1970, is no time: keeps the arithmetic below from overflowing. */
static const int64_t UTC_MAX_US = INT64_C(1) << 60;

void probe_init(struct probe *p, uint32_t ping_ms, uint32_t dead_ms)
{
    *p = (struct probe){.state = PROBE_OFF};
    probe_set_intervals(p, ping_ms, dead_ms);
}

void probe_set_intervals(struct probe *p, uint32_t ping_ms, uint32_t dead_ms)
{
    p->ping_ns = ping_ms * MS;
    p->dead_ns = dead_ms * MS;
}

static void ping(struct probe *p, int64_t our_us, int64_t now_ns, struct probe_actions *out)
{
    p->number++;
    p->sent_ns = p->pinged_ns = now_ns;
    p->open[p->number % PROBE_OPEN_PINGS] =
        (struct probe_ping){.number = p->number, .sent_ns = now_ns, .our_us = our_us};
    out->say_ping = true;
    out->number = p->number;
    out->sent_ns = (uint64_t)now_ns;
}

static int64_t ping_due(const struct probe *p)
{
    int64_t quiet = p->sent_ns + p->ping_ns;
    int64_t unmeasured = p->pinged_ns + PROBE_MEASURE_MS * MS;

    return quiet < unmeasured ? quiet : unmeasured;
}

static void tick(struct probe *p, int64_t our_us, int64_t now_ns, struct probe_actions *out)
{
    if (now_ns - p->heard_ns >= p->dead_ns) {
        p->state = PROBE_DEAD;
        out->dead = true;
    } else if (now_ns >= ping_due(p)) {
        ping(p, our_us, now_ns, out);
    }
}

static void note_rtt(struct probe *p, int64_t rtt_ns, int64_t now_ns)
{
    int64_t bucket = now_ns / (PROBE_RTT_BUCKET_MS * MS);
    int64_t *least = &p->rtt[bucket % PROBE_RTT_BUCKETS].least_ns;

    if (p->rtt[bucket % PROBE_RTT_BUCKETS].bucket != bucket)
        *least = 0;
    p->rtt[bucket % PROBE_RTT_BUCKETS].bucket = bucket;
    if (*least == 0 || rtt_ns < *least)
        *least = rtt_ns;
}

static bool is_utc(int64_t us)
{
    return us != 0 && us > -UTC_MAX_US && us < UTC_MAX_US;
}

/* Four times: ours at sending and receiving, the peer's in between. Half of each difference, so that nothing overflows. */
static void compare_clocks(const struct probe_ping *sent, const struct probe_event *event, int64_t rtt_ns,
                           struct probe_actions *out)
{
    if (!is_utc(sent->our_us) || !is_utc(event->our_us) || !is_utc(event->received_us) || !is_utc(event->real_us))
        return;
    int64_t held_us = event->real_us - event->received_us;
    int64_t away_us = rtt_ns / US;
    if (held_us < 0 || held_us > away_us)
        return; /* its clock was set in between */
    out->clock = true;
    out->offset_us = (event->received_us - sent->our_us) / 2 + (event->real_us - event->our_us) / 2;
    out->error_us = (away_us - held_us) / 2;
}

static enum mr_rc ponged(struct probe *p, const struct probe_event *event, int64_t now_ns, struct probe_actions *out)
{
    if (event->number == 0 || event->number > p->number)
        return MR_INVALID;
    struct probe_ping *open = &p->open[event->number % PROBE_OPEN_PINGS];
    if (open->number != event->number)
        return MR_OK; /* answered before, or too old */
    if ((uint64_t)open->sent_ns != event->sent_ns)
        return MR_INVALID;

    int64_t rtt_ns = now_ns - open->sent_ns;
    if (rtt_ns < 1)
        rtt_ns = 1;
    note_rtt(p, rtt_ns, now_ns);
    compare_clocks(open, event, rtt_ns, out);
    open->number = 0;
    out->reached = true;
    out->number = event->number;
    out->rtt_ns = rtt_ns;
    return MR_OK;
}

static enum mr_rc start(struct probe *p, int64_t our_us, int64_t now_ns, struct probe_actions *out)
{
    if (p->state != PROBE_OFF)
        return MR_MISUSE;
    p->state = PROBE_WATCHING;
    p->heard_ns = now_ns;
    ping(p, our_us, now_ns, out);
    return MR_OK;
}

enum mr_rc probe_step(struct probe *p, const struct probe_event *event, int64_t now_ns, struct probe_actions *ret)
{
    *ret = (struct probe_actions){.say_ping = false};
    if (event->kind == PROBE_START)
        return start(p, event->our_us, now_ns, ret);
    if (p->state != PROBE_WATCHING)
        return MR_OK;
    switch (event->kind) {
    case PROBE_SENT:
        p->sent_ns = now_ns;
        break;
    case PROBE_HEARD:
        p->heard_ns = now_ns;
        break;
    case PROBE_PINGED:
        ret->say_pong = true;
        break;
    case PROBE_PONGED:
        return ponged(p, event, now_ns, ret);
    case PROBE_PING:
        ping(p, event->our_us, now_ns, ret);
        break;
    case PROBE_TICK:
        tick(p, event->our_us, now_ns, ret);
        break;
    case PROBE_START:
    case PROBE_EVENTS:
        break;
    }
    return MR_OK;
}

int64_t probe_deadline(const struct probe *p)
{
    if (p->state != PROBE_WATCHING)
        return INT64_MAX;
    int64_t dead = p->heard_ns + p->dead_ns;
    int64_t due = ping_due(p);

    return dead < due ? dead : due;
}

int64_t probe_least_rtt(const struct probe *p, int64_t now_ns)
{
    int64_t bucket = now_ns / (PROBE_RTT_BUCKET_MS * MS);
    int64_t least = 0;

    for (unsigned i = 0; i < PROBE_RTT_BUCKETS; i++) {
        bool is_fresh = p->rtt[i].bucket > bucket - PROBE_RTT_BUCKETS && p->rtt[i].bucket <= bucket;
        if (is_fresh && p->rtt[i].least_ns && (!least || p->rtt[i].least_ns < least))
            least = p->rtt[i].least_ns;
    }
    return least;
}
