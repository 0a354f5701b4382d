"""Greenlets, with gevent's manners: what cannot be raised is their error, not the caller's; a block's error goes in."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any, TypeVar
from weakref import ref

from greenlet import GreenletExit, getcurrent, greenlet

from celadon.hub import Greenlet as _Greenlet
from celadon.hub import joinall as _joinall
from celadon.hub import kill as _kill
from celadon.hub import killall as _killall
from celadon.hub import spawn_raw as _spawn_raw
from celadon.hub.debug import keep_spawning_stack

from ._config import config

T = TypeVar("T")
_NO_ERROR = "exceptions must derive from BaseException"


def throwable(what: Any) -> Any:
    """An exception, its class, or ``sys.exc_info()``'s three; for anything else the TypeError of ``raise what``."""
    if isinstance(what, tuple) and len(what) == 3:
        kind, value, trace = what
        what = kind if value is None else value
        if isinstance(what, BaseException) and trace is not None:
            what = BaseException.with_traceback(what, trace)
    if isinstance(what, BaseException) or (isinstance(what, type) and issubclass(what, BaseException)):
        return what
    return TypeError(_NO_ERROR)


def raised(what: Any) -> BaseException:
    """What ``raise what`` would raise; if the class' constructor fails, that failure."""
    what = throwable(what)
    try:
        return what() if isinstance(what, type) else what  # type: ignore[no-any-return]
    except Exception as error:  # noqa: BLE001  (the program's class: its failure is what is raised)
        return error


class _Kind(type):
    """Celadon's own greenlets (a server's, a thread's under the patch) are gevent's too."""

    def __instancecheck__(cls, one: object) -> bool:
        return isinstance(one, _Greenlet) if cls is Greenlet else super().__instancecheck__(one)


class Greenlet(_Greenlet[T], metaclass=_Kind):
    """One function running beside others. ``kill`` never raises in the caller, whatever it is given."""

    __slots__ = ()
    _numbered = False

    @classmethod
    def spawn(cls, *args: Any, **kwargs: Any) -> Greenlet[T]:
        """Make one and start it."""
        _must_have_function(cls, args, kwargs)
        made = cls(*args, **kwargs)
        made.start()
        return made

    @classmethod
    def spawn_later(cls, seconds: float, *args: Any, **kwargs: Any) -> Greenlet[T]:
        """Make one that starts ``seconds`` from now."""
        _must_have_function(cls, args, kwargs)
        made = cls(*args, **kwargs)
        made.start_later(seconds)
        return made

    def kill(self, exception: Any = GreenletExit, block: bool = True, timeout: Any = None) -> None:
        """As there, but that it raises TypeError in this greenlet for what cannot be raised."""
        super().kill(raised(exception), block, timeout)

    def throw(self, kind: Any = GreenletExit, value: Any = None, trace: Any = None) -> None:
        """As there, but that it raises TypeError in this greenlet for what cannot be raised."""
        super().throw(raised(kind) if value is None else throwable(kind), value, trace)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            super().__exit__(kind, error, trace)
        else:
            self.kill(error)

    # -- its name

    @property
    def minimal_ident(self) -> int:
        """As there. Once it was asked for it is shown by ``repr``, in the name."""
        self._numbered = True
        return super().minimal_ident

    @property
    def name(self) -> str:
        """What it was named, or ``Greenlet-`` and its ``minimal_ident``."""
        return f"Greenlet-{self.minimal_ident}" if self._name is None else self._name

    @name.setter
    def name(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        name = f'"{self.name}" ' if self._name is not None or self._numbered else ""
        return f"<{type(self).__name__} {name}at {id(self):#x}: {self._formatinfo()}>"

    def _formatinfo(self) -> str:
        function = self._function
        if function is None:
            called = "_run"
        elif getattr(function, "__self__", None) is not None:
            called = repr(function)
        else:
            called = getattr(function, "__name__", "") or repr(function)
        args = [repr(one)[:50] for one in self.args]
        args += [f"{name}={value!r:.50}" for name, value in self.kwargs.items()]
        return f"{called}({', '.join(args)})" if args else called


def _must_have_function(kind: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if kind is Greenlet and not args and "run" not in kwargs:
        raise TypeError("a function to run is needed")


def _track(wanted: bool) -> None:
    """``config.track_greenlet_tree`` was set: each greenlet keeps the stack of its spawner from now on, or none does.

    Unlike gevent, none does unless the program or its environment asks for it: a stack takes as long as ten spawns.
    """
    (Greenlet.add_spawn_callback if wanted else Greenlet.remove_spawn_callback)(keep_spawning_stack)


config.when_set("track_greenlet_tree", _track)
spawn, spawn_later = Greenlet.spawn, Greenlet.spawn_later


def spawn_raw(function: Any, /, *args: Any, **kwargs: Any) -> greenlet:
    """Run a function in a bare greenlet, which is in the tree of spawned greenlets: ``spawning_greenlet()``."""
    made: Any = _spawn_raw(function, *args, **kwargs)
    spawner = getcurrent()
    made.spawning_greenlet = ref(spawner)
    made.spawn_tree_locals = {} if (shared := getattr(spawner, "spawn_tree_locals", None)) is None else shared
    return made  # type: ignore[no-any-return]


def joinall(
    greenlets: Iterable[Any], timeout: Any = None, raise_error: bool = False, count: int | None = None
) -> list[Any]:
    """Wait until all (or ``count``) are ready, at most ``timeout`` seconds; returns those that are.

    Anything that ``wait`` takes, a result for one, may be among them. With ``raise_error`` the first failure is raised.
    """
    waiting = list(greenlets)
    if count is None and not all(hasattr(one, "join") for one in waiting):
        count = len(waiting)
    return _joinall(waiting, timeout, raise_error, count)


def kill(greenlet: Any, exception: Any = GreenletExit) -> None:
    """Raise ``exception`` in any greenlet of this thread, and do not wait for its end."""
    _kill(greenlet, raised(exception), block=False)


def killall(
    greenlets: Iterable[greenlet], exception: Any = GreenletExit, block: bool = True, timeout: Any = None
) -> None:
    """Kill all and wait (``block``) for their end; raises Timeout if some have not ended after ``timeout`` seconds."""
    _killall(greenlets, throwable(exception), block, timeout)


__all__ = ["Greenlet", "joinall", "killall"]
