/* identity.h - what an agent must not forget: its birth epoch, and the path the broker gave it.
 *
 * FOLDER/identity, as base/io/birth.h says, with the path as its note:
 *   millrace-identity v1
 *   births 17
 *   path demo/here */
#ifndef AGENT_IDENTITY_H
#define AGENT_IDENTITY_H
#include "base/io/birth.h"
#include "proto/limits.h"

struct identity {
    struct birth birth;
    char path[TOPIC_MAX_BYTES + 1]; /* "" = not known */
};

/* As birth_open(), with the path that was kept. */
void identity_open(struct identity *ret, const char *folder, const struct rand_source *rand, uint32_t births_floor,
                   struct err *ret_warning);

/* Remembers the path; writes only when it changed. */
void identity_set_path(struct identity *identity, const char *path, struct err *ret_warning);
#endif
