/* builtin.c - paper-2024 and paper-2025, read from the CSV that the build compiles in
 *
 * Source: Yang et al., "Law of Vision Representation in MLLMs", arXiv:2408.16357. 2024: version 1,
 * the authors' own files in full precision. 2025: a later version; A is the mean caption
 * log-likelihood, one for all benchmarks.
 */
#include "sheet/builtin.h"

#include <stdlib.h>
#include <string.h>

extern const unsigned char ec_data_paper_2024[], ec_data_paper_2025[];
extern const size_t ec_data_paper_2024_size, ec_data_paper_2025_size;

static const char *const names[] = {"paper-2024", "paper-2025"};
enum { N_BUILTIN = sizeof names / sizeof names[0] };

const char *ec_builtin_name(size_t i) {
    return i < N_BUILTIN ? names[i] : NULL;
}

/* The paper's two groups; a CSV has no place for them. */
static const char *group_of(const char *benchmark) {
    static const char *const vision[] = {"MMBench", "MME", "OKVQA", "SEED-Bench"};
    for (size_t i = 0; i < sizeof vision / sizeof vision[0]; i++)
        if (strcmp(benchmark, vision[i]) == 0) return "vision";
    return "ocr";
}

static ec_status set_groups(ec_sheet *sheet, ec_error *err) {
    for (size_t b = 0; b < sheet->n_benchmarks; b++) {
        ec_benchmark *benchmark = &sheet->benchmarks[b];
        free((char *)benchmark->group);
        benchmark->group = strdup(group_of(benchmark->name));
        if (benchmark->group == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    }
    return EC_OK;
}

ec_status ec_builtin_read(ec_sheet *sheet, const char *name, ec_error *err) {
    const struct {
        const unsigned char *bytes;
        size_t size_bytes;
    } data[N_BUILTIN] = {
        {ec_data_paper_2024, ec_data_paper_2024_size},
        {ec_data_paper_2025, ec_data_paper_2025_size},
    };
    for (size_t i = 0; i < N_BUILTIN; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        ec_status status =
            ec_sheet_read_csv(sheet, name, (const char *)data[i].bytes, data[i].size_bytes, err);
        if (status == EC_OK) status = set_groups(sheet, err);
        if (status != EC_OK) ec_sheet_release(sheet);
        return status;
    }
    return EC_ERR_NOT_FOUND;
}
