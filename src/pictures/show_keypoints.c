/* show_keypoints.c - a pair of a keypoint set with what an encoder makes of it
 *
 * The pair is taken out into a set of its own, with one category, and goes the way that the C score
 * goes (matching.h, correspondence.h): what is drawn is what is counted.
 */
#include <math.h>
#include <stdlib.h>

#include "eyechart/matching.h"
#include "pictures/figure.h"

enum { ALPHA = 0 }; /* ec_c_alpha(0) is .10 */

/* One pair as a set. Borrows from the set it is taken from. */
typedef struct single {
    ec_keypoint_set set;
    ec_keypoint_image images[2];
    ec_keypoint_pair pair;
    ec_keypoint_category category;
    size_t image_index[2], pair_index[1];
} single;

static void take_out(single *out, const ec_keypoint_set *set, size_t pair) {
    const ec_keypoint_pair *from = &set->pairs[pair];
    const size_t n_images = from->source == from->target ? 1 : 2;
    *out = (single){.images = {set->images[from->source], set->images[from->target]},
                    .pair = *from,
                    .image_index = {0, 1},
                    .category = set->categories[from->category]};
    out->pair.source = 0;
    out->pair.target = n_images - 1;
    out->pair.category = 0;
    out->category.n_images = n_images;
    out->category.n_pairs = 1;
    out->category.n_points = from->n_points;
    out->category.images = out->image_index;
    out->category.pairs = out->pair_index;
    out->set = (ec_keypoint_set){.images = out->images,
                                 .pairs = &out->pair,
                                 .categories = &out->category,
                                 .n_images = n_images,
                                 .n_pairs = 1,
                                 .n_categories = 1,
                                 .n_empty_pairs = from->n_points == 0};
}

/* ---- predictions ---- */

typedef struct judgement {
    const ec_show_encoder *encoder;
    ec_show_protocol protocol;
    const single *one;
    const ec_image *images;
    ec_correspondence *work;
    ec_similarity *members; /* [n_sources] */
    ec_text views;
} judgement;

static ec_status run_source(judgement *j, size_t k, ec_error *err) {
    ec_feature_source source = j->encoder->sources[k];
    source.prepare = ec_matching_prepare(j->protocol.protocol);
    source.has_tokens = false;
    source.exif_transpose = false; /* keypoints are in the picture as it lies */
    ec_extractor *extractor;
    ec_status status = ec_extractor_open(&extractor, &source, &j->encoder->options, err);
    if (status != EC_OK) return status;
    const ec_extractor_info info = ec_extractor_describe(extractor);
    if (k > 0) ec_text_add(&j->views, "; ");
    if (j->encoder->n_sources > 1) ec_text_format(&j->views, "%s: ", file_name(source.folder));
    figure_add_view(&j->views, &info, source.prepare, info.tap.layer);
    status = ec_matching_rows(&j->members[k], j->work, extractor, source.folder,
                              j->protocol.protocol, &j->one->set, 0, j->images, NULL, err);
    ec_extractor_close(extractor);
    return status;
}

static double error_of(const ec_show_point *p) {
    return hypot(p->predicted[0] - p->target[0], p->predicted[1] - p->target[1]);
}

/* Predictions come in the frame of 840 under the authors' protocol, else in pixels; they are drawn
 * in pixels, and right or wrong as the C score counts them. */
static void place_points(ec_show_point *points, const judgement *j,
                         const ec_point_prediction *predictions) {
    const ec_keypoint_pair *pair = &j->one->pair;
    const ec_keypoint_image *target = &j->one->images[pair->target];
    ec_c_frame frame = {.scale_x = 1.0, .scale_y = 1.0};
    if (j->protocol.protocol == EC_C_AUTHORS)
        frame = ec_c_frame_authors(target->width, target->height);
    for (size_t i = 0; i < pair->n_points; i++) {
        ec_show_point *p = &points[i];
        const double *at = predictions[i].at[j->protocol.readout];
        const ec_point_truth truth = ec_point_truth_of(pair, i, j->protocol.protocol, &frame);
        p->predicted[0] = (at[0] - frame.offset_x) / frame.scale_x;
        p->predicted[1] = (at[1] - frame.offset_y) / frame.scale_y;
        p->right = ec_point_is_right(at, &truth, ALPHA);
    }
}

