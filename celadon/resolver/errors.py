"""The errors of lookups: one subclass of the standard library's, with the facts as fields.

Number and text are libc's, so that code with ``except socket.gaierror`` or with ``errno`` works as before. ``kind``,
``name``, ``server``, ``rcode`` and ``tried`` say what happened.
"""

from __future__ import annotations

import _socket
from enum import Enum
from os.path import dirname
from typing import ClassVar, TypeVar

from .model import Answer


class Kind(Enum):
    """Why a lookup failed. The value is the status that the command prints."""

    NXDOMAIN = "NXDOMAIN"
    NODATA = "NODATA"
    SERVFAIL = "SERVFAIL"
    REFUSED = "REFUSED"
    FORMERR = "FORMERR"
    NOTIMP = "NOTIMP"
    TIMEOUT = "TIMEOUT"
    NETWORK = "UNREACHABLE"
    CANCELLED = "CANCELLED"
    ILLEGAL = "ILLEGAL_INPUT"
    UNSUPPORTED = "UNSUPPORTED"
    ARGUMENT = "ARGUMENT"
    BLOCKED = "BLOCKED"
    NOT_MINE = "NOT_MINE"
    BOGUS = "BOGUS"
    INDETERMINATE = "INDETERMINATE"
    OTHER = "ERROR"


# glibc 2.36's texts (gai_strerror(3)), so that a message does not depend on the engine.
EAI_TEXT: dict[int, str] = {
    _socket.EAI_BADFLAGS: "Bad value for ai_flags",
    _socket.EAI_NONAME: "Name or service not known",
    _socket.EAI_AGAIN: "Temporary failure in name resolution",
    _socket.EAI_FAIL: "Non-recoverable failure in name resolution",
    _socket.EAI_NODATA: "No address associated with hostname",
    _socket.EAI_FAMILY: "ai_family not supported",
    _socket.EAI_SOCKTYPE: "ai_socktype not supported",
    _socket.EAI_SERVICE: "Servname not supported for ai_socktype",
    _socket.EAI_ADDRFAMILY: "Address family for hostname not supported",
    _socket.EAI_MEMORY: "Memory allocation failure",
    _socket.EAI_SYSTEM: "System error",
    -105: "Parameter string not correctly encoded",  # EAI_IDN_ENCODE
}

# The number of libc's getaddrinfo for each kind. If A and AAAA differ, policy/search decides.
EAI_OF_KIND: dict[Kind, int] = {
    Kind.NXDOMAIN: _socket.EAI_NONAME,
    Kind.NODATA: _socket.EAI_NODATA,
    Kind.SERVFAIL: _socket.EAI_AGAIN,
    Kind.REFUSED: _socket.EAI_AGAIN,
    Kind.FORMERR: _socket.EAI_FAIL,
    Kind.NOTIMP: _socket.EAI_FAIL,
    Kind.TIMEOUT: _socket.EAI_AGAIN,
    Kind.NETWORK: _socket.EAI_AGAIN,
    Kind.CANCELLED: _socket.EAI_AGAIN,
    Kind.ILLEGAL: _socket.EAI_NONAME,
    Kind.UNSUPPORTED: _socket.EAI_FAIL,
    Kind.ARGUMENT: _socket.EAI_NONAME,
    Kind.BLOCKED: _socket.EAI_FAIL,
    Kind.NOT_MINE: _socket.EAI_NONAME,
    Kind.BOGUS: _socket.EAI_AGAIN,  # as for the SERVFAIL of a resolver that validates
    Kind.INDETERMINATE: _socket.EAI_AGAIN,
    Kind.OTHER: _socket.EAI_AGAIN,
}


#: The kind of failure of a response code (RFC 1035 §4.1.1).
KIND_OF_RCODE: dict[int, Kind] = {
    1: Kind.FORMERR,
    2: Kind.SERVFAIL,
    3: Kind.NXDOMAIN,
    4: Kind.NOTIMP,
    5: Kind.REFUSED,
}


class ResolveError(_socket.gaierror):
    """A lookup that failed: ``socket.gaierror`` with libc's number and text, and the facts as fields.

    ``tried`` has one line of text for each failed attempt. ``answer`` is the server's reply, if a failed ``query`` got
    one. ``final`` True ends a chain of resolvers: the next one is not asked. To raise an error twice, raise its
    ``fresh()`` copy, which has no traceback yet.
    """

    kind: Kind
    name: str
    server: str | None
    rcode: int | None
    tried: tuple[str, ...]
    #: See ``Answer.one``: no outcome but such an answer has it.
    one: ClassVar[None] = None
    answer: Answer | None
    final: bool

    def __init__(
        self,
        kind: Kind,
        name: str,
        *,
        code: int | None = None,
        detail: str = "",
        server: str | None = None,
        rcode: int | None = None,
        tried: tuple[str, ...] = (),
        answer: Answer | None = None,
        final: bool = False,
    ) -> None:
        number = EAI_OF_KIND[kind] if code is None else code
        super().__init__(number, EAI_TEXT.get(number, "Unknown error"))
        self.kind = kind
        self.name = name
        self.detail = detail
        self.server = server
        self.rcode = rcode
        self.tried = tried
        self.answer = answer
        self.final = final

    def fresh(self) -> ResolveError:
        """The same failure as a new object, so that two callers do not share a traceback."""
        return type(self)(
            self.kind,
            self.name,
            code=self.errno,
            detail=self.detail,
            server=self.server,
            rcode=self.rcode,
            tried=self.tried,
            answer=self.answer,
            final=self.final,
        )

    def explain(self) -> str:
        """One line of text: what was asked, what went wrong and where."""
        where = f" (server {self.server})" if self.server else ""
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.name or '(empty name)'}: {self.kind.value}{detail}{where}"


#: What a failed lookup is for libc: gaierror, and herror of the calls with hostent(5).
LOOKUP_ERRORS = (_socket.gaierror, _socket.herror)
_OURS = dirname(dirname(__file__))
_Failed = TypeVar("_Failed", bound=OSError)


def noted(error: _Failed, host: object, resolver: object) -> _Failed:
    """A failed lookup's error, ready to be raised to the caller: with a note (PEP 678), without our frames.

    The note names the host, the resolver and what the servers said; number, text and class stay libc's. Frames of a
    program's own resolver stay in the traceback.
    """
    shown = host.decode("latin-1") if isinstance(host, bytes) else host
    lines = [f"celadon: looked up {shown!r} with the resolver {getattr(resolver, 'name', None) or repr(resolver)}"]
    if isinstance(error, ResolveError):
        lines[0] += f": {error.explain().removeprefix(f'{shown}: ')}"
        lines += [f"  tried: {one}" for one in error.tried]
    note = "\n".join(lines)
    if note not in getattr(error, "__notes__", ()):  # a program's resolver may raise one object again and again
        error.add_note(note)
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OURS):
        trace = trace.tb_next
    return error.with_traceback(trace)


class ResolverConfigError(ValueError):
    """A resolver, server or option that cannot be: an unknown name, a bad address, a number out of range."""


class ResolverUnavailable(RuntimeError):
    """The chosen resolver cannot work in this process: a library is missing, or this is not glibc."""
