/* test_hash.c - SipHash-1-3 against values of another implementation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"

/* From CPython 3.11, whose hash(bytes) is SipHash-1-3 under a key of zeros when PYTHONHASHSEED=0. */
static void it_agrees_with_another_implementation(void **state)
{
    (void)state;
    const struct hash_key zero = {0, 0};
    assert_true(hash_bytes(&zero, "a", 1) == UINT64_C(0x407448d2b89b1813));
    assert_true(hash_bytes(&zero, "abcdefg", 7) == UINT64_C(0x6db12aae9070f506));
    assert_true(hash_bytes(&zero, "abcdefgh", 8) == UINT64_C(0x3f7b849c0b8e35ea));
    assert_true(hash_bytes(&zero, "demo/here/cpu/busy", 18) == UINT64_C(0x2d96d0a9ca5ab0e6));
}

/* Key 00 01 .. 0f and no bytes: the first vector of the Rust library's test. */
static void the_key_is_read_in_the_reference_order(void **state)
{
    (void)state;
    const struct hash_key key = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
    assert_true(hash_bytes(&key, NULL, 0) == UINT64_C(0xabac0158050fc4dc));
}

static void another_key_gives_another_hash(void **state)
{
    (void)state;
    assert_true(hash_bytes(&(struct hash_key){1, 0}, "x", 1) != hash_bytes(&(struct hash_key){0, 1}, "x", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_agrees_with_another_implementation),
        cmocka_unit_test(the_key_is_read_in_the_reference_order),
        cmocka_unit_test(another_key_gives_another_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
