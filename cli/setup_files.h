/* setup_files.h - writes the keys and files a bus begins with: what bootstrap.h and plant.h are made of. */
#ifndef CLI_SETUP_FILES_H
#define CLI_SETUP_FILES_H
#include <stdio.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/io/keys.h"
#include "base/io/zsock.h"
#include "proto/limits.h"

enum {
    SETUP_NAME_SIZE = KEYS_NAME_MAX + 1,
    SETUP_FILE_SIZE = 1024, /* a file's name and NUL */
};

#define SETUP_PERSON "admin" /* who runs the bus */

/* A line of the directory. */
struct setup_broker {
    char name[SETUP_NAME_SIZE];
    char agents[ZSOCK_ADDRESS_SIZE]; /* where agents find it */
    char mesh[ZSOCK_ADDRESS_SIZE];   /* where the other brokers find it; "": there are none */
    char public[KEYS_Z85_SIZE];
};

/* A line of the registry. */
struct setup_identity {
    char name[SETUP_NAME_SIZE];
    const char *kind;
    char path[TOPIC_MAX_BYTES + 1];
    char public[KEYS_Z85_SIZE];
};

struct setup_brokers {
    const struct setup_broker *all;
    size_t n;
};

/* broker.yaml: those of `brokers` with another name are its peers. */
struct setup_broker_file {
    const char *name, *data;
    const char *listen; /* for agents; for the mesh it listens where the others find it */
    struct setup_brokers brokers;
};

/* agent.yaml. socket NULL, interval_ms 0: the agent's default. */
struct setup_agent_file {
    const char *name, *path, *data, *socket;
    int interval_ms;
    struct setup_brokers brokers;
};

/* MR_INVALID: `name` is no name; *err says whose (`what`) and how names are made. */
MUST enum mr_rc setup_check_name(const char *what, const char *name, struct err *err);

/* MR_INVALID: is no full topic, or cannot stand in quotes. */
MUST enum mr_rc setup_check_path(const char *path, struct err *err);

/* What goes into a YAML text in quotes; NULL is fine. MR_INVALID: it has quotes, backslashes or line ends. */
MUST enum mr_rc setup_check_quotable(const char *what, const char *text, struct err *err);

/* The socket of an agent whose file is in dir. MR_TOO_BIG: its path, from the root, is longer than that of a socket may be. */
MUST enum mr_rc setup_check_socket(const char *dir, const char *socket, struct err *err);

/* The path of the person who runs the bus, in the plant that begins with the first level of path. */
void setup_person_path(const char *path, char out[TOPIC_MAX_BYTES + 1]);

/* Makes a key and saves it, readable by the owner only. MR_CLOSED: interrupted (interrupt.h);
 * else as keys_new(), keys_save(). */
MUST enum mr_rc setup_key(const char *file, enum key_kind kind, const char *name, char ret_public[KEYS_Z85_SIZE],
                          struct err *err);

/* Writes a new file with what `write` writes from `from`. MR_CLOSED: interrupted; MR_NO_MEMORY; else as fs_write(). */
typedef void setup_writer(FILE *out, const void *from);
MUST enum mr_rc setup_file(const char *file, mode_t mode, setup_writer *write, const void *from, struct err *err);

/* Writers; from is: struct setup_broker_file, struct setup_agent_file, struct setup_brokers twice, for the directory and for
 * the context of the person whose key is ../admin.key. */
void setup_write_broker(FILE *out, const void *from);
void setup_write_agent(FILE *out, const void *from);
void setup_write_directory(FILE *out, const void *from);
void setup_write_context(FILE *out, const void *from);

/* The registry; from is struct setup_identities. */
struct setup_identities {
    const struct setup_identity *all;
    size_t n;
};
void setup_write_registry(FILE *out, const void *from);
#endif
