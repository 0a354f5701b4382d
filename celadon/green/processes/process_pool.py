"""Work in other processes: persistent workers over pipes.

eventlet's ``processes`` mixed a worker's stderr into its answers, and its pool never took a living process back. Here a
worker answers one request at a time; one that dies, or does not answer in time, is killed and replaced, and fails only
its own request. Pipes wait on the hub, patched or not; a worker's end is waited for by its pid, so no zombie stays.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, NamedTuple

from ...hub import (
    Event,
    Greenlet,
    Semaphore,
    fail_after,
    get_hub,
    joinall,
    notify_closing,
    spawn,
    wait_pid,
    wait_readable,
    wait_writable,
)
from ..patching.originals import original_module
from .framing import FRAMINGS, Framing

log: logging.Logger = logging.getLogger("celadon.processes")

#: Bytes that one read takes.
_CHUNK = 65536
#: A pipe takes this much without a reader, in bytes: pipe(7), as it was before Linux 2.6.11 and still is elsewhere.
_AT_ONCE = 4096
#: How much of a worker's stderr is kept for the message of its death, in bytes.
_LAST_WORDS = 2000


class WorkerError(RuntimeError):
    """A worker did not answer. Only this request has failed; the worker was replaced."""


class WorkerDied(WorkerError):
    """The worker ended before it answered. ``returncode`` as in ``subprocess``; ``stderr``: its last words."""

    returncode: int | None
    stderr: str

    def __init__(self, text: str, returncode: int | None = None, stderr: str = "") -> None:
        super().__init__(text)
        self.returncode, self.stderr = returncode, stderr


class WorkerTimeout(WorkerError, TimeoutError):
    """The worker did not answer in time, and was killed."""


class ProcessPoolClosed(RuntimeError):
    """The pool was closed."""


class TooManyRequests(RuntimeError):
    """``max_waiting`` requests wait for a worker already."""


class _Pipe:
    """One end of a pipe to a worker, non-blocking: it is ours alone."""

    def __init__(self, file: Any) -> None:
        self.fd = os.dup(file.fileno())
        file.close()
        fcntl.fcntl(self.fd, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
        os.set_blocking(self.fd, False)

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[_write(self.fd, rest) :]
            except BlockingIOError:
                wait_writable(self.fd)

    def read(self) -> bytes:
        while True:
            try:
                return _read(self.fd, _CHUNK)
            except BlockingIOError:
                wait_readable(self.fd)

    def close(self) -> None:
        fd, self.fd = self.fd, -1
        if fd >= 0:
            notify_closing(fd)
            _close(fd)


# Bound now: under `patch_all` these are replaced by functions that look at the flags of the descriptor.
_read, _write, _close = os.read, os.write, os.close


class _Worker:
    """One process, with its pipes."""

    def __init__(
        self, command: Sequence[str], options: Mapping[str, Any], on_stderr: Callable[[bytes], object]
    ) -> None:
        popen: Any = original_module("subprocess").Popen
        pipe = subprocess.PIPE
        self.process = popen(command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, **options)
        self.stdin, self.stdout, self.stderr = map(
            _Pipe, (self.process.stdin, self.process.stdout, self.process.stderr)
        )
        self.pid: int = self.process.pid
        self.held = bytearray()
        self.answered = 0
        self.last_words = b""
        self.ended = Event()
        self._on_stderr = on_stderr
        self.helpers = [spawn(self._hear), spawn(self._reap)]

    def _hear(self) -> None:
        with suppress(OSError):
            while data := self.stderr.read():
                self.last_words = (self.last_words + data)[-_LAST_WORDS:]
                self._on_stderr(data)
        self.stderr.close()

    def _reap(self) -> None:
        try:
            _, status = wait_pid(self.pid)
            self.process.returncode = os.waitstatus_to_exitcode(status)
        except ChildProcessError:  # somebody else has waited for it
            self.process.returncode = -1
        finally:
            self.ended.set()

    def _write(self, data: bytes) -> None:
        with suppress(OSError):  # the end of its stdout says that it is gone, and stderr why
            self.stdin.write(data)

    def ask(self, framing: Framing, data: bytes) -> Any:
        """Send a request and give the answer. OSError or EOFError if the worker is gone."""
        # A worker may answer before it has read all, and would wait for ever if nobody read its answer meanwhile.
        writing: Greenlet[None] | None = None
        if len(data) > _AT_ONCE:
            writing = spawn(self._write, data)
        else:
            self._write(data)
        try:
            while (found := framing.unpack(self.held)) is None:
                more = self.stdout.read()
                if not more:
                    raise EOFError
                self.held += more
        finally:
            if writing is not None:
                writing.kill(block=False)
        if self.held:
            raise ValueError("the worker said more than one answer")
        self.answered += 1
        return found[0]

    def kill(self) -> None:
        """Have it end, by force. Its end is waited for by itself."""
        if not self.ended.is_set():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self.hang_up()

    def hang_up(self) -> None:
        """Close its pipes but for stderr, which ends with it."""
        self.stdin.close()
        self.stdout.close()


class ProcessPoolStats(NamedTuple):
    """How a ProcessPool stands: workers, of which idle; requests that wait; and counts since it was made."""

    workers: int
    idle: int
    waiting: int
    answered: int
    started: int
    died: int
    killed: int


class ProcessPool:
    """At most ``size`` workers that run ``command``, each asked one thing at a time; started as they are needed.

    A worker reads requests on stdin and writes one answer for each on stdout, both in the ``framing`` ("line",
    "length", "json", or an object such as these). It should end at the end of its stdin. ``timeout`` (seconds) holds
    for each request; a worker that is late is killed. After ``max_requests`` a worker is replaced. ``health`` is a
    request that an idle worker is asked before its first real one and again after ``health_every`` idle seconds: one
    that does not answer is replaced, and nobody notices. ``on_stderr(bytes)`` gets what workers say there; the default
    logs it. Other arguments go to ``subprocess.Popen``. More than ``max_waiting`` waiting requests: TooManyRequests.

    For greenlets of one thread. In a forked child make a new one.
    """

    command: list[str]
    health: Any
    health_every: float
    max_requests: int | None
    max_waiting: int | None
    size: int
    timeout: float | None

    def __init__(
        self,
        command: Sequence[str],
        size: int = 2,
        *,
        framing: str | Framing = "length",
        timeout: float | None = None,
        max_requests: int | None = None,
        max_waiting: int | None = None,
        health: Any = None,
        health_every: float = 30.0,
        on_stderr: Callable[[bytes], object] | None = None,
        **popen: Any,
    ) -> None:
        if size < 1:
            raise ValueError("ProcessPool: size is at least 1")
        self.command, self.size = list(command), size
        self.framing: Framing = FRAMINGS[framing]() if isinstance(framing, str) else framing
        self.timeout, self.max_requests, self.max_waiting = timeout, max_requests, max_waiting
        self.health, self.health_every = health, health_every
        self._on_stderr = on_stderr if on_stderr is not None else self._log
        self._popen = popen
        self._places = Semaphore(size)
        #: Idle workers and since when, the one used last at the end.
        self._idle: deque[tuple[_Worker, float]] = deque()
        self._workers: set[_Worker] = set()
        self._old: set[_Worker] = set()
        self.closed: bool = False
        self._answered = self._started = self._died = self._killed = 0

    def __repr__(self) -> str:
        return (
            f"<ProcessPool {self.command[0]} at {id(self):#x}, {len(self._workers)} of {self.size} workers, "
            f"{len(self._idle)} idle, {self._places.waiting} waiting{', closed' if self.closed else ''}>"
        )

    def _log(self, data: bytes) -> None:
        log.warning("%s: %s", self.command[0], data.decode(errors="replace").rstrip())

    def ask(self, message: Any, timeout: float | None = None) -> Any:
        """The worker's answer. The time of ``timeout`` (default: the pool's) begins when a worker is asked.

        Raises WorkerDied, WorkerTimeout (also a TimeoutError), TooManyRequests, ProcessPoolClosed, and ValueError for
        an answer that breaks the framing. A kill or a Timeout of the caller ends the worker too: nobody else gets its
        answer.
        """
        return self._request(self.framing.pack(message), self.timeout if timeout is None else timeout)

    def _request(self, data: bytes, timeout: float | None, wanted: Callable[[], bool] = lambda: True) -> Any:
        """``wanted`` is asked when a worker is there; if it says no, nothing is done."""
        if self.max_waiting is not None and self._places.waiting >= self.max_waiting and self._places.locked():
            raise TooManyRequests(f"{self!r}: {self.max_waiting} requests wait for a worker already")
        with self._places:
            if not wanted():
                return None
            worker = self._well_worker()
            try:
                answer = self._asked(worker, data, timeout)
            except BaseException:
                self._drop(worker)
                raise
            self._answered += 1
            if self.closed or (self.max_requests is not None and worker.answered >= self.max_requests):
                self._retire(worker)
            else:
                self._idle.append((worker, get_hub().now()))
            return answer

    def _asked(self, worker: _Worker, data: bytes, timeout: float | None) -> Any:
        try:
            with fail_after(timeout) as limit:
                answer = worker.ask(self.framing, data)
        except TimeoutError:
            if not limit.expired:
                raise
            self._killed += 1
            raise WorkerTimeout(f"worker {worker.pid} of {self!r} did not answer within {timeout} s; killed") from None
        except (EOFError, OSError):
            self._died += 1
            raise self._death(worker) from None
        return answer

    def _death(self, worker: _Worker) -> WorkerDied:
        # It may have closed its stdout and live on; then it is killed, and -9 is the truth about it.
        if not worker.ended.wait(1):
            worker.kill()
            worker.ended.wait()
        joinall(worker.helpers, timeout=0.2)
        code, said = worker.process.returncode, worker.last_words.decode(errors="replace").strip()
        how = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit status {code}"
        tail = f": {said.splitlines()[-1]}" if said else ""
        return WorkerDied(f"worker {worker.pid} of {self!r} ended ({how}) before it answered{tail}", code, said)

    def _well_worker(self) -> _Worker:
        if self.closed:
            raise ProcessPoolClosed(f"{self!r} is closed")
        while self._idle:
            worker, since = self._idle.pop()
            if not worker.ended.is_set() and self._is_well(worker, get_hub().now() - since >= self.health_every):
                return worker
            self._drop(worker)
        worker = _Worker(self.command, self._popen, self._on_stderr)
        self._workers.add(worker)
        self._started += 1
        if not self._is_well(worker, True):
            self._drop(worker)
            raise self._death(worker)
        return worker

    def _is_well(self, worker: _Worker, due: bool) -> bool:
        if self.health is None or not due:
            return True
        try:
            self._asked(worker, self.framing.pack(self.health), self.timeout)
        except (WorkerError, ValueError) as error:
            log.debug("%r: the health of a worker: %r", self, error)
            return False
        except BaseException:
            self._drop(worker)
            raise
        return True

    def _drop(self, worker: _Worker) -> None:
        self._workers.discard(worker)
        worker.kill()
        self._await_end(worker)

    def _retire(self, worker: _Worker) -> None:
        """Let it end by itself: its stdin ends; after two seconds by force."""
        self._workers.discard(worker)
        worker.hang_up()

        def end() -> None:
            if not worker.ended.wait(2):
                worker.kill()

        spawn(end)
        self._await_end(worker)

    def _await_end(self, worker: _Worker) -> None:
        self._old.add(worker)
        worker.helpers[0].rawlink(lambda _: self._old.discard(worker))

    def close(self, timeout: float = 5.0) -> None:
        """Take no more requests, let idle workers end, and those at work after their answer; kill them when late."""
        self.closed = True
        while self._idle:
            self._retire(self._idle.pop()[0])
        deadline = get_hub().now() + timeout
        taken = 0
        try:
            while taken < self.size and self._places.acquire(timeout=max(deadline - get_hub().now(), 0)):
                taken += 1
        finally:
            if taken:
                self._places.release(taken)
        for worker in list(self._workers):
            worker.kill()
            self._await_end(worker)
        self._workers.clear()
        joinall([helper for worker in list(self._old) for helper in worker.helpers], timeout=5)

    def __enter__(self) -> ProcessPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def stats(self) -> ProcessPoolStats:
        """How it stands."""
        return ProcessPoolStats(
            len(self._workers), len(self._idle), self._places.waiting, self._answered, self._started, self._died,
            self._killed,
        )  # fmt: skip


__all__ = [
    "ProcessPool",
    "ProcessPoolClosed",
    "ProcessPoolStats",
    "TooManyRequests",
    "WorkerDied",
    "WorkerError",
    "WorkerTimeout",
]
