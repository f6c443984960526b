/* vit_names.c - what the tensors of a vision transformer are called, by those who save them
 *
 *     module.visual.   transformer.resblocks.3.   attn.in_proj_   weight
 *     wrappers         block 3 of a naming        qkv
 *
 * One table for all families; a new naming is a row. Which row a file follows, and what stands
 * before its names, is found by four tensors that every such file has: the position table, the
 * projection of patches (a text tower of the same naming has none), and of the first block the
 * query (or the fused matrix) and the first matrix of the MLP.
 */
#include <stdio.h>
#include <string.h>

#include "encoders/vit/vit.h"

#define FAMILY(family) (1u << (family))

static const vit_naming namings[] = {
    {.name = "Hugging Face transformers",
     .usual = true,
     .families = FAMILY(VIT_CLIP) | FAMILY(VIT_SIGLIP),
     .class_token = "embeddings.class_embedding",
     .position = "embeddings.position_embedding.weight",
     .patch = "embeddings.patch_embedding",
     .pre_norm = "pre_layrnorm",
     .block = {"encoder.layers.%zu."},
     .norm1 = "layer_norm1",
     .query = "self_attn.q_proj",
     .key = "self_attn.k_proj",
     .value = "self_attn.v_proj",
     .proj = "self_attn.out_proj",
     .norm2 = "layer_norm2",
     .fc1 = "mlp.fc1",
     .fc2 = "mlp.fc2",
     .companions = {"embeddings.position_ids", "post_layernorm.", "head."}},
    {.name = "Hugging Face transformers",
     .usual = true,
     .families = FAMILY(VIT_DINOV2),
     .class_token = "embeddings.cls_token",
     .position = "embeddings.position_embeddings",
     .registers = "embeddings.register_tokens",
     .patch = "embeddings.patch_embeddings.projection",
     .block = {"encoder.layer.%zu."},
     .norm1 = "norm1",
     .query = "attention.attention.query",
     .key = "attention.attention.key",
     .value = "attention.attention.value",
     .proj = "attention.output.dense",
     .scale1 = "layer_scale1.lambda1",
     .norm2 = "norm2",
     .fc1 = "mlp.fc1",
     .fc2 = "mlp.fc2",
     .fc1_swiglu = "mlp.weights_in",
     .fc2_swiglu = "mlp.weights_out",
     .scale2 = "layer_scale2.lambda1",
     .companions = {"embeddings.mask_token", "layernorm."}},
    {.name = "Hugging Face transformers",
     .usual = true,
     .families = FAMILY(VIT_PLAIN),
     .class_token = "embeddings.cls_token",
     .position = "embeddings.position_embeddings",
     .patch = "embeddings.patch_embeddings.projection",
     .block = {"encoder.layer.%zu."},
     .norm1 = "layernorm_before",
     .query = "attention.attention.query",
     .key = "attention.attention.key",
     .value = "attention.attention.value",
     .proj = "attention.output.dense",
     .norm2 = "layernorm_after",
     .fc1 = "intermediate.dense",
     .fc2 = "output.dense",
     .companions = {"embeddings.mask_token", "layernorm.", "pooler."}},
    /* In memory, as torch.save(model.state_dict()) and save_original_format=False write them. */
    {.name = "Hugging Face transformers 5",
     .families = FAMILY(VIT_DINOV2),
     .class_token = "embeddings.cls_token",
     .position = "embeddings.position_embeddings",
     .registers = "embeddings.register_tokens",
     .patch = "embeddings.patch_embeddings.projection",
     .block = {"encoder.layer.%zu.", "layer.%zu.", "layers.%zu."},
     .norm1 = "norm1",
     .query = "attention.q_proj",
     .key = "attention.k_proj",
     .value = "attention.v_proj",
     .proj = "attention.o_proj",
     .scale1 = "layer_scale1.lambda1",
     .norm2 = "norm2",
     .fc1 = "mlp.fc1",
     .fc2 = "mlp.fc2",
     .gate_swiglu = "mlp.gate_proj",
     .up_swiglu = "mlp.up_proj",
     .fc2_swiglu = "mlp.down_proj",
     .scale2 = "layer_scale2.lambda1",
     .companions = {"embeddings.mask_token", "layernorm."}},
    {.name = "Hugging Face transformers 5",
     .families = FAMILY(VIT_PLAIN),
     .class_token = "embeddings.cls_token",
     .position = "embeddings.position_embeddings",
     .patch = "embeddings.patch_embeddings.projection",
     .block = {"layers.%zu.", "layer.%zu.", "encoder.layers.%zu.", "encoder.layer.%zu."},
     .norm1 = "layernorm_before",
     .query = "attention.q_proj",
     .key = "attention.k_proj",
     .value = "attention.v_proj",
     .proj = "attention.o_proj",
     .norm2 = "layernorm_after",
     .fc1 = "mlp.fc1",
     .fc2 = "mlp.fc2",
     .companions = {"embeddings.mask_token", "layernorm.", "pooler."}},
    {.name = "OpenAI's CLIP and open_clip",
     .families = FAMILY(VIT_CLIP),
     .class_token = "class_embedding",
     .position = "positional_embedding",
     .patch = "conv1",
     .pre_norm = "ln_pre",
     .block = {"transformer.resblocks.%zu."},
     .norm1 = "ln_1",
     .qkv = "attn.in_proj_",
     .proj = "attn.out_proj",
     .scale1 = "ls_1.gamma",
     .norm2 = "ln_2",
     .fc1 = "mlp.c_fc",
     .fc2 = "mlp.c_proj",
     .scale2 = "ls_2.gamma",
     .may_be_transposed = true,
     .companions = {"ln_post.", "proj", "attn_pool.", "mask_token"}},
    {.name = "timm",
     .families = FAMILY(VIT_CLIP) | FAMILY(VIT_SIGLIP) | FAMILY(VIT_DINOV2) | FAMILY(VIT_PLAIN),
     .class_token = "cls_token",
     .position = "pos_embed",
     .registers = "reg_token",
     .patch = "patch_embed.proj",
     .pre_norm = "norm_pre",
     .block = {"blocks.%zu."},
     .norm1 = "norm1",
     .qkv = "attn.qkv.",
     .proj = "attn.proj",
     .scale1 = "ls1.gamma",
     .norm2 = "norm2",
     .fc1 = "mlp.fc1",
     .fc2 = "mlp.fc2",
     .fc1_swiglu = "mlp.fc1",
     .fc2_swiglu = "mlp.fc2",
     .scale2 = "ls2.gamma",
     .companions = {"norm.", "fc_norm.", "head.", "head_dist.", "attn_pool.", "mask_token",
                    "pre_logits."}},
    {.name = "facebookresearch/dinov2",
     .families = FAMILY(VIT_DINOV2),
     .class_token = "cls_token",
     .position = "pos_embed",
     .registers = "register_tokens",
     .patch = "patch_embed.proj",
     .block = {"blocks.%zu."},
     .norm1 = "norm1",
     .qkv = "attn.qkv.",
     .proj = "attn.proj",
     .scale1 = "ls1.gamma",
     .norm2 = "norm2",
     .fc1 = "mlp.fc1",
     .fc2 = "mlp.fc2",
     .fc1_swiglu = "mlp.w12",
     .fc2_swiglu = "mlp.w3",
     .scale2 = "ls2.gamma",
     .companions = {"norm.", "mask_token", "head.", "linear_head."}},
};
enum { N_NAMINGS = sizeof namings / sizeof *namings };

