/* show_page.c - figures below each other: one PNG, or one page of HTML */
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/text.h"
#include "eyechart/show.h"

/* ---- PNG ---- */

enum {
    MARGIN = 12,
    TITLE_SCALE = 3,
    HEADING_SCALE = 2,
    CAPTION_SCALE = 2,
    LEADING = 4, /* dots between lines */
    LEAST_WIDTH = 480
};

static const ec_colour WHITE = {255, 255, 255}, INK = {27, 31, 36}, SOFT = {87, 96, 106};

static size_t line_height(size_t scale) {
    return scale * (EC_PICTURE_TEXT_HEIGHT + LEADING);
}

/* Bytes of `text` that go on the next line of `width` pixels: up to the last space that fits, or as
 * many letters as fit. At least one letter, so that lines come to an end. */
static size_t line_length(const char *text, size_t scale, size_t width) {
    ec_text line = {0};
    size_t fits = 0, space = 0, i = 0;
    while (text[i] != '\0' && text[i] != '\n') {
        size_t letter = 1;
        while (((unsigned char)text[i + letter] & 0xc0) == 0x80) letter++;
        ec_text_add_bytes(&line, text + i, letter);
        if (line.failed || (fits > 0 && ec_picture_text_width(line.data, scale) > width)) break;
        if (text[i] == ' ') space = i;
        fits = i += letter;
    }
    const bool whole = text[i] == '\0' || text[i] == '\n';
    ec_text_release(&line);
    return whole || space == 0 ? fits : space;
}

/* Draws text in lines from *top on and moves it past them; on == NULL only measures. */
static void write_lines(ec_image *on, size_t *top, size_t width, size_t scale, ec_colour colour,
                        const char *text) {
    while (*text != '\0') {
        const size_t n = line_length(text, scale, width - 2 * MARGIN);
        char *line = on != NULL ? strndup(text, n) : NULL;
        if (line != NULL) ec_picture_text(on, MARGIN, *top, scale, colour, line);
        free(line);
        *top += line_height(scale);
        text += n;
        if (*text == ' ' || *text == '\n') text++;
    }
}

/* Draws the page, or measures it; returns its height. */
static size_t draw_page(ec_image *on, size_t width, const char *title,
                        const ec_show_figure *figures, size_t n) {
    size_t top = MARGIN;
    write_lines(on, &top, width, TITLE_SCALE, INK, title);
    for (size_t i = 0; i < n; i++) {
        top += MARGIN;
        write_lines(on, &top, width, HEADING_SCALE, INK, figures[i].title);
        if (on != NULL) ec_picture_paste(on, &figures[i].image, MARGIN, top);
        top += figures[i].image.height + MARGIN / 2;
        write_lines(on, &top, width, CAPTION_SCALE, SOFT, figures[i].caption);
    }
    return top + MARGIN;
}

ec_status ec_show_save_png(const char *path, const char *title, const ec_show_figure *figures,
                           size_t n, ec_error *err) {
    size_t width = LEAST_WIDTH;
    ec_text captions = {0};
    for (size_t i = 0; i < n; i++) {
        if (figures[i].image.width > width) width = figures[i].image.width;
        ec_text_format(&captions, "%s%s: %s", i > 0 ? "\n" : "", figures[i].title,
                       figures[i].caption);
    }
    width += 2 * MARGIN;
    ec_image page = {0};
    ec_status status =
        ec_picture_new(&page, width, draw_page(NULL, width, title, figures, n), WHITE, err);
    if (status == EC_OK) {
        draw_page(&page, width, title, figures, n);
        status = captions.failed
                     ? ec_fail(err, EC_ERR_NOMEM, "out of memory for a picture")
                     : ec_picture_save(path, &page, title, n > 0 ? captions.data : NULL, err);
    }
    ec_image_release(&page);
    ec_text_release(&captions);
    return status;
}

/* ---- HTML ---- */

