/* test_subscribe.c - subscribing: snapshot then live, versions forward only, staleness, losses, rings, refusals, mr_get. */
#include "tests/unit/sdk/world.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static struct mr_sub *subscribe(struct world *w, const char *filter, const struct mr_sub_opt *opt, struct seen_log *log)
{
    struct mr_sub *sub;
    assert_int_equal(mr_subscribe(w->bus, filter, opt, log ? log_message : NULL, log, &sub), MR_OK);
    return sub;
}

static uint32_t entry_of(struct world *w, const char *filter)
{
    const struct wire_entry *e = wire_entry(&w->agent, filter);
    assert_non_null(e);
    return e->id;
}

/* A snapshot record for the filter, seq as given. */
static void snapshot(struct world *w, const char *filter, const char *topic, uint64_t seq, double x, uint32_t flags)
{
    wire_give(&w->agent, &(struct wire_value){.topic = topic,
                                              .seq = seq,
                                              .f64 = x,
                                              .flags = MR_KEEP | MR_FROM_SNAPSHOT | flags,
                                              .interest = entry_of(w, filter)});
}

static void live(struct world *w, const char *topic, uint64_t seq, double x, uint32_t flags)
{
    wire_give(&w->agent, &(struct wire_value){.topic = topic, .seq = seq, .f64 = x, .flags = flags});
}

static void end(struct world *w, const char *filter)
{
    assert_int_equal(session_snapshot_end(w->agent.session, entry_of(w, filter)), MR_OK);
}

static void up(struct world *w)
{
    world_settle(w);
    wire_publishers(&w->agent);
}

/* promise: value-gap-free */
static void last_values_come_first_then_their_end_then_live(void **unused)
{
    struct world *w = world_new(NULL);
    struct seen_log log = {.n = 0};
    (void)unused;
    subscribe(w, "a/#", NULL, &log);
    up(w);
    snapshot(w, "a/#", "a/x", 5, 1, 0);
    end(w, "a/#");
    live(w, "a/x", 6, 2, MR_KEEP);
    live(w, "a/y", 7, 3, 0);
    live(w, "b/y", 8, 4, 0);
    world_settle(w);
    assert_string_equal(log.text, "a/x=1 snapshot\nEND a/#\na/x=2\na/y=3\n");
    world_free(w);
}

/* promise: value-forward */
static void a_slot_never_goes_backwards(void **unused)
{
    struct world *w = world_new(NULL);
    struct seen_log log = {.n = 0};
    (void)unused;
    subscribe(w, "a/#", NULL, &log);
    up(w);
    live(w, "a/x", 6, 2, MR_KEEP);
    snapshot(w, "a/#", "a/x", 5, 1, 0); /* the walk was slower */
    snapshot(w, "a/#", "a/x", 6, 2, 0);
    end(w, "a/#");
    world_settle(w);
    assert_string_equal(log.text, "a/x=2\nEND a/#\n");
    log_clear(&log);
    wire_give(&w->agent, &(struct wire_value){.topic = "a/x", .seq = 1, .birth = 2, .f64 = 9, .flags = MR_KEEP});
    live(w, "a/x", 60, 3, MR_KEEP); /* of the earlier birth */
    wire_give(&w->agent, &(struct wire_value){.topic = "a/x", .seq = 2, .publisher = 2, .f64 = 4, .flags = MR_KEEP});
    world_settle(w);
    assert_string_equal(log.text, "a/x=9\na/x=4\n");
    world_free(w);
}

static void the_same_version_passes_when_its_staleness_changes(void **unused)
{
    struct world *w = world_new(NULL);
    struct seen_log log = {.n = 0};
    (void)unused;
    subscribe(w, "a/#", NULL, &log);
    up(w);
    live(w, "a/x", 6, 2, MR_KEEP);
    for (int i = 0; i < 2; i++)
        live(w, "a/x", 6, 2, MR_KEEP | MR_FROM_SNAPSHOT | MR_STALE);
    for (int i = 0; i < 2; i++)
        live(w, "a/x", 6, 2, MR_KEEP | MR_FROM_SNAPSHOT);
    world_settle(w);
    assert_string_equal(log.text, "a/x=2\na/x=2 snapshot stale\na/x=2 snapshot\n");
    world_free(w);
}

