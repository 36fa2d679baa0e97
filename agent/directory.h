/* directory.h - directory.yaml: which brokers there are, and the key that each must prove. */
#ifndef AGENT_DIRECTORY_H
#define AGENT_DIRECTORY_H
#include "agent/conf.h"

struct directory {
    struct agent_broker brokers[BROKERS_MAX];
    size_t n;
};

/* *err reads "FILE:LINE: …". MR_NOT_FOUND, MR_DENIED, MR_INVALID (also two entries with one name or address), MR_NO_MEMORY. */
MUST enum mr_rc directory_load(const char *path, struct directory *ret, struct err *err);

/* The broker an entry of agent.yaml's list means: by name, or by host[:port]. NULL: the directory has none. */
const struct agent_broker *directory_find(const struct directory *d, const char *entry);
#endif
