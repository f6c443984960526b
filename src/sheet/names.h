/* names.h - names of candidates, benchmarks, workers: which are allowed, and finding one among many
 */
#ifndef EC_SHEET_NAMES_H
#define EC_SHEET_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "eyechart/status.h"

#define EC_NAME_MAX_BYTES 200

/* What is wrong with a name, to follow the quoted name in a message ("is empty"); NULL when nothing
 * is. Names are UTF-8 of 1 to EC_NAME_MAX_BYTES bytes, without control characters, without blanks
 * at either end. */
const char *ec_name_fault(const char *name);

/* The same for a benchmark, whose name is also a column of a CSV: "candidate", "C", "A", "A …" and
 * the like are taken there. */
const char *ec_benchmark_name_fault(const char *name);

/* Copies text for display, cut to `size` bytes between characters, always terminated; bytes that
 * are not UTF-8 and control characters become '?'. */
void ec_name_cut(char *to, size_t size, const char *text);

/* Indices of names[0 .. n) in alphabetical order of the names. */
void ec_names_sort(size_t *order, const char *const *names, size_t n);

/* Index of `name`; n when it is not there. `order` is from ec_names_sort. */
size_t ec_names_find(const char *name, const size_t *order, const char *const *names, size_t n);

/* Calls `see` with pairs of different names that look the same (ec_spelling_same): the one of the
 * smaller index first, each later one once. */
ec_status ec_names_see_alike(const char *const *names, size_t n,
                             void (*see)(void *to, size_t i, size_t j), void *to, ec_error *err);

/* Index of a name that also stands at a smaller index; n when all differ. */
size_t ec_names_find_duplicate(const size_t *order, const char *const *names, size_t n);

#endif
