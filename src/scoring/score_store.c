/* score_store.c - see score_store.h */
#include "scoring/score_store.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "image/source.h"

enum {
    SETTLED_S = 2 /* a file as old as this has another time when it changes again */
};

/* A row of table file (path), or of table identity. */
struct ec_store_note {
    char *name, *value;
    bool is_file;
    int64_t size_bytes, mtime_ns, inode;
};

static ec_status no_memory(const ec_store *store, ec_error *err) {
    return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", store->study->path);
}

/* ---- notes -------------------------------------------------------------------------------- */

static ec_status add_note(ec_store *store, ec_store_note note, ec_error *err) {
    note.name = strdup(note.name);
    note.value = strdup(note.value);
    if (store->n_notes == store->capacity) {
        const size_t capacity = store->capacity > 0 ? 2 * store->capacity : 64;
        ec_store_note *notes = realloc(store->notes, capacity * sizeof *notes);
        if (notes != NULL) {
            store->notes = notes;
            store->capacity = capacity;
        }
    }
    if (note.name == NULL || note.value == NULL || store->n_notes == store->capacity) {
        free(note.name);
        free(note.value);
        return no_memory(store, err);
    }
    store->notes[store->n_notes++] = note;
    return EC_OK;
}

static void forget_notes(ec_store *store) {
    for (size_t i = 0; i < store->n_notes; i++) {
        free(store->notes[i].name);
        free(store->notes[i].value);
    }
    store->n_notes = 0;
}

void ec_store_release(ec_store *store) {
    forget_notes(store);
    free(store->notes);
    store->notes = NULL;
    store->capacity = 0;
}

