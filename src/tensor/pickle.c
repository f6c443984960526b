/* pickle.c - see pickle.h
 *
 * Values are never changed once made, except that dictionaries gain items; they live in one growing
 * array and refer to each other by index, so that there are no cycles to free and no depth to
 * overflow.
 */
#include "tensor/pickle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A tensor takes some 20 values. A storage is named by a number. */
enum { MAX_VALUES = 1 << 22, MAX_STORAGE_NAME = 64 };

typedef enum {
    NONE,
    BOOLEAN,
    INTEGER,
    FLOATING,
    STRING,
    TUPLE,
    LIST,
    DICT,
    GLOBAL,
    STORAGE,
    TENSOR,
    MARK
} kind;

typedef enum { ORDERED_DICT, REBUILD_TENSOR, REBUILD_PARAMETER, STORAGE_CLASS } callable;

typedef struct {
    kind kind;
    union {
        int64_t integer;
        struct {
            const char *at; /* in the program */
            size_t size;
        } string;
        struct {
            size_t first, n; /* in machine.item */
        } tuple;
        struct {
            callable callable;
            ec_dtype dtype; /* of a storage class */
        } global;
        struct {
            ec_dtype dtype;
            size_t key; /* value: a string */
            uint64_t n_elements;
        } storage;
        struct {
            size_t storage; /* value */
            uint64_t offset;
            int n_dims;
            size_t shape[EC_MAX_DIMS];
        } tensor;
    } as;
} value;

typedef struct {
    size_t dict, key, value;
} item;

/* A growing array; `element` is the size of one. */
typedef struct {
    void *data;
    size_t n, capacity;
} array;

typedef struct {
    const unsigned char *bytes;
    size_t size_bytes, at, opcode_at;
    const char *path;
    array values;   /* of value */
    array children; /* of size_t: the members of tuples */
    array stack;    /* of size_t: values */
    array memo;     /* of size_t: value + 1; 0: nothing */
    array items;    /* of item */
    ec_status status;
    ec_error *err;
} machine;

static ec_status refuse(machine *m, const char *what) {
    if (m->status == EC_OK)
        m->status = ec_fail(m->err, EC_ERR_FORMAT, "%s: data.pkl, byte %zu: %s", m->path,
                            m->opcode_at, what);
    return m->status;
}

static void *grow(machine *m, array *a, size_t element, size_t limit) {
    if (m->status != EC_OK) return NULL;
    if (a->n >= limit) {
        refuse(m, "too many values for a file of tensors");
        return NULL;
    }
    if (a->n == a->capacity) {
        const size_t capacity = a->capacity > 0 ? 2 * a->capacity : 64;
        void *data = realloc(a->data, capacity * element);
        if (data == NULL) {
            m->status = ec_fail(m->err, EC_ERR_NOMEM, "%s: out of memory", m->path);
            return NULL;
        }
        a->data = data;
        a->capacity = capacity;
    }
    return (char *)a->data + a->n++ * element;
}

static value *value_at(const machine *m, size_t i) {
    return (value *)m->values.data + i;
}

static void push(machine *m, size_t i) {
    size_t *slot = grow(m, &m->stack, sizeof i, MAX_VALUES);
    if (slot != NULL) *slot = i;
}

static void push_new(machine *m, value v) {
    value *slot = grow(m, &m->values, sizeof v, MAX_VALUES);
    if (slot == NULL) return;
    *slot = v;
    push(m, m->values.n - 1);
}

/* Pops a value; 0 (which exists once anything does) after refusing. */
static size_t pop(machine *m) {
    if (m->status != EC_OK) return 0;
    if (m->stack.n == 0) {
        refuse(m, "takes a value from an empty stack");
        return 0;
    }
    return ((size_t *)m->stack.data)[--m->stack.n];
}

static const value *pop_value(machine *m, kind expected, const char *what) {
    const size_t i = pop(m);
    if (m->status != EC_OK) return NULL;
    if (value_at(m, i)->kind != expected) {
        refuse(m, what);
        return NULL;
    }
    return value_at(m, i);
}

