/* What an evaluation says: its lines, and results files of lmms-eval and VLMEvalKit. */
#include <math.h>
#include <stdint.h>

#include "results/results.h"
#include "round_trip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N = 6 };

static const ec_declaration *study(void) {
    static const char yaml[] =
        "benchmarks: [{name: MME}, {name: MMBench}, {name: SEED-Bench}, {name: OKVQA},\n"
        "  {name: POPE, result: 'pope.acc * 100'}, {name: a b}]\ncandidates: []\n";
    static ec_declaration declared;
    if (declared.sheet.n_benchmarks == 0)
        DEMAND(ec_declaration_read(&declared, "yaml", yaml, sizeof yaml - 1, NULL) == EC_OK);
    return &declared;
}

/* Every benchmark at most once, with a finite number, and an error that is none or not negative. */
static void demand_sound(const ec_results *results) {
    DEMAND(results->n <= N);
    for (size_t k = 0; k < results->n; k++) {
        const ec_found_result *item = &results->items[k];
        DEMAND(item->benchmark < N && isfinite(item->value));
        DEMAND(isnan(item->se) || (isfinite(item->se) && item->se >= 0.0));
        for (size_t j = 0; j < k; j++) DEMAND(results->items[j].benchmark != item->benchmark);
    }
}

static void read_file(const char *path, const uint8_t *data, size_t size) {
    ec_error err = {0};
    ec_results results = {0};
    const ec_results_reader r = {.results = &results,
                                 .declared = study(),
                                 .path = path,
                                 .err = &err,
                                 .limited = size % 2 == 0,
                                 .listed = size % 3 == 0};
    ec_task_file file = {0};
    ec_status status = ec_task_file_read(&file, &r, (const char *)data, size);
    if (status == EC_OK) status = ec_results_take(&r, &file);
    if (status != EC_OK) demand_message(&err, status);
    demand_sound(&results);
    ec_results_release(&results);
    ec_task_file_release(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ec_error err = {0};
    ec_results results = {0};
    const ec_results_reader r = {
        .results = &results, .declared = study(), .path = "input", .err = &err};
    const ec_status status = ec_results_read_lines(&r, (const char *)data, size, "/nowhere");
    if (status != EC_OK) demand_message(&err, status);
    demand_sound(&results);
    ec_results_release(&results);

    read_file("input", data, size);
    read_file("input_MMBench_DEV_EN_acc.csv", data, size);
    read_file("input_MME_score.json", data, size);
    return 0;
}
