/* test_producer_property.c - agents with a spool against a model of the group, with cuts, crashes and a cloned disk: every
 * record is in the stream once and in order, no alarm without a cause, and no unflagged duplicate even of a clone. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rand.h"
#include "proto/producer.h"

enum { RECORDS = 400, LOG = 2 * RECORDS, WIRE = 256, HOLDERS = 2 };

struct spooled {
    uint64_t id, ordinal, seq, chain;
    bool recovered;
};

struct holder {
    struct producer machine;
    struct spooled spool[RECORDS]; /* not yet freed */
    unsigned count;
    uint64_t ordinal, next_seq, tail_chain;         /* of the newest incarnation */
    uint64_t floor_ordinal, floor_seq, floor_chain; /* durable */
    uint64_t birth, nonce, link;
    bool linked, down, exists;
};

struct wire_frame {
    unsigned holder;
    uint64_t link;
    bool is_open;
    uint64_t birth, nonce, open, ordinal, epoch;
    struct spooled record;
};

struct group {
    uint64_t epoch, nonce, birth, open, ordinal, last, chain;
    struct spooled log[LOG];
    unsigned count;
};

struct world {
    struct rand_seeded rand;
    uint64_t seed;
    struct holder holders[HOLDERS];
    struct group group;
    struct wire_frame wire[WIRE];
    unsigned first, frames;
    uint64_t ids, nonces, ordinals;
    bool cloned;
};

static void hold(const struct world *w, bool holds, const char *what)
{
    if (!holds)
        fail_msg("seed %llu: %s", (unsigned long long)w->seed, what);
}

