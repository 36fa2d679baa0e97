/* fuzz_trie.c - a history of adds, removes and matches from bytes, compared with the plain list of what was added.
 * Each step: an operation and a subscriber in one byte, then a text up to the next NUL. */
#include <stdlib.h>
#include <string.h>

#include "proto/topic.h"
#include "proto/trie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { MAX_PAIRS = 64, SUBSCRIBERS = 64, MAX_BYTES = 32 << 10 };

struct pair {
    const char *filter; /* in the input */
    size_t len;
    uint32_t subscriber;
    unsigned count; /* 0: a free place */
};

static void expect(bool holds)
{
    if (!holds)
        abort();
}

static struct pair *find(struct pair *pairs, const char *filter, size_t len, uint32_t subscriber)
{
    for (size_t i = 0; i < MAX_PAIRS; i++) {
        struct pair *p = &pairs[i];
        if (p->count > 0 && p->subscriber == subscriber && p->len == len && memcmp(p->filter, filter, len) == 0)
            return p;
    }
    return NULL;
}

static struct pair *find_free(struct pair *pairs)
{
    size_t i = 0;
    while (i < MAX_PAIRS && pairs[i].count > 0)
        i++;
    return i < MAX_PAIRS ? &pairs[i] : NULL;
}

static void add(struct trie *trie, struct pair *pairs, const char *text, size_t len, uint32_t subscriber)
{
    struct pair *pair = find(pairs, text, len, subscriber);
    bool is_new = !pair;
    if (is_new)
        pair = find_free(pairs);
    enum mr_rc rc = trie_add(trie, text, len, subscriber);
    expect((rc == MR_INVALID) == (topic_check(text, len, TOPIC_FILTER) != TOPIC_FINE));
    expect(pair || rc != MR_OK); /* max_entries holds */
    if (rc != MR_OK)
        return;
    if (is_new)
        *pair = (struct pair){.filter = text, .len = len, .subscriber = subscriber};
    pair->count++;
}

static void take(struct trie *trie, struct pair *pairs, const char *text, size_t len, uint32_t subscriber)
{
    struct pair *pair = find(pairs, text, len, subscriber);
    expect(trie_remove(trie, text, len, subscriber) == (pair ? MR_OK : MR_NOT_FOUND));
    if (pair)
        pair->count--;
}

static void compare(const struct trie *trie, const struct pair *pairs, const char *topic, size_t len)
{
    uint32_t out[MAX_PAIRS];
    size_t n;
    expect(trie_collect(trie, topic, len, out, MAX_PAIRS, &n) == MR_OK);
    if (topic_check(topic, len, TOPIC_FULL) != TOPIC_FINE)
        return;
    uint64_t expected = 0;
    for (size_t i = 0; i < MAX_PAIRS; i++) {
        if (pairs[i].count > 0 && filter_match(pairs[i].filter, pairs[i].len, topic, len))
            expected |= UINT64_C(1) << pairs[i].subscriber;
    }
    uint64_t found = 0;
    for (size_t i = 0; i < n; i++)
        found |= UINT64_C(1) << out[i];
    expect(found == expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct trie_limits limits = {.max_entries = MAX_PAIRS, .max_bytes = MAX_BYTES};
    const struct hash_key seed = {len, 0};
    struct pair pairs[MAX_PAIRS] = {{.count = 0}};
    struct trie *trie;
    if (trie_new(&limits, &seed, &trie) != MR_OK)
        return 0;
    while (len > 1) {
        unsigned operation = data[0] / SUBSCRIBERS;
        uint32_t subscriber = data[0] % SUBSCRIBERS;
        const char *text = (const char *)data + 1;
        size_t n = strnlen(text, len - 1);
        if (operation == 0)
            add(trie, pairs, text, n, subscriber);
        else if (operation == 1)
            take(trie, pairs, text, n, subscriber);
        else
            compare(trie, pairs, text, n);
        expect(trie_bytes(trie) <= MAX_BYTES);
        size_t used = n + 1 < len - 1 ? n + 2 : len;
        data += used;
        len -= used;
    }
    trie_free(trie);
    return 0;
}
