/* hub_hello.c - sessions begin: apps and agents say Hello to us, and a broker welcomes us. */
#include <stdio.h>
#include <string.h>

#include "bus/hub_private.h"

enum { FLAPPING_HELLOS = 6 }; /* within ... */
static const int64_t flapping_ns = INT64_C(60) * 1000 * 1000 * 1000;

/* A person may have several sessions, each an identity of its own: "anna", "anna~2". No name of the registry has a '~'. */
static bool is_session_of(const char *name, const char *identity)
{
    size_t len = strlen(name);
    return strncmp(identity, name, len) == 0 && (identity[len] == '\0' || identity[len] == '~');
}

static void welcome(struct port *p, uint64_t birth_floor)
{
    struct hub *h = p->hub;
    uint64_t session = rand_u64(h->rand);
    const struct session_welcome said = {.session = session ? session : 1,
                                         .identity = p->identity,
                                         .path = p->path,
                                         .server = h->name,
                                         .nonce = h->nonce,
                                         .birth_floor = birth_floor,
                                         .inbox = p->inbox,
                                         .state = hub_state_of(h)};
    p->is_welcome = birth_floor == 0;
    hub_must(p, session_welcome(p->session, &said, hub_now_ns(h)));
    if (birth_floor && !p->is_over) { /* that Welcome was the session's last word */
        p->is_over = true;
        h->events->on_over(h->user, p->number, MR_FENCED, "it must be born again", 0);
    }
    if (p->is_welcome)
        hub_notice(h, HUB_NOTICE_PORT_UP, "%s: %s%s%s", p->address, p->identity, *p->part ? "/" : "", p->part);
}

static bool is_app_name(const char *name)
{
    return *name && !strpbrk(name, "/+#") && *name != '$';
}

static enum mr_rc name_app(struct port *p, const char *name, struct err *err)
{
    struct hub *h = p->hub;
    char inbox[TOPIC_MAX_BYTES + 1];
    char *part = mem_strndup(name, strlen(name));
    if (!part)
        return MR_NO_MEMORY;
    mem_free(p->part);
    p->part = part;
    snprintf(inbox, sizeof inbox, "$inbox/%s/%u", p->identity, p->number);
    enum mr_rc rc = hub_take_publisher(p, p->identity, part, &p->publisher, err);
    if (!rc)
        rc = names_topic(h->names, inbox, strlen(inbox), &p->inbox);
    return rc;
}

static void hello_of_app(struct port *p, const struct session_hello *hello)
{
    if (hello->kind != PEER_KIND_APP || !is_app_name(hello->name)) {
        hub_end_port(p, MR_INVALID, "an app's name is 1 to 128 bytes without '/', '+', '#' and a leading '$'");
        return;
    }
    struct err err = {{0}};
    enum mr_rc rc = name_app(p, hello->name, &err);
    if (rc) {
        hub_end_port(p, rc, *err.text ? err.text : rc_text(rc));
        return;
    }
    welcome(p, 0);
    hub_tell_topic(p, p->inbox);
    const struct session_birth birth = {
        .publisher = p->publisher, .birth = p->hub->birth, .since_us = p->since_us, .first_seq = p->hub->seq + 1};
    hub_must(p, hub_be_born(p->hub, NULL, &birth));
}

/* An agent whose old connection is not known dead yet comes again: the newer link is the true one. What the old one lost of
 * the same birth, the new Hello tells exactly; of an earlier birth nobody else will. */
static void replace_older(struct port *p)
{
    struct hub *h = p->hub;
    for (struct port *older = NULL; (older = hub_port_of(h, p->owner, older));) {
        if (older == p || older->kind != p->kind || older->is_replaced)
            continue;
        bool is_whole = older->ended_clean && !older->is_away;
        if (older->kind == PORT_AGENT && older->is_welcome && !is_whole && older->birth != p->birth)
            hub_tell_tail(h, older, older->owner, older->link, older->birth);
        older->is_replaced = true;
        hub_end_port(older, MR_FENCED, "a newer session of the same identity took its place");
    }
}