/* ---- reading the program ---- */

static const unsigned char *take(machine *m, size_t n) {
    if (m->status != EC_OK) return NULL;
    if (n > m->size_bytes - m->at) {
        refuse(m, "the program ends in the middle of an instruction");
        return NULL;
    }
    const unsigned char *bytes = m->bytes + m->at;
    m->at += n;
    return bytes;
}

static uint64_t take_uint(machine *m, size_t n) {
    const unsigned char *bytes = take(m, n);
    uint64_t x = 0;
    for (size_t i = n; bytes != NULL && i > 0; i--) x = x << 8 | bytes[i - 1];
    return x;
}

/* Text up to a newline, without it. */
static value take_line(machine *m) {
    const unsigned char *start = m->bytes + m->at;
    const unsigned char *end = memchr(start, '\n', m->size_bytes - m->at);
    if (end == NULL) {
        refuse(m, "the program ends in the middle of a name");
        return (value){.kind = STRING, .as.string = {"", 0}};
    }
    m->at += (size_t)(end - start) + 1;
    return (value){.kind = STRING, .as.string = {(const char *)start, (size_t)(end - start)}};
}

static bool is(const value *string, const char *text) {
    return string->as.string.size == strlen(text) &&
           memcmp(string->as.string.at, text, string->as.string.size) == 0;
}

/* ---- instructions ---- */

static void push_string(machine *m, size_t size) {
    const unsigned char *at = take(m, size);
    if (at != NULL) push_new(m, (value){.kind = STRING, .as.string = {(const char *)at, size}});
}

static void push_integer(machine *m, int64_t integer) {
    push_new(m, (value){.kind = INTEGER, .as.integer = integer});
}

/* LONG1: little-endian two's complement of up to 8 bytes here. */
static void push_long(machine *m) {
    const size_t n = (size_t)take_uint(m, 1);
    if (n > 8) {
        refuse(m, "an integer of more than 64 bits");
        return;
    }
    uint64_t x = take_uint(m, n);
    if (n > 0 && n < 8 && (x >> (8 * n - 1) & 1) != 0) x |= ~(uint64_t)0 << (8 * n);
    push_integer(m, (int64_t)x);
}

static const struct {
    const char *module, *name;
    callable callable;
    ec_dtype dtype;
} globals[] = {
    {"collections", "OrderedDict", ORDERED_DICT, EC_F32},
    {"torch._utils", "_rebuild_tensor_v2", REBUILD_TENSOR, EC_F32},
    {"torch._utils", "_rebuild_parameter", REBUILD_PARAMETER, EC_F32},
    {"torch", "FloatStorage", STORAGE_CLASS, EC_F32},
    {"torch", "HalfStorage", STORAGE_CLASS, EC_F16},
    {"torch", "BFloat16Storage", STORAGE_CLASS, EC_BF16},
    {"torch", "DoubleStorage", STORAGE_CLASS, EC_F64},
    {"torch", "LongStorage", STORAGE_CLASS, EC_I64},
    {"torch", "IntStorage", STORAGE_CLASS, EC_I32},
    {"torch", "ShortStorage", STORAGE_CLASS, EC_I16},
    {"torch", "CharStorage", STORAGE_CLASS, EC_I8},
    {"torch", "ByteStorage", STORAGE_CLASS, EC_U8},
    {"torch", "BoolStorage", STORAGE_CLASS, EC_BOOL},
};

static void push_global(machine *m, const value *module, const value *name) {
    if (m->status != EC_OK) return;
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++)
        if (is(module, globals[i].module) && is(name, globals[i].name)) {
            push_new(m,
                     (value){.kind = GLOBAL, .as.global = {globals[i].callable, globals[i].dtype}});
            return;
        }
    m->status = ec_fail(
        m->err, EC_ERR_FORMAT,
        "%s: data.pkl, byte %zu: asks for %.*s.%.*s; eyechart reads tensors only, and runs nothing "
        "from a "
        "weight file",
        m->path, m->opcode_at, (int)(module->as.string.size < 60 ? module->as.string.size : 60),
        module->as.string.at, (int)(name->as.string.size < 60 ? name->as.string.size : 60),
        name->as.string.at);
}

