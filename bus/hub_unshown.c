/* hub_unshown.c - last values and removals that came by another way than what their writer's home still has under way: they are in the
 * table, so that brokers agree, and are shown in their turn; after UNSHOWN_MS in any case, since that way may be broken. */
#include "bus/hub_private.h"

enum { UNSHOWN_MS = 1000 };

struct unshown {
    struct list in_hub; /* by due_ns */
    uint32_t topic, owner;
    int64_t due_ns;
};

static const int64_t ns_per_ms = 1000000;

static uint64_t key_of(uint32_t topic, uint32_t owner)
{
    return (uint64_t)topic << 32 | owner;
}

static void forget(struct hub *h, struct unshown *u)
{
    map64_remove(&h->unshown_of, key_of(u->topic, u->owner));
    list_remove(&u->in_hub);
    mem_free(u);
}

bool hub_is_unshown(const struct hub *h, uint32_t topic, uint32_t owner)
{
    return map64_count(&h->unshown_of) && map64_get(&h->unshown_of, key_of(topic, owner));
}

void hub_set_shown(struct hub *h, uint32_t topic, uint32_t owner)
{
    if (hub_is_unshown(h, topic, owner))
        forget(h, map64_get(&h->unshown_of, key_of(topic, owner)));
}

bool hub_show_later(struct hub *h, uint32_t topic, uint32_t owner)
{
    struct unshown *u = mem_calloc(1, sizeof *u);
    if (!u)
        return false;
    *u = (struct unshown){.topic = topic, .owner = owner, .due_ns = hub_now_ns(h) + UNSHOWN_MS * ns_per_ms};
    list_init(&u->in_hub);
    hub_set_shown(h, topic, owner);
    if (map64_put(&h->unshown_of, key_of(topic, owner), u, NULL) != MR_OK) {
        mem_free(u);
        return false;
    }
    list_push_back(&h->unshown, &u->in_hub);
    return true;
}

static struct unshown *first_unshown(const struct hub *h)
{
    struct list *first = list_first(&h->unshown);
    return first ? container_of(first, struct unshown, in_hub) : NULL;
}

void hub_unshown_tick(struct hub *h)
{
    for (struct unshown *u; (u = first_unshown(h)) && u->due_ns <= h->now_ns;) {
        uint32_t topic = u->topic, owner = u->owner;
        forget(h, u);
        hub_show_merged(h, owner, topic);
    }
}

int64_t hub_unshown_deadline(const struct hub *h)
{
    const struct unshown *first = first_unshown(h);
    return first ? first->due_ns : INT64_MAX;
}

void hub_unshown_free(struct hub *h)
{
    for (struct unshown *u; (u = first_unshown(h));)
        forget(h, u);
    map64_fini(&h->unshown_of);
}
