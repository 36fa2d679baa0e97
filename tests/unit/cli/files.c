/* files.c - see files.h. */
#include "files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILES_MAX = 64, PATH_SIZE = 128 };

static struct {
    char dir[64];
    char paths[FILES_MAX][PATH_SIZE];
    size_t n;
} files;

int files_begin(void **state)
{
    (void)state;
    strcpy(files.dir, "/tmp/millrace-unit-XXXXXX");
    files.n = 0;
    return mkdtemp(files.dir) ? 0 : -1;
}

int files_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < files.n; i++)
        unlink(files.paths[i]);
    return rmdir(files.dir);
}

static const char *path_of(const char *name)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", files.dir, name);
    for (size_t i = 0; i < files.n; i++)
        if (strcmp(files.paths[i], path) == 0)
            return files.paths[i];
    if (files.n == FILES_MAX)
        abort();
    return strcpy(files.paths[files.n++], path);
}

const char *files_write(const char *name, const void *data, size_t len)
{
    const char *path = path_of(name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, len, file) != len || fclose(file))
        abort();
    return path;
}

const char *files_write_text(const char *name, const char *text)
{
    return files_write(name, text, strlen(text));
}

const char *files_missing(void)
{
    static char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/missing", files.dir);
    return path;
}
