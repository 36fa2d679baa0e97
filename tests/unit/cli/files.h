/* files.h - files that a test writes in a folder of its own, and reads back through the code under test. */
#ifndef TESTS_UNIT_CLI_FILES_H
#define TESTS_UNIT_CLI_FILES_H
#include <stddef.h>

/* For cmocka's group setup and teardown: the folder is made, and removed with all that files_write() put into it. */
int files_begin(void **state);
int files_end(void **state);

/* Writes a file of this name; its path, borrowed until files_end(). */
const char *files_write(const char *name, const void *data, size_t len);
const char *files_write_text(const char *name, const char *text);

/* The path of a file that is not there. */
const char *files_missing(void);
#endif
