"""``--why``, as far as it tells what a program gets that looks up the same names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...factory import make


def of_programs(names: Iterable[str]) -> Iterator[str]:
    """The lines that explain how ``getaddrinfo`` goes about these names, under CELADON_RESOLVER or the default."""
    made = make()
    try:
        for name in dict.fromkeys(names):
            told = made.explain(name)
            first, *rest = str(told).splitlines()
            yield f"a program's getaddrinfo looks up {first}"
            yield from rest
    finally:
        made.close()