/* Fills in what the encoder predicts, and how it looked, into `views`. */
static ec_status predict(ec_show_point *points, ec_text *views, const ec_show_encoder *encoder,
                         ec_show_protocol protocol, const single *one, const ec_image *images,
                         ec_error *err) {
    const size_t n = encoder->n_sources;
    judgement j = {.encoder = encoder, .protocol = protocol, .one = one, .images = images};
    ec_point_prediction *predictions = calloc(one->pair.n_points + 1, sizeof *predictions);
    j.members = calloc(n, sizeof *j.members);
    ec_status status = predictions == NULL || j.members == NULL
                           ? ec_fail(err, EC_ERR_NOMEM, "out of memory for a comparison")
                           : ec_correspondence_new(&j.work, encoder->options.ctx, err);
    for (size_t k = 0; k < n && status == EC_OK; k++) status = run_source(&j, k, err);
    const uint32_t all = (uint32_t)((UINT64_C(1) << n) - 1);
    if (status == EC_OK)
        status = ec_correspondence_judge(
            NULL, predictions, j.work, &one->set, 0, protocol.protocol,
            &(ec_c_combinations){
                .members = j.members, .n_members = n, .subsets = &all, .n_subsets = 1},
            err);
    if (status == EC_OK) place_points(points, &j, predictions);
    for (size_t k = 0; j.members != NULL && k < n; k++) ec_matching_rows_release(&j.members[k]);
    ec_correspondence_free(j.work);
    free(j.members);
    free(predictions);
    *views = j.views;
    return status;
}

/* ---- the figure ---- */

static ec_status write_words(ec_show_figure *f, const single *one, const ec_show_point *points,
                             const ec_show_encoder *encoder, ec_show_protocol protocol,
                             const char *views, ec_error *err) {
    const ec_keypoint_pair *pair = &one->pair;
    ec_text caption = {0};
    size_t n_right = 0;
    for (size_t i = 0; i < pair->n_points; i++) n_right += points[i].right;
    ec_text_format(&caption, "%s to %s: ", one->images[pair->source].name,
                   one->images[pair->target].name);
    if (encoder == NULL)
        ec_text_format(&caption, "%zu annotated points.", pair->n_points);
    else
        ec_text_format(&caption,
                       "%zu of %zu points are nearer than %.1f pixels, .10 of the box. Protocol "
                       "%s, %s; %s.",
                       n_right, pair->n_points, ec_c_alpha(ALPHA) * ec_pair_box(pair),
                       ec_c_protocol_name(protocol.protocol), ec_c_readout_name(protocol.readout),
                       views);
    return figure_words(f, encoder != NULL ? encoder->name : "annotation", &caption, err);
}

static ec_status write_row(ec_show_figure *f, size_t row, int id, const ec_show_point *p,
                           ec_error *err) {
    ec_status status = figure_cell(f, row, 0, err, "%d", id);
    if (status == EC_OK)
        status = figure_cell(f, row, 1, err, "%.0f, %.0f", p->source[0], p->source[1]);
    if (status == EC_OK)
        status = figure_cell(f, row, 2, err, "%.0f, %.0f", p->target[0], p->target[1]);
    if (status != EC_OK || f->n_columns < 6) return status;
    status = figure_cell(f, row, 3, err, "%.1f, %.1f", p->predicted[0], p->predicted[1]);
    if (status == EC_OK) status = figure_cell(f, row, 4, err, "%.1f", error_of(p));
    if (status == EC_OK) status = figure_cell(f, row, 5, err, "%s", p->right ? "right" : "wrong");
    return status;
}

