"""Which progress a run shows: a bar on a terminal, else lines, JSON, or nothing."""

from __future__ import annotations

import sys

from .bulk_options import Options
from .progress import Progress


def progress_of(options: Options, size: int, done: int, began: float) -> Progress:
    """The progress of a run over ``size`` bytes of input, of which ``done`` were done before."""
    form = "none" if options["--quiet"] else options["--status-format"]
    if form == "auto":
        form = "bar" if sys.stderr.isatty() else "text"
    return Progress(form, size, done, began)
