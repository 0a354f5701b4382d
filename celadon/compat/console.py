"""A prompt of Python on a stream, for the peers' backdoors."""

from __future__ import annotations

import code
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from greenlet import getcurrent


class _Streams:
    """In the place of ``sys.stdin``, ``stdout``, ``stderr``: the connection's in its greenlet, else the old one."""

    def __init__(self, name: str) -> None:
        self.__dict__["_name"] = name
        self.__dict__["_old"] = getattr(sys, name)
        self.__dict__["_of"] = {}

    def _now(self) -> Any:
        return self._of.get(getcurrent(), self._old)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._now(), name)


@contextmanager
def _redirected(stream: Any) -> Iterator[None]:
    me = getcurrent()
    for name in ("stdin", "stdout", "stderr"):
        if not isinstance(getattr(sys, name), _Streams):
            setattr(sys, name, _Streams(name))
        getattr(sys, name)._of[me] = stream
    try:
        yield
    finally:
        for name in ("stdin", "stdout", "stderr"):
            mine = getattr(sys, name)
            if isinstance(mine, _Streams):
                mine._of.pop(me, None)
                if not mine._of:
                    setattr(sys, name, mine._old)


def converse(stream: Any, locals: dict[str, Any], banner: str | None = None) -> None:
    """Read lines of Python from ``stream``, a text file over one of bytes, and run them. SystemExit for ``quit()``."""
    console = code.InteractiveConsole(locals)
    with _redirected(stream):
        console.raw_input = lambda prompt="": _line(stream, prompt)  # type: ignore[method-assign]
        console.write = lambda data: _say(stream, data)  # type: ignore[method-assign]
        console.interact(banner, exitmsg="")
        # Not after SystemExit, where Python 3.13 would say it as well.
        _say(stream, f"now exiting {type(console).__name__}...\n")


def _say(stream: Any, text: str) -> None:
    if not stream.closed:  # ``quit()`` closes it, and code.interact says goodbye after that (Python 3.13)
        stream.write(text)
        stream.flush()


def _line(stream: Any, prompt: str) -> str:
    _say(stream, prompt)
    # Not the text file's: a write to it drops the lines that it has read ahead.
    line = stream.buffer.readline()
    if not line:
        raise EOFError
    return str(line, "utf-8", "replace").rstrip("\r\n")


__all__ = ["converse"]
