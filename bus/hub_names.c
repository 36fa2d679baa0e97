/* hub_names.c - what a peer adds to the tables of names and tags: its ids become ours, and nobody may take more than a share. */
#include <stdio.h>
#include <string.h>

#include "bus/hub_private.h"

struct owner *hub_owner(struct hub *h, uint32_t publisher)
{
    if (publisher >= h->owners_cap) {
        uint32_t cap = h->owners_cap ? h->owners_cap : 64;
        while (cap <= publisher)
            cap *= 2;
        struct owner *owners = mem_resize_array(h->owners, cap, sizeof *owners);
        if (!owners)
            return NULL;
        memset(owners + h->owners_cap, 0, (cap - h->owners_cap) * sizeof *owners);
        h->owners = owners;
        h->owners_cap = cap;
    }
    return &h->owners[publisher];
}

/* Whose share a port draws on: a machine has one at its broker, an app one at its agent; a broker is trusted. */
static enum mr_rc share_of(const struct port *p, struct owner **ret)
{
    *ret = NULL;
    if (hub_is_trusted(p))
        return MR_OK;
    *ret = hub_owner(p->hub, p->kind == PORT_APP ? p->publisher : p->owner);
    return *ret ? MR_OK : MR_NO_MEMORY;
}

/* Tells the peer why, the first time; later ones are counted only. */
static void tell_full(struct port *p, const char *reason)
{
    p->hub->refused++;
    if (p->is_full_told)
        return;
    p->is_full_told = true;
    hub_must(p, session_error(p->session, MR_TOO_BIG, reason, 0, 0));
    hub_mark(p);
    hub_notice(p->hub, HUB_NOTICE_DENIED, "%s: %s", p->address, reason);
}

/* -- topics -- */
enum mr_rc hub_take_topic(struct port *p, const char *text, uint32_t *ret_topic, struct err *err)
{
    struct hub *h = p->hub;
    struct owner *share;
    *ret_topic = names_find_topic(h->names, text);
    if (*ret_topic)
        return MR_OK;
    enum mr_rc rc = share_of(p, &share);
    if (!rc && share && share->topics >= TOPICS_PER_PEER) {
        err_set(err, "'%s' is refused: '%s' has %d topics already, which is the limit", text, p->address,
                TOPICS_PER_PEER);
        return MR_TOO_BIG;
    }
    if (!rc)
        rc = names_topic(h->names, text, strlen(text), ret_topic);
    if (rc)
        err_set(err, "'%s' cannot be taken: %s", text, rc == MR_TOO_BIG ? "the table of topics is full" : rc_text(rc));
    else if (share)
        share->topics++;
    return rc;
}

void hub_on_topic(void *user, const struct session_topic *topic)
{
    struct port *p = user;
    struct err err = {{0}};
    uint32_t id = NAME_REFUSED;
    if (p->kind == PORT_APP) {
        hub_break(p, "an app opens topics, it does not announce them");
        return;
    }
    if (topic->id > NAME_ID_MAX) {
        hub_break(p, "topic id %u is above the limit", topic->id);
        return;
    }
    enum mr_rc rc = hub_take_topic(p, topic->text, &id, &err);
    if (rc == MR_TOO_BIG) {
        id = NAME_REFUSED;
        tell_full(p, err.text);
        rc = MR_OK;
    }
    hub_must(p, rc ? rc : idmap_set(&p->topic_of, topic->id, id));
}

/* -- publishers -- */
enum mr_rc hub_take_publisher(struct port *p, const char *identity, const char *part, uint32_t *ret_publisher,
                              struct err *err)
{
    struct hub *h = p->hub;
    struct owner *share = NULL;
    uint32_t count = names_publisher_count(h->names);
    if (!hub_is_trusted(p)) {
        share = hub_owner(h, p->owner); /* of all its parts: the names of apps are for apps to choose */
        if (!share)
            return MR_NO_MEMORY;
    }
    if (share && share->publishers >= PUBLISHERS_PER_PEER &&
        names_find_publisher(h->names, identity, part, ret_publisher) != MR_OK) {
        err_set(err, "'%s/%s' is refused: this machine has %d names of apps and devices already, which is the limit",
                identity, part, PUBLISHERS_PER_PEER);
        return MR_TOO_BIG;
    }
    enum mr_rc rc = names_publisher(h->names, identity, part, ret_publisher);
    if (rc)
        err_set(err, "'%s/%s' cannot be taken: %s", identity, part,
                rc == MR_TOO_BIG ? "the table of publishers is full" : rc_text(rc));
    else if (share)
        share->publishers += names_publisher_count(h->names) - count;
    if (!rc && !hub_owner(h, names_get_publisher(h->names, *ret_publisher)->owner))
        rc = MR_NO_MEMORY; /* its records find their place without asking for memory */
    return rc;
}