/* Makes a tuple of the n values on top of the stack. */
static void make_tuple(machine *m, size_t n) {
    if (m->stack.n < n) {
        refuse(m, "takes a value from an empty stack");
        return;
    }
    const size_t first = m->children.n;
    for (size_t i = 0; i < n; i++) {
        size_t *slot = grow(m, &m->children, sizeof *slot, MAX_VALUES);
        if (slot == NULL) return;
        *slot = ((size_t *)m->stack.data)[m->stack.n - n + i];
    }
    m->stack.n -= n;
    push_new(m, (value){.kind = TUPLE, .as.tuple = {first, n}});
}

/* Number of values above the topmost mark; refuses when there is none. */
static size_t above_mark(machine *m) {
    for (size_t n = 0; n < m->stack.n; n++)
        if (value_at(m, ((size_t *)m->stack.data)[m->stack.n - 1 - n])->kind == MARK) return n;
    refuse(m, "no mark on the stack");
    return 0;
}

static void make_marked_tuple(machine *m) {
    const size_t n = above_mark(m);
    make_tuple(m, n);
    if (m->status != EC_OK) return;
    const size_t tuple = pop(m);
    pop(m); /* the mark */
    push(m, tuple);
}

/* Pops n values, keys and values in turn, into the dictionary below them (and below the mark, if
 * there is one). */
static void set_items(machine *m, size_t n, bool marked) {
    if (m->status != EC_OK) return;
    if (n % 2 != 0 || m->stack.n < n + marked + 1) {
        refuse(m, "items without a dictionary");
        return;
    }
    const size_t *top = (size_t *)m->stack.data + m->stack.n - n;
    const size_t dict = top[-1 - (int)marked];
    if (value_at(m, dict)->kind != DICT) {
        refuse(m, "items for something that is not a dictionary");
        return;
    }
    for (size_t i = 0; i < n; i += 2) {
        item *slot = grow(m, &m->items, sizeof *slot, MAX_VALUES);
        if (slot == NULL) return;
        *slot = (item){dict, top[i], top[i + 1]};
    }
    m->stack.n -= n + marked;
}

static void memo_put(machine *m, size_t at) {
    if (m->status != EC_OK) return;
    /* Numbers count up from 0 and each takes an instruction, so that the program is longer. */
    if (m->stack.n == 0 || at >= m->size_bytes) {
        refuse(m, "remembers a value that is not there, or too many");
        return;
    }
    while (m->memo.n <= at) {
        size_t *slot = grow(m, &m->memo, sizeof *slot, MAX_VALUES);
        if (slot == NULL) return;
        *slot = 0;
    }
    ((size_t *)m->memo.data)[at] = ((size_t *)m->stack.data)[m->stack.n - 1] + 1;
}

static void memo_get(machine *m, size_t at) {
    if (m->status != EC_OK) return;
    if (at >= m->memo.n || ((size_t *)m->memo.data)[at] == 0)
        refuse(m, "recalls a value that was never remembered");
    else
        push(m, ((size_t *)m->memo.data)[at] - 1);
}

static const value *child(const machine *m, const value *tuple, size_t i) {
    return value_at(m, ((const size_t *)m->children.data)[tuple->as.tuple.first + i]);
}

static size_t child_index(const machine *m, const value *tuple, size_t i) {
    return ((const size_t *)m->children.data)[tuple->as.tuple.first + i];
}

