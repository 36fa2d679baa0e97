/* keys.c - key pairs, their files, fingerprints and Z85. */
#include "base/io/keys.h"
#include "base/err.h"
#include "base/io/fs.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/text_time.h"
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADING "millrace-key v1"
#define Z85_CHARS (KEYS_Z85_SIZE - 1)
#define CHECK_BYTES 8U
#define CHECK_LINE_CHARS (sizeof "check " - 1 + 2 * CHECK_BYTES)
#define LINE_MAX_CHARS 127U

struct key_pair {
    enum key_kind kind;
    char name[KEYS_NAME_MAX + 1];
    int64_t created_us;
    uint8_t public_key[KEYS_BYTES];
    uint8_t *secret_key; /* guarded memory, read only; NULL: only the public half is known */
};

static const char *const kind_names[] = {[KEYS_AGENT] = "agent", [KEYS_BROKER] = "broker", [KEYS_PERSON] = "person"};
#define KIND_COUNT (sizeof kind_names / sizeof kind_names[0])

enum mr_rc keys_init(void)
{
    return sodium_init() < 0 ? MR_UNKNOWN : MR_OK;
}

void keys_random(void *ret_bytes, size_t len)
{
    randombytes_buf(ret_bytes, len);
}

bool keys_equal(const uint8_t a[KEYS_BYTES], const uint8_t b[KEYS_BYTES])
{
    return sodium_memcmp(a, b, KEYS_BYTES) == 0;
}

/* -- Z85 ------------------------------------------------------------------------------------------------------------- */
static const char z85_digits[] =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

void keys_z85_encode(const uint8_t key[KEYS_BYTES], char ret_text[KEYS_Z85_SIZE])
{
    char *out = ret_text;
    for (unsigned i = 0; i < KEYS_BYTES; i += 4) {
        uint32_t word = (uint32_t)key[i] << 24 | (uint32_t)key[i + 1] << 16 | (uint32_t)key[i + 2] << 8 | key[i + 3];
        for (uint32_t place = 85U * 85U * 85U * 85U; place > 0; place /= 85)
            *out++ = z85_digits[word / place % 85];
    }
    *out = '\0';
}

/* The value of a Z85 digit; 85 for any other character. Looks at every digit, so that time tells nothing of a secret. */
static unsigned z85_value(char digit)
{
    unsigned value = 85;
    for (unsigned i = 0; i < 85; i++)
        value = z85_digits[i] == digit ? i : value;
    return value;
}

enum mr_rc keys_z85_decode(const char *text, uint8_t ret_key[KEYS_BYTES])
{
    uint8_t key[KEYS_BYTES];
    if (strnlen(text, KEYS_Z85_SIZE) != Z85_CHARS)
        return MR_INVALID;
    for (unsigned i = 0; i < Z85_CHARS; i += 5) {
        uint64_t word = 0;
        for (unsigned j = 0; j < 5; j++) {
            unsigned value = z85_value(text[i + j]);
            if (value == 85)
                return MR_INVALID;
            word = word * 85 + value;
        }
        if (word > UINT32_MAX)
            return MR_INVALID;
        for (unsigned j = 0; j < 4; j++)
            key[i / 5 * 4 + j] = (uint8_t)(word >> (24 - 8 * j));
    }
    memcpy(ret_key, key, sizeof key);
    sodium_memzero(key, sizeof key);
    return MR_OK;
}

void keys_fingerprint(const uint8_t public_key[KEYS_BYTES], char ret_text[KEYS_FINGERPRINT_SIZE])
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint8_t hash[crypto_generichash_BYTES_MIN];
    crypto_generichash(hash, sizeof hash, public_key, KEYS_BYTES, NULL, 0);
    for (unsigned i = 0; i < KEYS_FINGERPRINT_SIZE - 1; i++) {
        unsigned bit = i * 5;
        unsigned window = (unsigned)hash[bit / 8] << 8 | hash[bit / 8 + 1];
        ret_text[i] = digits[window >> (11 - bit % 8) & 31];
    }
    ret_text[KEYS_FINGERPRINT_SIZE - 1] = '\0';
}

