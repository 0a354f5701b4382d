"""curl_cffi: libcurl resolves in C, so it is told the addresses beforehand, for each hop of a redirect anew.

``Session(thread)`` and ``AsyncSession(thread)`` are curl_cffi's, with one argument more. Give ``trust_env=False``:
a proxy of the environment connects to the site by itself, past this resolver.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias

from curl_cffi import CurlOpt
from curl_cffi.requests import AsyncSession as _AsyncSession
from curl_cffi.requests import Session as _Session

from .asyncio import on_loop
from .redirects import MOST, Answer, Fetch, Look, hops, place

if TYPE_CHECKING:  # they have a parameter for type checkers, and had none in older versions
    _PlainSession: TypeAlias = _Session[Any]
    _PlainAsyncSession: TypeAlias = _AsyncSession[Any]
else:
    _PlainSession, _PlainAsyncSession = _Session, _AsyncSession

_BODY = ("data", "json", "multipart", "content")


#: The entry of the request that is under way in this thread or task.
_entry: ContextVar[list[str] | None] = ContextVar("celadon.curl_cffi", default=None)


def _entry_of(fetch: Fetch) -> list[str]:
    """CURLOPT_RESOLVE: the addresses that were judged, and no others; it expires as if libcurl had looked up."""
    _, host, port = place(fetch.url)
    addresses = dict.fromkeys(f"[{row[4][0]}]" if ":" in row[4][0] else str(row[4][0]) for row in fetch.found)
    return [f"+{f'[{host}]' if ':' in host else host}:{port}:{','.join(addresses)}"]


def _answer(response: Any) -> Answer:
    return Answer(response, str(response.url), response.status_code, response.headers.get("location"))


class _Guarded:
    """What both kinds have in common."""

    def __init__(self, resolver: Any, **kwargs: Any) -> None:
        self._celadon = resolver
        self._given: dict[Any, Any] = {}
        super().__init__(**kwargs)

    @property
    def curl_options(self) -> dict[Any, Any]:
        """What curl_cffi sets for each request. RuntimeError for a connection that no resolver was asked for."""
        entry = _entry.get()
        if entry is None:
            raise RuntimeError("this session connects for requests only; for a WebSocket take a GuardedProxy")
        return {**self._given, CurlOpt.RESOLVE: entry}

    @curl_options.setter
    def curl_options(self, given: dict[Any, Any]) -> None:
        self._given = given

    def _plan(self: Any, method: str, url: str, kwargs: dict[str, Any]) -> Any:
        follow = kwargs.pop("allow_redirects", None)
        most = kwargs.pop("max_redirects", None)
        follow = self.allow_redirects if follow is None else follow
        most = self.max_redirects if most is None else most
        url = f"{self.base_url.rstrip('/')}/{url.lstrip('/')}" if self.base_url and "://" not in url else url
        limit = (MOST if most < 0 else most) if follow else 0
        return hops(method.upper(), url, limit, kwargs, _BODY)


class Session(_Guarded, _PlainSession):
    """See ``curl_cffi.requests.Session``. ``resolver`` is a ResolverThread, or a CrawlerResolver under ``patch_all``.

    ResolveError (BlockedAddress) for what is not to be connected to.
    """

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        """See ``curl_cffi.requests.Session.request``."""
        plan = self._plan(method, url, kwargs)
        step = next(plan)
        while True:
            if isinstance(step, Look):
                said: Any = self._celadon.find(*step.place[1:])
            else:
                token = _entry.set(_entry_of(step))
                try:
                    said = _answer(super().request(step.method, step.url, allow_redirects=False, **kwargs))
                finally:
                    _entry.reset(token)
            try:
                step = plan.send(said)
            except StopIteration as end:
                return end.value


class AsyncSession(_Guarded, _PlainAsyncSession):
    """See ``curl_cffi.requests.AsyncSession``. ``resolver`` is a CrawlerResolver, LoopResolver or ResolverThread."""

    async def request(self, method: str, url: str, **kwargs: Any) -> Any:
        """See ``curl_cffi.requests.AsyncSession.request``."""
        plan = self._plan(method, url, kwargs)
        step = next(plan)
        while True:
            if isinstance(step, Look):
                said: Any = await asyncio.wrap_future(on_loop(self._celadon).submit(*step.place[1:]))
            else:
                token = _entry.set(_entry_of(step))
                try:
                    said = _answer(await super().request(step.method, step.url, allow_redirects=False, **kwargs))
                finally:
                    _entry.reset(token)
            try:
                step = plan.send(said)
            except StopIteration as end:
                return end.value


__all__ = ["AsyncSession", "Session"]
