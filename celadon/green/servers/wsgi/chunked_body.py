"""The chunked transfer coding (RFC 9112 section 7.1), without I/O."""

from __future__ import annotations

import re

from .errors import BadRequest
from .request_head import parse_trailers

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
# Of the "bad white space" that the RFC has receivers pass over, not that before a semicolon: it would follow the size.
_EXTENSION = rb";[ \t]*+%b(?:[ \t]*+=[ \t]*+(?:%b|%b))?" % (_TOKEN, _TOKEN, _QUOTED)
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})((?:%b)*)" % _EXTENSION)
_PLAIN = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
_LARGEST = 2**63 - 1
#: Bytes of a line with a chunk size, of all extensions together, of the trailers; and the count of trailers.
LONGEST_LINE, MOST_EXTENSIONS, MOST_TRAILER_BYTES, MOST_TRAILERS = 16 + 256, 4096, 4096, 20

_SIZE_LINE, _DATA, _AFTER_DATA, _TRAILER, _DONE = range(5)


class ChunkedDecoder:
    """Feed it what comes; it gives what the chunks hold.

    ``done`` once the last chunk and the trailers are there; ``rest`` is then what follows the body.
    """

    __slots__ = ("_extensions", "_left", "_lines", "_pending", "_state", "_trailer_bytes", "rest", "trailers")

    def __init__(self) -> None:
        self._state = _SIZE_LINE
        self._pending = b""
        self._left = 0
        self._extensions = 0
        self._lines: list[bytes] = []
        self._trailer_bytes = 0
        self.trailers: list[tuple[str, str]] = []
        self.rest: bytes = b""

    @property
    def done(self) -> bool:
        """Whether the body is complete."""
        return self._state == _DONE

    def feed(self, data: bytes) -> bytes:
        """Give the next bytes of the connection, get the next bytes of the body. BadRequest if it is malformed."""
        if self._pending:
            data = self._pending + data
            self._pending = b""
        at, parts = 0, []
        while self._state != _DONE:
            if self._state == _DATA:
                piece = data[at : at + self._left]
                if not piece:
                    break
                parts.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._state = _AFTER_DATA
            elif self._state == _AFTER_DATA:
                after = data[at : at + 2]
                if not b"\r\n".startswith(after):
                    raise BadRequest(400, "a chunk's data is not followed by CRLF")
                if len(after) < 2:
                    break
                at += 2
                self._state = _SIZE_LINE
            else:
                # A whole chunk without extensions, as nearly all are: a third of the time for one byte, half at 4 KiB.
                plain = _PLAIN.match(data, at)
                if plain is not None and self._state == _SIZE_LINE:
                    begin = plain.end()
                    end = begin + int(plain[1], 16)
                    if end > begin and data[end : end + 2] == b"\r\n":
                        parts.append(data[begin:end])
                        at = end + 2
                        continue
                line = _line(data, at, LONGEST_LINE if self._state == _SIZE_LINE else MOST_TRAILER_BYTES)
                if line is None:
                    break
                at += len(line) + 2
                self._take(line)
        if self._state == _DONE:
            self.rest = data[at:]
        else:
            self._pending = data[at:]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _take(self, line: bytes) -> None:
        if self._state == _TRAILER:
            if not line:
                self.trailers = parse_trailers(self._lines)
                self._state = _DONE
                return
            self._lines.append(line)
            self._trailer_bytes += len(line)
            if len(self._lines) > MOST_TRAILERS or self._trailer_bytes > MOST_TRAILER_BYTES:
                raise BadRequest(431, "too many trailers")
            return
        match = _SIZE.fullmatch(line) if len(line) <= LONGEST_LINE else None
        if match is None:
            raise BadRequest(400, "a chunk's size is malformed")
        self._extensions += len(match[2])
        if self._extensions > MOST_EXTENSIONS:
            raise BadRequest(400, "too many chunk extensions")
        self._left = int(match[1], 16)
        if self._left > _LARGEST:
            raise BadRequest(400, "a chunk's size is too large")
        self._state = _DATA if self._left else _TRAILER


def _line(data: bytes, at: int, most: int) -> bytes | None:
    """The line that begins there, without its CRLF; None if its end has not come. A bare CR or LF ends no line."""
    end = data.find(b"\n", at)
    if end < 0:
        seen = data[at:]
        if b"\r" in seen[:-1]:
            raise BadRequest(400, "a CR without LF between chunks")
        if len(seen) > most + 1:
            raise BadRequest(400, "a line between chunks is too long")
        return None
    line = data[at : end - 1]
    if end == at or data[end - 1] != 13 or b"\r" in line:
        raise BadRequest(400, "a line between chunks does not end in CRLF")
    return line


def encode_chunk(data: bytes) -> bytes:
    """``data``, which is not empty, as one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
