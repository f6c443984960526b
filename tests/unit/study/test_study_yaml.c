/* What docs/formats.md says about study.yaml: what is read, and what is refused with which words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "study/declaration.h"

#define BENCHMARKS "benchmarks:\n  - name: MME\n"  /* lines 1 and 2 */
#define CANDIDATES "candidates:\n  - name: CLIP\n" /* lines 3 and 4 */

static ec_declaration read_text(const char *text) {
    ec_declaration d;
    ec_error err;
    if (ec_declaration_read(&d, "s.yaml", text, strlen(text), &err) != EC_OK)
        fail_msg("%s", err.message);
    return d;
}

static void assert_refused_bytes(const char *bytes, size_t size_bytes, const char *where,
                                 const char *why) {
    ec_declaration d;
    ec_error err = {.message = "(none)"};
    const ec_status status = ec_declaration_read(&d, "s.yaml", bytes, size_bytes, &err);
    if (status != EC_ERR_FORMAT || strncmp(err.message, where, strlen(where)) != 0 ||
        strstr(err.message, why) == NULL)
        fail_msg("status %d, '%s'; expected '%s … %s …' of:\n%.300s", status, err.message, where,
                 why, bytes);
    assert_int_equal(err.status, status);
}

static void assert_refused(const char *text, const char *where, const char *why) {
    assert_refused_bytes(text, strlen(text), where, why);
}

/* ---- what is read ------------------------------------------------------------------------- */

static void everything_that_can_be_declared_is_read(void **state) {
    (void)state;
    ec_declaration d =
        read_text("version: 1\n"
                  "name: my study\n"
                  "description: words\n"
                  "policy: {name: ei, seed: 18446744073709551615, lease_hours: 1.5}\n"
                  "benchmarks:\n"
                  "  - {name: MME, group: vision, direction: lower, range: [0, 2e3], weight: 2}\n"
                  "  - name: 'Text VQA'\n"
                  "    range: [null, 100]\n"
                  "candidates:\n"
                  "  - {name: CLIP@336, A: .5, A_se: .01, C: 15, C_se: 1, cost: 80}\n"
                  "  - name: \"C+D \\u00e9\"\n"
                  "    A:\n"
                  "    C: null\n"
                  "    A_by_benchmark: [{benchmark: Text VQA, value: -1.97, se: 0.1}]\n");
    const ec_sheet *s = &d.sheet;
    assert_string_equal(s->name, "my study");
    assert_string_equal(d.description, "words");
    assert_int_equal(d.policy, EC_POLICY_EI);
    assert_true(d.seed == UINT64_MAX && d.lease_hours == 1.5);

    assert_int_equal(s->n_benchmarks, 2);
    assert_string_equal(s->benchmarks[0].group, "vision");
    assert_int_equal(s->benchmarks[0].direction, -1);
    assert_true(s->benchmarks[0].low == 0 && s->benchmarks[0].high == 2000 &&
                s->benchmarks[0].weight == 2);
    assert_string_equal(s->benchmarks[1].name, "Text VQA");
    assert_string_equal(s->benchmarks[1].group, "all");
    assert_int_equal(s->benchmarks[1].direction, 1);
    assert_true(s->benchmarks[1].low == -INFINITY && s->benchmarks[1].high == 100);
    assert_true(s->benchmarks[1].weight == 1);

    const ec_numbers *x = &s->numbers;
    assert_int_equal(s->n_candidates, 2);
    assert_string_equal(s->candidates[1], "C+D \xc3\xa9");
    assert_true(x->a_shared[0] == .5 && x->a_shared_se[0] == .01 && x->c[0] == 15 &&
                x->c_se[0] == 1);
    assert_true(x->cost[0] == 80 && isnan(x->cost[1]));
    assert_true(isnan(x->a_shared[1]) && isnan(x->c[1]));
    assert_true(x->a[2 + 1] == -1.97 && x->a_se[2 + 1] == .1 && isnan(x->a[0 + 1]));
    ec_declaration_release(&d);
}

