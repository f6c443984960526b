/* exchange.h - a sheet into a study's database */
#ifndef EC_STUDY_EXCHANGE_H
#define EC_STUDY_EXCHANGE_H

#include "study/study_internal.h"

/* Reads a file of either format; "-" is standard input. With EC_FORMAT_BY_NAME the extension
 * decides, else the first character. What is to be said of it is added to how->report. */
ec_status ec_exchange_read(ec_sheet *sheet, const char *file, ec_table_format format,
                           const ec_sheet_reading *how, ec_error *err);

/* Writes what `sheet` says and the study does not know yet, within the change `event`. All
 * candidates and benchmarks of the sheet are declared. *summary is added to. */
ec_status ec_exchange_merge(ec_import_summary *summary, ec_study *study, const ec_sheet *sheet,
                            const char *file, int64_t event, ec_error *err);

#endif
