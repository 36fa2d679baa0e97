/* roster.c - see roster.h. */
#include "agent/telemetry/roster.h"

#include <string.h>

#include "base/mem.h"

enum mr_rc roster_init(struct roster *roster, size_t n, struct err *err)
{
    struct roster_place *places = mem_calloc(n, sizeof *places);
    if (!places) {
        err_set(err, "out of memory for %zu places", n);
        return MR_NO_MEMORY;
    }
    *roster = (struct roster){.places = places, .n = n};
    return MR_OK;
}

void roster_fini(struct roster *roster)
{
    mem_free(roster->places);
    *roster = (struct roster){0};
}

void roster_begin(struct roster *roster)
{
    for (size_t i = 0; i < roster->n; i++)
        roster->places[i].seen = false;
}

static struct roster_place *find(struct roster *roster, struct words key)
{
    for (size_t i = 0; i < roster->n; i++)
        if (roster->places[i].state != ROSTER_FREE && words_is(key, roster->places[i].key))
            return &roster->places[i];
    return NULL;
}

/* A free place, else that of the thing away longest, else NULL. */
static struct roster_place *make_room(struct roster *roster)
{
    struct roster_place *best = NULL;
    for (size_t i = 0; i < roster->n; i++) {
        struct roster_place *place = &roster->places[i];
        if (place->state == ROSTER_FREE)
            return place;
        if (place->state == ROSTER_AWAY && (!best || place->last_ns < best->last_ns))
            best = place;
    }
    return best;
}

static bool label_is_taken(const struct roster *roster, const struct roster_place *but, const char *label)
{
    for (size_t i = 0; i < roster->n; i++) {
        const struct roster_place *place = &roster->places[i];
        if (place != but && place->state != ROSTER_FREE && label_same(place->label, label))
            return true;
    }
    return false;
}

/* Takes a place for the thing; NULL when there is none for it. */
static struct roster_place *admit_thing(struct roster *roster, struct words key, struct words name)
{
    char label[LABEL_MAX];
    struct roster_place *place = words_len(key) < ROSTER_KEY_MAX ? make_room(roster) : NULL;
    if (!place)
        return NULL;
    char copy[ROSTER_KEY_MAX];
    memcpy(copy, key.at, words_len(key));
    copy[words_len(key)] = '\0';
    label_make(name.at, words_len(name), label);
    if (label_is_taken(roster, place, label))
        label_make_distinct(name.at, words_len(name), copy, label);
    if (label_is_taken(roster, place, label))
        return NULL;
    *place = (struct roster_place){.state = ROSTER_FREE};
    memcpy(place->key, copy, sizeof copy);
    memcpy(place->label, label, sizeof label);
    return place;
}

enum roster_meeting roster_meet(struct roster *roster, struct words key, struct words name, bool admit, int64_t now_ns,
                                size_t *ret_place)
{
    enum roster_meeting meeting = ROSTER_KNOWN;
    struct roster_place *place = find(roster, key);
    if (!place) {
        place = admit ? admit_thing(roster, key, name) : NULL;
        meeting = ROSTER_NEW;
    } else if (place->state == ROSTER_AWAY) {
        meeting = ROSTER_BACK;
    }
    if (!place)
        return ROSTER_REFUSED;
    place->state = ROSTER_HERE;
    place->seen = true;
    place->last_ns = now_ns;
    *ret_place = (size_t)(place - roster->places);
    return meeting;
}

bool roster_has_left(struct roster *roster, size_t index)
{
    struct roster_place *place = &roster->places[index];
    if (place->state != ROSTER_HERE || place->seen)
        return false;
    place->state = ROSTER_AWAY;
    return true;
}