static uint64_t link_chain(uint64_t chain, uint64_t id)
{
    return (chain + id) * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

static struct producer_incarnation front_of(const struct holder *h)
{
    return (struct producer_incarnation){
        .ordinal = h->ordinal, .next_seq = h->next_seq, .newest = true, .left = h->count > 0};
}

static void boot(struct world *w, struct holder *h)
{
    struct producer_conf conf;

    h->birth++;
    h->nonce = ++w->nonces;
    h->linked = false;
    conf = (struct producer_conf){.birth = h->birth,
                                  .nonce = h->nonce,
                                  .front = front_of(h),
                                  .floor_ordinal = h->floor_ordinal,
                                  .floor_seq = h->floor_seq,
                                  .floor_chain = h->floor_chain,
                                  .fenced = h->down};
    producer_init(&h->machine, &conf);
}

static void step_holder(struct world *w, struct holder *h, struct producer_event event);

static void renumber(struct world *w, struct holder *h, uint64_t above_birth)
{
    uint64_t chain = 0;

    h->ordinal = ++w->ordinals;
    for (unsigned i = 0; i < h->count; i++) {
        struct spooled *r = &h->spool[i];
        chain = link_chain(chain, r->id);
        *r = (struct spooled){.id = r->id, .ordinal = h->ordinal, .seq = i + 1, .chain = chain, .recovered = true};
    }
    h->next_seq = h->count + 1;
    h->tail_chain = chain;
    h->floor_ordinal = h->ordinal;
    h->floor_seq = h->floor_chain = 0;
    if (above_birth >= h->birth)
        h->birth = above_birth + 1;
    step_holder(w, h, (struct producer_event){.kind = PRODUCER_RENEWED, .front = front_of(h), .birth = h->birth});
}

static void forget_to(struct world *w, struct holder *h, uint64_t seq)
{
    unsigned n = 0;

    while (n < h->count && h->spool[n].seq <= seq)
        n++;
    h->count -= n;
    memmove(h->spool, h->spool + n, h->count * sizeof h->spool[0]);
    if (rand_below(&w->rand.source, 2)) { /* the floor reaches the disk now and then */
        h->floor_ordinal = h->machine.floor_ordinal;
        h->floor_seq = h->machine.floor_seq;
        h->floor_chain = h->machine.floor_chain;
    }
}

static void put_wire(struct world *w, const struct wire_frame *frame)
{
    if (w->frames < WIRE)
        w->wire[(w->first + w->frames++) % WIRE] = *frame;
}

static void tell_chain(struct world *w, struct holder *h, uint64_t seq)
{
    struct producer_event event = {.kind = PRODUCER_CHAIN};

    for (unsigned i = 0; i < h->count; i++) {
        if (h->spool[i].seq == seq) {
            event.known = true;
            event.chain = h->spool[i].chain;
        }
    }
    step_holder(w, h, event);
}

static void step_holder(struct world *w, struct holder *h, struct producer_event event)
{
    struct producer_actions todo;

    hold(w, producer_step(&h->machine, &event, 0, &todo) == MR_OK, "an event was refused");
    hold(w, !todo.alarm || w->cloned, "an alarm without a cause");
    if (todo.free_to)
        forget_to(w, h, todo.seq);
    if (todo.send_open)
        put_wire(w, &(struct wire_frame){.holder = (unsigned)(h - w->holders),
                                         .link = h->link,
                                         .is_open = true,
                                         .birth = h->machine.birth,
                                         .nonce = h->nonce,
                                         .open = h->machine.open,
                                         .ordinal = h->ordinal});
    if (todo.stay_down)
        h->down = true;
    if (todo.ask_chain)
        tell_chain(w, h, todo.seq);
    if (todo.renew)
        renumber(w, h, todo.birth);
}

static void accept_record(struct world *w, struct holder *h)
{
    if (h->count == RECORDS || w->group.count >= LOG - RECORDS || h->machine.state == PRODUCER_RENEWING)
        return;
    h->tail_chain = link_chain(h->tail_chain, ++w->ids);
    h->spool[h->count++] = (struct spooled){w->ids, h->ordinal, h->next_seq++, h->tail_chain, false};
    step_holder(w, h, (struct producer_event){.kind = PRODUCER_NUMBERED, .front = front_of(h)});
}

static void send_next(struct world *w, struct holder *h)
{
    if (h->machine.state != PRODUCER_GRANTED)
        return;
    for (unsigned i = 0; i < h->count; i++) {
        if (h->spool[i].seq != h->machine.sent_seq + 1)
            continue;
        put_wire(w, &(struct wire_frame){.holder = (unsigned)(h - w->holders),
                                         .link = h->link,
                                         .nonce = h->nonce,
                                         .ordinal = h->ordinal,
                                         .epoch = h->machine.epoch,
                                         .record = h->spool[i]});
        step_holder(w, h, (struct producer_event){.kind = PRODUCER_SENT, .seq = h->spool[i].seq});
        return;
    }
}

static struct producer_answer judge_open(struct group *g, const struct wire_frame *f)
{
    struct producer_answer no = {.epoch = g->epoch, .holder_nonce = g->nonce, .birth = g->birth};

    if (g->epoch && f->nonce == g->nonce && f->open <= g->open)
        return no; /* verdict 0: not even answered */
    no.verdict = PRODUCER_REFUSED;
    if (g->epoch && f->nonce != g->nonce && f->birth <= g->birth)
        return no;
    g->nonce = f->nonce;
    g->birth = f->birth;
    g->open = f->open;
    no.verdict = PRODUCER_SEALED;
    if (f->ordinal < g->ordinal)
        return no;
    if (f->ordinal > g->ordinal)
        g->last = g->chain = 0;
    g->ordinal = f->ordinal;
    g->epoch++;
    return (struct producer_answer){.verdict = PRODUCER_OK, .epoch = g->epoch, .last_seq = g->last, .chain = g->chain};
}

static void check_log(const struct world *w, const struct spooled *r)
{
    for (unsigned i = 0; i < w->group.count; i++) {
        const struct spooled *old = &w->group.log[i];
        hold(w, old->id != r->id || r->recovered, "a record is twice in the stream, not flagged");
        hold(w, w->cloned || r->recovered || old->recovered || old->id < r->id,
             "the stream's order is not the producer's");
    }
}

/* The group takes a frame; its answer goes to the holder if the link it came by is still there. */
static void deliver(struct world *w)
{
    struct wire_frame f = w->wire[w->first];
    struct holder *h = &w->holders[f.holder];
    struct group *g = &w->group;
    struct producer_event event = {.kind = PRODUCER_OPENED};

    w->first = (w->first + 1) % WIRE;
    w->frames--;
    if (f.is_open) {
        event.answer = judge_open(g, &f);
    } else if (f.epoch != g->epoch) {
        event.answer = (struct producer_answer){.verdict = PRODUCER_TAKEN, .holder_nonce = g->nonce};
    } else if (f.record.seq == g->last + 1) {
        check_log(w, &f.record);
        g->log[g->count++] = f.record;
        g->last = f.record.seq;
        g->chain = f.record.chain;
        event = (struct producer_event){.kind = PRODUCER_ACKED, .epoch = g->epoch, .seq = g->last, .chain = g->chain};
    } else {
        return;
    }
    if (h->linked && h->link == f.link && h->nonce == f.nonce &&
        (event.kind != PRODUCER_OPENED || event.answer.verdict))
        step_holder(w, h, event);
}

static void link_holder(struct world *w, struct holder *h, bool up)
{
    if (h->linked == up)
        return;
    h->linked = up;
    h->link += up;
    step_holder(w, h, (struct producer_event){.kind = up ? PRODUCER_LINK_UP : PRODUCER_LINK_DOWN});
}

static void act(struct world *w, bool faults)
{
    struct holder *h = &w->holders[rand_below(&w->rand.source, HOLDERS)];
    uint64_t what = rand_below(&w->rand.source, faults ? 40 : 36);

    if (!h->exists)
        h = &w->holders[0];
    if (what < 10 && faults)
        accept_record(w, h);
    else if (what < 20)
        send_next(w, h);
    else if (what < 34 && w->frames)
        deliver(w);
    else if (what < 36)
        link_holder(w, h, true);
    else if (what < 39)
        link_holder(w, h, false);
    else if (rand_below(&w->rand.source, 4) == 0 && !h->down)
        boot(w, h);
}

static void run(uint64_t seed, bool clone)
{
    static struct world w;
    struct holder *first = &w.holders[0];

    w = (struct world){.seed = seed, .ordinals = 1};
    rand_seeded_init(&w.rand, seed);
    first->exists = true;
    first->ordinal = first->floor_ordinal = 1;
    first->next_seq = 1;
    boot(&w, first);
    for (int i = 0; i < 1500; i++) {
        act(&w, true);
        if (clone && i == 700) {
            w.cloned = true;
            w.holders[1] = *first;
            boot(&w, &w.holders[1]);
        }
    }
    for (int i = 0; i < 20000; i++) /* faults stop */
        act(&w, false);
    unsigned up = 0;
    for (int i = 0; i < HOLDERS; i++) {
        const struct holder *h = &w.holders[i];
        up += h->exists && !h->down;
        hold(&w, !h->exists || h->down || h->count == 0, "the spool did not drain");
    }
    hold(&w, up >= 1, "every holder stays down");
    hold(&w, clone || up == 1, "the only holder stays down");
    for (uint64_t id = 1; id <= w.ids && !clone; id++) {
        unsigned times = 0;
        for (unsigned i = 0; i < w.group.count; i++)
            times += w.group.log[i].id == id;
        hold(&w, times == 1, "a record is not exactly once in the stream");
    }
}

static void every_record_is_in_the_stream_once_and_in_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++)
        run(seed, false);
}

static void a_cloned_disk_never_makes_an_unflagged_duplicate(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++)
        run(seed, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_is_in_the_stream_once_and_in_order),
        cmocka_unit_test(a_cloned_disk_never_makes_an_unflagged_duplicate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
