"""Resolvers for programs with another loop, or with threads of their own. Nothing is patched.

Each module is for one library and imports it; only users import the module. The resolver's hub runs in a native thread
(``ResolverThread``), or as a guest in the other loop.
"""

from .in_thread import ResolverThread

__all__ = ["ResolverThread"]
