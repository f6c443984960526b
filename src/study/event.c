/* event.c - changes of study.db, each with a row of provenance in the table `event` */
#include <string.h>
#include <time.h>

#include "sheet/names.h"
#include "study/study_internal.h"

static void write_time(char text[32]) {
    const time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

ec_status ec_study_write_event(int64_t *event, ec_study *study, const char *command,
                               const char *worker, const char *source, ec_error *err) {
    char now[32];
    write_time(now);
    const ec_status status = ec_database_run(
        &study->db, err,
        "INSERT INTO event (time, command, version, worker, source) VALUES (?, ?, ?, ?, ?)",
        "ttttt", now, command, ec_version(), worker, source);
    if (status == EC_OK) *event = sqlite3_last_insert_rowid(study->db.sqlite);
    return status;
}

ec_status ec_study_begin_change(int64_t *event, ec_study *study, const char *command,
                                const char *worker, const char *source, ec_error *err) {
    if (study->built_in)
        return ec_fail(err, EC_ERR_IO,
                       "%s: built in, cannot be changed; 'eyechart study new FOLDER --from %s' "
                       "makes a copy that can",
                       study->path, study->path);
    const char *fault = worker != NULL ? ec_name_fault(worker) : NULL;
    if (worker != NULL && fault == NULL && strlen(worker) > EC_WORKER_MAX_BYTES)
        fault = "is longer than 63 bytes";
    if (fault != NULL) return ec_fail(err, EC_ERR_ARG, "worker name '%.80s' %s", worker, fault);

    ec_status status = ec_database_begin_write(&study->db, err);
    if (status != EC_OK) return status;
    status = ec_study_write_event(event, study, command, worker, source, err);
    return status == EC_OK ? EC_OK : ec_database_end(&study->db, status, err);
}
