"""A main thread that waits on a patched primitive for ever goes on waiting, as in CPython, and says on what."""

import signal
import subprocess
import sys

import pytest
from greenlet import getcurrent

from celadon.hub.loop.dead_end import EndlessWaits

WAITS = """
from celadon.green import patch_all
patch_all()
import queue, threading

lock, event, condition = threading.Lock(), threading.Event(), threading.Condition()
lock.acquire()
semaphore, barrier = threading.Semaphore(0), threading.Barrier(2)
worker = threading.Thread(target=event.wait, name="worker", daemon=True)
full = queue.Queue(1)
full.put(1)

def wait_for_condition():
    with condition:
        condition.wait()

def join():
    worker.start()
    worker.join()

for wait in (lock.acquire, event.wait, wait_for_condition, semaphore.acquire, barrier.wait, queue.Queue().get,
             lambda: full.put(2), full.join, queue.SimpleQueue().get, join):
    try:
        wait()
    except KeyboardInterrupt:
        pass
"""
SAID = [
    "the main thread waits on <locked _thread.lock object at 0x",
    "(Event.wait), at <string>:",
    "(Condition.wait), at <string>:",
    "(Semaphore.acquire), at <string>:",
    "(Barrier.wait), at <string>:",
    "(Queue.get), at <string>:",
    "(Queue.put), at <string>:",
    "(Queue.join), at <string>:",
    "the main thread waits on <_queue.SimpleQueue object at 0x",
    "the main thread waits on <Thread(worker, started daemon ",
]


def in_child(code: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)


def read_report(child: "subprocess.Popen[str]") -> str:
    lines = []
    for line in child.stderr:
        lines.append(line)
        if "celadon.hub.debug.ps()" in line:
            break
    return "".join(lines)


def test_each_primitive_is_named_and_the_wait_goes_on():
    with in_child(WAITS) as child:
        for said in SAID:
            report = read_report(child)
            assert report.startswith("celadon: the main thread waits for ever: no timer, fd, thread or signal handler")
            assert said in report.splitlines()[1]
            assert child.poll() is None
            child.send_signal(signal.SIGINT)
        assert "Thread(worker, " in report.splitlines()[2]
        assert "waits on <threading.Event at 0x" in report.splitlines()[2]
        assert child.stderr.read() == ""
    assert child.returncode == 0


def test_loop_exit_names_threads_and_their_primitives():
    code = """
from celadon.green import patch_all
patch_all()
import threading
from celadon.hub import Event
threading.Thread(target=threading.Event().wait, name="worker", daemon=True).start()
Event().wait()
"""
    with in_child(code) as child:
        last = child.stderr.read().splitlines()[-1]
    assert "LoopExit: this would wait for ever" in last
    assert "the main thread waits on <Event at 0x" in last
    assert "<Thread(worker, started daemon " in last
    assert "(Event.wait)" in last
    assert "celadon.hub.debug.ps() lists all waits" in last


def test_no_report_while_another_os_thread_may_release_the_lock():
    code = """
from celadon.green import original_module, patch_all
patch_all()
import threading
real_time, real_threading = original_module("time"), original_module("threading")
lock = threading.Lock()
lock.acquire()
# Longer than the loop's patience with threads that can bring nothing.
thread = real_threading.Thread(target=lambda: (real_time.sleep(0.9), lock.release()))
thread.start()
lock.acquire()
"""
    with in_child(code) as child:
        assert child.stderr.read() == ""
    assert child.returncode == 0


@pytest.fixture
def handled():
    before = signal.signal(signal.SIGUSR2, lambda number, frame: None)
    yield
    signal.signal(signal.SIGUSR2, before)


def test_no_report_if_a_signal_handler_of_the_program_may_wake_somebody(handled, capsys):
    EndlessWaits().report({}, getcurrent())
    assert capsys.readouterr().err == ""


def test_a_wait_is_reported_once(capsys, monkeypatch):
    monkeypatch.setattr("celadon.hub.loop.dead_end.signal.valid_signals", set)
    waits = EndlessWaits()
    for wait in ("one", "one", "two"):
        waits.report({getcurrent(): wait}, getcurrent())
    assert capsys.readouterr().err.count("the main thread waits for ever") == 2
