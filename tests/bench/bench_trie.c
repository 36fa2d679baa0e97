/* bench_trie.c - time of one trie_match among 100,000 filters of which 11 % have wildcards: over a few topics again and
 * again (hot) and over many different ones (cold). Prints the median of several rounds. Goals: DESIGN §14. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rand.h"
#include "proto/trie.h"

enum {
    FILTERS = 100000,
    WILDCARD_PERCENT = 11,
    HOT_TOPICS = 1024,
    COLD_TOPICS = 200000,
    HOT_REPEATS = 200,
    ROUNDS = 9,
    NAME_BYTES = 128,
    LINES = 20,
    MACHINES = 50, /* per line */
    TAGS = 200,    /* per machine: 200,000 topics in all */
};

struct name {
    char text[NAME_BYTES];
    size_t len;
};

static void set_name(struct name *name, const char *line, const char *machine, const char *tag)
{
    name->len = (size_t)snprintf(name->text, NAME_BYTES, "acme/lyon/press-shop/%s/%s/%s", line, machine, tag);
}

static void set_topic(struct name *name, unsigned number)
{
    char line[16];
    char machine[16];
    char tag[16];
    snprintf(tag, sizeof tag, "axis/x%u", number % TAGS);
    snprintf(machine, sizeof machine, "press-%02u", number / TAGS % MACHINES);
    snprintf(line, sizeof line, "line%u", number / TAGS / MACHINES % LINES);
    set_name(name, line, machine, tag);
}

/* What dashboards, historians and maintenance ask for: one tag of all machines of a line, a part of one machine, … */
static void set_wildcard(struct name *name, unsigned number, const struct rand_source *source)
{
    char line[16];
    char machine[16];
    char tag[16];
    snprintf(line, sizeof line, "line%u", (unsigned)rand_below(source, LINES));
    snprintf(machine, sizeof machine, "press-%02u", (unsigned)rand_below(source, MACHINES));
    snprintf(tag, sizeof tag, "axis/x%u", number); /* mostly one that nobody publishes: few matches, full walks */
    switch (rand_below(source, 4)) {
    case 0:
        set_name(name, line, "+", tag);
        break;
    case 1:
        set_name(name, "+", machine, tag);
        break;
    case 2:
        snprintf(tag, sizeof tag, "part%u/#", number);
        set_name(name, line, machine, tag);
        break;
    default:
        snprintf(tag, sizeof tag, "+/x%u", number);
        set_name(name, line, machine, tag);
    }
}

static void fill(struct trie *trie, const struct rand_source *source)
{
    for (unsigned i = 0; i < FILTERS; i++) {
        struct name filter;
        if (i % 100 < WILDCARD_PERCENT)
            set_wildcard(&filter, i, source);
        else
            set_topic(&filter, (unsigned)rand_below(source, COLD_TOPICS));
        if (trie_add(trie, filter.text, filter.len, i) != MR_OK)
            exit(1);
    }
}

static bool count(void *user, uint32_t subscriber)
{
    (void)subscriber;
    ++*(uint64_t *)user;
    return true;
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double one_round(const struct trie *trie, const struct name *topics, unsigned n, unsigned repeats,
                        uint64_t *matches)
{
    double start = now_ns();
    for (unsigned r = 0; r < repeats; r++) {
        for (unsigned i = 0; i < n; i++)
            trie_match(trie, topics[i].text, topics[i].len, count, matches);
    }
    return (now_ns() - start) / n / repeats;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const char *what, const struct trie *trie, const struct name *topics, unsigned n, unsigned repeats)
{
    double ns[ROUNDS];
    uint64_t matches = 0;
    for (unsigned i = 0; i < ROUNDS; i++)
        ns[i] = one_round(trie, topics, n, repeats, &matches);
    qsort(ns, ROUNDS, sizeof ns[0], compare);
    printf("%-4s %6.1f ns per match (lowest %.1f, highest %.1f; %u topics, %.2f matches each)\n", what, ns[ROUNDS / 2],
           ns[0], ns[ROUNDS - 1], n, (double)matches / ROUNDS / repeats / n);
}

int main(void)
{
    struct rand_seeded random;
    rand_seeded_init(&random, 1);
    struct trie_limits limits = {.max_entries = FILTERS, .max_bytes = 64 << 20};
    struct hash_key seed = {rand_u64(&random.source), rand_u64(&random.source)};
    struct name *topics = calloc(COLD_TOPICS, sizeof *topics);
    struct trie *trie;
    if (!topics || trie_new(&limits, &seed, &trie) != MR_OK)
        return 1;
    fill(trie, &random.source);
    for (unsigned i = 0; i < COLD_TOPICS; i++) /* 7919 and 200,000 have no common factor: each topic once */
        set_topic(&topics[i], (unsigned)((uint64_t)i * 7919 % COLD_TOPICS));
    printf("%zu filters, %d %% with wildcards, %.1f MB\n", trie_entries(trie), WILDCARD_PERCENT,
           (double)trie_bytes(trie) / 1e6);
    measure("hot", trie, topics, HOT_TOPICS, HOT_REPEATS);
    measure("cold", trie, topics, COLD_TOPICS, 1);
    trie_free(trie);
    free(topics);
    return 0;
}
