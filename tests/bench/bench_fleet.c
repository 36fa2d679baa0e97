/* bench_fleet.c - thousands of idle agents in one process, for tests/system/fleet.py: each with a key, an identity, a hub and an
 * uplink of its own, which are the agent's. They have no apps and no telemetry, and one thread serves them all.
 *
 * bench_fleet --sessions N --broker HOST:PORT --server-key Z85 --registry FILE [--name NAME]
 *
 * Their keys are made here and never written down; FILE gets what the broker's registry has to say of them. They dial when a
 * line comes on standard input, and go when it ends. Prints a line of JSON for each of these:
 *     {"event": "registry", "sessions": N}
 *     {"event": "up", "at_ns": T, "sessions": N, "seconds": S, "p50_s": S, "p99_s": S}     all are up, S after the line
 *     {"event": "lost", "at_ns": T, "why": "…"}                                            the first one is not any more
 *     {"event": "back", …as up, S after that}                                              all are up again
 * and, once a second while some are missing, {"event": "waiting", "up": N, "why": "…"}: why the last one that failed did.
 * at_ns is CLOCK_MONOTONIC. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "agent/uplink.h"
#include "base/clock.h"
#include "base/io/directory.h"
#include "base/io/keys.h"
#include "base/io/zsock.h"
#include "base/log.h"
#include "bus/hub.h"

enum {
    SESSIONS_MAX = 20000,
    SOCKETS_EACH = 3, /* of a zclient */
    FILES_EACH = 4,   /* its TCP connection and an eventfd of each socket */
    SPARE = 64,
    REST_TIMES =
        3, /* as long as a turn took it rests: a turn asks all sockets, and the broker needs the machine too; */
    REST_LEAST_MS = 2,
    REST_MOST_MS = 100 /* no ping waits for longer */
};

static const int64_t ns_per_ms = 1000000, ns_per_s = 1000000000;

enum stage { STAGE_QUIET, STAGE_COMING, STAGE_UP, STAGE_COMING_BACK };

struct member {
    struct fleet *fleet;
    struct key_pair *keys;
    struct hub *hub;
    struct uplink *uplink;
    uint64_t birth_floor;
    int64_t up_ns; /* since when; 0: is not */
};

struct fleet {
    struct loop *loop;
    struct zctx *zctx;
    struct rights *rights;
    struct loop_hook turn_end;
    struct loop_fd *input;
    struct directory_broker broker;
    const char *registry, *name;
    struct member *members;
    uint32_t n, n_up;
    enum stage stage;
    int64_t since_ns, told_ns; /* of this stage; the last "waiting" */
    const char *why;           /* the last one that failed, borrowed of its uplink */
    bool is_over;
};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "bench_fleet: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static void must(enum mr_rc rc, const char *what, const struct err *err)
{
    if (rc)
        fail(what, *err->text ? err->text : rc_text(rc));
}

static int64_t now_ns(void)
{
    return clock_mono_ns(clock_system());
}

/* -- what is printed ------------------------------------------------------------------------------------------------- */
static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void tell_all_up(const struct fleet *f, const char *event)
{
    int64_t *took_ns = calloc(f->n, sizeof *took_ns);
    if (!took_ns)
        fail(event, "no memory");
    for (uint32_t i = 0; i < f->n; i++)
        took_ns[i] = f->members[i].up_ns - f->since_ns;
    qsort(took_ns, f->n, sizeof *took_ns, compare);
    printf("{\"event\": \"%s\", \"at_ns\": %" PRId64
           ", \"sessions\": %u, \"seconds\": %.3f, \"p50_s\": %.3f, \"p99_s\": %.3f}\n",
           event, f->since_ns + took_ns[f->n - 1], f->n, (double)took_ns[f->n - 1] / 1e9,
           (double)took_ns[f->n / 2] / 1e9, (double)took_ns[(uint64_t)f->n * 99 / 100] / 1e9);
    free(took_ns);
}

static void enter(struct fleet *f, enum stage stage)
{
    f->stage = stage;
    f->since_ns = f->told_ns = now_ns();
}

static void tell_loss(struct fleet *f, const struct member *m)
{
    enter(f, STAGE_COMING_BACK);
    printf("{\"event\": \"lost\", \"at_ns\": %" PRId64 ", \"why\": \"%s\"}\n", f->since_ns, uplink_why(m->uplink));
}

/* At each turn's end. */
static void look(struct fleet *f)
{
    bool is_coming = f->stage == STAGE_COMING || f->stage == STAGE_COMING_BACK;
    if (is_coming && f->n_up == f->n) {
        tell_all_up(f, f->stage == STAGE_COMING ? "up" : "back");
        enter(f, STAGE_UP);
    } else if (is_coming && now_ns() >= f->told_ns + ns_per_s) {
        f->told_ns = now_ns();
        printf("{\"event\": \"waiting\", \"up\": %u, \"why\": \"%s\"}\n", f->n_up, f->why);
    }
}

