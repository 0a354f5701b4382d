"""What a pool lends: a connection that behaves as the driver's own, while every call on it is watched.

A call that was interrupted (a kill, a Timeout, an error of the network) leaves the driver in the midst of the protocol:
its next answer would be that of the call before. Who lent the connection must know, also if the program caught the
error, so cursors and whatever else makes calls on the connection are watched as well.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterator
from functools import lru_cache, partial
from types import FrameType, TracebackType
from typing import Any, Protocol, TypeVar, cast
from weakref import ref

from ...hub import Hub, get_hub, getcurrent
from .backends import Backend
from .errors import ConnectionBroken, ConnectionReturned

T = TypeVar("T")

#: How many callers are kept to say where a connection was taken.
_DEPTH = 8


#: Done in the clean-up after an interruption, where an error would hide the kill or the Timeout. There is nothing to
#: do: the connection is going to be closed, and the server rolls back.
_CLEANING_UP = frozenset(("close", "rollback", "__exit__"))


class Member:
    """One connection of a pool, with what the pool knows of it."""

    __slots__ = (
        "backend",
        "gone",
        "holder",
        "hub",
        "idle_since",
        "interrupted",
        "opened",
        "retire_at",
        "stack",
        "touched",
    )

    idle_since: float
    opened: float
    retire_at: float

    def __init__(self, backend: Backend) -> None:
        self.backend: Backend = backend
        #: Seconds of the hub's clock.
        self.opened = self.idle_since = self.retire_at = 0.0
        #: A call of the driver was broken off: never to be used again.
        self.interrupted: bool = False
        #: There was a call since the last commit or reset.
        self.touched: bool = False
        #: It belongs to the process that forked this one.
        self.gone: bool = False
        #: The greenlet that has used it last, its hub, and the callers that took it, innermost first.
        self.holder: ref[Any] | None = None
        self.hub: Hub | None = None
        self.stack: tuple[tuple[str, int, str], ...] = ()

    def hold(self, holder: Any, hub: Hub) -> None:
        """Note who holds it."""
        self.holder, self.hub = ref(holder), hub

    def is_alone(self) -> bool:
        """Whether the greenlet that held it has ended, or its thread."""
        holder = None if self.holder is None else self.holder()
        return holder is None or bool(holder.dead) or self.hub is None or self.hub.closed

    def run(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """Make a call of the driver."""
        if self.gone:
            raise ConnectionReturned("this connection belongs to the process that forked this one")
        if self.interrupted:
            raise ConnectionBroken(
                "a call on this connection was broken off (a kill, a Timeout, an error of the network); nothing since "
                "the last commit is kept: take another connection"
            )
        self.hold(getcurrent(), get_hub())  # who uses it holds it, if one greenlet took it for another
        try:
            return self.backend.run(function, *args, **kwargs)
        except BaseException as error:
            if self.backend.interrupted(error):
                self.interrupted = True
            raise

    def dead(self) -> bool:
        """Whether the driver itself says that it is closed or broken: psycopg2, psycopg 3, PyMySQL."""
        raw = self.backend.raw
        return bool(getattr(raw, "closed", False) or getattr(raw, "broken", False)) or getattr(raw, "open", 1) is False

    def lend(self) -> None:
        """Note where it was taken."""
        frames: list[tuple[str, int, str]] = []
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and len(frames) < _DEPTH:
            if not frame.f_globals.get("__name__", "").startswith("celadon."):
                frames.append((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name))
            frame = frame.f_back
        self.stack = tuple(frames)

    def taken_at(self) -> str:
        """The callers that took it, as text, innermost first."""
        return ", ".join(f"{file}:{line} in {name}" for file, line, name in self.stack)


@lru_cache(256)
def _makes_calls(kind: Hashable) -> bool:
    # Cursors; iterators over rows; transactions, pipelines and copies.
    return kind is not memoryview and any(hasattr(kind, name) for name in ("fetchone", "__next__", "__enter__"))


def _method(target: Any, name: str, args: Any, kwargs: Any) -> Any:
    return getattr(target, name)(*args, **kwargs)


class Giver(Protocol):
    """The pool, as what it lends sees it."""

    def finish(self, lent: Lent, error: BaseException | None) -> None:
        """A block over ``lent`` has ended: commit or roll back, and take it back."""

    def putconn(self, lent: Lent) -> None:
        """Take it back."""

    def dropped(self, member: Member) -> None:
        """Nobody has ``lent`` any more, and it was not given back. From a finalizer: must not wait nor lock."""


class _Watched:
    """Reads, writes and calls of ``target`` go through ``member.run``."""

    __slots__ = ("_celadon_target",)

    _celadon_target: Any

    def _celadon_lent(self) -> Lent:
        raise NotImplementedError

    def _celadon_call(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        lent = self._celadon_lent()
        member, target = lent._celadon_here(), self._celadon_target
        member.touched = True
        if member.interrupted and name in _CLEANING_UP:
            return None
        return self._celadon_wrap(lent, member.run(_method, target, name, args, kwargs))

    def _celadon_wrap(self, lent: Lent, value: Any) -> Any:
        if value is self._celadon_target:
            return self
        if value is lent._celadon_target:
            return lent
        return Part(lent, value) if _makes_calls(cast(Hashable, type(value))) else value

    def __getattr__(self, name: str) -> Any:
        target = self._celadon_target
        kind = getattr(type(target), name, None)
        if callable(kind) and not isinstance(kind, type):
            self._celadon_lent()._celadon_here()
            return partial(self._celadon_call, name)
        lent = self._celadon_lent()
        return self._celadon_wrap(lent, lent._celadon_here().run(getattr, target, name))

    def __setattr__(self, name: str, value: Any) -> None:
        self._celadon_lent()._celadon_here().run(setattr, self._celadon_target, name, value)

    def __delattr__(self, name: str) -> None:
        self._celadon_lent()._celadon_here().run(delattr, self._celadon_target, name)

    def __dir__(self) -> list[str]:
        return dir(self._celadon_target)

    @property
    def __class__(self) -> Any:
        # So that isinstance holds, which drivers ask.
        return type(self._celadon_target)

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise TypeError("the class of a pooled connection cannot be set")


class Part(_Watched):
    """A cursor, or anything else that makes calls on a lent connection. It keeps the connection lent."""

    __slots__ = ("_celadon_of",)

    _celadon_of: Lent

    def __init__(self, lent: Lent, target: Any) -> None:
        object.__setattr__(self, "_celadon_of", lent)
        object.__setattr__(self, "_celadon_target", target)

    def _celadon_lent(self) -> Lent:
        return self._celadon_of

    def __repr__(self) -> str:
        return f"<pooled {self._celadon_target!r}>"

    def __enter__(self) -> Any:
        return self._celadon_call("__enter__")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Any:
        return self._celadon_call("__exit__", kind, error, trace)

    def __iter__(self) -> Iterator[Any]:
        found: Iterator[Any] = self._celadon_call("__iter__")
        return found

    def __next__(self) -> Any:
        return self._celadon_call("__next__")


class Lent(_Watched):
    """A connection of a pool, until it is given back: as a block (commit or rollback), by ``close`` or ``putconn``.

    Everything else is the driver's own: attributes are read from, and set on, the driver's connection. For code in C
    that takes no substitute: ``unwrap``.
    """

    __slots__ = ("__weakref__", "_celadon_member", "_celadon_pool")

    _celadon_member: Member | None
    _celadon_pool: Giver

    def __init__(self, pool: Giver, member: Member) -> None:
        object.__setattr__(self, "_celadon_member", member)
        object.__setattr__(self, "_celadon_pool", pool)
        object.__setattr__(self, "_celadon_target", member.backend.raw)

    def _celadon_lent(self) -> Lent:
        return self

    def _celadon_here(self) -> Member:
        member = self._celadon_member
        if member is None:
            raise ConnectionReturned("this connection was given back to its pool; take another one")
        return member

    def _celadon_take_back(self) -> Member:
        member = self._celadon_here()
        object.__setattr__(self, "_celadon_member", None)
        return member

    def __repr__(self) -> str:
        return f"<pooled {self._celadon_target!r}{'' if self._celadon_member is not None else ', given back'}>"

    def close(self) -> None:
        """Give it back to the pool, which rolls back what was not committed. A second time does nothing."""
        if self._celadon_member is not None:
            self._celadon_pool.putconn(self)

    def __enter__(self) -> Lent:
        self._celadon_here()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._celadon_member is not None:
            self._celadon_pool.finish(self, error)

    def __del__(self) -> None:
        member = getattr(self, "_celadon_member", None)
        if member is not None:
            self._celadon_pool.dropped(member)


def unwrap(connection: Any) -> Any:
    """The driver's own object behind a pooled connection or cursor; any other object as it is.

    For functions in C that check the type, such as ``psycopg2.extensions.register_type``. Calls on it are not watched:
    do not let a Timeout interrupt them.
    """
    return connection._celadon_target if issubclass(type(connection), _Watched) else connection


__all__ = ["Giver", "Lent", "Member", "Part", "unwrap"]
