/* The first block of every greenlet's Python stack, from a place that is cheap to take it from.

   CPython gives the first Python frame of each greenlet a data-stack chunk of 16 KiB of its own, from the arena
   allocator: an mmap and, when the greenlet ends, a munmap. This wraps that allocator (PyObject_SetArenaAllocator).
   Blocks of that size come from slabs of 32, which lie in one range of addresses that is reserved at the start and
   backed by memory as slabs are used. A block that was given back is used again first, while its pages are still
   there; the pages of blocks beyond the bound go back to the kernel, many with one call. All else, and what does not
   fit in, is left to the allocator underneath.

   The allocator may be called by several threads at once (subinterpreters, free-threaded builds). The slabs are taken
   by a flag that is never waited for: who finds it taken leaves a block that ends on a list for the next one, and
   takes a new one underneath. So nobody can be blocked, not even a child that was forked while another thread had
   the flag. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

#define BLOCK ((size_t)16 * 1024)
#define SLAB (32 * BLOCK)
#if UINTPTR_MAX > UINT32_MAX
#define SLABS 32768 /* 16 GiB of addresses, a million greenlets at once */
#else
#define SLABS 512
#endif
#define ROOM SLABS /* the anchor of the list of those with room */
#define BATCH 8    /* free blocks of a slab that are worth a call of the kernel */

static struct slab {
    uint32_t free;   /* one bit for each block that may be given out */
    uint32_t absent; /* those of them that have no pages */
    int32_t before, after;
} slabs[SLABS + 1];

static PyObjectArenaAllocator under;
static char *range;      /* where the slabs lie */
static int32_t reserved; /* how many of them fit in */
static int32_t begun;    /* how many were used so far */
static Py_ssize_t kept, most;
static unsigned long long reused;
static atomic_flag taken = ATOMIC_FLAG_INIT;
static _Atomic(void *) late; /* blocks given back while the flag was taken: each begins with the address of the next */

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

static inline void
link_behind(int32_t place, int32_t which)
{
    int32_t after = slabs[place].after;
    slabs[which].before = place;
    slabs[which].after = after;
    slabs[place].after = slabs[after].before = which;
}

static inline void
unlink_slab(int32_t which)
{
    slabs[slabs[which].before].after = slabs[which].after;
    slabs[slabs[which].after].before = slabs[which].before;
}

static int
begin_slab(void)
{
    if (most == 0 || begun == reserved || mprotect(range + begun * SLAB, SLAB, PROT_READ | PROT_WRITE) != 0) {
        return 0;
    }
    slabs[begun].free = slabs[begun].absent = UINT32_MAX;
    link_behind(ROOM, begun++);
    return 1;
}

/* To be called with the flag, as all below. */
static void *
take_block(void)
{
    int32_t which = slabs[ROOM].after;
    if (most == 0) {
        return NULL;
    }
    if (which == ROOM) {
        if (!begin_slab()) {
            return NULL;
        }
        which = slabs[ROOM].after;
    }
    struct slab *slab = &slabs[which];
    uint32_t present = slab->free & ~slab->absent;
    int at = __builtin_ctz(present ? present : slab->free);
    if (present) {
        kept--;
        reused++;
    }
    slab->free &= ~(UINT32_C(1) << at);
    slab->absent &= ~(UINT32_C(1) << at);
    if (!slab->free) {
        unlink_slab(which);
    }
    return range + which * SLAB + at * BLOCK;
}

static void
give_pages_back(int32_t which)
{
    struct slab *slab = &slabs[which];
    uint32_t present = slab->free & ~slab->absent;
    slab->absent |= present;
    kept -= __builtin_popcount(present);
    while (present) {
        int at = __builtin_ctz(present);
        uint32_t rest = ~(present >> at);
        int run = rest ? __builtin_ctz(rest) : 32;
        (void)madvise(range + which * SLAB + at * BLOCK, run * BLOCK, MADV_DONTNEED);
        present &= ~((run < 32 ? (UINT32_C(1) << run) - 1 : UINT32_MAX) << at);
    }
    unlink_slab(which);
    link_behind(slabs[ROOM].before, which); /* the last to be used */
}

