"""The soak, for two seconds; that its seed reproduces; and that it finds bugs that are planted."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

# Each breaks one promise in a way that only some orders of events show.
PLANTED = {
    "a released unit wakes nobody, now and then": """
from celadon.hub.waiting.sync import Semaphore
def release(self, n=1, before=Semaphore.release, count=[0]):
    count[0] += 1
    if count[0] % 7 == 0 and n == 1 and type(self) is Semaphore:
        self._free.append(None)
        return 1
    return before(self, n)
Semaphore.release = release
""",
    "whoever is killed stays in line and takes an item along": """
from celadon.hub.waiting.park import Waiters
Waiters.give_up = lambda self, waiter: True
from celadon.hub import Queue
""",
    "a late item is handed to one whose time is over": """
from celadon.hub.loop.hub import Hub
def expire(self, waiter, value):
    if self.parked.pop(waiter, None) is not None:
        self.ready.append((waiter, value))
Hub.expire = expire
""",
    "an end wakes only one of those who join": """
from celadon.hub.greenlets.greenlet import Greenlet
def wake(self):
    for waiter, hub in list((self._joiners or {}).items())[:1]:
        if self._joiners.pop(waiter, None) is not None:
            hub.deliver(waiter, None)
Greenlet._wake_joiners = wake
""",
    "a deadline stays when its block has ended": """
from celadon.hub.waiting import timeouts as cancel
cancel.Timeout.cancel = lambda self: None
""",
    "an edge wakes only the first reader": """
from celadon.hub.waiting.fds import _Entry
from celadon.hub.loop.pollers import READ_READY, WRITE_READY
def fire(self, mask):
    if mask & READ_READY and self.readers:
        self.hub.unpark(self.readers.pop(0))
    if mask & WRITE_READY and self.writers:
        self.hub.unpark(self.writers.pop(0))
_Entry.fire = fire
""",
    "a child fires its parent's timers": """
from celadon.hub.loop.timers import Timers
def clear(self):
    for _, _, timer in self.heap:
        timer.callback = None
    self.heap, self.due, self.dead = [], [], 0
Timers.clear = clear
""",
    "a close wakes nobody": """
from celadon.hub.waiting.fds import _Entry
_Entry.closing = lambda self: None
""",
    "a bounded queue lets one too few in": """
from celadon.hub.waiting.queues import Queue
Queue._let_in = lambda self: False
""",
}


def python(code, *arguments, timeout=50):
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)


def test_two_seconds_of_it():
    command = [sys.executable, "-m", "tests.hub.soak", "--seconds", "2", "--seed", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("nothing lost\n")


def test_the_seed_reproduces():
    code = "import sys; from tests.hub.soak import one_world; print([one_world(seed) for seed in sys.argv[1:]])"
    one = python(code, "a", "b", "a")
    a, b, again = one.stdout.strip("[]\n").split(", ")
    assert a == again != b
    assert python(code, "b", "a").stdout.strip("[]\n") == f"{b}, {a}"


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug):
    code = PLANTED[bug] + "\nfrom tests.hub.soak import one_world\nfor n in range(40): one_world(n)"
    code = "import sys; sys.unraisablehook = print\n" + code
    try:
        done = python(code, timeout=20)
    except subprocess.TimeoutExpired:
        return  # nobody woke the one who checks
    assert done.returncode == 1, "it was not found"
    assert "ImportError" not in done.stderr
