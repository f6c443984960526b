/* columns.c - see columns.h */
#include "study/columns.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "base/number.h"
#include "eyechart/spelling.h"
#include "study/study_internal.h"

static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                              "0123456789_-.:@+";

const char *ec_column_name_fault(const char *name) {
    if (*name == '\0') return "is empty";
    if (strlen(name) > EC_COLUMN_NAME_MAX_BYTES) return "is longer than 63 bytes";
    if (name[strspn(name, allowed)] != '\0')
        return "has more than letters, digits and the signs _ - . : @ +";
    if (strcasecmp(name, "A") == 0 || strcasecmp(name, "C") == 0) return "is A or C itself";
    return NULL;
}

void ec_column_name_about(char name[EC_COLUMN_NAME_MAX_BYTES + 1], const char *what,
                          const char *candidate) {
    enum { MARK_BYTES = 8 }; /* of the hash, behind a dot */
    const size_t n = strlen(candidate), before = strlen(what) + 1;
    const bool whole =
        strspn(candidate, allowed) == n && before + n <= (size_t)EC_COLUMN_NAME_MAX_BYTES;
    const size_t most = (size_t)EC_COLUMN_NAME_MAX_BYTES - before - (whole ? 0 : 1 + MARK_BYTES);
    char hash[EC_HASH_SIZE];
    snprintf(name, EC_COLUMN_NAME_MAX_BYTES + 1, "%s_%.*s", what, (int)most, candidate);
    if (whole) return;
    for (char *c = name; *c != '\0'; c++)
        if (strchr(allowed, *c) == NULL) *c = '_';
    ec_hash_bytes(hash, candidate, n);
    const size_t at = strlen(name);
    snprintf(name + at, EC_COLUMN_NAME_MAX_BYTES + 1 - at, ".%.*s", MARK_BYTES, hash);
}

/* ---- a list --------------------------------------------------------------------------------- */

static ec_status add(ec_study_column **out, ec_columns *columns, const char *name, size_t benchmark,
                     size_t n_candidates, const char *path, ec_error *err) {
    if (columns->n == EC_STUDY_MAX_COLUMNS || (columns->n + 1) * n_candidates > EC_STUDY_MAX_CELLS)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: more columns beside A and C than %d (or %d numbers)", path,
                       EC_STUDY_MAX_COLUMNS, EC_STUDY_MAX_CELLS);
    ec_study_column *items = realloc(columns->items, (columns->n + 1) * sizeof *items);
    if (items != NULL) columns->items = items;
    char *copy = strdup(name);
    double *values = malloc((2 * n_candidates + 1) * sizeof *values);
    if (items == NULL || copy == NULL || values == NULL) {
        free(copy);
        free(values);
        return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path);
    }
    for (size_t i = 0; i < 2 * n_candidates; i++) values[i] = NAN;
    *out = &items[columns->n++];
    **out = (ec_study_column){copy, benchmark, values, values + n_candidates};
    return EC_OK;
}

static ec_study_column *find(const ec_columns *columns, const char *name, size_t benchmark) {
    for (size_t k = 0; k < columns->n; k++)
        if (columns->items[k].benchmark == benchmark && strcmp(columns->items[k].name, name) == 0)
            return &columns->items[k];
    return NULL;
}

ec_status ec_columns_at(ec_study_column **out, ec_columns *columns, const char *name,
                        size_t benchmark, size_t n_candidates, const char *path, ec_error *err) {
    *out = find(columns, name, benchmark);
    return *out != NULL ? EC_OK : add(out, columns, name, benchmark, n_candidates, path, err);
}

void ec_columns_release(ec_columns *columns) {
    for (size_t k = 0; k < columns->n; k++) {
        free((char *)columns->items[k].name);
        free(columns->items[k].value);
    }
    free(columns->items);
    *columns = (ec_columns){0};
}

/* ---- study.db ------------------------------------------------------------------------------- */