static const char HEAD[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">\n"
    "<meta name=\"referrer\" content=\"no-referrer\">\n<link rel=\"icon\" href=\"data:,\">\n"
    "<style>\n"
    ":root { color-scheme: light dark; }\n"
    "body { margin: 0 auto; max-width: 1240px; padding: 0 1rem 3rem; font: 16px/1.5 system-ui, "
    "sans-serif; overflow-wrap: anywhere; }\n"
    "h1 { font-size: 1.6rem; line-height: 1.2; }\nh2 { font-size: 1.15rem; margin: 2rem 0 .4rem; "
    "}\n"
    "figure { margin: 0; }\nimg { max-width: 100%; height: auto; display: block; }\n"
    "figcaption { max-width: 80ch; margin: .5rem 0; }\n"
    ".scroll { overflow-x: auto; }\n"
    "table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }\n"
    "th, td { padding: .2rem .8rem .2rem 0; text-align: left; white-space: nowrap; border-bottom: "
    "1px solid #8884; font-weight: normal; }\n"
    "thead th { opacity: .7; }\n"
    "</style>\n";

/* Text where markup could stand, also in an attribute in double quotes. */
static void add_escaped(ec_text *page, const char *text) {
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            ec_text_add(page, "&amp;");
            break;
        case '<':
            ec_text_add(page, "&lt;");
            break;
        case '>':
            ec_text_add(page, "&gt;");
            break;
        case '"':
            ec_text_add(page, "&quot;");
            break;
        default:
            ec_text_add_bytes(page, text, 1);
        }
    }
}

static void add_element(ec_text *page, const char *tag, const char *text) {
    ec_text_format(page, "<%s>", tag);
    add_escaped(page, text);
    ec_text_format(page, "</%s>", tag);
}

static void add_table(ec_text *page, const ec_show_figure *f) {
    if (f->n_rows == 0) return;
    ec_text_add(page, "<div class=\"scroll\" tabindex=\"0\"><table>\n");
    for (size_t row = 0; row < f->n_rows; row++) {
        ec_text_add(page, row == 0 ? "<thead><tr>" : "<tr>");
        for (size_t k = 0; k < f->n_columns; k++)
            add_element(page, row == 0 ? "th" : "td", f->cells[row * f->n_columns + k]);
        ec_text_add(page, row == 0 ? "</tr></thead>\n<tbody>\n" : "</tr>\n");
    }
    ec_text_add(page, "</tbody></table></div>\n");
}

static ec_status add_figure(ec_text *page, const ec_show_figure *f, ec_error *err) {
    void *png;
    size_t size_bytes;
    const ec_status status =
        ec_picture_encode(&png, &size_bytes, &f->image, f->title, f->caption, err);
    if (status != EC_OK) return status;
    add_element(page, "h2", f->title);
    ec_text_format(page, "\n<figure>\n<img width=\"%zu\" height=\"%zu\" alt=\"", f->image.width,
                   f->image.height);
    add_escaped(page, f->title);
    ec_text_add(page, "\" src=\"data:image/png;base64,");
    ec_base64_add(page, png, size_bytes);
    ec_text_add(page, "\">\n");
    add_element(page, "figcaption", f->caption);
    ec_text_add(page, "\n</figure>\n");
    add_table(page, f);
    free(png);
    return EC_OK;
}

ec_status ec_show_save_html(const char *path, const char *title, const ec_show_figure *figures,
                            size_t n, ec_error *err) {
    ec_text page = {0};
    ec_text_add(&page, HEAD);
    add_element(&page, "title", title);
    ec_text_add(&page, "\n</head>\n<body>\n");
    add_element(&page, "h1", title);
    ec_text_add(&page, "\n");
    ec_status status = EC_OK;
    for (size_t i = 0; i < n && status == EC_OK; i++) status = add_figure(&page, &figures[i], err);
    ec_text_add(&page, "</body>\n</html>\n");
    if (status == EC_OK && page.failed)
        status = ec_fail(err, EC_ERR_NOMEM, "out of memory for a page of %zu pictures", n);
    if (status == EC_OK) status = ec_file_write(path, page.data, page.size_bytes, err);
    ec_text_release(&page);
    return status;
}
