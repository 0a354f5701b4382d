"""The open file description of a green socket shows what its user set: whoever shares it sees a blocking socket."""

import os
import socket
import subprocess
import sys
import tempfile

import pytest

from celadon.green import socket as green
from celadon.green.files import descriptor
from celadon.hub import sleep, spawn, to_thread

from .worlds import Contracts, run

contract = Contracts()


def blocks(one):
    """What others see."""
    return os.get_blocking(one.fileno())


@contract([True, False, True, False, False, True, True])
def the_flag_follows_the_user(world):
    one, _ = world.pair()
    seen = [blocks(one)]
    for change in (
        lambda: one.settimeout(5),
        lambda: one.settimeout(None),
        lambda: one.settimeout(0),
        lambda: one.setblocking(False),
        lambda: one.setblocking(True),
        lambda: one.dup().close(),
    ):
        change()
        seen.append(blocks(one))
    return seen


@contract([True] * 6)
def no_call_changes_it(world):
    listening = world.listener()
    listens = blocks(listening)
    client = world.socket()
    client.connect(listening.getsockname())
    connected = blocks(client)
    server = world.keep(listening.accept()[0])
    accepted = blocks(server)
    reading = world.spawn(server.recv, 9)
    world.settle()
    waits = blocks(server)
    client.sendall(b"x")
    reading.result()
    with world.socket() as refused:
        address = refused.getsockname() if refused.bind(("127.0.0.1", 0)) is None else None
        with world.socket() as other:
            code = other.connect_ex(address)
            failed = blocks(other) and code != 0
    copy = world.keep(client.dup())
    return [listens, connected, accepted, waits, failed, blocks(copy)]


@contract([True, True])
def a_unix_connection(world):
    with tempfile.TemporaryDirectory() as folder:
        listening = world.socket(socket.AF_UNIX)
        listening.bind(folder + "/s")
        listening.listen()
        client = world.socket(socket.AF_UNIX)
        client.connect(folder + "/s")
        server = world.keep(listening.accept()[0])
        return [blocks(client), blocks(server)]


@contract([True, True])
def tls_after_unwrap(world):
    client, server = world.tls_pair()
    unwrapping = world.spawn(server.unwrap)
    client.unwrap()
    unwrapping.result()
    return [blocks(client), blocks(server)]


@contract([False, True])
def a_descriptor_that_its_user_made_nonblocking(world):
    left, right = world.pair()
    os.set_blocking(left.fileno(), False)
    copy = world.socket_class(fileno=left.detach())
    world.keep(copy)
    return [blocks(copy), blocks(right)]


@pytest.mark.parametrize(("world", "function", "expected"), **contract.cases())
def test_contract(world, function, expected):
    assert run(world, function) == expected


@pytest.fixture
def pair():
    left, right = green.socketpair()
    yield left, right
    left.close()
    right.close()


def test_a_duplicate_that_blocks_does_not_stop_the_hub(pair):
    left, right = pair
    left.settimeout(5)
    copy = left.dup()
    copy.settimeout(None)  # the description is shared: now both block
    reading = spawn(left.recv, 9)
    sleep(0)
    right.send(b"x")
    assert reading.get(5) == b"x"
    copy.close()


def test_a_listener_whose_duplicate_blocks_does_not_stop_the_hub():
    with green.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        accepting = spawn(listening.accept)
        sleep(0)
        with listening.dup():
            assert blocks(listening)
            with green.socket() as client:
                client.connect(listening.getsockname())
                accepting.get(5)[0].close()


READS = {
    "os.read": lambda fd: descriptor.read(fd, 9),
    "os.readv": lambda fd: _readv(fd),
    "a C library": lambda fd: to_thread(os.read, fd, 9),
}


def _readv(fd):
    buffer = bytearray(9)
    return bytes(buffer[: descriptor.readv(fd, [buffer])])


@pytest.mark.parametrize("how", READS)
def test_reading_the_descriptor_waits(pair, how):
    left, right = pair
    reading = spawn(READS[how], left.fileno())
    sleep(0.01)
    right.sendall(b"late")
    assert reading.get(5) == b"late"


SIZE = 1_000_000


def _sendfile(fd):
    with tempfile.TemporaryFile() as file:
        file.write(bytes(SIZE))
        file.flush()
        return descriptor.sendfile(fd, file.fileno(), 0, SIZE)


WRITES = {
    "os.write": lambda fd: descriptor.write(fd, bytes(SIZE)),
    "os.writev": lambda fd: descriptor.writev(fd, [bytes(SIZE // 2), bytearray(SIZE // 2)]),
    "os.sendfile": _sendfile,
    "a C library": lambda fd: to_thread(os.write, fd, bytes(SIZE)),
}


@pytest.mark.parametrize("how", WRITES)
def test_writing_the_descriptor_takes_all(pair, how):
    left, right = pair
    writing = spawn(WRITES[how], left.fileno())
    received = 0
    while received < SIZE:
        received += len(right.recv(65536))
    assert writing.get(5) == SIZE


def test_a_child_writes_all_and_reads_until_the_end(pair):
    left, right = pair
    child = subprocess.Popen([sys.executable, "-c", "print('x' * 500_000)"], stdout=left)
    left.close()
    received = 0
    while data := right.recv(65536):
        received += len(data)
    assert (child.wait(5), received) == (0, 500_001)


def test_a_detached_listener_blocks_again():
    with green.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        accepting = spawn(listening.accept)
        sleep(0)
        with green.socket() as client:
            client.connect(listening.getsockname())
            accepting.get(5)[0].close()
        fd = listening.detach()
    assert os.get_blocking(fd)
    os.close(fd)
