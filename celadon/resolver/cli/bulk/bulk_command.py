"""``resolve bulk``: many names as massdns and zdns do it, one record for each name and type, whatever happens.

Ctrl-C and SIGTERM end it in order: what was answered is written, the checkpoint and the summary too.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

from ....hub import Timer, get_hub, getcurrent
from ... import registry
from .. import commands
from ..exits import INSIDE, INTERRUPTED, NO_REPLY, complain
from .bulk_options import Options, help_text, parse
from .files import Checkpoint, Output, PipeLines, open_input
from .job import Job, job_of, work
from .names_in import Watermark, questions
from .tally import Progress, Tally
from .workers import WorkerLost, run_workers

_TERMINATED = 143
_CHECKPOINT_EVERY = 5.0  # seconds
_COLLECT_EVERY = 50_000  # objects: more than what is in flight has, or that is gone through again and again


def main(words: list[str]) -> int:
    """Run ``resolve bulk`` with these arguments; returns the exit status."""
    options = parse(words)
    if options["--help"]:
        print(help_text())
        return 0
    if options["--version"]:
        print(f"celadon {commands.version()}")
        return 0
    processes = options["--processes"]
    return _Run(options, job_of(options, processes)).run(processes)


class _Terminated(KeyboardInterrupt):
    """SIGTERM."""


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise _Terminated


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Spare the garbage collector what was imported, and most of what comes and goes: none of it is cycles."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_COLLECT_EVERY, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


class _Run:
    """One run, from opening its files to its last line on stderr."""

    def __init__(self, options: Options, job: Job) -> None:
        self.options = options
        self.job = job
        self.tally = Tally()
        self.began = time.time()
        self.checkpoint = None
        at, done = (0, 0), 0
        if options["--checkpoint"] is not None:
            self.checkpoint = Checkpoint(options["--checkpoint"], options.source, list(job.form.types))
            if options["--resume"]:
                at, done = self.checkpoint.load()
        self.mark = Watermark(at, done)
        self._done_before = done
        # The input first: that it cannot be read must be said before the output is cut.
        self.input, self.size = open_input(options.source)
        if at[0]:
            self.input.seek(at[0])
        resumed = options["--resume"] and bool(done or at != (0, 0))
        try:
            self.output = Output(options["--output"], resumed, options["--gzip"], options["--flush"])
        except BaseException:
            self._close_input()
            raise
        self.progress = self._progress(at[0])
        self._next_tick = time.monotonic() + 1
        self._next_save = time.monotonic() + _CHECKPOINT_EVERY
        self._timer: Timer | None = None
        self._worker: Any = None  # the greenlet that does the work

    def _progress(self, done: int) -> Progress:
        form = "none" if self.options["--quiet"] else self.options["--status-format"]
        bar = None
        if form == "auto":
            form = "text"
            if sys.stderr.isatty():
                try:
                    bar = commands.load("bulk.bar").bar(self.size, done)
                except ImportError:
                    bar = None  # tqdm is an extra
        return Progress(form, bar, self.size, done, self.began)

    def _lines(self) -> Iterable[bytes]:
        return self.input if self.size or os.path.isfile(self.options.source) else PipeLines(self.input.fileno())

    def run(self, processes: int) -> int:
        """Do it; returns the exit status."""
        code = 0
        before = self._handler()
        try:
            with _seldom_collected():
                if processes > 1:
                    run_workers(self.job, processes, self._lines(), self.mark, self.output, self.tally, self.tick)
                else:
                    self._alone()
        except _Terminated:
            code = _TERMINATED
        except KeyboardInterrupt:
            code = INTERRUPTED
        except WorkerLost as error:
            code = complain(str(error), INSIDE)
        finally:
            if before is not None:
                signal.signal(signal.SIGTERM, before)
            self._end()
        self._tell(bool(code))
        return code or self._verdict()

    def _handler(self) -> Any:
        try:
            return signal.signal(signal.SIGTERM, _terminate)
        except ValueError:
            return None  # not the main thread: whoever runs us there has the signals

    def _alone(self) -> None:
        engine = registry.make_engine(self.job.resolver, self.job.config, self.job.tuning)
        lines = self._lines()
        self._worker = getcurrent()
        self._again()
        try:
            asked = questions(lines, self.job.form, self.mark)
            pending = lines.pending if isinstance(lines, PipeLines) else None
            work(self.job, asked, engine, self.tally, self.output.write, pending)
        finally:
            if self._timer is not None:
                self._timer.cancel()
            if isinstance(lines, PipeLines):
                lines.close()
            engine.close()

    def _again(self) -> None:
        """A tick every second; and so the loop has something to wait for while a pipe has no names."""
        hub = get_hub()
        self._timer = hub.call_later(1.0, self._again)
        try:
            self.tick()
        except Exception as error:  # noqa: BLE001  (a full disk, a reader that is gone: it ends the run, not the tick)
            hub.cancel(self._worker, error)

    def tick(self) -> None:
        """Look at the clock: let go of what waits to be written, tell how it stands, and save how far it is."""
        now = time.monotonic()
        if now >= self._next_tick:
            self._next_tick = now + 0.95  # the timer that calls is a second's
            self.output.flush()
            self.progress.tell(self.tally, self.mark.settle()[0], self.job.concurrency)
        if now >= self._next_save and self.checkpoint is not None:
            self._next_save = now + _CHECKPOINT_EVERY
            self._save()

    def _save(self) -> None:
        """Everything before the mark is written first, so the note never says more than is true."""
        at = self.mark.settle()
        self.output.flush()
        if self.checkpoint is not None:
            self.checkpoint.save(at, self.mark.done)

    def _end(self) -> None:
        self.progress.end()
        try:
            self._save()
        finally:
            try:
                self.output.close()
            finally:
                self._close_input()

    def _close_input(self) -> None:
        if self.options.source != "-":
            self.input.close()

    def _tell(self, aborted: bool) -> None:
        """The metadata file, and the last line."""
        more: dict[str, Any] = {
            "servers_asked": [str(one) for one in self.job.config.servers],
            "timeout": self.job.config.timeout,
            "tries_allowed": self.job.config.attempts,
            "concurrency": self.options["--concurrency"],
            "processes": self.options["--processes"],
        }
        if self.output.kept or self._done_before:
            # Written by the run before, past the point where this one began: those names have two records.
            more["kept"] = self.output.kept
            more["repeated"] = max(self.output.kept - self._done_before, 0) if self.job.one_each else None
        target = self.options["--metadata-file"]
        if target is not None:
            with open(target, "w", encoding="utf-8") as file:
                json.dump(self.tally.summary(self.began, aborted, commands.version(), **more), file, indent=1)
                file.write("\n")
        if not self.options["--quiet"]:
            again = f"; {more['repeated']} of the run before are there twice" if more.get("repeated") else ""
            print(f"resolve: {self.tally.line(self.began)}{again}", file=sys.stderr)

    def _verdict(self) -> int:
        tally = self.tally
        if not tally.unanswered:
            return 0
        silent = tally.unanswered == tally.asked
        return NO_REPLY if silent or tally.unanswered * 100 > self.options["--max-unanswered"] * tally.records else 0
