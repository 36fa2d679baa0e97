/* test_ring.c - the ring: policies, limits, exact losses, and a slow model to compare with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"
#include "base/ring.h"

enum { MAX_SEEN = 4096 };

/* The tags of what was dropped, in order. */
struct seen {
    uint32_t tags[MAX_SEEN];
    size_t n;
};

static void note_drop(void *user, const struct ring_item *item)
{
    struct seen *seen = user;
    assert_non_null(item->frame);
    assert_true(seen->n < MAX_SEEN);
    seen->tags[seen->n++] = item->tag;
}

static struct ring *make(enum mr_policy policy, uint32_t max_frames, size_t max_bytes, struct seen *seen)
{
    struct ring *ring;
    const struct ring_options options = {
        .policy = policy, .max_frames = max_frames, .max_bytes = max_bytes, .on_drop = note_drop, .user = seen};
    assert_int_equal(ring_new(&ring, &options), MR_OK);
    return ring;
}

static enum ring_push push(struct ring *ring, uint64_t key, uint32_t tag, size_t len)
{
    struct blob *frame = blob_new(len);
    assert_non_null(frame);
    const struct ring_item item = {.frame = frame, .key = key, .tag = tag};
    enum ring_push result = ring_push(ring, &item);
    blob_unref(frame);
    return result;
}

/* Takes the first item and checks that it is the one with this tag. */
static void take(struct ring *ring, uint32_t tag)
{
    struct ring_item item;
    assert_int_equal(ring_peek(ring)->tag, tag);
    assert_true(ring_take(ring, &item));
    assert_int_equal(item.tag, tag);
    blob_unref(item.frame);
}

static void assert_seen(const struct seen *seen, const uint32_t *tags, size_t n)
{
    assert_int_equal(seen->n, n);
    assert_memory_equal(seen->tags, tags, n * sizeof *tags);
}

static void items_come_out_in_order(void **state)
{
    (void)state;
    struct seen seen = {.n = 0};
    struct ring *ring = make(MR_DROP_OLDEST, 100, 1000, &seen);
    assert_null(ring_peek(ring));
    struct ring_item item;
    assert_false(ring_take(ring, &item));
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(push(ring, 0, i, 10), RING_QUEUED);
    assert_int_equal(ring_frames(ring), 100);
    assert_int_equal(ring_bytes(ring), 1000);
    for (uint32_t i = 0; i < 100; i++)
        take(ring, i);
    assert_int_equal(ring_frames(ring), 0);
    assert_int_equal(ring_bytes(ring), 0);
    assert_int_equal(seen.n, 0);
    ring_free(ring);
}

static void above_the_frame_limit_the_oldest_goes(void **state)
{
    (void)state;
    struct seen seen = {.n = 0};
    struct ring *ring = make(MR_DROP_OLDEST, 3, 1000, &seen);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(push(ring, 0, i, 1), RING_QUEUED);
    assert_int_equal(push(ring, 0, 3, 1), RING_DROPPED);
    assert_seen(&seen, (uint32_t[]){0}, 1);
    for (uint32_t i = 1; i < 4; i++)
        take(ring, i);
    ring_free(ring);
}

/* promise: bounded-memory */
static void above_the_byte_limit_as_many_as_needed_go(void **state)
{
    (void)state;
    struct seen seen = {.n = 0};
    struct ring *ring = make(MR_DROP_OLDEST, 100, 10, &seen);
    assert_int_equal(push(ring, 0, 0, 4), RING_QUEUED);
    assert_int_equal(push(ring, 0, 1, 4), RING_QUEUED);
    assert_int_equal(push(ring, 0, 2, 2), RING_QUEUED);
    assert_int_equal(push(ring, 0, 3, 0), RING_QUEUED); /* an empty frame costs no bytes */
    assert_int_equal(push(ring, 0, 4, 5), RING_DROPPED);
    assert_seen(&seen, (uint32_t[]){0, 1}, 2);
    assert_int_equal(push(ring, 0, 5, 10), RING_DROPPED);
    assert_int_equal(ring_frames(ring), 1);
    assert_int_equal(push(ring, 0, 6, 11), RING_REFUSED);
    assert_int_equal(seen.n, 5);
    take(ring, 5);
    ring_free(ring);
}

