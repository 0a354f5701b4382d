"""What sockets do, seen by the same function on CPython's threads and on our greenlets, with the same result."""

import array
import errno
import io
import os
import select
import socket
import struct
import tempfile

import pytest

from .worlds import WAITING, Contracts, outcome, run

contract = Contracts()

ONE_MEGABYTE = bytes(range(256)) * 4096
RESET = struct.pack("ii", 1, 0)  # SO_LINGER 0: close sends RST


# -- streams -------------------------------------------------------------------------------------------------


@contract((True, len(ONE_MEGABYTE), True))
def a_blocking_send_takes_all(world):
    left, right = world.pair()
    left.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    reading = world.spawn(read_all, right)
    sent = left.send(ONE_MEGABYTE)
    left.close()
    data = reading.result()
    return data == ONE_MEGABYTE, sent, isinstance(sent, int)


@contract((True, True))
def a_send_with_a_timeout_is_partial(world):
    left, right = world.pair()
    left.settimeout(5)
    sent = left.send(ONE_MEGABYTE)
    left.close()
    return 0 < sent < len(ONE_MEGABYTE), read_all(right) == ONE_MEGABYTE[:sent]


@contract(("BlockingIOError", errno.EAGAIN))
def a_full_socket_that_must_not_block(world):
    left, _ = world.pair()
    left.setblocking(False)
    with pytest.raises(BlockingIOError):
        fill(left)
    return outcome(left.sendall, b"x")


def fill(one):
    """Send until nothing more fits."""
    while True:
        one.send(ONE_MEGABYTE)


def read_all(one):
    parts = []
    while data := one.recv(65536):
        parts.append(data)
    return b"".join(parts)


@contract([True] * 5)
def a_large_sendall_of_any_buffer(world):
    seen = []
    numbers = array.array("I", range(100_000))
    for data in (ONE_MEGABYTE, bytearray(ONE_MEGABYTE), memoryview(ONE_MEGABYTE)[7:], numbers, memoryview(numbers)):
        left, right = world.pair()
        reading = world.spawn(read_all, right)
        left.sendall(data)
        left.close()
        seen.append(reading.result() == bytes(data))
        right.close()
    return seen


@contract((None, b"", True, b"bye", ("BrokenPipeError", errno.EPIPE)))
def half_close(world):
    client, server = world.tcp_pair()

    def serve():
        data = read_all(server)
        server.sendall(ONE_MEGABYTE + data)
        server.close()

    serving = world.spawn(serve)
    client.sendall(b"bye")
    client.shutdown(socket.SHUT_WR)
    after = outcome(client.send, b"x")
    data = read_all(client)
    return serving.result(), client.recv(1), data[: len(ONE_MEGABYTE)] == ONE_MEGABYTE, data[-3:], after


@contract((("ConnectionResetError", errno.ECONNRESET), b"", ("BrokenPipeError", errno.EPIPE)))
def a_reset_under_a_reader(world):
    client, server = world.tcp_pair()
    reading = world.spawn(client.recv, 10)
    world.settle()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    server.close()
    return reading.result(), client.recv(1), outcome(client.send, b"x")


@contract(("ConnectionResetError", errno.ECONNRESET))
def a_reset_under_a_writer(world):
    client, server = world.tcp_pair()
    writing = world.spawn(client.sendall, ONE_MEGABYTE * 20)
    world.settle()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    server.close()
    return writing.result()


@contract((b"last words", ("ConnectionResetError", errno.ECONNRESET)))
def a_reset_before_reading(world):
    client, server = world.tcp_pair()
    client.sendall(b"unread")
    server.sendall(b"last words")
    world.settle()
    first = client.recv(100)
    server.close()  # with unread data: the kernel sends RST
    return first, outcome(client.recv, 1)


@contract([b"", b"", ("BrokenPipeError", errno.EPIPE)])
def shutdown_under_waiters(world):
    left, right = world.pair()
    readers = [world.spawn(left.recv, 1), world.spawn(left.recv, 1)]
    writer = world.spawn(left.sendall, ONE_MEGABYTE * 10)
    world.settle()
    left.shutdown(socket.SHUT_RDWR)
    assert right.recv(10)
    return [one.result() for one in (*readers, writer)]


@contract(("OSError", errno.EINVAL))
def shutdown_of_a_listener_under_accept(world):
    listening = world.listener()
    accepting = world.spawn(listening.accept)
    world.settle()
    listening.shutdown(socket.SHUT_RDWR)
    return accepting.result()


@contract([b"0", b"1", b"2", b"3", b"4"])
def several_readers(world):
    left, right = world.pair()
    readers = [world.spawn(left.recv, 1) for _ in range(5)]
    world.settle()
    right.sendall(b"01")
    world.settle()
    right.sendall(b"234")
    return sorted(one.result() for one in readers)


