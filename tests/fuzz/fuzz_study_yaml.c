/* study.yaml. libcyaml and libyaml are not instrumented; what is found in them is guarded against
 * before they are called (src/study/yaml_check.c). */
#include <stdint.h>

#include "round_trip.h"
#include "study/declaration.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand_same_word(const char *x, const char *y) {
    DEMAND((x == NULL) == (y == NULL) && (x == NULL || strcmp(x, y) == 0));
}

static void demand_same_names(char *const *x, size_t n_x, char *const *y, size_t n_y) {
    DEMAND(n_x == n_y);
    for (size_t i = 0; i < n_x; i++) demand_same_word(x[i], y[i]);
}

static void demand_same_settings(const ec_declaration *x, const ec_declaration *y) {
    const ec_score_declaration *s = &x->scores, *t = &y->scores;
    demand_same_word(x->description, y->description);
    demand_same_word(s->keypoints, t->keypoints);
    demand_same_word(s->split, t->split);
    demand_same_word(s->images, t->images);
    DEMAND(s->consistent == t->consistent && s->longest == t->longest && s->seed == t->seed);
    DEMAND(s->n_images == t->n_images && s->bf16_compat == t->bf16_compat);
    DEMAND(s->resample_grids == t->resample_grids);
    DEMAND(s->positions_by_size == t->positions_by_size);
    demand_same_word(s->combine, t->combine);
    demand_same_names(s->references, s->n_references, t->references, t->n_references);
    demand_same_names(s->compare_with, s->n_compare_with, t->compare_with, t->n_compare_with);
    demand_same_word(x->run.train, y->run.train);
    demand_same_word(x->run.evaluate, y->run.evaluate);
    demand_same_word(x->run.trained, y->run.trained);
    demand_same_word(x->run.results, y->run.results);
    DEMAND(x->run.train_timeout_hours == y->run.train_timeout_hours);
    DEMAND(x->run.evaluate_timeout_hours == y->run.evaluate_timeout_hours);
    DEMAND(x->run.grace_seconds == y->run.grace_seconds);
    DEMAND(x->run.retries == y->run.retries && x->run.budget == y->run.budget);
    DEMAND(x->run.gpus == y->run.gpus && x->run.finetunes == y->run.finetunes);
    for (size_t i = 0; i < x->n_origins; i++) {
        DEMAND(i < y->n_origins || x->origins[i].encoder == NULL);
        if (i >= y->n_origins) break;
        DEMAND(x->origins[i].is_combined == y->origins[i].is_combined);
        demand_same_word(x->origins[i].encoder, y->origins[i].encoder);
        demand_same_word(x->origins[i].connector, y->origins[i].connector);
    }
    for (size_t b = 0; b < x->n_words; b++) {
        demand_same_word(x->words[b].images, y->words[b].images);
        demand_same_word(x->words[b].result, y->words[b].result);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ec_declaration declared, again;
    ec_error err = {0};
    const ec_status status =
        ec_declaration_read(&declared, "input", (const char *)data, size, &err);
    if (status != EC_OK) {
        demand_message(&err, status);
        return 0;
    }
    ec_text text = {0};
    ec_declaration_write(&text, &declared);
    DEMAND(!text.failed);
    const ec_status second =
        ec_declaration_read(&again, "output", text.data, text.size_bytes, &err);
    if (second != EC_OK) fprintf(stderr, "%s\n%s", err.message, text.data);
    DEMAND(second == EC_OK);
    demand_same_sheet(&declared.sheet, &again.sheet);
    DEMAND(declared.policy == again.policy && declared.seed == again.seed);
    DEMAND(declared.lease_hours == again.lease_hours);
    demand_same_settings(&declared, &again);
    ec_declaration_release(&declared);
    ec_declaration_release(&again);
    ec_text_release(&text);
    return 0;
}
