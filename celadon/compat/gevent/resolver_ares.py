"""The old place of ``resolver.ares``."""

from .resolver.ares import Resolver

__all__ = ["Resolver"]
