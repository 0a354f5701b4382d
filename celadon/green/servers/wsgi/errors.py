"""What a client can do wrong, with the status that it is answered with."""

from __future__ import annotations


class BadRequest(ValueError):
    """A request that is refused. ``status`` is the three digits of the answer, the text says what is wrong."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class BodyError(OSError):
    """The request's body cannot be read: ``read`` raises it. An OSError, as frameworks expect of an input.

    ``status`` is what the client is answered with if the application does not catch it: 400 (the client left early,
    or its chunks are malformed), 408 (it was silent for too long), 413 (more than the limit).
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class ClientGone(OSError):
    """The client takes no more of the response: it has closed the connection, or reads too slowly."""
