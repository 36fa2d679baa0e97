/* peek.c - see peek.h. */
#include "peek.h"

#include <stdlib.h>
#include <string.h>

#include "bus/hub_private.h"
#include "payload.h"
#include "proto/topic.h"

bool peek_has_uplink(const struct hub *hub)
{
    return hub_has_uplink(hub);
}

bool peek_is_settled(const struct hub *hub)
{
    if (!list_is_empty(&hub->walking) || hub->is_offering)
        return false;
    for (uint32_t i = 0; i < hub->n_ups; i++)
        if (hub->ups[i].is_span_open && hub_is_up(&hub->ups[i])) /* of one that is gone it stays open */
            return false;
    for (uint32_t i = 1; i <= hub->max_ports; i++) {
        struct list *at, *after;
        const struct port *p = hub->ports[i];
        if (!p)
            continue;
        if (p->version_pending || !p->is_welcome)
            return false;
        LIST_EACH(at, after, &p->entries)
        if (container_of(at, struct entry, in_port)->state != ENTRY_SETTLED)
            return false;
    }
    return true;
}

uint64_t peek_seq(const struct hub *hub)
{
    return hub->seq;
}

size_t peek_most_queued(const struct hub *hub)
{
    size_t most = 0;
    for (uint32_t i = 1; i <= hub->max_ports; i++) {
        size_t queued = hub->ports[i] ? session_queued_bytes(hub->ports[i]->session) : 0;
        most = queued > most ? queued : most;
    }
    return most;
}

static int number_after(char letter, const char *text)
{
    return text[0] == letter && text[1] >= '1' && text[1] <= '9' ? atoi(text + 1) - 1 : HISTORY_ANY;
}

int peek_machine(const char *identity)
{
    return number_after('m', identity);
}

int peek_program(const char *part)
{
    return number_after('a', part);
}

/* -- what was accepted -- */
static void note_value(const uint8_t *data, size_t len, uint64_t *ret_number, uint64_t *ret_hash)
{
    struct body body;
    struct buf scratch;
    *ret_number = *ret_hash = 0;
    buf_init(&scratch, VALUE_MAX_BYTES);
    if (body_read(data, len, &body, &scratch) == MR_OK && body.has_value) {
        *ret_number = payload_read(body.value.as.ptr, body.value.len);
        *ret_hash = history_hash(body.value.as.ptr, body.value.len);
    }
    buf_fini(&scratch);
}

static void note_accepted(const struct hub *hub, struct history *history, int machine, const struct record *record,
                          struct accepted *a)
{
    uint64_t number, hash;
    note_value(record->body, record->body_len, &number, &hash);
    struct accepted *to = history_accept(history, machine);
    *to = *a;
    to->number = number;
    to->hash = hash;
    to->topic = history_topic(history, names_topic_text(hub->names, record->topic));
    to->flags = record->flags;
}

void peek_accepted(const struct hub *hub, struct history *history, const struct peek_source *source,
                   const uint8_t *frame, size_t len, uint64_t before)
{
    struct frame_head head;
    const uint8_t *payload;
    size_t payload_len;
    struct batches_reader batches;
    struct batch_reader batch;
    struct record record;
    struct accepted a = {.birth = hub->birth,
                         .seq = before,
                         .at_ns = source->now_ns,
                         .program = source->program,
                         .session = source->session};
    if (frame_read(frame, len, &head, &payload, &payload_len) || head.kind != FRAME_BATCHES)
        return;
    batches_read_init(&batches, payload, payload_len);
    while (batches_next(&batches, &batch) == MR_OK)
        while (batch_next(&batch, &record) == MR_OK) {
            if (record.call.id || a.seq == hub->seq)
                continue;
            a.seq++;
            note_accepted(hub, history, source->machine, &record, &a);
        }
}

void peek_numbered_anew(const struct hub *hub, struct history *history, int machine, uint64_t before, int64_t now_ns,
                        uint32_t (*session_of)(void *user, int program), void *user)
{
    for (uint64_t seq = before + 1; seq <= hub->seq; seq++) {
        uint64_t cursor = 0;
        for (const struct slot *slot; (slot = lastval_walk(hub->lastval, &cursor));) {
            if (slot->owner != hub->self || slot->seq != seq)
                continue;
            struct accepted a = {.birth = hub->birth,
                                 .seq = seq,
                                 .at_ns = now_ns,
                                 .is_anew = true,
                                 .program = peek_program(names_get_publisher(hub->names, slot->publisher)->part)};
            a.session = session_of(user, a.program);
            const struct record record = {.topic = slot->topic,
                                          .flags = slot->flags & (MR_KEEP | MR_CLEAR | MR_FORCED),
                                          .body = slot->body,
                                          .body_len = slot->body_len};
            note_accepted(hub, history, machine, &record, &a);
        }
    }
}

/* -- what it holds -- */
void peek_slots(const struct hub *hub, struct history *history, int place)
{
    uint64_t cursor = 0, number;
    for (const struct slot *slot; (slot = lastval_walk(hub->lastval, &cursor));) {
        struct final_slot *f = history_slot(history);
        *f = (struct final_slot){.place = place,
                                 .owner = peek_machine(names_get_publisher(hub->names, slot->owner)->identity),
                                 .topic = history_topic(history, names_topic_text(hub->names, slot->topic)),
                                 .birth = slot->head.birth,
                                 .seq = slot->seq,
                                 .accept_us = slot->head.broker_us,
                                 .is_cleared = slot->cleared,
                                 .is_fresh = hub_is_fresh(hub, slot)};
        note_value(slot->body, slot->body_len, &number, &f->hash);
    }
}

