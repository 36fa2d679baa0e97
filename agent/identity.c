/* identity.c - the path as the note beside the births. */
#include "agent/identity.h"
#include "proto/topic.h"
#include <stdio.h>
#include <string.h>

static const char field[] = "path ";

/* "path demo/here\n"; without a path behind it while none is known. */
static bool is_note(const char *note)
{
    if (strncmp(note, field, sizeof field - 1) != 0)
        return false;
    const char *path = note + sizeof field - 1;
    size_t len = strcspn(path, "\n");
    return strcmp(path + len, "\n") == 0 && (len == 0 || topic_check(path, len, TOPIC_FULL) == TOPIC_FINE);
}

static const struct birth_kind kind = {.file = "identity", .head = "millrace-identity v1", .is_note = is_note};

void identity_open(struct identity *ret, const char *folder, const struct rand_source *rand, uint32_t births_floor,
                   struct err *ret_warning)
{
    ret->path[0] = '\0';
    birth_open(&ret->birth, &kind, folder, rand, births_floor, ret_warning);
    const char *path = ret->birth.note + sizeof field - 1;
    if (*ret->birth.note)
        snprintf(ret->path, sizeof ret->path, "%.*s", (int)strcspn(path, "\n"), path);
}

void identity_set_path(struct identity *identity, const char *path, struct err *ret_warning)
{
    char note[BIRTH_NOTE_SIZE];
    ret_warning->text[0] = '\0';
    snprintf(identity->path, sizeof identity->path, "%s", path);
    snprintf(note, sizeof note, "%s%s\n", field, identity->path);
    if (strcmp(identity->birth.note, note) != 0)
        birth_set_note(&identity->birth, note, ret_warning);
}