/* ("storage", class, key, device, number of elements) */
static void push_storage(machine *m) {
    const value *id = pop_value(m, TUPLE, "a persistent id that is not a tuple");
    if (id == NULL) return;
    if (id->as.tuple.n != 5 || child(m, id, 0)->kind != STRING || !is(child(m, id, 0), "storage") ||
        child(m, id, 1)->kind != GLOBAL || child(m, id, 1)->as.global.callable != STORAGE_CLASS ||
        child(m, id, 2)->kind != STRING || child(m, id, 4)->kind != INTEGER ||
        child(m, id, 4)->as.integer < 0) {
        refuse(m, "a persistent id that is not a storage");
        return;
    }
    push_new(m, (value){.kind = STORAGE,
                        .as.storage = {child(m, id, 1)->as.global.dtype, child_index(m, id, 2),
                                       (uint64_t)child(m, id, 4)->as.integer}});
}

/* Reads a shape and checks that the strides are those of a dense row-major array. */
static bool read_shape(machine *m, value *tensor, const value *shape, const value *stride) {
    if (shape->kind != TUPLE || stride->kind != TUPLE || shape->as.tuple.n != stride->as.tuple.n ||
        shape->as.tuple.n > EC_MAX_DIMS)
        return refuse(m, "a tensor without a proper shape"), false;
    tensor->as.tensor.n_dims = (int)shape->as.tuple.n;
    uint64_t dense = 1;
    for (size_t i = shape->as.tuple.n; i > 0; i--) {
        const value *size = child(m, shape, i - 1), *step = child(m, stride, i - 1);
        if (size->kind != INTEGER || step->kind != INTEGER || size->as.integer < 0)
            return refuse(m, "a tensor without a proper shape"), false;
        if (size->as.integer > 1 && (uint64_t)step->as.integer != dense)
            return refuse(m, "a tensor that is not contiguous; save it again with .contiguous()"),
                   false;
        const uint64_t n = (uint64_t)size->as.integer;
        if (n > 0 && dense > (uint64_t)INT64_MAX / n)
            return refuse(m, "a tensor whose size does not fit 63 bits"), false;
        tensor->as.tensor.shape[i - 1] = (size_t)n;
        dense *= n > 0 ? n : 1;
    }
    return true;
}

/* _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks, …) */
static void rebuild_tensor(machine *m, const value *arguments) {
    if (arguments->as.tuple.n < 4 || child(m, arguments, 0)->kind != STORAGE ||
        child(m, arguments, 1)->kind != INTEGER || child(m, arguments, 1)->as.integer < 0) {
        refuse(m, "a tensor without storage");
        return;
    }
    value tensor = {.kind = TENSOR,
                    .as.tensor = {.storage = child_index(m, arguments, 0),
                                  .offset = (uint64_t)child(m, arguments, 1)->as.integer}};
    if (read_shape(m, &tensor, child(m, arguments, 2), child(m, arguments, 3))) push_new(m, tensor);
}

static void reduce(machine *m) {
    const value *arguments = pop_value(m, TUPLE, "calls something without a tuple of arguments");
    const value *function = pop_value(m, GLOBAL, "calls something that is not a known function");
    if (arguments == NULL || function == NULL) return;
    switch (function->as.global.callable) {
    case ORDERED_DICT:
        if (arguments->as.tuple.n != 0)
            refuse(m, "an OrderedDict with arguments");
        else
            push_new(m, (value){.kind = DICT});
        break;
    case REBUILD_TENSOR:
        rebuild_tensor(m, arguments);
        break;
    case REBUILD_PARAMETER:
        if (arguments->as.tuple.n < 1 || child(m, arguments, 0)->kind != TENSOR)
            refuse(m, "a parameter without a tensor");
        else
            push(m, child_index(m, arguments, 0));
        break;
    case STORAGE_CLASS:
        refuse(m, "calls a storage class");
        break;
    }
}

/* BUILD sets attributes, such as the _metadata of a state dict; they say nothing about tensors. */
static void build(machine *m) {
    pop(m);
    if (m->stack.n == 0) refuse(m, "sets attributes of nothing");
}

