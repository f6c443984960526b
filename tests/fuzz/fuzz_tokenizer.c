/* tokenizer.json and tokenizer.model. What is accepted encodes awkward texts to ids that are its own, and decodes
 * them to UTF-8. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "round_trip.h"
#include "text/hf.h"
#include "text/slow.h"
#include "text/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const texts[] = {"", " Hello  world</s>x",
                                    "a\xCC\x81\xE2\x96\x81\xF0\x9F\xA6\xA9\n\t12345",
                                    "<s><unk>   foo hello "};
enum { N_TEXTS = sizeof texts / sizeof *texts };

static void demand_text(ec_text *text) {
    DEMAND(text->size_bytes == 0 ||
           ec_utf8_check(text->data, text->size_bytes) == text->size_bytes);
    ec_text_release(text);
}

static void try_json(const char *data, size_t size) {
    ec_error err = {0};
    hf_tokenizer t;
    json_t *root = json_loadb(data, size, JSON_ALLOW_NUL, NULL);
    if (!json_is_object(root)) {
        json_decref(root);
        return;
    }
    const ec_status status = hf_read(&t, root, "input", &err);
    if (status != EC_OK) demand_message(&err, status);
    for (size_t i = 0; i < N_TEXTS && status == EC_OK; i++) {
        ec_ids ids = {0};
        ec_text text = {0};
        DEMAND(hf_encode(&ids, &t, texts[i], strlen(texts[i])));
        for (size_t k = 0; k < ids.n; k++)
            DEMAND(ec_vocabulary_at(&t.vocabulary, ids.id[k]) != NULL);
        DEMAND(hf_decode(&text, &t, ids.id, ids.n, i % 2 == 0));
        demand_text(&text);
        ec_ids_release(&ids);
    }
    if (status == EC_OK) hf_release(&t);
    json_decref(root);
}

static void try_model(const char *data, size_t size) {
    ec_error err = {0};
    ec_sentencepiece sp;
    slow_tokenizer t;
    ec_status status = ec_sentencepiece_read(&sp, data, size, "input", &err);
    if (status == EC_OK) status = slow_open(&t, &sp, size % 2 == 0, NULL, NULL, "input", &err);
    if (status != EC_OK) demand_message(&err, status);
    for (size_t i = 0; i < N_TEXTS && status == EC_OK; i++) {
        ec_ids ids = {0};
        ec_text text = {0};
        DEMAND(slow_encode(&ids, &t, texts[i], strlen(texts[i]), true));
        for (size_t k = 0; k < ids.n; k++) DEMAND(slow_token(&t, ids.id[k]) != NULL);
        DEMAND(slow_decode(&text, &t, ids.id, ids.n, i % 2 == 0, false));
        demand_text(&text);
        ec_ids_release(&ids);
    }
    if (status == EC_OK) slow_release(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 0 && data[0] == '{')
        try_json((const char *)data, size);
    else
        try_model((const char *)data, size);
    return 0;
}
