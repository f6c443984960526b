/* rank_columns.c - see rank_columns.h */
#include "study/rank_columns.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"
#include "eyechart/spelling.h"

const ec_rank_column *ec_study_rank_columns(size_t *n, const ec_study *study) {
    static const ec_rank_column usual[] = {{"A", 1.0}, {"C", 1.0}};
    *n = study->declared.n_columns > 0 ? study->declared.n_columns : 2;
    return study->declared.n_columns > 0 ? study->declared.columns : usual;
}

static bool is_score(const char *name) {
    return strcmp(name, "A") == 0 || strcmp(name, "C") == 0;
}

ec_status ec_rank_column_read(ec_rank_column *out, char *text, ec_error *err) {
    char *equals = strchr(text, '=');
    *out = (ec_rank_column){text, 1.0};
    if (equals != NULL) {
        *equals = '\0';
        if (ec_number_read(&out->weight, equals + 1) != EC_NUMBER_OK || out->weight < 0.0)
            return ec_fail(err, EC_ERR_ARG,
                           "the weight of the column '%.80s' must be a number, 0 or more, not "
                           "'%.80s'",
                           text, equals + 1);
    }
    if (strcmp(text, "a") == 0) *text = 'A';
    if (strcmp(text, "c") == 0) *text = 'C';
    const char *fault = is_score(text) ? NULL : ec_column_name_fault(text);
    if (fault != NULL)
        return ec_fail(err, EC_ERR_ARG,
                       "the name '%.80s' of a column %s; columns are NAME or NAME=WEIGHT", text,
                       fault);
    return EC_OK;
}

void ec_rank_columns_text(char *buffer, size_t size, const ec_rank_column *columns, size_t n) {
    size_t left = 0, at = 0;
    if (size > 0) *buffer = '\0';
    for (size_t k = 0; k < n; k++) left += columns[k].weight > 0.0;
    for (size_t k = 0; k < n && at < size; k++) {
        if (!(columns[k].weight > 0.0)) continue;
        const char *before = at == 0 ? "" : left == 1 ? " and " : ", ";
        at += (size_t)snprintf(buffer + at, size - at, "%s%s", before, columns[k].name);
        left--;
    }
}

static const char *name_at(const void *columns, size_t k) {
    return ((const ec_columns *)columns)->items[k].name;
}

/* The one name that differs in letter case alone, as with candidates and benchmarks; NULL: none, or
 * several. */
static const char *name_alike(const ec_columns *columns, const char *name) {
    const char *alike = ec_spelling_same(name, "A")   ? "A"
                        : ec_spelling_same(name, "C") ? "C"
                                                      : NULL;
    for (size_t k = 0; k < columns->n; k++) {
        const char *other = columns->items[k].name;
        if (!ec_spelling_same(other, name)) continue;
        if (alike != NULL && strcmp(alike, other) != 0) return NULL;
        alike = other;
    }
    return alike;
}

/* The name as the column has it; NULL: there is none, as the message says. */
static const char *known_name(const ec_columns *columns, const ec_study *study, const char *name,
                              const char *where, ec_error *err) {
    if (strcmp(name, "A") == 0) return "A";
    if (strcmp(name, "C") == 0) return "C";
    for (size_t k = 0; k < columns->n; k++)
        if (strcmp(columns->items[k].name, name) == 0) return columns->items[k].name;
    const char *alike = name_alike(columns, name);
    if (alike != NULL) return alike;
    const size_t nearest = ec_spelling_nearest(name, name_at, columns, columns->n);
    if (nearest != EC_SPELLING_NONE)
        ec_fail(err, EC_ERR_ARG, "%s%s: no column '%.80s'; did you mean '%s'?", study->path, where,
                name, columns->items[nearest].name);
    else if (columns->n == 0)
        ec_fail(err, EC_ERR_ARG,
                "%s%s: no column '%.80s': the study has none beside A and C; 'eyechart score' "
                "computes some, 'eyechart study import' takes them from a CSV",
                study->path, where, name);
    else
        ec_fail(err, EC_ERR_ARG, "%s%s: no column '%.80s'; 'eyechart study show %s' lists them",
                study->path, where, name, study->path);
    return NULL;
}

void ec_scores_release(ec_scores *scores) {
    free(scores->of);
    free(scores->memory);
    *scores = (ec_scores){0};
}

/* Where a candidate has no value for a benchmark, the one for every benchmark. */
static void copy_for(double *value, double *se, const ec_columns *columns, const char *name,
                     size_t b, size_t n) {
    const ec_study_column *own = ec_columns_find(columns, name, b),
                          *all = ec_columns_find(columns, name, EC_ALL_BENCHMARKS);
    for (size_t i = 0; i < n; i++) {
        const ec_study_column *from = own != NULL && !isnan(own->value[i]) ? own : all;
        value[i] = from != NULL ? from->value[i] : NAN;
        se[i] = from != NULL ? from->se[i] : NAN;
    }
}

