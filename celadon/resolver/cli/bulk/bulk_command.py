"""``resolve bulk``: many names as massdns and zdns do it, one record for each name and type, whatever happens.

SIGINT (Ctrl-C), SIGTERM and SIGHUP end it between two records: whole records, checkpoint and summary are written.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable
from functools import partial
from typing import Any

from ....hub import Timer, get_hub, getcurrent
from ....hub.lowlevel import watch
from .. import commands
from ..exits import INSIDE, NO_REPLY, FileError, UsageError, complain
from .bulk_options import Options, help_text, parse
from .checkpoint import Checkpoint, State, about
from .descriptors import make_room
from .files import Output, PipeLines, open_input, refuse_same_file, replace_file
from .job import Job, job_of, work
from .names_in import Key, Watermark, questions
from .pieces import WorkerLost
from .progress_form import progress_of
from .seldom_collected import seldom_collected
from .stop import Abandoned, Stop, Stopped, Unfit
from .tally import Tally
from .workers import run_workers


def main(words: list[str]) -> int:
    """Run ``resolve bulk`` with these arguments; returns the exit status."""
    if words[:1] == ["merge"]:
        merged: int = commands.load("bulk.merge_command").main(words[1:])
        return merged
    options = parse(words)
    if options["--help"]:
        print(help_text())
        return 0
    if options["--version"]:
        print(commands.version_line())
        return 0
    if options["--man"]:
        commands.load("manual").show_man_page(commands.version())
        return 0
    if options["--parts"] is not None or options["--dask"] is not None:
        done: int = commands.load("bulk.parts_command").run(options)
        return done
    return _Run(options, job_of(options, options["--processes"])).run(options["--processes"])


class _Run:
    """One run, from opening its files to its last line on stderr."""

    def __init__(self, options: Options, job: Job) -> None:
        self.options = options
        self.job = job
        self.stop = Stop()
        self.tally = Tally()
        self.began = time.time()
        make_room(len(job.config.servers))
        refuse_same_file(
            {
                "input": options.source,
                "list of servers": options.server_file or None,
                "output": options["--output"],
                "checkpoint": options["--checkpoint"],
                "metadata file": options["--metadata-file"],
                "file of wildcards": options["--write-wildcards"],
            }
        )
        # The input first: that it cannot be read must be said before the output is cut.
        self.input, self.size = open_input(options.source)
        try:
            self.checkpoint, state = self._checkpoint()
            self.output = self._output()
        except BaseException:
            self._close_input()
            raise
        self.before = state.records
        self.mark = Watermark(state)
        self._keep = state.size
        self._again_asked = 0  # chunks of processes that died
        self._cut = 0  # bytes behind what the checkpoint knows of
        self.progress = progress_of(options, self.size, state.at[0], self.began)
        self._next_tick = time.monotonic() + 1
        self._next_save = time.monotonic() + options["--checkpoint-every"]
        self._timer: Timer | None = None
        self._worker: Any = None  # the greenlet that does the work
        self._ending: BaseException | None = None  # what was raised there

    def _checkpoint(self) -> tuple[Checkpoint | None, State]:
        """The checkpoint, and where it says to begin. UsageError if it may not be replaced."""
        options = self.options
        path = options["--checkpoint"]
        if path is None:
            return None, State()
        made = Checkpoint(path, about(options.source, options["--output"], self.job.form))
        state = None if options["--restart"] else made.load()
        if state is None:
            return made, State()
        if options["--resume"]:
            made.check_input(state, self.input, self.size)
            self.input.seek(state.at[0])
            return made, state
        if not state.finished:
            raise UsageError(
                f"{path}: the run before has not finished; --resume goes on from there, --restart begins anew "
                "and overwrites its output"
            )
        return made, State()

    def _output(self) -> Any:
        """Where records go. UsageError if a library for that is not installed."""
        options = self.options
        if options["--output-format"] != "parquet":
            return Output(options["--output"], options["--gzip"], options["--flush"], self.stop, self.job.encode)
        try:
            return commands.load("bulk.parquet").ParquetOutput(options["--output"])
        except ImportError as error:
            raise UsageError(
                f"-o parquet needs the extra `parquet` (pip install 'celadon[parquet]'): {error}"
            ) from None

    def _lines(self) -> Iterable[bytes]:
        return self.input if self.size or os.path.isfile(self.options.source) else PipeLines(self.input.fileno())

    def run(self, processes: int) -> int:
        """Do it; returns the exit status."""
        code = 0
        finished = False
        with self.stop:
            try:
                self._begin()
                with seldom_collected():
                    if processes > 1:
                        self._again_asked = run_workers(
                            self.job, processes, self._lines(), self.mark, self.output, self.tally, self.tick, self.stop
                        )
                    else:
                        self._alone()
                finished = not self.stop.number
            except (Stopped, Abandoned):
                pass  # the status says which signal it was
            except WorkerLost as error:
                code = complain(str(error), INSIDE)
            except Unfit as error:
                code = complain(str(error), NO_REPLY)
            finally:
                self._end(finished)
            code = code or self.stop.status
            self._tell(bool(code))
        return code or self._verdict()

    def _begin(self) -> None:
        """Note that this run has begun, before its output is cut: from then on it can be resumed or is refused."""
        try:
            if self.checkpoint is not None:
                for path, good in ((self.options.source, self.size), (self.options["--output"], self.output.regular)):
                    if not good and not os.path.isfile(path):
                        raise FileError(f"{path}: with --checkpoint, input and output must be plain files")
                self.output.check(self._keep)
                self.checkpoint.save(self.mark.state(self._keep, False))
            self._cut = self.output.begin(self._keep)
            roots = self.options["--write-wildcards"]
            if roots is not None:
                commands.load("bulk.stages").begin_wildcards(roots, not self._keep)
            if self.options["--output-format"] == "B" and not self._keep:
                self.output.raw(commands.load("bulk.massdns_forms").head())
        except BaseException:
            self.output.broken = True  # nothing is written any more, the checkpoint stays as it is
            raise

    def _alone(self) -> None:
        engine = self.job.engine()
        lines = self._lines()
        self._worker = getcurrent()
        self._again()
        stopping = watch(self.stop.fd, on_readable=partial(self._interrupt, Stopped()))
        try:
            asked = questions(lines, self.job.form, self.mark)
            pending = lines.pending if isinstance(lines, PipeLines) else None
            work(self.job, asked, engine, self.tally, self._put, pending)
        finally:
            if self._ending is not None:
                get_hub().pending.withdraw(self._worker, self._ending)
            stopping.close()
            if self._timer is not None:
                self._timer.cancel()
            if isinstance(lines, PipeLines):
                lines.close()
            engine.close()

    def _put(self, key: Key, line: str) -> None:
        """A record goes to the output, and its question is done: nothing comes between the two."""
        self.output.write(line)
        key.block.done[key.index] = 1
        key.block.left -= 1

    def _interrupt(self, error: BaseException) -> None:
        """Raise it in the greenlet that works, where that waits; the first one only."""
        if self._ending is None:
            self._ending = error
            get_hub().cancel(self._worker, error)

    def _again(self) -> None:
        """A tick every second; and so the loop has something to wait for while a pipe has no names."""
        self._timer = get_hub().call_later(1.0, self._again)
        try:
            self.tick()
        except (Exception, Abandoned) as error:  # noqa: BLE001  (a full disk, a reader that is gone: it ends the run)
            self._interrupt(error)

    def tick(self) -> None:
        """Look at the clock: let go of what waits to be written, tell how it stands, and save how far it is."""
        now = time.monotonic()
        if now >= self._next_tick:
            self._next_tick = now + 0.95  # the timer that calls is a second's
            self.output.flush()
            self.progress.tell(self.tally, self.mark.settle()[0], self.job.concurrency)
        if now >= self._next_save and self.checkpoint is not None:
            self._next_save = now + self.options["--checkpoint-every"]
            self._save(False)

    def _save(self, finished: bool) -> None:
        """The records first: the checkpoint never says more than what the output holds."""
        size = self.output.commit()
        if self.checkpoint is not None:
            self.checkpoint.save(self.mark.state(size, finished))

    def _end(self, finished: bool) -> None:
        self.progress.end()
        try:
            if not self.output.broken:
                self._save(finished)
        finally:
            try:
                self.output.close()
            finally:
                self._close_input()

    def _close_input(self) -> None:
        if self.options.source != "-":
            self.input.close()

    def _tell(self, aborted: bool) -> None:
        """The metadata file, the file of wildcards, and the last line."""
        more: dict[str, Any] = {
            "servers_asked": [str(one) for one in self.job.config.servers],
            "timeout": self.job.config.timeout,
            "tries_allowed": self.job.tuning.tries,
            "concurrency": self.options["--concurrency"],
            "processes": self.options["--processes"],
            "chunks_again": self._again_asked,
            "comments": self.mark.comments,
        }
        if self.options["--resume"]:
            more |= {"kept": self.before, "cut_bytes": self._cut}
        roots = self.options["--write-wildcards"]
        if roots is not None:
            commands.load("bulk.stages").end_wildcards(roots)
        target = self.options["--metadata-file"]
        if target is not None:
            summary = self.tally.summary(self.began, aborted, commands.version(), **more)
            replace_file(target, json.dumps(summary, indent=1) + "\n")
        if not self.options["--quiet"]:
            line = self.tally.line(self.began)
            if self.before:
                line += f"; {self.before} were done before"
            if self._cut and self.options["--resume"]:
                line += f"; {self._cut} bytes behind the checkpoint were cut and their names asked again"
            if self._again_asked:
                line += f"; {self._again_asked} chunks of lines were asked again, because a process had died"
            if self.mark.comments:
                line += f"; comment lines not asked: {self.mark.comments}"
            if self.stop.number:
                line += f"; stopped{self._how_to_go_on()}"
            print(f"resolve: {line}", file=sys.stderr)

    def _how_to_go_on(self) -> str:
        if self.checkpoint is not None:
            return ", --resume goes on"
        if self.options["--output"] == "-" or not self.size:
            return ""
        return "; the same command begins anew (with --checkpoint FILE, --resume would go on)"

    def _verdict(self) -> int:
        return NO_REPLY if self.tally.too_few_answers(self.options["--max-unanswered"]) else 0