static void lists_may_be_empty_and_the_rest_left_out(void **state) {
    (void)state;
    ec_declaration d = read_text("benchmarks: []\ncandidates: []\n");
    assert_int_equal(d.sheet.n_candidates, 0);
    assert_int_equal(d.policy, EC_POLICY_EI);
    assert_true(d.seed == 0 && d.lease_hours == EC_LEASE_HOURS && d.sheet.name == NULL);
    ec_declaration_release(&d);
}

static void the_example_of_a_new_study_is_valid(void **state) {
    (void)state;
    ec_declaration d = read_text(ec_declaration_example());
    assert_true(d.sheet.n_candidates >= 3 && d.sheet.n_benchmarks >= 3);
    ec_declaration_release(&d);
}

/* Names that YAML would read as something else come back as they were, and so does every number. */
static void what_is_written_reads_back(void **state) {
    (void)state;
    ec_declaration d =
        read_text("name: 'a: \"b\" \\ #c'\n"
                  "description: \"two\\nlines\\ttab\"\n"
                  "policy: {name: ac, seed: 7, lease_hours: 0.1}\n"
                  "benchmarks:\n"
                  "  - {name: 'null', range: [0.1, 1502.696679], weight: 0.3, direction: lower}\n"
                  "  - {name: '- x', group: '123'}\n"
                  "candidates:\n"
                  "  - {name: 'yes', A: 0.788125, C: 15.66, C_se: 1e-300}\n"
                  "  - {name: '*a', A_by_benchmark: [{benchmark: '- x', value: 0.1, se: 0.2}]}\n"
                  "  - {name: 'é €', cost: 80}\n");
    ec_text text = {0};
    ec_declaration_write(&text, &d);
    ec_declaration again = read_text(text.data);
    assert_string_equal(again.sheet.name, d.sheet.name);
    assert_string_equal(again.description, d.description);
    assert_int_equal(again.policy, d.policy);
    assert_true(again.seed == d.seed && again.lease_hours == d.lease_hours);
    for (size_t b = 0; b < 2; b++) {
        const ec_benchmark *x = &d.sheet.benchmarks[b], *y = &again.sheet.benchmarks[b];
        assert_string_equal(x->name, y->name);
        assert_string_equal(x->group, y->group);
        assert_true(x->direction == y->direction && x->low == y->low && x->high == y->high);
        assert_true(x->weight == y->weight);
    }
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(d.sheet.candidates[i], again.sheet.candidates[i]);
    assert_memory_equal(d.sheet.numbers.c, again.sheet.numbers.c, 3 * (6 + 3 * 2) * sizeof(double));
    ec_text_release(&text);
    ec_declaration_release(&d);
    ec_declaration_release(&again);
}

/* ---- what is refused ---------------------------------------------------------------------- */

static void files_that_are_no_study_are_refused(void **state) {
    (void)state;
    assert_refused("", "s.yaml: ", "empty");
    assert_refused("# nothing\n", "s.yaml: ", "empty");
    assert_refused("- a\n- b\n", "s.yaml:1: ", "'study' is a list, expected a mapping");
    assert_refused("words\n", "s.yaml:1: ", "expected a mapping");
    assert_refused(BENCHMARKS CANDIDATES "---\nname: b\n", "s.yaml:5: ", "second document");
    assert_refused("\xff\xfe", "s.yaml: ", "");
    assert_refused("name: \xff\n", "s.yaml:1: ", "not YAML");
    assert_refused_bytes("name: \"a\\0b\"\n" BENCHMARKS CANDIDATES, 62, "s.yaml:1: ", "zero byte");
}

/* Cut anywhere, the file is refused or says less, and never says something else. */
static void a_file_cut_short_is_refused_where_that_can_be_told(void **state) {
    (void)state;
    assert_refused(BENCHMARKS, "s.yaml:3: ", "no 'candidates:'; is the file cut short?");
    assert_refused(BENCHMARKS "candidates:\n  - na", "s.yaml:4: ", "expected a mapping");
    assert_refused(BENCHMARKS "candidates:\n  - name: \"CL", "s.yaml:4: ", "not YAML");
    assert_refused(BENCHMARKS "candidates:\n  - name: A\n    C: [1", "s.yaml:5: ", "");
    assert_refused(BENCHMARKS "cand",
                   "s.yaml:4: ", "not YAML: while scanning a simple key that begins on line 3");
    assert_refused(
        BENCHMARKS "candidates:", "s.yaml:3: ", "'candidates' is nothing, expected a list");
}