/* A link that is no good, or two machines that take each other's place. */
static void watch_for_flapping(struct port *p)
{
    struct hub *h = p->hub;
    struct owner *owner = hub_owner(h, p->owner);
    if (!owner)
        return;
    if (owner->n_hellos == 0 || hub_now_ns(h) - owner->hellos_from_ns >= flapping_ns) {
        owner->hellos_from_ns = hub_now_ns(h);
        owner->n_hellos = 0;
    }
    if (++owner->n_hellos == FLAPPING_HELLOS)
        hub_notice(h, HUB_NOTICE_FLAPPING, "%s: '%s' connected %d times within a minute", p->address, p->identity,
                   FLAPPING_HELLOS);
}

/* The highest birth we have heard of; after a restart what it wrote in it is all that tells. */
static uint64_t known_birth(const struct hub *h, uint32_t owner, const struct life *life)
{
    uint64_t kept = hub_kept_birth(h, owner);
    return life && life->birth > kept ? life->birth : kept;
}

static void hello_of_agent(struct port *p, const struct session_hello *hello)
{
    struct hub *h = p->hub;
    char reason[512];
    const struct life *life = presence_get(h->presence, p->owner);
    const uint64_t known = known_birth(h, p->owner, life);
    if (hello->kind != PEER_KIND_AGENT || !is_session_of(hello->name, p->identity)) {
        snprintf(reason, sizeof reason, "this key belongs to '%s', not to '%s': mend 'name' in agent.yaml, or the key",
                 p->identity, hello->name);
        hub_end_port(p, MR_DENIED, reason);
        return;
    }
    if (hello->birth < known) {
        hub_notice(h, HUB_NOTICE_DUPLICATE, "%s: '%s' came with an earlier birth than is known; it must be born again",
                   p->address, p->identity);
        welcome(p, known);
        return;
    }
    if (life && hello->birth == life->birth && hello->link <= life->link) {
        hub_notice(h, HUB_NOTICE_DUPLICATE, "%s: '%s' came twice with one link number", p->address, p->identity);
        hub_end_port(p, MR_FENCED, "the same birth and link number came before: is this machine a copy of another?");
        return;
    }
    p->birth = hello->birth;
    p->link = hello->link;
    watch_for_flapping(p);
    p->has_moved_here = hub_home(h, p->owner) != HOME_HERE;
    replace_older(p);
    hub_tell_gap(p, hello);
    welcome(p, 0);
    const struct session_birth birth = {
        .publisher = p->owner, .link = hello->link, .birth = hello->birth, .since_us = hub_now_us(h)};
    hub_must(p, hub_be_born(h, p, &birth));
}

static void hello_of_broker(struct port *p, const struct session_hello *hello)
{
    char reason[512];
    if (hello->kind != PEER_KIND_BROKER || strcmp(hello->name, p->identity) != 0) {
        snprintf(reason, sizeof reason,
                 "this key belongs to the broker '%s', not to '%s': mend 'name' in broker.yaml, or the key",
                 p->identity, hello->name);
        hub_end_port(p, MR_DENIED, reason);
        return;
    }
    replace_older(p);
    welcome(p, 0);
}

void hub_on_hello(void *user, const struct session_hello *hello)
{
    struct port *p = user;
    if (p->kind == PORT_APP)
        hello_of_app(p, hello);
    else if (p->kind == PORT_AGENT)
        hello_of_agent(p, hello);
    else
        hello_of_broker(p, hello);
}

/* -- the agent's uplink -- */
/* Apps that are here were told other names: they come again. */
static void end_apps(struct hub *h, const char *reason)
{
    for (uint32_t i = 1; i <= h->max_ports; i++)
        if (h->ports[i] && h->ports[i]->kind == PORT_APP)
            hub_end_port(h->ports[i], MR_CLOSED, reason);
}

