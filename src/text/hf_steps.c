/* hf_steps.c - normalizer, pre_tokenizer and decoder of a tokenizer.json: see hf.h */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "text/hf.h"

/* ByteLevel's own expression, and CLIP's words for white space: tokenizers' byte_level.rs. */
static const char BYTE_LEVEL_WORDS[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

ec_status hf_refuse(const hf_reader *r, const char *key, const char *what) {
    return ec_fail(r->err, EC_ERR_FORMAT, "%s: %s: %s", r->path, key, what);
}

bool hf_set_content(ec_step *step, const char *text, size_t size) {
    step->content = malloc(size + 1);
    if (step->content == NULL) return false;
    memcpy(step->content, text, size);
    step->content[size] = '\0';
    step->content_size = size;
    return true;
}

ec_status hf_set_pattern(ec_step *step, const char *text, bool is_regex, const hf_reader *r) {
    const ec_status status = ec_pattern_new(&step->pattern, text, strlen(text), is_regex, r->err);
    return status == EC_OK ? EC_OK : ec_error_prefix(r->err, status, "%s", r->path);
}

/* ---- values ---- */

static bool flag(const json_t *json, const char *key, bool otherwise) {
    const json_t *value = json_object_get(json, key);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

static const char *word(const json_t *json, const char *key) {
    const char *value = json_string_value(json_object_get(json, key));
    return value != NULL ? value : "";
}

static ec_status set_text(ec_step *step, const json_t *json, const char *key, const hf_reader *r) {
    const json_t *value = json_object_get(json, key);
    if (!json_is_string(value)) return hf_refuse(r, key, "expected a string");
    return hf_set_content(step, json_string_value(value), json_string_length(value))
               ? EC_OK
               : ec_no_memory(r->path, r->err);
}

/* "pattern": {"String": …} or {"Regex": …} */
static ec_status read_pattern(ec_step *step, const json_t *json, const hf_reader *r) {
    const json_t *pattern = json_object_get(json, "pattern");
    const char *literal = json_string_value(json_object_get(pattern, "String"));
    const char *regex = json_string_value(json_object_get(pattern, "Regex"));
    if (literal == NULL && regex == NULL)
        return hf_refuse(r, "pattern", "expected {\"String\": …} or {\"Regex\": …}");
    return hf_set_pattern(step, regex != NULL ? regex : literal, regex != NULL, r);
}

static ec_status read_prepend(ec_step *step, const json_t *json, const hf_reader *r) {
    const char *scheme = word(json, "prepend_scheme");
    if (strcmp(scheme, "first") == 0)
        step->prepend = EC_PREPEND_FIRST;
    else if (strcmp(scheme, "never") == 0)
        step->prepend = EC_PREPEND_NEVER;
    else if (strcmp(scheme, "always") == 0)
        step->prepend = EC_PREPEND_ALWAYS;
    else if (scheme[0] == '\0') /* before tokenizers 0.15 */
        step->prepend = flag(json, "add_prefix_space", true) ? EC_PREPEND_ALWAYS : EC_PREPEND_NEVER;
    else
        return hf_refuse(r, "prepend_scheme", "expected always, first or never");
    return EC_OK;
}

static ec_status read_metaspace(ec_step *step, const json_t *json, const hf_reader *r) {
    ec_status status = set_text(step, json, "replacement", r);
    if (status == EC_OK && step->content_size == 0)
        status = hf_refuse(r, "replacement", "expected a character");
    if (status == EC_OK) status = read_prepend(step, json, r);
    step->whole = !flag(json, "split", true);
    return status == EC_OK ? hf_set_pattern(step, step->content, false, r) : status;
}

/* precompiled_charsmap, in base64 */
static ec_status read_charsmap(ec_step *step, const json_t *json, const hf_reader *r) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *text = word(json, "precompiled_charsmap");
    const size_t length = strlen(text);
    size_t n = 0, bits = 0;
    uint32_t held = 0;
    step->charsmap_bytes = malloc(length + 1);
    if (step->charsmap_bytes == NULL) return ec_no_memory(r->path, r->err);
    for (size_t i = 0; i < length && text[i] != '='; i++) {
        const char *digit = strchr(digits, text[i]);
        if (digit == NULL) return hf_refuse(r, "precompiled_charsmap", "expected base64");
        held = held << 6 | (uint32_t)(digit - digits);
        if ((bits += 6) >= 8) step->charsmap_bytes[n++] = (char)(held >> (bits -= 8));
    }
    return ec_charsmap_read(&step->charsmap, step->charsmap_bytes, n)
               ? EC_OK
               : hf_refuse(r, "precompiled_charsmap", "it is broken");
}

/* ---- one step ---- */

/* What a step of this name is, and how the rest of its object is read; NULL: there is no more. */
typedef struct {
    const char *name;
    ec_step_kind kind;
    ec_status (*read)(ec_step *step, const json_t *json, const hf_reader *r);
} known;

static ec_status read_strip(ec_step *step, const json_t *json, const hf_reader *r) {
    (void)r;
    step->left = flag(json, "strip_left", true);
    step->right = flag(json, "strip_right", true);
    return EC_OK;
}

static ec_status read_prefix(ec_step *step, const json_t *json, const hf_reader *r) {
    return set_text(step, json, "prepend", r);
}

static ec_status read_replace(ec_step *step, const json_t *json, const hf_reader *r) {
    const ec_status status = read_pattern(step, json, r);
    return status == EC_OK ? set_text(step, json, "content", r) : status;
}

static const known normalizers[] = {{"NFC", EC_STEP_NFC, NULL},
                                    {"NFD", EC_STEP_NFD, NULL},
                                    {"NFKC", EC_STEP_NFKC, NULL},
                                    {"NFKD", EC_STEP_NFKD, NULL},
                                    {"Lowercase", EC_STEP_LOWERCASE, NULL},
                                    {"Strip", EC_STEP_STRIP, read_strip},
                                    {"Prepend", EC_STEP_PREPEND, read_prefix},
                                    {"Replace", EC_STEP_REPLACE, read_replace},
                                    {"Precompiled", EC_STEP_CHARSMAP, read_charsmap},
                                    {NULL, EC_STEP_NFC, NULL}};

static ec_status read_split(ec_step *step, const json_t *json, const hf_reader *r) {
    static const char *const names[] = {"Isolated", "Removed", "MergedWithPrevious",
                                        "MergedWithNext", "Contiguous"};
    const char *behaviour = word(json, "behavior");
    step->inverted = flag(json, "invert", false);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(behaviour, names[i]) == 0) {
            step->split = (ec_split)i;
            return read_pattern(step, json, r);
        }
    return hf_refuse(r, "behavior",
                     "expected Isolated, Removed, MergedWithPrevious, "
                     "MergedWithNext or Contiguous");
}

