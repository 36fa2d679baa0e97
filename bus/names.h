/* names.h - the table of ids of one agent or broker: topics and publishers, numbered from 1, never reused while it lives. */
#ifndef BUS_NAMES_H
#define BUS_NAMES_H
#include <millrace/millrace.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

struct names;
struct names_limits {
    uint32_t max_topics, max_publishers;
};

/* Who publishes: a machine (part "") or an app or device on it. Strings live as long as the table. */
struct publisher {
    const char *identity, *part;
    uint32_t id;
    uint32_t owner; /* id of the publisher with the same identity and part "" */
};

MUST enum mr_rc names_new(struct names **ret, const struct names_limits *limits, uint64_t seed);
void names_free(struct names *n);
/* Finds or adds. MR_INVALID: breaks the topic grammar; MR_TOO_BIG: the table is full; MR_NO_MEMORY. */
MUST enum mr_rc names_topic(struct names *n, const char *text, size_t len, uint32_t *ret_id);
uint32_t names_find_topic(const struct names *n, const char *text); /* 0 = unknown */
const char *names_topic_text(const struct names *n, uint32_t id);   /* NULL = no such id */
uint32_t names_topic_count(const struct names *n);
MUST enum mr_rc names_publisher(struct names *n, const char *identity, const char *part, uint32_t *ret_id);
/* As names_publisher, but adds nothing: MR_NOT_FOUND. */
MUST enum mr_rc names_find_publisher(const struct names *n, const char *identity, const char *part, uint32_t *ret_id);
const struct publisher *names_get_publisher(const struct names *n, uint32_t id); /* NULL = no such id */
uint32_t names_publisher_count(const struct names *n);
#endif
