/* cmd_features.c - eyechart features: patch features of images, to files */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "cli/device.h"
#include "cli/images.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/sources.h"
#include "eyechart/features.h"

static const char *array_format_at(size_t i) {
    static const char *const names[] = {"npy", "safetensors"};
    return i < sizeof names / sizeof *names ? names[i] : NULL;
}

static const char *dtype_at(size_t i) {
    static const char *const names[] = {"f32", "f16"};
    return i < sizeof names / sizeof *names ? names[i] : NULL;
}

static const char *math_at(size_t i) {
    static const char *const names[] = {"f32", "bf16"};
    return i < sizeof names / sizeof *names ? names[i] : NULL;
}

enum {
    O_OUT,
    O_LAYER,
    O_CLASS_TOKEN,
    O_PREPARE,
    O_HORIZONTAL_FIRST,
    O_EXIF,
    O_SIZE,
    O_FORMAT,
    O_DTYPE,
    O_MATH,
    O_FILE_PER_IMAGE,
    O_LIST,
    O_ROOT,
    O_BATCH,
    O_DEVICE,
    O_THREADS,
    O_POSITIONS,
    O_SKIP_BAD,
    O_RESTART,
    O_JSON
};

static const option OPTIONS[] = {
    [O_OUT] = {.name = "output",
               .letter = 'o',
               .argument = "OUT",
               .type = VALUE_FILE,
               .help =
                   "file to write (a folder with --file-per-image); the manifest goes to OUT.json"},
    [O_LAYER] = OPTION_LAYER(HELP_LAYER ": -2 is the input of the last block, as LLaVA takes it"),
    [O_CLASS_TOKEN] = {.name = "class-token",
                       .help = "keep the class and register tokens, which come first"},
    [O_PREPARE] = OPTION_PREPARE(
        "native", "native: the encoder's own processor; square: squashed, pixels in [-1, 1], as "
                  "the C score takes them; squash: squashed, the encoder's own mean and deviation; "
                  "pad: on a square of the mean colour, then native, LLaVA's image_aspect_ratio "
                  "pad; letterbox: whole, on a black square, the encoder's own mean and deviation"),
    [O_HORIZONTAL_FIRST] =
        {.name = "horizontal-first",
         .help = "resize rows before columns, as every Pillow up to 12.1, with which the encoders "
                 "of today were trained; else as Pillow 13, which differs for images far higher "
                 "than wide"},
    [O_EXIF] = OPTION_EXIF,
    [O_SIZE] = OPTION_SIZE,
    [O_FORMAT] = {.name = "format",
                  .argument = "FORMAT",
                  .type = VALUE_CHOICE,
                  .choice = array_format_at,
                  .help = "of the array; as OUT ends when not given, else npy"},
    [O_DTYPE] = {.name = "dtype",
                 .argument = "DTYPE",
                 .type = VALUE_CHOICE,
                 .choice = dtype_at,
                 .fallback = "f32",
                 .help = "of the array; f16 rounds to nearest"},
    [O_MATH] = {.name = "math",
                .argument = "MATH",
                .type = VALUE_CHOICE,
                .choice = math_at,
                .fallback = "f32",
                .help = "of the products; bf16 rounds their operands to it, for processors with "
                        "AMX (with AVX512-BF16 alone it takes longer than f32), says by how much "
                        "this moves the features of the first image, and needs a build with "
                        "oneDNN"},
    [O_FILE_PER_IMAGE] = {.name = "file-per-image",
                          .help = "one [tokens, channels] array an image, in the folder OUT"},
    [O_LIST] = {.name = "list",
                .argument = "FILE",
                .type = VALUE_FILE,
                .repeatable = true,
                .help = "images by name, one a line, after those of the command line; or records "
                        "that name them, as align --images reads: .jsonl, .json, .tsv"},
    [O_ROOT] = {.name = "image-root",
                .argument = "FOLDER",
                .type = VALUE_FOLDER,
                .help = "folder of the relative paths in a --list; when not given, the current one "
                        "for paths a line, that of the list for records"},
    [O_BATCH] = OPTION_BATCH("images at a time; part of what makes a run the same"),
    [O_DEVICE] = OPTION_DEVICE,
    [O_THREADS] = OPTION_THREADS,
    [O_POSITIONS] = OPTION_POSITIONS,
    [O_SKIP_BAD] = {.name = "skip-bad",
                    .help = "report images that cannot be read and leave them out; exit status 4"},
    [O_RESTART] = {.name = "restart", .help = "compute everything anew, whatever OUT holds"},
    [O_JSON] = OPTION_JSON,
    {0},
};

