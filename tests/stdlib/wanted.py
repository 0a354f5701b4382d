"""Every test of CPython's that passes unpatched and not under ``patch_all``, with its reason.

A reason is one of: a wanted difference; an implementation detail (a repr, a private name); a bug, with a plan.
"""

_NATIVE_ID = "wanted: all threads of one OS thread have its native id, which is what the kernel knows them by"
_PREEMPTION = "wanted: a thread that computes without ever waiting is not interrupted in favour of another"
_DUMMIES = "wanted: the Thread of a thread that threading did not start ends with it, as CPython has it since 3.13"

#: (module, end of the test's id) -> why it cannot or need not pass.
WANTED: dict[tuple[str, str], str] = {
    ("test_threading", "ThreadTests.test_foreign_thread"): _DUMMIES,
    ("test_threading", "ThreadTests.test_ident_of_no_threading_threads"): _DUMMIES,
    ("test_threading", "ThreadTests.test_various_ops"): _NATIVE_ID,
    ("test_threading", "ThreadTests.test_various_ops_large_stack"): _NATIVE_ID,
    ("test_threading", "ThreadTests.test_various_ops_small_stack"): _NATIVE_ID,
    ("test_threading", "InterruptMainTests.test_can_interrupt_tight_loops"): _PREEMPTION,
    ("test_asyncio.test_subprocess", "GenericWatcherTests.test_create_subprocess_with_pidfd"): (
        "wanted: a policy asked for its loop within a running one gives that one, for what is in C asks there (3.13)"
    ),
    ("test_fork1", "ForkTest.test_threaded_import_lock_fork"): (
        "wanted: imp.acquire_lock is the OS thread's; importing itself takes green locks, one for each module"
    ),
    ("test_sys", "SysModuleTest.test_current_exceptions"): (
        "implementation detail: the exception that a switched-out greenlet handles cannot be seen from Python"
    ),
    ("test_sys", "(module)"): "no difference of its own: test_current_exceptions leaves its thread waiting as it fails",
}


def reason(module, test):
    """Why ``test`` of ``module`` differs; None if nobody has said so."""
    for (where, end), why in WANTED.items():
        if where == module and (test == end or test.endswith("." + end)):
            return why
    return None
