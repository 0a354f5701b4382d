"""After each test nothing may be left: no parked greenlet, no live timer, no watched or open fd."""

import contextlib
import gc
import os
import signal
import socket
import time
from importlib.util import find_spec

import pytest

from celadon import resolver
from celadon.green import restore
from celadon.hub import get_hub, killall, sleep
from celadon.hub.loop import current
from celadon.hub.loop.shuffle import Shuffle

# How the tests themselves are run: `make test-shuffle`, `make test-poll`.
KEPT = ("CELADON_SHUFFLE", "CELADON_POLLER")


def _fds():
    found = {}
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile: by another thread, or that of the listing
            found[fd] = os.readlink(f"/proc/self/fd/{fd}")
    return found


def _has_ipv6():
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as one:
        one.bind(("::1", 0))
        return True
    return False


def _has_configured_address():
    with contextlib.suppress(OSError):
        return bool(socket.getaddrinfo("localhost", 1, socket.AF_INET, 0, 0, socket.AI_ADDRCONFIG))
    return False


def _asks_both_families():
    if not _has_configured_address():
        return True  # with loopback addresses only, both families are looked up
    with contextlib.suppress(OSError), open("/proc/net/if_inet6") as file:
        return any(line.split()[3] != "10" for line in file)  # 10: the host's own, ::1
    return False


def _has_cpython_tests():
    with contextlib.suppress(ImportError):
        return find_spec("test.test_socket") is not None
    return False


# What a machine may lack: the mark of the tests that need it, whether it is there, and why they are skipped.
_NEEDS = {
    "ipv6": (_has_ipv6, "there is no ::1 on this machine"),
    "addrconfig": (
        _has_configured_address,
        "no address but loopback ones: AI_ADDRCONFIG finds nothing, in libc as well",
    ),
    "both_families": (_asks_both_families, "only IPv4 is configured: AI_ADDRCONFIG asks for no AAAA"),
    "cpython_tests": (_has_cpython_tests, "CPython's package test is not installed"),
}


def pytest_configure(config):
    # Under nohup, or as a background job of a script, we were started with them ignored, and children inherit that.
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
    for name, (_, reason) in _NEEDS.items():
        config.addinivalue_line("markers", f"{name}: skipped where {reason}")


def pytest_collection_modifyitems(items):
    lacking = {name: pytest.mark.skip(reason=reason) for name, (there, reason) in _NEEDS.items() if not there()}
    for item in items:
        for name, skip in lacking.items():
            if item.get_closest_marker(name) is not None:
                item.add_marker(skip)


_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    item.stash[_FAILED] = report.failed or item.stash.get(_FAILED, False)
    return report


def _clear():
    """Give the next test a hub of its own, so that one failure is one: what a failed test left is not its fault."""
    restore()
    with contextlib.suppress(BaseException):
        killall(list(get_hub().parked), timeout=0.5)
    get_hub().close()
    current._local.hub = current._local.slot = None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item):
    try:
        return (yield)
    except BaseException:
        item.stash[_FAILED] = True
        raise
    finally:
        if item.stash.get(_FAILED, False):
            _clear()


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
    if request.node.stash.get(_FAILED, False):
        return  # it has said enough
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
