/* check_database.c - a study.db that is damaged, or tells of what study.yaml does not declare */
#include <string.h>

#include "study/check.h"

typedef struct {
    const ec_sheet *sheet;
    ec_name_list list;
    ec_findings *f;
} seeing;

static ec_status see_integrity(void *to, const char *text) {
    seeing *s = to;
    if (strcmp(text, "ok") != 0)
        ec_findings_add(
            s->f, EC_FINDING_ERROR,
            "study.db is damaged: %.200s; export what can be read, and restore the file from a "
            "copy",
            text);
    return EC_OK;
}

/* Each change writes one row that the others of it refer to, so that a copy which was made in the
 * middle of a change can lack it. */
static ec_status see_incoherent(void *to, const char *table) {
    seeing *s = to;
    ec_findings_add(s->f, EC_FINDING_ERROR,
                    "study.db is not whole: rows in '%.60s' belong to a change that it does not "
                    "have; was it copied while a change was written? Copy it once more, or restore "
                    "it from another copy",
                    table);
    return EC_OK;
}

static ec_status see_candidate(void *to, const char *text) {
    seeing *s = to;
    if (ec_sheet_find_candidate(s->sheet, text) == s->sheet->n_candidates)
        ec_name_list_add(&s->list, text);
    return EC_OK;
}

static ec_status see_name(void *to, const char *text) {
    seeing *s = to;
    if (ec_sheet_find_candidate(s->sheet, text) < s->sheet->n_candidates)
        ec_name_list_add(&s->list, text);
    return EC_OK;
}

static ec_status see_benchmark(void *to, const char *text) {
    seeing *s = to;
    if (*text != '\0' && ec_sheet_find_benchmark(s->sheet, text) == s->sheet->n_benchmarks)
        ec_name_list_add(&s->list, text);
    return EC_OK;
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
    ec_status status = ec_database_read_damage(&study->db, see_integrity, &all, err);
    if (status == EC_OK) status = ec_database_read_orphaned(&study->db, see_incoherent, &all, err);
    return status;
}

ec_status ec_check_names(ec_findings *f, ec_study *study, ec_error *err) {
    seeing candidates = {.sheet = &study->declared.sheet, .f = f}, benchmarks = candidates;
    ec_status status = ec_database_read_candidates(&study->db, see_candidate, &candidates, err);
    if (status == EC_OK)
        status = ec_database_read_benchmarks(&study->db, see_benchmark, &benchmarks, err);
    add_undeclared(f, "candidates", &candidates.list);
    add_undeclared(f, "benchmarks", &benchmarks.list);
    return status;
}

static ec_status see_failed(void *to, const ec_failure_record *row) {
    return see_name(to, row->candidate);
}

/* What was told and does not count, which nobody should wonder about. */
ec_status ec_check_taken_back(ec_findings *f, ec_study *study, ec_error *err) {
    seeing failed = {.sheet = &study->declared.sheet, .f = f}, withdrawn = failed;
    ec_status status = ec_database_read_failed(&study->db, see_failed, &failed, err);
    if (status == EC_OK)
        status = ec_database_read_half_withdrawn(&study->db, see_name, &withdrawn, err);
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
