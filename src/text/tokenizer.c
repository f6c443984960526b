/* tokenizer.c - see eyechart/tokenizer.h: which files a folder has, and who reads them */
#include "eyechart/tokenizer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "text/hf.h"
#include "text/slow.h"
#include "text/utf8.h"

enum { MAX_FILE = 256 << 20, MAX_TEXT = 1 << 30 };

struct ec_tokenizer {
    char *file;
    bool is_slow;
    slow_tokenizer slow;
    hf_tokenizer fast;
    const char *behaviour;
    int32_t bos, eos, pad, unk;
};

void ec_ids_release(ec_ids *ids) {
    free(ids->id);
    *ids = (ec_ids){0};
}

/* ---- files ---- */

static char *path_in(const char *folder, const char *name) {
    ec_text path = {0};
    ec_text_format(&path, "%s/%s", folder, name);
    if (path.failed) ec_text_release(&path);
    return path.data;
}

static bool is_there(const char *folder, const char *name) {
    struct stat info;
    char *path = path_in(folder, name);
    const bool there = path != NULL && stat(path, &info) == 0;
    free(path);
    return there;
}

/* *out NULL where the file is not there and may be missing. */
static ec_status read_json(json_t **out, const char *path, bool may_be_missing, ec_error *err) {
    ec_text bytes = {0};
    json_error_t why;
    *out = NULL;
    ec_status status = ec_file_read(&bytes, path, MAX_FILE, err);
    if (status == EC_ERR_NOT_FOUND && may_be_missing) return EC_OK;
    if (status != EC_OK) return status;
    *out = json_loadb(bytes.data != NULL ? bytes.data : "", bytes.size_bytes, JSON_ALLOW_NUL, &why);
    ec_text_release(&bytes);
    if (*out == NULL)
        return ec_fail(err, EC_ERR_FORMAT, "%s: line %d: %s", path, why.line, why.text);
    if (json_is_object(*out)) return EC_OK;
    json_decref(*out);
    *out = NULL;
    return ec_fail(err, EC_ERR_FORMAT, "%s: expected an object", path);
}

static ec_status read_json_in(json_t **out, const char *folder, const char *name, ec_error *err) {
    char *path = folder != NULL ? path_in(folder, name) : NULL;
    *out = NULL;
    const ec_status status = path != NULL ? read_json(out, path, true, err) : EC_OK;
    free(path);
    return status;
}

/* ---- opening ---- */

static ec_status open_slow(ec_tokenizer *t, const char *folder, ec_tokenizer_reading reading,
                           ec_error *err) {
    json_t *config = NULL, *added = NULL;
    ec_text bytes = {0};
    ec_sentencepiece sp = {0};
    ec_status status = ec_file_read(&bytes, t->file, MAX_FILE, err);
    if (status == EC_OK)
        status = ec_sentencepiece_read(&sp, bytes.data != NULL ? bytes.data : "", bytes.size_bytes,
                                       t->file, err);
    ec_text_release(&bytes);
    if (status == EC_OK) status = read_json_in(&config, folder, "tokenizer_config.json", err);
    if (status == EC_OK) status = read_json_in(&added, folder, "added_tokens.json", err);
    if (status == EC_OK) {
        const json_t *says = json_object_get(config, "legacy");
        const bool legacy = reading == EC_TOKENIZER_SLOW          ? false
                            : reading == EC_TOKENIZER_SLOW_LEGACY ? true
                                                                  : !json_is_false(says);
        t->is_slow = true;
        t->behaviour = legacy ? "slow, legacy" : "slow";
        status = slow_open(&t->slow, &sp, legacy, config, added, t->file, err);
    }
    if (status == EC_OK) {
        t->bos = t->slow.bos;
        t->eos = t->slow.eos;
        t->pad = t->slow.pad;
        t->unk = t->slow.sp.unk;
    }
    ec_sentencepiece_release(&sp);
    json_decref(config);
    json_decref(added);
    return status;
}

static int32_t role(const ec_tokenizer *t, const json_t *config, const char *key) {
    const char *name = slow_token_name(json_object_get(config, key));
    return name != NULL ? ec_tokenizer_find(t, name) : -1;
}

static ec_status take_roles(ec_tokenizer *t, const char *folder, ec_error *err) {
    json_t *config;
    const ec_status status = read_json_in(&config, folder, "tokenizer_config.json", err);
    if (status != EC_OK) return status;
    t->bos = role(t, config, "bos_token");
    t->eos = role(t, config, "eos_token");
    t->pad = role(t, config, "pad_token");
    t->unk = t->fast.unk;
    json_decref(config);
    return EC_OK;
}

static ec_status open_fast(ec_tokenizer *t, const char *folder, ec_error *err) {
    json_t *root;
    ec_status status = read_json(&root, t->file, false, err);
    if (status != EC_OK) return status;
    status = hf_read(&t->fast, root, t->file, err);
    json_decref(root);
    t->behaviour = "fast";
    return status == EC_OK ? take_roles(t, folder, err) : status;
}

