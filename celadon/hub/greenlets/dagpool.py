"""DAGPool: greenlets that depend on each other's results. The names and the meaning are eventlet's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from greenlet import getcurrent

from ..waiting.park import WaitQueue
from .greenlet import Greenlet

_ALL: Any = object()


class Collision(Exception):
    """The key has a greenlet or a value already."""


class PropagateError(Exception):
    """The greenlet of ``key`` failed with ``exc``, and so has no value for whoever depends on it."""

    def __init__(self, key: Any, exc: BaseException) -> None:
        super().__init__(key, exc)
        self.key = key
        self.exc = exc

    def __str__(self) -> str:
        return f"PropagateError({self.key}): {type(self.exc).__name__}: {self.exc}"


class DAGPool:
    """Values by key, each preloaded, posted, or returned by a greenlet that may wait for other keys' values.

    For greenlets of one thread. A failure is kept as the key's value and raised, as PropagateError, wherever that
    value is wanted; a killed greenlet leaves no value.
    """

    def __init__(self, preload: Mapping[Any, Any] | Iterable[tuple[Any, Any]] = ()) -> None:
        self.values: dict[Any, Any] = dict(preload)
        self._running: dict[Any, tuple[Greenlet[Any], set[Any]]] = {}
        self._changed = WaitQueue(f"a value of {object.__repr__(self)}")

    # -- feeding ---------------------------------------------------------------------------------------------

    def spawn(
        self, key: Any, depends: Iterable[Any], function: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Greenlet[Any]:
        """Run ``function(key, results, *args, **kwargs)``; what it returns is the key's value.

        ``results`` gives (key, value) pairs of those that it ``depends`` on, as they come. Collision if the key has a
        greenlet or a value.
        """
        if key in self._running or key in self.values:
            raise Collision(key)
        pending = set(depends)
        made: Greenlet[Any] = Greenlet(self._work, key, self._each(pending, self._value), function, args, kwargs)
        made.rawlink(lambda _: self._forget(key, made))  # the only one to tell if it is killed before its start
        self._running[key] = (made, pending)
        made.start()
        return made

    def spawn_many(
        self, depends: Mapping[Any, Iterable[Any]], function: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> None:
        """``spawn`` for each key of ``depends``, whose value there says what it depends on."""
        for key, keys in depends.items():
            self.spawn(key, keys, function, *args, **kwargs)

    def _work(
        self, key: Any, results: Iterator[tuple[Any, Any]], function: Callable[..., Any], args: Any, kwargs: Any
    ) -> Any:
        me = getcurrent()
        try:
            value = function(key, results, *args, **kwargs)
        except Exception as error:
            value = PropagateError(key, error)
        finally:
            self._forget(key, me)
        if key not in self.values:  # it may have posted one itself
            self.post(key, value)
        return value

    def _forget(self, key: Any, who: object) -> None:
        if self._running.get(key, (None,))[0] is who:
            del self._running[key]

    def post(self, key: Any, value: Any, replace: bool = False) -> None:
        """Give a key its value. Only its own greenlet may while that runs; a second time only with ``replace``.

        Collision else. Who has had the first value is not told of the second.
        """
        if key in self._running and self._running[key][0] is not getcurrent():
            raise Collision(key)
        if key in self.values and not replace:
            raise Collision(key)
        self.values[key] = value
        self._changed.wake_all()

    def kill(self, key: Any) -> None:
        """Kill the greenlet of a key, which may then be spawned or posted anew. KeyError if none runs."""
        made = self._running[key][0]
        made.kill()
        self._forget(key, made)

    # -- asking ----------------------------------------------------------------------------------------------

    def _value(self, key: Any) -> Any:
        value = self.values[key]
        if isinstance(value, PropagateError):
            raise PropagateError(value.key, value.exc) from value.exc
        return value

    def _each(self, pending: set[Any], value_of: Callable[[Any], Any]) -> Iterator[tuple[Any, Any]]:
        # ``pending`` loses each key as its value is given; others look at it to see who waits for what.
        while pending:
            there = [key for key in pending if key in self.values]
            if not there:
                self._changed.wait()
            for key in there:
                pending.discard(key)
                yield key, value_of(key)

    def _keys(self, keys: Iterable[Any]) -> set[Any]:
        return {*self.values, *self._running} if keys is _ALL else set(keys)

    def wait_each(self, keys: Iterable[Any] = _ALL) -> Iterator[tuple[Any, Any]]:
        """(key, value) pairs as they come, of ``keys``, or of all that are known now. Raises PropagateError."""
        return self._each(self._keys(keys), self._value)

    def wait_each_success(self, keys: Iterable[Any] = _ALL) -> Iterator[tuple[Any, Any]]:
        """As ``wait_each``, of those that did not fail."""
        return (pair for pair in self._each(self._keys(keys), self.values.__getitem__) if not _failed(pair[1]))

    def wait_each_exception(self, keys: Iterable[Any] = _ALL) -> Iterator[tuple[Any, PropagateError]]:
        """As ``wait_each``, of those that failed; the values are the PropagateErrors."""
        return (pair for pair in self._each(self._keys(keys), self.values.__getitem__) if _failed(pair[1]))

    def wait(self, keys: Iterable[Any] = _ALL) -> dict[Any, Any]:
        """All values of ``keys``, or of all that are known now, waited for. Raises PropagateError."""
        return dict(self.wait_each(keys))

    def waitall(self) -> dict[Any, Any]:
        """``wait()``."""
        return self.wait()

    def __getitem__(self, key: Any) -> Any:
        """The value of a key, waited for. Raises PropagateError."""
        while key not in self.values:
            self._changed.wait()
        return self._value(key)

    def get(self, key: Any, default: Any = None) -> Any:
        """The value of a key, or ``default`` if there is none yet. Raises PropagateError."""
        return self._value(key) if key in self.values else default

    def keys(self) -> tuple[Any, ...]:
        """The keys that have values now."""
        return tuple(self.values)

    def items(self) -> tuple[tuple[Any, Any], ...]:
        """The values that there are now, with their keys. Raises PropagateError."""
        return tuple((key, self._value(key)) for key in self.values)

    def running(self) -> int:
        """How many greenlets have not ended, those that wait for others' values included."""
        return len(self._running)

    def running_keys(self) -> tuple[Any, ...]:
        """Their keys."""
        return tuple(self._running)

    def waiting(self) -> int:
        """How many greenlets depend on a value that is not there yet."""
        return len(self.waiting_for())

    def waiting_for(self, key: Any = _ALL) -> Any:
        """The set of keys that the greenlet of ``key`` still lacks (KeyError if none was spawned).

        Without ``key`` a dict of such sets, of all greenlets that lack something: who waits in vain is seen in it.
        """
        if key is not _ALL:
            if key not in self._running and key in self.values:
                return set()
            return self._running[key][1] - self.values.keys()
        lacking = {one: pending - self.values.keys() for one, (_, pending) in self._running.items()}
        return {one: keys for one, keys in lacking.items() if keys}


def _failed(value: Any) -> bool:
    return isinstance(value, PropagateError)


__all__ = ["Collision", "DAGPool", "PropagateError"]
