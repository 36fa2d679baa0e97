/* folder.h - folders of a test's own, that vanish with it. */
#ifndef TESTS_SUPPORT_FOLDER_H
#define TESTS_SUPPORT_FOLDER_H

/* A new empty folder; folder_remove() deletes it with all it holds and frees the name. Both end the program when they cannot. */
char *folder_new(void);
void folder_remove(char *folder);

/* "FOLDER/NAME"; static, until the call after next. */
const char *folder_path(const char *folder, const char *name);

/* Replaces the file's content; mode 0600. */
void folder_write(const char *path, const char *text);
#endif
