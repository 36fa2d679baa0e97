/* floods.c - with a known key, nothing forbidden, but without measure: tables filled, queues never read, links remade. */
#include "member.h"
#include "proto/control.h"
#include "proto/limits.h"
#include <stdio.h>
#include <string.h>

enum {
    ABOVE_ALL_FILTERS = FILTERS_PER_AGENT + 100,
    FILTERS_A_FRAME = 500,
    NAMES_A_FRAME = 400,
    ABOVE_ALL_TOPICS = TOPICS_PER_PEER + 1000,
    ABOVE_ALL_PUBLISHERS = PUBLISHERS_PER_PEER + 100,
    FAR_APART = 256, /* ids that share no page of a table */
    KEPT_BYTES = 4000
};

/* Opens a session, lets it run riot until it ends, and so on. */
static void run_riot(struct attack *a, void (*deed)(struct attack *a, struct member *m))
{
    struct member m;
    while (member_open_soon(a, &m)) {
        deed(a, &m);
        while (!m.is_over && !attack_is_over(a))
            member_serve(a, &m, 100);
        a->tally.cut += m.is_over;
        member_close(a, &m);
    }
}

/* -- interest ------------------------------------------------------------------------------------------------------ */
/* A burst of all filters; a later version replaces those that are there by others. */
static bool send_all_filters(struct attack *a, struct member *m, uint64_t version)
{
    char filter[64];
    for (uint32_t id = 1; id <= ABOVE_ALL_FILTERS;) {
        uint32_t last = id + FILTERS_A_FRAME - 1 < ABOVE_ALL_FILTERS ? id + FILTERS_A_FRAME - 1 : ABOVE_ALL_FILTERS;
        const struct control_interest_head head = {
            .version = version, .snapshot = version == 1 && id == 1, .more = last < ABOVE_ALL_FILTERS};
        struct buf *out = member_frame(m);
        enum mr_rc rc = control_write_interest_head(out, &head);
        for (; id <= last && rc == MR_OK; id++) {
            snprintf(filter, sizeof filter, "flood/%llu/+/%u/#", (unsigned long long)version, (unsigned)id);
            rc = control_write_interest_entry(out, &(struct session_interest){.id = id, .filter = filter});
        }
        if (rc != MR_OK || !member_send(a, m, FRAME_INTEREST, LANE_CONTROL))
            return false;
    }
    return true;
}

static void flood_interest(struct attack *a, struct member *m)
{
    for (uint64_t version = 1; send_all_filters(a, m, version); version++) {
        a->tally.attempts++;
        while (m->acked < version && !m->is_over && !attack_is_over(a))
            member_serve(a, m, 1);
    }
}

static void interest_flood(struct attack *a)
{
    run_riot(a, flood_interest);
}

/* -- tables -------------------------------------------------------------------------------------------------------- */
static void flood_topics(struct attack *a, struct member *m)
{
    char text[128];
    for (uint32_t id = 1; id <= ABOVE_ALL_TOPICS;) {
        struct buf *out = member_frame(m);
        enum mr_rc rc = MR_OK;
        for (unsigned i = 0; i < NAMES_A_FRAME && rc == MR_OK; i++, id++) {
            snprintf(text, sizeof text, "flood/of/topics/with/%u/levels/%u/that/nobody/reads", (unsigned)id % 1000,
                     (unsigned)id);
            rc = control_write_topic(out, &(struct session_topic){.id = id, .text = text});
        }
        if (rc != MR_OK || !member_send(a, m, FRAME_NAMES, LANE_CONTROL))
            return;
    }
}

static void topics_flood(struct attack *a)
{
    run_riot(a, flood_topics);
}

static void flood_publishers(struct attack *a, struct member *m)
{
    char part[32];
    for (uint32_t id = 1; id <= ABOVE_ALL_PUBLISHERS;) {
        struct buf *out = member_frame(m);
        enum mr_rc rc = MR_OK;
        for (unsigned i = 0; i < NAMES_A_FRAME && rc == MR_OK; i++, id++) {
            snprintf(part, sizeof part, "device-%u", (unsigned)id);
            rc = control_write_publisher(out, &(struct session_publisher){.id = id, .identity = a->name, .part = part});
        }
        if (rc != MR_OK || !member_send(a, m, FRAME_NAMES, LANE_CONTROL))
            return;
    }
}

