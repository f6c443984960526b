/* reproduce.c - every published number of the paper beside ours, see eyechart/reproduce.h
 *
 * Published numbers: Yang et al., arXiv:2408.16357v1 (2024) and v3 (2025). "Here" is computed from
 * the built-in studies, which hold the authors' released scores at full precision, through the same
 * public functions that serve the user: ec_law_fit and ec_simulate.
 *
 * Tolerances: half a unit of the last printed digit for what is computed without chance; two
 * standard deviations of a Monte-Carlo estimate for what the authors estimated from 1000 unseeded
 * trials and we compute exactly.
 */
#include "eyechart/reproduce.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eyechart/law.h"
#include "eyechart/rng.h"
#include "eyechart/simulate.h"
#include "eyechart/study.h"

enum { N_BENCHMARKS = 8, N_VISION = 4, N_SETTINGS = 13, PAPER_TRIALS = 1000, MAX_ROWS = 128 };

/* Order of the paper's tables; the first four make the vision group, the others the OCR group. */
static const char *const benchmark_name[N_BENCHMARKS] = {
    "MMBench", "MME", "OKVQA", "SEED-Bench", "MMMU", "TextVQA", "VizWiz", "ScienceQA"};
static const char *const group_name[2] = {"vision", "OCR"};

/* The rows made so far, and the study they are computed from. */
typedef struct {
    ec_reproduce_row *row;
    size_t n;
    const ec_table *table;
    size_t benchmark[N_BENCHMARKS];                /* index in the table of benchmark_name[b] */
    double first_hit[3][N_BENCHMARKS][N_SETTINGS]; /* [top - 1][benchmark][finetunes - 1] */
} ledger;

const char *ec_verdict_name(ec_verdict verdict) {
    static const char *const name[] = {"reproduced", "misprint", "only in distribution",
                                       "cannot be reproduced", "failed"};
    return verdict <= EC_VERDICT_FAILED ? name[verdict] : NULL;
}

/* ---- rows ---- */

static ec_reproduce_row *add(ledger *book, double published, double here, const char *format, ...)
    EC_PRINTF(4, 5);

static ec_reproduce_row *add(ledger *book, double published, double here, const char *format, ...) {
    ec_reproduce_row *row = &book->row[book->n++];
    *row = (ec_reproduce_row){.published = published, .here = here, .tolerance = NAN};
    va_list args;
    va_start(args, format);
    vsnprintf(row->item, sizeof row->item, format, args);
    va_end(args);
    return row;
}

static bool near(double x, double y, double tolerance) {
    /* Published digits are decimal: a difference of exactly half a unit is still a match. */
    return fabs(x - y) <= tolerance * (1 + 1e-9);
}

/* The published number should come out: reproduced within `tolerance`, or our mistake. */
static void hold(ec_reproduce_row *row, double tolerance) {
    row->tolerance = tolerance;
    row->verdict =
        near(row->published, row->here, tolerance) ? EC_VERDICT_REPRODUCED : EC_VERDICT_FAILED;
}

/* The published number does not come out and `note` says why. The explanation is checked: when it
 * does not hold, the mistake is ours. */
static void explain(ec_reproduce_row *row, ec_verdict verdict, bool holds, const char *note) {
    row->verdict = holds ? verdict : EC_VERDICT_FAILED;
    row->tolerance = NAN;
    snprintf(row->note, sizeof row->note, "%s", note);
}

/* ---- tables 3 and 4, figure 2: the fitted law ---- */

static const double *row_a(const ledger *book, size_t b) {
    return book->table->a + book->benchmark[b] * book->table->n_candidates;
}

static const double *row_z(const ledger *book, size_t b) {
    return book->table->z + book->benchmark[b] * book->table->n_candidates;
}

static ec_status fit_r2(double *r2, ec_law *law, ec_law_model model, const double *a,
                        const double *c, const double *z, size_t n, ec_error *err) {
    const ec_law_options options = {.model = model};
    const ec_status status = ec_law_fit(law, &options, NULL, a, c, z, n, err);
    if (status != EC_OK) return status;
    double mean = 0, residual = 0, total = 0;
    for (size_t i = 0; i < n; i++) mean += z[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        residual += pow(z[i] - ec_law_predict(law, a[i], c[i]), 2);
        total += pow(z[i] - mean, 2);
    }
    *r2 = 1 - residual / total;
    return EC_OK;
}