static ec_status read_row(ec_columns *out, const ec_study *study, sqlite3_stmt *row,
                          ec_error *err) {
    const ec_sheet *sheet = &study->declared.sheet;
    const size_t i = ec_sheet_find_candidate(sheet, ec_column_text(row, 0));
    const char *benchmark = ec_column_text(row, 2);
    const bool all = *benchmark == '\0';
    const size_t b = all ? EC_ALL_BENCHMARKS : ec_sheet_find_benchmark(sheet, benchmark);
    if (i == sheet->n_candidates || b == sheet->n_benchmarks) return EC_OK; /* not declared now */
    ec_study_column *column;
    const ec_status status = ec_columns_at(&column, out, ec_column_text(row, 1), b,
                                           sheet->n_candidates, study->path, err);
    if (status != EC_OK) return status;
    const bool lost = sqlite3_column_int(row, 5) != 0;
    column->value[i] = lost ? NAN : sqlite3_column_double(row, 3);
    column->se[i] =
        lost || sqlite3_column_type(row, 4) == SQLITE_NULL ? NAN : sqlite3_column_double(row, 4);
    return EC_OK;
}

/* Columns of which every value was lost. */
static void drop_empty(ec_columns *columns, size_t n_candidates) {
    size_t kept = 0;
    for (size_t k = 0; k < columns->n; k++) {
        size_t i = 0;
        while (i < n_candidates && isnan(columns->items[k].value[i])) i++;
        if (i < n_candidates) {
            columns->items[kept++] = columns->items[k];
        } else {
            free((char *)columns->items[k].name);
            free(columns->items[k].value);
        }
    }
    columns->n = kept;
}

ec_status ec_columns_read(ec_columns *out, ec_study *study, ec_error *err) {
    *out = (ec_columns){0};
    if (study->built_in) return EC_OK;
    sqlite3_stmt *row;
    ec_status status = ec_database_prepare(
        &row, &study->db, err,
        "SELECT candidate, name, benchmark, value, se, lost FROM extra ORDER BY id", "");
    if (status != EC_OK) return status;
    bool more;
    while ((status = ec_database_step(&more, &study->db, row, err)) == EC_OK && more &&
           (status = read_row(out, study, row, err)) == EC_OK) {
    }
    sqlite3_finalize(row);
    if (status == EC_OK) drop_empty(out, study->declared.sheet.n_candidates);
    return status;
}

ec_status ec_column_put(bool *written, ec_study *study, int64_t event, const char *candidate,
                        const char *name, const char *benchmark, double value, double se,
                        ec_error *err) {
    bool known, ignored;
    if (written == NULL) written = &ignored;
    *written = false;
    const char *fault = ec_column_name_fault(name);
    if (fault != NULL)
        return ec_fail(err, EC_ERR_ARG, "%s: the name '%.80s' of a column %s", study->path, name,
                       fault);
    sqlite3_stmt *row;
    ec_status status = ec_database_prepare(&row, &study->db, err,
                                           "SELECT value IS ?4 AND se IS ?5 AND NOT lost FROM "
                                           "extra WHERE candidate = ?1 AND name = ?2 AND "
                                           "benchmark = ?3 ORDER BY id DESC LIMIT 1",
                                           "tttdd", candidate, name, benchmark, value, se);
    if (status != EC_OK) return status;
    status = ec_database_step(&known, &study->db, row, err);
    known = known && sqlite3_column_int64(row, 0) != 0;
    sqlite3_finalize(row);
    if (status != EC_OK || known) return status;
    *written = true;
    return ec_database_run(&study->db, err,
                           "INSERT INTO extra (event, candidate, name, benchmark, value, se) "
                           "VALUES (?, ?, ?, ?, ?, ?)",
                           "itttdd", event, candidate, name, benchmark, value, se);
}

ec_status ec_column_lose(bool *lost, ec_study *study, int64_t event, const char *candidate,
                         const char *name, const char *benchmark, ec_error *err) {
    const ec_status status = ec_database_run(
        &study->db, err,
        "INSERT INTO extra (event, candidate, name, benchmark, value, se, lost) "
        "SELECT ?1, candidate, name, benchmark, value, se, 1 FROM extra WHERE id = (SELECT max(id) "
        "FROM extra WHERE candidate = ?2 AND name = ?3 AND benchmark = ?4) AND NOT lost "
        "AND event IN (SELECT id FROM event WHERE command = 'score')",
        "ittt", event, candidate, name, benchmark);
    *lost = status == EC_OK && sqlite3_changes(study->db.sqlite) > 0;
    return status;
}

/* ---- columns to rank by --------------------------------------------------------------------- */

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
    const ec_study_column *own = find(columns, name, b),
                          *all = find(columns, name, EC_ALL_BENCHMARKS);
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
    if (out->of == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", study->path);
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
    if (out->memory == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", study->path);
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
