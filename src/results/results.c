/* results.c - see results.h: lines of an evaluation, and the collection of results */
#include "results/results.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "base/number.h"
#include "eyechart/asking.h"
#include "eyechart/spelling.h"
#include "sheet/notes.h"
#include "study/study_internal.h"

/* ---- the collection ----------------------------------------------------------------------- */

static size_t find_benchmark(const ec_sheet *sheet, const char *name) {
    const size_t exact = ec_sheet_find_benchmark(sheet, name), m = sheet->n_benchmarks;
    if (exact < m) return exact;
    size_t found = m;
    for (size_t b = 0; b < m; b++) {
        if (!ec_spelling_same(sheet->benchmark_names[b], name)) continue;
        if (found < m) return m; /* several */
        found = b;
    }
    return found;
}

ec_found_result *ec_results_of(const ec_results *results, size_t benchmark) {
    for (size_t k = 0; k < results->n; k++)
        if (results->items[k].benchmark == benchmark) return &results->items[k];
    return NULL;
}

ec_status ec_results_set(ec_results *results, size_t benchmark, double value, double se,
                         const char *file, const char *from, ec_error *err) {
    ec_found_result new = {benchmark, value, se, file != NULL ? strdup(file) : NULL,
                           from != NULL ? strdup(from) : NULL};
    ec_found_result *old = ec_results_of(results, benchmark);
    bool failed = (file != NULL && new.file == NULL) || (from != NULL && new.from == NULL);
    if (!failed && old == NULL) {
        ec_found_result *items = ec_array_grow(results->items, results->n, sizeof *items);
        failed = items == NULL;
        if (!failed) {
            results->items = items;
            old = &items[results->n++];
            *old = (ec_found_result){0};
        }
    }
    if (failed) {
        free(new.file);
        free(new.from);
        return ec_fail(err, EC_ERR_NOMEM, "out of memory for results");
    }
    free(old->file);
    free(old->from);
    *old = new;
    return EC_OK;
}

ec_status ec_results_note(ec_results *results, ec_error *err, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const ec_status status = ec_notes_add(&results->notes, &results->n_notes, err, format, args);
    va_end(args);
    return status;
}

void ec_results_release(ec_results *results) {
    for (size_t k = 0; k < results->n; k++) {
        free(results->items[k].file);
        free(results->items[k].from);
    }
    free(results->items);
    ec_notes_release(&results->notes, &results->n_notes);
    *results = (ec_results){0};
}

ec_status ec_results_read(ec_results *out, const ec_study *study, const char *const *paths,
                          size_t n_paths, bool limited, ec_error *err) {
    *out = (ec_results){0};
    const ec_results_reader r = {
        .results = out, .declared = &study->declared, .err = err, .limited = limited};
    const ec_status status = ec_results_read_paths(&r, paths, n_paths);
    if (status != EC_OK) ec_results_release(out);
    return status;
}

static const char *name_at(const void *names, size_t i) {
    return ((const char *const *)names)[i];
}

/* ---- lines -------------------------------------------------------------------------------- */

/* The text being read, and where. */
typedef struct {
    const ec_results_reader *r;
    const char *folder; /* NULL: relative paths begin here */
    size_t line;
} reader;

/* The name in the command is wrong, whatever the candidate: EC_ERR_NOT_FOUND. */
static ec_status fail_unknown(const reader *at, const char *name) {
    const ec_results_reader *r = at->r;
    const ec_sheet *sheet = &r->declared->sheet;
    const size_t nearest =
        ec_spelling_nearest(name, name_at, sheet->benchmark_names, sheet->n_benchmarks);
    if (nearest != EC_SPELLING_NONE)
        ec_sheet_fail(r->err, r->path, at->line, "no benchmark '%.80s'; did you mean '%.80s'?",
                      name, sheet->benchmark_names[nearest]);
    else
        ec_sheet_fail(r->err, r->path, at->line,
                      "no benchmark '%.80s' in the study; print what is no result differently "
                      "or to standard error",
                      name);
    if (r->err != NULL) r->err->status = EC_ERR_NOT_FOUND;
    return EC_ERR_NOT_FOUND;
}

