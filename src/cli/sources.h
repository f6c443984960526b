/* sources.h - encoders as they are named on a command line
 *
 *     FOLDER[@PIXELS][:PREPARATION], several joined by +
 *
 * A folder whose own name has such an ending is taken as it is.
 */
#ifndef EC_CLI_SOURCES_H
#define EC_CLI_SOURCES_H

#include "cli/command.h"
#include "eyechart/features.h"

enum { MAX_SOURCES = 64 };

/* Words for ec_prepare_mode: the choices of --prepare. */
const char *prepare_at(size_t i);

/* Takes `text` apart, which is cut into the folders that `out` [MAX_SOURCES] borrows. `otherwise`
 * has the preparation and size of those that do not say their own. Returns EXIT_DONE, or a status
 * after saying what is wrong. */
int parse_sources(ec_feature_source *out, size_t *n, char *text, ec_feature_source otherwise,
                  const command *which);

/* What is said of an operand ENCODER. */
#define HELP_ENCODER                                                                               \
    "weight folder; several joined by + are put side by side on the channel axis; each may be "    \
    "followed by @PIXELS and :native, :square, :squash or :pad"

#endif
