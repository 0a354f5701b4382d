"""What one client may ask for: sizes, counts, seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Sizes are in bytes. None: no limit.

    ``request_line``: more is answered with 414. ``fields`` (their count), ``field`` (one, name and value), ``head``
    (request line and fields): more is answered with 431, while reading. ``host``: whether an HTTP/1.1 request must have
    Host (RFC 9112 section 3.2); without it 400. ``body``: more is answered with 413.
    ``drain``: a body that the application did not read is read and thrown away up to this size; with more of it the
    connection is closed after the response.

    ``header_seconds``: for the whole head, from the first byte (for the first request: from the connect). Then 408.
    ``keep_alive_seconds``: between two requests; then the connection is closed. ``body_seconds``: for each next piece
    of a body; then ``read`` raises BodyError, and 408. ``write_seconds``: for the client to take each next 64 KiB of
    the response; then the connection is closed. Over TLS it is closed in all these cases, with a 408 only
    if OpenSSL still sends it.

    ``connections``: at once. One more closes the connection that was idle for longest, or is answered with 503.
    ``connections_per_address``: at once, from one IP address; one more is answered with 503.
    ``requests_per_connection``: the last one is answered with ``Connection: close``.
    """

    request_line: int = 8190
    fields: int = 100
    field: int = 8190
    head: int = 65536
    host: bool = True
    body: int | None = None
    drain: int = 65536
    header_seconds: float = 20.0
    keep_alive_seconds: float = 30.0
    body_seconds: float = 30.0
    write_seconds: float = 30.0
    connections: int | None = None
    connections_per_address: int | None = None
    requests_per_connection: int | None = None
