/* images.c - see images.h */
#include "cli/images.h"

#include <string.h>
#include <strings.h>

#include "cli/output.h"

void hint_image_root(const char *list, const char *root) {
    const char *slash = strrchr(list, '/');
    const size_t n = strlen(list);
    if (root != NULL)
        note("paths in %s begin at the image root %s", list, root);
    else if (ec_image_set_is_list(list) || (n > 4 && strcasecmp(list + n - 4, ".txt") == 0))
        note("paths in %s begin at its own folder, %.*s; --image-root FOLDER names another", list,
             slash != NULL ? (int)(slash - list) + 1 : 1, slash != NULL ? list : ".");
}

void note_image_set(const ec_image_set *set, const char *path) {
    char text[EC_IMAGE_SET_NOTE];
    for (size_t i = 0; ec_image_set_note(text, set, i); i++) note("%s: %s", path, text);
}
