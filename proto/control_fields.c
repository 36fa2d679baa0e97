/* control_fields.c - takes fields from protobuf-c's structs into ours and back, as the tables of control.c say. */
#include "proto/control_fields.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "proto/wire.h"

/* Pointers and numbers are moved with memcpy: the two structs are known by offsets only. */

static bool in_range(const struct field *f, uint32_t value)
{
    return value >= f->min && value <= f->max;
}

/* -- wire to plain -- */

static enum mr_rc take_fields(struct arena *a, const struct message *m, const void *wire, void *plain, struct err *err);

/* One field: `wire` and `plain` point at it in the two structs. */
typedef enum mr_rc take_fn(const struct field *f, const uint8_t *wire, uint8_t *plain);

static enum mr_rc take_u32(const struct field *f, const uint8_t *wire, uint8_t *plain)
{
    uint32_t value;

    memcpy(&value, wire, sizeof value);
    memcpy(plain, &value, sizeof value);
    return in_range(f, value) ? MR_OK : MR_INVALID;
}

static enum mr_rc take_u8(const struct field *f, const uint8_t *wire, uint8_t *plain)
{
    uint32_t value;

    memcpy(&value, wire, sizeof value);
    *plain = (uint8_t)value;
    return in_range(f, value) ? MR_OK : MR_INVALID;
}

static enum mr_rc take_u64(const struct field *f, const uint8_t *wire, uint8_t *plain)
{
    (void)f;
    memcpy(plain, wire, sizeof(uint64_t));
    return MR_OK;
}

static enum mr_rc take_bool(const struct field *f, const uint8_t *wire, uint8_t *plain)
{
    protobuf_c_boolean value;

    (void)f;
    memcpy(&value, wire, sizeof value);
    *(bool *)plain = value != 0;
    return MR_OK;
}

static enum mr_rc take_text(const struct field *f, const uint8_t *wire, uint8_t *plain)
{
    char *text;

    memcpy(&text, wire, sizeof text);
    memcpy(plain, &text, sizeof text);

    size_t len = strlen(text);
    return len >= f->min && len <= f->max && text_is_utf8(text, len) ? MR_OK : MR_INVALID;
}

/* The longest beginning of UTF-8 text of more than `max` bytes that is at most that and whole characters. */
static size_t cut_length(const char *text, size_t max)
{
    while (max > 0 && ((uint8_t)text[max] & 0xC0) == 0x80)
        max--;
    return max;
}

static enum mr_rc take_reason(const struct field *f, const uint8_t *wire, uint8_t *plain)
{
    char *text;

    memcpy(&text, wire, sizeof text);
    memcpy(plain, &text, sizeof text);

    size_t len = strlen(text);
    if (!text_is_utf8(text, len))
        return MR_INVALID;
    if (len > f->max)
        text[cut_length(text, f->max)] = '\0'; /* it stands in the arena: only the shared empty text does not */
    return MR_OK;
}

static enum mr_rc take_double(const struct field *f, const uint8_t *wire, uint8_t *plain)
{
    double value;

    (void)f;
    memcpy(&value, wire, sizeof value);
    memcpy(plain, &value, sizeof value);
    return isfinite(value) ? MR_OK : MR_INVALID;
}

static take_fn *const takers[] = {
    [FIELD_U32] = take_u32,   [FIELD_U8] = take_u8,         [FIELD_U64] = take_u64,       [FIELD_BOOL] = take_bool,
    [FIELD_TEXT] = take_text, [FIELD_REASON] = take_reason, [FIELD_DOUBLE] = take_double,
};

static enum mr_rc take_limit(const struct field *f, const uint8_t *wire, uint8_t *plain)
{
    static const double absent = NAN;
    uint32_t given;

    memcpy(&given, wire + f->wire_n, sizeof given);
    if (given)
        return take_double(f, wire + f->wire, plain + f->plain);
    memcpy(plain + f->plain, &absent, sizeof absent);
    return MR_OK;
}

/* An absent embedded message is one of all defaults. */
static enum mr_rc take_message(struct arena *a, const struct field *f, const uint8_t *wire, uint8_t *plain,
                               struct err *err)
{
    struct wire_message defaults;
    void *message;

    memcpy(&message, wire + f->wire, sizeof message);
    if (!message) {
        protobuf_c_message_init(f->of->descriptor, &defaults.of);
        message = &defaults.of;
    }
    return take_fields(a, f->of, message, plain + f->plain, err);
}

static enum mr_rc take_optional(struct arena *a, const struct field *f, const uint8_t *wire, uint8_t *plain,
                                struct err *err)
{
    void *message, *taken = NULL;

