/* station.c - turns of an agent's or a broker's loop. */
#include "station.h"

#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/framing.h"
#include "peek.h"
#include "proto/limits.h"

enum {
    MAX_PORTS = 24,
    MAX_FILTERS = 256,
    MAX_TOPICS = 4096,
    MAX_SLOTS = 1024,
    FRAMES_PER_TURN = 64,
    OUT_BYTES = 256 * 1024,
    BUSY_BYTES = 4 * 1024,
    REST_NS = 20000, /* the least time between two turns of a loop that has more to do */
};

static const int64_t leave_ns = 200 * SIM_MS;   /* UPLINK_LEAVE_MS; LISTENER_LEAVE_MS is longer */
static const int64_t under_way_ns = 10 * SIM_S; /* nothing is so long on its way between brokers */

struct wire {
    struct station *station, *from; /* from: the agent or broker that dialled, NULL = a program, or we did */
    struct station_link *link;      /* we dialled */
    struct end *end;
    enum port_kind kind;
    uint32_t port; /* 0: not accepted yet */
    uint32_t session;
    bool has_output, is_over;
    uint32_t retry_ms;
    char program[16];
    struct framing_reader in; /* programs: a stream of bytes */
    struct buf out;
};

/* -- callbacks of the hub -- */
static struct wire *wire_of(const struct station *s, uint32_t port)
{
    for (int i = 0; i < STATION_WIRES; i++)
        if (s->wires[i] && s->wires[i]->port == port)
            return s->wires[i];
    return NULL;
}

static void on_output(void *user, uint32_t port)
{
    struct wire *w = wire_of(user, port);
    if (w)
        w->has_output = true;
}

static void on_over(void *user, uint32_t port, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    struct station *s = user;
    struct wire *w = wire_of(s, port);
    sim_trace(s->sim, "%s: port %u is over: %d %s", s->name, port, (int)rc, reason);
    if (!w)
        return;
    w->is_over = true;
    w->retry_ms = rc == MR_FENCED && !s->birth_floor ? 1000 : retry_ms;
}

static void on_uplink(void *user, const struct session_welcome *welcome)
{
    struct station *s = user;
    if (!welcome->birth_floor && s->history->machines[s->index].met_birth < s->birth)
        s->history->machines[s->index].met_birth = s->birth;
    sim_trace(s->sim, "%s: with %s", s->name, welcome->server);
}

static void on_peer(void *user, uint32_t port)
{
    struct station *s = user;
    const struct wire *w = wire_of(s, port);
    sim_trace(s->sim, "%s: hears %s", s->name, w ? w->link->to->name : "?");
}

static void on_birth_floor(void *user, uint64_t floor)
{
    struct station *s = user;
    s->birth_floor = floor;
}

static void on_notice(void *user, enum hub_notice notice, const char *text)
{
    struct station *s = user;
    sim_trace(s->sim, "%s: notice %d %s", s->name, (int)notice, text);
}

static const struct hub_events hub_events = {.on_output = on_output,
                                             .on_over = on_over,
                                             .on_uplink = on_uplink,
                                             .on_peer = on_peer,
                                             .on_birth_floor = on_birth_floor,
                                             .on_notice = on_notice};

/* -- connections -- */
static struct wire *add_wire(struct station *s, struct end *end, enum port_kind kind)
{
    for (int i = 0; i < STATION_WIRES; i++) {
        if (s->wires[i])
            continue;
        struct wire *w = sim_alloc(1, sizeof *w);
        *w = (struct wire){.station = s, .end = end, .kind = kind, .session = ++s->n_sessions};
        framing_init(&w->in, AGENT_FRAME_MAX_BYTES);
        buf_init(&w->out, OUT_BYTES + AGENT_FRAME_MAX_BYTES);
        end_own(end, process_wake, &s->process);
        s->wires[i] = w;
        return w;
    }
    end_close(end);
    return NULL;
}

static void drop_wire(struct wire *w, int64_t wait_ns)
{
    struct station *s = w->station;
    for (int i = 0; i < STATION_WIRES; i++)
        if (s->wires[i] == w)
            s->wires[i] = NULL;
    if (w->kind == PORT_AGENT && w->from)
        s->served_ns[w->from->index] = s->sim->now_ns;
    end_leave(w->end, wait_ns);
    framing_fini(&w->in);
    buf_fini(&w->out);
    free(w);
}