static void a_ring_of_one_holds_the_newest(void **state)
{
    (void)state;
    struct seen seen = {.n = 0};
    struct ring *ring = make(MR_DROP_OLDEST, 1, 1, &seen);
    assert_int_equal(push(ring, 0, 0, 1), RING_QUEUED);
    assert_int_equal(push(ring, 0, 1, 1), RING_DROPPED);
    take(ring, 1);
    ring_free(ring);
}

static void superseded_values_go_before_any_newest_one(void **state)
{
    (void)state;
    struct seen seen = {.n = 0};
    struct ring *ring = make(MR_NEWEST_PER_TOPIC, 4, 1000, &seen);
    assert_int_equal(push(ring, 'a', 0, 1), RING_QUEUED);
    assert_int_equal(push(ring, 'b', 1, 1), RING_QUEUED);
    assert_int_equal(push(ring, 'b', 2, 1), RING_QUEUED); /* 1 is superseded */
    assert_int_equal(push(ring, 'a', 3, 1), RING_QUEUED); /* and then 0 */
    assert_int_equal(push(ring, 'c', 4, 1), RING_DROPPED);
    assert_int_equal(push(ring, 'd', 5, 1), RING_DROPPED);
    assert_seen(&seen, (uint32_t[]){1, 0}, 2);
    assert_int_equal(push(ring, 'b', 6, 1), RING_DROPPED); /* replaces 2 in the middle */
    assert_int_equal(push(ring, 'e', 7, 1), RING_DROPPED); /* five keys, room for four: the oldest goes */
    assert_seen(&seen, (uint32_t[]){1, 0, 2, 3}, 4);
    take(ring, 4);
    take(ring, 5);
    take(ring, 6);
    take(ring, 7);
    ring_free(ring);
}

static void a_taken_item_is_superseded_by_nothing(void **state)
{
    (void)state;
    struct seen seen = {.n = 0};
    struct ring *ring = make(MR_NEWEST_PER_TOPIC, 2, 1000, &seen);
    assert_int_equal(push(ring, 'a', 0, 1), RING_QUEUED);
    assert_int_equal(push(ring, 'a', 1, 1), RING_QUEUED);
    take(ring, 0);
    take(ring, 1);
    assert_int_equal(push(ring, 'a', 2, 1), RING_QUEUED);
    assert_int_equal(push(ring, 'b', 3, 1), RING_QUEUED);
    assert_int_equal(push(ring, 'c', 4, 1), RING_DROPPED);
    assert_seen(&seen, (uint32_t[]){2}, 1);
    ring_free(ring);
}

static void cut_off_takes_nothing_more_until_it_is_cleared(void **state)
{
    (void)state;
    struct seen seen = {.n = 0};
    struct ring *ring = make(MR_CUT_OFF, 2, 1000, &seen);
    assert_int_equal(push(ring, 0, 0, 1), RING_QUEUED);
    assert_int_equal(push(ring, 0, 1, 1), RING_QUEUED);
    assert_int_equal(push(ring, 0, 2, 1), RING_IS_CUT);
    take(ring, 0);
    assert_int_equal(push(ring, 0, 3, 1), RING_IS_CUT); /* there is room, but 2 is missing before it */
    assert_int_equal(seen.n, 0);
    ring_clear(ring);
    assert_seen(&seen, (uint32_t[]){1}, 1);
    assert_int_equal(push(ring, 0, 4, 1), RING_QUEUED);
    assert_int_equal(push(ring, 0, 5, 1001), RING_IS_CUT);
    ring_free(ring);
}

