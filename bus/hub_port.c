/* hub_port.c - a peer learns a name, a life and a tag before it is used to it; then records go on its lanes. */
#include <string.h>

#include "bus/hub_private.h"

void hub_tell_topic(struct port *p, uint32_t topic)
{
    if (idmap_get(&p->told_topics, topic))
        return;
    enum mr_rc rc = session_name_topic(p->session, topic, names_topic_text(p->hub->names, topic));
    if (!rc)
        rc = idmap_set(&p->told_topics, topic, UINT32_MAX);
    hub_must(p, rc);
    hub_mark(p);
}

/* The link number lives carry on this port: our own lives have the link of the session they are told on. */
static uint32_t link_on(const struct port *p, const struct life *life)
{
    const struct publisher *who = names_get_publisher(p->hub->names, life->publisher);
    return who->owner == p->hub->self ? p->hub->link : life->link;
}

static enum mr_rc tell_life(struct port *p, const struct life *life)
{
    if (!life->alive) {
        const struct session_death death = {.publisher = life->publisher,
                                            .link = link_on(p, life),
                                            .status = life->status,
                                            .birth = life->birth,
                                            .reason = life->reason};
        return session_death(p->session, &death);
    }
    const struct session_birth birth = {.publisher = life->publisher,
                                        .link = link_on(p, life),
                                        .birth = life->birth,
                                        .since_us = life->since_us,
                                        .first_seq = life->first_seq};
    return session_birth(p->session, &birth);
}

void hub_tell_life(struct port *p, uint32_t publisher)
{
    const struct life *life = presence_get(p->hub->presence, publisher);
    bool is_for_others = p->kind == PORT_MESH_IN && hub_home(p->hub, publisher) != HOME_HERE;
    if (!life || is_for_others || !idmap_get(&p->told_publishers, publisher))
        return;
    hub_must(p, tell_life(p, life));
    hub_mark(p);
}

void hub_tell_publisher(struct port *p, uint32_t publisher)
{
    if (idmap_get(&p->told_publishers, publisher))
        return;
    const struct publisher *who = names_get_publisher(p->hub->names, publisher);
    if (who->owner != publisher)
        hub_tell_publisher(p, who->owner);
    const struct session_publisher name = {.id = publisher, .identity = who->identity, .part = who->part};
    enum mr_rc rc = session_name_publisher(p->session, &name);
    if (!rc)
        rc = idmap_set(&p->told_publishers, publisher, 1);
    hub_must(p, rc);
    hub_tell_life(p, publisher);
}

static enum mr_rc tell_tag(struct port *p, uint32_t publisher, const struct tag *tag)
{
    const struct life *life = presence_get(p->hub->presence, publisher);
    const struct session_birth birth = {.publisher = publisher,
                                        .link = life ? link_on(p, life) : 0,
                                        .birth = life ? life->birth : 0,
                                        .since_us = life ? life->since_us : 0,
                                        .first_seq = life ? life->first_seq : 0,
                                        .tags = &tag->def,
                                        .n_tags = 1};
    return session_birth(p->session, &birth);
}

/* The slow way, taken when a topic is new to the peer, changes its publisher, or some tag was born anew. */
static enum mr_rc tell_tag_if_new(struct port *p, uint32_t publisher, uint32_t topic)
{
    const struct tag *tag = presence_get_tag(p->hub->presence, publisher, topic);
    uint64_t key = (uint64_t)publisher << 32 | topic;
    void *version = tag ? (void *)(uintptr_t)tag->version : NULL;
    if (!tag || map64_get(&p->told_tags, key) == version)
        return MR_OK;
    enum mr_rc rc = tell_tag(p, publisher, tag);
    return rc ? rc : map64_put(&p->told_tags, key, version, NULL);
}

/* Everything the peer must know before this record: one comparison once it does. */
static enum mr_rc tell(struct port *p, uint32_t publisher, uint32_t topic)
{
    uint64_t told = (uint64_t)publisher << 32 | p->hub->tags_epoch;
    if (idmap_get(&p->told_topics, topic) == told)
        return MR_OK;
    hub_tell_topic(p, topic);
    hub_tell_publisher(p, publisher);
    enum mr_rc rc = tell_tag_if_new(p, publisher, topic);
    return rc ? rc : idmap_set(&p->told_topics, topic, told);
}

enum mr_rc hub_try_put(struct port *p, enum lane lane, const struct batch_head *head, const struct record *record)
{
    if (p->is_over || !p->is_welcome)
        return MR_CLOSED;
    enum mr_rc rc = tell(p, head->publisher, record->topic);
    if (!rc)
        rc = session_put(p->session, lane, head, record);
    if (!rc) {
        p->hub->records_out++;
        hub_mark(p);
    }
    return rc;
}

void hub_put(struct port *p, enum lane lane, const struct batch_head *head, const struct record *record)
{
    hub_must(p, hub_try_put(p, lane, head, record));
}
