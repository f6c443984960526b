/* ranking.c - words of the ranking options */
#include "cli/ranking.h"

#include <stdio.h>
#include <string.h>

const char *rank_model_at(size_t i) {
    static const char *const NAMES[] = {"gp", "law", NULL}; /* in the order of ec_rank_model */
    return NAMES[i];
}

const char *law_model_at(size_t i) {
    return ec_law_model_name((ec_law_model)i);
}

void print_columns(const option_value *a, const option_value *c) {
    if (strcmp(a->text, "A") != 0) printf("in the place of A: %s\n", a->text);
    if (strcmp(c->text, "C") != 0) printf("in the place of C: %s\n", c->text);
}
