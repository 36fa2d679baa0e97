/* penalties.c - a short list of offenders. */
#include "broker/penalties.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const int64_t ns_per_ms = 1000000;

static const struct offender *find(const struct penalties *p, const char *name)
{
    for (const struct offender *at = p->list; at < p->list + PENALTIES_MAX; at++)
        if (*at->name && strcmp(at->name, name) == 0)
            return at;
    return NULL;
}

static struct offender *place_for(struct penalties *p, const char *name, int64_t now_ns)
{
    struct offender *place = &p->list[0];
    for (struct offender *at = p->list; at < p->list + PENALTIES_MAX && *place->name; at++)
        if (*at->name == '\0' || at->last_ns < place->last_ns)
            place = at;
    *place = (struct offender){.since_ns = now_ns};
    snprintf(place->name, sizeof place->name, "%s", name);
    return place;
}

bool penalties_note(struct penalties *p, const char *name, int64_t now_ns)
{
    const struct offender *known = find(p, name);
    struct offender *who = known ? &p->list[known - p->list] : place_for(p, name, now_ns);
    who->last_ns = now_ns;
    if (now_ns - who->since_ns > PENALTIES_WINDOW_MS * ns_per_ms) {
        who->since_ns = now_ns;
        who->offences = 0;
    }
    if (++who->offences <= PENALTIES_ALLOWED)
        return false;
    who->offences = 0;
    who->since_ns = now_ns;
    who->until_ns = now_ns + PENALTIES_OUT_MS * ns_per_ms;
    return true;
}

bool penalties_is_out(const struct penalties *p, const char *name, int64_t now_ns)
{
    const struct offender *who = find(p, name);
    return who && now_ns < who->until_ns;
}
