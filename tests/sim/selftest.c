/* selftest.c - a small history in which every promise is kept, and one way after the other to break one. */
#include "selftest.h"

#include <string.h>

#include "checker.h"

enum { BIRTH = 7, PROGRAM = 0, RECORDS = 6 };

static struct item *give(struct subscription *s, uint64_t seq, uint32_t flags)
{
    struct item *item = history_item(s, ITEM_DATA, (int64_t)seq * SIM_S);
    item->machine = 0;
    item->flags = flags;
    item->birth = BIRTH;
    item->seq = seq;
    item->number = 100 + seq;
    item->hash = 200 + seq;
    return item;
}

static void write_record(struct history *h, uint64_t seq)
{
    *history_publish(h) = (struct published){
        .number = 100 + seq, .hash = 200 + seq, .at_ns = (int64_t)seq * SIM_S, .topic = 0, .flags = MR_KEEP};
    *history_accept(h, 0) = (struct accepted){.birth = BIRTH,
                                              .seq = seq,
                                              .number = 100 + seq,
                                              .hash = 200 + seq,
                                              .at_ns = (int64_t)seq * SIM_S,
                                              .topic = 0,
                                              .flags = MR_KEEP,
                                              .program = PROGRAM};
}

static struct final_slot last_slot(int place)
{
    return (struct final_slot){.place = place,
                               .owner = 0,
                               .topic = 0,
                               .birth = BIRTH,
                               .seq = RECORDS,
                               .hash = 200 + RECORDS,
                               .is_fresh = true};
}

/* A snapshot that shows record 1, then 2..RECORDS live; a request; all agree at the end. */
static void tell_a_good_story(struct history *h)
{
    history_init(h, 1, 1);
    h->is_broker_up[0] = true;
    history_topic(h, "demo/m1/x");
    struct subscription *s = history_subscribe(h);
    *s = (struct subscription){.program = PROGRAM, .filter = "demo/#", .is_open = true};
    for (uint64_t seq = 1; seq <= RECORDS; seq++)
        write_record(h, seq);
    struct item *expected = history_item(s, ITEM_EXPECTED, SIM_S);
    expected->machine = 0;
    expected->birth = BIRTH;
    expected->seq = 1;
    give(s, 1, MR_KEEP | MR_FROM_SNAPSHOT);
    history_item(s, ITEM_SNAPSHOT_END, SIM_S);
    for (uint64_t seq = 2; seq <= RECORDS; seq++)
        give(s, seq, MR_KEEP);
    history_item(s, ITEM_CALM, (RECORDS + 4) * SIM_S)->upto_ns = (RECORDS + 2) * SIM_S;
    *history_ask(h) = (struct asked){.id = 9, .outcomes = 1, .handled = 1, .answers_id = 9};
    *history_slot(h) = last_slot(0);
    *history_slot(h) = last_slot(HISTORY_BROKER);
    *history_life(h) = (struct final_life){.machine = 0, .program = HISTORY_ANY, .birth = BIRTH};
    *history_life(h) = (struct final_life){.machine = 0, .program = PROGRAM, .birth = BIRTH};
    *history_presence(h) = (struct final_presence){HISTORY_BROKER, 0, HISTORY_ANY, BIRTH, true};
    *history_presence(h) = (struct final_presence){HISTORY_BROKER, 0, PROGRAM, BIRTH, true};
}

/* -- one thing wrong each -- */
enum { ITEM_OF_2 = 3, ITEM_LAST = ITEM_OF_2 + RECORDS - 2 }; /* expected, snapshot, its end come before */

static struct item *item_at(struct history *h, size_t i)
{
    return &h->subs[0]->items[i];
}

static void remove_item(struct history *h, size_t i)
{
    struct subscription *s = h->subs[0];
    memmove(s->items + i, s->items + i + 1, (s->n - i - 1) * sizeof *s->items);
    s->n--;
}

static void insert_loss(struct history *h, size_t i, uint64_t count)
{
    struct subscription *s = h->subs[0];
    history_item(s, ITEM_LOSS, 0);
    memmove(s->items + i + 1, s->items + i, (s->n - 1 - i) * sizeof *s->items);
    s->items[i] = (struct item){.kind = ITEM_LOSS, .machine = 0, .count = count, .cause = MR_SLOW_READER};
}

static void nothing(struct history *h)
{
    (void)h;
}

static void a_loss_is_told_where_something_is_missing(struct history *h)
{
    remove_item(h, ITEM_OF_2 + 1);
    insert_loss(h, ITEM_OF_2 + 1, 1);
}

