"""Errors that cannot be raised yet: their greenlet is running, ready, or inside a ``shield`` block.

A greenlet can only be interrupted where it waits. An error that comes for it at another time is kept here until its
next wait, or that of a callee of its; one that comes while it is shielded is kept by the shield until the block ends.
"""

from __future__ import annotations

from collections.abc import Iterable

from greenlet import greenlet

from .callees import callers

_Kind = type[BaseException] | tuple[type[BaseException], ...]

_URGENT = (KeyboardInterrupt, SystemExit)


class ForCaller(BaseException):
    """A GreenletExit that was raised in a callee: greenlet ends the callee with it and raises nothing in the caller."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error

    def __eq__(self, other: object) -> bool:
        return other is self.error

    def __hash__(self) -> int:
        return BaseException.__hash__(self)


class PendingErrors(dict[greenlet, list[BaseException]]):
    """For each greenlet the errors to raise at its next waits, first come, first raised.

    A dict, because every wait asks whether it is empty: that must not cost a call.
    """

    __slots__ = ("shields",)

    def __init__(self) -> None:
        super().__init__()
        #: For each greenlet in shielded blocks, outermost first: what each block has held back.
        self.shields: dict[greenlet, list[list[BaseException]]] = {}

    def add(self, victim: greenlet, *errors: BaseException) -> None:
        """Raise ``errors`` at the next waits of ``victim``, after those that it has already."""
        self.setdefault(victim, []).extend(errors)

    def take(self, me: greenlet, top: greenlet) -> BaseException | None:
        """Take out the first error of ``me``, or of a caller for which it waits; None if there is none.

        ``top`` is the loop's own greenlet. A shield of a callee holds back what is for its callers as well.
        """
        error = self._first(me, BaseException)
        shielded = me in self.shields
        for caller in callers(me, top):
            if error is not None:
                break
            error = self._first(caller, _URGENT if shielded else BaseException, but=ForCaller)
            shielded |= caller in self.shields
        return error.error if isinstance(error, ForCaller) else error

    def _first(self, victim: greenlet, kind: _Kind, but: _Kind = ()) -> BaseException | None:
        errors = self.get(victim, [])
        for place, error in enumerate(errors):
            if isinstance(error, kind) and not isinstance(error, but):
                del errors[place]
                if not errors:
                    del self[victim]
                return error
        return None

    def withdraw(self, victim: greenlet, error: BaseException) -> None:
        """Forget ``error``, wherever it is kept, for its callers too: its Timeout ended before it was noticed."""
        for one in (victim, *callers(victim, None)):
            for held in self.shields.get(one, ()):
                if error in held:
                    held.remove(error)
            errors = self.get(one)
            if errors is not None and error in errors:
                errors.remove(error)
                if not errors:
                    del self[one]

    # -- shields -------------------------------------------------------------------------------------------

    def depth(self, who: greenlet) -> int:
        """How many shielded blocks ``who`` is in."""
        return len(self.shields.get(who, ()))

    def held_back_below(self, callees: Iterable[greenlet], error: BaseException) -> bool:
        """Whether one of these is in a shielded block, which holds back what is for its caller."""
        return bool(self.shields) and not isinstance(error, _URGENT) and any(map(self.depth, callees))

    def hold_back(self, victim: greenlet, error: BaseException, inside: int) -> bool:
        """Give ``error`` to a shield of ``victim``; False if no block but the ``inside`` outermost ones is there."""
        shields = self.shields.get(victim)
        if shields is None or len(shields) <= inside:
            return False
        shields[inside].append(error)
        return True

    def shield(self, who: greenlet) -> list[BaseException]:
        """Begin a block: it holds back what is pending, but for Ctrl-C and SystemExit. Gives what it holds."""
        pending = self.pop(who, [])
        urgent: list[BaseException] = [error for error in pending if isinstance(error, _URGENT)]
        if urgent:
            self[who] = urgent
        held = [error for error in pending if error not in urgent]
        self.shields.setdefault(who, []).append(held)
        return held

    def unshield(self, who: greenlet, held: list[BaseException]) -> None:
        """End the block that holds ``held``: that is raised at the next waits."""
        shields = self.shields.get(who)
        if shields is not None and shields[-1] is held:  # else this is a forked child, which begins with nothing
            shields.pop()
            if not shields:
                del self.shields[who]
        if held:
            self.add(who, *held)

    def clear(self) -> None:
        """Forget every error and every shield."""
        super().clear()
        self.shields.clear()


__all__ = ["PendingErrors"]
