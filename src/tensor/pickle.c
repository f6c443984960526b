/* pickle.c - see pickle.h
 *
 * Values are never changed once made, except that dictionaries, lists and objects gain items; they
 * live in one growing array and refer to each other by index, so that there is nothing to free one
 * by one. Values that nobody looks at (numbers with a fraction, None, True, bytes) are one and the
 * same, so that a log of a million losses costs its places in a list and nothing else. A value can
 * contain itself; only walks over what is left at the end (pickle_export.c) need to care.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/pickle_machine.h"

/* A tensor takes some 20 values. Each of these takes at least a byte of the program as well. */
enum { MAX_VALUES = 1 << 24 };

ec_status ec_pickle_refuse(pickle_machine *m, const char *what) {
    if (m->status == EC_OK)
        m->status = ec_fail(m->err, EC_ERR_FORMAT, "%s: data.pkl, byte %zu: %s", m->path,
                            m->opcode_at, what);
    return m->status;
}

static void *grow(pickle_machine *m, pickle_array *a, size_t element) {
    if (m->status != EC_OK) return NULL;
    if (a->n >= MAX_VALUES) {
        ec_pickle_refuse(m, "too many values for a file of tensors");
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

static size_t stack_at(const pickle_machine *m, size_t from_top) {
    return ((const size_t *)m->stack.data)[m->stack.n - 1 - from_top];
}

static void push(pickle_machine *m, size_t i) {
    size_t *slot = grow(m, &m->stack, sizeof i);
    if (slot != NULL) *slot = i;
}

/* A value that is on no stack. */
static void make(pickle_machine *m, pickle_value v) {
    pickle_value *slot = grow(m, &m->values, sizeof v);
    if (slot != NULL) *slot = v;
}

static void push_new(pickle_machine *m, pickle_value v) {
    make(m, v);
    if (m->status == EC_OK) push(m, m->values.n - 1);
}

static void push_other(pickle_machine *m) {
    push(m, PICKLE_THE_OTHER);
}

/* Pops a value; PICKLE_THE_OTHER after refusing. */
static size_t pop(pickle_machine *m) {
    if (m->status != EC_OK) return PICKLE_THE_OTHER;
    if (m->stack.n == 0) {
        ec_pickle_refuse(m, "takes a value from an empty stack");
        return PICKLE_THE_OTHER;
    }
    return ((size_t *)m->stack.data)[--m->stack.n];
}

static const pickle_value *value(const pickle_machine *m, size_t i) {
    return ec_pickle_value(m, i);
}

/* ---- reading the program ---- */

static const unsigned char *take(pickle_machine *m, uint64_t n) {
    if (m->status != EC_OK) return NULL;
    if (n > m->size_bytes - m->at) {
        ec_pickle_refuse(m, "the program ends in the middle of an instruction");
        return NULL;
    }
    const unsigned char *bytes = m->bytes + m->at;
    m->at += (size_t)n;
    return bytes;
}

static uint64_t take_uint(pickle_machine *m, size_t n) {
    const unsigned char *bytes = take(m, n);
    uint64_t x = 0;
    for (size_t i = n; bytes != NULL && i > 0; i--) x = x << 8 | bytes[i - 1];
    return x;
}

/* Text up to a newline, without it. */
static pickle_value take_line(pickle_machine *m) {
    const pickle_value nothing = {.kind = PICKLE_STRING, .as.string = {"", 0}};
    if (m->status != EC_OK) return nothing;
    const unsigned char *start = m->bytes + m->at;
    const unsigned char *end =
        m->at < m->size_bytes ? memchr(start, '\n', m->size_bytes - m->at) : NULL;
    if (end == NULL) {
        ec_pickle_refuse(m, "the program ends in the middle of a name");
        return nothing;
    }
    m->at += (size_t)(end - start) + 1;
    return (pickle_value){.kind = PICKLE_STRING,
                          .as.string = {(const char *)start, (size_t)(end - start)}};
}

/* ---- simple values ---- */

static void push_string(pickle_machine *m, uint64_t size) {
    const unsigned char *at = take(m, size);
    if (at != NULL)
        push_new(m, (pickle_value){.kind = PICKLE_STRING,
                                   .as.string = {(const char *)at, (size_t)size}});
}

static void push_bytes(pickle_machine *m, uint64_t size) {
    take(m, size);
    push_other(m);
}

static void push_integer(pickle_machine *m, int64_t integer) {
    push_new(m, (pickle_value){.kind = PICKLE_INTEGER, .as.integer = integer});
}

/* Little-endian two's complement; what needs more than 64 bits is no size of anything. */
static void push_long(pickle_machine *m, uint64_t n) {
    if (n > 8) {
        push_bytes(m, n);
        return;
    }
    uint64_t x = take_uint(m, (size_t)n);
    if (n > 0 && n < 8 && (x >> (8 * n - 1) & 1) != 0) x |= ~(uint64_t)0 << (8 * n);
    push_integer(m, (int64_t)x);
}

/* Decimal digits of protocol 0, with an L behind or not; "00" and "01" are False and True. */
static void push_decimal(pickle_machine *m) {
    const pickle_value line = take_line(m);
    char text[24];
    size_t n = line.as.string.size;
    if (n > 0 && line.as.string.at[n - 1] == 'L') n--;
    if (ec_pickle_is(&line, "00") || ec_pickle_is(&line, "01") || n == 0 || n >= sizeof text) {
        push_other(m);
        return;
    }
    memcpy(text, line.as.string.at, n);
    text[n] = '\0';
    char *end;
    const long long integer = strtoll(text, &end, 10);
    if (*end == '\0')
        push_integer(m, integer);
    else
        push_other(m);
}

/* A quoted string of protocol 0. Escapes are left as they are: no name of a tensor has any. */
static void push_quoted(pickle_machine *m) {
    pickle_value line = take_line(m);
    const size_t n = line.as.string.size;
    if (n >= 2 && (line.as.string.at[0] == '\'' || line.as.string.at[0] == '"') &&
        line.as.string.at[n - 1] == line.as.string.at[0]) {
        line.as.string.at++;
        line.as.string.size -= 2;
    }
    push_new(m, line);
}

/* ---- globals ---- */

static void push_global(pickle_machine *m, const pickle_value *module, const pickle_value *name) {
    if (m->status != EC_OK) return;
    pickle_global g = {.dtype = EC_OTHER_DTYPE,
                       .module = module->as.string.at,
                       .name = name->as.string.at,
                       .module_size = module->as.string.size,
                       .name_size = name->as.string.size};
    if (ec_pickle_is_harmful(module, name)) {
        m->status = ec_fail(
            m->err, EC_ERR_FORMAT,
            "%s: data.pkl, byte %zu: asks for %.*s.%.*s, which weights have no use for: do not "
            "load "
            "this file elsewhere. eyechart reads tensors only, and runs nothing from a weight file",
            m->path, m->opcode_at, (int)(module->as.string.size < 60 ? module->as.string.size : 60),
            module->as.string.at, (int)(name->as.string.size < 60 ? name->as.string.size : 60),
            name->as.string.at);
        return;
    }
    ec_pickle_know_global(&g, module, name);
    pickle_global *slot = grow(m, &m->globals, sizeof g);
    if (slot == NULL) return;
    *slot = g;
    push_new(m, (pickle_value){.kind = PICKLE_GLOBAL, .as.global = m->globals.n - 1});
}

static void global_from_stack(pickle_machine *m) {
    const size_t name = pop(m), module = pop(m);
    if (m->status != EC_OK) return;
    if (value(m, name)->kind != PICKLE_STRING || value(m, module)->kind != PICKLE_STRING) {
        ec_pickle_refuse(m, "a global without a name");
        return;
    }
    const pickle_value module_copy = *value(m, module), name_copy = *value(m, name);
    push_global(m, &module_copy, &name_copy); /* which may move the values */
}

static void global_from_lines(pickle_machine *m) {
    const pickle_value module = take_line(m);
    const pickle_value name = take_line(m);
    push_global(m, &module, &name);
}

/* ---- containers ---- */

/* Number of values above the topmost mark; refuses when there is none. */
static size_t above_mark(pickle_machine *m) {
    if (m->status != EC_OK) return 0;
    for (size_t n = 0; n < m->stack.n; n++)
        if (stack_at(m, n) == PICKLE_THE_MARK) return n;
    ec_pickle_refuse(m, "no mark on the stack");
    return 0;
}

/* Makes a tuple of the n values on top of the stack. */
static void make_tuple(pickle_machine *m, size_t n) {
    if (m->status != EC_OK) return;
    if (m->stack.n < n) {
        ec_pickle_refuse(m, "takes a value from an empty stack");
        return;
    }
    const size_t first = m->children.n;
    for (size_t i = 0; i < n; i++) {
        size_t *slot = grow(m, &m->children, sizeof *slot);
        if (slot == NULL) return;
        *slot = stack_at(m, n - 1 - i);
    }
    m->stack.n -= n;
    push_new(m, (pickle_value){.kind = PICKLE_TUPLE, .as.tuple = {first, n}});
}

/* Takes n values and the mark below them; what they make is on top afterwards. */
static void make_marked_tuple(pickle_machine *m) {
    make_tuple(m, above_mark(m));
    const size_t tuple = pop(m);
    pop(m); /* the mark */
    if (m->status == EC_OK) push(m, tuple);
}

static void pop_marked(pickle_machine *m) {
    const size_t n = above_mark(m);
    if (m->status == EC_OK) m->stack.n -= n + 1;
}

static void add_item(pickle_machine *m, size_t container, size_t key, size_t v) {
    pickle_item *slot = grow(m, &m->items, sizeof *slot);
    if (slot != NULL) *slot = (pickle_item){container, key, v, m->items.n};
}

static bool holds_items(const pickle_machine *m, size_t i) {
    const pickle_kind kind = value(m, i)->kind;
    return kind == PICKLE_DICT || kind == PICKLE_OBJECT;
}

/* Pops n values, keys and values in turn, into the container below them (and below the mark, if
 * there is one). */
static void set_items(pickle_machine *m, size_t n, bool marked) {
    if (m->status != EC_OK) return;
    if (n % 2 != 0 || m->stack.n < n + marked + 1) {
        ec_pickle_refuse(m, "items without a dictionary");
        return;
    }
    const size_t container = stack_at(m, n + marked);
    for (size_t i = n; i > 0 && holds_items(m, container); i -= 2)
        add_item(m, container, stack_at(m, i - 1), stack_at(m, i - 2));
    if (m->status == EC_OK) m->stack.n -= n + marked;
}

static void append(pickle_machine *m, size_t n, bool marked) {
    if (m->status != EC_OK) return;
    if (m->stack.n < n + marked + 1) {
        ec_pickle_refuse(m, "appends to nothing");
        return;
    }
    const size_t container = stack_at(m, n + marked);
    for (size_t i = n; i > 0 && value(m, container)->kind == PICKLE_LIST; i--)
        add_item(m, container, PICKLE_THE_OTHER, stack_at(m, i - 1));
    if (m->status == EC_OK) m->stack.n -= n + marked;
}

/* LIST and DICT of protocol 0: the container is made after its items. */
static void make_marked(pickle_machine *m, pickle_kind kind) {
    const size_t n = above_mark(m);
    if (m->status != EC_OK) return;
    if (kind == PICKLE_DICT && n % 2 != 0) {
        ec_pickle_refuse(m, "items without a dictionary");
        return;
    }
    make(m, (pickle_value){.kind = kind});
    const size_t container = m->values.n - 1;
    for (size_t i = n; i > 0 && m->status == EC_OK; i--)
        if (kind == PICKLE_LIST)
            add_item(m, container, PICKLE_THE_OTHER, stack_at(m, i - 1));
        else if (i % 2 == 0)
            add_item(m, container, stack_at(m, i - 1), stack_at(m, i - 2));
    if (m->status != EC_OK) return;
    m->stack.n -= n + 1;
    push(m, container);
}

static void memo_put(pickle_machine *m, uint64_t at) {
    if (m->status != EC_OK) return;
    /* Numbers count up from 0 and each takes an instruction, so that the program is longer. */
    if (m->stack.n == 0 || at >= m->size_bytes) {
        ec_pickle_refuse(m, "remembers a value that is not there, or too many");
        return;
    }
    while (m->memo.n <= at) {
        size_t *slot = grow(m, &m->memo, sizeof *slot);
        if (slot == NULL) return;
        *slot = 0;
    }
    ((size_t *)m->memo.data)[at] = stack_at(m, 0) + 1;
}

static void memo_get(pickle_machine *m, uint64_t at) {
    if (m->status != EC_OK) return;
    if (at >= m->memo.n || ((size_t *)m->memo.data)[at] == 0)
        ec_pickle_refuse(m, "recalls a value that was never remembered");
    else
        push(m, ((size_t *)m->memo.data)[at] - 1);
}

static uint64_t take_decimal(pickle_machine *m) {
    push_decimal(m);
    const size_t i = pop(m);
    const pickle_value *v = value(m, i);
    return m->status == EC_OK && v->kind == PICKLE_INTEGER && v->as.integer >= 0
               ? (uint64_t)v->as.integer
               : UINT64_MAX;
}

/* ---- tensors ---- */

/* ("module", class, ...) is the class. */
static void push_persistent(pickle_machine *m) {
    const size_t i = pop(m);
    if (m->status != EC_OK) return;
    const pickle_value *id = value(m, i);
    if (id->kind == PICKLE_TUPLE && id->as.tuple.n >= 2 &&
        ec_pickle_child_value(m, id, 0)->kind == PICKLE_STRING &&
        ec_pickle_is(ec_pickle_child_value(m, id, 0), "module")) {
        push(m, ec_pickle_child(m, id, 1));
        return;
    }
    const pickle_value storage = ec_pickle_storage(m, id);
    if (storage.kind == PICKLE_STORAGE)
        push_new(m, storage);
    else
        push_other(m);
}

static void push_tensor(pickle_machine *m, pickle_tensor tensor) {
    pickle_tensor *slot = grow(m, &m->tensors, sizeof tensor);
    if (slot == NULL) return;
    *slot = tensor;
    push_new(m, (pickle_value){.kind = PICKLE_TENSOR, .as.tensor = m->tensors.n - 1});
}

static void push_unread(pickle_machine *m, const char *why) {
    push_tensor(
        m, (pickle_tensor){.storage = PICKLE_THE_OTHER, .dtype = EC_OTHER_DTYPE, .unread = why});
}

/* ---- calls ---- */

static void call(pickle_machine *m, size_t function, size_t arguments, int depth);

/* _rebuild_from_type_v2(function, class, arguments, state): a tensor of a subclass. */
static void call_for_subclass(pickle_machine *m, const pickle_value *a, int depth) {
    if (a->as.tuple.n >= 3 && depth < 4)
        call(m, ec_pickle_child(m, a, 0), ec_pickle_child(m, a, 2), depth + 1);
    else
        push_other(m);
}

/* What function(*arguments) gives, as far as it matters here, on top of the stack. */
static void call(pickle_machine *m, size_t function, size_t arguments, int depth) {
    const pickle_value *f = value(m, function);
    const bool has_arguments = value(m, arguments)->kind == PICKLE_TUPLE;
    const pickle_value a = *value(m, arguments); /* a copy: values may move */
    const pickle_callable callable = f->kind == PICKLE_GLOBAL && has_arguments
                                         ? ec_pickle_global(m, f)->callable
                                         : PICKLE_FOREIGN;
    switch (callable) {
    case PICKLE_MAKE_DICT:
        push_new(m, (pickle_value){.kind = PICKLE_DICT});
        return;
    case PICKLE_MAKE_SIZE:
        push(m, a.as.tuple.n == 1 ? ec_pickle_child(m, &a, 0) : PICKLE_THE_OTHER);
        return;
    case PICKLE_TENSOR_V2:
    case PICKLE_TENSOR_V3:
        push_tensor(m, ec_pickle_rebuild(m, &a, callable == PICKLE_TENSOR_V3));
        return;
    case PICKLE_FIRST_ARGUMENT:
        push(m, a.as.tuple.n > 0 ? ec_pickle_child(m, &a, 0) : PICKLE_THE_OTHER);
        return;
    case PICKLE_SUBCLASS:
        call_for_subclass(m, &a, depth);
        return;
    case PICKLE_QUANTISED:
        push_unread(m, "is quantised; save the model before quantisation");
        return;
    case PICKLE_SPARSE:
        push_unread(m, "is sparse; save it again with .to_dense()");
        return;
    case PICKLE_META:
        push_unread(m, "has no values: it was saved on PyTorch's device 'meta'");
        return;
    case PICKLE_STORAGE_CLASS:
    case PICKLE_DTYPE:
    case PICKLE_FOREIGN:
        push_new(m, (pickle_value){.kind = PICKLE_OBJECT, .as.class = function});
        return;
    }
}

static void reduce(pickle_machine *m) {
    const size_t arguments = pop(m), function = pop(m);
    if (m->status == EC_OK) call(m, function, arguments, 0);
}

static void new_object_with_keywords(pickle_machine *m) {
    pop(m);
    reduce(m);
}

/* INST and OBJ: a class and, above a mark, its arguments. */
static void make_instance(pickle_machine *m, bool class_on_stack) {
    pickle_value module = {0}, name = {0};
    if (!class_on_stack) {
        module = take_line(m);
        name = take_line(m);
    }
    const size_t n = above_mark(m);
    if (m->status != EC_OK) return;
    if (class_on_stack && n == 0) {
        ec_pickle_refuse(m, "an object without a class");
        return;
    }
    const size_t class = class_on_stack ? stack_at(m, n - 1) : PICKLE_THE_OTHER;
    m->stack.n -= n + 1;
    if (class_on_stack) {
        push_new(m, (pickle_value){.kind = PICKLE_OBJECT, .as.class = class});
    } else {
        push_global(m, &module, &name);
        const size_t global = pop(m);
        if (m->status == EC_OK)
            push_new(m, (pickle_value){.kind = PICKLE_OBJECT, .as.class = global});
    }
}

/* BUILD gives an object its attributes: a dictionary, or (dictionary, slots). Those of a
 * dictionary, such as the _metadata of a state dict, say nothing about tensors. */
static void build(pickle_machine *m) {
    size_t state = pop(m);
    if (m->status != EC_OK) return;
    if (m->stack.n == 0) {
        ec_pickle_refuse(m, "sets attributes of nothing");
        return;
    }
    const pickle_value *v = value(m, state);
    if (v->kind == PICKLE_TUPLE && v->as.tuple.n == 2) state = ec_pickle_child(m, v, 0);
    if (value(m, stack_at(m, 0))->kind == PICKLE_OBJECT && value(m, state)->kind == PICKLE_DICT)
        add_item(m, stack_at(m, 0), PICKLE_THE_OTHER, state);
}

static void duplicate(pickle_machine *m) {
    const size_t i = pop(m);
    push(m, i);
    push(m, i);
}

/* ---- instructions ---- */

static void simple_value(pickle_machine *m, unsigned char opcode) {
    switch (opcode) {
    case '}':
        push_new(m, (pickle_value){.kind = PICKLE_DICT});
        break;
    case ']':
        push_new(m, (pickle_value){.kind = PICKLE_LIST});
        break;
    case 0x8f: /* EMPTY_SET: its items are not looked at */
    case 'N':
    case 0x88: /* NEWTRUE */
    case 0x89: /* NEWFALSE */
        push_other(m);
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
    case 'I':
    case 'L':
        push_decimal(m);
        break;
    case 0x8a: /* LONG1 */
        push_long(m, take_uint(m, 1));
        break;
    case 0x8b: /* LONG4 */
        push_long(m, take_uint(m, 4));
        break;
    case 'F':
        take_line(m);
        push_other(m);
        break;
    case 'G': /* BINFLOAT */
        push_bytes(m, 8);
        break;
    }
}

static void text_value(pickle_machine *m, unsigned char opcode) {
    switch (opcode) {
    case 'S':
        push_quoted(m);
        break;
    case 'V':
        push_new(m, take_line(m));
        break;
    case 'T': /* BINSTRING, Python 2's */
    case 'X':
        push_string(m, take_uint(m, 4));
        break;
    case 'U': /* SHORT_BINSTRING */
    case 0x8c:
        push_string(m, take_uint(m, 1));
        break;
    case 0x8d: /* BINUNICODE8 */
        push_string(m, take_uint(m, 8));
        break;
    case 'B': /* BINBYTES */
        push_bytes(m, take_uint(m, 4));
        break;
    case 'C': /* SHORT_BINBYTES */
        push_bytes(m, take_uint(m, 1));
        break;
    case 0x8e: /* BINBYTES8 */
    case 0x96: /* BYTEARRAY8 */
        push_bytes(m, take_uint(m, 8));
        break;
    }
}

static void remember(pickle_machine *m, unsigned char opcode) {
    switch (opcode) {
    case 'p':
        memo_put(m, take_decimal(m));
        break;
    case 'q':
        memo_put(m, take_uint(m, 1));
        break;
    case 'r':
        memo_put(m, take_uint(m, 4));
        break;
    case 0x94:
        memo_put(m, m->memo.n);
        break;
    case 'g':
        memo_get(m, take_decimal(m));
        break;
    case 'h':
        memo_get(m, take_uint(m, 1));
        break;
    case 'j':
        memo_get(m, take_uint(m, 4));
        break;
    }
}

/* Runs one instruction; false at STOP. */
static bool step(pickle_machine *m) {
    m->opcode_at = m->at;
    const unsigned char *opcode = take(m, 1);
    if (opcode == NULL) return false;
    switch (*opcode) {
    case 0x80: /* PROTO */
        if (take_uint(m, 1) > 5) ec_pickle_refuse(m, "a pickle protocol newer than 5");
        break;
    case 0x95: /* FRAME */
        take(m, 8);
        break;
    case '(':
        push(m, PICKLE_THE_MARK);
        break;
    case ')':
        make_tuple(m, 0);
        break;
    case 't':
        make_marked_tuple(m);
        break;
    case 0x85:
    case 0x86:
    case 0x87:
        make_tuple(m, *opcode - 0x84u);
        break;
    case 'l':
        make_marked(m, PICKLE_LIST);
        break;
    case 'd':
        make_marked(m, PICKLE_DICT);
        break;
    case 'c':
        global_from_lines(m);
        break;
    case 0x93:
        global_from_stack(m);
        break;
    case 'P':
        take_line(m);
        push_other(m);
        break;
    case 'Q':
        push_persistent(m);
        break;
    case 'R':
    case 0x81: /* NEWOBJ */
        reduce(m);
        break;
    case 0x92: /* NEWOBJ_EX */
        new_object_with_keywords(m);
        break;
    case 'i':
        make_instance(m, false);
        break;
    case 'o':
        make_instance(m, true);
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
        append(m, 1, false);
        break;
    case 'e':
        append(m, above_mark(m), true);
        break;
    case 0x90: /* ADDITEMS */
        pop_marked(m);
        break;
    case 0x91: /* FROZENSET */
        pop_marked(m);
        push_other(m);
        break;
    case '0':
        pop(m);
        break;
    case '1':
        pop_marked(m);
        break;
    case '2':
        duplicate(m);
        break;
    case '}':
    case ']':
    case 'N':
    case 'J':
    case 'K':
    case 'M':
    case 'I':
    case 'L':
    case 'F':
    case 'G':
    case 0x88:
    case 0x89:
    case 0x8a:
    case 0x8b:
    case 0x8f:
        simple_value(m, *opcode);
        break;
    case 'S':
    case 'V':
    case 'T':
    case 'X':
    case 'U':
    case 'B':
    case 'C':
    case 0x8c:
    case 0x8d:
    case 0x8e:
    case 0x96:
        text_value(m, *opcode);
        break;
    case 'p':
    case 'q':
    case 'r':
    case 'g':
    case 'h':
    case 'j':
    case 0x94:
        remember(m, *opcode);
        break;
    case '.':
        return false;
    default: /* extensions and buffers outside of the program */
        ec_pickle_refuse(m, "an instruction that files of tensors do not have");
        break;
    }
    return m->status == EC_OK;
}

void ec_pickle_run(pickle_machine *m) {
    make(m, (pickle_value){.kind = PICKLE_OTHER}); /* PICKLE_THE_OTHER */
    make(m, (pickle_value){.kind = PICKLE_MARK});  /* PICKLE_THE_MARK */
    while (step(m)) {
    }
    m->opcode_at = m->at;
}

void ec_pickle_release(pickle_machine *m) {
    free(m->values.data);
    free(m->children.data);
    free(m->stack.data);
    free(m->memo.data);
    free(m->items.data);
    free(m->tensors.data);
    free(m->globals.data);
}
