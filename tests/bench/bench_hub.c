/* bench_hub.c - what a record costs on its way app -> agent -> broker -> agent -> app, in memory and without encryption: CPU per
 * record in all and at each station. Prints the best of several rounds; run it on a quiet machine, in the release preset. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/rand.h"
#include "bus/hub.h"
#include "proto/session.h"

enum { ROUNDS = 12, TURNS = 200, PER_TURN = 500, TAGS = 100, QUEUE_BYTES = 8 * 1024 * 1024 };
enum station { WRITER, FIRST_AGENT, BROKER, SECOND_AGENT, READER, STATIONS };

static const char *const station_names[STATIONS] = {"app that writes", "its agent", "broker", "the other agent",
                                                    "app that reads"};

struct bench {
    struct rand_seeded rand;
    struct rights *rights;
    struct hub *broker, *agents[2];
    struct session *writer, *reader;
    uint32_t writer_port, reader_port, up[2], down[2];
    uint32_t topics[TAGS];
    uint64_t seq, got;
    double ns[STATIONS];
};

static void must(enum mr_rc rc)
{
    if (rc) {
        fprintf(stderr, "bench_hub: %s\n", rc_text(rc));
        exit(1);
    }
}

static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int64_t now_ns(void)
{
    return clock_mono_ns(clock_system());
}

/* -- stations -- */
static void on_output(void *user, uint32_t port)
{
    (void)user;
    (void)port;
}

static void on_over(void *user, uint32_t port, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    (void)user;
    (void)port;
    (void)retry_ms;
    fprintf(stderr, "bench_hub: a session ended: %s\n", reason);
    must(rc);
}

static void on_uplink(void *user, const struct session_welcome *welcome)
{
    (void)user;
    (void)welcome;
}

static void on_notice(void *user, enum hub_notice notice, const char *text)
{
    (void)user;
    if (notice != HUB_NOTICE_PORT_UP)
        fprintf(stderr, "bench_hub: %s\n", text);
}

static const struct hub_events hub_events = {
    .on_output = on_output, .on_over = on_over, .on_uplink = on_uplink, .on_notice = on_notice};

static struct hub *new_hub(struct bench *b, enum hub_kind kind, const char *name, const char *path)
{
    struct hub *h;
    struct err err;
    const struct hub_conf conf = {.kind = kind,
                                  .name = name,
                                  .identity = name,
                                  .path = path,
                                  .birth = 1,
                                  .max_ports = 100,
                                  .max_filters = 1000,
                                  .max_filters_per_port = 100,
                                  .max_topics = 10000,
                                  .max_slots = 10000,
                                  .max_queued_bytes = QUEUE_BYTES,
                                  .clock = clock_system(),
                                  .rand = &b->rand.source,
                                  .rights = b->rights,
                                  .events = &hub_events,
                                  .user = b};
    must(hub_new(&h, &conf, &err));
    return h;
}

/* -- apps -- */
static void on_opened(void *user, const struct session_opened *opened)
{
    ((struct bench *)user)->topics[opened->cookie] = opened->id;
}

static void on_batch(void *user, enum lane lane, struct batch_reader *batch)
{
    struct bench *b = user;
    struct record record;
    (void)lane;
    while (batch_next(batch, &record) == MR_OK)
        b->got++;
}

static const struct session_events app_events = {.on_opened = on_opened, .on_batch = on_batch};

static struct session *new_app(struct bench *b, const char *name)
{
    struct session *s;
    struct err err;
    const struct session_conf conf = {.role = SESSION_CLIENT,
                                      .hello = {.kind = PEER_KIND_APP, .name = name, .nonce = 1},
                                      .max_queued_bytes = QUEUE_BYTES,
                                      .rand = &b->rand.source,
                                      .events = &app_events,
                                      .user = b};
    must(session_new(&s, &conf, now_ns(), &err));
    return s;
}

/* -- moving frames, each step on the account of the station that works -- */
static double charge(struct bench *b, enum station station, double since)
{
    double now = cpu_ns();
    b->ns[station] += now - since;
    return now;
}

static void move_app(struct bench *b, struct session *app, enum station app_is, struct hub *agent, uint32_t port,
                     enum station agent_is)
{
    double at = cpu_ns();
    session_flush(app);
    for (struct blob *f; (f = session_take(app, now_ns()));) {
        at = charge(b, app_is, at);
        must(hub_input(agent, port, f->data, f->len));
        at = charge(b, agent_is, at);
        blob_unref(f);
    }
    hub_turn_end(agent);
    for (struct blob *f; (f = hub_take(agent, port));) {
        at = charge(b, agent_is, at);
        must(session_input(app, f->data, f->len, now_ns()));
        at = charge(b, app_is, at);
        blob_unref(f);
    }
    charge(b, agent_is, at);
}

static void move_up(struct bench *b, int i, enum station agent_is)
{
    double at = cpu_ns();
    for (struct blob *f; (f = hub_take(b->agents[i], b->up[i]));) {
        at = charge(b, agent_is, at);
        must(hub_input(b->broker, b->down[i], f->data, f->len));
        at = charge(b, BROKER, at);
        blob_unref(f);
    }
    hub_turn_end(b->broker);
    for (struct blob *f; (f = hub_take(b->broker, b->down[i]));) {
        at = charge(b, BROKER, at);
        must(hub_input(b->agents[i], b->up[i], f->data, f->len));
        at = charge(b, agent_is, at);
        blob_unref(f);
    }
    hub_turn_end(b->agents[i]);
    charge(b, agent_is, at);
}

