"""httpx2 and httpcore2, sync and async: a network backend that looks hosts up with a resolver of ours.

httpx2 offers no way to hand a backend in, so ``transport`` and ``async_transport`` put it into a transport's pool.
"""

from __future__ import annotations

from typing import Any

import httpcore2
import httpx2

from .httpcore_backends import async_backend, backend

#: See ``httpcore_backends``.
Backend: Any = backend(httpcore2)
AsyncBackend: Any = async_backend(httpcore2)


def transport(resolver: Any, **kwargs: Any) -> httpx2.HTTPTransport:
    """For ``httpx2.Client(transport=…)``; ``kwargs`` are HTTPTransport's."""
    made = httpx2.HTTPTransport(**kwargs)
    made._pool._network_backend = Backend(resolver)
    return made


def async_transport(resolver: Any, **kwargs: Any) -> httpx2.AsyncHTTPTransport:
    """For ``httpx2.AsyncClient(transport=…)``, made while the loop runs; ``kwargs`` are AsyncHTTPTransport's."""
    made = httpx2.AsyncHTTPTransport(**kwargs)
    made._pool._network_backend = AsyncBackend(resolver)
    return made


__all__ = ["AsyncBackend", "Backend", "async_transport", "transport"]
