/* folder.c - folders of a test's own. */
#include "tests/support/folder.h"
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void must(int is_done, const char *what)
{
    if (is_done)
        return;
    perror(what);
    abort();
}

char *folder_new(void)
{
    char *folder = strdup("/tmp/millrace-unit-XXXXXX");
    must(folder && mkdtemp(folder), "mkdtemp");
    return folder;
}

static int remove_one(const char *path, const struct stat *unused, int kind, struct FTW *where)
{
    (void)unused;
    (void)kind;
    (void)where;
    return remove(path);
}

void folder_remove(char *folder)
{
    must(nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0, folder);
    free(folder);
}

const char *folder_path(const char *folder, const char *name)
{
    static char paths[2][512];
    static int next;
    next = !next;
    snprintf(paths[next], sizeof paths[next], "%s/%s", folder, name);
    return paths[next];
}

void folder_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0, path);
}
