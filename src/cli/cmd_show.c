/* cmd_show.c - eyechart show: pictures of what encoders take for the same */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "cli/device.h"
#include "cli/keypoints.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/sources.h"
#include "cli/study.h"
#include "eyechart/connector.h"
#include "eyechart/score.h"
#include "eyechart/show.h"

static const char *protocol_at(size_t i) {
    return ec_c_protocol_name(i);
}

static const char *heat_at(size_t i) {
    static const char *const names[] = {"green", "viridis"};
    return i < sizeof names / sizeof *names ? names[i] : NULL;
}

static const struct {
    const char *name;
    ec_colour colour;
} DOTS[] = {
    {"red", {255, 0, 0}},       {"blue", {0, 0, 255}},   {"yellow", {255, 255, 0}},
    {"magenta", {255, 0, 255}}, {"cyan", {0, 255, 255}}, {"orange", {255, 165, 0}},
};

static const char *dot_at(size_t i) {
    return i < sizeof DOTS / sizeof *DOTS ? DOTS[i].name : NULL;
}

enum {
    O_OUT,
    O_SOURCE,
    O_AT,
    O_TARGET,
    O_PAIR,
    O_KEYPOINTS,
    O_SPLIT,
    O_PROTOCOL,
    O_READOUT,
    O_STUDY,
    O_PREPARE,
    O_SIZE,
    O_LAYER,
    O_HEAT,
    O_DOT,
    O_HEIGHT,
    O_DEVICE,
    O_THREADS,
    O_POSITIONS,
    O_JSON
};

static const option OPTIONS[] = {
    [O_OUT] = {.name = "output",
               .letter = 'o',
               .argument = "FILE",
               .type = VALUE_FILE,
               .help = "the picture: .png, or .html for a page with a table of numbers; with "
                       "--study, a PNG in its folder pictures when not given"},
    [O_SOURCE] = {.name = "source",
                  .argument = "IMAGE",
                  .type = VALUE_FILE,
                  .help = "the image with the point"},
    [O_AT] = {.name = "at",
              .argument = "X,Y",
              .type = VALUE_TEXT,
              .help = "the point: a pixel of the source image as it is in the file, from 0,0 at "
                      "the upper left"},
    [O_TARGET] = {.name = "target",
                  .argument = "IMAGE",
                  .type = VALUE_FILE,
                  .repeatable = true,
                  .help = "an image to look for it in"},
    [O_PAIR] = {.name = "pair",
                .argument = "ID",
                .type = VALUE_TEXT,
                .help = "instead: all keypoints of this pair of a keypoint set; the beginning of "
                        "its name is enough where no other begins so"},
    [O_KEYPOINTS] = {.name = "keypoints",
                     .argument = "SET",
                     .type = VALUE_FILE,
                     .help =
                         "folder of SPair-71k, or keypoints as JSON; that of the study when not "
                         "given"},
    [O_SPLIT] = OPTION_SPLIT("of the keypoint set; of SPair-71k test when not given"),
    [O_PROTOCOL] = OPTION_PROTOCOL(protocol_at, "consistent",
                                   "how a pair is prepared and measured, as the C score does"),
    [O_READOUT] = OPTION_READOUT("argmax", "how the point is read from the similarities of a pair"),
    [O_STUDY] =
        {.name = "study",
         .argument = "STUDY",
         .type = VALUE_STUDY,
         .help = "encoders are candidates of this study; all that are declared when none is named"},
    [O_PREPARE] = OPTION_PREPARE(
        "letterbox",
        "letterbox: the whole image on a black square, so that every pixel of it can be shown; "
        "others as features has them. A pair is prepared as its protocol says"),
    [O_SIZE] = OPTION_SIZE,
    [O_LAYER] = OPTION_LAYER(HELP_LAYER),
    [O_HEAT] = {.name = "heat",
                .argument = "COLOURS",
                .type = VALUE_CHOICE,
                .choice = heat_at,
                .fallback = "viridis",
                .help = "of the similarity: viridis, from blue (low) to yellow (high) over the "
                        "image in grey, or green, as in the paper"},
    [O_DOT] = {.name = "dot",
               .argument = "COLOUR",
               .type = VALUE_CHOICE,
               .choice = dot_at,
               .fallback = "red",
               .help = "of the point and of what is found"},
    [O_HEIGHT] = {.name = "height",
                  .argument = "PIXELS",
                  .type = VALUE_COUNT,
                  .low = 32,
                  .high = 4096,
                  .fallback = "360",
                  .help = "of every image in the picture"},
    [O_DEVICE] = OPTION_DEVICE,
    [O_THREADS] = OPTION_THREADS,
    [O_POSITIONS] = OPTION_POSITIONS,
    [O_JSON] = OPTION_JSON,
    {0},
};

