/* isa.c - what encoders can compute with here; see eyechart/encoder.h */
#include "cpu/cpu.h"
#include "eyechart/encoder.h"

const char *ec_encoder_isa(size_t i) {
    static const char *const names[] = {"avx512", "avx2", "portable", "onednn", "onednn-bf16"};
    for (size_t j = 0; j < sizeof names / sizeof *names; j++) {
        const bool here =
            j < 3 ? ec_cpu_kernels_find(names[j]) != NULL : ec_encoder_onednn() != NULL;
        if (here && i-- == 0) return names[j];
    }
    return NULL;
}

ec_status ec_encoder_preferred_isa(const char **out, ec_error *err) {
    const ec_status status = ec_cpu_preferred(out, err);
    if (status == EC_OK && *out == NULL) *out = ec_encoder_isa(0);
    return status;
}

const char *ec_encoder_onednn(void) {
#ifdef EC_ONEDNN
    return ec_onednn_version();
#else
    return NULL;
#endif
}

bool ec_encoder_has_bf16(void) {
#ifdef EC_ONEDNN
    return ec_onednn_has_bf16();
#else
    return false;
#endif
}
