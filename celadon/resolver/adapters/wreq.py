"""wreq: its client resolves in Rust, so it is given the addresses beforehand, for each hop of a redirect anew.

``Client(resolver)`` for asyncio, ``BlockingClient(thread)`` for threads. wreq takes addresses for a client as a whole,
so there is one of its clients for each host and its addresses; those that were used least recently are forgotten.
primp has no such option: give it a ``GuardedProxy``.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import wreq
import wreq.blocking

from .asyncio import on_loop
from .redirects import MOST, Answer, Fetch, Look, hops, place

_BODY = ("body", "json", "form", "multipart")


class _Clients:
    """wreq's own clients, by host and addresses."""

    def __init__(self, make: Callable[..., Any], kwargs: dict[str, Any], most: int) -> None:
        self._make, self._kwargs, self._most = make, kwargs, most
        self._known: OrderedDict[Any, Any] = OrderedDict()

    def of(self, fetch: Fetch) -> Any:
        """The one that connects to these addresses alone."""
        host = place(fetch.url).host
        addresses = tuple(dict.fromkeys(str(row[4][0]) for row in fetch.found))
        key = host, addresses
        if key not in self._known:
            options = wreq.DnsOptions()
            options.add_resolve(host, [ip_address(one) for one in addresses])
            self._known[key] = self._make(
                **{**self._kwargs, "dns_options": options, "redirect": wreq.redirect.Policy.none()}
            )
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]


def _answer(response: Any) -> Answer:
    location = response.headers.get("location")
    text = None if location is None else str(bytes(location), "latin-1")
    return Answer(response, str(response.url), response.status.as_int(), text)


class _Base:
    """What both kinds have in common; ``kwargs`` are those of wreq's client, but for ``redirect``: see ``redirects``.

    ``redirects`` is how many are followed, 0 for none; ``clients`` how many of wreq's own are kept. Without a proxy of
    the environment: that one would connect to the site by itself.
    """

    _make: Callable[..., Any]

    def __init__(self, resolver: Any, *, redirects: int = MOST, clients: int = 100, **kwargs: Any) -> None:
        for name in ("redirect", "dns_options"):
            if name in kwargs:
                raise TypeError(f"{type(self).__name__}: {name} is this class' own business")
        self._resolver, self._redirects = resolver, redirects
        self._clients = _Clients(self._make, {"no_proxy": True, **kwargs}, clients)

    def get(self, url: str, **kwargs: Any) -> Any:
        """``request("GET", url, …)``."""
        return self.request("GET", url, **kwargs)

    def post(self, url: str, **kwargs: Any) -> Any:
        """``request("POST", url, …)``."""
        return self.request("POST", url, **kwargs)

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        """A response of wreq's, after redirects; ``kwargs`` are its request's. ResolveError, and wreq's errors."""
        raise NotImplementedError


class Client(_Base):
    """On asyncio; ``resolver`` is a CrawlerResolver, LoopResolver or ResolverThread. See ``_Base``."""

    _make = wreq.Client

    async def request(self, method: str, url: str, **kwargs: Any) -> Any:
        """See ``_Base.request``."""
        plan = hops(method.upper(), url, self._redirects, kwargs, _BODY)
        step = next(plan)
        while True:
            if isinstance(step, Look):
                said: Any = await asyncio.wrap_future(on_loop(self._resolver).submit(*step.place[1:]))
            else:
                way = getattr(wreq.Method, step.method)
                said = _answer(await self._clients.of(step).request(way, step.url, **kwargs))
            try:
                step = plan.send(said)
            except StopIteration as end:
                return end.value


class BlockingClient(_Base):
    """For threads; ``resolver`` is a ResolverThread, or a CrawlerResolver under ``patch_all``. See ``_Base``."""

    _make = wreq.blocking.Client

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        """See ``_Base.request``."""
        plan = hops(method.upper(), url, self._redirects, kwargs, _BODY)
        step = next(plan)
        while True:
            if isinstance(step, Look):
                said: Any = self._resolver.find(*step.place[1:])
            else:
                said = _answer(self._clients.of(step).request(getattr(wreq.Method, step.method), step.url, **kwargs))
            try:
                step = plan.send(said)
            except StopIteration as end:
                return end.value


__all__ = ["BlockingClient", "Client"]
