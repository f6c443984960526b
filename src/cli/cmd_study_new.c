/* cmd_study_new.c - eyechart study new: the folder of a study, to edit or filled from a file */
#include <stdlib.h>

#include "cli/findings.h"
#include "cli/import.h"
#include "cli/output.h"
#include "cli/study.h"

enum { O_IMPORT, O_FROM, O_IGNORE, O_MISSING, O_DECIMAL, O_JSON };

static const option OPTIONS[] = {
    [O_IMPORT] =
        {.name = "import",
         .argument = "FILE",
         .type = VALUE_FILE,
         .help = "candidates, benchmarks and numbers from a CSV or JSON file, one row or object a "
                 "candidate"},
    [O_FROM] = {.name = "from",
                .argument = "STUDY",
                .type = VALUE_CHOICE,
                .choice = ec_study_builtin,
                .help = "candidates, benchmarks and numbers of a built-in study"},
    [O_IGNORE] = OPTION_IGNORE,
    [O_MISSING] = OPTION_MISSING,
    [O_DECIMAL] = OPTION_DECIMAL,
    [O_JSON] = OPTION_JSON,
    {0},
};

static const operand OPERANDS[] = {
    {.name = "DIR", .type = VALUE_FOLDER, .help = "folder to make; it must not hold a study yet"},
    {0},
};

static const example EXAMPLES[] = {
    {"eyechart study new mystudy/", "an example study.yaml with comments, to edit"},
    {"eyechart study new mystudy/ --import results.csv",
     "from a table that you have; says what its columns became"},
    {"eyechart study new mystudy/ --import results.csv --ignore Average",
     "without a column that is no benchmark"},
    {"eyechart study new mystudy/ --from paper-2024",
     "a copy of the paper's results, to go on from"},
    {0},
};

static int describe(const char *path, const ec_import_report *report, bool example_to_edit,
                    bool json) {
    ec_study *study;
    ec_error err;
    if (ec_study_open(&study, path, &err) != EC_OK) return report_error(&err);
    const size_t n_candidates = ec_study_n_candidates(study),
                 n_benchmarks = ec_study_n_benchmarks(study);
    ranking_warnings warnings;
    unit_warnings_note(&warnings, study);
    if (json) {
        json_t *all = json_pack("{s:o, s:o, s:I, s:I}", "study", json_text(ec_study_name(study)),
                                "path", json_text(path), "n_candidates", (json_int_t)n_candidates,
                                "n_benchmarks", (json_int_t)n_benchmarks);
        import_add_json(all, report);
        json_object_set_new(all, "warnings", ranking_warnings_json(&warnings));
        json_print(all);
    } else {
        printf("%s: a study of %zu candidate%s and %zu benchmark%s", path, n_candidates,
               n_candidates == 1 ? "" : "s", n_benchmarks, n_benchmarks == 1 ? "" : "s");
        putchar('\n');
        import_print_columns(report, true);
        fputs(example_to_edit ? "next: edit study.yaml in it, then: eyechart study check "
                              : "next: eyechart study check ",
              stdout);
        print_shell_word(stdout, path);
        putchar('\n');
    }
    free(warnings.list);
    ec_study_close(study);
    return EXIT_DONE;
}

static int run(const arguments *args) {
    const option_value *v = args->values;
    const char *path = args->operands[0];
    if (v[O_IMPORT].given && v[O_FROM].given)
        return usage_error(args->command, "--import and --from cannot be given together");
    if (!v[O_IMPORT].given && (v[O_IGNORE].given || v[O_MISSING].given || v[O_DECIMAL].given))
        return usage_error(args->command,
                           "--ignore, --missing and --decimal are for a table that --import names");
    const char *from = v[O_FROM].given ? v[O_FROM].text : v[O_IMPORT].text;
    const ec_import_options options = import_options(&v[O_IGNORE], &v[O_MISSING], &v[O_DECIMAL]);
    ec_import_report report;
    ec_error err;
    if (ec_study_create_from(path, from, &options, &report, &err) != EC_OK)
        return report_error(&err);
    import_print_notes(&report, from);
    const int status = describe(path, &report, from == NULL, v[O_JSON].given);
    ec_import_report_release(&report);
    return status;
}

const command CMD_STUDY_NEW = {
    .name = "study new",
    .purpose = "make the folder of a study",
    .about =
        "A study is a folder with study.yaml, which you edit, and study.db, which eyechart fills. "
        "'eyechart study check' then looks at its scores and results, 'eyechart doctor' at the "
        "images, the weights and the commands of 'run:'.",
    .options = OPTIONS,
    .operands = OPERANDS,
    .examples = EXAMPLES,
    .run = run,
};
