"""Small programs and what they give under gevent 26.9: the same is expected of us, under the same names.

Where gevent is installed, ``python gevent_programs.py`` compares each with the real one. Where ours gives something
else on purpose, ``gevent=`` says what gevent gives, and the migration page says why.
"""

from types import SimpleNamespace

PROGRAMS = []
_SAME = object()


def gives(expected, gevent=_SAME):
    def note(program):
        PROGRAMS.append((program, expected, expected if gevent is _SAME else gevent))
        return program

    return note


def raised(function, *args, **kwargs):
    """The name of the exception's class and its text, or what is returned."""
    try:
        return function(*args, **kwargs)
    except BaseException as error:
        return type(error).__name__


class Counter:
    def __init__(self):
        self.count = 0

    def more(self, _):
        self.count += 1


def stubborn(g):
    def run():
        try:
            g.sleep(5)
        except g.GreenletExit:
            g.sleep(0.02)

    one = g.spawn(run)
    g.sleep(0)
    return one


# -- links ------------------------------------------------------------------------------------------------------


@gives((0, False))
def unlink_by_equality(g):
    counter, one = Counter(), g.spawn(lambda: 1)
    one.link(counter.more)
    one.unlink(counter.more)
    linked = one.has_links()
    one.join()
    g.sleep(0)
    return counter.count, linked


@gives(2)
def unlink_takes_one_of_several(g):
    counter, one = Counter(), g.spawn(lambda: 1)
    one.link(counter.more)
    one.link_value(counter.more)
    one.rawlink(counter.more)
    one.unlink(counter.more)
    one.join()
    g.sleep(0)
    return counter.count


@gives([0, 0])
def unlink_of_events_and_results(g):
    counts = []
    for made in (g.Event(), g.AsyncResult()):
        counter = Counter()
        made.rawlink(counter.more)
        made.unlink(counter.more)
        made.set()
        g.sleep(0)
        counts.append(counter.count)
    return counts


@gives(["link", "raw", "value", "joined"])
def links_in_order_and_before_who_joins_later(g):
    order, one = [], g.spawn(lambda: 1)
    one.link(lambda _: order.append("link"))
    one.rawlink(lambda _: order.append("raw"))
    one.link_value(lambda _: order.append("value"))
    one.link_exception(lambda _: order.append("exception"))
    one.join()
    order.append("joined")
    return order


@gives(["link", "joined"], gevent=["joined", "link"])
def links_before_who_joined_earlier(g):
    order, one = [], g.spawn(g.sleep, 0.001)

    def join():
        one.join()
        order.append("joined")

    joining = g.spawn(join)
    g.sleep(0)
    one.link(lambda _: order.append("link"))
    joining.join()
    g.sleep(0)
    return order


@gives(([], ["link", "raw"]))
def linked_after_the_end(g):
    order, one = [], g.spawn(lambda: 1)
    one.join()
    one.link(lambda _: order.append("link"))
    one.rawlink(lambda _: order.append("raw"))
    at_once = list(order)
    g.sleep(0)
    g.sleep(0)
    return at_once, order


@gives(["got", "link"])
def a_link_may_wait(g):
    order, one = [], g.spawn(lambda: 1)

    def link(_):
        g.sleep(0.002)
        order.append("link")

    one.link(link)
    one.get()
    order.append("got")
    g.sleep(0.01)
    return order


@gives(["TypeError"] * 8)
def what_cannot_be_called_is_refused(g):
    one = g.Greenlet(g.sleep, 0)
    return [
        raised(g.spawn_raw, None),
        raised(g.signal_handler, 10, None),
        raised(one.rawlink, None),
        raised(one.link, None),
        raised(one.link_value, 1),
        raised(one.link_exception, "x"),
        raised(g.Event().rawlink, None),
        raised(g.AsyncResult().rawlink, None),
    ]


# -- greenlets --------------------------------------------------------------------------------------------------


@gives([(False, None), (True, None), (False, None)])
def started_and_exc_info(g):
    one = g.Greenlet(lambda: 1)
    seen = [(one.started, one.exc_info)]
    one.start()
    seen.append((one.started, one.exc_info))
    one.join()
    return [*seen, (one.started, one.exc_info)]


@gives((False, True, None))
def started_after_a_kill_before_the_start(g):
    one = g.spawn(lambda: 1)
    one.kill()
    return one.started, one.dead, one.exc_info


