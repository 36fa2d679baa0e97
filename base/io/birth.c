/* birth.c - a count in a small file, and random bits below it. */
#include "base/io/birth.h"
#include "base/io/fs.h"
#include "base/mem.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1024, PATH_ROOM = BIRTH_FOLDER_SIZE + 64 };

static void file_name(const struct birth *birth, char ret[PATH_ROOM])
{
    snprintf(ret, PATH_ROOM, "%s/%s", birth->folder, birth->kind->file);
}

static void save(const struct birth *birth, struct err *ret_warning)
{
    char text[FILE_MAX], file[PATH_ROOM];
    ret_warning->text[0] = '\0';
    if (!birth->folder[0])
        return;
    int len = snprintf(text, sizeof text, "%s\nbirths %" PRIu32 "\n%s", birth->kind->head, birth->births, birth->note);
    file_name(birth, file);
    (void)!fs_write(file, text, (size_t)len, 0600, FS_REPLACE, ret_warning); /* the warning says it */
}

static bool is_note(const struct birth *birth, const char *text)
{
    bool has_form = birth->kind->is_note && strlen(text) < BIRTH_NOTE_SIZE && birth->kind->is_note(text);
    return *text == '\0' || has_form;
}

/* False: not the form of this kind of file. */
static bool parse(struct birth *birth, const char *text)
{
    static const char field[] = "\nbirths ";
    char *end = NULL;
    size_t head_len = strlen(birth->kind->head);
    if (strncmp(text, birth->kind->head, head_len) != 0 || strncmp(text + head_len, field, sizeof field - 1) != 0)
        return false;
    const char *digits = text + head_len + sizeof field - 1;
    unsigned long long births = strtoull(digits, &end, 10);
    if (*digits < '0' || *digits > '9' || births > UINT32_MAX || *end != '\n' || !is_note(birth, end + 1))
        return false;
    birth->births = (uint32_t)births;
    snprintf(birth->note, sizeof birth->note, "%s", end + 1);
    return true;
}

static void load(struct birth *birth, struct err *ret_warning)
{
    char file[PATH_ROOM];
    char *text = NULL;
    size_t len = 0;
    if (fs_mkdirs(birth->folder, 0700, ret_warning) != MR_OK)
        return;
    file_name(birth, file);
    enum mr_rc rc = fs_read(file, FILE_MAX, &text, &len, ret_warning);
    if (rc == MR_NOT_FOUND)
        ret_warning->text[0] = '\0'; /* the first start */
    if (rc)
        return;
    if (strlen(text) != len || !parse(birth, text))
        err_set(ret_warning, "%s: is damaged; births are counted from the clock instead", file);
    mem_free(text);
}

static void count_up(struct birth *birth, uint32_t above)
{
    if (above > birth->births)
        birth->births = above;
    if (birth->births < UINT32_MAX)
        birth->births++;
    birth->epoch = (uint64_t)birth->births << 32 | (uint32_t)rand_u64(birth->rand);
}

void birth_open(struct birth *ret, const struct birth_kind *kind, const char *folder, const struct rand_source *rand,
                uint32_t births_floor, struct err *ret_warning)
{
    struct err unsaved = {{0}};
    ret_warning->text[0] = '\0';
    *ret = (struct birth){.kind = kind, .rand = rand};
    snprintf(ret->folder, sizeof ret->folder, "%s", folder);
    if (*folder)
        load(ret, ret_warning);
    count_up(ret, ret->births == 0 ? births_floor : 0); /* 0: no folder, no file, or a damaged one */
    save(ret, &unsaved);
    if (*unsaved.text)
        *ret_warning = unsaved;
}

void birth_rise(struct birth *birth, uint64_t floor, struct err *ret_warning)
{
    count_up(birth, (uint32_t)(floor >> 32));
    save(birth, ret_warning);
}

void birth_set_note(struct birth *birth, const char *note, struct err *ret_warning)
{
    snprintf(birth->note, sizeof birth->note, "%s", note);
    save(birth, ret_warning);
}