static void limits_out_of_range_are_refused(void **state)
{
    (void)state;
    static const struct ring_options bad[] = {
        {.policy = MR_DROP_OLDEST, .max_frames = 0, .max_bytes = 1},
        {.policy = MR_DROP_OLDEST, .max_frames = RING_MAX_FRAMES + 1, .max_bytes = 1},
        {.policy = MR_DROP_OLDEST, .max_frames = 1, .max_bytes = 0},
        {.policy = (enum mr_policy)3, .max_frames = 1, .max_bytes = 1},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct ring *ring = NULL;
        assert_int_equal(ring_new(&ring, &bad[i]), MR_INVALID);
        assert_null(ring);
    }
    ring_free(NULL);
}

static void every_failed_allocation_of_a_new_ring_leaves_nothing(void **state)
{
    (void)state;
    const struct ring_options options = {.policy = MR_NEWEST_PER_TOPIC, .max_frames = 100, .max_bytes = 1000};
    size_t before = mem_outstanding();
    struct ring *ring = NULL;
    for (unsigned n = 1; !ring; n++) {
        mem_fail_at(n);
        enum mr_rc rc = ring_new(&ring, &options);
        assert_int_equal(rc, mem_fail_off() ? MR_NO_MEMORY : MR_OK);
        assert_true(ring || mem_outstanding() == before);
    }
    ring_free(ring);
    assert_int_equal(mem_outstanding(), before);
}

static void without_memory_to_grow_the_ring_is_as_large_as_it_is(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 2; n++) {
        struct seen seen = {.n = 0};
        struct ring *ring = make(MR_NEWEST_PER_TOPIC, 100, 1000, &seen);
        struct blob *frame = blob_new(1);
        for (uint32_t i = 0; i < 16; i++)
            assert_int_equal(ring_push(ring, &(struct ring_item){frame, i, i}), RING_QUEUED);
        mem_fail_at(n);
        assert_int_equal(ring_push(ring, &(struct ring_item){frame, 16, 16}), RING_DROPPED);
        assert_true(mem_fail_off());
        assert_int_equal(ring_push(ring, &(struct ring_item){frame, 17, 17}), RING_QUEUED); /* now it grows */
        assert_seen(&seen, (uint32_t[]){0}, 1);
        assert_int_equal(ring_frames(ring), 17);
        blob_unref(frame);
        ring_free(ring);
    }
}

static void a_push_allocates_nothing_once_the_storage_is_there(void **state)
{
    (void)state;
    struct seen seen = {.n = 0};
    struct ring *ring = make(MR_NEWEST_PER_TOPIC, 64, 1000, &seen);
    struct blob *frame = blob_new(1);
    for (uint32_t i = 0; i < 64; i++)
        assert_int_equal(ring_push(ring, &(struct ring_item){frame, i, i}), RING_QUEUED);
    mem_fail_at(1);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(ring_push(ring, &(struct ring_item){frame, i % 70, i}), RING_DROPPED);
    assert_false(mem_fail_off());
    blob_unref(frame);
    ring_free(ring);
}

static void every_frame_is_let_go(void **state)
{
    (void)state;
    size_t before = mem_outstanding();
    struct seen seen = {.n = 0};
    struct ring *ring = make(MR_DROP_OLDEST, 4, 1000, &seen);
    for (uint32_t i = 0; i < 10; i++)
        (void)!push(ring, 0, i, 1);
    ring_free(ring);
    assert_int_equal(seen.n, 6); /* ring_free() announces nothing */
    assert_int_equal(mem_outstanding(), before);
}

/* The same rules over an array, as slowly and plainly as can be. */
struct model {
    struct {
        uint64_t key;
        uint32_t tag;
        uint32_t superseded_at; /* the tag that superseded it, UINT32_MAX while it is the newest */
        size_t len;
    } items[128];
    size_t n, bytes;
};

