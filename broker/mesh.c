/* mesh.c - a patient connection to each peer. */
#include "broker/mesh.h"
#include "base/err.h"
#include "base/io/zdial.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/lanes.h"
#include <string.h>

static const int64_t ns_per_ms = 1000000;

/* Our end of the link to a peer. */
struct link {
    struct mesh *mesh;
    const struct peer *peer;
    struct directory_broker dialled; /* the peer as it was when its connection was begun */
    struct zdial *dial;
    uint32_t port; /* 0: none */
    bool is_up;    /* its Welcome came */
    bool is_dirty, is_over;
    uint32_t wait_ms; /* until it is dialled again, as it or its refusal asked */
    struct err why;   /* what was logged last */
};

struct mesh {
    struct mesh_options options;
    struct link links[PEERS_MAX];
    size_t n;
    bool is_stopping;
};

static const char *name_of(const struct link *l)
{
    return l->peer->broker.name;
}

/* -- ends ------------------------------------------------------------------------------------------------------------ */
/* Logs why it is down, unless that is what was logged last. */
static void note_end(struct link *l, const char *words)
{
    bool is_news = l->is_up || strcmp(l->why.text, words) != 0;
    if (!is_news || l->mesh->is_stopping)
        return;
    err_set(&l->why, "%s", words);
    log_event(WARN, "BROKER-PEER-DOWN", "peer=%s reason=%s", name_of(l), words);
}

static void leave_hub(struct link *l)
{
    if (l->port)
        hub_close(l->mesh->options.hub, l->port);
    l->port = 0;
    l->is_over = false;
    if (l->is_up)
        zdial_succeeded(l->dial);
    l->is_up = false;
}

static void dial_again(struct link *l)
{
    if (l->mesh->is_stopping || !l->peer->is_trusted)
        return;
    zdial_again(l->dial, loop_now_ns(l->mesh->options.loop) + l->wait_ms * ns_per_ms);
    l->wait_ms = 0;
}

/* -- the connection's events ----------------------------------------------------------------------------------------- */
static struct zdial_target target(void *user)
{
    struct link *l = user;
    l->dialled = l->peer->broker;
    return (struct zdial_target){.address = &l->dialled.mesh, .server_key = l->dialled.public_key};
}

static void on_connected(void *user)
{
    struct link *l = user;
    struct err err = {{0}};
    enum mr_rc rc = hub_connect(l->mesh->options.hub, name_of(l), &l->port, &err);
    if (!rc) {
        l->is_dirty = true;
        return;
    }
    note_end(l, *err.text ? err.text : rc_text(rc));
    zdial_leave(l->dial, 0);
}

static void on_message(void *user, const uint8_t *data, size_t len)
{
    struct link *l = user;
    if (l->port && !l->is_over && hub_input(l->mesh->options.hub, l->port, data, len) != MR_OK)
        l->is_over = true; /* why was told by mesh_on_over() */
}

static void on_writable(void *user)
{
    struct link *l = user;
    l->is_dirty = true;
}

static struct blob *take(void *user)
{
    struct link *l = user;
    return l->port ? hub_take(l->mesh->options.hub, l->port) : NULL;
}

static void on_closed(void *user, enum zclient_end why, const char *words)
{
    struct link *l = user;
    bool is_about_keys = why == ZCLIENT_REFUSED || why == ZCLIENT_NOT_TRUSTED;
    if (!l->is_over) {
        l->wait_ms = is_about_keys ? zdial_refused_ms(l->dial) : 0;
        note_end(l, words);
    }
    leave_hub(l);
    dial_again(l);
}

static void on_left(void *user)
{
    dial_again(user);
}

static const struct zdial_callbacks callbacks = {.target = target,
                                                 .on_connected = on_connected,
                                                 .on_message = on_message,
                                                 .on_writable = on_writable,
                                                 .take = take,
                                                 .on_closed = on_closed,
                                                 .on_left = on_left};

/* -- the hub's events ------------------------------------------------------------------------------------------------ */
static struct link *link_at(struct mesh *m, uint32_t port)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->links[i].port == port)
            return &m->links[i];
    return NULL;
}

bool mesh_on_output(struct mesh *m, uint32_t port)
{
    struct link *l = link_at(m, port);
    if (l)
        l->is_dirty = true;
    return l != NULL;
}

bool mesh_on_over(struct mesh *m, uint32_t port, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    struct link *l = link_at(m, port);
    if (!l)
        return false;
    l->is_over = true;
    l->wait_ms = rc == MR_DENIED || rc == MR_INVALID ? zdial_refused_ms(l->dial) : retry_ms;
    note_end(l, reason && *reason ? reason : rc_text(rc));
    return true;
}

