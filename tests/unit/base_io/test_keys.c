/* test_keys.c - key pairs: made, saved, loaded only when nobody else can read them, named, encoded. */
#include "base/err.h"
#include "base/io/fs.h"
#include "base/io/keys.h"
#include "base/mem.h"
#include "tests/unit/base_io/support.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CREATED_US INT64_C(1795363200000000) /* 2026-11-22T16:00:00Z */

static int setup(void **state)
{
    *state = support_folder();
    return keys_init() == MR_OK ? 0 : -1;
}

static int teardown(void **state)
{
    support_remove(*state);
    assert_int_equal(mem_outstanding(), 0);
    return 0;
}

static struct key_pair *make_pair(void)
{
    struct key_pair *pair = NULL;
    assert_int_equal(keys_new(KEYS_AGENT, "press-07", CREATED_US, &pair, NULL), MR_OK);
    return pair;
}

static void expect_same(const struct key_pair *a, const struct key_pair *b)
{
    assert_int_equal(keys_kind(a), keys_kind(b));
    assert_string_equal(keys_name(a), keys_name(b));
    assert_int_equal(keys_created_us(a), keys_created_us(b));
    assert_true(keys_equal(keys_public(a), keys_public(b)));
}

/* -- files ----------------------------------------------------------------------------------------------------------- */
static void a_pair_survives_its_file(void **state)
{
    const char *path = support_path(*state, "agent.key");
    struct key_pair *pair = make_pair(), *loaded = NULL;
    struct stat status;
    assert_int_equal(keys_save(pair, path, NULL), MR_OK);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(keys_load(path, &loaded, NULL), MR_OK);
    expect_same(pair, loaded);
    assert_true(keys_equal(keys_secret(pair), keys_secret(loaded)));
    keys_free(loaded);
    keys_free(pair);
    keys_free(NULL);
}

static void a_saved_pair_is_never_replaced(void **state)
{
    const char *path = support_path(*state, "agent.key");
    struct key_pair *first = make_pair(), *second = make_pair(), *loaded = NULL;
    assert_false(keys_equal(keys_public(first), keys_public(second)));
    assert_int_equal(keys_save(first, path, NULL), MR_OK);
    assert_int_equal(keys_save(second, path, NULL), MR_INVALID);
    assert_int_equal(keys_load(path, &loaded, NULL), MR_OK);
    expect_same(first, loaded);
    keys_free(loaded);
    keys_free(first);
    keys_free(second);
}

static void a_public_file_has_no_secret_and_is_not_taken_for_one_that_has(void **state)
{
    const char *path = support_path(*state, "agent.pub");
    struct key_pair *pair = make_pair(), *loaded = NULL, *none = NULL;
    struct err err = {{0}};
    char *text = NULL;
    size_t len = 0;
    assert_int_equal(keys_save_public(pair, path, NULL), MR_OK);
    assert_int_equal(keys_save_public(pair, path, NULL), MR_OK);
    assert_int_equal(fs_read(path, KEYS_FILE_MAX, &text, &len, NULL), MR_OK);
    assert_null(strstr(text, "secret"));
    mem_free(text);
    assert_int_equal(keys_load_public(path, &loaded, NULL), MR_OK);
    expect_same(pair, loaded);
    assert_null(keys_secret(loaded));
    assert_int_equal(keys_save(loaded, support_path(*state, "copy"), NULL), MR_MISUSE);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(keys_load(path, &none, &err), MR_INVALID);
    assert_non_null(strstr(err.text, "holds only the public key"));
    assert_int_equal(keys_save(pair, support_path(*state, "agent.key"), NULL), MR_OK);
    assert_int_equal(keys_load_public(support_path(*state, "agent.key"), &none, &err), MR_INVALID);
    assert_non_null(strstr(err.text, "holds a secret key"));
    assert_null(none);
    keys_free(loaded);
    keys_free(pair);
}

/* promise: key-secrecy */
static void a_key_that_others_can_read_is_refused_with_the_remedy(void **state)
{
    static const mode_t modes[] = {0640, 0604, 0620, 0601, 0666};
    const char *path = support_path(*state, "agent.key");
    struct key_pair *pair = make_pair(), *loaded = NULL;
    char words[600];
    struct err err = {{0}};
    assert_int_equal(keys_save(pair, path, NULL), MR_OK);
    snprintf(words, sizeof words, "key %s is readable by others: chmod 600 %s", path, path);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_int_equal(keys_load(path, &loaded, &err), MR_DENIED);
        assert_string_equal(err.text, words);
    }
    assert_int_equal(chmod(path, 0400), 0);
    assert_int_equal(keys_load(path, &loaded, NULL), MR_OK);
    keys_free(loaded);
    keys_free(pair);
}

