"""What is imported only when it is asked for, because its library is slow to import or need not be there.

Engines and whole resolvers are in ``registry``. ``tests/test_layers.py`` reads both tables as imports.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from .errors import ResolverUnavailable

#: The rare record types, by dnspython.
RDATA = "dns.rdata_dnspython"
#: The python engine's connection to a server, by the scheme of its address.
TRANSPORTS = {"tls": "engines.python.tls", "https": "engines.python.https", "quic": "engines.python.quic"}


def rdata() -> Any:
    """The module for the data of rare record types: dnspython takes a tenth of a second to import."""
    return import_module(f"{__package__}.{RDATA}")


def transport(scheme: str) -> Callable[..., Any]:
    """The function that connects the python engine to a server. ResolverUnavailable without the library it needs."""
    try:
        module = import_module(f"{__package__}.{TRANSPORTS[scheme]}")
    except ImportError as error:
        raise ResolverUnavailable(f"servers by {scheme}:// need a library that is not installed: {error}") from None
    made: Callable[..., Any] = module.connect
    return made
