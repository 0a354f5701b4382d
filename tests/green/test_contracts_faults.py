"""Faults, on CPython's threads and on our greenlets: closing under a waiter, recycled numbers, signals, no fds left.

Here the two differ on purpose: a thread that waits in the kernel does not learn that its fd was closed, and goes on
with a file that nobody else can name. A greenlet is told at once.
"""

import contextlib
import errno
import os
import resource
import select
import signal
import socket
import time

import pytest

from celadon.hub import GreenletExit, Timeout, getcurrent, kill, sleep, spawn

from .worlds import WAITING, Contracts, outcome, run

contract = Contracts()

CLOSED = ("OSError", errno.EBADF)
A_THREAD_IS_NOT_TOLD = "a thread in a system call keeps the file that it began with; a greenlet is told at once"


# -- closing under a waiter ----------------------------------------------------------------------------------


@contract(threads=[WAITING, b"late"], greenlets=[CLOSED, CLOSED], because=A_THREAD_IS_NOT_TOLD)
def closing_under_a_reader(world):
    left, right = world.pair()
    reading = world.spawn(left.recv, 10)
    world.settle()
    left.close()
    first = reading.result(0.05)
    with contextlib.suppress(BrokenPipeError):
        right.send(b"late")
    return [first, reading.result()]


@contract(threads=[WAITING, CLOSED], greenlets=[CLOSED, CLOSED], because=A_THREAD_IS_NOT_TOLD)
def closing_under_a_writer(world):
    left, right = world.pair()
    writing = world.spawn(left.sendall, bytes(10_000_000))
    world.settle()
    left.close()
    first = writing.result(0.05)
    right.close()
    return [first, writing.result()]


@contract(threads=WAITING, greenlets=CLOSED, because=A_THREAD_IS_NOT_TOLD)
def closing_under_accept(world):
    listening = world.listener()
    accepting = world.spawn(listening.accept)
    address = listening.getsockname()
    world.settle()
    listening.close()
    seen = accepting.result(0.05)
    if seen == WAITING:
        with socket.socket() as client:
            client.connect(address)
            accepting.result()[0].close()
    return seen


@contract(threads=WAITING, greenlets=CLOSED, because=A_THREAD_IS_NOT_TOLD)
def closing_under_a_datagram_reader(world):
    one = world.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind(("127.0.0.1", 0))
    address = one.getsockname()
    reading = world.spawn(one.recvfrom, 10)
    world.settle()
    one.close()
    seen = reading.result(0.05)
    with socket.socket(type=socket.SOCK_DGRAM) as other:
        other.sendto(b"x", address)
    reading.result()
    return seen


@contract(
    threads=[[WAITING, WAITING], [select.POLLNVAL], True],
    greenlets=[[[select.POLLNVAL], CLOSED], [select.POLLNVAL], False],
    because=A_THREAD_IS_NOT_TOLD,
)
def closing_under_poll_and_select(world):
    seen, later = [], []
    for how in ("poll", "select"):
        left, _ = world.pair()
        number = left.fileno()

        def wait(how=how, number=number):
            if how == "select":
                return world.select.select([number], [], [], 0.3)[0]
            asked = world.select.poll()
            asked.register(number, select.POLLIN)
            return [event for _, event in asked.poll(300)]

        waiting = world.spawn(wait)
        world.settle()
        left.close()
        seen.append(waiting.result(0.05))
        later.append(waiting.result())
    return [seen, later[0], isinstance(later[1], list)]


@contract(threads=CLOSED, greenlets=CLOSED, because="with a timeout CPython waits in poll(2), and then reads from -1")
def closing_under_a_reader_with_a_timeout(world):
    left, _ = world.pair()
    left.settimeout(0.1)
    reading = world.spawn(left.recv, 10)
    world.settle()
    left.close()
    return reading.result()


# -- recycled numbers ----------------------------------------------------------------------------------------


@contract(threads=[True, WAITING, b"theirs"], greenlets=[True, CLOSED, b"theirs"], because=A_THREAD_IS_NOT_TOLD)
def a_number_used_again_after_close(world):
    """The old waiter must not read what is meant for the new owner of the number."""
    left, right = world.pair()
    reading = world.spawn(left.recv, 10)
    world.settle()
    number = left.fileno()
    left.close()
    mine, theirs = world.pair()
    owner = world.spawn(mine.recv, 10)
    world.settle()
    theirs.send(b"theirs")
    seen = [number == mine.fileno(), reading.result(0.05), owner.result()]
    with contextlib.suppress(OSError):
        right.send(b"end")
    reading.result()
    return seen


@contract(threads=[WAITING, b"theirs"], greenlets=[CLOSED, b"theirs"], because=A_THREAD_IS_NOT_TOLD)
def a_number_closed_behind_our_back(world):
    """As a C library would: the number is closed and given to another connection that others read."""
    left, right = world.pair()
    reading = world.spawn(left.recv, 10)
    world.settle()
    number = left.fileno()
    os.close(number)
    mine, theirs = world.pair()
    if mine.fileno() != number:
        mine, theirs = theirs, mine
    assert mine.fileno() == number
    owner = world.spawn(mine.recv, 10)
    world.settle()
    theirs.send(b"theirs")
    seen = [reading.result(0.05), owner.result()]
    left.detach()
    with contextlib.suppress(OSError):
        right.send(b"end")
    reading.result()
    return seen


