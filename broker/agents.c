/* agents.c - connections of agents become ports of the hub and end with them. */
#include "broker/agents.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "broker/refusal.h"
#include "proto/limits.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
    BLOCKED_MS = 20,                           /* libzmq does not say when a peer takes frames again: asked so often */
    PERSON_NAME_SIZE = REGISTRY_NAME_SIZE + 11 /* "~" and a number */
};

static const int64_t ns_per_ms = 1000000;

enum conn_state { OPEN, LEAVING, CUT };

struct conn {
    struct list in_list;  /* dirty, blocked or ending: one at a time */
    struct blob *pending; /* libzmq had no room for it */
    int64_t until_ns;     /* LEAVING, CUT: when the next state comes */
    enum conn_state state;
    uint32_t peer, port; /* port 0: has none (any more) */
    uint32_t number;     /* of a person's sessions, from 1 */
    int fd;
    ino_t inode; /* of fd: tells whether the number still means this connection */
    char user_id[ZAP_USER_ID_SIZE];
    char path[TOPIC_MAX_BYTES + 1];
};

struct agents {
    struct agents_options options;
    const struct registry *registry;
    struct zserver *server;
    struct loop_timer *timer;
    struct map64 by_peer;
    struct conn **by_port; /* [0] unused */
    struct list dirty, blocked, ending;
    uint32_t n; /* not CUT */
    bool is_closing;
};

/* -- ends ------------------------------------------------------------------------------------------------------------ */
static int64_t soon(const struct agents *a, int64_t ms)
{
    return loop_now_ns(a->options.loop) + ms * ns_per_ms;
}

static void move(struct conn *conn, struct list *to)
{
    list_remove(&conn->in_list);
    list_push_back(to, &conn->in_list);
}

static void free_conn(struct agents *a, struct conn *conn)
{
    map64_remove(&a->by_peer, conn->peer);
    list_remove(&conn->in_list);
    blob_unref(conn->pending);
    mem_free(conn);
}

static void set_timer(struct agents *a)
{
    const struct list *first = list_first(&a->ending);
    int64_t at_ns = first ? container_of(first, struct conn, in_list)->until_ns : INT64_MAX;
    if (!list_is_empty(&a->blocked) && soon(a, BLOCKED_MS) < at_ns)
        at_ns = soon(a, BLOCKED_MS);
    if (at_ns < INT64_MAX)
        loop_timer_start(a->timer, at_ns);
}

/* The number of a descriptor may mean another connection by now: its inode never does. */
static void cut(struct agents *a, struct conn *conn)
{
    struct stat now;
    if (conn->fd >= 0 && fstat(conn->fd, &now) == 0 && now.st_ino == conn->inode)
        zserver_shutdown_peer(a->server, conn->fd);
    conn->state = CUT;
    a->n--;
}

static void wait_for_next(struct agents *a, struct conn *conn)
{
    conn->until_ns = soon(a, AGENTS_LEAVE_MS);
    move(conn, &a->ending);
}

static void on_timer(void *user)
{
    struct agents *a = user;
    int64_t now_ns = loop_now_ns(a->options.loop);
    struct list *at, *after;
    LIST_EACH(at, after, &a->ending)
    {
        struct conn *conn = container_of(at, struct conn, in_list);
        if (conn->until_ns > now_ns)
            break; /* all wait equally long: in the order of their ends */
        if (conn->state == CUT) {
            free_conn(a, conn);
            continue;
        }
        cut(a, conn);
        wait_for_next(a, conn);
    }
    LIST_EACH(at, after, &a->blocked)
    move(container_of(at, struct conn, in_list), &a->dirty);
    set_timer(a);
}

/* -- out ------------------------------------------------------------------------------------------------------------- */
/* Sends what there is; MR_WOULD_BLOCK: the rest must wait; MR_CLOSED: the peer is gone. */
static enum mr_rc pump(struct agents *a, struct conn *conn)
{
    for (;;) {
        struct blob *frame = conn->pending ? conn->pending : conn->port ? hub_take(a->options.hub, conn->port) : NULL;
        conn->pending = NULL;
        if (!frame)
            return MR_OK;
        enum mr_rc rc = zserver_send_blob(a->server, conn->peer, frame);
        if (rc == MR_WOULD_BLOCK || rc == MR_NO_MEMORY) {
            conn->pending = frame;
            return MR_WOULD_BLOCK;
        }
        blob_unref(frame);
        if (rc)
            return MR_CLOSED;
    }
}

static void leave_hub(struct agents *a, struct conn *conn)
{
    if (conn->port) {
        a->by_port[conn->port] = NULL;
        hub_close(a->options.hub, conn->port);
    }
    conn->port = 0;
}

