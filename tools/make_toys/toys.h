/* toys.h - a whole study made from nothing, to see the machinery turn
 *
 * Encoders have random weights, photographs are drawings, connectors are made up, and nobody trains
 * anything: what comes out says nothing about any real model. It has the files of a real study, in
 * the formats of Hugging Face, LLaVA and docs/formats.md, and is the same every time.
 *
 *     weights/<encoder>/     config.json, preprocessor_config.json, model.safetensors
 *     connectors/<name>/     mm_projector.safetensors
 *     images/                PNG
 *     keypoints.json         pairs of drawings of the same thing, with the points that correspond
 *     colours.jsonl, shapes.jsonl    images and prompts of two made-up benchmarks
 *     train.sh, evaluate.sh  what a user's training and evaluation scripts would be
 *     study.yaml
 *
 * Every function writes below `folder` and returns EC_OK or the status of what failed.
 */
#ifndef EC_MAKE_TOYS_H
#define EC_MAKE_TOYS_H

#include <stdbool.h>

#include "base/text.h"
#include "eyechart/status.h"

/* Random streams: whatever is added later leaves the others as they are. */
enum { SEED = 20240829, STREAM_WEIGHTS = 1000, STREAM_CONNECTORS = 2000, STREAM_PICTURES = 3000 };

ec_status toys_make_encoders(const char *folder, ec_error *err);
ec_status toys_make_connectors(const char *folder, ec_error *err);
ec_status toys_make_pictures(const char *folder, ec_error *err); /* with keypoints and lists */
ec_status toys_make_study(const char *folder, ec_error *err);

/* ---- encoders and the candidates made of them ----------------------------------------------- */

enum { N_ENCODERS = 4, MAX_MEMBERS = 3 };
typedef struct toy_encoder {
    const char *folder; /* weights/<folder> */
    const char *family; /* model_type of config.json */
    unsigned image_size, patch, width, mlp, blocks, heads;
    double position, mixing; /* size of the position embeddings, and of what a block adds */
    unsigned stream;         /* the same weights, but for positions, as others of this stream */
} toy_encoder;
extern const toy_encoder TOY_ENCODERS[N_ENCODERS];

typedef struct toy_candidate {
    const char *name;
    unsigned n_members, members[MAX_MEMBERS]; /* indices of encoders, side by side */
    double colours, shapes;                   /* what evaluate.sh prints */
} toy_candidate;
enum { N_CANDIDATES = 8 };
extern const toy_candidate TOY_CANDIDATES[N_CANDIDATES];

/* ---- files ---------------------------------------------------------------------------------- */

ec_status toys_make_folder(const char *folder, const char *name, ec_error *err);
/* Writes and releases `text`. */
ec_status toys_write(const char *folder, const char *name, ec_text *text, bool executable,
                     ec_error *err);

#endif
