"""gevent's meaning under its names: what is linked to and how a server spawns."""

import subprocess

import pytest

from celadon.green import socket
from celadon.green.futures import ThreadPoolExecutor
from celadon.green.servers import StreamServer
from celadon.green.subprocess import popen
from celadon.hub import fail_after, getcurrent, sleep, spawn, spawn_later, spawn_raw, wait


@pytest.fixture
def executor():
    made = ThreadPoolExecutor(2)
    yield made
    made.kill()


def test_a_future_is_linked_to(executor):
    seen = []
    one = executor.submit(len, "abc")
    one.rawlink(seen.append)
    one.rawlink(print)
    one.unlink(print)
    assert one.result() == 3
    assert wait([one], timeout=5) == [one]
    with fail_after(5):  # its thread calls what is linked after it has given the result
        while not seen:
            sleep(0)
    assert seen == [one]
    assert wait([executor.submit(len, "a")], timeout=5)[0].result() == 1
    with pytest.raises(TypeError, match="callable"):
        one.rawlink(None)


def test_an_executor_that_was_killed_takes_no_more(executor):
    executor.kill()
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(len, "abc")


class Popen(subprocess.Popen):
    rawlink = popen(subprocess)["rawlink"].value
    unlink = popen(subprocess)["unlink"].value


def test_a_child_is_linked_to():
    seen = []
    with Popen(["true"]) as child:
        child.rawlink(lambda one: seen.append((one is child, one.returncode)))
        child.rawlink(seen.append)
        child.unlink(seen.append)
        assert wait([child], timeout=10) == [child]
        sleep(0)
        assert seen == [(True, 0)]
        with pytest.raises(TypeError, match="callable"):
            child.rawlink(None)


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        (None, "Greenlet"),
        ("default", "Greenlet"),
        (spawn, "Greenlet"),
        (3, "Greenlet"),
        ("raw", "RawGreenlet"),
        (spawn_raw, "RawGreenlet"),
        (lambda *args: spawn_later(0, *args), "Greenlet"),
    ],
)
def test_how_a_server_spawns(how, kind):
    def handle(client, address):
        client.sendall(type(getcurrent()).__name__.encode())

    with StreamServer(("127.0.0.1", 0), handle, spawn=how) as server:
        assert not server.full()
        with socket.socket() as one:
            one.connect(server.address)
            received = one.recv(100), one.recv(100)
    assert received == (kind.encode(), b"")  # the connection is closed after `handle`


@pytest.mark.parametrize("how", ["many", True, 1.5, ()])
def test_how_a_server_does_not_spawn(how):
    with pytest.raises(TypeError, match="spawn is"):
        StreamServer(0, print, spawn=how)