static void a_loss_of_unknown_count(struct history *h)
{
    remove_item(h, ITEM_OF_2 + 1);
    remove_item(h, ITEM_OF_2 + 1);
    insert_loss(h, ITEM_OF_2 + 1, 0);
}

static void something_was_seen(struct history *h)
{
    history_problem(h, "as in a run");
}

static void a_record_nobody_published(struct history *h)
{
    item_at(h, ITEM_OF_2)->seq = 77;
}

static void other_bytes(struct history *h)
{
    item_at(h, ITEM_OF_2)->hash++;
}

static void another_number(struct history *h)
{
    item_at(h, ITEM_OF_2)->number++;
}

static void another_topic(struct history *h)
{
    item_at(h, ITEM_OF_2)->topic = history_topic(h, "demo/m1/y");
}

static void of_another_machine(struct history *h)
{
    item_at(h, ITEM_OF_2)->machine = 5;
}

static void what_was_not_asked_for(struct history *h)
{
    strcpy(h->subs[0]->filter, "other/#");
}

static void twice(struct history *h)
{
    *item_at(h, ITEM_OF_2 + 1) = *item_at(h, ITEM_OF_2);
}

static void swapped(struct history *h)
{
    struct item first = *item_at(h, ITEM_OF_2);
    *item_at(h, ITEM_OF_2) = *item_at(h, ITEM_OF_2 + 1);
    *item_at(h, ITEM_OF_2 + 1) = first;
}

static void one_missing(struct history *h)
{
    remove_item(h, ITEM_OF_2 + 1);
}

static void the_last_missing(struct history *h)
{
    remove_item(h, ITEM_LAST);
}

static void a_loss_in_the_wrong_place(struct history *h)
{
    remove_item(h, ITEM_OF_2 + 1);
    insert_loss(h, ITEM_OF_2, 1);
}

static void a_loss_of_another_machine(struct history *h)
{
    a_loss_is_told_where_something_is_missing(h);
    item_at(h, ITEM_OF_2 + 1)->machine = 1;
}

static void a_loss_that_counts_too_few(struct history *h)
{
    remove_item(h, ITEM_OF_2 + 1);
    remove_item(h, ITEM_OF_2 + 1);
    insert_loss(h, ITEM_OF_2 + 1, 1);
}

static void a_loss_in_a_calm(struct history *h)
{
    insert_loss(h, h->subs[0]->n, 1);
}

static void a_snapshot_without_its_value(struct history *h)
{
    remove_item(h, 1);
}

static void an_older_value_after_a_newer(struct history *h)
{
    *give(h->subs[0], 1, MR_KEEP | MR_FROM_SNAPSHOT) = *item_at(h, 1);
}

static void a_value_shown_again(struct history *h)
{
    *give(h->subs[0], RECORDS, MR_KEEP | MR_FROM_SNAPSHOT) = *item_at(h, ITEM_LAST);
    item_at(h, h->subs[0]->n - 1)->flags |= MR_FROM_SNAPSHOT;
}

static void taken_though_never_published(struct history *h)
{
    h->published[2].number = 99;
}

static void taken_with_other_bytes(struct history *h)
{
    h->published[2].hash++;
}

static void taken_out_of_order(struct history *h)
{
    struct accepted *a = h->machines[0].accepted;
    a[3].number = a[1].number;
    a[3].hash = a[1].hash;
}

static void one_number_given_twice(struct history *h)
{
    h->machines[0].accepted[3].seq = 2;
}

static void never_taken_though_all_was_well(struct history *h)
{
    *history_publish(h) = (struct published){.number = 999, .must_arrive = true};
}

static void a_broker_with_an_older_value(struct history *h)
{
    h->slots[1].seq--;
}

static void a_broker_with_other_bytes(struct history *h)
{
    h->slots[1].hash++;
}

static void a_broker_without_the_value(struct history *h)
{
    h->n_slots = 1;
}

static void a_broker_that_forgot_a_removal(struct history *h)
{
    h->slots[0].is_cleared = true;
}

static void a_subscriber_behind_its_agent(struct history *h)
{
    history_item(h->subs[0], ITEM_FAULT, 0);
    remove_item(h, ITEM_LAST);
    insert_loss(h, ITEM_LAST, 1);
}

static void stale_though_its_publisher_lives(struct history *h)
{
    *give(h->subs[0], RECORDS, 0) = *item_at(h, ITEM_LAST);
    item_at(h, h->subs[0]->n - 1)->flags |= MR_FROM_SNAPSHOT | MR_STALE;
}

