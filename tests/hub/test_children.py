"""Waiting for child processes, and signals."""

import _thread
import errno
import os
import signal
import subprocess
import sys

import pytest

from celadon.hub import (
    NotReady,
    Queue,
    children,
    getcurrent,
    joinall,
    signal_handler,
    sleep,
    spawn,
    wait_pid,
)


def child(status, after=0.0):
    pid = os.fork()
    if pid == 0:
        if after:
            signal.setitimer(signal.ITIMER_REAL, 0)
            import time

            time.sleep(after)
        os._exit(status)
    return pid


@pytest.fixture(params=["pidfd", "poll"])
def manner(request, monkeypatch):
    if request.param == "poll":
        monkeypatch.setattr(children, "_pidfd_open", None)
    elif children._pidfd_open is None:
        pytest.skip("this system has no pidfd")


def test_many_children_at_once(manner):
    pids = [child(n, 0.01) for n in range(20)]
    waits = [spawn(wait_pid, pid) for pid in pids]
    joinall(waits)
    assert [(pid, os.waitstatus_to_exitcode(status)) for pid, status in (one.get() for one in waits)] == [
        (pid, n) for n, pid in enumerate(pids)
    ]


def test_in_another_thread(manner):
    pid, found = child(3, 0.01), Queue()
    _thread.start_new_thread(lambda: found.put(wait_pid(pid)), ())
    assert os.waitstatus_to_exitcode(found.get(timeout=10)[1]) == 3


def test_no_child_no_hang_and_late(manner):
    with pytest.raises(ChildProcessError):
        wait_pid(child_that_was_waited_for())
    pid = child(0, 0.2)
    assert wait_pid(pid, os.WNOHANG) == (0, 0)
    with pytest.raises(NotReady):
        wait_pid(pid, timeout=0.01)
    assert wait_pid(pid)[0] == pid


def child_that_was_waited_for():
    pid = child(0)
    os.waitpid(pid, 0)
    return pid


def test_any_child():
    pid = child(5, 0.01)
    found, status = wait_pid(-1)
    assert (found, os.waitstatus_to_exitcode(status)) == (pid, 5)


def test_a_kernel_without_pidfd(monkeypatch):
    def missing(pid):
        raise OSError(errno.ENOSYS, "no")

    monkeypatch.setattr(children, "_pidfd_open", missing)
    assert os.waitstatus_to_exitcode(wait_pid(child(4, 0.01))[1]) == 4


def test_a_signal_becomes_a_greenlet():
    came = Queue()

    def handle(word):
        sleep(0)  # a greenlet may wait
        came.put((word, getcurrent()))

    handler = signal_handler(signal.SIGUSR1, handle, "usr1")
    try:
        _thread.start_new_thread(os.kill, (os.getpid(), signal.SIGUSR1))
        word, who = came.get(timeout=10)
        assert word == "usr1"
        assert who is not getcurrent()
    finally:
        handler.cancel()
        handler.cancel()
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL


SCRIPT = """
import os, signal, sys, _thread, time
from celadon.hub import sleep, spawn
def other():
    try:
        sleep(1000)
    finally:
        print("other", flush=True)
{before}
try:
    {wait}
except {kind} as error:
    print("main", type(error).__name__, flush=True)
    raise SystemExit(3)
"""


@pytest.mark.parametrize(
    ("before", "wait", "kind"),
    [
        ("spawn(_thread.start_new_thread, lambda: os.kill(os.getpid(), signal.SIGINT), ())",
         "sleep(1000)", "KeyboardInterrupt"),
        ("spawn(_thread.start_new_thread, lambda: os.kill(os.getpid(), signal.SIGINT), ())",
         "spawn(sleep, 1000).join()", "KeyboardInterrupt"),
        ("spawn(sys.exit, 5)", "sleep(1000)", "SystemExit"),
        ("signal.signal(signal.SIGTERM, lambda *_: sys.exit(4)); "
         "spawn(_thread.start_new_thread, lambda: os.kill(os.getpid(), signal.SIGTERM), ())",
         "sleep(1000)", "SystemExit"),
    ],
)  # fmt: skip
def test_what_a_signal_handler_raises_goes_to_main(before, wait, kind):
    code = SCRIPT.format(before=before, wait=wait, kind=kind)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, f"main {kind}\n", "")
