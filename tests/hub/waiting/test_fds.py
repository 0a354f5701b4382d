"""Waiting for fds."""

import _socket
import errno
import os

import pytest

from celadon.hub import (
    Timeout,
    get_hub,
    joinall,
    notify_closing,
    sleep,
    spawn,
    wait,
    wait_readable,
    wait_writable,
)
from celadon.hub.loop.pollers import EDGE, ONESHOT, READ, WRITE, EpollPoller, PollPoller, SelectPoller
from celadon.hub.lowlevel import Registration, watch
from celadon.hub.testing import MockClock, wait_all_parked


@pytest.fixture
def pair():
    left, right = _socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    yield left, right
    left.close()
    right.close()


def test_bare_numbers(pair):
    left, right = pair
    reader = spawn(wait_readable, left.fileno())
    sleep(0)
    right.send(b"x")
    reader.get()
    wait_writable(left.fileno())
    left.recv(1)
    with pytest.raises(TimeoutError):
        wait_readable(left.fileno(), 0.001)
    assert left.fileno() not in get_hub().fds


def test_two_readers_and_a_writer_of_one_fd(pair):
    left, right = pair
    waiters = [spawn(wait_readable, left.fileno()), spawn(wait_readable, left.fileno())]
    sleep(0)
    spawn(wait_writable, left.fileno()).get()
    right.send(b"x")
    joinall(waiters)
    assert all(one.successful() for one in waiters)


def test_a_bad_number_and_a_regular_file():
    with pytest.raises(OSError, match="Bad file") as caught:
        wait_readable(10_000)
    assert caught.value.errno == errno.EBADF
    fd = os.open("/etc/hosts", os.O_RDONLY)
    with pytest.raises(PermissionError):
        wait_readable(fd)
    os.close(fd)


def test_notify_closing_wakes_with_ebadf(pair, reported):
    left, _ = pair
    reader = spawn(wait_readable, left.fileno())
    sleep(0)
    notify_closing(left.fileno())
    with pytest.raises(OSError, match="Bad file") as caught:
        reader.get()
    assert caught.value.errno == errno.EBADF


def test_a_recycled_number_inherits_no_waiter(pair):
    left, _ = pair
    number = left.fileno()
    reader = spawn(wait_readable, number)
    sleep(0)
    reader.kill()
    left.close()
    other, far = _socket.socketpair()
    assert other.fileno() == number
    far.send(b"x")
    wait_readable(number, 1)
    other.close()
    far.close()


def test_a_dup_that_keeps_a_closed_number_alive(pair):
    left, right = pair
    registration = Registration(left.fileno())
    with pytest.raises(TimeoutError):
        registration.wait_readable(0.001)
    copy = os.dup(left.fileno())
    left.close()  # behind the owner's back
    right.send(b"x")
    sleep(0.002)
    registration.close()
    os.close(copy)
    assert registration.fd == -1


def test_registration_is_edge_triggered_and_stays(pair):
    left, right = pair
    registration = Registration(left.fileno())
    for _ in range(3):
        reader = spawn(registration.wait_readable)
        sleep(0)
        right.send(b"x")
        reader.get()
        assert left.recv(10) == b"x"
        assert get_hub().fds[left.fileno()] is not None
    registration.close()
    registration.close()
    assert left.fileno() not in get_hub().fds


def test_closing_a_registration_wakes_waiters(pair):
    left, _ = pair
    registration = Registration(left.fileno())

    def read():
        with pytest.raises(OSError, match="Bad file") as caught:
            registration.wait_readable()
        return caught.value.errno

    readers = [spawn(read), spawn(read)]
    wait_all_parked()
    registration.close()
    assert [one.get() for one in readers] == [errno.EBADF] * 2
    assert get_hub().io_waiters == 0


def test_kill_and_timeout_leave_nothing(pair):
    left, _ = pair
    registration = Registration(left.fileno())
    reader = spawn(registration.wait_readable)
    sleep(0)
    reader.kill()
    with pytest.raises(Timeout), Timeout(0.001):
        registration.wait_readable()
    assert get_hub().io_waiters == 0
    registration.close()


def test_watch(pair):
    left, right = pair
    seen = []
    watching = watch(left.fileno(), on_readable=lambda: seen.append(left.recv(10)))
    right.send(b"a")
    sleep(0.002)
    assert seen == [b"a"]
    watching.update(on_writable=lambda: (seen.append("w"), watching.update()))
    sleep(0.002)
    assert seen == [b"a", "w"]
    watching.close()
    right.send(b"b")
    sleep(0.002)
    assert seen == [b"a", "w"]
    assert left.fileno() not in get_hub().fds


