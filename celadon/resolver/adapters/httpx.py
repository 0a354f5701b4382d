"""httpx and httpcore, sync and async: a network backend that looks hosts up with a resolver of ours.

httpx offers no way to hand a backend in, so ``transport`` and ``async_transport`` put it into a transport's pool.
"""

from __future__ import annotations

from typing import Any

import httpcore
import httpx

from .httpcore_backends import async_backend, backend

#: See ``httpcore_backends``.
Backend: Any = backend(httpcore)
AsyncBackend: Any = async_backend(httpcore)


def transport(resolver: Any, **kwargs: Any) -> httpx.HTTPTransport:
    """For ``httpx.Client(transport=…)``; ``kwargs`` are HTTPTransport's."""
    made = httpx.HTTPTransport(**kwargs)
    made._pool._network_backend = Backend(resolver)
    return made


def async_transport(resolver: Any, **kwargs: Any) -> httpx.AsyncHTTPTransport:
    """For ``httpx.AsyncClient(transport=…)``, made while the loop runs; ``kwargs`` are AsyncHTTPTransport's."""
    made = httpx.AsyncHTTPTransport(**kwargs)
    made._pool._network_backend = AsyncBackend(resolver)
    return made


__all__ = ["AsyncBackend", "Backend", "async_transport", "transport"]
