/* slow.c - see slow.h */
#include "text/slow.h"

#include <stdlib.h>
#include <string.h>

#include "text/utf8.h"

static const char SPACE[] = "\xE2\x96\x81"; /* U+2581 */

void slow_release(slow_tokenizer *t) {
    ec_sentencepiece_release(&t->sp);
    ec_added_list_release(&t->added);
    ec_vocabulary_release(&t->tokens);
    free(t->is_special);
    *t = (slow_tokenizer){0};
}

const ec_piece *slow_token(const slow_tokenizer *t, int32_t id) {
    const ec_piece *p = ec_vocabulary_at(&t->tokens, id);
    return p != NULL ? p : ec_vocabulary_at(&t->sp.pieces, id);
}

int32_t slow_find(const slow_tokenizer *t, const char *token) {
    const int32_t id = ec_vocabulary_find(&t->tokens, token, strlen(token));
    return id >= 0 ? id : ec_vocabulary_find(&t->sp.pieces, token, strlen(token));
}

static bool is_special(const slow_tokenizer *t, int32_t id) {
    return id >= 0 && (size_t)id < t->n_tokens && t->is_special[id];
}

/* ---- opening ---- */

static bool add_added(slow_tokenizer *t, const char *content, size_t size, int32_t id,
                      const json_t *flags) {
    const ec_added a = {.content = (char *)content,
                        .size = size,
                        .id = id,
                        .single_word = json_is_true(json_object_get(flags, "single_word")),
                        .lstrip = json_is_true(json_object_get(flags, "lstrip")),
                        .rstrip = json_is_true(json_object_get(flags, "rstrip"))};
    const ec_piece *p = ec_vocabulary_at(&t->sp.pieces, id);
    const bool is_piece = p != NULL && p->size == size && memcmp(p->bytes, content, size) == 0;
    return ec_added_list_add(&t->added, &a) &&
           (is_piece || ec_vocabulary_add(&t->tokens, id, content, size, 0, EC_PIECE_NORMAL, true));
}

static ec_status bad_added(const char *path, const char *content, ec_error *err) {
    return ec_fail(err, EC_ERR_FORMAT,
                   "%s: added token '%.80s': expected an id from 0 to %d that no other has, and a "
                   "name",
                   path, content != NULL ? content : "", EC_MAX_TOKENS - 1);
}

/* "added_tokens_decoder": {"32000": {"content": "<image>", …}, …} */
static ec_status read_decoder(slow_tokenizer *t, const json_t *config, const char *path,
                              ec_error *err) {
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(config, "added_tokens_decoder"), key, value) {
        char *end;
        const json_t *content = json_object_get(value, "content");
        const long id = strtol(key, &end, 10);
        if (*end != '\0' || end == key || id < 0 || id >= EC_MAX_TOKENS ||
            !json_is_string(content) ||
            !add_added(t, json_string_value(content), json_string_length(content), (int32_t)id,
                       value))
            return bad_added(path, json_string_value(content), err);
    }
    return EC_OK;
}

/* added_tokens.json: {"<image>": 32000, …} */
static ec_status read_added(slow_tokenizer *t, const json_t *added, const char *path,
                            ec_error *err) {
    const char *content;
    json_t *id;
    json_object_foreach((json_t *)added, content, id) {
        const json_int_t n = json_integer_value(id);
        if (!json_is_integer(id) || n < 0 || n >= EC_MAX_TOKENS ||
            !add_added(t, content, strlen(content), (int32_t)n, NULL))
            return bad_added(path, content, err);
    }
    return EC_OK;
}

const char *slow_token_name(const json_t *value) {
    const char *name = json_string_value(value);
    return name != NULL ? name : json_string_value(json_object_get(value, "content"));
}

/* A special token by its role: what the configuration says, else the model's own. */
static int32_t role(slow_tokenizer *t, const json_t *config, const char *key, int32_t otherwise) {
    const char *name = slow_token_name(json_object_get(config, key));
    const int32_t id = name != NULL ? slow_find(t, name) : otherwise;
    const ec_piece *p = slow_token(t, id);
    if (p == NULL || !add_added(t, p->bytes, p->size, id, NULL)) return -1;
    return id;
}

static void mark_special(slow_tokenizer *t, int32_t id) {
    if (id >= 0 && (size_t)id < t->n_tokens) t->is_special[id] = true;
}

