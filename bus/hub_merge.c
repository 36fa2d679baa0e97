/* hub_merge.c - last values: what is kept, what one clears of the others', what an agent offers again, and what a peer has of somebody
 * who is at home elsewhere. Brokers agree because each of these is a merge by version (DESIGN 4, docs/decisions/0012). */
#include <string.h>

#include "bus/hub_private.h"

/* Says once for each topic why its value is not kept, to whoever sent it and to the operator. */
static void refuse_slot(struct hub *h, struct port *from, uint32_t owner, uint32_t topic, enum mr_rc rc)
{
    struct err why = {{0}};
    h->refused++;
    if (idmap_get(&h->slots_told, topic) || idmap_set(&h->slots_told, topic, 1) != MR_OK)
        return;
    err_set(&why, "no last value of '%s' by '%s' is kept: %s", names_topic_text(h->names, topic),
            names_get_publisher(h->names, owner)->identity,
            rc ? rc_text(rc) : "too many identities write it, or it has its share, or the table is full");
    if (from && !hub_is_trusted(from))
        hub_must(from, session_error(from->session, rc ? rc : MR_TOO_BIG, why.text, 0, 0));
    hub_notice(h, HUB_NOTICE_SLOT_REFUSED, "%s", why.text);
}

enum lastval_result hub_keep(struct hub *h, struct port *from, const struct batch_head *head, uint32_t owner,
                             const struct record *record)
{
    enum lastval_result result = LASTVAL_REFUSED;
    bool is_again = record->flags & MR_FROM_SNAPSHOT && from && hub_is_trusted(from);
    int64_t at_ns = hub_now_ns(h) - (is_again ? hub_age_ns(from, head) : 0);
    enum mr_rc rc = lastval_put(h->lastval, head, owner, record, at_ns, &result);
    if (result == LASTVAL_REFUSED)
        refuse_slot(h, from, owner, record->topic, rc);
    else if (result == LASTVAL_ANOTHER)
        hub_notice(h, HUB_NOTICE_CONFLICT, "'%s' is now also written by '%s': two writers of one topic",
                   names_topic_text(h->names, record->topic), names_get_publisher(h->names, owner)->identity);
    if (result != LASTVAL_TAKEN && result != LASTVAL_ANOTHER)
        return result;
    hub_set_shown(h, record->topic, owner);
    hub_table_changed(h, from, head->publisher, owner, record->flags);
    return result;
}

static const struct slot *slot_of(const struct hub *h, uint32_t topic, uint32_t owner)
{
    const struct slot *slots[SLOTS_PER_TOPIC];
    size_t n = lastval_get(h->lastval, topic, slots, SLOTS_PER_TOPIC);
    for (size_t i = 0; i < n; i++)
        if (slots[i]->owner == owner)
            return slots[i];
    return NULL;
}

/* What somebody else cleared: its writer hears of it, whether it subscribes to it or not. */
static void tell_writer(struct hub *h, const struct slot *slot)
{
    struct port *p = slot ? hub_agent_port(h, slot->owner) : NULL;
    if (p && p->is_welcome)
        hub_put_slot(p, slot, 0);
}

void hub_tell_owner(struct hub *h, uint32_t owner, uint32_t topic)
{
    tell_writer(h, slot_of(h, topic, owner));
}

void hub_show_merged(struct hub *h, uint32_t owner, uint32_t topic)
{
    const struct slot *slot = slot_of(h, topic, owner);
    if (!slot)
        return;
    hub_show_slot(h, slot);
    if (slot->cleared)
        tell_writer(h, slot);
}

static bool is_held(const struct slot *ours, const struct batch_head *head, const struct record *record)
{
    return ours && ours->head.birth == head->birth && ours->seq == record->seq;
}

void hub_note_shown(struct hub *h, const struct batch_head *head, uint32_t owner, const struct record *record)
{
    const struct slot *ours = slot_of(h, record->topic, owner);
    if (!is_held(ours, head, record) || !hub_is_unshown(h, record->topic, owner))
        return;
    hub_set_shown(h, record->topic, owner);
    if (ours->cleared && !(record->flags & MR_CLEAR))
        hub_show_merged(h, owner, record->topic);
}

bool hub_is_overtaken(struct hub *h, const struct port *from, const struct batch_head *head, uint32_t owner,
                      const struct record *record)
{
    const struct slot *slot = slot_of(h, record->topic, owner);
    bool is_above =
        !slot || slot->head.birth < head->birth || (slot->head.birth == head->birth && slot->seq < record->seq);
    if (is_above || hub_is_unshown(h, record->topic, owner))
        return false;
    if (is_held(slot, head, record) && slot->cleared == !!(record->flags & MR_CLEAR))
        return true; /* it has been shown */
    const struct session_loss loss = {.publisher = owner,
                                      .link = head->link,
                                      .via = "",
                                      .birth = head->birth,
                                      .first = record->seq,
                                      .last = record->seq,
                                      .count = 1,
                                      .cause = MR_LINK};
    hub_tell_loss(h, from, &loss);
    return true;
}

