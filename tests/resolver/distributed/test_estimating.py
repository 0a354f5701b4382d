"""The estimate beside a simulation: the real book of pieces and the real leases, with workers and a clock made up."""

import random
import re
from pathlib import Path

import pytest

from celadon.resolver.cli.bulk.pieces import Pieces
from celadon.resolver.distributed import estimate
from celadon.resolver.distributed.leases import Beat, Lease, Ledger

STEP = 2.0  # seconds
PAGE = Path(__file__).parents[3] / "docs" / "cluster.md"


class Worker:
    """A worker process: takes a shard, asks as fast as its lease says, commits, is idle, dies."""

    def __init__(self, name, book, lines, names_per_s, shard_s):
        self.name, self.book, self.lines, self.speed, self.shard_s = name, book, lines, names_per_s, shard_s
        self.lease = Lease(name, "run")
        self.shard = None
        self.left = self.pause = 0.0
        self.beats = self.done = 0

    def go_on(self, seconds, now, rate):
        """``seconds`` of its life; returns how many questions it asked."""
        asked = 0.0
        while seconds > 1e-9:
            if self.shard is None:
                self.shard = self.book.claim(self.name)
                if self.shard is None:
                    break
                self.left, self.pause = self.lines[self.shard], self.shard_s
            waited = min(seconds, self.pause)
            self.pause -= waited
            seconds -= waited
            speed = min(self.speed, rate * self.lease.part(now)) if rate else self.speed
            if not speed:
                break
            count = min(self.left, speed * seconds)
            asked += count
            self.left -= count
            seconds -= count / speed
            if self.left < 1e-6 and not self.pause:
                self.done += self.book.commit(self.shard)
                self.shard = None
        return asked

    def beat(self):
        self.beats += 1
        return Beat(self.beats, self.lease.seen, self.shard is None)


def simulate(names, workers, rate, names_per_s, lines, shard_s, deaths=0.0, seed=1):
    """Seconds, shards done, questions asked, the most of them in ten seconds. ``deaths`` in an hour, of each worker."""
    chance = random.Random(seed)
    sizes = [min(lines, names - at) for at in range(0, names, lines)]
    book, ledger, now = Pieces("shard", range(len(sizes))), Ledger("run"), 0.0
    crew = [Worker(f"w{n}", book, sizes, names_per_s, shard_s) for n in range(workers)]
    born, done, asked, steps = workers, 0, 0.0, []
    while book.open:
        said = ledger.tick({one.name: one.beat() for one in crew}, now)
        now += STEP
        step = 0.0
        for at, one in enumerate(crew):
            one.lease.read(said, now)
            step += one.go_on(STEP, now, rate)
            if deaths and chance.random() < deaths * STEP / 3600:
                if one.shard is not None:
                    book.lost(one.shard)
                done += one.done
                crew[at] = Worker(f"w{born}", book, sizes, names_per_s, shard_s)
                born += 1
        asked += step
        steps.append(step)
    window = round(10 / STEP)
    most = max(sum(steps[at : at + window]) for at in range(len(steps)))
    return now, done + sum(one.done for one in crew), asked, most


@pytest.mark.parametrize(
    ("names", "workers", "rate", "names_per_s", "lines"),
    [
        (10**9, 16, 500_000, 40_000, 100_000),
        (10**8, 8, 0, 10_000, 100_000),
        (10**7, 4, 20_000, 8_000, 50_000),
        (10**7, 40, 30_000, 10_000, 20_000),  # the rate is what holds them back
        (10**6, 3, 0, 5_000, 100_000),  # ten shards for three
        (10**7, 2, 1_000_000, 10_000, 100_000),  # the workers are
    ],
)
def test_the_estimate_is_what_the_simulated_run_takes(names, workers, rate, names_per_s, lines):
    on_paper = estimate(names, workers=workers, rate=rate, names_per_s=names_per_s, lines=lines)
    seconds, done, asked, _ = simulate(names, workers, rate, names_per_s, lines, 0.05)
    assert done == on_paper.shards
    assert asked == pytest.approx(names)
    assert on_paper.hours * 3600 == pytest.approx(seconds, rel=0.05)


def test_deaths_cost_their_shards_and_never_the_rate():
    names, rate = 10**8, 50_000
    seconds, done, asked, most = simulate(names, 10, rate, 10_000, 100_000, 0.05, deaths=4.0)
    assert done == 1000
    assert names < asked < 1.05 * names, "some shards were asked twice"
    assert most <= rate * 10 * 1.0001
    assert seconds < 1.1 * estimate(names, workers=10, rate=rate).hours * 3600


def test_the_workers_that_a_rate_needs():
    assert estimate(10**9, rate=50_000).workers == 5
    assert estimate(10**9, rate=50_001).workers == 6
    assert estimate(10**9).workers == 1


@pytest.mark.parametrize("words", [{"names": 0}, {"workers": -1}, {"lines": 0}, {"names_per_s": 0}, {"rate": -1}])
def test_what_cannot_be(words):
    with pytest.raises(ValueError, match="at least 1"):
        estimate(**{"names": 10, **words})


def test_the_table_of_the_page_is_what_the_function_says():
    rows = re.findall(
        r"^\| 10\^(\d+) \| (\d+) \| (\S+) \| ([\d,]+) \| ([\d.]+) h \| (\d+) GB \|$", PAGE.read_text(), re.MULTILINE
    )
    assert len(rows) >= 4
    for power, workers, rate, shards, hours, disk in rows:
        asked = estimate(
            10 ** int(power), workers=int(workers), rate=0 if rate == "none" else float(rate.replace(",", ""))
        )
        shown = (f"{asked.shards:,}", f"{asked.hours:.1f}", f"{asked.disk / 1e9:.0f}")
        assert (shards, hours, disk) == shown, (power, shown)
