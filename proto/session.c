/* session.c - the life of a session: how it begins, what it gives out next, how it ends. See session.h. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "proto/session_private.h"

static const int64_t US = 1000;

/* -- the machines -- */

int64_t session_utc_us(const struct session *s)
{
    return s->utc_minus_mono_us ? s->now_ns / US + s->utc_minus_mono_us : 0;
}

void session_drop_queues(struct session *s)
{
    lanes_fini(&s->lanes);
    losses_fini(&s->losses);
    session_free_writers(s, false);
    s->gather.kind = FRAME_NONE;
    buf_fini(&s->gather.buf);
}

static void note_end(struct session *s, const struct handshake_actions *todo)
{
    s->end_rc = todo->rc;
    s->end_retry_ms = todo->retry_ms;
    snprintf(s->end_reason, sizeof s->end_reason, "%s", todo->reason ? todo->reason : "");
    s->end_untold = todo->tell_end;
    s->express = (struct express){.greeting = s->express.greeting, .bye = todo->say_bye};
    s->is_draining = todo->say_bye && !todo->tell_end;
    if (!s->is_draining)
        session_drop_queues(s);
}

static void carry_out(struct session *s, const struct handshake_actions *todo)
{
    if (s->handshake.state == HANDSHAKE_OVER)
        note_end(s, todo);
}

void session_step(struct session *s, const struct handshake_event *event)
{
    struct handshake_actions todo;

    if (!session_is_over(s) && handshake_step(&s->handshake, event, s->now_ns, &todo) == MR_OK)
        carry_out(s, &todo);
}

enum mr_rc session_fail(struct session *s, enum mr_rc rc, const char *reason)
{
    session_step(s, &(struct handshake_event){.kind = HANDSHAKE_FAULT, .rc = rc, .reason = reason});
    return rc;
}

void session_probe(struct session *s, const struct probe_event *event)
{
    struct probe_actions todo;
    struct probe_event timed = *event;

    timed.our_us = session_utc_us(s);
    if (probe_step(&s->probe, &timed, s->now_ns, &todo) != MR_OK) {
        (void)session_fail(s, MR_INVALID, "PONG answers no PING of ours");
        return;
    }
    if (todo.dead) {
        char reason[64];
        snprintf(reason, sizeof reason, "nothing was heard for %lld ms", (long long)(s->probe.dead_ns / 1000000));
        (void)session_fail(s, MR_TIMEOUT, reason);
    }
    if (todo.say_ping) {
        s->express.ping = true;
        s->express.to_send = (struct control_ping){todo.number, todo.sent_ns, timed.our_us, s->clock};
        lanes_marked(&s->lanes, todo.number, s->now_ns);
    }
    s->express.pong |= todo.say_pong;
    if (todo.reached)
        lanes_reached(&s->lanes, todo.number, probe_least_rtt(&s->probe, s->now_ns), s->now_ns);
    if (todo.clock && s->events->on_clock)
        s->events->on_clock(s->user, todo.offset_us, todo.error_us, s->express.peer_clock);
}

/* -- beginning -- */

static enum mr_rc make_hello(struct session *s)
{
    struct control_hello hello = {PROTOCOL_VERSION, PROTOCOL_VERSION_OLDEST, s->hello};
    struct handshake_actions todo;
    struct buf payload;

    buf_init(&payload, BATCH_MAX_BYTES);
    enum mr_rc rc = control_write_hello(&payload, &hello);
    if (rc == MR_OK) {
        s->express.greeting = session_frame(s, FRAME_HELLO, LANE_CONTROL, &payload);
        rc = s->express.greeting ? MR_OK : MR_NO_MEMORY;
    }
    buf_fini(&payload);
    if (rc == MR_OK)
        rc = handshake_step(&s->handshake, &(struct handshake_event){.kind = HANDSHAKE_START}, s->now_ns, &todo);
    return rc;
}

static size_t or_default(size_t wanted, size_t most)
{
    return wanted && wanted < most ? wanted : most;
}

static enum mr_rc check_conf(const struct session_conf *conf, size_t queued, size_t frame, struct err *err)
{
    if (queued < SESSION_MIN_QUEUED_BYTES || frame < SESSION_MIN_FRAME_BYTES) {
        err_set(err, "a session needs at least %d bytes of queue and %d of frame", SESSION_MIN_QUEUED_BYTES,
                SESSION_MIN_FRAME_BYTES);
        return MR_INVALID;
    }
    if (!conf->events || (conf->role == SESSION_CLIENT && !conf->hello.name)) {
        err_set(err, "a session needs its events, and a client its name");
        return MR_INVALID;
    }
    return MR_OK;
}

