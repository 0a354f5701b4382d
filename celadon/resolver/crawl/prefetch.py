"""Lookups in the background, so many at a time, whose results nobody waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...hub import get_hub, spawn


class Prefetcher:
    """Calls ``look(host)`` for each host added, ``width`` at a time in each hub. OSError and ValueError are dropped."""

    def __init__(self, look: Callable[[str], object], width: int) -> None:
        self._look = look
        self._width = width
        self._waiting: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, hosts: Iterable[str]) -> None:
        """Look these hosts up, in the calling thread's hub; returns at once."""
        waiting = self._waiting
        for host in hosts:
            waiting.setdefault(host)
        workers: set[object] = get_hub().vars.setdefault(self, set())
        while len(workers) < min(self._width, len(waiting)):
            token = object()
            workers.add(token)
            spawn(self._work, token, workers)

    def clear(self) -> None:
        """Forget the hosts that wait for their turn."""
        self._waiting.clear()

    def _work(self, token: object, workers: set[object]) -> None:
        try:
            while self._waiting:
                try:
                    host, _ = self._waiting.popitem()
                except KeyError:
                    return  # another thread's hub took it
                try:
                    self._look(host)
                except (OSError, ValueError):
                    continue
        finally:
            workers.discard(token)