static void keys_are_told_with_their_own_line(void **state) {
    (void)state;
    assert_refused(BENCHMARKS CANDIDATES "    resolution: 336\n",
                   "s.yaml:5: ", "unknown key 'resolution'; known here: name, A,");
    assert_refused(BENCHMARKS CANDIDATES "    csot: 1\n", "s.yaml:5: ", "did you mean 'cost'?");
    assert_refused(BENCHMARKS CANDIDATES "    C: 1\n    C: 2\n",
                   "s.yaml:6: ", "key 'C' is there twice");
    assert_refused(BENCHMARKS BENCHMARKS CANDIDATES,
                   "s.yaml:3: ", "key 'benchmarks' is there twice");
    assert_refused(BENCHMARKS CANDIDATES "  - C: 1\n    cost: 2\n",
                   "s.yaml:5: ", "without 'name:'");
    assert_refused("<<: 1\n" BENCHMARKS CANDIDATES, "s.yaml:1: ", "unknown key '<<'");
    assert_refused("? [a]\n: b\n", "s.yaml:1: ", "a key must be a single word");
    assert_refused(BENCHMARKS "candidate:\n  - name: A\n",
                   "s.yaml:3: ", "did you mean 'candidates'?");
}

static void values_of_another_kind_are_told_with_their_line(void **state) {
    (void)state;
    assert_refused(BENCHMARKS "candidates: x\n",
                   "s.yaml:3: ", "is a single value, expected a list");
    assert_refused(BENCHMARKS "candidates:\n  - x\n", "s.yaml:4: ", "expected a mapping");
    assert_refused(BENCHMARKS CANDIDATES "    C: [1]\n",
                   "s.yaml:5: ", "'C' is a list, expected a single value");
    assert_refused(BENCHMARKS CANDIDATES "    C:\n      a: 1\n", "s.yaml:6: ", "'C' is a mapping");
    assert_refused("policy: ac\n" BENCHMARKS CANDIDATES,
                   "s.yaml:1: ", "'policy' is a single value");
    assert_refused(BENCHMARKS "    range: [1]\n" CANDIDATES,
                   "s.yaml:3: ", "has 1 entries, expected 2");
    assert_refused(BENCHMARKS "    range: [1, 2, 3]\n" CANDIDATES,
                   "s.yaml:3: ", "has 3 entries, expected 2");
    assert_refused(BENCHMARKS "    range: [2, 1]\n" CANDIDATES,
                   "s.yaml:2: ", "not below the other end");
    assert_refused(BENCHMARKS "    direction: up\n" CANDIDATES, "s.yaml:2: ", "neither 'higher'");
}

/* Each says the candidate, the key and the value. */
static void numbers_must_be_numbers(void **state) {
    (void)state;
    assert_refused(BENCHMARKS CANDIDATES "    C: abc\n",
                   "s.yaml:4: ", "candidate 'CLIP': C 'abc' is not a number");
    assert_refused(BENCHMARKS CANDIDATES "    C: .nan\n",
                   "s.yaml:4: ", "C '.nan' is not a finite number");
    assert_refused(BENCHMARKS CANDIDATES "    A: inf\n",
                   "s.yaml:4: ", "A 'inf' is not a finite number");
    assert_refused(BENCHMARKS CANDIDATES "    A: 1e999\n", "s.yaml:4: ", "too large");
    assert_refused(BENCHMARKS CANDIDATES "    A: 1\n    A_se: -1\n",
                   "s.yaml:4: ", "A_se '-1' is negative");
    assert_refused(BENCHMARKS CANDIDATES "    A_se: 1\n",
                   "s.yaml:4: ", "standard error of A without A");
    assert_refused(BENCHMARKS CANDIDATES "    C_se: 1\n",
                   "s.yaml:4: ", "standard error of C without C");
    assert_refused(BENCHMARKS CANDIDATES "    cost: -1\n", "s.yaml:4: ", "cost '-1' is negative");
    assert_refused(BENCHMARKS "    weight: -1\n" CANDIDATES,
                   "s.yaml:2: ", "benchmark 'MME': weight '-1'");
    assert_refused("policy: {seed: -1}\n" BENCHMARKS CANDIDATES,
                   "s.yaml: ", "seed '-1' is not a whole number");
    assert_refused("policy: {seed: 18446744073709551616}\n" BENCHMARKS CANDIDATES,
                   "s.yaml: ", "not a whole number");
    assert_refused("policy: {lease_hours: 0}\n" BENCHMARKS CANDIDATES,
                   "s.yaml: ", "lease_hours '0' is zero");
    assert_refused("policy: {name: best}\n" BENCHMARKS CANDIDATES,
                   "s.yaml: ", "'best' is unknown; there are ei, prior, ac");
}

