"""``threading`` on greenlets, whether or not anything is patched."""

from __future__ import annotations

from celadon.compat.shaped import fill
from celadon.green import import_patched, original_module

fill(globals(), "threading", import_patched("threading"))


def main_native_thread() -> object:
    """The Thread of the main thread of the system."""
    return original_module("threading").main_thread()