static void turn(struct bench *b)
{
    move_app(b, b->writer, WRITER, b->agents[0], b->writer_port, FIRST_AGENT);
    move_up(b, 0, FIRST_AGENT);
    move_up(b, 1, SECOND_AGENT);
    move_app(b, b->reader, READER, b->agents[1], b->reader_port, SECOND_AGENT);
    hub_tick(b->broker);
    hub_tick(b->agents[0]);
    hub_tick(b->agents[1]);
}

static void settle(struct bench *b)
{
    for (int i = 0; i < 20; i++)
        turn(b);
}

/* -- the plant -- */
static void connect_agent(struct bench *b, int i, const char *name, const char *path)
{
    struct err err;
    const struct port_peer peer = {.kind = PORT_AGENT, .identity = name, .path = path, .address = name};
    b->agents[i] = new_hub(b, HUB_AGENT, name, path);
    must(hub_accept(b->broker, &peer, &b->down[i], &err));
    must(hub_connect(b->agents[i], "mr1", &b->up[i], &err));
}

static void connect_app(struct bench *b, int agent, const char *name, struct session **ret, uint32_t *ret_port)
{
    struct err err;
    const struct port_peer peer = {
        .kind = PORT_APP, .identity = agent ? "m2" : "m1", .path = agent ? "demo/m2" : "demo/m1", .address = name};
    *ret = new_app(b, name);
    must(hub_accept(b->agents[agent], &peer, ret_port, &err));
}

static void open_bench(struct bench *b)
{
    const struct session_interest all = {.id = 1, .filter = "demo/#", .kind = INTEREST_SUBSCRIBE, .group = ""};
    char topic[32];
    *b = (struct bench){0};
    rand_seeded_init(&b->rand, 1);
    must(rights_new_open(&b->rights, NULL));
    b->broker = new_hub(b, HUB_BROKER, "mr1", "");
    connect_agent(b, 0, "m1", "demo/m1");
    connect_agent(b, 1, "m2", "demo/m2");
    connect_app(b, 0, "writer", &b->writer, &b->writer_port);
    connect_app(b, 1, "reader", &b->reader, &b->reader_port);
    settle(b);
    must(session_interest_add(b->reader, &all));
    for (uint32_t i = 0; i < TAGS; i++) {
        snprintf(topic, sizeof topic, "./line/tag%u", i);
        const struct session_open open = {.cookie = i, .topic = topic};
        must(session_open_topic(b->writer, &open));
    }
    settle(b);
}

static void close_bench(struct bench *b)
{
    session_free(b->writer);
    session_free(b->reader);
    hub_free(b->agents[0]);
    hub_free(b->agents[1]);
    hub_free(b->broker);
    rights_free(b->rights);
}

static void write_records(struct bench *b, const uint8_t *body, uint32_t body_len, uint32_t flags)
{
    double at = cpu_ns();
    struct batch_head head = {.base_us = clock_real_us(clock_system()), .broker_us = MR_NO_TIME};
    struct record record = {.flags = flags, .source_us = head.base_us, .body = body, .body_len = body_len};
    for (int i = 0; i < PER_TURN; i++) {
        record.topic = b->topics[i % TAGS];
        record.seq = ++b->seq;
        record.source_us++;
        must(session_put(b->writer, LANE_LIVE, &head, &record));
    }
    charge(b, WRITER, at);
}

static void run(const char *name, const struct mr_value *value, uint32_t flags)
{
    static struct bench b;
    static uint8_t body[1024];
    double best[STATIONS + 1] = {0};
    uint32_t body_len = (uint32_t)body_write(body, 0, value);
    open_bench(&b);
    for (int round = 0; round < ROUNDS; round++) {
        double sum = 0;
        memset(b.ns, 0, sizeof b.ns);
        for (int i = 0; i < TURNS; i++) {
            write_records(&b, body, body_len, flags);
            turn(&b);
        }
        settle(&b);
        for (int s = 0; s < STATIONS; s++)
            sum += b.ns[s];
        if (best[STATIONS] == 0 || sum < best[STATIONS]) {
            memcpy(best, b.ns, sizeof b.ns);
            best[STATIONS] = sum;
        }
    }
    if (b.got < b.seq)
        printf("%llu of %llu records arrived\n", (unsigned long long)b.got, (unsigned long long)b.seq);
    printf("%-22s", name);
    for (int s = 0; s < STATIONS; s++)
        printf(" %15.1f", best[s] / (TURNS * PER_TURN));
    printf(" %8.1f\n", best[STATIONS] / (TURNS * PER_TURN));
    close_bench(&b);
}

int main(void)
{
    static const char text[100];
    const struct mr_value bytes = {.type = MR_BYTES, .len = sizeof text, .as.ptr = text};
    const struct mr_value number = mr_f64(48.2);
    printf("ns CPU per record\n%-22s", "");
    for (int s = 0; s < STATIONS; s++)
        printf(" %15s", station_names[s]);
    printf(" %8s\n", "in all");
    run("100 bytes, live", &bytes, 0);
    run("100 bytes, kept", &bytes, MR_KEEP);
    run("20-byte typed, live", &number, 0);
    run("20-byte typed, kept", &number, MR_KEEP);
    return 0;
}
