/* encoders.c - checkpoints and connectors with random weights
 *
 * A random encoder is a random projection of each patch, stirred by its blocks: the same colours
 * get nearby features. Small position embeddings and small blocks keep it so, large ones spoil it;
 * so the toys differ in C. The connectors share their last layer, and its bias gives embeddings of
 * different encoders something in common; what a connector sees of CLIP it treats as CLIP's own
 * does. So the toys differ in A.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "safetensors.h"

const toy_encoder TOY_ENCODERS[N_ENCODERS] = {
    {"toy-clip-64", "clip_vision_model", 64, 4, 48, 96, 3, 4, 0.5, 0.7, 1},
    {"toy-clip-80", "clip_vision_model", 80, 4, 48, 96, 3, 4, 0.5, 0.7, 1},
    {"toy-dinov2", "dinov2", 64, 4, 48, 96, 3, 4, 0.02, 0.15, 2},
    {"toy-siglip", "siglip_vision_model", 64, 4, 32, 64, 3, 2, 0.8, 0.9, 3},
};

static bool is(const toy_encoder *e, const char *family) {
    return strcmp(e->family, family) == 0;
}

/* ---- weights -------------------------------------------------------------------------------- */

typedef struct writer {
    toy_file file;
    const toy_encoder *encoder;
    char block[64]; /* prefix of the names */
} writer;

static void add(writer *w, const char *name, int n_dims, const size_t *shape, double mean,
                double deviation) {
    char full[160];
    snprintf(full, sizeof full, "%s%s", w->block, name);
    toys_add(&w->file, full, n_dims, shape, mean, deviation, STREAM_WEIGHTS + w->encoder->stream);
}

static void add_linear(writer *w, const char *name, size_t n_in, size_t n_out, double gain) {
    char full[96];
    snprintf(full, sizeof full, "%s.weight", name);
    add(w, full, 2, (const size_t[]){n_out, n_in}, 0.0, gain / sqrt((double)n_in));
    snprintf(full, sizeof full, "%s.bias", name);
    add(w, full, 1, &n_out, 0.0, 0.02);
}

static void add_norm(writer *w, const char *name, size_t width) {
    char full[96];
    snprintf(full, sizeof full, "%s.weight", name);
    add(w, full, 1, &width, 1.0, 0.05);
    snprintf(full, sizeof full, "%s.bias", name);
    add(w, full, 1, &width, 0.0, 0.02);
}

static void add_block(writer *w, unsigned i) {
    const toy_encoder *e = w->encoder;
    const size_t d = e->width;
    const bool dino = is(e, "dinov2");
    snprintf(w->block, sizeof w->block,
             dino ? "encoder.layer.%u." : "vision_model.encoder.layers.%u.", i);
    add_norm(w, dino ? "norm1" : "layer_norm1", d);
    add_linear(w, dino ? "attention.attention.query" : "self_attn.q_proj", d, d, 1.0);
    add_linear(w, dino ? "attention.attention.key" : "self_attn.k_proj", d, d, 1.0);
    add_linear(w, dino ? "attention.attention.value" : "self_attn.v_proj", d, d, 1.0);
    add_linear(w, dino ? "attention.output.dense" : "self_attn.out_proj", d, d, e->mixing);
    if (dino) add(w, "layer_scale1.lambda1", 1, &d, 1.0, 0.0);
    add_norm(w, dino ? "norm2" : "layer_norm2", d);
    add_linear(w, "mlp.fc1", d, e->mlp, 1.0);
    add_linear(w, "mlp.fc2", e->mlp, d, e->mixing);
    if (dino) add(w, "layer_scale2.lambda1", 1, &d, 1.0, 0.0);
    w->block[0] = '\0';
}

