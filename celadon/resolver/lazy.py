"""The one late import of the policy's side: dnspython, for the data of rare record types.

Engines and whole resolvers are in ``registry``, the python engine's connections in its ``transports``, the command's
parts in ``cli``. ``tests/test_layers.py`` reads these tables as imports.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

RDATA = "dns.rdata_dnspython"


def rdata() -> Any:
    """The module for the data of rare record types; dnspython takes a tenth of a second to import."""
    return import_module(f"{__package__}.{RDATA}")
