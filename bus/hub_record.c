/* hub_record.c - the way of a record: whose it is, may it, is it new, keep it, who wants it, and up. */
#include <string.h>

#include "bus/hub_private.h"

/* A source time further ahead of our clock than this is flagged; nothing is ordered by it either way. */
static const int64_t future_limit_us = 5 * 1000 * 1000;

/* Times travel relative to a batch's base: within this range no difference of two overflows. */
#define BASE_TIME_MAX_US (INT64_MAX / 2)

/* A body holds one value and its status; fields this version does not know may add a little. */
enum { BODY_MAX_BYTES = VALUE_MAX_BYTES + 4096 };

/* What an app may say of its own record; the rest is for agents and brokers to say. */
static const uint32_t app_flags = MR_KEEP | MR_CLEAR | MR_BACKFILL | MR_FORCED;

/* -- rights -- */
uint64_t hub_may(struct port *p, uint32_t topic)
{
    uint64_t may = idmap_get(&p->may, topic);
    if (may & MAY_KNOWN)
        return may;
    if (hub_is_trusted(p)) /* the broker has asked already */
        return MAY_KNOWN | MAY_PUBLISH | MAY_REQUEST | MAY_USE_ID;
    const struct rights_subject who = hub_subject(p);
    const char *text = names_topic_text(p->hub->names, topic);
    may |= MAY_KNOWN;
    if (rights_check(p->hub->rights, &who, RIGHT_PUBLISH, text, NULL) == MR_OK)
        may |= MAY_PUBLISH;
    if (rights_check(p->hub->rights, &who, RIGHT_REQUEST, text, NULL) == MR_OK)
        may |= MAY_REQUEST;
    hub_must(p, idmap_set(&p->may, topic, may));
    return may;
}

/* A filter may match more than rights allow, where a rule denies a part of it. */
bool hub_may_receive(struct port *p, uint32_t topic)
{
    if (!p->is_rechecked)
        return true;
    uint64_t may = idmap_get(&p->may, topic);
    if (!(may & MAY_RECEIVE_KNOWN)) {
        const struct rights_subject who = hub_subject(p);
        const char *text = names_topic_text(p->hub->names, topic);
        bool is_allowed = rights_check(p->hub->rights, &who, RIGHT_SUBSCRIBE, text, NULL) == MR_OK;
        may |= is_allowed ? MAY_RECEIVE_KNOWN | MAY_RECEIVE : MAY_RECEIVE_KNOWN;
        hub_must(p, idmap_set(&p->may, topic, may));
    }
    return may & MAY_RECEIVE;
}

/* Tells the sender why, the first time. */
void hub_refuse_record(struct port *p, uint32_t topic, uint64_t may)
{
    p->hub->refused++;
    if (may & MAY_REFUSAL_TOLD)
        return;
    const struct rights_subject who = hub_subject(p);
    struct err why = {{0}};
    enum mr_rc rc = rights_check(p->hub->rights, &who, RIGHT_PUBLISH, names_topic_text(p->hub->names, topic), &why);
    hub_must(p, session_error(p->session, rc, why.text, topic, 0));
    hub_must(p, idmap_set(&p->may, topic, may | MAY_REFUSAL_TOLD));
    hub_notice(p->hub, HUB_NOTICE_DENIED, "%s: %s", p->address, why.text);
}

/* -- whose and which -- */
/* Apps use our ids, and only those they opened or were told. */
uint32_t hub_topic_meant(struct port *p, uint32_t id)
{
    if (p->kind != PORT_APP)
        return (uint32_t)idmap_get(&p->topic_of, id);
    return idmap_get(&p->may, id) & MAY_USE_ID || idmap_get(&p->told_topics, id) ? id : 0;
}

uint32_t hub_publisher_meant(const struct port *p, uint32_t id)
{
    if (p->kind == PORT_APP && id == 0)
        return p->publisher;
    return (uint32_t)idmap_get(&p->publisher_of, id);
}