static void append_to_list(machine *m, size_t n, bool marked) {
    /* Lists occur only as arguments that are not looked at. */
    if (m->stack.n < n + marked + 1)
        refuse(m, "appends to nothing");
    else
        m->stack.n -= n + marked;
}

static void global_from_stack(machine *m) {
    const value *name = pop_value(m, STRING, "a global without a name");
    const value *module = pop_value(m, STRING, "a global without a module");
    if (name == NULL || module == NULL) return;
    const value module_copy = *module, name_copy = *name; /* pushing may move the values */
    push_global(m, &module_copy, &name_copy);
}

static void global_from_lines(machine *m) {
    const value module = take_line(m);
    const value name = take_line(m);
    push_global(m, &module, &name);
}

/* Runs one instruction; false at STOP. */
static bool step(machine *m) {
    m->opcode_at = m->at;
    const unsigned char *opcode = take(m, 1);
    if (opcode == NULL) return false;
    switch (*opcode) {
    case 0x80: /* PROTO */
        if (take_uint(m, 1) > 5) refuse(m, "a pickle protocol newer than 5");
        break;
    case 0x95:
        take(m, 8);
        break; /* FRAME */
    case '(':
        push_new(m, (value){.kind = MARK});
        break;
    case '}':
        push_new(m, (value){.kind = DICT});
        break;
    case ']':
        push_new(m, (value){.kind = LIST});
        break;
    case ')':
        make_tuple(m, 0);
        break;
    case 't':
        make_marked_tuple(m);
        break;
    case 0x85:
        make_tuple(m, 1);
        break;
    case 0x86:
        make_tuple(m, 2);
        break;
    case 0x87:
        make_tuple(m, 3);
        break;
    case 'N':
        push_new(m, (value){.kind = NONE});
        break;
    case 0x88:
        push_new(m, (value){.kind = BOOLEAN, .as.integer = 1});
        break;
    case 0x89:
        push_new(m, (value){.kind = BOOLEAN, .as.integer = 0});
        break;
    case 'J':
        push_integer(m, (int32_t)(uint32_t)take_uint(m, 4));
        break;
    case 'K':
        push_integer(m, (int64_t)take_uint(m, 1));
        break;
    case 'M':
        push_integer(m, (int64_t)take_uint(m, 2));
        break;
    case 0x8a:
        push_long(m);
        break;
    case 'G': /* BINFLOAT: occurs only in attributes */
        take(m, 8);
        push_new(m, (value){.kind = FLOATING});
        break;
    case 'X':
        push_string(m, (size_t)take_uint(m, 4));
        break;
    case 0x8c:
        push_string(m, (size_t)take_uint(m, 1));
        break;
    case 'c':
        global_from_lines(m);
        break;
    case 0x93:
        global_from_stack(m);
        break;
    case 'Q':
        push_storage(m);
        break;
    case 'R':
        reduce(m);
        break;
    case 'b':
        build(m);
        break;
    case 's':
        set_items(m, 2, false);
        break;
    case 'u':
        set_items(m, above_mark(m), true);
        break;
    case 'a':
        append_to_list(m, 1, false);
        break;
    case 'e':
        append_to_list(m, above_mark(m), true);
        break;
    case '0':
        pop(m);
        break;
    case 'q':
        memo_put(m, (size_t)take_uint(m, 1));
        break;
    case 'r':
        memo_put(m, (size_t)take_uint(m, 4));
        break;
    case 0x94:
        memo_put(m, m->memo.n);
        break;
    case 'h':
        memo_get(m, (size_t)take_uint(m, 1));
        break;
    case 'j':
        memo_get(m, (size_t)take_uint(m, 4));
        break;
    case '.':
        return false;
    default:
        refuse(m, "an instruction that files of tensors do not have");
        break;
    }
    return m->status == EC_OK;
}

/* ---- the result ---- */

static char *copy_string(const value *string) {
    char *copy = malloc(string->as.string.size + 1);
    if (copy == NULL) return NULL;
    memcpy(copy, string->as.string.at, string->as.string.size);
    copy[string->as.string.size] = '\0';
    return copy;
}

