/* study.c - opening a study, and what it declares */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "eyechart/spelling.h"
#include "sheet/builtin.h"
#include "sheet/names.h"
#include "study/study_internal.h"

/* ---- open, close -------------------------------------------------------------------------- */

/* The last component of a path, without slashes at its end; owned. NULL: out of memory. */
static char *folder_name(const char *path) {
    char *real = realpath(path, NULL); /* "." and "../x/" have a name too */
    if (real == NULL) return strdup(path);
    const char *slash = strrchr(real, '/');
    char *name = strdup(slash != NULL && slash[1] != '\0' ? slash + 1 : real);
    free(real);
    return name;
}

static ec_status list_candidates(ec_study *study, ec_error *err) {
    const ec_sheet *sheet = &study->declared.sheet;
    free(study->candidates);
    study->candidates = malloc((sheet->n_candidates + 1) * sizeof *study->candidates);
    if (study->candidates == NULL) return ec_no_memory(study->path, err);
    for (size_t i = 0; i < sheet->n_candidates; i++)
        study->candidates[i] = (ec_candidate){sheet->candidates[i], sheet->numbers.cost[i]};
    free(study->name);
    study->name = sheet->name != NULL ? strdup(sheet->name) : folder_name(study->path);
    return study->name != NULL ? EC_OK : ec_no_memory(study->path, err);
}

ec_status ec_study_load_declaration(ec_study *study, ec_error *err) {
    ec_text path = {0}, yaml = {0};
    ec_declaration declared = {0};
    ec_origins origins = {0};
    ec_text_format(&path, "%s/study.yaml", study->path);
    ec_status status = path.failed ? ec_no_memory(study->path, err) : EC_OK;
    if (status == EC_OK) status = ec_file_read(&yaml, path.data, EC_DECLARATION_MAX_BYTES, err);
    if (status == EC_OK)
        status = ec_declaration_read(&declared, path.data, yaml.data, yaml.size_bytes, err);
    ec_text_release(&path);
    if (status == EC_OK) status = ec_origins_resolve(&origins, study->path, &declared, err);
    if (status != EC_OK) {
        ec_declaration_release(&declared);
        ec_text_release(&yaml);
        return status;
    }
    ec_origins_release(&study->origins);
    ec_declaration_release(&study->declared);
    ec_text_release(&study->yaml);
    study->declared = declared;
    study->origins = origins;
    study->yaml = yaml;
    return list_candidates(study, err);
}

static ec_status check_folder(const char *path, ec_error *err) {
    struct stat info;
    if (stat(path, &info) != 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            return ec_fail(err, EC_ERR_IO, "%s: %s", path, strerror(errno));
        return ec_fail(err, EC_ERR_NOT_FOUND,
                       "%s: no such folder, and no built-in study of that name (%s, %s); "
                       "'eyechart study new %s' makes a new one",
                       path, ec_study_builtin(0), ec_study_builtin(1), path);
    }
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    if (!S_ISDIR(info.st_mode) &&
        (strcmp(name, "study.yaml") == 0 || strcmp(name, "study.db") == 0))
        return ec_fail(err, EC_ERR_NOT_FOUND,
                       "%s: a file of a study; name the folder that it is in", path);
    if (!S_ISDIR(info.st_mode))
        return ec_fail(err, EC_ERR_NOT_FOUND,
                       "%s: a file, expected the folder of a study; 'eyechart study new FOLDER "
                       "--import %s' makes one of it",
                       path, path);
    return EC_OK;
}

static ec_status open_folder(ec_study *study, ec_error *err) {
    ec_status status = check_folder(study->path, err);
    if (status != EC_OK) return status;
    status = ec_study_load_declaration(study, err);
    if (status == EC_ERR_NOT_FOUND)
        return ec_fail(
            err, status,
            "%s: no study.yaml in it; 'eyechart study new %s' makes one, or name another folder",
            study->path, study->path);
    if (status == EC_OK)
        status = ec_database_open(&study->db, study->path, &ec_study_migrations, err);
    if (status != EC_OK) return status;

    ec_numbers numbers;
    status = ec_study_read_all(&numbers, study, err); /* for the costs that were imported */
    if (status == EC_OK) ec_numbers_release(&numbers);
    return status;
}