static void flush(struct agents *a, struct conn *conn)
{
    enum mr_rc rc = pump(a, conn);
    list_remove(&conn->in_list);
    if (rc == MR_CLOSED) {
        leave_hub(a, conn);
        conn->state = CUT;
        a->n--;
        wait_for_next(a, conn);
    } else if (conn->state == LEAVING) {
        leave_hub(a, conn);
        wait_for_next(a, conn);
    } else if (rc == MR_WOULD_BLOCK) {
        move(conn, &a->blocked);
    }
}

bool agents_flush(struct agents *a)
{
    bool is_closed = false;
    if (list_is_empty(&a->dirty))
        return false;
    for (struct list *at; (at = list_first(&a->dirty));) {
        struct conn *conn = container_of(at, struct conn, in_list);
        flush(a, conn);
        is_closed |= conn->state != OPEN;
    }
    set_timer(a);
    return is_closed;
}

static struct conn *conn_at(const struct agents *a, uint32_t port)
{
    return port <= a->options.max_sessions ? a->by_port[port] : NULL;
}

void agents_on_output(struct agents *a, uint32_t port)
{
    struct conn *conn = conn_at(a, port);
    if (conn && conn->state != CUT)
        move(conn, &a->dirty);
}

static void begin_leaving(struct agents *a, struct conn *conn)
{
    if (conn->state != OPEN)
        return;
    conn->state = LEAVING;
    move(conn, &a->dirty);
}

void agents_on_over(struct agents *a, uint32_t port)
{
    struct conn *conn = conn_at(a, port);
    if (conn)
        begin_leaving(a, conn);
}

static void bye(struct agents *a, struct conn *conn, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    hub_bye(a->options.hub, conn->port, rc, reason, retry_ms);
    begin_leaving(a, conn);
}

void agents_bye_all(struct agents *a, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    a->is_closing = true;
    for (uint32_t i = 1; i <= a->options.max_sessions; i++)
        if (a->by_port[i])
            bye(a, a->by_port[i], rc, reason, retry_ms);
}

/* -- in -------------------------------------------------------------------------------------------------------------- */
static struct conn *new_conn(struct agents *a, const struct zmessage *message)
{
    struct stat now = {0};
    struct conn *conn = mem_calloc(1, sizeof *conn);
    if (!conn)
        return NULL;
    conn->peer = message->peer;
    conn->fd = message->fd >= 0 && fstat(message->fd, &now) == 0 ? message->fd : -1;
    conn->inode = now.st_ino;
    list_init(&conn->in_list);
    snprintf(conn->user_id, sizeof conn->user_id, "%s", message->user_id);
    if (map64_put(&a->by_peer, conn->peer, conn, NULL) != MR_OK) {
        mem_free(conn);
        return NULL;
    }
    a->n++;
    return conn;
}

/* The number for one more session of this identity; 0: it has as many as it may. Where a person's sessions are told apart
 * by their numbers, a machine's newer one takes the older one's place. */
static uint32_t session_number(const struct agents *a, const char *user_id, enum registry_kind kind)
{
    uint32_t max = kind == REGISTRY_PERSON ? SESSIONS_PER_PERSON : SESSIONS_PER_MACHINE;
    uint32_t used = 0;
    for (uint32_t i = 1; i <= a->options.max_sessions; i++)
        if (a->by_port[i] && strcmp(a->by_port[i]->user_id, user_id) == 0)
            used |= UINT32_C(1) << a->by_port[i]->number;
    for (uint32_t number = 1; number <= max; number++)
        if (!(used & UINT32_C(1) << number))
            return number;
    return 0;
}

/* Every session of a person is an identity of its own: its births and live numbers are not the other sessions'. */
static void session_identity(const struct registry_identity *who, uint32_t number, char ret[PERSON_NAME_SIZE])
{
    if (who->kind == REGISTRY_PERSON && number > 1)
        snprintf(ret, PERSON_NAME_SIZE, "%s~%u", who->name, number);
    else
        snprintf(ret, PERSON_NAME_SIZE, "%s", who->name);
}

static enum mr_rc open_port(struct agents *a, struct conn *conn, const struct zmessage *message, struct err *err)
{
    char identity[PERSON_NAME_SIZE];
    const struct registry_identity *who = registry_find_user(a->registry, conn->user_id);
    if (!who || a->is_closing) {
        err_set(err, who ? "the broker stops" : "this key is not in the registry any more");
        return who ? MR_CLOSED : MR_DENIED;
    }
    conn->number = session_number(a, conn->user_id, who->kind);
    if (!conn->number) {
        err_set(err, "'%s' has %d sessions already, which is the limit of a %s", who->name,
                who->kind == REGISTRY_PERSON ? SESSIONS_PER_PERSON : SESSIONS_PER_MACHINE,
                who->kind == REGISTRY_PERSON ? "person" : "machine");
        return MR_TOO_BIG;
    }
    session_identity(who, conn->number, identity);
    snprintf(conn->path, sizeof conn->path, "%s", who->path);
    const struct port_peer peer = {
        .kind = PORT_AGENT, .identity = identity, .path = who->path, .address = message->address};
    enum mr_rc rc = hub_accept(a->options.hub, &peer, &conn->port, err);
    if (!rc)
        a->by_port[conn->port] = conn;
    return rc;
}

