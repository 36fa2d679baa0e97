/* test_limits.c - who is let wait, who is cut and who is forgotten, with a kernel made of a table. */
#include "base/mem.h"
#include "broker/limits.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { FDS = 4096, MAX_SILENT = 20, MAX_OPEN = 40, SILENT_NS = 1000, SILENT_BYTES = 500, HELD_BYTES = 5000 };

/* What limits_walk() sees: inode 0 is a closed descriptor. */
static struct tcpfd_view kernel[FDS];
static unsigned n_looks, n_cuts;
static struct limits_cut last_cut;

static bool look(int fd, struct tcpfd_view *ret)
{
    n_looks++;
    *ret = kernel[fd];
    return kernel[fd].inode != 0;
}

static void on_cut(void *user, const struct limits_cut *cut)
{
    (void)user;
    n_cuts++;
    last_cut = *cut;
}

static int set_up(void **state)
{
    static struct limits limits;
    const struct limits_conf conf = {.max_silent = MAX_SILENT,
                                     .max_open = MAX_OPEN,
                                     .silent_ns = SILENT_NS,
                                     .silent_bytes = SILENT_BYTES,
                                     .held_bytes = HELD_BYTES};
    memset(kernel, 0, sizeof kernel);
    n_looks = n_cuts = 0;
    limits_init(&limits, &conf);
    *state = &limits;
    return 0;
}

static int tear_down(void **state)
{
    limits_fini(*state);
    return mem_outstanding() > 0;
}

static ino_t new_inode(void)
{
    static ino_t last;
    return ++last;
}

static void open_at(struct limits *l, int fd, int64_t now_ns)
{
    kernel[fd] = (struct tcpfd_view){.inode = new_inode()};
    assert_int_equal(limits_accepted(l, fd, kernel[fd].inode, now_ns), MR_OK);
}

static void close_at(struct limits *l, int fd)
{
    kernel[fd].inode = 0;
    limits_closed(l, fd);
}

static void walk(struct limits *l, int64_t now_ns)
{
    (void)limits_walk(l, UINT32_MAX, now_ns, look, on_cut, NULL);
}

/* -- the door -------------------------------------------------------------------------------------------------------- */
static void strangers_fill_it_up_and_it_opens_when_a_tenth_has_left(void **state)
{
    struct limits *l = *state;
    assert_false(limits_is_full(l));
    for (int fd = 0; fd < MAX_SILENT; fd++) {
        assert_false(limits_is_full(l));
        open_at(l, fd, 0);
    }
    assert_true(limits_is_full(l));
    close_at(l, 0);
    assert_true(limits_is_full(l));
    close_at(l, 1);
    assert_false(limits_is_full(l));
    open_at(l, 0, 0);
    assert_false(limits_is_full(l));
}

static void who_speaks_is_no_stranger_and_counts_for_the_whole(void **state)
{
    struct limits *l = *state;
    for (int fd = 0; fd < MAX_OPEN; fd++) {
        assert_false(limits_is_full(l));
        open_at(l, fd, 0);
        limits_delivered(l, fd, (uint32_t)fd, 100);
        assert_int_equal(l->silent, 0);
    }
    assert_true(limits_is_full(l));
    for (int fd = 0; fd < MAX_SILENT / 10; fd++) {
        assert_true(limits_is_full(l));
        close_at(l, fd);
    }
    assert_false(limits_is_full(l)); /* room for a tenth of the strangers, not of all: who is here may stay for ever */
}

static void room_for_one_opens_when_it_has_left(void **state)
{
    struct limits *l = *state;
    l->conf.max_silent = 1;
    open_at(l, 7, 0);
    assert_true(limits_is_full(l));
    close_at(l, 7);
    assert_false(limits_is_full(l));
}

/* -- the walk -------------------------------------------------------------------------------------------------------- */
static void who_says_nothing_is_cut_once_when_its_time_is_over(void **state)
{
    struct limits *l = *state;
    open_at(l, 5, 100);
    walk(l, 100 + SILENT_NS);
    assert_int_equal(n_cuts, 0);
    walk(l, 101 + SILENT_NS);
    assert_int_equal(n_cuts, 1);
    assert_int_equal(last_cut.fd, 5);
    assert_int_equal(last_cut.why, LIMITS_SAID_NOTHING);
    assert_int_equal(l->silent, 0);
    assert_int_equal(l->open, 1); /* until libzmq has closed it */
    walk(l, 200 + SILENT_NS);
    assert_int_equal(n_cuts, 1);
    close_at(l, 5);
    assert_int_equal(l->open, 0);
}

