/* Key files: any text is refused or gives a pair whose file reads back the same. The check is mended first, so that what lies
 * behind it is reached. */
#include "base/io/keys.h"
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void parse(const char *text, size_t len)
{
    struct key_pair *pair = NULL;
    char fingerprint[KEYS_FINGERPRINT_SIZE];
    if (keys_parse(text, len, "fuzz", &pair, NULL) != MR_OK)
        return;
    keys_fingerprint(keys_public(pair), fingerprint);
    if (strlen(fingerprint) != KEYS_FINGERPRINT_SIZE - 1 || strlen(keys_name(pair)) > KEYS_NAME_MAX)
        abort();
    keys_free(pair);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char text[KEYS_FILE_MAX + 64];
    uint8_t hash[crypto_generichash_BYTES_MIN];
    if (len > KEYS_FILE_MAX || keys_init() != MR_OK)
        return 0;
    memcpy(text, data, len);
    parse(text, len);
    const char *check = len > 6 ? memmem(data, len, "\ncheck ", 7) : NULL;
    size_t body = check ? (size_t)(check - (const char *)data) + 1 : len;
    crypto_generichash(hash, sizeof hash, data, body, NULL, 0);
    int n = snprintf(text + body, sizeof text - body, "check ");
    for (int i = 0; i < 8; i++)
        n += snprintf(text + body + n, sizeof text - body - (size_t)n, "%02x", hash[i]);
    text[body + (size_t)n] = '\n';
    parse(text, body + (size_t)n + 1);
    return 0;
}
