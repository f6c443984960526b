/* sheet.c - see sheet.h */
#include "sheet/sheet.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"
#include "sheet/names.h"

/* ---- numbers ------------------------------------------------------------------------------ */

enum { PER_CANDIDATE = 6, PER_CELL = 4 };

static size_t count_numbers(size_t n, size_t m) {
    return n * (PER_CANDIDATE + PER_CELL * m);
}

ec_status ec_numbers_init(ec_numbers *numbers, size_t n, size_t m, ec_error *err) {
    const size_t count = count_numbers(n, m);
    double *block = malloc((count > 0 ? count : 1) * sizeof *block);
    *numbers = (ec_numbers){0};
    if (block == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "out of memory for %zu candidates and %zu benchmarks", n,
                       m);
    for (size_t i = 0; i < count; i++) block[i] = NAN;
    double **const per_candidate[PER_CANDIDATE] = {&numbers->c,        &numbers->c_se,
                                                   &numbers->a_shared, &numbers->a_shared_se,
                                                   &numbers->cost,     &numbers->hours};
    double **const per_cell[PER_CELL] = {&numbers->a, &numbers->a_se, &numbers->z, &numbers->z_se};
    for (int k = 0; k < PER_CANDIDATE; k++, block += n) *per_candidate[k] = block;
    for (int k = 0; k < PER_CELL; k++, block += m * n) *per_cell[k] = block;
    return EC_OK;
}

void ec_numbers_release(ec_numbers *numbers) {
    free(numbers->c); /* the first of the one block */
    free(numbers->z_n);
    *numbers = (ec_numbers){0};
}

double ec_numbers_a(const ec_numbers *numbers, size_t n, size_t b, size_t i, double *se) {
    const bool own = !isnan(numbers->a[b * n + i]);
    *se = own ? numbers->a_se[b * n + i] : numbers->a_shared_se[i];
    return own ? numbers->a[b * n + i] : numbers->a_shared[i];
}

/* ---- sheet -------------------------------------------------------------------------------- */

ec_status ec_sheet_init(ec_sheet *sheet, const char *path, size_t n_candidates, size_t n_benchmarks,
                        ec_error *err) {
    *sheet = (ec_sheet){0};
    if (n_candidates > EC_STUDY_MAX_CANDIDATES || n_benchmarks > EC_STUDY_MAX_BENCHMARKS ||
        n_candidates * n_benchmarks > EC_STUDY_MAX_CELLS)
        return ec_fail(
            err, EC_ERR_FORMAT,
            "%s: %zu candidates and %zu benchmarks; at most %d, %d and %d of both multiplied", path,
            n_candidates, n_benchmarks, EC_STUDY_MAX_CANDIDATES, EC_STUDY_MAX_BENCHMARKS,
            EC_STUDY_MAX_CELLS);
    sheet->n_candidates = n_candidates;
    sheet->n_benchmarks = n_benchmarks;
    sheet->candidates = calloc(n_candidates + 1, sizeof *sheet->candidates);
    sheet->candidate_order = calloc(n_candidates + 1, sizeof *sheet->candidate_order);
    sheet->candidate_line = calloc(n_candidates + 1, sizeof *sheet->candidate_line);
    sheet->benchmarks = calloc(n_benchmarks + 1, sizeof *sheet->benchmarks);
    sheet->benchmark_names = calloc(n_benchmarks + 1, sizeof *sheet->benchmark_names);
    sheet->benchmark_order = calloc(n_benchmarks + 1, sizeof *sheet->benchmark_order);
    ec_status status = EC_OK;
    if (!sheet->candidates || !sheet->candidate_order || !sheet->candidate_line ||
        !sheet->benchmarks || !sheet->benchmark_names || !sheet->benchmark_order) {
        sheet->n_candidates = sheet->n_benchmarks = 0; /* there are no names to free */
        status = ec_no_memory(path, err);
    }
    if (status == EC_OK) status = ec_numbers_init(&sheet->numbers, n_candidates, n_benchmarks, err);
    if (status != EC_OK) ec_sheet_release(sheet);
    return status;
}

