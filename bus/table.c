/* table.c - see table.h. A SLOT is:
 *
 *   marks (1), flags, birth (8), link, seq, clock (1), base_us, agent_us, [broker_us], [source_us],
 *   CLEAR: age in s; else: length and bytes of the body,
 *   [tag: type, stale_ms, unit text, description text, low, high, deadband (8 each)] */
#include "bus/table.h"

#include <inttypes.h>
#include <string.h>

#include "proto/control.h"
#include "proto/limits.h"
#include "proto/wire.h"

enum { VERSION = 1, MAGIC_BYTES = 7, HEAD_BYTES = MAGIC_BYTES + 1 + 8 + 1 };

enum kind { TOPIC = 1, PUBLISHER = 2, SLOT = 3, END = 4 };

enum mark { HAS_BROKER_TIME = 1, HAS_SOURCE_TIME = 2, HAS_TAG = 4, ALL_MARKS = 7 };

enum {
    /* The most the numbers of a slot and of its tag take, texts and bodies aside */
    SLOT_FIXED_BYTES = 2 + 8 + 1 + 9 * WIRE_VARINT_MAX_BYTES,
    TAG_FIXED_BYTES = 3 * 8 + 2 * WIRE_VARINT_MAX_BYTES,
    /* A body holds one value and its status; fields this version does not know may add a little */
    BODY_MAX_BYTES = VALUE_MAX_BYTES + 4096
};

static const char magic[] = "MRTABLE"; /* its NUL is not written */
static const uint32_t kept_flags = MR_KEEP | MR_CLEAR | MR_FORCED | MR_FUTURE;

/* -- writing --------------------------------------------------------------------------------------------------------- */
static uint8_t *put_u64(uint8_t *out, uint64_t value)
{
    return wire_put_raw(out, &value, sizeof value); /* little-endian machines only: wire.h */
}

static uint8_t *put_i64(uint8_t *out, int64_t value)
{
    return wire_put_varint(out, wire_zigzag(value));
}

static size_t text_bytes(const char *text)
{
    return WIRE_LENGTH_MAX_BYTES + strlen(text) + 1;
}

static uint8_t *put_text(uint8_t *out, const char *text)
{
    size_t len = strlen(text);
    return wire_put_raw(wire_put_varint(out, len), text, len + 1);
}

enum mr_rc table_write_head(struct table_writer *w, const struct table_head *head, struct buf *out)
{
    *w = (struct table_writer){0};
    enum mr_rc rc = buf_append(out, magic, MAGIC_BYTES);
    if (!rc)
        rc = buf_append_u8(out, VERSION);
    if (!rc)
        rc = buf_append_u64le(out, (uint64_t)head->saved_us);
    return rc ? rc : buf_append_u8(out, head->clock);
}

static enum mr_rc name(enum kind kind, const char *first, const char *second, struct buf *out)
{
    enum mr_rc rc = buf_reserve(out, 1 + text_bytes(first) + (second ? text_bytes(second) : 0));
    if (rc)
        return rc;
    uint8_t *start = out->data + out->len, *at = start;
    *at++ = (uint8_t)kind;
    at = put_text(at, first);
    if (second)
        at = put_text(at, second);
    buf_advance(out, (size_t)(at - start));
    return MR_OK;
}

static uint8_t *put_tag(uint8_t *at, const struct session_tag *tag)
{
    at = wire_put_varint(at, tag->type);
    at = wire_put_varint(at, tag->stale_ms);
    at = put_text(at, tag->unit);
    at = put_text(at, tag->description);
    at = wire_put_raw(at, &tag->low, sizeof tag->low);
    at = wire_put_raw(at, &tag->high, sizeof tag->high);
    return wire_put_raw(at, &tag->deadband, sizeof tag->deadband);
}

static uint8_t marks_of(const struct table_item *item)
{
    return (uint8_t)((item->slot.head.broker_us != MR_NO_TIME ? HAS_BROKER_TIME : 0) |
                     (item->slot.source_us != MR_NO_TIME ? HAS_SOURCE_TIME : 0) | (item->has_tag ? HAS_TAG : 0));
}

static uint8_t *put_slot(uint8_t *at, const struct table_item *item)
{
    const struct slot *s = &item->slot;
    *at++ = SLOT;
    *at++ = marks_of(item);
    at = wire_put_varint(at, s->flags & kept_flags);
    at = put_u64(at, s->head.birth);
    at = wire_put_varint(at, s->head.link);
    at = wire_put_varint(at, s->seq);
    *at++ = s->head.clock;
    at = put_i64(at, s->head.base_us);
    at = put_i64(at, s->head.agent_us);
    if (s->head.broker_us != MR_NO_TIME)
        at = put_i64(at, s->head.broker_us);
    if (s->source_us != MR_NO_TIME)
        at = put_i64(at, s->source_us);
    if (s->cleared)
        at = wire_put_varint(at, item->age_s);
    else
        at = wire_put_raw(wire_put_varint(at, s->body_len), s->body, s->body_len);
    return item->has_tag ? put_tag(at, &item->tag) : at;
}

