/* source.c - one encoder of a candidate: how it is written, and what is taken of it
 *
 * Nothing is opened here; only whether a folder has a config.json is asked, to tell FOLDER@336 from
 * a folder of that name.
 */
#include "features/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "eyechart/spelling.h"

enum { MAX_SIZE = 100000 }; /* pixels */

/* ---- preparations ---- */

/* `kept` is what a preparation was called when the first studies remembered it: "pad" was the
 * letterbox. */
static const struct {
    const char *name, *kept;
} modes[] = {[EC_PREPARE_NATIVE] = {"native", "native"},
             [EC_PREPARE_SQUARE] = {"square", "square"},
             [EC_PREPARE_SQUASH] = {"squash", "squash"},
             [EC_PREPARE_PAD] = {"pad", "LLaVA's pad"},
             [EC_PREPARE_LETTERBOX] = {"letterbox", "pad"}};
enum { N_MODES = sizeof modes / sizeof *modes };

const char *ec_prepare_mode_name(size_t mode) {
    return mode < N_MODES ? modes[mode].name : NULL;
}

static const char *mode_at(const void *unused, size_t i) {
    (void)unused;
    return modes[i].name;
}

/* The mode with this name; N_MODES: there is none. */
static size_t mode_called(const char *word, size_t length) {
    size_t i = 0;
    while (i < N_MODES &&
           (strlen(modes[i].name) != length || memcmp(modes[i].name, word, length) != 0))
        i++;
    return i;
}

/* ---- reading ---- */

/* A piece of the text: one encoder, or its folder. */
typedef struct {
    const char *at;
    size_t length;
} piece;

/* The path of a folder from here, then `end`; as snprintf. */
static int join(char *path, size_t size, const char *base, piece folder, const char *end) {
    const bool relative = base != NULL && *folder.at != '/';
    const size_t n = relative ? strlen(base) : 0;
    return snprintf(path, size, "%s%s%.*s%s", relative ? base : "",
                    n > 0 && base[n - 1] != '/' ? "/" : "", (int)folder.length, folder.at, end);
}

static bool is_model(piece folder, const char *base) {
    char path[4096];
    const int length = join(path, sizeof path, base, folder, "/config.json");
    return length >= 0 && (size_t)length < sizeof path && access(path, F_OK) == 0;
}

/* The last `mark` in the last part of a path; NULL: none. */
static const char *last_of(piece path, char mark) {
    const char *found = memrchr(path.at, mark, path.length);
    return found != NULL && memchr(found, '/', path.length - (size_t)(found - path.at)) == NULL
               ? found
               : NULL;
}

/* Cuts what follows the mark off. */
static piece cut(piece *path, const char *mark) {
    const piece end = {mark + 1, path->length - (size_t)(mark + 1 - path->at)};
    path->length = (size_t)(mark - path->at);
    return end;
}

static ec_status read_mode(ec_prepare_mode *out, piece word, piece source, ec_error *err) {
    const size_t mode = mode_called(word.at, word.length);
    if (mode < N_MODES) {
        *out = (ec_prepare_mode)mode;
        return EC_OK;
    }
    char names[128] = "", typed[64], nearest[64] = "";
    for (size_t i = 0, n = 0; i < N_MODES; i++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s:%s", i > 0 ? ", " : "",
                              modes[i].name);
    snprintf(typed, sizeof typed, "%.*s", (int)word.length, word.at);
    const size_t near = ec_spelling_nearest(typed, mode_at, NULL, N_MODES);
    if (near != EC_SPELLING_NONE)
        snprintf(nearest, sizeof nearest, "; did you mean ':%s'?", modes[near].name);
    return ec_fail(err, EC_ERR_FORMAT, "encoder '%.*s': ':%s' is none of %s%s", (int)source.length,
                   source.at, typed, names, nearest);
}

static ec_status read_size(size_t *out, piece digits, piece source, ec_error *err) {
    size_t size = 0;
    for (size_t i = 0; i < digits.length && size <= MAX_SIZE; i++) {
        const char c = digits.at[i];
        size = c >= '0' && c <= '9' ? 10 * size + (size_t)(c - '0') : MAX_SIZE + 1;
    }
    if (size == 0 || size > MAX_SIZE)
        return ec_fail(err, EC_ERR_FORMAT,
                       "encoder '%.*s': '@%.*s' is not a size in pixels; expected 1 to %d",
                       (int)source.length, source.at, (int)digits.length, digits.at, MAX_SIZE);
    *out = size;
    return EC_OK;
}

/* One encoder into `out`, but for its folder, which is left as a piece of the text. */
static ec_status read_source(ec_feature_source *out, piece *folder, piece source, const char *base,
                             ec_error *err) {
    ec_status status = EC_OK;
    const char *mark;
    *folder = source;
    if (!is_model(*folder, base) && (mark = last_of(*folder, ':')) != NULL)
        status = read_mode(&out->prepare, cut(folder, mark), source, err);
    if (status == EC_OK && !is_model(*folder, base) && (mark = last_of(*folder, '@')) != NULL)
        status = read_size(&out->size, cut(folder, mark), source, err);
    if (status == EC_OK && folder->length == 0)
        return ec_fail(err, EC_ERR_FORMAT,
                       "'%.*s' is an encoder without a folder; expected FOLDER, FOLDER@336:squash, "
                       "or several joined by +",
                       (int)source.length, source.at);
    return status;
}

static bool names_model(piece source, const char *base) {
    ec_feature_source unused;
    piece folder;
    return read_source(&unused, &folder, source, base, NULL) == EC_OK && is_model(folder, base);
}

