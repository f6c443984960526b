/* A model that follows a pointer to numbers dies on the reference backend.
 *
 * On the CPU an array's `at` is an address of the host, so that a model file which reads or writes
 * through it works there, and stops working on the first device that has memory of its own. Every
 * parity test runs on `ref` so that this is seen on any machine. Here a child process runs a
 * forward pass that cheats, and is killed by SIGSEGV or SIGBUS; the same pass on the CPU, and an
 * honest one on both, end well. The child takes back the signals' default actions first, since a
 * sanitizer's handlers would turn its death into an exit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device.h"
#include "ops/ops.h"

enum { ROWS = 3, WIDTH = 4 };
static const float weights[WIDTH * WIDTH] = {1.0f, 2.0f, 3.0f, 4.0f};

typedef struct {
    ec_params *params;
    ec_linear_params up;
} model;

static model model_on(ec_ctx *ctx) {
    model m;
    assert_int_equal(ec_params_new(&m.params, NULL), EC_OK);
    m.up = (ec_linear_params){
        .weight = ec_params_add(m.params, "w", weights, EC_F32, 2, (size_t[]){WIDTH, WIDTH})};
    assert_non_null(m.up.weight);
    assert_int_equal(ec_params_place(m.params, ctx, NULL), EC_OK);
    return m;
}

typedef void forward(ec_ctx *ctx, const model *m, ec_array x);

static void honest(ec_ctx *ctx, const model *m, ec_array x) {
    ec_activate(ctx, ec_linear(ctx, x, m->up, EC_ACT_NONE), EC_ACT_RELU);
}

/* Its own activation, in a loop of its own over the result of an operation. */
static void writes_a_result(ec_ctx *ctx, const model *m, ec_array x) {
    const ec_array h = ec_linear(ctx, x, m->up, EC_ACT_NONE);
    for (size_t i = 0; i < ec_array_count(h); i++) ((volatile float *)h.at)[i] *= 2.0f;
}

static volatile float seen;

static void reads_a_parameter(ec_ctx *ctx, const model *m, ec_array x) {
    (void)ctx, (void)x;
    seen = *(volatile float *)m->up.weight->value.at;
}

static void reads_an_upload(ec_ctx *ctx, const model *m, ec_array x) {
    (void)ctx, (void)m;
    seen = *(volatile float *)x.at;
}

/* An array that is larger than its memory; operations notice. */
static void reads_past_the_end(ec_ctx *ctx, const model *m, ec_array x) {
    x.shape[0] = 100000; /* 1.6 MB of a first block of 1 MB */
    x.stride = WIDTH;
    ec_linear(ctx, x, m->up, EC_ACT_NONE);
}

static void run(const char *device, forward *f) {
    static const float image[ROWS * WIDTH] = {1.0f, -1.0f};
    ec_ctx *ctx = open_device(device, 1);
    const model m = model_on(ctx);
    f(ctx, &m, ec_upload(ctx, image, EC_F32, 2, (size_t[]){ROWS, WIDTH}));
    assert_int_equal(ec_ctx_status(ctx, NULL), EC_OK);
    ec_params_free(m.params);
    ec_ctx_free(ctx);
}

/* The signal that kills a child which runs it; 0: it ends well. */
static int signal_of(const char *device, forward *f) {
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        static const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT};
        for (size_t i = 0; i < 3; i++) signal(deadly[i], SIG_DFL);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        close(STDERR_FILENO); /* an assertion's message */
        run(device, f);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status)) assert_int_equal(status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void assert_dies(forward *f) {
    const int signal = signal_of("ref", f);
    if (signal != SIGSEGV && signal != SIGBUS) fail_msg("ended with signal %d", signal);
    assert_int_equal(signal_of("cpu", f), 0);
}

static void a_model_that_follows_a_pointer_dies(void **state) {
    (void)state;
    assert_int_equal(signal_of("ref", honest), 0);
    assert_int_equal(signal_of("cpu", honest), 0);
    assert_dies(writes_a_result);
    assert_dies(reads_a_parameter);
    assert_dies(reads_an_upload);
}

static void an_array_larger_than_its_memory_is_noticed(void **state) {
    (void)state;
    assert_int_equal(signal_of("ref", reads_past_the_end), SIGABRT);
}

/* Also where the numbers are kept in bf16: rounded once, from the sum in f64. */
static void results_are_kept_in_bf16(void **state) {
    (void)state;
    ec_ctx *ctx;
    const ec_device_options options = {.name = "ref", .activations = EC_BF16};
    assert_int_equal(ec_ctx_open(&ctx, &options, NULL), EC_OK);
    const model m = model_on(ctx);
    static const float x[WIDTH] = {1.0f, 1.0f, 0x1p-7f, 0x1p-10f};
    const ec_array y =
        ec_linear(ctx, ec_upload(ctx, x, EC_F32, 2, (size_t[]){1, WIDTH}), m.up, EC_ACT_NONE);
    float sum[WIDTH];
    ec_download(ctx, sum, y);
    assert_int_equal(ec_ctx_status(ctx, NULL), EC_OK);
    assert_int_equal(y.dtype, EC_BF16);
    assert_true(sum[0] == 3.03125f); /* of 3 + 3/128 + 4/1024 = 3.0273, in steps of 1/64 */
    ec_params_free(m.params);
    ec_ctx_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_that_follows_a_pointer_dies),
        cmocka_unit_test(an_array_larger_than_its_memory_is_noticed),
        cmocka_unit_test(results_are_kept_in_bf16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
