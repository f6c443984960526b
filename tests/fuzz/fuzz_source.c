/* Encoders as a command line names them: what is read, written and read again is the same. */
#include <stdint.h>

#include "features/source.h"
#include "round_trip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where no folder is, so that names alone decide. */
static const char nowhere[] = "/proc/self/fdinfo/nothing/";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = strndup((const char *)data, size);
    DEMAND(text != NULL);
    ec_feature_source *once, *again;
    size_t n, n_again;
    ec_error err = {0};
    const ec_status status = ec_feature_sources_read(&once, &n, text, nowhere, NULL, &err);
    DEMAND(ec_feature_source_length(text, nowhere) <= strlen(text));
    free(text);
    if (status != EC_OK) {
        DEMAND(status == EC_ERR_FORMAT && err.status == status && once == NULL);
        DEMAND(strstr(err.message, "encoder") != NULL);
        return 0;
    }
    DEMAND(n >= 1 && n <= EC_MAX_SOURCES);
    char *written = ec_feature_sources_write(once, n);
    DEMAND(written != NULL);
    DEMAND(ec_feature_sources_read(&again, &n_again, written, NULL, NULL, &err) == EC_OK);
    DEMAND(n == n_again);
    for (size_t i = 0; i < n; i++) {
        DEMAND(once[i].size <= 100000 && ec_prepare_mode_name(once[i].prepare) != NULL);
        DEMAND(strcmp(once[i].folder, again[i].folder) == 0);
        DEMAND(ec_feature_source_same_use(&once[i], &again[i]));
    }
    free(once);
    free(again);
    free(written);
    return 0;
}