/* What a model is wrapped in when it is saved; any number of them, one after the other. */
static const char *const wrappers[] = {"module.",
                                       "model.",
                                       "vision_tower.",
                                       "vision_model.",
                                       "visual.",
                                       "trunk.",
                                       "backbone.",
                                       "teacher.",
                                       "student.",
                                       "vision_encoder.",
                                       "image_encoder.",
                                       "encoder.",
                                       "vit.",
                                       "dinov2.",
                                       "clip.",
                                       "siglip.",
                                       "dinov2_with_registers.",
                                       "_orig_mod.",
                                       "base_model.",
                                       "state_dict.",
                                       "net.",
                                       "vision.",
                                       "vision_backbone."};

/* Whole towers and heads beside the vision tower, also inside of wrappers. */
static const char *const beside[] = {
    "text_model.", "visual_projection.", "text_projection",    "logit_scale",
    "logit_bias",  "classifier.",        "vision_model.head.", "fc."};

/* Names that say what a file is which has no vision transformer known here. */
static const struct {
    const char *marker, *what;
} others[] = {
    {"lora_A", "a LoRA adapter: merge it into its model first"},
    {"rel_pos_h", "SAM, whose attention is another"},
    {"down_blocks.", "a diffusion model's"},
    {"stages.", "ConvNeXt, Swin or their like, which are no plain vision transformers"},
    {"layer1.0.", "a ResNet"},
    {"q_norm.", "a vision transformer with normalised queries and keys"},
    {"embed_tokens", "a language model"},
    {"wte.", "a language model"},
};

