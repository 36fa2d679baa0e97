/* hub_open.c - an app asks for the id of a topic, once, and learns whether it may publish there; tags get their definition. */
#include <string.h>

#include "bus/hub_private.h"
#include "proto/topic.h"
#include "proto/unit.h"

/* An OPEN that asks how far we have come (docs/decisions/0009). */
enum { OPEN_MARK_COOKIE = 0 };

static void warn_of_unit(struct hub *h, uint32_t publisher, const struct session_tag *def, const char *unit)
{
    const struct tag *known = presence_get_tag(h->presence, publisher, def->topic);
    if (known && strcmp(known->def.unit, unit) == 0)
        return; /* the same app again: it was told */
    hub_notice(h, HUB_NOTICE_UNIT_UNKNOWN, "'%s' of '%s' is no unit this version knows; it is passed on as it is", unit,
               names_topic_text(h->names, def->topic));
}

/* Writes the unit in its one spelling; an unknown one passes as it is, with one notice. */
static enum mr_rc unit_of(struct hub *h, uint32_t publisher, const struct session_tag *def,
                          char ret[UNIT_MAX_BYTES + 1])
{
    size_t len = strlen(def->unit);
    if (len == 0) {
        ret[0] = '\0';
        return MR_OK;
    }
    switch (unit_normalise(def->unit, len, ret)) {
    case UNIT_KNOWN:
        return MR_OK;
    case UNIT_UNKNOWN:
        warn_of_unit(h, publisher, def, ret);
        return MR_OK;
    default:
        return MR_INVALID;
    }
}

static enum mr_rc open_tag(struct port *p, uint32_t publisher, uint32_t topic, const struct session_tag *asked,
                           struct err *err)
{
    struct hub *h = p->hub;
    struct session_tag def = *asked;
    char unit[UNIT_MAX_BYTES + 1];
    def.topic = topic;
    enum mr_rc rc = unit_of(h, publisher, &def, unit);
    if (rc) {
        err_set(err, "the unit of '%s' is longer than %d bytes or not text", names_topic_text(h->names, topic),
                UNIT_MAX_BYTES);
        return rc;
    }
    def.unit = unit;
    return hub_take_tag(p, publisher, &def, err);
}

/* The topic in full as an id of ours, which the port may use from now on. */
static enum mr_rc open_topic(struct port *p, const char *asked, uint32_t *ret_topic, struct err *err)
{
    char text[TOPIC_MAX_BYTES + 1];
    size_t len;
    enum mr_rc rc = hub_expand(p, asked, text, &len, err);
    if (rc)
        return rc;
    enum topic_rule rule = topic_check(text, len, TOPIC_FULL);
    if (rule != TOPIC_FINE) {
        err_set(err, "'%s' %s", text, topic_rule_text(rule));
        return MR_INVALID;
    }
    rc = hub_take_topic(p, text, ret_topic, err);
    return rc ? rc : idmap_set(&p->may, *ret_topic, hub_may(p, *ret_topic) | MAY_USE_ID);
}

static enum mr_rc check_publish(struct port *p, uint32_t topic, struct err *err)
{
    const struct rights_subject who = hub_subject(p);
    return rights_check(p->hub->rights, &who, RIGHT_PUBLISH, names_topic_text(p->hub->names, topic), err);
}

void hub_on_open(void *user, const struct session_open *open)
{
    struct port *p = user;
    struct err err = {{0}};
    uint32_t topic = 0;
    if (open->cookie == OPEN_MARK_COOKIE && hub_table_holds(p))
        return;
    uint32_t publisher = open->publisher ? (uint32_t)idmap_get(&p->publisher_of, open->publisher) : p->publisher;
    enum mr_rc rc = p->kind == PORT_APP && publisher && publisher != NAME_REFUSED
                        ? open_topic(p, open->topic, &topic, &err)
                        : MR_MISUSE;
    if (!rc)
        rc = check_publish(p, topic, &err);
    if (!rc && open->tag)
        rc = open_tag(p, publisher, topic, open->tag, &err);
    const struct session_opened opened = {.cookie = open->cookie,
                                          .id = topic,
                                          .rc = rc,
                                          .reason = *err.text || !rc ? err.text : rc_text(rc),
                                          .text = topic ? names_topic_text(p->hub->names, topic) : open->topic};
    hub_must(p, session_opened(p->session, &opened));
    hub_mark(p);
}
