"""One shard's work: its lines asked, its records committed. On any machine, in any thread, any number of times."""

from __future__ import annotations

import _thread
import errno
import os
import time
from collections.abc import Iterator
from typing import Any

from ... import __version__
from ...hub import Timer, get_hub, getcurrent
from ..cli.bulk.bulk_options import parse
from ..cli.bulk.descriptors import make_room
from ..cli.bulk.files import Output
from ..cli.bulk.job import job_of, work
from ..cli.bulk.massdns_forms import head
from ..cli.bulk.names_in import Asked, Key, Watermark, questions
from ..cli.bulk.seldom_collected import seldom_collected
from ..cli.bulk.stop import Stop, Stopped
from ..cli.bulk.tally import Tally
from ..cli.exits import FileError, UsageError
from ..frozen import replace
from .grouping import new_sizes, packed
from .layout import Note, Spec
from .parts import Parts, hash_of, new_hash
from .pulse import Holder

_BEAT = 0.5  # seconds
_PATIENCE = 120.0  # seconds that a paced shard waits for its coordinator
#: Errors of the directory that another attempt meets as well.
_HOPELESS = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EFBIG)
)
_clock = time.monotonic


class ShardStopped(RuntimeError):
    """The run that wanted this shard has ended, or another one has taken its directory over."""


def shard(spec: Spec, holder: str | None = None) -> dict[str, Any]:
    """Do one shard; returns its note as a dictionary. What is finished already is not done again.

    Blocks the calling thread. ``holder`` is the name under which it takes its part of the rate; without it, that of
    this thread on this machine. FileError for what no other attempt would mend (a full disk, a file that is not there),
    UsageError for another version of Celadon, ShardStopped when nobody wants it any more.
    """
    name = os.uname().nodename.partition(".")[0]
    if spec.version != __version__:
        raise UsageError(f"{name} has celadon {__version__}, the run was planned by {spec.version}: install the same")
    worker = f"{name}.{holder or os.getpid()}"
    parts = Parts(spec.directory, spec.suffix)
    try:
        if parts.note(spec.shard) is None:
            with seldom_collected():  # 5 % of a worker's time
                _Attempt(spec, parts, worker, f"{worker}.{_thread.get_ident()}").run()
        note = parts.note(spec.shard)  # it may be that of another attempt, which was first
        if note is None:
            raise RuntimeError(f"shard {spec.shard.number}: its note was removed, or another attempt is at it")
        return note._asdict()
    except OSError as error:
        parts.give_up(spec.shard.number)
        if error.errno in _HOPELESS:
            raise FileError(f"{error.filename or spec.directory}: {error.strerror} (on {name})") from None
        raise
    except BaseException:
        parts.give_up(spec.shard.number)
        raise


