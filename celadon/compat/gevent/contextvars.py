"""The standard library's: each greenlet has a context of its own."""

import contextvars as _contextvars

__all__ = _contextvars.__all__
