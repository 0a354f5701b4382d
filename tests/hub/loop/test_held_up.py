"""Timers that something held up: a block of the hub, a crowd that is ready. What counts first, and who runs first."""

import _socket
import time

from celadon.hub import get_hub, joinall, sleep, spawn
from celadon.hub.lowlevel import watch
from celadon.hub.testing import MockClock


def test_what_is_here_counts_before_what_is_late_after_each_block():
    """Also when one block follows the other: each deadline is put off until the fds were read."""
    hub = get_hub()
    order = []
    one, two = _socket.socketpair()
    watched = watch(one.fileno(), on_readable=lambda: order.append(one.recv(1)))
    for _ in range(3):
        two.send(b"x")
        hub.call_later(0.01, order.append, "late")
        time.sleep(0.25)  # longer than a deadline is put off
        sleep(0.001)
    watched.close()
    one.close()
    two.close()
    assert order == [b"x", "late"] * 3


def test_a_mock_clock_forgets_what_was_late_by_another_clock():
    """The time of one says nothing by that of another, which may begin earlier."""
    for start in (1000.0, 0.0):
        one, two = _socket.socketpair()
        with MockClock(start) as clock:
            hub, order = get_hub(), []
            watched = watch(one.fileno(), on_readable=lambda one=one, order=order: order.append(one.recv(1)))
            hub.call_later(1, order.append, "late")
            sleep(0)
            two.send(b"x")
            clock._now += 5  # the loop knows nothing of it, as of a stop of the process
            sleep(0.001)
            watched.close()
        one.close()
        two.close()
        assert order == [b"x", "late"]


def test_a_timer_does_not_wait_for_a_crowd():
    """While 20,000 greenlets that were spawned at once run, and more come, a timer's greenlet is not last in line."""
    begun = []
    crowd = [spawn(begun.append, n) for n in range(20_000)]
    get_hub().call_later(1e-4, lambda: crowd.extend(spawn(begun.append, n) for n in range(3000)))
    sleep(0.002)
    assert len(begun) < 10_000
    joinall(crowd)
    assert len(begun) == 23_000


def test_timers_that_never_end_leave_room_for_the_crowd():
    """Greenlets whose sleeps are always over run first, but not alone."""
    crowd = [spawn(lambda: None) for _ in range(5000)]

    def busy():
        while not crowd[-1].ready():
            sleep(1e-9)

    joinall([spawn(busy) for _ in range(500)] + crowd)


def test_what_was_ready_before_stays_before_in_a_crowd():
    """sleep(0) returns when all that was ready has run: also if turns are cut short, and calls are put at the head."""
    hub = get_hub()
    for cut in (hub.look_soon, lambda: hub.call_next(int), lambda: hub.call_soon(int)):
        ran = []
        for n in range(1000):
            hub.call_soon(ran.append, n)
            if n % 7 == 0:
                hub.call_soon(cut)
        sleep(0)
        assert ran == list(range(1000))
