/* fuzz_batch.c - any bytes as the payload of a BATCHES frame: what our reader accepts protobuf-c accepts with the same
 * meaning, and our writer takes every record read and writes what both read back the same. */
#include <stdio.h>

#include "tests/support/reference_batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_batch: %s\n", what);
    abort();
}

static bool same_record(const struct record *a, const struct record *b)
{
    return a->topic == b->topic && a->flags == b->flags && a->seq == b->seq && a->source_us == b->source_us &&
           a->body_len == b->body_len && memcmp(a->body, b->body, a->body_len) == 0 && a->call.id == b->call.id &&
           a->call.reply_topic == b->call.reply_topic && a->call.wait_ms == b->call.wait_ms &&
           a->call.rc == b->call.rc && a->call.reason_len == b->call.reason_len;
}

static bool same_head(const struct batch_head *a, const struct batch_head *b)
{
    return a->birth == b->birth && a->base_us == b->base_us && a->agent_us == b->agent_us &&
           a->broker_us == b->broker_us && a->link == b->link && a->publisher == b->publisher &&
           a->interest == b->interest && a->clock == b->clock;
}

/* All records of a payload that is known to be fine, one after the other; false at the end. */
struct walk {
    struct batches_reader frame;
    struct batch_reader batch;
};

static bool walk_next(struct walk *w, struct record *ret)
{
    for (;;) {
        if (batch_next(&w->batch, ret) == MR_OK)
            return true;
        if (batches_next(&w->frame, &w->batch) != MR_OK)
            return false;
    }
}

static void walk_start(struct walk *w, const uint8_t *payload, size_t len)
{
    *w = (struct walk){0};
    batches_read_init(&w->frame, payload, len);
}

/* Writes every record again and returns the length of the frame. */
static size_t write_again(uint8_t *frame, size_t max, const uint8_t *payload, size_t len)
{
    struct batch_writer writer;
    struct record record;
    struct walk walk;
    size_t written;

    batch_writer_init(&writer, frame, max);
    walk_start(&walk, payload, len);
    while (walk_next(&walk, &record))
        require(batch_write(&writer, &walk.batch.head, &record) == MR_OK, "the writer refuses what was read");
    batch_writer_close(&writer, &written);
    return written;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct walk first, second;
    struct record a, b;

    if (!reference_accepts(data, len))
        return 0;

    const char *differs = reference_compare(data, len);
    require(!differs, differs);

    size_t max = FRAME_HEAD_BYTES + 4 * len + 4096; /* padded lengths, and skips that become heads */
    uint8_t *frame = malloc(max);
    require(frame != NULL, "no memory");
    size_t written = write_again(frame, max, data, len) - FRAME_HEAD_BYTES;
    const uint8_t *again = frame + FRAME_HEAD_BYTES;

    require(reference_accepts(again, written), "our reader refuses what we wrote");
    differs = reference_compare(again, written);
    require(!differs, differs);
    walk_start(&first, data, len);
    walk_start(&second, again, written);
    while (walk_next(&first, &a)) {
        require(walk_next(&second, &b), "a record is missing");
        require(same_record(&a, &b) && same_head(&first.batch.head, &second.batch.head), "a record differs");
    }
    require(!walk_next(&second, &b), "a record too many");
    free(frame);
    return 0;
}
