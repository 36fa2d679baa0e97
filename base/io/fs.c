/* fs.c - small files read whole and replaced atomically. */
#include "base/io/fs.h"
#include "base/err.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum mr_rc fs_rc(int error_number)
{
    switch (error_number) {
    case ENOENT:
    case ENOTDIR:
        return MR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP:
        return MR_DENIED;
    case ENOMEM:
        return MR_NO_MEMORY;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
        return MR_WOULD_BLOCK;
    case EFBIG:
        return MR_TOO_BIG;
    case EEXIST:
    case EINVAL:
    case EISDIR:
    case ENAMETOOLONG:
        return MR_INVALID;
    default:
        return MR_UNKNOWN;
    }
}

/* For the system call that just failed: what was tried on which path, and why not. */
static enum mr_rc failed(struct err *err, const char *what, const char *path)
{
    int error_number = errno;
    err_set(err, "cannot %s %s: %s", what, path, strerror(error_number));
    return fs_rc(error_number);
}

static enum mr_rc no_memory(struct err *err, const char *path)
{
    err_set(err, "%s: out of memory", path);
    return MR_NO_MEMORY;
}

/* -- reading --------------------------------------------------------------------------------------------------------- */
/* Reads until the end or until size bytes. -1: errno says why. */
static ssize_t read_up_to(int fd, char *buffer, size_t size)
{
    size_t got = 0;
    while (got < size) {
        ssize_t n = read(fd, buffer + got, size - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

/* How much to read at first: the size the file says it has, or a page for those that say 0 (/proc). */
static size_t first_guess(int fd, size_t max_bytes)
{
    struct stat status;
    size_t guess = 4096;
    if (fstat(fd, &status) == 0 && status.st_size > 0)
        guess = (size_t)status.st_size;
    return guess < max_bytes ? guess : max_bytes;
}

enum mr_rc fs_read_fd(int fd, const char *name, size_t max_bytes, char **ret_data, size_t *ret_len, struct err *err)
{
    size_t room = first_guess(fd, max_bytes);
    size_t len = 0;
    char *data = NULL;
    for (;;) {
        char *larger = mem_resize(data, room + 1); /* one more than fits: tells the end, and is the NUL's place */
        if (!larger) {
            mem_free(data);
            return no_memory(err, name);
        }
        data = larger;
        ssize_t n = read_up_to(fd, data + len, room + 1 - len);
        if (n < 0) {
            enum mr_rc rc = failed(err, "read", name);
            mem_free(data);
            return rc;
        }
        len += (size_t)n;
        if (len <= room)
            break;
        if (room == max_bytes) {
            mem_free(data);
            err_set(err, "%s is larger than %zu bytes", name, max_bytes);
            return MR_TOO_BIG;
        }
        room = room < max_bytes / 2 ? room * 2 : max_bytes;
    }
    data[len] = '\0';
    *ret_data = data;
    *ret_len = len;
    return MR_OK;
}

enum mr_rc fs_read(const char *path, size_t max_bytes, char **ret_data, size_t *ret_len, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failed(err, "open", path);
    enum mr_rc rc = fs_read_fd(fd, path, max_bytes, ret_data, ret_len, err);
    close(fd);
    return rc;
}

/* -- writing --------------------------------------------------------------------------------------------------------- */
/* Copies the folder part of path, "." where it has none. */
static enum mr_rc folder_of(const char *path, char ret_folder[PATH_MAX], struct err *err)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (len >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return failed(err, "write", path);
    }
    const char *folder = slash ? (len > 0 ? path : "/") : ".";
    size_t folder_len = len > 0 ? len : 1;
    memcpy(ret_folder, folder, folder_len);
    ret_folder[folder_len] = '\0';
    return MR_OK;
}

enum mr_rc fs_sync_dir(const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return failed(err, "open folder", path);
    enum mr_rc rc = fsync(fd) == 0 ? MR_OK : failed(err, "sync folder", path);
    close(fd);
    return rc;
}

static bool write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* The content on disk under a name of its own, synced and closed. On failure nothing is left. */
static enum mr_rc write_temporary(char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
    int fd = mkostemp(path, O_CLOEXEC); /* O_EXCL, mode 0600; fills in path's XXXXXX */
    if (fd < 0)
        return failed(err, "create", path);
    bool is_written = write_all(fd, data, len) && fchmod(fd, mode) == 0 && fsync(fd) == 0;
    enum mr_rc rc = is_written ? MR_OK : failed(err, "write", path);
    close(fd);
    if (rc != MR_OK)
        unlink(path);
    return rc;
}

enum mr_rc fs_write(const char *path, const void *data, size_t len, mode_t mode, enum fs_write_mode how,
                    struct err *err)
{
    char temporary[PATH_MAX], folder[PATH_MAX];
    enum mr_rc rc = folder_of(path, folder, err);
    if (rc != MR_OK)
        return rc;
    if (snprintf(temporary, sizeof temporary, "%s.XXXXXX", path) >= (int)sizeof temporary) {
        errno = ENAMETOOLONG;
        return failed(err, "write", path);
    }
    rc = write_temporary(temporary, data, len, mode, err);
    if (rc != MR_OK)
        return rc;
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, how == FS_NEW ? RENAME_NOREPLACE : 0) != 0) {
        rc = failed(err, "create", path);
        unlink(temporary);
        return rc;
    }
    return fs_sync_dir(folder, err);
}