    memcpy(&message, wire + f->wire, sizeof message);
    if (message) {
        taken = arena_alloc(a, f->of->plain_size);
        if (!taken)
            return MR_NO_MEMORY;

        enum mr_rc rc = take_fields(a, f->of, message, taken, err);
        if (rc)
            return rc;
    }
    memcpy(plain + f->plain, &taken, sizeof taken);
    return MR_OK;
}

static enum mr_rc take_list(struct arena *a, const struct field *f, const uint8_t *wire, uint8_t *plain,
                            struct err *err)
{
    void *const *messages;
    size_t n;

    memcpy(&messages, wire + f->wire, sizeof messages);
    memcpy(&n, wire + f->wire_n, sizeof n);
    if (n > f->max) {
        err_set(err, "%s: more than %u entries", f->name, f->max);
        return MR_INVALID;
    }

    uint8_t *taken = arena_alloc(a, n * f->of->plain_size);
    if (!taken)
        return MR_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        enum mr_rc rc = take_fields(a, f->of, messages[i], taken + i * f->of->plain_size, err);

        if (rc)
            return rc;
    }
    memcpy(plain + f->plain, &taken, sizeof taken);
    memcpy(plain + f->plain_n, &n, sizeof n);
    return MR_OK;
}

static enum mr_rc take_ids(const struct field *f, const uint8_t *wire, uint8_t *plain)
{
    const uint32_t *ids;
    size_t n;

    memcpy(&ids, wire + f->wire, sizeof ids);
    memcpy(&n, wire + f->wire_n, sizeof n);
    if (n > f->max)
        return MR_INVALID;
    for (size_t i = 0; i < n; i++) {
        if (!ids[i])
            return MR_INVALID;
    }
    memcpy(plain + f->plain, &ids, sizeof ids);
    memcpy(plain + f->plain_n, &n, sizeof n);
    return MR_OK;
}

static enum mr_rc take_field(struct arena *a, const struct field *f, const uint8_t *wire, uint8_t *plain,
                             struct err *err)
{
    switch (f->kind) {
    case FIELD_LIMIT:
        return take_limit(f, wire, plain);
    case FIELD_MESSAGE:
        return take_message(a, f, wire, plain, err);
    case FIELD_OPTIONAL:
        return take_optional(a, f, wire, plain, err);
    case FIELD_LIST:
        return take_list(a, f, wire, plain, err);
    case FIELD_IDS:
        return take_ids(f, wire, plain);
    default:
        return takers[f->kind](f, wire + f->wire, plain + f->plain);
    }
}

/* Calls itself through lists and messages, as deep as the tables are: three. A failure in
 * an entry has set the reason already. */
static enum mr_rc take_fields(struct arena *a, const struct message *m, const void *wire, void *plain, struct err *err)
{
    for (size_t i = 0; i < m->n_fields; i++) {
        const struct field *f = &m->fields[i];
        enum mr_rc rc = take_field(a, f, wire, plain, err);

        if (rc == MR_INVALID && !f->of)
            err_set(err, "%s.%s is not valid", m->descriptor->short_name, f->name);
        if (rc)
            return rc;
    }
    return MR_OK;
}

enum mr_rc fields_read(struct arena *a, const struct message *m, const uint8_t *data, size_t len, void *ret,
                       const ProtobufCMessage **ret_wire, struct err *err)
{
    arena_reset(a, arena_frame_budget(len));

    ProtobufCAllocator allocator = arena_allocator(a);
    ProtobufCMessage *wire = protobuf_c_message_unpack(m->descriptor, &allocator, len, data);
    void *plain = wire ? arena_alloc(a, m->plain_size) : NULL;
    enum mr_rc rc = MR_INVALID;

    if (plain) {
        memset(plain, 0, m->plain_size);
        rc = take_fields(a, m, wire, plain, err);
    } else {
        err_set(err, "not a message of kind %s", m->descriptor->short_name);
    }
    if (a->refused) {
        err_set(err, "%s needs more memory than a frame of %zu bytes may", m->descriptor->short_name, len);
        return MR_NO_MEMORY;
    }
    if (rc)
        return rc;
    memcpy(ret, plain, m->plain_size);
    if (ret_wire)
        *ret_wire = wire;
    return MR_OK;
}

/* -- plain to wire -- */

static enum mr_rc give_u32(const struct field *f, const uint8_t *plain, uint8_t *wire, struct wire_message *m)
{
    (void)m;
    return take_u32(f, plain, wire); /* the same both ways */
}

