/* attempts.c - see attempts.h
 *
 * Every file is written once, whole, by a rename, and its being there is what it says; so there is
 * no state to repair after a kill -9. The budget counts from the same files.
 */
#include "study/attempts.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

enum { MAX_ATTEMPTS = 1000000 };

/* ---- names -------------------------------------------------------------------------------- */

void ec_attempts_folder_name(ec_text *to, const char *candidate) {
    for (const char *c = candidate; *c != '\0'; c++) {
        if (*c == '/' || *c == '%' || (*c == '.' && c == candidate))
            ec_text_format(to, "%%%02X", (unsigned char)*c);
        else
            ec_text_add_bytes(to, c, 1);
    }
}

char *ec_attempts_folder_candidate(const char *folder_name) {
    ec_text name = {0}, again = {0};
    for (const char *c = folder_name; *c != '\0'; c++) {
        unsigned code;
        if (*c == '%' && sscanf(c + 1, "%2X", &code) == 1) {
            const char byte = (char)code;
            ec_text_add_bytes(&name, &byte, 1);
            c += c[1] != '\0' && c[2] != '\0' ? 2 : 1;
        } else {
            ec_text_add_bytes(&name, c, 1);
        }
    }
    if (name.data != NULL) ec_attempts_folder_name(&again, name.data);
    const bool same = again.data != NULL && strcmp(again.data, folder_name) == 0;
    ec_text_release(&again);
    if (!same) ec_text_release(&name);
    return name.data;
}

/* ---- paths -------------------------------------------------------------------------------- */

/* folder/name, or folder/attempt/name; owned. */
static char *path_in(const char *folder, size_t attempt, const char *name) {
    ec_text path = {0};
    if (attempt > 0)
        ec_text_format(&path, "%s/%zu/%s", folder, attempt, name);
    else
        ec_text_format(&path, "%s/%s", folder, name);
    if (path.failed) ec_text_release(&path);
    return path.data;
}

static ec_status exists(bool *out, const char *folder, size_t attempt, const char *name,
                        ec_error *err) {
    char *path = path_in(folder, attempt, name);
    if (path == NULL) return ec_no_memory(folder, err);
    *out = access(path, F_OK) == 0;
    free(path);
    return EC_OK;
}

ec_status ec_attempts_make_folder(const char *path, ec_error *err) {
    if (mkdir(path, 0777) == 0 || errno == EEXIST) return EC_OK;
    return ec_fail(err, EC_ERR_IO, "%s: cannot make the folder: %s", path, strerror(errno));
}

/* ---- the state ---------------------------------------------------------------------------- */

/* The number that a folder is named; 0: none. */
static size_t attempt_number(const char *name) {
    if (!isdigit((unsigned char)*name) || *name == '0') return 0;
    char *end;
    const unsigned long n = strtoul(name, &end, 10);
    return *end == '\0' && n <= MAX_ATTEMPTS ? n : 0;
}

static ec_status count_attempts(size_t *n, const char *folder, ec_error *err) {
    *n = 0;
    DIR *entries = opendir(folder);
    if (entries == NULL && (errno == ENOENT || errno == ENOTDIR)) return EC_OK;
    if (entries == NULL)
        return ec_fail(err, EC_ERR_IO, "%s: cannot list: %s", folder, strerror(errno));
    for (const struct dirent *e; (e = readdir(entries)) != NULL;) {
        const size_t number = attempt_number(e->d_name);
        if (number > *n) *n = number;
    }
    closedir(entries);
    return EC_OK;
}

/* How the command of an attempt ended; *ended is false where nobody saw it end. */
static ec_status read_end(bool *ended, ec_process_end *end, const char *folder, size_t attempt,
                          const char *name, ec_error *err) {
    char *path = path_in(folder, attempt, name);
    if (path == NULL) return ec_no_memory(folder, err);
    ec_status status = ec_process_end_read(end, path, err);
    *ended = status == EC_OK;
    if (status == EC_ERR_NOT_FOUND) status = EC_OK;
    free(path);
    return status;
}

static bool went_well(const ec_process_end *end) {
    return end->how == EC_PROCESS_EXITED && end->code == 0;
}

static ec_status read_attempt(ec_attempts *s, const char *folder, size_t attempt, bool counts,
                              bool withdrawn, ec_error *err) {
    bool train_begun = false, train_ended = false, evaluate_ended = false;
    ec_process_end train, evaluate;
    ec_status status = exists(&train_begun, folder, attempt, "train.log", err);
    if (status == EC_OK) status = read_end(&train_ended, &train, folder, attempt, "train.end", err);
    if (status == EC_OK)
        status = read_end(&evaluate_ended, &evaluate, folder, attempt, "evaluate.end", err);
    if (status != EC_OK) return status;
    /* After one that ended well another is begun where its model was removed. */
    if (train_begun || train_ended) s->trained = train_ended && went_well(&train);
    if (train_ended) {
        s->seconds += train.seconds;
        if (counts && !went_well(&train) && !ec_process_was_stopped(&train)) s->n_failed++;
    }
    if (!evaluate_ended) return EC_OK;
    s->seconds += evaluate.seconds;
    if (went_well(&evaluate) && !withdrawn) {
        s->evaluated = attempt;
        s->evaluated_since = evaluate.started;
    }
    /* One that ended well and was told is not looked at again: so its results could not be read. */
    if (counts && !ec_process_was_stopped(&evaluate)) s->n_failed++;
    return EC_OK;
}

/* The number of an attempt in a file; 0 where that is not there. */
static ec_status read_number(size_t *attempt, const char *folder, const char *name, ec_error *err) {
    *attempt = 0;
    ec_text text;
    char *path = path_in(folder, 0, name);
    if (path == NULL) return ec_no_memory(folder, err);
    ec_status status = ec_file_read(&text, path, 64, err);
    free(path);
    if (status == EC_ERR_NOT_FOUND) return EC_OK;
    if (status != EC_OK) return status;
    *attempt = strtoul(text.data, NULL, 10);
    ec_text_release(&text);
    return EC_OK;
}

