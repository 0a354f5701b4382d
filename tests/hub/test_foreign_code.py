"""Code and values of the program's that fail where the hub runs them: reported at most once, and the loop goes on."""

import _thread
import dataclasses
import fcntl
import os
import sys
import time

import pytest
from greenlet import GreenletExit, getcurrent, greenlet

from celadon.hub import (
    AsyncResult,
    Event,
    Greenlet,
    Group,
    LoopExit,
    Timeout,
    get_hub,
    joinall,
    kill,
    killall,
    move_on_after,
    sleep,
    spawn,
    spawn_later,
    spawn_raw,
    wait_readable,
)
from celadon.hub.debug import Watchdog, format_hub_listeners, instrument, ps, tree
from celadon.hub.loop import other_threads
from celadon.hub.loop.hub import Hub
from celadon.hub.loop.pollers import READ, SelectPoller
from celadon.hub.lowlevel import park, park_for, unpark, unpark_error

PARTING = [ValueError, GreenletExit, LoopExit, BaseException, Timeout]


class Nasty:
    """Nothing that is asked of it works."""

    def __repr__(self):
        raise RuntimeError("repr")

    __str__ = __repr__


class NeedsMore(Exception):
    def __init__(self, more):
        super().__init__(more)


class NoException(Exception):
    def __new__(cls):
        return "a text"


@pytest.fixture
def lives():
    """After the test the hub still sleeps, and wakes in time."""
    yield
    begin = time.monotonic()
    sleep(0.005)
    assert time.monotonic() - begin > 0.004
    assert spawn(lambda: 7).get() == 7


pytestmark = pytest.mark.usefixtures("lives")


def fail_with(error):
    raise error


# -- what is handed over to be raised ------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["a text", 5, int, object(), Nasty(), NoException], ids=range(6))
def test_what_cannot_be_raised_is_refused_where_it_is_given(wrong):
    one, raw = spawn(sleep, 60), spawn_raw(sleep, 60)
    sleep(0)
    for give in (
        lambda: one.kill(wrong),
        lambda: one.throw(wrong),
        lambda: raw.throw(wrong),
        lambda: kill(one, wrong),
        lambda: kill(raw, wrong),
        lambda: killall([one], wrong),
        lambda: Group([one]).kill(wrong),
        lambda: unpark_error(one, wrong),
        lambda: AsyncResult().set_exception(wrong),
    ):
        with pytest.raises(TypeError):
            give()
    assert not one.ready()
    kill(one)
    kill(raw)
    sleep(0)


def test_a_class_whose_constructor_fails_is_refused_where_it_is_given():
    one = spawn(sleep, 60)
    sleep(0)
    with pytest.raises(TypeError, match="more"):
        one.kill(NeedsMore)
    assert not one.ready()
    one.kill()


def test_a_text_is_what_a_timeout_says():
    with pytest.raises(Timeout) as caught, Timeout(0.001, "too slow"):
        sleep(1)
    assert str(caught.value) == "0.001 seconds: too slow"
    assert str(Timeout(1, False)) == "1 second (silent)"


@pytest.mark.parametrize("wrong", [5, int, object(), b"late", Nasty()], ids=range(5))
def test_a_timeout_takes_nothing_else(wrong):
    with pytest.raises(TypeError, match="Timeout takes"):
        Timeout(1, wrong)


@pytest.mark.parametrize(("kind", "says"), [(NeedsMore, "more"), (NoException, "exception class")])
def test_a_timeout_raises_what_making_its_exception_raises(kind, says):
    with pytest.raises(TypeError, match=says), Timeout(0.001, kind):
        sleep(1)


def test_what_a_subclass_puts_there_later_is_said_as_well():
    timeout = Timeout(0.001)
    timeout.exception = 5
    with pytest.raises(Timeout, match="seconds: 5"), timeout:
        sleep(1)


@pytest.mark.parametrize("wait", [Event().wait, lambda seconds: park_for_ever(seconds), spawn_later, Timeout.start_new])
def test_not_a_number_is_no_time(wait):
    with pytest.raises(ValueError, match="NaN"):
        wait(float("nan"), *([print] if wait is spawn_later else ()))
    with pytest.raises(ValueError, match="NaN"):
        get_hub().call_later(float("nan"), print)


def park_for_ever(seconds):
    undone = []
    try:
        park_for(lambda: undone.append(True), seconds)
    finally:
        assert undone == [True]


@pytest.mark.parametrize("seconds", [3e6, 1e12, float("inf")])
def test_a_sleep_may_be_longer_than_the_kernel_can(seconds):
    one = spawn(sleep, seconds)
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        time.sleep(0.02)
        os.write(write, b"x")
        os._exit(0)
    wait_readable(read)  # no other deadline: the poller is asked for the whole time
    os.waitpid(pid, 0)
    os.close(read)
    os.close(write)
    one.kill()


