"""Greenlets and coroutines in one thread: crossing both ways on asyncio's own loop."""

import asyncio
import contextvars
import gc
import os
import traceback
import weakref

import pytest

from celadon.hub import (
    BlockingInHubError,
    Event,
    Lock,
    Queue,
    TaskGroup,
    ThreadPool,
    Timeout,
    get_hub,
    sleep,
    spawn,
    spawn_later,
    to_thread,
    wait_pid,
)
from celadon.hub.aio import await_, join, joined, run_coroutine, run_green
from celadon.hub.loop.hub import Hub, hub_fds
from celadon.hub.loop.joined import RestingHub, joined_here
from celadon.hub.loop.pollers import PollPoller, default_poller

pytestmark = pytest.mark.skipif(
    default_poller().fileno() < 0, reason="a joined hub's poller must have an fd, which poll(2) and select(2) have not"
)
var = contextvars.ContextVar("var", default="none")


async def later(value, seconds=0.005):
    await asyncio.sleep(seconds)
    return value


# -- results ---------------------------------------------------------------------------------------------------


def test_a_function_in_a_greenlet_waits_and_gives_its_result(on_loop):
    def double(n, more=0):
        sleep(0.001)
        return 2 * n + more

    async def main():
        return await asyncio.gather(*(run_green(double, n, more=1) for n in range(20)))

    assert on_loop(main) == [2 * n + 1 for n in range(20)]


def test_a_greenlet_awaits_coroutines_tasks_futures_and_other_awaitables(on_loop):
    class Own:
        def __await__(self):
            return later("own").__await__()

    def all_kinds():
        loop = asyncio.get_running_loop()
        task, future, done = loop.create_task(later("task")), loop.create_future(), loop.create_future()
        loop.call_later(0.001, future.set_result, "future")
        done.set_result("done")
        return [await_(one) for one in (later("coroutine"), task, future, done, Own(), asyncio.gather(later(1)))]

    async def main():
        return await run_green(all_kinds)

    assert on_loop(main) == ["coroutine", "task", "future", "done", "own", [1]]


@pytest.mark.parametrize("joins_before", [True, False])
def test_any_greenlet_can_be_awaited(on_loop, joins_before):
    async def main():
        if joins_before:
            join()
        one = spawn(later_green, "one")
        other = spawn(lambda: await_(later("other")))
        found = await one, await other, await one
        return *found, await asyncio.wait_for(spawn(later_green, "three"), 5)

    def later_green(value):
        sleep(0.005)
        return value

    assert on_loop(main) == ("one", "other", "one", "three")


def test_a_coroutine_awaits_a_greenlet_of_another_thread(on_loop):
    def thread():
        one = spawn(lambda: (sleep(0.02), "theirs")[1])
        handed.append(one)
        ready.set()
        return one.get()

    handed, ready, pool = [], Event(), ThreadPool(1)

    async def main():
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(run_green(pool.apply, thread))
            await run_green(ready.wait)
            return await handed[0]

    assert on_loop(main) == "theirs"
    pool.close()
    pool.join()


def test_nesting(on_loop):
    def down(depth):
        return await_(up(depth - 1)) + 1 if depth else 0

    async def up(depth):
        return await run_green(down, depth)

    assert on_loop(lambda: up(20)) == 20


def test_primitives_cross(on_loop):
    """What does not wait may be called by tasks: they feed and wake greenlets."""
    queue, event, got = Queue(), Event(), []

    def take():
        event.wait()
        got.extend(iter(queue.get, None))

    async def main():
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(run_green(take))
            await asyncio.sleep(0.002)
            event.set()
            for item in (1, 2, None):
                await asyncio.sleep(0)
                queue.put_nowait(item)

    on_loop(main)
    assert got == [1, 2]


def test_debug_mode(on_loop):
    async def main():
        return await run_green(lambda: await_(later(1)) + to_thread(abs, -1))

    assert on_loop(main, debug=True) == 2


# -- errors ----------------------------------------------------------------------------------------------------


def test_exceptions_cross_with_whole_tracebacks(on_loop, reported):
    async def inner():
        await asyncio.sleep(0)
        raise KeyError("deep")

    def middle():
        await_(inner())

    async def outer():
        await run_green(middle)

    with pytest.raises(KeyError, match="deep") as caught:
        on_loop(outer)
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert [name for name in names if name in ("outer", "middle", "inner")] == ["outer", "middle", "inner"]
    assert reported == []  # it was raised where it was waited for


def test_a_traceback_does_not_grow(on_loop, reported):
    async def main():
        one = spawn(lambda: 1 / 0)
        lengths = []
        for _ in range(3):
            with pytest.raises(ZeroDivisionError) as caught:
                await one
            lengths.append(len(traceback.extract_tb(caught.value.__traceback__)))
        return lengths

    first, *others = on_loop(main)
    assert others == [first, first]
    assert len(reported) == 1  # nobody need wait for what `spawn` began