/* -- the pair -------------------------------------------------------------------------------------------------------- */
static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_name(const char *name)
{
    size_t len = strnlen(name, KEYS_NAME_MAX + 1);
    if (len == 0 || len > KEYS_NAME_MAX || !is_lower_or_digit(name[0]))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_lower_or_digit(name[i]) && !strchr("._-", name[i]))
            return false;
    return true;
}

static enum mr_rc no_memory(struct err *err)
{
    err_set(err, "out of memory for a key");
    return MR_NO_MEMORY;
}

/* Guarded memory for the secret, writable until seal(). */
static enum mr_rc make_room_for_secret(struct key_pair *pair, struct err *err)
{
    pair->secret_key = sodium_malloc(KEYS_BYTES);
    return pair->secret_key ? MR_OK : no_memory(err);
}

static void seal(struct key_pair *pair)
{
    if (pair->secret_key)
        sodium_mprotect_readonly(pair->secret_key);
}

enum mr_rc keys_new(enum key_kind kind, const char *name, int64_t created_us, struct key_pair **ret, struct err *err)
{
    if (kind < KEYS_AGENT || kind > KEYS_PERSON || !is_name(name)) {
        err_set(err, "'%s' cannot name a key: use a-z, 0-9, '.', '_' and '-', at most %u", name, KEYS_NAME_MAX);
        return MR_INVALID;
    }
    struct key_pair *pair = mem_calloc(1, sizeof *pair);
    if (!pair)
        return no_memory(err);
    pair->kind = kind;
    pair->created_us = created_us;
    memcpy(pair->name, name, strlen(name) + 1);
    enum mr_rc rc = make_room_for_secret(pair, err);
    if (rc != MR_OK) {
        keys_free(pair);
        return rc;
    }
    crypto_box_keypair(pair->public_key, pair->secret_key);
    seal(pair);
    *ret = pair;
    return MR_OK;
}

void keys_free(struct key_pair *pair)
{
    if (!pair)
        return;
    sodium_free(pair->secret_key); /* wipes */
    mem_free(pair);
}

enum key_kind keys_kind(const struct key_pair *pair)
{
    return pair->kind;
}

const char *keys_name(const struct key_pair *pair)
{
    return pair->name;
}

int64_t keys_created_us(const struct key_pair *pair)
{
    return pair->created_us;
}

const uint8_t *keys_public(const struct key_pair *pair)
{
    return pair->public_key;
}

const uint8_t *keys_secret(const struct key_pair *pair)
{
    return pair->secret_key;
}

/* -- writing --------------------------------------------------------------------------------------------------------- */
static void check_of(const char *text, size_t len, char ret_check[2 * CHECK_BYTES + 1])
{
    uint8_t hash[crypto_generichash_BYTES_MIN]; /* the shortest libsodium gives; its first 64 bits are the check */
    crypto_generichash(hash, sizeof hash, (const unsigned char *)text, len, NULL, 0);
    text_hex(ret_check, hash, CHECK_BYTES);
}

/* The file's text; the caller wipes it. Returns its length. */
static size_t write_text(const struct key_pair *pair, bool with_secret, char ret_text[KEYS_FILE_MAX])
{
    char public_text[KEYS_Z85_SIZE], secret_text[KEYS_Z85_SIZE] = "", created[TEXT_TIME_SIZE];
    char check[2 * CHECK_BYTES + 1];
    keys_z85_encode(pair->public_key, public_text);
    if (with_secret)
        keys_z85_encode(pair->secret_key, secret_text);
    text_format_time(created, pair->created_us);
    int len = snprintf(ret_text, KEYS_FILE_MAX, HEADING "\nkind %s\nname %s\npublic %s\n%s%s%screated %s\n",
                       kind_names[pair->kind], pair->name, public_text, with_secret ? "secret " : "", secret_text,
                       with_secret ? "\n" : "", created);
    check_of(ret_text, (size_t)len, check);
    len += snprintf(ret_text + len, KEYS_FILE_MAX - (size_t)len, "check %s\n", check);
    sodium_memzero(secret_text, sizeof secret_text);
    return (size_t)len;
}

enum mr_rc keys_save(const struct key_pair *pair, const char *path, struct err *err)
{
    char text[KEYS_FILE_MAX];
    if (!pair->secret_key) {
        err_set(err, "%s: this key has no secret half to save", path);
        return MR_MISUSE;
    }
    size_t len = write_text(pair, true, text);
    enum mr_rc rc = fs_write(path, text, len, 0600, FS_NEW, err);
    sodium_memzero(text, sizeof text);
    return rc;
}

