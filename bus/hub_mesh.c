/* hub_mesh.c - a broker's peers: reached and gone, who is at home where, and the lists of lives (docs/decisions/0012). */
#include <stdio.h>
#include <string.h>

#include "bus/hub_private.h"

/* Of a walk over lives, per turn: a life is one, and one more for each port that may have to hear of it. A millisecond or so. */
enum { MISSED_STEPS = 20000 };

static const int64_t ns_per_ms = 1000000;

/* -- places for brokers whose client we are -- */
static enum mr_rc init_up(struct up *up, struct hub *h, uint32_t index, const char *name)
{
    *up = (struct up){.hub = h, .index = index, .lost_at_ns = INT64_MAX};
    list_init(&up->unacked);
    up->name = mem_strndup(name, strlen(name));
    return up->name ? MR_OK : MR_NO_MEMORY;
}

enum mr_rc hub_mesh_new(struct hub *h, const struct hub_conf *conf)
{
    uint32_t n = h->kind == HUB_AGENT ? 1 : (uint32_t)conf->n_peers;
    enum mr_rc rc = MR_OK;
    if (conf->n_peers >= BROKERS_MAX)
        return MR_TOO_BIG;
    if (n == 0)
        return MR_OK;
    h->ups = mem_calloc(n, sizeof *h->ups);
    if (!h->ups)
        return MR_NO_MEMORY;
    for (h->n_ups = 0; !rc && h->n_ups < n; h->n_ups++)
        rc = init_up(&h->ups[h->n_ups], h, h->n_ups, h->kind == HUB_AGENT ? "" : conf->peers[h->n_ups]);
    if (h->kind == HUB_BROKER)
        h->next_upstream = KEPT_INTEREST;
    return rc;
}

void hub_mesh_free(struct hub *h)
{
    for (uint32_t i = 0; i < h->n_ups; i++)
        mem_free(h->ups[i].name);
    mem_free(h->ups);
}

struct up *hub_find_peer(const struct hub *h, const char *name)
{
    for (uint32_t i = 0; i < h->n_ups; i++)
        if (strcmp(h->ups[i].name, name) == 0)
            return &h->ups[i];
    return NULL;
}

/* -- homes -- */
void hub_set_home(struct hub *h, uint32_t publisher, const struct port *from)
{
    struct owner *owner = &h->owners[publisher];
    bool is_peers = from && from->kind == PORT_MESH_OUT;
    owner->home = is_peers ? (uint8_t)(HOME_PEER + from->up->index) : HOME_HERE;
    owner->listed = is_peers ? from->up->round : 0;
}

uint8_t hub_home(const struct hub *h, uint32_t publisher)
{
    return publisher < h->owners_cap ? h->owners[publisher].home : HOME_UNKNOWN;
}

/* A broker that came back without its table does not list it: then nothing is on its way from there. */
static bool is_listed(const struct up *up, uint32_t owner)
{
    return hub_is_up(up) && up->hub->owners[owner].listed == up->round;
}

bool hub_is_heard_from_home(const struct port *from, uint32_t owner, uint64_t birth)
{
    const struct hub *h = from->hub;
    uint8_t home = hub_home(h, owner);
    const struct life *life = presence_get(h->presence, owner);
    if (home == HOME_UNKNOWN || home == HOME_PEER + from->up->index || !life || life->birth != birth)
        return false; /* what was written in an earlier birth may have been left elsewhere */
    return home == HOME_HERE ? life->alive : is_listed(&h->ups[home - HOME_PEER], owner);
}

bool hub_is_orphan(const struct port *from, uint32_t owner)
{
    const struct hub *h = from->hub;
    const struct life *life = presence_get(h->presence, owner);
    bool is_at_home_there = hub_home(h, owner) == HOME_PEER + from->up->index && is_listed(from->up, owner);
    return !is_at_home_there && !(life && life->alive);
}

const char *hub_home_of(const struct hub *h, uint32_t publisher)
{
    uint8_t home = hub_home(h, publisher);
    if (home == HOME_UNKNOWN)
        return "";
    return home == HOME_HERE ? h->name : h->ups[home - HOME_PEER].name;
}

/* -- lists of lives -- */
bool hub_list_lives(struct port *p, uint32_t *cursor, int *budget)
{
    for (; *budget > 0 && hub_has_room(p); --*budget) {
        const struct life *life = presence_walk(p->hub->presence, cursor);
        if (!life)
            return true;
        if (life->alive && hub_home(p->hub, life->publisher) == HOME_HERE)
            hub_tell_publisher(p, life->publisher);
    }
    return false;
}

/* -- lives that nobody tells of any more -- */
static bool is_missed(const struct up *up, const struct life *life)
{
    const struct hub *h = up->hub;
    bool is_at_home_there = life->alive && hub_home(h, life->publisher) == HOME_PEER + up->index;
    return is_at_home_there && (up->missed == MISSED_ALL || h->owners[life->publisher].listed != up->round);
}

