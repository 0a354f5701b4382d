"""The old place of ``resolver.thread``."""

from .resolver.thread import Resolver

__all__ = ["Resolver"]
