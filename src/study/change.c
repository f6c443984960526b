/* change.c - how a change of study.db begins */
#include <string.h>

#include "sheet/names.h"
#include "study/study_internal.h"

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
    status = ec_database_put_event(event, &study->db, command, worker, source, err);
    return status == EC_OK ? EC_OK : ec_database_end(&study->db, status, err);
}