@pytest.mark.parametrize("make", [EpollPoller, PollPoller, SelectPoller])
def test_pollers_behave_alike(pair, make):
    left, right = pair
    poller = make()
    fd = left.fileno()
    poller.add(fd, READ | ONESHOT)
    with pytest.raises(FileExistsError):
        poller.add(fd, READ)
    assert poller.poll(0) == []
    right.send(b"x")
    assert poller.poll(1) == [(fd, READ)]
    assert poller.poll(0) == []  # disarmed
    poller.modify(fd, READ | WRITE | ONESHOT)
    assert poller.poll(1) == [(fd, READ | WRITE)]
    poller.remove(fd)
    poller.remove(fd)
    with pytest.raises(FileNotFoundError):
        poller.modify(fd, READ)
    poller.add(fd, READ | EDGE)
    assert poller.poll(1) == [(fd, READ)]
    assert poller.poll(0) == []
    poller.close()


def test_what_is_ready_is_not_kept_waiting_by_all_timers_that_are_due(pair):
    left, right = pair
    order = []

    def sleeper(n):
        sleep(1)
        order.append(n)
        if not n:
            right.send(b"x")

    def reader():
        wait_readable(left.fileno())
        order.append("read")

    with MockClock():
        reading = spawn(reader)
        joinall([spawn(sleeper, n) for n in range(3000)])
        reading.join()
    assert order.index("read") < 1000
    order.remove("read")
    assert sorted(order) == list(range(3000))


def test_watches_and_waits_share_a_number(pair):
    """Several watches, a greenlet that waits for the number, and its owner's reader: each hears of what comes."""
    left, right = pair
    fd, log = left.fileno(), []
    first = watch(fd, lambda: log.append("first"))
    second = watch(fd, lambda: (log.append("second"), second.update()))
    bare = spawn(wait_readable, fd)
    sleep(0)
    right.send(b"x")
    bare.get(timeout=1)
    sleep(0.001)
    assert log.count("second") == 1
    assert log.count("first") >= 2, "a watch is told again as long as there is something to read"
    left.recv(1)
    first.close()
    registration = Registration(fd)
    third = watch(fd, lambda: (log.append("third"), third.update()))
    owner = spawn(registration.wait_readable)
    sleep(0)
    right.send(b"y")
    owner.get(timeout=1)
    sleep(0)
    assert log[-1] == "third"
    assert "first" not in log[log.index("third") :]
    second.close()
    third.close()
    registration.close()
    assert fd not in get_hub().fds


def test_an_owner_that_closes_ends_the_watches(pair):
    left, _ = pair
    registration, log = Registration(left.fileno()), []
    one = watch(left.fileno(), lambda: log.append(1), ref=True)
    waiter = spawn(registration.wait_readable)
    sleep(0)
    assert get_hub().holds == 1
    registration.close()
    assert isinstance(joinall([waiter])[0].exception, OSError)
    assert (one.fd, get_hub().holds, log) == (-1, 0, [])
    one.close()


def test_a_watch_that_holds_the_loop(pair):
    left, right = pair
    one = watch(left.fileno(), lambda: (left.recv(1), one.close()), ref=True)
    spawn(sleep, 0.005).rawlink(lambda _: right.send(b"x"))
    assert wait() is True, "not before the watch has let go"
    assert one.fd == -1
    other = watch(left.fileno(), print)
    assert wait(timeout=1) is True, "without ref it is nothing to wait for"
    other.ref = True
    assert wait(timeout=0.001) is False
    other.close()
    assert get_hub().holds == 0


def test_an_owner_comes_to_a_number_that_others_wait_for(pair):
    left, right = pair
    bare, killed = spawn(wait_readable, left.fileno()), spawn(wait_readable, left.fileno())
    sleep(0)
    registration = Registration(left.fileno())
    owner = spawn(registration.wait_readable)
    sleep(0)
    killed.kill()
    right.send(b"x")
    joinall([bare, owner], timeout=1, raise_error=True)
    registration.close()
    assert left.fileno() not in get_hub().fds


def test_a_wait_to_write_for_a_number_whose_owner_only_reads(pair):
    left, _ = pair
    registration = Registration(left.fileno())
    owner = spawn(registration.wait_readable)
    sleep(0)
    wait_writable(left.fileno(), timeout=1)
    registration.close()
    assert isinstance(joinall([owner])[0].exception, OSError)
