"""The hub of each thread as gevent has it: the greenlet in which the loop runs, with gevent's methods."""

from __future__ import annotations

from typing import Any

from celadon.hub import get_hub as _get_hub
from celadon.hub.lowlevel import LoopGreenlet, hub_if_any


class _Default:
    """Which class hubs get; ``gevent.hub`` sets it."""

    hub: type[Any] = LoopGreenlet


def set_default_hub_class(kind: type[Any]) -> None:
    """The class of hubs that are asked for from now on; a subclass of ``gevent.hub.Hub`` without slots."""
    _Default.hub = kind


def get_hub_class() -> type[Any]:
    """The class of this thread's hub, or the default one."""
    hub = get_hub_if_exists()
    return _Default.hub if hub is None else type(hub)


def get_hub(*args: Any, **kwargs: Any) -> Any:
    """This thread's hub. The arguments are gevent's and do not matter."""
    return _face(_get_hub().greenlet)


get_hub_noargs = get_hub


def get_hub_if_exists() -> Any:
    """This thread's hub, or None before it has one."""
    hub = hub_if_any()
    return None if hub is None else _face(hub.greenlet)


def _face(loop: Any) -> Any:
    if type(loop) is LoopGreenlet:
        loop.__class__ = _Default.hub
        loop.adopted()  # type: ignore[attr-defined]  # it is a gevent.hub.Hub now
    return loop


def set_hub(hub: Any) -> None:
    """None: the thread's next wait makes a new hub. A hub cannot be given to a thread: NotImplementedError."""
    if hub is None:
        mine = hub_if_any()
        if mine is not None:
            mine.leave_thread()
    elif hub is not get_hub_if_exists():
        raise NotImplementedError("a hub belongs to the thread that made it")


def get_loop() -> Any:
    """None: no loop is kept without its hub."""
    return None


def set_loop(loop: Any) -> None:
    """Nothing: no loop is kept without its hub."""


__all__ = ["get_hub", "get_hub_if_exists", "get_hub_noargs"]
