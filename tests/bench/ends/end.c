/* end.c - the publisher and the subscriber of a measurement, the same for every bus. */
#include "tests/bench/ends/end.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const int64_t ns_per_s = 1000000000, ns_per_ms = 1000000;

enum {
    LOOK_MS = 10,      /* how often an end looks whether all is over */
    PATIENCE_MS = 3000 /* nothing came for so long: nothing more will */
};

void end_fail(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, why);
    exit(EXIT_FAILURE);
}

static void took(struct end *end, int publisher)
{
    if (publisher >= 0)
        board_received(&end->board, end->index, (unsigned)publisher, end->tally.of[publisher]);
}

void end_take_bytes(struct end *end, const void *bytes, size_t len)
{
    took(end, tally_bytes(&end->tally, bytes, len));
}

void end_take_sample(struct end *end, double value, int64_t sent_us)
{
    took(end, tally_sample(&end->tally, value, sent_us));
}

void end_sleep(void *bus, int fd, int64_t until_ns)
{
    (void)bus;
    int64_t left = until_ns - mono_ns();
    const struct timespec wait = {.tv_sec = left > 0 ? left / ns_per_s : 0, .tv_nsec = left > 0 ? left % ns_per_s : 0};
    struct pollfd bell = {.fd = fd, .events = POLLIN};
    ppoll(&bell, 1, &wait, NULL);
}

/* What an end is told once all are ready. */
static void read_times(int64_t *ret_from_ns, int64_t *ret_until_ns)
{
    puts("READY");
    fflush(stdout);
    if (scanf("%" SCNd64 " %" SCNd64, ret_from_ns, ret_until_ns) != 2)
        end_fail("start", "not told when");
}

/* Until all is received, or nothing more comes. */
static void wait_for_the_rest(struct end *end, const struct driver *driver, void *bus)
{
    uint64_t before = UINT64_MAX, now = board_outstanding(&end->board);
    int64_t until = mono_ns() + PATIENCE_MS * ns_per_ms;
    while (now && mono_ns() < until) {
        driver->wait(bus, -1, mono_ns() + LOOK_MS * ns_per_ms);
        now = board_outstanding(&end->board);
        until = now == before ? until : mono_ns() + PATIENCE_MS * ns_per_ms;
        before = now;
    }
}

/* -- the publisher -- */
struct publisher {
    struct end *end;
    const struct driver *driver;
    void *bus;
    int64_t until_ns;
    uint64_t sent, blocked;
};

static bool publish_raw(struct publisher *p, uint64_t number)
{
    uint8_t bytes[MESSAGE_MAX];
    message_write(bytes, p->end->size, number, mono_ns());
    return p->driver->publish(p->bus, bytes, p->end->size);
}

static bool publish_typed(struct publisher *p, uint64_t number)
{
    int64_t sent_us = wall_us();
    double values[ROW_MAX];
    for (size_t i = 0; i < p->end->row; i++)
        values[i] = sample_value(number + i, sent_us);
    if (p->driver->publish_samples)
        return p->driver->publish_samples(p->bus, values, p->end->row, sent_us);
    uint8_t bytes[SAMPLE_BYTES];
    sample_pack(bytes, values[0], sent_us);
    return p->driver->publish(p->bus, bytes, sizeof bytes);
}

/* One call, when the window and the library have room. False: it is over. */
static bool publish_one(struct publisher *p)
{
    struct end *end = p->end;
    int bell = end->board.bells[end->index];
    uint64_t number = message_number(end->index, p->sent);
    if (!board_has_room(&end->board, end->index, p->sent)) {
        while (board_is_waiting(&end->board, end->index) && mono_ns() < p->until_ns) {
            p->driver->wait(p->bus, bell, p->until_ns);
            board_clear_bell(&end->board, end->index);
        }
    }
    while (mono_ns() < p->until_ns) {
        if (end->is_typed ? publish_typed(p, number) : publish_raw(p, number)) {
            p->sent += end->is_typed ? end->row : 1;
            return true;
        }
        p->blocked++;
        p->driver->wait(p->bus, -1, p->until_ns);
    }
    return false;
}

static void publish_all(struct publisher *p)
{
    int64_t begun = mono_ns();
    for (uint64_t call = 0; mono_ns() < p->until_ns; call++) {
        int64_t due = p->end->rate ? begun + (int64_t)(call * (uint64_t)ns_per_s / p->end->rate) : 0;
        while (mono_ns() < due)
            p->driver->wait(p->bus, -1, due);
        if (!publish_one(p))
            return;
    }
}

static void run_publisher(struct end *end, const struct driver *driver)
{
    struct publisher p = {.end = end, .driver = driver, .bus = driver->open(end)};
    int64_t from_ns;
    read_times(&from_ns, &p.until_ns);
    publish_all(&p);
    board_finish(&end->board, end->index, p.sent);
    wait_for_the_rest(end, driver, p.bus);
    printf("{\"published\": %" PRIu64 ", \"blocked\": %" PRIu64 "}\n", p.sent, p.blocked);
    driver->close(p.bus);
}

