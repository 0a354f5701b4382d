"""A page that shows what a running program does: a small WSGI application (PEP 3333), read-only.

It shows the hubs of all threads; whoever knows more (resolvers, servers, pools) hands in *sections*: names and
functions that return plain data. Serve it on loopback or on a Unix socket: who can read it sees names, addresses and
places in the code. A request must name a host of this machine (or one of ``hosts``), so that a page of another site
cannot read it by a DNS name of its own that leads here.

Nobody imports this module but its user: a program without the page pays nothing for it.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from time import time
from typing import Any
from urllib.parse import parse_qs

from greenlet import greenlet

from ..loop.current import all_hubs
from ..loop.failures import text
from ..waiting.park import sleep
from .page_assets import HTML, SCRIPT, STYLE
from .report import statistics
from .watchdog import Block, Watchdog

Section = Callable[[], Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]

#: How many rows of each table, and how many blocks, are shown.
_MOST, _BLOCKS = 200, 50
#: How many may watch at once, and for how many seconds; a browser comes again by itself.
_WATCHERS, _WATCH = 8, 600.0
_LOCAL = re.compile(r"^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$", re.IGNORECASE | re.ASCII)
_HEADERS = [
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'",
    ),
]
_FILES = {
    "": ("text/html; charset=utf-8", HTML.encode()),
    "style.css": ("text/css; charset=utf-8", STYLE.encode()),
    "script.js": ("text/javascript; charset=utf-8", SCRIPT.encode()),
}


def plain(value: Any) -> Any:
    """``value`` as what JSON knows: mappings of named tuples, dataclasses and their like; text of whatever else."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    names: tuple[str, ...] | None = getattr(type(value), "__match_args__", None)  # its fields, whatever made it
    if names:
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset | deque):
        return [plain(one) for one in value]
    return text(value)


def _short(place: str) -> str:
    """A place in the code without the folder that the module was found in."""
    for folder in sorted(filter(None, sys.path), key=len, reverse=True):
        place = place.replace(folder.rstrip("/") + "/", "")
    return place


def _place(who: greenlet) -> str:
    """The line of the program where a greenlet waits: the innermost that is not ours, if there is one."""
    frame = inner = who.gr_frame
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith("celadon."):
        frame = frame.f_back
    one = frame or inner
    return "" if one is None else _short(f"{one.f_code.co_filename}:{one.f_lineno} in {one.f_code.co_name}")


def _greenlets() -> list[dict[str, Any]]:
    # Not by `ps`, which makes the texts of all: there may be very many.
    parked = [item for hub in all_hubs() for item in list(hub.parked.items())[:_MOST]]
    return [{"greenlet": text(who), "waits on": text(wait), "at": _place(who)} for who, wait in parked[:_MOST]]


def _timers() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for hub in all_hubs():
        now = hub.now()
        for when, _, timer in sorted(list(hub.timers.heap)[:10_000])[:_MOST]:
            if timer.active:
                found.append(
                    {"in seconds": round(when - now, 3), "calls": text(timer.callback), "thread": hub.thread_ident}
                )
    return found[:_MOST]


def _fds() -> list[dict[str, Any]]:
    return [
        {"fd": fd, "watched by": text(entry), "thread": hub.thread_ident}
        for hub in all_hubs()
        for fd, entry in list(hub.fds.items())[:_MOST]
    ]