static bool mark_all(slow_tokenizer *t, const json_t *config) {
    const json_t *list = json_object_get(config, "additional_special_tokens"), *value;
    const char *key;
    json_t *added;
    size_t i;
    t->n_tokens = t->sp.pieces.n > t->tokens.n ? t->sp.pieces.n : t->tokens.n;
    t->is_special = calloc(t->n_tokens + 1, sizeof *t->is_special);
    if (t->is_special == NULL) return false;
    const int32_t roles[] = {t->sp.unk, t->bos, t->eos, t->pad};
    for (i = 0; i < sizeof roles / sizeof *roles; i++) mark_special(t, roles[i]);
    json_array_foreach(list, i, value) {
        const char *name = slow_token_name(value);
        if (name != NULL) mark_special(t, slow_find(t, name));
    }
    json_object_foreach(json_object_get(config, "added_tokens_decoder"), key,
                        added) if (json_is_true(json_object_get(added, "special")))
        mark_special(t, (int32_t)strtol(key, NULL, 10));
    return true;
}

static bool flag(const json_t *config, const char *key, bool otherwise) {
    const json_t *value = json_object_get(config, key);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

ec_status slow_open(slow_tokenizer *out, ec_sentencepiece *sp, bool legacy, const json_t *config,
                    const json_t *added, const char *path, ec_error *err) {
    slow_tokenizer *t = out;
    const bool is_t5 = sp->is_unigram;
    *t = (slow_tokenizer){.sp = *sp, .legacy = legacy};
    *sp = (ec_sentencepiece){0};
    if (!legacy) t->sp.add_dummy_prefix = false;
    ec_status status = read_added(t, added, path, err);
    if (status == EC_OK) status = read_decoder(t, config, path, err);
    if (status == EC_OK) {
        role(t, config, "unk_token", t->sp.unk);
        t->bos = role(t, config, "bos_token", t->sp.bos);
        t->eos = role(t, config, "eos_token", t->sp.eos);
        t->pad = role(t, config, "pad_token", t->sp.pad);
        t->adds_bos = t->bos >= 0 && flag(config, "add_bos_token", !is_t5);
        t->adds_eos = t->eos >= 0 && flag(config, "add_eos_token", is_t5);
        t->unk_name = t->sp.pieces.piece[t->sp.unk].bytes;
        ec_ids ids = {0};
        const bool good = mark_all(t, config) &&
                          ec_sentencepiece_encode(&ids, &t->sp, t->unk_name, strlen(t->unk_name));
        t->n_unk = ids.n;
        ec_ids_release(&ids);
        if (!good) status = ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path);
    }
    if (status != EC_OK) slow_release(t);
    return status;
}

/* ---- encoding ---- */

static bool starts_with(const char *text, size_t size, const char *with) {
    const size_t n = strlen(with);
    return size >= n && memcmp(text, with, n) == 0;
}

/* LlamaTokenizer._tokenize: what begins with a space is encoded behind the name of the unknown
 * token, whose pieces are then cut off, so that the space is not lost. */
static bool encode_piece(ec_ids *ids, const slow_tokenizer *t, const char *text, size_t size) {
    if (t->legacy || !(starts_with(text, size, SPACE) || starts_with(text, size, " ")))
        return ec_sentencepiece_encode(ids, &t->sp, text, size);
    ec_ids all = {0};
    ec_text with = {0};
    ec_text_add(&with, t->unk_name);
    ec_text_add_bytes(&with, text, size);
    bool good = !with.failed && ec_sentencepiece_encode(&all, &t->sp, with.data, with.size_bytes);
    for (size_t i = all.n >= t->n_unk ? t->n_unk : 0; i < all.n && good; i++)
        good = ec_ids_add(ids, all.id[i]);
    ec_ids_release(&all);
    ec_text_release(&with);
    return good;
}

/* U+2581, and the text with spaces for every other. */
static void put_prefix(ec_text *out, const char *text, size_t size) {
    ec_text_add(out, SPACE);
    for (size_t i = 0; i < size;)
        if (starts_with(text + i, size - i, SPACE)) {
            ec_text_add(out, " ");
            i += strlen(SPACE);
        } else {
            ec_text_add_bytes(out, text + i++, 1);
        }
}

bool slow_encode(ec_ids *ids, const slow_tokenizer *t, const char *text, size_t size,
                 bool special) {
    ec_text with = {0};
    ec_chunks chunks = {0};
    if (t->legacy || size == 0)
        ec_text_add_bytes(&with, text, size);
    else
        put_prefix(&with, text, size);
    bool good = !with.failed;
    if (good && special && t->adds_bos) good = ec_ids_add(ids, t->bos);
    const size_t first = ids->n;
    if (good && with.size_bytes > 0)
        ec_added_split(&chunks, &t->added, with.data, with.size_bytes, true);
    good = good && !chunks.failed;
    for (size_t i = 0; i < chunks.n && good; i++) {
        const ec_chunk *c = &chunks.chunk[i];
        good = c->id >= 0 ? ec_ids_add(ids, c->id)
                          : encode_piece(ids, t, chunks.bytes.data + c->start, c->size);
    }
    /* A prefix that only stands before a special token goes. */
    if (good && !t->legacy && ids->n > first + 1 && is_special(t, ids->id[first + 1]) &&
        ids->id[first] == ec_vocabulary_find(&t->sp.pieces, SPACE, strlen(SPACE))) {
        memmove(ids->id + first, ids->id + first + 1, (ids->n - first - 1) * sizeof *ids->id);
        ids->n--;
    }
    if (good && special && t->adds_eos) good = ec_ids_add(ids, t->eos);
    ec_text_release(&with);
    ec_chunks_release(&chunks);
    return good;
}

