/* pattern.h - what is looked for in a text: a string, or a regular expression as Hugging Face's
 * tokenizers have it (Oniguruma)
 */
#ifndef EC_TEXT_PATTERN_H
#define EC_TEXT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

typedef struct ec_pattern ec_pattern;

/* *out is owned by the caller; ec_pattern_free(). EC_ERR_FORMAT: no regular expression; the
 * message says what is wrong with it. */
ec_status ec_pattern_new(ec_pattern **out, const char *text, size_t size, bool is_regex,
                         ec_error *err);
void ec_pattern_free(ec_pattern *pattern);

/* Finds one match after another. A match that is empty does not directly follow another. */
typedef struct ec_matches {
    const ec_pattern *pattern;
    const char *text;
    size_t size, at;
    size_t last_end; /* SIZE_MAX: there was no match yet */
} ec_matches;
ec_matches ec_pattern_matches(const ec_pattern *pattern, const char *text, size_t size);
/* False: there are no more, or the search was given up (a regular expression that takes too long
 * on this text). */
bool ec_matches_next(size_t *start, size_t *end, ec_matches *m);

/* Appends the text with `content` for every match. */
void ec_pattern_replace(ec_text *out, const ec_pattern *pattern, const char *content,
                        size_t content_size, const char *text, size_t size);

#endif