class _Attempt:
    """The one try at a shard: reads, asks, writes in the order of the input, commits."""

    def __init__(self, spec: Spec, parts: Parts, worker: str, holder: str) -> None:
        self._spec = spec
        self._parts = parts
        self._worker = worker
        options = parse([*spec.words])
        self._job = job = job_of(options, spec.share)
        make_room(len(job.config.servers))
        self._tuning = job.tuning
        self._holder: Holder | None = None
        if spec.run:  # its leases divide the rates
            self._tuning = replace(job.tuning, rate=options["--rate"], rate_per_server=options["--rate-per-server"])
            self._holder = Holder(spec.directory, spec.run, holder, spec.shard.number)
        self._paced = bool(self._tuning.rate or self._tuning.rate_per_server)
        self._hash = new_hash()
        self._tally = Tally()
        self._mark = Watermark()
        self._places: dict[Key, int] = {}  # of the questions under way
        self._held: dict[int, str] = {}  # records that others come before
        self._asked = self._next = self._records = 0
        # Of a shard that is grouped by domain: the bytes of each line's records, and each question's line.
        self._sizes = new_sizes()
        self._line_of = new_sizes()
        self._grouped = spec.shard.group >= 0
        zipped = spec.suffix.endswith(".gz")
        self._output = Output(parts.temporary(spec.shard.number), zipped, False, Stop(), job.encode)
        if spec.suffix.startswith(".bin") and not spec.shard.number:
            self._output.raw(head())
        self._engine: Any = None
        self._timer: Timer | None = None
        self._me = getcurrent()
        self._ending: BaseException | None = None

    def run(self) -> None:
        """Ask, and commit."""
        began = time.time()
        try:
            self._engine = replace(self._job, tuning=self._tuning).engine()
            try:
                self._again()
                if self._ending is None:
                    work(self._job, self._questions(), self._engine, self._tally, self._put)
            finally:
                if self._timer is not None:
                    self._timer.cancel()
                if self._ending is not None:
                    get_hub().pending.withdraw(self._me, self._ending)
                self._engine.close()
                self._output.close()
        except Stopped:
            pass
        finally:
            if self._holder is not None:
                self._holder.beat(_clock(), idle=True)
        if self._ending is not None:
            raise ShardStopped(f"shard {self._spec.shard.number}: the run that wanted it has ended")
        note = self._note(time.time() - began)
        for _ in self._parts.commit(self._spec.shard, note):
            pass

    def _lines(self) -> Iterator[bytes]:
        piece = self._spec.shard
        left = piece.length
        with open(piece.path, "rb") as file:
            file.seek(max(piece.offset - 1, 0))
            if piece.offset and file.read(1) != b"\n":
                raise FileError(f"{piece.path}: no line begins at byte {piece.offset}: the input has changed")
            while left:
                line = file.readline(left)
                if not line:
                    raise FileError(f"{piece.path}: {left} bytes of shard {piece.number} are missing: it has changed")
                left -= len(line)
                self._hash.update(line)
                if self._grouped:
                    self._sizes.append(0)
                yield line

    def _questions(self) -> Iterator[Asked]:
        places = self._places
        for number, asked in enumerate(questions(self._lines(), self._job.form, self._mark)):
            places[asked[0]] = number
            self._asked = number + 1
            if self._grouped:
                self._line_of.append(len(self._sizes) - 1)
            yield asked

    def _put(self, key: Key, line: str) -> None:
        key.block.done[key.index] = 1
        key.block.left -= 1
        place = self._places.pop(key)
        if place != self._next:
            self._held[place] = line
            return
        while True:
            if line:
                self._records += 1
                self._write(line)
            self._next += 1
            if self._next not in self._held:
                return
            line = self._held.pop(self._next)

    def _write(self, line: str) -> None:
        if self._grouped:
            data = self._job.encode([line])
            self._sizes[self._line_of[self._next]] += len(data)
            self._output.raw(data)
        else:
            self._output.write(line)

    def _again(self) -> None:
        """A beat every half second; and so the loop has something to wait for."""
        self._timer = get_hub().call_later(_BEAT, self._again)
        holder = self._holder
        if holder is None:
            return
        now = _clock()
        if not holder.beat(now, self._mark.settle()[0]) or (self._paced and holder.silent(now) > _PATIENCE):
            if self._ending is None:
                self._ending = Stopped()
                get_hub().cancel(self._me, self._ending)
        elif self._paced:
            self._engine.exchange.share_rates(holder.part(now), get_hub().now())

    def _note(self, seconds: float) -> Note:
        piece = self._spec.shard
        if self._next != self._asked or self._held:
            raise RuntimeError(f"shard {piece.number}: {self._asked} questions, {self._next} records")
        written = self._parts.temporary(piece.number)
        return Note(
            piece.number,
            piece.offset,
            piece.length,
            self._hash.hexdigest(),
            self._asked,
            self._records,
            os.stat(written).st_size,
            hash_of(written),
            self._worker,
            round(seconds, 3),
            self._tally.plain(),
            packed(self._sizes) if self._grouped else "",
        )
