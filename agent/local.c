/* local.c - connections of apps become ports of the hub and end with them. */
#include "agent/local.h"
#include "base/blob.h"
#include "base/io/fs.h"
#include "base/io/unixsock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "bus/refusal.h"
#include "proto/limits.h"
#include <stdio.h>
#include <string.h>

enum {
    SOCKET_QUEUE_BYTES = CREDIT_MAX_BYTES,
    SOCKET_QUEUE_FRAMES = 1024,
    SPARE_CONNECTIONS = 16, /* beyond the apps there may be: to be refused in words */
    FOLDER_SIZE = 128,
    FOLDER_MODE = 0755
};

static const int64_t ns_per_ms = 1000000;

enum app_state { OPEN, LEAVING };

struct app {
    struct local *local;
    struct list in_list; /* idle, dirty or leaving: one at a time */
    struct unixsock_conn *conn;
    struct blob *pending; /* the socket had no room for it */
    enum app_state state;
    uint32_t port; /* 0: not any more */
    int64_t until_ns;
};

struct local {
    struct local_options options;
    struct unixsock *listener;
    struct loop_timer *timer;
    const char *identity, *path;
    struct app **by_port; /* [0] unused; as many as the hub has ports */
    struct list idle, dirty, leaving;
    uint32_t n;    /* connections */
    uint32_t apps; /* with a port */
};

static void move(struct app *app, struct list *to)
{
    list_remove(&app->in_list);
    list_push_back(to, &app->in_list);
}

static void free_app(struct app *app)
{
    struct local *l = app->local;
    list_remove(&app->in_list);
    unixsock_conn_free(app->conn);
    blob_unref(app->pending);
    mem_free(app);
    l->n--;
}

static void leave_hub(struct app *app)
{
    struct local *l = app->local;
    if (app->port) {
        l->by_port[app->port] = NULL;
        l->apps--;
        hub_close(l->options.hub, app->port);
    }
    app->port = 0;
}

static void begin_leaving(struct app *app)
{
    if (app->state != OPEN)
        return;
    app->state = LEAVING;
    move(app, &app->local->dirty);
}

/* -- the socket's events --------------------------------------------------------------------------------------------- */
static void on_frame(void *user, const uint8_t *data, size_t len)
{
    struct app *app = user;
    if (app->state == OPEN && hub_input(app->local->options.hub, app->port, data, len) != MR_OK)
        begin_leaving(app); /* why was told by on_over */
}

static void on_writable(void *user)
{
    struct app *app = user;
    if (app->port)
        move(app, &app->local->dirty);
}

static void on_closed(void *user, const char *words)
{
    struct app *app = user;
    (void)words;
    leave_hub(app);
    free_app(app);
}

static const struct unixsock_callbacks callbacks = {
    .on_frame = on_frame, .on_writable = on_writable, .on_closed = on_closed};

static enum mr_rc open_port(struct local *l, struct app *app, struct err *err)
{
    char address[32];
    if (l->apps >= l->options.max_apps) {
        err_set(err, "this agent has %u apps already, which is its limit", l->apps);
        return MR_TOO_BIG;
    }
    snprintf(address, sizeof address, "pid %d", (int)unixsock_conn_peer(app->conn)->pid);
    const struct port_peer peer = {.kind = PORT_APP, .identity = l->identity, .path = l->path, .address = address};
    enum mr_rc rc = hub_accept(l->options.hub, &peer, &app->port, err);
    if (rc)
        return rc;
    l->by_port[app->port] = app;
    l->apps++;
    return MR_OK;
}

/* It is told why and then left, as one whose session is over. */
static void refuse(struct app *app, enum mr_rc rc, const char *reason)
{
    log_event(ERROR, "AGENT-APP-REFUSED", "pid=%d reason=%s", (int)unixsock_conn_peer(app->conn)->pid, reason);
    app->pending = refusal_frame(rc, reason);
    begin_leaving(app);
}

static void on_accept(void *user, struct unixsock_conn *conn)
{
    struct local *l = user;
    struct err err = {{0}};
    struct app *app = mem_calloc(1, sizeof *app);
    if (!app) {
        log_event(ERROR, "AGENT-APP-REFUSED", "reason=%s", rc_text(MR_NO_MEMORY));
        unixsock_conn_free(conn);
        return;
    }
    *app = (struct app){.local = l, .conn = conn};
    list_init(&app->in_list);
    l->n++;
    list_push_back(&l->idle, &app->in_list);
    unixsock_conn_start(conn, &callbacks, app);
    enum mr_rc rc = open_port(l, app, &err);
    if (rc)
        refuse(app, rc, *err.text ? err.text : rc_text(rc));
}

/* -- out ------------------------------------------------------------------------------------------------------------- */
static void pump(struct app *app)
{
    for (;;) {
        struct blob *frame = app->pending ? app->pending : hub_take(app->local->options.hub, app->port);
        app->pending = NULL;
        if (!frame)
            return;
        enum mr_rc rc = unixsock_send(app->conn, frame);
        if (rc == MR_WOULD_BLOCK || rc == MR_NO_MEMORY) {
            app->pending = frame;
            return;
        }
        blob_unref(frame);
        if (rc) /* on_closed follows */
            return;
    }
}

