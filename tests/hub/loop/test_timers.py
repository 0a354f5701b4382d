"""The heap of deadlines, without a hub."""

from random import Random

from celadon.hub.loop.timers import Timers


def test_equal_deadlines_come_in_order_of_start():
    timers, seen = Timers(), []
    for name in "abc":
        timers.add(5.0, seen.append, (name,))
    timers.add(1.0, seen.append, ("first",))
    for timer in timers.expire(5.0):
        timer.fire()
    assert seen == ["first", "a", "b", "c"]


def test_a_dead_head_is_not_the_next_deadline():
    timers = Timers()
    dead = timers.add(1.0, print)
    timers.add(9.0, print)
    dead.cancel()
    assert timers.next_deadline() == 9.0
    assert len(timers) == 1


def test_cancel_twice_counts_once():
    timers = Timers()
    timer = timers.add(1.0, print)
    timer.cancel()
    timer.cancel()
    assert len(timers) == 0
    assert timers.next_deadline() is None


def test_cancelled_between_coming_due_and_firing():
    timers, seen = Timers(), []
    timers.add(1.0, seen.append, (1,))
    [timer] = timers.expire(2.0)
    timer.cancel()
    timer.fire()
    assert seen == []


def test_memory_stays_flat_when_all_are_cancelled():
    timers = Timers()
    for _ in range(10_000):
        timers.add(1.0, print).cancel()
    assert len(timers.heap) < 1_000
    assert len(timers) == 0


def test_what_a_callback_sets_for_now_waits_for_the_next_turn():
    timers, seen = Timers(), []

    def again():
        seen.append(1)
        timers.add(1.0, again)

    timers.add(1.0, again)
    for timer in timers.expire(1.0):
        timer.fire()
    assert seen == [1]


def test_very_many_at_once_come_in_order_and_each_once():
    timers, fired = Timers(), []
    random = Random(7)
    made = [timers.add(when, fired.append, ((when, n),)) for n, when in enumerate(random.choices(range(40), k=3000))]
    for one in random.sample(made, 700):
        one.cancel()
    wanted = sorted((one.when, one.args[0][1]) for one in made if one.active)
    for now in (2, 25, 25, 39):
        for one in list(timers.expire(now)):
            one.fire()
        timers.due.clear()
        assert fired == [pair for pair in wanted if pair[0] <= now]
        assert len(timers) == len(wanted) - len(fired)
    assert timers.heap == []
    assert timers.dead == 0


def test_loose_deadlines_are_counted_until_they_are_over():
    timers, seen = Timers(), []
    cancelled = timers.add_loose(1.0, seen.append, (1,))
    timers.add_loose(2.0, seen.append, (2,))
    timers.add(3.0, seen.append, (3,))
    assert (len(timers), timers.loose) == (3, 2)
    cancelled.cancel()
    cancelled.cancel()
    assert (len(timers), timers.loose) == (2, 1)
    for timer in timers.expire(2.0):
        timer.fire()
    assert (seen, len(timers), timers.loose) == ([2], 1, 0)
    timers.add_loose(9.0, print)
    timers.clear()
    assert timers.loose == 0