/* Mean R² over the vision and the OCR benchmarks. */
static ec_status group_r2(double mean[2], const ledger *book, ec_law_model model, ec_error *err) {
    mean[0] = mean[1] = 0;
    for (size_t b = 0; b < N_BENCHMARKS; b++) {
        double r2;
        ec_law law;
        const ec_status status = fit_r2(&r2, &law, model, row_a(book, b), book->table->c,
                                        row_z(book, b), book->table->n_candidates, err);
        if (status != EC_OK) return ec_error_prefix(err, status, "%s", benchmark_name[b]);
        mean[b >= N_VISION] += r2 / N_VISION;
    }
    return EC_OK;
}

/* Mean R² over the groups when every benchmark gets uniform random scores of its own. */
static ec_status draw_random_r2(double mean[2], const ledger *book, ec_law_model model, ec_rng *rng,
                                ec_error *err) {
    mean[0] = mean[1] = 0;
    for (size_t b = 0; b < N_BENCHMARKS; b++) {
        double a[N_SETTINGS], c[N_SETTINGS], r2;
        for (size_t i = 0; i < N_SETTINGS; i++) {
            a[i] = ec_rng_uniform(rng);
            c[i] = ec_rng_uniform(rng);
        }
        ec_law law;
        const ec_status status =
            fit_r2(&r2, &law, model, a, c, row_z(book, b), book->table->n_candidates, err);
        if (status != EC_OK) return ec_error_prefix(err, status, "%s", benchmark_name[b]);
        mean[b >= N_VISION] += r2 / N_VISION;
    }
    return EC_OK;
}

/* "Random" in table 3 and figure 2 is one unseeded draw. We give the mean over many draws and say
 * where the published draw lies among them. */
static ec_status random_r2(ledger *book, ec_law_model model, const char *name,
                           const double published[2], ec_error *err) {
    enum { DRAWS = 1000 };
    double sum[2] = {0, 0}, sum_squares[2] = {0, 0};
    size_t below[2] = {0, 0};
    ec_rng rng;
    ec_rng_init(&rng, 2024, (uint64_t)model);
    for (size_t draw = 0; draw < DRAWS; draw++) {
        double r2[2];
        const ec_status status = draw_random_r2(r2, book, model, &rng, err);
        if (status != EC_OK) return status;
        for (size_t g = 0; g < 2; g++) {
            sum[g] += 100 * r2[g];
            sum_squares[g] += 1e4 * r2[g] * r2[g];
            below[g] += 100 * r2[g] < published[g];
        }
    }
    for (size_t g = 0; g < 2; g++) {
        const double mean = sum[g] / DRAWS, percentile = 100.0 * (double)below[g] / DRAWS;
        const double sd = sqrt(sum_squares[g] / DRAWS - mean * mean);
        const char *figure = model == EC_LAW_QUADRATIC && g == 0 ? ", figure 2" : "";
        ec_reproduce_row *row =
            add(book, published[g], mean, "table 3%s: %s, %s, R2 %%", figure, name, group_name[g]);
        char note[sizeof row->note];
        snprintf(note, sizeof note,
                 "one unseeded draw; here the mean of %d draws (sd %.1f), of which %.0f %% lie "
                 "below the published one",
                 DRAWS, sd, percentile);
        explain(row, EC_VERDICT_IN_DISTRIBUTION, percentile > 0.5 && percentile < 99.5, note);
    }
    return EC_OK;
}

