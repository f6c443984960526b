/* headings.c - see headings.h */
#include "sheet/headings.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "eyechart/spelling.h"
#include "sheet/columns.h"
#include "sheet/table_text.h"

/* ---- words -------------------------------------------------------------------------------- */

/* Folded (ec_spelling_fold), without '_', '-' and what stands in brackets at the end. */
static const struct {
    const char *word;
    ec_heading_kind kind;
} meanings[] = {
    {"candidate", EC_HEADING_CANDIDATE},
    {"candidates", EC_HEADING_CANDIDATE},
    {"name", EC_HEADING_CANDIDATE},
    {"model", EC_HEADING_CANDIDATE},
    {"encoder", EC_HEADING_CANDIDATE},
    {"visionencoder", EC_HEADING_CANDIDATE},
    {"visualencoder", EC_HEADING_CANDIDATE},
    {"imageencoder", EC_HEADING_CANDIDATE},
    {"backbone", EC_HEADING_CANDIDATE},
    {"visionbackbone", EC_HEADING_CANDIDATE},
    {"visionmodel", EC_HEADING_CANDIDATE},
    {"visiontower", EC_HEADING_CANDIDATE},
    {"modelname", EC_HEADING_CANDIDATE},
    {"encodername", EC_HEADING_CANDIDATE},
    {"c", EC_HEADING_C},
    {"cscore", EC_HEADING_C},
    {"correspondence", EC_HEADING_C},
    {"correspondencescore", EC_HEADING_C},
    {"cse", EC_HEADING_C_SE},
    {"cstderr", EC_HEADING_C_SE},
    {"csem", EC_HEADING_C_SE},
    {"cscorese", EC_HEADING_C_SE},
    {"a", EC_HEADING_A},
    {"ascore", EC_HEADING_A},
    {"alignment", EC_HEADING_A},
    {"alignmentscore", EC_HEADING_A},
    {"ase", EC_HEADING_A_SE},
    {"astderr", EC_HEADING_A_SE},
    {"asem", EC_HEADING_A_SE},
    {"ascorese", EC_HEADING_A_SE},
    {"cost", EC_HEADING_COST},
    {"costs", EC_HEADING_COST},
    {"hours", EC_HEADING_HOURS},
};
enum { N_MEANINGS = sizeof meanings / sizeof *meanings };

/* What may stand in brackets behind a score or a cost without making it another. */
static bool is_remark(const char *text, size_t n) {
    static const char *const begins[] = {"align", "corr", "pck",     "score",   "h",
                                         "hour",  "gpuh", "gpu-h",   "gpuhour", "gpu-hour",
                                         "%",     "cos",  "inhours", "a)",      "c)"};
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        const size_t m = strlen(begins[i]);
        if (n >= m && strncmp(text, begins[i], m) == 0) return true;
    }
    return false;
}

static ec_heading_kind meaning_of(const char *text) {
    ec_heading_kind kind = EC_HEADING_OTHER;
    char *word = ec_spelling_fold(text);
    if (word == NULL) return kind;
    char *bracket = strpbrk(word, "([");
    if (bracket != NULL && bracket > word && is_remark(bracket + 1, strlen(bracket + 1)))
        *bracket = '\0';
    size_t n = 0;
    for (const char *c = word; *c != '\0'; c++)
        if (*c != '_' && *c != '-') word[n++] = *c;
    word[n] = '\0';
    for (size_t i = 0; i < N_MEANINGS; i++)
        if (strcmp(word, meanings[i].word) == 0) kind = meanings[i].kind;
    free(word);
    return kind;
}

/* Words of which a heading is made that is no result, and those that may stand beside them. */
static bool is_in(const char *word, const char *const *words, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(word, words[i]) == 0) return true;
    return false;
}