static void publishers_flood(struct attack *a)
{
    run_riot(a, flood_publishers);
}

/* One topic under ids as far from each other as they can be, up to the last: what a table by id costs at worst. */
static void flood_ids(struct attack *a, struct member *m)
{
    for (uint32_t id = FAR_APART; id <= NAME_ID_MAX;) {
        struct buf *out = member_frame(m);
        enum mr_rc rc = MR_OK;
        for (unsigned i = 0; i < NAMES_A_FRAME && rc == MR_OK && id <= NAME_ID_MAX; i++, id += FAR_APART) {
            rc = control_write_topic(out, &(struct session_topic){.id = id, .text = "demo/far/apart"});
            if (rc == MR_OK)
                rc = control_write_publisher(
                    out, &(struct session_publisher){.id = id, .identity = a->name, .part = "far-apart"});
        }
        if (rc != MR_OK || !member_send(a, m, FRAME_NAMES, LANE_CONTROL))
            return;
    }
}

static void far_ids(struct attack *a)
{
    run_riot(a, flood_ids);
}

/* Announces topics and keeps a long value in each, up to what one machine may keep and beyond. */
static void flood_kept(struct attack *a, struct member *m)
{
    static const uint8_t bytes[KEPT_BYTES];
    const struct mr_value value = {.type = MR_BYTES, .len = sizeof bytes, .as = {.ptr = bytes}};
    char text[64];
    if (!member_name_publisher(a, m, 1, ""))
        return;
    for (uint32_t id = 1; id <= SLOTS_PER_PEER + 1000; id++) {
        snprintf(text, sizeof text, "flood/kept/%u", (unsigned)id);
        if (!member_name_topic(a, m, id, text) || !member_publish(a, m, 1, id, MR_KEEP, &value))
            return;
    }
}

static void kept_flood(struct attack *a)
{
    run_riot(a, flood_kept);
}

/* -- records ------------------------------------------------------------------------------------------------------- */
static void publish_without_pause(struct attack *a, struct member *m, const char *topic)
{
    static const uint8_t bytes[100];
    const struct mr_value value = {.type = MR_BYTES, .len = sizeof bytes, .as = {.ptr = bytes}};
    if (!member_name_publisher(a, m, 1, "") || !member_name_topic(a, m, 1, topic))
        return;
    while (member_publish(a, m, 1, 1, 0, &value))
        a->tally.attempts++;
}

static void publish_denied(struct attack *a, struct member *m)
{
    publish_without_pause(a, m, "$sys/broker/mr1/credit");
}

static void denied_flood(struct attack *a)
{
    run_riot(a, publish_denied);
}

/* Another denied topic for each record: each refusal has to be put in words. */
static void publish_denied_anew(struct attack *a, struct member *m)
{
    const struct mr_value value = {.type = MR_U64, .as = {.u64 = 1}};
    char text[64];
    if (!member_name_publisher(a, m, 1, ""))
        return;
    for (uint32_t id = 1; id < TOPICS_PER_PEER; id++) {
        snprintf(text, sizeof text, "$agent/%s/%u", a->victim, (unsigned)id);
        if (!member_name_topic(a, m, id, text) || !member_publish(a, m, 1, id, 0, &value))
            return;
        a->tally.attempts++;
    }
}

static void denied_topics_flood(struct attack *a)
{
    run_riot(a, publish_denied_anew);
}

static void publish_allowed(struct attack *a, struct member *m)
{
    publish_without_pause(a, m, "demo/loud");
}

static void publish_flood(struct attack *a)
{
    run_riot(a, publish_allowed);
}

/* -- readers that do not read -------------------------------------------------------------------------------------- */
/* Follows what the others say and grants nothing beyond the session's first windows. */
static void never_credit(struct attack *a)
{
    while (!attack_is_over(a)) {
        struct member m;
        if (!member_open_stingy(a, &m))
            continue;
        bool is_open = member_grant(a, &m, LANE_CONTROL, 256 * 1024) && member_subscribe(a, &m, 1, 1, a->topic);
        while (is_open && !m.is_over && !attack_is_over(a))
            member_serve(a, &m, 100);
        a->tally.cut += m.is_over;
        member_close(a, &m);
    }
}

