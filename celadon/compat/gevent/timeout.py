"""Deadlines around a block of code."""

from celadon.hub import Timeout, with_timeout

__all__ = ["Timeout", "with_timeout"]
