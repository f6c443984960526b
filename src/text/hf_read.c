/* hf_read.c - the model, added tokens and post_processor of a tokenizer.json: see hf.h */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "text/hf.h"
#include "text/sentencepiece.h"
#include "text/utf8.h"

static bool flag(const json_t *json, const char *key) {
    return json_is_true(json_object_get(json, key));
}

static ec_status add_token(hf_tokenizer *t, json_int_t id, const char *text, size_t size,
                           double score, bool takes_over, const hf_reader *r) {
    if (id < 0 || id >= EC_MAX_TOKENS)
        return ec_fail(r->err, EC_ERR_FORMAT, "%s: the id of '%.80s' is %lld; expected 0 to %d",
                       r->path, text, (long long)id, EC_MAX_TOKENS - 1);
    const ec_piece *there = ec_vocabulary_at(&t->vocabulary, (int32_t)id);
    if (there != NULL && (there->size != size || memcmp(there->bytes, text, size) != 0))
        return ec_fail(r->err, EC_ERR_FORMAT, "%s: '%.80s' and '%.80s' both have the id %lld",
                       r->path, there->bytes, text, (long long)id);
    return ec_vocabulary_add(&t->vocabulary, (int32_t)id, text, size, score, EC_PIECE_NORMAL,
                             takes_over)
               ? EC_OK
               : ec_no_memory(r->path, r->err);
}

/* ---- BPE ---- */

static ec_status read_vocab(hf_tokenizer *t, const json_t *vocab, const hf_reader *r) {
    const char *token;
    json_t *id;
    if (!json_is_object(vocab))
        return hf_refuse(r, "vocab", "expected an object of tokens and ids");
    json_object_foreach((json_t *)vocab, token, id) {
        if (!json_is_integer(id)) return hf_refuse(r, "vocab", "expected a whole number as an id");
        const ec_status status =
            add_token(t, json_integer_value(id), token, strlen(token), 0, false, r);
        if (status != EC_OK) return status;
    }
    return EC_OK;
}

/* One merge: the halves and their sum must be tokens. */
static ec_status read_merge(hf_tokenizer *t, const char *left, size_t left_size, const char *right,
                            size_t right_size, uint32_t rank, const hf_reader *r) {
    ec_text whole = {0};
    ec_text_add_bytes(&whole, left, left_size);
    ec_text_add_bytes(&whole, right, right_size);
    const int32_t x = ec_vocabulary_find(&t->vocabulary, left, left_size),
                  y = ec_vocabulary_find(&t->vocabulary, right, right_size),
                  sum = whole.failed || whole.size_bytes == 0
                            ? -1
                            : ec_vocabulary_find(&t->vocabulary, whole.data, whole.size_bytes);
    const bool failed = whole.failed;
    ec_text_release(&whole);
    if (failed) return ec_no_memory(r->path, r->err);
    if (x < 0 || y < 0 || sum < 0)
        return ec_fail(r->err, EC_ERR_FORMAT,
                       "%s: merge %u, '%.*s' and '%.*s': %s is not in the vocabulary", r->path,
                       rank, (int)(left_size < 40 ? left_size : 40), left,
                       (int)(right_size < 40 ? right_size : 40), right,
                       x < 0   ? "the first"
                       : y < 0 ? "the second"
                               : "what they become");
    return hf_add_merge(t, x, y, sum, rank, r);
}

/* "a b": a line of merges.txt, an element of older files. */
static ec_status read_merge_line(hf_tokenizer *t, const char *line, size_t size, uint32_t rank,
                                 const hf_reader *r) {
    const char *space = memchr(line, ' ', size);
    const size_t left = space != NULL ? (size_t)(space - line) : 0;
    if (space == NULL || memchr(space + 1, ' ', size - left - 1) != NULL)
        return hf_refuse(r, "merges", "expected two tokens with a space between");
    return read_merge(t, line, left, space + 1, size - left - 1, rank, r);
}

