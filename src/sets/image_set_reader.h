/* image_set_reader.h - what the readers of image sets share, for src/scores alone
 *
 *     .jsonl .json .tsv -> stream -> a record: the fields that somebody looks at -> an item
 *
 * What nobody looks at is passed over and cannot refuse a record: Python writes NaN, lone
 * surrogates, integers of any length and a key twice. Of an image in base64 only its place is kept.
 */
#ifndef EC_SETS_IMAGE_SET_READER_H
#define EC_SETS_IMAGE_SET_READER_H

#include <stdbool.h>

#include "eyechart/image_set.h"
#include "sets/stream.h"

typedef struct image_set_reader {
    ec_image_set *set;
    size_t capacity;
    const char *file; /* for messages, and for images that are in it */
    const char *folder; /* [folder_size] with its '/', before what is relative; 0: the current
                           one */
    size_t folder_size;
    size_t n_records; /* so far, with an image or without */
} image_set_reader;

/* ---- a record ---- */

enum {
    EC_MAX_IMAGE_PATH = 4096,
    EC_N_IMAGE_KEYS = 9,
    EC_N_PROMPT_KEYS = 7,
    EC_N_TOKEN_KEYS = 2,
    EC_N_RECORD_PLACES = 2 /* itself, and its "doc" */
};

typedef struct record_field {
    enum { FIELD_ABSENT, FIELD_NULL, FIELD_TEXT, FIELD_NUMBER, FIELD_OTHER } kind;
    bool is_image;
    ec_text text;        /* of a text its beginning; of a number as it is written */
    uint64_t n_bytes;    /* of the whole text */
    bool has_zero;       /* a zero byte, which is a U+FFFD in `text` */
    uint64_t offset;     /* of a text, as it is written in the file between its quotes */
    uint64_t size_bytes; /* likewise */
    size_t n_values;     /* of a list, of which this is the first; 0: it was none */
} record_field;

typedef struct set_record {
    record_field image[EC_N_RECORD_PLACES][EC_N_IMAGE_KEYS];
    record_field prompt[EC_N_RECORD_PLACES][EC_N_PROMPT_KEYS];
    record_field tokens[EC_N_RECORD_PLACES][EC_N_TOKEN_KEYS];
    record_field turn; /* the first thing a human says */
    record_field set_index;
} set_record;

/* Zero-initialised is empty; cleared, it keeps its memory. */
void ec_record_clear(set_record *record);
void ec_record_release(set_record *record);

/* The field of a key in a place; NULL: nobody looks at it. */
record_field *ec_record_find(set_record *record, size_t place, const char *key);
bool ec_is_image_key(const char *key);

void ec_field_clear(record_field *field);
/* Adds to a text; what is longer than anybody needs is counted alone. */
void ec_field_add(record_field *field, const char *bytes, size_t size_bytes);
/* Nothing but blanks, null, or not a number. */
bool ec_field_is_blank(const record_field *field);

/* The first image of a record that is not blank; NULL: none. */
record_field *ec_record_image(set_record *record);

/* Adds the image of a record, or counts that it has none. Errors name the file and `line`. */
ec_status ec_image_set_take(image_set_reader *reader, set_record *record, size_t line,
                            ec_error *err);

/* ---- lists ---- */

/* Adds an image whose path of `size` bytes is relative to the folder, or absolute. EC_ERR_NOMEM;
 * EC_ERR_FORMAT, without the place, when the path is none. */
ec_status ec_image_set_add(image_set_reader *reader, const char *path, size_t size, ec_error *err);

ec_status ec_image_set_read_paths(image_set_reader *reader, ec_stream *stream, ec_error *err);
/* Records of a .json text, or with `lines` of .jsonl. */
ec_status ec_image_set_read_json(image_set_reader *reader, ec_stream *stream, bool lines,
                                 ec_error *err);
/* VLMEvalKit's tables. */
ec_status ec_image_set_read_tsv(image_set_reader *reader, ec_stream *stream, ec_error *err);

#endif