static enum mr_rc give_u8(const struct field *f, const uint8_t *plain, uint8_t *wire, struct wire_message *m)
{
    uint32_t value = *plain;

    (void)m;
    memcpy(wire, &value, sizeof value);
    return in_range(f, value) ? MR_OK : MR_INVALID;
}

static enum mr_rc give_u64(const struct field *f, const uint8_t *plain, uint8_t *wire, struct wire_message *m)
{
    (void)m;
    return take_u64(f, plain, wire);
}

static enum mr_rc give_bool(const struct field *f, const uint8_t *plain, uint8_t *wire, struct wire_message *m)
{
    protobuf_c_boolean value = *(const bool *)plain;

    (void)f;
    (void)m;
    memcpy(wire, &value, sizeof value);
    return MR_OK;
}

static enum mr_rc give_text(const struct field *f, const uint8_t *plain, uint8_t *wire, struct wire_message *m)
{
    const char *text;

    (void)m;
    memcpy(&text, plain, sizeof text);
    if (!text)
        text = "";
    return take_text(f, (const uint8_t *)&text, wire);
}

/* A reason always goes out: it is cut where it is too long, and escaped where it is not UTF-8. */
static enum mr_rc give_reason(const struct field *f, const uint8_t *plain, uint8_t *wire, struct wire_message *m)
{
    const char *text;

    memcpy(&text, plain, sizeof text);
    if (!text)
        text = "";

    size_t len = strlen(text);
    if (!text_is_utf8(text, len)) {
        text_escape(m->reason, sizeof m->reason, text, len);
        text = m->reason;
    } else if (len > f->max) {
        len = cut_length(text, f->max);
        memcpy(m->reason, text, len);
        m->reason[len] = '\0';
        text = m->reason;
    }
    memcpy(wire, &text, sizeof text);
    return MR_OK;
}

static enum mr_rc give_double(const struct field *f, const uint8_t *plain, uint8_t *wire, struct wire_message *m)
{
    (void)m;
    return take_double(f, plain, wire);
}

typedef enum mr_rc give_fn(const struct field *f, const uint8_t *plain, uint8_t *wire, struct wire_message *m);

static give_fn *const givers[] = {
    [FIELD_U32] = give_u32,   [FIELD_U8] = give_u8,         [FIELD_U64] = give_u64,       [FIELD_BOOL] = give_bool,
    [FIELD_TEXT] = give_text, [FIELD_REASON] = give_reason, [FIELD_DOUBLE] = give_double,
};

static enum mr_rc give_limit(const struct field *f, const uint8_t *plain, uint8_t *wire)
{
    double value;

    memcpy(&value, plain + f->plain, sizeof value);
    if (isnan(value))
        return MR_OK;
    memcpy(wire + f->wire_n, &f->max, sizeof f->max);
    return take_double(f, plain + f->plain, wire + f->wire);
}

enum mr_rc fields_fill(const struct message *m, const void *plain, struct wire_message *ret)
{
    assert(m->descriptor->sizeof_message <= sizeof ret->of);
    protobuf_c_message_init(m->descriptor, &ret->of);

    uint8_t *wire = (uint8_t *)&ret->of;
    const uint8_t *from = plain;
    for (size_t i = 0; i < m->n_fields; i++) {
        const struct field *f = &m->fields[i];
        enum mr_rc rc = MR_OK;

        if (f->kind == FIELD_LIMIT)
            rc = give_limit(f, from, wire);
        else if (f->kind < FIELD_LIMIT)
            rc = givers[f->kind](f, from + f->plain, wire + f->wire, ret);
        if (rc)
            return rc;
    }
    return MR_OK;
}

size_t fields_entry_size(const ProtobufCMessage *wire)
{
    size_t len = protobuf_c_message_get_packed_size(wire);

    return 1 + wire_varint_size(len) + len;
}

enum mr_rc fields_append(struct buf *out, unsigned number, const ProtobufCMessage *wire)
{
    size_t len = protobuf_c_message_get_packed_size(wire);

    if (!len && !number)
        return MR_OK; /* a message of defaults is no bytes */

    enum mr_rc rc = buf_reserve(out, number ? 1 + wire_varint_size(len) + len : len);
    if (rc)
        return rc;

    uint8_t *start = out->data + out->len, *at = start;
    if (number) {
        *at++ = WIRE_TAG(number, WIRE_BYTES);
        at = wire_put_varint(at, len);
    }
    at += protobuf_c_message_pack(wire, at);
    buf_advance(out, (size_t)(at - start));
    return MR_OK;
}
