/* declaration.c - reading study.yaml
 *
 * libcyaml loads the text into the structs below. Numbers stay words until they are read here, so
 * that a mistake is told with the name of its candidate and what is missing differs from zero.
 */
#include "study/declaration.h"

#include <cyaml/cyaml.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"
#include "base/process.h"
#include "benchmarks/known.h"
#include "eyechart/spelling.h"
#include "sheet/names.h"
#include "study/yaml_check.h"

/* ---- schema ------------------------------------------------------------------------------- */

typedef struct {
    char *name, *group, *direction, *weight, *images, *image_root, *result;
    char **range; /* [2] */
} yaml_benchmark;

typedef struct {
    char *benchmark, *value, *se;
} yaml_score;

typedef struct {
    char *name, *a, *a_se, *c, *c_se, *cost, *encoder, *connector, *layer, *tokens;
    yaml_score *own_a;
    uint32_t own_a_count;
} yaml_candidate;

typedef struct {
    char *name, *seed, *lease_hours, *enough;
} yaml_policy;

typedef struct {
    char **columns;
    uint32_t columns_count;
} yaml_rank;

typedef struct {
    char *keypoints, *split, *images, *image_root;
} yaml_data;

typedef struct {
    char *protocol, *images, *select, *seed, *combine, *resample_grids, *bf16_compat,
        *positions_by_size, *exif_transpose;
    char **references, **compare_with;
    uint32_t references_count, compare_with_count;
} yaml_scores;

typedef struct {
    char *train, *evaluate, *trained, *results, *train_timeout_hours, *evaluate_timeout_hours,
        *grace_seconds, *retries, *budget, *finetunes, *gpus, *limited, *anyway;
} yaml_run;

typedef struct {
    char *version, *name, *description;
    yaml_policy *policy;
    yaml_rank *rank;
    yaml_data *data;
    yaml_scores *scores;
    yaml_run *run;
    yaml_benchmark *benchmarks;
    uint32_t benchmarks_count;
    yaml_candidate *candidates;
    uint32_t candidates_count;
} yaml_study;

#define REQUIRED(key, type, member)                                                                \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, type, member, 0, CYAML_UNLIMITED)
#define OPTIONAL(key, type, member)                                                                \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, 0,         \
                           CYAML_UNLIMITED)

static const cyaml_schema_value_t word = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, CYAML_UNLIMITED)};

static const cyaml_schema_field_t benchmark_fields[] = {
    REQUIRED("name", yaml_benchmark, name),
    OPTIONAL("group", yaml_benchmark, group),
    OPTIONAL("direction", yaml_benchmark, direction),
    CYAML_FIELD_SEQUENCE_FIXED("range", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, yaml_benchmark,
                               range, &word, 2),
    OPTIONAL("weight", yaml_benchmark, weight),
    OPTIONAL("images", yaml_benchmark, images),
    OPTIONAL("image_root", yaml_benchmark, image_root),
    OPTIONAL("result", yaml_benchmark, result),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t benchmark_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, yaml_benchmark, benchmark_fields)};

static const cyaml_schema_field_t score_fields[] = {
    REQUIRED("benchmark", yaml_score, benchmark),
    REQUIRED("value", yaml_score, value),
    OPTIONAL("se", yaml_score, se),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t score_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, yaml_score, score_fields)};

static const cyaml_schema_field_t candidate_fields[] = {
    REQUIRED("name", yaml_candidate, name),
    OPTIONAL("A", yaml_candidate, a),
    OPTIONAL("A_se", yaml_candidate, a_se),
    CYAML_FIELD_SEQUENCE("A_by_benchmark", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, yaml_candidate,
                         own_a, &score_schema, 0, EC_STUDY_MAX_BENCHMARKS),
    OPTIONAL("C", yaml_candidate, c),
    OPTIONAL("C_se", yaml_candidate, c_se),
    OPTIONAL("cost", yaml_candidate, cost),
    OPTIONAL("encoder", yaml_candidate, encoder),
    OPTIONAL("connector", yaml_candidate, connector),
    OPTIONAL("layer", yaml_candidate, layer),
    OPTIONAL("tokens", yaml_candidate, tokens),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t candidate_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, yaml_candidate, candidate_fields)};

