/* control_fields.h - one table per control message: how each field of protobuf-c's struct and of our plain struct relate,
 * and what is allowed in it. Private to control.c and control_tables.c. */
#ifndef PROTO_CONTROL_FIELDS_H
#define PROTO_CONTROL_FIELDS_H
#include "base/buf.h"
#include "base/err.h"
#include "proto/arena.h"
#include "proto/control.h"

enum field_kind {
    FIELD_U32, /* uint32_t or an enum, min..max */
    FIELD_U8,  /* uint32_t on the wire, uint8_t here, min..max */
    FIELD_U64, /* 64 bits of either sign, any value */
    FIELD_BOOL,
    FIELD_TEXT,     /* UTF-8 of min..max bytes */
    FIELD_REASON,   /* UTF-8 cut to max bytes */
    FIELD_DOUBLE,   /* finite */
    FIELD_LIMIT,    /* finite, or NAN here when absent there; wire_n: offset of the oneof's case, max: its number */
    FIELD_MESSAGE,  /* embedded here; all of its fields at their defaults when absent there */
    FIELD_OPTIONAL, /* NULL here when absent there */
    FIELD_LIST,     /* array of messages with its count, at most max */
    FIELD_IDS       /* array of uint32_t, none of them 0, with its count, at most max */
};

struct message;

struct field {
    const char *name;
    enum field_kind kind;
    uint32_t min, max;
    size_t wire, plain;     /* offsets in the two structs */
    size_t wire_n, plain_n; /* offsets of the counts, for lists */
    const struct message *of;
};

struct message {
    const ProtobufCMessageDescriptor *descriptor;
    size_t plain_size;
    const struct field *fields;
    size_t n_fields;
};

/* A protobuf-c struct of any of the messages, with room for a reason that had to be cut. */
struct wire_message {
    union {
        ProtobufCMessage base;
        uint64_t space[24];
    } of;
    char reason[CONTROL_REASON_MAX_BYTES + 1];
};

/* Resets the arena, decodes and checks. *ret (plain_size bytes) is written on success only; *ret_wire, unless NULL, is
 * the decoded message, borrowed from the arena. Results as control.h says of reading. */
MUST enum mr_rc fields_read(struct arena *a, const struct message *m, const uint8_t *data, size_t len, void *ret,
                            const ProtobufCMessage **ret_wire, struct err *err);

/* Fills *ret from the plain struct, borrowing its strings; messages and lists in it are left out: the caller puts them.
 * MR_INVALID: a reader would refuse it. */
MUST enum mr_rc fields_fill(const struct message *m, const void *plain, struct wire_message *ret);

/* Bytes of the message as an entry of a repeated field with a number up to 15. */
size_t fields_entry_size(const ProtobufCMessage *wire);

/* Appends the message whole (number 0), or as an entry of the repeated field `number`, up to 15. MR_TOO_BIG, MR_NO_MEMORY:
 * out is unchanged. */
MUST enum mr_rc fields_append(struct buf *out, unsigned number, const ProtobufCMessage *wire);

#endif
