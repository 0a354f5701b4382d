"""A read after something was sent waits first and then tries: the answer is not there yet.

It must find all the same whatever is there already, and end as any other wait.
"""

import array
import os
import select
import socket as std
import threading

import pytest

from celadon.green import socket as module
from celadon.hub import sleep, spawn

from .reads import READS, counted


def unix():
    return module.socketpair()


def tcp():
    with module.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        left = module.socket()
        left.connect(listener.getsockname())
        return left, listener.accept()[0]


def udp():
    left, right = (module.socket(std.AF_INET, std.SOCK_DGRAM) for _ in range(2))
    for one in (left, right):
        one.bind(("127.0.0.1", 0))
    left.connect(right.getsockname())
    right.connect(left.getsockname())
    return left, right


@pytest.fixture(params=[unix, tcp, udp], ids=lambda make: make.__name__)
def pair(request):
    both = request.param()
    yield both
    for one in both:
        one.close()


@pytest.fixture
def stream():
    both = unix()
    yield both
    for one in both:
        one.close()


@pytest.fixture
def calls(monkeypatch):
    return counted(monkeypatch)


LIMITS = pytest.mark.parametrize("limit", [None, 5.0])


@READS
@LIMITS
@pytest.mark.parametrize("size", [1, 100])
def test_one_call_for_each_answer(pair, calls, read, limit, size):
    left, right = pair
    for one in pair:
        one.settimeout(limit)

    def echo():
        right.send(read(right, size))
        for _ in range(10):
            right.send(read(right, size))

    echoing = spawn(echo)
    left.send(b"x")
    assert read(left, size) == b"x"
    calls.clear()
    for _ in range(10):
        left.sendall(b"x")
        assert read(left, size) == b"x"
    echoing.get(timeout=5)
    edge_triggered = hasattr(select, "epoll") and "CELADON_POLLER" not in os.environ
    assert not edge_triggered or len(calls) == 20


@READS
@LIMITS
def test_what_is_there_already(pair, read, limit):
    left, right = pair
    left.settimeout(limit)
    for _ in range(3):  # never registered, registered, and once more
        right.send(b"early")
        sleep(0.001)
        left.send(b"x")
        assert spawn(read, left, 5).get(timeout=5) == b"early"


@READS
def test_more_than_one_read_takes(stream, read):
    left, right = stream
    right.sendall(b"abc")
    left.send(b"x")
    assert [spawn(read, left, 1).get(timeout=5) for _ in "abc"] == [b"a", b"b", b"c"]


@READS
def test_what_a_read_leaves_behind_passed_descriptors(stream, read):
    """A read of a Unix stream ends behind a message that brings descriptors, although there is more (unix(7))."""
    left, right = stream
    for _ in range(3):
        right.sendmsg([b"abc"], [(std.SOL_SOCKET, std.SCM_RIGHTS, array.array("i", [right.fileno()]))])
        right.sendall(b"def")
        left.send(b"x")
        got = b""
        while len(got) < 6:
            got += spawn(read, left, 100).get(timeout=5)
        assert got == b"abcdef"


@READS
def test_the_end(stream, read):
    left, right = stream
    right.sendall(b"last")
    left.send(b"x")
    right.close()
    assert spawn(read, left, 4).get(timeout=5) == b"last"
    with pytest.raises(ConnectionResetError):  # what we sent was never read
        spawn(read, left, 4).get(timeout=5)


@READS
def test_an_end_that_was_seen_before(stream, read):
    left, right = stream
    right.shutdown(std.SHUT_WR)
    for _ in range(3):
        left.send(b"x")
        assert spawn(read, left, 4).get(timeout=5) == b""


@READS
def test_the_timeout(pair, read):
    left, right = pair
    left.settimeout(0.01)
    left.send(b"x")
    with pytest.raises(TimeoutError, match="timed out"):
        read(left, 4)
    right.send(b"late")
    assert read(left, 4) == b"late"


@READS
def test_not_when_it_must_not_wait(pair, read):
    left, _ = pair
    left.settimeout(0)
    left.send(b"x")
    with pytest.raises(BlockingIOError):
        read(left, 4)
    left.settimeout(None)
    with pytest.raises(BlockingIOError):
        left.recv(4, std.MSG_DONTWAIT)
    assert left.recv(0) == b"" if left.type == std.SOCK_STREAM else True


@READS
def test_closed_under_the_waiter(pair, read):
    left, _ = pair
    left.send(b"x")
    reading = spawn(read, left, 4)
    sleep(0)
    left.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        reading.get(timeout=5)


@READS
def test_closed_behind_our_back(stream, read):
    left, right = stream
    right.send(b"y")
    assert read(left, 4) == b"y"
    left.send(b"x")
    spare = os.dup(left.fileno())
    os.close(left.fileno())
    try:
        with pytest.raises(OSError, match="Bad file descriptor"):
            spawn(read, left, 4).get(timeout=5)
    finally:
        os.dup2(spare, left.fileno())
        os.close(spare)


@READS
def test_who_waits_to_write_is_not_forgotten(stream, read):
    left, right = stream
    block = bytes(1 << 16)
    sent = []

    def fill():
        while sum(sent) < 1 << 24:
            sent.append(left.send(block))

    filling = spawn(fill)
    sleep(0)
    left._asked = True
    reading = spawn(read, left, 4)
    sleep(0)
    taken = 0
    while taken < 1 << 24:
        taken += len(right.recv(1 << 16))
    filling.get(timeout=5)
    right.send(b"done")
    assert reading.get(timeout=5) == b"done"


@READS
def test_in_several_threads(pair, read):
    left, right = pair
    got = []
    for n in range(4):
        text = b"%d" % n
        left.send(b"x")
        thread = threading.Thread(target=lambda: got.append(read(left, 4)))
        thread.start()
        right.send(text)
        thread.join(10)
        left.send(b"x")
        reading = spawn(read, left, 4)
        sleep(0)
        right.send(text)
        assert reading.get(timeout=5) == text
    assert got == [b"0", b"1", b"2", b"3"]