static const cyaml_schema_field_t policy_fields[] = {
    OPTIONAL("name", yaml_policy, name),
    OPTIONAL("seed", yaml_policy, seed),
    OPTIONAL("lease_hours", yaml_policy, lease_hours),
    OPTIONAL("enough", yaml_policy, enough),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t rank_fields[] = {
    CYAML_FIELD_SEQUENCE("columns", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, yaml_rank, columns,
                         &word, 0, EC_RANK_MAX_COLUMNS),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t data_fields[] = {
    OPTIONAL("keypoints", yaml_data, keypoints),
    OPTIONAL("split", yaml_data, split),
    OPTIONAL("images", yaml_data, images),
    OPTIONAL("image_root", yaml_data, image_root),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t scores_fields[] = {
    OPTIONAL("protocol", yaml_scores, protocol),
    OPTIONAL("images", yaml_scores, images),
    OPTIONAL("select", yaml_scores, select),
    OPTIONAL("seed", yaml_scores, seed),
    CYAML_FIELD_SEQUENCE("references", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, yaml_scores,
                         references, &word, 0, EC_MAX_REFERENCES),
    CYAML_FIELD_SEQUENCE("compare_with", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, yaml_scores,
                         compare_with, &word, 0, EC_MAX_REFERENCES),
    OPTIONAL("combine", yaml_scores, combine),
    OPTIONAL("resample_grids", yaml_scores, resample_grids),
    OPTIONAL("bf16_compat", yaml_scores, bf16_compat),
    OPTIONAL("positions_by_size", yaml_scores, positions_by_size),
    OPTIONAL("exif_transpose", yaml_scores, exif_transpose),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t run_fields[] = {
    OPTIONAL("train", yaml_run, train),
    OPTIONAL("evaluate", yaml_run, evaluate),
    OPTIONAL("trained", yaml_run, trained),
    OPTIONAL("results", yaml_run, results),
    OPTIONAL("train_timeout_hours", yaml_run, train_timeout_hours),
    OPTIONAL("evaluate_timeout_hours", yaml_run, evaluate_timeout_hours),
    OPTIONAL("grace_seconds", yaml_run, grace_seconds),
    OPTIONAL("retries", yaml_run, retries),
    OPTIONAL("budget", yaml_run, budget),
    OPTIONAL("finetunes", yaml_run, finetunes),
    OPTIONAL("limited", yaml_run, limited),
    OPTIONAL("anyway", yaml_run, anyway),
    OPTIONAL("gpus", yaml_run, gpus),
    CYAML_FIELD_END,
};

enum { BENCHMARKS = 8, CANDIDATES = 9, FIELDS = 10 }; /* of study_fields */
static const cyaml_schema_field_t study_fields[] = {
    OPTIONAL("version", yaml_study, version),
    OPTIONAL("name", yaml_study, name),
    OPTIONAL("description", yaml_study, description),
    CYAML_FIELD_MAPPING_PTR("policy", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, yaml_study, policy,
                            policy_fields),
    CYAML_FIELD_MAPPING_PTR("rank", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, yaml_study, rank,
                            rank_fields),
    CYAML_FIELD_MAPPING_PTR("data", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, yaml_study, data,
                            data_fields),
    CYAML_FIELD_MAPPING_PTR("scores", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, yaml_study, scores,
                            scores_fields),
    CYAML_FIELD_MAPPING_PTR("run", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, yaml_study, run,
                            run_fields),
    CYAML_FIELD_SEQUENCE("benchmarks", CYAML_FLAG_POINTER, yaml_study, benchmarks,
                         &benchmark_schema, 0, EC_STUDY_MAX_BENCHMARKS),
    CYAML_FIELD_SEQUENCE("candidates", CYAML_FLAG_POINTER, yaml_study, candidates,
                         &candidate_schema, 0, EC_STUDY_MAX_CANDIDATES),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t study_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, yaml_study, study_fields)};

/* libcyaml grows a list by one entry at a time. Growing to the next power of two instead spares
 * copying the list for each of its entries. */
static void *grow(void *unused, void *old, size_t size_bytes) {
    (void)unused;
    if (size_bytes == 0) {
        free(old);
        return NULL;
    }
    if (old != NULL && malloc_usable_size(old) >= size_bytes) return old;
    size_t capacity = 16;
    while (capacity < size_bytes) capacity *= 2; /* the text is limited, and with it all of these */
    return realloc(old, capacity);
}

static const cyaml_config_t cyaml_config = {
    .log_level = CYAML_LOG_ERROR, .mem_fn = grow, .flags = CYAML_CFG_NO_ALIAS};

/* ---- words to values ---------------------------------------------------------------------- */

/* One text being read; `line` is that of the entry at hand, `who` names it in messages. */
typedef struct {
    const char *path;
    size_t line;
    const char *what, *who;
    ec_error *err;
} place;

static ec_status fail_in(const place *p, const char *key, const char *value, const char *fault) {
    if (p->who == NULL)
        return ec_sheet_fail(p->err, p->path, p->line, "%s '%.80s' %s", key, value, fault);
    return ec_sheet_fail(p->err, p->path, p->line, "%s '%.80s': %s '%.80s' %s", p->what, p->who,
                         key, value, fault);
}

static bool is_null(const char *text) {
    return text == NULL || *text == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
}

typedef enum { ANY, NOT_NEGATIVE, POSITIVE } sign;

/* Leaves *out as it is where the text gives no value. */
static const char *name_at(const void *names, size_t i) {
    return ((char *const *)names)[i];
}

/* A name that is none of names[0 .. n): `fault`, and which is near. */
static ec_status fail_name(const place *p, const char *key, const char *name, const char *fault,
                           char *const *names, size_t n) {
    char words[400];
    const size_t nearest = ec_spelling_nearest(name, name_at, names, n);
    if (nearest == EC_SPELLING_NONE) return fail_in(p, key, name, fault);
    snprintf(words, sizeof words, "%s; did you mean '%.200s'?", fault, names[nearest]);
    return fail_in(p, key, name, words);
}

static ec_status read_number(double *out, const place *p, const char *key, const char *text,
                             sign allowed) {
    if (is_null(text)) return EC_OK;
    double value;
    const ec_number_fault fault = ec_number_read(&value, text);
    if (fault != EC_NUMBER_OK) return fail_in(p, key, text, ec_number_fault_words(fault));
    if (allowed != ANY && value < 0.0) return fail_in(p, key, text, "is negative");
    if (allowed == POSITIVE && value == 0.0) return fail_in(p, key, text, "is zero; expected more");
    *out = value;
    return EC_OK;
}

static ec_status read_seed(uint64_t *out, const place *p, const char *text) {
    if (is_null(text)) return EC_OK;
    uint64_t seed = 0;
    for (const char *c = text; *c != '\0'; c++) {
        const uint64_t digit = (uint64_t)(*c - '0');
        if (*c < '0' || *c > '9' || seed > (UINT64_MAX - digit) / 10)
            return fail_in(p, "seed", text, "is not a whole number from 0 to 18446744073709551615");
        seed = 10 * seed + digit;
    }
    *out = seed;
    return EC_OK;
}

static ec_status read_count(size_t *out, const place *p, const char *key, const char *text,
                            double most) {
    double value = (double)*out;
    const ec_status status = read_number(&value, p, key, text, NOT_NEGATIVE);
    if (status != EC_OK) return status;
    if (value != floor(value) || value > most) {
        char fault[80];
        snprintf(fault, sizeof fault, "is not a whole number up to %.0f", most);
        return fail_in(p, key, text, fault);
    }
    *out = (size_t)value;
    return EC_OK;
}

/* Reads a word that is `first` or `second`; *out tells whether it is the second. */
static ec_status read_either(bool *out, const place *p, const char *key, const char *text,
                             const char *first, const char *second) {
    if (is_null(text)) return EC_OK;
    char fault[80];
    snprintf(fault, sizeof fault, "is neither '%s' nor '%s'", first, second);
    *out = strcmp(text, second) == 0;
    return *out || strcmp(text, first) == 0 ? EC_OK : fail_in(p, key, text, fault);
}

static ec_status read_copy(char **out, const place *p, const char *text) {
    if (is_null(text)) return EC_OK;
    *out = strdup(text);
    return *out != NULL ? EC_OK : ec_no_memory(p->path, p->err);
}

static const char *policy_at(const void *unused, size_t i) {
    (void)unused;
    return ec_policy_name((ec_policy)i);
}

static ec_status read_policy_name(ec_policy *out, const place *p, const char *text) {
    if (is_null(text)) return EC_OK;
    ec_text known = {0};
    for (size_t i = 0; i < EC_POLICIES; i++) {
        if (strcmp(text, policy_at(NULL, i)) == 0) {
            *out = (ec_policy)i;
            ec_text_release(&known);
            return EC_OK;
        }
        ec_text_format(&known, "%s%s", i > 0 ? ", " : "is unknown; there are ", policy_at(NULL, i));
    }
    const size_t nearest = ec_spelling_nearest(text, policy_at, NULL, EC_POLICIES);
    if (nearest != EC_SPELLING_NONE)
        ec_text_format(&known, "; did you mean '%s'?", policy_at(NULL, nearest));
    const ec_status status = fail_in(p, "policy", text, known.failed ? "is unknown" : known.data);
    ec_text_release(&known);
    return status;
}

/* ---- the parts of a study ----------------------------------------------------------------- */

static ec_status read_direction(int *out, const place *p, const char *text) {
    if (is_null(text) || strcmp(text, "higher") == 0)
        *out = 1;
    else if (strcmp(text, "lower") == 0)
        *out = -1;
    else
        return fail_in(p, "direction", text, "is neither 'higher' (is better) nor 'lower'");
    return EC_OK;
}

static ec_status read_benchmark(ec_declaration *out, size_t b, const yaml_benchmark *from,
                                const place *p) {
    ec_sheet *sheet = &out->sheet;
    const char *group = is_null(from->group) ? "all" : from->group;
    ec_status status =
        ec_sheet_name_benchmark(sheet, b, from->name, group, p->path, p->line, p->err);
    ec_benchmark *to = &sheet->benchmarks[b];
    if (status == EC_OK) status = read_direction(&to->direction, p, from->direction);
    if (status == EC_OK) status = read_number(&to->weight, p, "weight", from->weight, NOT_NEGATIVE);
    if (status == EC_OK) status = read_copy(&out->words[b].images, p, from->images);
    if (status == EC_OK) status = read_copy(&out->words[b].image_root, p, from->image_root);
    if (status == EC_OK) status = read_copy(&out->words[b].result, p, from->result);
    if (status == EC_OK && out->words[b].result != NULL &&
        ec_result_key_fault(from->result) != NULL)
        return fail_in(p, "result", from->result, ec_result_key_fault(from->result));
    if (status != EC_OK || from->range == NULL) return status;
    status = read_number(&to->low, p, "range", from->range[0], ANY);
    if (status == EC_OK) status = read_number(&to->high, p, "range", from->range[1], ANY);
    if (status == EC_OK && to->low >= to->high)
        status = fail_in(p, "range", from->range[0], "is not below the other end");
    return status;
}

static ec_status read_own_a(ec_sheet *sheet, size_t i, const yaml_score *from, const place *p) {
    const size_t b = ec_sheet_find_benchmark(sheet, from->benchmark);
    if (b == sheet->n_benchmarks)
        return fail_name(p, "A_by_benchmark", from->benchmark,
                         "is not one of the benchmarks declared above", sheet->benchmark_names,
                         sheet->n_benchmarks);
    const size_t cell = b * sheet->n_candidates + i;
    if (!isnan(sheet->numbers.a[cell]))
        return fail_in(p, "A_by_benchmark", from->benchmark, "is there twice");
    ec_status status = read_number(&sheet->numbers.a[cell], p, "A", from->value, ANY);
    if (status == EC_OK)
        status = read_number(&sheet->numbers.a_se[cell], p, "standard error of A", from->se,
                             NOT_NEGATIVE);
    return status;
}

/* Which features of its encoders a candidate takes. */
static ec_status read_features(ec_origin *out, const place *p, const yaml_candidate *from) {
    double layer = 0.0;
    out->has_layer = !is_null(from->layer);
    out->has_tokens = !is_null(from->tokens);
    ec_status status = read_number(&layer, p, "layer", from->layer, ANY);
    if (status == EC_OK && (layer != floor(layer) || fabs(layer) > EC_MAX_LAYER))
        return fail_in(p, "layer", from->layer,
                       "is not the number of a hidden state, such as -2, the input of the last "
                       "block");
    out->layer = (int)layer;
    if (status == EC_OK)
        status = read_either(&out->all_tokens, p, "tokens", from->tokens, "patch", "all");
    if (status == EC_OK && from->encoder == NULL && (out->has_layer || out->has_tokens))
        return fail_in(p, "candidate", from->name,
                       "has 'layer' or 'tokens' without 'encoder', whose they are");
    return status;
}

static ec_status read_candidate(ec_declaration *out, size_t i, const yaml_candidate *from,
                                const place *p) {
    ec_sheet *sheet = &out->sheet;
    const ec_numbers *x = &sheet->numbers;
    ec_status status = ec_sheet_name_candidate(sheet, i, from->name, p->path, p->line, p->err);
    if (status == EC_OK) status = read_number(&x->a_shared[i], p, "A", from->a, ANY);
    if (status == EC_OK)
        status = read_number(&x->a_shared_se[i], p, "A_se", from->a_se, NOT_NEGATIVE);
    if (status == EC_OK) status = read_number(&x->c[i], p, "C", from->c, ANY);
    if (status == EC_OK) status = read_number(&x->c_se[i], p, "C_se", from->c_se, NOT_NEGATIVE);
    if (status == EC_OK) status = read_number(&x->cost[i], p, "cost", from->cost, NOT_NEGATIVE);
    if (status == EC_OK) status = read_copy(&out->origins[i].encoder, p, from->encoder);
    if (status == EC_OK) status = read_copy(&out->origins[i].connector, p, from->connector);
    if (status == EC_OK) status = read_features(&out->origins[i], p, from);
    for (uint32_t k = 0; status == EC_OK && k < from->own_a_count; k++)
        status = read_own_a(sheet, i, &from->own_a[k], p);
    return status;
}

static ec_status read_settings(ec_declaration *out, const yaml_study *from, const place *p) {
    double version = 1.0;
    ec_status status = read_number(&version, p, "version", from->version, ANY);
    if (status == EC_OK && version != 1.0)
        return ec_fail(
            p->err, EC_ERR_VERSION,
            "%s: version %.40s of the format; this eyechart reads version 1: use a newer one",
            p->path, from->version);
    if (status == EC_OK)
        status =
            ec_sheet_name(&out->sheet, is_null(from->name) ? NULL : from->name, p->path, 0, p->err);
    if (status == EC_OK) status = read_copy(&out->description, p, from->description);
    const yaml_policy *policy = from->policy;
    if (status != EC_OK || policy == NULL) return status;
    status = read_policy_name(&out->policy, p, policy->name);
    if (status == EC_OK) status = read_seed(&out->seed, p, policy->seed);
    if (status == EC_OK)
        status = read_number(&out->lease_hours, p, "lease_hours", policy->lease_hours, POSITIVE);
    if (status == EC_OK) status = read_number(&out->enough, p, "enough", policy->enough, POSITIVE);
    return status;
}

/* "A", "probe=0.5": what to rank by. */
static ec_status read_rank(ec_declaration *out, const yaml_rank *from, const place *p) {
    if (from == NULL || from->columns_count == 0) return EC_OK;
    out->columns = calloc(from->columns_count, sizeof *out->columns);
    if (out->columns == NULL) return ec_no_memory(p->path, p->err);
    double sum = 0.0;
    for (uint32_t k = 0; k < from->columns_count; k++) {
        char *text = strdup(from->columns[k]);
        if (text == NULL) return ec_no_memory(p->path, p->err);
        ec_error fault;
        const ec_status status = ec_rank_column_read(&out->columns[k], text, &fault);
        out->n_columns = k + 1; /* owns the text from here on */
        if (status != EC_OK)
            return ec_sheet_fail(p->err, p->path, 0, "rank: columns: %s", fault.message);
        sum += out->columns[k].weight;
        for (uint32_t j = 0; j < k; j++)
            if (strcmp(out->columns[j].name, out->columns[k].name) == 0)
                return fail_in(p, "rank: column", text, "is there twice");
    }
    if (!(sum > 0.0))
        return ec_sheet_fail(p->err, p->path, 0, "rank: no column has a weight above 0");
    return EC_OK;
}

static ec_status read_data(ec_score_declaration *to, const yaml_data *from, const place *p) {
    if (from == NULL) return EC_OK;
    ec_status status = read_copy(&to->keypoints, p, from->keypoints);
    if (status == EC_OK) status = read_copy(&to->split, p, from->split);
    if (status == EC_OK) status = read_copy(&to->images, p, from->images);
    if (status == EC_OK) status = read_copy(&to->image_root, p, from->image_root);
    return status;
}

/* A list of names of candidates. */
static ec_status read_names(char ***out, size_t *n_out, char *const *from, uint32_t n,
                            const char *key, const place *p) {
    *out = calloc((size_t)n + 1, sizeof **out);
    if (*out == NULL) return ec_no_memory(p->path, p->err);
    for (uint32_t i = 0; i < n; i++) {
        if (is_null(from[i]))
            return ec_sheet_fail(p->err, p->path, 0, "an entry of '%s' is empty", key);
        const ec_status status = read_copy(&(*out)[(*n_out)++], p, from[i]);
        if (status != EC_OK) return status;
    }
    return EC_OK;
}

/* They are candidates, so read after these. */
static ec_status check_names(const ec_declaration *declared, char *const *names, size_t n,
                             const char *key, const place *p) {
    for (size_t i = 0; i < n; i++) {
        if (ec_sheet_find_candidate(&declared->sheet, names[i]) == declared->sheet.n_candidates)
            return fail_name(p, key, names[i], "is not one of the candidates",
                             declared->sheet.candidates, declared->sheet.n_candidates);
        for (size_t k = 0; k < i; k++)
            if (strcmp(names[i], names[k]) == 0) return fail_in(p, key, names[i], "is there twice");
    }
    return EC_OK;
}

static ec_status read_scores(ec_score_declaration *to, const yaml_scores *from, const place *p) {
    if (from == NULL) return EC_OK;
    ec_status status =
        read_either(&to->consistent, p, "protocol", from->protocol, "authors", "consistent");
    if (status == EC_OK) status = read_count(&to->n_images, p, "images", from->images, 1e9);
    if (status == EC_OK && to->n_images == 0)
        status = fail_in(p, "images", from->images, "is zero; expected more");
    if (status == EC_OK)
        status = read_either(&to->longest, p, "select", from->select, "random", "longest");
    if (status == EC_OK) status = read_seed(&to->seed, p, from->seed);
    if (status == EC_OK)
        status =
            read_either(&to->bf16_compat, p, "bf16_compat", from->bf16_compat, "false", "true");
    if (status == EC_OK) status = read_copy(&to->combine, p, from->combine);
    if (status == EC_OK)
        status = read_either(&to->resample_grids, p, "resample_grids", from->resample_grids,
                             "false", "true");
    if (status == EC_OK)
        status = read_either(&to->positions_by_size, p, "positions_by_size",
                             from->positions_by_size, "false", "true");
    if (status == EC_OK)
        status = read_either(&to->exif_transpose, p, "exif_transpose", from->exif_transpose,
                             "false", "true");
    if (status == EC_OK)
        status = read_names(&to->references, &to->n_references, from->references,
                            from->references_count, "references", p);
    if (status == EC_OK)
        status = read_names(&to->compare_with, &to->n_compare_with, from->compare_with,
                            from->compare_with_count, "compare_with", p);
    return status;
}

static ec_status read_run(ec_loop_declaration *to, const yaml_run *from, const place *p) {
    if (from == NULL) return EC_OK;
    ec_status status = read_copy(&to->train, p, from->train);
    if (status == EC_OK) status = read_copy(&to->evaluate, p, from->evaluate);
    if (status == EC_OK) status = read_copy(&to->trained, p, from->trained);
    if (status == EC_OK) status = read_copy(&to->results, p, from->results);
    if (status == EC_OK)
        status = read_number(&to->train_timeout_hours, p, "train_timeout_hours",
                             from->train_timeout_hours, POSITIVE);
    if (status == EC_OK)
        status = read_number(&to->evaluate_timeout_hours, p, "evaluate_timeout_hours",
                             from->evaluate_timeout_hours, POSITIVE);
    if (status == EC_OK)
        status = read_number(&to->grace_seconds, p, "grace_seconds", from->grace_seconds, POSITIVE);
    if (status == EC_OK)
        status = read_count(&to->retries, p, "retries", from->retries, EC_MAX_RETRIES);
    if (status == EC_OK) status = read_number(&to->budget, p, "budget", from->budget, POSITIVE);
    if (status == EC_OK && !is_null(from->finetunes)) {
        to->finetunes = 0;
        status =
            read_count(&to->finetunes, p, "finetunes", from->finetunes, EC_STUDY_MAX_CANDIDATES);
    }
    if (status == EC_OK) status = read_number(&to->gpus, p, "gpus", from->gpus, POSITIVE);
    if (status == EC_OK)
        status = read_either(&to->limited, p, "limited", from->limited, "false", "true");
    if (status == EC_OK)
        status = read_either(&to->anyway, p, "anyway", from->anyway, "false", "true");
    return status;
}

/* The entries by candidate and by benchmark that are no numbers. */
static ec_status make_room(ec_declaration *out, const place *p) {
    const size_t n = out->sheet.n_candidates, m = out->sheet.n_benchmarks;
    out->origins = calloc(n + 1, sizeof *out->origins);
    out->words = calloc(m + 1, sizeof *out->words);
    if (out->origins == NULL || out->words == NULL) return ec_no_memory(p->path, p->err);
    out->n_origins = n;
    out->n_words = m;
    return EC_OK;
}

static ec_status convert(ec_declaration *out, const yaml_study *from, const ec_yaml_lines *lines,
                         const char *path, ec_error *err) {
    ec_sheet *sheet = &out->sheet;
    ec_status status =
        ec_sheet_init(sheet, path, from->candidates_count, from->benchmarks_count, err);
    const place whole = {.path = path, .err = err};
    if (status == EC_OK) status = make_room(out, &whole);
    if (status == EC_OK) status = read_settings(out, from, &whole);
    if (status == EC_OK) status = read_rank(out, from->rank, &whole);
    if (status == EC_OK) status = read_data(&out->scores, from->data, &whole);
    if (status == EC_OK) status = read_scores(&out->scores, from->scores, &whole);
    if (status == EC_OK) status = read_run(&out->run, from->run, &whole);
    for (uint32_t b = 0; status == EC_OK && b < from->benchmarks_count; b++) {
        const place p = {path, lines[BENCHMARKS].lines[b], "benchmark", from->benchmarks[b].name,
                         err};
        status = read_benchmark(out, b, &from->benchmarks[b], &p);
    }
    if (status == EC_OK) status = ec_sheet_index_benchmarks(sheet, path, err);
    for (uint32_t i = 0; status == EC_OK && i < from->candidates_count; i++) {
        const place p = {path, lines[CANDIDATES].lines[i], "candidate", from->candidates[i].name,
                         err};
        status = read_candidate(out, i, &from->candidates[i], &p);
    }
    if (status == EC_OK) status = ec_declaration_combine(out, path, err);
    if (status == EC_OK) status = ec_sheet_index_candidates(sheet, path, err);
    const ec_score_declaration *s = &out->scores;
    if (status == EC_OK)
        status = check_names(out, s->references, s->n_references, "reference", &whole);
    if (status == EC_OK)
        status = check_names(out, s->compare_with, s->n_compare_with, "compare_with", &whole);
    if (status == EC_OK) status = ec_sheet_check_numbers(sheet, path, err);
    return status;
}

/* ---- the whole ---------------------------------------------------------------------------- */

ec_declaration ec_declaration_default(void) {
    return (ec_declaration){.policy = EC_POLICY_EI,
                            .lease_hours = EC_LEASE_HOURS,
                            .scores = {.n_images = 100, .seed = 42},
                            .run = {.train_timeout_hours = INFINITY,
                                    .evaluate_timeout_hours = INFINITY,
                                    .grace_seconds = EC_PROCESS_GRACE_S,
                                    .budget = INFINITY,
                                    .finetunes = SIZE_MAX,
                                    .gpus = 1.0}};
}

void ec_declaration_release(ec_declaration *declaration) {
    for (size_t i = 0; i < declaration->n_origins; i++) {
        free(declaration->origins[i].encoder);
        free(declaration->origins[i].connector);
        free(declaration->origins[i].members);
    }
    for (size_t b = 0; b < declaration->n_words; b++) {
        free(declaration->words[b].images);
        free(declaration->words[b].image_root);
        free(declaration->words[b].result);
    }
    ec_score_declaration *scores = &declaration->scores;
    for (size_t i = 0; i < scores->n_references; i++) free(scores->references[i]);
    for (size_t i = 0; i < scores->n_compare_with; i++) free(scores->compare_with[i]);
    free(scores->references);
    free(scores->compare_with);
    free(scores->combine);
    free(scores->keypoints);
    free(scores->split);
    free(scores->images);
    free(scores->image_root);
    for (size_t k = 0; k < declaration->n_columns; k++) free((char *)declaration->columns[k].name);
    free(declaration->columns);
    free(declaration->run.train);
    free(declaration->run.evaluate);
    free(declaration->run.trained);
    free(declaration->run.results);
    free(declaration->origins);
    free(declaration->words);
    ec_sheet_release(&declaration->sheet);
    free(declaration->description);
    *declaration = (ec_declaration){0};
}

ec_status ec_declaration_read(ec_declaration *out, const char *path, const char *bytes,
                              size_t size_bytes, ec_error *err) {
    *out = ec_declaration_default();
    ec_yaml_lines lines[FIELDS] = {{0}};
    yaml_study *study = NULL;
    ec_status status = ec_yaml_check(lines, path, bytes, size_bytes, &study_schema, err);
    if (status != EC_OK) goto done;
    const cyaml_err_t loaded = cyaml_load_data((const uint8_t *)bytes, size_bytes, &cyaml_config,
                                               &study_schema, (cyaml_data_t **)&study, NULL);
    /* The text fits, as was checked: that libyaml cannot parse it now is for want of memory. */
    if (loaded == CYAML_ERR_OOM || loaded == CYAML_ERR_LIBYAML_PARSER)
        status = ec_no_memory(path, err);
    else if (loaded != CYAML_OK || study == NULL)
        status = ec_fail(err, EC_ERR_FORMAT, "%s: %s", path, cyaml_strerror(loaded));
    if (status == EC_OK) status = convert(out, study, lines, path, err);

done:
    for (int i = 0; i < FIELDS; i++) free(lines[i].lines);
    if (study != NULL) cyaml_free(&cyaml_config, &study_schema, study, 0);
    if (status != EC_OK) ec_declaration_release(out);
    return status;
}