static ec_status open_study(ec_study *study, const char *path, ec_error *err) {
    study->path = strdup(path);
    if (study->path == NULL) return ec_no_memory(path, err);
    study->declared = ec_declaration_default();
    ec_status status = ec_builtin_read(&study->declared.sheet, path, err);
    if (status == EC_ERR_NOT_FOUND) return open_folder(study, err);
    study->built_in = true;
    if (status == EC_OK) status = ec_origins_resolve(&study->origins, path, &study->declared, err);
    return status == EC_OK ? list_candidates(study, err) : status;
}

const char *ec_study_builtin(size_t i) {
    return ec_builtin_name(i);
}

ec_status ec_study_open(ec_study **out, const char *path, ec_error *err) {
    *out = NULL;
    ec_study *study = calloc(1, sizeof *study);
    if (study == NULL) return ec_no_memory(path, err);
    const ec_status status = open_study(study, path, err);
    if (status == EC_OK)
        *out = study;
    else
        ec_study_close(study);
    return status;
}

void ec_study_close(ec_study *study) {
    if (study == NULL) return;
    ec_database_close(&study->db);
    ec_origins_release(&study->origins);
    ec_declaration_release(&study->declared);
    ec_text_release(&study->yaml);
    free(study->candidates);
    free(study->name);
    free(study->path);
    free(study);
}

/* ---- what it declares --------------------------------------------------------------------- */

const char *ec_study_name(const ec_study *study) {
    return study->name;
}
const char *ec_study_path(const ec_study *study) {
    return study->path;
}
bool ec_study_writable(const ec_study *study) {
    return !study->built_in && study->db.writable;
}
size_t ec_study_n_candidates(const ec_study *study) {
    return study->declared.sheet.n_candidates;
}
size_t ec_study_n_benchmarks(const ec_study *study) {
    return study->declared.sheet.n_benchmarks;
}
const ec_candidate *ec_study_candidate(const ec_study *study, size_t i) {
    return &study->candidates[i];
}
const ec_benchmark *ec_study_benchmark(const ec_study *study, size_t b) {
    return &study->declared.sheet.benchmarks[b];
}
ec_policy ec_study_policy(const ec_study *study) {
    return study->declared.policy;
}
uint64_t ec_study_seed(const ec_study *study) {
    return study->declared.seed;
}

/* ---- names -------------------------------------------------------------------------------- */

static const char *name_at(const void *names, size_t i) {
    return ((const char *const *)names)[i];
}

static ec_status unknown(const ec_study *study, const char *what, const char *name,
                         char *const *names, size_t n, ec_error *err) {
    const size_t nearest = ec_spelling_nearest(name, name_at, names, n);
    if (nearest != EC_SPELLING_NONE)
        return ec_fail(err, EC_ERR_NOT_FOUND, "%s: no %s '%.80s'; did you mean '%.80s'?",
                       study->path, what, name, names[nearest]);
    return ec_fail(err, EC_ERR_NOT_FOUND,
                   "%s: no %s '%.80s'; 'eyechart study show %s' lists all %zu", study->path, what,
                   name, study->path, n);
}

ec_status ec_study_find_candidate(size_t *out, const ec_study *study, const char *name,
                                  ec_error *err) {
    const ec_sheet *sheet = &study->declared.sheet;
    *out = ec_sheet_find_candidate(sheet, name);
    if (*out < sheet->n_candidates) return EC_OK;
    return unknown(study, "candidate", name, sheet->candidates, sheet->n_candidates, err);
}

ec_status ec_study_find_benchmark(size_t *out, const ec_study *study, const char *name,
                                  ec_error *err) {
    const ec_sheet *sheet = &study->declared.sheet;
    *out = ec_sheet_find_benchmark(sheet, name);
    if (*out < sheet->n_benchmarks) return EC_OK;
    return unknown(study, "benchmark", name, sheet->benchmark_names, sheet->n_benchmarks, err);
}
