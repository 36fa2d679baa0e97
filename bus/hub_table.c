/* hub_table.c - the last values as something to be saved (base/saved.h): a broker's of all machines, an agent's of its own. What
 * the process publishes itself is not saved: it is written anew at each start.
 *
 * An app's CLEAR is acknowledged when it is on disk: else a restart would bring back what was removed. The acknowledgement is
 * the answer to OPEN with cookie 0 (docs/decisions/0009); it is held while the table is saved, and counted, not queued: all
 * such answers are alike. */
#include <inttypes.h>
#include <string.h>

#include "bus/hub_private.h"

/* A slice ends at the first of these, or a little above: all slots of a topic are in one. */
enum { SLICE_SLOTS = 1024, SLICE_BYTES = 256 * 1024 };

static const int64_t ns_per_s = 1000000000, us_per_s = 1000000;

static bool is_worth_saving(const struct hub *h, uint32_t publisher, uint32_t owner)
{
    return publisher != h->self && (h->kind == HUB_BROKER || owner == h->self);
}

/* -- changes, and who waits for them on disk -- */
void hub_await_saves(struct hub *h)
{
    h->saving.is_awaited = true;
}

void hub_table_changed(struct hub *h, struct port *from, uint32_t publisher, uint32_t owner, uint32_t flags)
{
    if (!is_worth_saving(h, publisher, owner))
        return;
    h->saving.version++;
    if (from && from->kind == PORT_APP && flags & MR_CLEAR)
        from->clear_version = h->saving.version;
}

bool hub_table_holds(struct port *p)
{
    struct saving *s = &p->hub->saving;
    if (!s->is_awaited || p->clear_version <= s->answered)
        return false;
    if (s->wanted < p->clear_version)
        s->wanted = p->clear_version;
    p->n_held++;
    return true;
}

static void answer_held(struct port *p)
{
    static const struct session_opened answer = {.reason = "", .text = ""};
    for (; p->n_held > 0 && !p->is_over; p->n_held--)
        hub_must(p, session_opened(p->session, &answer));
    hub_mark(p);
}

static uint64_t version(void *user)
{
    const struct hub *h = user;
    return h->saving.version;
}

static bool is_awaited(void *user)
{
    const struct hub *h = user;
    return h->saving.wanted > h->saving.answered;
}

static void done(void *user, uint64_t up_to, bool is_saved)
{
    struct hub *h = user;
    (void)is_saved; /* a machine goes on without its disk: whoever saves has warned */
    hub_read_clock(h);
    h->saving.answered = up_to;
    for (uint32_t i = 1; h->kind == HUB_AGENT && i <= h->max_ports; i++)
        if (h->ports[i] && h->ports[i]->n_held && h->ports[i]->clear_version <= up_to)
            answer_held(h->ports[i]);
}

/* -- saving -- */
static void begin(void *user)
{
    struct hub *h = user;
    hub_read_clock(h);
    h->saving.cursor = 0;
    h->saving.is_begun = false;
    h->saving.began_ns = h->now_ns;
}

static enum mr_rc write_slot(struct hub *h, const struct slot *slot, struct buf *out)
{
    const struct publisher *who = names_get_publisher(h->names, slot->publisher);
    const struct tag *tag = slot->cleared ? NULL : presence_get_tag(h->presence, slot->publisher, slot->topic);
    int64_t age_ns = h->saving.began_ns - slot->changed_ns;
    struct table_item item = {.topic = names_topic_text(h->names, slot->topic),
                              .identity = who->identity,
                              .part = who->part,
                              .slot = *slot,
                              .age_s = age_ns > 0 ? (uint32_t)(age_ns / ns_per_s) : 0,
                              .has_tag = tag};
    if (tag)
        item.tag = tag->def;
    return table_write_item(&h->saving.writer, &item, out);
}

/* Between slices slots may be removed, which moves those behind them in the same topic: it must have been written whole. */
static enum mr_rc write_slots(struct hub *h, struct buf *out)
{
    struct saving *s = &h->saving;
    const size_t enough = out->len + SLICE_BYTES;
    uint32_t topic = 0;
    for (int i = 0;; i++) {
        uint64_t before = s->cursor;
        const struct slot *slot = lastval_walk(h->lastval, &s->cursor);
        if (!slot) {
            enum mr_rc rc = table_write_end(&s->writer, out);
            return rc ? rc : MR_NOT_FOUND;
        }
        if ((i >= SLICE_SLOTS || out->len >= enough) && slot->topic != topic) {
            s->cursor = before;
            return MR_OK;
        }
        topic = slot->topic;
        enum mr_rc rc = is_worth_saving(h, slot->publisher, slot->owner) ? write_slot(h, slot, out) : MR_OK;
        if (rc)
            return rc;
    }
}