/* `name_bytes` is what the names may still take: each is written in the program once. Without it a
 * long name that is recalled for many tensors would be copied for each. */
static ec_status export_item(const machine *m, ec_pickled_tensor *out, const item *it,
                             size_t *name_bytes) {
    const value *key = value_at(m, it->key), *tensor = value_at(m, it->value);
    if (key->kind != STRING || memchr(key->as.string.at, 0, key->as.string.size) != NULL)
        return ec_fail(m->err, EC_ERR_FORMAT, "%s: a key of the dictionary is not a name", m->path);
    if (key->as.string.size > *name_bytes)
        return ec_fail(m->err, EC_ERR_FORMAT,
                       "%s: the names of the tensors are longer than the file that lists them",
                       m->path);
    *name_bytes -= key->as.string.size;
    out->name = copy_string(key);
    if (out->name == NULL) return ec_fail(m->err, EC_ERR_NOMEM, "%s: out of memory", m->path);
    if (tensor->kind != TENSOR)
        return ec_fail(
            m->err, EC_ERR_FORMAT,
            "%s: '%.80s' is not a tensor; expected a dictionary of tensors (a state dict)", m->path,
            out->name);
    const value *storage = value_at(m, tensor->as.tensor.storage);
    const value *storage_key = value_at(m, storage->as.storage.key);
    if (storage_key->as.string.size > MAX_STORAGE_NAME ||
        memchr(storage_key->as.string.at, 0, storage_key->as.string.size) != NULL)
        return ec_fail(m->err, EC_ERR_FORMAT,
                       "%s: tensor '%.80s': the name of its storage is broken", m->path, out->name);
    out->storage = copy_string(storage_key);
    if (out->storage == NULL) return ec_fail(m->err, EC_ERR_NOMEM, "%s: out of memory", m->path);
    out->dtype = storage->as.storage.dtype;
    out->offset = tensor->as.tensor.offset;
    out->n_dims = tensor->as.tensor.n_dims;
    memcpy(out->shape, tensor->as.tensor.shape, sizeof out->shape);
    return EC_OK;
}

static ec_status export_dict(machine *m, ec_pickled_tensor **out, size_t *n_out) {
    const size_t result = pop(m);
    if (m->status != EC_OK) return m->status;
    if (m->stack.n != 0 || value_at(m, result)->kind != DICT)
        return refuse(m, "the program does not leave one dictionary of tensors");
    ec_pickled_tensor *tensors = calloc(m->items.n + 1, sizeof *tensors);
    if (tensors == NULL) return ec_fail(m->err, EC_ERR_NOMEM, "%s: out of memory", m->path);
    size_t n = 0, name_bytes = m->size_bytes;
    const item *items = m->items.data;
    for (size_t i = 0; i < m->items.n && m->status == EC_OK; i++)
        if (items[i].dict == result)
            m->status = export_item(m, &tensors[n++], &items[i], &name_bytes);
    if (m->status != EC_OK) {
        ec_pickled_free(tensors, n);
        return m->status;
    }
    *out = tensors;
    *n_out = n;
    return EC_OK;
}

ec_status ec_pickle_read(ec_pickled_tensor **out, size_t *n_out, const unsigned char *bytes,
                         size_t size_bytes, const char *path, ec_error *err) {
    *out = NULL;
    *n_out = 0;
    machine m = {.bytes = bytes, .size_bytes = size_bytes, .path = path, .err = err};
    while (step(&m)) {
    }
    if (m.status == EC_OK) export_dict(&m, out, n_out);
    free(m.values.data);
    free(m.children.data);
    free(m.stack.data);
    free(m.memo.data);
    free(m.items.data);
    return m.status;
}

void ec_pickled_free(ec_pickled_tensor *tensors, size_t n) {
    for (size_t i = 0; i < n; i++) {
        free(tensors[i].name);
        free(tensors[i].storage);
    }
    free(tensors);
}
