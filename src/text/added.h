/* added.h - tokens that are found in a text by their names, before the model sees it */
#ifndef EC_TEXT_ADDED_H
#define EC_TEXT_ADDED_H

#include "text/chunks.h"

typedef struct ec_added {
    char *content; /* what is looked for */
    size_t size;
    int32_t id;
    bool single_word; /* not within a word */
    bool lstrip, rstrip; /* takes the white space before or behind it */
    bool normalised; /* is looked for in the normalised text */
    bool special;
} ec_added;

/* Zero-initialise; ec_added_list_release() frees. */
typedef struct ec_added_list {
    ec_added *item;
    size_t n;
    unsigned char first[32]; /* a bit for each byte that one of them begins with */
} ec_added_list;

void ec_added_list_release(ec_added_list *list);
/* Copies the content. A later one of the same content and id replaces the earlier. False: no
 * memory. */
bool ec_added_list_add(ec_added_list *list, const ec_added *from);

/* Cuts one chunk of text at the tokens that are found, leftmost first, of those the longest. */
void ec_added_split(ec_chunks *out, const ec_added_list *list, const char *text, size_t size,
                    bool at_origin);

#endif