static void set_timer(struct local *l)
{
    const struct list *first = list_first(&l->leaving);
    if (first)
        loop_timer_start(l->timer, container_of(first, struct app, in_list)->until_ns);
}

bool local_flush(struct local *l)
{
    bool is_closed = false;
    for (struct list *at; (at = list_first(&l->dirty));) {
        struct app *app = container_of(at, struct app, in_list);
        pump(app);
        if (app->state == OPEN) {
            move(app, &l->idle);
            continue;
        }
        leave_hub(app);
        is_closed = true;
        app->until_ns = loop_now_ns(l->options.loop) + LOCAL_LEAVE_MS * ns_per_ms;
        move(app, &l->leaving);
    }
    if (is_closed)
        set_timer(l);
    return is_closed;
}

static void on_timer(void *user)
{
    struct local *l = user;
    int64_t now_ns = loop_now_ns(l->options.loop);
    struct list *at, *after;
    LIST_EACH(at, after, &l->leaving)
    {
        struct app *app = container_of(at, struct app, in_list);
        if (app->until_ns > now_ns)
            break; /* all wait equally long: in the order of their ends */
        free_app(app);
    }
    set_timer(l);
}

static struct app *app_at(const struct local *l, uint32_t port)
{
    return port <= hub_max_port(l->options.hub) ? l->by_port[port] : NULL;
}

void local_on_output(struct local *l, uint32_t port)
{
    struct app *app = app_at(l, port);
    if (app)
        move(app, &l->dirty);
}

void local_on_over(struct local *l, uint32_t port)
{
    struct app *app = app_at(l, port);
    if (app)
        begin_leaving(app);
}

void local_bye_all(struct local *l, enum mr_rc rc, const char *reason)
{
    unixsock_free(l->listener);
    l->listener = NULL;
    for (uint32_t port = 1; port <= hub_max_port(l->options.hub); port++) {
        if (!l->by_port[port])
            continue;
        hub_bye(l->options.hub, port, rc, reason, 0);
        begin_leaving(l->by_port[port]);
    }
}

/* -- life ------------------------------------------------------------------------------------------------------------ */
/* The folder of the socket is made when it is missing: /run is empty after every boot. */
static enum mr_rc make_folder(const char *socket_path, struct err *err)
{
    char folder[FOLDER_SIZE];
    const char *slash = strrchr(socket_path, '/');
    if (!slash || slash == socket_path)
        return MR_OK;
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - socket_path), socket_path);
    enum mr_rc rc = fs_mkdirs(folder, FOLDER_MODE, err);
    if (rc)
        err_wrap(err, "no folder for the socket, make it or choose another socket.path");
    return rc;
}

static enum mr_rc listen_here(struct local *l, struct err *err)
{
    const struct unixsock_options options = {.path = l->options.socket_path,
                                             .mode = l->options.socket_mode,
                                             .max_queued_bytes = SOCKET_QUEUE_BYTES,
                                             .max_queued_frames = SOCKET_QUEUE_FRAMES,
                                             .max_connections = (int)l->options.max_apps + SPARE_CONNECTIONS};
    enum mr_rc rc = make_folder(options.path, err);
    return rc ? rc : unixsock_listen(l->options.loop, &options, on_accept, l, &l->listener, err);
}

enum mr_rc local_new(struct local **ret, const struct local_options *options, struct err *err)
{
    struct local *l = mem_calloc(1, sizeof *l);
    if (!l) {
        err_set(err, "%s", rc_text(MR_NO_MEMORY));
        return MR_NO_MEMORY;
    }
    *l = (struct local){.options = *options, .identity = "", .path = ""};
    list_init(&l->idle);
    list_init(&l->dirty);
    list_init(&l->leaving);
    l->by_port = mem_calloc((size_t)hub_max_port(options->hub) + 1, sizeof *l->by_port);
    enum mr_rc rc = l->by_port ? loop_timer_new(options->loop, on_timer, l, &l->timer) : MR_NO_MEMORY;
    if (rc)
        err_set(err, "%s", rc_text(rc));
    else
        rc = listen_here(l, err);
    if (rc) {
        local_free(l);
        return rc;
    }
    *ret = l;
    return MR_OK;
}

static void free_apps(struct list *apps)
{
    for (struct list *at; (at = list_first(apps));)
        free_app(container_of(at, struct app, in_list));
}

void local_free(struct local *l)
{
    if (!l)
        return;
    unixsock_free(l->listener);
    loop_timer_free(l->timer);
    free_apps(&l->idle);
    free_apps(&l->dirty);
    free_apps(&l->leaving);
    mem_free(l->by_port);
    mem_free(l);
}

void local_set_self(struct local *l, const char *identity, const char *path)
{
    l->identity = identity;
    l->path = path;
}

uint32_t local_count(const struct local *l)
{
    return l->n;
}
