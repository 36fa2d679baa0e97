/* replay_lines.c - see replay_lines.h. */
#include "cli/replay_lines.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

enum { CHUNK = 64 * 1024 };

struct lines {
    char *name;
    int fd;
    struct buf ahead; /* read and not yet given, but for the line given last, which is its first `given` bytes */
    size_t given;
    bool is_at_end;
    uint64_t number, bytes, all;
};

static enum mr_rc rc_of_errno(int code)
{
    return code == ENOENT ? MR_NOT_FOUND : code == EACCES ? MR_DENIED : MR_INVALID;
}

static enum mr_rc open_file(struct lines *l, const char *path, struct err *err)
{
    struct stat info = {.st_size = 0};
    l->fd = open(path, O_RDONLY | O_CLOEXEC);
    int code = l->fd < 0 || fstat(l->fd, &info) ? errno : S_ISDIR(info.st_mode) ? EISDIR : 0;
    if (code) {
        err_set(err, "%s: %s", path, strerror(code));
        return rc_of_errno(code);
    }
    l->all = S_ISREG(info.st_mode) ? (uint64_t)info.st_size : 0;
    return MR_OK;
}

enum mr_rc lines_open(const char *path, struct lines **ret, struct err *err)
{
    struct lines *l = mem_alloc(sizeof *l);
    if (!l)
        return MR_NO_MEMORY;
    *l = (struct lines){.name = mem_strndup(path, strlen(path)), .fd = -1};
    buf_init(&l->ahead, LINES_MAX_BYTES + CHUNK);
    enum mr_rc rc = l->name ? open_file(l, path, err) : MR_NO_MEMORY;
    if (rc)
        lines_free(l);
    else
        *ret = l;
    return rc;
}

void lines_free(struct lines *lines)
{
    if (!lines)
        return;
    if (lines->fd >= 0)
        close(lines->fd);
    buf_fini(&lines->ahead);
    mem_free(lines->name);
    mem_free(lines);
}

/* A last line without an end gets one, so that every line has room for its NUL. */
static enum mr_rc note_end(struct lines *l)
{
    l->is_at_end = true;
    return l->ahead.len && l->ahead.data[l->ahead.len - 1] != '\n' ? buf_append_u8(&l->ahead, '\n') : MR_OK;
}

static enum mr_rc read_more(struct lines *l, struct err *err)
{
    enum mr_rc rc = buf_reserve(&l->ahead, CHUNK);
    if (rc)
        return rc;
    ssize_t n;
    do {
        n = read(l->fd, l->ahead.data + l->ahead.len, CHUNK - 1); /* one byte stays for the end of the last line */
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        err_set(err, "%s: %s", l->name, strerror(errno));
        return MR_UNKNOWN;
    }
    buf_advance(&l->ahead, (size_t)n);
    return n ? MR_OK : note_end(l);
}

/* The length of the first line ahead with its end. MR_NOT_FOUND: nothing is left. */
static enum mr_rc find_end(struct lines *l, size_t *ret, struct err *err)
{
    size_t seen = 0;
    bool is_too_long = false;
    for (;;) {
        const uint8_t *end = l->ahead.len > seen ? memchr(l->ahead.data + seen, '\n', l->ahead.len - seen) : NULL;
        if (end) {
            *ret = (size_t)(end - l->ahead.data) + 1;
            return is_too_long || *ret > LINES_MAX_BYTES ? MR_TOO_BIG : MR_OK;
        }
        if (l->is_at_end)
            return is_too_long ? MR_TOO_BIG : MR_NOT_FOUND;
        if (l->ahead.len > LINES_MAX_BYTES) {
            is_too_long = true;
            l->bytes += l->ahead.len;
            buf_consume(&l->ahead, l->ahead.len);
        }
        seen = l->ahead.len;
        enum mr_rc rc = read_more(l, err);
        if (rc)
            return rc;
    }
}

static void cut_mark(char **line, size_t *len)
{
    static const char mark[] = "\xEF\xBB\xBF";
    if (*len >= sizeof mark - 1 && memcmp(*line, mark, sizeof mark - 1) == 0) {
        *line += sizeof mark - 1;
        *len -= sizeof mark - 1;
    }
}

enum mr_rc lines_next(struct lines *lines, char **ret, size_t *ret_len, struct err *err)
{
    struct lines *l = lines;
    size_t len = 0;
    buf_consume(&l->ahead, l->given);
    l->given = 0;
    enum mr_rc rc = find_end(l, &len, err);
    if (rc && rc != MR_TOO_BIG)
        return rc;
    l->number++;
    l->bytes += len;
    l->given = len;
    if (rc)
        return rc;
    char *line = (char *)l->ahead.data;
    len -= len >= 2 && line[len - 2] == '\r' ? 2 : 1;
    line[len] = '\0';
    if (l->number == 1)
        cut_mark(&line, &len);
    *ret = line;
    *ret_len = len;
    return MR_OK;
}

const char *lines_name(const struct lines *lines)
{
    return lines->name;
}

uint64_t lines_number(const struct lines *lines)
{
    return lines->number;
}

uint64_t lines_bytes(const struct lines *lines)
{
    return lines->bytes;
}

uint64_t lines_bytes_all(const struct lines *lines)
{
    return lines->all;
}
