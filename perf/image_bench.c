/* image_bench.c - one turn of perf/image: a file decoded and prepared, on one thread
 *
 *     image_bench IMAGE PREPROCESSOR_JSON
 *
 * Does everything once unmeasured, then once measured, and prints milliseconds for reading and
 * decoding, milliseconds for preparing, and a sum over the result that the peer prints too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "eyechart/image.h"

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static void check(ec_status status, const ec_error *err) {
    if (status == EC_OK) return;
    fprintf(stderr, "image_bench: %s\n", err->message);
    exit(3);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fputs("usage: image_bench IMAGE PREPROCESSOR_JSON\n", stderr);
        return 2;
    }
    ec_error err = {0};
    ec_preparation preparation;
    size_t width, height;
    check(ec_preparation_load(&preparation, argv[2], &err), &err);
    check(ec_preparation_size(&width, &height, &preparation, &err), &err);
    float *out = malloc(3 * width * height * sizeof *out);
    if (out == NULL) return 3;

    double decode_ms = 0.0, prepare_ms = 0.0;
    for (int turn = 0; turn < 2; turn++) {
        ec_image image;
        const double start = now_ms();
        check(ec_image_load(&image, argv[1], &err), &err);
        const double decoded = now_ms();
        check(ec_prepare(out, &image, &preparation, &err), &err);
        const double prepared = now_ms();
        ec_image_release(&image);
        decode_ms = decoded - start;
        prepare_ms = prepared - decoded;
    }
    double sum = 0.0;
    for (size_t i = 0; i < 3 * width * height; i++) sum += (double)out[i] * (double)(i % 1000);
    printf("%.3f %.3f %.4f\n", decode_ms, prepare_ms, sum);
    free(out);
    return 0;
}
