"""The end of the interpreter: as plain CPython's, whatever still waits; no hang, no noise."""

import os
import signal
import subprocess
import sys
import time

import pytest

PARKED = """
from celadon.hub import Event, Lock, Queue, get_hub, sleep, spawn, spawn_later, to_thread, wait_readable
import _thread, atexit, os, sys, time
queue, event, lock = Queue(), Event(), Lock()
read, write = os.pipe()
lock.acquire()
def hold():
    try:
        sleep(1000)
    finally:
        sleep(0)  # an end that would wait
waiters = [spawn(one) for one in (queue.get, event.wait, lock.acquire, hold, lambda: wait_readable(read)) * 200]
sleep(0)
"""
BUSY = PARKED + "calls = [spawn(to_thread, time.sleep, 30) for _ in range(20)]; sleep(0.05)\n"

# The program: its exit status, and what it writes on stdout.
ENDS = {
    "the end of the file, 1,000 parked": (PARKED, 0, ""),
    "the end of the file, a running pool": (BUSY, 0, ""),
    "sys.exit in main, a running pool": (BUSY + "sys.exit(3)", 3, ""),
    "sys.exit in a greenlet": (PARKED + "spawn(sys.exit, 4); sleep(100)", 4, ""),
    "sys.exit in a bare greenlet": (
        PARKED + "from celadon.hub import spawn_raw; spawn_raw(sys.exit, 4); sleep(9)",
        4,
        "",
    ),
    "sys.exit in a callback": (PARKED + "get_hub().call_later(0.01, sys.exit, 5); sleep(100)", 5, ""),
    "sys.exit in a pool's call, waited for": (
        BUSY + "to_thread.__globals__['ThreadPool'](1).apply(sys.exit, (6,))",
        6,
        "",
    ),
    "a handler at exit that waits": (
        BUSY + "atexit.register(lambda: (sleep(0.01), print(spawn(lambda: 7).get()), print(queue.qsize())))",
        0,
        "7\n0\n",
    ),
    "another thread's hub, waiting": (
        PARKED + "_thread.start_new_thread(lambda: (spawn(sleep, 50), sleep(100)), ()); sleep(0.05)",
        0,
        "",
    ),
    "a child of a fork, from a greenlet": (
        "import warnings; warnings.simplefilter('ignore')\n"
        + BUSY
        + """
def fork():
    child = os.fork()
    if not child:
        print(spawn(lambda: "child").get(), flush=True)
        sys.exit(8)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
spawn(fork).join()
""",
        0,
        "child\n8\n",
    ),
    "a child of a fork, whose greenlet comes to its end": (
        "import warnings; warnings.simplefilter('ignore')\n"
        + PARKED
        + """
def fork():
    child = os.fork()
    if child:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    sleep(0.01)
spawn(fork).join()
""",
        0,
        "0\n",
    ),
    "an unfinished generator and a cycle that wait": (
        PARKED
        + """
class Cycle:
    def __init__(self): self.me = self; self.waiter = spawn(self.run)
    def run(self):
        try: sleep(1000)
        finally: self.me = None
def generator():
    try: yield spawn(sleep, 1000)
    finally: event.set()
kept = generator(); next(kept); Cycle(); sleep(0)
""",
        0,
        "",
    ),
}


def run(code, **kwargs):
    command = [sys.executable, "-X", "faulthandler", "-W", "error", "-c", code]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs)


@pytest.mark.parametrize("end", ENDS)
def test_it_ends(end):
    code, status, said = ENDS[end]
    with run(code) as program:
        out, err = program.communicate(timeout=20)
    assert (program.returncode, out, err) == (status, said, "")


@pytest.mark.parametrize("waiting", ["sleep(100)", "event.wait()", "waiters[0].join()", "to_thread(time.sleep, 30)"])
def test_ctrl_c_while_it_waits(waiting):
    code = BUSY + f"print('ready', flush=True)\ntry: {waiting}\nexcept KeyboardInterrupt: print('Ctrl-C'); sleep(0)"
    with run(code) as program:
        assert program.stdout.readline() == "ready\n"
        time.sleep(0.05)
        os.kill(program.pid, signal.SIGINT)
        out, err = program.communicate(timeout=20)
    assert (program.returncode, out, err) == (0, "Ctrl-C\n", "")


def test_ctrl_c_that_nobody_catches_ends_it_as_plain_python():
    with run(PARKED + "print('ready', flush=True); sleep(100)") as program:
        assert program.stdout.readline() == "ready\n"
        time.sleep(0.05)
        os.kill(program.pid, signal.SIGINT)
        _, err = program.communicate(timeout=20)
    assert program.returncode == -signal.SIGINT
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert "Exception ignored" not in err
