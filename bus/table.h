/* table.h - the last values of a hub as bytes: what is saved on disk and restored at start. Pure; little-endian.
 *
 *   "MRTABLE" version(1), saved (8, µs UTC), clock state (1), then entries, each a kind byte and its fields:
 *     TOPIC      text                     the slots that follow are of this topic
 *     PUBLISHER  identity text, part text they were written by this one
 *     SLOT       see table.c              with the definition of its tag, if it has one
 *     END        number of slots          nothing follows
 *   Numbers are varints, signed ones zigzagged, a text is its length, its bytes and a NUL.
 *
 * Every slot is self-contained, and merged by its version: a table may change while it is written. */
#ifndef BUS_TABLE_H
#define BUS_TABLE_H
#include "base/buf.h"
#include "base/err.h"
#include "bus/lastval.h"
#include "proto/session.h"

struct table_head {
    int64_t saved_us; /* µs UTC, when writing began */
    uint8_t clock;    /* enum clock_state then */
};

/* A slot by names. Texts and the body are borrowed, when read from the bytes that are read. */
struct table_item {
    const char *topic, *identity, *part;
    struct slot slot; /* without its ids and changed_ns */
    uint32_t age_s;   /* of a tombstone when writing began, in seconds */
    bool has_tag;
    struct session_tag tag; /* without its topic */
};

struct table_writer {
    uint64_t count;            /* slots written */
    uint32_t topic, publisher; /* ids named last */
};

/* Appends to out; MR_NO_MEMORY and MR_TOO_BIG of out leave half an entry: the table is given up. Items of one topic, and
 * of one publisher, are shorter one after the other: item->slot.topic and .publisher tell. */
MUST enum mr_rc table_write_head(struct table_writer *w, const struct table_head *head, struct buf *out);
MUST enum mr_rc table_write_item(struct table_writer *w, const struct table_item *item, struct buf *out);
MUST enum mr_rc table_write_end(struct table_writer *w, struct buf *out);

struct table_reader {
    const uint8_t *at, *end;
    const char *topic, *identity, *part;
    uint64_t count;
};

/* MR_INVALID: no table, or one of another version; MR_NOT_FOUND: the end, which is whole; each with a reason but the last. */
MUST enum mr_rc table_read_head(struct table_reader *r, const uint8_t *data, size_t len, struct table_head *ret,
                                struct err *err);
MUST enum mr_rc table_read_item(struct table_reader *r, struct table_item *ret, struct err *err);

/* Reads all of it: MR_OK, or MR_INVALID and why. */
MUST enum mr_rc table_check(const uint8_t *data, size_t len, struct table_head *ret, struct err *err);

/* May a table with this head be merged now? MR_TIMEOUT: too old, or one of the clocks is not set: why and what to do. */
MUST enum mr_rc table_judge(const struct table_head *head, int64_t now_us, struct err *err);

#endif
