/* savefile.c - see savefile.h. The folder's descriptor is held and locked: names are looked up in it, whatever is mounted or
 * renamed above it later. */
#include "base/io/savefile.h"
#include "base/io/fs.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { MAGIC_BYTES = 8, LENGTH_BYTES = 4, SUM_BYTES = 8, PIECE_BYTES = LENGTH_BYTES + SUM_BYTES, NAME_SIZE = 128 };

static const char magic[] = "MRSAVED1"; /* its NUL is not written */

struct savefile {
    int folder, fd; /* fd: what is being written, -1 = nothing */
    uint64_t sum, size;
    char name[NAME_SIZE], temporary[NAME_SIZE + 8], bad[NAME_SIZE + 8];
    char path[PATH_MAX]; /* for messages */
};

/* For the system call that just failed. */
static enum mr_rc failed(const struct savefile *f, const char *what, struct err *err)
{
    int error_number = errno;
    err_set(err, "cannot %s %s: %s", what, f->path, strerror(error_number));
    return fs_rc(error_number);
}

/* -- open and gone --------------------------------------------------------------------------------------------------- */
static enum mr_rc name_it(struct savefile *f, const char *folder, const char *name, struct err *err)
{
    if (strlen(name) >= NAME_SIZE || snprintf(f->path, sizeof f->path, "%s/%s", folder, name) >= (int)sizeof f->path) {
        err_set(err, "the path %s/%s is too long", folder, name);
        return MR_INVALID;
    }
    snprintf(f->name, sizeof f->name, "%s", name);
    snprintf(f->temporary, sizeof f->temporary, "%s.tmp", name);
    snprintf(f->bad, sizeof f->bad, "%s.bad", name);
    return MR_OK;
}

static enum mr_rc open_folder(struct savefile *f, const char *folder, struct err *err)
{
    enum mr_rc rc = fs_mkdirs(folder, 0700, err);
    if (rc)
        return rc;
    f->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->folder < 0)
        return failed(f, "open the folder of", err);
    if (flock(f->folder, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return failed(f, "lock the folder of", err);
        err_set(err, "%s is in use by another process: each needs a data folder of its own", folder);
        return MR_WOULD_BLOCK;
    }
    if (unlinkat(f->folder, f->temporary, 0) != 0 && errno != ENOENT && errno != EROFS)
        return failed(f, "remove what a crash left of", err);
    return MR_OK;
}

enum mr_rc savefile_open(struct savefile **ret, const char *folder, const char *name, struct err *err)
{
    struct savefile *f = mem_calloc(1, sizeof *f);
    if (!f) {
        err_set(err, "%s/%s: out of memory", folder, name);
        return MR_NO_MEMORY;
    }
    f->folder = -1;
    f->fd = -1;
    enum mr_rc rc = name_it(f, folder, name, err);
    if (!rc)
        rc = open_folder(f, folder, err);
    if (rc) {
        savefile_free(f);
        return rc;
    }
    *ret = f;
    return MR_OK;
}

void savefile_free(struct savefile *f)
{
    if (!f)
        return;
    savefile_abort(f);
    if (f->folder >= 0)
        close(f->folder);
    mem_free(f);
}

/* -- reading --------------------------------------------------------------------------------------------------------- */
static uint64_t sum_of(uint64_t before, const uint8_t length[LENGTH_BYTES], const void *data, size_t len)
{
    return XXH3_64bits_withSeed(data, len, XXH3_64bits_withSeed(length, LENGTH_BYTES, before));
}

static uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void put_u64(uint8_t *at, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

/* Checks the pieces and moves their content together, to the front of data. False: damaged. */
static bool join_pieces(uint8_t *data, size_t size, size_t *ret_len)
{
    uint8_t expected[SUM_BYTES];
    uint64_t sum = 0;
    size_t at = MAGIC_BYTES, len = 0;
    if (size < MAGIC_BYTES || memcmp(data, magic, MAGIC_BYTES) != 0)
        return false;
    while (size - at >= PIECE_BYTES) {
        uint32_t piece = get_u32(data + at);
        if (piece > size - at - PIECE_BYTES)
            return false;
        const uint8_t *content = data + at + LENGTH_BYTES;
        sum = sum_of(sum, data + at, content, piece);
        put_u64(expected, sum);
        if (memcmp(expected, content + piece, SUM_BYTES) != 0)
            return false;
        memmove(data + len, content, piece);
        len += piece;
        at += PIECE_BYTES + piece;
        if (piece == 0) {
            *ret_len = len;
            return at == size;
        }
    }
    return false;
}

enum mr_rc savefile_read(struct savefile *f, size_t max_bytes, uint8_t **ret, size_t *ret_len, struct err *err)
{
    char *data;
    size_t size;
    int fd = openat(f->folder, f->name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failed(f, "open", err);
    enum mr_rc rc = fs_read_fd(fd, f->path, max_bytes, &data, &size, err);
    close(fd);
    if (rc)
        return rc;
    if (!join_pieces((uint8_t *)data, size, ret_len)) {
        mem_free(data);
        err_set(err, "%s is damaged, or no saved table: its sums do not agree", f->path);
        return MR_INVALID;
    }
    *ret = (uint8_t *)data;
    return MR_OK;
}

enum mr_rc savefile_set_aside(struct savefile *f, struct err *err)
{
    if (renameat(f->folder, f->name, f->folder, f->bad) != 0)
        return failed(f, "set aside", err);
    return MR_OK;
}

/* -- writing --------------------------------------------------------------------------------------------------------- */
void savefile_abort(struct savefile *f)
{
    if (f->fd < 0)
        return;
    close(f->fd);
    f->fd = -1;
    unlinkat(f->folder, f->temporary, 0);
}

/* Says why, then forgets what was begun. */
static enum mr_rc give_up(struct savefile *f, struct err *err)
{
    enum mr_rc rc = failed(f, "write", err);
    savefile_abort(f);
    return rc;
}

static bool write_all(struct savefile *f, const void *data, size_t len)
{
    const char *at = data;
    for (size_t left = len; left > 0;) {
        ssize_t n = write(f->fd, at, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        at += n;
        left -= (size_t)n;
    }
    f->size += len;
    return true;
}

static bool write_piece(struct savefile *f, const void *data, size_t len)
{
    uint8_t length[LENGTH_BYTES], sum[SUM_BYTES];
    for (unsigned i = 0; i < LENGTH_BYTES; i++)
        length[i] = (uint8_t)(len >> 8 * i);
    f->sum = sum_of(f->sum, length, data, len);
    put_u64(sum, f->sum);
    return write_all(f, length, sizeof length) && write_all(f, data, len) && write_all(f, sum, sizeof sum);
}

enum mr_rc savefile_begin(struct savefile *f, struct err *err)
{
    savefile_abort(f);
    f->sum = 0;
    f->size = 0;
    f->fd = openat(f->folder, f->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (f->fd < 0)
        return failed(f, "write", err);
    return write_all(f, magic, MAGIC_BYTES) ? MR_OK : give_up(f, err);
}

enum mr_rc savefile_put(struct savefile *f, const void *data, size_t len, struct err *err)
{
    if (f->fd < 0 || len < 1 || len > SAVEFILE_PIECE_MAX) {
        err_set(err, "%s: a piece of %zu bytes cannot be written", f->path, len);
        return MR_MISUSE;
    }
    return write_piece(f, data, len) ? MR_OK : give_up(f, err);
}

enum mr_rc savefile_commit(struct savefile *f, struct err *err)
{
    if (f->fd < 0) {
        err_set(err, "%s: nothing was begun", f->path);
        return MR_MISUSE;
    }
    if (!write_piece(f, "", 0) || fsync(f->fd) != 0 || renameat(f->folder, f->temporary, f->folder, f->name) != 0)
        return give_up(f, err);
    close(f->fd);
    f->fd = -1;
    return fsync(f->folder) == 0 ? MR_OK : failed(f, "sync the folder of", err);
}

uint64_t savefile_size(const struct savefile *f)
{
    return f->size;
}
