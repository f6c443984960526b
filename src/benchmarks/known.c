/* known.c - which metric is a benchmark's result; docs/formats.md has the table
 *
 * Looked up in lmms_eval/tasks of EvolvingLMMs-Lab/lmms-eval, where MME's metric was spelt
 * "percetion" for long and accuracies are fractions but for the scores that a judge gives in
 * percent; and in vlmeval/dataset of open-compass/VLMEvalKit, where multiple-choice sets have a
 * table with a column "split" and fractions (report_acc), the others percentages.
 */
#include "benchmarks/known.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/number.h"

/* Where a benchmark has several rows the first is the one to ask lmms-eval for, and each is read.
 */
static const ec_known_metric known_metrics[] = {
    {"mmbench", "mmbench_en_dev", "gpt_eval_score", 1.0},
    {"mmbench", "MMBench_DEV_EN", "Overall", 100.0},
    {"mmbenchen", "mmbench_en_dev", "gpt_eval_score", 1.0},
    {"mmbenchen", "MMBench_DEV_EN", "Overall", 100.0},
    {"mmbenchendev", "mmbench_en_dev", "gpt_eval_score", 1.0},
    {"mmbenchendev", "MMBench_DEV_EN", "Overall", 100.0},
    {"mmbenchdeven", "MMBench_DEV_EN", "Overall", 100.0},
    {"mmbenchv11", "MMBench_DEV_EN_V11", "Overall", 100.0},
    {"mme", "mme", "mme_perception_score", 1.0},
    {"mme", "mme", "mme_percetion_score", 1.0},
    {"mme", "MME", "perception", 1.0},
    {"mmmu", "mmmu_val", "mmmu_acc", 100.0},
    {"mmmu", "MMMU_DEV_VAL", "Overall,validation", 100.0},
    {"mmmuval", "mmmu_val", "mmmu_acc", 100.0},
    {"mmmuval", "MMMU_DEV_VAL", "Overall,validation", 100.0},
    {"okvqa", "ok_vqa", "exact_match", 100.0},
    {"okvqa", "ok_vqa_val2014", "exact_match", 100.0},
    {"textvqa", "textvqa_val", "exact_match", 100.0},
    {"textvqa", "TextVQA_VAL", "Overall", 1.0},
    {"textvqaval", "textvqa_val", "exact_match", 100.0},
    {"textvqaval", "TextVQA_VAL", "Overall", 1.0},
    {"vizwiz", "vizwiz_vqa_val", "exact_match", 100.0},
    {"vizwiz", "VizWiz", "Overall", 1.0},
    {"vizwizvqa", "vizwiz_vqa_val", "exact_match", 100.0},
    {"vizwizvqa", "VizWiz", "Overall", 1.0},
    {"vizwizvqaval", "vizwiz_vqa_val", "exact_match", 100.0},
    {"vizwizvqaval", "VizWiz", "Overall", 1.0},
    {"scienceqa", "scienceqa_img", "exact_match", 100.0},
    {"scienceqa", "ScienceQA_TEST", "Overall", 100.0},
    {"scienceqaimg", "scienceqa_img", "exact_match", 100.0},
    {"scienceqaimg", "ScienceQA_TEST", "Overall", 100.0},
    {"seedbench", "seedbench", "seed_image", 100.0},
    {"seedbench", "SEEDBench_IMG", "Overall", 100.0},
    {"seedbenchimg", "seedbench", "seed_image", 100.0},
    {"seedbenchimg", "SEEDBench_IMG", "Overall", 100.0},
    {"seedbenchimage", "seedbench", "seed_image", 100.0},
    {"seedbenchimage", "SEEDBench_IMG", "Overall", 100.0},
    {"seedimg", "seedbench", "seed_image", 100.0},
    {"seedimg", "SEEDBench_IMG", "Overall", 100.0},
    {"seedimage", "seedbench", "seed_image", 100.0},
    {"seedimage", "SEEDBench_IMG", "Overall", 100.0},
    /* Not of the paper, where one metric is the one that everybody reports. */
    {"ai2d", "ai2d", "exact_match", 100.0},
    {"ai2d", "AI2D_TEST", "Overall", 100.0},
    {"chartqa", "chartqa", "relaxed_overall", 100.0},
    {"chartqa", "ChartQA_TEST", "Overall", 1.0},
    {"docvqa", "docvqa_val", "anls", 100.0},
    {"docvqa", "DocVQA_VAL", "Overall", 1.0},
    {"gqa", "gqa", "exact_match", 100.0},
    {"gqa", "GQA_TestDev_Balanced", "Overall", 1.0},
    {"infovqa", "infovqa_val", "anls", 100.0},
    {"infovqa", "InfoVQA_VAL", "Overall", 1.0},
    {"mmstar", "mmstar", "average", 100.0},
    {"mmstar", "MMStar", "Overall", 100.0},
    {"mmvet", "mmvet", "gpt_eval_score", 1.0},
    {"mmvet", "MMVet", "acc,Overall", 1.0},
    {"realworldqa", "realworldqa", "exact_match", 100.0},
    {"realworldqa", "RealWorldQA", "Overall", 100.0},
};
enum { N_KNOWN = sizeof known_metrics / sizeof *known_metrics };

