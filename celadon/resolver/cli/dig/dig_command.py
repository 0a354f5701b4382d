"""``resolve`` in dig's dialect: asks what a command line wants to know, all at once, and prints it in its order."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from ....hub import Greenlet, Group, Queue, spawn, to_thread
from ... import registry
from ...dns.wire import decode, encode_question, question_tail
from ...errors import Kind, ResolveError
from ...model import Answer, Question, Security, type_name
from ..commands import load, version, version_line
from ..escapes import printable
from ..exits import NO_REPLY, OK, UNPROVEN, USAGE, UsageError, complain
from . import text
from .asker import Asker, Reply
from .grammar import parse
from .settings import Command, Lookup, Settings

_AT_ONCE = 100  # questions of one command in flight
_XFR = (251, 252)  # IXFR, AXFR
_NO_DATA, _FAILED = 2, 3  # with --exit-status=rcode


def main(words: list[str]) -> int:
    """Run the command; returns the exit status."""
    command = parse(words)
    run = command.run
    if run.action == "discover":
        asker = Asker(run)
        try:
            plain = command.base.servers or tuple(map(str, asker.system.servers))
            return int(load("dig.discovery").show(asker.ask_one, plain, command.base.format == "json"))
        finally:
            asker.close()
    if run.action != "ask":
        return show(run.action)
    for one in run.warnings:
        complain(f"warning: {one} is not supported and has no effect", OK)
    if not command.lookups and run.batch is None:
        if not sys.stdin.isatty():
            raise UsageError("no name given; try resolve --help, or resolve bulk for a list of names")
        command = parse([".", "NS"], run, command.base)
    return Printer(command, words).run()


def show(action: str) -> int:
    """Print one of the texts that are made from the option table."""
    made = load("manual")
    if action == "version":
        print(version_line())
    elif action == "help":
        print(made.help_text(), end="")
    elif action == "man":
        made.show_man_page(version())
    else:
        print(made.completion(action.split()[1]), end="")
    return OK


class Printer:
    """One command: what is asked, what is printed, and how it ends."""

    def __init__(self, command: Command, words: list[str]) -> None:
        self.command = command
        self.asker: Asker = Asker(command.run)
        self.code: int = OK
        self.greeting: str = greeting(words)
        self.tty: bool = sys.stdout.isatty()
        self.table: list[Reply] = []

    def run(self) -> int:
        """Ask, and print each answer as soon as all before it are printed."""
        if self.command.run.why:
            self.why()
        try:
            for reply in self._replies():
                if isinstance(reply, UsageError) and self.command.run.batch is not None:
                    self.code = max(self.code, complain(str(reply), USAGE))  # one line of many
                elif isinstance(reply, Exception):
                    raise reply
                elif isinstance(reply, Lookup):
                    self._walk(reply)
                else:
                    self.show(reply)
                sys.stdout.flush()
        finally:
            self.asker.close()
        if self.table:
            sys.stdout.write(load("dig.formats").as_table(self.table, self._color()))
        sys.stdout.flush()
        return self.code

    def _replies(self) -> Iterator[Reply | Lookup | Exception]:
        """The replies in the order of the questions, of which at most ``_AT_ONCE`` are under way."""
        asked: Queue[Greenlet[Reply | Lookup | Exception] | None] = Queue(_AT_ONCE)
        group = Group()

        def feed() -> None:
            for lookup in self._lookups():
                asked.put(group.spawn(self._reply, lookup))
            asked.put(None)

        feeder = spawn(feed)
        try:
            while (one := asked.get()) is not None:
                yield one.get()
        finally:
            feeder.kill()
            group.kill()

    def _reply(self, lookup: Lookup | Exception) -> Reply | Lookup | Exception:
        if isinstance(lookup, Exception) or lookup.settings.trace or lookup.settings.nssearch or lookup.rdtype in _XFR:
            return lookup  # several questions, each of which waits for the one before: done when its turn comes
        try:
            return self.asker.ask(lookup)
        except Exception as error:  # noqa: BLE001  (raised again where it can be told)
            return error

    def _lookups(self) -> Iterator[Lookup | Exception]:
        yield from self.command.lookups
        if self.command.run.batch is None:
            return
        try:
            for line in batch(self.command.run.batch):
                words = line.split()
                if not words or words[0][0] in "#;":
                    continue
                try:
                    yield from parse(words, self.command.run, self.command.base).lookups
                except UsageError as error:
                    yield error
        except OSError as error:
            yield error

    # -- what is printed ---------------------------------------------------------------------------------------

    def show(self, reply: Reply) -> None:
        """Print one reply, after those of the search list that led to it."""
        if reply.lookup.settings.showsearch:
            greeting = self.greeting
            for one in reply.passed:
                self._show(one)
                self.greeting = greeting  # which dig repeats for each
        self._show(reply)
        self.greeting = ""

    def _show(self, reply: Reply) -> None:
        settings = reply.lookup.settings
        if settings.idnout is None and self.tty:
            reply = reply._replace(lookup=reply.lookup._replace(settings=settings._replace(idnout=True)))
            settings = reply.lookup.settings
        outcome = reply.outcome
        self._judge(outcome)
        if settings.format == "json":
            self._write(load("dig.formats").as_json(reply) + "\n")
        elif settings.format == "yaml":
            self._write(load("dig.formats").as_yaml(reply))
        elif settings.format == "table":
            self.table.append(reply)
        elif isinstance(outcome, Answer):
            self._text(reply, outcome, settings)

    def _text(self, reply: Reply, answer: Answer, settings: Settings) -> None:
        if settings.short:
            if unproven(answer):
                return  # a script takes each line for an answer
            plain = settings._replace(multiline=False)
            self._write(text.short(answer, plain))
            return
        options = answer.question.options
        if settings.comments and reply.bad_cookie:
            self._write(";; BADCOOKIE, retrying.\n")
        if settings.comments and settings.edns and options is not None and options.edns == 0:
            self._write(";; BADVERS, retrying with EDNS version 0.\n")
        if settings.comments and answer.tcp and options is not None and not options.tcp:
            self._write(";; Truncated, retrying in TCP mode.\n")
        if settings.cmd and self.greeting:
            self._write(self.greeting + found(reply, settings) + ";; global options: +cmd\n")
        if settings.qr:
            self._write(sent(answer.question, answer.id, settings))
        self._write(text.dig(reply, answer, self.command.run.microseconds))

    def _write(self, made: str) -> None:
        try:
            sys.stdout.write(made)
        except UnicodeEncodeError:  # a terminal that has no such letters
            sys.stdout.write(made.encode("ascii", "backslashreplace").decode("ascii"))

    def _walk(self, lookup: Lookup) -> None:
        """``+trace`` and ``+nssearch``, and zone transfers."""
        if lookup.rdtype in _XFR:
            self._transfer(lookup)
            return
        if lookup.settings.validate:
            raise UsageError("+validate does not go with +trace and +nssearch: it walks down from the root by itself")
        if self.command.run.resolver in registry.RESOLVERS:
            raise UsageError(
                "+trace and +nssearch need --resolver python: libc does not let a program choose the server"
            )
        if lookup.settings.nssearch:
            lines, errors = load("dig.nssearch").search(self.asker, lookup)
            self._write(lines)
            for error in errors:
                self._judge(error)
            return
        run = self.command.run
        trace = load("dig.trace")
        settings = lookup.settings._replace(comments=False, question=False, additional=False, stats=False)
        lookup = lookup._replace(settings=settings._replace(identify=settings.identify or not settings.short))
        servers = self.asker.servers(settings)
        roots = trace.root_servers(run.hints, run.port) if run.hints else servers.found
        try:
            steps = trace.Trace(self.asker.ask_one, roots, run.port or roots[0].port).walk(lookup)
        except ResolveError as error:
            self._judge(error)
            return
        if settings.cmd and self.greeting and not settings.short:
            self._write(self.greeting + ";; global options: +cmd\n")
        self.greeting = ""
        for step in steps[-1:] if settings.short else steps:
            self.show(Reply(lookup, step.answer, step.when, servers.found, servers.names))

    def _transfer(self, lookup: Lookup) -> None:
        settings = lookup.settings
        count = len(settings.servers)
        found = f"; ({count} server{'s' if count > 1 else ''} found)\n" if count else ""
        head = self.greeting + found + ";; global options: +cmd\n" if self.greeting else ""
        for piece in load("dig.zone_transfer").transfer(self.asker, lookup, head):
            if isinstance(piece, str):
                self._write(piece)
            else:
                self._judge(piece)
            if isinstance(piece, Answer):
                what = f"{lookup.name} {type_name(lookup.rdtype)}"
                why = load("dig.zone_transfer").why_refused(piece)
                complain(f"{what}: the server {piece.server} answered {why}", OK)
        self.greeting = ""

    # -- how it ends -------------------------------------------------------------------------------------------

    def _judge(self, outcome: Answer | ResolveError) -> None:
        if isinstance(outcome, Answer) and unproven(outcome):
            what = f"{outcome.question.name or '.'} {type_name(outcome.question.rdtype)}"
            self.code = max(self.code, complain(f"{what}: {outcome.validation}", UNPROVEN))
        if isinstance(outcome, ResolveError):
            code = USAGE if outcome.kind in (Kind.ILLEGAL, Kind.ARGUMENT, Kind.UNSUPPORTED) else NO_REPLY
            self.code = max(self.code, complain(outcome.explain(), code))
        elif self.command.run.by_rcode and outcome.rcode not in (0, 3):
            self.code = max(self.code, _FAILED)
        elif self.command.run.by_rcode and (outcome.rcode == 3 or load("dig.formats").no_data(outcome)):
            self.code = max(self.code, _NO_DATA)

    def _color(self) -> bool:
        wanted = self.command.run.color
        if wanted == "auto":
            return self.tty and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        return wanted == "always"

    def why(self) -> None:
        """Say on stderr who will be asked."""
        run, base = self.command.run, self.command.base
        for settings in dict.fromkeys([one.settings for one in self.command.lookups] or [base]):
            servers = self.asker.servers(settings)
            source = "the command line" if settings.servers else "/etc/resolv.conf"
            listed = ", ".join(map(str, servers.found))
            chosen = "--resolver" if run.resolver != "python" else "the command's default"
            complain(f"why: {run.resolver} ({chosen}) asks {listed} ({source})", OK)
        for line in load("dig.why").of_programs([one.name for one in self.command.lookups]):
            complain(f"why: {line}", OK)


def unproven(answer: Answer) -> bool:
    """Whether the answer was validated in vain: it is bogus, or its proof could not be had."""
    found = answer.validation
    return found is not None and found.state in (Security.BOGUS, Security.INDETERMINATE)


def greeting(words: list[str]) -> str:
    """The first line of dig's output, with this command's name."""
    return f"\n; <<>> celadon resolve <<>> {printable(' '.join(words))}\n"


def found(reply: Reply, settings: Settings) -> str:
    """How many servers were named."""
    if not settings.servers:
        return ""
    count = len(reply.servers)
    return f"; ({count} server{'s' if count > 1 else ''} found)\n"


def sent(question: Question, number: int, settings: Settings) -> str:
    """The question as it went out, as ``+qr`` shows it."""
    body = number.to_bytes(2, "big") + encode_question(question)
    asked = decode(question, (body, 12 + len(question_tail(question)), "", 0.0, False, 1))
    made = text.message(asked, settings, ";; Sending:")
    return made + (f";; QUERY SIZE: {len(body)}\n\n" if settings.stats else "")


def batch(path: str) -> Iterator[str]:
    """The lines of a batch file; those of stdin as they come, while other questions are under way."""
    if path == "-":
        while line := to_thread(sys.stdin.readline):
            yield line
        return
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        yield from file