/* promise: value-stale */
static void a_stale_value_has_the_status_its_dead_publisher_left(void **unused)
{
    struct world *w = world_new(NULL);
    const struct mr_msg *msg;
    (void)unused;
    struct mr_sub *sub = subscribe(w, "a/#", NULL, NULL);
    up(w);
    live(w, "a/x", 6, 2, MR_KEEP);
    world_settle(w);
    assert_int_equal(mr_next(sub, 0, &msg), MR_OK);
    assert_int_equal(msg->status, MR_STATUS_GOOD);
    assert_string_equal(msg->publisher, "other");
    const struct session_death death = {
        .publisher = 1, .link = 1, .birth = 1, .status = MR_STATUS_BAD_NO_COMMUNICATION, .reason = "gone"};
    assert_int_equal(session_death(w->agent.session, &death), MR_OK);
    world_settle(w);
    live(w, "a/x", 6, 2, MR_KEEP | MR_FROM_SNAPSHOT | MR_STALE);
    world_settle(w);
    assert_int_equal(mr_next(sub, 0, &msg), MR_OK);
    assert_int_equal(msg->kind, MR_DEATH);
    assert_string_equal(msg->text, "gone");
    assert_int_equal(mr_next(sub, 0, &msg), MR_OK);
    assert_int_equal(msg->status, MR_STATUS_BAD_NO_COMMUNICATION);
    assert_int_equal(mr_next(sub, 0, &msg), MR_WOULD_BLOCK);
    world_free(w);
}

