/* declaration_write.c - writing study.yaml: from a declaration, or the example of `study new` */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "study/declaration.h"

extern const unsigned char ec_data_study_example[]; /* data/study-example.yaml */

/* Words that YAML takes for itself whatever surrounds them cannot be made of these. */
static bool needs_no_quotes(const char *word) {
    if (!isalpha((unsigned char)word[0]) || strcmp(word, "null") == 0) return false;
    for (const char *c = word; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) && strchr("@+._/-", *c) == NULL) return false;
    return true;
}

/* Characters of two or three bytes that YAML does not take as they are, or takes for the end of a
 * line: C1 controls, line and paragraph separators, the byte order mark, U+FFFE and U+FFFF. Returns
 * how many bytes of `c` it wrote escaped. */
static size_t write_escaped(ec_text *out, const unsigned char *c) {
    if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f) {
        ec_text_format(out, "\\x%02x", c[1]);
        return 2;
    }
    const bool separator = c[0] == 0xe2 && c[1] == 0x80 && (c[2] == 0xa8 || c[2] == 0xa9);
    const bool mark = c[0] == 0xef && c[1] == 0xbb && c[2] == 0xbf;
    const bool last = c[0] == 0xef && c[1] == 0xbf && (c[2] == 0xbe || c[2] == 0xbf);
    if (!separator && !mark && !last) return 0;
    ec_text_format(out, "\\u%04x", (c[0] & 0xfu) << 12 | (c[1] & 0x3fu) << 6 | (c[2] & 0x3fu));
    return 3;
}

static void write_word(ec_text *out, const char *word) {
    if (needs_no_quotes(word)) {
        ec_text_add(out, word);
        return;
    }
    ec_text_add(out, "\"");
    for (const unsigned char *c = (const unsigned char *)word; *c != '\0'; c++) {
        const size_t escaped = write_escaped(out, c);
        if (escaped > 0)
            c += escaped - 1;
        else if (*c == '"' || *c == '\\')
            ec_text_format(out, "\\%c", *c);
        else if (*c < 0x20 || *c == 0x7f)
            ec_text_format(out, "\\x%02x", *c);
        else
            ec_text_add_bytes(out, c, 1);
    }
    ec_text_add(out, "\"");
}

static void write_number(ec_text *out, const char *key, double value) {
    char number[EC_NUMBER_SIZE];
    if (isnan(value)) return;
    ec_number_write(number, value);
    ec_text_format(out, "    %s: %s\n", key, number);
}

/* A line "indent key: word"; nothing where there is no word. */
static void write_line(ec_text *out, const char *indent, const char *key, const char *word) {
    if (word == NULL) return;
    ec_text_format(out, "%s%s: ", indent, key);
    write_word(out, word);
    ec_text_add(out, "\n");
}

static void write_range(ec_text *out, const ec_benchmark *benchmark) {
    if (isinf(benchmark->low) && isinf(benchmark->high)) return;
    char low[EC_NUMBER_SIZE] = "null", high[EC_NUMBER_SIZE] = "null";
    if (isfinite(benchmark->low)) ec_number_write(low, benchmark->low);
    if (isfinite(benchmark->high)) ec_number_write(high, benchmark->high);
    ec_text_format(out, "    range: [%s, %s]\n", low, high);
}

static void write_benchmark(ec_text *out, const ec_declaration *declaration, size_t b) {
    const ec_benchmark *benchmark = &declaration->sheet.benchmarks[b];
    ec_text_add(out, "  - name: ");
    write_word(out, benchmark->name);
    ec_text_add(out, "\n    group: ");
    write_word(out, benchmark->group);
    ec_text_format(out, "\n    direction: %s\n", benchmark->direction > 0 ? "higher" : "lower");
    write_range(out, benchmark);
    if (benchmark->weight != 1.0) write_number(out, "weight", benchmark->weight);
    if (b >= declaration->n_words) return;
    write_line(out, "    ", "images", declaration->words[b].images);
    write_line(out, "    ", "image_root", declaration->words[b].image_root);
    write_line(out, "    ", "result", declaration->words[b].result);
}

