"""Celadon's engine ``thread``, for gevent's resolver ``thread``."""

from .engines import EngineResolver


class Resolver(EngineResolver):
    """See ``EngineResolver``."""

    engine = "thread"


__all__ = ["Resolver"]
