/* losses.h - what a session's live lane dropped and has not yet told: per publisher, in bounded memory.
 *
 * The session notes every live frame it drops here and puts the result in front of the next live frame it sends. Of
 * records it keeps first, last and count per publisher and link; when more than LOSSES_MAX are lost at a time, the rest is
 * told as "anybody's, count unknown". An announcement that is itself dropped is noted again; the end of a snapshot is kept. */
#ifndef PROTO_LOSSES_H
#define PROTO_LOSSES_H
#include "proto/control.h"

enum { LOSSES_MAX = 64, LOSSES_ENDS_MAX = FILTERS_PER_AGENT };

struct losses {
    struct session_loss *table; /* LOSSES_MAX, from the first loss to the next losses_trim() */
    uint32_t count;
    bool is_overfull; /* something was lost that the table does not show */
    uint32_t *ends;   /* interests whose snapshot end waits */
    uint32_t n_ends, cap_ends;
};

/* A zeroed struct is an empty one. */
void losses_fini(struct losses *l);
bool losses_is_empty(const struct losses *l);

/* Adds a loss; without memory or room it becomes part of "anybody's". */
void losses_note(struct losses *l, const struct session_loss *loss);

/* Adds all that a live frame built here says: records, losses, a snapshot's end. *ret_records: records in it.
 * MR_NO_MEMORY: a snapshot's end could not be kept: the session must end, or its subscriber would wait for ever. */
MUST enum mr_rc losses_note_frame(struct losses *l, const struct blob *frame, uint64_t *ret_records);

/* Appends all losses to a LOSSES payload and forgets them. Results of control_write_loss(); then nothing is forgotten. */
MUST enum mr_rc losses_write(struct losses *l, struct buf *out);
bool losses_is_told(const struct losses *l); /* no loss waits, though a snapshot's end may */

/* The oldest snapshot end that waits, 0 = none; it is forgotten. Tell them after the losses. */
uint32_t losses_take_end(struct losses *l);

/* Gives the memory of an empty table back. */
void losses_trim(struct losses *l);
#endif