static enum mr_rc begin(struct session *s, const struct session_conf *conf)
{
    if (conf->role == SESSION_SERVER)
        return MR_OK;
    s->name = mem_strndup(conf->hello.name, strlen(conf->hello.name));
    if (!s->name)
        return MR_NO_MEMORY;
    s->hello = conf->hello;
    s->hello.name = s->name;
    return make_hello(s);
}

/* All lanes' queues, and the open frames beside them, stay within the bound. */
static void init_parts(struct session *s, size_t queued, uint32_t max_entries, int64_t now_ns)
{
    const struct handshake_conf handshake = {s->role == SESSION_SERVER, PROTOCOL_VERSION, PROTOCOL_VERSION_OLDEST};
    uint32_t part_bytes = (uint32_t)s->max_frame_bytes - FRAME_HEAD_BYTES - INTEREST_HEAD_BYTES;

    handshake_init(&s->handshake, &handshake, now_ns);
    probe_init(&s->probe, s->ping_ms, s->dead_ms);
    lanes_init(&s->lanes, queued - LANE_COUNT * s->max_frame_bytes);
    interest_client_init(&s->wants, max_entries, part_bytes);
    interest_server_init(&s->wanted, max_entries);
    arena_init(&s->arena, 0);
    buf_init(&s->gather.buf, s->max_frame_bytes);
}

enum mr_rc session_new(struct session **ret, const struct session_conf *conf, int64_t now_ns, struct err *err)
{
    size_t queued = or_default(conf->max_queued_bytes, SESSION_OUTBOUND_BYTES);
    size_t frame = or_default(or_default(conf->max_frame_bytes, BATCH_MAX_BYTES), queued / 16);
    enum mr_rc rc = check_conf(conf, queued, frame, err);
    if (rc != MR_OK)
        return rc;

    struct session *s = mem_calloc(1, sizeof *s);
    if (!s) {
        err_set(err, "no memory for a session");
        return MR_NO_MEMORY;
    }
    s->role = conf->role;
    s->events = conf->events;
    s->user = conf->user;
    s->rand = conf->rand;
    s->max_frame_bytes = frame;
    s->max_input_bytes = conf->max_input_bytes ? conf->max_input_bytes : AGENT_FRAME_MAX_BYTES;
    s->ping_ms = conf->ping_ms ? conf->ping_ms : PING_INTERVAL_MS;
    s->dead_ms = conf->dead_ms ? conf->dead_ms : PEER_DEAD_MS;
    s->now_ns = now_ns;
    init_parts(s, queued, conf->max_entries ? conf->max_entries : FILTERS_PER_AGENT, now_ns);
    lanes_set_pool(&s->lanes, conf->pool);
    rc = begin(s, conf);
    if (rc != MR_OK) {
        err_set(err, "HELLO cannot be written: %s", rc_text(rc));
        session_free(s);
        return rc;
    }
    *ret = s;
    return MR_OK;
}

void session_free(struct session *s)
{
    if (!s)
        return;
    session_drop_queues(s);
    interest_client_fini(&s->wants);
    interest_server_fini(&s->wanted);
    arena_fini(&s->arena);
    transfers_fini(&s->transfers);
    blob_unref(s->express.greeting);
    mem_free(s->name);
    mem_free(s);
}

static enum mr_rc write_welcome(struct session *s, const struct session_welcome *welcome, struct blob **ret)
{
    struct control_welcome message = {s->handshake.version, s->ping_ms, s->dead_ms, {0}, *welcome};
    struct buf payload;

    for (int lane = 0; lane < LANE_COUNT; lane++)
        message.window[lane] = s->lanes.window[lane].bytes;
    buf_init(&payload, BATCH_MAX_BYTES);
    enum mr_rc rc = control_write_welcome(&payload, &message);
    if (rc == MR_OK) {
        *ret = session_frame(s, FRAME_WELCOME, LANE_CONTROL, &payload);
        rc = *ret ? MR_OK : MR_NO_MEMORY;
    }
    buf_fini(&payload);
    if (rc == MR_OK)
        frame_write_head((*ret)->data, &(struct frame_head){FRAME_WELCOME, LANE_CONTROL, welcome->session});
    return rc;
}

static uint64_t draw_id(const struct rand_source *rand)
{
    uint64_t id = rand ? rand_u64(rand) : 1;

    return id ? id : 1;
}

enum mr_rc session_welcome(struct session *s, const struct session_welcome *welcome, int64_t now_ns)
{
    struct session_welcome said = *welcome;
    struct handshake_actions todo;
    struct blob *frame;