static void who_speaks_may_be_silent_afterwards(void **state)
{
    struct limits *l = *state;
    open_at(l, 5, 0);
    limits_delivered(l, 5, 77, 10);
    walk(l, 1000 * SILENT_NS);
    assert_int_equal(n_cuts, 0);
}

static void bytes_that_nobody_gets_to_see_are_cut_above_the_bound(void **state)
{
    struct limits *l = *state;
    open_at(l, 5, 0);
    kernel[5].received = SILENT_BYTES;
    walk(l, 0);
    assert_int_equal(n_cuts, 0);
    kernel[5].received = SILENT_BYTES + 1;
    walk(l, 0);
    assert_int_equal(n_cuts, 1);
    assert_int_equal(last_cut.why, LIMITS_UNDELIVERED);
    assert_int_equal(last_cut.bytes, SILENT_BYTES + 1);
    assert_int_equal(last_cut.peer, 0);
    open_at(l, 6, 0);
    limits_delivered(l, 6, 77, 10000);
    kernel[6].received = 10000 + HELD_BYTES;
    walk(l, 0);
    assert_int_equal(n_cuts, 1);
    kernel[6].received++;
    walk(l, 0);
    assert_int_equal(n_cuts, 2);
    assert_int_equal(last_cut.peer, 77);
    assert_int_equal(last_cut.bytes, HELD_BYTES + 1);
}

static void bytes_that_a_peer_does_not_take_are_cut_above_the_bound(void **state)
{
    struct limits *l = *state;
    open_at(l, 6, 0);
    assert_false(limits_sent(l, 6, 77, 1000000)); /* not its yet: it has not spoken */
    limits_delivered(l, 6, 77, 10);
    assert_false(limits_sent(l, 6, 78, 1000000)); /* to another that had the number */
    assert_false(limits_sent(l, -1, 77, 1000000));
    assert_false(limits_sent(l, FDS - 1, 77, 1000000));
    assert_false(limits_sent(l, 6, 77, HELD_BYTES));
    assert_true(limits_sent(l, 6, 77, 300)); /* have a look */
    kernel[6].acked = 300;
    assert_true(limits_inspect(l, 6, 0, look, on_cut, NULL));
    assert_false(limits_sent(l, 6, 77, 0)); /* no further one */
    assert_int_equal(n_cuts, 0);
    kernel[6].acked = 299;
    assert_false(limits_inspect(l, 6, 0, look, on_cut, NULL));
    assert_int_equal(n_cuts, 1);
    assert_false(limits_sent(l, 6, 77, 1000000)); /* it is cut already */
    assert_int_equal(last_cut.why, LIMITS_UNREAD);
    assert_int_equal(last_cut.bytes, HELD_BYTES + 1);
}

static void more_delivered_than_received_is_nothing_held(void **state)
{
    struct limits *l = *state;
    open_at(l, 5, 0);
    limits_delivered(l, 5, 77, 10000);
    kernel[5].received = 3; /* the kernel counts a connection that has the number now */
    walk(l, 0);
    assert_int_equal(n_cuts, 0);
}

static void a_walk_looks_at_so_many_and_goes_on_from_there(void **state)
{
    struct limits *l = *state;
    for (int fd = 10; fd < 20; fd++)
        open_at(l, fd, 0);
    assert_int_equal(limits_walk(l, 4, 0, look, on_cut, NULL), 4);
    assert_int_equal(limits_walk(l, 4, 0, look, on_cut, NULL), 4);
    assert_int_equal(limits_walk(l, 4, 0, look, on_cut, NULL), 4); /* the last two and the first two */
    assert_int_equal(limits_walk(l, 100, 0, look, on_cut, NULL), 10);
    assert_int_equal(n_looks, 22);
    assert_int_equal(limits_walk(l, 0, 0, look, on_cut, NULL), 0);
}

/* -- numbers that are used again ------------------------------------------------------------------------------------- */
static void a_connection_whose_end_was_never_told_is_forgotten(void **state)
{
    struct limits *l = *state;
    for (int fd = 0; fd < MAX_SILENT; fd++)
        open_at(l, fd, 0);
    assert_true(limits_is_full(l));
    for (int fd = 0; fd < MAX_SILENT; fd++)
        kernel[fd].inode =
            fd % 2 ? 0 : new_inode(); /* closed; or another connection's by now, which was told or will be */
    walk(l, 0);
    assert_int_equal(l->open, 0);
    assert_int_equal(n_cuts, 0);
    assert_false(limits_is_full(l));
}

static void a_number_that_is_accepted_twice_is_one_connection(void **state)
{
    struct limits *l = *state;
    open_at(l, 5, 0);
    limits_delivered(l, 5, 77, 10000);
    open_at(l, 5, 50);
    assert_int_equal(l->open, 1);
    assert_int_equal(l->silent, 1);
    kernel[5].received = SILENT_BYTES + 1;
    walk(l, 60);
    assert_int_equal(n_cuts, 1); /* the first one's bytes do not count for it */
}

