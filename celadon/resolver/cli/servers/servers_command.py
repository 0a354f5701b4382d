"""``resolve servers``: check a list of name servers. Those that pass go to stdout, or all with reasons as JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

from ....hub import Pool, get_hub, sleep
from ... import registry
from ...bulk_lookup import question_for
from ...dns.exchange import Tuning
from ...errors import ResolveError, ResolverConfigError
from ...frozen import frozen, replace
from ...model import Answer, Config, Question, RRType, Server
from ...names.domain import fits
from ...protocols import Engine, Outcome
from ...resolvers.stub import ask
from ...system.servers import parse_server
from .. import help_texts
from ..exits import NO_REPLY, OK, FileError, UsageError
from ..server_list import server_list
from .server_checks import (
    KNOWN,
    WORDS,
    ZONES,
    Finding,
    Wanted,
    expected_of,
    judge,
    middle,
    probes,
    rate_finding,
    reasons,
)

_LABEL = 12  # random bytes of a name that nobody has registered
_NO_EDNS = frozenset((1, 4, 16))  # FORMERR, NOTIMP, BADVERS: upon these it is asked without EDNS


@frozen
class Plan:
    """The options, read."""

    source: str = ""
    zones: tuple[str, ...] = ZONES
    known: tuple[tuple[str, frozenset[str] | None], ...] = ()
    signed: str | None = None
    trusted: tuple[Server, ...] = ()
    slowest: float = 0.5
    rate: float = 0.0
    allowed: frozenset[str] = frozenset()
    timeout: float = 2.0
    tries: int = 2
    at_once: int = 50
    port: int = 0
    json: bool = False
    output: str = "-"
    report: str = ""
    quiet: bool = False


def main(words: list[str]) -> int:
    """Run ``resolve servers`` with these arguments; returns the exit status."""
    if "-h" in words or "--help" in words:
        print(help_texts.SERVERS, end="")
        return OK
    plan = parse(words)
    servers = list(listed(plan))
    if not servers:
        raise UsageError(f"{plan.source}: no server in this file")
    wanted = wanted_of(plan)
    good = 0
    failed: Counter[str] = Counter()
    began = time.monotonic()
    with _sink(plan.output) as out, _sink(plan.report or os.devnull) as report:
        pool = Pool(plan.at_once)
        for row in pool.imap(partial(row_of, plan, wanted), servers, maxsize=plan.at_once):
            good += row["ok"]
            failed.update(row["reasons"])
            line = json.dumps(row)
            report.write(line + "\n")
            if plan.json:
                print(line, flush=True)
            if row["ok"] and not (plan.json and plan.output == "-"):
                out.write(_listed(row["server"]) + "\n")
                out.flush()
    if not plan.quiet:
        why = ", ".join(f"{count} {word}" for word, count in failed.most_common())
        took = time.monotonic() - began
        print(f"resolve: {good} of {len(servers)} servers passed{f'; failed: {why}' if why else ''}; {took:.1f} s",
              file=sys.stderr)  # fmt: skip
    return OK if good else NO_REPLY


def _sink(path: str) -> Any:
    if path == "-":
        return nullcontext(sys.stdout)
    return open(path, "w", encoding="utf-8")


# -- options -----------------------------------------------------------------------------------------------------


def _number(least: float, most: float, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise UsageError(f"{text!r} is not a number from {least:g} to {most:g}")
    return value


def _whole(most: int, text: str) -> int:
    return int(_number(1, most, text)) if text.isdigit() else int(_number(1, 0, text))


def _known(text: str) -> tuple[tuple[str, frozenset[str] | None], ...]:
    name, _, data = text.partition("=")
    found = frozenset(one.strip() for one in data.split(",") if one.strip())
    return ((name.rstrip("."), found or None),)


def _allowed(text: str) -> frozenset[str]:
    words = frozenset(text.split(","))
    if not words <= set(WORDS):
        raise UsageError(f"{text!r} is not of {', '.join(WORDS)}")
    return words


def _trusted(text: str) -> tuple[Server, ...]:
    return tuple(parse_server(one) for one in server_list(text)[0])


#: Option -> field of Plan, and what reads its value; None for a switch.
_OPTIONS: dict[str, tuple[str, Any]] = {
    "--zones": ("zones", lambda text: tuple(one.strip(".") for one in text.split(",") if one.strip("."))),
    "--known": ("known", _known),
    "--signed": ("signed", lambda text: text.rstrip(".")),
    "--trusted": ("trusted", _trusted),
    "--max-rtt": ("slowest", lambda text: _number(0.001, 60_000, text) / 1000),
    "--rate": ("rate", partial(_number, 1, 100_000)),
    "--allow": ("allowed", _allowed),
    "--timeout": ("timeout", partial(_number, 0.01, 600)),
    "--tries": ("tries", partial(_whole, 50)),
    "--concurrency": ("at_once", partial(_whole, 10_000)),
    "--port": ("port", partial(_whole, 65535)),
    "--output": ("output", str),
    "--report": ("report", str),
    "--json": ("json", None),
    "--quiet": ("quiet", None),
}
_LETTERS = {"-c": "--tries", "-s": "--concurrency", "-p": "--port", "-w": "--output", "-j": "--json", "-q": "--quiet"}


def parse(words: list[str]) -> Plan:
    """The command line as values. UsageError with one line for what cannot be."""
    made: dict[str, Any] = {}
    left = words[::-1]
    while left:
        word = left.pop()
        option, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        option = _LETTERS.get(option, option)
        if option not in _OPTIONS:
            if word.startswith("-") and word != "-":
                raise UsageError(f"unknown option {word}; try resolve servers --help")
            if "source" in made:
                raise UsageError("one list of servers at a time; cat FILE... | resolve servers -")
            made["source"] = word
            continue
        field, read = _OPTIONS[option]
        if read is None:
            if equals:
                raise UsageError(f"option {option} takes no value")
            made[field] = True
            continue
        if not equals:
            if not left:
                raise UsageError(f"option {word} needs a value")
            value = left.pop()
        try:
            read_value = read(value)
        except (UsageError, ResolverConfigError) as error:
            raise UsageError(f"option {option}: {error}") from None
        made[field] = made.get(field, ()) + read_value if field == "known" else read_value
    if "source" not in made:
        raise UsageError("no list of servers given; try resolve servers --help")
    plan = Plan(**made)
    if not plan.zones:
        raise UsageError("option --zones: no zone given")
    for name in (*plan.zones, *(name for name, _ in plan.known), plan.signed or "x"):
        if not fits(name) or isinstance(question_for(name, RRType.A), ResolveError):
            raise UsageError(f"{name!r} is not a name")
    return plan


def listed(plan: Plan) -> Iterator[str | Server]:
    """The servers of the list, each once; a line that is no server as it is."""
    try:
        words = [str(one) for one in server_list(plan.source)[0]] if plan.source != "-" else []
        lines = iter(words)
    except (UsageError, ResolverConfigError):
        lines = iter(())
        words = []
    if not words:
        lines = _lines(plan.source)
    seen = set()
    for text in lines:
        try:
            server = parse_server(text)
        except ResolverConfigError:
            yield text
            continue
        if plan.port:
            server = replace(server, port=plan.port)
        if server not in seen:
            seen.add(server)
            yield server


def _lines(path: str) -> Iterator[str]:
    try:
        with open(0 if path == "-" else path, encoding="utf-8", errors="replace", closefd=path != "-") as file:
            for line in file:
                text = line.partition("#")[0].strip().removeprefix("nameserver").strip()
                if text:
                    yield text
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}") from None


# -- asking ------------------------------------------------------------------------------------------------------


def engine_for(servers: tuple[Server, ...], timeout: float, tries: int) -> Engine:
    """An engine of its own, whose sockets go with it. Every reply counts; some call for one without EDNS."""
    config = Config(servers=servers, timeout=timeout, attempts=tries)
    return registry.make_engine("python", config, Tuning(retry=_NO_EDNS, adaptive_timeout=False))


def wanted_of(plan: Plan) -> Wanted:
    """What is expected: as the options say, and as trusted servers answer. UsageError if those do not."""
    known = plan.known or tuple((name, None if plan.trusted else frozenset((data,))) for name, data in KNOWN.items())
    ad = plan.signed is not None
    if plan.trusted:
        engine = engine_for(plan.trusted, plan.timeout, max(plan.tries, 3))
        try:
            found = ask(engine, tuple([Question(name, RRType.A) for name, _ in known]))
            known = tuple(expected_of(known, found))
            [signed] = ask(engine, (probes(Wanted(signed=plan.signed or ""), _label)[-1][1],))
        finally:
            engine.close()
        if all(isinstance(one, ResolveError) for one in found):
            raise UsageError("option --trusted: none of these servers answers")
        ad = ad or (isinstance(signed, Answer) and bool(signed.flags & 0x20))
    return Wanted(plan.zones, known, plan.signed or "", ad, plan.slowest)


def _label() -> str:
    return os.urandom(_LABEL).hex()


def check(server: Server, wanted: Wanted, timeout: float, tries: int) -> tuple[list[Finding], list[Outcome]]:
    """The findings about a server, and its replies; parks the calling greenlet."""
    engine = engine_for((server,), timeout, tries)
    try:
        asked = probes(wanted, _label)
        outcomes = ask(engine, tuple([question for _, question, _ in asked]))
        return judge(wanted, asked, outcomes), outcomes
    finally:
        engine.close()


def row_of(plan: Plan, wanted: Wanted, server: str | Server) -> dict[str, Any]:
    """What is said of a server, as data."""
    if isinstance(server, str):
        return {"server": server, "ok": False, "reasons": ["syntax"], "checks": {}}
    findings, outcomes = check(server, wanted, plan.timeout, plan.tries)
    if plan.rate and not reasons(findings, plan.allowed):
        findings.append(burst(server, wanted, plan))
    why = reasons(findings, plan.allowed)
    times = sorted(one.rtt * 1000 for one in outcomes if isinstance(one, Answer) and not one.tcp)
    row: dict[str, Any] = {"server": _written(server), "ok": not why, "reasons": why}
    row["checks"] = {one.check: {"ok": one.ok, **({"why": one.why} if one.why else {})} for one in findings}
    if times:
        row["rtt_ms"] = {"min": round(times[0], 3), "p50": round(middle(times), 3), "max": round(times[-1], 3)}
    return row


def _written(server: Server) -> str:
    """As a list of servers has it."""
    where = f"[{server.address}]:{server.port}" if ":" in server.address else f"{server.address}:{server.port}"
    if server.scheme == "udp":
        return where
    return f"{server.scheme}://{where}{server.path}{f'#{server.hostname}' if server.hostname else ''}"


def _listed(written: str) -> str:
    """The same without the usual port, as other tools' lists have it."""
    bare = written.removesuffix(":53")
    return bare.strip("[]") if bare != written and "://" not in written else written


def burst(server: Server, wanted: Wanted, plan: Plan) -> Finding:
    """A second's worth of questions, evenly, each tried once."""
    engine = engine_for((server,), plan.timeout, 1)
    now = get_hub().now
    name = wanted.known[0][0] if wanted.known else wanted.zones[0]
    count, began, waiting = int(plan.rate), now(), [0, 0]

    def done(outcome: Outcome) -> None:
        waiting[0] -= 1
        waiting[1] += isinstance(outcome, Answer)

    try:
        for number in range(count):
            waiting[0] += 1
            engine.submit(Question(name, RRType.A), done)
            ahead = began + number / plan.rate - now()
            if ahead > 0.001:
                sleep(ahead)
        took = now() - began
        while waiting[0] and now() < began + took + plan.timeout + 0.5:
            sleep(0.01)
    finally:
        engine.close()
    return rate_finding(count, waiting[1], took)
