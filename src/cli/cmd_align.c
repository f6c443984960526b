/* cmd_align.c - eyechart align: the A score of candidates, from images */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/device.h"
#include "cli/images.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/sources.h"
#include "eyechart/alignment.h"
#include "eyechart/image_set.h"

enum {
    O_CANDIDATE,
    O_REFERENCE,
    O_IMAGES,
    O_ROOT,
    O_N,
    O_SELECT,
    O_SEED,
    O_KEEP,
    O_BF16,
    O_LAYER,
    O_PREPARE,
    O_EXIF,
    O_BATCH,
    O_DEVICE,
    O_THREADS,
    O_POSITIONS,
    O_CSV,
    O_PER_IMAGE,
    O_JSON
};

static const option OPTIONS[] = {
    [O_CANDIDATE] =
        {.name = "candidate",
         .argument = "NAME=ENCODER,CONNECTOR",
         .type = VALUE_TEXT,
         .letter = 'c',
         .repeatable = true,
         .help = "encoder folder, or several joined by +, each followed by @PIXELS and "
                 ":native, :square, :squash, :pad or :letterbox where needed; and the connector "
                 "trained on it: mm_projector.bin, a .safetensors file, or the folder "
                 "of a whole model or of a training. The NAME of a reference alone scores it too"},
    [O_REFERENCE] = {.name = "reference",
                     .argument = "NAME=ENCODER,CONNECTOR",
                     .type = VALUE_TEXT,
                     .letter = 'r',
                     .repeatable = true,
                     .help = "what candidates are compared with, given the same way. The paper "
                             "has two, CLIP at 224 and at 336 pixels; A is the mean over them"},
    [O_IMAGES] = {.name = "images",
                  .argument = "NAME=PATH",
                  .type = VALUE_TEXT,
                  .letter = 'i',
                  .repeatable = true,
                  .help = "images of a benchmark: a folder, a .txt list, .jsonl or .json records "
                          "with image and prompt, or a .tsv of VLMEvalKit"},
    [O_ROOT] = {.name = "image-root",
                .argument = "[NAME=]FOLDER",
                .type = VALUE_TEXT,
                .repeatable = true,
                .help = "folder of the relative paths in the list of the benchmark NAME, or of all "
                        "that have none of their own; that of the list when not given"},
    [O_N] = {.name = "n",
             .argument = "N",
             .type = VALUE_COUNT,
             .letter = 'n',
             .low = 1,
             .high = 1e9,
             .fallback = "100",
             .help = "images of each benchmark; all where there are fewer"},
    [O_SELECT] = {.name = "select",
                  .argument = "HOW",
                  .type = VALUE_CHOICE,
                  .choice = ec_image_selection_name,
                  .fallback = "random",
                  .help = "which images: random, without replacement; longest: those with the "
                          "longest prompts, which the authors' run came to first"},
    [O_SEED] = {.name = "seed",
                .argument = "SEED",
                .type = VALUE_COUNT,
                .fallback = "42",
                .help = "of --select random; the same list on every machine"},
    [O_KEEP] = {.name = "keep-lists",
                .argument = "FOLDER",
                .type = VALUE_FOLDER,
                .help = "write the images chosen to FOLDER/NAME.jsonl, which --images reads"},
    [O_BF16] = {.name = "bf16-compat",
                .help = "compare with the roundings of the authors' bfloat16 computation"},
    [O_LAYER] = OPTION_LAYER(HELP_LAYER ": -2 is the input of the last block, as LLaVA takes it"),
    [O_PREPARE] = OPTION_PREPARE("native", "of encoders that do not say; native, the encoder's own "
                                           "processor, is what connectors are trained with"),
    [O_EXIF] = OPTION_EXIF,
    [O_BATCH] = OPTION_BATCH("images at a time; results do not depend on it"),
    [O_DEVICE] = OPTION_DEVICE,
    [O_THREADS] = OPTION_THREADS,
    [O_POSITIONS] = OPTION_POSITIONS,
    [O_CSV] = {.name = "csv", .help = "print CSV that 'study import' reads"},
    [O_PER_IMAGE] = {.name = "per-image", .help = "with --json: the score of every image, too"},
    [O_JSON] = OPTION_JSON,
    {0},
};