@gives(((), (), "KeyError"))
def exc_info_of_results(g):
    one, two = g.AsyncResult(), g.AsyncResult()
    before = one.exc_info
    one.set(1)
    two.set_exception(KeyError())
    return before, one.exc_info, two.exc_info[0].__name__


@gives([{"function": 1, "args": 3}] * 3)
def keywords_are_the_functions_own(g):
    def run(**given):
        return given

    return [
        g.spawn(run, function=1, args=3).get(),
        g.spawn_later(0.001, run, function=1, args=3).get(),
        g.Group().spawn(run, function=1, args=3).get(),
    ]


@gives([1], gevent=[])
def spawn_later_0_runs_within_sleep_0(g):
    seen = []
    g.spawn_later(0, seen.append, 1)
    g.sleep(0)
    return seen


@gives(["Timeout", None, None, []])
def kills_that_take_too_long(g):
    one, two, three = stubborn(g), stubborn(g), stubborn(g)
    seen = [
        raised(g.killall, [one], timeout=0.001),
        raised(two.kill, timeout=0.001),
        raised(g.Group([three]).kill, timeout=0.001),
    ]
    for each in (one, two, three):
        each.join()
    return [*seen, g.killall([]) or []]


@gives((True, True, []), gevent=(True, True, [1]))
def killall_takes_bare_greenlets(g):
    seen = []
    waiting = g.spawn_raw(g.sleep, 5)
    g.sleep(0)
    unborn = g.spawn_raw(seen.append, 1)
    g.killall([waiting, unborn, g.spawn(g.sleep, 5)])
    g.sleep(0)
    return waiting.dead, unborn.dead, seen


@gives(True)
def iwait_as_a_block(g):
    crew = [g.spawn(g.sleep, n / 500) for n in range(3)]
    with g.iwait(crew) as ready:
        return next(ready) is crew[0] and not any(one.has_links() for one in crew[:1])


# -- deadlines --------------------------------------------------------------------------------------------------


def _late(g, *args):
    return g.Timeout(0.001, *args)


@gives(["Timeout"] * 7)
def what_raises_raises_the_callers_timeout(g):
    full = g.JoinableQueue(1, [1])
    waiting = g.spawn(g.sleep, 1)
    seen = [
        raised(waiting.get, timeout=_late(g)),
        raised(g.JoinableQueue().get, timeout=_late(g)),
        raised(g.JoinableQueue().peek, timeout=_late(g)),
        raised(full.put, 2, timeout=_late(g)),
        raised(g.Channel().get, timeout=_late(g)),
        raised(g.Channel().put, 1, timeout=_late(g)),
        raised(g.AsyncResult().get, timeout=_late(g)),
    ]
    waiting.kill()
    return seen


@gives(["KeyError", "KeyError", "Timeout"])
def the_callers_timeout_raises_what_it_is_to(g):
    return [
        raised(g.JoinableQueue().get, timeout=_late(g, KeyError)),
        raised(g.AsyncResult().get, timeout=_late(g, KeyError)),
        raised(g.JoinableQueue().get, timeout=_late(g, False)),
    ]


@gives([None, None, False, None, False, 0, False, False])
def what_returns_returns_at_the_callers_timeout(g):
    waiting = g.spawn(g.sleep, 1)
    busy = g.Pool(1)
    busy.add(waiting)
    seen = [
        waiting.join(timeout=_late(g)),
        waiting.join(timeout=_late(g, False)),
        g.Event().wait(timeout=_late(g)),
        g.AsyncResult().wait(timeout=_late(g)),
        g.Semaphore(0).acquire(timeout=_late(g)),
        g.Semaphore(0).wait(timeout=_late(g)),
        busy.join(timeout=_late(g)),
        g.JoinableQueue(unfinished_tasks=1).join(timeout=_late(g)),
    ]
    waiting.kill()
    return seen


@gives((False, True))
def the_callers_timeout_is_over_afterwards(g):
    late, one = g.Timeout(0.5), g.spawn(g.sleep, 0.001)
    late.start()
    pending = late.pending
    one.get(timeout=late)
    return late.pending, pending