static void names_must_be_names(void **state) {
    (void)state;
    assert_refused(BENCHMARKS CANDIDATES "  - name: B\n  - name: CLIP\n",
                   "s.yaml:6: ", "'CLIP' is there twice");
    assert_refused(BENCHMARKS "  - name: MME\n" CANDIDATES,
                   "s.yaml: ", "benchmark 'MME' is there twice");
    assert_refused(BENCHMARKS "candidates:\n  - name:\n", "s.yaml:4: ", "'' is empty");
    assert_refused(BENCHMARKS "candidates:\n  - name: ' a'\n",
                   "s.yaml:4: ", "begins or ends with a blank");
    assert_refused(BENCHMARKS "candidates:\n  - name: \"a\\nb\"\n",
                   "s.yaml:4: ", "control character");
    assert_refused(BENCHMARKS "  - name: A MME\n" CANDIDATES,
                   "s.yaml:3: ", "begins like a column of scores");
    assert_refused(BENCHMARKS "  - name: Cost\n" CANDIDATES,
                   "s.yaml:3: ", "has a meaning of its own");
    assert_refused(BENCHMARKS CANDIDATES "    A_by_benchmark: [{benchmark: GQA, value: 1}]\n",
                   "s.yaml:4: ", "'GQA' is not one of the benchmarks");
    assert_refused(BENCHMARKS CANDIDATES
                   "    A_by_benchmark: [{benchmark: MME, value: 1}, {benchmark: MME, value: 2}]\n",
                   "s.yaml:4: ", "'MME' is there twice");
}

/* Ten nested aliases could unfold to gigabytes. */
static void aliases_are_refused(void **state) {
    (void)state;
    assert_refused("name: &a b\n" BENCHMARKS CANDIDATES,
                   "s.yaml:1: ", "anchors (&) and aliases (*)");
    assert_refused("name: *a\n" BENCHMARKS CANDIDATES, "s.yaml:1: ", "anchors (&) and aliases (*)");
    assert_refused(BENCHMARKS "candidates: &a\n  - name: x\n", "s.yaml:3: ", "anchors (&)");
}

static const char SCORES[] =
    "data: {keypoints: ../SPair-71k, split: val, images: photos, image_root: /data}\n"
    "scores: {protocol: consistent, images: 8, select: longest, seed: 3, bf16_compat: true,\n"
    "         positions_by_size: true, exif_transpose: true,\n"
    "         references: [CLIP, 'a: b']}\n"
    "run: {train: 'bash t.sh {candidate} {out}', evaluate: \"e\\t1\", train_timeout_hours: .5,\n"
    "      trained: '{out}/m', grace_seconds: 30,\n"
    "      evaluate_timeout_hours: 2, retries: 3, budget: 400, finetunes: 5, gpus: 8}\n"
    "benchmarks:\n  - {name: MME, images: mme.jsonl, image_root: mme, result: 'mme.mme_acc,none * "
    "100'}\n  - name: "
    "POPE\n"
    "candidates:\n  - {name: CLIP, encoder: w/clip, connector: c/mm_projector.bin}\n"
    "  - {name: 'a: b', encoder: 'w/clip@224+/abs/dino:squash'}\n";

