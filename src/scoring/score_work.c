/* score_work.c - see score_work.h */
#include "scoring/score_work.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

static const char RUNNING[] = "running", LOCK[] = ".lock", ROWS[] = ".rows", KEPT[] = ".kept";

static ec_status fail_io(const char *path, const char *what, ec_error *err) {
    const int error = errno;
    if (error == ENOSPC || error == EDQUOT || error == EFBIG)
        return ec_fail(err, EC_ERR_IO,
                       "%s: cannot %s: the disk is full; free some space and run 'eyechart score' "
                       "again, it goes on where it was",
                       path, what);
    return ec_fail(err, EC_ERR_IO, "%s: cannot %s: %s", path, what, strerror(error));
}

/* The path of `name` with `suffix` in the folder; ec_text_release(). */
static ec_status path_of(ec_text *out, const ec_work *work, const char *name, const char *suffix,
                         ec_error *err) {
    *out = (ec_text){0};
    ec_text_format(out, "%s/%s%s", work->folder, name, suffix);
    if (!out->failed) return EC_OK;
    ec_text_release(out);
    return ec_no_memory(work->folder, err);
}

/* ---- locks -------------------------------------------------------------------------------- */

/* Without waiting where `operation` has LOCK_NB; EWOULDBLOCK then. */
static int lock_file(int file, int operation) {
    int result;
    while ((result = flock(file, operation)) != 0 && errno == EINTR) {
    }
    return result;
}

static bool ends_with(const char *name, const char *suffix) {
    const size_t n = strlen(name), k = strlen(suffix);
    return n >= k && strcmp(name + n - k, suffix) == 0;
}

/* Is it a file that a process wrote beside the whole one, which it was killed before it had? */
static bool is_part(const char *name) {
    return strstr(name, ".rows.") != NULL || strstr(name, ".kept.") != NULL;
}

/* Only what this module writes is ever deleted. */
static void empty_folder(const ec_work *work, bool keep) {
    DIR *folder = opendir(work->folder);
    if (folder == NULL) return;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        const char *name = entry->d_name;
        const bool waits = ends_with(name, ROWS) || ends_with(name, KEPT);
        if (ends_with(name, LOCK) || is_part(name) || (waits && !keep))
            unlinkat(dirfd(folder), name, 0);
    }
    closedir(folder);
}

ec_status ec_work_name(ec_work *work, const char *study_folder, ec_error *err) {
    *work = (ec_work){.running = -1};
    if (asprintf(&work->folder, "%s/work", study_folder) >= 0) return EC_OK;
    work->folder = NULL;
    return ec_no_memory(study_folder, err);
}

ec_status ec_work_enter(ec_work *work, ec_error *err) {
    if (mkdir(work->folder, 0777) != 0 && errno != EEXIST)
        return fail_io(work->folder, "make the folder", err);
    ec_text path;
    ec_status status = path_of(&path, work, RUNNING, "", err);
    if (status != EC_OK) return status;
    work->running = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (work->running < 0) status = fail_io(path.data, "open", err);
    /* Alone here: what a killed process left unfinished has no owner any more. */
    if (status == EC_OK && lock_file(work->running, LOCK_EX | LOCK_NB) == 0)
        empty_folder(work, true);
    if (status == EC_OK && lock_file(work->running, LOCK_SH) != 0)
        status = fail_io(path.data, "lock", err);
    ec_text_release(&path);
    return status;
}

void ec_work_leave(ec_work *work, bool keep) {
    if (work->running >= 0) {
        if (lock_file(work->running, LOCK_EX | LOCK_NB) == 0) empty_folder(work, keep);
        close(work->running);
    }
    work->running = -1;
}

ec_status ec_work_try(int *lock, const ec_work *work, const char *key, ec_error *err) {
    *lock = -1;
    ec_text path;
    ec_status status = path_of(&path, work, key, LOCK, err);
    if (status != EC_OK) return status;
    const int file = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0)
        status = fail_io(path.data, "open", err);
    else if (lock_file(file, LOCK_EX | LOCK_NB) == 0)
        *lock = file;
    else if (errno != EWOULDBLOCK)
        status = fail_io(path.data, "lock", err);
    if (file >= 0 && *lock < 0) close(file);
    ec_text_release(&path);
    return status;
}

void ec_work_unlock(int lock) {
    if (lock >= 0) close(lock);
}

/* ---- files -------------------------------------------------------------------------------- */

