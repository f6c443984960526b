/* status.c - see eyechart/status.h */
#include "eyechart/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

ec_status ec_fail(ec_error *err, ec_status status, const char *format, ...) {
    if (err == NULL) return status;
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    err->status = status;
    return status;
}

ec_status ec_error_prefix(ec_error *err, ec_status status, const char *format, ...) {
    if (err == NULL) return status;
    char message[EC_ERROR_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (length >= 0 && (size_t)length < sizeof message)
        snprintf(message + length, sizeof message - (size_t)length, ": %s", err->message);
    memcpy(err->message, message, sizeof message);
    return err->status;
}

bool ec_watch_goes_on(const ec_watch *watch) {
    return watch == NULL || watch->goes_on == NULL || watch->goes_on(watch->context);
}

const char *ec_version(void) {
    return EC_VERSION;
}
