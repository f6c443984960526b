/* write_report STUDY PAGE [CSV]: writes the report of a study, made from a CSV first if one is
 * given. Prints the seconds that writing took. */
#include <stdio.h>
#include <time.h>

#include "eyechart/report.h"

int main(int argc, char **argv) {
    ec_error err;
    ec_study *study;
    struct timespec start, end;
    if (argc < 3) return 2;
    if (argc > 3 && ec_study_create_from(argv[1], argv[3], NULL, NULL, &err) != EC_OK) goto failed;
    if (ec_study_open(&study, argv[1], &err) != EC_OK) goto failed;
    clock_gettime(CLOCK_MONOTONIC, &start);
    const ec_status status = ec_report_write(
        study, argv[2], &(ec_report_options){.command = "write_report <b>&amp;</b>"}, &err);
    clock_gettime(CLOCK_MONOTONIC, &end);
    ec_study_close(study);
    if (status != EC_OK) goto failed;
    printf("%.3f\n",
           (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec));
    return 0;
failed:
    fprintf(stderr, "%s\n", err.message);
    return 3;
}