@gives(("1 second: hello", "2.5 seconds", "1 second (silent)", ""))
def texts_of_timeouts(g):
    return (
        str(g.Timeout(1, "hello", ref=False, priority=3)),
        str(g.Timeout(2.5)),
        str(g.Timeout(1, False)),
        str(g.Timeout(None)),
    )


# -- groups and pools -------------------------------------------------------------------------------------------


@gives((False, False, True))
def an_empty_group_is_false(g):
    group = g.Group()
    group.spawn(g.sleep, 0)
    full = bool(group)
    group.join()
    return bool(g.Group()), bool(g.Pool(1)) or bool(group), full


@gives([[1], [1], [1], [[1, 2]], [[3]]])
def callbacks_have_run(g):
    out = []
    for wait in ("get", "join", "pool"):
        seen = []
        pool = g.Pool(2)
        call = pool.apply_async(lambda: 1, callback=seen.append)
        pool.join() if wait == "pool" else getattr(call, wait)()
        out.append(seen)
    seen = []
    g.Pool(2).map_async(lambda x: x, [1, 2], callback=seen.append).get()
    out.append(seen)
    seen = []
    g.Group().map_cb(lambda x: x, [3], callback=seen.append)
    return [*out, seen]


@gives([1], gevent=[])
def callbacks_have_run_after_sleep_0(g):
    seen = []
    g.Group().apply_async(lambda: 1, callback=seen.append)
    g.sleep(0)
    return seen


@gives((0, [], 1, [1]))
def apply_async_does_not_wait_for_a_place(g):
    pool, seen, slow = g.Pool(1), [], []
    pool.spawn(lambda: (g.sleep(0.005), slow.append(1)))
    call = pool.apply_async(lambda: 1, callback=seen.append)
    return len(slow), list(seen), call.get(), seen


@gives((3, 8, 5))
def apply_and_its_keywords(g):
    pool = g.Pool(1)
    return pool.apply(len, ("abc",)), pool.apply(func=pow, args=[2, 3], kwds=None), pool.apply(int, None, {}) or 5


@gives([2, 2, 0, True])
def whole_floats_are_counts(g):
    return [g.Semaphore(2.0).counter, g.Pool(2.0).free_count(), g.Pool(0).free_count(), g.Pool(0.0).full()]


@gives(["ValueError", "TypeError", "ValueError", "ValueError"])
def what_is_no_count(g):
    return [
        raised(g.Semaphore, -1),
        raised(g.Semaphore, "a"),
        raised(g.Pool, -1),
        raised(g.BoundedSemaphore(10**7).release),
    ]


@gives((1, True, False, None))
def a_dummy_semaphore(g):
    one = g.DummySemaphore()
    return one.wait(), one.ready(), one.locked(), one.release()


# -- queues -----------------------------------------------------------------------------------------------------


@gives([(2, False, True, "ValueError")] * 3)
def kinds_of_queues_know_what_is_unfinished(g):
    seen = []
    for kind in (g.JoinableQueue, g.PriorityQueue, g.LifoQueue):
        one = kind(items=[1])
        one.put(2)
        unfinished = one.unfinished_tasks
        joined = one.join(0.001)
        for _ in range(2):
            one.get()
            one.task_done()
        one.join()
        seen.append((unfinished, bool(joined), one.empty(), raised(one.task_done)))
    return seen


@gives((True, "Full", 1, None))
def a_simple_queue_may_have_a_bound(g):
    one = g.SimpleQueue(1)
    one.put(1)
    return one.full(), raised(one.put, 2, False), one.maxsize, g.SimpleQueue().maxsize


@gives([1, 2])
def simple_queues_with_items(g):
    one = g.SimpleQueue(None, [1, 2])
    return [one.get(), one.get()]


def names(module=None):
    """The names of gevent, by its own modules or from one of ours."""
    if module is not None:
        return SimpleNamespace(**{name: getattr(module, name) for name in module.__all__})
    import gevent.event
    import gevent.lock
    import gevent.pool
    import gevent.queue

    found = {}
    for one in (gevent.queue, gevent.pool, gevent.lock, gevent.event, gevent):
        found.update(vars(one))
    return SimpleNamespace(**found)


if __name__ == "__main__":
    real = names()
    for program, _, expected in PROGRAMS:
        given = raised(program, real)
        print("same" if given == expected else f"{given!r}, not {expected!r}", program.__name__)
