"""How a bulk run stands, on stderr: lines of text or JSON now and then, or one line, written over, on a terminal."""

from __future__ import annotations

import json
import os
import sys
import time

from .tally import Tally

_BAR = 20  # characters
_PATIENCE = 2.0  # seconds before a terminal shows anything: most runs are over by then
_EVERY = {"json": 1.0, "bar": 1.0, "text": 10.0}
_FINE = frozenset(("NOERROR", "NXDOMAIN"))


class Progress:
    """``form``: "text", "json", "bar" or "none"; ``size``: bytes of the input, 0 if not known."""

    def __init__(self, form: str, size: int, skipped: int, began: float) -> None:
        self._form = form
        self._size = size
        self._skipped = skipped
        self._began = began
        self._told = began
        self._before = 0
        self._shown = False
        #: Seconds between two reports.
        self.every: float = _EVERY.get(form, 10.0)

    def tell(self, tally: Tally, offset: int, in_flight: int) -> None:
        """A second has passed; the input has been read up to ``offset`` bytes."""
        now = time.time()
        if self._form == "none" or now - self._told < self.every - 0.1:
            return
        if self._form == "bar" and now - self._began < _PATIENCE - 0.1:
            return
        rate = (tally.records - self._before) / (now - self._told)
        self._told, self._before = now, tally.records
        part = offset / self._size if self._size else None
        left = None
        if part and offset > self._skipped:
            left = (self._size - offset) * (now - self._began) / (offset - self._skipped)
        if self._form == "json":
            print(self._json(tally, now, rate, in_flight, part, left), file=sys.stderr, flush=True)
        elif self._form == "bar":
            sys.stderr.write(f"\r{bar(tally, rate, part, left)[: _columns() - 1]}\x1b[K")
            sys.stderr.flush()
            self._shown = True
        else:
            share = "" if part is None else f" ({part:.0%} of the input)"
            eta = "" if left is None else f", {left:.0f} s left"
            print(
                f"resolve: {tally.records} records{share}, {rate:.0f}/s, {tally.unanswered} unanswered, "
                f"{in_flight} in flight{eta}",
                file=sys.stderr,
                flush=True,
            )

    def _json(
        self, tally: Tally, now: float, rate: float, in_flight: int, part: float | None, left: float | None
    ) -> str:
        row = {
            "processed": tally.records,
            "per_second": round(rate, 1),
            "average_per_second": round(tally.records / max(now - self._began, 1e-9), 1),
            "unanswered": tally.unanswered,
            "concurrency": in_flight,
            "statuses": dict(tally.statuses),
            "progress": {
                "percent": None if part is None else round(part * 100, 2),
                "eta": None if left is None else round(left, 1),
            },
        }
        return json.dumps(row, separators=(",", ":"))

    def end(self) -> None:
        """Leave the terminal as it was."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False


def bar(tally: Tally, rate: float, part: float | None, left: float | None) -> str:
    """How far, records done, their rate, errors (neither NOERROR nor NXDOMAIN), time left; what is known of it."""
    head = ""
    if part is not None:
        full = round(min(part, 1) * _BAR)
        head = f"{part:4.0%} [{'#' * full}{' ' * (_BAR - full)}] "
    errors = sum(count for status, count in tally.statuses.items() if status not in _FINE)
    eta = "" if left is None else f"  {int(left) // 60}:{int(left) % 60:02} left"
    return f"{head}{tally.records:,} done  {rate:,.0f}/s  {errors:,} errors{eta}"


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
