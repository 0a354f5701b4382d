"""A TCP read that brought less than there was room for has taken all: the next one waits without asking first.

Everything that could make that wrong is here: the end of the stream or an error right behind the data, urgent data,
an event that nobody waited for, another thread's hub, a call that must not wait.
"""

import socket as std
import struct
import threading

import pytest

from celadon.green import socket as module
from celadon.hub import sleep, spawn

from .reads import READS, counted


@pytest.fixture
def pair():
    """A green end that has waited before, and a plain one to send from."""
    with std.create_server(("127.0.0.1", 0)) as listener:
        peer = std.create_connection(listener.getsockname())
        green = module.socket(std.AF_INET, std.SOCK_STREAM, 0, listener.accept()[0].detach())
    begin(green, peer)
    yield green, peer
    green.close()
    peer.close()


def begin(green, peer):
    """Once around, so that the socket is registered and known to be empty."""
    reading = spawn(green.recv, 100)
    sleep(0)
    peer.sendall(b"begin")
    assert reading.get(timeout=5) == b"begin"
    reading = spawn(green.recv, 100)
    sleep(0)
    peer.sendall(b"again")
    assert reading.get(timeout=5) == b"again"


@pytest.fixture
def calls(monkeypatch):
    return counted(monkeypatch)


@READS
def test_one_call_for_each_read(pair, calls, read):
    green, peer = pair
    for _ in range(10):
        reading = spawn(read, green, 100)
        sleep(0)
        peer.sendall(b"x")
        assert reading.get(timeout=5) == b"x"
    assert len(calls) == 10


@READS
@pytest.mark.parametrize("limit", [None, 5.0])
def test_what_came_while_nobody_waited(pair, read, limit):
    green, peer = pair
    green.settimeout(limit)
    for _ in range(3):
        peer.sendall(b"one")
        sleep(0.001)  # the hub is told, and has nobody to tell
        assert read(green, 100) == b"one"


@READS
def test_the_end_right_behind_the_data(pair, read):
    green, peer = pair
    reading = spawn(read, green, 100)
    sleep(0)
    peer.sendall(b"last")
    peer.shutdown(std.SHUT_WR)
    assert reading.get(timeout=5) == b"last"
    assert spawn(read, green, 100).get(timeout=5) == b""
    assert spawn(read, green, 100).get(timeout=5) == b""


@READS
def test_the_end_after_the_read(pair, read):
    green, peer = pair
    reading = spawn(read, green, 100)
    sleep(0)
    peer.close()
    assert reading.get(timeout=5) == b""
    assert spawn(read, green, 100).get(timeout=5) == b""


@READS
def test_a_reset(pair, read):
    green, peer = pair
    peer.setsockopt(std.SOL_SOCKET, std.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    sleep(0.001)
    with pytest.raises(ConnectionResetError):
        spawn(read, green, 100).get(timeout=5)


@READS
def test_our_own_shutdown(pair, read):
    green, _ = pair
    reading = spawn(read, green, 100)
    sleep(0)
    green.shutdown(std.SHUT_RD)
    assert reading.get(timeout=5) == b""
    assert spawn(read, green, 100).get(timeout=5) == b""


@READS
@pytest.mark.parametrize("waits", [False, True])
def test_behind_urgent_data(pair, read, waits):
    """A read ends before the urgent byte although there is more behind it (tcp(7))."""
    green, peer = pair
    reading = spawn(read, green, 100) if waits else None
    sleep(0)
    peer.sendall(b"abc")
    peer.send(b"!", std.MSG_OOB)
    peer.sendall(b"efg")
    got = reading.get(timeout=5) if reading else b""
    while len(got) < 6:
        got += spawn(read, green, 100).get(timeout=5)
    assert got == b"abcefg"
    peer.sendall(b"hij")
    assert spawn(read, green, 100).get(timeout=5) == b"hij"


def test_calls_that_must_not_wait(pair):
    green, peer = pair
    assert green.recv(0) == b""
    with pytest.raises(BlockingIOError):
        green.recv(100, std.MSG_DONTWAIT)
    with pytest.raises(ValueError, match="negative"):
        green.recv(-1)
    with pytest.raises(TypeError):
        green.recv("1")
    with pytest.raises(TypeError):
        green.recv_into(1)
    green.settimeout(0)
    with pytest.raises(BlockingIOError):
        green.recv(100)
    with pytest.raises(BlockingIOError):
        green.recv_into(bytearray(100))
    green.settimeout(0.01)
    with pytest.raises(TimeoutError):
        green.recv(100)
    green.settimeout(None)
    peer.sendall(b"x")
    assert spawn(green.recv, 100).get(timeout=5) == b"x"
    green.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        green.recv(100)


def test_peeking_leaves_it_there(pair):
    green, peer = pair
    peer.sendall(b"abc")
    assert spawn(green.recv, 100, std.MSG_PEEK).get(timeout=5) == b"abc"
    assert spawn(green.recv, 100).get(timeout=5) == b"abc"


def test_another_thread_reads(pair):
    green, peer = pair
    got = []
    for text in (b"one", b"two", b"six"):
        thread = threading.Thread(target=lambda: got.append(green.recv(100)))
        thread.start()
        peer.sendall(text)
        thread.join(10)
        reading = spawn(green.recv, 100)
        sleep(0)
        peer.sendall(text)
        assert reading.get(timeout=5) == text
    assert got == [b"one", b"two", b"six"]


def test_two_readers(pair):
    green, peer = pair
    first, second = spawn(green.recv, 3), spawn(green.recv, 3)
    sleep(0)
    peer.sendall(b"abc")
    peer.sendall(b"def")
    assert {first.get(timeout=5), second.get(timeout=5)} == {b"abc", b"def"}
