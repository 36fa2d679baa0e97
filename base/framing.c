/* framing.c - reassembly of length-prefixed frames in one growing buffer. */
#include "base/framing.h"
#include "base/mem.h"
#include <assert.h>
#include <string.h>

void framing_init(struct framing_reader *reader, size_t max_frame)
{
    assert(max_frame > 0 && max_frame <= UINT32_MAX);
    *reader = (struct framing_reader){.max_frame = max_frame};
}

void framing_fini(struct framing_reader *reader)
{
    mem_free(reader->buffer);
    framing_init(reader, reader->max_frame);
}

size_t framing_pending(const struct framing_reader *reader)
{
    return reader->end - reader->begin;
}

static size_t announced(const uint8_t *prefix)
{
    return (size_t)prefix[0] | (size_t)prefix[1] << 8 | (size_t)prefix[2] << 16 | (size_t)prefix[3] << 24;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Bytes the buffer must hold so that the frame begun in it can be completed. */
static size_t wanted_capacity(const struct framing_reader *reader)
{
    size_t largest = FRAMING_PREFIX_BYTES + reader->max_frame;
    size_t wanted = smaller(FRAMING_READ_BYTES, largest);
    if (framing_pending(reader) >= FRAMING_PREFIX_BYTES) {
        size_t whole = FRAMING_PREFIX_BYTES + announced(reader->buffer + reader->begin);
        if (whole > wanted)
            wanted = smaller(whole, largest);
    }
    return wanted;
}

/* Moves what is pending to the front: at most one cut frame, since whole ones were taken before. */
static void compact(struct framing_reader *reader)
{
    if (reader->begin == 0)
        return;
    memmove(reader->buffer, reader->buffer + reader->begin, framing_pending(reader));
    reader->end -= reader->begin;
    reader->begin = 0;
}

enum mr_rc framing_space(struct framing_reader *reader, uint8_t **ret_space, size_t *ret_len)
{
    size_t wanted = wanted_capacity(reader);
    if (wanted > reader->capacity) {
        uint8_t *larger = mem_resize(reader->buffer, wanted);
        if (!larger)
            return MR_NO_MEMORY;
        reader->buffer = larger;
        reader->capacity = wanted;
    }
    compact(reader);
    *ret_space = reader->buffer + reader->end;
    *ret_len = smaller(reader->capacity - reader->end, FRAMING_READ_BYTES);
    return MR_OK;
}

void framing_fed(struct framing_reader *reader, size_t len)
{
    assert(len <= reader->capacity - reader->end);
    reader->end += len;
}

enum mr_rc framing_next(struct framing_reader *reader, const uint8_t **ret_data, size_t *ret_len)
{
    size_t pending = framing_pending(reader);
    if (pending < FRAMING_PREFIX_BYTES)
        return MR_WOULD_BLOCK;
    const uint8_t *frame = reader->buffer + reader->begin;
    size_t len = announced(frame);
    if (len == 0)
        return MR_INVALID;
    if (len > reader->max_frame)
        return MR_TOO_BIG;
    if (pending - FRAMING_PREFIX_BYTES < len)
        return MR_WOULD_BLOCK;
    reader->begin += FRAMING_PREFIX_BYTES + len;
    *ret_data = frame + FRAMING_PREFIX_BYTES;
    *ret_len = len;
    return MR_OK;
}

void framing_put_prefix(uint8_t ret_prefix[FRAMING_PREFIX_BYTES], size_t len)
{
    assert(len <= UINT32_MAX);
    for (unsigned i = 0; i < FRAMING_PREFIX_BYTES; i++)
        ret_prefix[i] = (uint8_t)(len >> (8 * i));
}
