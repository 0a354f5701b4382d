"""Green threads by eventlet's names: what they return, how they end, links, time-outs."""

import pytest
from greenlet import GreenletExit

from celadon.compat.eventlet import greenthread, hubs
from celadon.compat.eventlet.event import Event
from celadon.compat.eventlet.greenpool import GreenPile, GreenPool
from celadon.compat.eventlet.timeout import Timeout, is_timeout, with_timeout, wrap_is_timeout
from celadon.hub import get_hub, getcurrent


def test_wait_gives_the_result_or_the_failure(capsys):
    assert greenthread.spawn(lambda one, two: one + two, 1, two=2).wait() == 3
    with pytest.raises(ZeroDivisionError):
        greenthread.spawn(lambda: 1 / 0).wait()
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_link_runs_in_the_green_thread_itself():
    seen = []
    one = greenthread.spawn(getcurrent)
    one.link(lambda gt, *args, **kw: seen.append((getcurrent() is gt, args, kw)), 1, two=2)
    one.link(seen.append, "not called")
    assert one.unlink(seen.append, "not called")
    assert not one.unlink(seen.append, "never linked")
    assert one.wait() is one
    greenthread.sleep(0)
    assert seen == [(True, (1,), {"two": 2})]
    one.link(lambda gt: seen.append("at once"))
    assert seen[-1] == "at once"


def test_kill_of_one_that_has_not_begun():
    seen = []
    one = greenthread.spawn(seen.append, "begun")
    one.link(lambda gt: seen.append("link"))
    one.kill()
    with pytest.raises(GreenletExit):
        one.wait()
    assert seen == ["link"]


def test_kill_comes_back_though_the_victim_goes_on():
    def stubborn():
        try:
            greenthread.sleep(10)
        except ValueError:
            greenthread.sleep(0.01)
            return "ended by itself"

    one = greenthread.spawn(stubborn)
    greenthread.sleep(0)
    one.kill(ValueError("now"))
    assert not one.dead
    assert one.wait() == "ended by itself"
    one.kill()  # nothing happens


def test_cancel_only_before_the_begin():
    seen = []
    late = greenthread.spawn_after(10, seen.append, "late")
    late.cancel()
    running = greenthread.spawn(greenthread.sleep, 0.01)
    greenthread.sleep(0)
    running.cancel()
    assert running.wait() is None
    with pytest.raises(GreenletExit):
        late.wait()
    assert seen == []


def test_local_timers_end_with_their_greenlet():
    seen = []

    def spawner():
        greenthread.spawn_after_local(0.005, seen.append, "local")
        greenthread.spawn_after(0.005, seen.append, "global")

    greenthread.spawn(spawner).wait()
    greenthread.sleep(0.02)
    assert seen == ["global"]


def test_in_a_callback_of_the_hub():
    outcomes = []

    def call():
        greenthread.sleep(0)
        try:
            greenthread.sleep(1)
        except RuntimeError as error:
            outcomes.append(str(error))

    get_hub().call_soon(call)
    greenthread.sleep(0)
    assert outcomes == ["do not call blocking functions from the mainloop"]


def test_sleep_0_lets_those_run_for_whom_something_came():
    from celadon.green.socket import socketpair

    left, right = socketpair()
    reader = greenthread.spawn(left.recv, 1)
    greenthread.sleep(0)
    right.send(b"x")
    greenthread.sleep(0)
    assert reader.ready()
    left.close(), right.close()


class TestTimeout:
    def test_it_counts_from_its_making(self):
        late = Timeout(0.005)
        with pytest.raises(Timeout) as caught:
            greenthread.sleep(1)
        assert caught.value is late
        assert is_timeout(late)
        assert is_timeout(TimeoutError())
        assert not is_timeout(ValueError())

    def test_what_is_raised(self):
        with pytest.raises(ValueError, match="mine"), Timeout(0.001, ValueError("mine")):
            greenthread.sleep(1)
        with pytest.raises(Timeout), Timeout(0.001, True):
            greenthread.sleep(1)
        with Timeout(0.001, False):
            greenthread.sleep(1)
        assert with_timeout(0.001, greenthread.sleep, 1, timeout_value="late") == "late"
        assert with_timeout(1, lambda: "in time") == "in time"

    def test_0_seconds_end_the_next_wait_whoever_wakes_it(self):
        event = Event()
        greenthread.spawn(event.send)
        with pytest.raises(Timeout), Timeout(0):
            event.wait()
        greenthread.sleep(0)

    def test_twice_started(self):
        with Timeout(10) as one, pytest.raises(AssertionError):
            one.start()

    def test_an_exception_that_is_made_one(self):
        @wrap_is_timeout
        class Late(Exception):
            pass

        assert is_timeout(Late())
        assert is_timeout(wrap_is_timeout(lambda: OSError())())