/* promise: presence */
static void births_and_deaths_come_to_those_who_hold_a_value_and_once(void **unused)
{
    struct world *w = world_new(NULL);
    struct seen_log one = {.n = 0}, other = {.n = 0};
    (void)unused;
    subscribe(w, "a/#", NULL, &one);
    subscribe(w, "b/#", NULL, &other);
    up(w);
    wire_give(&w->agent, &(struct wire_value){.topic = "a/x", .publisher = 3, .f64 = 1, .flags = MR_KEEP});
    world_settle(w);
    const struct session_death death = {.publisher = 3, .link = 1, .birth = 1, .status = 1u << 31, .reason = "closed"};
    const struct session_birth birth = {.publisher = 3, .link = 2, .birth = 1};
    for (int i = 0; i < 2; i++)
        assert_int_equal(session_death(w->agent.session, &death), MR_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(session_birth(w->agent.session, &birth), MR_OK);
    world_settle(w);
    assert_string_equal(one.text, "a/x=1\nDEATH other/app closed\nBIRTH other/app\n");
    assert_string_equal(other.text, "");
    world_free(w);
}

static void a_lost_agent_opens_a_gap_makes_stale_and_the_new_one_closes_it(void **unused)
{
    struct world *w = world_new(NULL);
    struct seen_log log = {.n = 0};
    (void)unused;
    subscribe(w, "a/#", NULL, &log);
    up(w);
    live(w, "a/x", 6, 2, MR_KEEP);
    live(w, "a/raw", 7, 3, 0);
    world_settle(w);
    world_cut(w);
    world_settle(w);
    assert_string_equal(log.text, "a/x=2\na/raw=3\nLOSS 0 of anyone, cause 2\na/x=2 snapshot stale\n");
    log_clear(&log);
    world_pass(w, 100);
    wire_publishers(&w->agent);
    snapshot(w, "a/#", "a/x", 6, 2, 0);
    end(w, "a/#");
    world_settle(w);
    assert_string_equal(log.text, "a/x=2 snapshot\nLOSS 0 of anyone, cause 2\nEND a/#\n");
    world_free(w);
}

/* promise: live-loss */
static void losses_of_more_publishers_than_are_told_apart_add_up(void **unused)
{
    enum { PUBLISHERS = 12, ROUNDS = 60 };
    struct world *w = world_new(NULL);
    const struct mr_sub_opt opt = {.size = sizeof opt, .max_bytes = 64 * 1024};
    struct mr_sub *sub;
    const struct mr_msg *msg;
    char name[8];
    uint64_t given = 0, lost = 0;
    (void)unused;
    assert_int_equal(mr_subscribe(w->bus, "a/#", &opt, NULL, NULL, &sub), MR_OK);
    up(w);
    for (uint32_t i = 0; i < PUBLISHERS; i++) {
        snprintf(name, sizeof name, "p%u", i);
        const struct session_publisher publisher = {.id = 100 + i, .identity = name, .part = ""};
        assert_int_equal(session_name_publisher(w->agent.session, &publisher), MR_OK);
    }
    for (int i = 0; i < PUBLISHERS * ROUNDS; i++)
        wire_give(&w->agent, &(struct wire_value){.topic = "a/x", .publisher = 100 + (uint32_t)(i % PUBLISHERS)});
    world_settle(w);
    while (mr_next(sub, 0, &msg) == MR_OK) {
        given += msg->kind == MR_DATA;
        lost += msg->kind == MR_LOSS ? msg->count : 0;
    }
    assert_true(lost > PUBLISHERS);
    assert_int_equal(given + lost, PUBLISHERS * ROUNDS);
    world_free(w);
}

/* A further subscription can hold back the acknowledgement of all. */
static void a_loss_after_the_snapshot_is_told_though_no_acknowledgement_came(void **unused)
{
    struct world *w = world_new(NULL);
    struct seen_log log = {.n = 0};
    (void)unused;
    up(w);
    w->agent.is_mute = true;
    subscribe(w, "a/#", NULL, &log);
    world_settle(w);
    end(w, "a/#");
    const struct session_loss loss = {.count = 3, .cause = MR_SLOW_READER};
    assert_int_equal(session_loss(w->agent.session, LANE_LIVE, &loss), MR_OK);
    world_settle(w);
    assert_string_equal(log.text, "END a/#\nLOSS 3 of anyone, cause 1\n");
    world_free(w);
}

static void a_snapshot_answers_only_the_entry_that_asked(void **unused)
{
    struct world *w = world_new(NULL);
    struct seen_log first = {.n = 0}, second = {.n = 0};
    (void)unused;
    subscribe(w, "a/#", NULL, &first);
    up(w);
    snapshot(w, "a/#", "a/x", 5, 1, 0);
    end(w, "a/#");
    world_settle(w);
    subscribe(w, "a/x", NULL, &second);
    world_settle(w);
    snapshot(w, "a/x", "a/x", 5, 1, 0);
    end(w, "a/x");
    live(w, "a/x", 6, 2, MR_KEEP);
    world_settle(w);
    assert_string_equal(first.text, "a/x=1 snapshot\nEND a/#\na/x=2\n");
    assert_string_equal(second.text, "a/x=1 snapshot\nEND a/x\na/x=2\n");
    world_free(w);
}

static void removals_of_what_was_never_seen_are_silent(void **unused)
{
    struct world *w = world_new(NULL);
    struct seen_log log = {.n = 0};
    (void)unused;
    subscribe(w, "a/#", NULL, &log);
    up(w);
    struct wire_value gone = {.topic = "a/x", .seq = 5, .is_clear = true, .flags = MR_CLEAR | MR_FROM_SNAPSHOT};
    gone.interest = entry_of(w, "a/#");
    wire_give(&w->agent, &gone);
    live(w, "a/y", 6, 1, MR_KEEP);
    wire_give(&w->agent, &(struct wire_value){.topic = "a/y", .seq = 7, .is_clear = true, .flags = MR_CLEAR});
    world_settle(w);
    assert_string_equal(log.text, "a/y=1\na/y=- clear\n");
    world_cut(w);
    world_settle(w); /* what was removed does not go stale */
    assert_null(strstr(log.text, "stale"));
    world_free(w);
}

static void a_removal_by_somebody_else_ends_the_very_version_seen(void **unused)
{
    struct world *w = world_new(NULL);
    struct seen_log log = {.n = 0};
    (void)unused;
    subscribe(w, "a/#", NULL, &log);
    up(w);
    live(w, "a/x", 6, 1, MR_KEEP);
    const struct wire_value removed = {
        .topic = "a/x", .seq = 6, .is_clear = true, .flags = MR_CLEAR | MR_FROM_SNAPSHOT};
    wire_give(&w->agent, &removed);
    wire_give(&w->agent, &removed);
    live(w, "a/x", 6, 1, MR_KEEP | MR_FROM_SNAPSHOT); /* an older word of it */
    live(w, "a/x", 7, 2, MR_KEEP);
    world_settle(w);
    assert_string_equal(log.text, "a/x=1\na/x=- snapshot clear\na/x=2\n");
    world_free(w);
}

static void options_choose_what_comes(void **unused)
{
    struct world *w = world_new(NULL);
    struct seen_log only = {.n = 0}, none = {.n = 0}, late = {.n = 0};
    const struct mr_sub_opt snapshot_only = {.size = sizeof snapshot_only, .snapshot_only = true};
    const struct mr_sub_opt no_snapshot = {.size = sizeof no_snapshot, .no_snapshot = true};
    const struct mr_sub_opt with_backfill = {.size = sizeof with_backfill, .with_backfill = true};
    (void)unused;
    subscribe(w, "a/#", &snapshot_only, &only);
    subscribe(w, "a/+", &no_snapshot, &none);
    subscribe(w, "a/x", &with_backfill, &late);
    up(w);
    live(w, "a/x", 6, 1, MR_KEEP);
    live(w, "a/x", 7, 2, MR_BACKFILL | MR_KEEP);
    snapshot(w, "a/#", "a/x", 6, 1, 0);
    end(w, "a/#");
    world_settle(w);
    assert_string_equal(only.text, "a/x=1 snapshot\nEND a/#\nENDED 0 all last values have been given\n");
    assert_string_equal(none.text, "a/x=1\n");
    assert_string_equal(late.text, "a/x=1\na/x=2\n");
    assert_null(wire_entry(&w->agent, "a/#"));
    world_free(w);
}

/* promise: live-loss */
static void losses_on_the_way_stand_in_their_place(void **unused)
{
    struct world *w = world_new(NULL);
    struct seen_log log = {.n = 0};
    struct mr_stats stats = {.size = sizeof stats};
    (void)unused;
    subscribe(w, "a/#", NULL, &log);
    up(w);
    live(w, "a/x", 6, 1, 0);
    const struct session_loss loss = {
        .publisher = 1, .via = "", .birth = 1, .link = 1, .first = 7, .last = 9, .count = 3, .cause = MR_SLOW_READER};
    assert_int_equal(session_loss(w->agent.session, LANE_LIVE, &loss), MR_OK);
    live(w, "a/x", 10, 2, 0);
    world_settle(w);
    assert_string_equal(log.text, "a/x=1\nLOSS 3 of other, cause 1\na/x=2\n");
    mr_get_stats(w->bus, &stats);
    assert_int_equal(stats.lost, 3);
    assert_int_equal(stats.received, 2);
    world_free(w);
}

static void keep_text(void *user, const struct mr_msg *msg)
{
    if (msg->kind == MR_LOSS)
        snprintf(user, 128, "%s", msg->text);
}

static void a_loss_of_everybody_says_by_way_of_whom(void **unused)
{
    struct world *w = world_new(NULL);
    char text[128] = "";
    struct mr_sub *sub;
    (void)unused;
    assert_int_equal(mr_subscribe(w->bus, "a/#", NULL, keep_text, text, &sub), MR_OK);
    up(w);
    live(w, "a/x", 6, 1, 0);
    const struct session_loss loss = {.via = "mr2", .cause = MR_LINK};
    assert_int_equal(session_loss(w->agent.session, LANE_LIVE, &loss), MR_OK);
    world_settle(w);
    assert_string_equal(text, "a connection broke: all that comes by way of 'mr2'");
    world_free(w);
}

/* Fills a ring of 64 KiB; returns how many messages were sent. */
static unsigned overfill(struct world *w, unsigned topics)
{
    char topic[16];
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(topic, sizeof topic, "a/%u", i % topics);
        live(w, topic, 100 + i, i, 0);
    }
    world_settle(w);
    return 1000;
}

