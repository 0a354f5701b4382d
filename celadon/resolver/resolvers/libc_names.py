"""Which names of the ``auto`` resolver libc looks up, by the table in ``policy/libc_or_engine``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from .. import registry
from ..model import Config
from ..names.address import value_of
from ..policy import libc_or_engine
from ..protocols import FullResolver
from ..system.world import World


class Automatic:
    """Tells a StubResolver which names libc looks up, and holds the libc resolver.

    ``base`` returns the system's world. ``config`` is libc's configuration, None for its own files. ``overridden`` says
    whether the option ``overrides`` has a name.
    """

    def __init__(
        self,
        base: Callable[[], World],
        config: Config | None,
        overridden: Callable[[str], bool],
        platform: str = sys.platform,
    ) -> None:
        self.libc: FullResolver = registry.make_resolver("thread", config)
        self._base = base
        self._overridden = overridden
        self._platform = platform
        self._known: tuple[World, str | None, bool] | None = None

    def choice(self, name: str, reverse: bool = False) -> libc_or_engine.Choice:
        """Who looks ``name`` up, and why."""
        if not reverse and value_of(name) is not None:
            return libc_or_engine.Choice("engine", "an address literal: nobody is asked")
        if not reverse and self._overridden(name):
            return libc_or_engine.Choice("engine", "the option overrides has its addresses")
        return libc_or_engine.decide(self._base(), name, self._platform, reverse)

    def __call__(self, name: Any, reverse: bool = False) -> FullResolver | None:
        """The libc resolver if it looks this name up, else None."""
        if not name or not isinstance(name, str | bytes):
            return None
        world = self._base()
        known = self._known
        if known is None or known[0] is not world:
            known = self._known = (
                world,
                libc_or_engine.for_all(world, self._platform),
                libc_or_engine.looks_at_names(world),
            )
        text = name.decode("latin-1") if isinstance(name, bytes) else name
        if known[1] is None and not known[2] and "%" not in text and "\\" not in text:
            return None  # the commonest case: all names of this system are an engine's
        return self.libc if self.choice(text, reverse).who == "thread" else None

    def close(self) -> None:
        """Close the libc resolver."""
        self.libc.close()