/* What stands for `name` ("A", "C", or a column), by benchmark: [m][n] each. */
static void gather(double *value, double *se, const ec_numbers *numbers, const ec_columns *columns,
                   const char *name, size_t n, size_t m) {
    const bool is_a = strcmp(name, "A") == 0, is_c = strcmp(name, "C") == 0;
    for (size_t b = 0; b < m; b++) {
        if (!is_a && !is_c) copy_for(value + b * n, se + b * n, columns, name, b, n);
        for (size_t i = 0; (is_a || is_c) && i < n; i++) {
            value[b * n + i] = is_a ? numbers->a[b * n + i] : numbers->c[i];
            se[b * n + i] = is_a ? numbers->a_se[b * n + i] : numbers->c_se[i];
        }
    }
}

static bool same(double x, double y) {
    return x == y || (isnan(x) && isnan(y));
}

static bool is_shared(const double *value, size_t n, size_t m) {
    for (size_t k = n; k < n * m; k++)
        if (!same(value[k], value[k % n])) return false;
    return true;
}

/* Those that count, their names borrowed from the columns, with a free entry in front. */
static ec_status list_used(ec_scores *out, const ec_columns *columns, const ec_study *study,
                           const ec_rank_column *chosen, size_t n, const char *where,
                           ec_error *err) {
    out->of = calloc(n + 2, sizeof *out->of);
    if (out->of == NULL) return ec_no_memory(study->path, err);
    out->n = 1;
    for (size_t k = 0; k < n; k++) {
        const char *name = known_name(columns, study, chosen[k].name, where, err);
        const double w = chosen[k].weight;
        if (name == NULL) return EC_ERR_ARG;
        if (!(w >= 0.0) || isinf(w))
            return ec_fail(err, EC_ERR_ARG,
                           "%s%s: the weight of '%s' is %g: expected a finite number, 0 or more",
                           study->path, where, name, w);
        for (size_t j = 0; j < k; j++) /* under another case of letters */
            if (strcmp(chosen[j].name, chosen[k].name) != 0 &&
                strcmp(known_name(columns, study, chosen[j].name, where, err), name) == 0)
                return ec_fail(err, EC_ERR_ARG, "%s%s: the column '%s' is there twice", study->path,
                               where, name);
        if (w > 0.0) out->of[out->n++] = (ec_rank_column){name, w};
    }
    if (out->n == 1)
        return ec_fail(err, EC_ERR_ARG, "%s%s: no column to rank by has a weight above 0",
                       study->path, where);
    if (out->n > 1 + EC_RANK_MAX_COLUMNS)
        return ec_fail(err, EC_ERR_ARG, "%s%s: %zu columns to rank by at once: the limit is %d",
                       study->path, where, out->n - 1, EC_RANK_MAX_COLUMNS);
    return EC_OK;
}

/* Lays the values out as the table has them: that of A, that of C, the others. */
static ec_status lay_out(ec_scores *out, ec_table *table, const ec_numbers *numbers,
                         const ec_columns *columns, const ec_study *study, ec_error *err) {
    const size_t n = ec_study_n_candidates(study), m = ec_study_n_benchmarks(study), size = n * m,
                 n_used = out->n - 1;
    out->memory = calloc(2 * size * n_used + 2 * n + n_used + 2, sizeof *out->memory);
    if (out->memory == NULL) return ec_no_memory(study->path, err);
    double *value = out->memory, *se = value + size * n_used, *c = se + size * n_used,
           *c_se = c + n;
    out->weights = c_se + n;
    ec_rank_column *of = out->of;
    for (size_t k = 0; k < n_used; k++)
        gather(value + k * size, se + k * size, numbers, columns, of[k + 1].name, n, m);
    of[0] = of[1];
    const bool has_c = n_used > 1 && m > 0 && is_shared(value + size, n, m);
    if (has_c) {
        memcpy(c, value + size, n * sizeof *c);
        memcpy(c_se, se + size, n * sizeof *c);
        memmove(of + 1, of + 2, (n_used - 1) * sizeof *of);
        out->n--;
    } else {
        of[1] = (ec_rank_column){0};
    }
    const size_t first = has_c ? 2 : 1; /* of the others */
    for (size_t k = 0; k < out->n; k++) out->weights[k] = of[k].weight;
    table->a = value;
    table->a_se = se;
    table->c = c;
    table->c_se = c_se;
    table->n_more = n_used - first;
    table->more = value + first * size;
    table->more_se = se + first * size;
    table->weights = out->weights;
    return EC_OK;
}

ec_status ec_scores_choose(ec_scores *out, ec_table *table, const ec_numbers *numbers,
                           const ec_columns *columns, const ec_study *study,
                           const ec_rank_column *chosen, size_t n_chosen, ec_error *err) {
    const char *where = "";
    if (n_chosen == 0) {
        chosen = ec_study_rank_columns(&n_chosen, study);
        where = "/study.yaml: rank: columns";
    }
    ec_scores made = {0};
    ec_table filled = *table;
    ec_status status = list_used(&made, columns, study, chosen, n_chosen, where, err);
    if (status == EC_OK) status = lay_out(&made, &filled, numbers, columns, study, err);
    if (status != EC_OK) {
        ec_scores_release(&made);
        return status;
    }
    ec_scores_release(out);
    *out = made;
    *table = filled;
    return EC_OK;
}