def test_select_refuses_a_number_that_it_has_no_room_for():
    read, write = os.pipe()
    try:
        high = fcntl.fcntl(read, fcntl.F_DUPFD, 1500)
    except OSError:
        pytest.skip("this user may not open a descriptor 1500")
    finally:
        os.close(read)
        os.close(write)
    try:
        poller = SelectPoller()
        with pytest.raises(ValueError, match="out of range"):
            poller.add(high, READ)
        assert poller.poll(0) == []
    finally:
        os.close(high)


# -- what fails in the hub -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PARTING)
def test_a_callback_a_timer_and_a_link_that_fail(kind, reported):
    hub = get_hub()
    hub.call_soon(fail_with, kind())
    hub.call_later(0, fail_with, kind())
    hub.call_soon_threadsafe(fail_with, kind())
    linked = spawn(lambda: None)
    linked.rawlink(lambda one: fail_with(kind()))
    done = AsyncResult()
    done.rawlink(lambda one: fail_with(kind()))
    done.set(1)
    linked.join()
    sleep(0.002)
    assert [type(error) for error in reported] == [kind] * 5


@pytest.mark.parametrize("kind", PARTING)
def test_an_exception_handler_that_fails(kind, capsys):
    hub = get_hub()
    before, hub.exception_handler = hub.exception_handler, lambda who, error: fail_with(kind())
    try:
        hub.call_soon(fail_with, ZeroDivisionError())
        spawn(fail_with, ZeroDivisionError()).join()
        sleep(0)
    finally:
        hub.exception_handler = before
    said = capsys.readouterr().err
    assert said.count(f"failed with {kind.__name__}") == 2
    assert said.count("ZeroDivisionError\n") == 2, "what the handler was called for is said as well"


@pytest.mark.parametrize("order", [SystemExit, KeyboardInterrupt])
def test_an_exception_handler_may_end_the_program(order):
    hub = get_hub()
    before, hub.exception_handler = hub.exception_handler, lambda who, error: fail_with(order())
    try:
        hub.call_soon(fail_with, ZeroDivisionError())
        with pytest.raises(order):
            sleep(1)
    finally:
        hub.exception_handler = before


def test_an_exception_handler_that_is_none(capsys):
    hub = get_hub()
    before, hub.exception_handler = hub.exception_handler, None
    try:
        hub.call_soon(fail_with, ZeroDivisionError())
        sleep(0)
    finally:
        hub.exception_handler = before
    assert "ZeroDivisionError" in capsys.readouterr().err


class FullDisk:
    def write(self, text):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("stream", [FullDisk(), None, object()], ids=["full", "none", "no stream"])
def test_stderr_that_fails(stream, monkeypatch):
    monkeypatch.setattr(sys, "stderr", stream)
    get_hub().call_soon(fail_with, ValueError())
    failed = spawn(fail_with, ValueError())
    failed.join()
    sleep(0)
    assert isinstance(failed.exception, ValueError)


def test_a_report_is_written_in_one_piece(monkeypatch):
    written = []
    monkeypatch.setattr(sys, "stderr", type("Stream", (), {"write": lambda self, text: written.append(text)})())
    spawn(fail_with, ValueError()).join()
    assert len(written) == 1


def test_an_abort_that_fails_holds_nobody(reported):
    def wait():
        park(lambda: fail_with(OSError()))

    for end in (lambda one: one.kill(), lambda one: one.kill(ValueError("x"))):
        one = spawn(wait)
        sleep(0)
        end(one)
        assert one.ready()
    with pytest.raises(Timeout), Timeout(0.001):
        wait()
    with move_on_after(0.001) as scope:
        wait()
    assert scope.expired
    assert [type(error) for error in reported].count(OSError) == 4


def test_an_abort_that_wakes_its_own_waiter():
    def wait():
        me = getcurrent()
        got.append(park(lambda: unpark(me, "woken")))
        sleep(60)

    got = []
    one = spawn(wait)
    sleep(0)
    one.kill()
    assert got == ["woken"]
    assert one.ready()


def test_errors_that_may_not_be_changed_or_have_methods_that_fail(reported):
    @dataclasses.dataclass(frozen=True)
    class Frozen(Exception):
        value: int

    class Contrary(GreenletExit):
        def with_traceback(self, trace):
            raise RuntimeError

    frozen, contrary = spawn(fail_with, Frozen(1)), spawn(fail_with, Contrary())
    joinall([frozen, contrary], timeout=10)
    assert frozen.exception == Frozen(1)
    assert isinstance(contrary.value, Contrary)
    assert [type(error) for error in reported] == [Frozen]


def test_a_group_whose_discard_fails(reported):
    class Broken(Group):
        def discard(self, member):
            super().discard(member)
            fail_with(KeyError())

    group, links = Broken(), []
    one = group.spawn(lambda: 7)
    one.rawlink(links.append)
    assert one.get(timeout=10) == 7
    sleep(0)
    assert links == [one]
    assert [type(error) for error in reported] == [KeyError]