ec_status ec_attempts_read(ec_attempts *out, const char *folder, ec_error *err) {
    *out = (ec_attempts){0};
    size_t forgiven, withdrawn; /* the last attempts that do not count as failed, as evaluated */
    ec_status status = count_attempts(&out->n, folder, err);
    if (status != EC_OK || out->n == 0) return status;
    status = read_number(&forgiven, folder, "retried", err);
    if (status == EC_OK) status = read_number(&withdrawn, folder, "withdrawn", err);
    for (size_t k = 1; status == EC_OK && k <= out->n; k++)
        status = read_attempt(out, folder, k, k > forgiven, k <= withdrawn, err);
    bool train_begun = false, evaluate_begun = false;
    if (status == EC_OK) status = exists(&train_begun, folder, out->n, "train.log", err);
    if (status == EC_OK) status = exists(&evaluate_begun, folder, out->n, "evaluate.out", err);
    if (status == EC_OK) status = exists(&out->gave_up, folder, 0, "failed", err);
    bool has_model = false; /* somebody may have made room on the disk */
    if (status == EC_OK) status = exists(&has_model, folder, 0, "out", err);
    out->trained = out->trained && has_model;
    out->can_train = !train_begun && !evaluate_begun;
    out->can_evaluate = !evaluate_begun;
    return status;
}

/* ---- changes ------------------------------------------------------------------------------ */

ec_status ec_attempts_begin(ec_attempts *state, const char *folder, ec_error *err) {
    ec_text path = {0};
    ec_text_format(&path, "%s/%zu", folder, state->n + 1);
    ec_status status = path.failed ? ec_no_memory(folder, err) : EC_OK;
    if (status == EC_OK && mkdir(path.data, 0777) != 0)
        status =
            ec_fail(err, EC_ERR_IO, "%s: cannot make the folder: %s", path.data, strerror(errno));
    if (status == EC_OK) {
        state->n++;
        state->can_train = state->can_evaluate = true;
    }
    ec_text_release(&path);
    return status;
}

static ec_status write_in(const char *folder, const char *name, const char *text, ec_error *err) {
    char *path = path_in(folder, 0, name);
    if (path == NULL) return ec_no_memory(folder, err);
    const ec_status status = ec_file_write(path, text, strlen(text), err);
    free(path);
    return status;
}

ec_status ec_attempts_give_up(const char *folder, const char *why, ec_error *err) {
    ec_text text = {0};
    ec_text_format(&text, "%s\n", why);
    const ec_status status =
        text.failed ? ec_no_memory(folder, err) : write_in(folder, "failed", text.data, err);
    ec_text_release(&text);
    return status;
}

ec_text ec_attempts_why_given_up(const char *folder) {
    ec_text text = {0};
    char *path = path_in(folder, 0, "failed");
    if (path != NULL) ec_file_read(&text, path, 65536, NULL);
    free(path);
    while (text.size_bytes > 0 && text.data[text.size_bytes - 1] == '\n')
        text.data[--text.size_bytes] = '\0';
    return text;
}

/* The number of the last attempt there is, into a file. */
static ec_status write_last(const char *folder, const char *name, ec_error *err) {
    size_t n;
    char text[32];
    const ec_status status = count_attempts(&n, folder, err);
    snprintf(text, sizeof text, "%zu\n", n);
    return status == EC_OK ? write_in(folder, name, text, err) : status;
}

ec_status ec_attempts_evaluate_anew(const char *folder, ec_error *err) {
    const ec_status status = write_last(folder, "withdrawn", err);
    return status == EC_OK ? ec_attempts_begin_anew(folder, err) : status;
}

ec_status ec_attempts_begin_anew(const char *folder, ec_error *err) {
    ec_status status = write_last(folder, "retried", err);
    if (status != EC_OK) return status;
    char *path = path_in(folder, 0, "failed");
    if (path == NULL) return ec_no_memory(folder, err);
    if (unlink(path) != 0 && errno != ENOENT)
        status = ec_fail(err, EC_ERR_IO, "%s: cannot remove: %s", path, strerror(errno));
    free(path);
    return status;
}

/* ---- locks -------------------------------------------------------------------------------- */

ec_status ec_attempts_lock(int *fd, const char *folder, bool wait, ec_error *err) {
    *fd = -1;
    ec_status status = ec_attempts_make_folder(folder, err);
    if (status != EC_OK) return status;
    char *path = path_in(folder, 0, ".lock");
    if (path == NULL) return ec_no_memory(folder, err);
    const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    int locked = -1;
    if (file >= 0)
        while ((locked = flock(file, wait ? LOCK_EX : LOCK_EX | LOCK_NB)) != 0 && errno == EINTR)
            continue;
    if (locked == 0)
        *fd = file;
    else if (file < 0 || errno != EWOULDBLOCK)
        status = ec_fail(err, EC_ERR_IO, "%s: cannot lock: %s", path, strerror(errno));
    if (locked != 0 && file >= 0) close(file);
    free(path);
    return status;
}

/* Explicitly, since a command that is left behind may have the descriptor too. */
void ec_attempts_unlock(int fd) {
    if (fd < 0) return;
    flock(fd, LOCK_UN);
    close(fd);
}

void ec_attempts_leave_lock(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

bool ec_attempts_is_locked(const char *folder) {
    char *path = path_in(folder, 0, ".lock");
    const int file = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    free(path);
    if (file < 0) return false;
    const bool locked = flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    ec_attempts_unlock(file);
    return locked;
}