static void assert_scores(const ec_declaration *d) {
    assert_string_equal(d->scores.keypoints, "../SPair-71k");
    assert_string_equal(d->scores.split, "val");
    assert_string_equal(d->scores.images, "photos");
    assert_string_equal(d->scores.image_root, "/data");
    assert_true(d->scores.consistent && d->scores.longest && d->scores.bf16_compat);
    assert_true(d->scores.positions_by_size);
    assert_true(d->scores.exif_transpose);
    assert_int_equal(d->scores.n_images, 8);
    assert_int_equal(d->scores.seed, 3);
    assert_int_equal(d->scores.n_references, 2);
    assert_string_equal(d->scores.references[1], "a: b");
    assert_string_equal(d->run.train, "bash t.sh {candidate} {out}");
    assert_string_equal(d->run.evaluate, "e\t1");
    assert_string_equal(d->run.trained, "{out}/m");
    assert_true(d->run.grace_seconds == 30.0);
    assert_true(d->run.train_timeout_hours == 0.5 && d->run.evaluate_timeout_hours == 2.0);
    assert_true(d->run.retries == 3 && d->run.budget == 400.0 && d->run.gpus == 8.0);
    assert_string_equal(d->words[0].images, "mme.jsonl");
    assert_string_equal(d->words[0].image_root, "mme");
    assert_string_equal(d->words[0].result, "mme.mme_acc,none * 100");
    assert_true(d->words[1].images == NULL && d->run.finetunes == 5);
    assert_string_equal(d->origins[0].connector, "c/mm_projector.bin");
    assert_string_equal(d->origins[1].encoder, "w/clip@224+/abs/dino:squash");
    assert_null(d->origins[1].connector);
}

static void where_scores_come_from_is_read_and_written(void **state) {
    (void)state;
    ec_declaration d = read_text(SCORES);
    assert_scores(&d);
    ec_text text = {0};
    ec_declaration_write(&text, &d);
    ec_declaration again = read_text(text.data);
    assert_scores(&again);
    ec_declaration_release(&again);
    ec_declaration_release(&d);
    ec_text_release(&text);
}

/* A study from before these keys means what it meant. */
static void without_the_keys_of_scores_the_defaults_hold(void **state) {
    (void)state;
    ec_declaration d = read_text(BENCHMARKS CANDIDATES);
    assert_null(d.scores.keypoints);
    assert_null(d.origins[0].encoder);
    assert_null(d.words[0].images);
    assert_false(d.scores.consistent || d.scores.longest || d.scores.bf16_compat);
    assert_false(d.scores.positions_by_size);
    assert_false(d.scores.exif_transpose);
    assert_int_equal(d.scores.n_images, 100);
    assert_int_equal(d.scores.seed, 42);
    assert_int_equal(d.scores.n_references, 0);
    assert_true(d.run.trained == NULL && d.run.grace_seconds == 10.0);
    assert_true(isinf(d.run.train_timeout_hours) && isinf(d.run.budget) &&
                d.run.finetunes == SIZE_MAX && d.run.gpus == 1.0);
    assert_null(d.run.train);
    ec_text text = {0};
    ec_declaration_write(&text, &d);
    assert_null(strstr(text.data, "scores:"));
    assert_null(strstr(text.data, "data:"));
    assert_null(strstr(text.data, "run:"));
    ec_text_release(&text);
    ec_declaration_release(&d);
}

