/* test_trie.c - the filter trie: counting, limits, failed allocations, and a random history against linear matching. */
#include "proto/trie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rand.h"
#include "proto/topic.h"

enum { MAX_OUT = 256 };

static const struct hash_key SEED = {1, 2};
static const struct trie_limits ROOMY = {.max_entries = 100000, .max_bytes = 16 << 20};

static struct trie *new_trie(void)
{
    struct trie *trie;
    assert_int_equal(trie_new(&ROOMY, &SEED, &trie), MR_OK);
    return trie;
}

static enum mr_rc add(struct trie *trie, const char *filter, uint32_t subscriber)
{
    return trie_add(trie, filter, strlen(filter), subscriber);
}

static enum mr_rc take(struct trie *trie, const char *filter, uint32_t subscriber)
{
    return trie_remove(trie, filter, strlen(filter), subscriber);
}

/* The subscribers of a topic as text: "1 3 7". */
static const char *who(const struct trie *trie, const char *topic)
{
    static char text[1024];
    uint32_t out[MAX_OUT];
    size_t n;
    assert_int_equal(trie_collect(trie, topic, strlen(topic), out, MAX_OUT, &n), MR_OK);
    text[0] = '\0';
    for (size_t i = 0; i < n; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), i ? " %u" : "%u", out[i]);
    return text;
}

static void an_empty_trie_matches_nothing(void **state)
{
    (void)state;
    struct trie *trie = new_trie();
    assert_string_equal(who(trie, "a/b"), "");
    assert_string_equal(who(trie, "$sys"), "");
    assert_string_equal(who(trie, ""), "");
    assert_false(trie_matches_any(trie, "a", 1));
    assert_int_equal(trie_epoch(trie), 1);
    assert_int_equal(take(trie, "a", 1), MR_NOT_FOUND);
    assert_int_equal(take(trie, "+/b", 1), MR_NOT_FOUND);
    trie_free(trie);
    trie_free(NULL);
}

static void filters_find_their_topics(void **state)
{
    (void)state;
    struct trie *trie = new_trie();
    static const char *const filters[] = {"a/b", "a/+", "a/#", "#", "+/b", "+/+/c", "$sys/#", "+/#", "a/b/c/#"};
    for (uint32_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
        assert_int_equal(add(trie, filters[i], i), MR_OK);
    assert_string_equal(who(trie, "a/b"), "0 1 2 3 4 7");
    assert_string_equal(who(trie, "a"), "2 3 7");
    assert_string_equal(who(trie, "a/b/c"), "2 3 5 7 8");
    assert_string_equal(who(trie, "a/b/c/d/e"), "2 3 7 8");
    assert_string_equal(who(trie, "$sys"), "6");
    assert_string_equal(who(trie, "$sys/b/c"), "6");
    assert_string_equal(who(trie, "x"), "3 7");
    assert_true(trie_matches_any(trie, "x", 1));
    trie_free(trie);
}

static void a_pair_is_counted_and_reported_once(void **state)
{
    (void)state;
    static const char *const filters[] = {"a/b", "a/+"};
    for (size_t i = 0; i < 2; i++) {
        struct trie *trie = new_trie();
        assert_int_equal(add(trie, filters[i], 5), MR_OK);
        assert_int_equal(add(trie, filters[i], 5), MR_OK);
        assert_string_equal(who(trie, "a/b"), "5");
        assert_int_equal(trie_entries(trie), 1);
        assert_int_equal(take(trie, filters[i], 5), MR_OK);
        assert_string_equal(who(trie, "a/b"), "5");
        assert_int_equal(take(trie, filters[i], 5), MR_OK);
        assert_string_equal(who(trie, "a/b"), "");
        assert_int_equal(take(trie, filters[i], 5), MR_NOT_FOUND);
        trie_free(trie);
    }
}

static void the_epoch_changes_exactly_when_the_set_of_pairs_does(void **state)
{
    (void)state;
    struct trie *trie = new_trie();
    assert_int_equal(add(trie, "a/+", 5), MR_OK);
    assert_int_equal(trie_epoch(trie), 2);
    assert_int_equal(add(trie, "a/+", 5), MR_OK);
    assert_int_equal(take(trie, "a/+", 5), MR_OK);
    assert_int_equal(take(trie, "a/+", 6), MR_NOT_FOUND);
    assert_int_equal(add(trie, "a//b", 5), MR_INVALID);
    assert_int_equal(trie_epoch(trie), 2);
    assert_int_equal(take(trie, "a/+", 5), MR_OK);
    assert_int_equal(trie_epoch(trie), 3);
    trie_free(trie);
}

static void what_is_no_filter_is_refused(void **state)
{
    (void)state;
    struct trie *trie = new_trie();
    size_t before = trie_bytes(trie);
    assert_int_equal(add(trie, "", 1), MR_INVALID);
    assert_int_equal(add(trie, "a/#/b", 1), MR_INVALID);
    assert_int_equal(add(trie, "./a", 1), MR_INVALID);
    assert_int_equal(trie_bytes(trie), before);
    trie_free(trie);
}

static void a_removed_filter_gives_its_memory_back(void **state)
{
    (void)state;
    struct trie *trie = new_trie();
    size_t before = trie_bytes(trie);
    static const char *const filters[] = {"a/b/c", "a/+/c", "a/+/#", "#", "+/+/+/d"};
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 20; i++)
            assert_int_equal(add(trie, filters[i % 5], i), MR_OK);
        for (uint32_t i = 0; i < 20; i++)
            assert_int_equal(take(trie, filters[i % 5], i), MR_OK);
        assert_int_equal(trie_bytes(trie), before);
        assert_int_equal(trie_entries(trie), 0);
    }
    trie_free(trie);
}

