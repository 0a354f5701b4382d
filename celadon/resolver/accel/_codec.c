/* The resolver's hottest bytes: questions made, and replies with an address read.

   Each function says what the one of the same name in dns/wire.py says, or None: then that one decides, which is the
   reference. So only what is certain is said here, and a malformed message costs both.

   Reading is bounded, not remembered: a name is at most 255 bytes and 128 pointers, each of which leads back
   (RFC 1035 §4.1.4), and a record has at least 11 bytes. So a byte of a message costs some 35 steps at most, whatever
   it says. Nothing is written to, nothing is kept, no pointer outlives a call: any thread may call at any time. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#define MOST_BYTES 255
#define MOST_JUMPS 128

static const uint8_t root_opt[3] = {0, 0, 41}; /* how an OPT record begins: owner and type */

/* The names of the answers' slots. */
struct names {
    PyObject *question, *told, *one, *walked, *parsed;
};

struct sections {
    Py_ssize_t start[3], opt; /* opt: where the type of the OPT record is, 0 for none */
    int rcode;
};

static inline unsigned
two(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static inline uint32_t
four(const uint8_t *at)
{
    return (uint32_t)two(at) << 16 | two(at + 2);
}

/* Where the name at an offset ends there, and its length in bytes without pointers; -1 for no name. */
static Py_ssize_t
skip(const uint8_t *data, Py_ssize_t limit, Py_ssize_t at, int *size)
{
    Py_ssize_t low = at, end = 0;
    int jumps = 0;
    *size = 1;
    while (at < limit) {
        unsigned count = data[at];
        if (count == 0) {
            return end ? end : at + 1;
        }
        if (count < 64) {
            *size += (int)count + 1;
            at += (Py_ssize_t)count + 1;
            if (*size > MOST_BYTES) {
                return -1;
            }
        }
        else {
            if (count < 0xC0 || at + 1 >= limit || ++jumps > MOST_JUMPS) {
                return -1;
            }
            Py_ssize_t target = two(data + at) & 0x3FFF;
            if (target >= low || target < 12) {
                return -1;
            }
            end = end ? end : at + 2;
            low = at = target;
        }
    }
    return -1;
}

/* Whether a whole number of options lies there (RFC 6891 §6.1.2). */
static int
are_options(const uint8_t *data, Py_ssize_t at, Py_ssize_t end)
{
    while (at + 4 <= end) {
        at += 4 + (Py_ssize_t)two(data + at + 2);
    }
    return at == end;
}

static int
walk_all(const uint8_t *data, Py_ssize_t limit, Py_ssize_t at, struct sections *found)
{
    int size;
    if (limit < 12 || at < 12 || at > limit) {
        return 0;
    }
    if ((Py_ssize_t)(two(data + 6) + two(data + 8) + two(data + 10)) * 11 > limit - at) {
        return 0;
    }
    found->opt = 0;
    found->rcode = data[3] & 15;
    for (int index = 0; index < 3; index++) {
        found->start[index] = at;
        for (unsigned left = two(data + 6 + 2 * index); left; left--) {
            at = skip(data, limit, at, &size);
            if (at < 0 || limit - at < 10) {
                return 0;
            }
            unsigned type = two(data + at), class = two(data + at + 2), length = two(data + at + 8);
            Py_ssize_t start = at + 10, end = start + (Py_ssize_t)length;
            if (end > limit) {
                return 0;
            }
            if (type == 2 || type == 5 || type == 12 || type == 39) {
                if (skip(data, limit, start, &size) != end) {
                    return 0;
                }
            }
            else if (type == 41) {
                if (found->opt || index != 2 || size != 1 || !are_options(data, start, end)) {
                    return 0;
                }
                found->opt = at;
                found->rcode |= data[at + 4] << 4;
            }
            else if (class == 1 && ((type == 1 && length < 4) || (type == 28 && length < 16))) {
                return 0;
            }
            at = end;
        }
    }
    return 1;
}

static PyObject *
tuple_of(const struct sections *found)
{
    PyObject *made = PyTuple_New(5);
    if (made == NULL) {
        return NULL;
    }
    for (int index = 0; index < 5; index++) {
        Py_ssize_t value = index < 3 ? found->start[index] : index == 3 ? found->opt : found->rcode;
        PyObject *number = PyLong_FromSsize_t(value);
        if (number == NULL) {
            Py_DECREF(made);
            return NULL;
        }
        PyTuple_SET_ITEM(made, index, number);
    }
    return made;
}

/* Four bytes as text, and how long that is. */
static int
dotted(const uint8_t *four_bytes, char *text)
{
    char *at = text;
    for (int index = 0; index < 4; index++) {
        unsigned byte = four_bytes[index];
        if (index) {
            *at++ = '.';
        }
        if (byte >= 100) {
            *at++ = (char)('0' + byte / 100);
        }
        if (byte >= 10) {
            *at++ = (char)('0' + byte / 10 % 10);
        }
        *at++ = (char)('0' + byte % 10);
    }
    return (int)(at - text);
}

static PyObject *
text_of(const char *text, Py_ssize_t length)
{
    PyObject *made = PyUnicode_New(length, 127);
    if (made != NULL) {
        memcpy(PyUnicode_1BYTE_DATA(made), text, (size_t)length);
    }
    return made;
}

static int
bytes_of(PyObject *object, const uint8_t **data, Py_ssize_t *size)
{
    if (!PyBytes_Check(object)) {
        PyErr_Format(PyExc_TypeError, "bytes are needed, not %.100s", Py_TYPE(object)->tp_name);
        return 0;
    }
    *data = (const uint8_t *)PyBytes_AS_STRING(object);
    *size = PyBytes_GET_SIZE(object);
    return 1;
}

static int
two_arguments(Py_ssize_t given)
{
    if (given == 2) {
        return 1;
    }
    PyErr_Format(PyExc_TypeError, "2 arguments are needed, not %zd", given);
    return 0;
}

PyDoc_STRVAR(walk_doc, "walk(message, question_end)\n--\n\nAs dns/wire.py's, or None.");

static PyObject *
walk(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    const uint8_t *data;
    Py_ssize_t limit;
    struct sections found;
    if (!two_arguments(given) || !bytes_of(arguments[0], &data, &limit)) {
        return NULL;
    }
    Py_ssize_t at = PyLong_AsSsize_t(arguments[1]);
    if (at == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (!walk_all(data, limit, at, &found)) {
        Py_RETURN_NONE;
    }
    return tuple_of(&found);
}

/* Where the one address of the very name is in a message that answers a question's tail so; NULL for every other message.
   ``more``: whether there is more than that and an OPT record without options; then ``found`` says where. */
static const uint8_t *
own_address(const uint8_t *data, Py_ssize_t limit, const uint8_t *tail, Py_ssize_t length, int *more, struct sections *found)
{
    static const uint8_t own[6] = {0xC0, 12, 0, 1, 0, 1}, asks[4] = {0, 1, 0, 1};
    Py_ssize_t end = 12 + length, rest = limit - end;
    *more = 0;
    if (length < 4 || rest < 16 || memcmp(tail + length - 4, asks, 4) || memcmp(data + 12, tail, (size_t)length)) {
        return NULL;
    }
    unsigned authority = two(data + 8), additional = two(data + 10);
    const uint8_t *record = data + end;
    if ((two(data + 2) & 0xFA0F) != 0x8000 || two(data + 4) != 1 || two(data + 6) != 1 || memcmp(record, own, 6) ||
        two(record + 10) != 4) {
        return NULL;
    }
    if (rest == 27 && additional == 1 && authority == 0) {
        if (memcmp(record + 16, root_opt, 3) || record[21] || two(record + 25)) {
            return NULL;
        }
    }
    else if (rest > 16 || authority || additional) {
        *more = 1;
        if (!walk_all(data, limit, end, found) || found->rcode) {
            return NULL;
        }
    }
    return record;
}

static PyObject *
ttl_of(const uint8_t *record)
{
    uint32_t ttl = four(record + 6);
    return PyLong_FromUnsignedLong(ttl & 0x80000000u ? 0 : ttl); /* RFC 2181 §8 */
}

static PyObject *
address_of(const uint8_t *record)
{
    char text[16];
    return text_of(text, dotted(record + 12, text));
}

/* A tuple of these, whose references it takes; NULL if one of them is NULL. */
static PyObject *
tuple_with(Py_ssize_t count, PyObject *const *items)
{
    PyObject *made = PyTuple_New(count);
    int whole = made != NULL;
    for (Py_ssize_t index = 0; index < count; index++) {
        whole = whole && items[index] != NULL;
    }
    for (Py_ssize_t index = 0; index < count; index++) {
        if (whole) {
            PyTuple_SET_ITEM(made, index, items[index]);
        }
        else {
            Py_XDECREF(items[index]);
        }
    }
    if (!whole) {
        Py_CLEAR(made);
    }
    return made;
}

PyDoc_STRVAR(address_in_doc, "address_in(message, tail)\n--\n\nAs dns/wire.py's.");

static PyObject *
address_in(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    const uint8_t *data, *tail;
    Py_ssize_t limit, length;
    struct sections found;
    int more;
    if (!two_arguments(given) || !bytes_of(arguments[0], &data, &limit) || !bytes_of(arguments[1], &tail, &length)) {
        return NULL;
    }
    const uint8_t *record = own_address(data, limit, tail, length, &more, &found);
    if (record == NULL) {
        Py_RETURN_NONE;
    }
    PyObject *items[3] = {ttl_of(record), address_of(record), more ? tuple_of(&found) : Py_NewRef(Py_None)};
    return tuple_with(3, items);
}

/* Takes the reference to the value. The answers' classes are frozen, their slots are not. */
static int
put(PyObject *made, PyObject *name, PyObject *value)
{
    int done = value == NULL ? -1 : PyObject_GenericSetAttr(made, name, value);
    Py_XDECREF(value);
    return done;
}

PyDoc_STRVAR(first_reply_doc, "first_reply(one, more, question, message, tail, server, rtt, tcp)\n--\n\n"
                              "As dns/wire.py's first_reply_in_python; ``one`` and ``more`` are the answers' classes.");

static PyObject *
first_reply(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    const struct names *names = PyModule_GetState(module);
    const uint8_t *data, *tail;
    Py_ssize_t limit, length;
    struct sections found;
    int more;
    if (given != 8 || !PyType_Check(arguments[0]) || !PyType_Check(arguments[1])) {
        PyErr_SetString(PyExc_TypeError, "two classes and 6 arguments are needed");
        return NULL;
    }
    if (!bytes_of(arguments[3], &data, &limit) || !bytes_of(arguments[4], &tail, &length)) {
        return NULL;
    }
    const uint8_t *record = own_address(data, limit, tail, length, &more, &found);
    if (record == NULL) {
        Py_RETURN_NONE;
    }
    PyTypeObject *class = (PyTypeObject *)arguments[more ? 1 : 0];
    PyObject *made = class->tp_alloc(class, 0);
    if (made == NULL) {
        return NULL;
    }
    PyObject *told[6] = {Py_NewRef(arguments[3]), PyLong_FromSsize_t(12 + length), Py_NewRef(arguments[5]),
                         Py_NewRef(arguments[6]), Py_NewRef(arguments[7]), PyLong_FromLong(1)};
    PyObject *one[2] = {ttl_of(record), address_of(record)};
    if (put(made, names->told, tuple_with(6, told)) < 0 || put(made, names->one, tuple_with(2, one)) < 0 ||
        put(made, names->question, Py_NewRef(arguments[2])) < 0 ||
        (more && (put(made, names->walked, tuple_of(&found)) < 0 || put(made, names->parsed, Py_NewRef(Py_None)) < 0))) {
        Py_CLEAR(made);
    }
    return made;
}

/* The name at an offset as text, and a final dot if it is wanted; the length, 0 for what is not plain, or no name. */
static Py_ssize_t
name_text(const uint8_t *data, Py_ssize_t limit, Py_ssize_t at, int dot, char *text)
{
    int size;
    Py_ssize_t length = 0;
    if (skip(data, limit, at, &size) < 0) {
        return 0;
    }
    while (data[at]) {
        unsigned count = data[at];
        if (count > 63) {
            at = two(data + at) & 0x3FFF;
            continue;
        }
        if (length) {
            text[length++] = '.';
        }
        for (unsigned index = 1; index <= count; index++) {
            uint8_t byte = data[at + index];
            if (byte <= 0x20 || byte >= 0x7F || strchr("\"().;\\@$", byte) != NULL) {
                return 0; /* it needs an escape (RFC 4343 §2.1) */
            }
            text[length++] = (char)byte;
        }
        at += (Py_ssize_t)count + 1;
    }
    if (length && dot) {
        text[length++] = '.';
    }
    return length;
}

/* A record's data as text; the length, 0 for what is left to Python. */
static Py_ssize_t
data_text(const uint8_t *data, Py_ssize_t limit, Py_ssize_t at, unsigned type, unsigned class, unsigned length, char *text)
{
    if (type == 1 && class == 1 && length == 4) {
        return dotted(data + at, text);
    }
    if (type == 28 && class == 1 && length == 16) {
        return inet_ntop(AF_INET6, data + at, text, INET6_ADDRSTRLEN) == NULL ? 0 : (Py_ssize_t)strlen(text);
    }
    if (type == 5 || type == 2 || type == 12 || type == 39) {
        return name_text(data, limit, at, 1, text);
    }
    return 0;
}

struct record {
    unsigned type, class;
    uint32_t ttl;
    Py_ssize_t name_length, data_length;
    char name[MOST_BYTES + 2], data[MOST_BYTES + 2];
};

/* The record at an offset, which moves behind it: 1; 0 where that is left to Python; -1 for what is not among the records, as
   dns/wire.py has it: the OPT record, and an address with too many bytes. */
static int
next_record(const uint8_t *data, Py_ssize_t limit, Py_ssize_t *at, struct record *found)
{
    int size;
    if (*at < 12) {
        return 0;
    }
    if (limit - *at >= 11 && memcmp(data + *at, root_opt, 3) == 0) {
        *at += 11 + (Py_ssize_t)two(data + *at + 9);
        return *at > limit ? 0 : -1;
    }
    found->name_length = name_text(data, limit, *at, 0, found->name);
    if (found->name_length == 0) {
        return 0;
    }
    Py_ssize_t here = skip(data, limit, *at, &size);
    if (limit - here < 10) {
        return 0;
    }
    unsigned bytes = two(data + here + 8);
    found->type = two(data + here);
    found->class = two(data + here + 2);
    found->ttl = data[here + 4] & 0x80 ? 0 : four(data + here + 4); /* RFC 2181 §8 */
    here += 10;
    *at = here + (Py_ssize_t)bytes;
    if (*at > limit) {
        return 0;
    }
    if (found->class == 1 && ((found->type == 1 && bytes > 4) || (found->type == 28 && bytes > 16))) {
        return -1;
    }
    found->data_length = data_text(data, limit, here, found->type, found->class, bytes, found->data);
    return found->data_length > 0;
}

/* The arguments of those that read a section. */
static int
section_of(PyObject *const *arguments, Py_ssize_t given, const uint8_t **data, Py_ssize_t *limit, Py_ssize_t *at, Py_ssize_t *count)
{
    if (given != 3) {
        PyErr_Format(PyExc_TypeError, "3 arguments are needed, not %zd", given);
        return 0;
    }
    if (!bytes_of(arguments[0], data, limit)) {
        return 0;
    }
    *at = PyLong_AsSsize_t(arguments[1]);
    *count = PyLong_AsSsize_t(arguments[2]);
    return !((*at == -1 || *count == -1) && PyErr_Occurred());
}

PyDoc_STRVAR(records_doc,
             "records(message, at, count)\n--\n\nThe fields of each record of a section that ``walk`` has found, if all of "
             "them are addresses and plain names, or None.");

static PyObject *
records(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    const uint8_t *data;
    Py_ssize_t limit, at, count;
    struct record one;
    if (!section_of(arguments, given, &data, &limit, &at, &count)) {
        return NULL;
    }
    PyObject *found = PyList_New(0);
    for (; found != NULL && count > 0; count--) {
        int verdict = next_record(data, limit, &at, &one);
        if (verdict == 0) {
            Py_SETREF(found, Py_NewRef(Py_None));
            break;
        }
        if (verdict > 0) {
            PyObject *row = Py_BuildValue("(NIkNI)", text_of(one.name, one.name_length), one.type, (unsigned long)one.ttl,
                                          text_of(one.data, one.data_length), one.class);
            if (row == NULL || PyList_Append(found, row) < 0) {
                Py_CLEAR(found);
            }
            Py_XDECREF(row);
        }
    }
    return found;
}

#define MOST_ROWS 64
#define ROW_BYTES (2 * MOST_BYTES + 80) /* a name, data, and what stands around them */

PyDoc_STRVAR(rows_doc,
             "rows(message, at, count)\n--\n\nThe records of a section as ``resolve bulk`` writes them in JSON, with commas "
             "between, if all of them are of class IN, addresses and plain names, and not many; or None.");

static PyObject *
rows(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    const uint8_t *data;
    Py_ssize_t limit, at, count, length = 0;
    struct record one;
    if (!section_of(arguments, given, &data, &limit, &at, &count)) {
        return NULL;
    }
    if (count < 0 || count > MOST_ROWS) {
        Py_RETURN_NONE;
    }
    char *text = PyMem_Malloc((size_t)count * ROW_BYTES + 1);
    if (text == NULL) {
        return PyErr_NoMemory();
    }
    for (; count > 0; count--) {
        int verdict = next_record(data, limit, &at, &one);
        if (verdict == 0 || (verdict > 0 && one.class != 1)) {
            PyMem_Free(text);
            Py_RETURN_NONE;
        }
        if (verdict > 0) {
            const char *type = one.type == 1 ? "A" : one.type == 28 ? "AAAA" : one.type == 5 ? "CNAME"
                : one.type == 2 ? "NS" : one.type == 12 ? "PTR" : "DNAME";
            length += snprintf(text + length, ROW_BYTES + 1,
                               "%s{\"name\":\"%.*s\",\"type\":\"%s\",\"class\":\"IN\",\"ttl\":%lu,\"data\":\"%.*s\"}",
                               length ? "," : "", (int)one.name_length, one.name, type, (unsigned long)one.ttl,
                               (int)one.data_length, one.data);
        }
    }
    PyObject *made = text_of(text, length);
    PyMem_Free(text);
    return made;
}

PyDoc_STRVAR(plain_doc, "plain(host, port, family, type, proto, flags)\n--\n\nAs policy/getaddrinfo.py's plain_in_python.");

/* Whether an argument is a whole number, and then which; what is no int of C is too large for all that is asked of it. */
static int
number_of(PyObject *argument, long *number)
{
    int overflow;
    if (!PyLong_Check(argument)) {
        return 0;
    }
    *number = PyLong_AsLongAndOverflow(argument, &overflow);
    return !overflow;
}

static PyObject *
plain(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    long port, family, type, proto, flags;
    char low[MOST_BYTES];
    if (given != 6) {
        PyErr_Format(PyExc_TypeError, "6 arguments are needed, not %zd", given);
        return NULL;
    }
    PyObject *host = arguments[0];
    if (!PyUnicode_CheckExact(host) || !PyUnicode_IS_ASCII(host) || !PyLong_CheckExact(arguments[1]) ||
        !number_of(arguments[1], &port) || !number_of(arguments[2], &family) || !number_of(arguments[3], &type) ||
        !number_of(arguments[4], &proto) || !number_of(arguments[5], &flags) || port < 0 || port > 0xFFFF || type < 0 ||
        type > 2 || proto || flags || (family && family != AF_INET && family != AF_INET6)) {
        Py_RETURN_NONE;
    }
    Py_ssize_t length = PyUnicode_GET_LENGTH(host), label = 0;
    const uint8_t *text = PyUnicode_1BYTE_DATA(host);
    if (length < 1 || length > MOST_BYTES - 2 || text[0] == '-') {
        Py_RETURN_NONE;
    }
    int changed = 0;
    uint8_t byte = 0;
    for (Py_ssize_t at = 0; at < length; at++) {
        byte = text[at];
        if (byte == '.') {
            if (at == label || at - label > 63) {
                Py_RETURN_NONE;
            }
            label = at + 1;
        }
        else if (byte >= 'A' && byte <= 'Z') {
            byte |= 0x20;
            changed = 1;
        }
        else if (!((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_')) {
            Py_RETURN_NONE;
        }
        low[at] = (char)byte;
    }
    if (length - label > 63 || byte < 'g' || byte > 'z' || byte == 'x') {
        Py_RETURN_NONE; /* a final dot is no such letter either */
    }
    return changed ? text_of(low, length) : Py_NewRef(host);
}

PyDoc_STRVAR(tail_doc, "tail(question)\n--\n\nThe question section of a Question with a plain name and class IN, or None.");

static PyObject *
tail(PyObject *module, PyObject *question)
{
    uint8_t wire[MOST_BYTES + 4];
    long type, class;
    if (!PyTuple_Check(question) || PyTuple_GET_SIZE(question) != 4) {
        PyErr_Format(PyExc_TypeError, "a Question is needed, not %.100s", Py_TYPE(question)->tp_name);
        return NULL;
    }
    PyObject *name = PyTuple_GET_ITEM(question, 0);
    if (!PyUnicode_Check(name) || !PyUnicode_IS_ASCII(name) || !number_of(PyTuple_GET_ITEM(question, 1), &type) ||
        !number_of(PyTuple_GET_ITEM(question, 2), &class) || type < 0 || type > 0xFFFF || class != 1) {
        Py_RETURN_NONE;
    }
    Py_ssize_t length = PyUnicode_GET_LENGTH(name), label = 0;
    const uint8_t *text = PyUnicode_1BYTE_DATA(name);
    if (length < 1 || length > MOST_BYTES - 2) {
        Py_RETURN_NONE;
    }
    for (Py_ssize_t at = 0; at <= length; at++) {
        if (at == length || text[at] == '.') {
            Py_ssize_t count = at - label;
            if (count < 1 || count > 63) {
                Py_RETURN_NONE;
            }
            wire[label] = (uint8_t)count;
            label = at + 1;
        }
        else if (text[at] == '\\') {
            Py_RETURN_NONE;
        }
        else {
            wire[at + 1] = text[at];
        }
    }
    const uint8_t end[5] = {0, (uint8_t)(type >> 8), (uint8_t)type, 0, 1};
    memcpy(wire + length + 1, end, 5);
    return PyBytes_FromStringAndSize((const char *)wire, length + 6);
}

/* c-ares' records, through functions of the library that pycares brings: cffi gives their addresses, so nothing is known
   here of how a record is laid out but its head, and whether that is as expected the caller has looked at. Called from
   c-ares' callback, with the GIL, while the record lives. */

struct library {
    size_t (*count)(const void *record, int section);
    const void *(*get)(const void *record, int section, size_t index);
    int (*type)(const void *rr);
    int (*class)(const void *rr);
    unsigned (*ttl)(const void *rr);
    const char *(*name)(const void *rr);
    const char *(*string)(const void *rr, int key);
    const void *(*address)(const void *rr, int key);
    const void *(*address6)(const void *rr, int key);
    int sections[3], a, aaaa, cname, ns, ptr;
};

/* The data of an address or a name as bytes; None for a type that is not read at all; NULL without an error for what is left
   to Python. */
static PyObject *
taken_data(const struct library *library, const void *rr, int type)
{
    const char *data = NULL;
    switch (type) {
    case 1:
        data = library->address(rr, library->a);
        return data == NULL ? NULL : PyBytes_FromStringAndSize(data, 4);
    case 28:
        data = library->address6(rr, library->aaaa);
        return data == NULL ? NULL : PyBytes_FromStringAndSize(data, 16);
    case 2:
    case 5:
    case 12:
        data = library->string(rr, type == 2 ? library->ns : type == 5 ? library->cname : library->ptr);
        return data == NULL ? NULL : PyBytes_FromString(data);
    case 6:
    case 15:
    case 33:
        return NULL;
    default:
        return Py_NewRef(Py_None);
    }
}

static PyObject *
taken_section(const struct library *library, const void *record, int section)
{
    size_t count = library->count(record, section);
    PyObject *found = PyList_New(0);
    for (size_t index = 0; found != NULL && index < count; index++) {
        const void *rr = library->get(record, section, index);
        int type = rr == NULL ? 0 : library->type(rr);
        const char *name = rr == NULL ? NULL : library->name(rr);
        PyObject *data = name == NULL ? NULL : taken_data(library, rr, type);
        if (data == NULL) {
            Py_CLEAR(found);
        }
        else if (data == Py_None) {
            Py_DECREF(data);
        }
        else {
            PyObject *row = Py_BuildValue("(yiIiN)", name, type, library->ttl(rr), library->class(rr), data);
            if (row == NULL || PyList_Append(found, row) < 0) {
                Py_CLEAR(found);
            }
            Py_XDECREF(row);
        }
    }
    return found;
}

PyDoc_STRVAR(taken_doc, "taken(record, library)\n--\n\nThe three sections of c-ares' record at this address, as "
                        "engines/ares/library.py takes them, and how many records its answer has; or None.");

static PyObject *
taken(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    const uint8_t *bytes;
    Py_ssize_t size;
    struct library library;
    if (!two_arguments(given) || !bytes_of(arguments[1], &bytes, &size)) {
        return NULL;
    }
    const void *record = PyLong_AsVoidPtr(arguments[0]);
    if (record == NULL && PyErr_Occurred()) {
        return NULL;
    }
    if (record == NULL || size != (Py_ssize_t)sizeof library) {
        PyErr_SetString(PyExc_ValueError, "no record, or no library");
        return NULL;
    }
    memcpy(&library, bytes, sizeof library);
    PyObject *found[3] = {NULL, NULL, NULL};
    int index = 0;
    while (index < 3 && (found[index] = taken_section(&library, record, library.sections[index])) != NULL) {
        index++;
    }
    if (index == 3) {
        size_t count = library.count(record, library.sections[0]);
        return Py_BuildValue("((NNN)n)", found[0], found[1], found[2], (Py_ssize_t)count);
    }
    for (index = 0; index < 3; index++) {
        Py_XDECREF(found[index]);
    }
    if (PyErr_Occurred()) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"walk", (PyCFunction)(void (*)(void))walk, METH_FASTCALL, walk_doc},
    {"address_in", (PyCFunction)(void (*)(void))address_in, METH_FASTCALL, address_in_doc},
    {"first_reply", (PyCFunction)(void (*)(void))first_reply, METH_FASTCALL, first_reply_doc},
    {"records", (PyCFunction)(void (*)(void))records, METH_FASTCALL, records_doc},
    {"rows", (PyCFunction)(void (*)(void))rows, METH_FASTCALL, rows_doc},
    {"taken", (PyCFunction)(void (*)(void))taken, METH_FASTCALL, taken_doc},
    {"plain", (PyCFunction)(void (*)(void))plain, METH_FASTCALL, plain_doc},
    {"tail", tail, METH_O, tail_doc},
    {NULL, NULL, 0, NULL},
};

static int
begin(PyObject *module)
{
    struct names *names = PyModule_GetState(module);
    names->question = PyUnicode_InternFromString("question");
    names->told = PyUnicode_InternFromString("told");
    names->one = PyUnicode_InternFromString("one");
    names->walked = PyUnicode_InternFromString("_walked");
    names->parsed = PyUnicode_InternFromString("_parsed");
    if (!(names->question && names->told && names->one && names->walked && names->parsed)) {
        return -1;
    }
    return PyModule_AddIntConstant(module, "FORM", 1); // one more with each change that the Python beside it needs
}

static int
clear(PyObject *module)
{
    struct names *names = PyModule_GetState(module);
    Py_CLEAR(names->question);
    Py_CLEAR(names->told);
    Py_CLEAR(names->one);
    Py_CLEAR(names->walked);
    Py_CLEAR(names->parsed);
    return 0;
}

static void
end(void *module)
{
    clear(module);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, begin},
#if PY_VERSION_HEX >= 0x030c0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030d0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "celadon.resolver.accel._codec", "Questions made and addresses read, in C.",
    sizeof(struct names), methods, slots, NULL, clear, end,
};

PyMODINIT_FUNC
PyInit__codec(void)
{
    return PyModuleDef_Init(&definition);
}
