/* reproduce.h - every published number of the paper beside ours
 *
 * Yang et al., "Law of Vision Representation in MLLMs", arXiv:2408.16357:
 * tables 1, 3, 4, 8, 9, figures 2, 4, 5, the 99.7 % claim (2024, 13 settings), and
 * R² of the 2025 version (15 settings).
 */
#ifndef EYECHART_REPRODUCE_H
#define EYECHART_REPRODUCE_H

#include <stdbool.h>
#include <stddef.h>

#include "eyechart/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ec_verdict {
    EC_VERDICT_REPRODUCED,       /* |published - here| <= tolerance */
    EC_VERDICT_MISPRINT,         /* the published number is wrong; `note` tells what it should be
                                    and why */
    EC_VERDICT_IN_DISTRIBUTION,  /* one unseeded draw of something random: it lies where it
                                    should */
    EC_VERDICT_NOT_REPRODUCIBLE, /* cannot be reproduced; `note` says why */
    EC_VERDICT_FAILED            /* should reproduce and does not: our mistake */
} ec_verdict;

/* "reproduced", "misprint", "only in distribution", "cannot be reproduced", "failed". Static. */
const char *ec_verdict_name(ec_verdict verdict);

typedef struct ec_reproduce_row {
    char item[64]; /* "table 3: AC polynomial, vision, R² %" */
    double published, here, tolerance; /* tolerance NaN where the verdict does not use one */
    ec_verdict verdict;
    char note[256]; /* empty, or why */
} ec_reproduce_row;

/* Computes all rows.
 *   rows   owned array, free with free() */
ec_status ec_reproduce(ec_reproduce_row **rows, size_t *n_rows, ec_error *err);

#ifdef __cplusplus
}
#endif
#endif
