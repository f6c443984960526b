/* device.c - backends by name: see eyechart/device.h */
#include "eyechart/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/cpu.h"
#include "eyechart/spelling.h"
#include "ops/ops.h"
#include "ref/ref.h"

typedef enum provider { OWN_KERNELS, ONEDNN, REFERENCE } provider;

typedef struct device {
    const char *name;
    provider provider;
    const char *isa; /* of own kernels */
    bool rounds;     /* operands, to bf16 */
} device;

/* The first that is here is the default. */
static const device DEVICES[] = {
    {.name = "cpu:avx512", .isa = "avx512"},
    {.name = "cpu:avx2", .isa = "avx2"},
    {.name = "cpu:portable", .isa = "portable"},
    {.name = "cpu:onednn", .provider = ONEDNN},
    {.name = "cpu:onednn-bf16", .provider = ONEDNN, .rounds = true},
    {.name = "ref", .provider = REFERENCE},
};
enum { N_DEVICES = sizeof DEVICES / sizeof *DEVICES };

static bool is_here(const device *d) {
    switch (d->provider) {
    case OWN_KERNELS:
        return ec_cpu_kernels_find(d->isa) != NULL;
    case ONEDNN:
        return ec_device_onednn() != NULL;
    default:
        return true;
    }
}

/* The i-th of those that are here; NULL past the end. */
static const device *device_at(size_t i) {
    for (size_t j = 0; j < N_DEVICES; j++)
        if (is_here(&DEVICES[j]) && i-- == 0) return &DEVICES[j];
    return NULL;
}

const char *ec_device_name(size_t i) {
    const device *d = device_at(i);
    return d != NULL ? d->name : NULL;
}

const char *ec_device_onednn(void) {
#ifdef EC_ONEDNN
    return ec_onednn_version();
#else
    return NULL;
#endif
}

static bool convolves_by_onednn(const device *d) {
#ifdef EC_ONEDNN
    return d->provider == ONEDNN || (d->provider == OWN_KERNELS && ec_onednn_helps(d->isa));
#else
    (void)d;
    return false;
#endif
}

ec_bf16_speed ec_device_bf16(void) {
#ifdef EC_ONEDNN
    return ec_onednn_has_amx()    ? EC_BF16_FASTER
           : ec_onednn_has_bf16() ? EC_BF16_SLOWER
                                  : EC_BF16_AS_F32;
#else
    return EC_BF16_AS_F32;
#endif
}

bool ec_device_convolves_by_onednn(const char *name) {
    for (size_t i = 0; i < N_DEVICES; i++)
        if (strcmp(DEVICES[i].name, name) == 0) return convolves_by_onednn(&DEVICES[i]);
    return false;
}

/* ---- names ---- */

static const device *device_named(const char *name) {
    if (strcmp(name, "cpu") == 0) return device_at(0);
    for (size_t i = 0; i < N_DEVICES; i++)
        if (strcmp(DEVICES[i].name, name) == 0) return &DEVICES[i];
    return NULL;
}

static const char *name_at(const void *unused, size_t i) {
    (void)unused;
    return DEVICES[i].name;
}

/* The name that was meant: misspelt, or without what stands before the colon. NULL: no idea. */
static const char *name_meant(const char *name) {
    char full[64];
    snprintf(full, sizeof full, "cpu:%s", name);
    size_t i = ec_spelling_nearest(name, name_at, NULL, N_DEVICES);
    if (i == EC_SPELLING_NONE) i = ec_spelling_nearest(full, name_at, NULL, N_DEVICES);
    return i != EC_SPELLING_NONE ? DEVICES[i].name : NULL;
}

/* Why there is no device of this name, and what there is; `said` is how the user said it. */
static ec_status refuse(const char *said, const char *name, ec_error *err) {
    char here[160] = "cpu", why[120] = "there is none of this name";
    for (size_t i = 0; device_at(i) != NULL; i++) {
        const size_t n = strlen(here);
        snprintf(here + n, sizeof here - n, ", %s", device_at(i)->name);
    }
    const device *d = device_named(name);
    const char *meant = name_meant(name);
    if (d != NULL)
        snprintf(why, sizeof why, "%s",
                 d->provider == ONEDNN
                     ? "this eyechart was built without oneDNN (Debian: libdnnl-dev)"
                     : "this processor does not have it");
    else if (meant != NULL)
        snprintf(why, sizeof why, "there is none of this name (did you mean '%s'?)", meant);
    return ec_fail(err, EC_ERR_ARG,
                   "%s: %s; leave it out for the best there is (%s), or take one of %s", said, why,
                   device_at(0)->name, here);
}

