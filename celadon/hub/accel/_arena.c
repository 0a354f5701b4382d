/* A free list for the one block of memory that every greenlet costs.

   CPython gives the first Python frame of each greenlet a data-stack chunk of 16 KiB of its own, from the arena
   allocator: an mmap and, when the greenlet ends, a munmap. This wraps that allocator (PyObject_SetArenaAllocator)
   and keeps a bounded number of such blocks for the next greenlet. Blocks come from the allocator underneath and go
   back to it, so the list can be switched on and off at any time.

   The allocator may be called by several threads at once (subinterpreters, free-threaded builds). The list is taken
   by a flag that is never waited for: whoever finds it taken uses the allocator underneath. So nobody can be blocked
   by it, not even a child that was forked while another thread had it. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdatomic.h>

#define BLOCK ((size_t)16 * 1024)

static PyObjectArenaAllocator under;
static void *first; /* each kept block begins with the address of the next */
static Py_ssize_t kept, most;
static unsigned long long reused;
static atomic_flag taken = ATOMIC_FLAG_INIT;

static inline int
take(void)
{
    return !atomic_flag_test_and_set_explicit(&taken, memory_order_acquire);
}

static inline void
leave(void)
{
    atomic_flag_clear_explicit(&taken, memory_order_release);
}

static void *
arena_alloc(void *context, size_t size)
{
    (void)context;
    if (size == BLOCK && take()) {
        void *block = first;
        if (block != NULL) {
            first = *(void **)block;
            kept--;
            reused++;
        }
        leave();
        if (block != NULL) {
            return block;
        }
    }
    return under.alloc(under.ctx, size);
}

static void
arena_free(void *context, void *block, size_t size)
{
    (void)context;
    if (size == BLOCK && take()) {
        int room = kept < most;
        if (room) {
            *(void **)block = first;
            first = block;
            kept++;
        }
        leave();
        if (room) {
            return;
        }
    }
    under.free(under.ctx, block, size);
}

static int
is_on(void)
{
    PyObjectArenaAllocator now;
    PyObject_GetArenaAllocator(&now);
    return now.alloc == arena_alloc;
}

PyDoc_STRVAR(enable_doc, "enable(blocks)\n--\n\nKeep at most this many blocks of 16 KiB; ValueError for less than one.");

static PyObject *
enable(PyObject *module, PyObject *argument)
{
    Py_ssize_t blocks = PyLong_AsSsize_t(argument);
    if (blocks == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (blocks < 1) {
        PyErr_SetString(PyExc_ValueError, "the free list needs room for one block");
        return NULL;
    }
    most = blocks;
    if (!is_on()) {
        PyObjectArenaAllocator ours = {NULL, arena_alloc, arena_free};
        PyObject_GetArenaAllocator(&under);
        PyObject_SetArenaAllocator(&ours);
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(disable_doc,
             "disable()\n--\n\nKeep none, and take the wrapper off unless somebody has wrapped it in turn.");

static PyObject *
disable(PyObject *module, PyObject *unused)
{
    most = 0;
    if (is_on()) {
        PyObject_SetArenaAllocator(&under);
    }
    while (take()) {
        void *block = first;
        if (block != NULL) {
            first = *(void **)block;
            kept--;
        }
        leave();
        if (block == NULL) {
            break;
        }
        under.free(under.ctx, block, BLOCK);
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(stats_doc, "stats()\n--\n\n(blocks kept now, blocks that were used again since the start).");

static PyObject *
stats(PyObject *module, PyObject *unused)
{
    return Py_BuildValue("(nK)", kept, reused);
}

static PyMethodDef methods[] = {
    {"enable", enable, METH_O, enable_doc},
    {"disable", disable, METH_NOARGS, disable_doc},
    {"stats", stats, METH_NOARGS, stats_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
#if PY_VERSION_HEX >= 0x030c0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030d0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "celadon.hub.accel._arena", "The free list of greenlets' data-stack chunks.",
    0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC
PyInit__arena(void)
{
    return PyModuleDef_Init(&definition);
}
