"""``--why``, as far as it tells what a program gets that looks up the same names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ...factory import make
from ...policy.explain import Explanation


def of_programs(names: Iterable[str]) -> Iterator[str]:
    """The lines that explain how ``getaddrinfo`` goes about these names, under CELADON_RESOLVER or the default."""
    made: Any = make()
    try:
        for name in dict.fromkeys(names):
            told = made.explain(name) if hasattr(made, "explain") else Explanation(name, repr(made), "it was chosen")
            first, *rest = str(told).splitlines()
            yield f"a program's getaddrinfo looks up {first}"
            yield from rest
    finally:
        made.close()
