"""``eventlet.pools``: Celadon's pools of things that are lent."""

from __future__ import annotations

from celadon.hub import ResourcePool, Token, TokenPool

Pool = ResourcePool

__all__ = ["Pool", "Token", "TokenPool"]