static void
give_block(void *block)
{
    size_t offset = (size_t)((char *)block - range);
    int32_t which = (int32_t)(offset / SLAB);
    struct slab *slab = &slabs[which];
    if (!slab->free) {
        link_behind(ROOM, which);
    }
    slab->free |= UINT32_C(1) << (offset % SLAB / BLOCK);
    kept++;
    if (kept > most && (slab->free == UINT32_MAX || __builtin_popcount(slab->free & ~slab->absent) >= BATCH)) {
        give_pages_back(which);
    }
}

static void
give_late_ones(void)
{
    void *block = atomic_exchange(&late, NULL);
    while (block != NULL) {
        void *next = *(void **)block;
        give_block(block);
        block = next;
    }
}

static void *
arena_alloc(void *context, size_t size)
{
    (void)context;
    if (size == BLOCK && take()) {
        void *block = take_block();
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
    if ((uintptr_t)block - (uintptr_t)range >= (size_t)reserved * SLAB) {
        under.free(under.ctx, block, size);
    }
    else if (take()) {
        give_block(block);
        if (atomic_load_explicit(&late, memory_order_relaxed) != NULL) {
            give_late_ones();
        }
        leave();
    }
    else {
        void *next = atomic_load(&late);
        do {
            *(void **)block = next;
        } while (!atomic_compare_exchange_weak(&late, &next, block));
    }
}

/* Once in the process. Of few addresses (RLIMIT_AS) a small part, that the program has the others. */
static int
reserve(void)
{
    struct rlimit limit;
    int32_t count = SLABS;
    if (range != NULL) {
        return 1;
    }
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur / 16 / SLAB < SLABS) {
        count = (int32_t)(limit.rlim_cur / 16 / SLAB);
    }
    char *got = mmap(NULL, count * SLAB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (got == MAP_FAILED) {
        return 0;
    }
#ifdef MADV_NOHUGEPAGE
    (void)madvise(got, count * SLAB, MADV_NOHUGEPAGE); /* a greenlet seldom touches more than a page or two */
#endif
    range = got;
    reserved = count;
    slabs[ROOM].before = slabs[ROOM].after = ROOM;
    PyObjectArenaAllocator ours = {NULL, arena_alloc, arena_free};
    PyObject_GetArenaAllocator(&under);
    PyObject_SetArenaAllocator(&ours);
    return 1;
}

PyDoc_STRVAR(enable_doc,
             "enable(blocks)\n--\n\nKeep the pages of about this many free blocks of 16 KiB; ValueError for less than "
             "one. False where the addresses could not be reserved.");

static PyObject *
enable(PyObject *module, PyObject *argument)
{
    Py_ssize_t blocks = PyLong_AsSsize_t(argument);
    if (blocks == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (blocks < 1) {
        PyErr_SetString(PyExc_ValueError, "blocks: there must be room for one");
        return NULL;
    }
    if (!reserve()) {
        Py_RETURN_FALSE;
    }
    most = blocks;
    Py_RETURN_TRUE;
}

PyDoc_STRVAR(disable_doc, "disable()\n--\n\nGive no more blocks out, and the pages of all free ones back.");

static PyObject *
disable(PyObject *module, PyObject *unused)
{
    most = 0;
    if (take()) {
        for (int32_t which = 0; which < begun; which++) {
            if (slabs[which].free & ~slabs[which].absent) {
                give_pages_back(which);
            }
        }
        leave();
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(stats_doc, "stats()\n--\n\n(free blocks with pages now, blocks that were used again since the start).");

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
    PyModuleDef_HEAD_INIT, "celadon.hub.accel._arena", "Cheap first chunks for greenlets' data stacks.",
    0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC
PyInit__arena(void)
{
    return PyModuleDef_Init(&definition);
}
