/* registry.h - whom this broker knows: identities with their public keys, from registry.yaml.
 *
 *   identities:
 *     - {name: press-07, kind: machine, path: acme/lyon/press-07, public: "<Z85>"}
 *     - {name: anna, kind: person, path: acme/lyon/people/anna, public: "<Z85>"}
 *
 * A registry never changes: a reload makes a new one beside it. */
#ifndef BROKER_REGISTRY_H
#define BROKER_REGISTRY_H
#include "base/err.h"
#include "base/io/keys.h"
#include "base/io/zap.h"
#include "base/rand.h"
#include "proto/limits.h"

enum {
    REGISTRY_NAME_SIZE = 64,             /* [a-z0-9][a-z0-9._-]{0,62} and NUL */
    REGISTRY_MAX = 100000,               /* identities */
    REGISTRY_FILE_MAX = 64 * 1024 * 1024 /* bytes */
};

enum registry_kind { REGISTRY_MACHINE, REGISTRY_PERSON };

struct registry_identity {
    char name[REGISTRY_NAME_SIZE];
    enum registry_kind kind;
    char path[TOPIC_MAX_BYTES + 1];
    uint8_t key[KEYS_BYTES];
    char user_id[ZAP_USER_ID_SIZE]; /* "machine/press-07#<fingerprint>": names the identity and the key it proved */
};

struct registry;

/* *err reads "FILE:LINE: …"; a name or key given twice names both lines. MR_NOT_FOUND, MR_DENIED, MR_INVALID, MR_TOO_BIG,
 * MR_NO_MEMORY. rand: for the secret of its hash tables. */
MUST enum mr_rc registry_load(const char *path, const struct rand_source *rand, struct registry **ret, struct err *err);

/* NULL is fine. */
void registry_free(struct registry *r);

/* Borrowed until registry_free(); NULL: not known. */
const struct registry_identity *registry_find_key(const struct registry *r, const uint8_t key[KEYS_BYTES]);
const struct registry_identity *registry_find_user(const struct registry *r, const char *user_id);

size_t registry_count(const struct registry *r);
#endif