static ec_status table_3(ledger *book, ec_error *err) {
    /* Figure 2 draws the vision means of the polynomial rows. */
    static const struct {
        const char *name;
        ec_law_model model;
        double published[2];
        bool in_figure_2;
    } rows[] = {{"A linear", EC_LAW_A, {50.80, 55.06}, false},
                {"C linear", EC_LAW_C, {46.12, 19.45}, false},
                {"AC linear", EC_LAW_LINEAR, {83.24, 66.18}, false},
                {"A polynomial", EC_LAW_A_QUADRATIC, {76.56, 77.45}, true},
                {"C polynomial", EC_LAW_C_QUADRATIC, {56.91, 29.07}, true},
                {"AC polynomial", EC_LAW_QUADRATIC, {95.72, 85.21}, true}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        double here[2];
        const ec_status status = group_r2(here, book, rows[r].model, err);
        if (status != EC_OK) return status;
        for (size_t g = 0; g < 2; g++)
            /* .01: the paper cut some means after the second decimal and rounded others. */
            hold(add(book, rows[r].published[g], 100 * here[g], "table 3%s: %s, %s, R2 %%",
                     rows[r].in_figure_2 && g == 0 ? ", figure 2" : "", rows[r].name,
                     group_name[g]),
                 0.01);
    }
    static const double linear[2] = {2.94, 5.08}, polynomial[2] = {45.09, 35.77};
    const ec_status status = random_r2(book, EC_LAW_A, "random linear", linear, err);
    if (status != EC_OK) return status;
    return random_r2(book, EC_LAW_QUADRATIC, "random polynomial", polynomial, err);
}

static ec_status table_4(ledger *book, ec_error *err) {
    static const double published[N_BENCHMARKS][EC_LAW_TERMS] = {
        {-0.127, 3.191, 0.910, -0.721, -1.570, -0.189},
        {-0.163, 1.915, 1.591, -1.318, -0.073, -1.075},
        {-0.121, 2.367, 0.933, -1.804, 0.156, -0.503},
        {0.938, 1.740, 1.345, -1.271, 0.322, -0.856},
        {-0.241, 2.747, 1.416, -2.145, -0.242, -1.212},
        {-0.065, 0.842, 0.756, -1.519, 2.943, -1.062},
        {0.069, 2.145, -0.102, -1.772, 0.720, 0.116},
        {0.013, -0.198, 1.422, -0.487, 2.400, -1.409}};
    for (size_t b = 0; b < N_BENCHMARKS; b++) {
        double r2;
        ec_law law;
        const ec_status status = fit_r2(&r2, &law, EC_LAW_QUADRATIC, row_a(book, b), book->table->c,
                                        row_z(book, b), book->table->n_candidates, err);
        if (status != EC_OK) return ec_error_prefix(err, status, "%s", benchmark_name[b]);
        for (int term = 0; term < EC_LAW_TERMS; term++) {
            ec_reproduce_row *row =
                add(book, published[b][term], law.w[term], "table 4: %s, coefficient of %s",
                    benchmark_name[b], ec_law_term_name((ec_law_term)term));
            hold(row, 0.0005);
            if (b == 0 && term == EC_TERM_A2)
                explain(
                    row, EC_VERDICT_MISPRINT, near(row->here, -1.721, 0.0005),
                    "-1.721 is meant: the printed equation has R2 -0.13 on the paper's own data");
            if (b == 3 && term == EC_TERM_1)
                explain(row, EC_VERDICT_MISPRINT,
                        near(row->here, -0.152, 0.0005) && near(r2, row->published, 0.0005),
                        "0.938 is the R2 of this fit; its intercept is -0.152");
        }
    }
    return EC_OK;
}

/* ---- tables 1 and 8, figure 4: the AC policy ---- */

static ec_status simulate_first_hits(ledger *book, ec_error *err) {
    const ec_table *table = book->table;
    double *values = malloc(sizeof *values * table->n_benchmarks * table->n_candidates);
    double *mean = malloc(sizeof *mean * table->n_candidates);
    ec_status status = EC_OK;
    if (values == NULL || mean == NULL) status = ec_fail(err, EC_ERR_NOMEM, "out of memory");
    for (size_t top = 1; top <= 3 && status == EC_OK; top++) {
        const ec_simulate_options options = {
            .policy = EC_POLICY_AC, .metric = EC_METRIC_FIRST_HIT, .top = top};
        status = ec_simulate(values, mean, NULL, table, &options, err);
        for (size_t b = 0; b < N_BENCHMARKS && status == EC_OK; b++)
            memcpy(book->first_hit[top - 1][b], values + book->benchmark[b] * table->n_candidates,
                   sizeof book->first_hit[0][0]);
    }
    free(values);
    free(mean);
    return status;
}

