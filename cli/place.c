/* place.c - see place.h; contexts are read in context.c. */
#include "cli/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/io/fs.h"

static const char machine_socket[] = PLACE_MACHINE_SOCKET;

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

bool place_is_listening(const char *socket_path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(socket_path) >= sizeof address.sun_path)
        return false;
    memcpy(address.sun_path, socket_path, strlen(socket_path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool listens = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 || errno == EAGAIN; /* busy */
    close(fd);
    return listens;
}

enum mr_rc place_user_socket(char ret[AGENT_FILE_SIZE])
{
    const char *dir = variable("XDG_RUNTIME_DIR");
    int n = dir ? snprintf(ret, AGENT_FILE_SIZE, "%s/millrace/agent.sock", dir) : -1;
    return n > 0 && n < AGENT_FILE_SIZE ? MR_OK : MR_NOT_FOUND;
}

enum mr_rc place_context_file(const char *name, char ret[AGENT_FILE_SIZE], struct err *err)
{
    char tail[AGENT_FILE_SIZE];
    if (strlen(name) >= AGENT_FILE_SIZE - sizeof "contexts/.yaml") {
        err_set(err, "the name of the context is too long");
        return MR_TOO_BIG;
    }
    if (!strchr(name, '/')) {
        snprintf(tail, sizeof tail, "contexts/%s.yaml", name);
        return fs_config_path(tail, ret, AGENT_FILE_SIZE, err);
    }
    snprintf(ret, AGENT_FILE_SIZE, "%s", name);
    return MR_OK;
}

static enum mr_rc use_context(const char *name, struct place *ret, struct err *err)
{
    ret->kind = PLACE_CONTEXT;
    snprintf(ret->words, sizeof ret->words, "context %s", name);
    return place_context_file(name, ret->context, err);
}

static enum mr_rc use_socket(const char *path, struct place *ret, struct err *err)
{
    ret->kind = PLACE_SOCKET;
    snprintf(ret->words, sizeof ret->words, "socket %s", path);
    if (strlen(path) >= sizeof ret->socket) {
        err_set(err, "the path of a socket has at most %zu bytes", sizeof ret->socket - 1);
        return MR_TOO_BIG;
    }
    snprintf(ret->socket, sizeof ret->socket, "%s", path);
    if (place_is_listening(path))
        return MR_OK;
    err_set(err, "no agent listens there. Start one: millrace-agent --config agent.yaml, or a whole bus: millrace dev");
    return MR_NOT_FOUND;
}

/* Nobody said where: this user's agent, this machine's, the default context. */
static enum mr_rc look_around(struct place *ret, struct err *err)
{
    char path[AGENT_FILE_SIZE];
    struct err ignored;
    if (place_user_socket(path) == MR_OK && place_is_listening(path))
        return use_socket(path, ret, err);
    if (place_is_listening(machine_socket))
        return use_socket(machine_socket, ret, err);
    if (place_context_file("default", path, &ignored) == MR_OK && access(path, F_OK) == 0)
        return use_context("default", ret, err);
    return use_socket(machine_socket, ret, err);
}

enum mr_rc place_find(const struct args *args, struct place *ret, struct err *err)
{
    *ret = (struct place){.kind = PLACE_SOCKET};
    if (args->context)
        return use_context(args->context, ret, err);
    if (args->socket)
        return use_socket(args->socket, ret, err);
    if (variable("MILLRACE_CONTEXT"))
        return use_context(variable("MILLRACE_CONTEXT"), ret, err);
    if (variable("MILLRACE_SOCKET"))
        return use_socket(variable("MILLRACE_SOCKET"), ret, err);
    return look_around(ret, err);
}