/* promise: live-loss */
static void a_full_ring_drops_the_oldest_and_counts_exactly(void **unused)
{
    struct world *w = world_new(NULL);
    const struct mr_sub_opt opt = {.size = sizeof opt, .max_bytes = 64 * 1024};
    const struct mr_msg *msg;
    (void)unused;
    struct mr_sub *sub = subscribe(w, "a/#", &opt, NULL);
    up(w);
    unsigned sent = overfill(w, 10);
    assert_int_equal(mr_next(sub, 0, &msg), MR_OK);
    assert_int_equal(msg->kind, MR_LOSS);
    assert_int_equal(msg->cause, MR_SLOW_READER);
    assert_string_equal(msg->publisher, "other");
    uint64_t lost = msg->count, got = 0;
    while (mr_next(sub, 0, &msg) == MR_OK) {
        assert_true(msg->value.as.f64 == (double)(lost + got));
        got++;
    }
    assert_int_equal(lost + got, sent);
    world_free(w);
}

/* What its count says is a bound: it must not pass for the ring's own, nor be counted twice. */
static void a_loss_that_a_full_ring_drops_is_told_as_unknown(void **unused)
{
    struct world *w = world_new(NULL);
    const struct mr_sub_opt opt = {.size = sizeof opt, .max_bytes = 64 * 1024};
    const struct session_loss loss = {
        .publisher = 1, .via = "", .birth = 1, .link = 1, .first = 7, .last = 9, .count = 3, .cause = MR_LINK};
    struct mr_stats stats = {.size = sizeof stats};
    const struct mr_msg *msg;
    (void)unused;
    struct mr_sub *sub = subscribe(w, "a/#", &opt, NULL);
    up(w);
    assert_int_equal(session_loss(w->agent.session, LANE_LIVE, &loss), MR_OK);
    unsigned sent = overfill(w, 10), got = 0;
    assert_int_equal(mr_next(sub, 0, &msg), MR_OK);
    assert_int_equal(msg->kind, MR_LOSS);
    assert_int_equal(msg->cause, MR_SLOW_READER);
    assert_int_equal(msg->count, 0);
    while (mr_next(sub, 0, &msg) == MR_OK)
        got++;
    mr_get_stats(w->bus, &stats);
    assert_int_equal(stats.lost, 3 + sent - got);
    world_free(w);
}