static const example EXAMPLES[] = {
    {"eyechart align -r clip=clip-l-336/,clip.bin -c dino=dinov2-l/,dino.bin -c clip -i mme=mme/",
     "DINOv2, and CLIP itself, on 100 images of a folder"},
    {"eyechart align -r clip=clip-l-336/,clip.bin -c cd=clip-l-336/+dino-l/@336,cd.bin "
     "-i mme=mme/",
     "a combination; one encoder is at another size than its own"},
    {"eyechart align -r s=clip-l/,s.bin -r l=clip-l-336/,l.bin -c dino=dinov2-l/,dino.bin "
     "-i mme=mme/",
     "against CLIP at 224 and at 336 pixels, as in the paper"},
    {0},
};

static const exit_meaning EXITS[] = {
    {EXIT_INTERRUPTED, "interrupted; nothing was kept ('score' in a study keeps what is done)"},
    {0},
};

/* ---- the command line ---- */

/* References, then candidates. */
typedef struct {
    ec_align_member *member;     /* [n]; texts point into `text` */
    ec_tap *taps;                /* [n] of their features, once they are open */
    char **text;                 /* [n] copies of the values, cut into pieces */
    ec_feature_source **sources; /* [n], NULL: those of a reference */
    size_t n, n_references;
} members;

typedef struct {
    char *name;              /* and the path, in one text */
    const char *path, *root; /* root NULL: that of the list */
    ec_image_set set;
    size_t n_in_set;
    double *scores; /* [n_images][n_candidates][n_references] */
} benchmark;

static char *copy_text(const char *text) {
    char *copy = allocate(strlen(text) + 1, 1);
    return strcpy(copy, text);
}

/* Cuts "NAME=REST" at the first '='; the rest, NULL: there is none. */
static char *cut_name(char *text) {
    char *equal = strchr(text, '=');
    if (equal == NULL) return NULL;
    *equal = '\0';
    return equal + 1;
}

static const ec_align_member *find_reference(const members *m, const char *name) {
    for (size_t i = 0; i < m->n_references; i++)
        if (strcmp(m->member[i].name, name) == 0) return &m->member[i];
    return NULL;
}

/* Adds "NAME=ENCODER,CONNECTOR", or the name of a reference. */
static int add_member(members *m, const char *value, const arguments *args) {
    ec_feature_source otherwise = sources_otherwise(args);
    otherwise.has_layer = args->values[O_LAYER].given; /* else the connector may say it */
    char *text = m->text[m->n] = copy_text(value), *rest = cut_name(text);
    ec_align_member *member = &m->member[m->n++];
    member->name = text;
    const ec_align_member *same = rest == NULL ? find_reference(m, text) : NULL;
    if (same != NULL) {
        *member = *same;
        return EXIT_DONE;
    }
    char *comma = rest != NULL ? strrchr(rest, ',') : NULL;
    if (comma == NULL || comma == rest || comma[1] == '\0' || text[0] == '\0')
        return usage_error(args->command, "'%s': expected NAME=ENCODER,CONNECTOR%s", value,
                           rest == NULL ? ", or the name of a --reference" : "");
    *comma = '\0';
    member->connector = comma + 1;
    ec_feature_source **sources = &m->sources[m->n - 1];
    const int status = parse_sources(sources, &member->n_sources, rest, otherwise, args->command);
    member->sources = *sources;
    return status;
}

static int check_names(const ec_align_member *member, size_t n, const char *what,
                       const arguments *args) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(member[i].name, member[j].name) == 0)
                return usage_error(args->command, "two %s are called '%s'", what, member[i].name);
    return EXIT_DONE;
}