static ec_status read_digits(ec_step *step, const json_t *json, const hf_reader *r) {
    (void)r;
    step->whole = !flag(json, "individual_digits", false);
    return EC_OK;
}

static ec_status read_byte_level(ec_step *step, const json_t *json, const hf_reader *r) {
    step->prefix_space = flag(json, "add_prefix_space", true);
    return flag(json, "use_regex", true) ? hf_set_pattern(step, BYTE_LEVEL_WORDS, true, r) : EC_OK;
}

static const known pre_tokenizers[] = {{"Split", EC_STEP_SPLIT, read_split},
                                       {"Digits", EC_STEP_DIGITS, read_digits},
                                       {"ByteLevel", EC_STEP_BYTE_LEVEL, read_byte_level},
                                       {"Metaspace", EC_STEP_METASPACE, read_metaspace},
                                       {"WhitespaceSplit", EC_STEP_WHITESPACE, NULL},
                                       {NULL, EC_STEP_SPLIT, NULL}};

static size_t count(const json_t *json, const char *key) {
    const json_int_t n = json_integer_value(json_object_get(json, key));
    return n > 0 ? (size_t)n : 0;
}

static ec_status read_strip_token(ec_step *step, const json_t *json, const hf_reader *r) {
    step->n_left = count(json, "start");
    step->n_right = count(json, "stop");
    const ec_status status = set_text(step, json, "content", r);
    return status == EC_OK && step->content_size == 0
               ? hf_refuse(r, "content", "expected a character")
               : status;
}

static ec_status read_suffix(ec_step *step, const json_t *json, const hf_reader *r) {
    const char *suffix = word(json, "suffix");
    return hf_set_content(step, suffix, strlen(suffix)) ? EC_OK : ec_no_memory(r->path, r->err);
}

static const known decoders[] = {{"ByteLevel", EC_STEP_BYTE_LEVEL, NULL},
                                 {"ByteFallback", EC_STEP_BYTES, NULL},
                                 {"Fuse", EC_STEP_FUSE, NULL},
                                 {"Replace", EC_STEP_REPLACE, read_replace},
                                 {"Strip", EC_STEP_STRIP_TOKEN, read_strip_token},
                                 {"Metaspace", EC_STEP_SPACE_TOKENS, read_metaspace},
                                 {"BPEDecoder", EC_STEP_WORD_ENDS, read_suffix},
                                 {NULL, EC_STEP_FUSE, NULL}};

/* ---- a list ---- */

enum { MAX_DEPTH = 4, MAX_STEPS = 64 };

typedef struct {
    const char *key, *list; /* "normalizer", and what a Sequence calls its parts */
    const known *known;
} kind_of_list;

static ec_status read_steps(ec_steps *out, const json_t *json, const kind_of_list *kind, int depth,
                            const hf_reader *r) {
    const char *type = word(json, "type");
    if (json == NULL || json_is_null(json)) return EC_OK;
    if (depth > MAX_DEPTH || out->n > MAX_STEPS)
        return hf_refuse(r, kind->key, "too many steps, or too deep");
    if (strcmp(type, "Sequence") == 0) {
        const json_t *parts = json_object_get(json, kind->list);
        const json_t *part;
        size_t i;
        if (!json_is_array(parts)) return hf_refuse(r, kind->list, "expected a list");
        json_array_foreach(parts, i, part) {
            const ec_status status = read_steps(out, part, kind, depth + 1, r);
            if (status != EC_OK) return status;
        }
        return EC_OK;
    }
    for (const known *k = kind->known; k->name != NULL; k++) {
        if (strcmp(k->name, type) != 0) continue;
        ec_step *step = ec_steps_add(out, k->kind);
        if (step == NULL) return ec_no_memory(r->path, r->err);
        return k->read != NULL ? k->read(step, json, r) : EC_OK;
    }
    return ec_fail(r->err, EC_ERR_FORMAT, "%s: %s: type '%.80s' is not known", r->path, kind->key,
                   type);
}

ec_status hf_read_normalizer(ec_steps *out, const json_t *json, const hf_reader *r) {
    static const kind_of_list kind = {"normalizer", "normalizers", normalizers};
    return read_steps(out, json, &kind, 0, r);
}

ec_status hf_read_pre_tokenizer(ec_steps *out, const json_t *json, const hf_reader *r) {
    static const kind_of_list kind = {"pre_tokenizer", "pretokenizers", pre_tokenizers};
    return read_steps(out, json, &kind, 0, r);
}

ec_status hf_read_decoder(ec_steps *out, const json_t *json, const hf_reader *r) {
    static const kind_of_list kind = {"decoder", "decoders", decoders};
    return read_steps(out, json, &kind, 0, r);
}