static const operand OPERANDS[] = {
    {.name = "ENCODER", .type = VALUE_FOLDER, .help = HELP_ENCODER},
    {.name = "IMAGE",
     .type = VALUE_FILE,
     .optional = true,
     .repeatable = true,
     .help = "image file, or a folder of them, told by the ends of their names"},
    {0},
};

static const example EXAMPLES[] = {
    {"eyechart features clip-vit-large-patch14-336/ photos/ -o clip.npy",
     "features of every image in a folder"},
    {"eyechart features clip-l-336/+dinov2-large/@336:squash photos/ -o c+d.npy",
     "CLIP and DINOv2 side by side, 2048 channels"},
    {"eyechart features siglip/ --list images.txt --dtype f16 -o siglip.safetensors",
     "images from a list, half the size"},
    {"eyechart features dinov2-large/ photos/ --prepare square --layer -1 -o last.npy",
     "the last layer, as the C score prepares"},
    {0},
};

static const exit_meaning EXITS[] = {
    {EXIT_AGAIN, "images were left out (--skip-bad)"},
    {EXIT_INTERRUPTED, "interrupted; the same command goes on where it stopped"},
    {0},
};

/* ---- images ---- */

typedef struct {
    char **path;
    size_t n, capacity;
} path_list;

static void add_path(path_list *list, char *path) {
    if (list->n == list->capacity) {
        list->capacity = list->capacity > 0 ? 2 * list->capacity : 256;
        char **grown = allocate(list->capacity, sizeof *grown);
        if (list->n > 0) memcpy(grown, list->path, list->n * sizeof *grown);
        free(list->path);
        list->path = grown;
    }
    list->path[list->n++] = path;
}

static char *copy_text(const char *text, size_t length) {
    char *copy = allocate(length + 1, 1);
    memcpy(copy, text, length);
    return copy;
}

/* The images of a folder, or of records that name them. */
static int add_set(path_list *list, const char *path, const char *root) {
    ec_image_set set;
    ec_error err;
    const ec_status status = ec_image_set_load(&set, path, root, &err);
    for (size_t i = 0; i < set.n_items && status == EC_OK; i++)
        add_path(list, copy_text(set.items[i].path, strlen(set.items[i].path)));
    if (status == EC_OK) note_image_set(&set, path);
    ec_image_set_release(&set);
    return status == EC_OK ? EXIT_DONE : report_error(&err);
}

static char *under_root(const char *root, const char *path) {
    if (root == NULL || path[0] == '/') return copy_text(path, strlen(path));
    const size_t size = strlen(root) + strlen(path) + 2;
    char *full = allocate(size, 1);
    snprintf(full, size, "%s/%s", root, path);
    return full;
}

/* A path a line, relative to the root; records are a set. */
static int add_list(path_list *list, const char *file, const char *root) {
    if (ec_image_set_is_list(file)) return add_set(list, file, root);
    FILE *in = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
    if (in == NULL) {
        note("%s: cannot open: %s", file, strerror(errno));
        return EXIT_DATA;
    }
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    for (bool first = true; (length = getline(&line, &capacity, in)) >= 0; first = false) {
        while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r')) length--;
        line[length] = '\0';
        const char *path = first && strncmp(line, "\xef\xbb\xbf", 3) == 0 ? line + 3 : line;
        if (*path != '\0') add_path(list, under_root(root, path));
    }
    const bool failed = ferror(in) != 0;
    free(line);
    if (in != stdin) fclose(in);
    if (failed) note("%s: cannot read: %s", file, strerror(errno));
    return failed ? EXIT_DATA : EXIT_DONE;
}

static int gather_images(path_list *list, const arguments *args) {
    int status = EXIT_DONE;
    for (size_t i = 1; i < args->n_operands && status == EXIT_DONE; i++) {
        struct stat info;
        const char *path = args->operands[i];
        if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
            status = add_set(list, path, NULL);
        else
            add_path(list, copy_text(path, strlen(path)));
    }
    const option_value *lists = &args->values[O_LIST];
    for (size_t i = 0; i < lists->n_all && status == EXIT_DONE; i++)
        status = add_list(list, lists->all[i], args->values[O_ROOT].text);
    if (status == EXIT_DONE && list->n == 0)
        status = usage_error(args->command, "no images: name files, a folder, or a --list");
    return status;
}

/* ---- the format ---- */

static const char *ending_of(const char *path) {
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash != NULL ? slash : path, '.');
    return dot != NULL ? dot : "";
}

/* Endings that promise a format which is not written: whoever reads by the name would stumble. */
static bool is_foreign(const char *ending) {
    static const char *const known[] = {
        ".npz",   ".pt",      ".pth",  ".ckpt", ".bin",   ".h5",      ".hdf5",    ".mat",
        ".pkl",   ".pickle",  ".csv",  ".tsv",  ".json",  ".txt",     ".zarr",    ".parquet",
        ".arrow", ".msgpack", ".onnx", ".gguf", ".jsonl", ".feather", ".tfrecord"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcasecmp(ending, known[i]) == 0) return true;
    return false;
}

