/* control_fixture.h - what the tests of control messages share: an arena, a buffer, a reason, two tags. */
#ifndef TESTS_UNIT_PROTO_CONTROL_FIXTURE_H
#define TESTS_UNIT_PROTO_CONTROL_FIXTURE_H
#include "proto/control.h"

extern struct arena arena;
extern struct buf out;
extern struct err err;
extern const struct session_tag full_tag, bare_tag;

/* For cmocka: of the group, and before each test. */
int control_start(void **state);
int control_clear(void **state);
int control_finish(void **state);

/* A text of this length, at most 1999. */
const char *text_of(size_t len);

#endif