static bool another_app_is(const struct port *p, uint32_t publisher)
{
    const struct hub *h = p->hub;
    for (uint32_t i = 1; p->kind == PORT_APP && i <= h->max_ports; i++)
        if (h->ports[i] && h->ports[i] != p && h->ports[i]->publisher == publisher)
            return true;
    return false;
}

/* An app names its devices (identity left empty), an agent what lives on it, a broker anybody. */
void hub_on_publisher(void *user, const struct session_publisher *publisher)
{
    struct port *p = user;
    struct err err = {{0}};
    const char *identity = p->kind == PORT_APP && !*publisher->identity ? p->identity : publisher->identity;
    uint32_t id;
    if (publisher->id > NAME_ID_MAX) {
        hub_break(p, "publisher id %u is above the limit", publisher->id);
        return;
    }
    if (!hub_is_trusted(p) && strcmp(identity, p->identity) != 0) {
        err_set(&err, "denied: '%s' may not speak for '%s'", p->identity, identity);
        hub_end_port(p, MR_DENIED, err.text);
        return;
    }
    enum mr_rc rc = hub_take_publisher(p, identity, publisher->part, &id, &err);
    if (!rc && another_app_is(p, id)) {
        err_set(&err, "denied: '%s' is another app on this machine, not a device of '%s'", publisher->part, p->part);
        hub_end_port(p, MR_DENIED, err.text);
        return;
    }
    if (rc == MR_TOO_BIG) {
        id = NAME_REFUSED;
        tell_full(p, err.text);
        rc = MR_OK;
    }
    hub_must(p, rc ? rc : idmap_set(&p->publisher_of, publisher->id, id));
}

/* -- tags -- */
enum mr_rc hub_set_tag(struct hub *h, uint32_t publisher, const struct session_tag *def)
{
    const struct tag *known = presence_get_tag(h->presence, publisher, def->topic);
    uint32_t version = known ? known->version : 0;
    const struct tag *tag;
    enum mr_rc rc = presence_tag(h->presence, publisher, def, &tag);
    if (!rc && tag->version != version)
        h->tags_epoch++;
    if (!rc && def->stale_ms && h->kind == HUB_AGENT)
        rc = hub_watch_promise(h, publisher, def->topic);
    return rc;
}

enum mr_rc hub_take_tag(struct port *p, uint32_t publisher, const struct session_tag *def, struct err *err)
{
    struct hub *h = p->hub;
    struct owner *share;
    bool is_new = !presence_get_tag(h->presence, publisher, def->topic);
    enum mr_rc rc = share_of(p, &share);
    const char *topic = names_topic_text(h->names, def->topic);
    if (!rc && is_new && share && share->tags >= TAGS_PER_PEER) {
        err_set(err, "the tag '%s' is refused: '%s' has %d already, which is the limit", topic, p->address,
                TAGS_PER_PEER);
        return MR_TOO_BIG;
    }
    if (!rc)
        rc = hub_set_tag(h, publisher, def);
    if (rc)
        err_set(err, "the tag '%s' cannot be kept: %s", topic,
                rc == MR_TOO_BIG ? "the table of tags is full" : rc_text(rc));
    else if (share)
        share->tags += is_new;
    return rc;
}

void hub_take_born_tag(struct port *p, uint32_t publisher, const struct session_tag *born)
{
    struct err err = {{0}};
    struct session_tag def = *born;
    def.topic = hub_topic_meant(p, born->topic);
    if (!def.topic || def.topic == NAME_REFUSED || !(hub_may(p, def.topic) & MAY_PUBLISH))
        return;
    enum mr_rc rc = hub_take_tag(p, publisher, &def, &err);
    if (rc == MR_TOO_BIG)
        tell_full(p, err.text);
    else
        hub_must(p, rc);
}
