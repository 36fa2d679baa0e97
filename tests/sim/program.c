/* program.c - one act after the other. */
#include "program.h"

#include <stdlib.h>
#include <string.h>

#include "payload.h"
#include "peek.h"

enum { BURST_MOST = 400, WAIT_MS = 1500, ACT_TOTAL = 100 };

static const char *const filters[] = {"demo/#",      "demo/m1/#",     "demo/m2/#", "demo/+/a1/#",
                                      "demo/+/+/t0", "demo/m1/a1/t1", "shared/#",  "#"};

/* -- what it is told -- */
static void on_told(void *user, unsigned sub, const struct told *told)
{
    struct program *p = user;
    struct subscription *s = p->subs[sub];
    if (!s)
        return;
    struct item *item = history_item(s, told->kind, p->sim->now_ns);
    item->machine = told->publisher ? peek_machine(told->publisher) : HISTORY_ANY;
    item->topic = told->kind == ITEM_DATA ? history_topic(p->history, told->topic) : 0;
    item->flags = told->flags;
    item->birth = told->birth;
    item->seq = told->seq;
    item->count = told->count;
    item->cause = told->cause;
    item->number = told->data ? payload_read(told->data, told->len) : 0;
    item->hash = history_hash(told->data, told->len);
    sim_trace(p->sim, "%s: sub %u told %d %s %s %llx/%llu flags %u count %llu", p->name, sub, (int)told->kind,
              told->kind == ITEM_DATA ? told->topic : "", told->publisher ? told->publisher : "-",
              (unsigned long long)told->birth, (unsigned long long)told->seq, told->flags,
              (unsigned long long)told->count);
}

static void on_outcome(void *user, uint64_t id, enum mr_rc rc, const void *data, size_t len)
{
    struct program *p = user;
    struct asked *a = history_find_asked(p->history, id);
    sim_trace(p->sim, "%s: request %llx ends: %d", p->name, (unsigned long long)id, (int)rc);
    if (!a) {
        history_problem(p->history, "%s: an outcome of a request that was never made", p->name);
        return;
    }
    a->outcomes++;
    a->rc = rc;
    a->answers_id = data ? payload_read(data, len) : 0;
}

static void give_answer(struct program *p, uint64_t call, uint64_t id)
{
    uint8_t data[PAYLOAD_LEAST];
    payload_write(data, id, sizeof data);
    enum mr_rc rc = p->client->kind->answer(p->client, call, data, sizeof data);
    sim_trace(p->sim, "%s: answers %llx: %d", p->name, (unsigned long long)id, (int)rc);
}

static void on_request(void *user, uint64_t call, const void *data, size_t len)
{
    struct program *p = user;
    uint64_t id = payload_read(data, len);
    struct asked *a = history_find_asked(p->history, id);
    if (!a) {
        history_problem(p->history, "%s: was asked what nobody asked", p->name);
        return;
    }
    a->handled++;
    unsigned dice = (unsigned)sim_below(p->sim, 100);
    if (dice < 80 || a->expect == EXPECT_ANSWER)
        give_answer(p, call, id);
    else if (dice < 95)
        for (int i = 0; i < PROGRAM_PENDING; i++)
            if (!p->pending[i].id) {
                p->pending[i].call = call;
                p->pending[i].id = id;
                p->pending[i].at_ns = p->sim->now_ns + sim_between(p->sim, 0, 2 * SIM_S);
                return;
            }
}

static void on_dropped(void *user)
{
    const struct program *p = user;
    p->plant->on_dropped(p->plant->user, p->name);
}

static const struct client_events client_events = {
    .on_told = on_told, .on_outcome = on_outcome, .on_request = on_request, .on_dropped = on_dropped};

/* -- acts -- */
static void publish(struct program *p, const char *topic, uint32_t flags, size_t len, bool must_arrive)
{
    uint8_t data[PAYLOAD_MOST];
    uint64_t number = payload_number(p->index, p->life, ++p->nth);
    bool is_clear = flags & MR_CLEAR;
    payload_write(data, number, len);
    const struct client_record record = {
        .topic = topic, .flags = flags, .data = is_clear ? NULL : data, .len = is_clear ? 0 : len};
    enum mr_rc rc = p->client->kind->publish(p->client, &record);
    sim_trace(p->sim, "%s: publishes %llx of %s flags %u: %d", p->name, (unsigned long long)number, topic, flags,
              (int)rc);
    if (must_arrive && rc)
        history_problem(p->history, "%s: cannot publish '%s' while all is well: %s", p->name, topic, rc_text(rc));
    if (rc)
        return;
    *history_publish(p->history) = (struct published){.number = is_clear ? 0 : number,
                                                      .hash = is_clear ? 0 : history_hash(data, len),
                                                      .at_ns = p->sim->now_ns,
                                                      .topic = history_topic(p->history, topic),
                                                      .flags = flags,
                                                      .must_arrive = must_arrive && !is_clear};
}

