/* pattern.c - see pattern.h */
#include "text/pattern.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <oniguruma.h>

#include "text/utf8.h"

struct ec_pattern {
    char *literal;
    size_t size;
    regex_t *regex; /* NULL: the literal */
};

/* Bounds what a hostile expression may cost. */
enum { MAX_RETRIES = 10 * 1000 * 1000 };

ec_status ec_pattern_new(ec_pattern **out, const char *text, size_t size, bool is_regex,
                         ec_error *err) {
    *out = NULL;
    ec_pattern *p = calloc(1, sizeof *p);
    if (p == NULL || (p->literal = malloc(size + 1)) == NULL) {
        free(p);
        return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    }
    memcpy(p->literal, text, size);
    p->literal[size] = '\0';
    p->size = size;
    if (is_regex) {
        OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
        OnigErrorInfo where;
        const OnigUChar *begin = (const OnigUChar *)text;
        onig_initialize(encodings, 1);
        const int status = onig_new(&p->regex, begin, begin + size, ONIG_OPTION_NONE,
                                    ONIG_ENCODING_UTF8, ONIG_SYNTAX_DEFAULT, &where);
        if (status != ONIG_NORMAL) {
            OnigUChar why[ONIG_MAX_ERROR_MESSAGE_LEN];
            onig_error_code_to_str(why, status, &where);
            p->regex = NULL;
            ec_pattern_free(p);
            return ec_fail(err, EC_ERR_FORMAT, "'%.200s' is no regular expression: %s", text,
                           (const char *)why);
        }
    }
    *out = p;
    return EC_OK;
}

void ec_pattern_free(ec_pattern *p) {
    if (p == NULL) return;
    if (p->regex != NULL) onig_free(p->regex);
    free(p->literal);
    free(p);
}

ec_matches ec_pattern_matches(const ec_pattern *pattern, const char *text, size_t size) {
    return (ec_matches){.pattern = pattern, .text = text, .size = size, .last_end = SIZE_MAX};
}

static bool find_literal(size_t *start, size_t *end, const ec_matches *m) {
    const ec_pattern *p = m->pattern;
    if (p->size == 0) return false;
    const char *at = memmem(m->text + m->at, m->size - m->at, p->literal, p->size);
    if (at == NULL) return false;
    *start = (size_t)(at - m->text);
    *end = *start + p->size;
    return true;
}

static bool find_regex(size_t *start, size_t *end, const ec_matches *m) {
    const OnigUChar *begin = (const OnigUChar *)m->text, *stop = begin + m->size;
    OnigRegion *region = onig_region_new();
    OnigMatchParam *limits = onig_new_match_param();
    bool found = false;
    if (region != NULL && limits != NULL) {
        onig_initialize_match_param(limits);
        onig_set_retry_limit_in_search_of_match_param(limits, MAX_RETRIES);
        found = onig_search_with_param(m->pattern->regex, begin, stop, begin + m->at, stop, region,
                                       ONIG_OPTION_NONE, limits) >= 0;
        if (found) {
            *start = (size_t)region->beg[0];
            *end = (size_t)region->end[0];
        }
    }
    if (region != NULL) onig_region_free(region, 1);
    if (limits != NULL) onig_free_match_param(limits);
    return found;
}

bool ec_matches_next(size_t *start, size_t *end, ec_matches *m) {
    while (m->at <= m->size) {
        const bool found =
            m->pattern->regex != NULL ? find_regex(start, end, m) : find_literal(start, end, m);
        if (!found) break;
        if (*start == *end && m->last_end == *end) {
            const size_t n = m->at < m->size ? ec_utf8_length(m->text + m->at, m->size - m->at) : 1;
            m->at += n > 0 ? n : 1;
            continue;
        }
        m->at = m->last_end = *end;
        return true;
    }
    m->at = m->size + 1;
    return false;
}

void ec_pattern_replace(ec_text *out, const ec_pattern *pattern, const char *content,
                        size_t content_size, const char *text, size_t size) {
    ec_matches m = ec_pattern_matches(pattern, text, size);
    size_t at = 0, start, end;
    while (ec_matches_next(&start, &end, &m)) {
        ec_text_add_bytes(out, text + at, start - at);
        ec_text_add_bytes(out, content, content_size);
        at = end;
    }
    ec_text_add_bytes(out, text + at, size - at);
}
