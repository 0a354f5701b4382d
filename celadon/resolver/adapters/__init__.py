"""For programs whose names are looked up by another loop, another library, or their own threads.

Each module is for one library, imports it, and is imported by nobody but its user. What they share is that nothing is
patched: the resolver's hub runs in a native thread of its own (``ResolverThread``), or as a guest in the other loop.
"""

from .in_thread import ResolverThread

__all__ = ["ResolverThread"]