static void a_message_left_over_from_before_does_not_hide_what_the_next_one_holds(void **state)
{
    struct limits *l = *state;
    open_at(l, 5, 0);
    limits_delivered(l, 5, 77, 100);
    close_at(l, 5);
    open_at(l, 5, 0);
    limits_delivered(l, 5, 77, 1000000);
    limits_delivered(l, 5, 78, 50);
    kernel[5].received = 50 + HELD_BYTES + 1;
    walk(l, 0);
    assert_int_equal(n_cuts, 1);
    assert_int_equal(last_cut.peer, 78);
}

static void numbers_that_are_not_known_do_nothing(void **state)
{
    struct limits *l = *state;
    limits_delivered(l, 5, 1, 10); /* the table is empty */
    limits_closed(l, 5);
    open_at(l, 5, 0);
    limits_delivered(l, -1, 1, 10);
    limits_delivered(l, 6, 1, 10);
    limits_delivered(l, FDS - 1, 1, 10);
    limits_closed(l, -1);
    limits_closed(l, FDS - 1);
    limits_closed(l, 6);
    assert_int_equal(l->open, 1);
    assert_int_equal(l->silent, 1);
    assert_int_equal(limits_accepted(l, -1, 1, 0), MR_INVALID);
}

static void without_memory_a_connection_is_refused_and_the_others_stay(void **state)
{
    struct limits *l = *state;
    open_at(l, 5, 0);
    mem_fail_at(1);
    assert_int_equal(limits_accepted(l, FDS - 1, 1, 0), MR_NO_MEMORY);
    assert_true(mem_fail_off());
    assert_int_equal(l->open, 1);
    open_at(l, FDS - 1, 0);
    assert_int_equal(l->open, 2);
    close_at(l, 5);
    assert_int_equal(l->open, 1);
}

/* Against a model that simply remembers: whatever happens in whatever order, the counts are right. */
static void random_lives_are_counted_right(void **state)
{
    struct limits *l = *state;
    enum limits_state model[64] = {LIMITS_FREE};
    uint32_t seed = 20261122;
    for (int64_t now_ns = 0; now_ns < 200000; now_ns++) {
        seed = seed * 1664525 + 1013904223;
        int fd = (int)(seed >> 16) % 64;
        switch (seed >> 28) {
        case 0:
            kernel[fd].inode = 0; /* the end that nobody tells */
            break;
        case 1:
        case 2:
            close_at(l, fd);
            model[fd] = LIMITS_FREE;
            break;
        case 3:
            walk(l, 0);
            for (int i = 0; i < 64; i++)
                model[i] = kernel[i].inode ? model[i] : LIMITS_FREE;
            break;
        case 4:
        case 5:
        case 6:
            open_at(l, fd, 0);
            model[fd] = LIMITS_SILENT;
            break;
        default:
            limits_delivered(l, fd, (uint32_t)fd, 10);
            model[fd] = model[fd] == LIMITS_SILENT ? LIMITS_SPEAKING : model[fd];
            break;
        }
        uint32_t open = 0, silent = 0;
        for (int i = 0; i < 64; i++) {
            open += model[i] != LIMITS_FREE;
            silent += model[i] == LIMITS_SILENT;
        }
        if (l->open != open || l->silent != silent)
            fail_msg("seed 20261122, step %d: %u open, %u silent, not %u, %u", (int)now_ns, l->open, l->silent, open,
                     silent);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(strangers_fill_it_up_and_it_opens_when_a_tenth_has_left),
        TEST(who_speaks_is_no_stranger_and_counts_for_the_whole),
        TEST(room_for_one_opens_when_it_has_left),
        TEST(who_says_nothing_is_cut_once_when_its_time_is_over),
        TEST(who_speaks_may_be_silent_afterwards),
        TEST(bytes_that_nobody_gets_to_see_are_cut_above_the_bound),
        TEST(bytes_that_a_peer_does_not_take_are_cut_above_the_bound),
        TEST(more_delivered_than_received_is_nothing_held),
        TEST(a_walk_looks_at_so_many_and_goes_on_from_there),
        TEST(a_connection_whose_end_was_never_told_is_forgotten),
        TEST(a_number_that_is_accepted_twice_is_one_connection),
        TEST(a_message_left_over_from_before_does_not_hide_what_the_next_one_holds),
        TEST(numbers_that_are_not_known_do_nothing),
        TEST(without_memory_a_connection_is_refused_and_the_others_stay),
        TEST(random_lives_are_counted_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