/* -- one agent ------------------------------------------------------------------------------------------------------- */
static void on_output(void *user, uint32_t port)
{
    struct member *m = user;
    if (uplink_has(m->uplink, port))
        uplink_on_output(m->uplink);
}

static void on_over(void *user, uint32_t port, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    struct member *m = user;
    if (uplink_has(m->uplink, port))
        uplink_on_over(m->uplink, rc, reason, retry_ms);
}

static void on_uplink(void *user, const struct session_welcome *welcome)
{
    struct member *m = user;
    (void)welcome;
    uplink_on_up(m->uplink);
}

static void on_birth_floor(void *user, uint64_t floor)
{
    struct member *m = user;
    m->birth_floor = floor;
    uplink_on_reborn(m->uplink);
}

static void on_reborn(void *user)
{
    struct member *m = user;
    hub_set_birth(m->hub, m->birth_floor + 1);
}

static void on_notice(void *user, enum hub_notice notice, const char *text)
{
    (void)user, (void)notice, (void)text;
}

static const struct hub_events hub_events = {.on_output = on_output,
                                             .on_over = on_over,
                                             .on_uplink = on_uplink,
                                             .on_birth_floor = on_birth_floor,
                                             .on_notice = on_notice};

static void on_change(void *user)
{
    struct member *m = user;
    struct fleet *f = m->fleet;
    if (*uplink_why(m->uplink))
        f->why = uplink_why(m->uplink);
    if (uplink_is_up(m->uplink) == (m->up_ns != 0))
        return;
    m->up_ns = m->up_ns ? 0 : now_ns();
    f->n_up += m->up_ns ? 1 : UINT32_MAX;
    if (f->stage == STAGE_UP)
        tell_loss(f, m);
}

static void new_hub(struct member *m, const char *name)
{
    struct err err = {{0}};
    const struct hub_conf conf = {.kind = HUB_AGENT,
                                  .name = name,
                                  .identity = name,
                                  .path = name,
                                  .birth = rand_u64(rand_system()) >> 8,
                                  .max_ports = 1,
                                  .max_filters = 16,
                                  .max_filters_per_port = 16,
                                  .max_topics = 16,
                                  .max_slots = 16,
                                  .max_queued_bytes = SESSION_OUTBOUND_BYTES,
                                  .clock = clock_system(),
                                  .rand = rand_system(),
                                  .rights = m->fleet->rights,
                                  .events = &hub_events,
                                  .user = m};
    must(hub_new(&m->hub, &conf, &err), "hub", &err);
}

static void new_member(struct fleet *f, struct member *m, const char *name)
{
    struct err err = {{0}};
    m->fleet = f;
    must(keys_new(KEYS_AGENT, name, 0, &m->keys, &err), "key", &err);
    new_hub(m, name);
    const struct uplink_options options = {.loop = f->loop,
                                           .zctx = f->zctx,
                                           .hub = m->hub,
                                           .rand = rand_system(),
                                           .keys = m->keys,
                                           .brokers = &f->broker,
                                           .n_brokers = 1,
                                           .on_change = on_change,
                                           .on_reborn = on_reborn,
                                           .user = m};
    must(uplink_new(&m->uplink, &options, &err), "uplink", &err);
}

static void turn(struct member *m)
{
    do {
        hub_turn_end(m->hub);
    } while (uplink_flush(m->uplink));
    if (hub_deadline(m->hub) <= now_ns())
        hub_tick(m->hub);
}

/* -- all of them ----------------------------------------------------------------------------------------------------- */
static void make_members(struct fleet *f)
{
    FILE *file = fopen(f->registry, "w");
    f->members = calloc(f->n, sizeof *f->members);
    if (!file || !f->members)
        fail(f->registry, "cannot be written, or there is no memory");
    fputs("identities:\n", file);
    for (uint32_t i = 0; i < f->n; i++) {
        char name[KEYS_NAME_MAX + 1], key[KEYS_Z85_SIZE];
        snprintf(name, sizeof name, "%s-%u", f->name, i);
        new_member(f, &f->members[i], name);
        keys_z85_encode(keys_public(f->members[i].keys), key);
        fprintf(file, "  - {name: %s, kind: machine, path: fleet/%s, public: \"%s\"}\n", name, name, key);
    }
    if (fclose(file) != 0)
        fail(f->registry, "cannot be written");
    printf("{\"event\": \"registry\", \"sessions\": %u}\n", f->n);
}

