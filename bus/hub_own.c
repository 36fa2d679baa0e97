/* hub_own.c - what agent and broker publish and serve themselves: telemetry, $agent, $sys. */
#include <string.h>

#include "bus/hub_private.h"
#include "proto/topic.h"

enum mr_rc hub_tag_open(struct hub *h, const struct session_tag *def, const char *topic, uint32_t *ret_topic,
                        struct err *err)
{
    char text[TOPIC_MAX_BYTES + 1];
    size_t len;
    uint32_t id;
    enum mr_rc rc = topic_expand(topic, strlen(topic), h->path, strlen(h->path), text, &len);
    if (!rc)
        rc = names_topic(h->names, text, len, &id);
    if (!rc) {
        struct session_tag ours = *def;
        ours.topic = id;
        rc = hub_set_tag(h, h->self, &ours);
    }
    if (rc) {
        err_set(err, "tag '%s': %s", topic, rc_text(rc));
        return rc;
    }
    *ret_topic = id;
    return MR_OK;
}

enum mr_rc hub_tag_write(struct hub *h, uint32_t topic, const struct mr_value *v, uint32_t status, uint32_t flags,
                         int64_t source_us)
{
    size_t size = body_size(status, v);
    if (size == 0 && v)
        return MR_TOO_BIG;
    hub_read_clock(h);
    int64_t now_us = hub_now_us(h);
    buf_clear(&h->scratch);
    enum mr_rc rc = buf_reserve(&h->scratch, size + 1);
    if (rc)
        return rc;
    struct batch_head head = {.birth = h->birth,
                              .base_us = now_us,
                              .agent_us = now_us,
                              .broker_us = h->kind == HUB_BROKER ? now_us : MR_NO_TIME,
                              .link = h->link,
                              .clock = h->clock_state,
                              .publisher = h->self};
    struct record record = {.topic = topic,
                            .flags = flags,
                            .source_us = source_us,
                            .body = h->scratch.data,
                            .body_len = (uint32_t)body_write(h->scratch.data, status, v)};
    hub_accept_own(h, NULL, &head, &record);
    return MR_OK;
}

enum mr_rc hub_serve(struct hub *h, const char *topic, hub_serve_fn *fn, void *user)
{
    uint32_t id;
    enum mr_rc rc = names_topic(h->names, topic, strlen(topic), &id);
    if (rc)
        return rc;
    struct own_service *s = mem_alloc(sizeof *s);
    if (!s)
        return MR_NO_MEMORY;
    *s = (struct own_service){.next = h->services, .topic = id, .fn = fn, .user = user};
    h->services = s;
    return MR_OK;
}
