/* recorder.h - the history of one test app: what it published, what it was given, in the order it happened.
 *
 * Lines of text in a file, documented in README.md. Lines are gathered and written by write(2) without fsync: what has been
 * flushed survives the kill -9 of the app. Messages of one writer that follow each other become one line, so that a reader
 * of 20,000 messages a second writes some hundred lines. */
#ifndef HISTORY_RECORDER_H
#define HISTORY_RECORDER_H
#include <stdbool.h>
#include <stdint.h>

#include <millrace/millrace.h>

#include "payload.h"

enum {
    RECORDER_FLUSH_MS = 100, /* recorder_flush() at least so often: what a kill -9 can take with it */
    RECORDER_RUNS = 64,      /* messages of so many (subscription, writer) are gathered at a time */
    RECORDER_PUBLISHER_MAX = 160
};

/* Messages of one writer at one subscription, numbers first, first + step … last, one after the other. */
struct recorder_run {
    int sub;
    uint32_t writer, life, flags;
    uint64_t birth, first_seq, last_seq, first, last, step; /* step 0: one message so far */
    int64_t first_us, last_us;
    char publisher[RECORDER_PUBLISHER_MAX];
};

struct recorder {
    int fd;
    char *buf; /* owned */
    size_t len;
    struct recorder_run runs[RECORDER_RUNS];
    unsigned n_runs;
};

int64_t recorder_now_ns(void); /* CLOCK_MONOTONIC, the clock of all histories of a machine */

/* Creates the file; role and name go into its first line. Ends the program when it cannot. */
void recorder_init(struct recorder *r, const char *path, const char *role, const char *name);
void recorder_fini(struct recorder *r); /* says that the end was orderly */
/* Hands everything gathered to the kernel, at least the word that the app lives. */
void recorder_flush(struct recorder *r);

/* -- a writer -- */
void recorder_writer(struct recorder *r, uint32_t writer, uint32_t life, unsigned topics, bool kept, const char *base);
/* Before they are handed to the SDK, and flushed: no reader can have what the history does not know. */
void recorder_publishing(struct recorder *r, uint64_t first, uint64_t last);
void recorder_refused(struct recorder *r, uint64_t first, uint64_t last, enum mr_rc rc);

/* -- a reader; sub: the how manyth subscription of this app -- */
void recorder_subscribed(struct recorder *r, int sub, const char *filter);
void recorder_data(struct recorder *r, int sub, const struct mr_msg *msg, const struct payload *p);
/* A message that no writer can have written so: what is wrong with it. */
void recorder_wrong(struct recorder *r, int sub, const struct mr_msg *msg, const char *why);
void recorder_notice(struct recorder *r, int sub, const struct mr_msg *msg); /* any kind but MR_DATA */
/* What the app holds as last value of a topic, when it was asked. */
void recorder_value(struct recorder *r, uint64_t dump, int sub, const char *topic, const char *publisher,
                    uint32_t flags, const struct payload *p);
void recorder_dumped(struct recorder *r, uint64_t dump);
void recorder_state(struct recorder *r, const struct mr_state *state);
#endif
