"""A progress bar on a terminal, by tqdm, where that is installed (the ``progress`` extra)."""

from __future__ import annotations

import sys
from typing import Any

import tqdm


def bar(size: int, done: int) -> Any:
    """A bar over the bytes of the input, or over what cannot be known."""
    return tqdm.tqdm(
        total=size or None, initial=done, unit="B", unit_scale=True, file=sys.stderr, dynamic_ncols=True, leave=False
    )