static void shuffle_links(struct station *s)
{
    for (int i = s->n_links - 1; i > 0; i--) {
        int j = (int)sim_below(s->sim, (uint64_t)i + 1);
        struct station_link t = s->links[i];
        s->links[i] = s->links[j];
        s->links[j] = t;
    }
}

/* An agent goes from broker to broker; a broker tries the same again. */
static void dial_later(struct station *s, struct station_link *link, uint32_t retry_ms)
{
    if (s->kind == HUB_AGENT) {
        s->tried = (s->tried + 1) % s->n_links;
        if (s->tried == 0)
            shuffle_links(s);
        retry_ms = s->n_links > 1 ? 0 : retry_ms; /* it concerns the one that said so */
        link = &s->links[s->tried];
    }
    link->dial_ns = s->sim->now_ns + (int64_t)retry_ms * SIM_MS + sim_between(s->sim, 50 * SIM_MS, 1000 * SIM_MS);
    process_at(&s->process, link->dial_ns);
}

/* The connection is gone. */
static void close_wire(struct wire *w)
{
    struct station *s = w->station;
    uint32_t port = w->port, retry_ms = w->retry_ms;
    struct station_link *link = w->link;
    drop_wire(w, leave_ns);
    if (port)
        hub_close(s->hub, port);
    if (link)
        dial_later(s, link, retry_ms);
}

static void accept_wire(struct wire *w)
{
    struct station *s = w->station;
    const struct station *owner = w->from ? w->from : s;
    const struct port_peer peer = {
        .kind = w->kind, .identity = owner->name, .path = owner->path, .address = w->from ? w->from->name : w->program};
    struct err err = {{0}};
    if (hub_accept(s->hub, &peer, &w->port, &err)) {
        sim_trace(s->sim, "%s: refuses %s: %s", s->name, peer.address, err.text);
        drop_wire(w, leave_ns);
    }
}

static bool can_reach(const struct station_link *link)
{
    return link->to->hub && !link->route->is_cut && link->route->dark == DARK_NOT;
}

uint32_t station_session(void *station, int program)
{
    const struct station *s = station;
    uint32_t newest = 0;
    for (int i = 0; i < STATION_WIRES; i++) {
        const struct wire *w = s->wires[i];
        if (w && w->kind == PORT_APP && peek_program(w->program) == program && w->session > newest)
            newest = w->session;
    }
    return newest;
}

static void draw_birth(struct station *s)
{
    s->birth = (uint64_t)++s->lives << 32 | (uint32_t)rand_u64(&s->rand.source);
    if (s->birth > s->highest_birth)
        s->highest_birth = s->birth;
}

static void be_born_again(struct station *s)
{
    if (!s->birth_floor)
        return;
    s->lives = (uint32_t)(s->birth_floor >> 32);
    draw_birth(s);
    s->birth_floor = 0;
    uint64_t before = peek_seq(s->hub);
    hub_set_birth(s->hub, s->birth);
    if (s->kind == HUB_AGENT)
        peek_numbered_anew(s->hub, s->history, s->index, before, s->sim->now_ns, station_session, s);
    sim_trace(s->sim, "%s: born again %llx", s->name, (unsigned long long)s->birth);
}

static void dial(struct station *s, struct station_link *link)
{
    struct end *here, *there;
    struct err err = {{0}};
    bool is_agent = s->kind == HUB_AGENT;
    link->dial_ns = INT64_MAX;
    if (!can_reach(link)) {
        dial_later(s, link, 0);
        return;
    }
    if (is_agent)
        be_born_again(s);
    net_connect(s->net, link->route, &here, &there);
    struct wire *at_broker = add_wire(link->to, there, is_agent ? PORT_AGENT : PORT_MESH_IN);
    struct wire *w = add_wire(s, here, is_agent ? PORT_UPLINK : PORT_MESH_OUT);
    if (at_broker)
        at_broker->from = s;
    if (w)
        w->link = link;
    if (!w || hub_connect(s->hub, link->to->name, &w->port, &err))
        history_problem(s->history, "%s cannot connect to %s: %s", s->name, link->to->name, err.text);
    process_wake(&link->to->process);
}

static void dial_due(struct station *s)
{
    for (int i = 0; i < s->n_links; i++)
        if (s->links[i].dial_ns <= s->sim->now_ns)
            dial(s, &s->links[i]);
}