@contract((True, True))
def several_writers_lose_nothing(world):
    left, right = world.pair()
    writers = [world.spawn(left.sendall, bytes([65 + n]) * 500_000) for n in range(4)]
    world.settle()
    data = bytearray()
    while len(data) < 2_000_000:
        data += right.recv(65536)
    done = [one.result() for one in writers]
    return done == [None] * 4, sorted(data) == sorted(b"ABCD" * 500_000)


@contract((True, True))
def a_reader_and_a_writer_on_one_socket(world):
    left, right = world.pair()

    def echo():
        while data := right.recv(4096):
            right.sendall(data)

    echoing, reading = world.spawn(echo), world.spawn(read_exactly, left, len(ONE_MEGABYTE))
    left.sendall(ONE_MEGABYTE)
    left.shutdown(socket.SHUT_WR)
    return reading.result() == ONE_MEGABYTE, echoing.result() is None


def read_exactly(one, size):
    data = bytearray()
    while len(data) < size and (part := one.recv(size - len(data))):
        data += part
    return bytes(data)


@contract((b"abcdef", b"gh"))
def msg_waitall(world):
    left, right = world.pair()
    reading = world.spawn(left.recv, 6, socket.MSG_WAITALL)
    for part in (b"ab", b"cd", b"efgh"):
        world.settle()
        right.sendall(part)
    first = reading.result()
    return first, left.recv(10, socket.MSG_DONTWAIT)


@contract((b"ab", b"ab", ("BlockingIOError", errno.EAGAIN)))
def peek_and_dontwait(world):
    left, right = world.pair()
    reading = world.spawn(left.recv, 10, socket.MSG_PEEK)
    world.settle()
    right.sendall(b"ab")
    return reading.result(), left.recv(10), outcome(left.recv, 1, socket.MSG_DONTWAIT)


@contract(
    (3, b"abc", (2, None), b"de", (b"fg", [], 0, None), (b"hi", b"j"), ("ValueError", "negative buffersize in recv"))
)
def reading_into_buffers(world):
    left, right = world.pair()

    def read():
        buffer = bytearray(3)
        seen = [left.recv_into(buffer), bytes(buffer)]
        world.settle()
        buffer = bytearray(2)
        seen += [left.recvfrom_into(buffer), bytes(buffer)]
        seen.append(left.recvmsg(2))
        first, second = bytearray(2), bytearray(5)
        size, *_ = left.recvmsg_into([first, second])
        seen.append((bytes(first), bytes(second[: size - 2])))
        return seen

    reading = world.spawn(read)
    world.settle()
    right.sendall(b"abcde")
    world.settle()
    right.sendmsg([b"f", b"ghij"])
    return *reading.result(), outcome(left.recv, -1)


# -- makefile, sendfile, descriptors -------------------------------------------------------------------------


@contract((b"one\n", "zwei\n", ["drei\n", "vier"], 0, -1))
def files_of_a_socket(world):
    left, right = world.pair()
    lines = left.makefile("rb")
    text = left.makefile("r", encoding="utf-8")

    def write():
        with right, right.makefile("w", encoding="utf-8") as file:
            for line in ("one\n", "zwei\n", "drei\nvier"):
                world.settle()
                file.write(line)
                file.flush()

    writing = world.spawn(write)
    first = lines.readline()
    second, rest = text.readline(), text.readlines()
    left.close()
    still_open = left.fileno() >= 0
    text.close()
    lines.close()
    assert writing.result() is None
    return first, second, rest, 0 if still_open else 1, left.fileno()


@contract((("TimeoutError", "timed out"), ("OSError", "cannot read from timed out object"), b"x"))
def a_file_after_its_timeout(world):
    left, right = world.pair()
    left.settimeout(0.05)
    file = world.keep(left.makefile("rb"))
    first, second = outcome(file.read, 1), outcome(file.read, 1)
    right.sendall(b"x")
    return first, second, left.recv(1)


@contract((len(ONE_MEGABYTE), len(ONE_MEGABYTE), True, 100, True, 0, 5))
def sendfile(world):
    with tempfile.TemporaryFile() as file:
        file.write(ONE_MEGABYTE)
        file.seek(0)
        left, right = world.pair()
        reading = world.spawn(read_exactly, right, len(ONE_MEGABYTE))
        sent = left.sendfile(file)
        position = file.tell()
        whole = reading.result() == ONE_MEGABYTE
        part = left.sendfile(file, 10, 100)
        same = right.recv(200) == ONE_MEGABYTE[10:110]
        none = left.sendfile(file, len(ONE_MEGABYTE))
    memory = left.sendfile(io.BytesIO(b"plain"))
    return sent, position, whole, part, same, none, memory


@contract((("ValueError", "non-blocking sockets are not supported"), ("TimeoutError", "timed out")))
def sendfile_and_timeouts(world):
    left, _ = world.pair()
    with tempfile.TemporaryFile() as file:
        file.truncate(10_000_000)
        left.setblocking(False)
        first = outcome(left.sendfile, file)
        left.settimeout(0.05)
        return first, outcome(left.sendfile, file)