static uint32_t model_remove(struct model *model, size_t i)
{
    uint32_t tag = model->items[i].tag;
    model->bytes -= model->items[i].len;
    model->n--;
    memmove(&model->items[i], &model->items[i + 1], (model->n - i) * sizeof model->items[0]);
    return tag;
}

static void model_push(struct model *model, const struct ring_options *options, uint64_t key, uint32_t tag, size_t len,
                       struct seen *seen)
{
    if (len > options->max_bytes)
        return;
    bool is_keyed = options->policy == MR_NEWEST_PER_TOPIC;
    for (size_t i = 0; i < model->n && is_keyed; i++)
        if (model->items[i].key == key && model->items[i].superseded_at == UINT32_MAX)
            model->items[i].superseded_at = tag;
    while (model->n == options->max_frames || model->bytes + len > options->max_bytes) {
        size_t victim = 0;
        for (size_t i = 1; i < model->n; i++)
            if (model->items[i].superseded_at < model->items[victim].superseded_at)
                victim = i;
        seen->tags[seen->n++ % MAX_SEEN] = model_remove(model, victim);
    }
    model->items[model->n].key = key;
    model->items[model->n].tag = tag;
    model->items[model->n].superseded_at = UINT32_MAX;
    model->items[model->n++].len = len;
    model->bytes += len;
}

static void check_against_model(uint64_t seed)
{
    struct rand_seeded rand;
    rand_seeded_init(&rand, seed);
    struct seen seen = {.n = 0}, expected = {.n = 0};
    struct ring_options options = {.policy = rand_below(&rand.source, 2) ? MR_DROP_OLDEST : MR_NEWEST_PER_TOPIC,
                                   .max_frames = (uint32_t)rand_below(&rand.source, 100) + 1,
                                   .max_bytes = rand_below(&rand.source, 400) + 1,
                                   .on_drop = note_drop,
                                   .user = &seen};
    uint64_t keys = rand_below(&rand.source, 30) + 1;
    struct model model = {.n = 0};
    struct ring *ring;
    assert_int_equal(ring_new(&ring, &options), MR_OK);
    for (uint32_t tag = 0; tag < 1000; tag++) {
        uint64_t key = rand_below(&rand.source, keys);
        size_t len = rand_below(&rand.source, 20);
        (void)!push(ring, key, tag, len);
        model_push(&model, &options, key, tag, len, &expected);
        while (model.n && rand_below(&rand.source, 3) == 0)
            take(ring, model_remove(&model, 0));
        if (ring_frames(ring) != model.n || ring_bytes(ring) != model.bytes)
            fail_msg("seed %ju, push %u", (uintmax_t)seed, tag);
    }
    if (seen.n != expected.n || memcmp(seen.tags, expected.tags, seen.n * sizeof seen.tags[0]) != 0)
        fail_msg("seed %ju: other losses", (uintmax_t)seed);
    ring_free(ring);
}

static void random_traffic_does_what_the_model_says(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++)
        check_against_model(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_out_in_order),
        cmocka_unit_test(above_the_frame_limit_the_oldest_goes),
        cmocka_unit_test(above_the_byte_limit_as_many_as_needed_go),
        cmocka_unit_test(a_ring_of_one_holds_the_newest),
        cmocka_unit_test(superseded_values_go_before_any_newest_one),
        cmocka_unit_test(a_taken_item_is_superseded_by_nothing),
        cmocka_unit_test(cut_off_takes_nothing_more_until_it_is_cleared),
        cmocka_unit_test(limits_out_of_range_are_refused),
        cmocka_unit_test(every_failed_allocation_of_a_new_ring_leaves_nothing),
        cmocka_unit_test(without_memory_to_grow_the_ring_is_as_large_as_it_is),
        cmocka_unit_test(a_push_allocates_nothing_once_the_storage_is_there),
        cmocka_unit_test(every_frame_is_let_go),
        cmocka_unit_test(random_traffic_does_what_the_model_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
