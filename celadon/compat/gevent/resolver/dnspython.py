"""Celadon's engine ``python``, for gevent's resolver ``dnspython``."""

from .engines import EngineResolver


class Resolver(EngineResolver):
    """See ``EngineResolver``."""

    engine = "python"


__all__ = ["Resolver"]
