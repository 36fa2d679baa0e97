/* limits.c - a table by descriptor and the bounds of what is in it. */
#include "broker/limits.h"
#include "base/mem.h"

enum { FIRST_ENTRIES = 64, HYSTERESIS = 10 };

void limits_init(struct limits *l, const struct limits_conf *conf)
{
    *l = (struct limits){.conf = *conf};
}

void limits_fini(struct limits *l)
{
    mem_free(l->entries);
    *l = (struct limits){.conf = l->conf};
}

static enum mr_rc reach(struct limits *l, uint32_t fd)
{
    uint32_t n = l->n_entries ? l->n_entries : FIRST_ENTRIES;
    while (n <= fd)
        n *= 2;
    if (n == l->n_entries)
        return MR_OK;
    struct limits_entry *entries = mem_resize_array(l->entries, n, sizeof *entries);
    if (!entries)
        return MR_NO_MEMORY;
    for (uint32_t i = l->n_entries; i < n; i++)
        entries[i] = (struct limits_entry){.state = LIMITS_FREE};
    l->entries = entries;
    l->n_entries = n;
    return MR_OK;
}

static void forget(struct limits *l, struct limits_entry *e)
{
    l->silent -= e->state == LIMITS_SILENT;
    l->open -= e->state != LIMITS_FREE;
    *e = (struct limits_entry){.state = LIMITS_FREE};
}

enum mr_rc limits_accepted(struct limits *l, int fd, ino_t inode, int64_t now_ns)
{
    if (fd < 0)
        return MR_INVALID;
    enum mr_rc rc = reach(l, (uint32_t)fd);
    if (rc)
        return rc;
    struct limits_entry *e = &l->entries[fd];
    forget(l, e);
    *e = (struct limits_entry){.accepted_ns = now_ns, .inode = inode, .state = LIMITS_SILENT};
    l->open++;
    l->silent++;
    return MR_OK;
}

void limits_closed(struct limits *l, int fd)
{
    if (fd >= 0 && (uint32_t)fd < l->n_entries)
        forget(l, &l->entries[fd]);
}

bool limits_is_full(struct limits *l)
{
    uint32_t room = l->is_full ? (l->conf.max_silent + HYSTERESIS - 1) / HYSTERESIS : 1;
    l->is_full = l->silent + room > l->conf.max_silent || l->open + room > l->conf.max_open;
    return l->is_full;
}

static uint64_t above(uint64_t all, uint64_t done)
{
    return all > done ? all - done : 0;
}

/* 0: it keeps to the bounds. *ret_bytes is what it holds up. */
static enum limits_why find_fault(const struct limits *l, const struct limits_entry *e, const struct tcpfd_view *view,
                                  int64_t now_ns, uint64_t *ret_bytes)
{
    bool is_silent = e->state == LIMITS_SILENT;
    uint64_t unread = above(e->sent, view->acked);
    *ret_bytes = above(view->received, e->delivered);
    if (*ret_bytes > (is_silent ? l->conf.silent_bytes : l->conf.held_bytes))
        return LIMITS_UNDELIVERED;
    if (unread > l->conf.held_bytes) {
        *ret_bytes = unread;
        return LIMITS_UNREAD;
    }
    return is_silent && now_ns - e->accepted_ns > l->conf.silent_ns ? LIMITS_SAID_NOTHING : 0;
}

bool limits_inspect(struct limits *l, int fd, int64_t now_ns, limits_look *look, limits_fn *fn, void *user)
{
    struct limits_entry *e = &l->entries[fd];
    struct tcpfd_view view;
    if (!look(fd, &view) || view.inode != e->inode) {
        forget(l, e);
        return false;
    }
    uint64_t bytes = 0;
    e->acked = view.acked;
    enum limits_why why = e->state == LIMITS_SHUT ? 0 : find_fault(l, e, &view, now_ns, &bytes);
    if (!why)
        return e->state != LIMITS_SHUT;
    const struct limits_cut cut = {.fd = fd, .why = why, .peer = e->peer, .bytes = bytes};
    l->silent -= e->state == LIMITS_SILENT;
    e->state = LIMITS_SHUT;
    fn(user, &cut);
    return false;
}

uint32_t limits_walk(struct limits *l, uint32_t n, int64_t now_ns, limits_look *look, limits_fn *fn, void *user)
{
    uint32_t looked_at = 0;
    for (uint32_t i = 0; i < l->n_entries && looked_at < n; i++) {
        uint32_t fd = l->cursor++;
        if (l->cursor == l->n_entries)
            l->cursor = 0;
        if (l->entries[fd].state == LIMITS_FREE)
            continue;
        (void)limits_inspect(l, (int)fd, now_ns, look, fn, user);
        looked_at++;
    }
    return looked_at;
}
