"""A client's subnet on the command line (RFC 7871)."""

from __future__ import annotations

from ..dns.wire import subnet
from ..errors import ResolveError
from .exits import UsageError


def checked_subnet(text: str) -> str:
    """``ADDRESS/BITS`` as it was given. UsageError if it is not a subnet."""
    try:
        subnet(text)
    except ResolveError as error:
        raise UsageError(f"{text!r}: {error.detail}, such as 192.0.2.0/24") from None
    return text
