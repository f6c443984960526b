/* names.c - see names.h */
#include "sheet/names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "eyechart/spelling.h"
#include "sheet/table_text.h"

/* Decodes one character of valid UTF-8 (no overlong forms, no surrogates) and moves *at behind it;
 * -1 when the bytes are not UTF-8. */
static int32_t next_character(const unsigned char **at) {
    const unsigned char *s = *at;
    int more = 0;
    if (s[0] >= 0x80)
        more = s[0] < 0xc2 ? -1 : s[0] < 0xe0 ? 1 : s[0] < 0xf0 ? 2 : s[0] < 0xf5 ? 3 : -1;
    if (more < 0) return -1;
    int32_t character = more == 0 ? s[0] : s[0] & (0x3f >> more);
    for (int i = 1; i <= more; i++) {
        if ((s[i] & 0xc0) != 0x80) return -1;
        character = character << 6 | (s[i] & 0x3f);
    }
    static const int32_t smallest[] = {0, 0x80, 0x800, 0x10000};
    if (character < smallest[more] || character > 0x10ffff) return -1;
    if (character >= 0xd800 && character <= 0xdfff) return -1;
    *at += more + 1;
    return character;
}

static bool ends_with_blank(const char *text) {
    for (size_t n; *text != '\0'; text += n > 0 ? n : 1) {
        n = ec_blank_size(text);
        if (n > 0 && text[n] == '\0') return true;
    }
    return false;
}

const char *ec_name_fault(const char *name) {
    const size_t length = strlen(name);
    if (length == 0) return "is empty";
    if (length > EC_NAME_MAX_BYTES) return "is longer than 200 bytes";
    if (ec_blank_size(name) > 0 || ends_with_blank(name)) return "begins or ends with a blank";
    for (const unsigned char *at = (const unsigned char *)name; *at != '\0';) {
        const int32_t character = next_character(&at);
        if (character < 0) return "is not UTF-8";
        if (character < 0x20 || (character >= 0x7f && character < 0xa0))
            return "contains a control character";
    }
    return NULL;
}

const char *ec_benchmark_name_fault(const char *name) {
    static const char *const taken[] = {"candidate", "C", "C_se", "A", "A_se", "cost", "hours"};
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (strcasecmp(name, taken[i]) == 0)
            return "has a meaning of its own; call the benchmark otherwise";
    if (strncmp(name, "A ", 2) == 0 || strncmp(name, "A_se ", 5) == 0 ||
        strncmp(name, "column ", 7) == 0 || strncmp(name, "column_se ", 10) == 0 ||
        strncmp(name, "result ", 7) == 0 || strncmp(name, "result_se ", 10) == 0)
        return "begins like a column of scores; call the benchmark otherwise";
    return ec_name_fault(name);
}

void ec_name_cut(char *to, size_t size, const char *text) {
    size_t length = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        const unsigned char *begin = at;
        const int32_t character = next_character(&at);
        const bool shown = character >= 0x20 && (character < 0x7f || character >= 0xa0);
        if (character < 0) at++;
        const size_t bytes = shown ? (size_t)(at - begin) : 1;
        if (length + bytes >= size) break;
        memcpy(to + length, shown ? (const char *)begin : "?", bytes);
        length += bytes;
    }
    to[length] = '\0';
}

static int compare(const void *x, const void *y, void *names) {
    const char *const *name = names;
    const size_t i = *(const size_t *)x, j = *(const size_t *)y;
    const int order = strcmp(name[i], name[j]);
    return order != 0 ? order : (i > j) - (i < j);
}

void ec_names_sort(size_t *order, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++) order[i] = i;
    qsort_r(order, n, sizeof *order, compare, (void *)names);
}

size_t ec_names_find(const char *name, const size_t *order, const char *const *names, size_t n) {
    size_t low = 0, high = n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(names[order[middle]], name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && strcmp(names[order[low]], name) == 0 ? order[low] : n;
}

size_t ec_names_find_duplicate(const size_t *order, const char *const *names, size_t n) {
    for (size_t i = 1; i < n; i++)
        if (strcmp(names[order[i - 1]], names[order[i]]) == 0) return order[i];
    return n;
}

ec_status ec_names_see_alike(const char *const *names, size_t n,
                             void (*see)(void *to, size_t i, size_t j), void *to, ec_error *err) {
    char **folded = calloc(n + 1, sizeof *folded);
    size_t *order = calloc(n + 1, sizeof *order);
    bool failed = folded == NULL || order == NULL;
    for (size_t i = 0; !failed && i < n; i++)
        failed = (folded[i] = ec_spelling_fold(names[i])) == NULL;
    if (!failed) {
        ec_names_sort(order, (const char *const *)folded, n); /* equal ones by their index */
        for (size_t k = 1, first = 0; k < n; k++) {
            if (strcmp(folded[order[k]], folded[order[first]]) != 0)
                first = k;
            else if (strcmp(names[order[k]], names[order[first]]) != 0)
                see(to, order[first], order[k]);
        }
    }
    for (size_t i = 0; folded != NULL && i < n; i++) free(folded[i]);
    free(folded);
    free(order);
    return failed ? ec_fail(err, EC_ERR_NOMEM, "out of memory for %zu names", n) : EC_OK;
}
