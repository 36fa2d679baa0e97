/* hub_tail.c - agents that left in peace to go on elsewhere, or were sent away. What they wrote last is theirs to tell, exactly, in their
 * next Hello; of whom none is heard within TAIL_MS, here or by a peer, the end is told as that of a session that broke. */
#include "bus/hub_private.h"

enum { TAIL_MS = 1900 }; /* a loss is told within two seconds */

struct tail {
    struct list in_hub; /* by due_ns */
    uint32_t publisher, link;
    uint64_t birth;
    int64_t due_ns;
};

static const int64_t ns_per_ms = 1000000;

static void forget(struct hub *h, struct tail *tail)
{
    h->owners[tail->publisher].tail = NULL;
    list_remove(&tail->in_hub);
    mem_free(tail);
}

void hub_await_tail(const struct port *p)
{
    struct hub *h = p->hub;
    struct owner *owner = &h->owners[p->owner];
    struct tail *tail = mem_calloc(1, sizeof *tail);
    if (!tail) {
        hub_tell_tail(h, p, p->owner, p->link, p->birth);
        return;
    }
    if (owner->tail)
        forget(h, owner->tail);
    *tail = (struct tail){
        .publisher = p->owner, .link = p->link, .birth = p->birth, .due_ns = hub_now_ns(h) + TAIL_MS * ns_per_ms};
    list_init(&tail->in_hub);
    list_push_back(&h->tails, &tail->in_hub);
    owner->tail = tail;
}

static void tell(struct hub *h, const struct port *from, struct tail *tail)
{
    hub_tell_tail(h, from, tail->publisher, tail->link, tail->birth);
    forget(h, tail);
}

void hub_tail_came(struct hub *h, const struct port *from, uint32_t publisher, uint64_t birth)
{
    struct tail *tail = publisher < h->owners_cap ? h->owners[publisher].tail : NULL;
    if (!tail)
        return;
    if (tail->birth == birth)
        forget(h, tail);
    else
        tell(h, from, tail); /* a new birth tells nothing of the one before */
}

static struct tail *first_tail(const struct hub *h)
{
    struct list *first = list_first(&h->tails);
    return first ? container_of(first, struct tail, in_hub) : NULL;
}

void hub_tails_tick(struct hub *h)
{
    for (struct tail *tail; (tail = first_tail(h)) && tail->due_ns <= h->now_ns;)
        tell(h, NULL, tail);
}

int64_t hub_tails_deadline(const struct hub *h)
{
    const struct tail *first = first_tail(h);
    return first ? first->due_ns : INT64_MAX;
}

void hub_tails_free(struct hub *h)
{
    for (struct tail *tail; (tail = first_tail(h));)
        forget(h, tail);
}
