/* folder.h - a temporary folder for a test, and study folders in it */
#ifndef EC_TESTS_FOLDER_H
#define EC_TESTS_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_SIZE 256

static inline void folder_make(char path[FOLDER_SIZE]) {
    const char *where = getenv("TMPDIR");
    snprintf(path, FOLDER_SIZE, "%s/eyechart-test-XXXXXX", where != NULL ? where : "/tmp");
    if (mkdtemp(path) == NULL) {
        perror(path);
        abort();
    }
}

static inline int folder_remove_one(const char *path, const struct stat *info, int type,
                                    struct FTW *where) {
    (void)info, (void)type, (void)where;
    return remove(path);
}

static inline void folder_remove(const char *path) {
    nftw(path, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* What cmocka calls before and after a test that wants one folder, *state. */
static inline int folder_set_up(void **state) {
    char *folder = malloc(FOLDER_SIZE);
    if (folder == NULL) return -1;
    folder_make(folder);
    *state = folder;
    return 0;
}

static inline int folder_tear_down(void **state) {
    folder_remove(*state);
    free(*state);
    return 0;
}

/* "folder/name", in one of four static buffers. */
static inline const char *folder_join(const char *folder, const char *name) {
    static char buffers[4][2 * FOLDER_SIZE];
    static int next;
    char *path = buffers[next++ % 4];
    snprintf(path, sizeof buffers[0], "%s/%s", folder, name);
    return path;
}

static inline void folder_write_bytes(const char *path, const void *bytes, size_t size_bytes) {
    FILE *file = fopen(path, "w");
    if (file == NULL || fwrite(bytes, 1, size_bytes, file) != size_bytes || fclose(file) != 0) {
        perror(path);
        abort();
    }
}

static inline void folder_write(const char *path, const char *text) {
    folder_write_bytes(path, text, strlen(text));
}

/* The whole file, terminated; free() it. NULL when there is none. */
static inline char *folder_read(const char *path, size_t *size_bytes) {
    FILE *file = fopen(path, "r");
    if (size_bytes != NULL) *size_bytes = 0;
    if (file == NULL) return NULL;
    fseek(file, 0, SEEK_END);
    const size_t size = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(size + 1);
    if (bytes == NULL || fread(bytes, 1, size, file) != size) abort();
    bytes[size] = '\0';
    fclose(file);
    if (size_bytes != NULL) *size_bytes = size;
    return bytes;
}

#endif