/* ---- decoding ---- */

/* What a run of pieces may have before its text: of the whole text a prefix that LlamaTokenizer
 * takes away, and then one that SentencePiece does. */
typedef enum { AT_START, BEHIND_SPECIAL, CONTINUES } position;

/* The text of a run of pieces, as SentencePiece decodes it. */
static void decode_run(ec_text *out, const slow_tokenizer *t, const int32_t *ids, size_t n,
                       position where) {
    ec_text run = {0}, bytes = {0};
    bool expects_space = where != CONTINUES;
    for (size_t i = 0; i < n; i++) {
        const ec_piece *p = slow_token(t, ids[i]);
        if (p->kind == EC_PIECE_BYTE) {
            char *end;
            ec_text_add_bytes(&bytes, &(char){(char)strtol(p->bytes + 1, &end, 16)}, 1);
            expects_space = false;
            continue;
        }
        if (bytes.size_bytes > 0) ec_utf8_add_lossy_bytes(&run, bytes.data, bytes.size_bytes);
        bytes.size_bytes = 0;
        const char *text = p->bytes;
        size_t size = p->size;
        if (i == 0 && where == AT_START && starts_with(text, size, SPACE)) {
            text += strlen(SPACE);
            size -= strlen(SPACE);
        }
        ec_sentencepiece_add_piece(&run, &t->sp, text, size, ids[i], &expects_space);
    }
    if (bytes.size_bytes > 0) ec_utf8_add_lossy_bytes(&run, bytes.data, bytes.size_bytes);
    if (run.size_bytes > 0) ec_text_add_bytes(out, run.data, run.size_bytes);
    out->failed = out->failed || run.failed || bytes.failed;
    ec_text_release(&run);
    ec_text_release(&bytes);
}

/* LlamaTokenizer.convert_tokens_to_string */
static void decode_part(ec_text *out, const slow_tokenizer *t, const int32_t *ids, size_t n,
                        position where) {
    size_t from = 0;
    bool was_special = false;
    for (size_t i = 0; i < n; i++) {
        if (!is_special(t, ids[i])) {
            was_special = false;
            continue;
        }
        if (!was_special && i > 0 && t->legacy) ec_text_add(out, " ");
        decode_run(out, t, ids + from, i - from, where);
        where = BEHIND_SPECIAL;
        ec_text_add(out, slow_token(t, ids[i])->bytes);
        was_special = true;
        from = i + 1;
    }
    decode_run(out, t, ids + from, n - from, where);
}

/* Whether a token stands by itself in a decoded text: added, and not special. */
static bool is_apart(const slow_tokenizer *t, int32_t id) {
    return ec_vocabulary_at(&t->tokens, id) != NULL && !is_special(t, id);
}

bool slow_decode(ec_text *out, const slow_tokenizer *t, const int32_t *ids, size_t n,
                 bool skip_special, bool continues) {
    int32_t *part = malloc((n + 1) * sizeof *part);
    size_t n_part = 0;
    bool is_first = true;
    if (part == NULL) return false;
    for (size_t i = 0; i <= n; i++) {
        const bool ends = i == n || is_apart(t, ids[i]);
        if (ends && n_part > 0) {
            const size_t before = out->size_bytes;
            if (!is_first) ec_text_add(out, " ");
            const size_t begin = out->size_bytes;
            decode_part(out, t, part, n_part, continues ? CONTINUES : AT_START);
            continues = false;
            if (out->size_bytes == begin && i < n)
                out->size_bytes = before; /* an empty part has no space */
            else
                is_first = false;
            n_part = 0;
        }
        if (i < n && ends) {
            if (!is_first) ec_text_add(out, " ");
            ec_text_add(out, slow_token(t, ids[i])->bytes);
            is_first = false;
        } else if (i < n && slow_token(t, ids[i]) != NULL &&
                   !(skip_special && is_special(t, ids[i]))) {
            part[n_part++] = ids[i];
        }
    }
    free(part);
    if (out->data != NULL) out->data[out->size_bytes] = '\0';
    return !out->failed;
}