static void the_limit_of_entries_holds_at_and_above(void **state)
{
    (void)state;
    struct trie_limits limits = {.max_entries = 2, .max_bytes = 1 << 20};
    struct trie *trie;
    assert_int_equal(trie_new(&limits, &SEED, &trie), MR_OK);
    assert_int_equal(add(trie, "a/+", 1), MR_OK);
    assert_int_equal(add(trie, "a/+", 2), MR_OK);
    assert_int_equal(add(trie, "a/+", 1), MR_OK); /* no new pair */
    size_t bytes = trie_bytes(trie);
    assert_int_equal(add(trie, "b/+/c", 3), MR_TOO_BIG);
    assert_int_equal(add(trie, "a/+", 3), MR_TOO_BIG);
    assert_int_equal(trie_bytes(trie), bytes);
    assert_string_equal(who(trie, "b/x/c"), "");
    assert_int_equal(take(trie, "a/+", 2), MR_OK);
    assert_int_equal(add(trie, "b/+/c", 3), MR_OK);
    trie_free(trie);
    limits.max_entries = 0;
    assert_int_equal(trie_new(&limits, &SEED, &trie), MR_OK);
    assert_int_equal(add(trie, "a", 1), MR_TOO_BIG);
    trie_free(trie);
}

static void the_limit_of_bytes_holds_and_leaves_the_trie_as_it_was(void **state)
{
    (void)state;
    struct trie_limits limits = {.max_entries = 100000, .max_bytes = 8192};
    struct trie *trie;
    assert_int_equal(trie_new(&limits, &SEED, &trie), MR_OK);
    uint32_t n = 0;
    enum mr_rc rc = MR_OK;
    for (; rc == MR_OK; n++) {
        char filter[32];
        snprintf(filter, sizeof filter, "a/%u/+", n);
        rc = add(trie, filter, n);
        assert_true(trie_bytes(trie) <= limits.max_bytes);
    }
    assert_int_equal(rc, MR_TOO_BIG);
    assert_int_equal(trie_entries(trie), n - 1);
    assert_string_equal(who(trie, "a/0/x"), "0");
    assert_int_equal(take(trie, "a/0/+", 0), MR_OK);
    assert_int_equal(add(trie, "a/0/+", 0), MR_OK);
    trie_free(trie);
    limits.max_bytes = 0;
    assert_int_equal(trie_new(&limits, &SEED, &trie), MR_TOO_BIG);
}

