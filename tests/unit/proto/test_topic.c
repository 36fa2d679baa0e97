/* test_topic.c - the grammar of topics and filters: each rule, each limit, and matching against brute force. */
#include "proto/topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum topic_rule check(const char *text, unsigned allow)
{
    return topic_check(text, strlen(text), allow);
}

static bool match(const char *filter, const char *topic)
{
    return filter_match(filter, strlen(filter), topic, strlen(topic));
}

static bool covers(const char *wide, const char *narrow)
{
    return filter_covers(wide, strlen(wide), narrow, strlen(narrow));
}

static bool overlaps(const char *a, const char *b)
{
    return filter_overlaps(a, strlen(a), b, strlen(b));
}

static void ordinary_topics_are_fine(void **state)
{
    (void)state;
    static const char *const fine[] = {
        "a", "a/b/c", "acme/lyon/press-07/oil/temp", "$sys/x", "a/$b", "压机/油温", "a b", "a/./b", "..", ".a/b", "x~"};
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        assert_int_equal(check(fine[i], TOPIC_FULL), TOPIC_FINE);
        assert_int_equal(check(fine[i], TOPIC_FILTER), TOPIC_FINE);
    }
}

static void each_broken_rule_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned allow;
        enum topic_rule rule;
    } cases[] = {
        {"", TOPIC_FULL, TOPIC_EMPTY},
        {"/a", TOPIC_FULL, TOPIC_LEADING_SLASH},
        {"/", TOPIC_FULL, TOPIC_LEADING_SLASH},
        {"a/", TOPIC_FULL, TOPIC_TRAILING_SLASH},
        {"a//b", TOPIC_FULL, TOPIC_EMPTY_LEVEL},
        {"a/\x01", TOPIC_FULL, TOPIC_CONTROL},
        {"a\n", TOPIC_FULL, TOPIC_CONTROL},
        {"a\x7f", TOPIC_FULL, TOPIC_CONTROL},
        {"a\xc2\x80", TOPIC_FULL, TOPIC_CONTROL},
        {"a\xc2\x9f", TOPIC_FULL, TOPIC_CONTROL},
        {"a\xff", TOPIC_FULL, TOPIC_NOT_UTF8},
        {"\xed\xa0\x80", TOPIC_FULL, TOPIC_NOT_UTF8},     /* a surrogate */
        {"\xc0\xaf", TOPIC_FULL, TOPIC_NOT_UTF8},         /* an overlong '/' */
        {"\xf4\x90\x80\x80", TOPIC_FULL, TOPIC_NOT_UTF8}, /* above U+10FFFF */
        {"a\xe2\x82/b", TOPIC_FULL, TOPIC_NOT_UTF8},      /* cut by the end of its level */
        {"a/+", TOPIC_FULL, TOPIC_WILDCARD},
        {"a+b", TOPIC_FULL, TOPIC_WILDCARD},
        {"#", TOPIC_FULL, TOPIC_WILDCARD},
        {"a+/b", TOPIC_FILTER, TOPIC_PLUS_INSIDE},
        {"a/b#", TOPIC_FILTER, TOPIC_HASH_INSIDE},
        {"##", TOPIC_FILTER, TOPIC_HASH_INSIDE},
        {"#/a", TOPIC_FILTER, TOPIC_HASH_NOT_LAST},
        {"./a", TOPIC_FULL, TOPIC_DOT_ROOT},
        {"./#", TOPIC_FILTER, TOPIC_DOT_ROOT},
        {".", TOPIC_FULL, TOPIC_DOT_ROOT},
        {"./a/+", TOPIC_RELATIVE, TOPIC_WILDCARD},
        {"./", TOPIC_RELATIVE, TOPIC_TRAILING_SLASH},
        {"./a//b", TOPIC_RELATIVE, TOPIC_EMPTY_LEVEL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(check(cases[i].text, cases[i].allow), cases[i].rule);
    assert_int_equal(topic_check("a\0b", 3, TOPIC_FULL), TOPIC_NUL);
}

static void characters_next_to_the_control_ones_are_fine(void **state)
{
    (void)state;
    assert_int_equal(check(" ", TOPIC_FULL), TOPIC_FINE);
    assert_int_equal(check("~", TOPIC_FULL), TOPIC_FINE);
    assert_int_equal(check("\xc2\xa0", TOPIC_FULL), TOPIC_FINE);
}

static void filters_and_relative_texts_are_fine_where_they_are_allowed(void **state)
{
    (void)state;
    assert_int_equal(check("+/a/#", TOPIC_FILTER), TOPIC_FINE);
    assert_int_equal(check("#", TOPIC_FILTER), TOPIC_FINE);
    assert_int_equal(check("+", TOPIC_FILTER), TOPIC_FINE);
    assert_int_equal(check("./a", TOPIC_RELATIVE), TOPIC_FINE);
    assert_int_equal(check(".", TOPIC_RELATIVE), TOPIC_FINE);
    assert_int_equal(check("./+/#", TOPIC_RELATIVE | TOPIC_FILTER), TOPIC_FINE);
}

static void the_longest_topic_is_fine_and_one_byte_more_is_not(void **state)
{
    (void)state;
    char text[TOPIC_MAX_BYTES + 1];
    memset(text, 'x', sizeof text);
    assert_int_equal(topic_check(text, TOPIC_MAX_BYTES, TOPIC_FULL), TOPIC_FINE);
    assert_int_equal(topic_check(text, TOPIC_MAX_BYTES + 1, TOPIC_FULL), TOPIC_TOO_LONG);
}

static void the_deepest_topic_is_fine_and_one_level_more_is_not(void **state)
{
    (void)state;
    char text[2 * TOPIC_MAX_LEVELS + 1];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 2 == 0 ? 'x' : '/';
    assert_int_equal(topic_check(text, 2 * TOPIC_MAX_LEVELS - 1, TOPIC_FULL), TOPIC_FINE);
    assert_int_equal(topic_levels(text, 2 * TOPIC_MAX_LEVELS - 1), TOPIC_MAX_LEVELS);
    assert_int_equal(topic_check(text, 2 * TOPIC_MAX_LEVELS + 1, TOPIC_FULL), TOPIC_TOO_DEEP);
    assert_int_equal(topic_levels("a", 1), 1);
}

static void each_rule_has_words(void **state)
{
    (void)state;
#define EXPECT_TEXT(code, text) assert_string_equal(topic_rule_text(code), text);
    TOPIC_RULES(EXPECT_TEXT)
#undef EXPECT_TEXT
    assert_string_equal(topic_rule_text((enum topic_rule)1000), "is not valid");
}

static void questions_about_the_first_level_and_wildcards_are_answered(void **state)
{
    (void)state;
    assert_true(topic_is_system("$sys", 4));
    assert_false(topic_is_system("a/$sys", 6));
    assert_false(topic_is_system("", 0));
    assert_true(topic_is_relative("./a", 3));
    assert_true(topic_is_relative(".", 1));
    assert_false(topic_is_relative(".a", 2));
    assert_false(topic_is_relative("", 0));
    assert_true(filter_has_wildcard("a/+", 3));
    assert_true(filter_has_wildcard("#", 1));
    assert_false(filter_has_wildcard("a/b", 3));
    assert_false(filter_has_wildcard("", 0));
}

static void expand_puts_the_path_where_the_dot_was(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *expanded;
    } cases[] = {
        {"./oil/temp", "acme/p7/oil/temp"}, {".", "acme/p7"}, {"./#", "acme/p7/#"}, {"oil/temp", "oil/temp"}, {"", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[TOPIC_MAX_BYTES + 1];
        size_t len;
        assert_int_equal(topic_expand(cases[i].text, strlen(cases[i].text), "acme/p7", 7, out, &len), MR_OK);
        assert_string_equal(out, cases[i].expanded);
        assert_int_equal(len, strlen(cases[i].expanded));
    }
}

static void expand_needs_a_path_only_for_relative_text(void **state)
{
    (void)state;
    char out[TOPIC_MAX_BYTES + 1];
    size_t len = 7;
    assert_int_equal(topic_expand("./a", 3, "", 0, out, &len), MR_INVALID);
    assert_int_equal(len, 7);
    assert_int_equal(topic_expand("a", 1, "", 0, out, &len), MR_OK);
}

static void expand_fills_the_room_and_not_one_byte_more(void **state)
{
    (void)state;
    char path[TOPIC_MAX_BYTES + 1];
    char out[TOPIC_MAX_BYTES + 1];
    size_t len = 7;
    memset(path, 'p', sizeof path);
    assert_int_equal(topic_expand("./ab", 4, path, TOPIC_MAX_BYTES - 3, out, &len), MR_OK);
    assert_int_equal(len, TOPIC_MAX_BYTES);
    len = 7;
    assert_int_equal(topic_expand("./ab", 4, path, TOPIC_MAX_BYTES - 2, out, &len), MR_TOO_BIG);
    assert_int_equal(topic_expand(".", 1, path, TOPIC_MAX_BYTES + 1, out, &len), MR_TOO_BIG);
    assert_int_equal(topic_expand(path, TOPIC_MAX_BYTES + 1, "x", 1, out, &len), MR_TOO_BIG);
    assert_int_equal(len, 7);
}

static void filters_match_as_mqtt_users_know_them(void **state)
{
    (void)state;
    assert_true(match("a/b", "a/b"));
    assert_false(match("a/b", "a/bc"));
    assert_false(match("a/b", "a"));
    assert_true(match("a/+/c", "a/b/c"));
    assert_false(match("a/+", "a/b/c"));
    assert_false(match("a/+", "a"));
    assert_true(match("a/#", "a"));
    assert_true(match("a/#", "a/b/c"));
    assert_false(match("a/#", "ab"));
    assert_true(match("#", "a/b"));
    assert_true(match("+/#", "a"));
    assert_false(match("+", "a/b"));
}

static void a_wildcard_first_level_never_matches_a_system_root(void **state)
{
    (void)state;
    assert_false(match("#", "$sys/x"));
    assert_false(match("+/x", "$sys/x"));
    assert_true(match("$sys/#", "$sys"));
    assert_true(match("$sys/+", "$sys/x"));
    assert_true(match("a/+", "a/$sys"));
    assert_false(covers("#", "$sys/#"));
    assert_false(overlaps("#", "$sys/#"));
    assert_false(overlaps("$sys/x", "+/x"));
}

static void covering_knows_that_every_topic_has_a_first_level(void **state)
{
    (void)state;
    assert_true(covers("+/#", "#"));
    assert_true(covers("#", "+/#"));
    assert_false(covers("+", "#"));
    assert_false(covers("a/+/#", "a/#")); /* "a" */
    assert_true(covers("a/#", "a/+/#"));
    assert_false(covers("+/+/#", "#"));
}

static void overlap_of_long_filters_is_true_on_the_safe_side(void **state)
{
    (void)state;
    char a[TOPIC_MAX_BYTES];
    char b[TOPIC_MAX_BYTES];
    memset(a, 'x', sizeof a);
    memset(b, 'y', sizeof b);
    memcpy(a + sizeof a - 2, "/+", 2);
    memcpy(b, "+/", 2);
    assert_true(filter_overlaps(a, sizeof a, b, sizeof b)); /* though the only common topics have 1,021 bytes */
}

/* Brute force over everything that can be written with few words. A filter of up to FILTER_LEVELS levels cannot tell
 * apart topics with more levels than one above that, nor words that are in no filter: "z" and "$z" stand for those. */
enum {
    FILTER_LEVELS = 6,
    TOPIC_LEVELS = FILTER_LEVELS + 1,
    MAX_FILTERS = 2000,
    MAX_TOPICS = 5500,
    SET_WORDS = (MAX_TOPICS + 63) / 64
};

struct levels {
    const char *level[TOPIC_LEVELS];
    unsigned n;
    char text[4 * TOPIC_LEVELS];
    size_t len;
};

struct universe {
    struct levels filters[MAX_FILTERS];
    struct levels topics[MAX_TOPICS];
    uint64_t matched[MAX_FILTERS][SET_WORDS]; /* per filter: which topics, by the oracle */
    unsigned n_filters;
    unsigned n_topics;
};

static void set_text(struct levels *l)
{
    l->len = 0;
    for (unsigned i = 0; i < l->n; i++) {
        if (i > 0)
            l->text[l->len++] = '/';
        memcpy(l->text + l->len, l->level[i], strlen(l->level[i]));
        l->len += strlen(l->level[i]);
    }
}

/* Adds all that can be made by appending words to `start`; the words are NULL-terminated. */
static void grow(struct levels *list, unsigned *n, unsigned max_levels, const char *const *roots,
                 const char *const *words)
{
    for (unsigned i = 0; roots[i]; i++) {
        list[*n] = (struct levels){.level = {roots[i]}, .n = 1};
        set_text(&list[(*n)++]);
    }
    for (unsigned at = 0; at < *n; at++) { /* the list grows behind us */
        struct levels base = list[at];
        if (base.n == max_levels || strcmp(base.level[base.n - 1], "#") == 0)
            continue;
        for (unsigned i = 0; words[i]; i++) {
            base.level[base.n] = words[i];
            list[*n] = base;
            list[*n].n++;
            set_text(&list[(*n)++]);
        }
    }
}

static bool oracle_from(const struct levels *filter, const struct levels *topic, unsigned i)
{
    if (i < filter->n && strcmp(filter->level[i], "#") == 0)
        return true;
    if (i == filter->n || i == topic->n)
        return i == filter->n && i == topic->n;
    bool fits = strcmp(filter->level[i], "+") == 0 || strcmp(filter->level[i], topic->level[i]) == 0;
    return fits && oracle_from(filter, topic, i + 1);
}

static bool oracle(const struct levels *filter, const struct levels *topic)
{
    bool is_wild_root = strchr("+#", filter->level[0][0]) != NULL;
    return !(is_wild_root && topic->level[0][0] == '$') && oracle_from(filter, topic, 0);
}

static int make_universe(void **state)
{
    static const char *const filter_roots[] = {"a", "b", "$s", "+", "#", NULL};
    static const char *const filter_words[] = {"a", "b", "+", "#", NULL};
    static const char *const topic_roots[] = {"a", "b", "z", "$s", "$z", NULL};
    static const char *const topic_words[] = {"a", "b", "z", NULL};
    struct universe *u = calloc(1, sizeof *u);
    if (!u)
        return -1;
    grow(u->filters, &u->n_filters, FILTER_LEVELS, filter_roots, filter_words);
    grow(u->topics, &u->n_topics, TOPIC_LEVELS, topic_roots, topic_words);
    for (unsigned f = 0; f < u->n_filters; f++) {
        for (unsigned t = 0; t < u->n_topics; t++) {
            if (oracle(&u->filters[f], &u->topics[t]))
                u->matched[f][t / 64] |= UINT64_C(1) << t % 64;
        }
    }
    *state = u;
    return 0;
}

static int free_universe(void **state)
{
    free(*state);
    return 0;
}

static void fail_pair(const char *what, const struct levels *a, const struct levels *b)
{
    fail_msg("%s is wrong for '%.*s' and '%.*s'", what, (int)a->len, a->text, (int)b->len, b->text);
}

static void matching_equals_brute_force(void **state)
{
    const struct universe *u = *state;
    for (unsigned f = 0; f < u->n_filters; f++) {
        const struct levels *filter = &u->filters[f];
        assert_int_equal(topic_check(filter->text, filter->len, TOPIC_FILTER), TOPIC_FINE);
        for (unsigned t = 0; t < u->n_topics; t++) {
            const struct levels *topic = &u->topics[t];
            bool expected = u->matched[f][t / 64] >> t % 64 & 1;
            if (filter_match(filter->text, filter->len, topic->text, topic->len) != expected)
                fail_pair("filter_match", filter, topic);
        }
    }
    print_message("%u filters x %u topics\n", u->n_filters, u->n_topics);
}

static void check_pair(const struct universe *u, unsigned a, unsigned b)
{
    bool is_subset = true; /* what b matches, of what a matches */
    bool is_common = false;
    for (unsigned w = 0; w < SET_WORDS; w++) {
        is_subset &= (u->matched[b][w] & ~u->matched[a][w]) == 0;
        is_common |= (u->matched[a][w] & u->matched[b][w]) != 0;
    }
    const struct levels *x = &u->filters[a];
    const struct levels *y = &u->filters[b];
    if (filter_covers(x->text, x->len, y->text, y->len) != is_subset)
        fail_pair("filter_covers", x, y);
    if (filter_overlaps(x->text, x->len, y->text, y->len) != is_common)
        fail_pair("filter_overlaps", x, y);
}

static void covering_and_overlapping_equal_brute_force(void **state)
{
    const struct universe *u = *state;
    for (unsigned a = 0; a < u->n_filters; a++) {
        for (unsigned b = 0; b < u->n_filters; b++)
            check_pair(u, a, b);
    }
    print_message("%u pairs of filters\n", u->n_filters * u->n_filters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_topics_are_fine),
        cmocka_unit_test(each_broken_rule_is_named),
        cmocka_unit_test(characters_next_to_the_control_ones_are_fine),
        cmocka_unit_test(filters_and_relative_texts_are_fine_where_they_are_allowed),
        cmocka_unit_test(the_longest_topic_is_fine_and_one_byte_more_is_not),
        cmocka_unit_test(the_deepest_topic_is_fine_and_one_level_more_is_not),
        cmocka_unit_test(each_rule_has_words),
        cmocka_unit_test(questions_about_the_first_level_and_wildcards_are_answered),
        cmocka_unit_test(expand_puts_the_path_where_the_dot_was),
        cmocka_unit_test(expand_needs_a_path_only_for_relative_text),
        cmocka_unit_test(expand_fills_the_room_and_not_one_byte_more),
        cmocka_unit_test(filters_match_as_mqtt_users_know_them),
        cmocka_unit_test(a_wildcard_first_level_never_matches_a_system_root),
        cmocka_unit_test(covering_knows_that_every_topic_has_a_first_level),
        cmocka_unit_test(overlap_of_long_filters_is_true_on_the_safe_side),
        cmocka_unit_test_setup_teardown(matching_equals_brute_force, make_universe, free_universe),
        cmocka_unit_test_setup_teardown(covering_and_overlapping_equal_brute_force, make_universe, free_universe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
