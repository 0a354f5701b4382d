"""The ``resolve`` command: ``main`` is its entry."""

from .entry import main

__all__ = ["main"]
