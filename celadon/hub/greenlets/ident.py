"""Small numbers for greenlets: the least that no living one has, for logs and for arrays of slots."""

from __future__ import annotations

from functools import partial
from heapq import heappop, heappush
from typing import Any
from weakref import WeakKeyDictionary, ref


class IdentRegistry:
    """Gives each object a number from 0 on, and gives it away again once the object is no more. One thread's."""

    __slots__ = ("__weakref__", "_free", "_idents")

    def __init__(self) -> None:
        self._idents: WeakKeyDictionary[Any, tuple[int, Any]] = WeakKeyDictionary()
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self._idents)

    def get_ident(self, one: Any) -> int:
        """The number of ``one``, the least free one at the first call."""
        known = self._idents.get(one)
        if known is not None:
            return known[0]
        number = heappop(self._free) if self._free else len(self._idents)
        self._idents[one] = (number, ref(one, partial(_give_back, self._free, number)))
        return number


def _give_back(free: list[int], number: int, _: object) -> None:
    heappush(free, number)
