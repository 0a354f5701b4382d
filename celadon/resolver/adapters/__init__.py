"""For programs whose names are looked up by another loop, another library, or their own threads.

Each module is for one library, imports it, and is imported by nobody but its user. What they share is the
``ResolverThread``: a resolver on a hub in a native thread of its own, so nothing needs to be patched.
"""

from .thread import ResolverThread

__all__ = ["ResolverThread"]
