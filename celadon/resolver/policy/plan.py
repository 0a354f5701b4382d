"""What a plan is: a lookup written as a generator, which says what it needs to know and is sent it.

A plan yields ``Ask`` (questions to be sent side by side) and is sent the outcomes, or ``Sources`` and is sent where the
kernel would send from; it returns what the standard library would, or raises that. ``front`` runs plans on the hub;
a test runs them on a table. All that the plan knows of its surroundings is in a ``World``.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple, TypeVar

from ..model import Question, SockAddr
from ..system.world import Look

T = TypeVar("T")


class Ask(NamedTuple):
    """Send these questions at once; the plan is sent the outcomes in the same order."""

    questions: tuple[Question, ...]


class Sources(NamedTuple):
    """Tell from which address the kernel would send to each of these; None where it cannot."""

    destinations: tuple[SockAddr, ...]


class AskFunction(NamedTuple):
    """Call a program's function with this name, in the greenlet that looks up. The plan is sent what it returns."""

    function: Look
    name: str


Plan = Generator[Ask | Sources | AskFunction, Any, T]