enum mr_rc keys_save_public(const struct key_pair *pair, const char *path, struct err *err)
{
    char text[KEYS_FILE_MAX];
    size_t len = write_text(pair, false, text);
    return fs_write(path, text, len, 0644, FS_REPLACE, err);
}

/* -- reading --------------------------------------------------------------------------------------------------------- */
struct reader {
    const char *at, *end;
    char line[LINE_MAX_CHARS + 1]; /* the value behind the field's name */
};

/* The next line if it begins with the field's name and a space; its value goes to reader->line. */
static bool take_field(struct reader *reader, const char *field)
{
    size_t field_len = strlen(field);
    const char *newline = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
    if (!newline)
        return false;
    size_t len = (size_t)(newline - reader->at);
    if (len <= field_len || len - field_len > LINE_MAX_CHARS || memcmp(reader->at, field, field_len) != 0)
        return false;
    memcpy(reader->line, reader->at + field_len, len - field_len);
    reader->line[len - field_len] = '\0';
    if (strlen(reader->line) != len - field_len)
        return false;
    reader->at = newline + 1;
    return true;
}

static enum key_kind kind_of(const char *word)
{
    for (unsigned i = 1; i < KIND_COUNT; i++)
        if (strcmp(word, kind_names[i]) == 0)
            return (enum key_kind)i;
    return 0;
}

static enum mr_rc bad(struct err *err, const char *source, const char *what)
{
    err_set(err, "%s: %s", source, what);
    return MR_INVALID;
}

/* Whether the last line is the check of everything above it. */
static bool is_intact(const char *text, size_t len)
{
    char check[2 * CHECK_BYTES + 1];
    if (len <= CHECK_LINE_CHARS + 1 || text[len - 1] != '\n')
        return false;
    const char *line = text + len - 1 - CHECK_LINE_CHARS;
    check_of(text, (size_t)(line - text), check);
    return line[-1] == '\n' && memcmp(line, "check ", 6) == 0 && memcmp(line + 6, check, 2 * CHECK_BYTES) == 0;
}

static enum mr_rc read_secret(struct reader *reader, const char *source, struct key_pair *pair, struct err *err)
{
    uint8_t derived[KEYS_BYTES];
    enum mr_rc rc = make_room_for_secret(pair, err);
    if (rc != MR_OK)
        return rc;
    if (keys_z85_decode(reader->line, pair->secret_key) != MR_OK)
        return bad(err, source, "the secret key is not 40 characters of Z85");
    if (crypto_scalarmult_base(derived, pair->secret_key) != 0 || !keys_equal(derived, pair->public_key))
        return bad(err, source, "the public and the secret key are not a pair");
    return MR_OK;
}

static enum mr_rc read_fields(struct reader *reader, const char *source, struct key_pair *pair, struct err *err)
{
    if (!take_field(reader, "kind ") || !(pair->kind = kind_of(reader->line)))
        return bad(err, source, "line 2 must be 'kind agent', 'kind broker' or 'kind person'");
    if (!take_field(reader, "name ") || !is_name(reader->line))
        return bad(err, source, "line 3 must be 'name' and a name of a-z, 0-9, '.', '_' and '-'");
    memcpy(pair->name, reader->line, strlen(reader->line) + 1);
    if (!take_field(reader, "public ") || keys_z85_decode(reader->line, pair->public_key) != MR_OK)
        return bad(err, source, "line 4 must be 'public' and 40 characters of Z85");
    if (take_field(reader, "secret ")) {
        enum mr_rc rc = read_secret(reader, source, pair, err);
        if (rc != MR_OK)
            return rc;
    }
    if (!take_field(reader, "created ") || text_parse_time(reader->line, &pair->created_us) != MR_OK)
        return bad(err, source, "the line 'created' and a time as 2026-01-31T12:00:00Z is missing");
    if (!take_field(reader, "check ") || reader->at != reader->end)
        return bad(err, source, "there is more in the file than a key");
    return MR_OK;
}