/* The nth topic of a program: kept ones, raw ones, those it shares with all others. */
static const char *topic_of(const struct program *p, unsigned nth, char text[64], uint32_t *ret_flags)
{
    *ret_flags = nth < PROGRAM_KEPT || nth >= PROGRAM_KEPT + PROGRAM_RAW ? MR_KEEP : 0;
    if (nth >= PROGRAM_KEPT + PROGRAM_RAW)
        snprintf(text, 64, "shared/s%u", nth - PROGRAM_KEPT - PROGRAM_RAW);
    else
        snprintf(text, 64, "%s/%s/%c%u", p->path, p->name, nth < PROGRAM_KEPT ? 't' : 'r',
                 nth < PROGRAM_KEPT ? nth : nth - PROGRAM_KEPT);
    return text;
}

static void publish_one(struct program *p)
{
    char text[64];
    uint32_t flags;
    unsigned nth = (unsigned)sim_below(p->sim, PROGRAM_KEPT + PROGRAM_RAW + PROGRAM_SHARED);
    const char *topic = topic_of(p, nth, text, &flags);
    unsigned dice = (unsigned)sim_below(p->sim, 100);
    size_t len = PAYLOAD_LEAST + sim_below(p->sim, p->plant->is_rough && dice > 90 ? PAYLOAD_MOST - PAYLOAD_LEAST : 64);
    if (flags && dice < 4)
        flags = MR_CLEAR;
    else if (dice < 6)
        flags |= MR_BACKFILL;
    publish(p, topic, flags, len, false);
}

static void publish_burst(struct program *p)
{
    for (uint64_t n = p->plant->is_rough ? sim_below(p->sim, BURST_MOST) : 5; n > 0; n--)
        publish_one(p);
}

static void ask(struct program *p, const char *topic, enum asked_expect expect)
{
    uint8_t data[PAYLOAD_LEAST];
    uint64_t id = payload_number(p->index, p->life, ++p->nth);
    payload_write(data, id, sizeof data);
    const struct client_record record = {.topic = topic, .data = data, .len = sizeof data};
    struct asked *a = history_ask(p->history);
    *a = (struct asked){.id = id, .at_ns = p->sim->now_ns, .expect = expect};
    enum mr_rc rc = p->client->kind->request(p->client, id, &record, WAIT_MS);
    sim_trace(p->sim, "%s: asks %llx of %s: %d", p->name, (unsigned long long)id, topic, (int)rc);
    if (rc)
        a->is_forsaken = true;
    if (rc && rc != MR_WOULD_BLOCK && expect != EXPECT_ANYTHING)
        history_problem(p->history, "%s: cannot ask '%s' while all is well: %s", p->name, topic, rc_text(rc));
}

static void ask_one(struct program *p)
{
    char text[64];
    int whom = (int)sim_below(p->sim, (uint64_t)p->plant->n_programs + 1);
    snprintf(text, sizeof text, "demo/m%d/a%d/svc", plant_machine_of(p->plant, whom) + 1, whom + 1);
    ask(p, text, EXPECT_ANYTHING);
}

static void open_sub(struct program *p, unsigned i)
{
    struct subscription *s = history_subscribe(p->history);
    s->program = p->index;
    s->machine = p->machine_index;
    s->is_read_slowly = p->kind == &client_sdk && i == CLIENT_POLLED;
    snprintf(s->filter, sizeof s->filter, "%s", filters[sim_below(p->sim, sizeof filters / sizeof *filters)]);
    p->subs[i] = s;
    enum mr_rc rc = p->client->kind->subscribe(p->client, i, s->filter);
    sim_trace(p->sim, "%s: sub %u to %s: %d", p->name, i, s->filter, (int)rc);
    if (rc)
        history_problem(p->history, "%s: cannot subscribe: %s", p->name, rc_text(rc));
    if (p->client->kind->is_up(p->client))
        p->plant->on_subscribed(p->plant->user, s);
}

static void forget_sub(struct program *p, unsigned i)
{
    if (!p->subs[i])
        return;
    history_item(p->subs[i], ITEM_CLOSED, p->sim->now_ns);
    p->subs[i]->is_open = false;
    p->subs[i] = NULL;
}

