"""The other pollers: the hub's own tests on poll and select, and kqueue against a scripted ``select`` module.

No kqueue runs here. What is tested of it is that what the poller asks the kernel for, by kqueue(2), and how it puts the
kernel's answers together, are what the hub is built on; whether a kernel answers so is for a BSD or macOS to show.
"""

import errno
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from celadon.hub.loop.pollers import (
    EDGE,
    ERROR,
    HANGUP,
    ONESHOT,
    READ,
    WRITE,
    KqueuePoller,
    SelectPoller,
    default_poller,
)

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", ["poll", "select"])
def test_the_hub_on_the_fallback(name):
    tests = ["waiting/test_fds.py", "waiting/test_park.py", "test_signals.py", "test_threads.py"]
    command = [sys.executable, "-m", "pytest", *(f"tests/hub/{one}" for one in tests)]
    env = {**os.environ, "CELADON_POLLER": name}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=55, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_the_environment_chooses(monkeypatch):
    monkeypatch.setenv("CELADON_POLLER", "select")
    assert isinstance(default_poller(), SelectPoller)
    monkeypatch.setenv("CELADON_POLLER", "abacus")
    with pytest.raises(ValueError, match="CELADON_POLLER=abacus: this system has"):
        default_poller()


class Kernel:
    """kqueue(2)'s rules for filters, with readiness by hand."""

    def __init__(self):
        self.filters = {}
        self.ready = {}
        self.closed = False

    def fileno(self):
        return 99

    def close(self):
        self.closed = True

    def control(self, changes, most, timeout):
        for fd, kind, flags in changes or ():
            if flags & 2:
                if self.filters.pop((fd, kind), None) is None:
                    raise FileNotFoundError(errno.ENOENT, "no such filter")
            else:
                self.filters[fd, kind] = flags
        told = []
        for key, flags in list(self.filters.items())[:most]:
            if key in self.ready:
                told.append(SimpleNamespace(ident=key[0], filter=key[1], flags=self.ready[key]))
                if flags & 0x10:  # EV_ONESHOT
                    del self.filters[key]
                if flags & 0x20:  # EV_CLEAR
                    del self.ready[key]
        return told


@pytest.fixture
def kqueue():
    kernel = Kernel()
    module = SimpleNamespace(
        kqueue=lambda: kernel,
        kevent=lambda fd, kind, flags: (fd, kind, flags),
        KQ_FILTER_READ=-1,
        KQ_FILTER_WRITE=-2,
        KQ_EV_ADD=1,
        KQ_EV_DELETE=2,
        KQ_EV_ONESHOT=0x10,
        KQ_EV_CLEAR=0x20,
        KQ_EV_EOF=0x8000,
        KQ_EV_ERROR=0x4000,
    )
    return KqueuePoller(module), kernel


def test_kqueue_edges(kqueue):
    poller, kernel = kqueue
    poller.add(5, READ | WRITE | EDGE)
    with pytest.raises(FileExistsError):
        poller.add(5, READ)
    assert poller.poll(0) == []
    kernel.ready = {(5, -1): 0, (5, -2): 0}
    assert poller.poll(0) == [(5, READ | WRITE)]
    assert poller.poll(0) == []
    kernel.ready = {(5, -1): 0x8000}
    assert poller.poll(-1) == [(5, READ | HANGUP)]
    kernel.ready = {(5, -2): 0x4000}
    assert poller.poll(None) == [(5, WRITE | ERROR)]


def test_kqueue_one_shots_disarm_both_directions(kqueue):
    poller, kernel = kqueue
    poller.add(5, READ | WRITE | ONESHOT)
    kernel.ready = {(5, -1): 0}
    assert poller.poll(0) == [(5, READ)]
    assert kernel.filters == {}
    poller.modify(5, WRITE | ONESHOT)
    assert list(kernel.filters) == [(5, -2)]
    poller.remove(5)
    poller.remove(5)
    assert kernel.filters == {}
    with pytest.raises(FileNotFoundError):
        poller.modify(5, READ)
    poller.close()
    assert kernel.closed
