/* merge.h - byte-pair encoding: neighbours become one, the best pair first, until none can
 *
 * Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units"
 * (arXiv:1508.07909). The best pair has the lowest cost; of equal ones the leftmost is merged. What
 * a pair costs is the model's: the rank of its merge (Hugging Face), or the negative score of the
 * piece that it becomes (SentencePiece).
 */
#ifndef EC_TEXT_MERGE_H
#define EC_TEXT_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ec_symbol {
    size_t start, size; /* bytes of the word; size 0: merged into one before it */
    int32_t id;         /* -1: no piece */
    int32_t before, behind; /* neighbours; -1: none */
    bool is_frozen;     /* merges with none */
} ec_symbol;

/* What becomes of two neighbours; false: nothing. */
typedef bool ec_pair_rule(void *context, const ec_symbol *left, const ec_symbol *right,
                          double *cost, int32_t *id);

/* Merges symbols [n], which are in order; before and behind are filled in here. False: no memory.
 */
bool ec_merge(ec_symbol *symbols, size_t n, ec_pair_rule *rule, void *context);

#endif
