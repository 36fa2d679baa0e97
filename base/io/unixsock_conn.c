/* unixsock_conn.c - one unix stream connection: frames in from a reassembling buffer, frames out from a bounded queue. */
#include "base/blob.h"
#include "base/framing.h"
#include "base/io/loop.h"
#include "base/io/unixsock.h"
#include "base/io/unixsock_internal.h"
#include "base/mem.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define WRITE_FRAMES 64U /* frames of one system call */

/*   NEW ──start──▶ RUNNING ◀──pause──▶ PAUSED
 *                     └──────▶ ENDED ◀──┘      on_closed, then only unixsock_conn_free()
 *   any ──free──▶ FREED                        reaped when the turn ends */
enum state { NEW, RUNNING, PAUSED, ENDED, FREED };

struct unixsock_conn {
    struct loop *loop;
    enum state state;
    int fd;
    struct loop_fd *watch;
    struct unixsock_peer peer;
    const struct unixsock_callbacks *callbacks;
    void *user;
    struct framing_reader reader;
    struct unixsock_limits limits;
    struct blob **queue; /* a ring of queue_size slots, grown by use */
    size_t queue_size, queue_first, queue_frames, queue_bytes;
    size_t first_sent;   /* bytes of the first queued frame, prefix included, that are written */
    bool is_room_wanted; /* a send was refused: on_writable is owed */
    bool is_blocked;     /* the last write was refused: wait for room */
    bool is_deaf;        /* the peer reads no more; what it sent before is still to be read */
    struct unixsock *listener;
    struct list link;
    struct loop_hook flush, resume, reap;
};

/* -- life ------------------------------------------------------------------------------------------------------------ */
void unixsock_conn_enlist(struct unixsock_conn *conn, struct unixsock *listener, struct list *head)
{
    conn->listener = listener;
    list_push_back(head, &conn->link);
}

void unixsock_conn_delist(struct list *link)
{
    struct unixsock_conn *conn = container_of(link, struct unixsock_conn, link);
    conn->listener = NULL;
    list_remove(link);
}

static void on_ready(void *user, unsigned ready);

enum mr_rc unixsock_conn_new(struct loop *loop, int fd, const struct unixsock_limits *limits,
                             struct unixsock_conn **ret)
{
    struct ucred credentials = {0};
    socklen_t len = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) != 0)
        return MR_UNKNOWN;
    struct unixsock_conn *conn = mem_calloc(1, sizeof *conn);
    if (!conn)
        return MR_NO_MEMORY;
    conn->loop = loop;
    conn->fd = fd;
    conn->limits = *limits;
    conn->peer = (struct unixsock_peer){.uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid};
    list_init(&conn->link);
    framing_init(&conn->reader, UNIXSOCK_FRAME_MAX);
    if (loop_fd_new(loop, fd, 0, on_ready, conn, &conn->watch) != MR_OK) {
        mem_free(conn);
        return MR_NO_MEMORY;
    }
    *ret = conn;
    return MR_OK;
}

static void drop_queue(struct unixsock_conn *conn)
{
    for (; conn->queue_frames > 0; conn->queue_frames--) {
        blob_unref(conn->queue[conn->queue_first]);
        conn->queue_first = (conn->queue_first + 1) % conn->queue_size;
    }
    conn->queue_bytes = 0;
}

/* Everything but the memory that a callback going on may still read. */
static void let_go(struct unixsock_conn *conn)
{
    loop_unhook(conn->loop, &conn->flush);
    loop_unhook(conn->loop, &conn->resume);
    loop_fd_free(conn->watch);
    conn->watch = NULL;
    if (conn->fd >= 0)
        close(conn->fd);
    conn->fd = -1;
    drop_queue(conn);
}

static void reap(void *user)
{
    struct unixsock_conn *conn = user;
    framing_fini(&conn->reader);
    mem_free(conn->queue);
    mem_free(conn);
}

void unixsock_conn_free(struct unixsock_conn *conn)
{
    if (!conn || conn->state == FREED)
        return;
    let_go(conn);
    conn->state = FREED;
    if (conn->listener) {
        unixsock_conn_left(conn->listener);
        unixsock_conn_delist(&conn->link);
    }
    loop_defer(conn->loop, &conn->reap, reap, conn);
}

static void end(struct unixsock_conn *conn, const char *words)
{
    if (conn->state != RUNNING && conn->state != PAUSED)
        return;
    conn->state = ENDED;
    let_go(conn);
    conn->callbacks->on_closed(conn->user, words);
}