static ec_status find(const device **out, const char *said, const char *name, ec_error *err) {
    *out = device_named(name);
    return *out != NULL && is_here(*out) ? EC_OK : refuse(said, name, err);
}

/* What a variable of the environment names. Numbers that differ are not for a variable that may be
 * forgotten: who wants them asks for them by name. */
static ec_status find_by_variable(const device **out, const char *variable, const char *value,
                                  const char *name, ec_error *err) {
    char said[100];
    snprintf(said, sizeof said, "%s=%.60s", variable, value);
    const ec_status status = find(out, said, name, err);
    if (status != EC_OK || !(*out)->rounds) return status;
    return ec_fail(err, EC_ERR_ARG,
                   "%s changes the numbers, so no variable turns it on; --device %s does, or "
                   "'eyechart features --math bf16'",
                   said, (*out)->name);
}

static ec_status find_default(const device **out, ec_error *err) {
    const char *value = getenv("EYECHART_DEVICE");
    if (value != NULL && value[0] != '\0')
        return find_by_variable(out, "EYECHART_DEVICE", value, value, err);
    value = getenv("EYECHART_ISA"); /* its name before, which works until the next release */
    if (value == NULL || value[0] == '\0') {
        *out = device_at(0);
        return EC_OK;
    }
    char name[80];
    snprintf(name, sizeof name, "%s%s", device_named(value) != NULL ? "" : "cpu:", value);
    return find_by_variable(out, "EYECHART_ISA", value, name, err);
}

/* What options name, or the environment. */
static ec_status find_named(const device **out, const char *name, ec_error *err) {
    if (name == NULL) return find_default(out, err);
    char said[80];
    snprintf(said, sizeof said, "device '%.60s'", name);
    return find(out, said, name, err);
}

ec_status ec_device_find(const char **out, const char *name, ec_error *err) {
    const device *d;
    const ec_status status = find_named(&d, name, err);
    *out = status == EC_OK ? d->name : NULL;
    return status;
}

/* ---- opening ---- */

static ec_status backend_new(ec_backend *out, const device *d, size_t n_threads, ec_error *err) {
    switch (d->provider) {
#ifdef EC_ONEDNN
    case ONEDNN:
        return ec_onednn_backend_new(out, d->rounds, n_threads, err);
#endif
    case REFERENCE:
        return ec_ref_backend_new(out, err);
    default:
#ifdef EC_ONEDNN
        if (ec_onednn_helps(d->isa)) return ec_onednn_helper_new(out, d->isa, n_threads, err);
#endif
        return ec_cpu_backend_new(out, d->isa, n_threads, err);
    }
}

/* What features are known by where results are kept in another dtype than F32; NULL: no device
 * does that. */
static const char *math_of(ec_dtype activations) {
    return activations == EC_BF16 ? "bf16 results" : activations == EC_F64 ? "f64 results" : NULL;
}

static ec_status check_activations(const device *d, ec_dtype activations, ec_error *err) {
    if (activations == EC_F32) return EC_OK;
    if (math_of(activations) == NULL)
        return ec_fail(err, EC_ERR_ARG,
                       "device %s does not keep results in %s; expected F32, or on ref BF16 or F64",
                       d->name, ec_dtype_name(activations));
    if (d->provider != REFERENCE)
        return ec_fail(err, EC_ERR_ARG, "device %s keeps results in F32, not in %s; ref does that",
                       d->name, ec_dtype_name(activations));
    return EC_OK;
}

ec_status ec_ctx_open(ec_ctx **out, const ec_device_options *options, ec_error *err) {
    static const ec_device_options defaults = {0};
    if (options == NULL) options = &defaults;
    *out = NULL;
    const device *d;
    ec_status status = find_named(&d, options->name, err);
    if (status != EC_OK) return status;
    status = check_activations(d, options->activations, err);
    if (status != EC_OK) return status;
    ec_backend backend;
    status = backend_new(&backend, d, options->n_threads, err);
    if (status != EC_OK) return ec_error_prefix(err, status, "device %s", d->name);
    backend.n_threads = options->n_threads;
    if (options->activations != EC_F32) backend.math = math_of(options->activations);
    return ec_ctx_new_on(out, backend, d->name, options->activations, err);
}
