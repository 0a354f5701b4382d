"""Subscribers that hear of patching and of blocked hubs, by gevent's names; zope.event's list, if that is installed."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from functools import cache
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


@cache
def _installed() -> Any:
    return importlib.import_module("importlib.metadata").entry_points()


@cache
def _plugins(group: str) -> list[Any]:
    """What installed packages have for an event: setuptools' entry points, as they are documented for gevent."""
    return [one.load() for one in _installed().select(group=group)]


def heard(kind: Any) -> bool:
    """Whether anyone would hear of such an event."""
    return bool(subscribers or _plugins(kind.ENTRY_POINT_NAME))


def notify_and_call_entry_points(event: Any) -> None:
    """``notify``, then the plug-ins of installed packages for this event."""
    notify(event)
    for plugin in _plugins(event.ENTRY_POINT_NAME):
        plugin(event)


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
    """A hub has begun to be monitored; a subscriber may give ``monitor`` more functions to call."""

    ENTRY_POINT_NAME = "gevent.plugins.hub.periodic_monitor_thread_started"

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
    """The process uses more memory (bytes) than ``config.max_memory_usage``, or still more than at the last event."""


class MemoryUsageUnderThreshold(_MemoryEvent):
    """It does not any more; ``max_memory_usage`` is what it used at the last look before."""

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

    ENTRY_POINT_NAME = "gevent.plugins.monkey.will_patch_module"

    def __init__(self, module_name: str, source: Any, target: Any, items: list[str]) -> None:
        super().__init__(source, target)
        self.module_name = module_name
        self.target_item_names = items


class GeventDidPatchModuleEvent(GeventDidPatchEvent):
    """After one module was patched."""

    ENTRY_POINT_NAME = "gevent.plugins.monkey.did_patch_module"

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

    ENTRY_POINT_NAME = "gevent.plugins.monkey.will_patch_all"

    def will_patch_module(self, module_name: str) -> bool:
        """Whether the arguments ask for that module."""
        return bool(self._arguments.get(module_name))


class GeventDidPatchBuiltinModulesEvent(_All, GeventDidPatchEvent):
    """After the standard library was patched."""

    ENTRY_POINT_NAME = "gevent.plugins.monkey.did_patch_builtins"


class GeventDidPatchAllEvent(_All, GeventDidPatchEvent):
    """After ``patch_all``."""

    ENTRY_POINT_NAME = "gevent.plugins.monkey.did_patch_all"


class _Interface:
    """What stands for an interface of zope's without that: it is provided by the one class and those below."""

    def __init__(self, kind: type) -> None:
        self.kind = kind

    def providedBy(self, one: object) -> bool:  # noqa: N802  (zope's name)
        """Whether ``one`` is such an event."""
        return isinstance(one, self.kind)

    def implementedBy(self, kind: type) -> bool:  # noqa: N802  (zope's name)
        """Whether it is a class of such events."""
        return issubclass(kind, self.kind)


_interfaces: Any = (
    importlib.import_module("zope.interface")
    if importlib.util.find_spec("zope") and importlib.util.find_spec("zope.interface")
    else None
)


def interface(kind: type, attributes: str = "", base: Any = None, **methods: Any) -> Any:
    """The interface of a class: zope's own kind if zope.interface is installed."""
    if _interfaces is None:
        return _Interface(kind)
    names: dict[str, Any] = {name: _interfaces.Attribute(name) for name in attributes.split()}
    bases = (_interfaces.Interface if base is None else base,)
    found = _interfaces.interface.InterfaceClass(f"I{kind.__name__}", bases, {**names, **methods}, kind.__doc__)
    _interfaces.classImplements(kind, found)
    return found


_MEMORY, _ARGUMENTS = "mem_usage max_allowed memory_info", "patch_all_arguments patch_all_kwargs"
IPeriodicMonitorThreadStartedEvent = interface(PeriodicMonitorThreadStartedEvent, "monitor")
IEventLoopBlocked = interface(EventLoopBlocked, "greenlet blocking_time info hub")
IMemoryUsageThresholdExceeded = interface(MemoryUsageThresholdExceeded, _MEMORY)
IMemoryUsageUnderThreshold = interface(MemoryUsageUnderThreshold, f"{_MEMORY} max_memory_usage")
IGeventPatchEvent = interface(GeventPatchEvent, "source target")
IGeventWillPatchEvent = interface(GeventWillPatchEvent, base=IGeventPatchEvent)
IGeventDidPatchEvent = interface(GeventDidPatchEvent, base=IGeventPatchEvent)
IGeventWillPatchModuleEvent = interface(
    GeventWillPatchModuleEvent, "module_name target_item_names", IGeventWillPatchEvent
)
IGeventDidPatchModuleEvent = interface(GeventDidPatchModuleEvent, "module_name", IGeventDidPatchEvent)
IGeventWillPatchAllEvent = interface(
    GeventWillPatchAllEvent, _ARGUMENTS, IGeventWillPatchEvent, will_patch_module=lambda module_name: False
)
IGeventDidPatchBuiltinModulesEvent = interface(GeventDidPatchBuiltinModulesEvent, _ARGUMENTS, IGeventDidPatchEvent)
IGeventDidPatchAllEvent = interface(GeventDidPatchAllEvent, _ARGUMENTS, IGeventDidPatchEvent)


def __getattr__(name: str) -> Any:
    if name == "IPeriodicMonitorThread":  # of a class that is imported later than this
        return importlib.import_module(f"{__package__}._monitor").IPeriodicMonitorThread
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


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
    "IPeriodicMonitorThread",  # noqa: F822  (from __getattr__)
    "IPeriodicMonitorThreadStartedEvent",
    "MemoryUsageThresholdExceeded",
    "MemoryUsageUnderThreshold",
    "PeriodicMonitorThreadStartedEvent",
    "subscribers",
]
