/* keys.h - key pairs for CURVE: made, kept in files, named by fingerprints; random bytes. The only user of libsodium.
 *
 * A key file is text, one field a line in this order:
 *   millrace-key v1
 *   kind agent
 *   name press-07
 *   public Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID
 *   secret D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs        (absent in a public key file)
 *   created 2026-11-22T16:00:00Z
 *   check 6b1f0c2d4e5a7788                                  BLAKE2b-64 of everything above
 */
#ifndef BASE_IO_KEYS_H
#define BASE_IO_KEYS_H
#include "base/rc.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYS_BYTES 32U
#define KEYS_Z85_SIZE 41U         /* a key as Z85 text and its NUL */
#define KEYS_NAME_MAX 63U         /* bytes */
#define KEYS_FINGERPRINT_SIZE 17U /* 16 characters and NUL */
#define KEYS_FILE_MAX 1024U       /* bytes of a key file */

struct err;
struct key_pair;

enum key_kind { KEYS_AGENT = 1, KEYS_BROKER, KEYS_PERSON };

/* Prepares libsodium; once before everything else here and before zctx_new(). MR_UNKNOWN: no source of randomness. */
MUST enum mr_rc keys_init(void);

/* Makes a pair. name: 1 to KEYS_NAME_MAX of [a-z0-9._-], first a letter or digit (copied). created_us: µs UTC. The secret
 * lies in guarded memory that is wiped by keys_free(). MR_INVALID, MR_NO_MEMORY. */
MUST enum mr_rc keys_new(enum key_kind kind, const char *name, int64_t created_us, struct key_pair **ret,
                         struct err *err);

/* Wipes and frees; NULL is fine. */
void keys_free(struct key_pair *pair);

enum key_kind keys_kind(const struct key_pair *pair);
const char *keys_name(const struct key_pair *pair);
int64_t keys_created_us(const struct key_pair *pair);

/* KEYS_BYTES, borrowed until keys_free(). */
const uint8_t *keys_public(const struct key_pair *pair);

/* KEYS_BYTES, borrowed until keys_free(); NULL if the file held the public key only. */
const uint8_t *keys_secret(const struct key_pair *pair);

/* Writes the pair to a new file of mode 0600: temporary file, fsync, rename, fsync of the directory. An existing file is
 * never replaced: MR_INVALID. MR_MISUSE: the pair has no secret; MR_DENIED, MR_NOT_FOUND (no such directory), MR_WOULD_BLOCK
 * (disk full), MR_UNKNOWN (disk error). */
MUST enum mr_rc keys_save(const struct key_pair *pair, const char *path, struct err *err);

/* The same without the secret, mode 0644; replaces a file that is there. */
MUST enum mr_rc keys_save_public(const struct key_pair *pair, const char *path, struct err *err);

/* Reads a file with a secret. It must be a regular file, no symbolic link, owned by the effective user or root, with no
 * right for group or others: MR_DENIED with the command that mends it. MR_NOT_FOUND; MR_INVALID: not a key file, damaged, or
 * without a secret; MR_NO_MEMORY. */
MUST enum mr_rc keys_load(const char *path, struct key_pair **ret, struct err *err);

/* Reads a public key file, whoever may read it. A file with a secret is refused: MR_INVALID. */
MUST enum mr_rc keys_load_public(const char *path, struct key_pair **ret, struct err *err);

/* The parser alone: text of len bytes. source names it in *err. MR_INVALID, MR_NO_MEMORY. */
MUST enum mr_rc keys_parse(const char *text, size_t len, const char *source, struct key_pair **ret, struct err *err);

/* A short name of a public key for people: 16 characters of base32 (80 bits of its BLAKE2b). */
void keys_fingerprint(const uint8_t public_key[KEYS_BYTES], char ret_text[KEYS_FINGERPRINT_SIZE]);

/* Whether two keys are the same, in constant time. */
bool keys_equal(const uint8_t a[KEYS_BYTES], const uint8_t b[KEYS_BYTES]);

/* Z85 (ZeroMQ RFC 32). Decoding takes exactly 40 characters and a NUL: MR_INVALID otherwise. */
void keys_z85_encode(const uint8_t key[KEYS_BYTES], char ret_text[KEYS_Z85_SIZE]);
MUST enum mr_rc keys_z85_decode(const char *text, uint8_t ret_key[KEYS_BYTES]);

/* Fills with random bytes of the system. */
void keys_random(void *ret_bytes, size_t len);
#endif
