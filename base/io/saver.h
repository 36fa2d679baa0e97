/* saver.h - keeps a file in step with something in memory (base/saved.h) without ever delaying the loop: slices are made in the
 * loop, written and synced by a thread of its own.
 *
 *            something changed, and it is time; or somebody waits
 *   RESTING ---------------------------------------------------> SAVING --> RESTING, or FAILING until it works again
 *
 * Only what changed is saved: delay_ms after a change, and not before interval_ms and a day's share of bytes have passed since
 * the last save; at once when somebody waits for it. A disk that fails or hangs delays nobody: events tell, it is tried again
 * every SAVER_RETRY_MS. */
#ifndef BASE_IO_SAVER_H
#define BASE_IO_SAVER_H
#include "base/io/loop.h"
#include "base/saved.h"

enum {
    SAVER_RETRY_MS = 60000,
    SAVER_LATE_MS = 3000 /* nobody waits longer than this for one save */
};

enum saver_event {
    SAVER_RESTORED, /* text: what was taken, and how much was left out */
    SAVER_REFUSED,  /* the file was not taken, why, and what to do; it is NAME.bad now */
    SAVER_DAMAGED,  /* the same, and it was set aside */
    SAVER_FAILED,   /* once: the file cannot be written, why */
    SAVER_LATE,     /* once for a save: it takes long, who waited was let go */
    SAVER_WORKS     /* it can be written again */
};

struct saver_options {
    struct loop *loop;
    const char *folder, *name; /* of the file; copied */
    size_t max_bytes;          /* a longer file is refused at start */
    uint32_t delay_ms, interval_ms;
    uint64_t max_bytes_per_day; /* to spare flash; 0: no limit. Saves that somebody waits for are not held back */
    const struct saved_source *source;
    void *source_user;
    void (*on_event)(void *user, enum saver_event event, const char *path, const char *text);
    void *user;
};

struct saver;

/* Reads the file, blocking, and hands it to the source, then watches for changes. options are copied, what they point to is
 * borrowed until saver_free(). That the disk fails is told by on_event, from in here. MR_NO_MEMORY. */
MUST enum mr_rc saver_new(struct saver **ret, const struct saver_options *options);

/* Saves what is not saved yet, then calls fn(user) from the loop, whether it could be saved or not. Once. */
void saver_finish(struct saver *s, loop_fn *fn, void *user);

/* Waits for the write that is under way. NULL is fine. */
void saver_free(struct saver *s);

#endif
