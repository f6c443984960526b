/* sources.h - encoders as they are named on a command line (ec_feature_sources_read) */
#ifndef EC_CLI_SOURCES_H
#define EC_CLI_SOURCES_H

#include "cli/options.h"
#include "eyechart/features.h"

/* Words for ec_prepare_mode: the choices of --prepare. */
const char *prepare_at(size_t i);

/* As ec_feature_sources_read: *out is freed by the caller. Returns EXIT_DONE, or a status after
 * saying what is wrong. */
int parse_sources(ec_feature_source **out, size_t *n, const char *text, ec_feature_source otherwise,
                  const command *which);

/* What the options of a command say of encoders that do not say it themselves: --prepare, --size,
 * --layer, --class-token, --horizontal-first, --exif-transpose, as far as it has them. */
ec_feature_source sources_otherwise(const arguments *args);

/* What is said of an operand ENCODER. */
#define HELP_ENCODER                                                                               \
    "weight folder; several joined by + are put side by side on the channel axis; each may be "    \
    "followed by @PIXELS and :native, :square, :squash, :pad or :letterbox"

/* How an encoder is run. */
#define HELP_LAYER "hidden state, numbered as in transformers"
#define OPTION_LAYER(what)                                                                         \
    {                                                                                              \
        .name = "layer", .argument = "LAYER", .type = VALUE_NUMBER, .low = -10000, .high = 10000,  \
        .fallback = "-2", .help = what                                                             \
    }
#define OPTION_PREPARE(usual, what)                                                                \
    {                                                                                              \
        .name = "prepare", .argument = "HOW", .type = VALUE_CHOICE, .choice = prepare_at,          \
        .fallback = usual, .help = what                                                            \
    }
#define OPTION_BATCH(what)                                                                         \
    {                                                                                              \
        .name = "batch", .argument = "N", .type = VALUE_COUNT, .low = 1, .high = 4096,             \
        .fallback = "8", .help = what                                                              \
    }
#define OPTION_SIZE                                                                                \
    {                                                                                              \
        .name = "size", .argument = "PIXELS", .type = VALUE_COUNT, .low = 1, .high = 100000,       \
        .help = "input side of every encoder that does not give its own with @; the encoder's "    \
                "when not given"                                                                   \
    }
#define OPTION_EXIF                                                                                \
    {                                                                                              \
        .name = "exif-transpose",                                                                  \
        .help = "turn pictures as their EXIF asks, which neither LLaVA nor the processors of "     \
                "transformers do"                                                                  \
    }
#define OPTION_POSITIONS                                                                           \
    {                                                                                              \
        .name = "positions-by-size",                                                               \
        .help = "interpolate the position embeddings of DINOv2 and ViT as transformers newer "     \
                "than 4.38 does"                                                                   \
    }

/* Says on stderr which file is the connector of `name`, where that is not the path that was given;
 * and that it was trained on padded pictures, where its encoders do not pad. */
void note_connector(const char *name, const char *path, const ec_feature_source *sources, size_t n);

/* Says, where it was not given, that pictures asked to be turned: `n` of them, the first `path`. */
void note_turned(size_t n, const char *path);

#endif
