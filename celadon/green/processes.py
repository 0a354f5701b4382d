"""Work in other processes: persistent workers over pipes, and an executor of Python functions on top of them.

eventlet's ``processes`` mixed a worker's stderr into its answers, and its pool never took a living process back. Here a
worker answers one request at a time; one that dies, or does not answer in time, is killed and replaced, and fails only
its own request. Pipes wait on the hub, patched or not; a worker's end is waited for by its pid, so no zombie stays.
"""

from __future__ import annotations

import base64
import concurrent.futures
import fcntl
import json
import logging
import os
import pickle
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, NamedTuple, ParamSpec, Protocol, TypeVar

from ..hub import (
    Event,
    Greenlet,
    Semaphore,
    fail_after,
    get_hub,
    getcurrent,
    joinall,
    notify_closing,
    spawn,
    wait_pid,
    wait_readable,
    wait_writable,
)
from .futures import Future
from .originals import original_module

P = ParamSpec("P")
T = TypeVar("T")
log = logging.getLogger("celadon.processes")

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

    def __init__(self, text: str, returncode: int | None = None, stderr: str = "") -> None:
        super().__init__(text)
        self.returncode, self.stderr = returncode, stderr


class WorkerTimeout(WorkerError, TimeoutError):
    """The worker did not answer in time, and was killed."""


class ProcessPoolClosed(RuntimeError):
    """The pool was closed."""


class TooManyRequests(RuntimeError):
    """``max_waiting`` requests wait for a worker already."""


class Framing(Protocol):
    """How messages stand in a stream of bytes."""

    def pack(self, message: Any) -> bytes:
        """The bytes of one message. ValueError or TypeError for what cannot be one."""

    def unpack(self, held: bytearray) -> tuple[Any] | None:
        """Take one whole message out of the front of ``held``; None if there is none yet."""


class Lines:
    """A message is a line of bytes, without its end."""

    def pack(self, message: bytes | str) -> bytes:
        """See Framing."""
        data = message.encode() if isinstance(message, str) else bytes(message)
        if b"\n" in data:
            raise ValueError("a message that is a line has no line end in it")
        return data + b"\n"

    def unpack(self, held: bytearray) -> tuple[Any] | None:
        """See Framing."""
        end = held.find(b"\n")
        if end < 0:
            return None
        line = bytes(held[:end])
        del held[: end + 1]
        return (line,)


class Lengths:
    """A message is bytes after their number: four bytes, big-endian. At most ``limit`` bytes."""

    def __init__(self, limit: int = 1 << 28) -> None:
        self.limit = limit

    def pack(self, message: bytes) -> bytes:
        """See Framing."""
        if len(message) > self.limit:
            raise ValueError(f"a message of {len(message)} bytes; at most {self.limit} are allowed")
        return len(message).to_bytes(4, "big") + message

    def unpack(self, held: bytearray) -> tuple[Any] | None:
        """See Framing."""
        if len(held) < 4:
            return None
        size = int.from_bytes(held[:4], "big")
        if size > self.limit:
            raise ValueError(f"the worker announces {size} bytes; at most {self.limit} are allowed")
        if len(held) < 4 + size:
            return None
        message = bytes(held[4 : 4 + size])
        del held[: 4 + size]
        return (message,)


class Json(Lines):
    """A message is a value as JSON, on one line."""

    def pack(self, message: Any) -> bytes:
        """See Framing."""
        return super().pack(json.dumps(message, separators=(",", ":")))

    def unpack(self, held: bytearray) -> tuple[Any] | None:
        """See Framing."""
        line = super().unpack(held)
        return None if line is None else (json.loads(line[0]),)


#: By name.
FRAMINGS: dict[str, Callable[[], Framing]] = {"line": Lines, "length": Lengths, "json": Json}


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
        self.framing = FRAMINGS[framing]() if isinstance(framing, str) else framing
        self.timeout, self.max_requests, self.max_waiting = timeout, max_requests, max_waiting
        self.health, self.health_every = health, health_every
        self._on_stderr = on_stderr if on_stderr is not None else self._log
        self._popen = popen
        self._places = Semaphore(size)
        #: Idle workers and since when, the one used last at the end.
        self._idle: deque[tuple[_Worker, float]] = deque()
        self._workers: set[_Worker] = set()
        self._old: set[_Worker] = set()
        self.closed = False
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


