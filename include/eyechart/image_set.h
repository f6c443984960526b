/* image_set.h - the images of a benchmark, and which of them a score looks at
 *
 * A set is read from what the user has:
 *
 *     a folder       its image files, by name
 *     .txt           a path a line
 *     .jsonl, .json  records with an image and, if known, a prompt: LLaVA's, lmms-eval's, ours
 *     .tsv           VLMEvalKit's tables
 *
 * Paths are relative to the file that names them, or to an image root. Images may be in the file
 * itself, as base64; memory does not grow with them. docs/formats.md lists the accepted keys.
 */
#ifndef EYECHART_IMAGE_SET_H
#define EYECHART_IMAGE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eyechart/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ec_image_item {
    char *path;      /* as ec_image_load() opens it from here: of a file, or of a place in a list */
    char *prompt;    /* NULL: not given */
    size_t n_tokens; /* of the prompt, where the record says; 0: it does not */
    size_t index;    /* in the set as it was read, from 0 */
} ec_image_item;

typedef struct ec_image_set {
    ec_image_item *items; /* [n_items], in the order of the source */
    size_t n_items;
    size_t n_without_image; /* records left out because they have no image: text-only ones */
    size_t n_several;       /* records with several images, of which the first counts */
    size_t n_no_images;     /* files of a folder that are no images by their names */
} ec_image_set;

/* Reads a set; ec_image_set_release() frees it, also after a failure.
 *
 *   root    folder of the relative paths in a list; NULL: that of the list. A folder has no use
 *           for it
 *
 * Images are not decoded, but those of a folder can be opened: one that cannot is EC_ERR_IO. An
 * image that is named twice is there twice: benchmarks ask several questions about one image, and
 * the authors score each. Errors name file and line: EC_ERR_NOT_FOUND, EC_ERR_FORMAT (also: no
 * images), EC_ERR_IO, EC_ERR_NOMEM. */
ec_status ec_image_set_load(ec_image_set *out, const char *path, const char *root, ec_error *err);
void ec_image_set_release(ec_image_set *set);

/* Whether a file has records by its name, and not a path a line. */
bool ec_image_set_is_list(const char *path);

/* What a user should know of how a set was read: "3 records have no image and are left out". The
 * i-th such sentence; false past the last. */
#define EC_IMAGE_SET_NOTE 96
bool ec_image_set_note(char out[EC_IMAGE_SET_NOTE], const ec_image_set *set, size_t i);

typedef enum ec_image_selection {
    EC_SELECT_RANDOM = 0, /* without replacement, from ec_rng: the same on every machine */
    EC_SELECT_LONGEST     /* longest prompts first, as the authors' run visited them: by n_tokens
                             where the records give it, else by bytes; ties by prompt in byte order,
                             then by the order of the set */
} ec_image_selection;

/* "random", "longest". Static; NULL past the end. */
const char *ec_image_selection_name(size_t selection);

/* Keeps `n` items (all when there are fewer), in the order they were chosen.
 *
 *   seed    of EC_SELECT_RANDOM: partial Fisher-Yates from the front over the set's order with
 *           ec_rng_init(seed, 0) and ec_rng_below
 *
 * EC_ERR_ARG: n is 0; EC_SELECT_LONGEST where an item has no prompt, or where only some have a
 * token count. */
ec_status ec_image_set_select(ec_image_set *set, ec_image_selection selection, size_t n,
                              uint64_t seed, ec_error *err);

/* Writes the set as .jsonl that ec_image_set_load reads back as it is, index and token counts
 * included. Paths become absolute. Whole or not at all. EC_ERR_IO, EC_ERR_NOMEM. */
ec_status ec_image_set_save(const ec_image_set *set, const char *path, ec_error *err);

#ifdef __cplusplus
}
#endif
#endif
