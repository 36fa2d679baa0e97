/* procfile.c - see procfile.h. */
#include "agent/telemetry/procfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum mr_rc procfile_init(struct procfile *file, struct err *err, const char *format, ...)
{
    va_list args;
    *file = (struct procfile){.retry_ns = INT64_MIN};
    va_start(args, format);
    int len = vsnprintf(file->path, sizeof file->path, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof file->path) {
        err_set(err, "%s…: the path is too long", file->path);
        return MR_TOO_BIG;
    }
    return MR_OK;
}

void procfile_fini(struct procfile *file)
{
    if (file->is_open)
        close(file->fd);
    file->is_open = false;
}

/* Everything up to the end of the file or of the scratch; -1 with errno set. A short read is no end: the kernel hands
 * out what fits its own page. */
static ssize_t read_whole(int fd, const struct procfile_scratch *scratch)
{
    size_t len = 0;
    while (len < scratch->size) {
        ssize_t n = pread(fd, scratch->bytes + len, scratch->size - len, (off_t)len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

/* MR_NOT_FOUND: it cannot be opened, or was tried too short a time ago. */
static enum mr_rc open_now(struct procfile *file, int64_t now_ns)
{
    if (file->is_open)
        return MR_OK;
    if (now_ns < file->retry_ns)
        return MR_NOT_FOUND;
    file->retry_ns = now_ns + PROCFILE_RETRY_SECONDS * INT64_C(1000000000);
    /* O_NONBLOCK: should a FIFO be there, opening it does not wait for its writer. */
    file->fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    file->is_open = file->fd >= 0;
    return file->is_open ? MR_OK : MR_NOT_FOUND;
}

enum mr_rc procfile_read(struct procfile *file, int64_t now_ns, const struct procfile_scratch *scratch,
                         struct words *ret)
{
    enum mr_rc rc = open_now(file, now_ns);
    if (rc != MR_OK)
        return rc;
    ssize_t len = read_whole(file->fd, scratch);
    if (len < 0 && errno == EINVAL)
        return MR_INVALID;
    if (len <= 0) {
        procfile_fini(file);
        return MR_NOT_FOUND;
    }
    *ret = words_of(scratch->bytes, (size_t)len);
    return MR_OK;
}

/* The entries with a number for a name in what getdents64() gave. */
static size_t count_numbers(const char *entries, size_t len)
{
    size_t n = 0;
    uint64_t ignored;
    for (size_t at = 0; at < len;) {
        const struct dirent64 *entry = (const void *)(entries + at);
        n += words_number(words_of(entry->d_name, strlen(entry->d_name)), &ignored) ? 1 : 0;
        at += entry->d_reclen;
    }
    return n;
}

enum mr_rc procfile_count(struct procfile *dir, int64_t now_ns, const struct procfile_scratch *scratch, size_t *ret)
{
    size_t n = 0;
    ssize_t len = -1;
    enum mr_rc rc = open_now(dir, now_ns);
    if (rc != MR_OK)
        return rc;
    if (lseek(dir->fd, 0, SEEK_SET) == 0)
        while ((len = getdents64(dir->fd, scratch->bytes, scratch->size)) > 0)
            n += count_numbers(scratch->bytes, (size_t)len);
    if (len < 0) {
        procfile_fini(dir);
        return MR_NOT_FOUND;
    }
    *ret = n;
    return MR_OK;
}

enum mr_rc procfile_read_once(struct procfile *file, const struct procfile_scratch *scratch, struct words *ret)
{
    struct words text;
    enum mr_rc rc = procfile_read(file, 0, scratch, &text);
    procfile_fini(file);
    if (rc != MR_OK)
        return rc;
    return words_line(&text, ret) ? MR_OK : MR_NOT_FOUND;
}
