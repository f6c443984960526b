#include "report/build.h"

#include <math.h>
#include <string.h>

void put(build *b, json_t *object, const char *key, json_t *value) {
    if (json_object_set_new(object, key, value) != 0) b->failed = true;
}

void append(build *b, json_t *array, json_t *value) {
    if (json_array_append_new(array, value) != 0) b->failed = true;
}

json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *count(size_t value) {
    return json_integer((json_int_t)value);
}

json_t *words(const char *text) {
    return text != NULL ? json_string(text) : json_null();
}

json_t *numbers(build *b, const double *values, size_t n) {
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) append(b, array, number(values[i]));
    return array;
}

json_t *why(build *b, const char *text) {
    json_t *object = json_object();
    put(b, object, "why", words(text));
    return object;
}

double mean_known(const double *values, size_t n, size_t stride) {
    double sum = 0.0;
    size_t n_known = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i * stride])) continue;
        sum += values[i * stride];
        n_known++;
    }
    return n_known > 0 ? sum / (double)n_known : NAN;
}

size_t group_of(const build *b, size_t benchmark) {
    const char *group = ec_study_benchmark(b->study, benchmark)->group;
    size_t first = 0;
    while (strcmp(ec_study_benchmark(b->study, first)->group, group) != 0) first++;
    return first;
}

size_t group_members(const build *b, size_t first, size_t *index) {
    size_t n = 0;
    for (size_t i = first; i < b->m; i++) {
        if (group_of(b, i) == first) index[n++] = i;
    }
    return n;
}
