/* create.c - a new study
 *
 * Everything is made in a temporary folder and then renamed, so that there is a whole study or
 * none. Into a folder that exists already the two files are moved one by one, study.yaml last: it
 * is what makes a folder a study.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "sheet/builtin.h"
#include "study/exchange.h"

static const char *const files[] = {"study.db", "study.yaml"}; /* in the order of moving them */

/* A path of two parts; false when it does not fit. */
static bool join(char path[4096], const char *folder, const char *file) {
    const int length = snprintf(path, 4096, "%s/%s", folder, file);
    return length > 0 && length < 4096;
}

static ec_status fail_io(ec_error *err, const char *path, const char *what) {
    return ec_fail(err, EC_ERR_IO, "%s: cannot %s: %s; no study was made", path, what,
                   strerror(errno));
}

static ec_status check_parent(const char *path, ec_error *err) {
    char parent[4096];
    const char *slash = strrchr(path, '/');
    const int length = slash == NULL ? 0 : slash == path ? 1 : (int)(slash - path);
    if (length >= (int)sizeof parent)
        return ec_fail(err, EC_ERR_ARG, "%s: the path is too long", path);
    snprintf(parent, sizeof parent, "%.*s", length > 0 ? length : 1, length > 0 ? path : ".");
    return ec_database_check_folder(parent, path, err);
}

/* *exists tells whether there is a folder; a study in it is an error. */
static ec_status look_at_target(bool *exists, const char *path, ec_error *err) {
    struct stat info;
    *exists = stat(path, &info) == 0;
    if (!*exists && errno != ENOENT) return fail_io(err, path, "make a study");
    if (!*exists) return check_parent(path, err);
    if (!S_ISDIR(info.st_mode))
        return ec_fail(err, EC_ERR_EXISTS, "%s: is a file; name a folder for the study", path);
    for (int k = 0; k < 2; k++) {
        char inside[4096];
        if (!join(inside, path, files[k]))
            return ec_fail(err, EC_ERR_ARG, "%s: the path is too long", path);
        if (access(inside, F_OK) == 0)
            return ec_fail(err, EC_ERR_EXISTS,
                           "%s: is there already; name another folder, nothing was changed",
                           inside);
    }
    return ec_database_check_folder(path, path, err);
}

/* ---- content ------------------------------------------------------------------------------ */

static bool is_built_in(const char *name) {
    for (size_t i = 0; ec_study_builtin(i) != NULL; i++)
        if (strcmp(ec_study_builtin(i), name) == 0) return true;
    return false;
}

/* Names, groups and costs are declared; scores and results go to the database, where later imports
 * can replace them. */
static ec_status write_yaml(const char *path, const ec_sheet *sheet, ec_error *err) {
    ec_text text = {0};
    if (sheet == NULL) {
        ec_text_add(&text, ec_declaration_example());
    } else {
        ec_declaration declaration = ec_declaration_default();
        ec_numbers none = {0};
        ec_status status = ec_numbers_init(&none, sheet->n_candidates, sheet->n_benchmarks, err);
        if (status != EC_OK) return status;
        memcpy(none.cost, sheet->numbers.cost, sheet->n_candidates * sizeof *none.cost);
        declaration.sheet = *sheet;
        declaration.sheet.numbers = none;
        ec_declaration_write(&text, &declaration);
        ec_numbers_release(&none);
    }
    const ec_status status = text.failed ? ec_no_memory(path, err)
                                         : ec_file_write(path, text.data, text.size_bytes, err);
    ec_text_release(&text);
    return status;
}

/* Opening a folder with a study.yaml makes its study.db; closing it leaves that one file. */
static ec_status write_database(const char *folder, const ec_sheet *sheet, const char *source,
                                ec_error *err) {
    ec_study *study;
    ec_status status = ec_study_open(&study, folder, err);
    if (status != EC_OK) return status;
    int64_t event;
    ec_import_summary summary = {0};
    if (sheet != NULL) {
        status = ec_study_begin_change(&event, study, "new", NULL, source, err);
        if (status == EC_OK)
            status = ec_database_end(
                &study->db, ec_exchange_merge(&summary, study, sheet, source, event, err), err);
    }
    ec_study_close(study);
    return status;
}

