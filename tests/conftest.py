"""After each test nothing may be left: no parked greenlet, no live timer, no watched or open fd."""

import contextlib
import gc
import os
import time

import pytest

from celadon import resolver
from celadon.hub import get_hub, sleep
from celadon.hub.loop.shuffle import Shuffle

# How the tests themselves are run: `make test-shuffle`, `make test-poll`.
KEPT = ("CELADON_SHUFFLE", "CELADON_POLLER")


def _fds():
    found = {}
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile: by another thread, or that of the listing
            found[fd] = os.readlink(f"/proc/self/fd/{fd}")
    return found


@pytest.fixture(autouse=True)
def leaves_nothing(monkeypatch, request):
    for name in [name for name in os.environ if name.startswith("CELADON_") and name not in KEPT]:
        monkeypatch.delenv(name)
    hub = get_hub()
    if hub.shuffle is not None:
        # So that one test run by itself meets the same order.
        hub.shuffle = Shuffle(f"{os.environ.get('CELADON_SHUFFLE')}/{request.node.name}")
    handler = hub.exception_handler
    before = len(_fds()) if os.path.isdir("/proc/self/fd") else 0
    yield
    resolver.reset()
    hub.exception_handler = handler
    sleep(0)
    for _ in range(100):
        if not hub.parked and not hub.ready and len(hub.fds) == 1:
            break
        sleep(0.002)  # a peer of what was just closed may not have noticed yet
    gc.collect(1)  # a test's own garbage is young: to go through all there is costs more than most tests
    if hub.parked or len(hub.timers) or len(hub.fds) > 1 or (before and len(_fds()) > before):
        gc.collect()
    assert not hub.parked, f"parked greenlets are left: {list(hub.parked)}"
    assert not len(hub.timers), f"{len(hub.timers)} timers are left"
    assert len(hub.fds) == 1, f"watched fds are left: {list(hub.fds.values())}"
    assert hub.holds == 0
    assert hub.io_waiters == 0
    if before:
        deadline = time.monotonic() + 2
        while len(_fds()) > before and time.monotonic() < deadline:
            time.sleep(0.01)  # another thread may be closing its own
        assert len(_fds()) <= before, f"open fds are left: {_fds()}"