struct end *station_dial(struct station *s, struct route_between *route, const char *program)
{
    struct end *here, *there;
    if (!s->hub)
        return NULL;
    net_connect(s->net, route, &here, &there);
    struct wire *w = add_wire(s, there, PORT_APP);
    if (!w) {
        end_close(here);
        return NULL;
    }
    snprintf(w->program, sizeof w->program, "%s", program);
    process_wake(&s->process);
    return here;
}

bool station_has_uplink(const struct station *s)
{
    return s->hub && peek_has_uplink(s->hub);
}

static struct wire *uplink_of(const struct station *s)
{
    for (int i = 0; i < STATION_WIRES; i++)
        if (s->wires[i] && s->wires[i]->kind == PORT_UPLINK)
            return s->wires[i];
    return NULL;
}

struct station *station_broker(const struct station *s)
{
    const struct wire *w = uplink_of(s);
    return w ? w->link->to : NULL;
}

static struct wire *wire_from(const struct station *s, const char *agent)
{
    for (int i = 0; i < STATION_WIRES; i++)
        if (s->wires[i] && s->wires[i]->kind == PORT_AGENT && strcmp(s->wires[i]->from->name, agent) == 0)
            return s->wires[i];
    return NULL;
}

bool station_serves(const struct station *s, const char *agent)
{
    return wire_from(s, agent) != NULL;
}

bool station_is_below(const struct station *s)
{
    return s->birth < s->highest_birth;
}

/* -- in -- */
static bool is_at_home(const struct station *broker, const char *agent, int machine)
{
    int64_t now = broker->sim->now_ns;
    return station_serves(broker, agent) || now - broker->served_ns[machine] < under_way_ns;
}

static void look_at_interest(struct station *s)
{
    uint64_t interest = s->kind == HUB_BROKER && s->n_links ? peek_interest(s->hub) : 0;
    if (interest != s->interest)
        s->interest_ns = s->sim->now_ns;
    s->interest = interest;
}

/* It may end within a turn, by a tick, before frames are read that were sent for it. */
static bool had_other_interest(struct station *s)
{
    look_at_interest(s);
    return s->sim->now_ns - s->interest_ns <= under_way_ns;
}

/* What a peer hands us is of its own agents; and but for kept records of interest to ours. */
static void see_mesh_record(void *user, const struct peek_record *r)
{
    const struct wire *w = user;
    struct station *s = w->station;
    char agent[16];
    snprintf(agent, sizeof agent, "m%d", r->machine + 1);
    s->mesh.kept += r->is_kept;
    s->mesh.others += !r->is_kept;
    if (r->is_live && !is_at_home(w->link->to, agent, r->machine))
        history_problem(s->history, "%s: %s relays '%s' of %s", s->name, w->link->to->name, r->topic, agent);
    if (!r->is_kept && !r->is_wanted && !had_other_interest(s))
        history_problem(s->history, "%s: %s sends '%s' of %s, which nobody here asked for", s->name, w->link->to->name,
                        r->topic, agent);
}

static void see_mesh(struct wire *w, const uint8_t *frame, size_t len)
{
    struct mesh_count *mesh = &w->station->mesh;
    uint64_t before = mesh->kept + mesh->others;
    mesh->bytes += len;
    if (w->kind != PORT_MESH_OUT)
        return;
    peek_mesh(w->station->hub, w->port, frame, len, see_mesh_record, w);
    if (mesh->kept + mesh->others > before)
        mesh->batch_bytes += len;
}

static bool input(struct wire *w, const uint8_t *frame, size_t len)
{
    struct station *s = w->station;
    uint64_t before = peek_seq(s->hub);
    enum mr_rc rc = hub_input(s->hub, w->port, frame, len);
    if (w->kind == PORT_APP && peek_seq(s->hub) > before) {
        const struct peek_source source = {
            .machine = s->index, .program = peek_program(w->program), .session = w->session, .now_ns = s->sim->now_ns};
        peek_accepted(s->hub, s->history, &source, frame, len, before);
    }
    if ((w->kind == PORT_MESH_OUT || w->kind == PORT_MESH_IN) && rc == MR_OK)
        see_mesh(w, frame, len);
    return rc == MR_OK;
}