/* ---- parts of names ---- */

static bool starts_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

/* What follows the wrappers that the text begins with. */
static const char *unwrapped(const char *text) {
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
        if (starts_with(text, wrappers[i])) {
            text += strlen(wrappers[i]);
            i = (size_t)-1;
        }
    return text;
}

/* The length of what stands before `end` in a name: wrappers alone. False: it does not end so. */
static bool prefix_before(size_t *length, const char *name, const char *end) {
    const size_t n = strlen(name), m = strlen(end);
    if (n < m || n - m >= EC_MAX_TENSOR_NAME || strcmp(name + n - m, end) != 0) return false;
    char front[EC_MAX_TENSOR_NAME];
    memcpy(front, name, n - m);
    front[n - m] = '\0';
    *length = n - m;
    return *unwrapped(front) == '\0';
}

bool vit_is_beside(const char *tensor) {
    const char *rest = unwrapped(tensor);
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++)
        if (starts_with(rest, beside[i]) || starts_with(tensor, beside[i])) return true;
    return false;
}

/* ---- which naming ---- */

enum { N_TELLING = VIT_N_TELLING }; /* position, patch, query or qkv, fc1 */

void vit_block_prefix(char out[64], const char *format, size_t i) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the format is one of the literals above */
    snprintf(out, 64, format, i);
#pragma GCC diagnostic pop
}

/* The names of a row by which a file is told; "" where it has none. */
static void list_telling(char out[N_TELLING][EC_MAX_TENSOR_NAME], const vit_naming *n,
                         const char *block, bool swiglu) {
    char first[64];
    vit_block_prefix(first, block, 0);
    const char *fc1 = !swiglu ? n->fc1 : n->fc1_swiglu != NULL ? n->fc1_swiglu : n->gate_swiglu;
    snprintf(out[0], EC_MAX_TENSOR_NAME, "%s", n->position);
    snprintf(out[1], EC_MAX_TENSOR_NAME, "%s.weight", n->patch);
    snprintf(out[2], EC_MAX_TENSOR_NAME, "%s%s%sweight", first, n->qkv != NULL ? n->qkv : n->query,
             n->qkv != NULL ? "" : ".");
    out[3][0] = '\0';
    if (fc1 != NULL) snprintf(out[3], EC_MAX_TENSOR_NAME, "%s%s.weight", first, fc1);
}

/* How many of the telling names the file has behind this prefix. */
static int count_hits(const ec_weights *files, const char *prefix, size_t prefix_length,
                      char telling[N_TELLING][EC_MAX_TENSOR_NAME]) {
    int hits = 0;
    for (int k = 0; k < N_TELLING; k++) {
        char full[2 * EC_MAX_TENSOR_NAME];
        if (telling[k][0] == '\0') continue;
        snprintf(full, sizeof full, "%.*s%s", (int)prefix_length, prefix, telling[k]);
        hits += ec_weights_find(files, full) != NULL;
    }
    return hits;
}

/* Of two towers of one naming, which is meant: the teacher of a training by distillation. */
static bool is_better(const char *prefix, const char *than) {
    return strstr(prefix, "teacher.") != NULL && strstr(than, "teacher.") == NULL;
}

/* The best prefix for one row; `hits` is what is to be exceeded, and then how many it has. */
static void try_row(vit_found *best, int *hits, const vit_naming *n, const char *block, bool swiglu,
                    const ec_weights *files) {
    char telling[N_TELLING][EC_MAX_TENSOR_NAME];
    list_telling(telling, n, block, swiglu);
    for (size_t i = 0; i < ec_weights_count(files); i++) {
        const char *name = ec_weights_name(files, i);
        for (int k = 0; k < N_TELLING; k++) {
            size_t length;
            if (telling[k][0] == '\0' || !prefix_before(&length, name, telling[k])) continue;
            char prefix[EC_MAX_TENSOR_NAME];
            snprintf(prefix, sizeof prefix, "%.*s", (int)length, name);
            const int found = count_hits(files, prefix, length, telling);
            const bool same_row = best->naming == n && best->block == block;
            if (found < *hits || (found == *hits && !same_row)) continue;
            if (found == *hits && strcmp(prefix, best->prefix) != 0) {
                if (is_better(best->prefix, prefix)) continue;
                if (!is_better(prefix, best->prefix)) {
                    snprintf(best->other_prefix, sizeof best->other_prefix, "%s", prefix);
                    continue;
                }
            }
            if (found > *hits || is_better(prefix, best->prefix)) best->other_prefix[0] = '\0';
            *hits = found;
            best->naming = n;
            best->block = block;
            memcpy(best->prefix, prefix, sizeof prefix);
        }
    }
}