    s->now_ns = now_ns;
    if (s->handshake.state != HANDSHAKE_ASKED)
        return s->handshake.state == HANDSHAKE_OVER ? MR_CLOSED : MR_MISUSE;
    if (said.session == 0)
        said.session = draw_id(s->rand);
    enum mr_rc rc = write_welcome(s, &said, &frame);
    if (rc != MR_OK)
        return rc;

    struct handshake_event event = {.kind = HANDSHAKE_ACCEPT, .session = said.session, .floor = said.birth_floor};
    rc = handshake_step(&s->handshake, &event, now_ns, &todo);
    s->express.greeting = frame;
    carry_out(s, &todo);
    if (session_is_up(s)) {
        lanes_open_windows(&s->lanes, now_ns);
        session_probe(s, &(struct probe_event){.kind = PROBE_START});
    }
    return rc;
}

void session_bye(struct session *s, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    if (session_is_over(s))
        return;
    session_flush(s);
    session_step(s, &(struct handshake_event){
                        .kind = HANDSHAKE_QUIT, .rc = rc, .reason = reason ? reason : "", .retry_ms = retry_ms});
}

/* -- in -- */

static void tell_end(struct session *s)
{
    if (!s->end_untold)
        return;
    s->end_untold = false;
    if (s->events->on_end)
        s->events->on_end(s->user, s->end_rc, s->end_reason, s->end_retry_ms);
}

/* What happened inside calls that may not call back. */
static void tell_what_waits(struct session *s)
{
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        uint64_t records = s->dropped_untold[lane];
        s->dropped_untold[lane] = 0;
        if (records && s->events->on_dropped && !session_is_over(s))
            s->events->on_dropped(s->user, (enum lane)lane, records);
    }
    tell_end(s);
}

static void refuse_length(struct session *s)
{
    char reason[64];
    snprintf(reason, sizeof reason, "a frame is longer than %zu KiB", s->max_input_bytes / 1024);
    (void)session_fail(s, MR_TOO_BIG, reason);
}

static void take_in(struct session *s, const uint8_t *frame, size_t len)
{
    struct frame_head head;
    const uint8_t *payload;
    size_t payload_len;

    s->stats.frames_in++;
    s->stats.bytes_in += len;
    session_probe(s, &(struct probe_event){.kind = PROBE_HEARD});
    if (len > s->max_input_bytes)
        refuse_length(s);
    else if (frame_read(frame, len, &head, &payload, &payload_len) != MR_OK)
        (void)session_fail(s, MR_INVALID, "a frame's head is not valid");
    else
        session_read(s, &head, payload, payload_len);
}

enum mr_rc session_input(struct session *s, const uint8_t *frame, size_t len, int64_t now_ns)
{
    if (s->is_reading)
        return MR_MISUSE;
    s->now_ns = now_ns;
    if (session_is_over(s)) {
        tell_end(s);
        return MR_CLOSED;
    }
    s->is_reading = true;
    take_in(s, frame, len);
    arena_reset(&s->arena, 0);
    tell_what_waits(s);
    s->is_reading = false;
    if (!session_is_over(s))
        return MR_OK;
    return s->end_rc != MR_OK ? s->end_rc : MR_CLOSED;
}

void session_tick(struct session *s, int64_t now_ns)
{
    s->now_ns = now_ns;
    session_step(s, &(struct handshake_event){.kind = HANDSHAKE_TICK});
    if (!session_is_over(s)) {
        session_probe(s, &(struct probe_event){.kind = PROBE_TICK});
        session_free_writers(s, true);
        lanes_trim(&s->lanes);
        lanes_rest(&s->lanes, now_ns);
        losses_trim(&s->losses);
    }
    tell_what_waits(s);
}

int64_t session_deadline(const struct session *s)
{
    for (int lane = 0; lane < LANE_COUNT; lane++)
        if (s->dropped_untold[lane] && !session_is_over(s))
            return s->now_ns;
    if (s->end_untold)
        return s->now_ns;
    if (session_is_over(s))
        return INT64_MAX;
    int64_t probe = probe_deadline(&s->probe);
    return probe < s->handshake.deadline_ns ? probe : s->handshake.deadline_ns;
}

/* -- figures -- */

bool session_is_up(const struct session *s)
{
    return s->handshake.state == HANDSHAKE_UP;
}

bool session_is_over(const struct session *s)
{
    return s->handshake.state == HANDSHAKE_OVER;
}

void session_get_stats(const struct session *s, struct session_stats *ret)
{
    *ret = s->stats;
    ret->rtt_ns = probe_least_rtt(&s->probe, s->now_ns);
}

void session_set_clock(struct session *s, int64_t utc_minus_mono_us, uint8_t clock)
{
    s->utc_minus_mono_us = utc_minus_mono_us;
    s->clock = clock;
}
