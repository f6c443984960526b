/* charsmap.c - see charsmap.h */
#include "text/charsmap.h"

#include <string.h>

static uint32_t unit_at(const ec_charsmap *map, size_t i) {
    const unsigned char *b = map->trie + 4 * i;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static size_t offset_of(uint32_t unit) {
    return (size_t)(unit >> 10) << ((unit & 1u << 9) >> 6);
}

bool ec_charsmap_read(ec_charsmap *out, const char *bytes, size_t size) {
    *out = (ec_charsmap){0};
    if (size == 0) return true;
    if (size < 5) return false;
    const ec_charsmap head = {.trie = (const unsigned char *)bytes, .n_units = 1};
    const size_t trie_size = unit_at(&head, 0);
    if (trie_size < 4 || trie_size % 4 != 0 || trie_size >= size - 4 || bytes[size - 1] != '\0')
        return false;
    out->trie = head.trie + 4;
    out->n_units = trie_size / 4;
    out->replacements = bytes + 4 + trie_size;
    out->replacements_size = size - 4 - trie_size;
    return true;
}

size_t ec_charsmap_match(const char **to, const ec_charsmap *map, const char *text, size_t size,
                         bool longest) {
    size_t length = 0;
    if (map->n_units == 0) return 0;
    size_t at = offset_of(unit_at(map, 0));
    for (size_t i = 0; i < size; i++) {
        const unsigned char byte = (unsigned char)text[i];
        at ^= byte;
        if (at >= map->n_units) break;
        const uint32_t unit = unit_at(map, at);
        if ((unit & (1u << 31 | 0xFF)) != byte) break;
        at ^= offset_of(unit);
        if ((unit >> 8 & 1) == 0) continue;
        if (at >= map->n_units) break;
        const size_t place = unit_at(map, at) & 0x7FFFFFFF;
        if (place >= map->replacements_size) break;
        *to = map->replacements + place;
        length = i + 1;
        if (!longest) break;
    }
    return length;
}