enum mr_rc table_write_item(struct table_writer *w, const struct table_item *item, struct buf *out)
{
    enum mr_rc rc = MR_OK;
    if (w->topic != item->slot.topic)
        rc = name(TOPIC, item->topic, NULL, out);
    if (!rc && w->publisher != item->slot.publisher)
        rc = name(PUBLISHER, item->identity, item->part, out);
    if (rc)
        return rc;
    size_t tag = item->has_tag ? TAG_FIXED_BYTES + text_bytes(item->tag.unit) + text_bytes(item->tag.description) : 0;
    rc = buf_reserve(out, SLOT_FIXED_BYTES + item->slot.body_len + tag);
    if (rc)
        return rc;
    uint8_t *start = out->data + out->len;
    buf_advance(out, (size_t)(put_slot(start, item) - start));
    w->topic = item->slot.topic;
    w->publisher = item->slot.publisher;
    w->count++;
    return MR_OK;
}

enum mr_rc table_write_end(struct table_writer *w, struct buf *out)
{
    enum mr_rc rc = buf_reserve(out, 1 + WIRE_VARINT_MAX_BYTES);
    if (rc)
        return rc;
    uint8_t *start = out->data + out->len, *at = start;
    *at++ = END;
    buf_advance(out, (size_t)(wire_put_varint(at, w->count) - start));
    return MR_OK;
}

/* -- reading --------------------------------------------------------------------------------------------------------- */
/* A text of at least min and at most max bytes without a NUL in it; borrowed. */
static bool take_text(struct wire *in, size_t min, size_t max, const char **ret)
{
    struct wire text;
    if (!wire_bytes(in, &text) || !wire_left(in) || *in->at != '\0')
        return false;
    size_t len = (size_t)(text.end - text.at);
    if (len < min || len > max || memchr(text.at, '\0', len))
        return false;
    in->at++;
    *ret = (const char *)text.at;
    return true;
}

static bool take_u8(struct wire *in, uint8_t *ret)
{
    return wire_raw(in, ret, 1);
}

/* Times travel relative to a base: a batch is written only where the difference fits. */
static bool take_time(struct wire *in, int64_t base_us, int64_t *ret)
{
    int64_t difference;
    return wire_sint64(in, ret) && *ret != MR_NO_TIME && !__builtin_sub_overflow(*ret, base_us, &difference);
}

static bool take_times(struct wire *in, uint8_t marks, struct slot *ret)
{
    struct batch_head *head = &ret->head;
    head->broker_us = MR_NO_TIME;
    ret->source_us = MR_NO_TIME;
    return wire_sint64(in, &head->base_us) && take_time(in, head->base_us, &head->agent_us) &&
           (!(marks & HAS_BROKER_TIME) || take_time(in, head->base_us, &head->broker_us)) &&
           (!(marks & HAS_SOURCE_TIME) || take_time(in, head->base_us, &ret->source_us));
}

static bool take_tag(struct wire *in, struct session_tag *ret)
{
    return wire_u32(in, &ret->type) && ret->type <= CONTROL_TYPE_MAX && wire_u32(in, &ret->stale_ms) &&
           take_text(in, 0, UNIT_MAX_BYTES, &ret->unit) &&
           take_text(in, 0, CONTROL_DESCRIPTION_MAX_BYTES, &ret->description) &&
           wire_raw(in, &ret->low, sizeof ret->low) && wire_raw(in, &ret->high, sizeof ret->high) &&
           wire_raw(in, &ret->deadband, sizeof ret->deadband);
}

static bool take_body(struct wire *in, struct slot *ret)
{
    struct wire body;
    if (!wire_bytes(in, &body) || body.end - body.at > BODY_MAX_BYTES)
        return false;
    ret->body = body.at;
    ret->body_len = (uint32_t)(body.end - body.at);
    return body_check(ret->body, ret->body_len) == MR_OK;
}

static bool take_version(struct wire *in, uint8_t marks, struct slot *ret)
{
    return wire_u32(in, &ret->flags) && (ret->flags & ~kept_flags) == 0 &&
           wire_raw(in, &ret->head.birth, sizeof ret->head.birth) && wire_u32(in, &ret->head.link) &&
           wire_varint(in, &ret->seq) && take_u8(in, &ret->head.clock) && ret->head.clock <= CLOCK_UNSYNCED &&
           take_times(in, marks, ret);
}