static const operand OPERANDS[] = {
    {.name = "ENCODER",
     .type = VALUE_FOLDER,
     .optional = true,
     .repeatable = true,
     .help = HELP_ENCODER ". One row each. With --study, names of candidates"},
    {0},
};

static const example EXAMPLES[] = {
    {"eyechart show clip-l-336/ dinov2-large/ --source cat.jpg --at 120,80 --target lion.jpg -o "
     "ear.png",
     "the cat's ear, looked for in the lion by two encoders"},
    {"eyechart show clip-l-336/ --source cat.jpg --at 120,80 --target a.jpg --target b.jpg -o "
     "ear.html",
     "in two images, as a page with the numbers"},
    {"eyechart show dinov2-large/ --keypoints SPair-71k --pair 000001 -o pair.png",
     "a pair of SPair-71k: what is found has a blue line, what is missed a dashed one"},
    {"eyechart show --study mystudy/ --pair 000001",
     "the same under every candidate, kept for the report"},
    {0},
};

/* ---- what is asked for ---- */

/* An encoder of the command line or of the study, ready for the library. */
typedef struct row {
    ec_show_encoder encoder;
    ec_feature_source *sources; /* owned */
} row;

typedef struct request {
    const arguments *args;
    ec_study *study; /* NULL: none */
    row *rows;
    size_t n_rows;
    ec_ctx *ctx; /* NULL without rows */
    ec_show_options options;
    char *out; /* owned */
    bool html;
} request;

static char *printed(const char *format, ...) EC_PRINTF(1, 2);

static char *printed(const char *format, ...) {
    char *text;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0) text = NULL;
    va_end(args);
    if (text != NULL) return text;
    note("out of memory");
    exit(EXIT_DATA);
}

static bool ends_with(const char *text, const char *end) {
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcasecmp(text + n - m, end) == 0;
}

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static int add_folder_row(row *r, const char *typed, const arguments *args) {
    size_t n;
    const int status =
        parse_sources(&r->sources, &n, typed, sources_otherwise(args), args->command);
    r->encoder = (ec_show_encoder){.name = typed, .sources = r->sources, .n_sources = n};
    return status;
}

/* A candidate's encoders as study.yaml declares them; where it says nothing of the preparation,
 * --prepare does, since the native one may cut parts of an image off. */
static int add_candidate_row(row *r, const ec_study *study, size_t candidate,
                             const arguments *args) {
    const option_value *v = args->values;
    const char *name = ec_study_candidate(study, candidate)->name;
    size_t n;
    const ec_feature_source *declared = ec_study_encoders(&n, study, candidate);
    if (n == 0) {
        note("candidate '%s' has no encoder in study.yaml; add one, as docs/formats.md shows",
             name);
        return EXIT_DATA;
    }
    r->sources = allocate(n, sizeof *r->sources);
    ec_connector_features says = {0};
    ec_error err;
    const char *connector = ec_study_connector(study, candidate);
    if (connector != NULL && ec_connector_features_read(&says, connector, &err) != EC_OK)
        return report_error(&err);
    for (size_t i = 0; i < n; i++) {
        r->sources[i] = declared[i];
        if (ec_connector_features_settle(&r->sources[i], &says, 0, &err) != EC_OK)
            return report_error(&err);
        if (v[O_LAYER].given) {
            r->sources[i].has_layer = true;
            r->sources[i].tap.layer = (int)v[O_LAYER].number;
        }
        r->sources[i].exif_transpose = false; /* figures show pictures as they lie */
        if (declared[i].prepare == EC_PREPARE_NATIVE)
            r->sources[i].prepare = (ec_prepare_mode)v[O_PREPARE].choice;
        if (v[O_SIZE].given && declared[i].size == 0) r->sources[i].size = (size_t)v[O_SIZE].count;
    }
    r->encoder = (ec_show_encoder){.name = name, .sources = r->sources, .n_sources = n};
    return EXIT_DONE;
}

