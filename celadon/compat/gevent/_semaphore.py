"""Semaphores."""

from celadon.hub import BoundedSemaphore, Semaphore

__all__ = ["BoundedSemaphore", "Semaphore"]