void ec_sheet_release(ec_sheet *sheet) {
    for (size_t i = 0; i < sheet->n_candidates; i++) free(sheet->candidates[i]);
    for (size_t b = 0; b < sheet->n_benchmarks; b++) {
        free((char *)sheet->benchmarks[b].name);
        free((char *)sheet->benchmarks[b].group);
    }
    free(sheet->name);
    free(sheet->candidates);
    free(sheet->candidate_order);
    free(sheet->candidate_line);
    free(sheet->benchmarks);
    free(sheet->benchmark_names);
    free(sheet->benchmark_order);
    ec_numbers_release(&sheet->numbers);
    ec_repeats_release(&sheet->repeats);
    ec_columns_release(&sheet->columns);
    *sheet = (ec_sheet){0};
}

ec_status ec_sheet_fail(ec_error *err, const char *path, size_t line, const char *format, ...) {
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return line > 0 ? ec_fail(err, EC_ERR_FORMAT, "%s:%zu: %s", path, line, message)
                    : ec_fail(err, EC_ERR_FORMAT, "%s: %s", path, message);
}

ec_status ec_sheet_name(ec_sheet *sheet, const char *name, const char *path, size_t line,
                        ec_error *err) {
    if (name == NULL) return EC_OK;
    const char *fault = ec_name_fault(name);
    if (fault != NULL) return ec_sheet_fail(err, path, line, "name '%.220s' %s", name, fault);
    sheet->name = strdup(name);
    return sheet->name != NULL ? EC_OK : ec_no_memory(path, err);
}

ec_status ec_sheet_name_candidate(ec_sheet *sheet, size_t i, const char *name, const char *path,
                                  size_t line, ec_error *err) {
    const char *fault = ec_name_fault(name);
    if (fault != NULL)
        return ec_sheet_fail(err, path, line, "candidate name '%.220s' %s", name, fault);
    sheet->candidate_line[i] = line;
    sheet->candidates[i] = strdup(name);
    return sheet->candidates[i] != NULL ? EC_OK : ec_no_memory(path, err);
}

ec_status ec_sheet_name_benchmark(ec_sheet *sheet, size_t b, const char *name, const char *group,
                                  const char *path, size_t line, ec_error *err) {
    const char *fault = ec_benchmark_name_fault(name);
    if (fault != NULL)
        return ec_sheet_fail(err, path, line, "benchmark name '%.220s' %s", name, fault);
    fault = ec_name_fault(group);
    if (fault != NULL) return ec_sheet_fail(err, path, line, "group '%.220s' %s", group, fault);
    sheet->benchmarks[b] = (ec_benchmark){.name = strdup(name),
                                          .group = strdup(group),
                                          .direction = 1,
                                          .low = -INFINITY,
                                          .high = INFINITY,
                                          .weight = 1.0};
    sheet->benchmark_names[b] = (char *)sheet->benchmarks[b].name;
    return sheet->benchmarks[b].name != NULL && sheet->benchmarks[b].group != NULL
               ? EC_OK
               : ec_no_memory(path, err);
}

ec_status ec_sheet_index_candidates(ec_sheet *sheet, const char *path, ec_error *err) {
    const char *const *names = (const char *const *)sheet->candidates;
    ec_names_sort(sheet->candidate_order, names, sheet->n_candidates);
    const size_t i = ec_names_find_duplicate(sheet->candidate_order, names, sheet->n_candidates);
    if (i == sheet->n_candidates) return EC_OK;
    return ec_sheet_fail(
        err, path, sheet->candidate_line[i],
        "candidate '%.220s' is there twice; every candidate needs a name of its own", names[i]);
}

ec_status ec_sheet_index_benchmarks(ec_sheet *sheet, const char *path, ec_error *err) {
    const char *const *names = (const char *const *)sheet->benchmark_names;
    ec_names_sort(sheet->benchmark_order, names, sheet->n_benchmarks);
    const size_t b = ec_names_find_duplicate(sheet->benchmark_order, names, sheet->n_benchmarks);
    if (b == sheet->n_benchmarks) return EC_OK;
    return ec_sheet_fail(
        err, path, 0, "benchmark '%.220s' is there twice; every benchmark needs a name of its own",
        names[b]);
}

