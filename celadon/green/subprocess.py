"""Where the standard library's ``subprocess`` blocks: the files of its pipes, and waiting for a child with a timeout.

Everything else of it is its own code, which calls ``os.waitpid``, ``os.read``, ``selectors`` and ``threading``.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from ..hub import get_hub, getcurrent, spawn
from .children import await_child
from .files.open_file import FileModule
from .patching.hook import Extra


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
            error.timeout = timeout  # the caller's, not the rest that was left of it
            raise

    def rawlink(self: Any, callback: Callable[[Any], object]) -> None:
        """Call ``callback(popen)`` in a greenlet of its own once the child has ended and was waited for. gevent's."""
        if not callable(callback):
            raise TypeError(f"what is called must be callable, not {callback!r}")

        def tell() -> None:
            self.wait()
            callback(self)

        self.__dict__.setdefault("_celadon_links", []).append((callback, spawn(tell)))

    def unlink(self: Any, callback: Callable[[Any], object]) -> None:
        """Remove one callback that equals (``==``) ``callback``, if it is linked."""
        links = self.__dict__.get("_celadon_links", [])
        for place, (one, waiting) in enumerate(links):
            if one == callback:
                del links[place]
                if waiting is not getcurrent():
                    waiting.kill(block=False)
                return

    return {"_wait": _wait, "rawlink": Extra(rawlink), "unlink": Extra(unlink)}


MODULE: dict[str, Any] = {"io": FileModule()}

__all__ = ["MODULE", "popen"]