class Page:
    """The application. ``sections`` come after the hub's own; ``explain(name)`` answers the page's one question.

    ``plots`` are functions that return a number each. ``limit`` (seconds) is that of the page's own Watchdog, which
    runs from here until ``close``. ``every`` is the time between two updates of who watches, in seconds. ``hosts`` are
    allowed in the Host header besides localhost, 127.0.0.0/8 and [::1].
    """

    def __init__(
        self,
        sections: Mapping[str, Section] | None = None,
        *,
        explain: Callable[[str], object] | None = None,
        plots: Mapping[str, Callable[[], float]] | None = None,
        limit: float = 0.1,
        every: float = 1.0,
        hosts: Iterable[str] = (),
    ) -> None:
        self._blocks: deque[tuple[float, Block]] = deque(maxlen=_BLOCKS)
        self._blocked = 0
        self._sections: dict[str, Section] = {
            "hubs": lambda: [statistics(hub) for hub in all_hubs()],
            "blocks": self._blocks_seen,
            "greenlets": _greenlets,
            "timers": _timers,
            "fds": _fds,
            **(sections or {}),
        }
        self._plots: dict[str, Callable[[], float]] = {
            "parked": lambda: sum(len(hub.parked) for hub in all_hubs()),
            "ready": lambda: sum(len(hub.ready) for hub in all_hubs()),
            "timers": lambda: sum(len(hub.timers) for hub in all_hubs()),
            "blocks": lambda: self._blocked,
            **(plots or {}),
        }
        self._explain = explain
        self._every = every
        self._hosts = {one.lower() for one in hosts}
        self._watchers = 0
        self._watchdog = Watchdog(limit, self._blocked_by).start()

    def close(self) -> None:
        """End the watchdog. Who watches is shown no more blocks."""
        self._watchdog.stop()

    def _blocked_by(self, block: Block) -> None:
        """In the watchdog's thread."""
        self._blocked += 1
        self._blocks.append((time(), block))

    def _blocks_seen(self) -> list[dict[str, Any]]:
        now = time()
        return [
            {"seconds ago": round(now - when, 1), "seconds": round(block.seconds, 3), "who": block.who,
             "at": _short(block.place), "ended": block.ended, "thread": block.thread}
            for when, block in reversed(list(self._blocks))
        ]  # fmt: skip

    # -- data --------------------------------------------------------------------------------------------------

    def data(self) -> dict[str, Any]:
        """All sections and plots now, as JSON has it. A section that fails says so in its place."""
        return {
            "time": time(),
            "explains": self._explain is not None,
            "plots": {name: _safely(function) for name, function in self._plots.items()},
            "sections": {name: _safely(function) for name, function in self._sections.items()},
        }

    def metrics(self) -> str:
        """Every number of the sections, in Prometheus' text format."""
        samples: dict[str, list[str]] = {}
        data = self.data()
        for name, value in (*data["sections"].items(), ("page", data["plots"])):
            if name not in ("greenlets", "timers", "fds", "blocks"):  # their rows come and go
                _flatten(samples, f"celadon_{name}", value, ())
        lines = []
        for name, found in samples.items():
            lines += [f"# TYPE {name} gauge", *found]
        return "\n".join(lines) + "\n"

    def _stream(self) -> Iterator[bytes]:
        self._watchers += 1
        try:
            for _ in range(max(int(_WATCH / self._every), 1)):
                yield b"data: " + json.dumps(self.data()).encode() + b"\n\n"
                sleep(self._every)
        finally:
            self._watchers -= 1

    # -- PEP 3333 ----------------------------------------------------------------------------------------------

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        method, path = environ.get("REQUEST_METHOD", "GET"), environ.get("PATH_INFO", "").lstrip("/")
        host = environ.get("HTTP_HOST", "").lower()
        if not _LOCAL.match(host) and host not in self._hosts:
            return _send(start_response, "421 Misdirected Request", "this page does not answer to that host name\n")
        if method not in ("GET", "HEAD"):
            return _send(start_response, "405 Method Not Allowed", "this page is read-only\n", ("Allow", "GET, HEAD"))
        if path == "events" and method == "GET":
            if self._watchers >= _WATCHERS:
                return _send(start_response, "503 Service Unavailable", "too many watch this page\n")
            start_response("200 OK", [("Content-Type", "text/event-stream"), *_HEADERS])
            return self._stream()
        kind, body = self._body(path, environ)
        if body is None:
            return _send(start_response, "404 Not Found", "there is no such page\n")
        start_response("200 OK", [("Content-Type", kind), ("Content-Length", str(len(body))), *_HEADERS])
        return [b"" if method == "HEAD" else body]

    def _body(self, path: str, environ: Mapping[str, Any]) -> tuple[str, bytes | None]:
        if path in _FILES:
            return _FILES[path]
        if path == "data.json":
            return "application/json", json.dumps(self.data()).encode()
        if path == "metrics":
            return "text/plain; version=0.0.4; charset=utf-8", self.metrics().encode()
        if path == "explain" and self._explain is not None:
            name = parse_qs(environ.get("QUERY_STRING", "")).get("name", [""])[0]
            explain = self._explain
            return "text/plain; charset=utf-8", str(_safely(lambda: str(explain(name)))).encode("utf-8", "replace")
        return "", None


def _send(start_response: StartResponse, status: str, body: str, *headers: tuple[str, str]) -> list[bytes]:
    data = body.encode()
    start_response(
        status,
        [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(data))), *headers, *_HEADERS],
    )
    return [data]


def _safely(function: Callable[[], Any]) -> Any:
    try:
        return plain(function())
    except Exception as error:  # somebody else's section; the others are shown all the same
        return {"error": text(error)}


def _flatten(samples: dict[str, list[str]], name: str, value: Any, labels: tuple[tuple[str, str], ...]) -> None:
    if isinstance(value, bool | int | float):
        name = re.sub(r"[^a-zA-Z0-9_]", "_", name)
        inside = ",".join(f'{key}="{_escaped(one)}"' for key, one in labels)
        samples.setdefault(name, []).append(f"{name}{{{inside}}} {float(value):g}" if labels else f"{name} {value:g}")
    elif isinstance(value, dict):
        for key, one in value.items():
            if re.fullmatch(r"[a-zA-Z_]\w*", key, re.ASCII):
                _flatten(samples, f"{name}_{key}", one, labels)
            else:
                _flatten(samples, name, one, (*labels, ("key", key)))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            if isinstance(one, dict):
                label = next((key for key in ("name", "thread") if key in one), None)
                shown = str(number) if label is None else str(one[label])
                rest = {key: inner for key, inner in one.items() if key != label}
                _flatten(samples, name, rest, (*labels, (label or "number", shown)))


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


__all__ = ["Page", "plain"]