/* Cuts blanks off both ends. */
static char *trim(char *text) {
    while (isspace((unsigned char)*text)) text++;
    size_t n = strlen(text);
    while (n > 0 && isspace((unsigned char)text[n - 1])) text[--n] = '\0';
    return text;
}

static ec_status read_assignment(const reader *at, char *name, char *number) {
    const ec_results_reader *r = at->r;
    const ec_sheet *sheet = &r->declared->sheet;
    name = trim(name);
    const size_t b = find_benchmark(sheet, name);
    const bool known = b < sheet->n_benchmarks;
    ec_result result = {.se = NAN};
    ec_number_fault fault = ec_number_read(&result.value, number);
    if (known && fault == EC_NUMBER_GARBAGE && ec_result_read(&result, number, NULL) == EC_OK)
        fault = EC_NUMBER_OK; /* with a standard error */
    if (known && fault != EC_NUMBER_OK)
        return ec_sheet_fail(r->err, r->path, at->line, "%.80s: '%.80s' %s", name, trim(number),
                             ec_number_fault_words(fault));
    if (known)
        return ec_results_set(r->results, b, result.value, result.se > 0.0 ? result.se : NAN, NULL,
                              NULL, r->err);
    const bool is_word = *name != '\0' && strpbrk(name, " \t=:;,\"'(){}[]") == NULL;
    const bool is_value = fault == EC_NUMBER_OK || fault == EC_NUMBER_NOT_FINITE;
    return !is_word || !is_value ? EC_OK : fail_unknown(at, name);
}

/* Whether a line is the path of a results file, by its end; *path is where that is. A line with
 * blanks or quotes in it is a sentence unless there is such a file. */
static bool names_file(ec_text *path, bool *there, const reader *at, const char *line) {
    static const char *const ends[] = {".json", "_acc.csv", "_score.csv", "_acc.tsv", "_score.tsv"};
    const size_t n = strlen(line);
    bool named = false;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const size_t m = strlen(ends[i]);
        named = named || (n > m && strcasecmp(line + n - m, ends[i]) == 0);
    }
    if (!named) return false;
    if (line[0] == '/' || at->folder == NULL)
        ec_text_add(path, line);
    else
        ec_text_format(path, "%s/%s", at->folder, line);
    struct stat info;
    *there = !path->failed && stat(path->data, &info) == 0 && S_ISREG(info.st_mode);
    return *there || path->failed || strpbrk(line, " \t'\"(){}[]=,") == NULL;
}

static ec_status note_missing(const reader *at, const char *path) {
    return ec_results_note(at->r->results, at->r->err, "%s:%zu names a results file, %.600s: %s",
                           at->r->path, at->line, path,
                           errno != 0 ? strerror(errno) : "not a regular file");
}

static ec_status read_line(const reader *at, char *line) {
    line = trim(line);
    ec_text file = {0};
    ec_status status = EC_OK;
    bool there = false;
    errno = 0;
    if (names_file(&file, &there, at, line)) {
        const char *path = file.data;
        status = file.failed ? ec_no_memory(at->r->path, at->r->err)
                 : there     ? ec_results_read_paths(at->r, &path, 1)
                             : note_missing(at, path);
    } else {
        char *equals = strrchr(line, '=');
        if (equals != NULL) {
            *equals = '\0';
            status = read_assignment(at, line, equals + 1);
        }
    }
    ec_text_release(&file);
    return status;
}

ec_status ec_results_read_lines(const ec_results_reader *r, const char *bytes, size_t size_bytes,
                                const char *folder) {
    reader at = {r, folder, 0};
    char line[EC_RESULTS_MAX_LINE_BYTES];
    ec_status status = EC_OK;
    for (size_t i = 0; status == EC_OK && i < size_bytes;) {
        size_t n = 0; /* a bar that rewrites itself ends its lines with '\r' */
        while (i + n < size_bytes && bytes[i + n] != '\n' && bytes[i + n] != '\r') n++;
        if (i == 0 || bytes[i - 1] == '\n') at.line++;
        if (n < sizeof line && memchr(bytes + i, '\0', n) == NULL) {
            memcpy(line, bytes + i, n);
            line[n] = '\0';
            status = read_line(&at, line);
        }
        i += n + 1;
    }
    return status;
}
