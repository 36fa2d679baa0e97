/* control_fixture.c - what the tests of control messages share. */
#include "control_fixture.h"

#include <math.h>
#include <string.h>

struct arena arena;
struct buf out;
struct err err;
static char x[2000]; /* a text of any length: x + sizeof x - 1 - length */

const struct session_tag full_tag = {.topic = 5,
                                     .type = MR_F64,
                                     .stale_ms = 5000,
                                     .unit = "Cel",
                                     .description = "Öl",
                                     .low = -20,
                                     .high = 0,
                                     .deadband = .5};
const struct session_tag bare_tag = {.topic = 6, .type = MR_BOOL, .low = NAN, .high = NAN};

int control_start(void **state)
{
    (void)state;
    memset(x, 'x', sizeof x - 1);
    arena_init(&arena, 0);
    buf_init(&out, 1024 * 1024);
    return 0;
}

int control_clear(void **state)
{
    (void)state;
    buf_clear(&out);
    return 0;
}

int control_finish(void **state)
{
    (void)state;
    arena_fini(&arena);
    buf_fini(&out);
    return 0;
}

const char *text_of(size_t len)
{
    return x + sizeof x - 1 - len;
}
