/* results_tasks.c - which task of an evaluation measures a benchmark */
#include <string.h>

#include "results/results.h"

const char *ec_results_declared_key(const ec_declaration *declared, size_t b) {
    return b < declared->n_words ? declared->words[b].result : NULL;
}

size_t ec_results_data_set(const char *stem, const ec_declaration *declared) {
    size_t best = ec_known_data_set(stem);
    for (size_t b = 0; b < declared->sheet.n_benchmarks; b++) {
        ec_metric_key key;
        const char *text = ec_results_declared_key(declared, b);
        if (text != NULL && ec_metric_key_split(&key, text) == NULL)
            best = ec_longer_end(best, stem, key.task);
        else
            best = ec_longer_end(best, stem, declared->sheet.benchmark_names[b]);
    }
    return best;
}

void ec_results_add_task(ec_text *to, const ec_declaration *declared, size_t b) {
    const char *name = declared->sheet.benchmark_names[b];
    const char *text = ec_results_declared_key(declared, b);
    ec_metric_key key;
    const ec_known_metric *known = ec_known_metric_of(name, 0);
    if (text != NULL && ec_metric_key_split(&key, text) == NULL)
        ec_text_add(to, key.task);
    else
        ec_text_add(to, known != NULL ? known->task : name);
}