class TestPools:
    def test_members_are_green_threads(self):
        pool = GreenPool(2)
        one = pool.spawn(lambda: 1)
        assert isinstance(one, greenthread.GreenThread)
        assert (pool.running(), pool.free(), pool.waiting()) == (1, 1, 0)
        pool.waitall()
        assert pool.running() == 0

    def test_a_member_that_spawns_into_the_full_pool(self):
        pool = GreenPool(1)
        assert pool.spawn(lambda: pool.spawn(lambda: "inner").wait()).wait() == "inner"

    def test_waitall_of_a_member(self):
        pool = GreenPool()
        with pytest.raises(AssertionError):
            pool.spawn(pool.waitall).wait()

    def test_in_order(self):
        pool = GreenPool(3)
        assert list(pool.imap(lambda n: n * 2, range(5))) == [0, 2, 4, 6, 8]
        assert list(pool.starmap(None, [(1, 2)])) == [(1, 2)]
        assert pool.imap(abs, [-1]).next() == 1
        pile = GreenPile(pool)
        pile.spawn(str, 1)
        assert list(pile) == ["1"]

    def test_a_size_that_is_none(self):
        with pytest.raises(TypeError):
            GreenPool("ten")
        with pytest.raises(ValueError, match="negative"):
            GreenPool(-1)


class TestHub:
    def test_a_hub_runs_once_anybody_has_waited(self):
        greenthread.sleep(0)
        assert hubs.get_hub().running
        assert not hubs.get_hub().stopping

    def test_a_bare_switch(self):
        hub, me = hubs.get_hub(), getcurrent()
        hub.schedule_call_global(0, me.switch, "value")
        assert hub.switch() == "value"

    def test_a_kill_ends_a_bare_switch(self):
        one = greenthread.spawn(hubs.get_hub().switch)
        greenthread.sleep(0)
        one.kill()
        with pytest.raises(GreenletExit):
            one.wait()

    def test_a_kill_before_a_bare_switch(self):
        one = greenthread.spawn(lambda: (get_hub().cancel(getcurrent(), ValueError("early")), hubs.get_hub().switch()))
        with pytest.raises(ValueError, match="early"):
            one.wait()

    def test_timers(self):
        hub, seen = hubs.get_hub(), []
        timer = hub.schedule_call_global(0.001, seen.append, 1)
        cancelled = hub.schedule_call_global(0.001, seen.append, 2)
        assert timer.pending
        cancelled.cancel()
        greenthread.sleep(0.01)
        assert seen == [1]
        assert not timer.pending

    def test_listeners_and_trampoline(self):
        from celadon.green.socket import socketpair

        left, right = socketpair()
        hub, me = hubs.get_hub(), getcurrent()
        listener = hub.add(hub.READ, left.fileno(), me.switch, me.throw, None)
        assert listener in hub.get_readers()
        right.send(b"x")
        assert hub.switch() == left.fileno()
        hub.remove(listener)
        assert not hub.get_readers()
        assert hubs.trampoline(left, read=True) == left.fileno()
        left.recv(1)
        with pytest.raises(Timeout):
            hubs.trampoline(left, read=True, timeout=0.001)
        left.close(), right.close()

    def test_a_descriptor_that_is_another_file_by_now(self):
        from celadon.green.socket import socketpair

        left, right = socketpair()
        hub, me = hubs.get_hub(), getcurrent()
        hub.add(hub.READ, left.fileno(), me.switch, me.throw, None)
        hubs.notify_opened(left.fileno())
        with pytest.raises(hubs.IOClosed):
            hub.switch()
        left.close(), right.close()

    def test_names_of_hubs(self):
        for name in ("epolls", "poll", "selects", "asyncio", None):
            hubs.use_hub(name)
            assert hubs.get_hub().switch
        with pytest.raises(ModuleNotFoundError):
            hubs.use_hub("libev")
        hubs.use_hub()
