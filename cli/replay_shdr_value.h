/* replay_shdr_value.h - the fields behind a key of an SHDR line as a value: how many there are and of what type it is follows
 * from the data item. */
#ifndef CLI_REPLAY_SHDR_VALUE_H
#define CLI_REPLAY_SHDR_VALUE_H
#include "base/buf.h"
#include "cli/replay_model.h"
#include "cli/shdr.h"

enum shape {
    SHAPE_TEXT,      /* one field */
    SHAPE_NUMBER,    /* one, a double */
    SHAPE_WHOLE,     /* one, a whole number */
    SHAPE_VECTOR,    /* one, numbers split by blanks */
    SHAPE_SERIES,    /* count, rate, numbers split by blanks */
    SHAPE_CONDITION, /* level, native code, severity, qualifier, text; those behind the level may be missing */
    SHAPE_MESSAGE,   /* native code, text */
};

enum { SHAPE_ELEMENTS_MAX = 8192 /* of an array: 64 KiB */, SHAPE_TEXT_MAX = 16 * 1024 * 1024 /* bytes: an asset */ };

/* What values point into until the next one is read. */
struct shape_room {
    struct buf text;
    double *elements; /* SHAPE_ELEMENTS_MAX */
};

/* MR_NO_MEMORY. */
MUST enum mr_rc shape_room_init(struct shape_room *room);
void shape_room_fini(struct shape_room *room); /* all zeros is fine */

enum shape shape_of(const struct model_item *item);
uint32_t shape_type(enum shape shape); /* enum mr_type */
size_t shape_fields(enum shape shape); /* most fields behind the key */

/* Is it UNAVAILABLE (MTConnect Part 1): the data source has no value now? n >= 1. */
bool shape_is_unavailable(enum shape shape, const struct shdr_field *fields, size_t n);

/* Does its only or last field hold no number where there must be one? n >= 1. */
bool shape_is_empty(enum shape shape, const struct shdr_field *fields, size_t n);

/* Reads the value and its quality. fields[0] is the first behind the key; n is shape_fields(), for a condition 1 or more.
 * A condition's value is its fields joined by '|', empty ones at the end left away; its quality that of what it speaks of:
 * NORMAL Good, WARNING Uncertain, FAULT Bad. MR_INVALID, MR_TOO_BIG: *err in words; MR_NO_MEMORY. */
MUST enum mr_rc shape_read(struct shape_room *room, enum shape shape, const struct shdr_field *fields, size_t n,
                           struct mr_value *ret, uint32_t *ret_status, struct err *err);
#endif
