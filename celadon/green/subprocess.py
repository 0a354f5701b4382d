"""Where the standard library's ``subprocess`` blocks: the files of its pipes, and waiting for a child with a timeout.

Everything else of it is its own code, which calls ``os.waitpid``, ``os.read``, ``selectors`` and ``threading``.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from ..hub import get_hub
from .children import await_child
from .files.open_file import FileModule


def popen(module: ModuleType) -> dict[str, Any]:
    """What is replaced in ``subprocess.Popen``."""
    std: Any = module
    original, expired = std.Popen._wait, std.TimeoutExpired

    def _wait(self: Any, timeout: float | None) -> Any:
        if timeout is None or timeout <= 0 or self.returncode is not None:
            return original(self, timeout)
        now = get_hub().now
        deadline = now() + timeout
        await_child(self.pid, timeout)
        try:
            return original(self, max(deadline - now(), 0))
        except expired as error:
            error.timeout = timeout  # not what was left of it
            raise

    return {"_wait": _wait}


MODULE: dict[str, Any] = {"io": FileModule()}

__all__ = ["MODULE", "popen"]
