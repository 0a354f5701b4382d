"""The old place of c-ares' channel, which nobody needs any more."""

from .resolver.ares import Resolver as channel  # noqa: N813

__all__ = ["channel"]