static void the_newest_of_each_topic_gets_through(void **unused)
{
    struct world *w = world_new(NULL);
    const struct mr_sub_opt opt = {.size = sizeof opt, .max_bytes = 64 * 1024, .policy = MR_NEWEST_PER_TOPIC};
    const struct mr_msg *msg;
    bool newest[10] = {false};
    uint64_t lost = 0, got = 0;
    (void)unused;
    struct mr_sub *sub = subscribe(w, "a/#", &opt, NULL);
    up(w);
    unsigned sent = overfill(w, 10);
    while (mr_next(sub, 0, &msg) == MR_OK) {
        if (msg->kind == MR_LOSS) {
            lost += msg->count;
            continue;
        }
        got++;
        if (msg->value.as.f64 >= sent - 10)
            newest[(unsigned)msg->value.as.f64 % 10] = true;
    }
    for (int i = 0; i < 10; i++)
        assert_true(newest[i]);
    assert_int_equal(lost + got, sent);
    world_free(w);
}

static void a_subscription_to_be_cut_off_ends_where_it_was_full(void **unused)
{
    struct world *w = world_new(NULL);
    const struct mr_sub_opt opt = {.size = sizeof opt, .max_bytes = 64 * 1024, .policy = MR_CUT_OFF};
    const struct mr_msg *msg;
    unsigned n = 0;
    enum mr_rc rc;
    (void)unused;
    struct mr_sub *sub = subscribe(w, "a/#", &opt, NULL);
    up(w);
    overfill(w, 10);
    while ((rc = mr_next(sub, 0, &msg)) == MR_OK && msg->kind == MR_DATA)
        assert_true(msg->value.as.f64 == n++);
    assert_int_equal(rc, MR_OK);
    assert_int_equal(msg->kind, MR_ENDED);
    assert_int_equal(msg->cause, MR_SLOW_READER);
    assert_int_equal(mr_next(sub, 0, &msg), MR_CLOSED);
    assert_null(wire_entry(&w->agent, "a/#"));
    mr_unsubscribe(sub);
    world_free(w);
}

