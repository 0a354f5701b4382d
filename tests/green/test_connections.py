"""Connecting to one of several addresses: one by one, or with Happy Eyeballs (RFC 8305)."""

import errno
import socket as native
import time

import pytest

from celadon import patch_all, resolver
from celadon.green import create_connection, create_server, happy_eyeballs, restore
from celadon.green.connections import interleaved
from celadon.hub import Timeout, joinall, spawn
from celadon.resolver.testing import NameServer


@pytest.fixture
def two():
    """A name of two addresses and a port: nobody ever answers at the first, somebody accepts at the second."""
    with NameServer() as server, native.socket() as dead, native.socket() as filler, native.socket() as alive:
        server.add("two.test", "A", "127.0.0.2")
        server.add("two.test", "A", "127.0.0.3")
        resolver.use("python", servers=server.servers)
        dead.bind(("127.0.0.2", 0))
        dead.listen(0)
        filler.connect(dead.getsockname())  # the queue of one is full: who else comes waits
        port = dead.getsockname()[1]
        alive.bind(("127.0.0.3", port))
        alive.listen(64)
        order = [one[4][0] for one in resolver.getaddrinfo("two.test", port, 0, native.SOCK_STREAM)]
        assert order == ["127.0.0.2", "127.0.0.3"]
        yield port


def test_a_dead_address_costs_the_delay_and_no_more(two):
    begin = time.monotonic()
    with create_connection(("two.test", two), timeout=30, happy_eyeballs_delay=0.02) as one:
        assert one.getpeername()[0] == "127.0.0.3"
        assert one.gettimeout() == 30
    assert time.monotonic() - begin < 5


def test_one_by_one_waits_for_the_timeout_of_each(two):
    with create_connection(("two.test", two), timeout=0.05) as one:
        assert one.getpeername()[0] == "127.0.0.3"


def test_in_the_whole_process_by_choice(two):
    patch_all()
    assert happy_eyeballs(0.02) is None
    try:
        many = [spawn(native.create_connection, ("two.test", two), 30) for _ in range(20)]
        joinall(many)
        for one in many:
            assert one.get().getpeername()[0] == "127.0.0.3"
            one.get().close()
    finally:
        assert happy_eyeballs(None) == 0.02
        restore()
    with pytest.raises(ValueError, match="RFC 8305"):
        happy_eyeballs(0.001)


def test_given_up_in_the_midst_nothing_is_left(two):
    with Timeout(0.05, False):
        create_connection(("two.test", two), happy_eyeballs_delay=10)
        pytest.fail("nobody answers")


def test_all_fail():
    with NameServer() as server, native.socket() as refusing:
        for n in (2, 3, 4):
            server.add("none.test", "A", f"127.0.0.{n}")
        resolver.use("python", servers=server.servers)
        refusing.bind(("127.0.0.2", 0))
        port = refusing.getsockname()[1]
        with pytest.raises(ConnectionRefusedError):
            create_connection(("none.test", port), happy_eyeballs_delay=0.02)
        with pytest.raises(ExceptionGroup) as caught:
            create_connection(("none.test", port), happy_eyeballs_delay=0.02, all_errors=True)
        assert [one.errno for one in caught.value.exceptions] == [errno.ECONNREFUSED] * 3


def test_families_take_turns():
    found = [(family, 1, 6, "", (str(n),)) for n, family in enumerate("666444442")]
    assert [int(one[4][0]) for one in interleaved(found)] == [0, 3, 8, 1, 4, 2, 5, 6, 7]


def test_a_server_with_nothing_patched():
    with create_server(("127.0.0.1", 0)) as listening:
        accepting = spawn(listening.accept)
        with create_connection(listening.getsockname(), 5) as one, accepting.get()[0] as other:
            one.sendall(b"x")
            assert other.recv(1) == b"x"