static int add_study_rows(request *q) {
    const arguments *args = q->args;
    const size_t n = ec_study_n_candidates(q->study);
    q->rows = allocate(n + args->n_operands, sizeof *q->rows);
    int status = EXIT_DONE;
    for (size_t i = 0; i < args->n_operands && status == EXIT_DONE; i++) {
        size_t candidate;
        status = study_find_candidate(&candidate, q->study, args->operands[i]);
        if (status == EXIT_DONE)
            status = add_candidate_row(&q->rows[q->n_rows++], q->study, candidate, args);
    }
    for (size_t i = 0; args->n_operands == 0 && i < n && status == EXIT_DONE; i++) {
        size_t n_sources;
        ec_study_encoders(&n_sources, q->study, i);
        if (n_sources > 0 && !ec_study_is_combined(q->study, i))
            status = add_candidate_row(&q->rows[q->n_rows++], q->study, i, args);
    }
    return status;
}

static int add_rows(request *q) {
    const arguments *args = q->args;
    const option_value *v = args->values;
    int status = EXIT_DONE;
    if (q->study != NULL) {
        status = add_study_rows(q);
    } else {
        q->rows = allocate(args->n_operands + 1, sizeof *q->rows);
        for (size_t i = 0; i < args->n_operands && status == EXIT_DONE; i++)
            status = add_folder_row(&q->rows[q->n_rows++], args->operands[i], args);
    }
    if (status == EXIT_DONE && q->n_rows > 0)
        status = device_open(&q->ctx, &v[O_DEVICE], &v[O_THREADS]);
    for (size_t i = 0; i < q->n_rows; i++) {
        q->rows[i].encoder.options =
            (ec_encoder_options){.ctx = q->ctx, .interpolate_plain = v[O_POSITIONS].given};
    }
    if (status == EXIT_DONE && q->n_rows == 0 && !v[O_PAIR].given)
        return usage_error(args->command, "no encoder: name weight folders, or candidates of a "
                                          "--study that have one in study.yaml");
    return status;
}

/* Where the picture goes. In a study, a name that says what is shown, of plain characters. */
static int choose_output(request *q, const char *what) {
    const option_value *v = q->args->values;
    if (v[O_OUT].given) {
        q->out = printed("%s", v[O_OUT].text);
        q->html = ends_with(q->out, ".html") || ends_with(q->out, ".htm");
        if (q->html || ends_with(q->out, ".png")) return EXIT_DONE;
        return usage_error(q->args->command, "-o '%s' ends neither in .png nor in .html", q->out);
    }
    if (q->study == NULL) return usage_error(q->args->command, "where to? give -o FILE");
    char *folder = printed("%s/pictures", ec_study_path(q->study));
    const bool there = mkdir(folder, 0777) == 0 || errno == EEXIST;
    if (!there) note("%s: cannot make the folder: %s", folder, strerror(errno));
    q->out = printed("%s/%s.png", folder, what);
    for (char *c = q->out + strlen(folder) + 1; *c != '\0'; c++)
        if (strchr("/: \t\n\\'\"*?<>|", *c) != NULL) *c = '-';
    free(folder);
    return there ? EXIT_DONE : EXIT_DATA;
}

static int save(const request *q, const char *title, const ec_show_figure *figures, size_t n) {
    ec_error err;
    const ec_status status = q->html ? ec_show_save_html(q->out, title, figures, n, &err)
                                     : ec_show_save_png(q->out, title, figures, n, &err);
    return status == EC_OK ? EXIT_DONE : report_error(&err);
}

static void release_figures(ec_show_figure *figures, size_t n) {
    for (size_t i = 0; i < n; i++) ec_show_figure_release(&figures[i]);
    free(figures);
}

/* ---- a point in other images ---- */

static int parse_point(size_t *x, size_t *y, const arguments *args) {
    const char *text = args->values[O_AT].text;
    char *end = NULL;
    errno = 0;
    unsigned long long at[2] = {0};
    bool valid = text[0] >= '0' && text[0] <= '9';
    if (valid) at[0] = strtoull(text, &end, 10);
    valid = valid && *end == ',' && end[1] >= '0' && end[1] <= '9';
    if (valid) at[1] = strtoull(end + 1, &end, 10);
    if (!valid || *end != '\0' || errno != 0)
        return usage_error(args->command,
                           "--at takes a pixel as X,Y in whole numbers, such as 120,80, not '%s'",
                           text);
    *x = (size_t)at[0];
    *y = (size_t)at[1];
    return EXIT_DONE;
}

