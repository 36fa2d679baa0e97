/* identity.c - birth epoch and path, kept in one small file. */
#include "agent/identity.h"
#include "base/io/fs.h"
#include "base/mem.h"
#include "proto/topic.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1024 };

static const char head[] = "millrace-identity v1\nbirths ";

static void draw(struct identity *identity)
{
    identity->birth = (uint64_t)identity->births << 32 | (uint32_t)rand_u64(identity->rand);
}

static void file_name(const struct identity *identity, char ret[IDENTITY_FOLDER_SIZE + 16])
{
    snprintf(ret, IDENTITY_FOLDER_SIZE + 16, "%s/identity", identity->folder);
}

static void save(const struct identity *identity, struct err *ret_warning)
{
    char text[FILE_MAX], file[IDENTITY_FOLDER_SIZE + 16];
    if (!identity->folder[0])
        return;
    int len = snprintf(text, sizeof text, "%s%" PRIu32 "\npath %s\n", head, identity->births, identity->path);
    file_name(identity, file);
    (void)!fs_write(file, text, (size_t)len, 0600, FS_REPLACE, ret_warning); /* the warning says it */
}

/* False: not the form above, or a path that is none. */
static bool parse(struct identity *identity, const char *text)
{
    char *end = NULL;
    if (strncmp(text, head, sizeof head - 1) != 0)
        return false;
    const char *digits = text + sizeof head - 1;
    unsigned long long births = strtoull(digits, &end, 10);
    if (*digits < '0' || *digits > '9' || births > UINT32_MAX || strncmp(end, "\npath ", 6) != 0)
        return false;
    const char *path = end + 6;
    const char *line_end = strchr(path, '\n');
    size_t len = line_end ? (size_t)(line_end - path) : 0;
    if (!line_end || line_end[1] || (len > 0 && topic_check(path, len, TOPIC_FULL) != TOPIC_FINE))
        return false;
    identity->births = (uint32_t)births;
    memcpy(identity->path, path, len);
    identity->path[len] = '\0';
    return true;
}

static void load(struct identity *identity, struct err *ret_warning)
{
    char file[IDENTITY_FOLDER_SIZE + 16];
    char *text = NULL;
    size_t len = 0;
    if (fs_mkdirs(identity->folder, 0700, ret_warning) != MR_OK)
        return;
    file_name(identity, file);
    enum mr_rc rc = fs_read(file, FILE_MAX, &text, &len, ret_warning);
    if (rc == MR_NOT_FOUND && ret_warning)
        ret_warning->text[0] = '\0'; /* the first start */
    if (rc)
        return;
    if (strlen(text) != len || !parse(identity, text))
        err_set(ret_warning, "%s: is damaged; births are counted from the clock instead", file);
    mem_free(text);
}

void identity_open(struct identity *ret, const char *folder, const struct rand_source *rand, uint32_t births_floor,
                   struct err *ret_warning)
{
    ret_warning->text[0] = '\0';
    *ret = (struct identity){.rand = rand};
    snprintf(ret->folder, sizeof ret->folder, "%s", folder);
    if (*folder)
        load(ret, ret_warning);
    if (ret->births == 0) /* no folder, no file, or a damaged one */
        ret->births = births_floor;
    identity_rise(ret, 0, ret_warning);
}

void identity_rise(struct identity *identity, uint64_t floor, struct err *ret_warning)
{
    uint32_t above = (uint32_t)(floor >> 32);
    if (above > identity->births)
        identity->births = above;
    if (identity->births < UINT32_MAX)
        identity->births++;
    draw(identity);
    save(identity, ret_warning);
}

void identity_set_path(struct identity *identity, const char *path, struct err *ret_warning)
{
    ret_warning->text[0] = '\0';
    if (strcmp(identity->path, path) == 0)
        return;
    snprintf(identity->path, sizeof identity->path, "%s", path);
    save(identity, ret_warning);
}
