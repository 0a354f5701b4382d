"""What came before a close counts: data, the end of file, a shutdown. EBADF is for a wait that only the close ends.

The waiter and the closer run in one turn of the hub here: the waiter had no chance to look before the close.
"""

import errno
import os
import socket
import threading

import pytest

from celadon.green.files import descriptor
from celadon.green.files.open_file import ParkingFile
from celadon.hub import get_hub, sleep, spawn
from celadon.hub.loop.shuffle import RAISE

from .worlds import WORLDS, Contracts, outcome, run

contract = Contracts()

SHUT = socket.SHUT_RDWR
CLOSED = ("OSError", errno.EBADF)


@contract([b"", b"bye", 3, b"bye", b"bye", b"bye", b"by"])
def data_and_the_end_of_a_stream(world):
    def ended(call, end):
        left, right = world.pair()
        reading = world.spawn(call, left)
        world.settle()
        end(left, right)
        left.close()
        return reading.result()

    def bye(left, right):
        right.send(b"bye")

    def by(left, right):
        right.send(b"by")
        right.close()
        left.shutdown(SHUT)

    return [
        ended(lambda one: one.recv(9), lambda left, right: left.shutdown(SHUT)),
        ended(lambda one: one.recv(9), bye),
        ended(lambda one: one.recv_into(bytearray(9)), bye),
        ended(lambda one: one.recvfrom(9)[0], bye),
        ended(lambda one: one.recvmsg(9)[0], bye),
        ended(lambda one: one.recv(3, socket.MSG_WAITALL), bye),
        ended(lambda one: one.recv(3, socket.MSG_WAITALL), by),
    ]


@contract([b"bye", b""])
def a_reader_with_a_timeout(world):
    seen = []
    for end in (lambda left, right: right.send(b"bye"), lambda left, right: left.shutdown(SHUT)):
        left, right = world.pair()
        left.settimeout(9)
        reading = world.spawn(left.recv, 9)
        world.settle()
        end(left, right)
        if world.name == "threads":
            reading.result()  # between poll(2) and recv(2), a thread with a timeout looks at the number again
        left.close()
        seen.append(reading.result())
    return seen


@contract([b"", b""])
def two_readers(world):
    left, _ = world.pair()
    readers = [world.spawn(left.recv, 9) for _ in range(2)]
    world.settle()
    left.shutdown(SHUT)
    left.close()
    return [one.result() for one in readers]


@contract(True)
def a_writer(world):
    """It learns how much the kernel took before the shutdown."""
    left, _ = world.pair()
    writing = world.spawn(left.send, bytes(10_000_000))
    world.settle()
    left.shutdown(SHUT)
    left.close()
    return 0 < writing.result() < 10_000_000


@contract([("OSError", errno.EINVAL), "accepted"])
def a_listener(world):
    seen = []
    for end in ("shutdown", "connect"):
        listening = world.listener()
        accepting = world.spawn(listening.accept)
        world.settle()
        if end == "shutdown":
            listening.shutdown(SHUT)
        else:
            client = world.keep(socket.socket())
            client.connect(listening.getsockname())
        listening.close()
        result = accepting.result()
        if end == "connect":
            world.keep(result[0])
            result = "accepted"
        seen.append(result)
    return seen


@contract([b"bye", b"bye"])
def a_datagram(world):
    seen = []
    for name in ("recv", "recvfrom"):
        one = world.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind(("127.0.0.1", 0))
        reading = world.spawn(getattr(one, name), 9)
        world.settle()
        with socket.socket(type=socket.SOCK_DGRAM) as other:
            other.sendto(b"bye", one.getsockname())
        one.close()
        result = reading.result()
        seen.append(result[0] if name == "recvfrom" else result)
    return seen


@contract([b"bye", b""])
def tls(world):
    seen = []
    for end in ("data", "shutdown"):
        client, server = world.tls_pair()
        reading = world.spawn(client.recv, 9)
        world.settle()
        if end == "data":
            server.send(b"bye")
        else:
            client.shutdown(SHUT)
        if world.name == "threads":
            reading.result()  # OpenSSL reads a record in parts, and looks at the number again for each
        client.close()
        seen.append(reading.result())
    return seen