static void collecting_into_too_little_room_is_refused(void **state)
{
    (void)state;
    struct trie *trie = new_trie();
    uint32_t out[2];
    size_t n = 7;
    assert_int_equal(add(trie, "a", 1), MR_OK);
    assert_int_equal(add(trie, "#", 1), MR_OK);
    assert_int_equal(trie_collect(trie, "a", 1, out, 2, &n), MR_OK);
    assert_int_equal(n, 1);
    assert_int_equal(add(trie, "+", 2), MR_OK);
    n = 7;
    assert_int_equal(trie_collect(trie, "a", 1, out, 2, &n), MR_TOO_BIG);
    assert_int_equal(trie_collect(trie, "a", 1, out, 0, &n), MR_TOO_BIG);
    assert_int_equal(n, 7);
    trie_free(trie);
}

static bool stop_after_two(void *user, uint32_t subscriber)
{
    (void)subscriber;
    return ++*(unsigned *)user < 2;
}

static void a_callback_that_says_false_ends_the_walk(void **state)
{
    (void)state;
    struct trie *trie = new_trie();
    static const char *const filters[] = {"a/b", "a/+", "a/#", "#", "+/b"};
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(add(trie, filters[i], i), MR_OK);
    unsigned calls = 0;
    trie_match(trie, "a/b", 3, stop_after_two, &calls);
    assert_int_equal(calls, 2);
    trie_free(trie);
}

static void the_deepest_filters_and_deeper_texts_are_walked_safely(void **state)
{
    (void)state;
    struct trie *trie = new_trie();
    char filter[4 * TOPIC_MAX_LEVELS];
    for (size_t i = 0; i < sizeof filter; i++)
        filter[i] = i % 2 == 0 ? '+' : '/';
    size_t deepest = 2 * TOPIC_MAX_LEVELS - 1;
    assert_int_equal(trie_add(trie, filter, deepest, 1), MR_OK);
    filter[deepest - 1] = '#';
    assert_int_equal(trie_add(trie, filter, deepest, 2), MR_OK);
    for (size_t i = 0; i < sizeof filter; i += 2)
        filter[i] = 'x';
    uint32_t out[2];
    size_t n;
    assert_int_equal(trie_collect(trie, filter, deepest, out, 2, &n), MR_OK);
    assert_int_equal(n, 2);
    assert_int_equal(trie_collect(trie, filter, deepest - 2, out, 2, &n), MR_OK);
    assert_int_equal(n, 1);
    assert_int_equal(trie_collect(trie, filter, sizeof filter - 1, out, 2, &n), MR_OK);
    assert_int_equal(n, 1); /* '#' alone: no walk below the deepest level */
    trie_free(trie);
}

static void many_subscribers_of_one_filter_stay_sorted(void **state)
{
    (void)state;
    struct trie *trie = new_trie();
    for (uint32_t i = 0; i < MAX_OUT; i++)
        assert_int_equal(add(trie, "a/#", i * 37 % MAX_OUT), MR_OK);
    uint32_t out[MAX_OUT];
    size_t n;
    assert_int_equal(trie_collect(trie, "a/b", 3, out, MAX_OUT, &n), MR_OK);
    assert_int_equal(n, MAX_OUT);
    for (uint32_t i = 0; i < MAX_OUT; i++) {
        assert_int_equal(out[i], i);
        assert_int_equal(take(trie, "a/#", i), MR_OK);
    }
    assert_string_equal(who(trie, "a"), "");
    trie_free(trie);
}

static void a_failed_allocation_changes_nothing(void **state)
{
    (void)state;
    size_t outstanding = mem_outstanding();
    struct trie *trie = NULL;
    for (unsigned n = 1; !trie; n++) {
        mem_fail_at(n);
        enum mr_rc rc = trie_new(&ROOMY, &SEED, &trie);
        assert_int_equal(rc, mem_fail_off() ? MR_NO_MEMORY : MR_OK);
    }
    for (uint32_t i = 0; i < 100; i++) { /* enough for the table to grow and sets to grow twice */
        char filter[32];
        snprintf(filter, sizeof filter, i % 2 ? "a/+/%u/#" : "a/+/x", i);
        uint64_t epoch = trie_epoch(trie);
        enum mr_rc rc = MR_NO_MEMORY;
        for (unsigned n = 1; rc == MR_NO_MEMORY; n++) {
            mem_fail_at(n);
            rc = add(trie, filter, i);
            if (mem_fail_off()) {
                assert_int_equal(rc, MR_NO_MEMORY);
                assert_int_equal(trie_epoch(trie), epoch);
                assert_int_equal(trie_entries(trie), i);
            }
        }
        assert_int_equal(rc, MR_OK);
        assert_int_equal(trie_entries(trie), i + 1);
    }
    trie_free(trie);
    assert_int_equal(mem_outstanding(), outstanding);
}