/* promise: bounded-memory */
static void the_handles_memory_bounds_all_rings_together(void **unused)
{
    const struct mr_options small = {.size = sizeof small, .max_bytes = 1024 * 1024};
    struct world *w = world_new(&small);
    const struct mr_msg *msg;
    uint64_t lost = 0, got = 0;
    (void)unused;
    struct mr_sub *sub = subscribe(w, "a/#", NULL, NULL);
    up(w);
    for (int i = 0; i < 10; i++)
        overfill(w, 10);
    while (mr_next(sub, 0, &msg) == MR_OK) {
        if (msg->kind == MR_LOSS)
            lost += msg->count;
        else
            got++;
    }
    assert_int_equal(lost + got, 10000);
    assert_true(lost > 0 && got > 500);
    world_free(w);
}

static void more_topics_than_memory_are_a_gap_and_not_an_end(void **unused)
{
    const struct mr_options small = {.size = sizeof small, .max_bytes = 1024 * 1024};
    struct world *w = world_new(&small);
    struct seen_log log = {.n = 0};
    char topic[32];
    (void)unused;
    subscribe(w, "a/#", NULL, &log);
    up(w);
    for (unsigned i = 0; i < 4000; i++) {
        snprintf(topic, sizeof topic, "a/%u", i);
        live(w, topic, 1 + i, i, MR_KEEP);
        if (i % 100 == 0)
            world_settle(w);
    }
    world_settle(w);
    assert_int_equal(w->agent.hellos, 1);
    assert_false(w->agent.is_over);
    assert_in_range(log.n, 500, 3999);
    assert_int_equal(mr_publish(w->bus, "still/there", "x", 1), MR_NO_MEMORY);
    live(w, "a/0", 5000, 1.5, MR_KEEP);
    log_clear(&log);
    world_settle(w);
    assert_string_equal(log.text, "a/0=1.5\n"); /* what it knows goes on */
    world_free(w);
}

static void a_refused_subscription_ends_with_the_reason_and_nothing_else(void **unused)
{
    struct world *w = world_new(NULL);
    struct seen_log log = {.n = 0};
    (void)unused;
    subscribe(w, "denied/#", NULL, &log);
    world_settle(w);
    assert_string_equal(log.text, "ENDED 8 not for you\n");
    world_pass(w, 100);
    assert_int_equal(log.n, 1);
    world_free(w);
}

struct quitter {
    struct mr_sub *sub;
    unsigned n;
};

static void quit(void *user, const struct mr_msg *msg)
{
    struct quitter *q = user;
    (void)msg;
    q->n++;
    mr_unsubscribe(q->sub);
}

static void a_callback_may_end_its_own_subscription(void **unused)
{
    struct world *w = world_new(NULL);
    struct quitter q = {.n = 0};
    (void)unused;
    assert_int_equal(mr_subscribe(w->bus, "a/#", NULL, quit, &q, &q.sub), MR_OK);
    up(w);
    live(w, "a/x", 1, 1, MR_KEEP);
    live(w, "a/x", 2, 2, MR_KEEP);
    world_settle(w);
    assert_int_equal(q.n, 1);
    assert_null(wire_entry(&w->agent, "a/#"));
    world_free(w);
}

static void dispatch_runs_no_more_callbacks_than_it_may(void **unused)
{
    struct world *w = world_new(NULL);
    struct seen_log log = {.n = 0};
    (void)unused;
    subscribe(w, "a/#", NULL, &log);
    up(w);
    for (unsigned i = 1; i <= 10; i++)
        live(w, "a/x", i, i, 0);
    world_pump_agent(w);
    for (unsigned i = 1; i <= 10; i++) {
        assert_int_equal(bus_deadline(w->bus) <= w->now_ns, i > 1); /* there is more to do */
        assert_int_equal(mr_dispatch(w->bus, 1), MR_OK);
        assert_int_equal(log.n, i);
    }
    world_free(w);
}

