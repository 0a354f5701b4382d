"""Resolvers for programs with another loop, or with threads of their own. Nothing is patched.

Each module is for one library and imports it; only users import the module. The resolver runs in a native thread with a
hub of its own (``ResolverThread``), or on the other loop itself (``in_loop``, by the lookups of ``aio``).
"""

from .in_thread import ResolverThread

__all__ = ["ResolverThread"]