/* -- folders --------------------------------------------------------------------------------------------------------- */
static enum mr_rc make_one(const char *path, mode_t mode, struct err *err)
{
    struct stat status;
    if (mkdir(path, mode) == 0)
        return MR_OK;
    int error_number = errno;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return MR_OK; /* there already, also where we may not write (EROFS, EACCES) */
    errno = error_number;
    return failed(err, "make folder", path);
}

enum mr_rc fs_mkdirs(const char *path, mode_t mode, struct err *err)
{
    char part[PATH_MAX];
    if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part) {
        errno = ENAMETOOLONG;
        return failed(err, "make folder", path);
    }
    for (char *slash = part[0] ? strchr(part + 1, '/') : NULL; slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        enum mr_rc rc = make_one(part, mode, err);
        if (rc != MR_OK)
            return rc;
        *slash = '/';
    }
    return make_one(part, mode, err);
}

static enum mr_rc join(char *ret_path, size_t size, const char *base, const char *middle, const char *tail,
                       struct err *err)
{
    char joined[PATH_MAX];
    int len = snprintf(joined, sizeof joined, "%s%s/%s", base, middle, tail);
    if (len < 0 || (size_t)len >= sizeof joined || (size_t)len >= size) {
        err_set(err, "the path %s%s/%s is too long", base, middle, tail);
        return MR_TOO_BIG;
    }
    memcpy(ret_path, joined, (size_t)len + 1);
    return MR_OK;
}

/* An environment variable that holds an absolute path; NULL otherwise (the XDG rules: ignore what is relative). */
static const char *absolute_variable(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] == '/' ? value : NULL;
}

enum mr_rc fs_config_path(const char *tail, char *ret_path, size_t size, struct err *err)
{
    const char *base = absolute_variable("XDG_CONFIG_HOME");
    if (base)
        return join(ret_path, size, base, "/millrace", tail, err);
    base = absolute_variable("HOME");
    if (base)
        return join(ret_path, size, base, "/.config/millrace", tail, err);
    err_set(err, "neither XDG_CONFIG_HOME nor HOME names a folder: set one");
    return MR_NOT_FOUND;
}

enum mr_rc fs_runtime_path(const char *tail, char *ret_path, size_t size, struct err *err)
{
    char base[64];
    const char *runtime = absolute_variable("XDG_RUNTIME_DIR");
    if (runtime)
        return join(ret_path, size, runtime, "/millrace", tail, err);
    snprintf(base, sizeof base, "/tmp/millrace-%u", (unsigned)geteuid());
    return join(ret_path, size, base, "", tail, err);
}
