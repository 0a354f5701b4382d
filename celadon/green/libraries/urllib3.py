"""urllib3's own ``create_connection``, which applies its timeout to the socket but not to the lookup before it.

So the lookup, which comes first, takes what it takes (urllib3#1334), and requests' ``timeout`` with it. Here each of
its lookups ends with that time as well, as those of ``socket.create_connection`` do.
"""

from __future__ import annotations

from functools import wraps
from types import ModuleType
from typing import Any

from ...hub import get_hub
from ...resolver import Kind, ResolveError, scope


def bounded(module: ModuleType) -> dict[str, Any]:
    """For the module of a ``create_connection(address, timeout, …)``: its timeout bounds the lookup too."""
    connect: Any = vars(module)["create_connection"]
    unset: Any = connect.__defaults__[0]

    @wraps(connect)
    def create_connection(address: Any, timeout: Any = unset, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(timeout, int | float) or timeout <= 0:
            return connect(address, timeout, *args, **kwargs)
        hub = get_hub()
        begin = hub.now()
        try:
            with scope(deadline=timeout):
                return connect(address, timeout, *args, **kwargs)
        except ResolveError as error:
            if error.kind is Kind.TIMEOUT and hub.now() - begin >= timeout:
                raise TimeoutError(f"{address[0]}: no address within {timeout} s") from error
            raise

    return {"create_connection": create_connection}


__all__ = ["bounded"]
