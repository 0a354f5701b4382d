"""A deadline for each lookup of any resolver: libc's, a program's own, or one that has a deadline already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ...hub import move_on_after
from ..errors import Kind, ResolveError
from ..model import Answer, Question
from ..protocols import FullResolver
from .calls import Call, Wrapper

T = TypeVar("T")


class Bounded(Wrapper):
    """Another resolver. Each lookup ends after ``seconds`` at the latest, with a ResolveError of Kind.TIMEOUT.

    ``owned``: the other resolver is closed with this one.
    """

    def __init__(self, inner: FullResolver, seconds: float, owned: bool) -> None:
        super().__init__(inner)
        self.seconds = seconds
        self._owned = owned

    def __repr__(self) -> str:
        return f"<{self.inner!r} within {self.seconds:g} s>"

    def _within(self, name: str, work: Callable[..., T], *args: Any) -> T:
        with move_on_after(self.seconds):
            return work(*args)
        raise ResolveError(Kind.TIMEOUT, name, detail=f"no answer within the lookup's {self.seconds:g} s")

    def call(self, call: Call) -> Any:
        """See CallResolver."""
        return self._within(call.shown, call.on, self.inner)

    def query(self, question: Question, deadline: float | None = None) -> Answer:
        """See FullResolver."""
        return self._within(question.name, self.inner.query, question, deadline)

    def close(self) -> None:
        """Close the other resolver if it is ``owned``."""
        if self._owned:
            self.inner.close()
