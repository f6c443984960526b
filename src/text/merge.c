/* merge.c - see merge.h: a heap of the pairs that can be merged
 *
 * A pair in the heap may be out of date, when one of its halves was merged with somebody else: then
 * its left symbol is gone, or the two are not as long as they were.
 */
#include "text/merge.h"

#include <stdlib.h>

#include "base/memory.h"

typedef struct {
    double cost;
    int32_t left, id;
    size_t size; /* of both */
} candidate;

typedef struct {
    candidate *item;
    size_t n, capacity;
    bool failed;
} heap;

static bool is_better(const candidate *x, const candidate *y) {
    return x->cost < y->cost || (x->cost == y->cost && x->left < y->left);
}

static void push(heap *h, candidate c) {
    candidate *item = ec_grown(h->item, h->n, &h->capacity, sizeof *item);
    if (item == NULL) {
        h->failed = true;
        return;
    }
    h->item = item;
    size_t i = h->n++;
    for (; i > 0 && is_better(&c, &h->item[(i - 1) / 2]); i = (i - 1) / 2)
        h->item[i] = h->item[(i - 1) / 2];
    h->item[i] = c;
}

static candidate pop(heap *h) {
    const candidate best = h->item[0], last = h->item[--h->n];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < h->n; i = child) {
        if (child + 1 < h->n && is_better(&h->item[child + 1], &h->item[child])) child++;
        if (!is_better(&h->item[child], &last)) break;
        h->item[i] = h->item[child];
    }
    h->item[i] = last;
    return best;
}

static void consider(heap *h, const ec_symbol *s, int32_t left, ec_pair_rule *rule, void *context) {
    if (left < 0 || s[left].behind < 0) return;
    const ec_symbol *x = &s[left], *y = &s[x->behind];
    candidate c = {.left = left, .size = x->size + y->size};
    if (!x->is_frozen && !y->is_frozen && rule(context, x, y, &c.cost, &c.id)) push(h, c);
}

bool ec_merge(ec_symbol *s, size_t n, ec_pair_rule *rule, void *context) {
    heap h = {0};
    for (size_t i = 0; i < n; i++) {
        s[i].before = (int32_t)i - 1;
        s[i].behind = i + 1 < n ? (int32_t)i + 1 : -1;
    }
    for (size_t i = 0; i + 1 < n; i++) consider(&h, s, (int32_t)i, rule, context);
    while (h.n > 0 && !h.failed) {
        const candidate c = pop(&h);
        ec_symbol *left = &s[c.left];
        if (left->size == 0 || left->behind < 0) continue;
        ec_symbol *right = &s[left->behind];
        if (left->size + right->size != c.size) continue;
        left->size = c.size;
        left->id = c.id;
        right->size = 0;
        left->behind = right->behind;
        if (right->behind >= 0) s[right->behind].before = c.left;
        consider(&h, s, left->before, rule, context);
        consider(&h, s, c.left, rule, context);
    }
    free(h.item);
    return !h.failed;
}
