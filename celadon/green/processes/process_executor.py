"""An executor of Python functions over persistent worker processes."""

from __future__ import annotations

import base64
import concurrent.futures
import os
import pickle
import sys
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

from ...hub import Greenlet, getcurrent, joinall, spawn
from ..futures import Future
from .process_pool import ProcessPool, ProcessPoolStats

P = ParamSpec("P")
T = TypeVar("T")

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


__all__ = ["ProcessPoolExecutor", "RemoteTraceback"]
