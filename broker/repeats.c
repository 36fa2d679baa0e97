/* repeats.c - a bucket of lines for each address or identity. */
#include "broker/repeats.h"
#include <stdio.h>
#include <string.h>

static const int64_t price_ns = REPEATS_INTERVAL_MS * INT64_C(1000000);

static bool gives_way_before(const struct repeat *a, const struct repeat *b)
{
    bool is_free = *a->who == '\0', is_other_free = *b->who == '\0';
    return !is_other_free && (is_free || a->last_ns < b->last_ns);
}

/* Its own, a free one, or that of whom nothing was heard for longest. */
static struct repeat *place_of(struct repeats *r, const char *who)
{
    struct repeat *place = &r->list[0];
    for (struct repeat *at = r->list; at < r->list + REPEATS_MAX; at++) {
        if (strncmp(at->who, who, sizeof at->who - 1) == 0)
            return at;
        if (gives_way_before(at, place))
            place = at;
    }
    *place = (struct repeat){.paid_ns = INT64_MIN};
    snprintf(place->who, sizeof place->who, "%s", who);
    return place;
}

bool repeats_note(struct repeats *r, const char *who, int64_t now_ns, uint64_t *ret_more)
{
    struct repeat *it = place_of(r, *who ? who : "?");
    int64_t paid_ns = it->paid_ns > now_ns ? it->paid_ns : now_ns;
    it->last_ns = now_ns;
    if (paid_ns - now_ns > price_ns * (REPEATS_BURST - 1)) {
        it->suppressed++;
        return false;
    }
    it->paid_ns = paid_ns + price_ns;
    *ret_more = it->suppressed;
    it->suppressed = 0;
    return true;
}