static ec_status write_table(ec_show_figure *f, const ec_keypoint_pair *pair,
                             const ec_show_point *points, bool predicted, ec_error *err) {
    static const char *const header[] = {"point",     "in the source",   "in the target",
                                         "predicted", "error in pixels", ""};
    ec_status status = figure_table(f, pair->n_points + 1, header, predicted ? 6 : 3, err);
    for (size_t i = 0; i < pair->n_points && status == EC_OK; i++)
        status = write_row(f, i + 1, pair->ids[i], &points[i], err);
    return status;
}

static ec_status draw(ec_image *out, const single *one, const ec_image *images,
                      const ec_show_point *points, const ec_show_options *options, ec_error *err) {
    const ec_keypoint_pair *pair = &one->pair;
    ec_text labels[2] = {0};
    const size_t which[2] = {pair->source, pair->target};
    ec_show_panel panels[2];
    for (size_t i = 0; i < 2; i++) {
        ec_text_format(&labels[i], "%s%s", one->images[which[i]].name, i == 0 ? " (source)" : "");
        panels[i] = (ec_show_panel){.label = labels[i].failed ? "" : labels[i].data,
                                    .image = &images[which[i]]};
    }
    const ec_status status = ec_show_pair(out, &panels[0], &panels[1], points, pair->n_points,
                                          pair->target_box, options, err);
    ec_text_release(&labels[0]);
    ec_text_release(&labels[1]);
    return status;
}

/* Everything about a pair whose images are there. */
static ec_status make_figure(ec_show_figure *out, ec_show_point *points,
                             const ec_show_encoder *encoder, const single *one,
                             const ec_image *images, ec_show_protocol protocol,
                             const ec_show_options *options, ec_error *err) {
    const ec_keypoint_pair *pair = &one->pair;
    ec_text views = {0};
    for (size_t i = 0; i < pair->n_points; i++)
        points[i] = (ec_show_point){
            .source = {pair->source_points[i][0], pair->source_points[i][1]},
            .target = {pair->target_points[i][0], pair->target_points[i][1]},
            .predicted = {NAN, NAN},
        };
    ec_status status =
        encoder != NULL ? predict(points, &views, encoder, protocol, one, images, err) : EC_OK;
    if (status == EC_OK) status = draw(&out->image, one, images, points, options, err);
    if (status == EC_OK)
        status = write_words(out, one, points, encoder, protocol,
                             views.data != NULL ? views.data : "", err);
    if (status == EC_OK) status = write_table(out, pair, points, encoder != NULL, err);
    ec_text_release(&views);
    return status;
}

ec_status ec_show_keypoints(ec_show_figure *out, ec_show_point *points,
                            const ec_show_encoder *encoder, const ec_keypoint_set *set, size_t pair,
                            ec_show_protocol protocol, const ec_show_options *options,
                            ec_error *err) {
    *out = (ec_show_figure){0};
    if (encoder != NULL && (encoder->n_sources == 0 || encoder->n_sources > EC_C_MAX_MEMBERS))
        return ec_fail(err, EC_ERR_ARG, "%s: %zu encoders as one; expected 1 to %d", encoder->name,
                       encoder->n_sources, EC_C_MAX_MEMBERS);
    single one;
    take_out(&one, set, pair);
    ec_image *images = NULL;
    ec_status status = ec_matching_images_load(&images, &one.set, 0, 0, err);
    ec_show_point *own = NULL;
    if (status == EC_OK && points == NULL) {
        points = own = calloc(one.pair.n_points + 1, sizeof *own);
        if (own == NULL) status = ec_fail(err, EC_ERR_NOMEM, "out of memory for a figure");
    }
    if (status == EC_OK)
        status = make_figure(out, points, encoder, &one, images, protocol, options, err);
    ec_matching_images_free(images, &one.set, 0);
    free(own);
    if (status != EC_OK) ec_show_figure_release(out);
    return status;
}
