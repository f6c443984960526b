/* known.h - benchmarks that are known by name: the metric that is their result, and its unit */
#ifndef EC_BENCHMARKS_KNOWN_H
#define EC_BENCHMARKS_KNOWN_H

#include <stdbool.h>
#include <stddef.h>

/* A metric of a task and what its value is multiplied with. */
typedef struct ec_metric_key {
    char task[200], metric[200]; /* the metric with or without ",FILTER" */
    double scale;                /* NaN: not given */
} ec_metric_key;

/* Splits "TASK.METRIC * FACTOR" of study.yaml; task names may hold dots. What is wrong, to follow
 * the quoted text; NULL when nothing is. */
const char *ec_metric_key_split(ec_metric_key *out, const char *text);

/* What is wrong with `result: TASK.METRIC` or `TASK.METRIC * FACTOR`, to follow the quoted text;
 * NULL when nothing is. */
const char *ec_result_key_fault(const char *key);

typedef struct ec_known_metric {
    const char *name; /* of a benchmark: its letters and digits, in lower case */
    const char *task, *metric;
    double scale;
} ec_known_metric;

/* The k-th metric that is known for a benchmark of that name; NULL: no more. */
const ec_known_metric *ec_known_metric_of(const char *benchmark, size_t k);
/* What a metric that is known to belong to some benchmark is multiplied with; 1 for others. */
double ec_known_scale(const ec_metric_key *key);
/* The name of the benchmark that a task is known to measure, in letters and digits; NULL:
 * unknown. */
const char *ec_known_name_of(const char *task);
/* How many bytes at the end of `stem` are the name of a data set that is known; 0: none. */
size_t ec_known_data_set(const char *stem);
/* The bytes of `name` where `stem` is it or ends with "_NAME" and it has more than `best`; else
 * `best`. */
size_t ec_longer_end(size_t best, const char *stem, const char *name);
/* Letters and digits of a name, in lower case; cut to the room there is. */
void ec_plain_name(char *to, size_t size, const char *name);

/* The values that results of a benchmark of that name have, where that is known: of percentages
 * from more than 1 to 100. */
bool ec_known_range(double *low, double *high, const char *benchmark);

#endif