static ec_status open_clip(ec_tokenizer *t, const char *folder, ec_error *err) {
    json_t *vocab;
    ec_text merges = {0};
    char *path = path_in(folder, "merges.txt");
    ec_status status = read_json(&vocab, t->file, false, err);
    if (status == EC_OK && path == NULL) status = ec_fail(err, EC_ERR_NOMEM, "out of memory");
    if (status == EC_OK) status = ec_file_read(&merges, path, MAX_FILE, err);
    if (status == EC_OK)
        status = hf_read_clip(&t->fast, vocab, merges.data != NULL ? merges.data : "",
                              merges.size_bytes, path, err);
    t->behaviour = "fast";
    json_decref(vocab);
    ec_text_release(&merges);
    free(path);
    return status == EC_OK ? take_roles(t, folder, err) : status;
}

/* The file of a folder, in the order of preference. */
static const char *choose(const char *folder, ec_tokenizer_reading reading) {
    const bool slow_first =
        !is_there(folder, "spiece.model") || !is_there(folder, "tokenizer.json");
    static const char *const slow[] = {"tokenizer.model", "spiece.model"};
    for (size_t i = 0; i < 2 && reading != EC_TOKENIZER_FAST && slow_first; i++)
        if (is_there(folder, slow[i])) return slow[i];
    if (reading == EC_TOKENIZER_SLOW || reading == EC_TOKENIZER_SLOW_LEGACY)
        return is_there(folder, slow[1]) ? slow[1] : NULL;
    if (is_there(folder, "tokenizer.json")) return "tokenizer.json";
    return is_there(folder, "vocab.json") && is_there(folder, "merges.txt") ? "vocab.json" : NULL;
}

static ec_status open_file(ec_tokenizer *t, const char *folder, ec_tokenizer_reading reading,
                           ec_error *err) {
    const size_t n = strlen(t->file);
    const char *const name = strrchr(t->file, '/') != NULL ? strrchr(t->file, '/') + 1 : t->file;
    const bool is_model = n > 6 && strcmp(t->file + n - 6, ".model") == 0;
    if (reading != EC_TOKENIZER_BY_FOLDER && is_model == (reading == EC_TOKENIZER_FAST))
        return ec_fail(
            err, EC_ERR_ARG,
            "%s: cannot be read as was asked for: slow readings are of *.model, fast ones "
            "of tokenizer.json",
            t->file);
    if (is_model) return open_slow(t, folder, reading, err);
    if (folder != NULL && strcmp(name, "vocab.json") == 0) return open_clip(t, folder, err);
    return open_fast(t, folder, err);
}

ec_status ec_tokenizer_open(ec_tokenizer **out, const char *path, ec_tokenizer_reading reading,
                            ec_error *err) {
    struct stat info;
    char *folder = NULL;
    *out = NULL;
    ec_tokenizer *t = calloc(1, sizeof *t);
    if (t == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path);
    ec_status status = EC_OK;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        status = ec_file_model_folder(&folder, path, err);
        const char *name = status == EC_OK ? choose(folder, reading) : NULL;
        if (status == EC_OK && name == NULL)
            status = ec_fail(
                err, EC_ERR_NOT_FOUND,
                "%s: no tokenizer; expected tokenizer.model, tokenizer.json, or "
                "vocab.json with merges.txt%s",
                path,
                reading == EC_TOKENIZER_BY_FOLDER ? "" : " (one way of reading was asked for)");
        if (status == EC_OK) t->file = path_in(folder, name);
    } else {
        t->file = strdup(path);
    }
    if (status == EC_OK && t->file == NULL)
        status = ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path);
    if (status == EC_OK) status = open_file(t, folder, reading, err);
    free(folder);
    if (status != EC_OK) {
        ec_tokenizer_close(t);
        return status;
    }
    *out = t;
    return EC_OK;
}

void ec_tokenizer_close(ec_tokenizer *t) {
    if (t == NULL) return;
    if (t->is_slow)
        slow_release(&t->slow);
    else
        hf_release(&t->fast);
    free(t->file);
    free(t);
}

ec_tokenizer_info ec_tokenizer_describe(const ec_tokenizer *t) {
    const bool is_unigram = t->is_slow ? t->slow.sp.is_unigram : t->fast.is_unigram;
    return (ec_tokenizer_info){.file = t->file,
                               .model = is_unigram ? "Unigram" : "BPE",
                               .behaviour = t->behaviour,
                               .n_tokens = t->is_slow ? t->slow.n_tokens : t->fast.vocabulary.n,
                               .bos = t->bos,
                               .eos = t->eos,
                               .pad = t->pad,
                               .unk = t->unk};
}

/* ---- encoding ---- */

static bool encode_fast(ec_ids *ids, const hf_tokenizer *t, const char *text, size_t size,
                        bool special) {
    bool good = true;
    for (size_t i = 0; i < t->before.n && special && good; i++)
        good = ec_ids_add(ids, t->before.id[i]);
    good = good && hf_encode(ids, t, text, size);
    for (size_t i = 0; i < t->behind.n && special && good; i++)
        good = ec_ids_add(ids, t->behind.id[i]);
    return good;
}