/* -- the subscriber -- */
static void run_subscriber(struct end *end, const struct driver *driver)
{
    if (!tally_init(&end->tally))
        end_fail("start", strerror(ENOMEM));
    end->tally.from_ns = INT64_MAX; /* nothing has come yet, nor will before the publishers are told */
    void *bus = driver->open(end);
    int64_t until_ns;
    read_times(&end->tally.from_ns, &until_ns);
    end->tally.until_ns = until_ns;
    while (mono_ns() < until_ns)
        driver->wait(bus, -1, until_ns);
    wait_for_the_rest(end, driver, bus);
    driver->close(bus);
    printf("{");
    tally_print(&end->tally);
    puts("}");
    tally_fini(&end->tally);
}

/* -- what it is told -- */
static void usage(void)
{
    end_fail("usage", "version | pub|sub --address A --topic T --shape raw:BYTES|sample|row:N [--rate N] [--index I] "
                      "[--publishers N] [--subscribers N] [--window N] --board FD --bells FD,… [--ca FILE]");
}

/* A number of at most `most`. */
static uint64_t number_of(const char *text, uint64_t most)
{
    char *rest;
    errno = 0;
    uint64_t number = strtoull(text, &rest, 10);
    if (errno || rest == text || *rest || number > most)
        end_fail("not a number that will do", text);
    return number;
}

static void set_shape(struct end *end, const char *text)
{
    end->row = 1;
    end->is_typed = strncmp(text, "raw:", 4) != 0;
    if (!end->is_typed)
        end->size = number_of(text + 4, MESSAGE_MAX);
    else if (strncmp(text, "row:", 4) == 0)
        end->row = number_of(text + 4, ROW_MAX);
    else if (strcmp(text, "sample") != 0)
        end_fail("unknown shape", text);
    if (end->row == 0 || (!end->is_typed && end->size < MESSAGE_MIN))
        end_fail("too little", text);
}

static void set_bells(struct end *end, char *text)
{
    char *rest;
    unsigned i = 0;
    for (char *word = strtok_r(text, ",", &rest); word && i < PUBLISHERS_MAX; word = strtok_r(NULL, ",", &rest))
        end->board.bells[i++] = (int)number_of(word, INT32_MAX);
}

static void set_option(struct end *end, int name, char *text)
{
    switch (name) {
    case 'a':
        end->address = text;
        break;
    case 't':
        end->topic = text;
        break;
    case 'c':
        end->ca = text;
        break;
    case 's':
        set_shape(end, text);
        break;
    case 'r':
        end->rate = number_of(text, 100000000);
        break;
    case 'i':
        end->index = (unsigned)number_of(text, PUBLISHERS_MAX - 1);
        break;
    case 'p':
        end->board.publishers = (unsigned)number_of(text, PUBLISHERS_MAX);
        break;
    case 'n':
        end->board.subscribers = (unsigned)number_of(text, SUBSCRIBERS_MAX);
        break;
    case 'w':
        end->board.window = number_of(text, UINT32_MAX);
        break;
    case 'b':
        if (!board_open(&end->board, (int)number_of(text, INT32_MAX)))
            end_fail("the board", strerror(errno));
        break;
    case 'e':
        set_bells(end, text);
        break;
    default:
        usage();
    }
}

static void read_options(struct end *end, int argc, char **argv)
{
    static const struct option names[] = {
        {"address", required_argument, NULL, 'a'},    {"topic", required_argument, NULL, 't'},
        {"ca", required_argument, NULL, 'c'},         {"shape", required_argument, NULL, 's'},
        {"rate", required_argument, NULL, 'r'},       {"index", required_argument, NULL, 'i'},
        {"publishers", required_argument, NULL, 'p'}, {"subscribers", required_argument, NULL, 'n'},
        {"window", required_argument, NULL, 'w'},     {"board", required_argument, NULL, 'b'},
        {"bells", required_argument, NULL, 'e'},      {NULL, 0, NULL, 0},
    };
    for (int name = getopt_long(argc, argv, "", names, NULL); name != -1;
         name = getopt_long(argc, argv, "", names, NULL))
        set_option(end, name, optarg);
    if (!end->address || !end->topic || !end->board.page || !end->row || optind != argc)
        usage();
}

int end_main(int argc, char **argv, const struct driver *driver)
{
    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        printf("%s %s\n", driver->name, driver->version());
        return EXIT_SUCCESS;
    }
    struct end end = {.is_publisher = argc > 1 && strcmp(argv[1], "pub") == 0,
                      .board = {.publishers = 1, .subscribers = 1}};
    if (argc < 2 || (!end.is_publisher && strcmp(argv[1], "sub") != 0))
        usage();
    read_options(&end, argc - 1, argv + 1);
    if (end.is_publisher)
        run_publisher(&end, driver);
    else
        run_subscriber(&end, driver);
    return EXIT_SUCCESS;
}
