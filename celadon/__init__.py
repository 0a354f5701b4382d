"""Celadon: greenlets, green sockets, and a swappable DNS resolver under ``socket.getaddrinfo``."""

from .green import patch_all
from .hub import Greenlet, Timeout, joinall, kill, sleep, spawn

__all__ = ["Greenlet", "Timeout", "joinall", "kill", "patch_all", "sleep", "spawn"]
