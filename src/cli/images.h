/* images.h - image sets on a command line */
#ifndef EC_CLI_IMAGES_H
#define EC_CLI_IMAGES_H

#include "eyechart/image_set.h"

/* Says on stderr what the set left out or chose. */
void note_image_set(const ec_image_set *set, const char *path);

/* Says, where an image of a list is missing, where its paths begin. */
void hint_image_root(const char *list, const char *root);

#endif