static ec_status read_merges(hf_tokenizer *t, const json_t *merges, const hf_reader *r) {
    const json_t *merge;
    size_t i;
    if (!json_is_array(merges)) return hf_refuse(r, "merges", "expected a list");
    json_array_foreach(merges, i, merge) {
        const json_t *x = json_array_get(merge, 0), *y = json_array_get(merge, 1);
        ec_status status;
        if (json_is_string(merge))
            status = read_merge_line(t, json_string_value(merge), json_string_length(merge),
                                     (uint32_t)i, r);
        else if (json_array_size(merge) == 2 && json_is_string(x) && json_is_string(y))
            status = read_merge(t, json_string_value(x), json_string_length(x),
                                json_string_value(y), json_string_length(y), (uint32_t)i, r);
        else
            status = hf_refuse(r, "merges", "expected \"a b\" or [\"a\", \"b\"]");
        if (status != EC_OK) return status;
    }
    return EC_OK;
}

static const char *text_of(const json_t *json, const char *key) {
    const char *value = json_string_value(json_object_get(json, key));
    return value != NULL ? value : "";
}

static ec_status read_bpe(hf_tokenizer *t, const json_t *model, const hf_reader *r) {
    const char *unk = json_string_value(json_object_get(model, "unk_token"));
    if (text_of(model, "continuing_subword_prefix")[0] != '\0')
        return hf_refuse(r, "continuing_subword_prefix", "not known here; expected none");
    if (json_number_value(json_object_get(model, "dropout")) != 0)
        return hf_refuse(r, "dropout", "merges left out by chance; expected none");
    t->fuse_unk = flag(model, "fuse_unk");
    t->byte_fallback = flag(model, "byte_fallback");
    t->ignore_merges = flag(model, "ignore_merges");
    t->word_end = strdup(text_of(model, "end_of_word_suffix"));
    if (t->word_end == NULL) return ec_no_memory(r->path, r->err);
    ec_status status = read_vocab(t, json_object_get(model, "vocab"), r);
    if (status == EC_OK) status = read_merges(t, json_object_get(model, "merges"), r);
    if (status == EC_OK && unk != NULL) {
        t->unk = ec_vocabulary_find(&t->vocabulary, unk, strlen(unk));
        if (t->unk < 0) status = hf_refuse(r, "unk_token", "it is not in the vocabulary");
    }
    return status;
}

/* ---- Unigram ---- */

static ec_status read_unigram(hf_tokenizer *t, const json_t *model, const hf_reader *r) {
    const json_t *vocab = json_object_get(model, "vocab"), *entry;
    const json_t *unk = json_object_get(model, "unk_id");
    size_t i;
    if (!json_is_array(vocab)) return hf_refuse(r, "vocab", "expected a list of tokens and scores");
    t->is_unigram = true;
    t->byte_fallback = flag(model, "byte_fallback");
    t->lowest = INFINITY;
    if ((t->word_end = strdup("")) == NULL) return ec_no_memory(r->path, r->err);
    json_array_foreach(vocab, i, entry) {
        const json_t *token = json_array_get(entry, 0), *score = json_array_get(entry, 1);
        if (!json_is_string(token) || !json_is_number(score) || !isfinite(json_number_value(score)))
            return hf_refuse(r, "vocab", "expected [token, score]");
        const double value = json_number_value(score);
        const ec_status status = add_token(t, (json_int_t)i, json_string_value(token),
                                           json_string_length(token), value, false, r);
        if (status != EC_OK) return status;
        t->lowest = value < t->lowest ? value : t->lowest;
    }
    if (!json_is_integer(unk) || json_integer_value(unk) < 0 ||
        (size_t)json_integer_value(unk) >= json_array_size(vocab))
        return hf_refuse(r, "unk_id", "expected the id of the token for what is unknown");
    t->unk = (int32_t)json_integer_value(unk);
    return EC_OK;
}

