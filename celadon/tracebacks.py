"""The text of an error with its traceback, by ``traceback``, which is imported for the first such text.

Its import is a twentieth of a start, and most programs end without a report.
"""

from __future__ import annotations

from typing import Any

from . import late

traceback: Any = late.module("traceback")


def traceback_text(error: BaseException) -> str:
    """What the interpreter would print of ``error``. Shorter where ``traceback`` cannot be imported now."""
    try:
        return "".join(traceback.format_exception(type(error), error, error.__traceback__))
    except (ImportError, OSError):  # no descriptor is left to import it by, or the interpreter is at its end
        lines, at = [], error.__traceback__
        while at is not None:
            code = at.tb_frame.f_code
            lines.append(f'  File "{code.co_filename}", line {at.tb_lineno}, in {code.co_name}\n')
            at = at.tb_next
        return f"Traceback (most recent call last):\n{''.join(lines)}{type(error).__qualname__}: {error}\n"


__all__ = ["traceback_text"]
