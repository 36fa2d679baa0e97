/* strangers.c - a bucket of lines for each address. */
#include "broker/strangers.h"
#include <stdio.h>
#include <string.h>

static const int64_t price_ns = STRANGERS_INTERVAL_MS * INT64_C(1000000);

static bool is_sooner(const struct stranger *a, const struct stranger *b)
{
    return *a->address == '\0' ? *b->address != '\0' : *b->address != '\0' && a->last_ns < b->last_ns;
}

/* Its own, a free one, or that of whom nothing was heard for longest. */
static struct stranger *place_of(struct strangers *s, const char *address)
{
    struct stranger *place = &s->list[0];
    for (struct stranger *at = s->list; at < s->list + STRANGERS_MAX; at++) {
        if (strcmp(at->address, address) == 0)
            return at;
        if (is_sooner(at, place))
            place = at;
    }
    *place = (struct stranger){.paid_ns = INT64_MIN};
    snprintf(place->address, sizeof place->address, "%s", address);
    return place;
}

bool strangers_note(struct strangers *s, const char *address, int64_t now_ns, uint64_t *ret_more)
{
    struct stranger *who = place_of(s, *address ? address : "?");
    int64_t paid_ns = who->paid_ns > now_ns ? who->paid_ns : now_ns;
    who->last_ns = now_ns;
    if (paid_ns - now_ns > price_ns * (STRANGERS_BURST - 1)) {
        who->suppressed++;
        return false;
    }
    who->paid_ns = paid_ns + price_ns;
    *ret_more = who->suppressed;
    who->suppressed = 0;
    return true;
}
