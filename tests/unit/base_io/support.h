/* support.h - what the tests of base/io share: folders that vanish, loops that turn until something happened. */
#ifndef TESTS_UNIT_BASE_IO_SUPPORT_H
#define TESTS_UNIT_BASE_IO_SUPPORT_H
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define DEADLINE_MS 10000 /* for what must happen */
#define QUIET_MS 150      /* for what must not happen */

struct loop;

/* A new empty folder; support_remove() deletes it with all it holds and frees the name. */
char *support_folder(void);
void support_remove(char *folder);

/* "FOLDER/NAME"; static, until the call after next. */
const char *support_path(const char *folder, const char *name);

void support_write(const char *path, const char *text);

/* Turns the loop until *is_done or the time has passed; returns *is_done. */
bool support_turn_until(struct loop *loop, const bool *is_done, int ms);

/* Turns the loop until *counter is at least wanted or the time has passed; returns whether it is. */
bool support_turn_until_count(struct loop *loop, const unsigned *counter, unsigned wanted, int ms);

/* Turns the loop for this long. */
void support_turn_for(struct loop *loop, int ms);
#endif