/* Makes the peer's batch head ours. False: the session was ended, or the publisher is refused. */
bool hub_take_head(struct port *p, struct batch_head *head)
{
    struct hub *h = p->hub;
    uint32_t publisher = hub_publisher_meant(p, head->publisher);
    if (!publisher) {
        hub_break(p, "records of a publisher that was not announced: %u", head->publisher);
        return false;
    }
    if (publisher == NAME_REFUSED) {
        h->refused++;
        return false;
    }
    if (head->base_us > BASE_TIME_MAX_US || head->base_us < -BASE_TIME_MAX_US) {
        hub_break(p, "records with a base time out of range");
        return false;
    }
    head->publisher = publisher;
    if (p->kind == PORT_APP) {
        head->birth = h->birth;
        head->link = h->link;
        head->agent_us = hub_now_us(h);
        head->broker_us = MR_NO_TIME;
        head->clock = h->clock_state;
        head->interest = 0;
    } else if (p->kind == PORT_AGENT) {
        bool is_later = head->birth != p->birth ? head->birth > p->birth : head->link > p->link;
        if (is_later) { /* an earlier one is fine: kept values are offered under the birth that wrote them */
            hub_break(p, "records of a birth or link that is still to come: link %u", head->link);
            return false;
        }
        head->broker_us = hub_now_us(h);
    }
    return true;
}

/* -- numbers -- */
bool hub_is_above(const struct seen *seen, const struct batch_head *head, uint64_t seq)
{
    if (head->birth != seen->birth)
        return head->birth > seen->birth;
    if (head->link != seen->link)
        return head->link > seen->link;
    return seq > seen->seq;
}

/* Live records are taken once, over all reconnects; false = seen already, or of an older link. */
static bool is_new(struct hub *h, uint32_t owner, const struct batch_head *head, uint64_t seq)
{
    struct seen *seen = &h->owners[owner].seen; /* there is one since the publisher was announced */
    if (!hub_is_above(seen, head, seq))
        return false;
    *seen = (struct seen){.birth = head->birth, .link = head->link, .seq = seq};
    hub_follow_transfers(&h->owners[owner]);
    return true;
}

/* -- deliver -- */
static void hand(struct port *to, struct port *from, const struct batch_head *head, const struct record *record)
{
    hub_put(to, LANE_LIVE, head, record);
    hub_fed(to, from, record);
}

/* Every peer has every last value. */
static void hand_to_readers(struct hub *h, struct port *from, const struct batch_head *head,
                            const struct record *record)
{
    struct list *at, *after;
    LIST_EACH(at, after, &h->reading)
    hand(container_of(at, struct port, in_reading), from, head, record);
}

void hub_deliver(struct hub *h, struct port *from, const struct batch_head *head, const struct record *record)
{
    struct route_ports to = route_subscribers(h->route, record->topic);
    bool is_ours = !from || from->kind != PORT_MESH_OUT; /* what came from a peer goes to no other */
    bool for_readers = is_ours && hub_is_kept(record);
    for (size_t i = 0; i < to.n; i++) {
        struct port *p = h->ports[to.port[i]];
        if (!p || (p == from && p->kind != PORT_APP) || (p->kind == PORT_MESH_IN && (!is_ours || for_readers)))
            continue;
        if (hub_may_receive(p, record->topic))
            hand(p, from, head, record);
    }
    if (for_readers && !list_is_empty(&h->reading))
        hand_to_readers(h, from, head, record);
}

void hub_flag_future(const struct hub *h, struct record *record)
{
    if (record->source_us != MR_NO_TIME && record->source_us > hub_now_us(h) + future_limit_us)
        record->flags |= MR_FUTURE;
}

/* A record of this machine, from an app or from ourselves: numbered here, delivered here, and handed up. */
void hub_accept_own(struct hub *h, struct port *from, struct batch_head *head, struct record *record)
{
    record->flags &= app_flags;
    record->seq = ++h->seq;
    hub_flag_future(h, record);
    if (hub_is_kept(record))
        hub_keep(h, from, head, h->self, record);
    hub_deliver(h, from, head, record);
    if (hub_has_uplink(h))
        hand(hub_uplink(h), from, head, record);
    if (h->kind == HUB_BROKER && hub_is_kept(record) && record->flags & MR_CLEAR)
        hub_clear_others(h, h->self, record->topic);
}

