/* input.c - see input.h. */
#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/io/fs.h"

static enum mr_rc failed(const char *name, int why, struct err *err)
{
    err_set(err, "%s: %s", name, why == EISDIR ? "it is a folder" : strerror(why));
    return fs_rc(why);
}

static enum mr_rc read_all(int fd, const char *name, struct buf *ret, struct err *err)
{
    char chunk[16384];
    ssize_t n;
    enum mr_rc rc = MR_OK;
    while (!rc && (n = read(fd, chunk, sizeof chunk)) != 0) {
        if (n > 0) {
            rc = buf_append(ret, chunk, (size_t)n);
        } else if (errno != EINTR) {
            return failed(name, errno, err);
        }
    }
    if (rc == MR_TOO_BIG)
        err_set(err, "a value has at most %zu bytes", ret->max);
    return rc;
}

static enum mr_rc read_stdin(struct buf *ret, struct err *err)
{
    enum mr_rc rc = read_all(STDIN_FILENO, "standard input", ret, err);
    if (rc == MR_OK && ret->len && ret->data[ret->len - 1] == '\n')
        ret->len--;
    return rc;
}

enum mr_rc input_read_file(const char *path, struct buf *ret, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failed(path, errno, err);
    enum mr_rc rc = read_all(fd, path, ret, err);
    (void)close(fd);
    return rc;
}

enum mr_rc input_read(const char *argument, struct buf *ret, struct err *err)
{
    if (!argument)
        return MR_OK;
    bool is_stdin = strcmp(argument, "-") == 0;
    enum mr_rc rc = is_stdin ? read_stdin(ret, err) : buf_append(ret, argument, strlen(argument));
    if (rc == MR_TOO_BIG)
        err_set(err, "a value has at most %zu bytes", ret->max);
    return rc;
}
