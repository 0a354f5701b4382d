"""A seeded random order of what is ready."""

import os
import subprocess
import sys

import pytest

from celadon.hub import Event, Queue, get_hub, joinall, sleep, spawn
from celadon.hub.loop.shuffle import Shuffle
from celadon.hub.lowlevel import spawn_ahead
from celadon.hub.testing import shuffled, wait_all_parked


def order(seed, rounds=1):
    seen, bells = [], [Event() for _ in range(rounds)]

    def turn(name):
        for bell in bells:
            bell.wait()
            seen.append(name)

    with shuffled(seed):
        waiters = [spawn(turn, name) for name in range(8)]
        for bell in bells:
            wait_all_parked()
            bell.set()
        joinall(waiters)
    return seen


def test_the_seed_makes_the_order():
    orders = {seed: tuple(order(seed)) for seed in ("a", "b", "c", None)}
    assert orders[None] == tuple(range(8))
    assert len(set(orders.values())) == 4
    for seed, seen in orders.items():
        assert sorted(seen) == list(range(8))
        assert tuple(order(seed)) == seen


def test_each_turn_has_another_order_and_nobody_runs_twice_in_one():
    seen = order("fair", rounds=5)
    rounds = [tuple(seen[n : n + 8]) for n in range(0, 40, 8)]
    assert [sorted(one) for one in rounds] == [list(range(8))] * 5
    assert len(set(rounds)) == 5


@pytest.mark.parametrize("seed", range(5))
def test_a_sleep_of_nothing_ends_when_all_that_was_ready_has_run(seed):
    ran = []

    def sleeper(name):
        before = len(get_hub().ready)
        spawn(ran.append, name)
        sleep(0)
        assert name in ran
        assert len(ran) >= before

    with shuffled(seed):
        for name in range(8):
            spawn(ran.append, "other")
            spawn(sleeper, name)
        wait_all_parked()
        get_hub().call_soon(ran.append, "callback")
        sleep(0)
        assert ran[-1] == "callback"
    assert len(ran) == 17


def test_callbacks_keep_their_order():
    seen = []
    with shuffled("callbacks"):
        hub = get_hub()
        for n in range(20):
            hub.call_soon(seen.append, n)
            spawn(seen.append, "greenlet")
        wait_all_parked()
    assert [one for one in seen if one != "greenlet"] == list(range(20))
    assert seen.count("greenlet") == 20


@pytest.mark.parametrize("seed", range(5))
def test_who_is_spawned_ahead_runs_before_what_is_ready_after_it(seed):
    seen, hub = [], get_hub()
    with shuffled(seed):
        for n in range(4):
            spawn(seen.append, "before")
            spawn_ahead(seen.append, n)
            spawn(seen.append, n + 1)
            hub.call_soon(seen.append, n + 1)
        wait_all_parked()
    rest = [one for one in seen if one != "before"]
    assert sorted(rest) == [0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4]
    assert all(n not in seen[: seen.index(n - 1)] for n in range(1, 5))


def test_the_longest_waiting_is_still_given_the_item_first():
    queue, got = Queue(), {}

    def take(place):
        got[place] = queue.get()

    with shuffled("hand-over"):
        takers = []
        for place in range(6):
            takers.append(spawn(take, place))
            wait_all_parked()
        for item in range(6):
            queue.put(item)
        joinall(takers)
    assert got == {n: n for n in range(6)}


def test_a_signal_handler_that_raises_amid_the_shuffle_loses_nothing():
    class Interrupted(Exception):
        pass

    class Order(list):
        left = 12

        def __getitem__(self, place):  # a call of Python code: where a signal handler may run
            self.left -= 1
            if not self.left:
                raise Interrupted
            return super().__getitem__(place)

    class Interruptible(Shuffle):
        def _order(self, entries):
            return Order(super()._order(entries))

    who = [spawn(sleep) for _ in range(9)]
    ready = get_hub().ready
    before = list(ready)
    with pytest.raises(Interrupted):
        Interruptible("x")(ready)
    assert list(ready) != before
    assert sorted(map(id, ready)) == sorted(map(id, before))
    joinall(who)


def test_the_environment_asks_for_it():
    code = "from celadon.hub import get_hub; print(get_hub().shuffle)"
    for seed, said in (("7", "<Shuffle by seed '7'>"), ("", "None")):
        env = {**os.environ, "CELADON_SHUFFLE": seed}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == said