@pytest.mark.parametrize("error", [StopIteration(1), StopAsyncIteration(1), asyncio.InvalidStateError("x"), Timeout(1)])
def test_odd_exceptions(on_loop, error):
    def fail():
        raise error

    async def main():
        with pytest.raises((type(error), RuntimeError)) as caught:
            await run_green(fail)
        assert error in (caught.value, caught.value.__cause__)

    on_loop(main)


def test_no_frame_holds_what_failed(on_loop):
    class Big:
        pass

    seen = []

    def fail():
        big = Big()
        seen.append(weakref.ref(big))
        sleep(0)
        raise ValueError(1)

    async def main():
        with pytest.raises(ValueError, match="1"):
            await run_green(fail)

    gc.disable()
    try:
        on_loop(main)
        gc.collect(0)
        assert seen[0]() is None
    finally:
        gc.enable()


def test_a_wait_in_a_task_or_callback_is_an_error_that_names_it(on_loop):
    lock = Lock()
    waits = [lambda: sleep(1), lambda: sleep(0), Event().wait, Queue().get, lock.acquire, lambda: spawn(int).join()]
    waits += [lambda: to_thread(int), lambda: TaskGroup().__enter__()._wait_for_all(None, get_hub()) or sleep(1)]

    async def main():
        join()
        lock.acquire()
        for wait in waits:
            with pytest.raises(BlockingInHubError, match=r"the task .*main.* tried to wait.*run_green"):
                wait()
        loop, came = asyncio.get_running_loop(), loop_future()

        def a_callback_of_mine():
            try:
                sleep(1)
            except BaseException as error:
                came.set_result(error)

        loop.call_soon(a_callback_of_mine)
        error = await came
        assert isinstance(error, BlockingInHubError)
        assert "a_callback_of_mine" in str(error)
        assert "test_asyncio.py" in str(error)
        lock.release()
        await asyncio.sleep(0.005)

    on_loop(main)


def loop_future():
    return asyncio.get_running_loop().create_future()


def test_a_callee_of_a_task_cannot_wait_either(on_loop):
    """As SQLAlchemy's greenlet_spawn makes: it would have to suspend the task, which is in the middle of a step."""
    from greenlet import greenlet

    async def main():
        join()
        with pytest.raises(BlockingInHubError, match="main"):
            greenlet(lambda: sleep(1)).switch()

    on_loop(main)


def test_await_in_a_coroutine_without_a_loop_or_of_nothing(on_loop):
    async def main():
        join()
        for crossing in (await_, run_coroutine):
            with pytest.raises(BlockingInHubError, match=f"{crossing.__name__}.*write await"):
                crossing(later(1))
        with pytest.raises(TypeError, match=r"await_.*not 1"):
            await run_green(await_, 1)
        with pytest.raises(TypeError, match=r"run_coroutine.*not <Future"):
            await run_green(run_coroutine, loop_future())

    on_loop(main)
    with pytest.raises(RuntimeError, match="joined no running loop"):
        await_(later(1))
    with pytest.raises(RuntimeError, match="joined no running loop"):
        spawn(sleep).__await__()
    sleep(0)
    with pytest.raises(RuntimeError, match="no running event loop"):
        join()


def test_a_deadline_of_greenlets_in_a_task_is_reported(on_loop, reported):
    async def main():
        join()
        with Timeout(0.001):
            await asyncio.sleep(0.02)

    on_loop(main)
    assert len(reported) == 1
    assert "asyncio.timeout" in str(reported[0])


def test_a_poller_without_an_fd(on_loop, monkeypatch):
    monkeypatch.setattr(get_hub(), "poller", PollPoller())

    async def main():
        join()

    with pytest.raises(RuntimeError, match="cannot be watched"):
        on_loop(main)


# -- contexts and the current task ---------------------------------------------------------------------------------


def test_one_context_through_both_worlds(on_loop):
    async def coroutine():
        assert var.get() == "green"
        await asyncio.sleep(0)
        var.set("coroutine")

    def green():
        assert var.get() == "main"
        sleep(0)
        var.set("green")
        await_(coroutine())
        assert var.get() == "coroutine"
        run_coroutine(alone())
        assert var.get() == "coroutine"

    async def alone():
        var.set("in its own copy")

    async def main():
        var.set("main")
        await run_green(green)
        assert var.get() == "coroutine"
        await spawn(var.set, "spawned: a copy")
        return var.get()

    assert on_loop(main) == "coroutine"
    assert var.get() == "none"


def test_inside_of_a_context_run(on_loop):
    def green():
        return contextvars.copy_context().run(lambda: (var.set("inside"), await_(seen()))[1])

    async def seen():
        await asyncio.sleep(0)
        return var.get()

    async def main():
        return await run_green(green)

    assert on_loop(main) == "inside"


def test_the_running_loop_and_the_current_task(on_loop):
    async def own():
        return asyncio.current_task()

    def seen():
        sleep(0.001)
        return asyncio.get_running_loop(), asyncio.current_task()

    async def main():
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def green():
            assert seen() == (loop, task)
            assert spawn(seen).get() == (loop, None)  # it belongs to no task
            assert await_(own()) not in (None, task)
            with Timeout(0.001, False):
                sleep(1)
            assert seen() == (loop, task)

        others = [run_green(sleep, 0) for _ in range(5)]
        await asyncio.gather(run_green(sleep, 0.001), *others)
        await run_green(green)
        assert asyncio.current_task() is task
        killed = asyncio.create_task(run_green(sleep, 100))
        await asyncio.sleep(0.001)
        killed.cancel()
        await asyncio.wait([killed])
        assert asyncio.current_task() is task

    on_loop(main)