ec_status ec_tokenizer_encode(ec_ids *ids, const ec_tokenizer *t, const char *text,
                              size_t size_bytes, bool special, ec_error *err) {
    const size_t before = ids->n, valid = ec_utf8_check(text, size_bytes);
    if (valid < size_bytes)
        return ec_fail(err, EC_ERR_FORMAT, "the text is not UTF-8 at byte %zu (0x%02X)", valid,
                       (unsigned char)text[valid]);
    if (size_bytes > MAX_TEXT)
        return ec_fail(err, EC_ERR_ARG, "a text of %zu bytes; expected at most %d", size_bytes,
                       MAX_TEXT);
    if (t->is_slow ? slow_encode(ids, &t->slow, text, size_bytes, special)
                   : encode_fast(ids, &t->fast, text, size_bytes, special))
        return EC_OK;
    ids->n = before;
    return ec_fail(err, EC_ERR_NOMEM, "no memory for the tokens of %zu bytes", size_bytes);
}

int32_t ec_tokenizer_find(const ec_tokenizer *t, const char *token) {
    return t->is_slow ? slow_find(&t->slow, token) : hf_find(&t->fast, token);
}

const char *ec_tokenizer_token(const ec_tokenizer *t, int32_t id) {
    const ec_piece *p =
        t->is_slow ? slow_token(&t->slow, id) : ec_vocabulary_at(&t->fast.vocabulary, id);
    return p != NULL ? p->bytes : NULL;
}

bool ec_tokenizer_is_special(const ec_tokenizer *t, int32_t id) {
    if (id < 0 || (size_t)id >= ec_tokenizer_describe(t).n_tokens) return false;
    return t->is_slow ? t->slow.is_special[id] : t->fast.is_special[id];
}

/* ---- decoding ---- */

/* continues: other tokens stand before these. */
static bool decode(ec_text *out, const ec_tokenizer *t, const int32_t *ids, size_t n,
                   bool skip_special, bool continues) {
    ec_text_add_bytes(out, "", 0);
    return t->is_slow ? slow_decode(out, &t->slow, ids, n, skip_special, continues)
                      : hf_decode(out, &t->fast, ids, n, skip_special);
}

ec_status ec_tokenizer_decode(char **out, size_t *size_bytes, const ec_tokenizer *t,
                              const int32_t *ids, size_t n, bool skip_special, ec_error *err) {
    ec_text text = {0};
    *out = NULL;
    if (!decode(&text, t, ids, n, skip_special, false) || text.data == NULL) {
        ec_text_release(&text);
        return ec_fail(err, EC_ERR_NOMEM, "no memory for the text of %zu tokens", n);
    }
    *out = text.data;
    *size_bytes = text.size_bytes;
    return EC_OK;
}

/* The text of the ids from `known` on is what a window of ids has more than the part of it that was
 * given already; the window begins a few tokens before, since what a token's text is depends on its
 * neighbours. */
struct ec_text_stream {
    const ec_tokenizer *tokenizer;
    ec_ids ids;
    size_t window, known;
    ec_text given, all, out;
};

ec_status ec_text_stream_new(ec_text_stream **out, const ec_tokenizer *tokenizer, ec_error *err) {
    *out = calloc(1, sizeof **out);
    if (*out == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    (*out)->tokenizer = tokenizer;
    return EC_OK;
}

void ec_text_stream_free(ec_text_stream *s) {
    if (s == NULL) return;
    ec_ids_release(&s->ids);
    ec_text_release(&s->given);
    ec_text_release(&s->all);
    ec_text_release(&s->out);
    free(s);
}

static bool ends_open(const ec_text *text) {
    return text->size_bytes >= 3 &&
           memcmp(text->data + text->size_bytes - 3, "\xEF\xBF\xBD", 3) == 0;
}

static const char *advance(ec_text_stream *s, bool to_the_end, size_t *size_bytes) {
    const int32_t *const ids = s->ids.n > 0 ? s->ids.id + s->window : NULL;
    const bool continues = s->window > 0;
    s->given.size_bytes = s->all.size_bytes = s->out.size_bytes = 0;
    ec_text_add_bytes(&s->out, "", 0);
    if (!decode(&s->given, s->tokenizer, ids, s->known - s->window, true, continues) ||
        !decode(&s->all, s->tokenizer, ids, s->ids.n - s->window, true, continues))
        return NULL;
    if (s->all.size_bytes > s->given.size_bytes && (to_the_end || !ends_open(&s->all))) {
        ec_text_add_bytes(&s->out, s->all.data + s->given.size_bytes,
                          s->all.size_bytes - s->given.size_bytes);
        s->window = s->known;
        s->known = s->ids.n;
    }
    if (size_bytes != NULL) *size_bytes = s->out.size_bytes;
    return s->out.failed ? NULL : s->out.data;
}

const char *ec_text_stream_add(ec_text_stream *s, int32_t id, size_t *size_bytes) {
    return ec_ids_add(&s->ids, id) ? advance(s, false, size_bytes) : NULL;
}

const char *ec_text_stream_end(ec_text_stream *s, size_t *size_bytes) {
    return advance(s, true, size_bytes);
}