static void fresh_though_its_publisher_was_born_again(struct history *h)
{
    h->lives[0].birth = h->lives[1].birth = BIRTH + 1;
    h->n_presence = 0;
    *history_presence(h) = (struct final_presence){HISTORY_BROKER, 0, HISTORY_ANY, BIRTH + 1, true};
    *history_presence(h) = (struct final_presence){HISTORY_BROKER, 0, PROGRAM, BIRTH + 1, true};
}

static void no_outcome(struct history *h)
{
    h->asked[0].outcomes = 0;
}

static void two_outcomes(struct history *h)
{
    h->asked[0].outcomes = 2;
}

static void handled_twice(struct history *h)
{
    h->asked[0].handled = 2;
}

static void the_answer_to_another(struct history *h)
{
    h->asked[0].answers_id = 8;
}

static void an_answer_from_nobody(struct history *h)
{
    h->asked[0].handled = 0;
}

static void no_answer_though_it_is_served(struct history *h)
{
    h->asked[0].expect = EXPECT_ANSWER;
    h->asked[0].rc = MR_TIMEOUT;
}

static void an_answer_though_nobody_serves(struct history *h)
{
    h->asked[0].expect = EXPECT_NOBODY;
}

static void alive_and_shown_dead(struct history *h)
{
    h->presence[1].is_alive = false;
}

static void alive_and_not_shown(struct history *h)
{
    h->n_presence = 1;
}

static void ended_and_shown_alive(struct history *h)
{
    h->n_lives = 1;
    h->subs[0]->is_open = false;
    h->slots[1].is_fresh = false;
}

static void ended_and_its_value_fresh(struct history *h)
{
    h->n_lives = 1;
    h->n_presence = 1;
    h->slots[1].is_fresh = false;
}

static void ended_and_its_value_fresh_at_a_broker(struct history *h)
{
    h->n_lives = 1;
    h->n_presence = 1;
    stale_though_its_publisher_lives(h);
}

static void ended_and_its_value_stale(struct history *h)
{
    ended_and_its_value_fresh(h);
    stale_though_its_publisher_lives(h);
}

static void a_removed_tag_written_anew(struct history *h)
{
    struct accepted removal = {.birth = BIRTH, .seq = RECORDS + 1, .flags = MR_CLEAR, .program = PROGRAM};
    struct accepted anew = h->machines[0].accepted[RECORDS - 1];
    *history_accept(h, 0) = removal;
    anew.birth = BIRTH + 1;
    anew.at_ns = 50 * SIM_S;
    *history_accept(h, 0) = anew;
}

static void fresh_though_written_in_an_earlier_session(struct history *h)
{
    h->lives[1].session = 2;
}

/* -- several brokers, several machines -- */
static void add_broker(struct history *h)
{
    h->n_brokers = 2;
    h->is_broker_up[1] = true;
    *history_slot(h) = last_slot(history_broker(1));
    *history_presence(h) = (struct final_presence){history_broker(1), 0, HISTORY_ANY, BIRTH, true};
    *history_presence(h) = (struct final_presence){history_broker(1), 0, PROGRAM, BIRTH, true};
}

static void a_second_broker(struct history *h)
{
    add_broker(h);
}

static void a_second_broker_with_another_time(struct history *h)
{
    add_broker(h);
    h->slots[2].accept_us++;
}

static void a_second_broker_with_an_older_value(struct history *h)
{
    add_broker(h);
    h->slots[2].seq--;
}

static void a_second_broker_that_takes_it_for_stale(struct history *h)
{
    add_broker(h);
    h->slots[2].is_fresh = false;
}

static void a_second_broker_that_knows_nothing(struct history *h)
{
    h->n_brokers = 2;
    h->is_broker_up[1] = true;
}

static void a_second_broker_that_is_gone(struct history *h)
{
    h->n_brokers = 2;
}

static void a_second_broker_that_shows_it_dead(struct history *h)
{
    add_broker(h);
    h->presence[2].is_alive = false;
}

static void a_second_broker_that_shows_the_dead_alive(struct history *h)
{
    add_broker(h);
    *history_presence(h) = (struct final_presence){history_broker(1), 0, PROGRAM + 1, BIRTH, true};
}

static void insert_span_loss(struct history *h, size_t i, int64_t at_ns)
{
    insert_loss(h, i, 0);
    *item_at(h, i) = (struct item){.kind = ITEM_LOSS, .machine = HISTORY_ANY, .at_ns = at_ns, .cause = MR_LINK};
}

