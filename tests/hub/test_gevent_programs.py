"""gevent's and eventlet's meaning under their names."""

import sys
import tracemalloc

import pytest

from celadon import hub
from celadon.hub import (
    BoundedSemaphore,
    GreenPile,
    GreenPool,
    Pool,
    Semaphore,
    ThreadPool,
    Timeout,
    get_hub,
    joinall,
    sleep,
    spawn,
    wait,
)

from .gevent_programs import PROGRAMS, names


@pytest.fixture
def threads():
    """Threads that end with the test, and their hubs with them."""
    pool = ThreadPool(3)
    yield pool
    pool.close()


@pytest.mark.parametrize(("program", "expected"), [pytest.param(*one[:2], id=one[0].__name__) for one in PROGRAMS])
def test_what_gevent_gives(program, expected):
    assert program(names(hub)) == expected


# -- links that fail, and links of other threads ----------------------------------------------------------------


def test_a_link_that_fails_is_reported_and_the_others_come(monkeypatch):
    reported, seen = [], []
    monkeypatch.setattr(get_hub(), "exception_handler", lambda who, error: reported.append(type(error)))
    one = spawn(lambda: 1)
    one.rawlink(lambda _: 1 / 0)
    one.link(lambda _: {}["x"])
    one.rawlink(seen.append)
    one.join()
    assert (reported, seen) == ([ZeroDivisionError, KeyError], [one])


def test_links_have_run_before_a_joiner_in_another_thread_goes_on(threads):
    order = []
    one = spawn(sleep, 0.005)
    one.link(lambda _: order.append("link"))
    threads.apply(lambda: (one.join(), order.append("joined")))
    assert order == ["link", "joined"]


def test_result_of_a_thread_and_its_callback():
    seen = []
    assert hub.default_pool().apply_async(len, ("abc",), callback=seen.append).get() == 3
    assert seen == [3]


# -- eventlet ---------------------------------------------------------------------------------------------------


def test_two_piles_fill_one_pool():
    pool = GreenPool(2)
    one, two = GreenPile(pool), GreenPile(pool)

    def fill(pile, first):
        for n in range(5):
            pile.spawn(lambda x: x, n + first)

    spawn(fill, one, 0)
    spawn(fill, two, 100)
    sleep(0)
    assert (list(two), list(one)) == ([100, 101, 102, 103, 104], [0, 1, 2, 3, 4])


def test_a_spawn_into_a_pile_that_is_given_up_is_not_waited_for():
    pool = GreenPool(1)
    pile = GreenPile(pool)
    pile.spawn(sleep, 0.005)
    late = spawn(pile.spawn, len, "abc")
    sleep(0)
    late.kill()
    assert list(pile) == [None]


def test_a_pile_whose_iteration_was_interrupted_goes_on():
    pile = GreenPile(2)
    pile.spawn(lambda: sleep(0.01) or 1)
    pile.spawn(lambda: 2)
    with Timeout(0.001, False):
        next(pile)
    assert list(pile) == [1, 2]


# -- any size ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Semaphore, BoundedSemaphore, Pool])
@pytest.mark.parametrize("size", [10**7, sys.maxsize, 10**30])
def test_memory_does_not_grow_with_the_size(kind, size):
    tracemalloc.start()
    try:
        made = kind(size)
        assert tracemalloc.get_traced_memory()[1] < 20_000
    finally:
        tracemalloc.stop()
    assert (made.free_count() if kind is Pool else made.counter) == size


def test_a_large_semaphore_counts_right():
    one = Semaphore(1000)
    for n in range(1000):
        assert one.counter == 1000 - n
        assert one.acquire(blocking=False)
    assert (one.counter, one.locked(), one.acquire(blocking=False)) == (0, True, False)
    for n in range(1000):
        assert one.release() == n + 1
    assert one.release(10**9) == one.counter == 10**9 + 1000
    assert not one.locked()


def test_many_released_at_once_wake_who_waits():
    one = Semaphore(0)
    waiting = [spawn(one.acquire) for _ in range(400)]
    sleep(0)
    one.release(1000)
    joinall(waiting, timeout=5)
    assert one.counter == 600


def test_a_large_bounded_semaphore_keeps_its_bound():
    one = BoundedSemaphore(1000)
    for _ in range(600):
        one.acquire()
    one.release(600)
    with pytest.raises(ValueError, match="too many times"):
        one.release()
    assert one.counter == 1000


def test_threads_that_share_a_large_semaphore_lose_nothing(threads):
    one = Semaphore(600)

    def use():
        for _ in range(300):
            held = sum(one.acquire() for _ in range(100))
            one.release(held)

    for result in [threads.spawn(use) for _ in range(3)]:
        result.get()
    assert one.counter == 600


@pytest.mark.parametrize("count", [1.5, float("inf"), float("nan"), "3", None])
def test_what_is_no_count(count):
    with pytest.raises(TypeError):
        Semaphore(count)


# -- the hub ----------------------------------------------------------------------------------------------------


def test_call_later_0_is_called_within_sleep_0_unless_cancelled():
    seen = []
    get_hub().call_later(0, seen.append, 1)
    dropped = get_hub().call_later(-1, seen.append, 2)
    assert dropped.active
    dropped.cancel()
    sleep(0)
    assert (seen, dropped.active) == ([1], False)
    with pytest.raises(ValueError, match="NaN"):
        get_hub().call_later(float("nan"), seen.append, 3)


def test_errors_that_are_handed_to_the_hub(monkeypatch):
    reported = []
    monkeypatch.setattr(get_hub(), "exception_handler", lambda who, error: reported.append((who, error)))
    error = KeyError("x")
    get_hub().handle_error("somebody", KeyError, error, None)
    get_hub().print_exception("somebody", KeyError, "x", None)
    assert reported[0] == ("somebody", error)
    assert repr(reported[1][1]) == repr(error)
    get_hub().handle_error(None, KeyboardInterrupt, None, None)
    with pytest.raises(KeyboardInterrupt):
        sleep(0)


def test_a_hub_that_is_destroyed_is_followed_by_a_new_one(threads):
    def work():
        first = get_hub()
        waiting = spawn(sleep, 5)
        sleep(0)
        with pytest.raises(RuntimeError, match="main greenlet"):
            spawn(first.destroy).get()
        first.destroy()
        return first.closed, get_hub() is first, spawn(lambda: 5).get(), waiting.dead

    reports = []
    result = threads.apply(lambda: [setattr(get_hub(), "exception_handler", lambda *_: reports.append(1)), work()][1])
    assert result[:3] == (True, False, 5)
    assert reports == [1]


def test_wait_takes_what_can_be_linked_to():
    one = spawn(lambda: 1)
    assert wait([one], timeout=1) == [one]