# -- the joined hub ------------------------------------------------------------------------------------------------


def test_a_hub_with_nothing_to_do_is_not_called(on_loop):
    async def main():
        join()
        parked = spawn(Event().wait)
        far = spawn(sleep, 100)
        await asyncio.sleep(0.01)
        before = joined_here().calls
        await asyncio.sleep(0.1)
        assert joined_here().calls == before
        for one in (parked, far):
            one.kill(block=False)
        await asyncio.sleep(0.001)

    on_loop(main)


def test_deadlines_that_move_away_cost_the_loop_no_timer_each(on_loop):
    async def main():
        join()
        loop, asked = asyncio.get_running_loop(), []
        real = loop.call_later
        loop.call_later = lambda *args, **kwargs: (asked.append(args), real(*args, **kwargs))[1]
        try:
            for _ in range(50):
                spawn_later(10, int).kill(block=False)
                await asyncio.sleep(0)
        finally:
            del loop.call_later
        return len(asked)

    assert on_loop(main) <= 3


def test_greenlets_that_are_always_ready_leave_the_loop_its_turns(on_loop):
    stop = Event()

    def spin():
        while not stop.is_set():
            sleep(0)

    async def main():
        spinning = asyncio.create_task(run_green(spin))
        for _ in range(20):
            await asyncio.sleep(0)
        stop.set()
        await spinning

    on_loop(main)


def test_one_loop_after_another_and_the_hub_alone_between(on_loop):
    async def main():
        return await run_green(lambda: (sleep(0.001), await_(later(1)))[1])

    for _ in range(3):
        assert on_loop(main) == 1
        sleep(0.001)
        assert spawn(lambda: (sleep(0), 2)[1]).get() == 2


def test_a_loop_that_is_stopped_and_goes_on():
    loop = asyncio.new_event_loop()
    try:
        for _ in range(2):
            assert loop.run_until_complete(run_green(lambda: (sleep(0.001), await_(later(1)))[1])) == 1
            spawned = spawn(lambda: (sleep(0.002), 2)[1])
            sleep(0.001)  # the hub alone
        join_again = asyncio.ensure_future(run_green(spawned.get), loop=loop)
        assert loop.run_until_complete(join_again) == 2
    finally:
        loop.close()


def test_greenlets_that_outlive_the_loop_go_on_with_the_hub(on_loop):
    event = Event()

    async def main():
        return spawn(lambda: (event.wait(), sleep(0.001), "went on")[2])

    one = on_loop(main)
    event.set()
    assert one.get(timeout=5) == "went on"


def test_joined_for_a_block(on_loop):
    async def main():
        with joined():
            with joined():
                assert isinstance(get_hub(), RestingHub)
            assert isinstance(get_hub(), RestingHub)
            assert await spawn(lambda: 1) == 1
        assert type(get_hub()) is Hub
        assert joined_here() is None

    on_loop(main)


def test_what_another_thread_brings(on_loop):
    async def main():
        hub, event = get_hub(), Event()
        join()
        waiting = asyncio.create_task(run_green(event.wait))
        await asyncio.sleep(0)
        await asyncio.get_running_loop().run_in_executor(None, event.set)
        assert await waiting
        done = asyncio.Event()
        await asyncio.to_thread(hub.call_soon_threadsafe, done.set)
        await done.wait()

    on_loop(main)


def test_a_killed_host(on_loop):
    """asyncio.run in a greenlet of an unpatched program stops the others, but not those that its loop runs."""

    async def main():
        return await run_green(lambda: (sleep(0.001), "inside")[1])

    assert spawn(on_loop, main).get() == "inside"


def test_descriptors_and_a_fork(on_loop):
    """The hub's poller is watched by a duplicate, which a forked child closes and a program that closes all spares."""

    def pollers():
        found = [os.readlink(f"/proc/self/fd/{fd}") for fd in hub_fds]
        return sum(one.endswith("[eventpoll]") for one in found)

    def fork():
        pid = os.fork()
        if not pid:
            os._exit(pollers())
        return os.waitstatus_to_exitcode(wait_pid(pid)[1])

    async def main():
        before = pollers()
        with joined():
            assert pollers() == before + 1
            assert await run_green(fork) == 1
        assert pollers() == before

    on_loop(main)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_what_ends_the_program_is_raised_once(error, on_loop, caplog, reported):
    def fail():
        sleep(0)
        raise error

    with pytest.raises(type(error)):
        asyncio.run(run_green(fail))
    error.__traceback__ = error.__context__ = None  # its frames hold the task
    gc.collect()
    assert caplog.text == ""  # asyncio logs a task's exception that nobody has seen
    assert reported == []