static void free_members(struct fleet *f)
{
    for (uint32_t i = 0; i < f->n; i++) {
        uplink_free(f->members[i].uplink);
        hub_free(f->members[i].hub);
        keys_free(f->members[i].keys);
    }
    free(f->members);
}

static void on_turn_end(void *user)
{
    struct fleet *f = user;
    for (uint32_t i = 0; i < f->n; i++)
        turn(&f->members[i]);
    look(f);
}

static void on_input(void *user, unsigned ready)
{
    struct fleet *f = user;
    char bytes[64];
    (void)ready;
    f->is_over = read(STDIN_FILENO, bytes, sizeof bytes) <= 0;
    if (f->is_over || f->stage != STAGE_QUIET)
        return;
    enter(f, STAGE_COMING);
    for (uint32_t i = 0; i < f->n; i++)
        uplink_start(f->members[i].uplink);
}

static void rest(int64_t turn_took_ns)
{
    int64_t rest_ns = turn_took_ns * REST_TIMES;
    if (rest_ns < REST_LEAST_MS * ns_per_ms)
        rest_ns = REST_LEAST_MS * ns_per_ms;
    if (rest_ns > REST_MOST_MS * ns_per_ms)
        rest_ns = REST_MOST_MS * ns_per_ms;
    nanosleep(&(struct timespec){.tv_nsec = rest_ns}, NULL);
}

static void run(struct fleet *f)
{
    while (!f->is_over) {
        int64_t begun_ns = now_ns();
        loop_turn(f->loop, 0);
        rest(now_ns() - begun_ns);
    }
}

/* -- beginning ------------------------------------------------------------------------------------------------------- */
/* All that may be had: sockets that are left take a while to go. */
static void take_descriptors(uint32_t sessions)
{
    rlim_t wanted = (rlim_t)sessions * FILES_EACH + SPARE;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < wanted)
        limit.rlim_max = wanted;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        fail("descriptors", "each session needs four, and this process may not have so many: see ulimit -Hn");
}

static void begin(struct fleet *f)
{
    struct log_options log = log_defaults();
    struct err err = {{0}};
    log.level = LOG_LEVEL_ERROR; /* what happens is counted */
    log_set_options(&log);
    take_descriptors(f->n);
    must(keys_init(), "keys", &err);
    must(loop_new(&f->loop), "loop", &err);
    must(zctx_new(-1, &f->zctx, &err), "context", &err);
    must(zctx_set_max_sockets(f->zctx, 2 * f->n * SOCKETS_EACH + SPARE), "sockets", &err);
    must(rights_new_open(&f->rights, &err), "rights", &err);
    make_members(f);
    loop_on_turn_end(f->loop, &f->turn_end, on_turn_end, f);
    must(loop_fd_new(f->loop, STDIN_FILENO, LOOP_READ, on_input, f, &f->input), "standard input", &err);
}

static void end(struct fleet *f)
{
    loop_unhook(f->loop, &f->turn_end);
    loop_fd_free(f->input);
    free_members(f);
    loop_turn(f->loop, 0); /* connections are reaped */
    zctx_free(f->zctx);
    loop_free(f->loop);
    rights_free(f->rights);
}

static void usage(void)
{
    fprintf(stderr,
            "usage: bench_fleet --sessions N --broker HOST:PORT --server-key Z85 --registry FILE [--name NAME]\n");
    exit(EXIT_FAILURE);
}

static void read_option(struct fleet *f, int option)
{
    struct err err = {{0}};
    switch (option) {
    case 's':
        f->n = (uint32_t)strtoul(optarg, NULL, 10);
        break;
    case 'b':
        must(zsock_address_parse(optarg, DIRECTORY_AGENTS_PORT, &f->broker.address, &err), "--broker", &err);
        break;
    case 'k':
        must(keys_z85_decode(optarg, f->broker.public_key), "--server-key", &err);
        break;
    case 'r':
        f->registry = optarg;
        break;
    case 'n':
        f->name = optarg;
        break;
    default:
        usage();
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"sessions", required_argument, NULL, 's'},   {"broker", required_argument, NULL, 'b'},
        {"server-key", required_argument, NULL, 'k'}, {"registry", required_argument, NULL, 'r'},
        {"name", required_argument, NULL, 'n'},       {NULL, 0, NULL, 0},
    };
    struct fleet f = {.broker.name = "broker", .name = "fleet", .why = ""};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        read_option(&f, option);
    if (optind != argc || f.n < 1 || f.n > SESSIONS_MAX || !f.broker.address.port || !f.registry)
        usage();
    setvbuf(stdout, NULL, _IOLBF, 0);
    begin(&f);
    run(&f);
    end(&f);
    return EXIT_SUCCESS;
}
