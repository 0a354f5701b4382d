"""``eventlet.tpool``: calls in threads of the operating system, waited for by green threads."""

from __future__ import annotations

import atexit
import os
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from celadon.green import original_module
from celadon.hub import ThreadPool, get_hub

from .timeout import Timeout

_get_ident = original_module("_thread").get_ident
#: False: what a call raises is printed as well.
QUIET = True
EXC_CLASSES = (Exception, Timeout)
SYS_EXCS = (GeneratorExit, KeyboardInterrupt, SystemExit)

_POOL = object()
#: Threads that run a call: they make further calls themselves.
_busy: set[int] = set()


_nthreads = int(os.environ.get("EVENTLET_THREADPOOL_SIZE", "20"))


def set_num_threads(nthreads: int) -> None:
    """Use so many threads at most; 0: calls are made at once, in the calling thread."""
    global _nthreads
    _nthreads = nthreads
    pool = get_hub().vars.get(_POOL)
    if pool is not None and nthreads > 0:
        pool.maxsize = nthreads


def setup() -> None:
    """Make the thread pool of this thread's hub if it has none yet."""
    if _nthreads < 0:
        raise AssertionError("Can't specify negative number of threads")
    if not _nthreads:
        warnings.warn(
            "Zero threads in tpool. All tpool.execute calls will execute in main thread. "
            "Check the value of the environment variable EVENTLET_THREADPOOL_SIZE.",
            RuntimeWarning,
            stacklevel=3,
        )
        return
    variables = get_hub().vars
    pool = variables.get(_POOL)
    if pool is None or pool.closed:
        variables[_POOL] = ThreadPool(_nthreads)


def killall() -> None:
    """Wait for the calls that run, and end the threads."""
    pool = get_hub().vars.pop(_POOL, None)
    if pool is not None and not pool.closed:
        pool.close()
        pool.join()


def _at_exit() -> None:
    pool = get_hub().vars.pop(_POOL, None)
    if pool is not None:
        pool.close()


atexit.register(_at_exit)


def _call(meth: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    me = _get_ident()
    _busy.add(me)
    try:
        return meth(*args, **kwargs)
    finally:
        _busy.discard(me)


def execute(meth: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """``meth(*args, **kwargs)`` in a thread, waited for. Made at once within another such call."""
    if _get_ident() in _busy:
        return meth(*args, **kwargs)
    setup()
    if not _nthreads:
        return meth(*args, **kwargs)
    try:
        return get_hub().vars[_POOL].spawn(_call, meth, args, kwargs).get()
    except EXC_CLASSES as error:
        if not QUIET:
            traceback.print_exception(error)
            traceback.print_stack()
        raise


def proxy_call(autowrap: Any, f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """``execute``; the result becomes a Proxy if it is an instance of ``autowrap``. ``nonblocking``: called at once."""
    made = f(*args, **kwargs) if kwargs.pop("nonblocking", False) else execute(f, *args, **kwargs)
    return Proxy(made, autowrap) if isinstance(made, autowrap) else made


class Proxy:
    """An object whose methods are called in threads.

    What they return, and attributes, become Proxies if they are instances of ``autowrap`` (a tuple of classes), or
    have a name of ``autowrap_names``.
    """

    def __init__(self, obj: Any, autowrap: Any = (), autowrap_names: Any = ()) -> None:
        self._obj = obj
        self._autowrap = autowrap
        self._autowrap_names = autowrap_names

    def __getattr__(self, attr_name: str) -> Any:
        found = getattr(self._obj, attr_name)
        named = attr_name in self._autowrap_names
        if not callable(found):
            return Proxy(found, self._autowrap) if named or isinstance(found, self._autowrap) else found

        def call(*args: Any, **kwargs: Any) -> Any:
            made = proxy_call(self._autowrap, found, *args, **kwargs)
            return Proxy(made) if named and not isinstance(made, Proxy) else made

        return call

    def __getitem__(self, key: Any) -> Any:
        return proxy_call(self._autowrap, self._obj.__getitem__, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        proxy_call(self._autowrap, self._obj.__setitem__, key, value)

    def __deepcopy__(self, memo: Any = None) -> Any:
        return proxy_call(self._autowrap, self._obj.__deepcopy__, memo)

    def __copy__(self, memo: Any = None) -> Any:
        return proxy_call(self._autowrap, self._obj.__copy__, memo)

    def __call__(self, *a: Any, **kw: Any) -> Any:
        made = proxy_call(self._autowrap, self._obj, *a, **kw)
        return Proxy(made) if "__call__" in self._autowrap_names else made

    def __enter__(self) -> Any:
        return proxy_call(self._autowrap, self._obj.__enter__)

    def __exit__(self, *exc: Any) -> Any:
        return proxy_call(self._autowrap, self._obj.__exit__, *exc)

    def __eq__(self, other: object) -> bool:
        return bool(self._obj == other)

    def __hash__(self) -> int:
        return hash(self._obj)

    def __repr__(self) -> str:
        return repr(self._obj)

    def __str__(self) -> str:
        return str(self._obj)

    def __len__(self) -> int:
        return len(self._obj)

    def __bool__(self) -> bool:
        return bool(self._obj)

    def __iter__(self) -> Iterator[Any]:
        found = iter(self._obj)
        return self if found is self._obj else Proxy(found)

    def __next__(self) -> Any:
        return proxy_call(self._autowrap, next, self._obj)

    next = __next__


__all__ = ["Proxy", "execute", "killall", "set_num_threads"]
