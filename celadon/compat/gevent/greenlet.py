"""Greenlets."""

from celadon.hub import Greenlet, joinall, killall

__all__ = ["Greenlet", "joinall", "killall"]
