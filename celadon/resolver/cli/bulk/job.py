"""One process' part of a bulk run: questions through an engine, records out, with everything that goes by the way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from ... import registry
from ...bulk_lookup import run
from ...dns.exchange import Tuning
from ...errors import ResolveError
from ...frozen import frozen
from ...model import Config, QueryOptions, RRType, Server
from ...protocols import Engine
from ...system.reload import System
from ..commands import load
from ..exits import UsageError, must_be_readable
from .bulk_options import Options
from .checks import Checks, checks_of
from .files import PENDING, Encode, lines
from .names_in import Asked, Form, Key, patterns_of
from .outcome_words import Schema, holds, status, unanswered
from .schemas import encoder, schema
from .tally import Tally


@frozen
class Job:
    """What the options ask for, as values. ``share`` is how many processes divide the rates among themselves."""

    form: Form
    config: Config
    tuning: Tuning
    resolver: str
    concurrency: int
    schema: Schema
    only: frozenset[str] | None
    never: frozenset[str] | None
    failures: bool
    ordered: bool
    encode: Encode = lines
    validate: bool = False
    anchors: str | None = None
    checks: Checks | None = None
    second_pass: bool = False
    iterative: bool = False

    def engine(self) -> Engine:
        """The engine that asks, for the calling thread's hub."""
        made: Engine
        if self.iterative:
            made = registry.make_iterative(self.config, self.tuning)
        else:
            made = registry.make_engine(self.resolver, self.config, self.tuning)
        return registry.validation().engine(made, self.anchors) if self.validate else made


_HINTS = ("/usr/share/dns/root.hints", "/etc/bind/db.root")  # where distributions have them
#: What ``--lookup`` takes -> the type that is asked for first, and what is put before the name.
LOOKUPS = {
    "mx+a": (RRType.MX, ""),
    "ns+a": (RRType.NS, ""),
    "spf": (RRType.TXT, ""),
    "dmarc": (RRType.TXT, "_dmarc."),
    "caa": (RRType.CAA, ""),
}
#: Options that only some engines follow.
_TUNED = (
    "--rate",
    "--rate-per-server",
    "--inflight-per-server",
    "--retry",
    "--no-adaptive",
    "--sticky",
    "--recheck",
    "--local-address",
)


