/* file_memory.c - see file_memory.h */
#include "scoring/file_memory.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "image/source.h"

enum {
    SETTLED_S = 2 /* a file as old as this has another time when it changes again */
};

/* A row of table file (path), or of table identity. */
struct ec_file_note {
    char *name, *value;
    bool is_file;
    ec_file_state state;
};

/* ---- notes -------------------------------------------------------------------------------- */

static ec_status add_note(ec_file_memory *memory, ec_file_note note, ec_error *err) {
    note.name = strdup(note.name);
    note.value = strdup(note.value);
    ec_file_note *notes =
        ec_grown(memory->notes, memory->n_notes, &memory->capacity, sizeof *notes);
    if (notes != NULL) memory->notes = notes;
    if (note.name == NULL || note.value == NULL || notes == NULL) {
        free(note.name);
        free(note.value);
        return ec_no_memory(memory->study->path, err);
    }
    memory->notes[memory->n_notes++] = note;
    return EC_OK;
}

static void forget_notes(ec_file_memory *memory) {
    for (size_t i = 0; i < memory->n_notes; i++) {
        free(memory->notes[i].name);
        free(memory->notes[i].value);
    }
    memory->n_notes = 0;
}

void ec_file_memory_release(ec_file_memory *memory) {
    forget_notes(memory);
    free(memory->notes);
    memory->notes = NULL;
    memory->capacity = 0;
}

ec_status ec_file_memory_flush(ec_file_memory *memory, ec_error *err) {
    ec_database *db = &memory->study->db;
    if (memory->n_notes == 0 || !ec_study_writable(memory->study)) return EC_OK;
    ec_status status = ec_database_begin_write(db, err);
    if (status != EC_OK) return status;
    for (size_t i = 0; status == EC_OK && i < memory->n_notes; i++) {
        const ec_file_note *n = &memory->notes[i];
        status = n->is_file ? ec_database_put_file(db, n->name, &n->state, n->value, err)
                            : ec_database_put_identity(db, n->name, n->value, err);
    }
    status = ec_database_end(db, status, err);
    if (status == EC_OK) forget_notes(memory);
    return status;
}

/* ---- files -------------------------------------------------------------------------------- */

static int64_t mtime_ns(const struct stat *info) {
    return (int64_t)info->st_mtim.tv_sec * 1000000000 + info->st_mtim.tv_nsec;
}

static bool is_settled(const struct stat *info) {
    return ec_study_now() - 1e-9 * (double)mtime_ns(info) > SETTLED_S;
}

static ec_status fail_file(const char *path, ec_error *err) {
    const int error = errno;
    return ec_fail(err, error == ENOENT || error == ENOTDIR ? EC_ERR_NOT_FOUND : EC_ERR_IO,
                   "%s: %s", path, strerror(error));
}

static ec_file_state state_of(const struct stat *info) {
    return (ec_file_state){info->st_size, mtime_ns(info), (int64_t)info->st_ino};
}

static ec_status recall_file(char hash[EC_HASH_SIZE], ec_file_memory *memory, const char *path,
                             const struct stat *info, ec_error *err) {
    const ec_file_state state = state_of(info);
    return ec_database_find_file(hash, &memory->study->db, path, &state, err);
}

static ec_status read_hash(char hash[EC_HASH_SIZE], ec_file_memory *memory, const char *path,
                           const struct stat *info, ec_error *err) {
    ec_text bytes = {0};
    ec_status status = ec_image_read(&bytes, path, err);
    if (status != EC_OK) return status;
    ec_hash_bytes(hash, bytes.data, bytes.size_bytes);
    ec_text_release(&bytes);
    if (!is_settled(info)) return EC_OK;
    return add_note(
        memory,
        (ec_file_note){
            .name = (char *)path, .value = hash, .is_file = true, .state = state_of(info)},
        err);
}

ec_status ec_file_memory_hash(char hash[EC_HASH_SIZE], ec_file_memory *memory, const char *path,
                              ec_error *err) {
    const size_t n = ec_image_file_name(path);
    char *file = strndup(path, n), *real = NULL;
    struct stat info;
    ec_status status = EC_OK;
    if (file == NULL)
        status = ec_no_memory(memory->study->path, err);
    else if (stat(file, &info) != 0 || (real = realpath(file, NULL)) == NULL)
        status = errno == ENOMEM ? ec_no_memory(memory->study->path, err) : fail_file(path, err);
    ec_text name = {0};
    ec_text_format(&name, "%s%s", real != NULL ? real : "", path + n); /* where in the file, too */
    if (status == EC_OK && name.failed) status = ec_no_memory(memory->study->path, err);
    if (status == EC_OK) status = recall_file(hash, memory, name.data, &info, err);
    if (status == EC_OK && hash[0] == '\0') status = read_hash(hash, memory, name.data, &info, err);
    ec_text_release(&name);
    free(real);
    free(file);
    return status;
}

/* ---- signatures --------------------------------------------------------------------------- */

static int visible(const struct dirent *entry) {
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Links are followed: a folder of the Hugging Face cache has nothing else. */
static void add_stat(ec_text *out, bool *settled, const char *name, const struct stat *info) {
    ec_text_format(out, "%s\n%lld %lld %lld %lld\n", name, (long long)info->st_size,
                   (long long)mtime_ns(info), (long long)info->st_ino, (long long)info->st_dev);
    *settled = *settled && is_settled(info);
}

static ec_status add_folder(ec_text *out, bool *settled, const char *folder, ec_error *err) {
    struct dirent **entry;
    const int n = scandir(folder, &entry, visible, by_bytes);
    if (n < 0) return fail_file(folder, err);
    for (int i = 0; i < n; i++) {
        ec_text path = {0};
        struct stat info;
        ec_text_format(&path, "%s/%s", folder, entry[i]->d_name);
        out->failed = out->failed || path.failed;
        if (!path.failed && stat(path.data, &info) == 0 && S_ISREG(info.st_mode))
            add_stat(out, settled, entry[i]->d_name, &info);
        ec_text_release(&path);
        free(entry[i]);
    }
    free(entry);
    return EC_OK;
}

ec_status ec_file_memory_signature(char signature[EC_HASH_SIZE], bool *settled, const char *path,
                                   const char *what, ec_error *err) {
    struct stat info;
    if (stat(path, &info) != 0) return fail_file(path, err);
    ec_text text = {0};
    *settled = true;
    ec_text_format(&text, "%s\n%s\n%s\n", ec_version(), what, path);
    ec_status status = EC_OK;
    if (S_ISDIR(info.st_mode))
        status = add_folder(&text, settled, path, err);
    else
        add_stat(&text, settled, "", &info);
    if (status == EC_OK && text.failed) status = ec_no_memory(path, err);
    if (status == EC_OK) ec_hash_bytes(signature, text.data, text.size_bytes);
    ec_text_release(&text);
    return status;
}

ec_status ec_file_memory_recall(char **facts, ec_file_memory *memory, const char *signature,
                                ec_error *err) {
    return ec_database_find_identity(facts, &memory->study->db, signature, err);
}

ec_status ec_file_memory_remember(ec_file_memory *memory, const char *signature, const char *facts,
                                  ec_error *err) {
    return add_note(memory, (ec_file_note){.name = (char *)signature, .value = (char *)facts}, err);
}