/* The format that --format or the ending of OUT says. With --file-per-image OUT is a folder, whose
 * name says nothing. */
static int choose_format(ec_array_format *out, const arguments *args) {
    static const char *const endings[] = {
        [EC_ARRAY_NPY] = ".npy", [EC_ARRAY_SAFETENSORS] = ".safetensors"};
    const option_value *v = args->values;
    const char *path = v[O_OUT].text, *ending = ending_of(path);
    *out = v[O_FORMAT].given ? (ec_array_format)v[O_FORMAT].choice : EC_ARRAY_NPY;
    if (v[O_FILE_PER_IMAGE].given) return EXIT_DONE;
    if (is_foreign(ending))
        return usage_error(args->command,
                           "-o '%s': arrays are written as .npy or .safetensors, not as %s", path,
                           ending);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        if (strcasecmp(ending, endings[i]) != 0) continue;
        if (v[O_FORMAT].given && v[O_FORMAT].choice != i)
            return usage_error(args->command, "-o '%s' and --format %s: one of them is wrong", path,
                               v[O_FORMAT].text);
        *out = (ec_array_format)i;
    }
    return EXIT_DONE;
}

/* ---- the run ---- */

static bool see(void *context, const ec_features_progress *p, const char *bad) {
    progress *line = context;
    if (bad != NULL) {
        progress_note(line, "left out: %s", bad);
        return true;
    }
    char before[48] = "", rate[48] = "", left[64] = "", duration[32];
    if (p->n_resumed > 0) snprintf(before, sizeof before, " (%zu from before)", p->n_resumed);
    if (!isnan(p->images_per_s)) snprintf(rate, sizeof rate, ", %.3g images/s", p->images_per_s);
    if (!isnan(p->seconds_left) && p->n_done < p->n_total)
        snprintf(left, sizeof left, ", %s left", progress_duration(duration, p->seconds_left));
    progress_line(line, p->n_done == p->n_total, "%zu of %zu images%s%s%s", p->n_done, p->n_total,
                  before, rate, left);
    return !progress_interrupted();
}

/* How far bf16 moves the features of an image under an encoder, as relative RMS. */
static ec_status bf16_effect(double *out, const ec_feature_source *source, const ec_image *image,
                             ec_encoder_options options, ec_error *err) {
    float *features[2] = {NULL, NULL}; /* in f32, in the options' math */
    size_t n = 0;
    ec_ctx *usual;
    const ec_device_options device = {.n_threads = ec_ctx_threads(options.ctx)};
    ec_status status = ec_ctx_open(&usual, &device, err);
    ec_ctx *const ctx[2] = {usual, options.ctx};
    for (size_t i = 0; i < 2 && status == EC_OK; i++) {
        ec_extractor *extractor;
        options.ctx = ctx[i];
        status = ec_extractor_open(&extractor, source, &options, err);
        if (status != EC_OK) break;
        const ec_extractor_info info = ec_extractor_describe(extractor);
        n = info.n_tokens * info.n_channels;
        features[i] = allocate(n, sizeof *features[i]);
        status = ec_extractor_run(features[i], extractor, &image, 1, err);
        ec_extractor_close(extractor);
    }
    double moved = 0.0, size = 0.0;
    for (size_t i = 0; i < n && status == EC_OK; i++) {
        const double f32 = features[0][i], difference = features[1][i] - f32;
        moved += difference * difference;
        size += f32 * f32;
    }
    *out = sqrt(moved / size);
    ec_ctx_free(usual);
    free(features[0]);
    free(features[1]);
    return status;
}

/* Numbers that differ do not go out without a word on how much. */
static ec_status tell_effect(const ec_feature_source *sources, size_t n_sources,
                             const path_list *images, const ec_features_options *options,
                             ec_error *err) {
    ec_image image;
    size_t first = 0;
    while (ec_image_load(&image, images->path[first], err) != EC_OK)
        if (!options->skip_bad || ++first == images->n) return err->status;
    ec_status status = EC_OK;
    for (size_t i = 0; i < n_sources && status == EC_OK; i++) {
        double effect;
        status = bf16_effect(&effect, &sources[i], &image, options->encoder, err);
        if (status == EC_OK)
            note("%s: bf16 products move the features of %s by %.1e (relative RMS)",
                 sources[i].folder, images->path[first], effect);
    }
    if (status == EC_OK && ec_device_bf16() == EC_BF16_SLOWER)
        note("this processor has instructions for bf16, but no AMX: they do half as many "
             "multiply-adds as those for f32, so --math f32 is faster");
    if (status == EC_OK && ec_device_bf16() == EC_BF16_AS_F32)
        note("this processor has no instructions for bf16: rounded operands are multiplied in f32, "
             "which is no faster than --math f32");
    ec_image_release(&image);
    return status;
}

