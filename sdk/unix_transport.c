/* unix_transport.c - the agent's socket: a non-blocking AF_UNIX stream that never raises a signal. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "sdk/transport.h"

struct connection {
    int fd;
};

static enum mr_rc address_of(const char *path, struct sockaddr_un *ret, struct err *err)
{
    size_t len = strlen(path);
    if (len >= sizeof ret->sun_path) {
        err_set(err, "the socket path '%s' is longer than %zu bytes", path, sizeof ret->sun_path - 1);
        return MR_ISOLATED;
    }
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret->sun_path, path, len);
    return MR_OK;
}

/* A local connect is done at once or not at all: EAGAIN is a full backlog, and worth another try as any refusal. */
static enum mr_rc connect_fd(int fd, const char *path, struct err *err)
{
    struct sockaddr_un address;
    enum mr_rc rc = address_of(path, &address, err);
    if (rc)
        return rc;
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return MR_OK;
    err_set(err, "no agent answers at %s: %s", path, strerror(errno));
    return MR_ISOLATED;
}

static enum mr_rc unix_connect(void *user, const char *path, struct connection **ret, struct err *err)
{
    (void)user;
    struct connection *c = mem_alloc(sizeof *c);
    if (!c) {
        err_set(err, "%s", rc_text(MR_NO_MEMORY));
        return MR_NO_MEMORY;
    }
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        err_set(err, "no socket: %s", strerror(errno));
        mem_free(c);
        return MR_NO_MEMORY;
    }
    enum mr_rc rc = connect_fd(c->fd, path, err);
    if (rc) {
        close(c->fd);
        mem_free(c);
        return rc;
    }
    *ret = c;
    return MR_OK;
}

static enum mr_rc unix_send(struct connection *c, const void *data, size_t len, size_t *ret_n)
{
    ssize_t n;
    do
        n = send(c->fd, data, len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? MR_WOULD_BLOCK : MR_CLOSED;
    *ret_n = (size_t)n;
    return MR_OK;
}

static enum mr_rc unix_receive(struct connection *c, void *buf, size_t size, size_t *ret_n)
{
    ssize_t n;
    do
        n = recv(c->fd, buf, size, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? MR_WOULD_BLOCK : MR_CLOSED;
    if (n == 0)
        return MR_CLOSED;
    *ret_n = (size_t)n;
    return MR_OK;
}

static void unix_close(struct connection *c)
{
    close(c->fd);
    mem_free(c);
}

static int unix_fd(const struct connection *c)
{
    return c->fd;
}

const struct transport *transport_unix(void)
{
    static const struct transport table = {
        .connect = unix_connect, .send = unix_send, .receive = unix_receive, .close = unix_close, .fd = unix_fd};
    return &table;
}