/* ---- added tokens ---- */

/* One that is found in the normalised text is called by what the normalizer makes of its name. */
static ec_status add_added(hf_tokenizer *t, const ec_added *a, const hf_reader *r) {
    ec_text normal = {0};
    ec_added of = *a;
    bool stripped;
    if (a->normalised) {
        ec_steps_normalise(&normal, &stripped, &t->normalizer, a->content, a->size);
        of.content = normal.size_bytes > 0 ? normal.data : "";
        of.size = normal.size_bytes;
    }
    ec_status status = normal.failed ? ec_no_memory(r->path, r->err) : EC_OK;
    if (status == EC_OK && ec_vocabulary_at(&t->vocabulary, a->id) == NULL)
        status = add_token(t, a->id, of.content, of.size, 0, true, r);
    if (status == EC_OK && !ec_added_list_add(a->normalised ? &t->normalised : &t->raw, &of))
        status = ec_no_memory(r->path, r->err);
    ec_text_release(&normal);
    return status;
}

static ec_status read_added(hf_tokenizer *t, const json_t *list, const hf_reader *r) {
    const json_t *entry;
    size_t i;
    if (list == NULL || json_is_null(list)) return EC_OK;
    if (!json_is_array(list)) return hf_refuse(r, "added_tokens", "expected a list");
    json_array_foreach(list, i, entry) {
        const json_t *content = json_object_get(entry, "content"),
                     *id = json_object_get(entry, "id");
        if (!json_is_string(content) || !json_is_integer(id) || json_integer_value(id) < 0 ||
            json_integer_value(id) >= EC_MAX_TOKENS)
            return hf_refuse(r, "added_tokens", "expected {\"id\": …, \"content\": …, …}");
        const ec_added a = {.content = (char *)json_string_value(content),
                            .size = json_string_length(content),
                            .id = (int32_t)json_integer_value(id),
                            .single_word = flag(entry, "single_word"),
                            .lstrip = flag(entry, "lstrip"),
                            .rstrip = flag(entry, "rstrip"),
                            .special = flag(entry, "special"),
                            .normalised = flag(entry, "normalized")};
        const ec_status status = add_added(t, &a, r);
        if (status != EC_OK) return status;
    }
    return EC_OK;
}

/* is_special of every id, once all are known. */
static ec_status settle(hf_tokenizer *t, const hf_reader *r) {
    const ec_added_list *const lists[] = {&t->raw, &t->normalised};
    t->is_special = calloc(t->vocabulary.n + 1, sizeof *t->is_special);
    if (t->is_special == NULL) return ec_no_memory(r->path, r->err);
    for (size_t l = 0; l < 2; l++)
        for (size_t i = 0; i < lists[l]->n; i++)
            t->is_special[lists[l]->item[i].id] = lists[l]->item[i].special;
    ec_vocabulary_bytes(t->byte, &t->vocabulary);
    return EC_OK;
}

/* ---- post_processor ---- */

/* One end of a template: {"SpecialToken": {"id": "<s>"}} by its ids in "special_tokens". */
static ec_status add_template_token(ec_ids *to, const json_t *json, const char *name,
                                    const hf_reader *r) {
    const json_t *ids =
        json_object_get(json_object_get(json_object_get(json, "special_tokens"), name), "ids");
    const json_t *id;
    size_t i;
    if (!json_is_array(ids)) return hf_refuse(r, "post_processor", "a special token without ids");
    json_array_foreach(ids, i, id) {
        if (!json_is_integer(id)) return hf_refuse(r, "post_processor", "an id that is no number");
        if (!ec_ids_add(to, (int32_t)json_integer_value(id))) return ec_no_memory(r->path, r->err);
    }
    return EC_OK;
}