@contract(threads=[WAITING, b"end"], greenlets=[WAITING, b"end"], because="both keep their file: there is a copy of it")
def a_number_replaced_by_dup2_while_a_copy_lives(world):
    """dup2 over a waited-for number: data of the new file goes to the readers of the new file only."""
    left, right = world.pair()
    copy = world.keep(left.dup())
    reading = world.spawn(copy.recv, 10)
    world.settle()
    mine, theirs = world.pair()
    os.dup2(mine.fileno(), left.fileno())
    theirs.send(b"theirs")
    seen = [reading.result(0.05)]
    assert mine.recv(10) == b"theirs"
    right.send(b"end")
    return [*seen, reading.result()]


# -- signals -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def alarms(handler, every=0.01):
    before = signal.signal(signal.SIGALRM, handler)
    rest, _ = signal.setitimer(signal.ITIMER_REAL, every, every)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, rest)
        signal.signal(signal.SIGALRM, before)


@contract((True, b"late", True, ("TimeoutError", "timed out"), True))
def signals_during_system_calls(world):
    """PEP 475: the handler runs, the call goes on with the time that is left."""
    calls = []
    left, right = world.pair()

    def later():
        world.sleep(0.1)
        right.send(b"late")

    with alarms(lambda *_: calls.append(1)):
        sending = world.spawn(later)
        data = left.recv(10)
        ran = len(calls) > 2
        sending.result()
        calls.clear()
        left.settimeout(0.1)
        begin = time.monotonic()
        timed_out = outcome(left.recv, 10)
        waited = 0.09 < time.monotonic() - begin < 5
        return ran, data, len(calls) > 2, timed_out, waited


@contract((True, True))
def signals_during_a_transfer(world):
    data = os.urandom(5_000_000)
    left, right = world.pair()

    def read():
        got = bytearray()
        while part := right.recv(10_000):
            got += part
        return bytes(got)

    calls = []
    with alarms(lambda *_: calls.append(1), 0.001):
        reading = world.spawn(read)
        left.sendall(data)
        left.close()
        return reading.result() == data, bool(calls)


# -- no descriptors left -------------------------------------------------------------------------------------


@contextlib.contextmanager
def no_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = os.open("/dev/null", os.O_RDONLY)
    os.close(used)  # the lowest free number: nothing above it may be opened
    resource.setrlimit(resource.RLIMIT_NOFILE, (used, hard))
    taken = []
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(0))
        yield
    finally:
        for one in taken:
            os.close(one)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contract([("OSError", errno.EMFILE)] * 5 + ["accepted"])
def out_of_descriptors(world):
    listening = world.listener()
    client = world.socket()
    client.connect(listening.getsockname())
    world.settle()
    with no_descriptors():
        seen = [
            outcome(listening.accept),
            outcome(world.socket_class),
            outcome(world._socketpair),
            outcome(world.create_connection, listening.getsockname(), 5),
            outcome(client.dup),
        ]
    server, _ = listening.accept()
    world.keep(server)
    return [*seen, "accepted"]


@contract(
    threads="accepted",
    greenlets=(("OSError", errno.EMFILE), "accepted"),
    because="accept(2) takes a number before it waits; we wait before we call it",
)
def out_of_descriptors_while_accept_waits(world):
    listening = world.listener()
    client = world.socket()
    accepting = world.spawn(listening.accept)
    world.settle()
    with no_descriptors():
        client.connect(listening.getsockname())
        seen = accepting.result()
    if isinstance(seen[0], str):
        world.keep(listening.accept()[0])
        return seen, "accepted"
    world.keep(seen[0])
    return "accepted"


@pytest.mark.parametrize(("world", "function", "expected"), **contract.cases())
def test_contract(world, function, expected):
    assert run(world, function) == expected


# -- what only greenlets have --------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["recv", "recv_into", "recvfrom", "send", "sendall", "accept", "connect", "sendfile"])
def test_a_timeout_and_a_kill_interrupt_every_call(world, how, tmp_path):
    left, right = world.pair()
    listening = world.listener(backlog=0)
    for _ in range(3):
        filling = world.socket()
        filling.setblocking(False)
        filling.connect_ex(listening.getsockname())
    idle = world.listener()
    file = tmp_path / "large"
    file.write_bytes(bytes(10_000_000))
    with file.open("rb") as large:
        call = {
            "recv": lambda: left.recv(1),
            "recv_into": lambda: left.recv_into(bytearray(1)),
            "recvfrom": lambda: left.recvfrom(1),
            "send": lambda: left.send(bytes(10_000_000)),
            "sendall": lambda: left.sendall(bytes(10_000_000)),
            "accept": lambda: idle.accept(),
            "connect": lambda: world.socket().connect(listening.getsockname()),
            "sendfile": lambda: left.sendfile(large),
        }[how]
        with pytest.raises(Timeout), Timeout(0.02):
            call()
        victim = spawn(call)
        sleep(0.005)
        kill(victim)
        assert isinstance(victim.value, GreenletExit)
    if how not in {"send", "sendall", "sendfile"}:
        right.send(b"x")
        assert left.recv(1) == b"x", "an interrupted call leaves the socket as it was"


def test_an_eager_reader_lets_others_run(world):
    left, right = world.pair()
    right.sendall(bytes(100_000))
    turns = []

    def other():
        while not done:
            turns.append(1)
            sleep(0)

    done = []
    running = spawn(other)
    sleep(0)
    for _ in range(1000):
        left.recv(1)
    done.append(getcurrent())
    running.join()
    assert len(turns) > 3
