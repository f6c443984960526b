/* builtin.h - the studies compiled into the program: the paper's published results */
#ifndef EC_SHEET_BUILTIN_H
#define EC_SHEET_BUILTIN_H

#include "sheet/sheet.h"

/* Its name; NULL past the end. */
const char *ec_builtin_name(size_t i);

/* Reads the built-in study called `name`. EC_ERR_NOT_FOUND when there is none, without a message.
 */
ec_status ec_builtin_read(ec_sheet *sheet, const char *name, ec_error *err);

#endif