static void find_best(vit_found *best, int *hits, unsigned families, bool swiglu,
                      const ec_weights *files) {
    *best = (vit_found){0};
    *hits = 0;
    for (size_t i = 0; i < N_NAMINGS; i++) {
        if ((namings[i].families & families) == 0) continue;
        for (size_t k = 0; k < VIT_MAX_BLOCK_NAMES && namings[i].block[k] != NULL; k++)
            try_row(best, hits, &namings[i], namings[i].block[k], swiglu, files);
    }
    best->hits = *hits;
}

/* ---- where none fits ---- */

/* The first, the middle and the last. */
void vit_list_names(char *out, size_t size, const ec_weights *files) {
    const size_t n = ec_weights_count(files), at[3] = {0, n / 2, n > 0 ? n - 1 : 0};
    size_t length = 0;
    out[0] = '\0';
    for (size_t k = 0; k < 3 && length < size; k++) {
        if (n == 0 || (k > 0 && at[k] == at[k - 1])) continue;
        length += (size_t)snprintf(out + length, size - length, "%s'%.80s'", k == 0 ? "" : ", ",
                                   ec_weights_name(files, at[k]));
    }
}

static const char *what_else(const ec_weights *files) {
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        for (size_t i = 0; i < ec_weights_count(files); i++)
            if (strstr(ec_weights_name(files, i), others[k].marker) != NULL) return others[k].what;
    return NULL;
}

static ec_status refuse(const ec_weights *files, vit_family family, bool swiglu, ec_error *err) {
    char names[300], like[160] = "";
    vit_found other;
    int hits, hits_swiglu;
    vit_found other_swiglu;
    find_best(&other, &hits, ~0u, false, files);
    find_best(&other_swiglu, &hits_swiglu, ~0u, true, files);
    if (hits_swiglu > hits) other = other_swiglu;
    vit_list_names(names, sizeof names, files);
    const char *what = what_else(files);
    if (other.naming != NULL)
        snprintf(like, sizeof like, "; they look like those of %s%s", other.naming->name,
                 (other.naming->families & FAMILY(family)) == 0 ? ", for another family"
                 : swiglu                                       ? ", with an MLP without SwiGLU"
                                                                : ", with SwiGLU in the MLP");
    else if (what != NULL)
        snprintf(like, sizeof like, "; they look like those of %s", what);
    return ec_fail(err, EC_ERR_FORMAT,
                   "none of the %zu tensors has a name of a vision tower of family %s, as "
                   "transformers, timm%s save it; there are %s%s",
                   ec_weights_count(files), vit_family_name(family),
                   family == VIT_CLIP     ? " and open_clip"
                   : family == VIT_DINOV2 ? " and facebookresearch/dinov2"
                                          : "",
                   names[0] != '\0' ? names : "no names at all", like);
}

ec_status vit_naming_find(vit_found *out, vit_family family, bool swiglu, const ec_weights *files,
                          ec_error *err) {
    int hits;
    find_best(out, &hits, FAMILY(family), swiglu, files);
    if (hits == 0) return refuse(files, family, swiglu, err);
    if (out->other_prefix[0] != '\0')
        return ec_fail(err, EC_ERR_FORMAT,
                       "two vision towers, '%.100s…' and '%.100s…'; expected one: give a file that "
                       "has one of them",
                       out->prefix, out->other_prefix);
    return EC_OK;
}

bool vit_naming_any(vit_found *out, const ec_weights *files) {
    int hits;
    find_best(out, &hits, ~0u, false, files);
    if (hits < N_TELLING) find_best(out, &hits, ~0u, true, files);
    return hits == N_TELLING;
}
