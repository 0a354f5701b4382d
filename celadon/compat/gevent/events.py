"""Subscribers that hear of patching and of blocked hubs, by gevent's names; zope.event's list, if that is installed."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

#: Each is called with each event.
subscribers: list[Callable[[Any], object]] = []


def notify(event: Any) -> None:
    """Tell all subscribers; what one raises passes through."""
    for one in list(subscribers):
        one(event)


if importlib.util.find_spec("zope") and importlib.util.find_spec("zope.event"):
    _zope = importlib.import_module("zope.event")
    subscribers, notify = _zope.subscribers, _zope.notify

notify_and_call_entry_points = notify


class DoNotPatch(BaseException):
    """Raised by a subscriber: leave this module as it is."""


class EventLoopBlocked:
    """A greenlet has let nobody else run for ``blocking_time`` seconds."""

    def __init__(self, greenlet: Any, blocking_time: float, info: list[str], *, hub: Any = None) -> None:
        self.greenlet = greenlet
        self.blocking_time = blocking_time
        self.info = info
        self.hub = hub


class PeriodicMonitorThreadStartedEvent:
    """Never sent: there is no such thread."""

    def __init__(self, monitor: Any) -> None:
        self.monitor = monitor


class _MemoryEvent:
    def __init__(self, mem_usage: int, max_allowed: int, memory_info: Any) -> None:
        self.mem_usage = mem_usage
        self.max_allowed = max_allowed
        self.memory_info = memory_info

    def __repr__(self) -> str:
        return f"<{type(self).__name__} used={self.mem_usage} max={self.max_allowed} details={self.memory_info!r}>"


class MemoryUsageThresholdExceeded(_MemoryEvent):
    """Never sent."""


class MemoryUsageUnderThreshold(_MemoryEvent):
    """Never sent."""

    def __init__(self, mem_usage: int, max_allowed: int, memory_info: Any, max_usage: int) -> None:
        super().__init__(mem_usage, max_allowed, memory_info)
        self.max_memory_usage = max_usage


class GeventPatchEvent:
    """Something of ``source`` is put into ``target``."""

    def __init__(self, source: Any, target: Any) -> None:
        self.source = source
        self.target = target

    def __repr__(self) -> str:
        return f"<{type(self).__name__} source={self.source!r} target={self.target!r} at {id(self):x}>"


class GeventWillPatchEvent(GeventPatchEvent):
    """Before it; a subscriber may raise DoNotPatch."""


class GeventDidPatchEvent(GeventPatchEvent):
    """After it."""


class GeventWillPatchModuleEvent(GeventWillPatchEvent):
    """Before one module is patched."""

    def __init__(self, module_name: str, source: Any, target: Any, items: list[str]) -> None:
        super().__init__(source, target)
        self.module_name = module_name
        self.target_item_names = items


class GeventDidPatchModuleEvent(GeventDidPatchEvent):
    """After one module was patched."""

    def __init__(self, module_name: str, source: Any, target: Any) -> None:
        super().__init__(source, target)
        self.module_name = module_name


class _All:
    def __init__(self, patch_all_arguments: dict[str, Any], patch_all_kwargs: dict[str, Any]) -> None:
        super().__init__(None, None)  # type: ignore[call-arg]
        self._arguments = patch_all_arguments
        self._kwargs = patch_all_kwargs

    @property
    def patch_all_arguments(self) -> dict[str, Any]:
        """The arguments of ``patch_all``, as a copy."""
        return self._arguments.copy()

    @property
    def patch_all_kwargs(self) -> dict[str, Any]:
        """The keywords of ``patch_all`` that it does not know, as a copy."""
        return self._kwargs.copy()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):x}>"


class GeventWillPatchAllEvent(_All, GeventWillPatchEvent):
    """Before ``patch_all``."""

    def will_patch_module(self, module_name: str) -> bool:
        """Whether the arguments ask for that module."""
        return bool(self._arguments.get(module_name))


class GeventDidPatchBuiltinModulesEvent(_All, GeventDidPatchEvent):
    """After the standard library was patched."""


class GeventDidPatchAllEvent(_All, GeventDidPatchEvent):
    """After ``patch_all``."""


def _interface(kind: type) -> Any:
    """What stands for zope's interface of a class."""
    found = _Interface()
    found.kind = kind
    return found


class _Interface:
    kind: type

    def providedBy(self, one: object) -> bool:  # noqa: N802  (zope's name)
        """Whether ``one`` is such an event."""
        return isinstance(one, self.kind)

    def implementedBy(self, kind: type) -> bool:  # noqa: N802  (zope's name)
        """Whether it is a class of such events."""
        return issubclass(kind, self.kind)


IEventLoopBlocked = _interface(EventLoopBlocked)
IMemoryUsageThresholdExceeded = _interface(MemoryUsageThresholdExceeded)
IMemoryUsageUnderThreshold = _interface(MemoryUsageUnderThreshold)
IGeventPatchEvent = _interface(GeventPatchEvent)
IGeventWillPatchEvent = _interface(GeventWillPatchEvent)
IGeventDidPatchEvent = _interface(GeventDidPatchEvent)
IGeventWillPatchModuleEvent = _interface(GeventWillPatchModuleEvent)
IGeventDidPatchModuleEvent = _interface(GeventDidPatchModuleEvent)
IGeventWillPatchAllEvent = _interface(GeventWillPatchAllEvent)
IGeventDidPatchBuiltinModulesEvent = _interface(GeventDidPatchBuiltinModulesEvent)
IGeventDidPatchAllEvent = _interface(GeventDidPatchAllEvent)
IPeriodicMonitorThreadStartedEvent = _interface(PeriodicMonitorThreadStartedEvent)

__all__ = [
    "DoNotPatch",
    "EventLoopBlocked",
    "GeventDidPatchAllEvent",
    "GeventDidPatchBuiltinModulesEvent",
    "GeventDidPatchEvent",
    "GeventDidPatchModuleEvent",
    "GeventPatchEvent",
    "GeventWillPatchAllEvent",
    "GeventWillPatchEvent",
    "GeventWillPatchModuleEvent",
    "IEventLoopBlocked",
    "IGeventDidPatchAllEvent",
    "IGeventDidPatchBuiltinModulesEvent",
    "IGeventDidPatchEvent",
    "IGeventDidPatchModuleEvent",
    "IGeventPatchEvent",
    "IGeventWillPatchAllEvent",
    "IGeventWillPatchEvent",
    "IGeventWillPatchModuleEvent",
    "IMemoryUsageThresholdExceeded",
    "IMemoryUsageUnderThreshold",
    "MemoryUsageThresholdExceeded",
    "MemoryUsageUnderThreshold",
    "PeriodicMonitorThreadStartedEvent",
    "subscribers",
]