/* Standard deviation, in percent, of the mean of n chances, each estimated from the paper's 1000
 * trials. */
static double trial_sd(const double *chance, size_t n) {
    double variance = 0;
    for (size_t i = 0; i < n; i++) variance += chance[i] * (1 - chance[i]) / PAPER_TRIALS;
    return 100 * sqrt(variance) / (double)n;
}

static double mean_percent(const double *chance, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += chance[i];
    return 100 * sum / (double)n;
}

/* Returns the row of the mean, which table 8 prints again. */
static const ec_reproduce_row *table_1(ledger *book) {
    static const struct {
        int finetunes;
        double published;
    } cell[N_BENCHMARKS] = {{4, 90.1}, {3, 90.6}, {3, 90.0}, {3, 86.0},
                            {7, 96.5}, {5, 83.1}, {3, 84.6}, {3, 96.6}};
    enum { VIZWIZ = 6 };
    double chance[N_BENCHMARKS], finetunes = 0;
    const double vizwiz_after_4 = book->first_hit[2][VIZWIZ][3];
    for (size_t b = 0; b < N_BENCHMARKS; b++) {
        chance[b] = book->first_hit[2][b][cell[b].finetunes - 1];
        finetunes += (double)cell[b].finetunes / N_BENCHMARKS;
        ec_reproduce_row *row = add(book, cell[b].published, 100 * chance[b],
                                    "table 1, figure 4: %s, Recall@3 after %d, %%",
                                    benchmark_name[b], cell[b].finetunes);
        hold(row, 2 * trial_sd(&chance[b], 1));
        if (b == VIZWIZ)
            explain(row, EC_VERDICT_NOT_REPRODUCIBLE,
                    near(100 * vizwiz_after_4, row->published, 2 * trial_sd(&vizwiz_after_4, 1)),
                    "2.9 standard deviations high; agrees with 4 finetunes (85.96), where the cell "
                    "most likely belongs");
    }
    hold(add(book, 3.88, finetunes, "table 1: mean number of finetunes"), 0.005);

    ec_reproduce_row *mean =
        add(book, 89.69, mean_percent(chance, N_BENCHMARKS), "table 1: mean Recall@3, %%");
    /* With VizWiz at 4 finetunes the mean must agree, else the explanation is wrong. */
    chance[VIZWIZ] = vizwiz_after_4;
    explain(mean, EC_VERDICT_NOT_REPRODUCIBLE,
            near(mean_percent(chance, N_BENCHMARKS), mean->published,
                 2 * trial_sd(chance, N_BENCHMARKS)),
            "2.4 standard deviations high because of the VizWiz cell; 89.47 with VizWiz at 4 "
            "finetunes");
    return mean;
}

static void table_8(ledger *book, const ec_reproduce_row *mean_recall_3) {
    static const struct {
        int top, finetunes;
        double published;
    } cell[] = {{1, 6, 68.23}, {2, 5, 81.01}};
    for (size_t i = 0; i < sizeof cell / sizeof *cell; i++) {
        double chance[N_BENCHMARKS];
        for (size_t b = 0; b < N_BENCHMARKS; b++)
            chance[b] = book->first_hit[cell[i].top - 1][b][cell[i].finetunes - 1];
        hold(add(book, cell[i].published, mean_percent(chance, N_BENCHMARKS),
                 "table 8: mean Recall@%d after %d finetunes, %%", cell[i].top, cell[i].finetunes),
             2 * trial_sd(chance, N_BENCHMARKS));
    }
    explain(
        add(book, 89.68, mean_recall_3->here, "table 8: mean Recall@3 after 3.88 finetunes, %%"),
        mean_recall_3->verdict, true, mean_recall_3->note);
}

