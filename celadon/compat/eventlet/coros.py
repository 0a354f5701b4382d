"""``eventlet.coros``: a counter to wait at until it is 0."""

from __future__ import annotations

from .event import Event


class metaphore:  # noqa: N801  (eventlet's name)
    """``wait`` waits while more was added (``inc``) than was taken away (``dec``)."""

    def __init__(self) -> None:
        self.counter = 0
        self.event = Event()
        self.event.send()

    def inc(self, by: int = 1) -> None:
        """Add."""
        if by <= 0:
            raise AssertionError("inc takes a positive number")
        self.counter += by
        if self.counter == by:
            self.event.reset()

    def dec(self, by: int = 1) -> None:
        """Take away, to 0 at least."""
        if by <= 0:
            raise AssertionError("dec takes a positive number")
        self.counter = max(self.counter - by, 0)
        if not self.counter:
            self.event.send()

    def wait(self) -> None:
        """Wait until the counter is 0."""
        self.event.wait()


__all__ = ["metaphore"]
