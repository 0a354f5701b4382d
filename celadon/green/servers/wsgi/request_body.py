"""``wsgi.input``: the body of a request, read as it comes and never past its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from .chunked_body import ChunkedDecoder
from .connection import Connection
from .errors import BadRequest, BodyError

_BLOCK = 65536
#: Whoever wants fewer bytes is given them out of a block, not by system calls of their own.
_SMALL = 4096


class Source(Protocol):
    """Where a body comes from."""

    #: What comes after the body, once it has ended.
    trailers: list[tuple[str, str]]

    def some(self, most: int) -> bytes:
        """The next bytes, at most so many, waiting for one; empty at the end. BodyError if they do not come."""

    def left(self) -> int | None:
        """How many bytes are to come; None if that is not known."""


class NoBody:
    """A request without a body."""

    trailers: list[tuple[str, str]] = []  # noqa: RUF012  (never changed)

    def some(self, most: int) -> bytes:
        """See ``Source``."""
        return b""

    def left(self) -> int | None:
        """See ``Source``."""
        return 0


class SizedBody:
    """A body with a Content-Length."""

    __slots__ = ("_connection", "_left", "trailers")

    def __init__(self, connection: Connection, length: int) -> None:
        self._connection = connection
        self._left = length
        self.trailers: list[tuple[str, str]] = []

    def some(self, most: int) -> bytes:
        """See ``Source``."""
        if not self._left:
            return b""
        data = self._connection.receive(min(most, self._left))
        self._left -= len(data)
        return data

    def left(self) -> int | None:
        """See ``Source``."""
        return self._left


class ChunkedBody:
    """A body in chunks. What follows it goes back to the connection."""

    __slots__ = ("_connection", "_decoder", "_got", "_held", "_most", "trailers")

    def __init__(self, connection: Connection, most: int | None) -> None:
        self._connection = connection
        self._decoder = ChunkedDecoder()
        self._most = most
        self._got = 0
        self._held = b""
        self.trailers: list[tuple[str, str]] = []

    def some(self, most: int) -> bytes:
        """See ``Source``."""
        while not self._held:
            if self._decoder.done:
                return b""
            self._held = self._next()
        data = self._held[:most]
        self._held = self._held[most:]
        return data

    def _next(self) -> bytes:
        data = self._connection.receive()
        try:
            data = self._decoder.feed(data)
        except BadRequest as fault:
            raise BodyError(fault.status, str(fault)) from None
        self._got += len(data)
        if self._most is not None and self._got > self._most:
            raise BodyError(413, f"the body has more than {self._most} bytes")
        if self._decoder.done:
            self._connection.buffer = self._decoder.rest + self._connection.buffer
            self.trailers = self._decoder.trailers
        return data

    def left(self) -> int | None:
        """See ``Source``."""
        return 0 if self._decoder.done and not self._held else None


class RawStream:
    """What comes on the connection, without an end of its own: after an upgrade."""

    __slots__ = ("_connection", "open", "trailers")

    def __init__(self, connection: Connection, open: bool = True) -> None:
        self._connection = connection
        #: False before the upgrade: then nothing is there, and the next request is not taken for data.
        self.open: bool = open
        self.trailers: list[tuple[str, str]] = []

    def some(self, most: int) -> bytes:
        """See ``Source``; without a deadline."""
        connection = self._connection
        if not self.open:
            return b""
        if connection.buffer:
            return connection.receive(most)
        try:
            return connection.socket.recv(min(most, 65536))  # type: ignore[no-any-return]
        except OSError as error:
            raise BodyError(400, f"the client is gone: {error}") from error

    def left(self) -> int | None:
        """See ``Source``."""
        return None


class Input:
    """A file to read from, as PEP 3333 asks for: ``read``, ``readline``, ``readlines``, iteration.

    ``read(n)`` waits until it has n bytes, or the body ends. BodyError, an OSError, if the client leaves early, sends
    malformed chunks, or is silent for too long: then and ever after, as nobody knows where the next request begins.
    """

    __slots__ = ("_at", "_before", "_failed", "_held", "_source")

    def __init__(self, source: Source, before: Callable[[], object] | None = None) -> None:
        self._source = source
        # Read from the source, and given as far as here: to cut off what was given would copy the rest for each line.
        self._held, self._at = b"", 0
        self._before = before
        self._failed: BodyError | None = None

    @property
    def trailers(self) -> list[tuple[str, str]]:
        """The trailer fields of a chunked body, once it was read to its end."""
        return self._source.trailers

    @property
    def closed(self) -> bool:
        """Whether it is closed: never, as the server does that."""
        return False

    def close(self) -> None:
        """Nothing: the server does that. Handlers that have taken the connection over call it, as any file's."""

    @property
    def awaits_continue(self) -> bool:
        """Whether the client waits for 100 Continue, as nobody has read yet."""
        return self._before is not None

    def _some(self, most: int = _BLOCK) -> bytes:
        if self._failed is not None:
            raise self._failed
        before = self._before
        if before is not None:
            self._before = None
            before()
        try:
            return self._source.some(most)
        except BodyError as fault:
            self._failed = fault
            raise

    def _take_held(self) -> bytes:
        held, at = self._held, self._at
        self._held, self._at = b"", 0
        return held[at:]

    def read(self, size: int | None = -1, /) -> bytes:
        """``size`` bytes, fewer only at the end of the body; all that is left without it."""
        if size is None or size < 0:
            parts = [self._take_held()]
            while data := self._some():
                parts.append(data)
            return b"".join(parts)
        at = self._at
        if size <= len(self._held) - at:
            self._at = at + size
            return self._held[at : at + size]
        parts = [self._take_held()]
        size -= len(parts[0])
        while size:
            data = self._some(size if size > _SMALL else _BLOCK)
            if not data:
                break
            if len(data) > size:
                self._held, self._at = data, size
                data = data[:size]
            parts.append(data)
            size -= len(data)
        return b"".join(parts)

    def readline(self, size: int | None = -1, /) -> bytes:
        """The next line with its end, at most ``size`` bytes of it; empty at the end of the body."""
        most = None if size is None or size < 0 else size
        parts: list[bytes] = []
        while True:
            held, at = self._held, self._at
            end = held.find(b"\n", at) + 1
            stop = end or len(held)
            if most is not None and stop - at >= most:
                stop = end = at + most
            parts.append(held[at:stop])
            if end or most == 0:
                self._at = stop
                break
            if most is not None:
                most -= stop - at
            self._held, self._at = self._some(), 0
            if not self._held:
                break
        return b"".join(parts)

    def readlines(self, hint: int | None = -1, /) -> list[bytes]:
        """The lines that are left; with ``hint``, until they have so many bytes."""
        lines, found = [], 0
        for line in self:
            lines.append(line)
            found += len(line)
            if hint is not None and 0 < hint <= found:
                break
        return lines

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def discard(self, most: int) -> bool:
        """Throw away what was not read, if that is at most so many bytes; whether the next request can be read."""
        if self._failed is not None or self._before is not None:
            return False  # the client waits for 100 Continue: whether it sends the body now is not known
        self._take_held()
        left = self._source.left()
        if left == 0:
            return True
        if left is not None and left > most:
            return False
        try:
            while most >= 0:
                data = self._some()
                if not data:
                    return True
                most -= len(data)
        except OSError:
            pass
        return False


#: The input of every request without a body: it holds nothing that could change.
EMPTY = Input(NoBody())
