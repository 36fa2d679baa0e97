/* plant.c - see plant.h. */
#include "cli/plant.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io/fs.h"
#include "base/mem.h"
#include "cli/child.h"
#include "cli/plant_run.h"

enum { FILE_SIZE = SETUP_FILE_SIZE, DIR_MAX = FILE_SIZE - 128, PORT_MAX = 65535, BIN_SIZE = 4096 };

/* What is being made, and where until it is whole. */
struct making {
    const struct plant_wish *wish;
    struct plant *plant;
    char dir[FILE_SIZE];  /* as wished, without a '/' at its end */
    char part[FILE_SIZE]; /* beside it: becomes it when all is there */
};

/* -- what was wished for -- */
static enum mr_rc check_number(const char *what, uint64_t given, uint64_t most, struct err *err)
{
    if (given >= 1 && given <= most)
        return MR_OK;
    err_set(err, "a plant has 1 to %" PRIu64 " %s, not %" PRIu64, most, what, given);
    return MR_INVALID;
}

static enum mr_rc check_port(const struct plant_wish *wish, struct err *err)
{
    uint64_t above = (wish->brokers - 1) * PLANT_PORT_STEP + 1; /* the last broker's mesh */
    if (wish->port <= PORT_MAX - above)
        return MR_OK;
    err_set(err, "port %" PRIu64 ": with %" PRIu64 " brokers the first has at most port %" PRIu64, wish->port,
            wish->brokers, PORT_MAX - above);
    return MR_INVALID;
}

static enum mr_rc check_wish(const struct plant_wish *wish, struct err *err)
{
    enum mr_rc rc = check_number("brokers", wish->brokers, BROKERS_MAX, err);
    if (!rc)
        rc = check_number("agents", wish->agents, PLANT_AGENTS_MAX, err);
    if (!rc)
        rc = check_port(wish, err);
    if (!rc)
        rc = setup_check_name("name", wish->name, err);
    return rc ? rc : setup_check_path(wish->path, err);
}

/* -- ports -- */
static bool is_free(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool can = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 && /* as brokers do */
               bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1) == 0;
    close(fd);
    return can;
}

static bool are_free(unsigned port, uint64_t brokers)
{
    for (unsigned i = 0; i < brokers; i++, port += PLANT_PORT_STEP)
        if (!is_free((uint16_t)port) || !is_free((uint16_t)(port + 1)))
            return false;
    return true;
}

static enum mr_rc choose_port(const struct plant_wish *wish, unsigned *ret, struct err *err)
{
    if (wish->port) {
        *ret = (unsigned)wish->port;
        return MR_OK;
    }
    for (unsigned port = PLANT_PORT; port + PLANT_PORT_STRIDE <= PORT_MAX; port += PLANT_PORT_STRIDE) {
        if (are_free(port, wish->brokers)) {
            *ret = port;
            return MR_OK;
        }
    }
    err_set(err, "no ports are free from %d on; say which with --port", PLANT_PORT);
    return MR_WOULD_BLOCK;
}

/* -- who is in it -- */
static enum mr_rc add_agent(struct plant *plant, const struct plant_wish *wish, struct err *err)
{
    struct setup_identity *who = &plant->people[plant->n_agents++];
    char name[2 * SETUP_NAME_SIZE], path[TOPIC_MAX_BYTES + 2 + SETUP_NAME_SIZE];
    snprintf(name, sizeof name, "%s%zu", wish->name, plant->n_agents);
    snprintf(path, sizeof path, "%s/%.*s", wish->path, SETUP_NAME_SIZE - 1, name);
    enum mr_rc rc = setup_check_name("name", name, err);
    if (!rc)
        rc = setup_check_path(path, err);
    for (size_t i = 0; i < plant->n_brokers && !rc; i++) {
        if (strcmp(plant->brokers[i].name, name) == 0) {
            err_set(err, "name '%s' is taken by a broker: begin the names of agents otherwise", name);
            rc = MR_INVALID;
        }
    }
    if (rc)
        return rc;
    who->kind = "machine";
    snprintf(who->name, sizeof who->name, "%.*s", (int)sizeof who->name - 1, name);
    snprintf(who->path, sizeof who->path, "%.*s", (int)sizeof who->path - 1, path);
    return MR_OK;
}

static enum mr_rc fill(struct plant *plant, const struct plant_wish *wish, unsigned port, struct err *err)
{
    enum mr_rc rc = MR_OK;
    for (; plant->n_brokers < wish->brokers; port += PLANT_PORT_STEP) {
        struct setup_broker *broker = &plant->brokers[plant->n_brokers++];
        snprintf(broker->name, sizeof broker->name, "mr%zu", plant->n_brokers);
        snprintf(broker->agents, sizeof broker->agents, "127.0.0.1:%u", port);
        if (wish->brokers > 1)
            snprintf(broker->mesh, sizeof broker->mesh, "127.0.0.1:%u", port + 1);
    }
    while (plant->n_agents < wish->agents && !rc)
        rc = add_agent(plant, wish, err);
    struct setup_identity *person = &plant->people[plant->n_agents];
    snprintf(person->name, sizeof person->name, SETUP_PERSON);
    setup_person_path(wish->path, person->path);
    person->kind = "person";
    return rc;
}

