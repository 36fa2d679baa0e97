/* trie_table.c - nodes of the trie and the table that finds them, see trie_table.h. */
#include "proto/trie_table.h"

#include <string.h>

enum { FIRST_SLOTS = 64 };

#define MULTIPLIER UINT64_C(0x9E3779B97F4A7C15) /* 2^64 / golden ratio: keeps a seed of zeros useful */

/* High half xor low half of the 128-bit product. */
static inline uint64_t fold(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
    __extension__ typedef unsigned __int128 u128;
    u128 product = (u128)a * b;
    return (uint64_t)(product >> 64) ^ (uint64_t)product;
#else
    uint64_t a_low = a & 0xFFFFFFFF, a_high = a >> 32, b_low = b & 0xFFFFFFFF, b_high = b >> 32;
    uint64_t low = a_low * b_low, high = a_high * b_high;
    uint64_t middle = a_high * b_low + (low >> 32);
    uint64_t carry = (middle & 0xFFFFFFFF) + a_low * b_high;
    return (high + (middle >> 32) + (carry >> 32)) ^ ((carry << 32) | (low & 0xFFFFFFFF));
#endif
}

static inline uint64_t load64(const char *p)
{
    uint64_t x;
    memcpy(&x, p, sizeof x);
    return x;
}

static inline uint64_t load32(const char *p)
{
    uint32_t x;
    memcpy(&x, p, sizeof x);
    return x;
}

/* 1..8 bytes as a number; different for different bytes of the same length. */
static inline uint64_t load_tail(const char *p, size_t len)
{
    if (len >= 4)
        return load32(p) << 32 | load32(p + len - 4);
    return (uint64_t)(uint8_t)p[0] << 16 | (uint64_t)(uint8_t)p[len / 2] << 8 | (uint8_t)p[len - 1];
}

/* SipHash (base/hash.h) on every level would cost more than the whole walk may. Multiplying by a secret and folding
 * is weaker, and strong enough here: no peer sees a hash, and collisions only lengthen probes, never mix up texts. */
uint64_t trie_text_hash(const struct trie_table *table, const char *text, size_t len)
{
    uint64_t multiplier = table->seed.k1 ^ MULTIPLIER;
    uint64_t h = table->seed.k0 ^ len;
    for (; len > 8; text += 8, len -= 8)
        h = fold(h ^ load64(text), multiplier);
    return len > 0 ? fold(h ^ load_tail(text, len), multiplier) : h;
}

uint64_t trie_child_key(const struct trie_table *table, const struct trie_node *parent, uint64_t text_hash)
{
    return fold(parent->key + text_hash, table->seed.k0 ^ MULTIPLIER);
}

enum mr_rc trie_table_init(struct trie_table *table, const struct hash_key *seed, struct trie_memory *memory)
{
    void *slots;
    enum mr_rc rc = trie_memory_alloc(memory, FIRST_SLOTS * sizeof(struct trie_slot), &slots);
    if (rc == MR_OK)
        *table = (struct trie_table){.slots = slots, .mask = FIRST_SLOTS - 1, .seed = *seed};
    return rc;
}

static size_t slots_bytes(const struct trie_table *table)
{
    return (table->mask + 1) * sizeof *table->slots;
}

void trie_table_fini(struct trie_table *table, struct trie_memory *memory)
{
    if (!table->slots)
        return;
    for (size_t i = 0; i <= table->mask; i++)
        trie_node_free(table->slots[i].node, memory);
    trie_memory_free(memory, table->slots, slots_bytes(table));
    *table = (struct trie_table){0};
}

static size_t node_bytes(size_t len)
{
    return offsetof(struct trie_node, text) + len;
}

static enum mr_rc node_new(const char *text, size_t len, struct trie_memory *memory, struct trie_node **ret)
{
    void *block;
    enum mr_rc rc = trie_memory_alloc(memory, node_bytes(len), &block);
    if (rc != MR_OK)
        return rc;
    struct trie_node *node = block;
    node->len = (uint32_t)len;
    memcpy(node->text, text, len);
    *ret = node;
    return MR_OK;
}

enum mr_rc trie_top_new(uint64_t which, struct trie_memory *memory, struct trie_node **ret)
{
    enum mr_rc rc = node_new("", 0, memory, ret);
    if (rc == MR_OK)
        (*ret)->key = which;
    return rc;
}

