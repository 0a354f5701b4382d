"""``eventlet.green``: the standard library's modules, cooperative, in a process that need not be patched."""

from . import os, select, socket, ssl, time

#: Those that are there with ``import eventlet`` alone.
__all__ = ["os", "select", "socket", "ssl", "time"]
