"""Celadon's engine ``block``, for gevent's resolver ``blocking``."""

from .engines import EngineResolver


class Resolver(EngineResolver):
    """See ``EngineResolver``."""

    engine = "block"


__all__ = ["Resolver"]
