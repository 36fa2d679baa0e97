/* birth.h - which life a program is in: its birth epoch, counted in a small file over all its starts.
 *
 * FOLDER/<file>, text, one field a line:
 *   <head>
 *   births 17              counts up by one at each start; never back
 *   ...                    the owner's note, if it keeps one
 * All calls wait for the disk on the caller's thread, also while a program runs: a rise comes once after a data folder was
 * restored or copied, a note when a machine is given another path. Either way its sessions end and begin anew around it, and
 * a disk that makes that late has made the start late as well. A thread for it would have to be waited for at every end.
 *
 * A birth epoch is births in the upper 32 bits and 32 random bits below, so that a folder restored from a backup cannot
 * repeat one. */
#ifndef BASE_IO_BIRTH_H
#define BASE_IO_BIRTH_H
#include "base/err.h"
#include "base/rand.h"
#include <stdbool.h>

enum {
    BIRTH_FOLDER_SIZE = 1024,
    BIRTH_NOTE_SIZE = 768 /* lines of the owner and NUL */
};

/* Whose file it is; static. */
struct birth_kind {
    const char *file;                  /* name in the folder */
    const char *head;                  /* its first line */
    bool (*is_note)(const char *note); /* whether this can be the note; NULL: never one */
};

struct birth {
    const struct birth_kind *kind;  /* borrowed */
    const struct rand_source *rand; /* borrowed */
    char folder[BIRTH_FOLDER_SIZE]; /* "" = ephemeral: nothing is written */
    uint32_t births;
    uint64_t epoch;
    char note[BIRTH_NOTE_SIZE]; /* whole lines; "" = none */
};

/* Reads the folder (made when missing), begins the next birth and writes it. births_floor: where counting begins without a
 * folder or file; time in seconds keeps births rising for a program without a folder and for a machine whose disk was
 * replaced. Always leaves a usable birth. When the disk failed, *ret_warning says so in words, else it is "": the owner goes
 * on from births_floor, and whoever knows a later birth of it has it rise above that. */
void birth_open(struct birth *ret, const struct birth_kind *kind, const char *folder, const struct rand_source *rand,
                uint32_t births_floor, struct err *ret_warning);

/* A birth above floor, which another demanded, or above the present one. As birth_open() on the disk. */
void birth_rise(struct birth *birth, uint64_t floor, struct err *ret_warning);

/* Keeps another note: whole lines (copied; shorter than BIRTH_NOTE_SIZE), written at once. */
void birth_set_note(struct birth *birth, const char *note, struct err *ret_warning);
#endif
