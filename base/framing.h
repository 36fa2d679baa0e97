/* framing.h - length-prefixed frames on a byte stream: u32 little-endian length, then that many bytes; pure, no I/O. */
#ifndef BASE_FRAMING_H
#define BASE_FRAMING_H
#include "base/rc.h"
#include <stddef.h>
#include <stdint.h>

#define FRAMING_PREFIX_BYTES 4U
#define FRAMING_READ_BYTES 65536U /* what one read is offered at least, unless the reader was made smaller */

/* Reassembles frames from whatever pieces a socket gives. Put one into each connection; the fields are private. */
struct framing_reader {
    uint8_t *buffer;
    size_t capacity;
    size_t begin; /* first byte not yet delivered */
    size_t end;   /* one past the last byte received */
    size_t max_frame;
};

/* Prepares a reader for frames of 1 to max_frame bytes (max_frame at least 1). Allocates nothing; cannot fail. */
void framing_init(struct framing_reader *reader, size_t max_frame);

/* Frees the buffer. Frames delivered are gone with it. */
void framing_fini(struct framing_reader *reader);

/* Where the next read may write and how much. Every frame borrowed from framing_next() ends here.
 * MR_NO_MEMORY: nothing changed, ask again later. */
MUST enum mr_rc framing_space(struct framing_reader *reader, uint8_t **ret_space, size_t *ret_len);

/* len bytes (at most what framing_space offered) were written to the space. */
void framing_fed(struct framing_reader *reader, size_t len);

/* Takes the next whole frame. *ret_data is borrowed until the next framing_space() or framing_fini().
 * MR_WOULD_BLOCK: no whole frame yet. MR_TOO_BIG: the prefix announces more than max_frame, MR_INVALID: it announces
 * an empty frame; the stream is lost after either: close it, every further call answers the same. */
MUST enum mr_rc framing_next(struct framing_reader *reader, const uint8_t **ret_data, size_t *ret_len);

/* Bytes received and not delivered: 0 means the stream may end here without cutting a frame. */
size_t framing_pending(const struct framing_reader *reader);

/* Writes the prefix of a frame of len bytes (at most UINT32_MAX). */
void framing_put_prefix(uint8_t ret_prefix[FRAMING_PREFIX_BYTES], size_t len);
#endif