/* Of record 3 on: opened before, closed after; the second of them is told late. */
static void missing_within_spans(struct history *h)
{
    add_broker(h);
    remove_item(h, ITEM_OF_2 + 1);
    insert_span_loss(h, ITEM_OF_2 + 1, 2 * SIM_S + 1);
    insert_span_loss(h, ITEM_OF_2 + 3, 5 * SIM_S + 1);
    remove_item(h, ITEM_OF_2 + 2);
}

static void missing_in_a_span_that_is_not_closed(struct history *h)
{
    add_broker(h);
    insert_span_loss(h, ITEM_OF_2 + 1, 2 * SIM_S + 1);
    remove_item(h, ITEM_OF_2 + 3);
}

static void missing_before_any_span(struct history *h)
{
    add_broker(h);
    remove_item(h, ITEM_OF_2 + 1);
    insert_span_loss(h, ITEM_OF_2 + 3, 5 * SIM_S + 1);
}

/* Another machine clears the topic: what was written last becomes a tombstone. */
static struct item *removal_by_another(struct history *h)
{
    h->n_machines = 2;
    for (int i = 0; i < h->n_machines; i++)
        h->machines[i].met_birth = UINT64_MAX;
    *history_accept(h, 1) = (struct accepted){.birth = BIRTH, .seq = 1, .flags = MR_CLEAR, .program = PROGRAM + 1};
    h->slots[0].is_cleared = h->slots[1].is_cleared = true;
    h->slots[0].hash = h->slots[1].hash = 0;
    struct item *item = give(h->subs[0], RECORDS, MR_CLEAR | MR_FROM_SNAPSHOT);
    item->number = item->hash = 0;
    return item;
}

static void removed_by_another(struct history *h)
{
    removal_by_another(h);
}

static void removed_by_nobody(struct history *h)
{
    removal_by_another(h);
    h->machines[1].n = 0;
}

static void removed_by_another_and_shown_again(struct history *h)
{
    removal_by_another(h);
    give(h->subs[0], RECORDS, MR_KEEP | MR_FROM_SNAPSHOT);
}

static void removed_by_another_before_it_came(struct history *h)
{
    *item_at(h, ITEM_LAST) = *removal_by_another(h);
    h->subs[0]->n--;
}

