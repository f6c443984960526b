/* steps.c - lists of steps: see steps.h */
#include "text/steps.h"

#include <stdlib.h>

void ec_steps_release(ec_steps *steps) {
    for (size_t i = 0; i < steps->n; i++) {
        ec_pattern_free(steps->step[i].pattern);
        free(steps->step[i].content);
        free(steps->step[i].charsmap_bytes);
    }
    free(steps->step);
    *steps = (ec_steps){0};
}

ec_step *ec_steps_add(ec_steps *steps, ec_step_kind kind) {
    ec_step *grown = realloc(steps->step, (steps->n + 1) * sizeof *grown);
    if (grown == NULL) return NULL;
    steps->step = grown;
    steps->step[steps->n] = (ec_step){.kind = kind};
    return &steps->step[steps->n++];
}
