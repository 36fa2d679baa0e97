/* trie.h - which subscribers' filters match a topic, for 100,000 filters in well under a microsecond.
 *
 * A subscriber is a number its owner gives out. A (filter, subscriber) pair is counted: what was added n times is there
 * until it was removed n times, and is reported once. A subscriber with several matching filters is reported once for
 * each of them by trie_match and once in all by trie_collect.
 * Memory is bounded by trie_limits. Matching allocates nothing, never recurses, and costs one probe for all filters
 * without a wildcard plus a walk over those wildcard filters that share a prefix with the topic. */
#ifndef PROTO_TRIE_H
#define PROTO_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/rc.h"

struct trie;

struct trie_limits {
    size_t max_entries; /* distinct (filter, subscriber) pairs */
    size_t max_bytes;   /* asked of the allocator for nodes, tables and entries together */
};

/* *limits and *seed are copied. seed: secret to the process, so that peers cannot choose filters that collide.
 * MR_TOO_BIG: max_bytes is less than an empty trie needs (about 3 KiB). MR_NO_MEMORY. The caller owns *ret. */
MUST enum mr_rc trie_new(const struct trie_limits *limits, const struct hash_key *seed, struct trie **ret);

void trie_free(struct trie *trie); /* NULL is fine */

/* The filter is checked (topic_check with TOPIC_FILTER) and copied.
 * MR_INVALID: not a filter. MR_TOO_BIG: a limit of trie_limits. MR_NO_MEMORY. On failure nothing has changed. */
MUST enum mr_rc trie_add(struct trie *trie, const char *filter, size_t len, uint32_t subscriber);

/* MR_NOT_FOUND: the pair is not there. */
MUST enum mr_rc trie_remove(struct trie *trie, const char *filter, size_t len, uint32_t subscriber);

/* Called once per matching (filter, subscriber); must not change the trie. False ends the walk. */
typedef bool trie_match_fn(void *user, uint32_t subscriber);

/* Order is unspecified but the same for the same history. A text that is no valid topic matches nothing or, where
 * levels happen to agree, something; it is never read out of bounds. */
void trie_match(const struct trie *trie, const char *topic, size_t len, trie_match_fn *fn, void *user);

/* The subscribers that match, ascending, each once, at most max of them in out.
 * MR_TOO_BIG: more than max pairs match; out is then undefined. */
MUST enum mr_rc trie_collect(const struct trie *trie, const char *topic, size_t len, uint32_t *out, size_t max,
                             size_t *ret_n);

/* Does anybody's filter match? */
bool trie_matches_any(const struct trie *trie, const char *topic, size_t len);

/* Changes with every add and remove that changes the set of pairs, and never repeats: a verdict cached for a topic is
 * good while the epoch is the one it was made under. Starts at 1, so that 0 can stand for "no verdict yet". */
uint64_t trie_epoch(const struct trie *trie);

size_t trie_entries(const struct trie *trie); /* distinct (filter, subscriber) pairs */
size_t trie_bytes(const struct trie *trie);   /* memory counted against max_bytes */

#endif
