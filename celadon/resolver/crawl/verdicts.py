"""Whether a failed fetch is worth another try, by what the resolver knows: NXDOMAIN is not, a dead server is."""

from __future__ import annotations

from _socket import EAI_AGAIN

from ..errors import ResolveError


def lookup_error(error: BaseException | None) -> ResolveError | None:
    """The resolver's error that a client's error was made of; None if its chain has no such error."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, ResolveError):
            return error
        inner = getattr(error, "os_error", None) or (getattr(error.args[0], "reason", None) if error.args else None)
        error = inner if isinstance(inner, BaseException) else error.__cause__ or error.__context__
    return None


def is_temporary(error: BaseException | None) -> bool:
    """Whether another lookup may go better: no answer, or a server that failed; not NXDOMAIN, not the guard's no.

    ``error`` is the resolver's, or a client's that was made of it. False if no lookup failed in its chain.
    """
    looked = lookup_error(error)
    return looked is not None and looked.errno == EAI_AGAIN
