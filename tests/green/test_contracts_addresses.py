"""What connects, datagrams and Unix sockets do, seen by the same function on CPython's threads and on our greenlets."""

import errno
import os
import socket
import tempfile

import pytest

from .worlds import Contracts, outcome, run

contract = Contracts()


# -- connecting ----------------------------------------------------------------------------------------------


def _free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contract(
    (("ConnectionRefusedError", errno.ECONNREFUSED), errno.ECONNREFUSED, errno.ECONNREFUSED, ["ConnectionRefusedError"])
)
def a_refused_connection(world):
    address = "127.0.0.1", _free_port()
    plain = outcome(world.socket().connect, address)
    code = world.socket().connect_ex(address)
    timed = world.socket()
    timed.settimeout(5)
    try:
        world.create_connection(address, all_errors=True)
    except ExceptionGroup as group:
        names = [type(one).__name__ for one in group.exceptions]
    return plain, code, timed.connect_ex(address), names


@contract((errno.EINPROGRESS, True, 0, None, ("OSError", errno.EISCONN)))
def a_connection_that_must_not_block(world):
    listening = world.listener()
    one = world.socket()
    one.setblocking(False)
    code = one.connect_ex(listening.getsockname())
    _, writable, _ = world.select.select([], [one], [], 5)
    again = [outcome(one.connect, listening.getsockname()) for _ in range(2)]
    return code, writable == [one], one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), *again


@contract((("TimeoutError", "timed out"), errno.EAGAIN))
def connecting_to_a_full_queue_times_out(world):
    listening = world.listener(backlog=0)
    for _ in range(3):
        filling = world.socket()
        filling.setblocking(False)
        filling.connect_ex(listening.getsockname())
    results = []
    for name in ("connect", "connect_ex"):
        one = world.socket()
        one.settimeout(0.05)
        results.append(outcome(getattr(one, name), listening.getsockname()))
    return tuple(results)


@contract(
    (
        ("OSError", errno.EADDRINUSE),
        ("OSError", errno.EADDRNOTAVAIL),
        ("OSError", "AF_INET address must be tuple, not str"),
    )
)
def bad_addresses(world):
    listening = world.listener()
    in_use = outcome(world.socket().bind, listening.getsockname())
    foreign = outcome(world.socket().bind, ("192.0.2.1", 0))
    try:
        world.socket().connect("127.0.0.1")
    except TypeError as error:
        wrong = "OSError", str(error).replace("connect(): ", "")
    return in_use, foreign, wrong


@contract(
    (
        ("OverflowError", "connect(): port must be 0-65535."),
        ("OverflowError", "bind(): port must be 0-65535."),
        ("TypeError", None),
    )
)
def bad_ports(world):
    one = world.socket()
    third = outcome(one.connect, ("127.0.0.1", "http"))
    return outcome(one.connect, ("127.0.0.1", 70000)), outcome(one.bind, ("127.0.0.1", -1)), (third[0], None)


@contract((True, "127.0.0.1", 5))
def create_connection_from_a_chosen_address(world):
    listening = world.listener()
    port = _free_port()
    one = world.keep(world.create_connection(listening.getsockname(), 5, ("127.0.0.1", port)))
    server, peer = listening.accept()
    world.keep(server)
    return peer == ("127.0.0.1", port), one.getpeername()[0], one.gettimeout()


# -- datagrams -----------------------------------------------------------------------------------------------


@contract((b"ab", b"cd", b"", b"lo", True, (2, b"in")))
def datagrams(world):
    one, other = (world.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    one.bind(("127.0.0.1", 0))
    other.bind(("127.0.0.1", 0))
    buffer = bytearray(2)

    def read():
        seen = [one.recvfrom(10) for _ in range(3)]
        seen.append((one.recv(2), None))
        world.settle()
        return seen, one.recvfrom_into(buffer)

    reading = world.spawn(read)
    world.settle()
    for data in (b"ab", b"cd", b"", b"long, cut", b"into"):
        other.sendto(data, one.getsockname())
    seen, (size, peer) = reading.result()
    return *(data for data, _ in seen), seen[0][1] == peer == other.getsockname(), (size, bytes(buffer))


@contract(
    (("ConnectionRefusedError", errno.ECONNREFUSED), ("OSError", errno.EDESTADDRREQ), ("OSError", errno.EMSGSIZE))
)
def errors_of_datagrams(world):
    one = world.socket(socket.AF_INET, socket.SOCK_DGRAM)
    first = outcome(one.send, b"x")
    too_long = outcome(one.sendto, bytes(70_000), ("127.0.0.1", 9))
    one.connect(("127.0.0.1", _free_port()))
    reading = world.spawn(one.recv, 1)
    world.settle()
    one.send(b"x")
    return reading.result(), first, too_long


@contract((b"x", b"y", True, True))
def unix_sockets(world):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s")
        listening = world.socket(socket.AF_UNIX)
        listening.bind(path)
        listening.listen(1)
        accepting = world.spawn(listening.accept)
        client = world.socket(socket.AF_UNIX)
        client.connect(path)
        server, peer = accepting.result()
        world.keep(server)
        client.sendall(b"x")
        datagrams = [world.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2)]
        datagrams[0].bind(path + "d")
        reading = world.spawn(datagrams[0].recvfrom, 5)
        world.settle()
        datagrams[1].sendto(b"y", path + "d")
        return server.recv(1), reading.result()[0], peer == "", client.getpeername() == path


@contract((b"through", True))
def descriptors_through_a_unix_socket(world):
    left, right = world.pair()
    inner, outer = world.pair()
    reading = world.spawn(socket.recv_fds, right, 10, 1)
    world.settle()
    socket.send_fds(left, [b"fd"], [inner.fileno()])
    data, fds, _, _ = reading.result()
    got = world.keep(world.socket_class(fileno=fds[0]))
    waiting = world.spawn(got.recv, 10)
    world.settle()
    outer.sendall(b"through")
    return waiting.result(), data == b"fd"


@contract([b"one", b"two"])
def seqpacket_keeps_boundaries(world):
    left, right = world.pair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reading = world.spawn(lambda: [right.recv(100), right.recv(100)])
    world.settle()
    left.send(b"one")
    left.send(b"two")
    return reading.result()


@contract((("BlockingIOError", errno.EAGAIN), "connected"))
def a_unix_listener_with_a_full_queue(world):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s")
        listening = world.socket(socket.AF_UNIX)
        listening.bind(path)
        listening.listen(0)
        world.socket(socket.AF_UNIX).connect(path)
        eager = world.socket(socket.AF_UNIX)
        eager.setblocking(False)
        full = outcome(eager.connect, path)
        patient = world.socket(socket.AF_UNIX)
        connecting = world.spawn(lambda: patient.connect(path) or "connected")
        world.settle()
        world.keep(listening.accept()[0])
        return full, connecting.result()


@pytest.mark.parametrize(("world", "function", "expected"), **contract.cases())
def test_contract(world, function, expected):
    assert run(world, function) == expected