/* Without any beginning that names a model, the first + ends an encoder. */
size_t ec_feature_source_length(const char *text, const char *base) {
    const size_t length = strlen(text), first = strcspn(text, "+");
    if (first == length || names_model((piece){text, length}, base)) return length;
    for (size_t n = length; n-- > first;)
        if (text[n] == '+' && names_model((piece){text, n}, base)) return n;
    return first;
}

/* All of them, into arrays of EC_MAX_SOURCES. */
static ec_status read_all(ec_feature_source *sources, piece *folders, size_t *n, const char *text,
                          const char *base, const ec_feature_source *otherwise, ec_error *err) {
    static const ec_feature_source defaults = {.folder = NULL};
    ec_status status = EC_OK;
    do {
        const piece source = {text, ec_feature_source_length(text, base)};
        if (*n == EC_MAX_SOURCES)
            return ec_fail(err, EC_ERR_FORMAT, "more than %d encoders", EC_MAX_SOURCES);
        sources[*n] = otherwise != NULL ? *otherwise : defaults;
        status = read_source(&sources[*n], &folders[*n], source, base, err);
        ++*n;
        text += source.length;
    } while (status == EC_OK && *text++ == '+');
    return status;
}

/* The sources with their folders behind them; NULL: out of memory. */
static ec_feature_source *pack(const ec_feature_source *sources, const piece *folders, size_t n,
                               const char *base) {
    size_t n_bytes = 0;
    for (size_t i = 0; i < n; i++) n_bytes += (size_t)join(NULL, 0, base, folders[i], "") + 1;
    ec_feature_source *out = malloc(n * sizeof *out + n_bytes);
    char *at = out != NULL ? (char *)(out + n) : NULL, *end = at + n_bytes;
    for (size_t i = 0; out != NULL && i < n; i++) {
        out[i] = sources[i];
        out[i].folder = at;
        at += join(at, (size_t)(end - at), base, folders[i], "") + 1;
    }
    return out;
}

ec_status ec_feature_sources_read(ec_feature_source **out, size_t *n, const char *text,
                                  const char *base, const ec_feature_source *otherwise,
                                  ec_error *err) {
    ec_feature_source sources[EC_MAX_SOURCES];
    piece folders[EC_MAX_SOURCES];
    size_t n_read = 0;
    *out = NULL;
    *n = 0;
    const ec_status status = read_all(sources, folders, &n_read, text, base, otherwise, err);
    if (status != EC_OK) return status;
    *out = pack(sources, folders, n_read, base);
    if (*out == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory for encoders");
    *n = n_read;
    return EC_OK;
}

/* ---- writing ---- */

char *ec_feature_sources_write(const ec_feature_source *sources, size_t n) {
    ec_text text = {0};
    for (size_t i = 0; i < n; i++) {
        const ec_feature_source *s = &sources[i];
        ec_text_format(&text, "%s%s", i > 0 ? "+" : "", s->folder);
        if (s->size > 0) ec_text_format(&text, "@%zu", s->size);
        /* What stands behind a colon in the folder's own name would be taken for it. */
        const bool has_colon = last_of((piece){s->folder, strlen(s->folder)}, ':') != NULL;
        if (s->prepare != EC_PREPARE_NATIVE || has_colon)
            ec_text_format(&text, ":%s", modes[s->prepare].name);
    }
    if (!text.failed) return text.data;
    ec_text_release(&text);
    return NULL;
}

/* ---- the tap ---- */

ec_tap ec_feature_source_tap(const ec_feature_source *source) {
    ec_tap tap = source->tap;
    if (!source->has_layer) tap.layer = EC_TAP_DEFAULT.layer;
    if (!source->has_tokens) tap.keep_class_token = EC_TAP_DEFAULT.keep_class_token;
    return tap;
}

bool ec_tap_same(ec_tap x, ec_tap y) {
    return x.layer == y.layer && x.keep_class_token == y.keep_class_token && x.block == y.block &&
           x.timestep == y.timestep && x.seed == y.seed;
}

static bool same_weights(const char *x, const char *y) {
    return x == NULL || y == NULL ? x == y : strcmp(x, y) == 0;
}

void ec_feature_source_use(char out[EC_SOURCE_USE], const ec_feature_source *source,
                           bool interpolate_plain) {
    const ec_tap tap = ec_feature_source_tap(source);
    char own[96] = ""; /* of families that have no layers */
    if (tap.block != EC_BLOCK_DEFAULT || tap.timestep != EC_TIMESTEP_DEFAULT || tap.seed != 0)
        snprintf(own, sizeof own, " block %d timestep %d seed %llu", tap.block, tap.timestep,
                 (unsigned long long)tap.seed);
    snprintf(out, EC_SOURCE_USE, "encoder %s %zu layer %d%s%s%s%s%s", modes[source->prepare].kept,
             source->size, tap.layer, tap.keep_class_token ? " all tokens" : "",
             interpolate_plain ? " positions by size" : "",
             source->exif_transpose ? " by EXIF" : "", own,
             source->horizontal_first ? " horizontal first" : "");
}

bool ec_feature_source_same_use(const ec_feature_source *x, const ec_feature_source *y) {
    return x->prepare == y->prepare && x->size == y->size &&
           ec_tap_same(ec_feature_source_tap(x), ec_feature_source_tap(y)) &&
           same_weights(x->weights, y->weights) && x->horizontal_first == y->horizontal_first &&
           x->exif_transpose == y->exif_transpose;
}