static enum mr_rc next(void *user, struct buf *out)
{
    struct hub *h = user;
    enum mr_rc rc = MR_OK;
    if (!h->saving.is_begun) {
        const struct table_head head = {.saved_us = h->now_us, .clock = h->clock_state};
        rc = table_write_head(&h->saving.writer, &head, out);
        h->saving.is_begun = true;
    }
    return rc ? rc : write_slots(h, out);
}

/* -- restoring -- */
struct restored {
    int64_t age_s; /* of the table */
    uint32_t values, tombstones, left_out;
};

/* Not what another machine left in a copied folder, and no version that hides what this life will write. */
static bool is_wanted(const struct hub *h, const struct table_item *item)
{
    bool is_own = strcmp(item->identity, h->identity) == 0;
    return h->kind == HUB_AGENT ? is_own && item->slot.head.birth < h->birth : !is_own;
}

static enum mr_rc name_item(struct hub *h, const struct table_item *item, struct batch_head *head, uint32_t *ret_owner,
                            uint32_t *ret_topic)
{
    enum mr_rc rc = names_publisher(h->names, item->identity, item->part, &head->publisher);
    if (!rc)
        rc = names_topic(h->names, item->topic, strlen(item->topic), ret_topic);
    if (rc)
        return rc;
    *ret_owner = names_get_publisher(h->names, head->publisher)->owner;
    return hub_owner(h, *ret_owner) ? MR_OK : MR_NO_MEMORY;
}

static enum mr_rc restore_tag(struct hub *h, uint32_t publisher, uint32_t topic, const struct session_tag *tag)
{
    struct session_tag def = *tag;
    def.topic = topic;
    enum mr_rc rc = hub_set_tag(h, publisher, &def);
    return rc == MR_TOO_BIG ? MR_OK : rc; /* then it is shown as a raw topic is */
}

static enum mr_rc restore_item(struct hub *h, const struct table_item *item, const struct restored *all,
                               enum lastval_result *ret)
{
    const struct slot *slot = &item->slot;
    struct batch_head head = slot->head;
    uint32_t owner, topic;
    *ret = LASTVAL_REFUSED;
    enum mr_rc rc = is_wanted(h, item) ? name_item(h, item, &head, &owner, &topic) : MR_TOO_BIG;
    if (rc)
        return rc == MR_NO_MEMORY ? rc : MR_OK;
    const struct record record = {.topic = topic,
                                  .flags = slot->flags,
                                  .seq = slot->seq,
                                  .source_us = slot->source_us,
                                  .body = slot->body,
                                  .body_len = slot->body_len};
    int64_t age_s = slot->cleared ? all->age_s + item->age_s : 0;
    rc = lastval_put(h->lastval, &head, owner, &record, h->now_ns - age_s * ns_per_s, ret);
    return !rc && item->has_tag ? restore_tag(h, head.publisher, topic, &item->tag) : rc;
}

static enum mr_rc restore_items(struct hub *h, const uint8_t *data, size_t len, struct restored *all, struct err *err)
{
    struct table_reader r;
    struct table_head head;
    struct table_item item;
    enum lastval_result result;
    enum mr_rc rc = table_read_head(&r, data, len, &head, err);
    while (!rc && (rc = table_read_item(&r, &item, err)) == MR_OK) {
        rc = restore_item(h, &item, all, &result);
        if (rc)
            err_set(err, "%s after %u values", rc_text(rc), all->values);
        else if (result == LASTVAL_REFUSED)
            all->left_out++;
        else if (item.slot.cleared)
            all->tombstones++;
        else
            all->values++;
    }
    return rc == MR_NOT_FOUND ? MR_OK : rc;
}

static enum mr_rc restore(void *user, const uint8_t *data, size_t len, struct err *ret_note, struct err *err)
{
    struct hub *h = user;
    struct table_head head;
    hub_read_clock(h);
    enum mr_rc rc = table_check(data, len, &head, err);
    if (!rc)
        rc = table_judge(&head, h->now_us, err);
    if (rc)
        return rc;
    struct restored all = {.age_s = head.saved_us < h->now_us ? (h->now_us - head.saved_us) / us_per_s : 0};
    rc = restore_items(h, data, len, &all, err);
    if (!rc)
        err_set(ret_note, "%u values and %u removed ones, saved %" PRId64 " s ago; %u left out", all.values,
                all.tombstones, all.age_s, all.left_out);
    return rc;
}

const struct saved_source hub_table_source = {
    .version = version, .is_awaited = is_awaited, .begin = begin, .next = next, .done = done, .restore = restore};

/* -- births -- */
uint64_t hub_kept_birth(const struct hub *h, uint32_t owner)
{
    uint64_t highest = 0;
    for (const struct slot *slot = NULL; (slot = lastval_next_of(h->lastval, owner, slot));)
        if (slot->head.birth > highest)
            highest = slot->head.birth;
    return highest;
}
