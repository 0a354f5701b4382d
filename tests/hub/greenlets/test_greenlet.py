"""Greenlets with gevent's meanings."""

import contextvars
import gc
import weakref

import pytest

from celadon.hub import (
    Greenlet,
    GreenletExit,
    NotReady,
    Timeout,
    get_hub,
    getcurrent,
    iwait,
    joinall,
    kill,
    killall,
    sleep,
    spawn,
    spawn_later,
    spawn_raw,
    wait,
)
from celadon.hub.debug import keep_spawning_stack
from celadon.hub.testing import MockClock


def test_get_and_states():
    one = Greenlet(lambda a, b: a + b, 1, b=2)
    assert not one.started
    assert not one
    one.start()
    assert one
    assert one.get() == 3
    assert one.successful()
    assert one.ready()
    assert one.dead
    assert one.value == 3


def test_failure_is_reported_and_raised(monkeypatch):
    failures = []
    monkeypatch.setattr(get_hub(), "exception_handler", lambda who, error: failures.append((who, error)))
    one = spawn(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        one.get()
    assert failures[0][0] is one
    assert not one.successful()
    assert isinstance(one.exception, ZeroDivisionError)
    assert one.exc_info[0] is ZeroDivisionError


def test_get_twice_does_not_grow_the_traceback(reported):
    one = spawn(lambda: 1 / 0)
    lengths = []
    for _ in range(3):
        with pytest.raises(ZeroDivisionError) as caught:
            one.get()
        lengths.append(len(caught.traceback))
    assert len(set(lengths)) == 1


def test_report_on_stderr_has_traceback_and_greenlet(capsys):
    spawn(lambda: 1 / 0).join()
    err = capsys.readouterr().err
    assert "ZeroDivisionError" in err
    assert "<Greenlet" in err
    assert "failed with ZeroDivisionError" in err


def test_greenlet_exit_is_silent_success(reported):
    def leave():
        raise GreenletExit("bye")

    one = spawn(leave)
    assert isinstance(one.get(), GreenletExit)
    assert reported == []
    assert one.successful()


def test_subclass_with_run():
    class Mine(Greenlet):
        def __init__(self, x):
            super().__init__()
            self.x = x

        def _run(self):
            return self.x * 2

    assert Mine.spawn(4).get() == 8
    assert Mine.spawn_later(0.001, 4).get() == 8
    with pytest.raises(TypeError, match="callable"):
        Greenlet(4)


def test_kill_before_start_never_runs_the_body():
    ran = []
    one = spawn(ran.append, 1)
    one.kill()
    sleep(0)
    sleep(0)
    assert ran == []
    assert one.dead
    later = spawn_later(1000, ran.append, 1)
    later.kill()
    assert len(get_hub().timers) == 0


def test_a_greenlet_may_catch_its_kill():
    def stubborn():
        try:
            sleep(1000)
        except GreenletExit:
            return "survived"

    one = spawn(stubborn)
    sleep(0)
    one.kill()
    assert one.get() == "survived"


def test_kill_while_ready_gives_the_value_first():
    from celadon.hub import Queue

    queue, got = Queue(), []

    def taker():
        got.append(queue.get())
        sleep(1000)

    one = spawn(taker)
    sleep(0)
    queue.put("item")
    one.kill()
    assert got == ["item"]
    assert one.dead


def test_kill_with_another_exception(reported):
    one = spawn(sleep, 1000)
    sleep(0)
    one.kill(KeyError("x"))
    with pytest.raises(KeyError):
        one.get()


def test_killing_oneself():
    def suicide():
        getcurrent().kill()
        return "not reached"

    assert isinstance(spawn(suicide).get(), GreenletExit)


def test_kill_of_a_raw_greenlet():
    seen = []

    def body():
        try:
            sleep(1000)
        finally:
            seen.append("cleaned")

    raw = spawn_raw(body)
    sleep(0)
    kill(raw)
    sleep(0)
    assert seen == ["cleaned"]


def test_get_with_timeout_is_both_kinds_of_timeout():
    with MockClock():
        one = spawn(sleep, 1000)
        with pytest.raises(NotReady) as caught:
            one.get(timeout=1)
        assert isinstance(caught.value, Timeout)
        assert isinstance(caught.value, TimeoutError)
        with pytest.raises(Timeout):
            one.get(block=False)
        one.kill()


def test_links(reported):
    seen = []
    good, bad = spawn(lambda: 1), spawn(lambda: 1 / 0)
    good.link(lambda g: seen.append(("link", g is good)))
    good.link_value(lambda g: seen.append(("value", g.value)))
    good.link_exception(lambda g: seen.append("never"))
    bad.link_exception(lambda g: seen.append(("exception", type(g.exception))))
    unlinked = seen.append
    good.rawlink(unlinked)
    good.unlink(unlinked)
    joinall([good, bad])
    for _ in range(3):
        sleep(0)
    assert sorted(seen, key=str) == sorted([("link", True), ("value", 1), ("exception", ZeroDivisionError)], key=str)
    good.link(lambda g: seen.append("late"))
    sleep(0)
    sleep(0)
    assert "late" in seen


def test_context_is_copied_at_spawn():
    var = contextvars.ContextVar("var", default=0)
    var.set(1)

    def child():
        before = var.get()
        var.set(2)
        return before

    assert spawn(child).get() == 1
    assert var.get() == 1


def test_joinall_count_timeout_raise_error(reported):
    with MockClock():
        three = [spawn(sleep, n) for n in (1, 2, 3)]
        assert joinall(three, count=2) == three[:2]
        assert joinall(three, timeout=0) == three[:2]
        killall(three)

        def fail():
            sleep(1)
            raise KeyError

        slow = spawn(sleep, 1000)
        with pytest.raises(KeyError):
            joinall([spawn(fail), slow], raise_error=True)
        slow.kill()


def test_iwait_yields_in_order_of_ending():
    with MockClock():
        slow, fast = spawn(sleep, 2), spawn(sleep, 1)
        assert list(iwait([slow, fast])) == [fast, slow]
        never = spawn(sleep, 1000)
        assert wait([never, slow], timeout=1) == [slow]
        never.kill()


def test_an_ended_greenlet_is_freed():
    one = spawn(lambda: None)
    one.join()
    ref = weakref.ref(one)
    del one
    gc.collect()
    assert ref() is None


def test_names_and_str():
    one = spawn(sleep, 0)
    assert "sleep" in str(one)
    one.name = "worker-7"
    assert "worker-7" in repr(one)
    one.join()


def test_minimal_idents_are_the_least_free_numbers():
    first, second = spawn(sleep, 0), spawn(sleep, 0)
    assert (second.minimal_ident, first.minimal_ident, second.minimal_ident) == (0, 1, 0)
    joinall([first, second])
    del second
    gc.collect()
    assert Greenlet(print).minimal_ident == 0


def test_spawn_callbacks():
    """Each greenlet that is started is shown, by whomever and however it is started."""
    seen = []
    Greenlet.add_spawn_callback(seen.append)
    try:
        made = [spawn(int), spawn_later(0.001, int), Greenlet.spawn(int), Greenlet(int)]
        made[3].start()
        assert seen == made
    finally:
        Greenlet.remove_spawn_callback(seen.append)
    Greenlet.remove_spawn_callback(seen.append)
    made.append(spawn(int))
    assert len(seen) == 4
    joinall(made)


def test_the_stack_of_the_starter_is_kept_by_choice():
    assert spawn(int).spawning_stack is None
    Greenlet.add_spawn_callback(keep_spawning_stack)
    try:
        one = spawn(int)
    finally:
        Greenlet.remove_spawn_callback(keep_spawning_stack)
    assert one.spawning_stack[-1].name == "test_the_stack_of_the_starter_is_kept_by_choice"
    assert len(one.spawning_stack) == 10
    one.join()


def test_a_link_unlinks_another_that_is_about_to_be_called():
    one, log = spawn(int), []

    def first(source):
        log.append("first")
        source.unlink(second)

    def second(source):
        log.append("second")

    one.rawlink(first)
    one.rawlink(second)
    one.join()
    sleep(0)
    assert log == ["first"]


def test_a_throw_into_one_that_has_not_begun_lets_nobody_run():
    ran = []
    first, second = spawn(ran.append, 1), spawn(ran.append, 2)
    first.throw()
    second.throw(GreenletExit)
    assert (first.dead, second.dead, ran) == (True, True, [])


def test_the_locals_of_a_tree_go_through_bare_greenlets_that_have_them():
    found = []
    bare = spawn_raw(lambda: found.append(Greenlet().spawn_tree_locals))
    bare.spawn_tree_locals = {"one": 1}
    sleep(0)
    assert found[0] is bare.spawn_tree_locals
