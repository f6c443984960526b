/* declaration.h - study.yaml: what the user declares; docs/formats.md */
#ifndef EC_STUDY_DECLARATION_H
#define EC_STUDY_DECLARATION_H

#include "eyechart/study.h"
#include "sheet/sheet.h"

#define EC_DECLARATION_MAX_BYTES (64u << 20)
#define EC_LEASE_HOURS 72.0 /* of a question, unless declared */
#define EC_MAX_REFERENCES 16
#define EC_MAX_RETRIES 1000
#define EC_MAX_LAYER 1000

/* Where the scores of a candidate come from; as written, NULL: not given. */
typedef struct ec_origin {
    char *encoder;              /* A+B@336:squash, as `eyechart features` takes it */
    char *connector;            /* file of its trained connector */
    bool has_layer, has_tokens; /* 'layer:' and 'tokens:' are given */
    int layer;                  /* hidden state, as transformers numbers it */
    bool all_tokens;            /* class and register tokens, too */
    bool is_combined;           /* not declared: made by scores.combine */
    size_t *members;            /* [n_members] then: candidates */
    size_t n_members;
} ec_origin;

/* What is declared of a benchmark beside ec_benchmark; as written, NULL: not given. */
typedef struct ec_benchmark_words {
    char *images;     /* for A */
    char *image_root; /* folder of the paths in `images`; NULL: that of the list */
    char *result;     /* TASK.METRIC or TASK.METRIC * FACTOR of lmms-eval's results that is it */
} ec_benchmark_words;

/* Keys `data` and `scores`. Paths as written: relative ones begin at the study's folder. */
typedef struct ec_score_declaration {
    char *keypoints;   /* SPair folder or keypoint JSON; NULL: none */
    char *split;       /* NULL: "test" */
    char *images;      /* of the benchmarks without images of their own; NULL: none */
    char *image_root;  /* of those without a root of their own; NULL: none */
    bool consistent;   /* C of the ranking is by the consistent protocol, else the authors' */
    size_t n_images;   /* of each benchmark, for A */
    bool longest;      /* those with the longest prompts, else a seeded draw */
    uint64_t seed;     /* of the draw */
    char **references; /* [n_references] candidates that A compares with */
    size_t n_references;
    char **compare_with; /* [n_compare_with] candidates that the measures compare with; none: the
                            references */
    size_t n_compare_with;
    char *combine;       /* "all", or combinations of candidates: "A+B,A+C"; NULL: none */
    bool resample_grids; /* joined encoders may have different grids, for C */
    bool bf16_compat, positions_by_size, exif_transpose;
} ec_score_declaration;

/* Key `run`: the commands of the loop. */
typedef struct ec_loop_declaration {
    char *train, *evaluate; /* for the shell, with {candidate}, {out}, …; NULL: none */
    char *trained;          /* file that `train` leaves at its end, likewise; NULL: none */
    char *results;          /* file that `evaluate` leaves its results in, likewise; NULL: none */
    double train_timeout_hours, evaluate_timeout_hours; /* INFINITY: no limit */
    double grace_seconds; /* that a command has to save its work when it is stopped */
    double budget;        /* GPU-hours of the whole study; INFINITY: no limit */
    double gpus;          /* that one finetuning keeps busy: hours of the clock to GPU-hours */
    size_t finetunes;     /* of the whole study; SIZE_MAX: no limit */
    size_t retries;       /* of a command that failed */
    bool limited;         /* results of limited runs are taken */
    bool anyway;          /* candidates that are not worth their cost are finetuned as well */
} ec_loop_declaration;

typedef struct ec_declaration {
    ec_sheet sheet;    /* without results */
    char *description; /* NULL: none */
    ec_policy policy;
    ec_rank_column *columns; /* [n_columns] to rank by, names owned; 0: A and C */
    size_t n_columns;
    uint64_t seed;
    double lease_hours;
    double enough;      /* as in ec_decision_options; 0: not declared */
    ec_origin *origins; /* [n_origins] of the first candidates; later ones have none */
    size_t n_origins;
    ec_benchmark_words *words; /* [n_words] of the first benchmarks */
    size_t n_words;
    ec_score_declaration scores;
    ec_loop_declaration run;
} ec_declaration;

/* Zero-initialised declaration with the defaults. */
ec_declaration ec_declaration_default(void);
void ec_declaration_release(ec_declaration *declaration);

/* Reads the text of a study.yaml. Errors: EC_ERR_FORMAT "path:line: …", EC_ERR_VERSION,
 * EC_ERR_NOMEM. */
ec_status ec_declaration_read(ec_declaration *out, const char *path, const char *bytes,
                              size_t size_bytes, ec_error *err);
/* Adds the candidates that scores.combine makes, after those that are declared; not yet in the
 * index of the sheet. Part of ec_declaration_read. */
ec_status ec_declaration_combine(ec_declaration *declared, const char *path, ec_error *err);
void ec_declaration_write(ec_text *out, const ec_declaration *declaration);

/* A commented study.yaml to start from. Static. */
const char *ec_declaration_example(void);

#endif
