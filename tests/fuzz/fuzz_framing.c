/* Framing: any bytes in any pieces give the same frames as the whole at once, and memory stays bounded. */
#include "base/framing.h"
#include <stdlib.h>
#include <string.h>

#define MAX_FRAME 300U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Feeds data in pieces of at most piece bytes; sums up what comes out in order. */
static uint64_t digest(const uint8_t *data, size_t len, size_t piece)
{
    struct framing_reader reader;
    uint64_t sum = 14695981039346656037U;
    enum mr_rc rc = MR_WOULD_BLOCK;
    framing_init(&reader, MAX_FRAME);
    for (size_t at = 0; at < len && rc == MR_WOULD_BLOCK;) {
        uint8_t *space;
        size_t room;
        const uint8_t *frame;
        size_t frame_len;
        if (framing_space(&reader, &space, &room) != MR_OK || room == 0)
            abort();
        size_t part = piece < room ? piece : room;
        part = part < len - at ? part : len - at;
        memcpy(space, data + at, part);
        framing_fed(&reader, part);
        at += part;
        while ((rc = framing_next(&reader, &frame, &frame_len)) == MR_OK) {
            if (frame_len == 0 || frame_len > MAX_FRAME)
                abort();
            for (size_t i = 0; i < frame_len; i++)
                sum = (sum ^ frame[i]) * 1099511628211U;
            sum += frame_len;
        }
    }
    framing_fini(&reader);
    return sum ^ (uint64_t)rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint64_t whole = digest(data, len, SIZE_MAX);
    if (digest(data, len, 1) != whole || digest(data, len, 3) != whole || digest(data, len, 1 + len / 2) != whole)
        abort();
    return 0;
}
