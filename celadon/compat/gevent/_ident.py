"""``minimal_ident``'s numbers."""

from celadon.hub.lowlevel import IdentRegistry

__all__ = ["IdentRegistry"]