/* A message is a frame; a stream is cut into frames. False: there is nothing more now, or nobody to take it. */
static bool receive_message(struct wire *w)
{
    size_t len = end_pending(w->end);
    if (len == 0)
        return false;
    uint8_t *frame = sim_alloc(1, len);
    end_receive(w->end, frame, len);
    bool goes_on = input(w, frame, len);
    free(frame);
    return goes_on;
}

static bool receive_stream(struct wire *w)
{
    uint8_t *space;
    const uint8_t *frame;
    size_t room, len;
    if (framing_next(&w->in, &frame, &len) == MR_OK)
        return input(w, frame, len);
    if (framing_space(&w->in, &space, &room))
        return false;
    len = end_receive(w->end, space, room);
    framing_fed(&w->in, len);
    return len > 0;
}

static void receive(struct wire *w)
{
    bool more = true;
    for (int i = 0; i < FRAMES_PER_TURN && more && !w->is_over; i++)
        more = w->kind == PORT_APP ? receive_stream(w) : receive_message(w);
    if (more && !w->is_over)
        process_at(&w->station->process, w->station->sim->now_ns + REST_NS);
    else if (end_is_over(w->end))
        close_wire(w);
}

/* -- out -- */
static void send_stream(struct wire *w)
{
    struct station *s = w->station;
    uint8_t prefix[FRAMING_PREFIX_BYTES];
    for (;;) {
        struct blob *frame = w->out.len < OUT_BYTES / 4 ? hub_take(s->hub, w->port) : NULL;
        if (frame) {
            framing_put_prefix(prefix, frame->len);
            if (buf_append(&w->out, prefix, sizeof prefix) || buf_append(&w->out, frame->data, frame->len))
                history_problem(s->history, "%s: the edge has no memory", s->name);
            blob_unref(frame);
        }
        size_t n = w->out.len ? end_send(w->end, w->out.data, w->out.len, false) : 0;
        buf_consume(&w->out, n);
        if (w->out.len || !frame)
            return;
    }
}

static void send_messages(struct wire *w)
{
    struct station *s = w->station;
    /* A frame taken from the hub must go: the net takes a whole message when there is room for a byte. */
    while (end_has_room(w->end)) {
        struct blob *frame = hub_take(s->hub, w->port);
        if (!frame)
            return;
        sim_trace(s->sim, "%s: %s frame of %zu to port %u", s->name, frame_kind_name((enum frame_kind)frame->data[0]),
                  frame->len, w->port);
        if (frame->data[0] == FRAME_INTEREST) /* also of what was asked for and given up within one turn */
            s->interest_ns = s->sim->now_ns;
        end_send(w->end, frame->data, frame->len, true);
        blob_unref(frame);
    }
}

static void send_out(struct wire *w)
{
    if (!w->port)
        return;
    w->has_output = false;
    if (w->kind == PORT_APP)
        send_stream(w);
    else
        send_messages(w);
}

/* -- turns -- */
static bool close_over(struct station *s)
{
    bool any = false;
    for (int i = 0; i < STATION_WIRES; i++) {
        if (!s->wires[i] || !s->wires[i]->is_over)
            continue;
        close_wire(s->wires[i]);
        any = true;
    }
    return any;
}

static void look_at_queues(struct station *s)
{
    struct hub_stats stats;
    hub_get_stats(s->hub, &stats);
    if (stats.dropped != s->dropped)
        s->on_trouble(s->user, "dropped");
    s->dropped = stats.dropped;
    size_t queued = peek_most_queued(s->hub);
    if (queued > BUSY_BYTES)
        s->busy_ns = s->sim->now_ns;
    if (queued > STATION_QUEUE_BYTES)
        history_problem(s->history, "%s: a port has %zu bytes queued, %d are allowed", s->name, queued,
                        STATION_QUEUE_BYTES);
}

