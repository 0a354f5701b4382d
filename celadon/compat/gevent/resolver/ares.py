"""Celadon's engine ``ares``, for gevent's resolver ``ares``."""

from .engines import EngineResolver


class Resolver(EngineResolver):
    """See ``EngineResolver``."""

    engine = "ares"


__all__ = ["Resolver"]
