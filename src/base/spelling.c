/* spelling.c - nearest name by optimal string alignment distance
 *
 * d[i][j] is the distance between the first i bytes of one word and the first j of the other; only
 * the last three rows are kept.
 */
#include "eyechart/spelling.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#define MAX_LENGTH 63

/* ASCII only, whatever the locale; other bytes compare as they are. */
static char lower(char letter) {
    return letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
}

static size_t smaller(size_t x, size_t y) {
    return x < y ? x : y;
}

static size_t distance(const char *s, size_t n_s, const char *t, size_t n_t) {
    size_t rows[3][MAX_LENGTH + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= n_t; j++) row[j] = j;

    for (size_t i = 1; i <= n_s; i++) {
        size_t *const free_row = before;
        before = above;
        above = row;
        row = free_row;
        row[0] = i;
        for (size_t j = 1; j <= n_t; j++) {
            const char x = lower(s[i - 1]), y = lower(t[j - 1]);
            row[j] = smaller(above[j - 1] + (x != y), smaller(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && x == lower(t[j - 2]) && lower(s[i - 2]) == y)
                row[j] = smaller(row[j], before[j - 2] + 1);
        }
    }
    return row[n_t];
}

size_t ec_spelling_nearest(const char *word, const char *(*name)(const void *names, size_t i),
                           const void *names, size_t n) {
    const size_t n_word = strnlen(word, MAX_LENGTH);
    size_t nearest = EC_SPELLING_NONE;
    size_t least = (n_word + 2) / 3 + 1; /* the first distance that is no longer a slip */
    for (size_t i = 0; i < n && least > 0; i++) {
        const char *candidate = name(names, i);
        const size_t n_name = strnlen(candidate, MAX_LENGTH);
        size_t d = distance(word, n_word, candidate, n_name);
        const size_t n_common = smaller(n_word, n_name);
        if (d > 1 && n_word > 1 && n_word < n_name &&
            distance(word, n_word, candidate, n_common) == 0)
            d = 1;
        if (d < least) {
            least = d;
            nearest = i;
        }
    }
    return nearest;
}

char *ec_spelling_fold(const char *name) {
    char *folded = (char *)utf8proc_NFKC_Casefold((const utf8proc_uint8_t *)name);
    if (folded == NULL) folded = strdup(name); /* not UTF-8 */
    if (folded == NULL) return NULL;
    size_t n = 0;
    for (const char *c = folded; *c != '\0'; c++)
        if (*c != ' ' && *c != '\t' && *c != '\n' && *c != '\r') folded[n++] = *c;
    folded[n] = '\0';
    return folded;
}

bool ec_spelling_same(const char *x, const char *y) {
    if (strcmp(x, y) == 0) return true;
    char *left = ec_spelling_fold(x), *right = ec_spelling_fold(y);
    const bool same = left != NULL && right != NULL && strcmp(left, right) == 0;
    free(left);
    free(right);
    return same;
}
