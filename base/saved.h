/* saved.h - what a program keeps in memory and saves on disk, brought in as a table so that saving needs not know it.
 *
 * It is written in slices, between which it may go on changing, and restored in one go at start. One thread. */
#ifndef BASE_SAVED_H
#define BASE_SAVED_H
#include "base/err.h"
#include "base/rc.h"
#include <stddef.h>
#include <stdint.h>

struct buf;

/* user is handed to each; none may block. */
struct saved_source {
    /* Grows with every change worth saving, is 0 before the first. */
    uint64_t (*version)(void *user);

    /* Somebody waits until the newest version is saved, or done() said that it cannot be. */
    bool (*is_awaited)(void *user);

    /* A new save: the first next() writes the first slice again. What changed up to now will be in it. */
    void (*begin)(void *user);

    /* Appends some, for less than a millisecond. MR_OK: there is more; MR_NOT_FOUND: that was all. MR_NO_MEMORY,
     * MR_TOO_BIG of out: the save is given up. */
    enum mr_rc (*next)(void *user, struct buf *out);

    /* All up to version is on disk, is_saved; or who waits should not wait any longer: the disk failed or is late. */
    void (*done)(void *user, uint64_t version, bool is_saved);

    /* Takes what is worth taking from a save. *ret_note says what was taken, and how much was left out.
     * MR_INVALID: it is not what next() writes; MR_TIMEOUT: too old, or the clock is not to be trusted: nothing was taken;
     * MR_NO_MEMORY: taken in part. */
    enum mr_rc (*restore)(void *user, const uint8_t *data, size_t len, struct err *ret_note, struct err *err);
};

#endif