static json_t *peak_json(const char *image, const ec_heat_peak *peak) {
    return json_pack("{s:o, s:I, s:I, s:o, s:o}", "image", json_text(image), "x",
                     (json_int_t)peak->x, "y", (json_int_t)peak->y, "highest",
                     json_number(peak->highest), "lowest", json_number(peak->lowest));
}

static json_t *comparison_json(const char *encoder, const char *const *names,
                               const ec_heat_peak *peaks, size_t n) {
    json_t *targets = json_array();
    for (size_t i = 1; i < n; i++) json_array_append_new(targets, peak_json(names[i], &peaks[i]));
    return json_pack("{s:o, s:o, s:o}", "encoder", json_text(encoder), "source",
                     peak_json(names[0], &peaks[0]), "targets", targets);
}

typedef struct photos {
    ec_image *images;
    const char **names;
    size_t n;
} photos;

static int load_photos(photos *p, const arguments *args) {
    const option_value *targets = &args->values[O_TARGET];
    ec_error err;
    p->n = 1 + targets->n_all;
    p->images = allocate(p->n, sizeof *p->images);
    p->names = allocate(p->n, sizeof *p->names);
    for (size_t i = 0; i < p->n; i++) {
        p->names[i] = i == 0 ? args->values[O_SOURCE].text : targets->all[i - 1];
        if (ec_image_load(&p->images[i], p->names[i], &err) != EC_OK) return report_error(&err);
    }
    return EXIT_DONE;
}

static int compare(const request *q, const photos *p, size_t x, size_t y) {
    ec_show_figure *figures = allocate(q->n_rows, sizeof *figures);
    ec_heat_peak *peaks = allocate(p->n, sizeof *peaks);
    json_t *encoders = json_array();
    ec_error err;
    int status = EXIT_DONE;
    for (size_t i = 0; i < q->n_rows && status == EXIT_DONE; i++) {
        const ec_show_encoder *encoder = &q->rows[i].encoder;
        if (ec_show_compare(&figures[i], peaks, encoder, p->images, p->names, p->n, x, y,
                            &q->options, &err) != EC_OK)
            status = report_error(&err);
        else
            json_array_append_new(encoders, comparison_json(encoder->name, p->names, peaks, p->n));
    }
    char *title = printed("Similar to %zu, %zu of %s", x, y, file_name(p->names[0]));
    if (status == EXIT_DONE) status = save(q, title, figures, q->n_rows);
    if (status == EXIT_DONE && q->args->values[O_JSON].given)
        json_print(json_pack("{s:o, s:o, s:[I, I], s:O}", "out", json_text(q->out), "source",
                             json_text(p->names[0]), "at", (json_int_t)x, (json_int_t)y, "encoders",
                             encoders));
    else if (status == EXIT_DONE)
        puts(q->out);
    json_decref(encoders);
    free(title);
    free(peaks);
    release_figures(figures, q->n_rows);
    return status;
}

static int show_point(request *q) {
    size_t x = 0, y = 0;
    photos p = {0};
    int status = parse_point(&x, &y, q->args);
    if (status == EXIT_DONE) status = load_photos(&p, q->args);
    if (status == EXIT_DONE && (x >= p.images[0].width || y >= p.images[0].height))
        status = usage_error(q->args->command,
                             "--at %zu,%zu is not on %s, which is %zu x %zu pixels: X goes from 0 "
                             "to %zu, Y from 0 to %zu",
                             x, y, p.names[0], p.images[0].width, p.images[0].height,
                             p.images[0].width - 1, p.images[0].height - 1);
    char *what =
        status == EXIT_DONE ? printed("point-%s-%zu-%zu", file_name(p.names[0]), x, y) : NULL;
    if (status == EXIT_DONE) status = choose_output(q, what);
    if (status == EXIT_DONE) status = compare(q, &p, x, y);
    free(what);
    for (size_t i = 0; i < p.n; i++) ec_image_release(&p.images[i]);
    free(p.images);
    free(p.names);
    return status;
}