static enum mr_rc path_changed(struct hub *h, const char *path)
{
    char *copy = mem_strndup(path, strlen(path));
    if (!copy)
        return MR_NO_MEMORY;
    mem_free(h->path);
    h->path = copy;
    end_apps(h, "the path of this machine changed: topics under './' are others now");
    return MR_OK;
}

/* A person's agent takes the identity that the broker gives this session. */
static enum mr_rc identity_changed(struct hub *h, const char *identity)
{
    enum presence_result ignored;
    char *copy = mem_strndup(identity, strlen(identity));
    enum mr_rc rc = copy ? names_publisher(h->names, identity, "", &h->self) : MR_NO_MEMORY;
    if (rc) {
        mem_free(copy);
        return rc;
    }
    mem_free(h->identity);
    h->identity = copy;
    end_apps(h, "the broker gave this agent another identity");
    const struct session_birth birth = {.publisher = h->self, .birth = h->birth, .since_us = hub_now_us(h)};
    return presence_birth(h->presence, &birth, &ignored);
}

static void tell_own_lives(struct hub *h, struct port *uplink)
{
    uint32_t cursor = 0;
    hub_tell_publisher(uplink, h->self);
    for (const struct life *life; (life = presence_walk(h->presence, &cursor));)
        if (life->alive && names_get_publisher(h->names, life->publisher)->owner == h->self)
            hub_tell_publisher(uplink, life->publisher);
}

/* Records taken between our Hello and its answer could not be handed on, and the Hello did not know of them. */
static void tell_untold_gap(struct port *uplink)
{
    const struct hub *h = uplink->hub;
    if (h->seq == uplink->said_seq)
        return;
    const struct session_loss loss = {.publisher = h->self,
                                      .link = h->link,
                                      .via = "",
                                      .birth = h->birth,
                                      .first = uplink->said_seq + 1,
                                      .last = h->seq,
                                      .count = h->seq - uplink->said_seq,
                                      .cause = MR_LINK};
    hub_must(uplink, session_loss(uplink->session, LANE_LIVE, &loss));
}

static void welcome_of_peer(struct port *p, const struct session_welcome *said)
{
    char reason[512];
    if (strcmp(said->server, p->up->name) == 0 && strcmp(said->identity, p->hub->name) == 0) {
        hub_peer_up(p);
        return;
    }
    snprintf(reason, sizeof reason,
             "'%s' answers as broker '%s' and knows this one as '%s': mend directory.yaml on both", p->up->name,
             said->server, said->identity);
    hub_end_port(p, MR_DENIED, reason);
}

static void welcome_of_broker(struct port *p, const struct session_welcome *said)
{
    struct hub *h = p->hub;
    if (said->birth_floor) {
        h->events->on_birth_floor(h->user, said->birth_floor);
        return;
    }
    if (!is_session_of(h->name, said->identity)) {
        hub_end_port(p, MR_DENIED, "the broker knows this key under another name");
        return;
    }
    enum mr_rc rc = strcmp(said->identity, h->identity) == 0 ? MR_OK : identity_changed(h, said->identity);
    if (!rc && strcmp(said->path, h->path) != 0)
        rc = path_changed(h, said->path);
    if (rc) {
        hub_end_port(p, rc, rc_text(rc));
        return;
    }
    p->is_welcome = true;
    p->up->state = UP_REACHED;
    h->isolated_since_us = 0;
    h->is_broker_degraded = said->state.degraded;
    h->is_offering = true;
    h->offer_cursor = 0;
    tell_own_lives(h, p);
    tell_untold_gap(p);
    hub_open_span(p->up,
                  true); /* apps that subscribed meanwhile miss what nobody sends us before our interest is in force */
    hub_upstreams_begin(p->up);
    hub_state_changed(h);
    h->events->on_uplink(h->user, said);
}

void hub_on_welcome(void *user, const struct session_welcome *said)
{
    struct port *p = user;
    if (p->kind == PORT_UPLINK)
        welcome_of_broker(p, said);
    else
        welcome_of_peer(p, said);
}
