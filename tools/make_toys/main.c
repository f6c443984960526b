/* main.c - make_toys FOLDER: see toys.h */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "toys.h"

ec_status toys_make_folder(const char *folder, const char *name, ec_error *err) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (mkdir(path, 0777) == 0 || errno == EEXIST) return EC_OK;
    return ec_fail(err, EC_ERR_IO, "%s: cannot be made: %s", path, strerror(errno));
}

ec_status toys_write(const char *folder, const char *name, ec_text *text, bool executable,
                     ec_error *err) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    ec_status status = text->failed ? ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path)
                                    : ec_file_write(path, text->data, text->size_bytes, err);
    if (status == EC_OK && executable && chmod(path, 0755) != 0)
        status = ec_fail(err, EC_ERR_IO, "%s: %s", path, strerror(errno));
    ec_text_release(text);
    return status;
}

int main(int argc, char **argv) {
    if (argc != 2 || argv[1][0] == '-') {
        fputs("usage: make_toys FOLDER\n\n"
              "Makes a study of toys: random encoders, drawings, made-up results.\n",
              stderr);
        return 2;
    }
    ec_error err;
    const char *folder = argv[1];
    if (toys_make_folder(folder, ".", &err) != EC_OK && mkdir(folder, 0777) != 0) {
        fprintf(stderr, "make_toys: %s: cannot be made: %s\n", folder, strerror(errno));
        return 3;
    }
    if (toys_make_encoders(folder, &err) != EC_OK || toys_make_connectors(folder, &err) != EC_OK ||
        toys_make_pictures(folder, &err) != EC_OK || toys_make_study(folder, &err) != EC_OK) {
        fprintf(stderr, "make_toys: %s\n", err.message);
        return 3;
    }
    printf("%s: a study of toys: %d encoders, %d candidates, random weights, made-up results\n",
           folder, N_ENCODERS, N_CANDIDATES);
    return 0;
}
