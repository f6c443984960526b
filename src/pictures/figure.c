#include "pictures/figure.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ec_show_figure_release(ec_show_figure *figure) {
    for (size_t i = 0; figure->cells != NULL && i < figure->n_rows * figure->n_columns; i++)
        free(figure->cells[i]);
    free(figure->cells);
    free(figure->title);
    free(figure->caption);
    ec_image_release(&figure->image);
    *figure = (ec_show_figure){0};
}

ec_status figure_words(ec_show_figure *f, const char *title, ec_text *caption, ec_error *err) {
    f->title = strdup(title);
    f->caption = caption->data;
    const bool failed = caption->failed || f->title == NULL || f->caption == NULL;
    *caption = (ec_text){0};
    return failed ? ec_fail(err, EC_ERR_NOMEM, "out of memory for a figure") : EC_OK;
}

ec_status figure_cell(ec_show_figure *f, size_t row, size_t column, ec_error *err,
                      const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text;
    if (vasprintf(&text, format, args) < 0) text = NULL;
    va_end(args);
    if (text == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory for a figure");
    char **cell = &f->cells[row * f->n_columns + column];
    free(*cell);
    *cell = text;
    return EC_OK;
}

ec_status figure_table(ec_show_figure *f, size_t n_rows, const char *const *header,
                       size_t n_columns, ec_error *err) {
    f->cells = calloc(n_rows * n_columns, sizeof *f->cells);
    if (f->cells == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory for a figure");
    f->n_rows = n_rows;
    f->n_columns = n_columns;
    ec_status status = EC_OK;
    for (size_t i = 0; i < n_rows * n_columns && status == EC_OK; i++)
        status =
            figure_cell(f, i / n_columns, i % n_columns, err, "%s", i < n_columns ? header[i] : "");
    return status;
}

void figure_add_view(ec_text *text, const ec_extractor_info *info, ec_prepare_mode prepare,
                     int layer) {
    static const char *const words[] = {
        [EC_PREPARE_NATIVE] = "the encoder's own preparation",
        [EC_PREPARE_SQUARE] = "squashed, values from -1 to 1",
        [EC_PREPARE_SQUASH] = "squashed",
        [EC_PREPARE_PAD] = "padded with the mean colour",
        [EC_PREPARE_LETTERBOX] = "padded",
    };
    ec_text_format(text, "%zu x %zu patches of %zu x %zu pixels, %s, layer %d", info->grid_width,
                   info->grid_height, info->input_width, info->input_height, words[prepare], layer);
}

const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}
