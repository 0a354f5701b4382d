"""gevent's low-level way to wait: a greenlet switches to the hub, and a callback switches back to it with a value."""

from __future__ import annotations

import sys
from typing import Any

from greenlet import GreenletExit, getcurrent

from ._hub_local import get_hub
from .exceptions import ConcurrentObjectUseError


class _Nothing:
    def __repr__(self) -> str:
        return "nothing"


_NOTHING: Any = _Nothing()


class Waiter:
    """``get`` in one greenlet gives what ``switch`` was called with in the hub, before it or after it."""

    __slots__ = ("_error", "greenlet", "hub", "value")

    hub: Any

    def __init__(self, hub: Any = None) -> None:
        self.hub: Any = get_hub() if hub is None else hub
        #: Who is in ``get``.
        self.greenlet: Any = None
        self.clear()

    def clear(self) -> None:
        """As new."""
        self.greenlet = None
        self.value: Any = None
        self._error: Any = _NOTHING

    def __str__(self) -> str:
        state = (
            ""
            if not self.ready()
            else f" value={self.value!r}"
            if self.successful()
            else f" exc_info={self.exc_info!r}"
        )
        return f"<{type(self).__name__} greenlet={self.greenlet}{state}>"

    def ready(self) -> bool:
        """Whether there is a value or an error."""
        return self._error is not _NOTHING

    def successful(self) -> bool:
        """Whether there is a value."""
        return self._error is None

    @property
    def exc_info(self) -> Any:
        """The arguments of ``throw``, or None."""
        return self._error if self._error is not _NOTHING else None

    def switch(self, value: Any) -> None:
        """Give the value: to who is in ``get``, at once, or to the next one. Only in the hub."""
        who, hub = self.greenlet, self.hub
        if who is None:
            self.value = value
            if self._error is _NOTHING:
                self._error = None
            return
        if getcurrent() is not self.hub:
            raise AssertionError("Can only use Waiter.switch method from the Hub greenlet")
        try:
            who.switch(value)
        except BaseException:  # noqa: BLE001  (the hub's to report)
            hub.handle_error(self.switch, *sys.exc_info())

    def switch_args(self, *args: Any) -> None:
        """``switch`` with a tuple."""
        self.switch(args)

    def throw(self, *throw_args: Any) -> None:
        """Have ``get`` raise. Only in the hub."""
        who, hub = self.greenlet, self.hub
        if who is None:
            self._error = throw_args or (GreenletExit,)
            return
        if getcurrent() is not self.hub:
            raise AssertionError("Can only use Waiter.throw method from the Hub greenlet")
        try:
            who.throw(*throw_args)
        except BaseException:  # noqa: BLE001  (the hub's to report)
            hub.handle_error(self.throw, *sys.exc_info())

    def get(self) -> Any:
        """Wait for ``switch`` or ``throw``. ConcurrentObjectUseError, an AssertionError, if another greenlet waits."""
        if self._error is not _NOTHING:
            if self._error is None:
                return self.value
            return getcurrent().throw(*self._error)
        if self.greenlet is not None:
            raise ConcurrentObjectUseError(f"This Waiter is already used by {self.greenlet!r}")
        self.greenlet = getcurrent()
        try:
            return self.hub.switch()
        finally:
            self.greenlet = None

    def __call__(self, source: Any) -> None:
        if source.exception is None:
            self.switch(source.value)
        else:
            self.throw(source.exception)


class MultipleWaiter(Waiter):
    """A Waiter that keeps the values that come while nobody waits, and gives them one by one."""

    __slots__ = ("_values",)

    def __init__(self, hub: Any = None) -> None:
        super().__init__(hub)
        self._values: list[Any] = []

    def switch(self, value: Any) -> None:
        """See ``Waiter.switch``."""
        self._values.append(value)
        Waiter.switch(self, True)

    def get(self) -> Any:
        """See ``Waiter.get``."""
        if not self._values:
            Waiter.get(self)
            Waiter.clear(self)
        return self._values.pop(0)


__all__ = ["MultipleWaiter", "Waiter"]
