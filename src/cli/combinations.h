/* combinations.h - the encoders of a C score and the combinations of them that are asked for */
#ifndef EC_CLI_COMBINATIONS_H
#define EC_CLI_COMBINATIONS_H

#include "cli/options.h"
#include "eyechart/correspondence.h"
#include "eyechart/features.h"

/* 2^12 - 1 combinations are 700 MB of results of SPair-71k. */
enum { MAX_COMBINED = 12 };

/* One encoder. Filled from the command line, and from its folder by the command. */
typedef struct member {
    ec_feature_source source;
    char *name; /* last part of the folder and "@size"; the whole where that is not unique */
    size_t size, grid, channels;
    double flops;
    char identity[EC_C_PROTOCOLS][33];
} member;

/* One line of the result. */
typedef struct combination {
    char *name;      /* names of its members, joined by + */
    uint32_t subset; /* bit i: member i */
    size_t grid;     /* the finest of its members; 0 until combinations_place */
    bool resampled;  /* they differ */
    bool asked_for;  /* by name, not as one of --combine all */
} combination;

typedef struct combinations {
    member members[EC_C_MAX_MEMBERS];
    size_t n_members;
    combination *rows;
    size_t n_rows, capacity;
    void **owned; /* what members and names are parts of */
    size_t n_owned;
} combinations;

/* Operands ENCODER, each an encoder or several joined by +, then --combine (NULL: none). Returns
 * EXIT_DONE, or a status after saying what is wrong. combinations_release() frees either way. */
int combinations_parse(combinations *out, const arguments *args, ec_feature_source otherwise,
                       const char *combine);
void combinations_release(combinations *all);

/* Once the grids of the members are known: the grid of each combination. Those of --combine all
 * that mix grids are dropped unless `resample`; one that was asked for by name is an error. */
int combinations_place(combinations *all, bool resample);

#endif