ec_status ec_store_flush(ec_store *store, ec_error *err) {
    ec_database *db = &store->study->db;
    if (store->n_notes == 0 || !ec_study_writable(store->study)) return EC_OK;
    ec_status status = ec_database_begin_write(db, err);
    if (status != EC_OK) return status;
    for (size_t i = 0; status == EC_OK && i < store->n_notes; i++) {
        const ec_store_note *n = &store->notes[i];
        status =
            n->is_file
                ? ec_database_run(db, err,
                                  "INSERT OR REPLACE INTO file (path, size_bytes, mtime_ns, "
                                  "inode, hash) VALUES (?, ?, ?, ?, ?)",
                                  "tiiit", n->name, n->size_bytes, n->mtime_ns, n->inode, n->value)
                : ec_database_run(
                      db, err, "INSERT OR REPLACE INTO identity (signature, facts) VALUES (?, ?)",
                      "tt", n->name, n->value);
    }
    status = ec_database_end(db, status, err);
    if (status == EC_OK) forget_notes(store);
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

static ec_status recall_file(char hash[EC_HASH_SIZE], ec_store *store, const char *path,
                             const struct stat *info, ec_error *err) {
    ec_database *db = &store->study->db;
    sqlite3_stmt *row;
    ec_status status = ec_database_prepare(
        &row, db, err,
        "SELECT hash FROM file WHERE path = ? AND size_bytes = ? AND mtime_ns = ? AND inode = ?",
        "tiii", path, (int64_t)info->st_size, mtime_ns(info), (int64_t)info->st_ino);
    if (status != EC_OK) return status;
    bool found;
    hash[0] = '\0';
    status = ec_database_step(&found, db, row, err);
    if (status == EC_OK && found && strlen(ec_column_text(row, 0)) == EC_HASH_SIZE - 1)
        memcpy(hash, ec_column_text(row, 0), EC_HASH_SIZE);
    sqlite3_finalize(row);
    return status;
}

static ec_status read_hash(char hash[EC_HASH_SIZE], ec_store *store, const char *path,
                           const struct stat *info, ec_error *err) {
    ec_text bytes = {0};
    ec_status status = ec_image_read(&bytes, path, err);
    if (status != EC_OK) return status;
    ec_hash_bytes(hash, bytes.data, bytes.size_bytes);
    ec_text_release(&bytes);
    if (!is_settled(info)) return EC_OK;
    return add_note(store,
                    (ec_store_note){.name = (char *)path,
                                    .value = hash,
                                    .is_file = true,
                                    .size_bytes = info->st_size,
                                    .mtime_ns = mtime_ns(info),
                                    .inode = (int64_t)info->st_ino},
                    err);
}

ec_status ec_store_hash_file(char hash[EC_HASH_SIZE], ec_store *store, const char *path,
                             ec_error *err) {
    const size_t n = ec_image_file_name(path);
    char *file = strndup(path, n), *real = NULL;
    struct stat info;
    ec_status status = EC_OK;
    if (file == NULL)
        status = no_memory(store, err);
    else if (stat(file, &info) != 0 || (real = realpath(file, NULL)) == NULL)
        status = errno == ENOMEM ? no_memory(store, err) : fail_file(path, err);
    ec_text name = {0};
    ec_text_format(&name, "%s%s", real != NULL ? real : "", path + n); /* where in the file, too */
    if (status == EC_OK && name.failed) status = no_memory(store, err);
    if (status == EC_OK) status = recall_file(hash, store, name.data, &info, err);
    if (status == EC_OK && hash[0] == '\0') status = read_hash(hash, store, name.data, &info, err);
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

ec_status ec_store_signature(char signature[EC_HASH_SIZE], bool *settled, const char *path,
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
    if (status == EC_OK && text.failed)
        status = ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path);
    if (status == EC_OK) ec_hash_bytes(signature, text.data, text.size_bytes);
    ec_text_release(&text);
    return status;
}

ec_status ec_store_recall(char **facts, ec_store *store, const char *signature, ec_error *err) {
    ec_database *db = &store->study->db;
    sqlite3_stmt *row;
    *facts = NULL;
    ec_status status = ec_database_prepare(
        &row, db, err, "SELECT facts FROM identity WHERE signature = ?", "t", signature);
    if (status != EC_OK) return status;
    bool found;
    status = ec_database_step(&found, db, row, err);
    if (status == EC_OK && found) {
        *facts = strdup(ec_column_text(row, 0));
        if (*facts == NULL) status = no_memory(store, err);
    }
    sqlite3_finalize(row);
    return status;
}

ec_status ec_store_remember(ec_store *store, const char *signature, const char *facts,
                            ec_error *err) {
    return add_note(store, (ec_store_note){.name = (char *)signature, .value = (char *)facts}, err);
}

/* ---- results ------------------------------------------------------------------------------ */

_Static_assert(sizeof(ec_pair_result) == 1 + EC_C_READOUTS * EC_C_ALPHAS,
               "a pair is stored as its bytes");

#define PAIRS_OF                                                                                   \
    " FROM correspondence r JOIN computation k ON k.id = r.computation WHERE k.key = ? AND "       \
    "r.category = ?"

ec_status ec_store_has_pairs(bool *found, ec_store *store, const char *key, const char *category,
                             ec_error *err) {
    ec_database *db = &store->study->db;
    sqlite3_stmt *row;
    ec_status status = ec_database_prepare(&row, db, err, "SELECT 1" PAIRS_OF, "tt", key, category);
    if (status != EC_OK) return status;
    status = ec_database_step(found, db, row, err);
    sqlite3_finalize(row);
    return status;
}

ec_status ec_store_get_pairs(ec_pair_result *results, bool *found, ec_store *store, const char *key,
                             const char *category, size_t n_pairs, ec_error *err) {
    ec_database *db = &store->study->db;
    sqlite3_stmt *row;
    ec_status status =
        ec_database_prepare(&row, db, err, "SELECT r.pairs" PAIRS_OF, "tt", key, category);
    if (status != EC_OK) return status;
    status = ec_database_step(found, db, row, err);
    if (status == EC_OK && *found) {
        const void *bytes = sqlite3_column_blob(row, 0);
        const size_t size_bytes = (size_t)sqlite3_column_bytes(row, 0);
        if (size_bytes == n_pairs * sizeof *results && (bytes != NULL || n_pairs == 0))
            memcpy(results, bytes, size_bytes);
        else
            status = ec_fail(err, EC_ERR_FORMAT,
                             "%s: damaged (the results of a category have %zu bytes, expected "
                             "%zu); restore it from a copy",
                             db->path, size_bytes, n_pairs * sizeof *results);
    }
    sqlite3_finalize(row);
    return status;
}

ec_status ec_store_get_value(double *value, bool *found, ec_store *store, const char *key,
                             const char *image, ec_error *err) {
    ec_database *db = &store->study->db;
    sqlite3_stmt *row;
    ec_status status = ec_database_prepare(
        &row, db, err,
        "SELECT r.value FROM alignment r JOIN computation k ON k.id = r.computation WHERE k.key = "
        "? AND r.image = ?",
        "tt", key, image);
    if (status != EC_OK) return status;
    status = ec_database_step(found, db, row, err);
    if (status == EC_OK && *found) *value = sqlite3_column_double(row, 0);
    sqlite3_finalize(row);
    return status;
}

static ec_status put_computation(ec_store *store, const char *key, const char *kind,
                                 const char *description, ec_error *err) {
    return ec_database_run(
        &store->study->db, err,
        "INSERT OR IGNORE INTO computation (key, kind, description) VALUES (?, ?, ?)", "ttt", key,
        kind, description);
}

ec_status ec_store_put_pairs(ec_store *store, const char *key, const char *description,
                             const char *category, const ec_pair_result *results, size_t n_pairs,
                             ec_error *err) {
    const ec_status status = put_computation(store, key, "C", description, err);
    if (status != EC_OK) return status;
    return ec_database_run(&store->study->db, err,
                           "INSERT OR IGNORE INTO correspondence (computation, category, pairs) "
                           "SELECT id, ?, ? FROM computation WHERE key = ?",
                           "tbt", category, (const void *)results,
                           (int64_t)(n_pairs * sizeof *results), key);
}

ec_status ec_store_put_value(ec_store *store, const char *key, const char *description,
                             const char *image, double value, ec_error *err) {
    const ec_status status = put_computation(store, key, "A", description, err);
    if (status != EC_OK) return status;
    return ec_database_run(&store->study->db, err,
                           "INSERT OR IGNORE INTO alignment (computation, image, value) "
                           "SELECT id, ?, ? FROM computation WHERE key = ?",
                           "tdt", image, value, key);
}
