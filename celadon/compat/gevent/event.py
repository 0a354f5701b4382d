"""Events and results."""

from celadon.hub import AsyncResult, Event

__all__ = ["AsyncResult", "Event"]