static void a_kept_message_outlives_its_callback_and_its_subscription(void **unused)
{
    struct world *w = world_new(NULL);
    const struct mr_msg *msg, *kept, *same;
    (void)unused;
    struct mr_sub *sub = subscribe(w, "a/#", NULL, NULL);
    up(w);
    const struct session_tag tag = {
        .topic = wire_topic(&w->agent, "a/x"), .type = MR_F64, .unit = "mm", .description = "gap", .low = 1, .high = 2};
    const struct session_birth birth = {.publisher = 1, .link = 1, .birth = 1, .tags = &tag, .n_tags = 1};
    assert_int_equal(session_birth(w->agent.session, &birth), MR_OK);
    live(w, "a/x", 1, 1.5, MR_KEEP);
    world_settle(w);
    assert_int_equal(mr_next(sub, 0, &msg), MR_OK);
    kept = mr_ref(msg);
    same = mr_ref(kept);
    assert_ptr_equal(kept, same);
    mr_unsubscribe(sub);
    assert_true(kept->value.as.f64 == 1.5);
    assert_string_equal(kept->topic, "a/x");
    assert_string_equal(mr_msg_def(kept)->unit, "mm");
    assert_string_equal(mr_msg_def(kept)->topic, "a/x");
    assert_true(mr_msg_def(kept)->high == 2);
    mr_unref(kept);
    mr_unref(same);
    mr_unref(NULL);
    assert_null(mr_msg_def(NULL));
    world_free(w);
}

