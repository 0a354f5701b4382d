"""How messages stand in the stream of bytes between a worker and its pool. No I/O."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol


class Framing(Protocol):
    """How messages stand in a stream of bytes."""

    def pack(self, message: Any) -> bytes:
        """The bytes of one message. ValueError or TypeError for what cannot be one."""

    def unpack(self, held: bytearray) -> tuple[Any] | None:
        """Take one whole message out of the front of ``held``; None before it is whole."""


class Lines:
    """A message is a line of bytes, without its end."""

    def pack(self, message: bytes | str) -> bytes:
        """See Framing."""
        data = message.encode() if isinstance(message, str) else bytes(message)
        if b"\n" in data:
            raise ValueError("a message that is a line has no line end in it")
        return data + b"\n"

    def unpack(self, held: bytearray) -> tuple[Any] | None:
        """See Framing."""
        end = held.find(b"\n")
        if end < 0:
            return None
        line = bytes(held[:end])
        del held[: end + 1]
        return (line,)


class Lengths:
    """A message is bytes after their number: four bytes, big-endian. At most ``limit`` bytes."""

    def __init__(self, limit: int = 1 << 28) -> None:
        self.limit = limit

    def pack(self, message: bytes) -> bytes:
        """See Framing."""
        if len(message) > self.limit:
            raise ValueError(f"a message of {len(message)} bytes; at most {self.limit} are allowed")
        return len(message).to_bytes(4, "big") + message

    def unpack(self, held: bytearray) -> tuple[Any] | None:
        """See Framing."""
        if len(held) < 4:
            return None
        size = int.from_bytes(held[:4], "big")
        if size > self.limit:
            raise ValueError(f"the worker announces {size} bytes; at most {self.limit} are allowed")
        if len(held) < 4 + size:
            return None
        message = bytes(held[4 : 4 + size])
        del held[: 4 + size]
        return (message,)


class Json(Lines):
    """A message is a value as JSON, on one line."""

    def pack(self, message: Any) -> bytes:
        """See Framing."""
        return super().pack(json.dumps(message, separators=(",", ":")))

    def unpack(self, held: bytearray) -> tuple[Any] | None:
        """See Framing."""
        line = super().unpack(held)
        return None if line is None else (json.loads(line[0]),)


#: By name.
FRAMINGS: dict[str, Callable[[], Framing]] = {"line": Lines, "length": Lengths, "json": Json}


__all__ = ["FRAMINGS", "Framing", "Json", "Lengths", "Lines"]