static void change_subs(struct program *p)
{
    unsigned i = (unsigned)sim_below(p->sim, CLIENT_SUBS);
    if (!p->subs[i]) {
        open_sub(p, i);
        return;
    }
    sim_trace(p->sim, "%s: sub %u ends", p->name, i);
    p->client->kind->unsubscribe(p->client, i);
    forget_sub(p, i);
}

static void act(struct program *p)
{
    unsigned dice = (unsigned)sim_below(p->sim, ACT_TOTAL);
    if (dice < 80)
        publish_one(p);
    else if (dice < 90)
        ask_one(p);
    else if (dice < 96)
        change_subs(p);
    else
        publish_burst(p);
}

static void act_on_time(void *user)
{
    struct program *p = user;
    if (!p->client || !p->plant->is_busy) {
        p->is_acting = false;
        return;
    }
    if (p->process.frozen_ns <= p->sim->now_ns)
        act(p);
    sim_at(p->sim, p->sim->now_ns + sim_between(p->sim, SIM_MS, 2 * p->plant->pace_ns), act_on_time, p);
}

static void take_turn(void *user)
{
    struct program *p = user;
    if (!p->client)
        return;
    p->client->kind->turn(p->client);
    for (int i = 0; i < PROGRAM_PENDING; i++) {
        if (!p->pending[i].id)
            continue;
        if (p->pending[i].at_ns > p->sim->now_ns) {
            process_at(&p->process, p->pending[i].at_ns);
            continue;
        }
        give_answer(p, p->pending[i].call, p->pending[i].id);
        p->pending[i].id = 0;
    }
    if (p->plant->is_busy && !p->is_acting) {
        p->is_acting = true;
        sim_at(p->sim, p->sim->now_ns, act_on_time, p);
    }
}

/* -- life -- */
void program_start(struct program *p)
{
    char text[64];
    process_init(&p->process, p->sim, take_turn, p);
    p->life++;
    p->nth = 0;
    memset(p->pending, 0, sizeof p->pending);
    pipe_transport(&p->transport, &p->pipe);
    p->pipe.process = &p->process;
    p->pipe.program = p->name;
    const struct client_conf conf = {.name = p->name,
                                     .path = p->path,
                                     .process = &p->process,
                                     .machine = p->machine,
                                     .rand = &p->rand.source,
                                     .transport = &p->transport,
                                     .history = p->history,
                                     .events = &client_events,
                                     .user = p};
    sim_trace(p->sim, "%s: starts, life %u, %s", p->name, p->life, p->kind->name);
    p->client = p->kind->open(&conf);
    for (unsigned i = 0; i < 2; i++)
        open_sub(p, i);
    snprintf(text, sizeof text, "%s/%s/svc", p->path, p->name);
    if (p->is_serving && p->client->kind->serve(p->client, text))
        history_problem(p->history, "%s: cannot serve", p->name);
    process_wake(&p->process);
}

void program_end(struct program *p, bool is_clean)
{
    if (!p->client)
        return;
    sim_trace(p->sim, "%s: ends%s", p->name, is_clean ? " well" : "");
    p->client->kind->close(p->client, is_clean);
    p->client = NULL;
    for (unsigned i = 0; i < CLIENT_SUBS; i++)
        forget_sub(p, i);
    for (size_t i = 0; i < p->history->n_asked; i++) {
        struct asked *a = &p->history->asked[i];
        if (payload_program(a->id) == p->index && a->outcomes == 0)
            a->is_forsaken = true;
    }
}

void program_final_round(struct program *p, const struct program *all, bool is_rehearsal)
{
    char text[64];
    uint32_t flags;
    for (unsigned nth = 0; nth < PROGRAM_KEPT + PROGRAM_RAW + PROGRAM_SHARED; nth++) {
        if (nth == PROGRAM_KEPT - 1)
            continue;
        const char *topic = topic_of(p, nth, text, &flags);
        publish(p, topic, flags, PAYLOAD_LEAST + nth, !is_rehearsal);
    }
    for (int i = 0; i < p->plant->n_programs; i++) {
        snprintf(text, sizeof text, "%s/%s/svc", all[i].path, all[i].name);
        ask(p, text,
            is_rehearsal                         ? EXPECT_ANYTHING
            : all[i].client && all[i].is_serving ? EXPECT_ANSWER
                                                 : EXPECT_NOBODY);
    }
}