void peek_expected(const struct hub *hub, struct history *history, struct subscription *sub, int64_t now_ns,
                   int64_t unchanged_since_ns)
{
    uint64_t cursor = 0;
    for (const struct slot *slot; (slot = lastval_walk(hub->lastval, &cursor));) {
        const char *topic = names_topic_text(hub->names, slot->topic);
        int machine = peek_machine(names_get_publisher(hub->names, slot->owner)->identity);
        if (slot->cleared || slot->changed_ns > unchanged_since_ns ||
            (hub->kind == HUB_BROKER && machine == sub->machine) ||
            !filter_match(sub->filter, strlen(sub->filter), topic, strlen(topic)))
            continue;
        struct item *item = history_item(sub, ITEM_EXPECTED, now_ns);
        item->machine = machine;
        item->topic = history_topic(history, topic);
        item->birth = slot->head.birth;
        item->seq = slot->seq;
    }
}

void peek_presence(const struct hub *hub, struct history *history, int place)
{
    uint32_t cursor = 0;
    for (const struct life *life; (life = presence_walk(hub->presence, &cursor));) {
        const struct publisher *who = names_get_publisher(hub->names, life->publisher);
        if (peek_machine(who->identity) == HISTORY_ANY)
            continue;
        *history_presence(history) =
            (struct final_presence){.place = place,
                                    .machine = peek_machine(who->identity),
                                    .program = peek_program(who->part),
                                    .birth = life->birth,
                                    .is_alive = presence_lives(hub->presence, life->publisher)};
    }
}

/* -- between brokers -- */
static uint64_t mix(uint64_t into, uint64_t value)
{
    return (into ^ value) * UINT64_C(1099511628211);
}

uint64_t peek_values(const struct hub *hub)
{
    uint64_t cursor = 0, sum = 0;
    for (const struct slot *slot; (slot = lastval_walk(hub->lastval, &cursor));) {
        const char *topic = names_topic_text(hub->names, slot->topic);
        int machine = peek_machine(names_get_publisher(hub->names, slot->owner)->identity);
        if (machine == HISTORY_ANY)
            continue;
        uint64_t hash = mix(history_hash(topic, strlen(topic)), (uint64_t)machine);
        hash = mix(mix(hash, slot->head.birth), slot->seq);
        hash = mix(mix(hash, (uint64_t)slot->head.broker_us), slot->cleared);
        sum += mix(hash, slot->cleared ? 0 : history_hash(slot->body, slot->body_len));
    }
    return sum;
}

uint64_t peek_interest(const struct hub *hub)
{
    uint64_t hash = 0;
    for (uint32_t i = 1; i <= hub->max_ports; i++) {
        struct list *at, *after;
        if (!hub->ports[i] || hub->ports[i]->kind != PORT_AGENT)
            continue;
        LIST_EACH(at, after, &hub->ports[i]->entries)
        hash = mix(mix(hash, i), container_of(at, struct entry, in_port)->id);
    }
    return hash;
}

static bool is_wanted(const struct hub *hub, uint32_t topic)
{
    struct route_ports to = route_subscribers(hub->route, topic);
    for (size_t i = 0; i < to.n; i++)
        if (hub->ports[to.port[i]] && hub->ports[to.port[i]]->kind == PORT_AGENT)
            return true;
    return false;
}

static void read_batch(struct port *p, struct batch_reader *batch, peek_record_fn *fn, void *user)
{
    struct record record;
    const struct publisher *who = names_get_publisher(p->hub->names, hub_publisher_meant(p, batch->head.publisher));
    while (batch_next(batch, &record) == MR_OK) {
        uint32_t topic = hub_topic_meant(p, record.topic);
        if (record.call.id || !who || !topic || topic == NAME_REFUSED)
            continue;
        const struct peek_record r = {.machine = peek_machine(who->identity),
                                      .topic = names_topic_text(p->hub->names, topic),
                                      .is_live = batch->head.interest == 0 && !(record.flags & MR_FROM_SNAPSHOT),
                                      .is_kept = record.flags & (MR_KEEP | MR_CLEAR) && !(record.flags & MR_BACKFILL),
                                      .is_wanted = is_wanted(p->hub, topic)};
        if (r.machine != HISTORY_ANY)
            fn(user, &r);
    }
}

void peek_mesh(const struct hub *hub, uint32_t port, const uint8_t *frame, size_t len, peek_record_fn *fn, void *user)
{
    struct frame_head head;
    const uint8_t *payload;
    size_t payload_len;
    struct batches_reader batches;
    struct batch_reader batch;
    struct port *p = hub_port_at(hub, port);
    if (!p || frame_read(frame, len, &head, &payload, &payload_len) || head.kind != FRAME_BATCHES)
        return;
    batches_read_init(&batches, payload, payload_len);
    while (batches_next(&batches, &batch) == MR_OK)
        read_batch(p, &batch, fn, user);
}

bool peek_shows_alive(const struct hub *hub, int machine, uint64_t birth)
{
    uint32_t cursor = 0;
    for (const struct life *life; (life = presence_walk(hub->presence, &cursor));) {
        const struct publisher *who = names_get_publisher(hub->names, life->publisher);
        if (peek_machine(who->identity) == machine && !*who->part)
            return life->alive && life->birth == birth;
    }
    return false;
}

bool peek_knows(const struct hub *hub, int machine, uint64_t birth)
{
    uint32_t cursor = 0;
    for (const struct life *life; (life = presence_walk(hub->presence, &cursor));)
        if (peek_machine(names_get_publisher(hub->names, life->publisher)->identity) == machine && life->birth == birth)
            return true;
    return false;
}