/* -- the files -- */
static void path_of(const struct making *m, const char *folder, const char *file, char out[FILE_SIZE])
{
    snprintf(out, FILE_SIZE, "%.*s/%s%s%s", DIR_MAX, m->part, folder, *folder ? "/" : "", file);
}

static enum mr_rc make(const struct making *m, const char *folder, const char *file, setup_writer *write,
                       const void *from, struct err *err)
{
    char path[FILE_SIZE];
    path_of(m, folder, file, path);
    return setup_file(path, 0644, write, from, err);
}

static enum mr_rc make_key(const struct making *m, const char *folder, const char *file, enum key_kind kind,
                           const char *name, char ret_public[KEYS_Z85_SIZE], struct err *err)
{
    char path[FILE_SIZE];
    path_of(m, folder, file, path);
    return setup_key(path, kind, name, ret_public, err);
}

static enum mr_rc make_folder(const struct making *m, const char *folder, struct err *err)
{
    char path[FILE_SIZE];
    path_of(m, folder, "", path);
    return fs_mkdirs(path, 0755, err);
}

/* Folders and keys: all public ones are needed by the other files. */
static enum mr_rc make_keys(const struct making *m, struct err *err)
{
    struct plant *plant = m->plant;
    enum mr_rc rc = MR_OK;
    for (size_t i = 0; i < plant->n_brokers && !rc; i++) {
        struct setup_broker *broker = &plant->brokers[i];
        rc = make_folder(m, broker->name, err);
        if (!rc)
            rc = make_key(m, broker->name, "broker.key", KEYS_BROKER, broker->name, broker->public, err);
    }
    for (size_t i = 0; i < plant->n_agents && !rc; i++) {
        struct setup_identity *agent = &plant->people[i];
        rc = make_folder(m, agent->name, err);
        if (!rc)
            rc = make_key(m, agent->name, "agent.key", KEYS_AGENT, agent->name, agent->public, err);
    }
    struct setup_identity *person = &plant->people[plant->n_agents];
    return rc ? rc : make_key(m, "", "admin.key", KEYS_PERSON, SETUP_PERSON, person->public, err);
}

static enum mr_rc make_broker(const struct making *m, const struct setup_broker *broker, struct err *err)
{
    const struct setup_brokers brokers = {m->plant->brokers, m->plant->n_brokers};
    const struct setup_identities people = {m->plant->people, m->plant->n_agents + 1};
    const struct setup_broker_file file = {
        .name = broker->name, .data = "data", .listen = broker->agents, .brokers = brokers};
    enum mr_rc rc = make(m, broker->name, "broker.yaml", setup_write_broker, &file, err);
    if (!rc)
        rc = make(m, broker->name, "registry.yaml", setup_write_registry, &people, err);
    return rc ? rc : make(m, broker->name, "directory.yaml", setup_write_directory, &brokers, err);
}

static enum mr_rc make_agent(const struct making *m, const struct setup_identity *who, struct err *err)
{
    const struct setup_brokers brokers = {m->plant->brokers, m->plant->n_brokers};
    const struct setup_agent_file file = {.name = who->name,
                                          .path = who->path,
                                          .data = "data",
                                          .socket = "agent.sock",
                                          .interval_ms = m->wish->interval_ms,
                                          .brokers = brokers};
    enum mr_rc rc = make(m, who->name, "agent.yaml", setup_write_agent, &file, err);
    return rc ? rc : make(m, who->name, "directory.yaml", setup_write_directory, &brokers, err);
}

static enum mr_rc make_context(const struct making *m, struct err *err)
{
    const struct setup_brokers brokers = {m->plant->brokers, m->plant->n_brokers};
    enum mr_rc rc = make_folder(m, "contexts", err);
    if (!rc)
        rc = make(m, "", "directory.yaml", setup_write_directory, &brokers, err);
    return rc ? rc : make(m, "contexts", "admin.yaml", setup_write_context, &brokers, err);
}

/* The script, with the folder of the programs in place of @BIN@; a name that cannot stand in quotes there is left away. */
static void write_run(FILE *out, const void *from)
{
    static const char mark[] = "@BIN@";
    const char *script = from, *at = strstr(script, mark);
    char bin[BIN_SIZE];
    child_find_program("millrace-broker", bin, sizeof bin);
    char *slash = strrchr(bin, '/');
    *(slash && !strchr(bin, '\'') ? slash : bin) = '\0';
    fprintf(out, "%.*s%s%s", (int)(at - script), script, bin, at + strlen(mark));
}

static enum mr_rc make_run(const struct making *m, struct err *err)
{
    char path[FILE_SIZE];
    path_of(m, "", "run", path);
    return setup_file(path, 0755, write_run, plant_run_script, err);
}