static void write_own_a(ec_text *out, const ec_sheet *sheet, size_t i) {
    bool first = true;
    for (size_t b = 0; b < sheet->n_benchmarks; b++) {
        const size_t cell = b * sheet->n_candidates + i;
        char number[EC_NUMBER_SIZE];
        if (isnan(sheet->numbers.a[cell])) continue;
        if (first) ec_text_add(out, "    A_by_benchmark:\n");
        first = false;
        ec_text_add(out, "      - {benchmark: ");
        write_word(out, sheet->benchmarks[b].name);
        ec_number_write(number, sheet->numbers.a[cell]);
        ec_text_format(out, ", value: %s", number);
        if (!isnan(sheet->numbers.a_se[cell])) {
            ec_number_write(number, sheet->numbers.a_se[cell]);
            ec_text_format(out, ", se: %s", number);
        }
        ec_text_add(out, "}\n");
    }
}

static void write_candidate(ec_text *out, const ec_declaration *declaration, size_t i) {
    const ec_sheet *sheet = &declaration->sheet;
    const ec_numbers *x = &sheet->numbers;
    if (i < declaration->n_origins && declaration->origins[i].is_combined) return;
    ec_text_add(out, "  - name: ");
    write_word(out, sheet->candidates[i]);
    ec_text_add(out, "\n");
    write_number(out, "A", x->a_shared[i]);
    write_number(out, "A_se", x->a_shared_se[i]);
    write_own_a(out, sheet, i);
    write_number(out, "C", x->c[i]);
    write_number(out, "C_se", x->c_se[i]);
    write_number(out, "cost", x->cost[i]);
    if (i >= declaration->n_origins) return;
    write_line(out, "    ", "encoder", declaration->origins[i].encoder);
    write_line(out, "    ", "connector", declaration->origins[i].connector);
    if (declaration->origins[i].has_layer)
        ec_text_format(out, "    layer: %d\n", declaration->origins[i].layer);
    if (declaration->origins[i].has_tokens)
        ec_text_format(out, "    tokens: %s\n",
                       declaration->origins[i].all_tokens ? "all" : "patch");
}

/* The settings of scores and of the loop: those that differ from what holds without them. */
static void write_data(ec_text *out, const ec_score_declaration *s) {
    if (s->keypoints == NULL && s->split == NULL && s->images == NULL && s->image_root == NULL)
        return;
    ec_text_add(out, "\ndata:\n");
    write_line(out, "  ", "keypoints", s->keypoints);
    write_line(out, "  ", "split", s->split);
    write_line(out, "  ", "images", s->images);
    write_line(out, "  ", "image_root", s->image_root);
}

static void write_names(ec_text *out, const char *key, char *const *names, size_t n) {
    if (n > 0) ec_text_format(out, "  %s:\n", key);
    for (size_t i = 0; i < n; i++) {
        ec_text_add(out, "    - ");
        write_word(out, names[i]);
        ec_text_add(out, "\n");
    }
}

static void write_scores(ec_text *out, const ec_score_declaration *s) {
    const ec_score_declaration usual = ec_declaration_default().scores;
    if (s->consistent == usual.consistent && s->n_images == usual.n_images &&
        s->longest == usual.longest && s->seed == usual.seed &&
        s->bf16_compat == usual.bf16_compat && s->positions_by_size == usual.positions_by_size &&
        s->exif_transpose == usual.exif_transpose && s->n_references == 0 &&
        s->n_compare_with == 0 && s->combine == NULL && !s->resample_grids)
        return;
    ec_text_format(out,
                   "\nscores:\n  protocol: %s\n  images: %zu\n  select: %s\n  seed: %llu\n"
                   "  bf16_compat: %s\n  positions_by_size: %s\n",
                   s->consistent ? "consistent" : "authors", s->n_images,
                   s->longest ? "longest" : "random", (unsigned long long)s->seed,
                   s->bf16_compat ? "true" : "false", s->positions_by_size ? "true" : "false");
    write_line(out, "  ", "combine", s->combine);
    if (s->resample_grids) ec_text_add(out, "  resample_grids: true\n");
    if (s->exif_transpose) ec_text_add(out, "  exif_transpose: true\n");
    write_names(out, "references", s->references, s->n_references);
    write_names(out, "compare_with", s->compare_with, s->n_compare_with);
}

static void write_limit(ec_text *out, const char *key, double value, double usual) {
    char number[EC_NUMBER_SIZE];
    if (value == usual) return;
    ec_number_write(number, value);
    ec_text_format(out, "  %s: %s\n", key, number);
}