def test_names_that_fail(capsys, monkeypatch):
    class Named(Greenlet):
        __str__ = __repr__ = Nasty.__repr__

    class Line:
        shared = False
        __repr__ = Nasty.__repr__

        def undo(self):
            pass

    monkeypatch.setattr(other_threads, "_count_others", lambda: 0)
    stuck = Named.spawn(lambda: park(Line().undo))
    sleep(0)
    with pytest.raises(LoopExit, match=r"whose repr\(\) failed with RuntimeError"):
        Event().wait()
    assert "failed with RuntimeError" in ps()[0].waits_on
    assert "failed with RuntimeError" in tree()
    assert format_hub_listeners()
    stuck.kill(ValueError("the last"))
    assert "whose str() failed with RuntimeError failed with ValueError" in capsys.readouterr().err


def test_closers_that_fail_leave_nothing_open(capsys):
    def thread():
        hub = get_hub()
        fds.extend([hub.poller.fileno(), *hub._wakeup.fds()])
        for error in (ValueError(), SystemExit(), GreenletExit()):
            hub.on_close(lambda error=error: fail_with(error))
        hub.on_close(lambda: called.append(True))

    fds, called = [], []
    _thread.start_new_thread(thread, ())
    for _ in range(1000):
        if called:
            break
        time.sleep(0.001)
    time.sleep(0.01)
    for fd in fds:
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(fd)


# -- instruments ---------------------------------------------------------------------------------------------


def test_an_instrument_that_fails_is_called_no_more(reported):
    calls = []

    def traced(event, origin, target):
        calls.append(event)
        fail_with(ValueError())

    with instrument(traced):
        for _ in range(5):
            sleep(0)
            spawn(sleep, 0).join()
    assert calls == ["switch"]
    assert [type(error) for error in reported] == [ValueError]


def test_a_watchdog_whose_report_and_stderr_fail(monkeypatch):
    monkeypatch.setattr(sys, "stderr", FullDisk())
    other = spawn(sleep, 60)
    sleep(0)
    with Watchdog(0.01) as dog:
        for _ in range(2):
            time.sleep(0.03)
            sleep(0.01)
        assert dog.places
    other.kill()


# -- switches by hand ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [spawn, spawn_raw, Greenlet], ids=["spawn", "raw", "unstarted"])
@pytest.mark.parametrize("begun", [True, False])
def test_a_throw_comes_back(start, begun, reported):
    log = []

    def body():
        try:
            sleep(0.001)
        except ValueError as error:
            log.append(error)
            sleep(0.001)
            log.append("went on")

    one = start(body)
    if begun:
        sleep(0)
    error = ValueError("now")
    assert one.throw(error) is None
    sleep(0.005)
    assert one.dead
    if begun and start is not Greenlet:
        assert log == [error, "went on"]
    assert reported == []


def test_a_throw_takes_what_greenlets_takes(reported):
    for args, message in (
        ((), None),
        ((KeyError,), ""),
        ((KeyError, "x"), "'x'"),
        ((KeyError, KeyError("y"), None), "'y'"),
    ):
        one = spawn(sleep, 60)
        sleep(0)
        one.throw(*args)
        assert one.dead
        assert (None if one.exception is None else str(one.exception)) == message
        one.throw()  # over already
    assert [type(error) for error in reported] == [KeyError] * 3


def test_a_throw_in_a_callback_and_from_a_third(reported):
    for call in (get_hub().call_soon, spawn):
        one = spawn(sleep, 60)
        sleep(0)
        call(one.throw, ValueError())
        one.join(1)
        assert isinstance(one.exception, ValueError)


def test_the_main_greenlet_left_behind_by_a_switch_of_its_own(monkeypatch):
    monkeypatch.setattr(other_threads, "_count_others", lambda: 0)
    raw = greenlet(lambda: None, get_hub().greenlet)  # it ends in the hub, not in its maker
    with pytest.raises(LoopExit):
        raw.switch()
    raw = greenlet(lambda: fail_with(ValueError()), get_hub().greenlet)
    with pytest.raises(LoopExit):
        raw.switch()
    with pytest.raises(LoopExit):
        get_hub().greenlet.throw(ValueError())
    with pytest.raises(LoopExit):
        get_hub().greenlet.throw()


def test_a_throw_before_the_hub_has_run():
    done = []

    def thread():
        one = spawn_raw(sleep, 0)
        one.throw(ValueError())
        begin = time.monotonic()
        sleep(0.01)
        done.append(time.monotonic() - begin > 0.009)

    _thread.start_new_thread(thread, ())
    for _ in range(1000):
        if done:
            break
        time.sleep(0.001)
    assert done == [True]


def test_a_hub_that_never_waited_can_be_closed():
    Hub().close()