@contract(b"")
def a_shutdown_under_a_tls_reader(world):
    client, _ = world.tls_pair()
    reading = world.spawn(client.recv, 9)
    world.settle()
    client.shutdown(SHUT)
    return reading.result()


@pytest.mark.parametrize(("world", "function", "expected"), **contract.cases())
def test_contract(world, function, expected):
    assert run(world, function) == expected


@pytest.mark.parametrize("secure", [False, True])
def test_a_reader_that_is_woken_but_has_not_run(secure):
    def scenario(world):
        left, right = world.tls_pair() if secure else world.pair()
        order = []

        def close():
            right.recv(1)
            left.close()
            order.append("closed")

        # Both are woken by one look of the hub, the closer first.
        closing, reading = world.spawn(close), world.spawn(left.recv, 9)
        world.settle()
        left.send(b"x")
        right.send(b"bye")
        return closing.result(), reading.result(), order

    assert run("greenlets", scenario) == (None, b"bye", ["closed"])


def test_a_waiter_that_runs_turns_after_the_close():
    """In a crowd what is new may run before what has waited: the waiter is not bound to come in the next turn."""
    world = WORLDS["greenlets"]()
    left, right = world.pair()
    reading = world.spawn(left.recv, 9)
    world.settle()
    right.send(b"bye")
    left.close()
    ready = get_hub().ready
    woken = [entry for entry in ready if isinstance(entry[1], tuple) and entry[1][0] is RAISE]
    assert len(woken) == 1
    ready.remove(woken[0])
    for _ in range(5):
        sleep(0)
    ready.append(woken[0])
    assert reading.result() == b"bye"
    world.close()


def test_the_peer_sees_the_end_once_the_waiters_have_run():
    world = WORLDS["greenlets"]()
    left, right = world.pair()
    readers = [world.spawn(left.recv, 9) for _ in range(3)]
    world.settle()
    before = len(os.listdir("/proc/self/fd"))
    left.close()
    right.settimeout(5)
    assert right.recv(1) == b""
    assert [one.result() for one in readers] == [CLOSED] * 3
    assert len(os.listdir("/proc/self/fd")) == before - 1
    world.close()


def test_a_killed_waiter_leaves_no_duplicate():
    world = WORLDS["greenlets"]()
    left, right = world.pair()
    reading = spawn(left.recv, 9)
    sleep(0.01)
    left.close()
    reading.kill(block=False)
    right.settimeout(5)
    assert right.recv(1) == b""
    world.close()


def test_a_waiter_of_another_thread():
    world = WORLDS["greenlets"]()
    left, right = world.pair()
    seen = []
    waits = threading.Event()

    def read():
        spawn(waits.set)
        seen.append(outcome(left.recv, 9))

    thread = threading.Thread(target=read)
    thread.start()
    assert waits.wait(5)
    right.send(b"bye")
    left.close()
    thread.join(5)
    assert seen in ([b"bye"], [CLOSED])  # CLOSED: it had not begun to wait
    world.close()


@pytest.mark.parametrize("end", ["data", "eof", "nothing"])
@pytest.mark.parametrize("how", ["os.read", "os.readv", "file"])
def test_a_pipe(how, end):
    reads, writes = os.pipe()
    file = ParkingFile(reads, "r") if how == "file" else None
    close = file.close if file is not None else lambda: descriptor.close(reads)
    call = {
        "os.read": lambda: descriptor.read(reads, 9),
        "os.readv": lambda: descriptor.readv(reads, [bytearray(9)]),
        "file": lambda: file.read(9),
    }[how]
    reading = spawn(outcome, call)
    sleep(0)
    if end == "data":
        os.write(writes, b"bye")
    if end != "nothing":
        os.close(writes)
    close()
    wanted = {"data": 3 if how == "os.readv" else b"bye", "eof": 0 if how == "os.readv" else b"", "nothing": CLOSED}
    assert reading.get(5) == wanted[end]
    if end == "nothing":
        os.close(writes)