static void a_key_that_is_no_file_of_ours_is_refused(void **state)
{
    const char *path = support_path(*state, "agent.key"), *link = support_path(*state, "link");
    struct key_pair *pair = make_pair(), *loaded = NULL;
    struct err err = {{0}};
    assert_int_equal(keys_save(pair, path, NULL), MR_OK);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(keys_load(link, &loaded, &err), MR_DENIED);
    assert_non_null(strstr(err.text, "is a symbolic link"));
    if (geteuid() == 0) { /* only root can give a file away */
        assert_int_equal(chown(path, 12345, 0), 0);
        assert_int_equal(keys_load(path, &loaded, &err), MR_DENIED);
        assert_non_null(strstr(err.text, "belongs to another user"));
    }
    const char *fifo = support_path(*state, "fifo");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(keys_load(fifo, &loaded, &err), MR_DENIED);
    assert_non_null(strstr(err.text, "is not a regular file"));
    assert_int_equal(keys_load(*state, &loaded, NULL), MR_DENIED);
    assert_int_equal(keys_load(support_path(*state, "none"), &loaded, &err), MR_NOT_FOUND);
    assert_null(loaded);
    keys_free(pair);
}

static void a_file_of_the_limit_is_read_and_a_larger_one_is_not(void **state)
{
    const char *path = support_path(*state, "large");
    struct key_pair *loaded = NULL;
    struct err err = {{0}};
    char text[KEYS_FILE_MAX + 2];
    memset(text, 'a', sizeof text);
    text[KEYS_FILE_MAX + 1] = '\0';
    support_write(path, text);
    assert_int_equal(keys_load_public(path, &loaded, &err), MR_INVALID);
    assert_non_null(strstr(err.text, "too large"));
    text[KEYS_FILE_MAX] = '\0';
    support_write(path, text);
    assert_int_equal(keys_load_public(path, &loaded, &err), MR_INVALID);
    assert_non_null(strstr(err.text, "not a key file"));
}

/* -- text ------------------------------------------------------------------------------------------------------------ */
static char *text_of(const char *folder, size_t *ret_len)
{
    const char *path = support_path(folder, "text.key");
    struct key_pair *pair = make_pair();
    char *text = NULL;
    assert_int_equal(keys_save(pair, path, NULL), MR_OK);
    assert_int_equal(fs_read(path, KEYS_FILE_MAX, &text, ret_len, NULL), MR_OK);
    keys_free(pair);
    return text;
}

static void a_key_file_begins_as_its_header_says(void **state)
{
    size_t len = 0;
    char *text = text_of(*state, &len);
    assert_int_equal(strncmp(text, "millrace-key v1\nkind agent\nname press-07\npublic ", 48), 0);
    assert_non_null(strstr(text, "\ncreated 2026-11-22T16:00:00.000000Z\ncheck "));
    mem_free(text);
}

static void a_file_with_any_byte_changed_or_missing_is_refused(void **state)
{
    size_t len = 0;
    char *text = text_of(*state, &len);
    struct key_pair *pair = NULL;
    for (size_t i = 0; i < len; i++) {
        text[i] ^= 1;
        assert_int_equal(keys_parse(text, len, "x", &pair, NULL), MR_INVALID);
        text[i] ^= 1;
        assert_int_equal(keys_parse(text, i, "x", &pair, NULL), MR_INVALID);
    }
    assert_null(pair);
    assert_int_equal(keys_parse(text, len, "x", &pair, NULL), MR_OK);
    keys_free(pair);
    mem_free(text);
}

static void names_and_kinds_outside_the_grammar_are_refused(void **state)
{
    static const char *const names[] = {"", "Press", "press 07", "press/07", "-press", ".press", "pr\xc3\xa9ss", "a%b"};
    struct key_pair *pair = NULL;
    char longest[KEYS_NAME_MAX + 2];
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(keys_new(KEYS_AGENT, names[i], 0, &pair, NULL), MR_INVALID);
    assert_int_equal(keys_new((enum key_kind)0, "a", 0, &pair, NULL), MR_INVALID);
    assert_int_equal(keys_new((enum key_kind)4, "a", 0, &pair, NULL), MR_INVALID);
    memset(longest, 'a', sizeof longest);
    longest[KEYS_NAME_MAX + 1] = '\0';
    assert_int_equal(keys_new(KEYS_AGENT, longest, 0, &pair, NULL), MR_INVALID);
    assert_null(pair);
    longest[KEYS_NAME_MAX] = '\0';
    assert_int_equal(keys_new(KEYS_PERSON, longest, 0, &pair, NULL), MR_OK);
    const char *path = support_path(*state, "longest.key");
    assert_int_equal(keys_save(pair, path, NULL), MR_OK);
    keys_free(pair);
    assert_int_equal(keys_load(path, &pair, NULL), MR_OK);
    assert_int_equal(keys_kind(pair), KEYS_PERSON);
    assert_string_equal(keys_name(pair), longest);
    keys_free(pair);
}