const struct unixsock_peer *unixsock_conn_peer(const struct unixsock_conn *conn)
{
    return &conn->peer;
}

/* -- what to watch for ----------------------------------------------------------------------------------------------- */
/* Output is waited for only after a write was refused; a paused connection is not read. */
static void update_watch(struct unixsock_conn *conn)
{
    loop_fd_want(conn->watch, (conn->state == RUNNING ? LOOP_READ : 0U) | (conn->is_blocked ? LOOP_WRITE : 0U));
}

/* -- reading --------------------------------------------------------------------------------------------------------- */
static void end_framing(struct unixsock_conn *conn, enum mr_rc rc)
{
    char words[64];
    if (rc == MR_TOO_BIG)
        snprintf(words, sizeof words, "it sent a frame longer than %u bytes", UNIXSOCK_FRAME_MAX);
    else
        snprintf(words, sizeof words, "it sent an empty frame");
    end(conn, words);
}

static void deliver(struct unixsock_conn *conn)
{
    const uint8_t *data = NULL;
    size_t len = 0;
    while (conn->state == RUNNING) {
        enum mr_rc rc = framing_next(&conn->reader, &data, &len);
        if (rc == MR_WOULD_BLOCK)
            return;
        if (rc != MR_OK)
            end_framing(conn, rc);
        else
            conn->callbacks->on_frame(conn->user, data, len);
    }
}

/* One read a turn: the rest keeps the descriptor readable. Descriptors that a peer passes along (SCM_RIGHTS) are closed by
 * the kernel, since recv() has no place for them. */
static void read_some(struct unixsock_conn *conn)
{
    uint8_t *space = NULL;
    size_t room = 0;
    if (framing_space(&conn->reader, &space, &room) != MR_OK) {
        end(conn, "out of memory for its frame");
        return;
    }
    ssize_t n = recv(conn->fd, space, room, 0);
    if (n > 0) {
        framing_fed(&conn->reader, (size_t)n);
        deliver(conn);
    } else if (n == 0 || errno == ECONNRESET) { /* reset: it closed with something of ours unread */
        end(conn, framing_pending(&conn->reader) ? "it closed in the middle of a frame" : "it closed the connection");
    } else if (errno != EAGAIN && errno != EINTR) {
        end(conn, strerror(errno));
    }
}

static void on_resume(void *user)
{
    deliver(user);
}

void unixsock_conn_start(struct unixsock_conn *conn, const struct unixsock_callbacks *callbacks, void *user)
{
    if (conn->state != NEW)
        return;
    conn->callbacks = callbacks;
    conn->user = user;
    conn->state = RUNNING;
    update_watch(conn);
}

void unixsock_conn_pause(struct unixsock_conn *conn, bool is_paused)
{
    if (conn->state != (is_paused ? RUNNING : PAUSED))
        return;
    conn->state = is_paused ? PAUSED : RUNNING;
    update_watch(conn);
    if (conn->state == RUNNING)
        loop_defer(conn->loop, &conn->resume, on_resume, conn); /* frames that came with the last read */
    else
        loop_unhook(conn->loop, &conn->resume);
}

/* -- writing --------------------------------------------------------------------------------------------------------- */
static size_t frame_bytes(const struct blob *blob)
{
    return FRAMING_PREFIX_BYTES + blob->len;
}

static struct blob *queued(const struct unixsock_conn *conn, size_t i)
{
    return conn->queue[(conn->queue_first + i) % conn->queue_size];
}

/* Cuts skip bytes off the front of the vectors. */
static void skip_bytes(struct iovec *vectors, size_t n, size_t skip)
{
    for (size_t i = 0; i < n && skip > 0; i++) {
        size_t cut = skip < vectors[i].iov_len ? skip : vectors[i].iov_len;
        vectors[i].iov_base = (uint8_t *)vectors[i].iov_base + cut;
        vectors[i].iov_len -= cut;
        skip -= cut;
    }
}

