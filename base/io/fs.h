/* fs.h - small files: read whole, replace atomically, make folders, find a user's folders. Blocks: never in a callback of
 * a busy loop, but for files of a few kilobytes at start and reload. */
#ifndef BASE_IO_FS_H
#define BASE_IO_FS_H
#include "base/rc.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

/* The result code of a failed system call: ENOENT, ENOTDIR MR_NOT_FOUND; EACCES, EPERM, EROFS, ELOOP MR_DENIED; ENOMEM
 * MR_NO_MEMORY; ENOSPC, EDQUOT, EMFILE, ENFILE, EAGAIN MR_WOULD_BLOCK; EFBIG MR_TOO_BIG; EEXIST, EINVAL, EISDIR,
 * ENAMETOOLONG MR_INVALID; others (EIO) MR_UNKNOWN. */
enum mr_rc fs_rc(int error_number);

/* Reads a whole file. *ret_data ends with a NUL that *ret_len does not count; free it with mem_free(). MR_TOO_BIG: more
 * than max_bytes; else as fs_rc(). */
MUST enum mr_rc fs_read(const char *path, size_t max_bytes, char **ret_data, size_t *ret_len, struct err *err);

/* The same from an open descriptor, from where it stands; name is for *err. The descriptor stays open. */
MUST enum mr_rc fs_read_fd(int fd, const char *name, size_t max_bytes, char **ret_data, size_t *ret_len,
                           struct err *err);

enum fs_write_mode { FS_REPLACE, FS_NEW }; /* FS_NEW: MR_INVALID if the file is there already */

/* Writes a file so that after a crash the old or the new content is there, whole: temporary file in the same folder,
 * fsync, rename, fsync of the folder. mode is exact, whatever the umask. As fs_rc(). */
MUST enum mr_rc fs_write(const char *path, const void *data, size_t len, mode_t mode, enum fs_write_mode how,
                         struct err *err);

/* Makes the folder and those above it, each with mode less the umask; there already: MR_OK. As fs_rc(). */
MUST enum mr_rc fs_mkdirs(const char *path, mode_t mode, struct err *err);

/* fsync of a folder, so that a rename or unlink in it lasts. As fs_rc(). */
MUST enum mr_rc fs_sync_dir(const char *path, struct err *err);

/* "$XDG_CONFIG_HOME/millrace/TAIL", "$HOME/.config/millrace/TAIL" without the variable. MR_NOT_FOUND: neither variable
 * is an absolute path; MR_TOO_BIG: longer than size. */
MUST enum mr_rc fs_config_path(const char *tail, char *ret_path, size_t size, struct err *err);

/* "$XDG_RUNTIME_DIR/millrace/TAIL", "/tmp/millrace-UID/TAIL" without the variable. MR_TOO_BIG. */
MUST enum mr_rc fs_runtime_path(const char *tail, char *ret_path, size_t size, struct err *err);
#endif
