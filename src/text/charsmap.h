/* charsmap.h - SentencePiece's precompiled map of characters: what is replaced by what
 *
 *     uint32 size of the trie, little-endian | trie | replacements, each ended by a zero
 *
 * The trie is a double array of Darts (Yata; github.com/s-yata/darts-clone), 32-bit units: bit 8
 * says that a key ends here, and then the unit at the offset has the place of its replacement.
 */
#ifndef EC_TEXT_CHARSMAP_H
#define EC_TEXT_CHARSMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A view of the bytes, which must outlive it. Zero: no map. */
typedef struct ec_charsmap {
    const unsigned char *trie;
    size_t n_units;
    const char *replacements;
    size_t replacements_size;
} ec_charsmap;

/* False: the bytes are no such map. */
bool ec_charsmap_read(ec_charsmap *out, const char *bytes, size_t size);

/* The longest key that the text begins with (or the shortest): its length, 0: none; *to is its
 * replacement, terminated. */
size_t ec_charsmap_match(const char **to, const ec_charsmap *map, const char *text, size_t size,
                         bool longest);

#endif
