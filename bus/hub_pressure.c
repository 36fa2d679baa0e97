/* hub_pressure.c - a queue that fills up asks those who feed it to wait a moment, by keeping back their credit.
 *
 *     CALM ──above a half──▶ PRESSING ──below a quarter──▶ CALM
 *       ▲                        └──PRESSURE_MAX_MS──▶ SLOW ──as good as empty──┐
 *       └───────────────────────────────────────────────────────────────────────┘
 * While it presses, ports whose records go there get no new credit on the live lane: what they have in flight still comes,
 * a window each, and finds room. So a peer that was off its processor for a moment costs nobody a record. One that does not
 * catch up in that time is slow, and slows nobody any more: its queue overflows for itself alone, and says so. */
#include "bus/hub_private.h"
#include "proto/limits.h"

enum { PRESSURE_MAX_MS = 250, PRESS_SHARE = 2, CALM_SHARE = 4, EMPTY_SHARE = 16 }; /* shares of the whole queue */

static const int64_t ns_per_ms = 1000000;

static bool is_above(const struct port *p, unsigned share)
{
    return session_queued_bytes(p->session) > p->hub->max_queued_bytes / share;
}

/* As it must be now. */
static void hold(struct port *p)
{
    session_hold_live(p->session, p->is_held_from_outside || list_is_linked(&p->in_held));
    hub_mark(p);
}

/* All may go on; who still feeds a queue that presses is held again with its next record. */
static void release_all(struct hub *h)
{
    for (struct list *at; (at = list_take_first(&h->held));) {
        struct port *p = container_of(at, struct port, in_held);
        hold(p);
    }
    hub_wake(h);
}

void hub_hold(struct hub *h, uint32_t port, bool is_held)
{
    struct port *p = hub_port_at(h, port);
    if (!p || p->is_held_from_outside == is_held)
        return;
    hub_read_clock(h);
    p->is_held_from_outside = is_held;
    hold(p);
    hub_wake(h);
}

static void stop_pressing(struct port *p, enum pressure after)
{
    p->pressure = after;
    list_remove(&p->in_pressing);
    release_all(p->hub);
}

/* All apps feed the uplink: what they have in flight together must find room in the half that is left when it presses,
 * each overdrawn by a frame. */
void hub_share_windows(struct hub *h)
{
    uint32_t apps = 0;
    for (uint32_t i = 1; i <= h->max_ports; i++)
        apps += h->ports[i] && h->ports[i]->kind == PORT_APP;
    size_t share = apps ? h->max_queued_bytes / CALM_SHARE / apps : 0;
    uint32_t window = share < CREDIT_MAX_BYTES ? (uint32_t)share : CREDIT_MAX_BYTES;
    if (window < CREDIT_START_BYTES)
        window = CREDIT_START_BYTES;
    for (uint32_t i = 1; i <= h->max_ports; i++)
        if (h->ports[i] && h->ports[i]->kind == PORT_APP)
            session_limit_live(h->ports[i]->session, window);
}

void hub_feel(struct port *p, struct port *from)
{
    struct hub *h = p->hub;
    p->fed_bytes = 0;
    if (!from || from == p || p->pressure == PRESSURE_SLOW ||
        (p->pressure == PRESSURE_CALM && !is_above(p, PRESS_SHARE)))
        return;
    if (p->pressure == PRESSURE_CALM) {
        p->pressure = PRESSURE_PRESSING;
        p->pressing_until_ns = hub_now_ns(h) + PRESSURE_MAX_MS * ns_per_ms;
        list_push_back(&h->pressing, &p->in_pressing);
    }
    if (list_is_linked(&from->in_held))
        return;
    list_push_back(&h->held, &from->in_held);
    session_hold_live(from->session, true);
}

void hub_pressure_took(struct port *p)
{
    if (p->pressure == PRESSURE_PRESSING && !is_above(p, CALM_SHARE))
        stop_pressing(p, PRESSURE_CALM);
    else if (p->pressure == PRESSURE_SLOW && !is_above(p, EMPTY_SHARE))
        p->pressure = PRESSURE_CALM;
}

void hub_pressure_leave(struct port *p)
{
    list_remove(&p->in_held);
    if (p->pressure == PRESSURE_PRESSING)
        stop_pressing(p, PRESSURE_SLOW);
}

void hub_pressure_tick(struct hub *h, int64_t now_ns)
{
    while (hub_pressure_deadline(h) <= now_ns)
        stop_pressing(container_of(list_first(&h->pressing), struct port, in_pressing), PRESSURE_SLOW);
}

int64_t hub_pressure_deadline(const struct hub *h)
{
    const struct list *first = list_first(&h->pressing);
    return first ? container_of(first, const struct port, in_pressing)->pressing_until_ns : INT64_MAX;
}
