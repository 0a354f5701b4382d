"""Which worker must be started, told to end, or killed, and when: pure. The master tells it what happened.

Each of so many slots has a worker that serves. To replace one, another is started in its slot, and the one that serves
is told to end once the other is ready: so there is always somebody who accepts. A worker that dies is replaced; one
that dies again and again after ever longer pauses.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

_TERM, _INT, _KILL, _ABRT = (int(one) for one in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGABRT))


@dataclass(frozen=True)
class Rules:
    """How workers are kept. Seconds, all of them."""

    #: How long a worker that was told to end may take for what it has begun.
    graceful_timeout: float = 30.0
    #: How long a new worker may take until it is ready.
    start_timeout: float = 60.0
    #: How long a worker may give no sign of life, because its loop is blocked.
    silence_timeout: float = 30.0
    #: The first pause before a worker is started that has failed before, and the longest.
    first_pause: float = 0.1
    longest_pause: float = 30.0
    #: A worker that lived so long has not failed at its start: the next one is started at once.
    healthy_after: float = 10.0
    #: What a killed worker may take: to end quickly, or to write its traceback.
    last_words: float = 2.0


class Fork(NamedTuple):
    """Start a worker in this slot, and say so by ``forked``."""

    slot: int


class Send(NamedTuple):
    """Send a signal to a worker."""

    pid: int
    number: int
    why: str


class Leave(NamedTuple):
    """All have ended; the master ends with this code."""

    code: int


Action = Fork | Send | Leave


@dataclass
class Process:
    """A process, as far as it is known."""

    pid: int
    slot: int
    generation: int
    since: float
    heard: float
    ready: bool = False
    #: It asks for a replacement.
    retires: bool = False
    #: When it is killed if it has not ended; None: it was not told to end.
    kill_at: float | None = None
    killed: bool = False


@dataclass
class Slot:
    """One place for a worker that serves, and for the one that will."""

    serving: Process | None = None
    starting: Process | None = None
    failures: int = 0
    #: Nobody is started before.
    pause_until: float = 0.0


@dataclass
class Supervisor:
    """The state of all slots. ``due`` says what is to be done now, ``deadline`` when to ask again at the latest."""

    wanted: int
    rules: Rules = Rules()
    generation: int = 0
    slots: dict[int, Slot] = field(default_factory=dict)
    #: Those that were told to end, by pid.
    leaving: dict[int, Process] = field(default_factory=dict)
    #: Whether every slot has had a worker that was ready.
    complete: bool = False
    _code: int | None = None
    _quick: bool = False

    def __post_init__(self) -> None:
        if self.wanted < 1:
            raise ValueError(f"there is at least one worker, not {self.wanted}")
        self._fill()

    def _fill(self) -> None:
        for number in range(self.wanted):
            self.slots.setdefault(number, Slot())

    # -- what happened ---------------------------------------------------------------------------------------

    def forked(self, slot: int, pid: int, now: float) -> None:
        """A worker was started, as ``due`` asked."""
        self.slots[slot].starting = Process(pid, slot, self.generation, now, now)

    def not_forked(self, slot: int, now: float) -> None:
        """A worker could not be started: the system has no process left."""
        self._pause(self.slots[slot], now)

    def ready(self, pid: int, now: float) -> None:
        """A worker serves from now on; the one in its slot will be told to end."""
        worker = self._find(pid)
        if worker is None or worker.ready:
            return
        worker.ready, worker.heard = True, now
        slot = self.slots.get(worker.slot)
        if slot is not None and slot.starting is worker:
            if slot.serving is not None:
                self.leaving[slot.serving.pid] = slot.serving
            slot.serving, slot.starting = worker, None
            self.complete = self.complete or all(one.serving is not None for one in self.slots.values())

    def heard(self, pid: int, now: float) -> None:
        """A worker has given a sign of life."""
        worker = self._find(pid)
        if worker is not None:
            worker.heard = now

    def retires(self, pid: int) -> None:
        """A worker has served enough, or its program has changed: it asks to be replaced, now."""
        worker = self._find(pid)
        if worker is not None:
            worker.retires = True
            slot = self.slots.get(worker.slot)
            if slot is not None:
                slot.failures, slot.pause_until = 0, 0.0

    def died(self, pid: int, now: float) -> bool:
        """A worker has ended; whether that was not expected."""
        if self.leaving.pop(pid, None) is not None or self.stopping:
            self._forget(pid)
            return False
        worker = self._forget(pid)
        if worker is None:
            return False
        slot = self.slots[worker.slot]
        if worker.ready and now - worker.since >= self.rules.healthy_after:
            slot.failures = 0
            slot.pause_until = now
        else:
            self._pause(slot, now)
        return True

    def _pause(self, slot: Slot, now: float) -> None:
        pause = min(self.rules.first_pause * 2.0**slot.failures, self.rules.longest_pause)
        slot.failures = min(slot.failures + 1, 30)
        slot.pause_until = now + pause

    def reload(self, now: float) -> None:
        """Replace all workers, each as soon as its successor is ready."""
        self.generation += 1
        for slot in self.slots.values():
            slot.failures, slot.pause_until = 0, now
            self._dismiss(slot, starting_only=True)

    def resize(self, more: int) -> None:
        """Have ``more`` workers, or fewer if negative; at least one."""
        self.wanted = max(1, self.wanted + more)
        self._fill()
        for number in [one for one in self.slots if one >= self.wanted]:
            self._dismiss(self.slots.pop(number))

    def stop(self, quick: bool, code: int = 0) -> None:
        """Have all workers end: what they have begun first, or, if ``quick``, at once."""
        if self._code is None:
            self._code = code
        if quick and not self._quick:
            self._quick = True
            for worker in self.leaving.values():
                worker.kill_at = None  # they are told again
        for slot in self.slots.values():
            self._dismiss(slot)

    def _dismiss(self, slot: Slot, starting_only: bool = False) -> None:
        for worker in (slot.starting, None if starting_only else slot.serving):
            if worker is not None:
                self.leaving[worker.pid] = worker
        slot.starting = None
        if not starting_only:
            slot.serving = None

    # -- looking ---------------------------------------------------------------------------------------------

    @property
    def stopping(self) -> bool:
        """Whether it is about to end."""
        return self._code is not None

    def _workers(self) -> Iterator[Process]:
        for slot in self.slots.values():
            yield from (one for one in (slot.serving, slot.starting) if one is not None)
        yield from self.leaving.values()

    def pids(self) -> list[int]:
        """The workers that have not ended, as far as it is known."""
        return [one.pid for one in self._workers()]

    def _find(self, pid: int) -> Process | None:
        return next((one for one in self._workers() if one.pid == pid), None)

    def _forget(self, pid: int) -> Process | None:
        for slot in self.slots.values():
            for worker in (slot.serving, slot.starting):
                if worker is not None and worker.pid == pid:
                    slot.serving = None if slot.serving is worker else slot.serving
                    slot.starting = None if slot.starting is worker else slot.starting
                    return worker
        return None

    def _wants(self, slot: Slot) -> bool:
        """Whether somebody is to be started in the slot, now or after its pause."""
        serving = slot.serving
        fine = serving is not None and serving.generation == self.generation and not serving.retires
        return not self.stopping and slot.starting is None and not fine

    # -- what is to be done ----------------------------------------------------------------------------------

    def due(self, now: float) -> list[Action]:
        """What is to be done now, in this order. Each is said once."""
        actions: list[Action] = []
        for worker in self._workers():
            actions.extend(self._judge(worker, now))
        for number, slot in self.slots.items():
            if self._wants(slot) and now >= slot.pause_until:
                actions.append(Fork(number))
        if self._code is not None and not any(self._workers()):
            actions.append(Leave(self._code))
        return actions

    def _judge(self, worker: Process, now: float) -> Iterator[Action]:
        pid = worker.pid
        if worker.killed:
            return
        if worker.kill_at is not None:
            if now >= worker.kill_at:
                worker.killed = True
                yield Send(pid, _KILL, "it has not ended in time")
        elif pid in self.leaving:
            # One that is not ready has begun nothing, and may not have its handlers yet.
            patience = self.rules.last_words if self._quick or not worker.ready else self.rules.graceful_timeout
            worker.kill_at = now + patience + self.rules.last_words
            yield Send(pid, _INT if self._quick else _TERM, "")
        elif now >= self._too_late(worker):
            worker.kill_at = now + self.rules.last_words
            why = (
                f"silent for {now - worker.heard:.0f} s"
                if worker.ready
                else f"not ready after {now - worker.since:.0f} s"
            )
            yield Send(pid, _ABRT, why)

    def _too_late(self, worker: Process) -> float:
        if worker.ready:
            return worker.heard + self.rules.silence_timeout
        return worker.since + self.rules.start_timeout

    def deadline(self, now: float) -> float | None:
        """When ``due`` may have something to say though nothing happened; None: never."""
        times = [self._next(one) for one in self._workers() if not one.killed]
        times += [slot.pause_until for slot in self.slots.values() if self._wants(slot)]
        return max(min(times), now) if times else None

    def _next(self, worker: Process) -> float:
        if worker.kill_at is not None:
            return worker.kill_at
        return 0.0 if worker.pid in self.leaving else self._too_late(worker)


__all__ = ["Action", "Fork", "Leave", "Process", "Rules", "Send", "Supervisor"]
