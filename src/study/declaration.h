/* declaration.h - study.yaml: what the user declares; docs/formats.md */
#ifndef EC_STUDY_DECLARATION_H
#define EC_STUDY_DECLARATION_H

#include "study/sheet.h"

#define EC_DECLARATION_MAX_BYTES (64u << 20)
#define EC_LEASE_HOURS 72.0 /* of a question, unless declared */

typedef struct ec_declaration {
    ec_sheet sheet;    /* without results */
    char *description; /* NULL: none */
    ec_policy policy;
    uint64_t seed;
    double lease_hours;
} ec_declaration;

/* Zero-initialised declaration with the defaults. */
ec_declaration ec_declaration_default(void);
void ec_declaration_release(ec_declaration *declaration);

/* Reads the text of a study.yaml. Errors: EC_ERR_FORMAT "path:line: …", EC_ERR_VERSION,
 * EC_ERR_NOMEM. */
ec_status ec_declaration_read(ec_declaration *out, const char *path, const char *bytes,
                              size_t size_bytes, ec_error *err);
void ec_declaration_write(ec_text *out, const ec_declaration *declaration);

/* A commented study.yaml to start from. Static. */
const char *ec_declaration_example(void);

#endif