static int parse_members(members *m, const arguments *args) {
    const option_value *references = &args->values[O_REFERENCE],
                       *candidates = &args->values[O_CANDIDATE];
    if (references->n_all == 0)
        return usage_error(args->command, "compared with what? give --reference, twice for the "
                                          "paper's CLIP at 224 and at 336 pixels");
    if (candidates->n_all == 0) return usage_error(args->command, "of what? give --candidate");
    const size_t n = references->n_all + candidates->n_all;
    *m = (members){.member = allocate(n, sizeof *m->member),
                   .taps = allocate(n, sizeof *m->taps),
                   .text = allocate(n, sizeof *m->text),
                   .sources = allocate(n, sizeof *m->sources)};
    int status = EXIT_DONE;
    for (size_t i = 0; i < references->n_all && status == EXIT_DONE; i++)
        status = add_member(m, references->all[i], args);
    m->n_references = m->n;
    for (size_t i = 0; i < candidates->n_all && status == EXIT_DONE; i++)
        status = add_member(m, candidates->all[i], args);
    if (status != EXIT_DONE) return status;
    status = check_names(m->member, m->n_references, "references", args);
    if (status != EXIT_DONE) return status;
    return check_names(m->member + m->n_references, candidates->n_all, "candidates", args);
}

static void release_members(members *m) {
    for (size_t i = 0; i < m->n; i++) {
        free(m->sources[i]);
        free(m->text[i]);
    }
    free(m->sources);
    free(m->member);
    free(m->taps);
    free(m->text);
}

/* ---- images ---- */

static int keep_list(const benchmark *b, const char *folder) {
    const size_t size = strlen(folder) + strlen(b->name) + sizeof "/.jsonl";
    char *path = allocate(size, 1);
    snprintf(path, size, "%s/%s.jsonl", folder, b->name);
    ec_error err;
    const ec_status status = ec_image_set_save(&b->set, path, &err);
    free(path);
    return status == EC_OK ? EXIT_DONE : report_error(&err);
}

/* The last --image-root that names the benchmark, else the last that names none; NULL: there is
 * none.
 */
static const char *image_root(const char *name, const arguments *args) {
    const option_value *roots = &args->values[O_ROOT];
    const char *own = NULL, *of_all = NULL;
    for (size_t i = 0; i < roots->n_all; i++) {
        bool is_named = false;
        for (size_t k = 0; k < args->values[O_IMAGES].n_all && !is_named; k++) {
            const char *set = args->values[O_IMAGES].all[k], *equal = strchr(set, '=');
            const size_t n = equal != NULL ? (size_t)(equal - set) + 1 : 0;
            is_named = n > 0 && strncmp(roots->all[i], set, n) == 0;
            if (is_named && strlen(name) == n - 1 && strncmp(set, name, n - 1) == 0)
                own = roots->all[i] + n;
        }
        if (!is_named) of_all = roots->all[i];
    }
    return own != NULL ? own : of_all;
}

static int load_benchmark(benchmark *b, const char *value, const arguments *args) {
    const option_value *v = args->values;
    ec_error err;
    b->name = copy_text(value);
    b->path = cut_name(b->name);
    if (b->path == NULL || b->name[0] == '\0' || strchr(b->name, '/') != NULL)
        return usage_error(args->command, "--images '%s': expected NAME=PATH, a name without '/'",
                           value);
    b->root = image_root(b->name, args);
    if (ec_image_set_load(&b->set, b->path, b->root, &err) != EC_OK) return report_error(&err);
    b->n_in_set = b->set.n_items;
    note_image_set(&b->set, b->path);
    if (ec_image_set_select(&b->set, (ec_image_selection)v[O_SELECT].choice, (size_t)v[O_N].count,
                            v[O_SEED].count, &err) != EC_OK) {
        ec_error_prefix(&err, err.status, "%s", b->name);
        return report_error(&err);
    }
    return v[O_KEEP].given ? keep_list(b, v[O_KEEP].text) : EXIT_DONE;
}