def job_of(options: Options, share: int) -> Job:
    """The job of one of ``share`` processes. UsageError for what cannot be."""
    name = options["--resolver"]
    if name not in registry.ENGINES:
        raise UsageError(f"bulk asks DNS: --resolver is one of {', '.join(registry.ENGINES)}, not {name!r}")
    if name not in registry.TUNED and options["--output-format"] == "B":
        raise UsageError(f"-o B writes messages as they came: it needs --resolver {' or '.join(registry.TUNED)}")
    for one in _TUNED if name not in registry.TUNED else ():
        if one in options.values:
            raise UsageError(f"{one} needs --resolver {' or '.join(registry.TUNED)}")
    servers = roots_of(options) if options["--iterative"] else options.servers or System().world().config.servers
    retry = options["--retry"]
    concurrency = max(1, options["--concurrency"] // share)
    tries = options.tries(1 if options["--iterative"] else len(servers))
    tuning = Tuning(
        in_flight=concurrency,
        in_flight_per_server=-(-options["--inflight-per-server"] // share),
        rate=options["--rate"] / share,
        rate_per_server=options["--rate-per-server"] / share,
        adaptive=not options["--no-adaptive"],
        tries=tries,
        sticky=options["--sticky"],
        sources=options["--local-address"],
        **({} if retry is None else {"retry": retry}),
    )
    config = Config(
        servers=tuple(servers),
        timeout=options["--timeout"],
        attempts=-(-tries // len(servers)),
        rotate=len(servers) > 1 and options["--rotate"] == "round-robin",
        use_vc=options["--tcp-only"],
    )
    form = form_of(options)
    return Job(
        form,
        config,
        tuning,
        name,
        concurrency,
        schema(options["--output-format"], options["--schema"], retry),
        options["--filter"],
        options["--ignore"],
        not options["--no-failures"],
        options["--ordered"],
        encoder(options["--output-format"], options["--schema"]),
        *_validation(options),
        checks_of(options, share),
        options["--second-pass"],
        options["--iterative"],
    )


def roots_of(options: Options) -> tuple[Server, ...]:
    """The root servers of ``--iterative``. UsageError where none are known, or somebody else is to be asked."""
    for option, given in (("--resolvers", options["--resolvers"]), ("--resolver", options["--resolver"] != "python")):
        if given:
            raise UsageError(f"--iterative asks the authorities themselves: leave out {option}")
    hints = options["--hints"] or next(filter(os.path.isfile, _HINTS), None)
    if hints is None:
        raise UsageError("--iterative needs the root's servers: --hints FILE")
    found: tuple[Server, ...] = load("dig.trace").root_servers(hints, options["--port"] or 0)
    return found


def form_of(options: Options) -> Form:
    """How lines become questions. FileError or UsageError for domains that cannot be read."""
    default, prefix = RRType.PTR if options["--ptr"] else RRType.A, options["--prefix"]
    if options["--lookup"] is not None:
        default, before = LOOKUPS[options["--lookup"]]
        prefix = before + prefix
    asked = QueryOptions(
        rd=not options["--norecurse"],
        dnssec=options["--dnssec"],
        nsid=options["--nsid"],
        subnet=options["--client-subnet"],
        cd=options["--checking-disabled"],
        ad=options["--authenticated-data"],
    )
    return Form(
        options["--input-format"],
        tuple(dict.fromkeys(options.types)) or (int(default),),
        prefix,
        options["--suffix"],
        options["--ptr"],
        options["--metadata-passthrough"],
        None if asked == QueryOptions() else asked,
        patterns_of(options["--domain"]),
        options["--origin"],
    )


def _validation(options: Options) -> tuple[bool, str | None]:
    """Whether to validate, and by which anchors, which are read: that it cannot be must be said before any output."""
    wanted, anchors = options["--validate-dnssec"], options["--anchors"]
    if wanted:
        if anchors is not None:
            must_be_readable("--anchors", anchors)
        registry.validation().read_anchors(anchors)
    return wanted, anchors


def work(
    job: Job,
    asked: Iterable[Asked],
    engine: Engine,
    tally: Tally,
    put: Callable[[Key, str], object],
    pending: Callable[[Callable[[], None]], None] | None = None,
) -> None:
    """Ask everything, and ``put`` the record of each question, empty where none is wanted; greenlets wait between two.

    Whatever ends it, what is in flight is cancelled and what was put is counted.
    """
    render, add = job.schema, tally.add
    if job.checks is not None:
        engine, render = load("bulk.stages").staged(job.checks, engine, render, job.concurrency, job.config)
    only, never, failures = job.only, job.never, job.failures
    all_of_them = only is None and never is None and failures
    running: Any
    if job.second_pass:
        rate = job.tuning.rate
        running = load("bulk.second_pass").twice(asked, engine, job.concurrency, rate, pending, tally)
    else:
        running = run(asked, engine, job.concurrency, ordered=job.ordered, pending=pending, later=PENDING)
    try:
        for key, outcome in running:
            line = render(key, outcome) if all_of_them or _wanted(outcome, key, only, never, failures) else ""
            add(outcome)  # nothing waits between these two: counts and records agree at any moment
            put(key, line)
    finally:
        running.close()
        tally.of_engine(engine)
        if job.checks is not None:
            engine.close()


def _wanted(outcome: Any, key: Key, only: frozenset[str] | None, never: frozenset[str] | None, failures: bool) -> bool:
    words = {status(outcome)}
    if not isinstance(outcome, ResolveError) and not outcome.rcode and not holds(outcome, key.rdtype):
        words.add("NODATA")
    if not failures and unanswered(outcome):
        return False
    return (only is None or bool(words & only)) and not (never is not None and words & never)