@contract((b"a", b"b", True, -1, ("OSError", errno.EBADF), False, True))
def dup_detach_fromfd(world):
    left, right = world.pair()
    other = world.keep(left.dup())
    right.sendall(b"ab")
    first = left.recv(1)
    left.close()
    second = other.recv(1)
    number = other.detach()
    again = world.keep(world.fromfd(number, socket.AF_UNIX, socket.SOCK_STREAM))
    os.close(number)
    waiting = world.spawn(again.recv, 1)
    world.settle()
    right.sendall(b"c")
    assert waiting.result() == b"c"
    inheritable = again.get_inheritable()
    return first, second, number > 2, other.fileno(), outcome(other.recv, 1), inheritable, again.getblocking()


@contract((0, False, True, ("BlockingIOError", errno.EAGAIN)))
def the_nonblocking_flag_of_socket(world):
    one = world.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    one.bind(("127.0.0.1", 0))
    one.listen()
    return one.gettimeout(), one.getblocking(), one.type == socket.SOCK_STREAM, outcome(one.accept)


@contract((None, None, True, 2.5))
def what_accept_and_dup_inherit(world):
    listening = world.listener()
    listening.settimeout(2.5)
    client = world.socket()
    client.connect(listening.getsockname())
    server, _ = listening.accept()
    world.keep(server)
    copy = world.keep(listening.dup())
    return client.gettimeout(), server.gettimeout(), server.getblocking(), copy.gettimeout()


@contract([("OSError", errno.EBADF)] * 8)
def everything_after_close(world):
    one, _ = world.pair()
    one.close()
    one.close()
    calls = [(one.recv, 1), (one.send, b"x"), (one.sendall, b"x"), (one.accept,), (one.connect, "/nowhere"), (one.dup,)]
    calls += [(one.getpeername,), (one.recv_into, bytearray(1))]
    return [outcome(*call) for call in calls]


# -- timeouts ------------------------------------------------------------------------------------------------


@contract([("TimeoutError", "timed out")] * 8)
def every_call_times_out(world):
    left, _ = world.pair()
    datagrams = world.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", 0))
    listening = world.listener()
    for one in (left, datagrams, listening):
        one.settimeout(0.02)
    with pytest.raises(TimeoutError):
        fill(left)
    calls = [(left.recv, 1), (left.recv_into, bytearray(1)), (left.recvmsg, 1), (left.send, b"x")]
    calls += [(left.sendall, b"x"), (left.sendmsg, [b"x"]), (datagrams.recvfrom, 1), (listening.accept,)]
    return [outcome(*call) for call in calls]


@contract((("TimeoutError", "timed out"), True))
def the_timeout_of_sendall_is_for_all_of_it(world):
    left, right = world.pair()
    left.settimeout(0.2)
    stop = []

    def drip():
        while not stop and right.recv(20_000):
            world.sleep(0.01)

    dripping = world.spawn(drip)
    seen = outcome(left.sendall, ONE_MEGABYTE * 20)
    stop.append(True)
    left.close()
    return seen, dripping.result() is None


@contract((None, 0.0, 1.5, None, 0.0, False, True, ("ValueError", "Timeout value out of range"), ("TypeError", None)))
def setting_timeouts(world):
    one = world.socket()
    seen = [one.gettimeout()]
    for value in (0, 1.5, None):
        one.settimeout(value)
        seen.append(one.gettimeout())
    one.setblocking(False)
    seen += [one.gettimeout(), one.getblocking()]
    one.setblocking(True)
    seen.append(one.getblocking())
    return *seen, outcome(one.settimeout, -1), (outcome(one.settimeout, "x")[0], None)


@contract((1.25, None))
def the_default_timeout(world):
    socket.setdefaulttimeout(1.25)
    try:
        first = world.socket().gettimeout()
    finally:
        socket.setdefaulttimeout(None)
    return first, world.socket().gettimeout()


# -- select --------------------------------------------------------------------------------------------------


@contract(([1], [], True, [], True))
def select_and_poll(world):
    left, right = world.pair()
    selecting = world.spawn(lambda: len(world.select.select([left], [], [left], 5)[0]))
    polled = world.select.poll()
    polled.register(left, select.POLLIN)
    polling = world.spawn(lambda: [mask for _, mask in polled.poll(5000)])
    world.settle()
    right.sendall(b"x")
    seen = [selecting.result()]
    assert polling.result() == [select.POLLIN]
    left.recv(1)
    nothing = polled.poll(1)
    right.close()
    hung_up = polled.poll(1000)
    rest = world.select.select([], [], [], 0.001)
    bad = outcome(world.select.select, [-1], [], [], 0)
    return seen, nothing, bool(hung_up[0][1] & select.POLLHUP), rest[0], bad[0] == "ValueError"


@pytest.mark.parametrize(("world", "function", "expected"), **contract.cases())
def test_contract(world, function, expected):
    assert run(world, function) == expected


def test_waiting_is_told_apart():
    """The word for a wait that does not end is none that a call could return."""
    assert outcome(lambda: WAITING) == WAITING