#: What a worker of the executor runs: it keeps stdout for answers, and gives functions stderr to print to.
_SERVE = """\
import base64, os, pickle, sys, traceback
sys.path[:] = pickle.loads(base64.b64decode(sys.argv[1]))
reads, writes = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)
nothing = os.open(os.devnull, os.O_RDONLY)
os.dup2(nothing, 0)
os.close(nothing)
main = sys.argv[2]
if main:
    import runpy, types
    made = types.ModuleType("__mp_main__")
    made.__dict__.update(runpy.run_path(main, run_name="__mp_main__"))
    sys.modules["__main__"] = sys.modules["__mp_main__"] = made
while len(size := reads.read(4)) == 4:
    message = reads.read(int.from_bytes(size, "big"))
    try:
        function, args, kwargs = pickle.loads(message)
        if kwargs is None:  # the initializer
            try:
                function(*args)
            except BaseException:
                traceback.print_exc()
                sys.exit(1)
            kwargs, function, args = {}, bool, ()
        answer = pickle.dumps((True, function(*args, **kwargs), ""))
    except BaseException as error:
        if isinstance(error, (SystemExit, KeyboardInterrupt)):
            raise
        text = traceback.format_exc()
        try:
            answer = pickle.dumps((False, error, text))
            pickle.loads(answer)
        except Exception:
            answer = pickle.dumps((False, RuntimeError(repr(error)), text))
    writes.write(len(answer).to_bytes(4, "big") + answer)
    writes.flush()
"""


class RemoteTraceback(Exception):
    """The traceback in the worker, as text: the cause of the error that is raised here."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class ProcessPoolExecutor(concurrent.futures.Executor):
    """``concurrent.futures.ProcessPoolExecutor`` on the hub: functions are called in other Python processes.

    A worker that dies fails only its own call, with WorkerDied; the standard library's breaks the whole pool.
    ``timeout`` (seconds) holds for each call: a worker that is late is killed, and the call raises WorkerTimeout.
    Workers are fresh interpreters (as with "spawn"): functions must be importable, arguments and results picklable,
    and a script needs ``if __name__ == "__main__"``. ``initializer`` is called before each worker's first call; if it
    fails the worker ends. For greenlets of one thread. ``concurrent.futures.wait`` and ``as_completed`` wait for the
    results only in a patched program; ``result`` and ``map`` in any.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: object = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        max_tasks_per_child: int | None = None,
        timeout: float | None = None,
        max_waiting: int | None = None,
    ) -> None:
        """``mp_context`` is the standard library's and does not matter."""
        main = getattr(sys.modules.get("__main__"), "__file__", None) or ""
        if getattr(sys.modules.get("__main__"), "__spec__", None) is not None:
            main = ""  # run by -m: its functions are not found in a script
        path = base64.b64encode(pickle.dumps([os.getcwd() if one == "" else one for one in sys.path])).decode()
        health = pickle.dumps((initializer, initargs, None)) if initializer is not None else None
        self._pool = ProcessPool(
            [sys.executable, "-c", _SERVE, path, main],
            max_workers or os.cpu_count() or 1,
            max_requests=max_tasks_per_child,
            timeout=timeout,
            max_waiting=max_waiting,
            health=health,
            health_every=float("inf"),
        )
        self._calls: dict[Greenlet[Any], Future[Any]] = {}

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have ``function(*args, **kwargs)`` called in a worker. RuntimeError after ``shutdown``."""
        if self._pool.closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: Future[T] = Future()
        work = spawn(self._call, future, function, args, kwargs)
        self._calls[work] = future
        work.rawlink(lambda done: self._calls.pop(done, None))
        return future

    def _call(self, future: Future[Any], function: Any, args: Any, kwargs: Any) -> None:
        try:
            data = self._pool.framing.pack(pickle.dumps((function, args, kwargs)))
            answer = self._pool._request(data, self._pool.timeout, future.set_running_or_notify_cancel)
            if answer is None:
                return
            well, value, text = pickle.loads(answer)
        except BaseException as error:  # noqa: BLE001  (it is the caller's, wherever the result is asked for)
            future.set_exception(error)
            return
        if well:
            future.set_result(value)
        else:
            value.__cause__ = RemoteTraceback(text)
            future.set_exception(value)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; wait (``wait``) until all were made; ``cancel_futures``: those that have not begun."""
        calls = [one for one in self._calls if one is not getcurrent()]
        if cancel_futures:
            for one in list(self._calls.values()):
                one.cancel()
        if wait:
            joinall(calls)
            self._pool.close()
        else:
            spawn(self._close_after, calls)

    def _close_after(self, calls: Iterable[Greenlet[Any]]) -> None:
        joinall(list(calls))
        self._pool.close()

    def stats(self) -> ProcessPoolStats:
        """How its workers stand."""
        return self._pool.stats()


__all__ = [
    "Framing",
    "Json",
    "Lengths",
    "Lines",
    "ProcessPool",
    "ProcessPoolClosed",
    "ProcessPoolExecutor",
    "ProcessPoolStats",
    "RemoteTraceback",
    "TooManyRequests",
    "WorkerDied",
    "WorkerError",
    "WorkerTimeout",
]