void hub_own_values_born(struct hub *h, uint64_t refused)
{
    uint64_t cursor = 0;
    for (const struct slot *slot; (slot = lastval_walk(h->lastval, &cursor));) {
        if (slot->owner != h->self || slot->head.birth != refused)
            continue;
        buf_clear(&h->scratch); /* the body is the slot's own, which is about to be written */
        if (buf_append(&h->scratch, slot->body, slot->body_len))
            return;
        struct batch_head head = slot->head;
        head.birth = h->birth;
        head.link = h->link;
        const struct record record = {.topic = slot->topic,
                                      .flags = slot->flags,
                                      .seq = ++h->seq,
                                      .source_us = slot->source_us,
                                      .body = h->scratch.data,
                                      .body_len = slot->body_len};
        hub_keep(h, NULL, &head, h->self, &record);
        hub_show_slot(h, slot);
    }
}

/* A broker's share of a record its agent sent. */
static void accept_from_agent(struct port *p, const struct batch_head *head, struct record *record)
{
    struct hub *h = p->hub;
    bool is_offered = record->flags & MR_FROM_SNAPSHOT;
    record->flags &= ~(uint32_t)(MR_FROM_SNAPSHOT | MR_STALE);
    hub_flag_future(h, record);
    if (!is_offered && !is_new(h, p->owner, head, record->seq))
        return;
    enum lastval_result kept = !hub_is_kept(record) ? LASTVAL_TAKEN
                               : is_offered         ? hub_keep_offered(p, head, record)
                                                    : hub_keep(h, p, head, p->owner, record);
    /* An offered slot that is newer than ours was lost on its way: subscribers get it now. */
    if (!is_offered || kept == LASTVAL_TAKEN || kept == LASTVAL_ANOTHER) {
        record->flags |= is_offered ? MR_FROM_SNAPSHOT : 0;
        hub_deliver(h, p, head, record);
    }
    if (record->flags & MR_CLEAR && hub_is_kept(record) && !is_offered)
        hub_clear_others(h, p->owner, record->topic);
}

/* A broker's share of a record a peer sent: live ones once, last values by their versions. */
static void accept_from_peer(struct port *p, struct batch_head *head, struct record *record)
{
    struct hub *h = p->hub;
    uint32_t owner = names_get_publisher(h->names, head->publisher)->owner;
    bool is_again = head->interest || record->flags & MR_FROM_SNAPSHOT;
    head->interest = 0;
    record->flags &= ~(uint32_t)MR_STALE;
    if (owner == h->self && !(is_again && record->flags & MR_CLEAR))
        return; /* of our own, nobody knows better, but somebody may have cleared it */
    if (is_again) {
        if (!hub_is_kept(record) || !hub_merge_again(p, head, owner, record))
            return;
        hub_deliver(h, p, head, record);
        if (record->flags & MR_CLEAR)
            hub_tell_owner(h, owner, record->topic);
        return;
    }
    if (!is_new(h, owner, head, record->seq))
        return;
    enum lastval_result kept = hub_is_kept(record) ? hub_keep(h, p, head, owner, record) : LASTVAL_TAKEN;
    if (kept == LASTVAL_OLD && hub_is_overtaken(h, p, head, owner, record))
        return;
    hub_deliver(h, p, head, record);
    if (kept == LASTVAL_OLD)
        hub_note_shown(h, head, owner, record);
}

/* The word of a death overtakes what was written last, and comes ahead of a snapshot, whose values may be old. */
static bool is_fresh(const struct port *p, const struct batch_head *head, const struct record *record)
{
    const struct hub *h = p->hub;
    if (!presence_lives_in(h->presence, head->publisher, head->birth, record->seq))
        return false;
    if (!(record->flags & MR_FROM_SNAPSHOT))
        return true;
    const struct slot shown = {
        .publisher = head->publisher, .topic = record->topic, .changed_ns = hub_now_ns(h) - hub_age_ns(p, head)};
    return !hub_is_overdue(h, &shown);
}