static void add_embeddings(writer *w) {
    const toy_encoder *e = w->encoder;
    const size_t d = e->width, p = e->patch, side = e->image_size / e->patch;
    const bool clip = is(e, "clip_vision_model"), dino = is(e, "dinov2");
    const size_t n_positions = side * side + (clip || dino), patch[4] = {d, 3, p, p};
    const double projection = 1.0 / sqrt(3.0 * (double)(p * p));
    if (dino) {
        add(w, "embeddings.cls_token", 3, (const size_t[]){1, 1, d}, 0.0, 0.5);
        add(w, "embeddings.position_embeddings", 3, (const size_t[]){1, n_positions, d}, 0.0,
            e->position);
        add(w, "embeddings.patch_embeddings.projection.weight", 4, patch, 0.0, projection);
        add(w, "embeddings.patch_embeddings.projection.bias", 1, &d, 0.0, 0.02);
        add(w, "embeddings.mask_token", 2, (const size_t[]){1, d}, 0.0, 0.0);
        return;
    }
    snprintf(w->block, sizeof w->block, "vision_model.");
    if (clip) add(w, "embeddings.class_embedding", 1, &d, 0.0, 0.5);
    add(w, "embeddings.position_embedding.weight", 2, (const size_t[]){n_positions, d}, 0.0,
        e->position);
    add(w, "embeddings.patch_embedding.weight", 4, patch, 0.0, projection);
    if (clip)
        add_norm(w, "pre_layrnorm", d);
    else
        add(w, "embeddings.patch_embedding.bias", 1, &d, 0.0, 0.02);
    w->block[0] = '\0';
}

/* The norm after the last block, which features of an earlier layer do not see. */
static void add_last_norm(writer *w) {
    add_norm(w, is(w->encoder, "dinov2") ? "layernorm" : "vision_model.post_layernorm",
             w->encoder->width);
}

/* ---- the JSON beside them ------------------------------------------------------------------- */

static void write_config(ec_text *out, const toy_encoder *e) {
    ec_text_format(out,
                   "{\n  \"_comment\": \"a toy with random weights\",\n"
                   "  \"model_type\": \"%s\",\n  \"image_size\": %u,\n  \"patch_size\": %u,\n"
                   "  \"hidden_size\": %u,\n  \"num_hidden_layers\": %u,\n"
                   "  \"num_attention_heads\": %u,\n",
                   e->family, e->image_size, e->patch, e->width, e->blocks, e->heads);
    if (is(e, "dinov2"))
        ec_text_format(out, "  \"mlp_ratio\": %u\n}\n", e->mlp / e->width);
    else
        ec_text_format(out, "  \"intermediate_size\": %u\n}\n", e->mlp);
}

/* As the families have them: CLIP and DINOv2 crop the middle, SigLIP squashes. */
static void write_preparation(ec_text *out, const toy_encoder *e) {
    const bool siglip = is(e, "siglip_vision_model");
    ec_text_format(out,
                   "{\n  \"image_processor_type\": \"%s\",\n  \"do_resize\": true,\n"
                   "  \"resample\": 3,\n  \"do_rescale\": true,\n"
                   "  \"rescale_factor\": 0.00392156862745098,\n  \"do_normalize\": true,\n",
                   siglip            ? "SiglipImageProcessor"
                   : is(e, "dinov2") ? "BitImageProcessor"
                                     : "CLIPImageProcessor");
    if (siglip)
        ec_text_format(out, "  \"size\": {\"height\": %u, \"width\": %u},\n", e->image_size,
                       e->image_size);
    else
        ec_text_format(out,
                       "  \"size\": {\"shortest_edge\": %u},\n  \"do_center_crop\": true,\n"
                       "  \"crop_size\": {\"height\": %u, \"width\": %u},\n",
                       e->image_size, e->image_size, e->image_size);
    ec_text_add(out,
                "  \"image_mean\": [0.5, 0.5, 0.5],\n  \"image_std\": [0.25, 0.25, 0.25]\n}\n");
}

