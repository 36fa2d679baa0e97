/* zdial.c - zclient after zclient, with patience. */
#include "base/io/zdial.h"
#include "base/blob.h"
#include "base/err.h"
#include "base/mem.h"

static const int64_t ns_per_ms = 1000000;

struct zdial {
    struct zdial_options options;
    const struct zdial_callbacks *callbacks;
    void *user;
    enum zdial_state state;
    struct zclient *client;
    struct blob *pending; /* it had no room for it */
    struct loop_timer *timer;
    int64_t backoff_ms, quick_until_ns;
};

static int64_t now_ns(const struct zdial *d)
{
    return loop_now_ns(d->options.loop);
}

static uint32_t between(const struct zdial *d, uint32_t least, uint32_t most)
{
    return least + (uint32_t)rand_below(d->options.rand, most - least + 1);
}

/* -- the connection's events ----------------------------------------------------------------------------------------- */
static void on_connected(void *user)
{
    struct zdial *d = user;
    if (d->state != ZDIAL_CONNECTING)
        return;
    d->state = ZDIAL_OPEN;
    d->callbacks->on_connected(d->user);
}

static void on_message(void *user, const uint8_t *data, size_t len)
{
    struct zdial *d = user;
    if (d->state == ZDIAL_OPEN)
        d->callbacks->on_message(d->user, data, len);
}

static void on_writable(void *user)
{
    struct zdial *d = user;
    if (d->state == ZDIAL_OPEN)
        d->callbacks->on_writable(d->user);
}

static void on_closed(void *user, enum zclient_end why, const char *words)
{
    struct zdial *d = user;
    bool is_leaving = d->state == ZDIAL_LEAVING;
    zdial_close(d);
    if (is_leaving)
        d->callbacks->on_left(d->user);
    else
        d->callbacks->on_closed(d->user, why, words);
}

static const struct zclient_callbacks client_callbacks = {
    .on_connected = on_connected, .on_message = on_message, .on_writable = on_writable, .on_closed = on_closed};

/* -- time ------------------------------------------------------------------------------------------------------------ */
static void connect_now(struct zdial *d)
{
    const struct zdial_options *o = &d->options;
    const struct zdial_target target = d->callbacks->target(d->user);
    const struct zclient_options options = {.address = target.address,
                                            .public_key = o->public_key,
                                            .secret_key = o->secret_key,
                                            .server_key = target.server_key,
                                            .max_message_bytes = o->max_message_bytes,
                                            .receive_frames = o->high_water_frames,
                                            .send_frames = o->high_water_frames,
                                            .rank = o->rank};
    struct err err = {{0}};
    d->state = ZDIAL_CONNECTING;
    if (zclient_new(o->loop, o->zctx, &options, &client_callbacks, d, &d->client, &err) != MR_OK)
        on_closed(d, ZCLIENT_UNREACHABLE, err.text);
}

static void on_timer(void *user)
{
    struct zdial *d = user;
    if (d->state == ZDIAL_WAITING) {
        connect_now(d);
    } else if (d->state == ZDIAL_LEAVING) {
        zdial_close(d);
        d->callbacks->on_left(d->user);
    }
}

static void wait_until(struct zdial *d, int64_t at_ns)
{
    d->state = ZDIAL_WAITING;
    loop_timer_start(d->timer, at_ns);
}

void zdial_now(struct zdial *d)
{
    wait_until(d, now_ns(d));
}

void zdial_again(struct zdial *d, int64_t not_before_ns)
{
    const struct zdial_patience *p = &d->options.patience;
    int64_t most_ms = now_ns(d) < d->quick_until_ns ? p->quick_most_ms : p->most_ms;
    if (d->backoff_ms > most_ms)
        d->backoff_ms = most_ms;
    int64_t at_ns = now_ns(d) + between(d, (uint32_t)d->backoff_ms / 2, (uint32_t)d->backoff_ms) * ns_per_ms;
    d->backoff_ms *= 2;
    wait_until(d, at_ns > not_before_ns ? at_ns : not_before_ns);
}

void zdial_succeeded(struct zdial *d)
{
    d->quick_until_ns = now_ns(d) + d->options.patience.quick_ms * ns_per_ms;
    d->backoff_ms = d->options.patience.start_ms;
}

/* -- out and away ---------------------------------------------------------------------------------------------------- */
void zdial_send(struct zdial *d)
{
    while (d->state == ZDIAL_OPEN) {
        struct blob *frame = d->pending ? d->pending : d->callbacks->take(d->user);
        d->pending = NULL;
        if (!frame)
            return;
        enum mr_rc rc = zclient_send_blob(d->client, frame);
        if (rc == MR_WOULD_BLOCK || rc == MR_NO_MEMORY) {
            d->pending = frame;
            return;
        }
        blob_unref(frame);
        if (rc) /* on_closed follows */
            return;
    }
}

void zdial_leave(struct zdial *d, uint32_t leave_ms)
{
    d->state = ZDIAL_LEAVING;
    loop_timer_start(d->timer, now_ns(d) + leave_ms * ns_per_ms);
}

void zdial_close(struct zdial *d)
{
    loop_timer_stop(d->timer);
    zclient_free(d->client);
    d->client = NULL;
    blob_unref(d->pending);
    d->pending = NULL;
    d->state = ZDIAL_IDLE;
}

/* -- life ------------------------------------------------------------------------------------------------------------ */
enum mr_rc zdial_new(struct zdial **ret, const struct zdial_options *options, const struct zdial_callbacks *callbacks,
                     void *user)
{
    struct zdial *d = mem_calloc(1, sizeof *d);
    enum mr_rc rc = d ? loop_timer_new(options->loop, on_timer, d, &d->timer) : MR_NO_MEMORY;
    if (rc) {
        mem_free(d);
        return rc;
    }
    d->options = *options;
    d->callbacks = callbacks;
    d->user = user;
    d->backoff_ms = options->patience.start_ms;
    *ret = d;
    return MR_OK;
}

void zdial_free(struct zdial *d)
{
    if (!d)
        return;
    zdial_close(d);
    loop_timer_free(d->timer);
    mem_free(d);
}

enum zdial_state zdial_state(const struct zdial *d)
{
    return d->state;
}

uint32_t zdial_refused_ms(const struct zdial *d)
{
    return between(d, d->options.patience.refused_least_ms, d->options.patience.refused_most_ms);
}
