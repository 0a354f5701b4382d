"""A bounded number of items that are made on demand, lent and given back: eventlet's ``pools``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from .park import TIMED_OUT, WaitQueue
from .timeouts import NotReady

T = TypeVar("T")

# What a waiter gets in place of an item: it may make one itself, and that one is counted already.
_MAKE = object()


class ResourcePool(Generic[T]):
    """At most ``max_size`` items, of which ``min_size`` are made at once and the others as they are needed.

    Either ``create`` is handed in or a subclass has a method of that name; it may wait. Items come back by ``put`` and
    are lent round robin, or, with ``order_as_stack``, the last one first. For greenlets of one thread.
    """

    def __init__(
        self,
        min_size: int = 0,
        max_size: int = 4,
        order_as_stack: bool = False,
        create: Callable[[], T] | None = None,
    ) -> None:
        if min_size > max_size:
            raise ValueError("min_size must not be greater than max_size")
        self.min_size = min_size
        self.max_size: int = max_size
        self.order_as_stack = order_as_stack
        #: How many there are: lent, free, and being made.
        self.current_size: int = 0
        self.free_items: deque[T] = deque()
        self._line = WaitQueue(f"an item of {object.__repr__(self)}")
        if create is not None:
            self.create = create  # type: ignore[method-assign]
        for _ in range(min_size):
            self.current_size += 1
            self.free_items.append(self._make())

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} at {id(self):#x}, {len(self.free_items)} free, "
            f"{self.current_size} of {self.max_size} made, {len(self._line)} waiting>"
        )

    def create(self) -> T:
        """Make an item."""
        raise NotImplementedError(f"{type(self).__name__} was given no create and does not define it")

    def _make(self) -> T:
        try:
            return self.create()
        except BaseException:
            self._forget_one()
            raise

    def _forget_one(self) -> None:
        # One less, and so room for whoever waits to make one.
        self.current_size -= 1
        self._let_make()

    def _let_make(self) -> None:
        while self.current_size < self.max_size and self._line.wake(_MAKE):
            self.current_size += 1

    def get(self, timeout: float | None = None) -> T:
        """An item, made or waited for. NotReady (a TimeoutError) if none came back within ``timeout`` seconds."""
        if self.free_items:
            return self.free_items.popleft()
        if self.current_size < self.max_size:
            self.current_size += 1
            return self._make()
        item = self._line.wait(timeout)
        if item is TIMED_OUT:
            raise NotReady(timeout, repr(self))
        return self._make() if item is _MAKE else item

    def put(self, item: T) -> None:
        """Give an item back; dropped if there are too many since a ``resize``. Never waits."""
        if self.current_size > self.max_size:
            self.current_size -= 1
        elif not self._line.wake(item):
            if self.order_as_stack:
                self.free_items.appendleft(item)
            else:
                self.free_items.append(item)

    @contextmanager
    def item(self) -> Iterator[T]:
        """``with pool.item() as one:`` takes an item and gives it back."""
        one = self.get()
        try:
            yield one
        finally:
            self.put(one)

    def resize(self, new_size: int) -> None:
        """Have at most ``new_size`` from now on; what is too much goes as it is given back."""
        self.max_size = new_size
        self._let_make()

    def free(self) -> int:
        """How many ``get`` would give without a wait for ``put``."""
        return len(self.free_items) + self.max_size - self.current_size

    def waiting(self) -> int:
        """How many wait for an item."""
        return len(self._line)


class Token:
    """What a TokenPool lends."""

    __slots__ = ()


class TokenPool(ResourcePool[Token]):
    """A pool of tokens that mean nothing: a bound on how many do something at once."""

    def create(self) -> Token:
        """A new token."""
        return Token()


__all__ = ["ResourcePool", "Token", "TokenPool"]