static bool says_no_result(const char *word) {
    static const char *const words[] = {
        "rank",         "ranking",      "param",    "params",       "parameter",  "parameters",
        "flop",         "flops",        "gflop",    "gflops",       "mflops",     "tflops",
        "mac",          "macs",         "gmac",     "gmacs",        "resolution", "res",
        "px",           "pixel",        "pixels",   "epoch",        "epochs",     "lr",
        "rate",         "date",         "year",     "month",        "day",        "time",
        "timestamp",    "url",          "link",     "paper",        "arxiv",      "doi",
        "license",      "licence",      "seed",     "batch",        "batchsize",  "bs",
        "depth",        "layer",        "layers",   "blocks",       "width",      "dim",
        "dims",         "dimension",    "hidden",   "heads",        "patch",      "patchsize",
        "patches",      "token",        "tokens",   "latency",      "throughput", "fps",
        "memory",       "vram",         "gb",       "mb",           "ms",         "gpus",
        "note",         "notes",        "comment",  "comments",     "author",     "authors",
        "organization", "organisation", "org",      "id",           "index",      "idx",
        "version",      "release",      "released", "downloads",    "likes",      "stars",
        "step",         "steps",        "iter",     "iters",        "iterations", "examples",
        "samples",      "size",         "dtype",    "architecture", "arch",       "family",
        "type",         "kind",         "decay",    "warmup",       "optimizer",  "optimiser",
        "scheduler",    "speed",        "runtime",  "duration",     "source",     "checkpoint",
        "commit",       "revision",     "sha",      "stage",        "channels",   "hyperparameters",
        "gpu"};
    return is_in(word, words, sizeof words / sizeof *words);
}

static bool says_little(const char *word) {
    static const char *const words[] = {
        "n",           "num",        "number",   "no",         "of",       "the",       "model",
        "image",       "img",        "input",    "train",      "training", "pre",       "pretrain",
        "total",       "vision",     "visual",   "encoder",    "per",      "learning",  "weight",
        "pretraining", "m",          "b",        "g",          "k",        "h",         "s",
        "x",           "hours",      "hour",     "feature",    "embed",    "embedding", "max",
        "mean",        "published",  "data",     "million",    "millions", "inference", "data",
        "dataset",     "finetuning", "finetune", "visiontower"};
    return is_in(word, words, sizeof words / sizeof *words);
}

/* A heading of such words alone: "Image size", "#Params (M)", "learning rate". */
static bool is_no_result(const char *text) {
    bool any = false;
    char word[32];
    for (const char *c = text; *c != '\0';) {
        size_t n = 0;
        const size_t blank = ec_blank_size(c);
        if (blank > 0) {
            c += blank;
            continue;
        }
        if (!isalpha((unsigned char)*c)) {
            if (!isdigit((unsigned char)*c) && strchr(" _-#()[]/.,:^*", *c) == NULL) return false;
            if (isdigit((unsigned char)*c) && any == false) return false;
            c++;
            continue;
        }
        for (; isalpha((unsigned char)*c); c++)
            if (n + 1 < sizeof word) word[n++] = (char)tolower((unsigned char)*c);
        word[n] = '\0';
        if (says_no_result(word))
            any = true;
        else if (!says_little(word))
            return false;
    }
    return any;
}

/* ---- reading ------------------------------------------------------------------------------ */

static const char *after(const char *prefix, const char *text) {
    const size_t n = strlen(prefix);
    return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

static bool is_there(const char *name, size_t length, const char *const *texts, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strlen(texts[i]) == length && strncmp(texts[i], name, length) == 0) return true;
    return false;
}

/* The other heading that "A_MME", "A (MME)", "A: MME" or "A@MME" is about: its first byte, and
 * *length; NULL: none. "A_MME_se" is its standard error. */
static const char *other_heading(size_t *length, bool *is_error, const char *text,
                                 const char *const *texts, size_t n) {
    *is_error = false;
    if (*text != 'A' && *text != 'a') return NULL;
    const char *name = text + 1 + strspn(text + 1, " _-:@([");
    if (name == text + 1) return NULL;
    *length = strlen(name);
    if (*length > 0 && strchr(")]", name[*length - 1]) != NULL && name > text + 1 &&
        strchr("([", name[-1]) != NULL)
        --*length;
    if (*length > 0 && is_there(name, *length, texts, n)) return name;
    *is_error = *length > 3 && strncmp(name + *length - 3, "_se", 3) == 0;
    if (!*is_error) return NULL;
    *length -= 3;
    return is_there(name, *length, texts, n) ? name : NULL;
}

static bool take_rest(ec_heading *out, ec_heading_kind kind, const char *rest, size_t length) {
    out->kind = kind;
    out->rest = strndup(rest, length);
    return out->rest != NULL;
}

