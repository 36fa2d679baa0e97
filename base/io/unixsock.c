/* unixsock.c - the unix listener: who may have the path, and accepting. Connections: unixsock_conn.c. */
#include "base/io/unixsock.h"
#include "base/err.h"
#include "base/io/fs.h"
#include "base/io/loop.h"
#include "base/io/unixsock_internal.h"
#include "base/mem.h"
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128
#define ACCEPTS_PER_TURN 32
#define ACCEPT_RETRY_NS INT64_C(100000000) /* after the process ran out of descriptors or memory */

struct unixsock {
    struct loop *loop;
    int fd;
    struct loop_fd *watch;
    struct loop_timer *retry;
    unixsock_accept_fn *fn;
    void *user;
    struct unixsock_limits limits;
    int max_connections;
    struct list connections;
    int n_connections;
    bool is_freed;
    dev_t device; /* of the socket file we made: another's is not ours to remove */
    ino_t inode;
    struct sockaddr_un address;
    struct loop_hook reap;
};

/* -- accepting ------------------------------------------------------------------------------------------------------- */
void unixsock_conn_left(struct unixsock *listener)
{
    listener->n_connections--;
}

static void take_connection(struct unixsock *listener, int fd)
{
    struct unixsock_conn *conn = NULL;
    if (listener->n_connections >= listener->max_connections ||
        unixsock_conn_new(listener->loop, fd, &listener->limits, &conn) != MR_OK) {
        close(fd);
        return;
    }
    listener->n_connections++;
    unixsock_conn_enlist(conn, listener, &listener->connections);
    listener->fn(listener->user, conn);
}

/* Out of descriptors the listener stays readable: look away for a while instead of spinning. */
static void pause_accepting(struct unixsock *listener)
{
    loop_fd_want(listener->watch, 0);
    loop_timer_start(listener->retry, loop_now_ns(listener->loop) + ACCEPT_RETRY_NS);
}

static void on_retry(void *user)
{
    struct unixsock *listener = user;
    loop_fd_want(listener->watch, LOOP_READ);
}

static void on_listener_ready(void *user, unsigned ready)
{
    struct unixsock *listener = user;
    (void)ready;
    for (int n = 0; n < ACCEPTS_PER_TURN && !listener->is_freed; n++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0) {
            if (errno != EAGAIN)
                pause_accepting(listener);
            return;
        }
        take_connection(listener, fd);
    }
}

/* -- the path -------------------------------------------------------------------------------------------------------- */
static enum mr_rc path_failed(const char *what, const char *path, struct err *err)
{
    int error_number = errno;
    err_set(err, "cannot %s socket %s: %s", what, path, strerror(error_number));
    return fs_rc(error_number);
}

static int open_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* True when a connection to the socket file is taken or would be: only ECONNREFUSED says that nobody listens. */
static bool is_listened_on(const struct sockaddr_un *address)
{
    int fd = open_socket();
    if (fd < 0)
        return true;
    bool is_refused = connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 && errno == ECONNREFUSED;
    close(fd);
    return !is_refused;
}

/* Removes a socket file that its owner left behind. */
static enum mr_rc clear_path(const struct sockaddr_un *address, struct err *err)
{
    struct stat status;
    const char *path = address->sun_path;
    if (lstat(path, &status) != 0)
        return errno == ENOENT ? MR_OK : path_failed("look at", path, err);
    if (!S_ISSOCK(status.st_mode)) {
        err_set(err, "%s is there and is no socket: remove it, or choose another path", path);
        return MR_INVALID;
    }
    if (is_listened_on(address)) {
        err_set(err, "socket %s is in use by another agent: stop that one, or choose another path", path);
        return MR_INVALID;
    }
    return unlink(path) == 0 || errno == ENOENT ? MR_OK : path_failed("replace", path, err);
}

/* Binds so that at no moment the socket has more rights than mode. */
static enum mr_rc bind_path(struct unixsock *listener, mode_t mode, struct err *err)
{
    struct stat status;
    const char *path = listener->address.sun_path;
    const struct sockaddr *address = (const struct sockaddr *)&listener->address;
    if (fchmod(listener->fd, mode) != 0 || bind(listener->fd, address, sizeof listener->address) != 0)
        return path_failed("make", path, err);
    if (chmod(path, mode) == 0 && lstat(path, &status) == 0 && listen(listener->fd, BACKLOG) == 0) {
        listener->device = status.st_dev;
        listener->inode = status.st_ino;
        return MR_OK;
    }
    enum mr_rc rc = path_failed("listen on", path, err);
    unlink(path);
    return rc;
}

static void remove_path(const struct unixsock *listener)
{
    struct stat status;
    const char *path = listener->address.sun_path;
    if (lstat(path, &status) == 0 && status.st_dev == listener->device && status.st_ino == listener->inode)
        unlink(path);
}

/* -- life ------------------------------------------------------------------------------------------------------------ */
static enum mr_rc open_listener(struct unixsock *listener, mode_t mode, struct err *err)
{
    enum mr_rc rc = clear_path(&listener->address, err);
    if (rc != MR_OK)
        return rc;
    listener->fd = open_socket();
    if (listener->fd < 0)
        return path_failed("make", listener->address.sun_path, err);
    rc = loop_timer_new(listener->loop, on_retry, listener, &listener->retry);
    if (rc == MR_OK)
        rc = loop_fd_new(listener->loop, listener->fd, LOOP_READ, on_listener_ready, listener, &listener->watch);
    if (rc != MR_OK) {
        err_set(err, "out of memory for socket %s", listener->address.sun_path);
        return rc;
    }
    return bind_path(listener, mode, err);
}

static void close_listener(struct unixsock *listener)
{
    loop_timer_free(listener->retry);
    loop_fd_free(listener->watch);
    if (listener->fd >= 0)
        close(listener->fd);
}

enum mr_rc unixsock_listen(struct loop *loop, const struct unixsock_options *options, unixsock_accept_fn *fn,
                           void *user, struct unixsock **ret, struct err *err)
{
    size_t path_len = strlen(options->path);
    assert(options->max_queued_frames > 0);
    if (path_len == 0 || path_len >= sizeof((struct sockaddr_un *)0)->sun_path) {
        err_set(err, "the socket path '%s' is %s", options->path, path_len ? "longer than 107 bytes" : "empty");
        return MR_INVALID;
    }
    struct unixsock *listener = mem_calloc(1, sizeof *listener);
    if (!listener) {
        err_set(err, "out of memory for socket %s", options->path);
        return MR_NO_MEMORY;
    }
    *listener = (struct unixsock){
        .loop = loop,
        .fd = -1,
        .fn = fn,
        .user = user,
        .limits = {.max_queued_bytes = options->max_queued_bytes, .max_queued_frames = options->max_queued_frames},
        .max_connections = options->max_connections,
        .address = {.sun_family = AF_UNIX},
    };
    list_init(&listener->connections);
    memcpy(listener->address.sun_path, options->path, path_len + 1);
    enum mr_rc rc = open_listener(listener, options->mode, err);
    if (rc != MR_OK) {
        close_listener(listener);
        mem_free(listener);
        return rc;
    }
    *ret = listener;
    return MR_OK;
}

void unixsock_free(struct unixsock *listener)
{
    if (!listener || listener->is_freed)
        return;
    listener->is_freed = true;
    remove_path(listener);
    close_listener(listener);
    for (struct list *link = list_first(&listener->connections); link; link = list_first(&listener->connections))
        unixsock_conn_delist(link);
    loop_defer(listener->loop, &listener->reap, mem_free, listener);
}