static int load_benchmarks(benchmark *b, size_t n, const arguments *args) {
    int status = EXIT_DONE;
    for (size_t i = 0; i < n && status == EXIT_DONE; i++) {
        status = load_benchmark(&b[i], args->values[O_IMAGES].all[i], args);
        for (size_t j = 0; j < i && status == EXIT_DONE; j++)
            if (strcmp(b[i].name, b[j].name) == 0)
                status =
                    usage_error(args->command, "two sets of --images are called '%s'", b[i].name);
    }
    return status;
}

/* ---- the run ---- */

typedef struct {
    progress line;
    size_t n_done, n_total, n_set; /* images: of the sets before this one, in all, of this one */
    const char *name;              /* of the benchmark */
    size_t n_turned;               /* images whose EXIF asks to turn them */
    const char *turned;            /* the first of them */
    ec_align_progress of_set;
} display;

static bool see(void *context, const ec_align_progress *of_set) {
    display *d = context;
    d->of_set = *of_set;
    const double share = (double)of_set->n_done / (double)of_set->n_total,
                 done = (double)d->n_done + (double)d->n_set * share;
    const double seconds = progress_seconds(&d->line);
    char left[32];
    progress_line(&d->line, done >= (double)d->n_total, "%s: %.0f of %zu images, %s left", d->name,
                  floor(done), d->n_total,
                  progress_duration(left, seconds * ((double)d->n_total - done) / done));
    return !progress_interrupted();
}

static ec_status score_benchmark(benchmark *b, ec_aligner *aligner, const members *m, display *d,
                                 ec_error *err) {
    const size_t n = b->set.n_items, row = (m->n - m->n_references) * m->n_references;
    const char **paths = allocate(n, sizeof *paths);
    b->scores = allocate(n * row, sizeof *b->scores);
    for (size_t i = 0; i < n; i++) paths[i] = b->set.items[i].path;
    d->name = b->name;
    d->n_set = n;
    d->of_set = (ec_align_progress){0};
    const ec_status status = ec_aligner_run(b->scores, aligner, paths, n, NULL, see, d, err);
    d->n_done += n;
    if (d->n_turned == 0) d->turned = d->of_set.turned;
    d->n_turned += d->of_set.n_turned;
    free(paths);
    return status;
}

static int score_all(benchmark *b, size_t n, const members *m, ec_ctx *ctx, const arguments *args) {
    const option_value *v = args->values;
    const ec_align_options options = {
        .bf16_compat = v[O_BF16].given,
        .encoder = {.ctx = ctx, .interpolate_plain = v[O_POSITIONS].given},
        .batch = (size_t)v[O_BATCH].count,
    };
    ec_error err;
    ec_aligner *aligner;
    if (ec_aligner_open(&aligner, m->member, m->n_references, m->member + m->n_references,
                        m->n - m->n_references, &options, &err) != EC_OK)
        return report_error(&err);
    for (size_t i = 0; i < m->n; i++) {
        const ec_align_member *member = &m->member[i];
        const ec_align_info info = i < m->n_references
                                       ? ec_aligner_reference(aligner, i)
                                       : ec_aligner_candidate(aligner, i - m->n_references);
        m->taps[i] = info.tap;
        note_connector(member->name, member->connector, member->sources, member->n_sources);
        if (info.tower[0] != '\0') note("%s: %s", member->name, info.tower);
    }
    display d = {0};
    for (size_t i = 0; i < n; i++) d.n_total += b[i].set.n_items;
    progress_start(&d.line);
    ec_status status = EC_OK;
    for (size_t i = 0; i < n && status == EC_OK; i++)
        status = score_benchmark(&b[i], aligner, m, &d, &err);
    progress_end(&d.line);
    if (!v[O_EXIF].given) note_turned(d.n_turned, d.turned);
    ec_aligner_close(aligner);
    if (status == EC_ERR_INTERRUPTED) {
        note("interrupted; nothing was kept");
        return EXIT_INTERRUPTED;
    }
    if (status == EC_OK) return EXIT_DONE;
    report_error(&err);
    for (size_t i = 0; i < n; i++)
        if (status == EC_ERR_NOT_FOUND && d.name == b[i].name)
            hint_image_root(b[i].path, b[i].root);
    return EXIT_DATA;
}