/* Asks for the same again and again by other words: each entry has a snapshot of its own. */
static bool follow_many_times(struct attack *a, struct member *m)
{
    static const char *const filters[] = {
        "#",         "+/#",         "+/+/#",        "+/+/+",        "+/+/+/#",  "flood/#", "flood/+/#",
        "flood/+/+", "flood/+/+/#", "flood/kept/#", "flood/kept/+", "+/kept/#", "+/kept/+"};
    const struct control_interest_head head = {.version = 1, .snapshot = true};
    struct buf *out = member_frame(m);
    enum mr_rc rc = control_write_interest_head(out, &head);
    for (uint32_t i = 0; i < sizeof filters / sizeof *filters && rc == MR_OK; i++)
        rc = control_write_interest_entry(out, &(struct session_interest){.id = i + 1, .filter = filters[i]});
    return rc == MR_OK && member_send(a, m, FRAME_INTEREST, LANE_CONTROL);
}

/* Grants everything, shows that it lives, and never takes a byte from its socket. What kept_flood() left is much to read. */
static void follow_without_reading(struct attack *a, struct member *m)
{
    uint64_t number = 1;
    if (!follow_many_times(a, m))
        return;
    while (!attack_is_over(a) && !m->is_over) {
        const struct control_ping ping = {.number = number++};
        if (control_write_ping(member_frame(m), &ping) == MR_OK)
            (void)!member_send_anyway(a, m, FRAME_PING, LANE_CONTROL);
        attack_pause(a, 5);
    }
}

static void never_read(struct attack *a)
{
    run_riot(a, follow_without_reading);
}

/* -- what costs nothing -------------------------------------------------------------------------------------------- */
static void ping_without_pause(struct attack *a, struct member *m)
{
    for (uint64_t number = 1; !m->is_over && !attack_is_over(a); number++) {
        const struct control_ping ping = {.number = number};
        if (control_write_ping(member_frame(m), &ping) != MR_OK || !member_send_anyway(a, m, FRAME_PING, LANE_CONTROL))
            return;
        if (number % 64 == 0)
            member_serve(a, m, 0);
        a->tally.attempts++;
    }
}

static void ping_flood(struct attack *a)
{
    run_riot(a, ping_without_pause);
}

/* -- links --------------------------------------------------------------------------------------------------------- */
static void try_session(struct attack *a)
{
    struct member m;
    if (member_open(a, &m))
        member_close(a, &m);
}

static void reconnect_storm(struct attack *a)
{
    attack_repeat(a, try_session);
}

/* Proves its key and hangs up before the first word. */
static void try_key(struct attack *a)
{
    struct link link;
    (void)!attack_open(a, &link, LINK_READY, NULL);
    attack_close(a, &link);
}

static void handshake_storm(struct attack *a)
{
    attack_repeat(a, try_key);
}

static const struct attack_mode modes[] = {
    {"interest-flood", "more filters than allowed, all replaced again and again", ATTACK_BOUNDED, interest_flood},
    {"topics-flood", "more topics than allowed", ATTACK_BOUNDED, topics_flood},
    {"publishers-flood", "more devices than allowed", ATTACK_BOUNDED, publishers_flood},
    {"far-ids", "ids as far apart as they can be", ATTACK_BOUNDED, far_ids},
    {"kept-flood", "more last values than allowed", ATTACK_BOUNDED, kept_flood},
    {"denied-flood", "records it may not write, without pause", ATTACK_BOUNDED, denied_flood},
    {"denied-topics-flood", "each to another topic", ATTACK_BOUNDED, denied_topics_flood},
    {"publish-flood", "records it may write, without pause", ATTACK_BOUNDED, publish_flood},
    {"never-credit", "follows all and grants nothing", ATTACK_BOUNDED, never_credit},
    {"never-read", "follows all, grants all, reads nothing", ATTACK_BOUNDED, never_read},
    {"ping-flood", "PINGs without pause", ATTACK_BOUNDED, ping_flood},
    {"reconnect-storm", "a session after the other without pause", ATTACK_BOUNDED, reconnect_storm},
    {"handshake-storm", "a handshake after the other without pause", ATTACK_BOUNDED, handshake_storm},
};
const struct attack_modes attack_floods = {"floods", modes, sizeof modes / sizeof *modes};
