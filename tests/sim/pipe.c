/* pipe.c - the SDK's transport over the simulated net. */
#include <stdlib.h>

#include "client.h"

struct connection {
    struct end *end;
};

static enum mr_rc dial(void *user, const char *address, struct connection **ret, struct err *err)
{
    struct pipe_user *u = user;
    struct end *end = station_dial(u->agent, u->route, u->program);
    (void)address;
    if (!end) {
        err_set(err, "no agent listens");
        return MR_ISOLATED;
    }
    end_own(end, process_wake, u->process);
    *ret = sim_alloc(1, sizeof **ret);
    (*ret)->end = end;
    return MR_OK;
}

static enum mr_rc pass(struct connection *c, const void *data, size_t len, size_t *ret_n)
{
    if (end_is_over(c->end))
        return MR_CLOSED;
    size_t n = end_send(c->end, data, len, false);
    if (n == 0)
        return MR_WOULD_BLOCK;
    *ret_n = n;
    return MR_OK;
}

static enum mr_rc receive(struct connection *c, void *buf, size_t size, size_t *ret_n)
{
    size_t n = end_receive(c->end, buf, size);
    if (n == 0)
        return end_is_over(c->end) ? MR_CLOSED : MR_WOULD_BLOCK;
    *ret_n = n;
    return MR_OK;
}

static void hang_up(struct connection *c)
{
    end_close(c->end);
    free(c);
}

static int no_fd(const struct connection *c)
{
    (void)c;
    return -1;
}

/* No program here makes a call that waits; with this slot filled the handle leaves its own descriptor alone. */
static void wait_in_vain(void *user, int64_t until_ns)
{
    (void)user;
    (void)until_ns;
}

void pipe_transport(struct transport *ret, struct pipe_user *user)
{
    *ret = (struct transport){.connect = dial,
                              .send = pass,
                              .receive = receive,
                              .close = hang_up,
                              .fd = no_fd,
                              .wait = wait_in_vain,
                              .user = user};
}