static ec_status fill(const char *folder, const ec_sheet *sheet, const char *source,
                      ec_error *err) {
    char yaml[4096];
    if (!join(yaml, folder, "study.yaml"))
        return ec_fail(err, EC_ERR_ARG, "%s: the path is too long", folder);
    const ec_status status = write_yaml(yaml, sheet, err);
    return status == EC_OK ? write_database(folder, sheet, source, err) : status;
}

/* ---- folders ------------------------------------------------------------------------------ */

static ec_status move_files(const char *from, const char *to, ec_error *err) {
    for (int k = 0; k < 2; k++) {
        char old[4096], new[4096];
        if (!join(old, from, files[k]) || !join(new, to, files[k]))
            return ec_fail(err, EC_ERR_ARG, "%s: the path is too long", to);
        /* Unlike rename, link never replaces a file; not every file system has it. */
        if (link(old, new) != 0 && (errno == EEXIST || rename(old, new) != 0)) {
            const ec_status status =
                errno == EEXIST
                    ? ec_fail(err, EC_ERR_EXISTS, "%s: is there already; nothing was changed", new)
                    : fail_io(err, new, "make it");
            if (k > 0 && join(new, to, files[0])) unlink(new);
            return status;
        }
    }
    return EC_OK;
}

static void remove_folder(const char *folder) {
    static const char *const rests[] = {"study.yaml", "study.db", "study.db-wal", "study.db-shm"};
    for (int k = 0; k < 4; k++) {
        char path[4096];
        if (join(path, folder, rests[k])) unlink(path);
    }
    rmdir(folder);
}

static ec_status make(const char *path, bool exists, const ec_sheet *sheet, const char *source,
                      ec_error *err) {
    char folder[4096];
    const int length =
        exists ? snprintf(folder, sizeof folder, "%s/.study.%ld.tmp", path, (long)getpid())
               : snprintf(folder, sizeof folder, "%s.%ld.tmp", path, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof folder)
        return ec_fail(err, EC_ERR_ARG, "%s: the path is too long", path);
    remove_folder(folder); /* left by a killed process that had the same number */
    if (mkdir(folder, 0777) != 0) return fail_io(err, path, "make a folder there");
    ec_status status = fill(folder, sheet, source, err);
    if (status == EC_OK && exists) status = move_files(folder, path, err);
    if (status == EC_OK && !exists && rename(folder, path) != 0)
        status = fail_io(err, path, "make it");
    if (status != EC_OK || exists) remove_folder(folder);
    return status;
}

ec_status ec_study_create_from(const char *path, const char *import_path,
                               const ec_import_options *options, ec_import_report *report,
                               ec_error *err) {
    static const ec_import_options none = {0};
    const ec_sheet_reading how = {options != NULL ? options : &none, NULL, report};
    if (report != NULL) *report = (ec_import_report){0};
    char trimmed[4096]; /* without slashes at its end, for the temporary beside it */
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') length--;
    if (length == 0 || length >= sizeof trimmed)
        return ec_fail(err, EC_ERR_ARG, "the path of the study is %s",
                       length == 0 ? "empty" : "too long");
    memcpy(trimmed, path, length);
    trimmed[length] = '\0';

    bool exists;
    ec_sheet sheet = {0};
    ec_status status = look_at_target(&exists, trimmed, err);
    if (status != EC_OK) return status;
    if (import_path != NULL)
        status = is_built_in(import_path)
                     ? ec_builtin_read(&sheet, import_path, err)
                     : ec_exchange_read(&sheet, import_path, EC_FORMAT_BY_NAME, &how, err);
    if (status == EC_OK)
        status = make(trimmed, exists, import_path != NULL ? &sheet : NULL, import_path, err);
    ec_sheet_release(&sheet);
    if (status != EC_OK && report != NULL) ec_import_report_release(report);
    return status;
}