/* -- encodings ------------------------------------------------------------------------------------------------------- */
static void z85_agrees_with_the_rfc(void **state)
{
    static const uint8_t rfc[KEYS_BYTES] = {/* RFC 32's test key, as zmq_curve(7) prints it */
                                            0xBB, 0x88, 0x47, 0x1D, 0x65, 0xE2, 0x65, 0x9B, 0x30, 0xC5, 0x5A,
                                            0x53, 0x21, 0xCE, 0xBB, 0x5A, 0xAB, 0x2B, 0x70, 0xA3, 0x98, 0x64,
                                            0x5C, 0x26, 0xDC, 0xA2, 0xB2, 0xFC, 0xB4, 0x3F, 0xC5, 0x18};
    char text[KEYS_Z85_SIZE];
    uint8_t back[KEYS_BYTES];
    (void)state;
    keys_z85_encode(rfc, text);
    assert_string_equal(text, "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID");
    assert_int_equal(keys_z85_decode(text, back), MR_OK);
    assert_memory_equal(back, rfc, KEYS_BYTES);
}

static void z85_of_random_keys_comes_back(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint8_t key[KEYS_BYTES], back[KEYS_BYTES];
        char text[KEYS_Z85_SIZE];
        keys_random(key, sizeof key);
        keys_z85_encode(key, text);
        assert_int_equal(strlen(text), KEYS_Z85_SIZE - 1);
        assert_int_equal(keys_z85_decode(text, back), MR_OK);
        assert_true(keys_equal(key, back));
    }
}

static void z85_of_wrong_length_characters_or_value_is_refused(void **state)
{
    char text[] = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID0";
    uint8_t key[KEYS_BYTES];
    (void)state;
    assert_int_equal(keys_z85_decode(text, key), MR_INVALID);
    text[39] = '\0';
    assert_int_equal(keys_z85_decode(text, key), MR_INVALID);
    assert_int_equal(keys_z85_decode("", key), MR_INVALID);
    text[39] = '"';
    text[40] = '\0';
    assert_int_equal(keys_z85_decode(text, key), MR_INVALID);
    memset(text, '#', 40); /* 85^5 - 1 does not fit 32 bits */
    assert_int_equal(keys_z85_decode(text, key), MR_INVALID);
}

static void fingerprints_are_short_stable_and_different(void **state)
{
    uint8_t key[KEYS_BYTES] = {0};
    char first[KEYS_FINGERPRINT_SIZE], again[KEYS_FINGERPRINT_SIZE], other[KEYS_FINGERPRINT_SIZE];
    (void)state;
    keys_fingerprint(key, first);
    keys_fingerprint(key, again);
    key[31] = 1;
    keys_fingerprint(key, other);
    assert_int_equal(strlen(first), KEYS_FINGERPRINT_SIZE - 1);
    assert_int_equal(strspn(first, "abcdefghijklmnopqrstuvwxyz234567"), KEYS_FINGERPRINT_SIZE - 1);
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
}

static void every_failed_allocation_is_a_result(void **state)
{
    size_t len = 0;
    char *text = text_of(*state, &len);
    struct key_pair *pair = NULL;
    struct err err = {{0}};
    mem_fail_at(1);
    assert_int_equal(keys_new(KEYS_AGENT, "a", 0, &pair, &err), MR_NO_MEMORY);
    mem_fail_at(1);
    assert_int_equal(keys_parse(text, len, "x", &pair, &err), MR_NO_MEMORY);
    mem_fail_at(1);
    assert_int_equal(keys_load(support_path(*state, "text.key"), &pair, &err), MR_NO_MEMORY);
    mem_fail_at(2);
    assert_int_equal(keys_load(support_path(*state, "text.key"), &pair, &err), MR_NO_MEMORY);
    assert_true(mem_fail_off());
    assert_null(pair);
    mem_free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_pair_survives_its_file),
        TEST(a_saved_pair_is_never_replaced),
        TEST(a_public_file_has_no_secret_and_is_not_taken_for_one_that_has),
        TEST(a_key_that_others_can_read_is_refused_with_the_remedy),
        TEST(a_key_that_is_no_file_of_ours_is_refused),
        TEST(a_file_of_the_limit_is_read_and_a_larger_one_is_not),
        TEST(a_key_file_begins_as_its_header_says),
        TEST(a_file_with_any_byte_changed_or_missing_is_refused),
        TEST(names_and_kinds_outside_the_grammar_are_refused),
        TEST(z85_agrees_with_the_rfc),
        TEST(z85_of_random_keys_comes_back),
        TEST(z85_of_wrong_length_characters_or_value_is_refused),
        TEST(fingerprints_are_short_stable_and_different),
        TEST(every_failed_allocation_is_a_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
