"""celery's pool: ``CELERY_CUSTOM_WORKER_POOL=celadon.integrations.celery:TaskPool celery -A app worker -P custom``.

A greenlet for each task. **To import this module patches the standard library**: celery imports a pool that its command
line names before anything of the application, which is the moment for it. CELADON_RESOLVER and CELADON_OPTIONS say how.
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from celadon.hub import Event, Greenlet, GreenletExit, Pool, getcurrent, sleep, spawn, spawn_later

from .wishes import UsageError, patch

try:
    patch()
except UsageError as wrong:
    sys.exit(f"celadon: {wrong}")

from celery.app import backends
from celery.backends.asynchronous import greenletDrainer, register_drainer
from celery.backends.redis import RedisBackend
from celery.concurrency import base
from celery.exceptions import SoftTimeLimitExceeded
from kombu.asynchronous import timer
from kombu.utils import compat

#: What kombu and celery ask for to choose between their ways to wait. Theirs for threads would have several greenlets
#: read from one connection; each name other than "default" has those for greenlets.
ENVIRONMENT = "celadon"
compat._environment = ENVIRONMENT


@register_drainer(ENVIRONMENT)
class Drainer(greenletDrainer):
    """Waits for results: one greenlet reads for all."""

    def spawn(self, function: Callable[[], object]) -> Greenlet[object]:
        """Start it, and let it begin."""
        made = spawn(function)
        sleep(0)
        return made

    def _event(self) -> Event:
        return Event()


class _Scheduled(Greenlet[None]):
    """A timer's entry with its time, as celery lists them."""

    entry: Any
    eta: float
    of: Timer
    priority: int

    def __init__(self, of: Timer, eta: float, priority: int, entry: Any) -> None:
        super().__init__()
        self.of, self.eta, self.priority, self.entry = of, eta, priority, entry

    def _run(self) -> None:
        self.of.fire(self)

    def __lt__(self, other: _Scheduled) -> bool:
        return self.eta < other.eta


class Timer(timer.Timer):
    """celery's timer, a greenlet for each entry."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: set[_Scheduled] = set()

    def _enter(self, eta: float, priority: int, entry: Any, **_: Any) -> Any:
        made = _Scheduled(self, eta, priority, entry)
        self._waiting.add(made)
        made.start_later(max(eta - monotonic(), 0))
        return entry

    def fire(self, scheduled: _Scheduled) -> None:
        """The time of an entry has come."""
        self._waiting.discard(scheduled)
        if not scheduled.entry.canceled:
            self.apply_entry(scheduled.entry)

    def clear(self) -> None:
        """Forget all entries."""
        while self._waiting:
            self._waiting.pop().kill(block=False)

    def stop(self) -> None:
        """The worker ends."""
        self.clear()

    @property
    def queue(self) -> list[_Scheduled]:
        """The entries, the next first."""
        return heapq.nsmallest(len(self._waiting), self._waiting)

    def __len__(self) -> int:
        return len(self._waiting)


class HardLimit(BaseException):
    """Ends a task whose ``time_limit`` has come; no Exception, so that the task does not catch it by accident."""


class Job(Greenlet[None]):
    """A task that runs, or waits to."""

    def terminate(self, signal: Any = None) -> None:
        """Nothing: celery calls it after ``TaskPool.terminate_job``."""


class TaskPool(base.BasePool):
    """Runs each task in a greenlet, at most ``limit`` at once."""

    Timer = Timer
    signal_safe = False
    is_green = True
    task_join_will_block = False
    #: How many tasks may run at once.
    limit: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._jobs: dict[int, Job] = {}
        self._hard, self._soft = self.options.get("timeout"), self.options.get("soft_timeout")

    # -- celery calls these ----------------------------------------------------------------------------------

    spawn_n: Any = staticmethod(spawn)

    def on_start(self) -> None:
        """The worker begins."""
        self._pool = Pool(self.limit)
        if self.app is not None:
            _share_backend(self.app)

    def on_stop(self) -> None:
        """The worker ends once its tasks have."""
        if self._pool is not None:
            self._pool.join()

    def on_apply(
        self,
        target: Callable[..., Any],
        args: Any = None,
        kwargs: Any = None,
        callback: Any = None,
        accept_callback: Any = None,
        timeout: float | None = None,
        soft_timeout: float | None = None,
        timeout_callback: Any = None,
        **_: Any,
    ) -> Job:
        """Run a task; waits for a place."""
        hard, soft = timeout or self._hard, soft_timeout or self._soft
        job = Job(self._run, target, args or (), kwargs or {}, callback, accept_callback, hard, soft, timeout_callback)
        self._pool.start(job)
        return job

    def grow(self, n: int = 1) -> None:
        """``n`` places more."""
        self.limit += n
        self._pool.resize(self.limit)

    def shrink(self, n: int = 1) -> None:
        """``n`` places less; tasks that run go on."""
        self.limit = max(self.limit - n, 0)
        self._pool.resize(self.limit)

    def terminate_job(self, pid: int, signal: Any = None) -> None:
        """End a task that was revoked with ``terminate=True``, whatever the signal: GreenletExit is raised in it."""
        job = self._jobs.get(pid)
        if job is not None:
            job.kill(block=False)

    @property
    def num_processes(self) -> int:
        """How many tasks may run at once."""
        return self.limit

    def _get_info(self) -> dict[str, Any]:
        found: dict[str, Any] = super()._get_info()
        return {**found, "running": len(self._jobs), "timeouts": [self._soft or 0, self._hard or 0]}

    # -- a task ----------------------------------------------------------------------------------------------

    def _run(self, target: Any, args: Any, kwargs: Any, callback: Any, accept_callback: Any,
             hard: float | None, soft: float | None, timeout_callback: Any) -> None:  # fmt: skip
        job: Any = getcurrent()
        pid = id(job)
        self._jobs[pid] = job
        try:
            with _limits(job, hard, soft, timeout_callback):
                base.apply_target(
                    _killable(target), args, kwargs, callback, accept_callback, pid, propagate=(HardLimit,)
                )
        except HardLimit:
            timeout_callback(False, hard)
        finally:
            del self._jobs[pid]


def _share_backend(app: Any) -> None:
    """Let all tasks use one result backend on Redis, unless the application has decided about it.

    celery makes a backend for each thread, so here for each task: a client, a connection and five round trips of
    greeting, more than half of the time of a short task. redis-py's connection pool may be shared. That celery's other
    backends may be is not known.
    """
    setting = "result_backend_thread_safe"
    made, _ = backends.by_url(app.backend_cls or app.conf.result_backend, app.loader)
    if isinstance(made, type) and issubclass(made, RedisBackend) and not app.conf.value_set_for(setting):
        app.conf.update({setting: True})


def _killable(target: Callable[..., Any]) -> Callable[..., Any]:
    """A killed task has no result: celery has noted already that it was revoked."""

    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return target(*args, **kwargs)
        except GreenletExit:
            return False, None, None

    return run


@contextmanager
def _limits(job: Job, hard: float | None, soft: float | None, told: Any) -> Iterator[None]:
    """Raise SoftTimeLimitExceeded and HardLimit in the task after so many seconds."""

    def end_softly() -> None:
        told(True, soft)
        job.kill(SoftTimeLimitExceeded(soft), block=False)

    timers = [spawn_later(soft, end_softly)] if soft else []
    if hard:
        timers.append(spawn_later(hard, job.kill, HardLimit(), block=False))
    try:
        yield
    finally:
        for one in timers:
            one.kill(block=False)


__all__ = ["Drainer", "HardLimit", "Job", "TaskPool", "Timer"]