/* ---- a pair ---- */

static const char *pair_name(const void *set, size_t i) {
    return ((const ec_keypoint_set *)set)->pairs[i].id;
}

/* By its whole name, or by a beginning that no other pair has. */
static int find_pair(size_t *out, const ec_keypoint_set *set, const char *typed) {
    size_t n_begin = 0;
    for (size_t i = 0; i < set->n_pairs; i++) {
        if (strncmp(set->pairs[i].id, typed, strlen(typed)) != 0) continue;
        *out = i;
        n_begin++;
        if (strcmp(set->pairs[i].id, typed) == 0) return EXIT_DONE;
    }
    if (n_begin == 1) return EXIT_DONE;
    if (n_begin > 1) {
        note("%zu pairs begin with '%s', the last of them '%s'; give more of the name", n_begin,
             typed, set->pairs[*out].id);
    } else {
        note("there is no pair '%s' among %zu, from '%s' to '%s'%s", typed, set->n_pairs,
             set->pairs[0].id, set->pairs[set->n_pairs - 1].id,
             did_you_mean("", typed, pair_name, set, set->n_pairs));
    }
    return EXIT_DATA;
}

static json_t *point_json(int id, const ec_show_point *p, bool predicted) {
    json_t *object = json_pack("{s:i, s:[f, f], s:[f, f]}", "id", id, "source", p->source[0],
                               p->source[1], "target", p->target[0], p->target[1]);
    if (!predicted) return object;
    json_object_set_new(object, "predicted", json_pack("[f, f]", p->predicted[0], p->predicted[1]));
    json_object_set_new(
        object, "error",
        json_number(hypot(p->predicted[0] - p->target[0], p->predicted[1] - p->target[1])));
    json_object_set_new(object, "right", json_boolean(p->right));
    return object;
}

static json_t *judgement_json(const char *encoder, const ec_keypoint_pair *pair,
                              const ec_show_point *points) {
    json_t *array = json_array();
    size_t n_right = 0;
    for (size_t i = 0; i < pair->n_points; i++) {
        n_right += points[i].right;
        json_array_append_new(array, point_json(pair->ids[i], &points[i], encoder != NULL));
    }
    return json_pack(
        "{s:o, s:o, s:o}", "encoder", encoder != NULL ? json_text(encoder) : json_null(), "right",
        encoder != NULL ? json_integer((json_int_t)n_right) : json_null(), "points", array);
}

static int judge(const request *q, const ec_keypoint_set *set, size_t pair) {
    const option_value *v = q->args->values;
    const ec_keypoint_pair *which = &set->pairs[pair];
    const ec_show_protocol protocol = {.protocol = (ec_c_protocol)v[O_PROTOCOL].choice,
                                       .readout = v[O_READOUT].choice};
    const size_t n = q->n_rows > 0 ? q->n_rows : 1; /* without an encoder: the annotation */
    ec_show_figure *figures = allocate(n, sizeof *figures);
    ec_show_point *points = allocate(which->n_points + 1, sizeof *points);
    json_t *encoders = json_array();
    ec_error err;
    int status = EXIT_DONE;
    for (size_t i = 0; i < n && status == EXIT_DONE; i++) {
        const ec_show_encoder *encoder = q->n_rows > 0 ? &q->rows[i].encoder : NULL;
        if (ec_show_keypoints(&figures[i], points, encoder, set, pair, protocol, &q->options,
                              &err) != EC_OK)
            status = report_error(&err);
        else
            json_array_append_new(
                encoders, judgement_json(encoder != NULL ? encoder->name : NULL, which, points));
    }
    char *title = printed("Pair %s", which->id);
    if (status == EXIT_DONE) status = save(q, title, figures, n);
    if (status == EXIT_DONE && v[O_JSON].given)
        json_print(json_pack("{s:o, s:o, s:s, s:s, s:O}", "out", json_text(q->out), "pair",
                             json_text(which->id), "protocol", v[O_PROTOCOL].text, "readout",
                             v[O_READOUT].text, "encoders", encoders));
    else if (status == EXIT_DONE)
        puts(q->out);
    json_decref(encoders);
    free(title);
    free(points);
    release_figures(figures, n);
    return status;
}