enum mr_rc keys_parse(const char *text, size_t len, const char *source, struct key_pair **ret, struct err *err)
{
    size_t heading_len = sizeof HEADING "\n" - 1;
    if (len > KEYS_FILE_MAX || len < heading_len || memcmp(text, HEADING "\n", heading_len) != 0)
        return bad(err, source, "not a key file: its first line must be '" HEADING "'; 'millrace init' makes one");
    if (!is_intact(text, len))
        return bad(err, source, "damaged: its check does not fit; take it from the backup or make a new key");
    struct key_pair *pair = mem_calloc(1, sizeof *pair);
    if (!pair)
        return no_memory(err);
    struct reader reader = {.at = text + heading_len, .end = text + len};
    enum mr_rc rc = read_fields(&reader, source, pair, err);
    sodium_memzero(&reader, sizeof reader);
    if (rc != MR_OK) {
        keys_free(pair);
        return rc;
    }
    seal(pair);
    *ret = pair;
    return MR_OK;
}

/* -- files ----------------------------------------------------------------------------------------------------------- */
static enum mr_rc open_key(const char *path, int *ret_fd, struct err *err)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK); /* O_NONBLOCK: a FIFO must not hold us */
    if (fd < 0) {
        int error_number = errno;
        if (error_number == ELOOP)
            err_set(err, "key %s is a symbolic link: name the file itself", path);
        else if (error_number == ENOENT)
            err_set(err, "there is no key %s: 'millrace init' makes one", path);
        else if (error_number == EACCES)
            err_set(err, "cannot open key %s: run as the user it belongs to, or chown %u %s", path, (unsigned)geteuid(),
                    path);
        else
            err_set(err, "cannot open key %s: %s", path, strerror(error_number));
        return fs_rc(error_number);
    }
    *ret_fd = fd;
    return MR_OK;
}

/* Nobody but the owner may read or replace a secret. */
static enum mr_rc check_rights(int fd, const char *path, struct err *err)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        err_set(err, "key %s is not a regular file: name the file that 'millrace init' made", path);
    else if (status.st_uid != geteuid() && status.st_uid != 0)
        err_set(err, "key %s belongs to another user: chown %u %s", path, (unsigned)geteuid(), path);
    else if (status.st_mode & (S_IRWXG | S_IRWXO))
        err_set(err, "key %s is readable by others: chmod 600 %s", path, path);
    else
        return MR_OK;
    return MR_DENIED;
}

/* Reads and parses what fd is open on; closes it. */
static enum mr_rc load_from(int fd, const char *path, struct key_pair **ret, struct err *err)
{
    char *text = NULL;
    size_t len = 0;
    enum mr_rc rc = fs_read_fd(fd, path, KEYS_FILE_MAX, &text, &len, err);
    close(fd);
    if (rc == MR_TOO_BIG)
        return bad(err, path, "not a key file: too large");
    if (rc != MR_OK)
        return rc;
    rc = keys_parse(text, len, path, ret, err);
    sodium_memzero(text, len);
    mem_free(text);
    return rc;
}

enum mr_rc keys_load(const char *path, struct key_pair **ret, struct err *err)
{
    struct key_pair *pair = NULL;
    int fd = -1;
    enum mr_rc rc = open_key(path, &fd, err);
    if (rc != MR_OK)
        return rc;
    rc = check_rights(fd, path, err);
    if (rc != MR_OK) {
        close(fd);
        return rc;
    }
    rc = load_from(fd, path, &pair, err);
    if (rc != MR_OK)
        return rc;
    if (!pair->secret_key) {
        keys_free(pair);
        return bad(err, path, "holds only the public key; the file with the secret is needed here");
    }
    *ret = pair;
    return MR_OK;
}

enum mr_rc keys_load_public(const char *path, struct key_pair **ret, struct err *err)
{
    struct key_pair *pair = NULL;
    int fd = -1;
    enum mr_rc rc = open_key(path, &fd, err);
    if (rc != MR_OK)
        return rc;
    rc = load_from(fd, path, &pair, err);
    if (rc != MR_OK)
        return rc;
    if (pair->secret_key) {
        keys_free(pair);
        return bad(err, path, "holds a secret key; give its public file instead and keep this one to yourself");
    }
    *ret = pair;
    return MR_OK;
}
