/* listener.c - connections that come in become ports of the hub and end with them. */
#include "broker/listener.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "bus/refusal.h"
#include "proto/limits.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
    BLOCKED_MS = 20,                   /* libzmq does not say when a peer takes frames again: asked so often */
    IDENTITY_SIZE = KEYS_NAME_MAX + 12 /* a name, "~" and a number */
};

static const int64_t ns_per_ms = 1000000;

enum conn_state { OPEN, LEAVING, CUT };

struct conn {
    struct list in_list;  /* dirty, blocked, leaving or cut: one at a time */
    struct list in_user;  /* with a port: a ring of those of one user id */
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

struct listener {
    struct listener_options options;
    struct zserver *server;
    struct governor *governor;
    struct loop_timer *timer;
    struct map64 by_peer;
    struct map by_user;    /* user id -> one of its connections with a port */
    struct conn **by_port; /* [0] unused */
    struct list dirty, blocked, leaving, cut;
    uint32_t n;        /* not CUT */
    uint32_t sessions; /* with a port */
    bool is_closing;
};

/* -- ends ------------------------------------------------------------------------------------------------------------ */
static int64_t soon(const struct listener *l, int64_t ms)
{
    return loop_now_ns(l->options.loop) + ms * ns_per_ms;
}

static void move(struct conn *conn, struct list *to)
{
    list_remove(&conn->in_list);
    list_push_back(to, &conn->in_list);
}

static void free_conn(struct listener *l, struct conn *conn)
{
    map64_remove(&l->by_peer, conn->peer);
    list_remove(&conn->in_list);
    blob_unref(conn->pending);
    mem_free(conn);
}

/* The first of those whose waiting ends by then; in a list all wait equally long, so they are in the order of it. NULL: none. */
static struct conn *first_until(const struct list *waiting, int64_t at_ns)
{
    const struct list *first = list_first(waiting);
    struct conn *conn = first ? container_of(waiting->next, struct conn, in_list) : NULL;
    return conn && conn->until_ns <= at_ns ? conn : NULL;
}

static void set_timer(struct listener *l)
{
    int64_t at_ns = INT64_MAX;
    const struct conn *leaving = first_until(&l->leaving, at_ns), *cut_off = first_until(&l->cut, at_ns);
    if (leaving)
        at_ns = leaving->until_ns;
    if (cut_off && cut_off->until_ns < at_ns)
        at_ns = cut_off->until_ns;
    if (!list_is_empty(&l->blocked) && soon(l, BLOCKED_MS) < at_ns)
        at_ns = soon(l, BLOCKED_MS);
    if (at_ns < INT64_MAX)
        loop_timer_start(l->timer, at_ns);
}

static void leave_soon(struct listener *l, struct conn *conn)
{
    conn->until_ns = soon(l, LISTENER_LEAVE_MS);
    move(conn, &l->leaving);
}

static void be_cut(struct listener *l, struct conn *conn)
{
    conn->state = CUT;
    l->n--;
    conn->until_ns = soon(l, LISTENER_CUT_MS);
    move(conn, &l->cut);
}

/* The number of a descriptor may mean another connection by now: its inode never does. */
static void cut(struct listener *l, struct conn *conn)
{
    struct stat now;
    if (conn->fd >= 0 && fstat(conn->fd, &now) == 0 && now.st_ino == conn->inode)
        zserver_shutdown_peer(l->server, conn->fd);
    be_cut(l, conn);
}

static void on_timer(void *user)
{
    struct listener *l = user;
    int64_t now_ns = loop_now_ns(l->options.loop);
    struct list *at, *after;
    for (struct conn *conn; (conn = first_until(&l->leaving, now_ns));)
        cut(l, conn);
    for (struct conn *conn; (conn = first_until(&l->cut, now_ns));)
        free_conn(l, conn);
    LIST_EACH(at, after, &l->blocked)
    move(container_of(at, struct conn, in_list), &l->dirty);
    set_timer(l);
}

/* -- out ------------------------------------------------------------------------------------------------------------- */
/* Sends what there is; MR_WOULD_BLOCK: the rest must wait; MR_CLOSED: the peer is gone. */
static enum mr_rc pump(struct listener *l, struct conn *conn)
{
    for (;;) {
        struct blob *frame = conn->pending ? conn->pending : conn->port ? hub_take(l->options.hub, conn->port) : NULL;
        conn->pending = NULL;
        if (!frame)
            return MR_OK;
        enum mr_rc rc = zserver_send_blob(l->server, conn->peer, frame);
        if (rc == MR_WOULD_BLOCK || rc == MR_NO_MEMORY) {
            conn->pending = frame;
            return MR_WOULD_BLOCK;
        }
        bool is_open = !rc && governor_on_sent(l->governor, conn->fd, conn->peer, frame->len);
        blob_unref(frame);
        if (!is_open)
            return MR_CLOSED;
    }
}

/* MR_NO_MEMORY */
static enum mr_rc join_user(struct listener *l, struct conn *conn)
{
    size_t len = strlen(conn->user_id);
    struct conn *other = map_get(&l->by_user, conn->user_id, len);
    if (!other)
        return map_put(&l->by_user, conn->user_id, len, conn, NULL);
    list_insert_before(&other->in_user, &conn->in_user);
    return MR_OK;
}

static void leave_user(struct listener *l, struct conn *conn)
{
    size_t len = strlen(conn->user_id);
    struct conn *next = container_of(conn->in_user.next, struct conn, in_user);
    list_remove(&conn->in_user);
    if (next == conn)
        map_remove(&l->by_user, conn->user_id, len);
    else
        (void)!map_put(&l->by_user, next->user_id, len, next, NULL); /* the key is there: takes no memory */
}

static void leave_hub(struct listener *l, struct conn *conn)
{
    if (conn->port) {
        leave_user(l, conn);
        l->by_port[conn->port] = NULL;
        l->sessions--;
        hub_close(l->options.hub, conn->port);
    }
    conn->port = 0;
}

static void flush(struct listener *l, struct conn *conn)
{
    enum mr_rc rc = pump(l, conn);
    list_remove(&conn->in_list);
    if (rc == MR_CLOSED) {
        leave_hub(l, conn);
        be_cut(l, conn);
    } else if (conn->state == LEAVING) {
        leave_hub(l, conn);
        leave_soon(l, conn);
    } else if (rc == MR_WOULD_BLOCK) {
        move(conn, &l->blocked);
    }
}

bool listener_flush(struct listener *l)
{
    bool is_closed = false;
    if (list_is_empty(&l->dirty))
        return false;
    for (struct list *at; (at = list_first(&l->dirty));) {
        struct conn *conn = container_of(at, struct conn, in_list);
        flush(l, conn);
        is_closed |= conn->state != OPEN;
    }
    set_timer(l);
    return is_closed;
}

static struct conn *conn_at(const struct listener *l, uint32_t port)
{
    return port <= l->options.max_ports ? l->by_port[port] : NULL;
}

bool listener_on_output(struct listener *l, uint32_t port)
{
    struct conn *conn = conn_at(l, port);
    if (conn && conn->state != CUT)
        move(conn, &l->dirty);
    return conn != NULL;
}

static void begin_leaving(struct listener *l, struct conn *conn)
{
    if (conn->state != OPEN)
        return;
    conn->state = LEAVING;
    move(conn, &l->dirty);
}

bool listener_on_over(struct listener *l, uint32_t port)
{
    struct conn *conn = conn_at(l, port);
    if (conn)
        begin_leaving(l, conn);
    return conn != NULL;
}

static void bye(struct listener *l, struct conn *conn, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    hub_bye(l->options.hub, conn->port, rc, reason, retry_ms);
    begin_leaving(l, conn);
}

void listener_bye_all(struct listener *l, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    l->is_closing = true;
    for (uint32_t i = 1; i <= l->options.max_ports; i++)
        if (l->by_port[i])
            bye(l, l->by_port[i], rc, reason, retry_ms);
}

/* -- in -------------------------------------------------------------------------------------------------------------- */
static struct conn *new_conn(struct listener *l, const struct zmessage *message)
{
    struct stat now = {0};
    struct conn *conn = mem_calloc(1, sizeof *conn);
    if (!conn)
        return NULL;
    conn->peer = message->peer;
    conn->fd = message->fd >= 0 && fstat(message->fd, &now) == 0 ? message->fd : -1;
    conn->inode = now.st_ino;
    list_init(&conn->in_list);
    list_init(&conn->in_user);
    snprintf(conn->user_id, sizeof conn->user_id, "%s", message->user_id);
    if (map64_put(&l->by_peer, conn->peer, conn, NULL) != MR_OK) {
        mem_free(conn);
        return NULL;
    }
    l->n++;
    return conn;
}

/* The number for one more session of this guest; 0: it has as many as it may. Where a person's sessions are told apart by
 * their numbers, the newer one of a machine or broker takes the older one's place. */
static uint32_t session_number(const struct listener *l, const struct guest *guest)
{
    const struct conn *first = map_get(&l->by_user, guest->user_id, strlen(guest->user_id)), *conn = first;
    uint32_t used = 0;
    while (conn) {
        used |= UINT32_C(1) << conn->number;
        conn = container_of(conn->in_user.next, const struct conn, in_user);
        conn = conn == first ? NULL : conn;
    }
    for (uint32_t number = 1; number <= guest->max_sessions; number++)
        if (!(used & UINT32_C(1) << number))
            return number;
    return 0;
}

/* Every session of a person is an identity of its own: its births and live numbers are not the other sessions'. */
static void session_identity(const struct guest *guest, uint32_t number, char ret[IDENTITY_SIZE])
{
    if (guest->is_numbered && number > 1)
        snprintf(ret, IDENTITY_SIZE, "%s~%u", guest->name, number);
    else
        snprintf(ret, IDENTITY_SIZE, "%s", guest->name);
}

/* Whether there is room for one more session of this guest; *ret_number is its number. */
static enum mr_rc find_room(const struct listener *l, const struct guest *guest, uint32_t *ret_number, struct err *err)
{
    if (l->is_closing) {
        err_set(err, "the broker stops");
        return MR_CLOSED;
    }
    if (l->sessions >= l->options.max_sessions) {
        err_set(err, "this broker has %u sessions already, which is its limit", l->sessions);
        return MR_TOO_BIG;
    }
    uint32_t number = session_number(l, guest);
    if (!number) {
        err_set(err, "'%s' has %u sessions already, which is the limit of a %s", guest->name, guest->max_sessions,
                guest->kind);
        return MR_TOO_BIG;
    }
    *ret_number = number;
    return MR_OK;
}

static const char *words_for_unknown(const struct listener *l)
{
    return l->options.kind == PORT_AGENT ? "this key is not in the registry any more"
                                         : "this key is not that of a peer in the directory any more";
}

static enum mr_rc open_port(struct listener *l, struct conn *conn, const struct zmessage *message, struct err *err)
{
    struct guest guest;
    char identity[IDENTITY_SIZE];
    if (!admission_find_user(l->options.admission, l->options.kind, conn->user_id, &guest)) {
        err_set(err, "%s", words_for_unknown(l));
        return MR_DENIED;
    }
    enum mr_rc rc = find_room(l, &guest, &conn->number, err);
    if (rc)
        return rc;
    session_identity(&guest, conn->number, identity);
    snprintf(conn->path, sizeof conn->path, "%s", guest.path);
    const struct port_peer peer = {
        .kind = l->options.kind, .identity = identity, .path = guest.path, .address = message->address};
    rc = join_user(l, conn);
    if (rc)
        return rc;
    rc = hub_accept(l->options.hub, &peer, &conn->port, err);
    if (rc) {
        leave_user(l, conn);
        return rc;
    }
    l->by_port[conn->port] = conn;
    l->sessions++;
    return MR_OK;
}

/* A connection that proved a known key says its first word. */
static struct conn *admit(struct listener *l, const struct zmessage *message)
{
    struct err err = {{0}};
    struct conn *conn = new_conn(l, message);
    if (!conn) {
        log_event(ERROR, "BROKER-REFUSED", "peer=%s address=%s reason=%s", message->user_id, message->address,
                  rc_text(MR_NO_MEMORY));
        zserver_shutdown_peer(l->server, message->fd);
        return NULL;
    }
    enum mr_rc rc = open_port(l, conn, message, &err);
    if (!rc)
        return conn;
    const char *reason = *err.text ? err.text : rc_text(rc);
    log_event(ERROR, "BROKER-REFUSED", "peer=%s address=%s reason=%s", message->user_id, message->address, reason);
    conn->pending = refusal_frame(rc, reason);
    begin_leaving(l, conn);
    return NULL;
}

static void on_message(void *user, const struct zmessage *message)
{
    struct listener *l = user;
    struct conn *conn = map64_get(&l->by_peer, message->peer);
    governor_on_message(l->governor, message);
    if (!conn)
        conn = admit(l, message);
    if (!conn || conn->state != OPEN)
        return;
    if (hub_input(l->options.hub, conn->port, message->data, message->len) != MR_OK)
        begin_leaving(l, conn); /* why was told by on_over */
}

/* -- life ------------------------------------------------------------------------------------------------------------ */
static const char *name_of(void *user, uint32_t peer)
{
    const struct listener *l = user;
    const struct conn *conn = map64_get(&l->by_peer, peer);
    return conn ? conn->user_id : "";
}

static void on_offence(void *user, const char *name)
{
    const struct listener *l = user;
    if (!l->options.penalties || !penalties_note(l->options.penalties, name, loop_now_ns(l->options.loop)))
        return;
    log_event(ERROR, "BROKER-SHUT-OUT", "peer=%s for_ms=%d reason=%s", name, PENALTIES_OUT_MS,
              "it breaks the protocol again and again: find out what runs there, or revoke its key");
}

void listener_on_admitted(struct listener *l, const char *address, const char *user_id)
{
    if (l->governor)
        governor_on_admitted(l->governor, address, user_id);
}

void listener_blame(struct listener *l, uint32_t port)
{
    const struct conn *conn = conn_at(l, port);
    if (conn)
        on_offence(l, conn->user_id);
}

static enum mr_rc new_governor(struct listener *l, const struct zserver_options *options, struct err *err)
{
    const struct governor_options of_governor = {.loop = l->options.loop,
                                                 .listener = admission_domain(l->options.kind),
                                                 .max_silent = l->options.max_silent,
                                                 .max_open = l->options.max_sessions + l->options.max_silent,
                                                 .max_message_bytes = options->max_message_bytes,
                                                 .name_of = name_of,
                                                 .on_offence = on_offence,
                                                 .user = l};
    return governor_new(&l->governor, &of_governor, err);
}

enum mr_rc listener_new(struct listener **ret, const struct listener_options *options, struct err *err)
{
    struct listener *l = mem_calloc(1, sizeof *l);
    if (!l) {
        err_set(err, "%s", rc_text(MR_NO_MEMORY));
        return MR_NO_MEMORY;
    }
    const struct hash_key seed = {rand_u64(options->rand), rand_u64(options->rand)};
    l->options = *options;
    list_init(&l->dirty);
    list_init(&l->blocked);
    list_init(&l->leaving);
    list_init(&l->cut);
    map64_init(&l->by_peer, MAP_MAX_ENTRIES, &seed);
    map_init(&l->by_user, MAP_MAX_ENTRIES, &seed);
    l->by_port = mem_calloc((size_t)options->max_ports + 1, sizeof *l->by_port);
    enum mr_rc rc = l->by_port ? loop_timer_new(options->loop, on_timer, l, &l->timer) : MR_NO_MEMORY;
    if (rc) {
        err_set(err, "%s", rc_text(rc));
        listener_free(l);
        return rc;
    }
    *ret = l;
    return MR_OK;
}

enum mr_rc listener_listen(struct listener *l, const struct zserver_options *options, struct err *err)
{
    struct zserver_options governed = *options;
    enum mr_rc rc = new_governor(l, options, err);
    if (rc)
        return rc;
    governed.watch = &governor_watch;
    governed.watch_user = l->governor;
    governed.backlog = (int)l->options.max_silent; /* those in it come in even when newcomers wait */
    rc = zserver_new(l->options.loop, l->options.zctx, &governed, on_message, l, &l->server, err);
    if (!rc)
        governor_rule(l->governor, l->server);
    return rc;
}

void listener_free(struct listener *l)
{
    uint32_t cursor = 0;
    if (!l)
        return;
    zserver_free(l->server);
    governor_free(l->governor);
    loop_timer_free(l->timer);
    for (struct conn *conn; (conn = map64_next(&l->by_peer, &cursor, NULL));)
        free_conn(l, conn);
    map64_fini(&l->by_peer);
    map_fini(&l->by_user);
    mem_free(l->by_port);
    mem_free(l);
}

void listener_review(struct listener *l)
{
    for (uint32_t i = 1; i <= l->options.max_ports; i++) {
        struct guest guest;
        struct conn *conn = l->by_port[i];
        if (!conn || conn->state != OPEN)
            continue;
        if (!admission_find_user(l->options.admission, l->options.kind, conn->user_id, &guest)) {
            log_event(WARN, "BROKER-REVOKED", "peer=%s", conn->user_id);
            bye(l, conn, MR_DENIED, words_for_unknown(l), 0);
        } else if (strcmp(guest.path, conn->path) != 0) {
            bye(l, conn, MR_CLOSED, "the registry has another path for this identity", 0);
        }
    }
}

void listener_get_connections(const struct listener *l, struct governor_stats *ret)
{
    *ret = (struct governor_stats){.open = 0};
    if (l->governor)
        governor_get_stats(l->governor, ret);
}

uint32_t listener_count(const struct listener *l)
{
    return l->n;
}

uint16_t listener_port(const struct listener *l)
{
    return l->server ? zserver_port(l->server) : 0;
}

const char *listener_address(const struct listener *l)
{
    return l->server ? zserver_address(l->server) : "";
}