static void wrong_arguments_are_refused(void **unused)
{
    struct world *w = world_new(NULL);
    struct mr_sub *sub;
    const struct mr_msg *msg;
    const struct mr_sub_opt wrong[] = {
        {.size = 3},
        {.size = sizeof *wrong, .policy = (enum mr_policy)3},
        {.size = sizeof *wrong, .max_bytes = 64 * 1024 - 1},
        {.size = sizeof *wrong, .no_snapshot = true, .snapshot_only = true},
        {.size = sizeof *wrong, .group = "g"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(mr_subscribe(w->bus, "a", &wrong[i], NULL, NULL, &sub), MR_INVALID);
    assert_int_equal(mr_subscribe(w->bus, "a/#/b", NULL, NULL, NULL, &sub), MR_INVALID);
    assert_int_equal(mr_subscribe(w->bus, "a", NULL, NULL, NULL, NULL), MR_INVALID);
    assert_int_equal(mr_subscribe(w->bus, "a", NULL, log_message, NULL, &sub), MR_OK);
    assert_int_equal(mr_next(sub, 0, &msg), MR_MISUSE);
    for (int i = 1; i < FILTERS_PER_APP; i++)
        assert_int_equal(mr_subscribe(w->bus, "a", NULL, log_message, NULL, NULL), MR_OK);
    assert_int_equal(mr_subscribe(w->bus, "a", NULL, log_message, NULL, NULL), MR_TOO_BIG);
    mr_unsubscribe(sub);
    mr_unsubscribe(NULL);
    assert_int_equal(mr_subscribe(w->bus, "a", NULL, NULL, NULL, &sub), MR_OK);
    assert_int_equal(mr_next(sub, -2, &msg), MR_INVALID);
    assert_int_equal(mr_next(sub, 10, &msg), MR_TIMEOUT);
    world_free(w);
}

static void every_failed_allocation_of_subscribe_is_a_result(void **unused)
{
    (void)unused;
    for (unsigned n = 1;; n++) {
        struct world *w = world_new(NULL);
        struct mr_sub *sub;
        w->is_listening = false;
        mem_fail_at(n);
        enum mr_rc rc = mr_subscribe(w->bus, "a", NULL, NULL, NULL, &sub);
        bool failed = mem_fail_off();
        assert_true(rc == MR_OK || (failed && rc == MR_NO_MEMORY));
        w->is_listening = true;
        if (rc)
            assert_int_equal(mr_subscribe(w->bus, "a", NULL, NULL, NULL, &sub), MR_OK);
        world_pass(w, 100);
        assert_non_null(wire_entry(&w->agent, "a"));
        world_free(w);
        if (!failed)
            return;
    }
}

/* -- mr_get: the agent answers while the call waits -- */
static void answer_get(struct wire_agent *a, const struct wire_value *values, size_t n)
{
    const struct wire_entry *e = wire_entry(a, "a/x");
    if (!e || !e->snapshot_only)
        return;
    wire_publishers(a);
    for (size_t i = 0; i < n; i++) {
        struct wire_value v = values[i];
        v.topic = "a/x";
        v.interest = e->id;
        v.flags |= MR_KEEP | MR_FROM_SNAPSHOT;
        wire_give(a, &v);
    }
    assert_int_equal(session_snapshot_end(a->session, e->id), MR_OK);
}

static const struct wire_value three[] = {{.publisher = 1, .f64 = 1, .broker_us = 30, .flags = MR_STALE},
                                          {.publisher = 2, .f64 = 2, .broker_us = 10},
                                          {.publisher = 3, .birth = 2, .f64 = 3, .broker_us = 20}};

static void give_three(struct wire_agent *a)
{
    answer_get(a, three, 3);
}

static void give_nothing(struct wire_agent *a)
{
    answer_get(a, NULL, 0);
}

static void get_gives_the_best_slot_or_says_why_not(void **unused)
{
    struct world *w = world_new(NULL);
    const struct mr_msg *msg;
    (void)unused;
    w->agent.on_version = give_three;
    assert_int_equal(mr_get(w->bus, "a/x", 1000, &msg), MR_OK);
    assert_true(msg->value.as.f64 == 3); /* live, and accepted later than the other live one */
    mr_unref(msg);
    w->agent.on_version = give_nothing;
    assert_int_equal(mr_get(w->bus, "a/x", 1000, &msg), MR_NOT_FOUND);
    assert_int_equal(mr_get(w->bus, "denied/x", 1000, &msg), MR_DENIED);
    assert_string_equal(mr_reason(w->bus), "not for you");
    w->agent.on_version = NULL;
    assert_int_equal(mr_get(w->bus, "a/x", 100, &msg), MR_TIMEOUT);
    assert_int_equal(mr_get(w->bus, "a/x", 0, &msg), MR_WOULD_BLOCK);
    assert_int_equal(mr_get(w->bus, "a/#", 10, &msg), MR_INVALID);
    w->agent.is_isolated = true;
    w->agent.on_version = give_nothing;
    world_cut(w);
    assert_int_equal(mr_get(w->bus, "a/x", 1000, &msg), MR_ISOLATED);
    w->is_listening = false;
    world_cut(w);
    assert_int_equal(mr_get(w->bus, "a/x", 100, &msg), MR_ISOLATED);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_values_come_first_then_their_end_then_live),
        cmocka_unit_test(a_slot_never_goes_backwards),
        cmocka_unit_test(the_same_version_passes_when_its_staleness_changes),
        cmocka_unit_test(a_stale_value_has_the_status_its_dead_publisher_left),
        cmocka_unit_test(births_and_deaths_come_to_those_who_hold_a_value_and_once),
        cmocka_unit_test(a_lost_agent_opens_a_gap_makes_stale_and_the_new_one_closes_it),
        cmocka_unit_test(losses_of_more_publishers_than_are_told_apart_add_up),
        cmocka_unit_test(a_loss_after_the_snapshot_is_told_though_no_acknowledgement_came),
        cmocka_unit_test(a_snapshot_answers_only_the_entry_that_asked),
        cmocka_unit_test(removals_of_what_was_never_seen_are_silent),
        cmocka_unit_test(a_loss_of_everybody_says_by_way_of_whom),
        cmocka_unit_test(a_removal_by_somebody_else_ends_the_very_version_seen),
        cmocka_unit_test(options_choose_what_comes),
        cmocka_unit_test(losses_on_the_way_stand_in_their_place),
        cmocka_unit_test(a_full_ring_drops_the_oldest_and_counts_exactly),
        cmocka_unit_test(a_loss_that_a_full_ring_drops_is_told_as_unknown),
        cmocka_unit_test(the_newest_of_each_topic_gets_through),
        cmocka_unit_test(a_subscription_to_be_cut_off_ends_where_it_was_full),
        cmocka_unit_test(the_handles_memory_bounds_all_rings_together),
        cmocka_unit_test(more_topics_than_memory_are_a_gap_and_not_an_end),
        cmocka_unit_test(a_refused_subscription_ends_with_the_reason_and_nothing_else),
        cmocka_unit_test(a_callback_may_end_its_own_subscription),
        cmocka_unit_test(dispatch_runs_no_more_callbacks_than_it_may),
        cmocka_unit_test(a_kept_message_outlives_its_callback_and_its_subscription),
        cmocka_unit_test(wrong_arguments_are_refused),
        cmocka_unit_test(every_failed_allocation_of_subscribe_is_a_result),
        cmocka_unit_test(get_gives_the_best_slot_or_says_why_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
