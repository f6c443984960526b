/* images.c - see images.h */
#include "cli/images.h"

#include "cli/output.h"

void note_image_set(const ec_image_set *set, const char *path) {
    char text[EC_IMAGE_SET_NOTE];
    for (size_t i = 0; ec_image_set_note(text, set, i); i++) note("%s: %s", path, text);
}