/* Drawing without replacement has trained the optimum within n of 13 runs with chance n/13. */
static void random_baseline(ledger *book) {
    const double six = 6.0 / N_SETTINGS;
    explain(
        add(book, 48.2, 100 * 7.0 / N_SETTINGS, "table 8: random, optimum trained in 7 of 13, %%"),
        EC_VERDICT_MISPRINT, near(100 * six, 48.2, 2 * trial_sd(&six, 1)),
        "the published value belongs to 6 draws (46.15): the baseline is one run short");

    double twelve[N_BENCHMARKS];
    for (size_t b = 0; b < N_BENCHMARKS; b++) twelve[b] = 12.0 / N_SETTINGS;
    hold(add(book, 92.04, 100 * twelve[0], "figure 4: random, optimum trained in 12 of 13, %%"),
         2 * trial_sd(twelve, N_BENCHMARKS));

    explain(add(book, 81.2, 100 * 11.0 / N_SETTINGS,
                "figure 4: random, optimum trained in 11 of 13, %%"),
            EC_VERDICT_NOT_REPRODUCIBLE, near(100 * 10.5 / N_SETTINGS, 81.2, 0.5),
            "3.0 standard deviations low; lies halfway between 10 and 11 draws (80.77), perhaps "
            "read off "
            "the plot, whose markers sit at n + 0.5");
}

/* ---- table 9, figure 5, the 99.7 % ---- */

/* The k-th largest (k = 0, 1, …) of n values. */
static double largest(const double *values, size_t n, size_t k) {
    for (size_t i = 0; i < n; i++) {
        size_t larger = 0, same_before = 0;
        for (size_t j = 0; j < n; j++) larger += values[j] > values[i];
        for (size_t j = 0; j < i; j++) same_before += values[j] == values[i];
        if (larger + same_before == k) return values[i];
    }
    return NAN;
}

static void table_9(ledger *book) {
    static const double published[N_BENCHMARKS] = {0.915, 1.830, 1.39,  0.434,
                                                   0.806, 0.269, 0.410, 0.215};
    enum { OKVQA = 2 };
    for (size_t b = 0; b < N_BENCHMARKS; b++) {
        const double *z = row_z(book, b);
        const size_t n = book->table->n_candidates;
        const double best = largest(z, n, 0), second = largest(z, n, 1), third = largest(z, n, 2);
        ec_reproduce_row *row = add(book, published[b], 100 * (best - second) / best,
                                    "table 9: %s, gap of the best two, %%", benchmark_name[b]);
        hold(row, 0.0005);
        if (b == OKVQA)
            explain(row, EC_VERDICT_MISPRINT,
                    near(100 * (best - third) / best, row->published, 0.005),
                    "1.39 is the gap between the best and the third; best against second is 0.975");
    }
}

static ec_status figure_5(ledger *book, const ec_study *study, ec_error *err) {
    enum { CLIP_224, CLIP_336, DINOV2, C_D_224, N_POINTS };
    static const struct {
        const char *name;
        double published;
    } point[N_POINTS] = {
        {"CLIP@224", 7.092}, {"CLIP@336", 7.328}, {"DINOv2", 4.594}, {"C+D@224", 7.537}};
    const size_t n = book->table->n_candidates;
    double c[N_POINTS], mean_a[N_POINTS];
    for (size_t p = 0; p < N_POINTS; p++) {
        size_t i;
        const ec_status status = ec_study_find_candidate(&i, study, point[p].name, err);
        if (status != EC_OK) return status;
        double sum = 0;
        c[p] = book->table->c[i];
        mean_a[p] = 0;
        for (size_t b = 0; b < N_BENCHMARKS; b++) {
            const double *z = row_z(book, b);
            const double worst = largest(z, n, n - 1), best = largest(z, n, 0);
            sum += (z[i] - worst) / (best - worst);
            mean_a[p] += row_a(book, b)[i] / N_BENCHMARKS;
        }
        hold(add(book, point[p].published, sum, "figure 5: %s, summed normalised performance",
                 point[p].name),
             0.0005);
    }
    hold(add(book, 8.68, 100 * (1 - c[CLIP_224] / c[CLIP_336]),
             "figure 5: C from CLIP@336 to CLIP@224, drop %%"),
         0.005);
    hold(add(book, 3.04, 100 * (1 - mean_a[CLIP_336] / mean_a[CLIP_224]),
             "figure 5: A from CLIP@224 to CLIP@336, drop %%"),
         0.005);
    return EC_OK;
}

