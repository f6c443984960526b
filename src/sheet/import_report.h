/* import_report.h - what an import says about a file: its columns, and names that look the same */
#ifndef EC_SHEET_IMPORT_REPORT_H
#define EC_SHEET_IMPORT_REPORT_H

#include "sheet/sheet.h"

/* Adds a column; texts are copied, name and why may be NULL. */
ec_status ec_import_report_add(ec_import_report *report, ec_column_use use, const char *heading,
                               const char *name, size_t n_values, const char *why, ec_error *err);
ec_status ec_import_report_note(ec_import_report *report, ec_error *err, const char *format, ...)
    EC_PRINTF(3, 4);

/* What a sheet has, where no columns of a file tell it (JSON). */
ec_status ec_import_report_sheet(ec_import_report *report, const ec_sheet *sheet, ec_error *err);

/* Notes names of the sheet that look the same. */
ec_status ec_import_report_alike(ec_import_report *report, const ec_sheet *sheet, ec_error *err);

/* Gives candidates of the sheet that `declared` does not have the name of the one there that looks
 * the same, if it is the only one and the sheet does not have it itself. Noted; report may be NULL.
 */
ec_status ec_import_adopt_names(ec_sheet *sheet, const ec_sheet *declared, const char *path,
                                ec_import_report *report, ec_error *err);

#endif
