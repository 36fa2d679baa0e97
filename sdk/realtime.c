/* realtime.c - [RT] calls of other threads: pushed as they are into a queue without locks, done by the handle's thread.
 *
 * A job is a struct job, then what it points to: values, tags, the bytes of the values each at a multiple of 8, a topic. */
#include <string.h>

#include "base/mem.h"
#include "proto/value.h"
#include "sdk/bus_private.h"

enum {
    SLOT_BYTES = 64,
    SLOTS_LEAST = 4096, /* half of them hold the largest row */
    SLOTS_MOST = 16384,
    SHARE = 32, /* of max_bytes is one slot's byte per */
    ALIGN = 8
};

enum job_kind { JOB_PUBLISH, JOB_TAG, JOB_ROW };

struct job {
    enum job_kind kind;
    uint32_t n; /* values */
    uint32_t status, flags, expiry_ms;
    enum mr_level level;
    int64_t source_us;
    struct mr_tag *tag;
    void (*on_ack)(void *user, enum mr_rc rc, enum mr_level reached, uint64_t offset);
    void *user;
};

static size_t padded(size_t len)
{
    return (len + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

enum mr_rc realtime_new(struct mr_bus *b)
{
    uint32_t slots = SLOTS_LEAST;
    while (slots < SLOTS_MOST && (size_t)slots * SLOT_BYTES * SHARE < b->settings.max_bytes)
        slots *= 2;
    size_t size = (size_t)slots * (SLOT_BYTES + SLOT_BYTES / 2 + 2 * sizeof(uint64_t));
    if (!budget_take(&b->budget, size))
        return MR_NO_MEMORY;
    struct mpsc *queue;
    enum mr_rc rc = mpsc_new(&queue, SLOT_BYTES, slots);
    uint8_t *buf = rc ? NULL : mem_alloc(mpsc_max_record(queue));
    if (!buf) {
        if (!rc)
            mpsc_free(queue);
        budget_give(&b->budget, size);
        return MR_NO_MEMORY;
    }
    b->rt = queue;
    b->rt_buf = buf;
    b->rt_size = size;
    b->rt_next_ns = b->settings.rt_poll_us ? 0 : INT64_MAX;
    return MR_OK;
}

void realtime_free(struct mr_bus *b)
{
    if (!b->rt)
        return;
    mpsc_free(b->rt);
    mem_free(b->rt_buf);
    budget_give(&b->budget, b->rt_size);
    b->rt = NULL;
}

/* -- pushing: any thread -- */
static size_t bytes_of(const struct mr_value *v)
{
    return value_has_bytes(v->type) ? v->len : 0;
}

static void fill_padded(struct mr_bus *b, struct mpsc_claim *claim, const void *data, size_t len)
{
    static const uint8_t zeros[ALIGN] = {0};
    mpsc_fill(b->rt, claim, data, len);
    mpsc_fill(b->rt, claim, zeros, padded(len) - len);
}

static enum mr_rc claim_job(struct mr_bus *b, const struct job *job, size_t len, struct mpsc_claim *ret)
{
    enum mr_rc rc = mpsc_claim(b->rt, sizeof *job + len, ret);
    if (rc == MR_WOULD_BLOCK)
        return agent_no_room(b);
    if (rc)
        return reason_set(rc, "too many bytes for one real-time call");
    mpsc_fill(b->rt, ret, job, sizeof *job);
    return MR_OK;
}

/* The SDK's thread looks by itself with rt_poll_us; without, it has to be told. */
static void finish_job(struct mr_bus *b, const struct mpsc_claim *claim)
{
    mpsc_finish(b->rt, claim);
    if (!b->settings.rt_poll_us)
        poller_wake(&b->poller);
}

static size_t values_size(const struct mr_value *v, size_t n)
{
    size_t size = n * sizeof *v;
    for (size_t i = 0; i < n; i++)
        size += padded(bytes_of(&v[i]));
    return size;
}

static void fill_values(struct mr_bus *b, struct mpsc_claim *claim, const struct mr_value *v, size_t n)
{
    mpsc_fill(b->rt, claim, v, n * sizeof *v);
    for (size_t i = 0; i < n; i++)
        if (bytes_of(&v[i]))
            fill_padded(b, claim, v[i].as.ptr, bytes_of(&v[i]));
}

enum mr_rc realtime_publish(struct mr_bus *b, const struct mr_pub *pub)
{
    enum mr_rc rc = topic_check_text(pub->topic, false);
    if (!rc && !b->settings.rt_poll_us)
        rc = topic_denied(b, pub->topic);
    if (rc)
        return rc;
    const struct job job = {.kind = JOB_PUBLISH,
                            .n = 1,
                            .status = pub->status,
                            .flags = pub->flags,
                            .expiry_ms = pub->expiry_ms,
                            .level = pub->level,
                            .source_us = pub->source_us,
                            .on_ack = pub->on_ack,
                            .user = pub->user};
    struct mpsc_claim claim;
    size_t topic_size = strlen(pub->topic) + 1;
    rc = claim_job(b, &job, values_size(&pub->value, 1) + topic_size, &claim);
    if (rc)
        return rc;
    fill_values(b, &claim, &pub->value, 1);
    mpsc_fill(b->rt, &claim, pub->topic, topic_size);
    finish_job(b, &claim);
    return MR_OK;
}

enum mr_rc realtime_tag(struct mr_tag *tag, const struct mr_value *v, uint32_t status, int64_t source_us)
{
    struct mr_bus *b = tag->bus;
    const struct job job = {.kind = JOB_TAG, .n = v ? 1 : 0, .status = status, .source_us = source_us, .tag = tag};
    struct mpsc_claim claim;
    enum mr_rc rc = claim_job(b, &job, values_size(v, job.n), &claim);
    if (rc)
        return rc;
    if (v)
        fill_values(b, &claim, v, 1);
    finish_job(b, &claim);
    return MR_OK;
}

enum mr_rc realtime_row(struct mr_tag *const *tags, const struct mr_value *v, size_t n, int64_t source_us)
{
    struct mr_bus *b = tags[0]->bus;
    const struct job job = {.kind = JOB_ROW, .n = (uint32_t)n, .source_us = source_us};
    struct mpsc_claim claim;
    enum mr_rc rc = claim_job(b, &job, values_size(v, n) + n * sizeof *tags, &claim);
    if (rc)
        return rc;
    fill_values(b, &claim, v, n);
    mpsc_fill(b->rt, &claim, tags, n * sizeof *tags);
    finish_job(b, &claim);
    return MR_OK;
}

/* -- doing: the handle's thread -- */

/* Points the values to their bytes again; returns what follows them. */
static uint8_t *take_values(uint8_t *at, struct mr_value *v, size_t n)
{
    uint8_t *bytes = at + n * sizeof *v;
    for (size_t i = 0; i < n; i++) {
        if (value_has_bytes(v[i].type)) {
            v[i].as.ptr = bytes;
            bytes += padded(v[i].len);
        }
    }
    return bytes;
}

static enum mr_rc do_publish(struct mr_bus *b, const struct job *job, const struct mr_value *v, const uint8_t *rest)
{
    const struct mr_pub pub = {.size = sizeof pub,
                               .topic = (const char *)rest,
                               .value = *v,
                               .status = job->status,
                               .flags = job->flags,
                               .expiry_ms = job->expiry_ms,
                               .source_us = job->source_us,
                               .level = job->level,
                               .on_ack = job->on_ack,
                               .user = job->user};
    return publish_now(b, &pub, NULL, NULL, NULL);
}

/* What was taken with MR_OK and cannot be done after all. */
static void refuse_job(struct mr_bus *b, const struct job *job, enum mr_rc rc)
{
    b->stats.refused += job->n ? job->n : 1;
    if (!job->on_ack)
        return;
    struct ack *ack = ack_new(b, NULL);
    if (!ack)
        return;
    ack->fn = job->on_ack;
    ack->user = job->user;
    ack_resolve(b, ack, rc);
}

static void do_job(struct mr_bus *b, uint8_t *data)
{
    const struct job *job = (const void *)data;
    struct mr_value *v = (void *)(data + sizeof *job);
    const uint8_t *rest = take_values((uint8_t *)v, v, job->n);
    enum mr_rc rc;
    if (job->kind == JOB_PUBLISH)
        rc = do_publish(b, job, v, rest);
    else if (job->kind == JOB_TAG)
        rc = tag_write_now(job->tag, job->n ? v : NULL, job->status, job->source_us);
    else
        rc = tag_write_row_now((struct mr_tag *const *)(const void *)rest, v, job->n, job->source_us);
    if (rc)
        refuse_job(b, job, rc);
}

static bool has_room(const struct mr_bus *b)
{
    size_t most = 2 * mpsc_max_record(b->rt);
    if (list_is_empty(&b->outbox.queue))
        return true;
    return outbox_has_room(b, most) && budget_used(&b->budget) + most <= b->budget.max;
}

bool realtime_can_drain(const struct mr_bus *b)
{
    return b->rt && !mpsc_is_empty(b->rt) && has_room(b);
}

void realtime_drain(struct mr_bus *b, int64_t now_ns)
{
    size_t len;
    if (!b->rt)
        return;
    if (b->settings.rt_poll_us)
        b->rt_next_ns = now_ns + b->settings.rt_poll_us * NS_PER_US;
    while (has_room(b) && mpsc_take(b->rt, b->rt_buf, mpsc_max_record(b->rt), &len) == MR_OK)
        do_job(b, b->rt_buf);
}
