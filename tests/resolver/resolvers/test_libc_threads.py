"""libc in threads: one call however many wait for it, and each waiter with a result of its own."""

import _socket
import _thread
import os
import socket
import subprocess
import sys

import pytest

from celadon import resolver
from celadon.hub import Timeout, joinall, sleep, spawn
from celadon.resolver.resolvers import libc
from celadon.resolver.resolvers.libc_threads import ThreadResolver
from celadon.resolver.testing import Delay, Drop, NameServer

ROWS = [(2, 1, 6, "", ("192.0.2.1", 80))]


class Libc:
    """Calls that end when they are let go."""

    def __init__(self):
        self.calls = []
        self.gate = _thread.allocate_lock()
        self.gate.acquire()
        self.answer = lambda *args: list(ROWS)

    def ask(self, *args):
        self.calls.append(args)
        with self.gate:
            return self.answer(*args)


@pytest.fixture
def slow(monkeypatch):
    made = Libc()
    for name in ("getaddrinfo", "gethostbyname_ex", "getnameinfo"):
        monkeypatch.setitem(libc.LIBC, name, made.ask)
    return made


@pytest.fixture
def threads():
    made = ThreadResolver(None)
    yield made
    made.close()


def begun(slow, count=1):
    with Timeout(5):
        while len(slow.calls) < count:
            sleep(0.001)


def test_one_call_for_all_who_wait(slow, threads):
    waiters = [spawn(threads.getaddrinfo, "a.test", 80, 0, 1) for _ in range(100)]
    begun(slow)
    sleep(0)
    slow.gate.release()
    joinall(waiters, raise_error=True)
    assert len(slow.calls) == 1
    results = [one.get() for one in waiters]
    assert results == [ROWS] * 100
    assert len({id(one) for one in results}) == 100
    threads.getaddrinfo("a.test", 80, 0, 1)
    assert len(slow.calls) == 2, "a result is not kept"


def test_other_arguments_are_other_calls(slow, threads):
    given = [("a.test", 80), ("a.test", "80"), (b"a.test", 80), ("a.test", 81), ("a.test", 80, 2), ("A.test", 80)]
    given += [("a.test", 80.0), ("a.test", True), ("a.test", socket.SOCK_STREAM), (bytearray(b"a.test"), 80)]
    given += [(bytearray(b"a.test"), 80)]
    slow.gate.release()
    joinall([spawn(threads.getaddrinfo, *one) for one in given], raise_error=True)
    assert len(slow.calls) == len(given)


@pytest.mark.parametrize(
    "error",
    [
        _socket.gaierror(_socket.EAI_AGAIN, "again"),
        _socket.herror(1, "Unknown host"),
        OSError(16, "busy"),
        UnicodeEncodeError("idna", "ä", 0, 1, "label too long"),
    ],
)
def test_errors_are_fresh_for_each_waiter(slow, threads, error):
    def fail(*args):
        raise error

    slow.answer = fail
    caught = []

    def look():
        try:
            threads.getaddrinfo("a.test", 80)
        except Exception as raised:
            caught.append(raised)

    waiters = [spawn(look) for _ in range(3)]
    begun(slow)
    slow.gate.release()
    joinall(waiters, raise_error=True)
    assert len(slow.calls) == 1
    assert [(type(one), one.args) for one in caught] == [(type(error), error.args)] * 3
    assert len({id(one) for one in caught} | {id(error)}) == 4
    assert all(one.__context__ is None for one in caught)


def test_who_gives_up_leaves_the_others_alone(slow, threads):
    first, second, third = [spawn(threads.getaddrinfo, "a.test", 80) for _ in range(3)]
    begun(slow)
    first.kill()
    with pytest.raises(TimeoutError), Timeout(0.001, TimeoutError()):
        threads.getaddrinfo("a.test", 80)
    slow.gate.release()
    assert second.get(timeout=5) == third.get(timeout=5) == ROWS
    assert len(slow.calls) == 1


def test_with_the_last_one_a_call_that_has_not_begun_is_cancelled(slow, threads):
    busy = [spawn(threads.getaddrinfo, f"{number}.test", 80) for number in range(64)]
    begun(slow, 64)
    waiters = [spawn(threads.getaddrinfo, "a.test", 80) for _ in range(2)]
    sleep(0)
    for one in waiters:
        one.kill()
    slow.gate.release()
    joinall(busy, raise_error=True)
    assert threads.getaddrinfo("b.test", 80) == ROWS
    assert "a.test" not in [one[0] for one in slow.calls]


def test_after_the_last_one_gave_up_a_new_waiter_has_a_new_call(slow, threads):
    spawn(threads.getaddrinfo, "a.test", 80)
    begun(slow)
    for one in [spawn(threads.getaddrinfo, "b.test", 80)]:
        begun(slow, 2)
        one.kill()
    late = spawn(threads.getaddrinfo, "b.test", 80)
    begun(slow, 3)
    slow.gate.release()
    assert late.get(timeout=5) == ROWS


def test_the_other_calls_too(slow, threads):
    slow.answer = lambda *args: ("a.test", ["b.test"], ["192.0.2.1"])
    waiters = [spawn(threads.gethostbyname_ex, "a.test") for _ in range(3)]
    waiters += [spawn(threads.getnameinfo, ("192.0.2.1", 80), 0) for _ in range(3)]
    begun(slow, 2)
    slow.gate.release()
    joinall(waiters, raise_error=True)
    assert len(slow.calls) == 2
    waiters[0].get()[2].clear()
    assert waiters[1].get()[2] == ["192.0.2.1"]


def test_a_forked_child_does_not_wait_for_its_parents_call(slow, threads):
    waiter = spawn(threads.getaddrinfo, "a.test", 80)
    begun(slow)
    child = os.fork()
    if not child:
        libc.LIBC["getaddrinfo"] = lambda *args: ROWS
        try:
            with Timeout(5):
                os._exit(0 if threads.getaddrinfo("a.test", 80) == ROWS else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    slow.gate.release()
    assert waiter.get(timeout=5) == ROWS


def test_lookups_of_the_process(slow):
    resolver.use("thread")
    waiters = [spawn(resolver.getaddrinfo, "a.test", 80) for _ in range(20)]
    begun(slow)
    slow.gate.release()
    joinall(waiters, raise_error=True)
    assert len(slow.calls) == 1


def test_a_server_hears_one_question(free_server):
    made = resolver.make("thread", servers=free_server.servers, timeout=2, attempts=1)
    try:
        waiters = [spawn(made.getaddrinfo, "many.test", 80, 2, 1) for _ in range(50)]
        joinall(waiters, raise_error=True)
        assert {one.get()[0][4][0] for one in waiters} == {"192.0.2.7"}
    finally:
        made.close()
    assert free_server.count("many.test", "A") == 1


@pytest.fixture
def free_server():
    with NameServer() as made:
        made.add("many.test", "A", "192.0.2.7")
        made.script("many.test", Delay(0.05))
        yield made


def test_threads_import_nothing(server):
    """Threads that waited for each other's import did so in hubs, and a thread that woke there crashed the exit."""
    server.script("n0.test", Drop(), Drop())
    program = """
import sys
from celadon import patch_all
patch_all(resolver="thread", servers=sys.argv[1:], timeout=30)
import socket
import subprocess
import sys
from celadon.hub import sleep, spawn
spawn(socket.getaddrinfo, "n0.test", 80)
sleep(0)
assert {"ctypes", "encodings.idna"} <= sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", program, server.address], check=True, timeout=60)