static const struct mutation {
    const char *name;
    void (*change)(struct history *h);
    enum rule finds;
} mutations[] = {
#define MUTATION(f, rule)                                                                                              \
    {                                                                                                                  \
#f, f, rule                                                                                                    \
    }
    MUTATION(nothing, RULE_NONE),
    MUTATION(a_loss_is_told_where_something_is_missing, RULE_NONE),
    MUTATION(a_loss_of_unknown_count, RULE_NONE),
    MUTATION(something_was_seen, RULE_SEEN),
    MUTATION(a_record_nobody_published, RULE_PHANTOM),
    MUTATION(other_bytes, RULE_PHANTOM),
    MUTATION(another_number, RULE_PHANTOM),
    MUTATION(another_topic, RULE_PHANTOM),
    MUTATION(of_another_machine, RULE_PHANTOM),
    MUTATION(what_was_not_asked_for, RULE_FILTER),
    MUTATION(twice, RULE_ORDER),
    MUTATION(swapped, RULE_UNTOLD),
    MUTATION(one_missing, RULE_UNTOLD),
    MUTATION(the_last_missing, RULE_UNTOLD),
    MUTATION(a_loss_in_the_wrong_place, RULE_UNTOLD),
    MUTATION(a_loss_of_another_machine, RULE_UNTOLD),
    MUTATION(a_loss_that_counts_too_few, RULE_COUNT),
    MUTATION(a_loss_in_a_calm, RULE_FALSE_LOSS),
    MUTATION(a_snapshot_without_its_value, RULE_SNAPSHOT),
    MUTATION(an_older_value_after_a_newer, RULE_BACKWARDS),
    MUTATION(a_value_shown_again, RULE_BACKWARDS),
    MUTATION(taken_though_never_published, RULE_ACCEPT),
    MUTATION(taken_with_other_bytes, RULE_ACCEPT),
    MUTATION(taken_out_of_order, RULE_ACCEPT),
    MUTATION(one_number_given_twice, RULE_ACCEPT),
    MUTATION(never_taken_though_all_was_well, RULE_ACCEPT),
    MUTATION(a_broker_with_an_older_value, RULE_CONVERGE),
    MUTATION(a_broker_with_other_bytes, RULE_CONVERGE),
    MUTATION(a_broker_without_the_value, RULE_CONVERGE),
    MUTATION(a_broker_that_forgot_a_removal, RULE_CONVERGE),
    MUTATION(a_subscriber_behind_its_agent, RULE_CONVERGE),
    MUTATION(stale_though_its_publisher_lives, RULE_STALE),
    MUTATION(fresh_though_its_publisher_was_born_again, RULE_STALE),
    MUTATION(no_outcome, RULE_REQUEST),
    MUTATION(two_outcomes, RULE_REQUEST),
    MUTATION(handled_twice, RULE_REQUEST),
    MUTATION(the_answer_to_another, RULE_REQUEST),
    MUTATION(an_answer_from_nobody, RULE_REQUEST),
    MUTATION(no_answer_though_it_is_served, RULE_REQUEST),
    MUTATION(an_answer_though_nobody_serves, RULE_REQUEST),
    MUTATION(alive_and_shown_dead, RULE_PRESENCE),
    MUTATION(alive_and_not_shown, RULE_PRESENCE),
    MUTATION(ended_and_shown_alive, RULE_PRESENCE),
    MUTATION(ended_and_its_value_fresh, RULE_STALE),
    MUTATION(ended_and_its_value_fresh_at_a_broker, RULE_STALE),
    MUTATION(ended_and_its_value_stale, RULE_NONE),
    MUTATION(fresh_though_written_in_an_earlier_session, RULE_STALE),
    MUTATION(a_removed_tag_written_anew, RULE_ACCEPT),
    MUTATION(a_second_broker, RULE_NONE),
    MUTATION(a_second_broker_with_another_time, RULE_CONVERGE),
    MUTATION(a_second_broker_with_an_older_value, RULE_CONVERGE),
    MUTATION(a_second_broker_that_takes_it_for_stale, RULE_STALE),
    MUTATION(a_second_broker_that_knows_nothing, RULE_CONVERGE),
    MUTATION(a_second_broker_that_is_gone, RULE_NONE),
    MUTATION(a_second_broker_that_shows_it_dead, RULE_PRESENCE),
    MUTATION(a_second_broker_that_shows_the_dead_alive, RULE_PRESENCE),
    MUTATION(missing_within_spans, RULE_NONE),
    MUTATION(missing_in_a_span_that_is_not_closed, RULE_UNTOLD),
    MUTATION(missing_before_any_span, RULE_UNTOLD),
    MUTATION(removed_by_another, RULE_NONE),
    MUTATION(removed_by_nobody, RULE_PHANTOM),
    MUTATION(removed_by_another_and_shown_again, RULE_BACKWARDS),
    MUTATION(removed_by_another_before_it_came, RULE_NONE),
};

/* The matcher by itself: filter, topic, does it match. */
static int try_matcher(void)
{
    static const struct {
        const char *filter, *topic;
        bool matches;
    } cases[] = {
        {"a/b", "a/b", true},      {"a/b", "a/c", false},    {"a/b", "a/b/c", false},    {"a/b/c", "a/b", false},
        {"a/+", "a/b", true},      {"a/+", "a/b/c", false},  {"a/+", "a", false},        {"+/b", "a/b", true},
        {"a/#", "a/b/c", true},    {"a/#", "a", true},       {"a/#", "ab", false},       {"#", "a/b", true},
        {"#", "$sys/x", false},    {"+/x", "$sys/x", false}, {"$sys/#", "$sys/x", true}, {"a/+/c", "a/b/c", true},
        {"a/+/c", "a/b/d", false}, {"+/+", "a/b", true},     {"+", "a/b", false}};
    int failed = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (checker_match(cases[i].filter, cases[i].topic) == cases[i].matches)
            continue;
        printf("selftest: '%s' and '%s'\n", cases[i].filter, cases[i].topic);
        failed++;
    }
    return failed;
}

static int try_mutation(const struct mutation *m)
{
    struct history h;
    struct verdict v;
    tell_a_good_story(&h);
    m->change(&h);
    checker_run(&h, &v);
    history_fini(&h);
    if (v.rule == m->finds)
        return 0;
    printf("selftest: %s: '%s' instead of '%s' (%s)\n", m->name, rule_name(v.rule), rule_name(m->finds), v.text);
    return 1;
}

int selftest_run(void)
{
    int failed = try_matcher();
    size_t n = sizeof mutations / sizeof *mutations;
    for (size_t i = 0; i < n; i++)
        failed += try_mutation(&mutations[i]);
    printf("selftest: %zu histories, %d found wrong\n", n, failed);
    return failed != 0;
}