static void write_run(ec_text *out, const ec_loop_declaration *run) {
    const ec_loop_declaration usual = ec_declaration_default().run;
    if (run->train == NULL && run->evaluate == NULL && run->trained == NULL &&
        run->results == NULL && run->grace_seconds == usual.grace_seconds &&
        run->retries == usual.retries && run->train_timeout_hours == usual.train_timeout_hours &&
        run->evaluate_timeout_hours == usual.evaluate_timeout_hours &&
        run->budget == usual.budget && run->finetunes == usual.finetunes &&
        run->gpus == usual.gpus && !run->limited && !run->anyway)
        return;
    ec_text_add(out, "\nrun:\n");
    write_line(out, "  ", "train", run->train);
    write_line(out, "  ", "evaluate", run->evaluate);
    write_line(out, "  ", "trained", run->trained);
    write_line(out, "  ", "results", run->results);
    write_limit(out, "train_timeout_hours", run->train_timeout_hours, usual.train_timeout_hours);
    write_limit(out, "evaluate_timeout_hours", run->evaluate_timeout_hours,
                usual.evaluate_timeout_hours);
    write_limit(out, "grace_seconds", run->grace_seconds, usual.grace_seconds);
    write_limit(out, "retries", (double)run->retries, (double)usual.retries);
    write_limit(out, "budget", run->budget, usual.budget);
    write_limit(out, "finetunes", (double)run->finetunes, (double)usual.finetunes);
    write_limit(out, "gpus", run->gpus, usual.gpus);
    if (run->limited) ec_text_add(out, "  limited: true\n");
    if (run->anyway) ec_text_add(out, "  anyway: true\n");
}

static void write_rank(ec_text *out, const ec_declaration *declaration) {
    if (declaration->n_columns > 0) ec_text_add(out, "\nrank:\n  columns:\n");
    for (size_t k = 0; k < declaration->n_columns; k++) {
        const ec_rank_column *column = &declaration->columns[k];
        char word[128], number[EC_NUMBER_SIZE];
        ec_number_write(number, column->weight);
        snprintf(word, sizeof word, "%s%s%s", column->name, column->weight == 1.0 ? "" : "=",
                 column->weight == 1.0 ? "" : number);
        ec_text_add(out, "    - ");
        write_word(out, word);
        ec_text_add(out, "\n");
    }
}

void ec_declaration_write(ec_text *out, const ec_declaration *declaration) {
    const ec_sheet *sheet = &declaration->sheet;
    char hours[EC_NUMBER_SIZE];
    ec_text_add(out, "# A study of eyechart. What each line means: docs/formats.md.\n"
                     "# What was imported or told is in study.db; 'eyechart study show' lists it.\n"
                     "version: 1\n");
    if (sheet->name != NULL) {
        ec_text_add(out, "name: ");
        write_word(out, sheet->name);
        ec_text_add(out, "\n");
    }
    if (declaration->description != NULL) {
        ec_text_add(out, "description: ");
        write_word(out, declaration->description);
        ec_text_add(out, "\n");
    }
    ec_number_write(hours, declaration->lease_hours);
    ec_text_format(out, "\npolicy:\n  name: %s\n  seed: %llu\n  lease_hours: %s\n",
                   ec_policy_name(declaration->policy), (unsigned long long)declaration->seed,
                   hours);
    if (declaration->enough > 0.0) {
        ec_number_write(hours, declaration->enough);
        ec_text_format(out, "  enough: %s\n", hours);
    }
    write_rank(out, declaration);
    write_data(out, &declaration->scores);
    write_scores(out, &declaration->scores);
    write_run(out, &declaration->run);

    ec_text_add(out, sheet->n_benchmarks > 0 ? "\nbenchmarks:\n" : "\nbenchmarks: []\n");
    for (size_t b = 0; b < sheet->n_benchmarks; b++) write_benchmark(out, declaration, b);
    ec_text_add(out, sheet->n_candidates > 0 ? "\ncandidates:\n" : "\ncandidates: []\n");
    for (size_t i = 0; i < sheet->n_candidates; i++) write_candidate(out, declaration, i);
}

const char *ec_declaration_example(void) {
    return (const char *)ec_data_study_example;
}
