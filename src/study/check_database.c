/* check_database.c - a study.db that is damaged, or tells of what study.yaml does not declare */
#include <string.h>

#include "study/check.h"

/* Calls `see` with the first column of every row. */
static ec_status for_each_row(ec_study *study, const char *sql,
                              void (*see)(void *to, const char *text), void *to, ec_error *err) {
    sqlite3_stmt *row;
    ec_status status = ec_database_prepare(&row, &study->db, err, sql, "");
    if (status != EC_OK) return status;
    bool more;
    while ((status = ec_database_step(&more, &study->db, row, err)) == EC_OK && more)
        see(to, ec_column_text(row, 0));
    sqlite3_finalize(row);
    return status;
}

typedef struct {
    const ec_sheet *sheet;
    ec_name_list list;
    ec_findings *f;
} seeing;

static void see_integrity(void *to, const char *text) {
    seeing *s = to;
    if (strcmp(text, "ok") != 0)
        ec_findings_add(
            s->f, EC_FINDING_ERROR,
            "study.db is damaged: %.200s; export what can be read, and restore the file from a "
            "copy",
            text);
}

/* Each change writes one row that the others of it refer to, so that a copy which was made in the
 * middle of a change can lack it. */
static void see_incoherent(void *to, const char *table) {
    seeing *s = to;
    ec_findings_add(s->f, EC_FINDING_ERROR,
                    "study.db is not whole: rows in '%.60s' belong to a change that it does not "
                    "have; was it copied while a change was written? Copy it once more, or restore "
                    "it from another copy",
                    table);
}

static void see_candidate(void *to, const char *text) {
    seeing *s = to;
    if (ec_sheet_find_candidate(s->sheet, text) == s->sheet->n_candidates)
        ec_name_list_add(&s->list, text);
}

static void see_name(void *to, const char *text) {
    seeing *s = to;
    if (ec_sheet_find_candidate(s->sheet, text) < s->sheet->n_candidates)
        ec_name_list_add(&s->list, text);
}

static void see_benchmark(void *to, const char *text) {
    seeing *s = to;
    if (*text != '\0' && ec_sheet_find_benchmark(s->sheet, text) == s->sheet->n_benchmarks)
        ec_name_list_add(&s->list, text);
}

static void add_undeclared(ec_findings *f, const char *what, ec_name_list *list) {
    if (list->n > 0)
        ec_findings_add(
            f, EC_FINDING_WARNING,
            "study.db knows %s that study.yaml does not declare: %s; what is known about them is "
            "kept and not used; was one renamed?",
            what, ec_name_list_end(list));
}

ec_status ec_check_integrity(ec_findings *f, ec_study *study, ec_error *err) {
    seeing all = {.f = f};
    ec_status status = for_each_row(study, "PRAGMA integrity_check(10)", see_integrity, &all, err);
    if (status == EC_OK)
        status = for_each_row(study, "SELECT DISTINCT \"table\" FROM pragma_foreign_key_check",
                              see_incoherent, &all, err);
    return status;
}

ec_status ec_check_names(ec_findings *f, ec_study *study, ec_error *err) {
    seeing candidates = {.sheet = &study->declared.sheet, .f = f}, benchmarks = candidates;
    ec_status status = for_each_row(study,
                                    "SELECT candidate FROM score UNION SELECT candidate FROM "
                                    "observation UNION SELECT candidate FROM cost UNION SELECT "
                                    "candidate FROM failure ORDER BY 1",
                                    see_candidate, &candidates, err);
    if (status == EC_OK)
        status = for_each_row(
            study, "SELECT benchmark FROM score UNION SELECT benchmark FROM observation ORDER BY 1",
            see_benchmark, &benchmarks, err);
    add_undeclared(f, "candidates", &candidates.list);
    add_undeclared(f, "benchmarks", &benchmarks.list);
    return status;
}

/* What was told and does not count, which nobody should wonder about. */
ec_status ec_check_taken_back(ec_findings *f, ec_study *study, ec_error *err) {
    seeing failed = {.sheet = &study->declared.sheet, .f = f}, withdrawn = failed;
    ec_status status =
        for_each_row(study,
                     "SELECT candidate FROM failure WHERE id IN (SELECT max(id) FROM "
                     "failure GROUP BY candidate) AND state = 'failed' ORDER BY id",
                     see_name, &failed, err);
    if (status == EC_OK)
        status = for_each_row(
            study,
            "SELECT candidate FROM observation WHERE id IN (SELECT max(id) FROM observation GROUP "
            "BY candidate, benchmark) AND kind = 'withdrawn' GROUP BY candidate ORDER BY min(id)",
            see_name, &withdrawn, err);
    if (failed.list.n > 0)
        ec_findings_add(f, EC_FINDING_NOTE,
                        "failed, and not asked for: %s; 'eyechart study show --pending' says why, "
                        "'eyechart withdraw --failed' takes it back",
                        ec_name_list_end(&failed.list));
    if (withdrawn.list.n > 0)
        ec_findings_add(f, EC_FINDING_NOTE,
                        "results were withdrawn, and none told since, of %s; 'eyechart study show "
                        "--history' has them",
                        ec_name_list_end(&withdrawn.list));
    return status;
}
