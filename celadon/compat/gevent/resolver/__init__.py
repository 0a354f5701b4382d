"""Resolvers by gevent's names, each one of Celadon's engines, with libc's answers and errors."""

from .engines import begin, in_use

__all__ = ["begin", "in_use"]
