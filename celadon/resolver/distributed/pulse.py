"""The leases' files: ``run.json``, which the coordinator renews, and ``holders/``, where each worker's beat is."""

from __future__ import annotations

import os
from contextlib import suppress

from ..cli.bulk.files import replace_file
from ..cli.exits import FileError
from .leases import Beat, Lease, Ledger, Published, beat_of, beat_text, published_of, published_text

RUN = "run.json"
HOLDERS = "holders"


class Coordinator:
    """The side that gives. ``tick`` every half second or so; the beats of the last one are in ``beats``."""

    def __init__(self, directory: str, run: str) -> None:
        self._file = os.path.join(directory, RUN)
        self._folder = os.path.join(directory, HOLDERS)
        self._run = run
        self._ledger = Ledger(run)
        self.beats: dict[str, Beat] = {}
        self._began = False

    def tick(self, now: float, stopped: bool = False) -> None:
        """Read the beats and publish. FileError when another run has taken the directory over."""
        if self._began:
            said = _read(self._file, published_of)
            if said is not None and said.run != self._run:
                raise FileError(f"{os.path.dirname(self._file)}: another run has taken this directory over")
        else:
            os.makedirs(self._folder, exist_ok=True)
            self._began = True
        self.beats = {}
        for name in os.listdir(self._folder):
            beat = _read(os.path.join(self._folder, name), beat_of) if name.endswith(".json") else None
            if beat is not None:
                self.beats[name.removesuffix(".json")] = beat
        replace_file(self._file, published_text(self._ledger.tick(self.beats, now, stopped)))

    def end(self) -> None:
        """Nobody is to ask any more: remove what belongs to a run under way."""
        with suppress(OSError):
            for name in os.listdir(self._folder):
                os.unlink(os.path.join(self._folder, name))
            os.rmdir(self._folder)
        with suppress(OSError):
            os.unlink(self._file)


class Holder:
    """A worker's side, for one shard. ``beat`` every half second; ``part`` is what may be used."""

    def __init__(self, directory: str, run: str, name: str, shard: int) -> None:
        self._said = os.path.join(directory, RUN)
        self._file = os.path.join(directory, HOLDERS, f"{name}.json")
        self._lease = Lease(name, run)
        before = _read(self._file, beat_of)
        self._count = 0 if before is None else before.beat
        self._shard = shard
        self._alive = True

    def beat(self, now: float, at: int = 0, idle: bool = False) -> bool:
        """Say how it stands, then read what is published; False when the run is over, or another has begun.

        The beat comes first: who was idle must not follow what was published before that was known to be over.
        """
        self._count += 1
        self._alive = True
        try:
            replace_file(self._file, beat_text(Beat(self._count, self._lease.seen, idle, self._shard, at)))
        except FileNotFoundError:
            return False  # the run has ended
        except OSError:
            self._alive = False  # who cannot be heard has no part
        if idle:
            return True
        try:
            with open(self._said, encoding="utf-8") as file:
                said: Published | None = published_of(file.read())
        except FileNotFoundError:
            return False
        except OSError:
            said = None
        return self._lease.read(said, now)

    def part(self, now: float) -> float:
        """See ``Lease.part``."""
        return self._lease.part(now) if self._alive else 0.0

    def silent(self, now: float) -> float:
        """See ``Lease.silent``."""
        return self._lease.silent(now)


def _read(path: str, reader):  # type: ignore[no-untyped-def]
    try:
        with open(path, encoding="utf-8") as file:
            return reader(file.read())
    except (OSError, UnicodeDecodeError):
        return None
