/* normalise.c - the normalizer of a tokenizer.json: see steps.h */
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "text/characters.h"
#include "text/steps.h"
#include "text/utf8.h"

static void unicode_form(ec_text *out, const char *text, size_t size, utf8proc_option_t form) {
    utf8proc_uint8_t *mapped = NULL;
    const utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)size,
                                            &mapped, (utf8proc_option_t)(UTF8PROC_STABLE | form));
    if (n < 0)
        out->failed = true;
    else
        ec_text_add_bytes(out, mapped, (size_t)n);
    free(mapped);
}

/* Each character by itself, as Rust's char::to_lowercase, which knows one that becomes two. */
static void lowercase(ec_text *out, const char *text, size_t size) {
    enum { I_WITH_DOT = 0x130 };
    size_t at = 0;
    while (at < size) {
        uint32_t c;
        at += ec_utf8_get(&c, text + at, size - at);
        if (c == I_WITH_DOT)
            ec_text_add(out, "i\xCC\x87");
        else
            ec_utf8_add(out, (uint32_t)utf8proc_tolower((utf8proc_int32_t)c));
    }
}

static void strip(ec_text *out, bool *stripped, const ec_step *step, const char *text,
                  size_t size) {
    const size_t first = step->left ? ec_leading_space(text, size) : 0;
    const size_t behind = step->right ? ec_trailing_space(text + first, size - first) : 0;
    *stripped = *stripped || first > 0;
    ec_text_add_bytes(out, text + first, size - first - behind);
}

/* One grapheme, or one character of it: its replacement, if there is one. Of several keys that it
 * begins with tokenizers takes the shortest. */
static bool map_characters(ec_text *out, const ec_charsmap *map, const char *text, size_t size) {
    const char *to;
    if (ec_charsmap_match(&to, map, text, size, false) == 0) return false;
    ec_text_add(out, to);
    return true;
}

/* As the crate spm_precompiled, which tokenizers uses: short graphemes as a whole, then character
 * by character. */
static void charsmap(ec_text *out, const ec_charsmap *map, const char *text, size_t size) {
    enum { SHORT = 6 };
    for (size_t at = 0; at < size;) {
        uint32_t before, c;
        utf8proc_int32_t state = 0;
        size_t end = at + ec_utf8_get(&before, text + at, size - at);
        while (end < size) {
            const size_t n = ec_utf8_get(&c, text + end, size - end);
            if (utf8proc_grapheme_break_stateful((utf8proc_int32_t)before, (utf8proc_int32_t)c,
                                                 &state))
                break;
            before = c;
            end += n;
        }
        if (end - at >= SHORT || !map_characters(out, map, text + at, end - at))
            for (size_t i = at, n; i < end; i += n) {
                n = ec_utf8_length(text + i, end - i);
                if (!map_characters(out, map, text + i, n)) ec_text_add_bytes(out, text + i, n);
            }
        at = end;
    }
}

static void run(ec_text *out, bool *stripped, const ec_step *step, const char *text, size_t size) {
    switch (step->kind) {
    case EC_STEP_NFC:
        unicode_form(out, text, size, UTF8PROC_COMPOSE);
        break;
    case EC_STEP_NFD:
        unicode_form(out, text, size, UTF8PROC_DECOMPOSE);
        break;
    case EC_STEP_NFKC:
        unicode_form(out, text, size, UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
        break;
    case EC_STEP_NFKD:
        unicode_form(out, text, size, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
        break;
    case EC_STEP_LOWERCASE:
        lowercase(out, text, size);
        break;
    case EC_STEP_STRIP:
        strip(out, stripped, step, text, size);
        break;
    case EC_STEP_PREPEND:
        if (size > 0) ec_text_add_bytes(out, step->content, step->content_size);
        ec_text_add_bytes(out, text, size);
        break;
    case EC_STEP_REPLACE:
        ec_pattern_replace(out, step->pattern, step->content, step->content_size, text, size);
        break;
    default: /* EC_STEP_CHARSMAP: the reader lets no other in */
        charsmap(out, &step->charsmap, text, size);
    }
}

void ec_steps_normalise(ec_text *out, bool *stripped, const ec_steps *steps, const char *text,
                        size_t size) {
    ec_text from = {0}, to = {0};
    *stripped = false;
    ec_text_add_bytes(&from, text, size);
    for (size_t i = 0; i < steps->n && !from.failed; i++) {
        to.size_bytes = 0;
        run(&to, stripped, &steps->step[i], from.size_bytes > 0 ? from.data : "", from.size_bytes);
        const ec_text swap = from;
        from = to;
        to = swap;
        from.failed = from.failed || to.failed;
    }
    if (from.size_bytes > 0) ec_text_add_bytes(out, from.data, from.size_bytes);
    out->failed = out->failed || from.failed;
    ec_text_release(&from);
    ec_text_release(&to);
}