static int show_pair(request *q) {
    const option_value *v = q->args->values;
    const char *path = v[O_KEYPOINTS].text, *split = v[O_SPLIT].text;
    if (path == NULL && q->study != NULL) {
        const ec_score_settings settings = ec_study_score_settings(q->study);
        path = settings.keypoints;
        if (split == NULL) split = settings.split;
    }
    if (path == NULL)
        return usage_error(q->args->command,
                           "--pair of which keypoints? give --keypoints SET, or declare "
                           "data: keypoints in study.yaml");
    ec_keypoint_set set = {0};
    ec_error err;
    size_t pair = 0;
    int status =
        ec_keypoint_set_load(&set, path, split, &err) == EC_OK ? EXIT_DONE : report_error(&err);
    if (status == EXIT_DONE) status = find_pair(&pair, &set, v[O_PAIR].text);
    char *what =
        status == EXIT_DONE ? printed("pair-%s-%s", set.pairs[pair].id, v[O_PROTOCOL].text) : NULL;
    if (status == EXIT_DONE) status = choose_output(q, what);
    if (status == EXIT_DONE) status = judge(q, &set, pair);
    free(what);
    ec_keypoint_set_release(&set);
    return status;
}

/* ---- the command ---- */

/* What belongs to the one kind of picture and is given with the other. */
static int check_mode(const arguments *args) {
    static const size_t of_point[] = {O_SOURCE, O_AT, O_TARGET, O_PREPARE, O_HEAT, O_DOT};
    static const size_t of_pair[] = {O_KEYPOINTS, O_SPLIT, O_PROTOCOL, O_READOUT};
    const option_value *v = args->values;
    const bool pair = v[O_PAIR].given;
    if (!pair && !v[O_SOURCE].given)
        return usage_error(args->command, "show what? give --source IMAGE and --at X,Y, or --pair "
                                          "ID of a keypoint set");
    if (!pair && !v[O_AT].given)
        return usage_error(args->command, "which point of %s? give --at X,Y", v[O_SOURCE].text);
    const size_t *wrong = pair ? of_point : of_pair;
    const size_t n = pair ? sizeof of_point / sizeof *of_point : sizeof of_pair / sizeof *of_pair;
    for (size_t i = 0; i < n; i++)
        if (v[wrong[i]].given)
            return usage_error(args->command, "--%s does not go with --%s", OPTIONS[wrong[i]].name,
                               pair ? "pair" : "source");
    return EXIT_DONE;
}

static int run(const arguments *args) {
    const option_value *v = args->values;
    request q = {.args = args,
                 .options = {.height = (size_t)v[O_HEIGHT].count,
                             .heat = (ec_heat)v[O_HEAT].choice,
                             .dot = DOTS[v[O_DOT].choice].colour}};
    ec_error err;
    int status = check_mode(args);
    if (status == EXIT_DONE && v[O_STUDY].given &&
        ec_study_open(&q.study, v[O_STUDY].text, &err) != EC_OK)
        status = report_error(&err);
    if (status == EXIT_DONE) status = add_rows(&q);
    if (status == EXIT_DONE) status = v[O_PAIR].given ? show_pair(&q) : show_point(&q);
    for (size_t i = 0; i < q.n_rows; i++) {
        free(q.rows[i].sources);
    }
    free(q.rows);
    ec_ctx_free(q.ctx);
    free(q.out);
    ec_study_close(q.study);
    return status;
}

const command CMD_SHOW = {
    .name = "show",
    .purpose = "pictures of what encoders take for the same",
    .about =
        "With --source: a point of the source image, and how similar every pixel of the source "
        "and of each target is to it, as a translucent heat map scaled from the lowest cosine to "
        "the highest. The dot in a target is where the cosine is highest. Features between the "
        "centres of patches are interpolated. The picture has one row an encoder.\n"
        "With --pair: all keypoints of a pair. A line goes from each point of the source to where "
        "the encoder finds it in the target: blue if that is nearer than .10 of the longer side "
        "of the target's box to where it should be (the ring), else orange-red and in dashes. "
        "Without an encoder, the "
        "annotation alone.\n"
        "With --study the picture is kept in the folder pictures of the study, where report finds "
        "it.",
    .options = OPTIONS,
    .operands = OPERANDS,
    .examples = EXAMPLES,
    .run = run,
    .computes = true,
};