static bool read_one(ec_heading *out, const char *text, const char *const *texts, size_t n) {
    static const struct {
        const char *prefix;
        ec_heading_kind kind;
    } prefixes[] = {{"A ", EC_HEADING_OWN_A},       {"A_se ", EC_HEADING_OWN_A_SE},
                    {"column ", EC_HEADING_COLUMN}, {"column_se ", EC_HEADING_COLUMN_SE},
                    {"result ", EC_HEADING_RESULT}, {"result_se ", EC_HEADING_RESULT_SE}};
    static const char *const plain[] = {"candidate", "C", "C_se", "A", "A_se", "cost", "hours"};
    size_t length;
    *out = (ec_heading){.kind = EC_HEADING_EMPTY};
    if (*text == '\0') return true;
    bool is_error;
    const char *other = other_heading(&length, &is_error, text, texts, n);
    if (other != NULL)
        return take_rest(out, is_error ? EC_HEADING_OWN_A_SE : EC_HEADING_OWN_A, other, length);
    out->kind = meaning_of(text);
    out->plain = is_in(text, plain, sizeof plain / sizeof *plain);
    if (out->kind != EC_HEADING_OTHER) return true;
    /* "column " without its blank: of no name */
    if (strcmp(text, "column") == 0) return take_rest(out, EC_HEADING_COLUMN, "", 0);
    if (strcmp(text, "column_se") == 0) return take_rest(out, EC_HEADING_COLUMN_SE, "", 0);
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        const char *rest = after(prefixes[i].prefix, text);
        if (rest != NULL) return take_rest(out, prefixes[i].kind, rest, strlen(rest));
    }
    if (is_no_result(text)) out->kind = EC_HEADING_NO_RESULT;
    return true;
}

/* How little a heading says that it is the one of its kind: "model" may be the language model
 * beside "vision encoder". */
static int vagueness(const ec_heading *heading, const char *text) {
    if (heading->plain) return 0;
    if (strcasestr(text, "model") != NULL && strcasestr(text, "vision") == NULL) return 3;
    return strcasecmp(text, "name") == 0 ? 1 : 2;
}

/* Of several columns of one score, chooses the one that is read. */
static void choose_one(ec_heading *heads, const char *const *texts, size_t n) {
    for (ec_heading_kind kind = EC_HEADING_CANDIDATE; kind <= EC_HEADING_HOURS; kind++) {
        size_t chosen = n;
        for (size_t i = 0; i < n; i++)
            if (heads[i].kind == kind &&
                (chosen == n ||
                 vagueness(&heads[i], texts[i]) < vagueness(&heads[chosen], texts[chosen])))
                chosen = i;
        for (size_t i = 0; i < n; i++)
            if (heads[i].kind == kind && i != chosen && !(heads[i].plain && heads[chosen].plain))
                heads[i].kind = EC_HEADING_OTHER;
    }
}

bool ec_headings_read(ec_heading *heads, const char *const *texts, size_t n) {
    bool done = true;
    for (size_t i = 0; i < n; i++) heads[i] = (ec_heading){0};
    for (size_t i = 0; i < n && done; i++) done = read_one(&heads[i], texts[i], texts, n);
    if (done) choose_one(heads, texts, n);
    return done;
}

void ec_heading_release(ec_heading *heading) {
    free((char *)heading->rest);
    *heading = (ec_heading){0};
}

static bool ends_with(const char *text, const char *end) {
    const size_t n = strlen(text), m = strlen(end);
    return n > m && strcmp(text + n - m, end) == 0;
}

/* Beside other columns it could be A for one of them, or its standard errors. */
static bool may_be_about_another(const char *text) {
    return ends_with(text, "se") || ends_with(text, "SE") || ends_with(text, "err") ||
           ((*text == 'A' || *text == 'a') && text[1] != '\0' &&
            strchr(" _-:@([", text[1]) != NULL);
}

bool ec_heading_needs_word(const char *benchmark) {
    if (may_be_about_another(benchmark)) return true;
    ec_heading heading;
    const bool done = read_one(&heading, benchmark, NULL, 0);
    const bool other = done && heading.kind != EC_HEADING_OTHER;
    ec_heading_release(&heading);
    return other;
}

void ec_heading_column_name(char *to, size_t size, const char *heading) {
    size_t n = 0;
    bool gap = false;
    for (const char *c = heading; *c != '\0'; c++) {
        const bool allowed = isalnum((unsigned char)*c) || strchr("_-.:@+", *c) != NULL;
        if (!allowed) {
            gap = n > 0;
            continue;
        }
        if (gap && n + 1 < size) to[n++] = '_';
        gap = false;
        if (n + 1 < size) to[n++] = *c;
    }
    to[n] = '\0';
    if (ec_column_name_fault(to) != NULL) to[0] = '\0';
}
