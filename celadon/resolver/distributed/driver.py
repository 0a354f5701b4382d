"""The coordinator of a run: which shards are out, what comes back, what is tried again. It knows no engine.

A ``Pool`` runs shards somewhere: as processes here, on a Dask cluster, on a Ray cluster. Whatever it says, a shard is
done when its note is in the directory of parts, so a pool may lose shards, or run them twice.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Protocol

from ..cli.bulk.pieces import Pieces, WorkerLost
from ..cli.bulk.stop import Stop
from ..cli.bulk.tally import Tally
from ..cli.exits import FileError, UsageError
from ..errors import ResolverConfigError, ResolverUnavailable
from ..frozen import frozen
from .layout import Note, Plan, Spec, note_name
from .leases import at_work
from .merging import bent_parts
from .parts import Parts
from .pulse import Coordinator

_TICK = 0.5  # seconds
_PATIENCE = 300.0  # seconds without any worker, or without a word of one
#: No other attempt would mend these.
_HOPELESS = (FileError, UsageError, ResolverConfigError, ResolverUnavailable)


class Lost(Exception):
    """A shard's result will not come: the pool lost it, which says nothing about the shard."""


class Pool(Protocol):
    """Where shards run."""

    def slots(self) -> int:
        """How many shards can run at once now; 0: no worker is there."""

    def submit(self, spec: Spec) -> None:
        """Have a shard run, soon; at once or twice is right too."""

    def finished(self, wait: float) -> Iterable[tuple[int, dict[str, Any] | BaseException]]:
        """What has come back: shard number and note or error. Waits up to ``wait`` seconds for the first."""

    def close(self) -> None:
        """End what runs, or leave it to end."""


@frozen
class Outcome:
    """What a run did. ``notes`` of all finished shards; those in ``kept`` were done before; ``again`` were tried again.

    ``finished``: all shards are done; otherwise the run was stopped.
    """

    notes: dict[int, Note]
    kept: frozenset[int]
    again: int
    finished: bool

    @property
    def records(self) -> int:
        """In all finished shards."""
        return sum(one.records for one in self.notes.values())

    @property
    def before(self) -> int:
        """Questions that were done before this run."""
        return sum(self.notes[number].questions for number in self.kept)

    def tally(self) -> Tally:
        """The counts of this run."""
        made = Tally()
        for number, note in self.notes.items():
            if number not in self.kept:
                made.merge(note.tally)
        return made

    def workers(self) -> dict[str, dict[str, Any]]:
        """What each worker did in this run, by host and process: parts, records, statuses, its engine's counts."""
        tallies: dict[str, Tally] = {}
        parts: Counter[str] = Counter()
        seconds: dict[str, float] = {}
        for number, note in self.notes.items():
            if number in self.kept:
                continue
            tallies.setdefault(note.worker, Tally()).merge(note.tally)
            parts[note.worker] += 1
            seconds[note.worker] = seconds.get(note.worker, 0.0) + note.seconds
        return {
            name: {
                "parts": parts[name],
                "records": one.records,
                "statuses": dict(sorted(one.statuses.items())),
                "unanswered": one.unanswered,
                "tries": one.tries,
                "busy_s": round(seconds[name], 3),
                **one.engine,
            }
            for name, one in sorted(tallies.items())
        }


def drive(
    pool: Pool,
    plan: Plan,
    *,
    stop: Stop | None = None,
    tell: Callable[[Tally, int, int], object] = lambda *_: None,
    patience: float = _PATIENCE,
) -> Outcome:
    """Have every shard of the plan done that is not; returns what was done.

    ``tell`` is called every half second with the counts so far, the bytes that are done, and how many shards are out.
    FileError, UsageError, ResolverConfigError when no attempt can succeed; WorkerLost when a shard failed four times,
    or no worker was there, or none that is there did anything, for ``patience`` seconds.
    """
    return _Drive(pool, plan, stop or Stop(), tell, patience).run()


