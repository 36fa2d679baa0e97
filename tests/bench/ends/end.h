/* end.h - one end of a measurement, a publisher or a subscriber, on whatever bus: tests/bench/compare starts them and puts together
 * what they print. A program is end_main() and a driver, which is the bus's C library and nothing else.
 *
 * end_<bus> version
 * end_<bus> pub|sub --address A --topic T --shape raw:BYTES|sample|row:N [--rate N] [--index I] [--publishers N]
 *           [--subscribers N] [--window N] --board FD --bells FD,… [--ca FILE]
 *
 * Says READY when it is connected, or its subscription is in force. Then it is told "FROM UNTIL", two times in ns of
 * CLOCK_MONOTONIC: publishers begin at once and end at UNTIL, subscribers count what comes from FROM to UNTIL. All end when
 * everything has been received, or when nothing more comes. A report is one line of JSON. */
#ifndef TESTS_BENCH_ENDS_END_H
#define TESTS_BENCH_ENDS_END_H

#include "tests/bench/ends/board.h"
#include "tests/bench/ends/tally.h"

enum { ROW_MAX = 64 };

struct end {
    const char *address; /* of the bus: what the driver's library takes */
    const char *topic;   /* a subscriber's is a filter; of a row, the level above its tags */
    const char *ca;      /* the certificate to trust: TLS; NULL: plain */
    bool is_publisher;
    bool is_typed;  /* samples, not raw bytes */
    size_t size;    /* raw: bytes of a message */
    size_t row;     /* typed: samples in one call */
    uint64_t rate;  /* calls a second; 0: as many as there is room for */
    unsigned index; /* of this publisher, or of this subscriber, from 0 */
    struct board board;
    struct tally tally; /* subscriber: written by the thread that runs the callbacks */
};

/* What a bus's library is asked to do. Errors that cannot be are end_fail(). */
struct driver {
    const char *name;
    /* Of the library. Static. */
    const char *(*version)(void);
    /* Connects, and is ready to publish, or subscribed. The driver owns what it returns until close. */
    void *(*open)(struct end *end);
    /* One message, one call of the library. False: no room now. */
    bool (*publish)(void *bus, const void *bytes, size_t len);
    /* One call for n samples of one instant, numbered n * call and up. NULL: samples go as SAMPLE_BYTES of publish. */
    bool (*publish_samples)(void *bus, const double *values, size_t n, int64_t sent_us);
    /* Lets the library work until then, in ns of CLOCK_MONOTONIC, or until fd (-1: none) is readable. May return early. */
    void (*wait)(void *bus, int fd, int64_t until_ns);
    /* Disconnects; no callback runs any more. */
    void (*close)(void *bus);
};

/* The whole program. */
int end_main(int argc, char **argv, const struct driver *driver);

/* Ends the program: what could not be done, and why. */
void end_fail(const char *what, const char *why) __attribute__((noreturn));

/* A subscriber's callback: a message as bytes, or a typed sample. */
void end_take_bytes(struct end *end, const void *bytes, size_t len);
void end_take_sample(struct end *end, double value, int64_t sent_us);

/* For drivers whose library has its own threads: sleeps until then, or until fd is readable. */
void end_sleep(void *bus, int fd, int64_t until_ns);

#endif
