"""``aiodns.error``: c-ares' statuses, and the error that carries one; and which of them an error of ours is."""

from __future__ import annotations

import socket
from typing import Any

from pycares import errno as _errno

from ...errors import Kind, ResolveError

ARES_SUCCESS: int = _errno.ARES_SUCCESS
ARES_ENODATA: int = _errno.ARES_ENODATA
ARES_EFORMERR: int = _errno.ARES_EFORMERR
ARES_ESERVFAIL: int = _errno.ARES_ESERVFAIL
ARES_ENOTFOUND: int = _errno.ARES_ENOTFOUND
ARES_ENOTIMP: int = _errno.ARES_ENOTIMP
ARES_EREFUSED: int = _errno.ARES_EREFUSED
ARES_EBADQUERY: int = _errno.ARES_EBADQUERY
ARES_EBADNAME: int = _errno.ARES_EBADNAME
ARES_EBADFAMILY: int = _errno.ARES_EBADFAMILY
ARES_EBADRESP: int = _errno.ARES_EBADRESP
ARES_ECONNREFUSED: int = _errno.ARES_ECONNREFUSED
ARES_ETIMEOUT: int = _errno.ARES_ETIMEOUT
ARES_EOF: int = _errno.ARES_EOF
ARES_EFILE: int = _errno.ARES_EFILE
ARES_ENOMEM: int = _errno.ARES_ENOMEM
ARES_EDESTRUCTION: int = _errno.ARES_EDESTRUCTION
ARES_EBADSTR: int = _errno.ARES_EBADSTR
ARES_EBADFLAGS: int = _errno.ARES_EBADFLAGS
ARES_ENONAME: int = _errno.ARES_ENONAME
ARES_EBADHINTS: int = _errno.ARES_EBADHINTS
ARES_ENOTINITIALIZED: int = _errno.ARES_ENOTINITIALIZED
ARES_ELOADIPHLPAPI: int = _errno.ARES_ELOADIPHLPAPI
ARES_EADDRGETNETWORKPARAMS: int = _errno.ARES_EADDRGETNETWORKPARAMS
ARES_ECANCELLED: int = _errno.ARES_ECANCELLED
ARES_ESERVICE: int = _errno.ARES_ESERVICE


class DNSError(Exception):
    """A failed lookup: ``args`` are an ARES_* status and its text."""


_OF_KIND = {
    Kind.NXDOMAIN: ARES_ENOTFOUND,
    Kind.NODATA: ARES_ENODATA,
    Kind.SERVFAIL: ARES_ESERVFAIL,
    Kind.REFUSED: ARES_EREFUSED,
    Kind.FORMERR: ARES_EFORMERR,
    Kind.NOTIMP: ARES_ENOTIMP,
    Kind.TIMEOUT: ARES_ETIMEOUT,
    Kind.NETWORK: ARES_ECONNREFUSED,
    Kind.ILLEGAL: ARES_EBADNAME,
    Kind.CANCELLED: ARES_ECANCELLED,
}
_OF_GAI = {
    int(socket.EAI_NONAME): ARES_ENOTFOUND,
    int(socket.EAI_NODATA): ARES_ENODATA,
    int(socket.EAI_AGAIN): ARES_ESERVFAIL,
    int(socket.EAI_FAMILY): ARES_EBADFAMILY,
    int(socket.EAI_SERVICE): ARES_ESERVICE,
    int(socket.EAI_BADFLAGS): ARES_EBADFLAGS,
    int(socket.EAI_SOCKTYPE): ARES_EBADHINTS,
}
_OF_HERROR = {1: ARES_ENOTFOUND, 2: ARES_ESERVFAIL, 4: ARES_ENODATA}
#: Response code -> status, of those that a server refuses with (RFC 1035 §4.1.1).
OF_RCODE = {1: ARES_EFORMERR, 2: ARES_ESERVFAIL, 3: ARES_ENOTFOUND, 4: ARES_ENOTIMP, 5: ARES_EREFUSED}


def of_status(status: int) -> DNSError:
    """The error with this status, and c-ares' text for it."""
    return DNSError(status, str(_errno.strerror(status)))


def of_error(error: Exception) -> Any:
    """A failed lookup's error as aiodns would have raised it. What is no failed lookup stays as it is."""
    if isinstance(error, DNSError):
        return error
    if isinstance(error, ResolveError) and error.kind in _OF_KIND:
        made = of_status(_OF_KIND[error.kind])
    elif isinstance(error, socket.gaierror):
        made = of_status(_OF_GAI.get(error.errno or 0, ARES_EBADRESP))
    elif isinstance(error, socket.herror):
        made = of_status(_OF_HERROR.get(error.errno or 0, ARES_EBADRESP))
    elif isinstance(error, UnicodeError):
        made = of_status(ARES_EBADNAME)
    else:
        return error
    made.__cause__ = error
    return made
