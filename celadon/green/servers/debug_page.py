"""The debug page with all that Celadon knows: hubs, resolver, servers, pools of database connections.

``celadon.hub.debug.page`` is the page itself; it knows only the hub, since the hub is below all others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ... import resolver
from ...hub.debug.page import Page, plain
from ..dbpool import pools
from .base_server import BaseServer


class ServerTimes:
    """How long lookups took, for each name server: hand it to the resolver as ``on_event``.

    The time is that of the whole lookup whose answer came from the server.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, float, float]] = {}

    def __call__(self, event: resolver.Event) -> None:
        """Note one step of a lookup."""
        if event.kind == "answer" and event.server and event.source == "dns":
            count, total, longest = self._seen.get(event.server, (0, 0.0, 0.0))
            self._seen[event.server] = (count + 1, total + event.seconds, max(longest, event.seconds))

    def section(self) -> list[dict[str, Any]]:
        """What the page shows."""
        return [
            {"name": server, "lookups": count, "mean_seconds": total / count, "longest_seconds": longest}
            for server, (count, total, longest) in list(self._seen.items())
        ]


def _server(server: BaseServer) -> dict[str, Any]:
    return {"name": repr(server), "address": str(server.address), **plain(server.statistics)}


def page(servers: Collection[BaseServer] = (), times: ServerTimes | None = None, **options: Any) -> Page:
    """The page with sections for the resolver in use, ``servers`` (may grow), and pools of ``celadon.green.dbpool``.

    ``times`` adds the latency of each name server. The other arguments are ``Page``'s; ``sections`` are added to ours.
    """
    more: Mapping[str, Any] = options.pop("sections", None) or {}
    sections = {
        "resolver": resolver.stats,
        "servers": lambda: [_server(one) for one in servers],
        "pools": lambda: [one.stats() for one in pools()],
        **({"name_servers": times.section} if times is not None else {}),
        **more,
    }
    plots = {"lookups": lambda: resolver.stats().lookups, **(options.pop("plots", None) or {})}
    return Page(sections, explain=resolver.explain, plots=plots, **options)


__all__ = ["ServerTimes", "page"]