static ec_status read_template(hf_tokenizer *t, const json_t *json, const hf_reader *r) {
    const json_t *part;
    size_t i;
    bool behind = false;
    json_array_foreach(json_object_get(json, "single"), i, part) {
        const json_t *token = json_object_get(part, "SpecialToken");
        if (token == NULL) {
            behind = true;
            continue;
        }
        const ec_status status =
            add_template_token(behind ? &t->behind : &t->before, json, text_of(token, "id"), r);
        if (status != EC_OK) return status;
    }
    return EC_OK;
}

/* ["<s>", 0] */
static ec_status read_end(ec_ids *to, const json_t *pair, const hf_reader *r) {
    const json_t *id = json_array_get(pair, 1);
    if (!json_is_integer(id)) return hf_refuse(r, "post_processor", "expected [token, id]");
    return ec_ids_add(to, (int32_t)json_integer_value(id)) ? EC_OK : ec_no_memory(r->path, r->err);
}

enum { MAX_DEPTH = 4 };

static ec_status read_post_processor(hf_tokenizer *t, const json_t *json, int depth,
                                     const hf_reader *r) {
    const char *type = text_of(json, "type");
    const json_t *part;
    size_t i;
    if (json == NULL || json_is_null(json) || strcmp(type, "ByteLevel") == 0) return EC_OK;
    if (depth > MAX_DEPTH) return hf_refuse(r, "post_processor", "too deep");
    if (strcmp(type, "TemplateProcessing") == 0) return read_template(t, json, r);
    if (strcmp(type, "RobertaProcessing") == 0 || strcmp(type, "BertProcessing") == 0) {
        const ec_status status = read_end(&t->before, json_object_get(json, "cls"), r);
        return status == EC_OK ? read_end(&t->behind, json_object_get(json, "sep"), r) : status;
    }
    if (strcmp(type, "Sequence") != 0)
        return ec_fail(r->err, EC_ERR_FORMAT, "%s: post_processor: type '%.80s' is not known",
                       r->path, type);
    json_array_foreach(json_object_get(json, "processors"), i, part) {
        const ec_status status = read_post_processor(t, part, depth + 1, r);
        if (status != EC_OK) return status;
    }
    return EC_OK;
}

/* ---- the whole ---- */

static ec_status read_model(hf_tokenizer *t, const json_t *model, const hf_reader *r) {
    const char *type = text_of(model, "type");
    if (strcmp(type, "Unigram") == 0 ||
        (type[0] == '\0' && json_is_array(json_object_get(model, "vocab"))))
        return read_unigram(t, model, r);
    if (strcmp(type, "BPE") == 0 ||
        (type[0] == '\0' && json_is_array(json_object_get(model, "merges"))))
        return read_bpe(t, model, r);
    return ec_fail(r->err, EC_ERR_FORMAT,
                   "%s: model: type '%.80s' is not known; expected BPE or Unigram", r->path, type);
}

ec_status hf_read(hf_tokenizer *out, const json_t *root, const char *path, ec_error *err) {
    const hf_reader r = {path, err};
    const json_t *decoder = json_object_get(root, "decoder");
    *out = (hf_tokenizer){.unk = -1, .has_decoder = json_is_object(decoder)};
    ec_status status = read_model(out, json_object_get(root, "model"), &r);
    if (status == EC_OK)
        status = hf_read_normalizer(&out->normalizer, json_object_get(root, "normalizer"), &r);
    if (status == EC_OK)
        status =
            hf_read_pre_tokenizer(&out->pre_tokenizer, json_object_get(root, "pre_tokenizer"), &r);
    if (status == EC_OK) status = hf_read_decoder(&out->decoder, decoder, &r);
    if (status == EC_OK) status = read_added(out, json_object_get(root, "added_tokens"), &r);
    if (status == EC_OK)
        status = read_post_processor(out, json_object_get(root, "post_processor"), 0, &r);
    if (status == EC_OK) status = settle(out, &r);
    if (status != EC_OK) hf_release(out);
    return status;
}

