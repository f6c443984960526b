/* added.c - see added.h: AddedVocabulary::find_matches of Hugging Face's tokenizers */
#include "text/added.h"

#include <stdlib.h>
#include <string.h>

#include "text/characters.h"
#include "text/utf8.h"

void ec_added_list_release(ec_added_list *list) {
    for (size_t i = 0; i < list->n; i++) free(list->item[i].content);
    free(list->item);
    *list = (ec_added_list){0};
}

bool ec_added_list_add(ec_added_list *list, const ec_added *from) {
    if (from->size == 0) return true; /* is found nowhere */
    for (size_t i = 0; i < list->n; i++) {
        ec_added *old = &list->item[i];
        if (old->size != from->size || memcmp(old->content, from->content, from->size) != 0)
            continue;
        char *const content = old->content;
        *old = *from;
        old->content = content;
        return true;
    }
    ec_added *grown = realloc(list->item, (list->n + 1) * sizeof *grown);
    if (grown == NULL) return false;
    list->item = grown;
    ec_added *a = &grown[list->n];
    *a = *from;
    a->content = malloc(from->size + 1);
    if (a->content == NULL) return false;
    memcpy(a->content, from->content, from->size);
    a->content[from->size] = '\0';
    list->n++;
    const unsigned char first = (unsigned char)from->content[0];
    list->first[first / 8] |= (unsigned char)(1 << first % 8);
    return true;
}

static const ec_added *longest_at(const ec_added_list *list, const char *text, size_t size) {
    const unsigned char first = (unsigned char)text[0];
    const ec_added *best = NULL;
    if ((list->first[first / 8] >> first % 8 & 1) == 0) return NULL;
    for (size_t i = 0; i < list->n; i++) {
        const ec_added *a = &list->item[i];
        if (a->size <= size && (best == NULL || a->size > best->size) &&
            memcmp(a->content, text, a->size) == 0)
            best = a;
    }
    return best;
}

static bool is_within_word(const char *text, size_t size, size_t start, size_t end) {
    uint32_t behind;
    if (start > 0 && ec_is_word(ec_last_character(text, start))) return true;
    if (end == size) return false;
    ec_utf8_get(&behind, text + end, size - end);
    return ec_is_word(behind);
}

void ec_added_split(ec_chunks *out, const ec_added_list *list, const char *text, size_t size,
                    bool at_origin) {
    size_t done = 0;
    for (size_t at = 0; at < size;) {
        const ec_added *a = longest_at(list, text + at, size - at);
        if (a == NULL) {
            at += ec_utf8_length(text + at, size - at);
            continue;
        }
        size_t start = at, end = at + a->size;
        at = end;
        if (a->single_word && is_within_word(text, size, start, end)) continue;
        if (a->lstrip) {
            start -= ec_trailing_space(text, start);
            if (start < done) start = done;
        }
        if (a->rstrip) end += ec_leading_space(text + end, size - end);
        ec_chunks_add(out, text + done, start - done, at_origin && done == 0);
        ec_chunks_add_token(out, a->id);
        done = end;
        if (at < done) at = done;
    }
    ec_chunks_add(out, text + done, size - done, at_origin && done == 0);
}
