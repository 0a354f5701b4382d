"""The access log: a line for each request, in the combined format or as JSON, and where lines go.

Nothing that a client sent can end a line, or look like another field: control characters, quotes, backslashes and what
is not ASCII are escaped.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from time import localtime, strftime
from typing import Any

_SAFE = re.compile(r"[ !#-\[\]-~]*")
_UNSAFE = re.compile(r"[^ !#-\[\]-~]")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def escape(text: str) -> str:
    r"""``text`` in visible ASCII, with ``\xNN`` for anything else, and for quotes and backslashes."""
    if _SAFE.fullmatch(text) is not None:
        return text
    return _UNSAFE.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


_stamped: tuple[int, str] = (0, "")


def _stamp(seconds: float) -> str:
    """A time as the combined format has it, made once a second."""
    global _stamped
    second = int(seconds)
    if _stamped[0] != second:
        local = localtime(second)
        month = _MONTHS[local.tm_mon - 1]  # not by the locale
        _stamped = second, strftime(f"%d/{month}/%Y:%H:%M:%S %z", local)
    return _stamped[1]


def _client(handler: Any) -> str:
    environ = handler.environ
    if environ:
        return environ.get("REMOTE_ADDR") or "-"
    address = handler.client_address
    return str(address[0]) if isinstance(address, tuple) else "-"


def combined(handler: Any) -> str:
    """Apache's combined format: client, time, request line, status, bytes of the body, Referer, User-Agent."""
    environ = handler.environ or {}
    return (
        f"{escape(_client(handler))} - {escape(environ.get('REMOTE_USER') or '-')} [{_stamp(handler.time_finish)}] "
        f'"{escape(handler.requestline or "-")}" {handler.code or "-"} {handler.response_length or "-"} '
        f'"{escape(environ.get("HTTP_REFERER") or "-")}" "{escape(environ.get("HTTP_USER_AGENT") or "-")}"'
    )


def json_line(handler: Any) -> str:
    """An object in one line: the same, with the seconds that the request took, and the time since 1970 in seconds."""
    environ = handler.environ or {}
    return json.dumps(
        {
            "client": _client(handler),
            "time": round(handler.time_finish, 3),
            "request": handler.requestline,
            "host": environ.get("HTTP_HOST"),
            "status": handler.code or None,
            "bytes": handler.response_length,
            "seconds": round(handler.time_finish - handler.time_start, 6),
            "referer": environ.get("HTTP_REFERER"),
            "user_agent": environ.get("HTTP_USER_AGENT"),
        }
    )


FORMATS: dict[str, Callable[[Any], str]] = {"combined": combined, "json": json_line}


class NoLog:
    """A log that keeps nothing."""

    def write(self, text: str, /) -> None:
        """Nothing is written."""

    def writelines(self, lines: Any, /) -> None:
        """Nothing is written."""

    def flush(self) -> None:
        """There is nothing to flush."""


class LoggingLogAdapter:
    """A file to write to, over a ``logging.Logger``, at one level (a number). Other attributes are the logger's."""

    __slots__ = ("_level", "_logger")

    def __init__(self, logger: Any, level: int = 20) -> None:
        object.__setattr__(self, "_logger", logger)
        object.__setattr__(self, "_level", level)

    def write(self, text: str, /) -> None:
        """Log one line; its end is the logger's."""
        self._logger.log(self._level, text.removesuffix("\n"))

    def writelines(self, lines: Any, /) -> None:
        """Log each line."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Nothing: a logger does that."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._logger, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._logger, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._logger, name)


NO_LOG = NoLog()


def log_of(log: Any, level: int) -> Any:
    """The object to write to: "default" is stderr, None is nothing, a Logger logs at ``level``."""
    if log == "default":
        return sys.stderr
    if log is None:
        return NO_LOG
    if not hasattr(log, "write") and hasattr(log, "log"):
        return LoggingLogAdapter(log, level)
    return log
