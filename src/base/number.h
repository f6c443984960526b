/* number.h - numbers as text, the same in every locale and exact both ways */
#ifndef EC_BASE_NUMBER_H
#define EC_BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

#define EC_NUMBER_SIZE 32 /* bytes that hold any number written by ec_number_write */

typedef enum ec_number_fault {
    EC_NUMBER_OK = 0,
    EC_NUMBER_EMPTY,      /* nothing, or only blanks */
    EC_NUMBER_NOT_FINITE, /* "nan", "inf" and the like */
    EC_NUMBER_TOO_LARGE,  /* does not fit a double */
    EC_NUMBER_GARBAGE     /* anything else that is not a decimal number */
} ec_number_fault;

/* Reads a decimal number ("12", "-.5", "1e-3"); blanks around it are allowed, hexadecimal and
 * thousands separators are not. *out is left alone on a fault. */
ec_number_fault ec_number_read(double *out, const char *text);

/* "is not a number", "is not finite", … to follow the quoted text in a message. Static. */
const char *ec_number_fault_words(ec_number_fault fault);

/* Writes the shortest decimal text that reads back as the same double. `value` is finite. */
void ec_number_write(char text[EC_NUMBER_SIZE], double value);

#endif
