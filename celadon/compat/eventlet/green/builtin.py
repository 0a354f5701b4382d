"""``eventlet.green.builtin``: the builtins, with an ``open`` that stops the calling green thread only, on pipes."""

from __future__ import annotations

from celadon.green.files.open_file import open as _open

from ...shaped import fill

open = _open  # noqa: A001  (the builtin's name)
fill(globals(), "builtins")
