/* What an evaluation says: its lines, and a results file of lmms-eval. */
#include <math.h>
#include <stdint.h>

#include "round_trip.h"
#include "study/results.h"

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

/* Every benchmark at most once, with a finite number. */
static void demand_sound(const ec_results *results) {
    DEMAND(results->n <= N);
    for (size_t k = 0; k < results->n; k++) {
        DEMAND(results->items[k].benchmark < N && isfinite(results->items[k].value));
        for (size_t j = 0; j < k; j++)
            DEMAND(results->items[j].benchmark != results->items[k].benchmark);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ec_result items[N];
    ec_results results = {.items = items};
    ec_error err = {0};
    ec_status status = ec_results_read_lines(&results, study(), "input", (const char *)data, size,
                                             "/nowhere", &err);
    if (status != EC_OK) demand_message(&err, status);
    demand_sound(&results);

    results.n = 0;
    status = ec_results_read_json(&results, study(), "input", (const char *)data, size, &err);
    if (status != EC_OK) demand_message(&err, status);
    DEMAND((status == EC_OK) == (results.n > 0)); /* all or nothing */
    demand_sound(&results);
    return 0;
}