static void turn(void *user)
{
    struct station *s = user;
    if (!s->hub)
        return;
    for (int i = 0; i < STATION_WIRES; i++) {
        if (s->wires[i] && !s->wires[i]->port)
            accept_wire(s->wires[i]);
        if (s->wires[i])
            receive(s->wires[i]);
    }
    dial_due(s);
    if (hub_deadline(s->hub) <= clock_mono_ns(&s->machine->clock))
        hub_tick(s->hub);
    do {
        hub_turn_end(s->hub);
        for (int i = 0; i < STATION_WIRES; i++)
            if (s->wires[i])
                send_out(s->wires[i]);
    } while (close_over(s));
    if (s->kind == HUB_BROKER)
        be_born_again(s);
    look_at_interest(s);
    look_at_queues(s);
    int64_t next = hub_deadline(s->hub) - s->machine->mono_base_ns, soonest = s->sim->now_ns + REST_NS;
    process_at(&s->process, next > soonest ? next : soonest);
    for (int i = 0; i < s->n_links; i++)
        process_at(&s->process, s->links[i].dial_ns);
}

/* -- life -- */
static void begin_to_dial(struct station *s)
{
    bool is_agent = s->kind == HUB_AGENT;
    if (is_agent)
        shuffle_links(s);
    s->tried = 0;
    for (int i = 0; i < s->n_links; i++)
        s->links[i].dial_ns = is_agent && i > 0 ? INT64_MAX : s->sim->now_ns + sim_between(s->sim, 0, 300 * SIM_MS);
}

void station_start(struct station *s)
{
    struct err err = {{0}};
    process_init(&s->process, s->sim, turn, s);
    draw_birth(s);
    const char *peers[STATION_LINKS];
    for (int i = 0; i < s->n_links; i++)
        peers[i] = s->links[i].to->name;
    const struct hub_conf conf = {.kind = s->kind,
                                  .name = s->name,
                                  .identity = s->name,
                                  .path = s->path,
                                  .birth = s->birth,
                                  .peers = s->kind == HUB_BROKER ? peers : NULL,
                                  .n_peers = s->kind == HUB_BROKER ? (size_t)s->n_links : 0,
                                  .max_ports = MAX_PORTS,
                                  .max_filters = MAX_FILTERS,
                                  .max_filters_per_port = MAX_FILTERS,
                                  .max_topics = MAX_TOPICS,
                                  .max_slots = MAX_SLOTS,
                                  .max_queued_bytes = STATION_QUEUE_BYTES,
                                  .clock = &s->machine->clock,
                                  .rand = &s->rand.source,
                                  .rights = s->rights,
                                  .events = &hub_events,
                                  .user = s};
    if (hub_new(&s->hub, &conf, &err)) {
        history_problem(s->history, "%s cannot start: %s", s->name, err.text);
        return;
    }
    s->dropped = 0;
    s->interest_ns = s->sim->now_ns;
    s->birth_floor = 0;
    begin_to_dial(s);
    sim_trace(s->sim, "%s: starts, birth %llx", s->name, (unsigned long long)s->birth);
    process_wake(&s->process);
}

void station_crash(struct station *s)
{
    if (!s->hub)
        return;
    for (int i = 0; i < STATION_WIRES; i++)
        if (s->wires[i])
            drop_wire(s->wires[i], 0);
    hub_free(s->hub);
    s->hub = NULL;
    process_at(&s->process, INT64_MAX);
    sim_trace(s->sim, "%s: is gone", s->name);
}

static void send_all(struct station *s)
{
    hub_turn_end(s->hub);
    for (int i = 0; i < STATION_WIRES; i++)
        if (s->wires[i])
            send_out(s->wires[i]);
}

void station_stop(struct station *s)
{
    if (!s->hub)
        return;
    hub_bye_all(s->hub, MR_OK, "stopped", 0);
    send_all(s);
    station_crash(s);
}

static void end_wire(struct wire *w, bool is_polite)
{
    struct station *s = w->station;
    if (is_polite && w->port && w->link) /* with the word that it will say Hello again */
        hub_bye(s->hub, w->port, MR_OK, "goes to another broker", 1);
    else if (is_polite && w->port)
        hub_bye(s->hub, w->port, MR_OK, "go to another broker", 0);
    if (is_polite)
        send_all(s);
    w->is_over = true;
    process_wake(&s->process);
}

void station_move(struct station *s, bool is_polite)
{
    struct wire *w = s->hub ? uplink_of(s) : NULL;
    if (w)
        end_wire(w, is_polite);
}

void station_send_away(struct station *s, const struct station *agent)
{
    struct wire *w = s->hub ? wire_from(s, agent->name) : NULL;
    if (w)
        end_wire(w, true);
}

void station_forget(struct station *s)
{
    s->lives = 0;
}