class _Drive:
    def __init__(
        self, pool: Pool, plan: Plan, stop: Stop, tell: Callable[[Tally, int, int], object], patience: float
    ) -> None:
        self._pool = pool
        self._plan = plan
        self._parts = Parts(plan.directory, plan.suffix)
        self._run = self._parts.who
        self._stop = stop
        self._tell = tell
        self._patience = patience
        self._coordinator = Coordinator(plan.directory, self._run)
        self._notes = self._parts.finished(plan)
        self._kept = set(self._notes)
        self._pieces = Pieces("shard", [one.number for one in plan.shards if one.number not in self._notes])
        self._tally = Tally()
        self._bytes = sum(note.length for note in self._notes.values())
        self._next_tick = 0.0
        self._lonely = float("inf")  # since when no worker is there
        self._heard = time.monotonic()  # when a worker last gave a sign of life
        self._beats: object = {}

    def run(self) -> Outcome:
        try:
            while not self._stop.number:
                self._rounds()
                if self._stop.number or not self._bent():
                    break
            finished = not self._stop.number
            if not finished:
                self._coordinator.tick(time.monotonic(), True)  # workers that still have a shard let it go
                self._pool.close()
            return Outcome(self._notes, frozenset(self._kept), self._pieces.again, finished)
        except BaseException:
            with suppress(OSError, FileError):
                self._coordinator.tick(time.monotonic(), True)
            self._pool.close()
            raise
        finally:
            self._coordinator.end()
            if not self._pieces.open:
                self._parts.clear(only_temporary=True)

    def _rounds(self) -> None:
        pieces = self._pieces
        while pieces.open and not self._stop.number:
            self._tick()
            slots = self._pool.slots()
            self._alone(slots)
            while len(pieces.out) < 2 * slots:  # one waits for each that runs
                claimed = pieces.claim()
                if claimed is None:
                    break
                self._pool.submit(self._plan.spec(self._plan.shards[claimed], self._run, slots))
            for number, result in self._pool.finished(0.1):
                self._came(number, result)

    def _came(self, number: int, result: dict[str, Any] | BaseException) -> None:
        self._heard = time.monotonic()
        if number not in self._pieces.out:
            return  # a shard that was done twice
        note = self._parts.note(self._plan.shards[number])
        if note is not None:  # whatever was said of it
            self._pieces.commit(number)
            self._notes[number] = note
            self._count(note)
            return
        if isinstance(result, _HOPELESS):
            raise result
        if isinstance(result, dict):
            raise FileError(
                f"shard {number} was done on {result['worker']}, but {self._parts.path(note_name(number))} is not "
                "here: all machines must see the same directory of parts"
            )
        self._pieces.lost(number, "" if isinstance(result, Lost) else _in_words(result))

    def _bent(self) -> bool:
        """Whether parts are not what their notes say (two attempts overtook each other): these are asked again."""
        bent = set(bent_parts(self._parts, self._plan.shards, self._notes))
        for shard in self._plan.shards:
            if shard.number in bent:
                self._parts.forget(shard.number)
                del self._notes[shard.number]
                self._kept.discard(shard.number)
                self._bytes -= shard.length
                self._pieces.again_with(shard.number)
        return bool(bent)

    def _tick(self) -> None:
        now = time.monotonic()
        if now >= self._next_tick:
            self._next_tick = now + _TICK
            self._coordinator.tick(now)
            under_way = at_work(self._coordinator.beats.values(), self._pieces.out)
            self._tell(self._tally, self._bytes + under_way, len(self._pieces.out))

    def _alone(self, slots: int) -> None:
        now = time.monotonic()
        self._lonely = float("inf") if slots else min(self._lonely, now)
        if now - self._lonely > self._patience:
            raise WorkerLost(f"no worker was there for {self._patience:.0f} s")
        if not slots or not self._pieces.out or self._beats != self._coordinator.beats:
            self._heard, self._beats = now, self._coordinator.beats
        if now - self._heard > self._patience:
            raise WorkerLost(
                f"no worker has done anything for {self._patience:.0f} s, with {len(self._pieces.out)} shards to do: "
                "the cluster's workers are taken by others, or do not see the same directory of parts"
            )

    def _count(self, note: Note) -> None:
        self._tally.merge(note.tally)
        self._bytes += note.length


def _in_words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0] if str(error) else type(error).__name__
