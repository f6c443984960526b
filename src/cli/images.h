/* images.h - image sets on a command line */
#ifndef EC_CLI_IMAGES_H
#define EC_CLI_IMAGES_H

#include "eyechart/image_set.h"

#define OPTION_IMAGE_ROOT                                                                          \
    {                                                                                              \
        .name = "image-root", .argument = "FOLDER", .type = VALUE_FOLDER,                          \
        .help = "folder of the relative paths in lists and records; that of the list when not "    \
                "given"                                                                            \
    }

/* Says on stderr what the set left out or chose. */
void note_image_set(const ec_image_set *set, const char *path);

#endif
