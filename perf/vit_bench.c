/* vit_bench.c - images a second through a whole vision encoder
 *
 *     vit_bench FOLDER BATCH THREADS ROUNDS OUT IMAGE...
 *
 * Decodes and prepares the images, runs the encoder ROUNDS times on BATCH of them (given again from
 * the first when there are fewer), up to the last block, and prints one JSON object:
 *
 *     images_per_s, gflops   the median round
 *     percent_of_peak        the median share of the FMA peak measured before and after each round,
 *                            by the wall and by the processor time used: where they differ,
 *                            others were using the machine
 *     start_s                from the start of main() to the first features, without the time that
 *                            the median round takes: opening, decoding, preparing, first touch
 *     rss_mb                 the most resident memory; weights_mb is what the file holds
 *
 * The features of the first batch go to OUT as .npy, for a comparison with the peers.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bench.h"
#include "eyechart/encoder.h"

enum { MAX_ROUNDS = 101 };

static void check(ec_status status, const ec_error *err) {
    if (status != EC_OK) stop(err->message);
}

static void *need(void *memory) {
    if (memory == NULL) stop("out of memory");
    return memory;
}

static void save(const char *path, const float *features, size_t n, size_t tokens,
                 size_t channels) {
    ec_array_writer *writer;
    ec_error err;
    check(ec_array_writer_open(&writer, path, EC_ARRAY_NPY, "features", EC_F32,
                               (size_t[]){tokens, channels}, 2, 0, &err),
          &err);
    for (size_t i = 0; i < n; i++)
        check(ec_array_writer_add(writer, features + i * tokens * channels, &err), &err);
    check(ec_array_writer_finish(writer, &err), &err);
    ec_array_writer_close(writer);
}

int main(int argc, char **argv) {
    const double started = now(CLOCK_MONOTONIC);
    if (argc < 7) {
        fprintf(stderr, "usage: vit_bench FOLDER BATCH THREADS ROUNDS OUT IMAGE...\n");
        return 2;
    }
    const char *folder = argv[1];
    const size_t batch = strtoul(argv[2], NULL, 10), threads = strtoul(argv[3], NULL, 10);
    const size_t rounds = strtoul(argv[4], NULL, 10), n_files = (size_t)argc - 6;
    if (batch == 0 || threads == 0 || rounds == 0 || rounds > MAX_ROUNDS) return 2;

    ec_error err;
    ec_encoder *encoder;
    /* The peers are of today: positions are interpolated by size, without the older + 0.1. */
    ec_ctx *ctx;
    check(ec_ctx_open(&ctx, &(ec_device_options){.n_threads = threads}, &err), &err);
    const ec_encoder_options options = {.ctx = ctx, .interpolate_plain = true};
    check(ec_encoder_open(&encoder, folder, &options, &err), &err);
    ec_preparation preparation;
    size_t width, height;
    ec_feature_shape shape;
    check(ec_encoder_preparation(&preparation, encoder, &err), &err);
    check(ec_preparation_size(&width, &height, &preparation, &err), &err);
    const ec_tap last = {.layer = -1, .keep_class_token = true};
    check(ec_encoder_feature_shape(&shape, encoder, width, height, last, &err), &err);

    float *input = need(malloc(batch * 3 * width * height * sizeof *input));
    float *features = need(malloc(batch * shape.n_tokens * shape.n_channels * sizeof *features));
    for (size_t i = 0; i < batch; i++) {
        ec_image image;
        check(ec_image_load(&image, argv[6 + i % n_files], &err), &err);
        check(ec_prepare(input + i * 3 * width * height, &image, &preparation, &err), &err);
        ec_image_release(&image);
    }
    check(ec_encoder_forward(features, encoder, input, batch, width, height, last, &err), &err);
    const double first = now(CLOCK_MONOTONIC) - started;
    save(argv[5], features, batch, shape.n_tokens, shape.n_channels);

    const double flops = (double)batch * ec_encoder_flops(encoder, width, height, last);
    double seconds[MAX_ROUNDS], share[MAX_ROUNDS], share_cpu[MAX_ROUNDS];
    for (size_t r = 0; r < rounds; r++) {
        const double before = peak(NULL, threads);
        const double start = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
        check(ec_encoder_forward(features, encoder, input, batch, width, height, last, &err), &err);
        seconds[r] = now(CLOCK_MONOTONIC) - start;
        const double cpu_seconds = (now(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (double)threads;
        const double best = 0.5 * (before + peak(NULL, threads));
        share[r] = flops / seconds[r] / best;
        share_cpu[r] = flops / cpu_seconds / best;
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const ec_encoder_info info = ec_encoder_describe(encoder);
    const double time = median(seconds, rounds);
    printf("{\"engine\": \"eyechart\", \"images_per_s\": %.4f, \"gflops\": %.1f, "
           "\"percent_of_peak\": %.1f, \"percent_of_peak_by_cpu_time\": %.1f, \"start_s\": %.2f, "
           "\"rss_mb\": %.0f, \"weights_mb\": %.0f}\n",
           (double)batch / time, flops / time / 1e9, 100 * median(share, rounds),
           100 * median(share_cpu, rounds), first - time, (double)usage.ru_maxrss * 1024 / 1e6,
           (double)info.weight_bytes / 1e6);
    free(input);
    free(features);
    ec_encoder_close(encoder);
    ec_ctx_free(ctx);
    return 0;
}
