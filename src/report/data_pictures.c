/* data_pictures.c - pictures of the study's folder `pictures`, as `show --study` leaves them there
 *
 * Any PNG file in it is taken, in the order of the names as bytes, so that the same folder gives
 * the same page. A picture says itself what it shows (ec_picture_save); its bytes go into the page
 * as they are, and only browsers decode them.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/file.h"
#include "eyechart/picture.h"
#include "report/build.h"

/* A page is opened whole, and sent to colleagues. */
#define MAX_PICTURES 60
#define MAX_PICTURE_BYTES ((size_t)16 << 20)
#define MAX_ALL_BYTES ((size_t)48 << 20)

typedef struct gathering {
    build *b;
    json_t *pictures, *left_out;
    size_t n, size_bytes;
} gathering;

/* Text from files may be anything; JSON is UTF-8. */
static json_t *any_words(const char *text) {
    json_t *string = json_string(text);
    if (string != NULL) return string;
    char *copy = strdup(text);
    for (char *c = copy; c != NULL && *c != '\0'; c++)
        if ((unsigned char)*c >= 0x80) *c = '?';
    string = copy != NULL ? json_string(copy) : NULL;
    free(copy);
    return string;
}

static void leave_out(gathering *g, const char *name, const char *reason) {
    json_t *object = json_object();
    put(g->b, object, "file", any_words(name));
    put(g->b, object, "why", any_words(reason));
    append(g->b, g->left_out, object);
}

static void add(gathering *g, const char *name, const ec_text *png) {
    ec_error err;
    ec_picture_words said;
    size_t width, height;
    if (ec_picture_read_words(&said, &width, &height, png->data, png->size_bytes, name, &err) !=
        EC_OK) {
        leave_out(g, name, err.message);
        return;
    }
    ec_text uri = {0};
    ec_text_add(&uri, "data:image/png;base64,");
    ec_base64_add(&uri, png->data, png->size_bytes);
    json_t *object = json_object();
    put(g->b, object, "file", any_words(name));
    put(g->b, object, "title", any_words(said.title != NULL ? said.title : name));
    put(g->b, object, "description", any_words(said.description != NULL ? said.description : ""));
    put(g->b, object, "width", count(width));
    put(g->b, object, "height", count(height));
    put(g->b, object, "uri", uri.failed ? NULL : json_stringn(uri.data, uri.size_bytes));
    append(g->b, g->pictures, object);
    g->n++;
    g->size_bytes += png->size_bytes;
    ec_text_release(&uri);
    ec_picture_words_release(&said);
}

static void take(gathering *g, const char *folder, const char *name) {
    ec_text path = {0}, png = {0};
    ec_error err;
    ec_text_format(&path, "%s/%s", folder, name);
    if (path.failed)
        g->b->failed = true;
    else if (g->n == MAX_PICTURES)
        leave_out(g, name, "the page has as many pictures as it takes");
    else if (ec_file_read(&png, path.data, MAX_PICTURE_BYTES, &err) != EC_OK)
        leave_out(g, name, err.message);
    else if (png.size_bytes > MAX_ALL_BYTES - g->size_bytes)
        leave_out(g, name, "the page would become too large");
    else
        add(g, name, &png);
    ec_text_release(&png);
    ec_text_release(&path);
}

static int is_png(const struct dirent *entry) {
    const size_t n = strlen(entry->d_name);
    return entry->d_name[0] != '.' && n > 4 && strcasecmp(entry->d_name + n - 4, ".png") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Most studies have no such folder, and that is no error. */
static void gather(gathering *g, const char *study_folder) {
    struct dirent **entry = NULL;
    ec_text folder = {0};
    ec_text_format(&folder, "%s/pictures", study_folder);
    if (folder.failed) g->b->failed = true;
    const int n = folder.failed ? 0 : scandir(folder.data, &entry, is_png, by_bytes);
    for (int i = 0; i < n; i++) {
        take(g, folder.data, entry[i]->d_name);
        free(entry[i]);
    }
    free(entry);
    ec_text_release(&folder);
}

void data_pictures(build *b, json_t *root, const char *study_folder) {
    gathering g = {.b = b, .pictures = json_array(), .left_out = json_array()};
    if (study_folder != NULL) gather(&g, study_folder);
    put(b, root, "pictures", g.pictures);
    put(b, root, "pictures_left_out", g.left_out);
}