/* Writes as many queued frames as one call takes. As write(). */
static ssize_t write_queued(struct unixsock_conn *conn)
{
    struct iovec vectors[2 * WRITE_FRAMES] = {{0}};
    uint8_t prefixes[WRITE_FRAMES][FRAMING_PREFIX_BYTES];
    size_t n = conn->queue_frames < WRITE_FRAMES ? conn->queue_frames : WRITE_FRAMES;
    for (size_t i = 0; i < n; i++) {
        struct blob *blob = queued(conn, i);
        framing_put_prefix(prefixes[i], blob->len);
        vectors[2 * i] = (struct iovec){.iov_base = prefixes[i], .iov_len = FRAMING_PREFIX_BYTES};
        vectors[2 * i + 1] = (struct iovec){.iov_base = blob->data, .iov_len = blob->len};
    }
    skip_bytes(vectors, 2 * n, conn->first_sent);
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = 2 * n};
    return sendmsg(conn->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Drops the frames that len more written bytes complete. */
static void forget_written(struct unixsock_conn *conn, size_t len)
{
    conn->queue_bytes -= len;
    conn->first_sent += len;
    while (conn->queue_frames > 0 && conn->first_sent >= frame_bytes(queued(conn, 0))) {
        struct blob *blob = queued(conn, 0);
        conn->first_sent -= frame_bytes(blob);
        conn->queue_first = (conn->queue_first + 1) % conn->queue_size;
        conn->queue_frames--;
        blob_unref(blob);
    }
}

static void tell_writable(struct unixsock_conn *conn)
{
    if (!conn->is_room_wanted || conn->queue_bytes > conn->limits.max_queued_bytes / 2 ||
        conn->queue_frames > conn->limits.max_queued_frames / 2)
        return;
    conn->is_room_wanted = false;
    if (conn->callbacks && conn->callbacks->on_writable)
        conn->callbacks->on_writable(conn->user);
}

/* The connection ends with the end of its input, so that what an app sent before it exited is not lost. */
static void turn_deaf(struct unixsock_conn *conn)
{
    conn->is_deaf = true;
    conn->is_blocked = false;
    drop_queue(conn);
}

static void flush(void *user)
{
    struct unixsock_conn *conn = user;
    conn->is_blocked = false;
    while (conn->queue_frames > 0 && !conn->is_blocked) {
        ssize_t n = write_queued(conn);
        if (n >= 0)
            forget_written(conn, (size_t)n);
        else if (errno == EAGAIN)
            conn->is_blocked = true;
        else if (errno != EINTR)
            turn_deaf(conn);
    }
    update_watch(conn);
    if (!conn->is_deaf)
        tell_writable(conn);
}

/* Doubles the ring up to the limit. */
static enum mr_rc grow_queue(struct unixsock_conn *conn)
{
    size_t size = conn->queue_size ? conn->queue_size * 2 : 16;
    if (size > conn->limits.max_queued_frames)
        size = conn->limits.max_queued_frames;
    struct blob **larger = mem_alloc(size * sizeof(struct blob *));
    if (!larger)
        return MR_NO_MEMORY;
    for (size_t i = 0; i < conn->queue_frames; i++)
        larger[i] = queued(conn, i);
    mem_free(conn->queue);
    conn->queue = larger;
    conn->queue_size = size;
    conn->queue_first = 0;
    return MR_OK;
}

enum mr_rc unixsock_send(struct unixsock_conn *conn, struct blob *blob)
{
    if (conn->state >= ENDED || conn->is_deaf)
        return MR_CLOSED;
    if (blob->len == 0 || blob->len > UNIXSOCK_FRAME_MAX)
        return blob->len ? MR_TOO_BIG : MR_INVALID;
    if (conn->queue_frames == conn->limits.max_queued_frames ||
        (conn->queue_frames > 0 && conn->queue_bytes + frame_bytes(blob) > conn->limits.max_queued_bytes)) {
        conn->is_room_wanted = true;
        return MR_WOULD_BLOCK;
    }
    if (conn->queue_frames == conn->queue_size && grow_queue(conn) != MR_OK)
        return MR_NO_MEMORY;
    conn->queue[(conn->queue_first + conn->queue_frames++) % conn->queue_size] = blob_ref(blob);
    conn->queue_bytes += frame_bytes(blob);
    loop_defer(conn->loop, &conn->flush, flush, conn);
    return MR_OK;
}

size_t unixsock_queued_bytes(const struct unixsock_conn *conn)
{
    return conn->queue_bytes;
}

static void on_ready(void *user, unsigned ready)
{
    struct unixsock_conn *conn = user;
    if (ready & LOOP_WRITE)
        flush(conn);
    if (ready & LOOP_READ && conn->state == RUNNING)
        read_some(conn);
}
