"""The standard library's ``builtins``: Python's own lock for each module that is imported suits greenlets."""

from celadon.compat.shaped import fill

__target__ = "builtins"
fill(globals(), "builtins")
__implements__: list[str] = []
__all__: list[str] = []