/* ---- output ---- */

/* A of candidate c: against reference r, or the mean over all of them for r = n_references. */
static ec_alignment_summary summary(const benchmark *b, const members *m, size_t c, size_t r) {
    const size_t n_references = m->n_references, row = (m->n - n_references) * n_references;
    const double *scores = b->scores + c * n_references;
    if (r < n_references) return ec_alignment_summarise(scores + r, b->set.n_items, row);
    double *mean = allocate(b->set.n_items, sizeof *mean);
    for (size_t i = 0; i < b->set.n_items; i++) {
        for (size_t j = 0; j < n_references; j++) mean[i] += scores[i * row + j];
        mean[i] /= (double)n_references;
    }
    const ec_alignment_summary s = ec_alignment_summarise(mean, b->set.n_items, 1);
    free(mean);
    return s;
}

static void print_table(const benchmark *b, size_t n, const members *m) {
    const size_t n_columns = 4 + m->n_references;
    const char **header = allocate(n_columns, sizeof *header);
    char(*name)[128] = allocate(m->n_references, sizeof *name);
    header[0] = "<images";
    header[1] = "<candidate";
    header[2] = "A";
    header[3] = "+-";
    for (size_t r = 0; r < m->n_references; r++) {
        snprintf(name[r], sizeof name[r], "A %s", m->member[r].name);
        header[4 + r] = name[r];
    }
    text_table *table = table_new(n_columns, header);
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < m->n - m->n_references; c++) {
            const ec_alignment_summary s = summary(&b[i], m, c, m->n_references);
            table_cell(table, "%s", b[i].name);
            table_cell(table, "%s", m->member[m->n_references + c].name);
            table_number(table, 4, s.a);
            table_number(table, 4, s.a_error);
            for (size_t r = 0; r < m->n_references; r++)
                table_number(table, 4, summary(&b[i], m, c, r).a);
        }
    table_print(table);
    free(header);
    free(name);
}

static json_t *score_json(ec_alignment_summary s) {
    return json_pack("{s:o, s:o}", "a", json_number(s.a), "a_error", json_number(s.a_error));
}

/* Scores of a candidate on one benchmark. */
static json_t *benchmark_scores(const benchmark *b, const members *m, size_t c, bool per_image) {
    const size_t n_references = m->n_references, row = (m->n - n_references) * n_references;
    json_t *json = score_json(summary(b, m, c, n_references)), *references = json_array();
    json_object_set_new(json, "images", json_text(b->name));
    for (size_t r = 0; r < n_references; r++) {
        json_t *one = score_json(summary(b, m, c, r));
        json_object_set_new(one, "reference", json_text(m->member[r].name));
        json_t *values = json_array();
        for (size_t i = 0; per_image && i < b->set.n_items; i++)
            json_array_append_new(values, json_number(b->scores[i * row + c * n_references + r]));
        if (per_image)
            json_object_set_new(one, "per_image", values);
        else
            json_decref(values);
        json_array_append_new(references, one);
    }
    json_object_set_new(json, "references", references);
    return json;
}

