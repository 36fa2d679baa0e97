/* payload.h - what a history writer puts into a message: whose it is, the how manyth, when it was sent, and a hash of all. */
#ifndef HISTORY_PAYLOAD_H
#define HISTORY_PAYLOAD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PAYLOAD_LEAST = 48, PAYLOAD_MOST = 64 * 1024 };

struct payload {
    uint32_t writer; /* of the run, chosen by the script */
    uint32_t life;   /* which process of this writer, from 1 */
    uint64_t number; /* from 1 in each life; message number n is on topic (n - 1) % topics */
    int64_t sent_ns; /* CLOCK_MONOTONIC */
    int64_t source_us;
    uint64_t topic; /* payload_topic() of where it was published */
};

uint64_t payload_topic(const char *topic); /* of the full topic */

/* len bytes, PAYLOAD_LEAST to PAYLOAD_MOST, the hash over all of them included */
void payload_write(uint8_t *out, size_t len, const struct payload *p);
/* false: not bytes of payload_write(), or not all of them as they were */
bool payload_read(const void *data, size_t len, struct payload *ret);
#endif