static void print_result(const ec_features_progress *p, const char *out, const arguments *args) {
    if (args->values[O_JSON].given)
        json_print(json_pack("{s:o, s:I, s:I, s:I, s:o}", "out", json_text(out), "images",
                             (json_int_t)p->n_total, "left_out", (json_int_t)p->n_bad,
                             "from_before", (json_int_t)p->n_resumed, "images_per_s",
                             json_number(p->images_per_s)));
    else
        printf("%s\n", out);
}

static int compute(ec_ctx *ctx, const ec_feature_source *sources, size_t n_sources,
                   const path_list *images, ec_array_format format, const arguments *args) {
    const option_value *v = args->values;
    const ec_features_options options = {
        .format = format,
        .dtype = v[O_DTYPE].choice == 0 ? EC_F32 : EC_F16,
        .file_per_image = v[O_FILE_PER_IMAGE].given,
        .batch = (size_t)v[O_BATCH].count,
        .skip_bad = v[O_SKIP_BAD].given,
        .restart = v[O_RESTART].given,
        .encoder = {.ctx = ctx,
                    .interpolate_plain = v[O_POSITIONS].given,
                    .watch = progress_watch()},
    };
    ec_features_progress progress_now = {0};
    ec_error err;
    ec_status status = EC_OK;
    if (strcmp(ec_ctx_math(ctx), "f32") != 0)
        status = tell_effect(sources, n_sources, images, &options, &err);
    if (status != EC_OK) return report_error(&err);
    progress line;
    progress_start(&line);
    status = ec_features_write(v[O_OUT].text, sources, n_sources, (const char *const *)images->path,
                               images->n, &options, see, &line, &progress_now, &err);
    progress_end(&line);
    if (!v[O_EXIF].given) note_turned(progress_now.n_turned, progress_now.turned);
    if (status == EC_ERR_INTERRUPTED) {
        note("%s", err.message);
        return EXIT_INTERRUPTED;
    }
    if (status != EC_OK) return report_error(&err);
    print_result(&progress_now, v[O_OUT].text, args);
    return progress_now.n_bad > 0 ? EXIT_AGAIN : EXIT_DONE;
}

/* --math bf16 is another name of a device. */
static int open_device(ec_ctx **out, const arguments *args) {
    static const option_value bf16 = {.given = true, .text = "cpu:onednn-bf16"};
    const option_value *v = args->values;
    if (v[O_MATH].choice == 1 && v[O_DEVICE].given && strcmp(v[O_DEVICE].text, bf16.text) != 0)
        return usage_error(args->command, "--math bf16 is --device %s, not %s; give one of them",
                           bf16.text, v[O_DEVICE].text);
    return device_open(out, v[O_MATH].choice == 1 ? &bf16 : &v[O_DEVICE], &v[O_THREADS]);
}

static int run(const arguments *args) {
    if (!args->values[O_OUT].given) return usage_error(args->command, "where to? give -o OUT");
    ec_feature_source *sources = NULL;
    size_t n_sources;
    path_list images = {0};
    ec_feature_source otherwise = sources_otherwise(args);
    otherwise.has_tokens = true;
    ec_array_format format;
    int status = choose_format(&format, args);
    if (status == EXIT_DONE)
        status = parse_sources(&sources, &n_sources, args->operands[0], otherwise, args->command);
    if (status == EXIT_DONE) status = gather_images(&images, args);
    ec_ctx *ctx = NULL;
    if (status == EXIT_DONE) status = open_device(&ctx, args);
    if (status == EXIT_DONE) status = compute(ctx, sources, n_sources, &images, format, args);
    ec_ctx_free(ctx);
    for (size_t i = 0; i < images.n; i++) free(images.path[i]);
    free(images.path);
    free(sources);
    return status;
}

const command CMD_FEATURES = {
    .name = "features",
    .purpose = "patch features of images under an encoder or a combination of encoders",
    .about =
        "Writes an array [images, tokens, channels], and a manifest of what made it: images in "
        "order with their hashes, "
        "weights with theirs, layer, preparation, grid. Memory does not grow with the number of "
        "images. A run that was "
        "stopped, even by kill -9, goes on with the same command and ends with the same bytes.\n"
        "Encoders that are joined must have equal grids of patches: 336 pixels in patches of 14 "
        "are 24 x 24, and so on.",
    .options = OPTIONS,
    .operands = OPERANDS,
    .examples = EXAMPLES,
    .exits = EXITS,
    .run = run,
    .computes = true,
};
