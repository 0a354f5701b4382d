"""A plan: a lookup written as a generator. It yields what it needs to know, and the runner sends the reply back in.

A plan yields ``Ask`` and receives the outcomes of its questions, ``Sources`` and receives source addresses, or
``AskFunction`` and receives the function's result. It returns what the standard library's call returns, or raises what
that raises. ``StubResolver`` runs plans on the hub; a test runs them on a table. All that a plan knows of the system is
in a ``World``.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple, TypeVar

from ..model import Question, SockAddr
from ..system.world import Look

T = TypeVar("T")


class Ask(NamedTuple):
    """Send these questions side by side. Reply: their outcomes (Answer or ResolveError) in the same order."""

    questions: tuple[Question, ...]


class Sources(NamedTuple):
    """Reply: for each destination the address that the kernel would send from, None if there is no route."""

    destinations: tuple[SockAddr, ...]


class AskFunction(NamedTuple):
    """Call a program's function with this name, in the greenlet that looks up. Reply: what it returns."""

    function: Look
    name: str


Plan = Generator[Ask | Sources | AskFunction, Any, T]