static bool take_slot(struct wire *in, struct table_item *ret)
{
    uint8_t marks;
    struct slot *s = &ret->slot;
    if (!take_u8(in, &marks) || marks & ~ALL_MARKS || !take_version(in, marks, s))
        return false;
    s->cleared = s->flags & MR_CLEAR;
    ret->has_tag = marks & HAS_TAG;
    return (s->cleared ? wire_u32(in, &ret->age_s) : take_body(in, s)) && (!ret->has_tag || take_tag(in, &ret->tag));
}

/* Takes what stands between slots. False: it cannot be read. */
static bool take_names(struct table_reader *r, struct wire *in, enum kind kind)
{
    if (kind == TOPIC)
        return take_text(in, 1, TOPIC_MAX_BYTES, &r->topic);
    return take_text(in, 1, CONTROL_NAME_MAX_BYTES, &r->identity) && take_text(in, 0, CONTROL_NAME_MAX_BYTES, &r->part);
}

static enum mr_rc damaged(const struct table_reader *r, struct err *err)
{
    err_set(err, "it cannot be read behind slot %" PRIu64, r->count);
    return MR_INVALID;
}

enum mr_rc table_read_head(struct table_reader *r, const uint8_t *data, size_t len, struct table_head *ret,
                           struct err *err)
{
    if (len < HEAD_BYTES || memcmp(data, magic, MAGIC_BYTES) != 0) {
        err_set(err, "it is no table of last values");
        return MR_INVALID;
    }
    if (data[MAGIC_BYTES] != VERSION || data[HEAD_BYTES - 1] > CLOCK_UNSYNCED) {
        err_set(err, "it is of version %u, this program reads version %d", data[MAGIC_BYTES], VERSION);
        return MR_INVALID;
    }
    memcpy(&ret->saved_us, data + MAGIC_BYTES + 1, sizeof ret->saved_us);
    ret->clock = data[HEAD_BYTES - 1];
    *r = (struct table_reader){.at = data + HEAD_BYTES, .end = data + len};
    return MR_OK;
}

enum mr_rc table_read_item(struct table_reader *r, struct table_item *ret, struct err *err)
{
    struct wire in = {r->at, r->end};
    uint8_t kind;
    while (take_u8(&in, &kind) && (kind == TOPIC || kind == PUBLISHER))
        if (!take_names(r, &in, kind))
            return damaged(r, err);
    if (!wire_left(&in))
        return damaged(r, err);
    if (kind == END) {
        uint64_t count;
        bool is_whole = wire_varint(&in, &count) && count == r->count && !wire_left(&in);
        return is_whole ? MR_NOT_FOUND : damaged(r, err);
    }
    *ret = (struct table_item){.topic = r->topic, .identity = r->identity, .part = r->part};
    if (kind != SLOT || !r->topic || !r->identity || !take_slot(&in, ret))
        return damaged(r, err);
    r->at = in.at;
    r->count++;
    return MR_OK;
}

enum mr_rc table_check(const uint8_t *data, size_t len, struct table_head *ret, struct err *err)
{
    struct table_reader r;
    struct table_head head;
    struct table_item item;
    enum mr_rc rc = table_read_head(&r, data, len, &head, err);
    while (!rc)
        rc = table_read_item(&r, &item, err);
    if (rc != MR_NOT_FOUND)
        return rc;
    *ret = head;
    return MR_OK;
}

/* -- judging --------------------------------------------------------------------------------------------------------- */
static const int64_t us_per_s = 1000000;
static const int64_t clock_set_us = (int64_t)1735689600 * 1000000; /* 2025-01-01: before the first release */

enum mr_rc table_judge(const struct table_head *head, int64_t now_us, struct err *err)
{
    enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S };
    if (now_us < clock_set_us) {
        err_set(
            err,
            "the clock of this machine is not set, so that its age is not known: set it, or start after it was set");
        return MR_TIMEOUT;
    }
    if (head->saved_us < clock_set_us) {
        err_set(err, "it was saved while the clock of this machine was not set: values come back as they are written");
        return MR_TIMEOUT;
    }
    if (head->saved_us > now_us && head->saved_us - now_us > HOUR_S * us_per_s) {
        err_set(err, "it was saved in the future, says the clock: set the clock of this machine");
        return MR_TIMEOUT;
    }
    int64_t age_s = (now_us - head->saved_us) / us_per_s;
    if (age_s > (int64_t)TABLE_MERGE_MAX_DAYS * DAY_S) {
        err_set(err, "it was saved %" PRId64 " days ago, the limit is %d: values come back as they are written",
                age_s / DAY_S, TABLE_MERGE_MAX_DAYS);
        return MR_TIMEOUT;
    }
    return MR_OK;
}
