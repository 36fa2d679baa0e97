/* bench_batch.c - what one record costs in the batch codec: ns to write, to read, to write and read a typed body.
 * Prints the best of several rounds; run it on a quiet machine. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "proto/batch.h"
#include "proto/limits.h"

enum { ROUNDS = 200, FRAMES = 20 };

static const struct batch_head head = {
    .birth = 0x123456789abcdef0,
    .link = 3,
    .publisher = 12,
    .base_us = 1700000000000000,
    .agent_us = 1700000000000250,
    .broker_us = MR_NO_TIME,
    .clock = CLOCK_SYNCED,
    .first_seq = 1,
};

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Fills one frame; returns its records. */
static uint32_t fill(uint8_t *frame, size_t *ret_len, const uint8_t *body, uint32_t body_len)
{
    struct record record = {.body = body, .body_len = body_len, .seq = 1000};
    struct batch_writer w;
    uint32_t n = 0;

    batch_writer_init(&w, frame, BATCH_MAX_BYTES);
    do {
        record.topic = 200 + n % 100;
        record.source_us = head.base_us + n * 10;
        record.seq++;
        n++;
    } while (!batch_write(&w, &head, &record));
    batch_writer_close(&w, ret_len);
    return n - 1;
}

/* Reads one frame; returns something that depends on every record. */
static uint64_t drain(const uint8_t *frame, size_t len)
{
    struct batches_reader frames;
    struct batch_reader batch;
    struct record record;
    uint64_t sum = 0;

    batches_read_init(&frames, frame + FRAME_HEAD_BYTES, len - FRAME_HEAD_BYTES);
    while (!batches_next(&frames, &batch)) {
        while (!batch_next(&batch, &record))
            sum += record.topic + record.seq + (uint64_t)record.source_us + record.body[0] + record.body_len;
    }
    return sum;
}

static double best(double now, double before)
{
    return before == 0 || now < before ? now : before;
}

static void bench_records(const char *name, const uint8_t *body, uint32_t body_len)
{
    static uint8_t frame[BATCH_MAX_BYTES];
    double write_ns = 0, read_ns = 0;
    uint64_t sum = 0;
    size_t len = 0;
    uint32_t n = 0;

    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns();
        for (int i = 0; i < FRAMES; i++)
            n = fill(frame, &len, body, body_len);
        double written = now_ns();
        for (int i = 0; i < FRAMES; i++)
            sum += drain(frame, len);
        double read = now_ns();

        write_ns = best((written - start) / FRAMES / n, write_ns);
        read_ns = best((read - written) / FRAMES / n, read_ns);
    }
    printf("%-24s %4" PRIu32 " B body  %5" PRIu32 " records/frame  write %5.1f ns  read %5.1f ns  (%" PRIx64 ")\n",
           name, body_len, n, write_ns, read_ns, sum & 0xffff);
}

static void bench_body(const char *name, uint32_t status, const struct mr_value *value)
{
    enum { TURNS = 1000 };
    uint8_t bytes[256];
    double write_ns = 0, read_ns = 0, check_ns = 0;
    struct buf scratch;
    struct body body;
    uint64_t sum = 0;

    buf_init(&scratch, VALUE_MAX_BYTES);
    for (int round = 0; round < ROUNDS; round++) {
        size_t len = 0;
        double start = now_ns();
        for (int i = 0; i < TURNS; i++)
            sum += len = body_write(bytes, status + (uint32_t)i % 2, value);
        double written = now_ns();
        for (int i = 0; i < TURNS; i++)
            sum += body_read(bytes, len, &body, &scratch) + body.status;
        double read = now_ns();
        for (int i = 0; i < TURNS; i++)
            sum += body_check(bytes, len);
        double checked = now_ns();

        write_ns = best((written - start) / TURNS, write_ns);
        read_ns = best((read - written) / TURNS, read_ns);
        check_ns = best((checked - read) / TURNS, check_ns);
    }
    printf("%-24s write %5.1f ns  read %5.1f ns  check %5.1f ns  (%" PRIx64 ")\n", name, write_ns, read_ns, check_ns,
           sum & 0xffff);
    buf_fini(&scratch);
}

int main(void)
{
    struct mr_value f64 = mr_f64(48.2);
    struct mr_value raw = {.type = MR_BYTES, .len = 100};
    uint8_t payload[100], body[128];

    memset(payload, 'x', sizeof payload);
    raw.as.ptr = payload;
    bench_records("record, f64", body, (uint32_t)body_write(body, 0, &f64));
    bench_records("record, 100 B payload", body, (uint32_t)body_write(body, 0, &raw));
    bench_body("body, f64", 0, &f64);
    bench_body("body, 100 B payload", 0, &raw);
    return 0;
}