bool mesh_on_up(struct mesh *m, uint32_t port)
{
    struct link *l = link_at(m, port);
    if (!l)
        return false;
    l->is_up = true;
    l->why.text[0] = '\0';
    zdial_succeeded(l->dial);
    log_event(INFO, "BROKER-PEER-UP", "peer=%s", name_of(l));
    return true;
}

static bool flush(struct link *l)
{
    if (l->port && (l->is_dirty || l->is_over))
        zdial_send(l->dial);
    l->is_dirty = false;
    if (!l->port || !l->is_over)
        return false;
    leave_hub(l);
    zdial_leave(l->dial, MESH_LEAVE_MS);
    return true;
}

bool mesh_flush(struct mesh *m)
{
    bool is_closed = false;
    for (size_t i = 0; i < m->n; i++)
        is_closed |= flush(&m->links[i]);
    return is_closed;
}

/* -- life ------------------------------------------------------------------------------------------------------------ */
enum mr_rc mesh_new(struct mesh **ret, const struct mesh_options *options, struct err *err)
{
    const struct zdial_options dial = {.loop = options->loop,
                                       .zctx = options->zctx,
                                       .rand = options->rand,
                                       .public_key = keys_public(options->keys),
                                       .secret_key = keys_secret(options->keys),
                                       .max_message_bytes = MESH_MAXMSGSIZE_BYTES,
                                       .high_water_frames = LANES_HIGH_WATER_FRAMES,
                                       .rank = MESH_RANK,
                                       .patience = {.start_ms = MESH_RETRY_MS,
                                                    .most_ms = MESH_RETRY_MAX_MS,
                                                    .quick_ms = MESH_QUICK_MS,
                                                    .quick_most_ms = MESH_QUICK_RETRY_MS,
                                                    .refused_least_ms = MESH_REFUSED_MS,
                                                    .refused_most_ms = MESH_REFUSED_MAX_MS}};
    struct mesh *m = mem_calloc(1, sizeof *m);
    enum mr_rc rc = m ? MR_OK : MR_NO_MEMORY;
    if (m)
        m->options = *options;
    for (size_t i = 0; i < options->peers->n && !rc; i++) {
        m->links[i] = (struct link){.mesh = m, .peer = &options->peers->list[i]};
        rc = zdial_new(&m->links[i].dial, &dial, &callbacks, &m->links[i]);
        m->n += !rc;
    }
    if (rc) {
        err_set(err, "%s", rc_text(rc));
        mesh_free(m);
        return rc;
    }
    *ret = m;
    return MR_OK;
}

void mesh_free(struct mesh *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n; i++)
        zdial_free(m->links[i].dial);
    mem_free(m);
}

void mesh_start(struct mesh *m)
{
    for (size_t i = 0; i < m->n; i++) {
        zdial_succeeded(m->links[i].dial); /* so far there is no reason to be slow */
        zdial_now(m->links[i].dial);
    }
}

/* Ends what there is: a session with these words, an attempt without. */
static void end(struct link *l, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    if (l->port) {
        if (!l->is_over)
            hub_bye(l->mesh->options.hub, l->port, rc, reason, retry_ms);
        l->is_over = true;
    } else if (zdial_state(l->dial) != ZDIAL_LEAVING) {
        zdial_close(l->dial);
    }
}

void mesh_stop(struct mesh *m, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    m->is_stopping = true;
    for (size_t i = 0; i < m->n; i++)
        end(&m->links[i], rc, reason, retry_ms);
}

bool mesh_is_idle(const struct mesh *m)
{
    for (size_t i = 0; i < m->n; i++)
        if (zdial_state(m->links[i].dial) != ZDIAL_IDLE)
            return false;
    return true;
}

static bool is_as_dialled(const struct link *l)
{
    const struct directory_broker *is = &l->peer->broker, *was = &l->dialled;
    return l->peer->is_trusted && keys_equal(is->public_key, was->public_key) && is->mesh.port == was->mesh.port &&
           strcmp(is->mesh.host, was->mesh.host) == 0;
}

static void review(struct link *l)
{
    bool is_connected = l->port != 0;
    l->wait_ms = 0; /* why it refused us may be what was mended */
    if (l->is_over || (is_as_dialled(l) && is_connected))
        return;
    if (is_connected && !l->peer->is_trusted)
        log_event(WARN, "BROKER-REVOKED", "peer=%s", l->peer->user_id);
    end(l, MR_CLOSED, "the directory says something else of this broker", 0);
    if (!is_connected && l->peer->is_trusted && zdial_state(l->dial) == ZDIAL_IDLE)
        zdial_now(l->dial);
}

void mesh_review(struct mesh *m)
{
    for (size_t i = 0; i < m->n && !m->is_stopping; i++)
        review(&m->links[i]);
}
