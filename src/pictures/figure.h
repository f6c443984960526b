/* figure.h - filling a figure with words */
#ifndef EC_PICTURES_FIGURE_H
#define EC_PICTURES_FIGURE_H

#include "base/text.h"
#include "eyechart/show.h"

/* Title and caption become the figure's own, and `caption` is empty then. */
ec_status figure_words(ec_show_figure *f, const char *title, ec_text *caption, ec_error *err);

/* A table of n_rows with the columns of `header`; cells below it are empty strings until set. */
ec_status figure_table(ec_show_figure *f, size_t n_rows, const char *const *header,
                       size_t n_columns, ec_error *err);
ec_status figure_cell(ec_show_figure *f, size_t row, size_t column, ec_error *err,
                      const char *format, ...) EC_PRINTF(5, 6);

/* How an encoder looked at the images: "24 x 24 patches of 336 x 336 pixels, padded, layer -2". */
void figure_add_view(ec_text *text, const ec_extractor_info *info, ec_prepare_mode prepare,
                     int layer);

/* The last part of a path. */
const char *file_name(const char *path);

#endif
