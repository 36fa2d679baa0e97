/* trie_set.c - the subscribers of one filter, see trie_set.h. */
#include "proto/trie_set.h"

#include <string.h>

enum { FIRST_CAP = 4 };

static struct trie_member *members(struct trie_set *set)
{
    return set->cap > 0 ? set->as.many : &set->as.one;
}

const struct trie_member *trie_set_members(const struct trie_set *set)
{
    return set->cap > 0 ? set->as.many : &set->as.one;
}

/* The first place whose subscriber is not below the one asked for; n when there is none. */
static uint32_t place_of(const struct trie_set *set, uint32_t subscriber)
{
    const struct trie_member *m = trie_set_members(set);
    uint32_t low = 0;
    uint32_t high = set->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (m[middle].subscriber < subscriber)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct trie_set *set, uint32_t place, uint32_t subscriber)
{
    return place < set->n && trie_set_members(set)[place].subscriber == subscriber;
}

bool trie_set_has(const struct trie_set *set, uint32_t subscriber)
{
    return is_at(set, place_of(set, subscriber), subscriber);
}

static size_t bytes_of(uint32_t cap)
{
    return (size_t)cap * sizeof(struct trie_member);
}

static enum mr_rc make_room(struct trie_set *set, struct trie_memory *memory)
{
    if (set->n == 0 || set->n < set->cap)
        return MR_OK;
    uint32_t cap = set->cap > 0 ? set->cap * 2 : FIRST_CAP;
    void *many;
    enum mr_rc rc = trie_memory_alloc(memory, bytes_of(cap), &many);
    if (rc != MR_OK)
        return rc;
    memcpy(many, members(set), bytes_of(set->n));
    if (set->cap > 0)
        trie_memory_free(memory, set->as.many, bytes_of(set->cap));
    set->as.many = many;
    set->cap = cap;
    return MR_OK;
}

enum mr_rc trie_set_add(struct trie_set *set, uint32_t subscriber, struct trie_memory *memory)
{
    uint32_t place = place_of(set, subscriber);
    if (is_at(set, place, subscriber)) {
        struct trie_member *member = &members(set)[place];
        if (member->count == UINT32_MAX)
            return MR_TOO_BIG;
        member->count++;
        return MR_OK;
    }
    enum mr_rc rc = make_room(set, memory);
    if (rc != MR_OK)
        return rc;
    struct trie_member *m = members(set);
    memmove(m + place + 1, m + place, bytes_of(set->n - place));
    m[place] = (struct trie_member){.subscriber = subscriber, .count = 1};
    set->n++;
    return MR_OK;
}

enum mr_rc trie_set_remove(struct trie_set *set, uint32_t subscriber)
{
    uint32_t place = place_of(set, subscriber);
    if (!is_at(set, place, subscriber))
        return MR_NOT_FOUND;
    struct trie_member *m = members(set);
    if (--m[place].count > 0)
        return MR_OK;
    set->n--;
    memmove(m + place, m + place + 1, bytes_of(set->n - place));
    return MR_OK;
}

void trie_set_fini(struct trie_set *set, struct trie_memory *memory)
{
    if (set->cap > 0)
        trie_memory_free(memory, set->as.many, bytes_of(set->cap));
    *set = (struct trie_set){0};
}
