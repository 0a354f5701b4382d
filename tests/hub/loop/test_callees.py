"""A callee, a greenlet that the program switches to by itself, is interrupted in its wait for its caller."""

import pytest
from greenlet import GreenletExit, getcurrent, greenlet

from celadon.hub import Event, TaskGroup, Timeout, get_hub, kill, move_on_after, shield, sleep, spawn, spawn_raw
from celadon.hub.testing import MockClock

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def clock():
    with MockClock() as clock:
        yield clock


def call(function, *args):
    return greenlet(function).switch(*args)


def deeply(function, *args):
    return call(call, call, function, *args)


def elapsed(function):
    began = get_hub().now()
    function()
    return get_hub().now() - began


@pytest.fixture(params=[call, deeply], ids=["callee", "callee of callees"])
def calls(request):
    return request.param


@pytest.mark.parametrize("where", ["main", "a greenlet"])
def test_a_deadline_of_the_caller(calls, where):
    def wait():
        with pytest.raises(Timeout), Timeout(1):
            calls(sleep, 60)
        with move_on_after(1) as scope:
            calls(Event().wait, 60)
        assert scope.expired

    assert elapsed(wait if where == "main" else spawn(wait).get) == 2


def test_a_deadline_of_the_callee(calls):
    def callee():
        with Timeout(1, False):
            sleep(60)
        sleep(1)

    assert elapsed(lambda: calls(callee)) == 2


def test_a_deadline_that_the_callee_stands(calls):
    def callee():
        try:
            sleep(60)
        except Timeout:
            sleep(1)  # and goes on
            return "done"

    def wait():
        with Timeout(1):
            assert calls(callee) == "done"

    assert elapsed(wait) == 2


@pytest.mark.parametrize("start", [spawn, spawn_raw])
@pytest.mark.parametrize("error", [GreenletExit, ValueError, KeyboardInterrupt], ids=lambda one: one.__name__)
def test_a_kill_of_the_caller(calls, start, error):
    def callee():
        try:
            sleep(60)
        finally:
            log.append("cleans up")
            sleep(1)  # nobody interrupts this
            log.append("cleaned up")

    def caller():
        try:
            calls(callee)
            sleep(60)  # greenlet raises no GreenletExit in a caller: it is raised here
        except error:
            log.append("ends")

    log = []
    one = start(caller)
    sleep(0)
    kill(one, error, block=False)
    assert elapsed(lambda: sleep(3)) == 3
    assert log == ["cleans up", "cleaned up", "ends"]
    assert one.dead


def test_a_kill_before_the_callee_waits(calls):
    def caller():
        me.append(getcurrent())
        calls(callee)

    def callee():
        kill(me[0], ValueError, block=False)
        with pytest.raises(ValueError):  # noqa: PT011
            sleep(60)
        return sleep(1)

    me = []
    one = spawn(caller)
    assert elapsed(one.get) == 1
    assert not get_hub().pending


def test_a_shield_of_the_caller(calls):
    def wait():
        with Timeout(1, False), shield():
            calls(sleep, 2)
        with Timeout(1, False):
            sleep(60)

    assert elapsed(wait) == 3


def test_a_shield_of_a_callee(calls):
    def callee():
        with shield():
            call(sleep, 2)
            sleep(1)
        sleep(60)

    def wait():
        with Timeout(1):
            calls(callee)

    with pytest.raises(Timeout):
        wait()
    assert get_hub().now() == 1003


def test_a_task_group_in_a_callee_keeps_what_is_for_the_caller():
    """Its children end first; what came meanwhile is raised after it, in the caller if the callee waits no more."""

    def child():
        with shield():
            sleep(5)

    def callee():
        with pytest.raises(Timeout), Timeout(1), TaskGroup() as tasks:
            tasks.spawn(child)
        return "done"

    def wait():
        with Timeout(2, False):
            log.append(call(callee))
            sleep(60)

    log = []
    assert elapsed(wait) == 5
    assert log == ["done"]
    assert not get_hub().pending


def test_a_deadline_that_came_for_a_callee_that_has_ended_in_time():
    def caller():
        with Timeout(1), TaskGroup() as tasks:
            tasks.spawn(sleep, 0.5)
            call(sleep, 0.5)

    assert elapsed(caller) == 0.5
    sleep(1)
    assert not get_hub().pending


def test_ctrl_c_ends_a_callee_of_the_main_greenlet(calls):
    get_hub().call_later(1, get_hub()._tell_main, KeyboardInterrupt())
    with shield(), pytest.raises(KeyboardInterrupt):
        calls(sleep, 60)
    assert get_hub().now() == 1001


def test_others_are_not_touched(calls):
    beside = spawn(calls, sleep, 3)
    below = spawn(sleep, 3)
    with Timeout(1, False):
        calls(sleep, 60)
    assert elapsed(beside.join) == 2
    assert below.ready()
