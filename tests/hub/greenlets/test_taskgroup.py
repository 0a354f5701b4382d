# ruff: noqa: PT012  (what is raised comes out of a block)
"""Children end before the block; failures are told together; orders from outside pass."""

import asyncio

import pytest

from celadon.hub import Event, TaskGroup, Timeout, fail_after, get_hub, kill, move_on_after, shield, sleep, spawn
from celadon.hub.loop import other_threads

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture(autouse=True)
def no_report():
    get_hub().exception_handler = lambda who, error: pytest.fail(f"{who} was reported: {error!r}")


def fail(error, after=0.0):
    sleep(after)
    raise error


def sleeper(log, name="slept", seconds=100):
    try:
        sleep(seconds)
    finally:
        log.append(name)


def test_children_have_ended_when_the_block_has():
    log = []
    with TaskGroup() as tasks:
        first = tasks.spawn(sleeper, log, "one", 2)
        tasks.spawn(lambda: (sleep(1), tasks.spawn(sleeper, log, "grandchild", 5)))
        assert len(tasks) == 2
        log.append("body")
    assert log == ["body", "one", "grandchild"]
    assert first.successful()
    with pytest.raises(RuntimeError, match="only inside"):
        tasks.spawn(int)
    with pytest.raises(RuntimeError, match="used already"), tasks:
        pass


def test_the_first_failure_ends_the_others_and_the_body(clock):
    log = []
    begin = clock.now()
    with pytest.raises(ExceptionGroup) as caught, TaskGroup() as tasks:
        tasks.spawn(sleeper, log, "child")
        tasks.spawn(fail, ValueError("x"), 1)
        sleeper(log, "body")
    assert log in (["child", "body"], ["body", "child"])
    assert [type(one) for one in caught.value.exceptions] == [ValueError]
    assert clock.now() == begin + 1
    assert not get_hub().pending


def test_several_failures_and_one_in_the_body():
    def bad_loser():
        try:
            sleep(100)
        finally:
            raise KeyError("while it was killed")

    with pytest.raises(ExceptionGroup) as caught, TaskGroup() as tasks:
        tasks.spawn(bad_loser)
        sleep(0)
        raise ZeroDivisionError
    assert {type(one) for one in caught.value.exceptions} == {ZeroDivisionError, KeyError}


def test_spawning_while_it_ends_is_an_error():
    refused = []

    def late():
        try:
            sleep(100)
        finally:
            with pytest.raises(RuntimeError, match="is ending"):
                tasks.spawn(int)
            refused.append(1)

    with pytest.raises(ExceptionGroup), TaskGroup() as tasks:
        tasks.spawn(late)
        tasks.spawn(fail, ValueError())
        sleep(50)
    assert refused == [1]


def test_a_timeout_around_it_is_recognised_and_the_children_end_first():
    log = []
    with move_on_after(1) as scope, TaskGroup() as tasks:
        tasks.spawn(sleeper, log)
    assert scope.expired
    assert log == ["slept"]
    with pytest.raises(TimeoutError), fail_after(1), TaskGroup() as tasks:
        tasks.spawn(sleeper, log)
        sleep(100)
    assert log == ["slept"] * 2
    with Timeout(1) as timeout, pytest.raises(Timeout) as caught, TaskGroup() as tasks:
        tasks.spawn(sleeper, log)
    assert caught.value is timeout


def test_a_deadline_within_the_wait_for_children_takes_no_other_with_it():
    def stubborn():
        with shield():
            sleep(5)

    with move_on_after(3) as outer:
        with move_on_after(1) as inner, TaskGroup() as tasks:
            tasks.spawn(stubborn)
        sleep(100)  # the outer deadline came while the inner one was still obeyed
    assert inner.expired
    assert outer.expired


def test_a_kill_passes_with_the_failures_as_its_cause():
    def loser():
        try:
            sleep(100)
        finally:
            raise KeyError

    def body():
        with TaskGroup() as tasks:
            tasks.spawn(loser)

    one = spawn(body)
    sleep(0)
    sleep(0)
    one.kill()
    assert one.successful()
    assert isinstance(one.value.__cause__, ExceptionGroup)


def test_killing_one_child_is_no_failure():
    with TaskGroup() as tasks:
        child = tasks.spawn(sleep, 100)
        sleep(0)
        kill(child)
        tasks.spawn(sleep, 1)


def test_a_child_may_fail_with_what_is_not_an_exception():
    with pytest.raises(BaseExceptionGroup) as caught, TaskGroup() as tasks:
        tasks.spawn(fail, Timeout(3))
    assert not isinstance(caught.value, ExceptionGroup)


def test_cancel_from_inside_outside_and_a_child():
    log = []
    with TaskGroup() as tasks:
        tasks.spawn(sleeper, log)
        sleep(0)
        tasks.cancel()
        sleep(100)
        log.append("never")
    with TaskGroup() as tasks:

        def child():
            tasks.cancel()
            sleep(100)
            log.append("never")

        tasks.spawn(child)
        sleep(100)
    assert log == ["slept"]


def test_a_nested_group_ends_with_its_outer_one():
    log = []
    with pytest.raises(ExceptionGroup) as caught, TaskGroup() as outer:
        outer.spawn(fail, ValueError(), 1)
        with TaskGroup() as inner:
            inner.spawn(sleeper, log)
    assert log == ["slept"]
    assert [type(one) for one in caught.value.exceptions] == [ValueError]


def test_a_dead_lock_of_the_children_is_told(monkeypatch):
    monkeypatch.setattr(other_threads, "_count_others", lambda: 0)  # another test's idle thread could wake us
    with pytest.raises(RuntimeError, match="wait for ever"), TaskGroup() as tasks:
        tasks.spawn(Event().wait)


def test_it_fails_as_asyncio_does():
    """The same program over both: what is raised, and what it holds."""

    async def theirs(body, *children):
        async def child(error, steps):
            for _ in range(steps):
                await asyncio.sleep(0)
            if error is not None:
                raise error

        async with asyncio.TaskGroup() as tasks:
            for one in children:
                tasks.create_task(child(*one))
            if body is not None:
                await asyncio.sleep(0)
                raise body

    def ours(body, *children):
        def child(error, steps):
            for _ in range(steps):
                sleep(0)
            if error is not None:
                raise error

        with TaskGroup() as tasks:
            for one in children:
                tasks.spawn(child, *one)
            if body is not None:
                sleep(0)
                raise body

    def shape(call):
        try:
            call()
        except BaseException as error:
            return (type(error), str(error), [repr(one) for one in getattr(error, "exceptions", ())])
        return None

    for case in (
        (None,),
        (None, (None, 1), (None, 2)),
        (None, (ValueError(1), 1), (KeyError(2), 50)),
        (OSError(3), (None, 5)),
        (OSError(3), (ValueError(1), 50)),
    ):
        assert shape(lambda: ours(*case)) == shape(lambda: asyncio.run(theirs(*case))), case  # noqa: B023
