"""``resolve bulk`` in shards: by processes here (``--parts DIR -P N``) or on a cluster (``--dask WHERE``)."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from typing import Any

from ...distributed.driver import Outcome, Pool, drive
from ...distributed.fork_pool import ForkPool
from ...distributed.layout import Plan
from ...distributed.merging import join
from ...distributed.parts import Parts
from ...distributed.planning import plan_for
from ...distributed.pools import module_of
from .. import commands
from ..exits import FILES, INSIDE, NO_REPLY, FileError, UsageError, complain
from .bulk_options import Options
from .files import refuse_same_file, replace_file
from .pieces import WorkerLost
from .progress_form import progress_of
from .stop import Stop
from .tally import Tally


def run(options: Options) -> int:
    """Do it; returns the exit status."""
    named = options["--parts"]
    output = options["--output"]
    where = options["--dask"]
    refuse_same_file(
        {
            "input": options.source,
            "list of servers": options.server_file or None,
            "output": output,
            "metadata file": options["--metadata-file"],
        }
    )
    if options.source == "-":
        raise UsageError("shards are pieces of a plain file: write the names into one first")
    if named is None and output == "-":
        if where is None or not where.startswith("local:"):
            raise UsageError("--dask ADDRESS needs --parts DIR or -w FILE, in a directory that all machines see")
        with tempfile.TemporaryDirectory(prefix="resolve-bulk.") as folder:
            return _Shards(options, folder, True).run()
    return _Shards(options, named or f"{output}.parts", named is None).run()


class _Shards:
    """One run over a directory of parts. ``ours``: the user did not name it, so it goes when the output is there."""

    def __init__(self, options: Options, directory: str, ours: bool) -> None:
        self._options = options
        self._directory = directory
        self._ours = ours
        self._merges = options["--output"] != "-" or ours
        self._stop = Stop()
        self._began = time.time()

    def run(self) -> int:
        """From the plan to the last line on stderr."""
        options = self._options
        there = os.path.isdir(self._directory) and Parts(self._directory).load_plan() is not None
        if there and not (options["--resume"] or options["--restart"]):
            raise UsageError(
                f"{self._directory}: has the parts of a run; --resume goes on from there, --restart removes them"
            )
        with self._stop:
            try:
                pool = self._pool()  # first: what is missing is said before anything is written
            except WorkerLost as error:
                return complain(str(error), INSIDE)
            try:
                plan = plan_for(options, self._directory, options["--shard-lines"], options["--restart"])
                return self._drive(pool, plan)
            finally:
                pool.close()

    def _pool(self) -> Pool:
        where = self._options["--dask"]
        if where is None:
            return ForkPool(self._options["--processes"])
        names = ("--tls-ca-file", "--tls-cert", "--tls-key")
        made: Pool = module_of("distributed").connect(where, *(self._options[one] for one in names))
        return made

    def _drive(self, pool: Pool, plan: Plan) -> int:
        options = self._options
        kept = Parts(plan.directory, plan.suffix).finished(plan)
        progress = progress_of(options, plan.size, sum(one.length for one in kept.values()), self._began)
        last = 0.0

        def tell(tally: Tally, done: int, _out: int) -> None:
            nonlocal last
            if time.monotonic() - last >= 0.95:
                last = time.monotonic()
                progress.tell(tally, done, options["--concurrency"])

        try:
            outcome = drive(pool, plan, stop=self._stop, tell=tell)
        except WorkerLost as error:
            return complain(f"{error}; --resume goes on", INSIDE)
        except FileError as error:
            return complain(f"{error}; --resume goes on", FILES)
        finally:
            progress.end()
        if outcome.finished and self._merges:
            join(Parts(plan.directory, plan.suffix), plan, options["--output"], self._stop, options["--ordered"])
            if self._ours:
                _remove(plan)
        tally = outcome.tally()
        self._tell(plan, outcome, tally)
        if self._stop.number:
            return self._stop.status
        return NO_REPLY if tally.too_few_answers(options["--max-unanswered"]) else 0

    def _tell(self, plan: Plan, outcome: Outcome, tally: Tally) -> None:
        """The metadata file, and the last line."""
        options = self._options
        target = options["--metadata-file"]
        if target is not None:
            more: dict[str, Any] = {
                "concurrency": options["--concurrency"],
                "parts": len(plan),
                "parts_done": len(outcome.notes),
                "parts_again": outcome.again,
                "kept": outcome.before,
                "workers": outcome.workers(),
            }
            summary = tally.summary(self._began, not outcome.finished, commands.version(), **more)
            replace_file(target, json.dumps(summary, indent=1) + "\n")
        if options["--quiet"]:
            return
        line = f"{tally.line(self._began)}; {len(outcome.notes)} of {len(plan)} parts"
        if outcome.again:
            line += f"; {outcome.again} were asked again"
        if outcome.before:
            line += f"; {outcome.before} records were done before"
        if not outcome.finished:
            line += "; stopped, --resume goes on"
        print(f"resolve: {line}", file=sys.stderr)


def _remove(plan: Plan) -> None:
    """The directory of a run whose output is there, if nobody else has put anything into it."""
    Parts(plan.directory, plan.suffix).clear()
    with suppress(OSError):
        shutil.rmtree(os.path.join(plan.directory, "holders"), ignore_errors=True)
        os.rmdir(plan.directory)
