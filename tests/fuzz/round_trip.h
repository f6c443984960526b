/* round_trip.h - what the fuzz targets demand beside not crashing: a refusal has a message, and
 * whatever is accepted is the same after writing and reading it. */
#ifndef EC_TESTS_ROUND_TRIP_H
#define EC_TESTS_ROUND_TRIP_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sheet/sheet.h"

#define DEMAND(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static inline void demand_message(const ec_error *err, ec_status status) {
    DEMAND(err->status == status);
    DEMAND(strncmp(err->message, "input", 5) == 0); /* says where */
}

/* A column without any value need not come back. */
static inline void demand_same_columns(const ec_sheet *x, const ec_sheet *y) {
    for (size_t k = 0; k < x->columns.n; k++) {
        const ec_study_column *p = &x->columns.items[k];
        for (size_t i = 0; i < x->n_candidates; i++) {
            if (p->value[i] != p->value[i]) continue;
            size_t j = 0;
            while (j < y->columns.n && (y->columns.items[j].benchmark != p->benchmark ||
                                        strcmp(y->columns.items[j].name, p->name) != 0))
                j++;
            DEMAND(j < y->columns.n);
            DEMAND(memcmp(&p->value[i], &y->columns.items[j].value[i], sizeof(double)) == 0);
            DEMAND(memcmp(&p->se[i], &y->columns.items[j].se[i], sizeof(double)) == 0);
        }
    }
}

static inline void demand_same_sheet(const ec_sheet *x, const ec_sheet *y) {
    DEMAND(x->n_candidates == y->n_candidates && x->n_benchmarks == y->n_benchmarks);
    DEMAND((x->name == NULL) == (y->name == NULL) &&
           (x->name == NULL || strcmp(x->name, y->name) == 0));
    for (size_t i = 0; i < x->n_candidates; i++)
        DEMAND(strcmp(x->candidates[i], y->candidates[i]) == 0);
    for (size_t b = 0; b < x->n_benchmarks; b++) {
        const ec_benchmark *p = &x->benchmarks[b], *q = &y->benchmarks[b];
        DEMAND(strcmp(p->name, q->name) == 0 && strcmp(p->group, q->group) == 0);
        DEMAND(p->direction == q->direction && p->low == q->low && p->high == q->high &&
               p->weight == q->weight);
    }
    const size_t n_numbers = x->n_candidates * (6 + 4 * x->n_benchmarks);
    DEMAND(memcmp(x->numbers.c, y->numbers.c, n_numbers * sizeof(double)) == 0);
    DEMAND(x->repeats.n == y->repeats.n);
    for (size_t k = 0; k < x->repeats.n; k++) {
        const ec_repeat *p = &x->repeats.items[k], *q = &y->repeats.items[k];
        DEMAND(p->cell == q->cell);
        DEMAND(memcmp(&p->value, &q->value, sizeof p->value) == 0);
        DEMAND(memcmp(&p->se, &q->se, sizeof p->se) == 0);
    }
    demand_same_columns(x, y);
    demand_same_columns(y, x);
}

typedef ec_status (*sheet_reader)(ec_sheet *, const char *, const char *, size_t, ec_error *);
typedef void (*sheet_writer)(ec_text *, const ec_sheet *);

static inline void demand_round_trip(sheet_reader read, sheet_writer write, const void *data,
                                     size_t size) {
    ec_sheet sheet, again;
    ec_error err = {0};
    const ec_status status = read(&sheet, "input", data, size, &err);
    if (status != EC_OK) {
        demand_message(&err, status);
        return;
    }
    ec_text text = {0};
    write(&text, &sheet);
    DEMAND(!text.failed);
    DEMAND(read(&again, "output", text.data, text.size_bytes, &err) == EC_OK);
    demand_same_sheet(&sheet, &again);
    ec_sheet_release(&sheet);
    ec_sheet_release(&again);
    ec_text_release(&text);
}

#endif
