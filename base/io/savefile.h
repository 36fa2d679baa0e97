/* savefile.h - a file that is replaced as a whole, written in pieces: after a crash at any moment the old or the new content is
 * there, and a damaged byte is never taken for content.
 *
 *   "MRSAVED1", then pieces: length (4 bytes, little-endian), content, sum (8 bytes); a piece of length 0 ends the file.
 *   A sum is XXH3-64 over length and content, seeded with the sum before it, the first with 0.
 *
 * All calls block but those that only read fields: they belong to a worker thread, or to a program's start. One thread at a
 * time. */
#ifndef BASE_IO_SAVEFILE_H
#define BASE_IO_SAVEFILE_H
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

enum { SAVEFILE_PIECE_MAX = 16 * 1024 * 1024 };

struct savefile;

/* Makes the folder when it is missing (mode 0700), keeps others from opening the same file, and removes what a crash left
 * half written. The file's mode will be 0600. The caller owns *ret.
 * MR_WOULD_BLOCK: another process has it, or no room or descriptors; else as fs_rc() (base/io/fs.h), MR_NO_MEMORY. */
MUST enum mr_rc savefile_open(struct savefile **ret, const char *folder, const char *name, struct err *err);

/* Gives up what is half written. NULL is fine. */
void savefile_free(struct savefile *f);

/* The whole content; the caller frees it with mem_free(). MR_NOT_FOUND: there is none. MR_INVALID: damaged, cut short, or no
 * such file at all; MR_TOO_BIG: more than max_bytes; else as fs_rc(). */
MUST enum mr_rc savefile_read(struct savefile *f, size_t max_bytes, uint8_t **ret, size_t *ret_len, struct err *err);

/* Moves the file aside, to NAME.bad in the same folder, in the place of an earlier one. As fs_rc(). */
MUST enum mr_rc savefile_set_aside(struct savefile *f, struct err *err);

/* Begins anew; pieces; then all of them are the file, durably. A failure of one gives up what was begun and leaves the old file
 * untouched; but for the last sync, of the folder: then either may be found after a power cut. len 1 to SAVEFILE_PIECE_MAX. As fs_rc(): MR_WOULD_BLOCK is a full disk. */
MUST enum mr_rc savefile_begin(struct savefile *f, struct err *err);
MUST enum mr_rc savefile_put(struct savefile *f, const void *data, size_t len, struct err *err);
MUST enum mr_rc savefile_commit(struct savefile *f, struct err *err);
void savefile_abort(struct savefile *f);

/* Bytes written since savefile_begin(); kept until the next. */
uint64_t savefile_size(const struct savefile *f);

#endif
