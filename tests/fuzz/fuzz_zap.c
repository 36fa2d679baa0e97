/* ZAP requests: any frames are refused or read within their bounds. Each frame is one length byte and that many bytes. */
#include "base/io/zap.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct zap_frame frames[ZAP_FRAMES + 2] = {{0}};
    struct zap_question question;
    size_t n = 0;
    for (size_t at = 0; at < len && n < ZAP_FRAMES + 2; n++) {
        size_t left = len - at - 1;
        frames[n] = (struct zap_frame){.data = data + at + 1, .len = data[at] < left ? data[at] : left};
        at += 1 + frames[n].len;
    }
    if (zap_parse(frames, n, &question) == MR_OK &&
        (n != ZAP_FRAMES || question.domain[0] == '\0' || memcmp(question.key, frames[6].data, ZAP_KEY_BYTES) != 0))
        abort();
    return 0;
}
