/* pickle_machine.h - what a pickle program makes (pickle.c), for pickle_export.c to look through */
#ifndef EC_TENSOR_PICKLE_MACHINE_H
#define EC_TENSOR_PICKLE_MACHINE_H

#include "tensor/pickle.h"

typedef enum {
    PICKLE_OTHER, /* not looked at */
    PICKLE_MARK,
    PICKLE_INTEGER,
    PICKLE_STRING,
    PICKLE_TUPLE,
    PICKLE_LIST,
    PICKLE_DICT,
    PICKLE_OBJECT, /* of an unknown class; may have named parts */
    PICKLE_GLOBAL,
    PICKLE_STORAGE,
    PICKLE_TENSOR
} pickle_kind;

typedef enum {
    PICKLE_FOREIGN, /* unknown: it makes an object */
    PICKLE_MAKE_DICT,
    PICKLE_MAKE_SIZE,
    PICKLE_TENSOR_V2,
    PICKLE_TENSOR_V3,
    PICKLE_FIRST_ARGUMENT,
    PICKLE_SUBCLASS,
    PICKLE_QUANTISED,
    PICKLE_SPARSE,
    PICKLE_META,
    PICKLE_STORAGE_CLASS,
    PICKLE_DTYPE
} pickle_callable;

/* Values are known by their place in pickle_machine.values. The first two are there always. */
enum { PICKLE_THE_OTHER, PICKLE_THE_MARK };

typedef struct {
    pickle_kind kind;
    union {
        int64_t integer;
        struct {
            const char *at; /* in the program */
            size_t size;
        } string;
        struct {
            size_t first, n; /* in pickle_machine.children */
        } tuple;
        size_t class;  /* of an object: value */
        size_t global; /* in pickle_machine.globals */
        struct {
            ec_dtype dtype;
            uint8_t element_bytes;
            bool is_view;
            size_t key; /* value: a string */
            uint64_t n_elements;
        } storage;
        size_t tensor; /* in pickle_machine.tensors */
    } as;
} pickle_value;

typedef struct {
    pickle_callable callable;
    ec_dtype dtype;        /* of a storage class, or the dtype it is */
    uint8_t element_bytes; /* of a storage class */
    const char *module, *name;
    size_t module_size, name_size;
} pickle_global;

/* In a container that is a list, or a link from an object to its attributes, the key is
 * PICKLE_THE_OTHER. */
typedef struct {
    size_t container, key, value, order;
} pickle_item;

typedef struct {
    size_t storage; /* value; PICKLE_THE_OTHER: none */
    uint64_t offset;
    ec_dtype dtype;
    int n_dims;
    size_t shape[EC_MAX_DIMS], step[EC_MAX_DIMS];
    const char *unread;
} pickle_tensor;

/* A growing array. */
typedef struct {
    void *data;
    size_t n, capacity;
} pickle_array;

typedef struct pickle_machine {
    const unsigned char *bytes;
    size_t size_bytes, at, opcode_at;
    const char *path;
    pickle_array values;   /* of pickle_value */
    pickle_array children; /* of size_t, values: the members of tuples */
    pickle_array stack;    /* of size_t, values */
    pickle_array memo;     /* of size_t, value + 1; 0: nothing */
    pickle_array items;    /* of pickle_item */
    pickle_array tensors;  /* of pickle_tensor */
    pickle_array globals;  /* of pickle_global */
    ec_status status;
    ec_error *err;
} pickle_machine;

static inline const pickle_value *ec_pickle_value(const pickle_machine *m, size_t i) {
    return (const pickle_value *)m->values.data + i;
}

static inline const pickle_global *ec_pickle_global(const pickle_machine *m,
                                                    const pickle_value *v) {
    return (const pickle_global *)m->globals.data + v->as.global;
}

/* The members of a tuple. */
static inline size_t ec_pickle_child(const pickle_machine *m, const pickle_value *tuple, size_t i) {
    return ((const size_t *)m->children.data)[tuple->as.tuple.first + i];
}
static inline const pickle_value *ec_pickle_child_value(const pickle_machine *m,
                                                        const pickle_value *tuple, size_t i) {
    return ec_pickle_value(m, ec_pickle_child(m, tuple, i));
}

/* Runs the program; m->status says how it went, m->stack has what it left. */
void ec_pickle_run(pickle_machine *m);
void ec_pickle_release(pickle_machine *m);
ec_status ec_pickle_refuse(pickle_machine *m, const char *what);

/* ---- pickle_torch.c ---- */

bool ec_pickle_is(const pickle_value *string, const char *text);
/* Fills callable, dtype and element_bytes in where the function or class is known. */
void ec_pickle_know_global(pickle_global *g, const pickle_value *module, const pickle_value *name);
/* What no file of weights has a use for, and a harmful one does. */
bool ec_pickle_is_harmful(const pickle_value *module, const pickle_value *name);
/* A storage; of kind PICKLE_OTHER where the persistent id is not one. */
pickle_value ec_pickle_storage(const pickle_machine *m, const pickle_value *id);
/* The tensor that _rebuild_tensor_v2 or _v3 makes of a tuple of arguments. */
pickle_tensor ec_pickle_rebuild(const pickle_machine *m, const pickle_value *arguments, bool v3);

#endif
