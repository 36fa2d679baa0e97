/* Z85: what is decoded encodes to the same text, and every key comes back. */
#include "base/io/keys.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char text[KEYS_Z85_SIZE + 8] = {0}, again[KEYS_Z85_SIZE];
    uint8_t key[KEYS_BYTES] = {0}, back[KEYS_BYTES];
    memcpy(text, data, len < sizeof text - 1 ? len : sizeof text - 1);
    if (keys_z85_decode(text, key) == MR_OK) {
        keys_z85_encode(key, again);
        if (strcmp(text, again) != 0)
            abort();
    }
    memcpy(key, data, len < sizeof key ? len : sizeof key);
    keys_z85_encode(key, again);
    if (keys_z85_decode(again, back) != MR_OK || memcmp(key, back, sizeof key) != 0)
        abort();
    return 0;
}
