"""pyzmq on the hub: ``import celadon.integrations.zmq as zmq`` in place of ``import zmq.green as zmq``.

It is pyzmq's own module for gevent, ``zmq.green``, imported with Celadon's objects by gevent's names; gevent itself is
neither needed nor imported. Anything that ``zmq.green`` has is here.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from typing import Any

#: What ``zmq.green`` imports, of ``celadon.compat``.
_NEEDED = ("gevent", "gevent.event", "gevent.hub", "gevent.select")


def _import_green() -> Any:
    """``zmq.green`` on our hub. RuntimeError if it was imported before with gevent itself."""
    ours = {name: importlib.import_module(f"celadon.compat.{name}") for name in _NEEDED}
    if "zmq.green.core" not in sys.modules:
        before = {name: sys.modules.get(name) for name in _NEEDED}
        sys.modules.update(ours)
        try:
            with warnings.catch_warnings(category=RuntimeWarning, action="ignore"):  # the patch's, of zmq itself
                return importlib.import_module("zmq.green")
        finally:
            for name, module in before.items():
                if module is None:
                    del sys.modules[name]
                else:
                    sys.modules[name] = module
    if sys.modules["zmq.green.core"].gevent is not ours["gevent"]:
        raise RuntimeError("zmq.green was imported before, with gevent itself; import celadon.integrations.zmq first")
    return importlib.import_module("zmq.green")


green: Any = _import_green()
Context, Poller, Socket, device = green.Context, green.Poller, green.Socket, green.device


def __getattr__(name: str) -> Any:
    return getattr(green, name)


__all__ = ["Context", "Poller", "Socket", "device"]
