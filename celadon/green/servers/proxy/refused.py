"""Why a client is not connected, as HTTP, SOCKS and the log say it. Pure: from an error to a value, by tables.

Sources: RFC 9209 (Proxy-Status and its error types), RFC 1928 section 6 (SOCKS replies), RFC 9110 section 15.
"""

from __future__ import annotations

import errno
from typing import NamedTuple

from ....resolver import Kind, ResolveError
from .socks5 import Reply


class Sort(NamedTuple):
    """A sort of refusal: the status of HTTP, the reply of SOCKS, the error type of RFC 9209."""

    status: int
    reply: Reply
    error: str


PROHIBITED = Sort(403, Reply.NOT_ALLOWED, "destination_ip_prohibited")
DENIED = Sort(403, Reply.NOT_ALLOWED, "http_request_denied")
LOGIN = Sort(407, Reply.NOT_ALLOWED, "http_request_denied")
BAD_REQUEST = Sort(400, Reply.FAILURE, "http_request_error")
DNS = Sort(502, Reply.HOST_UNREACHABLE, "dns_error")
DNS_TIMEOUT = Sort(504, Reply.HOST_UNREACHABLE, "dns_timeout")
CONNECT_TIMEOUT = Sort(504, Reply.HOST_UNREACHABLE, "connection_timeout")
READ_TIMEOUT = Sort(504, Reply.FAILURE, "connection_read_timeout")
CONNECTION_REFUSED = Sort(502, Reply.REFUSED, "connection_refused")
TERMINATED = Sort(502, Reply.FAILURE, "connection_terminated")
NO_NETWORK = Sort(502, Reply.NETWORK_UNREACHABLE, "destination_ip_unroutable")
NO_HOST = Sort(502, Reply.HOST_UNREACHABLE, "destination_ip_unroutable")
LIMIT = Sort(503, Reply.FAILURE, "connection_limit_reached")
LOOP = Sort(502, Reply.NOT_ALLOWED, "proxy_loop_detected")
RESPONSE = Sort(502, Reply.FAILURE, "http_protocol_error")
INCOMPLETE = Sort(502, Reply.FAILURE, "http_response_incomplete")

_OF_KIND = {
    Kind.BLOCKED: PROHIBITED,
    Kind.TIMEOUT: DNS_TIMEOUT,
    Kind.ILLEGAL: BAD_REQUEST,
    Kind.ARGUMENT: BAD_REQUEST,
}
_OF_ERRNO = {
    errno.ECONNREFUSED: CONNECTION_REFUSED,
    errno.ECONNRESET: TERMINATED,
    errno.ENETUNREACH: NO_NETWORK,
    errno.EADDRNOTAVAIL: NO_NETWORK,
    errno.EHOSTUNREACH: NO_HOST,
    errno.ETIMEDOUT: CONNECT_TIMEOUT,
    errno.EACCES: DENIED,
    errno.EPERM: DENIED,
    errno.EMFILE: LIMIT,
    errno.ENFILE: LIMIT,
}


class Refused(Exception):
    """A client is not connected; the text says why, and ``kind`` is the resolver's word for it, if it has one."""

    def __init__(self, sort: Sort, why: str, kind: str = "") -> None:
        super().__init__(why)
        self.sort = sort
        self.kind: str = kind or sort.error


def refused(error: OSError, host: str, port: int) -> Refused:
    """The refusal that an error of a lookup or a connect is."""
    if isinstance(error, ResolveError):
        return Refused(_OF_KIND.get(error.kind, DNS), error.explain(), error.kind.value)
    sort = _OF_ERRNO.get(error.errno or 0, TERMINATED)
    return Refused(sort, f"{host} port {port}: {error.strerror or error}")
