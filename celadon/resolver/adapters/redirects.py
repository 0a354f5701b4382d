"""Redirects followed by hand, for clients that take addresses beforehand: each hop is judged anew. Pure."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

#: How many are followed; as browsers have it.
MOST = 20
_PORTS = {"http": 80, "https": 443}
#: Fields that are for one origin only (RFC 9110 section 15.4).
_SECRETS = frozenset(("authorization", "cookie", "proxy-authorization"))


class TooManyRedirects(OSError):
    """A chain of redirects that does not end."""


class Place(NamedTuple):
    """Where a URL leads: what is looked up, and with which port."""

    scheme: str
    host: str
    port: int


def place(url: str) -> Place:
    """The origin of an http or https URL. ValueError for anything else."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if not parts.hostname or scheme not in _PORTS:
        raise ValueError(f"{url!r} is not an http or https URL")
    return Place(scheme, parts.hostname, parts.port or _PORTS[scheme])


def next_hop(method: str, url: str, status: int, location: str | None) -> tuple[str, str] | None:
    """Method and URL of the request that a response asks for; None if it asks for none (RFC 9110 section 15.4)."""
    if status not in (301, 302, 303, 307, 308) or not location:
        return None
    if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
        method = "GET"
    return method, urljoin(url, location)


def without_secrets(headers: Any) -> Any:
    """Headers, a mapping or None, as they may be sent to another origin."""
    if not headers:
        return headers
    return {name: value for name, value in dict(headers).items() if str(name).lower() not in _SECRETS}


class Look(NamedTuple):
    """What a plan must know: the addresses of this place, as ``getaddrinfo`` has them."""

    place: Place


class Fetch(NamedTuple):
    """The request to be made next, to these addresses alone; what is sent back is the Answer."""

    method: str
    url: str
    found: Any


class Answer(NamedTuple):
    """A response, and what says whether it is the last."""

    response: Any
    url: str
    status: int
    location: str | None


def hops(
    method: str, url: str, most: int, kwargs: dict[str, Any], body: tuple[str, ...]
) -> Generator[Look | Fetch, Any, Any]:
    """A plan: yields Look, then Fetch, for each hop; returns the last response. ``most`` 0 follows none.

    ``kwargs`` are the request's: the names of ``body`` are taken out where a redirect is to GET, ``params`` after the
    first hop, and what is secret (``headers``, ``auth``) where it leads to another origin. TooManyRedirects,
    ValueError.
    """
    for _ in range(most + 1):
        where = place(url)
        found = yield Look(where)
        answer: Answer = yield Fetch(method, url, found)
        hop = next_hop(method, answer.url, answer.status, answer.location)
        if hop is None or most == 0:
            return answer.response
        kwargs.pop("params", None)
        if hop[0] != method:
            for name in body:
                kwargs.pop(name, None)
        method, url = hop
        if place(url) != where:
            if "headers" in kwargs:
                kwargs["headers"] = without_secrets(kwargs["headers"])
            kwargs.pop("auth", None)
    raise TooManyRedirects(f"{url}: more than {most} redirects")
