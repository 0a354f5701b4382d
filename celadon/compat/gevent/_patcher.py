"""``import_patched`` by gevent's name, and which module stands for which of the standard library."""

from __future__ import annotations

from typing import Any

from celadon.green import import_patched as _import_patched

MAPPING = {
    f"gevent.{name}": {"thread": "_thread", "local": "_threading_local"}.get(name, name)
    for name in (
        "local", "contextvars", "os", "queue", "select", "selectors", "signal", "socket", "ssl", "subprocess",
        "thread", "threading", "time", "builtins",
    )
}  # fmt: skip


class _Patched:
    def __init__(self, module: Any) -> None:
        self.module = module


def import_patched(module_name: str) -> Any:
    """The green copy of a module, as the attribute ``module``."""
    return _Patched(_import_patched(module_name))
