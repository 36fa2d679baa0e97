/* fuzz_topic.c - any bytes as filter, topic and path: "text NUL text NUL text". What the grammar accepts must behave. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "proto/topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct piece {
    const char *text;
    size_t len;
};

/* Up to the next NUL; the last piece is what is left. */
static struct piece next_piece(const uint8_t **data, size_t *len)
{
    const uint8_t *zero = *len > 0 ? memchr(*data, 0, *len) : NULL;
    size_t n = zero ? (size_t)(zero - *data) : *len;
    struct piece piece = {(const char *)*data, n};
    *data += zero ? n + 1 : n;
    *len -= zero ? n + 1 : n;
    return piece;
}

static void expect(bool holds)
{
    if (!holds)
        abort();
}

static bool is_fine(struct piece p, unsigned allow)
{
    return topic_check(p.text, p.len, allow) == TOPIC_FINE;
}

static void check_one(struct piece p)
{
    bool is_topic = is_fine(p, TOPIC_FULL);
    bool is_filter = is_fine(p, TOPIC_FILTER);
    expect(!is_topic || is_filter);
    expect(!is_topic || !filter_has_wildcard(p.text, p.len));
    if (!is_filter)
        return;
    expect(text_is_utf8(p.text, p.len));
    expect(topic_levels(p.text, p.len) <= TOPIC_MAX_LEVELS);
    expect(filter_covers(p.text, p.len, p.text, p.len));
    expect(filter_overlaps(p.text, p.len, p.text, p.len));
}

static void check_two(struct piece a, struct piece b)
{
    bool covers = filter_covers(a.text, a.len, b.text, b.len);
    bool overlaps = filter_overlaps(a.text, a.len, b.text, b.len);
    bool swapped = filter_overlaps(b.text, b.len, a.text, a.len);
    bool matches = filter_match(a.text, a.len, b.text, b.len);
    if (!is_fine(a, TOPIC_FILTER) || !is_fine(b, TOPIC_FILTER))
        return;
    expect(overlaps == swapped);
    expect(!covers || overlaps);
    if (is_fine(b, TOPIC_FULL)) /* a topic is a filter for itself alone: the three questions become one */
        expect(matches == covers && matches == overlaps);
}

static void check_expand(struct piece text, struct piece path)
{
    char out[TOPIC_MAX_BYTES + 1];
    size_t n;
    if (topic_expand(text.text, text.len, path.text, path.len, out, &n) != MR_OK)
        return;
    expect(n <= TOPIC_MAX_BYTES && out[n] == '\0');
    if (is_fine(text, TOPIC_FULL))
        expect(n == text.len && memcmp(out, text.text, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    topic_check((const char *)data, len, TOPIC_RELATIVE | TOPIC_FILTER); /* with its NULs */
    struct piece a = next_piece(&data, &len);
    struct piece b = next_piece(&data, &len);
    struct piece path = next_piece(&data, &len);
    check_one(a);
    check_one(b);
    check_two(a, b);
    check_expand(a, path);
    return 0;
}
