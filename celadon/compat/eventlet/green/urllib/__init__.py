"""``eventlet.green.urllib``."""

from . import error, parse, request, response

__all__ = ["error", "parse", "request", "response"]