/* An agent's share of a record its broker sent. */
static void accept_from_broker(struct port *p, struct batch_head *head, struct record *record)
{
    struct hub *h = p->hub;
    uint32_t owner = names_get_publisher(h->names, head->publisher)->owner;
    bool is_snapshot = head->interest;
    head->interest = 0;
    record->flags &= ~(uint32_t)MR_STALE;
    bool is_cleared_elsewhere = owner == h->self && record->flags & MR_CLEAR && record->flags & MR_FROM_SNAPSHOT;
    if (owner == h->self && head->birth > h->birth)
        return; /* we were rolled back: a broker will have us born above that */
    if ((owner == h->self && !is_cleared_elsewhere) ||
        (!is_snapshot && !(record->flags & MR_FROM_SNAPSHOT) && !is_new(h, owner, head, record->seq)))
        return;
    if (owner != h->self && route_subscribers(h->route, record->topic).n == 0)
        return; /* the last who followed it left while it was on its way: nobody would forget it any more */
    enum lastval_result kept = hub_is_kept(record) ? hub_keep(h, p, head, owner, record) : LASTVAL_TAKEN;
    if (kept == LASTVAL_OLD && (is_snapshot || record->flags & MR_FROM_SNAPSHOT))
        return;
    if (kept == LASTVAL_OLD && hub_is_overtaken(h, p, head, owner, record))
        return;
    if (hub_is_kept(record) && !is_fresh(p, head, record))
        record->flags |= MR_STALE;
    hub_deliver(h, p, head, record);
}

static void accept(struct port *p, struct batch_head *head, struct record *record)
{
    if (p->kind == PORT_UPLINK) {
        accept_from_broker(p, head, record);
        return;
    }
    if (p->kind == PORT_MESH_OUT) {
        accept_from_peer(p, head, record);
        return;
    }
    if (p->kind == PORT_MESH_IN) {
        hub_break(p, "records on a session that is there to read them");
        return;
    }
    uint64_t may = hub_may(p, record->topic);
    if (!(may & MAY_PUBLISH))
        hub_refuse_record(p, record->topic, may);
    else if (p->kind == PORT_APP)
        hub_accept_own(p->hub, p, head, record);
    else
        accept_from_agent(p, head, record);
}

static void take_record(struct port *p, struct batch_head *head, struct record *record)
{
    uint32_t topic = hub_topic_meant(p, record->topic);
    if (!topic) {
        hub_break(p, "a record of a topic id that was not announced: %u", record->topic);
        return;
    }
    if (topic == NAME_REFUSED) {
        p->hub->refused++;
        return;
    }
    if (record->body_len > BODY_MAX_BYTES) {
        hub_break(p, "a record whose body is too long, topic id %u", record->topic);
        return;
    }
    if (body_check(record->body, record->body_len)) {
        hub_break(p, "a record whose body cannot be read, topic id %u", record->topic);
        return;
    }
    record->topic = topic;
    p->hub->records_in++;
    if (!record->call.id)
        accept(p, head, record);
    else if (!record->call.reply_topic)
        hub_on_answer(p, head, record);
    else if ((record->call.reply_topic = hub_topic_meant(p, record->call.reply_topic)) &&
             record->call.reply_topic != NAME_REFUSED)
        hub_on_request(p, head, record);
    else
        hub_break(p, "a request whose reply topic was not announced, topic id %u", topic);
}

void hub_on_batch(void *user, enum lane lane, struct batch_reader *batch)
{
    struct port *p = user;
    struct record record;
    enum mr_rc rc = MR_OK;
    (void)lane;
    struct batch_head head = batch->head;
    if (!hub_take_head(p, &head))
        return;
    while (!p->is_over && (rc = batch_next(batch, &record)) == MR_OK)
        take_record(p, &head, &record);
    if (rc == MR_INVALID)
        hub_break(p, "a batch that cannot be read, of publisher %u", batch->head.publisher);
}