/* A CLEAR by one identity clears what the others have there, at the very versions seen here: each becomes a tombstone of that
 * version, which everybody merges like any other. */
void hub_clear_others(struct hub *h, uint32_t owner, uint32_t topic)
{
    const struct slot *slots[SLOTS_PER_TOPIC];
    size_t n = lastval_get(h->lastval, topic, slots, SLOTS_PER_TOPIC);
    for (size_t i = 0; i < n; i++) {
        if (slots[i]->owner == owner || slots[i]->cleared)
            continue;
        const struct batch_head head = slots[i]->head;
        const struct record cleared = {.topic = topic,
                                       .flags = MR_CLEAR | MR_FROM_SNAPSHOT,
                                       .seq = slots[i]->seq,
                                       .source_us = slots[i]->source_us};
        hub_keep(h, NULL, &head, slots[i]->owner, &cleared);
        hub_deliver(h, NULL, &head, &cleared);
        tell_writer(h, slots[i]);
    }
}

static void show_to_readers(struct hub *h, const struct slot *slot)
{
    struct list *at, *after;
    LIST_EACH(at, after, &h->reading)
    hub_put_slot(container_of(at, struct port, in_reading), slot, 0);
}

/* An offered slot: what is held here already keeps its accept time, and what was cleared meanwhile is told. */
enum lastval_result hub_keep_offered(struct port *p, const struct batch_head *head, const struct record *record)
{
    struct hub *h = p->hub;
    struct batch_head offered = *head;
    const struct slot *ours = slot_of(h, record->topic, p->owner);
    if (ours && ours->head.birth == head->birth && ours->seq == record->seq)
        offered.broker_us = MR_NO_TIME;
    enum lastval_result kept = hub_keep(h, p, &offered, p->owner, record);
    if (kept != LASTVAL_OLD || !ours)
        return kept;
    if (ours->cleared && !(record->flags & MR_CLEAR))
        hub_put_slot(p, ours, 0);
    if (p->has_moved_here) /* peers take it from where it is at home: some had it not from there */
        show_to_readers(h, ours);
    return kept;
}

/* A last value from the table of a peer where its writer is not at home: when it is at home where we hear of it, the same comes
 * from there, behind what is still on its way; but that way may break. False: nothing of it is to be delivered now. */
static bool merge_hearsay(struct port *p, const struct batch_head *head, uint32_t owner, const struct record *record)
{
    struct hub *h = p->hub;
    bool was_shown =
        is_held(slot_of(h, record->topic, owner), head, record) && !hub_is_unshown(h, record->topic, owner);
    enum lastval_result kept = hub_keep(h, p, head, owner, record);
    if (kept != LASTVAL_TAKEN && kept != LASTVAL_ANOTHER)
        return false;
    return was_shown || !hub_show_later(h, record->topic, owner);
}

/* Of a writer that is nowhere any more, some of our other peers may never hear but from us. Each broker passes a version on once,
 * when it is news to it. */
static void pass_on(const struct port *from, const struct slot *slot)
{
    struct list *at, *after;
    LIST_EACH(at, after, &from->hub->reading)
    {
        struct port *reader = container_of(at, struct port, in_reading);
        if (strcmp(reader->identity, from->identity) != 0)
            hub_put_slot(reader, slot, 0);
    }
}

/* Its home has nothing of it under way any more. */
static bool take_turn(struct hub *h, const struct batch_head *head, uint32_t owner, const struct record *record)
{
    bool is_due = is_held(slot_of(h, record->topic, owner), head, record) && hub_is_unshown(h, record->topic, owner);
    if (is_due)
        hub_set_shown(h, record->topic, owner);
    return is_due;
}

bool hub_merge_again(struct port *p, const struct batch_head *head, uint32_t owner, const struct record *record)
{
    struct hub *h = p->hub;
    if (hub_is_heard_from_home(p, owner, head->birth))
        return merge_hearsay(p, head, owner, record);
    enum lastval_result kept = hub_keep(h, p, head, owner, record);
    if (kept == LASTVAL_OLD)
        return take_turn(h, head, owner, record);
    if (kept == LASTVAL_REFUSED)
        return false;
    if (hub_is_orphan(p, owner))
        pass_on(p, slot_of(h, record->topic, owner));
    return true;
}
