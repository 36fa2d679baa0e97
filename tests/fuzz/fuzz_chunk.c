/* fuzz_chunk.c - any bytes as payloads of TRANSFER and CHUNK: what is accepted is within the limits and is written again the same,
 * and what a receiver keeps of it stays bounded. The first byte of each piece says which it is, the next its length / 2. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/transfers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void hold(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_chunk: %s\n", what);
    abort();
}

static void try_transfer(struct transfers *t, const uint8_t *payload, size_t len)
{
    uint8_t frame[TRANSFER_FRAME_MAX_BYTES];
    struct transfer got, again;
    size_t written;
    bool was_open;
    if (transfer_read(payload, len, &got))
        return;
    hold(got.total ? got.total > VALUE_MAX_BYTES && got.total <= TRANSFER_MAX_BYTES : got.cause != 0, "limits");
    if (transfer_write(frame, &got, &written) == MR_OK) { /* fields of newer versions may not fit */
        hold(transfer_read(frame + FRAME_HEAD_BYTES, written - FRAME_HEAD_BYTES, &again) == MR_OK, "read again");
        hold(again.id == got.id && again.total == got.total && again.cause == got.cause, "numbers differ");
        hold(again.record.seq == got.record.seq && again.value.value.type == got.value.value.type, "records differ");
    }
    if (got.total)
        (void)!transfers_begin(t, &got);
    else
        (void)!transfers_end(t, got.id, &was_open);
}

static void try_chunk(struct transfers *t, const uint8_t *payload, size_t len)
{
    uint8_t frame[CHUNK_FRAME_MAX_BYTES];
    struct chunk got, again;
    bool is_open;
    if (chunk_read(payload, len, &got))
        return;
    hold(got.len && got.len <= TRANSFER_CHUNK_BYTES && got.offset + got.len <= TRANSFER_MAX_BYTES, "limits");
    size_t written = chunk_write(frame, &got);
    hold(chunk_read(frame + FRAME_HEAD_BYTES, written - FRAME_HEAD_BYTES, &again) == MR_OK, "read again");
    hold(again.len == got.len && memcmp(again.data, got.data, got.len) == 0, "data differ");
    (void)!transfers_take(t, &got, &is_open);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct transfers t = {.open = NULL};
    while (len > 2) {
        size_t n = 2 * (size_t)data[1] < len - 2 ? 2 * (size_t)data[1] : len - 2;
        if (data[0] & 1)
            try_chunk(&t, data + 2, n);
        else
            try_transfer(&t, data + 2, n);
        hold(t.n <= TRANSFERS_PER_SESSION, "too many open");
        data += 2 + n;
        len -= 2 + n;
    }
    transfers_fini(&t);
    return 0;
}