/* ---- CLIP ---- */

/* merges.txt: a line "#version: …", then a merge a line. */
static ec_status read_merges_text(hf_tokenizer *t, const char *text, size_t size,
                                  const hf_reader *r) {
    uint32_t rank = 0;
    const char *const end = text + size;
    for (const char *at = text; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((stop != NULL ? stop : end) - at);
        const char *line = at;
        at += length + 1;
        if (length > 0 && line[length - 1] == '\r') length--;
        if (length == 0 || (line == text && strncmp(line, "#version", 8) == 0)) continue;
        const ec_status status = read_merge_line(t, line, length, rank++, r);
        if (status != EC_OK) return status;
    }
    return EC_OK;
}

static ec_status clip_steps(hf_tokenizer *t, const hf_reader *r) {
    static const char words[] = "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|"
                                "[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";
    ec_step *step = ec_steps_add(&t->normalizer, EC_STEP_NFC);
    if (step == NULL || (step = ec_steps_add(&t->normalizer, EC_STEP_REPLACE)) == NULL ||
        !hf_set_content(step, " ", 1))
        return ec_no_memory(r->path, r->err);
    ec_status status = hf_set_pattern(step, "\\s+", true, r);
    if (status != EC_OK) return status;
    if (ec_steps_add(&t->normalizer, EC_STEP_LOWERCASE) == NULL ||
        (step = ec_steps_add(&t->pre_tokenizer, EC_STEP_SPLIT)) == NULL)
        return ec_no_memory(r->path, r->err);
    step->split = EC_SPLIT_REMOVED;
    step->inverted = true;
    if ((status = hf_set_pattern(step, words, true, r)) != EC_OK) return status;
    if (ec_steps_add(&t->pre_tokenizer, EC_STEP_BYTE_LEVEL) == NULL ||
        ec_steps_add(&t->decoder, EC_STEP_BYTE_LEVEL) == NULL ||
        (step = ec_steps_add(&t->decoder, EC_STEP_REPLACE)) == NULL ||
        !hf_set_content(step, " ", 1))
        return ec_no_memory(r->path, r->err);
    t->has_decoder = true;
    return hf_set_pattern(step, "</w>", false, r);
}

ec_status hf_read_clip(hf_tokenizer *out, const json_t *vocab, const char *merges, size_t size,
                       const char *path, ec_error *err) {
    static const char start[] = "<|startoftext|>", end[] = "<|endoftext|>";
    const hf_reader r = {path, err};
    *out = (hf_tokenizer){.word_end = strdup("</w>")};
    ec_status status =
        out->word_end != NULL ? read_vocab(out, vocab, &r) : ec_no_memory(r.path, r.err);
    if (status == EC_OK) status = read_merges_text(out, merges, size, &r);
    const int32_t bos = ec_vocabulary_find(&out->vocabulary, start, strlen(start)),
                  eos = ec_vocabulary_find(&out->vocabulary, end, strlen(end));
    out->unk = eos;
    if (status == EC_OK && (bos < 0 || eos < 0))
        status =
            ec_fail(err, EC_ERR_FORMAT,
                    "%s: no '%s' and '%s' in the vocabulary: this is not CLIP's", path, start, end);
    for (size_t i = 0; i < 2 && status == EC_OK; i++) {
        const ec_added a = {.content = (char *)(i == 0 ? start : end),
                            .size = strlen(i == 0 ? start : end),
                            .id = i == 0 ? bos : eos,
                            .special = true};
        status = add_added(out, &a, &r);
    }
    if (status == EC_OK) status = clip_steps(out, &r);
    if (status == EC_OK && (!ec_ids_add(&out->before, bos) || !ec_ids_add(&out->behind, eos)))
        status = ec_no_memory(r.path, r.err);
    if (status == EC_OK) status = settle(out, &r);
    if (status != EC_OK) hf_release(out);
    return status;
}
