/* pickle_torch.c - what pickle.c knows of PyTorch: its names, its storages, its tensors */
#include <string.h>

#include "tensor/pickle_machine.h"

bool ec_pickle_is(const pickle_value *string, const char *text) {
    return string->as.string.size == strlen(text) &&
           memcmp(string->as.string.at, text, string->as.string.size) == 0;
}

/* ---- names ---- */

static const struct {
    const char *module, *name;
    pickle_callable callable;
    ec_dtype dtype;
    uint8_t element_bytes;
} globals[] = {
    {"collections", "OrderedDict", PICKLE_MAKE_DICT, EC_OTHER_DTYPE, 0},
    {"collections", "defaultdict", PICKLE_MAKE_DICT, EC_OTHER_DTYPE, 0},
    {"builtins", "dict", PICKLE_MAKE_DICT, EC_OTHER_DTYPE, 0},
    {"__builtin__", "dict", PICKLE_MAKE_DICT, EC_OTHER_DTYPE, 0},
    {"torch", "Size", PICKLE_MAKE_SIZE, EC_OTHER_DTYPE, 0},
    {"torch._utils", "_rebuild_tensor", PICKLE_TENSOR_V2, EC_OTHER_DTYPE, 0},
    {"torch._utils", "_rebuild_tensor_v2", PICKLE_TENSOR_V2, EC_OTHER_DTYPE, 0},
    {"torch._utils", "_rebuild_tensor_v3", PICKLE_TENSOR_V3, EC_OTHER_DTYPE, 0},
    {"torch._utils", "_rebuild_parameter", PICKLE_FIRST_ARGUMENT, EC_OTHER_DTYPE, 0},
    {"torch._utils", "_rebuild_parameter_with_state", PICKLE_FIRST_ARGUMENT, EC_OTHER_DTYPE, 0},
    {"torch._utils", "_rebuild_device_tensor_from_cpu_tensor", PICKLE_FIRST_ARGUMENT,
     EC_OTHER_DTYPE, 0},
    {"torch.nn.parameter", "Parameter", PICKLE_FIRST_ARGUMENT, EC_OTHER_DTYPE, 0},
    {"torch.nn.parameter", "Buffer", PICKLE_FIRST_ARGUMENT, EC_OTHER_DTYPE, 0},
    {"torch._tensor", "_rebuild_from_type_v2", PICKLE_SUBCLASS, EC_OTHER_DTYPE, 0},
    {"torch._tensor", "_rebuild_from_type", PICKLE_SUBCLASS, EC_OTHER_DTYPE, 0},
    {"torch._utils", "_rebuild_qtensor", PICKLE_QUANTISED, EC_OTHER_DTYPE, 0},
    {"torch._utils", "_rebuild_sparse_tensor", PICKLE_SPARSE, EC_OTHER_DTYPE, 0},
    {"torch._utils", "_rebuild_sparse_csr_tensor", PICKLE_SPARSE, EC_OTHER_DTYPE, 0},
    {"torch._utils", "_rebuild_meta_tensor_no_storage", PICKLE_META, EC_OTHER_DTYPE, 0},
#define STORAGE(name, dtype, element_bytes)                                                        \
    {"torch", name, PICKLE_STORAGE_CLASS, dtype, element_bytes}, {                                 \
        "torch.cuda", name, PICKLE_STORAGE_CLASS, dtype, element_bytes                             \
    }
    STORAGE("FloatStorage", EC_F32, 4),
    STORAGE("HalfStorage", EC_F16, 2),
    STORAGE("BFloat16Storage", EC_BF16, 2),
    STORAGE("DoubleStorage", EC_F64, 8),
    STORAGE("LongStorage", EC_I64, 8),
    STORAGE("IntStorage", EC_I32, 4),
    STORAGE("ShortStorage", EC_I16, 2),
    STORAGE("CharStorage", EC_I8, 1),
    STORAGE("ByteStorage", EC_U8, 1),
    STORAGE("BoolStorage", EC_BOOL, 1),
    STORAGE("ComplexFloatStorage", EC_OTHER_DTYPE, 8),
    STORAGE("ComplexDoubleStorage", EC_OTHER_DTYPE, 16),
    STORAGE("QInt8Storage", EC_OTHER_DTYPE, 1),
    STORAGE("QUInt8Storage", EC_OTHER_DTYPE, 1),
    STORAGE("QInt32Storage", EC_OTHER_DTYPE, 4),
#undef STORAGE
    {"torch.storage", "UntypedStorage", PICKLE_STORAGE_CLASS, EC_OTHER_DTYPE, 1},
    {"torch.storage", "_UntypedStorage", PICKLE_STORAGE_CLASS, EC_OTHER_DTYPE, 1},
    {"torch", "UntypedStorage", PICKLE_STORAGE_CLASS, EC_OTHER_DTYPE, 1},
#define DTYPE(name, dtype)                                                                         \
    { "torch", name, PICKLE_DTYPE, dtype, 0 }
    DTYPE("float32", EC_F32),
    DTYPE("float16", EC_F16),
    DTYPE("bfloat16", EC_BF16),
    DTYPE("float64", EC_F64),
    DTYPE("float8_e4m3fn", EC_F8_E4M3),
    DTYPE("float8_e5m2", EC_F8_E5M2),
    DTYPE("int64", EC_I64),
    DTYPE("int32", EC_I32),
    DTYPE("int16", EC_I16),
    DTYPE("int8", EC_I8),
    DTYPE("uint64", EC_U64),
    DTYPE("uint32", EC_U32),
    DTYPE("uint16", EC_U16),
    DTYPE("uint8", EC_U8),
    DTYPE("bool", EC_BOOL),
#undef DTYPE
};