static enum mr_rc make_all(const struct making *m, struct err *err)
{
    enum mr_rc rc = make_keys(m, err);
    for (size_t i = 0; i < m->plant->n_brokers && !rc; i++)
        rc = make_broker(m, &m->plant->brokers[i], err);
    for (size_t i = 0; i < m->plant->n_agents && !rc; i++)
        rc = make_agent(m, &m->plant->people[i], err);
    if (!rc)
        rc = make_context(m, err);
    return rc ? rc : make_run(m, err);
}

/* -- the folder -- */
static enum mr_rc fail_at(const char *dir, struct err *err)
{
    int why = errno;
    err_set(err, "%s: %s", dir, strerror(why));
    return fs_rc(why);
}

static enum mr_rc take_dir(struct making *m, struct err *err)
{
    size_t len = strlen(m->wish->dir);
    while (len > 1 && m->wish->dir[len - 1] == '/')
        len--;
    if (len >= DIR_MAX - sizeof ".XXXXXX") {
        err_set(err, "the name of the folder is too long");
        return MR_TOO_BIG;
    }
    memcpy(m->dir, m->wish->dir, len);
    const char *slash = strrchr(m->dir, '/');
    const char *name = slash ? slash + 1 : m->dir;
    if (*name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
        return MR_OK;
    err_set(err, "the folder of a plant is made anew: give its name, not '%s'", m->wish->dir);
    return MR_INVALID;
}

/* Of the last agent, whose name is the longest. */
static enum mr_rc check_sockets(const struct making *m, struct err *err)
{
    char socket[FILE_SIZE];
    snprintf(socket, sizeof socket, "%s%" PRIu64 "/agent.sock", m->wish->name, m->wish->agents);
    return setup_check_socket(m->dir, socket, err);
}

/* An empty folder may be taken: it is replaced. */
static bool is_free_folder(const char *dir)
{
    struct dirent **entries;
    int n = scandir(dir, &entries, NULL, alphasort); /* cppcheck-suppress nullPointer ; no filter is fine */
    if (n < 0)
        return errno == ENOENT;
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    return n <= 2; /* "." and ".." */
}

static enum mr_rc check_free(const struct making *m, struct err *err)
{
    if (is_free_folder(m->dir))
        return MR_OK;
    err_set(err, "%s is there already and stays as it is; choose another folder with --out, or move it away", m->dir);
    return MR_INVALID;
}

static enum mr_rc make_part(struct making *m, struct err *err)
{
    char above[FILE_SIZE];
    snprintf(above, sizeof above, "%s", m->dir);
    char *slash = strrchr(above, '/');
    enum mr_rc rc = MR_OK;
    if (slash && slash > above) {
        *slash = '\0';
        rc = fs_mkdirs(above, 0755, err);
    }
    if (rc)
        return rc;
    snprintf(m->part, sizeof m->part, "%.*s.XXXXXX", DIR_MAX, m->dir);
    if (!mkdtemp(m->part)) {
        rc = fail_at(m->part, err);
        m->part[0] = '\0';
        return rc;
    }
    return chmod(m->part, 0755) == 0 ? MR_OK : fail_at(m->part, err);
}

/* From here on it is there, whole; unless somebody was faster. */
static enum mr_rc put_in_place(const struct making *m, struct err *err)
{
    return rename(m->part, m->dir) == 0 ? MR_OK : fail_at(m->dir, err);
}

/* All that can be known before a file is made. */
static enum mr_rc plan(struct making *m, struct err *err)
{
    unsigned port = 0;
    enum mr_rc rc = check_wish(m->wish, err);
    if (!rc)
        rc = take_dir(m, err);
    if (!rc)
        rc = check_sockets(m, err);
    if (!rc)
        rc = check_free(m, err);
    if (!rc)
        rc = choose_port(m->wish, &port, err);
    return rc ? rc : fill(m->plant, m->wish, port, err);
}

static enum mr_rc carry_out(struct making *m, struct err *err)
{
    enum mr_rc rc = keys_init();
    if (!rc)
        rc = make_part(m, err);
    if (!rc)
        rc = make_all(m, err);
    if (!rc)
        rc = put_in_place(m, err);
    if (rc && *m->part)
        plant_remove(m->part);
    return rc;
}

enum mr_rc plant_make(const struct plant_wish *wish, struct plant **ret, struct err *err)
{
    struct making m = {.wish = wish, .plant = mem_calloc(1, sizeof *m.plant)};
    if (!m.plant)
        return MR_NO_MEMORY;
    enum mr_rc rc = plan(&m, err);
    if (!rc)
        rc = carry_out(&m, err);
    if (rc)
        plant_free(m.plant);
    else
        *ret = m.plant;
    return rc;
}

void plant_free(struct plant *plant)
{
    mem_free(plant);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    remove(path);
    return 0;
}

void plant_remove(const char *dir)
{
    enum { OPEN_FOLDERS = 8 };
    nftw(dir, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
}
