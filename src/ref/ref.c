/* ref.c - the reference backend's memory and its table; see ref.h and internal.h
 *
 * What take() gives out is a range of addresses without memory behind it. The numbers lie in memory
 * of their own, which only this file finds, by the address. That an array lies whole in what was
 * taken is checked wherever an operation reads or writes it.
 */
#include "ref/ref.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ref/internal.h"

/* What was taken at once. */
typedef struct segment {
    unsigned char *at, *numbers;
    size_t bytes, reserved; /* of numbers; of addresses, whole pages */
} segment;

enum { MAX_READ = 16 }; /* arrays of one call */

struct ec_ref {
    segment *segments;
    size_t n, capacity;
    double *call[MAX_READ]; /* the memory of the call that is under way */
    size_t n_call;
    bool lacks_memory; /* that call */
};

/* ---- memory ---- */

static bool grow(ec_ref *r) {
    if (r->n < r->capacity) return true;
    const size_t capacity = r->capacity > 0 ? 2 * r->capacity : 16;
    segment *segments = realloc(r->segments, capacity * sizeof *segments);
    if (segments == NULL) return false;
    r->segments = segments;
    r->capacity = capacity;
    return true;
}

static void *take(void *self, size_t bytes) {
    ec_ref *r = self;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (bytes > SIZE_MAX / 2 || !grow(r)) return NULL;
    segment s = {.bytes = bytes, .reserved = (bytes / page + 1) * page};
    s.numbers = malloc(bytes > 0 ? bytes : 1);
    if (s.numbers == NULL) return NULL;
    s.at = mmap(NULL, s.reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (s.at == MAP_FAILED) {
        free(s.numbers);
        return NULL;
    }
    r->segments[r->n++] = s;
    return s.at;
}

static void drop(segment *s) {
    munmap(s->at, s->reserved);
    free(s->numbers);
}

static void give(void *self, void *at, size_t bytes) {
    ec_ref *r = self;
    (void)bytes;
    for (size_t i = 0; i < r->n; i++)
        if (r->segments[i].at == at) {
            drop(&r->segments[i]);
            r->segments[i] = r->segments[--r->n];
            return;
        }
    assert(!"what is given back was not taken");
}

/* Where the numbers of [at, at + bytes) are. */
static unsigned char *find(const ec_ref *r, const void *at, size_t bytes) {
    for (size_t i = r->n; i-- > 0;) { /* scratch is taken late and used most */
        const segment *s = &r->segments[i];
        const uintptr_t first = (uintptr_t)s->at, here = (uintptr_t)at;
        if (here < first || here - first > s->bytes) continue;
        assert(bytes <= s->bytes - (here - first));
        return s->numbers + (here - first);
    }
    assert(bytes == 0); /* else an array that lies on another device */
    return NULL;
}

static ec_status copy(void *self, void *to, size_t to_step, const void *from, size_t from_step,
                      size_t bytes, size_t rows, ec_direction way) {
    for (size_t i = 0; i < rows; i++) {
        void *target = (char *)to + i * to_step;
        const void *source = (const char *)from + i * from_step;
        if (way == EC_TO_DEVICE)
            target = find(self, target, bytes);
        else
            source = find(self, source, bytes);
        if (bytes > 0) memcpy(target, source, bytes);
    }
    return EC_OK;
}

/* ---- arrays ---- */

/* Where the numbers of x are. */
static unsigned char *numbers_of(const ec_ref *r, const ec_array *x) {
    const size_t rows = ec_array_height(*x), width = ec_array_width(*x);
    const size_t elements = rows > 0 && width > 0 ? (rows - 1) * x->stride + width : 0;
    return find(r, x->at, elements * ec_dtype_size(x->dtype));
}

double *ec_ref_zeros(ec_ref *r, size_t n) {
    assert(r->n_call < MAX_READ);
    double *zeros = calloc(n + 1, sizeof *zeros);
    if (zeros == NULL) r->lacks_memory = true;
    r->call[r->n_call++] = zeros;
    return zeros;
}

double *ec_ref_read(ec_ref *r, const ec_array *x) {
    if (x == NULL || x->at == NULL) return NULL;
    const size_t rows = ec_array_height(*x), width = ec_array_width(*x);
    double *values = ec_ref_zeros(r, rows * width);
    const unsigned char *numbers = numbers_of(r, x);
    for (size_t i = 0; values != NULL && i < rows; i++)
        for (size_t j = 0; j < width; j++)
            values[i * width + j] = ec_ref_get(numbers, x->dtype, i * x->stride + j);
    return values;
}

void ec_ref_write(ec_ref *r, const ec_array *y, const double *values) {
    if (y->at == NULL) return;
    const size_t rows = ec_array_height(*y), width = ec_array_width(*y);
    unsigned char *numbers = numbers_of(r, y);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < width; j++)
            ec_ref_put(numbers, y->dtype, i * y->stride + j, values[i * width + j]);
}

bool ec_ref_ready(const ec_ref *r) {
    return !r->lacks_memory;
}

ec_status ec_ref_end(ec_ref *r) {
    const ec_status status = r->lacks_memory ? EC_ERR_NOMEM : EC_OK;
    while (r->n_call > 0) free(r->call[--r->n_call]);
    r->lacks_memory = false;
    return status;
}

/* ---- the table ---- */

static void ref_free(void *self) {
    ec_ref *r = self;
    if (r == NULL) return;
    for (size_t i = 0; i < r->n; i++) drop(&r->segments[i]);
    free(r->segments);
    free(r);
}

ec_status ec_ref_backend_new(ec_backend *out, ec_error *err) {
    *out = (ec_backend){0};
    ec_ref *r = calloc(1, sizeof *r);
    if (r == NULL) return ec_fail(err, EC_ERR_NOMEM, "no memory for the reference backend");
    *out = (ec_backend){
        .name = "ref",
        .math = "f32",
        .row_gap = 3, /* odd, and not that of the CPU: who forgets a stride is found out */
        .take = take,
        .give = give,
        .copy = copy,
        .product = ec_ref_product,
        .conv2d = ec_ref_conv2d,
        .attention = ec_ref_attention,
        .attention_backward = ec_ref_attention_backward,
        .norm = ec_ref_norm,
        .norm_backward = ec_ref_norm_backward,
        .pointwise = ec_ref_pointwise,
        .rows = ec_ref_rows,
        .free = ref_free,
        .self = r,
    };
    return EC_OK;
}
