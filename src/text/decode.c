/* decode.c - the decoder of a tokenizer.json: see steps.h */
#include <stdlib.h>
#include <string.h>

#include "text/steps.h"
#include "text/utf8.h"

static const char *text_of(const ec_chunks *c, size_t i) {
    return c->chunk[i].size > 0 ? c->bytes.data + c->chunk[i].start : "";
}

/* The byte of "<0x0A>"; -1: another token. */
static int byte_of_token(const char *text, size_t size) {
    char digits[3] = {0}, *end;
    if (size != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>') return -1;
    memcpy(digits, text + 3, 2);
    const long byte = strtol(digits, &end, 16);
    return end == digits + 2 && digits[0] != '+' && digits[0] != '-' && digits[0] != ' ' ? (int)byte
                                                                                         : -1;
}

/* Runs of byte tokens become text, or as many U+FFFD where they are none. */
static void bytes(ec_chunks *out, const ec_chunks *in) {
    for (size_t i = 0; i < in->n;) {
        ec_text run = {0};
        size_t n = 0;
        for (int byte; i + n < in->n &&
                       (byte = byte_of_token(text_of(in, i + n), in->chunk[i + n].size)) >= 0;
             n++)
            ec_text_add_bytes(&run, &(char){(char)byte}, 1);
        out->failed = out->failed || run.failed;
        if (n == 0) {
            ec_chunks_add(out, text_of(in, i), in->chunk[i].size, false);
        } else if (ec_utf8_check(run.data, run.size_bytes) == run.size_bytes) {
            ec_chunks_add(out, run.data, run.size_bytes, false);
        } else {
            for (size_t k = 0; k < n; k++) ec_chunks_add(out, "\xEF\xBF\xBD", 3, false);
        }
        ec_text_release(&run);
        i += n > 0 ? n : 1;
    }
}

static void byte_level(ec_chunks *out, const ec_chunks *in) {
    ec_text all = {0}, clean = {0};
    for (size_t i = 0; i < in->n; i++) {
        const char *text = text_of(in, i);
        const size_t size = in->chunk[i].size, before = all.size_bytes;
        for (size_t at = 0; at < size;) {
            uint32_t c;
            at += ec_utf8_get(&c, text + at, size - at);
            const int byte = ec_byte_of(c);
            if (byte < 0) { /* an added token: as it is */
                all.size_bytes = before;
                ec_text_add_bytes(&all, text, size);
                break;
            }
            ec_text_add_bytes(&all, &(char){(char)byte}, 1);
        }
    }
    if (all.size_bytes > 0) ec_utf8_add_lossy(&clean, all.data, all.size_bytes);
    if (clean.size_bytes > 0) ec_chunks_add(out, clean.data, clean.size_bytes, false);
    out->failed = out->failed || all.failed || clean.failed;
    ec_text_release(&all);
    ec_text_release(&clean);
}

static void strip_token(ec_chunks *out, const ec_step *step, const char *text, size_t size) {
    const size_t n = step->content_size;
    for (size_t i = 0; i < step->n_left && size >= n && memcmp(text, step->content, n) == 0; i++)
        text += n, size -= n;
    for (size_t i = 0;
         i < step->n_right && size >= n && memcmp(text + size - n, step->content, n) == 0; i++)
        size -= n;
    ec_chunks_add(out, text, size, false);
}

/* A token with `instead` wherever it has the content of the step. */
static void exchange(ec_chunks *out, const ec_step *step, const char *instead, const char *text,
                     size_t size) {
    const size_t n = step->content_size;
    ec_text t = {0};
    for (size_t i = 0; i < size;)
        if (n > 0 && size - i >= n && memcmp(text + i, step->content, n) == 0) {
            ec_text_add(&t, instead);
            i += n;
        } else {
            ec_text_add_bytes(&t, text + i++, 1);
        }
    out->failed = out->failed || t.failed;
    if (t.size_bytes > 0) ec_chunks_add(out, t.data, t.size_bytes, false);
    ec_text_release(&t);
}

static void run(ec_chunks *out, const ec_step *step, const ec_chunks *in) {
    if (step->kind == EC_STEP_BYTES) {
        bytes(out, in);
        return;
    }
    if (step->kind == EC_STEP_BYTE_LEVEL) {
        byte_level(out, in);
        return;
    }
    if (step->kind == EC_STEP_FUSE) { /* their bytes lie one after the other already */
        if (in->bytes.size_bytes > 0)
            ec_chunks_add(out, in->bytes.data, in->bytes.size_bytes, false);
        return;
    }
    for (size_t i = 0; i < in->n; i++) {
        const char *text = text_of(in, i);
        const size_t size = in->chunk[i].size;
        if (step->kind == EC_STEP_STRIP_TOKEN) {
            strip_token(out, step, text, size);
        } else if (step->kind == EC_STEP_SPACE_TOKENS) {
            /* Of the first token all go, where one may have been put there: as tokenizers has it. */
            const bool goes = i == 0 && step->prepend != EC_PREPEND_NEVER;
            exchange(out, step, goes ? "" : " ", text, size);
        } else if (step->kind == EC_STEP_WORD_ENDS) {
            exchange(out, step, i + 1 == in->n ? "" : " ", text, size);
        } else { /* EC_STEP_REPLACE: the reader lets no other in */
            ec_text t = {0};
            ec_pattern_replace(&t, step->pattern, step->content, step->content_size, text, size);
            out->failed = out->failed || t.failed;
            if (t.size_bytes > 0) ec_chunks_add(out, t.data, t.size_bytes, false);
            ec_text_release(&t);
        }
    }
}

void ec_steps_decode(ec_text *out, const ec_steps *steps, ec_chunks *tokens) {
    for (size_t s = 0; s < steps->n && !tokens->failed; s++) {
        ec_chunks next = {.failed = tokens->failed};
        run(&next, &steps->step[s], tokens);
        ec_chunks_release(tokens);
        *tokens = next;
    }
    out->failed = out->failed || tokens->failed;
    if (tokens->bytes.size_bytes > 0)
        ec_text_add_bytes(out, tokens->bytes.data, tokens->bytes.size_bytes);
}
