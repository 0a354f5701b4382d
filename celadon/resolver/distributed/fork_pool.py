"""Shards as processes of this machine: ``resolve bulk FILE -P N --parts DIR``. A child for each shard, forked off."""

from __future__ import annotations

import os
import pickle
import select
import signal
import sys
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from ..cli.bulk.stop import held_back, ignore
from .layout import Spec
from .shard_work import shard

_poll = select.poll


class ChildDied(Exception):
    """A process ended without a word: killed, or out of memory."""


class _Child:
    def __init__(self, spec: Spec, slot: int) -> None:
        self.spec = spec
        self.slot = slot
        self.said = b""
        self.pipe, target = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        with held_back():
            self.pid = os.fork()
            if not self.pid:
                ignore()  # a terminal's signals come to the whole group; the parent says what to do
        if not self.pid:
            _live(spec, slot, target)
        os.close(target)

    def ended(self) -> dict[str, Any] | BaseException:
        os.close(self.pipe)
        _, status = os.waitpid(self.pid, 0)
        try:
            result: dict[str, Any] | BaseException = pickle.loads(self.said)
            return result
        except Exception:  # noqa: BLE001  (half a word, or none)
            number = os.waitstatus_to_exitcode(status)
            how = f"signal {-number}" if number < 0 else f"status {number}"
            return ChildDied(f"the process {self.pid} ended with {how}")


def _live(spec: Spec, slot: int, target: int) -> None:
    """A child's whole life; never returns."""
    try:
        try:
            result: Any = shard(spec, f"process-{slot}")
        except BaseException as error:  # noqa: BLE001  (a process that forked off must end here, whatever happens)
            result = error
        try:
            said = pickle.dumps(result)
        except Exception:  # noqa: BLE001  (an error that does not pickle)
            said = pickle.dumps(RuntimeError(f"{type(result).__name__}: {result}"))
        view = memoryview(said)
        with suppress(BrokenPipeError):
            while view:
                view = view[os.write(target, view) :]
    finally:
        os._exit(0)


class ForkPool:
    """``Pool`` of so many processes."""

    def __init__(self, processes: int) -> None:
        self._free = list(range(processes))
        self._count = processes
        self._waiting: deque[Spec] = deque()
        self._children: dict[int, _Child] = {}  # by pipe
        self._poller = _poll()

    def slots(self) -> int:
        """See ``Pool.slots``."""
        return self._count

    def submit(self, spec: Spec) -> None:
        """See ``Pool.submit``."""
        self._waiting.append(spec)
        self._start()

    def _start(self) -> None:
        while self._waiting and self._free:
            child = _Child(self._waiting.popleft(), self._free.pop())
            self._children[child.pipe] = child
            self._poller.register(child.pipe, select.POLLIN)

    def finished(self, wait: float) -> Iterable[tuple[int, dict[str, Any] | BaseException]]:
        """See ``Pool.finished``."""
        done = []
        for pipe, _ in self._poller.poll(wait * 1000):
            child = self._children[pipe]
            data = os.read(pipe, 1 << 16)
            child.said += data
            if not data:
                self._poller.unregister(pipe)
                del self._children[pipe]
                self._free.append(child.slot)
                done.append((child.spec.shard.number, child.ended()))
        self._start()
        return done

    def close(self) -> None:
        """End all children now: what they have not committed is nobody's."""
        self._waiting.clear()
        for child in self._children.values():
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
            child.ended()
        self._children.clear()
