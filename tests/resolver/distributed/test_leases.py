"""The rate of all workers together, with clocks handed in: never over the limit, whatever comes late or dies."""

import random

import pytest

from celadon.resolver.distributed.leases import (
    LAPSE,
    Beat,
    Lease,
    Ledger,
    Published,
    at_work,
    beat_of,
    beat_text,
    published_of,
    published_text,
)


class Worker:
    """A holder in a simulation: its own clock is off by any amount; it may hang, die, and not hear or not be heard."""

    def __init__(self, name, clock):
        self.name = name
        self.lease = Lease(name, "run")
        self.clock = clock
        self.count = 0
        self.idle = self.dead = self.deaf = self.mute = False
        self.beat = None

    def look(self, now, said):
        if self.dead:
            return
        self.count += 1
        if self.idle:
            self.lease = Lease(self.name, "run")  # its next shard begins with nothing
        if not self.mute:
            self.beat = Beat(self.count, self.lease.seen, self.idle)
        if not self.deaf and not self.idle:
            self.lease.read(said, now + self.clock)

    def part(self, now):
        # Who cannot be heard has none: ``Holder.part``.
        return 0.0 if self.dead or self.idle or self.mute else self.lease.part(now + self.clock)


class World:
    def __init__(self, seed):
        self.draw = random.Random(seed)
        self.ledger = Ledger("run")
        self.workers = {}
        self.now = 0.0
        self.said = None
        self.most = 0.0

    def add(self):
        name = f"w{len(self.workers)}"
        self.workers[name] = Worker(name, self.draw.uniform(-1e6, 1e6))
        return self.workers[name]

    def total(self):
        return sum(one.part(self.now) for one in self.workers.values())

    def run(self, seconds, step=0.25):
        end = self.now + seconds
        while self.now < end:
            self.now += step
            beats = {name: one.beat for name, one in self.workers.items() if one.beat is not None}
            self.said = self.ledger.tick(beats, self.now)
            assert self.ledger.total <= 1 + 1e-9
            for worker in self.draw.sample([*self.workers.values()], len(self.workers)):
                worker.look(self.now, self.said)
                self.most = max(self.most, self.total())


def test_one_worker_gets_all_and_two_get_half():
    world = World(1)
    world.add()
    world.run(2)
    assert world.total() == 1
    world.add()
    world.run(3)
    assert [one.part(world.now) for one in world.workers.values()] == [0.5, 0.5]
    assert world.most <= 1 + 1e-9


def test_a_part_is_not_given_before_it_is_given_back():
    world = World(2)
    first = world.add()
    world.run(2)
    first.deaf = True  # it goes on asking, and hears nothing of a second one
    second = world.add()
    world.run(LAPSE - 1)
    assert first.part(world.now) == 1
    assert second.part(world.now) == 0
    world.run(15)
    assert first.part(world.now) == 0
    assert second.part(world.now) == 0.5


def test_a_dead_worker_costs_its_part_for_a_while():
    world = World(3)
    first, second = world.add(), world.add()
    world.run(3)
    first.dead = True
    world.run(20)
    assert second.part(world.now) == 0.5
    world.run(30)
    assert second.part(world.now) == 1
    world.run(200)
    assert world.said.parts == {"w1": 1.0}, "what a dead worker has said last is news again"
    assert second.part(world.now) == 1


def test_an_idle_worker_gives_its_part_at_once():
    world = World(4)
    first, second = world.add(), world.add()
    world.run(3)
    first.idle = True
    world.run(4)
    assert second.part(world.now) == 1
    first.idle = False
    world.run(2)
    assert first.part(world.now) == second.part(world.now) == 0.5
    assert world.most <= 1 + 1e-9


def test_a_worker_between_two_shards_keeps_its_part():
    world = World(5)
    first, _ = world.add(), world.add()
    world.run(3)
    first.idle = True
    world.run(1)
    first.idle = False
    world.run(0.5)
    assert first.part(world.now) == 0.5


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_the_sum_is_not_over_the_limit(seed):
    world = World(seed)
    draw = world.draw
    for _ in range(60):
        if not world.workers or draw.random() < 0.2:
            world.add()
        worker = draw.choice([*world.workers.values()])
        what = draw.choice(["idle", "dead", "deaf", "mute", "none", "none"])
        if what == "dead":
            worker.dead = draw.random() < 0.3
        elif what != "none":
            setattr(worker, what, not getattr(worker, what))
        world.run(draw.choice([0.25, 1, 3, 10, 40]))
    assert world.most <= 1 + 1e-9


def test_after_all_troubles_everybody_has_the_same():
    world = World(7)
    for _ in range(5):
        world.add()
        world.run(1)
    for one in world.workers.values():
        one.deaf = True
    world.run(50)
    assert world.total() == 0, "a lease that nobody renewed is worth nothing"
    for one in world.workers.values():
        one.deaf = False
    world.run(60)
    assert [round(one.part(world.now), 6) for one in world.workers.values()] == [0.2] * 5


def test_another_run_or_the_end_is_seen():
    lease = Lease("w", "run")
    assert lease.read(Published("run", 1, False, {"w": 0.5}), 0)
    assert lease.read(None, 1)
    assert not lease.read(Published("other", 9, False, {}), 2)
    assert not lease.read(Published("run", 2, True, {}), 2)


def test_an_old_publication_renews_nothing():
    lease = Lease("w", "run")
    said = Published("run", 1, False, {"w": 0.5})
    lease.read(said, 0)
    lease.read(said, LAPSE - 1)
    assert lease.part(LAPSE + 1) == 0


def test_texts_come_back_and_others_are_nothing():
    said, beat = Published("r", 3, False, {"w": 0.25}), Beat(1, 2, True, 3, 4)
    assert published_of(published_text(said)) == said
    assert beat_of(beat_text(beat)) == beat
    for text in ("", "[]", "{}", "[1]", "null", '{"parts": 1}', '[1,2,3,"x",5]'):
        assert published_of(text) is None
        assert beat_of(text) is None


def test_progress_counts_each_open_shard_once():
    beats = [Beat(1, 1, False, 0, 10), Beat(1, 1, False, 0, 12), Beat(1, 1, True, 1, 9), Beat(1, 1, False, 2, 5)]
    assert at_work(beats, [0, 1]) == 12