static bool write_all(int file, const void *bytes, size_t size_bytes) {
    const char *at = bytes;
    while (size_bytes > 0) {
        const ssize_t n = write(file, at, size_bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        at += n;
        size_bytes -= (size_t)n;
    }
    return true;
}

static bool read_all(int file, void *bytes, size_t size_bytes) {
    char *at = bytes;
    while (size_bytes > 0) {
        const ssize_t n = read(file, at, size_bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        at += n;
        size_bytes -= (size_t)n;
    }
    return true;
}

/* Writes the parts one after the other into KEY with `suffix`: whole, or not there. */
static ec_status write_file(const ec_work *work, const char *key, const char *suffix,
                            const struct iovec *parts, size_t n_parts, ec_error *err) {
    char part_suffix[40];
    ec_text path = {0}, beside = {0};
    snprintf(part_suffix, sizeof part_suffix, "%s.%ld", suffix, (long)getpid());
    ec_status status = path_of(&path, work, key, suffix, err);
    if (status == EC_OK) status = path_of(&beside, work, key, part_suffix, err);
    if (status == EC_OK) {
        const int file = open(beside.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        bool written = file >= 0;
        for (size_t i = 0; i < n_parts && written; i++)
            written = write_all(file, parts[i].iov_base, parts[i].iov_len);
        if (!written) status = fail_io(beside.data, "write", err);
        if (file >= 0 && close(file) != 0 && status == EC_OK)
            status = fail_io(beside.data, "write", err);
        if (status == EC_OK && rename(beside.data, path.data) != 0)
            status = fail_io(path.data, "write", err);
        if (status != EC_OK) unlink(beside.data);
    }
    ec_text_release(&path);
    ec_text_release(&beside);
    return status;
}

static bool is_file(const ec_work *work, const char *key, const char *suffix) {
    ec_text path;
    if (path_of(&path, work, key, suffix, NULL) != EC_OK) return false;
    const bool found = access(path.data, R_OK) == 0;
    ec_text_release(&path);
    return found;
}

static void delete_file(const ec_work *work, const char *key, const char *suffix) {
    ec_text path;
    if (path_of(&path, work, key, suffix, NULL) != EC_OK) return;
    unlink(path.data);
    ec_text_release(&path);
}

/* ---- rows --------------------------------------------------------------------------------- */

/* A file of rows: this, the frames, the rows. Read by the machine that wrote it, so as it is in
 * memory. */
typedef struct {
    char magic[8];
    uint64_t n_points, n_images, grid;
    char frames_hash[EC_HASH_SIZE], rows_hash[EC_HASH_SIZE];
} rows_head;

static const char MAGIC[8] = "eyerows1";

static size_t rows_bytes(size_t n_points, size_t grid) {
    return n_points * grid * grid * sizeof(float);
}

static rows_head describe(const ec_similarity *rows, size_t n_points, size_t n_images) {
    rows_head head = {.n_points = n_points, .n_images = n_images, .grid = rows->grid};
    memcpy(head.magic, MAGIC, sizeof MAGIC);
    ec_hash_bytes(head.frames_hash, rows->frames, n_images * sizeof *rows->frames);
    ec_hash_bytes(head.rows_hash, rows->rows, rows_bytes(n_points, rows->grid));
    return head;
}

ec_status ec_work_save_rows(const ec_work *work, const char *key, const ec_similarity *rows,
                            size_t n_points, size_t n_images, ec_error *err) {
    rows_head head = describe(rows, n_points, n_images);
    const struct iovec parts[] = {{&head, sizeof head},
                                  {(void *)rows->frames, n_images * sizeof *rows->frames},
                                  {rows->rows, rows_bytes(n_points, rows->grid)}};
    return write_file(work, key, ROWS, parts, 3, err);
}

bool ec_work_has_rows(const ec_work *work, const char *key) {
    return is_file(work, key, ROWS);
}

void ec_work_release_rows(ec_similarity *rows) {
    free(rows->rows);
    free((void *)rows->frames);
    *rows = (ec_similarity){0};
}

void ec_work_delete_rows(const ec_work *work, const char *key) {
    delete_file(work, key, ROWS);
}

/* Reads what the head promises; false: it is not there, or not what was written. */
static bool read_rows(ec_similarity *out, int file, const rows_head *head) {
    ec_c_frame *frames = (ec_c_frame *)out->frames;
    if (!read_all(file, frames, head->n_images * sizeof *frames) ||
        !read_all(file, out->rows, rows_bytes(head->n_points, head->grid)))
        return false;
    const rows_head now = describe(out, head->n_points, head->n_images);
    return memcmp(now.frames_hash, head->frames_hash, EC_HASH_SIZE) == 0 &&
           memcmp(now.rows_hash, head->rows_hash, EC_HASH_SIZE) == 0;
}

ec_status ec_work_load_rows(ec_similarity *rows, bool *found, const ec_work *work, const char *key,
                            size_t n_points, size_t n_images, ec_error *err) {
    ec_text path;
    rows_head head;
    struct stat info;
    *rows = (ec_similarity){0};
    *found = false;
    ec_status status = path_of(&path, work, key, ROWS, err);
    if (status != EC_OK) return status;
    const int file = open(path.data, O_RDONLY | O_CLOEXEC);
    if (file < 0 && errno != ENOENT) status = fail_io(path.data, "open", err);
    const bool fits = file >= 0 && read_all(file, &head, sizeof head) && fstat(file, &info) == 0 &&
                      memcmp(head.magic, MAGIC, sizeof MAGIC) == 0 && head.n_points == n_points &&
                      head.n_images == n_images && head.grid > 0 && head.grid <= 4096 &&
                      (uint64_t)info.st_size == sizeof head + n_images * sizeof(ec_c_frame) +
                                                    rows_bytes(n_points, head.grid);
    if (fits) {
        *rows = (ec_similarity){.grid = head.grid,
                                .rows = malloc(rows_bytes(n_points, head.grid) + 1),
                                .frames = malloc(n_images * sizeof(ec_c_frame) + 1)};
        if (rows->rows == NULL || rows->frames == NULL)
            status = ec_no_memory(path.data, err);
        else
            *found = read_rows(rows, file, &head);
    }
    if (!*found) ec_work_release_rows(rows);
    if (!*found && file >= 0 && status == EC_OK) unlink(path.data);
    if (file >= 0) close(file);
    ec_text_release(&path);
    return status;
}

/* ---- numbers of an image ------------------------------------------------------------------ */

/* A file of numbers: this, the numbers. */
typedef struct {
    char magic[8];
    uint64_t n;
    char hash[EC_HASH_SIZE];
} kept_head;

static const char KEPT_MAGIC[8] = "eyekept1";

static kept_head describe_kept(const float *values, size_t n) {
    kept_head head = {.n = n};
    memcpy(head.magic, KEPT_MAGIC, sizeof KEPT_MAGIC);
    ec_hash_bytes(head.hash, values, n * sizeof *values);
    return head;
}

ec_status ec_work_keep(const ec_work *work, const char *key, const float *values, size_t n,
                       ec_error *err) {
    kept_head head = describe_kept(values, n);
    const struct iovec parts[] = {{&head, sizeof head}, {(void *)values, n * sizeof *values}};
    return write_file(work, key, KEPT, parts, 2, err);
}

bool ec_work_is_kept(const ec_work *work, const char *key) {
    return is_file(work, key, KEPT);
}

void ec_work_delete_kept(const ec_work *work, const char *key) {
    delete_file(work, key, KEPT);
}

/* False: what is in the file is not what was written. */
static bool read_kept(float *values, size_t n, int file) {
    kept_head head;
    if (!read_all(file, &head, sizeof head) || head.n != n ||
        !read_all(file, values, n * sizeof *values))
        return false;
    const kept_head now = describe_kept(values, n);
    return memcmp(now.magic, head.magic, sizeof now.magic) == 0 &&
           memcmp(now.hash, head.hash, EC_HASH_SIZE) == 0;
}

ec_status ec_work_get_kept(float **values, const ec_work *work, const char *key, size_t n,
                           ec_error *err) {
    ec_text path;
    *values = NULL;
    ec_status status = path_of(&path, work, key, KEPT, err);
    if (status != EC_OK) return status;
    const int file = open(path.data, O_RDONLY | O_CLOEXEC);
    if (file < 0 && errno != ENOENT) status = fail_io(path.data, "open", err);
    if (file >= 0) {
        *values = malloc(n * sizeof **values + 1);
        if (*values == NULL) {
            status = ec_no_memory(path.data, err);
        } else if (!read_kept(*values, n, file)) {
            free(*values);
            *values = NULL;
            unlink(path.data);
        }
        close(file);
    }
    ec_text_release(&path);
    return status;
}
