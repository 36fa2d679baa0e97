/* announcer.c - notices wait for the turn's end and become records of the broker's own. */
#include "broker/announcer.h"
#include "base/text.h"
#include "base/text_time.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t ns_per_s = 1000000000;

static const char *const words[HUB_NOTICE_COUNT] = {[HUB_NOTICE_CONFLICT] = "conflict",
                                                    [HUB_NOTICE_SLOT_REFUSED] = "value-not-kept",
                                                    [HUB_NOTICE_DUPLICATE] = "duplicate",
                                                    [HUB_NOTICE_FLAPPING] = "flapping"};

enum mr_rc announcer_open(struct announcer *a, struct hub *hub, const char *broker, const struct clock *clock,
                          struct err *err)
{
    *a = (struct announcer){.hub = hub, .broker = broker, .clock = clock};
    for (int i = 0; i < HUB_NOTICE_COUNT; i++) {
        char topic[64];
        const struct session_tag tag = {
            .type = MR_STRING, .unit = "", .description = "What operators should see", .low = NAN, .high = NAN};
        snprintf(topic, sizeof topic, "$sys/events/%s", words[i] ? words[i] : "");
        enum mr_rc rc = words[i] ? hub_tag_open(hub, &tag, topic, &a->topics[i], err) : MR_OK;
        if (rc)
            return rc;
    }
    return MR_OK;
}

void announcer_note(struct announcer *a, enum hub_notice notice, const char *text)
{
    if (!a->topics[notice])
        return;
    if (a->n == ANNOUNCER_WAITING) {
        a->n_left_out++;
        return;
    }
    struct announcement *to = &a->waiting[a->n++];
    to->notice = notice;
    to->at_us = clock_real_us(a->clock);
    (void)text_escape(to->text, sizeof to->text, text, strlen(text)); /* a peer may have a hand in it: JSON is UTF-8 */
}

static char *to_json(const struct announcer *a, const struct announcement *from)
{
    char time[TEXT_TIME_SIZE];
    text_format_time(time, from->at_us);
    json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "event", words[from->notice], "broker", a->broker, "time", time,
                               "what", from->text);
    if (object && a->n_left_out)
        json_object_set_new(object, "left_out", json_integer(a->n_left_out));
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return text;
}

/* It is in the log already: without memory that has to do. */
static void publish(struct announcer *a, const struct announcement *from)
{
    char *text = to_json(a, from);
    if (!text)
        return;
    const struct mr_value value = {.type = MR_STRING, .len = (uint32_t)strlen(text), .as.ptr = text};
    if (hub_tag_write(a->hub, a->topics[from->notice], &value, MR_STATUS_GOOD, 0, from->at_us) == MR_OK)
        a->n_left_out = 0;
    free(text);
}

void announcer_flush(struct announcer *a, int64_t now_ns)
{
    uint32_t done = 0;
    if (now_ns - a->second_from_ns >= ns_per_s) {
        a->second_from_ns = now_ns;
        a->n_in_second = 0;
    }
    for (; done < a->n && a->n_in_second < ANNOUNCER_PER_SECOND; done++, a->n_in_second++)
        publish(a, &a->waiting[done]);
    a->n -= done; /* publishing may have been noted itself: those stand behind */
    memmove(a->waiting, a->waiting + done, a->n * sizeof a->waiting[0]);
}
