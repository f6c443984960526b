/* findings.c - see findings.h */
#include "study/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { SHOWN = 5 }; /* names written out */

void ec_findings_add(ec_findings *f, ec_finding_level level, const char *format, ...) {
    ec_finding *list = ec_grown(f->list, f->n, &f->capacity, sizeof *list);
    f->failed = f->failed || list == NULL;
    if (list == NULL) return;
    f->list = list;
    ec_finding *finding = &f->list[f->n++];
    finding->level = level;
    va_list args;
    va_start(args, format);
    vsnprintf(finding->message, sizeof finding->message, format, args);
    va_end(args);
}

ec_status ec_findings_take(ec_finding **out, size_t *n_out, ec_findings *f, ec_status status,
                           const char *path, ec_error *err) {
    if (status == EC_OK && f->failed) status = ec_no_memory(path, err);
    if (status == EC_OK) {
        *out = f->list;
        *n_out = f->n;
    } else {
        free(f->list);
    }
    *f = (ec_findings){0};
    return status;
}

static void append(ec_name_list *list, const char *format, ...) EC_PRINTF(2, 3);
static void append(ec_name_list *list, const char *format, ...) {
    const size_t length = strlen(list->text);
    va_list args;
    va_start(args, format);
    vsnprintf(list->text + length, sizeof list->text - length, format, args);
    va_end(args);
}

void ec_name_list_add(ec_name_list *list, const char *name) {
    if (list->n++ < SHOWN) append(list, "%s%.50s", list->n > 1 ? ", " : "", name);
}

const char *ec_name_list_end(ec_name_list *list) {
    if (list->n > SHOWN) append(list, " and %zu more", list->n - SHOWN);
    return list->text;
}
