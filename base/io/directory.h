/* directory.h - directory.yaml: which brokers there are, where, and the key that each must prove.
 *
 *   brokers:
 *     - {name: mr1, address: "mr1.plant.example:7420", public: "<Z85>"}
 *     - {name: mr2, address: mr2.plant.example, mesh: "10.1.0.2:7421", public: "<Z85>"}
 *
 * address is where agents find it, mesh where the other brokers do: without it the same host, port 7421. */
#ifndef BASE_IO_DIRECTORY_H
#define BASE_IO_DIRECTORY_H
#include "base/io/keys.h"
#include "base/io/zsock.h"

enum {
    DIRECTORY_MAX = 9,            /* brokers */
    DIRECTORY_AGENTS_PORT = 7420, /* of an address that names none */
    DIRECTORY_MESH_PORT = 7421    /* likewise */
};

struct directory_broker {
    char name[KEYS_NAME_MAX + 1];
    struct zsock_address address, mesh;
    uint8_t public_key[KEYS_BYTES];
};

struct directory {
    struct directory_broker brokers[DIRECTORY_MAX];
    size_t n;
};

/* *err reads "FILE:LINE: …". MR_NOT_FOUND, MR_DENIED, MR_INVALID (also two entries with one name, address or written mesh
 * address), MR_NO_MEMORY. */
MUST enum mr_rc directory_load(const char *path, struct directory *ret, struct err *err);

/* The broker that an entry of a list of brokers or peers means: by name, or by host[:port] of its address. NULL: the
 * directory has none. */
const struct directory_broker *directory_find(const struct directory *d, const char *entry);

/* By the key it proved; NULL: none. */
const struct directory_broker *directory_find_key(const struct directory *d, const uint8_t key[KEYS_BYTES]);
#endif
