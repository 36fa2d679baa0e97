/* input.h - what a command is given as a value or as data: the argument, or with "-" what is on standard input. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H
#include "base/buf.h"
#include "base/err.h"

/* Appends the argument's bytes, or for "-" all of standard input; one line end at its end does not count. NULL: nothing.
 * MR_TOO_BIG: more than ret's maximum; MR_NO_MEMORY; else as fs_rc(): it cannot be read. */
MUST enum mr_rc input_read(const char *argument, struct buf *ret, struct err *err);
/* Appends all bytes of a file. Results as above. */
MUST enum mr_rc input_read_file(const char *path, struct buf *ret, struct err *err);
#endif
