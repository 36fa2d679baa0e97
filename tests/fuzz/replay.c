/* Feeds every file of the given folders to a fuzz target: what fuzzing once found stays tried without libFuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Returns 0, or 1 when the file cannot be read; a defect in the target ends the process. */
static int replay_file(const char *path, size_t len)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(len ? len : 1); /* exactly as long as the input, so that a read beyond it is seen */
    int rc = !f || !data || fread(data, 1, len, f) != len;

    if (rc)
        fprintf(stderr, "%s: cannot be read\n", path);
    else
        LLVMFuzzerTestOneInput(data, len);
    free(data);
    if (f)
        fclose(f);
    return rc;
}

/* Returns the number of files fed, or -1 after saying what is wrong. */
static int replay_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    int count = 0;

    if (!dir) {
        perror(folder);
        return -1;
    }
    for (struct dirent *entry; count >= 0 && (entry = readdir(dir));) {
        char path[4096];
        struct stat st;

        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (stat(path, &st) || !S_ISREG(st.st_mode))
            continue;
        count = replay_file(path, (size_t)st.st_size) ? -1 : count + 1;
    }
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;

    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        int count = replay_folder(argv[i]);

        if (count < 0)
            return 1;
        total += count;
    }
    printf("%d inputs replayed\n", total);
    return total > 0 ? 0 : 1;
}