/* Of a large plant, each of them told to thousands of ports: some each turn, so that pings go on. */
static void suppose_dead_on(struct up *up, int *budget)
{
    static const char *const reasons[] = {
        [MISSED_UNLISTED] = "its broker does not know it any more", [MISSED_ALL] = "its broker cannot be reached"};
    struct hub *h = up->hub;
    for (; up->missed && *budget > 0; --*budget) {
        const struct life *life = presence_walk(h->presence, &up->missed_cursor);
        if (!life) {
            if (up->missed == MISSED_ALL)
                hub_offer_the_dead(h);
            up->missed = MISSED_NOBODY;
        } else if (is_missed(up, life)) {
            hub_suppose_dead(h, life->publisher, reasons[up->missed]);
            *budget -= (int)h->max_ports;
        }
    }
}

static void begin_to_miss(struct up *up, enum missed missed)
{
    int budget = MISSED_STEPS;
    up->missed = missed;
    up->missed_cursor = 0;
    suppose_dead_on(up, &budget);
}

void hub_list_complete(struct up *up)
{
    up->is_listed = true;
    begin_to_miss(up, MISSED_UNLISTED);
}

/* -- reached and gone -- */
static enum mr_rc ask_for_everything_kept(const struct up *up)
{
    const struct session_interest entry = {.id = KEPT_INTEREST, .filter = "#", .kind = INTEREST_KEPT, .group = ""};
    return session_interest_add(up->port->session, &entry);
}

void hub_peer_up(struct port *p)
{
    struct hub *h = p->hub;
    struct up *up = p->up;
    p->is_welcome = true;
    up->state = UP_REACHED;
    up->lost_at_ns = INT64_MAX;
    up->missed = MISSED_NOBODY; /* it tells itself who lives there */
    up->is_listed = false;
    up->round++;
    if (up->is_span_open) /* those who subscribed meanwhile have not heard of it */
        hub_open_span(up, true);
    hub_must(p, ask_for_everything_kept(up));
    hub_upstreams_begin(up);
    hub_state_changed(h);
    hub_notice(h, HUB_NOTICE_PORT_UP, "peer %s", up->name);
    h->events->on_peer(h->user, p->number);
}

void hub_peer_died(struct port *p)
{
    struct hub *h = p->hub;
    struct up *up = p->up;
    up->port = NULL;
    if (!p->is_welcome)
        return;
    up->state = UP_GONE;
    up->lost_at_ns = hub_now_ns(h) + PRESENCE_LOST_MS * ns_per_ms;
    hub_open_span(up, false);
    hub_upstreams_end(up);
    hub_state_changed(h);
    hub_notice(h, HUB_NOTICE_PORT_DOWN, "peer %s: %s", up->name, p->ended_clean ? "closed" : "its connection broke");
}

/* -- time -- */
/* A peer that was not reached at once is not waited for: what was told SUBSCRIBED without it hears of a span when it comes. */
static void give_up(struct up *up)
{
    up->state = UP_GONE;
    up->is_span_open = true;
    hub_upstreams_end(up);
}

static int64_t due_ns(const struct up *up)
{
    return up->state == UP_UNTRIED ? up->hub->untried_until_ns : up->lost_at_ns;
}

void hub_mesh_tick(struct hub *h)
{
    int budget = MISSED_STEPS;
    for (uint32_t i = 0; h->kind == HUB_BROKER && i < h->n_ups; i++) {
        struct up *up = &h->ups[i];
        suppose_dead_on(up, &budget);
        if (due_ns(up) > h->now_ns)
            continue;
        if (up->state == UP_UNTRIED) {
            give_up(up);
            continue;
        }
        up->lost_at_ns = INT64_MAX;
        begin_to_miss(up, MISSED_ALL);
    }
}

int64_t hub_mesh_deadline(const struct hub *h)
{
    int64_t first = INT64_MAX;
    for (uint32_t i = 0; h->kind == HUB_BROKER && i < h->n_ups; i++) {
        const struct up *up = &h->ups[i];
        int64_t at_ns = up->missed ? h->now_ns : due_ns(up);
        if (at_ns < first)
            first = at_ns;
    }
    return first;
}

/* -- births that were rolled back -- */
void hub_be_corrected(struct port *p, uint32_t publisher, uint64_t birth)
{
    struct hub *h = p->hub;
    enum presence_result ignored;
    if (publisher == h->self && birth > h->birth && birth <= BIRTH_MAX)
        h->events->on_birth_floor(h->user, birth);
    struct port *home = hub_agent_port(h, publisher);
    if (!home || birth <= home->birth || birth > BIRTH_MAX)
        return;
    hub_notice(h, HUB_NOTICE_DUPLICATE, "%s: '%s' is known with a later birth by '%s'; it must be born again",
               home->address, home->identity, p->identity);
    const struct session_death floor = {.publisher = publisher, .birth = birth, .reason = "its birth was rolled back"};
    hub_must(p, presence_death(h->presence, &floor, hub_now_us(h), &ignored));
    hub_life_changed(h, publisher, p);
    home->is_replaced = true;
    hub_end_port(home, MR_FENCED, "another broker knows a later birth of this identity");
}