static ec_status make_encoder(const char *folder, const toy_encoder *e, ec_error *err) {
    char name[128];
    snprintf(name, sizeof name, "weights/%s", e->folder);
    ec_status status = toys_make_folder(folder, name, err);
    ec_text config = {0}, preparation = {0};
    write_config(&config, e);
    write_preparation(&preparation, e);
    writer w = {.encoder = e};
    add_embeddings(&w);
    for (unsigned i = 0; i < e->blocks; i++) add_block(&w, i);
    add_last_norm(&w);
    snprintf(name, sizeof name, "weights/%s/config.json", e->folder);
    if (status == EC_OK) status = toys_write(folder, name, &config, false, err);
    snprintf(name, sizeof name, "weights/%s/preprocessor_config.json", e->folder);
    if (status == EC_OK) status = toys_write(folder, name, &preparation, false, err);
    snprintf(name, sizeof name, "weights/%s/model.safetensors", e->folder);
    return status == EC_OK ? toys_save(folder, name, &w.file, err) : status;
}

ec_status toys_make_encoders(const char *folder, ec_error *err) {
    ec_status status = toys_make_folder(folder, "weights", err);
    for (unsigned i = 0; status == EC_OK && i < N_ENCODERS; i++)
        status = make_encoder(folder, &TOY_ENCODERS[i], err);
    return status;
}

/* ---- connectors ----------------------------------------------------------------------------- */

enum { HIDDEN = 64, EMBEDDING = 96 }; /* EMBEDDING: the width of a language model, 4096 in LLaVA */

/* [HIDDEN][channels]: of each member what its own connector would do, side by side. */
static void first_layer(float *out, const toy_candidate *candidate, size_t channels) {
    size_t at = 0;
    for (unsigned m = 0; m < candidate->n_members; m++) {
        const toy_encoder *e = &TOY_ENCODERS[candidate->members[m]];
        float part[HIDDEN * 64];
        toys_draw(part, HIDDEN * e->width, "part", 0.0,
                  1.0 / sqrt((double)e->width * candidate->n_members),
                  STREAM_CONNECTORS + e->stream);
        for (size_t h = 0; h < HIDDEN; h++)
            for (size_t c = 0; c < e->width; c++)
                out[h * channels + at + c] = part[h * e->width + c];
        at += e->width;
    }
}

static ec_status make_connector(const char *folder, const toy_candidate *candidate, ec_error *err) {
    size_t channels = 0;
    for (unsigned m = 0; m < candidate->n_members; m++)
        channels += TOY_ENCODERS[candidate->members[m]].width;
    float *first = malloc(HIDDEN * channels * sizeof *first);
    if (first == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    first_layer(first, candidate, channels);
    toy_file file = {0};
    const size_t hidden = HIDDEN, embedding = EMBEDDING;
    toys_add_values(&file, "model.mm_projector.0.weight", 2, (const size_t[]){HIDDEN, channels},
                    first);
    toys_add(&file, "model.mm_projector.0.bias", 1, &hidden, 0.0, 0.1, STREAM_CONNECTORS);
    toys_add(&file, "model.mm_projector.2.weight", 2, (const size_t[]){EMBEDDING, HIDDEN}, 0.0,
             1.0 / sqrt(HIDDEN), STREAM_CONNECTORS);
    toys_add(&file, "model.mm_projector.2.bias", 1, &embedding, 0.0, 0.3, STREAM_CONNECTORS);
    free(first);
    char name[128];
    snprintf(name, sizeof name, "connectors/%s", candidate->name);
    const ec_status status = toys_make_folder(folder, name, err);
    snprintf(name, sizeof name, "connectors/%s/mm_projector.safetensors", candidate->name);
    return status == EC_OK ? toys_save(folder, name, &file, err) : status;
}

ec_status toys_make_connectors(const char *folder, ec_error *err) {
    ec_status status = toys_make_folder(folder, "connectors", err);
    for (unsigned i = 0; status == EC_OK && i < N_CANDIDATES; i++)
        status = make_connector(folder, &TOY_CANDIDATES[i], err);
    return status;
}
