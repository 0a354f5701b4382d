"""The hub as a Runtime: what engines run on unless they are made for another loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...hub import Hub, Timer, get_hub
from ...hub.lowlevel import Watch, watch


class HubRuntime:
    """See ``protocols.Runtime``. Belongs to the thread that made it."""

    __slots__ = ("call_later", "call_soon", "clock", "watch")

    def __init__(self) -> None:
        self.clock: Hub = get_hub()
        self.call_soon: Callable[..., None] = self.clock.call_soon
        self.call_later: Callable[..., Timer] = self.clock.call_later
        self.watch: Callable[..., Watch] = watch

    def call_at(self, when: float, function: Callable[..., object], *args: Any) -> Timer:
        """See ``Runtime.call_at``."""
        return self.clock.timers.add(when, function, args)