ec_status ec_sheet_grow(ec_sheet *sheet, const ec_sheet *from, size_t n_more, const char *path,
                        ec_error *err) {
    const size_t n = from->n_candidates, m = from->n_benchmarks, wide = n + n_more;
    ec_status status = ec_sheet_init(sheet, path, wide, m, err);
    if (status == EC_OK) status = ec_sheet_name(sheet, from->name, path, 0, err);
    for (size_t b = 0; status == EC_OK && b < m; b++) {
        const ec_benchmark *old = &from->benchmarks[b];
        status = ec_sheet_name_benchmark(sheet, b, old->name, old->group, path, 0, err);
        ec_benchmark *copy = &sheet->benchmarks[b];
        copy->direction = old->direction;
        copy->low = old->low;
        copy->high = old->high;
        copy->weight = old->weight;
    }
    for (size_t i = 0; status == EC_OK && i < n; i++)
        status = ec_sheet_name_candidate(sheet, i, from->candidates[i], path, 0, err);
    if (status != EC_OK) return status;

    const size_t n_rows = PER_CANDIDATE + PER_CELL * m; /* of the block that starts with C */
    for (size_t r = 0; r < n_rows && n > 0; r++)
        memcpy(sheet->numbers.c + r * wide, from->numbers.c + r * n, n * sizeof(double));
    return EC_OK;
}

bool ec_benchmark_excludes(char text[EC_RANGE_TEXT_SIZE], const ec_benchmark *benchmark,
                           double value) {
    if (!(value < benchmark->low || value > benchmark->high)) return false;
    char is[EC_NUMBER_SIZE], low[EC_NUMBER_SIZE] = "null", high[EC_NUMBER_SIZE] = "null";
    ec_number_write(is, value);
    if (isfinite(benchmark->low)) ec_number_write(low, benchmark->low);
    if (isfinite(benchmark->high)) ec_number_write(high, benchmark->high);
    snprintf(text, EC_RANGE_TEXT_SIZE, "%s is outside the range [%s, %s]", is, low, high);
    return true;
}

/* Of the repeats of a result those outside the range are found when they are recorded. */
static bool has_cell_fault(char fault[EC_RANGE_TEXT_SIZE], const ec_sheet *sheet, size_t b,
                           size_t cell) {
    const ec_numbers *x = &sheet->numbers;
    const bool lone_a = isnan(x->a[cell]) && !isnan(x->a_se[cell]);
    const bool lone_z = isnan(x->z[cell]) && !isnan(x->z_se[cell]);
    if (lone_a || lone_z)
        snprintf(fault, EC_RANGE_TEXT_SIZE, "standard error of %s",
                 lone_a ? "A without A" : "a result without the result");
    return lone_a || lone_z || ec_benchmark_excludes(fault, &sheet->benchmarks[b], x->z[cell]);
}

ec_status ec_sheet_check_numbers(const ec_sheet *sheet, const char *path, ec_error *err) {
    const ec_numbers *x = &sheet->numbers;
    for (size_t i = 0; i < sheet->n_candidates; i++) {
        const char *name = sheet->candidates[i];
        const size_t line = sheet->candidate_line[i];
        if (isnan(x->c[i]) && !isnan(x->c_se[i]))
            return ec_sheet_fail(err, path, line,
                                 "candidate '%.220s' has a standard error of C without C", name);
        if (isnan(x->a_shared[i]) && !isnan(x->a_shared_se[i]))
            return ec_sheet_fail(err, path, line,
                                 "candidate '%.220s' has a standard error of A without A", name);
        for (size_t b = 0; b < sheet->n_benchmarks; b++) {
            const size_t cell = b * sheet->n_candidates + i;
            char fault[EC_RANGE_TEXT_SIZE];
            if (!has_cell_fault(fault, sheet, b, cell)) continue;
            return ec_sheet_fail(err, path, line, "candidate '%.80s', benchmark '%.80s': %s", name,
                                 sheet->benchmarks[b].name, fault);
        }
        for (size_t k = 0; k < sheet->columns.n; k++)
            if (isnan(sheet->columns.items[k].value[i]) && !isnan(sheet->columns.items[k].se[i]))
                return ec_sheet_fail(err, path, line,
                                     "candidate '%.80s' has a standard error of %s without a value",
                                     name, sheet->columns.items[k].name);
    }
    return EC_OK;
}

size_t ec_sheet_find_candidate(const ec_sheet *sheet, const char *name) {
    return ec_names_find(name, sheet->candidate_order, (const char *const *)sheet->candidates,
                         sheet->n_candidates);
}

size_t ec_sheet_find_benchmark(const ec_sheet *sheet, const char *name) {
    return ec_names_find(name, sheet->benchmark_order, (const char *const *)sheet->benchmark_names,
                         sheet->n_benchmarks);
}
