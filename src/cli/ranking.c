/* ranking.c - words of the ranking options */
#include "cli/ranking.h"

const char *rank_model_at(size_t i) {
    static const char *const NAMES[] = {"gp", "law", NULL}; /* in the order of ec_rank_model */
    return NAMES[i];
}

const char *law_model_at(size_t i) {
    return ec_law_model_name((ec_law_model)i);
}
