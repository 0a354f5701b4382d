"""The questions of a command line, put to an engine: the one place of the command that waits for answers."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from ... import registry
from ...errors import Kind, ResolveError, ResolverConfigError
from ...frozen import replace
from ...model import Answer, Config, Question, Rcode, Record, RRType, Server
from ...policy.search import candidates
from ...protocols import Engine, Outcome, Resolver
from ...resolvers.stub import ask
from ...system.reload import System
from ...system.servers import SCHEMES, parse_server
from ..commands import load
from ..exits import UsageError, must_be_readable
from .settings import Lookup, Run, Settings

_COOKIE = 8  # bytes of a client cookie (RFC 7873 §4)
_PLAIN = Settings().query_options(RRType.A, None)
_NO_NAMES: Mapping[str, str] = MappingProxyType({})


class Reply(NamedTuple):
    """What became of a question: the outcome, when it came (seconds of the epoch), and who was to be asked.

    ``names`` gives for ``address#port`` the name that the server was given under. ``passed`` are the replies about
    other names of a search list, on the way to this one. ``bad_cookie``: the server wanted a cookie of its own first
    (RFC 7873 §5.3).
    """

    lookup: Lookup
    outcome: Outcome
    when: float
    servers: tuple[Server, ...] = ()
    names: Mapping[str, str] = _NO_NAMES
    passed: tuple[Reply, ...] = ()
    bad_cookie: bool = False


class Servers(NamedTuple):
    """The servers that a question goes to, and the names that they were given under."""

    found: tuple[Server, ...]
    names: dict[str, str]


class Asker:
    """Asks on behalf of one command, with one engine for each configuration. ``close`` it in the end."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.system: Config = System().world().config
        self._engines: dict[Config, Engine | Resolver] = {}
        self._names: dict[str, tuple[Server, ...]] = {}
        self._validator: Any = None

    def close(self) -> None:
        """Close the engines; what is in flight is cancelled."""
        for one in self._engines.values():
            one.close()
        self._engines.clear()

    # -- whom ------------------------------------------------------------------------------------------------

    def servers(self, settings: Settings) -> Servers:
        """UsageError where there is none of the wanted family, or a name that has no address."""
        found: list[Server] = []
        names: dict[str, str] = {}
        if settings.servers:
            for text in settings.servers:
                for server in self._named(text):
                    found.append(server)
                    if text != server.address and not _is_address(text):
                        names[str(server)] = text
        else:
            found = list(self.system.servers)
        if settings.scheme or settings.tls_trust is not None:
            found = [_spoken_to(one, settings, names.get(str(one), "")) for one in found]
        if self.run.port:
            found = [replace(one, port=self.run.port) for one in found]
        if names:
            given = {server_of(key).address: name for key, name in names.items()}
            names = {str(one): given[one.address] for one in found if one.address in given}
        if self.run.family:
            found = [one for one in found if (":" in one.address) == (self.run.family == 6)]
        if not found:
            raise UsageError(f"none of the servers has an IPv{self.run.family} address; leave out -{self.run.family}")
        return Servers(tuple(found), names)

    def _named(self, text: str) -> tuple[Server, ...]:
        if text.startswith("ddr://"):
            if text not in self._names:
                self._names[text] = load("dig.discovery").servers(self.ask_one, text.removeprefix("ddr://"))
            return self._names[text]
        try:
            return (parse_server(text),)
        except ResolverConfigError as error:
            if "#" in text or ":" in text or "/" in text or not text:
                raise UsageError(str(error)) from None
        if text not in self._names:
            resolver = registry.make_resolver("thread", None)
            try:
                found = resolver.getaddrinfo(text, 53, 0, 2)
            except (OSError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                raise UsageError(f"server {text}: {reason or error}") from None
            finally:
                resolver.close()
            self._names[text] = tuple(Server(str(one[4][0])) for one in found)
        return self._names[text]

    def config(self, settings: Settings, servers: Servers) -> Config:
        """resolv.conf's configuration, with what the command line says in its place."""
        changes: dict[str, object] = {"servers": servers.found, "timeout": settings.timeout, "attempts": settings.tries}
        if settings.domain is not None:
            changes["search"] = (settings.domain.rstrip("."),)
        if settings.ndots is not None:
            changes["ndots"] = settings.ndots
        return replace(self.system, **changes)

    def engine(self, settings: Settings, config: Config) -> Engine | Resolver:
        """The engine of this configuration, made when it is first asked for."""
        made = self._engines.get(config)
        if made is None:
            name = self.run.resolver
            if name in registry.RESOLVERS:
                ours = settings.servers or self.run.port or self.run.family
                made = registry.make_resolver(name, config if ours else None)
            else:
                made = registry.make_engine(name, config)
            self._engines[config] = made
        return made

    # -- what ------------------------------------------------------------------------------------------------

    def ask(self, lookup: Lookup) -> Reply:
        """Ask, along the search list where one is wanted; parks the calling greenlet."""
        settings = lookup.settings
        servers = self.servers(settings)
        config = self.config(settings, servers)
        engine = self.engine(settings, config)
        searching = settings.search or settings.showsearch or settings.domain is not None
        names = candidates(lookup.name, config) if searching else [lookup.name.removesuffix(".")]
        passed: list[Reply] = []
        for name in names:
            question = self.question(lookup, name)
            if self.apart(settings):
                outcome = load("dig.plain_messages").ask(question, servers.found, settings, self.run)
                return Reply(lookup, outcome, time.time(), servers.found, servers.names)
            outcome = _outcome(engine, question)
            again = _with_servers_cookie(question, outcome)
            if again is not None:
                outcome = _outcome(engine, again)
            if settings.validate and isinstance(outcome, Answer):
                given = self._given(lookup, outcome.question)
                outcome = self.validator.validated(given, outcome, partial(_outcomes, engine))
            reply = Reply(lookup, outcome, time.time(), servers.found, servers.names, tuple(passed), again is not None)
            if not (isinstance(outcome, Answer) and outcome.rcode == 3):
                break
            passed.append(reply)
        return reply

    def apart(self, settings: Settings) -> bool:
        """Whether such questions cannot go through an engine: signed ones, from one address, with an odd header."""
        odd = settings.opcode or settings.header_only or settings.qid is not None or settings.edns
        return bool(odd or self.run.key is not None or self.run.source is not None)

    def ask_one(self, lookup: Lookup, name: str, server: Server) -> Outcome:
        """Ask this one server, whatever else is configured."""
        settings = lookup.settings
        config = self.config(settings, Servers((server,), {}))
        return _outcome(self.engine(settings, config), self.question(lookup, name, server))

    @property
    def validator(self) -> Any:
        """What validates for this command. UsageError where nobody can be asked for keys; FileError by the anchors."""
        if self._validator is None:
            if self.run.resolver in registry.RESOLVERS:
                raise UsageError("+validate needs --resolver python: libc gives no signatures")
            if self.run.anchors is not None:
                must_be_readable("--anchors", self.run.anchors)
            self._validator = registry.validation().Validator(self.run.anchors)
        return self._validator

    def _given(self, lookup: Lookup, asked: Question) -> Question:
        """The question as it was before +validate wanted signatures of it."""
        assert asked.options is not None
        settings = lookup.settings
        return asked._replace(options=replace(asked.options, dnssec=settings.dnssec, cd=settings.cd))

    def question(self, lookup: Lookup, name: str, server: Server | None = None) -> Question:
        """The question, with all that the settings want of it."""
        settings = lookup.settings
        plain = server is None and not settings.validate
        if self.run.resolver != "python" and plain and settings.query_options(lookup.rdtype, None) == _PLAIN:
            return Question(name, lookup.rdtype, settings.rdclass)  # c-ares itself takes no options
        cookie = settings.cookie
        if cookie == b"" and settings.edns is not None:
            cookie = os.urandom(_COOKIE)
        options = replace(settings.query_options(lookup.rdtype, cookie), server=server)
        asked = Question(name, lookup.rdtype, settings.rdclass, options)
        return self.validator.asked(asked) if settings.validate else asked


def _spoken_to(server: Server, settings: Settings, name: str) -> Server:
    """The server with what the options say of encryption; ``name`` is the one that it was given under."""
    if not settings.scheme:
        return replace(server, trust=settings.tls_trust) if server.scheme in ("tls", "https", "quic") else server
    scheme = settings.scheme
    return replace(
        server,
        scheme=scheme,
        port=SCHEMES[scheme] if server.port == SCHEMES["udp"] else server.port,
        path=(settings.path or "/dns-query") if scheme == "https" else "",
        hostname=settings.tls_hostname or server.hostname or name,
        trust=settings.tls_trust,
    )


def server_of(text: str) -> Server:
    """The server of ``address#port``."""
    address, _, port = text.rpartition("#")
    return Server(address, int(port))


def _is_address(text: str) -> bool:
    try:
        parse_server(text)
    except ResolverConfigError:
        return False
    return True


def _with_servers_cookie(question: Question, outcome: Outcome) -> Question | None:
    """The question to ask again where the server wants its own cookie back (RFC 7873 §5.3); else None."""
    options = question.options
    if not isinstance(outcome, Answer) or outcome.rcode != Rcode.BADCOOKIE or options is None or not options.cookie:
        return None
    for code, data in outcome.edns.options if outcome.edns is not None else ():
        if code == 10 and data[:_COOKIE] == options.cookie[:_COOKIE] and data != options.cookie:
            return question._replace(options=replace(options, cookie=data))
    return None


def _outcome(made: Engine | Resolver, question: Question) -> Outcome:
    try:
        if isinstance(made, Engine):
            return ask(made, (question,))[0]
        return _through_libc(made, question)
    except ResolveError as error:
        return error


def _outcomes(engine: Engine | Resolver, questions: tuple[Question, ...]) -> list[Outcome]:
    return [_outcome(engine, one) for one in questions]


_FAMILIES = {int(RRType.A): 2, int(RRType.AAAA): 10}


def _through_libc(made: Resolver, question: Question) -> Outcome:
    family = _FAMILIES.get(question.rdtype)
    if family is None:
        raise ResolveError(
            Kind.UNSUPPORTED, question.name, detail="libc answers A and AAAA only; use --resolver ares or python"
        )
    try:
        found = made.getaddrinfo(question.name, None, family, 1)
    except OSError as error:
        kind = {-2: Kind.NXDOMAIN, -5: Kind.NODATA}.get(error.errno or 0, Kind.TIMEOUT)
        if kind is Kind.TIMEOUT:
            return ResolveError(kind, question.name, detail=error.strerror or "")
        return Answer(question, 3 if kind is Kind.NXDOMAIN else 0, engine="thread")
    except (ValueError, TypeError) as error:  # UnicodeError of a name without an IDNA form, a NUL
        return ResolveError(Kind.ILLEGAL, question.name, detail=str(error))
    records = tuple(Record(question.name, question.rdtype, 0, str(one[4][0])) for one in found)
    return Answer(question, 0, records, engine="thread")