/* What no file of weights has a use for, and a harmful one does. */
bool ec_pickle_is_harmful(const pickle_value *module, const pickle_value *name) {
    static const char *const modules[] = {"os",         "posix",  "nt",     "subprocess",
                                          "commands",   "pty",    "socket", "runpy",
                                          "webbrowser", "ctypes", "shutil", "_posixsubprocess"};
    static const char *const functions[] = {"eval",       "exec",  "execfile",   "compile", "open",
                                            "__import__", "apply", "breakpoint", "input"};
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++)
        if (ec_pickle_is(module, modules[i])) return true;
    if (!ec_pickle_is(module, "builtins") && !ec_pickle_is(module, "__builtin__")) return false;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (ec_pickle_is(name, functions[i])) return true;
    return false;
}

void ec_pickle_know_global(pickle_global *g, const pickle_value *module, const pickle_value *name) {
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++)
        if (ec_pickle_is(module, globals[i].module) && ec_pickle_is(name, globals[i].name)) {
            g->callable = globals[i].callable;
            g->dtype = globals[i].dtype;
            g->element_bytes = globals[i].element_bytes;
            return;
        }
}

/* ---- storages and tensors ---- */

/* ("storage", class, key, device, number of elements[, view]) */
pickle_value ec_pickle_storage(const pickle_machine *m, const pickle_value *id) {
    if (id->kind != PICKLE_TUPLE || id->as.tuple.n < 5 || id->as.tuple.n > 6 ||
        ec_pickle_child_value(m, id, 0)->kind != PICKLE_STRING ||
        !ec_pickle_is(ec_pickle_child_value(m, id, 0), "storage") ||
        ec_pickle_child_value(m, id, 1)->kind != PICKLE_GLOBAL ||
        ec_pickle_child_value(m, id, 2)->kind != PICKLE_STRING ||
        ec_pickle_child_value(m, id, 4)->kind != PICKLE_INTEGER ||
        ec_pickle_child_value(m, id, 4)->as.integer < 0) {
        return (pickle_value){.kind = PICKLE_OTHER};
    }
    const pickle_global *class = ec_pickle_global(m, ec_pickle_child_value(m, id, 1));
    const bool known = class->callable == PICKLE_STORAGE_CLASS;
    return (pickle_value){
        .kind = PICKLE_STORAGE,
        .as.storage = {known ? class->dtype : EC_OTHER_DTYPE, known ? class->element_bytes : 0,
                       id->as.tuple.n == 6 && ec_pickle_child(m, id, 5) != PICKLE_THE_OTHER,
                       ec_pickle_child(m, id, 2),
                       (uint64_t)ec_pickle_child_value(m, id, 4)->as.integer}};
}

/* False: not a shape that a tensor here can have. */
static bool read_shape(const pickle_machine *m, pickle_tensor *t, const pickle_value *shape,
                       const pickle_value *stride) {
    if (shape->kind != PICKLE_TUPLE || stride->kind != PICKLE_TUPLE ||
        shape->as.tuple.n != stride->as.tuple.n || shape->as.tuple.n > EC_MAX_DIMS)
        return false;
    for (size_t i = 0; i < shape->as.tuple.n; i++) {
        const pickle_value *size = ec_pickle_child_value(m, shape, i),
                           *step = ec_pickle_child_value(m, stride, i);
        if (size->kind != PICKLE_INTEGER || step->kind != PICKLE_INTEGER || size->as.integer < 0 ||
            step->as.integer < 0)
            return false;
        t->shape[i] = (size_t)size->as.integer;
        t->step[i] = (size_t)step->as.integer;
    }
    t->n_dims = (int)shape->as.tuple.n;
    return true;
}

/* _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks, …); v3 has a dtype behind
 * these. */
pickle_tensor ec_pickle_rebuild(const pickle_machine *m, const pickle_value *arguments, bool v3) {
    const size_t n = arguments->as.tuple.n;
    pickle_tensor t = {.storage = PICKLE_THE_OTHER, .dtype = EC_OTHER_DTYPE};
    if (n < (v3 ? 7 : 4) || ec_pickle_child_value(m, arguments, 0)->kind != PICKLE_STORAGE ||
        ec_pickle_child_value(m, arguments, 1)->kind != PICKLE_INTEGER ||
        ec_pickle_child_value(m, arguments, 1)->as.integer < 0 ||
        !read_shape(m, &t, ec_pickle_child_value(m, arguments, 2),
                    ec_pickle_child_value(m, arguments, 3))) {
        t.unread = "has no proper storage and shape of at most 6 dimensions";
        return t;
    }
    const pickle_value *storage = ec_pickle_child_value(m, arguments, 0);
    t.storage = ec_pickle_child(m, arguments, 0);
    t.offset = (uint64_t)ec_pickle_child_value(m, arguments, 1)->as.integer;
    t.dtype = storage->as.storage.dtype;
    if (v3) {
        const pickle_value *dtype = ec_pickle_child_value(m, arguments, 6);
        t.dtype = dtype->kind == PICKLE_GLOBAL ? ec_pickle_global(m, dtype)->dtype : EC_OTHER_DTYPE;
    }
    if (t.dtype == EC_OTHER_DTYPE) t.unread = "has a dtype that eyechart does not read";
    if (storage->as.storage.is_view) t.unread = "lies in a view of a storage; save it again";
    return t;
}