/* Other data sets of VLMEvalKit, so that the name of a file can be cut at the right place. */
static const char *const data_sets[] = {
    "A-Bench_VAL",
    "A-OKVQA",
    "AMBER",
    "BLINK",
    "CCBench",
    "COCO_VAL",
    "CV-Bench-2D",
    "CV-Bench-3D",
    "HRBench4K",
    "HRBench8K",
    "HallusionBench",
    "LLaVABench",
    "MMBench",
    "MMBench_CN",
    "MMBench_DEV_CN",
    "MMBench_DEV_CN_V11",
    "MMBench_TEST_EN",
    "MMBench_TEST_CN",
    "MMMU_Pro_10c",
    "MMMU_Pro_V",
    "MMMU_TEST",
    "MMT-Bench_VAL",
    "MMVP",
    "MathVerse_MINI",
    "MathVision",
    "MathVision_MINI",
    "MathVista_MINI",
    "MME-RealWorld",
    "MMBench_TEST_EN_V11",
    "OCRBench",
    "OCRVQA_TEST",
    "OCRVQA_TESTCORE",
    "POPE",
    "Q-Bench1_VAL",
    "R-Bench-Dis",
    "SEEDBench2",
    "SEEDBench2_Plus",
    "ScienceQA_VAL",
    "TableVQABench",
    "VisOnlyQA-VLMEvalKit",
    "DocVQA_TEST",
    "InfoVQA_TEST",
    "WeMath",
    "VStarBench",
};
enum { N_DATA_SETS = sizeof data_sets / sizeof *data_sets };

void ec_plain_name(char *to, size_t size, const char *name) {
    size_t n = 0;
    for (; *name != '\0' && n + 1 < size; name++)
        if (isalnum((unsigned char)*name)) to[n++] = (char)tolower((unsigned char)*name);
    to[n] = '\0';
}

const ec_known_metric *ec_known_metric_of(const char *benchmark, size_t k) {
    char plain[64];
    ec_plain_name(plain, sizeof plain, benchmark);
    for (size_t i = 0; i < N_KNOWN; i++)
        if (strcmp(plain, known_metrics[i].name) == 0 && k-- == 0) return &known_metrics[i];
    return NULL;
}

/* Whether two metrics are one, where one of them may be without its filter. */
static bool same_metric(const char *x, const char *y) {
    const size_t n = strcspn(x, ","), m = strcspn(y, ",");
    if (n != m || strncmp(x, y, n) != 0) return false;
    return x[n] == '\0' || y[m] == '\0' || strcmp(x + n, y + m) == 0;
}

double ec_known_scale(const ec_metric_key *key) {
    for (size_t k = 0; k < N_KNOWN; k++)
        if (strcmp(known_metrics[k].task, key->task) == 0 &&
            same_metric(known_metrics[k].metric, key->metric))
            return known_metrics[k].scale;
    return 1.0;
}

const char *ec_known_name_of(const char *task) {
    for (size_t k = 0; k < N_KNOWN; k++)
        if (strcmp(known_metrics[k].task, task) == 0) return known_metrics[k].name;
    return NULL;
}

bool ec_known_range(double *low, double *high, const char *benchmark) {
    const ec_known_metric *known = ec_known_metric_of(benchmark, 0);
    if (known == NULL) return false;
    const bool is_sum = strcmp(known->name, "mme") == 0; /* ten categories of 200 points */
    *low = is_sum ? 100.0 : 1.0;
    *high = is_sum ? 2000.0 : 100.0;
    return true;
}

/* Whether `stem` ends with "_NAME", or is it. */
static bool ends_with_name(const char *stem, const char *name) {
    const size_t n = strlen(stem), m = strlen(name);
    return n >= m && strcmp(stem + n - m, name) == 0 && (n == m || stem[n - m - 1] == '_');
}

size_t ec_longer_end(size_t best, const char *stem, const char *name) {
    const size_t n = strlen(name);
    return n > best && ends_with_name(stem, name) ? n : best;
}

size_t ec_known_data_set(const char *stem) {
    size_t best = 0;
    for (size_t k = 0; k < N_KNOWN; k++) best = ec_longer_end(best, stem, known_metrics[k].task);
    for (size_t k = 0; k < N_DATA_SETS; k++) best = ec_longer_end(best, stem, data_sets[k]);
    return best;
}

/* ---- keys ----------------------------------------------------------------------------------- */

const char *ec_metric_key_split(ec_metric_key *out, const char *text) {
    static const char *const shape = "is not TASK.METRIC, such as mme.mme_perception_score, with "
                                     "'* 100' behind it where a fraction is to be a percentage";
    const char *star = strchr(text, '*'), *end = star != NULL ? star : text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1])) end--;
    const char *dot = end;
    while (dot > text && *dot != '.') dot--;
    const size_t n_task = (size_t)(dot - text), n_metric = (size_t)(end - dot);
    if (n_task == 0 || n_metric < 2 || n_task >= sizeof out->task ||
        n_metric > sizeof out->metric || memchr(text, ' ', (size_t)(end - text)) != NULL)
        return shape;
    memcpy(out->task, text, n_task);
    out->task[n_task] = '\0';
    memcpy(out->metric, dot + 1, n_metric - 1);
    out->metric[n_metric - 1] = '\0';
    out->scale = NAN;
    if (star != NULL &&
        (ec_number_read(&out->scale, star + 1) != EC_NUMBER_OK || out->scale == 0.0))
        return "has no number to multiply with behind its '*'";
    return NULL;
}

const char *ec_result_key_fault(const char *key) {
    ec_metric_key unused;
    return ec_metric_key_split(&unused, key);
}