/* A random history over few words, so that filters share much and come and go often, against a plain list of pairs. */
enum { PAIRS = 300, STEPS = 4000, LEVELS = 5, SEEDS = 10, FILTER_BYTES = 4 * LEVELS };

struct pair {
    char filter[FILTER_BYTES];
    size_t len;
    uint32_t subscriber;
    unsigned count;
};

static size_t random_levels(char *out, const char *const *words, size_t n_words, const struct rand_source *source)
{
    size_t len = 0;
    uint64_t levels = 1 + rand_below(source, LEVELS);
    for (uint64_t i = 0; i < levels; i++) {
        const char *word = words[rand_below(source, n_words)];
        len += (size_t)snprintf(out + len, FILTER_BYTES - len, i ? "/%s" : "%s", word);
        if (strcmp(word, "#") == 0)
            break;
    }
    return len;
}

static void random_filter(struct pair *pair, const struct rand_source *source)
{
    static const char *const words[] = {"a", "b", "ab", "$s", "+", "+", "#"};
    pair->len = random_levels(pair->filter, words, sizeof words / sizeof words[0], source);
    pair->subscriber = (uint32_t)rand_below(source, 40);
}

static struct pair *find_pair(struct pair *pairs, const struct pair *like)
{
    for (size_t i = 0; i < PAIRS; i++) {
        if (pairs[i].count > 0 && pairs[i].subscriber == like->subscriber && pairs[i].len == like->len &&
            memcmp(pairs[i].filter, like->filter, like->len) == 0)
            return &pairs[i];
    }
    return NULL;
}

static struct pair *free_pair(struct pair *pairs)
{
    for (size_t i = 0; i < PAIRS; i++) {
        if (pairs[i].count == 0)
            return &pairs[i];
    }
    return NULL;
}

static void random_add(struct trie *trie, struct pair *pairs, const struct rand_source *source)
{
    struct pair pair = {.count = 0};
    random_filter(&pair, source);
    struct pair *place = find_pair(pairs, &pair);
    if (!place) {
        place = free_pair(pairs);
        if (!place)
            return;
        *place = pair;
    }
    assert_int_equal(trie_add(trie, pair.filter, pair.len, pair.subscriber), MR_OK);
    place->count++;
}

static void random_remove(struct trie *trie, struct pair *pairs, const struct rand_source *source)
{
    struct pair *pair = &pairs[rand_below(source, PAIRS)];
    enum mr_rc expected = pair->count > 0 ? MR_OK : MR_NOT_FOUND;
    struct pair absent = {.count = 0};
    if (pair->count == 0) {
        random_filter(&absent, source);
        if (find_pair(pairs, &absent))
            return;
        pair = &absent;
    }
    assert_int_equal(trie_remove(trie, pair->filter, pair->len, pair->subscriber), expected);
    pair->count -= pair->count > 0;
}

static size_t linear_match(const struct pair *pairs, const char *topic, size_t len, bool found[40])
{
    size_t n = 0;
    for (size_t i = 0; i < PAIRS; i++) {
        if (pairs[i].count > 0 && filter_match(pairs[i].filter, pairs[i].len, topic, len)) {
            found[pairs[i].subscriber] = true;
            n++;
        }
    }
    return n;
}

static bool count_one(void *user, uint32_t subscriber)
{
    (void)subscriber;
    ++*(size_t *)user;
    return true;
}

