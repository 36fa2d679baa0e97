/* identity.h - what an agent must not forget: its birth epoch, and the path the broker gave it.
 *
 * FOLDER/identity, text, one field a line:
 *   millrace-identity v1
 *   births 17              counts up by one at each start; never back
 *   path demo/here
 * A birth epoch is births in the upper 32 bits and 32 random bits below, so that a folder restored from a backup cannot
 * repeat one. */
#ifndef AGENT_IDENTITY_H
#define AGENT_IDENTITY_H
#include "base/err.h"
#include "base/rand.h"
#include "proto/limits.h"

enum { IDENTITY_FOLDER_SIZE = 1024 };

struct identity {
    char folder[IDENTITY_FOLDER_SIZE]; /* "" = ephemeral: nothing is written */
    const struct rand_source *rand;    /* borrowed */
    uint32_t births;
    uint64_t birth;
    char path[TOPIC_MAX_BYTES + 1]; /* "" = not known */
};

/* Reads the folder (made when missing), begins the next birth and writes it. births_floor: where counting begins without a
 * folder or file; time in seconds keeps births rising for an ephemeral agent and for a machine whose disk was replaced.
 * MR_OK always leaves a usable birth. When the disk failed, *ret_warning says so in words, else it is "": the agent goes
 * on from births_floor, and the broker has it be born again above what it knows. */
void identity_open(struct identity *ret, const char *folder, const struct rand_source *rand, uint32_t births_floor,
                   struct err *ret_warning);

/* A birth above floor, which a broker demanded, or above the present one. As identity_open() on the disk. */
void identity_rise(struct identity *identity, uint64_t floor, struct err *ret_warning);

/* Remembers the path; writes only when it changed. */
void identity_set_path(struct identity *identity, const char *path, struct err *ret_warning);
#endif