/* A connection that proved a known key says its first word. */
static struct conn *admit(struct agents *a, const struct zmessage *message)
{
    struct err err = {{0}};
    struct conn *conn = new_conn(a, message);
    if (!conn) {
        log_event(ERROR, "BROKER-REFUSED", "peer=%s address=%s reason=%s", message->user_id, message->address,
                  rc_text(MR_NO_MEMORY));
        zserver_shutdown_peer(a->server, message->fd);
        return NULL;
    }
    enum mr_rc rc = open_port(a, conn, message, &err);
    if (!rc)
        return conn;
    const char *reason = *err.text ? err.text : rc_text(rc);
    log_event(ERROR, "BROKER-REFUSED", "peer=%s address=%s reason=%s", message->user_id, message->address, reason);
    conn->pending = refusal_frame(rc, reason);
    begin_leaving(a, conn);
    return NULL;
}

static void on_message(void *user, const struct zmessage *message)
{
    struct agents *a = user;
    struct conn *conn = map64_get(&a->by_peer, message->peer);
    if (!conn)
        conn = admit(a, message);
    if (!conn || conn->state != OPEN)
        return;
    if (hub_input(a->options.hub, conn->port, message->data, message->len) != MR_OK)
        begin_leaving(a, conn); /* why was told by on_over */
}

/* -- life ------------------------------------------------------------------------------------------------------------ */
enum mr_rc agents_new(struct agents **ret, const struct agents_options *options, struct err *err)
{
    struct agents *a = mem_calloc(1, sizeof *a);
    if (!a) {
        err_set(err, "%s", rc_text(MR_NO_MEMORY));
        return MR_NO_MEMORY;
    }
    const struct hash_key seed = {rand_u64(options->rand), rand_u64(options->rand)};
    a->options = *options;
    a->registry = options->registry;
    list_init(&a->dirty);
    list_init(&a->blocked);
    list_init(&a->ending);
    map64_init(&a->by_peer, MAP_MAX_ENTRIES, &seed);
    a->by_port = mem_calloc((size_t)options->max_sessions + 1, sizeof *a->by_port);
    enum mr_rc rc = a->by_port ? loop_timer_new(options->loop, on_timer, a, &a->timer) : MR_NO_MEMORY;
    if (rc) {
        err_set(err, "%s", rc_text(rc));
        agents_free(a);
        return rc;
    }
    *ret = a;
    return MR_OK;
}

enum mr_rc agents_listen(struct agents *a, const struct zserver_options *options, struct err *err)
{
    return zserver_new(a->options.loop, a->options.zctx, options, on_message, a, &a->server, err);
}

void agents_free(struct agents *a)
{
    uint32_t cursor = 0;
    if (!a)
        return;
    zserver_free(a->server);
    loop_timer_free(a->timer);
    for (struct conn *conn; (conn = map64_next(&a->by_peer, &cursor, NULL));)
        free_conn(a, conn);
    map64_fini(&a->by_peer);
    mem_free(a->by_port);
    mem_free(a);
}

void agents_set_registry(struct agents *a, const struct registry *registry)
{
    a->registry = registry;
    for (uint32_t i = 1; i <= a->options.max_sessions; i++) {
        struct conn *conn = a->by_port[i];
        if (!conn || conn->state != OPEN)
            continue;
        const struct registry_identity *who = registry_find_user(registry, conn->user_id);
        if (!who) {
            log_event(WARN, "BROKER-REVOKED", "peer=%s", conn->user_id);
            bye(a, conn, MR_DENIED, "this key is not in the registry any more", 0);
        } else if (strcmp(who->path, conn->path) != 0) {
            bye(a, conn, MR_CLOSED, "the registry has another path for this identity", 0);
        }
    }
}

uint32_t agents_count(const struct agents *a)
{
    return a->n;
}

uint16_t agents_port(const struct agents *a)
{
    return a->server ? zserver_port(a->server) : 0;
}

const char *agents_address(const struct agents *a)
{
    return a->server ? zserver_address(a->server) : "";
}

void agents_get_stats(const struct agents *a, struct zserver_stats *ret)
{
    *ret = (struct zserver_stats){0};
    if (a->server)
        zserver_get_stats(a->server, ret);
}