static void compare_topic(const struct trie *trie, const struct pair *pairs, const struct rand_source *source,
                          uint64_t seed)
{
    static const char *const words[] = {"a", "b", "ab", "$s", "z"};
    char topic[FILTER_BYTES];
    size_t len = random_levels(topic, words, sizeof words / sizeof words[0], source);
    bool found[40] = {false};
    size_t expected = linear_match(pairs, topic, len, found);
    size_t pairs_found = 0;
    trie_match(trie, topic, len, count_one, &pairs_found);
    uint32_t out[PAIRS];
    size_t n;
    assert_int_equal(trie_collect(trie, topic, len, out, PAIRS, &n), MR_OK);
    for (size_t i = 0; i < n; i++) {
        if (!found[out[i]])
            fail_msg("seed %llu: %u should not match %s", (unsigned long long)seed, out[i], topic);
        found[out[i]] = false;
    }
    for (uint32_t i = 0; i < 40; i++) {
        if (found[i])
            fail_msg("seed %llu: %u should match %s", (unsigned long long)seed, i, topic);
    }
    if (pairs_found != expected || trie_matches_any(trie, topic, len) != (expected > 0))
        fail_msg("seed %llu: %zu pairs instead of %zu for %s", (unsigned long long)seed, pairs_found, expected, topic);
}

static void run_history(uint64_t seed)
{
    struct rand_seeded random;
    rand_seeded_init(&random, seed);
    static struct pair pairs[PAIRS];
    memset(pairs, 0, sizeof pairs);
    struct trie *trie = new_trie();
    size_t before = trie_bytes(trie);
    for (unsigned i = 0; i < STEPS; i++) {
        if (rand_below(&random.source, 100) < 55)
            random_add(trie, pairs, &random.source);
        else
            random_remove(trie, pairs, &random.source);
        compare_topic(trie, pairs, &random.source, seed);
    }
    for (size_t i = 0; i < PAIRS; i++) {
        while (pairs[i].count-- > 0)
            assert_int_equal(trie_remove(trie, pairs[i].filter, pairs[i].len, pairs[i].subscriber), MR_OK);
    }
    assert_int_equal(trie_entries(trie), 0);
    assert_true(trie_bytes(trie) < before + (64 << 10)); /* only the table stays as large as it was */
    trie_free(trie);
}

static void a_random_history_equals_linear_matching(void **state)
{
    (void)state;
    size_t outstanding = mem_outstanding();
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run_history(seed);
    assert_int_equal(mem_outstanding(), outstanding);
}

static void every_seed_of_the_hash_is_correct(void **state)
{
    (void)state;
    const struct hash_key seeds[] = {
        {0, 0}, {UINT64_MAX, UINT64_MAX}, {UINT64_C(0x9E3779B97F4A7C15), UINT64_C(0x9E3779B97F4A7C15)}};
    for (size_t i = 0; i < 3; i++) { /* the last one makes every hash collide */
        struct trie *trie;
        assert_int_equal(trie_new(&ROOMY, &seeds[i], &trie), MR_OK);
        assert_int_equal(add(trie, "machine/+/temperature", 1), MR_OK);
        assert_int_equal(add(trie, "machine/+/pressure", 2), MR_OK);
        assert_int_equal(add(trie, "machine/x/pressure", 3), MR_OK);
        assert_string_equal(who(trie, "machine/x/pressure"), "2 3");
        assert_string_equal(who(trie, "machine/x/temperature"), "1");
        assert_int_equal(take(trie, "machine/+/temperature", 1), MR_OK);
        assert_string_equal(who(trie, "machine/x/pressure"), "2 3");
        trie_free(trie);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_trie_matches_nothing),
        cmocka_unit_test(filters_find_their_topics),
        cmocka_unit_test(a_pair_is_counted_and_reported_once),
        cmocka_unit_test(the_epoch_changes_exactly_when_the_set_of_pairs_does),
        cmocka_unit_test(what_is_no_filter_is_refused),
        cmocka_unit_test(a_removed_filter_gives_its_memory_back),
        cmocka_unit_test(the_limit_of_entries_holds_at_and_above),
        cmocka_unit_test(the_limit_of_bytes_holds_and_leaves_the_trie_as_it_was),
        cmocka_unit_test(collecting_into_too_little_room_is_refused),
        cmocka_unit_test(a_callback_that_says_false_ends_the_walk),
        cmocka_unit_test(the_deepest_filters_and_deeper_texts_are_walked_safely),
        cmocka_unit_test(many_subscribers_of_one_filter_stay_sorted),
        cmocka_unit_test(a_failed_allocation_changes_nothing),
        cmocka_unit_test(a_random_history_equals_linear_matching),
        cmocka_unit_test(every_seed_of_the_hash_is_correct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