static void settings_of_scores_must_make_sense(void **state) {
    (void)state;
    assert_refused("scores: {protocol: author}\n" BENCHMARKS CANDIDATES,
                   "s.yaml: ", "protocol 'author' is neither 'authors' nor 'consistent'");
    assert_refused("scores: {images: 0}\n" BENCHMARKS CANDIDATES, "s.yaml: ", "is zero");
    assert_refused("scores: {images: 1.5}\n" BENCHMARKS CANDIDATES, "s.yaml: ", "whole number");
    assert_refused("scores: {references: [CLIP, DINO]}\n" BENCHMARKS CANDIDATES,
                   "s.yaml: ", "reference 'DINO' is not one of the candidates");
    assert_refused("scores: {references: [CLP]}\n" BENCHMARKS CANDIDATES,
                   "s.yaml: ", "'CLP' is not one of the candidates; did you mean 'CLIP'?");
    assert_refused("scores: {compare_with: [clip]}\n" BENCHMARKS CANDIDATES,
                   "s.yaml: ", "'clip' is not one of the candidates; did you mean 'CLIP'?");
    assert_refused("policy: {name: priot}\n" BENCHMARKS CANDIDATES,
                   "s.yaml: ", "did you mean 'prior'?");
    assert_refused("scores: {references: [CLIP, CLIP]}\n" BENCHMARKS CANDIDATES,
                   "s.yaml: ", "is there twice");
    assert_refused("scores: {references: CLIP}\n" BENCHMARKS CANDIDATES,
                   "s.yaml:1: ", "expected a list");
    assert_refused("run: {gpus: 0}\n" BENCHMARKS CANDIDATES, "s.yaml: ", "is zero");
    assert_refused("run: {retries: 1001}\n" BENCHMARKS CANDIDATES, "s.yaml: ", "up to 1000");
    assert_refused("run: {tran: x}\n" BENCHMARKS CANDIDATES, "s.yaml:1: ", "did you mean 'train'");
}

/* Characters that YAML reads only as escapes, or as the end of a line. */
static void odd_characters_survive_writing(void **state) {
    (void)state;
    ec_declaration d = read_text(
        "description: \"a\\x81\\u0085\\u2028b\\ufeff\\ufffe \\x7f\"\n" BENCHMARKS CANDIDATES);
    ec_text text = {0};
    ec_declaration_write(&text, &d);
    ec_declaration again = read_text(text.data);
    assert_string_equal(again.description, d.description);
    ec_declaration_release(&again);
    ec_declaration_release(&d);
    ec_text_release(&text);
}

/* ---- combinations that are not declared one by one ------------------------------------------ */

#define ENCODERS                                                                                   \
    "candidates:\n  - {name: C, encoder: clip}\n  - {name: D+, encoder: dino@336}\n"               \
    "  - {name: S, encoder: siglip}\n  - {name: mine, encoder: siglip+clip, connector: x}\n"       \
    "  - {name: text}\n"

static void assert_candidates(const char *combine, size_t n, const char *const *names,
                              const char *const *encoders) {
    ec_text yaml = {0}, written = {0};
    ec_text_format(&yaml, "scores: {combine: '%s'}\n" BENCHMARKS ENCODERS, combine);
    ec_declaration d = read_text(yaml.data);
    ec_declaration_write(&written, &d);
    for (int pass = 0; pass < 2; pass++) { /* as read, and as written and read again */
        assert_int_equal(d.sheet.n_candidates, 5 + n);
        for (size_t i = 0; i < n; i++) {
            assert_string_equal(d.sheet.candidates[5 + i], names[i]);
            assert_string_equal(d.origins[5 + i].encoder, encoders[i]);
            assert_null(d.origins[5 + i].connector);
            assert_true(d.origins[5 + i].is_combined);
            assert_int_equal(ec_sheet_find_candidate(&d.sheet, names[i]), 5 + i);
        }
        assert_false(d.origins[4].is_combined);
        assert_int_equal(ec_sheet_find_benchmark(&d.sheet, "MME"), 0);
        ec_declaration_release(&d);
        if (pass == 0) d = read_text(written.data);
    }
    assert_null(strstr(written.data, "clip+dino"));
    ec_text_release(&yaml);
    ec_text_release(&written);
}

/* C and S together are the candidate 'mine' already. */
static void all_combinations_are_candidates(void **state) {
    (void)state;
    static const char *const names[] = {"C+D+", "D++S", "C+D++S"}, *const encoders[] = {
                                                                       "clip+dino@336",
                                                                       "dino@336+siglip",
                                                                       "clip+dino@336+siglip"};
    assert_candidates("all", 3, names, encoders);
}