void trie_node_free(struct trie_node *node, struct trie_memory *memory)
{
    if (!node)
        return;
    trie_set_fini(&node->set, memory);
    trie_memory_free(memory, node, node_bytes(node->len));
}

struct trie_node *trie_table_find(const struct trie_table *table, uint64_t key, const struct trie_node *parent,
                                  const char *text, size_t len)
{
    for (size_t i = key & table->mask; table->slots[i].node; i = (i + 1) & table->mask) {
        struct trie_node *node = table->slots[i].node;
        if (table->slots[i].key == key && node->parent == parent && node->len == len &&
            memcmp(node->text, text, len) == 0)
            return node;
    }
    return NULL;
}

void trie_table_prefetch(const struct trie_table *table, uint64_t key)
{
    __builtin_prefetch(&table->slots[key & table->mask]);
}

static void put(struct trie_table *table, uint64_t key, struct trie_node *node)
{
    size_t i = key & table->mask;
    while (table->slots[i].node)
        i = (i + 1) & table->mask;
    table->slots[i] = (struct trie_slot){.key = key, .node = node};
    table->used++;
}

static enum mr_rc make_room(struct trie_table *table, struct trie_memory *memory)
{
    if (table->used + 1 <= (table->mask + 1) / 4 * 3)
        return MR_OK;
    struct trie_table bigger = {.mask = table->mask * 2 + 1, .seed = table->seed};
    void *slots;
    enum mr_rc rc = trie_memory_alloc(memory, slots_bytes(&bigger), &slots);
    if (rc != MR_OK)
        return rc;
    bigger.slots = slots;
    for (size_t i = 0; i <= table->mask; i++) {
        if (table->slots[i].node)
            put(&bigger, table->slots[i].key, table->slots[i].node);
    }
    trie_memory_free(memory, table->slots, slots_bytes(table));
    *table = bigger;
    return MR_OK;
}

static bool is_text(const struct trie_node *node, char one)
{
    return node->len == 1 && node->text[0] == one;
}

static void link_literal(struct trie_node *parent, struct trie_node *node, uint64_t text_hash)
{
    parent->only = parent->literals == 0 ? node : NULL;
    parent->literal_bits = (parent->literals == 0 ? 0 : parent->literal_bits) | trie_text_bit(text_hash);
    parent->literals++;
}

static void link_child(struct trie_node *parent, struct trie_node *node, uint64_t text_hash)
{
    node->parent = parent;
    if (is_text(node, '+'))
        parent->plus = node;
    else if (is_text(node, '#'))
        parent->hash = node;
    else
        link_literal(parent, node, text_hash);
}

static void unlink_child(struct trie_node *node)
{
    struct trie_node *parent = node->parent;
    if (parent->plus == node) {
        parent->plus = NULL;
    } else if (parent->hash == node) {
        parent->hash = NULL;
    } else {
        parent->literals--;
        parent->only = NULL;
    }
}

enum mr_rc trie_table_child(struct trie_table *table, struct trie_node *parent, const char *text, size_t len,
                            struct trie_memory *memory, struct trie_node **ret)
{
    uint64_t text_hash = trie_text_hash(table, text, len);
    uint64_t key = trie_child_key(table, parent, text_hash);
    struct trie_node *node = trie_table_find(table, key, parent, text, len);
    if (!node) {
        enum mr_rc rc = make_room(table, memory);
        if (rc == MR_OK)
            rc = node_new(text, len, memory, &node);
        if (rc != MR_OK)
            return rc;
        node->key = key;
        link_child(parent, node, text_hash);
        put(table, key, node);
    }
    *ret = node;
    return MR_OK;
}

/* Frees slot i and moves the entries behind it up, so that no probe ends at a hole. */
static void clear_slot(struct trie_table *table, size_t hole)
{
    for (size_t i = (hole + 1) & table->mask; table->slots[i].node; i = (i + 1) & table->mask) {
        size_t home = table->slots[i].key & table->mask;
        if (((i - home) & table->mask) >= ((i - hole) & table->mask)) {
            table->slots[hole] = table->slots[i];
            hole = i;
        }
    }
    table->slots[hole] = (struct trie_slot){0};
    table->used--;
}

void trie_table_remove(struct trie_table *table, struct trie_node *node, struct trie_memory *memory)
{
    size_t i = node->key & table->mask;
    while (table->slots[i].node != node)
        i = (i + 1) & table->mask;
    clear_slot(table, i);
    unlink_child(node);
    trie_node_free(node, memory);
}
