/* unixsock.h - unix stream listener whose connections carry length-prefixed frames (base/framing.h). */
#ifndef BASE_IO_UNIXSOCK_H
#define BASE_IO_UNIXSOCK_H
#include "base/rc.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define UNIXSOCK_FRAME_MAX (128U * 1024U) /* bytes of one frame */

struct blob;
struct err;
struct loop;
struct unixsock;
struct unixsock_conn;

/* Who is at the other end, as the kernel says (SO_PEERCRED at connect time). */
struct unixsock_peer {
    uid_t uid;
    gid_t gid;
    pid_t pid; /* in our pid namespace; 0 if it has none there */
};

struct unixsock_options {
    const char *path;         /* at most 107 bytes; the folder must exist */
    mode_t mode;              /* of the socket, e.g. 0660 */
    size_t max_queued_bytes;  /* per connection, waiting to be written; above: MR_WOULD_BLOCK */
    size_t max_queued_frames; /* the same in frames, at least 1 */
    int max_connections;      /* further ones are closed at once */
};

struct unixsock_callbacks {
    void (*on_frame)(void *user, const uint8_t *data, size_t len); /* 1 to UNIXSOCK_FRAME_MAX; borrowed until return */
    void (*on_writable)(void *user); /* once after each MR_WOULD_BLOCK, when half the queue is free; may be NULL */
    /* Once, last of all callbacks, unless unixsock_conn_free() came first. The connection must then be freed. words are
     * borrowed until return. */
    void (*on_closed)(void *user, const char *words);
};

/* A connection has come; the callee owns it: it calls unixsock_conn_start(), now or later, or unixsock_conn_free(). */
typedef void unixsock_accept_fn(void *user, struct unixsock_conn *conn);

/* Listens. A socket file that nobody listens on is replaced. MR_INVALID: path too long, not a socket, or in use by a
 * listener ("socket PATH is in use by another agent"); MR_NOT_FOUND: no folder; MR_DENIED; MR_NO_MEMORY. */
MUST enum mr_rc unixsock_listen(struct loop *loop, const struct unixsock_options *options, unixsock_accept_fn *fn,
                                void *user, struct unixsock **ret, struct err *err);

/* Stops listening and removes the socket file, if it is still ours. Connections live on. NULL is fine. */
void unixsock_free(struct unixsock *listener);

/* Begins to read. callbacks and user are borrowed until on_closed or unixsock_conn_free(). */
void unixsock_conn_start(struct unixsock_conn *conn, const struct unixsock_callbacks *callbacks, void *user);

/* Closes; what is queued is lost. Also from within its callbacks; no callback after it. NULL is fine. */
void unixsock_conn_free(struct unixsock_conn *conn);

/* Stops (true) or takes up (false) reading: a peer that sends too much then waits in its own write. */
void unixsock_conn_pause(struct unixsock_conn *conn, bool is_paused);

const struct unixsock_peer *unixsock_conn_peer(const struct unixsock_conn *conn);

/* Queues one frame, takes its own reference; frames of one turn leave in one system call at its end.
 * MR_WOULD_BLOCK: the queue is full, nothing was taken; MR_CLOSED: the connection has ended; MR_TOO_BIG: longer than
 * UNIXSOCK_FRAME_MAX; MR_INVALID: empty. */
MUST enum mr_rc unixsock_send(struct unixsock_conn *conn, struct blob *blob);

/* Bytes waiting to be written, prefixes included. */
size_t unixsock_queued_bytes(const struct unixsock_conn *conn);
#endif