/* The 99.7 % are 1 minus the share of parameters that stage 1 trains, not a share of GPU time. */
static void cost_claim(ledger *book) {
    const double connector = 1024.0 * 4096 + 4096 + 4096.0 * 4096 + 4096; /* two-layer MLP of LLaVA-1.5 */
    const double llm = 6738415616.0;                 /* Vicuna-7B */
    const double tower = 303507456.0;                /* CLIP ViT-L/14@336 */
    const double unused_block = 12596224.0;          /* the tower's last block, never run */
    ec_reproduce_row *row = add(book, 99.7, 100 * (1 - connector / (connector + llm)),
                                "abstract: reduction of cost, %%");
    hold(row, 0.05);
    snprintf(
        row->note, sizeof row->note,
        "a share of trainable parameters, not of GPU time: by LLaVA's published hours the policy "
        "saves about 35 %% of a search over 13 settings");
    const double share = 100 * connector / (connector + llm + tower - unused_block);
    row = add(book, 0.298, share, "section 5.2: trainable share in stage 1, %%");
    explain(row, EC_VERDICT_NOT_REPRODUCIBLE, near(share, row->published, 0.0015),
            "which parameters were counted is not said: .3104 of connector and LLM, .2970 with the "
            "CLIP "
            "tower, .2976 less its unused block; all round to 99.7");
}

/* ---- all of it ---- */

static ec_status reproduce_2024(ledger *book, const ec_study *study, ec_error *err) {
    ec_status status;
    if ((status = simulate_first_hits(book, err)) != EC_OK) return status;
    const ec_reproduce_row *mean_recall_3 = table_1(book);
    if ((status = table_3(book, err)) != EC_OK) return status;
    if ((status = table_4(book, err)) != EC_OK) return status;
    table_8(book, mean_recall_3);
    random_baseline(book);
    table_9(book);
    if ((status = figure_5(book, study, err)) != EC_OK) return status;
    cost_claim(book);
    return EC_OK;
}

/* The 2025 scores are known as printed, with two decimals (one for MMMU). The tolerance is two
 * standard deviations of R² when every input is moved at random within its rounding (3000 draws).
 */
static ec_status reproduce_2025(ledger *book, const ec_study *study, ec_error *err) {
    (void)study;
    static const double published[2] = {0.9406, 0.8385}, rounding[2] = {0.0012, 0.0026};
    double here[2];
    const ec_status status = group_r2(here, book, EC_LAW_QUADRATIC, err);
    if (status != EC_OK) return status;
    for (size_t g = 0; g < 2; g++) {
        ec_reproduce_row *row =
            add(book, published[g], here[g], "2025: AC polynomial, %s, R2", group_name[g]);
        hold(row, rounding[g]);
        snprintf(row->note, sizeof row->note,
                 "inputs are printed with two decimals, which moves R2 by %.4f (2 sd)",
                 rounding[g]);
    }
    return EC_OK;
}

typedef ec_status (*row_maker)(ledger *, const ec_study *, ec_error *);

/* Opens a built-in study, finds the eight benchmarks in it, and adds its rows. */
static ec_status reproduce_study(ledger *book, const char *name, row_maker make_rows,
                                 ec_error *err) {
    ec_study *study;
    ec_status status = ec_study_open(&study, name, err);
    if (status != EC_OK) return status;
    ec_study_snapshot *snapshot = NULL;
    status = ec_study_snapshot_get(&snapshot, study, err);
    for (size_t b = 0; b < N_BENCHMARKS && status == EC_OK; b++)
        status = ec_study_find_benchmark(&book->benchmark[b], study, benchmark_name[b], err);
    if (status == EC_OK) {
        book->table = &snapshot->table;
        status = make_rows(book, study, err);
    }
    ec_study_snapshot_free(snapshot);
    ec_study_close(study);
    return status;
}

ec_status ec_reproduce(ec_reproduce_row **rows, size_t *n_rows, ec_error *err) {
    *rows = NULL;
    *n_rows = 0;
    ledger book = {.row = calloc(MAX_ROWS, sizeof *book.row)};
    if (book.row == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    ec_status status = reproduce_study(&book, "paper-2024", reproduce_2024, err);
    if (status == EC_OK) status = reproduce_study(&book, "paper-2025", reproduce_2025, err);
    if (status != EC_OK) {
        free(book.row);
        return status;
    }
    *rows = book.row;
    *n_rows = book.n;
    return EC_OK;
}