static void combinations_may_be_listed(void **state) {
    (void)state;
    static const char *const names[] = {"D++S", "C+D++S"}, *const encoders[] = {
                                                               "dino@336+siglip",
                                                               "clip+dino@336+siglip"};
    assert_candidates("S+D+", 1, names, encoders);
    assert_candidates("D++S,S+C+D+,C+S,S+D+,C", 2, names, encoders);
}

static void combinations_that_cannot_be_are_refused(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"C+X", "'X' does not begin with the name of a candidate"},
        {"C+text", "'text' does not begin with the name of a candidate that has one encoder; that "
                   "one has no 'encoder:'"},
        {"C+mine", "that one has several"},
        {"C+mime", "'mime' does not begin with"},
        {"al", "did you mean 'all'?"},
        {"C+S+C", "the encoder of candidate 'C' is there twice"},
        {"C+S,", "'' does not begin with"},
        {"C+S;D+", "'S;D+' does not begin with"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ec_text yaml = {0};
        ec_text_format(&yaml, "scores: {combine: '%s'}\n" BENCHMARKS ENCODERS, cases[i][0]);
        assert_refused(yaml.data, "s.yaml: ", cases[i][1]);
        ec_text_release(&yaml);
    }
    assert_refused(
        "scores: {combine: 'CLIP@336+DINOV,x'}\n" BENCHMARKS
        "candidates:\n  - {name: CLIP@336, encoder: a}\n  - {name: DINOv2, encoder: b}\n",
        "s.yaml: ",
        "'DINOV,x' does not begin with the name of a candidate that has one "
        "encoder; did you mean 'DINOv2'?");
    ec_text many = {0};
    ec_text_add(&many, "scores: {combine: all}\n" BENCHMARKS "candidates:\n");
    for (int i = 0; i < 13; i++) ec_text_format(&many, "  - {name: n%d, encoder: e%d}\n", i, i);
    assert_refused(many.data, "s.yaml: ", "more than 12 encoders makes too many");
    ec_text_release(&many);
}

static void deep_nesting_ends_where_the_schema_does(void **state) {
    (void)state;
    char *text = malloc(1 << 20);
    memset(text, '[', (1 << 20) - 1);
    text[(1 << 20) - 1] = '\0';
    assert_refused(text, "s.yaml:1: ", "is a list, expected a mapping");
    memcpy(text, "benchmarks: ", 12);
    assert_refused(text, "s.yaml:1: ", "is a list, expected a mapping");
    free(text);
}

static void a_newer_format_is_refused_as_such(void **state) {
    (void)state;
    const char *text = "version: 2\n" BENCHMARKS CANDIDATES;
    ec_declaration d;
    ec_error err;
    assert_int_equal(ec_declaration_read(&d, "s.yaml", text, strlen(text), &err), EC_ERR_VERSION);
    assert_non_null(strstr(err.message, "version 2"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_that_can_be_declared_is_read),
        cmocka_unit_test(lists_may_be_empty_and_the_rest_left_out),
        cmocka_unit_test(the_example_of_a_new_study_is_valid),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(files_that_are_no_study_are_refused),
        cmocka_unit_test(a_file_cut_short_is_refused_where_that_can_be_told),
        cmocka_unit_test(keys_are_told_with_their_own_line),
        cmocka_unit_test(values_of_another_kind_are_told_with_their_line),
        cmocka_unit_test(numbers_must_be_numbers),
        cmocka_unit_test(names_must_be_names),
        cmocka_unit_test(aliases_are_refused),
        cmocka_unit_test(where_scores_come_from_is_read_and_written),
        cmocka_unit_test(without_the_keys_of_scores_the_defaults_hold),
        cmocka_unit_test(settings_of_scores_must_make_sense),
        cmocka_unit_test(all_combinations_are_candidates),
        cmocka_unit_test(combinations_may_be_listed),
        cmocka_unit_test(combinations_that_cannot_be_are_refused),
        cmocka_unit_test(odd_characters_survive_writing),
        cmocka_unit_test(deep_nesting_ends_where_the_schema_does),
        cmocka_unit_test(a_newer_format_is_refused_as_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
