"""How far a bulk run is done, in a small file that is replaced as a whole, so that it is never half written.

It says which questions have their records in the output and how long the output was then. A run that goes on cuts the
output to that length and asks all other questions: each record is there once, however the run before ended.
"""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

from ..exits import FileError, UsageError
from .files import replace_file

_VERSION = 2
_LARGEST = 1 << 26  # bytes of a checkpoint that are read

Place = tuple[
    int, int
]  # the offset of a line in the input, and how many of its addresses (lines but --ptr: 1) lie before


class Span(NamedTuple):
    """A part of the input behind the mark of which something is done.

    ``known`` is the number of its questions if all are done, else a text with ``1`` for each question that is done and
    ``0`` for each that is not, in their order; questions beyond its end are not done.
    """

    start: Place
    end: Place
    known: int | str


class State(NamedTuple):
    """``done`` questions before ``at``, and those of ``spans``, are in the first ``size`` bytes of the output."""

    at: Place = (0, 0)
    done: int = 0
    spans: tuple[Span, ...] = ()
    size: int = 0
    finished: bool = False

    @property
    def records(self) -> int:
        """How many questions are done."""
        behind = sum(one.known if isinstance(one.known, int) else one.known.count("1") for one in self.spans)
        return self.done + behind


class Checkpoint:
    """The file. ``about`` is what must be the same for a run that goes on: input, output, types and form."""

    def __init__(self, path: str, about: dict[str, Any]) -> None:
        self.path = path
        self._about = about

    def load(self) -> State | None:
        """What the file says; None if there is none. FileError for another file, UsageError for another run's."""
        try:
            with open(self.path, encoding="utf-8") as file:
                kept = json.loads(file.read(_LARGEST), parse_constant=_number)
            if kept["v"] != _VERSION:
                raise UsageError(
                    f"{self.path}: the checkpoint of another version of resolve bulk; --restart begins anew"
                )
            about = kept["about"]
            spans = tuple(_span(one) for one in kept["spans"])
            state = State(
                _place(*kept["at"]), _number(kept["done"]), spans, _number(kept["size"]), bool(kept["finished"])
            )
            if not isinstance(about, dict) or [one.start for one in spans] != sorted(one.start for one in spans):
                raise ValueError("its parts do not fit together")
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, RecursionError):
            raise FileError(f"{self.path}: not a checkpoint of resolve bulk; --restart replaces it") from None
        for key, value in self._about.items():
            if about.get(key) != value:
                raise UsageError(
                    f"{self.path}: the checkpoint of another run: {key} was {about.get(key)!r}, now it is {value!r}; "
                    "--restart begins anew"
                )
        return state

    def check_input(self, state: State, file: Any, size: int) -> None:
        """FileError unless the place where the run goes on is the beginning of a line of this input."""
        offset = max([state.at[0], *(one.end[0] for one in state.spans)])
        if offset > size:
            raise FileError(
                f"{self.path}: the checkpoint is at byte {offset} of the input, which has {size}; --restart begins anew"
            )
        if state.at[0]:
            file.seek(state.at[0] - 1)
            if file.read(1) != b"\n" and state.at[0] != size:
                raise FileError(
                    f"{self.path}: no line of the input begins where the checkpoint says; --restart begins anew"
                )

    def save(self, state: State) -> None:
        """Note ``state``. What it says must have been written before."""
        row = {"v": _VERSION, "about": self._about, **state._asdict()}
        replace_file(self.path, json.dumps(row, separators=(",", ":")))


def about(source: str, output: str, form: Any) -> dict[str, Any]:
    """What makes two runs the same: where names come from, how they are read, where records go."""
    return {
        "input": os.path.abspath(source),
        "output": os.path.abspath(output),
        "types": list(form.types),
        "input-format": form.kind,
        "ptr": form.ptr,
        "prefix": form.prefix,
        "suffix": form.suffix,
    }


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 62:
        raise ValueError("a number in it cannot be")
    return value


def _place(offset: object, unit: object) -> Place:
    return _number(offset), _number(unit)


def _span(row: Any) -> Span:
    start, end, known = row
    if isinstance(known, str) and known.strip("01"):
        raise ValueError("a span in it cannot be")
    made = Span(_place(*start), _place(*end), known if isinstance(known, str) else _number(known))
    if made.end <= made.start:
        raise ValueError("a span in it ends before it begins")
    return made