static void print_json(const benchmark *b, size_t n, const members *m, const arguments *args) {
    const option_value *v = args->values;
    json_t *sets = json_array(), *candidates = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *set = json_pack("{s:o, s:o, s:I, s:I}", "name", json_text(b[i].name), "path",
                                json_text(b[i].path), "n_images", (json_int_t)b[i].set.n_items,
                                "n_in_set", (json_int_t)b[i].n_in_set);
        json_t *files = json_array();
        for (size_t j = 0; v[O_PER_IMAGE].given && j < b[i].set.n_items; j++)
            json_array_append_new(files, json_text(b[i].set.items[j].path));
        if (v[O_PER_IMAGE].given)
            json_object_set_new(set, "files", files);
        else
            json_decref(files);
        json_array_append_new(sets, set);
    }
    for (size_t c = 0; c < m->n - m->n_references; c++) {
        json_t *scores = json_array();
        for (size_t i = 0; i < n; i++)
            json_array_append_new(scores, benchmark_scores(&b[i], m, c, v[O_PER_IMAGE].given));
        const ec_tap tap = m->taps[m->n_references + c];
        json_array_append_new(candidates,
                              json_pack("{s:o, s:i, s:s, s:o}", "name",
                                        json_text(m->member[m->n_references + c].name), "layer",
                                        tap.layer, "tokens", tap.keep_class_token ? "all" : "patch",
                                        "scores", scores));
    }
    json_print(json_pack("{s:s, s:I, s:b, s:o, s:o}", "select",
                         ec_image_selection_name(v[O_SELECT].choice), "seed",
                         (json_int_t)v[O_SEED].count, "bf16_compat", v[O_BF16].given, "images",
                         sets, "candidates", candidates));
}

/* "A mme" */
static void print_heading(const char *score, const char *name) {
    const size_t size = strlen(score) + strlen(name) + 2;
    char *text = allocate(size, 1);
    snprintf(text, size, "%s %s", score, name);
    print_csv_field(stdout, text);
    free(text);
}

static void print_csv(const benchmark *b, size_t n, const members *m) {
    printf("candidate");
    for (size_t i = 0; i < n; i++) {
        putchar(',');
        print_heading("A", b[i].name);
        putchar(',');
        print_heading("A_se", b[i].name);
    }
    putchar('\n');
    for (size_t c = 0; c < m->n - m->n_references; c++) {
        print_csv_field(stdout, m->member[m->n_references + c].name);
        for (size_t i = 0; i < n; i++) {
            const ec_alignment_summary s = summary(&b[i], m, c, m->n_references);
            printf(",%.17g,", s.a);
            if (isfinite(s.a_error)) printf("%.17g", s.a_error);
        }
        putchar('\n');
    }
}

static int run(const arguments *args) {
    const option_value *v = args->values;
    const size_t n = v[O_IMAGES].n_all;
    members m = {0};
    benchmark *b = allocate(n > 0 ? n : 1, sizeof *b);
    int status = parse_members(&m, args);
    if (status == EXIT_DONE && n == 0)
        status = usage_error(args->command, "on what? give --images NAME=PATH");
    if (status == EXIT_DONE && v[O_CSV].given && v[O_JSON].given)
        status = usage_error(args->command, "--csv and --json: one of them");
    if (status == EXIT_DONE) status = load_benchmarks(b, n, args);
    ec_ctx *ctx = NULL;
    if (status == EXIT_DONE) status = device_open(&ctx, &v[O_DEVICE], &v[O_THREADS]);
    if (status == EXIT_DONE) status = score_all(b, n, &m, ctx, args);
    ec_ctx_free(ctx);
    if (status == EXIT_DONE) {
        if (v[O_JSON].given)
            print_json(b, n, &m, args);
        else if (v[O_CSV].given)
            print_csv(b, n, &m);
        else
            print_table(b, n, &m);
    }
    for (size_t i = 0; i < n; i++) {
        ec_image_set_release(&b[i].set);
        free(b[i].scores);
        free(b[i].name);
    }
    free(b);
    release_members(&m);
    return status;
}

const command CMD_ALIGN = {
    .name = "align",
    .purpose = "the A score of candidates, from images and trained connectors",
    .about =
        "A says how near the embeddings that a candidate gives to the language model are to "
        "those of CLIP: for each token the largest cosine to a token of the reference, its mean "
        "over tokens and images, and the mean over references (the paper's definition of 2024). "
        "Standard errors are over images.\n"
        "All candidates see the same images. Encoders that several candidates share are computed "
        "once. A run that is interrupted keeps nothing. 'score' does this for a whole study, "
        "keeps every result, and goes on where it was.",
    .options = OPTIONS,
    .examples = EXAMPLES,
    .exits = EXITS,
    .run = run,
    .computes = true,
};
