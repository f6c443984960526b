/* spelling.h - what the user may have meant by a name that does not exist
 *
 * Distance is the number of single-character insertions, deletions, substitutions and swaps of
 * neighbours that turn one word into the other (optimal string alignment), letter case ignored.
 * A word that begins a name is at distance 1 from it.
 */
#ifndef EYECHART_SPELLING_H
#define EYECHART_SPELLING_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EC_SPELLING_NONE ((size_t)-1)

/* Index of the name nearest to `word`, the first of equals, or EC_SPELLING_NONE when none is near
 * enough to be a slip (more than a third of the word would have to change).
 *
 *   name     gives the i-th of n names; called with `names`, whatever that points to
 *
 * Names are compared by their first 63 bytes. O(n). */
size_t ec_spelling_nearest(const char *word, const char *(*name)(const void *names, size_t i),
                           const void *names, size_t n);

/* A name without what cannot be seen or heard: letter case folded, blanks left out, Unicode
 * normalised and compatible forms made one (NFKC_Casefold of Unicode: full-width letters,
 * non-breaking blanks, letters with combining accents). Two names that are equal then look the same
 * to a reader. Bytes that are not UTF-8 stay as they are. Owned, free(); NULL: out of memory. */
char *ec_spelling_fold(const char *name);

/* Whether two names differ in letter case, blanks and Unicode normalisation at most. */
bool ec_spelling_same(const char *x, const char *y);

#ifdef __cplusplus
}
#endif
#endif
