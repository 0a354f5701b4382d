"""``resolve bench``: workers that ask, each one question at a time, until the time or the names are over."""

from __future__ import annotations

import _random
import json
import os
import sys
from collections.abc import Iterator

from ....hub import Group, get_hub, sleep
from ....hub.lowlevel import watch
from ... import registry
from ...bulk_lookup import question_for
from ...dns.exchange import Tuning
from ...dns.pace import Pace
from ...dns.wire import question_tail
from ...errors import ResolveError
from ...frozen import replace
from ...model import Config, QueryOptions, Question, RRType
from ...protocols import Engine
from ...resolvers.stub import ask_one
from ...system.reload import System
from ..bulk.stop import Stop
from ..exits import NO_REPLY, OK, USAGE, FileError, UsageError, complain
from . import bench_report, plots
from .bench_options import Options, help_text, parse
from .exposed import Exposed, endpoint
from .measures import Measures


def main(words: list[str]) -> int:
    """Run ``resolve bench`` with these arguments; returns the exit status."""
    options = parse(words)
    if options["--help"]:
        print(help_text(), end="")
        return OK
    bench = Bench(options)
    with Stop() as stop:
        bench.run(stop)
        return bench.tell() or stop.status


def questions(options: Options) -> list[Question]:
    """One for each name and type. UsageError for a name that cannot be asked."""
    asking = QueryOptions(
        tcp=options["--tcp"],
        rd=not options["--norecurse"],
        dnssec=options["--dnssec"],
        bufsize=options["--edns0"],
        edns_options=options["--ednsopt"],
        ignore_tc=True,
        final=True,
    )
    made = []
    for name in options.names:
        for rdtype in options["--type"] or (int(RRType.A),):
            question = question_for(name, rdtype)
            try:
                if isinstance(question, ResolveError):
                    raise question
                question_tail(question)
            except ResolveError as error:
                raise UsageError(error.explain()) from None
            made.append(question._replace(options=asking))
    return made


class Bench:
    """One run."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.measures: Measures = Measures()
        self._questions = questions(options)
        self._random = _random.Random()
        self._began = self._ends = 0.0
        servers = tuple(options.servers) or System().world().config.servers
        if options["--dot"]:
            servers = tuple(replace(one, scheme="tls", port=853 if one.port == 53 else one.port) for one in servers)
        if options["--insecure"]:
            servers = tuple(replace(one, trust=None) for one in servers)
        if options["--port"] is not None:
            servers = tuple(replace(one, port=options["--port"]) for one in servers)
        self._config = Config(servers=servers, timeout=options["--request"], attempts=1, rotate=len(servers) > 1)
        for path in (options["--plot"],):
            if path is not None:
                _directory(path)

    def run(self, stop: Stop) -> None:
        """Ask. A signal ends it early; what was measured is kept."""
        hub, options = get_hub(), self.options
        tuning = Tuning(in_flight=options["--concurrency"] + 1, adaptive_timeout=False, retry=frozenset())
        engine = registry.make_engine("python", self._config, tuning)
        self._began = hub.now()
        duration = options["--duration"]
        self._ends = float("inf") if duration is None else self._began + duration
        shared = Pace(options["--rate-limit"], self._began) if options["--rate-limit"] else None
        exposed = self._exposed()
        workers = Group()
        stopping = watch(stop.fd, on_readable=lambda: workers.kill(block=False))
        try:
            for _ in range(options["--concurrency"]):
                workers.spawn(self._work, engine, shared)
            workers.join()
        finally:
            workers.kill()
            stopping.close()
            if exposed is not None:
                exposed.close()
            self.measures.took = min(hub.now(), self._ends) - self._began if duration else hub.now() - self._began
            self.measures.mismatches = getattr(engine, "exchange").ignored  # noqa: B009  (the protocol does not have it)
            engine.close()

    def _exposed(self) -> Exposed | None:
        where = endpoint(self.options["--prometheus"] or "")
        hub = get_hub()

        def text() -> str:
            self.measures.took = hub.now() - self._began
            return bench_report.as_prometheus(self.measures)

        return None if where is None else Exposed(where, text)

    def _asked(self) -> Iterator[Question]:
        """The questions of one worker."""
        chance, random = self.options["--probability"], self._random.random
        rounds = 0
        limit = self.options["--number"] or (1 if self.options["--duration"] is None else 0)
        while not limit or rounds < limit:
            rounds += 1
            for one in self._questions:
                if chance >= 1 or random() < chance:
                    yield one
                elif chance == 0 and not limit:
                    return  # it would never ask anything

    def _work(self, engine: Engine, shared: Pace | None) -> None:
        hub, options = get_hub(), self.options
        mine = options["--rate-limit-worker"]
        paces = [one for one in (shared, Pace(mine, hub.now()) if mine else None) if one is not None]
        least, most = options["--request-delay"]
        for question in self._asked():
            for pace in paces:
                while wait := pace.wait(hub.now()):
                    if hub.now() + wait > self._ends:
                        return
                    sleep(wait)
                pace.take()
            if hub.now() >= self._ends:
                return
            outcome = ask_one(hub, engine, question, None)
            now = hub.now()
            if now <= self._ends or not isinstance(outcome, ResolveError):
                self.measures.add(question.rdtype, outcome, now - self._began)
            if most:
                sleep(least + (most - least) * self._random.random())

    def tell(self) -> int:
        """Write what is wanted; returns the exit status."""
        options, measures = self.options, self.measures
        if options["--csv"] is not None:
            _write(options["--csv"], bench_report.as_csv(measures))
        if options["--plot"] is not None:
            for name, text in plots.plots(measures).items():
                _write(os.path.join(options["--plot"], f"{name}.svg"), text)
        if options["--prometheus"] is not None and endpoint(options["--prometheus"]) is None:
            _write(options["--prometheus"], bench_report.as_prometheus(measures))
        if options["--json"]:
            print(json.dumps(measures.report()))
        elif not options["--silent"]:
            print(bench_report.as_text(measures), end="")
        sys.stdout.flush()
        failures = measures.failures()
        for what in options["--fail"]:
            if failures[what]:
                return complain(f"bench: {failures[what]} of {what}", USAGE)
        if measures.requests and measures.errors == measures.requests:
            return complain("bench: no question got an answer", NO_REPLY)
        return OK


def _directory(path: str) -> None:
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from None


def _write(path: str, text: str) -> None:
    if path == "-":
        sys.stdout.write(text)
        return
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from None
