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
    REST_NS = 20000 /* the least time between two turns of a loop that has more to do */
};

struct wire {
    struct station *station, *from; /* from: the agent behind it, NULL = a program */
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
    s->is_new = false;
    sim_trace(s->sim, "%s: with %s", s->name, welcome->server);
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

static void drop_wire(struct wire *w)
{
    struct station *s = w->station;
    for (int i = 0; i < STATION_WIRES; i++)
        if (s->wires[i] == w)
            s->wires[i] = NULL;
    end_close(w->end);
    framing_fini(&w->in);
    buf_fini(&w->out);
    free(w);
}

static void dial_later(struct station *s, uint32_t retry_ms)
{
    s->dial_ns = s->sim->now_ns + (int64_t)retry_ms * SIM_MS + sim_between(s->sim, 50 * SIM_MS, 1000 * SIM_MS);
    process_at(&s->process, s->dial_ns);
}

/* The connection is gone. */
static void close_wire(struct wire *w)
{
    struct station *s = w->station;
    uint32_t port = w->port, retry_ms = w->retry_ms;
    bool is_uplink = w->kind == PORT_UPLINK;
    drop_wire(w);
    if (port)
        hub_close(s->hub, port);
    if (is_uplink)
        dial_later(s, retry_ms);
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
        drop_wire(w);
    }
}

static bool can_reach(const struct station *s)
{
    return s->broker->hub && !s->uplink->is_cut && !s->uplink->is_dark;
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

static void be_born_again(struct station *s)
{
    if (!s->birth_floor)
        return;
    s->lives = (uint32_t)(s->birth_floor >> 32) + 1;
    s->birth = (uint64_t)s->lives << 32 | (uint32_t)rand_u64(&s->rand.source);
    s->birth_floor = 0;
    uint64_t before = peek_seq(s->hub);
    hub_set_birth(s->hub, s->birth);
    peek_numbered_anew(s->hub, s->history, s->index, before, s->sim->now_ns, station_session, s);
    sim_trace(s->sim, "%s: born again %llx", s->name, (unsigned long long)s->birth);
}

static void dial(struct station *s)
{
    struct end *here, *there;
    struct err err = {{0}};
    if (!can_reach(s)) {
        dial_later(s, 0);
        return;
    }
    be_born_again(s);
    net_connect(s->net, s->uplink, &here, &there);
    struct wire *at_broker = add_wire(s->broker, there, PORT_AGENT);
    struct wire *w = add_wire(s, here, PORT_UPLINK);
    if (at_broker)
        at_broker->from = s;
    if (!w || hub_connect(s->hub, s->broker->name, &w->port, &err))
        history_problem(s->history, "%s cannot connect: %s", s->name, err.text);
    process_wake(&s->broker->process);
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

/* -- in -- */
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
    if (s->kind == HUB_AGENT && s->dial_ns <= s->sim->now_ns) {
        s->dial_ns = INT64_MAX;
        dial(s);
    }
    if (hub_deadline(s->hub) <= clock_mono_ns(&s->machine->clock))
        hub_tick(s->hub);
    do {
        hub_turn_end(s->hub);
        for (int i = 0; i < STATION_WIRES; i++)
            if (s->wires[i])
                send_out(s->wires[i]);
    } while (close_over(s));
    look_at_queues(s);
    int64_t next = hub_deadline(s->hub) - s->machine->mono_base_ns, soonest = s->sim->now_ns + REST_NS;
    process_at(&s->process, next > soonest ? next : soonest);
    if (s->kind == HUB_AGENT)
        process_at(&s->process, s->dial_ns);
}

/* -- life -- */
void station_start(struct station *s)
{
    struct err err = {{0}};
    process_init(&s->process, s->sim, turn, s);
    s->birth = (uint64_t)++s->lives << 32 | (uint32_t)rand_u64(&s->rand.source);
    const struct hub_conf conf = {.kind = s->kind,
                                  .name = s->name,
                                  .identity = s->name,
                                  .path = s->path,
                                  .birth = s->birth,
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
    s->birth_floor = 0;
    s->dial_ns = s->kind == HUB_AGENT ? s->sim->now_ns + sim_between(s->sim, 0, 300 * SIM_MS) : INT64_MAX;
    sim_trace(s->sim, "%s: starts, birth %llx", s->name, (unsigned long long)s->birth);
    process_wake(&s->process);
}

void station_crash(struct station *s)
{
    if (!s->hub)
        return;
    for (int i = 0; i < STATION_WIRES; i++)
        if (s->wires[i])
            drop_wire(s->wires[i]);
    hub_free(s->hub);
    s->hub = NULL;
    process_at(&s->process, INT64_MAX);
    sim_trace(s->sim, "%s: is gone", s->name);
}

void station_stop(struct station *s)
{
    if (!s->hub)
        return;
    hub_bye_all(s->hub, MR_OK, "stopped", 0);
    hub_turn_end(s->hub);
    for (int i = 0; i < STATION_WIRES; i++)
        if (s->wires[i])
            send_out(s->wires[i]);
    station_crash(s);
}
